/*
 * Whatever is missed, whoever dies: in the end every subscriber's picture is the truth.
 *
 * Announcers at several places say that facts are so, change them and end them; mailboxes are tiny, so
 * that announcements are refused and events missed; announcers, subscribers and the manager itself are
 * ended at any moment, and a supervisor starts them anew.
 *
 *     TH_SEED=7 build/dev/tests/prop/run_fact_test
 */
#include "tests/lib/test_seed.h"
#include "tests/unit/run_hosts.h"

#include "switch/base/rng.h"
#include "switch/run/announcer.h"
#include "switch/run/picture.h"

enum { SO = 1, OVER = 2, CHANGED = 4, NOISE = 8 };

enum { ANNOUNCERS = 4, SUBSCRIBERS = 3, KEYS = 6, CHILDREN = 1 + ANNOUNCERS + SUBSCRIBERS };

/* The value of each key; 0: it is not so. */
struct facts {
    uint64_t value[ANNOUNCERS][KEYS];
};

struct body {
    uint8_t who, key;
    uint64_t value;
};

/* --- announcers: what they say is the truth for as long as they live --- */

struct announcer {
    uint8_t who;
    struct th_rng rng;
    struct facts truth; /* one row of it */
    struct th_announcer announcer;
    th_pid manager;
    uint64_t last;
};

static struct announcer *announcer_of(const void *state)
{
    return *(struct announcer *const *)state;
}

static enum th_err announcer_init(void *state, const struct th_self *self, void *arg)
{
    struct announcer *a = *(struct announcer **)state = arg;
    uint64_t ref;

    a->truth = (struct facts){0};
    a->manager = th_whereis(self->host, self->scope, "manager");
    return th_monitor(self, a->manager, &ref);
}

static struct th_event *make_fact(struct announcer *a, uint8_t key, uint64_t value)
{
    struct body body = {a->who, key, value};
    static const struct th_fact_kind fact = {SO, OVER, .key_len = 2}; /* who and key */
    uint64_t kind = value == 0 ? OVER : a->truth.value[a->who][key] ? CHANGED : SO;

    return th_fact_event_new(kind, &fact, value == 0, &body, sizeof body);
}

/* Says something new of any fact, or makes noise. */
static enum th_err say(struct announcer *a, const struct th_self *self)
{
    uint8_t key = (uint8_t)th_rng_below(&a->rng, KEYS);
    uint64_t value = th_rng_below(&a->rng, 3) ? ++a->last : 0;
    struct th_event *event;

    if (th_rng_below(&a->rng, 4) == 0) {
        event = th_event_new(NOISE, 0, false, NULL, NULL);
        if (event)
            th_notify(self->host, a->manager, event);
        return TH_OK;
    }
    event = make_fact(a, key, value);
    if (event == NULL)
        return TH_NO_MEMORY;
    a->truth.value[a->who][key] = value;
    return th_announce(&a->announcer, self, a->manager, event);
}

static const struct th_msg_kind facts_msg = {"facts", th_mem_free};

static void answer_facts(const struct th_self *self, const struct th_msg *msg,
                         const struct facts *facts)
{
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &facts_msg, .body = th_mem_copy(facts, sizeof *facts)});
}

static enum th_err announcer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct announcer *a = announcer_of(state);
    uint64_t count = msg->kind == &probe_msg ? probe_number_of(msg) : 0;
    enum th_err err = TH_OK;

    while (count-- > 0 && err == TH_OK)
        err = say(a, self);
    if (msg->kind == &facts_msg)
        answer_facts(self, msg, &a->truth);
    return msg->kind == &th_down_msg ? TH_GONE : err;
}

static enum th_err announcer_on_alarm(void *state, const struct th_self *self)
{
    struct announcer *a = announcer_of(state);

    return th_announcer_on_alarm(&a->announcer, self, a->manager);
}

static th_ms announcer_deadline(const void *state)
{
    return th_announcer_deadline(&announcer_of(state)->announcer);
}

static void announcer_terminate(void *state, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    th_announcer_clear(&announcer_of(state)->announcer);
}

static const struct th_server_ops announcer_ops = {
    .name = "announcer",
    .state_size = sizeof(struct announcer *),
    .init = announcer_init,
    .on_msg = announcer_on_msg,
    .on_alarm = announcer_on_alarm,
    .deadline = announcer_deadline,
    .terminate = announcer_terminate,
};

/* --- subscribers: a picture each, of their own making --- */

struct subscriber {
    struct facts facts;
    struct th_picture picture;
    uint64_t last; /* seq */
};

static atomic_uint missed_notes, ends, pictures;

static void apply(struct subscriber *s, const struct th_event *event)
{
    const struct body *body = event->body;

    TH_CHECK(event->seq > s->last);
    s->last = event->seq;
    if (event->kind == NOISE)
        return;
    if (event->is_over && body->value != 0)
        atomic_fetch_add(&ends, 1); /* its announcer ended */
    s->facts.value[body->who][body->key] = event->is_over ? 0 : body->value;
}

static enum th_err take(void *state, const struct th_self *self, const struct th_facts *facts)
{
    struct subscriber *s = state;

    (void)self;
    TH_CHECK(facts->is_whole && facts->seq >= s->last);
    atomic_fetch_add(&pictures, 1);
    s->last = facts->seq;
    s->facts = (struct facts){0};
    for (unsigned i = 0; i < facts->count; i++) {
        const struct body *body = facts->event[i]->body;
        s->facts.value[body->who][body->key] = body->value;
    }
    return TH_OK;
}

static enum th_err subscriber_init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest interest = {.kinds = SO | OVER | CHANGED | NOISE};
    struct subscriber *s = state;

    (void)arg;
    return th_picture_begin(&s->picture, self, th_whereis(self->host, self->scope, "manager"),
                            interest, take);
}

static enum th_err subscriber_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct subscriber *s = state;

    if (msg->kind == &th_event_msg) {
        apply(s, th_event_of(msg));
    } else if (msg->kind == &th_missed_msg) {
        atomic_fetch_add(&missed_notes, 1);
        th_picture_ask(&s->picture, self);
    } else if (msg->kind == &facts_msg) {
        answer_facts(self, msg, &s->facts);
    }
    return msg->kind == &th_down_msg ? TH_GONE : TH_OK;
}

static enum th_err subscriber_on_alarm(void *state, const struct th_self *self)
{
    return th_picture_on_alarm(&((struct subscriber *)state)->picture, self);
}

static th_ms subscriber_deadline(const void *state)
{
    return th_picture_deadline(&((const struct subscriber *)state)->picture);
}

static const struct th_server_ops subscriber_ops = {
    .name = "subscriber",
    .state_size = sizeof(struct subscriber),
    .init = subscriber_init,
    .on_msg = subscriber_on_msg,
    .on_alarm = subscriber_on_alarm,
    .deadline = subscriber_deadline,
};

/* --- all of them, under a supervisor --- */

static const char *const names[CHILDREN] = {"manager",      "announcer 0", "announcer 1",
                                            "announcer 2",  "announcer 3", "subscriber 0",
                                            "subscriber 1", "subscriber 2"};

struct scene {
    struct th_host *host;
    struct th_rng rng;
    struct announcer announcers[ANNOUNCERS];
    struct th_child children[CHILDREN];
    struct th_supervisor_spec spec;
    th_pid supervisor;
};

static void set_scene(struct scene *scene, struct th_host *host, struct th_place *places[3],
                      struct th_rng *rng)
{
    *scene = (struct scene){.host = host};
    th_rng_fork(rng, &scene->rng);
    for (unsigned i = 0; i < CHILDREN; i++) {
        struct th_server_spec *spec = &scene->children[i].spec;
        *spec = (struct th_server_spec){
            .ops = &subscriber_ops, .name = names[i], .place = places[i % 3], .mailbox_max = 4};
        scene->children[i].restart = TH_RESTART_ALWAYS;
        if (i == 0) {
            spec->ops = &th_event_manager_ops;
            spec->mailbox_max = 6;
        } else if (i <= ANNOUNCERS) {
            struct announcer *a = &scene->announcers[i - 1];
            a->who = (uint8_t)(i - 1);
            th_rng_fork(&scene->rng, &a->rng);
            spec->ops = &announcer_ops;
            spec->arg = a;
        }
    }
    scene->spec = (struct th_supervisor_spec){
        .children = scene->children, .count = CHILDREN, .restarts_max = 1000000};
    struct th_server_spec spec = {
        .ops = &th_supervisor_ops, .arg = &scene->spec, .place = places[0]};
    assert_int_equal(th_spawn(host, &spec, &scene->supervisor), TH_OK);
}

/* Something happens to somebody. */
static void act(struct scene *scene)
{
    th_pid pid = th_whereis(scene->host, 0, names[1 + th_rng_below(&scene->rng, ANNOUNCERS)]);

    if (th_rng_below(&scene->rng, 12) == 0) {
        /* The manager seldom. */
        uint64_t who =
            th_rng_below(&scene->rng, 4) ? th_rng_between(&scene->rng, 1, CHILDREN - 1) : 0;
        pid = th_whereis(scene->host, 0, names[who]);
        if (th_rng_below(&scene->rng, 2))
            th_stop(scene->host, pid, TH_SHUTDOWN);
        else
            th_suspend(scene->host, pid, th_rng_between(&scene->rng, 1, 100));
    } else {
        uint64_t count = th_rng_between(&scene->rng, 1, 8);
        th_post(scene->host, pid, probe_number(count));
    }
}

static bool ask_one(struct th_host *host, const char *name, struct facts *facts)
{
    struct th_msg reply;
    enum th_err err = th_call_wait(host, th_whereis(host, 0, name),
                                   (struct th_msg){.kind = &facts_msg}, 30000, &reply);

    if (err != TH_OK)
        return false; /* it has just been started anew, or is full */
    *facts = *(struct facts *)reply.body;
    th_msg_drop(&reply);
    return true;
}

static bool read_truth(struct th_host *host, struct facts *truth)
{
    for (unsigned i = 0; i < ANNOUNCERS; i++) {
        struct facts facts;
        if (!ask_one(host, names[1 + i], &facts))
            return false;
        memcpy(truth->value[i], facts.value[i], sizeof truth->value[i]);
    }
    return true;
}

/* Whether every subscriber's picture is the truth. */
static bool all_know(struct th_host *host)
{
    struct facts truth = {0}, facts;

    if (!read_truth(host, &truth))
        return false;
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        if (!ask_one(host, names[1 + ANNOUNCERS + i], &facts) ||
            memcmp(&facts, &truth, sizeof facts) != 0)
            return false;
    return true;
}

/* B5, B6, D5 */
static void every_picture_is_the_truth_in_the_end_under_every_seed(void **state)
{
    (void)state;
    enum { ACTS = 120 };
    const unsigned rounds =
        __sanitizer_set_death_callback ? 200 : 1000; /* slow, and has no races */
    struct th_rng rng;

    test_seed(&rng);
    for (unsigned round = 0; round < rounds; round++) {
        struct th_host *host;
        struct th_place *places[3];
        struct scene scene;
        assert_int_equal(th_host_sim_new(&host, th_rng_u64(&rng) | 1), TH_OK);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(th_host_sim_place(host, names[i], &places[i]), TH_OK);
        set_scene(&scene, host, places, &rng);
        th_host_sim_run(host, 1);

        for (unsigned i = 0; i < ACTS; i++) {
            act(&scene);
            for (uint64_t steps = th_rng_below(&scene.rng, 12); steps > 0; steps--)
                th_host_sim_once(host);
            if (th_rng_below(&scene.rng, 10) == 0)
                th_host_sim_run(host, th_rng_below(&scene.rng, 100));
        }
        th_host_sim_run(host, 5000);

        if (!all_know(host))
            fail_msg("a picture is wrong in round %u", round);
        th_host_sim_close(host);
    }
    /* Else it shows nothing. */
    assert_true(missed_notes > rounds && ends > rounds && pictures > 4 * rounds);
    th_rng_clear(&rng);
}

/* Lets the servers work: nobody answers. */
static void wait_ms(struct th_host *host, th_pid idle, th_ms ms)
{
    struct th_msg reply;

    assert_int_equal(th_call_wait(host, idle, probe_number(0), ms, &reply), TH_TIMED_OUT);
}

/* B5, B6, D5 */
static void every_picture_is_the_truth_in_the_end_between_threads(void **state)
{
    (void)state;
    enum { ACTS = 4000, TRIES = 3000 };
    struct th_host *host = open_host();
    struct th_place *places[3] = {open_place(host, "one"), open_place(host, "two"),
                                  open_place(host, "three")};
    struct th_msg reply;
    struct scene scene;
    struct probe silent = {0};
    th_pid idle = probe_spawn(host, places[0], NULL, &silent);
    struct th_rng rng;
    unsigned tries = 0;

    test_seed(&rng);
    set_scene(&scene, host, places, &rng);
    th_rng_clear(&rng);
    assert_int_equal(th_call_wait(host, scene.supervisor,
                                  (struct th_msg){.kind = &th_supervisor_ready_msg}, 30000, &reply),
                     TH_OK);
    for (unsigned i = 0; i < ACTS; i++) {
        act(&scene);
        if (i % 4 == 0)
            wait_ms(host, idle, 1);
    }
    while (!all_know(host) && tries++ < TRIES)
        wait_ms(host, idle, 10);

    assert_true(all_know(host));
    th_host_uv_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_picture_is_the_truth_in_the_end_under_every_seed),
        cmocka_unit_test(every_picture_is_the_truth_in_the_end_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

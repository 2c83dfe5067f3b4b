/* Facts: what is so is kept by the event manager, can be asked for, and ends with who said it. */
#include "tests/unit/run_events.h"

#include "switch/base/rng.h"
#include "switch/run/announcer.h"
#include "switch/run/picture.h"

enum { SO = 1, OVER = 2, CHANGED = 4, OTHER = 8 };

static const struct th_fact_kind fact_kind = {SO, OVER, .key_len = 1};
static const struct th_fact_kind lasting_kind = {.kind = SO, .key_len = 1};

/* Of the fact SO: its key and a text. */
struct fact_body {
    char key;
    char text[8];
};

/* An event that says something of the fact SO with this key. */
static struct th_event *fact_event(uint64_t kind, char key, const char *text)
{
    struct fact_body body = {.key = key};
    struct th_event *event;

    snprintf(body.text, sizeof body.text, "%s", text);
    event = th_fact_event_new(kind, &fact_kind, kind == OVER, &body, sizeof body);
    assert_non_null(event);
    return event;
}

static struct th_facts *ask_facts(struct stage *stage, th_pid manager, uint64_t kinds)
{
    struct th_interest interest = {.kinds = kinds};
    struct th_msg reply,
        msg = {.kind = &th_facts_ask_msg, .body = th_mem_copy(&interest, sizeof interest)};

    assert_int_equal(th_call_wait(stage->host, manager, msg, 1000, &reply), TH_OK);
    assert_ptr_equal(reply.kind, &th_facts_msg);
    return reply.body;
}

static void drop_facts(struct th_facts *facts)
{
    struct th_msg msg = {.kind = &th_facts_msg, .body = facts};

    th_msg_drop(&msg);
}

/* Asserts what is so, as "key=text key=text ", and by which event it is the last. */
static void assert_facts(struct stage *stage, th_pid manager, uint64_t kinds, const char *expected,
                         uint64_t seq)
{
    struct th_facts *facts = ask_facts(stage, manager, kinds);
    char text[256] = "";

    for (unsigned i = 0; i < facts->count; i++) {
        const struct th_event *event = facts->event[i];
        const struct fact_body *body = event->body;
        size_t len = strlen(text);
        assert_false(event->is_over);
        snprintf(text + len, sizeof text - len, "%c=%s ", body->key, body->text);
    }
    assert_string_equal(text, expected);
    assert_int_equal(facts->seq, seq);
    assert_true(facts->is_whole);
    drop_facts(facts);
}

/* A server that announces: what is in probe->data, when it gets a number. */
static enum th_err announces(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind != &probe_msg)
        return TH_OK;
    return th_notify(self->host, probe->other, fact_event(SO, 'a', probe->data));
}

static enum th_err notes_facts(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_event_msg) {
        const struct th_event *event = th_event_of(msg);
        probe_note(probe, event->is_over ? '-' : event->kind == CHANGED ? '~' : '+');
        probe_note(probe, ((const struct fact_body *)event->body)->key);
        probe_note(probe, ((const struct fact_body *)event->body)->text[0]);
    }
    return TH_OK;
}

/* --- what is so --- */

/* B5 */
static void what_is_so_can_be_asked_with_the_number_of_the_last_event(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);

    assert_facts(&stage, manager, SO, "", 0);
    assert_int_equal(th_notify(stage.host, manager, fact_event(SO, 'a', "one")), TH_OK);
    assert_int_equal(th_notify(stage.host, manager, fact_event(SO, 'b', "two")), TH_OK);
    notify(&stage, manager, OTHER);
    assert_facts(&stage, manager, SO, "a=one b=two ", 3);
    assert_int_equal(th_notify(stage.host, manager, fact_event(SO, 'a', "three")), TH_OK);
    assert_facts(&stage, manager, SO, "a=three b=two ", 4);
    assert_int_equal(th_notify(stage.host, manager, fact_event(OVER, 'a', "four")), TH_OK);
    assert_facts(&stage, manager, SO | OVER, "b=two ", 5);
    th_host_sim_close(stage.host);
}

static void change_of_a_fact_is_kept_as_the_fact(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);

    assert_int_equal(th_notify(stage.host, manager, fact_event(SO, 'a', "one")), TH_OK);
    assert_int_equal(th_notify(stage.host, manager, fact_event(CHANGED, 'a', "two")), TH_OK);

    assert_facts(&stage, manager, SO, "a=two ", 2);
    assert_facts(&stage, manager, CHANGED | OVER | OTHER, "", 2);
    th_host_sim_close(stage.host);
}

/* --- who said it --- */

/* B6 */
static void facts_of_an_announcer_end_with_it(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct stage stage = stage_open(seed);
        struct th_place *elsewhere;
        assert_int_equal(th_host_sim_place(stage.host, "elsewhere", &elsewhere), TH_OK);
        th_pid manager = spawn_manager(&stage);
        struct probe reader = {.init = subscribes, .on_msg = notes_facts, .other = manager};
        struct probe writer = {.on_msg = announces, .other = manager, .data = "one"};
        stage_spawn(&stage, &reader);
        th_pid pid = probe_spawn(stage.host, seed % 2 ? elsewhere : stage.place, NULL, &writer);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
        assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
        th_host_sim_run(stage.host, 1);
        assert_facts(&stage, manager, SO, "a=one ", 2);
        th_stop(stage.host, pid, TH_OK);
        th_host_sim_run(stage.host, 1);

        assert_string_equal(reader.trace, "+ao+ao-ao");
        assert_facts(&stage, manager, SO, "", 3);
        th_host_sim_close(stage.host);
    }
}

static void fact_that_another_announcer_says_anew_goes_on(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe first = {.on_msg = announces, .other = manager, .data = "one"};
    struct probe second = {.on_msg = announces, .other = manager, .data = "two"};
    th_pid pid = stage_spawn(&stage, &first), successor = stage_spawn(&stage, &second);

    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_post(stage.host, successor, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);
    th_stop(stage.host, pid, TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_facts(&stage, manager, SO, "a=two ", 2);
    th_host_sim_close(stage.host);
}

/* A subscriber: what it was told, and whether it was told to ask. */
static enum th_err notes_facts_and_misses(struct probe *probe, const struct th_self *self,
                                          struct th_msg *msg)
{
    if (msg->kind == &th_missed_msg)
        probe_note(probe, '?');
    return notes_facts(probe, self, msg);
}

/* D5 */
static void who_cannot_be_told_of_an_end_without_memory_is_told_to_ask(void **state)
{
    (void)state;
    unsigned asked = 0;

    for (uint64_t nth = 1; nth <= 8; nth++) {
        struct stage stage = stage_open(0);
        th_pid manager = spawn_manager(&stage);
        struct probe reader = {
            .init = subscribes, .on_msg = notes_facts_and_misses, .other = manager};
        struct probe writer = {.on_msg = announces, .other = manager, .data = "one"};
        stage_spawn(&stage, &reader);
        th_pid pid = stage_spawn(&stage, &writer);
        th_host_sim_run(stage.host, 1);
        assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
        th_host_sim_run(stage.host, 1);

        th_stop(stage.host, pid, TH_OK);
        th_mem_refuse(nth);
        th_host_sim_run(stage.host, 1);
        th_mem_refuse(0);

        assert_true(strcmp(reader.trace, "+ao-ao") == 0 || strcmp(reader.trace, "+ao?") == 0);
        asked += reader.trace[3] == '?';
        assert_facts(&stage, manager, SO, "", 2);
        th_host_sim_close(stage.host);
    }
    assert_int_not_equal(asked, 0);
}

static enum th_err announces_for_good(struct probe *probe, const struct th_self *self,
                                      struct th_msg *msg)
{
    const struct fact_body body = {'a', "one"};

    (void)msg;
    return th_notify(self->host, probe->other,
                     th_fact_event_new(SO, &lasting_kind, false, &body, sizeof body));
}

static void fact_may_outlive_its_announcer(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe writer = {.on_msg = announces_for_good, .other = manager};
    th_pid pid = stage_spawn(&stage, &writer);

    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);
    th_stop(stage.host, pid, TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_facts(&stage, manager, SO, "a=one ", 1);
    th_host_sim_close(stage.host);
}

/* --- how it is kept --- */

/* Every third body has none, one or many runs of zeros, of every length. */
static void fill_body(uint8_t *body, size_t size, struct th_rng *rng)
{
    th_rng_fill(rng, body, size);
    for (uint64_t runs = th_rng_below(rng, 6); runs > 0; runs--) {
        size_t at = (size_t)th_rng_below(rng, size), len = (size_t)th_rng_below(rng, size);
        memset(body + at, 0, len < size - at ? len : size - at);
    }
}

static void body_comes_back_as_it_was_said_whatever_it_is(void **state)
{
    (void)state;
    static const struct th_fact_kind kind = {.kind = SO, .key_len = 4};
    const uint8_t seed[TH_RNG_SEED_BYTES] = {1};
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    uint8_t body[TH_FACT_BODY_MAX];
    struct th_rng rng;
    th_rng_init(&rng, seed);

    for (unsigned i = 0; i < 2000; i++) {
        size_t size = 4 + (size_t)th_rng_below(&rng, TH_FACT_BODY_MAX - 3);
        fill_body(body, size, &rng);
        memcpy(body, "same", 4);
        assert_int_equal(
            th_notify(stage.host, manager,
                      th_fact_event_new(i % 2 ? SO : CHANGED, &kind, false, body, size)),
            TH_OK);

        struct th_facts *facts = ask_facts(&stage, manager, SO);
        assert_int_equal(facts->count, 1);
        assert_int_equal(facts->event[0]->kind, i % 2 ? SO : CHANGED);
        assert_memory_equal(facts->event[0]->body, body, size);
        drop_facts(facts);
    }
    th_host_sim_close(stage.host);
}

static enum th_err announces_other_of_the_same_key(struct probe *probe, const struct th_self *self,
                                                   struct th_msg *msg)
{
    static const struct th_fact_kind other_kind = {OTHER, CHANGED, .key_len = 1};
    const struct fact_body body = {'a', "two"};

    (void)msg;
    return th_notify(self->host, probe->other,
                     th_fact_event_new(OTHER, &other_kind, false, &body, sizeof body));
}

static void facts_of_one_key_end_each_with_its_own_announcer(void **state)
{
    (void)state;
    for (unsigned first_to_end = 0; first_to_end < 2; first_to_end++) {
        struct stage stage = stage_open(first_to_end);
        th_pid manager = spawn_manager(&stage);
        struct probe one = {.on_msg = announces, .other = manager, .data = "one"};
        struct probe two = {.on_msg = announces_other_of_the_same_key, .other = manager};
        th_pid pids[] = {stage_spawn(&stage, &one), stage_spawn(&stage, &two)};
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(th_post(stage.host, pids[i], probe_number(0)), TH_OK);
            th_host_sim_run(stage.host, 1);
        }
        assert_facts(&stage, manager, SO | OTHER, "a=one a=two ", 2);

        th_stop(stage.host, pids[first_to_end], TH_OK);
        th_host_sim_run(stage.host, 1);
        assert_facts(&stage, manager, SO | OTHER, first_to_end ? "a=one " : "a=two ", 3);
        th_stop(stage.host, pids[1 - first_to_end], TH_OK);
        th_host_sim_run(stage.host, 1);
        assert_facts(&stage, manager, SO | OTHER, "", 4);
        th_host_sim_close(stage.host);
    }
}

/* --- limits --- */

static enum th_err announces_many(struct probe *probe, const struct th_self *self,
                                  struct th_msg *msg)
{
    static const struct th_fact_kind numbered = {SO, OVER, .key_len = sizeof(uint32_t)};

    for (uint32_t i = 0; i < probe_number_of(msg); i++) {
        struct th_event *event = th_fact_event_new(SO, &numbered, false, &i, sizeof i);
        if (event == NULL || th_notify(self->host, probe->other, event) != TH_OK)
            return TH_NO_MEMORY;
    }
    return TH_OK;
}

static void facts_over_the_limit_are_counted_and_the_answer_says_so(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe writer = {.on_msg = announces_many, .other = manager};
    th_pid pid = stage_spawn(&stage, &writer);
    struct th_facts *facts;

    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK); /* it is known then */
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_post(stage.host, pid, probe_number(TH_FACTS_MAX + 3)), TH_OK);
    th_host_sim_run(stage.host, 1);
    facts = ask_facts(&stage, manager, SO);
    assert_int_equal(facts->count, TH_FACTS_MAX);
    assert_int_equal(facts->left_out, 3);
    assert_false(facts->is_whole);
    drop_facts(facts);

    th_stop(stage.host, pid, TH_OK);
    th_host_sim_run(stage.host, 1);
    facts = ask_facts(&stage, manager, SO);
    assert_int_equal(facts->count, 0);
    assert_true(facts->is_whole);
    drop_facts(facts);
    th_host_sim_close(stage.host);
}

static void without_memory_an_answer_is_whole_or_says_that_it_is_not(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 16; nth++) {
        struct stage stage = stage_open(0);
        th_pid manager = spawn_manager(&stage);
        struct probe writer = {.on_msg = announces, .other = manager, .data = "one"};
        th_pid pid = stage_spawn(&stage, &writer);
        th_host_sim_run(stage.host, 1);
        assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);

        th_mem_refuse(nth + 2); /* not those of the event itself: the test's own */
        th_host_sim_run(stage.host, 1);
        th_mem_refuse(0);

        struct th_facts *facts = ask_facts(&stage, manager, SO);
        assert_true(facts->count == 1 || !facts->is_whole || !stage_is_alive(&stage, pid));
        drop_facts(facts);
        th_host_sim_close(stage.host);
    }
}

/* --- a manager that is full --- */

struct writer {
    struct probe probe;
    struct th_announcer announcer;
};

/* Announces the fact of the number's letter; a capital one is over. */
static enum th_err announces_surely(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    struct writer *writer = probe->data;
    uint64_t n = probe_number_of(msg);
    bool is_over = n >= 'A' && n <= 'Z';
    struct th_event *event = fact_event(is_over ? OVER : SO, (char)(is_over ? n + 32 : n), "x");
    enum th_err err = th_announce(&writer->announcer, self, probe->other, event);

    probe->alarm_at = th_announcer_deadline(&writer->announcer);
    return err;
}

static enum th_err tries_again(struct probe *probe, const struct th_self *self)
{
    struct writer *writer = probe->data;
    enum th_err err = th_announcer_on_alarm(&writer->announcer, self, probe->other);

    probe->alarm_at = th_announcer_deadline(&writer->announcer);
    return err;
}

static void forgets(struct probe *probe, const struct th_self *self, enum th_err why)
{
    struct writer *writer = probe->data;

    (void)self, (void)why;
    th_announcer_clear(&writer->announcer);
}

static th_pid spawn_small_manager(struct stage *stage)
{
    struct th_server_spec spec = {
        .ops = &th_event_manager_ops, .name = "events", .place = stage->place, .mailbox_max = 2};
    th_pid pid;

    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    return pid;
}

static void say(struct stage *stage, th_pid pid, const char *letters)
{
    for (; *letters; letters++)
        assert_int_equal(th_post(stage->host, pid, probe_number((uint64_t)*letters)), TH_OK);
}

/* C7 */
static void facts_that_find_the_manager_full_are_told_later_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct stage stage = stage_open(seed);
        struct th_place *elsewhere;
        assert_int_equal(th_host_sim_place(stage.host, "elsewhere", &elsewhere), TH_OK);
        th_pid manager = spawn_small_manager(&stage);
        struct probe reader = {.init = subscribes, .on_msg = notes_facts, .other = manager};
        struct writer writer = {.probe = {.on_msg = announces_surely,
                                          .on_alarm = tries_again,
                                          .terminate = forgets,
                                          .other = manager,
                                          .data = &writer}};
        stage_spawn(&stage, &reader);
        th_host_sim_run(stage.host, 1);
        th_pid pid =
            probe_spawn(stage.host, seed % 2 ? elsewhere : stage.place, NULL, &writer.probe);

        assert_int_equal(th_suspend(stage.host, manager, 1000), TH_OK);
        say(&stage, pid, "abcdAefb");
        th_host_sim_run(stage.host, 500);
        assert_int_equal(writer.announcer.count, 6); /* a and b wait with the manager */
        th_host_sim_run(stage.host, 1500);

        /* What was said of a fact last: e, then f, then b once more. */
        assert_string_equal(reader.trace, "+ax+bx+cx+dx-ax+ex+fx+bx");
        assert_facts(&stage, manager, SO, "b=x c=x d=x e=x f=x ", 8);
        assert_int_equal(writer.announcer.count, 0);
        th_host_sim_close(stage.host);
    }
}

static void of_a_fact_that_waits_only_what_is_said_last_is_told(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_small_manager(&stage);
    struct probe reader = {.init = subscribes, .on_msg = notes_facts, .other = manager};
    struct writer writer = {.probe = {.on_msg = announces_surely,
                                      .on_alarm = tries_again,
                                      .terminate = forgets,
                                      .other = manager,
                                      .data = &writer}};
    stage_spawn(&stage, &reader);
    th_pid pid = stage_spawn(&stage, &writer.probe);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_suspend(stage.host, manager, 1000), TH_OK);
    say(&stage, pid, "abcCcCdCc");
    th_host_sim_run(stage.host, 500);
    assert_int_equal(writer.announcer.count, 2);
    th_host_sim_run(stage.host, 1500);

    assert_string_equal(reader.trace, "+ax+bx+dx+cx");
    th_host_sim_close(stage.host);
}

static void announcer_is_told_when_the_manager_is_gone(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_small_manager(&stage);
    struct writer writer = {.probe = {.on_msg = announces_surely,
                                      .on_alarm = tries_again,
                                      .terminate = forgets,
                                      .other = manager,
                                      .data = &writer}};
    th_pid pid = stage_spawn(&stage, &writer.probe);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_suspend(stage.host, manager, 1000), TH_OK);
    say(&stage, pid, "abcd");
    th_host_sim_run(stage.host, 10);
    th_stop(stage.host, manager, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 100);

    assert_int_equal(writer.probe.ended_why, TH_GONE);
    assert_int_equal(writer.announcer.count, 0);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_so_can_be_asked_with_the_number_of_the_last_event),
        cmocka_unit_test(change_of_a_fact_is_kept_as_the_fact),
        cmocka_unit_test(facts_of_an_announcer_end_with_it),
        cmocka_unit_test(fact_that_another_announcer_says_anew_goes_on),
        cmocka_unit_test(who_cannot_be_told_of_an_end_without_memory_is_told_to_ask),
        cmocka_unit_test(fact_may_outlive_its_announcer),
        cmocka_unit_test(body_comes_back_as_it_was_said_whatever_it_is),
        cmocka_unit_test(facts_of_one_key_end_each_with_its_own_announcer),
        cmocka_unit_test(facts_over_the_limit_are_counted_and_the_answer_says_so),
        cmocka_unit_test(without_memory_an_answer_is_whole_or_says_that_it_is_not),
        cmocka_unit_test(facts_that_find_the_manager_full_are_told_later_in_order),
        cmocka_unit_test(of_a_fact_that_waits_only_what_is_said_last_is_told),
        cmocka_unit_test(announcer_is_told_when_the_manager_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

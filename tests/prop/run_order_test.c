/*
 * All who read one manager's events see one order, and nothing is missing but what they were told of:
 * a stream by "lagged n" in its place, another subscriber by "you missed n" before the next event.
 *
 *     TH_SEED=7 build/dev/tests/prop/run_order_test
 */
#include "tests/lib/test_seed.h"
#include "tests/unit/run_hosts.h"

#include "switch/run/stream.h"

#include <sched.h>

static const struct th_interest all = {.kinds = UINT64_MAX, .topics = UINT64_MAX};

/* --- what a reader saw --- */

struct seen {
    uint64_t last; /* seq */
    uint64_t events;
    uint64_t missing; /* between those */
    uint64_t told;    /* to be missing */
    unsigned gaps_untold;
    unsigned out_of_order;
};

static void see(struct seen *seen, uint64_t seq)
{
    if (seq <= seen->last)
        seen->out_of_order++;
    seen->missing += seq - seen->last - 1;
    seen->last = seq;
    seen->events++;
    if (seen->missing > seen->told)
        seen->gaps_untold++;
}

/* Of a stream: the gap is exactly where it was told. */
static void see_item(struct seen *seen, const struct th_event_stream_item *item)
{
    if (item->event == NULL) {
        seen->told += item->lagged;
        return;
    }
    see(seen, item->event->seq);
    if (seen->missing != seen->told)
        seen->gaps_untold++;
    th_event_release(item->event);
}

static void assert_whole(const struct seen *seen, uint64_t announced)
{
    assert_int_equal(seen->out_of_order, 0);
    assert_int_equal(seen->gaps_untold, 0);
    assert_int_equal(seen->events + seen->told, announced);
}

/* --- readers and writers as servers --- */

struct reader {
    struct probe probe; /* other: the manager; data: this */
    struct th_event_stream *stream;
    struct seen seen;
};

static enum th_err subscribes(struct probe *probe, const struct th_self *self)
{
    return th_subscribe(self, probe->other, all, NULL, NULL);
}

static enum th_err sees(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct reader *reader = probe->data;

    (void)self;
    if (msg->kind == &th_missed_msg)
        reader->seen.told += ((const struct th_missed *)msg->body)->events;
    if (msg->kind == &th_event_msg)
        see(&reader->seen, th_event_of(msg)->seq);
    return probe_answers(probe, self, msg);
}

static enum th_err opens(struct probe *probe, const struct th_self *self)
{
    struct reader *reader = probe->data;

    return th_event_stream_open_here(self, probe->other, all, 8, NULL, NULL, &reader->stream);
}

static enum th_err takes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct reader *reader = probe->data;
    struct th_event_stream_item item;

    if (msg->kind == &th_event_stream_msg)
        while (th_event_stream_take(reader->stream, &item) == TH_OK)
            see_item(&reader->seen, &item);
    return probe_answers(probe, self, msg);
}

static void frees(struct probe *probe, const struct th_self *self, enum th_err why)
{
    struct reader *reader = probe->data;

    (void)self, (void)why;
    th_event_stream_free(reader->stream);
}

static th_pid spawn_reader(struct th_host *host, struct th_place *place, th_pid manager,
                           struct reader *reader, bool has_stream)
{
    struct th_server_spec spec = probe_spec(place, NULL, &reader->probe);
    th_pid pid;

    reader->probe = (struct probe){.init = subscribes, .on_msg = sees};
    if (has_stream)
        reader->probe = (struct probe){.init = opens, .on_msg = takes, .terminate = frees};
    reader->probe.other = manager;
    reader->probe.data = reader;
    spec.mailbox_max = 6;
    assert_int_equal(th_spawn(host, &spec, &pid), TH_OK);
    return pid;
}

/* on_msg: announces so many state events, then answers. data: how many were announced, of all. */
static enum th_err announces(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    uint64_t count = msg->kind == &probe_msg ? probe_number_of(msg) : 0;

    for (uint64_t i = 0; i < count; i++) {
        struct th_event *event = th_event_new(1, 0, true, NULL, NULL);
        if (event && th_notify(self->host, probe->other, event) == TH_OK)
            atomic_fetch_add((atomic_uint *)probe->data, 1);
    }
    return probe_answers(probe, self, msg);
}

static th_pid spawn_manager(struct th_host *host, struct th_place *place)
{
    struct th_server_spec spec = {.ops = &th_event_manager_ops, .name = "events", .place = place};
    th_pid pid;

    assert_int_equal(th_spawn(host, &spec, &pid), TH_OK);
    return pid;
}

/* --- every order that a seed can make --- */

struct scene {
    struct th_host *host;
    struct th_place *here, *elsewhere;
    th_pid manager;
    struct reader readers[3]; /* the last has a stream */
    th_pid reader_pids[3];
    struct probe writers[2];
    struct th_event_stream *streams[2];
    struct seen seen[2];
    atomic_uint announced;
};

static void set_scene(struct scene *scene, uint64_t seed)
{
    *scene = (struct scene){0};
    assert_int_equal(th_host_sim_new(&scene->host, seed), TH_OK);
    assert_int_equal(th_host_sim_place(scene->host, "here", &scene->here), TH_OK);
    assert_int_equal(th_host_sim_place(scene->host, "elsewhere", &scene->elsewhere), TH_OK);
    scene->manager = spawn_manager(scene->host, scene->here);
    for (int i = 0; i < 3; i++)
        scene->reader_pids[i] =
            spawn_reader(scene->host, scene->here, scene->manager, &scene->readers[i], i == 2);
    for (unsigned i = 0; i < 2; i++) {
        scene->writers[i] =
            (struct probe){.on_msg = announces, .other = scene->manager, .data = &scene->announced};
        scene->writers[i].pid =
            probe_spawn(scene->host, i ? scene->elsewhere : scene->here, NULL, &scene->writers[i]);
        assert_int_equal(
            th_event_stream_open(scene->host, scene->manager, all, 1 + 7 * i, &scene->streams[i]),
            TH_OK);
    }
    th_host_sim_run(scene->host, 1);
}

static void take_some(struct scene *scene, unsigned i, uint64_t count)
{
    struct th_event_stream_item item;

    while (count-- > 0 && th_event_stream_take(scene->streams[i], &item) == TH_OK)
        see_item(&scene->seen[i], &item);
}

/* Something happens to somebody. */
static void act(struct scene *scene, struct th_rng *rng)
{
    uint64_t who = th_rng_below(rng, 3);
    uint64_t n = th_rng_between(rng, 1, 5);

    switch (th_rng_below(rng, 4)) {
    case 0:
        assert_int_equal(th_post(scene->host, scene->writers[who % 2].pid, probe_number(n)), TH_OK);
        break;
    case 1:
        take_some(scene, who % 2, n);
        break;
    case 2:
        assert_int_equal(th_suspend(scene->host, scene->reader_pids[who], n), TH_OK);
        break;
    default:
        for (uint64_t i = 0; i < 3 * n; i++)
            th_host_sim_once(scene->host);
        if (n == 5)
            th_host_sim_run(scene->host, 2);
    }
}

/* B5, C7 */
static void order_is_one_and_gaps_are_told_under_every_seed(void **state)
{
    (void)state;
    struct th_rng rng;
    uint64_t told = 0;
    test_seed(&rng);
    for (unsigned round = 0; round < count_seeds(); round++) {
        struct scene scene;
        set_scene(&scene, th_rng_u64(&rng) | 1);

        for (unsigned i = 0; i < 150; i++)
            act(&scene, &rng);
        th_host_sim_run(scene.host, 100);

        for (unsigned i = 0; i < 2; i++) {
            take_some(&scene, i, UINT64_MAX);
            assert_whole(&scene.seen[i], scene.announced);
            told += scene.seen[i].told;
            th_event_stream_free(scene.streams[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            assert_whole(&scene.readers[i].seen, scene.announced);
            told += scene.readers[i].seen.told;
        }
        th_host_sim_close(scene.host);
    }
    assert_true(told > 1000); /* else nobody lagged, and this shows nothing */
    th_rng_clear(&rng);
}

/* --- threads --- */

struct watcher {
    pthread_t thread;
    struct th_event_stream *stream;
    struct seen seen;
    enum th_err why;
};

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    struct th_event_stream_item item;

    while ((watcher->why = th_event_stream_take_wait(watcher->stream, 60000, &item)) == TH_OK)
        see_item(&watcher->seen, &item);
    return NULL;
}

/* Waits until a server has handled what came before; a small mailbox may have no room yet. */
static void wait_for(struct th_host *host, th_pid pid, struct th_msg msg)
{
    uint64_t number = msg.body ? probe_number_of(&msg) : 0;
    struct th_msg reply;
    enum th_err err = th_call_wait(host, pid, msg, 30000, &reply);

    while (err == TH_FULL) {
        sched_yield();
        err = th_call_wait(host, pid, probe_number(number), 30000, &reply);
    }
    assert_int_equal(err, TH_OK);
    th_msg_drop(&reply);
}

enum { WATCHERS = 3, WRITERS = 2, ROUNDS = 40, BURST = 50 };

/* B5, C7, E4 */
static void order_is_one_and_gaps_are_told_between_threads(void **state)
{
    (void)state;
    struct th_host *host = open_host();
    struct th_place *places[3] = {open_place(host, "events"), open_place(host, "write"),
                                  open_place(host, "read")};
    static const unsigned rooms[WATCHERS] = {1, 16, 4096};
    th_pid manager = spawn_manager(host, places[0]);
    struct reader readers[2] = {0};
    struct probe writers[WRITERS];
    th_pid pids[WRITERS], reader_pids[2];
    struct watcher watchers[WATCHERS] = {0};
    atomic_uint announced = 0;
    for (int i = 0; i < 2; i++) {
        reader_pids[i] = spawn_reader(host, places[2], manager, &readers[i], i == 1);
        ask(host, reader_pids[i], 1);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct probe){.on_msg = announces, .other = manager, .data = &announced};
        pids[i] = probe_spawn(host, places[i], NULL, &writers[i]); /* one beside the manager */
    }
    for (int i = 0; i < WATCHERS; i++) {
        struct watcher *watcher = &watchers[i];
        assert_int_equal(th_event_stream_open(host, manager, all, rooms[i], &watcher->stream),
                         TH_OK);
        assert_int_equal(pthread_create(&watcher->thread, NULL, watch, watcher), 0);
    }

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < WRITERS; i++)
            assert_int_equal(th_post(host, pids[i], probe_number(BURST)), TH_OK);
    for (int i = 0; i < WRITERS; i++)
        ask(host, pids[i], 0);
    wait_for(host, manager, (struct th_msg){.kind = &th_event_list_msg});
    for (int i = 0; i < 2; i++)
        wait_for(host, reader_pids[i], probe_number(0));
    th_stop(host, manager, TH_SHUTDOWN);
    for (int i = 0; i < WATCHERS; i++)
        pthread_join(watchers[i].thread, NULL);
    th_host_uv_close(host);

    for (int i = 0; i < WATCHERS; i++) {
        assert_int_equal(watchers[i].why, TH_GONE);
        assert_whole(&watchers[i].seen, announced);
        th_event_stream_free(watchers[i].stream);
    }
    for (int i = 0; i < 2; i++)
        assert_whole(&readers[i].seen, announced);
    assert_int_equal(watchers[2].seen.told, 0); /* that one has room for all */
    assert_int_equal(announced, WRITERS * ROUNDS * BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_one_and_gaps_are_told_under_every_seed),
        cmocka_unit_test(order_is_one_and_gaps_are_told_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

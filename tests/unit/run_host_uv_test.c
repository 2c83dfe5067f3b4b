/* The host with threads: messages, time, servers that hang, closing. */
#include "tests/unit/run_threads.h"

#include "switch/run/host_core.h"

#include <semaphore.h>

/* C5 */
static void call_from_a_plain_thread_is_answered(void **state)
{
    (void)state;
    struct probe probe = {.on_msg = probe_answers};
    struct th_host *host = open_host();
    th_pid pid = probe_spawn(host, open_place(host, "one"), "probe", &probe);

    assert_int_equal(ask(host, pid, 41), 42);

    th_host_uv_close(host);
    assert_int_equal(probe.terminates, 1);
    assert_int_equal(probe.ended_why, TH_SHUTDOWN);
}

static enum th_err waits_in_a_call(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    struct th_msg reply;

    probe->why = th_call_wait(self->host, self->pid, probe_number(1), 1000, &reply);
    return probe_answers(probe, self, msg);
}

/* C5 */
static void blocking_call_on_a_servers_thread_is_refused(void **state)
{
    (void)state;
    struct probe probe = {.on_msg = waits_in_a_call};
    struct th_host *host = open_host();
    th_pid pid = probe_spawn(host, open_place(host, "one"), NULL, &probe);

    assert_int_equal(ask(host, pid, 1), 2);

    th_host_uv_close(host);
    assert_int_equal(probe.why, TH_WOULD_DEADLOCK);
}

/* --- many servers at many places --- */

enum { RING = 6, LAPS = 2000 };

/* on_msg: passes a number on around the ring, one less each time; who gets 0 answers the first. */
struct lap {
    struct th_from asker;
    uint64_t left;
};

static const struct th_msg_kind lap_msg = {"test.lap", th_mem_free};

static enum th_err passes_on(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct lap *lap = msg->body;

    if (msg->kind == &probe_msg) {
        struct lap first = {.asker = th_from_of(msg), .left = probe_number_of(msg)};
        return th_post(
            self->host, probe->other,
            (struct th_msg){.kind = &lap_msg, .body = th_mem_copy(&first, sizeof first)});
    }
    if (lap->left-- == 0) {
        th_reply(self->host, lap->asker, probe_number(0));
        return TH_OK;
    }
    msg->body = NULL;
    return th_post(self->host, probe->other, (struct th_msg){.kind = &lap_msg, .body = lap});
}

static void run_ring(unsigned place_count)
{
    struct th_host *host = open_host();
    struct th_place *places[RING];
    struct probe ring[RING] = {0};
    th_pid pids[RING];
    for (unsigned i = 0; i < place_count; i++)
        places[i] = open_place(host, "place");
    for (unsigned i = 0; i < RING; i++) {
        ring[i].on_msg = passes_on;
        ring[i].other = i ? pids[i - 1] : 0;
        pids[i] = probe_spawn(host, places[i % place_count], NULL, &ring[i]);
    }
    ring[0].other = pids[RING - 1]; /* before its first message */

    assert_int_equal(ask(host, pids[RING - 1], LAPS), 0);

    th_host_uv_close(host);
    unsigned msgs = 0;
    for (unsigned i = 0; i < RING; i++)
        msgs += ring[i].msgs;
    assert_int_equal(msgs, LAPS + 2);
}

static void servers_at_several_places_pass_messages(void **state)
{
    (void)state;
    run_ring(3);
}

/* E5 */
static void servers_at_one_place_take_turns(void **state)
{
    (void)state;
    run_ring(1);
}

static void hosts_can_be_opened_and_closed_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        struct probe probes[4] = {0};
        struct th_host *host = open_host();
        struct th_place *one = open_place(host, "one"), *two = open_place(host, "two");
        for (int n = 0; n < 4; n++)
            probe_spawn(host, n % 2 ? one : two, NULL, &probes[n]);
        th_host_uv_close(host);
        for (int n = 0; n < 4; n++)
            assert_int_equal(probes[n].inits, probes[n].terminates);
    }
}

/* --- time --- */

static enum th_err sets_alarm(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    *(struct th_from *)probe->data = th_from_of(msg);
    probe->alarm_at = self->now.mono + probe_number_of(msg);
    probe->ref = probe->alarm_at;
    return TH_OK;
}

static enum th_err answers_late(struct probe *probe, const struct th_self *self)
{
    th_reply(self->host, *(struct th_from *)probe->data, probe_number(self->now.mono - probe->ref));
    return TH_OK;
}

static void alarm_comes_and_not_too_early(void **state)
{
    (void)state;
    struct th_from from;
    struct probe probe = {.on_msg = sets_alarm, .on_alarm = answers_late, .data = &from};
    struct th_host *host = open_host();
    th_pid pid = probe_spawn(host, open_place(host, "one"), NULL, &probe);

    for (uint64_t ms = 0; ms < 10; ms++)
        assert_in_range(ask(host, pid, ms), 0, 30000); /* late by, which is not below 0 */

    th_host_uv_close(host);
    assert_int_equal(probe.alarms, 10);
}

static enum th_err stays_silent(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self, (void)msg;
    return TH_OK;
}

static enum th_err on_time_out(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    (void)state, (void)reply;
    th_reply(self->host, *(struct th_from *)ctx, probe_number(why));
    return TH_OK;
}

static enum th_err calls_for_10_ms(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    *(struct th_from *)probe->data = th_from_of(msg);
    return th_call(self, probe->other, probe_number(1), 10, on_time_out, probe->data, NULL);
}

/* C4 */
static void calls_time_out(void **state)
{
    (void)state;
    struct th_from from;
    struct probe silent = {.on_msg = stays_silent};
    struct probe caller = {.on_msg = calls_for_10_ms, .data = &from};
    struct th_host *host = open_host();
    struct th_msg reply;
    caller.other = probe_spawn(host, open_place(host, "one"), NULL, &silent);
    th_pid pid = probe_spawn(host, open_place(host, "two"), NULL, &caller);

    assert_int_equal(ask(host, pid, 1), TH_TIMED_OUT);
    assert_int_equal(th_call_wait(host, caller.other, probe_number(1), 10, &reply), TH_TIMED_OUT);

    th_host_uv_close(host);
}

/* --- a server that hangs --- */

struct lock_step {
    sem_t is_in;  /* the callback has begun */
    sem_t may_go; /* the test lets it go on */
};

static void open_lock_step(struct lock_step *step)
{
    assert_int_equal(sem_init(&step->is_in, 0, 0), 0);
    assert_int_equal(sem_init(&step->may_go, 0, 0), 0);
}

static void close_lock_step(struct lock_step *step)
{
    sem_destroy(&step->is_in);
    sem_destroy(&step->may_go);
}

static enum th_err hangs(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct lock_step *step = probe->data;

    (void)self, (void)msg;
    sem_post(&step->is_in);
    while (sem_wait(&step->may_go) != 0)
        continue;
    return TH_OK;
}

/* E1, E2, E3, A8, A10 */
static void everything_asked_of_a_server_that_hangs_returns_at_once(void **state)
{
    (void)state;
    struct lock_step step;
    open_lock_step(&step);
    struct probe stuck = {.on_msg = hangs, .data = &step}, other = {.on_msg = probe_answers};
    struct th_host *host = open_host();
    th_pid pid = probe_spawn(host, open_place(host, "one"), "stuck", &stuck);
    th_pid other_pid = probe_spawn(host, open_place(host, "two"), NULL, &other);
    assert_int_equal(th_post(host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(host, pid, probe_number(2)), TH_OK);
    sem_wait(&step.is_in);

    assert_int_equal(th_post(host, pid, probe_number(3)), TH_OK);
    assert_int_equal(th_suspend(host, pid, 1), TH_OK);
    assert_int_equal(th_whereis(host, 0, "stuck"), pid);
    struct th_server_look rows[2];
    uint64_t begun_us = th_host_now_us(host);
    while (th_host_now_us(host) <= begun_us)
        continue;
    assert_int_equal(th_host_look(host, rows, 2), 2);
    assert_int_equal(rows[0].pid, pid);
    assert_int_equal(rows[0].state, TH_SERVER_RUNNING);
    assert_string_equal(rows[0].doing, probe_msg.name);
    assert_true(rows[0].doing_us > 0);
    assert_int_equal(rows[0].mailbox, 2);
    assert_int_equal(ask(host, other_pid, 1), 2);
    th_stop(host, pid, TH_OK);

    sem_post(&step.may_go);
    th_host_uv_close(host);
    assert_int_equal(stuck.msgs, 1); /* no callback began after the stop */
    assert_int_equal(stuck.terminates, 1);
    close_lock_step(&step);
}

static enum th_err takes_lock(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    pthread_mutex_t *lock = probe->data;

    (void)self, (void)msg;
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return TH_OK;
}

/* E4 */
static void server_can_be_stopped_by_who_holds_a_lock_that_its_callback_takes(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    for (int i = 0; i < 20; i++) {
        struct probe probe = {.on_msg = takes_lock, .data = &lock};
        struct th_host *host = open_host();
        th_pid pid = probe_spawn(host, open_place(host, "one"), NULL, &probe);

        pthread_mutex_lock(&lock);
        assert_int_equal(th_post(host, pid, probe_number(1)), TH_OK);
        th_stop(host, pid, TH_OK);
        pthread_mutex_unlock(&lock);

        th_host_uv_close(host);
        assert_int_equal(probe.inits, probe.terminates);
    }
}

struct watch {
    struct lock_step step;
    unsigned lines;
    char text[TH_LOG_LINE_MAX];
};

static void lets_go_when_named(void *data, enum th_log_level level, const char *topic,
                               const char *text)
{
    struct watch *watch = data;

    /* A machine that is busy makes any other callback, or the start of one, take as long. */
    if (level != TH_LOG_WARN || strcmp(topic, "watchdog") != 0 ||
        strstr(text, "doing=probe.number") == NULL)
        return;
    watch->lines++;
    snprintf(watch->text, sizeof watch->text, "%s", text);
    sem_post(&watch->step.may_go);
}

/* A10 */
static void watchdog_names_a_callback_while_it_runs(void **state)
{
    (void)state;
    struct watch watch = {0};
    open_lock_step(&watch.step);
    struct th_log log = {.level = TH_LOG_WARN, .write = lets_go_when_named, .data = &watch};
    struct probe probe = {.on_msg = hangs, .data = &watch.step};
    struct th_host *host = open_host();
    th_host_set_watchdog(host, 20, &log);
    th_pid pid = probe_spawn(host, open_place(host, "one"), "router", &probe);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(th_post(host, pid, probe_number(1)), TH_OK);
        sem_wait(&watch.step.is_in); /* and nobody but the watchdog lets it go */
    }

    th_host_uv_close(host);
    assert_int_equal(watch.lines, 2);
    assert_non_null(strstr(watch.text, "server=router doing=probe.number"));
    assert_non_null(strstr(watch.text, "place=one"));
    close_lock_step(&watch.step);
}

static void tells_its_end(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    sem_post(probe->data);
}

static void close_leaves_behind_who_hangs_and_frees_when_he_comes_back(void **state)
{
    (void)state;
    static struct lock_step step;
    open_lock_step(&step);
    static sem_t has_ended;
    assert_int_equal(sem_init(&has_ended, 0, 0), 0);
    static struct probe stuck, other;
    stuck = (struct probe){.on_msg = hangs, .data = &step};
    other = (struct probe){.on_msg = probe_answers, .terminate = tells_its_end, .data = &has_ended};
    struct th_host *host = open_host();
    th_pid pid = probe_spawn(host, open_place(host, "one"), NULL, &stuck);
    th_pid other_pid = probe_spawn(host, open_place(host, "two"), NULL, &other);
    assert_int_equal(ask(host, other_pid, 1), 2);
    assert_int_equal(th_post(host, pid, probe_number(1)), TH_OK);
    sem_wait(&step.is_in);

    th_run_host_uv_close(host, 100);

    while (sem_wait(&has_ended) != 0) /* on a slow machine it may be left behind as well */
        continue;
    assert_int_equal(stuck.terminates, 0);
    sem_post(&step.may_go); /* its thread frees the host now, which the sanitizer would miss */
}

/* --- closing --- */

static void notes_end(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    probe_note(probe->data, self->name[0]);
}

/* D5 */
static void close_stops_children_in_reverse_order_across_places(void **state)
{
    (void)state;
    struct th_host *host = open_host();
    struct th_place *places[3] = {open_place(host, "1"), open_place(host, "2"),
                                  open_place(host, "3")};
    const char *const names[4] = {"a", "b", "c", "d"};
    struct probe story = {0}, kids[4] = {0};
    struct th_child children[4] = {0};
    for (int i = 0; i < 4; i++) {
        kids[i] = (struct probe){.terminate = notes_end, .data = &story};
        children[i].spec = probe_spec(places[i % 3], names[i], &kids[i]);
    }
    struct th_supervisor_spec arg = {.children = children, .count = 4};
    struct th_server_spec spec = {.ops = &th_supervisor_ops, .arg = &arg, .place = places[2]};
    th_pid pid;
    struct th_msg reply, ready = {.kind = &th_supervisor_ready_msg};
    assert_int_equal(th_spawn(host, &spec, &pid), TH_OK);
    assert_int_equal(th_call_wait(host, pid, ready, 30000, &reply), TH_OK);

    th_host_uv_close(host);

    assert_string_equal(story.trace, "dcba");
}

static void host_without_memory_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    struct th_host *host;
    struct th_place *place;

    th_mem_refuse(1);
    assert_int_equal(th_host_uv_new(&host), TH_NO_MEMORY);
    th_mem_refuse(0);
    host = open_host();
    th_mem_refuse(1);
    assert_int_equal(th_host_uv_place(host, "one", &place), TH_NO_MEMORY);
    th_mem_refuse(0);
    th_host_uv_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_from_a_plain_thread_is_answered),
        cmocka_unit_test(blocking_call_on_a_servers_thread_is_refused),
        cmocka_unit_test(servers_at_several_places_pass_messages),
        cmocka_unit_test(servers_at_one_place_take_turns),
        cmocka_unit_test(hosts_can_be_opened_and_closed_again_and_again),
        cmocka_unit_test(alarm_comes_and_not_too_early),
        cmocka_unit_test(calls_time_out),
        cmocka_unit_test(everything_asked_of_a_server_that_hangs_returns_at_once),
        cmocka_unit_test(server_can_be_stopped_by_who_holds_a_lock_that_its_callback_takes),
        cmocka_unit_test(watchdog_names_a_callback_while_it_runs),
        cmocka_unit_test(close_leaves_behind_who_hangs_and_frees_when_he_comes_back),
        cmocka_unit_test(close_stops_children_in_reverse_order_across_places),
        cmocka_unit_test(host_without_memory_is_refused_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

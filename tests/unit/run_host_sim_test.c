/* The host of the simulator: the pace at which servers come to run, its clock, and who watches it. */
#include "tests/unit/run_probe.h"

static void server_runs_within_the_longest_delay_and_not_always_at_once(void **state)
{
    (void)state;
    bool was_late = false;

    for (uint64_t seed = 1; seed < 50; seed++) {
        struct stage stage = stage_open(seed);
        struct probe probe = {0};
        stage_spawn(&stage, &probe);
        th_host_sim_run(stage.host, 0);
        th_host_sim_set_pace(stage.host, &(struct th_host_sim_pace){.delay_max = 20});

        assert_int_equal(th_post(stage.host, probe.pid, probe_number(1)), TH_OK);
        th_host_sim_run(stage.host, 0);
        was_late |= probe.msgs == 0;
        th_host_sim_run(stage.host, 20);

        assert_int_equal(probe.msgs, 1);
        th_host_sim_close(stage.host);
    }
    assert_true(was_late);
}

static void server_that_has_more_to_do_goes_on_without_delay(void **state)
{
    (void)state;
    struct stage stage = stage_open(7);
    struct probe probe = {0};
    stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 0);
    th_host_sim_set_pace(stage.host, &(struct th_host_sim_pace){.delay_max = 1000});

    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(th_post(stage.host, probe.pid, probe_number(i)), TH_OK);
    th_host_sim_run(stage.host, 1000);

    assert_int_equal(probe.msgs, 10);
    th_host_sim_close(stage.host);
}

static void stall_comes_now_and_then_and_ends(void **state)
{
    (void)state;
    struct stage stage = stage_open(3);
    struct probe probe = {0};
    unsigned late = 0;
    stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 0);
    th_host_sim_set_pace(stage.host,
                         &(struct th_host_sim_pace){.stall_max = 2000, .stall_one_in = 10});

    for (unsigned i = 1; i <= 500; i++) {
        assert_int_equal(th_post(stage.host, probe.pid, probe_number(i)), TH_OK);
        th_host_sim_run(stage.host, 0);
        late += probe.msgs < i;
        th_host_sim_run(stage.host, 2000);
        assert_int_equal(probe.msgs, i);
    }

    assert_in_range(late, 20, 100); /* 50 are expected */
    th_host_sim_close(stage.host);
}

static void alarms_are_delayed_as_messages_are(void **state)
{
    (void)state;
    bool was_late = false;

    for (uint64_t seed = 1; seed < 20; seed++) {
        struct stage stage = stage_open(seed);
        struct probe probe = {.alarm_at = 1100};
        stage_spawn(&stage, &probe);
        th_host_sim_run(stage.host, 0);
        th_host_sim_set_pace(stage.host, &(struct th_host_sim_pace){.delay_max = 50});

        th_host_sim_run(stage.host, 100);
        was_late |= probe.alarms == 0;
        th_host_sim_run(stage.host, 50);

        assert_int_equal(probe.alarms, 1);
        th_host_sim_close(stage.host);
    }
    assert_true(was_late);
}

static void process_that_was_stopped_finds_its_deadlines_passed(void **state)
{
    (void)state;
    struct stage stage = stage_open(1);
    struct probe probe = {.alarm_at = 1500};
    stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 0);

    th_host_sim_move(stage.host, 9000);
    assert_int_equal(probe.alarms, 0);
    assert_int_equal(th_host_sim_next(stage.host), 9000);
    assert_int_equal(th_host_now(stage.host).mono, 9000);
    th_host_sim_run(stage.host, 0);

    assert_int_equal(probe.alarms, 1);
    th_host_sim_close(stage.host);
}

static enum th_err wants_to_know(struct probe *probe, const struct th_self *self)
{
    (void)probe;
    th_tell_resumed(self);
    return TH_OK;
}

static void sleep_of_the_machine_is_told_to_who_asked_for_it(void **state)
{
    (void)state;
    struct stage stage = stage_open(1);
    struct probe asked = {.init = wants_to_know}, other = {0}, gone = {.init = wants_to_know};
    stage_spawn(&stage, &asked);
    stage_spawn(&stage, &other);
    th_stop(stage.host, stage_spawn(&stage, &gone), TH_OK);
    th_host_sim_run(stage.host, 10);

    th_host_sim_resume(stage.host);
    th_host_sim_run(stage.host, 10);

    assert_int_equal(asked.msgs, 1);
    assert_int_equal(other.msgs + gone.msgs, 0);
    th_host_sim_close(stage.host);
}

static void note_turn(void *data, const struct th_host_sim_turn *turn)
{
    char *seen = data;
    size_t len = strlen(seen);

    snprintf(seen + len, 256 - len, "%s/%s@%u ", turn->name, turn->doing, (unsigned)turn->now.mono);
}

static void watcher_is_told_of_every_callback_in_order(void **state)
{
    (void)state;
    char seen[256] = "";
    struct stage stage = stage_open(1);
    struct probe probe = {.alarm_at = 1005};
    th_host_sim_watch(stage.host, note_turn, seen);

    probe_spawn(stage.host, stage.place, "one", &probe);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_post(stage.host, probe.pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 10);
    th_stop(stage.host, probe.pid, TH_OK);
    th_host_sim_run(stage.host, 0);

    assert_string_equal(seen,
                        "one/init@1000 one/probe.number@1001 one/alarm@1005 one/terminate@1011 ");
    th_host_sim_close(stage.host);
}

static void note_given(void *data, const struct th_host_sim_given *given)
{
    static const char *sorts[] = {"call", "cast", "event", "reply", "own"};
    char *seen = data;
    size_t len = strlen(seen);
    unsigned ref = given->msg ? (unsigned)given->msg->ref : 0;

    if (given->msg)
        snprintf(seen + len, 512 - len, "%s gets %s %s/%u; ", given->name, sorts[given->sort],
                 given->doing, ref);
}

static void note_wish(void *data, const struct th_host_sim_wish *wish)
{
    static const char *kinds[] = {"call", "monitor", "no call", "no monitor", "nothing"};
    char *seen = data;
    size_t len = strlen(seen);

    snprintf(seen + len, 512 - len, "%s/%u; ", kinds[wish->kind], (unsigned)wish->ref);
}

static enum th_err call_and_monitor(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    uint64_t first, second;

    if (msg->kind != &probe_msg)
        return TH_OK;
    assert_int_equal(th_monitor(self, probe->other, &first), TH_OK);
    assert_int_equal(th_monitor(self, probe->other, &second), TH_OK);
    th_demonitor(self, first);
    return probe_call(probe, self, probe_number_of(msg));
}

static void books_tell_what_was_wished_for_and_what_was_given(void **state)
{
    (void)state;
    char seen[512] = "";
    struct stage stage = stage_open(0);
    struct probe asked = {.on_msg = probe_answers}, asker = {.on_msg = call_and_monitor};
    asker.other = probe_spawn(stage.host, stage.place, "asked", &asked);
    probe_spawn(stage.host, stage.place, "asker", &asker);
    th_host_sim_run(stage.host, 0);
    th_host_sim_keep_books(stage.host, &(struct th_host_sim_books){seen, note_given, note_wish});

    assert_int_equal(th_post(stage.host, asker.pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 0);
    th_stop(stage.host, asked.pid, TH_OK);
    th_host_sim_run(stage.host, 0);

    assert_string_equal(
        seen, "asker gets cast probe.number/0; monitor/1; monitor/2; no monitor/1; call/3; "
              "asked gets call probe.number/3; asker gets reply probe.number/3; "
              "nothing/0; asker gets cast down/0; ");
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_runs_within_the_longest_delay_and_not_always_at_once),
        cmocka_unit_test(server_that_has_more_to_do_goes_on_without_delay),
        cmocka_unit_test(stall_comes_now_and_then_and_ends),
        cmocka_unit_test(alarms_are_delayed_as_messages_are),
        cmocka_unit_test(sleep_of_the_machine_is_told_to_who_asked_for_it),
        cmocka_unit_test(process_that_was_stopped_finds_its_deadlines_passed),
        cmocka_unit_test(watcher_is_told_of_every_callback_in_order),
        cmocka_unit_test(books_tell_what_was_wished_for_and_what_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

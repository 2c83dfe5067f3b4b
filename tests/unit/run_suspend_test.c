/* Suspending a server: it handles nothing, its mailbox fills, and it comes back. */
#include "tests/unit/run_probe.h"

/* D5 */
static void suspended_server_handles_nothing_until_its_time_is_over(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct stage stage = stage_open(seed);
        struct probe probe = {.alarm_at = 1050};
        th_pid pid = stage_spawn(&stage, &probe);
        th_host_sim_run(stage.host, 0);
        assert_int_equal(th_suspend(stage.host, pid, 100), TH_OK);
        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);

        th_host_sim_run(stage.host, 99);
        assert_int_equal(probe.msgs + probe.alarms, 0);
        assert_int_equal(stage_look(&stage, pid).state, TH_SERVER_SUSPENDED);
        assert_int_equal(th_host_sim_next(stage.host), 1100);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(probe.msgs, 1);
        assert_int_equal(probe.alarms, 1);
        assert_int_equal(stage_look(&stage, pid).state, TH_SERVER_IDLE);
        th_host_sim_close(stage.host);
    }
}

/* D5 */
static void resume_ends_a_suspension_early(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    assert_int_equal(th_suspend(stage.host, pid, 1000), TH_OK);
    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 10);
    assert_int_equal(probe.inits, 0); /* not even init */

    assert_int_equal(th_resume(stage.host, pid), TH_OK);
    th_host_sim_run(stage.host, 0);

    assert_int_equal(probe.msgs, 1);
    assert_int_equal(th_host_sim_next(stage.host), TH_NEVER);
    th_host_sim_close(stage.host);
}

static void suspension_lasts_an_hour_at_most(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);

    assert_int_equal(th_suspend(stage.host, pid, TH_NEVER), TH_OK);
    th_host_sim_run(stage.host, 60 * 60 * 1000 - 1);
    assert_int_equal(probe.inits, 0);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(probe.inits, 1);
    th_host_sim_close(stage.host);
}

/* E1 */
static void suspended_server_can_be_stopped(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_suspend(stage.host, pid, 1000), TH_OK);

    th_stop(stage.host, pid, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 0);

    assert_int_equal(probe.terminates, 1);
    assert_int_equal(th_suspend(stage.host, pid, 1000), TH_GONE);
    assert_int_equal(th_resume(stage.host, pid), TH_GONE);
    assert_int_equal(th_suspend(stage.host, 0, 1000), TH_GONE);
    th_host_sim_close(stage.host);
}

/* C4: a reply that is there when the caller comes back counts, though its time is over. */
static void time_out_of_a_suspended_caller_waits_and_a_reply_goes_first(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe callee = {.on_msg = probe_answers}, caller = {.on_msg = probe_calls_on};
    struct probe silent = {0}, other = caller;
    caller.other = stage_spawn(&stage, &callee);
    th_pid pid = stage_spawn(&stage, &caller);
    other.on_msg = probe_calls_on;
    other.other = stage_spawn(&stage, &silent);
    th_pid other_pid = stage_spawn(&stage, &other);
    assert_int_equal(th_suspend(stage.host, caller.other, 1000), TH_OK);
    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage.host, other_pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_suspend(stage.host, pid, 10000), TH_OK);
    assert_int_equal(th_suspend(stage.host, other_pid, 10000), TH_OK);
    th_host_sim_run(stage.host, 9999);
    assert_int_equal(caller.replies + other.replies, 0);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(other.why, TH_TIMED_OUT);
    assert_int_equal(caller.replies + other.replies, 2);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspended_server_handles_nothing_until_its_time_is_over),
        cmocka_unit_test(resume_ends_a_suspension_early),
        cmocka_unit_test(suspension_lasts_an_hour_at_most),
        cmocka_unit_test(suspended_server_can_be_stopped),
        cmocka_unit_test(time_out_of_a_suspended_caller_waits_and_a_reply_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

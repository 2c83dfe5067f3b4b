/* Suspending a server: it handles nothing, its mailbox fills, and it comes back. */
#include "tests/unit/run_hosts.h"

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
    struct stage *stage = *state;
    struct probe probe = {0};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 10);
    assert_int_equal(probe.msgs, 0);
    if (!stage->has_threads)
        assert_int_equal(probe.inits, 0); /* not even init */

    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 0);

    assert_int_equal(probe.msgs, 1);
    assert_int_equal(stage_next(stage), TH_NEVER);
    stage_close(stage);
}

/* on_msg: notes how long it has waited since the moment in data. */
static enum th_err notes_wait(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    probe->answer = self->now.mono - *(const th_ms *)probe->data;
    return TH_OK;
}

/* D5: and its time is its own, not that of another. */
static void suspension_ends_by_itself_and_what_waited_is_handled_once(void **state)
{
    struct stage *stage = *state;
    th_ms begun = th_host_now(stage->host).mono;
    struct probe probe = {.on_msg = notes_wait, .data = &begun}, other = probe;
    th_pid pid = stage_spawn(stage, &probe), other_pid = stage_spawn(stage, &other);
    assert_int_equal(th_suspend(stage->host, pid, PATIENCE_MS), TH_OK);
    assert_int_equal(th_suspend(stage->host, other_pid, 60000), TH_OK);

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage->host, other_pid, probe_number(1)), TH_OK);
    stage_run(stage, 1000);

    assert_int_equal(probe.msgs, 1);
    assert_true(probe.answer >= PATIENCE_MS);
    assert_int_equal(other.msgs, 0);
    stage_close(stage);
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
    struct stage *stage = *state;
    struct probe probe = {0};
    th_pid pid = stage_spawn(stage, &probe);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);

    th_stop(stage->host, pid, TH_SHUTDOWN);
    stage_run(stage, 0);

    assert_int_equal(probe.terminates, 1);
    assert_int_equal(th_suspend(stage->host, pid, 1000), TH_GONE);
    assert_int_equal(th_resume(stage->host, pid), TH_GONE);
    assert_int_equal(th_suspend(stage->host, 0, 1000), TH_GONE);
    stage_close(stage);
}

/* on_msg: calls, and is suspended before any outcome can come. */
static enum th_err calls_and_is_suspended(struct probe *probe, const struct th_self *self,
                                          struct th_msg *msg)
{
    enum th_err err = probe_call(probe, self, probe_number_of(msg));

    return err == TH_OK ? th_suspend(self->host, self->pid, 60000) : err;
}

/* C4: a reply that is there when the caller comes back counts, though its time is over. */
static void time_out_of_a_suspended_caller_waits_and_a_reply_goes_first(void **state)
{
    struct stage *stage = *state;
    struct probe callee = {.on_msg = probe_answers}, silent = {0};
    struct probe caller = {.on_msg = calls_and_is_suspended, .patience_ms = PATIENCE_MS};
    struct probe other = caller, last = {.on_msg = probe_calls_on, .patience_ms = PATIENCE_MS};
    caller.other = stage_spawn(stage, &callee);
    other.other = last.other = stage_spawn(stage, &silent);
    th_pid pid = stage_spawn(stage, &caller), other_pid = stage_spawn(stage, &other);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage->host, other_pid, probe_number(1)), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(th_post(stage->host, stage_spawn(stage, &last), probe_number(1)), TH_OK);
    stage_run(stage, 1000);
    assert_int_equal(last.why, TH_TIMED_OUT); /* so their time is over too */
    assert_int_equal(caller.replies + other.replies, 0);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    assert_int_equal(th_resume(stage->host, other_pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(other.replies, 1);
    assert_int_equal(other.why, TH_TIMED_OUT);
    stage_close(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspended_server_handles_nothing_until_its_time_is_over),
        ON_EVERY_HOST(resume_ends_a_suspension_early),
        ON_EVERY_HOST(suspension_ends_by_itself_and_what_waited_is_handled_once),
        cmocka_unit_test(suspension_lasts_an_hour_at_most),
        ON_EVERY_HOST(suspended_server_can_be_stopped),
        ON_EVERY_HOST(time_out_of_a_suspended_caller_waits_and_a_reply_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

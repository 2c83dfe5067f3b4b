/* Calls at their limits: how many, without memory, and one after the other for long. */
#include "tests/unit/run_probe.h"

static enum th_err calls_until_refused(struct probe *probe, const struct th_self *self,
                                       struct th_msg *msg)
{
    unsigned made = 0;

    (void)msg;
    while ((probe->why = probe_call(probe, self, made)) == TH_OK)
        made++;
    probe->answer = made;
    return TH_OK;
}

static void outstanding_calls_are_limited(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe caller = {0}, callee = {0};
    th_pid pid = stage_spawn_pair(&stage, &caller, &callee);
    caller.on_msg = calls_until_refused;

    stage_tell(&stage, pid, 1);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(caller.why, TH_LIMIT);
    assert_int_equal(caller.answer, TH_CALLS_MAX);
    assert_int_equal(caller.replies, 0);
    th_host_sim_run(stage.host, TH_CALL_MS_DEFAULT);
    assert_int_equal(caller.replies, TH_CALLS_MAX);
    th_host_sim_close(stage.host);
}

static enum th_err calls_and_notes_failure(struct probe *probe, const struct th_self *self,
                                           struct th_msg *msg)
{
    uint64_t nth = probe_number_of(msg);
    struct th_msg body = probe_number(1);

    th_mem_refuse(nth);
    probe->why = th_call(self, probe->other, body, 1000, probe_on_reply, NULL, NULL);
    th_mem_refuse(0);
    probe->ref = probe->why == TH_OK;
    return TH_OK;
}

static void call_without_memory_fails_and_is_not_told_later(void **state)
{
    (void)state;
    bool has_worked = false;
    for (uint64_t nth = 1; !has_worked; nth++) {
        struct stage stage = stage_open(0);
        struct probe caller = {0}, callee = {.on_msg = probe_answers};
        th_pid pid = stage_spawn_pair(&stage, &caller, &callee);
        caller.on_msg = calls_and_notes_failure;

        stage_tell(&stage, pid, nth);
        th_host_sim_run(stage.host, 20000);

        has_worked = caller.ref;
        if (!has_worked)
            assert_int_equal(caller.why, TH_NO_MEMORY);
        assert_int_equal(caller.replies, has_worked ? 1 : 0);
        assert_true(nth < 20);
        th_host_sim_close(stage.host);
    }
}

static enum th_err calls_again(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    probe_on_reply(state, self, ctx, why, reply);
    if (probe->replies == 100000)
        return TH_OK;
    return th_call(self, probe->other, probe_number(1), 1000, calls_again, NULL, NULL);
}

static enum th_err begins_calls(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    return th_call(self, probe->other, probe_number(1), 1000, calls_again, NULL, NULL);
}

/* C3 */
static void nothing_piles_up_however_many_calls_are_made(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe caller = {0}, callee = {.on_msg = probe_answers};
    th_pid pid = stage_spawn_pair(&stage, &caller, &callee);
    caller.on_msg = begins_calls;

    stage_tell(&stage, pid, 1);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(caller.replies, 100000);
    assert_int_equal(th_host_sim_next(stage.host), TH_NEVER);
    assert_int_equal(stage_look(&stage, caller.other).mailbox_peak, 1);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outstanding_calls_are_limited),
        cmocka_unit_test(call_without_memory_fails_and_is_not_told_later),
        cmocka_unit_test(nothing_piles_up_however_many_calls_are_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

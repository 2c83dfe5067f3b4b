/* Calls: exactly one outcome, on time, and nothing after it. */
#include "tests/unit/run_hosts.h"

/* on_msg: keeps the call and its reference for later. */
static enum th_err keeps_call(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    *(struct th_from *)probe->data = th_from_of(msg);
    return TH_OK;
}

/* on_msg: ends instead of answering. */
static enum th_err dies(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self, (void)msg;
    return TH_IO;
}

/* C6 */
static void call_is_answered_on_the_callers_turn(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = probe_answers};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 41);

    stage_run(stage, 10);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(caller.answer, 42);
    assert_int_equal(stage_next(stage), TH_NEVER);
    stage_close(stage);
}

/* C1 */
static void reply_with_another_reference_is_not_taken(void **state)
{
    struct stage *stage = *state;
    struct th_from from = {0};
    struct probe caller = {0}, callee = {.on_msg = keeps_call, .data = &from};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);
    stage_run(stage, 1);

    th_reply(stage->host, (struct th_from){from.pid, from.ref + 1}, probe_number(13));
    th_reply(stage->host, (struct th_from){from.pid, 0}, probe_number(13));
    th_reply(stage->host, (struct th_from){callee.pid, from.ref}, probe_number(13));
    th_reply(stage->host, (struct th_from){0, from.ref}, probe_number(13));
    th_reply(stage->host, (struct th_from){UINT64_MAX, from.ref}, probe_number(13));
    stage_run(stage, 1);
    assert_int_equal(caller.replies, 0);

    th_reply(stage->host, from, probe_number(42));
    stage_run(stage, 1);
    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.answer, 42);
    stage_close(stage);
}

/* C2 */
static void call_of_the_dead_or_unregistered_is_told_gone_at_once(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {0};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    th_stop(stage->host, caller.other, TH_OK);
    stage_run(stage, 1);

    stage_tell(stage, pid, 1);
    stage_run(stage, 0);
    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_GONE);

    caller.other = th_whereis(stage->host, 0, "nobody");
    stage_tell(stage, pid, 1);
    stage_run(stage, 0);
    assert_int_equal(caller.replies, 2);
    assert_int_equal(caller.why, TH_GONE);
    stage_close(stage);
}

/* C2, C3 */
static void callee_that_dies_before_it_replies_is_told_gone_once(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = dies};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);

    stage_run(stage, 20000);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_GONE);
    assert_int_equal(caller.downs, 0);
    stage_close(stage);
}

/* C2: the call still waits in the mailbox of a server that is stopped. */
static void call_that_waits_when_its_callee_is_stopped_is_told_gone(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = probe_answers};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    assert_int_equal(th_suspend(stage->host, caller.other, 60000), TH_OK);
    stage_tell(stage, pid, 1);
    stage_run(stage, 1);
    assert_int_equal(caller.replies, 0);

    th_stop(stage->host, caller.other, TH_SHUTDOWN);
    stage_run(stage, 0);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_GONE);
    stage_close(stage);
}

static enum th_err answers_and_dies(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    probe_answers(probe, self, msg);
    return TH_IO;
}

/* C3 */
static void death_after_the_reply_is_not_told(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = answers_and_dies};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);

    stage_run(stage, 20000);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(caller.downs, 0);
    stage_close(stage);
}

/* C4, C3 */
static void call_times_out_once_and_its_late_reply_is_dropped(void **state)
{
    struct stage *stage = *state;
    struct th_from from = {0};
    struct probe caller = {.patience_ms = PATIENCE_MS};
    struct probe callee = {.on_msg = keeps_call, .data = &from};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);

    stage_run(stage, 1000);
    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_TIMED_OUT);

    th_reply(stage->host, from, probe_number(42));
    th_stop(stage->host, caller.other, TH_IO);
    stage_run(stage, 20000);
    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.downs, 0);
    stage_close(stage);
}

/* C4 */
static void call_times_out_when_its_time_is_over_and_not_before(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe caller = {0}, callee = {0};
    stage_tell(&stage, stage_spawn_pair(&stage, &caller, &callee), 1);

    th_host_sim_run(stage.host, TH_CALL_MS_DEFAULT - 1);
    assert_int_equal(caller.replies, 0);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_TIMED_OUT);
    th_host_sim_close(stage.host);
}

/* on_msg and on_alarm: answers when the caller's patience ends. */
static enum th_err answers_at_the_last_moment(struct probe *probe, const struct th_self *self,
                                              struct th_msg *msg)
{
    probe->alarm_at = self->now.mono + PATIENCE_MS;
    return keeps_call(probe, self, msg);
}

static enum th_err answers_kept_call(struct probe *probe, const struct th_self *self)
{
    th_reply(self->host, *(struct th_from *)probe->data, probe_number(42));
    return TH_OK;
}

/* C2, C3, C4: whichever is first. */
static void call_whose_reply_time_out_and_death_meet_is_told_one_of_them(void **state)
{
    struct stage *stage = *state;
    struct th_from from = {0};
    struct probe caller = {.patience_ms = PATIENCE_MS};
    struct probe callee = {
        .on_msg = answers_at_the_last_moment, .on_alarm = answers_kept_call, .data = &from};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);

    stage_run(stage, PATIENCE_MS - 1);
    th_stop(stage->host, caller.other, TH_OK);
    stage_run_a_little(stage, stage->seed % 4);
    stage_run(stage, 1000);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.downs, 0);
    stage_close(stage);
}

enum { MANY = 64 };

/* What many calls of one server at one other came to. */
struct many {
    struct th_from kept[MANY]; /* the callee's */
    unsigned kept_count;
    unsigned told[MANY]; /* the caller's */
};

static enum th_err notes_that_it_is_told(void *state, const struct th_self *self, void *ctx,
                                         enum th_err why, struct th_msg *reply)
{
    (void)state, (void)self, (void)why, (void)reply;
    ++*(unsigned *)ctx;
    return TH_OK;
}

/* on_msg: makes many calls whose times end one after the other. */
static enum th_err makes_many_calls(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    struct many *many = probe->data;
    enum th_err err = TH_OK;

    (void)msg;
    for (unsigned i = 0; i < MANY && err == TH_OK; i++)
        err = th_call(self, probe->other, probe_number(i), 1 + i % PATIENCE_MS,
                      notes_that_it_is_told, &many->told[i], NULL);
    return err;
}

/* on_msg and on_alarm: keeps calls, and answers them all at once, in the middle of that. */
static enum th_err keeps_many_calls(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    struct many *many = probe->data;

    if (many->kept_count == 0)
        probe->alarm_at = self->now.mono + PATIENCE_MS / 2;
    many->kept[many->kept_count++] = th_from_of(msg);
    return TH_OK;
}

static enum th_err answers_many_calls(struct probe *probe, const struct th_self *self)
{
    struct many *many = probe->data;

    for (unsigned i = 0; i < many->kept_count; i++)
        th_reply(self->host, many->kept[i], probe_number(42));
    return TH_OK;
}

/* C1, C3, C4 */
static void each_of_many_calls_is_told_once_though_replies_come_as_times_end(void **state)
{
    struct stage *stage = *state;
    struct many many = {0};
    struct probe callee = {
        .on_msg = keeps_many_calls, .on_alarm = answers_many_calls, .data = &many};
    struct probe caller = {.data = &many};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    caller.on_msg = makes_many_calls;

    stage_tell(stage, pid, 1);
    stage_run(stage, 1000);

    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(many.told[i], 1);
    stage_close(stage);
}

/* A7, C4: each of two servers has its own, and at its own time. */
static void time_out_is_told_to_who_called_and_to_nobody_else(void **state)
{
    struct stage *stage = *state;
    struct probe callees[2] = {0};
    struct probe callers[2] = {{.patience_ms = PATIENCE_MS}, {.patience_ms = 60000}};
    for (int i = 0; i < 2; i++)
        stage_tell(stage, stage_spawn_pair(stage, &callers[i], &callees[i]), 1);

    stage_run(stage, 1000);
    assert_int_equal(callers[0].replies, 1);
    assert_int_equal(callers[0].why, TH_TIMED_OUT);
    assert_int_equal(callers[1].replies, 0);

    th_stop(stage->host, callers[1].other, TH_OK);
    stage_run(stage, 1000);
    assert_int_equal(callers[0].replies, 1);
    assert_int_equal(callers[1].replies, 1);
    assert_int_equal(callers[1].why, TH_GONE);
    stage_close(stage);
}

/* C3 */
static void second_reply_is_dropped(void **state)
{
    struct stage *stage = *state;
    struct th_from from = {0};
    struct probe caller = {0}, callee = {.on_msg = keeps_call, .data = &from};
    stage_tell(stage, stage_spawn_pair(stage, &caller, &callee), 1);
    stage_run(stage, 1);

    th_reply(stage->host, from, probe_number(42));
    th_reply(stage->host, from, probe_number(43)); /* before the first was handled */
    stage_run(stage, 1);
    th_reply(stage->host, from, probe_number(44)); /* and after */
    stage_run(stage, 20000);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.answer, 42);
    stage_close(stage);
}

static enum th_err calls_then_cancels(struct probe *probe, const struct th_self *self,
                                      struct th_msg *msg)
{
    if (probe_number_of(msg) == 0) {
        th_cancel(self, probe->ref);
        th_cancel(self, probe->ref);
        th_cancel(self, 0);
        th_cancel(self, 999);
        return TH_OK;
    }
    return probe_call(probe, self, probe_number_of(msg));
}

/* C3: also when the reply waits in the mailbox already. */
static void cancelled_call_is_never_told(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = probe_answers};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    caller.on_msg = calls_then_cancels;
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    stage_tell(stage, pid, 1);
    stage_tell(stage, pid, 0); /* arrives before any reply, which may come before it is handled */
    assert_int_equal(th_resume(stage->host, pid), TH_OK);

    stage_run(stage, 20000);

    assert_int_equal(caller.replies, 0);
    assert_int_equal(stage_next(stage), TH_NEVER);
    stage_close(stage);
}

/* C3 */
static void caller_that_dies_leaves_nothing_behind(void **state)
{
    struct stage *stage = *state;
    struct th_from from = {0};
    struct probe caller = {0}, callee = {.on_msg = keeps_call, .data = &from};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    stage_tell(stage, pid, 1);
    stage_run(stage, 1);

    th_stop(stage->host, pid, TH_OK);
    stage_run(stage, 1);
    th_reply(stage->host, from, probe_number(42));
    stage_run(stage, 20000);

    assert_int_equal(caller.replies, 0);
    assert_int_equal(stage_next(stage), TH_NEVER);
    stage_close(stage);
}

/* --- deadlocks that cannot be --- */

/* on_msg: answers only once the server that it calls itself has answered. */
static enum th_err on_inner_reply(void *state, const struct th_self *self, void *ctx,
                                  enum th_err why, struct th_msg *reply)
{
    struct probe *probe = ((struct probe_state *)state)->probe;
    struct th_from *from = ctx;

    probe->replies++;
    probe->why = why;
    if (why == TH_OK)
        th_reply(self->host, *from, probe_number(probe_number_of(reply) + 1));
    th_mem_free(from);
    return TH_OK;
}

static enum th_err asks_round(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    uint64_t left = probe_number_of(msg);
    struct th_from from = th_from_of(msg);

    if (left == 0) {
        th_reply(self->host, from, probe_number(0));
        return TH_OK;
    }
    return th_call(self, probe->other, probe_number(left - 1), 60000, on_inner_reply,
                   th_mem_copy(&from, sizeof from), NULL);
}

/* C5 */
static void servers_that_call_each_other_in_a_ring_all_get_answers(void **state)
{
    enum { RING_MAX = 5, DEPTH = 12 };
    struct stage *stage = *state;
    unsigned size = 1 + (unsigned)stage->seed % RING_MAX; /* 1: a server that calls itself */
    struct probe ring[RING_MAX] = {0};
    th_pid pids[RING_MAX];
    for (unsigned i = 0; i < size; i++) {
        ring[i].on_msg = asks_round;
        pids[i] = stage_spawn(stage, &ring[i]);
    }
    for (unsigned i = 0; i < size; i++)
        ring[i].other = pids[(i + 1) % size];

    for (unsigned i = 0; i < size; i++) /* all at once, each through the whole ring and more */
        stage_tell(stage, pids[i], DEPTH);
    stage_run(stage, 1);

    for (unsigned i = 0; i < size; i++) {
        assert_int_equal(ring[i].replies, DEPTH);
        assert_int_equal(ring[i].why, TH_OK);
    }
    stage_close(stage);
}

static enum th_err calls_and_waits(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    struct th_msg reply;

    (void)msg;
    probe->why = th_call_wait(self->host, probe->other, probe_number(1), 1000, &reply);
    return TH_OK;
}

/* C5 */
static void blocking_call_from_a_server_is_refused_at_once(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = probe_answers};
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    caller.on_msg = calls_and_waits;

    stage_tell(stage, pid, 1);
    stage_run(stage, 0);

    assert_int_equal(caller.why, TH_WOULD_DEADLOCK);
    assert_int_equal(callee.msgs, 0);
    stage_close(stage);
}

/* C5, C2, C4 */
static void blocking_call_of_a_plain_thread_has_the_same_outcomes(void **state)
{
    (void)state;
    struct stage stage = stage_open(3);
    struct th_from from;
    struct probe answering = {.on_msg = probe_answers}, dying = {.on_msg = dies};
    struct probe silent = {.on_msg = keeps_call, .data = &from};
    th_pid pid = stage_spawn(&stage, &answering);
    struct th_msg reply;

    assert_int_equal(th_call_wait(stage.host, pid, probe_number(1), 1000, &reply), TH_OK);
    assert_int_equal(probe_number_of(&reply), 2);
    th_msg_drop(&reply);
    pid = stage_spawn(&stage, &dying);
    assert_int_equal(th_call_wait(stage.host, pid, probe_number(1), 1000, &reply), TH_GONE);
    assert_int_equal(th_call_wait(stage.host, pid, probe_number(1), 1000, &reply), TH_GONE);
    pid = stage_spawn(&stage, &silent);
    th_ms before = th_host_now(stage.host).mono;
    assert_int_equal(th_call_wait(stage.host, pid, probe_number(1), 1000, &reply), TH_TIMED_OUT);
    assert_int_equal(th_host_now(stage.host).mono, before + 1000);

    th_reply(stage.host, from, probe_number(42));
    th_host_sim_close(stage.host);
}

/* --- deferred --- */

/* on_msg: hands whom to answer on to another server. */
static const struct th_msg_kind errand_msg = {"test.errand", th_mem_free};

static enum th_err delegates(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct th_from from = th_from_of(msg);

    return th_post(self->host, probe->other,
                   (struct th_msg){.kind = &errand_msg, .body = th_mem_copy(&from, sizeof from)});
}

static enum th_err runs_errand(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe;
    th_reply(self->host, *(struct th_from *)msg->body, probe_number(42));
    return TH_OK;
}

/* C6 */
static void reply_may_come_later_and_from_another_server(void **state)
{
    struct stage *stage = *state;
    struct probe caller = {0}, callee = {.on_msg = delegates}, helper = {.on_msg = runs_errand};
    callee.other = stage_spawn(stage, &helper);
    th_pid pid = stage_spawn_pair(stage, &caller, &callee);
    assert_int_equal(th_suspend(stage->host, callee.other, 60000), TH_OK);

    stage_tell(stage, pid, 1);
    stage_run(stage, 1);
    assert_int_equal(caller.replies, 0);
    assert_int_equal(th_resume(stage->host, callee.other), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(caller.answer, 42);
    stage_close(stage);
}

static enum th_err calls_without_waiting(struct probe *probe, const struct th_self *self,
                                         struct th_msg *msg)
{
    (void)msg;
    enum th_err err = probe_call(probe, self, 1);
    *(unsigned *)probe->data = probe->replies; /* still none, though the callee is gone */
    return err;
}

static void outcome_never_comes_from_inside_the_call(void **state)
{
    struct stage *stage = *state;
    unsigned replies_inside = 99;
    struct probe caller = {.on_msg = calls_without_waiting, .data = &replies_inside};
    th_pid pid = stage_spawn(stage, &caller);

    stage_tell(stage, pid, 1);
    stage_run(stage, 1);

    assert_int_equal(replies_inside, 0);
    assert_int_equal(caller.replies, 1);
    stage_close(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(call_is_answered_on_the_callers_turn),
        ON_EVERY_HOST(reply_with_another_reference_is_not_taken),
        ON_EVERY_HOST(call_of_the_dead_or_unregistered_is_told_gone_at_once),
        ON_EVERY_HOST(callee_that_dies_before_it_replies_is_told_gone_once),
        ON_EVERY_HOST(call_that_waits_when_its_callee_is_stopped_is_told_gone),
        ON_EVERY_HOST(death_after_the_reply_is_not_told),
        ON_EVERY_HOST(call_times_out_once_and_its_late_reply_is_dropped),
        cmocka_unit_test(call_times_out_when_its_time_is_over_and_not_before),
        ON_EVERY_HOST(call_whose_reply_time_out_and_death_meet_is_told_one_of_them),
        ON_EVERY_HOST(each_of_many_calls_is_told_once_though_replies_come_as_times_end),
        ON_EVERY_HOST(time_out_is_told_to_who_called_and_to_nobody_else),
        ON_EVERY_HOST(second_reply_is_dropped),
        ON_EVERY_HOST(cancelled_call_is_never_told),
        ON_EVERY_HOST(caller_that_dies_leaves_nothing_behind),
        ON_EVERY_HOST(servers_that_call_each_other_in_a_ring_all_get_answers),
        ON_EVERY_HOST(blocking_call_from_a_server_is_refused_at_once),
        cmocka_unit_test(blocking_call_of_a_plain_thread_has_the_same_outcomes),
        ON_EVERY_HOST(reply_may_come_later_and_from_another_server),
        ON_EVERY_HOST(outcome_never_comes_from_inside_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

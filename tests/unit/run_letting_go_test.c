/*
 * Letting go (requirements, section E): whatever is removed, from any thread, is gone at once; its
 * data is freed by a finalizer, once, where its owner runs, after the last callback.
 *
 * The threads of these tests meet at a lock and at semaphores, never by waiting for time to pass. If
 * a promise were broken, most of them would not fail but hang.
 */
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"
#include "tests/unit/run_meeting.h"

/* --- servers --- */

static enum th_err meets(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self, (void)msg;
    meet(probe->data);
    return TH_OK;
}

static void drops_meeting(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    note_drop(probe->data);
}

/* E1 E2 E3 E4: what deadlocks libevent: thread 2 holds the lock that the callback takes, removes the
 * object, and finishes. */
static void server_is_removed_by_who_holds_the_lock_that_its_callback_takes(void **state)
{
    (void)state;
    struct meeting meeting;
    struct th_host *host = open_host();
    meeting_open(&meeting);
    struct probe probe = {.on_msg = meets, .terminate = drops_meeting, .data = &meeting};
    th_pid pid = probe_spawn(host, open_place(host, "one"), NULL, &probe);

    pthread_mutex_lock(&meeting.lock);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(th_post(host, pid, probe_number(i)), TH_OK);
    await(&meeting.is_in_callback);
    th_stop(host, pid, TH_SHUTDOWN); /* returns, though the callback waits for us */
    assert_int_equal(meeting.drops, 0);
    pthread_mutex_unlock(&meeting.lock);
    await(&meeting.is_dropped);

    th_host_uv_close(host);
    assert_dropped_well(&meeting);
    assert_int_equal(probe.msgs, 1); /* the two that waited are nobody's */
    meeting_close(&meeting);
}

/* E3 */
static void removal_of_a_server_cannot_be_undone(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {0};
    th_pid pid = stage_spawn(stage, &probe);
    stage_run(stage, 1);

    th_stop(stage->host, pid, TH_SHUTDOWN);
    th_resume(stage->host, pid);
    th_post(stage->host, pid, probe_number(1));
    stage_run(stage, 1);

    assert_int_equal(probe.msgs, 0);
    assert_int_equal(probe.terminates, 1);
    assert_false(stage_is_alive(stage, pid));
    stage_close(stage);
    assert_int_equal(probe.terminates, 1);
}

static enum th_err is_due(struct probe *probe, const struct th_self *self)
{
    probe->alarm_at = self->now.mono + 10;
    return TH_OK;
}

/* E1 E3: a server's timer is its alarm. */
static void alarm_that_is_due_does_not_come_once_its_server_is_removed(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.init = is_due};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 9);

    th_stop(stage.host, pid, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 100);

    assert_int_equal(probe.alarms, 0);
    assert_int_equal(probe.terminates, 1);
    th_host_sim_close(stage.host);
}

/* --- calls --- */

/* init: calls probe->other; the ctx has a finalizer. */
static enum th_err calls_finally(struct probe *probe, const struct th_self *self)
{
    enum th_err err = th_call(self, probe->other, probe_number(1), probe->patience_ms,
                              probe_on_reply, probe->data, &probe->ref);

    ((struct meeting *)probe->data)->owner = pthread_self();
    ((struct meeting *)probe->data)->ref = probe->ref;
    if (err == TH_OK)
        th_call_finally(self, probe->ref, note_drop);
    return err;
}

/* The same, and is suspended before any outcome can come. */
static enum th_err calls_finally_and_is_suspended(struct probe *probe, const struct th_self *self)
{
    enum th_err err = calls_finally(probe, self);

    return err == TH_OK ? th_suspend(self->host, self->pid, 60000) : err;
}

struct call_on_stage {
    struct stage *stage;
    struct meeting meeting;
    struct probe callee, caller;
    th_pid callee_pid, pid;
};

/* A call that waits for its reply, or whose reply waits; its caller is suspended. */
static void open_call(struct call_on_stage *on, struct stage *stage, bool is_answered,
                      th_ms timeout_ms)
{
    *on = (struct call_on_stage){.stage = stage};
    meeting_open(&on->meeting);
    on->meeting.has_left = true;
    on->callee.on_msg = is_answered ? probe_answers : NULL;
    on->callee_pid = stage_spawn(stage, &on->callee);
    on->caller = (struct probe){.init = calls_finally_and_is_suspended,
                                .other = on->callee_pid,
                                .patience_ms = timeout_ms,
                                .data = &on->meeting};
    on->pid = stage_spawn(stage, &on->caller);
    stage_run(stage, 1);
    assert_int_equal(on->meeting.drops, 0);
}

static void go_on(struct call_on_stage *on)
{
    assert_int_equal(th_resume(on->stage->host, on->pid), TH_OK);
    stage_run(on->stage, 2000);
}

static void close_call(struct call_on_stage *on)
{
    stage_close(on->stage);
    assert_dropped_well(&on->meeting);
    meeting_close(&on->meeting);
}

/* E2 */
static void ctx_of_a_call_is_freed_once_after_its_reply(void **state)
{
    struct call_on_stage on;
    open_call(&on, *state, true, 60000);

    go_on(&on);

    assert_int_equal(on.caller.replies, 1);
    assert_int_equal(on.caller.why, TH_OK);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

/* E2 */
static void ctx_of_a_call_is_freed_once_after_its_time(void **state)
{
    struct call_on_stage on;
    open_call(&on, *state, false, PATIENCE_MS);

    go_on(&on);

    assert_int_equal(on.caller.replies, 1);
    assert_int_equal(on.caller.why, TH_TIMED_OUT);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

/* E2 */
static void ctx_of_a_call_is_freed_when_its_caller_ends(void **state)
{
    struct stage *stage = *state;
    struct call_on_stage on;
    open_call(&on, stage, stage->seed / 2 % 2, 60000);

    th_stop(stage->host, on.pid, TH_SHUTDOWN);
    stage_run(stage, 1);

    assert_int_equal(on.caller.replies, 0);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

static enum th_err cancels(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    th_cancel(self, probe->ref);
    return TH_OK;
}

/* E2 E3 */
static void ctx_of_a_call_is_freed_when_it_is_cancelled(void **state)
{
    struct call_on_stage on;
    open_call(&on, *state, false, 60000);
    on.caller.on_msg = cancels;

    assert_int_equal(th_post(on.stage->host, on.pid, probe_number(0)), TH_OK);
    go_on(&on);

    assert_int_equal(on.caller.replies, 0);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

/* E1 E2 E3: both while it waits for its reply and when that is in the mailbox already. */
static void call_that_is_let_go_never_tells(void **state)
{
    struct stage *stage = *state;
    struct call_on_stage on;
    open_call(&on, stage, stage->seed / 2 % 2, 60000);

    th_let_go(stage->host, on.pid, on.caller.ref);
    th_let_go(stage->host, on.pid, on.caller.ref); /* harmless */
    assert_int_equal(on.meeting.drops, 0);
    go_on(&on);

    assert_int_equal(on.caller.replies, 0);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

/* E1 E2 E3: while the callee answers, dies or lets the time pass. */
static void call_that_is_let_go_meanwhile_is_told_once_or_never_and_freed_once(void **state)
{
    struct stage *stage = *state;
    struct call_on_stage on;
    open_call(&on, stage, stage->seed / 2 % 2, PATIENCE_MS);

    assert_int_equal(th_resume(stage->host, on.pid), TH_OK);
    if (stage->seed / 4 % 2)
        th_stop(stage->host, on.callee_pid, TH_IO);
    stage_run_a_little(stage, stage->seed / 8 % 4);
    th_let_go(stage->host, on.pid, on.caller.ref);
    stage_run(stage, 2000);

    assert_true(on.caller.replies <= 1);
    assert_int_equal(on.meeting.drops, 1);
    close_call(&on);
}

static enum th_err meets_in_reply(void *state, const struct th_self *self, void *ctx,
                                  enum th_err why, struct th_msg *reply)
{
    meet(ctx);
    return probe_on_reply(state, self, ctx, why, reply);
}

static enum th_err calls_and_meets(struct probe *probe, const struct th_self *self)
{
    struct meeting *meeting = probe->data;
    enum th_err err =
        th_call(self, probe->other, probe_number(1), 60000, meets_in_reply, meeting, &meeting->ref);

    if (err == TH_OK)
        th_call_finally(self, meeting->ref, note_drop);
    return err;
}

/* E1 E2 E4: it is let go while its on_reply runs, by who holds the lock that on_reply takes. */
static void call_is_let_go_by_who_holds_the_lock_that_its_callback_takes(void **state)
{
    (void)state;
    struct meeting meeting;
    struct th_host *host = open_host();
    meeting_open(&meeting);
    struct probe callee = {.on_msg = probe_answers};
    struct probe caller = {.init = calls_and_meets, .data = &meeting};

    pthread_mutex_lock(&meeting.lock);
    caller.other = probe_spawn(host, open_place(host, "callee"), NULL, &callee);
    th_pid pid = probe_spawn(host, open_place(host, "caller"), NULL, &caller);
    await(&meeting.is_in_callback);
    th_let_go(host, pid, meeting.ref);
    assert_int_equal(meeting.drops, 0);
    pthread_mutex_unlock(&meeting.lock);
    await(&meeting.is_dropped);

    th_host_uv_close(host);
    assert_dropped_well(&meeting);
    assert_int_equal(caller.replies, 1);
    meeting_close(&meeting);
}

/* --- monitors --- */

static enum th_err monitors_other(struct probe *probe, const struct th_self *self)
{
    return th_monitor(self, probe->other, &probe->ref);
}

static enum th_err monitors_other_and_is_suspended(struct probe *probe, const struct th_self *self)
{
    enum th_err err = monitors_other(probe, self);

    return err == TH_OK ? th_suspend(self->host, self->pid, 60000) : err;
}

/* E1 E3: both before the server ends and when the down message is in the mailbox already. */
static void monitor_that_is_let_go_never_tells(void **state)
{
    struct stage *stage = *state;
    struct probe target = {0}, probe = {.init = monitors_other_and_is_suspended};
    probe.other = stage_spawn(stage, &target);
    th_pid pid = stage_spawn(stage, &probe);
    stage_run(stage, 1);

    if (stage->seed / 2 % 2) {
        th_stop(stage->host, probe.other, TH_IO);
        stage_run(stage, 1);
    }
    th_let_go(stage->host, pid, probe.ref);
    th_stop(stage->host, probe.other, TH_IO);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(target.terminates, 1);
    assert_int_equal(probe.downs, 0);
    stage_close(stage);
}

static enum th_err meets_when_told(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_down_msg)
        meet(probe->data);
    return TH_OK;
}

/* E1 E4 */
static void monitor_is_let_go_by_who_holds_the_lock_that_its_callback_takes(void **state)
{
    (void)state;
    struct meeting meeting;
    struct th_host *host = open_host();
    meeting_open(&meeting);
    struct probe target = {0};
    struct probe probe = {.init = monitors_other,
                          .on_msg = meets_when_told,
                          .terminate = drops_meeting,
                          .data = &meeting};

    pthread_mutex_lock(&meeting.lock);
    probe.other = probe_spawn(host, open_place(host, "target"), NULL, &target);
    th_pid pid = probe_spawn(host, open_place(host, "owner"), NULL, &probe);
    th_stop(host, probe.other, TH_IO);
    await(&meeting.is_in_callback);
    th_let_go(host, pid, probe.ref);
    pthread_mutex_unlock(&meeting.lock);

    th_host_uv_close(host);
    assert_dropped_well(&meeting);
    assert_int_equal(probe.downs, 1);
    meeting_close(&meeting);
}

/* --- subscriptions --- */

/* init: subscribes to probe->other; the subscription has a finalizer. */
static enum th_err subscribes_finally(struct probe *probe, const struct th_self *self)
{
    struct meeting *meeting = probe->data;
    enum th_err err = th_subscribe(self, probe->other, all, probe_on_reply, NULL);

    if (err != TH_OK)
        return err;
    meeting->owner = pthread_self();
    meeting->ref = th_subscription_ref(self, probe->other);
    th_subscription_finally(self, probe->other, note_drop, meeting);
    return TH_OK;
}

static enum th_err unsubscribes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &probe_msg)
        th_unsubscribe(self, probe->other);
    return TH_OK;
}

enum ending { UNSUBSCRIBED, LET_GO, MANAGER_ENDED, OWNER_ENDED, ENDINGS };

/* E1 E2: whatever ends it. */
static void data_of_a_subscription_are_freed_once_however_it_ends(void **state)
{
    struct stage *stage = *state;
    int ending = (int)(stage->seed / 2 % ENDINGS);
    struct meeting meeting;
    meeting_open(&meeting);
    meeting.has_left = true;
    struct probe probe = {.init = subscribes_finally,
                          .on_msg = unsubscribes,
                          .other = spawn_manager(stage),
                          .data = &meeting};
    th_pid pid = stage_spawn(stage, &probe);
    stage_run(stage, 1);
    assert_int_equal(meeting.drops, 0);

    if (ending == UNSUBSCRIBED)
        assert_int_equal(th_post(stage->host, pid, probe_number(0)), TH_OK);
    if (ending == LET_GO)
        th_let_go(stage->host, pid, meeting.ref);
    if (ending == MANAGER_ENDED || ending == OWNER_ENDED)
        th_stop(stage->host, ending == OWNER_ENDED ? pid : probe.other, TH_IO);
    stage_run(stage, 1);

    assert_int_equal(meeting.drops, 1);
    assert_int_equal(probe.downs, ending == MANAGER_ENDED ? 1 : 0);
    stage_close(stage);
    assert_dropped_well(&meeting);
    meeting_close(&meeting);
}

/* E3: neither events that wait, nor a note that some were missed. */
static void nothing_comes_of_a_subscription_that_was_let_go(void **state)
{
    struct stage *stage = *state;
    struct meeting meeting;
    meeting_open(&meeting);
    th_pid manager = spawn_manager(stage);
    struct probe probe = {.init = subscribes_finally, .other = manager, .data = &meeting};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &probe);
    th_pid pid;
    spec.mailbox_max = 2;
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(th_notify(stage->host, manager, make_event(1, 0, true)), TH_OK);
    stage_run(stage, 1);

    th_let_go(stage->host, pid, meeting.ref);
    assert_int_equal(th_notify(stage->host, manager, make_event(1, 0, true)), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(probe.events, 0);
    assert_int_equal(probe.missed, 0);
    assert_int_equal(meeting.drops, 1);
    stage_close(stage);
    meeting_close(&meeting);
}

static enum th_err subscribes_and_thinks_better_of_it(struct probe *probe,
                                                      const struct th_self *self)
{
    enum th_err err = subscribes_finally(probe, self);

    th_unsubscribe(self, probe->other);
    return err;
}

/* E2 E3 */
static void who_unsubscribed_is_not_told_how_the_subscribing_went(void **state)
{
    struct stage *stage = *state;
    struct meeting meeting;
    meeting_open(&meeting);
    struct probe probe = {.init = subscribes_and_thinks_better_of_it,
                          .other = spawn_manager(stage),
                          .data = &meeting};
    stage_spawn(stage, &probe);

    stage_run(stage, 2 * TH_CALL_MS_DEFAULT);

    assert_int_equal(probe.replies, 0);
    assert_int_equal(meeting.drops, 1);
    stage_close(stage);
    meeting_close(&meeting);
}

static enum th_err meets_at_an_event(struct probe *probe, const struct th_self *self,
                                     struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_event_msg)
        meet(probe->data);
    return TH_OK;
}

/* E1 E2 E3 E4 B5 */
static void subscription_is_let_go_by_who_holds_the_lock_that_its_callback_takes(void **state)
{
    (void)state;
    struct meeting meeting;
    struct th_host *host = open_host();
    struct th_server_spec spec = {.ops = &th_event_manager_ops,
                                  .place = open_place(host, "manager")};
    th_pid manager;
    meeting_open(&meeting);
    assert_int_equal(th_spawn(host, &spec, &manager), TH_OK);
    struct probe probe = {.init = subscribes_finally,
                          .on_msg = meets_at_an_event,
                          .other = manager,
                          .data = &meeting};

    pthread_mutex_lock(&meeting.lock);
    th_pid pid = probe_spawn(host, open_place(host, "owner"), NULL, &probe);
    struct th_msg reply, ready = {.kind = &th_run_started_msg};
    assert_int_equal(th_call_wait(host, pid, ready, 60000, &reply), TH_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(th_notify(host, manager, make_event(1, 0, false)), TH_OK);
    await(&meeting.is_in_callback);
    th_let_go(host, pid, meeting.ref);
    assert_int_equal(meeting.drops, 0);
    pthread_mutex_unlock(&meeting.lock);
    await(&meeting.is_dropped);

    th_host_uv_close(host);
    assert_dropped_well(&meeting);
    assert_int_equal(probe.events, 1);
    meeting_close(&meeting);
}

/* --- one thread --- */

enum { ORDERS = 1000 };

/* E5 E2: removing from inside the callback of what is removed, in every order of the others. */
static void single_thread_removes_from_inside_a_callback_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ORDERS; seed++) {
        struct stage stage = stage_open(seed);
        struct meeting call, subscription;
        meeting_open(&call);
        meeting_open(&subscription);
        struct probe callee = {.on_msg = probe_answers};
        struct probe caller = {
            .init = calls_finally, .on_msg = cancels, .patience_ms = 1000, .data = &call};
        struct probe subscriber = {
            .init = subscribes_finally, .on_msg = unsubscribes, .data = &subscription};
        caller.other = stage_spawn(&stage, &callee);
        subscriber.other = spawn_manager(&stage);
        th_pid pids[] = {stage_spawn(&stage, &caller), stage_spawn(&stage, &subscriber)};

        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(th_post(stage.host, pids[i], probe_number(0)), TH_OK);
        th_host_sim_run(stage.host, 1);

        assert_true(caller.replies <= 1);
        assert_true(subscriber.replies <= 1);
        th_host_sim_close(stage.host);
        assert_int_equal(call.drops, 1);
        assert_int_equal(subscription.drops, 1);
        meeting_close(&call);
        meeting_close(&subscription);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_is_removed_by_who_holds_the_lock_that_its_callback_takes),
        ON_EVERY_HOST(removal_of_a_server_cannot_be_undone),
        cmocka_unit_test(alarm_that_is_due_does_not_come_once_its_server_is_removed),
        ON_EVERY_HOST(ctx_of_a_call_is_freed_once_after_its_reply),
        ON_EVERY_HOST(ctx_of_a_call_is_freed_once_after_its_time),
        ON_EVERY_HOST(ctx_of_a_call_is_freed_when_its_caller_ends),
        ON_EVERY_HOST(ctx_of_a_call_is_freed_when_it_is_cancelled),
        ON_EVERY_HOST(call_that_is_let_go_never_tells),
        ON_EVERY_HOST(call_that_is_let_go_meanwhile_is_told_once_or_never_and_freed_once),
        cmocka_unit_test(call_is_let_go_by_who_holds_the_lock_that_its_callback_takes),
        ON_EVERY_HOST(monitor_that_is_let_go_never_tells),
        cmocka_unit_test(monitor_is_let_go_by_who_holds_the_lock_that_its_callback_takes),
        ON_EVERY_HOST(data_of_a_subscription_are_freed_once_however_it_ends),
        ON_EVERY_HOST(nothing_comes_of_a_subscription_that_was_let_go),
        ON_EVERY_HOST(who_unsubscribed_is_not_told_how_the_subscribing_went),
        cmocka_unit_test(subscription_is_let_go_by_who_holds_the_lock_that_its_callback_takes),
        cmocka_unit_test(single_thread_removes_from_inside_a_callback_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Conservation: what is sent is accounted for, whatever becomes of it. A test for each term. */
#include "tests/unit/run_events.h"

static struct th_account account_of(struct stage *stage)
{
    struct th_account account;

    th_host_account(stage->host, &account);
    assert_int_equal(account.unaccounted, 0);
    return account;
}

/* C7 */
static void message_that_was_handled_is_counted_as_handled(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
    th_host_sim_run(stage.host, 1);

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 3);
    assert_int_equal(account.handled, 3);
    th_host_sim_close(stage.host);
}

static enum th_err calls_other(struct probe *probe, const struct th_self *self)
{
    return probe_call(probe, self, 1);
}

/* C7 */
static void call_and_its_reply_are_two_messages(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe callee = {.on_msg = probe_answers};
    struct probe caller = {.init = calls_other, .other = stage_spawn(&stage, &callee)};
    stage_spawn(&stage, &caller);

    th_host_sim_run(stage.host, 1);

    struct th_account account = account_of(&stage);
    assert_int_equal(caller.replies, 1);
    assert_int_equal(account.sent, 2);
    assert_int_equal(account.handled, 2);
    th_host_sim_close(stage.host);
}

/* C7 */
static void reply_to_a_plain_thread_is_counted_as_handled(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe callee = {.on_msg = probe_answers};
    th_pid pid = stage_spawn(&stage, &callee);
    struct th_msg reply;

    assert_int_equal(th_call_wait(stage.host, pid, probe_number(1), 100, &reply), TH_OK);
    th_msg_drop(&reply);

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 2);
    assert_int_equal(account.handled, 2);
    th_host_sim_close(stage.host);
}

/* C7 */
static void message_without_room_or_receiver_is_counted_as_refused(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    struct th_server_spec spec = probe_spec(stage.place, NULL, &probe);
    th_pid pid;
    spec.mailbox_max = 2;
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
    assert_int_equal(th_post(stage.host, pid, probe_number(2)), TH_FULL);
    assert_int_equal(th_post(stage.host, 0, probe_number(3)), TH_GONE);
    assert_int_equal(th_post(stage.host, pid + (UINT64_C(1) << 32), probe_number(4)), TH_GONE);

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 5);
    assert_int_equal(account.refused, 3);
    assert_int_equal(account.waiting, 2);
    th_host_sim_close(stage.host);
}

/* C7 */
static void event_without_room_is_counted_as_missed_and_its_owner_is_told(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe probe = {.init = subscribes, .other = manager};
    struct th_server_spec spec = probe_spec(stage.place, NULL, &probe);
    th_pid pid;
    spec.mailbox_max = 1;
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_suspend(stage.host, pid, 100), TH_OK);

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(th_notify(stage.host, manager, make_event(1, 0, true)), TH_OK);
    th_host_sim_run(stage.host, 1);
    struct th_account account = account_of(&stage);
    assert_int_equal(account.missed, 2);
    assert_int_equal(account.waiting, 2); /* an event, and the note that some were missed */

    th_host_sim_run(stage.host, 200);
    account = account_of(&stage);
    assert_int_equal(account.waiting, 0);
    assert_int_equal(probe.events, 1);
    assert_int_equal(probe.missed, 2);
    th_host_sim_close(stage.host);
}

static enum th_err cancels_when_asked(struct probe *probe, const struct th_self *self,
                                      struct th_msg *msg)
{
    (void)msg;
    th_cancel(self, probe->ref);
    return TH_OK;
}

/* C7 C3 */
static void reply_to_a_cancelled_call_is_counted_as_flushed(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe callee = {.on_msg = probe_answers};
    struct probe caller = {.init = calls_other, .on_msg = cancels_when_asked};
    th_pid callee_pid = caller.other = stage_spawn(&stage, &callee);
    th_pid pid = stage_spawn(&stage, &caller);
    assert_int_equal(th_suspend(stage.host, callee_pid, 100), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 200);

    struct th_account account = account_of(&stage);
    assert_int_equal(caller.replies, 0);
    assert_int_equal(account.sent, 3); /* the call, the number, the reply */
    assert_int_equal(account.handled, 2);
    assert_int_equal(account.flushed, 1);
    th_host_sim_close(stage.host);
}

static enum th_err unsubscribes_when_asked(struct probe *probe, const struct th_self *self,
                                           struct th_msg *msg)
{
    if (msg->kind == &probe_msg)
        th_unsubscribe(self, probe->other);
    return TH_OK;
}

/* C7 E3 */
static void event_that_waits_for_who_unsubscribed_is_counted_as_flushed(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe probe = {.init = subscribes, .on_msg = unsubscribes_when_asked, .other = manager};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_suspend(stage.host, pid, 10), TH_OK);
    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    notify(&stage, manager, 1);
    th_host_sim_run(stage.host, 20);

    struct th_account account = account_of(&stage);
    assert_int_equal(probe.events, 0);
    assert_int_equal(account.flushed, 1);
    th_host_sim_close(stage.host);
}

/* C7 */
static void answer_that_nobody_asked_for_is_counted_as_flushed(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);

    th_reply(stage.host, (struct th_from){0}, probe_number(1));
    th_reply(stage.host, (struct th_from){.pid = 77, .ref = 7}, probe_number(1));

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 2);
    assert_int_equal(account.flushed, 2);
    th_host_sim_close(stage.host);
}

/* C7 */
static void message_to_a_server_that_ends_first_is_counted_as_discarded(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
    th_stop(stage.host, pid, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 1);

    struct th_account account = account_of(&stage);
    assert_int_equal(probe.msgs, 0);
    assert_int_equal(account.sent, 4);
    assert_int_equal(account.discarded, 4);
    th_host_sim_close(stage.host);
}

static enum th_err posts_three(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    for (unsigned i = 0; i < 3; i++)
        TH_CHECK(th_post(self->host, probe->other, probe_number(i)) == TH_OK);
    return TH_OK;
}

/* C7: it needs no lock and is counted apart. */
static void message_from_the_same_place_is_accounted_for_whatever_becomes_of_it(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    struct probe sender = {.on_msg = posts_three, .other = stage_spawn(&stage, &probe)};
    th_pid pid = stage_spawn(&stage, &sender);

    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);
    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 4);
    assert_int_equal(account.handled, 4);

    assert_int_equal(th_suspend(stage.host, sender.other, 100), TH_OK);
    assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);
    account = account_of(&stage);
    assert_int_equal(account.sent, 8);
    assert_int_equal(account.waiting, 3);

    th_stop(stage.host, sender.other, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 1);
    account = account_of(&stage);
    assert_int_equal(account.handled, 5);
    assert_int_equal(account.discarded, 3);
    assert_int_equal(account.waiting, 0);
    th_host_sim_close(stage.host);
}

static enum th_err posts_three_and_ends(struct probe *probe, const struct th_self *self,
                                        struct th_msg *msg)
{
    posts_three(probe, self, msg);
    return TH_SHUTDOWN;
}

/* C7 */
static void message_of_a_server_to_itself_that_ends_first_is_counted_as_discarded(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_msg = posts_three_and_ends};
    probe.other = stage_spawn(&stage, &probe);

    assert_int_equal(th_post(stage.host, probe.other, probe_number(0)), TH_OK);
    th_host_sim_run(stage.host, 1);

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 4);
    assert_int_equal(account.handled, 1);
    assert_int_equal(account.discarded, 3);
    th_host_sim_close(stage.host);
}

/* C7 */
static void message_in_a_mailbox_is_counted_as_waiting(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_suspend(stage.host, pid, 100), TH_OK);

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
    th_host_sim_run(stage.host, 1);

    struct th_account account = account_of(&stage);
    assert_int_equal(account.sent, 2);
    assert_int_equal(account.waiting, 2);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_that_was_handled_is_counted_as_handled),
        cmocka_unit_test(call_and_its_reply_are_two_messages),
        cmocka_unit_test(reply_to_a_plain_thread_is_counted_as_handled),
        cmocka_unit_test(message_without_room_or_receiver_is_counted_as_refused),
        cmocka_unit_test(event_without_room_is_counted_as_missed_and_its_owner_is_told),
        cmocka_unit_test(reply_to_a_cancelled_call_is_counted_as_flushed),
        cmocka_unit_test(event_that_waits_for_who_unsubscribed_is_counted_as_flushed),
        cmocka_unit_test(answer_that_nobody_asked_for_is_counted_as_flushed),
        cmocka_unit_test(message_to_a_server_that_ends_first_is_counted_as_discarded),
        cmocka_unit_test(message_from_the_same_place_is_accounted_for_whatever_becomes_of_it),
        cmocka_unit_test(message_of_a_server_to_itself_that_ends_first_is_counted_as_discarded),
        cmocka_unit_test(message_in_a_mailbox_is_counted_as_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

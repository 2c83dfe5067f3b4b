/*
 * A server that lingers by its letterbox. Only threads let a server linger; here host_sim's are made to,
 * one step after the other, so that each order in which place and sender can meet is played.
 */
#include "switch/run/watch.h"
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

struct meeting {
    struct stage stage;
    struct th_place *elsewhere;
    struct probe asker, callee;
    th_pid asker_pid, callee_pid;
};

static struct th_slot *slot_of(struct meeting *meeting, th_pid pid)
{
    return th_run_slot(meeting->stage.host, pid);
}

static enum th_err notes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    probe_note(probe, (char)probe_number_of(msg));
    return TH_OK;
}

/* on_msg: keeps the call, to be answered later. */
static struct th_from kept;

static enum th_err keeps_call(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self;
    kept = th_from_of(msg);
    return TH_OK;
}

static enum th_err calls(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    return probe_call(probe, self, 1);
}

/* Two servers at places of their own. on_msg: the callee's; mailbox_max: likewise. */
static void open_meeting_of(struct meeting *meeting, unsigned mailbox_max,
                            enum th_err (*on_msg)(struct probe *, const struct th_self *,
                                                  struct th_msg *))
{
    *meeting = (struct meeting){.stage = stage_open(0),
                                .asker = {.on_msg = calls, .patience_ms = 1000},
                                .callee = {.on_msg = on_msg}};
    struct th_host *host = meeting->stage.host;
    struct th_server_spec spec;

    assert_int_equal(th_host_sim_place(host, "elsewhere", &meeting->elsewhere), TH_OK);
    spec = probe_spec(meeting->elsewhere, NULL, &meeting->callee);
    spec.mailbox_max = mailbox_max;
    assert_int_equal(th_spawn(host, &spec, &meeting->callee_pid), TH_OK);
    meeting->asker.other = meeting->callee_pid;
    meeting->asker_pid = probe_spawn(host, meeting->stage.place, NULL, &meeting->asker);
    th_host_sim_run(host, 1);
}

static void open_meeting(struct meeting *meeting,
                         enum th_err (*on_msg)(struct probe *, const struct th_self *,
                                               struct th_msg *))
{
    open_meeting_of(meeting, 0, on_msg);
}

static void close_meeting(struct meeting *meeting)
{
    struct th_account account;

    th_host_account(meeting->stage.host, &account);
    assert_int_equal(account.unaccounted, 0);
    th_host_sim_close(meeting->stage.host);
}

/* Has a server a turn, after which it lingers. */
static struct th_slot *let_linger(struct meeting *meeting, th_pid pid)
{
    struct th_slot *slot = slot_of(meeting, pid);

    slot->spec.place->may_linger = true;
    assert_int_equal(th_resume(meeting->stage.host, pid), TH_OK);
    th_host_sim_run(meeting->stage.host, 0);
    slot->spec.place->may_linger = false;
    assert_ptr_equal(slot->spec.place->lingering, slot);
    return slot;
}

/* Its place looks, and finds something. */
static void wake(struct meeting *meeting, struct th_slot *slot)
{
    assert_true(th_run_box_take(slot));
    assert_null(slot->spec.place->lingering);
    th_run_ready(slot);
    th_host_sim_run(meeting->stage.host, 1);
}

static void post(struct meeting *meeting, char letter)
{
    assert_int_equal(
        th_post(meeting->stage.host, meeting->callee_pid, probe_number((uint64_t)letter)), TH_OK);
}

static void what_is_in_the_box_goes_first_and_what_follows_after_it(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    assert_false(th_run_box_take(slot));
    post(&meeting, 'a');
    post(&meeting, 'b');
    post(&meeting, 'c');
    th_host_sim_run(meeting.stage.host, 1);
    assert_string_equal(meeting.callee.trace, ""); /* its place was told by the box, and only so */
    assert_int_equal(stage_look(&meeting.stage, meeting.callee_pid).mailbox, 3);
    wake(&meeting, slot);

    assert_string_equal(meeting.callee.trace, "abc");
    assert_int_equal(stage_look(&meeting.stage, meeting.callee_pid).mailbox_peak, 3);
    close_meeting(&meeting);
}

static void server_that_lingers_in_vain_is_idle_again(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    assert_false(th_run_linger_end(slot));
    assert_null(slot->spec.place->lingering);
    post(&meeting, 'a');
    th_host_sim_run(meeting.stage.host, 1);

    assert_string_equal(meeting.callee.trace, "a");
    close_meeting(&meeting);
}

static void what_comes_as_the_place_stops_looking_is_not_left_in_the_box(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    post(&meeting, 'a');
    assert_true(th_run_linger_end(slot));
    th_run_ready(slot);
    th_host_sim_run(meeting.stage.host, 1);

    assert_string_equal(meeting.callee.trace, "a");
    close_meeting(&meeting);
}

static void slow_sender_makes_the_server_ready_itself_and_still_goes_first(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    assert_true(th_run_box_claim(slot, meeting.callee_pid));
    assert_false(th_run_linger_end(slot)); /* the place does not wait for it */
    post(&meeting, 'b');
    th_host_sim_run(meeting.stage.host, 1);
    assert_string_equal(meeting.callee.trace, "");
    slot->box.class = TH_MAIL_MSG;
    slot->box.watch = NULL;
    slot->box.msg = probe_number('a');
    assert_true(th_run_box_fill(slot, TH_BOX_MAIL));
    th_run_ready(slot);
    th_host_sim_run(meeting.stage.host, 1);

    assert_string_equal(meeting.callee.trace, "ab");
    close_meeting(&meeting);
}

static void box_of_another_server_is_never_claimed(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    assert_false(th_run_box_claim(slot, meeting.callee_pid + (UINT64_C(1) << 32)));
    assert_true(th_run_box_claim(slot, meeting.callee_pid));
    assert_false(th_run_box_claim(slot, meeting.callee_pid));
    assert_false(th_run_box_fill(slot, TH_BOX_LOOK));
    wake(&meeting, slot);
    close_meeting(&meeting);
}

/* E1 E3 */
static void server_that_lingers_is_stopped_before_what_is_in_its_box(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    post(&meeting, 'a');
    th_stop(meeting.stage.host, meeting.callee_pid, TH_SHUTDOWN);
    wake(&meeting, slot);

    assert_string_equal(meeting.callee.trace, "");
    assert_int_equal(meeting.callee.terminates, 1);
    close_meeting(&meeting);
}

/* E1 */
static void stop_alone_ends_a_server_that_lingers(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    th_stop(meeting.stage.host, meeting.callee_pid, TH_SHUTDOWN);
    wake(&meeting, slot);

    assert_int_equal(meeting.callee.terminates, 1);
    close_meeting(&meeting);
}

static void server_that_lingers_can_be_suspended_and_keeps_what_comes(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    assert_int_equal(th_suspend(meeting.stage.host, meeting.callee_pid, 100), TH_OK);
    wake(&meeting, slot);
    post(&meeting, 'a');
    assert_string_equal(meeting.callee.trace, "");
    th_host_sim_run(meeting.stage.host, 200);

    assert_string_equal(meeting.callee.trace, "a");
    close_meeting(&meeting);
}

/* --- its alarm --- */

static enum th_err notes_alarm(struct probe *probe, const struct th_self *self)
{
    (void)self;
    probe_note(probe, '*');
    return TH_OK;
}

/* The callee lingers, and has an alarm 50 ms from now. */
static struct th_slot *linger_with_alarm(struct meeting *meeting)
{
    meeting->callee.on_alarm = notes_alarm;
    meeting->callee.alarm_at = th_host_now(meeting->stage.host).mono + 50;
    post(meeting, '0');
    return let_linger(meeting, meeting->callee_pid);
}

/* A7 */
static void alarm_that_falls_due_while_its_server_lingers_comes_once(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, notes);
    struct th_slot *slot = linger_with_alarm(&meeting);

    th_host_sim_run(meeting.stage.host, 49);
    assert_int_equal(slot->box.what, TH_BOX_EMPTY);
    th_host_sim_run(meeting.stage.host, 1);
    assert_int_equal(slot->box.what, TH_BOX_LOOK); /* its place is told by the box */
    wake(&meeting, slot);

    assert_string_equal(meeting.callee.trace, "0*");
    th_host_sim_run(meeting.stage.host, 1000);
    assert_string_equal(meeting.callee.trace, "0*");
    close_meeting(&meeting);
}

/* A7 */
static void alarm_and_mail_that_meet_at_a_server_that_lingers_both_come(void **state)
{
    (void)state;
    for (unsigned is_mail_first = 0; is_mail_first < 2; is_mail_first++) {
        struct meeting meeting;
        open_meeting(&meeting, notes);
        struct th_slot *slot = linger_with_alarm(&meeting);

        if (is_mail_first)
            post(&meeting, 'a');
        th_host_sim_run(meeting.stage.host, 50);
        if (!is_mail_first)
            post(&meeting, 'a');
        wake(&meeting, slot);

        assert_string_equal(meeting.callee.trace, "0*a");
        assert_int_equal(meeting.callee.alarms, 1);
        close_meeting(&meeting);
    }
}

/* A7 */
static void alarm_of_a_server_that_has_stopped_lingering_needs_nobody_who_looks(void **state)
{
    (void)state;
    for (unsigned is_late = 0; is_late < 2; is_late++) {
        struct meeting meeting;
        open_meeting(&meeting, notes);
        struct th_slot *slot = linger_with_alarm(&meeting);

        if (is_late)
            th_host_sim_run(meeting.stage.host, 50);
        if (th_run_linger_end(slot)) {
            assert_int_equal(is_late, 1);
            th_run_ready(slot);
        }
        th_host_sim_run(meeting.stage.host, 50);

        assert_string_equal(meeting.callee.trace, "0*");
        close_meeting(&meeting);
    }
}

/* --- its limit --- */

static enum th_err post_err(struct meeting *meeting, char letter)
{
    return th_post(meeting->stage.host, meeting->callee_pid, probe_number((uint64_t)letter));
}

/* C7: the letterbox is a part of the mailbox, so that the limit is the same. */
static void what_is_in_the_box_counts_for_the_limit_of_the_mailbox(void **state)
{
    (void)state;
    for (unsigned max = 1; max <= 3; max++) {
        struct meeting meeting;
        open_meeting_of(&meeting, max, notes);
        struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

        for (unsigned i = 0; i < max; i++)
            assert_int_equal(post_err(&meeting, (char)('a' + i)), TH_OK);
        assert_int_equal(post_err(&meeting, 'y'), TH_FULL);
        assert_int_equal(post_err(&meeting, 'z'), TH_FULL);
        assert_int_equal(stage_look(&meeting.stage, meeting.callee_pid).mailbox, max);
        assert_int_equal(stage_look(&meeting.stage, meeting.callee_pid).refused, 2);
        wake(&meeting, slot);

        assert_int_equal(strlen(meeting.callee.trace), max);
        assert_int_equal(stage_look(&meeting.stage, meeting.callee_pid).mailbox_peak, max);
        assert_int_equal(post_err(&meeting, 'a'), TH_OK);
        close_meeting(&meeting);
    }
}

/* C7 */
static void call_that_finds_box_and_mailbox_full_is_told_so(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting_of(&meeting, 1, notes);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    post(&meeting, 'a');
    assert_int_equal(th_post(meeting.stage.host, meeting.asker_pid, probe_number(0)), TH_OK);
    th_host_sim_run(meeting.stage.host, 1);
    assert_int_equal(meeting.asker.replies, 1);
    assert_int_equal(meeting.asker.why, TH_FULL);
    wake(&meeting, slot);

    assert_string_equal(meeting.callee.trace, "a");
    close_meeting(&meeting);
}

/* C7 B5: of an event that finds no room its owner is told, after what came before it. */
static void events_that_find_box_and_mailbox_full_are_told_as_missed(void **state)
{
    (void)state;
    struct meeting meeting = {.stage = stage_open(0),
                              .callee = {.init = subscribes, .on_msg = notes_kind}};
    struct th_host *host = meeting.stage.host;
    th_pid manager = spawn_manager(&meeting.stage);
    assert_int_equal(th_host_sim_place(host, "elsewhere", &meeting.elsewhere), TH_OK);
    meeting.callee.other = manager;
    struct th_server_spec spec = probe_spec(meeting.elsewhere, NULL, &meeting.callee);
    spec.mailbox_max = 2;
    assert_int_equal(th_spawn(host, &spec, &meeting.callee_pid), TH_OK);
    th_host_sim_run(host, 1);
    struct th_slot *slot = let_linger(&meeting, meeting.callee_pid);

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(th_notify(host, manager, make_event(1U << i, 0, true)), TH_OK);
    th_host_sim_run(host, 1);
    assert_int_equal(slot->box.what, TH_BOX_MAIL);
    wake(&meeting, slot);

    assert_string_equal(meeting.callee.trace, "ab!");
    assert_int_equal(meeting.callee.missed, 3);
    close_meeting(&meeting);
}

/* --- calls --- */

/* The asker calls while the callee lingers. */
static struct th_slot *call_by_box(struct meeting *meeting)
{
    struct th_slot *slot = let_linger(meeting, meeting->callee_pid);

    assert_int_equal(th_post(meeting->stage.host, meeting->asker_pid, probe_number(0)), TH_OK);
    th_host_sim_run(meeting->stage.host, 1);
    assert_int_equal(slot->box.what, TH_BOX_MAIL);
    return slot;
}

/* C3 */
static void call_by_box_that_is_answered_at_once_leaves_nothing_behind(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, probe_answers);
    struct th_slot *slot = call_by_box(&meeting);

    wake(&meeting, slot);

    assert_int_equal(meeting.asker.replies, 1);
    assert_int_equal(meeting.asker.why, TH_OK);
    assert_null(slot->watchers_first);
    assert_null(slot->in_hand);
    th_host_sim_run(meeting.stage.host, 5000);
    assert_int_equal(meeting.asker.replies, 1);
    close_meeting(&meeting);
}

/* C2 */
static void callee_that_keeps_a_call_by_box_and_ends_is_told_gone_once(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = call_by_box(&meeting);

    wake(&meeting, slot);
    assert_non_null(slot->watchers_first);
    th_stop(meeting.stage.host, meeting.callee_pid, TH_SHUTDOWN);
    th_host_sim_run(meeting.stage.host, 5000);

    assert_int_equal(meeting.asker.replies, 1);
    assert_int_equal(meeting.asker.why, TH_GONE);
    close_meeting(&meeting);
}

/* C2 */
static void callee_that_ends_with_a_call_in_its_box_is_told_gone_once(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = call_by_box(&meeting);

    th_stop(meeting.stage.host, meeting.callee_pid, TH_SHUTDOWN);
    wake(&meeting, slot);
    th_host_sim_run(meeting.stage.host, 5000);

    assert_int_equal(meeting.callee.msgs, 0);
    assert_int_equal(meeting.asker.replies, 1);
    assert_int_equal(meeting.asker.why, TH_GONE);
    close_meeting(&meeting);
}

/* C3 C4 */
static void call_that_times_out_in_the_box_is_told_once_and_leaves_nothing_behind(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = call_by_box(&meeting);

    th_host_sim_run(meeting.stage.host, 5000);
    assert_int_equal(meeting.asker.why, TH_TIMED_OUT);
    wake(&meeting, slot);
    assert_int_equal(meeting.callee.msgs, 1);
    assert_null(slot->watchers_first);
    th_reply(meeting.stage.host, kept, probe_number(1));
    th_host_sim_run(meeting.stage.host, 5000);

    assert_int_equal(meeting.asker.replies, 1);
    close_meeting(&meeting);
}

/* The asker lingers while its call waits; then it is answered. */
static struct th_slot *answer_by_box(struct meeting *meeting)
{
    struct th_slot *slot;

    assert_int_equal(th_post(meeting->stage.host, meeting->asker_pid, probe_number(0)), TH_OK);
    th_host_sim_run(meeting->stage.host, 1);
    slot = let_linger(meeting, meeting->asker_pid);
    th_reply(meeting->stage.host, kept, probe_number(7));
    assert_int_equal(slot->box.what, TH_BOX_REPLY);
    return slot;
}

/* C3 */
static void reply_in_the_box_is_told_and_neither_death_nor_time_out_nor_another(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = answer_by_box(&meeting);

    th_reply(meeting.stage.host, kept, probe_number(8));
    th_stop(meeting.stage.host, meeting.callee_pid, TH_SHUTDOWN);
    th_host_sim_run(meeting.stage.host, 5000);
    assert_int_equal(meeting.asker.replies, 0);
    wake(&meeting, slot);
    th_host_sim_run(meeting.stage.host, 5000);

    assert_int_equal(meeting.asker.replies, 1);
    assert_int_equal(meeting.asker.why, TH_OK);
    assert_int_equal(meeting.asker.answer, 7);
    close_meeting(&meeting);
}

/* C3 */
static void reply_in_the_box_to_a_call_that_was_let_go_is_not_told(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = answer_by_box(&meeting);

    th_let_go(meeting.stage.host, meeting.asker_pid, kept.ref);
    wake(&meeting, slot);
    th_host_sim_run(meeting.stage.host, 5000);

    assert_int_equal(meeting.asker.replies, 0);
    close_meeting(&meeting);
}

/* E2 */
static void asker_that_ends_with_a_reply_in_its_box_drops_it(void **state)
{
    (void)state;
    struct meeting meeting;
    open_meeting(&meeting, keeps_call);
    struct th_slot *slot = answer_by_box(&meeting);

    th_stop(meeting.stage.host, meeting.asker_pid, TH_SHUTDOWN);
    wake(&meeting, slot);

    assert_int_equal(meeting.asker.replies, 0);
    close_meeting(&meeting);
}

/* C3 E2: both linger, so that the reply brings the call's watch back. */
static void reply_that_brings_its_call_back_is_told_once_or_dropped_whole(void **state)
{
    (void)state;
    for (unsigned is_ended = 0; is_ended < 2; is_ended++) {
        struct meeting meeting;
        open_meeting(&meeting, probe_answers);
        struct th_slot *callee = call_by_box(&meeting);
        struct th_slot *asker = let_linger(&meeting, meeting.asker_pid);

        wake(&meeting, callee);
        assert_int_equal(asker->box.what, TH_BOX_REPLY);
        assert_non_null(asker->box.watch);
        if (is_ended)
            th_stop(meeting.stage.host, meeting.asker_pid, TH_SHUTDOWN);
        wake(&meeting, asker);

        assert_int_equal(meeting.asker.replies, is_ended ? 0 : 1);
        assert_null(callee->watchers_first);
        close_meeting(&meeting);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_box_goes_first_and_what_follows_after_it),
        cmocka_unit_test(server_that_lingers_in_vain_is_idle_again),
        cmocka_unit_test(what_comes_as_the_place_stops_looking_is_not_left_in_the_box),
        cmocka_unit_test(slow_sender_makes_the_server_ready_itself_and_still_goes_first),
        cmocka_unit_test(box_of_another_server_is_never_claimed),
        cmocka_unit_test(server_that_lingers_is_stopped_before_what_is_in_its_box),
        cmocka_unit_test(stop_alone_ends_a_server_that_lingers),
        cmocka_unit_test(server_that_lingers_can_be_suspended_and_keeps_what_comes),
        cmocka_unit_test(alarm_that_falls_due_while_its_server_lingers_comes_once),
        cmocka_unit_test(alarm_and_mail_that_meet_at_a_server_that_lingers_both_come),
        cmocka_unit_test(alarm_of_a_server_that_has_stopped_lingering_needs_nobody_who_looks),
        cmocka_unit_test(what_is_in_the_box_counts_for_the_limit_of_the_mailbox),
        cmocka_unit_test(call_that_finds_box_and_mailbox_full_is_told_so),
        cmocka_unit_test(events_that_find_box_and_mailbox_full_are_told_as_missed),
        cmocka_unit_test(call_by_box_that_is_answered_at_once_leaves_nothing_behind),
        cmocka_unit_test(callee_that_keeps_a_call_by_box_and_ends_is_told_gone_once),
        cmocka_unit_test(callee_that_ends_with_a_call_in_its_box_is_told_gone_once),
        cmocka_unit_test(call_that_times_out_in_the_box_is_told_once_and_leaves_nothing_behind),
        cmocka_unit_test(reply_in_the_box_is_told_and_neither_death_nor_time_out_nor_another),
        cmocka_unit_test(reply_in_the_box_to_a_call_that_was_let_go_is_not_told),
        cmocka_unit_test(asker_that_ends_with_a_reply_in_its_box_drops_it),
        cmocka_unit_test(reply_that_brings_its_call_back_is_told_once_or_dropped_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

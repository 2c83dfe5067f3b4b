/* A server that lingers: what goes first, its end, its alarm, its limit. */
#include "tests/unit/run_lingering.h"

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

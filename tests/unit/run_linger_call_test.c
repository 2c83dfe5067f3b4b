/* A server that lingers: calls and replies that come by its letterbox. */
#include "tests/unit/run_lingering.h"

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

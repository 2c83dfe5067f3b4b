/*
 * A call between two servers of one place: it takes no lock of the callee, and neither does a reply that
 * the callee gives at once. What is promised of calls holds there too, step by step.
 */
#include "switch/run/watch.h"
#include "tests/unit/run_hosts.h"

struct two {
    struct stage stage;
    struct probe asker, callee;
    th_pid asker_pid, callee_pid;
};

static void open_two(struct two *two,
                     enum th_err (*on_msg)(struct probe *, const struct th_self *, struct th_msg *),
                     unsigned mailbox_max)
{
    *two = (struct two){.stage = stage_open(0),
                        .asker = {.on_msg = probe_calls_on, .patience_ms = 1000},
                        .callee = {.on_msg = on_msg}};
    struct th_server_spec spec = probe_spec(two->stage.place, NULL, &two->callee);

    spec.mailbox_max = mailbox_max;
    assert_int_equal(th_spawn(two->stage.host, &spec, &two->callee_pid), TH_OK);
    two->asker.other = two->callee_pid;
    two->asker_pid = stage_spawn(&two->stage, &two->asker);
    th_host_sim_run(two->stage.host, 1);
}

/* Nothing is left of any call, and every message is accounted for. */
static void close_two(struct two *two)
{
    struct th_slot *asker = th_run_slot(two->stage.host, two->asker_pid);
    struct th_slot *callee = th_run_slot(two->stage.host, two->callee_pid);
    struct th_account account;

    th_host_sim_run(two->stage.host, 60000);
    assert_int_equal(two->asker.replies <= 1, true);
    assert_null(callee->watchers_first);
    assert_null(callee->in_hand);
    assert_int_equal(asker->call_count, 0);
    th_host_account(two->stage.host, &account);
    assert_int_equal(account.waiting, 0);
    assert_int_equal(account.unaccounted, 0);
    th_host_sim_close(two->stage.host);
}

/* The asker has called; the callee, which is suspended, has its call. */
static void let_call_wait(struct two *two)
{
    assert_int_equal(th_suspend(two->stage.host, two->callee_pid, 60000), TH_OK);
    stage_tell(&two->stage, two->asker_pid, 1);
    th_host_sim_run(two->stage.host, 1);
    assert_int_equal(stage_look(&two->stage, two->callee_pid).mailbox, 1);
}

/* The callee has answered; the asker, which is suspended, has the reply. */
static void let_reply_wait(struct two *two)
{
    let_call_wait(two);
    assert_int_equal(th_suspend(two->stage.host, two->asker_pid, 30000), TH_OK);
    assert_int_equal(th_resume(two->stage.host, two->callee_pid), TH_OK);
    th_host_sim_run(two->stage.host, 1);
    assert_int_equal(two->callee.msgs, 1);
    assert_int_equal(two->asker.replies, 0);
}

/* C3 */
static void answer_at_once_is_told_once_and_nothing_is_left(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);

    stage_tell(&two.stage, two.asker_pid, 1);
    th_host_sim_run(two.stage.host, 0);

    assert_int_equal(two.asker.why, TH_OK);
    assert_int_equal(two.asker.answer, 2);
    close_two(&two);
}

/* C4: it came in time, however late its caller looks. */
static void reply_that_waits_when_the_time_is_over_is_told_and_no_time_out(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);
    let_reply_wait(&two);

    th_host_sim_run(two.stage.host, 5000);
    assert_int_equal(two.asker.replies, 0);
    assert_int_equal(th_resume(two.stage.host, two.asker_pid), TH_OK);
    th_host_sim_run(two.stage.host, 1);

    assert_int_equal(two.asker.replies, 1);
    assert_int_equal(two.asker.why, TH_OK);
    close_two(&two);
}

/* C3 C4 */
static void call_that_times_out_before_it_is_handled_is_told_once(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);
    let_call_wait(&two);

    th_host_sim_run(two.stage.host, 5000);
    assert_int_equal(two.asker.why, TH_TIMED_OUT);
    assert_int_equal(th_resume(two.stage.host, two.callee_pid), TH_OK);
    th_host_sim_run(two.stage.host, 1);

    assert_int_equal(two.callee.msgs, 1);
    assert_int_equal(two.asker.replies, 1);
    close_two(&two);
}

/* C2 */
static void callee_that_is_stopped_with_a_call_in_its_mailbox_is_told_gone(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);
    let_call_wait(&two);

    th_stop(two.stage.host, two.callee_pid, TH_SHUTDOWN);
    th_host_sim_run(two.stage.host, 0);

    assert_int_equal(two.callee.msgs, 0);
    assert_int_equal(two.asker.replies, 1);
    assert_int_equal(two.asker.why, TH_GONE);
    close_two(&two);
}

static enum th_err ends_itself(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self, (void)msg;
    return TH_IO;
}

/* C2 */
static void callee_that_ends_as_it_handles_the_call_is_told_gone(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, ends_itself, 0);

    stage_tell(&two.stage, two.asker_pid, 1);
    th_host_sim_run(two.stage.host, 0);

    assert_int_equal(two.asker.replies, 1);
    assert_int_equal(two.asker.why, TH_GONE);
    close_two(&two);
}

/* C3 E3 */
static void reply_to_a_call_that_was_let_go_meanwhile_is_not_told(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);
    let_reply_wait(&two);

    th_let_go(two.stage.host, two.asker_pid, two.asker.ref);
    assert_int_equal(th_resume(two.stage.host, two.asker_pid), TH_OK);
    th_host_sim_run(two.stage.host, 1);

    assert_int_equal(two.asker.replies, 0);
    close_two(&two);
}

/* E2 */
static void caller_that_ends_with_a_reply_in_its_mailbox_drops_it(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 0);
    let_reply_wait(&two);

    th_stop(two.stage.host, two.asker_pid, TH_SHUTDOWN);
    th_host_sim_run(two.stage.host, 1);

    assert_int_equal(two.asker.terminates, 1);
    assert_int_equal(two.asker.replies, 0);
    close_two(&two);
}

/* C7 */
static void call_to_a_full_mailbox_is_told_full(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, probe_answers, 1);
    assert_int_equal(th_suspend(two.stage.host, two.callee_pid, 60000), TH_OK);
    stage_tell(&two.stage, two.callee_pid, 1);

    stage_tell(&two.stage, two.asker_pid, 1);
    th_host_sim_run(two.stage.host, 1);

    assert_int_equal(two.asker.replies, 1);
    assert_int_equal(two.asker.why, TH_FULL);
    assert_int_equal(stage_look(&two.stage, two.callee_pid).refused, 1);
    close_two(&two);
}

static enum th_err answers_without_memory(struct probe *probe, const struct th_self *self,
                                          struct th_msg *msg)
{
    struct th_msg reply = probe_number(9);

    (void)probe;
    th_mem_refuse(1);
    th_reply(self->host, th_from_of(msg), reply);
    return TH_OK;
}

/* C7: a reply cannot fail. */
static void reply_that_finds_no_memory_is_told_all_the_same(void **state)
{
    (void)state;
    struct two two;
    open_two(&two, answers_without_memory, 0);

    stage_tell(&two.stage, two.asker_pid, 1);
    th_host_sim_run(two.stage.host, 1);
    th_mem_refuse(0);

    assert_int_equal(two.asker.replies, 1);
    assert_int_equal(two.asker.answer, 9);
    close_two(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_at_once_is_told_once_and_nothing_is_left),
        cmocka_unit_test(reply_that_waits_when_the_time_is_over_is_told_and_no_time_out),
        cmocka_unit_test(call_that_times_out_before_it_is_handled_is_told_once),
        cmocka_unit_test(callee_that_is_stopped_with_a_call_in_its_mailbox_is_told_gone),
        cmocka_unit_test(callee_that_ends_as_it_handles_the_call_is_told_gone),
        cmocka_unit_test(reply_to_a_call_that_was_let_go_meanwhile_is_not_told),
        cmocka_unit_test(caller_that_ends_with_a_reply_in_its_mailbox_drops_it),
        cmocka_unit_test(call_to_a_full_mailbox_is_told_full),
        cmocka_unit_test(reply_that_finds_no_memory_is_told_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

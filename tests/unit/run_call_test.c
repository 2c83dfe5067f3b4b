/* Calls: exactly one outcome, on time, and nothing after it. */
#include "tests/unit/run_probe.h"

/* C1, C6 */
static void call_is_answered_on_the_callers_turn(void **state)
{
    (void)state;
    struct probe callee = {.on_msg = probe_answers}, caller = {.on_msg = probe_calls_on};
    struct th_host *host;
    struct th_place *place;

    assert_int_equal(th_host_step_new(&host, 0), TH_OK);
    assert_int_equal(th_host_step_place(host, "all", &place), TH_OK);
    caller.other = probe_spawn(host, place, NULL, &callee);
    th_pid pid = probe_spawn(host, place, NULL, &caller);
    assert_int_equal(th_post(host, pid, probe_number(41)), TH_OK);
    th_host_step_run(host, 10);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(caller.answer, 42);
    th_host_step_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_answered_on_the_callers_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

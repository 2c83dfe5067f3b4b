/* The host with threads. No sleeping: the main thread waits in th_call_wait or in the close. */
#include "tests/unit/run_probe.h"

#include "switch/run/host_uv.h"

/* C5 */
static void call_from_a_plain_thread_is_answered(void **state)
{
    (void)state;
    struct probe probe = {.on_msg = probe_answers};
    struct th_host *host;
    struct th_place *place;
    struct th_msg reply;

    assert_int_equal(th_host_uv_new(&host), TH_OK);
    assert_int_equal(th_host_uv_place(host, "one", &place), TH_OK);
    th_pid pid = probe_spawn(host, place, "probe", &probe);
    assert_int_equal(th_call_wait(host, pid, probe_number(41), 5000, &reply), TH_OK);

    assert_int_equal(probe_number_of(&reply), 42);
    th_msg_drop(&reply);
    th_host_uv_close(host);
    assert_int_equal(probe.terminates, 1);
    assert_int_equal(probe.ended_why, TH_SHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_from_a_plain_thread_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

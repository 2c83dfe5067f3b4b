#include "switch/run/waiters.h"

#include "switch/base/mem.h"

#include "tests/lib/test_cmocka.h"

static void they_wait_in_order_until_all_are_answered(void **state)
{
    (void)state;
    struct th_waiters waiters = {0};
    for (th_pid pid = 1; pid <= 40; pid++)
        assert_int_equal(th_waiters_add(&waiters, (struct th_from){.pid = pid, .ref = 2 * pid}, 64),
                         TH_OK);

    assert_int_equal(waiters.count, 40);
    for (th_pid pid = 1; pid <= 40; pid++)
        assert_int_equal(waiters.from[pid - 1].ref, 2 * pid);

    th_waiters_clear(&waiters);
    assert_int_equal(waiters.count, 0);
    assert_null(waiters.from);
}

static void one_over_the_limit_does_not_wait(void **state)
{
    (void)state;
    struct th_waiters waiters = {0};
    for (th_pid pid = 1; pid <= 3; pid++)
        assert_int_equal(th_waiters_add(&waiters, (struct th_from){.pid = pid}, 3), TH_OK);

    assert_int_equal(th_waiters_add(&waiters, (struct th_from){.pid = 4}, 3), TH_LIMIT);

    assert_int_equal(waiters.count, 3);
    th_waiters_clear(&waiters);
}

static void without_memory_it_does_not_wait_and_the_others_do(void **state)
{
    (void)state;
    struct th_waiters waiters = {0};
    unsigned added = 0;

    for (th_pid pid = 1; pid <= 64; pid++) {
        th_mem_refuse(pid % 2);
        enum th_err err = th_waiters_add(&waiters, (struct th_from){.pid = pid}, 64);
        assert_true(err == TH_OK || err == TH_NO_MEMORY);
        added += err == TH_OK;
    }
    th_mem_refuse(0);

    assert_int_equal(waiters.count, added);
    assert_in_range(added, 32, 63);
    th_waiters_clear(&waiters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_wait_in_order_until_all_are_answered),
        cmocka_unit_test(one_over_the_limit_does_not_wait),
        cmocka_unit_test(without_memory_it_does_not_wait_and_the_others_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

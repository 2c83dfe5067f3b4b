#include "switch/base/limit.h"

#include "tests/lib/test_cmocka.h"

static void it_starts_full_and_then_refuses(void **state)
{
    (void)state;
    struct th_limit limit;
    th_limit_init(&limit, 1, 3, 1000);

    for (unsigned i = 0; i < 3; i++)
        assert_true(th_limit_take(&limit, 1000, 1));

    assert_false(th_limit_take(&limit, 1000, 1));
}

static void tokens_come_back_at_the_rate(void **state)
{
    (void)state;
    struct th_limit limit;
    th_limit_init(&limit, 2, 1, 0);
    assert_true(th_limit_take(&limit, 0, 1));

    assert_false(th_limit_take(&limit, 499, 1));
    assert_true(th_limit_take(&limit, 500, 1));
}

static void slow_rates_lose_nothing_to_rounding(void **state)
{
    (void)state;
    struct th_limit limit;
    unsigned taken = 0;
    th_limit_init(&limit, 3, 1, 0);

    for (th_ms now = 1; now <= 100000; now++)
        taken += th_limit_take(&limit, now, 1);

    assert_in_range(taken, 299, 301);
}

static void no_more_than_the_burst_waits(void **state)
{
    (void)state;
    struct th_limit limit;
    th_limit_init(&limit, 1000, 5, 0);

    assert_false(th_limit_take(&limit, UINT64_MAX, 6));
    assert_true(th_limit_take(&limit, UINT64_MAX, 5));
    assert_false(th_limit_take(&limit, UINT64_MAX, 1));
}

static void a_refusal_takes_nothing(void **state)
{
    (void)state;
    struct th_limit limit;
    th_limit_init(&limit, 1, 4, 0);

    assert_false(th_limit_take(&limit, 0, 5));

    assert_true(th_limit_take(&limit, 0, 4));
}

static void the_largest_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct th_limit limit;
    th_limit_init(&limit, UINT32_MAX, UINT32_MAX, 0);

    assert_true(th_limit_take(&limit, 0, UINT32_MAX));
    assert_true(th_limit_take(&limit, UINT64_MAX, UINT32_MAX));
    assert_false(th_limit_take(&limit, UINT64_MAX, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_full_and_then_refuses),
        cmocka_unit_test(tokens_come_back_at_the_rate),
        cmocka_unit_test(slow_rates_lose_nothing_to_rounding),
        cmocka_unit_test(no_more_than_the_burst_waits),
        cmocka_unit_test(a_refusal_takes_nothing),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The lookup machine: who is asked, and for how long an answer is waited for. */
#include "tests/lib/lookup_bench.h"

/* --- asking --- */

/* A3 */
static void nearest_three_are_asked_first(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);

    expect(&b, TH_LOOKUP_CONNECT, 10);
    expect(&b, TH_LOOKUP_CONNECT, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);
    expect_nothing(&b);
    end(&b);
}

/* A3 */
static void an_answer_frees_a_place_for_the_nearest_it_told_of(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);

    ANSWER(&b, 20, 15, 5);

    expect(&b, TH_LOOKUP_CONNECT, 5);
    expect_nothing(&b);
    end(&b);
}

static void no_node_is_asked_twice(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, 9);
    ask(&b, 9);

    ANSWER(&b, 9, 10, 9);

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(b.lookup.asked, 2);
    end(&b);
}

static void we_are_never_asked(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, SELF);

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(b.lookup.count, 0);
    end(&b);
}

static void seek_leaves_only_when_the_line_is_up(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    expect_nothing(&b);
    pass(&b, 500);
    expect_nothing(&b);

    line_up(&b, 10);

    expect(&b, TH_LOOKUP_SEEK, 10);
    expect_nothing(&b);
    end(&b);
}

static void lines_of_nodes_that_were_not_asked_are_of_no_interest(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);

    line_up(&b, 40);
    line_up(&b, 77);

    expect_nothing(&b);
    end(&b);
}

/* --- time-outs --- */

static void node_without_a_line_after_three_seconds_frees_its_place(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);
    ANSWER(&b, 10, 10);
    ANSWER(&b, 20, 10);
    expect(&b, TH_LOOKUP_CONNECT, 40);
    line_up(&b, 40);
    expect(&b, TH_LOOKUP_SEEK, 40);

    assert_int_equal(th_lookup_deadline(&b.lookup), 1000 + 250);
    ANSWER(&b, 40, 10);
    pass(&b, 2999);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_LOOKUP_GIVE_UP, 30);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

/* The line of a dead node would otherwise hold a place for three seconds. */
static void another_is_asked_beside_one_whose_line_is_slow(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 50; n += 10)
        add(&b, n);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    ask(&b, 20);
    ask(&b, 30);
    assert_int_equal(th_lookup_deadline(&b.lookup), 1000 + TH_LOOKUP_ANSWER_MS_FIRST);
    pass(&b, 100);
    ANSWER(&b, 20, 10); /* 100 + 4 * 50 ms is the time-out now */
    expect(&b, TH_LOOKUP_CONNECT, 40);
    pass(&b, TH_LOOKUP_LINE_SLOW * 3 - 101);
    assert_int_equal(th_lookup_deadline(&b.lookup), 1000 + TH_LOOKUP_LINE_SLOW * 3);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_LOOKUP_CONNECT, 50);
    expect_nothing(&b);
    line_up(&b, 10);
    expect(&b, TH_LOOKUP_SEEK, 10);
    ANSWER(&b, 10, 0);
    expect_done(&b, TH_OK);
    end(&b);
}

static void time_out_of_an_answer_counts_from_when_the_seek_leaves(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 2500);
    line_up(&b, 10);
    expect(&b, TH_LOOKUP_SEEK, 10);

    pass(&b, 999);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_LOOKUP_CONNECT, 10); /* once more */
    assert_int_equal(b.lookup.step[0].rtt_ms, 1000);
    assert_false(b.lookup.step[0].answered);
    end(&b);
}

static void late_answer_still_counts(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    add(&b, 20);
    ask(&b, 10);
    ask(&b, 20);
    pass(&b, 900);
    ANSWER(&b, 20, 15);
    ask(&b, 15);
    pass(&b, 100);

    ANSWER(&b, 10, 3);

    expect(&b, TH_LOOKUP_CONNECT, 3);
    assert_true(b.lookup.step[0].answered);
    assert_int_equal(b.lookup.step[0].rtt_ms, 1000);
    end(&b);
}

static void late_line_still_counts(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    add(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 2500);
    expect(&b, TH_LOOKUP_CONNECT, 20);
    pass(&b, 500);
    expect(&b, TH_LOOKUP_GIVE_UP, 10);

    line_up(&b, 10);

    expect(&b, TH_LOOKUP_SEEK, 10);
    ANSWER(&b, 10, 0);
    expect_done(&b, TH_OK);
    end(&b);
}

static void time_out_adapts_to_measured_round_trips_within_its_limits(void **state)
{
    struct th_lookup_rtt rtt = {0};
    (void)state;

    assert_int_equal(th_lookup_rtt_timeout(&rtt), 1000);

    th_lookup_rtt_add(&rtt, 200);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 600);

    for (int i = 0; i < 50; i++)
        th_lookup_rtt_add(&rtt, 1);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 250);

    for (int i = 0; i < 50; i++)
        th_lookup_rtt_add(&rtt, 1u << 31);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 3000);
}

static void refusal_frees_the_place_at_once(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);

    refuse(&b, 30);

    expect(&b, TH_LOOKUP_CONNECT, 40);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_three_are_asked_first),
        cmocka_unit_test(an_answer_frees_a_place_for_the_nearest_it_told_of),
        cmocka_unit_test(no_node_is_asked_twice),
        cmocka_unit_test(we_are_never_asked),
        cmocka_unit_test(seek_leaves_only_when_the_line_is_up),
        cmocka_unit_test(lines_of_nodes_that_were_not_asked_are_of_no_interest),
        cmocka_unit_test(node_without_a_line_after_three_seconds_frees_its_place),
        cmocka_unit_test(another_is_asked_beside_one_whose_line_is_slow),
        cmocka_unit_test(time_out_of_an_answer_counts_from_when_the_seek_leaves),
        cmocka_unit_test(late_answer_still_counts),
        cmocka_unit_test(late_line_still_counts),
        cmocka_unit_test(time_out_adapts_to_measured_round_trips_within_its_limits),
        cmocka_unit_test(refusal_frees_the_place_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

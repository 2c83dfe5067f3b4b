/* The lookup machine: when it ends, and with what. */
#include "tests/lib/lookup_bench.h"

static void match_ends_it_and_tells_by_whom(void **state)
{
    struct bench b = {0};
    struct th_hashname target = node(0), teller = node(9);
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, 9);
    ask(&b, 9);

    ANSWER(&b, 9, 30, 0);

    expect_done(&b, TH_OK);
    assert_int_equal(b.lookup.hops, 2);
    const struct th_lookup_node *found = th_lookup_find(&b.lookup, &target);
    assert_int_equal(found->via_count, 1);
    assert_memory_equal(found->via[0], &teller, sizeof teller);
    end(&b);
}

static void answers_after_the_match_add_to_the_vias_of_the_target(void **state)
{
    struct bench b = {0};
    struct th_hashname target = node(0);
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 30; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    ANSWER(&b, 10, 0);
    expect_done(&b, TH_OK);

    ANSWER(&b, 20, 0);
    ANSWER(&b, 30, 0);

    assert_int_equal(th_lookup_find(&b.lookup, &target)->via_count, 3);
    expect_nothing(&b);
    assert_true(th_lookup_deadline(&b.lookup) == TH_NEVER);
    end(&b);
}

static void without_a_wish_for_a_match_it_goes_on_to_the_eight_nearest(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[16];
    (void)state;
    begin(&b, false);
    add(&b, 100);
    ask(&b, 100);
    ANSWER(&b, 100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

    for (unsigned n = 0; n < 8; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect_done(&b, TH_OK);
    assert_true(b.lookup.is_found);
    assert_int_equal(b.lookup.hops, 1);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 16), 12);
    assert_int_equal(closest[7]->id.b[0], 7);
    end(&b);
}

static void a_narrow_one_ends_with_the_two_nearest(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, false, 2);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);

    ask(&b, 10);
    ask(&b, 20);
    expect_nothing(&b); /* not 30: a third place is free, but with these two it ends */
    ANSWER(&b, 20, 5, 30);
    ask(&b, 5);
    ANSWER(&b, 5, 20, 60);
    expect_nothing(&b); /* 10 is among the two nearest still */
    ANSWER(&b, 10, 50);

    expect_done(&b, TH_OK);
    end(&b);
}

static void a_wide_one_ends_after_nine_answers_without_progress(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, false, 64);
    for (unsigned n = 1; n <= 12; n++)
        add(&b, n);
    for (unsigned n = 1; n <= 9; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect_done(&b, TH_OK);
    end(&b);
}

static void nodes_that_timed_out_are_not_among_the_eight(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[1];
    (void)state;
    begin(&b, false);
    add(&b, 100);
    ask(&b, 100);
    ANSWER(&b, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    ask(&b, 1);
    ask(&b, 2);
    ask(&b, 3);
    pass(&b, 250);

    for (unsigned n = 4; n <= 9; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect(&b, TH_LOOKUP_CONNECT, 200);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 1), 1);
    assert_int_equal(closest[0]->id.b[0], 4);
    end(&b);
}

/* Liars can tell of ever new nodes that are no nearer; this alone ends it then. */
static void nine_answers_without_progress_end_it(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 2);
    add(&b, 250);
    ask(&b, 2);
    ask(&b, 250);

    unsigned next = 249;
    ANSWER(&b, 250, 249); /* each tells of one that is a little nearer, but none nearer than 2 */
    for (unsigned answers = 1; answers < 9; answers++, next--) {
        struct th_lookup_action action;
        assert_true(th_lookup_next(&b.lookup, &action));
        assert_int_equal(action.kind, TH_LOOKUP_CONNECT);
        line_up(&b, next);
        expect(&b, TH_LOOKUP_SEEK, next);
        ANSWER(&b, next, (int)next - 1);
    }

    assert_int_equal(b.lookup.idle, 9);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void time_outs_are_not_answers_without_progress(void **state)
{
    enum { AGAIN = TH_LOOKUP_WIDTH_DEFAULT * (TH_LOOKUP_ASKS_MAX - 1) };
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 1; n <= 30; n++)
        add(&b, n);

    for (unsigned n = 0; n < 30; n++) {
        ask(&b, n + 1);
        pass(&b, 3000);
    }
    for (unsigned n = 0; n < AGAIN; n++) { /* the nearest */
        ask(&b, n % TH_LOOKUP_WIDTH_DEFAULT + 1);
        pass(&b, 3000);
    }

    assert_int_equal(b.lookup.idle, 0);
    assert_int_equal(b.lookup.asked, 30 + AGAIN);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void answers_to_requests_older_than_the_progress_do_not_count_against_it(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 30; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    ANSWER(&b, 10, 5);

    ANSWER(&b, 20, 40);
    ANSWER(&b, 30, 40);

    assert_int_equal(b.lookup.idle, 0);
    end(&b);
}

static void nothing_to_begin_with_ends_it_at_once(void **state)
{
    struct bench b = {0};
    (void)state;

    begin(&b, true);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);

    begin(&b, false);
    expect_done(&b, TH_OK);
    end(&b);
}

/* A node behind a symmetric NAT, whose nearest links went by relays: what they told of was out of reach, three
 * seconds each, and its dials were over before the second try, which begins with nodes from everywhere. */
static void one_that_takes_too_long_ends(void **state)
{
    enum { SLOW_MS = TH_LOOKUP_ANSWER_MS_MIN * TH_LOOKUP_LINE_SLOW / 100 };
    struct bench b = {.all_ms = 5000};
    (void)state;
    begin(&b, true);
    add(&b, 100);
    ask(&b, 100);
    ANSWER(&b, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    for (unsigned n = 1; n <= 8; n++) { /* the eight nearest, three at once */
        if (n == 4 || n == 7)
            pass(&b, SLOW_MS);
        expect(&b, TH_LOOKUP_CONNECT, n);
    }
    expect_nothing(&b);
    pass(&b, TH_LOOKUP_LINE_MS - 2 * SLOW_MS);
    for (unsigned n = 1; n <= 8; n++) {
        if (n == 4 || n == 7)
            pass(&b, SLOW_MS);
        expect(&b, TH_LOOKUP_GIVE_UP, n);
        for (unsigned other = 9; n == 3 && other <= 10; other++)
            expect(&b, TH_LOOKUP_CONNECT, other);
    }
    assert_int_equal(th_lookup_deadline(&b.lookup), 1000 + 5000);
    pass(&b, 5000 - TH_LOOKUP_LINE_MS - 2 * SLOW_MS - 1);
    expect_nothing(&b);
    pass(&b, 1);

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(th_lookup_deadline(&b.lookup), TH_NEVER);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_ends_it_and_tells_by_whom),
        cmocka_unit_test(answers_after_the_match_add_to_the_vias_of_the_target),
        cmocka_unit_test(without_a_wish_for_a_match_it_goes_on_to_the_eight_nearest),
        cmocka_unit_test(a_narrow_one_ends_with_the_two_nearest),
        cmocka_unit_test(a_wide_one_ends_after_nine_answers_without_progress),
        cmocka_unit_test(nodes_that_timed_out_are_not_among_the_eight),
        cmocka_unit_test(nine_answers_without_progress_end_it),
        cmocka_unit_test(time_outs_are_not_answers_without_progress),
        cmocka_unit_test(answers_to_requests_older_than_the_progress_do_not_count_against_it),
        cmocka_unit_test(nothing_to_begin_with_ends_it_at_once),
        cmocka_unit_test(one_that_takes_too_long_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The lookup machine: who did not answer and is asked again. */
#include "tests/lib/lookup_bench.h"

/* Once a seek that was lost ended the lookup after a second, though its node was there. */
static void who_did_not_answer_is_asked_again_when_nobody_else_is_left(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    ANSWER(&b, 20, 30);
    ANSWER(&b, 30, 20);
    expect(&b, TH_LOOKUP_CONNECT, 40); /* first who was not asked yet */
    line_up(&b, 40);
    expect(&b, TH_LOOKUP_SEEK, 40);
    ANSWER(&b, 40, 20);
    pass(&b, 1000);

    ask(&b, 10);
    ANSWER(&b, 10, 0);

    expect_done(&b, TH_OK);
    assert_int_equal(b.lookup.asked, 5);
    assert_int_equal(b.lookup.step_count, 5);
    assert_false(b.lookup.step[0].answered);
    assert_true(b.lookup.step[4].answered);
    end(&b);
}

static void
who_is_asked_again_is_waited_for_twice_as_long_and_given_up_after_the_third(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);

    for (th_ms ms = 1000; ms <= 3000; ms += 1000) { /* the third time cut to the limit */
        ask(&b, 10);
        pass(&b, ms - 1);
        expect_nothing(&b);
        pass(&b, 1);
    }

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void those_asked_least_often_are_asked_again_first(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    pass(&b, 1000);
    ask(&b, 40);
    pass(&b, 1000);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    pass(&b, 2000);

    ask(&b, 40);
    ask(&b, 10);
    ask(&b, 20);
    expect_nothing(&b);
    end(&b);
}

/* Once it did, and the nearest were asked one at a time, behind two that were dead. */
static void who_is_asked_again_takes_no_place_of_a_nearer_node(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 40; n <= 60; n += 10)
        add(&b, n);
    ask(&b, 40);
    ask(&b, 50);
    ask(&b, 60);
    pass(&b, 500);
    ANSWER(&b, 60, 40);
    pass(&b, 500);
    ask(&b, 40);
    ask(&b, 50);
    expect_nothing(&b);

    add(&b, 5);
    add(&b, 6);
    add(&b, 7);
    add(&b, 8);

    ask(&b, 5);
    ask(&b, 6);
    ask(&b, 7);
    expect_nothing(&b);
    end(&b);
}

static void nobody_is_asked_again_while_another_is_asked_the_first_time(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    pass(&b, 500);
    ANSWER(&b, 30, 20);
    ask(&b, 40);
    pass(&b, 500);

    expect_nothing(&b); /* 10 and 20 are silent, but 40 may tell of nearer ones */
    ANSWER(&b, 40, 5, 6, 7);

    ask(&b, 5);
    ask(&b, 6);
    ask(&b, 7);
    expect_nothing(&b);
    end(&b);
}

/* Dead nodes would take the time of the second try over disjoint paths. */
static void only_the_nearest_are_asked_again(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, true, 2);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 40; n += 10) {
        ask(&b, n);
        pass(&b, 3000);
    }

    for (unsigned asks = 1; asks < TH_LOOKUP_ASKS_MAX; asks++) {
        ask(&b, 10);
        ask(&b, 20);
        expect_nothing(&b);
        pass(&b, 3000);
    }

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void who_is_asked_again_is_not_waited_for_when_the_nearest_have_answered(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[3];
    (void)state;
    begin_wide(&b, false, 2);
    add(&b, 10);
    add(&b, 20);
    ask(&b, 10);
    ask(&b, 20);
    pass(&b, 500);
    ANSWER(&b, 20, 10);
    pass(&b, 500);
    ask(&b, 10);

    add(&b, 30);
    ask(&b, 30);
    ANSWER(&b, 30, 20);

    expect_done(&b, TH_OK);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 3), 2);
    assert_int_equal(closest[0]->id.b[0], 20);
    end(&b);
}

/* Its answer to the first seek was thrown away, while the second was about to leave. */
static void late_answer_of_who_is_asked_again_still_counts(void **state)
{
    (void)state;
    for (unsigned has_line = 0; has_line < 2; has_line++) {
        struct bench b = {0};
        begin(&b, true);
        add(&b, 10);
        ask(&b, 10);
        pass(&b, 1000);
        expect(&b, TH_LOOKUP_CONNECT, 10);
        if (has_line)
            line_up(&b, 10);

        ANSWER(&b, 10, 3);

        if (!has_line)
            expect(&b, TH_LOOKUP_GIVE_UP, 10); /* its line is not needed any more */
        expect(&b, TH_LOOKUP_CONNECT, 3);
        expect_nothing(&b);
        end(&b);
    }
}

static void late_answer_counts_even_when_the_line_was_lost_since(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 3000);

    ANSWER(&b, 10, 3);

    expect(&b, TH_LOOKUP_GIVE_UP, 10);
    expect(&b, TH_LOOKUP_CONNECT, 3);
    end(&b);
}

/* Nobody has asked it: it is no answer. */
static void answer_of_who_was_sent_no_seek_does_not_count(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);

    ANSWER(&b, 10, 3);

    assert_int_equal(b.lookup.count, 1);
    end(&b);
}

static void refusal_is_final(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);

    refuse(&b, 10);

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

/* Nobody knows which of the seeks it is an answer to. */
static void answer_of_who_was_asked_again_is_not_measured(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);
    ask(&b, 10);
    pass(&b, 100);

    ANSWER(&b, 10, 0);

    assert_false(b.rtt.has_any);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_did_not_answer_is_asked_again_when_nobody_else_is_left),
        cmocka_unit_test(
            who_is_asked_again_is_waited_for_twice_as_long_and_given_up_after_the_third),
        cmocka_unit_test(those_asked_least_often_are_asked_again_first),
        cmocka_unit_test(who_is_asked_again_takes_no_place_of_a_nearer_node),
        cmocka_unit_test(nobody_is_asked_again_while_another_is_asked_the_first_time),
        cmocka_unit_test(only_the_nearest_are_asked_again),
        cmocka_unit_test(who_is_asked_again_is_not_waited_for_when_the_nearest_have_answered),
        cmocka_unit_test(late_answer_of_who_is_asked_again_still_counts),
        cmocka_unit_test(late_answer_counts_even_when_the_line_was_lost_since),
        cmocka_unit_test(answer_of_who_was_sent_no_seek_does_not_count),
        cmocka_unit_test(refusal_is_final),
        cmocka_unit_test(answer_of_who_was_asked_again_is_not_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

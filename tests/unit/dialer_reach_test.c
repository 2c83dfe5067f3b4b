/* How a line to one node is got: the switch first, then those who told of the node. */
#include "dialer/reach.h"

#include "tests/lib/test_cmocka.h"

struct bench {
    struct th_reach reach;
    struct th_now now;
};

static struct th_hashname node(uint8_t n)
{
    return (struct th_hashname){{n}};
}

static struct bench begin(bool is_eager, unsigned vias)
{
    struct bench b = {.now = {.mono = 1000}};
    struct th_hashname wanted = node(99);

    th_reach_init(&b.reach, &wanted, is_eager, 5000, b.now);
    for (uint8_t i = 1; i <= vias; i++) {
        struct th_hashname via = node(i);
        th_reach_add_via(&b.reach, &via);
    }
    return b;
}

static void pass(struct bench *b, th_ms ms)
{
    b->now.mono += ms;
    th_reach_tick(&b->reach, b->now);
}

static void refuse(struct bench *b, uint8_t n)
{
    struct th_hashname via = node(n);

    th_reach_on_refused(&b->reach, b->now, &via);
}

static void expect(struct bench *b, enum th_reach_action_kind kind)
{
    struct th_reach_action action;

    assert_true(th_reach_next(&b->reach, &action));
    assert_int_equal(action.kind, kind);
}

static void expect_introduction(struct bench *b, uint8_t n)
{
    struct th_reach_action action;

    assert_true(th_reach_next(&b->reach, &action));
    assert_int_equal(action.kind, TH_REACH_INTRODUCE);
    assert_int_equal(action.via.b[0], n);
}

static void expect_nothing(struct bench *b)
{
    struct th_reach_action action;

    assert_false(th_reach_next(&b->reach, &action));
}

/* Begins, and lets the switch say this. */
static struct bench opened(unsigned vias, enum th_err err)
{
    struct bench b = begin(false, vias);

    expect(&b, TH_REACH_OPEN);
    expect_nothing(&b);
    th_reach_on_opened(&b.reach, b.now, err);
    return b;
}

static void first_teller_is_asked_when_the_switch_knows_no_path(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);

    expect_introduction(&b, 1);
    expect_nothing(&b);
}

static void opens_of_the_switch_get_half_a_second(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_AGAIN);

    assert_int_equal(th_reach_deadline(&b.reach), 1500);
    pass(&b, 499);
    expect_nothing(&b);
    pass(&b, 1);

    expect_introduction(&b, 1);
}

static void who_is_eager_does_not_wait_for_the_switch(void **state)
{
    (void)state;
    struct bench b = begin(true, 1);

    expect(&b, TH_REACH_OPEN);

    expect_introduction(&b, 1);
}

static void tellers_are_asked_in_turn_one_a_second(void **state)
{
    (void)state;
    struct bench b = opened(3, TH_NO_PATH);

    for (uint8_t n = 1; n <= 3; n++) {
        expect_introduction(&b, n);
        expect_nothing(&b);
        pass(&b, 999);
        expect_nothing(&b);
        pass(&b, 1);
    }

    expect_nothing(&b);
}

static void only_teller_is_asked_three_times(void **state)
{
    (void)state;
    struct bench b = opened(1, TH_NO_PATH);

    for (int i = 0; i < 3; i++) {
        expect_introduction(&b, 1);
        pass(&b, 1000);
    }

    expect_nothing(&b);
}

static void refusal_makes_room_for_the_next_at_once(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);
    expect_introduction(&b, 1);

    refuse(&b, 1);

    expect_introduction(&b, 2);
    pass(&b, 1000);
    expect_introduction(&b, 2);
}

/* It was asked again and again at once, and had all of its tries before the line was up. */
static void teller_that_needs_a_line_first_has_no_turn_until_that_is_up(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);
    struct th_hashname via = node(1), other = node(2);
    expect_introduction(&b, 1);
    th_reach_on_delayed(&b.reach, b.now, &via);
    expect_introduction(&b, 2); /* at once */
    th_reach_on_delayed(&b.reach, b.now, &other);
    expect_nothing(&b);
    pass(&b, 1500);
    expect_nothing(&b);

    th_reach_on_ready(&b.reach, b.now, &via);
    expect_nothing(&b);
    pass(&b, 999);
    expect_nothing(&b);
    pass(&b, 1);
    expect_introduction(&b, 1);
    pass(&b, 5000); /* from the last that was asked */
    expect(&b, TH_REACH_FAILED);
}

static void who_was_asked_already_is_not_asked_sooner_for_one_that_needs_a_line(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);
    struct th_hashname via = node(2);
    expect_introduction(&b, 1);
    pass(&b, 1000);
    expect_introduction(&b, 2);
    th_reach_on_delayed(&b.reach, b.now, &via);

    expect_nothing(&b);
    pass(&b, 1000);
    expect_introduction(&b, 1);
}

static void it_fails_at_once_when_all_have_refused(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);
    expect_introduction(&b, 1);
    refuse(&b, 1);
    expect_introduction(&b, 2);
    refuse(&b, 2);

    expect(&b, TH_REACH_FAILED);
    expect_nothing(&b);
    assert_true(th_reach_deadline(&b.reach) == TH_NEVER);
}

/* Who was asked again and has no room for it may have passed the first one on. */
static void introduction_under_way_is_waited_for_when_a_later_one_is_refused(void **state)
{
    (void)state;
    struct bench b = opened(1, TH_NO_PATH);
    expect_introduction(&b, 1);
    pass(&b, 1000);
    expect_introduction(&b, 1);

    refuse(&b, 1);

    expect_nothing(&b); /* nor is it asked once more */
    pass(&b, 4999);
    expect_nothing(&b);
    refuse(&b, 1);
    expect(&b, TH_REACH_FAILED);
}

static void opens_on_their_way_are_waited_for_when_all_have_refused(void **state)
{
    (void)state;
    struct bench b = opened(1, TH_AGAIN);
    pass(&b, 500);
    expect_introduction(&b, 1);
    refuse(&b, 1);

    expect_nothing(&b);
    pass(&b, 5000);
    expect(&b, TH_REACH_FAILED);
}

static void without_path_and_teller_it_fails_at_once(void **state)
{
    (void)state;
    struct bench b = opened(0, TH_NO_PATH);

    expect(&b, TH_REACH_FAILED);
}

static void it_fails_some_time_after_the_last_was_asked(void **state)
{
    (void)state;
    struct bench b = opened(2, TH_NO_PATH);
    expect_introduction(&b, 1);
    pass(&b, 1000);
    expect_introduction(&b, 2);
    pass(&b, 1000);
    expect_introduction(&b, 1);

    pass(&b, 4999);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_REACH_FAILED);
}

static void silent_switch_does_not_hold_it_up_for_ever(void **state)
{
    (void)state;
    struct bench b = begin(false, 1);
    expect(&b, TH_REACH_OPEN);

    pass(&b, 5000);

    expect(&b, TH_REACH_FAILED);
}

static void teller_that_is_learnt_later_is_asked_in_its_turn(void **state)
{
    (void)state;
    struct bench b = opened(1, TH_NO_PATH);
    struct th_hashname late = node(7);
    expect_introduction(&b, 1);

    th_reach_add_via(&b.reach, &late);
    th_reach_add_via(&b.reach, &late);

    pass(&b, 1000);
    expect_introduction(&b, 7);
    assert_int_equal(b.reach.via_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_teller_is_asked_when_the_switch_knows_no_path),
        cmocka_unit_test(opens_of_the_switch_get_half_a_second),
        cmocka_unit_test(who_is_eager_does_not_wait_for_the_switch),
        cmocka_unit_test(tellers_are_asked_in_turn_one_a_second),
        cmocka_unit_test(only_teller_is_asked_three_times),
        cmocka_unit_test(refusal_makes_room_for_the_next_at_once),
        cmocka_unit_test(teller_that_needs_a_line_first_has_no_turn_until_that_is_up),
        cmocka_unit_test(who_was_asked_already_is_not_asked_sooner_for_one_that_needs_a_line),
        cmocka_unit_test(it_fails_at_once_when_all_have_refused),
        cmocka_unit_test(introduction_under_way_is_waited_for_when_a_later_one_is_refused),
        cmocka_unit_test(opens_on_their_way_are_waited_for_when_all_have_refused),
        cmocka_unit_test(without_path_and_teller_it_fails_at_once),
        cmocka_unit_test(it_fails_some_time_after_the_last_was_asked),
        cmocka_unit_test(silent_switch_does_not_hold_it_up_for_ever),
        cmocka_unit_test(teller_that_is_learnt_later_is_asked_in_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

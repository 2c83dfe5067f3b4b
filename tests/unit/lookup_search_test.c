/* Two tries to find a node: which paths the second one has, and whom each of them asks. */
#include "tests/lib/search_bench.h"

/* --- the first try --- */

/* A3 */
static void target_that_is_found_needs_no_second_try(void **state)
{
    struct bench b = {0};
    (void)state;
    BEGIN(&b, 10);
    ask(&b, 10);

    ANSWER(&b, 10, 0);

    expect_done(&b, TH_OK);
    assert_true(th_search_outcome(&b.search).is_found);
    assert_int_equal(th_search_outcome(&b.search).path, 0);
    assert_int_equal(th_search_outcome(&b.search).hops, 1);
    assert_int_equal(th_search_asked(&b.search), 1);
    assert_int_equal(th_search_deadline(&b.search), TH_NEVER);
    end(&b);
}

/* --- the paths --- */

/* A3 */
static void each_path_begins_with_a_node_of_its_own_and_asks_one_at_once(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);

    assert_true(AGAIN(&b, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100));

    assert_int_equal(b.search.path_count, TH_SEARCH_PATHS_MAX);
    for (unsigned n = 10; n <= 80; n += 10)
        expect(&b, TH_LOOKUP_CONNECT, n);
    expect_nothing(&b);
    end(&b);
}

/* The first path has 10 and 90 to begin with, the second 20 and 100. */
static void path_whose_node_does_not_answer_begins_with_another_of_its_own(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100));
    for (unsigned n = 10; n <= 80; n += 10)
        expect(&b, TH_LOOKUP_CONNECT, n);

    refuse(&b, 20);

    expect(&b, TH_LOOKUP_CONNECT, 100);
    expect_nothing(&b);
    end(&b);
}

static void few_nodes_to_begin_with_make_few_paths(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);

    assert_true(AGAIN(&b, 10, 20));

    assert_int_equal(b.search.path_count, 2);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    expect(&b, TH_LOOKUP_CONNECT, 20);
    expect_nothing(&b);
    end(&b);
}

static void path_follows_only_what_its_own_nodes_tell(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);

    ANSWER(&b, 10, 3, 4);

    expect(&b, TH_LOOKUP_CONNECT, 3);
    expect_nothing(&b); /* the second path knows nothing of 4 */
    ANSWER(&b, 20, 15);
    expect(&b, TH_LOOKUP_CONNECT, 15);
    end(&b);
}

static void node_that_one_path_has_asked_no_other_asks(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20, 30));
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);

    ANSWER(&b, 10, 3, 4, 5);
    expect(&b, TH_LOOKUP_CONNECT, 3);
    ANSWER(&b, 20, 3, 4, 5); /* told of after it was asked */
    expect(&b, TH_LOOKUP_CONNECT, 4);
    ANSWER(&b, 30, 3, 4, 5);
    expect(&b, TH_LOOKUP_CONNECT, 5);
    refuse(&b, 3); /* 4 and 5 were told of before they were asked elsewhere */

    struct th_lookup_action action;
    assert_false(th_search_next(&b.search, &action));
    assert_true(b.search.path[0].is_done);
    end(&b);
}

/* Otherwise the same silence would be waited for again. */
static void who_did_not_answer_the_first_try_is_left_out_of_the_second(void **state)
{
    struct bench b = {0};
    (void)state;
    BEGIN(&b, 10, 20);
    MISS(&b, 10, 20);

    assert_false(AGAIN(&b, 10, 20));
    assert_true(AGAIN(&b, 10, 30));

    ask(&b, 30);
    ANSWER(&b, 30, 20);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

/* It began with one that lost the seek; nobody else is asked instead. */
static void path_asks_again_whom_it_cannot_do_without(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);
    ANSWER(&b, 20, 10);
    pass(&b, TH_LOOKUP_ANSWER_MS_MIN);

    ask(&b, 10);
    ANSWER(&b, 10, 0);

    expect_done(&b, TH_OK);
    end(&b);
}

static void who_answered_the_first_try_may_begin_a_path(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);

    assert_true(AGAIN(&b, 200, 10));

    ask(&b, 200);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    ANSWER(&b, 200, 0);
    expect_done(&b, TH_OK);
    assert_int_equal(th_search_asked(&b.search), 3);
    end(&b);
}

/* It would only hear the same again. */
static void there_is_no_second_try_when_all_have_been_asked(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);

    assert_false(AGAIN(&b, 200));

    expect_nothing(&b);
    end(&b);
}

static void there_is_one_when_somebody_told_of_was_not_asked(void **state)
{
    struct bench b = {0};
    (void)state;
    BEGIN(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    for (unsigned n = 1; n <= TH_LOOKUP_WIDTH_DEFAULT; n++) {
        ask(&b, n);
        ANSWER(&b, n, -1);
    }
    expect_done(&b, TH_NOT_FOUND);

    assert_true(AGAIN(&b, 10)); /* 9 was too far */

    ask(&b, 10);
    ANSWER(&b, 10, 9);
    ask(&b, 9);
    ANSWER(&b, 9, 0);
    expect_done(&b, TH_OK);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_that_is_found_needs_no_second_try),
        cmocka_unit_test(each_path_begins_with_a_node_of_its_own_and_asks_one_at_once),
        cmocka_unit_test(path_whose_node_does_not_answer_begins_with_another_of_its_own),
        cmocka_unit_test(few_nodes_to_begin_with_make_few_paths),
        cmocka_unit_test(path_follows_only_what_its_own_nodes_tell),
        cmocka_unit_test(node_that_one_path_has_asked_no_other_asks),
        cmocka_unit_test(who_did_not_answer_the_first_try_is_left_out_of_the_second),
        cmocka_unit_test(path_asks_again_whom_it_cannot_do_without),
        cmocka_unit_test(who_answered_the_first_try_may_begin_a_path),
        cmocka_unit_test(there_is_no_second_try_when_all_have_been_asked),
        cmocka_unit_test(there_is_one_when_somebody_told_of_was_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two tries to find a node: when they end, and what is told. */
#include "tests/lib/search_bench.h"

/* A3 */
static void target_told_of_on_one_path_ends_all(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);
    ANSWER(&b, 20, 15);
    ask(&b, 15);
    pass(&b, 70);

    ANSWER(&b, 15, 0);

    expect_done(&b, TH_OK);
    struct th_search_outcome outcome = th_search_outcome(&b.search);
    assert_true(outcome.is_found);
    assert_int_equal(outcome.path, 2);
    assert_int_equal(outcome.hops, 2);
    assert_int_equal(outcome.at, b.now.mono);
    assert_int_equal(th_search_deadline(&b.search), TH_NEVER);
    end(&b);
}

static void late_answer_to_the_first_try_ends_the_second(void **state)
{
    struct bench b = {0};
    (void)state;
    BEGIN(&b, 10);
    MISS(&b, 10);
    assert_true(AGAIN(&b, 20));
    ask(&b, 20);

    ANSWER(&b, 10, 0);

    expect_done(&b, TH_OK);
    assert_int_equal(th_search_outcome(&b.search).path, 0);
    end(&b);
}

/* 10 tells of nodes to which no line comes up. */
static void slow_path_is_cut_off_by_the_time_of_the_second_try(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10));
    ask(&b, 10);
    ANSWER(&b, 10, 1, 2, 3, 4, 5, 6, 7);
    th_ms ends_at = b.now.mono + TH_SEARCH_AGAIN_MS;

    for (unsigned n = 1; n <= TH_SEARCH_AGAIN_MS / TH_SEARCH_PATH_LINE_MS; n++) {
        expect(&b, TH_LOOKUP_CONNECT, n);
        expect_nothing(&b);
        pass(&b, TH_SEARCH_PATH_LINE_MS);
        if (b.now.mono < ends_at)
            expect(&b, TH_LOOKUP_GIVE_UP, n);
    }

    assert_int_equal(b.now.mono, ends_at);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void path_ends_when_its_three_nearest_have_answered(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10));
    ask(&b, 10);
    ANSWER(&b, 10, 1, 2, 3, 4, 5);

    for (unsigned n = 1; n <= TH_SEARCH_PATH_WIDTH; n++) {
        ask(&b, n);
        ANSWER(&b, n, -1);
    }

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void path_asks_no_more_than_its_share(void **state)
{
    struct bench b = {0};
    unsigned asked = 1;
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 100));
    ask(&b, 100);
    ANSWER(&b, 100, 90, 89);

    for (unsigned n = 89; asked < TH_SEARCH_PATH_ASKED_MAX; n--, asked++) {
        ask(&b, n);
        ANSWER(&b, n, (int)n - 1); /* always one that is nearer */
    }

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(th_search_asked(&b.search), 1 + TH_SEARCH_PATH_ASKED_MAX);
    end(&b);
}

static void path_knows_no_more_nodes_than_it_has_room_for(void **state)
{
    struct bench b = {0};
    int names[TH_SEE_READ_MAX + 1];
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 250));

    /* Each answer names sixteen that are nearer than all before. */
    for (unsigned round = 0, from = 250; round < 5; round++, from -= TH_SEE_READ_MAX) {
        ask(&b, round == 0 ? 250 : from);
        for (unsigned i = 0; i < TH_SEE_READ_MAX; i++)
            names[i] = (int)(from - 1 - i);
        names[TH_SEE_READ_MAX] = -1;
        answer(&b, round == 0 ? 250 : from, names);
    }

    assert_int_equal(b.search.path[0].count, TH_SEARCH_PATH_NODES_MAX);
    assert_true(b.search.path[0].left_out > 0);
    end(&b);
}

static void there_is_one_second_try_and_none_without_nodes_or_memory(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_missed(&b);

    assert_false(again(&b, (const int[]){-1}));
    th_mem_refuse(1);
    assert_false(AGAIN(&b, 10));
    expect_nothing(&b);
    assert_true(AGAIN(&b, 10));
    refuse(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, -1);
    expect_done(&b, TH_NOT_FOUND);

    assert_false(AGAIN(&b, 20));
    end(&b);
}

/* --- what is told --- */

static void steps_are_told_try_by_try_and_path_by_path(void **state)
{
    static const unsigned asked[] = {200, 10, 3, 20, 15}, paths[] = {0, 1, 1, 2, 2};
    struct bench b = {0};
    unsigned path;
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);
    ANSWER(&b, 20, 15);
    ask(&b, 15);
    ANSWER(&b, 10, 3);
    ask(&b, 3);

    for (unsigned i = 0; i < 5; i++) {
        const struct th_lookup_step *step = th_search_step(&b.search, i, &path);
        assert_non_null(step);
        assert_int_equal(step->asked.b[0], asked[i]);
        assert_int_equal(path, paths[i]);
    }
    assert_null(th_search_step(&b.search, 5, &path));
    assert_int_equal(th_search_asked(&b.search), 5);
    end(&b);
}

static void closest_of_all_paths_are_told_once_each(void **state)
{
    const struct th_lookup_node *closest[TH_SEARCH_CLOSEST_MAX];
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);
    ANSWER(&b, 10, 5, 30);
    ANSWER(&b, 20, 5, 7);

    unsigned count = th_search_closest(&b.search, closest, TH_SEARCH_CLOSEST_MAX);

    static const unsigned expected[] = {5, 7, 10, 20, 30, 200};
    assert_int_equal(count, 6);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(closest[i]->id.b[0], expected[i]);
    assert_int_equal(th_search_closest(&b.search, closest, 2), 2);
    assert_int_equal(closest[1]->id.b[0], 7);
    end(&b);
}

static void all_who_told_of_a_node_are_known(void **state)
{
    const struct th_lookup_node *known[TH_SEARCH_LOOKUPS_MAX];
    struct th_hashname five = node(5), nobody = node(99);
    struct bench b = {0};
    (void)state;
    begin_missed(&b);
    assert_true(AGAIN(&b, 10, 20));
    ask(&b, 10);
    ask(&b, 20);
    ANSWER(&b, 10, 5);
    ANSWER(&b, 20, 5);

    assert_int_equal(th_search_known(&b.search, &five, known), 2);
    assert_int_equal(known[0]->via[0]->b[0], 10);
    assert_int_equal(known[1]->via[0]->b[0], 20);
    assert_int_equal(th_search_known(&b.search, &nobody, known), 0);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_told_of_on_one_path_ends_all),
        cmocka_unit_test(late_answer_to_the_first_try_ends_the_second),
        cmocka_unit_test(slow_path_is_cut_off_by_the_time_of_the_second_try),
        cmocka_unit_test(path_ends_when_its_three_nearest_have_answered),
        cmocka_unit_test(path_asks_no_more_than_its_share),
        cmocka_unit_test(path_knows_no_more_nodes_than_it_has_room_for),
        cmocka_unit_test(there_is_one_second_try_and_none_without_nodes_or_memory),
        cmocka_unit_test(steps_are_told_try_by_try_and_path_by_path),
        cmocka_unit_test(closest_of_all_paths_are_told_once_each),
        cmocka_unit_test(all_who_told_of_a_node_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

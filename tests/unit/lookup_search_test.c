/*
 * The second try of a lookup, asked and answered by hand. The target is all zeros, and node(n) begins
 * with the byte n, so that a smaller n is nearer.
 */
#include "dialer/search.h"

#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { SELF = 0xff };

struct bench {
    struct th_identity self;
    struct th_search search;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    struct th_now now;
};

static struct th_hashname node(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)n;
    id.b[1] = (uint8_t)(n >> 8);
    return id;
}

static void line_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_search_on_line_up(&b->search, b->now, &id);
}

static void refuse(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_search_on_refused(&b->search, b->now, &id);
}

/* An answer that names the nodes of a list that ends with -1. */
static void answer(struct bench *b, unsigned n, const int *names)
{
    struct th_hashname id = node(n);
    struct th_see see = {0};

    for (; names && *names >= 0; names++)
        see.entry[see.count++] =
            (struct th_see_entry){.id = node((unsigned)*names), .csid = TH_CS3A};
    th_search_on_answer(&b->search, b->now, &id, &see);
}

#define ANSWER(b, n, ...) answer(b, n, (const int[]){__VA_ARGS__, -1})

static void pass(struct bench *b, th_ms ms)
{
    b->now.mono += ms;
    th_search_tick(&b->search, b->now);
}

/* Takes the next action, which must be this one. */
static void expect(struct bench *b, enum th_lookup_action_kind kind, unsigned n)
{
    struct th_lookup_action action;
    struct th_hashname id = node(n);

    assert_true(th_search_next(&b->search, &action));
    assert_int_equal(action.kind, kind);
    assert_memory_equal(&action.node.id, &id, sizeof id);
}

static void expect_nothing(struct bench *b)
{
    struct th_lookup_action action;

    assert_false(th_search_next(&b->search, &action));
}

static void expect_done(struct bench *b, enum th_err result)
{
    struct th_lookup_action action;

    assert_true(th_search_next(&b->search, &action));
    assert_int_equal(action.kind, TH_LOOKUP_DONE);
    assert_int_equal(action.result, result);
    expect_nothing(b);
}

/* Lets a node be asked, up to the seek on its line. */
static void ask(struct bench *b, unsigned n)
{
    expect(b, TH_LOOKUP_CONNECT, n);
    line_up(b, n);
    expect(b, TH_LOOKUP_SEEK, n);
}

/* A first try that has begun with a list of nodes that ends with -1. */
static void begin(struct bench *b, const int *names)
{
    struct th_lookup_config config = {
        .self = &b->self, .ends_at_match = true, .rtt = &b->rtt, .drops = &b->drops};

    b->self = (struct th_identity){.hashname = node(SELF), .cipher = th_cipher_find(TH_CS3A)};
    b->now.mono = 1000;
    th_search_init(&b->search, &config, b->now);
    for (; *names >= 0; names++) {
        struct th_hashname id = node((unsigned)*names);
        th_search_add(&b->search, &id);
    }
}

#define BEGIN(b, ...) begin(b, (const int[]){__VA_ARGS__, -1})

/* The second try, with a list of nodes. */
static bool again(struct bench *b, const int *names)
{
    struct th_hashname start[40];
    unsigned count = 0;

    for (; *names >= 0; names++)
        start[count++] = node((unsigned)*names);
    return th_search_again(&b->search, b->now, start, count);
}

#define AGAIN(b, ...) again(b, (const int[]){__VA_ARGS__, -1})

/* A first try that has asked only node 200, who told of nobody, and has missed. */
static void begin_missed(struct bench *b)
{
    BEGIN(b, 200);
    ask(b, 200);
    ANSWER(b, 200, -1);
    expect_done(b, TH_NOT_FOUND);
}

/* Lets the first try ask some nodes, a list that ends with -1, as often as may be and in vain. */
static void miss(struct bench *b, const int *names)
{
    for (unsigned asks = 0; asks < TH_LOOKUP_ASKS_MAX; asks++) {
        for (const int *name = names; *name >= 0; name++)
            ask(b, (unsigned)*name);
        pass(b, TH_LOOKUP_ANSWER_MS_MAX);
    }
    expect_done(b, TH_NOT_FOUND);
}

#define MISS(b, ...) miss(b, (const int[]){__VA_ARGS__, -1})

static void end(struct bench *b)
{
    th_search_clear(&b->search);
    memset(b, 0, sizeof *b);
}

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

/* --- its end --- */

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
    assert_int_equal(known[0]->via[0].b[0], 10);
    assert_int_equal(known[1]->via[0].b[0], 20);
    assert_int_equal(th_search_known(&b.search, &nobody, known), 0);
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

/* The dialer as a server: how a target, node 0, is reached. */
#include "dialer/search.h"
#include "tests/lib/dialer_bench.h"

/* --- reach --- */

static void target_with_a_line_is_reached_without_asking_anybody(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_line_up(b, 0);
    unsigned asked = b->count, dial = bench_reach(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_true(told->has_line && told->is_found);
    assert_int_equal(told->hops, 0);
    assert_int_equal(b->count, asked);
    bench_close(b);
}

/* A3 */
static void target_that_is_found_is_introduced_and_reached(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 10);
    bench_not_told(b, dial);
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 1);

    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_true(told->has_line);
    assert_int_equal(told->hops, 1);
    assert_int_equal(told->took_ms, 10);
    assert_int_equal(bench_times(b, ASKED_END, 100), 1);
    bench_close(b);
}

static void time_of_finding_is_told_beside_that_of_reaching(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    bench_run(b, 7);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 10);

    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->found_ms, 7);
    assert_int_equal(told->took_ms, 17);
    bench_close(b);
}

static void target_that_is_told_of_but_not_reached_has_no_path(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);

    bench_run(b, 6999);
    bench_not_told(b, dial);
    bench_run(b, 1);

    const struct th_dialed *told = bench_told(b, dial, TH_NO_PATH);
    assert_true(told->is_found);
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 3);
    assert_int_equal(bench_times(b, ASKED_END, 100), 3);
    bench_close(b);
}

static void target_that_all_tellers_refuse_has_no_path_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 0);

    bench_packet(b, bench_asked(b, ASKED_PEER, 100), "{}", "not found", true);
    bench_run(b, 0);

    bench_told(b, dial, TH_NO_PATH);
    bench_close(b);
}

static void target_that_nobody_tells_of_is_not_found(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 100);
    bench_run(b, 0);

    assert_false(bench_told(b, dial, TH_NOT_FOUND)->is_found);
    bench_close(b);
}

/* Nine linked nodes, the nearest eight of which have told the first try of nobody. */
static unsigned miss_once(struct bench *b, const struct th_dial *request)
{
    for (unsigned n = 100; n <= 900; n += 100)
        bench_link_up(b, n);
    unsigned dial = bench_dial(b, request);
    for (unsigned n = 100; n <= 800; n += 100) {
        ANSWER(b, bench_asked(b, ASKED_SEEK, n), 900);
        bench_run(b, 0);
    }
    return dial;
}

/* A3. Liars may be all that is near the target. */
static void target_that_a_lookup_misses_is_looked_for_over_disjoint_paths(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH};
    unsigned dial = miss_once(b, &request);
    bench_not_told(b, dial);
    for (unsigned n = 100; n <= 800; n += 100)
        assert_int_equal(bench_times(b, ASKED_SEEK, n), 2);
    assert_int_equal(bench_times(b, ASKED_SEEK, 900), 0);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), -1);
    bench_run(b, 0); /* the first path has 900 to begin with too */
    ANSWER(b, bench_asked(b, ASKED_SEEK, 900), 0);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_PEER, 900), 1);
    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_true(told->is_found);
    assert_int_equal(told->hops, 1);
    assert_int_equal(told->paths, 8);
    assert_int_equal(told->asked, 8 + 9);
    assert_int_equal(told->step_count, 8 + 9);
    assert_int_equal(told->step[7].path, 0);
    assert_int_equal(told->step[8].path, 1);
    assert_int_equal(told->step[9].path, 1);
    assert_int_equal(told->step[10].path, 2);
    assert_int_equal(bench_status(b)->tried_again, 1);
    assert_int_equal(bench_status(b)->found_again, 1);
    bench_close(b);
}

static void brief_dial_tells_the_miss_of_one_lookup(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .is_brief = true};

    unsigned dial = miss_once(b, &request);

    assert_int_equal(bench_told(b, dial, TH_NOT_FOUND)->paths, 0);
    assert_int_equal(bench_status(b)->tried_again, 0);
    bench_close(b);
}

/* Nobody on the paths answers; the dial's own time is longer. */
static void second_try_has_a_time(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .timeout_ms = 60000};
    unsigned dial = miss_once(b, &request);
    for (unsigned n = 100; n <= 800; n += 100)
        ANSWER(b, bench_asked(b, ASKED_SEEK, n), (int)n + 1, (int)n + 2, (int)n + 3, (int)n + 4,
               (int)n + 5, (int)n + 6);

    bench_run(b, TH_SEARCH_AGAIN_MS - 1);
    bench_not_told(b, dial);
    bench_run(b, 1);

    const struct th_dialed *told = bench_told(b, dial, TH_NOT_FOUND);
    assert_int_equal(told->took_ms, TH_SEARCH_AGAIN_MS); /* the first took none */
    assert_false(told->is_found);
    bench_close(b);
}

static void target_is_not_given_up_because_few_are_wanted_in_a_bucket(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    b->config.k = 2;
    for (unsigned n = 100; n <= 400; n += 100)
        bench_link_up(b, n);
    unsigned dial = bench_reach(b, 1);
    for (unsigned n = 100; n <= 400; n += 100) {
        bench_not_told(b, dial);
        bench_answer(b, bench_asked(b, ASKED_SEEK, n), (int[]){-1});
        bench_run(b, 0);
    }

    bench_told(b, dial, TH_NOT_FOUND);
    bench_close(b);
}

static void without_anybody_to_ask_nothing_is_found(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);

    bench_told(b, bench_reach(b, 0), TH_NOT_FOUND);
    bench_told(b, bench_find(b, 0), TH_OK);
    bench_close(b);
}

static void a_teller_that_answers_late_introduces_too(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    bench_link_up(b, 200);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 0);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 200), 0);
    bench_run(b, 0);
    bench_packet(b, bench_asked(b, ASKED_PEER, 100), "{}", "not found", true);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_PEER, 200), 1);
    bench_not_told(b, dial);
    bench_close(b);
}

static void hints_are_tried_before_a_lookup(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .hint_count = 1};
    request.hint[0] = (struct th_told){.id = node_of(0), .has_via = true, .via = node_of(100)};
    bench_link_up(b, 100);
    bench_link_up(b, 200);
    unsigned dial = bench_dial(b, &request);

    assert_int_equal(bench_times(b, ASKED_PEER, 100), 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 0);
    bench_line_up(b, 0);
    bench_run(b, 0);

    bench_told(b, dial, TH_OK);
    bench_close(b);
}

static void lookup_follows_hints_that_lead_nowhere(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .hint_count = 1};
    request.hint[0] = (struct th_told){.id = node_of(0), .has_via = true, .via = node_of(100)};
    bench_link_up(b, 200);
    b->opening = node_of(100);
    unsigned dial = bench_dial(b, &request);
    assert_int_equal(bench_times(b, ASKED_OPEN, 100), 1); /* a teller without a line gets one */
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 1);

    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 200), 1);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 200), 0);
    bench_run(b, 0);
    bench_line_up(b, 0);
    bench_run(b, 0);

    bench_told(b, dial, TH_OK);
    bench_close(b);
}

static void nobody_is_asked_for_who_is_wanted_only_by_hints(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {
        .target = node_of(0), .mode = TH_DIAL_REACH, .only_hints = true, .hint_count = 1};
    request.hint[0] = (struct th_told){.id = node_of(0), .has_via = true, .via = node_of(100)};
    bench_link_up(b, 200);
    b->opening = node_of(100);
    unsigned dial = bench_dial(b, &request);
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 1);

    bench_run(b, 10000); /* the teller and the node keep silent */

    assert_int_equal(bench_times(b, ASKED_SEEK, 200), 0);
    bench_told(b, dial, TH_NO_PATH);
    bench_close(b);
}

static void wish_to_seek_always_is_followed_even_with_a_line(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .always_seek = true};
    bench_link_up(b, 0);
    bench_link_up(b, 100);
    unsigned dial = bench_dial(b, &request);
    assert_int_equal(bench_times(b, ASKED_SEEK, 0), 0);
    bench_not_told(b, dial);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->hops, 1);
    assert_int_equal(told->step_count, 1);
    assert_true(told->step[0].answered);
    bench_close(b);
}

static void reaching_ourselves_is_refused(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = b->identity.hashname, .mode = TH_DIAL_REACH};

    bench_told(b, bench_dial(b, &request), TH_INVALID);
    bench_close(b);
}

static void our_own_neighbours_can_be_found(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = b->identity.hashname, .mode = TH_DIAL_FIND};
    bench_link_up(b, 100);
    unsigned dial = bench_dial(b, &request);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 200);
    bench_run(b, 0);
    bench_line_up(b, 200);
    bench_run(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 200), 100);
    bench_run(b, 0);

    assert_int_equal(bench_told(b, dial, TH_OK)->closest_count, 2);
    bench_close(b);
}

/* A3 */
static void whole_dial_has_a_time(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .timeout_ms = 1700};
    bench_link_up(b, 100);
    unsigned dial = bench_dial(b, &request);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);

    bench_run(b, 1699);
    bench_not_told(b, dial);
    bench_run(b, 1);

    const struct th_dialed *told = bench_told(b, dial, TH_TIMED_OUT);
    assert_int_equal(told->took_ms, 1700);
    assert_true(told->is_found);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_with_a_line_is_reached_without_asking_anybody),
        cmocka_unit_test(target_that_is_found_is_introduced_and_reached),
        cmocka_unit_test(time_of_finding_is_told_beside_that_of_reaching),
        cmocka_unit_test(target_that_is_told_of_but_not_reached_has_no_path),
        cmocka_unit_test(target_that_all_tellers_refuse_has_no_path_at_once),
        cmocka_unit_test(target_that_nobody_tells_of_is_not_found),
        cmocka_unit_test(target_that_a_lookup_misses_is_looked_for_over_disjoint_paths),
        cmocka_unit_test(brief_dial_tells_the_miss_of_one_lookup),
        cmocka_unit_test(second_try_has_a_time),
        cmocka_unit_test(target_is_not_given_up_because_few_are_wanted_in_a_bucket),
        cmocka_unit_test(without_anybody_to_ask_nothing_is_found),
        cmocka_unit_test(a_teller_that_answers_late_introduces_too),
        cmocka_unit_test(hints_are_tried_before_a_lookup),
        cmocka_unit_test(lookup_follows_hints_that_lead_nowhere),
        cmocka_unit_test(nobody_is_asked_for_who_is_wanted_only_by_hints),
        cmocka_unit_test(wish_to_seek_always_is_followed_even_with_a_line),
        cmocka_unit_test(reaching_ourselves_is_refused),
        cmocka_unit_test(our_own_neighbours_can_be_found),
        cmocka_unit_test(whole_dial_has_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

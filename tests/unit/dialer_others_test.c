/* What a dial does when those who told of its target do not help to reach it. The target is node 0. */
#include "dialer/dial.h"
#include "tests/lib/dialer_bench.h"

static unsigned asked_peer(const struct bench *b)
{
    unsigned count = 0;

    for (unsigned i = 0; i < b->count; i++)
        count += b->request[i].what == ASKED_PEER;
    return count;
}

/* How often one was asked to introduce us to a node. */
static unsigned asked_for(const struct bench *b, unsigned via, unsigned node)
{
    struct th_hashname to = node_of(via), of = node_of(node);
    char hex[TH_HASHNAME_HEX + 1];
    unsigned count = 0;

    th_hashname_write(hex, &of);
    for (unsigned i = 0; i < b->count; i++)
        count += b->request[i].what == ASKED_PEER && th_hashname_is_equal(&b->request[i].to, &to) &&
                 strstr(b->request[i].fields, hex);
    return count;
}

/* A liar tells of the target, and swallows what it is asked. 0x200 knows it too, and was not asked: the
 * lookup ended at the match. It failed with TH_NO_PATH. */
static void target_that_a_liar_told_of_is_reached_through_another(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    bench_link_up(b, 0x200);
    bench_link_up(b, 0x300);
    bench_run(b, 2000 + TH_DIAL_ROUND_MS);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 3);
    bench_not_told(b, dial);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x200), 0);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 1);
    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->rounds, 2);
    assert_true(told->paths > 0);
    assert_int_equal(bench_status(b)->other_tellers, 1);
    bench_close(b);
}

/* Of 1,000 nodes behind NATs one pair in forty was not reached: those near the target, with whom there was
 * no line, were left out, and the others were reached through relays and could relay nothing. */
static void node_near_the_target_is_reached_first_to_introduce_us(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0, 0x200);
    bench_run(b, 0);

    bench_run(b, TH_DIAL_ROUND_MS);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 0);
    assert_int_equal(asked_for(b, 0x100, 0), 2); /* at once and after two seconds */
    assert_true(asked_for(b, 0x100, 0x200) > 0);
    bench_line_up(b, 0x200);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 1);
    bench_line_up(b, 0);
    bench_run(b, 0);
    bench_told(b, dial, TH_OK);
    bench_close(b);
}

/* There was nobody else to ask meanwhile, so it was asked three times at once: each of its peers counted
 * the introductions, and nothing was left against loss. */
static void only_one_left_is_asked_once_a_second_when_its_line_is_up(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0, 0x200);
    bench_run(b, 0);
    bench_packet(b, bench_asked(b, ASKED_PEER, 0x100), "{}", "not found", true);
    bench_run(b, 1500);
    assert_int_equal(bench_times(b, ASKED_OPEN, 0x200), 2); /* for the target, and for itself */
    bench_line_up(b, 0x200);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 1);
    bench_run(b, 999);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 1);
    bench_run(b, 1);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 2);
    bench_not_told(b, dial);
    bench_close(b);
}

/* Also those who are near it and did not tell of it; and nobody twice. */
static void each_teller_is_asked_once_and_the_dial_is_told_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    for (unsigned n = 0x200; n <= 0x400; n += 0x100)
        bench_link_up(b, n);
    bench_packet(b, bench_asked(b, ASKED_PEER, 0x100), "{}", "not found", true);
    bench_run(b, 0);

    for (unsigned n = 0x200; n <= 0x400; n += 0x100) {
        ANSWER(b, bench_asked(b, ASKED_SEEK, n), 0);
        bench_run(b, 0);
        assert_int_equal(bench_times(b, ASKED_PEER, n), 1);
        bench_not_told(b, dial);
        bench_packet(b, bench_asked(b, ASKED_PEER, n), "{}", "not found", true);
        bench_run(b, 0);
    }
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0); /* asked again on a path: it says the same */
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_NO_PATH);
    assert_int_equal(told->rounds, 2);
    assert_int_equal(asked_peer(b), 4);
    bench_run(b, 60000);
    bench_told(b, dial, TH_NO_PATH);
    bench_close(b);
}

static void brief_dial_ends_with_those_who_told_first(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .is_brief = true};
    unsigned dial = bench_dial(b, &request);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    bench_link_up(b, 0x200);
    bench_run(b, 0);
    bench_packet(b, bench_asked(b, ASKED_PEER, 0x100), "{}", "not found", true);
    bench_run(b, 0);

    assert_int_equal(bench_told(b, dial, TH_NO_PATH)->paths, 0);
    bench_close(b);
}

/* It is bounded by the time that the whole dial has. */
static void rounds_end_with_the_time_of_the_dial(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH, .timeout_ms = 5000};
    unsigned dial = bench_dial(b, &request);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    bench_link_up(b, 0x200);
    bench_run(b, 4900);
    bench_not_told(b, dial);
    bench_run(b, 100);

    assert_int_equal(bench_told(b, dial, TH_TIMED_OUT)->took_ms, 5000);
    bench_close(b);
}

/* The trace: each way in the order of trying, what came of it and when. */
static void ways_that_were_tried_are_told_in_order(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    bench_link_up(b, 0x200);
    unsigned dial = bench_reach(b, 0);
    bench_run(b, 30);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0, 0x200);
    bench_run(b, 20);
    bench_packet(b, bench_asked(b, ASKED_PEER, 0x100), "{}", "busy", true);
    bench_run(b, 40);
    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    struct th_hashname first = node_of(0x100), second = node_of(0x200);
    assert_int_equal(told->way_count, 3);
    assert_false(told->way[0].has_via);
    assert_int_equal(told->way[0].outcome, TH_NO_PATH); /* nothing was known */
    assert_int_equal(told->way[0].after_ms, 0);
    assert_true(th_hashname_is_equal(&told->way[1].via, &first));
    assert_int_equal(told->way[1].outcome, TH_REFUSED);
    assert_string_equal(told->way[1].said, "busy");
    assert_int_equal(told->way[1].after_ms, 30);
    assert_int_equal(told->way[1].took_ms, 20);
    assert_true(th_hashname_is_equal(&told->way[2].via, &second));
    assert_int_equal(told->way[2].outcome, TH_OK);
    assert_int_equal(told->way[2].after_ms, 50);
    assert_int_equal(told->way[2].took_ms, 40);
    bench_close(b);
}

/* The introducer has no room for a second one, and the target answers the first a little later. */
static void dial_goes_on_when_only_a_later_introduction_is_refused(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    bench_run(b, 1000);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 2);
    bench_packet(b, bench_asked(b, ASKED_PEER, 0x100), "{}", "busy", true);
    bench_run(b, 1500);
    bench_not_told(b, dial);
    bench_line_up(b, 0);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->way[1].tries, 2);
    assert_int_equal(told->way[1].outcome, TH_OK);
    bench_close(b);
}

/* Their number has a limit: there are six rounds of six at most, and 24 places. */
static void ways_over_the_limit_are_not_kept(void **state)
{
    (void)state;
    static struct th_dialed told;
    static struct th_dialing dial = {.told = &told};
    const struct th_self self = {.now = {.mono = 5}};

    for (unsigned n = 0; n < TH_DIAL_WAYS_MAX + 3; n++) {
        struct th_hashname via = node_of(n);
        th_dialing_begin_way(&dial, &self, &via);
        th_dialing_end_way(&dial, &self, &via, TH_REFUSED, "no");
    }

    assert_int_equal(dial.way_count, TH_DIAL_WAYS_MAX);
    th_mem_free(told.way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_that_a_liar_told_of_is_reached_through_another),
        cmocka_unit_test(node_near_the_target_is_reached_first_to_introduce_us),
        cmocka_unit_test(only_one_left_is_asked_once_a_second_when_its_line_is_up),
        cmocka_unit_test(each_teller_is_asked_once_and_the_dial_is_told_once),
        cmocka_unit_test(brief_dial_ends_with_those_who_told_first),
        cmocka_unit_test(rounds_end_with_the_time_of_the_dial),
        cmocka_unit_test(ways_that_were_tried_are_told_in_order),
        cmocka_unit_test(dial_goes_on_when_only_a_later_introduction_is_refused),
        cmocka_unit_test(ways_over_the_limit_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whom not to ask for an introduction, because it refused the last ones. */
#include "dialer/busy.h"
#include "switch/base/mem.h"
#include "tests/lib/dialer_bench.h"

static struct th_hashname id_of(uint8_t n)
{
    return (struct th_hashname){{n}};
}

static void refuse(struct th_busy *busy, uint8_t n, th_ms now)
{
    struct th_hashname id = id_of(n);

    th_busy_on_refused(busy, &id, now);
}

static bool may_ask(struct th_busy *busy, uint8_t n, th_ms now)
{
    struct th_hashname id = id_of(n);

    return th_busy_may_ask(busy, &id, now);
}

static void refuse_enough(struct th_busy *busy, uint8_t n, th_ms now)
{
    for (unsigned i = 0; i < TH_BUSY_TIMES; i++)
        refuse(busy, n, now);
}

static void node_that_refused_thrice_is_left_in_peace_and_no_other(void **state)
{
    (void)state;
    struct th_busy busy = {0};

    for (unsigned i = 1; i < TH_BUSY_TIMES; i++) {
        refuse(&busy, 1, 1000);
        assert_true(may_ask(&busy, 1, 1000));
    }
    refuse(&busy, 1, 1000);

    assert_false(may_ask(&busy, 1, 1000));
    assert_true(may_ask(&busy, 2, 1000));
    assert_int_equal(busy.spared, 1);
    th_busy_clear(&busy);
}

static void it_is_asked_once_then_and_left_twice_as_long_when_it_refuses(void **state)
{
    (void)state;
    struct th_busy busy = {0};
    refuse_enough(&busy, 1, 0);
    refuse(&busy, 1, 10); /* it was asked before it was left in peace */
    assert_false(may_ask(&busy, 1, TH_BUSY_MS_MIN - 1));

    assert_true(may_ask(&busy, 1, TH_BUSY_MS_MIN));
    assert_false(may_ask(&busy, 1, TH_BUSY_MS_MIN)); /* the one may be answered still */
    refuse(&busy, 1, 1000);
    assert_false(may_ask(&busy, 1, 1000 + 2 * TH_BUSY_MS_MIN - 1));
    assert_true(may_ask(&busy, 1, 1000 + 2 * TH_BUSY_MS_MIN));
    refuse(&busy, 1, 3000);
    assert_true(may_ask(&busy, 1, 3000 + TH_BUSY_MS_MAX));
    refuse(&busy, 1, 6000);

    assert_false(may_ask(&busy, 1, 6000 + TH_BUSY_MS_MAX - 1));
    assert_true(may_ask(&busy, 1, 6000 + TH_BUSY_MS_MAX));
    th_busy_clear(&busy);
}

static void node_that_introduced_us_is_as_good_as_any(void **state)
{
    (void)state;
    struct th_busy busy = {0};
    struct th_hashname id = id_of(1);
    refuse_enough(&busy, 1, 0);

    th_busy_on_done(&busy, &id);

    assert_true(may_ask(&busy, 1, 0));
    assert_null(busy.node); /* nobody is busy: no memory */
    th_busy_clear(&busy);
}

static void busy_nodes_are_forgotten_in_a_minute(void **state)
{
    (void)state;
    struct th_busy busy = {0};
    refuse_enough(&busy, 1, 0);

    refuse(&busy, 2, TH_BUSY_MS_MIN + TH_BUSY_FORGET_MS);

    assert_int_equal(busy.count, 1);
    assert_int_equal(busy.forgotten, 0);
    th_busy_clear(&busy);
}

static void who_may_be_asked_first_goes_when_there_are_too_many(void **state)
{
    (void)state;
    struct th_busy busy = {0};

    for (uint8_t n = 0; n <= TH_BUSY_MAX; n++)
        refuse_enough(&busy, n, n);

    assert_int_equal(busy.count, TH_BUSY_MAX);
    assert_int_equal(busy.forgotten, 1);
    assert_true(may_ask(&busy, 0, TH_BUSY_MAX));
    assert_false(may_ask(&busy, 1, TH_BUSY_MAX));
    th_busy_clear(&busy);
}

static void without_memory_nothing_is_noted(void **state)
{
    (void)state;
    struct th_busy busy = {0};

    th_mem_refuse(1);
    refuse(&busy, 1, 0);
    th_mem_refuse(0);

    assert_int_equal(busy.count, 0);
    th_busy_clear(&busy);
}

/* --- the dialer --- */

/* Of all that were asked of 0x100 until now, the last `count` are refused. */
static void refuse_last(struct bench *b, unsigned count)
{
    struct th_hashname id = node_of(0x100);

    for (unsigned i = b->count; i-- > 0 && count > 0;)
        if (b->request[i].what == ASKED_PEER && th_hashname_is_equal(&b->request[i].to, &id)) {
            bench_packet(b, &b->request[i], "{}", "busy", true);
            count--;
        }
    bench_run(b, 0);
}

/* A cold start of 1,000 nodes: nine of eleven requests that a seed had it refused. */
static void search_for_neighbours_leaves_a_busy_introducer_in_peace(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    unsigned dial = bench_find(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 1, 2, 3, 4, 5, 6);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 3);

    for (unsigned i = 1; i < TH_BUSY_TIMES; i++) {
        refuse_last(b, 1);
        assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 3 + i);
    }
    refuse_last(b, 1);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 5); /* and for the sixth not at all */
    bench_not_told(b, dial);
    refuse_last(b, 5);
    bench_told(b, dial, TH_OK);
    bench_close(b);
}

static void who_wants_one_node_asks_a_busy_introducer_too(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x100);
    bench_find(b, 0x90);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 1, 2, 3);
    bench_run(b, 0);
    refuse_last(b, 3);
    unsigned before = bench_times(b, ASKED_PEER, 0x100);

    bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), before + 1);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_that_refused_thrice_is_left_in_peace_and_no_other),
        cmocka_unit_test(it_is_asked_once_then_and_left_twice_as_long_when_it_refuses),
        cmocka_unit_test(node_that_introduced_us_is_as_good_as_any),
        cmocka_unit_test(busy_nodes_are_forgotten_in_a_minute),
        cmocka_unit_test(who_may_be_asked_first_goes_when_there_are_too_many),
        cmocka_unit_test(without_memory_nothing_is_noted),
        cmocka_unit_test(search_for_neighbours_leaves_a_busy_introducer_in_peace),
        cmocka_unit_test(who_wants_one_node_asks_a_busy_introducer_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

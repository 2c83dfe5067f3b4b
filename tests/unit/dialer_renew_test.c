/* What the dialer does about a line that fell silent. The node at its other end is node 1. */
#include "tests/lib/dialer_bench.h"

/* Lines to node 1 and to some of its neighbourhood; 0x100 is the nearest, 0x900 far. */
static struct bench *with_neighbours(void)
{
    struct bench *b = bench_open(0);

    bench_link_up(b, 1);
    bench_link_up(b, 0x900);
    bench_link_up(b, 0x100);
    bench_link_up(b, 0x200);
    b->count = 0;
    return b;
}

static unsigned asked_peer(const struct bench *b)
{
    unsigned count = 0;

    for (unsigned i = 0; i < b->count; i++)
        count += b->request[i].what == ASKED_PEER;
    return count;
}

/* A11 */
static void silent_line_is_renewed_by_those_near_its_node(void **state)
{
    (void)state;
    struct bench *b = with_neighbours();

    bench_line_silent(b, 1);

    assert_int_equal(bench_times(b, ASKED_OPEN, 1), 1);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 1); /* at once, the nearest first */
    assert_int_equal(asked_peer(b), 1);
    bench_run(b, 1000);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x200), 1);
    bench_line_heard(b, 1, true);
    assert_int_equal(bench_times(b, ASKED_END, 0x100), 1);
    assert_int_equal(bench_times(b, ASKED_END, 0x200), 1);
    bench_run(b, 60000);
    assert_int_equal(asked_peer(b), 2);
    assert_int_equal(bench_status(b)->renewals, 1);
    assert_int_equal(bench_status(b)->renewed, 1);
    assert_int_equal(bench_status(b)->dials, 0); /* nobody wanted it */
    bench_close(b);
}

static void introduction_stays_as_long_as_the_renewed_line_goes_by_its_relay(void **state)
{
    (void)state;
    struct bench *b = with_neighbours();
    bench_line_silent(b, 1);

    bench_line_heard(b, 1, false);
    bench_run(b, 60000);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 1);
    assert_int_equal(bench_times(b, ASKED_END, 0x100), 0);
    assert_int_equal(bench_status(b)->renewed, 1);
    bench_close(b);
}

/* Most lines that stay silent are of nodes that are gone: one lookup for each is enough. */
static void node_is_looked_up_the_second_time_its_line_is_told_to_be_silent(void **state)
{
    (void)state;
    struct bench *b = with_neighbours();
    const unsigned lookups[] = {0, 1, 1, 1};

    for (unsigned i = 0; i < 4; i++) {
        unsigned answered = bench_times(b, ASKED_SEEK, 0x100);
        bench_line_silent(b, 1);
        for (unsigned s = 0; s < 60; s++) {
            bench_run(b, 500);
            for (; answered < bench_times(b, ASKED_SEEK, 0x100); answered++)
                ANSWER(b, bench_asked(b, ASKED_SEEK, 0x100), 0x200);
        }
        assert_int_equal(bench_times(b, ASKED_SEEK, 0x100), lookups[i]);
        assert_int_equal(bench_status(b)->renewals, i + 1);
        assert_int_equal(bench_status(b)->running, 0);
    }
    bench_line_heard(b, 1, true);
    bench_line_silent(b, 1); /* as if for the first time */
    bench_run(b, 30000);
    assert_int_equal(bench_times(b, ASKED_SEEK, 0x100), 1);
    assert_int_equal(bench_status(b)->no_path, 0); /* nobody asked for any of them */
    bench_close(b);
}

static void who_is_silent_is_neither_asked_nor_asked_to_introduce(void **state)
{
    (void)state;
    struct bench *b = with_neighbours();
    bench_line_silent(b, 0x100);
    bench_run(b, 60000);
    b->count = 0;

    bench_line_silent(b, 1);
    bench_run(b, 60000);

    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 0);
    assert_true(bench_times(b, ASKED_PEER, 0x200) > 0);
    b->count = 0;
    unsigned dial = bench_find(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 0x100), 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 0x200), 1);
    bench_not_told(b, dial);
    bench_close(b);
}

/* It was told as reached at once, for there is a line. */
static void dial_of_a_node_with_a_silent_line_waits_until_it_is_heard(void **state)
{
    (void)state;
    struct bench *b = with_neighbours();
    bench_line_silent(b, 1);
    bench_run(b, 60000);
    b->count = 0;

    unsigned dial = bench_reach(b, 1);
    bench_run(b, 0);
    bench_not_told(b, dial);
    assert_int_equal(bench_times(b, ASKED_OPEN, 1), 1);
    assert_int_equal(bench_times(b, ASKED_PEER, 0x100), 1);
    bench_line_silent(b, 1); /* it is dialled already */
    assert_int_equal(bench_status(b)->running, 1);
    bench_line_heard(b, 1, true);

    assert_true(bench_told(b, dial, TH_OK)->has_line);
    bench_close(b);
}

/* As when the network is gone: what others want is dialled all the same. */
static void renewals_have_a_limit_of_their_own(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    for (unsigned n = 1; n <= TH_RENEWALS_MAX + 3; n++)
        bench_link_up(b, n);
    bench_link_up(b, 0x900);

    for (unsigned n = 1; n <= TH_RENEWALS_MAX + 3; n++)
        bench_line_silent(b, n);

    assert_int_equal(bench_status(b)->running, TH_RENEWALS_MAX);
    for (unsigned i = 0; i < TH_DIALS_MAX; i++)
        bench_reach(b, 0x4000 + i);
    assert_int_equal(bench_status(b)->refused, 0);
    assert_int_equal(bench_status(b)->running, TH_RENEWALS_MAX + TH_DIALS_MAX);
    unsigned last = bench_reach(b, 0x5000);
    bench_told(b, last, TH_LIMIT);
    bench_run(b, 60000);
    assert_int_equal(bench_status(b)->running, 0);
    bench_line_silent(b, TH_RENEWALS_MAX + 3); /* told once more */
    assert_int_equal(bench_status(b)->running, 1);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_line_is_renewed_by_those_near_its_node),
        cmocka_unit_test(introduction_stays_as_long_as_the_renewed_line_goes_by_its_relay),
        cmocka_unit_test(node_is_looked_up_the_second_time_its_line_is_told_to_be_silent),
        cmocka_unit_test(who_is_silent_is_neither_asked_nor_asked_to_introduce),
        cmocka_unit_test(dial_of_a_node_with_a_silent_line_waits_until_it_is_heard),
        cmocka_unit_test(renewals_have_a_limit_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

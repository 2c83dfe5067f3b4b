/* The lookup machine over whole networks (tests/lib/lookup_world.h). */
#include "tests/lib/lookup_world.h"

enum { NODES_LARGE = 10000, NODES_SMALL = 200 };

static struct sums sums;

/* A3 */
static void without_faults_every_node_of_a_small_network_is_found(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_SMALL);

    look_up_many(&w, 4000, &sums);

    assert_int_equal(sums.found, 4000);
    free_world(&w);
}

/* Two in a bucket are few, but a lookup that asks the two nearest loses nothing by it. */
static void lookups_as_narrow_as_the_tables_find_every_node_too(void **state)
{
    struct world w;
    (void)state;
    make_world_of(&w, NODES_SMALL, 2);

    look_up_many(&w, 4000, &sums);

    assert_int_equal(sums.found, 4000);
    free_world(&w);
}

/* The figures of the reference model for ten thousand nodes: hops 1.90 and at most 3, asked 5.3, time
 * median 123 and p95 231 ms. With room for 5,000 draws instead of 20,000. */
static void without_faults_a_large_network_is_as_quick_as_the_model(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);

    look_up_many(&w, 5000, &sums);

    assert_int_equal(sums.found, 5000);
    assert_true(sums.hops <= 5000 * 195 / 100);
    assert_true(sums.asked <= 5000 * 55 / 10);
    assert_true(sums.took[2500] <= 130);
    assert_true(sums.took[4750] <= 245);
    free_world(&w);
}

static void one_answer_of_twenty_lost_loses_no_lookup(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);
    w.faults.lost = 10; /* 5 % each way */

    look_up_many(&w, 5000, &sums);

    assert_true(sums.found >= 4999);
    assert_true(sums.took[4750] <= 300);
    free_world(&w);
}

static void a_fifth_of_nodes_dead_loses_no_lookup(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);
    w.faults.dead = true;

    look_up_many(&w, 5000, &sums);

    assert_true(sums.found >= 4995);
    assert_true(sums.took[4750] <= 420); /* the model's 374, with room for 5,000 draws */
    free_world(&w);
}

/* The checks in look_up are the test: one DONE each, never more lines in the making than may be, and paths
 * that have no node in common. */
static void whatever_happens_every_lookup_ends_exactly_once(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_SMALL);

    w.again = true;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned asker = (unsigned)th_rng_below(&w.rng, w.n);
        struct th_hashname target = w.id[th_rng_below(&w.rng, w.n)];
        bool is_nobody = th_rng_below(&w.rng, 2) == 0;

        if (is_nobody)
            th_rng_fill(&w.rng, &target, sizeof target);
        w.faults = (struct faults){.lost = (unsigned)th_rng_below(&w.rng, 60)};
        w.faults.late = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.twice = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.garbage = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.no_line = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.late_line = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.refused = (unsigned)th_rng_below(&w.rng, 30);
        (void)look_up(&w, asker, &target, round % 3 != 0);
    }
    assert_true(w.drops.n[TH_DROP_SEE_SELF] > 0);
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_every_node_of_a_small_network_is_found),
        cmocka_unit_test(lookups_as_narrow_as_the_tables_find_every_node_too),
        cmocka_unit_test(without_faults_a_large_network_is_as_quick_as_the_model),
        cmocka_unit_test(one_answer_of_twenty_lost_loses_no_lookup),
        cmocka_unit_test(a_fifth_of_nodes_dead_loses_no_lookup),
        cmocka_unit_test(whatever_happens_every_lookup_ends_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

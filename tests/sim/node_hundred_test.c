/* A hundred whole nodes on one thread: the same servers as in the daemon, under a virtual clock. */
#include "tests/lib/mesh.h"

#include <sodium.h>

enum { NODES = 100, DIALS = 200 };

static struct mesh *join(uint8_t rng_seed)
{
    struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = NODES, .rng_seed = rng_seed});

    assert_in_range(mesh_seconds_until_ready(mesh, 60), 0, 20);
    return mesh;
}

static void hundred_nodes_join_from_one_seed_and_find_each_other(void **state)
{
    (void)state;
    struct mesh *mesh = join(1);
    unsigned hops = 0;
    mesh_run_s(mesh, 60);

    for (unsigned i = 0; i < DIALS; i++) {
        unsigned from = i % NODES, to = (i * 37 + 11) % NODES;
        if (from == to)
            continue;
        struct th_dialed dialed = mesh_reach(mesh, from, to);
        if (dialed.result != TH_OK)
            fail_msg("node %u does not reach %u: %s", from, to, th_strerror(dialed.result));
        hops += dialed.hops;
    }

    print_message("%u dials, %u.%02u hops on average\n", DIALS, hops / DIALS,
                  hops * 100 / DIALS % 100);
    mesh_end(mesh);
}

static void same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    struct mesh *first = join(2), *second = join(2);

    assert_true(first->trace_len > NODES);
    assert_int_equal(first->trace_len, second->trace_len);
    assert_memory_equal(first->trace, second->trace, first->trace_len);
    mesh_end(first);
    mesh_end(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hundred_nodes_join_from_one_seed_and_find_each_other),
        cmocka_unit_test(same_seed_gives_the_same_trace),
    };
    TH_CHECK(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Whole nodes that are killed, started anew, cut off, whose servers fail one by one, whose clock is
 * set and who are refused memory. When that is over the mesh is whole again.
 */
#include "tests/lib/mesh.h"
#include "tests/lib/test_seed.h"

#include <sodium.h>

enum { NODES = 10, RUNS = 4, BLOWS = 40, CALM_S = 120 };

static void kill_or_start(struct mesh *mesh, unsigned i)
{
    if (mesh->node[i].tree)
        mesh_kill_node(mesh, i);
    else
        mesh_start_node(mesh, i);
}

static void fail_one_server(struct mesh *mesh, unsigned i, struct th_rng *rng)
{
    static const char *const names[] = {TH_NODE_EVENTS, TH_NODE_SWITCH, TH_NODE_DIALER,
                                        TH_NODE_ROUTER, TH_NODE_BOOTSTRAP};
    const char *name = names[th_rng_below(rng, sizeof names / sizeof names[0])];

    th_stop(mesh->host, th_whereis(mesh->host, i + 1, name), TH_IO);
}

/* Less than the minute by which a node's opens may be ahead of its clock at its start. */
static void set_clock(struct mesh *mesh, struct th_rng *rng)
{
    th_epoch_ms by = (th_epoch_ms)th_rng_below(rng, 100000) - 50000;

    th_host_sim_set_wall(mesh->host, th_host_now(mesh->host).wall + by);
}

static void strike(struct mesh *mesh, struct th_rng *rng)
{
    unsigned i = (unsigned)th_rng_below(rng, mesh->count);
    unsigned what = (unsigned)th_rng_below(rng, 10);

    if (what < 2)
        kill_or_start(mesh, i);
    else if (what < 4)
        net_mem_cut(mesh->node[i].net, !mesh->node[i].net->is_cut);
    else if (what < 7)
        fail_one_server(mesh, i, rng);
    else if (what < 8)
        set_clock(mesh, rng);
    else
        th_mem_refuse(th_rng_between(rng, 1, 3000));
    mesh_run_s(mesh, (unsigned)th_rng_between(rng, 1, 30));
    th_mem_refuse(0);
}

static void mend(struct mesh *mesh)
{
    for (unsigned i = 0; i < mesh->count; i++) {
        net_mem_cut(mesh->node[i].net, false);
        if (mesh->node[i].tree == NULL)
            mesh_start_node(mesh, i);
        /* No supervisor has given up. */
        assert_true(th_whereis(mesh->host, i + 1, TH_NODE_SUPERVISOR) != 0);
    }
}

static void survive(struct th_rng *rng, struct mesh_plan plan)
{
    for (unsigned run = 0; run < RUNS; run++) {
        plan.rng_seed = (uint8_t)th_rng_between(rng, 1, 255);
        struct mesh *mesh = mesh_begin(&plan);
        mesh_run_s(mesh, 5);

        for (unsigned n = 0; n < BLOWS; n++)
            strike(mesh, rng);
        mend(mesh);
        mesh_run_s(mesh, CALM_S);

        assert_int_equal(mesh_unready(mesh), 0);
        assert_int_equal(mesh_unreached(mesh), 0);
        mesh_end(mesh);
    }
}

static void mesh_is_whole_again_after_any_blows(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    survive(&rng, (struct mesh_plan){.count = NODES});
}

static void mesh_of_few_links_is_whole_again_after_any_blows(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    survive(&rng, (struct mesh_plan){.count = NODES, .k = 2, .links_max = 4, .delay_max = 50});
}

static void mesh_on_a_long_way_is_whole_again_after_any_blows(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    survive(&rng, (struct mesh_plan){.count = NODES, .delay_max = 200});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesh_is_whole_again_after_any_blows),
        cmocka_unit_test(mesh_of_few_links_is_whole_again_after_any_blows),
        cmocka_unit_test(mesh_on_a_long_way_is_whole_again_after_any_blows),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

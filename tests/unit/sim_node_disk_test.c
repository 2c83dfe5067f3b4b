/* Whole nodes, one of them with a disk in memory: what a run leaves is what the next one needs. */
#include "tests/lib/mesh.h"
#include "tools/sim/disk_sim.h"

enum { NODES = 6, KEEPER = 1 /* the node with the disk */ };

struct world {
    struct mesh *mesh;
    struct mesh_node *node;
    struct th_disk_sim sim;
    struct th_kept kept; /* what the node was started with */
};

/* Reads the disk as a daemon does at its start. */
static void load(struct world *w)
{
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX];
    struct th_keep keep;

    th_kept_clear(&w->kept);
    th_keep_init(&keep, &w->sim.disk);
    assert_int_equal(th_keep_load(&keep, &w->kept, warning, say), TH_OK);
    assert_string_equal(warning, "");
    th_keep_clear(&keep);
}

static void start(struct world *w, const struct th_seeds *seeds)
{
    struct th_node_config *config = &w->node->config;

    load(w);
    config->seeds = seeds;
    config->remembered = &w->kept.peers;
    config->at_floor = th_keep_floor(w->kept.at, th_host_now(w->mesh->host).wall);
    config->ages = w->kept.age;
    config->ages_count = w->kept.ages_count;
    config->disk = &w->sim.disk;
    config->keeper_place = w->mesh->place[4];
    mesh_start_node(w->mesh, KEEPER);
}

/* The power of the node's machine is cut. */
static void cut_power(struct world *w)
{
    th_disk_sim_halt(&w->sim);
    mesh_kill_node(w->mesh, KEEPER);
    th_disk_sim_crash(&w->sim);
}

static struct world begin(uint8_t rng_seed)
{
    struct world w = {.mesh =
                          mesh_begin(&(struct mesh_plan){.count = NODES, .rng_seed = rng_seed})};
    struct th_rng rng;

    th_rng_init(&rng, (const uint8_t[TH_RNG_SEED_BYTES]){rng_seed});
    th_disk_sim_init(&w.sim, "/state", &rng);
    w.node = &w.mesh->node[KEEPER];
    mesh_kill_node(w.mesh, KEEPER);
    return w;
}

static void end(struct world *w)
{
    mesh_end(w->mesh);
    th_disk_sim_clear(&w->sim);
    th_kept_clear(&w->kept);
}

/* A4 */
static void node_that_lost_power_joins_again_through_peers_of_its_last_run(void **state)
{
    (void)state;
    struct world w = begin(1);

    start(&w, &w.node->seeds);
    assert_in_range(mesh_seconds_until_ready(w.mesh, 30), 0, 5);
    mesh_run_s(w.mesh, 40);
    cut_power(&w);
    mesh_run_s(w.mesh, 3600); /* the others do not look for it any more */
    start(&w, NULL);

    assert_int_equal(w.kept.peers.count, NODES - 1);
    assert_in_range(mesh_seconds_until_ready(w.mesh, 30), 0, 10);
    end(&w);
}

/* Even if its clock was set back meanwhile: others take its opens for new ones. */
static void its_opens_are_newer_than_those_of_the_last_run(void **state)
{
    (void)state;
    struct world w = begin(2);

    start(&w, &w.node->seeds);
    mesh_run_s(w.mesh, 40);
    cut_power(&w);
    start(&w, NULL);
    int64_t floor = w.node->config.at_floor;
    mesh_run_s(w.mesh, 10);
    struct th_msg reply = mesh_call(w.mesh, KEEPER, TH_NODE_SWITCH,
                                    (struct th_msg){.kind = &th_switch_msg_status}, 1000);

    assert_true(floor > 0);
    assert_true(((struct th_switch_status *)reply.body)->at_highest > floor);
    th_msg_drop(&reply);
    end(&w);
}

/* The first sight of the oldest link of a node; 0 without one. */
static th_epoch_ms oldest_sight(struct world *w)
{
    struct th_msg reply = mesh_call(w->mesh, KEEPER, TH_NODE_ROUTER,
                                    (struct th_msg){.kind = &th_router_msg_table}, 1000);
    const struct th_router_table *table = reply.body;
    th_epoch_ms oldest = 0;

    for (unsigned i = 0; i < table->count; i++)
        if (table->link[i].is_up && (oldest == 0 || table->link[i].first_seen_at < oldest))
            oldest = table->link[i].first_seen_at;
    th_msg_drop(&reply);
    return oldest;
}

static void it_knows_since_when_it_knows_whom(void **state)
{
    (void)state;
    struct world w = begin(3);

    start(&w, &w.node->seeds);
    mesh_run_s(w.mesh, 40);
    th_epoch_ms before = oldest_sight(&w);
    cut_power(&w);
    mesh_run_s(w.mesh, 3600);
    start(&w, NULL);
    mesh_run_s(w.mesh, 30);

    assert_true(before > 0);
    assert_true(oldest_sight(&w) == before);
    end(&w);
}

/* The first round of the keeper has three files of five steps. */
static void power_may_be_cut_at_any_step_of_the_disk(void **state)
{
    (void)state;
    struct world w = begin(4);
    unsigned cuts = 0;

    for (unsigned step = 1; step <= 18; step++) {
        start(&w, &w.node->seeds);
        w.sim.halt_at = w.sim.steps + 3 + step; /* three that the keeper reads */
        mesh_run_s(w.mesh, 8);
        cuts += w.sim.is_halted;
        cut_power(&w);
    }
    start(&w, &w.node->seeds);

    assert_in_range(cuts, 10, 18);
    assert_in_range(mesh_seconds_until_ready(w.mesh, 30), 0, 10);
    end(&w);
}

static void node_whose_disk_fails_stays_in_the_mesh(void **state)
{
    (void)state;
    struct world w = begin(5);

    start(&w, &w.node->seeds);
    w.sim.faults.fail_per_mille = 1000;
    assert_in_range(mesh_seconds_until_ready(w.mesh, 30), 0, 5);
    mesh_run_s(w.mesh, 300);

    assert_int_equal(mesh_unready(w.mesh), 0);
    assert_int_equal(mesh_unlinked_with(w.mesh, KEEPER), 0);
    assert_true(w.sim.failures > 0);
    w.sim.faults.fail_per_mille = 0;
    mesh_run_s(w.mesh, 40);
    load(&w);
    assert_int_equal(w.kept.peers.count, NODES - 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_that_lost_power_joins_again_through_peers_of_its_last_run),
        cmocka_unit_test(its_opens_are_newer_than_those_of_the_last_run),
        cmocka_unit_test(it_knows_since_when_it_knows_whom),
        cmocka_unit_test(power_may_be_cut_at_any_step_of_the_disk),
        cmocka_unit_test(node_whose_disk_fails_stays_in_the_mesh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

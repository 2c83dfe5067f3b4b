/* 30 % of the nodes are killed in one moment and started again at once. */
#include "tools/sim/stage.h"

enum { PER_MILLE = 300, AGAIN_MS = 2000, READY_AGAIN_MS = 120000 };

/* How long the last of those that were killed took to be ready again. */
static th_ms slowest(const struct th_sim *sim, th_ms killed_at)
{
    th_ms slowest = 0;

    for (unsigned i = 0; i < sim->world.count; i++) {
        const struct th_world_node *node = sim->world.node[i];
        th_ms took = node->ready_at ? node->ready_at - killed_at : TH_NEVER;
        if (sim->mark[i] && took > slowest)
            slowest = took;
    }
    return slowest;
}

static void restart(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups meanwhile = {0};

    th_sim_settle(sim);
    th_ms killed_at = world->now;
    unsigned killed = th_sim_mark_some(sim, PER_MILLE, 0);
    th_sim_note(sim, 0, "%u of %u nodes are killed", killed, world->count);
    for (unsigned i = 0; i < world->count; i++)
        if (sim->mark[i])
            th_sim_restart(sim, world->node[i], 0, AGAIN_MS);
    th_sim_hunt(sim, &meanwhile, world->now + READY_AGAIN_MS, th_sim_may_unmarked);
    th_sim_check_found(sim, &meanwhile, "meanwhile_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&meanwhile);
    th_ms took = slowest(sim, killed_at);
    th_sim_figure(sim, "ready_again_s", (double)took / 1000, 120);
    th_sim_check(sim, took <= READY_AGAIN_MS, "ready_again", "it took %llu s until all were ready",
                 (unsigned long long)took / 1000);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_restart;
const struct th_scenario th_scenario_restart = {
    .name = "restart",
    .about = "30 % are killed and started again; ready within 2 minutes, the rest goes on",
    .nodes = 100,
    .nodes_min = 10,
    .run = restart,
};

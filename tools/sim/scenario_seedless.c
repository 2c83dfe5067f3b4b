/* All seeds that anybody knows die. Who has joined stays joined. */
#include "tools/sim/stage.h"

static void seedless(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups meanwhile = {0};
    unsigned unready = 0;

    th_sim_settle(sim);
    for (unsigned i = 0; i < sim->seeds.count; i++)
        th_world_kill(world->node[i]);
    th_sim_note(sim, 0, "all seeds are killed: %u", sim->seeds.count);
    th_sim_hunt(sim, &meanwhile, world->now + sim->length, NULL);
    th_sim_check_found(sim, &meanwhile, "meanwhile_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&meanwhile);
    for (unsigned i = 0; i < world->count; i++)
        unready +=
            world->node[i]->state == TH_WORLD_UP && world->node[i]->node_state != TH_NODE_READY;
    th_sim_check(sim, unready == 0, "still_joined", "%u of %u nodes are not joined any more",
                 unready, world->up_count);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_seedless;
const struct th_scenario th_scenario_seedless = {
    .name = "seedless",
    .about = "all seeds die; the others stay joined and find each other",
    .nodes = 100,
    .nodes_min = 10,
    .length = 10 * TH_SIM_MINUTE,
    .run = seedless,
};

/* Every server of every node is kept from running now and then, for up to 2 s. */
#include "tools/sim/stage.h"

enum { STALL_MS = 2000 };

static void slow(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups meanwhile = {0};

    if (world->options.faults.stall < STALL_MS)
        world->options.faults.stall = STALL_MS;
    th_sim_settle(sim);
    th_sim_note(sim, sim->length, "servers stall, up to %u ms", world->options.faults.stall);
    th_sim_hunt(sim, &meanwhile, world->now + sim->length, NULL);
    th_sim_check_found(sim, &meanwhile, "meanwhile_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&meanwhile);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_slow;
const struct th_scenario th_scenario_slow = {
    .name = "slow",
    .about = "each server stalls for up to 2 s now and then; all stay joined",
    .nodes = 100,
    .nodes_min = 10,
    .length = 10 * TH_SIM_MINUTE,
    .run = slow,
};

/* The net falls into two halves, and is whole again 10 minutes later. */
#include "tools/sim/stage.h"

enum { ENDED_MS = 90000 /* links across have ended by then */ };

static void partition(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups at_first = {0}, later = {0};

    th_sim_settle(sim);
    th_sim_mark_some(sim, 500, 0);
    for (unsigned i = 0; i < world->count; i++)
        world->node[i]->port->options.group = sim->mark[i];
    th_net_sim_part(&world->net, 0, 1, TH_SIM_PER_MILLE);
    th_sim_note(sim, sim->length, "the net is in two halves");
    th_ms healed_at = world->now + sim->length;
    th_sim_hunt(sim, &at_first, world->now + ENDED_MS, th_sim_may_alike);
    th_sim_check_found(sim, &at_first, "at_first_found_percent", 990000, 99.9);
    th_sim_hunt(sim, &later, healed_at, th_sim_may_alike);
    th_sim_check_found(sim, &later, "halves_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&at_first);
    th_sim_lookups_clear(&later);

    th_net_sim_part(&world->net, 0, 1, 0);
    th_sim_run_to(sim, world->now + 2 * TH_SIM_MINUTE);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_partition;
const struct th_scenario th_scenario_partition = {
    .name = "partition",
    .about = "two halves do not hear each other for 10 minutes, then all find all again",
    .nodes = 100,
    .nodes_min = 10,
    .length = 10 * TH_SIM_MINUTE,
    .run = partition,
};

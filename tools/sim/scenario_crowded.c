/*
 * Every node has far less room for links than there are nodes that want one: links are ended and
 * refused all the time, by rule 1 of the table and never against rules 3 and 7.
 */
#include "tools/sim/stage.h"

enum { K = 3, LINKS_MAX = 12, EVERY_MS = 5000, AFTER_MS = 10000 };

static void crowded(struct th_sim *sim)
{
    struct th_world *world = &sim->world;

    th_sim_add_nodes(sim);
    for (unsigned i = 0; i < world->count; i++) {
        world->node[i]->k = K;
        world->node[i]->links_max = LINKS_MAX;
    }
    th_sim_settle_added(sim);
    th_sim_note(sim, sim->length, "one node after the other is restarted");
    for (th_ms until = world->now + sim->length; world->now < until;) {
        struct th_world_node *node = th_world_any(world);
        if (node->index >= sim->plan.faults.seeds)
            th_sim_restart(sim, node, 1, AFTER_MS);
        th_sim_run_to(sim, world->now + EVERY_MS);
    }
    th_sim_look_up(sim);
}

extern const struct th_scenario th_scenario_crowded;
const struct th_scenario th_scenario_crowded = {
    .name = "crowded",
    .about = "nodes have room for 12 links each and are restarted one by one; who stays, by rule",
    .nodes = 60,
    .nodes_min = 10,
    .length = 5 * TH_SIM_MINUTE,
    .run = crowded,
};

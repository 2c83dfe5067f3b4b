/* All nodes are started, at once or within a while, and know nobody but a few seed nodes. */
#include "tools/sim/scenario.h"

enum { LOAD_MAX = 20, LOAD_NODES_MAX = 10000 };

/* Nobody carries more than its share: what each received, against the mean. Each node asks one of the seeds once at
 * least, so for ever more nodes of few seeds there can be no limit. */
static void check_load(struct th_sim *sim)
{
    const struct th_world *world = &sim->world;
    bool has_goal = world->count <= LOAD_NODES_MAX;
    uint64_t all = 0, most = 0;

    for (unsigned i = 0; i < world->count; i++) {
        uint64_t packets = world->node[i]->port->rx_packets;
        all += packets;
        most = packets > most ? packets : most;
    }
    if (all > 0)
        th_sim_figure(sim, "most_loaded_to_mean", (double)most * world->count / (double)all,
                      has_goal ? LOAD_MAX : TH_SIM_NO_GOAL);
    th_sim_check(sim, !has_goal || most * world->count <= LOAD_MAX * all, "load",
                 "one node received %llu datagrams, the mean is %llu", (unsigned long long)most,
                 (unsigned long long)(all / world->count));
}

static void cold(struct th_sim *sim)
{
    th_ms within = sim->plan.faults.within;

    th_sim_add_nodes(sim);
    th_sim_start_all(sim, within);
    th_sim_run_to(sim, within);
    th_sim_wait_ready(sim, 5 * TH_SIM_MINUTE);
    th_sim_run_to(sim, sim->length);
    check_load(sim);
    th_sim_look_up(sim);
    th_sim_lookups_judge(sim);
}

extern const struct th_scenario th_scenario_cold;
const struct th_scenario th_scenario_cold = {
    .name = "cold",
    .about = "all start at once from the seeds; all are ready within 5 minutes, then lookups",
    .nodes = 100,
    .nodes_min = 2,
    .length = 3 * TH_SIM_MINUTE,
    .run = cold,
};

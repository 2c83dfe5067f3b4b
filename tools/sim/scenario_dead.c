/*
 * So many of a thousand nodes (`dead`) die in one moment, and at once the others look each other up, while
 * their tables still tell of the dead. A link outlives its peer by a minute, so after 20 s the share of
 * dead links is still what it was.
 */
#include "tools/sim/stage.h"

enum { MEANWHILE_MS = 20000, FOUND_PER_MILLION = 999000 };

static void count_dead(struct th_sim *sim)
{
    uint64_t links = 0, dead = 0;

    /* The links of the dead went with them. */
    th_sim_mesh_count(&sim->mesh, &links, &dead);
    th_sim_figure(sim, "dead_links_percent", links ? 100.0 * (double)dead / (double)links : 0,
                  TH_SIM_NO_GOAL);
}

static void dead(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups meanwhile = {0};

    th_sim_settle(sim);
    unsigned killed = th_sim_mark_some(sim, sim->plan.faults.dead, 0);
    th_sim_note(sim, 0, "%u of %u nodes die", killed, world->count);
    for (unsigned i = 0; i < world->count; i++)
        if (sim->mark[i])
            th_world_kill(world->node[i]);
    count_dead(sim);
    th_sim_hunt(sim, &meanwhile, world->now + MEANWHILE_MS, th_sim_may_unmarked);
    th_sim_check_found(sim, &meanwhile, "meanwhile_found_percent", FOUND_PER_MILLION, 99.9);
    bool are_many = sim->plan.faults.dead > 200;
    th_sim_lookups_time(sim, &meanwhile, "meanwhile_p95_ms", are_many ? 500 : 400,
                        are_many ? 600 : 500);
    th_sim_lookups_tail(sim, &meanwhile, "meanwhile_p99_ms_in_all");
    th_sim_lookups_clear(&meanwhile);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_dead;
const struct th_scenario th_scenario_dead = {
    .name = "dead",
    .about = "a fifth of the nodes die at once, and the others look each other up meanwhile",
    .nodes = 100,
    .nodes_min = 10,
    .run = dead,
};

/* Nodes come and go: sessions without memory, of a given mean, and breaks of a tenth of it. Half of
 * those that come again have lost their disk and are others. The seeds stay. */
#include "tools/sim/stage.h"

enum { TICK_MS = 1000, SAMPLE_MS = 10000 };

struct churn {
    struct th_sim *sim;
    unsigned session_s, break_s;
    th_ms until;
    uint64_t links, dead; /* of all samples */
    unsigned ends;        /* of sessions */
};

static void come_and_go(struct th_world *world, void *data, uint64_t number)
{
    struct churn *churn = data;

    for (unsigned i = churn->sim->seeds.count; i < world->count; i++) {
        struct th_world_node *node = world->node[i];
        bool is_down = node->state == TH_WORLD_DOWN;
        if (th_rng_below(&world->rng, is_down ? churn->break_s : churn->session_s) > 0)
            continue;
        if (!is_down) {
            th_world_kill(node);
            churn->ends++;
            continue;
        }
        if (th_rng_below(&world->rng, 2) == 0)
            th_world_forget(node);
        th_world_start(node);
    }
    if (number % SAMPLE_MS == 0)
        th_sim_mesh_count(&churn->sim->mesh, &churn->links, &churn->dead);
    if (world->now < churn->until)
        th_world_at(world, world->now + TICK_MS, come_and_go, data, number + TICK_MS);
}

/* A mean of few sessions is off by chance: three standard errors of their number are granted, and
 * anything when there were hardly any. */
static uint64_t granted(unsigned per_mille, unsigned ends)
{
    unsigned root = 0;

    while ((root + 1) * (root + 1) <= ends)
        root++;
    return per_mille + (root < 5 ? 1000 : 3 * per_mille / root);
}

static void churn_for(struct th_sim *sim, unsigned session_s, unsigned dead_max_per_mille)
{
    struct churn churn = {.sim = sim, .session_s = session_s, .break_s = session_s / 10};
    struct th_sim_lookups meanwhile = {0};

    th_sim_settle(sim);
    churn.until = sim->world.now + sim->length;
    th_sim_note(sim, sim->length, "nodes come and go, sessions of %u min", session_s / 60);
    th_world_at(&sim->world, sim->world.now + TICK_MS, come_and_go, &churn, TICK_MS);
    th_sim_hunt(sim, &meanwhile, churn.until, NULL);
    th_sim_check_found(sim, &meanwhile, "meanwhile_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&meanwhile);
    if (churn.links > 0)
        th_sim_figure(sim, "dead_links_percent", 100.0 * (double)churn.dead / (double)churn.links,
                      dead_max_per_mille / 10.0);
    th_sim_check(sim, churn.dead * 1000 <= churn.links * granted(dead_max_per_mille, churn.ends),
                 "dead_links", "%llu of %llu links were to nodes that had gone",
                 (unsigned long long)churn.dead, (unsigned long long)churn.links);
    th_sim_check_whole(sim, 2 * TH_SIM_MINUTE);
}

static void churn(struct th_sim *sim)
{
    churn_for(sim, 3600, 15);
}

static void fast(struct th_sim *sim)
{
    churn_for(sim, 900, 55);
}

extern const struct th_scenario th_scenario_churn;
const struct th_scenario th_scenario_churn = {
    .name = "churn",
    .about = "nodes come and go, sessions of 60 minutes on average",
    .nodes = 100,
    .nodes_min = 10,
    .length = 20 * TH_SIM_MINUTE,
    .run = churn,
};

extern const struct th_scenario th_scenario_churn_fast;
const struct th_scenario th_scenario_churn_fast = {
    .name = "churn-fast",
    .about = "nodes come and go, sessions of 15 minutes on average",
    .nodes = 100,
    .nodes_min = 10,
    .length = 20 * TH_SIM_MINUTE,
    .run = fast,
};

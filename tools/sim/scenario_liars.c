/* Some of the nodes lie: a third each tells only of other liars, tells of nodes that are nobody, or does
 * not answer. Their share is the fault `liars`. In another, some liars sit around one honest node. */
#include "tools/sim/liar.h"
#include "tools/sim/stage.h"

/* Floors, of a million, that few lookups in a rough net reach too. The goals are told beside the figures. */
enum { ARRIVE_MS = 180000, SYBILS = 20, FLOOR = 960000 };

/* What targets.md wants to be found with so many lying, of 10,000. */
static double goal_of(unsigned per_mille)
{
    if (per_mille <= 100)
        return 99.9;
    if (per_mille <= 200)
        return 99.5;
    return per_mille <= 300 ? 98 : 94;
}

/* Each with random nodes, or all if they are few. */
static void befriend_all(struct th_sim *sim, struct th_liars *liars)
{
    struct th_world *world = &sim->world;

    for (unsigned i = 0; i < liars->count; i++) {
        uint64_t first = th_rng_below(&world->rng, world->count);
        for (unsigned j = 0; j < world->count; j++)
            th_liar_befriend(liars->liar[i], world->node[(first + j) % world->count]);
    }
}

static void tell_of_links(struct th_sim *sim)
{
    uint64_t links = 0, to_liars = 0;

    th_sim_mesh_count(&sim->mesh, &links, &to_liars); /* no node of the world is at their end */
    if (links > 0)
        th_sim_figure(sim, "links_to_liars_percent", 100.0 * (double)to_liars / (double)links,
                      TH_SIM_NO_GOAL);
}

static bool is_unlinked(const struct th_sim *sim, const struct th_world_node *from,
                        const struct th_world_node *to)
{
    return !th_sim_mesh_is_linked(&sim->mesh, from, &to->id.hashname);
}

static void liars(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups unlinked = {0};
    unsigned share = sim->plan.faults.liars;
    struct th_liars liars;

    th_sim_settle(sim);
    th_liars_init(&liars, world);
    for (unsigned i = 0; i < world->count * share / (1000 - share); i++)
        th_liars_add(&liars, (enum th_lie)(i % TH_LIES), NULL, 0);
    befriend_all(sim, &liars);
    th_sim_note(sim, 0, "liars come: %u of 1,000 nodes", share);
    th_sim_run_to(sim, world->now + ARRIVE_MS);
    tell_of_links(sim);
    th_sim_hunt(sim, &sim->lookups, world->now + sim->length, NULL);
    th_sim_check_found(sim, &sim->lookups, "found_percent", FLOOR, goal_of(share));
    th_sim_hunt(sim, &unlinked, world->now + sim->length, is_unlinked);
    th_sim_check_found(sim, &unlinked, "unlinked_found_percent", FLOOR, goal_of(share));
    th_sim_lookups_clear(&unlinked);
    th_sim_rest(sim, 0);
    th_liars_clear(&liars);
}

static bool is_to_victim(const struct th_sim *sim, const struct th_world_node *from,
                         const struct th_world_node *to)
{
    (void)from;
    return sim->mark[to->index];
}

/* Bits by which a sybil agrees with the victim: more than any honest node is likely to. */
static unsigned bits_for(unsigned nodes)
{
    unsigned bits = 2;

    while (nodes > 1) {
        bits++;
        nodes /= 2;
    }
    return bits;
}

static void sybils(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups of_victim = {0};
    const struct th_world_node *victim;
    struct th_liars liars;

    th_sim_settle(sim);
    victim = world->node[world->count - 1];
    sim->mark[victim->index] = 1;
    th_liars_init(&liars, world);
    for (unsigned i = 0; i < SYBILS; i++)
        th_liars_add(&liars, TH_LIE_FRIENDS, &victim->id.hashname, bits_for(world->count));
    befriend_all(sim, &liars);
    th_sim_note(sim, 0, "%u liars come near one node", SYBILS);
    th_sim_run_to(sim, world->now + ARRIVE_MS);
    tell_of_links(sim);
    th_sim_hunt(sim, &of_victim, world->now + sim->length, is_to_victim);
    th_sim_check_found(sim, &of_victim, "victim_found_percent", FLOOR, 99);
    th_sim_lookups_clear(&of_victim);
    th_sim_hunt(sim, &sim->lookups, world->now + sim->length, th_sim_may_unmarked);
    th_sim_check_found(sim, &sim->lookups, "others_found_percent", FLOOR, 99.9);
    th_sim_rest(sim, 0);
    th_liars_clear(&liars);
}

extern const struct th_scenario th_scenario_liars;
const struct th_scenario th_scenario_liars = {
    .name = "liars",
    .about = "some nodes (liars=200 per mille) tell only of each other, of nobody, or nothing",
    .nodes = 100,
    .nodes_min = 10,
    .length = 2 * TH_SIM_MINUTE,
    .run = liars,
};

extern const struct th_scenario th_scenario_sybils;
const struct th_scenario th_scenario_sybils = {
    .name = "sybils",
    .about = "20 liars have hashnames nearer to one node than anybody's; it is still found",
    .nodes = 100,
    .nodes_min = 10,
    .length = 2 * TH_SIM_MINUTE,
    .run = sybils,
};

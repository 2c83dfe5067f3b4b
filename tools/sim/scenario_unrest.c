/* Everything that can happen to a node or the net happens, again and again, to whom chance wants. When
 * it stops, the mesh becomes whole by itself. */
#include "tools/sim/stage.h"

enum {
    EACH_MS = 3000, /* between two troubles, on average */
    STOP_MAX_MS = 120000,
    BREAK_MAX_MS = 60000,
    CUT_MAX_MS = 150000,
    CLOCK_MAX_MS = 300000, /* either way */
    LOSS_MAX = 500
};

/* Number of a way: from one group to another, by which the one who heals it knows it. */
static void heal(struct th_world *world, void *data, uint64_t number)
{
    (void)data;
    world->net.loss_between[number / 2][number % 2] = 0;
}

static void cut(struct th_sim *sim, uint64_t way, unsigned per_mille)
{
    struct th_world *world = &sim->world;
    th_ms at = world->now + th_rng_between(&world->rng, TH_SIM_SECOND, CUT_MAX_MS);

    world->net.loss_between[way / 2][way % 2] = (uint16_t)per_mille;
    th_world_at(world, at, heal, NULL, way);
}

/* Draws anew who is on which side, and what is lost between the sides, or among some. */
static void trouble_net(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    bool is_whole_cut = th_rng_below(&world->rng, 2) == 0;
    uint64_t draw = th_rng_between(&world->rng, 1, LOSS_MAX);
    unsigned per_mille = is_whole_cut ? TH_SIM_PER_MILLE : (unsigned)draw;
    uint64_t ways = th_rng_between(&world->rng, 1, 15);

    th_sim_mark_some(sim, (unsigned)th_rng_between(&world->rng, 100, 500), 0);
    for (unsigned i = 0; i < world->count; i++)
        world->node[i]->port->options.group = sim->mark[i];
    for (unsigned way = 0; way < 4; way++)
        if (ways >> way & 1)
            cut(sim, way, per_mille);
}

static void trouble_clock(struct th_sim *sim, struct th_world_node *node)
{
    uint64_t draw = th_rng_between(&sim->world.rng, 0, 2 * CLOCK_MAX_MS);

    th_world_step_clock(node, (th_epoch_ms)draw - CLOCK_MAX_MS - node->wall_off);
}

static void trouble(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_world_node *node = th_world_any(world);
    th_ms for_ms = th_rng_between(&world->rng, 1, STOP_MAX_MS);

    if (node == NULL)
        return;
    switch (th_rng_below(&world->rng, 8)) {
    case 0:
        trouble_net(sim);
        break;
    case 1:
    case 2:
        th_world_stop(node, for_ms, true);
        break;
    case 3:
        th_world_stop(node, for_ms, false);
        break;
    case 4:
        if (node->index >= sim->seeds.count) /* whose address all others know */
            th_world_move(node);
        break;
    case 5:
        trouble_clock(sim, node);
        break;
    default:
        th_sim_restart(sim, node, 0, BREAK_MAX_MS);
        break;
    }
}

/* All nodes run, with clocks that are right, and the net carries everything. */
static void end_troubles(struct th_sim *sim)
{
    struct th_world *world = &sim->world;

    for (unsigned way = 0; way < 4; way++)
        heal(world, NULL, way);
    for (unsigned i = 0; i < world->count; i++)
        th_world_step_clock(world->node[i], -world->node[i]->wall_off);
    th_sim_run_to(sim, world->now + STOP_MAX_MS + CUT_MAX_MS);
}

static void unrest(struct th_sim *sim)
{
    struct th_world *world = &sim->world;

    th_sim_settle(sim);
    th_ms until = world->now + sim->length;
    th_sim_note(sim, sim->length, "nodes die, stall, freeze, move; the net is cut");
    while (world->now < until) {
        trouble(sim);
        th_sim_run_to(sim, world->now + th_rng_between(&world->rng, 1, 2 * EACH_MS));
    }
    end_troubles(sim);
    th_sim_check_whole(sim, 2 * TH_SIM_MINUTE);
}

extern const struct th_scenario th_scenario_unrest;
const struct th_scenario th_scenario_unrest = {
    .name = "unrest",
    .about = "nodes die, stall, freeze, move, lose their clock; the net is cut; then all is whole",
    .nodes = 50,
    .nodes_min = 5,
    .length = 10 * TH_SIM_MINUTE,
    .run = unrest,
};

#include "tools/sim/stage.h"

enum {
    READY_MS = 300000, /* targets.md: the cold start of 10,000 */
    SETTLE_MS = 90000,
    MILLION = 1000000
};

void th_sim_settle_added(struct th_sim *sim)
{
    th_sim_start_all(sim, 0);
    th_sim_wait_ready(sim, READY_MS);
    th_sim_run_to(sim, sim->world.now + SETTLE_MS);
}

void th_sim_settle(struct th_sim *sim)
{
    th_sim_add_nodes(sim);
    th_sim_settle_added(sim);
}

unsigned th_sim_mark_some(struct th_sim *sim, unsigned per_mille, unsigned spared)
{
    struct th_world *world = &sim->world;
    unsigned marked = 0;

    for (unsigned i = 0; i < world->count; i++) {
        bool is_drawn = th_rng_below(&world->rng, TH_SIM_PER_MILLE) < per_mille;
        sim->mark[i] = i >= spared && is_drawn;
        marked += sim->mark[i];
    }
    if (marked == 0 && spared < world->count) {
        sim->mark[world->count - 1] = 1;
        marked = 1;
    }
    return marked;
}

static void start_again(struct th_world *world, void *data, uint64_t number)
{
    (void)data;
    if (world->node[number]->state == TH_WORLD_DOWN)
        th_world_start(world->node[number]);
}

void th_sim_restart(struct th_sim *sim, struct th_world_node *node, th_ms after_min,
                    th_ms after_max)
{
    struct th_world *world = &sim->world;
    th_ms at = world->now + th_rng_between(&world->rng, after_min, after_max);

    th_world_kill(node);
    th_world_at(world, at, start_again, NULL, node->index);
}

bool th_sim_may_alike(const struct th_sim *sim, const struct th_world_node *from,
                      const struct th_world_node *to)
{
    return sim->mark[from->index] == sim->mark[to->index];
}

bool th_sim_may_unmarked(const struct th_sim *sim, const struct th_world_node *from,
                         const struct th_world_node *to)
{
    return !sim->mark[from->index] && !sim->mark[to->index];
}

void th_sim_check_whole(struct th_sim *sim, th_ms limit)
{
    th_sim_wait_ready(sim, limit);
    th_sim_run_to(sim, sim->world.now + SETTLE_MS);
    th_sim_look_up(sim);
    th_sim_check_found(sim, &sim->lookups, "all_found_percent", MILLION - 1000, 100);
}

/* Disks fail, fill up, tear and dawdle, and machines lose their power in the middle of it. */
#include "tools/sim/scenario.h"
#include "tools/sim/world_disk.h"

enum { OUTAGES = 60, OUTAGE_EVERY_MS = 4000, DOWN_MAX_MS = 20000, STEPS_MAX = 18 };

/* Every kind of bad disk, and good ones. */
static void spoil(struct th_rng *rng, struct th_disk_sim *disk)
{
    disk->faults = (struct th_disk_faults){0};
    switch (th_rng_below(rng, 5)) {
    case 0:
        disk->faults.fail_per_mille = (unsigned)th_rng_between(rng, 1, 500);
        break;
    case 1:
        disk->faults.torn_per_mille = (unsigned)th_rng_between(rng, 1, 500);
        break;
    case 2:
        disk->faults.room = (size_t)th_rng_between(rng, 1, 20000);
        break;
    case 3:
        disk->faults.slow_max_ms = th_rng_between(rng, 1, 3000);
        break;
    default:
        break;
    }
}

static void start_again(struct th_world *world, void *data, uint64_t number)
{
    struct th_sim *sim = data;
    struct th_world_node *node = world->node[number];

    if (node->state != TH_WORLD_DOWN)
        return;
    spoil(&world->rng, &node->disk->sim);
    th_world_start(node);
    th_sim_check(sim, node->disk->broken == 0, "whole", "node %u found a broken file on its disk",
                 node->index);
}

/* A node is killed or has its power cut; that of half of them in the middle of a step of the disk. */
static void outage(struct th_world *world, void *data, uint64_t number)
{
    struct th_world_node *node = th_world_any(world);

    (void)number;
    if (node == NULL)
        return;
    if (th_rng_below(&world->rng, 3) == 0)
        th_world_kill(node);
    else
        th_world_cut_power(node);
    if (th_rng_below(&world->rng, 2) == 0)
        node->disk->sim.halt_at =
            node->disk->sim.steps + 3 + th_rng_between(&world->rng, 1, STEPS_MAX);
    th_world_at(world, world->now + th_rng_below(&world->rng, DOWN_MAX_MS) + 1, start_again, data,
                node->index);
}

/* All disks work again, and are looked at when every node has written to its own once more. */
static void check_disks(struct th_sim *sim)
{
    struct th_world *world = &sim->world;

    for (unsigned i = 0; i < world->count; i++)
        world->node[i]->disk->sim.faults = (struct th_disk_faults){0};
    th_sim_run_to(sim, world->now + 40 * TH_SIM_SECOND);
    for (unsigned i = 0; i < world->count; i++) {
        const struct th_disk_sim *disk = &world->node[i]->disk->sim;

        th_sim_check(sim,
                     disk->is_halted || (th_disk_sim_text(disk, "peers.json") &&
                                         th_disk_sim_text(disk, "state.json")),
                     "kept", "node %u has nothing on its disk", i);
    }
}

static void disk(struct th_sim *sim)
{
    struct th_world *world = &sim->world;

    world->options.faults.null = 0; /* peers are kept with their keys of CS3a */
    th_sim_add_nodes(sim);
    for (unsigned i = 0; i < world->count; i++) {
        th_world_give_disk(world->node[i]);
        spoil(&world->rng, &world->node[i]->disk->sim);
    }
    th_sim_start_all(sim, TH_SIM_SECOND);
    th_sim_run_to(sim, world->now + 30 * TH_SIM_SECOND);
    th_sim_note(sim, OUTAGES * (th_ms)OUTAGE_EVERY_MS, "%u times a node dies or loses its power",
                OUTAGES);
    for (unsigned i = 0; i < OUTAGES; i++)
        th_world_at(world, world->now + i * (th_ms)OUTAGE_EVERY_MS, outage, sim, 0);
    th_sim_run_to(sim, world->now + OUTAGES * (th_ms)OUTAGE_EVERY_MS + DOWN_MAX_MS);
    th_sim_wait_ready(sim, 2 * TH_SIM_MINUTE);
    check_disks(sim);
    th_sim_look_up(sim);
}

extern const struct th_scenario th_scenario_disk;
const struct th_scenario th_scenario_disk = {
    .name = "disk",
    .about = "disks fail, fill up and dawdle, machines lose their power; no file is ever broken",
    .nodes = 30,
    .nodes_min = 3,
    .length = 10 * TH_SIM_MINUTE,
    .run = disk,
};

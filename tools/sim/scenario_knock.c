/*
 * Strangers send an open each, some of them again, and never anything on the line that it would make.
 * No node sends one of them more than three times what it got (check_wire.c), nor loses a link by it.
 */
#include "tools/sim/stage.h"
#include "tools/sim/stranger.h"

#include "tools/sim/check.h"

#include "switch/base/mem.h"

enum { STRANGERS = 100, KNOCKS_MAX = 3, AGAIN_MS = 10000 };

struct stranger {
    struct th_world_node *to;
    struct th_sim_port *port;
    unsigned knocks; /* still to come */
    size_t len;
    uint8_t open[TH_OPEN_MAX];
};

static void knock(struct th_world *world, void *data, uint64_t number)
{
    struct stranger *stranger = &((struct stranger *)data)[number];
    const struct th_addr to = th_sim_port_addr(stranger->to->port);

    if (stranger->len == 0) /* when it is sent first, so that its date is good */
        stranger->len = th_sim_stranger_open(stranger->to, stranger->open);
    th_sim_port_send(stranger->port, &to, (struct th_bytes){stranger->open, stranger->len});
    if (--stranger->knocks > 0)
        th_world_at(world, world->now + th_rng_between(&world->rng, 1, AGAIN_MS), knock, data,
                    number);
}

static void knocks(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct stranger *strangers = th_check_alloc(STRANGERS, sizeof *strangers);

    th_sim_settle(sim);
    for (unsigned i = 0; i < STRANGERS; i++) {
        struct stranger *stranger = &strangers[i];
        stranger->to = th_world_any(world);
        stranger->knocks = (unsigned)th_rng_between(&world->rng, 1, KNOCKS_MAX);
        TH_CHECK(th_net_sim_add(&world->net, &(struct th_sim_port_options){0}, &stranger->port) ==
                 TH_OK);
        th_world_at(world, world->now + th_rng_between(&world->rng, 1, sim->length), knock,
                    strangers, i);
    }
    th_sim_run_to(sim, world->now + sim->length + KNOCKS_MAX * AGAIN_MS);
    th_sim_check_whole(sim, 0);
    th_mem_free(strangers);
}

extern const struct th_scenario th_scenario_knock;
const struct th_scenario th_scenario_knock = {
    .name = "knock",
    .about = "100 strangers send an open and nothing more; no node sends them three times as much",
    .nodes = 20,
    .nodes_min = 2,
    .length = 30 * TH_SIM_SECOND,
    .run = knocks,
};

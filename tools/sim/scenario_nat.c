/* Half of the nodes sit behind NATs of the two strict kinds. Who sits behind a symmetric one, or wants to
 * somebody who does behind a strict one, needs a relay. */
#include "tools/sim/stage.h"

static bool is_behind(const struct th_world_node *node)
{
    return node->port->options.nat != TH_NAT_NONE;
}

static enum th_nat_kind nat_of(const struct th_world_node *node)
{
    return node->port->options.nat;
}

/* Its own NAT, if any, lets in what comes from where it has sent to, and shows the same port to all. */
static bool is_to_open(const struct th_sim *sim, const struct th_world_node *from,
                       const struct th_world_node *to)
{
    (void)sim;
    return !is_behind(to) && nat_of(from) != TH_NAT_SYMMETRIC;
}

static bool is_from_open(const struct th_sim *sim, const struct th_world_node *from,
                         const struct th_world_node *to)
{
    (void)sim;
    return !is_behind(from) && nat_of(to) == TH_NAT_PORT_RESTRICTED;
}

/* Both send to the other at about the same time. */
static bool is_to_be_punched(const struct th_sim *sim, const struct th_world_node *from,
                             const struct th_world_node *to)
{
    (void)sim;
    return nat_of(from) == TH_NAT_PORT_RESTRICTED && nat_of(to) == TH_NAT_PORT_RESTRICTED;
}

/* Nobody can say from which port one of them will be seen. */
static bool wants_relay(const struct th_sim *sim, const struct th_world_node *from,
                        const struct th_world_node *to)
{
    (void)sim;
    return nat_of(from) == TH_NAT_SYMMETRIC || nat_of(to) == TH_NAT_SYMMETRIC;
}

/* What is told of pairs of one kind. */
struct kind {
    th_sim_may_fn may;
    const char *found, *reached;
    uint32_t per_million; /* at least, of both */
    double goal;
};

static void measure(struct th_sim *sim, const struct kind *kind)
{
    struct th_sim_lookups lookups = {.takes_relayed = true};

    th_sim_hunt(sim, &lookups, sim->world.now + sim->length / 4, kind->may);
    uint64_t valid = lookups.told - lookups.lost;
    th_sim_check_found(sim, &lookups, kind->found, kind->per_million, kind->goal);
    if (valid > 0)
        th_sim_figure(sim, kind->reached, 100.0 * (double)lookups.reached / (double)valid,
                      kind->goal);
    th_sim_check(sim, lookups.reached * 1000000 >= valid * kind->per_million, kind->reached,
                 "%llu of %llu were reached", (unsigned long long)lookups.reached,
                 (unsigned long long)valid);
    th_sim_lookups_clear(&lookups);
}

static void nat(struct th_sim *sim)
{
    static const struct kind kinds[] = {
        {is_to_open, "to_open_found_percent", "to_open_reached_percent", 990000, 99.9},
        {is_from_open, "from_open_found_percent", "from_open_reached_percent", 990000, 99.9},
        {is_to_be_punched, "punched_found_percent", "punched_reached_percent", 980000, 99.9},
        {wants_relay, "relayed_found_percent", "relayed_reached_percent", 950000, 99.9},
    };
    struct th_world *world = &sim->world;

    for (unsigned i = 0; i < sim->plan.nodes; i++) {
        struct th_sim_port_options options = {.bytes_per_s = sim->plan.faults.rate};
        uint64_t draw = th_rng_below(&world->rng, 4);
        if (draw < 2 && i >= sim->plan.faults.seeds)
            options.nat = draw ? TH_NAT_SYMMETRIC : TH_NAT_PORT_RESTRICTED;
        th_sim_add_node(sim, &options);
    }
    th_sim_settle_added(sim);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        measure(sim, &kinds[i]);
}

extern const struct th_scenario th_scenario_nat;
const struct th_scenario th_scenario_nat = {
    .name = "nat",
    .about = "half are behind port-restricted or symmetric NATs",
    .nodes = 100,
    .nodes_min = 10,
    .length = 4 * TH_SIM_MINUTE,
    .run = nat,
};

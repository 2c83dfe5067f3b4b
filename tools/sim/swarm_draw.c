/* What a swarm's runs are drawn from. */
#include "tools/sim/swarm.h"

#include "switch/base/rng.h"

#include <string.h>

enum { LOOKUPS = 40, SEEDS_MAX = 4, LENGTH_MAX_MS = 300000 };

/* One fault in four is there, and of any size up to what a node has to bear. */
static const struct {
    const char *name;
    uint32_t min, max;
} ranges[] = {
    {"rtt", 1, 400},     {"jitter", 0, 100}, {"loss", 1, 150},        {"dup", 1, 200},
    {"reorder", 1, 300}, {"corrupt", 1, 50}, {"rate", 20000, 200000}, {"delay", 1, 100},
    {"stall", 1, 2000},  {"nat", 1, 500},    {"liars", 50, 300},      {"skew", 1, 100000},
    {"dead", 50, 500},
};

static uint32_t *fault_of(struct th_faults *faults, const char *name)
{
    const struct th_fault_kind *kind = th_fault_kinds;

    while (kind->name && strcmp(kind->name, name) != 0)
        kind++;
    TH_CHECK(kind->name != NULL);
    return th_fault_of(faults, kind);
}

static void draw_faults(struct th_faults *faults, struct th_rng *rng)
{
    th_faults_init(faults);
    for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        bool is_there = th_rng_below(rng, 4) == 0;
        uint64_t value = th_rng_between(rng, ranges[i].min, ranges[i].max);
        if (is_there)
            *fault_of(faults, ranges[i].name) = (uint32_t)value;
    }
    faults->null = th_rng_below(rng, 4) > 0;
    faults->lookups = LOOKUPS;
    faults->seeds = (uint32_t)th_rng_between(rng, 1, SEEDS_MAX);
}

/* Mostly small: the product of three draws. */
static unsigned draw_nodes(struct th_rng *rng, unsigned min, unsigned max)
{
    uint64_t range = max > min ? max - min : 0;

    range = th_rng_between(rng, 0, range);
    range = th_rng_between(rng, 0, range);
    range = th_rng_between(rng, 0, range);
    return min + (unsigned)range;
}

static const struct th_scenario *draw_scenario(struct th_rng *rng)
{
    unsigned count = 0;

    while (th_scenarios[count])
        count++;
    return th_scenarios[th_rng_below(rng, count)];
}

void th_swarm_draw(struct th_sim_plan *plan, const struct th_swarm_options *options,
                   uint64_t number)
{
    uint8_t seed[TH_RNG_SEED_BYTES] = "swarm";
    struct th_rng rng;

    for (unsigned i = 0; i < 8; i++) {
        seed[8 + i] = (uint8_t)(options->rng_seed >> (8 * i));
        seed[16 + i] = (uint8_t)(number >> (8 * i));
    }
    th_rng_init(&rng, seed);
    *plan = (struct th_sim_plan){.scenario = draw_scenario(&rng)};
    if (options->scenario)
        plan->scenario = options->scenario;
    plan->rng_seed = th_rng_below(&rng, 1000000000);
    plan->nodes = draw_nodes(&rng, plan->scenario->nodes_min, options->nodes_max);
    draw_faults(&plan->faults, &rng);
    if (plan->faults.seeds > plan->nodes / 2)
        plan->faults.seeds = 1;
    if (plan->scenario->length > LENGTH_MAX_MS)
        plan->faults.length = LENGTH_MAX_MS;
    th_rng_clear(&rng);
}

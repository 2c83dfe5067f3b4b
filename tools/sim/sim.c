#include "tools/sim/sim.h"

#include "switch/base/mem.h"
#include "tools/cli/cli.h"
#include "tools/sim/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

const char *th_sim_commit(void)
{
    return th_cli_commit();
}

static uint64_t wall_us(void)
{
    struct timespec at;

    TH_CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static uint64_t peak_bytes(void)
{
    struct rusage usage;

    TH_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* --- the token --- */

static bool read_number(uint64_t *out, const char *text, size_t len, uint64_t max)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (text[i] < '0' || text[i] > '9' || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return len > 0;
}

bool th_sim_token_read(struct th_sim_plan *plan, const char *token, char *complaint)
{
    struct th_sim_plan read = {0};
    char name[64], wrong[TH_FAULTS_TEXT_MAX];
    const char *nodes = strchr(token, '/');
    const char *seed = nodes ? strchr(nodes + 1, '/') : NULL;
    const char *faults = seed ? strchr(seed + 1, '/') : NULL;
    uint64_t count = 0;

    th_faults_init(&read.faults);
    snprintf(complaint, TH_SIM_TOKEN_MAX, "not of the form SCENARIO/NODES/SEED[/FAULTS]");
    if (seed == NULL)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(nodes - token < 63 ? nodes - token : 63), token);
    read.scenario = th_scenario_find(name);
    if (read.scenario == NULL) {
        snprintf(complaint, TH_SIM_TOKEN_MAX, "there is no scenario %s", name);
        return false;
    }
    if (!read_number(&count, nodes + 1, (size_t)(seed - nodes - 1), TH_SIM_NODES_MAX) ||
        !read_number(&read.rng_seed, seed + 1, strcspn(seed + 1, "/"), UINT64_MAX))
        return false;
    read.nodes = (unsigned)count;
    if (faults && !th_faults_read(&read.faults, faults + 1, wrong)) {
        snprintf(complaint, TH_SIM_TOKEN_MAX, "there is no such fault: %s", wrong);
        return false;
    }
    *plan = read;
    return true;
}

void th_sim_token_write(const struct th_sim_plan *plan, char token[TH_SIM_TOKEN_MAX])
{
    char faults[TH_FAULTS_TEXT_MAX];

    th_faults_write(&plan->faults, faults);
    snprintf(token, TH_SIM_TOKEN_MAX, "%s/%u/%" PRIu64 "%s%s", plan->scenario->name, plan->nodes,
             plan->rng_seed, faults[0] ? "/" : "", faults);
}

/* --- checks --- */

bool th_sim_check(struct th_sim *sim, bool is_so, const char *name, const char *format, ...)
{
    struct th_sim_failure failure;
    va_list args;

    sim->checks++;
    if (is_so)
        return true;
    snprintf(failure.check, sizeof failure.check, "%s", name);
    va_start(args, format);
    vsnprintf(failure.text, sizeof failure.text, format, args);
    va_end(args);
    if (sim->failure_count < TH_SIM_FAILURES_MAX) {
        sim->failure[sim->failure_count] = failure;
        fprintf(stderr, "thsim: check failed at %" PRIu64 ".%03" PRIu64 " s: %s: %s\n",
                sim->world.now / 1000, sim->world.now % 1000, failure.check, failure.text);
    }
    th_sim_trace_remark(&sim->world.trace, sim->world.now, "check failed: %s: %s", failure.check,
                        failure.text);
    sim->failure_count++;
    return false;
}

void th_sim_figure(struct th_sim *sim, const char *name, double value, double goal)
{
    TH_CHECK(sim->figure_count < TH_SIM_FIGURES_MAX);
    sim->figure[sim->figure_count++] = (struct th_sim_figure){name, value, goal};
}

void th_sim_note(struct th_sim *sim, th_ms for_ms, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    th_sim_tally_note(&sim->tally, for_ms, format, args);
    va_end(args);
}

/* --- moving on --- */

enum { PROGRESS_US = 5000000, SLICE_MS = 100 };

static void tell_progress(struct th_sim *sim)
{
    uint64_t now_us = wall_us(), since_us = now_us - sim->told_us;

    if (sim->is_quiet || since_us < PROGRESS_US)
        return;
    fprintf(stderr,
            "thsim: %" PRIu64 " s of virtual time in %" PRIu64 " s, %u nodes, %u ready, %" PRIu64
            " events/s, %" PRIu64 " MiB\n",
            sim->world.now / 1000, (now_us - sim->began_us) / 1000000, sim->world.up_count,
            sim->tally.ready, (sim->world.trace.events - sim->told_turns) * 1000000 / since_us,
            peak_bytes() >> 20);
    sim->told_us = now_us;
    sim->told_turns = sim->world.trace.events;
}

void th_sim_run_to(struct th_sim *sim, th_ms until)
{
    while (sim->world.now < until) {
        th_world_run(&sim->world, th_sooner(until, sim->world.now + SLICE_MS));
        tell_progress(sim);
    }
}

/* --- nodes --- */

static void know(struct th_sim *sim, const struct th_world_node *node)
{
    struct th_seeds *seeds = &sim->seeds;
    struct th_seed *grown = th_mem_resize(seeds->seed, seeds->count + 1, sizeof *grown);

    TH_CHECK(grown != NULL && seeds->count < TH_SEEDS_MAX);
    seeds->seed = grown;
    th_world_entry(node, &seeds->seed[seeds->count++]);
    seeds->room = seeds->count;
}

struct th_world_node *th_sim_add_node(struct th_sim *sim, const struct th_sim_port_options *port)
{
    struct th_world_node *node = th_world_add(&sim->world, port);

    node->seeds = &sim->seeds;
    if (node->index < sim->plan.faults.seeds)
        know(sim, node);
    return node;
}

void th_sim_add_nodes(struct th_sim *sim)
{
    const struct th_sim_port_options open = {.bytes_per_s = sim->plan.faults.rate};

    for (unsigned i = 0; i < sim->plan.nodes; i++)
        th_sim_add_node(sim, i < sim->plan.faults.seeds ? &open : NULL);
}

static void start(struct th_world *world, void *data, uint64_t number)
{
    (void)data;
    if (world->node[number]->state == TH_WORLD_DOWN)
        th_world_start(world->node[number]);
}

void th_sim_start_all(struct th_sim *sim, th_ms within)
{
    struct th_world *world = &sim->world;

    for (unsigned i = 0; i < world->count; i++) {
        th_ms later = i < sim->seeds.count || within == 0 ? 0 : th_rng_below(&world->rng, within);
        if (world->node[i]->state == TH_WORLD_DOWN)
            th_world_at(world, world->now + later, start, NULL, i);
    }
}

static unsigned count_unready(const struct th_world *world)
{
    unsigned unready = world->up_count == 0; /* none has started yet */

    for (unsigned i = 0; i < world->count; i++)
        unready +=
            world->node[i]->state != TH_WORLD_DOWN && world->node[i]->node_state != TH_NODE_READY;
    return unready;
}

void th_sim_wait_ready(struct th_sim *sim, th_ms limit)
{
    struct th_world *world = &sim->world;
    th_ms until = world->now + limit;

    th_sim_run_to(sim, world->now + 1);
    while (count_unready(world) > 0 && world->now < until)
        th_sim_run_to(sim, th_sooner(until, world->now + TH_SIM_SECOND));
    unsigned unready = count_unready(world);
    if (th_sim_check(sim, unready == 0, "ready", "%u of %u nodes are not ready after %" PRIu64 " s",
                     unready, world->up_count, limit / 1000))
        sim->all_ready_at = world->now;
}

/* --- lookups --- */

enum { LOOKUP_EACH_MS = 10, LOOKUP_NODES = 10000 };

void th_sim_look_up(struct th_sim *sim)
{
    th_ms span = (th_ms)sim->plan.faults.lookups * LOOKUP_EACH_MS;

    if (sim->plan.nodes > LOOKUP_NODES)
        span = span * LOOKUP_NODES / sim->plan.nodes;

    th_sim_hunt(sim, &sim->lookups, sim->world.now + span, NULL);
}

/* --- the run --- */

/* A link ends after a minute of silence, and what failed is tried again after another. */
enum { REST_MS = 120000 };

void th_sim_init(struct th_sim *sim, const struct th_sim_plan *plan)
{
    *sim = (struct th_sim){.plan = *plan};
    sim->length = plan->faults.length ? plan->faults.length : plan->scenario->length;
    th_world_init(&sim->world,
                  &(struct th_world_options){.rng_seed = plan->rng_seed, .faults = plan->faults});
    th_sim_mesh_init(&sim->mesh, &sim->world);
    th_sim_tally_init(&sim->tally, &sim->world, !plan->is_untallied);
    sim->mark = th_mem_zalloc(plan->nodes, sizeof *sim->mark);
    TH_CHECK(sim->mark != NULL);
    sim->checking = plan->is_unchecked ? NULL : th_checks_new(sim);
    sim->began_us = wall_us();
    sim->told_us = sim->began_us;
}

bool th_sim_run(struct th_sim *sim)
{
    sim->plan.scenario->run(sim);
    if (!sim->has_rested)
        th_sim_rest(sim, REST_MS);
    return sim->failure_count == 0;
}

void th_sim_clear(struct th_sim *sim)
{
    th_world_clear(&sim->world);
    if (sim->checking)
        th_checks_free(sim->checking);
    th_mem_free(sim->seeds.seed);
    th_sim_mesh_clear(&sim->mesh);
    th_mem_free(sim->mark);
    th_sim_lookups_clear(&sim->lookups);
    th_sim_tally_clear(&sim->tally);
}

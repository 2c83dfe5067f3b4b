#include "tools/sim/lookups.h"

#include "switch/base/mem.h"
#include "tools/sim/scenario.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_MS = 90000, WAIT_MS = 100, PAIR_TRIES = 64, MILLION = 1000000, HOPS_WALKED_MAX = 64 };

/* One that is on its way. */
struct hunt {
    struct th_sim_lookups *lookups;
    struct th_world_node *from, *to;
    unsigned from_starts, to_starts;
    th_ms sent_at;
    bool is_linked;
};

/* --- what came of one --- */

static void *grow(void *memory, uint64_t room)
{
    void *grown = th_mem_resize(memory, (size_t)room, sizeof(uint32_t));

    TH_CHECK(grown != NULL);
    return grown;
}

static void make_room(struct th_sim_lookups *lookups)
{
    if (lookups->found < lookups->room)
        return;
    lookups->room = lookups->room ? 2 * lookups->room : 64;
    lookups->hops = grow(lookups->hops, lookups->room);
    lookups->asked = grow(lookups->asked, lookups->room);
    lookups->took_ms = grow(lookups->took_ms, lookups->room);
    lookups->seek_ms = grow(lookups->seek_ms, lookups->room);
    lookups->bare_ms = grow(lookups->bare_ms, lookups->room);
    lookups->reach_ms = grow(lookups->reach_ms, lookups->room);
}

static const struct th_dial_step *step_of(const struct th_dialed *dialed,
                                          const struct th_hashname *id)
{
    for (unsigned i = 0; i < dialed->step_count; i++)
        if (th_hashname_is_equal(&dialed->step[i].asked, id))
            return &dialed->step[i];
    return NULL;
}

/* The round trips of the answers that led to the target, one after the other; lines_ms: what they waited for
 * their lines. */
static uint32_t chain_ms(const struct th_dialed *dialed, uint32_t *lines_ms)
{
    const struct th_told *target = dialed->closest;
    const struct th_dial_step *step = NULL;
    uint32_t ms = 0;

    *lines_ms = 0;
    if (dialed->closest_count > 0 && target->has_via &&
        th_hashname_is_equal(&target->id, &dialed->target))
        step = step_of(dialed, &target->via);
    for (unsigned i = 0; step && i < HOPS_WALKED_MAX; i++) {
        ms += step->rtt_ms;
        *lines_ms += step->line_ms;
        step = step->has_via ? step_of(dialed, &step->via) : NULL;
    }
    return ms;
}

static void count_found(struct th_sim_lookups *lookups, const struct th_dialed *dialed,
                        bool is_linked)
{
    uint32_t lines_ms, seek_ms = chain_ms(dialed, &lines_ms);

    make_room(lookups);
    uint64_t i = lookups->found++;
    lookups->linked += is_linked;
    lookups->hops[i] = is_linked ? 0 : dialed->hops;
    lookups->asked[i] = is_linked ? 0 : dialed->asked;
    lookups->took_ms[i] = is_linked ? 0 : (uint32_t)dialed->found_ms;
    lookups->seek_ms[i] = is_linked ? 0 : seek_ms;
    lookups->bare_ms[i] = is_linked ? 0 : (uint32_t)dialed->found_ms - lines_ms;
    if (dialed->has_line)
        lookups->reach_ms[lookups->reached++] = (uint32_t)dialed->took_ms;
}

static bool was_there(const struct th_world_node *node, unsigned starts)
{
    return node->state != TH_WORLD_DOWN && node->starts == starts;
}

static void on_dialed(void *data, struct th_world_node *from, enum th_err why,
                      const struct th_dialed *dialed)
{
    struct hunt *hunt = data;
    struct th_sim_lookups *lookups = hunt->lookups;
    bool is_lost = !was_there(from, hunt->from_starts) || !was_there(hunt->to, hunt->to_starts);
    bool is_found = !is_lost && why == TH_OK && dialed->is_found;

    lookups->told++;
    lookups->lost += is_lost;
    th_sim_tally_told(&lookups->sim->tally, hunt->sent_at, is_found, is_lost);
    if (is_found)
        count_found(lookups, dialed, hunt->is_linked);
    else if (!is_lost)
        th_sim_trace_say(&lookups->sim->world.trace, lookups->sim->world.now, from->index,
                         "has not found %.8s: %s", th_hashname_short(&hunt->to->id.hashname).hex,
                         th_strerror(why == TH_OK ? dialed->result : why));
    th_mem_free(hunt);
}

/* --- making them --- */

static bool is_ready(const struct th_world_node *node)
{
    return node->state == TH_WORLD_UP && node->node_state == TH_NODE_READY;
}

static bool is_symmetric(const struct th_world_node *node)
{
    return node->port->options.nat == TH_NAT_SYMMETRIC;
}

static bool draw_pair(struct th_sim *sim, struct hunt *hunt, th_sim_may_fn may)
{
    struct th_world *world = &sim->world;

    for (unsigned i = 0; i < PAIR_TRIES; i++) {
        hunt->from = world->node[th_rng_below(&world->rng, world->count)];
        hunt->to = world->node[th_rng_below(&world->rng, world->count)];
        bool is_relayed = is_symmetric(hunt->from) || is_symmetric(hunt->to);
        if (hunt->from != hunt->to && is_ready(hunt->from) && is_ready(hunt->to) &&
            (!is_relayed || hunt->lookups->takes_relayed) &&
            (may == NULL || may(sim, hunt->from, hunt->to)))
            return true;
    }
    return false;
}

static void make_one(struct th_sim *sim, struct th_sim_lookups *lookups, th_sim_may_fn may)
{
    struct hunt drawn = {.lookups = lookups}, *hunt;

    if (!draw_pair(sim, &drawn, may))
        return;
    hunt = th_mem_zalloc(1, sizeof *hunt);
    TH_CHECK(hunt != NULL);
    *hunt = drawn;
    hunt->from_starts = hunt->from->starts;
    hunt->to_starts = hunt->to->starts;
    hunt->is_linked = th_sim_mesh_is_linked(&sim->mesh, hunt->from, &hunt->to->id.hashname);
    hunt->sent_at = sim->world.now;
    lookups->sent++;
    th_sim_tally_sent(&sim->tally);
    th_world_dial(hunt->from, &hunt->to->id.hashname, TH_DIAL_REACH, 0, on_dialed, hunt);
}

void th_sim_hunt(struct th_sim *sim, struct th_sim_lookups *lookups, uint64_t until,
                 th_sim_may_fn may)
{
    struct th_world *world = &sim->world;
    th_ms began_at = world->now, span = until > began_at ? until - began_at : 0;
    uint64_t count = sim->plan.faults.lookups;

    lookups->sim = sim;
    for (uint64_t i = 1; i <= count; i++) {
        make_one(sim, lookups, may);
        th_sim_run_to(sim, began_at + span * i / count);
    }
    th_sim_run_to(sim, until);
    for (th_ms end = world->now + TOLD_MS; lookups->told < lookups->sent && world->now < end;)
        th_sim_run_to(sim, world->now + WAIT_MS);
    th_sim_check(sim, lookups->told == lookups->sent, "dials",
                 "%" PRIu64 " dials were made and %" PRIu64 " told", lookups->sent, lookups->told);
}

/* How many of so many may be missed besides: what is sent again four times is seldom lost, but a dial has
 * its time, and a small run its bad luck. */
static uint64_t excused(const struct th_faults *faults, uint64_t lookups)
{
    uint64_t lost = faults->loss + faults->corrupt;
    bool is_rough = lost > 50 || faults->stall > 0 || faults->rate > 0 || faults->rtt > 500;

    return is_rough ? 1 + lookups * (20000 + 100 * lost) / MILLION : 0;
}

void th_sim_check_found(struct th_sim *sim, const struct th_sim_lookups *lookups, const char *name,
                        uint32_t per_million, double goal_percent)
{
    const struct th_faults *faults = &sim->world.options.faults; /* with what the scenario adds */
    uint64_t valid = lookups->told - lookups->lost, missed = valid - lookups->found;
    uint64_t may_miss = valid * (MILLION - per_million) / MILLION + excused(faults, valid);

    if (valid > 0)
        th_sim_figure(sim, name, 100.0 * (double)lookups->found / (double)valid, goal_percent);
    th_sim_check(sim, missed <= may_miss, name,
                 "%" PRIu64 " of %" PRIu64 " lookups found their target", lookups->found, valid);
}

/* --- telling --- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The value below which `percent` of them lie; sorts them. */
static uint32_t percentile(uint32_t *values, uint64_t count, unsigned percent)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[(count - 1) * percent / 100];
}

static double mean(const uint32_t *values, uint64_t count)
{
    double sum = 0;

    for (uint64_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static void write_percentile(FILE *out, const char *name, uint32_t *values, uint64_t count,
                             unsigned percent)
{
    if (count == 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRIu32, name, percentile(values, count, percent));
}

static void write_mean(FILE *out, const char *name, const uint32_t *values, uint64_t count)
{
    if (count == 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%.3f", name, mean(values, count));
}

void th_sim_lookups_write(const struct th_sim_lookups *lookups, FILE *out)
{
    uint64_t found = lookups->found;

    fprintf(out,
            "{\"sent\":%" PRIu64 ",\"found\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"linked\":%" PRIu64,
            lookups->sent, found, lookups->lost, lookups->linked);
    write_mean(out, "hops_mean", lookups->hops, found);
    write_percentile(out, "hops_p99", lookups->hops, found, 99);
    write_mean(out, "asked_mean", lookups->asked, found);
    write_percentile(out, "asked_p99", lookups->asked, found, 99);
    write_percentile(out, "time_ms_p50", lookups->took_ms, found, 50);
    write_percentile(out, "time_ms_p95", lookups->took_ms, found, 95);
    write_percentile(out, "seek_ms_p50", lookups->seek_ms, found, 50);
    write_percentile(out, "seek_ms_p95", lookups->seek_ms, found, 95);
    write_percentile(out, "bare_ms_p50", lookups->bare_ms, found, 50);
    write_percentile(out, "bare_ms_p95", lookups->bare_ms, found, 95);
    fprintf(out, ",\"reached\":%" PRIu64, lookups->reached);
    write_percentile(out, "reach_ms_p50", lookups->reach_ms, lookups->reached, 50);
    write_percentile(out, "reach_ms_p95", lookups->reach_ms, lookups->reached, 95);
    fputc('}', out);
}

/* --- goals --- */

/* Nothing goes wrong, and round trips are as the goals were set for. */
static bool is_calm(struct th_faults faults)
{
    static const char *const harmless[] = {"null",   "seeds", "lookups", "within",
                                           "length", "rest",  "idle",    "k"};

    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++) {
        bool is_harmless = false;
        for (unsigned i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
            is_harmless |= strcmp(kind->name, harmless[i]) == 0;
        if (!is_harmless && *th_fault_of(&faults, kind) != kind->usual)
            return false;
    }
    return true;
}

void th_sim_lookups_judge(struct th_sim *sim)
{
    const struct th_sim_lookups *lookups = &sim->lookups;
    uint64_t found = lookups->found;

    if (!is_calm(sim->plan.faults) || found == 0 || sim->plan.nodes > 100000)
        return;
    const struct {
        const char *name;
        double value, goal_10000, goal_100000;
    } rows[] = {
        {"found_percent", 100.0 * (double)found / (double)(lookups->told - lookups->lost), 100,
         100},
        {"hops_mean", mean(lookups->hops, found), 1.95, 2.65},
        {"hops_p99", percentile(lookups->hops, found, 99), 3, 4},
        {"asked_mean", mean(lookups->asked, found), 5.5, 7},
        {"asked_p99", percentile(lookups->asked, found, 99), 9, 11},
        {"seek_p50_ms", percentile(lookups->seek_ms, found, 50), 125, 175},
        {"seek_p95_ms", percentile(lookups->seek_ms, found, 95), 235, 300},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        th_sim_figure(sim, rows[i].name, rows[i].value,
                      sim->plan.nodes <= 10000 ? rows[i].goal_10000 : rows[i].goal_100000);
}

void th_sim_lookups_time(struct th_sim *sim, const struct th_sim_lookups *lookups, const char *name,
                         double goal_10000, double goal_100000)
{
    if (lookups->found > 0)
        th_sim_figure(sim, name, percentile(lookups->bare_ms, lookups->found, 95),
                      sim->plan.nodes <= 10000 ? goal_10000 : goal_100000);
}

void th_sim_lookups_tail(struct th_sim *sim, const struct th_sim_lookups *lookups, const char *name)
{
    if (lookups->found > 0)
        th_sim_figure(sim, name, percentile(lookups->took_ms, lookups->found, 99), TH_SIM_NO_GOAL);
}

void th_sim_lookups_clear(struct th_sim_lookups *lookups)
{
    th_mem_free(lookups->hops);
    th_mem_free(lookups->asked);
    th_mem_free(lookups->took_ms);
    th_mem_free(lookups->seek_ms);
    th_mem_free(lookups->bare_ms);
    th_mem_free(lookups->reach_ms);
    *lookups = (struct th_sim_lookups){0};
}

#include "tools/sim/machines.h"

#include "switch/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { SLICE_MS = 1000, SLICES = TH_CHECK_EVERY_MS / SLICE_MS, NAME_HEX = 8 };

static const struct th_checker *const checkers[] = {
    &th_check_run,  &th_check_dial,  &th_check_channel, &th_check_table,
    &th_check_wire, &th_check_drops, &th_check_rest,
};

enum { CHECKERS = sizeof checkers / sizeof checkers[0] };

struct th_checks {
    struct th_sim *sim;
    struct th_machines machines;
    unsigned slice;
    void *data[CHECKERS];
};

/* --- for checkers --- */

void th_check_fail(struct th_sim *sim, const struct th_world_node *node, const char *name,
                   const char *format, ...)
{
    char what[TH_SIM_FAILURE_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (node)
        th_sim_check(sim, false, name, "node %.*s (%u): %s", NAME_HEX,
                     th_hashname_short(&node->id.hashname).hex, node->index, what);
    else
        th_sim_check(sim, false, name, "%s", what);
}

th_ms th_check_patience(const struct th_sim *sim)
{
    const struct th_faults *faults = &sim->world.options.faults; /* scenarios add to the plan's */

    return (th_ms)faults->delay + faults->stall;
}

th_ms th_check_awake_since(const struct th_world_node *node)
{
    return node->stopped_until ? node->stopped_until - node->behind : 0;
}

void *th_check_alloc(size_t n, size_t size)
{
    void *memory = th_mem_zalloc(n, size);

    TH_CHECK(memory != NULL);
    return memory;
}

void *th_check_resize(void *memory, size_t n, size_t size)
{
    void *more = th_mem_resize(memory, n, size);

    TH_CHECK(more != NULL);
    return more;
}

void *th_check_book(struct th_check_books *books, uint32_t index, size_t size)
{
    while (index >= books->room) {
        unsigned room = books->room ? 2 * books->room : 64;
        books->of = th_check_resize(books->of, room, sizeof *books->of);
        for (unsigned i = books->room; i < room; i++)
            books->of[i] = NULL;
        books->room = room;
    }
    if (books->of[index] == NULL)
        books->of[index] = th_check_alloc(1, size);
    return books->of[index];
}

void th_check_books_clear(struct th_check_books *books)
{
    for (unsigned i = 0; i < books->room; i++)
        th_mem_free(books->of[i]);
    th_mem_free(books->of);
    *books = (struct th_check_books){0};
}

/* --- when --- */

/* A tenth of the nodes each second. An alarm of the world leaves no mark on the run. */
static void look(struct th_world *world, void *data, uint64_t number)
{
    struct th_checks *checks = data;

    (void)number;
    for (unsigned i = checks->slice; i < world->count; i += SLICES) {
        if (!th_check_is_running(world->node[i]))
            continue;
        for (unsigned c = 0; c < CHECKERS; c++)
            if (checkers[c]->look)
                checkers[c]->look(checks->data[c], world->node[i]);
    }
    checks->slice = (checks->slice + 1) % SLICES;
    th_world_at(world, world->now + SLICE_MS, look, checks, 0);
}

struct th_checks *th_checks_new(struct th_sim *sim)
{
    struct th_checks *checks = th_check_alloc(1, sizeof *checks);

    checks->sim = sim;
    th_machines_watch(&checks->machines, &sim->world);
    for (unsigned c = 0; c < CHECKERS; c++)
        checks->data[c] = checkers[c]->begin(sim);
    th_world_at(&sim->world, SLICE_MS, look, checks, 0);
    return checks;
}

const struct th_machines *th_checks_machines(const struct th_sim *sim)
{
    return &sim->checking->machines;
}

unsigned th_checks_watched(const struct th_sim *sim)
{
    return sim->world.count < TH_CHECK_NODES_MAX ? sim->world.count : TH_CHECK_NODES_MAX;
}

void th_checks_at_rest(struct th_checks *checks)
{
    const struct th_world *world = &checks->sim->world;

    for (unsigned c = 0; c < CHECKERS; c++) {
        for (unsigned i = 0; checkers[c]->look && i < world->count; i++)
            if (th_check_is_running(world->node[i]))
                checkers[c]->look(checks->data[c], world->node[i]);
        if (checkers[c]->at_rest)
            checkers[c]->at_rest(checks->data[c]);
    }
}

static bool is_at_rest(const struct th_checks *checks)
{
    for (unsigned c = 0; c < CHECKERS; c++)
        if (checkers[c]->is_at_rest && !checkers[c]->is_at_rest(checks->data[c]))
            return false;
    return true;
}

static bool is_stopped(const struct th_world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        if (world->node[i]->state == TH_WORLD_STOPPED)
            return true;
    return false;
}

/* Nobody is stopped for longer. */
#define STOPPED_MS_MAX (70 * TH_SIM_MINUTE)

static void mend_net(struct th_net_sim *net)
{
    net->options.loss = 0;
    net->options.duplicate = 0;
    net->options.reorder = 0;
    net->options.corrupt = 0;
    for (unsigned a = 0; a < TH_SIM_GROUPS_MAX; a++)
        for (unsigned b = a; b < TH_SIM_GROUPS_MAX; b++)
            th_net_sim_part(net, a, b, 0);
}

/* Looks every minute: a bucket that has too few looks for more within the hour (routing.h). */
static void wait_for_tables(struct th_sim *sim)
{
    th_ms until = sim->world.now + sim->plan.faults.rest * TH_SIM_MINUTE;

    while (!is_at_rest(sim->checking) && sim->world.now < until)
        th_sim_run_to(sim, sim->world.now + TH_SIM_MINUTE);
}

void th_sim_rest(struct th_sim *sim, th_ms for_ms)
{
    struct th_world *world = &sim->world;
    th_ms began_at = world->now, until = world->now + for_ms + STOPPED_MS_MAX;

    sim->has_rested = true;
    if (sim->plan.faults.rest > 0) {
        th_sim_note(sim, 0, "at rest");
        mend_net(&world->net);
        while (is_stopped(world) && world->now < until)
            th_sim_run_to(sim, world->now + TH_SIM_SECOND);
        th_sim_run_to(sim, world->now + for_ms);
        if (sim->checking)
            wait_for_tables(sim);
    }
    sim->rest.took_ms = world->now - began_at;
    if (sim->checking)
        th_checks_at_rest(sim->checking);
}

void th_checks_free(struct th_checks *checks)
{
    for (unsigned c = 0; c < CHECKERS; c++)
        checkers[c]->end(checks->data[c]);
    th_machines_clear(&checks->machines);
    th_mem_free(checks);
}

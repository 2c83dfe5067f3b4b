/*
 * At rest, once nothing has failed for a while: rule 1 of the table against who there really is, timers
 * that belong to nobody, and memory.
 */
#include "tools/sim/machines.h"

#include <inttypes.h>

#define CHECK "rest"

enum {
    LOOKED_AT_MAX = 1000, /* nodes whose tables are compared with all there are */
    /* Of so many nodes some links are found only within the hour, and to wait for the last of them would
     * take longer than all that happens before. */
    MANY_NODES = 1000,
    MANY_MAY_LACK_ONE_IN = 1000,
    FIXED_KIB_MAX = 16384, /* of memory: all of the process is looked at */
    PORT_KIB_MAX = 80,     /* for each node, liars too */
    LINE_BYTES_MAX = 1280, /* for each that a node has to do with: bytes_per_line of thbench */
    LATE_MS = 1000,
    SKEW_MS_MAX = 60000 /* two clocks this wrong still accept each other's opens */
};

struct rest {
    struct th_sim *sim;
};

static const struct th_routing *machine_of(const struct rest *rest, uint32_t index)
{
    return th_machines_router(th_checks_machines(rest->sim), index);
}

/* How many others a node has to do with. */
static unsigned count_exchanges(const struct rest *rest, uint32_t index)
{
    const struct th_switchboard *sw = th_machines_switch(th_checks_machines(rest->sim), index);
    struct th_switchboard_totals totals;

    if (sw == NULL)
        return 0;
    th_switchboard_totals(sw, &totals);
    return totals.exchanges;
}

/* --- rule 1 ----------------------------------------------------------------------------------------- */

/* True for a node that others must have links to, when they have room and it is in a bucket of theirs
 * that has not k. */
static bool is_wanted(const struct rest *rest, const struct th_world_node *node)
{
    const struct th_routing *machine = machine_of(rest, node->index);

    return th_check_is_running(node) && node->node_state == TH_NODE_READY && machine &&
           !machine->is_leaving && node->port->options.nat == TH_NAT_NONE &&
           machine->table.up_count < machine->table.config.links_max;
}

/* How many links each bucket must have: k, or all that there are. */
static void count_wanted(const struct rest *rest, const struct th_world_node *node,
                         unsigned wanted[TH_BUCKETS])
{
    const struct th_world *world = &rest->sim->world;
    unsigned k = machine_of(rest, node->index)->table.config.k;

    for (unsigned i = 0; i < TH_BUCKETS; i++)
        wanted[i] = 0;
    for (unsigned i = 0; i < world->count; i++) {
        const struct th_world_node *other = world->node[i];
        int bucket = th_hashname_bucket(&node->id.hashname, &other->id.hashname);
        if (bucket >= 0 && wanted[bucket] < k && is_wanted(rest, other))
            wanted[bucket]++;
    }
}

static unsigned up_in(const struct th_table *table, unsigned index)
{
    const struct th_bucket *bucket = th_table_at(table, (int)index);

    return bucket ? bucket->up_count : 0;
}

typedef void (*poor_fn)(const struct rest *rest, const struct th_world_node *node, unsigned bucket,
                        unsigned lacking);

/* Adds up what a node must have and lacks; calls poor, unless NULL, for each bucket that has too few. */
static void look_at(struct rest *rest, const struct th_world_node *node, poor_fn poor)
{
    const struct th_table *table = &machine_of(rest, node->index)->table;
    struct th_sim_rest *seen = &rest->sim->rest;
    unsigned wanted[TH_BUCKETS];

    count_wanted(rest, node, wanted);
    for (unsigned b = 0; b < TH_BUCKETS; b++) {
        unsigned linked = up_in(table, b);
        unsigned lacking = wanted[b] > linked ? wanted[b] - linked : 0;
        seen->links += wanted[b];
        seen->lacking += lacking;
        if (lacking > 0 && poor)
            poor(rest, node, b, lacking);
    }
    seen->nodes++;
}

/* Looks at one node in so many. */
static void look_at_some(struct rest *rest, poor_fn poor)
{
    const struct th_world *world = &rest->sim->world;
    struct th_sim_rest *seen = &rest->sim->rest;
    unsigned step = world->count / LOOKED_AT_MAX + 1;

    *seen = (struct th_sim_rest){.took_ms = seen->took_ms};
    for (unsigned i = 0; i < world->count; i += step)
        if (is_wanted(rest, world->node[i]))
            look_at(rest, world->node[i], poor);
    if (world->count >= MANY_NODES)
        seen->may_lack = seen->links / MANY_MAY_LACK_ONE_IN;
}

/* Clocks that are too wrong for each other, or a run that has no rest: there is no telling. */
static bool is_checkable(const struct rest *rest)
{
    return rest->sim->world.options.faults.skew <= SKEW_MS_MAX && rest->sim->plan.faults.rest > 0;
}

static bool is_at_rest(void *data)
{
    struct rest *rest = data;

    if (!is_checkable(rest))
        return true;
    look_at_some(rest, NULL);
    return rest->sim->rest.lacking <= rest->sim->rest.may_lack;
}

static void tell_poor(const struct rest *rest, const struct th_world_node *node, unsigned bucket,
                      unsigned lacking)
{
    const struct th_table *table = &machine_of(rest, node->index)->table;

    th_check_fail(rest->sim, node, CHECK,
                  "rule 1: bucket %u has %u links and lacks %u; k is %u and the others are there",
                  bucket, up_in(table, bucket), lacking, table->config.k);
}

/* --- timers and memory ------------------------------------------------------------------------------ */

static void check_timers(struct rest *rest, const struct th_world_node *node)
{
    const struct th_routing *machine = machine_of(rest, node->index);
    th_ms now = th_host_now(node->host).mono;
    th_ms next = th_host_sim_next(node->host);
    th_ms late = LATE_MS + th_check_patience(rest->sim);

    if (!th_check_holds(rest->sim, next >= now || now - next <= late))
        th_check_fail(rest->sim, node, CHECK, "somebody was due %" PRIu64 " ms ago", now - next);
    if (machine && !th_check_holds(rest->sim, machine->due.count == machine->table.linked_count))
        th_check_fail(rest->sim, node, CHECK,
                      "%u timers of links are set, %u links are there to own them",
                      machine->due.count, machine->table.linked_count);
}

static void check_memory(struct rest *rest)
{
    const struct th_world *world = &rest->sim->world;
    uint64_t kib = th_sim_heap_bytes() / 1024;
    uint64_t lines = 0, most;

    for (unsigned i = 0; i < world->count; i++)
        lines += count_exchanges(rest, i);
    most =
        FIXED_KIB_MAX + (uint64_t)PORT_KIB_MAX * world->net.count + lines * LINE_BYTES_MAX / 1024;
    if (!th_check_holds(rest->sim, kib <= most))
        th_check_fail(rest->sim, NULL, CHECK,
                      "%u nodes with %" PRIu64 " lines take %" PRIu64 " KiB, %" PRIu64
                      " were expected at most",
                      world->count, lines, kib, most);
}

/* --- life ------------------------------------------------------------------------------------------- */

static void at_rest(void *data)
{
    struct rest *rest = data;
    const struct th_world *world = &rest->sim->world;

    if (!th_check_holds(rest->sim, is_at_rest(rest)))
        look_at_some(rest, tell_poor);
    for (unsigned i = 0; i < world->count; i++)
        if (th_check_is_running(world->node[i]))
            check_timers(rest, world->node[i]);
    if (rest->sim->plan.faults.rest > 0) /* else what came with the last event is still held */
        check_memory(rest);
}

static void *begin(struct th_sim *sim)
{
    struct rest *rest = th_check_alloc(1, sizeof *rest);

    rest->sim = sim;
    return rest;
}

static void end(void *data)
{
    struct rest *rest = data;

    th_mem_free(rest);
}

const struct th_checker th_check_rest = {
    .name = CHECK, .begin = begin, .is_at_rest = is_at_rest, .at_rest = at_rest, .end = end};

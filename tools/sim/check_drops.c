/*
 * What nodes drop of each other. A limit that honest nodes hit thousands of times has a counter, but nobody
 * looks at the counters of ten thousand nodes: here they are added up for the result, with the node that
 * dropped most. At rest, when nothing has failed for a while and nobody looks for anything, a node that still
 * drops packets all the time has a fault, or its peers have.
 */
#include "tools/sim/machines.h"

#include <inttypes.h>

#define CHECK "drops"

enum {
    CALM_MS = 60000,  /* since the network was mended, until what was under way is over */
    AT_REST_MAX = 20, /* for one reason, between two looks … */
    LOOKS_MAX = 3 /* … so often in a row: who tries something anew may meet many that cannot help */
};

struct drops {
    struct th_sim *sim;
    struct th_check_books nodes; /* struct book by node */
    th_ms rest_at;               /* 0: the run has not come to rest */
};

enum server { SWITCH, ROUTER, DIALER, SERVERS };

/* Of one node. */
struct book {
    struct th_drops seen[SERVERS]; /* at the last look */
    struct th_drops sum; /* with what those that have ended had counted until the last look */
    uint8_t looks[TH_DROP_COUNT]; /* in a row, at rest, that found too many */
};

/* What a server of a node has counted since it began. */
static struct th_drops count(const struct drops *drops, uint32_t index, enum server server)
{
    const struct th_machines *machines = th_checks_machines(drops->sim);
    const struct th_switchboard *sw = th_machines_switch(machines, index);
    const struct th_routing *router = th_machines_router(machines, index);
    const struct th_dialer_status *dialer = th_machines_dialer(machines, index);
    struct th_switchboard_totals totals = {0};

    switch (server) {
    case SWITCH:
        if (sw)
            th_switchboard_totals(sw, &totals);
        break;
    case ROUTER:
        if (router)
            return router->drops;
        break;
    case DIALER:
        if (dialer)
            return dialer->drops;
        break;
    case SERVERS:
        break;
    }
    return totals.drops;
}

/* What they have counted since the last look. One that counted less has begun anew. */
static struct th_drops count_more(const struct drops *drops, const struct th_world_node *node,
                                  struct book *book)
{
    struct th_drops more = {0};

    for (enum server server = 0; server < SERVERS; server++) {
        struct th_drops now = count(drops, node->index, server);
        for (unsigned why = TH_DROP_NONE + 1; why < TH_DROP_COUNT; why++) {
            uint64_t seen = book->seen[server].n[why];
            more.n[why] += now.n[why] < seen ? now.n[why] : now.n[why] - seen;
        }
        book->seen[server] = now;
    }
    return more;
}

static bool is_calm(struct drops *drops)
{
    const struct th_sim *sim = drops->sim;

    if (!sim->has_rested || sim->plan.faults.rest == 0)
        return false;
    if (drops->rest_at == 0)
        drops->rest_at = sim->world.now;
    return sim->world.now - drops->rest_at >= CALM_MS;
}

static void add(struct drops *drops, const struct th_world_node *node, struct book *book,
                enum th_drop why, uint64_t more)
{
    struct th_sim_drop *drop = &drops->sim->drop[why];

    drop->nodes += book->sum.n[why] == 0;
    drop->count += more;
    book->sum.n[why] += more;
    if (book->sum.n[why] > drop->most) {
        drop->most = book->sum.n[why];
        drop->at = node->index;
    }
}

/* How many looks in a row it was too much. */
static void judge(const struct drops *drops, const struct th_world_node *node, struct book *book,
                  enum th_drop why, uint64_t more)
{
    uint8_t *looks = &book->looks[why];

    *looks = more > AT_REST_MAX ? (uint8_t)(*looks + 1) : 0;
    if (th_check_holds(drops->sim, *looks < LOOKS_MAX))
        return;
    th_check_fail(drops->sim, node, CHECK,
                  "at rest it has dropped more than %d packets in each %d s for half a minute, at "
                  "last %" PRIu64 ", as %s (%s)",
                  AT_REST_MAX, TH_CHECK_EVERY_MS / 1000, more, th_drop_name(why),
                  th_drop_meaning(why));
    *looks = 0;
}

static void look(void *data, struct th_world_node *node)
{
    struct drops *drops = data;
    struct book *book;

    if (!th_check_is_watched(node))
        return;
    book = th_check_book(&drops->nodes, node->index, sizeof *book);
    struct th_drops more = count_more(drops, node, book);
    bool must_be_few = is_calm(drops);
    for (unsigned i = TH_DROP_NONE + 1; i < TH_DROP_COUNT; i++) {
        if (more.n[i] > 0)
            add(drops, node, book, (enum th_drop)i, more.n[i]);
        if (must_be_few)
            judge(drops, node, book, (enum th_drop)i, more.n[i]);
    }
}

static void *begin(struct th_sim *sim)
{
    struct drops *drops = th_check_alloc(1, sizeof *drops);

    drops->sim = sim;
    return drops;
}

static void end(void *data)
{
    struct drops *drops = data;

    th_check_books_clear(&drops->nodes);
    th_mem_free(drops);
}

const struct th_checker th_check_drops = {.name = CHECK, .begin = begin, .look = look, .end = end};

/*
 * Streams between nodes: of every size, both ways at once, while nodes get other addresses; twenty of one line
 * over a narrow way, which share it; and one whose other end dies. Every byte comes, in order and once, and
 * each side is told one end.
 */
#include "tools/sim/stage.h"

#include "switch/base/mem.h"
#include "tools/sim/streamer.h"

enum {
    FAIR_STREAMS = 20,
    FAIR_BYTES = 150000, /* of each */
    FAIR_RATE = 200000,  /* bytes a second */
    FAIR_PER_MILLE = 950,
    MOVED_FROM_BYTES = 100000, /* of smaller ones nobody gets another address meanwhile */
    LEAST_BYTES_PER_MS = 4,    /* so much passes whatever goes wrong with datagrams */
    LOOK_MS = 10,
    DEATH_MS = 900000, /* until who is left is told */
    TRANSFERS_MAX = 64
};

struct streams {
    struct th_sim *sim;
    struct th_sim_transfers book;
    struct th_sim_transfer transfer[TRANSFERS_MAX];
    uint8_t moves[TRANSFERS_MAX]; /* that were made in the middle of it */
    struct th_sim_streamer *streamer;
};

/* --- whom between --- */

static bool is_open(const struct th_world_node *node)
{
    return node->port->options.nat == TH_NAT_NONE;
}

static bool is_seed(const struct streams *s, const struct th_world_node *node)
{
    return node->index < s->sim->plan.faults.seeds;
}

/* A pair of which the second can be reached by everybody; seeds, whose addresses all know, only where there
 * is nobody else. */
static void draw_pair(struct streams *s, struct th_sim_transfer *t)
{
    struct th_world *world = &s->sim->world;
    unsigned tries = 0;
    bool is_good = false;

    while (!is_good) {
        t->from = world->node[th_rng_below(&world->rng, world->count)];
        t->to = world->node[th_rng_below(&world->rng, world->count)];
        bool has_seed = is_seed(s, t->from) || is_seed(s, t->to);
        is_good = t->from != t->to && is_open(t->to) && (!has_seed || ++tries > 1000);
    }
}

static struct th_sim_transfer *add(struct streams *s, uint64_t there, uint64_t back)
{
    TH_CHECK(s->book.count < TRANSFERS_MAX);
    struct th_sim_transfer *t = &s->transfer[s->book.count];

    *t = (struct th_sim_transfer){.number = s->book.count++, .bytes = {there, back}};
    draw_pair(s, t);
    return t;
}

/* --- in the middle --- */

static void move(struct streams *s, struct th_sim_transfer *t, struct th_world_node *node)
{
    s->moves[t->number]++;
    if (is_seed(s, node))
        return;
    th_world_move(node);
    th_sim_note(s->sim, 0, "node %u gets another address in the middle of stream %u", node->index,
                (unsigned)t->number);
}

/* A third of the way the first moves, at two thirds the second, if both can be reached by everybody. */
static void move_some(struct streams *s, unsigned first)
{
    for (unsigned i = first; i < s->book.count; i++) {
        struct th_sim_transfer *t = &s->transfer[i];
        uint64_t all = t->bytes[TH_SIM_OPENER], read = t->read[TH_SIM_ACCEPTER];
        if (all < MOVED_FROM_BYTES)
            continue;
        if (s->moves[i] == 0 && read > all / 3)
            move(s, t, t->from);
        else if (s->moves[i] == 1 && read > all / 3 * 2 && is_open(t->from))
            move(s, t, t->to);
    }
}

static bool are_over(const struct streams *s, unsigned first)
{
    for (unsigned i = first; i < s->book.count; i++)
        if (!th_sim_transfer_is_over(&s->transfer[i]))
            return false;
    return true;
}

static th_ms limit_of(const struct streams *s, unsigned first)
{
    uint64_t bytes = 0, rate = s->sim->plan.faults.rate;

    for (unsigned i = first; i < s->book.count; i++)
        bytes += s->transfer[i].bytes[TH_SIM_OPENER] + s->transfer[i].bytes[TH_SIM_ACCEPTER];
    return 10 * TH_SIM_MINUTE + bytes / LEAST_BYTES_PER_MS + (rate ? bytes * 4000 / rate : 0);
}

static void check_whole(struct streams *s, const struct th_sim_transfer *t)
{
    th_sim_check(
        s->sim, th_sim_transfer_is_whole(t), "stream",
        "%u, of %llu and %llu bytes between nodes %u and %u: %llu and %llu came, %llu and "
        "%llu of them wrong; ends told %u (%s) and %u (%s)",
        (unsigned)t->number, (unsigned long long)t->bytes[TH_SIM_OPENER],
        (unsigned long long)t->bytes[TH_SIM_ACCEPTER], t->from->index, t->to->index,
        (unsigned long long)t->read[TH_SIM_ACCEPTER], (unsigned long long)t->read[TH_SIM_OPENER],
        (unsigned long long)t->wrong[TH_SIM_ACCEPTER], (unsigned long long)t->wrong[TH_SIM_OPENER],
        t->ends[TH_SIM_ACCEPTER], th_strerror(t->why[TH_SIM_ACCEPTER]), t->ends[TH_SIM_OPENER],
        th_strerror(t->why[TH_SIM_OPENER]));
}

/* --- what is shown --- */

static void all_sizes(struct streams *s)
{
    uint64_t largest = s->sim->plan.faults.bytes;
    const uint64_t sizes[] = {1, 2, 1000, 3253, 65536, 300000, largest, largest};
    struct th_sim *sim = s->sim;
    unsigned first = s->book.count, count = sizeof sizes / sizeof *sizes;

    for (unsigned i = 0; i < count; i++)
        th_sim_transfer_begin(add(s, sizes[i], i + 1 < count ? sizes[i] : 0));
    th_ms until = sim->world.now + limit_of(s, first);
    th_sim_note(sim, 0, "%u streams begin", count);
    while (!are_over(s, first) && sim->world.now < until) {
        th_sim_run_to(sim, sim->world.now + LOOK_MS);
        move_some(s, first);
    }
    unsigned moves = 0;
    for (unsigned i = first; i < s->book.count; i++) {
        check_whole(s, &s->transfer[i]);
        moves += s->moves[i];
    }
    const struct th_sim_transfer *t = &s->transfer[s->book.count - 1];
    th_ms took = t->ended_at[TH_SIM_ACCEPTER] - t->began_at;
    th_sim_figure(sim, "moves", moves, TH_SIM_NO_GOAL);
    th_sim_figure(sim, "largest_ms", (double)took, TH_SIM_NO_GOAL);
}

/* Of what came since `before`: 1000 when all have the same, 1000 / n when one has all (Jain's index). Who has
 * all of its bytes is left out: it takes no more, however fair the line is. But one or two alone: where more
 * have theirs before the others have half, the line is not. */
static unsigned fairness(const struct streams *s, unsigned first, const uint64_t *before)
{
    enum { WHOLE_MAX = 2 };
    double sum = 0, squares = 0;
    unsigned count = 0, whole = 0;

    for (unsigned i = first; i < s->book.count; i++) {
        const struct th_sim_transfer *t = &s->transfer[i];
        double read = (double)(t->read[TH_SIM_ACCEPTER] - before[i - first]);
        if (t->read[TH_SIM_ACCEPTER] == t->bytes[TH_SIM_OPENER] && whole++ < WHOLE_MAX)
            continue;
        count++;
        sum += read;
        squares += read * read;
    }
    return squares > 0 ? (unsigned)(1000 * sum * sum / (squares * count)) : 0;
}

static uint64_t count_read(const struct streams *s, unsigned first)
{
    uint64_t read = 0;

    for (unsigned i = first; i < s->book.count; i++)
        read += s->transfer[i].read[TH_SIM_ACCEPTER];
    return read;
}

static void fair_shares(struct streams *s)
{
    const struct th_faults *faults = &s->sim->plan.faults;
    struct th_sim *sim = s->sim;
    unsigned first = s->book.count, shares = 0;
    uint64_t before[FAIR_STREAMS] = {
        0}; /* when a quarter had come: who was first is ahead by then */
    bool has_before = false;
    struct th_sim_transfer *t = NULL;

    for (unsigned i = 0; i < FAIR_STREAMS; i++) {
        t = add(s, FAIR_BYTES, 0);
        t->from = s->transfer[first].from;
        t->to = s->transfer[first].to;
        th_sim_transfer_begin(t);
    }
    uint32_t rate_before = t->from->port->options.bytes_per_s;
    if (rate_before == 0)
        t->from->port->options.bytes_per_s = FAIR_RATE;
    th_ms until = sim->world.now + limit_of(s, first);
    th_sim_note(sim, 0, "%u streams of one line begin", FAIR_STREAMS);
    while (!are_over(s, first) && sim->world.now < until) {
        th_sim_run_to(sim, sim->world.now + LOOK_MS);
        uint64_t read = count_read(s, first);
        for (unsigned i = 0; i < FAIR_STREAMS && !has_before; i++)
            before[i] = s->transfer[first + i].read[TH_SIM_ACCEPTER];
        has_before |= read > FAIR_STREAMS * FAIR_BYTES / 4;
        if (shares == 0 && read > FAIR_STREAMS * FAIR_BYTES / 4 * 3)
            shares = fairness(s, first, before);
    }
    t->from->port->options.bytes_per_s = rate_before;
    for (unsigned i = first; i < s->book.count; i++)
        check_whole(s, &s->transfer[i]);
    /* What is read is in order: who waits for a lost packet has less, for a while. */
    bool is_rough = faults->loss > 0 || faults->reorder > 0 || faults->corrupt > 0;
    th_sim_figure(sim, "fairness_per_mille", shares, TH_SIM_NO_GOAL);
    th_sim_check(sim, is_rough || shares >= FAIR_PER_MILLE, "fair",
                 "%u streams of one line share it with an index of %u per mille", FAIR_STREAMS,
                 shares);
}

static void death_of_one(struct streams *s)
{
    struct th_sim *sim = s->sim;
    struct th_world *world = &sim->world;
    /* neither has an end of its own */
    struct th_sim_transfer *t = add(s, UINT64_MAX / 2, UINT64_MAX / 2);

    t->from = world->node[0]; /* behind no NAT */
    t->to = world->node[th_rng_between(&world->rng, 1, world->count - 1)];
    th_sim_transfer_begin(t);
    th_ms until = sim->world.now + 10 * TH_SIM_MINUTE;
    while (t->read[TH_SIM_ACCEPTER] < MOVED_FROM_BYTES && sim->world.now < until)
        th_sim_run_to(sim, sim->world.now + LOOK_MS);
    th_sim_note(sim, 0, "node %u dies in the middle of a stream", t->to->index);
    th_sim_restart(sim, t->to, 1000, 60000);
    until = sim->world.now + DEATH_MS;
    while (t->ends[TH_SIM_OPENER] == 0 && sim->world.now < until)
        th_sim_run_to(sim, sim->world.now + LOOK_MS);
    th_sim_check(sim,
                 t->ends[TH_SIM_OPENER] == 1 && t->why[TH_SIM_OPENER] != TH_EOF &&
                     t->wrong[TH_SIM_ACCEPTER] == 0,
                 "stream", "whose other end died: ends told %u (%s), %llu bytes wrong",
                 t->ends[TH_SIM_OPENER], th_strerror(t->why[TH_SIM_OPENER]),
                 (unsigned long long)t->wrong[TH_SIM_ACCEPTER]);
}

static void stream(struct th_sim *sim)
{
    struct streams *s = th_mem_zalloc(1, sizeof *s);

    TH_CHECK(s != NULL);
    s->sim = sim;
    s->book.transfer = s->transfer;
    th_sim_settle(sim);
    s->streamer = th_mem_zalloc(sim->world.count, sizeof *s->streamer);
    TH_CHECK(s->streamer != NULL);
    for (unsigned i = 0; i < sim->world.count; i++) {
        s->streamer[i] = (struct th_sim_streamer){sim->world.node[i], &s->book};
        th_sim_streamer_start(&s->streamer[i]);
    }
    th_sim_run_to(sim, sim->world.now + TH_SIM_SECOND);
    all_sizes(s);
    fair_shares(s);
    death_of_one(s);
    th_sim_check_whole(sim, 5 * TH_SIM_MINUTE);
    /* The servers go on, and hold what is theirs here, until their nodes are down. */
    for (unsigned i = 0; i < sim->world.count; i++)
        if (sim->world.node[i]->state != TH_WORLD_DOWN)
            th_sim_streamer_stop(&s->streamer[i]);
    th_sim_run_to(sim, sim->world.now + TH_SIM_SECOND);
    th_mem_free(s->streamer);
    th_mem_free(s);
}

extern const struct th_scenario th_scenario_stream;
const struct th_scenario th_scenario_stream = {
    .name = "stream",
    .about = "streams of every size, while nodes move; 20 share a line; one's other end dies",
    .nodes = 10,
    .nodes_min = 4,
    .length = TH_SIM_MINUTE,
    .run = stream,
};

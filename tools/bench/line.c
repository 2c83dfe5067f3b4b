/*
 * line.c - bytes_per_line, bytes_per_line_null and bytes_per_known: what a node holds of another one.
 *
 * A node takes a line and a link of each of many others. What it holds of them is what the C library
 * has handed out more than before: the switch's exchange, line and channel, the router's peer and its
 * age, the dialer's contact. After ten minutes of silence the lines end; what the switch still holds
 * is a node that is known. The same is done with the simulator's cipher set, which has nearly no keys.
 */
#include "dialer/contacts.h"
#include "router/routing.h"
#include "switch/base/mem.h"
#include "switch/core/switchboard.h"
#include "switch/wire/cs3a.h"
#include "tools/bench/bench.h"
#include "tools/sim/cipher_null.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 4000, K = 64, START_MS = 1000000 };

static const th_epoch_ms start_wall = 1400000000000;

/* What lives of one node: the machines of three servers. */
struct hub {
    const struct th_cipher *cipher; /* of all nodes */
    struct th_now now;
    struct th_rng rng;
    struct th_identity id;
    struct th_addr addr;
    struct th_switchboard *board;
    struct th_routing routing;
    struct th_contacts contacts;
    bool is_failed;
};

struct bytes {
    double line, of_switch, known;
};

/* malloc counts what it keeps in hand for this thread, up to KEPT pieces of each small size, as handed out.
 * All of these are taken while it is asked, so that the same is added each time. */
static size_t handed_out(void)
{
    enum { KEPT = 7, SIZES = 64, SMALLEST = 24, STEP = 16 };
    void *taken[SIZES][KEPT];

    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned j = 0; j < KEPT; j++)
            taken[i][j] = malloc(SMALLEST + i * STEP);
    struct mallinfo2 info = mallinfo2();
    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned j = 0; j < KEPT; j++)
            free(taken[i][j]);
    return info.uordblks +
           info.hblkhd; /* small pieces, and great ones that have pages of their own */
}

static void make_identity(struct hub *hub, struct th_identity *out)
{
    uint8_t seed[TH_KEY_BYTES];

    th_rng_fill(&hub->rng, seed, sizeof seed);
    th_identity_make_of(out, hub->cipher, seed);
}

static struct th_switchboard *make_board(struct hub *hub, const struct th_identity *id)
{
    const struct th_switchboard_config config = {.identity = id};

    return th_switchboard_new(&config, &hub->rng, hub->now);
}

static void begin(struct hub *hub, const struct th_cipher *cipher)
{
    const struct th_now now = {.mono = START_MS, .wall = start_wall};
    struct th_routing_config config = {.is_seed = true};
    uint8_t seed[TH_RNG_SEED_BYTES];

    *hub = (struct hub){.cipher = cipher};
    randombytes_buf(seed, sizeof seed);
    th_rng_init(&hub->rng, seed);
    hub->now = now;
    hub->addr = (struct th_addr){.ip = {10, 1}, .port = 42424, .family = TH_FAMILY_IPV4};
    make_identity(hub, &hub->id);
    hub->board = make_board(hub, &hub->id);
    hub->is_failed = hub->board == NULL;
    config.table = (struct th_table_config){
        .self = hub->id.hashname, .csid = cipher->csid, .k = K, .links_max = TH_EXCHANGES_MAX};
    th_routing_init(&hub->routing, &config, &hub->rng, now);
}

static void end(struct hub *hub)
{
    th_switchboard_free(hub->board);
    th_routing_clear(&hub->routing);
    th_contacts_clear(&hub->contacts);
    th_identity_clear(&hub->id);
}

/* --- the router and the dialer, as their servers feed them ------------------------------------------ */

static void on_line(struct hub *hub, const struct th_line_look *look, bool is_up)
{
    const struct th_routing_line line = {.id = look->id, .addr = look->addr, .csid = look->csid};

    if (!is_up) {
        th_contacts_on_line_down(&hub->contacts, &look->id);
        hub->is_failed |=
            th_routing_on_line_down(&hub->routing, hub->now, &look->id, TH_TIMED_OUT) != TH_OK;
        return;
    }
    hub->is_failed |= th_contacts_on_line_up(&hub->contacts, &look->id) != TH_OK ||
                      th_routing_on_line_up(&hub->routing, hub->now, &line) != TH_OK;
}

static void on_packet(struct hub *hub, const struct th_action *action)
{
    const struct th_routing_packet packet = {.from = action->id,
                                             .addr = action->addr,
                                             .c = action->channel.id,
                                             .is_ours = action->channel.is_ours,
                                             .head = action->packet.head};

    if (action->channel.type == TH_CHANNEL_LINK && action->is_first)
        hub->is_failed |= th_routing_on_link_opened(&hub->routing, hub->now, &packet) != TH_OK;
}

/* The link's answers are sent; links that the router wants by itself are not. */
static void obey_router(struct hub *hub)
{
    struct th_routing_action action;
    char fields[TH_FIELDS_MAX];

    while (th_routing_next(&hub->routing, &action, fields)) {
        const struct th_chanpkt_out packet = {
            .c = action.c, .end = action.end, .err = action.err, .fields = action.fields};

        if (action.kind == TH_ROUTING_SEND &&
            th_switchboard_send(hub->board, hub->now, &action.id, &packet) != TH_OK)
            hub->is_failed = true;
    }
}

/* --- one peer after the other ----------------------------------------------------------------------- */

/* Brings the hub's datagrams to the peer, which may have gone. True when there were any. */
static bool obey_hub(struct hub *hub, struct th_switchboard *peer)
{
    struct th_action action;
    bool is_any = false;

    while (th_switchboard_next(hub->board, &action)) {
        if (action.kind == TH_ACTION_SEND && peer)
            th_switchboard_on_datagram(peer, hub->now, &hub->addr, action.bytes);
        else if (action.kind == TH_ACTION_LINE_UP || action.kind == TH_ACTION_LINE_DOWN)
            on_line(hub, &action.line, action.kind == TH_ACTION_LINE_UP);
        else if (action.kind == TH_ACTION_PACKET)
            on_packet(hub, &action);
        is_any = true;
    }
    obey_router(hub);
    return is_any;
}

static bool obey_peer(struct hub *hub, struct th_switchboard *peer, const struct th_addr *addr)
{
    struct th_action action;
    bool is_any = false;

    while (th_switchboard_next(peer, &action)) {
        if (action.kind == TH_ACTION_SEND)
            th_switchboard_on_datagram(hub->board, hub->now, addr, action.bytes);
        is_any = true;
    }
    return is_any;
}

static void link_peer(struct hub *hub, unsigned i)
{
    const struct th_addr addr = {
        .ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 42424, .family = TH_FAMILY_IPV4};
    const struct th_paths paths = {.count = 1, .addr = {hub->addr}};
    const struct th_channel_request request = {.type = TH_CHANNEL_LINK,
                                               .fields = th_bytes_of("\"seed\":true,\"see\":[]")};
    struct th_identity id;
    uint32_t c;

    make_identity(hub, &id);
    struct th_switchboard *peer = make_board(hub, &id);
    if (peer == NULL ||
        th_switchboard_open(peer, hub->now, &hub->id.hashname, &hub->id.parts, &hub->id.keys.pub,
                            &paths) != TH_AGAIN ||
        th_switchboard_channel(peer, hub->now, &hub->id.hashname, &request, &c) != TH_OK)
        hub->is_failed = true;
    bool is_any = true;
    while (!hub->is_failed && is_any) {
        is_any = obey_peer(hub, peer, &addr);
        is_any = obey_hub(hub, peer) || is_any;
    }
    th_switchboard_free(peer);
    hub->now.mono++; /* as fast as the limit on opens allows */
    hub->now.wall++;
}

/* --- figures ---------------------------------------------------------------------------------------- */

enum { DAY_MS = 86400000 };

/* Line by line, as they were made: what is to be told of all of them at once would take memory too. */
static void fall_silent(struct hub *hub)
{
    th_ms next;

    hub->now.wall -= DAY_MS; /* who has our opens of later is not forgotten */
    while ((next = th_switchboard_deadline(hub->board)) != TH_NEVER) {
        hub->now.wall += (th_epoch_ms)(next - hub->now.mono);
        hub->now.mono = next;
        th_switchboard_tick(hub->board, hub->now);
        obey_hub(hub, NULL);
    }
}

static bool take_round(struct bytes *out, const struct th_cipher *cipher)
{
    struct hub *hub = th_mem_zalloc(1, sizeof *hub);
    struct th_switchboard_totals totals;

    if (hub == NULL)
        return false;
    begin(hub, cipher);
    size_t before = handed_out();
    for (unsigned i = 0; !hub->is_failed && i < PEERS; i++)
        link_peer(hub, i);
    bool is_ok = !hub->is_failed && hub->routing.table.up_count == PEERS;
    size_t all = handed_out();

    th_routing_clear(&hub->routing);
    th_contacts_clear(&hub->contacts);
    size_t of_switch = handed_out();

    if (is_ok)
        fall_silent(hub);
    th_switchboard_totals(hub->board, &totals);
    is_ok = is_ok && totals.lines == 0 && totals.exchanges == PEERS;
    out->line = ((double)all - (double)before) / PEERS;
    out->of_switch = ((double)of_switch - (double)before) / PEERS;
    out->known = ((double)handed_out() - (double)before) / PEERS;
    end(hub);
    th_mem_free(hub);
    return is_ok;
}

struct taken {
    struct th_samples line, of_switch, known;
};

static bool take_rounds(const struct th_bench *bench, const struct th_cipher *cipher,
                        struct taken *out)
{
    bool is_ok = true;

    *out = (struct taken){0};
    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        struct bytes bytes = {0};

        is_ok = take_round(&bytes, cipher) && th_samples_add(&out->line, bytes.line) == TH_OK &&
                th_samples_add(&out->of_switch, bytes.of_switch) == TH_OK &&
                th_samples_add(&out->known, bytes.known) == TH_OK;
    }
    if (!is_ok)
        th_bench_note("bytes_per_line: not all lines and links came up, or ended in time");
    return is_ok;
}

static void clear(struct taken *taken)
{
    th_samples_clear(&taken->line);
    th_samples_clear(&taken->of_switch);
    th_samples_clear(&taken->known);
}

static void tell(struct th_bench *bench, const char *name, const char *what, double goal,
                 struct th_samples *samples)
{
    struct th_figure figure = {.suite = "memory",
                               .name = name,
                               .what = what,
                               .unit = "B",
                               .is_less_better = true,
                               .goal = goal};

    th_figure_fill(&figure, samples, NULL);
    th_bench_tell(bench, &figure);
}

bool th_bench_line(struct th_bench *bench)
{
    struct taken real, null = {0};
    bool is_ok;

    if (handed_out() == 0) { /* a sanitizer has put its own allocator there */
        th_bench_note("bytes_per_line left out: the C library counts no memory in this build");
        return true;
    }
    is_ok = take_rounds(bench, &th_cs3a, &real) && take_rounds(bench, &th_cipher_null, &null);
    if (is_ok) {
        tell(bench, "bytes_per_line", "a line with a link: switch, router and dialer", 1536,
             &real.line);
        th_bench_note("bytes_per_line: %.0f B of it are the switch's, %.0f B of the next",
                      th_samples_median(&real.of_switch), th_samples_median(&null.of_switch));
        tell(bench, "bytes_per_line_null", "the same without keys, as in the simulator", 400,
             &null.line);
        tell(bench, "bytes_per_known", "a node without a line: switch", 200, &real.known);
    }
    clear(&real);
    clear(&null);
    return is_ok;
}

/*
 * boards.h - a few switchboards on one wire, for tests of core: no clock, no sockets.
 *
 *     struct wire w;
 *     wire_init(&w, 2);
 *     wire_open(&w, 0, 1);
 *     wire_settle(&w);
 */
#ifndef TH_TESTS_BOARDS_H
#define TH_TESTS_BOARDS_H

#include "switch/core/packets.h"
#include "switch/core/switchboard.h"
#include "switch/wire/line.h"
#include "switch/wire/open.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { WIRE_NODES = 5, WIRE_SEEN_MAX = 800, WIRE_FLIGHT_MAX = 256, WIRE_LET_IN_MAX = 32 };

struct flight {
    struct th_addr from, to;
    size_t len;
    uint8_t bytes[TH_DATAGRAM_IN_MAX];
};

/* An action that was no datagram. */
struct seen {
    int node;
    struct th_action action; /* its bytes are gone, but for head and body */
    char head[512];
};

struct wire {
    struct th_now now;
    int nodes;
    struct th_identity identity[WIRE_NODES];
    struct th_addr addr[WIRE_NODES];
    struct th_rng rng[WIRE_NODES];
    struct th_switchboard_config config[WIRE_NODES];
    struct th_switchboard *board[WIRE_NODES];
    bool is_cut[WIRE_NODES];               /* nothing comes or goes */
    bool is_apart[WIRE_NODES][WIRE_NODES]; /* nothing goes from one to the other */
    bool has_nat[WIRE_NODES];              /* lets in only what comes from where it sent to */
    unsigned let_in_count[WIRE_NODES];
    struct th_addr let_in[WIRE_NODES][WIRE_LET_IN_MAX];
    int lose_next;  /* this many datagrams get lost */
    size_t carries; /* longer datagrams get lost; 0: none may be longer than the safe size */
    int sent[WIRE_NODES];
    uint64_t sent_bytes[WIRE_NODES];
    size_t largest[WIRE_NODES];     /* datagram that a node sent */
    struct flight last[WIRE_NODES]; /* the last datagram each node sent */
    unsigned flight_count;
    struct flight flight[WIRE_FLIGHT_MAX];
    unsigned seen_count;
    struct seen seen[WIRE_SEEN_MAX];
};

static inline void wire_boot(struct wire *w, int i, uint8_t rng_seed)
{
    uint8_t seed[TH_RNG_SEED_BYTES];

    memset(seed, rng_seed, sizeof seed);
    th_rng_init(&w->rng[i], seed);
    w->config[i].identity = &w->identity[i];
    w->board[i] = th_switchboard_new(&w->config[i], &w->rng[i], w->now);
    assert_non_null(w->board[i]);
}

static inline void wire_init(struct wire *w, int nodes)
{
    memset(w, 0, sizeof *w);
    w->now = (struct th_now){.mono = 1000, .wall = 1400000000000};
    w->nodes = nodes;
    for (int i = 0; i < nodes; i++) {
        uint8_t seed[TH_KEY_BYTES];
        memset(seed, 0x10 + i, sizeof seed);
        th_identity_make(&w->identity[i], seed);
        w->addr[i] = (struct th_addr){
            .ip = {10, 0, 0, (uint8_t)(1 + i)}, .port = 1000, .family = TH_FAMILY_IPV4};
        wire_boot(w, i, (uint8_t)(0x20 + i));
    }
}

static inline void wire_free(struct wire *w)
{
    for (int i = 0; i < w->nodes; i++)
        th_switchboard_free(w->board[i]);
}

/* The process ends and another one begins: nothing is remembered but the identity. */
static inline void wire_restart(struct wire *w, int i, uint8_t rng_seed)
{
    th_switchboard_free(w->board[i]);
    wire_boot(w, i, rng_seed);
}

static inline int wire_node_at(const struct wire *w, const struct th_addr *addr)
{
    for (int i = 0; i < w->nodes; i++)
        if (th_addr_is_equal(&w->addr[i], addr))
            return i;
    return -1;
}

static inline bool wire_lets_in(const struct wire *w, int node, const struct th_addr *from)
{
    for (unsigned i = 0; i < w->let_in_count[node]; i++)
        if (th_addr_is_equal(&w->let_in[node][i], from))
            return true;
    return !w->has_nat[node];
}

static inline void wire_let_in(struct wire *w, int node, const struct th_addr *addr)
{
    if (!w->has_nat[node] || wire_lets_in(w, node, addr))
        return;
    assert_true(w->let_in_count[node] < WIRE_LET_IN_MAX);
    w->let_in[node][w->let_in_count[node]++] = *addr;
}

static inline void wire_collect(struct wire *w, int node)
{
    struct th_action action;

    while (th_switchboard_next(w->board[node], &action)) {
        if (action.kind == TH_ACTION_SEND) {
            struct flight *f = &w->last[node];
            assert_true(w->carries > 0 || action.bytes.len <= TH_DATAGRAM_SAFE_MAX);
            *f = (struct flight){.from = w->addr[node], .to = action.addr, .len = action.bytes.len};
            memcpy(f->bytes, action.bytes.at, action.bytes.len);
            w->sent[node]++;
            wire_let_in(w, node, &action.addr);
            w->sent_bytes[node] += action.bytes.len;
            if (action.bytes.len > w->largest[node])
                w->largest[node] = action.bytes.len;
            if (w->lose_next > 0) {
                w->lose_next--;
                continue;
            }
            if (w->carries > 0 && action.bytes.len > w->carries)
                continue;
            assert_true(w->flight_count < WIRE_FLIGHT_MAX);
            w->flight[w->flight_count++] = *f;
            continue;
        }
        assert_true(w->seen_count < WIRE_SEEN_MAX);
        struct seen *seen = &w->seen[w->seen_count++];
        *seen = (struct seen){.node = node, .action = action};
        if (action.kind == TH_ACTION_PACKET && action.packet.head.len < sizeof seen->head)
            memcpy(seen->head, action.packet.head.at, action.packet.head.len);
    }
}

/* Brings everything that is on its way to its end, and what that causes, without time passing. */
static inline void wire_settle(struct wire *w)
{
    for (int i = 0; i < w->nodes; i++)
        wire_collect(w, i);
    while (w->flight_count > 0) {
        struct flight f = w->flight[0];
        memmove(w->flight, w->flight + 1, --w->flight_count * sizeof f);
        int to = wire_node_at(w, &f.to), from = wire_node_at(w, &f.from);
        if (to < 0 || w->is_cut[to] || (from >= 0 && w->is_cut[from]))
            continue;
        if ((from >= 0 && w->is_apart[from][to]) || !wire_lets_in(w, to, &f.from))
            continue;
        th_switchboard_on_datagram(w->board[to], w->now, &f.from,
                                   (struct th_bytes){f.bytes, f.len});
        wire_collect(w, to);
    }
}

/* Two nodes that cannot reach each other directly, as behind two bad NATs; or can again. */
static inline void wire_part(struct wire *w, int a, int b, bool is_apart)
{
    w->is_apart[a][b] = w->is_apart[b][a] = is_apart;
}

/* Lets time pass, from deadline to deadline. */
static inline void wire_pass(struct wire *w, th_ms ms)
{
    th_ms end = w->now.mono + ms;

    wire_settle(w);
    for (;;) {
        th_ms next = end;
        for (int i = 0; i < w->nodes; i++)
            next = th_sooner(next, th_switchboard_deadline(w->board[i]));
        if (next > w->now.mono) {
            w->now.wall += (th_epoch_ms)(next - w->now.mono);
            w->now.mono = next;
        }
        bool is_due = false;
        for (int i = 0; i < w->nodes; i++) {
            if (th_switchboard_deadline(w->board[i]) > w->now.mono)
                continue;
            is_due = true;
            th_switchboard_tick(w->board[i], w->now);
        }
        wire_settle(w);
        if (!is_due && w->now.mono >= end)
            return;
    }
}

static inline void wire_deliver(struct wire *w, int to, const struct th_addr *from,
                                const uint8_t *bytes, size_t len)
{
    th_switchboard_on_datagram(w->board[to], w->now, from, (struct th_bytes){bytes, len});
    wire_settle(w);
}

static inline enum th_err wire_open(struct wire *w, int from, int to)
{
    struct th_paths paths = {.count = 1, .addr = {w->addr[to]}};

    return th_switchboard_open(w->board[from], w->now, &w->identity[to].hashname,
                               &w->identity[to].parts, &w->identity[to].keys.pub, &paths);
}

/* Opens a channel with the members given as text. */
static inline enum th_err wire_channel(struct wire *w, int from, int to, enum th_channel_type type,
                                       const char *fields, uint32_t *c)
{
    struct th_channel_request request = {
        .type = type, .owner = 7, .tag = 70, .fields = th_bytes_of(fields)};

    return th_switchboard_channel(w->board[from], w->now, &w->identity[to].hashname, &request, c);
}

/* An application of one says something to one of another: their line is not only for asking. */
static inline void wire_talk(struct wire *w, int from, int to)
{
    struct th_channel_request request = {.type = TH_CHANNEL_OTHER, .name = "_talk"};
    uint32_t c;

    assert_int_equal(th_switchboard_serve_packets(w->board[to], request.name, true), TH_OK);
    assert_int_equal(
        th_switchboard_channel(w->board[from], w->now, &w->identity[to].hashname, &request, &c),
        TH_OK);
    wire_settle(w);
}

static inline unsigned wire_count(const struct wire *w, int node, enum th_action_kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->seen_count; i++)
        count += w->seen[i].node == node && w->seen[i].action.kind == kind;
    return count;
}

/* How many packets a node saw of a channel type. */
static inline unsigned wire_packets(const struct wire *w, int node, enum th_channel_type type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->seen_count; i++)
        count += w->seen[i].node == node && w->seen[i].action.kind == TH_ACTION_PACKET &&
                 w->seen[i].action.channel.type == type;
    return count;
}

/* The newest packet that a node saw of a channel type; NULL none. */
static inline const struct seen *wire_packet(const struct wire *w, int node,
                                             enum th_channel_type type)
{
    for (unsigned i = w->seen_count; i-- > 0;)
        if (w->seen[i].node == node && w->seen[i].action.kind == TH_ACTION_PACKET &&
            w->seen[i].action.channel.type == type)
            return &w->seen[i];
    return NULL;
}

static inline uint64_t wire_drops(const struct wire *w, int node, enum th_drop why)
{
    struct th_switchboard_totals totals;

    th_switchboard_totals(w->board[node], &totals);
    return totals.drops.n[why];
}

static inline unsigned wire_lines(const struct wire *w, int node)
{
    struct th_switchboard_totals totals;

    th_switchboard_totals(w->board[node], &totals);
    return totals.lines;
}

/* What a node knows of its line to another; is_up false when there is none. */
static inline struct th_line_look wire_look(const struct wire *w, int node, int of)
{
    struct th_line_look rows[8];
    unsigned count = th_switchboard_look(w->board[node], w->now, rows, 8);

    for (unsigned i = 0; i < count; i++)
        if (th_hashname_is_equal(&rows[i].id, &w->identity[of].hashname))
            return rows[i];
    return (struct th_line_look){0};
}

#endif

/*
 * What leaves a node: no key of an open or of a line ever covers two contents under one nonce, a
 * line's id is used by one sender alone, and who sends nothing but opens gets at most three times as
 * much back.
 *
 * Everything here can be seen from outside. In both cipher sets (cs3a.h, cipher_null.h) the tag after
 * the head, or after the nonce, stands for all that follows, and so for the content.
 */
#include "tools/sim/check.h"

#include "switch/base/hash.h"

#include <inttypes.h>
#include <string.h>

#define CHECK "wire"

enum {
    AMPLIFY = 3, /* RFC 9000, 8.1 */
    OPEN_TAG_AT = 3,
    OPEN_KEY_AT = 3 + 16,
    OPEN_MIN = 3 + 16 + 32 + 16,
    LINE_ID_AT = 2,
    LINE_NONCE_AT = 2 + 16,
    LINE_TAG_AT = 2 + 16 + 24,
    LINE_MIN = 2 + 16 + 24 + 16,
    SEEN_BITS = 16 /* the latest that are remembered: 1 MiB a kind */
};

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "books of wires"; /* nobody attacks it */

/* What was seen: a name and what it stood for. A newer one takes the place of one like it. */
struct seen {
    uint64_t name, content;
};

/* What went between a node and a port that is no node, while that has shown no line. */
struct stranger {
    struct stranger_key {
        uint32_t node, port;
    } key;
    bool is_spoken_to; /* the node began */
    uint64_t received, sent;
    UT_hash_handle hh;
};

struct wire {
    struct th_sim *sim;
    bool has_speakers; /* a port that is no node makes lines: it may be told of, and dialled */
    struct stranger *strangers;
    struct seen opens[1 << SEEN_BITS];
    struct seen nonces[1 << SEEN_BITS];
    struct seen lines[1 << SEEN_BITS];
    struct seen arrived[1 << SEEN_BITS]; /* at bridges */
};

/* --- one content for each name --- */

static uint64_t number_at(struct th_bytes bytes, size_t at)
{
    uint64_t number;

    memcpy(&number, bytes.at + at, sizeof number); /* all that matters is which are equal */
    return number;
}

/* False when something else was seen under that name. */
static bool is_only(struct seen *seen, uint64_t name, uint64_t content)
{
    struct seen *place = &seen[(name * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEN_BITS)];
    bool is_so = place->name != name || place->content == content;

    *place = (struct seen){name, content};
    return is_so;
}

/* The name of a line packet, and what it stands for. */
static struct seen seen_of_line(struct th_bytes bytes)
{
    return (struct seen){number_at(bytes, LINE_ID_AT) ^ number_at(bytes, LINE_NONCE_AT),
                         number_at(bytes, LINE_TAG_AT)};
}

/* Where it is kept which packet of that name arrived last at a node. */
static struct seen *arrived_at(struct wire *wire, const struct th_world_node *node, uint64_t name)
{
    uint64_t place = (name + node->index) * UINT64_C(0x9e3779b97f4a7c15);

    return &wire->arrived[place >> (64 - SEEN_BITS)];
}

/* Something else was seen under that name last. */
static bool is_another(const struct seen *seen, uint64_t name, uint64_t content)
{
    const struct seen *place = &seen[(name * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SEEN_BITS)];

    return place->name == name && place->content != content;
}

static const struct th_world_node *node_of(const struct th_sim_port *port)
{
    return port ? port->owner : NULL;
}

static bool is_open(struct th_bytes bytes)
{
    return bytes.len >= OPEN_MIN && bytes.at[0] == 0 && bytes.at[1] == 1;
}

static bool is_line(struct th_bytes bytes)
{
    return bytes.len >= LINE_MIN && bytes.at[0] == 0 && bytes.at[1] == 0;
}

static void check_open(struct wire *wire, const struct th_world_node *node, struct th_bytes bytes)
{
    if (!th_check_holds(wire->sim, is_only(wire->opens, number_at(bytes, OPEN_KEY_AT),
                                           number_at(bytes, OPEN_TAG_AT))))
        th_check_fail(wire->sim, node, CHECK,
                      "two opens of different content under one line key, whose nonce is fixed; "
                      "a resent one was expected byte for byte");
}

static void note_arrived(struct wire *wire, const struct th_world_node *node, struct th_bytes bytes)
{
    const struct seen seen = seen_of_line(bytes);

    *arrived_at(wire, node, seen.name) = seen;
}

/* A bridge forwards what another has sent, as it arrived, which may be broken. Who sends by that line's id
 * is known, unless that is a bridge too or was forgotten here; then it is what arrived last. */
static bool is_forwarded(struct wire *wire, const struct th_world_node *node, uint64_t id,
                         struct seen seen)
{
    const struct seen *place = arrived_at(wire, node, seen.name);

    return node->is_bridge && (is_another(wire->lines, id, node->index) ||
                               (place->name == seen.name && place->content == seen.content));
}

static void check_line(struct wire *wire, const struct th_world_node *node, struct th_bytes bytes)
{
    uint64_t id = number_at(bytes, LINE_ID_AT);
    const struct seen seen = seen_of_line(bytes);

    if (is_forwarded(wire, node, id, seen))
        return;
    if (!th_check_holds(wire->sim, is_only(wire->nonces, seen.name, seen.content)))
        th_check_fail(wire->sim, node, CHECK,
                      "two line packets of different content with one line id and nonce");
    if (!th_check_holds(wire->sim, is_only(wire->lines, number_at(bytes, LINE_ID_AT), node->index)))
        th_check_fail(wire->sim, node, CHECK, "a line id that another node has used to send");
}

/* --- strangers --- */

static struct stranger *meet(struct wire *wire, const struct th_world_node *node,
                             const struct th_sim_port *port, bool is_spoken_to)
{
    const struct stranger_key key = {node->index, port->index};
    unsigned hash = th_hash(secret, &key, sizeof key);
    struct stranger *stranger;

    HASH_FIND_BYHASHVALUE(hh, wire->strangers, &key, sizeof key, hash, stranger);
    if (stranger == NULL) {
        stranger = th_check_alloc(1, sizeof *stranger);
        stranger->key = key;
        stranger->is_spoken_to = is_spoken_to;
        HASH_ADD_BYHASHVALUE(hh, wire->strangers, key, sizeof stranger->key, hash, stranger);
        TH_CHECK(stranger->hh.tbl != NULL);
    }
    return stranger;
}

static void note_sent_to_stranger(struct wire *wire, const struct th_world_node *node,
                                  const struct th_sim_port *to, size_t len)
{
    struct stranger *stranger = meet(wire, node, to, true);

    stranger->sent += len;
    if (!th_check_holds(wire->sim, stranger->is_spoken_to || wire->has_speakers ||
                                       stranger->sent <= AMPLIFY * stranger->received))
        th_check_fail(wire->sim, node, CHECK,
                      "%" PRIu64
                      " bytes were sent to an address that is not verified and sent %" PRIu64
                      "; at most three times as much was expected",
                      stranger->sent, stranger->received);
}

/* --- what happens --- */

static void on_sent(struct wire *wire, const struct th_sim_port *from, const struct th_sim_port *to,
                    struct th_bytes bytes)
{
    const struct th_world_node *node = node_of(from);

    if (node == NULL) {
        wire->has_speakers |= is_line(bytes);
        return;
    }
    if (is_open(bytes))
        check_open(wire, node, bytes);
    else if (is_line(bytes))
        check_line(wire, node, bytes);
    if (to && node_of(to) == NULL)
        note_sent_to_stranger(wire, node, to, bytes.len);
}

static void on_fate(void *data, enum th_fate fate, const struct th_sim_port *from,
                    const struct th_sim_port *to, struct th_bytes bytes)
{
    struct wire *wire = data;

    if (fate == TH_FATE_SENT)
        on_sent(wire, from, to, bytes);
    if (fate != TH_FATE_ARRIVED || node_of(to) == NULL)
        return;
    if (node_of(from) == NULL)
        meet(wire, node_of(to), from, false)->received += bytes.len;
    if (node_of(to)->is_bridge && is_line(bytes))
        note_arrived(wire, node_of(to), bytes);
}

static void *begin(struct th_sim *sim)
{
    struct wire *wire = th_check_alloc(1, sizeof *wire);

    wire->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = wire, .on_fate = on_fate});
    return wire;
}

static void end(void *data)
{
    struct wire *wire = data;
    struct stranger *stranger, *next;

    HASH_ITER (hh, wire->strangers, stranger, next) {
        HASH_DEL(wire->strangers, stranger);
        th_mem_free(stranger);
    }
    th_mem_free(wire);
}

const struct th_checker th_check_wire = {.name = CHECK, .begin = begin, .end = end};

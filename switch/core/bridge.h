/*
 * bridge.h - forwards the packets of lines between others, unread, at full speed.
 *
 * telehash.org v2/switch.md, "Auto-Bridge" and "bridge"; protocol.md 7. Each direction of a line is a
 * leg: datagrams with this line id, from that node's address, go to where the other one is. It costs a
 * look-up and no cryptography. We do so only for whom the operator named, or for everybody if he said
 * so, and never faster in all than he allows. An address that such a node names is public or in its own
 * realm: nobody gets by us to what only our machine or network reaches.
 *
 * A datagram that was forwarded a moment ago is dropped, so that no circle of bridges lives.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_BRIDGE_H
#define TH_CORE_BRIDGE_H

#include "switch/base/index.h"
#include "switch/base/limit.h"
#include "switch/core/switchboard.h"
#include "switch/wire/line.h"

enum {
    TH_BRIDGE_LEGS_MAX = 1024,
    TH_BRIDGE_IDLE_MS = 90000,   /* three keepalives of a link, and a leg is forgotten */
    TH_BRIDGE_REMEMBERED = 1024, /* datagrams; 8 bytes each */
    TH_BRIDGE_BURST_S = 1        /* of the bandwidth that may be taken at once */
};

/* Where a leg comes from or goes to: a node that we have a line with, wherever it is by then; or an
 * address that a `bridge` channel named. */
struct th_bridge_end {
    bool is_addr;
    struct th_hashname id;
    struct th_addr addr;
};

struct th_bridge_leg {
    struct th_index_node by_line;          /* keyed by a keyed hash of the line id */
    struct th_bridge_leg *previous, *next; /* order of making */
    struct th_line_id line;
    struct th_bridge_end from, to;
    th_ms used_at;
};

/* A zeroed one has no leg and holds no memory. */
struct th_bridges {
    struct th_index by_line;
    struct th_bridge_leg *first, *last;
    unsigned count;
    struct th_limit bytes;
    bool has_begun;
    uint64_t *seen; /* hashes of what was forwarded, each at its place */
    uint64_t packets, forwarded_bytes;
};

void th_bridges_clear(struct th_bridges *bridges);

#endif

/*
 * relay.h - packets of a line that travel through a node between: as the bodies of packets on the
 * `peer` channel of who asked to be introduced and the `connect` channel of whom it asked for.
 *
 * telehash.org v2/switch.md, "Tunneling Packets"; protocol.md 7. At either end a relay is one more
 * address of the peer, of the family TH_FAMILY_RELAY, whose number only this board knows; so opens,
 * lines and `path` go there as anywhere. The node between pairs its two channels and passes bodies on,
 * five a second each way; what is more is dropped and the sender warned. If it is willing, it becomes
 * a bridge (bridge.h) as soon as it has seen packets of the line go both ways.
 *
 * Loops cannot be: what came by a relay is never the packet of a relay, and nothing is sent into a
 * relay over a line that itself goes by one.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_RELAY_H
#define TH_CORE_RELAY_H

#include "switch/core/channel.h"
#include "switch/core/exchange.h"
#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"
#include "switch/wire/packet.h"
#include "switch/wire/path.h"

enum {
    TH_RELAYS_MAX = 64,                              /* that we are an end of */
    TH_RELAY_PAIRS_MAX = 4096,                       /* that we are in the middle of */
    TH_RELAY_PER_S = 5,                              /* packets each way (v2/switch.md) */
    TH_RELAY_KEPT_MAX = 16,                          /* packets of ours that wait for their turn */
    TH_RELAY_PACKET_MAX = TH_DATAGRAM_IPV4_MAX - 58, /* one with a whole line datagram in it */
    /* Who is asked for sends its open by the relay too, when it took so long directly: most need no
     * relay, and it costs the node between two packets. */
    TH_RELAY_AFTER_MS = 250,
    /* Whom we are told of has a relay to it that most never need. One that carried nothing so long, in
     * which opens were sent four times, is over; one that did has the silence of its channel. */
    TH_RELAY_UNUSED_MS = 8000,
    /* Where there is no room for another, the oldest goes by which nothing came in so long, in which two
     * opens may have gone by it: when a mesh comes at once through one node it introduces more in eight
     * seconds than it has room for, and those behind the worst NATs have no other way. */
    TH_RELAY_SPARE_MS = 2000,
    /* A pair that did carry an open, and nothing for so long, is likely one whose two are connected directly
     * by now. It goes when there is no other. One by which a line went both ways may have that line still,
     * with a keepalive now and then, and does not. */
    TH_RELAY_QUIET_MS = 10000
};

struct th_held;

/* One that we are an end of. */
struct th_relay {
    uint32_t id; /* in its address; never used twice; 0: this place is free */
    uint32_t c;
    struct th_hashname middle;
    struct th_hashname peer; /* at the other end: whoever speaks first */
    th_ms made_at;
    struct th_held *kept;  /* what waits for its turn, oldest first */
    struct th_naming pace; /* th_relay_may_go */
    uint8_t kept_count;    /* 0..TH_RELAY_KEPT_MAX */
    bool has_carried;      /* something to us; what we sent ourselves does not count */
    bool has_peer;
};

/* One end of a pair, as seen from the middle. */
struct th_relay_side {
    struct th_hashname id;
    uint32_t c;            /* the newest of its channels that belong to the pair */
    struct th_naming pace; /* of what comes from it */
    th_ms warned_at;       /* 0: never */
    bool has_line;
    struct th_line_id line; /* that it has chosen: in packets to it */
};

struct th_relay_pair {
    bool is_set;
    bool has_carried;
    bool is_bridge;
    th_ms used_at;                /* when it carried a packet, or was made or made anew, last */
    struct th_relay_side side[2]; /* who asked first; whom it asked for */
};

/* A zeroed one is empty and holds no memory. */
struct th_relays {
    unsigned room, pair_room;
    struct th_relay *relay;
    struct th_relay_pair *pair;
    uint32_t last_id;
};

void th_relays_clear(struct th_relays *relays);

#endif

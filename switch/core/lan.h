/*
 * lan.h - finding nodes on the networks that this machine is on: asking everybody there, and answering.
 *
 *     if (th_lan_on_datagram(&lan, now, &from, bytes, &action))   // what came to TH_LAN_PORT
 *         carry_out(&action);
 *     if (th_lan_on_pong(&lan, now, &from, bytes, &action))       // what came to us alone
 *         carry_out(&action);
 *     if (th_lan_tick(&lan, now, &action))                        // at th_lan_deadline(&lan)
 *         carry_out(&action);
 *
 * A pong is several times as long as its ping, and anybody may write any sender on a ping, so answers
 * are a gift to who wants somebody else flooded. Hence: nothing is answered but what was sent to all of a
 * network by an address in it (the net knows: net.h), each address once a second, and all together a few
 * times. Switched off, the machine does nothing.
 *
 * Each round of pings has a trace of its own: others pass over one that they have seen. A pong counts only
 * with one of the last two, which nobody knows who was not there to hear it.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 * Limits: below; each is a drop reason of its own.
 */
#ifndef TH_CORE_LAN_H
#define TH_CORE_LAN_H

#include "switch/base/limit.h"
#include "switch/base/rng.h"
#include "switch/wire/drop.h"
#include "switch/wire/lan.h"
#include "switch/wire/path.h"

enum {
    TH_LAN_PORT = 42420,
    TH_LAN_READ_PER_S = 100,   /* datagrams to all, and to us, that are looked into at all */
    TH_LAN_ANSWERS_PER_S = 10, /* in all */
    TH_LAN_ANSWER_MS = 1000,   /* between two answers to one address */
    TH_LAN_SOURCES_MAX = 3 * TH_LAN_ANSWERS_PER_S, /* answered within that: twice as many at most */
    TH_LAN_OPENS_MAX = 5,       /* nodes that are spoken to for one round of pings */
    TH_LAN_PING_MS = 60000,     /* between two rounds, once the first three are over … */
    TH_LAN_PING_SOON_MS = 2000, /* … which are so far apart, for one of them is lost on a bad day */
    TH_LAN_SOON = 3
};

enum th_lan_action_kind {
    TH_LAN_ANNOUNCE, /* bytes to everybody: port TH_LAN_PORT of each network */
    TH_LAN_ANSWER,   /* bytes to addr */
    TH_LAN_OPEN      /* parts, key, addr: there is a node */
};

/* bytes are valid until the next call of the machine. */
struct th_lan_action {
    enum th_lan_action_kind kind;
    struct th_bytes bytes;
    struct th_addr addr;
    struct th_parts parts;
    struct th_public_key key;
};

struct th_lan_source {
    uint8_t ip[16];
    uint8_t family;
    th_ms answered_at;
};

struct th_lan {
    const struct th_identity *self; /* NULL: switched off */
    struct th_rng *rng;
    th_ms ping_at;
    unsigned rounds;                      /* since the start or the last move */
    uint8_t trace[2][TH_LAN_TRACE_BYTES]; /* of the last two rounds, the newest first */
    bool has_trace[2];
    unsigned opens; /* of this round */
    struct th_limit reads, answers;
    struct th_limit pongs; /* read of what anybody may send to our own port */
    unsigned source_count;
    struct th_lan_source source[TH_LAN_SOURCES_MAX];
    struct th_drops drops;
    uint8_t out[TH_LAN_PACKET_MAX];
};

/* self, rng: borrowed for its life; self NULL: switched off for ever. */
void th_lan_init(struct th_lan *lan, const struct th_identity *self, struct th_rng *rng,
                 struct th_now now);

/* Something came to TH_LAN_PORT that was sent to all of a network, from an address in it. Returns
 * whether there is something to do. */
bool th_lan_on_datagram(struct th_lan *lan, struct th_now now, const struct th_addr *from,
                        struct th_bytes bytes, struct th_lan_action *action);

/* Something came to TH_LAN_PORT that was not. */
void th_lan_on_foreign(struct th_lan *lan, unsigned count);

/* A JSON packet came to us alone. Returns whether there is something to do. */
bool th_lan_on_pong(struct th_lan *lan, struct th_now now, const struct th_addr *from,
                    struct th_bytes bytes, struct th_lan_action *action);

/* The machine is on other networks than before: they are asked at once. */
void th_lan_on_moved(struct th_lan *lan, struct th_now now);

th_ms th_lan_deadline(const struct th_lan *lan);

/* Returns whether there is something to do. */
bool th_lan_tick(struct th_lan *lan, struct th_now now, struct th_lan_action *action);

#endif

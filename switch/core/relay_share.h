/*
 * relay_share.h - what relay.c (a relay that we are an end of) and relay_pair.c (one that we are in the
 * middle of) need of each other.
 *
 * Floor:  2 (core), sans-I/O; private to the two.
 * Thread: the owner's.
 */
#ifndef TH_CORE_RELAY_SHARE_H
#define TH_CORE_RELAY_SHARE_H

#include "switch/core/board.h"

/* --- relay.c --- */

/* At an end of it, who asked opened `peer`, and who was asked for was opened `connect`. */
bool th_relay_is_at_an_end(const struct th_channel *channel);

/* `peer` or `connect`. */
bool th_relay_has_type(const struct th_channel *channel);

/* A channel of a node with a line, and the node; NULL for none. */
struct th_channel *th_relay_channel_of(struct th_switchboard *board, const struct th_hashname *id,
                                       uint32_t c, struct th_exchange **ex);

/* Sends a datagram as the body of a packet on a channel, over a line that goes by no relay itself. False
 * when it did not leave; that was counted. */
bool th_relay_send_as_body(struct th_switchboard *board, struct th_now now, struct th_exchange *ex,
                           struct th_channel *channel, bool is_bridge, struct th_bytes bytes);

/* TH_RELAY_PER_S, all of which may go at once, counted as addresses are that a node may name: there are many. */
struct th_naming th_relay_pace(struct th_now now);
bool th_relay_may_go(struct th_naming *pace, struct th_now now);

/* How many places to have after so many. All of a mesh come at once and leave at once: what is taken too
 * much stays for as long as they do. */
unsigned th_relay_room_after(unsigned room, unsigned max);

/* One that was made then, and carried nothing, may make room for another. */
bool th_relay_is_spare(th_ms made_at, struct th_now now);

/* --- relay_pair.c --- */

/* Passes what came on a channel that is of a pair on to the other side. body: a datagram. */
void th_relay_pass_on(struct th_switchboard *board, struct th_exchange *sender, struct th_now now,
                      struct th_channel *channel, struct th_bytes body);

/* The pair of a channel lost it: it is over when that was the last of its side. channel: as it was. */
void th_relay_part_one(struct th_switchboard *board, const struct th_exchange *ex,
                       const struct th_channel *channel, struct th_now now);

#endif

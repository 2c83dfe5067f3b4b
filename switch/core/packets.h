/*
 * packets.h - channels of applications that are not reliable: each packet arrives whole, or does not.
 *
 *     th_switchboard_serve_packets(board, "_game", true);
 *     while (th_switchboard_next(board, &action))     // TH_ACTION_PACKET, is_first: one of theirs
 *         th_switchboard_packets_adopt(board, &action.id, action.channel.id, owner, tag);
 *
 * Ours are opened with th_switchboard_channel, type OTHER and a name; further packets are sent with
 * th_switchboard_send, and come as TH_ACTION_PACKET, as those of the switch's own types do. Any may get lost,
 * so all say their type until one has come back: then the first that arrives opens the channel there. Whose
 * channel has ended on the other side is told so by an err, "closed", if the end was lost.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_PACKETS_H
#define TH_CORE_PACKETS_H

#include "switch/core/switchboard.h"

enum {
    TH_LINE_PACKETS_THEIRS = 128, /* of one node no more than these are open; … */
    TH_LINE_APPS_THEIRS =
        192, /* … with its reliable ones no more than these, so others have room */
    TH_PACKETS_CLOSED_MS = 100, /* a node is told so often at most that a channel has ended */
    /* JSON and body of a packet that always fits, beside {"c":4294967295,"type":31 bytes,"_":…,"end":true} */
    TH_PACKETS_LEN_MAX = 1000
};

/* From now on channels of that type are taken that are not reliable, or no more. Errors: as
 * th_switchboard_serve. Those that are open go on. */
TH_MUST enum th_err th_switchboard_serve_packets(struct th_switchboard *board, const char *type,
                                                 bool is_served);

/* One of theirs gets an owner and a tag. Harmless when it is gone. */
void th_switchboard_packets_adopt(struct th_switchboard *board, const struct th_hashname *peer,
                                  uint32_t c, uint64_t owner, uint64_t tag);

/* The owner had no room for a packet that came, or for a channel: counted. */
void th_switchboard_packet_dropped(struct th_switchboard *board);

/* A packet that came is none that the owner may see: counted (CHANNEL_HEAD). */
void th_switchboard_packet_bad(struct th_switchboard *board);

/* So many of the owner's own were refused on their way here: counted. */
void th_switchboard_packets_unsent(struct th_switchboard *board, uint32_t count);

#endif

/*
 * drop.h - what a peer can do wrong, each with a counter.
 *
 * A peer's mistake is never an error of ours: the packet is dropped, the reason counted, nothing
 * logged above debug, nothing answered unless the specification says so.
 *
 * Floor:  1 (wire).
 * Thread: the owner's of the counters.
 */
#ifndef TH_WIRE_DROP_H
#define TH_WIRE_DROP_H

#include <stdint.h>

/* name, the word in `thctl drops`, what it means */
#define TH_DROP_LIST(X)                                                                            \
    X(NONE, "none", "not dropped")                                                                 \
    X(PACKET_SHORT, "packet_short", "a datagram of fewer than two bytes")                          \
    X(PACKET_HEAD, "packet_head", "a head longer than its packet")                                 \
    X(PACKET_JSON, "packet_json", "a head that is no JSON object or array, or no UTF-8")           \
    X(PACKET_KIND, "packet_kind", "an outer packet that is neither open nor line nor punch")       \
    X(PUNCH, "punch", "the empty packet that opens a NAT; ignored by design")                      \
    X(OPEN_CSID, "open_csid", "an open for a cipher set that we do not have")                      \
    X(OPEN_SHORT, "open_short", "an open that is too short to hold its fields")                    \
    X(OPEN_CRYPT, "open_crypt", "an open that does not decrypt")                                   \
    X(OPEN_MAC, "open_mac", "an open whose authenticator is wrong")                                \
    X(OPEN_INNER, "open_inner", "an open whose inside lacks a field or has a bad one")             \
    X(OPEN_KEY, "open_key", "an open whose key does not match its parts")                          \
    X(OPEN_NOT_HIGHEST, "open_not_highest", "an open that uses a lower cipher set than it could")  \
    X(OPEN_NOT_US, "open_not_us", "an open for another hashname")                                  \
    X(OPEN_SELF, "open_self", "an open from our own hashname")                                     \
    X(OPEN_NOT_ALLOWED, "open_not_allowed", "an open of a node that is not in the allow-list")     \
    X(OPEN_FUTURE, "open_future", "an open dated too far ahead of our clock")                      \
    X(OPEN_OLD, "open_old", "an open not newer than the last one of its peer")                     \
    X(OPEN_REPEAT, "open_repeat", "an open that we answered a moment ago")                         \
    X(OPEN_SAME_ID, "open_same_id", "an open with the old line id and a new line key")             \
    X(OPEN_PENDING, "open_pending", "a changed open while another one is being challenged")        \
    X(OPEN_FORGED, "open_forged", "a changed open, while the peer still answers on the old line")  \
    X(OPEN_LIMIT, "open_limit", "an open over the limit of handshakes or of nodes")                \
    X(OPEN_CROWDED, "open_crowded", "an open that proved nothing and made room for a newer one")   \
    X(LINE_SPENT, "line_spent", "a line that nobody used, ended to make room for another node")    \
    X(LINE_SHORT, "line_short", "a line packet that is too short to hold its fields")              \
    X(LINE_UNKNOWN, "line_unknown", "a line packet for no line of ours")                           \
    X(LINE_CRYPT, "line_crypt", "a line packet that does not decrypt")                             \
    X(LINE_REPLAY, "line_replay", "a line packet that came before")                                \
    X(LINE_PENDING, "line_pending", "a packet on a line that was not confirmed")                   \
    X(CHANNEL_HEAD, "channel_head", "a channel packet without a usable head")                      \
    X(CHANNEL_PARITY, "channel_parity", "a new channel whose id is of our parity")                 \
    X(CHANNEL_UNKNOWN, "channel_unknown", "a packet without type for no open channel")             \
    X(CHANNEL_TYPE, "channel_type", "a new channel of a type that nobody here serves")             \
    X(CHANNEL_CLOSED, "channel_closed", "a packet for a channel that has ended")                   \
    X(CHANNEL_LIMIT, "channel_limit", "a new channel over the limit of its line or node")          \
    X(CHANNEL_RELIABLE, "channel_reliable", "a reliable channel, which nobody here serves")        \
    X(STREAM_ACK, "stream_ack", "an acknowledgement of what was never sent")                       \
    X(STREAM_REPEAT, "stream_repeat", "a packet of a reliable channel that came before")           \
    X(STREAM_BEYOND, "stream_beyond", "a packet of a reliable channel beyond its credit or end")   \
    X(STREAM_BACKLOG, "stream_backlog", "a stream refused: as many wait to be accepted as may")    \
    X(STREAM_CREDIT, "stream_credit", "credit not given: what all streams may have is given")      \
    X(CHANNEL_BACKLOG, "channel_backlog", "a packet or channel for an application that is slow")   \
    X(SEEK_BAD, "seek_bad", "a seek whose prefix is no hex")                                       \
    X(SEE_BAD, "see_bad", "an entry of a see that is none")                                        \
    X(SEE_SELF, "see_self", "an entry of a see that names us or the one who answers")              \
    X(SEE_LONG, "see_long", "a see with more entries than allowed; the rest is cut")               \
    X(SEE_NOT_ALLOWED, "see_not_allowed", "an entry of a see that is not in the allow-list")       \
    X(LINK_BAD, "link_bad", "a link that cannot be read")                                          \
    X(LINK_LIMIT, "link_limit", "a link refused because the table is full")                        \
    X(PEER_BAD, "peer_bad", "a peer request that cannot be read")                                  \
    X(PEER_UNKNOWN, "peer_unknown", "a peer request for a node that we do not hear")               \
    X(PEER_LIMIT, "peer_limit", "a peer request for a node that heard enough of us for now")       \
    X(HAND_ON_LIMIT, "hand_on_limit", "a newcomer without room that nobody else could be told of") \
    X(CONNECT_BAD, "connect_bad", "a connect that cannot be read or whose key is wrong")           \
    X(CONNECT_LIMIT, "connect_limit", "a connect over the limit of its introducer")                \
    X(CONNECT_NOT_ALLOWED, "connect_not_allowed", "a connect of a node not in the allow-list")     \
    X(RELAY_BAD, "relay_bad", "what came by a relay is no open or line of its other end")          \
    X(RELAY_FAST, "relay_fast", "more than five packets a second through a relay")                 \
    X(RELAY_BIG, "relay_big", "a packet that is too big to be relayed whole")                      \
    X(RELAY_LOOP, "relay_loop", "a relay through a relay; usual until a line is direct")           \
    X(RELAY_OVER, "relay_over", "a packet into a relay whose other end has gone")                  \
    X(RELAY_LIMIT, "relay_limit", "a relay over the limit of them")                                \
    X(BRIDGE_BAD, "bridge_bad", "a bridge request that cannot be read")                            \
    X(BRIDGE_REFUSED, "bridge_refused", "a bridge request of somebody for whom we are none")       \
    X(BRIDGE_LIMIT, "bridge_limit", "a bridge over the limit of them, or of a line that has one")  \
    X(BRIDGE_FAST, "bridge_fast", "a packet to be forwarded over the bandwidth for it")            \
    X(BRIDGE_REPEAT, "bridge_repeat", "a packet to be forwarded that was so a moment ago")         \
    X(LAN_BAD, "lan_bad", "a ping or pong of the local network that cannot be read")               \
    X(LAN_OWN, "lan_own", "our own ping, which comes back; ignored by design")                     \
    X(LAN_CSID, "lan_csid", "a ping of a node with other cipher sets than ours")                   \
    X(LAN_FOREIGN, "lan_foreign", "a ping from another network, or to this machine alone")         \
    X(LAN_FAST, "lan_fast", "a ping of an address that was answered within a second")              \
    X(LAN_LIMIT, "lan_limit", "a ping or pong over the limit of them")                             \
    X(LAN_UNASKED, "lan_unasked", "a pong that nobody asked for, or a ping to us alone")           \
    X(LAN_NOT_ALLOWED, "lan_not_allowed", "a pong of a node that is not in the allow-list")        \
    X(PATH_BAD, "path_bad", "a path that cannot be read")                                          \
    X(PATH_LIMIT, "path_limit", "a path over the limit of its peer")                               \
    X(PATH_GUESSED, "path_guessed", "answers to no path request of ours: a peer forges addresses") \
    X(UNPROVEN_BUDGET, "unproven_budget", "ours, not sent: the address has not proven itself")     \
    X(WAITING_LIMIT, "waiting_limit", "ours, not sent: too many packets wait for the line")        \
    X(TOO_BIG, "too_big", "ours, not sent: larger than the network interface carries")

enum th_drop {
#define TH_DROP_ENUM(name, word, meaning) TH_DROP_##name,
    TH_DROP_LIST(TH_DROP_ENUM)
#undef TH_DROP_ENUM
        TH_DROP_COUNT
};

struct th_drops {
    uint64_t n[TH_DROP_COUNT];
};

/* Counts one; TH_DROP_NONE is allowed and counts nothing. */
void th_drop_count(struct th_drops *drops, enum th_drop why);

/* The word and the sentence of the list above; for a value that is none, "?". */
const char *th_drop_name(enum th_drop why);
const char *th_drop_meaning(enum th_drop why);

#endif

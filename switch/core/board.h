/*
 * board.h - the inside of a switchboard, shared by the files of core that work on it.
 *
 * switchboard.c  the table of exchanges, the public functions, time
 * look.c         what owners may see of it
 * handshake.c    opens: sending, answering, judging, replacing a line
 * lines.c        when a line is up, and when it ends
 * traffic.c      line packets and channels
 * tap_board.c    what of both somebody sees who captures packets
 * mtu.c          how large a datagram may be on the path in use
 * silence.c      lines on which nothing comes
 * probe.c        path: which ways there are between two nodes, and which is the best
 * introduce.c    peer and connect
 * named.c        what introducers named, until it proves right
 * outside.c      how we look from outside
 * roster.c       who is known
 * ways.c         at which addresses they are
 * newcomers.c    lines that have proved nothing yet
 * open_queue.c   opens that wait for their turn
 * streams.c      reliable channels
 * packets.c      the other channels of applications
 * relay.c        their relays, at an end of them; relay_pair.c: in the middle
 * bridge.c       forwarding
 * bridge_ask.c   asking others to forward
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_BOARD_H
#define TH_CORE_BOARD_H

#include "switch/base/hash.h"
#include "switch/core/bridge.h"
#include "switch/core/exchange.h"
#include "switch/core/named.h"
#include "switch/core/newcomers.h"
#include "switch/core/outbox.h"
#include "switch/core/open_queue.h"
#include "switch/core/relay.h"
#include "switch/core/roster.h"
#include "switch/core/served.h"
#include "switch/core/skew.h"
#include "switch/core/ways.h"
#include "switch/wire/see.h"

enum {
    TH_PUNCHES_PER_S = 10,
    TH_BRIDGE_ASK_MS = 2000, /* a line that has only a relay for so long wants a bridge */
    TH_ASK_LATER_MS = 500,
    TH_SEARCHES_SLOW = 3, /* how many come quickly after a direct way was lost (probe.c) */
    /* Silence after which a node between is asked for a sign of life: with 60 s between two searches
     * for a better way its line, which may carry nothing else, is never unused. */
    TH_SEARCH_KEEP_MS = 30000
};

struct th_switchboard {
    struct th_switchboard_config config;
    const struct th_identity *self;
    struct th_rng *rng;
    uint8_t hash_secret[TH_HASH_SECRET_BYTES];
    unsigned exchanges_max;
    th_ms idle_ms;

    struct th_roster roster; /* every exchange */
    struct th_index by_own;  /* of every line */
    unsigned lines;
    struct th_heap due; /* lines */
    struct th_newcomers newcomers;
    struct th_ways ways; /* of lines that are up, and of some that were */
    struct th_outbox outbox;
    struct th_open_queue opens;
    struct th_limit punches;
    struct th_named named;
    struct th_skew skew;
    struct th_relays relays;
    struct th_bridges bridges;
    int64_t at_highest;

    struct th_now
        now; /* as the owner last said it: what leaves when actions are taken leaves then */
    struct th_served streams_served, packets_served; /* reliable channels; others */
    unsigned stream_count;
    struct th_credit credit;
    struct th_streams *first_busy, *last_busy;
    struct th_left *left; /* what is to be read yet of streams whose line is gone */

    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
    uint64_t rx_sort[TH_DATAGRAM_SORTS], tx_sort[TH_DATAGRAM_SORTS];
    unsigned observed_count;
    struct th_addr observed[TH_OBSERVED_MAX];
    struct th_outside outside;
    struct th_drops drops;
};

/* switchboard.c */

struct th_exchange *th_board_find(struct th_switchboard *board, const struct th_hashname *id);

/* Finds or makes; NULL without memory or when the table is full of lines. */
struct th_exchange *th_board_meet(struct th_switchboard *board, struct th_now now,
                                  const struct th_hashname *id);

/* Takes an exchange out of everything and frees it. */
void th_board_forget(struct th_switchboard *board, struct th_exchange *ex);

/* Puts a new line of an exchange, whose id is drawn, into the table and the heap.
 * Errors: TH_NO_MEMORY; it is in neither then. */
TH_MUST enum th_err th_board_add_line(struct th_switchboard *board, struct th_line *line);

/* The line of an exchange, which only an open of the other side made, waits for proof; one that waited
 * goes for it when there are too many, with its exchange. from: where the open came from.
 * Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_board_welcome(struct th_switchboard *board, struct th_exchange *ex,
                                     const struct th_addr *from);

/* The line has proven itself, or we want it too; harmless when it does not wait for proof. */
void th_board_trust(struct th_switchboard *board, struct th_line *line);

/* Takes the line of an exchange out of all and frees it; harmless without one. */
void th_board_drop_line(struct th_switchboard *board, struct th_exchange *ex);

/* After any change of an exchange: its line's alarm is set anew. */
void th_board_reset_alarm(struct th_switchboard *board, struct th_exchange *ex);

/* The line that has this id of ours; NULL when there is none. */
struct th_line *th_board_find_line(const struct th_switchboard *board, const struct th_line_id *id);

/* Queues a datagram that stands in th_outbox_room; to a relay: as the body of a packet. */
void th_board_send(struct th_switchboard *board, struct th_now now, const struct th_addr *to,
                   size_t len);

/* Queues an action about a line: up, down or its path. */
void th_board_tell_line(struct th_switchboard *board, struct th_exchange *ex,
                        enum th_action_kind kind, enum th_err why, struct th_now now);

/* look.c */

/* Fills what owners may see of an exchange. */
void th_board_look_at(struct th_switchboard *board, const struct th_exchange *ex, struct th_now now,
                      struct th_line_look *look);

/* The node through which a line goes, by a relay or a bridge; NULL: through none, or one that we have
 * no line with any more. */
struct th_exchange *th_board_middle_of(struct th_switchboard *board, const struct th_exchange *ex);

/* handshake.c */

/* An open arrived. Returns whose it is; NULL when it was dropped, or waits. */
struct th_exchange *th_board_on_open(struct th_switchboard *board, struct th_now now,
                                     const struct th_addr *from, struct th_bytes bytes);

/* Looks at opens that waited and whose turn has come. */
void th_board_take_opens(struct th_switchboard *board, struct th_now now);

/* Wants a line: makes our half if there is none and sends opens, until it is up or given up.
 * Errors: TH_NO_PATH, TH_NO_MEMORY, TH_INVALID. */
TH_MUST enum th_err th_board_begin(struct th_switchboard *board, struct th_exchange *ex,
                                   struct th_now now);

/* Nobody waits for a line that was begun just now, so its second open has time (TH_OPEN_LINK_LATER_MS); or
 * somebody does. */
void th_board_set_haste(struct th_switchboard *board, struct th_exchange *ex, bool is_urgent,
                        struct th_now now);

/* The same with a relay more: it gets the open TH_RELAY_AFTER_MS after the other addresses, if none
 * of these brought the line by then. Errors: the same. */
TH_MUST enum th_err th_board_begin_by_relay(struct th_switchboard *board, struct th_exchange *ex,
                                            const struct th_addr *relay, struct th_now now);

/* Sends our open to every known address that may get one now. */
void th_board_send_opens(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* An answer to a challenge came on the old line: the pending open was forged. */
void th_board_on_challenge_answered(struct th_switchboard *board, struct th_exchange *ex);

/* What is due of opening and challenges. */
void th_board_tick_handshake(struct th_switchboard *board, struct th_exchange *ex,
                             struct th_now now);

/* lines.c */

/* Announces the line and sends what waited. */
void th_board_line_up(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* Ends the line, which there is; the exchange stays with what is known of the node. */
void th_board_end_line(struct th_switchboard *board, struct th_exchange *ex, enum th_err why,
                       struct th_now now);

/* Ends a line that is silent, or that nobody uses. */
void th_board_tick_line(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* traffic.c */

/* A line packet arrived. Returns whose it is; NULL when it was dropped, or was another's line. */
struct th_exchange *th_board_on_line(struct th_switchboard *board, struct th_now now,
                                     const struct th_addr *from, struct th_bytes bytes);

/* Whether whoever gets a packet has something to say. */
enum th_wish {
    TH_WISH_NONE,
    TH_WISH_PERHAPS, /* unless it is an answer itself */
    TH_WISH_ANSWER   /* it opens a channel, so it is none */
};

/* Sends a channel packet on the line, or keeps it for when it is up. False when it was dropped. */
bool th_board_transmit(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       struct th_bytes plain, enum th_wish wish);

/* Seals for one half and one address, within the budget of that address. */
bool th_board_seal_to(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      const struct th_half *half, struct th_exchange_path *path,
                      struct th_bytes plain);

/* Opens a channel of ours on the line and sends or keeps its first packet. */
TH_MUST enum th_err th_board_open_channel(struct th_switchboard *board, struct th_exchange *ex,
                                          struct th_now now,
                                          const struct th_channel_request *request,
                                          struct th_channel **out);

/* A decrypted channel packet of the line. */
void th_board_on_packet(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                        const struct th_addr *from, struct th_bytes plain);

/* A decrypted channel packet of a pending half: only `path`; the rest is kept. */
void th_board_on_pending_packet(struct th_switchboard *board, struct th_exchange *ex,
                                struct th_now now, const struct th_addr *from,
                                struct th_bytes plain);

/* Sends a further packet on a channel of the switch's own; when it cannot leave it is lost. */
void th_board_say(struct th_switchboard *board, struct th_now now, const struct th_hashname *to,
                  const struct th_chanpkt_out *packet);

/* Takes a channel out and frees it; what rests on it ends. */
void th_board_close_channel(struct th_switchboard *board, struct th_exchange *ex,
                            struct th_channel *channel, struct th_now now);

/* Ends the channels whose silence is over. */
void th_board_tick_channels(struct th_switchboard *board, struct th_exchange *ex,
                            struct th_now now);

/* Ends every channel of the line and tells their owners. */
void th_board_end_channels(struct th_switchboard *board, struct th_exchange *ex, enum th_err why,
                           struct th_now now);

/* silence.c */

/* A packet is about to leave on the line, which is up: sends what goes along with it. */
void th_board_on_sent(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      enum th_wish wish);

/* The peer may not hear us any more: it gets our open at each address and, if nothing came from it just
 * now, a `path` request. */
void th_board_ask_again(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* `path` was asked on the line, everywhere: it is silent if no answer comes. */
void th_board_expect_answer(struct th_exchange *ex, struct th_now now);

/* Something decrypted on the line; its doubts are over if it came by the way that ours goes. */
void th_board_on_heard(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* What is due of it. */
void th_board_tick_silence(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* probe.c */

/* Where we can be met: what the host says, and where others see us. Returns how many. */
unsigned th_board_gather_places(const struct th_switchboard *board,
                                struct th_addr out[TH_PATHS_MAX]);

/* Asks `path` on the line, at the address in use or at every one that the peer gave or proved.
 * Returns the channel's id, 0 if it could not be opened. */
uint32_t th_board_ask_path(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           bool everywhere);

/* Asks it on the path in use by a datagram of exactly so many bytes. Returns the channel's id, 0 if it
 * could not be opened or sent. */
uint32_t th_board_ask_padded(struct th_switchboard *board, struct th_exchange *ex, unsigned size,
                             struct th_now now);

/* Asks it at one address alone, at most once a second: an answer shows that the address is good. */
void th_board_probe(struct th_switchboard *board, struct th_exchange *ex,
                    struct th_exchange_path *path, struct th_now now);

/* A line that is up now was wanted for a link alone: whether `path` is asked at its address by
 * th_board_ask_in_use, not at once. */
bool th_board_asks_later(struct th_exchange *ex);

/* A packet has come on the line, a channel that is no link was opened, or TH_ASK_LATER_MS are over: asks, if
 * that waited. Not if all channels of ours are over: the link was refused. */
void th_board_ask_in_use(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* The same at each address, but for a relay that is known to work and not in use: it carries little. */
void th_board_probe_all(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* The same under the keys of the pending half, to where its open came from. */
void th_board_probe_pending(struct th_switchboard *board, struct th_exchange *ex,
                            struct th_now now);

/* A line that is up may be at another address now. */
void th_board_note_way(struct th_switchboard *board, const struct th_exchange *ex);

/* Something decrypted from there: when it may be a better way than the one in use, it is asked. */
void th_board_consider(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       const struct th_addr *from);

/* Asks everywhere when the line has no direct way, and sets when to do so again. searches: how many there
 * were before this one; TH_SEARCHES_SLOW: the line did not lose its direct way just now. */
void th_board_search(struct th_switchboard *board, struct th_exchange *ex, unsigned searches,
                     struct th_now now);

/* The next search of a line is at that time, if it is not earlier. */
void th_board_search_by(struct th_line *line, th_ms at);

/* Another address is in use: tells it, and looks for a better when it is no direct one. */
void th_board_path_changed(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* A request arrived on the line: answers it. */
void th_board_on_path_request(struct th_switchboard *board, struct th_exchange *ex,
                              struct th_now now, const struct th_addr *from, uint32_t id,
                              const struct th_chanpkt *packet);

/* Answers one where it came from. */
void th_board_answer_path(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                          const struct th_half *half, const struct th_addr *from, uint32_t id);

/* A packet on a `path` channel of ours. */
void th_board_on_path_answer(struct th_switchboard *board, struct th_exchange *ex,
                             struct th_now now, const struct th_addr *from,
                             const struct th_channel *channel, const struct th_chanpkt *packet);

/* mtu.c */

/* How large a datagram may be on the path in use; at least TH_DATAGRAM_SAFE_MAX. */
unsigned th_board_mtu(const struct th_exchange *ex);

/* How large a channel packet on the line may be now: TH_CHANPKT_MAX, or more where that is proven. What
 * was allowed a moment ago may not be any more, when the line has gone to another path. */
unsigned th_board_packet_max(const struct th_exchange *ex);

/* Larger packets than now would be used, in the minute to come: looks whether they pass. Harmless
 * however often; to be called by who has them, for as long as it has. */
void th_board_want_mtu(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* A datagram larger than TH_DATAGRAM_SAFE_MAX went to the path in use. */
void th_board_note_large(struct th_exchange *ex, struct th_now now);

/* A packet came for a channel of ours that is not open: it may be a guess of a forger (probe.c). */
void th_board_note_guess(struct th_switchboard *board, struct th_exchange *ex, uint32_t c);

/* A packet came on a `path` channel of ours, perhaps the answer to a probe. */
void th_board_on_mtu_answer(struct th_switchboard *board, struct th_exchange *ex, uint32_t channel,
                            struct th_now now);

/* What is due of the search. */
void th_board_tick_mtu(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* streams.c */

/* Makes a channel that was just opened a reliable one. Errors: TH_LIMIT, TH_NO_MEMORY. */
TH_MUST enum th_err th_board_make_reliable(struct th_switchboard *board, struct th_exchange *ex,
                                           struct th_now now, struct th_channel *channel,
                                           const char *type);

/* A packet came on one. */
void th_board_on_stream_packet(struct th_switchboard *board, struct th_exchange *ex,
                               struct th_now now, struct th_channel *channel,
                               const struct th_relpkt *packet);

/* Tells of one of theirs, and of one that ends with its line, which leaves what was not read. */
void th_board_tell_stream(struct th_switchboard *board, const struct th_exchange *ex,
                          const struct th_channel *channel);
void th_board_on_stream_lost(struct th_switchboard *board, const struct th_exchange *ex,
                             const struct th_channel *channel, enum th_err why);
void th_board_clear_left(struct th_switchboard *board);

/* One was closed; a line with such is dropped. */
void th_board_on_stream_closed(struct th_switchboard *board);
void th_board_forget_streams(struct th_switchboard *board, struct th_exchange *ex);

/* The line is up; another address of it is in use; time has passed. */
void th_board_wake_streams(struct th_switchboard *board, struct th_exchange *ex);
void th_board_on_stream_moved(struct th_switchboard *board, struct th_exchange *ex,
                              struct th_now now);
/* The address in use has answered: how long that took. */
void th_board_tell_streams_rtt(struct th_exchange *ex, struct th_now now);
void th_board_tick_streams(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* Lets one line send what it may; false when none has anything. */
bool th_board_pump_streams(struct th_switchboard *board, struct th_now now);

/* packets.c */

/* Whether one more of a node's channels of applications is too many. */
bool th_board_is_crowded(const struct th_exchange *ex, bool is_reliable);

/* Somebody opens a channel of an application's type, not a reliable one. */
TH_MUST enum th_drop th_board_accept_packets(struct th_switchboard *board, struct th_exchange *ex,
                                             const struct th_chanpkt *packet, struct th_now now,
                                             struct th_channel **out);

/* tap_board.c: while th_tap_is_on(board->config.tap). line: the id that the datagram bears. */

void th_board_tap_line(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       const struct th_addr *addr, const struct th_line_id *line, bool is_in,
                       struct th_bytes plain);
void th_board_tap_own_open(struct th_switchboard *board, const struct th_exchange *ex,
                           struct th_now now, const struct th_addr *addr);
void th_board_tap_open(struct th_switchboard *board, struct th_now now, const struct th_addr *from,
                       const struct th_open *open);

/* introduce.c */

/* Somebody asks us to introduce it. */
void th_board_on_peer(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                      const struct th_addr *from, struct th_channel *channel,
                      const struct th_chanpkt *packet);

/* Somebody wants to talk to us, says a node between. */
void th_board_on_connect(struct th_switchboard *board, struct th_exchange *middle,
                         struct th_now now, const struct th_addr *from, struct th_channel *channel,
                         const struct th_chanpkt *packet);

/* A node answered from an address: who named that may name another. */
void th_board_on_named(struct th_switchboard *board, struct th_exchange *ex,
                       const struct th_addr *addr, struct th_now now);

/* relay.c, relay_pair.c */

/* The address of the peer at the other end of a relay that a channel of ours to `middle` is, made if
 * need be. False at the limit, which is counted, or without memory. */
TH_MUST bool th_board_relay_by(struct th_switchboard *board, struct th_now now,
                               const struct th_exchange *middle, struct th_channel *channel,
                               struct th_addr *addr);

/* Whether a node's packet may come from an address: one relay carries one other end's. */
TH_MUST enum th_drop th_board_may_come_from(struct th_switchboard *board,
                                            const struct th_addr *from,
                                            const struct th_hashname *id);

/* Sends a datagram to the address of a relay, or keeps it until the pace allows it. False when the
 * relay is over, or too many wait. */
bool th_board_send_relayed(struct th_switchboard *board, struct th_now now,
                           const struct th_addr *to, struct th_bytes bytes);

/* Sends what waits for the pace of the relays to a node with a line, when that is due, and sets when to do
 * so again. */
void th_board_release(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* Through whom the address of a relay goes; NULL for another one, or when it is over. */
const struct th_hashname *th_board_relay_middle(struct th_switchboard *board,
                                                const struct th_addr *addr);

/* The node between forwards what is sent to it on this line from now on. */
void th_board_use_bridge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                         struct th_exchange *middle);

/* Two nodes were introduced by us: what comes on either channel goes out on the other. Two nodes have
 * one pair, to which further channels are added. */
void th_board_pair(struct th_switchboard *board, struct th_now now, struct th_exchange *asker,
                   struct th_channel *peer, struct th_exchange *target, struct th_channel *connect);

/* True while these two, whom we introduced, have a pair. */
bool th_board_has_pair(struct th_switchboard *board, const struct th_hashname *a,
                       const struct th_hashname *b);

/* A packet came on a peer or connect channel after its first. */
void th_board_on_relayed(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                         const struct th_addr *from, struct th_channel *channel,
                         const struct th_chanpkt *packet);

/* A channel of a node was closed: its relay, if it was one, is over. channel: as it was. */
void th_board_relay_over(struct th_switchboard *board, const struct th_exchange *ex,
                         const struct th_channel *channel, struct th_now now);

/* bridge.c */

/* Forwards the lines of a pair, both ways. False when we do not for them, or have no room. */
TH_MUST bool th_board_bridge_pair(struct th_switchboard *board, struct th_now now,
                                  const struct th_relay_pair *pair);

/* True when we forward for a node. */
bool th_board_bridges_for(const struct th_switchboard *board, const struct th_hashname *id);

/* Somebody asks us to forward. */
void th_board_on_bridge(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                        struct th_channel *channel, const struct th_chanpkt *packet);

/* bridge_ask.c */

/* The fields of a link's first packet, and that we would forward for the node, if we do. They stand in
 * `room` then. */
struct th_bytes th_board_add_bridges(const struct th_switchboard *board,
                                     const struct th_exchange *ex, struct th_bytes fields,
                                     char room[TH_FIELDS_MAX]);

/* A packet of a link came: whether the node would forward for us. Lines that go by a relay ask one then. */
void th_board_note_bridges(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           const struct th_chanpkt *packet);

/* Asks the next node that would forward, when the line goes by a relay. */
void th_board_ask_bridge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now);

/* A packet came on a channel of ours by which we may have asked. */
void th_board_on_bridge_answer(struct th_switchboard *board, struct th_exchange *middle,
                               struct th_now now, const struct th_channel *channel,
                               const struct th_chanpkt *packet);

/* bridge.c */

/* A line packet of no line of ours. False when it is of none that we forward. */
bool th_board_forward(struct th_switchboard *board, struct th_now now, const struct th_addr *from,
                      const struct th_line_id *line, struct th_bytes bytes);

#endif

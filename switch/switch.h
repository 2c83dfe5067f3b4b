/*
 * switch.h - the switch: lines to others, and every packet on them as an event.
 *
 * A server over core/switchboard. It sends and receives datagrams, makes lines, carries channels,
 * answers what needs no table (`path`, `peer`, `connect`), and announces everything on its event
 * manager. It never searches: without a path it says so, and dialling is the dialer's.
 *
 * Floor:  3.
 * Owns:   exchanges, lines, channels; the net.
 * Limits: core/switchboard.h.
 */
#ifndef TH_SWITCH_SWITCH_H
#define TH_SWITCH_SWITCH_H

#include "switch/allowed.h"
#include "switch/core/switchboard.h"
#include "switch/events.h"
#include "switch/net.h"

/* The spec's arg; borrowed for the server's life and over restarts. When the switch ends it raises
 * board.at_floor to its latest open, so that the next one's are newer even if the clock was set back. */
struct th_switch_config {
    struct th_switchboard_config board; /* but for `allow` */
    struct th_allowed *allowed;         /* with whom there may be lines; NULL: everybody */
    struct th_net *net;
    bool
        is_lan; /* look for nodes on the networks that this machine is on, and answer such (core/lan.h) */
    const char *events_name; /* the event manager's registered name, in the same scope */
    struct th_rng
        *rng; /* the switch's alone; goes on over restarts, so that no key or nonce comes twice */
};

extern const struct th_server_ops th_switch_ops;

/* Has fetched into the processor's cache what a datagram will need of the switch, as
 * th_switchboard_expect. state: the server's. For who runs many thousand nodes at one place. */
void th_switch_expect(const void *state, struct th_bytes bytes, unsigned before);

/* The machine in a switch's state, for who watches a host's turns (host_sim.h): from the end of its
 * init until its terminate begins. Look, but change nothing. Thread: the switch's. */
const struct th_switchboard *th_switch_machine(const void *state);

/*
 * Call, body struct th_switch_open: makes the node known and opens a line when there is none.
 * Reply th_switch_msg_result: TH_OK (a line is up), TH_AGAIN (opens were sent: TH_EV_LINE_UP follows,
 * or not), TH_NO_PATH (nothing is known of where it is), TH_LIMIT, TH_NO_MEMORY, TH_INVALID (ourselves;
 * a key that does not belong to the hashname), TH_NO_PERMISSION (not in the allow-list).
 */
extern const struct th_msg_kind th_switch_msg_open;
struct th_switch_open {
    struct th_hashname id;
    struct th_parts parts;    /* count 0: only what the switch already knows */
    struct th_public_key key; /* of CS3a; not looked at when parts.count is 0 */
    struct th_paths paths;
    bool is_to_link; /* the line is wanted to link: th_switchboard_is_to_link */
};

/*
 * Call, body struct th_switch_channel: opens a channel and sends its first packet, at once or when
 * the line that is being opened is up. The caller is the channel's owner: its events carry its pid
 * and tag. Reply th_switch_msg_result with `c`; TH_NO_LINE (no line, and none is being opened),
 * TH_LIMIT, TH_TOO_BIG, TH_NO_MEMORY. The reply comes before any event of the channel.
 * A cast of it does the same and answers nothing (owner and tag as for a call). To a `peer` the switch
 * adds "paths": where we can be met.
 */
extern const struct th_msg_kind th_switch_msg_channel;
struct th_switch_channel {
    struct th_hashname to;
    enum th_channel_type type; /* not OTHER */
    uint64_t tag;
    th_ms silence_ms; /* 0: the type's own */
    bool end;
    size_t fields_len, body_len; /* both lie behind the struct: fields (JSON members), then body */
    uint8_t bytes[];
};

/*
 * Cast, body struct th_switch_send: a further packet on an open channel of either side. One for a
 * channel that has ended is dropped. end or err closes the channel once sent.
 */
extern const struct th_msg_kind th_switch_msg_send;
struct th_switch_send {
    struct th_hashname to;
    uint32_t c;
    bool is_ours; /* who opened the channel, as in the event */
    bool end;
    char err[TH_CHANNEL_ERR_MAX]; /* "" none */
    size_t fields_len, body_len;
    uint8_t bytes[];
};

/* Makes those two bodies; NULL without memory. Set further members of what is returned. */
TH_MUST struct th_switch_channel *th_switch_channel_new(const struct th_hashname *to,
                                                        enum th_channel_type type,
                                                        struct th_bytes fields,
                                                        struct th_bytes body);
TH_MUST struct th_switch_send *th_switch_send_new(const struct th_hashname *to, uint32_t c,
                                                  bool is_ours, struct th_bytes fields,
                                                  struct th_bytes body);

/*
 * Cast, body struct th_switch_hand_on: refuses what a node asked on a channel of its own, and introduces
 * it to the first of some others that has not heard enough of us. The refusal names that one in a "see".
 */
extern const struct th_msg_kind th_switch_msg_hand_on;
enum { TH_HAND_ON_MAX = TH_SEE_SENT_MAX };
struct th_switch_hand_on {
    struct th_hashname who;
    uint32_t c;
    char err[TH_CHANNEL_ERR_MAX];
    unsigned count;
    struct th_hashname to[TH_HAND_ON_MAX]; /* the best first */
};
void th_switch_hand_on(struct th_switchboard *board, struct th_now now,
                       const struct th_switch_hand_on *hand_on); /* the switch does it so */

struct th_switch_result {
    enum th_err err;
    uint32_t c;
};
extern const struct th_msg_kind th_switch_msg_result;

/* Call, no body: every line. Reply, same kind, body struct th_switch_lines: a picture of the moment
 * at which it is taken; events after it tell what changed since. */
extern const struct th_msg_kind th_switch_msg_lines;
struct th_switch_lines {
    unsigned count;
    struct th_line_look line[];
};

/* Call, no body: every open channel. Reply, same kind, body struct th_switch_channels. */
extern const struct th_msg_kind th_switch_msg_channels;
struct th_switch_channels {
    unsigned count;
    struct th_channel_look channel[];
};

/* Call, no body; reply, same kind, body struct th_switch_status. */
extern const struct th_msg_kind th_switch_msg_status;
struct th_switch_status {
    struct th_hashname id;
    unsigned listen_count, observed_count;
    struct th_addr listen[TH_NET_ADDRS_MAX]; /* as the net tells them */
    struct th_addr
        observed[TH_OBSERVED_MAX]; /* as others saw us, from answers to `path`; newest first */
    struct th_outside_look outside;
    struct th_addr mapped;      /* th_switch_msg_mapped; TH_FAMILY_NONE: none */
    struct th_paths advertised; /* instead of our own addresses; none: these */
    unsigned exchanges, lines;
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
    uint64_t rx_sort[TH_DATAGRAM_SORTS], tx_sort[TH_DATAGRAM_SORTS];
    bool has_kernel_drops;
    uint32_t rcvbuf;       /* bytes that may wait to be read; 0: nobody tells */
    uint64_t kernel_drops; /* datagrams for which the kernel had no room; of all sockets */
    int64_t clock_ms;      /* what peers' opens say is to be added to our clock; 0: nothing */
    int64_t at_highest;    /* of our opens; to be kept on disk */
    struct th_drops drops;
};

/* Cast, body struct th_addr *: where a router lets others in to us, to be told with our own addresses;
 * TH_FAMILY_NONE: nowhere. One that is started anew has to be told again. */
extern const struct th_msg_kind th_switch_msg_mapped;

/* Cast, body struct th_paths *: what `path` and `peer` offer from now on, as th_switchboard_config's
 * advertised; none: our own addresses. One that is started anew knows it. */
extern const struct th_msg_kind th_switch_msg_advertise;

/* Cast, body struct th_addr *: sends a punch (00 00) there, so that a NAT of ours lets the answer in. */
extern const struct th_msg_kind th_switch_msg_punch;

#endif

/*
 * switchboard.h - every exchange of one node: datagrams in, lines and packets out.
 *
 *     th_switchboard_on_datagram(&board, now, &from, bytes);
 *     struct th_action action;
 *     while (th_switchboard_next(&board, &action))
 *         carry_out(&action);
 *     sleep_until(th_switchboard_deadline(&board));
 *     th_switchboard_tick(&board, now);
 *
 * One remote hashname is one exchange: its keys, our half of the handshake, the peer's halves, its
 * addresses and channels. The rules are protocol.md 3, 4, 5 and 7.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_SWITCHBOARD_H
#define TH_CORE_SWITCHBOARD_H

#include "switch/base/heap.h"
#include "switch/base/limit.h"
#include "switch/base/rng.h"
#include "switch/core/channel.h"
#include "switch/core/outside.h"
#include "switch/core/tap.h"
#include "switch/wire/allow.h"
#include "switch/wire/identity.h"
#include "switch/wire/path.h"
#include "switch/wire/see.h"

enum {
    /* nodes we know a key of; the idlest without a line goes first, then that with an unused line */
    TH_EXCHANGES_MAX = 4096,
    TH_EXCHANGE_PATHS_MAX = 8, /* addresses of one node */
    TH_LINES_PROBED_MAX =
        512,               /* more than so many, and who comes is not asked `path` without need */
    TH_WAITING_MAX = 16,   /* packets that wait for one line */
    TH_OBSERVED_MAX = 4,   /* addresses under which others saw us */
    TH_OPENS_PER_S = 2000, /* opens we decrypt; two or three X25519 each */
    TH_OPENS_BURST = 500,
    TH_CONNECT_ADDRS_MAX = 4, /* of one connect */
    TH_CONNECT_PER_MIN =
        10, /* new addresses a minute for each introducer, but for those that answer */
    TH_HAND_ON_AT_ONCE =
        5, /* newcomers to one node: half of what it may hear of that is not proven */
    TH_HAND_ON_EACH_MS = 100, /* between two further ones; two round trips of most prove it */
    TH_PATH_NEW_PER_MIN = 4,  /* addresses that a peer may name in `path` (design 7) */
    TH_BRIDGE_BYTES_PER_S = 1 << 20
};

/* For whom we forward the packets of lines between others (bridge.h). A zeroed one: nobody. */
struct th_bridge_policy {
    bool is_for_everybody;
    unsigned allowed_count;
    const struct th_hashname *allowed; /* borrowed for the board's life; one of the two is enough */
    uint32_t bytes_per_s;              /* in all; 0: TH_BRIDGE_BYTES_PER_S */
};

struct th_switchboard_config {
    const struct th_identity *identity; /* borrowed for its life */
    unsigned exchanges_max;             /* 0: TH_EXCHANGES_MAX */
    /* After which a line is ended that nobody uses; after half of it a node may be forgotten to which there is
     * none. The two ends agree about it, so it is the same for all nodes of a mesh. 0: TH_LINE_IDLE_MS,
     * below which who is met again may name more than it should. */
    th_ms idle_ms;
    unsigned advertised_count;
    struct th_addr advertised[TH_PATHS_MAX]; /* what `path` and `peer` offer */
    struct th_bridge_policy bridge;
    struct th_allow *allow; /* with whom there may be lines; held by the board; NULL: everybody */
    struct th_tap *tap; /* who sees every packet in the clear, if somebody captures; NULL: nobody */
    int64_t at_floor;   /* no open of ours is dated at or below it (the highest of the last run) */
};

/* What an owner may look at: one exchange that has a line or makes one. */
struct th_line_look {
    struct th_hashname id;
    struct th_parts parts;
    struct th_public_key key;
    uint8_t csid;
    bool is_up;
    bool is_pending;     /* a changed open is being challenged */
    bool is_silent;      /* we talk and hear nothing (TH_ACTION_SILENT) */
    bool has_addr;       /* false: it goes by a relay */
    struct th_addr addr; /* the one in use */
    bool has_middle;   /* the line goes through another node: a relay, or with has_addr a bridge */
    bool knows_middle; /* false with has_middle: a bridge that we have no line to */
    struct th_hashname middle;
    bool has_rtt;
    uint32_t rtt_ms; /* of the newest `path` answer, or of the handshake */
    unsigned mtu;    /* bytes of a datagram that are known to pass */
    unsigned channels;
    th_ms up_ms;      /* since the line came up; 0 when it is not */
    th_ms last_rx_ms; /* since something was decrypted from it */
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
};

/* One open channel, as an owner may look at it. */
struct th_channel_look {
    struct th_hashname peer;
    uint32_t c;
    enum th_channel_type type;
    bool is_ours;   /* we opened it */
    uint64_t owner; /* who of us did; 0: they did, or the switchboard itself */
    th_ms age_ms;
    th_ms silence_left_ms; /* it ends when nothing passes for so long */
    uint64_t rx_packets, tx_packets;
};

enum th_action_kind {
    TH_ACTION_SEND,      /* bytes to addr */
    TH_ACTION_LINE_UP,   /* line */
    TH_ACTION_LINE_DOWN, /* line, why */
    TH_ACTION_PATH,      /* line: another address is in use */
    TH_ACTION_SILENT,    /* line: we talk, and nothing comes; again now and then as long as we do */
    TH_ACTION_HEARD,     /* line: something came, after SILENT */
    TH_ACTION_PACKET,    /* packet, on a channel that was open or (is_first) is now */
    TH_ACTION_ENDED,     /* ended: a channel is over without a packet saying so */
    TH_ACTION_STREAM, /* a reliable channel (streams.h): theirs is new (is_first); what its owner could not
                         do before it can do now; or it went with its line (why), and is no more */
    TH_ACTION_CLOCK_WRONG /* clock_ms: three peers are that far ahead of our wall clock; told once */
};

/* Values; bytes in them are valid until the next call of the machine. */
struct th_action {
    enum th_action_kind kind;
    enum th_err why;       /* LINE_DOWN, ENDED, STREAM */
    struct th_addr addr;   /* SEND: to; PACKET: from */
    struct th_bytes bytes; /* SEND */
    struct th_hashname id; /* all but SEND */
    union {
        struct {
            struct th_channel channel; /* PACKET, ENDED, STREAM: a copy */
            bool is_first;             /* PACKET, STREAM: of a channel of theirs */
            bool is_bridged;           /* PACKET: addr is a bridge's, which forwards the line */
            struct th_chanpkt packet;  /* PACKET */
        };
        struct th_line_look line; /* LINE_UP, LINE_DOWN, PATH, SILENT, HEARD */
        int64_t clock_ms;         /* CLOCK_WRONG */
    };
};

struct th_switchboard;

/* Makes one. rng: borrowed for its life. Returns NULL without memory. */
TH_MUST struct th_switchboard *th_switchboard_new(const struct th_switchboard_config *config,
                                                  struct th_rng *rng, struct th_now now);

/* Ends every line in silence, wipes keys, frees. Harmless for NULL. */
void th_switchboard_free(struct th_switchboard *board);

/* A datagram will arrive soon: has the memory that it needs fetched into the processor's cache, a step at
 * a time, of which 3 is the first and 0 the last; each rests on the one before. */
void th_switchboard_expect(const struct th_switchboard *board, struct th_bytes bytes,
                           unsigned before);

/* Something arrived. What it does wrong is counted. */
void th_switchboard_on_datagram(struct th_switchboard *board, struct th_now now,
                                const struct th_addr *from, struct th_bytes bytes);

/*
 * Makes a node known and opens a line to it when there is none, or one that is silent.
 *
 * parts  NULL or empty: only what is known already is used (and the paths are added).
 * key    of the cipher set in which we talk to it (th_identity_shared); must belong to parts when they
 *        are given.
 * Returns TH_OK (a line is up), TH_AGAIN (opens are on their way; the line, if there is one, is not
 * another then: HEARD tells that it goes on), TH_NO_PATH, TH_INVALID (ourselves,
 * or a key that does not fit), TH_NO_PERMISSION (it is not in the allow-list), TH_LIMIT, TH_NO_MEMORY.
 */
TH_MUST enum th_err th_switchboard_open(struct th_switchboard *board, struct th_now now,
                                        const struct th_hashname *id, const struct th_parts *parts,
                                        const struct th_public_key *key,
                                        const struct th_paths *paths);

/*
 * The line to a node that is being opened is wanted for a link alone, which is asked for as soon as it is up. A
 * node that many come through refuses most, and who is refused need not know how it is seen there: so `path`
 * is asked when the link is answered otherwise, something else goes on the line, or half a second passed.
 * Nobody waits for it either: its second open has time (TH_OPEN_LINK_LATER_MS), if its first went just now. Whoever
 * wants it for something else too takes both back. Harmless when there is no such line.
 */
void th_switchboard_is_to_link(struct th_switchboard *board, struct th_now now,
                               const struct th_hashname *id, bool is_to_link);

/*
 * Introduces a node, which did not ask for it, to the one of some hosts that heard of the fewest from us
 * just now: for who comes to us and finds no room. Nothing is relayed between them; where that is needed
 * the node asks for itself.
 * hosts   the best first.
 * told    filled with whom it was introduced to.
 * Returns false when there was nobody, which is counted (HAND_ON_LIMIT).
 */
bool th_switchboard_hand_on(struct th_switchboard *board, struct th_now now,
                            const struct th_hashname *who, const struct th_hashname *hosts,
                            unsigned count, struct th_see_entry *told);

/* What a channel's first packet is made of. */
struct th_channel_request {
    enum th_channel_type type;
    const char *name; /* of OTHER: an application's type (packets.h) */
    uint64_t owner, tag;
    th_ms silence_ms; /* 0: the type's */
    bool end;
    struct th_bytes fields, body; /* borrowed */
};

/*
 * Opens a channel and sends its first packet, or keeps it until the line is up.
 * c       filled with the channel's number.
 * Errors: TH_NO_LINE (no line, and none is being opened), TH_LIMIT, TH_TOO_BIG, TH_NO_MEMORY.
 */
TH_MUST enum th_err th_switchboard_channel(struct th_switchboard *board, struct th_now now,
                                           const struct th_hashname *to,
                                           const struct th_channel_request *request, uint32_t *c);

/*
 * Sends a further packet on an open channel. err: "" or NULL for none.
 * Errors: TH_NOT_FOUND (no such channel is open), TH_TOO_BIG.
 */
TH_MUST enum th_err th_switchboard_send(struct th_switchboard *board, struct th_now now,
                                        const struct th_hashname *to,
                                        const struct th_chanpkt_out *packet);

/*
 * How large a channel packet (2 + head + body) to this node may be now: TH_CHANPKT_MAX, or up to
 * TH_CHANPKT_PROVEN_MAX where the path of its line carries more. To ask says that larger ones would be
 * used: then it is found out, within some seconds, and the answer to a later call is another. It may
 * become less at any time; th_switchboard_send says TH_TOO_BIG then.
 */
unsigned th_switchboard_packet_max(struct th_switchboard *board, struct th_now now,
                                   const struct th_hashname *to);

/* The network did not take a datagram of so many bytes, for its interface carries none as large. */
void th_switchboard_on_too_big(struct th_switchboard *board, struct th_now now,
                               const struct th_addr *to, size_t len);

/* Where we can be met, as `path` and `peer` tell it. At most TH_PATHS_MAX. */
void th_switchboard_advertise(struct th_switchboard *board, const struct th_addr *addrs,
                              unsigned count);

/* From now on there are lines with these nodes only (NULL: with everybody); the board holds the list.
 * Lines with others end, with TH_NO_PERMISSION. */
void th_switchboard_allow(struct th_switchboard *board, struct th_now now, struct th_allow *allow);

/* Sends the empty packet that opens a NAT. At most 10 a second in all; more are left out. */
void th_switchboard_punch(struct th_switchboard *board, struct th_now now,
                          const struct th_addr *to);

/* Our own addresses are others now: every line says so, at each address of its peer, and learns from
 * the answers where we are seen. Lines without a direct way look for one again at once. */
void th_switchboard_on_moved(struct th_switchboard *board, struct th_now now);

/* The machine slept: the same, and every address has to prove itself again. */
void th_switchboard_on_resumed(struct th_switchboard *board, struct th_now now);

th_ms th_switchboard_deadline(const struct th_switchboard *board);
void th_switchboard_tick(struct th_switchboard *board, struct th_now now);

/* Takes one action; false when there is none. */
bool th_switchboard_next(struct th_switchboard *board, struct th_action *action);

/* Fills rows for exchanges with a line up or in the making, in order of their making. Returns how
 * many there are; at most max were filled. */
unsigned th_switchboard_look(struct th_switchboard *board, struct th_now now,
                             struct th_line_look *rows, unsigned max);

/* The same for open channels: by the order of their nodes, and the newest of a node first. Those of a
 * changed open that is not believed yet are not told. */
unsigned th_switchboard_look_channels(const struct th_switchboard *board, struct th_now now,
                                      struct th_channel_look *rows, unsigned max);

/* Of what sort a datagram is, by its first bytes (protocol.md, 1). */
enum th_datagram_sort { TH_DATAGRAM_OPEN, TH_DATAGRAM_LINE, TH_DATAGRAM_PUNCH, TH_DATAGRAM_OTHER };
enum { TH_DATAGRAM_SORTS = TH_DATAGRAM_OTHER + 1 };

enum th_datagram_sort th_datagram_sort_of(struct th_bytes bytes);

/* "open", "line", "punch", "other". */
const char *th_datagram_sort_name(enum th_datagram_sort sort);

/* Numbers of the whole node. */
struct th_switchboard_totals {
    unsigned exchanges, lines;
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes; /* datagrams */
    uint64_t rx_sort[TH_DATAGRAM_SORTS], tx_sort[TH_DATAGRAM_SORTS];
    unsigned observed_count;
    struct th_addr observed[TH_OBSERVED_MAX];
    int64_t clock_ms;   /* what peers' opens say is to be added to our clock; 0: nothing */
    int64_t at_highest; /* of our opens; to be kept on disk */
    struct th_drops drops;
};
void th_switchboard_totals(const struct th_switchboard *board,
                           struct th_switchboard_totals *totals);

/* How we look from outside. */
void th_switchboard_outside(const struct th_switchboard *board, struct th_now now,
                            struct th_outside_look *look);

#endif

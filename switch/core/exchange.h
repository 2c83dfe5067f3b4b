/*
 * exchange.h - one remote hashname: its key and addresses, and, once there is one or one is wanted, a
 * line: our half of the handshake, the peer's halves, the channels, and what waits for it.
 *
 * Rules: protocol.md 3 and 4. We have one half (line id, key pair, sealed open); the peer's current
 * half makes the line. While the line lives, a changed open of the peer is only a pending half: it is
 * answered, the peer is challenged on the old line, and the new half takes over after silence there
 * and a packet that decrypts on the new one.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_EXCHANGE_H
#define TH_CORE_EXCHANGE_H

#include "switch/base/index.h"
#include "switch/core/paths.h"
#include "switch/core/pmtu.h"
#include "switch/wire/line.h"
#include "switch/wire/open.h"

#include <string.h>

enum {
    TH_PENDING_KEPT_MAX = 16,       /* packets kept on a half that is not confirmed */
    TH_CHALLENGES_MAX = 3,          /* at once, after 0.5 s and after 1.5 s */
    TH_CHALLENGE_SILENCE_MS = 3000, /* on the old line, before a pending half may take over */
    TH_PENDING_MS = 10000,          /* a pending half that nothing decrypted on is forgotten */
    TH_LINE_SILENCE_MS = 600000,    /* nothing decrypted for 10 min ends a line */
    TH_LINE_UNPROVEN_MS = 30000,    /* a line on which nothing ever decrypted */
    /* A line without channels that carried nothing for so long is only memory, and most lines are such:
     * a lookup made them to ask once. Both sides count from the same packet, so they end it together;
     * two minutes are enough for who looked somebody up, or dialled, to do something with it. */
    TH_LINE_IDLE_MS = 120000,
    TH_LINE_SPENT_MS = 1000, /* the same, when there is no room for another node */
    TH_LINE_QUIET_MS =
        300, /* what leaves so long after something came is no answer to it: it wants one … */
    TH_LINE_ANSWER_MS =
        100, /* … within this, or two round trips; else `path` is asked everywhere … */
    TH_LINE_ASKED_MS = 150, /* … and, without an answer to that, the line is silent: it is told … */
    TH_LINE_TELL_MS =
        5000, /* … and again after this, twice, four and eight times this, as we talk */
    TH_LINE_SILENCES_MAX = 3,
    TH_LINE_MOVED_MS = 500,   /* for an answer after our own addresses changed */
    TH_LINE_STALLED_MS = 100, /* unanswered: a node through which the line goes hears from us … */
    TH_LINE_SHOW_MS = 200,    /* … this often, so long as we talk … */
    TH_LINE_DOUBT_MS = 10000, /* … and after so much silence only as often as an open is sent */
    TH_LINE_UNANSWERED_MS = 1500, /* unanswered: the next packet takes the open along */
    TH_LINE_REOPEN_MS = 2000,     /* between two such opens */
    TH_LINE_STALE_MS = 60000,     /* silence after which any packet takes the open along */
    /* Nodes that are known beyond TH_EXCHANGES_FEW are forgotten after a while: a lookup meets ten. Whoever
     * is found again is introduced again. */
    TH_EXCHANGES_FEW = 128,
    TH_EXCHANGE_UNUSED_MS = TH_LINE_IDLE_MS / 2,
    TH_OPEN_TRIES = 4, /* at once and after some 1, 3 and 7 s */
    /* Up to so much later the second one when the line is wanted for a link alone. Of 10,000 that began at once
     * through one node, which looks at TH_OPENS_PER_S, a seventh fewer opens come in vain, and the last is
     * answered after 5 s instead of 10. */
    TH_OPEN_LINK_LATER_MS = 750,
    TH_OPEN_GIVE_UP_MS = 4000,  /* after the last try */
    TH_OPEN_FRESH_MS = 10000,   /* an open of ours this old still excuses the peer's clock */
    TH_CLOCK_AHEAD_MS = 120000, /* an open may be dated this far ahead of our clock */
    TH_ANSWER_QUIET_MS = 10000  /* a repeated open is not answered while the line is this alive */
};

/* The peer's half of a line. Its keys are with who has it: th_half_keys. */
struct th_half {
    struct th_replay replay;
    struct th_line_id id;
    int64_t at;
    th_ms heard_at : 48; /* when something last decrypted on it; until then, when it was accepted */
    bool is_set : 1;
    bool is_confirmed : 1; /* something decrypted on it */
};

/* Something decrypts on it now, or it is accepted. */
static inline void th_half_heard(struct th_half *half, struct th_now now)
{
    half->heard_at = now.mono & ((UINT64_C(1) << 48) - 1);
}

/* When something last decrypted on it; 0 never. */
static inline th_ms th_half_rx_at(const struct th_half *half)
{
    return half->is_confirmed ? half->heard_at : 0;
}

/* A packet in memory of its own. */
struct th_held {
    struct th_held *next;
    struct th_addr from;
    size_t len;
    uint8_t bytes[];
};

/* A changed open, not yet believed. */
struct th_pending {
    struct th_half half;
    th_ms accepted_at; /* the half was */
    th_ms since; /* when the first of the challenges went out: for it, or for one that it follows */
    struct th_addr from;
    struct th_channels channels;              /* only `path` lives here */
    uint32_t answered_at;                     /* as that of th_sealed, while there is this */
    unsigned challenges;                      /* sent on the old line */
    uint32_t challenge_id[TH_CHALLENGES_MAX]; /* their channels there */
    th_ms challenge_at;                       /* when the next is due; TH_NEVER */
    th_ms probe_at;                           /* when the next `path` under the new keys may go */
    struct th_held *kept;                     /* oldest first */
    unsigned kept_count;
    uint8_t keys[2 * TH_KEY_BYTES]; /* of the half */
};

/* Our open, the keys in it, and what there is besides until it has brought a line. */
struct th_sealed {
    th_ms open_at;           /* next try or giving up */
    struct th_held *waiting; /* channel packets for the line, oldest first */
    uint8_t open_tries;
    uint8_t waiting_count; /* 0..TH_WAITING_MAX */
    bool is_spread;        /* it went elsewhere than `to` too */
    struct th_addr to;     /* where it went first */
    uint32_t answered_at;  /* when we last answered a repeated open: th_line_answered_at */
    struct th_keypair keys;
    uint16_t len;
    uint8_t bytes[];
};

/* What the reliable channels of a line have in common; there from the first one on. */
struct th_streams {
    struct th_congestion way;
    bool is_compact, takes_parts; /* the peer is one of ours: relpkt.h */
    bool is_busy;                 /* may have something to send: in the list of its board */
    struct th_streams *next_busy;
    struct th_exchange *ex; /* while it is busy */
    uint32_t turn;          /* channel that is next */
    uint32_t full;          /* packets that were, since larger ones were last wanted */
    th_ms due_at;           /* of the first of them; TH_NEVER */
    th_ms held_until;       /* the address in use is not open and had its bytes; 0 */
};

/* Who was asked last to be a bridge for a line. */
struct th_bridge_ask {
    struct th_hashname middle;
    uint32_t c; /* the channel; 0: it was answered */
};

/* Whether the other side still hears us (silence.c). */
enum th_doubt {
    TH_DOUBT_NONE,
    TH_DOUBT_WAITING, /* a packet of ours wants an answer */
    TH_DOUBT_ASKED,   /* none came: `path` was asked */
    TH_DOUBT_SILENT   /* nor to that: it was told */
};

/* What a line counts. */
enum th_count { TH_RX_PACKETS, TH_TX_PACKETS, TH_RX_BYTES, TH_TX_BYTES, TH_COUNTS };

/* What few lines have at a time, and most have none of. */
struct th_line_more {
    struct th_pending *pending;  /* NULL: none */
    struct th_bridge_ask *ask;   /* NULL: nobody yet */
    struct th_pmtu *pmtu;        /* on the path in use; NULL: nobody wanted larger packets yet */
    struct th_streams *streams;  /* NULL: there never was a reliable channel */
    th_ms search_at;             /* for a direct way; TH_NEVER: it has one */
    th_ms relay_at;              /* when more may go by a relay; TH_NEVER: nothing waits */
    uint32_t carried[TH_COUNTS]; /* high bits of `counted` */
    uint8_t searches;            /* for a direct way, in vain, one after the other */
};

/* A line, from our first open on: our half, the peer's, and all that lives as long as it does. Behind it, in
 * the same memory, are the seed of our line keys and the keys of `current`, as its cipher set has them. */
struct th_line {
    struct th_index_node by_own; /* keyed by the beginning of our line id, which we drew */
    struct th_heap_node due;     /* in the heap for all its life */
    struct th_exchange *ex;
    struct th_line_more *more; /* NULL: nothing of it (th_line_more) */
    struct th_sealed *sealed;  /* NULL once the line has proven itself, until it is needed again */
    struct th_half current;
    struct th_channels channels;
    uint8_t own_rest[TH_LINE_ID_BYTES - sizeof(uint64_t)]; /* of our line id: th_line_own_id */
    uint32_t counted[TH_COUNTS]; /* low bits; what does not fit is `carried`: th_line_counted */
    uint32_t rtt_ms;             /* newest, of the path in use */
    uint32_t usual_rtt_ms;       /* of the path in use; 0: nothing was answered on it yet */
    uint32_t open_sent_at;       /* as a path keeps times, as the next three are; 0 never */
    uint32_t unanswered_since;   /* first packet that wants an answer and has none; 0 none */
    uint32_t asked_at;           /* when doubt was last ASKED; 0 never */
    uint32_t doubt_at;     /* WAITING, ASKED: the next step; SILENT: it is not told again before */
    uint32_t up_since_low; /* th_line_up_since */
    uint8_t up_since_high;
    uint8_t bridges;      /* families that it would forward to for us, says its link */
    uint8_t guesses : 3;  /* answers to no request of ours, since the last that nobody can guess */
    uint8_t bursts : 3;   /* of so many that all requests were given up */
    bool has_offered : 1; /* bridges before: who takes it back and says it again is no news */
    bool has_rtt : 1;
    uint8_t doubt : 2;    /* enum th_doubt */
    uint8_t silences : 2; /* 0..TH_LINE_SILENCES_MAX, that were told, since something came */
    bool is_newcomer : 1; /* only an open of theirs made it, and nothing came on it (newcomers.h) */
    bool is_opening : 1;  /* we want a line and send opens: there is `sealed` */
    bool
        is_to_link : 1; /* … for a link alone, and nothing was asked for yet (th_board_ask_in_use) */
    bool is_up : 1;     /* announced */
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct th_line) == 224,
               "with the keys of the simulator and malloc's own word it is 16 of its units");
_Static_assert((int)TH_PATH_GUESSES_MAX < 8 && (int)TH_PATH_BURSTS_MAX < 8 &&
                   (int)TH_LINE_SILENCES_MAX < 4,
               "they are counted in so few bits");

extern const struct th_line_more th_line_no_more;

/* To look at. */
static inline const struct th_line_more *th_line_more(const struct th_line *line)
{
    return line->more ? line->more : &th_line_no_more;
}

/* To change: made if need be. NULL without memory. */
struct th_line_more *th_line_make_more(struct th_line *line);

/* Gives it back when there is nothing in it; harmless at any time. */
void th_line_rest(struct th_line *line);

/* Counts. Without memory for what does not fit any more it stays as it is. */
void th_line_count(struct th_line *line, enum th_count what, uint32_t n);
uint64_t th_line_counted(const struct th_line *line, enum th_count what);

/* When the next open is due, or giving up; TH_NEVER. */
static inline th_ms th_line_open_at(const struct th_line *line)
{
    return line->sealed ? line->sealed->open_at : TH_NEVER;
}

/* Its time is never far from when the line was heard: one that is silent for long ends. */
static inline th_ms th_line_doubt_at(const struct th_line *line)
{
    return th_exchange_path_near(line->doubt_at, line->current.heard_at);
}

/* When we answered a repeated open, as a path keeps times; 0 never, or long ago. */
static inline uint32_t th_line_answered_at(const struct th_line *line)
{
    const struct th_pending *pending = th_line_more(line)->pending;

    if (pending)
        return pending->answered_at;
    return line->sealed ? line->sealed->answered_at : 0;
}

/* Our line id. */
static inline struct th_line_id th_line_own_id(const struct th_line *line)
{
    struct th_line_id id;

    memcpy(id.b, &line->by_own.key, sizeof line->by_own.key);
    memcpy(id.b + sizeof line->by_own.key, line->own_rest, sizeof line->own_rest);
    return id;
}

void th_line_set_own_id(struct th_line *line, const struct th_line_id *id);

/* When it came up, which it did. */
static inline th_ms th_line_up_since(const struct th_line *line)
{
    return (th_ms)line->up_since_high << 32 | line->up_since_low;
}

/* How many addresses a node may name, in a `connect` and in a `path`. A bucket of whole tokens a second
 * is too fast for that, so its seconds are longer ones. */
enum { TH_NAMING_CONNECT_S = 60 / TH_CONNECT_PER_MIN, TH_NAMING_PATH_S = 60 / TH_PATH_NEW_PER_MIN };

/* A th_limit of one a second, in as few bytes as that takes. */
struct th_naming {
    uint32_t since; /* low bits of when it was right */
    uint16_t milli; /* thousandths of an address that it may name */
};

enum th_dealing {
    TH_INTRODUCED, /* until then it may not be told of TH_CONNECT_PER_MIN addresses by us */
    TH_HANDED,     /* nor be handed TH_HAND_ON_AT_ONCE newcomers */
    TH_ASKED,      /* since we introduced it to another it is not modest */
    TH_DEALING_KINDS
};

/* What those have that named addresses, or were introduced. */
struct th_dealings {
    struct th_parts *parts;           /* NULL: the one that follows from cipher and key */
    struct th_naming connects, named; /* addresses that it may name */
    uint32_t until_low[TH_DEALING_KINDS];
    uint8_t until_high[TH_DEALING_KINDS]; /* th_dealings_until */
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct th_dealings) == 40,
               "with malloc's own word it is 3 of its units");

static inline th_ms th_dealings_until(const struct th_dealings *dealings, enum th_dealing kind)
{
    return (th_ms)dealings->until_high[kind] << 32 | dealings->until_low[kind];
}

static inline void th_dealings_set_until(struct th_dealings *dealings, enum th_dealing kind,
                                         th_ms until)
{
    dealings->until_low[kind] = (uint32_t)until;
    dealings->until_high[kind] = (uint8_t)(until >> 32);
}

/* What we know of a node, whether there is a line or not: there may be thousands. */
struct th_exchange {
    struct th_exchange *next_alike; /* the roster's: the same bucket */
    struct th_exchange *next;       /* the roster's: order of making */

    struct th_hashname id;
    struct th_public_key key;
    const struct th_cipher *cipher; /* NULL until a key is known */
    int64_t own_at;                 /* of our opens; highest ever sent to it */
    struct th_dealings *dealings;   /* NULL: none yet */
    struct th_line *line;           /* NULL: none, and none in the making */
    struct th_exchange_paths paths;
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct th_exchange) == 168,
               "with malloc's own word it is 11 of its units");

/* Zeroes and sets who it is. What it can be talked to with may come later. */
void th_exchange_init(struct th_exchange *ex, const struct th_hashname *id, struct th_now now);

/* Frees everything in it and wipes keys; it must be in no table and no heap. */
void th_exchange_clear(struct th_exchange *ex);

/*
 * Sets in which cipher set it is talked to, its parts and its key of that set. They follow from its
 * hashname and never change: when they are known already nothing is done.
 * Errors: TH_NO_MEMORY; nothing is known then.
 */
TH_MUST enum th_err th_exchange_learn(struct th_exchange *ex, const struct th_cipher *cipher,
                                      const struct th_parts *parts,
                                      const struct th_public_key *key);

/* Made if need be. NULL without memory. */
struct th_dealings *th_exchange_dealings(struct th_exchange *ex);

/*
 * Takes one of the addresses that a node may name, if it may; else false.
 *
 * burst   how many it may name at once.
 * now_ms  in thousandths of the seconds in which one more comes.
 */
TH_MUST bool th_naming_take(struct th_naming *naming, unsigned burst, th_ms now_ms);

/* Gives one back, which proved right. */
void th_naming_give(struct th_naming *naming, unsigned burst);

/* Its parts; without any as long as nothing was learnt. */
void th_exchange_parts(const struct th_exchange *ex, struct th_parts *parts);

/*
 * Makes a line without halves; its cipher set is known.
 *
 * is_lower  our hashname is the lower one.
 * seed      of our line keys; so much of it is kept as the cipher set has.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_exchange_make_line(struct th_exchange *ex, bool is_lower,
                                          const uint8_t seed[TH_KEY_BYTES]);

/* Our line keys. Wipe with th_keypair_clear. */
void th_exchange_line_keypair(const struct th_exchange *ex, struct th_keypair *out);

/* Wipes and frees our open, and what waited for its line: the peer has it. Harmless without one. */
void th_line_forget_sealed(struct th_line *line);

/* Frees its line, which is in no table, and wipes the keys; harmless without one. */
void th_exchange_free_line(struct th_exchange *ex);

/* True for an address that is public, or in the realm that its node is in: two nodes can meet there. */
bool th_exchange_can_use(const struct th_exchange *ex, const struct th_addr *addr);

/*
 * True for a node that is only known: there is no line, nothing was sent or came for unused_ms, and it is
 * owed nothing. After TH_EXCHANGE_UNUSED_MS what it may name is as much again as of one that was never met.
 */
bool th_exchange_is_forgettable(const struct th_exchange *ex, struct th_now now, th_ms unused_ms);

/* False for NULL too. */
static inline bool th_exchange_is_up(const struct th_exchange *ex)
{
    return ex && ex->line && ex->line->is_up;
}

/* There is no line, and none is wanted. */
static inline bool th_exchange_is_idle(const struct th_exchange *ex)
{
    return ex->line == NULL || (!ex->line->is_up && !ex->line->is_opening);
}

/* Takes a peer's open as a half of the line, `current` or that of `pending`: its keys are made.
 * Errors: TH_INVALID; half is then untouched. */
TH_MUST enum th_err th_half_set(struct th_half *half, const struct th_exchange *ex,
                                const struct th_open *open, struct th_now now);

/* The keys of `current` or of the half of `pending`: to send, and to receive, each as long as the cipher set
 * says. */
uint8_t *th_half_keys(const struct th_half *half, const struct th_exchange *ex);

/* Forgets it and wipes its keys. */
void th_half_clear(struct th_half *half, const struct th_exchange *ex);

/* The half of `pending` becomes `current`; there is none in `pending` any more. */
void th_line_take_over(struct th_line *line);

/* True when this open, which has the half's id, leads to the half's keys. */
bool th_half_is_of(const struct th_half *half, const struct th_exchange *ex,
                   const struct th_open *open);

/*
 * Decrypts a line datagram on a half and notes its nonce.
 * plain  filled, at least datagram.len bytes. Drops: LINE_SHORT, LINE_CRYPT, LINE_REPLAY.
 */
TH_MUST enum th_drop th_half_unseal(struct th_half *half, const struct th_exchange *ex,
                                    struct th_bytes datagram, struct th_now now, uint8_t *plain,
                                    size_t *plain_len);

/* Appends a copy to a list; false without memory. */
TH_MUST bool th_held_append(struct th_held **list, const struct th_addr *from,
                            struct th_bytes bytes);
void th_held_free(struct th_held **list);

/* We send no opens any more, for the line is up or given up. */
void th_line_stop_opening(struct th_line *line);

/* Drops a pending half and what was kept for it; harmless without one. */
void th_line_forget_pending(struct th_line *line);

/* True when a challenge of its pending half, which there is, went out on the old line. */
bool th_line_was_challenged(const struct th_line *line);

/* When the old line will have been silent long enough for its pending half; there is one. */
th_ms th_line_silent_at(const struct th_line *line);

/* True when nothing ever decrypted on the peer's half, and that for too long. */
bool th_line_is_unproven(const struct th_line *line, struct th_now now);

/* The other side hears us. */
void th_line_forget_doubt(struct th_line *line);

/* When doubt takes its next step; TH_NEVER. */
th_ms th_line_doubt_deadline(const struct th_line *line);

/* True when nobody uses its line, which is up: no channel, and no changed open to be judged. */
bool th_exchange_is_unused(const struct th_exchange *ex);

/* The earliest moment at which something of it is due. idle_ms: the board's. */
th_ms th_exchange_deadline(const struct th_exchange *ex, th_ms idle_ms);

#endif

/*
 * paths.h - the addresses of one remote node, and what each has shown so far.
 *
 * An address that we were told of (a seeds file, a connect) is a place to send opens to. One that an
 * open came from may be forged: until something decrypts from it, it gets at most three times the
 * bytes that came from it (RFC 9000, 8.1). One that a line packet came from has proven itself: what
 * the peer sends from there reaches us. It is answered when a `path` request that went there alone
 * was: what we send there reaches the peer. Who holds a line can write any address as the sender of
 * its packets, and who introduces it can name any, so the streams of a line get no more than three times
 * what came from an address that is not answered (RFC 9000, 9.3.1), but for the one to which alone our
 * open went: who speaks on the line has read it there.
 *
 * Not all are as good. Best is an address of the peer itself; then that of a node between, which
 * forwards the line's packets (a bridge); then a node between that carries five packets a second (a
 * relay, whose family is TH_FAMILY_RELAY). A better kind is used once it is proven and answered, a
 * lesser one when the better fell silent; of the same kind the one that is heard, and of those that
 * are answered the quicker.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's of its exchange.
 */
#ifndef TH_CORE_PATHS_H
#define TH_CORE_PATHS_H

#include "switch/core/switchboard.h"

enum {
    TH_PATH_AMPLIFY = 3, /* bytes out for a byte in, before an address is proven … */
    TH_PATH_BUDGET_MAX = (1 << 23) - 1, /* … and so many at most, whatever came in */
    TH_PATH_OPEN_MS = 1000,             /* between two opens to one address (protocol.md 4) */
    TH_PATH_PROBE_MS = 1000,            /* between two `path` requests to one address (design 7) */
    TH_PATH_PROBE_URGENT_MS = 200, /* the same while the line is in doubt; not to one that only the
                                      peer named */
    TH_PATH_GUESSES_MAX = 4,  /* so many wrong answers spoil the requests to what is not open … */
    TH_PATH_BURSTS_MAX = 4,   /* … and so often, those that follow on that line too */
    TH_PATH_LOYAL_MS = 500,   /* the address in use stays so while it was heard this lately … */
    TH_PATH_SPARE_MS = 10000, /* a relay that was heard this lately makes no room for another … */
    TH_PATH_ASKED_MS = 4000, /* … nor one that was asked this lately: each way waits for its turn */
    TH_PATH_LOST_MS = 3000   /* … and this lately, when the other one is of a lesser kind */
};

/* Its times are the low 32 bits of a th_ms, for there are many: what is told by them is how long ago
 * something was, in which one that is 49 days old is mistaken for a new one, once and for a moment. Two of
 * them are compared by that too: the sign of their difference is wrong from 24 days on. */
struct th_exchange_path {
    struct th_addr addr;
    uint32_t is_told : 1;     /* by a seeds file, a node or us; else an open came from it */
    uint32_t is_proven : 1;   /* something decrypted from it */
    uint32_t is_answered : 1; /* and what we sent there arrived, rtt_ms there and back */
    uint32_t is_bridge : 1;   /* of a node that forwards this line's packets */
    uint32_t is_named : 1;    /* only by the peer itself, in a `path` */
    uint32_t is_heard : 1;    /* told, but streams go there only once it is answered */
    uint32_t unanswered : 3;  /* `path` requests in a row that went there alone; at most 7 */
    uint32_t budget : 23;     /* bytes that may go there while it is neither told nor proven, or of
                                 streams while it is not open */
    uint32_t rtt_ms;
    uint32_t probe;        /* channel of the newest `path` request that went there alone; 0: none */
    uint32_t probed_at;    /* 0: never */
    uint32_t rx_at;        /* 0: never */
    uint32_t noted_at;     /* when it was last told, named or heard */
    uint32_t open_sent_at; /* 0: never */
};

/* Most nodes have one address: it needs no memory of its own. */
struct th_exchange_paths {
    union {
        struct th_exchange_path one;   /* room is 1 */
        struct th_exchange_path *many; /* room is more */
    };
    uint32_t used_at_low; /* when anything was last sent there or came: th_exchange_paths_used_at */
    uint8_t used_at_high;
    uint8_t count, room; /* 0..TH_EXCHANGE_PATHS_MAX, 1..TH_EXCHANGE_PATHS_MAX */
    int8_t used;         /* index of the one in use; -1 none */
};

_Static_assert(sizeof(struct th_exchange_path) == 48, "of each node that is known there is one");

/* As a path keeps a time, and how long ago that was. */
static inline uint32_t th_exchange_path_time(struct th_now now)
{
    return (uint32_t)now.mono;
}

static inline th_ms th_exchange_path_ago(uint32_t time, struct th_now now)
{
    return (uint32_t)((uint32_t)now.mono - time);
}

/* The moment of which that is kept: the one that is nearest to another. */
static inline th_ms th_exchange_path_near(uint32_t time, th_ms moment)
{
    return moment + (th_ms)(int32_t)(time - (uint32_t)moment);
}

void th_exchange_paths_init(struct th_exchange_paths *paths, struct th_now now);

/* Forgets all and frees their memory. */
void th_exchange_paths_clear(struct th_exchange_paths *paths);

/* Anything was sent to the node, or came of it; and when that was last, which is right for 34 years. */
void th_exchange_paths_touch(struct th_exchange_paths *paths, struct th_now now);
th_ms th_exchange_paths_used_at(const struct th_exchange_paths *paths);

/* The one at an index below count. */
struct th_exchange_path *th_exchange_paths_at(struct th_exchange_paths *paths, unsigned index);

/*
 * The entry of an address, made if need be, and noted; those that were handed out before may move. When
 * all places are taken, one goes that only opens came from, else a relay, and of these first one that was
 * neither heard nor asked lately, else one that the peer named, else any; of these the one that was noted least
 * lately, and never the one in use.
 * Returns NULL without memory.
 */
struct th_exchange_path *th_exchange_paths_add(struct th_exchange_paths *paths,
                                               const struct th_addr *addr, struct th_now now);

/* NULL when unknown. */
struct th_exchange_path *th_exchange_paths_find(struct th_exchange_paths *paths,
                                                const struct th_addr *addr);

/* The one in use; NULL none. */
struct th_exchange_path *th_exchange_paths_used(struct th_exchange_paths *paths);
const struct th_exchange_path *th_exchange_paths_look(const struct th_exchange_paths *paths);

/* One of the paths is in use from now on. */
void th_exchange_paths_use(struct th_exchange_paths *paths, const struct th_exchange_path *path);

/*
 * Something decrypted from this address: it is proven, and becomes the one in use if that one is
 * silent, or of a lesser kind and this one is answered. A relay for which there is no place is left out,
 * while the one in use is proven and all that could go for it are relays that were heard or asked lately.
 * Returns true when another address is in use now.
 */
bool th_exchange_paths_on_proof(struct th_exchange_paths *paths, const struct th_addr *addr,
                                struct th_now now);

/*
 * The request on channel `probe` was answered: the address that it went to alone is answered. Once it
 * is proven too it becomes the one in use if it is better than that: of a better kind, or much
 * quicker. Harmless when no address was asked so.
 * Returns true when another address is in use now.
 */
bool th_exchange_paths_on_answer(struct th_exchange_paths *paths, uint32_t probe,
                                 struct th_now now);

/* Takes an address out; others may move. Returns true when it was the one in use: then the best that is proven takes
 * its place; used is -1 when there is none. */
bool th_exchange_paths_remove(struct th_exchange_paths *paths, const struct th_addr *addr,
                              struct th_now now);

/* Nothing proven is left: a direct address goes in use from which an open came, the last that did. False when
 * there is none. */
bool th_exchange_paths_use_heard(struct th_exchange_paths *paths);

/* The line is up. alone: where our open went, and nowhere else; NULL: to several. What was told is no
 * proof otherwise. */
void th_exchange_paths_on_up(struct th_exchange_paths *paths, const struct th_addr *alone);

/* The line ended: what had proven itself is a place to send opens to, no more. Relays, bridges and
 * what only the peer named go with the line; others may move. */
void th_exchange_paths_on_end(struct th_exchange_paths *paths);

/* Nothing comes from the address in use, nor is answered there: the first that is heard takes its place. */
void th_exchange_paths_doubt_used(struct th_exchange_paths *paths);

/* Nothing is proven any more, for the machine slept or moved. */
void th_exchange_paths_doubt(struct th_exchange_paths *paths);

/* True for an address of the peer itself. */
bool th_exchange_path_is_direct(const struct th_exchange_path *path);

/* True while the address in use is no direct one: a better is to be looked for. */
bool th_exchange_paths_want_better(const struct th_exchange_paths *paths);

/* An open, or a packet of a line, of len bytes came from there: so much the more may go there. */
void th_exchange_path_on_bytes(struct th_exchange_path *path, size_t len);

/* True when streams may go there as fast as the way allows: we were told of it, or it is answered. A
 * relay has its own limit. */
bool th_exchange_path_is_open(const struct th_exchange_path *path);

/* A packet of a stream of len bytes goes there. */
void th_exchange_path_on_stream(struct th_exchange_path *path, size_t len);

/* True when len more bytes may go there now; notes them if so. */
bool th_exchange_path_may_send(struct th_exchange_path *path, size_t len);

/* How long until the next `path` request may go there, and whether it may now. is_urgent: nothing is heard of the peer.
 * Only the newest one's answer counts, so while an address has never answered the pause grows after three, to
 * four times as much: the answer may take longer than that. */
th_ms th_exchange_path_probe_in(const struct th_exchange_path *path, struct th_now now,
                                bool is_urgent);
bool th_exchange_path_may_probe(const struct th_exchange_path *path, struct th_now now,
                                bool is_urgent);

/* True when an open may go there now. */
bool th_exchange_path_may_open(const struct th_exchange_path *path, struct th_now now);

#endif

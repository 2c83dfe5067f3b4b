/*
 * pmtu.h - how large a datagram may be on one path: the search of RFC 8899 (DPLPMTUD).
 *
 *     th_pmtu_want(&pmtu, now);                        somebody has use for larger ones
 *     while ((size = th_pmtu_next(&pmtu, now)) != 0)   a probe of that size is to be sent now
 *         th_pmtu_on_sent(&pmtu, channel, timeout_ms, now);
 *     th_pmtu_on_answer(&pmtu, channel, now);          it arrived
 *     th_pmtu_tick(&pmtu, heard_at, now);              at th_pmtu_deadline: it was lost
 *
 * 1232 bytes pass everywhere (protocol.md 1: IPv6's minimum), so the search begins there, as its BASE
 * and its least, and never goes below. It tries the most that the family can have, which most paths
 * carry, then halves what is left. A size of which TH_PMTU_TRIES probes in a row were lost, while
 * smaller packets arrived, does not pass; where nothing arrived at all the path is silent, which says
 * nothing of sizes. What the network says of sizes (ICMP) is not needed and not believed.
 *
 * While large packets are sent, the size is confirmed from time to time. If the probes for that are
 * lost the path is a black hole for it now: back to 1232, and a new search below. Ten minutes after a
 * search has ended another one looks whether more passes by then.
 *
 * When nobody wanted larger packets for TH_PMTU_WANTED_MS nothing is sent; the size stays, and is
 * confirmed first when it is wanted again. Who goes on using it wants it when it is in doubt.
 *
 * Floor:  2 (core), sans-I/O. Embed by value; holds no memory.
 * Thread: the owner's.
 */
#ifndef TH_CORE_PMTU_H
#define TH_CORE_PMTU_H

#include "switch/base/clock.h"
#include "switch/wire/packet.h"
#include "switch/wire/path.h"

enum {
    TH_PMTU_TRIES = 3,       /* RFC 8899, 5.1.2: MAX_PROBES */
    TH_PMTU_PROBE_MS = 1000, /* the least for an answer, and the round trip (5.1.1: PROBE_TIMER) */
    TH_PMTU_RAISE_MS = 600000, /* RFC 8899, 5.1.1: PMTU_RAISE_TIMER */
    TH_PMTU_CONFIRM_MS = 5000, /* after the first large packet since the last confirmation */
    TH_PMTU_WANTED_MS = 60000,
    TH_PMTU_SILENT_MS = 10000, /* until a path that was silent is tried again */
    TH_PMTU_GRAIN = 8          /* less is not worth a probe */
};

struct th_pmtu {
    struct th_addr addr; /* of the path */
    uint16_t max;        /* what its family can have */
    uint16_t size;       /* proven to pass; at least TH_DATAGRAM_SAFE_MAX */
    uint16_t failed;     /* the least that did not pass; max + 1: none yet */
    uint16_t probe;      /* size of the one on its way; 0: none */
    uint16_t tries;      /* of this size, that were lost */
    uint32_t channel;    /* of the one on its way */
    th_ms first_at;      /* when the first try of this size was sent */
    th_ms due_at;        /* when the one on its way is lost, or before which none is sent */
    th_ms confirm_at;    /* TH_NEVER: no large packet was sent since the last time */
    th_ms raise_at;      /* TH_NEVER: the search goes on */
    th_ms wanted_until;
};

/* Begins at TH_DATAGRAM_SAFE_MAX for a path to an address, wanted by nobody yet. */
void th_pmtu_init(struct th_pmtu *pmtu, const struct th_addr *addr, struct th_now now);

/* Larger packets would be used in the time to come. */
void th_pmtu_want(struct th_pmtu *pmtu, struct th_now now);

/* The size of the probe that is to be sent now; 0: none. Call on_sent then. */
unsigned th_pmtu_next(const struct th_pmtu *pmtu, struct th_now now);

/* True when an earlier probe of this size was lost: a small packet that asks for an answer should go
 * with it, or nothing tells a silent path from one that is too narrow. */
bool th_pmtu_wants_company(const struct th_pmtu *pmtu);

/* The probe was sent; channel: 0 when it could not be, and is tried again later. timeout_ms: for its
 * answer. */
void th_pmtu_on_sent(struct th_pmtu *pmtu, uint32_t channel, th_ms timeout_ms, struct th_now now);

/* An answer came on a channel. Returns true when another size is proven now. */
bool th_pmtu_on_answer(struct th_pmtu *pmtu, uint32_t channel, struct th_now now);

/* A datagram larger than TH_DATAGRAM_SAFE_MAX was sent. */
void th_pmtu_on_large(struct th_pmtu *pmtu, struct th_now now);

/* Large packets seem to be lost, to say it no louder: the size is confirmed at once, if it is wanted; else
 * when it is wanted again (call th_pmtu_want first). */
void th_pmtu_doubt(struct th_pmtu *pmtu, struct th_now now);

/* The host refused to send one of so many bytes (EMSGSIZE). Returns true when the size is another. */
bool th_pmtu_on_too_big(struct th_pmtu *pmtu, size_t len, struct th_now now);

/* The earliest moment at which tick or next has something to do. */
th_ms th_pmtu_deadline(const struct th_pmtu *pmtu);

/* Notes that a probe was lost, if one is. heard_at: when something last came from the peer.
 * Returns true when the size is another. */
bool th_pmtu_tick(struct th_pmtu *pmtu, th_ms heard_at, struct th_now now);

#endif

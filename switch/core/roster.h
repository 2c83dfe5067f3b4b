/*
 * roster.h - every node that a switchboard knows: found by its hashname, in the order of meeting.
 *
 * Hashnames are chosen by others, so they are hashed with a secret. The hash is not kept: it is asked for
 * once when a node is met, once each time the buckets are doubled, and once when it is forgotten.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_ROSTER_H
#define TH_CORE_ROSTER_H

#include "switch/base/hash.h"
#include "switch/core/exchange.h"

/* A zeroed one, with its secret, is empty and holds no memory. */
struct th_roster {
    uint8_t secret[TH_HASH_SECRET_BYTES];
    unsigned count;
    unsigned bucket_count; /* 0 or a power of 2 */
    struct th_exchange **buckets;
    struct th_exchange *first, *last; /* order of meeting */
    struct th_exchange *visited;      /* by th_roster_visit, last; NULL: nobody */
};

/* NULL when it is not known. */
struct th_exchange *th_roster_find(const struct th_roster *roster, const struct th_hashname *id);

/* Puts in one that is not there. Errors: TH_NO_MEMORY (only when it holds no memory yet; later it gets
 * denser instead). */
TH_MUST enum th_err th_roster_add(struct th_roster *roster, struct th_exchange *ex);

/* Takes one out, which is there. Seldom: it is looked for in the order of meeting. */
void th_roster_remove(struct th_roster *roster, struct th_exchange *ex);

/* One after the other, in the order of meeting, and round again. NULL when it is empty. */
struct th_exchange *th_roster_visit(struct th_roster *roster);

/* Frees the roster's memory; nobody is in it any more. */
void th_roster_clear(struct th_roster *roster);

#endif

/*
 * bucket.h - the peers at one distance from us: linked ones, and a few candidates in reserve.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_BUCKET_H
#define TH_ROUTER_BUCKET_H

#include "router/link.h"
#include "switch/base/err.h"
#include "switch/base/heap.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

enum {
    TH_BUCKET_SPARES_MAX = 8, /* what one `see` tells; more is stale by the time it is needed */
    TH_SPARE_FAILURES_MAX = 3 /* tries in vain, one after the other, then it is forgotten */
};

/* A node with which we have a link, or from which we have asked for one. */
struct th_peer {
    struct th_hashname id;
    struct th_addr addr; /* of its line; family NONE: not known, or relayed */
    uint8_t csid;        /* of its line */
    bool is_out : 1;     /* of the two requests the one that counts was ours */
    bool is_seed : 1;
    bool is_kept : 1; /* the application asked for it: never ended by us */
    uint8_t failures; /* as a spare, before this */
    th_epoch_ms first_seen_at;
    struct th_link link;
    struct th_heap_node due; /* the table's owner's */
};

/* A node with which we might have a link one day. */
struct th_spare {
    struct th_hashname id;
    struct th_addr addr; /* as the line or the teller says; family NONE: not known */
    uint8_t csid;        /* of its line, or as the teller says; 0: not known yet */
    bool has_via;
    bool has_line;
    bool is_reaching;       /* a line is being made because we want the link */
    uint8_t failures;       /* in a row */
    struct th_hashname via; /* who told of it */
};

/* A zeroed one is empty. Read the fields freely; write them only through the functions below. */
struct th_bucket {
    unsigned linked_count; /* asked for or up */
    unsigned up_count;
    unsigned room;
    struct th_peer *
        *linked; /* order of asking for those that are not up, of linking for the rest */
    uint8_t spare_count, spare_room; /* 0..TH_BUCKET_SPARES_MAX */
    struct th_spare *spare;          /* newest first */

    /* The owner's: when a random name in here was last looked for, and when to do so again. */
    bool has_refreshed;
    bool is_refresh_queued;
    bool is_looked_twice;
    th_ms refreshed_at;
    th_ms refresh_at;
};

struct th_peer *th_bucket_find(const struct th_bucket *bucket, const struct th_hashname *id);

/* Adds a peer that was asked for or is up. peer: borrowed until removed. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_bucket_add(struct th_bucket *bucket, struct th_peer *peer);

/* Notes that the link of one of its peers came up. */
void th_bucket_raise(struct th_bucket *bucket);

/* Takes a peer out. is_up: as it was counted. */
void th_bucket_remove(struct th_bucket *bucket, struct th_peer *peer);

enum th_bucket_verdict {
    TH_BUCKET_KEPT,  /* a spare now */
    TH_BUCKET_KNOWN, /* a spare before, which now knows what was new; or a peer */
    TH_BUCKET_FULL   /* left out: there are spares enough, all of them better; or no memory */
};

/* Makes room for one spare more, unless there are all; else th_bucket_offer does, and takes a refusal for
 * no room. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_bucket_reserve(struct th_bucket *bucket);

/*
 * Decides what to do with a node that somebody told us about.
 *
 * Never makes room by dropping a linked peer: who answers stays (requirements A2). Of the spares the
 * oldest goes, and one without a line before one with a line: a flood of names that nobody heard of
 * costs us no node that we heard from.
 *
 * candidate  borrowed; copied when it is kept.
 */
enum th_bucket_verdict th_bucket_offer(struct th_bucket *bucket, const struct th_spare *candidate);

struct th_spare *th_bucket_spare(struct th_bucket *bucket, const struct th_hashname *id);

void th_bucket_forget(struct th_bucket *bucket, const struct th_hashname *id);

/* How many spares are being reached. */
unsigned th_bucket_reaching(const struct th_bucket *bucket);

/*
 * How many of the peers share with a node the 3 bits that follow the first in which the bucket's
 * nodes differ from us: links are to be spread over these.
 *
 * index  the bucket's, 0..255.
 */
unsigned th_bucket_crowd(const struct th_bucket *bucket, int index, const struct th_hashname *id);

/*
 * The link to end when room is needed: the youngest that the other side opened and that nobody asked
 * for. Not one of the first k: as we ask only while there are fewer than k, ours are all among these.
 * NULL when there is none, or no more than k are up.
 */
struct th_peer *th_bucket_loser(const struct th_bucket *bucket, unsigned k);

/* Frees the lists; the peers are their owner's. */
void th_bucket_clear(struct th_bucket *bucket);

#endif

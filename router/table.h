/*
 * table.h - every peer by distance: 256 buckets, and the rules of who may be in them.
 *
 *   1. k links are wanted in each bucket. More that others open are taken until there are links_max
 *      in all; from then on the youngest link that the other side opened, in our fullest bucket above
 *      k, is ended; if no bucket is above k, the newcomer (who counts as the youngest) is refused. A
 *      node whose link was ended or refused for room is left alone for 10 min, or for one when nobody
 *      else is left for its bucket.
 *   2. Only nodes with which we have a line and a link are told to others (answer.h).
 *   3. Among the first k of a bucket a responsive node is never dropped for an unknown one.
 *   4. Silence is asked after three times before it ends a link (link.h).
 *   5. No more than 2 nodes of one /24 (IPv4) or /64 (IPv6) in a bucket, 10 in the table; loopback and
 *      private nets do not count unless the configuration says so, and a relayed node has no net.
 *   6. Of several who might be linked the one is taken that spreads the bucket over its next 3 bits,
 *      age deciding ties.
 *   7. Links that the application asked for are always kept, by whatever rule others would go.
 *
 * The table decides and remembers; opening and ending links is routing.h's.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_TABLE_H
#define TH_ROUTER_TABLE_H

#include "router/ages.h"
#include "router/bucket.h"

enum {
    TH_NET_BUCKET_MAX = 2,
    TH_NET_TABLE_MAX = 10,

    TH_NET_MARKS = 256, /* a byte is one */

    TH_KEPT_MAX = 16,     /* links over links_max that the application asked for */
    TH_AVOIDED_MAX = 128, /* 56 bytes each; then the oldest goes, at worst we ask too early */
    TH_AVOID_ROOM_MS = 600000,
    TH_AVOID_FAILED_MS = 60000
};

enum th_avoid {
    TH_AVOID_ROOM,  /* they, or we, had no room or wish for the link */
    TH_AVOID_FAILED /* they did not answer */
};

struct th_avoided {
    struct th_hashname id;
    enum th_avoid why;
    th_ms since;
    th_ms until;
};

struct th_table_config {
    struct th_hashname self;
    uint8_t csid;        /* of our cipher set: taken for a peer's until we are told of its line */
    unsigned k;          /* at least 1 */
    unsigned links_max;  /* at least k */
    bool limits_private; /* rule 5 holds for loopback and private nets too */
};

/* Embed by value. Read the fields freely; write them only through the functions below. */
struct th_table {
    struct th_table_config config;
    int first; /* the lowest bucket into which something was ever put; TH_BUCKETS: none was */
    struct th_bucket **bucket; /* from there up; th_table_at looks into it */
    unsigned linked_count;     /* asked for or up */
    unsigned up_count;
    uint64_t changes; /* rises when a peer is added, comes up or is removed */

    /* How many peers have a net with this mark; one that reached the most stays so. Rule 5 seldom has to
     * look at the peers themselves. */
    uint8_t nets[TH_NET_MARKS];
    unsigned avoided_count, avoided_room;
    struct th_avoided *avoided; /* oldest first */
};

void th_table_init(struct th_table *table, const struct th_table_config *config);

/* Frees all, the peers too. */
void th_table_clear(struct th_table *table);

/* The bucket of an index, 0..255; NULL until something was put in. */
static inline struct th_bucket *th_table_at(const struct th_table *table, int index)
{
    return index < table->first ? NULL : table->bucket[index - table->first];
}

/* The peer of a hashname, asked for or up; NULL when there is none. */
struct th_peer *th_table_find(const struct th_table *table, const struct th_hashname *id);

/* The spare of a hashname; NULL when there is none. */
struct th_spare *th_table_spare(const struct th_table *table, const struct th_hashname *id);

/* The bucket of an index, made when it is not there. NULL without memory. */
struct th_bucket *th_table_bucket(struct th_table *table, int index);

/* The lowest index with a peer or spare: our nearest neighbours. -1 when there is none. */
int th_table_nearest(const struct th_table *table);

/*
 * Adds a peer, which is no spare any more; its link's timers are set by the caller.
 * spare  what is known of the node; not ourselves, not a peer already.
 * Returns NULL without memory.
 */
TH_MUST struct th_peer *th_table_add(struct th_table *table, const struct th_spare *spare,
                                     const struct th_link *link);

/* Notes where a peer is now. */
void th_table_move(struct th_table *table, struct th_peer *peer, const struct th_addr *addr);

/* Notes that the link of a peer came up (th_link_on_heard made it so). */
void th_table_raise(struct th_table *table, struct th_peer *peer);

/* Takes a peer out and frees it. */
void th_table_remove(struct th_table *table, struct th_peer *peer);

/* Keeps a node in reserve, as th_bucket_offer. Ourselves is TH_BUCKET_KNOWN. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_table_offer(struct th_table *table, const struct th_spare *candidate,
                                   enum th_bucket_verdict *verdict);

enum th_table_verdict {
    TH_TABLE_ROOM, /* welcome */
    TH_TABLE_TRIM, /* welcome when loser's link is ended */
    TH_TABLE_FULL, /* rule 1 */
    TH_TABLE_NET   /* rule 5 */
};

/* A link that is about to come up. */
struct th_newcomer {
    struct th_hashname id;
    struct th_addr addr;
    bool is_out, is_kept;
};

/* Decides whether a link may come up. loser: filled with whom to end for TH_TABLE_TRIM. */
enum th_table_verdict th_table_judge(const struct th_table *table,
                                     const struct th_newcomer *newcomer, struct th_peer **loser);

/* True when one link more can come up in a bucket that has fewer than k, ending another if need be. */
bool th_table_has_room(const struct th_table *table);

/*
 * Chooses whom of a bucket's spares to link: who has a line before who has none, then by rule 6.
 *
 * again  filled with the time from which there is more to choose from; TH_NEVER for none.
 * Returns NULL when there is nobody now. Valid until the bucket is changed.
 */
struct th_spare *th_table_choose(const struct th_table *table, int index,
                                 const struct th_ages *ages, struct th_now now, th_ms *again);

/* Leaves a node alone for the time that the reason says. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_table_avoid(struct th_table *table, const struct th_hashname *id,
                                   enum th_avoid why, struct th_now now);

/* Why a node is left alone; NULL when it is not. */
const struct th_avoided *th_table_avoided(const struct th_table *table,
                                          const struct th_hashname *id, struct th_now now);

/* Forgets why a node is left alone: it was heard from, or the application wants it. */
void th_table_forgive(struct th_table *table, const struct th_hashname *id);

#endif

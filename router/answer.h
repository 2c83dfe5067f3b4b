/*
 * answer.h - whom we tell others of: the `see` of a seek and of a link's first packet.
 *
 * Only nodes with which we have a line and a link are told (rule 2 of the table), never the asker
 * itself. An address goes with an entry when the asker can use it: when both are in the same realm.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: any; nothing is kept.
 */
#ifndef TH_ROUTER_ANSWER_H
#define TH_ROUTER_ANSWER_H

#include "router/table.h"
#include "switch/base/rng.h"
#include "switch/wire/see.h"

enum {
    TH_ANSWER_MATCHES_MAX = 4, /* linked hashnames that begin with the sought prefix */
    TH_ANSWER_HOSTS_MAX = 8    /* half of them near */
};

struct th_answer {
    unsigned count;
    struct th_see_entry entry[TH_SEE_SENT_MAX];
};

/* Who asks. */
struct th_asker {
    struct th_hashname id;
    struct th_addr addr; /* where the question came from; family NONE: relayed */
};

/*
 * Answers a seek, in this order: the oldest seed of the bucket that the prefix (padded with zeros) is
 * in; linked nodes that begin with the prefix, the oldest first, the only place for those that do
 * not seed; the seeds nearest to the padded prefix, the nearest first.
 */
void th_answer_seek(struct th_answer *answer, const struct th_table *table,
                    const struct th_prefix *sought, const struct th_asker *asker);

/* Tells a node to which a link begins of the seeds nearest to it. */
void th_answer_link(struct th_answer *answer, const struct th_table *table,
                    const struct th_asker *asker);

/*
 * Whom a node may turn to for which we have no room: the seeds nearest to it, then as many from all over
 * the table, for all who are near it are sent to the same few.
 * rng  one draw.
 * Returns how many were filled, at most TH_ANSWER_HOSTS_MAX.
 */
unsigned th_answer_hosts(const struct th_table *table, const struct th_asker *asker,
                         struct th_rng *rng, struct th_hashname out[TH_ANSWER_HOSTS_MAX]);

#endif

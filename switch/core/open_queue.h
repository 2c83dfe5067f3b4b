/*
 * open_queue.h - opens that wait for their turn.
 *
 * An open costs two or three X25519, so only TH_OPENS_PER_S are looked at. They come in bursts: when a mesh
 * starts, thousands come to one node at once, and again when they were not answered for a second. What is
 * over the rate waits, for less than that second, so that it need not be sent again.
 *
 *     if (th_open_queue_admit(&queue, now, false))
 *         look_at_it();
 *     else if (!th_open_queue_keep(&queue, now, from, bytes))
 *         drop_it();
 *     ...
 *     while ((held = th_open_queue_take(&queue, now)))  // from th_open_queue_deadline on
 *         look_at_that();
 *
 * Limit:  TH_OPENS_WAITING_MAX; it has memory only while some wait, 1 MB at most (0.4 of opens as ours).
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_OPEN_QUEUE_H
#define TH_CORE_OPEN_QUEUE_H

#include "switch/base/limit.h"
#include "switch/core/exchange.h"

enum {
    TH_OPENS_RELAYED_PER_S = 100,
    /* Half a second's: who sent it waits a whole one before it does so again. */
    TH_OPENS_WAITING_MAX = TH_OPENS_PER_S / 2
};

/* Embed by value. */
struct th_open_queue {
    struct th_limit pace, relayed;
    struct th_held *first, *last; /* oldest first */
    unsigned count;
    th_ms next_at; /* when the next may be taken, while some wait */
};

void th_open_queue_init(struct th_open_queue *queue, struct th_now now);

/* Whether one that has come may be looked at now: none waits, and the pace allows it. By a relay comes
 * little: that has a pace of its own. */
TH_MUST bool th_open_queue_admit(struct th_open_queue *queue, struct th_now now, bool is_relayed);

/* Keeps a copy; false when there is no room, or it is too long for an open. */
TH_MUST bool th_open_queue_keep(struct th_open_queue *queue, struct th_now now,
                                const struct th_addr *from, struct th_bytes bytes);

/* Takes the oldest, given, to be freed with th_mem_free; NULL when its turn has not come or none waits. */
struct th_held *th_open_queue_take(struct th_open_queue *queue, struct th_now now);

/* When one may be taken; TH_NEVER when none waits. */
th_ms th_open_queue_deadline(const struct th_open_queue *queue);

void th_open_queue_clear(struct th_open_queue *queue);

#endif

/*
 * place.h - the part of a place that all hosts share: whose turn it is, and who is due when.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_PLACE_H
#define TH_RUN_PLACE_H

#include "switch/base/heap.h"
#include "switch/run/event_ring.h"
#include "switch/run/host.h"

#include <pthread.h>
#include <stdatomic.h>

struct th_slot;

struct th_place {
    struct th_host *host;
    char name[TH_SERVER_NAME_MAX];
    _Atomic(struct th_slot *) running; /* whose callback runs; NULL between turns */
    struct th_place *next;             /* in the host's list; under the host's lock */

    /* The place's thread: the clocks, as read_clock left them. */
    struct th_now now;
    uint64_t us; /* of the mono clock */

    /* The place's thread: memory of events that are made here. */
    bool has_event_ring;
    struct th_event_ring events;

    /* The place's thread: whether who has nothing to do may linger (not when others are ready), and who
     * does. */
    bool may_linger;
    struct th_slot *lingering;

    uint64_t named_since_us; /* the watchdog's: the callback that it named last */

    pthread_mutex_t lock;
    struct th_heap due; /* under lock: one node for each living server here */
};

/* Fills what is shared of a zeroed place; puts it at the end of its host's list. */
void th_run_place_init(struct th_place *place, struct th_host *host, const char *name);
void th_run_place_list(struct th_place *place);
void th_run_place_clear(struct th_place *place);

/* The place whose servers the calling thread runs now; NULL on a thread that runs none. */
static inline struct th_place *th_run_here(void)
{
    extern _Thread_local struct th_place *th_run_here_now;

    return th_run_here_now;
}
void th_run_set_here(struct th_place *place);

/* The earliest deadline of a server here; TH_NEVER for none. Thread: any. */
th_ms th_run_place_next(struct th_place *place);

/* Makes ready all servers that are due by now. Thread: the place's. */
void th_run_place_collect(struct th_place *place, th_ms now);

/* Adds (reserving), moves or removes a server's deadline. A server without one stays in the heap,
 * at TH_RUN_NOT_DUE, so that moving it needs no memory. */
#define TH_RUN_NOT_DUE (TH_NEVER - 1)
TH_MUST enum th_err th_run_place_add(struct th_place *place, struct th_slot *slot);
void th_run_place_move(struct th_place *place, struct th_slot *slot, th_ms at);
void th_run_place_remove(struct th_place *place, struct th_slot *slot);

#endif

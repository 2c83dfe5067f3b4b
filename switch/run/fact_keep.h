/*
 * fact_keep.h - the event manager's facts: what is so, and who said so.
 *
 * Keys may be chosen by peers, so they are found by a keyed hash. Whoever announces facts is monitored
 * once, for as long as it lives.
 *
 * Floor:  1 (run); private to it.
 * Thread: the manager's place.
 */
#ifndef TH_RUN_FACT_KEEP_H
#define TH_RUN_FACT_KEEP_H

#include "switch/base/hash.h"
#include "switch/base/heap.h"
#include "switch/run/fact.h"
#include "switch/base/index.h"
#include "switch/run/server.h"

/* An event that says something of a fact, and its place among those that are kept: there are many. */
struct th_fact_event {
    struct th_event event;
    th_pid announcer; /* filled by th_notify; 0: no server, or one that it outlives */

    /* While it waits with its announcer only `newer` is used; while it is kept all are the manager's. */
    struct th_fact_event *older, *newer;
    struct th_index_node by_hash;

    _Alignas(uint64_t) uint8_t body[];
};

/* event: of a fact. */
struct th_fact_event *th_run_fact_of(const struct th_event *event);

/* Makes the event that says that the fact is over because its announcer ended. It shares the body.
 * Returns NULL without memory. */
TH_MUST struct th_event *th_run_fact_end_new(struct th_fact_event *made);

/* The last holder has let go. */
void th_run_fact_event_free(struct th_event *event);

/* A zeroed one is empty and holds no memory. */
struct th_fact_keep {
    uint8_t secret[TH_HASH_SECRET_BYTES];
    struct th_index index;   /* of what is kept, by hash of kind and key */
    struct th_index sources; /* announcers, by pid */
    struct th_fact_event *first, *last;
    struct th_fact_event *ended; /* of an announcer that has ended; to be taken */
    unsigned count;
    uint64_t left_out;
    unsigned left_out_now;       /* announcers that live and of whose facts some are left out */
    bool is_incomplete_for_good; /* so are some of nobody that could be monitored */
};

/* Whether facts of this announcer can be kept as they come. */
bool th_run_keep_knows(const struct th_fact_keep *keep, th_pid announcer);

/* Begins to monitor an announcer, unless that is done. Without memory its facts are left out.
 * Thread: the manager's callbacks. */
void th_run_keep_admit(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer);

/* Remembers what an event says. event: of a fact. */
void th_run_keep_note(struct th_fact_keep *keep, struct th_event *event);

/* An announcer has ended: its facts are no longer kept, but th_run_keep_take_ended gives them. */
void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer);

/* The next fact whose announcer has ended; NULL: that was all. The caller gives it back with
 * th_event_release. */
TH_MUST struct th_fact_event *th_run_keep_take_ended(struct th_fact_keep *keep);

/* What is so, of these kinds. NULL without memory. */
TH_MUST struct th_facts *th_run_keep_read(const struct th_fact_keep *keep, uint64_t kinds,
                                          uint64_t seq);

/* Lets go of all. Thread: the manager's callbacks, which ends its monitors by itself. */
void th_run_keep_clear(struct th_fact_keep *keep);

#endif

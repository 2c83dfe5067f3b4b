/*
 * fact_keep.h - the event manager's facts: what is so, and who said so.
 *
 * There are thousands, and they are seldom read. So not the events are kept but what they say: what is so
 * of one key lies together, written as its kinds do (th_fact_form), and events are made of it anew for
 * who asks. A key that follows from what is written is not kept either.
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
#include "switch/base/index.h"
#include "switch/run/fact_entry.h"
#include "switch/run/server.h"

/* event: of a fact. */
struct th_fact_event *th_run_fact_of(const struct th_event *event);

/* A zeroed one is empty and holds no memory. */
struct th_fact_keep {
    uint8_t secret[TH_HASH_SECRET_BYTES];
    struct th_index sources;       /* announcers, by pid */
    struct th_fact_entry *entries; /* a key's each, ascending by hash */
    unsigned entry_count, entry_room;
    uint32_t orders;              /* keys so far */
    struct th_fact_voice *voices; /* who says facts of which kind */
    unsigned voice_count;
    unsigned count; /* facts */
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
void th_run_keep_note(struct th_fact_keep *keep, const struct th_event *event);

/* Tells that a fact is over. end: the event that says so, given; NULL: there was no memory for it. */
typedef void (*th_fact_ended_fn)(void *ctx, uint64_t end_kind, struct th_event *end);

/* An announcer has ended: its facts are no longer kept, and told to have ended one after the other. The
 * function may note only that they are over. */
void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer,
                         th_fact_ended_fn tell, void *ctx);

/* What is so, of these kinds. NULL without memory. */
TH_MUST struct th_facts *th_run_keep_read(struct th_fact_keep *keep, uint64_t kinds, uint64_t seq);

/* Lets go of all. Thread: the manager's callbacks, which ends its monitors by itself. */
void th_run_keep_clear(struct th_fact_keep *keep);

#endif

/*
 * event_ring.h - memory for events that one thread makes and others let go of.
 *
 * An event lives for microseconds, and malloc is slow at giving back what another thread took. So a
 * place where events are made has a few in a ring. It takes the next one, if that is free by then; who
 * lets go of it last only marks it as free and touches nothing else of the ring. While the one that is
 * next is held, events come from malloc.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_EVENT_RING_H
#define TH_RUN_EVENT_RING_H

#include "switch/run/event.h"

/* 8 KiB: a batch (TH_BATCH_MAX) that is being made and one that is being read. More would not stay in
 * the caches of both. */
enum { TH_EVENT_RING = 128 };

/* A zeroed one is right and holds no memory until an event is taken. */
struct th_event_ring {
    void *memory;
    unsigned next;
    uint64_t held; /* so often the next one was not free */
};

/* Returns NULL when the next one is held or there is no memory. All that is set is is_in_ring and
 * is_taken. Thread: the ring's. */
struct th_event *th_run_event_ring_take(struct th_event_ring *ring);

/* Gives back an event that has is_in_ring, as the last thing that is done with it. Thread: any. */
void th_run_event_ring_give(struct th_event *event);

/* Frees the memory; if an event is still held, not even later, for it may be let go of at any time.
 * Thread: the ring's, or any once nobody takes from it. */
void th_run_event_ring_clear(struct th_event_ring *ring);

#endif

/*
 * wheel.h - who is due first, when most are due soon: a ring of one list for each millisecond ahead.
 *
 * Takes the same time however many there are, where a heap of a hundred thousand misses the cache at
 * each of its levels. Of those due in the same millisecond the one that was put first comes first. Who is
 * due later than the ring reaches waits in a heap.
 *
 * Floor:  7 (sim).
 * Thread: the owner's.
 */
#ifndef TH_SIM_WHEEL_H
#define TH_SIM_WHEEL_H

#include "switch/base/heap.h"

enum { TH_WHEEL_MS = 8192, TH_WHEEL_WORDS = TH_WHEEL_MS / 64 };

/* Embed it; not in a wheel before it was put in, nor after it was taken. */
struct th_wheel_node {
    struct th_heap_node far;
    struct th_wheel_node *next;
    th_ms at;
};

struct th_wheel_list {
    struct th_wheel_node *first, *last;
};

/* A zeroed one is empty and holds no memory. */
struct th_wheel {
    struct th_wheel_list *lists;   /* TH_WHEEL_MS of them; NULL until something was put in */
    uint64_t used[TH_WHEEL_WORDS]; /* a bit for each list that is not empty */
    th_ms from;                    /* the ring reaches from here; nobody is due earlier */
    th_ms next;                    /* valid while count > 0 */
    size_t count;
    struct th_heap far;
};

/* Puts a node in; `at` not before the latest `now` of th_wheel_take. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_wheel_put(struct th_wheel *wheel, struct th_wheel_node *node, th_ms at);

/* When the first is due; TH_NEVER when empty. */
th_ms th_wheel_next(const struct th_wheel *wheel);

/* Takes out who is due first, by now; NULL when nobody is. now: never runs backwards. */
struct th_wheel_node *th_wheel_take(struct th_wheel *wheel, th_ms now);

/* Frees its memory; the nodes are their owners'. */
void th_wheel_clear(struct th_wheel *wheel);

#endif

/*
 * heap.h - who is due first, among many: a binary heap of deadlines embedded in their owners.
 *
 * Ties go to the one that was set first, so that the order is the same in every run.
 *
 *     struct thing { struct th_heap_node due; … };
 *     th_heap_set(&heap, &thing->due, now + 5000);       // adds or moves; TH_NEVER takes it out
 *     while (th_heap_next(&heap) <= now)
 *         expire(TH_HEAP_OWNER(th_heap_first(&heap), struct thing, due));
 *
 * Floor:  0.
 * Thread: the owner's.
 */
#ifndef TH_BASE_HEAP_H
#define TH_BASE_HEAP_H

#include "switch/base/check.h"
#include "switch/base/clock.h"
#include "switch/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Zero it before its first use. Its deadline is in its place. */
struct th_heap_node {
    uint32_t order; /* wraps: of two that are 2^31 sets apart the later may go first */
    uint32_t place; /* index + 1 in the heap; 0 when it is in none */
};

/* Whoever compares two deadlines reads no memory of their owners. */
struct th_heap_place {
    th_ms at;
    struct th_heap_node *node;
};

/* A zeroed one is empty and holds no memory. */
struct th_heap {
    struct th_heap_place *places;
    uint32_t count;
    uint32_t room;
    uint32_t orders; /* how many were set so far */
};

#define TH_HEAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/*
 * Makes room for one node more, so that the next th_heap_set of a new node cannot fail.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_heap_reserve(struct th_heap *heap);

/* Sets a node's deadline: puts it in (room was reserved), moves it, or takes it out (TH_NEVER). */
void th_heap_set(struct th_heap *heap, struct th_heap_node *node, th_ms at);

/* The earliest deadline; TH_NEVER when empty. */
static inline th_ms th_heap_next(const struct th_heap *heap)
{
    return heap->count > 0 ? heap->places[0].at : TH_NEVER;
}

/* The node that is due first; NULL when empty. */
struct th_heap_node *th_heap_first(const struct th_heap *heap);

/* Frees the heap's memory; the nodes are their owners'. */
void th_heap_clear(struct th_heap *heap);

#endif

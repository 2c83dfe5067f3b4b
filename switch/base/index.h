/*
 * index.h - finds things by number: a hash table of nodes that are embedded in their owners.
 *
 * Keys are our own (references, hashes of names, keyed hashes of what others chose), so nobody outside
 * can choose them to collide. More than one node may have the same key. It has no order: who needs one
 * has a list beside it.
 *
 * Floor:  0.
 * Thread: the owner's, or whoever holds the lock that the owner names.
 */
#ifndef TH_BASE_INDEX_H
#define TH_BASE_INDEX_H

#include "switch/base/check.h"
#include "switch/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct th_index_node {
    struct th_index_node *next;
    uint64_t key;
};

/* A zeroed one is empty and holds no memory. */
struct th_index {
    struct th_index_node **buckets;
    size_t bucket_count; /* 0 or a power of 2 */
    size_t count;
};

/* Errors: TH_NO_MEMORY (only when it holds no memory yet; later it gets denser instead). */
TH_MUST enum th_err th_index_add(struct th_index *index, struct th_index_node *node, uint64_t key);

/*
 * What th_index_find will read first is fetched into the processor's cache; and the node that it reads
 * then, which may have another key, to have that fetched too. NULL: none.
 */
void th_index_fetch(const struct th_index *index, uint64_t key);
const struct th_index_node *th_index_near(const struct th_index *index, uint64_t key);

/* The first node with this key, or NULL; then the others with the same. */
struct th_index_node *th_index_find(const struct th_index *index, uint64_t key);
struct th_index_node *th_index_next(const struct th_index_node *node);

/* Takes a node out; it must be in. A table that has become much too large gives memory back. */
void th_index_remove(struct th_index *index, struct th_index_node *node);

/* Takes any one node out; NULL when empty. */
struct th_index_node *th_index_take(struct th_index *index);

/* Frees the index's memory; the nodes are their owners'. */
void th_index_clear(struct th_index *index);

#endif

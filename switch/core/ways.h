/*
 * ways.h - at which addresses the lines that are up are: tells quickly that an address is nobody else's.
 *
 * Of each address it keeps a short mark. Two addresses may have the same, and an address that a line has
 * left leaves its mark behind until they are all noted anew: so more marks than expected mean only that
 * the lines themselves have to be looked at.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_WAYS_H
#define TH_CORE_WAYS_H

#include "switch/wire/path.h"

/* Embed by value. A zeroed one is empty and holds no memory. */
struct th_ways {
    uint32_t *mark;
    unsigned count, room;
    bool is_lost; /* there was no memory for one: nothing can be said */
};

/* Adds an address once more. Without memory is_lost is set. */
void th_ways_add(struct th_ways *ways, const struct th_addr *addr);

/* How often an address was added at most; UINT_MAX when that is not known. */
unsigned th_ways_count(const struct th_ways *ways, const struct th_addr *addr);

/* Forgets all and keeps the memory, to be filled again. */
void th_ways_empty(struct th_ways *ways);

void th_ways_clear(struct th_ways *ways);

#endif

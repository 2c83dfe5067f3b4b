#include "switch/core/ways.h"

#include "switch/base/mem.h"

#include <limits.h>
#include <string.h>

/* Who chooses addresses with the same mark makes us look at the lines, and no more. */
static uint32_t mark_of(const struct th_addr *addr)
{
    uint64_t half[2];

    memcpy(half, addr->ip, sizeof half);
    uint64_t mixed = (half[0] ^ addr->port) * UINT64_C(0x9E3779B97F4A7C15) + half[1];
    return (uint32_t)((mixed ^ addr->family) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

void th_ways_add(struct th_ways *ways, const struct th_addr *addr)
{
    if (ways->count == ways->room) {
        unsigned room = th_mem_room_after(ways->room);
        void *grown = th_mem_resize(ways->mark, room, sizeof *ways->mark);
        if (grown == NULL) {
            ways->is_lost = true;
            return;
        }
        ways->mark = grown;
        ways->room = room;
    }
    ways->mark[ways->count++] = mark_of(addr);
}

unsigned th_ways_count(const struct th_ways *ways, const struct th_addr *addr)
{
    uint32_t mark = mark_of(addr);
    unsigned count = 0;

    if (ways->is_lost)
        return UINT_MAX;
    for (unsigned i = 0; i < ways->count; i++)
        count += ways->mark[i] == mark;
    return count;
}

void th_ways_empty(struct th_ways *ways)
{
    ways->count = 0;
    ways->is_lost = false;
}

void th_ways_clear(struct th_ways *ways)
{
    th_mem_free(ways->mark);
    *ways = (struct th_ways){0};
}

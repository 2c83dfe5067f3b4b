#include "switch/run/event_ring.h"

#include "switch/base/mem.h"

enum {
    LINE = 64, /* of a cache: no two threads write to the same one */
    AHEAD = 8  /* so early the memory is asked back from the processor that let go of it */
};

union cell {
    struct th_event event;
    char line[LINE];
};
_Static_assert(sizeof(union cell) == LINE, "an event fits a cache line");

static struct th_event *cell_at(const struct th_event_ring *ring, unsigned nth)
{
    uintptr_t first = ((uintptr_t)ring->memory + LINE - 1) / LINE * LINE;

    return &((union cell *)first)[nth % TH_EVENT_RING].event;
}

static bool is_held(const struct th_event *event)
{
    return atomic_load_explicit(&event->is_taken, memory_order_acquire);
}

struct th_event *th_run_event_ring_take(struct th_event_ring *ring)
{
    struct th_event *event;

    if (ring->memory == NULL)
        ring->memory = th_mem_zalloc(TH_EVENT_RING + 1, LINE);
    if (ring->memory == NULL)
        return NULL;
    __builtin_prefetch(cell_at(ring, ring->next + AHEAD), 1);
    event = cell_at(ring, ring->next);
    if (is_held(event)) {
        ring->held++;
        return NULL;
    }
    ring->next++;
    event->is_in_ring = true;
    atomic_store_explicit(&event->is_taken, true, memory_order_relaxed);
    return event;
}

void th_run_event_ring_give(struct th_event *event)
{
    atomic_store_explicit(&event->is_taken, false, memory_order_release);
}

void th_run_event_ring_clear(struct th_event_ring *ring)
{
    for (unsigned i = 0; ring->memory && i < TH_EVENT_RING; i++)
        if (is_held(cell_at(ring, i)))
            ring->memory = NULL;
    th_mem_free(ring->memory);
    ring->memory = NULL;
}

#include "switch/base/heap.h"

#include "switch/base/mem.h"

#include <stdbool.h>

static bool is_before(struct th_heap_place a, struct th_heap_place b)
{
    return a.at != b.at ? a.at < b.at : (int32_t)(a.node->order - b.node->order) < 0;
}

static void put(struct th_heap *heap, uint32_t i, struct th_heap_place place)
{
    heap->places[i] = place;
    place.node->place = i + 1;
}

static void rise(struct th_heap *heap, struct th_heap_place place)
{
    uint32_t i = place.node->place - 1;

    while (i > 0 && is_before(place, heap->places[(i - 1) / 2])) {
        put(heap, i, heap->places[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(heap, i, place);
}

static void sink(struct th_heap *heap, struct th_heap_place place)
{
    uint32_t i = place.node->place - 1;

    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(heap->places[child + 1], heap->places[child]))
            child++;
        if (!is_before(heap->places[child], place))
            break;
        put(heap, i, heap->places[child]);
        i = child;
    }
    put(heap, i, place);
}

static void take_out(struct th_heap *heap, struct th_heap_node *node)
{
    uint32_t hole = node->place - 1;
    struct th_heap_place last = heap->places[--heap->count];

    node->place = 0;
    if (last.node == node)
        return;
    put(heap, hole, last);
    rise(heap, last);
    sink(heap, last);
}

enum th_err th_heap_reserve(struct th_heap *heap)
{
    if (heap->count < heap->room)
        return TH_OK;

    uint32_t room = th_mem_room_after(heap->room);
    void *places = th_mem_resize(heap->places, room, sizeof heap->places[0]);
    if (places == NULL)
        return TH_NO_MEMORY;
    heap->places = places;
    heap->room = room;
    return TH_OK;
}

void th_heap_set(struct th_heap *heap, struct th_heap_node *node, th_ms at)
{
    struct th_heap_place place = {at, node};

    if (at == TH_NEVER) {
        if (node->place != 0)
            take_out(heap, node);
        return;
    }
    if (node->place != 0 && heap->places[node->place - 1].at == at)
        return;

    node->order = heap->orders++;
    if (node->place == 0) {
        TH_CHECK(heap->count < heap->room);
        put(heap, heap->count++, place);
    }
    rise(heap, place);
    sink(heap, place);
}

struct th_heap_node *th_heap_first(const struct th_heap *heap)
{
    return heap->count > 0 ? heap->places[0].node : NULL;
}

void th_heap_clear(struct th_heap *heap)
{
    th_mem_free(heap->places);
    *heap = (struct th_heap){0};
}

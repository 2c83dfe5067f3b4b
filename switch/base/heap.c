#include "switch/base/heap.h"

#include "switch/base/mem.h"

#include <stdbool.h>

static bool is_before(const struct th_heap_node *a, const struct th_heap_node *b)
{
    return a->at != b->at ? a->at < b->at : (int32_t)(a->order - b->order) < 0;
}

static void put(struct th_heap *heap, uint32_t i, struct th_heap_node *node)
{
    heap->nodes[i] = node;
    node->place = i + 1;
}

static void rise(struct th_heap *heap, struct th_heap_node *node)
{
    uint32_t i = node->place - 1;

    while (i > 0 && is_before(node, heap->nodes[(i - 1) / 2])) {
        put(heap, i, heap->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(heap, i, node);
}

static void sink(struct th_heap *heap, struct th_heap_node *node)
{
    uint32_t i = node->place - 1;

    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!is_before(heap->nodes[child], node))
            break;
        put(heap, i, heap->nodes[child]);
        i = child;
    }
    put(heap, i, node);
}

static void take_out(struct th_heap *heap, struct th_heap_node *node)
{
    uint32_t hole = node->place - 1;
    struct th_heap_node *last = heap->nodes[--heap->count];

    node->place = 0;
    if (last == node)
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
    void *nodes = th_mem_resize(heap->nodes, room, sizeof(struct th_heap_node *));
    if (nodes == NULL)
        return TH_NO_MEMORY;
    heap->nodes = nodes;
    heap->room = room;
    return TH_OK;
}

void th_heap_set(struct th_heap *heap, struct th_heap_node *node, th_ms at)
{
    if (node->place != 0 && node->at == at)
        return;
    if (at == TH_NEVER) {
        if (node->place != 0)
            take_out(heap, node);
        node->at = at;
        return;
    }

    node->at = at;
    node->order = heap->orders++;
    if (node->place == 0) {
        TH_CHECK(heap->count < heap->room);
        put(heap, heap->count++, node);
    }
    rise(heap, node);
    sink(heap, node);
}

struct th_heap_node *th_heap_first(const struct th_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

void th_heap_clear(struct th_heap *heap)
{
    th_mem_free(heap->nodes);
    *heap = (struct th_heap){0};
}

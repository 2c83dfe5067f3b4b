#include "tools/sim/wheel.h"

#include "switch/base/mem.h"

static void append(struct th_wheel *wheel, struct th_wheel_node *node)
{
    unsigned place = (unsigned)(node->at % TH_WHEEL_MS);
    struct th_wheel_list *list = &wheel->lists[place];

    node->next = NULL;
    *(list->last ? &list->last->next : &list->first) = node;
    list->last = node;
    wheel->used[place / 64] |= UINT64_C(1) << place % 64;
}

enum th_err th_wheel_put(struct th_wheel *wheel, struct th_wheel_node *node, th_ms at)
{
    TH_CHECK(at >= wheel->from && at < TH_NEVER);
    if (wheel->lists == NULL)
        wheel->lists = th_mem_zalloc(TH_WHEEL_MS, sizeof *wheel->lists);
    if (wheel->lists == NULL)
        return TH_NO_MEMORY;
    node->at = at;
    if (at - wheel->from < TH_WHEEL_MS) {
        append(wheel, node);
    } else {
        if (th_heap_reserve(&wheel->far) != TH_OK)
            return TH_NO_MEMORY;
        th_heap_set(&wheel->far, &node->far, at);
    }
    if (wheel->count++ == 0 || at < wheel->next)
        wheel->next = at;
    return TH_OK;
}

th_ms th_wheel_next(const struct th_wheel *wheel)
{
    return wheel->count > 0 ? wheel->next : TH_NEVER;
}

/* The ring reaches farther: who waited for that comes in, the earliest first. */
static void move_on(struct th_wheel *wheel, th_ms from)
{
    wheel->from = from;
    while (wheel->far.count > 0 && th_heap_next(&wheel->far) - from < TH_WHEEL_MS) {
        struct th_wheel_node *node =
            TH_HEAP_OWNER(th_heap_first(&wheel->far), struct th_wheel_node, far);
        th_heap_set(&wheel->far, &node->far, TH_NEVER);
        append(wheel, node);
    }
}

/* Who is due first in the ring is due before all in the heap. */
static th_ms find_next(const struct th_wheel *wheel)
{
    unsigned place = (unsigned)(wheel->from % TH_WHEEL_MS), word = place / 64;
    uint64_t bits = wheel->used[word] & UINT64_MAX << place % 64;

    for (unsigned i = 0; i <= TH_WHEEL_WORDS; i++) {
        if (bits)
            return wheel->lists[word * 64 + (unsigned)__builtin_ctzll(bits)].first->at;
        word = (word + 1) % TH_WHEEL_WORDS;
        bits = wheel->used[word];
    }
    return th_heap_next(&wheel->far);
}

struct th_wheel_node *th_wheel_take(struct th_wheel *wheel, th_ms now)
{
    if (wheel->count == 0 || wheel->next > now) {
        move_on(wheel, now > wheel->from ? now : wheel->from);
        return NULL;
    }
    move_on(wheel, wheel->next);

    unsigned place = (unsigned)(wheel->next % TH_WHEEL_MS);
    struct th_wheel_list *list = &wheel->lists[place];
    struct th_wheel_node *node = list->first;
    list->first = node->next;
    if (list->first == NULL) {
        list->last = NULL;
        wheel->used[place / 64] &= ~(UINT64_C(1) << place % 64);
    }
    if (--wheel->count > 0)
        wheel->next = find_next(wheel);
    return node;
}

void th_wheel_clear(struct th_wheel *wheel)
{
    th_mem_free(wheel->lists);
    th_heap_clear(&wheel->far);
    *wheel = (struct th_wheel){0};
}

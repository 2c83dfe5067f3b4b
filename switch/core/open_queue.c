#include "switch/core/open_queue.h"

#include "switch/base/mem.h"

void th_open_queue_init(struct th_open_queue *queue, struct th_now now)
{
    *queue = (struct th_open_queue){0};
    th_limit_init(&queue->pace, TH_OPENS_PER_S, TH_OPENS_BURST, now.mono);
    th_limit_init(&queue->relayed, TH_OPENS_RELAYED_PER_S, TH_OPENS_RELAYED_PER_S, now.mono);
}

bool th_open_queue_admit(struct th_open_queue *queue, struct th_now now, bool is_relayed)
{
    if (is_relayed)
        return th_limit_take(&queue->relayed, now.mono, 1);
    return queue->count == 0 && th_limit_take(&queue->pace, now.mono, 1);
}

bool th_open_queue_keep(struct th_open_queue *queue, struct th_now now, const struct th_addr *from,
                        struct th_bytes bytes)
{
    struct th_held *held = NULL;

    if (queue->count == TH_OPENS_WAITING_MAX || bytes.len > TH_OPEN_MAX ||
        !th_held_append(&held, from, bytes))
        return false;
    if (queue->count++ == 0) {
        queue->first = held;
        queue->next_at = now.mono + 1;
    } else {
        queue->last->next = held;
    }
    queue->last = held;
    return true;
}

struct th_held *th_open_queue_take(struct th_open_queue *queue, struct th_now now)
{
    struct th_held *held = queue->first;

    if (held == NULL)
        return NULL;
    if (!th_limit_take(&queue->pace, now.mono, 1)) {
        queue->next_at = now.mono + 1;
        return NULL;
    }
    queue->first = held->next;
    queue->count--;
    return held;
}

th_ms th_open_queue_deadline(const struct th_open_queue *queue)
{
    return queue->count ? queue->next_at : TH_NEVER;
}

void th_open_queue_clear(struct th_open_queue *queue)
{
    th_held_free(&queue->first);
    *queue = (struct th_open_queue){0};
}

#include "dialer/busy.h"

#include "switch/base/mem.h"

static struct th_busy_node *find(const struct th_busy *busy, const struct th_hashname *id)
{
    for (unsigned i = 0; i < busy->count; i++)
        if (th_hashname_is_equal(&busy->node[i].id, id))
            return &busy->node[i];
    return NULL;
}

static void drop(struct th_busy *busy, struct th_busy_node *node)
{
    *node = busy->node[--busy->count];
    if (busy->count > 0)
        return;
    th_mem_free(busy->node);
    busy->node = NULL;
}

static void drop_old(struct th_busy *busy, th_ms now)
{
    for (unsigned i = busy->count; i-- > 0;)
        if (busy->node[i].ask_at + TH_BUSY_FORGET_MS <= now)
            drop(busy, &busy->node[i]);
}

/* A place for one more; NULL without memory. */
static struct th_busy_node *add(struct th_busy *busy, const struct th_hashname *id)
{
    if (busy->node == NULL)
        busy->node = th_mem_zalloc(TH_BUSY_MAX, sizeof *busy->node);
    if (busy->node == NULL)
        return NULL;
    if (busy->count == TH_BUSY_MAX) {
        struct th_busy_node *first = &busy->node[0];
        for (unsigned i = 1; i < busy->count; i++)
            if (busy->node[i].ask_at < first->ask_at)
                first = &busy->node[i];
        drop(busy, first);
        busy->forgotten++;
    }
    busy->node[busy->count] = (struct th_busy_node){.id = *id, .is_tried = true};
    return &busy->node[busy->count++];
}

static th_ms pause_ms(const struct th_busy_node *node)
{
    th_ms ms = TH_BUSY_MS_MIN;

    for (unsigned i = TH_BUSY_TIMES; i < node->times && ms < TH_BUSY_MS_MAX; i++)
        ms *= 2;
    return ms < TH_BUSY_MS_MAX ? ms : TH_BUSY_MS_MAX;
}

void th_busy_on_refused(struct th_busy *busy, const struct th_hashname *id, th_ms now)
{
    drop_old(busy, now);
    struct th_busy_node *node = find(busy, id);

    if (node == NULL)
        node = add(busy, id);
    if (node == NULL)
        return;
    if (node->times < TH_BUSY_TIMES) {
        node->ask_at = now;
        if (++node->times < TH_BUSY_TIMES)
            return;
    } else if (!node->is_tried) {
        return;
    } else {
        node->times++;
    }
    node->is_tried = false;
    node->ask_at = now + pause_ms(node);
}

void th_busy_on_done(struct th_busy *busy, const struct th_hashname *id)
{
    struct th_busy_node *node = find(busy, id);

    if (node)
        drop(busy, node);
}

bool th_busy_may_ask(struct th_busy *busy, const struct th_hashname *id, th_ms now)
{
    struct th_busy_node *node = find(busy, id);

    if (node == NULL || node->times < TH_BUSY_TIMES)
        return true;
    if (node->ask_at > now) {
        busy->spared++;
        return false;
    }
    node->is_tried = true;
    node->ask_at = now + TH_BUSY_MS_MIN;
    return true;
}

void th_busy_clear(struct th_busy *busy)
{
    th_mem_free(busy->node);
    *busy = (struct th_busy){0};
}

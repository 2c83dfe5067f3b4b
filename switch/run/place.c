#include "switch/run/place.h"

#include "switch/run/host_core.h"

#include <stdio.h>

_Thread_local struct th_place *th_run_here_now;

void th_run_set_here(struct th_place *place)
{
    th_run_here_now = place;
}

void th_run_place_init(struct th_place *place, struct th_host *host, const char *name)
{
    place->host = host;
    snprintf(place->name, sizeof place->name, "%s", name);
    th_run_lock_init(&place->lock);
}

void th_run_place_list(struct th_place *place)
{
    struct th_place **last = &place->host->places;

    th_run_lock(&place->host->lock);
    while (*last)
        last = &(*last)->next;
    *last = place;
    th_run_unlock(&place->host->lock);
}

void th_run_place_clear(struct th_place *place)
{
    th_run_event_ring_clear(&place->events);
    th_heap_clear(&place->due);
    pthread_mutex_destroy(&place->lock);
}

th_ms th_run_place_next(struct th_place *place)
{
    th_ms next;

    th_run_lock(&place->lock);
    next = th_heap_next(&place->due);
    th_run_unlock(&place->lock);
    return next >= TH_RUN_NOT_DUE ? TH_NEVER : next;
}

void th_run_place_collect(struct th_place *place, th_ms now)
{
    for (;;) {
        struct th_slot *slot = NULL;
        bool is_first;

        th_run_lock(&place->lock);
        if (th_heap_next(&place->due) <= now) {
            slot = TH_HEAP_OWNER(th_heap_first(&place->due), struct th_slot, due);
            th_heap_set(&place->due, &slot->due, TH_RUN_NOT_DUE);
            slot->due_at = TH_RUN_NOT_DUE;
        }
        th_run_unlock(&place->lock);
        if (slot == NULL)
            return;

        th_run_lock(&slot->lock);
        is_first = slot->is_alive && th_run_mark_queued(slot);
        th_run_unlock(&slot->lock);
        if (is_first)
            th_run_ready(slot);
    }
}

enum th_err th_run_place_add(struct th_place *place, struct th_slot *slot)
{
    enum th_err err;

    th_run_lock(&place->lock);
    err = th_heap_reserve(&place->due);
    if (err == TH_OK)
        th_heap_set(&place->due, &slot->due, TH_RUN_NOT_DUE);
    slot->due_at = TH_RUN_NOT_DUE;
    th_run_unlock(&place->lock);
    return err;
}

void th_run_place_move(struct th_place *place, struct th_slot *slot, th_ms at)
{
    if (slot->due_at == at) /* only this thread changes it while the server lives */
        return;
    slot->due_at = at;
    th_run_lock(&place->lock);
    th_heap_set(&place->due, &slot->due, at);
    th_run_unlock(&place->lock);
}

void th_run_place_remove(struct th_place *place, struct th_slot *slot)
{
    th_run_lock(&place->lock);
    th_heap_set(&place->due, &slot->due, TH_NEVER);
    th_run_unlock(&place->lock);
}

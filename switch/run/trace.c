#include "switch/run/trace.h"

#include "switch/base/mem.h"
#include "switch/run/trace_hook.h"

/*
 * Belongs to who reads it; the server's slot has a pointer to it while both live. All of it is under
 * that slot's lock, which outlives the server.
 */
struct th_tracing {
    struct th_slot *slot; /* does not change */
    bool is_over;
    bool has_open; /* the newest but `after_open` is of a callback that has not ended */
    unsigned after_open;
    unsigned first, count;
    uint64_t lost;
    struct th_trace_entry ring[TH_TRACING_ROOM];
};

/* --- for who traces --- */

enum th_err th_tracing_start(struct th_host *host, th_pid pid, struct th_tracing **out)
{
    struct th_slot *slot = th_run_slot(host, pid);
    struct th_tracing *tracing = slot ? th_mem_zalloc(1, sizeof *tracing) : NULL;
    enum th_err err = TH_OK;

    if (slot == NULL)
        return TH_GONE;
    if (tracing == NULL)
        return TH_NO_MEMORY;
    tracing->slot = slot;
    th_run_lock(&slot->lock);
    if (!slot->is_alive || slot->pid != pid)
        err = TH_GONE;
    else if (th_run_is_traced(slot))
        err = TH_IN_USE;
    else
        atomic_store(&slot->tracing, tracing);
    th_run_unlock(&slot->lock);
    if (err == TH_OK)
        *out = tracing;
    else
        th_mem_free(tracing);
    return err;
}

unsigned th_tracing_read(struct th_tracing *tracing, struct th_trace_entry *out, unsigned max,
                         struct th_tracing_state *state)
{
    unsigned told, count;

    th_run_lock(&tracing->slot->lock);
    told = tracing->has_open ? tracing->count - tracing->after_open - 1 : tracing->count;
    count = told < max ? told : max;
    for (unsigned i = 0; i < count; i++)
        out[i] = tracing->ring[(tracing->first + i) % TH_TRACING_ROOM];
    tracing->first = (tracing->first + count) % TH_TRACING_ROOM;
    tracing->count -= count;
    *state = (struct th_tracing_state){.is_over = tracing->is_over && tracing->count == 0};
    if (count == told) { /* what was lost comes after what still waits */
        state->lost = tracing->lost;
        tracing->lost = 0;
    }
    th_run_unlock(&tracing->slot->lock);
    return count;
}

void th_tracing_stop(struct th_tracing *tracing)
{
    struct th_slot *slot = tracing->slot;

    th_run_lock(&slot->lock);
    if (atomic_load(&slot->tracing) == tracing)
        atomic_store(&slot->tracing, NULL);
    th_run_unlock(&slot->lock);
    th_mem_free(tracing);
}

/* --- for the kernel: the trace may have been stopped since the branch --- */

/* Under the slot's lock. False: there was no room. */
static bool add(struct th_tracing *tracing, const struct th_trace_entry *entry)
{
    if (tracing->count == TH_TRACING_ROOM) {
        tracing->lost++;
        return false;
    }
    tracing->ring[(tracing->first + tracing->count) % TH_TRACING_ROOM] = *entry;
    tracing->count++;
    tracing->after_open += tracing->has_open;
    return true;
}

static void note_event(struct th_trace_entry *entry, const struct th_event *event)
{
    if (event == NULL)
        return;
    entry->event_kind = event->kind;
    entry->event_topic = event->topic;
}

void th_run_trace_note_begun(struct th_slot *slot, uint64_t at_us, enum th_trace_sort sort,
                             const char *doing, const struct th_msg *msg)
{
    struct th_trace_entry entry = {.at_us = at_us, .is_in = true, .sort = sort, .kind = doing};

    if (msg)
        entry.other = msg->from;
    if (sort == TH_TRACE_EVENT)
        note_event(&entry, th_event_of(msg));
    th_run_lock(&slot->lock);
    struct th_tracing *tracing = atomic_load(&slot->tracing);
    if (tracing) {
        tracing->has_open = false; /* one that was begun and never ended is told as it is */
        tracing->has_open = add(tracing, &entry);
        tracing->after_open = 0;
    }
    th_run_unlock(&slot->lock);
}

void th_run_trace_note_ended(struct th_slot *slot, uint64_t took_us)
{
    th_run_lock(&slot->lock);
    struct th_tracing *tracing = atomic_load(&slot->tracing);
    if (tracing && tracing->has_open) {
        unsigned open = tracing->first + tracing->count - 1 - tracing->after_open;

        tracing->ring[open % TH_TRACING_ROOM].took_us = took_us;
        tracing->has_open = false;
    }
    th_run_unlock(&slot->lock);
}

void th_run_trace_note_over(struct th_slot *slot)
{
    th_run_lock(&slot->lock);
    struct th_tracing *tracing = atomic_load(&slot->tracing);
    if (tracing) {
        tracing->has_open = false;
        tracing->is_over = true;
        atomic_store(&slot->tracing, NULL);
    }
    th_run_unlock(&slot->lock);
}

void th_run_trace_note_sent(struct th_slot *sender, enum th_trace_sort sort, th_pid to,
                            const struct th_msg_kind *kind, const struct th_event *event,
                            enum th_err err)
{
    struct th_trace_entry entry = {.at_us = th_host_now_us(sender->host),
                                   .sort = sort,
                                   .kind = kind->name,
                                   .other = to,
                                   .err = err};

    note_event(&entry, event);
    th_run_lock(&sender->lock);
    struct th_tracing *tracing = atomic_load(&sender->tracing);
    if (tracing)
        add(tracing, &entry);
    th_run_unlock(&sender->lock);
}

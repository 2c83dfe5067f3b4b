/*
 * trace_hook.h - where the kernel tells a trace what happens: one branch when there is none.
 *
 * Floor:  1 (run); private to it.
 * Thread: the place's, no lock held.
 */
#ifndef TH_RUN_TRACE_HOOK_H
#define TH_RUN_TRACE_HOOK_H

#include "switch/run/event.h"
#include "switch/run/host_core.h"
#include "switch/run/trace.h"

/* A callback begins; it is told with th_run_trace_ended. msg: NULL for TH_TRACE_OWN. */
void th_run_trace_note_begun(struct th_slot *slot, uint64_t at_us, enum th_trace_sort sort,
                             const char *doing, const struct th_msg *msg);
void th_run_trace_note_ended(struct th_slot *slot, uint64_t took_us);

/* The server ends: nothing is told after what waits. */
void th_run_trace_note_over(struct th_slot *slot);

/* The sender sent something. event: NULL when it is none. */
void th_run_trace_note_sent(struct th_slot *sender, enum th_trace_sort sort, th_pid to,
                            const struct th_msg_kind *kind, const struct th_event *event,
                            enum th_err err);

static inline bool th_run_is_traced(struct th_slot *slot)
{
    return atomic_load_explicit(&slot->tracing, memory_order_relaxed) != NULL;
}

static inline void th_run_trace_begun(struct th_slot *slot, uint64_t at_us, enum th_trace_sort sort,
                                      const char *doing, const struct th_msg *msg)
{
    if (th_run_is_traced(slot))
        th_run_trace_note_begun(slot, at_us, sort, doing, msg);
}

static inline void th_run_trace_ended(struct th_slot *slot, uint64_t took_us)
{
    if (th_run_is_traced(slot))
        th_run_trace_note_ended(slot, took_us);
}

static inline void th_run_trace_over(struct th_slot *slot)
{
    if (th_run_is_traced(slot))
        th_run_trace_note_over(slot);
}

/* The server that runs on this thread, if it is traced; else NULL. */
static inline struct th_slot *th_run_traced_sender(const struct th_host *host)
{
    struct th_place *here = th_run_here();
    struct th_slot *sender = here && here->host == host ? atomic_load(&here->running) : NULL;

    return sender && th_run_is_traced(sender) ? sender : NULL;
}

/* After a message was sent by whatever server runs on this thread, if one does. */
static inline void th_run_trace_sent(struct th_host *host, enum th_trace_sort sort, th_pid to,
                                     const struct th_msg_kind *kind, const struct th_event *event,
                                     enum th_err err)
{
    struct th_slot *sender = th_run_traced_sender(host);

    if (sender)
        th_run_trace_note_sent(sender, sort, to, kind, event, err);
}

#endif

/*
 * host_uv_place.h - a place of host_uv: how servers take turns on a libuv loop.
 *
 * A slot that becomes ready on the place's own thread goes into a list that no other thread touches;
 * one made ready from elsewhere into a list under the place's lock, and the loop is woken unless
 * somebody has seen to that already. The loop drains both for a bounded time, then looks at its
 * descriptors again. Before it sleeps it may look out for more for a moment: waking a thread costs
 * both sides more than that.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_HOST_UV_PLACE_H
#define TH_RUN_HOST_UV_PLACE_H

#include "switch/run/host_core.h"

#include <uv.h>

struct th_uv_place {
    struct th_place base;

    /* Under base.lock. */
    _Atomic(struct th_slot *) ready_first; /* read without it to see whether there is any */
    struct th_slot *ready_last;
    bool is_awake;     /* somebody has seen to it that the place runs again */
    uint64_t woken_us; /* when the loop was woken from elsewhere; 0: it was not */
    bool is_quitting;  /* the host's affair, as the next */

    bool is_own;               /* a thread and a loop of ours; else a loop of the caller's */
    pthread_t own_thread;      /* for who joins it */
    _Atomic(pthread_t) thread; /* that runs the loop */
    atomic_bool has_thread;    /* it is known: the loop has run */
    atomic_flag is_running;    /* somebody drains it */
    atomic_bool has_slept;     /* the timer is to be set anew */
    atomic_bool is_done;       /* does nothing with the host any more */

    /* The loop's thread. */
    struct th_slot *own_first; /* made ready by this thread */
    struct th_slot *own_last;
    bool is_draining; /* it sees what becomes ready by itself */
    uint64_t ticks;   /* when the clock was read (ticks.h) */
    bool may_look_out;
    uint64_t wake_us; /* how long a wake-up takes, of late */
    unsigned missed;  /* how often in a row looking out brought nothing */
    unsigned skipped; /* sleeps without looking out since then */
    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_idle_t again;       /* there is more to do: the loop does not sleep */
    unsigned open_handles; /* whose close callback has not come */
    bool is_closed;
    th_ms armed; /* what timer is set to; TH_NEVER: it is not */
    uv_loop_t own_loop;

    /* Called by the loop after each drain but the timer's. */
    void (*after)(struct th_uv_place *place);
};

static inline struct th_uv_place *th_run_uv_place_of(struct th_place *place)
{
    return (struct th_uv_place *)place; /* the first member */
}

/* Makes the place's handles on a loop. Errors: TH_LIMIT (no descriptor left). */
TH_MUST enum th_err th_run_uv_place_open(struct th_uv_place *place, uv_loop_t *loop);

/* Closes them; the callbacks come later, open_handles counts. Thread: the loop's. */
void th_run_uv_place_close(struct th_uv_place *place, uv_close_cb on_closed);

/* Whether the calling thread runs the loop; from now on it does. */
bool th_run_uv_is_mine(struct th_uv_place *place);
void th_run_uv_make_mine(struct th_uv_place *place);

/* Two of th_host_ops. */
void th_run_uv_ready(struct th_place *place, struct th_slot *slot);
void th_run_uv_read_clock(struct th_place *place, bool is_exact);

/* Runs what is ready and due, for a bounded time. Returns whether there was anything. Thread: the
 * loop's, or that of who closes a host whose loop nobody runs. */
bool th_run_uv_drain(struct th_uv_place *place);

#endif

#include "switch/run/host_uv.h"

#include "switch/base/mem.h"
#include "switch/run/host_core.h"
#include "switch/run/watchdog.h"

enum {
    ROUNDS_MAX = 4, /* turns of each ready server before the loop looks at its descriptors again */
    SLICE_MS = 5,   /* a close that runs a caller's loop itself looks again so often */
    CLOSE_MS = 5000 /* th_host_uv_close */
};

struct uv_place {
    struct th_place base;
    struct th_slot *ready_first; /* under base.lock */
    struct th_slot *ready_last;
    bool is_awake;    /* under base.lock: somebody has seen to it that the place runs again */
    bool is_quitting; /* under base.lock */

    bool is_own;               /* a thread and a loop of ours; else a loop of the caller's */
    pthread_t own_thread;      /* for who joins it */
    _Atomic(pthread_t) thread; /* that runs the loop */
    atomic_bool has_thread;    /* it is known: the loop has run */
    atomic_flag is_running;    /* somebody drains it */
    atomic_bool has_slept;     /* the timer is to be set anew */
    atomic_bool is_done;       /* does nothing with the host any more */

    /* The loop's thread. */
    uv_loop_t *loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_idle_t again;       /* there is more to do: the loop does not sleep */
    unsigned open_handles; /* whose close callback has not come */
    bool is_closed;
    th_ms armed; /* what timer is set to; TH_NEVER: it is not */
    uv_loop_t own_loop;
};

struct uv_host {
    struct th_host core;
    struct th_watchdog watchdog;
    atomic_bool is_stopping; /* who closes runs the places of its own thread's loops */
    bool is_abandoned;       /* under outside.lock: the last place to be done frees the host */
    unsigned undone;         /* under outside.lock: places that are not done */
};

static struct uv_host *uv_of(struct th_host *host)
{
    return (struct uv_host *)host; /* the first member */
}

static struct uv_place *place_of(struct th_place *place)
{
    return (struct uv_place *)place; /* the first member */
}

/* --- running servers: the loop's thread --- */

static bool is_mine(struct uv_place *place)
{
    return atomic_load(&place->has_thread) &&
           pthread_equal(atomic_load(&place->thread), pthread_self());
}

static void make_mine(struct uv_place *place)
{
    atomic_store(&place->thread, pthread_self());
    atomic_store(&place->has_thread, true);
}

static void on_timer(uv_timer_t *timer);
static void on_again(uv_idle_t *again);

/* Any thread. */
static void make_ready(struct th_place *base, struct th_slot *slot)
{
    struct uv_place *place = place_of(base);

    th_run_lock(&base->lock);
    slot->ready_next = NULL;
    *(place->ready_last ? &place->ready_last->ready_next : &place->ready_first) = slot;
    place->ready_last = slot;
    if (!place->is_awake) {
        place->is_awake = true;
        /* Under the lock, so that the handle is there: the place cannot have run the slot yet. */
        if (is_mine(place))
            uv_idle_start(&place->again, on_again);
        else
            uv_async_send(&place->wake);
    }
    th_run_unlock(&base->lock);
}

static struct th_slot *take_ready(struct uv_place *place)
{
    struct th_slot *first;

    th_run_lock(&place->base.lock);
    first = place->ready_first;
    place->ready_first = NULL;
    place->ready_last = NULL;
    th_run_unlock(&place->base.lock);
    return first;
}

/* Gives each ready server some turns. Returns whether there was one. */
static bool run_rounds(struct uv_place *place)
{
    bool has_run = false;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct th_slot *slot = take_ready(place);
        if (slot == NULL)
            break;
        has_run = true;
        while (slot) {
            struct th_slot *next = slot->ready_next;
            th_run_turn(slot, TH_BATCH_MAX);
            slot = next;
        }
    }
    return has_run;
}

static void set_timer(struct uv_place *place)
{
    th_ms next = th_run_place_next(&place->base);
    th_ms now;

    if (atomic_exchange(&place->has_slept, false))
        place->armed = TH_NEVER;
    if (next == place->armed)
        return;
    place->armed = next;
    if (next == TH_NEVER) {
        uv_timer_stop(&place->timer);
        return;
    }
    uv_update_time(place->loop);
    now = th_run_boot_us(NULL) / 1000;
    uv_timer_start(&place->timer, on_timer, next > now ? next - now : 0, 0);
}

/* What keeps the loop from sleeping, or wakes it. */
static void settle(struct uv_place *place)
{
    bool is_awake;

    th_run_lock(&place->base.lock);
    is_awake = place->ready_first != NULL;
    place->is_awake = is_awake;
    th_run_unlock(&place->base.lock);
    if (is_awake)
        uv_idle_start(&place->again, on_again);
    else
        uv_idle_stop(&place->again);
    set_timer(place);
}

/* Runs what is ready and due, for a bounded time. Returns whether there was anything. */
static bool drain(struct uv_place *place)
{
    struct th_place *outer = th_run_here();
    bool has_run;

    if (place->is_closed || atomic_flag_test_and_set(&place->is_running))
        return false;
    if (!is_mine(place))
        make_mine(place);
    th_run_set_here(&place->base);
    th_run_place_collect(&place->base, th_run_boot_us(NULL) / 1000);
    has_run = run_rounds(place);
    th_run_set_here(outer);
    settle(place);
    atomic_flag_clear(&place->is_running);
    return has_run;
}

static bool quit_if_told(struct uv_place *place);

static void on_wake(uv_async_t *wake)
{
    struct uv_place *place = wake->data;

    drain(place);
    quit_if_told(place);
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_place *place = timer->data;

    place->armed = TH_NEVER; /* it has fired; if a little early, it is set again */
    drain(place);
}

static void on_again(uv_idle_t *again)
{
    struct uv_place *place = again->data;

    drain(place);
    quit_if_told(place);
}

/* --- the end of a place --- */

static void free_host(struct uv_host *uv);

/* The last that a place does with its host. */
static void be_done(struct uv_place *place)
{
    struct th_host *host = place->base.host;
    struct uv_host *uv = uv_of(host);
    bool is_last;

    if (!place->is_own) { /* its memory ends with its handles */
        th_run_lock(&host->lock);
        struct th_place **at = &host->places;
        while (*at != &place->base)
            at = &(*at)->next;
        *at = place->base.next;
        th_run_unlock(&host->lock);
    }
    th_run_lock(&host->outside.lock);
    atomic_store(&place->is_done, true);
    is_last = --uv->undone == 0 && uv->is_abandoned;
    pthread_cond_broadcast(&host->progress);
    th_run_unlock(&host->outside.lock);
    if (is_last)
        free_host(uv);
}

static void free_place(struct uv_place *place)
{
    th_run_place_clear(&place->base);
    th_mem_free(place);
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_place *place = handle->data;

    if (--place->open_handles == 0 && !place->is_own)
        free_place(place);
}

static void close_handles(struct uv_place *place)
{
    place->is_closed = true;
    uv_close((uv_handle_t *)&place->wake, on_closed);
    uv_close((uv_handle_t *)&place->timer, on_closed);
    uv_close((uv_handle_t *)&place->again, on_closed);
}

/* A handle that its server has not closed must not keep the thread for ever. */
static void close_left(uv_handle_t *handle, void *arg)
{
    struct uv_place *place = arg;

    if (uv_is_closing(handle))
        return;
    TH_LOG(th_run_watch_log(place->base.host), ERROR, "host", "was left open handle=%s place=%s",
           uv_handle_type_name(handle->type), place->base.name);
    uv_close(handle, NULL);
}

static bool quit_if_told(struct uv_place *place)
{
    bool is_told;

    th_run_lock(&place->base.lock);
    is_told = place->is_quitting && !place->is_awake;
    place->is_quitting = place->is_quitting && !is_told; /* once */
    th_run_unlock(&place->base.lock);
    if (!is_told)
        return false;
    close_handles(place);
    if (place->is_own)
        uv_walk(place->loop, close_left, place); /* its thread is done when uv_run returns */
    else
        be_done(place);
    return true;
}

static void *run_thread(void *arg)
{
    struct uv_place *place = arg;

    make_mine(place);
    th_run_set_here(&place->base);
    uv_run(place->loop, UV_RUN_DEFAULT);
    th_run_set_here(NULL);
    TH_CHECK(uv_loop_close(place->loop) == 0);
    be_done(place);
    return NULL;
}

/* --- the host's vtable --- */

static bool is_needed_here(struct th_host *host)
{
    bool is_needed = th_run_here() != NULL;

    th_run_lock(&host->lock);
    for (struct th_place *place = host->places; place && !is_needed; place = place->next)
        is_needed = is_mine(place_of(place));
    th_run_unlock(&host->lock);
    return is_needed;
}

/* A caller's loop that this thread runs, as far as one can tell. */
static bool is_callers_here(struct uv_place *place)
{
    return !place->is_own && (is_mine(place) || !atomic_load(&place->has_thread));
}

/* Runs the places on loops of this thread, for nobody else does while it closes the host.
 * Returns whether there are such. */
static bool run_callers_places(struct th_host *host)
{
    bool is_there = false;

    for (struct th_place *base = host->places; base; base = base->next) {
        struct uv_place *place = place_of(base);
        if (!is_callers_here(place))
            continue;
        is_there = true;
        while (drain(place))
            continue;
    }
    return is_there;
}

static void wait_until(struct th_host *host, bool (*is_over)(struct th_host *host, const void *arg),
                       const void *arg, th_ms for_ms)
{
    bool is_stopping = atomic_load(&uv_of(host)->is_stopping);
    struct timespec until = th_run_until(for_ms);

    th_run_lock(&host->outside.lock);
    while (!is_over(host, arg) && !th_run_is_past(until)) {
        struct timespec slice = until;
        bool is_ours_to_run = false;
        if (is_stopping) {
            th_run_unlock(&host->outside.lock);
            is_ours_to_run = run_callers_places(host);
            th_run_lock(&host->outside.lock);
        }
        if (is_ours_to_run)
            slice = th_run_until(SLICE_MS);
        if (!is_over(host, arg))
            pthread_cond_timedwait(&host->progress, &host->outside.lock, &slice);
    }
    th_run_unlock(&host->outside.lock);
}

static const struct th_host_ops uv_ops = {
    .now = th_run_boot_now,
    .now_us = th_run_boot_us,
    .ready = make_ready,
    .is_needed_here = is_needed_here,
    .wait = wait_until,
};

/* After a sleep of the machine every deadline is asked again. */
static void on_resumed(struct th_host *host)
{
    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base; base = base->next) {
        struct uv_place *place = place_of(base);
        atomic_store(&place->has_slept, true);
        uv_async_send(&place->wake);
    }
    th_run_unlock(&host->lock);
}

/* --- opening --- */

enum th_err th_host_uv_new(struct th_host **out)
{
    struct uv_host *uv = th_mem_zalloc(1, sizeof *uv);
    enum th_err err;

    if (uv == NULL)
        return TH_NO_MEMORY;
    th_run_host_init(&uv->core, &uv_ops);
    err = th_run_watchdog_start(&uv->watchdog, &uv->core, on_resumed);
    if (err == TH_OK) {
        *out = &uv->core;
    } else {
        th_run_host_clear(&uv->core);
        th_mem_free(uv);
    }
    return err;
}

static enum th_err open_handles(struct uv_place *place, uv_loop_t *loop)
{
    place->loop = loop;
    place->armed = TH_NEVER;
    place->wake.data = place;
    place->timer.data = place;
    place->again.data = place;
    if (uv_async_init(loop, &place->wake, on_wake) != 0)
        return TH_LIMIT;
    uv_timer_init(loop, &place->timer);
    uv_idle_init(loop, &place->again);
    place->open_handles = 3;
    return TH_OK;
}

static struct uv_place *make_place(struct th_host *host, const char *name)
{
    struct uv_place *place = th_mem_zalloc(1, sizeof *place);

    if (place == NULL)
        return NULL;
    atomic_flag_clear(&place->is_running);
    th_run_place_init(&place->base, host, name);
    return place;
}

static void add_place(struct uv_place *place)
{
    struct th_host *host = place->base.host;

    th_run_lock(&host->outside.lock);
    uv_of(host)->undone++;
    th_run_unlock(&host->outside.lock);
    th_run_place_list(&place->base);
}

/* The loop runs on this thread once more, to let go of the handles. */
static void undo_loop(struct uv_place *place)
{
    if (place->open_handles > 0) {
        close_handles(place);
        uv_run(&place->own_loop, UV_RUN_DEFAULT);
    }
    TH_CHECK(uv_loop_close(&place->own_loop) == 0);
}

enum th_err th_host_uv_place(struct th_host *host, const char *name, struct th_place **out)
{
    struct uv_place *place = make_place(host, name);
    enum th_err err;

    if (place == NULL)
        return TH_NO_MEMORY;
    place->is_own = true;
    if (uv_loop_init(&place->own_loop) != 0) {
        free_place(place);
        return TH_LIMIT;
    }
    err = open_handles(place, &place->own_loop);
    if (err == TH_OK)
        err = th_run_thread(&place->own_thread, place->base.name, run_thread, place);
    if (err != TH_OK) {
        undo_loop(place);
        free_place(place);
        return err;
    }
    add_place(place);
    *out = &place->base;
    return TH_OK;
}

enum th_err th_host_uv_place_on(struct th_host *host, const char *name, uv_loop_t *loop,
                                struct th_place **out)
{
    struct uv_place *place = make_place(host, name);
    enum th_err err;

    if (place == NULL)
        return TH_NO_MEMORY;
    err = open_handles(place, loop);
    if (err == TH_OK) {
        add_place(place);
        *out = &place->base;
    } else {
        free_place(place);
    }
    return err;
}

uv_loop_t *th_host_uv_loop(struct th_place *place)
{
    return place_of(place)->loop;
}

/* --- closing --- */

/* Every place ends its handles on its loop's thread. */
static void tell_to_quit(struct th_host *host)
{
    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base; base = base->next) {
        struct uv_place *place = place_of(base);
        th_run_lock(&base->lock);
        place->is_quitting = true;
        uv_async_send(&place->wake);
        th_run_unlock(&base->lock);
    }
    th_run_unlock(&host->lock);
}

static struct uv_place *find_callers_here(struct th_host *host)
{
    struct uv_place *found = NULL;

    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base && !found; base = base->next)
        if (is_callers_here(place_of(base)))
            found = place_of(base);
    th_run_unlock(&host->lock);
    return found;
}

static void quit_callers_here(struct th_host *host)
{
    struct uv_place *place;

    while ((place = find_callers_here(host)) != NULL) {
        while (drain(place))
            continue;
        if (!quit_if_told(place)) /* which takes it out of the list */
            break;
    }
}

static bool are_all_done(struct th_host *host, const void *unused)
{
    (void)unused;
    return uv_of(host)->undone == 0;
}

static void join_threads(struct th_host *host)
{
    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base; base = base->next) {
        struct uv_place *place = place_of(base);
        if (!place->is_own)
            continue;
        if (atomic_load(&place->is_done)) /* it takes no lock of ours any more */
            pthread_join(place->own_thread, NULL);
        else
            pthread_detach(place->own_thread);
    }
    th_run_unlock(&host->lock);
}

static void free_host(struct uv_host *uv)
{
    while (uv->core.places) {
        struct uv_place *place = place_of(uv->core.places);
        uv->core.places = place->base.next;
        free_place(place);
    }
    th_run_host_clear(&uv->core);
    th_mem_free(uv);
}

void th_run_host_uv_close(struct th_host *host, th_ms limit)
{
    struct uv_host *uv = uv_of(host);
    bool is_last;

    TH_CHECK(th_run_here() == NULL);
    atomic_store(&uv->is_stopping, true);
    th_run_host_stop_all(host, limit * 4 / 5);
    atomic_store(&uv->is_stopping, false);
    th_run_watchdog_stop(&uv->watchdog);
    tell_to_quit(host);
    quit_callers_here(host);
    wait_until(host, are_all_done, NULL, limit / 5);
    th_run_name_left(host);
    join_threads(host);

    th_run_lock(&host->outside.lock);
    is_last = uv->undone == 0;
    uv->is_abandoned = !is_last;
    th_run_unlock(&host->outside.lock);
    if (is_last)
        free_host(uv);
}

void th_host_uv_close(struct th_host *host)
{
    th_run_host_uv_close(host, CLOSE_MS);
}

#include "switch/run/host_uv.h"

#include "switch/base/mem.h"
#include "switch/run/host_uv_place.h"
#include "switch/run/watchdog.h"

enum {
    SLICE_MS = 5,   /* a close that runs a caller's loop itself looks again so often */
    CLOSE_MS = 5000 /* th_host_uv_close */
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

/* --- the end of a place --- */

static void free_host(struct uv_host *uv);

/* The last that a place does with its host. */
static void be_done(struct th_uv_place *place)
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

static void free_place(struct th_uv_place *place)
{
    th_run_place_clear(&place->base);
    th_mem_free(place);
}

static void on_closed(uv_handle_t *handle)
{
    struct th_uv_place *place = handle->data;

    if (--place->open_handles == 0 && !place->is_own)
        free_place(place);
}

/* A handle that its server has not closed must not keep the thread for ever. */
static void close_left(uv_handle_t *handle, void *arg)
{
    struct th_uv_place *place = arg;

    if (uv_is_closing(handle))
        return;
    TH_LOG(th_run_watch_log(place->base.host), ERROR, "host", "was left open handle=%s place=%s",
           uv_handle_type_name(handle->type), place->base.name);
    uv_close(handle, NULL);
}

static bool quit_if_told(struct th_uv_place *place)
{
    bool is_told;

    th_run_lock(&place->base.lock);
    is_told = place->is_quitting && !place->is_awake;
    place->is_quitting = place->is_quitting && !is_told; /* once */
    th_run_unlock(&place->base.lock);
    if (!is_told)
        return false;
    th_run_uv_place_close(place, on_closed);
    if (place->is_own)
        uv_walk(place->loop, close_left, place); /* its thread is done when uv_run returns */
    else
        be_done(place);
    return true;
}

static void after_drain(struct th_uv_place *place)
{
    quit_if_told(place);
}

static void *run_thread(void *arg)
{
    struct th_uv_place *place = arg;

    th_run_uv_make_mine(place);
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
        is_needed = th_run_uv_is_mine(th_run_uv_place_of(place));
    th_run_unlock(&host->lock);
    return is_needed;
}

/* A caller's loop that this thread runs, as far as one can tell. */
static bool is_callers_here(struct th_uv_place *place)
{
    return !place->is_own && (th_run_uv_is_mine(place) || !atomic_load(&place->has_thread));
}

/* Runs the places on loops of this thread, for nobody else does while it closes the host.
 * Returns whether there are such. */
static bool run_callers_places(struct th_host *host)
{
    bool is_there = false;

    for (struct th_place *base = host->places; base; base = base->next) {
        struct th_uv_place *place = th_run_uv_place_of(base);
        if (!is_callers_here(place))
            continue;
        is_there = true;
        while (th_run_uv_drain(place))
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
    .read_clock = th_run_uv_read_clock,
    .ready = th_run_uv_ready,
    .is_needed_here = is_needed_here,
    .wait = wait_until,
};

/* After a sleep of the machine every deadline is asked again. */
static void on_resumed(struct th_host *host)
{
    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base; base = base->next) {
        struct th_uv_place *place = th_run_uv_place_of(base);
        atomic_store(&place->has_slept, true);
        uv_async_send(&place->wake);
    }
    th_run_unlock(&host->lock);
    th_run_resumed(host);
}

/* --- opening --- */

enum th_err th_host_uv_new(struct th_host **out)
{
    struct uv_host *uv = th_mem_zalloc_lines(1, sizeof *uv);
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

static struct th_uv_place *make_place(struct th_host *host, const char *name)
{
    struct th_uv_place *place = th_mem_zalloc(1, sizeof *place);

    if (place == NULL)
        return NULL;
    atomic_flag_clear(&place->is_running);
    place->after = after_drain;
    th_run_place_init(&place->base, host, name);
    return place;
}

static void add_place(struct th_uv_place *place)
{
    struct th_host *host = place->base.host;

    th_run_lock(&host->outside.lock);
    uv_of(host)->undone++;
    th_run_unlock(&host->outside.lock);
    th_run_place_list(&place->base);
}

/* The loop runs on this thread once more, to let go of the handles. */
static void undo_loop(struct th_uv_place *place)
{
    if (place->open_handles > 0) {
        th_run_uv_place_close(place, on_closed);
        uv_run(&place->own_loop, UV_RUN_DEFAULT);
    }
    TH_CHECK(uv_loop_close(&place->own_loop) == 0);
}

enum th_err th_host_uv_place(struct th_host *host, const char *name, struct th_place **out)
{
    struct th_uv_place *place = make_place(host, name);
    enum th_err err;

    if (place == NULL)
        return TH_NO_MEMORY;
    place->is_own = true;
    if (uv_loop_init(&place->own_loop) != 0) {
        free_place(place);
        return TH_LIMIT;
    }
    err = th_run_uv_place_open(place, &place->own_loop);
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
    struct th_uv_place *place = make_place(host, name);
    enum th_err err;

    if (place == NULL)
        return TH_NO_MEMORY;
    err = th_run_uv_place_open(place, loop);
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
    return th_run_uv_place_of(place)->loop;
}

/* --- closing --- */

/* Every place ends its handles on its loop's thread. */
static void tell_to_quit(struct th_host *host)
{
    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base; base = base->next) {
        struct th_uv_place *place = th_run_uv_place_of(base);
        th_run_lock(&base->lock);
        place->is_quitting = true;
        uv_async_send(&place->wake);
        th_run_unlock(&base->lock);
    }
    th_run_unlock(&host->lock);
}

static struct th_uv_place *find_callers_here(struct th_host *host)
{
    struct th_uv_place *found = NULL;

    th_run_lock(&host->lock);
    for (struct th_place *base = host->places; base && !found; base = base->next)
        if (is_callers_here(th_run_uv_place_of(base)))
            found = th_run_uv_place_of(base);
    th_run_unlock(&host->lock);
    return found;
}

static void quit_callers_here(struct th_host *host)
{
    struct th_uv_place *place;

    while ((place = find_callers_here(host)) != NULL) {
        while (th_run_uv_drain(place))
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
        struct th_uv_place *place = th_run_uv_place_of(base);
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
        struct th_uv_place *place = th_run_uv_place_of(uv->core.places);
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

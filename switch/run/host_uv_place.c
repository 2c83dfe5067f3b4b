#include "switch/run/host_uv_place.h"

#include "switch/run/ticks.h"

/*
 * Who waits as long as a wake-up takes before he sleeps pays at most twice what he would if he knew
 * when the next message comes (Karlin, Li, Manasse, Owicki 1991). How long that is, 5 us on one machine
 * and 60 on a virtual one, is measured; and some more, so that what the other side sends once it has
 * woken still finds us. Where nothing ever comes that soon, only every 32nd sleep is preceded by it.
 */
enum {
    WAKE_US_AT_FIRST = 20,
    WAKE_US_MAX = 100,
    LOOKS = 64, /* between two readings of the clock */
    MISSES_MAX = 4,
    SKIPS = 32,
    DRAIN_US = 200 /* then the loop looks at its descriptors again */
};

/* --- whose thread --- */

bool th_run_uv_is_mine(struct th_uv_place *place)
{
    return atomic_load(&place->has_thread) &&
           pthread_equal(atomic_load(&place->thread), pthread_self());
}

void th_run_uv_make_mine(struct th_uv_place *place)
{
    atomic_store(&place->thread, pthread_self());
    atomic_store(&place->has_thread, true);
}

/* --- becoming ready --- */

static void on_again(uv_idle_t *again);

static void push_own(struct th_uv_place *place, struct th_slot *slot)
{
    slot->ready_next = NULL;
    *(place->own_first ? &place->own_last->ready_next : &place->own_first) = slot;
    place->own_last = slot;
    place->base.may_linger = false;
}

static void push_from_elsewhere(struct th_uv_place *place, struct th_slot *slot)
{
    slot->ready_next = NULL;
    if (atomic_load_explicit(&place->ready_first, memory_order_relaxed))
        place->ready_last->ready_next = slot;
    else
        atomic_store_explicit(&place->ready_first, slot, memory_order_release);
    place->ready_last = slot;
    if (place->is_awake)
        return;
    place->is_awake = true;
    if (th_run_uv_is_mine(place)) {
        uv_idle_start(&place->again, on_again);
    } else {
        place->woken_us = th_run_boot_us(NULL);
        uv_async_send(&place->wake);
    }
}

void th_run_uv_ready(struct th_place *base, struct th_slot *slot)
{
    struct th_uv_place *place = th_run_uv_place_of(base);

    if (th_run_here() == base) {
        push_own(place, slot);
        if (!place->is_draining)
            uv_idle_start(&place->again, on_again);
        return;
    }
    th_run_lock(&base->lock); /* also because the handles are there until the slot has run */
    push_from_elsewhere(place, slot);
    th_run_unlock(&base->lock);
}

static void take_from_elsewhere(struct th_uv_place *place)
{
    struct th_slot *first;

    if (atomic_load_explicit(&place->ready_first, memory_order_relaxed) == NULL)
        return;
    th_run_lock(&place->base.lock);
    first = atomic_load_explicit(&place->ready_first, memory_order_relaxed);
    *(place->own_first ? &place->own_last->ready_next : &place->own_first) = first;
    place->own_last = place->ready_last;
    atomic_store_explicit(&place->ready_first, NULL, memory_order_relaxed);
    th_run_unlock(&place->base.lock);
}

static struct th_slot *take_ready(struct th_uv_place *place)
{
    struct th_slot *slot;

    take_from_elsewhere(place);
    slot = place->own_first;
    if (slot)
        place->own_first = slot->ready_next;
    return slot;
}

/* --- time --- */

void th_run_uv_read_clock(struct th_place *base, bool is_exact)
{
    struct th_uv_place *place = th_run_uv_place_of(base);
    uint64_t ticks = th_ticks();
    struct timespec wall;

    if (!is_exact && ticks - place->ticks < TH_TICKS_HARDLY)
        return;
    place->ticks = ticks;
    base->us = th_run_boot_us(NULL);
    wall = th_run_clock(CLOCK_REALTIME);
    base->now.mono = base->us / 1000;
    base->now.wall = (th_epoch_ms)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct th_uv_place *place)
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

/* --- running servers --- */

/* No server lingers after this; one whom something has come for meanwhile is ready. */
static void end_lingering(struct th_uv_place *place)
{
    struct th_slot *slot = place->base.lingering;

    if (slot && th_run_linger_end(slot))
        push_own(place, slot);
}

static bool may_look_out(const struct th_uv_place *place)
{
    return place->may_look_out && (place->missed < MISSES_MAX || place->skipped % SKIPS == 0);
}

/* Gives turns until nobody is ready or the time is over. Returns whether somebody had one. */
static bool run_ready(struct th_uv_place *place, uint64_t until_us)
{
    struct th_slot *slot = take_ready(place);
    bool has_run = slot != NULL;

    while (slot) {
        end_lingering(place);
        place->base.may_linger = place->own_first == NULL && may_look_out(place); /* push_own */
        th_run_turn(slot, TH_BATCH_MAX);
        slot = place->base.us < until_us ? take_ready(place) : NULL;
    }
    return has_run;
}

/* Whether somebody has become ready, or something has come for who lingers. */
static bool is_more(struct th_uv_place *place)
{
    struct th_slot *slot = place->base.lingering;

    if (slot && atomic_load_explicit(&slot->box.what, memory_order_relaxed) &&
        th_run_box_take(slot))
        push_own(place, slot);
    return place->own_first || atomic_load_explicit(&place->ready_first, memory_order_relaxed);
}

/* Looks out for a moment before the loop sleeps; returns whether somebody has become ready. */
static bool is_more_at_once(struct th_uv_place *place)
{
    uint64_t until_us;

    if (place->missed >= MISSES_MAX)
        place->skipped++;
    if (!may_look_out(place))
        return false;
    th_run_uv_read_clock(&place->base, true);
    until_us = place->base.us + place->wake_us + place->wake_us / 2;
    while (place->base.us < until_us) {
        for (unsigned i = 0; i < LOOKS; i++) {
            if (is_more(place)) {
                place->missed = 0;
                th_run_uv_read_clock(&place->base, false);
                return true;
            }
            th_ticks_pause();
        }
        th_run_uv_read_clock(&place->base, true);
    }
    place->missed++;
    return false;
}

static void begin_drain(struct th_uv_place *place)
{
    uint64_t woken_us, took_us;

    place->is_draining = true;
    th_run_uv_read_clock(&place->base, true);
    th_run_lock(&place->base.lock);
    place->is_awake = true;
    woken_us = place->woken_us;
    place->woken_us = 0;
    th_run_unlock(&place->base.lock);
    if (woken_us == 0)
        return;
    took_us = place->base.us > woken_us ? place->base.us - woken_us : 0;
    if (took_us > WAKE_US_MAX)
        took_us = WAKE_US_MAX;
    place->wake_us = (7 * place->wake_us + took_us + 4) / 8;
}

/* What keeps the loop from sleeping, or wakes it. is_more: more is expected at once. */
static void end_drain(struct th_uv_place *place, bool is_more)
{
    bool is_awake;

    place->is_draining = false;
    th_run_lock(&place->base.lock);
    is_awake = is_more || place->own_first || atomic_load(&place->ready_first);
    place->is_awake = is_awake;
    th_run_unlock(&place->base.lock);
    if (is_awake)
        uv_idle_start(&place->again, on_again);
    else
        uv_idle_stop(&place->again);
    set_timer(place);
}

bool th_run_uv_drain(struct th_uv_place *place)
{
    struct th_place *outer = th_run_here();
    bool has_run = false, is_late;
    uint64_t until_us;

    if (place->is_closed || atomic_flag_test_and_set(&place->is_running))
        return false;
    if (!th_run_uv_is_mine(place))
        th_run_uv_make_mine(place);
    th_run_set_here(&place->base);
    begin_drain(place);
    until_us = place->base.us + DRAIN_US;
    th_run_place_collect(&place->base, place->base.now.mono);
    do {
        has_run = run_ready(place, until_us) || has_run;
        is_late = place->base.us >= until_us;
    } while (!is_late && is_more_at_once(place));
    end_lingering(place);
    th_run_set_here(outer);
    end_drain(place, is_late && has_run && place->may_look_out && place->missed == 0);
    atomic_flag_clear(&place->is_running);
    return has_run;
}

static void on_wake(uv_async_t *wake)
{
    struct th_uv_place *place = wake->data;

    th_run_uv_drain(place);
    place->after(place);
}

static void on_timer(uv_timer_t *timer)
{
    struct th_uv_place *place = timer->data;

    place->armed = TH_NEVER; /* it has fired; if a little early, it is set again */
    th_run_uv_drain(place);
}

static void on_again(uv_idle_t *again)
{
    struct th_uv_place *place = again->data;

    th_run_uv_drain(place);
    place->after(place);
}

/* --- its life --- */

enum th_err th_run_uv_place_open(struct th_uv_place *place, uv_loop_t *loop)
{
    place->loop = loop;
    place->armed = TH_NEVER;
    place->may_look_out = uv_available_parallelism() > 1;
    place->base.has_event_ring = true;
    place->wake_us = WAKE_US_AT_FIRST;
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

void th_run_uv_place_close(struct th_uv_place *place, uv_close_cb on_closed)
{
    place->is_closed = true;
    uv_close((uv_handle_t *)&place->wake, on_closed);
    uv_close((uv_handle_t *)&place->timer, on_closed);
    uv_close((uv_handle_t *)&place->again, on_closed);
}

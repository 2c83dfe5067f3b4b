#include "switch/run/host_step.h"

#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "switch/run/host_core.h"

enum { MONO_AT_FIRST = 1000, CLOSE_MS = 5000 };
#define WALL_AT_FIRST INT64_C(1400000000000)

struct step_host {
    struct th_host core;
    struct th_now now;
    bool is_random;
    struct th_rng rng;

    /* Ring of the ready; a slot is in it at most once, so it cannot overflow. */
    struct th_slot **ready;
    size_t head;
    size_t count;
};

static struct step_host *step_of(struct th_host *host)
{
    return (struct step_host *)host; /* the first member */
}

/* --- what the kernel asks of a host --- */

static struct th_now get_now(struct th_host *host)
{
    return step_of(host)->now;
}

static uint64_t get_now_us(struct th_host *host)
{
    return step_of(host)->now.mono * 1000;
}

static struct th_slot **ready_at(struct step_host *step, size_t i)
{
    return &step->ready[(step->head + i) % TH_SERVERS_MAX];
}

static void make_ready(struct th_place *place, struct th_slot *slot)
{
    struct step_host *step = step_of(place->host);

    TH_CHECK(step->count < TH_SERVERS_MAX);
    *ready_at(step, step->count++) = slot;
}

static bool is_needed_here(struct th_host *host)
{
    (void)host;
    return th_run_here() != NULL; /* else nobody turns the crank, so we may */
}

/* --- the crank --- */

static struct th_slot *pick(struct step_host *step)
{
    size_t i = step->is_random ? th_rng_below(&step->rng, step->count) : 0;
    struct th_slot *slot = *ready_at(step, i);

    *ready_at(step, i) = *ready_at(step, 0);
    step->head = (step->head + 1) % TH_SERVERS_MAX;
    step->count--;
    return slot;
}

bool th_host_step_once(struct th_host *host)
{
    struct step_host *step = step_of(host);
    struct th_place *outer = th_run_here();
    bool has_done = false;

    while (!has_done && step->count > 0) {
        struct th_slot *slot = pick(step);
        th_run_set_here(slot->spec.place);
        has_done = th_run_turn(slot, 1);
        th_run_set_here(outer);
    }
    return has_done;
}

th_ms th_host_step_next(struct th_host *host)
{
    struct step_host *step = step_of(host);
    th_ms next = step->count > 0 ? step->now.mono : TH_NEVER;

    for (struct th_place *place = host->places; place; place = place->next)
        next = th_sooner(next, th_run_place_next(place));
    return next;
}

static void move_clock(struct step_host *step, th_ms mono)
{
    TH_CHECK(mono >= step->now.mono);
    step->now.wall += (th_epoch_ms)(mono - step->now.mono);
    step->now.mono = mono;
    for (struct th_place *place = step->core.places; place; place = place->next)
        th_run_place_collect(place, mono);
}

/* Moves the clock to the next deadline, or to `until`; returns false when that is reached. */
static bool move_on(struct step_host *step, th_ms until)
{
    th_ms next = th_host_step_next(&step->core);

    move_clock(step, next < until ? next : until);
    return next <= until;
}

void th_host_step_run(struct th_host *host, th_ms ms)
{
    struct step_host *step = step_of(host);
    th_ms until = step->now.mono + ms;

    do {
        while (th_host_step_once(host))
            continue;
    } while (move_on(step, until));
}

static void wait_until(struct th_host *host, bool (*is_over)(struct th_host *host, const void *arg),
                       const void *arg, th_ms for_ms)
{
    struct step_host *step = step_of(host);
    th_ms until = step->now.mono + for_ms;
    bool has_time = true;

    while (!is_over(host, arg) && has_time)
        if (!th_host_step_once(host))
            has_time = move_on(step, until);
}

void th_host_step_set_wall(struct th_host *host, th_epoch_ms wall)
{
    step_of(host)->now.wall = wall;
}

/* --- its life --- */

static const struct th_host_ops step_ops = {
    .now = get_now,
    .now_us = get_now_us,
    .ready = make_ready,
    .is_needed_here = is_needed_here,
    .wait = wait_until,
};

enum th_err th_host_step_new(struct th_host **out, uint64_t rng_seed)
{
    struct step_host *step = th_mem_zalloc(1, sizeof *step);
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};

    if (step == NULL)
        return TH_NO_MEMORY;
    step->ready = th_mem_zalloc(TH_SERVERS_MAX, sizeof(struct th_slot *));
    if (step->ready == NULL) {
        th_mem_free(step);
        return TH_NO_MEMORY;
    }
    for (unsigned i = 0; i < 8; i++)
        seed[i] = (uint8_t)(rng_seed >> (8 * i));
    th_rng_init(&step->rng, seed);
    step->is_random = rng_seed != 0;
    step->now = (struct th_now){.mono = MONO_AT_FIRST, .wall = WALL_AT_FIRST};
    th_run_host_init(&step->core, &step_ops);
    *out = &step->core;
    return TH_OK;
}

enum th_err th_host_step_place(struct th_host *host, const char *name, struct th_place **out)
{
    struct th_place *place = th_mem_zalloc(1, sizeof *place);

    if (place == NULL)
        return TH_NO_MEMORY;
    th_run_place_init(place, host, name);
    th_run_place_list(place);
    *out = place;
    return TH_OK;
}

void th_host_step_close(struct th_host *host)
{
    struct step_host *step = step_of(host);

    TH_CHECK(th_run_here() == NULL);
    TH_CHECK(th_run_host_stop_all(host, CLOSE_MS) == 0);
    while (host->places) {
        struct th_place *place = host->places;
        host->places = place->next;
        th_run_place_clear(place);
        th_mem_free(place);
    }
    th_run_host_clear(host);
    th_rng_clear(&step->rng);
    th_mem_free(step->ready);
    th_mem_free(step);
}

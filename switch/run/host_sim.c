#include "switch/run/host_sim.h"

#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "switch/run/host_core.h"

enum { MONO_AT_FIRST = 1000, CLOSE_MS = 5000, WARM_TURNS = 32, WARM_SLOTS = 64 };
#define WALL_AT_FIRST INT64_C(1400000000000)

struct ready {
    struct th_slot *slot;
    th_ms at; /* not before */
};

struct sim_host {
    struct th_host core;
    struct th_now now;
    bool is_random;
    bool is_paced; /* some of the ready may have to wait */
    struct th_rng rng;
    struct th_host_sim_pace pace;
    th_host_sim_fn on_turn;
    void *on_turn_data;
    struct th_host_sim_books books;
    const struct th_slot *running;
    uint64_t warm[2]; /* which slots had a turn of late, a bit each: by now, and before that */
    unsigned turns;   /* by now */

    /* Ring of the ready. A slot is in it at most once, so that there is room for every slot. */
    struct ready *ready;
    size_t room;
    size_t head;
    size_t count;
};

static struct sim_host *sim_of(struct th_host *host)
{
    return (struct sim_host *)host; /* the first member */
}

/* --- what the kernel asks of a host --- */

static struct th_now get_now(struct th_host *host)
{
    return sim_of(host)->now;
}

static uint64_t get_now_us(struct th_host *host)
{
    return sim_of(host)->now.mono * 1000;
}

static void read_clock(struct th_place *place, bool is_exact)
{
    (void)is_exact;
    place->now = sim_of(place->host)->now;
    place->us = get_now_us(place->host);
}

static struct ready *ready_at(const struct sim_host *sim, size_t i)
{
    return &sim->ready[(sim->head + i) % sim->room];
}

static enum th_err reserve(struct th_host *host, unsigned slot_count)
{
    struct sim_host *sim = sim_of(host);
    struct ready *ready = th_mem_zalloc(slot_count, sizeof *ready);

    if (ready == NULL)
        return TH_NO_MEMORY;
    for (size_t i = 0; i < sim->count; i++)
        ready[i] = *ready_at(sim, i);
    th_mem_free(sim->ready);
    sim->ready = ready;
    sim->room = slot_count;
    sim->head = 0;
    return TH_OK;
}

static th_ms draw_delay(struct sim_host *sim)
{
    const struct th_host_sim_pace *pace = &sim->pace;
    bool is_stalled = pace->stall_one_in > 0 && th_rng_below(&sim->rng, pace->stall_one_in) == 0;
    th_ms max = is_stalled ? pace->stall_max : pace->delay_max;

    return max > 0 ? th_rng_between(&sim->rng, 0, max) : 0;
}

static void make_ready(struct th_place *place, struct th_slot *slot)
{
    struct sim_host *sim = sim_of(place->host);
    th_ms delay = sim->is_paced && slot != sim->running ? draw_delay(sim) : 0;

    TH_CHECK(sim->count < sim->room);
    *ready_at(sim, sim->count++) = (struct ready){slot, sim->now.mono + delay};
}

static const char *name_of(const struct th_slot *slot)
{
    return slot->spec.name ? slot->spec.name : slot->spec.ops->name;
}

static void tell_begun(struct th_slot *slot, const char *doing, enum th_trace_sort sort,
                       const struct th_msg *msg, struct th_now now)
{
    const struct th_host_sim_books *books = &sim_of(slot->host)->books;

    if (books->on_given)
        books->on_given(books->data, &(struct th_host_sim_given){.to = slot->pid,
                                                                 .name = name_of(slot),
                                                                 .ops = slot->spec.ops,
                                                                 .state = slot->state,
                                                                 .doing = doing,
                                                                 .sort = sort,
                                                                 .msg = msg,
                                                                 .now = now});
}

static void tell_wished(struct th_slot *owner, const struct th_run_wish *wish)
{
    static const enum th_host_sim_wish_kind kinds[] = {[TH_RUN_CALLED] = TH_WISH_CALL,
                                                       [TH_RUN_MONITORED] = TH_WISH_MONITOR,
                                                       [TH_RUN_CANCELLED] = TH_WISH_NO_CALL,
                                                       [TH_RUN_DEMONITORED] = TH_WISH_NO_MONITOR,
                                                       [TH_RUN_ENDED] = TH_WISH_NOTHING};
    const struct th_host_sim_books *books = &sim_of(owner->host)->books;

    if (books->on_wish && owner != &owner->host->outside)
        books->on_wish(books->data, &(struct th_host_sim_wish){.kind = kinds[wish->what],
                                                               .owner = owner->pid,
                                                               .ref = wish->ref,
                                                               .target = wish->target,
                                                               .due = wish->due});
}

static void tell_done(struct th_slot *slot, const char *doing, struct th_now now)
{
    struct sim_host *sim = sim_of(slot->host);

    if (sim->on_turn)
        sim->on_turn(sim->on_turn_data, &(struct th_host_sim_turn){.name = name_of(slot),
                                                                   .ops = slot->spec.ops,
                                                                   .state = slot->state,
                                                                   .doing = doing,
                                                                   .now = now});
}

static bool is_needed_here(struct th_host *host)
{
    (void)host;
    return th_run_here() != NULL; /* else nobody turns the crank, so we may */
}

/* --- the crank --- */

static bool is_awake(const struct sim_host *sim, size_t i)
{
    return ready_at(sim, i)->at <= sim->now.mono;
}

static size_t count_awake(const struct sim_host *sim)
{
    size_t awake = 0;

    if (!sim->is_paced)
        return sim->count;
    for (size_t i = 0; i < sim->count; i++)
        awake += is_awake(sim, i);
    return awake;
}

/* The place in the ring of the n-th that need not wait. */
static size_t find_awake(const struct sim_host *sim, size_t n)
{
    size_t i = 0;

    if (!sim->is_paced)
        return n;
    while (!is_awake(sim, i) || n-- > 0)
        i++;
    return i;
}

/* Takes one of those that need not wait, of which there are so many. */
static struct th_slot *pick(struct sim_host *sim, size_t awake)
{
    size_t i = find_awake(sim, sim->is_random ? (size_t)th_rng_below(&sim->rng, awake) : 0);
    struct th_slot *slot = ready_at(sim, i)->slot;

    *ready_at(sim, i) = *ready_at(sim, 0);
    sim->head = (sim->head + 1) % sim->room;
    sim->count--;
    return slot;
}

static void note_warm(struct sim_host *sim, const struct th_slot *slot)
{
    if (++sim->turns % WARM_TURNS == 0) {
        sim->warm[1] = sim->warm[0];
        sim->warm[0] = 0;
    }
    if (slot->index < WARM_SLOTS)
        sim->warm[0] |= UINT64_C(1) << slot->index;
}

bool th_host_sim_once(struct th_host *host)
{
    struct sim_host *sim = sim_of(host);
    struct th_place *outer = th_run_here();
    bool has_done = false;
    size_t awake;

    while (!has_done && (awake = count_awake(sim)) > 0) {
        struct th_slot *slot = pick(sim, awake);
        th_run_set_here(slot->spec.place);
        sim->running = slot;
        read_clock(slot->spec.place, true);
        note_warm(sim, slot);
        has_done = th_run_turn(slot, 1);
        sim->running = NULL;
        th_run_set_here(outer);
    }
    return has_done;
}

th_ms th_host_sim_next(struct th_host *host)
{
    struct sim_host *sim = sim_of(host);
    th_ms next = TH_NEVER;

    if (sim->count > 0 && !sim->is_paced)
        return sim->now.mono;
    for (size_t i = 0; i < sim->count; i++)
        next = th_sooner(next, ready_at(sim, i)->at);
    for (struct th_place *place = host->places; place; place = place->next)
        next = th_sooner(next, th_run_place_next(place));
    return next < sim->now.mono ? sim->now.mono : next;
}

static void move_clock(struct sim_host *sim, th_ms mono)
{
    TH_CHECK(mono >= sim->now.mono);
    sim->now.wall += (th_epoch_ms)(mono - sim->now.mono);
    sim->now.mono = mono;
    for (struct th_place *place = sim->core.places; place; place = place->next)
        th_run_place_collect(place, mono);
}

static void fetch_more(const struct th_slot *slot)
{
    if (slot->state)
        th_mem_fetch(slot->state, slot->spec.ops->state_size);
    th_run_mail_fetch(&slot->stock);
    th_run_mail_fetch(&slot->own_stock);
    th_mem_fetch(slot->watches.buckets, 1);
    th_mem_fetch(slot->calls_due.places, 1);
}

/* Who had a turn of late will have one again: one packet keeps several servers busy. */
static void fetch_warm(struct sim_host *sim, bool are_slots_here)
{
    for (uint64_t warm = sim->warm[0] | sim->warm[1]; warm != 0; warm &= warm - 1) {
        const struct th_slot *slot = th_run_slot_at(&sim->core, (unsigned)__builtin_ctzll(warm));
        if (are_slots_here)
            fetch_more(slot);
        else
            th_mem_fetch(slot, sizeof *slot);
    }
}

void th_host_sim_expect(struct th_host *host, unsigned before)
{
    struct sim_host *sim = sim_of(host);

    if (before >= 2) /* all but the slot that no server has */
        th_mem_fetch(&sim->core.progress, sizeof *sim - offsetof(struct th_host, progress));
    else
        fetch_warm(sim, before == 0);
    for (const struct th_place *place = host->places; before == 1 && place; place = place->next)
        th_mem_fetch(place, sizeof *place);
}

const void *th_host_sim_state(struct th_host *host, th_pid pid)
{
    const struct th_slot *slot = th_run_slot(host, pid);

    return slot ? slot->state : NULL;
}

/* Moves the clock to the next deadline, or to `until`; returns false when that is reached. */
static bool move_on(struct sim_host *sim, th_ms until)
{
    th_ms next = th_host_sim_next(&sim->core);

    move_clock(sim, next < until ? next : until);
    return next <= until;
}

void th_host_sim_run(struct th_host *host, th_ms ms)
{
    struct sim_host *sim = sim_of(host);
    th_ms until = sim->now.mono + ms;

    do {
        while (th_host_sim_once(host))
            continue;
    } while (move_on(sim, until));
}

void th_host_sim_move(struct th_host *host, th_ms mono)
{
    move_clock(sim_of(host), mono);
}

static void wait_until(struct th_host *host, bool (*is_over)(struct th_host *host, const void *arg),
                       const void *arg, th_ms for_ms)
{
    struct sim_host *sim = sim_of(host);
    th_ms until = sim->now.mono + for_ms;
    bool has_time = true;

    while (!is_over(host, arg) && has_time)
        if (!th_host_sim_once(host))
            has_time = move_on(sim, until);
}

void th_host_sim_resume(struct th_host *host)
{
    th_run_resumed(host);
}

void th_host_sim_set_wall(struct th_host *host, th_epoch_ms wall)
{
    sim_of(host)->now.wall = wall;
}

/* --- its life --- */

static const struct th_host_ops sim_ops = {
    .now = get_now,
    .now_us = get_now_us,
    .read_clock = read_clock,
    .ready = make_ready,
    .reserve = reserve,
    .begun = tell_begun,
    .wished = tell_wished,
    .done = tell_done,
    .is_needed_here = is_needed_here,
    .wait = wait_until,
};

enum th_err th_host_sim_new(struct th_host **out, uint64_t rng_seed)
{
    struct sim_host *sim = th_mem_zalloc_lines(1, sizeof *sim);
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};

    if (sim == NULL)
        return TH_NO_MEMORY;
    for (unsigned i = 0; i < 8; i++)
        seed[i] = (uint8_t)(rng_seed >> (8 * i));
    th_rng_init(&sim->rng, seed);
    sim->is_random = rng_seed != 0;
    sim->now = (struct th_now){.mono = MONO_AT_FIRST, .wall = WALL_AT_FIRST};
    th_run_host_init(&sim->core, &sim_ops);
    *out = &sim->core;
    return TH_OK;
}

void th_host_sim_set_pace(struct th_host *host, const struct th_host_sim_pace *pace)
{
    struct sim_host *sim = sim_of(host);

    TH_CHECK(sim->is_random);
    sim->pace = *pace;
    sim->is_paced = true; /* for good: some may wait still when it is taken back */
}

void th_host_sim_keep_books(struct th_host *host, const struct th_host_sim_books *books)
{
    sim_of(host)->books = *books;
}

void th_host_sim_watch(struct th_host *host, th_host_sim_fn on_turn, void *data)
{
    sim_of(host)->on_turn = on_turn;
    sim_of(host)->on_turn_data = data;
}

enum th_err th_host_sim_place(struct th_host *host, const char *name, struct th_place **out)
{
    struct th_place *place = th_mem_zalloc(1, sizeof *place);

    if (place == NULL)
        return TH_NO_MEMORY;
    th_run_place_init(place, host, name);
    th_run_place_list(place);
    *out = place;
    return TH_OK;
}

void th_host_sim_close(struct th_host *host)
{
    struct sim_host *sim = sim_of(host);

    TH_CHECK(th_run_here() == NULL);
    TH_CHECK(th_run_host_stop_all(host, CLOSE_MS) == 0);
    while (host->places) {
        struct th_place *place = host->places;
        host->places = place->next;
        th_run_place_clear(place);
        th_mem_free(place);
    }
    th_run_host_clear(host);
    th_rng_clear(&sim->rng);
    th_mem_free(sim->ready);
    th_mem_free(sim);
}

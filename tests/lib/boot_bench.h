/*
 * boot_bench.h - the machine of the bootstrap, its clock, and what it wanted.
 */
#ifndef TH_LIB_BOOT_BENCH_H
#define TH_LIB_BOOT_BENCH_H

#include "router/boot.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

/* One machine, its clock, and what it wanted since a test last looked. */
struct world {
    struct th_boot boot;
    struct th_rng rng;
    struct th_now now;
    unsigned opens, links, dials, refreshes, states;
    uint32_t attempt;          /* of the latest OPEN */
    uint32_t dial;             /* of the latest DIAL */
    struct th_hashname asked;  /* by the latest OPEN */
    struct th_hashname linked; /* by the latest LINK */
};

static inline struct th_seed seed_of(uint8_t n)
{
    struct th_seed seed = {.parts.count = 1, .parts.part[0].csid = TH_CS3A, .paths.count = 1};

    memset(&seed.id, n, sizeof seed.id);
    seed.paths.addr[0] = (struct th_addr){.ip = {10, 0, 0, n}, .port = 42424, .family = 4};
    return seed;
}

static inline struct th_hashname id_of(uint8_t n)
{
    return seed_of(n).id;
}

static inline void begin(struct world *w)
{
    static const uint8_t rng_seed[TH_RNG_SEED_BYTES] = {7};
    struct th_hashname self = id_of(0);

    *w = (struct world){.now = {.mono = 1000, .wall = 1400000000000}};
    th_rng_init(&w->rng, rng_seed);
    th_boot_init(&w->boot, &self, &w->rng);
}

static inline void add(struct world *w, uint8_t n, enum th_boot_kind kind)
{
    struct th_seed seed = seed_of(n);

    assert_int_equal(th_boot_add(&w->boot, &seed, kind), TH_OK);
}

static inline void take(struct world *w)
{
    struct th_boot_action action;

    while (th_boot_next(&w->boot, &action)) {
        switch (action.kind) {
        case TH_BOOT_OPEN:
            w->opens++;
            w->attempt = action.attempt;
            w->asked = action.seed.id;
            break;
        case TH_BOOT_LINK:
            w->links++;
            w->linked = action.seed.id;
            break;
        case TH_BOOT_DIAL:
            w->dials++;
            w->dial = action.attempt;
            break;
        case TH_BOOT_REFRESH:
            w->refreshes++;
            break;
        case TH_BOOT_STATE:
            w->states++;
            break;
        }
    }
}

static inline void start(struct world *w)
{
    th_boot_start(&w->boot, w->now);
    take(w);
}

/* Lets time pass from deadline to deadline. */
static inline void pass(struct world *w, th_ms ms)
{
    th_ms end = w->now.mono + ms;

    while (th_boot_deadline(&w->boot) <= end) {
        th_ms next = th_boot_deadline(&w->boot);
        if (next > w->now.mono)
            w->now.mono = next;
        th_boot_tick(&w->boot, w->now);
        take(w);
    }
    w->now.mono = end;
}

static inline void opened(struct world *w, enum th_err why)
{
    th_boot_on_opened(&w->boot, w->now, w->attempt, why);
    take(w);
}

static inline void line_up(struct world *w, uint8_t n)
{
    struct th_seed seed = seed_of(n);

    th_boot_on_line_up(&w->boot, w->now, &seed);
    take(w);
}

static inline void line_down(struct world *w, uint8_t n)
{
    struct th_hashname id = id_of(n);

    th_boot_on_line_down(&w->boot, w->now, &id);
    take(w);
}

static inline void link_up(struct world *w, uint8_t n, bool is_seed)
{
    struct th_hashname id = id_of(n);

    assert_int_equal(th_boot_on_link_up(&w->boot, w->now, &id, is_seed), TH_OK);
    take(w);
}

static inline void link_down(struct world *w, uint8_t n, enum th_err why)
{
    struct th_hashname id = id_of(n);

    th_boot_on_link_down(&w->boot, w->now, &id, why);
    take(w);
}

static inline void dialed(struct world *w, enum th_err why, unsigned asked)
{
    th_boot_on_dialed(&w->boot, w->now, w->dial, why, asked);
    take(w);
}

/* Joins through seed 1 alone, the usual way. */
static inline void join(struct world *w)
{
    add(w, 1, TH_BOOT_CONFIGURED);
    start(w);
    pass(w, TH_BOOT_START_MS);
    opened(w, TH_AGAIN);
    line_up(w, 1);
    link_up(w, 1, true);
    dialed(w, TH_OK, 1);
    assert_int_equal(w->boot.state, TH_BOOT_READY);
    w->opens = w->links = w->dials = w->refreshes = w->states = 0;
}

static inline void end(struct world *w)
{
    th_boot_clear(&w->boot);
    th_rng_clear(&w->rng);
}

#endif

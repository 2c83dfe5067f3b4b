/*
 * lookup_bench.h - the lookup machine, asked and answered by hand.
 *
 * The target is all zeros, and node(n) begins with the byte n, so that a smaller n is nearer.
 */
#ifndef TH_LIB_LOOKUP_BENCH_H
#define TH_LIB_LOOKUP_BENCH_H

#include "dialer/lookup.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { SELF = 0xff };

struct bench {
    struct th_identity self;
    struct th_lookup lookup;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    struct th_now now;
    th_ms all_ms; /* for the next to begin */
};

static inline struct th_hashname node(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)n;
    id.b[1] = (uint8_t)(n >> 8);
    return id;
}

static inline void begin_wide(struct bench *b, bool ends_at_match, unsigned width)
{
    struct th_lookup_config config = {
        .self = &b->self, .ends_at_match = ends_at_match, .rtt = &b->rtt, .drops = &b->drops};

    config.width = width;
    b->self = (struct th_identity){.hashname = node(SELF), .cipher = th_cipher_find(TH_CS3A)};
    b->now.mono = 1000;
    config.all_ms = b->all_ms;
    th_lookup_init(&b->lookup, &config, b->now);
}

static inline void begin(struct bench *b, bool ends_at_match)
{
    begin_wide(b, ends_at_match, 0);
}

static inline void add(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_add(&b->lookup, &id);
}

static inline void line_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_on_line_up(&b->lookup, b->now, &id);
}

static inline void refuse(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_on_refused(&b->lookup, b->now, &id);
}

/* An answer that names the nodes of a list that ends with -1. */
static inline void answer(struct bench *b, unsigned n, const int *names)
{
    struct th_hashname id = node(n);
    struct th_see see = {0};

    for (; names && *names >= 0; names++)
        see.entry[see.count++] =
            (struct th_see_entry){.id = node((unsigned)*names), .csid = TH_CS3A};
    th_lookup_on_answer(&b->lookup, b->now, &id, &see);
}

#define ANSWER(b, n, ...) answer(b, n, (const int[]){__VA_ARGS__, -1})

static inline void pass(struct bench *b, th_ms ms)
{
    b->now.mono += ms;
    th_lookup_tick(&b->lookup, b->now);
}

/* Takes the next action, which must be this one. */
static inline void expect(struct bench *b, enum th_lookup_action_kind kind, unsigned n)
{
    struct th_lookup_action action;
    struct th_hashname id = node(n);

    assert_true(th_lookup_next(&b->lookup, &action));
    assert_int_equal(action.kind, kind);
    assert_memory_equal(&action.node.id, &id, sizeof id);
}

static inline void expect_done(struct bench *b, enum th_err result)
{
    struct th_lookup_action action;

    assert_true(th_lookup_next(&b->lookup, &action));
    assert_int_equal(action.kind, TH_LOOKUP_DONE);
    assert_int_equal(action.result, result);
    assert_false(th_lookup_next(&b->lookup, &action));
}

static inline void expect_nothing(struct bench *b)
{
    struct th_lookup_action action;

    assert_false(th_lookup_next(&b->lookup, &action));
}

/* Lets a node be asked, up to the seek on its line. */
static inline void ask(struct bench *b, unsigned n)
{
    expect(b, TH_LOOKUP_CONNECT, n);
    line_up(b, n);
    expect(b, TH_LOOKUP_SEEK, n);
}

static inline void end(struct bench *b)
{
    th_lookup_clear(&b->lookup);
    memset(b, 0, sizeof *b);
}

#endif

/*
 * search_bench.h - a search, which is a lookup and a second try over disjoint paths, asked and
 * answered by hand.
 *
 * The target is all zeros, and node(n) begins with the byte n, so that a smaller n is nearer.
 */
#ifndef TH_LIB_SEARCH_BENCH_H
#define TH_LIB_SEARCH_BENCH_H

#include "dialer/search.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { SELF = 0xff };

struct bench {
    struct th_identity self;
    struct th_search search;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    struct th_now now;
};

static inline struct th_hashname node(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)n;
    id.b[1] = (uint8_t)(n >> 8);
    return id;
}

static inline void line_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_search_on_line_up(&b->search, b->now, &id);
}

static inline void refuse(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_search_on_refused(&b->search, b->now, &id);
}

/* An answer that names the nodes of a list that ends with -1. */
static inline void answer(struct bench *b, unsigned n, const int *names)
{
    struct th_hashname id = node(n);
    struct th_see see = {0};

    for (; names && *names >= 0; names++)
        see.entry[see.count++] =
            (struct th_see_entry){.id = node((unsigned)*names), .csid = TH_CS3A};
    th_search_on_answer(&b->search, b->now, &id, &see);
}

#define ANSWER(b, n, ...) answer(b, n, (const int[]){__VA_ARGS__, -1})

static inline void pass(struct bench *b, th_ms ms)
{
    b->now.mono += ms;
    th_search_tick(&b->search, b->now);
}

/* Takes the next action, which must be this one. */
static inline void expect(struct bench *b, enum th_lookup_action_kind kind, unsigned n)
{
    struct th_lookup_action action;
    struct th_hashname id = node(n);

    assert_true(th_search_next(&b->search, &action));
    assert_int_equal(action.kind, kind);
    assert_memory_equal(&action.node.id, &id, sizeof id);
}

static inline void expect_nothing(struct bench *b)
{
    struct th_lookup_action action;

    assert_false(th_search_next(&b->search, &action));
}

static inline void expect_done(struct bench *b, enum th_err result)
{
    struct th_lookup_action action;

    assert_true(th_search_next(&b->search, &action));
    assert_int_equal(action.kind, TH_LOOKUP_DONE);
    assert_int_equal(action.result, result);
    expect_nothing(b);
}

/* Lets a node be asked, up to the seek on its line. */
static inline void ask(struct bench *b, unsigned n)
{
    expect(b, TH_LOOKUP_CONNECT, n);
    line_up(b, n);
    expect(b, TH_LOOKUP_SEEK, n);
}

/* A first try that has begun with a list of nodes that ends with -1. */
static inline void begin(struct bench *b, const int *names)
{
    struct th_lookup_config config = {
        .self = &b->self, .ends_at_match = true, .rtt = &b->rtt, .drops = &b->drops};

    b->self = (struct th_identity){.hashname = node(SELF), .cipher = th_cipher_find(TH_CS3A)};
    b->now.mono = 1000;
    th_search_init(&b->search, &config, b->now);
    for (; *names >= 0; names++) {
        struct th_hashname id = node((unsigned)*names);
        th_search_add(&b->search, &id);
    }
}

#define BEGIN(b, ...) begin(b, (const int[]){__VA_ARGS__, -1})

/* The second try, with a list of nodes. */
static inline bool again(struct bench *b, const int *names)
{
    struct th_hashname start[40];
    unsigned count = 0;

    for (; *names >= 0; names++)
        start[count++] = node((unsigned)*names);
    return th_search_again(&b->search, b->now, start, count);
}

#define AGAIN(b, ...) again(b, (const int[]){__VA_ARGS__, -1})

/* A first try that has asked only node 200, who told of nobody, and has missed. */
static inline void begin_missed(struct bench *b)
{
    BEGIN(b, 200);
    ask(b, 200);
    ANSWER(b, 200, -1);
    expect_done(b, TH_NOT_FOUND);
}

/* Lets the first try ask some nodes, a list that ends with -1, as often as may be and in vain. */
static inline void miss(struct bench *b, const int *names)
{
    for (unsigned asks = 0; asks < TH_LOOKUP_ASKS_MAX; asks++) {
        for (const int *name = names; *name >= 0; name++)
            ask(b, (unsigned)*name);
        pass(b, TH_LOOKUP_ANSWER_MS_MAX);
    }
    expect_done(b, TH_NOT_FOUND);
}

#define MISS(b, ...) miss(b, (const int[]){__VA_ARGS__, -1})

static inline void end(struct bench *b)
{
    th_search_clear(&b->search);
    memset(b, 0, sizeof *b);
}

#endif

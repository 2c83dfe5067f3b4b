/*
 * test_routing.h - a routing machine on a bench: events in, the actions that came of them to look at.
 */
#ifndef TH_LIB_TEST_ROUTING_H
#define TH_LIB_TEST_ROUTING_H

#include "router/routing.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

enum { TEST_ACTIONS_MAX = 600 };

struct test_action {
    struct th_routing_action is;
    char fields[TH_FIELDS_MAX + 1]; /* of its own, because is.fields is short-lived */
};

struct test_bench {
    struct th_routing routing;
    struct th_rng rng;
    struct th_now now;
    unsigned count;
    struct test_action action[TEST_ACTIONS_MAX];
};

static inline struct test_bench *test_bench_new(unsigned k, unsigned links_max)
{
    struct test_bench *bench = th_mem_zalloc(1, sizeof *bench);
    struct th_routing_config config = {.is_seed = true};

    assert_non_null(bench);
    config.table = (struct th_table_config){
        .self = test_self(), .csid = TH_CS3A, .k = k, .links_max = links_max};
    bench->now = test_now(1000);
    test_rng(&bench->rng, 7);
    th_routing_init(&bench->routing, &config, &bench->rng, bench->now);
    return bench;
}

static inline void test_bench_free(struct test_bench *bench)
{
    th_routing_clear(&bench->routing);
    th_mem_free(bench);
}

/* Forgets the actions seen so far and takes the new ones. */
static inline void test_take(struct test_bench *bench)
{
    struct th_routing_action action;
    char fields[TH_FIELDS_MAX];

    bench->count = 0;
    while (th_routing_next(&bench->routing, &action, fields)) {
        assert_true(bench->count < TEST_ACTIONS_MAX);
        struct test_action *out = &bench->action[bench->count++];
        out->is = action;
        if (action.fields.len > 0)
            memcpy(out->fields, action.fields.at, action.fields.len);
        out->fields[action.fields.len] = 0;
    }
}

/* The number of actions of a kind among the last. */
static inline unsigned test_count(const struct test_bench *bench, enum th_routing_action_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < bench->count; i++)
        n += bench->action[i].is.kind == kind;
    return n;
}

/* The only action of a kind; fails when there is none, or another one. */
static inline const struct test_action *test_only(const struct test_bench *bench,
                                                  enum th_routing_action_kind kind)
{
    const struct test_action *found = NULL;

    assert_int_equal(test_count(bench, kind), 1);
    for (unsigned i = 0; i < bench->count; i++)
        if (bench->action[i].is.kind == kind)
            found = &bench->action[i];
    return found;
}

static inline void test_line_up(struct test_bench *bench, struct th_hashname id)
{
    const struct th_routing_line line = {
        .id = id, .csid = TH_CS3A, .addr = test_addr(127, 0, 0, id.b[31])};

    assert_int_equal(th_routing_on_line_up(&bench->routing, bench->now, &line), TH_OK);
    test_take(bench);
}

static inline void test_line_down(struct test_bench *bench, struct th_hashname id, enum th_err why)
{
    assert_int_equal(th_routing_on_line_down(&bench->routing, bench->now, &id, why), TH_OK);
    test_take(bench);
}

static inline struct th_routing_packet test_packet(struct th_hashname from, uint32_t c,
                                                   bool is_ours, const char *head)
{
    return (struct th_routing_packet){.from = from,
                                      .addr = test_addr(127, 0, 0, from.b[31]),
                                      .c = c,
                                      .is_ours = is_ours,
                                      .head = th_bytes_of(head)};
}

/* Their request of a link. */
static inline void test_request(struct test_bench *bench, struct th_hashname from, uint32_t c)
{
    const struct th_routing_packet packet =
        test_packet(from, c, false, "{\"type\":\"link\",\"seed\":true,\"see\":[]}");

    assert_int_equal(th_routing_on_link_opened(&bench->routing, bench->now, &packet), TH_OK);
    test_take(bench);
}

/* A keepalive, or the answer to a request. */
static inline void test_hear(struct test_bench *bench, struct th_hashname from, uint32_t c,
                             bool is_ours)
{
    const struct th_routing_packet packet = test_packet(from, c, is_ours, "{\"seed\":true}");

    assert_int_equal(th_routing_on_link_packet(&bench->routing, bench->now, &packet), TH_OK);
    test_take(bench);
}

static inline void test_hear_end(struct test_bench *bench, struct th_hashname from, uint32_t c,
                                 bool is_ours)
{
    struct th_routing_packet packet = test_packet(from, c, is_ours, "{\"end\":true}");

    packet.end = true;
    assert_int_equal(th_routing_on_link_packet(&bench->routing, bench->now, &packet), TH_OK);
    test_take(bench);
}

static inline void test_opened(struct test_bench *bench, struct th_hashname id, uint32_t c,
                               enum th_err why)
{
    assert_int_equal(th_routing_on_opened(&bench->routing, bench->now, &id, c, why), TH_OK);
    test_take(bench);
}

/* A link that we asked for, on channel c, from the line on. */
static inline void test_link_out(struct test_bench *bench, struct th_hashname id, uint32_t c)
{
    test_line_up(bench, id);
    assert_int_equal(test_count(bench, TH_ROUTING_OPEN), 1);
    test_opened(bench, id, c, TH_OK);
    test_hear(bench, id, c, true);
    assert_int_equal(test_count(bench, TH_ROUTING_LINK_UP), 1);
}

/* A link that they asked for. */
static inline void test_link_in(struct test_bench *bench, struct th_hashname id, uint32_t c)
{
    test_request(bench, id, c);
    assert_int_equal(test_count(bench, TH_ROUTING_LINK_UP), 1);
}

static inline void test_told(struct test_bench *bench, struct th_hashname id,
                             struct th_hashname via)
{
    const struct th_spare told = {.id = id, .csid = TH_CS3A, .has_via = true, .via = via};

    assert_int_equal(th_routing_on_told(&bench->routing, bench->now, &told, 1), TH_OK);
    test_take(bench);
}

static inline void test_reached(struct test_bench *bench, struct th_hashname id, enum th_err why)
{
    assert_int_equal(th_routing_on_reached(&bench->routing, bench->now, &id, why), TH_OK);
    test_take(bench);
}

/* Lets one moment come. */
static inline void test_tick_at(struct test_bench *bench, th_ms mono)
{
    bench->now = test_now(mono);
    assert_int_equal(th_routing_tick(&bench->routing, bench->now), TH_OK);
    test_take(bench);
}

#endif

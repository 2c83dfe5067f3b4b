/*
 * The switchboard over a wire that loses, repeats, reorders, bends and sends astray, with nodes that
 * restart: nothing crashes, and when the wire is well again every pair can talk.
 */
#include "switch/base/mem.h"
#include "tests/lib/boards.h"
#include "tests/lib/test_seed.h"

#include <stdio.h>

enum { RUNS = 60, STEPS = 400, NODES = 4 };

struct storm {
    struct wire w;
    struct th_rng rng;
    uint8_t boots;
};

static bool one_in(struct storm *s, uint64_t n)
{
    return th_rng_below(&s->rng, n) == 0;
}

static int any_node(struct storm *s)
{
    return (int)th_rng_below(&s->rng, NODES);
}

static void bend(struct storm *s, struct flight *f)
{
    size_t at = (size_t)th_rng_below(&s->rng, f->len);

    f->bytes[at] = (uint8_t)(f->bytes[at] ^ (1u << th_rng_below(&s->rng, 8)));
    if (one_in(s, 3))
        f->len = 1 + (size_t)th_rng_below(&s->rng, f->len);
}

/* Takes one datagram from anywhere in the queue and lets something happen to it. */
static void deliver_badly(struct storm *s)
{
    struct wire *w = &s->w;
    size_t i = (size_t)th_rng_below(&s->rng, w->flight_count);
    struct flight f = w->flight[i];

    w->flight[i] = w->flight[--w->flight_count];
    int to = wire_node_at(w, &f.to);
    if (to < 0 || one_in(s, 5))
        return;
    if (one_in(s, 8))
        bend(s, &f);
    if (one_in(s, 12))
        to = any_node(s);
    int times = one_in(s, 6) ? 2 : 1;
    while (times-- > 0)
        th_switchboard_on_datagram(w->board[to], w->now, &f.from,
                                   (struct th_bytes){f.bytes, f.len});
    wire_collect(w, to);
}

static void do_something(struct storm *s)
{
    struct wire *w = &s->w;
    int a = any_node(s), b = any_node(s);
    uint32_t c;
    enum th_err err = TH_OK;

    switch (th_rng_below(&s->rng, 4)) {
    case 0:
        err = wire_open(w, a, b);
        break;
    case 1:
        err = wire_channel(w, a, b, TH_CHANNEL_LINK, "\"seed\":true", &c);
        break;
    case 2:
        err = wire_channel(w, a, b, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c);
        break;
    case 3:
        if (one_in(s, 20))
            wire_restart(w, a, ++s->boots);
        break;
    }
    (void)err;
    wire_collect(w, a);
}

static void pass_some_time(struct storm *s)
{
    struct wire *w = &s->w;
    th_ms ms = th_rng_below(&s->rng, one_in(s, 10) ? 60000 : 1500);

    w->now.mono += ms;
    w->now.wall += (th_epoch_ms)ms;
    for (int i = 0; i < NODES; i++) {
        th_switchboard_tick(w->board[i], w->now);
        wire_collect(w, i);
    }
}

static void check_that_all_can_talk(struct storm *s)
{
    struct wire *w = &s->w;

    w->flight_count = 0;
    for (int round = 0; round < 40; round++) {
        for (int a = 0; a < NODES; a++)
            for (int b = 0; b < NODES; b++) {
                uint32_t c;
                if (a == b)
                    continue;
                enum th_err err = wire_open(w, a, b);
                assert_true(err == TH_OK || err == TH_AGAIN);
                err = wire_channel(w, a, b, TH_CHANNEL_PATH, "\"paths\":[]", &c);
                assert_true(err == TH_OK || err == TH_LIMIT);
            }
        w->seen_count = 0;
        wire_pass(w, 1000);
        w->seen_count = 0;
    }
    for (int a = 0; a < NODES; a++)
        for (int b = 0; b < NODES; b++) {
            uint32_t c;
            if (a == b)
                continue;
            w->seen_count = 0;
            assert_int_equal(wire_channel(w, a, b, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
            wire_settle(w);
            const struct seen *seen = wire_packet(w, b, TH_CHANNEL_SEEK);
            assert_non_null(seen);
            assert_int_equal(seen->action.channel.id, c);
        }
}

static void after_any_storm_every_pair_can_talk(void **state)
{
    (void)state;
    static struct storm s; /* too large for some stacks */

    test_seed(&s.rng);
    for (int run = 0; run < RUNS; run++) {
        wire_init(&s.w, NODES);
        s.boots = 100;
        for (int step = 0; step < STEPS; step++) {
            s.w.seen_count = 0;
            if (s.w.flight_count > WIRE_FLIGHT_MAX / 2)
                s.w.flight_count /= 2;
            if (s.w.flight_count > 0 && !one_in(&s, 4))
                deliver_badly(&s);
            else if (one_in(&s, 3))
                pass_some_time(&s);
            else
                do_something(&s);
        }
        check_that_all_can_talk(&s);
        wire_free(&s.w);
    }
}

static void noise_never_makes_a_line(void **state)
{
    (void)state;
    static struct storm s;
    uint8_t noise[TH_DATAGRAM_IN_MAX];

    test_seed(&s.rng);
    wire_init(&s.w, 1);
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)th_rng_below(&s.rng, 400);
        th_rng_fill(&s.rng, noise, len);
        if (len > 2 && one_in(&s, 2)) {
            noise[0] = 0;
            noise[1] = (uint8_t)th_rng_below(&s.rng, 3);
            noise[2] = 0x3a;
        }
        wire_deliver(&s.w, 0, &s.w.addr[0], noise, len);
        s.w.now.mono += 1;
    }

    assert_int_equal(s.w.sent[0], 0);
    assert_int_equal(s.w.seen_count, 0);
    wire_free(&s.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_any_storm_every_pair_can_talk),
        cmocka_unit_test(noise_never_makes_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * stream_pair.h - two ends of reliable channels and a network in memory between them that loses, delays,
 * reorders and doubles packets, under a virtual clock.
 *
 *     struct pair pair;
 *     pair_begin(&pair, &faults, channels, foreign);
 *     while (!done)
 *         pair_turn(&pair);          // the next moment at which anything happens
 *     pair_end(&pair);
 */
#ifndef TH_TESTS_STREAM_PAIR_H
#define TH_TESTS_STREAM_PAIR_H

#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "switch/core/reliable.h"

#include "tests/lib/test_cmocka.h"

#include <string.h>

enum {
    PAIR_CHANNELS_MAX = 20,
    PAIR_FLYING_MAX = 1 << 15,
    PAIR_BEGIN = 1000000,
    PAIR_MAX_MS = 3600000
};

struct faults {
    unsigned loss, doubled, late; /* per thousand; a late packet takes up to twice the delay more */
    th_ms delay;                  /* one way */
    uint64_t bytes_per_s;         /* of a bottleneck each way; 0 none */
    th_ms queue_ms;               /* what waits longer than that before it is dropped */
    th_ms
        flip_ms; /* so often the way carries large packets, or small ones alone; 0: small ones are sent */
};

struct flying {
    th_ms at;
    uint64_t number;
    uint8_t *bytes;
    uint16_t len;
};

/* One way. */
struct pipe {
    struct flying *heap; /* by time, then by order of sending */
    unsigned count;
    uint64_t sent, sent_bytes, number;
    uint64_t free_us; /* when the bottleneck is free again */
    uint64_t overflow;
};

struct end {
    struct th_congestion way;
    struct th_reliable *channel[PAIR_CHANNELS_MAX];
    unsigned turn;
    uint64_t drops[TH_DROP_COUNT];
};

struct pair {
    struct th_rng *rng;
    struct faults faults;
    struct th_now now;
    unsigned channels;
    bool is_foreign;
    struct end end[2];
    struct pipe pipe[2]; /* from end i */
};

static inline void pair_make(struct pair *pair, unsigned side, unsigned i, bool is_ours)
{
    const struct th_reliable_config config = {
        .c = 2 * i + 1, .type = "_test", .is_ours = is_ours, .way = &pair->end[side].way};

    pair->end[side].channel[i] = th_reliable_new(&config, pair->now);
    assert_non_null(pair->end[side].channel[i]);
}

static inline void pair_begin(struct pair *pair, struct th_rng *rng, const struct faults *faults,
                              unsigned channels, bool is_foreign)
{
    memset(pair, 0, sizeof *pair);
    pair->rng = rng;
    pair->faults = *faults;
    pair->now.mono = PAIR_BEGIN;
    pair->channels = channels;
    pair->is_foreign = is_foreign;
    for (unsigned side = 0; side < 2; side++) {
        th_congestion_init(&pair->end[side].way, 0, pair->now);
        pair->pipe[side].heap = th_mem_zalloc(PAIR_FLYING_MAX, sizeof(struct flying));
        for (unsigned i = 0; i < channels; i++)
            pair_make(pair, side, i, side == 0);
    }
}

static inline void pair_end(struct pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < pair->channels; i++)
            th_reliable_free(pair->end[side].channel[i]);
        assert_int_equal(pair->end[side].way.in_flight, 0);
        while (pair->pipe[side].count > 0)
            th_mem_free(pair->pipe[side].heap[--pair->pipe[side].count].bytes);
        th_mem_free(pair->pipe[side].heap);
    }
}

static inline bool flies_before(const struct flying *a, const struct flying *b)
{
    return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static inline void pipe_push(struct pipe *pipe, struct flying one)
{
    unsigned i = pipe->count++;

    assert_true(pipe->count <= PAIR_FLYING_MAX);
    for (; i > 0 && flies_before(&one, &pipe->heap[(i - 1) / 2]); i = (i - 1) / 2)
        pipe->heap[i] = pipe->heap[(i - 1) / 2];
    pipe->heap[i] = one;
}

static inline struct flying pipe_pop(struct pipe *pipe)
{
    struct flying first = pipe->heap[0], last = pipe->heap[--pipe->count];
    unsigned i = 0;

    for (;;) {
        unsigned child = 2 * i + 1;
        if (child + 1 < pipe->count && flies_before(&pipe->heap[child + 1], &pipe->heap[child]))
            child++;
        if (child >= pipe->count || !flies_before(&pipe->heap[child], &last))
            break;
        pipe->heap[i] = pipe->heap[child];
        i = child;
    }
    pipe->heap[i] = last;
    return first;
}

static inline bool pair_happens(struct pair *pair, unsigned per_thousand)
{
    return per_thousand > 0 && th_rng_below(pair->rng, 1000) < per_thousand;
}

/* Whether only small packets pass now. Who sends learns that a tenth of a second later. */
static inline bool pair_is_narrow(const struct pair *pair)
{
    return pair->faults.flip_ms > 0 && pair->now.mono / pair->faults.flip_ms % 2 == 1;
}

static inline size_t pair_cap(const struct pair *pair)
{
    th_ms flip_ms = pair->faults.flip_ms;
    bool is_known = flip_ms > 0 && pair->now.mono % flip_ms > 100;

    return flip_ms == 0 || (pair_is_narrow(pair) && is_known) ? TH_CHANPKT_MAX
                                                              : TH_CHANPKT_PROVEN_MAX;
}

static inline void pair_fly(struct pair *pair, unsigned from, const uint8_t *bytes, size_t len)
{
    struct pipe *pipe = &pair->pipe[from];
    const struct faults *f = &pair->faults;
    th_ms at = pair->now.mono + f->delay;

    pipe->sent++;
    pipe->sent_bytes += len;
    if (f->bytes_per_s > 0) {
        uint64_t now_us = pair->now.mono * 1000;
        if (pipe->free_us < now_us)
            pipe->free_us = now_us;
        if (pipe->free_us - now_us > f->queue_ms * 1000) {
            pipe->overflow++;
            return;
        }
        pipe->free_us += len * 1000000 / f->bytes_per_s;
        at += (pipe->free_us - now_us) / 1000;
    }
    if (pair_happens(pair, f->loss) || (pair_is_narrow(pair) && len > TH_CHANPKT_MAX))
        return;
    if (pair_happens(pair, f->late))
        at += th_rng_below(pair->rng, 2 * f->delay + 2);
    uint8_t *copy = th_mem_copy(bytes, len);
    pipe_push(pipe, (struct flying){at, pipe->number++, copy, (uint16_t)len});
}

/* A foreign peer neither sends nor reads keys of ours. */
static inline void make_foreign(struct th_relpkt *packet)
{
    assert_int_equal(packet->of, 0); /* it would take a part for all */
    packet->has_max = packet->takes_parts = false;
    packet->got_count = 0;
}

static inline void pair_arrive(struct pair *pair, unsigned to, const struct flying *one)
{
    struct th_relpkt packet;
    struct end *end = &pair->end[to];

    assert_int_equal(th_relpkt_read(&packet, (struct th_bytes){one->bytes, one->len}),
                     TH_DROP_NONE);
    if (pair->is_foreign)
        make_foreign(&packet);
    end->drops[th_reliable_on_packet(end->channel[packet.c / 2], pair->now, &packet)]++;
}

static inline void pair_deliver(struct pair *pair, unsigned to)
{
    struct pipe *pipe = &pair->pipe[1 - to];

    while (pipe->count > 0 && pipe->heap[0].at <= pair->now.mono) {
        struct flying one = pipe_pop(pipe);
        pair_arrive(pair, to, &one);
        if (pair_happens(pair, pair->faults.doubled))
            pair_arrive(pair, to, &one);
        th_mem_free(one.bytes);
    }
}

/* Each channel in turn, as a line does it. */
static inline void pair_pump(struct pair *pair, unsigned side)
{
    struct end *end = &pair->end[side];
    uint8_t out[TH_CHANPKT_PROVEN_MAX];
    unsigned idle = 0;
    size_t len;

    while (idle < pair->channels) {
        struct th_reliable *r = end->channel[end->turn++ % pair->channels];
        if (th_reliable_next(r, pair->now, out, pair_cap(pair), &len)) {
            pair_fly(pair, side, out, len);
            idle = 0;
        } else {
            idle++;
        }
    }
}

static inline th_ms pair_deadline(const struct pair *pair)
{
    th_ms at = TH_NEVER;

    for (unsigned side = 0; side < 2; side++) {
        if (pair->pipe[side].count > 0)
            at = th_sooner(at, pair->pipe[side].heap[0].at);
        for (unsigned i = 0; i < pair->channels; i++)
            at = th_sooner(at, th_reliable_deadline(pair->end[side].channel[i], pair->now));
    }
    return at;
}

/* Lets everything happen that is due now, then goes on to the next moment. */
static inline void pair_turn(struct pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        pair_deliver(pair, side);
        for (unsigned i = 0; i < pair->channels; i++)
            th_reliable_tick(pair->end[side].channel[i], pair->now);
        pair_pump(pair, side);
    }
    th_ms at = pair_deadline(pair);
    bool is_later = at > pair->now.mono && at != TH_NEVER;
    pair->now.mono = is_later ? at : pair->now.mono + 1;
    assert_true(pair->now.mono < PAIR_BEGIN + PAIR_MAX_MS); /* something waits for ever */
}

#endif

/*
 * core_reliable_test.c - whatever the network does, a reliable channel gives every byte, in order, once;
 * it holds a bounded memory, and shares its line.
 */
#include "tests/lib/stream_pair.h"

#include "tests/lib/test_seed.h"

#include <stdio.h>

static struct th_rng rng;

/* The byte at a position of a stream. */
static uint8_t byte_at(unsigned channel, uint64_t at)
{
    uint64_t x = (at / 8 + 1) * 0x9e3779b97f4a7c15ull + channel;

    return (uint8_t)((x ^ x >> 29) >> at % 8 * 8);
}

/* An application at both ends: writes all it can, reads all there is. */
struct flow {
    uint64_t size, written, read;
    bool is_ended, is_over; /* our end was said; theirs was read */
    th_ms over_at;
};

static void write_some(struct pair *pair, unsigned side, unsigned i, struct flow *flow)
{
    struct th_reliable *r = pair->end[side].channel[i];
    uint8_t bytes[4096];
    size_t taken = 1;

    while (flow->written < flow->size && taken > 0) {
        size_t len = 1 + th_rng_below(&rng, sizeof bytes);
        len = len < flow->size - flow->written ? len : (size_t)(flow->size - flow->written);
        for (size_t n = 0; n < len; n++)
            bytes[n] = byte_at(i + 100 * side, flow->written + n);
        enum th_err err = th_reliable_write(r, pair->now, (struct th_bytes){bytes, len}, &taken);
        if (err == TH_AGAIN)
            break;
        assert_int_equal(err, TH_OK);
        flow->written += taken;
    }
    if (flow->written == flow->size && !flow->is_ended) {
        th_reliable_end(r);
        flow->is_ended = true;
    }
}

static void read_all(struct pair *pair, unsigned side, unsigned i, struct flow *flow)
{
    struct th_reliable *r = pair->end[side].channel[i];
    uint8_t bytes[3000];
    size_t got;
    enum th_err err;

    while ((err = th_reliable_read(r, pair->now, bytes, 1 + th_rng_below(&rng, sizeof bytes),
                                   &got)) == TH_OK) {
        for (size_t n = 0; n < got; n++)
            if (bytes[n] != byte_at(i + 100 * (1 - side), flow->read + n))
                fail_msg("channel %u, byte %llu", i, (unsigned long long)(flow->read + n));
        flow->read += got;
    }
    if (err == TH_EOF && !flow->is_over) {
        flow->is_over = true;
        flow->over_at = pair->now.mono;
    } else if (err != TH_EOF) {
        assert_int_equal(err, TH_AGAIN);
    }
}

/* Both ways on each channel, until every end was read. size[1]: from the accepting side. Returns how long
 * it took. */
static th_ms transfer(struct pair *pair, const uint64_t size[2])
{
    struct flow flow[2][PAIR_CHANNELS_MAX] = {0};
    th_ms begin = pair->now.mono;
    unsigned over = 0;

    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < pair->channels; i++)
            flow[side][i].size = size[side];
    while (over < 2 * pair->channels) {
        over = 0;
        for (unsigned side = 0; side < 2; side++) {
            for (unsigned i = 0; i < pair->channels; i++) {
                read_all(pair, side, i, &flow[side][i]);
                write_some(pair, side, i, &flow[side][i]);
                over += flow[side][i].is_over;
            }
        }
        if (over < 2 * pair->channels)
            pair_turn(pair);
    }
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < pair->channels; i++)
            assert_int_equal(flow[side][i].read, size[1 - side]);
    return pair->now.mono - begin;
}

static void say(const char *what, const struct pair *pair, uint64_t size, th_ms took)
{
    struct th_reliable_look look;

    th_reliable_look(pair->end[0].channel[0], &look);
    printf("%s: %llu bytes in %llu ms, %llu packets, %llu again, %llu probes, %llu reductions\n",
           what, (unsigned long long)size, (unsigned long long)took,
           (unsigned long long)look.packets, (unsigned long long)look.again,
           (unsigned long long)look.probes, (unsigned long long)pair->end[0].way.reductions);
}

/* Returns how long the slowest took. */
static th_ms transfer_sizes(const struct faults *faults, bool is_foreign, uint64_t largest)
{
    static const uint64_t sizes[] = {0, 1, 999, 1006, 1007, 20000, 300000, 4000000};
    static struct pair pair;
    th_ms slowest = 0;

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= largest; i++) {
        const uint64_t both[2] = {sizes[i], i % 2 ? sizes[i] / 10 : 0};
        char what[80];
        pair_begin(&pair, &rng, faults, 1, is_foreign);
        th_ms took = transfer(&pair, both);
        snprintf(what, sizeof what, "%s loss %u %% late %u %%", is_foreign ? "foreign" : "ours",
                 faults->loss / 10, faults->late / 10);
        say(what, &pair, sizes[i], took);
        slowest = took > slowest ? took : slowest;
        pair_end(&pair);
    }
    return slowest;
}

static void every_byte_arrives_in_order_once_at_any_loss(void **state)
{
    (void)state;
    static const unsigned loss[] = {0, 10, 50, 100, 200};

    for (unsigned i = 0; i < sizeof loss / sizeof *loss; i++) {
        struct faults faults = {.loss = loss[i], .doubled = 20, .delay = 10};
        transfer_sizes(&faults, false, 4000000);
        faults.late = 100;
        transfer_sizes(&faults, false, 300000);
    }
}

/* What was sent large is sent again in parts, and those get lost, late and doubled too. */
static void every_byte_arrives_in_order_once_though_the_way_carries_now_more_now_less(void **state)
{
    (void)state;
    static const unsigned loss[] = {0, 10, 100, 200};

    for (unsigned i = 0; i < sizeof loss / sizeof *loss; i++) {
        struct faults faults = {
            .loss = loss[i], .doubled = 20, .late = 50, .delay = 10, .flip_ms = 300};
        transfer_sizes(&faults, false, loss[i] < 100 ? 4000000 : 300000);
        transfer_sizes(&faults, true, 20000);
        faults.flip_ms = (PAIR_BEGIN + 200) / 3; /* after 0.2 s less, for five minutes */
        /* Both parts of what was cut large have to come, or it waits until it passes whole. */
        assert_true(transfer_sizes(&faults, false, 300000) < 200000);
    }
}

static void foreign_peer_gets_every_byte_in_order_once(void **state)
{
    (void)state;
    static const unsigned loss[] = {0, 10, 100, 200};

    for (unsigned i = 0; i < sizeof loss / sizeof *loss; i++) {
        const struct faults faults = {.loss = loss[i], .doubled = 20, .late = 50, .delay = 10};
        transfer_sizes(&faults, true, loss[i] < 100 ? 300000 : 20000);
    }
}

static void reader_that_stalls_stops_the_writer_and_bounds_memory(void **state)
{
    (void)state;
    const struct faults faults = {.delay = 20, .loss = 10};
    static struct pair pair;
    struct flow out = {.size = 20000000}, in = {0};
    struct th_reliable_look sender, receiver;

    pair_begin(&pair, &rng, &faults, 1, false);
    for (unsigned round = 0; round < 3; round++) {
        th_ms until = pair.now.mono + 300000; /* five minutes of stalling: it stays open */
        while (pair.now.mono < until) {
            write_some(&pair, 0, 0, &out);
            pair_turn(&pair);
        }
        th_reliable_look(pair.end[0].channel[0], &sender);
        th_reliable_look(pair.end[1].channel[0], &receiver);
        assert_true(sender.waiting <= TH_REL_SEND_MAX);
        assert_true(receiver.unread <= (uint64_t)receiver.window * TH_CHANPKT_MAX);
        assert_true(out.written < out.size);
        uint64_t before = in.read;
        while (in.read < before + 3000000) { /* it goes on at once when the reader does */
            read_all(&pair, 1, 0, &in);
            write_some(&pair, 0, 0, &out);
            pair_turn(&pair);
        }
    }
    pair_end(&pair);
}

/* Jain's index of what each of so many got since. */
static double index_of(const struct flow *in, const uint64_t *before, unsigned count)
{
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < count; i++) {
        double got = (double)(in[i].read - before[i]);
        sum += got;
        squares += got * got;
    }
    return sum * sum / (count * squares);
}

/* The window of the line was large when a queue made each round trip long, so that credit was what they
 * shared, and those that came later were never given more: an index of 0.45, and of 0.6 over loopback. */
static void stream_that_began_first_gets_no_more_than_those_that_came_when_it_was_slow(void **state)
{
    (void)state;
    enum { STREAMS = 10, ALONE_MS = 500, WARM_MS = 20000, ALL_MS = 40000 };
    const struct faults faults = {.delay = 1, .bytes_per_s = 100000000, .queue_ms = 5000};
    static struct pair pair;
    static struct flow out[STREAMS], in[STREAMS];
    uint64_t before[STREAMS] = {0};

    pair_begin(&pair, &rng, &faults, STREAMS, false);
    for (th_ms begin = pair.now.mono; pair.now.mono < begin + ALL_MS; pair_turn(&pair)) {
        bool is_alone = pair.now.mono < begin + ALONE_MS;
        pair.faults.bytes_per_s = is_alone ? 100000000 : 3000000;
        for (unsigned i = 0; i < (is_alone ? 1 : STREAMS); i++) {
            out[i].size = UINT64_MAX;
            write_some(&pair, 0, i, &out[i]);
            read_all(&pair, 1, i, &in[i]);
            if (pair.now.mono < begin + WARM_MS)
                before[i] = in[i].read;
        }
    }
    double jain = index_of(in, before, STREAMS);
    printf("Jain's index of %d streams, of which one began first: %.4f\n", STREAMS, jain);
    assert_true(jain >= 0.98);
    pair_end(&pair);
}

static void twenty_streams_of_one_line_share_it_fairly(void **state)
{
    (void)state;
    const struct faults faults = {.delay = 20, .bytes_per_s = 2500000, .queue_ms = 50};
    static struct pair pair;
    static struct flow out[PAIR_CHANNELS_MAX], in[PAIR_CHANNELS_MAX];
    const uint64_t before[PAIR_CHANNELS_MAX] = {0};
    double sum = 0;

    pair_begin(&pair, &rng, &faults, PAIR_CHANNELS_MAX, false);
    for (th_ms until = pair.now.mono + 20000; pair.now.mono < until; pair_turn(&pair)) {
        for (unsigned i = 0; i < PAIR_CHANNELS_MAX; i++) {
            out[i].size = UINT64_MAX;
            write_some(&pair, 0, i, &out[i]);
            read_all(&pair, 1, i, &in[i]);
        }
    }
    for (unsigned i = 0; i < PAIR_CHANNELS_MAX; i++)
        sum += (double)in[i].read;
    double jain = index_of(in, before, PAIR_CHANNELS_MAX);
    printf("Jain's index of %d streams: %.4f; %.0f %% of the link; %llu overflows\n",
           PAIR_CHANNELS_MAX, jain, sum / 20 / 25000, (unsigned long long)pair.pipe[0].overflow);
    assert_true(jain >= 0.98);
    assert_true(sum / 20 > 0.8 * 2500000);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order_once_at_any_loss),
        cmocka_unit_test(every_byte_arrives_in_order_once_though_the_way_carries_now_more_now_less),
        cmocka_unit_test(foreign_peer_gets_every_byte_in_order_once),
        cmocka_unit_test(reader_that_stalls_stops_the_writer_and_bounds_memory),
        cmocka_unit_test(twenty_streams_of_one_line_share_it_fairly),
        cmocka_unit_test(
            stream_that_began_first_gets_no_more_than_those_that_came_when_it_was_slow),
    };

    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How long what was written before a stream was let go is still sent. */
#include "tests/lib/stream_pair.h"

static struct pair pair;
static struct th_rng rng;
static const uint8_t seed[TH_RNG_SEED_BYTES] = {1};

static struct th_reliable *ours(void)
{
    return pair.end[0].channel[0];
}

static struct th_reliable *theirs(void)
{
    return pair.end[1].channel[0];
}

/* Found by the simulator: what was left a minute after the release was thrown away, however well it went. */
static void what_was_written_before_a_release_arrives_over_a_way_that_takes_minutes(void **state)
{
    (void)state;
    static const struct faults narrow = {.delay = 10, .bytes_per_s = 500, .queue_ms = 5000};
    static uint8_t bytes[60000], buffer[60000];
    size_t sent, got = 0, len;
    th_rng_init(&rng, seed);
    pair_begin(&pair, &rng, &narrow, 1, false);
    assert_int_equal(
        th_reliable_write(ours(), pair.now, (struct th_bytes){bytes, sizeof bytes}, &sent), TH_OK);
    assert_true(sent > 500 * 3 / 2 * TH_REL_RELEASE_MS / 1000);
    th_reliable_release(ours(), pair.now);

    enum th_err err = TH_AGAIN;
    while (err == TH_AGAIN || err == TH_OK) {
        pair_turn(&pair);
        err = th_reliable_read(theirs(), pair.now, buffer, sizeof buffer, &len);
        got += err == TH_OK ? len : 0;
    }
    assert_int_equal(err, TH_EOF);
    assert_int_equal(got, sent);
    pair_end(&pair);
}

/* Sends what is due, and has it acknowledged up to this one. */
static void acknowledge(uint32_t ack)
{
    uint8_t out[TH_CHANPKT_MAX];
    struct th_relpkt packet = {.c = 1, .has_ack = true, .ack = ack};
    size_t len;

    th_reliable_tick(ours(), pair.now);
    while (th_reliable_next(ours(), pair.now, out, sizeof out, &len))
        continue;
    if (th_reliable_why(ours()) == TH_OK)
        assert_int_equal(th_reliable_on_packet(ours(), pair.now, &packet), TH_DROP_NONE);
}

/* Each acknowledgement began the minute anew: a packet in 50 s held a megabyte for half a day. */
static void
peer_that_takes_a_packet_now_and_then_holds_what_was_released_for_ten_minutes(void **state)
{
    (void)state;
    static const struct faults quiet = {.delay = 10};
    static const uint8_t bytes[60000];
    const th_ms pause = 5000; /* others are given up after ten seconds of silence */
    size_t sent;
    th_rng_init(&rng, seed);
    pair_begin(&pair, &rng, &quiet, 1, true);
    assert_int_equal(
        th_reliable_write(ours(), pair.now, (struct th_bytes){bytes, sizeof bytes}, &sent), TH_OK);
    acknowledge(0);
    th_reliable_release(ours(), pair.now);

    th_ms passed = 0;
    for (; passed < 2 * TH_REL_RELEASE_MAX_MS; passed += pause) {
        acknowledge((uint32_t)(passed / 50000));
        if (th_reliable_why(ours()) != TH_OK)
            break;
        pair.now.mono += pause;
    }
    assert_int_equal(passed, TH_REL_RELEASE_MAX_MS);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_before_a_release_arrives_over_a_way_that_takes_minutes),
        cmocka_unit_test(
            peer_that_takes_a_packet_now_and_then_holds_what_was_released_for_ten_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

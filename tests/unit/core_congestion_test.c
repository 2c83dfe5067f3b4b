/* How much may be on its way, and how fast. */
#include "switch/core/congestion.h"

#include "tests/lib/test_cmocka.h"

static struct th_congestion way;
static struct th_now now;

static void begin(uint32_t rtt_ms)
{
    now.mono = 1000;
    th_congestion_init(&way, rtt_ms, now);
}

/* Sends a whole window, which is acknowledged a round trip later. */
static void round_trip(th_ms rtt_ms)
{
    th_ms sent_at = now.mono;
    uint64_t packets = way.window / TH_WAY_STEP;

    for (uint64_t i = 0; i < packets; i++)
        th_congestion_on_sent(&way, TH_WAY_STEP, now);
    (void)th_congestion_may_send(&way, TH_WAY_STEP, now); /* it is full */
    now.mono += rtt_ms;
    for (uint64_t i = 0; i < packets; i++) {
        th_congestion_on_rtt(&way, rtt_ms, now);
        th_congestion_on_acked(&way, TH_WAY_STEP, TH_WAY_STEP, sent_at, now);
    }
    now.mono += 2;
}

static void window_doubles_each_round_trip_at_first(void **state)
{
    (void)state;
    begin(50);
    uint64_t before = way.window;
    round_trip(50);
    assert_in_range(way.window, 19 * before / 10, 2 * before);
}

static void rise_of_the_delay_ends_slow_start_before_anything_is_lost(void **state)
{
    (void)state;
    begin(50);
    round_trip(50);
    round_trip(50);
    for (unsigned i = 0; i < 8; i++)
        round_trip(60 + 10 * i);
    assert_true(way.window >= way.threshold);
    assert_int_equal(way.reductions, 0);
    uint64_t before = way.window;
    round_trip(100);
    assert_true(way.window < before + before / 2);
}

static void losses_of_one_round_trip_reduce_the_window_once(void **state)
{
    (void)state;
    begin(50);
    round_trip(50);
    uint64_t before = way.window;

    for (unsigned i = 0; i < 10; i++)
        th_congestion_on_sent(&way, TH_WAY_STEP, now);
    th_ms sent_at = now.mono;
    now.mono += 50;
    for (unsigned i = 0; i < 10; i++)
        th_congestion_on_lost(&way, TH_WAY_STEP, sent_at, now);
    assert_int_equal(way.window, before * 7 / 10);
    assert_int_equal(way.reductions, 1);
    assert_int_equal(way.in_flight, 0);
}

static void first_that_is_lost_may_leave_again_though_the_window_is_full(void **state)
{
    (void)state;
    begin(50);
    round_trip(50);
    while (way.in_flight + TH_WAY_STEP <= way.window)
        th_congestion_on_sent(&way, TH_WAY_STEP, now);
    assert_false(th_congestion_may_send_again(&way));
    th_ms sent_at = now.mono;
    now.mono += 50;
    th_congestion_on_lost(&way, TH_WAY_STEP, sent_at, now);
    th_congestion_on_lost(&way, TH_WAY_STEP, sent_at, now);

    assert_false(th_congestion_may_send(&way, TH_WAY_STEP, now));
    assert_true(th_congestion_may_send_again(&way));
    assert_false(th_congestion_may_send_again(&way));
}

static void window_comes_back_to_where_it_was_by_the_curve(void **state)
{
    (void)state;
    begin(50);
    for (unsigned i = 0; i < 5; i++)
        round_trip(50);
    uint64_t before = way.window;
    th_congestion_on_sent(&way, TH_WAY_STEP, now);
    th_congestion_on_lost(&way, TH_WAY_STEP, now.mono, now);
    now.mono++;

    th_ms reduced_at = now.mono;
    while (way.window < before)
        round_trip(50);
    /* K = cbrt(W_max * 0.3 / 0.4) seconds, W_max in segments */
    double segments = (double)before / TH_WAY_STEP, k = 0;
    while (k * k * k < segments * 0.75)
        k += 0.01;
    assert_in_range(now.mono - reduced_at, (unsigned)(k * 700), (unsigned)(k * 1300));
}

static void packets_of_a_window_are_spread_over_the_round_trip(void **state)
{
    (void)state;
    unsigned sent = 0, at_once = 0;
    begin(100);
    way.window = 1000000;
    way.threshold = 500000;
    for (th_ms until = now.mono + 100; now.mono < until; now.mono++) {
        while (th_congestion_may_send(&way, TH_WAY_STEP, now)) {
            th_congestion_on_sent(&way, TH_WAY_STEP, now);
            sent++;
        }
        at_once = at_once ? at_once : sent;
        assert_true(th_congestion_send_at(&way, now) <= now.mono + 2);
    }
    assert_true(at_once <= 30);
    assert_in_range(sent, 640, 1000000 / TH_WAY_STEP);
}

static void application_that_sends_little_does_not_grow_the_window(void **state)
{
    (void)state;
    begin(50);
    uint64_t before = way.window;
    for (unsigned i = 0; i < 100; i++) {
        th_ms sent_at = now.mono;
        th_congestion_on_sent(&way, 100, now);
        now.mono += 50;
        th_congestion_on_acked(&way, 100, 100, sent_at, now);
    }
    assert_int_equal(way.window, before);
}

static void probe_waits_for_the_round_trip_and_its_spread(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(th_congestion_probe_ms(&way, 0), 3 * TH_WAY_RTT_FIRST_MS + 1);
    for (unsigned i = 0; i < 100; i++)
        th_congestion_on_rtt(&way, 40, now);
    assert_in_range(th_congestion_probe_ms(&way, 5), 46, 48);
    th_congestion_on_rtt(&way, 140, now);
    assert_in_range(th_congestion_probe_ms(&way, 0), 140, 160);
}

static void move_and_outage_begin_small(void **state)
{
    (void)state;
    begin(50);
    for (unsigned i = 0; i < 5; i++)
        round_trip(50);
    th_congestion_on_sent(&way, 500, now);
    th_congestion_on_moved(&way, now);
    assert_int_equal(way.window, TH_WAY_WINDOW_FIRST);
    assert_int_equal(way.in_flight, 500);
    assert_int_equal(way.srtt_us, 0);
    th_congestion_on_outage(&way, now);
    assert_int_equal(way.window, TH_WAY_WINDOW_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_doubles_each_round_trip_at_first),
        cmocka_unit_test(rise_of_the_delay_ends_slow_start_before_anything_is_lost),
        cmocka_unit_test(losses_of_one_round_trip_reduce_the_window_once),
        cmocka_unit_test(first_that_is_lost_may_leave_again_though_the_window_is_full),
        cmocka_unit_test(window_comes_back_to_where_it_was_by_the_curve),
        cmocka_unit_test(packets_of_a_window_are_spread_over_the_round_trip),
        cmocka_unit_test(application_that_sends_little_does_not_grow_the_window),
        cmocka_unit_test(probe_waits_for_the_round_trip_and_its_spread),
        cmocka_unit_test(move_and_outage_begin_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

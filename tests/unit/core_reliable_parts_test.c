/* What comes in parts, from a peer that means harm. */
#include "switch/core/reliable.h"

#include "tests/lib/test_cmocka.h"

static const struct th_now begin_now = {.mono = 1000000, .wall = 1400000000000};
static struct th_now now;
static struct th_congestion way;
static struct th_reliable *r;
static uint8_t bytes[TH_CHANPKT_PROVEN_MAX + 1], buffer[TH_CHANPKT_PROVEN_MAX + 1];

static void begin(void)
{
    const struct th_reliable_config config = {
        .c = 1, .type = "_test", .is_compact = true, .takes_parts = true, .way = &way};

    now = begin_now;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    th_congestion_init(&way, 0, now);
    r = th_reliable_new(&config, now);
    assert_non_null(r);
}

static enum th_drop take(uint32_t seq, uint32_t at, uint32_t len, uint32_t of, bool end)
{
    const struct th_relpkt packet = {.c = 1,
                                     .has_seq = true,
                                     .seq = seq,
                                     .at = at,
                                     .of = of,
                                     .end = end,
                                     .body = {bytes + at, len}};

    return th_reliable_on_packet(r, now, &packet);
}

static void assert_reads(size_t len)
{
    size_t got = 0;

    assert_int_equal(th_reliable_read(r, now, buffer, sizeof buffer, &got), TH_OK);
    assert_int_equal(got, len);
    assert_memory_equal(buffer, bytes, len);
}

static void assert_nothing(enum th_err err)
{
    size_t got;

    assert_int_equal(th_reliable_read(r, now, buffer, sizeof buffer, &got), err);
}

static void whole_that_is_larger_than_any_is_not_begun(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(0, 0, 10, TH_CHANPKT_PROVEN_MAX + 1, false), TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(0, 0, 10, UINT32_MAX, false), TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(0, 0, 1000, TH_CHANPKT_PROVEN_MAX, false), TH_DROP_NONE);
    assert_nothing(TH_AGAIN);

    /* nor does it become so later */
    assert_int_equal(
        take(0, 1000, TH_CHANPKT_PROVEN_MAX + 1 - 1000, TH_CHANPKT_PROVEN_MAX + 1, false),
        TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(0, 1000, TH_CHANPKT_PROVEN_MAX - 1000, TH_CHANPKT_PROVEN_MAX, false),
                     TH_DROP_NONE);
    assert_reads(TH_CHANPKT_PROVEN_MAX);
    th_reliable_free(r);
}

static void whole_that_changes_its_size_between_parts_is_what_its_last_part_says(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(0, 0, 10, 20, false), TH_DROP_NONE);
    assert_int_equal(take(0, 10, 5, 1000, false), TH_DROP_NONE);
    assert_nothing(TH_AGAIN);
    assert_int_equal(take(0, 5, 3, 8, false), TH_DROP_STREAM_REPEAT); /* what is there is longer */
    assert_int_equal(take(0, 15, 3, 18, false), TH_DROP_NONE);
    assert_reads(18);
    assert_int_equal(take(0, 18, 2, 20, false), TH_DROP_STREAM_REPEAT);
    assert_nothing(TH_AGAIN);
    th_reliable_free(r);
}

static void part_beyond_the_end_is_never_read(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(1, 0, 10, 20, false), TH_DROP_NONE); /* before the end is known */
    assert_int_equal(take(0, 0, 10, 0, true), TH_DROP_NONE);
    assert_int_equal(take(1, 10, 10, 20, false), TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(2, 0, 20, 20, true), TH_DROP_STREAM_BEYOND);
    assert_reads(10);
    assert_nothing(TH_EOF);
    th_reliable_free(r);
}

static void part_beyond_the_credit_is_not_kept(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(TH_REL_WINDOW_FIRST, 0, 10, 20, false), TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(UINT32_MAX, 0, 10, 20, false), TH_DROP_STREAM_BEYOND);
    assert_int_equal(take(TH_REL_WINDOW_FIRST - 1, 0, 10, 20, false), TH_DROP_NONE);
    th_reliable_free(r);
}

static void whole_takes_the_place_of_its_parts(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(0, 0, 10, 20, false), TH_DROP_NONE);
    assert_int_equal(take(0, 0, 15, 0, false), TH_DROP_NONE);
    assert_reads(15);
    th_reliable_free(r);
}

/* Memory that it held would be lost, or used again, without the sanitizer's notice in other builds. */
static void parts_are_let_go_when_the_channel_rests(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(0, 0, 10, 20, false), TH_DROP_NONE);
    assert_int_equal(take(1, 0, 10, 20, false), TH_DROP_NONE);
    now.mono += TH_REL_KEEP_MS;
    th_reliable_tick(r, now);
    assert_int_equal(take(0, 10, 10, 20, false),
                     TH_DROP_STREAM_REPEAT); /* the first part is gone */
    assert_int_equal(take(0, 0, 10, 20, false), TH_DROP_NONE);
    assert_int_equal(take(0, 10, 10, 20, false), TH_DROP_NONE);
    assert_reads(20);
    th_reliable_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_that_is_larger_than_any_is_not_begun),
        cmocka_unit_test(whole_that_changes_its_size_between_parts_is_what_its_last_part_says),
        cmocka_unit_test(part_beyond_the_end_is_never_read),
        cmocka_unit_test(part_beyond_the_credit_is_not_kept),
        cmocka_unit_test(whole_takes_the_place_of_its_parts),
        cmocka_unit_test(parts_are_let_go_when_the_channel_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

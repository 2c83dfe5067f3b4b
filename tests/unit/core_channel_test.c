#include "switch/core/channel.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

static const struct th_now now = {.mono = 1000, .wall = 1400000000000};

static void lower_hashname_counts_even_from_two_and_the_other_odd_from_one(void **state)
{
    (void)state;
    struct th_channels lower, higher;
    th_channels_init(&lower, true);
    th_channels_init(&higher, false);

    assert_int_equal(th_channels_open(&lower, TH_CHANNEL_SEEK, 3000, now)->id, 2);
    assert_int_equal(th_channels_open(&lower, TH_CHANNEL_SEEK, 3000, now)->id, 4);
    assert_int_equal(th_channels_open(&higher, TH_CHANNEL_SEEK, 3000, now)->id, 1);
    assert_int_equal(th_channels_open(&higher, TH_CHANNEL_SEEK, 3000, now)->id, 3);

    th_channels_clear(&lower);
    th_channels_clear(&higher);
}

static enum th_drop accept(struct th_channels *channels, uint32_t id)
{
    struct th_channel *channel;
    return th_channels_accept(channels, id, TH_CHANNEL_SEEK, now, &channel);
}

static void number_of_our_parity_is_refused(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, true);

    assert_int_equal(accept(&channels, 2), TH_DROP_CHANNEL_PARITY);
    assert_int_equal(accept(&channels, 1), TH_DROP_NONE);

    th_channels_clear(&channels);
}

static void number_is_used_once_and_slightly_out_of_order_is_accepted(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, false);

    assert_int_equal(accept(&channels, 10), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 6), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 6), TH_DROP_CHANNEL_CLOSED);
    assert_int_equal(accept(&channels, 8), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 10), TH_DROP_CHANNEL_CLOSED);
    assert_int_equal(accept(&channels, 400), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 12), TH_DROP_CHANNEL_CLOSED); /* too far back to know */

    th_channels_clear(&channels);
}

static void closed_number_stays_used(void **state)
{
    (void)state;
    struct th_channels channels;
    struct th_channel *theirs;
    th_channels_init(&channels, false);
    struct th_channel *ours = th_channels_open(&channels, TH_CHANNEL_LINK, 60000, now);
    assert_int_equal(th_channels_accept(&channels, 2, TH_CHANNEL_SEEK, now, &theirs), TH_DROP_NONE);
    assert_false(th_channels_was_used(&channels, 1));

    th_channels_close(&channels, ours);
    th_channels_close(&channels, theirs);

    assert_true(th_channels_was_used(&channels, 1));
    assert_true(th_channels_was_used(&channels, 2));
    assert_false(th_channels_was_used(&channels, 3));
    assert_false(th_channels_was_used(&channels, 4));
    assert_int_equal(accept(&channels, 2), TH_DROP_CHANNEL_CLOSED);
}

static void hidden_channel_has_a_number_that_those_beside_it_do_not_tell(void **state)
{
    (void)state;
    enum { DRAWS = 100 };
    struct th_channels channels;
    struct th_rng rng;
    uint32_t id[DRAWS], low = UINT32_MAX, high = 0;
    th_channels_init(&channels, true);
    th_rng_init(&rng, (const uint8_t[TH_RNG_SEED_BYTES]){1});
    assert_int_equal(th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now)->id, 2);
    assert_false(th_channels_is_hidden(&channels, 2));

    for (unsigned i = 0; i < DRAWS; i++) {
        struct th_channel *channel = th_channels_open_hidden(&channels, 10000, &rng, now);
        assert_true(channel->is_ours && channel->type == TH_CHANNEL_PATH && channel->id % 2 == 0);
        id[i] = channel->id;
        low = id[i] < low ? id[i] : low;
        high = id[i] > high ? id[i] : high;
        assert_true(th_channels_is_hidden(&channels, id[i]));
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(id[i], id[j]);
    }
    uint32_t next = th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now)->id;

    assert_int_equal(next, 2 + 2u * TH_CHANNELS_HIDDEN + 2);
    assert_true(low > 2 && high < next && high - low > TH_CHANNELS_HIDDEN);
    assert_false(th_channels_is_hidden(&channels, next));
    assert_false(th_channels_is_hidden(&channels, next - 1)); /* of theirs */
    th_channels_clear(&channels);
}

static enum th_drop accept_path(struct th_channels *channels, uint32_t id)
{
    struct th_channel *channel;
    return th_channels_accept(channels, id, TH_CHANNEL_PATH, now, &channel);
}

static void late_answer_of_a_hidden_channel_is_no_guess(void **state)
{
    (void)state;
    struct th_channels channels;
    struct th_rng rng;
    uint32_t first = 0;
    th_channels_init(&channels, false);
    th_rng_init(&rng, (const uint8_t[TH_RNG_SEED_BYTES]){1});

    for (unsigned i = 0; i <= TH_CHANNELS_HIDDEN_ENDED; i++) {
        assert_true(i == 0 || !th_channels_is_guess(&channels, first));
        struct th_channel *channel = th_channels_open_hidden(&channels, 10000, &rng, now);
        first = i == 0 ? channel->id : first;
        assert_false(th_channels_is_guess(&channels, channel->id));
        assert_true(th_channels_is_guess(&channels, channel->id == 3 ? 5 : 3));
        th_channels_close(&channels, channel);
    }

    assert_true(th_channels_is_guess(&channels, first)); /* so many are remembered */
    assert_false(th_channels_is_guess(&channels, channels.last_ours + 2));
    th_channels_clear(&channels);
}

/* The first packet of a stream that was lost comes again, after a hidden request and what followed it. */
static void numbers_below_those_that_were_left_out_are_known_as_before(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, false);
    assert_int_equal(accept(&channels, 6), TH_DROP_NONE);

    assert_int_equal(accept_path(&channels, 800000), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 8 + 2u * TH_CHANNELS_HIDDEN), TH_DROP_NONE);
    assert_int_equal(accept_path(&channels, 400000), TH_DROP_NONE);

    assert_int_equal(accept(&channels, 4), TH_DROP_NONE);
    assert_int_equal(accept(&channels, 4), TH_DROP_CHANNEL_CLOSED);
    assert_int_equal(accept(&channels, 6), TH_DROP_CHANNEL_CLOSED);
    assert_int_equal(accept(&channels, 200000), TH_DROP_CHANNEL_CLOSED); /* no path */
    assert_int_equal(accept(&channels, 4 + 2u * TH_CHANNELS_HIDDEN), TH_DROP_NONE);
    th_channels_clear(&channels);
}

/* Of twenty streams that began at once one was refused as used: its first packet was lost, numbers were left
 * out then, and a later stream came first. */
static void number_before_those_that_were_left_out_is_new_when_it_comes_late(void **state)
{
    (void)state;
    const uint32_t before[] = {0, 6}; /* the last that came; 0 none */

    for (unsigned i = 0; i < 2; i++) {
        struct th_channels channels;
        uint32_t late = before[i] + 4;
        th_channels_init(&channels, false);
        if (before[i] > 0)
            assert_int_equal(accept(&channels, before[i]), TH_DROP_NONE);
        assert_int_equal(accept(&channels, late + 8 + 2u * TH_CHANNELS_HIDDEN), TH_DROP_NONE);

        assert_false(th_channels_was_used(&channels, late));
        assert_int_equal(accept(&channels, late), TH_DROP_NONE);

        th_channels_close(&channels, th_channels_find(&channels, late));
        assert_true(th_channels_was_used(&channels, late));
        assert_int_equal(accept(&channels, late), TH_DROP_CHANNEL_CLOSED);
        assert_int_equal(accept(&channels, late - 2), TH_DROP_NONE);
        assert_int_equal(accept(&channels, late + 2), TH_DROP_NONE);
        assert_int_equal(accept_path(&channels, late + 4), TH_DROP_NONE); /* may be hidden */
        assert_false(th_channels_was_used(&channels, late + 6));
        assert_true(th_channels_was_used(&channels, late + 1000));
        th_channels_clear(&channels);
    }
}

static void no_channel_is_hidden_when_too_few_numbers_are_left(void **state)
{
    (void)state;
    struct th_channels channels;
    struct th_rng rng;
    th_channels_init(&channels, false);
    th_rng_init(&rng, (const uint8_t[TH_RNG_SEED_BYTES]){1});
    channels.last_ours = UINT32_MAX - 2u * TH_CHANNELS_HIDDEN + 2;

    assert_null(th_channels_open_hidden(&channels, 10000, &rng, now));
    channels.last_ours -= 2;
    th_mem_refuse(1);
    assert_null(th_channels_open_hidden(&channels, 10000, &rng, now));
    assert_non_null(th_channels_open_hidden(&channels, 10000, &rng, now));
    assert_null(th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now)); /* all are used up */
    th_channels_clear(&channels);
}

static void silence_ends_a_channel_and_traffic_puts_it_off(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, true);
    struct th_channel *seek = th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now);
    struct th_channel *link = th_channels_open(&channels, TH_CHANNEL_LINK, 60000, now);

    assert_int_equal(th_channels_deadline(&channels), 4000);
    assert_null(th_channels_expired(&channels, (struct th_now){.mono = 3999}));
    assert_ptr_equal(th_channels_expired(&channels, (struct th_now){.mono = 4000}), seek);
    th_channel_touch(seek, (struct th_now){.mono = 3500});
    assert_int_equal(th_channels_deadline(&channels), 6500);
    th_channels_close(&channels, seek);
    assert_int_equal(th_channels_deadline(&channels), 61000);

    th_channels_close(&channels, link);
    assert_int_equal(th_channels_deadline(&channels), TH_NEVER);
}

static void its_times_are_right_after_many_days(void **state)
{
    (void)state;
    const struct th_now late = {.mono = (UINT64_C(7) << 32) - 100};
    struct th_channels channels;
    th_channels_init(&channels, true);

    const struct th_channel *channel = th_channels_open(&channels, TH_CHANNEL_LINK, 60000, late);

    assert_non_null(channel);
    assert_true(th_channel_opened_at(channel) == late.mono);
    assert_true(th_channels_deadline(&channels) == late.mono + 60000);
    assert_null(th_channels_expired(&channels, (struct th_now){.mono = late.mono + 59999}));
    assert_ptr_equal(th_channels_expired(&channels, (struct th_now){.mono = late.mono + 60000}),
                     channel);
    th_channels_clear(&channels);
}

static void silence_does_not_end_a_reliable_one_that_is_touched(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, true);
    struct th_channel *channel = th_channels_open(&channels, TH_CHANNEL_OTHER, UINT32_MAX, now);
    assert_non_null(channel);

    th_channel_make_reliable(channel, NULL);
    th_channel_touch(channel, (struct th_now){.mono = now.mono + 1000});

    assert_true(th_channel_ends_at(channel) == now.mono + 1000 + UINT32_MAX);
    th_channels_clear(&channels);
}

static void limit_of_channels_is_reached_by_both_sides_together(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, true);

    for (unsigned i = 0; i < TH_CHANNELS_MAX / 2; i++) {
        assert_non_null(th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now));
        assert_int_equal(accept(&channels, 2 * i + 1), TH_DROP_NONE);
    }

    assert_null(th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now));
    assert_int_equal(accept(&channels, 2 * TH_CHANNELS_MAX + 1), TH_DROP_CHANNEL_LIMIT);
    th_channels_clear(&channels);
}

static void refused_memory_is_a_channel_over_the_limit(void **state)
{
    (void)state;
    struct th_channels channels;
    th_channels_init(&channels, true);

    th_mem_refuse(1);
    assert_null(th_channels_open(&channels, TH_CHANNEL_SEEK, 3000, now));
    th_mem_refuse(1);
    assert_int_equal(accept(&channels, 1), TH_DROP_CHANNEL_LIMIT);

    assert_int_equal(accept(&channels, 1), TH_DROP_NONE);
    th_channels_clear(&channels);
}

static void names_of_the_specification_are_types_and_others_are_not(void **state)
{
    (void)state;
    assert_int_equal(th_channel_type_of("seek"), TH_CHANNEL_SEEK);
    assert_int_equal(th_channel_type_of("connect"), TH_CHANNEL_CONNECT);
    assert_int_equal(th_channel_type_of("other"), TH_CHANNEL_OTHER);
    assert_int_equal(th_channel_type_of("_chat"), TH_CHANNEL_OTHER);
    assert_string_equal(th_channel_type_name(TH_CHANNEL_LINK), "link");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lower_hashname_counts_even_from_two_and_the_other_odd_from_one),
        cmocka_unit_test(number_of_our_parity_is_refused),
        cmocka_unit_test(number_is_used_once_and_slightly_out_of_order_is_accepted),
        cmocka_unit_test(closed_number_stays_used),
        cmocka_unit_test(hidden_channel_has_a_number_that_those_beside_it_do_not_tell),
        cmocka_unit_test(late_answer_of_a_hidden_channel_is_no_guess),
        cmocka_unit_test(numbers_below_those_that_were_left_out_are_known_as_before),
        cmocka_unit_test(number_before_those_that_were_left_out_is_new_when_it_comes_late),
        cmocka_unit_test(no_channel_is_hidden_when_too_few_numbers_are_left),
        cmocka_unit_test(silence_ends_a_channel_and_traffic_puts_it_off),
        cmocka_unit_test(its_times_are_right_after_many_days),
        cmocka_unit_test(silence_does_not_end_a_reliable_one_that_is_touched),
        cmocka_unit_test(limit_of_channels_is_reached_by_both_sides_together),
        cmocka_unit_test(refused_memory_is_a_channel_over_the_limit),
        cmocka_unit_test(names_of_the_specification_are_types_and_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

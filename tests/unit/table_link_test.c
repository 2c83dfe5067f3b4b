#include "router/link.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

enum { EVERY = TH_LINK_KEEPALIVE_MS_DEFAULT };

/* Lets time pass until the link wants something; sends what it wants. Returns when that was. */
static th_ms next(struct th_link *link, struct th_rng *rng, enum th_link_want wanted)
{
    th_ms at = th_link_deadline(link);

    assert_int_equal(th_link_tick(link, test_now(at - 1)), TH_LINK_WAIT);
    assert_int_equal(th_link_tick(link, test_now(at)), wanted);
    if (wanted != TH_LINK_GIVE_UP)
        th_link_on_sent(link, test_now(at), rng);
    return at;
}

static void request_is_repeated_after_2_and_4_s_and_given_up_after_10(void **state)
{
    struct th_link link;
    struct th_rng rng;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));

    assert_int_equal(next(&link, &rng, TH_LINK_ASK), 3000);
    assert_int_equal(next(&link, &rng, TH_LINK_ASK), 5000);
    assert_int_equal(next(&link, &rng, TH_LINK_GIVE_UP), 11000);
}

static void answer_makes_the_link_up_and_tells_the_round_trip(void **state)
{
    struct th_link link;
    struct th_rng rng;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    th_link_on_opened(&link, 8);
    assert_false(link.is_up);

    th_link_on_heard(&link, 8, true, test_now(1070), &rng);

    assert_true(link.is_up);
    assert_int_equal(th_link_up_at(&link), 1070);
    assert_true(link.has_rtt);
    assert_int_equal(link.rtt_ms, 70);
}

static void round_trip_is_not_taken_from_a_repeated_packet(void **state)
{
    struct th_link link;
    struct th_rng rng;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    next(&link, &rng, TH_LINK_ASK);
    th_link_on_heard(&link, 8, true, test_now(3001), &rng);

    assert_true(link.is_up);
    assert_false(link.has_rtt);
}

static void keepalive_is_due_20_to_25_s_after_our_last(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms earliest = TH_NEVER, latest = 0, now = 1000;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(now), &rng);
    for (int i = 0; i < 1000; i++) {
        th_ms at = next(&link, &rng, TH_LINK_KEEP);
        earliest = th_sooner(earliest, at - now);
        latest = at - now > latest ? at - now : latest;
        th_link_on_heard(&link, 1, false, test_now(at), &rng);
        now = at;
    }

    assert_in_range(earliest, 20000, 20100);
    assert_in_range(latest, 24900, 25000);
}

static void keepalive_that_arrives_is_answered_when_our_last_is_over_10_s_old(void **state)
{
    struct th_link link;
    struct th_rng rng;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    th_link_on_sent(&link, test_now(5000), &rng);

    assert_false(th_link_owes_answer(&link, test_now(15000)));
    assert_true(th_link_owes_answer(&link, test_now(15001)));
}

static void packet_from_10_s_before_counts_as_an_answer(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms at;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    at = th_link_deadline(&link);
    th_link_on_heard(&link, 1, false, test_now(at - 10000), &rng);
    next(&link, &rng, TH_LINK_KEEP);

    assert_in_range(th_link_deadline(&link), at + 20000, at + 25000);
}

static void unanswered_keepalive_is_repeated_and_ends_the_link_after_60_s(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms first;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    first = next(&link, &rng, TH_LINK_KEEP);

    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), first + 2000);
    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), first + 4000);
    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), first + 14000);
    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), first + 24000);
    if (first + 34000 < 61000)
        assert_int_equal(next(&link, &rng, TH_LINK_KEEP), first + 34000);
    assert_int_equal(next(&link, &rng, TH_LINK_GIVE_UP), 61000);
}

static void answer_to_a_repeat_ends_the_repeating(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms at;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    next(&link, &rng, TH_LINK_KEEP);
    at = next(&link, &rng, TH_LINK_KEEP);
    th_link_on_heard(&link, 1, false, test_now(at + 50), &rng);

    assert_in_range(th_link_deadline(&link), at + 20000, at + 25000);
}

static void after_a_sleep_three_are_sent_before_the_end(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms woke = 3600000;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    assert_int_equal(th_link_tick(&link, test_now(woke)), TH_LINK_KEEP);
    th_link_on_sent(&link, test_now(woke), &rng);

    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), woke + 2000);
    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), woke + 4000);
    assert_int_equal(next(&link, &rng, TH_LINK_GIVE_UP), woke + 4000 + TH_LINK_PATIENCE_MS);
}

static void after_a_stall_repeats_do_not_come_all_at_once(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms late;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, EVERY, 1, false, test_now(1000), &rng);
    late = next(&link, &rng, TH_LINK_KEEP) + 50000;
    assert_int_equal(th_link_tick(&link, test_now(late)), TH_LINK_KEEP);
    th_link_on_sent(&link, test_now(late), &rng);

    assert_int_equal(next(&link, &rng, TH_LINK_KEEP), late + 2000);
}

static void longest_keepalive_fits_before_the_end_with_its_repeats(void **state)
{
    struct th_link link;
    struct th_rng rng;
    th_ms end;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_up(&link, TH_LINK_KEEPALIVE_MS_MAX, 1, false, test_now(0), &rng);
    th_link_on_heard(&link, 1, false, test_now(1000), &rng);
    /* Our last 10 s after theirs, the latest that counts as answered. */
    th_link_on_sent(&link, test_now(11000), &rng);
    next(&link, &rng, TH_LINK_KEEP);
    next(&link, &rng, TH_LINK_KEEP);
    next(&link, &rng, TH_LINK_KEEP);
    end = th_link_deadline(&link);

    assert_true(end <= 61000);
}

/* The lower hashname's channel was used once. The JavaScript switch heeds one of the two only, not
 * always that one; the other end of its links was silence to it, and they ended every minute. */
static void of_two_channels_the_one_on_which_something_came_last_is_used(void **state)
{
    struct th_link link;
    struct th_rng rng;
    bool is_ours;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    th_link_on_opened(&link, 8);
    th_link_on_heard(&link, 9, false, test_now(1100), &rng);
    th_link_on_heard(&link, 8, true, test_now(1200), &rng);

    assert_int_equal(th_link_channel(&link, &is_ours), 8);
    assert_true(is_ours);

    th_link_on_heard(&link, 9, false, test_now(26000), &rng);

    assert_int_equal(th_link_channel(&link, &is_ours), 9);
    assert_false(is_ours);
}

static void channel_of_ours_that_nobody_answered_is_not_used(void **state)
{
    struct th_link link;
    struct th_rng rng;
    bool is_ours;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    th_link_on_opened(&link, 8);
    th_link_on_heard(&link, 9, false, test_now(1100), &rng);

    assert_int_equal(th_link_channel(&link, &is_ours), 9);
    assert_false(is_ours);
}

static void link_lives_on_when_one_of_its_two_channels_ends(void **state)
{
    struct th_link link;
    struct th_rng rng;
    bool is_ours;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    th_link_on_opened(&link, 8);
    th_link_on_heard(&link, 9, false, test_now(1100), &rng);

    assert_false(th_link_on_channel_ended(&link, 7, true));
    assert_false(th_link_on_channel_ended(&link, 9, false));
    assert_int_equal(th_link_channel(&link, &is_ours), 8);
    assert_true(th_link_on_channel_ended(&link, 8, true));
}

static void answer_to_our_first_request_counts_after_we_asked_again(void **state)
{
    struct th_link link;
    struct th_rng rng;
    bool is_ours;
    (void)state;

    test_rng(&rng, 1);
    th_link_init_ours(&link, EVERY, test_now(1000));
    th_link_on_opened(&link, 8);
    next(&link, &rng, TH_LINK_ASK);
    th_link_on_heard(&link, 8, true, test_now(3010), &rng);
    th_link_on_opened(&link, 10);

    assert_true(link.is_up);
    assert_int_equal(th_link_channel(&link, &is_ours), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_repeated_after_2_and_4_s_and_given_up_after_10),
        cmocka_unit_test(answer_makes_the_link_up_and_tells_the_round_trip),
        cmocka_unit_test(round_trip_is_not_taken_from_a_repeated_packet),
        cmocka_unit_test(keepalive_is_due_20_to_25_s_after_our_last),
        cmocka_unit_test(keepalive_that_arrives_is_answered_when_our_last_is_over_10_s_old),
        cmocka_unit_test(packet_from_10_s_before_counts_as_an_answer),
        cmocka_unit_test(unanswered_keepalive_is_repeated_and_ends_the_link_after_60_s),
        cmocka_unit_test(answer_to_a_repeat_ends_the_repeating),
        cmocka_unit_test(after_a_sleep_three_are_sent_before_the_end),
        cmocka_unit_test(after_a_stall_repeats_do_not_come_all_at_once),
        cmocka_unit_test(longest_keepalive_fits_before_the_end_with_its_repeats),
        cmocka_unit_test(of_two_channels_the_one_on_which_something_came_last_is_used),
        cmocka_unit_test(channel_of_ours_that_nobody_answered_is_not_used),
        cmocka_unit_test(link_lives_on_when_one_of_its_two_channels_ends),
        cmocka_unit_test(answer_to_our_first_request_counts_after_we_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/pmtu.h"
#include "tests/lib/test_cmocka.h"

/* A path that carries datagrams up to a size, and a peer that answers after 20 ms. */
struct way {
    struct th_pmtu pmtu;
    struct th_now now;
    unsigned carries; /* 0: nothing at all */
    bool is_quiet;    /* the peer says nothing of itself, only answers */
    th_ms heard_at;
    uint32_t last_channel;
    unsigned sent, changes;
    unsigned sizes[64]; /* of the first probes */
};

static void way_init(struct way *w, uint8_t family, unsigned carries)
{
    struct th_addr addr = {.family = family, .port = 7};

    *w = (struct way){.now = {.mono = 1000}, .carries = carries};
    th_pmtu_init(&w->pmtu, &addr, w->now);
}

static void send_one(struct way *w, unsigned size)
{
    bool has_company = th_pmtu_wants_company(&w->pmtu);

    if (w->sent < 64)
        w->sizes[w->sent] = size;
    w->sent++;
    th_pmtu_on_sent(&w->pmtu, ++w->last_channel, TH_PMTU_PROBE_MS, w->now);
    w->now.mono += 20;
    if (w->carries > 0 && (has_company || !w->is_quiet))
        w->heard_at = w->now.mono;
    if (size <= w->carries) {
        w->heard_at = w->now.mono;
        w->changes += th_pmtu_on_answer(&w->pmtu, w->last_channel, w->now);
    }
}

/* Does all that is due in some time. */
static void way_pass(struct way *w, th_ms ms)
{
    th_ms end = w->now.mono + ms;

    for (;;) {
        unsigned size;
        w->changes += th_pmtu_tick(&w->pmtu, w->heard_at, w->now);
        while ((size = th_pmtu_next(&w->pmtu, w->now)) != 0)
            send_one(w, size);
        th_ms due = th_pmtu_deadline(&w->pmtu);
        if (due > end)
            break;
        if (due > w->now.mono)
            w->now.mono = due;
    }
    if (w->now.mono < end)
        w->now.mono = end;
}

static void nothing_is_sent_before_larger_packets_are_wanted(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);

    way_pass(&w, 3600000);

    assert_int_equal(w.sent, 0);
    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
}

/* A process that stalls comes back when what was due is no more wanted: the switch ended on it, as it was due
 * for ever. */
static void probe_that_was_due_while_nobody_looked_is_not_due_once_it_is_unwanted(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 0);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, TH_PMTU_WANTED_MS - 2000);
    while (th_pmtu_deadline(&w.pmtu) <= w.now.mono || th_pmtu_deadline(&w.pmtu) == TH_NEVER) {
        th_pmtu_want(&w.pmtu, w.now);
        way_pass(&w, 1000);
    }

    w.now.mono = w.pmtu.wanted_until + 1;
    th_pmtu_tick(&w.pmtu, w.heard_at, w.now);
    if (th_pmtu_deadline(&w.pmtu) <= w.now.mono) /* that the last probe was lost */
        th_pmtu_tick(&w.pmtu, w.heard_at, w.now);

    assert_int_equal(th_pmtu_next(&w.pmtu, w.now), 0);
    assert_true(th_pmtu_deadline(&w.pmtu) > w.now.mono);
}

static void path_that_carries_the_most_is_known_after_one_probe(void **state)
{
    (void)state;
    struct way w;
    for (unsigned family = TH_FAMILY_IPV4; family <= TH_FAMILY_IPV6; family += 2) {
        way_init(&w, (uint8_t)family, 9000);
        th_pmtu_want(&w.pmtu, w.now);

        way_pass(&w, 1000);

        assert_int_equal(w.sent, 1);
        assert_int_equal(w.pmtu.size, family == TH_FAMILY_IPV4 ? 1472 : 1452);
        assert_int_equal(w.changes, 1);
    }
}

static void search_ends_just_below_what_the_path_carries(void **state)
{
    (void)state;
    for (unsigned carries = TH_DATAGRAM_SAFE_MAX; carries <= 1472; carries++) {
        struct way w;
        way_init(&w, TH_FAMILY_IPV4, carries);
        th_pmtu_want(&w.pmtu, w.now);

        way_pass(&w, 25000);

        assert_true(w.pmtu.size <= carries);
        assert_true(w.pmtu.size + (unsigned)TH_PMTU_GRAIN > carries);
        assert_true(w.sent <= 20);
    }
}

static void probes_are_a_second_apart_until_they_are_answered(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1280);
    th_pmtu_want(&w.pmtu, w.now);

    way_pass(&w, 2500);

    assert_int_equal(w.sent, 3);
    assert_int_equal(w.sizes[2], 1472);
}

static void chance_loss_of_a_probe_does_not_end_the_search(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1280);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 1500); /* two of 1472 are lost */
    w.carries = 1500;

    way_pass(&w, 1000);

    assert_int_equal(w.pmtu.size, 1472);
}

static void silent_path_says_nothing_of_sizes(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 0);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 12000);
    assert_true(w.sent <= 6);
    w.carries = 1472;

    way_pass(&w, 20000);

    assert_int_equal(w.pmtu.size, 1472);
}

static void peer_that_only_answers_is_asked_for_a_small_packet_too(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1400);
    w.is_quiet = true;
    th_pmtu_want(&w.pmtu, w.now);

    way_pass(&w, 25000);

    assert_true(w.pmtu.size > 1392 && w.pmtu.size <= 1400);
}

static void search_that_has_ended_is_made_again_after_ten_minutes(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1300);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 25000);
    unsigned sent = w.sent;
    w.carries = 1472;

    for (int minute = 0; minute < 9; minute++) {
        th_pmtu_want(&w.pmtu, w.now);
        way_pass(&w, 59000);
    }
    assert_int_equal(w.sent, sent);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 59000);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 20000);

    assert_int_equal(w.pmtu.size, 1472);
}

static void black_hole_for_large_packets_is_left_and_a_way_below_found(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 1000);
    w.carries = 1300;

    th_pmtu_on_large(&w.pmtu, w.now);
    way_pass(&w, TH_PMTU_CONFIRM_MS + 3 * TH_PMTU_PROBE_MS - 100);
    assert_int_equal(w.pmtu.size, 1472);
    way_pass(&w, 200);

    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
    way_pass(&w, 20000);
    assert_true(w.pmtu.size > 1292 && w.pmtu.size <= 1300);
}

static void doubt_is_settled_at_once(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 1000);

    th_pmtu_doubt(&w.pmtu, w.now);
    way_pass(&w, 100);
    assert_int_equal(w.sent, 2);
    assert_int_equal(w.pmtu.size, 1472);

    w.carries = 1300;
    th_pmtu_doubt(&w.pmtu, w.now);
    way_pass(&w, 3 * TH_PMTU_PROBE_MS + 100);
    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
}

static void path_without_large_packets_is_not_confirmed(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);

    way_pass(&w, 3600000);

    assert_int_equal(w.sent, 1);
}

static void size_of_long_ago_is_confirmed_when_it_is_wanted_again(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 100000);
    w.carries = 1250;

    th_pmtu_want(&w.pmtu, w.now);
    way_pass(&w, 3 * TH_PMTU_PROBE_MS + 100);

    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
}

static void size_that_the_host_refuses_is_not_tried_again(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1300);
    th_pmtu_want(&w.pmtu, w.now);
    assert_int_equal(th_pmtu_next(&w.pmtu, w.now), 1472);
    th_pmtu_on_sent(&w.pmtu, 77, TH_PMTU_PROBE_MS, w.now);

    assert_false(th_pmtu_on_too_big(&w.pmtu, 1472, w.now));
    assert_int_equal(th_pmtu_next(&w.pmtu, w.now), 1352);
    assert_false(th_pmtu_on_too_big(&w.pmtu, 1000, w.now)); /* no size of ours */
    way_pass(&w, 20000);
    assert_true(w.pmtu.size > 1292);

    assert_true(th_pmtu_on_too_big(&w.pmtu, w.pmtu.size, w.now)); /* it became less */
    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
}

static void probe_that_cannot_be_sent_is_tried_later(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);

    th_pmtu_on_sent(&w.pmtu, 0, TH_PMTU_PROBE_MS, w.now);

    assert_int_equal(th_pmtu_next(&w.pmtu, w.now), 0);
    assert_int_equal(th_pmtu_deadline(&w.pmtu), w.now.mono + TH_PMTU_PROBE_MS);
    way_pass(&w, 2000);
    assert_int_equal(w.pmtu.size, 1472);
}

static void answer_on_another_channel_proves_nothing(void **state)
{
    (void)state;
    struct way w;
    way_init(&w, TH_FAMILY_IPV4, 1472);
    th_pmtu_want(&w.pmtu, w.now);
    th_pmtu_on_sent(&w.pmtu, 77, TH_PMTU_PROBE_MS, w.now);

    assert_false(th_pmtu_on_answer(&w.pmtu, 76, w.now));

    assert_int_equal(w.pmtu.size, TH_DATAGRAM_SAFE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_before_larger_packets_are_wanted),
        cmocka_unit_test(path_that_carries_the_most_is_known_after_one_probe),
        cmocka_unit_test(search_ends_just_below_what_the_path_carries),
        cmocka_unit_test(probes_are_a_second_apart_until_they_are_answered),
        cmocka_unit_test(chance_loss_of_a_probe_does_not_end_the_search),
        cmocka_unit_test(silent_path_says_nothing_of_sizes),
        cmocka_unit_test(peer_that_only_answers_is_asked_for_a_small_packet_too),
        cmocka_unit_test(search_that_has_ended_is_made_again_after_ten_minutes),
        cmocka_unit_test(black_hole_for_large_packets_is_left_and_a_way_below_found),
        cmocka_unit_test(doubt_is_settled_at_once),
        cmocka_unit_test(path_without_large_packets_is_not_confirmed),
        cmocka_unit_test(size_of_long_ago_is_confirmed_when_it_is_wanted_again),
        cmocka_unit_test(size_that_the_host_refuses_is_not_tried_again),
        cmocka_unit_test(probe_that_cannot_be_sent_is_tried_later),
        cmocka_unit_test(probe_that_was_due_while_nobody_looked_is_not_due_once_it_is_unwanted),
        cmocka_unit_test(answer_on_another_channel_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

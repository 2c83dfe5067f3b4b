/* The bootstrap's machine: a node whose links were lost, ended or refused. */
#include "tests/lib/boot_bench.h"

/* A4 */
static void node_that_lost_its_last_link_begins_again(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);

    link_down(&w, 1, TH_TIMED_OUT);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    line_down(&w, 1);
    pass(&w, 2000);
    assert_int_equal(w.opens, 1);
    line_up(&w, 1);
    link_up(&w, 1, true);
    assert_int_equal(w.dials, 1);
    dialed(&w, TH_OK, 3);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

/* A4 */
static void node_comes_back_through_peers_it_met(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);
    line_up(&w, 51); /* a line only: nobody who would know us */

    link_down(&w, 1, TH_TIMED_OUT);
    line_down(&w, 1);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    line_down(&w, 51);
    line_down(&w, 50);
    link_down(&w, 50, TH_TIMED_OUT);
    w.opens = 0;
    pass(&w, TH_BOOT_START_MS + 1000);
    assert_in_range(w.opens, 1, 2);
    line_up(&w, 50);
    link_up(&w, 50, true);
    dialed(&w, TH_OK, 1);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

static void crowd_of_lines_does_not_push_out_who_was_linked(void **state)
{
    struct world w;
    struct th_hashname friend = id_of(50);
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);
    link_down(&w, 50, TH_TIMED_OUT);

    for (uint8_t n = 60; n < 60 + 3 * TH_BOOT_MET_MAX; n++)
        line_up(&w, n);

    assert_non_null(th_boot_sources_find(&w.boot.sources, &friend));
    assert_int_equal(w.boot.sources.count, 1 + TH_BOOT_MET_MAX);
    end(&w);
}

static void seed_that_is_gone_is_tried_while_others_are_linked(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);

    link_down(&w, 1, TH_TIMED_OUT);
    line_down(&w, 1);
    pass(&w, 120000);
    assert_in_range(w.opens, 5, 12);
    assert_int_equal(w.boot.state, TH_BOOT_READY);

    w.opens = 0;
    pass(&w, TH_BOOT_OPEN_MS + TH_BOOT_PAUSE_MAX_MS);
    assert_true(w.opens >= 1);
    line_up(&w, 1);
    assert_int_equal(w.links, 1);
    end(&w);
}

static void node_looks_around_again_when_a_lost_seed_is_back(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);
    link_down(&w, 1, TH_TIMED_OUT);

    link_up(&w, 1, true);
    assert_int_equal(w.dials, 1);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    dialed(&w, TH_OK, 2);

    assert_int_equal(w.refreshes, 1);
    assert_int_equal(w.states, 0);
    end(&w);
}

static void seed_that_ended_the_link_is_asked_again_only_hourly_while_ready(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);

    link_down(&w, 1, TH_EOF);
    pass(&w, TH_BOOT_PAUSE_REFUSED_MS * 4 / 5 - 1000);
    assert_int_equal(w.links + w.opens, 0);
    for (unsigned s = 0; s < TH_BOOT_PAUSE_REFUSED_MS / 5000 + 2 && w.links == 0; s++)
        pass(&w, 1000);
    assert_int_equal(w.links, 1);
    link_down(&w, 1, TH_REFUSED);
    pass(&w, TH_BOOT_PAUSE_REFUSED_MS / 2);

    assert_int_equal(w.links, 1);
    end(&w);
}

static void seed_that_ended_the_link_is_asked_at_once_when_nobody_else_is_left(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);
    link_down(&w, 1, TH_EOF);

    link_down(&w, 50, TH_TIMED_OUT);
    pass(&w, TH_BOOT_START_MS);

    assert_int_equal(w.links, 2); /* the seed, and whom we met */
    end(&w);
}

static void seed_that_ended_the_link_and_was_started_anew_is_asked_at_once(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    join(&w);
    line_up(&w, 50);
    link_up(&w, 50, true);
    link_down(&w, 1, TH_EOF);

    line_down(&w, 1);
    line_up(&w, 1);

    assert_int_equal(w.links, 1);
    end(&w);
}

static void no_more_than_three_configured_seeds_are_forced_on_the_table(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    for (uint8_t n = 1; n <= 8; n++)
        add(&w, n, TH_BOOT_CONFIGURED);
    start(&w);

    for (uint8_t n = 1; n <= 8; n++) {
        line_up(&w, n);
        if (w.links > 0 && w.boot.link_count < w.links)
            link_up(&w, w.linked.b[0], true);
        pass(&w, 1000);
    }
    pass(&w, 60000);

    assert_int_equal(w.links, TH_BOOT_SEED_LINKS);
    end(&w);
}

/* Found by the simulator: of 300 nodes with one seed, those that came when it was full stayed alone. */
static void node_whose_seed_has_no_room_looks_for_others_through_it(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    line_up(&w, 1);
    assert_int_equal(w.dials, 0);

    link_down(&w, 1, TH_REFUSED);
    assert_int_equal(w.dials, 1);
    dialed(&w, TH_OK, 1);
    assert_int_not_equal(w.boot.state, TH_BOOT_READY);
    line_up(&w, 2);
    link_up(&w, 2, true);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

static void node_that_is_refused_again_looks_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    line_up(&w, 1);
    link_down(&w, 1, TH_REFUSED);
    dialed(&w, TH_NOT_FOUND, 1);

    pass(&w, 3000); /* longer than the first pause */
    assert_int_equal(w.links, 2);
    link_down(&w, 1, TH_REFUSED);

    assert_int_equal(w.dials, 2);
    end(&w);
}

/* A cold start of 1,000: each that looked for others through the full seed cost it twenty packets. */
static void node_that_is_handed_on_waits_for_its_host_and_asks_for_room_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    line_up(&w, 1);

    for (unsigned i = 1; i <= TH_BOOT_HAND_ONS; i++) {
        assert_int_equal(w.links, i);
        link_down(&w, 1, TH_AGAIN);
        assert_int_equal(w.dials, 0);
        pass(&w, 1000u << (i - 1));
    }
    link_down(&w, 1, TH_AGAIN);

    assert_int_equal(w.dials, 1); /* no host came */
    end(&w);
}

static void seed_without_room_is_left_alone_once_a_host_is_linked(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    line_up(&w, 1);
    link_down(&w, 1, TH_AGAIN);
    assert_int_equal(w.links, 1);
    line_up(&w, 2);
    link_up(&w, 2, true);
    assert_int_equal(w.dials, 1);

    pass(&w, 60000);
    assert_int_equal(w.links, 1);
    assert_int_not_equal(w.boot.state, TH_BOOT_READY); /* it still looks for itself */
    pass(&w, TH_BOOT_PAUSE_REFUSED_MS);

    assert_true(w.links > 1);
    end(&w);
}

/* Of 1,000 nodes in two halves for ten minutes 6 % did not find each other two minutes after it: their seed had
 * had no room for most, who left it alone for an hour. */
static void seed_without_room_is_asked_soon_when_a_third_of_the_links_fell_silent(void **state)
{
    (void)state;
    enum { LINKS = 24 };
    struct world w;
    begin(&w);
    join(&w);
    for (uint8_t n = 0; n < LINKS; n++)
        link_up(&w, (uint8_t)(50 + n), true);
    link_down(&w, 1, TH_REFUSED);
    line_down(&w, 1);

    for (uint8_t n = 0; n < LINKS / 3; n++) { /* churn */
        link_down(&w, (uint8_t)(50 + n), TH_TIMED_OUT);
        pass(&w, TH_BOOT_CUT_MS / 6);
        link_up(&w, (uint8_t)(50 + n), true);
    }
    pass(&w, 2 * TH_BOOT_CUT_ASK_MS);
    assert_int_equal(w.links + w.opens, 0);

    for (uint8_t n = 0; n < LINKS / 3; n++)
        link_down(&w, (uint8_t)(50 + n), TH_TIMED_OUT);
    pass(&w, TH_BOOT_CUT_ASK_MS);
    assert_int_not_equal(w.links + w.opens, 0);
    unsigned tries = w.links + w.opens;
    pass(&w, 4 * TH_BOOT_PAUSE_MAX_MS); /* and again, for the net is cut still */
    assert_true(w.links + w.opens > tries);

    unsigned opens = w.opens;
    for (unsigned s = 0; s < 60 && w.opens == opens; s++)
        pass(&w, 1000);
    line_up(&w, 1); /* it is whole again; who refuses us hands us on */
    assert_int_equal(w.dials, 0);
    link_down(&w, 1, TH_REFUSED);
    pass(&w, TH_BOOT_CUT_LOOK_MS);
    assert_int_equal(w.dials, 1);
    dialed(&w, TH_OK, 5);
    assert_int_equal(w.refreshes, 1);
    pass(&w, TH_BOOT_CUT_MS);
    assert_int_equal(w.dials, 1);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_that_lost_its_last_link_begins_again),
        cmocka_unit_test(node_comes_back_through_peers_it_met),
        cmocka_unit_test(crowd_of_lines_does_not_push_out_who_was_linked),
        cmocka_unit_test(seed_that_is_gone_is_tried_while_others_are_linked),
        cmocka_unit_test(node_looks_around_again_when_a_lost_seed_is_back),
        cmocka_unit_test(seed_that_ended_the_link_is_asked_again_only_hourly_while_ready),
        cmocka_unit_test(seed_that_ended_the_link_is_asked_at_once_when_nobody_else_is_left),
        cmocka_unit_test(seed_that_ended_the_link_and_was_started_anew_is_asked_at_once),
        cmocka_unit_test(no_more_than_three_configured_seeds_are_forced_on_the_table),
        cmocka_unit_test(node_whose_seed_has_no_room_looks_for_others_through_it),
        cmocka_unit_test(node_that_is_refused_again_looks_again),
        cmocka_unit_test(node_that_is_handed_on_waits_for_its_host_and_asks_for_room_again),
        cmocka_unit_test(seed_without_room_is_left_alone_once_a_host_is_linked),
        cmocka_unit_test(seed_without_room_is_asked_soon_when_a_third_of_the_links_fell_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

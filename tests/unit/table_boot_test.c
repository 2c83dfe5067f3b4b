/* The bootstrap's machine: how a node joins through seeds and through peers of before. */
#include "tests/lib/boot_bench.h"

/* A4 */
static void node_with_a_seed_opens_links_looks_for_itself_and_is_ready(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);

    start(&w);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    pass(&w, TH_BOOT_START_MS);
    assert_int_equal(w.opens, 1);
    opened(&w, TH_AGAIN);
    line_up(&w, 1);
    assert_int_equal(w.links, 1);
    assert_int_equal(w.dials, 0);
    link_up(&w, 1, true);
    assert_int_equal(w.dials, 1);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    dialed(&w, TH_OK, 1);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    assert_int_equal(w.refreshes, 1);
    assert_int_equal(w.states, 2);
    end(&w);
}

static void first_node_is_alone_until_somebody_links_to_it(void **state)
{
    struct world w;
    (void)state;
    begin(&w);

    start(&w);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    assert_true(th_boot_deadline(&w.boot) == TH_NEVER);
    line_up(&w, 5);
    link_up(&w, 5, false);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    dialed(&w, TH_OK, 1);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

static void link_to_a_node_that_does_not_seed_is_not_enough(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);

    line_up(&w, 5);
    link_up(&w, 5, false);
    assert_int_equal(w.dials, 0);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    link_up(&w, 5, true); /* it says now that it seeds */

    assert_int_equal(w.dials, 1);
    end(&w);
}

static void silent_seeds_leave_a_node_alone_that_keeps_trying(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    add(&w, 2, TH_BOOT_CONFIGURED);
    start(&w);

    pass(&w, TH_BOOT_START_MS + TH_BOOT_OPEN_MS - 1000);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    pass(&w, 1000);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    w.opens = 0;
    pass(&w, 60000);
    assert_in_range(w.opens, 6, 20);

    line_up(&w, 2);
    link_up(&w, 2, true);
    dialed(&w, TH_OK, 1);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

/* A4 */
static void silent_seed_is_tried_every_25_s_at_least_for_ten_minutes_then_every_65(void **state)
{
    struct world w;
    th_ms longest = 0, latest, after_patience = 0;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);

    /* From one try's start to the next's: its 5 s and the pause. */
    pass(&w, TH_BOOT_START_MS);
    latest = w.now.mono;
    while (w.now.mono < 1000 + TH_BOOT_PATIENCE_MS) {
        w.opens = 0;
        pass(&w, 100);
        if (w.opens == 0)
            continue;
        longest = w.now.mono - latest > longest ? w.now.mono - latest : longest;
        latest = w.now.mono;
    }
    for (w.opens = 0; w.now.mono < 7200000; after_patience++)
        pass(&w, 1000);

    assert_in_range(longest, 20000, TH_BOOT_OPEN_MS + TH_BOOT_PAUSE_MAX_MS + 100);
    assert_in_range(w.opens, after_patience / 65, after_patience / 52);
    end(&w);
}

static void no_more_than_three_sources_are_tried_at_once(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    for (uint8_t n = 1; n <= 10; n++)
        add(&w, n, TH_BOOT_CONFIGURED);
    start(&w);

    pass(&w, TH_BOOT_START_MS);
    assert_int_equal(w.opens, TH_BOOT_PARALLEL);
    opened(&w, TH_NO_PATH);

    assert_int_equal(w.opens, TH_BOOT_PARALLEL + 1);
    end(&w);
}

static void remembered_peers_get_their_turn_beside_dead_seeds(void **state)
{
    struct world w;
    bool was_asked = false;
    (void)state;
    begin(&w);
    for (uint8_t n = 1; n <= 10; n++)
        add(&w, n, TH_BOOT_CONFIGURED);
    add(&w, 100, TH_BOOT_REMEMBERED);
    start(&w);

    for (unsigned i = 0; i < TH_BOOT_START_MS; i++) {
        pass(&w, 1);
        was_asked |= w.asked.b[0] == 100;
    }
    for (unsigned i = 0; i < 60 && !was_asked; i++) {
        pass(&w, 100);
        was_asked |= w.asked.b[0] == 100;
    }

    assert_true(was_asked);
    end(&w);
}

static void remembered_peer_is_tried_a_few_times_then_left(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 100, TH_BOOT_REMEMBERED);
    start(&w);

    pass(&w, 60000);
    assert_int_equal(w.opens, TH_BOOT_TRIES);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    pass(&w, TH_BOOT_PAUSE_LEFT_MS);

    /* Who has nobody else looks there again, seldom. */
    assert_int_equal(w.opens, TH_BOOT_TRIES + 1);
    end(&w);
}

static void remembered_peer_is_left_alone_once_there_is_a_link(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 100, TH_BOOT_REMEMBERED);
    join(&w);

    line_up(&w, 100);
    pass(&w, 600000);

    assert_int_equal(w.links, 0);
    assert_int_equal(w.opens, 0);
    end(&w);
}

static void line_that_comes_up_while_the_switch_says_try_again_is_linked_once(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);

    line_up(&w, 1);
    opened(&w, TH_OK);
    line_up(&w, 1);

    assert_int_equal(w.links, 1);
    end(&w);
}

static void seed_that_has_a_line_already_is_only_linked(void **state)
{
    struct world w;
    struct th_seed seed = seed_of(1);
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);

    th_boot_on_lines(&w.boot, w.now, &seed, 1);
    start(&w);
    pass(&w, TH_BOOT_START_MS);

    assert_int_equal(w.opens, 0);
    assert_int_equal(w.links, 1);
    end(&w);
}

static void link_that_nobody_answers_is_asked_for_again(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    opened(&w, TH_OK);

    pass(&w, TH_BOOT_LINK_MS + TH_BOOT_PAUSE_FIRST_MS);

    assert_int_equal(w.links, 2);
    assert_int_equal(w.opens, 1);
    end(&w);
}

/* Found by a cold start of 3,000 nodes: a seed tells all that are near each other of the same few. */
static void node_that_met_nobody_looks_elsewhere_and_for_itself_once_it_is_linked(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);
    line_up(&w, 1);
    link_down(&w, 1, TH_REFUSED);
    assert_false(w.boot.looks_elsewhere);
    dialed(&w, TH_NOT_FOUND, 1);
    pass(&w, 3000);

    link_down(&w, 1, TH_REFUSED);
    assert_int_equal(w.dials, 2);
    assert_true(w.boot.looks_elsewhere);
    dialed(&w, TH_OK, 1);
    line_up(&w, 2);
    link_up(&w, 2, true);

    assert_int_equal(w.dials, 3);
    assert_false(w.boot.looks_elsewhere);
    assert_int_not_equal(w.boot.state, TH_BOOT_READY);
    dialed(&w, TH_OK, 1);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

static void search_that_found_nobody_to_ask_is_made_again(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    line_up(&w, 1);
    link_up(&w, 1, true);

    dialed(&w, TH_OK, 0);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    pass(&w, TH_BOOT_DIAL_PAUSE_MS);
    dialed(&w, TH_GONE, 0);
    pass(&w, TH_BOOT_DIAL_PAUSE_MS);
    assert_int_equal(w.dials, 3);
    dialed(&w, TH_OK, 1);

    assert_int_equal(w.boot.state, TH_BOOT_READY);
    end(&w);
}

static void answer_to_a_search_from_before_the_links_were_lost_counts_for_nothing(void **state)
{
    struct world w;
    uint32_t old;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    line_up(&w, 1);
    link_up(&w, 1, true);
    old = w.dial;

    link_down(&w, 1, TH_TIMED_OUT);
    link_up(&w, 1, true);
    th_boot_on_dialed(&w.boot, w.now, old, TH_OK, 1);

    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    end(&w);
}

static void seed_with_a_wrong_key_is_not_tried_again(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    add(&w, 1, TH_BOOT_CONFIGURED);
    start(&w);
    pass(&w, TH_BOOT_START_MS);

    opened(&w, TH_INVALID);
    pass(&w, 3600000);

    assert_int_equal(w.opens, 1);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    end(&w);
}

static void own_hashname_among_the_seeds_is_left_out(void **state)
{
    struct world w;
    (void)state;
    begin(&w);

    add(&w, 0, TH_BOOT_CONFIGURED);
    start(&w);

    assert_int_equal(w.boot.sources.count, 0);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    end(&w);
}

static void same_node_configured_and_remembered_is_one_source_with_all_addresses(void **state)
{
    struct world w;
    struct th_seed seed = seed_of(1);
    (void)state;
    begin(&w);

    add(&w, 1, TH_BOOT_REMEMBERED);
    seed.paths.addr[0].port = 1;
    assert_int_equal(th_boot_add(&w.boot, &seed, TH_BOOT_CONFIGURED), TH_OK);

    assert_int_equal(w.boot.sources.count, 1);
    assert_int_equal(w.boot.sources.source[0].kind, TH_BOOT_CONFIGURED);
    assert_int_equal(w.boot.sources.source[0].path_count, 2);
    end(&w);
}

static void picture_of_the_links_takes_the_place_of_what_was_thought(void **state)
{
    struct world w;
    struct th_boot_link links[] = {{id_of(50), true}, {id_of(51), false}};
    (void)state;
    begin(&w);
    join(&w);

    assert_int_equal(th_boot_on_links(&w.boot, w.now, links, 2), TH_OK);
    take(&w);
    assert_int_equal(w.boot.link_count, 2);
    assert_int_equal(w.boot.state, TH_BOOT_READY);
    assert_int_equal(th_boot_on_links(&w.boot, w.now, NULL, 0), TH_OK);
    take(&w);

    assert_int_equal(w.boot.link_count, 0);
    assert_int_equal(w.boot.state, TH_BOOT_JOINING);
    end(&w);
}

static void picture_of_the_lines_takes_the_place_of_what_was_thought(void **state)
{
    struct world w;
    struct th_seed other = seed_of(50);
    unsigned reached;
    (void)state;
    begin(&w);
    join(&w);

    th_boot_on_lines(&w.boot, w.now, &other, 1);
    take(&w);

    assert_int_equal(th_boot_count_sources(&w.boot, &reached), 1);
    assert_int_equal(reached, 0);
    end(&w);
}

static void link_that_finds_no_memory_is_told_and_changes_nothing(void **state)
{
    struct world w;
    struct th_hashname id = id_of(1);
    (void)state;
    begin(&w);
    start(&w);

    th_mem_refuse(1);
    assert_int_equal(th_boot_on_link_up(&w.boot, w.now, &id, true), TH_NO_MEMORY);
    th_mem_refuse(0);
    take(&w);

    assert_int_equal(w.boot.link_count, 0);
    assert_int_equal(w.boot.state, TH_BOOT_ALONE);
    end(&w);
}

static void same_seed_gives_the_same_course(void **state)
{
    struct world a, b;
    (void)state;
    begin(&a);
    begin(&b);

    for (uint8_t n = 1; n < 6; n++) {
        add(&a, n, n % 2 ? TH_BOOT_CONFIGURED : TH_BOOT_REMEMBERED);
        add(&b, n, n % 2 ? TH_BOOT_CONFIGURED : TH_BOOT_REMEMBERED);
    }
    start(&a);
    start(&b);
    for (unsigned i = 0; i < 1000; i++) {
        pass(&a, 100);
        pass(&b, 100);
        assert_memory_equal(&a.asked, &b.asked, sizeof a.asked);
        assert_int_equal(a.opens, b.opens);
        assert_true(th_boot_deadline(&a.boot) == th_boot_deadline(&b.boot));
    }

    end(&a);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_with_a_seed_opens_links_looks_for_itself_and_is_ready),
        cmocka_unit_test(first_node_is_alone_until_somebody_links_to_it),
        cmocka_unit_test(link_to_a_node_that_does_not_seed_is_not_enough),
        cmocka_unit_test(silent_seeds_leave_a_node_alone_that_keeps_trying),
        cmocka_unit_test(silent_seed_is_tried_every_25_s_at_least_for_ten_minutes_then_every_65),
        cmocka_unit_test(no_more_than_three_sources_are_tried_at_once),
        cmocka_unit_test(remembered_peers_get_their_turn_beside_dead_seeds),
        cmocka_unit_test(remembered_peer_is_tried_a_few_times_then_left),
        cmocka_unit_test(remembered_peer_is_left_alone_once_there_is_a_link),
        cmocka_unit_test(line_that_comes_up_while_the_switch_says_try_again_is_linked_once),
        cmocka_unit_test(seed_that_has_a_line_already_is_only_linked),
        cmocka_unit_test(link_that_nobody_answers_is_asked_for_again),
        cmocka_unit_test(node_that_met_nobody_looks_elsewhere_and_for_itself_once_it_is_linked),
        cmocka_unit_test(search_that_found_nobody_to_ask_is_made_again),
        cmocka_unit_test(answer_to_a_search_from_before_the_links_were_lost_counts_for_nothing),
        cmocka_unit_test(seed_with_a_wrong_key_is_not_tried_again),
        cmocka_unit_test(own_hashname_among_the_seeds_is_left_out),
        cmocka_unit_test(same_node_configured_and_remembered_is_one_source_with_all_addresses),
        cmocka_unit_test(picture_of_the_links_takes_the_place_of_what_was_thought),
        cmocka_unit_test(picture_of_the_lines_takes_the_place_of_what_was_thought),
        cmocka_unit_test(link_that_finds_no_memory_is_told_and_changes_nothing),
        cmocka_unit_test(same_seed_gives_the_same_course),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

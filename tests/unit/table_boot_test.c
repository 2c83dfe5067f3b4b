#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/boot.h"
#include "switch/base/mem.h"

#include <string.h>

/* One machine, its clock, and what it wanted since a test last looked. */
struct world {
    struct th_boot boot;
    struct th_rng rng;
    struct th_now now;
    unsigned opens, links, dials, refreshes, states;
    uint32_t attempt;          /* of the latest OPEN */
    uint32_t dial;             /* of the latest DIAL */
    struct th_hashname asked;  /* by the latest OPEN */
    struct th_hashname linked; /* by the latest LINK */
};

static struct th_seed seed_of(uint8_t n)
{
    struct th_seed seed = {.parts.count = 1, .parts.part[0].csid = TH_CS3A, .paths.count = 1};

    memset(&seed.id, n, sizeof seed.id);
    seed.paths.addr[0] = (struct th_addr){.ip = {10, 0, 0, n}, .port = 42424, .family = 4};
    return seed;
}

static struct th_hashname id_of(uint8_t n)
{
    return seed_of(n).id;
}

static void begin(struct world *w)
{
    static const uint8_t rng_seed[TH_RNG_SEED_BYTES] = {7};
    struct th_hashname self = id_of(0);

    *w = (struct world){.now = {.mono = 1000, .wall = 1400000000000}};
    th_rng_init(&w->rng, rng_seed);
    th_boot_init(&w->boot, &self, &w->rng);
}

static void add(struct world *w, uint8_t n, enum th_boot_kind kind)
{
    struct th_seed seed = seed_of(n);

    assert_int_equal(th_boot_add(&w->boot, &seed, kind), TH_OK);
}

static void take(struct world *w)
{
    struct th_boot_action action;

    while (th_boot_next(&w->boot, &action)) {
        switch (action.kind) {
        case TH_BOOT_OPEN:
            w->opens++;
            w->attempt = action.attempt;
            w->asked = action.seed.id;
            break;
        case TH_BOOT_LINK:
            w->links++;
            w->linked = action.seed.id;
            break;
        case TH_BOOT_DIAL:
            w->dials++;
            w->dial = action.attempt;
            break;
        case TH_BOOT_REFRESH:
            w->refreshes++;
            break;
        case TH_BOOT_STATE:
            w->states++;
            break;
        }
    }
}

static void start(struct world *w)
{
    th_boot_start(&w->boot, w->now);
    take(w);
}

/* Lets time pass from deadline to deadline. */
static void pass(struct world *w, th_ms ms)
{
    th_ms end = w->now.mono + ms;

    while (th_boot_deadline(&w->boot) <= end) {
        th_ms next = th_boot_deadline(&w->boot);
        if (next > w->now.mono)
            w->now.mono = next;
        th_boot_tick(&w->boot, w->now);
        take(w);
    }
    w->now.mono = end;
}

static void opened(struct world *w, enum th_err why)
{
    th_boot_on_opened(&w->boot, w->now, w->attempt, why);
    take(w);
}

static void line_up(struct world *w, uint8_t n)
{
    struct th_seed seed = seed_of(n);

    th_boot_on_line_up(&w->boot, w->now, &seed);
    take(w);
}

static void line_down(struct world *w, uint8_t n)
{
    struct th_hashname id = id_of(n);

    th_boot_on_line_down(&w->boot, w->now, &id);
    take(w);
}

static void link_up(struct world *w, uint8_t n, bool is_seed)
{
    struct th_hashname id = id_of(n);

    assert_int_equal(th_boot_on_link_up(&w->boot, w->now, &id, is_seed), TH_OK);
    take(w);
}

static void link_down(struct world *w, uint8_t n, enum th_err why)
{
    struct th_hashname id = id_of(n);

    th_boot_on_link_down(&w->boot, w->now, &id, why);
    take(w);
}

static void dialed(struct world *w, enum th_err why, unsigned asked)
{
    th_boot_on_dialed(&w->boot, w->now, w->dial, why, asked);
    take(w);
}

/* Joins through seed 1 alone, the usual way. */
static void join(struct world *w)
{
    add(w, 1, TH_BOOT_CONFIGURED);
    start(w);
    pass(w, TH_BOOT_START_MS);
    opened(w, TH_AGAIN);
    line_up(w, 1);
    link_up(w, 1, true);
    dialed(w, TH_OK, 1);
    assert_int_equal(w->boot.state, TH_BOOT_READY);
    w->opens = w->links = w->dials = w->refreshes = w->states = 0;
}

static void end(struct world *w)
{
    th_boot_clear(&w->boot);
    th_rng_clear(&w->rng);
}

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

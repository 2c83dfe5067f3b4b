/*
 * The lookup machine, asked and answered by hand. The target is all zeros, and node(n) begins with
 * the byte n, so that a smaller n is nearer.
 */
#include "dialer/lookup.h"

#include "switch/base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { SELF = 0xff };

struct bench {
    struct th_identity self;
    struct th_lookup lookup;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    struct th_now now;
};

static struct th_hashname node(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)n;
    id.b[1] = (uint8_t)(n >> 8);
    return id;
}

static void begin_wide(struct bench *b, bool ends_at_match, unsigned width)
{
    struct th_lookup_config config = {
        .self = &b->self, .ends_at_match = ends_at_match, .rtt = &b->rtt, .drops = &b->drops};

    config.width = width;
    b->self = (struct th_identity){.hashname = node(SELF), .cipher = th_cipher_find(TH_CS3A)};
    b->now.mono = 1000;
    th_lookup_init(&b->lookup, &config, b->now);
}

static void begin(struct bench *b, bool ends_at_match)
{
    begin_wide(b, ends_at_match, 0);
}

static void add(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_add(&b->lookup, &id);
}

static void line_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_on_line_up(&b->lookup, b->now, &id);
}

static void refuse(struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    th_lookup_on_refused(&b->lookup, b->now, &id);
}

/* An answer that names the nodes of a list that ends with -1. */
static void answer(struct bench *b, unsigned n, const int *names)
{
    struct th_hashname id = node(n);
    struct th_see see = {0};

    for (; names && *names >= 0; names++)
        see.entry[see.count++] =
            (struct th_see_entry){.id = node((unsigned)*names), .csid = TH_CS3A};
    th_lookup_on_answer(&b->lookup, b->now, &id, &see);
}

#define ANSWER(b, n, ...) answer(b, n, (const int[]){__VA_ARGS__, -1})

static void pass(struct bench *b, th_ms ms)
{
    b->now.mono += ms;
    th_lookup_tick(&b->lookup, b->now);
}

/* Takes the next action, which must be this one. */
static void expect(struct bench *b, enum th_lookup_action_kind kind, unsigned n)
{
    struct th_lookup_action action;
    struct th_hashname id = node(n);

    assert_true(th_lookup_next(&b->lookup, &action));
    assert_int_equal(action.kind, kind);
    assert_memory_equal(&action.node.id, &id, sizeof id);
}

static void expect_done(struct bench *b, enum th_err result)
{
    struct th_lookup_action action;

    assert_true(th_lookup_next(&b->lookup, &action));
    assert_int_equal(action.kind, TH_LOOKUP_DONE);
    assert_int_equal(action.result, result);
    assert_false(th_lookup_next(&b->lookup, &action));
}

static void expect_nothing(struct bench *b)
{
    struct th_lookup_action action;

    assert_false(th_lookup_next(&b->lookup, &action));
}

/* Lets a node be asked, up to the seek on its line. */
static void ask(struct bench *b, unsigned n)
{
    expect(b, TH_LOOKUP_CONNECT, n);
    line_up(b, n);
    expect(b, TH_LOOKUP_SEEK, n);
}

static void end(struct bench *b)
{
    th_lookup_clear(&b->lookup);
    memset(b, 0, sizeof *b);
}

/* --- asking --- */

/* A3 */
static void nearest_three_are_asked_first(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);

    expect(&b, TH_LOOKUP_CONNECT, 10);
    expect(&b, TH_LOOKUP_CONNECT, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);
    expect_nothing(&b);
    end(&b);
}

/* A3 */
static void an_answer_frees_a_place_for_the_nearest_it_told_of(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);

    ANSWER(&b, 20, 15, 5);

    expect(&b, TH_LOOKUP_CONNECT, 5);
    expect_nothing(&b);
    end(&b);
}

static void no_node_is_asked_twice(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, 9);
    ask(&b, 9);

    ANSWER(&b, 9, 10, 9);

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(b.lookup.asked, 2);
    end(&b);
}

static void we_are_never_asked(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, SELF);

    expect_done(&b, TH_NOT_FOUND);
    assert_int_equal(b.lookup.count, 0);
    end(&b);
}

static void seek_leaves_only_when_the_line_is_up(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    expect_nothing(&b);
    pass(&b, 500);
    expect_nothing(&b);

    line_up(&b, 10);

    expect(&b, TH_LOOKUP_SEEK, 10);
    expect_nothing(&b);
    end(&b);
}

static void lines_of_nodes_that_were_not_asked_are_of_no_interest(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);

    line_up(&b, 40);
    line_up(&b, 77);

    expect_nothing(&b);
    end(&b);
}

/* --- time-outs --- */

static void node_without_a_line_after_three_seconds_frees_its_place(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);
    ANSWER(&b, 10, 10);
    ANSWER(&b, 20, 10);
    expect(&b, TH_LOOKUP_CONNECT, 40);
    line_up(&b, 40);
    expect(&b, TH_LOOKUP_SEEK, 40);

    assert_int_equal(th_lookup_deadline(&b.lookup), 1000 + 250);
    ANSWER(&b, 40, 10);
    pass(&b, 2999);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_LOOKUP_GIVE_UP, 30);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void time_out_of_an_answer_counts_from_when_the_seek_leaves(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 2500);
    line_up(&b, 10);
    expect(&b, TH_LOOKUP_SEEK, 10);

    pass(&b, 999);
    expect_nothing(&b);
    pass(&b, 1);

    expect(&b, TH_LOOKUP_CONNECT, 10); /* once more */
    assert_int_equal(b.lookup.step[0].rtt_ms, 1000);
    assert_false(b.lookup.step[0].answered);
    end(&b);
}

/* Once a seek that was lost ended the lookup after a second, though its node was there. */
static void who_did_not_answer_is_asked_again_when_nobody_else_is_left(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    ANSWER(&b, 20, 30);
    ANSWER(&b, 30, 20);
    expect(&b, TH_LOOKUP_CONNECT, 40); /* first who was not asked yet */
    line_up(&b, 40);
    expect(&b, TH_LOOKUP_SEEK, 40);
    ANSWER(&b, 40, 20);
    pass(&b, 1000);

    ask(&b, 10);
    ANSWER(&b, 10, 0);

    expect_done(&b, TH_OK);
    assert_int_equal(b.lookup.asked, 5);
    assert_int_equal(b.lookup.step_count, 5);
    assert_false(b.lookup.step[0].answered);
    assert_true(b.lookup.step[4].answered);
    end(&b);
}

static void
who_is_asked_again_is_waited_for_twice_as_long_and_given_up_after_the_third(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);

    for (th_ms ms = 1000; ms <= 3000; ms += 1000) { /* the third time cut to the limit */
        ask(&b, 10);
        pass(&b, ms - 1);
        expect_nothing(&b);
        pass(&b, 1);
    }

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void those_asked_least_often_are_asked_again_first(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    pass(&b, 1000);
    ask(&b, 40);
    pass(&b, 1000);
    ask(&b, 10);
    ask(&b, 20);
    ask(&b, 30);
    pass(&b, 2000);

    ask(&b, 40);
    ask(&b, 10);
    ask(&b, 20);
    expect_nothing(&b);
    end(&b);
}

/* Once it did, and the nearest were asked one at a time, behind two that were dead. */
static void who_is_asked_again_takes_no_place_of_a_nearer_node(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 40; n <= 60; n += 10)
        add(&b, n);
    ask(&b, 40);
    ask(&b, 50);
    ask(&b, 60);
    pass(&b, 500);
    ANSWER(&b, 60, 40);
    pass(&b, 500);
    ask(&b, 40);
    ask(&b, 50);
    expect_nothing(&b);

    add(&b, 5);
    add(&b, 6);
    add(&b, 7);
    add(&b, 8);

    ask(&b, 5);
    ask(&b, 6);
    ask(&b, 7);
    expect_nothing(&b);
    end(&b);
}

static void nobody_is_asked_again_while_another_is_asked_the_first_time(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    pass(&b, 500);
    ANSWER(&b, 30, 20);
    ask(&b, 40);
    pass(&b, 500);

    expect_nothing(&b); /* 10 and 20 are silent, but 40 may tell of nearer ones */
    ANSWER(&b, 40, 5, 6, 7);

    ask(&b, 5);
    ask(&b, 6);
    ask(&b, 7);
    expect_nothing(&b);
    end(&b);
}

/* Dead nodes would take the time of the second try over disjoint paths. */
static void only_the_nearest_are_asked_again(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, true, 2);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 40; n += 10) {
        ask(&b, n);
        pass(&b, 3000);
    }

    for (unsigned asks = 1; asks < TH_LOOKUP_ASKS_MAX; asks++) {
        ask(&b, 10);
        ask(&b, 20);
        expect_nothing(&b);
        pass(&b, 3000);
    }

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void who_is_asked_again_is_not_waited_for_when_the_nearest_have_answered(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[3];
    (void)state;
    begin_wide(&b, false, 2);
    add(&b, 10);
    add(&b, 20);
    ask(&b, 10);
    ask(&b, 20);
    pass(&b, 500);
    ANSWER(&b, 20, 10);
    pass(&b, 500);
    ask(&b, 10);

    add(&b, 30);
    ask(&b, 30);
    ANSWER(&b, 30, 20);

    expect_done(&b, TH_OK);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 3), 2);
    assert_int_equal(closest[0]->id.b[0], 20);
    end(&b);
}

/* Its answer to the first seek was thrown away, while the second was about to leave. */
static void late_answer_of_who_is_asked_again_still_counts(void **state)
{
    (void)state;
    for (unsigned has_line = 0; has_line < 2; has_line++) {
        struct bench b = {0};
        begin(&b, true);
        add(&b, 10);
        ask(&b, 10);
        pass(&b, 1000);
        expect(&b, TH_LOOKUP_CONNECT, 10);
        if (has_line)
            line_up(&b, 10);

        ANSWER(&b, 10, 3);

        if (!has_line)
            expect(&b, TH_LOOKUP_GIVE_UP, 10); /* its line is not needed any more */
        expect(&b, TH_LOOKUP_CONNECT, 3);
        expect_nothing(&b);
        end(&b);
    }
}

static void late_answer_counts_even_when_the_line_was_lost_since(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 3000);

    ANSWER(&b, 10, 3);

    expect(&b, TH_LOOKUP_GIVE_UP, 10);
    expect(&b, TH_LOOKUP_CONNECT, 3);
    end(&b);
}

/* Nobody has asked it: it is no answer. */
static void answer_of_who_was_sent_no_seek_does_not_count(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    expect(&b, TH_LOOKUP_CONNECT, 10);

    ANSWER(&b, 10, 3);

    assert_int_equal(b.lookup.count, 1);
    end(&b);
}

static void refusal_is_final(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);

    refuse(&b, 10);

    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

/* Nobody knows which of the seeks it is an answer to. */
static void answer_of_who_was_asked_again_is_not_measured(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    pass(&b, 1000);
    ask(&b, 10);
    pass(&b, 100);

    ANSWER(&b, 10, 0);

    assert_false(b.rtt.has_any);
    end(&b);
}

static void late_answer_still_counts(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    add(&b, 20);
    ask(&b, 10);
    ask(&b, 20);
    pass(&b, 900);
    ANSWER(&b, 20, 15);
    ask(&b, 15);
    pass(&b, 100);

    ANSWER(&b, 10, 3);

    expect(&b, TH_LOOKUP_CONNECT, 3);
    assert_true(b.lookup.step[0].answered);
    assert_int_equal(b.lookup.step[0].rtt_ms, 1000);
    end(&b);
}

static void late_line_still_counts(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 10);
    add(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 10);
    pass(&b, 2500);
    expect(&b, TH_LOOKUP_CONNECT, 20);
    pass(&b, 500);
    expect(&b, TH_LOOKUP_GIVE_UP, 10);

    line_up(&b, 10);

    expect(&b, TH_LOOKUP_SEEK, 10);
    ANSWER(&b, 10, 0);
    expect_done(&b, TH_OK);
    end(&b);
}

static void time_out_adapts_to_measured_round_trips_within_its_limits(void **state)
{
    struct th_lookup_rtt rtt = {0};
    (void)state;

    assert_int_equal(th_lookup_rtt_timeout(&rtt), 1000);

    th_lookup_rtt_add(&rtt, 200);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 600);

    for (int i = 0; i < 50; i++)
        th_lookup_rtt_add(&rtt, 1);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 250);

    for (int i = 0; i < 50; i++)
        th_lookup_rtt_add(&rtt, 1u << 31);
    assert_int_equal(th_lookup_rtt_timeout(&rtt), 3000);
}

static void refusal_frees_the_place_at_once(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 40; n += 10)
        add(&b, n);
    ask(&b, 10);
    ask(&b, 20);
    expect(&b, TH_LOOKUP_CONNECT, 30);

    refuse(&b, 30);

    expect(&b, TH_LOOKUP_CONNECT, 40);
    end(&b);
}

/* --- the end --- */

static void match_ends_it_and_tells_by_whom(void **state)
{
    struct bench b = {0};
    struct th_hashname target = node(0), teller = node(9);
    (void)state;
    begin(&b, true);
    add(&b, 10);
    ask(&b, 10);
    ANSWER(&b, 10, 9);
    ask(&b, 9);

    ANSWER(&b, 9, 30, 0);

    expect_done(&b, TH_OK);
    assert_int_equal(b.lookup.hops, 2);
    const struct th_lookup_node *found = th_lookup_find(&b.lookup, &target);
    assert_int_equal(found->via_count, 1);
    assert_memory_equal(&found->via[0], &teller, sizeof teller);
    end(&b);
}

static void answers_after_the_match_add_to_the_vias_of_the_target(void **state)
{
    struct bench b = {0};
    struct th_hashname target = node(0);
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 30; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    ANSWER(&b, 10, 0);
    expect_done(&b, TH_OK);

    ANSWER(&b, 20, 0);
    ANSWER(&b, 30, 0);

    assert_int_equal(th_lookup_find(&b.lookup, &target)->via_count, 3);
    expect_nothing(&b);
    assert_true(th_lookup_deadline(&b.lookup) == TH_NEVER);
    end(&b);
}

static void without_a_wish_for_a_match_it_goes_on_to_the_eight_nearest(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[16];
    (void)state;
    begin(&b, false);
    add(&b, 100);
    ask(&b, 100);
    ANSWER(&b, 100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

    for (unsigned n = 0; n < 8; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect_done(&b, TH_OK);
    assert_true(b.lookup.is_found);
    assert_int_equal(b.lookup.hops, 1);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 16), 12);
    assert_int_equal(closest[7]->id.b[0], 7);
    end(&b);
}

static void a_narrow_one_ends_with_the_two_nearest(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, false, 2);
    for (unsigned n = 60; n > 0; n -= 10)
        add(&b, n);

    ask(&b, 10);
    ask(&b, 20);
    expect_nothing(&b); /* not 30: a third place is free, but with these two it ends */
    ANSWER(&b, 20, 5, 30);
    ask(&b, 5);
    ANSWER(&b, 5, 20, 60);
    expect_nothing(&b); /* 10 is among the two nearest still */
    ANSWER(&b, 10, 50);

    expect_done(&b, TH_OK);
    end(&b);
}

static void a_wide_one_ends_after_nine_answers_without_progress(void **state)
{
    struct bench b = {0};
    (void)state;
    begin_wide(&b, false, 64);
    for (unsigned n = 1; n <= 12; n++)
        add(&b, n);
    for (unsigned n = 1; n <= 9; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect_done(&b, TH_OK);
    end(&b);
}

static void nodes_that_timed_out_are_not_among_the_eight(void **state)
{
    struct bench b = {0};
    const struct th_lookup_node *closest[1];
    (void)state;
    begin(&b, false);
    add(&b, 100);
    ask(&b, 100);
    ANSWER(&b, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    ask(&b, 1);
    ask(&b, 2);
    ask(&b, 3);
    pass(&b, 250);

    for (unsigned n = 4; n <= 9; n++) {
        ask(&b, n);
        ANSWER(&b, n, 200);
    }

    expect(&b, TH_LOOKUP_CONNECT, 200);
    assert_int_equal(th_lookup_closest(&b.lookup, closest, 1), 1);
    assert_int_equal(closest[0]->id.b[0], 4);
    end(&b);
}

/* Liars can tell of ever new nodes that are no nearer; this alone ends it then. */
static void nine_answers_without_progress_end_it(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    add(&b, 2);
    add(&b, 250);
    ask(&b, 2);
    ask(&b, 250);

    unsigned next = 249;
    ANSWER(&b, 250, 249); /* each tells of one that is a little nearer, but none nearer than 2 */
    for (unsigned answers = 1; answers < 9; answers++, next--) {
        struct th_lookup_action action;
        assert_true(th_lookup_next(&b.lookup, &action));
        assert_int_equal(action.kind, TH_LOOKUP_CONNECT);
        line_up(&b, next);
        expect(&b, TH_LOOKUP_SEEK, next);
        ANSWER(&b, next, (int)next - 1);
    }

    assert_int_equal(b.lookup.idle, 9);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void time_outs_are_not_answers_without_progress(void **state)
{
    enum { AGAIN = TH_LOOKUP_WIDTH_DEFAULT * (TH_LOOKUP_ASKS_MAX - 1) };
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 1; n <= 30; n++)
        add(&b, n);

    for (unsigned n = 0; n < 30; n++) {
        ask(&b, n + 1);
        pass(&b, 3000);
    }
    for (unsigned n = 0; n < AGAIN; n++) { /* the nearest */
        ask(&b, n % TH_LOOKUP_WIDTH_DEFAULT + 1);
        pass(&b, 3000);
    }

    assert_int_equal(b.lookup.idle, 0);
    assert_int_equal(b.lookup.asked, 30 + AGAIN);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);
}

static void answers_to_requests_older_than_the_progress_do_not_count_against_it(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, true);
    for (unsigned n = 10; n <= 30; n += 10)
        add(&b, n);
    for (unsigned n = 10; n <= 30; n += 10)
        ask(&b, n);
    ANSWER(&b, 10, 5);

    ANSWER(&b, 20, 40);
    ANSWER(&b, 30, 40);

    assert_int_equal(b.lookup.idle, 0);
    end(&b);
}

static void nothing_to_begin_with_ends_it_at_once(void **state)
{
    struct bench b = {0};
    (void)state;

    begin(&b, true);
    expect_done(&b, TH_NOT_FOUND);
    end(&b);

    begin(&b, false);
    expect_done(&b, TH_OK);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_three_are_asked_first),
        cmocka_unit_test(an_answer_frees_a_place_for_the_nearest_it_told_of),
        cmocka_unit_test(no_node_is_asked_twice),
        cmocka_unit_test(we_are_never_asked),
        cmocka_unit_test(seek_leaves_only_when_the_line_is_up),
        cmocka_unit_test(lines_of_nodes_that_were_not_asked_are_of_no_interest),
        cmocka_unit_test(node_without_a_line_after_three_seconds_frees_its_place),
        cmocka_unit_test(time_out_of_an_answer_counts_from_when_the_seek_leaves),
        cmocka_unit_test(who_did_not_answer_is_asked_again_when_nobody_else_is_left),
        cmocka_unit_test(
            who_is_asked_again_is_waited_for_twice_as_long_and_given_up_after_the_third),
        cmocka_unit_test(those_asked_least_often_are_asked_again_first),
        cmocka_unit_test(who_is_asked_again_takes_no_place_of_a_nearer_node),
        cmocka_unit_test(nobody_is_asked_again_while_another_is_asked_the_first_time),
        cmocka_unit_test(only_the_nearest_are_asked_again),
        cmocka_unit_test(who_is_asked_again_is_not_waited_for_when_the_nearest_have_answered),
        cmocka_unit_test(late_answer_of_who_is_asked_again_still_counts),
        cmocka_unit_test(late_answer_counts_even_when_the_line_was_lost_since),
        cmocka_unit_test(answer_of_who_was_sent_no_seek_does_not_count),
        cmocka_unit_test(refusal_is_final),
        cmocka_unit_test(answer_of_who_was_asked_again_is_not_measured),
        cmocka_unit_test(late_answer_still_counts),
        cmocka_unit_test(late_line_still_counts),
        cmocka_unit_test(time_out_adapts_to_measured_round_trips_within_its_limits),
        cmocka_unit_test(refusal_frees_the_place_at_once),
        cmocka_unit_test(match_ends_it_and_tells_by_whom),
        cmocka_unit_test(answers_after_the_match_add_to_the_vias_of_the_target),
        cmocka_unit_test(without_a_wish_for_a_match_it_goes_on_to_the_eight_nearest),
        cmocka_unit_test(a_narrow_one_ends_with_the_two_nearest),
        cmocka_unit_test(a_wide_one_ends_after_nine_answers_without_progress),
        cmocka_unit_test(nodes_that_timed_out_are_not_among_the_eight),
        cmocka_unit_test(nine_answers_without_progress_end_it),
        cmocka_unit_test(time_outs_are_not_answers_without_progress),
        cmocka_unit_test(answers_to_requests_older_than_the_progress_do_not_count_against_it),
        cmocka_unit_test(nothing_to_begin_with_ends_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

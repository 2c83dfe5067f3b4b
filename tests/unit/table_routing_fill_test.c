/* What the machine does by itself: candidates, refresh, wishes of the application. */
#include "tests/lib/test_routing.h"

/* --- candidates -------------------------------------------------------------------------------------- */

static void node_that_we_are_told_of_is_reached_through_the_teller(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname via = test_id(250, 7);
    (void)state;

    test_told(b, test_id(255, 1), via);
    const struct test_action *reach = test_only(b, TH_ROUTING_REACH);
    assert_true(reach->is.has_via);
    assert_true(th_hashname_is_equal(&reach->is.via, &via));
    test_line_up(b, test_id(255, 1));
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_reached(b, test_id(255, 1), TH_OK);

    assert_int_equal(b->count, 0); /* it is asked once */
    assert_int_equal(b->routing.reaching, 0);
    test_bench_free(b);
}

static void whom_a_link_tells_of_is_reached_through_it(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    const struct th_routing_packet packet = test_packet(
        test_id(255, 1), 1, false,
        "{\"seed\":true,\"see\":[\"4000000000000000000000000000000000000000000000000000000000000002"
        ",3a,127.0.0.1,4000\",\"\",\"rubbish\","
        "\"0000000000000000000000000000000000000000000000000000000000000000,3a\","
        "\"8000000000000000000000000000000000000000000000000000000000000001,3a\"]}");
    (void)state;

    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &packet), TH_OK);
    test_take(b);

    const struct test_action *reach = test_only(b, TH_ROUTING_REACH);
    assert_int_equal(reach->is.id.b[31], 2);
    assert_int_equal(reach->is.via.b[31], 1);
    assert_int_equal(reach->is.addr.port, 4000);
    assert_int_equal(b->routing.drops.n[TH_DROP_SEE_BAD], 1);
    assert_int_equal(b->routing.drops.n[TH_DROP_SEE_SELF], 2);
    test_bench_free(b);
}

static void few_are_reached_at_once_and_fewer_of_one_bucket(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    struct th_spare told[40];
    (void)state;

    for (uint8_t i = 0; i < 40; i++)
        told[i] = (struct th_spare){.id = test_id_at(255 - i / 8, i, i)};
    assert_int_equal(th_routing_on_told(&b->routing, b->now, told, 40), TH_OK);
    test_take(b);
    unsigned farthest = 0;
    for (unsigned i = 0; i < b->count; i++)
        farthest += b->action[i].is.id.b[0] >= 0x80;

    assert_int_equal(test_count(b, TH_ROUTING_REACH), TH_REACHES_MAX);
    assert_int_equal(farthest, TH_REACHES_BUCKET_MAX);
    test_reached(b, b->action[0].is.id, TH_NO_PATH);
    assert_int_equal(test_count(b, TH_ROUTING_REACH), 1);
    test_bench_free(b);
}

/* Found by a cold start of 1,000 nodes: all that a seed tells would be reached through it at once. */
static void one_at_a_time_is_reached_through_each_teller(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    struct th_spare told[6];
    (void)state;

    for (uint8_t i = 0; i < 6; i++)
        told[i] = (struct th_spare){
            .id = test_id_at(255 - i, i, i), .has_via = true, .via = test_id(200, 1 + i / 3)};
    assert_int_equal(th_routing_on_told(&b->routing, b->now, told, 6), TH_OK);
    test_take(b);

    assert_int_equal(test_count(b, TH_ROUTING_REACH), 2);
    assert_false(th_hashname_is_equal(&b->action[0].is.via, &b->action[1].is.via));
    test_reached(b, b->action[0].is.id, TH_NO_PATH);
    assert_int_equal(test_count(b, TH_ROUTING_REACH), 1);
    test_bench_free(b);
}

static void
candidate_that_failed_is_left_alone_for_60_s_and_forgotten_after_three_times(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;

    test_told(b, id, test_id(250, 1));
    test_reached(b, id, TH_NO_PATH);
    assert_int_equal(b->count, 0);
    test_told(b, id, test_id(250, 1));
    assert_int_equal(b->count, 0);
    assert_int_equal(th_routing_deadline(&b->routing), 61000);
    test_tick_at(b, 61000);
    assert_int_equal(test_count(b, TH_ROUTING_REACH), 1);
    test_reached(b, id, TH_NOT_FOUND);
    test_tick_at(b, 121000);
    test_reached(b, id, TH_TIMED_OUT);

    assert_null(th_table_spare(&b->routing.table, &id));
    test_bench_free(b);
}

static void dialer_that_is_busy_is_not_the_candidates_fault(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;

    test_told(b, id, test_id(250, 1));
    for (th_ms t = 61000; t < 600000; t += 60000) {
        test_reached(b, id, TH_LIMIT);
        test_tick_at(b, t);
        assert_int_equal(test_count(b, TH_ROUTING_REACH), 1);
    }
    test_bench_free(b);
}

static void new_line_is_a_new_chance(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;

    test_told(b, id, test_id(250, 1));
    test_reached(b, id, TH_NO_PATH);
    test_line_up(b, id);

    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void candidate_whose_line_is_gone_already_is_reached_a_minute_later(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_line_up(b, test_id(255, 1));
    test_opened(b, test_id(255, 1), 0, TH_NO_LINE);
    assert_int_equal(b->count, 0);
    test_tick_at(b, 61000);

    assert_int_equal(test_count(b, TH_ROUTING_REACH), 1);
    test_bench_free(b);
}

static void third_of_a_net_in_a_bucket_is_not_asked(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    (void)state;

    for (uint8_t n = 1; n <= 5; n++) {
        const struct th_routing_line line = {
            .id = test_id(255, n), .csid = TH_CS3A, .addr = test_addr(192, 0, 2, n)};
        assert_int_equal(th_routing_on_line_up(&b->routing, b->now, &line), TH_OK);
    }
    test_take(b);

    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 2);
    test_bench_free(b);
}

/* --- pictures ---------------------------------------------------------------------------------------- */

static void picture_of_lines_ends_what_has_none_and_begins_what_is_new(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    const struct th_routing_line lines[] = {{.id = test_id(255, 2)}, {.id = test_id(254, 3)}};
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_link_out(b, test_id(255, 2), 2);
    assert_int_equal(th_routing_on_lines(&b->routing, b->now, lines, 2), TH_OK);
    test_take(b);

    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.id.b[31], 1);
    assert_int_equal(test_only(b, TH_ROUTING_OPEN)->is.id.b[31], 3);
    test_bench_free(b);
}

static void link_that_is_older_than_its_line_is_over(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_routing_line line = {.id = test_id(255, 1)};
    (void)state;

    test_link_out(b, line.id, 2);
    b->now = test_now(9000);
    line.up_at = 1000;
    assert_int_equal(th_routing_on_lines(&b->routing, b->now, &line, 1), TH_OK);
    test_take(b);
    assert_int_equal(b->count, 0);
    line.up_at = 5000;
    assert_int_equal(th_routing_on_lines(&b->routing, b->now, &line, 1), TH_OK);
    test_take(b);

    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 1);
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

/* --- wishes ------------------------------------------------------------------------------------------ */

static void want(struct test_bench *b, struct th_hashname id)
{
    assert_int_equal(th_routing_link(&b->routing, b->now, &id), TH_OK);
    test_take(b);
}

static void wanted_link_is_made_whatever_its_bucket_holds(void **state)
{
    struct test_bench *b = test_bench_new(1, 1);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    want(b, test_id(255, 2));
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_opened(b, test_id(255, 2), 4, TH_OK);
    test_hear(b, test_id(255, 2), 4, true);

    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 1);
    assert_int_equal(b->routing.table.up_count, 2);
    test_bench_free(b);
}

static void wish_waits_for_the_line(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    want(b, test_id(255, 2));
    test_opened(b, test_id(255, 2), 0, TH_NO_LINE);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 0);
    b->now = test_now(500000);
    test_hear(b, test_id(255, 1), 2, true);
    test_line_up(b, test_id(255, 2));

    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void wish_that_was_refused_is_told_and_over(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    want(b, test_id(255, 2));
    test_opened(b, test_id(255, 2), 4, TH_OK);
    test_hear_end(b, test_id(255, 2), 4, true);
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_REFUSED);
    assert_int_equal(b->routing.asked_count, 0);
    test_bench_free(b);
}

static void wish_that_nobody_answers_is_told_and_over(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    want(b, test_id(255, 2));
    test_opened(b, test_id(255, 2), 4, TH_OK);
    test_tick_at(b, 3000);
    test_tick_at(b, 5000);
    test_tick_at(b, 11000);

    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_TIMED_OUT);
    assert_int_equal(b->routing.asked_count, 0);
    test_bench_free(b);
}

static void wish_outlives_the_loss_of_the_line(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    want(b, test_id(255, 2));
    test_opened(b, test_id(255, 2), 4, TH_OK);
    test_hear(b, test_id(255, 2), 4, true);
    test_line_down(b, test_id(255, 2), TH_CANCELLED);
    test_link_in(b, test_id(255, 1), 1); /* the bucket is full now */
    test_line_up(b, test_id(255, 2));

    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void link_to_ourselves_is_not_made(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    want(b, test_self());

    assert_int_equal(b->count, 0);
    test_bench_free(b);
}

static void wishes_are_bounded(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    for (uint8_t n = 1; n <= 100; n++)
        want(b, test_id(255, n));

    assert_int_equal(b->routing.asked_count, TH_ASKED_MAX);
    test_bench_free(b);
}

/* --- refresh ----------------------------------------------------------------------------------------- */

static void refresh(struct test_bench *b)
{
    assert_int_equal(th_routing_refresh(&b->routing, b->now), TH_OK);
    test_take(b);
}

static void dialed(struct test_bench *b, int bucket, bool is_done)
{
    assert_int_equal(th_routing_on_dialed(&b->routing, b->now, bucket, is_done), TH_OK);
    test_take(b);
}

/* A2 */
static void refresh_dials_into_each_bucket_down_to_the_nearest_neighbours(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname self = test_self();
    int expected = 255;
    (void)state;

    test_link_out(b, test_id(250, 1), 2);
    refresh(b);
    assert_int_equal(test_count(b, TH_ROUTING_DIAL), TH_REFRESH_DIALS_MAX);
    for (unsigned i = 0; i < TH_REFRESH_DIALS_MAX; i++) {
        assert_int_equal(b->action[i].is.bucket, expected--);
        assert_int_equal(th_hashname_bucket(&self, &b->action[i].is.id), b->action[i].is.bucket);
    }
    for (int done = 255; done > 250; done--) {
        dialed(b, done, true);
        assert_int_equal(test_count(b, TH_ROUTING_DIAL), done >= 253);
        assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 0);
    }
    dialed(b, 250, true);

    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 1);
    test_bench_free(b);
}

static void refresh_with_nobody_known_ends_at_once(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    refresh(b);

    assert_int_equal(b->count, 1);
    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 1);
    test_bench_free(b);
}

static void bucket_that_was_looked_into_is_left_alone_for_an_hour(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    th_ms last = 0;
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    refresh(b);
    dialed(b, 255, true);
    refresh(b);
    assert_int_equal(test_count(b, TH_ROUTING_DIAL), 0);
    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 1);
    while (test_count(b, TH_ROUTING_DIAL) == 0) {
        test_tick_at(b, th_routing_deadline(&b->routing));
        last = b->now.mono;
        if (test_count(b, TH_ROUTING_DIAL) == 0)
            test_hear(b, test_id(255, 1), 2, true);
    }

    assert_in_range(last, 1000 + 54 * 60000, 1000 + 60 * 60000);
    test_bench_free(b);
}

static void bucket_that_the_first_look_did_not_fill_is_looked_into_once_more(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    unsigned dials = 0;
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    refresh(b);
    dialed(b, 255, true);
    for (th_ms t = 2000; t < 3000000; t += 5000) {
        b->now = test_now(t);
        test_hear(b, test_id(255, 1), 2, true);
        test_tick_at(b, t);
        dials += test_count(b, TH_ROUTING_DIAL);
        if (test_count(b, TH_ROUTING_DIAL)) {
            assert_in_range(t, 55000, 66000);
            dialed(b, 255, true);
        }
    }
    assert_int_equal(dials, 1);
    test_bench_free(b);
}

static void refusal_is_no_loss_that_makes_us_look(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 9), 2);
    for (th_ms t = 2000; t < 600000; t += 5000) {
        b->now = test_now(t);
        test_hear(b, test_id(255, 9), 2, true);
        test_line_up(b, test_id(255, 1));
        if (test_count(b, TH_ROUTING_OPEN)) {
            test_opened(b, test_id(255, 1), 4, TH_OK);
            test_hear_end(b, test_id(255, 1), 4, true);
        }
        test_tick_at(b, t);
        assert_int_equal(test_count(b, TH_ROUTING_DIAL), 0);
    }
    test_bench_free(b);
}

static void dial_that_did_not_take_place_is_tried_again_in_a_minute(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    refresh(b);
    dialed(b, 255, false);
    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 1);
    while (b->now.mono < 60000) {
        b->now = test_now(b->now.mono + 5000);
        test_hear(b, test_id(255, 1), 2, true);
    }
    test_tick_at(b, 61000);

    assert_int_equal(test_count(b, TH_ROUTING_DIAL), 1);
    test_bench_free(b);
}

static void bucket_that_lost_a_link_is_looked_into_soon(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_link_out(b, test_id(255, 2), 2);
    test_line_down(b, test_id(255, 1), TH_TIMED_OUT);
    test_tick_at(b, 6000);

    assert_int_equal(test_only(b, TH_ROUTING_DIAL)->is.bucket, 255);
    test_bench_free(b);
}

static void bucket_without_loss_is_not_looked_into_before_it_is_asked_for(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);

    for (th_ms t = 6000; t < 3000000; t += 5000) {
        b->now = test_now(t);
        test_hear(b, test_id(255, 1), 2, true);
        test_tick_at(b, t);
        assert_int_equal(test_count(b, TH_ROUTING_DIAL), 0);
    }
    test_bench_free(b);
}

static void leaving_in_the_middle_of_a_refresh_ends_it(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(248, 1), 2);
    refresh(b);
    assert_int_equal(th_routing_leave(&b->routing, b->now), TH_OK);
    test_take(b);
    for (int bucket = 255; bucket > 253; bucket--)
        dialed(b, bucket, true);
    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 0);
    dialed(b, 253, true);

    assert_int_equal(test_count(b, TH_ROUTING_REFRESHED), 1);
    assert_int_equal(test_count(b, TH_ROUTING_DIAL), 0);
    test_bench_free(b);
}

/* --- memory ------------------------------------------------------------------------------------------ */

/* Everything that takes memory, until one of it fails. */
static enum th_err live(struct test_bench *b)
{
    const struct th_routing_line line = {.id = test_id(255, 1)};
    const struct th_routing_packet request = test_packet(test_id(254, 2), 1, false, "{}");
    const struct th_routing_packet answer = test_packet(test_id(255, 1), 2, true, "{}");
    const struct th_spare told = {.id = test_id(253, 3)};
    struct th_hashname wanted = test_id(252, 4);
    enum th_err err = th_routing_on_line_up(&b->routing, b->now, &line);

    if (err == TH_OK)
        err = th_routing_on_opened(&b->routing, b->now, &line.id, 2, TH_OK);
    if (err == TH_OK)
        err = th_routing_on_link_packet(&b->routing, b->now, &answer);
    if (err == TH_OK)
        err = th_routing_on_link_opened(&b->routing, b->now, &request);
    if (err == TH_OK)
        err = th_routing_on_told(&b->routing, b->now, &told, 1);
    if (err == TH_OK)
        err = th_routing_link(&b->routing, b->now, &wanted);
    if (err == TH_OK)
        err = th_routing_refresh(&b->routing, b->now);
    if (err == TH_OK)
        err = th_routing_on_line_down(&b->routing, b->now, &line.id, TH_TIMED_OUT);
    if (err == TH_OK)
        err = th_routing_leave(&b->routing, b->now);
    return err;
}

static void refused_memory_is_told_and_nothing_is_lost_of_it(void **state)
{
    enum th_err err = TH_NO_MEMORY;
    unsigned nth = 0;
    (void)state;

    while (err == TH_NO_MEMORY) {
        struct test_bench *b = test_bench_new(2, 8);
        th_mem_refuse(++nth);
        err = live(b);
        th_mem_refuse(0);
        test_bench_free(b);
    }

    assert_int_equal(err, TH_OK);
    assert_true(nth > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_that_we_are_told_of_is_reached_through_the_teller),
        cmocka_unit_test(whom_a_link_tells_of_is_reached_through_it),
        cmocka_unit_test(few_are_reached_at_once_and_fewer_of_one_bucket),
        cmocka_unit_test(one_at_a_time_is_reached_through_each_teller),
        cmocka_unit_test(
            candidate_that_failed_is_left_alone_for_60_s_and_forgotten_after_three_times),
        cmocka_unit_test(dialer_that_is_busy_is_not_the_candidates_fault),
        cmocka_unit_test(new_line_is_a_new_chance),
        cmocka_unit_test(candidate_whose_line_is_gone_already_is_reached_a_minute_later),
        cmocka_unit_test(third_of_a_net_in_a_bucket_is_not_asked),
        cmocka_unit_test(picture_of_lines_ends_what_has_none_and_begins_what_is_new),
        cmocka_unit_test(link_that_is_older_than_its_line_is_over),
        cmocka_unit_test(wanted_link_is_made_whatever_its_bucket_holds),
        cmocka_unit_test(wish_waits_for_the_line),
        cmocka_unit_test(wish_that_was_refused_is_told_and_over),
        cmocka_unit_test(wish_that_nobody_answers_is_told_and_over),
        cmocka_unit_test(wish_outlives_the_loss_of_the_line),
        cmocka_unit_test(link_to_ourselves_is_not_made),
        cmocka_unit_test(wishes_are_bounded),
        cmocka_unit_test(refresh_dials_into_each_bucket_down_to_the_nearest_neighbours),
        cmocka_unit_test(refresh_with_nobody_known_ends_at_once),
        cmocka_unit_test(bucket_that_was_looked_into_is_left_alone_for_an_hour),
        cmocka_unit_test(bucket_that_the_first_look_did_not_fill_is_looked_into_once_more),
        cmocka_unit_test(refusal_is_no_loss_that_makes_us_look),
        cmocka_unit_test(dial_that_did_not_take_place_is_tried_again_in_a_minute),
        cmocka_unit_test(bucket_that_lost_a_link_is_looked_into_soon),
        cmocka_unit_test(bucket_without_loss_is_not_looked_into_before_it_is_asked_for),
        cmocka_unit_test(leaving_in_the_middle_of_a_refresh_ends_it),
        cmocka_unit_test(refused_memory_is_told_and_nothing_is_lost_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

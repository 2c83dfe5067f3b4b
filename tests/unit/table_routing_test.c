/* The machine's links: how they begin, live and end. What it does by itself: table_routing_fill_test.c */
#include "tests/lib/test_routing.h"

static void node_with_a_new_line_is_asked_for_a_link(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_line_up(b, test_id(255, 1));
    const struct test_action *open = test_only(b, TH_ROUTING_OPEN);
    assert_string_equal(open->fields, "\"seed\":true,\"see\":[]");
    test_opened(b, test_id(255, 1), 8, TH_OK);
    test_hear(b, test_id(255, 1), 8, true);

    const struct test_action *up = test_only(b, TH_ROUTING_LINK_UP);
    assert_true(up->is.is_out);
    assert_true(up->is.is_seed);
    assert_int_equal(test_count(b, TH_ROUTING_SEND), 0);
    test_bench_free(b);
}

static void full_bucket_keeps_further_nodes_in_reserve(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_line_up(b, test_id(255, 2));
    test_line_up(b, test_id(255, 3));

    assert_int_equal(b->count, 0);
    assert_non_null(
        th_table_spare(&b->routing.table, &(struct th_hashname){{[0] = 0x80, [31] = 3}}));
    test_bench_free(b);
}

static void request_of_theirs_is_answered_with_whom_we_know(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_in(b, test_id(254, 9), 3);
    test_request(b, test_id(255, 1), 5);

    const struct test_action *answer = test_only(b, TH_ROUTING_SEND);
    assert_int_equal(answer->is.c, 5);
    assert_false(answer->is.is_ours);
    assert_false(answer->is.end);
    assert_string_equal(
        answer->fields,
        "\"seed\":true,\"see\":[\"40000000000000000000000000000000000000000000000000"
        "00000000000009,3a,127.0.0.9,4000\"]");
    assert_false(test_only(b, TH_ROUTING_LINK_UP)->is.is_out);
    test_bench_free(b);
}

static void request_without_room_is_refused_and_counted(void **state)
{
    struct test_bench *b = test_bench_new(2, 2);
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    test_link_in(b, test_id(255, 2), 1);
    test_request(b, test_id(255, 3), 7);

    const struct test_action *refusal = test_only(b, TH_ROUTING_SEND);
    assert_true(refusal->is.end);
    assert_string_equal(refusal->is.err, "full");
    assert_true(refusal->is.hands_on); /* to those who have room perhaps */
    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 0);
    assert_int_equal(b->routing.drops.n[TH_DROP_LINK_LIMIT], 1);
    test_bench_free(b);
}

static void youngest_of_the_fullest_bucket_is_ended_for_a_newcomer(void **state)
{
    struct test_bench *b = test_bench_new(2, 4);
    (void)state;

    for (uint8_t n = 1; n <= 4; n++)
        test_link_in(b, test_id(255, n), n);
    test_request(b, test_id(254, 1), 9);

    const struct test_action *down = test_only(b, TH_ROUTING_LINK_DOWN);
    assert_int_equal(down->is.id.b[31], 4);
    assert_int_equal(down->is.why, TH_LIMIT);
    assert_true(b->action[0].is.end);
    assert_int_equal(b->action[0].is.c, 4);
    assert_null(b->action[0].is.err);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 1);
    test_bench_free(b);
}

static void two_requests_at_the_same_time_make_one_link(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_line_up(b, test_id(255, 1));
    test_opened(b, test_id(255, 1), 2, TH_OK);
    test_request(b, test_id(255, 1), 1);
    assert_true(test_only(b, TH_ROUTING_LINK_UP)->is.is_out); /* we are the lower */
    assert_int_equal(test_count(b, TH_ROUTING_SEND), 1);
    test_hear(b, test_id(255, 1), 2, true);

    assert_int_equal(b->count, 0);
    assert_int_equal(b->routing.table.up_count, 1);
    test_tick_at(b, th_routing_deadline(&b->routing));
    assert_int_equal(test_only(b, TH_ROUTING_SEND)->is.c, 2); /* where something came last */
    assert_true(test_only(b, TH_ROUTING_SEND)->is.is_ours);
    test_bench_free(b);
}

static void link_with_two_channels_outlives_the_silent_one(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;

    test_link_out(b, id, 2);
    test_request(b, id, 1);
    assert_int_equal(th_routing_on_link_ended(&b->routing, b->now, &id, 1, false, TH_TIMED_OUT),
                     TH_OK);
    test_take(b);

    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 0);
    assert_int_equal(b->routing.table.up_count, 1);
    test_bench_free(b);
}

static void end_of_either_channel_ends_the_link(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_request(b, test_id(255, 1), 1);
    test_hear_end(b, test_id(255, 1), 1, false);

    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_EOF);
    assert_int_equal(test_only(b, TH_ROUTING_SEND)->is.c, 2);
    assert_true(test_only(b, TH_ROUTING_SEND)->is.end);
    test_bench_free(b);
}

static void request_of_a_linked_node_renews_the_link(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    test_request(b, test_id(255, 1), 3);

    assert_int_equal(test_only(b, TH_ROUTING_SEND)->is.c, 3);
    assert_int_equal(b->count, 1);
    test_bench_free(b);
}

static void request_without_answer_is_sent_again_on_a_new_channel(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_line_up(b, test_id(255, 1));
    test_opened(b, test_id(255, 1), 2, TH_OK);
    test_tick_at(b, 3000);
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_opened(b, test_id(255, 1), 4, TH_OK);
    test_tick_at(b, 5000);
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_tick_at(b, 11000);

    assert_int_equal(b->routing.table.linked_count, 0);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 0); /* it never was up */
    assert_int_equal(test_only(b, TH_ROUTING_SEND)->is.c, 4);
    test_bench_free(b);
}

static void node_that_refused_is_not_asked_again_for_a_minute(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 9), 2);
    test_line_up(b, test_id(255, 1));
    test_opened(b, test_id(255, 1), 2, TH_OK);
    test_hear_end(b, test_id(255, 1), 2, true);
    assert_int_equal(b->count, 0);

    for (th_ms t = 11000; t < 61000; t += 10000) {
        b->now = test_now(t);
        test_hear(b, test_id(255, 9), 2, true);
        test_tick_at(b, t);
        assert_int_equal(test_count(b, TH_ROUTING_OPEN), 0);
    }
    test_tick_at(b, 61000); /* nobody else is left */
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void node_that_is_handed_on_opens_its_nat_for_the_host(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    (void)state;
    test_line_up(b, test_id(255, 1));
    test_opened(b, test_id(255, 1), 2, TH_OK);
    struct th_routing_packet packet = test_packet(
        test_id(255, 1), 2, true,
        "{\"end\":true,\"err\":\"full\",\"see\":[\"8000000000000000000000000000000000000000"
        "000000000000000000000009,3a,192.0.2.9,4000\"]}");
    packet.end = true;

    assert_int_equal(th_routing_on_link_packet(&b->routing, b->now, &packet), TH_OK);
    test_take(b);

    const struct th_addr host = test_addr(192, 0, 2, 9);
    assert_true(th_addr_is_equal(&test_only(b, TH_ROUTING_PUNCH)->is.addr, &host));
    assert_int_equal(test_count(b, TH_ROUTING_REACH), 0); /* it comes by itself */
    test_bench_free(b);
}

static void links_cannot_be_made_and_ended_as_fast_as_one_can(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    unsigned ups = 0;
    (void)state;

    for (unsigned i = 0; i < 5000; i++) {
        b->now = test_now(1000 + i);
        test_request(b, test_id(255, 1), 2 * i + 1);
        ups += test_count(b, TH_ROUTING_LINK_UP);
        test_hear_end(b, test_id(255, 1), 2 * i + 1, false);
    }

    assert_int_equal(ups, 5);
    test_bench_free(b);
}

static void keepalive_is_answered_when_our_last_is_over_10_s_old(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    b->now = test_now(11000);
    test_hear(b, test_id(255, 1), 1, false);
    assert_int_equal(b->count, 0);
    b->now = test_now(11001);
    test_hear(b, test_id(255, 1), 1, false);

    assert_string_equal(test_only(b, TH_ROUTING_SEND)->fields, "\"seed\":true");
    test_bench_free(b);
}

/* A2 */
static void silent_link_is_asked_dropped_and_replaced_at_once(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    unsigned asked = 0;
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    test_line_up(b, test_id(255, 2));
    while (test_count(b, TH_ROUTING_LINK_DOWN) == 0) {
        test_tick_at(b, th_routing_deadline(&b->routing));
        asked += test_count(b, TH_ROUTING_SEND);
    }

    assert_int_equal(b->now.mono, 61000);
    assert_true(asked - 1 >= 3); /* the last is the end */
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_TIMED_OUT);
    assert_int_equal(test_only(b, TH_ROUTING_OPEN)->is.id.b[31], 2);
    test_bench_free(b);
}

/* Who is heard by nobody for a while was told `end` by all, took that for a refusal, and asked its seed
 * again an hour later (thsim, one-way). */
static void who_was_not_heard_is_told_so_and_asks_again_soon(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_routing_packet packet = test_packet(test_id(255, 1), 1, false, "{\"end\":true}");
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    packet.end = true;
    packet.is_timeout = true;
    assert_int_equal(th_routing_on_link_packet(&b->routing, b->now, &packet), TH_OK);
    test_take(b);
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_TIMED_OUT);
    test_tick_at(b, 1000 + TH_AVOID_FAILED_MS);

    assert_int_equal(test_only(b, TH_ROUTING_OPEN)->is.id.b[31], 1);
    test_bench_free(b);
}

static void silent_link_ends_with_a_word(void **state)
{
    struct test_bench *b = test_bench_new(1, 8);
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    while (test_count(b, TH_ROUTING_LINK_DOWN) == 0)
        test_tick_at(b, th_routing_deadline(&b->routing));

    const struct test_action *last = test_only(b, TH_ROUTING_SEND);
    assert_true(last->is.end);
    assert_string_equal(last->is.err, "timeout");
    test_bench_free(b);
}

static void link_goes_with_its_line(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_line_down(b, test_id(255, 1), TH_CANCELLED);
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_CANCELLED);
    test_line_up(b, test_id(255, 1));

    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void link_that_the_switch_found_silent_is_asked_for_again(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;

    test_link_in(b, id, 1);
    assert_int_equal(th_routing_on_link_ended(&b->routing, b->now, &id, 1, false, TH_TIMED_OUT),
                     TH_OK);
    test_take(b);

    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 1);
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_bench_free(b);
}

static void channel_that_came_too_late_is_ended(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_line_up(b, test_id(255, 1));
    test_line_down(b, test_id(255, 1), TH_TIMED_OUT);
    test_opened(b, test_id(255, 1), 2, TH_OK);

    assert_true(test_only(b, TH_ROUTING_SEND)->is.end);
    test_bench_free(b);
}

static void unknown_link_channel_is_adopted_during_the_first_minute(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    b->now = test_now(60000);
    test_hear(b, test_id(255, 1), 41, false);
    assert_false(test_only(b, TH_ROUTING_LINK_UP)->is.is_out);
    assert_int_equal(test_only(b, TH_ROUTING_SEND)->is.c, 41);
    test_hear(b, test_id(255, 2), 42, true);
    assert_true(test_only(b, TH_ROUTING_LINK_UP)->is.is_out);

    b->now = test_now(61000);
    test_hear(b, test_id(255, 3), 43, false);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 0);
    assert_true(test_only(b, TH_ROUTING_SEND)->is.end);
    test_bench_free(b);
}

static void link_that_we_ended_is_not_adopted_again(void **state)
{
    struct test_bench *b = test_bench_new(1, 2);
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    test_link_in(b, test_id(255, 2), 2);
    test_request(b, test_id(254, 1), 3);
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.id.b[31], 2);
    test_line_down(b, test_id(255, 1), TH_TIMED_OUT);
    test_hear(b, test_id(255, 2), 2, false); /* was under way */

    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 0);
    test_bench_free(b);
}

static void link_packets_that_cannot_be_read_are_counted(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_routing_packet packet = test_packet(test_id(255, 1), 1, false, "[]");
    (void)state;

    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &packet), TH_OK);
    packet.head = th_bytes_of("{\"see\":[]}");
    packet.end = true;
    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &packet), TH_OK);
    test_link_in(b, test_id(255, 1), 3);
    packet = test_packet(test_id(255, 1), 3, false, "nonsense");
    assert_int_equal(th_routing_on_link_packet(&b->routing, b->now, &packet), TH_OK);
    test_take(b);

    assert_int_equal(b->count, 0);
    assert_int_equal(b->routing.drops.n[TH_DROP_LINK_BAD], 3);
    test_bench_free(b);
}

static void link_of_a_node_that_says_nothing_of_seeding_is_no_seed(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    const struct th_routing_packet packet =
        test_packet(test_id(255, 1), 1, false, "{\"type\":\"link\"}");
    (void)state;

    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &packet), TH_OK);
    test_take(b);

    assert_false(test_only(b, TH_ROUTING_LINK_UP)->is.is_seed);
    test_bench_free(b);
}

/* A2 */
static void seek_is_answered_and_ended(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    const struct th_routing_packet seek =
        test_packet(test_id(200, 1), 6, false, "{\"seek\":\"8\"}");
    (void)state;

    test_link_in(b, test_id(255, 1), 1);
    assert_int_equal(th_routing_on_seek(&b->routing, b->now, &seek), TH_OK);
    test_take(b);

    const struct test_action *answer = test_only(b, TH_ROUTING_SEND);
    assert_true(answer->is.end);
    assert_int_equal(answer->is.c, 6);
    assert_string_equal(answer->fields,
                        "\"see\":[\"80000000000000000000000000000000000000000000000000000000000000"
                        "01,3a,127.0.0.1,4000\"]");
    test_bench_free(b);
}

static void seek_of_nonsense_is_counted_and_not_answered(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    const struct th_routing_packet seek =
        test_packet(test_id(200, 1), 6, false, "{\"seek\":\"xy\"}");
    (void)state;

    assert_int_equal(th_routing_on_seek(&b->routing, b->now, &seek), TH_OK);
    test_take(b);

    assert_int_equal(b->count, 0);
    assert_int_equal(b->routing.drops.n[TH_DROP_SEEK_BAD], 1);
    test_bench_free(b);
}

static void longest_answer_fits_a_packet(void **state)
{
    struct test_bench *b = test_bench_new(8, 256);
    struct th_addr addr = {.port = 65535, .family = TH_FAMILY_IPV6};
    (void)state;

    memset(addr.ip, 0xfd, sizeof addr.ip); /* a private one, written in full */
    for (uint8_t n = 1; n <= 8; n++) {
        struct th_routing_packet request =
            test_packet(test_id(255, n), n, false, "{\"seed\":true}");
        request.addr = addr;
        assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &request), TH_OK);
    }
    struct th_routing_packet last = test_packet(test_id(254, 1), 1, false, "{\"seed\":true}");
    last.addr = addr;
    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &last), TH_OK);
    test_take(b);

    for (unsigned i = 0; i < b->count; i++)
        assert_true(strlen(b->action[i].fields) < TH_CHANPKT_MAX - 50); /* c, type, end */
    test_bench_free(b);
}

static void leaving_ends_every_link_and_makes_no_other(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    (void)state;

    test_link_out(b, test_id(255, 1), 2);
    test_link_in(b, test_id(254, 2), 1);
    test_line_up(b, test_id(253, 3));
    assert_int_equal(th_routing_leave(&b->routing, b->now), TH_OK);
    test_take(b);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 2);
    assert_int_equal(test_count(b, TH_ROUTING_SEND), 2);
    assert_int_equal(b->routing.table.linked_count, 0);

    test_line_up(b, test_id(252, 4));
    assert_int_equal(b->count, 0);
    test_request(b, test_id(251, 5), 1);
    assert_true(test_only(b, TH_ROUTING_SEND)->is.end);
    assert_int_equal(th_routing_deadline(&b->routing) > b->now.mono, 1);
    test_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_with_a_new_line_is_asked_for_a_link),
        cmocka_unit_test(full_bucket_keeps_further_nodes_in_reserve),
        cmocka_unit_test(request_of_theirs_is_answered_with_whom_we_know),
        cmocka_unit_test(request_without_room_is_refused_and_counted),
        cmocka_unit_test(youngest_of_the_fullest_bucket_is_ended_for_a_newcomer),
        cmocka_unit_test(two_requests_at_the_same_time_make_one_link),
        cmocka_unit_test(link_with_two_channels_outlives_the_silent_one),
        cmocka_unit_test(end_of_either_channel_ends_the_link),
        cmocka_unit_test(request_of_a_linked_node_renews_the_link),
        cmocka_unit_test(request_without_answer_is_sent_again_on_a_new_channel),
        cmocka_unit_test(node_that_refused_is_not_asked_again_for_a_minute),
        cmocka_unit_test(node_that_is_handed_on_opens_its_nat_for_the_host),
        cmocka_unit_test(links_cannot_be_made_and_ended_as_fast_as_one_can),
        cmocka_unit_test(keepalive_is_answered_when_our_last_is_over_10_s_old),
        cmocka_unit_test(silent_link_is_asked_dropped_and_replaced_at_once),
        cmocka_unit_test(who_was_not_heard_is_told_so_and_asks_again_soon),
        cmocka_unit_test(silent_link_ends_with_a_word),
        cmocka_unit_test(link_goes_with_its_line),
        cmocka_unit_test(link_that_the_switch_found_silent_is_asked_for_again),
        cmocka_unit_test(channel_that_came_too_late_is_ended),
        cmocka_unit_test(unknown_link_channel_is_adopted_during_the_first_minute),
        cmocka_unit_test(link_that_we_ended_is_not_adopted_again),
        cmocka_unit_test(link_packets_that_cannot_be_read_are_counted),
        cmocka_unit_test(link_of_a_node_that_says_nothing_of_seeding_is_no_seed),
        cmocka_unit_test(seek_is_answered_and_ended),
        cmocka_unit_test(seek_of_nonsense_is_counted_and_not_answered),
        cmocka_unit_test(longest_answer_fits_a_packet),
        cmocka_unit_test(leaving_ends_every_link_and_makes_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/base/mem.h"
#include "switch/core/exchange.h"
#include "tests/lib/halves.h"

/* A1, A11 */
static void open_answered_by_open_makes_a_line_on_both_sides(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);

    join(&w);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_UP), 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_UP), 1);
    assert_int_equal(wire_open(&w, 0, 1), TH_OK);
    assert_int_equal(wire_open(&w, 1, 0), TH_OK);
    wire_free(&w);
}

static void each_side_learns_where_the_other_sees_it(void **state)
{
    (void)state;
    struct wire w;
    struct th_switchboard_totals totals;
    wire_init(&w, 2);

    join(&w);

    for (int i = 0; i < 2; i++) {
        th_switchboard_totals(w.board[i], &totals);
        assert_int_equal(totals.observed_count, 1);
        assert_true(th_addr_is_equal(&totals.observed[0], &w.addr[i]));
    }
    wire_free(&w);
}

static void both_may_begin_at_once(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 1, 0).is_up);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_UP), 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_UP), 1);
    wire_free(&w);
}

static void lost_open_is_sent_again_byte_for_byte_after_a_second(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.lose_next = 1;

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    struct flight first = w.last[0];
    wire_pass(&w, 999);
    assert_int_equal(w.sent[0], 1);
    w.is_cut[1] = true;
    wire_pass(&w, 300);

    assert_int_equal(w.sent[0], 2);
    assert_int_equal(w.last[0].len, first.len);
    assert_memory_equal(w.last[0].bytes, first.bytes, first.len);
    wire_free(&w);
}

static void open_sent_again_on_a_line_that_had_proven_itself_is_the_same(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    w.lose_next = 1;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    struct flight first = w.last[0];
    wire_pass(&w, 2000);
    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 0, 1).rx_packets > 0);

    wire_pass(&w, TH_LINE_STALE_MS);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_PATH, "\"paths\":[]", &c), TH_OK);
    wire_collect(&w, 0);

    assert_int_equal(w.flight_count, 2);
    assert_int_equal(w.flight[0].len, first.len);
    assert_memory_equal(w.flight[0].bytes, first.bytes, first.len);
    wire_free(&w);
}

static void opens_stop_after_four_tries_and_what_waited_is_told(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    w.is_cut[1] = true;

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_pass(&w, 20000);

    assert_int_equal(w.sent[0], TH_OPEN_TRIES);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_ENDED), 1);
    assert_int_equal(w.seen[0].action.why, TH_NO_LINE);
    assert_int_equal(w.seen[0].action.channel.owner, 7);
    wire_free(&w);
}

static void without_an_address_the_switch_says_so_and_does_not_search(void **state)
{
    (void)state;
    struct wire w;
    struct th_paths none = {0};
    wire_init(&w, 3);

    assert_int_equal(th_switchboard_open(w.board[0], w.now, &w.identity[1].hashname,
                                         &w.identity[1].parts, &w.identity[1].keys.pub, &none),
                     TH_NO_PATH);
    assert_int_equal(
        th_switchboard_open(w.board[0], w.now, &w.identity[2].hashname, NULL, NULL, NULL),
        TH_NO_PATH);
    assert_int_equal(wire_open(&w, 0, 0), TH_INVALID);
    assert_int_equal(th_switchboard_open(w.board[0], w.now, &w.identity[1].hashname,
                                         &w.identity[1].parts, &w.identity[2].keys.pub, &none),
                     TH_INVALID);
    wire_free(&w);
}

static void packet_that_waits_is_sent_when_the_line_is_up(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);

    const struct seen *seen = wire_packet(&w, 1, TH_CHANNEL_LINK);
    assert_non_null(seen);
    assert_true(seen->action.is_first);
    assert_int_equal(seen->action.channel.id, c);
    assert_non_null(strstr(seen->head, "\"seed\":true"));
    wire_free(&w);
}

static void only_so_many_packets_wait(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    w.is_cut[1] = true;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);

    for (int i = 0; i < TH_WAITING_MAX + 3; i++)
        assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_WAITING_LIMIT), 3);
    wire_free(&w);
}

static void answer_that_got_lost_is_given_again(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_collect(&w, 0);
    struct flight open = w.flight[0];
    w.flight_count = 0;
    w.lose_next = 1;
    wire_deliver(&w, 1, &w.addr[0], open.bytes, open.len);
    assert_false(wire_look(&w, 0, 1).is_up);

    wire_pass(&w, 1500);

    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 1, 0).is_up);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_OPEN_REPEAT), 1);
    wire_free(&w);
}

static void repeated_open_is_not_answered_while_the_line_is_alive(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_collect(&w, 0);
    struct flight open = w.flight[0];
    wire_settle(&w);
    wire_pass(&w, 5000);
    int sent = w.sent[1];

    wire_deliver(&w, 1, &w.addr[0], open.bytes, open.len);

    assert_int_equal(w.sent[1], sent);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_OPEN_REPEAT), 1);
    wire_free(&w);
}

static void line_is_announced_to_the_one_who_was_asked_only_when_something_decrypts(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 2);
    make_half(&half, &w, 1, 0, w.now.wall, 0x77);

    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_UP), 0);
    assert_int_equal(wire_lines(&w, 0), 0);
    wire_pass(&w, 31000);
    assert_int_equal(th_switchboard_deadline(w.board[0]), TH_NEVER);
    wire_free(&w);
}

/* design 7: at most three bytes for a byte to an address that has not proven itself */
static void forged_source_gets_at_most_three_times_what_came(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 2);

    for (uint8_t i = 1; i <= 20; i++) {
        make_half(&half, &w, 1, 0, w.now.wall + i, i);
        wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);
        wire_pass(&w, 100);
        assert_true(w.sent_bytes[0] <= 3 * i * half.len);
    }
    assert_true(w.sent[0] <= 3); /* and at most one open a second */
    wire_free(&w);
}

static void open_from_the_future_is_refused_unless_it_answers_ours(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 2);
    make_half(&half, &w, 1, 0, w.now.wall + TH_CLOCK_AHEAD_MS + 1, 0x77);

    wire_deliver(&w, 0, &w.addr[1], half.bytes, half.len);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FUTURE), 1);
    assert_int_equal(w.sent[0], 0);

    w.is_cut[1] = true;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FUTURE), 2);
    wire_deliver(&w, 0, &w.addr[1], half.bytes, half.len);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

static void three_peers_from_the_future_show_that_our_clock_is_wrong(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 4);

    for (int as = 1; as < 4; as++) {
        make_half(&half, &w, as, 0, w.now.wall + 600000 + as, (uint8_t)as);
        wire_deliver(&w, 0, &w.addr[as], half.bytes, half.len);
    }
    assert_int_equal(wire_count(&w, 0, TH_ACTION_CLOCK_WRONG), 1);
    assert_int_equal(w.seen[0].action.clock_ms, 600002);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FUTURE), 3);
    assert_int_equal(w.sent[0], 0);

    make_half(&half, &w, 1, 0, w.now.wall + 600010, 0x11);
    wire_deliver(&w, 0, &w.addr[1], half.bytes, half.len);
    assert_int_equal(w.sent[0], 1);
    w.now.wall += 600000; /* somebody sets it right */
    make_half(&half, &w, 2, 0, w.now.wall + 600010, 0x12);
    wire_deliver(&w, 0, &w.addr[2], half.bytes, half.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FUTURE), 4);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_CLOCK_WRONG), 1);
    wire_free(&w);
}

static void open_that_is_not_newer_is_dropped_while_a_line_lives(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 2);
    int64_t at = w.now.wall;
    join(&w);

    make_half(&half, &w, 1, 0, at, 0x77);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);
    make_half(&half, &w, 1, 0, at - 1000, 0x78);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_OLD), 2);
    assert_false(wire_look(&w, 0, 1).is_pending);
    wire_free(&w);
}

static void our_opens_are_dated_after_everything_of_the_last_run(void **state)
{
    (void)state;
    struct wire w;
    struct th_open open;
    struct th_switchboard_totals totals;
    wire_init(&w, 2);
    th_switchboard_free(w.board[0]);
    w.config[0].at_floor = w.now.wall + 5000;
    wire_boot(&w, 0, 0x21);
    w.is_cut[1] = true;

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);

    assert_int_equal(
        th_open_read(&open, &w.identity[1], (struct th_bytes){w.last[0].bytes, w.last[0].len}),
        TH_DROP_NONE);
    assert_int_equal(open.at, w.config[0].at_floor + 1);
    th_switchboard_totals(w.board[0], &totals);
    assert_int_equal(totals.at_highest, open.at);
    wire_free(&w);
}

/* A channel of node 0 that outlives so much silence, or nearly so much. */
static void open_patient_channel(struct wire *w, th_ms silence_ms)
{
    struct th_channel_request request = {.type = TH_CHANNEL_OTHER, .silence_ms = silence_ms};
    uint32_t c;

    request.fields = th_bytes_of("\"type\":\"x\"");
    assert_int_equal(
        th_switchboard_channel(w->board[0], w->now, &w->identity[1].hashname, &request, &c), TH_OK);
    wire_settle(w);
}

static void line_that_nobody_uses_for_two_minutes_ends_on_both_sides(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);

    wire_pass(&w, TH_LINE_IDLE_MS - 1);
    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 1, 0).is_up);
    wire_pass(&w, 1);

    for (int i = 0; i < 2; i++) {
        assert_false(wire_look(&w, i, 1 - i).is_up);
        assert_int_equal(wire_count(&w, i, TH_ACTION_LINE_DOWN), 1);
        assert_int_equal(th_switchboard_deadline(w.board[i]), TH_NEVER);
    }
    wire_free(&w);
}

static void line_is_in_use_until_its_last_channel_is_silent(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    open_patient_channel(&w, 2 * TH_LINE_IDLE_MS);

    wire_pass(&w, 2 * TH_LINE_IDLE_MS - 1);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_pass(&w, 1); /* and has carried nothing for long enough then */

    assert_false(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

static void line_on_which_nothing_came_for_ten_minutes_ends(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    open_patient_channel(&w, 2 * TH_LINE_SILENCE_MS);
    w.is_cut[1] = true;

    wire_pass(&w, TH_LINE_SILENCE_MS - 1000);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_pass(&w, 1000);

    assert_false(wire_look(&w, 0, 1).is_up);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 1);
    assert_int_equal(th_switchboard_deadline(w.board[0]), TH_NEVER);
    w.is_cut[1] = false;
    assert_int_equal(
        th_switchboard_open(w.board[0], w.now, &w.identity[1].hashname, NULL, NULL, NULL),
        TH_AGAIN);
    wire_settle(&w);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

static void unanswered_packet_on_a_doubtful_line_takes_the_open_along(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_restart(&w, 1, 0x55); /* it forgot the line, and knows nobody to tell */
    wire_pass(&w, 25000);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_PATH, "\"paths\":[]", &c), TH_OK);
        wire_pass(&w, 2000);
    }

    assert_true(wire_look(&w, 1, 0).is_up);
    wire_pass(&w, 5000);
    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"cc\"", &c), TH_OK);
    wire_settle(&w);
    assert_non_null(wire_packet(&w, 1, TH_CHANNEL_SEEK));
    wire_free(&w);
}

static void packet_that_comes_twice_is_dropped(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    struct flight again = w.last[0];
    unsigned packets = wire_count(&w, 1, TH_ACTION_PACKET);

    wire_deliver(&w, 1, &elsewhere, again.bytes, again.len);

    assert_int_equal(wire_drops(&w, 1, TH_DROP_LINE_REPLAY), 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_PACKET), packets);
    struct th_addr addr = wire_look(&w, 1, 0).addr;
    assert_true(th_addr_is_equal(&addr, &w.addr[0]));
    wire_free(&w);
}

static void peer_that_moved_is_followed(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);

    w.addr[0].ip[3] = 77;
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_PATH, "\"paths\":[]", &c), TH_OK);
    wire_settle(&w);

    struct th_addr addr = wire_look(&w, 1, 0).addr;
    assert_true(th_addr_is_equal(&addr, &w.addr[0]));
    assert_int_equal(wire_count(&w, 1, TH_ACTION_PATH), 1);
    wire_free(&w);
}

static void table_of_nodes_forgets_the_idlest_without_a_line(void **state)
{
    (void)state;
    struct wire w;
    struct th_switchboard_totals totals;
    wire_init(&w, 4);
    th_switchboard_free(w.board[0]);
    w.config[0].exchanges_max = 2;
    wire_boot(&w, 0, 0x21);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    w.is_cut[2] = true;
    assert_int_equal(wire_open(&w, 0, 2), TH_AGAIN);
    assert_int_equal(wire_open(&w, 0, 3), TH_LIMIT);
    wire_pass(&w, 20000);

    assert_int_equal(wire_open(&w, 0, 3), TH_AGAIN);
    wire_settle(&w);

    th_switchboard_totals(w.board[0], &totals);
    assert_int_equal(totals.exchanges, 2);
    assert_int_equal(totals.lines, 2);
    struct other_half half;
    uint32_t c;
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    make_half(&half, &w, 2, 0, w.now.wall, 0x44);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_LIMIT), 1);
    wire_free(&w);
}

/* Found by a cold start of 10,000: the seed had lines with the first 4,096, and room for no other. */
static void line_that_nobody_uses_makes_room_when_all_nodes_have_one(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 5);
    th_switchboard_free(w.board[0]);
    w.config[0].exchanges_max = 2;
    wire_boot(&w, 0, 0x21);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    assert_int_equal(wire_open(&w, 0, 3), TH_LIMIT); /* they came just now */
    wire_pass(&w, TH_LINE_SPENT_MS);

    assert_int_equal(wire_open(&w, 3, 0), TH_AGAIN);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 0, 3).is_up);
    assert_false(wire_look(&w, 0, 2).is_up);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_LINE_SPENT), 1);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 1);
    wire_free(&w);
}

/* Of 5,000 that came to one seed the last 900 pushed each other out, and none of them ever came in. */
static void newcomers_do_not_push_each_other_out_where_lines_are_unused(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 5);
    th_switchboard_free(w.board[0]);
    w.config[0].exchanges_max = 2;
    wire_boot(&w, 0, 0x21);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_pass(&w, TH_LINE_SPENT_MS);

    assert_int_equal(wire_open(&w, 3, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 4, 0), TH_AGAIN);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 3).is_up && wire_look(&w, 0, 4).is_up);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_LINE_SPENT), 2);
    wire_free(&w);
}

static void refused_memory_loses_a_packet_and_nothing_else(void **state)
{
    (void)state;

    for (uint64_t nth = 1; nth < 40; nth++) {
        struct wire w;
        wire_init(&w, 2);
        th_mem_refuse(nth);
        enum th_err err = wire_open(&w, 0, 1);
        assert_true(err == TH_AGAIN || err == TH_NO_MEMORY || err == TH_LIMIT);
        wire_settle(&w);
        th_mem_refuse(0);
        err = wire_open(&w, 0, 1);
        assert_true(err == TH_AGAIN || err == TH_OK);
        wire_pass(&w, 60000);
        err = wire_open(&w, 0, 1);
        wire_pass(&w, 2000);
        assert_true(wire_look(&w, 0, 1).is_up);
        wire_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_answered_by_open_makes_a_line_on_both_sides),
        cmocka_unit_test(each_side_learns_where_the_other_sees_it),
        cmocka_unit_test(both_may_begin_at_once),
        cmocka_unit_test(lost_open_is_sent_again_byte_for_byte_after_a_second),
        cmocka_unit_test(open_sent_again_on_a_line_that_had_proven_itself_is_the_same),
        cmocka_unit_test(opens_stop_after_four_tries_and_what_waited_is_told),
        cmocka_unit_test(without_an_address_the_switch_says_so_and_does_not_search),
        cmocka_unit_test(packet_that_waits_is_sent_when_the_line_is_up),
        cmocka_unit_test(only_so_many_packets_wait),
        cmocka_unit_test(answer_that_got_lost_is_given_again),
        cmocka_unit_test(repeated_open_is_not_answered_while_the_line_is_alive),
        cmocka_unit_test(line_is_announced_to_the_one_who_was_asked_only_when_something_decrypts),
        cmocka_unit_test(forged_source_gets_at_most_three_times_what_came),
        cmocka_unit_test(open_from_the_future_is_refused_unless_it_answers_ours),
        cmocka_unit_test(three_peers_from_the_future_show_that_our_clock_is_wrong),
        cmocka_unit_test(open_that_is_not_newer_is_dropped_while_a_line_lives),
        cmocka_unit_test(our_opens_are_dated_after_everything_of_the_last_run),
        cmocka_unit_test(line_that_nobody_uses_for_two_minutes_ends_on_both_sides),
        cmocka_unit_test(line_is_in_use_until_its_last_channel_is_silent),
        cmocka_unit_test(line_on_which_nothing_came_for_ten_minutes_ends),
        cmocka_unit_test(unanswered_packet_on_a_doubtful_line_takes_the_open_along),
        cmocka_unit_test(packet_that_comes_twice_is_dropped),
        cmocka_unit_test(peer_that_moved_is_followed),
        cmocka_unit_test(table_of_nodes_forgets_the_idlest_without_a_line),
        cmocka_unit_test(line_that_nobody_uses_makes_room_when_all_nodes_have_one),
        cmocka_unit_test(newcomers_do_not_push_each_other_out_where_lines_are_unused),
        cmocka_unit_test(refused_memory_loses_a_packet_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/board.h"
#include "tests/lib/introduce.h"

/* 1 and 2 have a line; both have one to 0. The NAT of 2 lets in nothing that it did not send to. */
static void meet(struct wire *w)
{
    star(w);
    w->has_nat[2] = true;
    wire_let_in(w, 2, &w->addr[0]);
    assert_int_equal(introduce(w, 1, 0, 2), TH_OK);
    wire_pass(w, 20000);
    assert_true(wire_look(w, 1, 2).is_up && wire_look(w, 1, 2).has_addr);
    w->seen_count = 0;
}

/* One that is not answered as such. Returns its channel. */
static uint32_t say(struct wire *w, int from, int to)
{
    uint32_t c;

    assert_int_equal(wire_channel(w, from, to, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(w);
    return c;
}

static void say_more(struct wire *w, int from, int to, uint32_t c)
{
    struct th_chanpkt_out packet = {.c = c};

    assert_int_equal(
        th_switchboard_send(w->board[from], w->now, &w->identity[to].hashname, &packet), TH_OK);
    wire_settle(w);
}

static void line_is_silent_when_neither_a_packet_nor_path_is_answered(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    w.is_cut[2] = true;

    say(&w, 1, 2);
    wire_pass(&w, TH_LINE_ANSWER_MS + TH_LINE_ASKED_MS - 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 0);
    wire_pass(&w, 1);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 1);
    assert_true(wire_look(&w, 1, 2).is_silent && wire_look(&w, 1, 2).is_up);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
    wire_free(&w);
}

/* It was taken for an answer to what came just before, and 0.3 s of each move passed before another was
 * not. */
static void packet_that_opens_a_channel_is_no_answer_to_what_came_just_before(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    wire_pass(&w, 1000);
    say(&w, 2, 1);
    w.is_cut[2] = true;

    say(&w, 1, 2);
    wire_pass(&w, TH_LINE_ANSWER_MS + TH_LINE_ASKED_MS);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 1);
    wire_free(&w);
}

static void line_that_is_heard_again_goes_on_with_its_channels(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    w.is_cut[2] = true;
    wire_pass(&w, 1000);
    say_more(&w, 1, 2, c);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 1, 2).is_silent);
    w.is_cut[2] = false;

    say_more(&w, 2, 1, c);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_HEARD), 1);
    assert_false(wire_look(&w, 1, 2).is_silent);
    say_more(&w, 1, 2, c);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
    wire_free(&w);
}

/* 1 asks at another address of 2 alone, and the answer comes so much later, while 2 is heard as usual. */
static void answer_late(struct wire *w, th_ms ms)
{
    struct th_exchange *ex = th_board_find(w->board[1], &w->identity[2].hashname);
    struct th_addr usual = w->addr[2], other = usual;
    other.port++;
    struct th_paths told = {.addr = {other}, .count = 1};
    assert_int_equal(
        th_switchboard_open(w->board[1], w->now, &w->identity[2].hashname, NULL, NULL, &told),
        TH_OK);

    w->addr[2] = other;
    w->has_nat[2] = false;
    w->is_apart[2][1] = true;
    th_board_probe(w->board[1], ex, th_exchange_paths_find(&ex->paths, &other), w->now);
    wire_settle(w);
    struct flight answer = w->last[2];
    w->addr[2] = usual;
    w->has_nat[2] = true;
    w->is_apart[2][1] = false;
    wire_pass(w, ms);
    say(w, 2, 1);
    wire_deliver(w, 1, &other, answer.bytes, answer.len);
    wire_settle(w);
    assert_true(th_exchange_paths_find(&ex->paths, &other)->is_answered);
}

/* What waits for its turn in a relay takes seconds; once we waited as long for each answer after that. */
static void slow_answer_by_another_way_makes_nobody_patient(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    answer_late(&w, 2000);
    wire_pass(&w, 1000);
    w.is_cut[2] = true;

    say(&w, 1, 2);
    wire_pass(&w, TH_LINE_ANSWER_MS + TH_LINE_ASKED_MS);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 1);
    wire_free(&w);
}

/* A machine that was busy for a moment. */
static void one_slow_answer_makes_nobody_patient(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c = 0;
    meet(&w);
    struct th_exchange *ex = th_board_find(w.board[1], &w.identity[2].hashname);
    w.is_apart[2][1] = true;
    c = th_board_ask_path(w.board[1], ex, w.now, false);
    assert_true(c != 0);
    wire_settle(&w);
    struct flight answer = w.last[2];
    w.is_apart[2][1] = false;
    wire_pass(&w, 2000);
    wire_deliver(&w, 1, &answer.from, answer.bytes, answer.len);
    wire_pass(&w, TH_LINE_QUIET_MS);
    assert_int_equal(wire_look(&w, 1, 2).rtt_ms, 2000);
    w.is_cut[2] = true;

    say(&w, 1, 2);
    wire_pass(&w, 1000);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 1);
    wire_free(&w);
}

/* Both had fallen silent and asked to be introduced; what had come by a relay just before kept the one from
 * asking where the other was now, until it was introduced once more a second later. */
static void
silent_line_asks_where_its_peer_is_said_to_be_though_something_came_by_another_way(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    struct th_addr other = w.addr[2], now_at = w.addr[2];
    other.port++;
    now_at.port += 2;
    w.is_apart[2][1] = true;
    say_more(&w, 2, 1, c); /* is lost, and comes late from another address */
    struct flight late = w.last[2];
    w.is_apart[2][1] = false;
    wire_pass(&w, 1000);
    say_more(&w, 2, 1, c);
    w.is_cut[2] = true;
    wire_pass(&w, TH_LINE_QUIET_MS);
    say_more(&w, 1, 2, c);
    wire_pass(&w, TH_LINE_ANSWER_MS + 90);
    wire_deliver(&w, 1, &other, late.bytes, late.len);
    wire_pass(&w, TH_LINE_ASKED_MS - 90);
    assert_true(wire_look(&w, 1, 2).is_silent);

    wire_pass(&w, 70);
    w.is_cut[2] = false;
    w.addr[2] = now_at;
    w.has_nat[2] = false;
    struct th_paths told = {.addr = {now_at}, .count = 1};
    assert_int_equal(
        th_switchboard_open(w.board[1], w.now, &w.identity[2].hashname, NULL, NULL, &told),
        TH_AGAIN);
    wire_settle(&w);

    assert_false(wire_look(&w, 1, 2).is_silent);
    wire_free(&w);
}

/* Who moved notices it sooner than whom it had just talked with, and was not asked back until a second
 * later. */
static void node_that_was_heard_a_moment_ago_is_asked_where_it_says_that_it_is_now(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    wire_pass(&w, 1000);
    say(&w, 1, 2);
    w.addr[1].port++;
    say(&w, 1, 2);
    wire_pass(&w, TH_LINE_ANSWER_MS + TH_LINE_ASKED_MS);
    assert_true(wire_look(&w, 1, 2).is_silent);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_settle(&w);

    assert_false(wire_look(&w, 1, 2).is_silent);
    assert_true(wire_look(&w, 1, 2).has_addr && wire_look(&w, 2, 1).has_addr);
    wire_free(&w);
}

/* An application may send and never be answered; so does who introduces. */
static void stream_that_nobody_answers_is_no_silence_and_costs_a_request_a_second(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    w.sent[2] = 0;

    for (int i = 0; i < 100; i++) {
        wire_pass(&w, 100);
        say_more(&w, 1, 2, c);
    }

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 0);
    assert_in_range(w.sent[2], 5, 11);
    wire_free(&w);
}

static void packet_that_ends_a_channel_or_introduces_waits_for_no_answer(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 2, 1);
    wire_pass(&w, 5000);
    struct th_chanpkt_out end = {.c = c, .end = true};
    w.sent[0] = w.sent[1] = w.sent[2] = 0;

    assert_int_equal(th_switchboard_send(w.board[1], w.now, &w.identity[2].hashname, &end), TH_OK);
    wire_pass(&w, 2000);
    assert_int_equal(w.sent[1], 1);
    assert_int_equal(w.sent[2], 0);

    assert_int_equal(ask(&w, 2, 0, &(struct th_hashname){{1}}, &w.identity[2].keys.pub), TH_OK);
    wire_pass(&w, 2000);
    assert_int_equal(w.sent[2], 1);
    wire_free(&w);
}

/* As often as somebody may act on it, and less and less: most that are silent for long are gone. */
static void silence_is_told_again_as_long_as_we_talk_and_ever_more_seldom(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    unsigned told_at[8], count = 0;
    w.is_cut[2] = true;

    for (unsigned s = 0; s < 80; s++) {
        say_more(&w, 1, 2, c);
        wire_pass(&w, 1000);
        if (wire_count(&w, 1, TH_ACTION_SILENT) > count)
            told_at[count++] = s;
        assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), count);
    }

    assert_int_equal(count, 5);
    for (unsigned i = 1; i < count; i++)
        assert_in_range(told_at[i] - told_at[i - 1], 5u << (i - 1), (5u << (i - 1)) + 1);
    wire_pass(&w, 100000);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), count);
    wire_free(&w);
}

/* The NAT of the peer lets in nothing from where we are now, and what the peer sends goes to where we
 * were. Who introduces the two once more opens it. */
/* A11 */
static void node_that_moved_is_let_in_again_by_a_new_introduction(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    th_ms up_ms = wire_look(&w, 1, 2).up_ms, began = w.now.mono;
    w.addr[1].port++;
    wire_pass(&w, 1000);
    say_more(&w, 1, 2, c);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 1, 2).is_silent);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_LINK), 1);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    say_more(&w, 1, 2, c);
    say_more(&w, 2, 1, c);

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_LINK), 2);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_LINK), 1);
    assert_true(wire_look(&w, 1, 2).has_addr && wire_look(&w, 2, 1).has_addr);
    assert_true(wire_look(&w, 1, 2).up_ms == up_ms + (w.now.mono - began));
    assert_int_equal(wire_count(&w, 1, TH_ACTION_ENDED) + wire_count(&w, 2, TH_ACTION_ENDED), 0);
    wire_free(&w);
}

/* When who moved does not know it and says nothing, the other can only reach it by the relay. */
static void node_whose_peer_moved_reaches_it_by_the_relay(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 2, 1);
    w.addr[1].port++;
    wire_pass(&w, 1000);
    say_more(&w, 2, 1, c);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 2, 1).is_silent);
    say(&w, 1, 0); /* keepalives show the one between where it is */

    assert_int_equal(introduce(&w, 2, 0, 1), TH_OK);
    say_more(&w, 2, 1, c);

    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_LINK), 2);
    assert_true(wire_look(&w, 2, 1).has_middle && !wire_look(&w, 2, 1).is_silent);
    assert_int_equal(wire_count(&w, 2, TH_ACTION_ENDED), 0);
    wire_free(&w);
}

/* Where no NAT can be opened for the new address the relay takes over at once, with the same line. */
static void line_goes_on_by_the_relay_where_the_new_address_is_not_let_in(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    uint32_t c = say(&w, 1, 2);
    wire_part(&w, 1, 2, true);
    wire_pass(&w, 1000);
    say_more(&w, 1, 2, c);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 1, 2).is_silent);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 500);
    say_more(&w, 1, 2, c);

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_LINK), 2);
    assert_true(wire_look(&w, 1, 2).has_middle && !wire_look(&w, 1, 2).has_addr);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_ENDED), 0);

    wire_part(&w, 1, 2, false); /* and a direct way is looked for again */
    for (int i = 0; i < 40; i++) {
        say_more(&w, 1, 2, c);
        wire_pass(&w, 1000);
    }
    assert_true(wire_look(&w, 1, 2).has_addr && !wire_look(&w, 1, 2).has_middle);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
    wire_free(&w);
}

static void open_of_a_silent_line_asks_at_every_address_and_does_not_end_it(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    say(&w, 1, 2);
    w.is_cut[2] = true;
    wire_pass(&w, 1000);
    say(&w, 1, 2);
    wire_pass(&w, 2000);
    assert_true(wire_look(&w, 1, 2).is_silent);
    w.sent[1] = 0;

    assert_int_equal(wire_open(&w, 1, 2), TH_AGAIN);
    wire_pass(&w, 20000);

    assert_in_range(w.sent[1], 2, 8);
    assert_true(wire_look(&w, 1, 2).is_up);
    wire_free(&w);
}

/* Who moved by itself knows it, and does not wait for something to say. */
static void node_that_knows_that_it_moved_tells_silent_lines_soon(void **state)
{
    (void)state;
    struct wire w;
    meet(&w);
    w.addr[1].port++;

    th_switchboard_on_moved(w.board[1], w.now);
    wire_pass(&w, TH_LINE_MOVED_MS);

    assert_int_equal(wire_count(&w, 1, TH_ACTION_SILENT), 1); /* 2; 0 answers */
    assert_true(wire_look(&w, 1, 2).is_silent && !wire_look(&w, 1, 0).is_silent);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_silent_when_neither_a_packet_nor_path_is_answered),
        cmocka_unit_test(packet_that_opens_a_channel_is_no_answer_to_what_came_just_before),
        cmocka_unit_test(line_that_is_heard_again_goes_on_with_its_channels),
        cmocka_unit_test(node_that_was_heard_a_moment_ago_is_asked_where_it_says_that_it_is_now),
        cmocka_unit_test(stream_that_nobody_answers_is_no_silence_and_costs_a_request_a_second),
        cmocka_unit_test(slow_answer_by_another_way_makes_nobody_patient),
        cmocka_unit_test(one_slow_answer_makes_nobody_patient),
        cmocka_unit_test(
            silent_line_asks_where_its_peer_is_said_to_be_though_something_came_by_another_way),
        cmocka_unit_test(packet_that_ends_a_channel_or_introduces_waits_for_no_answer),
        cmocka_unit_test(silence_is_told_again_as_long_as_we_talk_and_ever_more_seldom),
        cmocka_unit_test(node_that_moved_is_let_in_again_by_a_new_introduction),
        cmocka_unit_test(node_whose_peer_moved_reaches_it_by_the_relay),
        cmocka_unit_test(line_goes_on_by_the_relay_where_the_new_address_is_not_let_in),
        cmocka_unit_test(open_of_a_silent_line_asks_at_every_address_and_does_not_end_it),
        cmocka_unit_test(node_that_knows_that_it_moved_tells_silent_lines_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

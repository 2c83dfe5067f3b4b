/* Streams in packets as large as the way carries: what was sent so arrives when the way carries less, in
 * parts. */
#include "switch/core/board.h"
#include "switch/core/streams.h"
#include "tests/lib/introduce.h"

enum { BYTES = 600000, HALF = BYTES / 2, TURNS_MAX = 60000 };

static struct wire w;
static uint32_t c;
static uint8_t bytes[BYTES];
static size_t end_at; /* bytes that are written */
static size_t written, arrived;

/* 1 writes to 2; 0 is in the middle, and a bridge for everybody if it is told to. */
static void begin(size_t carries, bool is_bridge)
{
    const struct th_bridge_policy policy = {.is_for_everybody = is_bridge};

    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    wire_init(&w, 3);
    w.carries = carries;
    th_switchboard_free(w.board[0]);
    w.config[0].bridge = policy;
    wire_boot(&w, 0, 0x20);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 1000);
    assert_int_equal(th_switchboard_serve(w.board[2], "_test", true), TH_OK);
    assert_int_equal(
        th_switchboard_stream_open(w.board[1], w.now, &w.identity[2].hashname, "_test", 7, 70, &c),
        TH_OK);
    written = arrived = 0;
    end_at = BYTES;
}

/* Writes and reads until so much has arrived; a millisecond each turn. */
static void carry(size_t until)
{
    const struct th_hashname *from = &w.identity[1].hashname, *to = &w.identity[2].hashname;
    uint8_t buffer[4096];
    size_t taken, got;

    for (unsigned turn = 0; arrived < until; turn++) {
        assert_true(turn < TURNS_MAX);
        const struct th_bytes rest = {bytes + written, end_at - written};
        if (rest.len > 0 &&
            th_switchboard_stream_write(w.board[1], w.now, to, c, rest, &taken) == TH_OK)
            written += taken;
        wire_pass(&w, 1);
        w.seen_count = 0;
        while (th_switchboard_stream_read(w.board[2], w.now, from, c, buffer, sizeof buffer,
                                          &got) == TH_OK) {
            assert_memory_equal(buffer, bytes + arrived, got);
            arrived += got;
        }
    }
}

static void packets_are_as_large_as_the_way_carries(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, false);
    carry(BYTES);
    assert_in_range(w.largest[1], TH_DATAGRAM_IPV4_MAX - 100, TH_DATAGRAM_IPV4_MAX);
    wire_free(&w);
}

static void narrow_way_gets_small_ones(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_SAFE_MAX, false);
    carry(HALF);
    w.sent[1] = 0;
    w.sent_bytes[1] = 0;
    carry(BYTES);
    assert_true(w.sent_bytes[1] / (size_t)w.sent[1] <= TH_DATAGRAM_SAFE_MAX);
    wire_free(&w);
}

static void way_that_carries_less_in_the_middle_loses_nothing(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, false);
    carry(HALF);
    assert_true(written > arrived); /* some is under way */

    w.carries = TH_DATAGRAM_SAFE_MAX;
    carry(BYTES);
    assert_int_equal(wire_look(&w, 1, 2).mtu, TH_DATAGRAM_SAFE_MAX);
    wire_free(&w);
}

/* Too little for the stream to want larger packets again. */
static void way_that_narrows_in_a_pause_loses_nothing(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, false);
    end_at = HALF;
    carry(HALF);
    wire_pass(&w, 70000);
    assert_int_equal(wire_look(&w, 1, 2).mtu, TH_DATAGRAM_IPV4_MAX);

    w.carries = TH_DATAGRAM_SAFE_MAX;
    th_ms began_at = w.now.mono;
    end_at = HALF + 2000;
    carry(end_at);
    assert_true(w.now.mono - began_at < 15000);
    wire_free(&w);
}

static void part_them_and_introduce_again(size_t carries)
{
    assert_true(written > arrived); /* what was sent large goes out again in parts */
    wire_part(&w, 1, 2, true);
    wire_pass(&w, 1); /* what was sent last does not arrive */
    w.carries = carries;
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
}

static void line_that_goes_to_a_bridge_in_the_middle_loses_nothing(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, true);
    carry(HALF);
    part_them_and_introduce_again(TH_DATAGRAM_SAFE_MAX);
    carry(BYTES);
    assert_true(wire_look(&w, 1, 2).has_middle);
    wire_free(&w);
}

/* A relay takes no more than TH_CHANPKT_MAX, and five packets a second. */
static void line_that_goes_to_a_relay_in_the_middle_loses_nothing(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, false);
    carry(HALF);
    part_them_and_introduce_again(TH_DATAGRAM_IPV4_MAX);
    assert_true(arrived + 20000 < BYTES);
    carry(arrived + 20000); /* more than HALF had arrived at once */
    wire_free(&w);
}

/* What was begun anew with the same identity may be another implementation. */
static void peer_that_begins_anew_has_shown_nothing_yet(void **state)
{
    (void)state;
    begin(TH_DATAGRAM_IPV4_MAX, false);
    carry(HALF);
    struct th_exchange *ex = th_board_find(w.board[1], &w.identity[2].hashname);
    assert_true(ex->line->more->streams->is_compact && ex->line->more->streams->takes_parts);

    wire_restart(&w, 2, 0x77);
    assert_int_equal(wire_open(&w, 2, 1), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 2, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_pass(&w, 10000);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 1);
    ex = th_board_find(w.board[1], &w.identity[2].hashname);
    assert_true(ex->line->is_up);
    assert_false(ex->line->more->streams->is_compact || ex->line->more->streams->takes_parts);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_as_large_as_the_way_carries),
        cmocka_unit_test(narrow_way_gets_small_ones),
        cmocka_unit_test(way_that_carries_less_in_the_middle_loses_nothing),
        cmocka_unit_test(way_that_narrows_in_a_pause_loses_nothing),
        cmocka_unit_test(line_that_goes_to_a_bridge_in_the_middle_loses_nothing),
        cmocka_unit_test(line_that_goes_to_a_relay_in_the_middle_loses_nothing),
        cmocka_unit_test(peer_that_begins_anew_has_shown_nothing_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Channels of applications that are not reliable, at a switchboard. */
#include "switch/core/board.h"
#include "switch/core/packets.h"
#include "switch/core/streams.h"
#include "tests/lib/boards.h"

static struct wire w;
static uint32_t c; /* of the channel, from node 0 to node 1 */

static const struct th_hashname *id_of(int node)
{
    return &w.identity[node].hashname;
}

static enum th_err open_packets(const char *type, const char *fields)
{
    const struct th_channel_request request = {.type = TH_CHANNEL_OTHER,
                                               .name = type,
                                               .owner = 7,
                                               .tag = 70,
                                               .fields = th_bytes_of(fields)};

    return th_switchboard_channel(w.board[0], w.now, id_of(1), &request, &c);
}

static void begin(void)
{
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(th_switchboard_serve_packets(w.board[1], "_test", true), TH_OK);
}

static void open_one(void)
{
    assert_int_equal(open_packets("_test", "\"_\":{\"n\":1}"), TH_OK);
    wire_settle(&w);
    th_switchboard_packets_adopt(w.board[1], id_of(0), c, 8, 80);
}

static enum th_err say(int from, const char *fields, const char *err, bool end)
{
    const struct th_chanpkt_out packet = {
        .c = c, .fields = th_bytes_of(fields), .err = err, .end = end};
    enum th_err result = th_switchboard_send(w.board[from], w.now, id_of(1 - from), &packet);

    wire_settle(&w);
    return result;
}

/* The newest that a node was told of such a channel. */
static const struct th_action *told(int node, enum th_action_kind kind)
{
    for (unsigned i = w.seen_count; i-- > 0;)
        if (w.seen[i].node == node && w.seen[i].action.kind == kind &&
            w.seen[i].action.channel.type == TH_CHANNEL_OTHER)
            return &w.seen[i].action;
    return NULL;
}

/* A1 */
static void channel_of_a_type_that_is_served_carries_packets_both_ways(void **state)
{
    (void)state;
    begin();
    open_one();
    assert_true(told(1, TH_ACTION_PACKET)->is_first);
    assert_string_equal(told(1, TH_ACTION_PACKET)->packet.type, "_test");

    assert_int_equal(say(1, "\"_\":{\"n\":2}", NULL, false), TH_OK);
    assert_int_equal(told(0, TH_ACTION_PACKET)->channel.tag, 70);
    assert_int_equal(say(0, "\"_\":{\"n\":3}", NULL, true), TH_OK);
    assert_false(told(1, TH_ACTION_PACKET)->is_first);
    assert_int_equal(told(1, TH_ACTION_PACKET)->channel.tag, 80);
    assert_true(told(1, TH_ACTION_PACKET)->packet.end);
    assert_int_equal(say(1, "", NULL, false), TH_NOT_FOUND);
    wire_free(&w);
}

static void type_that_nobody_serves_is_dropped_in_silence(void **state)
{
    (void)state;
    begin();
    assert_int_equal(open_packets("_other", ""), TH_OK);
    wire_settle(&w);
    assert_null(told(1, TH_ACTION_PACKET));
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_TYPE), 1);

    assert_int_equal(th_switchboard_serve_packets(w.board[1], "_test", false), TH_OK);
    assert_int_equal(open_packets("_test", ""), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_TYPE), 2);
    assert_null(told(0, TH_ACTION_PACKET));
    wire_free(&w);
}

static void stream_and_packets_of_one_type_are_two_things(void **state)
{
    (void)state;
    begin();
    assert_int_equal(open_packets("_test", "\"seq\":0"), TH_OK);
    wire_settle(&w);
    assert_null(told(1, TH_ACTION_PACKET));
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_RELIABLE), 1);
    wire_free(&w);
}

static void channel_on_which_nothing_passes_ends_after_ten_seconds(void **state)
{
    (void)state;
    begin();
    open_one();
    wire_pass(&w, 9000);
    assert_int_equal(say(0, "\"_\":{}", NULL, false), TH_OK);
    wire_pass(&w, 9000);
    assert_null(told(0, TH_ACTION_ENDED));
    wire_pass(&w, 1001);
    assert_int_equal(told(0, TH_ACTION_ENDED)->why, TH_TIMED_OUT);
    assert_int_equal(told(1, TH_ACTION_ENDED)->why, TH_TIMED_OUT);
    assert_int_equal(told(1, TH_ACTION_ENDED)->channel.tag, 80);
    wire_free(&w);
}

static void sending_into_silence_does_not_keep_a_channel(void **state)
{
    (void)state;
    begin();
    open_one();
    for (unsigned i = 0; i < 20; i++) { /* nothing comes back, but for what the line says itself */
        assert_int_equal(say(0, "\"_\":{}", NULL, false), TH_OK);
        wire_pass(&w, 1000);
    }
    assert_null(told(0, TH_ACTION_ENDED));
    wire_part(&w, 0, 1, true);
    for (unsigned i = 0; i < 15 && told(0, TH_ACTION_ENDED) == NULL; i++) {
        assert_int_equal(say(0, "\"_\":{}", NULL, false), TH_OK);
        wire_pass(&w, 1000);
    }
    assert_non_null(told(0, TH_ACTION_ENDED));
    assert_int_equal(told(0, TH_ACTION_ENDED)->why, TH_TIMED_OUT);
    wire_free(&w);
}

static void err_ends_a_channel_with_its_words(void **state)
{
    (void)state;
    begin();
    open_one();
    assert_int_equal(say(1, "", "no more", false), TH_OK);
    assert_string_equal(told(0, TH_ACTION_PACKET)->packet.err, "no more");
    assert_int_equal(say(0, "", NULL, false), TH_NOT_FOUND);
    wire_free(&w);
}

/* A3 */
static void channel_goes_on_when_an_address_changes(void **state)
{
    (void)state;
    begin();
    open_one();
    for (unsigned i = 0; i < 20; i++) {
        if (i == 5)
            w.addr[0].ip[3] = 99;
        assert_int_equal(say(0, "\"_\":{}", NULL, false), TH_OK);
        wire_pass(&w, 100);
        assert_int_equal(say(1, "\"_\":{}", NULL, false), TH_OK);
        wire_pass(&w, 100);
    }
    assert_true(wire_count(&w, 1, TH_ACTION_PATH) > 0);
    /* what went to the old address is lost, until the new one has proven itself */
    assert_true(wire_packets(&w, 0, TH_CHANNEL_OTHER) >= 15);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_OTHER), 21);
    assert_null(told(0, TH_ACTION_ENDED));
    wire_free(&w);
}

static void channel_ends_with_its_line_and_is_told_why(void **state)
{
    (void)state;
    begin();
    open_one();
    wire_pass(&w, 100);
    wire_restart(&w, 1, 0x77); /* it knows nothing of the line, and makes another */
    uint32_t other;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_LINK, "\"seed\":true", &other), TH_OK);
    wire_pass(&w, 9000);
    assert_non_null(told(0, TH_ACTION_ENDED));
    assert_int_equal(told(0, TH_ACTION_ENDED)->why, TH_CANCELLED);
    assert_int_equal(told(0, TH_ACTION_ENDED)->channel.tag, 70);
    wire_free(&w);
}

static void one_node_has_no_more_than_its_share_open(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i <= TH_LINE_PACKETS_THEIRS; i++) {
        assert_int_equal(open_packets("_test", ""), TH_OK);
        wire_settle(&w);
    }
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_OTHER), TH_LINE_PACKETS_THEIRS);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_LIMIT), 1);
    wire_free(&w);
}

/* Streams and packets together leave room on the line for what the network needs. */
static void one_node_cannot_fill_a_line_with_both_sorts(void **state)
{
    (void)state;
    begin();
    assert_int_equal(th_switchboard_serve(w.board[1], "_stream", true), TH_OK);
    for (unsigned i = 0; i < TH_LINE_PACKETS_THEIRS; i++) {
        assert_int_equal(open_packets("_test", ""), TH_OK);
        wire_settle(&w);
    }
    for (unsigned i = TH_LINE_PACKETS_THEIRS; i <= TH_LINE_APPS_THEIRS; i++) {
        uint32_t stream;
        assert_int_equal(
            th_switchboard_stream_open(w.board[0], w.now, id_of(1), "_stream", 7, 70, &stream),
            TH_OK);
        wire_settle(&w);
    }
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_LIMIT), 1);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_free(&w);
}

static void no_more_types_are_served_than_the_limit(void **state)
{
    (void)state;
    struct th_served served = {0};
    char type[TH_TYPE_MAX] = "_00";

    for (unsigned i = 0; i < TH_SERVED_MAX; i++) {
        type[1] = (char)('0' + i / 10);
        type[2] = (char)('0' + i % 10);
        assert_int_equal(th_served_set(&served, type, true), TH_OK);
        assert_int_equal(th_served_set(&served, type, true), TH_OK);
    }
    assert_int_equal(th_served_set(&served, "_one_more", true), TH_LIMIT);
    assert_int_equal(th_served_set(&served, "_00", false), TH_OK);
    assert_false(th_served_has(&served, "_00"));
    assert_true(th_served_has(&served, "_63") && th_served_has(&served, "_01"));
    assert_int_equal(th_served_set(&served, "_one_more", true), TH_OK);
    assert_int_equal(th_served_set(&served, "link", true), TH_INVALID);
    th_served_clear(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_of_a_type_that_is_served_carries_packets_both_ways),
        cmocka_unit_test(type_that_nobody_serves_is_dropped_in_silence),
        cmocka_unit_test(stream_and_packets_of_one_type_are_two_things),
        cmocka_unit_test(channel_on_which_nothing_passes_ends_after_ten_seconds),
        cmocka_unit_test(sending_into_silence_does_not_keep_a_channel),
        cmocka_unit_test(err_ends_a_channel_with_its_words),
        cmocka_unit_test(channel_goes_on_when_an_address_changes),
        cmocka_unit_test(channel_ends_with_its_line_and_is_told_why),
        cmocka_unit_test(one_node_has_no_more_than_its_share_open),
        cmocka_unit_test(one_node_cannot_fill_a_line_with_both_sorts),
        cmocka_unit_test(no_more_types_are_served_than_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

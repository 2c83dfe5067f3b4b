/* Reliable channels of a switchboard: opening, accepting, reading and writing, ends. */
#include "switch/core/board.h"
#include "switch/core/streams.h"
#include "tests/lib/boards.h"

#include <stdio.h>

static struct wire w;
static uint32_t c; /* of the stream, from node 0 to node 1 */

static const struct th_hashname *id_of(int node)
{
    return &w.identity[node].hashname;
}

static void begin(int nodes)
{
    wire_init(&w, nodes);
    w.carries = TH_DATAGRAM_SAFE_MAX; /* larger ones: core_streams_large_test.c */
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", true), TH_OK);
}

static void open_stream(void)
{
    assert_int_equal(th_switchboard_stream_open(w.board[0], w.now, id_of(1), "_test", 7, 70, &c),
                     TH_OK);
}

static size_t write_to(int node, int peer, const void *bytes, size_t len)
{
    size_t taken = 0;
    enum th_err err = th_switchboard_stream_write(w.board[node], w.now, id_of(peer), c,
                                                  (struct th_bytes){bytes, len}, &taken);

    assert_true(err == TH_OK || err == TH_AGAIN);
    return taken;
}

static enum th_err read_from(int node, int peer, char *buffer, size_t cap, size_t *got)
{
    return th_switchboard_stream_read(w.board[node], w.now, id_of(peer), c, (uint8_t *)buffer, cap,
                                      got);
}

static void assert_reads(int node, int peer, const char *text)
{
    char buffer[100] = {0};
    size_t got = 0;

    assert_int_equal(read_from(node, peer, buffer, sizeof buffer - 1, &got), TH_OK);
    assert_string_equal(buffer, text);
}

static void assert_err(int node, int peer, enum th_err err)
{
    char buffer[100];
    size_t got;

    assert_int_equal(read_from(node, peer, buffer, sizeof buffer, &got), err);
}

/* The newest that a node was told of a stream. */
static const struct th_action *told(int node)
{
    for (unsigned i = w.seen_count; i-- > 0;)
        if (w.seen[i].node == node && w.seen[i].action.kind == TH_ACTION_STREAM)
            return &w.seen[i].action;
    return NULL;
}

static void stream_is_accepted_by_who_serves_its_type_and_carries_bytes_both_ways(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    write_to(0, 1, "hello", 5);
    wire_settle(&w);

    assert_true(told(1)->is_first);
    assert_int_equal(told(1)->channel.id, c);
    th_switchboard_stream_adopt(w.board[1], id_of(0), c, 8, 80);
    assert_reads(1, 0, "hello");
    assert_err(1, 0, TH_AGAIN);
    write_to(1, 0, "world", 5);
    wire_pass(&w, 10);
    assert_reads(0, 1, "world");
    wire_free(&w);
}

static void type_that_nobody_serves_is_refused(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", false), TH_OK);
    open_stream();
    wire_pass(&w, 10);
    assert_err(0, 1, TH_REFUSED);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_RELIABLE), 1);
    th_switchboard_stream_release(w.board[0], w.now, id_of(1), c, NULL);
    wire_pass(&w, 10);
    assert_err(0, 1, TH_NOT_FOUND);
    wire_free(&w);
}

/* A packet that was sent again before the err came opened it for who began to listen just then, and who talks
 * to nobody. */
static void stream_that_was_refused_is_not_opened_by_what_comes_late(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", false), TH_OK);
    open_stream();
    wire_pass(&w, 10);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", true), TH_OK);

    const struct th_chanpkt_out late = {
        .c = c, .type = "_test", .fields = th_bytes_of("\"seq\":0")};
    assert_int_equal(th_switchboard_send(w.board[0], w.now, id_of(1), &late), TH_OK);
    int sent = w.sent[1];
    wire_settle(&w);
    assert_null(told(1));
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_CLOSED), 1);
    assert_int_equal(w.sent[1], sent + 1); /* it may not have heard that it was refused */

    th_switchboard_stream_release(w.board[0], w.now, id_of(1), c, NULL);
    open_stream();
    wire_pass(&w, 10);
    assert_non_null(told(1));
    wire_free(&w);
}

static void owner_is_told_once_when_it_can_go_on(void **state)
{
    (void)state;
    static uint8_t bytes[200000];
    begin(2);
    open_stream();
    assert_true(write_to(0, 1, bytes, sizeof bytes) < sizeof bytes);
    assert_err(0, 1, TH_AGAIN);
    unsigned before = wire_count(&w, 0, TH_ACTION_STREAM);
    wire_pass(&w, 100);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_STREAM), before + 1);
    assert_int_equal(told(0)->channel.tag, 70);
    assert_true(write_to(0, 1, bytes, sizeof bytes) > 0);
    wire_free(&w);
}

static void stream_waits_for_a_line_that_is_being_made(void **state)
{
    (void)state;
    wire_init(&w, 2);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", true), TH_OK);
    assert_int_equal(th_switchboard_stream_open(w.board[0], w.now, id_of(1), "_test", 7, 70, &c),
                     TH_NO_LINE);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    open_stream();
    write_to(0, 1, "early", 5);
    wire_pass(&w, 10);
    assert_reads(1, 0, "early");
    wire_free(&w);
}

/* Who writes and ends before the line is up says all of it in one packet. */
static void stream_whose_first_packet_is_its_last_is_accepted(void **state)
{
    (void)state;
    wire_init(&w, 2);
    assert_int_equal(th_switchboard_serve(w.board[1], "_test", true), TH_OK);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    open_stream();
    write_to(0, 1, "all", 3);
    th_switchboard_stream_end(w.board[0], w.now, id_of(1), c);
    wire_pass(&w, 10);
    assert_reads(1, 0, "all");
    assert_err(1, 0, TH_EOF);
    write_to(1, 0, "answer", 6);
    wire_pass(&w, 10);
    assert_reads(0, 1, "answer");
    wire_free(&w);
}

static void stream_ends_with_its_line_and_its_owner_is_told(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    write_to(0, 1, "hello", 5);
    wire_pass(&w, 100);
    wire_restart(&w, 1, 0x77);
    uint32_t other;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_LINK, "\"seed\":true", &other), TH_OK);
    wire_pass(&w, 10000);
    assert_non_null(told(0));
    assert_int_equal(told(0)->why, TH_CANCELLED);
    assert_err(0, 1, TH_NOT_FOUND);
    wire_free(&w);
}

static void what_had_come_before_the_line_ended_is_left_to_be_read(void **state)
{
    (void)state;
    uint8_t buffer[100];
    size_t got = 0;
    begin(2);
    open_stream();
    wire_pass(&w, 10);
    write_to(1, 0, "unread", 6);
    th_switchboard_stream_end(w.board[1], w.now, id_of(0), c);
    wire_pass(&w, 100);
    wire_restart(&w, 1, 0x77);
    uint32_t other;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_LINK, "\"seed\":true", &other), TH_OK);
    wire_pass(&w, 10000);
    assert_int_equal(told(0)->why, TH_CANCELLED);

    struct th_reliable *left = th_switchboard_stream_left(w.board[0], 70);
    assert_non_null(left);
    assert_null(th_switchboard_stream_left(w.board[0], 70));
    assert_int_equal(th_reliable_readable(left), 6);
    assert_int_equal(th_reliable_read(left, w.now, buffer, sizeof buffer, &got), TH_OK);
    assert_memory_equal(buffer, "unread", 6);
    assert_int_equal(th_reliable_read(left, w.now, buffer, sizeof buffer, &got), TH_EOF);
    th_reliable_free(left);
    wire_free(&w);
}

static void line_with_a_stream_is_not_unused(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    write_to(0, 1, "hello", 5);
    wire_pass(&w, 1200000);
    assert_reads(1, 0, "hello");
    wire_free(&w);
}

static void stream_goes_on_when_an_address_changes(void **state)
{
    (void)state;
    static uint8_t bytes[1000000];
    char buffer[4096];
    size_t got = 0, len, sent = 0;
    begin(2);
    open_stream();
    for (unsigned turn = 0; got < sizeof bytes; turn++) {
        assert_true(turn < 10000);
        if (sent < sizeof bytes)
            sent += write_to(0, 1, bytes + sent, sizeof bytes - sent);
        if (turn == 3)
            w.addr[0].ip[3] = 99;
        wire_pass(&w, 1);
        while (read_from(1, 0, buffer, sizeof buffer, &len) == TH_OK)
            got += len;
    }
    assert_true(wire_count(&w, 1, TH_ACTION_PATH) > 0);
    wire_free(&w);
}

static void late_packets_of_a_closed_stream_are_dropped_and_counted(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    write_to(0, 1, "hello", 5);
    wire_pass(&w, 10);
    th_switchboard_stream_release(w.board[1], w.now, id_of(0), c, "no");
    wire_pass(&w, TH_REL_LINGER_MS + 100);
    assert_err(1, 0, TH_NOT_FOUND);
    assert_err(0, 1, TH_GONE);

    const struct th_chanpkt_out late = {.c = c, .fields = th_bytes_of("\"seq\":3")};
    assert_int_equal(th_switchboard_send(w.board[0], w.now, id_of(1), &late), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_CLOSED), 1);
    wire_free(&w);
}

static void names_and_limits_are_checked(void **state)
{
    (void)state;
    char name[TH_TYPE_MAX];
    begin(2);
    static const char *const bad[] = {
        "", "_", "link", "_a b", "_\"", "_\\", "_123456789012345678901234567890123"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(th_switchboard_serve(w.board[0], bad[i], true), TH_INVALID);
    assert_int_equal(th_switchboard_serve(w.board[0], "sock", true), TH_OK);
    for (unsigned i = 1; i < TH_SERVED_MAX; i++) {
        snprintf(name, sizeof name, "_%u", i);
        assert_int_equal(th_switchboard_serve(w.board[0], name, true), TH_OK);
    }
    assert_int_equal(th_switchboard_serve(w.board[0], "_1", true), TH_OK);
    assert_int_equal(th_switchboard_serve(w.board[0], "_more", true), TH_LIMIT);
    assert_int_equal(th_switchboard_serve(w.board[0], "_1", false), TH_OK);
    assert_int_equal(th_switchboard_serve(w.board[0], "_more", true), TH_OK);

    unsigned count = 0;
    while (th_switchboard_stream_open(w.board[0], w.now, id_of(1), "_test", 7, 70, &c) == TH_OK)
        count++;
    assert_in_range(count, TH_CHANNELS_MAX - 4, TH_CHANNELS_MAX);
    wire_free(&w);
}

/* Sends so much and reads it as it comes. */
static void carry(size_t len)
{
    static uint8_t bytes[65536];
    char buffer[4096];
    size_t got = 0, n, sent = 0;

    for (unsigned turn = 0; got < len; turn++) {
        assert_true(turn < 10000);
        if (sent < len)
            sent += write_to(0, 1, bytes, len - sent < sizeof bytes ? len - sent : sizeof bytes);
        wire_pass(&w, 1);
        while (read_from(1, 0, buffer, sizeof buffer, &n) == TH_OK)
            got += n;
        w.seen_count = 0;
    }
}

static void credit_of_all_streams_together_is_limited_and_counted(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    carry(1000000);
    uint32_t left = w.board[1]->credit.left;
    assert_in_range(left, 1, TH_BOARD_CREDIT - TH_REL_WINDOW_FIRST);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_STREAM_CREDIT), 0);
    th_switchboard_stream_release(w.board[1], w.now, id_of(0), c, "over");
    assert_int_equal(w.board[1]->credit.left, TH_BOARD_CREDIT);

    w.board[1]->credit.left = TH_REL_WINDOW_FIRST - 1; /* as if others had the rest */
    open_stream();
    carry(1000000);
    assert_true(wire_drops(&w, 1, TH_DROP_STREAM_CREDIT) > 0);
    assert_int_equal(w.board[1]->credit.left, TH_REL_WINDOW_FIRST - 1);
    wire_free(&w);
}

static unsigned count_first(int node)
{
    unsigned count = 0;

    for (unsigned i = 0; i < w.seen_count; i++)
        count += w.seen[i].node == node && w.seen[i].action.kind == TH_ACTION_STREAM &&
                 w.seen[i].action.is_first;
    return count;
}

static void one_node_opens_so_many_with_us_and_no_more(void **state)
{
    (void)state;
    begin(2);
    for (unsigned i = 0; i < TH_LINE_STREAMS_THEIRS + 5; i++) {
        open_stream();
        wire_pass(&w, 10);
    }
    assert_int_equal(count_first(1), TH_LINE_STREAMS_THEIRS);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_LIMIT), 5);
    assert_err(0, 1, TH_REFUSED);

    uint32_t first = w.seen[0].action.channel.id; /* any that was accepted */
    for (unsigned i = 0; i < w.seen_count; i++)
        if (w.seen[i].action.kind == TH_ACTION_STREAM && w.seen[i].action.is_first)
            first = w.seen[i].action.channel.id;
    th_switchboard_stream_release(w.board[1], w.now, id_of(0), first, "over");
    open_stream();
    wire_pass(&w, 10);
    assert_int_equal(count_first(1), TH_LINE_STREAMS_THEIRS); /* it lingers */
    wire_pass(&w, TH_REL_LINGER_MS + 100);
    open_stream();
    wire_pass(&w, 10);
    assert_int_equal(count_first(1), TH_LINE_STREAMS_THEIRS + 1);
    assert_int_equal(
        th_switchboard_stream_open(w.board[1], w.now, id_of(0), "_test", 7, 70, &first), TH_OK);
    wire_free(&w);
}

static void last_streams_of_a_node_are_for_those_it_opens(void **state)
{
    (void)state;
    enum { PEERS = WIRE_NODES - 1, EACH = TH_BOARD_STREAMS_THEIRS / PEERS };
    wire_init(&w, WIRE_NODES);
    w.carries = TH_DATAGRAM_SAFE_MAX;
    assert_int_equal(th_switchboard_serve(w.board[0], "_test", true), TH_OK);
    for (int peer = 1; peer <= PEERS; peer++) {
        assert_int_equal(wire_open(&w, 0, peer), TH_AGAIN);
        wire_settle(&w);
        for (unsigned i = 0; i < EACH; i++) {
            assert_int_equal(
                th_switchboard_stream_open(w.board[0], w.now, id_of(peer), "_test", 7, 70, &c),
                TH_OK);
            wire_settle(&w);
        }
    }
    uint32_t ours = c;
    assert_int_equal(th_switchboard_stream_open(w.board[1], w.now, id_of(0), "_test", 7, 70, &c),
                     TH_OK);
    wire_pass(&w, 10);
    assert_int_equal(count_first(0), 0);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_CHANNEL_LIMIT), 1);
    assert_err(1, 0, TH_REFUSED);

    th_switchboard_stream_release(w.board[0], w.now, id_of(PEERS), ours, NULL);
    wire_pass(&w, 10);
    assert_int_equal(th_switchboard_stream_open(w.board[1], w.now, id_of(0), "_test", 7, 70, &c),
                     TH_OK);
    wire_pass(&w, 10);
    assert_int_equal(count_first(0), 1);
    assert_int_equal(th_switchboard_stream_open(w.board[0], w.now, id_of(1), "_test", 7, 70, &c),
                     TH_OK);
    wire_free(&w);
}

/* --- where a line packet came from ------------------------------------------------------------------- */

static const struct th_addr victim = {.ip = {192, 0, 2, 9}, .port = 53, .family = TH_FAMILY_IPV4};

/* Node 0 is silent, node 1 has much to say to it; then one packet of the line comes to node 1, whose
 * sender is written as the victim. Returns its length. */
static size_t forge_a_sender(void)
{
    enum { STREAMS = 60 };
    static uint8_t bytes[5000];
    uint32_t path, opened[STREAMS];

    begin(2);
    for (unsigned i = 0; i < STREAMS; i++) {
        open_stream();
        opened[i] = c;
        wire_pass(&w, 10);
    }
    wire_pass(&w, 1000);
    w.is_cut[0] = true;
    wire_pass(&w, TH_PATH_LOYAL_MS);
    for (unsigned i = 0; i < STREAMS; i++) {
        c = opened[i];
        write_to(1, 0, bytes, sizeof bytes);
    }
    wire_settle(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_PATH, "", &path), TH_OK);
    wire_settle(&w);
    w.sent_bytes[1] = 0;
    struct flight forged = w.last[0];
    wire_deliver(&w, 1, &victim, forged.bytes, forged.len);
    return forged.len;
}

static void address_that_one_packet_came_from_gets_little_until_it_answers(void **state)
{
    (void)state;
    size_t len = forge_a_sender();

    assert_true(th_addr_is_equal(&w.last[1].to, &victim));
    assert_true(w.sent_bytes[1] <= TH_PATH_AMPLIFY * len);
    w.seen_count = 0;
    wire_pass(&w, 70000); /* one small request a second, and no stream */
    assert_true(w.sent_bytes[1] <= 70 * 100);
    wire_free(&w);
}

/* Node 0 answers requests of node 1 that it never saw, for they went to the victim: on every number after
 * the newest that it knows of. Returns how many bytes those are. */
static size_t guess_answers(uint32_t known, unsigned guesses)
{
    struct th_exchange *ex = th_board_find(w.board[0], id_of(1));
    size_t sum = 0;

    for (unsigned n = 1; n <= guesses; n++) {
        uint8_t plain[TH_CHANPKT_MAX];
        size_t len;
        struct th_chanpkt_out answer = {.c = known + 2 * n, .end = true};
        assert_int_equal(th_chanpkt_write(plain, sizeof plain, &len, &answer), TH_OK);
        th_board_transmit(w.board[0], ex, w.now, (struct th_bytes){plain, len}, TH_WISH_NONE);
        wire_settle(&w); /* it is cut off, but for what is written as the victim's */
        struct flight forged = w.last[0];
        wire_deliver(&w, 1, &victim, forged.bytes, forged.len);
        sum += forged.len;
    }
    return sum;
}

/* The newest that node 0 knows of. */
static uint32_t known_number(void)
{
    const struct th_channels *channels = &th_board_find(w.board[1], id_of(0))->line->channels;

    assert_non_null(channels->hidden);
    return channels->hidden->to - 2u * TH_CHANNELS_HIDDEN;
}

static bool is_open_to_victim(void)
{
    struct th_exchange_paths *ways = &th_board_find(w.board[1], id_of(0))->paths;

    return th_exchange_path_is_open(th_exchange_paths_find(ways, &victim));
}

/* The numbers of channels rose by 2, and it needed 10 guesses. */
static void address_is_opened_by_no_answer_that_was_guessed(void **state)
{
    (void)state;
    size_t came = forge_a_sender();
    uint32_t known = known_number();

    for (unsigned turn = 0; turn < 10; turn++) {
        w.seen_count = 0;
        wire_pass(&w, 1000);
        came += guess_answers(known, 200);
    }
    assert_true(w.sent_bytes[1] <= TH_PATH_AMPLIFY * came);
    assert_false(is_open_to_victim());
    assert_true(wire_drops(&w, 1, TH_DROP_PATH_GUESSED) >= TH_PATH_BURSTS_MAX);

    /* Who guessed so much is not believed on this line, though it may be there. */
    w.is_cut[0] = false;
    w.addr[0] = victim;
    w.seen_count = 0;
    wire_pass(&w, 5000);
    assert_false(is_open_to_victim());
    wire_free(&w);
}

/* A burst of guesses spoils what was asked, not what is asked next. */
static void address_that_answers_after_a_burst_of_wrong_answers_is_open(void **state)
{
    (void)state;
    forge_a_sender();
    uint32_t known = known_number();

    w.seen_count = 0;
    wire_pass(&w, 1000);
    guess_answers(known, TH_PATH_GUESSES_MAX);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_PATH_GUESSED), 1);
    w.is_cut[0] = false;
    w.addr[0] = victim;
    wire_pass(&w, 5000);

    assert_true(is_open_to_victim());
    wire_free(&w);
}

/* Whoever introduces a node may say that it is anywhere, and what was told was open at once. */
static void address_that_is_told_of_a_line_that_is_up_is_open_when_it_has_answered(void **state)
{
    (void)state;
    begin(2);
    open_stream();
    wire_pass(&w, 1000);
    struct th_paths paths = {.count = 1, .addr = {victim}};
    const struct th_identity *id = &w.identity[0];

    assert_int_equal(
        th_switchboard_open(w.board[1], w.now, &id->hashname, &id->parts, &id->keys.pub, &paths),
        TH_OK);

    assert_false(is_open_to_victim());
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_is_accepted_by_who_serves_its_type_and_carries_bytes_both_ways),
        cmocka_unit_test(type_that_nobody_serves_is_refused),
        cmocka_unit_test(stream_that_was_refused_is_not_opened_by_what_comes_late),
        cmocka_unit_test(owner_is_told_once_when_it_can_go_on),
        cmocka_unit_test(stream_waits_for_a_line_that_is_being_made),
        cmocka_unit_test(stream_whose_first_packet_is_its_last_is_accepted),
        cmocka_unit_test(stream_ends_with_its_line_and_its_owner_is_told),
        cmocka_unit_test(what_had_come_before_the_line_ended_is_left_to_be_read),
        cmocka_unit_test(line_with_a_stream_is_not_unused),
        cmocka_unit_test(stream_goes_on_when_an_address_changes),
        cmocka_unit_test(late_packets_of_a_closed_stream_are_dropped_and_counted),
        cmocka_unit_test(names_and_limits_are_checked),
        cmocka_unit_test(credit_of_all_streams_together_is_limited_and_counted),
        cmocka_unit_test(one_node_opens_so_many_with_us_and_no_more),
        cmocka_unit_test(last_streams_of_a_node_are_for_those_it_opens),
        cmocka_unit_test(address_that_one_packet_came_from_gets_little_until_it_answers),
        cmocka_unit_test(address_is_opened_by_no_answer_that_was_guessed),
        cmocka_unit_test(address_that_answers_after_a_burst_of_wrong_answers_is_open),
        cmocka_unit_test(address_that_is_told_of_a_line_that_is_up_is_open_when_it_has_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/board.h"
#include "tests/lib/raw_peer.h"

static void join(struct wire *w, int a, int b)
{
    assert_int_equal(wire_open(w, a, b), TH_AGAIN);
    wire_settle(w);
    assert_true(wire_look(w, a, b).is_up && wire_look(w, b, a).is_up);
    wire_pass(w, 11000); /* the `path` channels of the beginning are over */
}

static enum th_err send(struct wire *w, int from, int to, struct th_chanpkt_out packet)
{
    return th_switchboard_send(w->board[from], w->now, &w->identity[to].hashname, &packet);
}

/* Answers once made the line doubtful: most keepalives took an open along, and each of those was
 * answered by the JavaScript switch. */
static void packet_that_answers_waits_for_no_answer(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w, 0, 1);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(send(&w, 1, 0, (struct th_chanpkt_out){.c = c}), TH_OK);
    wire_pass(&w, 22000);
    uint64_t opens = wire_drops(&w, 0, TH_DROP_OPEN_REPEAT);

    assert_int_equal(send(&w, 1, 0, (struct th_chanpkt_out){.c = c}), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_REPEAT), opens);

    w.is_cut[0] = true;
    assert_int_equal(send(&w, 1, 0, (struct th_chanpkt_out){.c = c}), TH_OK);
    wire_pass(&w, 2000);
    assert_int_equal(send(&w, 1, 0, (struct th_chanpkt_out){.c = c}), TH_OK);
    w.is_cut[0] = false;
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_REPEAT), opens + 1);
    wire_free(&w);
}

/* A1 */
static void packet_of_a_channel_is_told_with_who_opened_it_and_its_owner(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w, 0, 1);

    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(&w);
    struct th_chanpkt_out answer = {
        .c = c, .end = true, .fields = th_bytes_of("\"see\":[]"), .body = th_bytes_of("b")};
    assert_int_equal(send(&w, 1, 0, answer), TH_OK);
    wire_settle(&w);

    const struct seen *asked = wire_packet(&w, 1, TH_CHANNEL_SEEK);
    assert_true(asked->action.is_first && !asked->action.channel.is_ours);
    assert_int_equal(asked->action.channel.owner, 0);
    const struct seen *told = wire_packet(&w, 0, TH_CHANNEL_SEEK);
    assert_true(!told->action.is_first && told->action.channel.is_ours && told->action.packet.end);
    assert_int_equal(told->action.channel.owner, 7);
    assert_int_equal(told->action.channel.tag, 70);
    assert_int_equal(told->action.packet.body.len, 1);
    wire_free(&w);
}

static void end_closes_a_channel_on_both_sides_and_late_packets_are_dropped(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c, late;
    wire_init(&w, 2);
    join(&w, 0, 1);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    struct th_chanpkt_out more = {.c = c, .fields = th_bytes_of("\"seed\":true")};
    assert_int_equal(send(&w, 0, 1, more), TH_OK);
    wire_collect(&w, 0); /* on its way */
    struct flight kept = w.flight[0];
    w.flight_count = 0;

    struct th_chanpkt_out end = {.c = c, .end = true};
    assert_int_equal(send(&w, 1, 0, end), TH_OK);
    wire_settle(&w);
    wire_deliver(&w, 1, &w.addr[0], kept.bytes, kept.len);

    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_CLOSED), 1);
    assert_int_equal(send(&w, 0, 1, more), TH_NOT_FOUND);
    assert_int_equal(send(&w, 1, 0, more), TH_NOT_FOUND);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_ENDED), 0); /* the packet told it */
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &late), TH_OK);
    assert_true(late > c);
    wire_free(&w);
}

static void err_closes_a_channel_at_once(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w, 0, 1);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);

    struct th_chanpkt_out err = {.c = c, .err = "full"};
    assert_int_equal(send(&w, 1, 0, err), TH_OK);
    wire_settle(&w);

    assert_string_equal(wire_packet(&w, 0, TH_CHANNEL_LINK)->action.packet.err, "full");
    assert_int_equal(send(&w, 0, 1, (struct th_chanpkt_out){.c = c}), TH_NOT_FOUND);
    wire_free(&w);
}

/* A7 */
static void silence_ends_a_channel_here_and_sends_nothing(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w, 0, 1);
    unsigned ended = wire_count(&w, 0, TH_ACTION_ENDED);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(&w);

    wire_pass(&w, 2999);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_ENDED), ended);
    int sent = w.sent[0];
    wire_pass(&w, 1);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_ENDED), ended + 1);
    const struct seen *last = &w.seen[w.seen_count - 1];
    if (last->node != 0)
        last--;
    assert_int_equal(last->action.why, TH_TIMED_OUT);
    assert_int_equal(last->action.channel.tag, 70);
    assert_int_equal(w.sent[0], sent);
    wire_free(&w);
}

static void packet_that_no_channel_takes_is_dropped_by_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        enum th_drop why;
    } table[] = {
        {"\"type\":\"_chat\"", TH_DROP_CHANNEL_TYPE},
        {"\"type\":\"other\"", TH_DROP_CHANNEL_TYPE},
        {"\"seek\":\"ab\"", TH_DROP_CHANNEL_UNKNOWN},
        {"\"type\":\"seek\",\"seq\":0", TH_DROP_CHANNEL_RELIABLE},
        {"\"type\":7", TH_DROP_CHANNEL_HEAD},
        {"\"type\":", TH_DROP_PACKET_JSON},
    };
    struct wire w;
    struct raw_peer raw;
    char head[128];
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);
    raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, 0, "\"type\":\"path\""),
             th_bytes_of(""));
    unsigned packets = wire_count(&w, 0, TH_ACTION_PACKET);
    int sent = w.sent[0];

    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, 10 + i, table[i].members),
                 th_bytes_of(""));
        assert_int_equal(wire_drops(&w, 0, table[i].why), i == 1 ? 2 : 1);
    }
    raw_send(&raw, &w, "{\"type\":\"seek\",\"seek\":\"ab\"}", th_bytes_of(""));
    assert_int_equal(wire_drops(&w, 0, TH_DROP_CHANNEL_HEAD), 2);
    snprintf(head, sizeof head, "{\"type\":\"seek\",\"c\":%u}",
             th_hashname_compare(&w.identity[1].hashname, &w.identity[0].hashname) < 0 ? 901u
                                                                                       : 902u);
    raw_send(&raw, &w, head, th_bytes_of(""));
    assert_int_equal(wire_drops(&w, 0, TH_DROP_CHANNEL_PARITY), 1);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_PACKET), packets);
    assert_int_equal(w.sent[0], sent);
    wire_free(&w);
}

static void line_takes_so_many_channels_of_a_peer_and_no_more(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    char head[128];
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);

    for (unsigned i = 0; i < TH_CHANNELS_MAX + 20; i++) {
        raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, i, "\"type\":\"link\""),
                 th_bytes_of(""));
        w.seen_count = 0;
    }

    assert_int_equal(wire_look(&w, 0, 1).channels, TH_CHANNELS_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_CHANNEL_LIMIT), 21); /* one is our own `path` */
    wire_free(&w);
}

static void path_request_is_answered_with_where_it_came_from(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    struct th_path_head head;
    wire_init(&w, 2);
    join(&w, 0, 1);

    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_PATH, "\"paths\":[]", &c), TH_OK);
    wire_settle(&w);

    const struct seen *told = wire_packet(&w, 0, TH_CHANNEL_PATH);
    assert_int_equal(told->action.channel.id, c);
    assert_true(told->action.packet.end);
    assert_int_equal(th_path_read(&head, th_bytes_of(told->head)), TH_DROP_NONE);
    assert_true(head.has_seen && th_addr_is_equal(&head.seen, &w.addr[0]));
    wire_free(&w);
}

static void what_is_no_telehash_is_counted_and_never_answered(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum th_drop why;
    } table[] = {
        {"", 0, TH_DROP_PACKET_SHORT},
        {"x", 1, TH_DROP_PACKET_SHORT},
        {"\0\0", 2, TH_DROP_PUNCH},
        {"\0\x05{}", 4, TH_DROP_PACKET_HEAD},
        {"\0\x02{}", 4, TH_DROP_PACKET_KIND},
        {"\0\0short", 7, TH_DROP_LINE_SHORT},
        {"\0\x01\x3a", 3, TH_DROP_OPEN_SHORT},
        {"\0\x01\x1a", 3, TH_DROP_OPEN_CSID},
    };
    struct wire w;
    wire_init(&w, 1);

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t before = wire_drops(&w, 0, table[i].why);
        wire_deliver(&w, 0, &w.addr[0], (const uint8_t *)table[i].bytes, table[i].len);
        assert_int_equal(wire_drops(&w, 0, table[i].why), before + 1);
    }
    uint8_t line[80] = {0};
    wire_deliver(&w, 0, &w.addr[0], line, sizeof line);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_LINE_UNKNOWN), 1);

    assert_int_equal(w.sent[0], 0);
    wire_free(&w);
}

static void flood_of_opens_is_cut_at_its_budget(void **state)
{
    (void)state;
    struct wire w;
    uint8_t open[316] = {0, 1, 0x3a};
    wire_init(&w, 1);

    for (int i = 0; i < TH_OPENS_BURST + TH_OPENS_WAITING_MAX + 50; i++)
        wire_deliver(&w, 0, &w.addr[0], open, sizeof open);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_LIMIT), 50);
    wire_free(&w);
}

/* When a mesh starts, thousands come to one node at once. Those over its budget sent their open again a
 * second later, all of them, and most were over it again. */
static void open_over_the_budget_waits_for_its_turn(void **state)
{
    (void)state;
    struct wire w;
    uint8_t open[316] = {0, 1, 0x3a};
    wire_init(&w, 3);
    for (int i = 0; i < TH_OPENS_BURST + 100; i++)
        wire_deliver(&w, 0, &w.addr[0], open, sizeof open);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_lines(&w, 0), 0);

    wire_pass(&w, 40); /* 80 of them */
    assert_int_equal(wire_lines(&w, 0), 0);
    wire_pass(&w, 20);

    assert_int_equal(wire_lines(&w, 0), 1);
    assert_int_equal(w.sent[1], 3); /* its open, once, `path`, and an answer */
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_LIMIT), 0);
    assert_ptr_equal(w.board[0]->opens.first, NULL);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_pass(&w, 10);
    assert_int_equal(wire_lines(&w, 0), 2);
    wire_free(&w);
}

static void channel_without_line_is_refused(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);

    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_NO_LINE);

    wire_free(&w);
}

static void packet_over_the_limit_of_a_datagram_is_refused_whole(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    char fields[TH_CHANPKT_MAX + 1];
    wire_init(&w, 2);
    join(&w, 0, 1);
    memset(fields, 'x', sizeof fields);
    fields[sizeof fields - 1] = 0;

    unsigned channels = wire_look(&w, 0, 1).channels;
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, fields, &c), TH_TOO_BIG);
    w.carries = TH_DATAGRAM_IPV4_MAX; /* larger ones are wanted, says that, and are looked for */
    wire_settle(&w);

    assert_int_equal(wire_look(&w, 0, 1).channels, channels);
    wire_free(&w);
}

static void punch_is_two_zero_bytes_and_ten_a_second(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);

    for (int i = 0; i < 20; i++)
        th_switchboard_punch(w.board[0], w.now, &w.addr[1]);
    wire_settle(&w);

    assert_int_equal(w.sent[0], 10);
    assert_int_equal(w.last[0].len, 2);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_PUNCH), 10);
    assert_int_equal(w.sent[1], 0);
    wire_free(&w);
}

static void datagrams_are_counted_by_what_they_are(void **state)
{
    (void)state;
    struct wire w;
    struct th_switchboard_totals ours, theirs;
    uint64_t sum = 0;
    wire_init(&w, 2);

    join(&w, 0, 1);
    wire_pass(&w, 1000);
    th_switchboard_punch(w.board[0], w.now, &w.addr[1]);
    wire_settle(&w);
    th_switchboard_on_datagram(w.board[1], w.now, &w.addr[0], th_bytes_of("nonsense"));
    th_switchboard_totals(w.board[0], &ours);
    th_switchboard_totals(w.board[1], &theirs);

    assert_true(ours.tx_sort[TH_DATAGRAM_OPEN] > 0 && ours.tx_sort[TH_DATAGRAM_LINE] > 0);
    assert_int_equal(ours.tx_sort[TH_DATAGRAM_PUNCH], 1);
    assert_int_equal(ours.tx_sort[TH_DATAGRAM_OTHER], 0);
    assert_int_equal(theirs.rx_sort[TH_DATAGRAM_OTHER], 1);
    for (int sort = 0; sort < TH_DATAGRAM_OTHER; sort++)
        assert_int_equal(theirs.rx_sort[sort], ours.tx_sort[sort]);
    for (int sort = 0; sort < TH_DATAGRAM_SORTS; sort++)
        sum += theirs.rx_sort[sort];
    assert_int_equal(sum, theirs.rx_packets);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_that_answers_waits_for_no_answer),
        cmocka_unit_test(packet_of_a_channel_is_told_with_who_opened_it_and_its_owner),
        cmocka_unit_test(end_closes_a_channel_on_both_sides_and_late_packets_are_dropped),
        cmocka_unit_test(err_closes_a_channel_at_once),
        cmocka_unit_test(silence_ends_a_channel_here_and_sends_nothing),
        cmocka_unit_test(packet_that_no_channel_takes_is_dropped_by_its_reason),
        cmocka_unit_test(line_takes_so_many_channels_of_a_peer_and_no_more),
        cmocka_unit_test(path_request_is_answered_with_where_it_came_from),
        cmocka_unit_test(what_is_no_telehash_is_counted_and_never_answered),
        cmocka_unit_test(flood_of_opens_is_cut_at_its_budget),
        cmocka_unit_test(open_over_the_budget_waits_for_its_turn),
        cmocka_unit_test(channel_without_line_is_refused),
        cmocka_unit_test(packet_over_the_limit_of_a_datagram_is_refused_whole),
        cmocka_unit_test(punch_is_two_zero_bytes_and_ten_a_second),
        cmocka_unit_test(datagrams_are_counted_by_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

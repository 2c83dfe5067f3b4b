#include "switch/core/board.h"
#include "tests/lib/introduce.h"
#include "tests/lib/raw_peer.h"

/* 1 and 2 have met through 0, and cannot reach each other directly. */
static void meet_by_relay(struct wire *w)
{
    star(w);
    wire_part(w, 1, 2, true);
    assert_int_equal(introduce(w, 1, 0, 2), TH_OK);
    wire_pass(w, 2 * TH_RELAY_AFTER_MS);
}

static void seek(struct wire *w, int from, int to)
{
    uint32_t c;

    assert_int_equal(wire_channel(w, from, to, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(w);
}

static bool goes_through(const struct wire *w, int node, int of, int middle)
{
    struct th_line_look look = wire_look(w, node, of);

    return look.is_up && look.has_middle &&
           th_hashname_is_equal(&look.middle, &w->identity[middle].hashname);
}

/* A11 */
static void nodes_that_cannot_reach_each_other_talk_through_who_introduced_them(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);

    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));
    assert_false(wire_look(&w, 1, 2).has_addr || wire_look(&w, 2, 1).has_addr);
    seek(&w, 1, 2);
    wire_pass(&w, 1000);
    seek(&w, 2, 1);

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK), 1);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_SEEK), 1);
    assert_int_equal(wire_packet(&w, 2, TH_CHANNEL_SEEK)->action.addr.family, TH_FAMILY_NONE);
    wire_free(&w);
}

static void open_goes_by_the_relay_only_when_it_was_not_answered_directly(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 5000);

    assert_true(wire_look(&w, 1, 2).has_addr && !wire_look(&w, 1, 2).has_middle);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_CONNECT), 0);
    wire_free(&w);
}

/* Most are introduced to who hears them: what was made for the others is given back soon. */
static void relay_that_carried_nothing_is_over_soon_at_the_end_and_in_the_middle(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_settle(&w);
    assert_true(w.board[2]->relays.room > 0 && w.board[0]->relays.pair_room > 0);

    wire_pass(&w, TH_RELAY_UNUSED_MS);
    assert_int_equal(w.board[2]->relays.room, 0);
    wire_pass(&w, th_channel_silence_ms(TH_CHANNEL_PEER) - TH_RELAY_UNUSED_MS);

    assert_int_equal(w.board[0]->relays.pair_room, 0);
    assert_int_equal(wire_look(&w, 0, 2).channels, 0);
    assert_true(wire_look(&w, 1, 2).has_addr && wire_look(&w, 2, 1).has_addr);
    wire_free(&w);
}

static void line_moves_to_a_direct_way_when_one_appears(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    wire_pass(&w, 20000);
    assert_true(goes_through(&w, 1, 2, 0));
    wire_part(&w, 1, 2, false);
    wire_pass(&w, 31000);

    struct th_line_look ours = wire_look(&w, 1, 2), theirs = wire_look(&w, 2, 1);
    assert_true(ours.is_up && ours.has_addr && !ours.has_middle);
    assert_true(theirs.is_up && theirs.has_addr && !theirs.has_middle);
    assert_true(ours.up_ms > 50000); /* the line it had */
    assert_true(wire_count(&w, 1, TH_ACTION_PATH) >= 1);
    wire_free(&w);
}

/* v2/switch.md: no more than five a second in either direction, and the sender is warned. */
static void middle_relays_five_packets_a_second_and_warns(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    char fields[512], head[600];
    struct th_text text = th_text_in(fields, sizeof fields);
    static const uint8_t open[] = {0, 1, 0x3a, 1, 2, 3};
    wire_init(&w, 4);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_settle(&w);
    raw_join(&raw, &w, 1, 0);
    th_peer_put(&text, &w.identity[2].hashname, NULL, 0);
    th_text_put(&text, ",\"type\":\"peer\"");
    raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, 0, fields),
             (struct th_bytes){w.identity[1].keys.pub.b, TH_KEY_BYTES});
    unsigned before = wire_packets(&w, 2, TH_CHANNEL_CONNECT);
    assert_int_equal(before, 1);

    for (int i = 0; i < 9; i++)
        raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, 0, "\"x\":1"),
                 (struct th_bytes){open, sizeof open});

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_CONNECT) - before, TH_RELAY_PER_S);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_RELAY_FAST), 4);
    int sent = w.sent[0];
    wire_pass(&w, 200);
    raw_send(&raw, &w, raw_head(&raw, &w, head, sizeof head, 0, "\"x\":1"),
             (struct th_bytes){open, sizeof open});
    assert_int_equal(w.sent[0] - sent, 1);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_CONNECT) - before, TH_RELAY_PER_S + 1);
    wire_free(&w);
}

static void end_sends_no_faster_than_the_middle_passes_on(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    wire_pass(&w, 2000);
    unsigned before = wire_packets(&w, 2, TH_CHANNEL_SEEK);

    for (int i = 0; i < TH_RELAY_PER_S + TH_RELAY_KEPT_MAX + 3; i++)
        seek(&w, 1, 2);

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK) - before, TH_RELAY_PER_S);
    assert_int_equal(wire_drops(&w, 1, TH_DROP_RELAY_FAST), 3);
    wire_pass(&w, 1000);
    assert_in_range(wire_packets(&w, 2, TH_CHANNEL_SEEK) - before, 2 * TH_RELAY_PER_S - 1,
                    2 * TH_RELAY_PER_S);
    wire_pass(&w, 4000);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK) - before,
                     TH_RELAY_PER_S + TH_RELAY_KEPT_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_RELAY_FAST), 0);
    wire_free(&w);
}

static void relay_that_carries_packets_stays_and_a_silent_one_ends_the_line(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    for (int i = 0; i < 20; i++) { /* as keepalives do */
        wire_pass(&w, 25000);
        assert_true(goes_through(&w, 1, 2, 0));
        seek(&w, 1, 2);
    }
    assert_true(wire_look(&w, 1, 2).up_ms > 400000);

    w.seen_count = 0;
    wire_pass(&w, 65000); /* one that ends by its silence is missed when something is to go there */

    assert_false(wire_look(&w, 1, 2).is_up || wire_look(&w, 2, 1).is_up);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 1);
    wire_free(&w);
}

static void what_ends_on_one_side_is_told_on_the_other(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    uint32_t c = wire_packet(&w, 1, TH_CHANNEL_PEER)->action.channel.id;
    struct th_chanpkt_out end = {.c = c, .end = true};

    assert_int_equal(th_switchboard_send(w.board[1], w.now, &w.identity[0].hashname, &end), TH_OK);
    wire_settle(&w);

    assert_string_equal(wire_packet(&w, 2, TH_CHANNEL_CONNECT)->action.packet.err, "disconnected");
    assert_false(wire_look(&w, 1, 2).is_up || wire_look(&w, 2, 1).is_up);
    wire_free(&w);
}

/* Of 20 streams of a node that another had just dialled 16 were cancelled: the line had come up by a relay
 * there, and had ended with it before the first packet came directly. */
static void line_outlives_the_relay_that_it_came_up_by_when_an_open_came_directly(void **state)
{
    (void)state;

    for (int is_late = 0; is_late < 2; is_late++) {
        struct wire w;
        meet_by_relay(&w);
        struct th_exchange *ex = th_board_find(w.board[2], &w.identity[1].hashname);
        wire_pass(&w, is_late ? TH_PATH_LOST_MS : 0);
        struct th_exchange_path *path = th_exchange_paths_add(&ex->paths, &w.addr[1], w.now);
        assert_non_null(path);
        th_exchange_path_on_bytes(path, 316); /* as of an open */
        uint32_t c = wire_packet(&w, 1, TH_CHANNEL_PEER)->action.channel.id;
        struct th_chanpkt_out end = {.c = c, .end = true};

        assert_int_equal(th_switchboard_send(w.board[1], w.now, &w.identity[0].hashname, &end),
                         TH_OK);
        wire_settle(&w);

        struct th_line_look look = wire_look(&w, 2, 1);
        assert_int_equal(look.is_up, is_late == 0);
        assert_true(is_late || th_addr_is_equal(&look.addr, &w.addr[1]));
        wire_free(&w);
    }
}

static unsigned pairs_of(const struct wire *w, int middle)
{
    const struct th_relays *relays = &w->board[middle]->relays;
    unsigned count = 0;

    for (unsigned i = 0; i < relays->pair_room; i++)
        count += relays->pair[i].is_set;
    return count;
}

/* Two that join at the same time ask for each other, each more than once: the second introduction
 * ended the relay of the first, and the line that had just come up by it. */
static void line_stays_when_the_two_are_introduced_again(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    seek(&w, 2, 1);

    assert_int_equal(introduce(&w, 2, 0, 1), TH_OK);
    seek(&w, 1, 2);
    wire_pass(&w, 1000);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 10000);

    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK), 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_count(&w, 2, TH_ACTION_LINE_DOWN), 0);
    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));
    assert_int_equal(pairs_of(&w, 0), 1); /* and one limit for all their packets */
    wire_free(&w);
}

static void line_stays_when_a_later_introduction_is_over(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    wire_pass(&w, 1000);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    uint32_t last = w.board[1]->relays.relay[0].c + 2;
    struct th_chanpkt_out end = {.c = last, .end = true};
    assert_int_equal(th_switchboard_send(w.board[1], w.now, &w.identity[0].hashname, &end), TH_OK);
    wire_pass(&w, 1000);

    seek(&w, 2, 1);
    seek(&w, 1, 2);

    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_SEEK), 1);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK), 1);
    assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_count(&w, 2, TH_ACTION_LINE_DOWN), 0);
    wire_free(&w);
}

static void nobody_is_introduced_over_a_relay_by_a_relay(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    w.nodes = 3;

    /* 1 asks 2, which it reaches through 0, for 0: introduced, but nothing is carried */
    assert_int_equal(introduce(&w, 1, 2, 0), TH_OK);
    wire_pass(&w, 2000);

    assert_true(goes_through(&w, 1, 2, 0));
    assert_true(wire_look(&w, 1, 0).has_addr && !wire_look(&w, 1, 0).has_middle);
    wire_free(&w);
}

/* Who is reached through another when it is asked is reached directly a moment later, as most are. */
static void introducer_carries_packets_as_soon_as_it_reaches_both_directly(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 4);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 3, 2), TH_AGAIN);
    wire_settle(&w);
    wire_part(&w, 1, 2, true);
    wire_part(&w, 1, 3, true);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 2 * TH_RELAY_AFTER_MS);
    assert_true(goes_through(&w, 1, 2, 0));

    assert_int_equal(introduce(&w, 1, 2, 3), TH_OK);
    wire_part(&w, 1, 2, false);
    wire_pass(&w, 10000);

    assert_false(goes_through(&w, 1, 2, 0));
    assert_true(goes_through(&w, 1, 3, 2) && goes_through(&w, 3, 1, 2));
    wire_free(&w);
}

/* Behind a NAT that lets in whom it sent to, the target must be told where the asker is, by one who sees
 * it through another only, but was told. */
static void introducer_says_where_the_asker_said_it_is_when_it_does_not_see_it(void **state)
{
    (void)state;
    struct wire w;
    struct th_connect_head head;
    wire_init(&w, 4);
    th_switchboard_advertise(w.board[1], &w.addr[1],
                             1); /* so that it says it twice, in `peer` too */
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    assert_int_equal(wire_open(&w, 3, 2), TH_AGAIN);
    wire_settle(&w);
    wire_part(&w, 1, 2, true);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 2 * TH_RELAY_AFTER_MS);
    assert_true(goes_through(&w, 1, 2, 0));

    assert_int_equal(introduce(&w, 1, 2, 3), TH_OK);
    wire_pass(&w, 2000);

    assert_true(goes_through(&w, 1, 2, 0));
    assert_true(wire_look(&w, 1, 3).has_addr && !wire_look(&w, 1, 3).has_middle);
    const struct seen *connect = wire_packet(&w, 3, TH_CHANNEL_CONNECT);
    assert_int_equal(th_connect_read(&head, th_bytes_of(connect->head)), TH_DROP_NONE);
    assert_int_equal(head.paths.count, 1);
    assert_true(th_addr_is_equal(&head.paths.addr[0], &w.addr[1]));
    wire_free(&w);
}

static struct th_hashname nth(unsigned n)
{
    return (struct th_hashname){{0xee, (uint8_t)(n >> 8), (uint8_t)n}};
}

/* 0 introduces two. */
static void pair_nth(struct wire *w, unsigned n, bool has_room)
{
    struct th_exchange asker = {.id = nth(2 * n)}, target = {.id = nth(2 * n + 1)};
    struct th_channel peer = {.id = 2, .type = TH_CHANNEL_PEER};
    struct th_channel connect = {.id = 1, .type = TH_CHANNEL_CONNECT, .is_ours = true};

    th_board_pair(w->board[0], w->now, &asker, &peer, &target, &connect);
    assert_int_equal(peer.relay != 0, has_room);
}

/* Somebody who introduces a node. */
static void relay_nth(struct wire *w, int node, unsigned n, bool has_room)
{
    struct th_exchange middle = {.id = nth(n)};
    struct th_channel peer = {.id = 2, .type = TH_CHANNEL_PEER, .is_ours = true};
    struct th_addr addr;

    assert_int_equal(th_board_relay_by(w->board[node], w->now, &middle, &peer, &addr), has_room);
}

static void pairs_and_relays_have_limits(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 1);

    for (unsigned i = 0; i <= TH_RELAY_PAIRS_MAX; i++)
        pair_nth(&w, i, i < TH_RELAY_PAIRS_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_RELAY_LIMIT), 1);

    for (unsigned i = 0; i <= TH_RELAYS_MAX; i++)
        relay_nth(&w, 0, i, i < TH_RELAYS_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_RELAY_LIMIT), 2);
    wire_free(&w);
}

/* When a whole mesh comes through one node, all room was taken for eight seconds by those who needed no
 * relay, and who is behind a symmetric NAT found none. */
static void one_that_carried_nothing_makes_room_for_another(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    assert_int_equal(pairs_of(&w, 0), 1);
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++)
        pair_nth(&w, i, i < TH_RELAY_PAIRS_MAX - 1);
    for (unsigned i = 0; i < TH_RELAYS_MAX; i++)
        relay_nth(&w, 2, i, i < TH_RELAYS_MAX - 1);

    wire_pass(&w, TH_RELAY_SPARE_MS);
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++)
        pair_nth(&w, TH_RELAY_PAIRS_MAX + i, i < TH_RELAY_PAIRS_MAX - 1);
    for (unsigned i = 0; i < TH_RELAYS_MAX; i++)
        relay_nth(&w, 2, TH_RELAYS_MAX + i, i < TH_RELAYS_MAX - 1);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_RELAY_LIMIT), 2 + TH_RELAY_PAIRS_MAX - 1);
    assert_int_equal(wire_drops(&w, 2, TH_DROP_RELAY_LIMIT), 2 + TH_RELAYS_MAX - 1);

    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));
    seek(&w, 1, 2);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK), 1);
    wire_free(&w);
}

/* Most whose opens were carried are connected directly soon. */
static void pair_that_carried_nothing_for_long_makes_room_when_no_other_can(void **state)
{
    (void)state;
    struct wire w;
    meet_by_relay(&w);
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX - 1; i++)
        pair_nth(&w, i, true);
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++)
        w.board[0]->relays.pair[i].has_carried = true;
    wire_pass(&w, TH_RELAY_QUIET_MS - 1000);
    pair_nth(&w, TH_RELAY_PAIRS_MAX, false);

    wire_pass(&w, 1000);
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++) /* but that of 1 and 2, who look for a way */
        pair_nth(&w, TH_RELAY_PAIRS_MAX + 1 + i, i < TH_RELAY_PAIRS_MAX - 1);
    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));

    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++) { /* nor later: their line may rest on it */
        w.board[0]->relays.pair[i].used_at = w.now.mono - TH_RELAY_QUIET_MS;
        w.board[0]->relays.pair[i].has_carried = true;
    }
    for (unsigned i = 0; i < TH_RELAY_PAIRS_MAX; i++)
        pair_nth(&w, 2 * TH_RELAY_PAIRS_MAX + 1 + i, i < TH_RELAY_PAIRS_MAX - 1);
    seek(&w, 1, 2);
    assert_int_equal(wire_packets(&w, 2, TH_CHANNEL_SEEK), 1);
    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));
    wire_free(&w);
}

/* Who can come by a relay alone would be cut off by a flood of opens, which always has some that wait. */
static void open_that_comes_by_a_relay_does_not_wait_behind_others(void **state)
{
    (void)state;
    struct wire w;
    uint8_t open[316] = {0, 1, 0x3a};
    star(&w);
    wire_part(&w, 1, 2, true);
    for (int i = 0; i < TH_OPENS_BURST + TH_OPENS_WAITING_MAX; i++)
        wire_deliver(&w, 1, &w.addr[2], open, sizeof open);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, TH_RELAY_AFTER_MS + TH_RELAY_AFTER_MS / 2);

    assert_true(w.board[1]->opens.count > 0);
    assert_true(goes_through(&w, 1, 2, 0) && goes_through(&w, 2, 1, 0));
    wire_free(&w);
}

/* Else an introducer of nobodies took all room for as long as it liked. */
static void relay_by_which_only_our_opens_went_makes_room(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    wire_part(&w, 1, 2, true);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    w.is_cut[1] = true;
    wire_pass(&w, 2 * TH_RELAY_AFTER_MS);
    assert_true(w.board[2]->relays.room > 0 && w.board[2]->relays.relay[0].id != 0);
    for (unsigned i = 0; i < TH_RELAYS_MAX - 1; i++)
        relay_nth(&w, 2, i, true);

    wire_pass(&w, TH_RELAY_SPARE_MS);
    for (unsigned i = 0; i < TH_RELAYS_MAX; i++)
        relay_nth(&w, 2, TH_RELAYS_MAX + i, true);
    wire_free(&w);
}

/* Sends an open of one that begins anew. */
static void open_again(struct raw_peer *raw, struct wire *w, uint8_t n)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    uint8_t bytes[TH_OPEN_MAX], seed[TH_KEY_BYTES] = {n};
    size_t len;

    raw->own = (struct th_line_id){{n}};
    cipher->keypair(&raw->keys, seed);
    assert_int_equal(th_open_write(bytes, sizeof bytes, &len, cipher, &w->identity[raw->as],
                                   &raw->keys, &raw->own, w->now.wall + n,
                                   &w->identity[raw->to].hashname, &w->identity[raw->to].keys.pub),
                     TH_OK);
    wire_deliver(w, raw->to, &w->addr[raw->as], bytes, len);
}

/* 1 begins anew four times within a second, and speaks then. */
static void begin_anew(struct raw_peer *raw, struct wire *w)
{
    struct th_open answer;
    char head[64];

    *raw = (struct raw_peer){.as = 1};
    w->is_cut[1] = true;
    open_again(raw, w, 1);
    struct th_bytes last = {w->last[0].bytes, w->last[0].len};
    assert_int_equal(th_open_read(&answer, &w->identity[1], last), TH_DROP_NONE);
    for (uint8_t n = 2; n <= 4; n++)
        open_again(raw, w, n);
    raw->theirs = answer.line;
    assert_int_equal(th_cipher_find(TH_CS3A)->line_keys(&raw->line, &raw->keys, &answer.line_key,
                                                        &raw->own, &raw->theirs),
                     TH_OK);
    raw_send(raw, w, raw_head(raw, w, head, sizeof head, 0, "\"type\":\"seek\",\"seek\":\"ab\""),
             (struct th_bytes){0});
}

/* A line that was up, and had no open of ours any more, was taken for one that is being opened. */
static void node_that_began_anew_several_times_is_introduced(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    char fields[512];
    struct th_text text = th_text_in(fields, sizeof fields);
    uint32_t c;
    wire_init(&w, 3);
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_settle(&w);
    begin_anew(&raw, &w);
    assert_true(wire_look(&w, 0, 1).is_up);

    th_connect_put(&text, &w.identity[1].parts, &w.addr[1], 1);
    struct th_channel_request request = {.type = TH_CHANNEL_CONNECT,
                                         .fields = th_text_bytes(&text),
                                         .body = {w.identity[1].keys.pub.b, TH_KEY_BYTES}};
    assert_int_equal(
        th_switchboard_channel(w.board[2], w.now, &w.identity[0].hashname, &request, &c), TH_OK);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_cannot_reach_each_other_talk_through_who_introduced_them),
        cmocka_unit_test(open_goes_by_the_relay_only_when_it_was_not_answered_directly),
        cmocka_unit_test(relay_that_carried_nothing_is_over_soon_at_the_end_and_in_the_middle),
        cmocka_unit_test(line_moves_to_a_direct_way_when_one_appears),
        cmocka_unit_test(middle_relays_five_packets_a_second_and_warns),
        cmocka_unit_test(end_sends_no_faster_than_the_middle_passes_on),
        cmocka_unit_test(relay_that_carries_packets_stays_and_a_silent_one_ends_the_line),
        cmocka_unit_test(line_outlives_the_relay_that_it_came_up_by_when_an_open_came_directly),
        cmocka_unit_test(what_ends_on_one_side_is_told_on_the_other),
        cmocka_unit_test(line_stays_when_the_two_are_introduced_again),
        cmocka_unit_test(line_stays_when_a_later_introduction_is_over),
        cmocka_unit_test(nobody_is_introduced_over_a_relay_by_a_relay),
        cmocka_unit_test(introducer_carries_packets_as_soon_as_it_reaches_both_directly),
        cmocka_unit_test(introducer_says_where_the_asker_said_it_is_when_it_does_not_see_it),
        cmocka_unit_test(pairs_and_relays_have_limits),
        cmocka_unit_test(one_that_carried_nothing_makes_room_for_another),
        cmocka_unit_test(open_that_comes_by_a_relay_does_not_wait_behind_others),
        cmocka_unit_test(relay_by_which_only_our_opens_went_makes_room),
        cmocka_unit_test(node_that_began_anew_several_times_is_introduced),
        cmocka_unit_test(pair_that_carried_nothing_for_long_makes_room_when_no_other_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

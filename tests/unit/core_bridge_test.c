#include "switch/core/board.h"
#include "switch/wire/bridge.h"
#include "tests/lib/introduce.h"

/* 1 and 2 cannot reach each other; 0 introduces them, and is a bridge for whom the policy says. */
static void meet_of(struct wire *w, int nodes, const struct th_bridge_policy *policy)
{
    wire_init(w, nodes);
    th_switchboard_free(w->board[0]);
    w->config[0].bridge = *policy;
    wire_boot(w, 0, 0x20);
    assert_int_equal(wire_open(w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(w, 2, 0), TH_AGAIN);
    wire_settle(w);
    wire_part(w, 1, 2, true);
    assert_int_equal(introduce(w, 1, 0, 2), TH_OK);
    wire_pass(w, 3000);
}

static void meet(struct wire *w, const struct th_bridge_policy *policy)
{
    meet_of(w, 3, policy);
}

static bool is_bridged(const struct wire *w, int node, int of)
{
    struct th_line_look look = wire_look(w, node, of);

    return look.is_up && look.has_addr && th_addr_is_equal(&look.addr, &w->addr[0]) &&
           look.has_middle && th_hashname_is_equal(&look.middle, &w->identity[0].hashname);
}

static unsigned seeks(struct wire *w, int from, int to, unsigned count)
{
    uint32_t c;

    w->seen_count = 0;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(wire_channel(w, from, to, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(w);
    return wire_packets(w, to, TH_CHANNEL_SEEK);
}

static const struct th_bridge_policy everybody = {.is_for_everybody = true};

static void willing_middle_forwards_at_full_speed(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);

    assert_true(is_bridged(&w, 1, 2) && is_bridged(&w, 2, 1));
    assert_int_equal(seeks(&w, 1, 2, 40), 40);
    assert_int_equal(seeks(&w, 2, 1, 40), 40);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_PACKET), 0); /* it reads none of them */
    assert_true(wire_packet(&w, 1, TH_CHANNEL_SEEK)->action.is_bridged);
    wire_free(&w);
}

/* 2 hears 1 from the address of 0; it knows no other, and tells 3 of none. */
static void node_behind_a_bridge_is_not_said_to_be_at_the_bridge(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    struct th_connect_head head;
    meet_of(&w, 4, &everybody);
    assert_int_equal(wire_open(&w, 3, 2), TH_AGAIN);
    wire_settle(&w);
    assert_true(is_bridged(&w, 2, 1));

    char fields[512];
    uint32_t c;
    struct th_text text = th_text_in(fields, sizeof fields);
    static const struct th_addr home = {
        .ip = {192, 168, 1, 7}, .port = 7, .family = TH_FAMILY_IPV4}; /* of whom, nobody can say */
    th_peer_put(&text, &w.identity[3].hashname, &home, 1);
    struct th_channel_request request = {.type = TH_CHANNEL_PEER,
                                         .owner = 7,
                                         .fields = th_text_bytes(&text),
                                         .body = {w.identity[1].keys.pub.b, TH_KEY_BYTES}};
    assert_int_equal(
        th_switchboard_channel(w.board[1], w.now, &w.identity[2].hashname, &request, &c), TH_OK);
    wire_settle(&w);
    const struct seen *connect = wire_packet(&w, 3, TH_CHANNEL_CONNECT);
    assert_int_equal(th_connect_read(&head, th_bytes_of(connect->head)), TH_DROP_NONE);
    for (unsigned i = 0; i < head.paths.count; i++)
        assert_false(th_addr_is_equal(&head.paths.addr[i], &w.addr[0]) ||
                     th_addr_is_equal(&head.paths.addr[i], &home));
    assert_false(th_switchboard_hand_on(w.board[2], w.now, &w.identity[1].hashname,
                                        &w.identity[3].hashname, 1, &told));
    wire_free(&w);
}

/* As when a node begins anew under another name, or a NAT gives its port to another: the line to who was
 * there is up still. */
static void node_at_the_address_of_one_that_is_not_heard_any_more_is_not_behind_it(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 3);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    w.addr[2] = w.addr[1];
    w.addr[1].ip[3] = 99;
    wire_pass(&w, 31000);
    assert_true(wire_look(&w, 0, 1).is_up);

    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_pass(&w, 5000);

    assert_true(wire_look(&w, 0, 2).is_up && !wire_look(&w, 0, 2).has_middle);
    wire_free(&w);
}

static void unwilling_middle_only_relays(void **state)
{
    (void)state;
    struct wire w;
    static const struct th_bridge_policy nobody = {0};
    meet(&w, &nobody);

    assert_false(is_bridged(&w, 1, 2) || is_bridged(&w, 2, 1));
    assert_int_equal(seeks(&w, 1, 2, 40), TH_RELAY_PER_S); /* at once; others wait */
    wire_free(&w);
}

static void middle_is_a_bridge_for_whom_it_is_told_alone(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 3);
    struct th_hashname friend = w.identity[2].hashname, stranger = {{1}};
    wire_free(&w);

    meet(&w, &(struct th_bridge_policy){.allowed_count = 1, .allowed = &stranger});
    assert_false(is_bridged(&w, 1, 2));
    wire_free(&w);
    meet(&w, &(struct th_bridge_policy){.allowed_count = 1, .allowed = &friend});
    assert_true(is_bridged(&w, 1, 2));
    wire_free(&w);
}

static void bridge_has_a_bandwidth(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &(struct th_bridge_policy){.is_for_everybody = true, .bytes_per_s = 1000});
    wire_pass(&w, 2000);
    uint64_t before = wire_drops(&w, 0, TH_DROP_BRIDGE_FAST);

    unsigned came = seeks(&w, 1, 2, 40); /* about 105 bytes each */
    assert_in_range(came, 5, 12);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_FAST) - before, 40 - came);
    wire_free(&w);
}

static void bridged_line_moves_to_a_direct_way_when_one_appears(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    wire_pass(&w, 30000);
    assert_true(is_bridged(&w, 1, 2));
    wire_part(&w, 1, 2, false);
    wire_pass(&w, 61000);

    struct th_line_look look = wire_look(&w, 1, 2);
    assert_true(look.is_up && !look.has_middle && th_addr_is_equal(&look.addr, &w.addr[2]));
    assert_false(wire_look(&w, 2, 1).has_middle);
    wire_free(&w);
}

/* It looked like a direct one: the other end may have asked the bridge, which needs no line to us. */
static void bridged_line_is_seen_as_such_when_the_line_to_its_bridge_has_ended(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    struct th_exchange *bridge = th_board_find(w.board[1], &w.identity[0].hashname);

    th_board_end_line(w.board[1], bridge, TH_TIMED_OUT, w.now);
    assert_true(is_bridged(&w, 1, 2));
    th_board_forget(w.board[1], bridge);

    struct th_line_look look = wire_look(&w, 1, 2);
    assert_true(look.has_addr && look.has_middle && !look.knows_middle);
    wire_free(&w);
}

/* Whoever names the bridge's address as one of its own was taken for it. */
static void node_that_only_named_the_address_of_a_bridge_is_not_the_bridge(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    struct th_hashname id = {{1, 2, 3}};
    struct th_exchange *bridge = th_board_find(w.board[1], &w.identity[0].hashname);
    struct th_exchange *liar = th_board_meet(w.board[1], w.now, &id);
    assert_non_null(liar);
    th_exchange_paths_add(&liar->paths, &w.addr[0], w.now)->is_named = true;
    th_board_end_line(w.board[1], bridge, TH_TIMED_OUT, w.now);
    assert_true(is_bridged(&w, 1, 2));
    th_board_forget(w.board[1], bridge);

    struct th_line_look look = wire_look(&w, 1, 2);
    assert_true(look.has_addr && look.has_middle && !look.knows_middle);
    th_exchange_paths_find(&liar->paths, &w.addr[0])->is_told = true;
    assert_true(wire_look(&w, 1, 2).knows_middle);
    wire_free(&w);
}

static void bridged_line_lives_as_long_as_its_ends_talk(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);

    for (int i = 0; i < 48; i++) { /* 20 min: twice as long as a silent line lives */
        wire_pass(&w, 25000);
        assert_int_equal(seeks(&w, 1, 2, 1), 1);
    }
    assert_true(is_bridged(&w, 1, 2));
    wire_free(&w);
}

static void datagram_is_forwarded_once_and_only_from_an_end(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    seeks(&w, 1, 2, 1);
    struct flight last = w.last[1];
    int sent = w.sent[0];

    wire_deliver(&w, 0, &w.addr[1], last.bytes, last.len);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_REPEAT), 1);
    assert_int_equal(w.sent[0], sent);
    struct th_addr elsewhere = {.ip = {192, 0, 2, 1}, .port = 7, .family = TH_FAMILY_IPV4};
    uint64_t unknown = wire_drops(&w, 0, TH_DROP_LINE_UNKNOWN);
    last.bytes[30] ^= 1;
    wire_deliver(&w, 0, &elsewhere, last.bytes, last.len);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_LINE_UNKNOWN), unknown + 1);
    assert_int_equal(w.sent[0], sent);
    wire_free(&w);
}

/* --- the channel ------------------------------------------------------------------------------------ */

static struct th_line_id line_of(unsigned n)
{
    return (struct th_line_id){{0xaa, (uint8_t)(n >> 8), (uint8_t)n}};
}

static const struct seen *ask_bridge(struct wire *w, unsigned to, unsigned from)
{
    char fields[256];
    uint32_t c;
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_bridge_head head = {.to = line_of(to), .from = line_of(from), .addr = w->addr[2]};

    th_bridge_put(&text, &head);
    assert_int_equal(wire_channel(w, 1, 0, TH_CHANNEL_BRIDGE, fields, &c), TH_OK);
    wire_settle(w);
    const struct seen *answer = wire_packet(w, 1, TH_CHANNEL_BRIDGE);
    assert_non_null(answer);
    assert_true(answer->action.packet.end);
    return answer;
}

/* A datagram of a line that is not the bridge's own. */
static void send_line(struct wire *w, int from, unsigned line, uint8_t content)
{
    uint8_t bytes[TH_LINE_MIN + 10] = {0};
    struct th_line_id id = line_of(line);

    memcpy(bytes + 2, &id, sizeof id);
    bytes[sizeof bytes - 1] = content;
    wire_deliver(w, 0, &w->addr[from], bytes, sizeof bytes);
}

static void bridge_channel_forwards_two_lines_between_its_opener_and_an_address(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);

    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "");
    send_line(&w, 1, 1, 1);
    assert_true(th_addr_is_equal(&w.last[0].to, &w.addr[2]));
    send_line(&w, 2, 2, 2);
    assert_true(th_addr_is_equal(&w.last[0].to, &w.addr[1]));
    int sent = w.sent[0];
    send_line(&w, 2, 1, 3); /* the line of the other direction */
    assert_int_equal(w.sent[0], sent);
    wire_free(&w);
}

static void bridge_is_refused_to_others_and_for_a_line_that_has_one(void **state)
{
    (void)state;
    struct wire w;
    static const struct th_bridge_policy nobody = {0};
    uint32_t c;
    meet(&w, &nobody);
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "not for you");
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_REFUSED), 1);
    wire_free(&w);

    meet(&w, &everybody);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_BRIDGE, "\"to\":\"ab\"", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_BAD), 1);
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "");
    assert_string_equal(ask_bridge(&w, 2, 3)->action.packet.err,
                        "no room"); /* 2 goes the other way */
    wire_free(&w);
}

/* Whoever comes from elsewhere reached what only the bridge's machine and network reach. */
static void bridge_sends_into_no_network_that_its_opener_is_not_in(void **state)
{
    (void)state;
    struct wire w;
    static const struct th_addr here = {.ip = {127, 0, 0, 1}, .port = 53, .family = TH_FAMILY_IPV4},
                                link = {.ip = {169, 254, 1, 1},
                                        .port = 53,
                                        .family = TH_FAMILY_IPV4},
                                outside = {
                                    .ip = {192, 0, 2, 1}, .port = 53, .family = TH_FAMILY_IPV4};
    meet(&w, &everybody); /* all in 10/8 */
    struct th_addr near = w.addr[2];

    w.addr[2] = here;
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "cannot be read");
    w.addr[2] = link;
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "cannot be read");
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_BAD), 2);
    w.addr[2] = outside;
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "");
    w.addr[2] = near;
    assert_string_equal(ask_bridge(&w, 3, 4)->action.packet.err, "");
    w.addr[1] = (struct th_addr){.ip = {198, 51, 100, 1}, .port = 7, .family = TH_FAMILY_IPV4};
    wire_pass(&w, TH_PATH_LOYAL_MS);
    assert_int_equal(seeks(&w, 1, 0, 1), 1); /* it moved */
    assert_string_equal(ask_bridge(&w, 5, 6)->action.packet.err, "cannot be read");
    wire_free(&w);
}

static void legs_have_a_limit_and_idle_ones_make_room(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    struct th_switchboard *board = w.board[0];
    unsigned had = board->bridges.count;

    for (unsigned i = 0; board->bridges.count < TH_BRIDGE_LEGS_MAX; i++) {
        assert_string_equal(ask_bridge(&w, 1000 + 2 * i, 1001 + 2 * i)->action.packet.err, "");
        w.seen_count = 0;
    }
    assert_true(had > 0);
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "no room");
    assert_int_equal(wire_drops(&w, 0, TH_DROP_BRIDGE_LIMIT), 1);
    w.seen_count = 0;
    wire_pass(&w, TH_BRIDGE_IDLE_MS);
    w.seen_count = 0;
    assert_string_equal(ask_bridge(&w, 1, 2)->action.packet.err, "");
    wire_free(&w);
}

/* Behind the worst NATs, and the outer address changes: the bridge forwards only what comes from where
 * it knows a node to be, and that node had nothing to say to the bridge itself for up to a minute. */
static void bridged_line_goes_on_when_a_node_moves(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    wire_pass(&w, 30000);
    th_ms began = w.now.mono, heard_at[3] = {0, began, began}, longest = 0;

    for (unsigned i = 0; i < 20 * 30;
         i++) {           /* every 100 ms both say something, every 3 s one moves */
        if (i % 60 == 45) /* the bridge heard it a moment ago where it will not be any more */
            seeks(&w, 1, 0, 1);
        if (i % 30 == 15)
            w.addr[1].port++;
        for (int node = 1; node <= 2; node++) {
            if (seeks(&w, node, 3 - node, 1) > 0)
                heard_at[node] = w.now.mono;
            if (w.now.mono - heard_at[node] > longest)
                longest = w.now.mono - heard_at[node];
        }
        wire_pass(&w, 100);
    }

    assert_in_range(longest, 1, TH_PATH_LOYAL_MS + TH_LINE_SHOW_MS + 100);
    assert_true(is_bridged(&w, 1, 2) && is_bridged(&w, 2, 1));
    assert_true(wire_look(&w, 1, 2).up_ms > w.now.mono - began);
    wire_free(&w);
}

/* Keepalives, which nothing else goes with, cost no more packets for it. */
static void quiet_bridged_line_leaves_the_bridge_alone(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, &everybody);
    wire_pass(&w, 200000);
    w.sent[1] = 0;

    assert_int_equal(seeks(&w, 1, 2, 1), 1);

    assert_int_equal(w.sent[1], 1);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(willing_middle_forwards_at_full_speed),
        cmocka_unit_test(node_behind_a_bridge_is_not_said_to_be_at_the_bridge),
        cmocka_unit_test(node_at_the_address_of_one_that_is_not_heard_any_more_is_not_behind_it),
        cmocka_unit_test(unwilling_middle_only_relays),
        cmocka_unit_test(middle_is_a_bridge_for_whom_it_is_told_alone),
        cmocka_unit_test(bridge_has_a_bandwidth),
        cmocka_unit_test(bridged_line_moves_to_a_direct_way_when_one_appears),
        cmocka_unit_test(bridged_line_goes_on_when_a_node_moves),
        cmocka_unit_test(quiet_bridged_line_leaves_the_bridge_alone),
        cmocka_unit_test(bridged_line_is_seen_as_such_when_the_line_to_its_bridge_has_ended),
        cmocka_unit_test(node_that_only_named_the_address_of_a_bridge_is_not_the_bridge),
        cmocka_unit_test(bridged_line_lives_as_long_as_its_ends_talk),
        cmocka_unit_test(datagram_is_forwarded_once_and_only_from_an_end),
        cmocka_unit_test(bridge_channel_forwards_two_lines_between_its_opener_and_an_address),
        cmocka_unit_test(bridge_is_refused_to_others_and_for_a_line_that_has_one),
        cmocka_unit_test(bridge_sends_into_no_network_that_its_opener_is_not_in),
        cmocka_unit_test(legs_have_a_limit_and_idle_ones_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A node that is a bridge says so in its links, and lines that have only a relay ask it. */
#include "switch/core/board.h"
#include "switch/wire/bridge.h"
#include "tests/lib/introduce.h"

#include <string.h>

static void be_bridge(struct wire *w, int node)
{
    th_switchboard_free(w->board[node]);
    w->config[node].bridge = (struct th_bridge_policy){.is_for_everybody = true};
    w->config[node].advertised[0] = w->addr[node];
    w->config[node].advertised_count = 1;
    wire_boot(w, node, (uint8_t)(0x20 + node));
}

/* A link channel with its answer. */
static void link_to(struct wire *w, int from, int to)
{
    uint32_t c;
    struct th_chanpkt_out answer = {.fields = th_bytes_of("\"seed\":true,\"see\":[]")};

    assert_int_equal(wire_channel(w, from, to, TH_CHANNEL_LINK, "\"seed\":true,\"see\":[]", &c),
                     TH_OK);
    wire_settle(w);
    answer.c = c;
    assert_int_equal(
        th_switchboard_send(w->board[to], w->now, &w->identity[from].hashname, &answer), TH_OK);
    wire_settle(w);
}

/* 1 and 2 cannot reach each other, and 0, which introduces them, is no bridge; 3 is one, and 1 is linked
 * to it. */
static void meet(struct wire *w, bool knows_2)
{
    wire_init(w, 4);
    be_bridge(w, 3);
    for (int node = 1; node <= 2; node++)
        assert_int_equal(wire_open(w, node, 0), TH_AGAIN);
    assert_int_equal(wire_open(w, 1, 3), TH_AGAIN);
    if (knows_2)
        assert_int_equal(wire_open(w, 2, 3), TH_AGAIN);
    wire_settle(w);
    wire_part(w, 1, 2, true);
    link_to(w, 1, 3);
    assert_int_equal(introduce(w, 1, 0, 2), TH_OK);
}

/* It said what it forwards there too, and what came out was no JSON: who was refused never heard it, asked
 * again and again, and stayed alone. The third node behind one NAT is refused by every seed. */
static void refusal_of_a_bridge_can_be_read(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    be_bridge(&w, 0);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_LINK, "\"seed\":true,\"see\":[]", &c),
                     TH_OK);
    wire_settle(&w);
    w.seen_count = 0;

    struct th_chanpkt_out refusal = {.c = c, .end = true, .err = "net"};
    assert_int_equal(th_switchboard_send(w.board[0], w.now, &w.identity[1].hashname, &refusal),
                     TH_OK);
    wire_settle(&w);

    const struct seen *heard = wire_packet(&w, 1, TH_CHANNEL_LINK);
    assert_non_null(heard);
    assert_string_equal(heard->action.packet.err, "net");
    assert_int_equal(wire_drops(&w, 1, TH_DROP_CHANNEL_HEAD), 0);
    wire_free(&w);
}

static bool is_bridged(const struct wire *w, int node, int of)
{
    struct th_line_look look = wire_look(w, node, of);

    return look.is_up && look.has_addr && th_addr_is_equal(&look.addr, &w->addr[3]);
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

static void bridge_says_in_both_directions_of_a_link_what_it_forwards_to(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    be_bridge(&w, 1);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);

    link_to(&w, 0, 1);
    const struct seen *answer = wire_packet(&w, 0, TH_CHANNEL_LINK);
    assert_non_null(strstr(answer->head, "\"bridges\":[\"ipv4\"]"));
    link_to(&w, 1, 0);
    const struct seen *asked = &w.seen[w.seen_count - 1];
    for (unsigned i = 0; i < w.seen_count; i++)
        if (w.seen[i].node == 0 && w.seen[i].action.kind == TH_ACTION_PACKET &&
            w.seen[i].action.is_first)
            asked = &w.seen[i];
    assert_non_null(strstr(asked->head, "\"bridges\":[\"ipv4\"]"));
    wire_free(&w);
}

static void node_that_is_no_bridge_says_nothing_of_it(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);

    link_to(&w, 0, 1);

    assert_null(strstr(wire_packet(&w, 0, TH_CHANNEL_LINK)->head, "bridge"));
    wire_free(&w);
}

static void line_that_is_relayed_gets_a_bridge_from_another_node_that_knows_both(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, true);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 1, 2).has_middle && !is_bridged(&w, 1, 2));

    wire_pass(&w, 8000);

    assert_true(is_bridged(&w, 1, 2) && is_bridged(&w, 2, 1));
    assert_true(wire_look(&w, 2, 1).has_middle);
    assert_int_equal(seeks(&w, 1, 2, 40), 40);
    assert_int_equal(seeks(&w, 2, 1, 40), 40);
    wire_free(&w);
}

static void bridge_that_does_not_know_the_node_forwards_to_its_address(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, false);
    th_switchboard_advertise(w.board[2], &w.addr[2], 1);
    th_switchboard_on_moved(w.board[2], w.now); /* says where it is */
    wire_settle(&w);

    wire_pass(&w, 8000);

    assert_true(is_bridged(&w, 1, 2) && is_bridged(&w, 2, 1));
    assert_int_equal(seeks(&w, 1, 2, 40), 40);
    assert_int_equal(seeks(&w, 2, 1, 40), 40);
    wire_free(&w);
}

static void nobody_is_asked_for_a_line_that_is_direct(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 4);
    be_bridge(&w, 3);
    assert_int_equal(wire_open(&w, 1, 3), TH_AGAIN);
    assert_int_equal(wire_open(&w, 1, 2), TH_AGAIN);
    wire_settle(&w);
    link_to(&w, 1, 3);
    w.seen_count = 0;

    wire_pass(&w, 20000);

    assert_int_equal(wire_packets(&w, 3, TH_CHANNEL_PEER), 0);
    assert_int_equal(wire_packets(&w, 3, TH_CHANNEL_BRIDGE), 0);
    wire_free(&w);
}

/* Found in a lab of NATs: the first time it did not know the node, and what it did instead was in the
 * way of its bridge when it did. */
static void bridge_that_comes_to_know_the_node_is_used(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, false);
    th_switchboard_advertise(w.board[2], &w.addr[2], 1);
    th_switchboard_on_moved(w.board[2], w.now);
    w.is_apart[3][2] = true; /* its NAT lets nothing in */
    wire_settle(&w);
    wire_pass(&w, 4000);
    assert_true(wire_packets(&w, 3, TH_CHANNEL_BRIDGE) > 0);
    assert_false(is_bridged(&w, 1, 2));

    w.is_apart[3][2] = false;
    w.addr[2].port++; /* where its NAT lets it in from, which nobody else knows */
    assert_int_equal(wire_open(&w, 2, 3), TH_AGAIN);
    wire_settle(&w);
    seeks(&w, 2, 0, 1);
    wire_pass(&w, 20000);

    assert_true(is_bridged(&w, 1, 2) && is_bridged(&w, 2, 1));
    assert_int_equal(wire_drops(&w, 3, TH_DROP_BRIDGE_LIMIT), 0);
    wire_free(&w);
}

/* One at each search, and those are ever further apart. */
static void node_that_refuses_is_not_asked_often(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, false);
    w.seen_count = 0;

    unsigned asked = 0;
    wire_pass(&w, 1000);
    for (int i = 0; i < 30; i++) { /* 5 min, in which both lines are used */
        wire_pass(&w, 10000);
        asked += wire_packets(&w, 3, TH_CHANNEL_PEER);
        seeks(&w, 1, 2, 1);
        seeks(&w, 1, 3, 1);
        w.seen_count = 0;
    }

    assert_in_range(asked, 2, 15);
    wire_free(&w);
}

static void bridge_that_takes_its_word_back_is_not_asked(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, true);
    uint32_t c;
    assert_int_equal(wire_channel(&w, 3, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    struct th_chanpkt_out back = {.c = c, .fields = th_bytes_of("\"seed\":true,\"bridges\":[]")};
    assert_int_equal(th_switchboard_send(w.board[3], w.now, &w.identity[1].hashname, &back), TH_OK);
    wire_settle(&w);
    w.seen_count = 0;

    wire_pass(&w, 8000);

    assert_int_equal(wire_packets(&w, 3, TH_CHANNEL_PEER), 0);
    assert_false(is_bridged(&w, 1, 2));
    wire_free(&w);
}

/* Each time was a request for every line that goes by a relay. */
static void bridge_that_says_it_again_and_again_is_no_news(void **state)
{
    (void)state;
    struct wire w;
    meet(&w, false);
    uint32_t c;
    wire_pass(&w, 10000);
    assert_true(wire_look(&w, 1, 2).has_middle && !is_bridged(&w, 1, 2));
    assert_int_equal(wire_channel(&w, 3, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    w.seen_count = 0;

    for (unsigned i = 0; i < 40; i++) {
        const char *says = i % 2 ? "\"bridges\":[\"ipv4\"]" : "\"bridges\":[]";
        struct th_chanpkt_out packet = {.c = c, .fields = th_bytes_of(says)};
        assert_int_equal(th_switchboard_send(w.board[3], w.now, &w.identity[1].hashname, &packet),
                         TH_OK);
        wire_settle(&w);
    }

    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_LINK), 40);
    assert_int_equal(wire_packets(&w, 3, TH_CHANNEL_PEER), 0);
    wire_free(&w);
}

/* --- what is read ------------------------------------------------------------------------------------ */

static void words_that_are_no_family_are_left_out(void **state)
{
    (void)state;
    unsigned families = 99;

    assert_false(th_bridges_read(&families, th_bytes_of("{\"seed\":true}")));
    assert_false(th_bridges_read(&families, th_bytes_of("{\"bridges\":true}")));
    assert_false(th_bridges_read(&families, th_bytes_of("{\"bridges\":[")));
    assert_int_equal(families, 99);
    assert_true(
        th_bridges_read(&families, th_bytes_of("{\"bridges\":[\"http\",7,\"ipv6\",null]}")));
    assert_int_equal(families, TH_BRIDGES_IPV6);
    assert_true(
        th_bridges_read(&families, th_bytes_of("{\"bridge\":[\"ipv4\",\"ipv6\",\"http\"]}")));
    assert_int_equal(families, TH_BRIDGES_IPV4 | TH_BRIDGES_IPV6);
    assert_true(th_bridges_read(&families, th_bytes_of("{\"bridges\":[]}")));
    assert_int_equal(families, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridge_says_in_both_directions_of_a_link_what_it_forwards_to),
        cmocka_unit_test(node_that_is_no_bridge_says_nothing_of_it),
        cmocka_unit_test(refusal_of_a_bridge_can_be_read),
        cmocka_unit_test(line_that_is_relayed_gets_a_bridge_from_another_node_that_knows_both),
        cmocka_unit_test(bridge_that_does_not_know_the_node_forwards_to_its_address),
        cmocka_unit_test(nobody_is_asked_for_a_line_that_is_direct),
        cmocka_unit_test(bridge_that_comes_to_know_the_node_is_used),
        cmocka_unit_test(node_that_refuses_is_not_asked_often),
        cmocka_unit_test(bridge_that_takes_its_word_back_is_not_asked),
        cmocka_unit_test(bridge_that_says_it_again_and_again_is_no_news),
        cmocka_unit_test(words_that_are_no_family_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

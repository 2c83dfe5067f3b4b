/* How large the packets of a line may be, seen from outside; the search itself: core_pmtu_test.c. */
#include "tests/lib/introduce.h"
#include "tests/lib/raw_peer.h"

static void two(struct wire *w, size_t carries)
{
    wire_init(w, 2);
    w->carries = carries;
    assert_int_equal(wire_open(w, 0, 1), TH_AGAIN);
    wire_settle(w);
}

static unsigned mtu(struct wire *w)
{
    return wire_look(w, 0, 1).mtu;
}

static unsigned ask_max(struct wire *w)
{
    unsigned max = th_switchboard_packet_max(w->board[0], w->now, &w->identity[1].hashname);

    wire_settle(w);
    return max;
}

/* A `path` request whose packet is of some size. */
static enum th_err send_sized(struct wire *w, size_t size)
{
    static const uint8_t zeros[TH_DATAGRAM_IPV4_MAX];
    uint32_t c;
    struct th_channel_request request = {
        .type = TH_CHANNEL_PATH, .owner = 7, .body = {zeros, size - 40}};

    enum th_err err =
        th_switchboard_channel(w->board[0], w->now, &w->identity[1].hashname, &request, &c);
    wire_settle(w);
    return err;
}

static void line_that_wants_no_large_packets_sends_no_probe(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);
    int sent = w.sent[0];

    wire_pass(&w, 60000);

    assert_int_equal(w.sent[0], sent);
    assert_int_equal(mtu(&w), TH_DATAGRAM_SAFE_MAX);
    wire_free(&w);
}

static void asking_for_the_limit_raises_it(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);

    assert_int_equal(ask_max(&w), TH_CHANPKT_MAX);

    assert_int_equal(mtu(&w), 1472);
    assert_int_equal(ask_max(&w), 1414);
    wire_free(&w);
}

static void packet_that_is_too_large_is_refused_until_it_is_proven_to_pass(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);

    assert_int_equal(send_sized(&w, 1300), TH_TOO_BIG);
    assert_int_equal(send_sized(&w, 1300), TH_OK);
    assert_int_equal(send_sized(&w, TH_CHANPKT_PROVEN_MAX + 20), TH_TOO_BIG);

    assert_non_null(wire_packet(&w, 0, TH_CHANNEL_PATH)); /* the answer to the second */
    wire_free(&w);
}

static void narrow_way_keeps_packets_small(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1252);
    ask_max(&w);

    wire_pass(&w, 30000);

    assert_in_range(mtu(&w), 1245, 1252);
    assert_int_equal(send_sized(&w, 1300), TH_TOO_BIG);
    wire_free(&w);
}

static void way_that_became_narrow_is_noticed_while_large_packets_are_sent(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);
    ask_max(&w);
    w.carries = 1300;

    for (int i = 0; i < 10 && mtu(&w) == 1472; i++) {
        assert_int_equal(send_sized(&w, 1300), TH_OK);
        wire_pass(&w, 1000);
    }

    assert_true(mtu(&w) <= 1300);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

static void another_path_is_small_again_and_searched_anew(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);
    ask_max(&w);
    assert_int_equal(mtu(&w), 1472);
    w.carries = 1350;

    w.addr[1].port++;
    wire_pass(&w, 1000); /* the old one is no more insisted on */
    th_switchboard_on_moved(w.board[1], w.now);
    wire_settle(&w);
    assert_int_equal(mtu(&w), TH_DATAGRAM_SAFE_MAX);
    wire_pass(&w, 20000);

    assert_in_range(mtu(&w), 1343, 1350);
    wire_free(&w);
}

static void refusal_of_the_host_lowers_it_at_once_and_is_counted(void **state)
{
    (void)state;
    struct wire w;
    two(&w, 1472);
    ask_max(&w);

    w.carries = 1300;
    th_switchboard_on_too_big(w.board[0], w.now, &w.addr[1], 1472);

    assert_int_equal(mtu(&w), TH_DATAGRAM_SAFE_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_TOO_BIG), 1);
    wire_pass(&w, 20000);
    assert_in_range(mtu(&w), 1293, 1300);
    wire_free(&w);
}

static void line_by_a_relay_is_never_probed(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    w.carries = 1472;
    w.is_apart[1][2] = w.is_apart[2][1] = true;
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 1000);
    assert_true(wire_look(&w, 1, 2).has_middle);

    th_switchboard_packet_max(w.board[1], w.now, &w.identity[2].hashname);
    wire_pass(&w, 5000);

    assert_int_equal(wire_look(&w, 1, 2).mtu, TH_DATAGRAM_SAFE_MAX);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_that_wants_no_large_packets_sends_no_probe),
        cmocka_unit_test(asking_for_the_limit_raises_it),
        cmocka_unit_test(packet_that_is_too_large_is_refused_until_it_is_proven_to_pass),
        cmocka_unit_test(narrow_way_keeps_packets_small),
        cmocka_unit_test(way_that_became_narrow_is_noticed_while_large_packets_are_sent),
        cmocka_unit_test(another_path_is_small_again_and_searched_anew),
        cmocka_unit_test(refusal_of_the_host_lowers_it_at_once_and_is_counted),
        cmocka_unit_test(line_by_a_relay_is_never_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

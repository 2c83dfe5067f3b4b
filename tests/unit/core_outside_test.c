#include "switch/core/board.h"
#include "switch/core/outside.h"

#include "tests/lib/boards.h"
#include "tests/lib/test_cmocka.h"

static const uint8_t secret[TH_HASH_SECRET_BYTES] = {7};

/* A public IPv4 address: 8.0.x.y. */
static struct th_addr public(unsigned n, uint16_t port)
{
    return (struct th_addr){
        .ip = {8, 0, (uint8_t)(n >> 8), (uint8_t)n}, .port = port, .family = TH_FAMILY_IPV4};
}

static struct th_outside_look look_at(const struct th_outside *outside, th_ms now)
{
    struct th_outside_look look;

    th_outside_look_at(&look, outside, now);
    return look;
}

static void open_from_where_nothing_was_sent_is_a_strangers(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr friend = public(1, 5), stranger = public(2, 6);

    th_outside_on_sent(&outside, secret, &friend, 1000);
    th_outside_on_open(&outside, secret, &friend, 1500);
    assert_false(look_at(&outside, 2000).stranger[TH_OUTSIDE_IPV4].has_come);

    th_outside_on_open(&outside, secret, &stranger, 1700);
    struct th_outside_look look = look_at(&outside, 2000);
    assert_true(look.stranger[TH_OUTSIDE_IPV4].has_come);
    assert_true(th_addr_is_equal(&look.stranger[TH_OUTSIDE_IPV4].from, &stranger));
    assert_int_equal(look.stranger[TH_OUTSIDE_IPV4].when, 300);
    assert_false(look.stranger[TH_OUTSIDE_IPV6].has_come);
}

/* Many NATs let in every port of an IP that was sent to. */
static void another_port_of_an_acquaintance_is_no_stranger(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr friend = public(1, 5), other_port = public(1, 6);

    th_outside_on_sent(&outside, secret, &friend, 0);
    th_outside_on_open(&outside, secret, &other_port, 0);
    assert_false(look_at(&outside, 0).stranger[TH_OUTSIDE_IPV4].has_come);
}

static void acquaintance_is_a_stranger_again_after_minutes(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr friend = public(1, 5), other = public(9, 5);

    th_outside_on_sent(&outside, secret, &friend, 0);
    th_outside_on_sent(&outside, secret, &other, TH_SENT_MS);
    th_outside_on_open(&outside, secret, &friend, 2 * TH_SENT_MS - 1);
    assert_false(look_at(&outside, 0).stranger[TH_OUTSIDE_IPV4].has_come);
    th_outside_on_open(&outside, secret, &friend, 2 * TH_SENT_MS);
    assert_true(look_at(&outside, 0).stranger[TH_OUTSIDE_IPV4].has_come);
}

/* It is never taken for a stranger who was sent to, however many were. */
static void acquaintance_among_thousands_is_no_stranger(void **state)
{
    (void)state;
    struct th_outside outside = {0};

    for (unsigned i = 0; i < 5000; i++) {
        struct th_addr to = public(i, 5);
        th_outside_on_sent(&outside, secret, &to, 0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        struct th_addr from = public(i, 5);
        th_outside_on_open(&outside, secret, &from, 0);
    }
    assert_false(look_at(&outside, 0).stranger[TH_OUTSIDE_IPV4].has_come);
}

static void who_comes_from_a_private_network_tells_nothing(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr at_home = {.ip = {192, 168, 1, 9}, .port = 5, .family = TH_FAMILY_IPV4};

    th_outside_on_open(&outside, secret, &at_home, 0);
    assert_false(look_at(&outside, 0).stranger[TH_OUTSIDE_IPV4].has_come);
}

static void witnesses_are_the_newest_and_each_node_once(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr seen = public(77, 42424);

    for (unsigned i = 0; i < TH_WITNESSES_MAX + 2; i++) {
        struct th_hashname id = {{(uint8_t)i}};
        struct th_addr at = public(i, 5);
        th_outside_on_seen(&outside, &id, &at, &seen, i);
    }
    struct th_hashname again = {{5}};
    struct th_addr at = public(5, 5), moved = public(78, 1);
    th_outside_on_seen(&outside, &again, &at, &moved, 100);

    struct th_outside_look look = look_at(&outside, 110);
    assert_int_equal(look.witness_count, TH_WITNESSES_MAX);
    assert_int_equal(look.witness[0].id.b[0], 5);
    assert_int_equal(look.witness[0].when, 10);
    assert_true(th_addr_is_equal(&look.witness[0].seen, &moved));
    assert_int_equal(look.witness[1].id.b[0], TH_WITNESSES_MAX + 1);
    for (unsigned i = 1; i < look.witness_count; i++)
        assert_int_not_equal(look.witness[i].id.b[0], 5);
}

static void what_was_seen_elsewhere_is_forgotten(void **state)
{
    (void)state;
    struct th_outside outside = {0};
    struct th_addr stranger = public(2, 6);
    struct th_hashname id = {{1}};

    th_outside_on_open(&outside, secret, &stranger, 1);
    th_outside_on_seen(&outside, &id, &stranger, &stranger, 1);
    th_outside_on_moved(&outside);
    struct th_outside_look look = look_at(&outside, 2);
    assert_int_equal(look.witness_count, 0);
    assert_false(look.stranger[TH_OUTSIDE_IPV4].has_come);
}

/* The same with whole boards: the one that is dialled meets a stranger, the one that dials does not. */
static void board_that_is_dialled_has_met_a_stranger_and_tells_where_it_was_seen(void **state)
{
    (void)state;
    struct wire w;
    struct th_outside_look look;

    wire_init(&w, 2);
    w.addr[0].ip[0] = w.addr[1].ip[0] = 8;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    th_switchboard_on_moved(w.board[0], w.now); /* asks where it is seen */
    wire_settle(&w);

    th_switchboard_outside(w.board[1], w.now, &look);
    assert_true(look.stranger[TH_OUTSIDE_IPV4].has_come);
    assert_true(th_addr_is_equal(&look.stranger[TH_OUTSIDE_IPV4].from, &w.addr[0]));
    th_switchboard_outside(w.board[0], w.now, &look);
    assert_false(look.stranger[TH_OUTSIDE_IPV4].has_come);
    assert_int_equal(look.witness_count, 1);
    assert_true(th_hashname_is_equal(&look.witness[0].id, &w.identity[1].hashname));
    assert_true(th_addr_is_equal(&look.witness[0].at, &w.addr[1]));
    assert_true(th_addr_is_equal(&look.witness[0].seen, &w.addr[0]));
    wire_free(&w);
}

/* Its new IP beside what others saw at the old one looked like a NAT that shows each another address. */
static void what_was_seen_before_an_unnoticed_move_is_forgotten(void **state)
{
    (void)state;
    struct wire w;
    struct th_outside_look look;

    wire_init(&w, 3);
    for (int i = 0; i < 3; i++)
        w.addr[i].ip[0] = 8;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    th_switchboard_outside(w.board[0], w.now, &look);
    assert_int_equal(look.witness_count, 1);

    wire_pass(&w, 1);
    w.addr[0].ip[3] = 77;
    assert_int_equal(wire_open(&w, 0, 2), TH_AGAIN);
    wire_settle(&w);

    th_switchboard_outside(w.board[0], w.now, &look);
    assert_int_equal(look.witness_count, 1);
    assert_true(th_hashname_is_equal(&look.witness[0].id, &w.identity[2].hashname));
    assert_true(th_addr_is_equal(&look.witness[0].seen, &w.addr[0]));
    wire_free(&w);
}

/* A NAT with several addresses was taken for a move each time, and its kind never known. */
static void who_is_seen_at_two_addresses_at_once_has_not_moved(void **state)
{
    (void)state;
    struct wire w;
    struct th_outside_look look;

    wire_init(&w, 3);
    for (int i = 0; i < 3; i++)
        w.addr[i].ip[0] = 8;
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    assert_int_equal(wire_open(&w, 0, 2), TH_AGAIN);
    wire_settle(&w);
    wire_pass(&w, 1000);
    struct th_addr first = w.addr[0];

    /* both are asked, and the second is reached from another address */
    for (int i = 2; i > 0; i--) {
        struct th_exchange *ex = th_board_find(w.board[0], &w.identity[i].hashname);
        assert_true(th_board_ask_path(w.board[0], ex, w.now, false) != 0);
    }
    wire_collect(&w, 0);
    assert_int_equal(w.flight_count, 2);
    struct flight late = w.flight[0];
    w.flight[0] = w.flight[--w.flight_count];
    wire_settle(&w);
    w.addr[0].ip[3] = 77;
    late.from = w.addr[0];
    w.flight[w.flight_count++] = late;
    wire_settle(&w);

    th_switchboard_outside(w.board[0], w.now, &look);
    assert_int_equal(look.witness_count, 2);
    assert_true(th_addr_is_equal(&look.witness[0].seen, &w.addr[0]));
    assert_true(th_addr_is_equal(&look.witness[1].seen, &first));
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_from_where_nothing_was_sent_is_a_strangers),
        cmocka_unit_test(another_port_of_an_acquaintance_is_no_stranger),
        cmocka_unit_test(acquaintance_is_a_stranger_again_after_minutes),
        cmocka_unit_test(acquaintance_among_thousands_is_no_stranger),
        cmocka_unit_test(who_comes_from_a_private_network_tells_nothing),
        cmocka_unit_test(witnesses_are_the_newest_and_each_node_once),
        cmocka_unit_test(what_was_seen_elsewhere_is_forgotten),
        cmocka_unit_test(board_that_is_dialled_has_met_a_stranger_and_tells_where_it_was_seen),
        cmocka_unit_test(what_was_seen_before_an_unnoticed_move_is_forgotten),
        cmocka_unit_test(who_is_seen_at_two_addresses_at_once_has_not_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

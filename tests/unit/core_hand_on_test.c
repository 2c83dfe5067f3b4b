/* Who finds no room is introduced to others, unasked. */
#include "tests/lib/introduce.h"

/* 0 has lines with all others, and hands `who` on to the first `count` of the nodes from `host` on. */
static bool hand_on(struct wire *w, int who, int host, unsigned count, struct th_see_entry *told)
{
    struct th_hashname hosts[WIRE_NODES];

    for (unsigned i = 0; i < count; i++)
        hosts[i] = w->identity[host + (int)i].hashname;
    bool is_told =
        th_switchboard_hand_on(w->board[0], w->now, &w->identity[who].hashname, hosts, count, told);
    wire_settle(w);
    return is_told;
}

static void begin(struct wire *w, int nodes)
{
    wire_init(w, nodes);
    for (int n = 1; n < nodes; n++)
        assert_int_equal(wire_open(w, n, 0), TH_AGAIN);
    wire_settle(w);
}

static void newcomer_meets_a_host_without_asking(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    begin(&w, 3);

    assert_true(hand_on(&w, 1, 2, 1, &told));

    assert_true(th_hashname_is_equal(&told.id, &w.identity[2].hashname));
    assert_true(told.has_addr && th_addr_is_equal(&told.addr, &w.addr[2]));
    assert_true(wire_packet(&w, 2, TH_CHANNEL_CONNECT)->action.packet.end); /* nothing is relayed */
    assert_true(wire_look(&w, 1, 2).is_up && wire_look(&w, 2, 1).is_up);
    assert_null(wire_packet(&w, 0, TH_CHANNEL_PEER));
    wire_free(&w);
}

static void host_that_heard_of_the_fewest_is_chosen_and_of_equal_ones_the_first(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    begin(&w, 4);

    assert_true(hand_on(&w, 1, 2, 2, &told));
    assert_true(th_hashname_is_equal(&told.id, &w.identity[2].hashname));
    assert_true(hand_on(&w, 1, 2, 2, &told));

    assert_true(th_hashname_is_equal(&told.id, &w.identity[3].hashname));
    wire_free(&w);
}

static void host_is_told_of_five_at_once_and_of_more_soon(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    begin(&w, 3);

    for (int i = 0; i < TH_HAND_ON_AT_ONCE; i++)
        assert_true(hand_on(&w, 1, 2, 1, &told));
    assert_false(hand_on(&w, 1, 2, 1, &told));
    assert_int_equal(wire_drops(&w, 0, TH_DROP_HAND_ON_LIMIT), 1);
    wire_pass(&w, TH_HAND_ON_EACH_MS);

    assert_true(hand_on(&w, 1, 2, 1, &told));
    wire_free(&w);
}

static void nobody_is_handed_on_to_himself_or_to_who_is_not_heard(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    begin(&w, 3);

    assert_false(hand_on(&w, 1, 1, 1, &told));
    assert_false(hand_on(&w, 1, 2, 0, &told));
    wire_pass(&w, 31000);
    assert_false(hand_on(&w, 1, 2, 1, &told));

    assert_int_equal(wire_drops(&w, 0, TH_DROP_HAND_ON_LIMIT), 3);
    wire_free(&w);
}

static void who_has_no_line_any_more_is_not_handed_on(void **state)
{
    (void)state;
    struct wire w;
    struct th_see_entry told;
    begin(&w, 3);
    w.is_cut[1] = true;
    wire_pass(&w, 700000);
    assert_false(wire_look(&w, 0, 1).is_up);

    assert_false(hand_on(&w, 1, 2, 1, &told));
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomer_meets_a_host_without_asking),
        cmocka_unit_test(host_that_heard_of_the_fewest_is_chosen_and_of_equal_ones_the_first),
        cmocka_unit_test(host_is_told_of_five_at_once_and_of_more_soon),
        cmocka_unit_test(nobody_is_handed_on_to_himself_or_to_who_is_not_heard),
        cmocka_unit_test(who_has_no_line_any_more_is_not_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

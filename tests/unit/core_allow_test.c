/* A private mesh: node 0 has an allow-list. */
#include "tests/lib/introduce.h"

/* From now on node 0 talks to `count` of the others, those from `first` on. */
static void allow(struct wire *w, int first, int count)
{
    struct th_hashname ids[WIRE_NODES];
    struct th_allow *list;

    for (int i = 0; i < count; i++)
        ids[i] = w->identity[first + i].hashname;
    assert_int_equal(th_allow_new(&list, ids, (unsigned)count), TH_OK);
    th_switchboard_allow(w->board[0], w->now, list);
    th_allow_release(list);
}

static void open_of_another_node_is_dropped_counted_and_not_answered(void **state)
{
    (void)state;
    struct wire w;
    struct th_switchboard_totals totals;
    wire_init(&w, 3);
    allow(&w, 2, 1);

    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_NOT_ALLOWED), 1);
    assert_int_equal(w.sent[0], 0);
    th_switchboard_totals(w.board[0], &totals);
    assert_int_equal(totals.exchanges, 0); /* nothing of it is kept */
    assert_int_equal(wire_open(&w, 2, 0), TH_AGAIN);
    wire_settle(&w);
    assert_true(wire_look(&w, 0, 2).is_up);
    wire_free(&w);
}

static void another_node_is_not_opened(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 3);
    allow(&w, 2, 1);

    assert_int_equal(wire_open(&w, 0, 1), TH_NO_PERMISSION);
    wire_settle(&w);

    assert_int_equal(w.sent[0], 0);
    wire_free(&w);
}

static void another_node_is_not_met_through_an_allowed_one(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 3); /* 1 is in the middle; 2 asks for 0 */
    allow(&w, 1, 1);
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    assert_int_equal(wire_open(&w, 2, 1), TH_AGAIN);
    wire_settle(&w);

    assert_int_equal(introduce(&w, 2, 1, 0), TH_OK);
    wire_pass(&w, 3000);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_CONNECT_NOT_ALLOWED), 1);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_NOT_ALLOWED), 0);
    assert_false(wire_look(&w, 0, 2).is_up);
    wire_free(&w);
}

static void line_of_who_is_no_longer_allowed_ends_and_the_others_stay(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 4);
    allow(&w, 1, 3);
    for (int i = 1; i < 4; i++)
        assert_int_equal(wire_open(&w, i, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_lines(&w, 0), 3);
    w.seen_count = 0;

    allow(&w, 1, 2);
    wire_settle(&w);

    assert_int_equal(wire_lines(&w, 0), 2);
    assert_int_equal(w.seen_count, 1);
    assert_int_equal(w.seen[0].action.kind, TH_ACTION_LINE_DOWN);
    assert_int_equal(w.seen[0].action.why, TH_NO_PERMISSION);
    assert_true(th_hashname_is_equal(&w.seen[0].action.id, &w.identity[3].hashname));

    th_switchboard_allow(w.board[0], w.now, NULL); /* everybody again */
    assert_int_equal(wire_open(&w, 0, 3), TH_AGAIN);
    wire_pass(&w, 10000); /* 3 has its old line still, and asks there first */
    assert_true(wire_look(&w, 0, 3).is_up);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_of_another_node_is_dropped_counted_and_not_answered),
        cmocka_unit_test(another_node_is_not_opened),
        cmocka_unit_test(another_node_is_not_met_through_an_allowed_one),
        cmocka_unit_test(line_of_who_is_no_longer_allowed_ends_and_the_others_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

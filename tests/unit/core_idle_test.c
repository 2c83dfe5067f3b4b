/* What is only memory: nodes that were met once. */
#include "switch/core/board.h"
#include "tests/lib/boards.h"
#include "tests/lib/halves.h"

static void ask_for_nodes(struct wire *w)
{
    uint32_t c;

    assert_int_equal(wire_channel(w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"00\"", &c), TH_OK);
    wire_settle(w);
}

static struct th_exchange *meet(struct wire *w, unsigned n)
{
    const struct th_hashname id = {{(uint8_t)n, (uint8_t)(n >> 8), 7}};

    return th_board_meet(w->board[0], w->now, &id);
}

static bool is_known(struct wire *w, unsigned n)
{
    const struct th_hashname id = {{(uint8_t)n, (uint8_t)(n >> 8), 7}};

    return th_board_find(w->board[0], &id) != NULL;
}

static unsigned known(const struct wire *w)
{
    struct th_switchboard_totals totals;

    th_switchboard_totals(w->board[0], &totals);
    return totals.exchanges;
}

static void nodes_that_were_met_long_ago_are_forgotten_as_others_are_met(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    for (unsigned n = 0; n < 2 * TH_EXCHANGES_FEW; n++)
        assert_non_null(meet(&w, n));
    assert_int_equal(known(&w), 2 * TH_EXCHANGES_FEW); /* it was just now */

    wire_pass(&w, TH_EXCHANGE_UNUSED_MS);
    for (unsigned n = 0; n < TH_EXCHANGES_FEW; n++)
        assert_non_null(meet(&w, 1000 + n));

    assert_in_range(known(&w), TH_EXCHANGES_FEW, TH_EXCHANGES_FEW + 2);
    assert_true(is_known(&w, 1000) && is_known(&w, 1000 + TH_EXCHANGES_FEW - 1));
    assert_false(is_known(&w, 0));
    wire_free(&w);
}

static void nodes_that_were_met_long_ago_are_forgotten_as_time_passes_for_others(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    for (unsigned n = 0; n < 2 * TH_EXCHANGES_FEW; n++)
        assert_non_null(meet(&w, n));

    for (unsigned n = 0; n < TH_EXCHANGES_FEW; n++) {
        ask_for_nodes(&w);
        wire_pass(&w, 5000);
    }

    assert_int_equal(known(&w), TH_EXCHANGES_FEW);
    assert_true(wire_look(&w, 0, 1).is_up);
    wire_free(&w);
}

static void who_has_a_line_or_used_up_what_it_may_is_remembered(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    wire_talk(&w, 1, 0);
    struct th_dealings *dealings = th_exchange_dealings(meet(&w, 0));
    assert_non_null(dealings);
    th_dealings_set_until(dealings, TH_INTRODUCED, w.now.mono + TH_LINE_IDLE_MS);
    meet(&w, 1)->own_at = w.now.wall + TH_LINE_IDLE_MS;
    for (unsigned n = 2; n < 2 * TH_EXCHANGES_FEW; n++)
        assert_non_null(meet(&w, n));

    wire_pass(&w, TH_EXCHANGE_UNUSED_MS);
    for (unsigned n = 0; n < TH_EXCHANGES_FEW; n++)
        assert_non_null(meet(&w, 1000 + n));

    assert_true(is_known(&w, 0) && is_known(&w, 1));
    assert_true(wire_look(&w, 0, 1).is_up);
    assert_false(is_known(&w, 2));
    wire_free(&w);
}

static void nodes_of_one_mesh_may_forget_each_other_sooner(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    for (int i = 0; i < 2; i++) {
        th_switchboard_free(w.board[i]);
        w.config[i].idle_ms = 5000;
        wire_boot(&w, i, (uint8_t)(0x21 + i));
    }
    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);
    for (unsigned n = 0; n < TH_EXCHANGES_FEW; n++)
        meet(&w, n);

    wire_pass(&w, 4999);
    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 1, 0).is_up);
    wire_pass(&w, 1);

    assert_false(wire_look(&w, 0, 1).is_up || wire_look(&w, 1, 0).is_up);
    assert_int_equal(known(&w), TH_EXCHANGES_FEW);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_were_met_long_ago_are_forgotten_as_others_are_met),
        cmocka_unit_test(nodes_that_were_met_long_ago_are_forgotten_as_time_passes_for_others),
        cmocka_unit_test(who_has_a_line_or_used_up_what_it_may_is_remembered),
        cmocka_unit_test(nodes_of_one_mesh_may_forget_each_other_sooner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a line keeps in few bytes, and what it has only at times. */
#include "switch/base/mem.h"
#include "switch/core/board.h"
#include "tests/lib/boards.h"
#include "tests/lib/halves.h"

static struct th_line *line_of(struct wire *w)
{
    return th_board_find(w->board[0], &w->identity[1].hashname)->line;
}

static void counts_go_on_beyond_32_bits(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    struct th_line *line = line_of(&w);
    uint64_t before = wire_look(&w, 0, 1).rx_bytes;

    th_line_count(line, TH_RX_BYTES, UINT32_MAX);
    th_line_count(line, TH_RX_BYTES, UINT32_MAX);

    assert_true(wire_look(&w, 0, 1).rx_bytes == before + 2 * (uint64_t)UINT32_MAX);
    assert_true(wire_look(&w, 0, 1).tx_bytes < UINT32_MAX);
    wire_free(&w);
}

static void without_memory_a_count_stays_as_it_is(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    struct th_line *line = line_of(&w);
    uint64_t before = wire_look(&w, 0, 1).tx_packets;
    assert_true(before > 0);

    th_mem_refuse(1);
    th_line_count(line, TH_TX_PACKETS, UINT32_MAX);
    th_mem_refuse(0);

    assert_int_equal(wire_look(&w, 0, 1).tx_packets, before);
    wire_free(&w);
}

static void settled_line_has_no_more_than_itself(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    wire_talk(&w, 1, 0);
    wire_talk(&w, 0, 1);

    struct th_line *line = line_of(&w);

    assert_null(line->more);
    assert_null(line->sealed);
    assert_true(th_line_more(line)->search_at == TH_NEVER && th_line_open_at(line) == TH_NEVER);
    wire_free(&w);
}

static void what_is_needed_at_times_is_given_back_when_nothing_is_left_of_it(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    struct th_line *line = line_of(&w);

    struct th_line_more *more = th_line_make_more(line);
    assert_non_null(more);
    more->relay_at = w.now.mono + 1000;
    th_line_rest(line);
    assert_ptr_equal(th_line_make_more(line), more);
    more->relay_at = TH_NEVER;
    th_line_rest(line);
    assert_null(line->more);

    th_line_count(line, TH_TX_BYTES, UINT32_MAX);
    assert_non_null(line->more);
    th_line_rest(line);
    assert_non_null(line->more); /* the count is in it */
    wire_free(&w);
}

static void of_a_time_the_nearest_moment_is_meant(void **state)
{
    (void)state;
    static const struct {
        th_ms at, near;
    } of[] = {
        {5000, 5000},
        {5000, 6000},
        {6000, 5000},
        {(UINT64_C(7) << 32) + 10, (UINT64_C(7) << 32) - 10},
        {(UINT64_C(7) << 32) - 10, (UINT64_C(7) << 32) + 10},
        {(UINT64_C(7) << 32) + 1, (UINT64_C(7) << 32) + INT32_MAX},
        {(UINT64_C(7) << 32) + INT32_MAX, UINT64_C(7) << 32},
    };

    for (unsigned i = 0; i < sizeof of / sizeof of[0]; i++)
        assert_true(th_exchange_path_near((uint32_t)of[i].at, of[i].near) == of[i].at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_go_on_beyond_32_bits),
        cmocka_unit_test(without_memory_a_count_stays_as_it_is),
        cmocka_unit_test(settled_line_has_no_more_than_itself),
        cmocka_unit_test(what_is_needed_at_times_is_given_back_when_nothing_is_left_of_it),
        cmocka_unit_test(of_a_time_the_nearest_moment_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

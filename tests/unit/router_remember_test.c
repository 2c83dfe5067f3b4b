#include "router/remember.h"

#include "switch/base/mem.h"

#include <stdlib.h>

#include "tests/lib/test_cmocka.h"

static struct th_hashname node(uint8_t n)
{
    return (struct th_hashname){{n}};
}

static struct th_seeds remembered(uint8_t first, unsigned count)
{
    struct th_seeds peers = {.count = count, .room = count};

    peers.seed = th_mem_zalloc(count, sizeof *peers.seed);
    assert_non_null(peers.seed);
    for (unsigned i = 0; i < count; i++)
        peers.seed[i].id = node((uint8_t)(first + i));
    return peers;
}

/* Lines to the nodes first to first + count - 1, all up and with an address. */
static struct th_switch_lines *lines_to(uint8_t first, unsigned count)
{
    struct th_switch_lines *lines = calloc(1, sizeof *lines + count * sizeof lines->line[0]);

    assert_non_null(lines);
    lines->count = count;
    for (unsigned i = 0; i < count; i++)
        lines->line[i] = (struct th_line_look){
            .id = node((uint8_t)(first + i)), .is_up = true, .has_addr = true};
    return lines;
}

static struct th_router_table *links_to(uint8_t first, unsigned count)
{
    struct th_router_table *table = calloc(1, sizeof *table + count * sizeof table->link[0]);

    assert_non_null(table);
    table->count = count;
    for (unsigned i = 0; i < count; i++)
        table->link[i] = (struct th_link_look){.id = node((uint8_t)(first + i)), .is_up = true};
    return table;
}

/* It would be asked for at the bridge, the next time. */
static void node_behind_a_bridge_is_not_remembered_at_the_bridges_address(void **state)
{
    (void)state;
    struct th_seeds peers = remembered(1, 1);
    struct th_switch_lines *lines = lines_to(3, 2);
    struct th_router_table *table = links_to(3, 2);

    lines->line[0].has_middle = true;
    assert_int_equal(th_remember(&peers, lines, table), TH_OK);

    assert_int_equal(peers.count, 2);
    assert_int_equal(peers.seed[0].id.b[0], 4);
    assert_int_equal(peers.seed[1].id.b[0], 1);
    free(lines);
    free(table);
    th_seeds_clear(&peers);
}

static void who_is_linked_now_comes_before_who_was(void **state)
{
    (void)state;
    struct th_seeds peers = remembered(1, 3);
    struct th_switch_lines *lines = lines_to(3, 2);
    struct th_router_table *table = links_to(3, 2);

    assert_int_equal(th_remember(&peers, lines, table), TH_OK);

    const uint8_t wanted[] = {3, 4, 1, 2};
    assert_int_equal(peers.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(peers.seed[i].id.b[0], wanted[i]);
    th_seeds_clear(&peers);
    free(lines);
    free(table);
}

static void a_time_without_links_forgets_nobody(void **state)
{
    (void)state;
    struct th_seeds peers = remembered(1, 2);
    struct th_switch_lines *lines = lines_to(7, 2);
    struct th_router_table *table = links_to(9, 1);

    assert_int_equal(th_remember(&peers, lines, table), TH_OK);

    assert_int_equal(peers.count, 2);
    assert_int_equal(peers.seed[0].id.b[0], 1);
    th_seeds_clear(&peers);
    free(lines);
    free(table);
}

static void only_lines_that_are_up_and_lead_somewhere_count(void **state)
{
    (void)state;
    struct th_seeds peers = {0};
    struct th_switch_lines *lines = lines_to(1, 3);
    struct th_router_table *table = links_to(1, 3);

    lines->line[0].is_up = false;
    lines->line[1].has_addr = false;
    assert_int_equal(th_remember(&peers, lines, table), TH_OK);

    assert_int_equal(peers.count, 1);
    assert_int_equal(peers.seed[0].id.b[0], 3);
    th_seeds_clear(&peers);
    free(lines);
    free(table);
}

static void no_more_than_the_limit_are_remembered(void **state)
{
    (void)state;
    struct th_seeds peers = remembered(100, 60);
    struct th_switch_lines *lines = lines_to(1, 80);
    struct th_router_table *table = links_to(1, 10);

    assert_int_equal(th_remember(&peers, lines, table), TH_OK);

    assert_int_equal(peers.count, TH_REMEMBERED_MAX);
    assert_int_equal(peers.seed[0].id.b[0], 1);
    assert_int_equal(peers.seed[10].id.b[0], 100);
    th_seeds_clear(&peers);
    free(lines);
    free(table);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct th_seeds peers = remembered(1, 1);
    struct th_switch_lines *lines = lines_to(2, 1);
    struct th_router_table *table = links_to(2, 1);

    th_mem_refuse(1);
    assert_int_equal(th_remember(&peers, lines, table), TH_NO_MEMORY);
    th_mem_refuse(0);

    assert_int_equal(peers.count, 1);
    assert_int_equal(peers.seed[0].id.b[0], 1);
    th_seeds_clear(&peers);
    free(lines);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_behind_a_bridge_is_not_remembered_at_the_bridges_address),
        cmocka_unit_test(who_is_linked_now_comes_before_who_was),
        cmocka_unit_test(a_time_without_links_forgets_nobody),
        cmocka_unit_test(only_lines_that_are_up_and_lead_somewhere_count),
        cmocka_unit_test(no_more_than_the_limit_are_remembered),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

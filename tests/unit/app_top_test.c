#include "tools/app/top.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

struct scene {
    struct th_top top;
    json_t *now, *before;
    struct th_top_grid grid;
};

static json_t *peer(const char *hashname, int rx, int rtt)
{
    return json_pack("{s:s, s:i, s:i, s:o, s:s}", "hashname", hashname, "rx_bytes", rx, "tx_bytes",
                     0, "rtt_ms", rtt < 0 ? json_null() : json_integer(rtt), "path", "192.0.2.1:9");
}

static int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    th_top_init(&s->top);
    s->before = json_pack("[o, o]", peer("aaaa000000", 1000, 1), peer("bbbb000000", 500, 1));
    s->now = json_pack("[o, o, o]", peer("bbbb000000", 4500, 7), peer("cccc000000", 9, -1),
                       peer("aaaa000000", 2000, 30));
    *state = s;
    return 0;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    th_top_grid_clear(&s->grid);
    json_decref(s->now);
    json_decref(s->before);
    free(s);
    return 0;
}

static const struct th_top_grid *make(struct scene *s)
{
    th_top_grid_clear(&s->grid);
    assert_true(th_top_grid_make(&s->grid, &s->top, s->now, s->before, 2000, 4));
    return &s->grid;
}

static void press(struct scene *s, const char *keys)
{
    for (; *keys; keys++)
        assert_true(th_top_on_key(&s->top, *keys));
}

/* The first column of each row, one after the other. */
static void assert_rows(struct scene *s, const char *text)
{
    char found[128] = "";

    make(s);
    for (unsigned i = 0; i < s->grid.rows; i++) {
        strcat(found, i ? " " : "");
        strcat(found, s->grid.cell[i * s->grid.columns].text);
    }
    assert_string_equal(found, text);
}

static const char *cell(struct scene *s, unsigned row, const char *head)
{
    for (unsigned c = 0; c < s->grid.columns; c++)
        if (strcmp(s->grid.head[c], head) == 0)
            return s->grid.cell[row * s->grid.columns + c].text;
    fail_msg("no column %s", head);
    return "";
}

static void rates_come_of_two_looks_at_the_same_peer(void **state)
{
    struct scene *s = *state;

    assert_rows(s, "aaaa bbbb cccc");
    assert_string_equal(cell(s, 0, "RX/s"), "500 B");
    assert_string_equal(cell(s, 1, "RX/s"), "2.0 kB");
    assert_string_equal(cell(s, 2, "RX/s"), "-"); /* it is new */
    assert_string_equal(cell(s, 0, "TX/s"), "0 B");
}

static void a_counter_that_began_anew_has_no_rate(void **state)
{
    struct scene *s = *state;

    json_object_set_new(json_array_get(s->now, 2), "rx_bytes", json_integer(3));
    make(s);
    assert_string_equal(cell(s, 0, "RX/s"), "-");
    json_decref(s->before);
    s->before = NULL;
    make(s);
    assert_string_equal(cell(s, 1, "RX/s"), "-");
}

static void keys_choose_the_column_and_the_way_and_unknown_comes_last(void **state)
{
    struct scene *s = *state;

    press(s, ">>>"); /* RTT */
    assert_rows(s, "bbbb aaaa cccc");
    press(s, "r");
    assert_rows(s, "aaaa bbbb cccc");
    press(s, "<<<");
    assert_rows(s, "cccc bbbb aaaa");
    press(s, "<"); /* round to the last */
    assert_string_equal(s->grid.head[s->top.sort[TH_TOP_PEERS]], "PATH");
}

static void each_view_keeps_its_order(void **state)
{
    struct scene *s = *state;

    press(s, "2");
    assert_rows(s, "bbbb aaaa cccc"); /* most traffic first */
    press(s, "r1");
    assert_rows(s, "aaaa bbbb cccc");
    press(s, "2");
    assert_rows(s, "aaaa bbbb cccc");
    press(s, "\t");
    assert_int_equal(s->top.view, TH_TOP_SERVERS);
    press(s, "\t\t");
    assert_int_equal(s->top.view, TH_TOP_PEERS);
}

static void a_filter_is_typed_and_taken_back(void **state)
{
    struct scene *s = *state;

    press(s, "/BBq");
    assert_true(s->top.is_typing);
    assert_rows(s, "");
    assert_true(th_top_on_key(&s->top, TH_TOP_KEY_BACK));
    press(s, "\n");
    assert_false(s->top.is_typing);
    assert_rows(s, "bbbb");
    assert_int_equal(s->grid.all_rows, 3);
    assert_true(th_top_on_key(&s->top, TH_TOP_KEY_ESCAPE));
    assert_rows(s, "aaaa bbbb cccc");
    press(s, "/0123456789012345678901234567890123456789"); /* more than has room */
    assert_int_equal(strlen(s->top.filter), TH_TOP_FILTER_MAX - 1);
}

static void q_is_the_end_unless_it_is_typed(void **state)
{
    struct scene *s = *state;

    assert_true(th_top_on_key(&s->top, '/'));
    assert_true(th_top_on_key(&s->top, 'q'));
    assert_true(th_top_on_key(&s->top, '\n'));
    assert_false(th_top_on_key(&s->top, 'q'));
}

static void rows_scroll_and_begin_anew_with_another_view(void **state)
{
    struct scene *s = *state;

    assert_true(th_top_on_key(&s->top, TH_TOP_KEY_UP));
    assert_int_equal(s->top.first, 0);
    assert_true(th_top_on_key(&s->top, TH_TOP_KEY_DOWN));
    assert_int_equal(s->top.first, 1);
    press(s, "3");
    assert_int_equal(s->top.first, 0);
}

static void lines_are_aligned_and_cut(void **state)
{
    struct scene *s = *state;
    char head[200], row[200], cut[20];

    make(s);
    th_top_line(head, sizeof head, &s->grid, -1);
    th_top_line(row, sizeof row, &s->grid, 1);
    assert_string_equal(head, "HASHNAME  LINK  SEED    RTT  LINE AGE  HEARD    RX/s  TX/s  PATH");
    assert_string_equal(row,
                        "bbbb      -     -      7 ms         -      -  2.0 kB   0 B  192.0.2.1:9");
    th_top_line(cut, sizeof cut, &s->grid, 1);
    assert_int_equal(strlen(cut), sizeof cut - 1);
}

static void drops_are_told_apart_by_reason_and_server(void **state)
{
    struct scene *s = *state;

    json_decref(s->now);
    json_decref(s->before);
    s->before = json_pack("[{s:s,s:s,s:i},{s:s,s:s,s:i}]", "reason", "x", "server", "switch",
                          "count", 10, "reason", "x", "server", "router", "count", 1);
    s->now = json_pack("[{s:s,s:s,s:i},{s:s,s:s,s:i}]", "reason", "x", "server", "router", "count",
                       5, "reason", "x", "server", "switch", "count", 10);
    press(s, "4");
    make(s);
    assert_string_equal(cell(s, 0, "SERVER"), "switch");
    assert_string_equal(cell(s, 0, "/s"), "0.0");
    assert_string_equal(cell(s, 1, "/s"), "2.0");
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(rates_come_of_two_looks_at_the_same_peer),
        IN_SCENE(a_counter_that_began_anew_has_no_rate),
        IN_SCENE(keys_choose_the_column_and_the_way_and_unknown_comes_last),
        IN_SCENE(each_view_keeps_its_order),
        IN_SCENE(a_filter_is_typed_and_taken_back),
        IN_SCENE(q_is_the_end_unless_it_is_typed),
        IN_SCENE(rows_scroll_and_begin_anew_with_another_view),
        IN_SCENE(lines_are_aligned_and_cut),
        IN_SCENE(drops_are_told_apart_by_reason_and_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

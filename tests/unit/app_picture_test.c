/* Pictures: the table in the terminal, and the neighbourhood as a graph. */
#include "tools/app/ctl_graph.h"
#include "tools/app/ctl_picture.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static void assert_buckets(const char *buckets, const char *peers, bool is_utf8, const char *wanted)
{
    json_t *b = json_loads(buckets, 0, NULL), *p = json_loads(peers, 0, NULL);
    struct th_style style = {.is_utf8 = is_utf8};
    char *text = NULL;
    size_t len;

    assert_true(b && p);
    style.out = open_memstream(&text, &len);
    th_show_buckets(b, p, &style);
    fclose(style.out);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(b);
    json_decref(p);
}

static const char some_buckets[] =
    "[{\"bucket\":255,\"links\":3,\"spares\":2,\"refreshed_ms_ago\":240000},"
    "{\"bucket\":254,\"links\":9,\"spares\":0,\"refreshed_ms_ago\":null},"
    "{\"bucket\":240,\"links\":0,\"spares\":1,\"refreshed_ms_ago\":5000}]";
static const char some_peers[] = "[{\"bucket\":255,\"link\":true,\"first_seen_ms_ago\":90000},"
                                 "{\"bucket\":255,\"link\":true,\"first_seen_ms_ago\":7200000},"
                                 "{\"bucket\":255,\"link\":false,\"first_seen_ms_ago\":1},"
                                 "{\"bucket\":254,\"link\":true,\"first_seen_ms_ago\":3000},"
                                 "{\"bucket\":254,\"link\":true,\"first_seen_ms_ago\":null}]";

static void bucket_is_a_bar_of_its_links_with_their_ages(void **state)
{
    (void)state;
    assert_buckets(
        some_buckets, some_peers, false,
        "BUCKET  COVERS        LINKS  FILL       SPARES           KNOWN FOR    DIALLED\n"
        "   255  1/2 of all        3  ###.....        2  1 min to 2 h 0 min  4 min ago\n"
        "   254  1/4 of all        9  #########       0                 3 s      never\n"
        "   240  2^-16 of all      0  ........        1                   -    5 s ago\n");
    assert_buckets("[]", "[]", false, "no bucket is in use\n");
}

static void bars_are_aligned_with_the_signs_of_utf_8_too(void **state)
{
    (void)state;
    assert_buckets("[{\"bucket\":255,\"links\":1,\"spares\":0,\"refreshed_ms_ago\":0},"
                   "{\"bucket\":254,\"links\":9,\"spares\":0,\"refreshed_ms_ago\":0}]",
                   "[]", true,
                   "BUCKET  COVERS      LINKS  FILL       SPARES  KNOWN FOR   DIALLED\n"
                   "   255  1/2 of all      1  █░░░░░░░        0          -  0 ms ago\n"
                   "   254  1/4 of all      9  █████████       0          -  0 ms ago\n");
}

#define US "aa00000000000000000000000000000000000000000000000000000000000000"
#define P1 "bb00000000000000000000000000000000000000000000000000000000000000"
#define P2 "cc00000000000000000000000000000000000000000000000000000000000000"
#define P3 "dd00000000000000000000000000000000000000000000000000000000000000"
#define P4 "ee00000000000000000000000000000000000000000000000000000000000000"

/* A seed that opened a link to us, a node behind a relay that is no peer, and one that is sought. */
static json_t *some_graph(bool is_sought)
{
    json_t *status = json_pack("{s:s}", "hashname", US);
    json_t *peers = json_pack(
        "[{s:s, s:b, s:b, s:s, s:b, s:i, s:s}, {s:s, s:b, s:b, s:n, s:n, s:n, s:s}]", //
        "hashname", P1, "link", 1, "line", 1, "direction", "in", "seed", 1, "rtt_ms", 4, "path",
        "192.0.2.1:42424", //
        "hashname", P2, "link", 0, "line", 1, "direction", "seed", "rtt_ms", "path", "relay:" P3);
    json_t *seek = json_pack("{s:s, s:s, s:[{s:s, s:n}, {s:s, s:s}]}", "target", P4, "told_by", P3,
                             "steps", "asked", P1, "via", "asked", P3, "via", P1);
    json_t *graph = th_graph_of(status, peers, is_sought ? seek : NULL);

    json_decref(status);
    json_decref(peers);
    json_decref(seek);
    return graph;
}

static char *write(void (*how)(FILE *, const json_t *), const json_t *graph)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    how(out, graph);
    fclose(out);
    return text;
}

static void graph_has_links_lines_and_what_they_go_through(void **state)
{
    (void)state;
    json_t *graph = some_graph(false);
    char *text = write(th_graph_write_dot, graph);

    assert_non_null(strstr(text, "\"" US "\" [label=\"aa000000\\nus\", shape=doublecircle];"));
    assert_non_null(strstr(text, "\"" P1 "\" [label=\"bb000000\\nseed\", shape=ellipse];"));
    assert_non_null(strstr(text, "\"" P3 "\" [label=\"dd000000\", shape=ellipse, style=dashed];"));
    assert_non_null(strstr(text, "\"" P1 "\" -> \"" US "\" [style=solid, label=\"4 ms\"];"));
    assert_non_null(strstr(text, "\"" US "\" -> \"" P2 "\" [style=dashed, dir=none];"));
    assert_non_null(strstr(text, "\"" P3 "\" -> \"" P2 "\" [style=dotted];"));
    assert_null(strstr(text, P4));
    free(text);
    json_decref(graph);
}

static void graph_of_a_search_has_who_told_of_whom_and_each_node_once(void **state)
{
    (void)state;
    json_t *graph = some_graph(true);
    char *text = write(th_graph_write_dot, graph);

    assert_int_equal(json_array_size(json_object_get(graph, "nodes")), 5);
    assert_non_null(strstr(text, "\"" P4 "\" [label=\"ee000000\", shape=box, style=bold];"));
    assert_non_null(strstr(text, "\"" P1 "\" -> \"" P3 "\" [style=dotted, color=blue];"));
    assert_non_null(strstr(text, "\"" P3 "\" -> \"" P4 "\" [style=dotted, color=blue];"));
    free(text);
    json_decref(graph);
}

static void picture_has_a_dot_for_each_node_and_nothing_from_elsewhere(void **state)
{
    (void)state;
    json_t *graph = some_graph(true);
    char *svg = write(th_graph_write_svg, graph), *html = write(th_graph_write_html, graph);
    unsigned dots = 0, edges = 0;

    for (const char *at = svg; (at = strstr(at, "<circle ")); at++)
        dots++;
    for (const char *at = svg; (at = strstr(at, "<path class=\"edge ")); at++)
        edges++;
    assert_int_equal(dots, 5);
    assert_int_equal(edges, json_array_size(json_object_get(graph, "edges")));
    assert_non_null(strstr(html, svg));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(html, "src="));
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "href"));
    free(svg);
    free(html);
    json_decref(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_is_a_bar_of_its_links_with_their_ages),
        cmocka_unit_test(bars_are_aligned_with_the_signs_of_utf_8_too),
        cmocka_unit_test(graph_has_links_lines_and_what_they_go_through),
        cmocka_unit_test(graph_of_a_search_has_who_told_of_whom_and_each_node_once),
        cmocka_unit_test(picture_has_a_dot_for_each_node_and_nothing_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/app/control_look.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

/* Four nodes whose hashnames begin with the digit of their number, in the eyes of node 0. */
struct scene {
    struct th_identity identity;
    struct th_paths advertised;
    struct th_switch_status status;
    struct th_bootstrap_status bootstrap;
    struct th_switch_lines *lines;
    struct th_router_table *table;
    struct th_look look;
};

static struct th_hashname node(uint8_t first, uint8_t second)
{
    return (struct th_hashname){{first, second}};
}

static struct th_addr loopback(uint16_t port)
{
    return (struct th_addr){.ip = {127, 0, 0, 1}, .port = port, .family = TH_FAMILY_IPV4};
}

static int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->lines = calloc(1, sizeof *s->lines + 3 * sizeof s->lines->line[0]);
    s->table = calloc(1, sizeof *s->table + 2 * sizeof s->table->link[0]);
    s->lines->count = 3;
    s->lines->line[0] = (struct th_line_look){.id = node(0x80, 1),
                                              .csid = 0x3a,
                                              .is_up = true,
                                              .has_addr = true,
                                              .addr = loopback(1),
                                              .has_rtt = true,
                                              .rtt_ms = 7,
                                              .up_ms = 500,
                                              .last_rx_ms = 20,
                                              .rx_packets = 1,
                                              .rx_bytes = 100};
    s->lines->line[1] = (struct th_line_look){.id = node(0x40, 2), .csid = 0x3a, .is_up = true};
    s->lines->line[2] = (struct th_line_look){.id = node(0x20, 3), .csid = 0x3a};
    s->table->count = 2;
    s->table->link[0] = (struct th_link_look){.id = node(0x80, 1),
                                              .bucket = 255,
                                              .is_up = true,
                                              .is_out = true,
                                              .is_seed = true,
                                              .first_seen_at = 1000,
                                              .last_rx_ms = 30};
    s->table->link[1] = (struct th_link_look){.id = node(0x81, 4), .bucket = 255};
    s->table->bucket[255] = (struct th_bucket_look){.links = 1, .spares = 2};
    s->table->bucket[3] = (struct th_bucket_look){.has_refreshed = true, .refreshed_ms = 9};
    s->status.lines = 2;
    s->status.listen_count = 1;
    s->status.listen[0] = loopback(9);
    s->bootstrap.state = TH_NODE_READY;
    s->look = (struct th_look){.now = {.mono = 5000, .wall = 4000},
                               .started_at = 1000,
                               .identity = &s->identity,
                               .advertised = &s->advertised,
                               .status = &s->status,
                               .lines = s->lines,
                               .bootstrap = &s->bootstrap,
                               .table = s->table};
    *state = s;
    return 0;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    free(s->lines);
    free(s->table);
    free(s);
    return 0;
}

/* Compares a member with JSON text; "" means that it must be missing. */
static void assert_member(const json_t *object, const char *key, const char *text)
{
    char *found = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT);

    if (found == NULL)
        assert_string_equal(text, "");
    else
        assert_string_equal(found, text);
    free(found);
}

static void status_tells_what_the_servers_said(void **state)
{
    struct scene *s = *state;
    json_t *status = th_look_status(&s->look);

    assert_member(status, "state", "\"ready\"");
    assert_member(status, "links", "1");
    assert_member(status, "lines", "2");
    assert_member(status, "uptime_ms", "4000");
    assert_member(status, "listen", "[\"127.0.0.1:9\"]");
    assert_member(status, "addresses", "[\"127.0.0.1:9\"]");
    assert_member(status, "warnings", "[]");
    json_decref(status);
}

static void status_says_null_for_whom_does_not_answer(void **state)
{
    struct scene *s = *state;

    s->look.status = NULL;
    s->look.bootstrap = NULL;
    s->look.table = NULL;
    json_t *status = th_look_status(&s->look);

    assert_member(status, "state", "null");
    assert_member(status, "links", "null");
    assert_member(status, "lines", "null");
    assert_int_equal(json_array_size(json_object_get(status, "warnings")), 3);
    json_decref(status);
}

static void peers_are_lines_and_links_of_the_same_node_in_one_row(void **state)
{
    struct scene *s = *state;
    json_t *peers = th_look_peers(&s->look);

    assert_int_equal(json_array_size(peers), 3); /* the line in the making is none */
    const json_t *both = json_array_get(peers, 0);
    assert_member(both, "line", "true");
    assert_member(both, "link", "true");
    assert_member(both, "direction", "\"out\"");
    assert_member(both, "seed", "true");
    assert_member(both, "bucket", "255");
    assert_member(both, "csid", "\"3a\"");
    assert_member(both, "path", "\"127.0.0.1:1\"");
    assert_member(both, "rtt_ms", "7");
    assert_member(both, "first_seen_ms_ago", "3000");
    assert_member(both, "line_age_ms", "500");
    assert_member(both, "last_rx_ms_ago", "20");
    assert_member(both, "rx_bytes", "100");

    const json_t *asked = json_array_get(peers, 1);
    assert_member(asked, "link", "false");
    assert_member(asked, "seed", "null");
    assert_member(asked, "line_age_ms", "null");
    const json_t *lined = json_array_get(peers, 2);
    assert_member(lined, "bucket", "254");
    assert_member(lined, "direction", "null");
    assert_member(lined, "path", "null");
    assert_member(lined, "rtt_ms", "null");
    json_decref(peers);
}

static void only_buckets_in_use_are_rows(void **state)
{
    struct scene *s = *state;
    json_t *buckets = th_look_buckets(&s->look);

    assert_int_equal(json_array_size(buckets), 2);
    assert_member(json_array_get(buckets, 0), "bucket", "255");
    assert_member(json_array_get(buckets, 0), "spares", "2");
    assert_member(json_array_get(buckets, 0), "refreshed_ms_ago", "null");
    assert_member(json_array_get(buckets, 1), "refreshed_ms_ago", "9");
    json_decref(buckets);
}

static void lines_in_the_making_have_no_age(void **state)
{
    struct scene *s = *state;
    json_t *lines = th_look_lines(&s->look);

    assert_int_equal(json_array_size(lines), 3);
    assert_member(json_array_get(lines, 0), "line_age_ms", "500");
    assert_member(json_array_get(lines, 2), "up", "false");
    assert_member(json_array_get(lines, 2), "line_age_ms", "null");
    assert_member(json_array_get(lines, 2), "last_rx_ms_ago", "null");
    json_decref(lines);
}

static void an_idle_server_does_nothing(void **state)
{
    (void)state;
    struct th_server_look rows[] = {
        {.name = "router", .place = "all"},
        {.name = "switch",
         .state = TH_SERVER_RUNNING,
         .doing = "net",
         .doing_us = 2500,
         .longest_callback = "init",
         .longest_callback_us = 9},
    };
    json_t *servers = th_look_servers(rows, 2);

    assert_member(json_array_get(servers, 0), "state", "\"idle\"");
    assert_member(json_array_get(servers, 0), "doing", "null");
    assert_member(json_array_get(servers, 0), "doing_ms", "null");
    assert_member(json_array_get(servers, 0), "longest_callback_us", "null");
    assert_member(json_array_get(servers, 1), "doing_ms", "2");
    assert_member(json_array_get(servers, 1), "longest_callback", "\"init\"");
    json_decref(servers);
}

static void a_dial_is_told_with_its_steps(void **state)
{
    (void)state;
    struct th_dialed *dialed = calloc(1, sizeof *dialed + 2 * sizeof dialed->step[0]);
    struct th_told closest = {.id = node(9, 9),
                              .has_via = true,
                              .via = node(1, 1),
                              .has_addr = true,
                              .addr = loopback(3)};

    dialed->target = node(9, 9);
    dialed->result = TH_NO_PATH;
    dialed->is_found = true;
    dialed->hops = 1;
    dialed->asked = 2;
    dialed->closest_count = 1;
    dialed->closest = &closest;
    dialed->step_count = 2;
    dialed->step[0] = (struct th_dial_step){.asked = node(1, 1), .answered = true, .entries = 4};
    dialed->step[1] =
        (struct th_dial_step){.path = 3, .asked = node(2, 2), .rtt_ms = 250, .hop = 1};
    dialed->paths = 8;
    json_t *told = th_look_dialed(dialed, NULL);

    assert_member(told, "found", "true");
    assert_member(told, "result", "\"no_path\"");
    assert_member(told, "hops", "1");
    assert_member(told, "paths", "8");
    assert_member(told, "path", "\"127.0.0.1:3\"");
    assert_int_equal(json_array_size(json_object_get(told, "closest")), 1);
    const json_t *steps = json_object_get(told, "steps");
    assert_member(json_array_get(steps, 0), "rtt_ms", "0");
    assert_member(json_array_get(steps, 0), "entries", "4");
    assert_member(json_array_get(steps, 0), "via", "null");
    assert_member(json_array_get(steps, 0), "path", "null");
    assert_member(json_array_get(steps, 1), "path", "3");
    assert_member(json_array_get(steps, 1), "rtt_ms", "null");
    assert_member(json_array_get(steps, 1), "gave_up_ms", "250");
    assert_member(told, "ways", "[]");
    json_decref(told);
    free(dialed);
}

/* As scripts read it: each key in each row. */
static void assert_way(const json_t *ways, size_t i, const char *wanted)
{
    json_t *expected = json_loads(wanted, 0, NULL);

    assert_non_null(expected);
    assert_true(json_equal(json_array_get(ways, i), expected));
    json_decref(expected);
}

#define ZEROS "000000000000000000000000000000000000000000000000000000000000"
#define HEX_01 "0101" ZEROS
#define HEX_02 "0202" ZEROS

static void each_way_that_was_tried_is_a_row_with_what_came_of_it(void **state)
{
    (void)state;
    struct th_dial_way way[4];
    struct th_dialed dialed = {.result = TH_OK, .has_line = true, .way_count = 4, .way = way};
    struct th_line_look line = {.is_up = true, .has_addr = true, .addr = loopback(3)};

    way[0] = (struct th_dial_way){.tries = 1, .outcome = TH_NO_PATH};
    way[1] = (struct th_dial_way){.has_via = true,
                                  .via = node(1, 1),
                                  .tries = 1,
                                  .after_ms = 30,
                                  .took_ms = 20,
                                  .outcome = TH_REFUSED,
                                  .said = "busy"};
    way[2] = (struct th_dial_way){.has_via = true,
                                  .via = node(1, 1),
                                  .tries = 2,
                                  .after_ms = 40,
                                  .took_ms = 5,
                                  .outcome = TH_NO_LINE};
    way[3] = (struct th_dial_way){
        .has_via = true, .via = node(2, 2), .tries = 3, .after_ms = 50, .took_ms = 90};
    json_t *ways = th_look_ways(&dialed, &line);

    assert_int_equal(json_array_size(ways), 4);
    assert_way(ways, 0,
               "{\"kind\":\"direct\",\"via\":null,\"path\":null,\"tries\":1,\"after_ms\":0,"
               "\"took_ms\":0,\"outcome\":\"no_address\",\"said\":null}");
    assert_way(ways, 1,
               "{\"kind\":\"introduced\",\"via\":\"" HEX_01 "\",\"path\":null,\"tries\":1,"
               "\"after_ms\":30,\"took_ms\":20,\"outcome\":\"refused\",\"said\":\"busy\"}");
    assert_member(json_array_get(ways, 2), "outcome", "\"no_line\"");
    assert_way(ways, 3,
               "{\"kind\":\"introduced\",\"via\":\"" HEX_02 "\",\"path\":\"127.0.0.1:3\","
               "\"tries\":3,\"after_ms\":50,\"took_ms\":90,\"outcome\":\"reached\",\"said\":null}");
    json_decref(ways);
}

static void node_in_the_middle_of_a_line_is_the_last_way(void **state)
{
    (void)state;
    struct th_dial_way tried = {.has_via = true, .via = node(1, 1), .tries = 1};
    struct th_dialed dialed = {.result = TH_OK, .has_line = true, .way_count = 1, .way = &tried};
    struct th_line_look line = {
        .is_up = true, .has_middle = true, .knows_middle = true, .middle = node(2, 2)};

    json_t *relayed = th_look_ways(&dialed, &line);
    line.has_addr = true;
    line.addr = loopback(3);
    json_t *bridged = th_look_ways(&dialed, &line);
    line.knows_middle = false; /* the other end asked it */
    json_t *by_other = th_look_ways(&dialed, &line), *way = th_json_way(&line);

    assert_member(json_array_get(relayed, 0), "outcome", "\"reached\"");
    assert_member(json_array_get(relayed, 0), "path", "null");
    assert_way(relayed, 1,
               "{\"kind\":\"relay\",\"via\":\"" HEX_02 "\",\"path\":null,\"tries\":null,"
               "\"after_ms\":null,\"took_ms\":null,\"outcome\":\"reached\",\"said\":null}");
    assert_member(json_array_get(bridged, 0), "path", "null"); /* it is the bridge's */
    assert_way(bridged, 1,
               "{\"kind\":\"bridge\",\"via\":\"" HEX_02 "\",\"path\":\"127.0.0.1:3\","
               "\"tries\":null,\"after_ms\":null,\"took_ms\":null,\"outcome\":\"reached\","
               "\"said\":null}");
    assert_member(json_array_get(by_other, 1), "kind", "\"bridge\"");
    assert_member(json_array_get(by_other, 1), "via", "null");
    assert_string_equal(json_string_value(way), "bridge:127.0.0.1:3");
    json_decref(way);
    json_decref(by_other);
    json_decref(relayed);
    json_decref(bridged);
}

static void a_prefix_means_the_only_node_that_begins_like_it(void **state)
{
    struct scene *s = *state;
    struct th_hashname found, candidates[TH_CANDIDATES_MAX], wanted = node(0x80, 1);
    unsigned count;

    assert_int_equal(th_look_resolve(&found, "80", &s->look, candidates, &count), TH_OK);
    assert_true(th_hashname_is_equal(&found, &wanted));
    assert_int_equal(th_look_resolve(&found, "8", &s->look, candidates, &count), TH_LIMIT);
    assert_int_equal(count, 2);
    assert_int_equal(th_look_resolve(&found, "2003", &s->look, candidates, &count), TH_OK);
    assert_int_equal(th_look_resolve(&found, "f", &s->look, candidates, &count), TH_NOT_FOUND);
    assert_int_equal(th_look_resolve(&found, "8g", &s->look, candidates, &count), TH_INVALID);
    assert_int_equal(th_look_resolve(&found, "", &s->look, candidates, &count), TH_INVALID);
}

static void a_whole_hashname_needs_no_peer(void **state)
{
    struct scene *s = *state;
    struct th_hashname found, candidates[TH_CANDIDATES_MAX];
    char hex[TH_HASHNAME_HEX + 1];
    unsigned count;

    memset(hex, 'a', TH_HASHNAME_HEX);
    hex[TH_HASHNAME_HEX] = '\0';
    s->look.lines = NULL;
    s->look.table = NULL;
    assert_int_equal(th_look_resolve(&found, hex, &s->look, candidates, &count), TH_OK);
    assert_int_equal(found.b[31], 0xaa);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(status_tells_what_the_servers_said),
        IN_SCENE(status_says_null_for_whom_does_not_answer),
        IN_SCENE(peers_are_lines_and_links_of_the_same_node_in_one_row),
        IN_SCENE(only_buckets_in_use_are_rows),
        IN_SCENE(lines_in_the_making_have_no_age),
        cmocka_unit_test(an_idle_server_does_nothing),
        cmocka_unit_test(a_dial_is_told_with_its_steps),
        cmocka_unit_test(each_way_that_was_tried_is_a_row_with_what_came_of_it),
        cmocka_unit_test(node_in_the_middle_of_a_line_is_the_last_way),
        IN_SCENE(a_prefix_means_the_only_node_that_begins_like_it),
        IN_SCENE(a_whole_hashname_needs_no_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

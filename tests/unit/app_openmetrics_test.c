#include "tools/app/openmetrics.h"

#include "tools/app/control_look.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static char *written(const json_t *metrics, enum th_metrics_format format)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    th_metrics_write(out, metrics, format);
    fclose(out);
    return text;
}

static char *written_of(const char *json, enum th_metrics_format format)
{
    json_t *metrics = json_loads(json, 0, NULL);

    assert_non_null(metrics);
    char *text = written(metrics, format);
    json_decref(metrics);
    return text;
}

static void assert_has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, text);
}

static void assert_has_not(const char *text, const char *line)
{
    if (strstr(text, line))
        fail_msg("\"%s\" in:\n%s", line, text);
}

static void counters_end_in_total_and_the_text_in_eof(void **state)
{
    (void)state;
    char *text =
        written_of("{\"version\": \"1\", \"bytes\": [{\"direction\": \"rx\", \"count\": 5}]}",
                   TH_METRICS_OPENMETRICS);

    assert_string_equal(text, "# TYPE telehash_build info\n"
                              "# HELP telehash_build The version of the daemon.\n"
                              "telehash_build_info{version=\"1\"} 1\n"
                              "# TYPE telehash_bytes counter\n"
                              "# UNIT telehash_bytes bytes\n"
                              "# HELP telehash_bytes Bytes in datagrams.\n"
                              "telehash_bytes_total{direction=\"rx\"} 5\n"
                              "# EOF\n");
    free(text);
}

/* promtool of Debian 12 knows only this one, in which a family is called as its samples. */
static void text_format_has_the_same_samples_under_whole_names(void **state)
{
    (void)state;
    char *text = written_of("{\"version\": \"1\", \"udp_kernel_drops\": 7}", TH_METRICS_TEXT);

    assert_has(text, "# TYPE telehash_build_info gauge\n");
    assert_has(text, "telehash_build_info{version=\"1\"} 1\n");
    assert_has(text, "# TYPE telehash_udp_kernel_drops_total counter\n");
    assert_has(text, "# HELP telehash_udp_kernel_drops_total ");
    assert_has(text, "\ntelehash_udp_kernel_drops_total 7\n");
    free(text);
}

static void what_would_end_a_label_is_escaped(void **state)
{
    (void)state;
    char *text = written_of("{\"version\": \"a\\\"b\\\\c\\nd\"}", TH_METRICS_OPENMETRICS);

    assert_has(text, "telehash_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
    free(text);
}

static void times_are_seconds_to_the_last_digit(void **state)
{
    (void)state;
    char *text = written_of("{\"uptime_ms\": 61250, \"servers\": [{\"server\": \"router\", "
                            "\"mailbox\": 3, \"longest_callback_us\": 1000001, \"restarts\": 2}]}",
                            TH_METRICS_OPENMETRICS);

    assert_has(text, "telehash_uptime_seconds 61.25\n");
    assert_has(text, "telehash_callback_seconds_max{server=\"router\"} 1.000001\n");
    assert_has(text, "telehash_mailbox_depth{server=\"router\"} 3\n");
    assert_has(text, "telehash_server_restarts_total{server=\"router\"} 2\n");
    free(text);
}

static void histogram_adds_up_to_its_count(void **state)
{
    (void)state;
    char *text =
        written_of("{\"dial_duration\": {\"count\": 4, \"sum_ms\": 1500, \"buckets\": "
                   "[{\"up_to_ms\": 10, \"count\": 1}, {\"up_to_ms\": 1000, \"count\": 3}]}}",
                   TH_METRICS_OPENMETRICS);

    assert_has(text, "# TYPE telehash_dial_duration_seconds histogram\n"
                     "# UNIT telehash_dial_duration_seconds seconds\n");
    assert_has(text, "telehash_dial_duration_seconds_bucket{le=\"0.01\"} 1\n"
                     "telehash_dial_duration_seconds_bucket{le=\"1.0\"} 3\n"
                     "telehash_dial_duration_seconds_bucket{le=\"+Inf\"} 4\n"
                     "telehash_dial_duration_seconds_sum 1.5\n"
                     "telehash_dial_duration_seconds_count 4\n");
    free(text);
}

static void what_is_not_known_has_no_line(void **state)
{
    (void)state;
    char *text = written_of("{\"version\": \"1\", \"links\": null, \"drops\": null, "
                            "\"dial_duration\": null, \"udp_kernel_drops\": null}",
                            TH_METRICS_OPENMETRICS);

    assert_has_not(text, "links");
    assert_has_not(text, "drops");
    assert_has_not(text, "dial");
    free(text);
}

static void a_hashname_is_never_in_a_label(void **state)
{
    (void)state;
    struct th_identity identity = {0};
    struct th_paths advertised = {0};
    struct th_switch_status status = {.lines = 2, .rx_sort = {[TH_DATAGRAM_LINE] = 9}};
    struct th_bootstrap_status bootstrap = {.state = TH_NODE_READY};
    struct th_dialer_status dialer = {.reached = 3, .took = {[2] = 3}, .took_sum_ms = 90};
    struct th_router_table *table = calloc(1, sizeof *table + sizeof table->link[0]);
    struct th_server_look rows[3] = {{.name = "router", .restarts = 0, .mailbox = 4},
                                     {.name = "dialer"},
                                     {.name = "router", .restarts = 1}};
    table->count = 1;
    table->link[0] = (struct th_link_look){.id = {{0xab, 0xcd}}, .is_up = true};
    memset(&identity.hashname, 0xee, sizeof identity.hashname);
    struct th_look look = {.now = {.mono = 2000},
                           .identity = &identity,
                           .advertised = &advertised,
                           .status = &status,
                           .bootstrap = &bootstrap,
                           .table = table,
                           .dialer = &dialer};

    json_t *metrics = th_look_metrics(&look, rows, 3);
    char *text = written(metrics, TH_METRICS_OPENMETRICS);

    assert_has_not(text, "eeee");
    assert_has_not(text, "abcd");
    assert_has(text, "telehash_links 1\n");
    assert_has(text, "telehash_state{state=\"ready\"} 1\n");
    assert_has(text, "telehash_state{state=\"alone\"} 0\n");
    assert_has(text, "telehash_packets_total{direction=\"rx\",kind=\"line\"} 9\n");
    assert_has(text, "telehash_dials_total{result=\"reached\"} 3\n");
    assert_has(text, "telehash_dial_duration_seconds_bucket{le=\"0.025\"} 0\n"
                     "telehash_dial_duration_seconds_bucket{le=\"0.05\"} 3\n");
    assert_has(text, "telehash_drops_total{reason=\"punch\"} 0\n");
    assert_has(text, "telehash_server_restarts_total{server=\"router\"} 1\n"); /* the newer alone */
    assert_has_not(text, "telehash_mailbox_depth{server=\"router\"} 4\n");
    assert_has_not(text, "udp_kernel");
    free(text);
    json_decref(metrics);
    free(table);
}

static void drops_are_unknown_when_one_who_counts_them_does_not_answer(void **state)
{
    (void)state;
    struct th_identity identity = {0};
    struct th_paths advertised = {0};
    struct th_switch_status status = {.lines = 2};
    struct th_look look = {.identity = &identity, .advertised = &advertised, .status = &status};

    json_t *metrics = th_look_metrics(&look, NULL, 0);

    assert_true(json_is_null(json_object_get(metrics, "drops")));
    assert_true(json_is_null(json_object_get(metrics, "links")));
    assert_true(json_is_null(json_object_get(metrics, "states")));
    assert_int_equal(json_integer_value(json_object_get(metrics, "lines")), 2);
    json_decref(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_end_in_total_and_the_text_in_eof),
        cmocka_unit_test(text_format_has_the_same_samples_under_whole_names),
        cmocka_unit_test(what_would_end_a_label_is_escaped),
        cmocka_unit_test(times_are_seconds_to_the_last_digit),
        cmocka_unit_test(histogram_adds_up_to_its_count),
        cmocka_unit_test(what_is_not_known_has_no_line),
        cmocka_unit_test(a_hashname_is_never_in_a_label),
        cmocka_unit_test(drops_are_unknown_when_one_who_counts_them_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Events as JSON, filters of them, and the command line that names one. */
#include "switch/base/mem.h"
#include "tools/app/control_event.h"
#include "tools/app/ctl_args.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static const struct th_hashname peer = {{0xab, 0xcd}};

static bool read_text(struct th_filter *filter, const char *params, char say[TH_SAY_MAX])
{
    json_t *value = params ? json_loads(params, 0, NULL) : NULL;
    bool is_read = th_filter_read(filter, value, say);

    json_decref(value);
    return is_read;
}

/* A packet of a channel that they opened. */
static struct th_event *packet_of(enum th_ev_kind kind, enum th_channel_type type, const char *head)
{
    size_t len = strlen(head);
    struct th_ev_packet *packet = th_mem_zalloc(1, sizeof *packet + len);

    memcpy(packet + 1, head, len);
    packet->from = peer;
    packet->c = 4;
    packet->type = type;
    packet->head = (struct th_bytes){(uint8_t *)(packet + 1), len};
    packet->body = (struct th_bytes){NULL, 0};
    struct th_event *event = th_event_new(kind, th_topic(type, false), false, packet, th_mem_free);
    assert_non_null(event);
    return event;
}

static bool fits(const char *params, struct th_event *event)
{
    struct th_filter filter;
    char say[TH_SAY_MAX];
    json_t *head = th_event_head(event);

    assert_true(read_text(&filter, params, say));
    bool is_so = th_filter_fits(&filter, event, head);
    th_filter_clear(&filter);
    json_decref(head);
    return is_so;
}

static void filter_of_nothing_wants_everything(void **state)
{
    (void)state;
    struct th_filter filter;
    char say[TH_SAY_MAX];

    assert_true(read_text(&filter, NULL, say));
    struct th_interest all = th_filter_interest(&filter);
    assert_int_equal(all.kinds, (TH_EV_LINE_HEARD << 1) - 1);
    assert_true(all.topics == UINT64_MAX);
    th_filter_clear(&filter);
}

/* Nobody is woken for what nobody watches. */
static void filter_asks_only_for_kinds_that_can_fit(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        uint64_t kinds, topics;
    } cases[] = {
        {"{\"kind\":\"dialed\"}", TH_EV_DIALED, UINT64_MAX},
        {"{\"kind\":[\"line_up\",\"state\"]}", TH_EV_LINE_UP | TH_EV_STATE, UINT64_MAX},
        {"{\"type\":\"seek\"}", TH_EV_OPENED | TH_EV_PACKET | TH_EV_ENDED, 3},
        {"{\"has\":\"see\"}", TH_EV_OPENED | TH_EV_PACKET, UINT64_MAX},
        {"{\"kind\":[\"packet\",\"state\"],\"is\":{\"end\":true}}", TH_EV_PACKET, UINT64_MAX},
        {"{\"kind\":[\"link_up\",\"state\"],\"peer\":\"ab\"}", TH_EV_LINK_UP, UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_filter filter;
        char say[TH_SAY_MAX];

        assert_true(read_text(&filter, cases[i].params, say));
        assert_true(th_filter_interest(&filter).kinds == cases[i].kinds);
        assert_true(th_filter_interest(&filter).topics == cases[i].topics);
        th_filter_clear(&filter);
    }
}

static void word_that_is_none_is_refused_with_those_there_are(void **state)
{
    (void)state;
    static const struct {
        const char *params, *said;
    } cases[] = {
        {"{\"kind\":\"x\"}",
         "line_up, line_down, path_changed, line_silent, line_heard, opened, packet, ended"},
        {"{\"type\":\"x\"}", "seek, link, path, peer, connect, bridge, other"},
        {"{\"kind\":7}", "\"kind\" must be a text"},
        {"{\"has\":[\"a\",7]}", "\"has\" must be a text"},
        {"{\"peer\":\"xy\"}", "xy is no hashname"},
        {"{\"peer\":7}", "is no hashname"},
        {"{\"is\":\"a\"}", "\"is\" must be an object"},
        {"{\"kind\":\"state\",\"peer\":\"a\"}", "has a peer"},
        {"{\"kind\":\"line_up\",\"type\":\"seek\"}", "opened packet ended"},
        {"{\"kind\":\"ended\",\"has\":\"a\"}", "packet's head"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_filter filter;
        char say[TH_SAY_MAX];

        assert_false(read_text(&filter, cases[i].params, say));
        assert_non_null(strstr(say, cases[i].said));
    }
}

/* A11 */
static void tap_matches_members_of_the_head_that_are_there_or_equal(void **state)
{
    (void)state;
    struct th_event *event =
        packet_of(TH_EV_PACKET, TH_CHANNEL_SEEK,
                  "{\"c\":4,\"seek\":\"12\",\"end\":true,\"n\":12,\"see\":[1],\"no\":null}");
    static const struct {
        const char *params;
        bool is_fit;
    } cases[] = {
        {"{\"has\":\"see\"}", true},
        {"{\"has\":\"no\"}", true},
        {"{\"has\":\"type\"}", false},
        {"{\"has\":[\"see\",\"type\"]}", false},
        {"{\"is\":{\"seek\":\"12\"}}", true},
        {"{\"is\":{\"seek\":12}}", false},
        {"{\"is\":{\"n\":12}}", true},
        {"{\"is\":{\"n\":\"12\"}}", true}, /* written like it */
        {"{\"is\":{\"end\":\"true\"}}", true},
        {"{\"is\":{\"end\":false}}", false},
        {"{\"is\":{\"see\":\"[1]\"}}", true},
        {"{\"is\":{\"type\":\"seek\"}}", false},
        {"{\"is\":{\"seek\":\"12\",\"n\":1}}", false},
        {"{\"is\":{\"seek\":\"12\"},\"has\":\"end\",\"type\":\"seek\",\"peer\":\"abC\"}", true},
        {"{\"peer\":\"abd\"}", false},
        {"{\"type\":\"link\"}", false},
        {"{\"kind\":\"opened\"}", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(fits(cases[i].params, event), cases[i].is_fit);
    th_event_release(event);
}

static const struct {
    const char *name, *value; /* NULL: --has */
    bool is_fit;
} taps[] = {
    {"c", "4", true},
    {"c", "5", false},
    {"c", "4.0", false},
    {"n", "-2.5", true},
    {"on", "true", true},
    {"on", "1", false},
    {"off", "false", true},
    {"no", "null", true},
    {"type", "path", true},
    {"type", "", false},
    {"paths.0.type", "ipv4", true},
    {"paths.0.port", "42424", true},
    {"paths.0.in.x", "1", true},
    {"paths.1", "7", true},
    {"paths.2", "7", false},
    {"paths.x", "7", false},
    {"paths.0.in", "{\"x\":\"1\"}", true},
    {"a.b", "whole", true}, /* a member of that whole name comes first */
    {"a.c", "1", true},
    {"a.d", "1", false},
    {"paths.0.in", NULL, true},
    {"paths.0.out", NULL, false},
    {"c.d", NULL, false},
    {"no", NULL, true},
    {".", NULL, false},
    {"a.", NULL, false},
};
static const struct {
    const char *with;
    bool is_fit;
} others[] = {
    {"{}", true},
    {"{\"kind\":\"opened\"}", true},
    {"{\"kind\":[\"packet\",\"opened\"],\"type\":\"path\"}", true},
    {"{\"type\":[\"seek\",\"path\"],\"peer\":\"ab\"}", true},
    {"{\"kind\":\"opened\",\"type\":\"path\",\"peer\":\"abcd\"}", true},
    {"{\"kind\":\"packet\"}", false},
    {"{\"type\":\"seek\"}", false},
    {"{\"peer\":\"abce\"}", false},
    {"{\"kind\":\"opened\",\"type\":\"path\",\"peer\":\"b\"}", false},
};

/* A11. What thctl reads from a command line, where every value is a text. */
static void taps_go_with_kind_type_and_peer_in_any_combination(void **state)
{
    (void)state;
    struct th_event *event =
        packet_of(TH_EV_OPENED, TH_CHANNEL_PATH,
                  "{\"c\":4,\"type\":\"path\",\"on\":true,\"off\":false,\"n\":-2.5,\"no\":null,"
                  "\"paths\":[{\"type\":\"ipv4\",\"port\":42424,\"in\":{\"x\":\"1\"}},7],"
                  "\"a.b\":\"whole\",\"a\":{\"b\":\"part\",\"c\":1}}");

    for (size_t i = 0; i < sizeof taps / sizeof taps[0]; i++)
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
            json_t *params = json_loads(others[k].with, 0, NULL);

            if (taps[i].value)
                json_object_set_new(params, "is", json_pack("{s:s}", taps[i].name, taps[i].value));
            else
                json_object_set_new(params, "has", json_string(taps[i].name));
            char *text = json_dumps(params, 0);
            assert_int_equal(fits(text, event), taps[i].is_fit && others[k].is_fit);
            free(text);
            json_decref(params);
        }
    th_event_release(event);
}

/* An open is no packet of a channel, so who names anything of channels does not mean it. */
static void open_fits_a_filter_that_names_nothing_but_a_peer(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        bool is_fit;
    } cases[] = {{NULL, true},
                 {"{\"peer\":\"ab\"}", true},
                 {"{\"peer\":\"ac\"}", false},
                 {"{\"type\":\"seek\"}", false},
                 {"{\"kind\":\"packet\"}", false},
                 {"{\"has\":\"at\"}", false}};
    struct th_packet_look look = {.peer = &peer, .is_open = true};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_filter filter;
        char say[TH_SAY_MAX];

        assert_true(read_text(&filter, cases[i].params, say));
        assert_int_equal(th_filter_fits_packet(&filter, &look), cases[i].is_fit);
        th_filter_clear(&filter);
    }
}

static void head_that_is_no_object_fits_no_tap_and_is_shown_as_null(void **state)
{
    (void)state;
    static const char *const heads[] = {"", "{", "[1]", "7", "{\"a\":1}x"};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct th_event *event = packet_of(TH_EV_OPENED, TH_CHANNEL_LINK, heads[i]);
        json_t *row = th_event_json(event, 5, NULL);

        assert_null(th_event_head(event));
        assert_true(fits(NULL, event));
        assert_false(fits("{\"has\":\"a\"}", event));
        assert_true(json_is_null(json_object_get(row, "head")));
        assert_string_equal(json_string_value(json_object_get(row, "kind")), "opened");
        assert_int_equal(json_integer_value(json_object_get(row, "at_ms")), 5);
        json_decref(row);
        th_event_release(event);
    }
}

static void event_without_peer_or_packet_is_shown_by_what_it_has(void **state)
{
    (void)state;
    struct th_ev_state body = {TH_NODE_READY};
    struct th_event *event =
        th_event_new(TH_EV_STATE, 0, true, th_mem_copy(&body, sizeof body), th_mem_free);
    json_t *row = th_event_json(event, 5, NULL);
    char *text = json_dumps(row, JSON_COMPACT);

    assert_string_equal(text, "{\"at_ms\":5,\"kind\":\"state\",\"state\":\"ready\"}");
    assert_true(fits("{\"kind\":\"state\"}", event));
    assert_false(fits("{\"peer\":\"ab\"}", event));
    assert_false(fits("{\"has\":\"a\"}", event));
    free(text);
    json_decref(row);
    th_event_release(event);
}

static void filters_of_the_command_line_become_parameters(void **state)
{
    (void)state;
    char *argv[] = {"thctl", "watch", "--kind", "packet", "--kind=opened", "--is",   "a=b=c",
                    "--has", "see",   "--peer", "ab",     "--for",         "1500ms", "--json"};
    struct th_ctl_args args;
    char say[TH_SAY_MAX];

    assert_true(th_ctl_args_read(&args, sizeof argv / sizeof argv[0], argv, say));
    char *text = json_dumps(args.filter, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"has\":[\"see\"],\"is\":{\"a\":\"b=c\"},"
                              "\"kind\":[\"packet\",\"opened\"],\"peer\":\"ab\"}");
    assert_int_equal(args.for_ms, 1500);
    assert_true(args.is_json);
    assert_int_equal(args.word_count, 1);
    free(text);
    th_ctl_args_clear(&args);
}

static void span_has_a_unit_and_is_an_hour_at_most(void **state)
{
    (void)state;
    static const struct {
        char *text;
        unsigned ms; /* 0: refused */
    } cases[] = {{"30", 30000},   {"30s", 30000},     {"0.5s", 500}, {"500ms", 500}, {"2m", 120000},
                 {"1h", 3600000}, {"60min", 3600000}, {"1.1h", 0},   {"0", 0},       {"-1s", 0},
                 {"", 0},         {"s", 0},           {"1 s", 0},    {"1d", 0},      {"inf", 0},
                 {"nan", 0},      {"1e300", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *argv[] = {"thctl", "suspend", "router", "--for", cases[i].text};
        struct th_ctl_args args;
        char say[TH_SAY_MAX];

        assert_int_equal(th_ctl_args_read(&args, 5, argv, say), cases[i].ms != 0);
        if (cases[i].ms)
            assert_int_equal(args.for_ms, cases[i].ms);
        th_ctl_args_clear(&args);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_of_nothing_wants_everything),
        cmocka_unit_test(filter_asks_only_for_kinds_that_can_fit),
        cmocka_unit_test(word_that_is_none_is_refused_with_those_there_are),
        cmocka_unit_test(tap_matches_members_of_the_head_that_are_there_or_equal),
        cmocka_unit_test(taps_go_with_kind_type_and_peer_in_any_combination),
        cmocka_unit_test(open_fits_a_filter_that_names_nothing_but_a_peer),
        cmocka_unit_test(head_that_is_no_object_fits_no_tap_and_is_shown_as_null),
        cmocka_unit_test(event_without_peer_or_packet_is_shown_by_what_it_has),
        cmocka_unit_test(filters_of_the_command_line_become_parameters),
        cmocka_unit_test(span_has_a_unit_and_is_an_hour_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

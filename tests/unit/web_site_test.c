#include "tools/web/site.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static const struct th_web_names names = {.count = 2, .name = {"node.example", "b"}};

static void addresses_localhost_and_given_names_are_ours(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "127.0.0.1",    "127.0.0.1:42480",    "192.0.2.7:1", "[::1]",
        "[::1]:42480",  "[2001:db8::1]:80",   "localhost",   "LocalHost:42480",
        "node.example", "NODE.example:42480", "b",
    };

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (!th_web_is_our_host(ours[i], &names))
            fail_msg("%s", ours[i]);
}

/* A name that its owner points at 127.0.0.1 (DNS rebinding), and what only looks like ours. */
static void other_names_are_not_ours(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "evil.example",
        "evil.example:42480",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "node.example.evil.example",
        "xnode.example",
        "localhost.",
        "localhost:",
        "localhost:x",
        "localhost:123456",
        "localhost:1:2",
        "127.0.0.1@evil.example",
        "[::1",
        "[]",
        "[evil.example]",
        "[::1]x",
        "::1",
        "127.1",
        "2130706433",
        " localhost",
    };

    assert_false(th_web_is_our_host(NULL, &names));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (th_web_is_our_host(others[i], &names))
            fail_msg("%s", others[i]);
}

static void name_of_any_length_is_looked_at_safely(void **state)
{
    (void)state;
    char host[2 * TH_WEB_NAME_MAX];

    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    assert_false(th_web_is_our_host(host, &names));
    assert_false(th_web_is_name(host));
    assert_false(th_web_is_name(""));
    assert_false(th_web_is_name("a/b"));
    assert_false(th_web_is_name("a:1"));
    assert_true(th_web_is_name("node-1.example"));
}

static void only_our_own_page_or_none_at_all_may_change_something(void **state)
{
    (void)state;
    const char *host = "127.0.0.1:42480";

    assert_true(th_web_is_same_origin(NULL, NULL, host)); /* curl */
    assert_true(th_web_is_same_origin("http://127.0.0.1:42480", "same-origin", host));
    assert_true(th_web_is_same_origin("https://127.0.0.1:42480", NULL, host)); /* a proxy */
    assert_true(th_web_is_same_origin("http://LOCALHOST", NULL, "localhost"));

    assert_false(th_web_is_same_origin("http://evil.example", NULL, host));
    assert_false(th_web_is_same_origin("http://127.0.0.1:42481", NULL, host));
    assert_false(th_web_is_same_origin("http://127.0.0.1:42480.evil.example", NULL, host));
    assert_false(th_web_is_same_origin("null", NULL, host));
    assert_false(th_web_is_same_origin("", NULL, host));
    assert_false(th_web_is_same_origin("ftp://127.0.0.1:42480", NULL, host));
    assert_false(th_web_is_same_origin(NULL, "cross-site", host));
    assert_false(th_web_is_same_origin(NULL, "same-site", host));
    assert_false(th_web_is_same_origin("http://127.0.0.1:42480", "cross-site", host));
}

static void who_names_openmetrics_gets_it(void **state)
{
    (void)state;
    const struct {
        const char *accept;
        enum th_metrics_format format;
    } rows[] = {
        {NULL, TH_METRICS_TEXT},
        {"", TH_METRICS_TEXT},
        {"*/*", TH_METRICS_TEXT},
        {"text/html,application/xhtml+xml,*/*;q=0.8", TH_METRICS_TEXT},
        {"application/openmetrics-text", TH_METRICS_OPENMETRICS},
        {"Application/OpenMetrics-Text; version=1.0.0", TH_METRICS_OPENMETRICS},
        /* Prometheus 2.42 and 3 */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         TH_METRICS_OPENMETRICS},
        {"text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.5", TH_METRICS_TEXT},
        {"text/plain, application/openmetrics-text;q=0.5", TH_METRICS_TEXT},
        {"application/openmetrics-text;q=0", TH_METRICS_TEXT},
        {"application/openmetrics-texts", TH_METRICS_TEXT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (th_web_metrics_format(rows[i].accept) != rows[i].format)
            fail_msg("%s", rows[i].accept ? rows[i].accept : "none");
}

static void only_a_hashname_is_looked_up(void **state)
{
    (void)state;
    char hex[TH_HASHNAME_HEX + 1] = "";
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{}",
        "\"ab\"",
        "{\"hashname\": 7}",
        "{\"hashname\": \"\"}",
        "{\"hashname\": \"xy\"}",
        "{\"hashname\": \"ab\", \"hashname\": \"cd\"}",
        "{\"hashname\": \"00000000000000000000000000000000000000000000000000000000000000000\"}",
    };

    assert_true(th_web_read_seek(hex, "{\"hashname\": \"aB12\"}", 20));
    assert_string_equal(hex, "aB12");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (th_web_read_seek(hex, wrong[i], strlen(wrong[i])))
            fail_msg("%s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_localhost_and_given_names_are_ours),
        cmocka_unit_test(other_names_are_not_ours),
        cmocka_unit_test(name_of_any_length_is_looked_at_safely),
        cmocka_unit_test(only_our_own_page_or_none_at_all_may_change_something),
        cmocka_unit_test(who_names_openmetrics_gets_it),
        cmocka_unit_test(only_a_hashname_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

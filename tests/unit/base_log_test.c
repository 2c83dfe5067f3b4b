#include "switch/base/err.h"
#include "switch/base/log.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

struct sink {
    unsigned count;
    enum th_log_level level;
    char topic[16];
    char text[TH_LOG_LINE_MAX];
};

static void keep(void *data, enum th_log_level level, const char *topic, const char *text)
{
    struct sink *sink = data;

    sink->count++;
    sink->level = level;
    strncpy(sink->topic, topic, sizeof sink->topic - 1);
    strncpy(sink->text, text, sizeof sink->text - 1);
}

static void a_line_reaches_the_sink_with_its_topic(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct th_log log = {.level = TH_LOG_INFO, .write = keep, .data = &sink};

    TH_LOG(&log, INFO, "line", "up peer=%s rtt_ms=%u", "abcd", 7u);

    assert_int_equal(sink.count, 1);
    assert_int_equal(sink.level, TH_LOG_INFO);
    assert_string_equal(sink.topic, "line");
    assert_string_equal(sink.text, "up peer=abcd rtt_ms=7");
}

static void finer_levels_are_not_written(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct th_log log = {.level = TH_LOG_WARN, .write = keep, .data = &sink};

    TH_LOG(&log, ERROR, "t", "written");
    TH_LOG(&log, WARN, "t", "written");
    TH_LOG(&log, INFO, "t", "not written");
    TH_LOG(&log, DEBUG, "t", "not written");

    assert_int_equal(sink.count, 2);
}

static void a_level_that_is_off_does_not_evaluate_its_values(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct th_log log = {.level = TH_LOG_ERROR, .write = keep, .data = &sink};
    int evaluated = 0;

    TH_LOG(&log, DEBUG, "t", "%d", ++evaluated);

    assert_int_equal(evaluated, 0);
}

static void without_a_log_or_a_sink_nothing_happens(void **state)
{
    (void)state;
    struct th_log silent = {.level = TH_LOG_DEBUG};

    TH_LOG(NULL, ERROR, "t", "nobody reads this");
    TH_LOG(&silent, ERROR, "t", "nor this");
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    struct sink sink = {0};
    struct th_log log = {.level = TH_LOG_INFO, .write = keep, .data = &sink};

    TH_LOG(&log, INFO, "t", "%0*d", 2 * TH_LOG_LINE_MAX, 0);

    assert_int_equal(strlen(sink.text), TH_LOG_LINE_MAX - 1);
}

static void every_level_and_error_has_words(void **state)
{
    (void)state;

    assert_string_equal(th_log_level_name(TH_LOG_ERROR), "error");
    assert_string_equal(th_log_level_name(TH_LOG_WARN), "warn");
    assert_string_equal(th_log_level_name(TH_LOG_INFO), "info");
    assert_string_equal(th_log_level_name(TH_LOG_DEBUG), "debug");
    assert_string_equal(th_strerror(TH_OK), "no error");
    assert_string_equal(th_strerror(TH_EOF), "end of the stream");
    assert_string_equal(th_strerror((enum th_err)9999), "unknown error");
    assert_string_equal(th_strerror((enum th_err) - 1), "unknown error");
    for (int e = TH_OK; e <= TH_EOF; e++)
        assert_true(strlen(th_strerror((enum th_err)e)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reaches_the_sink_with_its_topic),
        cmocka_unit_test(finer_levels_are_not_written),
        cmocka_unit_test(a_level_that_is_off_does_not_evaluate_its_values),
        cmocka_unit_test(without_a_log_or_a_sink_nothing_happens),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(every_level_and_error_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/app/logger.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

static void a_person_reads_the_time_and_the_level(void **state)
{
    (void)state;
    struct th_logger logger;
    char line[200];

    th_logger_init(&logger, STDERR_FILENO, NULL);
    size_t len = th_logger_line(line, sizeof line, &logger, 1795227206007, TH_LOG_WARN, "store",
                                "kept aside");

    assert_string_equal(line, "2026-11-21T02:13:26.007Z WARN  store: kept aside\n");
    assert_int_equal(len, strlen(line));
}

static void journald_reads_a_priority(void **state)
{
    (void)state;
    struct th_logger logger;
    struct stat st;
    char stream[64], line[200];

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    th_logger_init(&logger, STDERR_FILENO, stream);
    th_logger_line(line, sizeof line, &logger, 0, TH_LOG_ERROR, "switch", "text");
    assert_string_equal(line, "<3>switch: text\n");

    th_logger_init(&logger, STDERR_FILENO, "1:2"); /* somebody else's */
    assert_false(logger.is_journal);
    th_logger_init(&logger, STDERR_FILENO, "nonsense");
    assert_false(logger.is_journal);
}

static void a_line_stays_one_line_and_is_cut_at_its_limit(void **state)
{
    (void)state;
    struct th_logger logger = {.is_journal = true};
    char line[20];

    size_t len =
        th_logger_line(line, sizeof line, &logger, 0, TH_LOG_INFO, "a", "b\nc\033d and much more");

    assert_string_equal(line, "<6>a: b?c?d and mu\n");
    assert_int_equal(len, sizeof line - 1);
}

/* What a logger wrote to a pipe, once its end is closed. */
static void read_all(int ends[2], char *text, size_t cap)
{
    close(ends[1]);
    ssize_t n = read(ends[0], text, cap - 1);
    close(ends[0]);
    assert_true(n >= 0);
    text[n] = '\0';
}

static void a_line_is_written_to_the_descriptor(void **state)
{
    (void)state;
    static struct th_logger logger;
    int ends[2];
    char text[200];

    assert_int_equal(pipe(ends), 0);
    th_logger_init(&logger, ends[1], NULL);
    TH_LOG(&logger.log, INFO, "x", "said n=%d", 1);
    TH_LOG(&logger.log, DEBUG, "x", "not said");
    read_all(ends, text, sizeof text);
    assert_non_null(strstr(text, "INFO  x: said n=1\n"));
    assert_null(strstr(text, "not said"));
    th_logger_clear(&logger);
}

static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void a_hashname_is_short_but_where_it_is_announced(void **state)
{
    (void)state;
    static struct th_logger logger = {.is_journal = true};
    char line[TH_LOG_LINE_MAX + 64], text[200];

    snprintf(text, sizeof text, "dialed target=%s hops=3", hex);
    th_logger_line(line, sizeof line, &logger, 0, TH_LOG_DEBUG, "dialer", text);
    assert_string_equal(line, "<7>dialer: dialed target=0123456789abcdef hops=3\n");
    snprintf(text, sizeof text, "line up peer=%s", hex);
    th_logger_line(line, sizeof line, &logger, 0, TH_LOG_INFO, "switch", text);
    assert_non_null(strstr(line, hex));
}

static void a_program_reads_one_object_a_line(void **state)
{
    (void)state;
    static struct th_logger logger = {.is_json = true};
    char line[4 * TH_LOG_LINE_MAX], text[TH_LOG_LINE_MAX];

    snprintf(text, sizeof text, "dialed target=%s result=\"not \\found\" hops=3 x", hex);
    th_logger_line(line, sizeof line, &logger, 1795227206007, TH_LOG_DEBUG, "dialer", text);
    snprintf(text, sizeof text,
             "{\"at\":\"2026-11-21T02:13:26.007Z\",\"level\":\"debug\",\"topic\":\"dialer\","
             "\"text\":\"dialed target=%s result=\\\"not \\\\found\\\" hops=3 x\",",
             hex);
    assert_memory_equal(line, text, strlen(text));
    snprintf(text, sizeof text,
             "\"fields\":{\"target\":\"%s\",\"result\":\"not \\\\found\",\"hops\":3}}\n", hex);
    assert_string_equal(strstr(line, "\"fields\""), text);

    memset(text, 'x', sizeof text); /* the longest */
    text[sizeof text - 1] = '\0';
    size_t len = th_logger_line(line, sizeof line, &logger, 0, TH_LOG_INFO, "a", text);
    assert_string_equal(line + len - 3, "}}\n");
    memset(text, '"', sizeof text - 1); /* and the one that is longest once it is escaped */
    len = th_logger_line(line, sizeof line, &logger, 0, TH_LOG_INFO, "a", text);
    assert_string_equal(line + len - 2, "}\n");
    th_logger_line(line, sizeof line, &logger, 0, TH_LOG_INFO, "a", "no \xff utf8");
    assert_non_null(strstr(line, "\"no ? utf8\""));
}

static void lines_stay_in_memory_and_a_slow_reader_learns_what_it_missed(void **state)
{
    (void)state;
    static struct th_logger logger;
    struct th_log_line line;
    uint64_t next = 0, lost;

    th_logger_init(&logger, -1, NULL);
    assert_false(th_logger_read(&logger, &next, &line, &lost));
    TH_LOG(&logger.log, INFO, "udp", "one");
    assert_true(th_logger_read(&logger, &next, &line, &lost));
    assert_string_equal(line.text, "one");
    assert_string_equal(line.topic, "udp");
    assert_int_equal(lost, 0);
    assert_int_equal(next, 1);

    for (unsigned i = 0; i < TH_LOG_RING + 3; i++)
        TH_LOG(&logger.log, INFO, "udp", "more n=%u", i);
    assert_true(th_logger_read(&logger, &next, &line, &lost));
    assert_int_equal(lost, 3);
    assert_string_equal(line.text, "more n=3");
    th_logger_clear(&logger);
}

static void who_follows_gets_finer_lines_than_the_descriptor(void **state)
{
    (void)state;
    static struct th_logger logger;
    struct th_log_line line;
    uint64_t next = 0, lost;
    int ends[2];
    char text[200];

    assert_int_equal(pipe(ends), 0);
    th_logger_init(&logger, ends[1], NULL);
    th_logger_set(&logger, TH_LOG_WARN, false);
    TH_LOG(&logger.log, INFO, "x", "for nobody");
    th_logger_follow(&logger, TH_LOG_DEBUG, true);
    TH_LOG(&logger.log, DEBUG, "x", "for one");
    th_logger_follow(&logger, TH_LOG_DEBUG, false);
    TH_LOG(&logger.log, INFO, "x", "for nobody");

    assert_true(th_logger_read(&logger, &next, &line, &lost));
    assert_string_equal(line.text, "for one");
    assert_false(th_logger_read(&logger, &next, &line, &lost));
    read_all(ends, text, sizeof text);
    assert_string_equal(text, "");
    th_logger_clear(&logger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_reads_the_time_and_the_level),
        cmocka_unit_test(journald_reads_a_priority),
        cmocka_unit_test(a_line_stays_one_line_and_is_cut_at_its_limit),
        cmocka_unit_test(a_line_is_written_to_the_descriptor),
        cmocka_unit_test(a_hashname_is_short_but_where_it_is_announced),
        cmocka_unit_test(a_program_reads_one_object_a_line),
        cmocka_unit_test(lines_stay_in_memory_and_a_slow_reader_learns_what_it_missed),
        cmocka_unit_test(who_follows_gets_finer_lines_than_the_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

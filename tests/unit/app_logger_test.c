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

static void a_line_is_written_to_the_descriptor(void **state)
{
    (void)state;
    struct th_logger logger;
    int ends[2];
    char text[200] = "";

    assert_int_equal(pipe(ends), 0);
    th_logger_init(&logger, ends[1], NULL);
    struct th_log log = th_logger_log(&logger, TH_LOG_INFO);
    TH_LOG(&log, INFO, "x", "said n=%d", 1);
    TH_LOG(&log, DEBUG, "x", "not said");
    close(ends[1]);

    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(n > 0);
    assert_non_null(strstr(text, "INFO  x: said n=1\n"));
    assert_null(strstr(text, "not said"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_reads_the_time_and_the_level),
        cmocka_unit_test(journald_reads_a_priority),
        cmocka_unit_test(a_line_stays_one_line_and_is_cut_at_its_limit),
        cmocka_unit_test(a_line_is_written_to_the_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

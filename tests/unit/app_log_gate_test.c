#include "tools/app/log_gate.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static void a_line_that_comes_again_is_counted(void **state)
{
    (void)state;
    struct th_log_gate gate;
    struct th_log_notes notes;

    th_log_gate_init(&gate, 0);
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_WARN, "udp", "full", &notes));
    for (unsigned i = 0; i < 7; i++)
        assert_false(th_log_gate_pass(&gate, i, TH_LOG_WARN, "udp", "full", &notes));
    assert_string_equal(notes.repeated.text, "");

    assert_true(th_log_gate_pass(&gate, 9, TH_LOG_INFO, "udp", "other", &notes));
    assert_string_equal(notes.repeated.text, "last line repeated 7 times");
    assert_int_equal(notes.repeated.level, TH_LOG_WARN);
    assert_true(th_log_gate_pass(&gate, 9, TH_LOG_WARN, "udp", "full", &notes));
    assert_string_equal(notes.repeated.text, "");
}

static void the_same_words_of_another_topic_or_level_are_another_line(void **state)
{
    (void)state;
    struct th_log_gate gate;
    struct th_log_notes notes;

    th_log_gate_init(&gate, 0);
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_WARN, "udp", "full", &notes));
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_WARN, "keeper", "full", &notes));
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_ERROR, "keeper", "full", &notes));
}

static void a_line_that_never_ends_is_told_now_and_then(void **state)
{
    (void)state;
    struct th_log_gate gate;
    struct th_log_notes notes;
    unsigned told = 0;

    th_log_gate_init(&gate, 0);
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_WARN, "udp", "full", &notes));
    for (th_ms now = 1000; now <= 60000; now += 1000) {
        assert_false(th_log_gate_pass(&gate, now, TH_LOG_WARN, "udp", "full", &notes));
        told += notes.repeated.text[0] != '\0';
    }
    assert_int_equal(told, 6);
}

static void a_flood_is_cut_and_what_was_cut_is_told(void **state)
{
    (void)state;
    struct th_log_gate gate;
    struct th_log_notes notes;
    unsigned passed = 0;
    char text[32];

    th_log_gate_init(&gate, 0);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "line %u", i);
        passed += th_log_gate_pass(&gate, 0, TH_LOG_DEBUG, "switch", text, &notes);
    }
    assert_int_equal(passed, TH_LOG_BURST);
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_ERROR, "switch", "still heard", &notes));

    assert_true(th_log_gate_pass(&gate, 1000, TH_LOG_DEBUG, "switch", "again", &notes));
    assert_string_equal(notes.suppressed.text, "suppressed lines=1500 level=debug");
    assert_true(th_log_gate_pass(&gate, 1000, TH_LOG_DEBUG, "switch", "and again", &notes));
    assert_string_equal(notes.suppressed.text, "");
}

static void at_the_end_all_is_told(void **state)
{
    (void)state;
    struct th_log_gate gate;
    struct th_log_notes notes;

    th_log_gate_init(&gate, 0);
    assert_true(th_log_gate_pass(&gate, 0, TH_LOG_INFO, "a", "b", &notes));
    assert_false(th_log_gate_pass(&gate, 0, TH_LOG_INFO, "a", "b", &notes));

    th_log_gate_end(&gate, &notes);
    assert_string_equal(notes.repeated.text, "last line repeated 1 times");
    th_log_gate_end(&gate, &notes);
    assert_string_equal(notes.repeated.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_comes_again_is_counted),
        cmocka_unit_test(the_same_words_of_another_topic_or_level_are_another_line),
        cmocka_unit_test(a_line_that_never_ends_is_told_now_and_then),
        cmocka_unit_test(a_flood_is_cut_and_what_was_cut_is_told),
        cmocka_unit_test(at_the_end_all_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

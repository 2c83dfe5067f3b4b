#include "tools/app/utf8.h"

#include <jansson.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static void assert_mended(const char *text, bool is_cut, const char *wanted)
{
    char copy[64];

    snprintf(copy, sizeof copy, "%s", text);
    th_utf8_mend(copy, is_cut);
    assert_string_equal(copy, wanted);
}

static void what_is_utf8_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain",
                                       "\u00fc",
                                       "\u20ac \U0001f600",
                                       "\xc2\x80\u07ff\u0800",
                                       "\uffff\U00010000\U0010ffff"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_mended(good[i], false, good[i]);
        assert_mended(good[i], true, good[i]);
    }
}

static void bytes_that_are_none_become_question_marks(void **state)
{
    (void)state;

    assert_mended("d\xe9ja/x", false, "d?ja/x");
    assert_mended("\x80\xbf", false, "??");
    assert_mended("\xc0\xaf", false, "??");              /* '/' in two bytes */
    assert_mended("\xed\xa0\x80", false, "???");         /* half of a pair of UTF-16 */
    assert_mended("\xf4\x90\x80\x80", false, "????");    /* beyond the last one */
    assert_mended("\xe2\x82", false, "??");              /* not cut by us */
    assert_mended("\xe2\x82 \u20ac", true, "?? \u20ac"); /* not at the end */
}

static void half_a_character_at_a_cut_is_left_out(void **state)
{
    (void)state;

    assert_mended("a\xc3", true, "a");
    assert_mended("a\xe2\x82", true, "a");
    assert_mended("\xf0\x9f\x98", true, "");
    assert_mended("a\xff", true, "a?"); /* no character begins so */
}

/* Whoever takes what was mended is jansson, so it decides. */
static void whatever_it_was_json_takes_it(void **state)
{
    (void)state;

    for (unsigned first = 0x7f; first < 0x100; first++)
        for (unsigned second = 0x7f; second < 0x100; second++)
            for (unsigned third = 0x7f; third < 0x100; third += 0x08) {
                char text[] = {(char)first, (char)second, (char)third, (char)0x80, 'x', 0};
                json_t *before = json_string(text);
                char copy[sizeof text];

                memcpy(copy, text, sizeof text);
                th_utf8_mend(copy, false);
                json_t *after = json_string(copy);
                assert_non_null(after);
                assert_int_equal(before != NULL, strcmp(copy, text) == 0);
                json_decref(before);
                json_decref(after);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_utf8_stays_as_it_is),
        cmocka_unit_test(bytes_that_are_none_become_question_marks),
        cmocka_unit_test(half_a_character_at_a_cut_is_left_out),
        cmocka_unit_test(whatever_it_was_json_takes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

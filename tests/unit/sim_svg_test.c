/* Numbers and texts of charts; whole pages are read by tests/live/report_test.py. */
#include "tests/lib/test_cmocka.h"
#include "tools/sim/svg.h"
#include "tools/cli/xml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define _ "\xC2\xA0" /* a space where no line is broken */

static void numbers_have_three_digits_that_count_and_their_unit(void **state)
{
    (void)state;
    static const struct {
        double value;
        enum th_svg_unit unit;
        const char *text;
    } rows[] = {
        {0, TH_SVG_COUNT, "0"},
        {7, TH_SVG_COUNT, "7"},
        {9999, TH_SVG_COUNT, "9999"},
        {0.25, TH_SVG_COUNT, "0.25"},
        {12345, TH_SVG_COUNT, "12.3" _ "k"},
        {1e6, TH_SVG_COUNT, "1" _ "M"},
        {99.9, TH_SVG_PERCENT, "99.9" _ "%"},
        {100, TH_SVG_PERCENT, "100" _ "%"},
        {250, TH_SVG_MS, "250" _ "ms"},
        {1500, TH_SVG_MS, "1.5" _ "s"},
        {999.4, TH_SVG_MS, "999" _ "ms"},
        {999.6, TH_SVG_MS, "1" _ "s"},
        {0, TH_SVG_BYTES, "0" _ "B"},
        {1234567, TH_SVG_BYTES, "1.23" _ "MB"},
        {1000, TH_SVG_RATE, "1" _ "kB/s"},
        {90000, TH_SVG_CLOCK, "1:30"},
        {3599999, TH_SVG_CLOCK, "60:00"},
        {1e18, TH_SVG_BYTES, "1000" _ "PB"},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TH_SVG_NUMBER_MAX];
        th_svg_number(text, rows[i].value, rows[i].unit);
        assert_string_equal(text, rows[i].text);
    }
}

static void axis_ends_at_a_round_number_that_holds_the_largest(void **state)
{
    (void)state;
    static const double rows[][2] = {{0, 1},     {1, 1},     {37, 40},
                                     {100, 100}, {101, 120}, {0.07, 0.08}};

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(fabs(th_svg_round_up(rows[i][0]) - rows[i][1]) < 1e-9 * rows[i][1]);
    for (double max = 1e-3; max < 1e9; max *= 1.7) {
        assert_true(th_svg_round_up(max) >= max);
        assert_true(th_svg_round_up(max) <= 1.5 * max);
    }
}

static void what_is_special_is_escaped_and_what_must_not_be_is_replaced(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    th_xml_text(out, "a<b>&\"'\x01\n\x7f \xEF\xBF\xBF \xC3\xA9");
    fclose(out);

    assert_string_equal(text, "a&lt;b&gt;&amp;&quot;&#39;    \xEF\xBF\xBD \xC3\xA9");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_three_digits_that_count_and_their_unit),
        cmocka_unit_test(axis_ends_at_a_round_number_that_holds_the_largest),
        cmocka_unit_test(what_is_special_is_escaped_and_what_must_not_be_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

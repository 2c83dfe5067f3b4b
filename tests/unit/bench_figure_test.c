/* Statistics and form of a benchmark's figures. Nothing is timed here. */
#include "tests/lib/test_cmocka.h"
#include "tools/bench/figure.h"

#include <stdlib.h>
#include <string.h>

static struct th_samples samples_of(const double *values, unsigned count)
{
    struct th_samples samples = {0};

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(th_samples_add(&samples, values[i]), TH_OK);
    return samples;
}

static double median_of(const double *values, unsigned count)
{
    struct th_samples samples = samples_of(values, count);
    double median = th_samples_median(&samples);

    th_samples_clear(&samples);
    return median;
}

/* A figure of one round, less being better, beside a reference (0: not had). */
static struct th_figure figure_of(double value, double reference)
{
    struct th_samples ours = samples_of(&value, 1), theirs = samples_of(&reference, 1);
    struct th_figure figure = {.suite = "packets",
                               .name = "seek_cpu",
                               .what = "a seek",
                               .unit = "us",
                               .is_less_better = true,
                               .reference = "echo",
                               .goal = 0.4};

    th_figure_fill(&figure, &ours, reference > 0 ? &theirs : NULL);
    th_samples_clear(&ours);
    th_samples_clear(&theirs);
    return figure;
}

static bool is_near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

static void median_is_the_middle_value_whatever_the_order(void **state)
{
    (void)state;
    const double odd[] = {9, 1, 5, 1000, 2}, even[] = {4, 1, 3, 2}, one[] = {7};

    assert_true(is_near(median_of(odd, 5), 5));
    assert_true(is_near(median_of(even, 4), 2.5));
    assert_true(is_near(median_of(one, 1), 7));
    assert_true(is_near(median_of(NULL, 0), 0));
}

static void figure_has_the_extremes_and_the_number_of_its_rounds(void **state)
{
    (void)state;
    double values[20];
    for (unsigned i = 0; i < 20; i++)
        values[i] = (double)((i * 7) % 20); /* 0..19, mixed */
    struct th_samples samples = samples_of(values, 20);
    struct th_figure figure = {.unit = "us"};

    th_figure_fill(&figure, &samples, NULL);

    assert_true(is_near(figure.value, 9.5));
    assert_true(is_near(figure.min, 0));
    assert_true(is_near(figure.max, 19));
    assert_int_equal(figure.rounds, 20);
    th_samples_clear(&samples);
}

static void ratio_is_above_one_when_we_are_better_whichever_way_the_unit_counts(void **state)
{
    (void)state;
    struct th_figure figure = figure_of(2, 4);

    assert_true(is_near(th_figure_ratio(&figure), 2));
    figure.is_less_better = false;
    assert_true(is_near(th_figure_ratio(&figure), 0.5));
}

static void goal_is_one_of_the_ratio_where_there_is_a_reference(void **state)
{
    (void)state;
    struct th_figure reached = figure_of(10, 4), missed = figure_of(10.1, 4);

    assert_true(th_figure_is_reached(&reached));
    assert_false(th_figure_is_reached(&missed));
}

static void goal_is_not_reached_while_the_reference_is_missing(void **state)
{
    (void)state;
    struct th_figure figure = figure_of(0.001, 0);

    assert_false(figure.has_reference);
    assert_false(th_figure_is_reached(&figure));
}

static void goal_is_one_of_the_value_where_nothing_is_compared(void **state)
{
    (void)state;
    struct th_figure figure = figure_of(3, 0);

    figure.reference = NULL;
    figure.goal = 3;
    assert_true(th_figure_is_reached(&figure));
    figure.goal = 2.5;
    assert_false(th_figure_is_reached(&figure));
    figure.is_less_better = false;
    assert_true(th_figure_is_reached(&figure));
}

/* Writes by one of the two, and compares. */
static void assert_writes(void (*write)(FILE *, const struct th_figure *),
                          const struct th_figure *figure, const char *expected)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    write(out, figure);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void json_of_a_figure_is_one_line_with_all_members(void **state)
{
    (void)state;
    struct th_figure figure = figure_of(10, 4.5);

    assert_writes(th_figure_write_json, &figure,
                  "{\"suite\":\"packets\",\"name\":\"seek_cpu\",\"value\":10,\"unit\":\"us\","
                  "\"min\":10,\"max\":10,\"reference\":\"echo\",\"reference_value\":4.5,"
                  "\"ratio\":0.45,\"goal\":0.4,\"rounds\":1}\n");
}

static void json_says_null_for_what_is_not_there(void **state)
{
    (void)state;
    struct th_figure figure = figure_of(10, 0);

    assert_writes(th_figure_write_json, &figure,
                  "{\"suite\":\"packets\",\"name\":\"seek_cpu\",\"value\":10,\"unit\":\"us\","
                  "\"min\":10,\"max\":10,\"reference\":\"echo\",\"reference_value\":null,"
                  "\"ratio\":null,\"goal\":0.4,\"rounds\":1}\n");
    figure.reference = NULL;
    assert_writes(th_figure_write_json, &figure,
                  "{\"suite\":\"packets\",\"name\":\"seek_cpu\",\"value\":10,\"unit\":\"us\","
                  "\"min\":10,\"max\":10,\"reference\":null,\"reference_value\":null,"
                  "\"ratio\":null,\"goal\":0.4,\"rounds\":1}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_is_the_middle_value_whatever_the_order),
        cmocka_unit_test(figure_has_the_extremes_and_the_number_of_its_rounds),
        cmocka_unit_test(ratio_is_above_one_when_we_are_better_whichever_way_the_unit_counts),
        cmocka_unit_test(goal_is_one_of_the_ratio_where_there_is_a_reference),
        cmocka_unit_test(goal_is_not_reached_while_the_reference_is_missing),
        cmocka_unit_test(goal_is_one_of_the_value_where_nothing_is_compared),
        cmocka_unit_test(json_of_a_figure_is_one_line_with_all_members),
        cmocka_unit_test(json_says_null_for_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * figure.h - one figure of a benchmark: values of its rounds, what they are compared to, how it is
 * shown.
 *
 * A figure is a median of rounds beside the median of a reference that was taken in the same run, in
 * turns, because absolute times drift on shared machines. Their ratio is above 1 when we are better,
 * whichever way the unit counts.
 *
 * Floor:  7 (bench).
 * Thread: any.
 */
#ifndef TH_BENCH_FIGURE_H
#define TH_BENCH_FIGURE_H

#include "switch/base/check.h"
#include "switch/base/err.h"

#include <stdbool.h>
#include <stdio.h>

enum { TH_ROUNDS_DEFAULT = 5, TH_ROUNDS_MAX = 1000 };

/* What was measured in each round, in its unit. A zeroed one is empty. */
struct th_samples {
    double *at;
    unsigned count, room;
};

/* Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_samples_add(struct th_samples *samples, double value);

/* The middle value, or the mean of the two in the middle; 0 when empty. Sorts in place. */
double th_samples_median(struct th_samples *samples);

void th_samples_clear(struct th_samples *samples);

/* All texts are borrowed and constant, without anything that JSON would escape. */
struct th_figure {
    const char *suite, *name;
    const char *what; /* for people: what is measured */
    const char *unit;
    bool is_less_better;
    double value, min, max; /* median and extremes of the rounds */

    const char *reference; /* what it is compared to; NULL: nothing */
    bool has_reference;    /* false: it is not on this machine, or there is none */
    double reference_value;

    double goal; /* of the ratio where there is a reference (had or not), else of the value */
    unsigned rounds;
};

/* Fills value, min, max, reference_value and rounds. Empty reference: not had. */
void th_figure_fill(struct th_figure *figure, struct th_samples *samples,
                    struct th_samples *reference);

/* How many times better than the reference; 0 without one. */
double th_figure_ratio(const struct th_figure *figure);

/* True when the goal is reached; false also when the reference is missing. */
bool th_figure_is_reached(const struct th_figure *figure);

/* {"suite",…,"rounds"} and a newline; null for what is not had. */
void th_figure_write_json(FILE *out, const struct th_figure *figure);

/* A row of the table for people, and the row above the first. */
void th_figure_write_head(FILE *out);
void th_figure_write_row(FILE *out, const struct th_figure *figure);

#endif

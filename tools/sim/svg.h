/*
 * svg.h - small charts for a page: bars, lines and marks over axes with ticks.
 *
 *     struct th_svg svg = {.out = out, .title = "Hops", .x = {.to = 4}, .y = {.to = 60}};
 *     th_svg_begin(&svg);
 *     th_svg_bar(&svg, 0, 1, 37, "37 % are links already");
 *     th_svg_end(&svg);
 *
 * What comes out is well-formed XML, and says on hovering what it shows. It has no colours of its own:
 * the page gives them to the classes axis, grid, tick, bar, line-1, line-2, dot, bad, mark and hover.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_SVG_H
#define TH_SIM_SVG_H

#include <stdbool.h>
#include <stdio.h>

enum { TH_SVG_NUMBER_MAX = 32, TH_SVG_MARK_ROWS_MAX = 3 };

/* How numbers are written. */
enum th_svg_unit {
    TH_SVG_COUNT,   /* 1,250 or 12.5 k */
    TH_SVG_PERCENT, /* 12.5 % */
    TH_SVG_MS,      /* 250 ms or 1.5 s; given in ms */
    TH_SVG_BYTES,   /* 250 B or 1.5 kB */
    TH_SVG_RATE,    /* the same with /s */
    TH_SVG_CLOCK    /* 12:30, minutes and seconds; given in ms */
};

struct th_svg_axis {
    const char *label; /* NULL: none */
    double from, to;   /* to > from; of a growing axis, from > 0 */
    bool is_growing;   /* each decade is as long */
    bool is_of_steps;  /* whole numbers n stand under the middle of n to n + 1 */
    enum th_svg_unit unit;
};

/* Embed by value; fill the first part. */
struct th_svg {
    FILE *out;
    const char *title; /* for who does not see it */
    struct th_svg_axis x, y;
    unsigned mark_rows; /* of words above the chart, 0..TH_SVG_MARK_ROWS_MAX */

    double top;                           /* its own */
    double row_end[TH_SVG_MARK_ROWS_MAX]; /* how far words reach */
};

struct th_svg_point {
    double x, y; /* y NAN: the line has a gap here */
};

/* Writes a number as the unit wants it, with three digits that count. */
void th_svg_number(char text[TH_SVG_NUMBER_MAX], double value, enum th_svg_unit unit);

/* The end of an axis from 0 that holds max: a round number, and not 0. */
double th_svg_round_up(double max);

/* Opens it, with axes, ticks and grid. */
void th_svg_begin(struct th_svg *svg);

/* tip of all these: what hovering tells, NULL: nothing. Parts beyond the axes are cut off. */

/* A bar from one x to another. */
void th_svg_bar(struct th_svg *svg, double from, double to, double y, const char *tip);

/* A line; kind 1 or 2, for its colour. */
void th_svg_line(struct th_svg *svg, unsigned kind, const struct th_svg_point *points,
                 unsigned count);

/* A dot on a line. */
void th_svg_dot(struct th_svg *svg, double x, double y, bool is_bad, const char *tip);

/* Something that has no look of its own but tells. */
void th_svg_hover(struct th_svg *svg, double from, double to, const char *tip);

/* A stretch of x, or a moment when from is to, with words above where there is room for them. Marks
 * come in order of from. */
void th_svg_mark(struct th_svg *svg, double from, double to, const char *words);

void th_svg_end(struct th_svg *svg);

#endif

/*
 * report_inside.h - what the files of the report share.
 *
 * Floor:  7 (sim); private to report.
 * Thread: one.
 */
#ifndef TH_SIM_REPORT_INSIDE_H
#define TH_SIM_REPORT_INSIDE_H

#include "tools/sim/report.h"
#include "tools/sim/svg.h"

#include <jansson.h>

struct th_report {
    unsigned count;
    json_t *result[TH_REPORT_RESULTS_MAX]; /* each fits th_report_fits */
};

/* --- reading (report_read.c) --- */

/* Whether it has all that a page shows, in bounds; else the complaint is filled. */
bool th_report_fits(const json_t *result, char *complaint);

/* What is at a path of members, "lookups.sent"; NULL when there is nothing. */
json_t *th_report_at(const json_t *result, const char *path);

/* A number or text there; 0 and "" for anything else. */
double th_report_number(const json_t *result, const char *path);
const char *th_report_text(const json_t *result, const char *path);

/* --- a result's histogram (report_histogram.c) --- */

struct th_report_histogram {
    const char *member; /* of "histograms" */
    const char *title, *x_label;
    const char *of; /* what is counted: "lookups", "nodes" */
    enum th_svg_unit unit;
    const char *p50, *p95; /* where the result says so; NULL: not told */
};

/* Draws it for one result, on axes that hold those of all. */
void th_report_histogram(const struct th_report *report, unsigned i,
                         const struct th_report_histogram *chart, FILE *out);

/* Of how many links a node has in each bucket. */
void th_report_buckets(const struct th_report *report, unsigned i, FILE *out);

/* --- the course of time (report_time.c) --- */

void th_report_success(const struct th_report *report, unsigned i, FILE *out);
void th_report_nodes(const struct th_report *report, unsigned i, FILE *out);
void th_report_rate(const struct th_report *report, unsigned i, FILE *out);

/* --- tables (report_table.c) --- */

/* Writes a whole number, with a comma after each thousand. */
void th_report_whole(FILE *out, double value);

void th_report_summary(const struct th_report *report, FILE *out);
void th_report_figures(const struct th_report *report, FILE *out);
void th_report_messages(const struct th_report *report, FILE *out);
void th_report_drops(const struct th_report *report, FILE *out);
void th_report_failures(const struct th_report *report, FILE *out);

/* The style of the page (report_style.c). */
extern const char th_report_style[];

#endif

/*
 * report.h - results of runs as one page with pictures.
 *
 * The page is one file of well-formed HTML: it needs no network, no script and nothing beside it, and
 * all that it shows of a result is escaped.
 *
 * Floor:  7 (sim).
 * Thread: one.
 * Limits: TH_REPORT_RESULTS_MAX results of TH_REPORT_BYTES_MAX bytes.
 */
#ifndef TH_SIM_REPORT_H
#define TH_SIM_REPORT_H

#include <stdbool.h>
#include <stdio.h>

enum { TH_REPORT_RESULTS_MAX = 12, TH_REPORT_BYTES_MAX = 16 << 20, TH_REPORT_COMPLAINT_MAX = 256 };

struct th_report; /* what was read */

/* Begins an empty one; end it with th_report_free. */
struct th_report *th_report_new(void);
void th_report_free(struct th_report *report);

/*
 * Reads and checks one result, as `thsim run` writes it; no more than TH_REPORT_RESULTS_MAX.
 * path  "-": standard input.
 * Returns false with the complaint filled (TH_REPORT_COMPLAINT_MAX) when there is no such file or it
 * is no such result; then the report is as before.
 */
bool th_report_read(struct th_report *report, const char *path, char *complaint);

/* Writes the page. Whether out could be written to is for the caller to ask (ferror). */
void th_report_write(const struct th_report *report, FILE *out);

#endif

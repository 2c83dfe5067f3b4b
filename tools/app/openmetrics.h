/*
 * openmetrics.h - the numbers of a node as the text that Prometheus and its kin read.
 *
 * Pure: the result of the control method `metrics` goes in, text comes out; thctl and telehash-web
 * share it. A number that the daemon does not know now (null) has no line, so that it is missing and
 * not 0.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_OPENMETRICS_H
#define TH_APP_OPENMETRICS_H

#include <jansson.h>
#include <stdio.h>

/* They differ in what a counter is called in HELP and TYPE, and OpenMetrics has infos. Both have the
 * same samples. */
enum th_metrics_format {
    TH_METRICS_OPENMETRICS, /* OpenMetrics 1.0.0 */
    TH_METRICS_TEXT         /* Prometheus text format 0.0.4, which promtool and old readers want */
};

/* What an HTTP server calls it. */
const char *th_metrics_content_type(enum th_metrics_format format);

/* Writes it, up to the closing "# EOF". */
void th_metrics_write(FILE *out, const json_t *metrics, enum th_metrics_format format);

#endif

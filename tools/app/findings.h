/*
 * findings.h - what a look for trouble came to: one line for each thing that was looked at.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_FINDINGS_H
#define TH_APP_FINDINGS_H

#include "switch/base/check.h"

#include <jansson.h>
#include <stdbool.h>

enum { TH_FINDINGS_MAX = 40, TH_FINDING_TEXT_MAX = 320 };

enum th_verdict { TH_VERDICT_OK, TH_VERDICT_WARN, TH_VERDICT_BAD, TH_VERDICT_UNKNOWN };

struct th_finding {
    const char *check; /* "clock"; static */
    enum th_verdict verdict;
    char text[TH_FINDING_TEXT_MAX];
    char next[TH_FINDING_TEXT_MAX]; /* what to do; "" nothing */
};

/* A zeroed one is empty. */
struct th_findings {
    unsigned count, left_out;
    struct th_finding finding[TH_FINDINGS_MAX];
};

/* Adds a line; what does not find room is counted. */
void th_find(struct th_findings *findings, const char *check, enum th_verdict verdict,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Says what to do about the line that was added last. */
void th_advise(struct th_findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "ok", "warn", "bad", "unknown". */
const char *th_verdict_word(enum th_verdict verdict);

/* [{check, verdict, text, next}]; NULL without memory. */
json_t *th_findings_json(const struct th_findings *findings);

#endif

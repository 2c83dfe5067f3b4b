/*
 * log_gate.h - what of many log lines is worth writing: a line that comes again and again is written
 * once and counted, and no level may write faster than a reader could follow.
 *
 *     if (th_log_gate_pass(&gate, now, level, topic, text, &notes))
 *         write the notes, then the line; else only the notes
 *
 * Floor:  7 (app), sans-I/O.
 * Thread: the owner's.
 * Limits: TH_LOG_PER_S lines a second of each level, TH_LOG_BURST at once; what is over is counted.
 */
#ifndef TH_APP_LOG_GATE_H
#define TH_APP_LOG_GATE_H

#include "switch/base/limit.h"
#include "switch/base/log.h"

enum {
    TH_LOG_PER_S = 50, /* 2 MB in ten minutes of the longest lines */
    TH_LOG_BURST = 500,
    TH_LOG_REPEAT_MS = 10000, /* how often it is said that a line still comes */
    TH_LOG_LEVELS = TH_LOG_DEBUG + 1,
    TH_LOG_TOPIC_MAX = 24
};

/* A line of the gate's own; text "" for none. */
struct th_log_note {
    enum th_log_level level;
    char text[64];
};
struct th_log_notes {
    struct th_log_note repeated, suppressed;
};

struct th_log_gate {
    enum th_log_level level; /* of the line that was written last */
    char topic[TH_LOG_TOPIC_MAX];
    char text[TH_LOG_LINE_MAX]; /* "": none */
    unsigned repeats;           /* not told yet */
    th_ms told_at;
    struct th_limit limit[TH_LOG_LEVELS];
    uint64_t suppressed[TH_LOG_LEVELS]; /* not told yet */
};

void th_log_gate_init(struct th_log_gate *gate, th_ms now);

/* Whether to write a line; notes are filled, and written before it in any case. */
bool th_log_gate_pass(struct th_log_gate *gate, th_ms now, enum th_log_level level,
                      const char *topic, const char *text, struct th_log_notes *notes);

/* A line could not be written: it counts as suppressed. */
void th_log_gate_miss(struct th_log_gate *gate, enum th_log_level level);

/* What was not told yet, at the end. */
void th_log_gate_end(struct th_log_gate *gate, struct th_log_notes *notes);

#endif

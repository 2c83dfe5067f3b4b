/*
 * logger.h - log lines on a descriptor: for a person with the time, for journald with a priority, for
 * programs as JSON. What repeats, comes too fast or finds a reader that hangs is counted instead (log_gate.h).
 *
 * The latest lines stay in memory too, and whoever looks at them may ask for a finer level than the
 * descriptor's: while somebody does, all write at that level, and the descriptor gets what it got.
 *
 * Floor:  7 (app).
 * Thread: any; each line is one write, so that lines of several threads never mix.
 * Limits: TH_LOG_RING lines in memory, some 50 kB, at most 300 kB; a reader that is slower learns how
 *         many it missed.
 */
#ifndef TH_APP_LOGGER_H
#define TH_APP_LOGGER_H

#include "switch/base/clock.h"
#include "tools/app/log_gate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { TH_LOG_RING = 512 };

/* One line; memory of the ring. */
struct th_log_line {
    th_epoch_ms at;
    enum th_log_level level;
    char topic[TH_LOG_TOPIC_MAX];
    char text[TH_LOG_LINE_MAX];
};

struct th_logger {
    struct th_log log; /* for servers; borrowed for their life */
    int fd;
    bool is_journal; /* `<N>topic: text`; else `2026-11-21T01:42:06.123Z INFO  topic: text` */

    pthread_mutex_t lock; /* guards all that follows; held for a moment and one write */
    bool is_json;         /* `{"at":…,"level":…,"topic":…,"text":…,"fields":{…}}` */
    enum th_log_level level;
    struct th_log_gate gate;
    unsigned followers[TH_LOG_LEVELS];
    uint64_t count; /* lines that were ever kept */
    struct th_log_line
        *ring[TH_LOG_RING]; /* line n is at n % TH_LOG_RING, each as long as its text */
};

/* A logger on a descriptor. JOURNAL_STREAM (journal_stream, NULL: not set) says whether that is
 * journald's: its device and inode. */
void th_logger_init(struct th_logger *logger, int fd, const char *journal_stream);

/* Tells what was not told yet: repeats, and what was suppressed. */
void th_logger_flush(struct th_logger *logger);

/* Frees the lines; nobody may log any more. */
void th_logger_clear(struct th_logger *logger);

/* Sets what the descriptor gets, from now on. */
void th_logger_set(struct th_logger *logger, enum th_log_level level, bool is_json);

/* Somebody wants lines of this level in memory; until the same is said with is_on false. */
void th_logger_follow(struct th_logger *logger, enum th_log_level level, bool is_on);

/*
 * Copies line number *next, or the oldest that is still there, and moves on.
 * next  changed; begins at 0.
 * lost  filled: so many between the one that was asked for and this one are gone.
 * Returns false, all untouched, when there is none yet.
 */
bool th_logger_read(struct th_logger *logger, uint64_t *next, struct th_log_line *out,
                    uint64_t *lost);

/* The topics that lines have, closed by NULL. */
extern const char *const th_log_topics[];

/*
 * Makes a line with its newline. Control characters of the text become '?'. A hashname in it is cut to
 * 16 digits, but for JSON and in the line that announces a line or a link.
 * Returns its length; cut to cap - 1 at most, newline included.
 */
size_t th_logger_line(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                      enum th_log_level level, const char *topic, const char *text);

#endif

/*
 * logger.h - log lines on a descriptor: for a person with the time, for journald with a priority.
 *
 * Floor:  7 (app).
 * Thread: any; each line is one write, so that lines of several threads never mix.
 */
#ifndef TH_APP_LOGGER_H
#define TH_APP_LOGGER_H

#include "switch/base/clock.h"
#include "switch/base/log.h"

#include <stdbool.h>
#include <stddef.h>

struct th_logger {
    int fd;
    bool is_journal; /* `<N>topic: text`; else `2026-11-21T01:42:06.123Z INFO topic: text` */
};

/* A logger on a descriptor. JOURNAL_STREAM (journal_stream, NULL: not set) says whether that is
 * journald's: its device and inode. */
void th_logger_init(struct th_logger *logger, int fd, const char *journal_stream);

/* A log that writes there. logger: borrowed for the log's life. */
struct th_log th_logger_log(struct th_logger *logger, enum th_log_level level);

/*
 * Makes a line with its newline. Control characters of the text become '?'.
 * Returns its length; cut to cap - 1 at most, newline included.
 */
size_t th_logger_line(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                      enum th_log_level level, const char *topic, const char *text);

#endif

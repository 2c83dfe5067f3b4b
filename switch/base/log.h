/*
 * log.h - one line for what an operator may want to know.
 *
 * ERROR: somebody must act. WARN: we gave something up. INFO: life cycle, a line, a link. DEBUG: a
 * packet. What a peer can cause at will is counted, never logged above DEBUG. Hashnames are written
 * as 16 hex digits (32 bytes of the line that announces a line or link: all 64); secrets and bodies
 * never. Floors 0-2 return reasons instead of logging.
 *
 * Floor:  0.
 * Thread: any; the sink must be so too.
 */
#ifndef TH_BASE_LOG_H
#define TH_BASE_LOG_H

#include <stdatomic.h>

enum th_log_level { TH_LOG_ERROR, TH_LOG_WARN, TH_LOG_INFO, TH_LOG_DEBUG };

enum { TH_LOG_LINE_MAX = 512 }; /* a longer line is cut */

/* topic is the file's name; text is one line without newline, borrowed until return. */
typedef void (*th_log_fn)(void *data, enum th_log_level level, const char *topic, const char *text);

/* Embed by value; a zeroed one writes nothing. While a server uses it only the level changes. */
struct th_log {
    _Atomic(enum th_log_level) level; /* the finest that is written */
    th_log_fn write;                  /* NULL: nothing is written */
    void *data;
};

/* Writes one line `verb key=value …` when the level is on; off costs one compare. log may be NULL. */
#define TH_LOG(log, severity, topic, ...)                                                          \
    do {                                                                                           \
        const struct th_log *th_log_to = (log);                                                    \
        if (th_log_to && th_log_to->write &&                                                       \
            TH_LOG_##severity <= atomic_load_explicit(&th_log_to->level, memory_order_relaxed))    \
            th_log_write(th_log_to, TH_LOG_##severity, topic, __VA_ARGS__);                        \
    } while (0)

void th_log_write(const struct th_log *log, enum th_log_level level, const char *topic,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Changes the level. Thread: any. */
void th_log_set_level(struct th_log *log, enum th_log_level level);

/* "error", "warn", "info", "debug". */
const char *th_log_level_name(enum th_log_level level);

#endif

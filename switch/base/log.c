#include "switch/base/log.h"

#include <stdarg.h>
#include <stdio.h>

void th_log_write(const struct th_log *log, enum th_log_level level, const char *topic,
                  const char *format, ...)
{
    char line[TH_LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log->write(log->data, level, topic, line);
}

void th_log_set_level(struct th_log *log, enum th_log_level level)
{
    atomic_store_explicit(&log->level, level, memory_order_relaxed);
}

const char *th_log_level_name(enum th_log_level level)
{
    switch (level) {
    case TH_LOG_ERROR:
        return "error";
    case TH_LOG_WARN:
        return "warn";
    case TH_LOG_INFO:
        return "info";
    case TH_LOG_DEBUG:
        return "debug";
    }
    return "?";
}

#include "tools/app/logger.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* RFC 5424's severities. */
static int priority_of(enum th_log_level level)
{
    switch (level) {
    case TH_LOG_ERROR:
        return 3;
    case TH_LOG_WARN:
        return 4;
    case TH_LOG_INFO:
        return 6;
    case TH_LOG_DEBUG:
        return 7;
    }
    return 7;
}

static int write_start(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                       enum th_log_level level)
{
    static const char *const names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    char date[32];

    if (logger->is_journal)
        return snprintf(line, cap, "<%d>", priority_of(level));
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf(line, cap, "%s.%03dZ %s ", date, (int)(at % 1000), names[level]);
}

size_t th_logger_line(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                      enum th_log_level level, const char *topic, const char *text)
{
    size_t start = (size_t)write_start(line, cap, logger, at, level);
    int rest = snprintf(line + start, cap - start, "%s: %s", topic, text);
    size_t len = start + (rest > 0 ? (size_t)rest : 0);

    if (len > cap - 2)
        len = cap - 2;
    for (size_t i = start; i < len; i++)
        if (iscntrl((unsigned char)line[i]))
            line[i] = '?';
    line[len] = '\n';
    line[len + 1] = '\0';
    return len + 1;
}

static void write_line(void *data, enum th_log_level level, const char *topic, const char *text)
{
    const struct th_logger *logger = data;
    char line[TH_LOG_LINE_MAX + 64];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    size_t len =
        th_logger_line(line, sizeof line, logger,
                       (th_epoch_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000, level, topic, text);
    /* There is nowhere to complain that a log line could not be written. */
    ssize_t written = write(logger->fd, line, len);
    (void)written;
}

void th_logger_init(struct th_logger *logger, int fd, const char *journal_stream)
{
    unsigned long long device, inode;
    struct stat st;

    *logger = (struct th_logger){.fd = fd};
    if (journal_stream && sscanf(journal_stream, "%llu:%llu", &device, &inode) == 2 &&
        fstat(fd, &st) == 0)
        logger->is_journal = st.st_dev == device && st.st_ino == inode;
}

struct th_log th_logger_log(struct th_logger *logger, enum th_log_level level)
{
    return (struct th_log){.level = level, .write = write_line, .data = logger};
}

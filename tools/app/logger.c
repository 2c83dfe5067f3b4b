#include "tools/app/logger.h"

#include "switch/base/mem.h"
#include "switch/wire/hashname.h"

#include <ctype.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What JSON adds to a text: names, escapes, fields. */
enum { LINE_MAX_BYTES = 4 * TH_LOG_LINE_MAX, NAME_MAX_BYTES = 24 };

const char *const th_log_topics[] = {
    "telehashd", "settings", "store", "keeper",   "control",    "bootstrap", "router", "dialer",
    "switch",    "udp",      "host",  "watchdog", "supervisor", "port-map",  "log",    NULL};

/* --- a line as text ------------------------------------------------------------------------------- */

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

static void write_time(char text[40], th_epoch_ms at)
{
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    char date[32];

    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, 40, "%s.%03dZ", date, (int)(at % 1000));
}

static int write_start(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                       enum th_log_level level)
{
    static const char *const names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
    char time[40];

    if (logger->is_journal)
        return snprintf(line, cap, "<%d>", priority_of(level));
    if (logger->is_json)
        return 0;
    write_time(time, at);
    return snprintf(line, cap, "%s %s ", time, names[level]);
}

/* The line that announces a line or a link is where a whole hashname can be copied from. */
static bool is_announcement(const char *text)
{
    return strncmp(text, "line ", 5) == 0 || strncmp(text, "link_", 5) == 0;
}

/* Copies a text; of what is 64 hex digits, no more and no fewer, the first 16. */
static void shorten(char *out, const char *text)
{
    while (*text) {
        size_t run = strspn(text, "0123456789abcdef");
        size_t kept = run == TH_HASHNAME_HEX ? TH_HASHNAME_SHORT_HEX : run;

        memcpy(out, text, kept);
        out += kept;
        text += run;
        if (*text)
            *out++ = *text++;
    }
    *out = '\0';
}

/* --- a line as JSON ------------------------------------------------------------------------------- */

/* A text that is no UTF-8, as the name of a file may be, is written in ASCII. */
static json_t *json_of(const char *text, size_t len)
{
    json_t *json = json_stringn(text, len);
    char copy[TH_LOG_LINE_MAX];

    if (json)
        return json;
    for (size_t i = 0; i < len; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    return json_stringn(copy, len);
}

static json_t *value_of(const char *text, size_t len)
{
    if (len > 0 && len <= 15 && strspn(text, "0123456789") >= len)
        return json_integer(strtoll(text, NULL, 10));
    return json_of(text, len);
}

/* The key=value and key="value" of a text. */
static json_t *fields_of(const char *text)
{
    json_t *fields = json_object();

    for (const char *at = text; (at = strchr(at, '=')) != NULL;) {
        const char *start = at, *value = at + 1;
        char name[NAME_MAX_BYTES];

        while (start > text && (islower((unsigned char)start[-1]) || start[-1] == '_'))
            start--;
        size_t len = *value == '"' ? strcspn(++value, "\"") : strcspn(value, " ");
        if (start < at && (start == text || start[-1] == ' ') && at - start < NAME_MAX_BYTES) {
            snprintf(name, sizeof name, "%.*s", (int)(at - start), start);
            json_object_set_new(fields, name, value_of(value, len));
        }
        at = value + len;
    }
    return fields;
}

static size_t write_json(char *line, size_t cap, th_epoch_ms at, enum th_log_level level,
                         const char *topic, const char *text)
{
    char time[40];

    write_time(time, at);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:o}", "at", time, "level", th_log_level_name(level),
                  "topic", topic, "text", json_of(text, strlen(text)), "fields", fields_of(text));
    size_t len = json ? json_dumpb(json, line, cap, JSON_COMPACT) : 0;

    if (len > cap) { /* a line that is cut is no JSON: do without what is in the text as well */
        json_object_del(json, "fields");
        len = json_dumpb(json, line, cap, JSON_COMPACT);
    }
    json_decref(json);
    return len <= cap ? len : 0;
}

size_t th_logger_line(char *line, size_t cap, const struct th_logger *logger, th_epoch_ms at,
                      enum th_log_level level, const char *topic, const char *text)
{
    size_t start = (size_t)write_start(line, cap, logger, at, level), len;
    char shown[TH_LOG_LINE_MAX];

    if (logger->is_json) {
        len = start + write_json(line + start, cap - start - 2, at, level, topic, text);
    } else {
        if (is_announcement(text))
            snprintf(shown, sizeof shown, "%s", text);
        else
            shorten(shown, text);
        int rest = snprintf(line + start, cap - start, "%s: %s", topic, shown);
        len = start + (rest > 0 ? (size_t)rest : 0);
        if (len > cap - 2)
            len = cap - 2;
    }
    for (size_t i = start; i < len; i++)
        if (iscntrl((unsigned char)line[i]))
            line[i] = '?';
    line[len] = '\n';
    line[len + 1] = '\0';
    return len + 1;
}

/* --- the ring ------------------------------------------------------------------------------------- */

static void keep(struct th_logger *logger, th_epoch_ms at, enum th_log_level level,
                 const char *topic, const char *text)
{
    size_t len = strlen(text);
    struct th_log_line **place = &logger->ring[logger->count % TH_LOG_RING];
    struct th_log_line *line = th_mem_zalloc(1, offsetof(struct th_log_line, text) + len + 1);

    if (line == NULL)
        return; /* the descriptor has it */
    line->at = at;
    line->level = level;
    snprintf(line->topic, sizeof line->topic, "%s", topic);
    memcpy(line->text, text, len + 1);
    th_mem_free(*place);
    *place = line;
    logger->count++;
}

bool th_logger_read(struct th_logger *logger, uint64_t *next, struct th_log_line *out,
                    uint64_t *lost)
{
    bool is_there;

    pthread_mutex_lock(&logger->lock);
    uint64_t oldest = logger->count > TH_LOG_RING ? logger->count - TH_LOG_RING : 0;
    uint64_t number = *next < oldest ? oldest : *next;

    is_there = number < logger->count;
    if (is_there) {
        const struct th_log_line *line = logger->ring[number % TH_LOG_RING];

        memcpy(out, line, offsetof(struct th_log_line, text) + strlen(line->text) + 1);
        *lost = number - *next;
        *next = number + 1;
    }
    pthread_mutex_unlock(&logger->lock);
    return is_there;
}

/* --- writing -------------------------------------------------------------------------------------- */

/* Whoever reads may hang, as a pager does; the node does not wait for them. Where there is room there is some
 * for a whole line: a pipe has room for PIPE_BUF bytes or for none. */
static bool has_room(const struct th_logger *logger)
{
    struct pollfd out = {.fd = logger->fd, .events = POLLOUT};

    return poll(&out, 1, 0) != 0;
}

static void write_line(struct th_logger *logger, th_epoch_ms at, enum th_log_level level,
                       const char *topic, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t len = th_logger_line(line, sizeof line, logger, at, level, topic, text);

    if (!has_room(logger)) {
        th_log_gate_miss(&logger->gate, level);
        return;
    }
    /* There is nowhere to complain that a log line could not be written. */
    ssize_t written = write(logger->fd, line, len);
    (void)written;
}

static void write_notes(struct th_logger *logger, th_epoch_ms at, const struct th_log_notes *notes)
{
    const struct th_log_note *both[] = {&notes->repeated, &notes->suppressed};

    for (unsigned i = 0; i < 2; i++)
        if (both[i]->text[0])
            write_line(logger, at, both[i]->level, "log", both[i]->text);
}

static th_epoch_ms milliseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (th_epoch_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take_line(void *data, enum th_log_level level, const char *topic, const char *text)
{
    struct th_logger *logger = data;
    th_epoch_ms at = milliseconds(CLOCK_REALTIME);
    struct th_log_notes notes;

    pthread_mutex_lock(&logger->lock);
    keep(logger, at, level, topic, text);
    if (level <= logger->level && !has_room(logger)) {
        th_log_gate_miss(&logger->gate, level); /* with what it has still to tell */
    } else if (level <= logger->level) {
        bool passes = th_log_gate_pass(&logger->gate, (th_ms)milliseconds(CLOCK_MONOTONIC), level,
                                       topic, text, &notes);

        write_notes(logger, at, &notes);
        if (passes)
            write_line(logger, at, level, topic, text);
    }
    pthread_mutex_unlock(&logger->lock);
}

/* --- what is wanted ------------------------------------------------------------------------------- */

/* Everybody writes at the finest level that anybody wants. */
static void settle_level(struct th_logger *logger)
{
    enum th_log_level finest = logger->level;

    for (enum th_log_level level = TH_LOG_ERROR; level <= TH_LOG_DEBUG; level++)
        if (logger->followers[level] && level > finest)
            finest = level;
    th_log_set_level(&logger->log, finest);
}

void th_logger_set(struct th_logger *logger, enum th_log_level level, bool is_json)
{
    pthread_mutex_lock(&logger->lock);
    logger->level = level;
    logger->is_json = is_json;
    settle_level(logger);
    pthread_mutex_unlock(&logger->lock);
}

void th_logger_follow(struct th_logger *logger, enum th_log_level level, bool is_on)
{
    pthread_mutex_lock(&logger->lock);
    if (is_on)
        logger->followers[level]++;
    else
        logger->followers[level]--;
    settle_level(logger);
    pthread_mutex_unlock(&logger->lock);
}

void th_logger_init(struct th_logger *logger, int fd, const char *journal_stream)
{
    unsigned long long device, inode;
    struct stat st;

    *logger = (struct th_logger){.log = {.level = TH_LOG_INFO, .write = take_line, .data = logger},
                                 .fd = fd,
                                 .level = TH_LOG_INFO};
    pthread_mutex_init(&logger->lock, NULL);
    th_log_gate_init(&logger->gate, (th_ms)milliseconds(CLOCK_MONOTONIC));
    if (journal_stream && sscanf(journal_stream, "%llu:%llu", &device, &inode) == 2 &&
        fstat(fd, &st) == 0)
        logger->is_journal = st.st_dev == device && st.st_ino == inode;
}

void th_logger_flush(struct th_logger *logger)
{
    struct th_log_notes notes;

    pthread_mutex_lock(&logger->lock);
    th_log_gate_end(&logger->gate, &notes);
    write_notes(logger, milliseconds(CLOCK_REALTIME), &notes);
    pthread_mutex_unlock(&logger->lock);
}

void th_logger_clear(struct th_logger *logger)
{
    for (unsigned i = 0; i < TH_LOG_RING; i++)
        th_mem_free(logger->ring[i]);
    pthread_mutex_destroy(&logger->lock);
}

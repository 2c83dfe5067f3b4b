/*
 * The methods log and log.start: the lines that the logger keeps in memory (logger.h), as they are or
 * as they come. The memory is read now and then; what a slow client does not take stays there until
 * newer lines push it out, and is told as lagged then.
 */
#include "tools/app/control_job.h"

#include <string.h>

/* --- which lines ---------------------------------------------------------------------------------- */

static bool is_topic(const char *text)
{
    for (unsigned i = 0; th_log_topics[i]; i++)
        if (text && strcmp(text, th_log_topics[i]) == 0)
            return true;
    return false;
}

static bool add_topic(struct th_log_filter *filter, const json_t *value)
{
    const char *text = json_string_value(value);

    if (!is_topic(text) || filter->topic_count == TH_STREAM_TOPICS_MAX)
        return false;
    strcpy(filter->topic[filter->topic_count++], text); /* a known one fits */
    return true;
}

static bool read_topics(struct th_log_filter *filter, const json_t *value)
{
    if (value == NULL)
        return true;
    if (!json_is_array(value))
        return add_topic(filter, value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!add_topic(filter, json_array_get(value, i)))
            return false;
    return true;
}

static bool read_level(enum th_log_level *out, const json_t *value, enum th_log_level otherwise)
{
    const char *text = json_string_value(value);

    *out = otherwise;
    for (enum th_log_level level = TH_LOG_ERROR; text && level <= TH_LOG_DEBUG; level++)
        if (strcmp(text, th_log_level_name(level)) == 0) {
            *out = level;
            return true;
        }
    return value == NULL;
}

/* Reads what a client wants to see; answers when that is none. */
static bool read_filter(struct th_control *c, const struct th_self *self, struct th_job *job,
                        enum th_log_level otherwise, struct th_log_filter *filter)
{
    const json_t *params = job->request.params;
    char say[TH_SAY_MAX];
    size_t len;

    *filter = (struct th_log_filter){.topic_count = 0};
    if (!read_level(&filter->level, json_object_get(params, "level"), otherwise)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"level\" is none of error, warn, info, debug",
                    NULL);
        return false;
    }
    if (read_topics(filter, json_object_get(params, "topic")))
        return true;
    len = (size_t)snprintf(say, sizeof say, "\"topic\" is none, or a list of more than %d, of",
                           TH_STREAM_TOPICS_MAX);
    for (unsigned i = 0; th_log_topics[i] && len < sizeof say; i++)
        len += (size_t)snprintf(say + len, sizeof say - len, " %s", th_log_topics[i]);
    th_job_fail(c, self, job, TH_RPC_PARAMS, say, NULL);
    return false;
}

static bool fits(const struct th_log_filter *filter, const struct th_log_line *line)
{
    bool has_topic = filter->topic_count == 0;

    for (unsigned i = 0; i < filter->topic_count; i++)
        has_topic = has_topic || strcmp(filter->topic[i], line->topic) == 0;
    return has_topic && line->level <= filter->level;
}

static json_t *line_json(const struct th_log_line *line)
{
    json_t *text = json_string(line->text);

    return json_pack("{s:I, s:s, s:s, s:o}", "at_ms", (json_int_t)line->at, "level",
                     th_log_level_name(line->level), "topic", line->topic, "text",
                     text ? text : json_string("(no UTF-8)"));
}

/* --- the lines that are there --------------------------------------------------------------------- */

void th_stream_log_look(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_log_filter filter;
    struct th_log_line line;
    uint64_t next = 0, lost;

    if (!read_filter(c, self, job, TH_LOG_DEBUG, &filter))
        return;
    json_t *list = json_array();
    while (c->config->logger && th_logger_read(c->config->logger, &next, &line, &lost))
        if (fits(&filter, &line))
            json_array_append_new(list, line_json(&line));
    th_job_answer(c, self, job, list);
}

/* --- the lines that come -------------------------------------------------------------------------- */

/* Where the last so many lines that fit begin. */
static uint64_t start_of(struct th_logger *logger, const struct th_log_filter *filter,
                         uint64_t last)
{
    uint64_t next = 0, start = 0, lost, at[TH_LOG_RING], count = 0;
    struct th_log_line line;

    while (th_logger_read(logger, &next, &line, &lost)) {
        start = next;
        if (fits(filter, &line))
            at[count++ % TH_LOG_RING] = next - 1;
    }
    last = last < count ? last : count;
    return last > 0 && last <= TH_LOG_RING ? at[(count - last) % TH_LOG_RING] : start;
}

static void put(struct th_control *c, struct th_stream *stream, json_t *row)
{
    if (row)
        th_stream_put(c, stream, "log.event", row);
    json_decref(row);
}

static void show_lines(struct th_control *c, struct th_stream *stream)
{
    struct th_log_line line;
    uint64_t lost;

    while (th_stream_has_room(c, stream) &&
           th_logger_read(c->config->logger, &stream->log_next, &line, &lost)) {
        if (lost)
            put(c, stream, json_pack("{s:I}", "lagged", (json_int_t)lost));
        if (fits(&stream->log, &line))
            put(c, stream, line_json(&line));
    }
    th_control_flush(c, stream->client);
}

void th_stream_read_log(struct th_control *c)
{
    for (struct th_stream *s = c->streams.first; s; s = s->next)
        if (s->sort == TH_STREAM_LOG && s->is_live)
            show_lines(c, s);
}

void th_stream_end_log(struct th_control *c, const struct th_stream *stream)
{
    th_logger_follow(c->config->logger, stream->log.level, false);
    if (--c->streams.logs == 0)
        c->streams.log_at = TH_NEVER;
}

void th_stream_log(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_log_filter filter;
    uint64_t last;

    if (!read_filter(c, self, job, TH_LOG_INFO, &filter))
        return;
    if (!th_param_number(&last, job->request.params, "last", 0, TH_LOG_RING, 10)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"last\" is no number 0 to 512", NULL);
        return;
    }
    if (c->config->logger == NULL) {
        th_job_fail(c, self, job, TH_RPC_BUSY, "this program keeps no log", NULL);
        return;
    }
    struct th_stream *stream = th_stream_new(c, self, job, TH_STREAM_LOG);
    if (stream == NULL)
        return;
    stream->log = filter;
    stream->log_next = start_of(c->config->logger, &filter, last);
    stream->is_live = true;
    th_logger_follow(c->config->logger, filter.level, true);
    if (c->streams.logs++ == 0)
        c->streams.log_at = self->now.mono;
    th_job_answer(c, self, job, json_pack("{s:I}", "id", (json_int_t)stream->id));
}

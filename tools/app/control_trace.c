/*
 * The method server.trace: a stream of what passes through one server. The kernel keeps it in a ring
 * (switch/run/trace.h), which is read here now and then; what a slow client does not take stays
 * there until it is full.
 */
#include "tools/app/control_job.h"

#include "switch/base/mem.h"

#include <string.h>

enum { ENTRIES = 64 };

struct names {
    unsigned count;
    struct th_server_look *row;
};

static struct names read_names(const struct th_self *self)
{
    struct names names = {0};

    names.row = th_server_rows(self->host, &names.count);
    return names;
}

/* The server's name; null for no server, and for one that has ended meanwhile. */
static json_t *name_of(const struct names *names, th_pid pid)
{
    for (unsigned i = 0; pid && i < names->count; i++)
        if (names->row[i].pid == pid)
            return json_string(names->row[i].name);
    return json_null();
}

static const char *sort_word(enum th_trace_sort sort)
{
    switch (sort) {
    case TH_TRACE_CALL:
        return "call";
    case TH_TRACE_CAST:
        return "cast";
    case TH_TRACE_EVENT:
        return "event";
    case TH_TRACE_REPLY:
        return "reply";
    case TH_TRACE_OWN:
        return "own";
    }
    return "?";
}

static json_t *entry_json(const struct th_trace_entry *entry, const struct th_self *self,
                          uint64_t now_us, const struct names *names)
{
    th_epoch_ms at = self->now.wall - (th_epoch_ms)((now_us - entry->at_us) / 1000);
    const char *type;
    bool is_ours;
    json_t *row =
        json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o}", "at_ms", (json_int_t)at, "way",
                  entry->is_in ? "in" : "out", "sort", sort_word(entry->sort), "message",
                  entry->kind, "with", name_of(names, entry->other), "took_us",
                  entry->is_in ? json_integer((json_int_t)entry->took_us) : json_null(), "refused",
                  entry->err == TH_OK ? json_null() : json_string(th_strerror(entry->err)));

    if (row && entry->event_kind)
        json_object_set_new(row, "kind", json_string(th_event_kind_word(entry->event_kind)));
    if (row && th_event_topic(entry->event_topic, &type, &is_ours)) {
        json_object_set_new(row, "type", json_string(type));
        json_object_set_new(row, "opened_by", json_string(is_ours ? "us" : "them"));
    }
    return row;
}

static void put(struct th_control *c, struct th_stream *stream, json_t *row)
{
    if (row)
        th_stream_put(c, stream, "trace.event", row);
    json_decref(row);
}

/* The server ended; one of its name may follow. */
static void look_for_next(const struct th_self *self, struct th_stream *stream)
{
    th_pid pid = th_whereis(self->host, self->scope, stream->server);

    if (th_tracing_start(self->host, pid, &stream->tracing) != TH_OK)
        stream->tracing = NULL; /* it is looked for again */
}

static void read_trace(struct th_control *c, const struct th_self *self, struct th_stream *stream,
                       const struct names *names)
{
    struct th_trace_entry entry[ENTRIES];
    struct th_tracing_state state = {0};
    unsigned count = ENTRIES;

    while (count == ENTRIES && th_stream_has_room(c, stream)) {
        count = th_tracing_read(stream->tracing, entry, ENTRIES, &state);
        uint64_t now_us = th_host_now_us(self->host);

        for (unsigned i = 0; i < count; i++)
            put(c, stream, entry_json(&entry[i], self, now_us, names));
        if (state.lost > 0)
            put(c, stream, json_pack("{s:I}", "lagged", (json_int_t)state.lost));
    }
    if (state.is_over) {
        put(c, stream, json_pack("{s:s}", "ended", stream->server));
        th_tracing_stop(stream->tracing);
        stream->tracing = NULL;
    }
    th_control_flush(c, stream->client);
}

void th_stream_read_traces(struct th_control *c, const struct th_self *self)
{
    struct names names = read_names(self);

    for (struct th_stream *s = c->streams.first; s; s = s->next) {
        if (s->sort != TH_STREAM_TRACE || !s->is_live)
            continue;
        if (s->tracing == NULL)
            look_for_next(self, s);
        if (s->tracing)
            read_trace(c, self, s, &names);
    }
    th_mem_free(names.row);
}

void th_stream_trace(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_server_look server;
    struct th_tracing *tracing;

    if (!th_server_named(c, self, job, &server))
        return;
    if (server.pid == self->pid) {
        th_job_fail(c, self, job, TH_RPC_PARAMS,
                    "control cannot be traced: showing its trace would be in it", NULL);
        return;
    }
    enum th_err e = th_tracing_start(self->host, server.pid, &tracing);
    if (e != TH_OK) {
        th_job_fail(c, self, job, TH_RPC_BUSY,
                    e == TH_IN_USE ? "somebody traces that server already" : th_strerror(e), NULL);
        return;
    }
    struct th_stream *stream = th_stream_new(c, self, job, TH_STREAM_TRACE);
    if (stream == NULL) {
        th_tracing_stop(tracing);
        return;
    }
    memcpy(stream->server, server.name, sizeof stream->server);
    stream->tracing = tracing;
    stream->is_live = true;
    if (c->streams.traces++ == 0)
        c->streams.trace_at = self->now.mono + TH_STREAM_TRACE_MS;
    th_job_answer(c, self, job, json_pack("{s:I}", "id", (json_int_t)stream->id));
}

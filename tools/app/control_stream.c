#include "tools/app/control_job.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- streams -------------------------------------------------------------------------------------- */

void th_stream_init(struct th_control *c)
{
    c->streams.again_at = c->streams.lost_at = c->streams.trace_at = c->streams.log_at = TH_NEVER;
    c->streams.tap_at = TH_NEVER;
}

static bool is_watch(const struct th_stream *stream)
{
    return stream->sort == TH_STREAM_WATCH;
}

struct th_stream *th_stream_new(struct th_control *c, const struct th_self *self,
                                struct th_job *job, enum th_stream_sort sort)
{
    struct th_stream **at = &c->streams.first;
    struct th_stream *stream = NULL;

    if (c->streams.count < TH_STREAMS_MAX)
        stream = th_mem_zalloc(1, sizeof *stream);
    if (stream == NULL) {
        c->counts.streams_refused++;
        th_job_fail(c, self, job, TH_RPC_BUSY,
                    "too many watches, traces, logs and captures at once", NULL);
        return NULL;
    }
    stream->id = ++c->streams.last_id;
    stream->client = job->client;
    stream->sort = sort;
    while (*at)
        at = &(*at)->next;
    *at = stream;
    c->streams.count++;
    return stream;
}

void th_stream_free(struct th_control *c, struct th_stream *stream)
{
    struct th_stream **at = &c->streams.first;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    c->streams.count--;
    if (stream->tracing)
        th_tracing_stop(stream->tracing);
    if (stream->sort == TH_STREAM_LOG && stream->is_live)
        th_stream_end_log(c, stream);
    if (stream->sort == TH_STREAM_CAPTURE && stream->is_live)
        th_stream_end_capture(c);
    th_filter_clear(&stream->filter);
    th_mem_free(stream);
}

static struct th_stream *find(const struct th_control *c, uint64_t id)
{
    struct th_stream *stream = c->streams.first;

    while (stream && stream->id != id)
        stream = stream->next;
    return stream;
}

void th_stream_clear(struct th_control *c)
{
    while (c->streams.first)
        th_stream_free(c, c->streams.first);
}

/* --- lines ---------------------------------------------------------------------------------------- */

bool th_stream_has_room(const struct th_control *c, const struct th_stream *stream)
{
    return th_control_waiting(c, stream->client) < TH_STREAM_OUTPUT_MAX;
}

void th_stream_put(struct th_control *c, struct th_stream *stream, const char *method,
                   json_t *params)
{
    json_object_set_new(params, "id", json_integer((json_int_t)stream->id));
    json_t *note =
        json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", method, "params", params);
    char *text = note ? json_dumps(note, JSON_COMPACT) : NULL;

    json_decref(note);
    if (text)
        th_control_put(c, stream->client, text);
    else
        stream->lost++;
    free(text);
}

void th_stream_tell_lost(struct th_control *c, struct th_stream *stream, const char *method)
{
    if (stream->lost == 0 && !stream->is_lost_unknown)
        return;
    json_t *lagged = stream->is_lost_unknown ? json_null() : json_integer((json_int_t)stream->lost);
    json_t *params = json_pack("{s:o}", "lagged", lagged);

    stream->lost = 0;
    stream->is_lost_unknown = false;
    th_stream_put(c, stream, method, params);
    json_decref(params);
}

void th_stream_on_room(struct th_control *c, uintptr_t client)
{
    for (struct th_stream *s = c->streams.first; s; s = s->next)
        if (s->client == client && s->is_live && is_watch(s) && th_stream_has_room(c, s))
            th_stream_tell_lost(c, s, "watch.event");
}

/* --- events --------------------------------------------------------------------------------------- */

void th_stream_on_event(struct th_control *c, const struct th_self *self,
                        const struct th_event *event)
{
    json_t *head = c->streams.watches ? th_event_head(event) : NULL;
    json_t *row = NULL;

    for (struct th_stream *s = c->streams.first; s; s = s->next) {
        if (!s->is_live || !is_watch(s) || !th_filter_fits(&s->filter, event, head))
            continue;
        if (!th_stream_has_room(c, s)) {
            s->lost++;
            continue;
        }
        if (row == NULL)
            row = th_event_json(event, self->now.wall, head);
        th_stream_tell_lost(c, s, "watch.event");
        th_stream_put(c, s, "watch.event", row);
        th_control_flush(c, s->client);
    }
    json_decref(row);
    json_decref(head);
}

struct th_interest th_stream_interest(const struct th_control *c)
{
    struct th_interest all = {0};

    for (const struct th_stream *s = c->streams.first; s; s = s->next)
        if (is_watch(s)) {
            struct th_interest one = th_filter_interest(&s->filter);

            all.kinds |= one.kinds;
            all.topics |= one.topics;
        }
    return all;
}

/* --- beginning and ending ------------------------------------------------------------------------- */

static void add_watch(struct th_control *c, const struct th_self *self, struct th_stream *stream)
{
    stream->is_live = true;
    if (c->streams.watches++ == 0) {
        c->streams.lost_at = self->now.mono;
        c->streams.dropped_seen = UINT64_MAX; /* what was lost before is nobody's loss */
    }
}

static void end_stream(struct th_control *c, const struct th_self *self, struct th_stream *stream)
{
    bool was_watch = is_watch(stream);

    if (stream->is_live) {
        c->streams.watches -= was_watch;
        c->streams.traces -= stream->sort == TH_STREAM_TRACE;
    }
    th_stream_free(c, stream);
    if (c->streams.watches == 0)
        c->streams.lost_at = TH_NEVER;
    if (c->streams.traces == 0)
        c->streams.trace_at = TH_NEVER;
    if (was_watch)
        th_control_subscribe(c, self);
}

void th_stream_on_gone(struct th_control *c, const struct th_self *self, uintptr_t client)
{
    for (struct th_stream *s = c->streams.first, *next; s; s = next) {
        next = s->next;
        if (s->client == client)
            end_stream(c, self, s);
    }
}

static enum th_err on_watching(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;
    struct th_stream *stream = find(c, job->stream); /* NULL: its client went meanwhile */

    (void)reply;
    job->waiting--;
    if (why == TH_OK && stream) {
        add_watch(c, self, stream);
        th_job_answer(c, self, job, json_pack("{s:I}", "id", (json_int_t)stream->id));
    } else {
        if (stream)
            end_stream(c, self, stream);
        th_job_fail(c, self, job, TH_RPC_BUSY, "the event manager is being restarted; try again",
                    json_pack("{s:s}", "server", TH_NODE_EVENTS));
    }
    th_job_settle(c, job);
    return TH_OK;
}

void th_stream_watch(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_filter filter;
    char say[TH_SAY_MAX];

    if (!th_filter_read(&filter, job->request.params, say)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, say, NULL);
        return;
    }
    struct th_stream *stream = th_stream_new(c, self, job, TH_STREAM_WATCH);
    if (stream == NULL) {
        th_filter_clear(&filter);
        return;
    }
    stream->filter = filter;
    job->stream = stream->id;
    if (th_subscribe(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS),
                     th_control_interest(c), on_watching, job) == TH_OK) {
        job->waiting++;
        return;
    }
    end_stream(c, self, stream);
    th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
}

void th_stream_stop(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    uint64_t id;
    struct th_stream *stream = NULL;

    if (th_param_number(&id, job->request.params, "id", 1, UINT64_MAX, 0))
        stream = find(c, id);
    if (stream == NULL || stream->client != job->client) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "this connection has no stream of that \"id\"",
                    NULL);
        return;
    }
    end_stream(c, self, stream);
    th_job_answer(c, self, job, json_pack("{s:I}", "id", (json_int_t)id));
}

/* --- what was lost on its way to us --------------------------------------------------------------- */

static void add_lost(struct th_control *c, uint64_t lost, bool is_unknown)
{
    for (struct th_stream *s = c->streams.first; s; s = s->next) {
        if (!s->is_live || !is_watch(s))
            continue;
        s->lost += lost;
        s->is_lost_unknown = s->is_lost_unknown || is_unknown;
        if (th_stream_has_room(c, s)) {
            th_stream_tell_lost(c, s, "watch.event");
            th_control_flush(c, s->client);
        }
    }
}

static enum th_err on_listed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_control *c = state;
    const struct th_subscription_list *list = why == TH_OK ? reply->body : NULL;

    (void)ctx;
    c->streams.is_asking = false;
    for (unsigned i = 0; list && i < list->count; i++) {
        uint64_t dropped = list->row[i].dropped;

        if (list->row[i].owner != self->pid)
            continue;
        if (dropped > c->streams.dropped_seen)
            add_lost(c, dropped - c->streams.dropped_seen, false);
        c->streams.dropped_seen = dropped;
    }
    return TH_OK;
}

static void ask_for_losses(struct th_control *c, const struct th_self *self)
{
    c->streams.lost_at = self->now.mono + TH_STREAM_LOST_MS;
    if (c->streams.is_asking)
        return;
    c->streams.is_asking = th_call(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS),
                                   (struct th_msg){.kind = &th_event_list_msg},
                                   TH_CONTROL_GATHER_MS, on_listed, NULL, NULL) == TH_OK;
}

/* --- the event manager goes and comes back -------------------------------------------------------- */

void th_stream_on_manager_down(struct th_control *c, const struct th_self *self)
{
    if (th_control_interest(c).kinds)
        c->streams.again_at = self->now.mono + TH_STREAM_AGAIN_MS;
}

static enum th_err on_subscribed_again(void *state, const struct th_self *self, void *ctx,
                                       enum th_err why, struct th_msg *reply)
{
    struct th_control *c = state;

    (void)ctx, (void)reply;
    if (why != TH_OK) {
        th_stream_on_manager_down(c, self);
    } else {
        c->streams.dropped_seen = 0;
        add_lost(c, 0, true);
    }
    return TH_OK;
}

static void subscribe_again(struct th_control *c, const struct th_self *self)
{
    th_pid events = th_whereis(self->host, self->scope, TH_NODE_EVENTS);
    struct th_interest interest = th_control_interest(c);

    c->streams.again_at = TH_NEVER;
    if (interest.kinds == 0)
        return;
    if (events == 0 || th_subscribe(self, events, interest, on_subscribed_again, NULL) != TH_OK)
        c->streams.again_at = self->now.mono + TH_STREAM_AGAIN_MS;
}

/* --- alarms --------------------------------------------------------------------------------------- */

void th_stream_on_alarm(struct th_control *c, const struct th_self *self)
{
    th_ms now = self->now.mono;

    if (c->streams.again_at <= now)
        subscribe_again(c, self);
    if (c->streams.lost_at <= now)
        ask_for_losses(c, self);
    if (c->streams.trace_at <= now) {
        c->streams.trace_at = now + TH_STREAM_TRACE_MS;
        th_stream_read_traces(c, self);
    }
    if (c->streams.log_at <= now) {
        c->streams.log_at = now + TH_STREAM_LOG_MS;
        th_stream_read_log(c);
    }
    if (c->streams.tap_at <= now)
        th_stream_read_tap(c, self);
}

th_ms th_stream_deadline(const struct th_control *c)
{
    const struct th_streams *s = &c->streams;

    return th_sooner(th_sooner(s->again_at, th_sooner(s->lost_at, s->tap_at)),
                     th_sooner(s->trace_at, s->log_at));
}

/* The agent's side of streams: it asks the dialer and the switch what the application wants, one question
 * of a kind at a time for each stream, and calls back. The lock is not held in callbacks. */
#include "router/telehash_stream.h"

#include "switch/base/mem.h"

#include <string.h>

enum { AGAIN_MS = 20, DIAL_MARGIN_MS = 1000 };

void th_pulling_init(struct th_pulling *pulling, struct th_node *node)
{
    *pulling = (struct th_pulling){.node = node, .again_at = TH_NEVER, .close_by = TH_NEVER};
    node->pulling = pulling;
}

static void lock(const struct th_stream *stream)
{
    uv_mutex_lock(&stream->node->lock);
}

static void unlock(const struct th_stream *stream)
{
    uv_mutex_unlock(&stream->node->lock);
}

/* It has failed; the application reads why. Under the lock. */
static void fail(struct th_stream *stream, enum th_err why)
{
    if (stream->why == TH_OK)
        stream->why = why;
    th_node_stream_touch(stream);
}

void th_pulling_try_again(struct th_pulling *p, const struct th_self *self)
{
    p->again_at = th_sooner(p->again_at, self->now.mono + AGAIN_MS);
}

/* Asks about a stream; it holds a pointer to it until the answer. False when it cannot be asked now. */
static bool ask(struct th_stream *stream, const struct th_self *self, th_pid to,
                const struct th_msg_kind *kind, void *body, th_ms timeout_ms, th_reply_fn on_reply)
{
    bool is_asked = body && th_call(self, to, (struct th_msg){.kind = kind, .body = body},
                                    timeout_ms, on_reply, stream, NULL) == TH_OK;

    if (is_asked)
        stream->calls++; /* the agent's alone */
    else
        th_pulling_try_again(stream->node->pulling, self);
    return is_asked;
}

/* --- opening --- */

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_stream *stream = ctx;
    const struct th_pull_opened *opened = why == TH_OK ? reply->body : NULL;
    (void)state;

    lock(stream);
    stream->calls--;
    stream->is_asked = false;
    if (opened && opened->err == TH_OK)
        stream->number = opened->stream;
    else
        fail(stream, opened ? opened->err : why);
    th_node_stream_touch(stream);
    unlock(stream);
    th_pulling_look(stream->node->pulling, self);
    return TH_OK;
}

/* What was written meanwhile goes along, so that who accepts sees it. */
static struct th_pull_open *make_open(struct th_stream *stream)
{
    struct th_pull_write *out = stream->out;
    size_t len = out && out->len <= TH_PULL_FIRST_MAX ? out->len : 0;
    struct th_pull_open *open = th_mem_zalloc(1, sizeof *open + len);

    if (open == NULL)
        return NULL;
    open->to = stream->peer;
    strcpy(open->type, stream->type);
    open->len = len;
    if (len == 0)
        return open;
    memcpy(open->bytes, out->bytes, len);
    th_mem_free(out);
    stream->out = NULL;
    stream->out_room = 0;
    return open;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_stream *stream = ctx;
    struct th_pull_open *open = NULL;
    (void)state;

    stream->calls--;
    if (why == TH_OK)
        why = ((const struct th_dialed *)reply->body)->result;
    lock(stream);
    if (why == TH_OK && (open = make_open(stream)) == NULL)
        why = TH_NO_MEMORY;
    unlock(stream);
    if (open) {
        if (ask(stream, self, stream->node->pulling->sw, &th_switch_msg_stream_open, open, TH_NEVER,
                on_opened))
            return TH_OK;
        why = TH_LIMIT;
    }
    lock(stream);
    stream->is_asked = false;
    fail(stream, why == TH_FULL ? TH_LIMIT : why);
    unlock(stream);
    th_pulling_look(stream->node->pulling, self);
    return TH_OK;
}

static void dial(struct th_stream *stream, const struct th_self *self)
{
    struct th_dial *body = th_mem_zalloc(1, sizeof *body);

    if (body) {
        body->target = stream->peer;
        body->mode = TH_DIAL_REACH;
        body->timeout_ms = TH_DIAL_MS_DEFAULT;
    }
    stream->is_asked =
        ask(stream, self, th_whereis(self->host, self->scope, TH_NODE_DIALER), &th_dialer_msg_dial,
            body, TH_DIAL_MS_DEFAULT + DIAL_MARGIN_MS, on_dialed);
}

/* --- reading and writing --- */

/* The switch did not say how; what to make of that. Under the lock. */
static void on_no_answer(struct th_stream *stream, enum th_err why)
{
    if (why == TH_GONE)
        stream->is_finished = true; /* with the switch */
    fail(stream, stream->node->pulling->is_leaving ? TH_SHUTDOWN : why);
}

static enum th_err on_data(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct th_stream *stream = ctx;
    struct th_pull_data *data = why == TH_OK ? reply->body : NULL;
    (void)state;

    lock(stream);
    stream->calls--;
    stream->is_reading = false;
    if (why == TH_FULL) {
        th_pulling_try_again(stream->node->pulling, self);
    } else if (data == NULL) {
        on_no_answer(stream, why);
    } else if (data->err == TH_OK) {
        stream->in = data;
        stream->in_read = 0;
        reply->body = NULL;
    } else if (data->err == TH_EOF) {
        stream->is_at_end = true;
    } else if (!stream->is_finished) { /* what is let go of is answered with TH_CANCELLED */
        memcpy(stream->words, data->words, sizeof stream->words);
        fail(stream, data->err);
    }
    th_node_stream_touch(stream);
    unlock(stream);
    th_pulling_look(stream->node->pulling, self);
    return TH_OK;
}

static void read_more(struct th_stream *stream, const struct th_self *self)
{
    struct th_pull_read *body = th_mem_zalloc(1, sizeof *body);

    if (body)
        *body = (struct th_pull_read){stream->number, TH_PULL_READ_MAX};
    stream->is_reading =
        ask(stream, self, stream->node->pulling->sw, &th_switch_msg_read, body, TH_NEVER, on_data);
}

/* What has arrived is read first, and then how the other side ended it, and with what words. Under the
 * lock. */
static void on_write_failed(struct th_stream *stream, enum th_err err)
{
    stream->why_write = err;
    th_mem_free(stream->out);
    stream->out = NULL;
    stream->out_room = 0;
}

static enum th_err on_written(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct th_stream *stream = ctx;
    (void)state;

    lock(stream);
    stream->calls--;
    stream->is_writing = false;
    stream->close_by = 0; /* the other side reads: who has closed may wait on */
    if (why == TH_OK) {
        enum th_err err = ((const struct th_switch_result *)reply->body)->err;
        if (err != TH_OK)
            on_write_failed(stream, err);
    } else {
        stream->wants_reset |= why == TH_FULL; /* the bytes went with the question */
        on_no_answer(stream, why);
    }
    th_node_stream_touch(stream);
    unlock(stream);
    th_pulling_look(stream->node->pulling, self);
    return TH_OK;
}

static void write_more(struct th_stream *stream, const struct th_self *self)
{
    struct th_pull_write *body = stream->out;

    body->stream = stream->number;
    stream->out = NULL;
    stream->out_room = 0;
    stream->is_writing = ask(stream, self, stream->node->pulling->sw, &th_switch_msg_write, body,
                             TH_NEVER, on_written);
    if (!stream->is_writing) {
        stream->wants_reset = true; /* the bytes went with the question */
        fail(stream, TH_LIMIT);
    }
}

/* --- finishing --- */

static enum th_err on_finished(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_stream *stream = ctx;
    (void)state, (void)reply;

    lock(stream);
    stream->calls--;
    if (why == TH_FULL) { /* asked again */
        stream->is_finished = false;
        stream->is_end_told = false;
        th_pulling_try_again(stream->node->pulling, self);
    }
    th_node_stream_touch(stream);
    unlock(stream);
    th_pulling_look(stream->node->pulling, self);
    return TH_OK;
}

static bool finish(struct th_stream *stream, const struct th_self *self, enum th_finish how)
{
    struct th_pull_finish *body = th_mem_zalloc(1, sizeof *body);

    if (body) {
        body->stream = stream->number;
        body->how = how;
        memcpy(body->err, stream->err, sizeof body->err);
    }
    return ask(stream, self, stream->node->pulling->sw, &th_switch_msg_finish, body, TH_NEVER,
               on_finished);
}

th_ms th_stream_close_by(struct th_stream *stream, th_ms now)
{
    if (stream->close_end_by == 0)
        stream->close_end_by = now + TH_STREAM_CLOSE_MAX_MS;
    if (stream->close_by == 0)
        stream->close_by = th_sooner(now + TH_STREAM_CLOSE_MS, stream->close_end_by);
    return stream->close_by;
}

/* What was written should leave first; for who does not read that is not waited for ever. */
static bool may_release(struct th_stream *stream, const struct th_self *self)
{
    struct th_pulling *p = stream->node->pulling;

    if (stream->why != TH_OK || (stream->out == NULL && !stream->is_writing))
        return true;
    th_ms by = th_stream_close_by(stream, self->now.mono);
    p->close_by = th_sooner(p->close_by, by);
    return self->now.mono >= by;
}

/* --- one stream --- */

/* Under the lock: asks what is to be asked. */
static void go_on(struct th_stream *stream, const struct th_self *self)
{
    bool is_open = stream->number != 0 && !stream->is_finished;
    bool is_well = is_open && stream->why == TH_OK;
    bool may_write = is_well && stream->why_write == TH_OK && !stream->is_writing;

    bool is_wanted = !stream->wants_close || stream->out; /* what was written still has to leave */

    if (stream->number == 0 && !stream->is_asked && stream->why == TH_OK && is_wanted)
        dial(stream, self);
    if (may_write && stream->out)
        write_more(stream, self);
    if (may_write && stream->wants_end && !stream->is_end_told && !stream->out &&
        !stream->is_writing)
        stream->is_end_told = finish(stream, self, TH_FINISH_END);
    if (is_open && stream->wants_reset)
        stream->is_finished = finish(stream, self, TH_FINISH_RESET);
    else if (is_open && stream->wants_close && may_release(stream, self))
        stream->is_finished = finish(
            stream, self, stream->out || stream->is_writing ? TH_FINISH_RESET : TH_FINISH_RELEASE);
    else if (is_well && !stream->in && !stream->is_reading && !stream->is_at_end)
        read_more(stream, self);
}

static bool is_over(const struct th_stream *stream)
{
    bool is_done =
        stream->number == 0 ? stream->why != TH_OK || stream->out == NULL : stream->is_finished;

    return stream->wants_close && stream->calls == 0 && !stream->is_asked && is_done;
}

static void close_stream(struct th_stream *stream, enum th_err why)
{
    if (stream->cb.on_close)
        stream->cb.on_close(stream, why, stream->data);
    th_node_stream_free(stream);
}

/* Calls back what the application waits for. */
static void tell(struct th_stream *stream)
{
    lock(stream);
    bool has_news = stream->in || stream->is_at_end || stream->why != TH_OK;
    bool is_readable = stream->has_nothing && has_news && !stream->wants_close;
    bool is_writable = stream->has_no_room && !stream->out && !stream->wants_close;
    if (is_readable)
        stream->has_nothing = false;
    if (is_writable)
        stream->has_no_room = false;
    unlock(stream);
    /* The agent alone frees it, not before this returns. */
    if (is_readable && stream->cb.on_readable)
        stream->cb.on_readable(stream, stream->data);
    if (is_writable && stream->cb.on_writable)
        stream->cb.on_writable(stream, stream->data);
}

static void look_at(struct th_pulling *p, const struct th_self *self, struct th_stream *stream)
{
    lock(stream);
    if (p->sw)
        go_on(stream, self);
    else if (!p->has_stopped)
        th_pulling_try_again(p, self);
    bool is_done = is_over(stream);
    enum th_err why = stream->why != TH_OK ? stream->why : stream->why_write;
    unlock(stream);
    if (is_done)
        close_stream(stream, why);
    else
        tell(stream);
}

/* --- the whole --- */

/* A switch that was started anew knows of nothing. */
static bool find_switch(struct th_pulling *p, const struct th_self *self)
{
    if (p->sw || p->has_stopped)
        return p->sw != 0;
    p->sw = th_whereis(self->host, self->scope, TH_NODE_SWITCH);
    if (p->sw && th_monitor(self, p->sw, &p->monitor) != TH_OK)
        p->sw = 0;
    p->wants_listen = p->sw != 0;
    return p->sw != 0;
}

static struct th_stream *next_dirty(struct th_node *node)
{
    uv_mutex_lock(&node->lock);
    struct th_stream *stream = node->dirty;
    if (stream) {
        node->dirty = stream->next_dirty;
        stream->is_dirty = false;
    }
    uv_mutex_unlock(&node->lock);
    return stream;
}

void th_pulling_look(struct th_pulling *p, const struct th_self *self)
{
    struct th_node *node = p->node;
    struct th_stream *stream;

    if (p->is_leaving)
        return;
    uv_mutex_lock(&node->lock);
    node->is_woken = false;
    p->wants_listen |= node->has_new_listen;
    bool is_needed = node->dirty || node->listen_count > 0 || p->wants_listen;
    uv_mutex_unlock(&node->lock);
    if (!is_needed)
        return;
    if (find_switch(p, self)) {
        th_pulling_accept(p, self);
    } else if (!p->has_stopped) {
        th_pulling_try_again(p, self);
    }
    while ((stream = next_dirty(node)) != NULL)
        look_at(p, self, stream);
}

static void touch_all(struct th_node *node)
{
    uv_mutex_lock(&node->lock);
    for (struct th_stream *stream = node->streams; stream; stream = stream->next)
        th_node_stream_touch(stream);
    uv_mutex_unlock(&node->lock);
}

void th_pulling_on_alarm(struct th_pulling *p, const struct th_self *self)
{
    if (th_pulling_deadline(p) > self->now.mono)
        return;
    p->again_at = p->close_by = TH_NEVER;
    touch_all(p->node);
    th_pulling_look(p, self);
}

th_ms th_pulling_deadline(const struct th_pulling *p)
{
    return th_sooner(p->again_at, p->close_by);
}

bool th_pulling_on_down(struct th_pulling *p, const struct th_self *self,
                        const struct th_down *down)
{
    if (p->sw == 0 || down->ref != p->monitor)
        return false;
    p->sw = 0;
    p->is_accepting = false;
    uv_mutex_lock(&p->node->lock);
    for (struct th_stream *stream = p->node->streams; stream; stream = stream->next) {
        if (stream->number == 0)
            continue;
        stream->is_finished = true;
        fail(stream, p->is_leaving ? TH_SHUTDOWN : TH_GONE);
    }
    uv_mutex_unlock(&p->node->lock);
    th_pulling_try_again(p, self);
    return true;
}

void th_pulling_stop(struct th_pulling *p, const struct th_self *self)
{
    p->has_stopped = true;
    p->sw = 0;
    uv_mutex_lock(&p->node->lock);
    for (struct th_stream *stream = p->node->streams; stream; stream = stream->next) {
        stream->wants_close = stream->is_finished = true;
        fail(stream, TH_SHUTDOWN);
    }
    uv_mutex_unlock(&p->node->lock);
    th_pulling_look(p, self);
}

void th_pulling_end(struct th_pulling *p)
{
    struct th_node *node = p->node;

    /* New ones are refused by now: the node is over. */
    while (node->streams)
        close_stream(node->streams, node->streams->why == TH_OK ? TH_SHUTDOWN : node->streams->why);
}

#include "tools/app/control_pipe.h"

#include "switch/base/mem.h"
#include "tools/app/control_job.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 << 10 };

struct th_pipe {
    struct th_pipe *next;
    uintptr_t client;   /* 0: it has gone */
    struct th_job *job; /* NULL once it is answered */
    char type[TH_TYPE_MAX];
    bool is_listening;       /* for whoever comes */
    th_stream_number stream; /* 0: there is none yet */
    unsigned calls;          /* under way: they hold a pointer to it */
    bool is_reading, is_writing;
    bool has_client_ended, is_end_told; /* their bytes have; the switch knows */
    bool is_at_end, has_failed;         /* a frame said so */
    bool is_finished;                   /* the switch was told to let go */
    struct th_pull_write *out;          /* being filled */
};

/* life */

static void settle(struct th_control *c, struct th_pipe *pipe)
{
    struct th_pipe **at = &c->pipes;

    if (pipe->client != 0 || pipe->calls > 0 || pipe->job)
        return;
    while (*at != pipe)
        at = &(*at)->next;
    *at = pipe->next;
    c->pipe_count--;
    th_mem_free(pipe->out);
    th_mem_free(pipe);
}

static struct th_pipe *make(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    const char *type = json_string_value(json_object_get(job->request.params, "type"));
    struct th_pipe *pipe;

    if (type == NULL || !th_stream_type_is_valid(type)) {
        th_job_fail(
            c, self, job, TH_RPC_PARAMS,
            "\"type\" must be _ and up to 30 letters, digits and signs without space, or sock",
            NULL);
        return NULL;
    }
    if (c->pipe_count == TH_PIPES_MAX) {
        th_job_fail(c, self, job, TH_RPC_BUSY, "64 pipes are open already", NULL);
        return NULL;
    }
    pipe = th_mem_zalloc(1, sizeof *pipe);
    if (pipe == NULL) {
        th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
        return NULL;
    }
    strcpy(pipe->type, type);
    pipe->client = job->client;
    pipe->job = job;
    pipe->next = c->pipes;
    c->pipes = pipe;
    c->pipe_count++;
    return pipe;
}

static bool ask(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                const struct th_msg_kind *kind, void *body, th_ms timeout_ms, th_reply_fn on_reply)
{
    th_pid sw = th_whereis(self->host, self->scope, TH_NODE_SWITCH);
    (void)c;

    if (body == NULL || th_call(self, sw, (struct th_msg){.kind = kind, .body = body}, timeout_ms,
                                on_reply, pipe, NULL) != TH_OK)
        return false;
    pipe->calls++;
    return true;
}

/* Ends the job of a pipe that did not come to be. */
static void fail_job(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                     int code, const char *why)
{
    struct th_job *job = pipe->job;

    pipe->job = NULL;
    pipe->client = 0;
    th_job_fail(c, self, job, code, why, NULL);
    th_job_settle(c, job);
}

static const char *words_of(enum th_err why)
{
    return why == TH_IN_USE ? "another one listens to that type already" : th_strerror(why);
}

/* The same while the job is being begun, by who settles it. */
static void refuse_job(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                       const char *why)
{
    struct th_job *job = pipe->job;

    pipe->job = NULL;
    pipe->client = 0;
    th_job_fail(c, self, job, TH_RPC_BUSY, why, NULL);
    settle(c, pipe);
}

static enum th_err on_let_go(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_pipe *pipe = ctx;
    (void)self, (void)why, (void)reply;

    pipe->calls--;
    settle(state, pipe);
    return TH_OK;
}

static void let_go(struct th_control *c, const struct th_self *self, struct th_pipe *pipe)
{
    struct th_pull_finish *body;

    if (pipe->stream == 0 || pipe->is_finished)
        return;
    pipe->is_finished = true;
    body = th_mem_zalloc(1, sizeof *body);
    if (body)
        *body = (struct th_pull_finish){.stream = pipe->stream, .how = TH_FINISH_RELEASE};
    /* Without memory the switch keeps it until its silence ends it. */
    (void)!ask(c, self, pipe, &th_switch_msg_finish, body, TH_NEVER, on_let_go);
}

/* frames for the client */

static void put_frame(struct th_control *c, struct th_pipe *pipe, uint32_t len, const void *bytes,
                      size_t size)
{
    const uint8_t head[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                             (uint8_t)len};

    th_control_put_bytes(c, pipe->client, head, sizeof head);
    if (size > 0)
        th_control_put_bytes(c, pipe->client, bytes, size);
}

static void fail(struct th_control *c, struct th_pipe *pipe, enum th_err why, const char *words)
{
    char text[TH_CHANNEL_ERR_MAX + 64];

    if (pipe->has_failed || pipe->client == 0)
        return;
    pipe->has_failed = true;
    snprintf(text, sizeof text, "%s%s%s", th_strerror(why), words[0] ? ": " : "", words);
    put_frame(c, pipe, TH_PIPE_FAILED, text, strlen(text));
}

/* beginning */

/* There is a stream: the client hears so, and is a pipe from now on. */
static void begin(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                  const struct th_hashname *peer)
{
    struct th_job *job = pipe->job;

    pipe->job = NULL;
    th_job_answer(c, self, job,
                  json_pack("{s:o, s:s}", "hashname", th_json_hex(peer), "type", pipe->type));
    th_job_settle(c, job);
    if (th_control_be_pipe(c, pipe->client, pipe))
        return;
    pipe->client = 0; /* it went meanwhile */
    let_go(c, self, pipe);
}

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_pipe *pipe = ctx;
    const struct th_pull_opened *opened = why == TH_OK ? reply->body : NULL;

    pipe->calls--;
    if (opened && opened->err == TH_OK) {
        pipe->stream = opened->stream;
        begin(state, self, pipe, &pipe->job->target);
    } else {
        fail_job(state, self, pipe, TH_RPC_BUSY, words_of(opened ? opened->err : why));
    }
    settle(state, pipe);
    return TH_OK;
}

static enum th_err on_reached(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct th_job *job = ctx;
    struct th_control *c = state;
    const struct th_dialed *dialed = th_probe_read_dialed(c, self, job, why, reply);
    struct th_pipe *pipe;
    struct th_pull_open *body;

    job->waiting--;
    if (dialed && dialed->result != TH_OK)
        th_job_fail(c, self, job, TH_RPC_PEER, th_strerror(dialed->result), NULL);
    if (job->is_done || (pipe = make(c, self, job)) == NULL) {
        th_job_settle(c, job);
        return TH_OK;
    }
    body = th_mem_zalloc(1, sizeof *body);
    if (body) {
        body->to = job->target;
        strcpy(body->type, pipe->type);
    }
    /* no time-out: what the switch opened must have an owner who ends it */
    if (!ask(c, self, pipe, &th_switch_msg_stream_open, body, TH_NEVER, on_opened)) {
        fail_job(c, self, pipe, TH_RPC_BUSY, "out of memory");
        settle(c, pipe);
    }
    return TH_OK;
}

void th_pipe_open(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    th_probe_reach(c, self, job, on_reached);
}

/* listening */

static struct th_pipe *listener_of(struct th_control *c, const char *type)
{
    for (struct th_pipe *pipe = c->pipes; pipe; pipe = pipe->next)
        if (pipe->is_listening && strcmp(pipe->type, type) == 0)
            return pipe;
    return NULL;
}

static void accept_next(struct th_control *c, const struct th_self *self);

static void refuse(const struct th_self *self, th_stream_number stream);

/* One that comes goes to who listens; that one listens no more. */
static void listen_no_more(struct th_control *c, const struct th_self *self, struct th_pipe *pipe)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);

    pipe->is_listening = false;
    if (body) {
        strcpy(body->type, pipe->type);
        body->is_over = true;
    }
    (void)!ask(c, self, pipe, &th_switch_msg_listen, body, TH_NEVER, on_let_go);
}

static enum th_err on_accepted(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_control *c = state;
    const struct th_pull_accepted *accepted = why == TH_OK ? reply->body : NULL;
    (void)ctx;

    c->is_accepting = false;
    if (accepted && accepted->err == TH_OK) {
        struct th_pipe *pipe = listener_of(c, accepted->type);
        if (pipe && pipe->job) {
            struct th_hashname from = accepted->from;
            pipe->stream = accepted->stream;
            listen_no_more(c, self, pipe);
            begin(c, self, pipe, &from);
            if (accepted->len > 0 && pipe->client)
                put_frame(c, pipe, (uint32_t)accepted->len, accepted->bytes, accepted->len);
        } else {
            refuse(self, accepted->stream);
        }
    } else if (accepted == NULL) {
        /* The switch has gone: whoever listened has to say so again. */
        for (struct th_pipe *pipe = c->pipes, *next; pipe; pipe = next) {
            next = pipe->next;
            if (!pipe->is_listening)
                continue;
            pipe->is_listening = false;
            fail_job(c, self, pipe, TH_RPC_BUSY, "the switch is being restarted");
            settle(c, pipe);
        }
    }
    accept_next(c, self);
    return TH_OK;
}

static void accept_next(struct th_control *c, const struct th_self *self)
{
    bool is_needed = false;

    for (const struct th_pipe *pipe = c->pipes; pipe; pipe = pipe->next)
        is_needed |= pipe->is_listening;
    if (!is_needed || c->is_accepting)
        return;
    c->is_accepting = th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                              (struct th_msg){.kind = &th_switch_msg_accept}, TH_NEVER, on_accepted,
                              NULL, NULL) == TH_OK;
}

static enum th_err on_listening(void *state, const struct th_self *self, void *ctx, enum th_err why,
                                struct th_msg *reply)
{
    struct th_pipe *pipe = ctx;

    pipe->calls--;
    if (why == TH_OK)
        why = ((const struct th_switch_result *)reply->body)->err;
    /* Without a job its client has gone, and another may listen to the same by now. */
    if (why != TH_OK && pipe->job) {
        pipe->is_listening = false;
        fail_job(state, self, pipe, TH_RPC_BUSY, words_of(why));
    } else if (why == TH_OK && pipe->client == 0 && listener_of(state, pipe->type) == NULL) {
        listen_no_more(state, self, pipe);
    }
    accept_next(state, self);
    settle(state, pipe);
    return TH_OK;
}

void th_pipe_listen(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_pipe *pipe = make(c, self, job);
    struct th_pull_listen *body;

    if (pipe == NULL)
        return;
    if (listener_of(c, pipe->type)) {
        refuse_job(c, self, pipe, words_of(TH_IN_USE));
        return;
    }
    body = th_mem_zalloc(1, sizeof *body);
    if (body)
        strcpy(body->type, pipe->type);
    pipe->is_listening = true;
    if (!ask(c, self, pipe, &th_switch_msg_listen, body, TH_NEVER, on_listening)) {
        pipe->is_listening = false;
        refuse_job(c, self, pipe, "out of memory");
    }
}

static enum th_err on_refused(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    (void)state, (void)self, (void)ctx, (void)why, (void)reply;
    return TH_OK;
}

/* Who listened has gone meanwhile. */
static void refuse(const struct th_self *self, th_stream_number stream)
{
    struct th_pull_finish *body = th_mem_zalloc(1, sizeof *body);

    if (body == NULL)
        return;
    *body = (struct th_pull_finish){.stream = stream, .how = TH_FINISH_RESET, .err = "busy"};
    if (th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                (struct th_msg){.kind = &th_switch_msg_finish, .body = body}, TH_NEVER, on_refused,
                NULL, NULL) != TH_OK)
        return;
}

/* carrying */

static enum th_err on_data(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct th_pipe *pipe = ctx;
    const struct th_pull_data *data = why == TH_OK ? reply->body : NULL;

    pipe->calls--;
    pipe->is_reading = false;
    if (pipe->client == 0) {
        settle(state, pipe);
        return TH_OK;
    }
    if (data == NULL) {
        fail(state, pipe, why, "");
    } else if (data->err == TH_OK) {
        put_frame(state, pipe, (uint32_t)data->len, data->bytes, data->len);
    } else if (data->err == TH_EOF) {
        pipe->is_at_end = true;
        put_frame(state, pipe, 0, NULL, 0);
    } else {
        fail(state, pipe, data->err, data->words);
    }
    th_control_settle_pipe(state, self, pipe->client);
    return TH_OK;
}

static enum th_err on_written(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct th_pipe *pipe = ctx;

    pipe->calls--;
    pipe->is_writing = false;
    if (why == TH_OK)
        why = ((const struct th_switch_result *)reply->body)->err;
    if (pipe->client == 0) {
        let_go(state, self, pipe); /* what it had sent is with the switch now */
        settle(state, pipe);
        return TH_OK;
    }
    /* How the stream failed, and with what words, a read tells; it is always under way or to come. */
    if (why != TH_OK && pipe->is_at_end)
        fail(state, pipe, why, "");
    th_control_settle_pipe(state, self, pipe->client);
    return TH_OK;
}

static enum th_err on_end_told(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    return on_let_go(state, self, ctx, why, reply);
}

uint8_t *th_pipe_room(struct th_pipe *pipe, size_t *len)
{
    if (pipe->has_client_ended || pipe->has_failed || pipe->is_writing)
        return NULL;
    if (pipe->out == NULL)
        pipe->out = th_mem_zalloc(1, sizeof *pipe->out + CHUNK);
    *len = CHUNK;
    return pipe->out ? pipe->out->bytes : NULL;
}

void th_pipe_on_bytes(struct th_pipe *pipe, size_t len)
{
    pipe->out->len = len;
}

void th_pipe_on_end(struct th_pipe *pipe)
{
    pipe->has_client_ended = true;
}

void th_pipe_go_on(struct th_control *c, const struct th_self *self, struct th_pipe *pipe,
                   bool is_read)
{
    if (pipe->has_failed)
        return;
    if (pipe->out && pipe->out->len > 0 && !pipe->is_writing) {
        struct th_pull_write *body = pipe->out;
        pipe->out = NULL;
        body->stream = pipe->stream;
        pipe->is_writing = ask(c, self, pipe, &th_switch_msg_write, body, TH_NEVER, on_written);
        if (!pipe->is_writing)
            fail(c, pipe, TH_NO_MEMORY, "");
    }
    if (pipe->has_client_ended && !pipe->is_end_told && !pipe->is_writing) {
        struct th_pull_finish *body = th_mem_zalloc(1, sizeof *body);
        if (body)
            *body = (struct th_pull_finish){.stream = pipe->stream, .how = TH_FINISH_END};
        pipe->is_end_told = ask(c, self, pipe, &th_switch_msg_finish, body, TH_NEVER, on_end_told);
        if (!pipe->is_end_told)
            fail(c, pipe, TH_NO_MEMORY, "");
    }
    if (is_read && !pipe->is_reading && !pipe->is_at_end) {
        struct th_pull_read *body = th_mem_zalloc(1, sizeof *body);
        if (body)
            *body = (struct th_pull_read){pipe->stream, CHUNK};
        pipe->is_reading = ask(c, self, pipe, &th_switch_msg_read, body, TH_NEVER, on_data);
        if (!pipe->is_reading)
            fail(c, pipe, TH_NO_MEMORY, "");
    }
}

bool th_pipe_is_over(const struct th_pipe *pipe)
{
    return pipe->has_failed || (pipe->is_at_end && pipe->is_end_told && !pipe->is_writing);
}

void th_pipe_on_gone(struct th_control *c, const struct th_self *self, uintptr_t client)
{
    for (struct th_pipe *pipe = c->pipes, *next; pipe; pipe = next) {
        next = pipe->next;
        if (pipe->client != client)
            continue;
        pipe->client = 0;
        if (pipe->is_listening) {
            struct th_job *job = pipe->job;
            pipe->job = NULL;
            listen_no_more(c, self, pipe);
            th_job_fail(c, self, job, TH_RPC_INTERNAL, "nobody waits", NULL);
            th_job_settle(c, job);
        }
        if (!pipe->is_writing)
            let_go(c, self, pipe);
        settle(c, pipe);
    }
}

void th_pipe_clear(struct th_control *c)
{
    while (c->pipes) {
        struct th_pipe *next = c->pipes->next;
        th_mem_free(c->pipes->out);
        th_mem_free(c->pipes);
        c->pipes = next;
    }
}

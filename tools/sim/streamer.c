#include "tools/sim/streamer.h"

#include "switch/base/mem.h"
#include "switch/pull.h"

#include <string.h>

#define STREAMER "streamer"
#define TYPE "_sim"

enum { CHUNK = 32 << 10, NUMBER_BYTES = 8, DIAL_MS = 60000, AGAIN_MS = 100 };

/* One side of one stream. */
struct conn {
    struct conn *next;
    struct streamer *streamer;
    struct th_sim_transfer *transfer; /* NULL: its number has not come yet */
    th_stream_number stream;
    unsigned side;
    uint8_t number[NUMBER_BYTES]; /* as it comes */
    unsigned number_len;
    uint64_t written;
    bool is_ended, has_eof; /* our end was said; theirs came */
    bool is_over;           /* nothing is asked any more */
};

struct streamer {
    struct th_world_node *node;
    struct th_sim_transfers *book;
    struct conn *conns;
    bool is_listening;
    th_ms listen_at;
};

struct begin {
    struct th_sim_transfer *transfer;
};
static const struct th_msg_kind begin_msg = {"streamer.begin", th_mem_free};
static const struct th_msg_kind end_msg = {"streamer.end", NULL};

/* What a side sends at a place: 8 bytes of a mixed counter (splitmix64). */
static uint8_t byte_at(const struct th_sim_transfer *transfer, unsigned side, uint64_t at)
{
    uint64_t x = (transfer->number * TH_SIM_SIDES + side + 1) * 0x9e3779b97f4a7c15u + at / 8;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint8_t)((x ^ (x >> 31)) >> (at % 8 * 8));
}

/* --- one side --- */

static void *need(void *memory)
{
    TH_CHECK(memory != NULL);
    return memory;
}

static void ask(struct conn *conn, const struct th_self *self, const struct th_msg_kind *kind,
                void *body, th_reply_fn on_reply)
{
    TH_CHECK(th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                     (struct th_msg){.kind = kind, .body = body}, TH_NEVER, on_reply, conn,
                     NULL) == TH_OK);
}

static enum th_err on_finished(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    (void)state, (void)self, (void)ctx, (void)why, (void)reply;
    return TH_OK;
}

static void finish(struct conn *conn, const struct th_self *self, enum th_finish how)
{
    struct th_pull_finish *body = need(th_mem_zalloc(1, sizeof *body));

    body->stream = conn->stream;
    body->how = how;
    ask(conn, self, &th_switch_msg_finish, body, on_finished);
}

static void tell_end(struct conn *conn, enum th_err why)
{
    struct th_sim_transfer *t = conn->transfer;
    struct th_world_node *node = conn->streamer->node;

    if (t == NULL || node->state == TH_WORLD_DOWN)
        return;
    if (t->ends[conn->side]++ == 0) {
        t->why[conn->side] = why;
        t->ended_at[conn->side] = node->world->now;
    }
    th_sim_trace_say(&node->world->trace, node->world->now, node->index,
                     "stream %u ends after %llu bytes: %s", (unsigned)t->number,
                     (unsigned long long)t->read[conn->side], th_strerror(why));
}

/* It failed: nothing more comes of it. */
static void fail(struct conn *conn, const struct th_self *self, enum th_err why)
{
    if (conn->is_over)
        return;
    conn->is_over = true;
    tell_end(conn, why);
    if (conn->stream)
        finish(conn, self, TH_FINISH_RESET);
}

/* Both ends were said: it is let go. */
static void release(struct conn *conn, const struct th_self *self)
{
    if (!conn->is_ended || !conn->has_eof)
        return;
    conn->is_over = true;
    finish(conn, self, TH_FINISH_RELEASE);
}

static void write_more(struct conn *conn, const struct th_self *self);

static enum th_err on_written(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct conn *conn = ctx;
    (void)state;

    if (why == TH_OK)
        why = ((const struct th_switch_result *)reply->body)->err;
    if (why == TH_OK && !conn->is_over)
        write_more(conn, self);
    return TH_OK; /* why it failed is read */
}

static void write_more(struct conn *conn, const struct th_self *self)
{
    struct th_sim_transfer *t = conn->transfer;
    uint64_t left = t->bytes[conn->side] - conn->written;
    size_t len = left < CHUNK ? (size_t)left : CHUNK;

    if (len == 0) {
        conn->is_ended = true;
        finish(conn, self, TH_FINISH_END);
        release(conn, self);
        return;
    }
    struct th_pull_write *body = need(th_mem_zalloc(1, sizeof *body + len));
    body->stream = conn->stream;
    body->len = len;
    for (size_t i = 0; i < len; i++)
        body->bytes[i] = byte_at(t, conn->side, conn->written + i);
    conn->written += len;
    t->written[conn->side] = conn->written;
    ask(conn, self, &th_switch_msg_write, body, on_written);
}

/* --- reading --- */

static void check(struct conn *conn, const uint8_t *bytes, size_t len)
{
    struct th_sim_transfer *t = conn->transfer;
    unsigned other = TH_SIM_ACCEPTER - conn->side;

    for (size_t i = 0; i < len; i++)
        t->wrong[conn->side] += bytes[i] != byte_at(t, other, t->read[conn->side] + i);
    t->read[conn->side] += len;
}

/* The first bytes to who accepts are the transfer's number. False when there is none such. */
static bool find_transfer(struct conn *conn)
{
    const struct th_sim_transfers *book = conn->streamer->book;
    uint64_t number = 0;

    for (unsigned i = 0; i < NUMBER_BYTES; i++)
        number |= (uint64_t)conn->number[i] << (8 * i);
    if (number >= book->count || book->transfer[number].to != conn->streamer->node)
        return false;
    conn->transfer = &book->transfer[number];
    return true;
}

static void take(struct conn *conn, const struct th_self *self, const uint8_t *bytes, size_t len)
{
    bool is_new = false;

    while (conn->transfer == NULL && len > 0) {
        conn->number[conn->number_len++] = *bytes++;
        len--;
        if (conn->number_len < NUMBER_BYTES)
            continue;
        if (!find_transfer(conn)) {
            fail(conn, self, TH_FORMAT);
            return;
        }
        is_new = true;
    }
    if (conn->transfer)
        check(conn, bytes, len);
    if (is_new)
        write_more(conn, self);
}

static void read_more(struct conn *conn, const struct th_self *self);

static enum th_err on_data(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct conn *conn = ctx;
    const struct th_pull_data *data = why == TH_OK ? reply->body : NULL;
    (void)state;

    if (conn->is_over)
        return TH_OK;
    if (data && data->err == TH_OK) {
        take(conn, self, data->bytes, data->len);
        if (!conn->is_over)
            read_more(conn, self);
    } else if (data && data->err == TH_EOF) {
        conn->has_eof = true;
        tell_end(conn, TH_EOF);
        release(conn, self);
    } else {
        fail(conn, self, data ? data->err : why);
    }
    return TH_OK;
}

static void read_more(struct conn *conn, const struct th_self *self)
{
    struct th_pull_read *body = need(th_mem_zalloc(1, sizeof *body));

    *body = (struct th_pull_read){conn->stream, CHUNK};
    ask(conn, self, &th_switch_msg_read, body, on_data);
}

/* --- opening --- */

static struct conn *add(struct streamer *s, struct th_sim_transfer *transfer, unsigned side)
{
    struct conn *conn = need(th_mem_zalloc(1, sizeof *conn));

    conn->streamer = s;
    conn->transfer = transfer;
    conn->side = side;
    conn->next = s->conns;
    s->conns = conn;
    return conn;
}

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct conn *conn = ctx;
    const struct th_pull_opened *opened = why == TH_OK ? reply->body : NULL;
    (void)state;

    if (opened)
        why = opened->err;
    if (why != TH_OK) {
        fail(conn, self, why);
        return TH_OK;
    }
    conn->stream = opened->stream;
    read_more(conn, self);
    write_more(conn, self);
    return TH_OK;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct conn *conn = ctx;
    (void)state;

    if (why == TH_OK)
        why = ((const struct th_dialed *)reply->body)->result;
    if (why != TH_OK) {
        fail(conn, self, why);
        return TH_OK;
    }
    struct th_pull_open *open = need(th_mem_zalloc(1, sizeof *open + NUMBER_BYTES));
    open->to = conn->transfer->to->id.hashname;
    strcpy(open->type, TYPE);
    open->len = NUMBER_BYTES;
    for (unsigned i = 0; i < NUMBER_BYTES; i++)
        open->bytes[i] = (uint8_t)(conn->transfer->number >> (8 * i));
    ask(conn, self, &th_switch_msg_stream_open, open, on_opened);
    return TH_OK;
}

static void begin(struct streamer *s, const struct th_self *self, struct th_sim_transfer *transfer)
{
    struct conn *conn = add(s, transfer, TH_SIM_OPENER);
    struct th_dial *dial = need(th_mem_zalloc(1, sizeof *dial));

    dial->target = transfer->to->id.hashname;
    dial->mode = TH_DIAL_REACH;
    dial->timeout_ms = DIAL_MS;
    TH_CHECK(th_call(self, th_whereis(self->host, self->scope, TH_NODE_DIALER),
                     (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial}, 2 * DIAL_MS,
                     on_dialed, conn, NULL) == TH_OK);
}

/* --- accepting --- */

static void accept_next(struct streamer *s, const struct th_self *self);

static enum th_err on_accepted(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    const struct th_pull_accepted *accepted = why == TH_OK ? reply->body : NULL;
    struct streamer *s = state;
    (void)ctx;

    if (accepted == NULL || accepted->err != TH_OK)
        return TH_OK;
    struct conn *conn = add(s, NULL, TH_SIM_ACCEPTER);
    conn->stream = accepted->stream;
    take(conn, self, accepted->bytes, accepted->len);
    if (!conn->is_over)
        read_more(conn, self);
    accept_next(s, self);
    return TH_OK;
}

static void accept_next(struct streamer *s, const struct th_self *self)
{
    (void)s;
    TH_CHECK(th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                     (struct th_msg){.kind = &th_switch_msg_accept}, TH_NEVER, on_accepted, NULL,
                     NULL) == TH_OK);
}

static enum th_err on_listened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct streamer *s = state;
    (void)ctx;

    s->is_listening = why == TH_OK && ((const struct th_switch_result *)reply->body)->err == TH_OK;
    if (s->is_listening)
        accept_next(s, self);
    else
        s->listen_at = self->now.mono + AGAIN_MS; /* the switch is being started */
    return TH_OK;
}

static enum th_err listen_to(struct streamer *s, const struct th_self *self)
{
    struct th_pull_listen *body = need(th_mem_zalloc(1, sizeof *body));

    s->listen_at = TH_NEVER;
    strcpy(body->type, TYPE);
    return th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                   (struct th_msg){.kind = &th_switch_msg_listen, .body = body}, TH_NEVER,
                   on_listened, NULL, NULL);
}

/* --- the server --- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    const struct th_sim_streamer *start = arg;
    struct streamer *s = state;

    *s = (struct streamer){.node = start->node, .book = start->book};
    return listen_to(s, self);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &begin_msg)
        begin(state, self, ((const struct begin *)msg->body)->transfer);
    return msg->kind == &end_msg ? TH_SHUTDOWN : TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct streamer *s = state;

    return s->listen_at <= self->now.mono ? listen_to(s, self) : TH_OK;
}

static th_ms deadline(const void *state)
{
    return ((const struct streamer *)state)->listen_at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct streamer *s = state;
    (void)self, (void)why;

    while (s->conns) {
        struct conn *next = s->conns->next;
        th_mem_free(s->conns);
        s->conns = next;
    }
}

static const struct th_server_ops streamer_ops = {.name = STREAMER,
                                                  .state_size = sizeof(struct streamer),
                                                  .init = init,
                                                  .on_msg = on_msg,
                                                  .on_alarm = on_alarm,
                                                  .deadline = deadline,
                                                  .terminate = terminate};

void th_sim_streamer_start(const struct th_sim_streamer *streamer)
{
    th_world_spawn(streamer->node, &streamer_ops, (void *)(uintptr_t)streamer);
}

void th_sim_streamer_stop(const struct th_sim_streamer *streamer)
{
    th_world_post(streamer->node, STREAMER, (struct th_msg){.kind = &end_msg});
}

void th_sim_transfer_begin(struct th_sim_transfer *transfer)
{
    struct begin *body = need(th_mem_zalloc(1, sizeof *body));

    transfer->began_at = transfer->from->world->now;
    body->transfer = transfer;
    th_world_post(transfer->from, STREAMER, (struct th_msg){.kind = &begin_msg, .body = body});
}

bool th_sim_transfer_is_over(const struct th_sim_transfer *transfer)
{
    for (unsigned side = 0; side < TH_SIM_SIDES; side++) {
        const struct th_world_node *node = side == TH_SIM_OPENER ? transfer->from : transfer->to;
        if (transfer->ends[side] == 0 && node->state != TH_WORLD_DOWN)
            return false;
    }
    return true;
}

bool th_sim_transfer_is_whole(const struct th_sim_transfer *transfer)
{
    for (unsigned side = 0; side < TH_SIM_SIDES; side++)
        if (transfer->ends[side] != 1 || transfer->why[side] != TH_EOF ||
            transfer->wrong[side] != 0 ||
            transfer->read[side] != transfer->bytes[TH_SIM_ACCEPTER - side])
            return false;
    return true;
}

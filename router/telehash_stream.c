#include "router/telehash_stream.h"

#include "switch/base/mem.h"

#include <string.h>

enum { OUT_FIRST = 4096, LISTENS_MAX = TH_SERVED_MAX };

/* lists */

void th_node_stream_touch(struct th_stream *stream)
{
    if (stream->is_dirty)
        return;
    stream->is_dirty = true;
    stream->next_dirty = stream->node->dirty;
    stream->node->dirty = stream;
}

enum th_err th_node_wake(struct th_node *node)
{
    bool is_needed;

    uv_mutex_lock(&node->lock);
    is_needed = !node->is_woken && node->has_agent && !node->is_over;
    node->is_woken |= is_needed;
    uv_mutex_unlock(&node->lock);
    enum th_err err = is_needed ? th_node_agent_wake(node) : TH_OK;
    if (err != TH_NO_MEMORY)
        return TH_OK;
    uv_mutex_lock(&node->lock);
    node->is_woken = false;
    uv_mutex_unlock(&node->lock);
    return err;
}

enum th_err th_node_stream_make(struct th_node *node, const struct th_hashname *peer,
                                const char *type, const struct th_stream_cb *cb, void *data,
                                struct th_stream **out)
{
    struct th_stream *stream = th_mem_zalloc(1, sizeof *stream);
    enum th_err err = TH_OK;

    if (stream == NULL)
        return TH_NO_MEMORY;
    stream->node = node;
    stream->peer = *peer;
    th_hashname_write(stream->hashname, peer);
    strcpy(stream->type, type);
    stream->cb = cb ? *cb : (struct th_stream_cb){0};
    stream->data = data;
    stream->has_nothing = true;

    uv_mutex_lock(&node->lock);
    if (node->phase != TH_NODE_RUNNING || node->is_over)
        err = TH_INVALID;
    else if (node->stream_count == TH_NODE_STREAMS_MAX)
        err = TH_LIMIT;
    if (err == TH_OK) {
        stream->at = &node->streams;
        stream->next = node->streams;
        if (stream->next)
            stream->next->at = &stream->next;
        node->streams = stream;
        node->stream_count++;
        th_node_stream_touch(stream);
    }
    uv_mutex_unlock(&node->lock);
    if (err == TH_OK)
        *out = stream;
    else
        th_mem_free(stream);
    return err;
}

void th_node_stream_free(struct th_stream *stream)
{
    struct th_node *node = stream->node;

    uv_mutex_lock(&node->lock);
    *stream->at = stream->next;
    if (stream->next)
        stream->next->at = stream->at;
    node->stream_count--;
    for (struct th_stream **at = &node->dirty; *at; at = &(*at)->next_dirty)
        if (*at == stream) {
            *at = stream->next_dirty;
            break;
        }
    uv_mutex_unlock(&node->lock);
    th_mem_free(stream->out);
    th_mem_free(stream->in);
    th_mem_free(stream);
}

/* listening */

static enum th_err change_listen(struct th_node *node, const char *type, th_accept_fn on_incoming,
                                 void *data, struct th_listen *fresh, bool *is_used)
{
    struct th_listen *at = node->listens;

    if (node->phase == TH_NODE_CLOSING || node->phase == TH_NODE_FAILED || node->is_over)
        return TH_INVALID;
    while (at && strcmp(at->type, type) != 0)
        at = at->next;
    if (at == NULL && on_incoming == NULL)
        return TH_OK;
    if (at == NULL && node->listen_count == LISTENS_MAX)
        return TH_LIMIT;
    if (at == NULL) {
        at = fresh;
        *is_used = true;
        at->node = node;
        strcpy(at->type, type);
        at->next = node->listens;
        node->listens = at;
        node->listen_count++;
    }
    at->on_incoming = on_incoming;
    at->data = data;
    node->has_new_listen = true;
    return TH_OK;
}

enum th_err th_node_listen(struct th_node *node, const char *type, th_accept_fn on_incoming,
                           void *data)
{
    struct th_listen *fresh;
    bool is_used = false;

    if (node == NULL || type == NULL || !th_stream_type_is_valid(type))
        return TH_INVALID;
    fresh = th_mem_zalloc(1, sizeof *fresh);
    if (fresh == NULL)
        return TH_NO_MEMORY;
    uv_mutex_lock(&node->lock);
    enum th_err err = change_listen(node, type, on_incoming, data, fresh, &is_used);
    uv_mutex_unlock(&node->lock);
    if (!is_used)
        th_mem_free(fresh);
    return err == TH_OK ? th_node_wake(node) : err;
}

enum th_err th_stream_accept(const struct th_incoming *incoming, const struct th_stream_cb *cb,
                             void *data, struct th_stream **out)
{
    struct th_incoming_inside *inside = (struct th_incoming_inside *)(uintptr_t)incoming;
    struct th_stream *stream;

    if (incoming == NULL || cb == NULL || out == NULL || inside->stream)
        return TH_INVALID;
    const struct th_pull_accepted *accepted = inside->accepted;
    struct th_pull_data *first =
        accepted->len > 0 ? th_mem_zalloc(1, sizeof *first + accepted->len) : NULL;
    if (accepted->len > 0 && first == NULL)
        return TH_NO_MEMORY;
    enum th_err err =
        th_node_stream_make(inside->node, &accepted->from, accepted->type, cb, data, &stream);
    if (err != TH_OK) {
        th_mem_free(first);
        return err;
    }
    if (first) {
        first->len = accepted->len;
        memcpy(first->bytes, accepted->bytes, accepted->len);
    }
    stream->number = accepted->stream;
    stream->in = first;
    inside->stream = stream;
    *out = stream;
    return TH_OK;
}

/* opening */

enum th_err th_stream_open(struct th_node *node, const char *hashname, const char *type,
                           const struct th_stream_cb *cb, void *data, struct th_stream **out)
{
    struct th_hashname peer;

    if (node == NULL || hashname == NULL || type == NULL || cb == NULL || out == NULL ||
        !th_hashname_read(&peer, hashname, strlen(hashname)) ||
        th_hashname_is_equal(&peer, &node->identity.hashname) || !th_stream_type_is_valid(type))
        return TH_INVALID;
    enum th_err err = th_node_stream_make(node, &peer, type, cb, data, out);
    if (err == TH_OK)
        th_node_wake(node); /* without memory for it, the next message wakes the agent */
    return err;
}

/* bytes */

/* Room for at least one more byte in what is gathered. */
static enum th_err make_room(struct th_stream *stream, size_t len)
{
    size_t used = stream->out ? stream->out->len : 0;
    size_t room = stream->out_room ? stream->out_room : OUT_FIRST;

    while (room < used + len && room < TH_PULL_WRITE_MAX)
        room *= 2;
    if (stream->out && room == stream->out_room)
        return used < room ? TH_OK : TH_AGAIN;
    struct th_pull_write *out = th_mem_resize(stream->out, 1, sizeof *out + room);
    if (out == NULL)
        return TH_NO_MEMORY;
    out->len = used;
    stream->out = out;
    stream->out_room = room;
    return TH_OK;
}

enum th_err th_stream_write(struct th_stream *stream, const void *bytes, size_t len, size_t *taken)
{
    if (stream == NULL || bytes == NULL || len == 0 || taken == NULL)
        return TH_INVALID;
    struct th_node *node = stream->node; /* the stream may be gone once the lock is */
    uv_mutex_lock(&node->lock);
    enum th_err err = stream->wants_end || stream->wants_close ? TH_INVALID
                      : stream->why != TH_OK                   ? stream->why
                                                               : stream->why_write;
    if (err == TH_OK)
        err = make_room(stream, len);
    if (err == TH_OK) {
        size_t room = stream->out_room - stream->out->len;
        *taken = len < room ? len : room;
        memcpy(stream->out->bytes + stream->out->len, bytes, *taken);
        stream->out->len += *taken;
        th_node_stream_touch(stream);
    }
    stream->has_no_room |= err == TH_AGAIN;
    bool is_first = err == TH_OK && !stream->is_writing;
    uv_mutex_unlock(&node->lock);
    if (is_first)
        th_node_wake(node);
    return err;
}

enum th_err th_stream_read(struct th_stream *stream, void *buffer, size_t cap, size_t *got)
{
    bool is_empty = false;

    if (stream == NULL || buffer == NULL || cap == 0 || got == NULL)
        return TH_INVALID;
    struct th_node *node = stream->node;
    uv_mutex_lock(&node->lock);
    enum th_err err = stream->wants_close ? TH_INVALID : TH_OK;
    if (err == TH_OK && stream->in == NULL) {
        err = stream->why != TH_OK ? stream->why : stream->is_at_end ? TH_EOF : TH_AGAIN;
        stream->has_nothing |= err == TH_AGAIN;
    } else if (err == TH_OK) {
        size_t left = stream->in->len - stream->in_read;
        *got = cap < left ? cap : left;
        memcpy(buffer, stream->in->bytes + stream->in_read, *got);
        stream->in_read += *got;
        is_empty = stream->in_read == stream->in->len;
    }
    if (is_empty) {
        th_mem_free(stream->in);
        stream->in = NULL;
        stream->in_read = 0;
        th_node_stream_touch(stream);
    }
    uv_mutex_unlock(&node->lock);
    if (is_empty)
        th_node_wake(node);
    return err;
}

/* ends */

void th_stream_shutdown(struct th_stream *stream)
{
    if (stream == NULL)
        return;
    struct th_node *node = stream->node;
    uv_mutex_lock(&node->lock);
    stream->wants_end = true;
    th_node_stream_touch(stream);
    uv_mutex_unlock(&node->lock);
    th_node_wake(node);
}

void th_stream_reset(struct th_stream *stream, const char *err)
{
    if (stream == NULL)
        return;
    const char *words = err && err[0] ? err : "reset";
    struct th_node *node = stream->node;
    uv_mutex_lock(&node->lock);
    if (stream->why == TH_OK && !stream->wants_close) {
        size_t len = strnlen(words, sizeof stream->err - 1);
        while (len > 0 && ((uint8_t)words[len] & 0xc0) == 0x80)
            len--; /* no half of a UTF-8 sequence */
        memcpy(stream->err, words, len);
        stream->err[len] = 0;
        stream->wants_reset = true;
        stream->why = TH_CANCELLED;
        th_node_stream_touch(stream);
    }
    uv_mutex_unlock(&node->lock);
    th_node_wake(node);
}

void th_stream_close(struct th_stream *stream)
{
    if (stream == NULL)
        return;
    struct th_node *node = stream->node; /* the agent may free the stream at once */
    uv_mutex_lock(&node->lock);
    stream->wants_close = true;
    th_node_stream_touch(stream);
    uv_mutex_unlock(&node->lock);
    th_node_wake(node);
}

const char *th_stream_err(const struct th_stream *stream)
{
    return stream ? stream->words : "";
}

const char *th_stream_peer(const struct th_stream *stream)
{
    return stream ? stream->hashname : NULL;
}

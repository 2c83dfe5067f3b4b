#include "router/telehash_chan.h"

#include "switch/base/mem.h"

#include <string.h>

/* What the public header promises is what the switch carries. */
_Static_assert((int)TH_CHAN_PACKET_MAX == (int)TH_PACKETS_LEN_MAX, "sizes differ");

/* lists */

void th_node_chan_touch(struct th_chan *chan)
{
    if (chan->is_dirty)
        return;
    chan->is_dirty = true;
    chan->next_dirty = chan->node->chans.dirty;
    chan->node->chans.dirty = chan;
}

struct th_chan_send *th_node_chan_next_out(struct th_chan *chan)
{
    if (chan->out_count == 0)
        return NULL;
    struct th_chan_send *send = chan->out[chan->out_first];
    chan->out_first = (chan->out_first + 1) % TH_CHAN_WAITING_MAX;
    chan->out_count--;
    return send;
}

static void put_out(struct th_chan *chan, struct th_chan_send *send)
{
    chan->out[(chan->out_first + chan->out_count) % TH_CHAN_WAITING_MAX] = send;
    chan->out_count++;
}

static struct th_chan *make(struct th_node *node, const struct th_hashname *peer, const char *type,
                            const struct th_chan_cb *cb, void *data)
{
    struct th_chan *chan = th_mem_zalloc(1, sizeof *chan);

    if (chan == NULL)
        return NULL;
    chan->node = node;
    chan->peer = *peer;
    th_hashname_write(chan->hashname, peer);
    strcpy(chan->type, type);
    chan->cb = *cb;
    chan->data = data;
    return chan;
}

/* Puts one into the node's list. Errors: TH_LIMIT, TH_INVALID (not running).
 * out: filled before any callback can come. */
static enum th_err enlist(struct th_chan *chan, struct th_chan **out)
{
    struct th_node *node = chan->node;
    enum th_err err = TH_OK;

    uv_mutex_lock(&node->lock);
    if (node->phase != TH_NODE_RUNNING || node->is_over)
        err = TH_INVALID;
    else if (node->chans.count == TH_NODE_CHANS_MAX)
        err = TH_LIMIT;
    if (err == TH_OK) {
        chan->at = &node->chans.first;
        chan->next = node->chans.first;
        if (chan->next)
            chan->next->at = &chan->next;
        node->chans.first = chan;
        node->chans.count++;
        th_node_chan_touch(chan);
        *out = chan;
    }
    uv_mutex_unlock(&node->lock);
    return err;
}

static void free_memory(struct th_chan *chan)
{
    struct th_chan_send *send;

    while ((send = th_node_chan_next_out(chan)) != NULL)
        th_mem_free(send);
    th_mem_free(chan);
}

void th_node_chan_free(struct th_chan *chan)
{
    struct th_node *node = chan->node;

    uv_mutex_lock(&node->lock);
    *chan->at = chan->next;
    if (chan->next)
        chan->next->at = chan->at;
    node->chans.count--;
    for (struct th_chan **at = &node->chans.dirty; *at; at = &(*at)->next_dirty)
        if (*at == chan) {
            *at = chan->next_dirty;
            break;
        }
    uv_mutex_unlock(&node->lock);
    free_memory(chan);
}

void th_node_chans_clear(struct th_node *node)
{
    while (node->chans.listens) {
        struct th_chan_listen *next = node->chans.listens->next;
        th_mem_free(node->chans.listens);
        node->chans.listens = next;
    }
}

/* listening */

static enum th_err change_listen(struct th_node *node, const char *type,
                                 th_chan_accept_fn on_incoming, void *data,
                                 struct th_chan_listen **fresh)
{
    struct th_chan_listen *at = node->chans.listens;

    if (node->phase == TH_NODE_CLOSING || node->phase == TH_NODE_FAILED || node->is_over)
        return TH_INVALID;
    while (at && strcmp(at->type, type) != 0)
        at = at->next;
    if (at == NULL && on_incoming == NULL)
        return TH_OK;
    if (at == NULL && node->chans.listen_count == TH_SERVED_MAX)
        return TH_LIMIT;
    if (at == NULL) {
        at = *fresh;
        *fresh = NULL;
        at->node = node;
        strcpy(at->type, type);
        at->next = node->chans.listens;
        node->chans.listens = at;
        node->chans.listen_count++;
    }
    at->on_incoming = on_incoming;
    at->data = data;
    node->chans.has_new_listen = true;
    return TH_OK;
}

enum th_err th_chan_listen(struct th_node *node, const char *type, th_chan_accept_fn on_incoming,
                           void *data)
{
    struct th_chan_listen *fresh;

    if (node == NULL || type == NULL || !th_stream_type_is_valid(type))
        return TH_INVALID;
    fresh = th_mem_zalloc(1, sizeof *fresh);
    if (fresh == NULL)
        return TH_NO_MEMORY;
    uv_mutex_lock(&node->lock);
    enum th_err err = change_listen(node, type, on_incoming, data, &fresh);
    uv_mutex_unlock(&node->lock);
    th_mem_free(fresh);
    return err == TH_OK ? th_node_wake(node) : err;
}

enum th_err th_chan_accept(const struct th_chan_incoming *incoming, const struct th_chan_cb *cb,
                           void *data, struct th_chan **out)
{
    struct th_chan_incoming_inside *inside = (struct th_chan_incoming_inside *)(uintptr_t)incoming;

    if (incoming == NULL || cb == NULL || out == NULL || inside->chan)
        return TH_INVALID;
    const struct th_chan_item *item = inside->item;
    struct th_chan *chan = make(inside->node, &item->from, item->type, cb, data);
    if (chan == NULL)
        return TH_NO_MEMORY;
    chan->number = item->chan;
    enum th_err err = enlist(chan, out);
    if (err == TH_OK)
        inside->chan = chan;
    else
        free_memory(chan);
    return err;
}

/* sending */

/* A packet to be sent. Errors: TH_INVALID, TH_TOO_BIG, TH_NO_MEMORY. */
static enum th_err make_send(const struct th_chan_packet *packet, struct th_chan_send **out)
{
    const struct th_bytes json = {(const uint8_t *)packet->json,
                                  packet->json ? packet->json_len : 0};
    const struct th_bytes body = {packet->body, packet->body ? packet->body_len : 0};

    if (json.len > TH_CHAN_PACKET_MAX || body.len > TH_CHAN_PACKET_MAX - json.len)
        return TH_TOO_BIG;
    if (packet->json && !th_chanpkt_is_object(json))
        return TH_INVALID;
    struct th_chan_send *send = th_chan_send_new(json, body);
    if (send == NULL)
        return TH_NO_MEMORY;
    send->end = packet->is_end != 0;
    *out = send;
    return TH_OK;
}

enum th_err th_chan_open(struct th_node *node, const char *hashname, const char *type,
                         const struct th_chan_packet *first, const struct th_chan_cb *cb,
                         void *data, struct th_chan **out)
{
    const struct th_chan_packet empty = {0};
    struct th_chan_send *send;
    struct th_hashname peer;

    if (node == NULL || hashname == NULL || type == NULL || cb == NULL || out == NULL ||
        !th_hashname_read(&peer, hashname, strlen(hashname)) ||
        th_hashname_is_equal(&peer, &node->identity.hashname) || !th_stream_type_is_valid(type))
        return TH_INVALID;
    enum th_err err = make_send(first ? first : &empty, &send);
    if (err != TH_OK)
        return err;
    struct th_chan *chan = make(node, &peer, type, cb, data);
    if (chan == NULL) {
        th_mem_free(send);
        return TH_NO_MEMORY;
    }
    chan->has_ended = send->end;
    put_out(chan, send);
    err = enlist(chan, out);
    if (err == TH_OK)
        th_node_wake(node); /* without memory for it, the next message wakes the agent */
    else
        free_memory(chan);
    return err;
}

enum th_err th_chan_send(struct th_chan *chan, const struct th_chan_packet *packet)
{
    struct th_chan_send *send;

    if (chan == NULL || packet == NULL)
        return TH_INVALID;
    enum th_err err = make_send(packet, &send);
    if (err != TH_OK)
        return err;
    struct th_node *node = chan->node; /* the channel may be gone once the lock is */
    uv_mutex_lock(&node->lock);
    if (chan->has_ended || chan->wants_close)
        err = TH_INVALID;
    else if (chan->is_over)
        err = chan->why == TH_OK ? TH_EOF : chan->why;
    else if (chan->out_count == TH_CHAN_WAITING_MAX)
        err = TH_AGAIN;
    if (err == TH_OK) {
        chan->has_ended = send->end;
        put_out(chan, send);
        th_node_chan_touch(chan);
    }
    uv_mutex_unlock(&node->lock);
    if (err == TH_OK)
        th_node_wake(node);
    else
        th_mem_free(send);
    return err;
}

/* ends */

void th_chan_close(struct th_chan *chan, const char *err)
{
    if (chan == NULL)
        return;
    struct th_node *node = chan->node; /* the agent may free the channel at once */
    const char *words = err ? err : "";
    uv_mutex_lock(&node->lock);
    if (!chan->wants_close) {
        size_t len = strnlen(words, sizeof chan->err - 1);
        while (len > 0 && ((uint8_t)words[len] & 0xc0) == 0x80)
            len--; /* no half of a UTF-8 sequence */
        memcpy(chan->err, words, len);
        chan->err[len] = 0;
        chan->wants_close = true;
        th_node_chan_touch(chan);
    }
    uv_mutex_unlock(&node->lock);
    th_node_wake(node);
}

uint64_t th_chan_dropped(const struct th_chan *chan)
{
    uint64_t dropped;

    if (chan == NULL)
        return 0;
    uv_mutex_lock(&chan->node->lock);
    dropped = chan->dropped;
    uv_mutex_unlock(&chan->node->lock);
    return dropped;
}

const char *th_chan_err(const struct th_chan *chan)
{
    return chan ? chan->words : "";
}

const char *th_chan_peer(const struct th_chan *chan)
{
    return chan ? chan->hashname : NULL;
}

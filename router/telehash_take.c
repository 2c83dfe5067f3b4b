/* The agent's side of channels: it hands the switch what the application sends, asks it for what came on any
 * of them, one question at a time, and calls back. The lock is not held in callbacks. */
#include "router/telehash_chan.h"

#include "switch/base/mem.h"

#include <string.h>

enum { AGAIN_MS = 20, DIAL_MARGIN_MS = 1000 };

void th_taking_init(struct th_taking *taking, struct th_node *node)
{
    *taking = (struct th_taking){.node = node, .again_at = TH_NEVER};
    node->taking = taking;
}

static void lock(const struct th_chan *chan)
{
    uv_mutex_lock(&chan->node->lock);
}

static void unlock(const struct th_chan *chan)
{
    uv_mutex_unlock(&chan->node->lock);
}

void th_taking_try_again(struct th_taking *t, const struct th_self *self)
{
    t->again_at = th_sooner(t->again_at, self->now.mono + AGAIN_MS);
}

static struct th_chan *find(const struct th_taking *t, th_chan_number number)
{
    struct th_index_node *node = th_index_find(&t->by_number, number);

    return node ? TH_HEAP_OWNER(node, struct th_chan, by_number) : NULL;
}

/* Nothing comes or goes any more. Under the lock. */
static void be_over(struct th_taking *t, struct th_chan *chan, enum th_err why)
{
    struct th_chan_send *send;

    if (chan->is_indexed)
        th_index_remove(&t->by_number, &chan->by_number);
    chan->is_indexed = false;
    if (!chan->is_over)
        chan->why = why;
    chan->is_over = true;
    while ((send = th_node_chan_next_out(chan)) != NULL)
        th_mem_free(send);
    th_node_chan_touch(chan);
}

/* The switch has it under a number. Under the lock. */
static void be_open(struct th_taking *t, struct th_chan *chan, th_chan_number number)
{
    chan->number = number;
    if (th_index_add(&t->by_number, &chan->by_number, number) == TH_OK)
        chan->is_indexed = true;
    else
        be_over(t, chan, TH_NO_MEMORY); /* the switch's end of it goes with its silence */
}

/* --- opening --- */

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_chan *chan = ctx;
    struct th_taking *t = chan->node->taking;
    const struct th_pull_opened *opened = why == TH_OK ? reply->body : NULL;
    (void)state;

    if (why == TH_OK && opened == NULL)
        why = TH_NO_MEMORY;
    lock(chan);
    chan->is_asked = false;
    if (opened && opened->err == TH_OK)
        be_open(t, chan, opened->stream);
    else
        be_over(t, chan, opened ? opened->err : why == TH_FULL ? TH_LIMIT : why);
    th_node_chan_touch(chan);
    unlock(chan);
    th_taking_look(t, self);
    return TH_OK;
}

/* Its first packet; NULL without memory. Under the lock. */
static struct th_chan_open *make_open(struct th_chan *chan)
{
    struct th_chan_send *first = th_node_chan_next_out(chan);
    const struct th_bytes json = {first->bytes, first->json_len};
    const struct th_bytes body = {first->bytes + first->json_len, first->body_len};
    struct th_chan_open *open = th_chan_open_new(json, body);

    if (open) {
        open->to = chan->peer;
        strcpy(open->type, chan->type);
        open->end = first->end;
        chan->is_end_told = first->end;
    }
    th_mem_free(first);
    return open;
}

/* Asks about a channel, which stays until the answer. */
static enum th_err ask(const struct th_self *self, th_pid to, const struct th_msg_kind *kind,
                       void *body, th_ms timeout_ms, th_reply_fn on_reply, struct th_chan *chan)
{
    return body ? th_call(self, to, (struct th_msg){.kind = kind, .body = body}, timeout_ms,
                          on_reply, chan, NULL)
                : TH_NO_MEMORY;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_chan *chan = ctx;
    struct th_taking *t = chan->node->taking;
    (void)state;

    if (why == TH_OK)
        why = ((const struct th_dialed *)reply->body)->result;
    if (why == TH_OK && t->sw == 0)
        why = TH_GONE;
    lock(chan);
    if (why == TH_OK && !chan->is_over)
        why =
            ask(self, t->sw, &th_switch_msg_chan_open, make_open(chan), TH_NEVER, on_opened, chan);
    chan->is_asked = why == TH_OK && !chan->is_over;
    if (!chan->is_asked)
        be_over(t, chan, t->is_leaving ? TH_SHUTDOWN : why == TH_FULL ? TH_LIMIT : why);
    unlock(chan);
    th_taking_look(t, self);
    return TH_OK;
}

/* Under the lock. */
static void dial(struct th_taking *t, const struct th_self *self, struct th_chan *chan)
{
    struct th_dial *body = th_mem_zalloc(1, sizeof *body);

    if (body) {
        body->target = chan->peer;
        body->mode = TH_DIAL_REACH;
        body->timeout_ms = TH_DIAL_MS_DEFAULT;
    }
    chan->is_asked =
        ask(self, th_whereis(self->host, self->scope, TH_NODE_DIALER), &th_dialer_msg_dial, body,
            TH_DIAL_MS_DEFAULT + DIAL_MARGIN_MS, on_dialed, chan) == TH_OK;
    if (!chan->is_asked)
        th_taking_try_again(t, self);
}

/* --- sending --- */

/* Says our end. Under the lock. */
static void say_end(struct th_taking *t, const struct th_self *self, struct th_chan *chan)
{
    struct th_chan_send *send = th_chan_send_new((struct th_bytes){0}, (struct th_bytes){0});
    enum th_err err = TH_NO_MEMORY;

    if (send) {
        send->chan = chan->number;
        send->end = chan->err[0] == 0;
        memcpy(send->err, chan->err, sizeof send->err);
        err = th_post(self->host, t->sw,
                      (struct th_msg){.kind = &th_switch_msg_chan_send, .body = send});
    }
    if (err == TH_OK || err == TH_GONE)
        be_over(t, chan, TH_OK);
    else
        th_taking_try_again(t, self);
}

/* A packet. What the mailbox has no room for is lost, as in any queue on the way, but for an end. Under the
 * lock. */
static void post(struct th_taking *t, const struct th_self *self, struct th_chan *chan,
                 struct th_chan_send *send)
{
    bool is_last = send->end;

    send->chan = chan->number;
    enum th_err err =
        th_post(self->host, t->sw, (struct th_msg){.kind = &th_switch_msg_chan_send, .body = send});
    t->posted += err == TH_OK;
    t->refused += err != TH_OK;
    chan->is_end_told |= is_last;
    if (is_last && err == TH_OK)
        be_over(t, chan, TH_OK);
}

static void want_turn(struct th_taking *t, struct th_chan *chan)
{
    if (chan->has_turn)
        return;
    chan->has_turn = true;
    chan->next_turn = NULL;
    *(t->last_turn ? &t->last_turn->next_turn : &t->first_turn) = chan;
    t->last_turn = chan;
}

static void take_off_turns(struct th_taking *t, struct th_chan *chan)
{
    struct th_chan *before = NULL;

    if (!chan->has_turn)
        return;
    for (struct th_chan *at = t->first_turn; at != chan; at = at->next_turn)
        before = at;
    *(before ? &before->next_turn : &t->first_turn) = chan->next_turn;
    if (t->last_turn == chan)
        t->last_turn = before;
    chan->has_turn = false;
}

/* Hands a few of what waits to the switch. Under the lock. */
static void send_some(struct th_taking *t, const struct th_self *self, struct th_chan *chan)
{
    struct th_chan_send *send;

    for (unsigned i = 0; i < TH_NODE_TURN_MAX && t->posted < TH_NODE_POSTED_MAX; i++) {
        if ((send = th_node_chan_next_out(chan)) == NULL)
            break;
        post(t, self, chan, send);
    }
    if (chan->out_count > 0)
        want_turn(t, chan);
    else if (!chan->is_over && (chan->wants_close || chan->has_ended))
        say_end(t, self, chan);
}

static enum th_err on_counted(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct th_taking *t = ctx;
    (void)state, (void)reply;

    t->is_counting = false;
    if (why == TH_OK)
        t->posted -= t->counted < t->posted ? t->counted : t->posted;
    else
        th_taking_try_again(t, self);
    th_taking_look(t, self);
    return TH_OK;
}

/* Asks whether the switch has taken what was posted before. */
static void count_posted(struct th_taking *t, const struct th_self *self)
{
    if (t->is_counting || (t->posted < TH_NODE_COUNT_AT && t->refused == 0))
        return;
    struct th_chan_count *body = th_mem_zalloc(1, sizeof *body);
    if (body)
        body->refused = t->refused;
    t->is_counting =
        body &&
        th_call(self, t->sw, (struct th_msg){.kind = &th_switch_msg_chan_count, .body = body},
                TH_NEVER, on_counted, t, NULL) == TH_OK;
    if (!t->is_counting) {
        th_taking_try_again(t, self);
        return;
    }
    t->counted = t->posted;
    t->refused = 0;
}

/* Sends of each channel in turn, as far as the switch has taken what it was given. Whether it did. */
static bool serve_turns(struct th_taking *t, const struct th_self *self)
{
    bool has_any = false;

    if (t->sw == 0)
        return false;
    uv_mutex_lock(&t->node->lock);
    while (t->first_turn && t->posted < TH_NODE_POSTED_MAX) {
        struct th_chan *chan = t->first_turn;
        take_off_turns(t, chan);
        if (!chan->is_over)
            send_some(t, self, chan);
        has_any = true;
    }
    uv_mutex_unlock(&t->node->lock);
    count_posted(t, self);
    return has_any;
}

void th_taking_leave(struct th_taking *t, const struct th_self *self)
{
    struct th_node *node = t->node;

    uv_mutex_lock(&node->lock);
    for (struct th_chan *chan = node->chans.first; chan && t->sw; chan = chan->next) {
        if (chan->number == 0 || chan->is_over)
            continue;
        if (chan->err[0] == 0 && !chan->wants_close)
            strcpy(chan->err, "gone");
        say_end(t, self, chan);
        chan->why = TH_SHUTDOWN;
    }
    uv_mutex_unlock(&node->lock);
    t->is_leaving = true;
}

/* --- one channel --- */

static void close_chan(struct th_chan *chan, enum th_err why)
{
    if (chan->cb.on_close)
        chan->cb.on_close(chan, why, chan->data);
    take_off_turns(chan->node->taking, chan);
    th_node_chan_free(chan);
}

/* Under the lock: does what is to be done. */
static void go_on(struct th_taking *t, const struct th_self *self, struct th_chan *chan)
{
    if (chan->number == 0 && !chan->is_asked && !chan->is_over)
        dial(t, self, chan);
    if (chan->number != 0 && !chan->is_over)
        want_turn(t, chan);
}

static void look_at(struct th_taking *t, const struct th_self *self, struct th_chan *chan)
{
    lock(chan);
    if (t->sw)
        go_on(t, self, chan);
    else if (!t->has_stopped)
        th_taking_try_again(t, self);
    bool is_done = chan->is_over && chan->wants_close && !chan->is_asked;
    bool is_news = chan->is_over && !chan->is_end_told && !chan->wants_close;
    chan->is_end_told |= is_news;
    enum th_err why = chan->why;
    unlock(chan);
    /* The agent alone frees it. */
    if (is_done)
        close_chan(chan, why);
    else if (is_news && chan->cb.on_end)
        chan->cb.on_end(chan, why, chan->data);
}

/* --- what comes --- */

static void refuse(struct th_taking *t, const struct th_self *self, th_chan_number number)
{
    struct th_chan_send *send = th_chan_send_new((struct th_bytes){0}, (struct th_bytes){0});

    if (send == NULL)
        return; /* it goes with its silence */
    send->chan = number;
    strcpy(send->err, "refused");
    if (th_post(self->host, t->sw,
                (struct th_msg){.kind = &th_switch_msg_chan_send, .body = send}) != TH_OK)
        return;
}

static struct th_chan_packet packet_of(const struct th_chan_item *item)
{
    return (struct th_chan_packet){
        .json = item->json_len ? (const char *)item->bytes : NULL,
        .json_len = item->json_len,
        .body = item->body_len ? item->bytes + item->json_len : NULL,
        .body_len = item->body_len,
        .is_end = item->is_over && item->why == TH_OK,
        .dropped = item->dropped,
    };
}

/* Somebody opens one. Returns it when the application takes it. */
static struct th_chan *offer(struct th_taking *t, const struct th_self *self,
                             const struct th_chan_item *item)
{
    char hashname[TH_HASHNAME_SIZE];
    const struct th_chan_packet first = packet_of(item);
    struct th_chan_incoming_inside inside = {
        .incoming = {.hashname = hashname, .type = item->type, .first = &first},
        .node = t->node,
        .item = item,
    };
    th_chan_accept_fn on_incoming = NULL;
    void *data = NULL;

    th_hashname_write(hashname, &item->from);
    uv_mutex_lock(&t->node->lock);
    for (const struct th_chan_listen *at = t->node->chans.listens; at; at = at->next)
        if (strcmp(at->type, item->type) == 0) {
            on_incoming = at->on_incoming;
            data = at->data;
        }
    uv_mutex_unlock(&t->node->lock);
    if (on_incoming)
        on_incoming(t->node, &inside.incoming, data);
    if (inside.chan == NULL && !item->is_over)
        refuse(t, self, item->chan);
    if (inside.chan) {
        lock(inside.chan);
        be_open(t, inside.chan, item->chan);
        unlock(inside.chan);
    }
    return inside.chan;
}

static void take_item(struct th_taking *t, const struct th_self *self,
                      const struct th_chan_item *item)
{
    struct th_chan *chan = item->is_first ? offer(t, self, item) : find(t, item->chan);

    if (chan == NULL)
        return;
    lock(chan);
    chan->dropped += item->dropped;
    bool is_wanted = item->has_packet && !chan->wants_close;
    unlock(chan);
    if (is_wanted && chan->cb.on_packet) {
        const struct th_chan_packet packet = packet_of(item);
        chan->cb.on_packet(chan, &packet, chan->data);
    }
    if (!item->is_over)
        return;
    lock(chan);
    memcpy(chan->words, item->words, sizeof chan->words);
    be_over(t, chan, item->why);
    unlock(chan);
}

static enum th_err on_taken(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct th_taking *t = ctx;
    const struct th_chan_taken *taken = why == TH_OK ? reply->body : NULL;
    (void)state;

    t->is_taking = false;
    if (t->has_stopped)
        return TH_OK;
    if (taken == NULL || taken->err != TH_OK) {
        th_taking_try_again(t, self);
        return TH_OK;
    }
    for (const struct th_chan_item *item = taken->first; item; item = item->next)
        take_item(t, self, item);
    th_taking_look(t, self);
    return TH_OK;
}

/* Asks for what comes, while there is anything that it may come on. */
static void take_more(struct th_taking *t, const struct th_self *self)
{
    if (t->is_taking || (t->told_listens == 0 && t->by_number.count == 0))
        return;
    t->is_taking = th_call(self, t->sw, (struct th_msg){.kind = &th_switch_msg_chan_take}, TH_NEVER,
                           on_taken, t, NULL) == TH_OK;
    if (!t->is_taking)
        th_taking_try_again(t, self);
}

/* --- the whole --- */

/* A switch that was started anew knows of nothing. */
static bool find_switch(struct th_taking *t, const struct th_self *self)
{
    if (t->sw || t->has_stopped)
        return t->sw != 0;
    t->sw = th_whereis(self->host, self->scope, TH_NODE_SWITCH);
    if (t->sw && th_monitor(self, t->sw, &t->monitor) != TH_OK)
        t->sw = 0;
    t->wants_listen = t->sw != 0;
    return t->sw != 0;
}

static struct th_chan *next_dirty(struct th_node *node)
{
    uv_mutex_lock(&node->lock);
    struct th_chan *chan = node->chans.dirty;
    if (chan) {
        node->chans.dirty = chan->next_dirty;
        chan->is_dirty = false;
    }
    uv_mutex_unlock(&node->lock);
    return chan;
}

void th_taking_look(struct th_taking *t, const struct th_self *self)
{
    struct th_node *node = t->node;
    struct th_chan *chan;

    if (t->is_leaving)
        return;
    uv_mutex_lock(&node->lock);
    t->wants_listen |= node->chans.has_new_listen;
    bool is_needed = node->chans.dirty || node->chans.listen_count > 0 || t->wants_listen;
    uv_mutex_unlock(&node->lock);
    if (!is_needed && t->by_number.count == 0)
        return;
    if (!find_switch(t, self) && !t->has_stopped)
        th_taking_try_again(t, self);
    if (t->sw && t->wants_listen)
        th_taking_tell_listens(t, self);
    do
        while ((chan = next_dirty(node)) != NULL)
            look_at(t, self, chan);
    while (serve_turns(t, self));
    if (t->sw)
        take_more(t, self);
}

/* Marks all to be looked at; those that were open are over when `why` says so. */
static void touch_all(struct th_taking *t, enum th_err why)
{
    struct th_node *node = t->node;

    uv_mutex_lock(&node->lock);
    for (struct th_chan *chan = node->chans.first; chan; chan = chan->next)
        if (why != TH_OK && chan->number != 0)
            be_over(t, chan, why);
        else
            th_node_chan_touch(chan);
    uv_mutex_unlock(&node->lock);
}

void th_taking_on_alarm(struct th_taking *t, const struct th_self *self)
{
    if (t->again_at > self->now.mono)
        return;
    t->again_at = TH_NEVER;
    touch_all(t, TH_OK);
    th_taking_look(t, self);
}

void th_taking_on_down(struct th_taking *t, const struct th_self *self, const struct th_down *down)
{
    if (t->sw == 0 || down->ref != t->monitor)
        return;
    t->sw = 0;
    t->is_taking = t->is_counting = false;
    t->posted = t->counted = 0;
    touch_all(t, t->is_leaving ? TH_SHUTDOWN : TH_GONE);
    th_taking_try_again(t, self);
}

void th_taking_stop(struct th_taking *t, const struct th_self *self)
{
    struct th_node *node = t->node;

    t->has_stopped = true;
    t->sw = 0;
    uv_mutex_lock(&node->lock);
    for (struct th_chan *chan = node->chans.first; chan; chan = chan->next) {
        chan->wants_close = true;
        be_over(t, chan, TH_SHUTDOWN);
    }
    uv_mutex_unlock(&node->lock);
    th_taking_look(t, self);
}

void th_taking_end(struct th_taking *t)
{
    struct th_node *node = t->node;

    /* New ones are refused by now: the node is over. */
    while (node->chans.first) {
        struct th_chan *chan = node->chans.first;
        close_chan(chan, chan->is_over ? chan->why : TH_SHUTDOWN);
    }
    th_index_clear(&t->by_number);
}

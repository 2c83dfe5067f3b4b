#include "dialer/dial.h"

#include "switch/base/mem.h"

#include <string.h>

/* The word of a node that may introduce us to nobody now. */
#define BUSY "busy"

static th_pid the_switch(const struct th_dialer *dialer, const struct th_self *self)
{
    return th_whereis(self->host, self->scope, dialer->config->switch_name);
}

/* --- the list of what is asked --- */

static struct th_ask *ask_new(struct th_dialing *dial, enum th_ask_kind kind,
                              const struct th_hashname *node, const struct th_hashname *via)
{
    struct th_ask *ask = th_mem_zalloc(1, sizeof *ask);

    if (ask == NULL)
        return NULL;
    *ask = (struct th_ask){.next = dial->asks,
                           .dial = dial,
                           .kind = kind,
                           .node = *node,
                           .via = *via,
                           .serial = ++dial->serials};
    dial->asks = ask;
    return ask;
}

static void ask_drop(struct th_ask *ask, const struct th_self *self)
{
    struct th_ask **link = &ask->dial->asks;

    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
    if (ask->call)
        th_cancel(self, ask->call);
    th_mem_free(ask);
}

static struct th_ask *ask_of_tag(const struct th_dialing *dial, uint64_t tag)
{
    struct th_ask *ask = dial->asks;

    while (ask && ask->serial != (uint32_t)tag)
        ask = ask->next;
    return ask;
}

static uint64_t tag_of(const struct th_ask *ask)
{
    return (uint64_t)ask->dial->id << 32 | ask->serial;
}

/* --- asking --- */

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply);

/* A seek was refused, or could not be sent. Another that left since may still be answered. */
static void end_seek(struct th_dialing *dial, const struct th_self *self,
                     const struct th_hashname *node, uint32_t serial)
{
    for (const struct th_ask *ask = dial->asks; ask; ask = ask->next)
        if (ask->kind == TH_ASK_SEEK && ask->serial > serial &&
            th_hashname_is_equal(&ask->node, node))
            return;
    th_dialing_on_unanswered(dial, self, node);
}

/* What was asked cannot be. said: the word of who was asked, or "". */
static void fail_saying(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                        enum th_err err, const char *said)
{
    struct th_dialing *dial = ask->dial;
    struct th_ask was = *ask;

    ask_drop(ask, self);
    switch (was.kind) {
    case TH_ASK_OPEN:
        th_dialing_on_opened(dial, dialer, self, &was.node, err);
        break;
    case TH_ASK_SEEK:
        end_seek(dial, self, &was.node, was.serial);
        break;
    case TH_ASK_OPEN_VIA:
    case TH_ASK_LINE_VIA:
    case TH_ASK_PEER:
        th_dialing_on_unintroduced(dial, self, &was.node, &was.via, err, said);
        break;
    }
}

static void fail(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                 enum th_err err)
{
    fail_saying(ask, dialer, self, err, "");
}

/* body: given; NULL means that there was no memory for it. */
static void call_switch(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                        const struct th_msg_kind *kind, void *body)
{
    enum th_err err = TH_NO_MEMORY;

    if (body)
        err = th_call(self, the_switch(dialer, self), (struct th_msg){.kind = kind, .body = body},
                      TH_CALL_MS_DEFAULT, on_reply, ask, &ask->call);
    if (err != TH_OK)
        fail(ask, dialer, self, err);
}

static void call_open(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                      const struct th_hashname *id)
{
    struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);

    if (open)
        open->id = *id;
    call_switch(ask, dialer, self, &th_switch_msg_open, open);
}

static void call_channel(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                         struct th_switch_channel *channel)
{
    if (channel)
        channel->tag = tag_of(ask);
    call_switch(ask, dialer, self, &th_switch_msg_channel, channel);
}

void th_dialing_open(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                     const struct th_hashname *node)
{
    struct th_ask *ask = ask_new(dial, TH_ASK_OPEN, node, node);

    if (ask)
        call_open(ask, dialer, self, node);
    else
        th_dialing_on_opened(dial, dialer, self, node, TH_NO_MEMORY);
}

void th_dialing_seek(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                     const struct th_hashname *node)
{
    const struct th_hashname *target = &dial->request.target;
    struct th_ask *ask = ask_new(dial, TH_ASK_SEEK, node, node);
    char fields[TH_HASHNAME_HEX + 16];
    struct th_text text = th_text_in(fields, sizeof fields);

    if (ask == NULL) {
        th_dialing_on_unanswered(dial, self, node);
        return;
    }
    th_seek_put(&text, target, th_seek_digits(node, target));
    call_channel(
        ask, dialer, self,
        th_switch_channel_new(node, TH_CHANNEL_SEEK, th_text_bytes(&text), (struct th_bytes){0}));
}

static void ask_peer(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                     const struct th_hashname *node, const struct th_hashname *via)
{
    const struct th_public_key *key = &dialer->config->identity->keys.pub;
    bool is_for_anybody = dial->request.mode == TH_DIAL_FIND;

    if (is_for_anybody && !th_busy_may_ask(&dialer->busy, via, self->now.mono)) {
        th_dialing_on_unintroduced(dial, self, node, via, TH_REFUSED, BUSY);
        return;
    }
    struct th_ask *ask = ask_new(dial, TH_ASK_PEER, node, via);
    char fields[TH_HASHNAME_HEX + 64];
    struct th_text text = th_text_in(fields, sizeof fields);

    if (ask == NULL) {
        th_dialing_on_unintroduced(dial, self, node, via, TH_NO_MEMORY, "");
        return;
    }
    th_peer_put(&text, node, NULL, 0); /* via adds where it sees us */
    call_channel(ask, dialer, self,
                 th_switch_channel_new(via, TH_CHANNEL_PEER, th_text_bytes(&text),
                                       (struct th_bytes){key->b, sizeof key->b}));
}

void th_dialing_introduce(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_hashname *node,
                          const struct th_hashname *via)
{
    if (th_contacts_has(&dialer->contacts, via)) {
        ask_peer(dial, dialer, self, node, via);
        return;
    }

    struct th_ask *ask = ask_new(dial, TH_ASK_OPEN_VIA, node, via);
    if (ask)
        call_open(ask, dialer, self, via);
    else
        th_dialing_on_unintroduced(dial, self, node, via, TH_NO_MEMORY, "");
}

void th_dialing_punch(const struct th_dialer *dialer, const struct th_self *self,
                      const struct th_addr *addr)
{
    void *body = th_mem_copy(addr, sizeof *addr);

    /* Without memory or room it is a lost packet. */
    if (body)
        (void)th_post(self->host, the_switch(dialer, self),
                      (struct th_msg){.kind = &th_switch_msg_punch, .body = body});
}

/* --- what comes of it --- */

/* One is enough: each would ask when the line is up. */
static bool waits_for_via(const struct th_dialing *dial, const struct th_hashname *node,
                          const struct th_hashname *via)
{
    for (const struct th_ask *ask = dial->asks; ask; ask = ask->next)
        if (ask->kind == TH_ASK_LINE_VIA && th_hashname_is_equal(&ask->node, node) &&
            th_hashname_is_equal(&ask->via, via))
            return true;
    return false;
}

/* Who is to introduce us to the target, but is nowhere that the switch knows, is itself reached by those
 * who told of it. They alone may be no help: nothing is relayed to the target by who is reached through
 * another. False when nobody told of it. */
static bool want_via(const struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self)
{
    struct th_dialing *dial = ask->dial;
    struct th_dial_want *target = th_dialing_find_want(dial, &ask->node);
    struct th_dial_want *want = th_dialing_find_want(dial, &ask->via);

    if (target == NULL || !th_hashname_is_equal(&ask->node, &dial->request.target))
        return false;
    if (want == NULL) {
        want = th_dialing_add_want(dial, dialer, self, &ask->via, TH_LOOKUP_LINE_MS);
        if (want == NULL)
            return false;
        th_dialing_add_known(dial, want);
        if (want->reach.via_count == 0) {
            th_dialing_drop_want(dial, want);
            return false;
        }
    }
    th_reach_on_delayed(&target->reach, self->now, &ask->via);
    return true;
}

void th_dialing_on_via(struct th_dialing *dial, struct th_dialer *dialer,
                       const struct th_self *self, const struct th_hashname *via, bool has_line)
{
    struct th_ask *next;

    for (struct th_ask *ask = dial->asks; ask; ask = next) {
        next = ask->next;
        if (ask->kind != TH_ASK_LINE_VIA || !th_hashname_is_equal(&ask->via, via))
            continue;
        struct th_ask was = *ask;
        if (!has_line) {
            fail(ask, dialer, self, TH_NO_PATH);
            continue;
        }
        struct th_dial_want *want = th_dialing_find_want(dial, &was.node);
        if (want)
            th_reach_on_ready(&want->reach, self->now, via);
        ask_drop(ask, self);
        ask_peer(dial, dialer, self, &was.node, &was.via);
    }
}

static void on_answered(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                        const struct th_switch_result *result)
{
    struct th_dialing *dial = ask->dial;
    struct th_ask was = *ask;

    switch (was.kind) {
    case TH_ASK_OPEN:
        ask_drop(ask, self);
        th_dialing_on_opened(dial, dialer, self, &was.node, result->err);
        break;
    case TH_ASK_OPEN_VIA: /* a packet to it waits until its line is up */
        if (result->err == TH_OK || result->err == TH_AGAIN) {
            ask_drop(ask, self);
            ask_peer(dial, dialer, self, &was.node, &was.via);
        } else if (result->err == TH_NO_PATH && want_via(ask, dialer, self)) {
            if (waits_for_via(dial, &was.node, &was.via))
                ask_drop(ask, self);
            else
                ask->kind = TH_ASK_LINE_VIA;
        } else {
            fail(ask, dialer, self, result->err);
        }
        break;
    case TH_ASK_LINE_VIA:
        break; /* it asked nothing */
    case TH_ASK_SEEK:
    case TH_ASK_PEER:
        if (result->err == TH_OK)
            ask->c = result->c;
        else
            fail(ask, dialer, self, result->err);
        break;
    }
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct th_dialer *dialer = state;
    struct th_ask *ask = ctx;

    ask->call = 0;
    ask->dial->due_at = 0;
    if (why == TH_OK)
        on_answered(ask, dialer, self, reply->body);
    else
        fail(ask, dialer, self, why);
    th_dialer_settle(dialer, self);
    return TH_OK;
}

static void on_seek_packet(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                           const struct th_ev_packet *packet)
{
    struct th_dialing *dial = ask->dial;
    struct th_hashname node = ask->node;
    uint32_t serial = ask->serial;
    struct th_see see;

    ask_drop(ask, self);
    enum th_drop drop = th_see_read(&see, packet->head);
    th_drop_count(&dialer->status.drops, drop);
    if (packet->err[0] != 0 || drop != TH_DROP_NONE)
        end_seek(dial, self, &node, serial);
    else
        th_dialing_on_see(dial, self, &node, &see);
}

static void on_refused(struct th_ask *ask, struct th_dialer *dialer, const struct th_self *self,
                       const char *err)
{
    if (strcmp(err, BUSY) == 0)
        th_busy_on_refused(&dialer->busy, &ask->via, self->now.mono);
    fail_saying(ask, dialer, self, TH_REFUSED, err);
}

void th_dialing_on_packet(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_ev_packet *packet)
{
    struct th_ask *ask = ask_of_tag(dial, packet->tag);

    if (ask == NULL)
        return;
    dial->due_at = 0;
    if (ask->kind == TH_ASK_SEEK)
        on_seek_packet(ask, dialer, self, packet);
    else if (packet->err[0] != 0)
        on_refused(ask, dialer, self, packet->err);
    else if (packet->end) /* it has passed on what it had to */
        ask_drop(ask, self);
}

void th_dialing_on_ended(struct th_dialing *dial, struct th_dialer *dialer,
                         const struct th_self *self, const struct th_ev_ended *ended)
{
    struct th_ask *ask = ask_of_tag(dial, ended->tag);

    if (ask == NULL)
        return;
    dial->due_at = 0;
    if (ask->kind == TH_ASK_SEEK && ended->why == TH_TIMED_OUT)
        ask_drop(ask, self); /* the lookup has a time of its own, and may have asked again */
    else
        fail(ask, dialer, self, ended->why);
}

/* --- forgetting --- */

static void end_channel(const struct th_ask *ask, const struct th_dialer *dialer,
                        const struct th_self *self)
{
    struct th_bytes none = {0};
    struct th_switch_send *send = th_switch_send_new(&ask->via, ask->c, true, none, none);

    if (send == NULL)
        return; /* its silence ends it too */
    send->end = true;
    (void)th_post(self->host, the_switch(dialer, self),
                  (struct th_msg){.kind = &th_switch_msg_send, .body = send});
}

void th_dialing_forget_introductions(struct th_dialing *dial, struct th_dialer *dialer,
                                     const struct th_self *self, const struct th_hashname *node,
                                     bool is_direct)
{
    struct th_ask *next;

    for (struct th_ask *ask = dial->asks; ask; ask = next) {
        next = ask->next;
        if (ask->kind == TH_ASK_SEEK || !th_hashname_is_equal(&ask->node, node))
            continue;
        if (ask->kind == TH_ASK_PEER)
            th_busy_on_done(&dialer->busy, &ask->via);
        if (ask->kind == TH_ASK_PEER && is_direct && ask->c)
            end_channel(ask, dialer, self);
        ask_drop(ask, self);
    }
}

void th_dialing_forget_asks(struct th_dialing *dial, const struct th_dialer *dialer,
                            const struct th_self *self)
{
    while (dial->asks) {
        struct th_ask *ask = dial->asks;
        if (ask->kind == TH_ASK_PEER && ask->c && !th_contacts_has(&dialer->contacts, &ask->node))
            end_channel(ask, dialer, self);
        ask_drop(ask, self);
    }
}

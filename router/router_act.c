#include "router/router_inside.h"

#include "switch/base/mem.h"

#include <string.h>

_Static_assert((int)TH_HAND_ON_MAX >= (int)TH_ANSWER_HOSTS_MAX, "all of them can be said");

enum {
    OPEN_MS = 5000,         /* for the switch to open a channel */
    REACH_MS = 6000,        /* opens leave at 0, 1 and 3 s */
    DIAL_MARGIN_MS = 2000,  /* the dialer's own time-out comes first */
    OURS_SILENT_MS = 90000, /* of our link channels: link.h notices before the switch does */
};

th_pid th_router_find(const struct th_self *self, const char *name)
{
    return th_whereis(self->host, self->scope, name);
}

/* --- calls about one node --------------------------------------------------------------------------- */

static struct th_router_ask *ask_new(struct th_router *r, const struct th_hashname *id)
{
    struct th_router_ask *ask = th_mem_zalloc(1, sizeof *ask);

    if (ask == NULL)
        return NULL;
    *ask = (struct th_router_ask){.next = r->asks, .at = &r->asks, .id = *id};
    if (r->asks)
        r->asks->at = &ask->next;
    r->asks = ask;
    return ask;
}

/* Frees it; returns whom it was about. */
static struct th_hashname ask_end(struct th_router_ask *ask)
{
    struct th_hashname id = ask->id;

    *ask->at = ask->next;
    if (ask->next)
        ask->next->at = ask->at;
    th_mem_free(ask);
    return id;
}

/* --- what the machine wants: channels --------------------------------------------------------------- */

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_router *r = state;
    struct th_hashname id = ask_end(ctx);
    uint32_t c = 0;

    if (why == TH_OK) {
        const struct th_switch_result *result = reply->body;
        why = result->err;
        c = result->c;
    }
    enum th_err err = th_routing_on_opened(&r->routing, self->now, &id, c, why);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

static enum th_err open_link(struct th_router *r, const struct th_self *self,
                             const struct th_routing_action *action)
{
    struct th_router_ask *ask = ask_new(r, &action->id);
    struct th_switch_channel *body =
        ask ? th_switch_channel_new(&action->id, TH_CHANNEL_LINK, action->fields,
                                    (struct th_bytes){0})
            : NULL;

    if (body == NULL) {
        if (ask)
            ask_end(ask);
        return TH_NO_MEMORY;
    }
    body->silence_ms = OURS_SILENT_MS;
    enum th_err err = th_call(self, th_router_find(self, r->config->switch_name),
                              (struct th_msg){.kind = &th_switch_msg_channel, .body = body},
                              OPEN_MS, on_opened, ask, NULL);
    if (err != TH_OK)
        ask_end(ask);
    return err;
}

static enum th_err hand_on(struct th_router *r, const struct th_self *self,
                           const struct th_routing_action *action)
{
    struct th_switch_hand_on *body = th_mem_zalloc(1, sizeof *body);
    const struct th_asker asker = {.id = action->id, .addr = action->addr};

    if (body == NULL)
        return TH_NO_MEMORY;
    body->who = action->id;
    body->c = action->c;
    strncpy(body->err, action->err, sizeof body->err - 1);
    body->count = th_answer_hosts(&r->routing.table, &asker, r->routing.rng, body->to);
    th_post(self->host, th_router_find(self, r->config->switch_name),
            (struct th_msg){.kind = &th_switch_msg_hand_on, .body = body});
    return TH_OK;
}

/* It comes from there; without memory or room it is a lost packet. */
static void punch(const struct th_router *r, const struct th_self *self,
                  const struct th_routing_action *action)
{
    void *body = th_mem_copy(&action->addr, sizeof action->addr);

    if (body)
        th_post(self->host, th_router_find(self, r->config->switch_name),
                (struct th_msg){.kind = &th_switch_msg_punch, .body = body});
}

/* A switch that is gone takes its lines with it, and one that is busy loses a packet, as nets do. */
static enum th_err send_packet(const struct th_router *r, const struct th_self *self,
                               const struct th_routing_action *action)
{
    struct th_switch_send *body = th_switch_send_new(&action->id, action->c, action->is_ours,
                                                     action->fields, (struct th_bytes){0});

    if (body == NULL)
        return TH_NO_MEMORY;
    body->end = action->end;
    if (action->err)
        strncpy(body->err, action->err, sizeof body->err - 1);
    th_post(self->host, th_router_find(self, r->config->switch_name),
            (struct th_msg){.kind = &th_switch_msg_send, .body = body});
    return TH_OK;
}

/* --- what the machine wants: dials ------------------------------------------------------------------ */

static struct th_spare spare_of(const struct th_told *told)
{
    struct th_spare spare = {.id = told->id, .has_via = told->has_via};

    spare.via = told->via;
    if (told->has_addr)
        spare.addr = told->addr;
    return spare;
}

static enum th_err hear_of(struct th_router *r, const struct th_self *self,
                           const struct th_dialed *dialed)
{
    struct th_spare told[TH_DIAL_CLOSEST_MAX];
    unsigned count = dialed->closest_count;

    TH_CHECK(count <= TH_DIAL_CLOSEST_MAX);
    for (unsigned i = 0; i < count; i++)
        told[i] = spare_of(&dialed->closest[i]);
    return th_routing_on_told(&r->routing, self->now, told, count);
}

static enum th_err on_reached(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct th_router *r = state;
    struct th_hashname id = ask_end(ctx);

    if (why == TH_OK)
        why = ((const struct th_dialed *)reply->body)->result;
    enum th_err err = th_routing_on_reached(&r->routing, self->now, &id, why);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

static enum th_err reach(struct th_router *r, const struct th_self *self,
                         const struct th_routing_action *action)
{
    struct th_router_ask *ask = ask_new(r, &action->id);
    struct th_dial *dial = ask ? th_mem_zalloc(1, sizeof *dial) : NULL;

    if (dial == NULL) {
        if (ask)
            ask_end(ask);
        return TH_NO_MEMORY;
    }
    dial->target = action->id;
    dial->mode = TH_DIAL_REACH;
    dial->is_brief = true; /* who cannot be linked is not worth 64 questions: others may */
    dial->timeout_ms = REACH_MS;
    dial->only_hints = action->has_via; /* a node in reserve is not worth a search */
    dial->hint_count = action->has_via || action->addr.family != TH_FAMILY_NONE;
    dial->hint[0] = (struct th_told){.id = action->id,
                                     .has_via = action->has_via,
                                     .via = action->via,
                                     .has_addr = action->addr.family != TH_FAMILY_NONE,
                                     .addr = action->addr};
    enum th_err err = th_call(self, th_router_find(self, r->config->dialer_name),
                              (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                              REACH_MS + DIAL_MARGIN_MS, on_reached, ask, NULL);
    if (err != TH_OK)
        ask_end(ask);
    return err;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_router *r = state;
    const struct th_dialed *dialed = why == TH_OK ? reply->body : NULL;
    bool is_done = dialed && dialed->asked > 0;
    enum th_err err = dialed ? hear_of(r, self, dialed) : TH_OK;

    TH_LOG(self->log, DEBUG, "router", "refreshed bucket=%d asked=%u why=\"%s\"",
           (int)(intptr_t)ctx, dialed ? dialed->asked : 0,
           th_strerror(dialed ? dialed->result : why));
    if (err == TH_OK)
        err = th_routing_on_dialed(&r->routing, self->now, (int)(intptr_t)ctx, is_done);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

static enum th_err dial(const struct th_router *r, const struct th_self *self,
                        const struct th_routing_action *action)
{
    struct th_dial *body = th_mem_zalloc(1, sizeof *body);

    if (body == NULL)
        return TH_NO_MEMORY;
    body->target = action->id;
    body->mode = TH_DIAL_FIND;
    body->width = th_routing_refresh_width(r->routing.config.table.k);
    return th_call(self, th_router_find(self, r->config->dialer_name),
                   (struct th_msg){.kind = &th_dialer_msg_dial, .body = body},
                   TH_DIAL_MS_DEFAULT + DIAL_MARGIN_MS, on_dialed, (void *)(intptr_t)action->bucket,
                   NULL);
}

/* --- what the machine wants: news ------------------------------------------------------------------- */

static enum th_err announce(struct th_router *r, const struct th_self *self,
                            const struct th_routing_action *action)
{
    const struct th_ev_link link = {
        .id = action->id, .is_seed = action->is_seed, .is_out = action->is_out, .why = action->why};
    bool is_up = action->kind == TH_ROUTING_LINK_UP;
    struct th_event *event = th_ev_new(is_up ? TH_EV_LINK_UP : TH_EV_LINK_DOWN, &link, sizeof link);
    char hex[TH_HASHNAME_HEX + 1];

    if (event == NULL)
        return TH_NO_MEMORY;
    th_hashname_write(hex, &action->id);
    if (is_up)
        TH_LOG(self->log, INFO, "router", "link_up peer=%s direction=%s seed=%s", hex,
               action->is_out ? "out" : "in", action->is_seed ? "yes" : "no");
    else
        TH_LOG(self->log, INFO, "router", "link_down peer=%s why=\"%s\"", hex,
               th_strerror(action->why));
    enum th_err err = th_announce(&r->announcer, self, r->events, event);
    return err == TH_GONE ? TH_OK : err; /* its down message ends us */
}

static void refresh_ended(struct th_router *r, const struct th_self *self)
{
    for (unsigned i = 0; i < r->refreshing.count; i++)
        th_reply(self->host, r->refreshing.from[i],
                 (struct th_msg){.kind = &th_router_msg_refresh});
    th_waiters_clear(&r->refreshing);
}

static enum th_err carry_out_one(struct th_router *r, const struct th_self *self,
                                 const struct th_routing_action *action)
{
    switch (action->kind) {
    case TH_ROUTING_OPEN:
        return open_link(r, self, action);
    case TH_ROUTING_SEND:
        return action->hands_on ? hand_on(r, self, action) : send_packet(r, self, action);
    case TH_ROUTING_PUNCH:
        punch(r, self, action);
        return TH_OK;
    case TH_ROUTING_REACH:
        return reach(r, self, action);
    case TH_ROUTING_DIAL:
        return dial(r, self, action);
    case TH_ROUTING_LINK_UP:
    case TH_ROUTING_LINK_DOWN:
        return announce(r, self, action);
    case TH_ROUTING_REFRESHED:
        refresh_ended(r, self);
        return TH_OK;
    }
    return TH_OK;
}

enum th_err th_router_carry_out(struct th_router *r, const struct th_self *self)
{
    struct th_routing_action action;
    char fields[TH_FIELDS_MAX];

    while (th_routing_next(&r->routing, &action, fields)) {
        enum th_err err = carry_out_one(r, self, &action);
        if (err != TH_OK)
            return err;
    }
    return TH_OK;
}

void th_router_drop_all(struct th_router *r)
{
    while (r->asks)
        ask_end(r->asks);
    th_announcer_clear(&r->announcer);
}

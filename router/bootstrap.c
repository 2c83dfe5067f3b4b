#include "router/bootstrap.h"

#include "router/boot.h"
#include "switch/base/mem.h"
#include "switch/run/announcer.h"
#include "switch/run/picture.h"

const struct th_msg_kind th_bootstrap_msg_seed = {"bootstrap.seed", th_mem_free};
const struct th_msg_kind th_bootstrap_msg_forget = {"bootstrap.forget", th_mem_free};
const struct th_msg_kind th_bootstrap_msg_sources = {"bootstrap.sources", th_mem_free};
const struct th_msg_kind th_bootstrap_msg_status = {"bootstrap.status", th_mem_free};

struct bootstrap {
    const struct th_bootstrap_config *config;
    struct th_rng rng;
    struct th_boot boot;
    th_pid events;
    struct th_picture picture;     /* of lines and links */
    struct th_announcer announcer; /* of the state */
    th_ms state_since;
};

static th_pid find(const struct th_self *self, const char *name)
{
    return th_whereis(self->host, self->scope, name);
}

/* --- what the machine wants ------------------------------------------------------------------------ */

static enum th_err carry_out(struct bootstrap *b, const struct th_self *self);

static enum th_node_state node_state(enum th_boot_state state)
{
    switch (state) {
    case TH_BOOT_STARTING:
        return TH_NODE_STARTING;
    case TH_BOOT_JOINING:
        return TH_NODE_JOINING;
    case TH_BOOT_READY:
        return TH_NODE_READY;
    case TH_BOOT_ALONE:
        return TH_NODE_ALONE;
    }
    return TH_NODE_STARTING;
}

/* A call's ctx carries the number of the try. */
static void *ctx_of(uint32_t attempt)
{
    return (void *)(uintptr_t)attempt;
}

static uint32_t attempt_of(void *ctx)
{
    return (uint32_t)(uintptr_t)ctx;
}

static enum th_err on_opened(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct bootstrap *b = state;

    if (why == TH_OK)
        why = ((const struct th_switch_result *)reply->body)->err;
    th_boot_on_opened(&b->boot, self->now, attempt_of(ctx), why);
    return carry_out(b, self);
}

static enum th_err open_line(const struct bootstrap *b, const struct th_self *self,
                             const struct th_boot_action *action)
{
    const struct th_seed *seed = &action->seed;
    struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);

    if (open == NULL)
        return TH_NO_MEMORY;
    *open = (struct th_switch_open){.id = seed->id,
                                    .parts = seed->parts,
                                    .key = seed->key,
                                    .paths = seed->paths,
                                    .is_to_link = true};
    return th_call(self, find(self, b->config->switch_name),
                   (struct th_msg){.kind = &th_switch_msg_open, .body = open}, TH_BOOT_OPEN_MS,
                   on_opened, ctx_of(action->attempt), NULL);
}

static enum th_err ask_for_link(const struct bootstrap *b, const struct th_self *self,
                                const struct th_boot_action *action)
{
    struct th_hashname *id = th_mem_copy(&action->seed.id, sizeof *id);

    if (id == NULL)
        return TH_NO_MEMORY;
    /* A router that is gone or busy is one that does not answer: the machine asks again. */
    th_post(self->host, find(self, b->config->router_name),
            (struct th_msg){.kind = &th_router_msg_link, .body = id});
    return TH_OK;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct bootstrap *b = state;
    unsigned asked = 0;

    if (why == TH_OK) {
        const struct th_dialed *dialed = reply->body;
        why = dialed->result;
        asked = dialed->asked;
        TH_LOG(self->log, DEBUG, "bootstrap", "dialed itself asked=%u why=\"%s\"", asked,
               th_strerror(why));
    }
    th_boot_on_dialed(&b->boot, self->now, attempt_of(ctx), why, asked);
    return carry_out(b, self);
}

static enum th_err look_for(const struct bootstrap *b, const struct th_self *self,
                            const struct th_boot_action *action)
{
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);

    if (dial == NULL)
        return TH_NO_MEMORY;
    dial->target = action->target;
    dial->mode = TH_DIAL_FIND;
    return th_call(self, find(self, b->config->dialer_name),
                   (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                   TH_DIAL_MS_DEFAULT + 1000, on_dialed, ctx_of(action->attempt), NULL);
}

/* The router looks after its buckets by itself; this is only the first time. */
static enum th_err on_refreshed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                                struct th_msg *reply)
{
    (void)state;
    (void)ctx;
    (void)reply;
    TH_LOG(self->log, DEBUG, "bootstrap", "refreshed why=\"%s\"", th_strerror(why));
    return TH_OK;
}

static enum th_err refresh(const struct bootstrap *b, const struct th_self *self)
{
    enum { REFRESH_MS = 300000 }; /* 256 buckets, a few dials at a time; nobody waits for it */

    return th_call(self, find(self, b->config->router_name),
                   (struct th_msg){.kind = &th_router_msg_refresh}, REFRESH_MS, on_refreshed, NULL,
                   NULL);
}

static enum th_err tell(struct bootstrap *b, const struct th_self *self)
{
    struct th_ev_state body = {node_state(b->boot.state)};
    struct th_event *event = th_ev_new(TH_EV_STATE, &body, sizeof body);

    if (event == NULL)
        return TH_NO_MEMORY;
    enum th_err e = th_announce(&b->announcer, self, b->events, event);
    return e == TH_GONE ? TH_OK : e; /* its down message ends us */
}

static enum th_err change_state(struct bootstrap *b, const struct th_self *self,
                                enum th_boot_state state)
{
    unsigned reached, sources = th_boot_count_sources(&b->boot, &reached);

    b->state_since = self->now.mono;
    TH_LOG(self->log, INFO, "bootstrap", "state is=%s links=%u sources=%u reached=%u",
           th_node_state_name(node_state(state)), b->boot.link_count, sources, reached);
    return tell(b, self);
}

static enum th_err carry_out_one(struct bootstrap *b, const struct th_self *self,
                                 const struct th_boot_action *action)
{
    switch (action->kind) {
    case TH_BOOT_OPEN:
        return open_line(b, self, action);
    case TH_BOOT_LINK:
        return ask_for_link(b, self, action);
    case TH_BOOT_DIAL:
        return look_for(b, self, action);
    case TH_BOOT_REFRESH:
        return refresh(b, self);
    case TH_BOOT_STATE:
        return change_state(b, self, action->state);
    }
    return TH_OK;
}

static enum th_err carry_out(struct bootstrap *b, const struct th_self *self)
{
    struct th_boot_action action;

    while (th_boot_next(&b->boot, &action)) {
        enum th_err e = carry_out_one(b, self, &action);
        if (e != TH_OK)
            return e;
    }
    return TH_OK;
}

/* --- lines and links -------------------------------------------------------------------------------- */

static struct th_seed seed_of(const struct th_hashname *id, const struct th_parts *parts,
                              const struct th_public_key *key, const struct th_addr *addr)
{
    struct th_seed seed = {.id = *id, .parts = *parts, .key = *key};

    if (addr) {
        seed.paths.count = 1;
        seed.paths.addr[0] = *addr;
    }
    return seed;
}

static struct th_seed peer_of(const struct th_ev_line *line)
{
    struct th_parts parts;

    th_ev_line_parts(line, &parts);
    struct th_addr own = th_ev_line_own(line);
    return seed_of(&line->id, &parts, &line->key, own.family != TH_FAMILY_NONE ? &own : NULL);
}

static enum th_err on_event(struct bootstrap *b, const struct th_self *self,
                            const struct th_event *event)
{
    enum th_err e = TH_OK;

    if (event->kind == TH_EV_LINE_UP || event->kind == TH_EV_PATH_CHANGED) {
        struct th_seed peer = peer_of(th_ev_line_of(event));
        th_boot_on_line_up(&b->boot, self->now, &peer);
    } else if (event->kind == TH_EV_LINE_DOWN) {
        th_boot_on_line_down(&b->boot, self->now, &th_ev_line_of(event)->id);
    } else if (event->kind == TH_EV_LINK_UP) {
        const struct th_ev_link *l = th_ev_link_of(event);
        e = th_boot_on_link_up(&b->boot, self->now, &l->id, l->is_seed);
    } else if (event->kind == TH_EV_LINK_DOWN) {
        const struct th_ev_link *l = th_ev_link_of(event);
        th_boot_on_link_down(&b->boot, self->now, &l->id, l->why);
    }
    return e;
}

static enum th_err add_all_lines_and_links(struct bootstrap *b, const struct th_self *self,
                                           const struct th_facts *facts)
{
    enum th_err e = TH_OK;

    for (unsigned i = 0; i < facts->count && e == TH_OK; i++)
        e = on_event(b, self, facts->event[i]);
    return e;
}

/* Of all facts: those that are lines, and those that are links. */
static enum th_err replace_lines_and_links(struct bootstrap *b, const struct th_self *self,
                                           const struct th_facts *facts)
{
    struct th_seed *peers = th_mem_zalloc(facts->count + 1, sizeof *peers);
    struct th_boot_link *links = th_mem_zalloc(facts->count + 1, sizeof *links);
    unsigned line_count = 0, link_count = 0;
    enum th_err e = TH_NO_MEMORY;

    for (unsigned i = 0; peers && links && i < facts->count; i++) {
        const struct th_event *event = facts->event[i];
        if (event->fact->kind == TH_EV_LINE_UP) {
            peers[line_count++] = peer_of(th_ev_line_of(event));
        } else {
            const struct th_ev_link *link = th_ev_link_of(event);
            links[link_count++] = (struct th_boot_link){link->id, link->is_seed};
        }
    }
    if (peers && links) {
        th_boot_on_lines(&b->boot, self->now, peers, line_count);
        e = th_boot_on_links(&b->boot, self->now, links, link_count);
    }
    th_mem_free(peers);
    th_mem_free(links);
    return e;
}

static enum th_err take_facts(void *state, const struct th_self *self, const struct th_facts *facts)
{
    struct bootstrap *b = state;
    enum th_err e = facts->is_whole ? replace_lines_and_links(b, self, facts)
                                    : add_all_lines_and_links(b, self, facts);

    if (e != TH_OK)
        return e;
    if (!b->boot.is_started)
        th_boot_start(&b->boot, self->now);
    return carry_out(b, self);
}

/* --- messages --------------------------------------------------------------------------------------- */

/* Without the event manager there is nothing to go by: a new one of us starts with a new one of it. */
static enum th_err on_down(const struct bootstrap *b, const struct th_down *down)
{
    return down->pid == b->events ? TH_GONE : TH_OK;
}

static void answer_status(const struct bootstrap *b, const struct th_self *self,
                          const struct th_msg *msg)
{
    struct th_bootstrap_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return; /* the caller's time-out tells it */
    status->state = node_state(b->boot.state);
    status->state_ms = self->now.mono - b->state_since;
    status->sources = th_boot_count_sources(&b->boot, &status->reached);
    status->links = b->boot.link_count;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_bootstrap_msg_status, .body = status});
}

static struct th_source_look look_at(const struct th_boot_source *source, th_ms now)
{
    bool is_up = source->is_line_up, is_idle = source->phase == TH_BOOT_IDLE;

    struct th_source_look look = {
        .id = source->id,
        .is_configured = source->kind == TH_BOOT_CONFIGURED,
        .is_line_up = is_up,
        .is_linked = source->phase == TH_BOOT_LINKED,
        .was_reached = source->reached_at != 0,
        .reached_ms = source->reached_at && !is_up ? now - source->reached_at : 0,
        .fails = source->fails,
        .next_ms = is_idle && !is_up && source->at > now ? source->at - now : 0,
        .has_addr = source->path_count > 0,
    };

    if (look.has_addr)
        look.addr = source->addr[0];
    return look;
}

static void answer_sources(const struct bootstrap *b, const struct th_self *self,
                           const struct th_msg *msg)
{
    const struct th_boot_sources *sources = &b->boot.sources;
    struct th_bootstrap_sources *all =
        th_mem_zalloc(1, sizeof *all + sources->count * sizeof all->source[0]);

    if (all == NULL)
        return;
    for (unsigned i = 0; i < sources->count; i++)
        all->source[all->count++] = look_at(&sources->source[i], self->now.mono);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_bootstrap_msg_sources, .body = all});
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct bootstrap *b = state;
    enum th_err e = TH_OK;

    if (msg->kind == &th_event_msg)
        e = on_event(b, self, th_event_of(msg));
    else if (msg->kind == &th_missed_msg)
        th_picture_ask(&b->picture, self);
    else if (msg->kind == &th_down_msg)
        e = on_down(b, msg->body);
    else if (msg->kind == &th_bootstrap_msg_status)
        answer_status(b, self, msg);
    else if (msg->kind == &th_bootstrap_msg_sources)
        answer_sources(b, self, msg);
    else if (msg->kind == &th_bootstrap_msg_seed)
        e = th_boot_configure(&b->boot, self->now, msg->body);
    else if (msg->kind == &th_bootstrap_msg_forget)
        th_boot_forget(&b->boot, self->now, msg->body);
    return e == TH_OK ? carry_out(b, self) : e;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct bootstrap *b = state;
    enum th_err e = th_picture_on_alarm(&b->picture, self);

    th_announcer_on_alarm(&b->announcer, self, b->events);
    th_boot_tick(&b->boot, self->now);
    return e == TH_OK ? carry_out(b, self) : e;
}

static th_ms deadline(const void *state)
{
    const struct bootstrap *b = state;

    return th_sooner(th_boot_deadline(&b->boot), th_sooner(th_picture_deadline(&b->picture),
                                                           th_announcer_deadline(&b->announcer)));
}

/* --- beginning and end ------------------------------------------------------------------------------- */

static enum th_err add_all(struct th_boot *boot, const struct th_seeds *seeds,
                           enum th_boot_kind kind)
{
    enum th_err e = TH_OK;

    for (unsigned i = 0; seeds && i < seeds->count && e == TH_OK; i++)
        e = th_boot_add(boot, &seeds->seed[i], kind);
    return e;
}

static enum th_err prepare(struct bootstrap *b, const struct th_self *self)
{
    const struct th_interest interest = {.kinds = TH_EV_LINE_UP | TH_EV_LINE_DOWN | TH_EV_LINK_UP |
                                                  TH_EV_LINK_DOWN};
    enum th_err e = add_all(&b->boot, b->config->seeds, TH_BOOT_CONFIGURED);

    if (e == TH_OK)
        e = add_all(&b->boot, b->config->remembered, TH_BOOT_REMEMBERED);
    if (e == TH_OK)
        e = th_picture_begin(&b->picture, self, b->events, interest, take_facts);
    return e;
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct bootstrap *b = state;

    b->config = arg;
    b->state_since = self->now.mono;
    b->events = find(self, b->config->events_name);
    th_rng_init(&b->rng, b->config->rng_seed);
    th_boot_init(&b->boot, &b->config->self, &b->rng);

    enum th_err e = prepare(b, self);
    if (e != TH_OK) {
        th_boot_clear(&b->boot);
        th_rng_clear(&b->rng);
    }
    return e;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct bootstrap *b = state;
    (void)self;
    (void)why;

    th_announcer_clear(&b->announcer);
    th_boot_clear(&b->boot);
    th_rng_clear(&b->rng);
}

const struct th_server_ops th_bootstrap_ops = {
    .name = "bootstrap",
    .state_size = sizeof(struct bootstrap),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

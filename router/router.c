#include "router/router_inside.h"

#include "switch/base/mem.h"

#include <string.h>

const struct th_msg_kind th_router_msg_link = {"router.link", th_mem_free};
const struct th_msg_kind th_router_msg_table = {"router.table", th_mem_free};
const struct th_msg_kind th_router_msg_ages = {"router.ages", th_mem_free};
const struct th_msg_kind th_router_msg_refresh = {"router.refresh", NULL};
const struct th_msg_kind th_router_msg_leave = {"router.leave", NULL};

enum {
    LEAVE_MS = 1000, /* for the switch to send our last packets */
    SLACK_MS =
        1000 /* a batch of ours may have begun before the switch's, and take its time from then */
};

/* --- lines that are up ------------------------------------------------------------------------------ */

static struct th_routing_line line_of(const struct th_ev_line *line)
{
    return (struct th_routing_line){
        .id = line->id, .csid = line->csid, .addr = th_ev_line_own(line)};
}

static enum th_err add_lines(struct th_router *r, const struct th_self *self,
                             const struct th_routing_line *lines, unsigned count)
{
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < count && err == TH_OK; i++)
        err = th_routing_on_line_up(&r->routing, self->now, &lines[i]);
    return err;
}

static enum th_err take_lines(void *state, const struct th_self *self, const struct th_facts *facts)
{
    struct th_router *r = state;
    struct th_routing_line *lines =
        facts->count ? th_mem_zalloc(facts->count, sizeof *lines) : NULL;

    if (facts->count > 0 && lines == NULL)
        return TH_NO_MEMORY;
    for (unsigned i = 0; i < facts->count; i++) {
        const struct th_ev_line *line = th_ev_line_of(facts->event[i]);
        lines[i] = line_of(line);
        lines[i].up_at = line->up_at > SLACK_MS ? line->up_at - SLACK_MS : 0;
    }
    enum th_err err = facts->is_whole
                          ? th_routing_on_lines(&r->routing, self->now, lines, facts->count)
                          : add_lines(r, self, lines, facts->count);
    th_mem_free(lines);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

/* --- events ----------------------------------------------------------------------------------------- */

static enum th_err on_packet(struct th_router *r, const struct th_self *self,
                             const struct th_ev_packet *p, bool is_first)
{
    const struct th_routing_packet packet = {.from = p->from,
                                             .addr = p->addr,
                                             .is_bridged = p->is_bridged,
                                             .c = p->c,
                                             .is_ours = p->is_ours,
                                             .end = p->end || p->err[0] != 0,
                                             .is_timeout = strcmp(p->err, TH_LINK_ERR_TIMEOUT) == 0,
                                             .head = p->head};

    if (p->type == TH_CHANNEL_SEEK)
        return is_first ? th_routing_on_seek(&r->routing, self->now, &packet) : TH_OK;
    if (p->type != TH_CHANNEL_LINK)
        return TH_OK;
    return is_first ? th_routing_on_link_opened(&r->routing, self->now, &packet)
                    : th_routing_on_link_packet(&r->routing, self->now, &packet);
}

static enum th_err on_path_changed(struct th_router *r, const struct th_self *self,
                                   const struct th_ev_line *line)
{
    struct th_routing_line changed = line_of(line);

    th_routing_on_path_changed(&r->routing, self->now, &changed.id, &changed.addr);
    return TH_OK;
}

static enum th_err on_event(struct th_router *r, const struct th_self *self,
                            const struct th_event *event)
{
    if (event->kind == TH_EV_LINE_UP) {
        const struct th_routing_line line = line_of(th_ev_line_of(event));
        return th_routing_on_line_up(&r->routing, self->now, &line);
    }
    if (event->kind == TH_EV_LINE_DOWN) {
        const struct th_ev_line *line = th_ev_line_of(event);
        return th_routing_on_line_down(&r->routing, self->now, &line->id, line->why);
    }
    if (event->kind == TH_EV_PATH_CHANGED)
        return on_path_changed(r, self, th_ev_line_of(event));
    if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET)
        return on_packet(r, self, th_ev_packet_of(event), event->kind == TH_EV_OPENED);
    if (event->kind == TH_EV_ENDED) {
        const struct th_ev_ended *ended = th_ev_ended_of(event);
        if (ended->type == TH_CHANNEL_LINK)
            return th_routing_on_link_ended(&r->routing, self->now, &ended->from, ended->c,
                                            ended->is_ours, ended->why);
    }
    return TH_OK;
}

/* Without the event manager there is nothing to go by: a new one of us starts with a new one of it. */
static enum th_err on_down(const struct th_router *r, const struct th_down *down)
{
    return down->pid == r->events ? TH_GONE : TH_OK;
}

/* --- requests --------------------------------------------------------------------------------------- */

static struct th_link_look look_of(const struct th_peer *peer, int bucket, struct th_now now)
{
    const struct th_link *link = &peer->link;

    return (struct th_link_look){.id = peer->id,
                                 .bucket = bucket,
                                 .is_up = link->is_up,
                                 .is_out = peer->is_out,
                                 .is_seed = peer->is_seed,
                                 .has_rtt = link->has_rtt,
                                 .rtt_ms = link->rtt_ms,
                                 .first_seen_at = link->is_up ? peer->first_seen_at : now.wall,
                                 .up_ms = link->is_up ? now.mono - th_link_up_at(link) : 0,
                                 .last_rx_ms = link->is_up ? now.mono - link->heard_at : 0};
}

static void look_at_bucket(struct th_router_table *out, int i, const struct th_bucket *bucket,
                           struct th_now now)
{
    for (unsigned n = 0; n < bucket->linked_count; n++)
        out->link[out->count++] = look_of(bucket->linked[n], i, now);
    out->bucket[i] = (struct th_bucket_look){
        .links = bucket->up_count,
        .spares = bucket->spare_count,
        .has_refreshed = bucket->has_refreshed,
        .refreshed_ms = bucket->has_refreshed ? now.mono - bucket->refreshed_at : 0,
    };
}

static void answer_table(const struct th_router *r, const struct th_self *self,
                         const struct th_msg *msg)
{
    const struct th_table *table = &r->routing.table;
    struct th_router_table *out =
        th_mem_zalloc(1, sizeof *out + table->linked_count * sizeof out->link[0]);

    if (out == NULL)
        return; /* the caller's time-out tells it */
    for (int i = TH_BUCKETS - 1; i >= table->first; i--)
        if (th_table_at(table, i))
            look_at_bucket(out, i, th_table_at(table, i), self->now);
    out->drops = r->routing.drops;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_router_msg_table, .body = out});
}

static void answer_ages(const struct th_router *r, const struct th_self *self,
                        const struct th_msg *msg)
{
    const struct th_ages *ages = &r->routing.ages;
    struct th_router_ages *out = th_mem_zalloc(1, sizeof *out + ages->count * sizeof out->age[0]);

    if (out == NULL)
        return; /* as above */
    out->count = ages->count;
    if (ages->count > 0)
        memcpy(out->age, ages->age, ages->count * sizeof out->age[0]);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_router_msg_ages, .body = out});
}

static enum th_err begin_refresh(struct th_router *r, const struct th_self *self,
                                 const struct th_msg *msg)
{
    if (th_waiters_add(&r->refreshing, th_from_of(msg), TH_ROUTER_WAITERS_MAX) != TH_OK) {
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind});
        return TH_OK;
    }
    return th_routing_refresh(&r->routing, self->now);
}

/* The switch handled everything that we posted before it was called. */
static enum th_err on_left(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct th_router *r = state;
    (void)ctx;
    (void)why;
    (void)reply;

    for (unsigned i = 0; i < r->leaving.count; i++)
        th_reply(self->host, r->leaving.from[i], (struct th_msg){.kind = &th_router_msg_leave});
    th_waiters_clear(&r->leaving);
    return TH_OK;
}

static enum th_err begin_leave(struct th_router *r, const struct th_self *self,
                               const struct th_msg *msg)
{
    enum th_err err = th_routing_leave(&r->routing, self->now);

    if (err == TH_OK)
        err = th_router_carry_out(r, self);
    if (err != TH_OK)
        return err;
    if (th_waiters_add(&r->leaving, th_from_of(msg), TH_ROUTER_WAITERS_MAX) != TH_OK) {
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind});
        return TH_OK;
    }
    return th_call(self, th_router_find(self, r->config->switch_name),
                   (struct th_msg){.kind = &th_switch_msg_status}, LEAVE_MS, on_left, NULL, NULL);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct th_router *r = state;
    enum th_err err = TH_OK;

    if (msg->kind == &th_event_msg)
        err = on_event(r, self, th_event_of(msg));
    else if (msg->kind == &th_missed_msg)
        th_picture_ask(&r->picture, self);
    else if (msg->kind == &th_down_msg)
        err = on_down(r, msg->body);
    else if (msg->kind == &th_router_msg_link)
        err = th_routing_link(&r->routing, self->now, msg->body);
    else if (msg->kind == &th_router_msg_table)
        answer_table(r, self, msg);
    else if (msg->kind == &th_router_msg_ages)
        answer_ages(r, self, msg);
    else if (msg->kind == &th_router_msg_refresh)
        err = begin_refresh(r, self, msg);
    else if (msg->kind == &th_router_msg_leave)
        err = begin_leave(r, self, msg);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct th_router *r = state;
    enum th_err err = th_picture_on_alarm(&r->picture, self);

    th_announcer_on_alarm(&r->announcer, self, r->events);
    if (err == TH_OK)
        err = th_routing_tick(&r->routing, self->now);
    return err == TH_OK ? th_router_carry_out(r, self) : err;
}

static th_ms deadline(const void *state)
{
    const struct th_router *r = state;

    return th_sooner(
        th_routing_deadline(&r->routing),
        th_sooner(th_picture_deadline(&r->picture), th_announcer_deadline(&r->announcer)));
}

/* --- beginning and end ------------------------------------------------------------------------------ */

static struct th_routing_config config_of(const struct th_router_config *config)
{
    unsigned k = config->k ? config->k : TH_K_DEFAULT;
    unsigned links_max = config->links_max ? config->links_max : TH_LINKS_MAX_DEFAULT;

    return (struct th_routing_config){
        .table = {.self = config->self,
                  .csid = config->csid,
                  .k = k,
                  .links_max = links_max > k ? links_max : k},
        .is_seed = config->is_seed,
    };
}

static enum th_err put_ages_back(struct th_router *r, struct th_now now)
{
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < r->config->ages_count && err == TH_OK; i++)
        err = th_ages_put(&r->routing.ages, &r->config->ages[i], now);
    return err;
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest interest = {
        .kinds = TH_EV_LINE_UP | TH_EV_LINE_DOWN | TH_EV_PATH_CHANGED | TH_EV_OPENED |
                 TH_EV_PACKET | TH_EV_ENDED,
        .topics = th_topic(TH_CHANNEL_SEEK, false) | th_topic(TH_CHANNEL_LINK, false) |
                  th_topic(TH_CHANNEL_LINK, true),
    };
    struct th_router *r = state;

    r->config = arg;
    r->events = th_router_find(self, r->config->events_name);
    th_rng_init(&r->rng, r->config->rng_seed);

    const struct th_routing_config config = config_of(r->config);
    th_routing_init(&r->routing, &config, &r->rng, self->now);
    enum th_err err = put_ages_back(r, self->now);
    if (err == TH_OK)
        err = th_picture_begin(&r->picture, self, r->events, interest, take_lines);
    if (err != TH_OK) {
        th_routing_clear(&r->routing);
        th_rng_clear(&r->rng);
    }
    return err;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct th_router *r = state;
    (void)self;
    (void)why;

    th_router_drop_all(r);
    th_waiters_clear(&r->refreshing);
    th_waiters_clear(&r->leaving);
    th_routing_clear(&r->routing);
    th_rng_clear(&r->rng);
}

const struct th_routing *th_router_machine(const void *state)
{
    return &((const struct th_router *)state)->routing;
}

const struct th_server_ops th_router_ops = {
    .name = "router",
    .state_size = sizeof(struct th_router),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

/*
 * The agent: a server that stands for the application among the node's servers. It turns events and
 * the results of dials into callbacks, and ends the node's servers in order.
 */
#include "router/telehash_chan.h"
#include "router/telehash_stream.h"

#include "switch/base/mem.h"
#include "switch/run/picture.h"

enum {
    LISTEN_AGAIN_MS = 500, /* after the event manager ended: the supervisor starts it anew */
    DIAL_MARGIN_MS = 1000  /* the dialer answers in time by itself */
};

static const struct th_msg_kind wake_msg = {"telehash.wake", NULL};

/* A link that the application was told of. */
struct link {
    struct th_hashname id;
    bool is_seed;
    bool is_so; /* while a picture is compared */
};

struct agent {
    struct th_node *node;
    bool is_ready;   /* every server of the node has started */
    bool is_stopped; /* they have ended for good */
    bool is_leaving; /* the application wants it to end */
    bool has_state;
    enum th_node_state state; /* the last that was told */
    uint64_t supervisor_ref;
    th_pid events;
    struct th_picture picture; /* of state and links */
    th_ms listen_at;
    struct link *links;
    unsigned link_count, link_room;
    struct th_pulling pulling; /* streams */
    struct th_taking taking;   /* channels */
};

/* --- events ------------------------------------------------------------------------------------------ */

static void tell(const struct agent *a, const struct th_node_event *event)
{
    struct th_node *node = a->node;

    if (node->on_event && !a->is_leaving)
        node->on_event(node, event, node->event_data);
}

static enum th_node_event_state public_state(enum th_node_state state)
{
    switch (state) {
    case TH_NODE_STARTING:
        return TH_STATE_STARTING;
    case TH_NODE_JOINING:
        return TH_STATE_JOINING;
    case TH_NODE_READY:
        return TH_STATE_READY;
    case TH_NODE_ALONE:
        return TH_STATE_ALONE;
    }
    return TH_STATE_STARTING;
}

static void tell_state(struct agent *a, enum th_node_state state)
{
    struct th_node_event event = {.kind = TH_EVENT_STATE, .state = public_state(state)};

    if (a->has_state && a->state == state)
        return;
    a->has_state = true;
    a->state = state;
    tell(a, &event);
}

static void tell_link(const struct agent *a, enum th_node_event_kind kind, const struct link *link,
                      enum th_err why)
{
    char hashname[TH_HASHNAME_HEX + 1];

    th_hashname_write(hashname, &link->id);
    tell(a, &(struct th_node_event){
                .kind = kind, .hashname = hashname, .is_seed = link->is_seed, .why = why});
}

static struct link *find_link(const struct agent *a, const struct th_hashname *id)
{
    for (unsigned i = 0; i < a->link_count; i++)
        if (th_hashname_is_equal(&a->links[i].id, id))
            return &a->links[i];
    return NULL;
}

/* As many as the router has links, which are bounded. */
static enum th_err on_link_up(struct agent *a, const struct th_ev_link *up)
{
    const struct link link = {.id = up->id, .is_seed = up->is_seed, .is_so = true};
    struct link *known = find_link(a, &up->id);

    if (known) {
        known->is_so = true;
        return TH_OK;
    }
    if (a->link_count == a->link_room) {
        unsigned room = a->link_room ? 2 * a->link_room : 8;
        struct link *links = th_mem_resize(a->links, room, sizeof *links);
        if (links == NULL)
            return TH_NO_MEMORY;
        a->links = links;
        a->link_room = room;
    }
    a->links[a->link_count++] = link;
    tell_link(a, TH_EVENT_LINK_UP, &link, TH_OK);
    return TH_OK;
}

static void end_link(struct agent *a, struct link *known, enum th_err why)
{
    const struct link link = *known;

    *known = a->links[--a->link_count];
    tell_link(a, TH_EVENT_LINK_DOWN, &link, why);
}

static enum th_err on_event(struct agent *a, const struct th_event *event)
{
    struct link *known;

    if (event->kind == TH_EV_LINK_UP)
        return on_link_up(a, th_ev_link_of(event));
    if (event->kind == TH_EV_STATE) {
        tell_state(a, th_ev_state_of(event)->state);
    } else if (event->kind == TH_EV_LINK_DOWN) {
        const struct th_ev_link *link = th_ev_link_of(event);
        known = find_link(a, &link->id);
        if (known)
            end_link(a, known, link->why);
    }
    return TH_OK;
}

/* What is not so any more, and was missed, is told first. */
static enum th_err take_facts(void *state, const struct th_self *self, const struct th_facts *facts)
{
    struct agent *a = state;
    enum th_err e = TH_OK;
    (void)self;

    for (unsigned i = 0; i < a->link_count; i++)
        a->links[i].is_so = !facts->is_whole;
    for (unsigned i = 0; i < facts->count; i++) {
        const struct th_event *event = facts->event[i];
        struct link *known =
            event->kind == TH_EV_LINK_UP ? find_link(a, &th_ev_link_of(event)->id) : NULL;
        if (known)
            known->is_so = true;
    }
    for (unsigned i = a->link_count; i-- > 0;)
        if (!a->links[i].is_so)
            end_link(a, &a->links[i], TH_GONE);
    for (unsigned i = 0; i < facts->count && e == TH_OK; i++)
        e = on_event(a, facts->event[i]);
    return e;
}

static enum th_err listen_to_events(struct agent *a, const struct th_self *self)
{
    const struct th_interest interest = {.kinds = TH_EV_STATE | TH_EV_LINK_UP | TH_EV_LINK_DOWN};

    a->listen_at = TH_NEVER;
    a->events = th_whereis(self->host, self->scope, TH_NODE_EVENTS);
    return th_picture_begin(&a->picture, self, a->events, interest, take_facts);
}

/* --- requests ---------------------------------------------------------------------------------------- */

static void finish(struct th_node *node, uint64_t number, enum th_err result)
{
    struct th_connect *connect = th_node_take_connect(node, number);
    char hashname[TH_HASHNAME_HEX + 1];

    if (connect == NULL)
        return;
    th_hashname_write(hashname, &connect->target);
    if (connect->on_done)
        connect->on_done(node, result, hashname, connect->data);
    th_mem_free(connect);
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct agent *a = state;
    const struct th_connect *connect = ctx;
    (void)self;

    if (why == TH_OK)
        why = ((const struct th_dialed *)reply->body)->result;
    else if (why == TH_FULL)
        why = TH_LIMIT;
    finish(a->node, connect->number, why);
    return TH_OK;
}

/* Returns the oldest request that was not sent, marked as sent; NULL when there is none. */
static struct th_connect *next_unsent(struct th_node *node)
{
    struct th_connect *connect;

    uv_mutex_lock(&node->lock);
    connect = node->first;
    while (connect && connect->is_sent)
        connect = connect->next;
    if (connect)
        connect->is_sent = true;
    uv_mutex_unlock(&node->lock);
    return connect;
}

static void dial(struct agent *a, const struct th_self *self, struct th_connect *connect)
{
    struct th_dial *body = th_mem_zalloc(1, sizeof *body);
    enum th_err e = TH_NO_MEMORY;

    if (body) {
        body->target = connect->target;
        body->mode = TH_DIAL_REACH;
        body->timeout_ms = connect->timeout_ms;
        /* The agent alone takes requests off, so this one stays for as long as the call. */
        e = th_call(self, th_whereis(self->host, self->scope, TH_NODE_DIALER),
                    (struct th_msg){.kind = &th_dialer_msg_dial, .body = body},
                    connect->timeout_ms + DIAL_MARGIN_MS, on_dialed, connect, NULL);
    }
    if (e != TH_OK)
        finish(a->node, connect->number, e);
}

static void dispatch(struct agent *a, const struct th_self *self)
{
    struct th_connect *connect;

    while ((a->is_ready || a->is_stopped) && (connect = next_unsent(a->node)) != NULL) {
        if (a->is_stopped || a->is_leaving)
            finish(a->node, connect->number, TH_SHUTDOWN);
        else
            dial(a, self, connect);
    }
}

static void finish_all(struct th_node *node)
{
    for (;;) {
        uint64_t number = 0;
        uv_mutex_lock(&node->lock);
        node->is_over = true;
        if (node->first)
            number = node->first->number;
        uv_mutex_unlock(&node->lock);
        if (number == 0)
            return;
        finish(node, number, TH_SHUTDOWN);
    }
}

/* --- leaving ----------------------------------------------------------------------------------------- */

static enum th_err on_left(void *state, const struct th_self *self, void *ctx, enum th_err why,
                           struct th_msg *reply)
{
    struct agent *a = state;
    (void)ctx;
    (void)why; /* who does not answer is not waited for */
    (void)reply;

    th_stop(self->host, th_node_tree_supervisor(a->node->tree), TH_SHUTDOWN);
    return TH_OK;
}

static enum th_err leave_links(const struct th_self *self)
{
    return th_call(self, th_whereis(self->host, self->scope, TH_NODE_ROUTER),
                   (struct th_msg){.kind = &th_router_msg_leave}, TH_LEAVE_MS, on_left, NULL, NULL);
}

static enum th_err on_saved(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    (void)state;
    (void)ctx;
    (void)why; /* the keeper says it to the log */
    (void)reply;

    return leave_links(self);
}

/* What the next run should know is asked for while the links are there. */
static enum th_err leave(struct agent *a, const struct th_self *self)
{
    if (a->is_leaving)
        return TH_OK;
    a->is_leaving = a->pulling.is_leaving = true;
    th_taking_leave(&a->taking, self);
    if (a->is_stopped)
        return TH_SHUTDOWN;
    if (!a->node->kept.is_on)
        return leave_links(self);
    return th_call(self, th_whereis(self->host, self->scope, TH_NODE_KEEPER),
                   (struct th_msg){.kind = &th_keeper_msg_save}, TH_LEAVE_MS, on_saved, NULL, NULL);
}

static enum th_err on_stop(void *state, const struct th_self *self, enum th_err why)
{
    (void)why;
    return leave(state, self);
}

static bool is_closing(struct th_node *node)
{
    bool is_so;

    uv_mutex_lock(&node->lock);
    is_so = node->phase == TH_NODE_CLOSING;
    uv_mutex_unlock(&node->lock);
    return is_so;
}

static enum th_err on_supervisor_down(struct agent *a, const struct th_self *self, enum th_err why)
{
    if (a->is_leaving)
        return TH_SHUTDOWN;
    a->is_stopped = true;
    a->listen_at = TH_NEVER;
    th_pulling_stop(&a->pulling, self);
    th_taking_stop(&a->taking, self);
    tell(a, &(struct th_node_event){.kind = TH_EVENT_STOPPED, .why = why});
    dispatch(a, self);
    return TH_OK;
}

/* --- the server -------------------------------------------------------------------------------------- */

static enum th_err on_ready(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct agent *a = state;
    enum th_err e;
    (void)ctx;
    (void)reply;

    if (why != TH_OK)
        return TH_OK; /* its monitor tells */
    a->is_ready = true;
    e = listen_to_events(a, self);
    dispatch(a, self);
    th_pulling_look(&a->pulling, self);
    th_taking_look(&a->taking, self);
    return e;
}

/* The last of all callbacks but on_closed. */
static void be_over(struct agent *a, enum th_err why)
{
    struct th_node *node = a->node;

    uv_mutex_lock(&node->lock);
    node->is_over = true;
    uv_mutex_unlock(&node->lock);
    th_pulling_end(&a->pulling);
    th_taking_end(&a->taking);
    if (!a->is_stopped)
        tell(a, &(struct th_node_event){.kind = TH_EVENT_STOPPED, .why = why});
    finish_all(node);
    if (node->loop)
        uv_async_send(&node->closer);
    else
        uv_sem_post(&node->ended);
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct agent *a = state;
    th_pid supervisor;

    a->node = arg;
    a->listen_at = TH_NEVER;
    th_pulling_init(&a->pulling, a->node);
    th_taking_init(&a->taking, a->node);
    supervisor = th_node_tree_supervisor(a->node->tree);
    enum th_err e = th_monitor(self, supervisor, &a->supervisor_ref);
    if (e == TH_OK)
        e = th_call(self, supervisor, (struct th_msg){.kind = &th_supervisor_ready_msg}, TH_NEVER,
                    on_ready, NULL, NULL);
    if (e != TH_OK)
        be_over(a, e);
    return e;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct agent *a = state;
    enum th_err e = TH_OK;

    if (msg->kind == &th_event_msg) {
        e = on_event(a, th_event_of(msg));
    } else if (msg->kind == &th_missed_msg) {
        th_picture_ask(&a->picture, self);
    } else if (msg->kind == &th_down_msg) {
        const struct th_down *down = msg->body;
        if (down->ref == a->supervisor_ref)
            return on_supervisor_down(a, self, down->why);
        th_pulling_on_down(&a->pulling, self, down);
        th_taking_on_down(&a->taking, self, down);
        if (down->pid == a->events && !a->is_leaving && !a->is_stopped)
            a->listen_at = self->now.mono + LISTEN_AGAIN_MS;
    }
    /* Looked at after every message, so that a wake-up that found no room is not missed. */
    dispatch(a, self);
    if (a->is_ready && !a->is_leaving) {
        th_pulling_look(&a->pulling, self);
        th_taking_look(&a->taking, self);
    }
    return e == TH_OK && is_closing(a->node) ? leave(a, self) : e;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct agent *a = state;

    if (a->is_ready && !a->is_leaving) {
        th_pulling_on_alarm(&a->pulling, self);
        th_taking_on_alarm(&a->taking, self);
    }
    if (a->listen_at <= self->now.mono)
        return listen_to_events(a, self);
    return th_picture_on_alarm(&a->picture, self);
}

static th_ms deadline(const void *state)
{
    const struct agent *a = state;

    th_ms at = th_sooner(a->listen_at, th_picture_deadline(&a->picture));

    if (!a->is_ready || a->is_leaving)
        return at;
    return th_sooner(at, th_sooner(th_pulling_deadline(&a->pulling), a->taking.again_at));
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct agent *a = state;

    (void)self;
    th_mem_free(a->links);
    be_over(a, why);
}

static const struct th_server_ops agent_ops = {
    .name = "telehash",
    .state_size = sizeof(struct agent),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
    .on_stop = on_stop,
};

enum th_err th_node_agent_wake(struct th_node *node)
{
    return th_post(node->host, node->agent, (struct th_msg){.kind = &wake_msg});
}

enum th_err th_node_agent_spawn(struct th_node *node, struct th_place *place)
{
    const struct th_server_spec spec = {
        .ops = &agent_ops, .arg = node, .name = "telehash", .place = place, .log = &node->log};

    return th_spawn(node->host, &spec, &node->agent);
}

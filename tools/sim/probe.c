#include "tools/sim/probe.h"

#include "switch/base/mem.h"

enum { AGAIN_MS = 1, KINDS = TH_EV_LINE | TH_EV_LINK_UP | TH_EV_LINK_DOWN | TH_EV_STATE };

struct probe {
    struct th_world_node *node;
    th_ms subscribe_at; /* TH_NEVER: it is subscribed */
};

/* --- asking --- */

static void tell(struct th_probe_ask *ask, enum th_err why, struct th_msg *reply)
{
    th_probe_fn on_answer = ask->on_answer;
    bool is_dead =
        ask->node->state == TH_WORLD_DOWN; /* what its servers say at their end is not heard */

    ask->on_answer = NULL;
    if (on_answer)
        on_answer(ask->data, ask->node, is_dead ? TH_GONE : why, is_dead ? NULL : reply);
}

static void drop_ask(void *body)
{
    struct th_probe_ask *ask = body;

    tell(ask, TH_GONE, NULL);
    th_msg_drop(&ask->msg);
    th_mem_free(ask);
}

const struct th_msg_kind th_probe_msg_ask = {"probe.ask", drop_ask};

static enum th_err on_answer(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    (void)state, (void)self;
    tell(ctx, why, reply);
    return TH_OK;
}

static void on_ask(const struct th_self *self, struct th_msg *msg)
{
    struct th_probe_ask *ask = msg->body;
    struct th_msg question = ask->msg;
    uint64_t ref;

    ask->msg = (struct th_msg){0};
    TH_CHECK(th_call(self, th_whereis(self->host, self->scope, ask->server), question,
                     ask->timeout_ms, on_answer, ask, &ref) == TH_OK);
    th_call_finally(self, ref, drop_ask);
    msg->body = NULL;
}

/* --- reporting --- */

static void say(struct th_world_node *node, const char *what, const struct th_hashname *id,
                enum th_err why)
{
    th_sim_trace_say(&node->world->trace, node->world->now, node->index, "%s %.8s%s%s", what,
                     th_hashname_short(id).hex, why == TH_OK ? "" : ": ",
                     why == TH_OK ? "" : th_strerror(why));
}

static void on_state(struct th_world_node *node, enum th_node_state state)
{
    node->node_state = state;
    if (state == TH_NODE_READY && node->ready_at == 0)
        node->ready_at = node->world->now;
    th_sim_trace_say(&node->world->trace, node->world->now, node->index, "is %s",
                     th_node_state_name(state));
}

static void on_event(struct th_world_node *node, const struct th_event *event)
{
    switch ((enum th_ev_kind)event->kind) {
    case TH_EV_LINE_UP:
        say(node, "line up with", &th_ev_line_of(event)->id, TH_OK);
        break;
    case TH_EV_LINE_DOWN:
        say(node, "line down with", &th_ev_line_of(event)->id, th_ev_line_of(event)->why);
        break;
    case TH_EV_PATH_CHANGED:
        say(node, "another path to", &th_ev_line_of(event)->id, TH_OK);
        break;
    case TH_EV_LINE_SILENT:
        say(node, "nothing is heard on the line with", &th_ev_line_of(event)->id, TH_OK);
        break;
    case TH_EV_LINE_HEARD:
        say(node, "heard again on the line with", &th_ev_line_of(event)->id, TH_OK);
        break;
    case TH_EV_LINK_UP:
        say(node, "link up with", &th_ev_link_of(event)->id, TH_OK);
        break;
    case TH_EV_LINK_DOWN:
        say(node, "link down with", &th_ev_link_of(event)->id, th_ev_link_of(event)->why);
        break;
    case TH_EV_STATE:
        on_state(node, th_ev_state_of(event)->state);
        break;
    case TH_EV_OPENED:
    case TH_EV_PACKET:
    case TH_EV_ENDED:
    case TH_EV_DIALED:
    case TH_EV_SERVER_UP:
    case TH_EV_SERVER_DOWN:
        break;
    }
}

static void report(struct th_world_node *node, const struct th_event *event)
{
    struct th_world *world = node->world;

    on_event(node, event);
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_event)
            world->hooks[i].on_event(world->hooks[i].data, node, event);
}

/* --- the server --- */

static enum th_err on_status(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct probe *probe = state;

    (void)self, (void)ctx;
    if (why == TH_OK) {
        const struct th_bootstrap_status *status = reply->body;
        if (status->state != probe->node->node_state)
            on_state(probe->node, status->state);
    }
    return TH_OK;
}

/* What was announced before we were told is asked for; a bootstrap that is not there yet will announce. */
static enum th_err on_subscribed(void *state, const struct th_self *self, void *ctx,
                                 enum th_err why, struct th_msg *reply)
{
    struct probe *probe = state;

    (void)ctx, (void)reply;
    if (why != TH_OK) {
        probe->subscribe_at = self->now.mono + AGAIN_MS;
        return TH_OK;
    }
    return th_call(self, th_whereis(self->host, self->scope, TH_NODE_BOOTSTRAP),
                   (struct th_msg){.kind = &th_bootstrap_msg_status}, TH_CALL_MS_DEFAULT, on_status,
                   NULL, NULL);
}

/* The manager is restarted when it fails; until then there is none. */
static enum th_err subscribe(struct probe *probe, const struct th_self *self)
{
    th_pid manager = th_whereis(self->host, self->scope, TH_NODE_EVENTS);
    const struct th_interest interest = {.kinds = KINDS};

    probe->subscribe_at = manager ? TH_NEVER : self->now.mono + AGAIN_MS;
    return manager ? th_subscribe(self, manager, interest, on_subscribed, NULL) : TH_OK;
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct probe *probe = state;

    probe->node = arg;
    return subscribe(probe, self);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct probe *probe = state;

    if (msg->kind == &th_event_msg)
        report(probe->node, th_event_of(msg));
    else if (msg->kind == &th_probe_msg_ask)
        on_ask(self, msg);
    else if (msg->kind == &th_down_msg)
        return subscribe(probe, self);
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    return subscribe(state, self);
}

static th_ms deadline(const void *state)
{
    return ((const struct probe *)state)->subscribe_at;
}

const struct th_server_ops th_probe_ops = {.name = TH_PROBE,
                                           .state_size = sizeof(struct probe),
                                           .init = init,
                                           .on_msg = on_msg,
                                           .on_alarm = on_alarm,
                                           .deadline = deadline};

/*
 * event.c - event_to_1, event_to_3, event_same_loop_3 and cast_one_to_one: how many messages a second
 * one server brings to others, until the last is handled.
 *
 * The announcer sits at the event manager's place, as the switch does in the daemon, so that an event
 * is put straight into the mailboxes of the subscribers. Erlang's announcer has to send it to its
 * manager first; that is how gen_event is made. Mailboxes hold a whole round, so nothing is missed.
 */
#include "switch/run/event.h"
#include "switch/run/host_uv.h"
#include "tools/bench/bench.h"
#include "tools/bench/daemon.h"
#include "tools/bench/erlang.h"

enum {
    COUNT = 300000, /* of one round */
    WARM_UP = 30000,
    BATCH = 64, /* sent in one callback; then the others of the loop have their turn */
    RECEIVERS_MAX = 3,
    RUN_MS = 60000
};

static const struct th_msg_kind msg_run = {.name = "bench.run"};   /* body: const unsigned *count */
static const struct th_msg_kind msg_more = {.name = "bench.more"}; /* the announcer to itself */
static const struct th_msg_kind msg_cast = {.name = "bench.cast"};

/* What is measured: who sends what to how many. */
struct shape {
    bool is_event;
    bool is_one_loop;
    unsigned receivers;
};

struct stage {
    struct shape shape;
    struct th_host *host;
    th_pid manager, announcer, receiver[RECEIVERS_MAX];
};

/* --- the announcer -------------------------------------------------------------------------------- */

struct announcer {
    const struct stage *stage;
    unsigned left;
};

static enum th_err announcer_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    ((struct announcer *)state)->stage = arg;
    return TH_OK;
}

static enum th_err send_one(const struct stage *stage)
{
    struct th_event *event;

    if (!stage->shape.is_event)
        return th_post(stage->host, stage->receiver[0], (struct th_msg){.kind = &msg_cast});
    event = th_event_new(1, 0, false, NULL, NULL);
    return event ? th_notify(stage->host, stage->manager, event) : TH_NO_MEMORY;
}

static enum th_err announcer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct announcer *announcer = state;
    enum th_err err = TH_OK;

    if (msg->kind == &msg_run)
        announcer->left = *(const unsigned *)msg->body;
    for (unsigned i = 0; i < BATCH && announcer->left > 0 && err == TH_OK; i++) {
        err = send_one(announcer->stage);
        announcer->left--;
    }
    if (err == TH_OK && announcer->left > 0)
        err = th_post(self->host, self->pid, (struct th_msg){.kind = &msg_more});
    return err;
}

static const struct th_server_ops announcer_ops = {
    .name = "announcer",
    .state_size = sizeof(struct announcer),
    .init = announcer_init,
    .on_msg = announcer_on_msg,
};

/* --- the receivers -------------------------------------------------------------------------------- */

struct receiver {
    unsigned seen, wanted;
    struct th_from from; /* who waits for the end of the round */
};

static enum th_err receiver_init(void *state, const struct th_self *self, void *arg)
{
    const struct stage *stage = arg;

    (void)state;
    if (!stage->shape.is_event)
        return TH_OK;
    return th_subscribe(self, stage->manager, (struct th_interest){.kinds = 1}, NULL, NULL);
}

static enum th_err receiver_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct receiver *receiver = state;

    if (msg->kind == &msg_run) {
        receiver->wanted = *(const unsigned *)msg->body;
        receiver->from = th_from_of(msg);
    } else if (msg->kind == &th_event_msg || msg->kind == &msg_cast) {
        receiver->seen++;
    }
    if (receiver->wanted > 0 && receiver->seen == receiver->wanted) {
        receiver->seen = 0;
        receiver->wanted = 0;
        th_reply(self->host, receiver->from, (struct th_msg){.kind = &msg_run});
    }
    return TH_OK;
}

static const struct th_server_ops receiver_ops = {
    .name = "receiver",
    .state_size = sizeof(struct receiver),
    .init = receiver_init,
    .on_msg = receiver_on_msg,
};

/* --- rounds --------------------------------------------------------------------------------------- */

static bool spawn(struct stage *stage, const struct th_server_ops *ops, struct th_place *place,
                  th_pid *pid)
{
    struct th_server_spec spec = {
        .ops = ops, .arg = stage, .place = place, .mailbox_max = COUNT + BATCH};

    return th_spawn(stage->host, &spec, pid) == TH_OK;
}

static bool start(struct stage *stage)
{
    struct th_place *here, *there;
    bool is_ok = th_host_uv_new(&stage->host) == TH_OK &&
                 th_host_uv_place(stage->host, "announcer", &here) == TH_OK &&
                 spawn(stage, &th_event_manager_ops, here, &stage->manager) &&
                 spawn(stage, &announcer_ops, here, &stage->announcer);

    for (unsigned i = 0; is_ok && i < stage->shape.receivers; i++) {
        there = here;
        if (!stage->shape.is_one_loop)
            is_ok = th_host_uv_place(stage->host, "receiver", &there) == TH_OK;
        is_ok = is_ok && spawn(stage, &receiver_ops, there, &stage->receiver[i]);
    }
    return is_ok;
}

static bool ask(struct stage *stage, th_pid pid, const struct th_msg_kind *kind, unsigned *count)
{
    struct th_msg reply, msg = {.kind = kind, .body = count};

    if (th_call_wait(stage->host, pid, msg, RUN_MS, &reply) != TH_OK)
        return false;
    th_msg_drop(&reply);
    return true;
}

/* All have subscribed once the manager has listed them. */
static bool is_ready(struct stage *stage)
{
    struct th_msg reply, msg = {.kind = &th_event_list_msg};
    unsigned count = 0;

    while (stage->shape.is_event && count < stage->shape.receivers) {
        if (th_call_wait(stage->host, stage->manager, msg, RUN_MS, &reply) != TH_OK)
            return false;
        count = ((const struct th_subscription_list *)reply.body)->count;
        th_msg_drop(&reply);
    }
    return true;
}

/* Messages a second, in thousands; 0 when it failed. */
static double take_round(struct stage *stage, unsigned count)
{
    double began = th_wall_us();
    struct th_msg run = {.kind = &msg_run, .body = &count};

    if (th_post(stage->host, stage->announcer, run) != TH_OK)
        return 0;
    for (unsigned i = 0; i < stage->shape.receivers; i++)
        if (!ask(stage, stage->receiver[i], &msg_run, &count))
            return 0;
    return count * 1e3 / (th_wall_us() - began);
}

static double take_ours(void *data)
{
    return take_round(data, COUNT);
}

static double take_erlang(void *data)
{
    const struct shape *shape = &((const struct stage *)data)->shape;
    enum th_erlang_what what = shape->is_event ? TH_ERLANG_EVENT : TH_ERLANG_CAST;
    double us = th_erlang_take(what, COUNT, shape->receivers);

    return us > 0 ? 1e3 / us : 0;
}

static bool take(struct th_bench *bench, struct th_figure *figure, struct shape shape)
{
    struct stage stage = {.shape = shape};
    const struct th_erlang_pair both = {take_ours, take_erlang, &stage};
    bool is_ok = start(&stage) && is_ready(&stage) && take_round(&stage, WARM_UP) > 0 &&
                 th_erlang_compare(bench, figure, &both);

    if (!is_ok)
        th_bench_note("%s: the servers did not start or a message was refused", figure->name);
    if (stage.host)
        th_host_uv_close(stage.host);
    return is_ok;
}

bool th_bench_event(struct th_bench *bench)
{
    struct th_figure event = {.suite = "run-time", .unit = "k/s", .reference = "Erlang gen_event"};
    struct th_figure cast = {.suite = "run-time",
                             .name = "cast_one_to_one",
                             .what = "casts from one thread to another",
                             .unit = "k/s",
                             .reference = "Erlang gen_server:cast",
                             .goal = 1.5};
    bool is_ok;

    event.name = "event_to_1";
    event.what = "events through a manager to 1 subscriber in another thread";
    event.goal = 3;
    is_ok = take(bench, &event, (struct shape){.is_event = true, .receivers = 1});
    event.name = "event_to_3";
    event.what = "events through a manager to 3 subscribers in threads of their own";
    is_ok &= take(bench, &event, (struct shape){.is_event = true, .receivers = 3});
    event.name = "event_same_loop_3";
    event.what = "events through a manager to 3 subscribers, all on one loop";
    event.goal = 10;
    is_ok &=
        take(bench, &event, (struct shape){.is_event = true, .is_one_loop = true, .receivers = 3});
    return take(bench, &cast, (struct shape){.receivers = 1}) && is_ok;
}

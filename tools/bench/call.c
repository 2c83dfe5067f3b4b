/*
 * call.c - call_round_trip and call_same_loop: a server calls another, and again at each reply.
 *
 * Wall time: a round trip is waiting for the other side more than it is work.
 */
#include "switch/run/call.h"
#include "switch/run/host_uv.h"
#include "tools/bench/bench.h"
#include "tools/bench/daemon.h"
#include "tools/bench/erlang.h"

enum { CALLS = 50000, WARM_UP = 5000, RUN_MS = 60000 };

static const struct th_msg_kind msg_run = {.name = "bench.run"};
static const struct th_msg_kind msg_ask = {.name = "bench.ask"};

/* --- the two servers ------------------------------------------------------------------------------ */

struct asker {
    th_pid other;
    unsigned left;
    struct th_from from; /* who waits for the end of the run */
};

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply);

static enum th_err ask(struct asker *asker, const struct th_self *self)
{
    return th_call(self, asker->other, (struct th_msg){.kind = &msg_ask}, RUN_MS, on_reply, NULL,
                   NULL);
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct asker *asker = state;

    (void)ctx;
    (void)reply;
    if (why != TH_OK)
        return why;
    if (--asker->left > 0)
        return ask(asker, self);
    th_reply(self->host, asker->from, (struct th_msg){.kind = &msg_run});
    return TH_OK;
}

static enum th_err asker_init(void *state, const struct th_self *self, void *arg)
{
    struct asker *asker = state;

    (void)self;
    asker->other = *(const th_pid *)arg;
    return TH_OK;
}

static enum th_err answerer_init(void *state, const struct th_self *self, void *arg)
{
    (void)state;
    (void)self;
    (void)arg;
    return TH_OK;
}

/* Body: how many calls. */
static enum th_err asker_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct asker *asker = state;

    if (msg->kind != &msg_run)
        return TH_OK;
    asker->left = *(const unsigned *)msg->body;
    asker->from = th_from_of(msg);
    return ask(asker, self);
}

static enum th_err answerer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state;
    if (msg->kind == &msg_ask)
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = &msg_ask});
    return TH_OK;
}

static const struct th_server_ops asker_ops = {
    .name = "asker",
    .state_size = sizeof(struct asker),
    .init = asker_init,
    .on_msg = asker_on_msg,
};

static const struct th_server_ops answerer_ops = {
    .name = "answerer",
    .state_size = 1,
    .init = answerer_init,
    .on_msg = answerer_on_msg,
};

/* --- rounds --------------------------------------------------------------------------------------- */

struct pair {
    struct th_host *host;
    th_pid asker, answerer;
};

static bool start(struct pair *pair, bool is_one_loop)
{
    struct th_place *here, *there;

    if (th_host_uv_new(&pair->host) != TH_OK)
        return false;
    if (th_host_uv_place(pair->host, "asker", &here) != TH_OK)
        return false;
    there = here;
    if (!is_one_loop && th_host_uv_place(pair->host, "answerer", &there) != TH_OK)
        return false;
    return th_spawn(pair->host, &(struct th_server_spec){.ops = &answerer_ops, .place = there},
                    &pair->answerer) == TH_OK &&
           th_spawn(
               pair->host,
               &(struct th_server_spec){.ops = &asker_ops, .arg = &pair->answerer, .place = here},
               &pair->asker) == TH_OK;
}

/* One round trip in µs; 0 when it failed. */
static double call_round(const struct pair *pair, unsigned calls)
{
    struct th_msg reply, run = {.kind = &msg_run, .body = &calls};
    double began = th_wall_us();

    if (th_call_wait(pair->host, pair->asker, run, RUN_MS, &reply) != TH_OK)
        return 0;
    return (th_wall_us() - began) / calls;
}

static double take_ours(void *data)
{
    return call_round(data, CALLS);
}

static double take_erlang(void *data)
{
    (void)data;
    return th_erlang_take(TH_ERLANG_CALL, CALLS, 1);
}

static bool take(struct th_bench *bench, struct th_figure *figure, bool is_one_loop)
{
    struct pair pair = {0};
    const struct th_erlang_pair both = {take_ours, take_erlang, &pair};
    bool is_ok = start(&pair, is_one_loop) && call_round(&pair, WARM_UP) > 0 &&
                 th_erlang_compare(bench, figure, &both);

    if (!is_ok)
        th_bench_note("%s: the servers did not start or a call failed", figure->name);
    if (pair.host)
        th_host_uv_close(pair.host);
    return is_ok;
}

/* Erlang has put both processes on one scheduler, as soon as they keep calling. */
static void tell_apart(void)
{
    double us = th_erlang_is_there() ? th_erlang_take(TH_ERLANG_CALL_APART, CALLS, 1) : 0;

    if (us > 0)
        th_bench_note("call_round_trip: Erlang takes %.2f us when its two processes are bound to "
                      "two schedulers, as ours are to two threads",
                      us);
}

bool th_bench_call(struct th_bench *bench)
{
    struct th_figure figure = {.suite = "run-time",
                               .name = "call_round_trip",
                               .what = "call and reply between two threads",
                               .unit = "us",
                               .is_less_better = true,
                               .reference = "Erlang gen_server:call",
                               .goal = 1};
    bool is_ok = take(bench, &figure, false);

    tell_apart();
    figure.name = "call_same_loop";
    figure.what = "call and reply on one loop";
    figure.goal = 5;
    return take(bench, &figure, true) && is_ok;
}

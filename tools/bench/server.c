/*
 * server.c - server_bytes: what an idle server holds besides its own state, the loop not counted.
 *
 * What the C library says it has handed out, before and after many servers were started on one loop.
 */
#include "switch/run/call.h"
#include "switch/run/host_uv.h"
#include "tools/bench/bench.h"
#include "tools/bench/erlang.h"

#include <malloc.h>

enum { SERVERS = 6400, ERLANG_SERVERS = 1000, RUN_MS = 60000 };

static const struct th_msg_kind msg_ask = {.name = "bench.ask"};

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)self, (void)arg;
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state;
    th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = &msg_ask});
    return TH_OK;
}

static const struct th_server_ops idle_ops = {
    .name = "idle", .state_size = 1, .init = init, .on_msg = on_msg};

/* All that were started before it have begun, once this one answers: a loop goes in order. */
static bool start(struct th_host *host, struct th_place *place, unsigned count)
{
    struct th_server_spec spec = {.ops = &idle_ops, .place = place};
    struct th_msg reply, ask = {.kind = &msg_ask};
    th_pid pid = 0;

    for (unsigned i = 0; i < count; i++)
        if (th_spawn(host, &spec, &pid) != TH_OK)
            return false;
    return th_call_wait(host, pid, ask, RUN_MS, &reply) == TH_OK;
}

/* Small pieces, and great ones that have pages of their own. */
static size_t handed_out(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Bytes of one; 0 when it failed. */
static double take_round(void)
{
    struct th_host *host = NULL;
    struct th_place *place;
    double bytes = 0;

    if (th_host_uv_new(&host) != TH_OK)
        return 0;
    if (th_host_uv_place(host, "idle", &place) == TH_OK && start(host, place, 1)) {
        size_t before = handed_out();

        if (start(host, place, SERVERS))
            bytes = (double)(handed_out() - before) / SERVERS;
    }
    th_host_uv_close(host);
    return bytes;
}

bool th_bench_server(struct th_bench *bench)
{
    struct th_samples ours = {0};
    struct th_figure figure = {.suite = "run-time",
                               .name = "server_bytes",
                               .what = "memory of an idle server without its loop",
                               .unit = "B",
                               .is_less_better = true,
                               .goal = 2048};
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double bytes = take_round();

        is_ok = bytes > 0 && th_samples_add(&ours, bytes) == TH_OK;
    }
    if (is_ok) {
        th_figure_fill(&figure, &ours, NULL);
        th_bench_tell(bench, &figure);
    } else {
        th_bench_note("server_bytes: the servers did not start");
    }
    if (is_ok && th_erlang_is_there())
        th_bench_note("server_bytes: an idle gen_server of Erlang holds %.0f B",
                      th_erlang_take(TH_ERLANG_IDLE, ERLANG_SERVERS, 1));
    th_samples_clear(&ours);
    return is_ok;
}

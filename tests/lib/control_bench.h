/*
 * control_bench.h - the control server among scripted neighbours, over its real socket.
 */
#ifndef TH_TESTS_CONTROL_BENCH_H
#define TH_TESTS_CONTROL_BENCH_H

#include "tools/app/control.h"

#include "switch/base/mem.h"
#include "switch/pull.h"
#include "switch/run/host_uv.h"

#include <jansson.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/patience.h"

#include "tests/lib/test_cmocka.h"

enum { CHUNK_BYTES = 1000 };
enum { GATHER_MS = 300 }; /* who answers at all does so in time on a busy machine too */

/* What the neighbours do; set before the bench is opened. */
struct script {
    bool has_router;     /* there is one */
    bool is_router_mute; /* it never answers */
    bool knows_path;     /* the peer answers `path`, not only `seek` */
    bool has_line;       /* there is a line to the peer */
    unsigned more_lines; /* so many further ones */
    enum th_err dialed;  /* what a dial comes to */
    th_ms gather_ms;     /* for neighbours to answer; 0: GATHER_MS */
    unsigned chunks;     /* of CHUNK_BYTES that a stream brings before its end */
};

struct bench {
    struct script script;
    struct th_host *host;
    struct th_place *place;
    struct th_identity identity;
    struct th_paths advertised;
    struct th_control_socket socket;
    struct th_control_config config;
    char folder[64];
    atomic_bool is_stopped;
    th_pid control;
    atomic_uint dials, reads;
};

static const struct th_hashname peer = {{0xab, 0xcd}};

/* --- the neighbours ------------------------------------------------------------------------------- */

struct neighbour {
    struct bench *bench;
};

static inline enum th_err on_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    ((struct neighbour *)state)->bench = arg;
    return TH_OK;
}

static inline void answer(const struct th_self *self, const struct th_msg *msg, void *body)
{
    th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind, .body = body});
}

/* As the switch would: the answer of the other side is an event for who opened the channel. */
static inline void announce_answer(const struct th_self *self, const struct th_msg *msg)
{
    const struct th_switch_channel *channel = msg->body;
    struct th_ev_packet packet = {.from = channel->to,
                                  .addr = {.ip = {127, 0, 0, 1}, .port = 7, .family = 4},
                                  .is_ours = true,
                                  .type = channel->type,
                                  .owner = msg->from,
                                  .tag = channel->tag};
    void *copy = th_mem_copy(&packet, sizeof packet);

    th_notify(self->host, th_whereis(self->host, 0, TH_NODE_EVENTS),
              th_event_new(TH_EV_PACKET, th_topic(channel->type, true), false, copy, th_mem_free));
}

/* A stream that brings what the script says, and takes nothing. */
static inline void answer_stream(struct bench *bench, const struct th_self *self,
                                 const struct th_msg *msg)
{
    if (msg->kind == &th_switch_msg_stream_open) {
        struct th_pull_opened *opened = th_mem_zalloc(1, sizeof *opened);
        opened->stream = 1;
        answer(self, msg, opened);
    } else if (msg->kind == &th_switch_msg_read) {
        struct th_pull_data *data = th_mem_zalloc(1, sizeof *data + CHUNK_BYTES);
        bool has_more = atomic_fetch_add(&bench->reads, 1) < bench->script.chunks;
        data->err = has_more ? TH_OK : TH_EOF;
        data->len = has_more ? CHUNK_BYTES : 0;
        answer(self, msg, data);
    } else if (msg->kind == &th_switch_msg_finish) {
        answer(self, msg, th_mem_zalloc(1, sizeof(struct th_switch_result)));
    }
}

static inline enum th_err switch_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct bench *bench = ((struct neighbour *)state)->bench;

    answer_stream(bench, self, msg);
    if (msg->kind == &th_switch_msg_status) {
        struct th_switch_status *status = th_mem_zalloc(1, sizeof *status);

        status->lines = 1;
        answer(self, msg, status);
    } else if (msg->kind == &th_switch_msg_lines) {
        unsigned more = bench->script.more_lines;
        struct th_switch_lines *lines =
            th_mem_zalloc(1, sizeof *lines + (1 + more) * sizeof lines->line[0]);

        lines->count = bench->script.has_line || atomic_load(&bench->dials) > 0;
        lines->line[0] = (struct th_line_look){
            .id = peer, .is_up = true, .has_addr = true, .addr = {{127, 0, 0, 1}, 7, 4, 0}};
        for (unsigned i = 0; i < more; i++)
            lines->line[lines->count++] =
                (struct th_line_look){.id = {{0xee, (uint8_t)(i >> 8), (uint8_t)i}}, .is_up = true};
        answer(self, msg, lines);
    } else if (msg->kind == &th_switch_msg_channel) {
        const struct th_switch_channel *channel = msg->body;

        if (bench->script.knows_path || channel->type == TH_CHANNEL_SEEK) {
            announce_answer(self, msg);
            announce_answer(self, msg); /* on every path that it knows */
        }
    }
    return TH_OK;
}

static inline enum th_err router_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    const struct bench *bench = ((struct neighbour *)state)->bench;

    if (msg->kind == &th_router_msg_table && !bench->script.is_router_mute)
        answer(self, msg, th_mem_zalloc(1, sizeof(struct th_router_table)));
    return TH_OK;
}

static inline enum th_err bootstrap_on_msg(void *state, const struct th_self *self,
                                           struct th_msg *msg)
{
    (void)state;
    if (msg->kind == &th_bootstrap_msg_status)
        answer(self, msg, th_mem_zalloc(1, sizeof(struct th_bootstrap_status)));
    return TH_OK;
}

static inline enum th_err dialer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct bench *bench = ((struct neighbour *)state)->bench;

    if (msg->kind != &th_dialer_msg_dial)
        return TH_OK;
    const struct th_dial *dial = msg->body;
    struct th_dialed *dialed = th_mem_zalloc(1, sizeof *dialed);

    atomic_fetch_add(&bench->dials, 1);
    dialed->target = dial->target;
    dialed->result = bench->script.dialed;
    dialed->has_line = dialed->is_found = dialed->result == TH_OK;
    dialed->way_count = 1;
    dialed->way = th_mem_zalloc(1, sizeof *dialed->way);
    dialed->way[0] = (struct th_dial_way){.tries = 1, .outcome = dialed->result};
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_dialer_msg_dialed, .body = dialed});
    return TH_OK;
}

#define NEIGHBOUR(word)                                                                            \
    static const struct th_server_ops word##_ops = {.name = #word,                                 \
                                                    .state_size = sizeof(struct neighbour),        \
                                                    .init = on_init,                               \
                                                    .on_msg = word##_on_msg}
NEIGHBOUR(switch);
NEIGHBOUR(router);
NEIGHBOUR(bootstrap);
NEIGHBOUR(dialer);

/* --- the bench ------------------------------------------------------------------------------------ */

static inline void on_stop(void *data)
{
    atomic_store(&((struct bench *)data)->is_stopped, true);
}

static inline th_pid spawn(struct bench *b, const struct th_server_ops *ops, const char *name,
                           void *arg)
{
    th_pid pid;

    assert_int_equal(
        th_spawn(b->host,
                 &(struct th_server_spec){.ops = ops, .arg = arg, .name = name, .place = b->place},
                 &pid),
        TH_OK);
    return pid;
}

static inline struct bench *open_bench(struct script script)
{
    struct bench *b = calloc(1, sizeof *b);
    uint8_t seed[TH_KEY_BYTES] = {3};
    char path[80], say[TH_SAY_MAX];

    assert_non_null(b);
    b->script = script;
    th_identity_make(&b->identity, seed);
    snprintf(b->folder, sizeof b->folder, "/tmp/th-control-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(path, sizeof path, "%s/s", b->folder);
    assert_int_equal(th_control_bind(&b->socket, path, say), TH_OK);
    assert_int_equal(th_host_uv_new(&b->host), TH_OK);
    assert_int_equal(th_host_uv_place(b->host, "all", &b->place), TH_OK);
    b->config =
        (struct th_control_config){.socket = &b->socket,
                                   .place = b->place,
                                   .identity = &b->identity,
                                   .advertised = &b->advertised,
                                   .gather_ms = script.gather_ms ? script.gather_ms : GATHER_MS,
                                   .stop = on_stop,
                                   .data = b};
    spawn(b, &th_event_manager_ops, TH_NODE_EVENTS, NULL);
    spawn(b, &switch_ops, TH_NODE_SWITCH, b);
    if (script.has_router)
        spawn(b, &router_ops, TH_NODE_ROUTER, b);
    spawn(b, &bootstrap_ops, TH_NODE_BOOTSTRAP, b);
    spawn(b, &dialer_ops, TH_NODE_DIALER, b);
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    return b;
}

static inline void close_bench(struct bench *b)
{
    th_host_uv_close(b->host);
    th_control_unbind(&b->socket);
    assert_int_equal(rmdir(b->folder), 0); /* the socket's file is gone */
    free(b);
}

static inline int connect_to(const struct bench *b)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = TEST_PATIENCE_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", b->socket.path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static inline void say(int fd, const char *method, const char *params)
{
    char line[512];
    int len = snprintf(line, sizeof line,
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
                       params);

    assert_int_equal(send(fd, line, (size_t)len, MSG_NOSIGNAL), len);
}

static inline json_t *hear(int fd)
{
    char line[65536];
    size_t len = 0;

    do {
        assert_true(len < sizeof line);
        assert_int_equal(recv(fd, line + len, 1, 0), 1);
    } while (line[len++] != '\n');
    json_t *heard = json_loadb(line, len, 0, NULL);
    assert_non_null(heard);
    return heard;
}

static inline json_t *ask(const struct bench *b, const char *method, const char *params)
{
    int fd = connect_to(b);

    say(fd, method, params);
    json_t *heard = hear(fd);
    close(fd);
    return heard;
}

static inline json_int_t code_of(const json_t *answered)
{
    return json_integer_value(json_object_get(json_object_get(answered, "error"), "code"));
}

#endif

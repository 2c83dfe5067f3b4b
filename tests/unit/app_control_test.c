/* The control server among scripted neighbours, over its real socket. */
#include "tools/app/control.h"

#include "switch/base/mem.h"
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

#include "tests/lib/test_cmocka.h"

enum { ANSWER_S = 20, GATHER_MS = 40 };

/* What the neighbours do; set before the bench is opened. */
struct script {
    bool has_router;     /* there is one */
    bool is_router_mute; /* it never answers */
    bool knows_path;     /* the peer answers `path`, not only `seek` */
    bool has_line;       /* there is a line to the peer */
    enum th_err dialed;  /* what a dial comes to */
    th_ms gather_ms;     /* for neighbours to answer; 0: GATHER_MS */
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
    atomic_uint dials;
};

static const struct th_hashname peer = {{0xab, 0xcd}};

/* --- the neighbours ------------------------------------------------------------------------------- */

struct neighbour {
    struct bench *bench;
};

static enum th_err on_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    ((struct neighbour *)state)->bench = arg;
    return TH_OK;
}

static void answer(const struct th_self *self, const struct th_msg *msg, void *body)
{
    th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind, .body = body});
}

/* As the switch would: the answer of the other side is an event for who opened the channel. */
static void announce_answer(const struct th_self *self, const struct th_msg *msg)
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

static enum th_err switch_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    const struct bench *bench = ((struct neighbour *)state)->bench;

    if (msg->kind == &th_switch_msg_status) {
        struct th_switch_status *status = th_mem_zalloc(1, sizeof *status);

        status->lines = 1;
        answer(self, msg, status);
    } else if (msg->kind == &th_switch_msg_lines) {
        struct th_switch_lines *lines = th_mem_zalloc(1, sizeof *lines + sizeof lines->line[0]);

        lines->count = bench->script.has_line || atomic_load(&bench->dials) > 0;
        lines->line[0] = (struct th_line_look){
            .id = peer, .is_up = true, .has_addr = true, .addr = {{127, 0, 0, 1}, 7, 4, 0}};
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

static enum th_err router_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    const struct bench *bench = ((struct neighbour *)state)->bench;

    if (msg->kind == &th_router_msg_table && !bench->script.is_router_mute)
        answer(self, msg, th_mem_zalloc(1, sizeof(struct th_router_table)));
    return TH_OK;
}

static enum th_err bootstrap_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state;
    if (msg->kind == &th_bootstrap_msg_status)
        answer(self, msg, th_mem_zalloc(1, sizeof(struct th_bootstrap_status)));
    return TH_OK;
}

static enum th_err dialer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
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

static void on_stop(void *data)
{
    atomic_store(&((struct bench *)data)->is_stopped, true);
}

static th_pid spawn(struct bench *b, const struct th_server_ops *ops, const char *name, void *arg)
{
    th_pid pid;

    assert_int_equal(
        th_spawn(b->host,
                 &(struct th_server_spec){.ops = ops, .arg = arg, .name = name, .place = b->place},
                 &pid),
        TH_OK);
    return pid;
}

static struct bench *open_bench(struct script script)
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

static void close_bench(struct bench *b)
{
    th_host_uv_close(b->host);
    th_control_unbind(&b->socket);
    assert_int_equal(rmdir(b->folder), 0); /* the socket's file is gone */
    free(b);
}

static int connect_to(const struct bench *b)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = ANSWER_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", b->socket.path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void say(int fd, const char *method, const char *params)
{
    char line[512];
    int len = snprintf(line, sizeof line,
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
                       params);

    assert_int_equal(send(fd, line, (size_t)len, MSG_NOSIGNAL), len);
}

static json_t *hear(int fd)
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

static json_t *ask(const struct bench *b, const char *method, const char *params)
{
    int fd = connect_to(b);

    say(fd, method, params);
    json_t *heard = hear(fd);
    close(fd);
    return heard;
}

static json_int_t code_of(const json_t *answered)
{
    return json_integer_value(json_object_get(json_object_get(answered, "error"), "code"));
}

static json_int_t number_in(const json_t *answered, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(answered, "result"), key));
}

static const char *word_in(const json_t *answered, const char *key)
{
    const char *word = json_string_value(json_object_get(json_object_get(answered, "result"), key));

    return word ? word : "";
}

static const char peer_params[] =
    "{\"hashname\":\"abcd000000000000000000000000000000000000000000000000000000000000\","
    "\"count\":2,\"interval_ms\":100,\"wait_ms\":60}";

/* --- the tests ------------------------------------------------------------------------------------ */

/* A10 */
static void a_server_that_hangs_is_named(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .is_router_mute = true});

    json_t *peers = ask(b, "peers", "{}");
    assert_int_equal(code_of(peers), -32003);
    const json_t *data = json_object_get(json_object_get(peers, "error"), "data");
    assert_string_equal(json_string_value(json_object_get(data, "server")), "router");
    json_decref(peers);

    json_t *servers = ask(b, "servers", "{}"); /* asks none of them */
    assert_true(json_array_size(json_object_get(servers, "result")) >= 5);
    json_decref(servers);

    json_t *status = ask(b, "status", "{}"); /* says what is known */
    const json_t *result = json_object_get(status, "result");
    assert_true(json_is_null(json_object_get(result, "links")));
    assert_int_equal(number_in(status, "lines"), 1);
    assert_int_equal(json_array_size(json_object_get(result, "warnings")), 2);
    json_decref(status);
    close_bench(b);
}

static void a_server_that_is_gone_is_told_at_once(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){0});

    json_t *buckets = ask(b, "buckets", "{}");
    assert_int_equal(code_of(buckets), -32004);
    json_decref(buckets);
    close_bench(b);
}

static void a_ping_takes_one_answer_for_each_probe(void **state)
{
    (void)state;
    struct bench *b =
        open_bench((struct script){.has_router = true, .has_line = true, .knows_path = true});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "probe"), "path");
    assert_string_equal(word_in(ping, "path"), "127.0.0.1:7");
    assert_int_equal(number_in(ping, "sent"), 2);
    assert_int_equal(number_in(ping, "received"), 2);
    assert_int_equal(number_in(ping, "lost"), 0);
    assert_int_equal(atomic_load(&b->dials), 0); /* the line was there */
    json_decref(ping);
    close_bench(b);
}

static void who_does_not_answer_path_is_asked_by_seek(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .has_line = true});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "probe"), "seek");
    assert_int_equal(number_in(ping, "received"), 2);
    json_decref(ping);
    close_bench(b);
}

static void who_cannot_be_reached_is_not_pinged(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .dialed = TH_NOT_FOUND});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "reached"), "not_found");
    assert_int_equal(number_in(ping, "sent"), 0);
    assert_true(json_is_null(json_object_get(json_object_get(ping, "result"), "min_ms")));
    json_decref(ping);
    close_bench(b);
}

static void connect_and_seek_tell_where_the_node_is(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});

    json_t *connected = ask(b, "connect", peer_params);
    assert_string_equal(word_in(connected, "result"), "reached");
    assert_string_equal(word_in(connected, "path"), "127.0.0.1:7");
    const json_t *ways = json_object_get(json_object_get(connected, "result"), "ways");
    const json_t *path = json_object_get(json_array_get(ways, 0), "path");
    assert_string_equal(json_string_value(path), "127.0.0.1:7");
    json_decref(connected);

    json_t *sought = ask(b, "seek", peer_params); /* with the line that it brought */
    ways = json_object_get(json_object_get(sought, "result"), "ways");
    path = json_object_get(json_array_get(ways, 0), "path");
    assert_string_equal(json_string_value(path), "127.0.0.1:7");
    json_decref(sought);
    close_bench(b);
}

/* A whole hashname spares the methods that name a node a question to the router. It once spared it all
 * methods, and those that show the router's answer ended the daemon. */
static void parameters_of_another_method_are_passed_over(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    static const char *const methods[] = {"peers", "buckets", "drops", "status", "lines"};
    char params[TH_HASHNAME_HEX + 32], hex[TH_HASHNAME_HEX + 1];

    th_hashname_write(hex, &peer);
    snprintf(params, sizeof params, "{\"hashname\":\"%s\"}", hex);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        json_t *answered = ask(b, methods[i], params);
        assert_int_equal(code_of(answered), strcmp(methods[i], "drops") == 0 ? -32003 : 0);
        json_decref(answered);
    }
    close_bench(b);
}

static void too_many_dials_are_busy(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .dialed = TH_LIMIT});

    json_t *sought = ask(b, "seek", peer_params);
    assert_int_equal(code_of(sought), -32004);
    json_decref(sought);
    close_bench(b);
}

/* D3 */
static void a_client_that_goes_while_it_waits_harms_nobody(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .has_line = true});

    for (unsigned i = 0; i < 8; i++) {
        int fd = connect_to(b);

        say(fd, "ping", peer_params);
        say(fd, "status", "{}");
        close(fd);
    }
    json_t *status = ask(b, "status", "{}");
    assert_int_equal(number_in(status, "lines"), 1);
    json_decref(status);
    close_bench(b);
}

static void requests_that_wait_end_with_the_server(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .is_router_mute = true});
    int fd = connect_to(b);
    char byte;

    for (unsigned i = 0; i < 20; i++) /* more than are taken at once */
        say(fd, "peers", "{}");
    json_decref(hear(fd));
    th_stop(b->host, b->control, TH_SHUTDOWN);
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    close(fd);
    close_bench(b);
}

static void end_control(struct bench *b)
{
    th_stop(b->host, b->control, TH_SHUTDOWN);
    while (th_whereis(b->host, 0, TH_CONTROL_NAME) != 0)
        sched_yield(); /* its name is free a moment after its last callback */
}

/* D3 */
static void a_new_control_server_takes_over_the_socket(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    int fd = connect_to(b);
    char byte;

    say(fd, "status", "{}");
    json_decref(hear(fd));
    end_control(b);
    assert_int_equal(recv(fd, &byte, 1, 0), 0); /* its clients are let go */
    close(fd);
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    json_decref(ask(b, "status", "{}"));
    close_bench(b);
}

/* D3 */
static void who_connects_between_two_control_servers_is_served_by_the_next(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    int fd[20];

    json_decref(ask(b, "status", "{}"));
    end_control(b);
    for (size_t i = 0; i < 20; i++) {
        fd[i] = connect_to(b);
        say(fd[i], "status", "{}");
    }
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    for (size_t i = 0; i < 20; i++) {
        json_t *status = hear(fd[i]);
        assert_int_equal(number_in(status, "lines"), 1);
        json_decref(status);
        close(fd[i]);
    }
    close_bench(b);
}

/* D2, D3: it took a descriptor to begin once, and without one it failed until its supervisor, and
 * with that the daemon, gave up. */
static void a_new_control_server_begins_without_a_free_descriptor(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    struct rlimit before, none;

    json_decref(ask(b, "status", "{}"));
    end_control(b);
    int waiting = connect_to(b);
    int next = dup(0); /* the lowest that is free */
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    say(waiting, "status", "{}");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    json_t *status = hear(waiting); /* accepted when there was a descriptor again */
    assert_int_equal(number_in(status, "lines"), 1);
    json_decref(status);
    close(waiting);
    close_bench(b);
}

static void requests_of_clients_that_went_are_limited(void **state)
{
    (void)state;
    struct bench *b = open_bench(
        (struct script){.has_router = true, .is_router_mute = true, .gather_ms = 1000 * ANSWER_S});
    unsigned begun = 0;
    json_t *answered = NULL;

    while (code_of(answered) != -32004 && begun++ < 4 * TH_CONTROL_JOBS_MAX) {
        int fd = connect_to(b);

        for (unsigned i = 0; i < TH_CONTROL_REQUESTS_MAX; i++)
            say(fd, "peers", "{}");
        close(fd);
        json_decref(answered);
        answered = ask(b, "methods", "{}");
    }
    assert_int_equal(code_of(answered), -32004);
    json_decref(answered);

    th_stop(b->host, th_whereis(b->host, 0, TH_NODE_ROUTER), TH_SHUTDOWN); /* they all end */
    answered = ask(b, "status", "{}");
    while (code_of(answered) != 0) {
        json_decref(answered);
        answered = ask(b, "status", "{}");
    }
    const json_t *control = json_object_get(json_object_get(answered, "result"), "control");
    assert_true(json_integer_value(json_object_get(control, "jobs_refused")) > 0);
    json_decref(answered);
    close_bench(b);
}

static void stop_is_answered_and_passed_on(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});

    json_t *stopped = ask(b, "stop", "{}");
    assert_true(json_is_true(json_object_get(json_object_get(stopped, "result"), "stopping")));
    json_decref(stopped);
    json_decref(ask(b, "methods", "{}")); /* so that the callback of stop has ended */
    assert_true(atomic_load(&b->is_stopped));
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_hangs_is_named),
        cmocka_unit_test(a_server_that_is_gone_is_told_at_once),
        cmocka_unit_test(a_ping_takes_one_answer_for_each_probe),
        cmocka_unit_test(who_does_not_answer_path_is_asked_by_seek),
        cmocka_unit_test(who_cannot_be_reached_is_not_pinged),
        cmocka_unit_test(connect_and_seek_tell_where_the_node_is),
        cmocka_unit_test(parameters_of_another_method_are_passed_over),
        cmocka_unit_test(too_many_dials_are_busy),
        cmocka_unit_test(a_client_that_goes_while_it_waits_harms_nobody),
        cmocka_unit_test(requests_that_wait_end_with_the_server),
        cmocka_unit_test(a_new_control_server_takes_over_the_socket),
        cmocka_unit_test(who_connects_between_two_control_servers_is_served_by_the_next),
        cmocka_unit_test(a_new_control_server_begins_without_a_free_descriptor),
        cmocka_unit_test(requests_of_clients_that_went_are_limited),
        cmocka_unit_test(stop_is_answered_and_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

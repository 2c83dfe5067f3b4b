/*
 * A TCP forwarder: a server that has no public address is reached by the hashname of a node beside it.
 * Each connection is a stream of the specification's type `sock`, whose bytes are those of the connection;
 * from the JavaScript switch, which puts a `_` before all types of applications, `_sock`.
 *
 *     cc -o forward forward.c $(pkg-config --cflags --libs telehash)
 *     ./forward PORT                     beside the server: takes streams, connects each to PORT of this
 *                                        machine; prints its hashname and how others join through it
 *     ./forward PORT ENTRY HASHNAME      at the other end: takes connections on PORT of this machine
 *                                        (0: a free one) and brings each to the server
 *
 * Node and connections run on one loop. SIGINT and SIGTERM end it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <telehash/telehash.h>

enum { CHUNK = 65536 };

/* A connection and its stream. Each side is closed by itself; the last one frees it. */
struct joint {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct th_stream *stream;
    int open_sides, is_connected, is_writing, tcp_has_ended, stream_has_ended;
    char from_tcp[CHUNK], from_stream[CHUNK];
    size_t len, at; /* of from_tcp: read; taken by the stream */
};

struct forward {
    struct th_node *node;
    uv_tcp_t listener;
    uv_signal_t signals[2];
    int port, is_listening, is_ending, has_failed;
    const char *hashname; /* where connections go; NULL: beside the server */
};

/* --- the end of a joint --- */

static void let_go(struct joint *joint)
{
    if (--joint->open_sides == 0)
        free(joint);
}

static void tcp_closed(uv_handle_t *handle)
{
    let_go((struct joint *)handle->data);
}

static void stream_closed(struct th_stream *stream, enum th_err why, void *data)
{
    struct joint *joint = (struct joint *)data;

    (void)stream, (void)why;
    joint->stream = NULL;
    if (!uv_is_closing((uv_handle_t *)&joint->tcp))
        uv_close((uv_handle_t *)&joint->tcp, tcp_closed); /* the node goes */
    let_go(joint);
}

static void cut(struct joint *joint)
{
    if (joint->stream)
        th_stream_close(joint->stream);
    joint->stream = NULL;
    if (!uv_is_closing((uv_handle_t *)&joint->tcp))
        uv_close((uv_handle_t *)&joint->tcp, tcp_closed);
}

static void cut_if_done(struct joint *joint)
{
    if (joint->tcp_has_ended && joint->stream_has_ended && !joint->is_writing)
        cut(joint);
}

/* --- from the stream to the connection --- */

static void bring_to_tcp(struct th_stream *stream, void *data);

static void tcp_written(uv_write_t *write, int status)
{
    struct joint *joint = (struct joint *)write->data;

    joint->is_writing = 0;
    if (status < 0)
        cut(joint);
    else if (joint->stream)
        bring_to_tcp(joint->stream, joint);
}

static void tcp_shut(uv_shutdown_t *shutdown, int status)
{
    (void)status;
    cut_if_done((struct joint *)shutdown->data);
}

/* One chunk at a time: what TCP does not take stops the other side. */
static void bring_to_tcp(struct th_stream *stream, void *data)
{
    struct joint *joint = (struct joint *)data;
    size_t len;

    if (!joint->is_connected || joint->is_writing || joint->stream_has_ended)
        return;
    enum th_err err = th_stream_read(stream, joint->from_stream, CHUNK, &len);
    if (err == TH_OK) {
        uv_buf_t buffer = uv_buf_init(joint->from_stream, (unsigned)len);
        joint->write.data = joint;
        joint->is_writing = 1;
        if (uv_write(&joint->write, (uv_stream_t *)&joint->tcp, &buffer, 1, tcp_written) != 0)
            cut(joint);
    } else if (err == TH_EOF) {
        joint->stream_has_ended = 1;
        joint->shutdown.data = joint;
        if (uv_shutdown(&joint->shutdown, (uv_stream_t *)&joint->tcp, tcp_shut) != 0)
            cut(joint);
    } else if (err != TH_AGAIN) {
        const char *said = th_stream_err(stream); /* by the other side, when it ended it */
        fprintf(stderr, "forward: the stream failed: %s\n", *said ? said : th_strerror(err));
        cut(joint);
    }
}

/* --- from the connection to the stream --- */

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct joint *joint = (struct joint *)handle->data;

    (void)size;
    *buffer = uv_buf_init(joint->from_tcp, CHUNK);
}

static void bring_to_stream(struct joint *joint)
{
    enum th_err err = TH_OK;
    size_t taken;

    while (err == TH_OK && joint->at < joint->len) {
        err = th_stream_write(joint->stream, joint->from_tcp + joint->at, joint->len - joint->at,
                              &taken);
        joint->at += err == TH_OK ? taken : 0;
    }
    if (err != TH_OK && err != TH_AGAIN)
        cut(joint);
}

static void tcp_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buffer)
{
    struct joint *joint = (struct joint *)tcp->data;

    (void)buffer;
    if (got == 0 || joint->stream == NULL)
        return;
    uv_read_stop(tcp);
    if (got == UV_EOF) {
        joint->tcp_has_ended = 1;
        th_stream_shutdown(joint->stream);
        cut_if_done(joint);
    } else if (got < 0) {
        cut(joint);
    } else {
        joint->at = 0;
        joint->len = (size_t)got;
        bring_to_stream(joint);
        if (joint->stream && joint->at == joint->len)
            uv_read_start(tcp, give_room, tcp_read);
    }
}

static void stream_has_room(struct th_stream *stream, void *data)
{
    struct joint *joint = (struct joint *)data;

    (void)stream;
    bring_to_stream(joint);
    if (joint->stream && joint->at == joint->len && joint->is_connected && !joint->tcp_has_ended)
        uv_read_start((uv_stream_t *)&joint->tcp, give_room, tcp_read);
}

static void begin(struct joint *joint)
{
    joint->is_connected = 1;
    uv_read_start((uv_stream_t *)&joint->tcp, give_room, tcp_read);
    bring_to_tcp(joint->stream, joint);
}

static const struct th_stream_cb callbacks = {bring_to_tcp, stream_has_room, stream_closed};

static struct joint *joint_new(uv_loop_t *loop)
{
    struct joint *joint = (struct joint *)calloc(1, sizeof *joint);

    if (joint == NULL)
        return NULL;
    joint->tcp.data = joint;
    joint->open_sides = 1; /* the connection */
    if (uv_tcp_init(loop, &joint->tcp) == 0)
        return joint;
    free(joint);
    return NULL;
}

/* --- both ends --- */

static void tcp_connected(uv_connect_t *connect, int status)
{
    struct joint *joint = (struct joint *)connect->data;

    if (joint->stream == NULL)
        return; /* it was cut */
    if (status == 0) {
        begin(joint);
        return;
    }
    fprintf(stderr, "forward: the server cannot be reached: %s\n", uv_strerror(status));
    th_stream_reset(joint->stream, "the server cannot be reached");
    cut(joint);
}

/* Beside the server: somebody opens a stream. */
static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    const struct forward *forward = (const struct forward *)data;
    struct joint *joint = joint_new(forward->listener.loop);
    struct sockaddr_in address;

    (void)node;
    printf("connection from %s\n", incoming->hashname);
    if (joint == NULL)
        return; /* refused */
    joint->connect.data = joint;
    uv_ip4_addr("127.0.0.1", forward->port, &address);
    if (th_stream_accept(incoming, &callbacks, joint, &joint->stream) == TH_OK) {
        joint->open_sides++;
        if (uv_tcp_connect(&joint->connect, &joint->tcp, (const struct sockaddr *)&address,
                           tcp_connected) == 0)
            return;
    }
    cut(joint);
}

/* At the other end: somebody connects. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct forward *forward = (struct forward *)listener->data;
    struct joint *joint = status == 0 ? joint_new(listener->loop) : NULL;

    if (joint == NULL)
        return;
    if (uv_accept(listener, (uv_stream_t *)&joint->tcp) == 0 &&
        th_stream_open(forward->node, forward->hashname, "sock", &callbacks, joint,
                       &joint->stream) == TH_OK) {
        joint->open_sides++;
        begin(joint);
    } else {
        cut(joint);
    }
}

static void end(struct forward *forward)
{
    if (forward->is_ending)
        return;
    forward->is_ending = 1;
    uv_close((uv_handle_t *)&forward->listener, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&forward->signals[i], NULL);
    th_node_close(forward->node, NULL,
                  NULL); /* closes its streams; then the loop runs out of work */
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    end((struct forward *)signal->data);
}

static void listen_on_port(struct forward *forward)
{
    struct sockaddr_in address;
    int len = sizeof address;

    uv_ip4_addr("127.0.0.1", forward->port, &address);
    int err = uv_tcp_bind(&forward->listener, (const struct sockaddr *)&address, 0);
    if (err == 0)
        err = uv_listen((uv_stream_t *)&forward->listener, 16, on_connection);
    if (err == 0)
        err = uv_tcp_getsockname(&forward->listener, (struct sockaddr *)&address, &len);
    if (err == 0) {
        printf("listening on port %d\n", ntohs(address.sin_port));
        return;
    }
    fprintf(stderr, "forward: port %d: %s\n", forward->port, uv_strerror(err));
    forward->has_failed = 1;
    end(forward);
}

/* Who has not joined yet finds nobody. */
static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct forward *forward = (struct forward *)data;

    (void)node;
    if (event->kind != TH_EVENT_STATE || event->state != TH_STATE_READY || forward->is_listening ||
        forward->hashname == NULL)
        return;
    forward->is_listening = 1;
    listen_on_port(forward);
}

static void begin_loop(uv_loop_t *loop, struct forward *forward)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    uv_tcp_init(loop, &forward->listener);
    forward->listener.data = forward;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &forward->signals[i]);
        forward->signals[i].data = forward;
        uv_signal_start(&forward->signals[i], on_signal, numbers[i]);
    }
}

static enum th_err begin_node(uv_loop_t *loop, struct forward *forward, const char *seeds)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    char entry[4096];
    size_t len = sizeof entry;

    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = seeds;
    options.seeds_len = seeds ? strlen(seeds) : 0;
    enum th_err err = th_node_new(&forward->node, &options);
    if (err == TH_OK && forward->hashname == NULL)
        err = th_node_listen(forward->node, "sock", on_incoming, forward);
    if (err == TH_OK && forward->hashname == NULL)
        err = th_node_listen(forward->node, "_sock", on_incoming, forward);
    if (err == TH_OK)
        err = th_node_start(forward->node, loop, on_event, forward);
    if (err == TH_OK && forward->hashname == NULL)
        err = th_node_seeds_entry(forward->node, entry, &len);
    if (err == TH_OK && forward->hashname == NULL)
        printf("hashname %s\n%s", th_node_hashname(forward->node), entry);
    return err;
}

int main(int argc, char **argv)
{
    static struct forward forward;
    uv_loop_t *loop = uv_default_loop();

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: forward PORT [ENTRY HASHNAME]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    forward.port = atoi(argv[1]);
    forward.hashname = argc == 4 ? argv[3] : NULL;
    begin_loop(loop, &forward);
    enum th_err err = begin_node(loop, &forward, argc == 4 ? argv[2] : NULL);
    if (err != TH_OK) {
        fprintf(stderr, "forward: %s\n", th_strerror(err));
        forward.has_failed = 1;
        end(&forward);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    return forward.has_failed;
}

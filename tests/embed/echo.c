/*
 * Streams in a program of their own: one sends lines, the other one sends them back.
 *
 *     cc -o echo echo.c $(pkg-config --cflags --libs telehash)
 *     ./echo                    takes streams; prints how others join through it
 *     ./echo ENTRY HASHNAME     joins with what the first printed, sends what it reads from standard
 *                               input there and prints what comes back
 *
 * The first ends when its input does (Ctrl-D), the second when all of its own came back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <telehash/telehash.h>

enum { CHUNK = 65536 };

/* --- who echoes --- */

struct echo {
    char bytes[CHUNK];
    size_t len, at; /* of bytes: read; written back */
};

static void echo_on(struct th_stream *stream, void *data)
{
    struct echo *echo = (struct echo *)data;
    enum th_err err = TH_OK;
    size_t n;

    while (err == TH_OK) {
        if (echo->at < echo->len) {
            err = th_stream_write(stream, echo->bytes + echo->at, echo->len - echo->at, &n);
            echo->at += err == TH_OK ? n : 0;
        } else {
            echo->at = echo->len = 0;
            err = th_stream_read(stream, echo->bytes, sizeof echo->bytes, &echo->len);
        }
    }
    if (err == TH_AGAIN)
        return; /* on_readable or on_writable comes */
    if (err == TH_EOF)
        th_stream_shutdown(stream);
    th_stream_close(stream);
}

static void echo_closed(struct th_stream *stream, enum th_err why, void *data)
{
    (void)stream;
    printf("closed: %s\n", th_strerror(why));
    free(data);
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    static const struct th_stream_cb callbacks = {echo_on, echo_on, echo_closed};
    struct echo *echo = (struct echo *)calloc(1, sizeof *echo);
    struct th_stream *stream;

    (void)node, (void)data;
    printf("stream from %s\n", incoming->hashname);
    if (echo == NULL || th_stream_accept(incoming, &callbacks, echo, &stream) != TH_OK)
        free(echo); /* not taken: refused */
}

/* --- who sends --- */

struct sender {
    uv_sem_t ready, room, done, closed;
    enum th_err why;
};

static void print_all(struct th_stream *stream, void *data)
{
    struct sender *sender = (struct sender *)data;
    char bytes[CHUNK];
    size_t len;
    enum th_err err;

    while ((err = th_stream_read(stream, bytes, sizeof bytes, &len)) == TH_OK)
        fwrite(bytes, 1, len, stdout);
    if (err == TH_AGAIN)
        return;
    sender->why = err == TH_EOF ? TH_OK : err;
    uv_sem_post(&sender->done);
    uv_sem_post(&sender->room);
}

static void has_room(struct th_stream *stream, void *data)
{
    (void)stream;
    uv_sem_post(&((struct sender *)data)->room);
}

static void is_closed(struct th_stream *stream, enum th_err why, void *data)
{
    (void)stream, (void)why;
    uv_sem_post(&((struct sender *)data)->closed);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY && data)
        uv_sem_post(&((struct sender *)data)->ready);
}

/* On the main thread; a write that finds no room waits for has_room. */
static enum th_err send_input(struct th_node *node, const char *hashname, struct sender *sender)
{
    static const struct th_stream_cb callbacks = {print_all, has_room, is_closed};
    struct th_stream *stream;
    static char bytes[CHUNK];
    size_t len, taken;

    uv_sem_wait(&sender->ready);
    enum th_err err = th_stream_open(node, hashname, "_echo", &callbacks, sender, &stream);
    if (err != TH_OK)
        return err;
    while (err == TH_OK && (len = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
        for (size_t at = 0; at < len && err == TH_OK; at += taken) {
            taken = 0;
            err = th_stream_write(stream, bytes + at, len - at, &taken);
            if (err == TH_AGAIN) {
                uv_sem_wait(&sender->room);
                err = TH_OK;
            }
        }
    }
    th_stream_shutdown(stream); /* harmless when it has failed */
    uv_sem_wait(&sender->done);
    th_stream_close(stream); /* not sooner: it is ours until then, whatever happens to it */
    uv_sem_wait(&sender->closed);
    return sender->why;
}

int main(int argc, char **argv)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    struct th_node *node = NULL;
    static struct sender sender;
    char entry[4096];
    size_t len = sizeof entry;
    int sends = argc > 2;

    uv_sem_init(&sender.ready, 0);
    uv_sem_init(&sender.room, 0);
    uv_sem_init(&sender.done, 0);
    uv_sem_init(&sender.closed, 0);
    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = argc > 1 ? argv[1] : NULL;
    options.seeds_len = argc > 1 ? strlen(argv[1]) : 0;

    enum th_err err = th_node_new(&node, &options);
    if (err == TH_OK && !sends)
        err = th_node_listen(node, "_echo", on_incoming, NULL);
    if (err == TH_OK)
        err = th_node_start(node, NULL, on_event, &sender);
    if (err == TH_OK && sends)
        err = send_input(node, argv[2], &sender);
    if (err == TH_OK && !sends)
        err = th_node_seeds_entry(node, entry, &len);
    if (err == TH_OK && !sends) {
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
        printf("hashname %s\n%s", th_node_hashname(node), entry);
        while (getchar() != EOF)
            continue;
    }
    if (err != TH_OK)
        fprintf(stderr, "echo: %s\n", th_strerror(err));
    th_node_close(node, NULL, NULL); /* waits until all is over */
    return err == TH_OK ? 0 : 1;
}

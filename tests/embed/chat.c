/*
 * A chat of two, on the program's own uv loop: what one types the other reads.
 *
 *     cc -o chat chat.c $(pkg-config --cflags --libs telehash)
 *     ./chat                    waits for one who comes; prints how others join through it
 *     ./chat ENTRY HASHNAME     joins with what the first printed, and talks to it
 *
 * It ends when either of the two has no more to say (Ctrl-D). Standard input: a terminal or a pipe.
 */
#include <stdio.h>
#include <string.h>

#include <telehash/telehash.h>

enum { OUT_MAX = 65536 };

struct chat {
    uv_loop_t loop;
    union {
        uv_stream_t stream;
        uv_tty_t tty;
        uv_pipe_t pipe;
    } input;
    struct th_node *node;
    struct th_stream *stream; /* to the other; NULL: nobody is there */
    const char *hashname;     /* whom we call; NULL: we wait */
    char out[OUT_MAX];        /* typed, and not handed over yet */
    size_t out_len;
    int is_input_over, is_over;
    enum th_err why;
};

/* --- the end ------------------------------------------------------------------------------------------- */

static void leave(struct chat *chat, enum th_err why)
{
    if (chat->is_over)
        return;
    chat->is_over = 1;
    chat->why = why;
    uv_close((uv_handle_t *)&chat->input.stream, NULL);
    th_node_close(chat->node, NULL, NULL); /* the loop ends when all of it is closed */
}

static void on_stream_closed(struct th_stream *stream, enum th_err why, void *data)
{
    struct chat *chat = (struct chat *)data;

    (void)stream, (void)why;
    chat->stream = NULL;
    leave(chat, chat->why);
}

/* --- what we say --------------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *input, size_t wanted, uv_buf_t *buf);
static void on_typed(uv_stream_t *input, ssize_t len, const uv_buf_t *buf);

static void hand_over(struct chat *chat)
{
    enum th_err err = TH_OK;
    size_t taken;

    while (chat->stream && chat->out_len > 0 && err == TH_OK) {
        err = th_stream_write(chat->stream, chat->out, chat->out_len, &taken);
        if (err == TH_OK) {
            chat->out_len -= taken;
            memmove(chat->out, chat->out + taken, chat->out_len);
        }
    }
    if (chat->stream && chat->is_input_over && chat->out_len == 0)
        th_stream_shutdown(chat->stream); /* the other reads our end, and ends too */
    if (!chat->is_input_over && !chat->is_over && chat->out_len < OUT_MAX)
        uv_read_start(&chat->input.stream, on_room, on_typed); /* harmless when it reads */
}

/* As much as there is room for: who types faster than the other reads has to wait. */
static void on_room(uv_handle_t *input, size_t wanted, uv_buf_t *buf)
{
    struct chat *chat = (struct chat *)input->data;

    (void)wanted;
    *buf = uv_buf_init(chat->out + chat->out_len, (unsigned)(OUT_MAX - chat->out_len));
}

static void on_typed(uv_stream_t *input, ssize_t len, const uv_buf_t *buf)
{
    struct chat *chat = (struct chat *)input->data;

    (void)buf; /* it lies in chat->out, where it belongs */
    if (len > 0)
        chat->out_len += (size_t)len;
    chat->is_input_over = len < 0 && len != UV_ENOBUFS;
    if (chat->is_input_over || chat->out_len == OUT_MAX)
        uv_read_stop(input);
    if (chat->is_input_over && chat->stream == NULL)
        leave(chat, TH_OK);
    hand_over(chat);
}

static void on_writable(struct th_stream *stream, void *data)
{
    struct chat *chat = (struct chat *)data;

    (void)stream;
    hand_over(chat);
}

/* --- what the other says ------------------------------------------------------------------------------- */

static void on_readable(struct th_stream *stream, void *data)
{
    struct chat *chat = (struct chat *)data;
    char bytes[4096];
    size_t len;
    enum th_err err;

    while ((err = th_stream_read(stream, bytes, sizeof bytes, &len)) == TH_OK)
        fwrite(bytes, 1, len, stdout);
    fflush(stdout);
    if (err == TH_AGAIN)
        return;
    chat->why = err == TH_EOF ? TH_OK : err;
    if (err == TH_EOF)
        printf("* the other has left\n");
    th_stream_shutdown(stream);
    th_stream_close(stream); /* what we said before is still sent */
}

static const struct th_stream_cb callbacks = {on_readable, on_writable, on_stream_closed};

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    struct chat *chat = (struct chat *)data;

    (void)node;
    if (chat->stream || chat->is_over)
        return; /* a chat of two: refused */
    if (th_stream_accept(incoming, &callbacks, chat, &chat->stream) == TH_OK)
        printf("* %s is here\n", incoming->hashname);
    hand_over(chat);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct chat *chat = (struct chat *)data;
    enum th_err err;

    if (event->kind != TH_EVENT_STATE || event->state != TH_STATE_READY || chat->hashname == NULL ||
        chat->stream)
        return;
    err = th_stream_open(node, chat->hashname, "_chat", &callbacks, chat, &chat->stream);
    if (err != TH_OK)
        leave(chat, err);
    hand_over(chat);
}

/* --- beginning ----------------------------------------------------------------------------------------- */

static int open_input(struct chat *chat)
{
    uv_handle_type type = uv_guess_handle(0);

    if (type == UV_TTY && uv_tty_init(&chat->loop, &chat->input.tty, 0, 1) != 0)
        return 0;
    if (type == UV_NAMED_PIPE && (uv_pipe_init(&chat->loop, &chat->input.pipe, 0) != 0 ||
                                  uv_pipe_open(&chat->input.pipe, 0) != 0))
        return 0;
    chat->input.stream.data = chat;
    return (type == UV_TTY || type == UV_NAMED_PIPE) &&
           uv_read_start(&chat->input.stream, on_room, on_typed) == 0;
}

static enum th_err begin(struct chat *chat, const char *entry)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    char own_entry[4096];
    size_t len = sizeof own_entry;

    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    enum th_err err = th_node_new(&chat->node, &options);
    if (err == TH_OK)
        err = th_node_listen(chat->node, "_chat", on_incoming, chat);
    if (err == TH_OK)
        err = th_node_start(chat->node, &chat->loop, on_event, chat);
    if (err == TH_OK)
        err = th_node_seeds_entry(chat->node, own_entry, &len);
    if (err == TH_OK && entry == NULL)
        printf("hashname %s\n%s", th_node_hashname(chat->node), own_entry);
    return err;
}

int main(int argc, char **argv)
{
    static struct chat chat;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    uv_loop_init(&chat.loop);
    if (!open_input(&chat)) {
        fprintf(stderr, "chat: standard input must be a terminal or a pipe\n");
        return 2;
    }
    chat.hashname = argc > 2 ? argv[2] : NULL;
    enum th_err err = begin(&chat, argc > 2 ? argv[1] : NULL);
    if (err != TH_OK)
        leave(&chat, err);
    uv_run(&chat.loop, UV_RUN_DEFAULT);
    if (chat.why != TH_OK)
        fprintf(stderr, "chat: %s\n", th_strerror(chat.why));
    return uv_loop_close(&chat.loop) == 0 && chat.why == TH_OK ? 0 : 1;
}

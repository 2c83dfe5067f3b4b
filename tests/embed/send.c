/*
 * Sends a file to a hashname, with a bar that shows how far it is.
 *
 *     cc -o send send.c $(pkg-config --cflags --libs telehash)
 *     ./send FOLDER                   takes files into a folder; prints how others join through it
 *     ./send ENTRY HASHNAME FILE      joins with what the first printed, and sends a file there
 *
 * On the stream: "SIZE NAME\n" and the bytes; the answer is "ok\n", once they are in a file. A file that is there
 * is never written over. The first ends when its standard input does (Ctrl-D).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <telehash/telehash.h>

enum { CHUNK = 65536, NAME_LEN_MAX = 200, PATH_LEN_MAX = 1024 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* --- who takes ----------------------------------------------------------------------------------------- */

struct taker {
    const char *folder;
    char head[NAME_LEN_MAX + 32]; /* the first line */
    size_t head_len;
    FILE *file; /* NULL: the first line is not whole yet */
    char path[PATH_LEN_MAX];
    unsigned long long size, got;
};

/* Opens the file of the first line. Returns what is wrong with it; NULL: nothing. */
static const char *open_file(struct taker *taker)
{
    char *name;

    taker->size = strtoull(taker->head, &name, 10);
    if (name == taker->head || *name++ != ' ' || *name == '\0' || *name == '.' || strchr(name, '/'))
        return "no size and name";
    snprintf(taker->path, sizeof taker->path, "%s/%s", taker->folder, name);
    taker->file = fopen(taker->path, "wxb"); /* only a new one */
    return taker->file ? NULL : "there is a file of that name, or it cannot be made";
}

/* Returns what is wrong; NULL: nothing. */
static const char *take_bytes(struct taker *taker, const char *bytes, size_t len)
{
    const char *wrong = NULL;

    while (taker->file == NULL && len > 0 && wrong == NULL) {
        char c = *bytes++;
        len--;
        if (c == '\n')
            wrong = open_file(taker);
        else if (taker->head_len + 1 == sizeof taker->head)
            wrong = "a first line too long";
        else
            taker->head[taker->head_len++] = c;
    }
    if (wrong || len == 0)
        return wrong;
    taker->got += len;
    return fwrite(bytes, 1, len, taker->file) == len ? NULL : "the disk does not take it";
}

static void answer(struct th_stream *stream, struct taker *taker)
{
    size_t taken;
    int is_whole = taker->file && taker->got == taker->size;

    if (taker->file && fclose(taker->file) != 0)
        is_whole = 0;
    taker->file = NULL;
    if (is_whole && th_stream_write(stream, "ok\n", 3, &taken) == TH_OK)
        printf("took %s, %llu bytes\n", base_name(taker->path), taker->size);
    else
        th_stream_reset(stream, "the file is not whole");
    th_stream_shutdown(stream);
    th_stream_close(stream);
}

static void on_bytes(struct th_stream *stream, void *data)
{
    struct taker *taker = (struct taker *)data;
    static char bytes[CHUNK]; /* callbacks never run at the same time */
    const char *wrong = NULL;
    size_t len;
    enum th_err err;

    while (wrong == NULL && (err = th_stream_read(stream, bytes, sizeof bytes, &len)) == TH_OK)
        wrong = take_bytes(taker, bytes, len);
    if (wrong) {
        th_stream_reset(stream, wrong);
        th_stream_close(stream);
    } else if (err == TH_EOF) {
        answer(stream, taker);
    } else if (err != TH_AGAIN) {
        th_stream_close(stream);
    }
}

static void on_taker_closed(struct th_stream *stream, enum th_err why, void *data)
{
    struct taker *taker = (struct taker *)data;

    (void)stream, (void)why;
    if (taker->file) { /* it never became whole */
        fclose(taker->file);
        remove(taker->path);
    }
    free(taker);
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    static const struct th_stream_cb callbacks = {on_bytes, NULL, on_taker_closed};
    struct taker *taker = (struct taker *)calloc(1, sizeof *taker);
    struct th_stream *stream;

    (void)node;
    if (taker)
        taker->folder = (const char *)data;
    if (taker == NULL || th_stream_accept(incoming, &callbacks, taker, &stream) != TH_OK)
        free(taker);
}

/* --- who sends ----------------------------------------------------------------------------------------- */

struct sender {
    uv_sem_t ready, room, answered, closed;
    char answer[4];
    size_t answer_len;
    enum th_err why;
    char words[64]; /* of the other side */
};

static void on_answer(struct th_stream *stream, void *data)
{
    struct sender *sender = (struct sender *)data;
    char *end = sender->answer + sender->answer_len;
    size_t len = 0;
    enum th_err err;

    while ((err = th_stream_read(stream, end, sizeof sender->answer - sender->answer_len, &len)) ==
           TH_OK) {
        sender->answer_len += len;
        end += len;
        if (sender->answer_len == sizeof sender->answer)
            break; /* more than "ok\n" */
    }
    if (err == TH_AGAIN)
        return;
    sender->why = err == TH_EOF ? TH_OK : err == TH_OK ? TH_FORMAT : err;
    snprintf(sender->words, sizeof sender->words, "%s", th_stream_err(stream));
    uv_sem_post(&sender->answered);
    uv_sem_post(&sender->room);
}

static void has_room(struct th_stream *stream, void *data)
{
    (void)stream;
    uv_sem_post(&((struct sender *)data)->room);
}

static void on_sender_closed(struct th_stream *stream, enum th_err why, void *data)
{
    (void)stream, (void)why;
    uv_sem_post(&((struct sender *)data)->closed);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        uv_sem_post(&((struct sender *)data)->ready);
}

static void show(unsigned long long sent, unsigned long long size)
{
    static const char done[] = "########################################";
    static int shown = -1;
    int percent = size > 0 ? (int)(100 * sent / size) : 100;

    if (percent == shown)
        return;
    shown = percent;
    fprintf(stderr, "\r[%-40.*s] %3d %%  %llu of %llu bytes", percent * 40 / 100, done, percent,
            sent, size);
    if (percent == 100)
        fprintf(stderr, "\n");
}

/* Waits for has_room when there is none. */
static enum th_err send_all(struct th_stream *stream, struct sender *sender, const char *bytes,
                            size_t len)
{
    enum th_err err = TH_OK;
    size_t taken;

    for (size_t at = 0; at < len && err == TH_OK;) {
        err = th_stream_write(stream, bytes + at, len - at, &taken);
        if (err == TH_OK) {
            at += taken;
        } else if (err == TH_AGAIN) {
            uv_sem_wait(&sender->room);
            err = TH_OK;
        }
    }
    return err;
}

static enum th_err send_file(struct th_stream *stream, struct sender *sender, FILE *file,
                             const char *name)
{
    static char bytes[CHUNK];
    unsigned long long size, sent = 0;
    enum th_err err;
    size_t len;

    fseek(file, 0, SEEK_END);
    size = (unsigned long long)ftell(file);
    rewind(file);
    snprintf(bytes, sizeof bytes, "%llu %.*s\n", size, NAME_LEN_MAX, name);
    err = send_all(stream, sender, bytes, strlen(bytes));
    while (err == TH_OK && (len = fread(bytes, 1, sizeof bytes, file)) > 0) {
        err = send_all(stream, sender, bytes, len);
        sent += len;
        show(sent, size);
    }
    th_stream_shutdown(stream);
    uv_sem_wait(&sender->answered);
    th_stream_close(stream);
    uv_sem_wait(&sender->closed);
    if (sender->why == TH_OK && (sender->answer_len != 3 || memcmp(sender->answer, "ok\n", 3) != 0))
        return TH_FORMAT;
    return sender->why;
}

static enum th_err send_to(struct th_node *node, const char *hashname, const char *path,
                           struct sender *sender)
{
    static const struct th_stream_cb callbacks = {on_answer, has_room, on_sender_closed};
    struct th_stream *stream;
    FILE *file = fopen(path, "rb");
    enum th_err err;

    if (file == NULL)
        return TH_NO_ENTRY;
    uv_sem_wait(&sender->ready);
    err = th_stream_open(node, hashname, "_file", &callbacks, sender, &stream);
    if (err == TH_OK)
        err = send_file(stream, sender, file, base_name(path));
    fclose(file);
    return err;
}

/* --- beginning ----------------------------------------------------------------------------------------- */

static enum th_err run_taker(struct th_node *node)
{
    char entry[4096];
    size_t len = sizeof entry;
    enum th_err err = th_node_seeds_entry(node, entry, &len);

    if (err != TH_OK)
        return err;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    printf("hashname %s\n%s", th_node_hashname(node), entry);
    while (getchar() != EOF)
        continue;
    return TH_OK;
}

int main(int argc, char **argv)
{
    static const char *const addresses[] = {"127.0.0.1:0"}; /* without: all, port 42424 */
    struct th_node_options options;
    struct th_node *node = NULL;
    static struct sender sender;
    int sends = argc == 4;

    if (argc != 2 && !sends) {
        fprintf(stderr, "usage: send FOLDER | send ENTRY HASHNAME FILE\n");
        return 2;
    }
    uv_sem_init(&sender.ready, 0);
    uv_sem_init(&sender.room, 0);
    uv_sem_init(&sender.answered, 0);
    uv_sem_init(&sender.closed, 0);
    th_node_options_init(&options, sizeof options);
    options.listen = addresses;
    options.listen_count = 1;
    options.seeds = sends ? argv[1] : NULL;
    options.seeds_len = sends ? strlen(argv[1]) : 0;

    enum th_err err = th_node_new(&node, &options);
    if (err == TH_OK && !sends)
        err = th_node_listen(node, "_file", on_incoming, argv[1]);
    if (err == TH_OK)
        err = th_node_start(node, NULL, on_event, &sender);
    if (err == TH_OK)
        err = sends ? send_to(node, argv[2], argv[3], &sender) : run_taker(node);
    if (err != TH_OK)
        fprintf(stderr, "send: %s%s%s\n", th_strerror(err), sender.words[0] ? ": " : "",
                sender.words);
    th_node_close(node, NULL, NULL); /* waits until all is over */
    return err == TH_OK ? 0 : 1;
}

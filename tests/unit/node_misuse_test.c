/*
 * The API's misuse table: every function with every wrong argument, and in every state in which it is of no
 * use. A function that telehash.h declares and that has no row here fails the test; that the library exports
 * what telehash.h declares is shown by embed/embed_test.py.
 */
#include "router/telehash.h"

#include <stdlib.h>

#include "tests/lib/misuse_rows.h"
#include "tests/lib/test_node.h"

static const char nobody[] = "1111111111111111111111111111111111111111111111111111111111111111";
static const char not_hex[] = "111111111111111111111111111111111111111111111111111111111111111g";

/* --- callbacks ----------------------------------------------------------------------------------------- */

static void on_done(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    (void)node, (void)result, (void)hashname, (void)data;
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    (void)node, (void)incoming, (void)data;
}

static void count(void *data)
{
    ++*(unsigned *)data;
}

static void on_stream_close(struct th_stream *stream, enum th_err why, void *data)
{
    (void)stream, (void)why;
    ++*(unsigned *)data;
}

static const struct th_stream_cb counts_close = {.on_close = on_stream_close};

static void on_chan_incoming(struct th_node *node, const struct th_chan_incoming *incoming,
                             void *data)
{
    (void)node, (void)incoming, (void)data;
}

static void on_chan_close(struct th_chan *chan, enum th_err why, void *data)
{
    (void)chan, (void)why;
    ++*(unsigned *)data;
}

static const struct th_chan_cb counts_chan_close = {.on_close = on_chan_close};

static enum th_err load(void *data, enum th_kept_part part, char *text, size_t *len)
{
    (void)data, (void)part, (void)text, (void)len;
    return TH_NO_ENTRY;
}

static enum th_err save(void *data, enum th_kept_part part, const char *text, size_t len)
{
    (void)data, (void)part, (void)text, (void)len;
    return TH_OK;
}

static struct th_node_options local_options(void)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    return options;
}

/* Runs a loop until something was counted. */
static void run_until(uv_loop_t *loop, const unsigned *what, unsigned n)
{
    uint64_t until = uv_hrtime() + TEST_WAIT_MS * UINT64_C(1000000);

    while (*what < n && uv_hrtime() < until)
        uv_run(loop, UV_RUN_ONCE);
    assert_true(*what >= n);
}

static void end_loop(uv_loop_t *loop)
{
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(loop), 0);
}

/* --- the table: without a node ------------------------------------------------------------------------- */

static void words_of_errors(void)
{
    ROW(th_strerror, "no error of ours", th_strerror((enum th_err)12345) != NULL, 1);
    ROW(th_strerror, "a negative one", th_strerror((enum th_err) - 1) != NULL, 1);
}

static void identities(void)
{
    struct th_identity *identity = NULL, *other = NULL;
    char json[512], hashname[TH_HASHNAME_SIZE] = "untouched";
    size_t len = sizeof json, small = 5;

    INVALID(th_identity_generate, "no out", th_identity_generate(NULL));
    assert_int_equal(th_identity_generate(&identity), TH_OK);
    INVALID(th_identity_export, "no identity", th_identity_export(NULL, json, &len));
    INVALID(th_identity_export, "no len", th_identity_export(identity, json, NULL));
    ROW(th_identity_export, "no room", th_identity_export(identity, json, &small), TH_TOO_BIG);
    assert_int_equal(th_identity_export(identity, json, &len), TH_OK);
    INVALID(th_identity_import, "no out", th_identity_import(NULL, json, len - 1));
    INVALID(th_identity_import, "no text", th_identity_import(&other, NULL, 5));
    ROW(th_identity_import, "an empty text", th_identity_import(&other, json, 0), TH_FORMAT);
    ROW(th_identity_import, "half a text", th_identity_import(&other, json, len / 2), TH_FORMAT);
    ROW(th_identity_import, "no keys", th_identity_import(&other, "{}", 2), TH_FORMAT);
    assert_null(other);
    IGNORED(th_identity_hashname, "no room", th_identity_hashname(identity, NULL));
    IGNORED(th_identity_hashname, "no identity", th_identity_hashname(NULL, hashname));
    assert_string_equal(hashname, "");
    IGNORED(th_identity_free, "no identity", th_identity_free(NULL));
    th_identity_free(identity);
}

static void addresses(void)
{
    static const char *const none[] = {NULL}, *const name[] = {"localhost:1"};
    static const char *const nine[] = {"[::]:1", "[::]:2", "[::]:3", "[::]:4", "[::]:5",
                                       "[::]:6", "[::]:7", "[::]:8", "[::]:9"};
    static const struct {
        const char *const *at;
        size_t count;
        const char *wrong;
    } rows[] = {{NULL, 1, "no addresses where there should be one"},
                {none, 1, "an address of NULL"},
                {name, 1, "a name for an address"},
                {nine, 9, "nine addresses"}};
    struct th_node *node = NULL;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct th_node_options options = local_options();
        options.listen = rows[i].at;
        options.listen_count = rows[i].count;
        INVALID(th_node_new, rows[i].wrong, th_node_new(&node, &options));
        options = local_options();
        options.advertise = rows[i].at;
        options.advertise_count = rows[i].count;
        INVALID(th_node_new, rows[i].wrong, th_node_new(&node, &options));
    }
    assert_null(node);
}

static void options_of_a_node(void)
{
    struct th_node_options good = local_options(), options = good;
    struct th_node *node = NULL;

    IGNORED(th_node_options_init, "no options", th_node_options_init(NULL, sizeof options));
    IGNORED(th_node_options_init, "no size", th_node_options_init(&options, 0));
    assert_memory_equal(&options, &good, sizeof good);
    IGNORED(th_node_options_init, "a size of no version",
            th_node_options_init(&options, sizeof options.size));
    INVALID(th_node_new, "options of no version", th_node_new(&node, &options));
    INVALID(th_node_new, "no out", th_node_new(NULL, &good));
    INVALID(th_node_new, "no options", th_node_new(&node, NULL));
    static const unsigned ks[] = {1, 65, 1000000}, links[] = {1, 4097, 4000000000};
    for (unsigned i = 0; i < 3; i++) {
        options = good;
        options.k = ks[i];
        INVALID(th_node_new, "k out of range", th_node_new(&node, &options));
        options = good;
        options.links_max = links[i];
        INVALID(th_node_new, "links_max out of range", th_node_new(&node, &options));
    }
    options = good;
    options.load = load;
    INVALID(th_node_new, "load without save", th_node_new(&node, &options));
    options = good;
    options.save = save;
    INVALID(th_node_new, "save without load", th_node_new(&node, &options));
    options = good;
    options.seeds = "";
    ROW(th_node_new, "seeds that are none", th_node_new(&node, &options), TH_FORMAT);
    assert_null(node);
}

static void no_node(void)
{
    struct th_stream *stream = NULL;
    char json[64];
    size_t len = sizeof json;

    ROW(th_node_hashname, "no node", th_node_hashname(NULL) == NULL, 1);
    INVALID(th_node_start, "no node", th_node_start(NULL, NULL, NULL, NULL));
    INVALID(th_node_seeds_entry, "no node", th_node_seeds_entry(NULL, json, &len));
    INVALID(th_node_connect, "no node", th_node_connect(NULL, nobody, 0, on_done, NULL));
    INVALID(th_node_listen, "no node", th_node_listen(NULL, "_a", on_incoming, NULL));
    INVALID(th_stream_open, "no node",
            th_stream_open(NULL, nobody, "_a", &counts_close, NULL, &stream));
    IGNORED(th_node_close, "no node", th_node_close(NULL, NULL, NULL));
    assert_null(stream);
}

static void no_stream(void)
{
    struct th_stream *stream = NULL;
    char byte = 0;
    size_t n = 77;

    INVALID(th_stream_accept, "nobody came", th_stream_accept(NULL, &counts_close, NULL, &stream));
    INVALID(th_stream_write, "no stream", th_stream_write(NULL, &byte, 1, &n));
    INVALID(th_stream_read, "no stream", th_stream_read(NULL, &byte, 1, &n));
    IGNORED(th_stream_shutdown, "no stream", th_stream_shutdown(NULL));
    IGNORED(th_stream_reset, "no stream", th_stream_reset(NULL, "x"));
    IGNORED(th_stream_close, "no stream", th_stream_close(NULL));
    ROW(th_stream_err, "no stream", th_stream_err(NULL)[0], 0);
    ROW(th_stream_peer, "no stream", th_stream_peer(NULL) == NULL, 1);
    assert_int_equal(n, 77);
    assert_null(stream);
}

static void no_chan(void)
{
    const struct th_chan_packet empty = {0};
    struct th_chan *chan = NULL;

    INVALID(th_chan_listen, "no node", th_chan_listen(NULL, "_a", on_chan_incoming, NULL));
    INVALID(th_chan_open, "no node",
            th_chan_open(NULL, nobody, "_a", NULL, &counts_chan_close, NULL, &chan));
    INVALID(th_chan_accept, "nobody came", th_chan_accept(NULL, &counts_chan_close, NULL, &chan));
    INVALID(th_chan_send, "no channel", th_chan_send(NULL, &empty));
    IGNORED(th_chan_close, "no channel", th_chan_close(NULL, "x"));
    ROW(th_chan_dropped, "no channel", th_chan_dropped(NULL), 0);
    ROW(th_chan_err, "no channel", th_chan_err(NULL)[0], 0);
    ROW(th_chan_peer, "no channel", th_chan_peer(NULL) == NULL, 1);
    assert_null(chan);
}

/* --- the table: by state of the node ------------------------------------------------------------------- */

static void wrong_types(struct th_node *node)
{
    static const char *const types[] = {
        NULL, "", "_", "echo", "link", "_a b", "_\"", "_\\", "_1234567890123456789012345678901"};
    struct th_stream *stream = NULL;
    struct th_chan *chan = NULL;
    unsigned closed = 0;

    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        INVALID(th_node_listen, "no such type", th_node_listen(node, types[i], on_incoming, NULL));
        INVALID(th_stream_open, "no such type",
                th_stream_open(node, nobody, types[i], &counts_close, &closed, &stream));
        INVALID(th_chan_listen, "no such type",
                th_chan_listen(node, types[i], on_chan_incoming, NULL));
        INVALID(th_chan_open, "no such type",
                th_chan_open(node, nobody, types[i], NULL, &counts_chan_close, &closed, &chan));
    }
    assert_null(stream);
    assert_null(chan);
}

static void wrong_hashnames(struct th_node *node)
{
    const char *const names[] = {NULL, "", "abc", not_hex, &nobody[1], th_node_hashname(node)};
    struct th_stream *stream = NULL;
    struct th_chan *chan = NULL;

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        INVALID(th_chan_open, "no hashname, or the node's own",
                th_chan_open(node, names[i], "_a", NULL, &counts_chan_close, NULL, &chan));
        INVALID(th_node_connect, "no hashname, or the node's own",
                th_node_connect(node, names[i], 0, on_done, NULL));
        INVALID(th_stream_open, "no hashname, or the node's own",
                th_stream_open(node, names[i], "_a", &counts_close, NULL, &stream));
    }
    assert_null(stream);
    assert_null(chan);
}

/* What a node that does not run, or does not any more, cannot do. */
static void no_work(struct th_node *node, const char *when)
{
    struct th_stream *stream = NULL;
    struct th_chan *chan = NULL;
    char json[TEST_ENTRY_MAX];
    size_t len = sizeof json;

    INVALID(th_node_connect, when, th_node_connect(node, nobody, 0, on_done, NULL));
    INVALID(th_stream_open, when, th_stream_open(node, nobody, "_a", &counts_close, NULL, &stream));
    INVALID(th_chan_open, when,
            th_chan_open(node, nobody, "_a", NULL, &counts_chan_close, NULL, &chan));
    INVALID(th_node_seeds_entry, when, th_node_seeds_entry(node, json, &len));
    assert_null(stream);
    assert_null(chan);
}

static void arguments_of_streams(struct th_node *node, unsigned *closed)
{
    struct th_stream *stream = NULL;
    char bytes[4] = "abc";
    size_t n = 77;

    INVALID(th_stream_open, "no callbacks",
            th_stream_open(node, nobody, "_a", NULL, closed, &stream));
    INVALID(th_stream_open, "no out",
            th_stream_open(node, nobody, "_a", &counts_close, closed, NULL));
    assert_int_equal(th_stream_open(node, nobody, "_a", &counts_close, closed, &stream), TH_OK);
    INVALID(th_stream_write, "no bytes", th_stream_write(stream, NULL, 1, &n));
    INVALID(th_stream_write, "0 bytes", th_stream_write(stream, bytes, 0, &n));
    INVALID(th_stream_write, "no taken", th_stream_write(stream, bytes, 1, NULL));
    INVALID(th_stream_read, "no buffer", th_stream_read(stream, NULL, 1, &n));
    INVALID(th_stream_read, "no room", th_stream_read(stream, bytes, 0, &n));
    INVALID(th_stream_read, "no got", th_stream_read(stream, bytes, 1, NULL));
    ROW(th_stream_read, "nothing came", th_stream_read(stream, bytes, 1, &n), TH_AGAIN);
    th_stream_shutdown(stream);
    IGNORED(th_stream_shutdown, "twice", th_stream_shutdown(stream));
    INVALID(th_stream_write, "after shutdown", th_stream_write(stream, bytes, 1, &n));
    IGNORED(th_stream_reset, "no words", th_stream_reset(stream, NULL));
    IGNORED(th_stream_reset, "twice", th_stream_reset(stream, "again"));
    ROW(th_stream_read, "after reset", th_stream_read(stream, bytes, 1, &n), TH_CANCELLED);
    th_stream_close(stream);
    IGNORED(th_stream_close, "twice", th_stream_close(stream));
    IGNORED(th_stream_reset, "after close", th_stream_reset(stream, "late"));
    IGNORED(th_stream_shutdown, "after close", th_stream_shutdown(stream));
    INVALID(th_stream_write, "after close", th_stream_write(stream, bytes, 1, &n));
    INVALID(th_stream_read, "after close", th_stream_read(stream, bytes, 1, &n));
    assert_int_equal(n, 77);
}

/* What th_chan_open and th_chan_send say of a packet. */
static const struct {
    struct th_chan_packet packet;
    const char *wrong;
    enum th_err err;
} bad_packets[] = {
    {{.body = nobody, .body_len = TH_CHAN_PACKET_MAX + 1}, "a body too large", TH_TOO_BIG},
    {{.json = nobody, .json_len = TH_CHAN_PACKET_MAX + 1}, "a JSON too large", TH_TOO_BIG},
    {{.json = "{}", .json_len = 2, .body = nobody, .body_len = TH_CHAN_PACKET_MAX - 1},
     "both together too large",
     TH_TOO_BIG},
    {{.json = "", .json_len = 0}, "an empty JSON", TH_INVALID},
    {{.json = "[1]", .json_len = 3}, "a list", TH_INVALID},
    {{.json = "1", .json_len = 1}, "a number", TH_INVALID},
    {{.json = "{}}", .json_len = 3}, "more than an object", TH_INVALID},
    {{.json = "{}\0", .json_len = 3}, "a 0 behind an object", TH_INVALID},
    {{.json = "{\"a\":\"\xff\"}", .json_len = 9}, "no UTF-8", TH_INVALID},
    {{.json = "{},\"end\":true", .json_len = 13}, "members of the head", TH_INVALID},
};

static void arguments_of_chans(struct th_node *node, unsigned *closed)
{
    struct th_chan_packet empty = {0};
    struct th_chan *chan = NULL;

    INVALID(th_chan_open, "no callbacks",
            th_chan_open(node, nobody, "_a", NULL, NULL, closed, &chan));
    INVALID(th_chan_open, "no out",
            th_chan_open(node, nobody, "_a", NULL, &counts_chan_close, closed, NULL));
    for (unsigned i = 0; i < sizeof bad_packets / sizeof *bad_packets; i++)
        ROW(th_chan_open, bad_packets[i].wrong,
            th_chan_open(node, nobody, "_a", &bad_packets[i].packet, &counts_chan_close, closed,
                         &chan),
            bad_packets[i].err);
    assert_null(chan);
    assert_int_equal(th_chan_open(node, nobody, "_a", NULL, &counts_chan_close, closed, &chan),
                     TH_OK);
    INVALID(th_chan_send, "no packet", th_chan_send(chan, NULL));
    for (unsigned i = 0; i < sizeof bad_packets / sizeof *bad_packets; i++)
        ROW(th_chan_send, bad_packets[i].wrong, th_chan_send(chan, &bad_packets[i].packet),
            bad_packets[i].err);
    for (unsigned i = 1; i < TH_CHAN_WAITING_MAX; i++)
        assert_int_equal(th_chan_send(chan, &empty), TH_OK);
    ROW(th_chan_send, "as many wait as may", th_chan_send(chan, &empty), TH_AGAIN);
    th_chan_close(chan, NULL);
    IGNORED(th_chan_close, "twice", th_chan_close(chan, "late"));
    INVALID(th_chan_send, "after close", th_chan_send(chan, &empty));

    empty.is_end = 1;
    assert_int_equal(th_chan_open(node, nobody, "_a", &empty, &counts_chan_close, closed, &chan),
                     TH_OK);
    INVALID(th_chan_send, "after an end", th_chan_send(chan, &empty));
    th_chan_close(chan, "with words");
}

static void node_before_and_after_its_start(void)
{
    struct th_node_options options = local_options();
    struct th_node *node;
    unsigned closed = 0, stream_closed = 0, chan_closed = 0;
    char json[8];
    size_t len = sizeof json;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_node_new(&node, &options), TH_OK);

    no_work(node, "not started");
    wrong_types(node);
    wrong_hashnames(node);
    ROW(th_node_listen, "takes none, of a type that was never taken",
        th_node_listen(node, "_never", NULL, NULL), TH_OK);
    ROW(th_chan_listen, "takes none, of a type that was never taken",
        th_chan_listen(node, "_never", NULL, NULL), TH_OK);

    assert_int_equal(th_node_start(node, &loop, NULL, NULL), TH_OK);
    INVALID(th_node_start, "started", th_node_start(node, &loop, NULL, NULL));
    INVALID(th_node_start, "started, on a loop", th_node_start(node, NULL, NULL, NULL));
    wrong_types(node);
    wrong_hashnames(node);
    ROW(th_node_connect, "nobody listens", th_node_connect(node, nobody, 1, NULL, NULL), TH_OK);
    INVALID(th_node_seeds_entry, "no len", th_node_seeds_entry(node, json, NULL));
    ROW(th_node_seeds_entry, "no room", th_node_seeds_entry(node, json, &len), TH_TOO_BIG);
    arguments_of_streams(node, &stream_closed);
    arguments_of_chans(node, &chan_closed);
    run_until(&loop, &stream_closed, 1);
    run_until(&loop, &chan_closed, 2);

    th_node_close(node, count, &closed);
    no_work(node, "closed");
    INVALID(th_node_start, "closed", th_node_start(node, &loop, NULL, NULL));
    INVALID(th_node_listen, "closed", th_node_listen(node, "_a", on_incoming, NULL));
    INVALID(th_chan_listen, "closed", th_chan_listen(node, "_a", on_chan_incoming, NULL));
    IGNORED(th_node_close, "closed", th_node_close(node, count, &closed));
    end_loop(&loop);
    assert_int_equal(closed, 1);
    assert_int_equal(stream_closed, 1);
    assert_int_equal(chan_closed, 2);
}

/* A node whose start was refused. */
static void node_that_could_not_start(void)
{
    static const char *const listen[] = {"192.0.2.1:1"}; /* not an address of this machine */
    struct th_node_options options = local_options();
    struct th_node *node;
    options.listen = listen;
    assert_int_equal(th_node_new(&node, &options), TH_OK);

    ROW(th_node_start, "an address of another machine", th_node_start(node, NULL, NULL, NULL),
        TH_NOT_FOUND);
    no_work(node, "its start was refused");
    ROW(th_node_start, "once more", th_node_start(node, NULL, NULL, NULL), TH_NOT_FOUND);
    th_node_close(node, NULL, NULL);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        ++*(unsigned *)data;
}

/* --- the table: somebody opens a stream or a channel ---------------------------------------------------------------- */

struct acceptor {
    unsigned accepted, closed;
    struct th_stream *stream;
    struct th_chan *chan;
};

static void accept_chan_wrongly(struct th_node *node, const struct th_chan_incoming *incoming,
                                void *data)
{
    struct acceptor *a = data;
    struct th_chan *chan = NULL;

    (void)node;
    INVALID(th_chan_accept, "no callbacks", th_chan_accept(incoming, NULL, NULL, &chan));
    INVALID(th_chan_accept, "no out", th_chan_accept(incoming, &counts_chan_close, NULL, NULL));
    assert_null(chan);
    assert_int_equal(th_chan_accept(incoming, &counts_chan_close, &a->closed, &a->chan), TH_OK);
    INVALID(th_chan_accept, "taken already",
            th_chan_accept(incoming, &counts_chan_close, &a->closed, &chan));
    assert_null(chan);
    a->accepted++;
}

static void accept_wrongly(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    struct acceptor *a = data;
    struct th_stream *stream = NULL;

    (void)node;
    INVALID(th_stream_accept, "no callbacks", th_stream_accept(incoming, NULL, NULL, &stream));
    INVALID(th_stream_accept, "no out", th_stream_accept(incoming, &counts_close, NULL, NULL));
    assert_null(stream);
    assert_int_equal(th_stream_accept(incoming, &counts_close, &a->closed, &a->stream), TH_OK);
    INVALID(th_stream_accept, "taken already",
            th_stream_accept(incoming, &counts_close, &a->closed, &stream));
    assert_null(stream);
    a->accepted++;
}

static void what_comes(void)
{
    struct acceptor acceptor = {0};
    struct th_node *first = test_node_new(NULL), *second;
    struct th_stream *stream;
    struct th_chan *chan;
    unsigned closed = 0, ours_closed = 0, ready = 0;
    char entry[TEST_ENTRY_MAX];
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_node_listen(first, "_a", accept_wrongly, &acceptor), TH_OK);
    assert_int_equal(th_chan_listen(first, "_a", accept_chan_wrongly, &acceptor), TH_OK);
    assert_int_equal(th_node_start(first, &loop, NULL, NULL), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, &loop, on_event, &ready), TH_OK);
    run_until(&loop, &ready, 1);

    assert_int_equal(
        th_stream_open(second, th_node_hashname(first), "_a", &counts_close, &ours_closed, &stream),
        TH_OK);
    run_until(&loop, &acceptor.accepted, 1);
    assert_int_equal(th_chan_open(second, th_node_hashname(first), "_a", NULL, &counts_chan_close,
                                  &ours_closed, &chan),
                     TH_OK);
    run_until(&loop, &acceptor.accepted, 2);
    th_node_close(second, count, &closed);
    th_node_close(first, count, &closed);
    end_loop(&loop);
    assert_int_equal(closed, 2);
    assert_int_equal(acceptor.closed + ours_closed, 4);
}

/* --- whole --------------------------------------------------------------------------------------------- */

static void every_misuse_of_every_function_is_answered_as_documented(void **state)
{
    (void)state;
    misuse_begin();
    words_of_errors();
    identities();
    addresses();
    options_of_a_node();
    no_node();
    no_stream();
    no_chan();
    node_before_and_after_its_start();
    node_that_could_not_start();
    what_comes();
    misuse_check_whole();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_misuse_of_every_function_is_answered_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

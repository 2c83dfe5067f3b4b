/* What was written to a stream before it was closed arrives and is read, though the other side's own
 * writing has failed by then: that once ended reading too. */
#include "router/telehash.h"

#include <string.h>

#include "tests/lib/test_node.h"

enum { BYTES = 60000, CHUNK = 20000 }; /* BYTES: fewer than the first credit of a stream */

struct app {
    struct test_bell bell;
    unsigned ready, accepted, readable, writable, closed;
    enum th_err why; /* of on_close */
    struct th_stream *stream;
};

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&app->bell, &app->ready);
}

static void on_readable(struct th_stream *stream, void *data)
{
    struct app *app = data;

    (void)stream;
    test_count(&app->bell, &app->readable);
}

static void on_writable(struct th_stream *stream, void *data)
{
    struct app *app = data;

    (void)stream;
    test_count(&app->bell, &app->writable);
}

static void on_closed(struct th_stream *stream, enum th_err why, void *data)
{
    struct app *app = data;

    (void)stream;
    app->why = why;
    test_count(&app->bell, &app->closed);
}

static const struct th_stream_cb callbacks = {on_readable, on_writable, on_closed};

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    struct app *app = data;

    (void)node;
    if (th_stream_accept(incoming, &callbacks, app, &app->stream) == TH_OK)
        test_count(&app->bell, &app->accepted);
}

static void send_all_and_close(struct app *app, struct th_node *node, const char *to)
{
    uint8_t bytes[CHUNK];
    size_t taken;
    unsigned seen = 0;

    assert_int_equal(th_stream_open(node, to, "_late", &callbacks, app, &app->stream), TH_OK);
    for (size_t at = 0; at < BYTES;) {
        size_t len = BYTES - at < sizeof bytes ? BYTES - at : sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)((at + i) / 7);
        enum th_err err = th_stream_write(app->stream, bytes, len, &taken);
        if (err == TH_AGAIN) {
            assert_true(test_wait_for(&app->bell, &app->writable, ++seen));
            continue;
        }
        assert_int_equal(err, TH_OK);
        at += taken;
    }
    th_stream_close(app->stream);
}

/* How the last write failed. */
static enum th_err write_until_it_fails(struct app *app)
{
    static const uint8_t bytes[CHUNK];
    enum th_err err = TH_OK;
    size_t taken;

    for (unsigned seen = 0; err == TH_OK;) {
        err = th_stream_write(app->stream, bytes, sizeof bytes, &taken);
        if (err != TH_AGAIN)
            continue;
        assert_true(test_wait_for(&app->bell, &app->writable, ++seen));
        err = TH_OK;
    }
    return err;
}

/* How the last read failed. */
static enum th_err read_all(struct app *app, size_t *count)
{
    uint8_t bytes[CHUNK];
    size_t got;

    *count = 0;
    for (unsigned seen = app->readable;;) {
        enum th_err err = th_stream_read(app->stream, bytes, sizeof bytes, &got);
        if (err == TH_AGAIN) {
            assert_true(test_wait_for(&app->bell, &app->readable, ++seen));
            continue;
        }
        if (err != TH_OK)
            return err;
        for (size_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], (uint8_t)((*count + i) / 7));
        *count += got;
    }
}

static struct app here, there;
static struct th_node *first, *second;

static int set_up(void **state)
{
    char entry[TEST_ENTRY_MAX];

    (void)state;
    memset(&here, 0, sizeof here);
    memset(&there, 0, sizeof there);
    test_bell_init(&here.bell);
    test_bell_init(&there.bell);
    first = test_node_new(NULL);
    assert_int_equal(th_node_start(first, NULL, on_event, &here), TH_OK);
    assert_int_equal(th_node_listen(first, "_late", on_incoming, &here), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, NULL, on_event, &there), TH_OK);
    assert_true(test_wait_for(&there.bell, &there.ready, 1));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    th_node_close(second, NULL, NULL);
    th_node_close(first, NULL, NULL);
    test_bell_clear(&here.bell);
    test_bell_clear(&there.bell);
    return 0;
}

/* One that was closed before it was open was over at once, and what had been written with it. */
static void what_was_written_arrives_though_the_stream_is_closed_at_once(void **state)
{
    (void)state;
    size_t count;

    send_all_and_close(&there, second, th_node_hashname(first));
    assert_true(test_wait_for(&there.bell, &there.closed, 1));
    assert_int_equal(there.why, TH_OK);
    assert_true(test_wait_for(&here.bell, &here.accepted, 1));
    assert_int_equal(read_all(&here, &count), TH_EOF);
    assert_int_equal(count, BYTES);
}

static void late_reader_gets_all_though_writing_has_failed(void **state)
{
    (void)state;
    size_t count;
    send_all_and_close(&there, second, th_node_hashname(first));
    assert_true(test_wait_for(&here.bell, &here.accepted, 1));
    assert_true(test_wait_for(&there.bell, &there.closed, 1));

    assert_int_equal(write_until_it_fails(&here), TH_GONE);
    assert_int_equal(read_all(&here, &count), TH_EOF);
    assert_int_equal(count, BYTES);
    th_stream_close(here.stream);
    assert_true(test_wait_for(&here.bell, &here.closed, 1));
    assert_int_equal(here.why, TH_GONE); /* what was written to it did not arrive */
}

/* Nobody is asked for who has written nothing, and a node that is not found is said. */
static void
stream_that_is_closed_at_once_is_over_when_nothing_was_written_or_nobody_is_found(void **state)
{
    (void)state;
    char nobody[TH_HASHNAME_SIZE];
    size_t taken;

    assert_int_equal(
        th_stream_open(second, th_node_hashname(first), "_late", &callbacks, &there, &there.stream),
        TH_OK);
    th_stream_close(there.stream);
    assert_true(test_wait_for(&there.bell, &there.closed, 1));
    assert_int_equal(there.why, TH_OK);

    memset(nobody, '7', sizeof nobody - 1);
    nobody[sizeof nobody - 1] = 0;
    assert_int_equal(th_stream_open(second, nobody, "_late", &callbacks, &there, &there.stream),
                     TH_OK);
    assert_int_equal(th_stream_write(there.stream, "x", 1, &taken), TH_OK);
    th_stream_close(there.stream);
    assert_true(test_wait_for(&there.bell, &there.closed, 2));
    assert_int_equal(there.why, TH_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_was_written_arrives_though_the_stream_is_closed_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_reader_gets_all_though_writing_has_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            stream_that_is_closed_at_once_is_over_when_nothing_was_written_or_nobody_is_found,
            set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

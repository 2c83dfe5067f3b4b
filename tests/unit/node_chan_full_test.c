/* Far more packets on channels of the public API than can leave, on the loop of the application: it sends in
 * one callback, so nothing of the node runs meanwhile. */
#include "router/telehash_node.h"

#include <string.h>

#include "tests/lib/test_node.h"

enum { CHANS = 100, EACH = TH_CHAN_WAITING_MAX }; /* 6400 packets; a mailbox holds 4096 messages */

struct app {
    uv_loop_t loop;
    struct th_node *node[2];
    struct th_chan *chan[CHANS];
    unsigned ready, backs, came, sent, again, wrong, answered, closed;
    unsigned has_left, switches, peak, max;
    uint64_t refused;
    enum th_err stream_why;
};

static void count(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct app *app = data;

    (void)chan, (void)packet;
    app->came++;
}

/* The switch's mailbox was never full, nor near it. */
static void look_at_mailbox(struct app *app)
{
    struct th_server_look rows[64];
    unsigned count = th_host_look(app->node[1]->host, rows, 64);

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(rows[i].name, "switch") != 0)
            continue;
        app->switches++;
        app->refused = rows[i].refused;
        app->peak = rows[i].mailbox_peak;
        app->max = rows[i].mailbox_max;
    }
}

static void leave(struct app *app)
{
    if (app->has_left++ > 0)
        return;
    look_at_mailbox(app);
    th_node_close(app->node[1], NULL, NULL);
    th_node_close(app->node[0], NULL, NULL);
}

static void on_answer(struct th_stream *stream, void *data)
{
    struct app *app = data;
    char byte;
    size_t len;

    while (th_stream_read(stream, &byte, 1, &len) == TH_OK && len == 1)
        app->answered++;
    th_stream_close(stream);
}

static void on_stream_close(struct th_stream *stream, enum th_err why, void *data)
{
    struct app *app = data;

    (void)stream;
    app->stream_why = why;
    app->closed++;
    leave(app);
}

/* All that every channel holds, and then a stream, which has nothing to do with them. */
static void fill(struct app *app)
{
    static const struct th_stream_cb callbacks = {.on_readable = on_answer,
                                                  .on_close = on_stream_close};
    const struct th_chan_packet packet = {.body = "x", .body_len = 1};
    struct th_stream *stream;
    size_t len;

    for (unsigned i = 0; i < CHANS; i++) {
        for (unsigned j = 0; j < EACH; j++)
            app->sent += th_chan_send(app->chan[i], &packet) == TH_OK;
        app->again += th_chan_send(app->chan[i], &packet) == TH_AGAIN;
    }
    app->wrong += th_stream_open(app->node[1], th_node_hashname(app->node[0]), "_answer",
                                 &callbacks, app, &stream) != TH_OK;
    app->wrong += th_stream_write(stream, "?", 1, &len) != TH_OK;
}

static void say_yes(struct th_stream *stream, void *data)
{
    struct app *app = data;
    char byte;
    size_t len;

    if (th_stream_read(stream, &byte, 1, &len) != TH_OK)
        return;
    app->wrong += th_stream_write(stream, "!", 1, &len) != TH_OK;
    th_stream_shutdown(stream);
}

static void on_stream(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    static const struct th_stream_cb callbacks = {.on_readable = say_yes};
    struct app *app = data;
    struct th_stream *stream;

    (void)node;
    app->wrong += th_stream_accept(incoming, &callbacks, app, &stream) != TH_OK;
}

static void on_incoming(struct th_node *node, const struct th_chan_incoming *incoming, void *data)
{
    static const struct th_chan_cb callbacks = {.on_packet = count};
    const struct th_chan_packet back = {0};
    struct th_chan *chan;
    struct app *app = data;

    (void)node;
    app->wrong += th_chan_accept(incoming, &callbacks, app, &chan) != TH_OK;
    app->wrong += th_chan_send(chan, &back) != TH_OK;
}

static void open_next(struct app *app);

static void on_back(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct app *app = data;

    (void)chan, (void)packet;
    if (++app->backs < CHANS)
        open_next(app);
    else /* all are open */
        fill(app);
}

static void on_end(struct th_chan *chan, enum th_err why, void *data)
{
    struct app *app = data;

    (void)chan, (void)why;
    app->wrong++;
    leave(app);
}

/* One after the other, for no more than a few may be opened that the other side was not told of yet. */
static void open_next(struct app *app)
{
    static const struct th_chan_cb callbacks = {.on_packet = on_back, .on_end = on_end};

    app->wrong += th_chan_open(app->node[1], th_node_hashname(app->node[0]), "_test", NULL,
                               &callbacks, app, &app->chan[app->backs]) != TH_OK;
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    if (node != app->node[1] || event->kind != TH_EVENT_STATE || event->state != TH_STATE_READY ||
        app->ready++ > 0)
        return;
    open_next(app);
}

/* What an application sends takes no room from what else its node does. */
static void stream_is_opened_while_all_channels_are_full(void **state)
{
    (void)state;
    static struct app app;
    char entry[TEST_ENTRY_MAX];

    assert_int_equal(uv_loop_init(&app.loop), 0);
    for (unsigned i = 0; i < 2; i++) {
        app.node[i] = test_node_new(i == 0 ? NULL : entry);
        assert_int_equal(th_chan_listen(app.node[i], "_test", on_incoming, &app), TH_OK);
        assert_int_equal(th_node_listen(app.node[i], "_answer", on_stream, &app), TH_OK);
        assert_int_equal(th_node_start(app.node[i], &app.loop, on_event, &app), TH_OK);
        test_entry_of(app.node[i], entry);
    }

    uv_run(&app.loop, UV_RUN_DEFAULT); /* ends once both nodes are gone */

    assert_int_equal(uv_loop_close(&app.loop), 0);
    assert_int_equal(app.wrong, 0);
    assert_int_equal(app.sent, CHANS * EACH);
    assert_int_equal(app.again, CHANS);
    assert_int_equal(app.answered, 1);
    assert_int_equal(app.stream_why, TH_OK);
    assert_int_equal(app.switches, 1);
    assert_int_equal(app.refused, 0);
    assert_in_range(app.peak, 1, app.max / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_is_opened_while_all_channels_are_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

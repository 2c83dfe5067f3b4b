/* A type that is listened for no more, which the switch could not be told of at once. */
#include "router/telehash_chan.h"

#include <string.h>

#include "tests/lib/test_node.h"

struct app {
    struct test_bell bell;
    unsigned ready, back, ended;
};

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&app->bell, &app->ready);
}

static void on_back(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct app *app = data;

    (void)chan, (void)packet;
    test_count(&app->bell, &app->back);
}

static void on_end(struct th_chan *chan, enum th_err why, void *data)
{
    struct app *app = data;

    (void)chan, (void)why;
    test_count(&app->bell, &app->ended);
}

static const struct th_chan_cb waits = {.on_packet = on_back, .on_end = on_end};

static void send_back(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    (void)data;
    if (th_chan_send(chan, packet) != TH_OK)
        return; /* who waits for it fails */
}

static void on_incoming(struct th_node *node, const struct th_chan_incoming *incoming, void *data)
{
    static const struct th_chan_cb echoes = {.on_packet = send_back};
    struct th_chan *chan;

    (void)node;
    if (th_chan_accept(incoming, &echoes, data, &chan) != TH_OK)
        return;
}

static void open_chan(struct th_node *const node[2], const char *type, struct app *app)
{
    const struct th_chan_packet packet = {.body = "x", .body_len = 1};
    struct th_chan *chan;

    assert_int_equal(
        th_chan_open(node[1], th_node_hashname(node[0]), type, &packet, &waits, app, &chan), TH_OK);
}

static struct th_server_look look_at_switch(struct th_node *node)
{
    struct th_server_look rows[64];
    unsigned count = th_host_look(node->host, rows, 64);

    for (unsigned i = 0; i < count; i++)
        if (strcmp(rows[i].name, "switch") == 0)
            return rows[i];
    fail_msg("there is no switch");
    return (struct th_server_look){0};
}

static unsigned count_listens(struct th_node *node)
{
    uv_mutex_lock(&node->lock);
    unsigned count = node->chans.listen_count;
    uv_mutex_unlock(&node->lock);
    return count;
}

static void fill_mailbox(struct th_node *node, th_pid sw)
{
    enum th_err err = TH_OK;

    assert_int_equal(th_suspend(node->host, sw, 60000), TH_OK);
    while (err == TH_OK)
        err = th_post(
            node->host, sw,
            (struct th_msg){.kind = &th_switch_msg_chan_send,
                            .body = th_chan_send_new((struct th_bytes){0}, (struct th_bytes){0})});
    assert_int_equal(err, TH_FULL);
}

/* A11 */
static void switch_whose_mailbox_was_full_is_told_later_that_a_type_is_left(void **state)
{
    (void)state;
    static struct app app;
    struct th_node *node[2];
    char entry[TEST_ENTRY_MAX];
    test_bell_init(&app.bell);
    for (unsigned i = 0; i < 2; i++) {
        node[i] = test_node_new(i == 0 ? NULL : entry);
        assert_int_equal(th_chan_listen(node[i], "_echo", on_incoming, &app), TH_OK);
        assert_int_equal(th_chan_listen(node[i], "_test", on_incoming, &app), TH_OK);
        assert_int_equal(th_node_start(node[i], NULL, on_event, &app), TH_OK);
        test_entry_of(node[i], entry);
    }
    assert_true(test_wait_for(&app.bell, &app.ready, 1));
    open_chan(node, "_test", &app);
    assert_true(test_wait_for(&app.bell, &app.back, 1));

    th_pid sw = look_at_switch(node[0]).pid;
    fill_mailbox(node[0], sw);
    uint64_t refused = look_at_switch(node[0]).refused;
    assert_int_equal(th_chan_listen(node[0], "_test", NULL, NULL), TH_OK);
    while (look_at_switch(node[0]).refused == refused)
        uv_sleep(1); /* there is nothing that tells when the agent has tried */
    assert_int_equal(th_resume(node[0]->host, sw), TH_OK);
    while (count_listens(node[0]) > 1)
        uv_sleep(1);

    open_chan(node, "_test", &app); /* in silence */
    open_chan(node, "_echo", &app);
    assert_true(test_wait_for(&app.bell, &app.back, 2));
    open_chan(node, "_echo", &app); /* the agent has seen what came before */
    assert_true(test_wait_for(&app.bell, &app.back, 3));
    assert_int_equal(app.ended, 0);
    th_node_close(node[1], NULL, NULL);
    th_node_close(node[0], NULL, NULL);
    test_bell_clear(&app.bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switch_whose_mailbox_was_full_is_told_later_that_a_type_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

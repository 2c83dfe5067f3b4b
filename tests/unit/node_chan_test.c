/* Channels of the public API, on real sockets of this machine. */
#include "router/telehash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_node.h"

/* What callbacks found; they run on threads of the nodes, the asserts on the main thread. */
struct app {
    struct test_bell bell;
    unsigned ready, incoming, packets, ended, closed, wrong;
    uint64_t dropped;
    enum th_err end_why, close_why;
    char words[64], json[64], first[64];
    size_t body_len;
    int is_last, refuses, holds;
    uv_sem_t go_on; /* a callback that holds waits for it */
    struct th_chan *chan;
};

static void app_init(struct app *app)
{
    memset(app, 0, sizeof *app);
    test_bell_init(&app->bell);
    assert_int_equal(uv_sem_init(&app->go_on, 0), 0);
}

static void app_clear(struct app *app)
{
    uv_sem_destroy(&app->go_on);
    test_bell_clear(&app->bell);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&app->bell, &app->ready);
}

static uint8_t byte_at(size_t len, size_t at)
{
    return (uint8_t)(len * 31 + at * 7);
}

/* Each body says by its length what it is to be made of. */
static int is_whole(const struct th_chan_packet *packet)
{
    const uint8_t *body = packet->body;

    for (size_t i = 0; i < packet->body_len; i++)
        if (body[i] != byte_at(packet->body_len, i))
            return 0;
    return 1;
}

static void keep(struct app *app, const struct th_chan_packet *packet)
{
    app->wrong += !is_whole(packet);
    app->body_len = packet->body_len;
    app->dropped += packet->dropped;
    app->is_last = packet->is_end;
    snprintf(app->json, sizeof app->json, "%.*s", (int)packet->json_len,
             packet->json ? packet->json : "");
}

/* What the main thread tells callbacks to do. */
static void tell(struct app *app, int *what, int is_so)
{
    uv_mutex_lock(&app->bell.lock);
    *what = is_so;
    uv_mutex_unlock(&app->bell.lock);
}

static int is_told(struct app *app, const int *what)
{
    uv_mutex_lock(&app->bell.lock);
    int is_so = *what;
    uv_mutex_unlock(&app->bell.lock);
    return is_so;
}

static void on_packet(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct app *app = data;

    (void)chan;
    keep(app, packet);
    int holds = is_told(app, &app->holds);
    test_count(&app->bell, &app->packets);
    if (holds)
        uv_sem_wait(&app->go_on);
}

static void on_end(struct th_chan *chan, enum th_err why, void *data)
{
    struct app *app = data;

    app->end_why = why;
    strcpy(app->words, th_chan_err(chan));
    test_count(&app->bell, &app->ended);
}

static void on_close(struct th_chan *chan, enum th_err why, void *data)
{
    struct app *app = data;

    (void)chan;
    app->close_why = why;
    test_count(&app->bell, &app->closed);
}

static const struct th_chan_cb keeps = {on_packet, on_end, on_close};

/* Sends back what comes, as it came. */
static void send_back(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct app *app = data;

    app->wrong += th_chan_send(chan, packet) != TH_OK;
    on_packet(chan, packet, data);
}

static void on_end_closes(struct th_chan *chan, enum th_err why, void *data)
{
    on_end(chan, why, data);
    th_chan_close(chan, NULL);
}

static const struct th_chan_cb echoes = {send_back, on_end_closes, on_close};

static void on_incoming(struct th_node *node, const struct th_chan_incoming *incoming, void *data)
{
    struct app *app = data;
    int is_echo = strcmp(incoming->type, "_echo") == 0;

    (void)node;
    snprintf(app->first, sizeof app->first, "%.*s", (int)incoming->first->json_len,
             incoming->first->json ? incoming->first->json : "");
    if (!is_told(app, &app->refuses))
        app->wrong +=
            th_chan_accept(incoming, is_echo ? &echoes : &keeps, app, &app->chan) != TH_OK;
    test_count(&app->bell, &app->incoming);
}

/* --- two nodes, the second knows the first --- */

struct two {
    struct app app[2];
    struct th_node *node[2];
};

static void begin(struct two *t)
{
    char entry[TEST_ENTRY_MAX];

    for (unsigned i = 0; i < 2; i++) {
        app_init(&t->app[i]);
        t->node[i] = test_node_new(i == 0 ? NULL : entry);
        assert_int_equal(th_chan_listen(t->node[i], "_test", on_incoming, &t->app[i]), TH_OK);
        assert_int_equal(th_chan_listen(t->node[i], "_echo", on_incoming, &t->app[i]), TH_OK);
        assert_int_equal(th_node_start(t->node[i], NULL, on_event, &t->app[i]), TH_OK);
        test_entry_of(t->node[i], entry);
    }
    assert_true(test_wait_for(&t->app[1].bell, &t->app[1].ready, 1));
}

static void end(struct two *t)
{
    th_node_close(t->node[1], NULL, NULL);
    th_node_close(t->node[0], NULL, NULL);
    assert_int_equal(t->app[0].wrong + t->app[1].wrong, 0);
    app_clear(&t->app[0]);
    app_clear(&t->app[1]);
}

static struct th_chan_packet packet_of(const char *json, size_t body_len)
{
    static uint8_t body[TH_CHAN_PACKET_MAX];

    for (size_t i = 0; i < body_len; i++)
        body[i] = byte_at(body_len, i);
    return (struct th_chan_packet){.json = json,
                                   .json_len = json ? strlen(json) : 0,
                                   .body = body_len ? body : NULL,
                                   .body_len = body_len};
}

static struct th_chan *open_chan(struct two *t, const char *type,
                                 const struct th_chan_packet *first)
{
    struct th_chan *chan = NULL;

    assert_int_equal(th_chan_open(t->node[1], th_node_hashname(t->node[0]), type, first, &keeps,
                                  &t->app[1], &chan),
                     TH_OK);
    return chan;
}

/* A11 */
static void packets_of_every_size_come_back_whole_and_apart(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    struct th_chan_packet packet = packet_of("{\"n\":0}", 0);
    struct th_chan *chan = open_chan(&t, "_echo", &packet);
    assert_string_equal(th_chan_peer(chan), th_node_hashname(t.node[0]));
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].packets, 1));
    assert_string_equal(t.app[0].first, "{\"n\":0}");
    assert_string_equal(t.app[1].json, "{\"n\":0}");

    static const size_t sizes[] = {0, 1, 2, 255, 991, 992, 993};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        packet = packet_of("{\"n\":1}", sizes[i]);
        assert_int_equal(th_chan_send(chan, &packet), TH_OK);
        assert_true(test_wait_for(&t.app[1].bell, &t.app[1].packets, i + 2));
        assert_int_equal(t.app[1].body_len, sizes[i]);
    }
    packet = packet_of(NULL, TH_CHAN_PACKET_MAX);
    packet.is_end = 1;
    assert_int_equal(th_chan_send(chan, &packet), TH_OK);
    assert_int_equal(th_chan_send(chan, &packet), TH_INVALID);
    /* the echo of the last goes nowhere: it came with the end */
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].closed, 1));
    assert_int_equal(t.app[0].end_why, TH_OK);
    assert_int_equal(t.app[0].packets, 9);
    assert_int_equal(t.app[0].body_len, TH_CHAN_PACKET_MAX);
    assert_true(t.app[0].is_last);
    th_chan_close(chan, NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1));
    assert_int_equal(t.app[1].close_why, TH_OK);
    assert_int_equal(t.app[1].ended, 0);
    end(&t);
}

static void end_and_words_of_the_other_side_are_told(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    struct th_chan *chan = open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 1));
    struct th_chan_packet last = packet_of("{\"bye\":true}", 3);
    last.is_end = 1;
    assert_int_equal(th_chan_send(t.app[0].chan, &last), TH_OK);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].ended, 1));
    assert_int_equal(t.app[1].end_why, TH_OK);
    assert_string_equal(t.app[1].json, "{\"bye\":true}");
    assert_true(t.app[1].is_last);
    assert_int_equal(th_chan_send(chan, &last), TH_EOF);
    th_chan_close(chan, NULL);
    th_chan_close(t.app[0].chan, NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1));

    chan = open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 2));
    struct th_chan_packet word = packet_of(NULL, 1);
    assert_int_equal(th_chan_send(t.app[0].chan, &word), TH_OK);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].packets, 2));
    th_chan_close(t.app[0].chan, "out of cheese");
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].ended, 2));
    assert_int_equal(t.app[1].end_why, TH_GONE);
    assert_string_equal(t.app[1].words, "out of cheese");
    assert_int_equal(th_chan_send(chan, &word), TH_GONE);
    th_chan_close(chan, NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 2));
    assert_int_equal(t.app[1].close_why, TH_GONE);
    end(&t);
}

static void channel_that_is_refused_says_so(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    tell(&t.app[0], &t.app[0].refuses, 1);
    struct th_chan *chan = open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].ended, 1));
    assert_int_equal(t.app[1].end_why, TH_REFUSED);
    assert_string_equal(t.app[1].words, "refused");
    th_chan_close(chan, NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1));
    end(&t);
}

static void channel_and_its_first_packet_may_be_all_there_is(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    struct th_chan_packet only = packet_of("{\"only\":1}", 10);
    only.is_end = 1;
    th_chan_close(open_chan(&t, "_test", &only), NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].ended, 1));
    assert_int_equal(t.app[0].packets, 1);
    assert_string_equal(t.app[0].json, "{\"only\":1}");
    assert_true(t.app[0].is_last);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1));
    assert_int_equal(t.app[1].ended, 0);
    end(&t);
}

/* Packets that a callback is too slow for are counted, and the newest is there when it has time. */
static void slow_callback_misses_the_oldest_and_is_told_how_many(void **state)
{
    (void)state;
    enum { SENT = 150 }; /* over twice what waits, and so few that the socket has room for all */
    static struct two t;
    begin(&t);
    tell(&t.app[0], &t.app[0].holds, 1);
    struct th_chan *chan = open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 1));
    for (unsigned i = 0; i < SENT; i++) {
        struct th_chan_packet packet = packet_of(NULL, 1);
        enum th_err err;
        while ((err = th_chan_send(chan, &packet)) == TH_AGAIN)
            uv_sleep(1); /* there is nothing that tells when there is room again */
        assert_int_equal(err, TH_OK);
    }
    tell(&t.app[0], &t.app[0].holds, 0);
    struct th_chan_packet last = packet_of("{\"last\":1}", 1);
    last.is_end = 1;
    enum th_err err;
    while ((err = th_chan_send(chan, &last)) == TH_AGAIN)
        uv_sleep(1);
    assert_int_equal(err, TH_OK);
    uv_sem_post(&t.app[0].go_on);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].ended, 1));
    assert_string_equal(t.app[0].json, "{\"last\":1}");
    assert_int_equal(t.app[0].packets + t.app[0].dropped, SENT + 2);
    assert_int_equal(th_chan_dropped(t.app[0].chan), t.app[0].dropped);
    th_chan_close(chan, NULL);
    end(&t);
}

static void node_that_is_closed_closes_its_channels(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 1));
    end(&t);
    assert_int_equal(t.app[0].closed, 1);
    assert_int_equal(t.app[1].closed, 1);
    assert_int_equal(t.app[1].close_why, TH_SHUTDOWN);
}

static void node_that_nobody_knows_is_not_found(void **state)
{
    (void)state;
    static struct two t;
    struct th_chan *chan;
    begin(&t);
    assert_int_equal(
        th_chan_open(t.node[1], "1111111111111111111111111111111111111111111111111111111111111111",
                     "_test", NULL, &keeps, &t.app[1], &chan),
        TH_OK);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].ended, 1));
    assert_true(t.app[1].end_why == TH_NOT_FOUND || t.app[1].end_why == TH_TIMED_OUT);
    th_chan_close(chan, NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1));
    end(&t);
}

static void type_that_is_taken_no_more_is_silent_and_what_is_open_goes_on(void **state)
{
    (void)state;
    static struct two t;
    begin(&t);
    struct th_chan_packet packet = packet_of("{\"n\":1}", 5);
    struct th_chan *chan = open_chan(&t, "_test", NULL);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 1));
    assert_int_equal(th_chan_listen(t.node[0], "_test", NULL, NULL), TH_OK);
    struct th_chan *other =
        open_chan(&t, "_echo", &packet); /* comes back after the listeners changed */
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].packets, 1));
    open_chan(&t, "_test", &packet);
    assert_int_equal(th_chan_send(other, &packet), TH_OK);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].packets, 2));
    assert_int_equal(t.app[0].incoming, 2);
    assert_int_equal(th_chan_send(chan, &packet), TH_OK);
    assert_true(test_wait_for(&t.app[0].bell, &t.app[0].packets, 4));
    assert_int_equal(t.app[1].ended, 0); /* not refused either */
    end(&t);
}

static void no_more_channels_and_types_than_the_limits(void **state)
{
    (void)state;
    static struct two t;
    static struct th_chan *chan[1024];
    struct th_chan *more = NULL;
    char type[32];
    begin(&t);
    for (unsigned i = 2; i < 64; i++) {
        snprintf(type, sizeof type, "_%u", i);
        assert_int_equal(th_chan_listen(t.node[0], type, on_incoming, &t.app[0]), TH_OK);
    }
    assert_int_equal(th_chan_listen(t.node[0], "_more", on_incoming, &t.app[0]), TH_LIMIT);
    tell(&t.app[0], &t.app[0].refuses, 1);
    for (unsigned i = 0; i < 1024; i++)
        chan[i] = open_chan(&t, "_test", NULL);
    assert_int_equal(th_chan_open(t.node[1], th_node_hashname(t.node[0]), "_test", NULL, &keeps,
                                  &t.app[1], &more),
                     TH_LIMIT);
    for (unsigned i = 0; i < 1024; i++)
        th_chan_close(chan[i], NULL);
    assert_true(test_wait_for(&t.app[1].bell, &t.app[1].closed, 1024));
    end(&t);
}

/* --- on the application's loop --- */

struct loop_app {
    uv_loop_t loop;
    struct th_node *node[2];
    unsigned sent, came, wrong, closed, ready;
};

static void echo_on_loop(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct loop_app *l = data;

    l->wrong += th_chan_send(chan, packet) != TH_OK;
}

static void end_on_loop(struct th_chan *chan, enum th_err why, void *data)
{
    struct loop_app *l = data;

    l->wrong += why != TH_OK;
    th_chan_close(chan, NULL);
}

static void closed_on_loop(struct th_chan *chan, enum th_err why, void *data)
{
    struct loop_app *l = data;

    (void)chan;
    l->wrong += why != TH_OK;
    if (++l->closed < 2)
        return;
    th_node_close(l->node[1], NULL, NULL);
    th_node_close(l->node[0], NULL, NULL);
}

static void next_on_loop(struct th_chan *chan, const struct th_chan_packet *packet, void *data)
{
    struct loop_app *l = data;
    struct th_chan_packet next = packet_of("{}", ++l->came);

    l->wrong += packet->body_len != l->came - 1;
    if (l->came == 500)
        th_chan_close(chan, NULL);
    else
        l->wrong += th_chan_send(chan, &next) != TH_OK;
}

static void incoming_on_loop(struct th_node *node, const struct th_chan_incoming *incoming,
                             void *data)
{
    static const struct th_chan_cb callbacks = {echo_on_loop, end_on_loop, closed_on_loop};
    struct loop_app *l = data;
    struct th_chan *chan;

    (void)node;
    l->wrong += th_chan_accept(incoming, &callbacks, l, &chan) != TH_OK;
}

static void event_on_loop(struct th_node *node, const struct th_node_event *event, void *data)
{
    static const struct th_chan_cb callbacks = {next_on_loop, end_on_loop, closed_on_loop};
    struct loop_app *l = data;
    struct th_chan *chan;

    if (node != l->node[1] || event->kind != TH_EVENT_STATE || event->state != TH_STATE_READY ||
        l->ready++ > 0)
        return;
    l->wrong += th_chan_open(node, th_node_hashname(l->node[0]), "_echo", NULL, &callbacks, l,
                             &chan) != TH_OK;
}

static void channels_of_two_nodes_run_on_the_loop_of_the_application(void **state)
{
    (void)state;
    static struct loop_app l;
    char entry[TEST_ENTRY_MAX];

    assert_int_equal(uv_loop_init(&l.loop), 0);
    for (unsigned i = 0; i < 2; i++) {
        l.node[i] = test_node_new(i == 0 ? NULL : entry);
        assert_int_equal(th_chan_listen(l.node[i], "_echo", incoming_on_loop, &l), TH_OK);
        assert_int_equal(th_node_start(l.node[i], &l.loop, event_on_loop, &l), TH_OK);
        test_entry_of(l.node[i], entry);
    }

    uv_run(&l.loop, UV_RUN_DEFAULT); /* ends once both nodes are gone */

    assert_int_equal(uv_loop_close(&l.loop), 0);
    assert_int_equal(l.came, 500);
    assert_int_equal(l.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_every_size_come_back_whole_and_apart),
        cmocka_unit_test(end_and_words_of_the_other_side_are_told),
        cmocka_unit_test(channel_that_is_refused_says_so),
        cmocka_unit_test(channel_and_its_first_packet_may_be_all_there_is),
        cmocka_unit_test(slow_callback_misses_the_oldest_and_is_told_how_many),
        cmocka_unit_test(node_that_is_closed_closes_its_channels),
        cmocka_unit_test(node_that_nobody_knows_is_not_found),
        cmocka_unit_test(type_that_is_taken_no_more_is_silent_and_what_is_open_goes_on),
        cmocka_unit_test(no_more_channels_and_types_than_the_limits),
        cmocka_unit_test(channels_of_two_nodes_run_on_the_loop_of_the_application),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

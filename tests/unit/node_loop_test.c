/*
 * Nodes and what belongs to their application: its loop, which they leave free, and libuv's worker pool, which
 * they do without.
 */
#include "router/telehash.h"

#include <stdio.h>

#include "tests/lib/test_node.h"

enum { WORKS = 128 /* the pool has at most 1024 threads, 4 where nothing else is said */ };

struct app {
    struct test_bell bell;
    unsigned ready, connects, closed, stream_closed;
    enum th_err result;
};

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&app->bell, &app->ready);
}

static void on_connect(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    struct app *app = data;

    (void)node, (void)hashname;
    app->result = result;
    test_count(&app->bell, &app->connects);
}

static void on_closed(void *data)
{
    struct app *app = data;

    test_count(&app->bell, &app->closed);
}

static void on_stream_close(struct th_stream *stream, enum th_err why, void *data)
{
    struct app *app = data;

    (void)stream, (void)why;
    test_count(&app->bell, &app->stream_closed);
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    (void)node, (void)incoming, (void)data;
}

static const struct th_stream_cb stream_cb = {.on_close = on_stream_close};

/* Runs a loop until something was counted. */
static void run_until(uv_loop_t *loop, const unsigned *what, unsigned n)
{
    uint64_t until = uv_hrtime() + TEST_WAIT_MS * UINT64_C(1000000);

    while (*what < n && uv_hrtime() < until)
        uv_run(loop, UV_RUN_ONCE);
    assert_true(*what >= n);
}

/* --- the worker pool ----------------------------------------------------------------------------------- */

/* All threads of the pool wait, and so does more work than there can be threads. */
struct pool {
    uv_loop_t loop;
    uv_work_t work[WORKS], last;
    uv_sem_t release;
    unsigned done, count;
    int is_full; /* the last one has not begun */
};

static void block(uv_work_t *work)
{
    struct pool *pool = work->data;

    uv_sem_wait(&pool->release);
}

static void note_begun(uv_work_t *work)
{
    struct pool *pool = work->data;

    __atomic_store_n(&pool->is_full, 0, __ATOMIC_SEQ_CST);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct pool *pool = work->data;

    (void)status;
    pool->done++;
}

static void fill_pool(struct pool *pool)
{
    memset(pool, 0, sizeof *pool);
    assert_int_equal(uv_loop_init(&pool->loop), 0);
    assert_int_equal(uv_sem_init(&pool->release, 0), 0);
    pool->is_full = 1;
    for (pool->count = 0; pool->count < WORKS; pool->count++) {
        pool->work[pool->count].data = pool;
        assert_int_equal(uv_queue_work(&pool->loop, &pool->work[pool->count], block, on_work_done),
                         0);
    }
    pool->last.data = pool;
    assert_int_equal(uv_queue_work(&pool->loop, &pool->last, note_begun, on_work_done), 0);
}

static int is_still_full(struct pool *pool)
{
    return __atomic_load_n(&pool->is_full, __ATOMIC_SEQ_CST);
}

static void empty_pool(struct pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++)
        uv_sem_post(&pool->release);
    while (pool->done < pool->count + 1)
        uv_run(&pool->loop, UV_RUN_ONCE);
    assert_int_equal(uv_loop_close(&pool->loop), 0);
    uv_sem_destroy(&pool->release);
}

static void nodes_on_own_threads_connect_while_the_worker_pool_is_full(void **state)
{
    (void)state;
    static struct pool pool;
    struct app app = {0};
    char entry[TEST_ENTRY_MAX];
    struct th_node *first = test_node_new(NULL), *second;
    test_bell_init(&app.bell);
    fill_pool(&pool);

    assert_int_equal(th_node_start(first, NULL, NULL, NULL), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, NULL, on_event, &app), TH_OK);
    assert_true(test_wait_for(&app.bell, &app.ready, 1));
    assert_int_equal(th_node_connect(first, th_node_hashname(second), 0, on_connect, &app), TH_OK);
    assert_true(test_wait_for(&app.bell, &app.connects, 1));
    assert_int_equal(app.result, TH_OK);
    th_node_close(second, NULL, NULL);
    th_node_close(first, NULL, NULL);

    assert_true(is_still_full(&pool));
    empty_pool(&pool);
    test_bell_clear(&app.bell);
}

/* The work is on the very loop of the nodes. */
static void nodes_on_the_loop_of_the_work_connect_while_the_worker_pool_is_full(void **state)
{
    (void)state;
    static struct pool pool;
    struct app app = {0};
    char entry[TEST_ENTRY_MAX];
    struct th_node *first = test_node_new(NULL), *second;
    test_bell_init(&app.bell);
    fill_pool(&pool);

    assert_int_equal(th_node_start(first, &pool.loop, NULL, NULL), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, &pool.loop, on_event, &app), TH_OK);
    run_until(&pool.loop, &app.ready, 1);
    assert_int_equal(th_node_connect(first, th_node_hashname(second), 0, on_connect, &app), TH_OK);
    run_until(&pool.loop, &app.connects, 1);
    assert_int_equal(app.result, TH_OK);
    th_node_close(second, on_closed, &app);
    th_node_close(first, on_closed, &app);
    run_until(&pool.loop, &app.closed, 2);

    assert_true(is_still_full(&pool));
    empty_pool(&pool);
    test_bell_clear(&app.bell);
}

/* --- the loop ------------------------------------------------------------------------------------------ */

enum moment {
    NOT_STARTED,
    STARTED,
    HAS_RUN,
    CONNECTING,       /* to one that nobody knows */
    STREAM_WAITS,     /* for a node that nobody knows */
    STREAM_IS_CLOSED, /* by its owner; on_close has not come */
    LISTENING,
    NOT_BOUND, /* the start failed: the port is in use */
    MOMENTS
};

static void bring_to(enum moment moment, struct th_node *node, uv_loop_t *loop, struct app *app)
{
    static const char nobody[] = "1111111111111111111111111111111111111111111111111111111111111111";
    struct th_stream *stream;

    if (moment == NOT_STARTED)
        return;
    assert_int_equal(th_node_start(node, loop, on_event, app),
                     moment == NOT_BOUND ? TH_IN_USE : TH_OK);
    if (moment == NOT_BOUND)
        return;
    if (moment != STARTED)
        uv_run(loop, UV_RUN_NOWAIT);
    if (moment == CONNECTING)
        assert_int_equal(th_node_connect(node, nobody, 0, on_connect, app), TH_OK);
    if (moment == LISTENING)
        assert_int_equal(th_node_listen(node, "_test", on_incoming, app), TH_OK);
    if (moment == STREAM_WAITS || moment == STREAM_IS_CLOSED) {
        assert_int_equal(th_stream_open(node, nobody, "_test", &stream_cb, app, &stream), TH_OK);
        uv_run(loop, UV_RUN_NOWAIT);
        if (moment == STREAM_IS_CLOSED)
            th_stream_close(stream);
    }
}

/* A port that another node has, as text. */
static void take_port(struct th_node *owner, char address[32])
{
    char entry[TEST_ENTRY_MAX];
    const char *port;

    test_entry_of(owner, entry);
    port = strstr(entry, "\"port\"");
    assert_non_null(port);
    port += strcspn(port, "0123456789");
    snprintf(address, 32, "127.0.0.1:%.*s", (int)strspn(port, "0123456789"), port);
}

static void loop_is_free_after_a_close_at_any_moment(void **state)
{
    (void)state;
    struct th_node *owner = test_node_new(NULL);
    char address[32];
    assert_int_equal(th_node_start(owner, NULL, NULL, NULL), TH_OK);
    take_port(owner, address);

    for (unsigned moment = 0; moment < MOMENTS; moment++) {
        const char *const listen[] = {moment == NOT_BOUND ? address : "127.0.0.1:0"};
        struct th_node_options options;
        struct th_node *node;
        struct app app = {0};
        uv_loop_t loop;
        test_bell_init(&app.bell);
        assert_int_equal(uv_loop_init(&loop), 0);
        th_node_options_init(&options, sizeof options);
        options.listen = listen;
        options.listen_count = 1;
        assert_int_equal(th_node_new(&node, &options), TH_OK);
        bring_to((enum moment)moment, node, &loop, &app);

        th_node_close(node, on_closed, &app);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);

        assert_int_equal(app.closed, 1);
        assert_int_equal(app.connects, moment == CONNECTING ? 1 : 0);
        assert_int_equal(app.stream_closed,
                         moment == STREAM_WAITS || moment == STREAM_IS_CLOSED ? 1 : 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        test_bell_clear(&app.bell);
    }
    th_node_close(owner, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_on_own_threads_connect_while_the_worker_pool_is_full),
        cmocka_unit_test(nodes_on_the_loop_of_the_work_connect_while_the_worker_pool_is_full),
        cmocka_unit_test(loop_is_free_after_a_close_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

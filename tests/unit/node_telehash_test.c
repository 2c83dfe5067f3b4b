/*
 * The public API on real sockets of this machine. telehash.h comes first, so that its own list of
 * errors is the one in force here, and err.h's is compared with it.
 */
#include "router/telehash.h"

#include "switch/base/err.h"
#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_node.h"

/* --- the list of errors ------------------------------------------------------------------------------ */

enum {
#define LISTED(name, words) LISTED_##name,
    TH_ERR_LIST(LISTED)
#undef LISTED
};
#define IS_SAME(name, words) _Static_assert((int)TH_##name == (int)LISTED_##name, #name);
TH_ERR_LIST(IS_SAME)
#undef IS_SAME

/* --- an application ---------------------------------------------------------------------------------- */

/* What callbacks found; they run on threads of the nodes, the asserts on the main thread. */
struct app {
    struct test_bell bell;
    unsigned ready, alone, links; /* events */
    unsigned connects;            /* on_connect calls */
    enum th_err result;           /* of the latest */
    char hashname[TH_HASHNAME_SIZE];
    unsigned closed;
    int closes_at_first_event;
};

static void app_init(struct app *app)
{
    memset(app, 0, sizeof *app);
    test_bell_init(&app->bell);
}

static void app_clear(struct app *app)
{
    test_bell_clear(&app->bell);
}

static void on_closed(void *data)
{
    struct app *app = data;

    test_count(&app->bell, &app->closed);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;

    if (event->kind == TH_EVENT_LINK_UP)
        test_count(&app->bell, &app->links);
    else if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&app->bell, &app->ready);
    else if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_ALONE)
        test_count(&app->bell, &app->alone);
    if (app->closes_at_first_event) {
        app->closes_at_first_event = 0;
        th_node_close(node, on_closed, app);
    }
}

static void on_connect(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    struct app *app = data;

    (void)node;
    app->result = result;
    memcpy(app->hashname, hashname, sizeof app->hashname);
    test_count(&app->bell, &app->connects);
}

/* --- nodes on threads of their own ------------------------------------------------------------------- */

/* B1 */
static void node_connects_to_another_by_its_hashname(void **state)
{
    struct app a, b;
    char entry[TEST_ENTRY_MAX];
    struct th_node *first = test_node_new(NULL), *second;
    (void)state;
    app_init(&a);
    app_init(&b);
    assert_int_equal(th_node_start(first, NULL, on_event, &a), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, NULL, on_event, &b), TH_OK);

    assert_true(test_wait_for(&b.bell, &b.ready, 1));
    assert_true(test_wait_for(&a.bell, &a.ready, 1));
    assert_int_equal(th_node_connect(second, th_node_hashname(first), 0, on_connect, &b), TH_OK);
    assert_int_equal(th_node_connect(first, th_node_hashname(second), 0, on_connect, &a), TH_OK);
    assert_true(test_wait_for(&b.bell, &b.connects, 1));
    assert_true(test_wait_for(&a.bell, &a.connects, 1));

    assert_int_equal(b.result, TH_OK);
    assert_int_equal(a.result, TH_OK);
    assert_string_equal(b.hashname, th_node_hashname(first));
    assert_true(a.links >= 1 && b.links >= 1);
    th_node_close(second, NULL, NULL);
    th_node_close(first, NULL, NULL);
    app_clear(&a);
    app_clear(&b);
}

static void hashname_that_nobody_has_is_not_found(void **state)
{
    static const char nobody[] = "00000000000000000000000000000000000000000000000000000000000000ff";
    struct app a, b;
    char entry[TEST_ENTRY_MAX];
    struct th_node *first = test_node_new(NULL), *second;
    (void)state;
    app_init(&a);
    app_init(&b);
    assert_int_equal(th_node_start(first, NULL, on_event, &a), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, NULL, on_event, &b), TH_OK);
    assert_true(test_wait_for(&b.bell, &b.ready, 1));

    assert_int_equal(th_node_connect(second, nobody, 0, on_connect, &b), TH_OK);
    assert_true(test_wait_for(&b.bell, &b.connects, 1));

    assert_int_equal(b.result, TH_NOT_FOUND);
    th_node_close(first, NULL, NULL);
    th_node_close(second, NULL, NULL);
    app_clear(&a);
    app_clear(&b);
}

static void connects_that_wait_when_a_node_is_closed_are_each_told_once(void **state)
{
    enum { CONNECTS = 20 };
    struct app app;
    struct th_node *node = test_node_new(NULL);
    (void)state;
    app_init(&app);
    assert_int_equal(th_node_start(node, NULL, on_event, &app), TH_OK);

    for (unsigned i = 0; i < CONNECTS; i++) {
        char hashname[TH_HASHNAME_SIZE];
        memset(hashname, (int)('a' + i % 6), TH_HASHNAME_SIZE - 1);
        hashname[TH_HASHNAME_SIZE - 1] = 0;
        assert_int_equal(th_node_connect(node, hashname, 0, on_connect, &app), TH_OK);
    }
    th_node_close(node, on_closed, &app);
    assert_true(test_wait_for(&app.bell, &app.closed, 1));

    assert_int_equal(app.connects, CONNECTS);
    app_clear(&app);
}

static void node_may_be_closed_from_its_own_callback(void **state)
{
    struct app app;
    struct th_node *node = test_node_new(NULL);
    (void)state;
    app_init(&app);
    app.closes_at_first_event = 1;

    assert_int_equal(th_node_start(node, NULL, on_event, &app), TH_OK);

    assert_true(test_wait_for(&app.bell, &app.closed, 1));
    app_clear(&app);
}

static void port_in_use_is_told_and_the_start_may_be_tried_again(void **state)
{
    struct app app;
    char entry[TEST_ENTRY_MAX], addr[64];
    const char *listen[] = {addr};
    struct th_node *first = test_node_new(NULL), *second = NULL;
    struct th_node_options options;
    (void)state;
    app_init(&app);
    assert_int_equal(th_node_start(first, NULL, NULL, NULL), TH_OK);
    test_entry_of(first, entry);
    const char *port = strstr(entry, "\"port\":");
    assert_non_null(port);
    snprintf(addr, sizeof addr, "127.0.0.1:%d", atoi(port + strlen("\"port\":")));

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    assert_int_equal(th_node_new(&second, &options), TH_OK);
    assert_int_equal(th_node_start(second, NULL, NULL, NULL), TH_IN_USE);
    th_node_close(first, NULL, NULL);
    assert_int_equal(th_node_start(second, NULL, NULL, NULL), TH_OK);

    th_node_close(second, NULL, NULL);
    app_clear(&app);
}

/* --- nodes on a loop of the application's ------------------------------------------------------------- */

/* E5 */
static void nodes_on_one_loop_of_the_application_connect_and_leave_nothing_there(void **state)
{
    struct app a, b;
    char entry[TEST_ENTRY_MAX];
    uv_loop_t loop;
    struct th_node *first = test_node_new(NULL), *second;
    (void)state;
    app_init(&a);
    app_init(&b);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_node_start(first, &loop, on_event, &a), TH_OK);
    test_entry_of(first, entry);
    second = test_node_new(entry);
    assert_int_equal(th_node_start(second, &loop, on_event, &b), TH_OK);

    while (b.ready == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(th_node_connect(second, th_node_hashname(first), 0, on_connect, &b), TH_OK);
    assert_int_equal(b.connects, 0); /* never from inside */
    while (b.connects == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(b.result, TH_OK);

    th_node_close(second, on_closed, &b);
    th_node_close(first, on_closed, &a);
    assert_int_equal(a.closed + b.closed, 0);
    while (a.closed + b.closed < 2)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    app_clear(&a);
    app_clear(&b);
}

static void node_on_a_loop_may_be_closed_before_the_loop_ran(void **state)
{
    struct app app;
    uv_loop_t loop;
    struct th_node *node = test_node_new(NULL);
    (void)state;
    app_init(&app);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_node_start(node, &loop, on_event, &app), TH_OK);

    th_node_close(node, on_closed, &app);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);

    assert_int_equal(app.closed, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    app_clear(&app);
}

/* --- what cannot go well ----------------------------------------------------------------------------- */

/* On a loop everything happens on this thread, whose memory is refused. */
static void refused_memory_is_told_and_a_node_can_be_closed_all_the_same(void **state)
{
    enum { REFUSALS = 150, TURNS = 20 };
    unsigned failed = 0;
    (void)state;

    for (uint64_t nth = 1; nth <= REFUSALS; nth++) {
        struct app app;
        uv_loop_t loop;
        struct th_node *node = test_node_new(NULL);
        app_init(&app);
        assert_int_equal(uv_loop_init(&loop), 0);

        th_mem_refuse(nth);
        enum th_err e = th_node_start(node, &loop, on_event, &app);
        assert_true(e == TH_OK || e == TH_NO_MEMORY || e == TH_LIMIT);
        failed += e != TH_OK;
        for (unsigned i = 0; i < TURNS; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        th_node_close(node, on_closed, &app);
        uv_run(&loop, UV_RUN_DEFAULT);
        th_mem_refuse(0);

        assert_int_equal(app.closed, 1);
        assert_int_equal(uv_loop_close(&loop), 0);
        app_clear(&app);
    }
    assert_true(failed > 0 && failed < REFUSALS);
}

static void node_that_was_not_started_is_closed_at_once(void **state)
{
    struct app app;
    (void)state;
    app_init(&app);

    th_node_close(test_node_new(NULL), on_closed, &app);
    th_node_close(NULL, on_closed, &app);

    assert_int_equal(app.closed, 1);
    app_clear(&app);
}

static void misuse_is_answered_invalid(void **state)
{
    static const char *const addrs[] = {"localhost:1"};
    struct th_node *node = test_node_new(NULL), *none = NULL;
    struct th_node_options options;
    char entry[16];
    size_t len = sizeof entry;
    (void)state;

    th_node_options_init(&options, sizeof options.size); /* too small to be any version's */
    assert_int_equal(th_node_new(&none, &options), TH_INVALID);
    th_node_options_init(&options, sizeof options);
    options.listen = addrs;
    options.listen_count = 1;
    assert_int_equal(th_node_new(&none, &options), TH_INVALID);
    options.listen_count = 0;
    for (unsigned k = 1; k < 70; k += 64) { /* 1 and 65 */
        options.k = k;
        assert_int_equal(th_node_new(&none, &options), TH_INVALID);
    }
    options.k = 0;
    for (unsigned links_max = 1; links_max < 5000; links_max += 4096) { /* 1 and 4097 */
        options.links_max = links_max;
        assert_int_equal(th_node_new(&none, &options), TH_INVALID);
    }
    options.links_max = 0;
    options.seeds = "{]";
    options.seeds_len = 2;
    assert_int_equal(th_node_new(&none, &options), TH_FORMAT);
    assert_int_equal(th_node_new(NULL, &options), TH_INVALID);
    assert_null(none);

    assert_int_equal(th_node_connect(node, th_node_hashname(node), 0, on_connect, NULL),
                     TH_INVALID);
    assert_int_equal(th_node_connect(node, "not a hashname", 0, on_connect, NULL), TH_INVALID);
    assert_int_equal(th_node_seeds_entry(node, entry, &len), TH_INVALID); /* not started */
    assert_int_equal(th_node_start(node, NULL, NULL, NULL), TH_OK);
    assert_int_equal(th_node_start(node, NULL, NULL, NULL), TH_INVALID);
    assert_int_equal(th_node_seeds_entry(node, entry, &len), TH_TOO_BIG);
    assert_true(len > sizeof entry);
    th_node_close(node, NULL, NULL);
}

static void identity_is_exported_and_imported(void **state)
{
    struct th_identity *a = NULL, *b = NULL;
    char json[512], ours[TH_HASHNAME_SIZE], theirs[TH_HASHNAME_SIZE];
    size_t len = 0, room = 10;
    (void)state;

    assert_int_equal(th_identity_generate(&a), TH_OK);
    assert_int_equal(th_identity_export(a, NULL, &len), TH_OK);
    assert_in_range(len, 60, sizeof json);
    assert_int_equal(th_identity_export(a, json, &room), TH_TOO_BIG);
    assert_int_equal(room, len);
    assert_int_equal(th_identity_export(a, json, &len), TH_OK);
    assert_int_equal(th_identity_import(&b, json, len - 1), TH_OK);

    th_identity_hashname(a, ours);
    th_identity_hashname(b, theirs);
    assert_string_equal(ours, theirs);
    assert_int_equal(th_identity_import(&b, "{}", 2), TH_FORMAT);
    th_identity_free(a);
    th_identity_free(b);
    th_identity_free(NULL);
}

static void node_has_the_hashname_of_the_identity_that_it_is_given(void **state)
{
    struct th_identity *identity = NULL;
    struct th_node_options options;
    struct th_node *node = NULL;
    char hashname[TH_HASHNAME_SIZE];
    (void)state;
    assert_int_equal(th_identity_generate(&identity), TH_OK);
    th_identity_hashname(identity, hashname);

    th_node_options_init(&options, sizeof options);
    options.identity = identity;
    assert_int_equal(th_node_new(&node, &options), TH_OK);
    th_identity_free(identity);

    assert_string_equal(th_node_hashname(node), hashname);
    th_node_close(node, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_connects_to_another_by_its_hashname),
        cmocka_unit_test(hashname_that_nobody_has_is_not_found),
        cmocka_unit_test(connects_that_wait_when_a_node_is_closed_are_each_told_once),
        cmocka_unit_test(node_may_be_closed_from_its_own_callback),
        cmocka_unit_test(port_in_use_is_told_and_the_start_may_be_tried_again),
        cmocka_unit_test(nodes_on_one_loop_of_the_application_connect_and_leave_nothing_there),
        cmocka_unit_test(node_on_a_loop_may_be_closed_before_the_loop_ran),
        cmocka_unit_test(refused_memory_is_told_and_a_node_can_be_closed_all_the_same),
        cmocka_unit_test(node_that_was_not_started_is_closed_at_once),
        cmocka_unit_test(misuse_is_answered_invalid),
        cmocka_unit_test(identity_is_exported_and_imported),
        cmocka_unit_test(node_has_the_hashname_of_the_identity_that_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What an application is told of links, while servers of its node end and are started anew. */
#include "router/telehash_node.h"

#include <string.h>

#include "tests/lib/test_node.h"

/* Callbacks run on threads of the nodes, the asserts on the main thread. */
struct app {
    struct test_bell bell;
    unsigned ups, downs, out_of_turn;
    bool is_up;
};

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct app *app = data;
    bool is_up = event->kind == TH_EVENT_LINK_UP;

    (void)node;
    if (!is_up && event->kind != TH_EVENT_LINK_DOWN)
        return;
    uv_mutex_lock(&app->bell.lock);
    app->out_of_turn += app->is_up == is_up;
    app->is_up = is_up;
    app->ups += is_up;
    app->downs += !is_up;
    uv_cond_broadcast(&app->bell.changed);
    uv_mutex_unlock(&app->bell.lock);
}

static bool wait_for(struct app *app, unsigned ups, unsigned downs)
{
    bool is_there;

    uv_mutex_lock(&app->bell.lock);
    while ((app->ups < ups || app->downs < downs) &&
           uv_cond_timedwait(&app->bell.changed, &app->bell.lock,
                             TEST_WAIT_MS * (uint64_t)1000000) == 0)
        continue;
    is_there = app->ups >= ups && app->downs >= downs;
    uv_mutex_unlock(&app->bell.lock);
    return is_there;
}

static struct th_node *start_node(const char *entry, struct app *app)
{
    struct th_node *node = test_node_new(entry);

    assert_int_equal(th_node_start(node, NULL, app ? on_event : NULL, app), TH_OK);
    return node;
}

/* A server of the node ends, and its supervisor starts it anew. */
static void end_server(struct th_node *node, const char *name)
{
    th_pid pid = th_whereis(node->host, 0, name);

    assert_true(pid != 0);
    th_stop(node->host, pid, TH_IO);
}

static void links_are_told_up_and_down_in_turn_whoever_ends(void **state)
{
    static const char *const servers[] = {TH_NODE_ROUTER, TH_NODE_SWITCH};
    struct app app = {0};
    char entry[TEST_ENTRY_MAX];
    (void)state;
    test_bell_init(&app.bell);
    struct th_node *first = start_node(NULL, NULL);
    test_entry_of(first, entry);
    struct th_node *second = start_node(entry, &app);
    assert_true(wait_for(&app, 1, 0));

    for (unsigned i = 0; i < 2; i++) {
        end_server(second, servers[i]);
        if (!wait_for(&app, 2 + i, 1 + i))
            fail_msg("%s: %u up, %u down", servers[i], app.ups, app.downs);
    }

    /* Nobody announces for a while, and meanwhile the other node goes: it is told all the same. */
    end_server(second, TH_NODE_EVENTS);
    th_node_close(first, NULL, NULL);
    assert_true(wait_for(&app, 3, 3));

    th_node_close(second, NULL, NULL);
    assert_int_equal(app.out_of_turn, 0);
    test_bell_clear(&app.bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_told_up_and_down_in_turn_whoever_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

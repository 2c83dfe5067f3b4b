/* What an application is told of links, while servers of its node end and are started anew. */
#include "router/telehash_node.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { ENTRY_MAX = 4096, WAIT_MS = 20000 };

/* Callbacks run on threads of the nodes, the asserts on the main thread. */
struct app {
    uv_mutex_t lock;
    uv_cond_t changed;
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
    uv_mutex_lock(&app->lock);
    app->out_of_turn += app->is_up == is_up;
    app->is_up = is_up;
    app->ups += is_up;
    app->downs += !is_up;
    uv_cond_broadcast(&app->changed);
    uv_mutex_unlock(&app->lock);
}

static bool wait_for(struct app *app, unsigned ups, unsigned downs)
{
    bool is_there;

    uv_mutex_lock(&app->lock);
    while ((app->ups < ups || app->downs < downs) &&
           uv_cond_timedwait(&app->changed, &app->lock, WAIT_MS * (uint64_t)1000000) == 0)
        continue;
    is_there = app->ups >= ups && app->downs >= downs;
    uv_mutex_unlock(&app->lock);
    return is_there;
}

static struct th_node *start_node(const char *entry, struct app *app)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;
    struct th_node *node = NULL;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    assert_int_equal(th_node_new(&node, &options), TH_OK);
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
    char entry[ENTRY_MAX];
    size_t len = sizeof entry;
    (void)state;
    assert_int_equal(uv_mutex_init(&app.lock), 0);
    assert_int_equal(uv_cond_init(&app.changed), 0);
    struct th_node *first = start_node(NULL, NULL);
    assert_int_equal(th_node_seeds_entry(first, entry, &len), TH_OK);
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
    uv_cond_destroy(&app.changed);
    uv_mutex_destroy(&app.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_told_up_and_down_in_turn_whoever_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

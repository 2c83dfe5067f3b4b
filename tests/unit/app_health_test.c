#include "tools/app/health.h"

#include "tools/app/settings.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { LIMIT_MS = 1000 };

/* A node whose servers answered: ready, with three links. Tests change what they are about. */
struct scene {
    struct th_server_look row[2];
    struct th_switch_status status;
    struct th_bootstrap_status bootstrap;
    struct th_dialer_status dialer;
    struct th_router_table *table;
    struct th_look look;
    struct th_health_facts facts;
    struct th_health health;
};

static int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->row[0] = (struct th_server_look){.name = TH_NODE_SWITCH};
    s->row[1] = (struct th_server_look){.name = TH_NODE_ROUTER};
    s->bootstrap = (struct th_bootstrap_status){.state = TH_NODE_READY, .sources = 2, .reached = 1};
    s->dialer = (struct th_dialer_status){.recent = 8, .recent_failed = 1};
    s->table = calloc(1, sizeof *s->table + 3 * sizeof s->table->link[0]);
    s->table->count = 3;
    for (unsigned i = 0; i < 3; i++)
        s->table->link[i] = (struct th_link_look){.is_up = true, .last_rx_ms = 20000 + i};
    s->look = (struct th_look){
        .status = &s->status, .bootstrap = &s->bootstrap, .dialer = &s->dialer, .table = s->table};
    *state = s;
    return 0;
}

static int free_scene(void **state)
{
    struct scene *s = *state;

    free(s->table);
    free(s);
    return 0;
}

static const struct th_health *judge(struct scene *s)
{
    th_health_look_at_servers(&s->facts, s->row, 2, LIMIT_MS);
    th_health_look_at_node(&s->facts, &s->look);
    th_health_judge(&s->health, &s->facts);
    return &s->health;
}

/* One reason, of that kind, with a sentence and a next step that have these words. */
static void assert_reason(const struct th_health *h, enum th_health_why why, const char *server,
                          const char *text, const char *next)
{
    assert_false(h->is_healthy);
    assert_int_equal(h->reason_count, 1);
    assert_string_equal(th_health_word(h->reason[0].why), th_health_word(why));
    assert_string_equal(h->reason[0].server, server);
    if (strstr(h->reason[0].text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", h->reason[0].text, text);
    if (strstr(h->reason[0].next, next) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", h->reason[0].next, next);
}

static void a_node_with_links_that_are_heard_is_healthy(void **state)
{
    struct scene *s = *state;
    const struct th_health *h = judge(s);
    char text[TH_HEALTH_TEXT_MAX];

    assert_true(h->is_alive);
    assert_true(h->is_healthy);
    assert_int_equal(h->reason_count, 0);
    th_health_say(text, h, &s->facts);
    assert_string_equal(text, "ready, 3 links");
}

/* A10 */
static void alive_is_judged_without_asking_any_server(void **state)
{
    struct scene *s = *state;
    char text[TH_HEALTH_TEXT_MAX];

    th_health_look_at_servers(&s->facts, s->row, 2, LIMIT_MS);
    th_health_judge(&s->health, &s->facts);

    assert_true(s->health.is_alive);
    assert_false(s->health.is_healthy);
    assert_int_equal(s->health.reason_count, 0);
    th_health_say(text, &s->health, &s->facts);
    assert_string_equal(text, "alive");
}

static void a_callback_at_the_limit_is_a_hanging_server_and_no_shorter_one(void **state)
{
    struct scene *s = *state;

    s->row[1].state = TH_SERVER_RUNNING;
    s->row[1].doing = "router.seek";
    s->row[1].doing_us = LIMIT_MS * 1000 - 1;
    assert_true(judge(s)->is_healthy);

    s->row[1].doing_us = LIMIT_MS * 1000;
    s->look.table = NULL; /* it answers nobody meanwhile, which is no reason of its own */
    const struct th_health *h = judge(s);
    assert_false(h->is_alive);
    assert_reason(h, TH_HEALTH_HANGING, "router", "one callback (router.seek) for 1 s",
                  "thctl servers");
}

/* To be started anew would make the disk no faster. */
static void a_server_that_waits_for_the_disk_is_alive_and_not_healthy(void **state)
{
    static const char *const names[] = {TH_NODE_KEEPER, TH_SETTINGS_NAME};
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(s->row[1].name, sizeof s->row[1].name, "%s", names[i]);
        s->row[1].state = TH_SERVER_RUNNING;
        s->row[1].doing = "keeper.save";
        s->row[1].doing_us = 60 * 1000 * 1000;
        const struct th_health *h = judge(s);
        assert_true(h->is_alive);
        assert_reason(h, TH_HEALTH_HANGING, names[i], "one callback (keeper.save) for 1 m", "disk");
    }
    s->row[0].doing = "switch.tick";
    s->row[0].doing_us = LIMIT_MS * 1000;
    assert_false(judge(s)->is_alive);
}

static void a_suspended_server_is_alive_and_not_healthy(void **state)
{
    struct scene *s = *state;

    s->row[1].state = TH_SERVER_SUSPENDED;
    s->look.table = NULL;
    const struct th_health *h = judge(s);
    assert_true(h->is_alive);
    assert_reason(h, TH_HEALTH_SUSPENDED, "router", "is suspended", "thctl resume router");
}

static void a_server_that_is_restarted_is_named(void **state)
{
    struct scene *s = *state;

    s->row[1].state = TH_SERVER_RESTARTING;
    assert_reason(judge(s), TH_HEALTH_RESTARTING, "router", "is being restarted", "thctl log");
    assert_true(s->health.is_alive);
}

static void a_server_that_does_not_answer_is_named(void **state)
{
    struct scene *s = *state;

    s->look.dialer = NULL;
    assert_reason(judge(s), TH_HEALTH_UNANSWERED, "dialer", "does not answer", "thctl servers");
    assert_true(s->health.is_alive);
}

static void each_state_but_ready_is_a_reason_of_its_own(void **state)
{
    struct scene *s = *state;

    s->table->count = 0; /* which the state explains */
    s->bootstrap.state = TH_NODE_STARTING;
    assert_reason(judge(s), TH_HEALTH_STARTING, "bootstrap", "starting", "in a moment");
    s->bootstrap.state = TH_NODE_JOINING;
    s->bootstrap.state_ms = 90000;
    assert_reason(judge(s), TH_HEALTH_JOINING, "bootstrap", "joining for 1 min: 1 of 2",
                  "thctl doctor");
    s->bootstrap.state = TH_NODE_ALONE;
    assert_reason(judge(s), TH_HEALTH_SEEDS_SILENT, "bootstrap",
                  "some have a line, but none answers", "thctl doctor");
    s->bootstrap.reached = 0;
    assert_reason(judge(s), TH_HEALTH_SEEDS_SILENT, "bootstrap", "2 nodes it may join from none",
                  "thctl doctor");
    s->bootstrap.sources = 0;
    assert_reason(judge(s), TH_HEALTH_NO_SEED, "bootstrap", "no node to join from",
                  "thctl seeds add");
    assert_true(s->health.is_alive);
}

static void a_ready_node_without_a_link_is_not_healthy(void **state)
{
    struct scene *s = *state;

    for (unsigned i = 0; i < 3; i++)
        s->table->link[i].is_up = false;
    assert_reason(judge(s), TH_HEALTH_NO_LINK, "router", "no link", "thctl doctor");
}

static void when_most_linked_nodes_are_silent_it_is_not_healthy(void **state)
{
    struct scene *s = *state;

    s->table->link[0].last_rx_ms = s->table->link[1].last_rx_ms = TH_HEALTH_SILENT_MS + 1;
    assert_reason(judge(s), TH_HEALTH_SILENT, "router",
                  "of 3 linked nodes 1 was heard in the last 45 s; the newest sign is 20 s old",
                  "firewall");
    s->table->link[0].last_rx_ms = TH_HEALTH_SILENT_MS;
    assert_true(judge(s)->is_healthy);
}

static void only_dials_that_all_failed_of_late_are_a_reason(void **state)
{
    struct scene *s = *state;

    s->dialer.recent_failed = 7;
    assert_true(judge(s)->is_healthy);
    s->dialer.recent_failed = 8;
    assert_reason(judge(s), TH_HEALTH_DIALS_FAIL, "dialer", "each of the last 8", "thctl seek");
    s->dialer.recent_ms = TH_HEALTH_DIALS_MS + 1;
    assert_true(judge(s)->is_healthy);
    s->dialer.recent_ms = 0;
    s->dialer.recent = s->dialer.recent_failed = TH_HEALTH_DIALS_MIN - 1;
    assert_true(judge(s)->is_healthy);
}

static void reasons_beyond_the_room_are_counted(void **state)
{
    struct scene *s = *state;
    enum { MANY = TH_HEALTH_SERVERS_MAX + 5 };
    struct th_server_look *rows = calloc(MANY, sizeof *rows);
    char text[TH_HEALTH_TEXT_MAX];

    for (unsigned i = 0; i < MANY; i++)
        rows[i] = (struct th_server_look){.name = "x", .state = TH_SERVER_SUSPENDED};
    th_health_look_at_servers(&s->facts, rows, MANY, LIMIT_MS);
    th_health_judge(&s->health, &s->facts);

    assert_int_equal(s->health.reason_count, TH_HEALTH_REASONS_MAX);
    assert_int_equal(s->health.reasons_left_out, MANY - TH_HEALTH_REASONS_MAX);
    th_health_say(text, &s->health, &s->facts);
    assert_string_equal(text, "the x is suspended: somebody asked for it; and 68 more");
    free(rows);
}

static void what_nobody_knows_is_null(void **state)
{
    struct scene *s = *state;

    s->look = (struct th_look){0};
    judge(s);
    assert_int_equal(s->health.reason_count, 4); /* none of the four answers */
    json_t *all = th_health_json(&s->health, &s->facts);
    static const char *const keys[] = {"state",        "state_ms",     "links",
                                       "heard_ms_ago", "recent_dials", "recent_dials_failed"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(json_is_null(json_object_get(all, keys[i])));
    assert_true(json_is_true(json_object_get(all, "alive")));
    assert_int_equal(json_array_size(json_object_get(all, "reasons")), 4);
    json_decref(all);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(a_node_with_links_that_are_heard_is_healthy),
        IN_SCENE(alive_is_judged_without_asking_any_server),
        IN_SCENE(a_callback_at_the_limit_is_a_hanging_server_and_no_shorter_one),
        IN_SCENE(a_server_that_waits_for_the_disk_is_alive_and_not_healthy),
        IN_SCENE(a_suspended_server_is_alive_and_not_healthy),
        IN_SCENE(a_server_that_is_restarted_is_named),
        IN_SCENE(a_server_that_does_not_answer_is_named),
        IN_SCENE(each_state_but_ready_is_a_reason_of_its_own),
        IN_SCENE(a_ready_node_without_a_link_is_not_healthy),
        IN_SCENE(when_most_linked_nodes_are_silent_it_is_not_healthy),
        IN_SCENE(only_dials_that_all_failed_of_late_are_a_reason),
        IN_SCENE(reasons_beyond_the_room_are_counted),
        IN_SCENE(what_nobody_knows_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Whole nodes, ten in one process, on a network in memory and under a virtual clock.
 *
 * TH_MESH_LOG=info (error, warn, debug) prints what the nodes log, with the virtual time.
 */
#include "router/node.h"
#include "switch/run/host_step.h"
#include "tests/lib/net_mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test_cmocka.h"

enum { NODES = 10, SEED = 0, TRACE_MAX = 65536 };

struct peer {
    struct mesh *mesh;
    unsigned i;
    struct th_identity id;
    struct net_mem_node *net;
    struct th_seed entry;
    struct th_seeds seeds;
    struct th_log log;
    struct th_node_config config;
    struct th_node_tree *tree; /* NULL: it does not run */
};

struct mesh {
    struct th_host *host;
    struct th_place *place[5];
    struct net_mem net;
    struct peer peer[NODES];
    th_ms began;
    size_t trace_len;
    char trace[TRACE_MAX]; /* one line for each link event */
};

/* --- watching ---------------------------------------------------------------------------------------- */

static void print_log(void *data, enum th_log_level level, const char *topic, const char *text)
{
    const struct peer *peer = data;
    th_ms ms = th_host_now(peer->mesh->host).mono - peer->mesh->began;

    print_message("%4llu.%03llu node=%u %s %s %s\n", (unsigned long long)(ms / 1000),
                  (unsigned long long)(ms % 1000), peer->i, th_log_level_name(level), topic, text);
}

static struct th_log log_of(struct peer *peer)
{
    const char *wanted = getenv("TH_MESH_LOG");

    for (int level = TH_LOG_ERROR; wanted && level <= (int)TH_LOG_DEBUG; level++)
        if (strcmp(wanted, th_log_level_name((enum th_log_level)level)) == 0)
            return (struct th_log){(enum th_log_level)level, print_log, peer};
    return (struct th_log){0};
}

static unsigned index_of(const struct mesh *mesh, const struct th_hashname *id)
{
    unsigned i = 0;

    while (i < NODES && !th_hashname_is_equal(&mesh->peer[i].id.hashname, id))
        i++;
    return i;
}

/* Subscribes as soon as the node's event manager is there. */
static enum th_err watcher_init(void *state, const struct th_self *self, void *arg)
{
    *(struct peer **)state = arg;
    return th_subscribe(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS),
                        (struct th_interest){.kinds = TH_EV_LINK_UP | TH_EV_LINK_DOWN}, NULL, NULL);
}

static enum th_err watcher_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    const struct peer *peer = *(struct peer **)state;
    struct mesh *mesh = peer->mesh;
    size_t room = sizeof mesh->trace - mesh->trace_len;
    int len;

    if (msg->kind == &th_down_msg)
        return TH_GONE;
    if (msg->kind != &th_event_msg)
        return TH_OK;
    const struct th_event *event = th_event_of(msg);
    const struct th_ev_link *link = th_ev_link_of(event);
    len = snprintf(mesh->trace + mesh->trace_len, room, "%llu %u %s %u %s\n",
                   (unsigned long long)self->now.mono, peer->i,
                   event->kind == TH_EV_LINK_UP ? "up" : "down", index_of(mesh, &link->id),
                   th_strerror(link->why));
    assert_true(len > 0 && (size_t)len < room);
    mesh->trace_len += (size_t)len;
    return TH_OK;
}

static const struct th_server_ops watcher_ops = {.name = "watcher",
                                                 .state_size = sizeof(struct peer *),
                                                 .init = watcher_init,
                                                 .on_msg = watcher_on_msg};

/* --- the mesh ---------------------------------------------------------------------------------------- */

static void start_node(struct mesh *mesh, unsigned i)
{
    struct peer *peer = &mesh->peer[i];
    const struct th_server_spec watcher = {.ops = &watcher_ops,
                                           .arg = peer,
                                           .name = "watcher",
                                           .scope = i + 1,
                                           .place = mesh->place[4]};
    struct th_msg reply = {0};
    th_pid pid;

    peer->config.rng_seed[2]++; /* a daemon draws a new one at each start */
    assert_int_equal(th_node_tree_start(&peer->tree, mesh->host, &peer->config), TH_OK);
    assert_int_equal(th_call_wait(mesh->host, th_node_tree_supervisor(peer->tree),
                                  (struct th_msg){.kind = &th_supervisor_ready_msg}, 1000, &reply),
                     TH_OK);
    th_msg_drop(&reply);
    assert_int_equal(th_spawn(mesh->host, &watcher, &pid), TH_OK);
}

/* As kill -9 does: nobody is told. */
static void kill_node(struct mesh *mesh, unsigned i)
{
    struct peer *peer = &mesh->peer[i];

    net_mem_cut(peer->net, true);
    th_stop(mesh->host, th_node_tree_supervisor(peer->tree), TH_SHUTDOWN);
    th_host_step_run(mesh->host, 10);
    assert_true(th_whereis(mesh->host, i + 1, TH_NODE_SUPERVISOR) == 0);
    th_node_tree_free(peer->tree);
    peer->tree = NULL;
    net_mem_cut(peer->net, false);
}

static void configure(struct mesh *mesh, unsigned i, uint8_t rng_seed, unsigned k,
                      unsigned links_max)
{
    struct peer *peer = &mesh->peer[i];
    const uint8_t key_seed[TH_KEY_BYTES] = {[0] = (uint8_t)(i + 1), [1] = 77};

    peer->mesh = mesh;
    peer->i = i;
    peer->log = log_of(peer);
    th_identity_make(&peer->id, key_seed);
    peer->net = net_mem_add(&mesh->net, (uint8_t)(i + 1));
    peer->entry = (struct th_seed){.id = peer->id.hashname,
                                   .parts = peer->id.parts,
                                   .key = peer->id.cs3a.pub,
                                   .paths = {.count = 1, .addr = {peer->net->addr}}};
    if (i != SEED)
        peer->seeds = (struct th_seeds){.count = 1, .seed = &mesh->peer[SEED].entry};
    peer->config = (struct th_node_config){.identity = &peer->id,
                                           .seeds = &peer->seeds,
                                           .net = &peer->net->net,
                                           .log = &peer->log,
                                           .scope = i + 1,
                                           .k = i == SEED ? 0 : k,
                                           .links_max = i == SEED ? 0 : links_max,
                                           .is_seed = true,
                                           .switch_place = mesh->place[0],
                                           .dialer_place = mesh->place[1],
                                           .router_place = mesh->place[2],
                                           .bootstrap_place = mesh->place[3],
                                           .supervisor_place = mesh->place[4],
                                           .rng_seed = {(uint8_t)i, rng_seed}};
}

/* Ten nodes that know node 0; k and links_max are of the other nine, 0 for the defaults. */
static struct mesh *begin(uint8_t rng_seed, unsigned k, unsigned links_max)
{
    static const char *const names[] = {"switch", "dialer", "router", "bootstrap", "rest"};
    struct mesh *mesh = th_mem_zalloc(1, sizeof *mesh);

    assert_non_null(mesh);
    assert_int_equal(th_host_step_new(&mesh->host, rng_seed), TH_OK);
    mesh->began = th_host_now(mesh->host).mono;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(th_host_step_place(mesh->host, names[i], &mesh->place[i]), TH_OK);
    for (unsigned i = 0; i < NODES; i++)
        configure(mesh, i, rng_seed, k, links_max);
    for (unsigned i = 0; i < NODES; i++)
        start_node(mesh, i);
    return mesh;
}

static void end(struct mesh *mesh)
{
    th_host_step_close(mesh->host);
    for (unsigned i = 0; i < NODES; i++) {
        th_node_tree_free(mesh->peer[i].tree);
        th_identity_clear(&mesh->peer[i].id);
    }
    th_mem_free(mesh);
}

static void run_s(struct mesh *mesh, unsigned s)
{
    th_host_step_run(mesh->host, s * (th_ms)1000);
}

static struct th_bootstrap_status status_of(struct mesh *mesh, unsigned i)
{
    struct th_msg reply = {0};
    struct th_bootstrap_status status;

    assert_int_equal(th_call_wait(mesh->host, th_whereis(mesh->host, i + 1, TH_NODE_BOOTSTRAP),
                                  (struct th_msg){.kind = &th_bootstrap_msg_status}, 1000, &reply),
                     TH_OK);
    status = *(struct th_bootstrap_status *)reply.body;
    th_msg_drop(&reply);
    return status;
}

static bool are_ready(struct mesh *mesh)
{
    bool are_so = true;

    for (unsigned i = 0; i < NODES; i++)
        are_so &= mesh->peer[i].tree == NULL || status_of(mesh, i).state == TH_NODE_READY;
    return are_so;
}

/* Virtual seconds until all that run are ready; more than max: they are not. */
static unsigned seconds_until_ready(struct mesh *mesh, unsigned max)
{
    unsigned s = 0;

    while (!are_ready(mesh) && s++ < max)
        run_s(mesh, 1);
    return s;
}

static bool is_linked(struct mesh *mesh, unsigned i, unsigned k)
{
    struct th_msg reply = {0};
    bool is_so = false;

    assert_int_equal(th_call_wait(mesh->host, th_whereis(mesh->host, i + 1, TH_NODE_ROUTER),
                                  (struct th_msg){.kind = &th_router_msg_table}, 1000, &reply),
                     TH_OK);
    const struct th_router_table *table = reply.body;
    for (unsigned n = 0; n < table->count; n++)
        is_so |= table->link[n].is_up && index_of(mesh, &table->link[n].id) == k;
    th_msg_drop(&reply);
    return is_so;
}

/* Dials from one node to another, by looking it up. */
static struct th_dialed reach(struct mesh *mesh, unsigned from, unsigned to)
{
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);
    struct th_msg reply = {0};
    struct th_dialed dialed;

    assert_non_null(dial);
    dial->target = mesh->peer[to].id.hashname;
    dial->mode = TH_DIAL_REACH;
    dial->always_seek = true;
    assert_int_equal(th_call_wait(mesh->host, th_whereis(mesh->host, from + 1, TH_NODE_DIALER),
                                  (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                                  TH_DIAL_MS_DEFAULT + 1000, &reply),
                     TH_OK);
    dialed = *(struct th_dialed *)reply.body;
    th_msg_drop(&reply);
    return dialed;
}

/* How many of the pairs of running nodes do not reach each other. */
static unsigned unreached(struct mesh *mesh)
{
    unsigned n = 0;

    for (unsigned from = 0; from < NODES; from++) {
        for (unsigned to = 0; to < NODES; to++) {
            if (from == to || !mesh->peer[from].tree || !mesh->peer[to].tree)
                continue;
            struct th_dialed dialed = reach(mesh, from, to);
            if (dialed.result == TH_OK && dialed.has_line && dialed.is_found)
                continue;
            print_message("node %u did not reach %u: %s found=%d line=%d asked=%u\n", from, to,
                          th_strerror(dialed.result), dialed.is_found, dialed.has_line,
                          dialed.asked);
            n++;
        }
    }
    return n;
}

static unsigned unlinked_with_seed(struct mesh *mesh)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NODES; i++)
        n += i != SEED && !is_linked(mesh, i, SEED);
    return n;
}

/* --- tests ------------------------------------------------------------------------------------------- */

static void ten_nodes_that_know_one_seed_are_ready_in_five_seconds(void **state)
{
    struct mesh *mesh = begin(1, 0, 0);
    (void)state;

    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);

    end(mesh);
}

static void every_node_reaches_every_other(void **state)
{
    struct mesh *mesh = begin(2, 0, 0);
    (void)state;

    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);
    assert_int_equal(unreached(mesh), 0);

    end(mesh);
}

static void nodes_with_few_links_reach_each_other_too(void **state)
{
    struct mesh *mesh = begin(3, 2, 8);
    (void)state;

    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);
    assert_int_equal(unreached(mesh), 0);
    run_s(mesh, 300);
    assert_true(are_ready(mesh));
    assert_int_equal(unreached(mesh), 0);

    end(mesh);
}

static void quiet_mesh_keeps_its_links(void **state)
{
    struct mesh *mesh = begin(4, 0, 0);
    size_t before;
    (void)state;
    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);
    run_s(mesh, 30);
    before = mesh->trace_len;

    run_s(mesh, 3600);

    if (mesh->trace_len != before)
        print_message("%s", mesh->trace + before);
    assert_int_equal(mesh->trace_len, before);
    assert_true(are_ready(mesh));
    end(mesh);
}

static void mesh_without_its_seed_goes_on(void **state)
{
    struct mesh *mesh = begin(5, 0, 0);
    (void)state;
    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);
    run_s(mesh, 10);

    kill_node(mesh, SEED);
    assert_int_equal(unreached(mesh), 0);
    run_s(mesh, 120);

    assert_true(are_ready(mesh));
    for (unsigned i = 1; i < NODES; i++)
        assert_false(is_linked(mesh, i, SEED));
    assert_int_equal(unreached(mesh), 0);
    end(mesh);
}

static void restart_after(unsigned down_s, uint8_t rng_seed, unsigned k, unsigned links_max)
{
    struct mesh *mesh = begin(rng_seed, k, links_max);
    unsigned s = 0;

    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);
    run_s(mesh, 10);
    kill_node(mesh, SEED);
    run_s(mesh, down_s);

    start_node(mesh, SEED);
    while (s < 45 && (unlinked_with_seed(mesh) > 0 || !are_ready(mesh))) {
        run_s(mesh, 1);
        s++;
    }

    if (unlinked_with_seed(mesh) > 0)
        print_message("%u of %u are not linked with the seed %u s after its restart\n",
                      unlinked_with_seed(mesh), NODES - 1, s);
    assert_int_equal(unlinked_with_seed(mesh), 0);
    assert_true(are_ready(mesh));
    assert_int_equal(unreached(mesh), 0);
    end(mesh);
}

static void seed_that_restarts_at_once_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(1, 6, 0, 0);
}

static void seed_that_restarts_after_half_a_minute_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(30, 7, 0, 0);
}

static void seed_that_restarts_after_five_minutes_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(300, 8, 0, 0);
}

static void seed_of_nodes_with_few_links_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(90, 9, 2, 8);
}

static void node_that_was_cut_off_comes_back(void **state)
{
    struct mesh *mesh = begin(10, 0, 0);
    (void)state;
    assert_in_range(seconds_until_ready(mesh, 30), 0, 5);

    net_mem_cut(mesh->peer[4].net, true);
    run_s(mesh, 180);
    assert_int_equal(status_of(mesh, 4).state, TH_NODE_ALONE);
    net_mem_cut(mesh->peer[4].net, false);
    run_s(mesh, 45);

    assert_true(are_ready(mesh));
    assert_int_equal(unreached(mesh), 0);
    end(mesh);
}

static void same_randomness_gives_the_same_course(void **state)
{
    struct mesh *a = begin(11, 0, 0), *b = begin(11, 0, 0), *other = begin(12, 0, 0);
    (void)state;

    run_s(a, 120);
    run_s(b, 120);
    run_s(other, 120);

    assert_true(a->trace_len > 0);
    assert_string_equal(a->trace, b->trace);
    assert_string_not_equal(a->trace, other->trace);
    end(a);
    end(b);
    end(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_nodes_that_know_one_seed_are_ready_in_five_seconds),
        cmocka_unit_test(every_node_reaches_every_other),
        cmocka_unit_test(nodes_with_few_links_reach_each_other_too),
        cmocka_unit_test(quiet_mesh_keeps_its_links),
        cmocka_unit_test(mesh_without_its_seed_goes_on),
        cmocka_unit_test(seed_that_restarts_at_once_is_linked_again_within_45_s),
        cmocka_unit_test(seed_that_restarts_after_half_a_minute_is_linked_again_within_45_s),
        cmocka_unit_test(seed_that_restarts_after_five_minutes_is_linked_again_within_45_s),
        cmocka_unit_test(seed_of_nodes_with_few_links_is_linked_again_within_45_s),
        cmocka_unit_test(node_that_was_cut_off_comes_back),
        cmocka_unit_test(same_randomness_gives_the_same_course),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * mesh.h - whole nodes, many in one process, on a network in memory and under a virtual clock. For
 * cmocka tests.
 *
 *     struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = 10, .rng_seed = 1});
 *     assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
 *     mesh_end(mesh);
 *
 * TH_MESH_LOG=info (error, warn, debug) prints what the nodes log, with the virtual time.
 */
#ifndef TH_LIB_MESH_H
#define TH_LIB_MESH_H

#include "router/node.h"
#include "switch/run/host_sim.h"
#include "tests/lib/net_mem.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test_cmocka.h"

enum { MESH_SEED = 0, MESH_TRACE_MAX = 1 << 20 };

/* Nodes 1 and up know node 0 and nobody else. */
struct mesh_plan {
    unsigned count; /* at most NET_MEM_NODES_MAX */
    uint8_t rng_seed;
    unsigned k, links_max; /* of all but node 0; 0: the defaults */
    unsigned loss_percent;
    th_ms delay_max;
};

struct mesh_node {
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
    unsigned count;
    struct th_host *host;
    struct th_place *place[5];
    struct net_mem net;
    struct mesh_node node[NET_MEM_NODES_MAX];
    th_ms began;
    size_t trace_len;
    char trace[MESH_TRACE_MAX]; /* one line for each link event */
};

/* --- watching --- */

static inline void mesh_print(void *data, enum th_log_level level, const char *topic,
                              const char *text)
{
    const struct mesh_node *node = data;
    th_ms ms = th_host_now(node->mesh->host).mono - node->mesh->began;

    printf("%4llu.%03llu node=%u %s %s %s\n", (unsigned long long)(ms / 1000),
           (unsigned long long)(ms % 1000), node->i, th_log_level_name(level), topic, text);
}

static inline struct th_log mesh_log(struct mesh_node *node)
{
    const char *wanted = getenv("TH_MESH_LOG");

    for (int level = TH_LOG_ERROR; wanted && level <= (int)TH_LOG_DEBUG; level++)
        if (strcmp(wanted, th_log_level_name((enum th_log_level)level)) == 0)
            return (struct th_log){(enum th_log_level)level, mesh_print, node};
    return (struct th_log){0};
}

static inline unsigned mesh_index_of(const struct mesh *mesh, const struct th_hashname *id)
{
    unsigned i = 0;

    while (i < mesh->count && !th_hashname_is_equal(&mesh->node[i].id.hashname, id))
        i++;
    return i;
}

/* The watcher notes a node's links from its event manager, for as long as that lives. */
static inline enum th_err mesh_watcher_init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest interest = {.kinds = TH_EV_LINK_UP | TH_EV_LINK_DOWN};

    *(struct mesh_node **)state = arg;
    return th_subscribe(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS), interest, NULL,
                        NULL);
}

static inline enum th_err mesh_watcher_on_msg(void *state, const struct th_self *self,
                                              struct th_msg *msg)
{
    const struct mesh_node *node = *(struct mesh_node **)state;
    struct mesh *mesh = node->mesh;
    size_t room = sizeof mesh->trace - mesh->trace_len;

    if (msg->kind == &th_down_msg)
        return TH_GONE;
    if (msg->kind != &th_event_msg)
        return TH_OK;
    const struct th_event *event = th_event_of(msg);
    const struct th_ev_link *link = th_ev_link_of(event);
    int len = snprintf(mesh->trace + mesh->trace_len, room, "%llu %u %s %u %s\n",
                       (unsigned long long)self->now.mono, node->i,
                       event->kind == TH_EV_LINK_UP ? "up" : "down", mesh_index_of(mesh, &link->id),
                       th_strerror(link->why));
    TH_CHECK(len > 0 && (size_t)len < room);
    mesh->trace_len += (size_t)len;
    return TH_OK;
}

/* --- its life --- */

static inline void mesh_start_node(struct mesh *mesh, unsigned i)
{
    static const struct th_server_ops watcher_ops = {.name = "watcher",
                                                     .state_size = sizeof(struct mesh_node *),
                                                     .init = mesh_watcher_init,
                                                     .on_msg = mesh_watcher_on_msg};
    struct mesh_node *node = &mesh->node[i];
    const struct th_server_spec watcher = {
        .ops = &watcher_ops, .arg = node, .scope = i + 1, .place = mesh->place[4]};
    struct th_msg reply = {0};
    th_pid pid;

    node->config.rng_seed[2]++; /* a daemon draws a new one at each start */
    assert_int_equal(th_node_tree_start(&node->tree, mesh->host, &node->config), TH_OK);
    assert_int_equal(th_call_wait(mesh->host, th_node_tree_supervisor(node->tree),
                                  (struct th_msg){.kind = &th_supervisor_ready_msg}, 1000, &reply),
                     TH_OK);
    th_msg_drop(&reply);
    assert_int_equal(th_spawn(mesh->host, &watcher, &pid), TH_OK);
}

/* As kill -9 does: nobody is told. What a node keeps on disk is kept: the date of its latest open. */
static inline void mesh_kill_node(struct mesh *mesh, unsigned i)
{
    struct mesh_node *node = &mesh->node[i];
    struct th_msg reply = {0};

    if (th_call_wait(mesh->host, th_whereis(mesh->host, i + 1, TH_NODE_SWITCH),
                     (struct th_msg){.kind = &th_switch_msg_status}, 1000, &reply) == TH_OK)
        node->config.at_floor = ((struct th_switch_status *)reply.body)->at_highest;
    th_msg_drop(&reply);
    net_mem_cut(node->net, true);
    th_stop(mesh->host, th_node_tree_supervisor(node->tree), TH_SHUTDOWN);
    th_host_sim_run(mesh->host, 10);
    assert_true(th_whereis(mesh->host, i + 1, TH_NODE_SUPERVISOR) == 0);
    th_node_tree_free(node->tree);
    node->tree = NULL;
    net_mem_cut(node->net, false);
}

static inline void mesh_configure(struct mesh *mesh, unsigned i, const struct mesh_plan *plan)
{
    const uint8_t key_seed[TH_KEY_BYTES] = {(uint8_t)(i + 1), 77, plan->rng_seed};
    struct mesh_node *node = &mesh->node[i];

    node->mesh = mesh;
    node->i = i;
    node->log = mesh_log(node);
    th_identity_make(&node->id, key_seed);
    node->net = net_mem_add(&mesh->net, (uint8_t)(i + 1));
    node->entry = (struct th_seed){.id = node->id.hashname,
                                   .parts = node->id.parts,
                                   .key = node->id.keys.pub,
                                   .paths = {.count = 1, .addr = {node->net->addr}}};
    if (i != MESH_SEED)
        node->seeds = (struct th_seeds){.count = 1, .seed = &mesh->node[MESH_SEED].entry};
    node->config = (struct th_node_config){.identity = &node->id,
                                           .seeds = &node->seeds,
                                           .net = &node->net->net,
                                           .log = &node->log,
                                           .scope = i + 1,
                                           .k = i == MESH_SEED ? 0 : plan->k,
                                           .links_max = i == MESH_SEED ? 0 : plan->links_max,
                                           .is_seed = true,
                                           .switch_place = mesh->place[0],
                                           .dialer_place = mesh->place[1],
                                           .router_place = mesh->place[2],
                                           .bootstrap_place = mesh->place[3],
                                           .supervisor_place = mesh->place[4],
                                           .rng_seed = {(uint8_t)i, plan->rng_seed}};
}

static inline struct mesh *mesh_begin(const struct mesh_plan *plan)
{
    static const char *const names[] = {"switch", "dialer", "router", "bootstrap", "rest"};
    struct mesh *mesh = th_mem_zalloc(1, sizeof *mesh);

    assert_non_null(mesh);
    mesh->count = plan->count;
    assert_int_equal(th_host_sim_new(&mesh->host, plan->rng_seed), TH_OK);
    mesh->began = th_host_now(mesh->host).mono;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(th_host_sim_place(mesh->host, names[i], &mesh->place[i]), TH_OK);
    if (plan->loss_percent > 0 || plan->delay_max > 0)
        net_mem_disturb(&mesh->net, mesh->host, mesh->place[4], plan->rng_seed, plan->loss_percent,
                        plan->delay_max);
    for (unsigned i = 0; i < plan->count; i++)
        mesh_configure(mesh, i, plan);
    for (unsigned i = 0; i < plan->count; i++)
        mesh_start_node(mesh, i);
    return mesh;
}

static inline void mesh_end(struct mesh *mesh)
{
    th_host_sim_close(mesh->host);
    for (unsigned i = 0; i < mesh->count; i++) {
        th_node_tree_free(mesh->node[i].tree);
        th_identity_clear(&mesh->node[i].id);
    }
    th_mem_free(mesh);
}

static inline void mesh_run_s(struct mesh *mesh, unsigned s)
{
    th_host_sim_run(mesh->host, s * (th_ms)1000);
}

/* --- asking --- */

/* Calls a server of a node; the caller drops the reply. */
static inline struct th_msg mesh_call(struct mesh *mesh, unsigned i, const char *name,
                                      struct th_msg msg, th_ms timeout_ms)
{
    struct th_msg reply = {0};
    enum th_err e =
        th_call_wait(mesh->host, th_whereis(mesh->host, i + 1, name), msg, timeout_ms, &reply);

    if (e != TH_OK)
        fail_msg("%s of node %u: %s", name, i, th_strerror(e));
    return reply;
}

static inline struct th_bootstrap_status mesh_status(struct mesh *mesh, unsigned i)
{
    struct th_msg reply = mesh_call(mesh, i, TH_NODE_BOOTSTRAP,
                                    (struct th_msg){.kind = &th_bootstrap_msg_status}, 1000);
    struct th_bootstrap_status status = *(struct th_bootstrap_status *)reply.body;

    th_msg_drop(&reply);
    return status;
}

/* How many of those that run are not ready. */
static inline unsigned mesh_unready(struct mesh *mesh)
{
    unsigned n = 0;

    for (unsigned i = 0; i < mesh->count; i++)
        n += mesh->node[i].tree && mesh_status(mesh, i).state != TH_NODE_READY;
    return n;
}

/* Virtual seconds until all that run are ready; more than max: they are not. */
static inline unsigned mesh_seconds_until_ready(struct mesh *mesh, unsigned max)
{
    unsigned s = 0;

    while (mesh_unready(mesh) > 0 && s++ < max)
        mesh_run_s(mesh, 1);
    return s;
}

static inline bool mesh_is_linked(struct mesh *mesh, unsigned i, unsigned k)
{
    struct th_msg reply =
        mesh_call(mesh, i, TH_NODE_ROUTER, (struct th_msg){.kind = &th_router_msg_table}, 1000);
    const struct th_router_table *table = reply.body;
    bool is_so = false;

    for (unsigned n = 0; n < table->count; n++)
        is_so |= table->link[n].is_up && mesh_index_of(mesh, &table->link[n].id) == k;
    th_msg_drop(&reply);
    return is_so;
}

/* How many of the nodes that run have no link with node i. */
static inline unsigned mesh_unlinked_with(struct mesh *mesh, unsigned i)
{
    unsigned n = 0;

    for (unsigned k = 0; k < mesh->count; k++)
        n += k != i && mesh->node[k].tree && !mesh_is_linked(mesh, k, i);
    return n;
}

/* Dials from one node to another, by looking it up. Ways and the closest nodes are not among what it returns. */
static inline struct th_dialed mesh_reach(struct mesh *mesh, unsigned from, unsigned to)
{
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);

    assert_non_null(dial);
    dial->target = mesh->node[to].id.hashname;
    dial->mode = TH_DIAL_REACH;
    dial->always_seek = true;
    struct th_msg reply = mesh_call(mesh, from, TH_NODE_DIALER,
                                    (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                                    TH_DIAL_MS_DEFAULT + 1000);
    struct th_dialed dialed = *(struct th_dialed *)reply.body;
    dialed.way = NULL; /* these go with the reply */
    dialed.closest = NULL;
    th_msg_drop(&reply);
    return dialed;
}

/* How many of the ordered pairs of running nodes do not reach each other; prints which. */
static inline unsigned mesh_unreached(struct mesh *mesh)
{
    unsigned n = 0;

    for (unsigned from = 0; from < mesh->count; from++) {
        for (unsigned to = 0; to < mesh->count; to++) {
            if (from == to || !mesh->node[from].tree || !mesh->node[to].tree)
                continue;
            struct th_dialed dialed = mesh_reach(mesh, from, to);
            if (dialed.result == TH_OK && dialed.has_line && dialed.is_found)
                continue;
            printf("node %u did not reach %u: %s found=%d line=%d asked=%u\n", from, to,
                   th_strerror(dialed.result), dialed.is_found, dialed.has_line, dialed.asked);
            n++;
        }
    }
    return n;
}

#endif

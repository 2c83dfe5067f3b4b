/*
 * node.h - one whole node: event manager, registry, switch, dialer, router, bootstrap and, with a disk,
 * keeper under a supervisor.
 *
 * Given a host, places and a net it runs anywhere: in the daemon, in a simulator, in a program of
 * yours (telehash.h is the public face of it).
 *
 * Floor:  6.
 */
#ifndef TH_ROUTER_NODE_H
#define TH_ROUTER_NODE_H

#include "router/bootstrap.h"
#include "router/keeper.h"
#include "switch/run/supervisor.h"

/* Registered names within the node's scope. */
#define TH_NODE_EVENTS "events"
#define TH_NODE_REGISTRY "registry"
#define TH_NODE_SWITCH "switch"
#define TH_NODE_DIALER "dialer"
#define TH_NODE_ROUTER "router"
#define TH_NODE_BOOTSTRAP "bootstrap"
#define TH_NODE_KEEPER "keeper"
#define TH_NODE_SUPERVISOR "supervisor"

struct th_node_config {
    const struct th_identity *identity; /* borrowed for the node's life, like all that follows */
    const struct th_seeds *seeds;       /* NULL: none */
    const struct th_seeds *remembered;  /* NULL: none */
    struct th_net *net;
    const struct th_log *log;
    uint32_t scope;
    unsigned k, links_max; /* 0: the defaults; k is the width of searches for neighbours too */
    bool is_seed;
    bool is_lan; /* look for nodes on the networks that this machine is on, and answer such */
    struct th_allowed *allowed;     /* with whom there may be lines; NULL: everybody */
    struct th_tap *tap;             /* for whom packets are in the clear; NULL: nobody */
    struct th_bridge_policy bridge; /* for whom lines are forwarded; zeroed: nobody */
    th_ms idle_ms;                  /* of a line that nobody uses; 0: TH_LINE_IDLE_MS */
    unsigned advertised_count;
    struct th_addr advertised[TH_PATHS_MAX];
    int64_t at_floor;          /* th_keep_floor */
    const struct th_age *ages; /* of earlier runs; NULL: none */
    unsigned ages_count;
    struct th_disk
        *disk; /* the keeper's, who writes there what the next run should know; NULL: none */
    struct th_place *switch_place, *dialer_place, *router_place, *bootstrap_place,
        *supervisor_place;
    struct th_place *keeper_place; /* one that may wait for a disk; of use with a disk only */
    uint8_t rng_seed[TH_RNG_SEED_BYTES];
};

struct th_node_tree;

/*
 * Starts a node's servers.
 * tree    filled; ends with th_node_tree_free after its supervisor has ended.
 * Errors: TH_NO_MEMORY and those of th_spawn. A switch that cannot bind ends the tree: monitor the
 *         supervisor, or call it with th_supervisor_ready_msg.
 * Thread: any.
 */
TH_MUST enum th_err th_node_tree_start(struct th_node_tree **tree, struct th_host *host,
                                       const struct th_node_config *config);

th_pid th_node_tree_supervisor(const struct th_node_tree *tree);

/* After the supervisor has ended. */
void th_node_tree_free(struct th_node_tree *tree);

#endif

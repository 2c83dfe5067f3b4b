#include "router/node.h"

#include "switch/base/mem.h"

#include <sodium.h>

enum { EVENTS, REGISTRY, SWITCH, DIALER, ROUTER, BOOTSTRAP, KEEPER, CHILDREN };

/* Five failures in ten seconds: when the event manager ends, dialer, router and bootstrap do too. */
enum { RESTARTS_MAX = 5 * 4 };

/* What the servers borrow, over all their restarts. */
struct th_node_tree {
    struct th_seeds none;
    struct th_rng switch_rng;
    struct th_event_manager_config events;
    struct th_registry_spec registry;
    struct th_switch_config sw;
    struct th_dialer_config dialer;
    struct th_router_config router;
    struct th_bootstrap_config bootstrap;
    struct th_keeper_config keeper;
    struct th_child child[CHILDREN];
    struct th_supervisor_spec supervisor;
    th_pid pid;
};

/* rng: drawn from last, so that what others draw does not depend on it. */
static void configure_events(struct th_node_tree *tree, struct th_rng *rng)
{
    th_rng_fill(rng, tree->events.hash_secret, sizeof tree->events.hash_secret);
    tree->registry = (struct th_registry_spec){.manager = TH_NODE_EVENTS,
                                               .registered_kind = TH_EV_SERVER_UP,
                                               .exited_kind = TH_EV_SERVER_DOWN};
}

static void configure_switch(struct th_node_tree *tree, const struct th_node_config *config,
                             struct th_rng *rng)
{
    tree->sw.board.identity = config->identity;
    tree->sw.board.advertised_count = config->advertised_count;
    for (unsigned i = 0; i < config->advertised_count; i++)
        tree->sw.board.advertised[i] = config->advertised[i];
    tree->sw.board.bridge = config->bridge;
    tree->sw.board.idle_ms = config->idle_ms;
    tree->sw.board.tap = config->tap;
    tree->sw.board.at_floor = config->at_floor;
    tree->sw.allowed = config->allowed;
    tree->sw.is_lan = config->is_lan;
    tree->sw.net = config->net;
    tree->sw.events_name = TH_NODE_EVENTS;
    tree->sw.rng = &tree->switch_rng;
    th_rng_fork(rng, &tree->switch_rng);
}

static void configure_dialer(struct th_node_tree *tree, const struct th_node_config *config)
{
    tree->dialer.identity = config->identity;
    tree->dialer.events_name = TH_NODE_EVENTS;
    tree->dialer.switch_name = TH_NODE_SWITCH;
    tree->dialer.k = config->k;
    tree->dialer.allowed = config->allowed;
}

static void configure_router(struct th_node_tree *tree, const struct th_node_config *config,
                             struct th_rng *rng)
{
    tree->router.self = config->identity->hashname;
    tree->router.csid = config->identity->cipher->csid;
    tree->router.k = config->k;
    tree->router.links_max = config->links_max;
    tree->router.is_seed = config->is_seed;
    tree->router.events_name = TH_NODE_EVENTS;
    tree->router.switch_name = TH_NODE_SWITCH;
    tree->router.dialer_name = TH_NODE_DIALER;
    tree->router.ages = config->ages;
    tree->router.ages_count = config->ages_count;
    th_rng_fill(rng, tree->router.rng_seed, sizeof tree->router.rng_seed);
}

static void configure_bootstrap(struct th_node_tree *tree, const struct th_node_config *config,
                                struct th_rng *rng)
{
    tree->bootstrap.self = config->identity->hashname;
    tree->bootstrap.seeds = config->seeds ? config->seeds : &tree->none;
    tree->bootstrap.remembered = config->remembered ? config->remembered : &tree->none;
    tree->bootstrap.events_name = TH_NODE_EVENTS;
    tree->bootstrap.switch_name = TH_NODE_SWITCH;
    tree->bootstrap.dialer_name = TH_NODE_DIALER;
    tree->bootstrap.router_name = TH_NODE_ROUTER;
    th_rng_fill(rng, tree->bootstrap.rng_seed, sizeof tree->bootstrap.rng_seed);
}

static void configure_keeper(struct th_node_tree *tree, const struct th_node_config *config)
{
    tree->keeper.disk = config->disk;
    tree->keeper.switch_name = TH_NODE_SWITCH;
    tree->keeper.router_name = TH_NODE_ROUTER;
}

/* Who is started first is stopped last: the switch still carries what the router says at its end, and
 * both still answer the keeper. */
static void list_children(struct th_node_tree *tree, const struct th_node_config *config)
{
    const struct th_server_spec specs[CHILDREN] = {
        [EVENTS] = {.ops = &th_event_manager_ops,
                    .arg = &tree->events,
                    .name = TH_NODE_EVENTS,
                    .place = config->switch_place},
        [REGISTRY] = {.ops = &th_registry_ops,
                      .arg = &tree->registry,
                      .name = TH_NODE_REGISTRY,
                      .place = config->supervisor_place},
        [SWITCH] = {.ops = &th_switch_ops,
                    .arg = &tree->sw,
                    .name = TH_NODE_SWITCH,
                    .place = config->switch_place},
        [DIALER] = {.ops = &th_dialer_ops,
                    .arg = &tree->dialer,
                    .name = TH_NODE_DIALER,
                    .place = config->dialer_place},
        [ROUTER] = {.ops = &th_router_ops,
                    .arg = &tree->router,
                    .name = TH_NODE_ROUTER,
                    .place = config->router_place},
        [BOOTSTRAP] = {.ops = &th_bootstrap_ops,
                       .arg = &tree->bootstrap,
                       .name = TH_NODE_BOOTSTRAP,
                       .place = config->bootstrap_place},
        [KEEPER] = {.ops = &th_keeper_ops,
                    .arg = &tree->keeper,
                    .name = TH_NODE_KEEPER,
                    .place = config->keeper_place},
    };

    for (unsigned i = 0; i < CHILDREN; i++) {
        tree->child[i] = (struct th_child){.spec = specs[i], .restart = TH_RESTART_ALWAYS};
        tree->child[i].spec.scope = config->scope;
        tree->child[i].spec.log = config->log;
    }
    tree->supervisor = (struct th_supervisor_spec){.children = tree->child,
                                                   .count = config->disk ? CHILDREN : KEEPER,
                                                   .restarts_max = RESTARTS_MAX};
}

enum th_err th_node_tree_start(struct th_node_tree **tree, struct th_host *host,
                               const struct th_node_config *config)
{
    struct th_node_tree *made = th_mem_zalloc(1, sizeof *made);
    struct th_rng rng;

    TH_CHECK(config->advertised_count <= TH_PATHS_MAX);
    if (made == NULL)
        return TH_NO_MEMORY;
    th_rng_init(&rng, config->rng_seed);
    configure_switch(made, config, &rng);
    configure_dialer(made, config);
    configure_router(made, config, &rng);
    configure_bootstrap(made, config, &rng);
    configure_events(made, &rng);
    configure_keeper(made, config);
    th_rng_clear(&rng);
    list_children(made, config);

    const struct th_server_spec spec = {.ops = &th_supervisor_ops,
                                        .arg = &made->supervisor,
                                        .name = TH_NODE_SUPERVISOR,
                                        .scope = config->scope,
                                        .place = config->supervisor_place,
                                        .log = config->log};
    enum th_err e = th_spawn(host, &spec, &made->pid);
    if (e != TH_OK) {
        th_node_tree_free(made);
        return e;
    }
    *tree = made;
    return TH_OK;
}

th_pid th_node_tree_supervisor(const struct th_node_tree *tree)
{
    return tree->pid;
}

void th_node_tree_free(struct th_node_tree *tree)
{
    if (tree)
        sodium_memzero(tree, sizeof *tree); /* the servers' randomness */
    th_mem_free(tree);
}

/*
 * bootstrap.h - the bootstrap: joins the network from seed nodes, and again when it finds itself alone.
 *
 * A server over router/boot.
 *
 * Floor:  5.
 * Thread: its place's; others post and call.
 * Owns:   the list of sources, their back-off.
 */
#ifndef TH_ROUTER_BOOTSTRAP_H
#define TH_ROUTER_BOOTSTRAP_H

#include "router/router.h"
#include "switch/wire/seeds.h"

struct th_bootstrap_config {
    struct th_hashname self;
    const struct th_seeds *seeds;      /* configured; dialled for ever */
    const struct th_seeds *remembered; /* of the last run; tried a few times, then seldom */
    const char *events_name, *switch_name, *dialer_name, *router_name;
    uint8_t rng_seed[TH_RNG_SEED_BYTES];
};

extern const struct th_server_ops th_bootstrap_ops;

/* Cast, body struct th_seed: it is configured now, or has these addresses (th_boot_configure). After a
 * restart of the bootstrap this is forgotten: say it again. */
extern const struct th_msg_kind th_bootstrap_msg_seed;

/* Cast, body struct th_hashname: it is configured no more. */
extern const struct th_msg_kind th_bootstrap_msg_forget;

/* Call, no body; reply, same kind, body struct th_bootstrap_status. */
extern const struct th_msg_kind th_bootstrap_msg_status;
struct th_bootstrap_status {
    enum th_node_state state;
    th_ms state_ms;            /* for how long */
    unsigned sources, reached; /* nodes we may join from; those we have a line to */
    unsigned links;
};

/* Call, no body: the nodes that we may join from. Reply, same kind, body struct th_bootstrap_sources. */
extern const struct th_msg_kind th_bootstrap_msg_sources;
struct th_source_look {
    struct th_hashname id;
    bool is_configured; /* else remembered, or met */
    bool is_line_up, is_linked, was_reached;
    th_ms reached_ms; /* since it was; 0 while there is a line */
    unsigned fails;   /* in a row */
    th_ms next_ms;    /* until the next try; 0: now, or it is not waited for */
    bool has_addr;
    struct th_addr addr; /* the first */
};
struct th_bootstrap_sources {
    unsigned count;
    struct th_source_look source[];
};

#endif

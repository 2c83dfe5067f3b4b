/*
 * bootstrap.h - the bootstrap: joins the network from seed nodes, and again when it finds itself alone.
 *
 * A server over router/boot.
 *
 * Floor:  5.
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

#endif

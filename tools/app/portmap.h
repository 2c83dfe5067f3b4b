/*
 * portmap.h - keeps a port of ours open in the router of the network: a server over gateway.h.
 *
 * What may take seconds is done on libuv's worker pool, one thing at a time; the server waits for nothing.
 * A mapping is renewed at half of its time and taken back at the end (th_portmap_msg_release). Without one
 * it is tried again, seldom. The switch is told the address, and advertises it.
 *
 * Floor:  7 (app).
 * Thread: its place's; the worker pool's for what may take seconds.
 * Owns:   the mapping.
 */
#ifndef TH_APP_PORTMAP_H
#define TH_APP_PORTMAP_H

#include "switch/run/supervisor.h"
#include "switch/switch.h"
#include "tools/app/gateway.h"

enum {
    TH_PORTMAP_AGAIN_MS_MIN = 60000, /* after a failure; twice as long after each further one … */
    TH_PORTMAP_AGAIN_MS_MAX = 900000,
    TH_PORTMAP_RENEW_MS_MIN = 10000, /* whatever the router says */
    TH_PORTMAP_RENEW_MS_MAX = 1800000,
    TH_PORTMAP_TELL_MS = 30000 /* to a switch that was perhaps started anew */
};

#define TH_PORTMAP_NAME "port-map"

/* The server's spec.arg; borrowed for its life and over restarts. */
struct th_portmap_config {
    struct th_place *place; /* the server's own, a place of host_uv */
    uint16_t port;          /* UDP, of ours */
};

extern const struct th_server_ops th_portmap_ops;

/*
 * Makes the spec of the server.
 *
 * out, config  filled.
 * net          whose first IPv4 address that is not this machine's alone says the port; borrowed for the call.
 * Returns whether there is such a port; says so in the log when not.
 */
bool th_portmap_child(struct th_child *out, struct th_portmap_config *config, struct th_net *net,
                      struct th_place *place, const struct th_log *log);

/* Call, no body. Reply, same kind, body struct th_portmap_status. */
extern const struct th_msg_kind th_portmap_msg_status;
struct th_portmap_status {
    struct th_gateway_mapping mapping;
    unsigned fails; /* in a row */
};

/* Call, no body: takes the mapping back, and makes no other. Reply, same kind, no body, once that is done. */
extern const struct th_msg_kind th_portmap_msg_release;

#endif

/*
 * probe.h - a server beside the node's own: reports what the node announces, and asks its servers
 * for the world.
 *
 * Floor:  7 (sim); private to it.
 * Thread: one.
 * Owns:   nothing; its answers go to the world's callbacks.
 */
#ifndef TH_SIM_PROBE_H
#define TH_SIM_PROBE_H

#include "tools/sim/world.h"

#define TH_PROBE "probe"

/* The spec's arg is the struct th_world_node. */
extern const struct th_server_ops th_probe_ops;

/* Told once; reply NULL unless why is TH_OK; its body may be kept. */
typedef void (*th_probe_fn)(void *data, struct th_world_node *node, enum th_err why,
                            struct th_msg *reply);

/* Cast, body struct th_probe_ask *: calls the node's server of that name. When the probe or the node
 * ends before the answer, TH_GONE is told. */
extern const struct th_msg_kind th_probe_msg_ask;
struct th_probe_ask {
    struct th_world_node *node;
    const char *server;
    struct th_msg msg; /* given */
    th_ms timeout_ms;
    th_probe_fn on_answer; /* NULL once it was told */
    void *data;
};

#endif

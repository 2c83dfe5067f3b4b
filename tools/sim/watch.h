/*
 * watch.h - who watches a world: what happens goes to the trace and to the hooks.
 *
 * Floor:  7 (sim); private to world.
 * Thread: one.
 */
#ifndef TH_SIM_WATCH_H
#define TH_SIM_WATCH_H

#include "tools/sim/world.h"

/* The host of a node that starts. */
void th_world_watch_host(struct th_world_node *node);

/* A node is killed: what its servers still do in their last moment is not told. */
void th_world_watch_end(struct th_world_node *node);

/* The network, and who is who in the trace, which is set up. */
void th_world_watch_net(struct th_world *world);

#endif

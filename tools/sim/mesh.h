/*
 * mesh.h - who is linked to whom, as the nodes themselves announce it: for scenarios and figures.
 *
 * It only watches a world; nothing in a run depends on it.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_MESH_H
#define TH_SIM_MESH_H

#include "switch/base/hash.h"
#include "tools/sim/world.h"

struct th_sim_mesh_name;

/* One node's links, in no order that matters. */
struct th_sim_links {
    unsigned count, room;
    uint64_t *peer; /* where their hashnames begin */
};

struct th_sim_mesh {
    struct th_world *world;
    unsigned room;
    struct th_sim_links *of; /* by index of the node; empty while it is down */
    struct th_sim_mesh_name *names;
    uint64_t ups; /* links that came up since the beginning, either side counted */
};

/* Watches a world, whose nodes have not been started yet. */
void th_sim_mesh_init(struct th_sim_mesh *mesh, struct th_world *world);
void th_sim_mesh_clear(struct th_sim_mesh *mesh);

/* The node that has this hashname, up or down; NULL when none of the world's has (any more). */
struct th_world_node *th_sim_mesh_find(const struct th_sim_mesh *mesh,
                                       const struct th_hashname *id);

/* Whether a node has a link to another. */
bool th_sim_mesh_is_linked(const struct th_sim_mesh *mesh, const struct th_world_node *from,
                           const struct th_hashname *to);

/* Adds all links, each side for itself, and those among them whose other end is down
 * or has become another. */
void th_sim_mesh_count(const struct th_sim_mesh *mesh, uint64_t *links, uint64_t *dead);

#endif

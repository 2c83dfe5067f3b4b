/*
 * world_disk.h - the state directory of a node of a world: a disk in memory, and what its start read
 * from it. The node's keeper writes there what a daemon's writes.
 *
 *     struct th_world_node *node = th_world_add(&world, NULL);
 *     th_world_give_disk(node);
 *     node->disk->sim.faults.fail_per_mille = 20;
 *     th_world_start(node);
 *     …
 *     th_world_cut_power(node);
 *     th_world_start(node);
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_WORLD_DISK_H
#define TH_SIM_WORLD_DISK_H

#include "tools/sim/disk_sim.h"
#include "tools/sim/world.h"

struct th_world_disk {
    struct th_disk_sim sim;
    struct th_kept kept; /* what the latest start read; the node borrows it */
    unsigned starts;     /* that read it */
    unsigned broken;     /* files that they found broken: our own mistake */
};

/* Gives a node that is down an empty disk. Its keys must be of CS3a, of which peers are kept. */
void th_world_give_disk(struct th_world_node *node);

/* As th_world_kill, after which everything that was done on the disk is there; but of that only what a
 * power cut leaves. */
void th_world_cut_power(struct th_world_node *node);

/* --- for world.c --- */

/* Reads the disk of a node that starts, and adds it to the node's configuration. Faults wait meanwhile:
 * who starts a daemon tries until it works. */
void th_world_read_disk(struct th_world_node *node, struct th_node_config *config);

/* Empties it. */
void th_world_lose_disk(struct th_world_node *node);

/* Takes it away, if there is one. */
void th_world_free_disk(struct th_world_node *node);

#endif

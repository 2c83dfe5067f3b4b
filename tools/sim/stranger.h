/*
 * stranger.h - what somebody sends who is no node of the world.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_STRANGER_H
#define TH_SIM_STRANGER_H

#include "switch/wire/open.h"
#include "tools/sim/world.h"

/* Writes a good open to a node, of a sender whom nobody has heard of, drawn from the world's rng.
 * Returns its length. */
size_t th_sim_stranger_open(const struct th_world_node *to, uint8_t bytes[TH_OPEN_MAX]);

#endif

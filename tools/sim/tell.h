/*
 * tell.h - what a server is about to do, in plain words, for who reads a trace.
 *
 * A trace names messages by their kind, and packets of a line by their size. This says what is in
 * them: what the switch is to send to whom, what the servers hear from other nodes, what is looked for
 * and what came of it. It is printed only; a run has the same hash with and without it.
 *
 * Floor:  7 (sim).
 * Thread: the simulation's.
 */
#ifndef TH_SIM_TELL_H
#define TH_SIM_TELL_H

#include "tools/sim/world.h"

/* Says what is given, if that says more than its kind, to who reads the trace of the node's world. */
void th_sim_tell_given(struct th_world_node *node, const struct th_host_sim_given *given);

#endif

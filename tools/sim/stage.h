/*
 * stage.h - what several scenarios begin and end with.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_STAGE_H
#define TH_SIM_STAGE_H

#include "tools/sim/scenario.h"

/* Adds plan.nodes nodes, starts them, waits until all are ready, and lets them settle. */
void th_sim_settle(struct th_sim *sim);

/* The same for nodes that were added already. */
void th_sim_settle_added(struct th_sim *sim);

/* Marks so many of a thousand nodes, drawn at random, with 1 and all others with 0; the first `spared`
 * never. Returns how many were marked: at least one if any may be. */
unsigned th_sim_mark_some(struct th_sim *sim, unsigned per_mille, unsigned spared);

/* Kills a node that is up, now, and starts it again at a moment between two from now. */
void th_sim_restart(struct th_sim *sim, struct th_world_node *node, th_ms after_min,
                    th_ms after_max);

/* Whether both have the same mark. */
bool th_sim_may_alike(const struct th_sim *sim, const struct th_world_node *from,
                      const struct th_world_node *to);

/* Whether neither is marked. */
bool th_sim_may_unmarked(const struct th_sim *sim, const struct th_world_node *from,
                         const struct th_world_node *to);

/*
 * What must be true again when nothing disturbs any more: within `limit` all that are up are ready
 * (the check "ready"), and a while later all find all ("all_found_percent").
 */
void th_sim_check_whole(struct th_sim *sim, th_ms limit);

#endif

/*
 * machines.h - the machines inside the servers that run, for checkers that look into them between steps.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_MACHINES_H
#define TH_SIM_MACHINES_H

#include "dialer/dialer.h"
#include "router/routing.h"
#include "switch/core/switchboard.h"
#include "tools/sim/check.h"

/* Embed by value; zeroed: nobody runs. */
struct th_machines {
    struct th_check_books nodes;
};

/* From now on it knows what runs; before the first node is started. It must stay where it is. */
void th_machines_watch(struct th_machines *machines, struct th_world *world);

/* Of a node, by its index; valid until the next step of the world. NULL: it does not run. */
const struct th_routing *th_machines_router(const struct th_machines *machines, uint32_t index);
const struct th_switchboard *th_machines_switch(const struct th_machines *machines, uint32_t index);
const struct th_dialer_status *th_machines_dialer(const struct th_machines *machines,
                                                  uint32_t index);

void th_machines_clear(struct th_machines *machines);

#endif

/*
 * swarm.h - runs drawn at random, each in a process of its own, until the time is over; a run that
 * fails is made smaller before it is told.
 *
 * The same seed draws the same plans, in the same order. A run fails when a check does, and also when
 * its process crashes, aborts, is ended by a sanitizer, or takes too long.
 *
 * Floor:  7 (sim).
 * Thread: one; forks.
 */
#ifndef TH_SIM_SWARM_H
#define TH_SIM_SWARM_H

#include "tools/sim/scenario.h"

enum { TH_SWARM_JOBS_MAX = 64, TH_SWARM_NODES_DEFAULT = 150, TH_SWARM_RUN_MS_DEFAULT = 120000 };

struct th_swarm_options {
    uint64_t rng_seed;
    uint64_t wall_ms;                   /* after this no run is begun; 0: never */
    uint64_t first;                     /* number of the first run: those before it are left out */
    uint64_t runs_max;                  /* 0: any number */
    uint64_t run_ms;                    /* a run may take so much of the processor's time */
    unsigned jobs;                      /* processes at once, 1..TH_SWARM_JOBS_MAX */
    unsigned nodes_max;                 /* of a run, where the scenario allows so few */
    const struct th_scenario *scenario; /* NULL: any */
    bool is_shrinking;                  /* what fails is made smaller */
};

/* Draws the plan of the number-th run of a swarm. */
void th_swarm_draw(struct th_sim_plan *plan, const struct th_swarm_options *options,
                   uint64_t number);

/* Runs the swarm; tells on stdout. Returns how many runs failed. */
uint64_t th_swarm_run(const struct th_swarm_options *options);

#endif

/*
 * swarm_child.h - one run in a process of its own, and how it ended.
 *
 * Floor:  7 (sim); private to the swarm.
 * Thread: one; forks.
 */
#ifndef TH_SIM_SWARM_CHILD_H
#define TH_SIM_SWARM_CHILD_H

#include "tools/sim/scenario.h"

#include <sys/types.h>

enum { TH_SWARM_SAID_MAX = 4096, TH_SWARM_SIGN_MAX = 64 };

struct th_swarm_child {
    struct th_sim_plan plan;
    pid_t pid; /* 0: none */
    int from;  /* what it says on stderr; -1: it has closed that */
    uint64_t run_ms, until_ms;
    bool is_late;
    bool has_failed;              /* once it is over */
    char sign[TH_SWARM_SIGN_MAX]; /* how: the name of the first check, or "signal 6" … */
    char said[TH_SWARM_SAID_MAX]; /* the beginning of what it said */
    size_t said_len;
};

/* Starts a run. It is ended, and has failed, when it takes run_ms of the processor's time, which is the
 * same whatever else the machine does; or twenty times as long without coming to an end. */
void th_swarm_child_start(struct th_swarm_child *child, const struct th_sim_plan *plan,
                          uint64_t run_ms);

/* Waits until one of them says something or ends, or the time is over, and reads what they say. */
void th_swarm_child_wait(struct th_swarm_child *children, unsigned count, int wait_ms);

/* True when the process has ended; then its fields say how. */
bool th_swarm_child_is_over(struct th_swarm_child *child);

/* Wall time, from any beginning. */
uint64_t th_swarm_wall_ms(void);

#endif

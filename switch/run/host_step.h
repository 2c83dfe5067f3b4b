/*
 * host_step.h - a host without threads and without a clock of its own: the caller turns the crank.
 *
 * For tests without sleeping, and the ground for the simulator. Which ready server runs next is
 * drawn from a seed, so that every order of events can happen and every one can be replayed.
 *
 *     th_host_step_new(&host, seed);
 *     th_host_step_place(host, "all", &place);
 *     th_spawn(…);
 *     th_host_step_run(host, 60000);   // a virtual minute
 *
 * Floor:  1 (run).
 * Thread: one only.
 */
#ifndef TH_RUN_HOST_STEP_H
#define TH_RUN_HOST_STEP_H

#include "switch/run/host.h"

/* rng_seed 0: in order of waking. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_host_step_new(struct th_host **out, uint64_t rng_seed);
TH_MUST enum th_err th_host_step_place(struct th_host *host, const char *name,
                                       struct th_place **out);

/* Runs one callback of one ready server at the present moment; false when nobody is ready. */
bool th_host_step_once(struct th_host *host);

/* Runs everything that is due within the next `ms`, moving the clock from deadline to deadline, and
 * leaves it exactly `ms` later. */
void th_host_step_run(struct th_host *host, th_ms ms);

/* The earliest deadline of any server, call or suspension; the present when somebody is ready;
 * TH_NEVER when nothing waits. */
th_ms th_host_step_next(struct th_host *host);

/* Sets the wall clock, which may jump; mono goes on. At start: wall 1400000000000, mono 1000. */
void th_host_step_set_wall(struct th_host *host, th_epoch_ms wall);

/* Stops every server (supervisors first, which stop their children in order), runs their terminate,
 * frees the host. The clock moves only if somebody needs time to stop. */
void th_host_step_close(struct th_host *host);

#endif

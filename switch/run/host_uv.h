/*
 * host_uv.h - the host of the real world: each place is a thread with a uv loop, or one loop that
 * the caller runs.
 *
 *     th_host_uv_new(&host);
 *     th_host_uv_place(host, "switch", &place);    // makes loop and thread
 *     th_spawn(host, &spec_with_place, &pid);
 *     …
 *     th_host_uv_close(host);                      // stops every server, joins every thread
 *
 * Time is CLOCK_BOOTTIME, so that a laptop's sleep counts.
 *
 * Floor:  1 (run).
 * Thread: not a server, where nothing else is said.
 */
#ifndef TH_RUN_HOST_UV_H
#define TH_RUN_HOST_UV_H

#include "switch/run/host.h"

#include <uv.h>

/* Errors: TH_NO_MEMORY, TH_LIMIT (no thread or descriptor left; also below). */
TH_MUST enum th_err th_host_uv_new(struct th_host **out);

/*
 * Makes a place with a loop and a running thread of its own.
 * name  copied; shown as the thread's name.
 */
TH_MUST enum th_err th_host_uv_place(struct th_host *host, const char *name, struct th_place **out);

/*
 * Makes a place on a loop of the caller's, who runs it, always on the same thread; servers take
 * turns while uv_run runs. Call it on that thread or before it runs the loop. Its handles keep
 * uv_run from returning until the host has closed.
 */
TH_MUST enum th_err th_host_uv_place_on(struct th_host *host, const char *name, uv_loop_t *loop,
                                        struct th_place **out);

/*
 * The place's loop, for servers at that place that have uv handles.
 *
 * They make and close them in their callbacks only (which run on it), and what a handle's callback
 * learns they post to themselves. A handle that terminate closes outlives the server's state, so it
 * is memory of its own, freed in its close callback, which must not use the host. What they leave
 * open on a loop of ours is named in the watchdog's log and closed when the host closes.
 * Thread: any.
 */
uv_loop_t *th_host_uv_loop(struct th_place *place);

/*
 * Stops every server (supervisors first, which stop their children in order; 5 s in all at most),
 * lets close callbacks run, joins the threads, frees everything that is left, the host too. Nobody
 * may use the host any more.
 *
 * Places on a loop of the calling thread are run by the close itself (also from a callback of that
 * loop, but not from a server's); the caller then runs the loop until the handles are closed. A loop
 * that another thread runs must go on running meanwhile.
 *
 * A callback that hangs does not hold it up for longer: its server is named in the watchdog's log,
 * and its thread is left behind, with all that it may still touch; it frees that if it comes back.
 */
void th_host_uv_close(struct th_host *host);

#endif

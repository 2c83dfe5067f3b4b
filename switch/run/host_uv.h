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
 * Makes a place on a loop of the caller's, who runs it; servers take turns while uv_run runs. After
 * th_host_uv_close the caller runs the loop until th_host_uv's handles are closed.
 */
TH_MUST enum th_err th_host_uv_place_on(struct th_host *host, const char *name, uv_loop_t *loop,
                                        struct th_place **out);

/* The place's loop, for servers at that place that have uv handles. They make and close them in
 * their callbacks only (which run on it), and what a handle's callback learns they post to
 * themselves. Thread: any. */
uv_loop_t *th_host_uv_loop(struct th_place *place);

/*
 * Stops every server (supervisors first and in order, 5 s at most), lets close callbacks run, joins
 * the threads, frees everything that is left, the host too.
 */
void th_host_uv_close(struct th_host *host);

#endif

/*
 * pulse.h - judges again and again how the node is, and tells the service manager.
 *
 * The sign of life comes from *alive* alone, and that from what the host publishes of its servers: no
 * server is asked, so a node that is alone, or has no network, is never killed for it. The status line
 * comes from *healthy*, for which the servers are asked, each for a moment.
 *
 * Floor:  7 (app).
 * Thread: one that is no server's.
 */
#ifndef TH_APP_PULSE_H
#define TH_APP_PULSE_H

#include "switch/run/host.h"
#include "tools/app/notify.h"

#include <signal.h>

enum { TH_PULSE_MS = 2000 }; /* at most between two */

/* Judges and tells. */
void th_pulse_beat(struct th_host *host, struct th_notify *n);

/* Waits for one of the signals and returns it, or what sigwaitinfo does; beats meanwhile. */
int th_pulse_wait(struct th_host *host, struct th_notify *n, const sigset_t *signals);

#endif

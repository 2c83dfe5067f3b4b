/*
 * ctl_ping.h - thctl ping: how long a packet takes to a node and back.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_PING_H
#define TH_APP_CTL_PING_H

#include "tools/app/ctl_run.h"

/*
 * Pings a node as often as the arguments say, or until Ctrl-C, and prints each answer as it comes; as
 * JSON, only the summary.
 *
 * method    the daemon's.
 * hashname  or a prefix of one, as the operator wrote it.
 * more_ms   what finding the node may take.
 * say       filled when there is something to say; else empty.
 * Returns the exit code: 0; 1 (no answer came, the node was not reached, the daemon refused); 2 (the
 * hashname is none).
 */
int th_ctl_ping(const struct th_ctl_run *run, const char *method, const char *hashname,
                unsigned more_ms, char say[TH_SAY_MAX]);

#endif

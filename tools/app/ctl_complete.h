/*
 * ctl_complete.h - what completion of thctl's words takes from the running daemon.
 *
 * Floor:  7 (app).
 * Thread: one that may block, for half a second at most.
 */
#ifndef TH_APP_CTL_COMPLETE_H
#define TH_APP_CTL_COMPLETE_H

#include "tools/cli/cli.h"

/* The fill of thctl's table: hashnames of live peers, names of servers, seeds, topics of the log. Says
 * nothing when no daemon answers: nobody asked. */
void th_ctl_fill(struct th_cli_offer *offer, const char *value, int count, char *const words[]);

#endif

/*
 * ctl_seeds.h - thctl's commands about seeds and the configuration.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_SEEDS_H
#define TH_APP_CTL_SEEDS_H

#include "tools/app/ctl_run.h"

/*
 * Each calls its method and prints what it answered; argument: what follows the command.
 * say      filled when the exit code is not 0; also with 0, when there is something to say.
 * Returns the exit code.
 */
int th_ctl_seeds_export(const struct th_ctl_run *run, char say[TH_SAY_MAX]);
int th_ctl_seeds_list(const struct th_ctl_run *run, char say[TH_SAY_MAX]);
int th_ctl_seeds_add(const struct th_ctl_run *run, const char *argument, char say[TH_SAY_MAX]);
int th_ctl_seeds_remove(const struct th_ctl_run *run, const char *argument, char say[TH_SAY_MAX]);
int th_ctl_reload(const struct th_ctl_run *run, char say[TH_SAY_MAX]);

#endif

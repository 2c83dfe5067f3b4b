/*
 * ctl_doctor.h - thctl doctor: what the daemon says of itself, and what can be seen from outside, also
 * when no daemon answers.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_DOCTOR_H
#define TH_APP_CTL_DOCTOR_H

#include "tools/app/ctl_run.h"

/*
 * Looks, and prints what it finds.
 *
 * why_not  "" when run->ctl is connected; else why it is not.
 * Returns the exit code: 1 when anything is bad.
 */
int th_ctl_doctor(const struct th_ctl_run *run, const char *why_not);

#endif

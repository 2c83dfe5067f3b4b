/*
 * ctl_top.h - thctl top: peers, traffic, servers or drops, drawn again and again.
 *
 * On a terminal by ctl_screen.h, with keys; elsewhere, with --plain or -n, or when ncurses was not there
 * when this was built, as rounds of text.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_TOP_H
#define TH_APP_CTL_TOP_H

#include "tools/app/ctl_run.h"

/*
 * Shows it until q or Ctrl-C, or for -n rounds.
 *
 * view  a name of th_top_view_name; NULL: the first.
 * say   filled when the exit code is not 0.
 */
int th_ctl_top(const struct th_ctl_run *run, const char *view, char say[TH_SAY_MAX]);

#endif

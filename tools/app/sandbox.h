/*
 * sandbox.h - what the daemon gives up of the file system, by Landlock, where the kernel has it.
 *
 * From then on nothing is written but in the state directory, to /dev/null and to the terminal that it was
 * started on, nothing removed but in that directory and in the folder of the control socket, and no program
 * is started, also by whoever takes over the process. It may read what its user may: a reload may name
 * other files. Files that are open stay so.
 *
 * Floor:  7 (app).
 * Thread: the main one, before there are others: they inherit it.
 */
#ifndef TH_APP_SANDBOX_H
#define TH_APP_SANDBOX_H

#include "switch/base/log.h"

/* state_fd: the state directory; socket: the path of the control socket. Never fails: what could not be
 * given up is said at debug level. */
void th_sandbox_enter(int state_fd, const char *socket, const struct th_log *log);

#endif

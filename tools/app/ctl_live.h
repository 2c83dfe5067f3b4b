/*
 * ctl_live.h - thctl's commands that show things as they happen, and those that steer a server.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_LIVE_H
#define TH_APP_CTL_LIVE_H

#include "tools/app/ctl_run.h"

/*
 * Prints a stream, one line for each of its notifications, each flushed, until Ctrl-C, or for as long
 * as --for says.
 *
 * method  watch.start, server.trace or log.start.
 * params  given; NULL for none.
 * say     filled when the exit code is not 0.
 * Returns the exit code: 0, 1 (the daemon went, or refused), 2 (what was asked for is none).
 */
int th_ctl_stream(const struct th_ctl_run *run, const char *method, json_t *params,
                  char say[TH_SAY_MAX]);

/*
 * Takes the notifications of a stream that was started, until Ctrl-C, for as long as --for says, or
 * until take returns false.
 *
 * take    gets the notification's parameters, without the stream's id; borrowed.
 * say     filled when the exit code is not 0.
 */
typedef bool (*th_ctl_take_fn)(void *data, json_t *params);
int th_ctl_follow(const struct th_ctl_run *run, th_ctl_take_fn take, void *data,
                  char say[TH_SAY_MAX]);

/* Suspends, resumes or restarts a server, and prints what came of it.
 * method  server.suspend, server.resume or server.restart.
 * say     filled when the exit code is not 0. */
int th_ctl_steer(const struct th_ctl_run *run, const char *method, const char *server,
                 char say[TH_SAY_MAX]);

/* One event, or entry of a trace, as a line. */
void th_show_event(const json_t *event, const struct th_style *style);
void th_show_trace(const json_t *entry, const struct th_style *style);

/* One line of the log. */
void th_show_log(const json_t *line, const struct th_style *style);

#endif

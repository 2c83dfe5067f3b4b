/*
 * ctl_pipe.h - thctl pipe: joins standard input and output with a stream to another node.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_PIPE_H
#define TH_APP_CTL_PIPE_H

#include "tools/app/ctl_run.h"

/*
 * Joins standard input and output with a stream to another node, or with the first that one opens to us,
 * until both ends are done. Who it is with is said on standard error, if that is a terminal.
 *
 * When the other side's end has come and standard input is a terminal, it does not wait for that to end.
 *
 * name  as people say it; a name of one's own begins with _ on the wire.
 * say   filled when the exit code is not 0.
 * Returns the exit code: 0, 1 (the stream failed, the daemon went, or output cannot be written), 2 (what
 * was asked for is none).
 */
int th_ctl_pipe_open(const struct th_ctl_run *run, const char *hashname, const char *name,
                     unsigned more_ms, char say[TH_SAY_MAX]);
int th_ctl_pipe_listen(const struct th_ctl_run *run, const char *name, char say[TH_SAY_MAX]);

#endif

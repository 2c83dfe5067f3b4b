/*
 * ctl_pipe.h - thctl pipe: joins standard input and output with a stream to another node.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_PIPE_H
#define TH_APP_CTL_PIPE_H

#include "tools/app/ctl_client.h"

/*
 * Carries bytes until both ends are done, over a connection that pipe.open or pipe.listen was answered on.
 *
 * When the other side's end has come and standard input is a terminal, it does not wait for that to end.
 *
 * say  filled when the exit code is not 0.
 * Returns the exit code: 0, or 1 (the stream failed, the daemon went, or output cannot be written).
 */
int th_ctl_pipe(struct th_ctl *ctl, char say[TH_SAY_MAX]);

#endif

/*
 * ctl_client.h - thctl's side of the control socket: one connection, one call at a time.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_CLIENT_H
#define TH_APP_CTL_CLIENT_H

#include "switch/base/check.h"
#include "switch/base/err.h"
#include "tools/app/config.h"

#include <jansson.h>
#include <sys/types.h>

struct th_ctl {
    int fd;
    pid_t pid; /* of the daemon */
    char path[TH_SOCKET_PATH_MAX];
    char *in; /* bytes that came and were not yet read as lines */
    size_t in_len, in_room;
    json_int_t last_id;
};

/*
 * Connects to the first of these paths on which somebody listens.
 *
 * say     filled on failure: every path that was tried and what was wrong with it.
 * Errors: TH_GONE (nobody listens), TH_NO_PERMISSION, TH_TIMED_OUT (it does not take us).
 */
TH_MUST enum th_err th_ctl_connect(struct th_ctl *ctl,
                                   char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                                   unsigned count, unsigned timeout_ms, char say[TH_SAY_MAX]);

/*
 * Calls a method. A probe that is one too many for this second is tried again meanwhile.
 *
 * params  given; NULL for none.
 * result  filled on TH_OK; the caller's.
 * say     filled on failure with a line for a person.
 * code    filled on TH_REFUSED with the code of the daemon's error; may be NULL.
 * Errors: TH_REFUSED (the daemon's answer is an error), TH_TIMED_OUT, TH_GONE (it went), TH_FORMAT (it
 *         is no telehashd), TH_NO_MEMORY.
 */
TH_MUST enum th_err th_ctl_call(struct th_ctl *ctl, const char *method, json_t *params,
                                unsigned timeout_ms, json_t **result, int *code,
                                char say[TH_SAY_MAX]);

/*
 * Waits for the next notification of a stream.
 * note    filled on TH_OK; the caller's.
 * say     filled on failure, but for TH_TIMED_OUT (none came in time; try again).
 * Errors: TH_TIMED_OUT, TH_GONE, TH_FORMAT, TH_NO_MEMORY.
 */
TH_MUST enum th_err th_ctl_next(struct th_ctl *ctl, unsigned timeout_ms, json_t **note,
                                char say[TH_SAY_MAX]);

/* Waits until the daemon closes the connection; false when it has not in time. */
bool th_ctl_wait_closed(struct th_ctl *ctl, unsigned timeout_ms);

void th_ctl_close(struct th_ctl *ctl);

#endif

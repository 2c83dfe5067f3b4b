/*
 * daemon.h - telehashd, as telehash-web sees it: one connection to its control socket for a question.
 *
 * A connection of its own for each question needs no state that could be wrong after a restart of the
 * daemon, and what hangs holds up nobody else.
 *
 * Floor:  7 (app).
 * Thread: any, several at once; ask blocks for at most a second to connect and then its time-out.
 */
#ifndef TH_WEB_DAEMON_H
#define TH_WEB_DAEMON_H

#include "tools/app/config.h"
#include "tools/web/answer.h"

#include "switch/base/check.h"
#include "switch/base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    TH_WEB_ASKS_MAX = 16, /* at once: TH_WEB_WHATS and TH_WEB_SEEKING_MAX are fewer */
    TH_WEB_CONNECT_MS = 1000,
    TH_WEB_ASK_MS = 4000,   /* the daemon waits 3 s for its servers */
    TH_WEB_HEALTH_MS = 2000 /* for this it does not wait; nor do those who look after it */
};

struct th_web_daemon;

/* paths: where to look for the socket, in this order; looked for anew with each question.
 * Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_web_daemon_new(struct th_web_daemon **out,
                                      char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                                      unsigned count);

/*
 * Asks. Says on stderr when the daemon stops answering, and when it answers again. A lookup that takes
 * too long is not that, nor is what we lack ourselves.
 *
 * params  given; NULL for none.
 * result  filled on TH_OK; the caller's.
 * say     filled on failure.
 * Errors: those of th_ctl_connect and th_ctl_call; TH_LIMIT (too many ask); TH_SHUTDOWN.
 */
TH_MUST enum th_err th_web_daemon_ask(struct th_web_daemon *daemon, const char *method,
                                      json_t *params, unsigned timeout_ms, json_t **result,
                                      char say[TH_SAY_MAX]);

/* The same as an answer, for the cache's fetch. daemon: a struct th_web_daemon. */
struct th_web_answer *th_web_daemon_fetch(void *daemon, enum th_web_what what);

/* Whether it was said that the daemon does not answer, and since then nothing else. */
bool th_web_daemon_is_down(struct th_web_daemon *daemon);

/* Ends what is asked now, and lets nobody ask any more. */
void th_web_daemon_cancel(struct th_web_daemon *daemon);

/* When nobody asks any more. Harmless for NULL. */
void th_web_daemon_free(struct th_web_daemon *daemon);

#endif

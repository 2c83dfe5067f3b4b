/*
 * http.h - the HTTP side of telehash-web, by libmicrohttpd: one thread for each connection.
 *
 * A thread may wait for the daemon, so that a slow daemon, or a slow client, holds up nobody else.
 *
 * Floor:  7 (app).
 * Thread: new and free: the main one. It starts threads of its own.
 */
#ifndef TH_WEB_HTTP_H
#define TH_WEB_HTTP_H

#include "tools/web/cache.h"
#include "tools/web/daemon.h"
#include "tools/web/site.h"

enum {
    TH_WEB_CONNECTIONS_MAX = 64,
    TH_WEB_CONNECTIONS_OF_ONE_MAX =
        48,                   /* of one address, so that one client does not shut out all */
    TH_WEB_HEAD_MAX = 16384,  /* bytes of a request's head, and of what is sent at once */
    TH_WEB_BODY_MAX = 1024,   /* of a seek */
    TH_WEB_IDLE_MS = 10000,   /* to send a request, from the first byte to the last; between two */
    TH_WEB_ANSWER_MS = 60000, /* to take the answer */
    TH_WEB_SEEKS_PER_S = 5,   /* of all clients; half of what the daemon allows (TH_PROBES_PER_S) */
    TH_WEB_SEEKING_MAX = 4,   /* at once */
    TH_WEB_SEEK_MS = 20000    /* the daemon gives up after 15 s */
};

struct th_web_http;

/* Everything is borrowed for the server's life. */
struct th_web_http_config {
    int listen_fd; /* bound and listening; closed by free */
    const struct th_web_names *names;
    struct th_web_daemon *daemon;
    struct th_web_cache *cache;
};

/* Begins to serve. Errors: TH_NO_MEMORY, TH_IO. */
TH_MUST enum th_err th_web_http_new(struct th_web_http **out,
                                    const struct th_web_http_config *config);

/* Closes connections of which nothing came in time; to be called once a second. */
void th_web_http_tick(struct th_web_http *http);

/* Stops. Waits for those who wait for the daemon: cancel them before. Harmless for NULL. */
void th_web_http_free(struct th_web_http *http);

#endif

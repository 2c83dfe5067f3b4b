/*
 * cache.h - asks the daemon at most once a second for each thing, however many want to know.
 *
 * One of those who want to know asks; the others wait for what it brings, but not when the daemon
 * failed the last time, and not more than TH_WEB_WAITING_MAX of them: a daemon that hangs keeps a few
 * clients waiting once, and the others are told at once.
 *
 * Floor:  7 (app).
 * Thread: any; the functions lock. get may wait as long as `fetch` does.
 */
#ifndef TH_WEB_CACHE_H
#define TH_WEB_CACHE_H

#include "switch/base/clock.h"
#include "tools/web/answer.h"

#include "switch/base/check.h"

enum {
    TH_WEB_FRESH_MS = 1000, /* younger ones are given again */
    TH_WEB_WAITING_MAX = 24 /* of TH_WEB_CONNECTIONS_MAX, which are 64 */
};

struct th_web_cache_config {
    /* Asks the daemon; returns an answer held once, good or not, NULL without memory. Called on the
     * thread of one who wants to know, without a lock. */
    struct th_web_answer *(*fetch)(void *data, enum th_web_what what);
    th_ms (*now)(void *data);
    void *data;
};

struct th_web_cache;

/* Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_web_cache_new(struct th_web_cache **out,
                                     const struct th_web_cache_config *config);

/* An answer, held for the caller; NULL without memory. */
struct th_web_answer *th_web_cache_get(struct th_web_cache *cache, enum th_web_what what);

/* How many wait now. */
unsigned th_web_cache_waiting(struct th_web_cache *cache);

/* When nobody gets any more. Harmless for NULL. */
void th_web_cache_free(struct th_web_cache *cache);

#endif

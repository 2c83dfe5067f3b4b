/*
 * watchdog.h - a thread that names callbacks that run too long, while they run, and that notices when
 * the machine has slept.
 *
 * Floor:  1 (run); private to it.
 * Thread: whoever opens and closes the host.
 */
#ifndef TH_RUN_WATCHDOG_H
#define TH_RUN_WATCHDOG_H

#include "switch/run/host.h"

#include <pthread.h>

struct th_watchdog {
    struct th_host *host;
    void (*on_resumed)(
        struct th_host *host); /* the machine slept: all deadlines are to be asked again */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool is_over; /* under lock */
};

/* Errors: TH_LIMIT (no thread left). */
TH_MUST enum th_err th_run_watchdog_start(struct th_watchdog *watchdog, struct th_host *host,
                                          void (*on_resumed)(struct th_host *host));

/* Ends and joins the thread. */
void th_run_watchdog_stop(struct th_watchdog *watchdog);

/* Where the watchdog, and a host that closes, write to; NULL for nowhere. Thread: any. */
const struct th_log *th_run_watch_log(struct th_host *host);

/* Names the servers that still live. Thread: any. */
void th_run_name_left(struct th_host *host);

#endif

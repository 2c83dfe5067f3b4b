/*
 * guard.h - watches the supervisors that nobody stands above.
 *
 * Floor:  7 (app).
 * Thread: its place's.
 * Owns:   two monitors.
 */
#ifndef TH_APP_GUARD_H
#define TH_APP_GUARD_H

#include "switch/run/server.h"

enum { TH_GUARDED_MAX = 2 };

/* The server's spec.arg; borrowed for its life. */
struct th_guard_config {
    unsigned count;
    th_pid watched[TH_GUARDED_MAX];
    void (*on_down)(void *data, enum th_err why); /* one has ended; called on the guard's place */
    void *data;
};

extern const struct th_server_ops th_guard_ops;

#endif

/*
 * waiters.h - who waits for the same thing to end: calls that are answered later, all at once.
 *
 * Floor:  1 (run).
 * Thread: the owner's.
 */
#ifndef TH_RUN_WAITERS_H
#define TH_RUN_WAITERS_H

#include "switch/base/check.h"
#include "switch/base/err.h"
#include "switch/run/msg.h"

/* A zeroed one is empty and holds no memory. */
struct th_waiters {
    unsigned count, room;
    struct th_from *from; /* in order of coming */
};

/* One more. Errors: TH_LIMIT (there are `max`), TH_NO_MEMORY; it does not wait then. */
TH_MUST enum th_err th_waiters_add(struct th_waiters *waiters, struct th_from from, unsigned max);

/* Nobody waits any more, for they were answered, or will not be. Frees the list. */
void th_waiters_clear(struct th_waiters *waiters);

#endif

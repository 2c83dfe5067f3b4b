/*
 * limit.h - how often something may happen: a token bucket.
 *
 *     if (th_limit_take(&peer->opens, now.mono, 1))
 *         answer();
 *
 * Floor:  0.
 * Thread: the owner's.
 */
#ifndef TH_BASE_LIMIT_H
#define TH_BASE_LIMIT_H

#include "switch/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* Holds thousandths of a token, so that slow rates lose nothing to rounding. */
struct th_limit {
    uint32_t per_s; /* tokens that come in a second */
    uint32_t burst; /* most tokens that wait */
    uint64_t milli; /* tokens that wait, times 1000 */
    th_ms since;    /* when milli was right */
};

/* Starts full. per_s and burst at least 1. */
void th_limit_init(struct th_limit *limit, uint32_t per_s, uint32_t burst, th_ms now);

/* Takes n tokens if that many wait; else takes none and returns false. */
bool th_limit_take(struct th_limit *limit, th_ms now, uint32_t n);

#endif

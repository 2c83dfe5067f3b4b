/*
 * clock.h - time as an argument.
 *
 * Only hosts read clocks. Everything else is handed a `struct th_now`.
 *
 * Floor:  0.
 * Thread: any.
 */
#ifndef TH_BASE_CLOCK_H
#define TH_BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t th_ms; /* milliseconds of a clock that never runs backwards; carries deadlines */
typedef int64_t
    th_epoch_ms; /* milliseconds since 1970 of the wall clock; may jump; for `at`, ages */

#define TH_NEVER UINT64_MAX /* a th_ms that does not come */

struct th_now {
    th_ms mono;
    th_epoch_ms wall;
};

/* The earlier of two deadlines. */
static inline th_ms th_sooner(th_ms a, th_ms b)
{
    return a < b ? a : b;
}

#endif

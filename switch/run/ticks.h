/*
 * ticks.h - how to tell cheaply that hardly any time has passed.
 *
 * Reading a clock takes 20 to 70 ns, longer than many a callback. A processor's own counter takes
 * under 10. It is no clock: its rate is not known here, and on another processor it may differ. So it
 * decides one thing only, whether reading the clock again is worth while, and where it is in doubt the
 * answer is yes.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_TICKS_H
#define TH_RUN_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)

/* 4 to 16 us at 1 to 4 GHz. */
enum { TH_TICKS_HARDLY = 1 << 14 };

static inline uint64_t th_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

static inline void th_ticks_pause(void)
{
    __builtin_ia32_pause();
}

#else

enum { TH_TICKS_HARDLY = 0 }; /* always in doubt */

static inline uint64_t th_ticks(void)
{
    return 0;
}

static inline void th_ticks_pause(void) {}

#endif

#endif

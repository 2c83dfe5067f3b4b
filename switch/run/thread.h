/*
 * thread.h - threads, and time for those who wait on one.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_THREAD_H
#define TH_RUN_THREAD_H

#include "switch/base/check.h"
#include "switch/base/clock.h"
#include "switch/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* Starts a thread that leaves all signals to the others. Errors: TH_LIMIT. */
TH_MUST enum th_err th_run_thread(pthread_t *thread, const char *name, void *(*run)(void *arg),
                                  void *arg);

/* Mutexes and conditions that cannot fail but by a mistake of ours. All our locks are held for moments
 * only, so who finds one taken tries for a moment before it lets the system wake it. */
void th_run_lock_init(pthread_mutex_t *lock);

static inline void th_run_lock(pthread_mutex_t *lock)
{
    TH_CHECK(pthread_mutex_lock(lock) == 0);
}

static inline void th_run_unlock(pthread_mutex_t *lock)
{
    TH_CHECK(pthread_mutex_unlock(lock) == 0);
}

void th_run_cond_init(pthread_cond_t *condition); /* waits by CLOCK_MONOTONIC */

struct timespec th_run_clock(clockid_t clock);

/* The clocks of a host of the real world, as th_host_ops wants them: CLOCK_BOOTTIME counts the
 * machine's sleep too. The host is not used. */
struct th_host;
uint64_t th_run_boot_us(struct th_host *host);
struct th_now th_run_boot_now(struct th_host *host);

/* A moment so many milliseconds from now, for pthread_cond_timedwait; and whether it has come. */
struct timespec th_run_until(th_ms for_ms);
bool th_run_is_past(struct timespec at);

#endif

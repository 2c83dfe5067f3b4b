#include "switch/run/thread.h"

#include <stdlib.h>
#include <signal.h>

enum th_err th_run_thread(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg)
{
    char short_name[16] = {0}; /* the system's limit */
    sigset_t all, before;
    int failure;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread begins with this */
    failure = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure)
        return TH_LIMIT;
    for (size_t i = 0; i + 1 < sizeof short_name && name[i]; i++)
        short_name[i] = name[i];
    pthread_setname_np(*thread, short_name);
    return TH_OK;
}

void th_run_lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    TH_CHECK(pthread_mutexattr_init(&attributes) == 0);
    TH_CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP) == 0);
    TH_CHECK(pthread_mutex_init(lock, &attributes) == 0);
    pthread_mutexattr_destroy(&attributes);
}

void th_run_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    TH_CHECK(pthread_condattr_init(&attributes) == 0);
    TH_CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    TH_CHECK(pthread_cond_init(condition, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

struct timespec th_run_clock(clockid_t clock)
{
    struct timespec at;

    TH_CHECK(clock_gettime(clock, &at) == 0);
#ifdef TH_TEST_HOOKS
    /* A machine whose clock is wrong, for tests: there is one clock for all that runs on this one. */
    const char *wrong_s = clock == CLOCK_REALTIME ? getenv("TH_TEST_CLOCK_S") : NULL;
    if (wrong_s)
        at.tv_sec += atol(wrong_s);
#endif
    return at;
}

uint64_t th_run_boot_us(struct th_host *host)
{
    struct timespec at = th_run_clock(CLOCK_BOOTTIME);

    (void)host;
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

struct th_now th_run_boot_now(struct th_host *host)
{
    struct timespec at = th_run_clock(CLOCK_REALTIME);

    return (struct th_now){.mono = th_run_boot_us(host) / 1000,
                           .wall = (th_epoch_ms)at.tv_sec * 1000 + at.tv_nsec / 1000000};
}

struct timespec th_run_until(th_ms for_ms)
{
    struct timespec at = th_run_clock(CLOCK_MONOTONIC);

    at.tv_sec += (time_t)(for_ms / 1000);
    at.tv_nsec += (long)(for_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool th_run_is_past(struct timespec at)
{
    struct timespec now = th_run_clock(CLOCK_MONOTONIC);

    return now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec);
}

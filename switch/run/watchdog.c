#include "switch/run/watchdog.h"

#include "switch/run/host_core.h"

enum { TICK_MS_MIN = 10, TICK_MS_MAX = 1000, SLEEP_MS_MIN = 100, NAMED_MAX = 16 };

/* How long the machine has slept since it started: the one clock counts it, the other does not. */
static int64_t slept_ms(void)
{
    struct timespec without = th_run_clock(CLOCK_MONOTONIC);
    struct timespec with = th_run_clock(CLOCK_BOOTTIME);

    return (int64_t)(with.tv_sec - without.tv_sec) * 1000 +
           (with.tv_nsec - without.tv_nsec) / 1000000;
}

/* --- saying who --- */

const struct th_log *th_run_watch_log(struct th_host *host)
{
    const struct th_log *log;

    th_run_lock(&host->lock);
    log = host->watch_log;
    th_run_unlock(&host->lock);
    return log;
}

void th_run_name_left(struct th_host *host)
{
    const struct th_log *log = th_run_watch_log(host);
    struct th_server_look rows[NAMED_MAX];
    unsigned count = th_host_look(host, rows, NAMED_MAX);

    for (unsigned i = 0; i < count && i < NAMED_MAX; i++)
        TH_LOG(log, ERROR, "host", "left behind server=%s doing=%s ms=%llu place=%s", rows[i].name,
               rows[i].doing ? rows[i].doing : "-", (unsigned long long)(rows[i].doing_us / 1000),
               rows[i].place);
}

/* --- callbacks that run too long --- */

/* Names the callback that a place is in, once, if it runs longer than the limit. */
static void check_place(struct th_place *place, th_ms limit, const struct th_log *log)
{
    struct th_slot *slot = atomic_load(&place->running);
    struct th_server_look row;
    uint64_t since_us;

    if (slot == NULL || !th_run_look(slot, &row))
        return;
    since_us = atomic_load(&slot->doing_since_us);
    if (row.doing == NULL || row.doing_us < limit * 1000 || place->named_since_us == since_us)
        return;
    place->named_since_us = since_us;
    TH_LOG(log, WARN, "watchdog", "still runs server=%s doing=%s ms=%llu place=%s", row.name,
           row.doing, (unsigned long long)(row.doing_us / 1000), place->name);
}

/* Places are only added while the watchdog runs; the log's sink is called without a lock. */
static void check_all(struct th_host *host, th_ms limit, const struct th_log *log)
{
    struct th_place *place;

    th_run_lock(&host->lock);
    place = host->places;
    th_run_unlock(&host->lock);
    while (place) {
        check_place(place, limit, log);
        th_run_lock(&host->lock);
        place = place->next;
        th_run_unlock(&host->lock);
    }
}

/* Looks around once; returns when to do so again. */
static th_ms tick(struct th_host *host)
{
    const struct th_log *log;
    th_ms limit;

    th_run_lock(&host->lock);
    limit = host->watch_limit;
    log = host->watch_log;
    th_run_unlock(&host->lock);
    if (limit == 0 || log == NULL)
        return TICK_MS_MAX;
    check_all(host, limit, log);
    if (limit / 4 < TICK_MS_MIN)
        return TICK_MS_MIN;
    return limit / 4 < TICK_MS_MAX ? limit / 4 : TICK_MS_MAX;
}

static void *run(void *arg)
{
    struct th_watchdog *watchdog = arg;
    int64_t slept = slept_ms();

    th_run_lock(&watchdog->lock);
    while (!watchdog->is_over) {
        struct timespec until;
        int64_t slept_now = slept_ms();

        th_run_unlock(&watchdog->lock);
        if (slept_now - slept >= SLEEP_MS_MIN)
            watchdog->on_resumed(watchdog->host);
        slept = slept_now;
        until = th_run_until(tick(watchdog->host));
        th_run_lock(&watchdog->lock);
        if (!watchdog->is_over)
            pthread_cond_timedwait(&watchdog->change, &watchdog->lock, &until);
    }
    th_run_unlock(&watchdog->lock);
    return NULL;
}

enum th_err th_run_watchdog_start(struct th_watchdog *watchdog, struct th_host *host,
                                  void (*on_resumed)(struct th_host *host))
{
    enum th_err err;

    watchdog->host = host;
    watchdog->on_resumed = on_resumed;
    watchdog->is_over = false;
    th_run_lock_init(&watchdog->lock);
    th_run_cond_init(&watchdog->change);
    err = th_run_thread(&watchdog->thread, "watchdog", run, watchdog);
    if (err != TH_OK) {
        pthread_cond_destroy(&watchdog->change);
        pthread_mutex_destroy(&watchdog->lock);
    }
    return err;
}

void th_run_watchdog_stop(struct th_watchdog *watchdog)
{
    th_run_lock(&watchdog->lock);
    watchdog->is_over = true;
    pthread_cond_signal(&watchdog->change);
    th_run_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->change);
    pthread_mutex_destroy(&watchdog->lock);
}

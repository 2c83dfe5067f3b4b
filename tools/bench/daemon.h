/*
 * daemon.h - a telehashd of our own build as a process of its own, to be measured from outside.
 *
 * Its state lies in a temporary folder; folder and process are gone after th_daemon_stop, and the
 * process ends with ours whatever happens.
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_DAEMON_H
#define TH_BENCH_DAEMON_H

#include "switch/wire/seeds.h"
#include "tools/bench/bench.h"

#include <sys/types.h>

enum { TH_DAEMON_FLAGS_MAX = 8, TH_ANY_CPU = -1 };

struct th_daemon {
    pid_t pid;
    int out;             /* what it prints */
    char folder[64];     /* "" when there is none */
    struct th_seed self; /* what it says of itself: its name, key and address */
};

/*
 * Starts the telehashd that lies beside us and waits until it has said where it listens (a free port
 * of loopback).
 *
 * cpu    the processor that all its threads share; TH_ANY_CPU: any.
 * flags  further flags, a NULL at the end; at most TH_DAEMON_FLAGS_MAX.
 * Returns false after a note; there is nothing to stop then.
 */
TH_MUST bool th_daemon_start(struct th_daemon *daemon, const struct th_bench *bench, int cpu,
                             const char *const *flags);

void th_daemon_stop(struct th_daemon *daemon);

/* Binds the calling thread, and what it starts, to one processor. False when there is no such. */
bool th_pin(int cpu);

/* CPU time that a process of ours has used so far, all threads, user and system. */
double th_process_cpu_us(pid_t pid);

/* Time of a clock that only counts on; for differences. */
double th_wall_us(void);

/* Memory of a process that is in RAM, in bytes; 0 when it is gone. */
double th_process_rss(pid_t pid);

#endif

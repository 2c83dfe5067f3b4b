/*
 * cable.h - two ends of a long and lossy cable on one machine, for what is to be compared with the kernel's
 * own TCP: each end is a process in a network namespace of its own, and what leaves through its only
 * interface is carried to the other by us, late or not at all.
 *
 *     const struct th_cable_faults faults = {.delay_ms = 20, .loss_percent = 1, .seed = 7};
 *     const char *why = th_cable_begin(&cable, &faults, ends);      // NULL: well
 *     …                                                             // talk with cable.talk[0] and [1]
 *     th_cable_end(&cable);
 *
 * No privilege is needed where the kernel lets users have namespaces of their own.
 *
 * Floor:  7 (bench).
 * Thread: the main one, while it is the only one: processes are forked. The cable is a thread of its own
 *         between the two calls.
 */
#ifndef TH_BENCH_CABLE_H
#define TH_BENCH_CABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { TH_CABLE_ENDS = 2, TH_CABLE_MTU = 1500, TH_CABLE_TALK_MAX = 8192 };

struct th_cable_faults {
    unsigned delay_ms; /* each way */
    unsigned loss_percent;
    uint64_t seed; /* which packets are lost depends on it, and on how many came before */
};

/* What runs at an end, in a process of its own, until it returns or the cable ends. Whole messages go both
 * ways over talk. Its address is th_cable_address(side). */
typedef void (*th_cable_fn)(unsigned side, int talk);

struct th_cable_way;

struct th_cable {
    pid_t pid[TH_CABLE_ENDS];
    int talk[TH_CABLE_ENDS]; /* a socket to each end; SOCK_SEQPACKET */
    struct th_cable_way *way[TH_CABLE_ENDS];
    int stop[2]; /* a pipe: the thread ends when it is closed */
    pthread_t thread;
    bool has_thread;
};

/* Returns NULL, or why not: what the kernel refuses, and how it says so; good until the next call. There is
 * nothing to be ended then. */
const char *th_cable_begin(struct th_cable *cable, const struct th_cable_faults *faults,
                           const th_cable_fn run[TH_CABLE_ENDS]);

/* Kills both ends. */
void th_cable_end(struct th_cable *cable);

/* Of an end: dotted, without port. */
const char *th_cable_address(unsigned side);

/* A message from an end, with a 0 behind it, or to one. False when none came in time, or the end is gone. */
bool th_cable_hear(int talk, char text[TH_CABLE_TALK_MAX], int timeout_ms);
bool th_cable_say(int talk, const char *text);

#endif

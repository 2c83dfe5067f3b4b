/*
 * echo.h - the least that a node could do: a process that receives a datagram and sends another.
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_ECHO_H
#define TH_BENCH_ECHO_H

#include "switch/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct th_echo {
    pid_t pid;
    int fd; /* ours, connected to it */
};

/* Starts one on a processor that answers with `answer_len` bytes. False after a note. */
TH_MUST bool th_echo_start(struct th_echo *echo, int cpu, size_t answer_len);

/* Has `count` datagrams of `request_len` bytes answered, `outstanding` at a time. Returns the echo's
 * CPU time for one, in µs; 0 when it does not answer. */
double th_echo_round(const struct th_echo *echo, unsigned count, unsigned outstanding,
                     size_t request_len);

void th_echo_stop(struct th_echo *echo);

#endif

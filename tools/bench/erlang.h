/*
 * erlang.h - the same measured in Erlang, where it is on this machine.
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_ERLANG_H
#define TH_BENCH_ERLANG_H

#include "switch/base/check.h"

#include <stdbool.h>

/* True when there is an escript on PATH, which comes with every Erlang. */
bool th_erlang_is_there(void);

/* Round trip of a gen_server:call between two processes that keep calling, in µs; 0 when it failed. */
double th_erlang_call_us(unsigned calls);

#endif

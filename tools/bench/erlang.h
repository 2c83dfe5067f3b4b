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

enum th_erlang_what {
    TH_ERLANG_CALL,       /* gen_server:call between two processes that keep calling */
    TH_ERLANG_CALL_APART, /* the same, each on a scheduler of its own */
    TH_ERLANG_CAST,       /* gen_server:cast from one process to another, until all are handled */
    TH_ERLANG_EVENT, /* gen_event:notify, whose handlers forward to a process each, until all are there */
    TH_ERLANG_IDLE /* no time: bytes of an idle gen_server process */
};

/*
 * What one of `count` takes, in µs (of TH_ERLANG_IDLE: bytes); 0 when it failed.
 * receivers  of an event; else 1.
 */
double th_erlang_take(enum th_erlang_what what, unsigned count, unsigned receivers);

#endif

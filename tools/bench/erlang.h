/*
 * erlang.h - the same measured in Erlang, where it is on this machine.
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_ERLANG_H
#define TH_BENCH_ERLANG_H

#include "tools/bench/bench.h"

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

/* One figure in both; each function takes one round and returns 0 when it failed. data: of both. */
struct th_erlang_pair {
    double (*ours)(void *data);
    double (*erlang)(void *data);
    void *data;
};

/*
 * Takes bench->rounds rounds, ours and Erlang's in turn, so that whatever else the machine does meets both,
 * and tells the figure. Where there is no Erlang, or it failed, that is noted.
 * Returns false, and tells nothing, when a round of ours failed.
 */
bool th_erlang_compare(struct th_bench *bench, struct th_figure *figure,
                       const struct th_erlang_pair *pair);

#endif

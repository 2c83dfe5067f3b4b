/*
 * trace.h - everything that happens in a run, as one hash and, when asked for, in plain words.
 *
 * Two runs in which the same happened have the same hash: it goes over whole numbers of fixed size
 * and the bytes of names, written one after the other, never over memory as it lies.
 *
 * Floor:  7 (sim).
 * Thread: the simulation's.
 */
#ifndef TH_SIM_TRACE_H
#define TH_SIM_TRACE_H

#include "switch/base/clock.h"
#include "switch/wire/hashname.h"
#include "switch/core/switchboard.h"
#include "tools/sim/net_sim.h"

#include <sodium.h>
#include <stdio.h>

enum { TH_TRACE_HASH_BYTES = 32, TH_TRACE_HEX = 2 * TH_TRACE_HASH_BYTES, TH_TRACE_NODE_MAX = 64 };

#define TH_TRACE_NOBODY UINT32_MAX

/* The hashname of a node; NULL when it has none yet. */
typedef const struct th_hashname *(*th_trace_name_fn)(const void *data, uint32_t node);

struct th_sim_trace {
    crypto_generichash_state hash;
    uint64_t events;

    /* What is printed. Set them after th_sim_trace_init; out NULL: nothing. */
    FILE *out;
    th_ms from;                   /* nothing earlier */
    th_ms to;                     /* nothing later; 0: to the end */
    char node[TH_TRACE_NODE_MAX]; /* only of nodes whose hashname begins so; "": all */
    th_trace_name_fn name_of;
    const void *name_data;
};

void th_sim_trace_init(struct th_sim_trace *trace);

/* A server of a node had a turn: it handled a message of the kind `doing`, or an alarm … */
void th_sim_trace_turn(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *server,
                       const char *doing);

/* What became of a datagram; a node is TH_TRACE_NOBODY where there is none. */
void th_sim_trace_datagram(struct th_sim_trace *trace, th_ms now, enum th_fate fate, uint32_t from,
                           uint32_t to, struct th_bytes bytes);

/* Anything else, in words that are the same in every run: "killed", "link up with 1a2b3c4d". */
void th_sim_trace_say(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Only prints, for what depends on whether anybody reads along: log lines. */
void th_sim_trace_print(struct th_sim_trace *trace, th_ms now, uint32_t node, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

/* Only prints, whatever is looked at: what no reader is to miss. */
void th_sim_trace_remark(struct th_sim_trace *trace, th_ms now, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The hash of all so far; the trace goes on. */
void th_sim_trace_hash(const struct th_sim_trace *trace, char hex[TH_TRACE_HEX + 1]);

#endif

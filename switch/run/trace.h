/*
 * trace.h - what passes through a server: every message that it handles and every one that it sends.
 *
 * A system function of the kernel: the server knows nothing of it and cannot refuse, and while nobody
 * traces it costs one branch for each message. Entries wait in a ring until they are read; what finds
 * no room there is counted. A callback is told once it has ended, for only then its length is known
 * (what runs now: th_host_look).
 *
 *     th_tracing_start(host, pid, &tracing);
 *     n = th_tracing_read(tracing, entries, 64, &end);   // now and then
 *     th_tracing_stop(tracing);
 *
 * Floor:  1 (run).
 * Thread: any; a trace is read and stopped by one thread at a time, before its host closes.
 */
#ifndef TH_RUN_TRACE_H
#define TH_RUN_TRACE_H

#include "switch/run/host.h"

enum { TH_TRACING_ROOM = 1024 }; /* entries that wait to be read: 64 KiB a trace */

enum th_trace_sort {
    TH_TRACE_CALL,
    TH_TRACE_CAST,
    TH_TRACE_EVENT,
    TH_TRACE_REPLY, /* in: also the end of a call without one, "gone" or "timed out" */
    TH_TRACE_OWN    /* in only: no message, but "init", "alarm", "stop" or "terminate" */
};

struct th_trace_entry {
    uint64_t at_us; /* of the mono clock: when the callback began, or the message was sent */
    bool is_in;     /* handled by the server; else sent by it */
    enum th_trace_sort sort;
    const char *kind;    /* the message's, or what was done; lives as long as the program */
    th_pid other;        /* from or to whom; 0: no server */
    uint64_t took_us;    /* in: the callback */
    enum th_err err;     /* out: TH_OK, or why it was refused */
    uint64_t event_kind; /* of an event: the bits that it was announced with; else 0 */
    uint64_t event_topic;
};

struct th_tracing;

/*
 * Begins to trace a server.
 * out     filled; ends with th_tracing_stop, also when the server has ended.
 * Errors: TH_GONE; TH_IN_USE (somebody traces it already); TH_NO_MEMORY.
 */
TH_MUST enum th_err th_tracing_start(struct th_host *host, th_pid pid, struct th_tracing **out);

struct th_tracing_state {
    uint64_t
        lost; /* entries that found no room since this was read last; all after those read now */
    bool is_over; /* the server has ended, and this was all */
};

/* Takes the oldest entries, at most max. Returns how many. */
unsigned th_tracing_read(struct th_tracing *tracing, struct th_trace_entry *out, unsigned max,
                         struct th_tracing_state *state);

void th_tracing_stop(struct th_tracing *tracing);

#endif

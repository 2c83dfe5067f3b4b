/*
 * control_stream.h - what a client sees live: events that fit its filter, all that passes through one
 * server, the log, or packets in the clear. Private to control*.c.
 *
 * The subscription to the event manager covers what is watched now and nothing else; without a watch
 * there is none. A reader that is too slow loses events, which are counted and told to it; it never
 * holds up anybody else, and one that goes takes its streams along.
 *
 * Floor:  7 (app).
 * Thread: the control server's place.
 */
#ifndef TH_APP_CONTROL_STREAM_H
#define TH_APP_CONTROL_STREAM_H

#include "switch/run/trace.h"
#include "tools/app/control_event.h"
#include "tools/app/log_gate.h"

enum {
    TH_STREAMS_MAX = 64,              /* of all clients; an event is held against each */
    TH_STREAM_OUTPUT_MAX = 64 * 1024, /* what may wait for a slow reader, then its events are lost:
                                        * some 200 events, and the socket holds as many again */
    TH_STREAM_TRACE_MS = 50,          /* how often traces are read */
    TH_STREAM_LOG_MS = 100,           /* how often the log is */
    TH_STREAM_TAP_MS = 50,            /* how often the tap of packets is */
    TH_CAPTURES_MAX = 4,              /* each has every packet in memory once more */
    TH_STREAM_TOPICS_MAX = 8,         /* of a log */
    TH_STREAM_LOST_MS = 1000,         /* how often the event manager is asked what we lost */
    TH_STREAM_AGAIN_MS = 100          /* until a manager or server that went is looked for again */
};

struct th_control;
struct th_job;

enum th_stream_sort { TH_STREAM_WATCH, TH_STREAM_TRACE, TH_STREAM_LOG, TH_STREAM_CAPTURE };

/* Which lines of the log. */
struct th_log_filter {
    enum th_log_level level;
    unsigned topic_count; /* 0: all */
    char topic[TH_STREAM_TOPICS_MAX][TH_LOG_TOPIC_MAX];
};

struct th_stream {
    struct th_stream *next;
    enum th_stream_sort sort;
    uint64_t id;
    uintptr_t client;
    bool is_live;
    bool is_lost_unknown; /* events were missed, nobody knows how many */
    uint64_t lost;        /* not told yet */
    struct th_filter filter;
    char server[TH_SERVER_NAME_MAX]; /* of a trace */
    struct th_tracing *tracing;      /* of a trace; NULL while its server is away */
    struct th_log_filter log;
    uint64_t log_next; /* the line to be shown next */
    size_t snap;       /* of a capture: bytes of a packet that are shown */
};

/* Part of the control server's state. */
struct th_streams {
    struct th_stream *first; /* oldest first */
    unsigned count, watches, traces, logs, captures;
    uint64_t last_id;
    th_ms again_at; /* to subscribe again; TH_NEVER: no need */
    th_ms lost_at;  /* to ask for losses */
    th_ms trace_at;
    th_ms log_at;
    th_ms tap_at;
    bool is_asking;        /* for losses */
    uint64_t dropped_seen; /* of the manager's count */
};

/* The methods watch.start, watch.stop and server.trace. */
void th_stream_watch(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_stream_stop(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_stream_trace(struct th_control *c, const struct th_self *self, struct th_job *job);

/* control_log.c: log and log.start; reads the log for all that follow it; one of them ends. */
void th_stream_log_look(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_stream_log(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_stream_read_log(struct th_control *c);
void th_stream_end_log(struct th_control *c, const struct th_stream *stream);

/* control_capture.c: capture.start; offers what the tap has to all captures; one of them ends. */
void th_stream_capture(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_stream_read_tap(struct th_control *c, const struct th_self *self);
void th_stream_end_capture(struct th_control *c);

/* What the server's callbacks pass on. */
void th_stream_on_event(struct th_control *c, const struct th_self *self,
                        const struct th_event *event);
void th_stream_on_manager_down(struct th_control *c, const struct th_self *self);
void th_stream_on_alarm(struct th_control *c, const struct th_self *self);
th_ms th_stream_deadline(const struct th_control *c);

/* A client has room again, or is gone. */
void th_stream_on_room(struct th_control *c, uintptr_t client);
void th_stream_on_gone(struct th_control *c, const struct th_self *self, uintptr_t client);

/* What all watches together want. */
struct th_interest th_stream_interest(const struct th_control *c);

void th_stream_init(struct th_control *c);
void th_stream_clear(struct th_control *c);

/* control_trace.c: reads every trace that is due. */
void th_stream_read_traces(struct th_control *c, const struct th_self *self);

/* control_stream.c, for it: makes a stream for a job's client (NULL: answered), writes one line, and
 * tells whether there is room for another. */
struct th_stream *th_stream_new(struct th_control *c, const struct th_self *self,
                                struct th_job *job, enum th_stream_sort sort);
void th_stream_free(struct th_control *c, struct th_stream *stream);
bool th_stream_has_room(const struct th_control *c, const struct th_stream *stream);
void th_stream_put(struct th_control *c, struct th_stream *stream, const char *method,
                   json_t *params);

/* Tells what was lost, if anything was. */
void th_stream_tell_lost(struct th_control *c, struct th_stream *stream, const char *method);

#endif

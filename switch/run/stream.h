/*
 * stream.h - events one by one, for a consumer that may be slower than they come.
 *
 * A stream is a subscription with a bounded buffer of its own. The manager puts events in and never
 * waits (for th_notify_sync, an event in the buffer is handled); when the buffer is full it counts
 * instead, and the consumer is told in their place: "lagged n". So of what it is interested in, the
 * consumer gets everything in the manager's order, but where a lagged says how many are missing.
 *
 * A plain thread:
 *
 *     th_event_stream_open(host, manager, interest, 256, &stream);
 *     while (th_event_stream_take_wait(stream, 1000, &item) == TH_OK)
 *         if (item.event) { look(item.event); th_event_release(item.event); }
 *     th_event_stream_free(stream);
 *
 * A server opens with th_event_stream_open_here and is told by th_event_stream_msg that there is
 * something to take: one message, however much came, so that its mailbox is not flooded.
 *
 * Floor:  1 (run).
 * Thread: a stream has one consumer: one thread at a time, or the server that opened it.
 */
#ifndef TH_RUN_STREAM_H
#define TH_RUN_STREAM_H

#include "switch/run/event.h"

enum { TH_EVENT_STREAM_ROOM_MAX = 65536 }; /* events in one buffer, 16 bytes each and the events */

struct th_event_stream;

struct th_event_stream_item {
    struct th_event *event; /* given: th_event_release it; NULL: */
    uint64_t lagged;        /* so many events are missing here */
};

/* There is something to take; body: struct th_event_stream, borrowed. It comes once, and again when
 * something came after that: take until TH_AGAIN, or remember to go on. */
extern const struct th_msg_kind th_event_stream_msg;

/*
 * Opens a stream for a plain thread; it is in force when this returns.
 *
 * room    events that may wait, 1..TH_EVENT_STREAM_ROOM_MAX.
 * stream  filled on TH_OK; give it back with th_event_stream_free.
 * Errors: TH_WOULD_DEADLOCK on a thread that runs servers; TH_GONE, TH_FULL, TH_TIMED_OUT (the
 *         manager, within TH_CALL_MS_DEFAULT); TH_LIMIT, TH_NO_MEMORY.
 * Thread: not a server.
 */
TH_MUST enum th_err th_event_stream_open(struct th_host *host, th_pid manager,
                                         struct th_interest interest, unsigned room,
                                         struct th_event_stream **stream);

/*
 * Opens a stream for the calling server.
 *
 * on_done  called as th_call does, also when the stream has been freed meanwhile; may be NULL. Not
 *          TH_OK: nothing will come, and the stream is still to be freed.
 * stream   filled on TH_OK; give it back with th_event_stream_free, in terminate at the latest.
 * Errors:  TH_NO_MEMORY, TH_LIMIT.
 * Thread:  owner.
 */
TH_MUST enum th_err th_event_stream_open_here(const struct th_self *self, th_pid manager,
                                              struct th_interest interest, unsigned room,
                                              th_reply_fn on_done, void *ctx,
                                              struct th_event_stream **stream);

/*
 * Takes the next item, without waiting.
 * Errors: TH_AGAIN (nothing is there now); when everything is taken and nothing more will come:
 *         TH_GONE (the manager has ended), TH_CANCELLED (th_event_stream_end).
 * Thread: the consumer.
 */
TH_MUST enum th_err th_event_stream_take(struct th_event_stream *stream,
                                         struct th_event_stream_item *item);

/*
 * The same, waiting for it. With host_sim it turns the crank meanwhile.
 * Errors: TH_WOULD_DEADLOCK at once on a thread that runs servers; TH_TIMED_OUT; TH_GONE,
 *         TH_CANCELLED as above.
 * Thread: the consumer, not a server. It must have returned before the host is closed.
 */
TH_MUST enum th_err th_event_stream_take_wait(struct th_event_stream *stream, th_ms timeout_ms,
                                              struct th_event_stream_item *item);

/* Lets nothing more in and wakes who waits; what is there can still be taken. Thread: any, before
 * th_event_stream_free. Returns at once. */
void th_event_stream_end(struct th_event_stream *stream);

/* Gives the stream back, with what nobody took; no th_event_stream_msg of it comes afterwards. To be
 * done before its host is closed, or after a take has said TH_GONE. NULL is allowed.
 * Thread: the consumer. Returns at once. */
void th_event_stream_free(struct th_event_stream *stream);

#endif

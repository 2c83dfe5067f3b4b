/*
 * stream_sub.h - a stream, as the kernel and the event manager see it.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_STREAM_SUB_H
#define TH_RUN_STREAM_SUB_H

#include "switch/run/mailbox.h"
#include "switch/run/stream.h"

/* Puts an event in, one hold of which is given then; false when it was counted instead, or the stream is
 * over.
 * Thread: the manager's, no lock held. */
TH_MUST bool th_run_stream_put(struct th_event_stream *stream, struct th_event *event);

/* Counts an event that is missing here. Thread: the manager's, no lock held. */
void th_run_stream_miss(struct th_event_stream *stream);

/* Nothing more will come: the manager ends. Thread: the manager's, no lock held. */
void th_run_stream_close(struct th_event_stream *stream);

/* Gives back the subscription's hold, or the mailbox's. Thread: any, no lock held. */
void th_run_stream_release(struct th_event_stream *stream);

/* The stream of a note in a mailbox. */
struct th_event_stream *th_run_stream_of(struct th_mail *mail);

/* The note is about to be handled: a new one may come. Returns false when the consumer has freed the
 * stream meanwhile. Thread: owner. */
TH_MUST bool th_run_stream_note(struct th_slot *owner, struct th_event_stream *stream);

#endif

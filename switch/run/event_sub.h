/*
 * event_sub.h - a subscription, as its owner and the manager share it.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_EVENT_SUB_H
#define TH_RUN_EVENT_SUB_H

#include "switch/run/event.h"
#include "switch/run/mailbox.h"

struct th_event_stream;

struct th_sub {
    th_pid owner;                   /* does not change; 0: a plain thread, which has a stream */
    struct th_event_stream *stream; /* held; where the events go instead of the mailbox, or NULL */
    atomic_uint holders;
    atomic_bool is_closed; /* the owner wants no more */
    atomic_bool is_let_go; /* and not to hear either how the subscribing went */

    /* Under the owner's lock. */
    struct th_mail mail; /* the note that events were missed */
    bool is_queued;
    uint64_t missed; /* since the last note was given */

    struct th_missed given; /* the owner's thread */

    atomic_uint unhandled; /* events whose announcers wait for this owner */
};

/* An event whose announcer waits until all who got it have handled it. */
struct th_round {
    struct th_host *host;
    struct th_from announcer;
    atomic_uint open; /* who has not; and the manager while it tells */
};

/* One is done with it: a subscription's owner, or the manager (NULL). The last answers. */
void th_run_round_release(struct th_round *round, struct th_sub *sub);

void th_run_sub_hold(struct th_sub *sub);
void th_run_sub_release(struct th_sub *sub); /* no lock held */

/*
 * Forwards an event; returns false when that fails, and has its owner told.
 * event   one hold of it is given when true is returned.
 * round   NULL: nobody waits.
 * Thread: the manager's, no lock held.
 */
TH_MUST bool th_run_sub_forward(struct th_host *host, struct th_sub *sub, th_pid manager,
                                struct th_event *event, struct th_round *round);

/* Has the owner told that it missed a state event, of which there is none to forward.
 * Thread: the manager's, no lock held. */
void th_run_sub_miss(struct th_host *host, struct th_sub *sub);

/* Gives back so many holds. No lock held. */
void th_run_event_release(struct th_event *event, unsigned holds);

/* What the public functions send to the manager. */
extern const struct th_msg_kind th_run_subscribe_msg;   /* body: struct th_subscribe_ask */
extern const struct th_msg_kind th_run_unsubscribe_msg; /* body: struct th_sub */

struct th_subscribe_ask {
    struct th_sub *sub; /* held */
    struct th_interest interest;
};

/* What a server has subscribed to; a list in its slot. Thread: owner. */
struct th_subscribed {
    struct th_subscribed *next;
    th_pid manager;
    uint64_t monitor;
    struct th_sub *sub;
    void (*drop)(void *data); /* the finalizer; may be NULL */
    void *data;
};

/* Whether events of this manager are still to be given to the owner. Thread: owner. */
bool th_run_is_subscribed(const struct th_slot *owner, th_pid manager);

/* The monitor of a manager has told, or its owner ends (ref 0: all of them). */
void th_run_subscribed_forget(struct th_slot *owner, uint64_t monitor);

#endif

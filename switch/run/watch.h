/*
 * watch.h - a call or a monitor: one server that waits to hear of another.
 *
 * The owner finds it by reference and decides its outcome under its own lock; the target's slot has
 * it in a list, under the target's lock, so that its end is heard. No two slots are ever locked at
 * once: whoever comes first (reply, end, time-out, cancel) moves it out of WAITING, the others find
 * that they are late. Holders are counted: the owner's table, the target's list, the mailbox.
 *
 * A call that came by box is in no list as long as its callee handles it, and a reply by box decides it
 * only when its owner takes that out: then neither side touches what the other one works on.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_WATCH_H
#define TH_RUN_WATCH_H

#include "switch/base/heap.h"
#include "switch/run/call.h"
#include "switch/base/index.h"
#include "switch/run/mailbox.h"

#include <stdatomic.h>

enum { TH_MONITORS_MAX = 65536 }; /* of one server: as many as there can be servers */

enum th_watch_state {
    TH_WATCH_WAITING,
    TH_WATCH_DECIDED, /* the outcome is in the owner's mailbox */
    TH_WATCH_LET_GO,  /* from elsewhere; it is in the mailbox only so that its owner ends it */
    TH_WATCH_OVER     /* told, timed out or cancelled: nothing more will be told */
};

struct th_watch {
    /* Do not change. */
    bool is_call;
    th_pid owner; /* 0: a plain thread in th_call_wait */
    th_pid target;
    th_reply_fn on_reply;
    void *ctx;
    struct th_sub
        *sub; /* held: the subscription that it is for; or NULL. Set by the owner, locked */
    atomic_uint holders;

    /* Under the owner's lock. */
    struct th_index_node by_ref;
    enum th_watch_state state;
    enum th_err why;
    struct th_msg answer; /* the reply; or the down message, made beforehand */
    struct th_mail mail;

    /* The owner's thread. */
    struct th_heap_node due;
    void (*drop)(void *ctx); /* the call's finalizer, until it has run; may be NULL */

    /* Under the target's lock. */
    struct th_watch *previous;
    struct th_watch *next;
    bool is_linked;
    bool is_unlinked; /* it is not to be linked any more */
};

/*
 * Makes a watch in the owner's table. It is in nobody's list yet.
 * Errors: TH_NO_MEMORY, TH_LIMIT. Thread: owner.
 */
TH_MUST enum th_err th_run_watch_new(struct th_slot *owner, bool is_call, th_pid target,
                                     struct th_watch **out);
void th_run_watch_hold(struct th_watch *watch);
void th_run_watch_release(struct th_watch *watch); /* no lock held */
void th_run_watch_release_many(struct th_watch *watch, unsigned holds);

/* Puts a new one in the target's list; under the target's lock, the target being alive. */
void th_run_watch_link(struct th_slot *target, struct th_watch *watch);

/* The same for a call that came by box and is not answered yet, unless its owner has done with it
 * meanwhile. A hold is given. Thread: the target's, no lock held. */
void th_run_watch_link_late(struct th_slot *target, struct th_watch *watch);

/*
 * Takes the call that a reply in the box answers out of its owner's table; NULL when there is none any
 * more. What others decided about it since comes too late. The caller releases the table's hold.
 * is_unlinked  it never was in its target's list.
 * Thread:      owner.
 */
TH_MUST struct th_watch *th_run_watch_take_answered(struct th_slot *owner, uint64_t ref,
                                                    bool is_unlinked);

/* Takes it out of the target's list, if it is still there. Thread: any, no lock held. */
void th_run_watch_unlink(struct th_host *host, struct th_watch *watch);

/* Decides a watch unless that has happened already. Thread: any, no lock held. */
void th_run_watch_decide(struct th_host *host, struct th_watch *watch, enum th_err why);

/* Answers the call {to}, with a reply (given) or a reason. Thread: any, no lock held. */
void th_run_answer(struct th_host *host, struct th_from to, enum th_err why, struct th_msg reply);

/* Answers a call with nothing but a reason. */
static inline void th_run_answer_error(struct th_host *host, struct th_from to, enum th_err why)
{
    th_run_answer(host, to, why, (struct th_msg){0});
}

/* Ends a watch of this owner by reference: nothing will be told of it. Thread: owner. */
void th_run_watch_cancel(struct th_slot *owner, uint64_t ref, bool is_call);

/*
 * Takes a decided watch out of its owner's table and its target's list: true when it is to be told
 * now, and the caller then releases the table's hold too; false when it was cancelled in between.
 * Thread: owner.
 */
TH_MUST bool th_run_watch_take(struct th_slot *owner, struct th_watch *watch);

/* The same when it was let go from elsewhere. */
TH_MUST bool th_run_watch_take_let_go(struct th_slot *owner, struct th_watch *watch);

/* Sets a call's finalizer; runs it, once nothing more will be told of the call, unless that has been
 * done. Thread: owner, no lock held. */
void th_run_watch_finally(struct th_slot *owner, uint64_t ref, void (*drop)(void *ctx));
void th_run_watch_finish(struct th_watch *watch);

/* Says that a call or monitor belongs to a subscription and ends with it. Thread: owner. */
void th_run_watch_for_sub(struct th_slot *owner, uint64_t ref, struct th_sub *sub);

/* The same for a call whose time is over: false when its outcome already waits in the mailbox. */
TH_MUST bool th_run_watch_expire(struct th_slot *owner, struct th_watch *watch);

/* Ends all watches of an owner that is no longer alive: nothing will be told of them. */
void th_run_watch_end_all(struct th_slot *owner);

#endif

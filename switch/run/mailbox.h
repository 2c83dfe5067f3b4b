/*
 * mailbox.h - what waits for a server: one queue in order of arrival, with a limit for what others
 * send unasked.
 *
 * Messages and events are counted and refused when the mailbox is full. Outcomes of the server's own
 * calls and monitors, and the note that events were missed, sit in memory that was taken when they
 * were asked for; they are not counted and cannot be refused. All go through the one queue, so what
 * one sender sends in some order arrives in that order.
 *
 * Most of what is sent on a loop with several servers comes from the loop's own thread. It goes, without
 * the lock, into a list of that thread's, which is read before the queue; if the queue holds anything
 * then, it is put before. So nothing overtakes what caused it. A call lies there with its watch, and so
 * does its reply, if the callee gives it at once.
 *
 * A server whose place looks out for it (th_run_box_claim) gets what comes first in its letterbox, a reply
 * to its own call as well, and the rest here.
 *
 * Floor:  1 (run); private to it.
 * Thread: the slot's lock, where nothing else is said.
 */
#ifndef TH_RUN_MAILBOX_H
#define TH_RUN_MAILBOX_H

#include "switch/base/check.h"
#include "switch/run/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct th_event;
struct th_host;
struct th_slot;
struct th_watch;
struct th_sub;
struct th_round;

enum th_mail_class {
    TH_MAIL_MSG,    /* call or cast; counted */
    TH_MAIL_EVENT,  /* counted */
    TH_MAIL_SYNC,   /* an event whose announcer waits, in a th_sync_mail; counted */
    TH_MAIL_REPLY,  /* by box, or from the callee's callback on one thread */
    TH_MAIL_WATCH,  /* embedded in a th_watch: a call or monitor has its outcome */
    TH_MAIL_MISSED, /* embedded in a th_sub: events were missed */
    TH_MAIL_STREAM  /* embedded in a th_event_stream: there is something to take */
};

struct th_mail {
    struct th_mail *next;
    enum th_mail_class class;
    bool is_own;            /* MSG, EVENT, REPLY: it lies in the place's own stock */
    enum th_err why;        /* of a reply */
    struct th_watch *watch; /* held: of a call by box or on one thread, or its reply; else NULL */
    struct th_msg msg; /* of a call, cast, event or reply; that has the reference of its call */
};

struct th_sync_mail {
    struct th_mail mail;
    struct th_round *round; /* held */
    struct th_sub *sub;     /* held */
};

/* A zeroed one is empty. */
struct th_mail_list {
    struct th_mail *first;
    struct th_mail *last;
};

static inline void th_run_mail_push(struct th_mail_list *list, struct th_mail *mail)
{
    mail->next = NULL;
    if (list->last)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

/* NULL when empty. */
static inline struct th_mail *th_run_mail_pop(struct th_mail_list *list)
{
    struct th_mail *mail = list->first;

    if (mail == NULL)
        return NULL;
    list->first = mail->next;
    if (list->first == NULL)
        list->last = NULL;
    mail->next = NULL;
    return mail;
}

/* Moves all of `from` to the end of `to`. */
void th_run_mail_move(struct th_mail_list *to, struct th_mail_list *from);

/* Drops what nobody will handle: bodies, and the list's hold on calls and subscriptions. Calls that are
 * in no other list are told.
 * Thread: no lock held, for the drop functions are foreign code. */
void th_run_mail_discard(struct th_host *host, struct th_mail_list *list);

/* How many there are. */
uint64_t th_run_mail_count(const struct th_mail_list *list);

/*
 * Puts a message into a server's mailbox. With a watch (a call's) it is linked to the server in the
 * same moment, so that its end cannot slip in between.
 *
 * msg.body  given away, whatever is returned.
 * Errors:   TH_GONE, TH_FULL, TH_NO_MEMORY.
 * Thread:   any, no lock held.
 */
enum th_err th_run_deliver(struct th_host *host, th_pid to, enum th_mail_class class,
                           struct th_msg msg, struct th_watch *watch);

/*
 * Gives the caller a reply whose call its callee has in hand, on the thread of both. Returns false, and
 * takes nothing, when the caller does not live here or there is no memory.
 * watch  a hold is given.
 */
bool th_run_deliver_reply(struct th_slot *caller, struct th_watch *watch, enum th_err why,
                          const struct th_msg *reply);

/* The same with an event, of which one hold is given when TH_OK is returned. */
enum th_err th_run_deliver_event(struct th_host *host, th_pid to, th_pid manager,
                                 struct th_event *event);

/* The same with mail that is made already: given when TH_OK is returned. Errors: TH_GONE, TH_FULL. */
enum th_err th_run_deliver_mail(struct th_host *host, th_pid to, struct th_mail *mail);

/* Frees mail that was handled or is to be dropped. No lock held. */
void th_run_mail_free(struct th_mail *mail);

/* Queues mail that cannot be refused; the slot must be alive. Returns whether the caller must call
 * th_run_ready once it has let go of the slot's lock. */
TH_MUST bool th_run_queue(struct th_slot *slot, struct th_mail *mail);

#endif

/*
 * event.h - the event manager: one announces, many are told.
 *
 * A subscription is {owner, interest} and forwards to the owner's mailbox, nothing else: there is no
 * user function to run in the manager, so a handler cannot block it or call back into it. The owner's
 * end removes its subscription; the manager's end reaches owners as th_down_msg (th_subscribe
 * monitors it).
 *
 * Interest is two masks that the manager does not understand: an event has one bit of each. It is
 * forwarded when its kind bit is in `kinds`, and its topic bit in `topics` or its topic 0.
 *
 * Events arrive as th_event_msg, in one order for all subscribers. When the owner's mailbox is full
 * an event is dropped and counted; for a state event the owner gets one th_missed_msg: it should ask
 * for the whole state again, which the manager keeps (fact.h).
 *
 * Floor:  1 (run).
 */
#ifndef TH_RUN_EVENT_H
#define TH_RUN_EVENT_H

#include "switch/run/call.h"

#include <stdatomic.h>

enum { TH_SUBSCRIPTIONS_MAX = 1024 }; /* of one manager; more are answered TH_LIMIT */

struct th_fact_kind;

struct th_interest {
    uint64_t kinds;
    uint64_t topics;
};

/* Immutable once notified; shared by count. Read it from a th_event_msg with th_event_of. */
struct th_event {
    uint64_t seq;                    /* of this manager, rising by 1; filled by the manager */
    uint64_t kind;                   /* one bit */
    uint64_t topic;                  /* one bit, or 0 */
    const struct th_fact_kind *fact; /* fact.h: of what it tells; NULL: of nothing that is kept */
    void *body;                      /* what the announcer put there */
    void (*drop)(void *body);
    atomic_uint holders;
    bool is_state;        /* losing it must be told */
    bool is_over;         /* of a fact: it is so no more */
    bool is_in_ring;      /* of a place: its memory (event_ring.h) */
    atomic_bool is_taken; /* from there */
};

extern const struct th_msg_kind th_event_msg;
extern const struct th_msg_kind th_missed_msg; /* body: struct th_missed; not to be kept */

struct th_missed {
    uint64_t events; /* of this owner's interest, not forwarded since the last of these */
};

/* The event of a th_event_msg; valid until the callback returns (take a hold to keep it). */
const struct th_event *th_event_of(const struct th_msg *msg);

/*
 * Makes an event with one holder.
 * body  given, also on failure; drop frees it after the last holder (NULL: nothing to free).
 * Returns NULL without memory.
 */
TH_MUST struct th_event *th_event_new(uint64_t kind, uint64_t topic, bool is_state, void *body,
                                      void (*drop)(void *body));

/* Who has taken a hold releases it before the host is closed, or may leave a little memory behind. */
void th_event_hold(struct th_event *event);
void th_event_release(struct th_event *event);

/* The manager is a server; put it on the place of who notifies most. Its spec's arg may be this, borrowed
 * for its life; NULL when nobody outside chooses the keys of facts. */
struct th_event_manager_config {
    uint8_t hash_secret[16]; /* for the keys of facts */
};
extern const struct th_server_ops th_event_manager_ops;

/*
 * Announces.
 *
 * event  given. On the manager's own place it is forwarded before this returns; from elsewhere it is
 *        posted to the manager.
 * Errors: TH_GONE; TH_FULL, TH_NO_MEMORY (when it had to be posted: from elsewhere, or while the
 *         manager has not begun or is suspended, or as the first fact of its announcer).
 * Thread: any. Never waits.
 */
enum th_err th_notify(struct th_host *host, th_pid manager, struct th_event *event);

/*
 * Announces, and tells when every subscriber's server has handled the event, or has ended. Who had
 * no room for it does not hold it up.
 *
 * event    given, also on failure.
 * on_done, ctx, ref  as for th_call. TH_TIMED_OUT: some have not handled it yet: those whose
 *          `unhandled` in the list is not 0.
 * Errors:  TH_NO_MEMORY, TH_LIMIT.
 * Thread:  owner.
 */
TH_MUST enum th_err th_notify_sync(const struct th_self *self, th_pid manager,
                                   struct th_event *event, th_ms timeout_ms, th_reply_fn on_done,
                                   void *ctx, uint64_t *ref);

/*
 * Subscribes, or changes the interest of the subscription that the caller already has.
 *
 * on_done  called as th_call does (with TH_CALL_MS_DEFAULT): TH_OK when the subscription is in
 *          force, with reply NULL or not of interest; no event from after that moment is missed
 *          untold. May be NULL. TH_LIMIT: there were TH_SUBSCRIPTIONS_MAX already.
 * Errors:  TH_NO_MEMORY, TH_LIMIT.
 * Thread:  owner.
 */
TH_MUST enum th_err th_subscribe(const struct th_self *self, th_pid manager,
                                 struct th_interest interest, th_reply_fn on_done, void *ctx);

/* Ends the caller's subscription at once: nothing more comes of it, neither events that wait in its
 * mailbox nor on_done. Harmless without one. */
void th_unsubscribe(const struct th_self *self, th_pid manager);

/* The caller's subscription, for th_let_go: from any thread it does what th_unsubscribe does. 0 when
 * there is none. Thread: owner. */
uint64_t th_subscription_ref(const struct th_self *self, th_pid manager);

/*
 * Gives the caller's subscription data of its own and a finalizer.
 *
 * drop  called once with data, on the owner's place, when the subscription has ended, whatever ended
 *       it: th_unsubscribe (from inside it), th_let_go, the manager's end or the owner's. Nothing of
 *       the subscription comes after it, but a down message that tells of the manager.
 * Only once for a subscription, which must be there. Thread: owner.
 */
void th_subscription_finally(const struct th_self *self, th_pid manager, void (*drop)(void *data),
                             void *data);

/* One row of th_event_list_msg's answer. */
struct th_subscription_look {
    th_pid owner; /* 0: a plain thread with a stream (stream.h) */
    bool is_stream;
    struct th_interest interest;
    uint64_t forwarded;
    uint64_t dropped;
    unsigned unhandled; /* of th_notify_sync: forwarded and not yet handled */
};
struct th_subscription_list {
    unsigned count;
    struct th_subscription_look row[]; /* order of subscribing */
};
/* Call the manager with this (no body) to list; the reply's kind is th_event_list_msg with a
 * struct th_subscription_list as body. */
extern const struct th_msg_kind th_event_list_msg;

/* Call the manager with this to ask about one subscription; body: its owner's th_pid (th_mem_copy'd).
 * The reply is of the same kind and has a struct th_subscription_look as body (the owner's oldest);
 * without a subscription the call ends with TH_NOT_FOUND. */
extern const struct th_msg_kind th_event_ask_msg;

#endif

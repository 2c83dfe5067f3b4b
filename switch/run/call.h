/*
 * call.h - asking another server something, without waiting.
 *
 * A call is a message with a reference and a continuation. The callee is monitored meanwhile, so
 * exactly one of three things comes back, once, on the caller's place, never from inside th_call:
 * its reply (TH_OK), that it is gone (TH_GONE: had ended before, or ended before it replied; TH_FULL:
 * its mailbox was at its limit), or TH_TIMED_OUT. Nothing of a finished or cancelled call arrives
 * later. So two servers that call each other cannot deadlock.
 *
 * Floor:  1 (run).
 */
#ifndef TH_RUN_CALL_H
#define TH_RUN_CALL_H

#include "switch/run/server.h"

enum {
    TH_CALL_MS_DEFAULT = 5000,
    TH_CALLS_MAX = 4096 /* outstanding calls of one server */
};

/*
 * What is called with the outcome.
 *
 * state  the caller's, as in its callbacks; ctx is what th_call was given.
 * why    TH_OK: reply is the answer, and its body may be kept as in on_msg (set reply->body to NULL).
 *        Else reply is NULL.
 * Returns as on_msg does.
 */
typedef enum th_err (*th_reply_fn)(void *state, const struct th_self *self, void *ctx,
                                   enum th_err why, struct th_msg *reply);

/*
 * Calls a server.
 *
 * msg.body    given away, whatever is returned.
 * timeout_ms  from now until TH_TIMED_OUT; at least 1.
 * ctx         borrowed until on_reply; when the call is cancelled or the caller ends, on_reply is
 *             not called and ctx stays the caller's (th_call_finally has it freed).
 * ref         filled, for th_cancel; may be NULL.
 * Errors:     TH_NO_MEMORY, TH_LIMIT (TH_CALLS_MAX); on_reply will not be called then.
 * Thread:     owner (from one of its callbacks).
 */
TH_MUST enum th_err th_call(const struct th_self *self, th_pid to, struct th_msg msg,
                            th_ms timeout_ms, th_reply_fn on_reply, void *ctx, uint64_t *ref);

/* Forgets a call: on_reply will not be called. Unknown or finished references are harmless. */
void th_cancel(const struct th_self *self, uint64_t ref);

/*
 * Gives a call's ctx a finalizer, so that it is freed however the call ends.
 *
 * drop  called once with the call's ctx, on the caller's place: after on_reply has returned, or when
 *       it will not be called: the call was cancelled (from inside th_cancel), let go, or the caller
 *       ended (after its terminate).
 * In the callback that made the call, after th_call has succeeded. Thread: owner.
 */
void th_call_finally(const struct th_self *self, uint64_t ref, void (*drop)(void *ctx));

/*
 * Lets go of a call, a monitor or a subscription of any server (th_cancel, th_demonitor and
 * th_unsubscribe are for its own callbacks).
 *
 * Nothing more comes of it: neither what is on its way nor what waits in the mailbox. Only a callback
 * that has begun goes on. Finalizers run at the owner's place, soon. It cannot be undone.
 *
 * ref     what th_call, th_monitor or th_subscription_ref gave; unknown or finished ones are harmless.
 * Thread: any. Returns at once, whatever the owner is doing.
 */
void th_let_go(struct th_host *host, th_pid owner, uint64_t ref);

/*
 * Answers a call, now or later, from whatever server or thread holds `to`. A late, second or
 * unasked answer is dropped.
 * msg.body  given away.
 * Thread:   any. Never fails, never waits: its slot was taken by the call.
 */
void th_reply(struct th_host *host, struct th_from to, struct th_msg msg);

/*
 * Calls and blocks, for plain threads only (main programs, tests).
 *
 * With host_sim it turns the crank meanwhile.
 *
 * reply   filled on TH_OK; the caller drops it.
 * Errors: TH_WOULD_DEADLOCK at once on a thread that runs servers; TH_GONE, TH_FULL, TH_TIMED_OUT,
 *         TH_NO_MEMORY.
 * Thread: not a server.
 */
TH_MUST enum th_err th_call_wait(struct th_host *host, th_pid to, struct th_msg msg,
                                 th_ms timeout_ms, struct th_msg *reply);

#endif

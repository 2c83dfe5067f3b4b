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
 *             not called and ctx stays the caller's.
 * ref         filled, for th_cancel; may be NULL.
 * Errors:     TH_NO_MEMORY, TH_LIMIT (TH_CALLS_MAX); on_reply will not be called then.
 * Thread:     owner (from one of its callbacks).
 */
TH_MUST enum th_err th_call(const struct th_self *self, th_pid to, struct th_msg msg,
                            th_ms timeout_ms, th_reply_fn on_reply, void *ctx, uint64_t *ref);

/* Forgets a call: on_reply will not be called. Unknown or finished references are harmless. */
void th_cancel(const struct th_self *self, uint64_t ref);

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
 * With host_step it turns the crank meanwhile.
 *
 * reply   filled on TH_OK; the caller drops it.
 * Errors: TH_WOULD_DEADLOCK at once on a thread that runs servers; TH_GONE, TH_FULL, TH_TIMED_OUT,
 *         TH_NO_MEMORY.
 * Thread: not a server.
 */
TH_MUST enum th_err th_call_wait(struct th_host *host, th_pid to, struct th_msg msg,
                                 th_ms timeout_ms, struct th_msg *reply);

#endif

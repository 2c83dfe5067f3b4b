#include "switch/run/call.h"

#include "switch/run/host_core.h"
#include "switch/run/trace_hook.h"
#include "switch/run/watch.h"

enum { WAIT_MS_MAX = 1000 * 1000 * 1000 };

/* --- by a server --- */

static th_ms later(th_ms now, th_ms by)
{
    return by < TH_RUN_NOT_DUE - now ? now + by : TH_RUN_NOT_DUE;
}

enum th_err th_call(const struct th_self *self, th_pid to, struct th_msg msg, th_ms timeout_ms,
                    th_reply_fn on_reply, void *ctx, uint64_t *ref)
{
    struct th_slot *slot = th_run_self(self);
    struct th_watch *watch = NULL;
    th_ms due = later(self->now.mono, timeout_ms);
    enum th_err err = th_heap_reserve(&slot->calls_due);

    if (err == TH_OK)
        err = th_run_watch_new(slot, true, to, &watch);
    if (err != TH_OK) {
        th_msg_drop(&msg);
        return err;
    }
    watch->on_reply = on_reply;
    watch->ctx = ctx;
    th_heap_set(&slot->calls_due, &watch->due, due);

    msg.from = self->pid;
    msg.ref = watch->by_ref.key;
    if (ref)
        *ref = msg.ref;
    err = th_run_deliver(self->host, to, TH_MAIL_MSG, msg, watch);
    th_run_trace_sent(self->host, TH_TRACE_CALL, to, msg.kind, NULL, err);
    if (err == TH_NO_MEMORY) {
        th_run_watch_cancel(slot, watch->by_ref.key, true);
        return err;
    }
    th_run_wished(slot,
                  &(struct th_run_wish){
                      .what = TH_RUN_CALLED, .ref = watch->by_ref.key, .target = to, .due = due});
    if (err != TH_OK)
        th_run_watch_decide(self->host, watch, err);
    return TH_OK;
}

void th_cancel(const struct th_self *self, uint64_t ref)
{
    th_run_wished(th_run_self(self), &(struct th_run_wish){.what = TH_RUN_CANCELLED, .ref = ref});
    th_run_watch_cancel(th_run_self(self), ref, true);
}

void th_call_finally(const struct th_self *self, uint64_t ref, void (*drop)(void *ctx))
{
    th_run_watch_finally(th_run_self(self), ref, drop);
}

void th_reply(struct th_host *host, struct th_from to, struct th_msg msg)
{
    msg.from = th_run_sender(host);
    msg.ref = 0;
    th_run_answer(host, to, TH_OK, msg);
    th_run_trace_sent(host, TH_TRACE_REPLY, to.pid, msg.kind, NULL, TH_OK);
}

/* --- by a plain thread --- */

static bool is_decided(struct th_host *host, const void *watch)
{
    (void)host;
    return ((const struct th_watch *)watch)->state != TH_WATCH_WAITING;
}

enum th_err th_call_wait(struct th_host *host, th_pid to, struct th_msg msg, th_ms timeout_ms,
                         struct th_msg *reply)
{
    struct th_slot *outside = &host->outside;
    struct th_watch *watch = NULL;
    enum th_err err = host->ops->is_needed_here(host) ? TH_WOULD_DEADLOCK : TH_OK;

    if (err == TH_OK)
        err = th_run_watch_new(outside, true, to, &watch);
    if (err != TH_OK) {
        th_msg_drop(&msg);
        return err;
    }
    msg.from = 0;
    msg.ref = watch->by_ref.key;
    err = th_run_deliver(host, to, TH_MAIL_MSG, msg, watch);
    if (err != TH_OK) {
        th_run_watch_cancel(outside, watch->by_ref.key, true);
        return err;
    }

    host->ops->wait(host, is_decided, watch, timeout_ms < WAIT_MS_MAX ? timeout_ms : WAIT_MS_MAX);
    if (th_run_watch_expire(outside, watch)) {
        err = TH_TIMED_OUT;
    } else {
        TH_CHECK(th_run_watch_take(outside, watch));
        th_run_lock(&outside->lock); /* other threads may wait too */
        th_run_count(&outside->taken, 1);
        th_run_count(&outside->handled, 1);
        th_run_unlock(&outside->lock);
        err = watch->why;
        if (err == TH_OK) {
            *reply = watch->answer;
            watch->answer.body = NULL;
        }
    }
    th_run_watch_release(watch);
    return err;
}

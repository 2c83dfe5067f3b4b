#include "switch/run/event.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/fact_keep.h"
#include "switch/run/host_core.h"
#include "switch/run/stream_sub.h"
#include "switch/run/trace_hook.h"
#include "switch/run/watch.h"

#include <string.h>

static void drop_event(void *event)
{
    th_event_release(event);
}

static void drop_ask(void *body)
{
    struct th_subscribe_ask *ask = body;

    th_run_sub_release(ask->sub);
    th_mem_free(ask);
}

static void drop_sub(void *sub)
{
    th_run_sub_release(sub);
}

const struct th_msg_kind th_event_msg = {"event", drop_event};
const struct th_msg_kind th_missed_msg = {"event.missed", NULL};
const struct th_msg_kind th_event_list_msg = {"event.list", th_mem_free};
const struct th_msg_kind th_event_ask_msg = {"event.ask", th_mem_free};
const struct th_msg_kind th_run_subscribe_msg = {"event.subscribe", drop_ask};
const struct th_msg_kind th_run_unsubscribe_msg = {"event.unsubscribe", drop_sub};

/* --- events --- */

static struct th_event *take_memory(void)
{
    struct th_place *here = th_run_here();
    struct th_event *event = NULL;

    if (here && here->has_event_ring)
        event = th_run_event_ring_take(&here->events);
    return event ? event : th_mem_zalloc(1, sizeof *event);
}

struct th_event *th_event_new(uint64_t kind, uint64_t topic, bool is_state, void *body,
                              void (*drop)(void *body))
{
    struct th_event *event = take_memory();

    if (event == NULL) {
        if (body && drop)
            drop(body);
        return NULL;
    }
    event->seq = 0;
    event->kind = kind;
    event->topic = topic;
    event->is_state = is_state;
    event->is_over = false;
    event->fact = NULL;
    event->body = body;
    event->drop = drop;
    atomic_init(&event->holders, 1);
    return event;
}

void th_event_hold(struct th_event *event)
{
    atomic_fetch_add_explicit(&event->holders, 1, memory_order_relaxed);
}

void th_run_event_release(struct th_event *event, unsigned holds)
{
    /* Who has the only holds left need not count them down. */
    if (atomic_load_explicit(&event->holders, memory_order_acquire) != holds &&
        atomic_fetch_sub_explicit(&event->holders, holds, memory_order_acq_rel) > holds)
        return;
    if (event->fact) {
        th_mem_free(th_run_fact_of(event));
        return;
    }
    if (event->body && event->drop)
        event->drop(event->body);
    if (event->is_in_ring)
        th_run_event_ring_give(event);
    else
        th_mem_free(event);
}

void th_event_release(struct th_event *event)
{
    th_run_event_release(event, 1);
}

const struct th_event *th_event_of(const struct th_msg *msg)
{
    return msg->body;
}

/* --- a subscription, as owner and manager share it --- */

void th_run_sub_hold(struct th_sub *sub)
{
    atomic_fetch_add_explicit(&sub->holders, 1, memory_order_relaxed);
}

void th_run_sub_release(struct th_sub *sub)
{
    if (atomic_fetch_sub_explicit(&sub->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (sub->stream)
        th_run_stream_release(sub->stream);
    th_mem_free(sub);
}

/* Counts an event that the owner does not get, and has it told when that matters. */
static void note_missed(struct th_slot *owner, struct th_sub *sub, bool is_state)
{
    bool is_first = false;

    th_run_lock(&owner->lock);
    if (owner->is_alive && owner->pid == sub->owner) {
        sub->missed++;
        if (is_state && !sub->is_queued) {
            sub->is_queued = true;
            th_run_sub_hold(sub);
            owner->tally.sent++;
            is_first = th_run_queue(owner, &sub->mail);
        }
    }
    th_run_unlock(&owner->lock);
    if (is_first)
        th_run_ready(owner);
}

static struct th_mail *make_sync_mail(struct th_msg msg, struct th_round *round, struct th_sub *sub)
{
    struct th_sync_mail *sync = th_mem_zalloc(1, sizeof *sync);

    if (sync == NULL)
        return NULL;
    sync->mail.class = TH_MAIL_SYNC;
    sync->mail.msg = msg;
    sync->round = round;
    sync->sub = sub;
    th_run_sub_hold(sub);
    atomic_fetch_add(&sub->unhandled, 1);
    atomic_fetch_add(&round->open, 1);
    return &sync->mail;
}

void th_run_round_release(struct th_round *round, struct th_sub *sub)
{
    if (sub)
        atomic_fetch_sub(&sub->unhandled, 1);
    if (atomic_fetch_sub(&round->open, 1) > 1)
        return;
    th_run_answer(round->host, round->announcer, TH_OK, (struct th_msg){.kind = &th_event_msg});
    th_mem_free(round);
}

/* The event stays the caller's when it fails. */
static enum th_err send_sync(struct th_host *host, struct th_sub *sub, struct th_msg msg,
                             struct th_round *round)
{
    struct th_mail *mail = make_sync_mail(msg, round, sub);
    enum th_err err;

    if (mail == NULL) {
        atomic_fetch_add(&host->missed_nowhere, 1);
        return TH_NO_MEMORY;
    }
    err = th_run_deliver_mail(host, sub->owner, mail);
    if (err != TH_OK) {
        mail->msg.body = NULL;
        th_run_mail_free(mail);
    }
    return err;
}

bool th_run_sub_forward(struct th_host *host, struct th_sub *sub, th_pid manager,
                        struct th_event *event, struct th_round *round)
{
    struct th_slot *traced = th_run_traced_sender(host);
    enum th_err err;

    if (sub->stream)
        return th_run_stream_put(sub->stream, event);
    if (traced)
        th_event_hold(event);
    if (round)
        err = send_sync(host, sub,
                        (struct th_msg){.kind = &th_event_msg, .body = event, .from = manager},
                        round);
    else
        err = th_run_deliver_event(host, sub->owner, manager, event);
    if (traced) {
        th_run_trace_note_sent(traced, TH_TRACE_EVENT, sub->owner, &th_event_msg, event, err);
        th_event_release(event);
    }
    if (err == TH_FULL || err == TH_NO_MEMORY)
        note_missed(th_run_slot(host, sub->owner), sub, event->is_state);
    return err == TH_OK;
}

void th_run_sub_miss(struct th_host *host, struct th_sub *sub)
{
    if (sub->stream)
        th_run_stream_miss(sub->stream);
    else
        note_missed(th_run_slot(host, sub->owner), sub, true);
}

/* --- the owner's side --- */

static struct th_subscribed *find(const struct th_slot *owner, th_pid manager)
{
    struct th_subscribed *subscribed = owner->subscribed;

    while (subscribed && subscribed->manager != manager)
        subscribed = subscribed->next;
    return subscribed;
}

/* Takes one out of the list, by its place in it. */
static void forget(struct th_slot *owner, struct th_subscribed **at)
{
    struct th_subscribed *subscribed = *at;

    *at = subscribed->next;
    th_run_watch_cancel(owner, subscribed->monitor, false);
    atomic_store(&subscribed->sub->is_closed, true);
    th_run_sub_release(subscribed->sub);
    if (subscribed->drop)
        subscribed->drop(subscribed->data);
    th_mem_free(subscribed);
}

void th_run_subscribed_forget(struct th_slot *owner, uint64_t monitor)
{
    struct th_subscribed **at = &owner->subscribed;

    while (*at) {
        if (monitor == 0 || (*at)->monitor == monitor) {
            forget(owner, at);
            at = &owner->subscribed; /* a finalizer may have changed the list */
        } else {
            at = &(*at)->next;
        }
    }
}

bool th_run_is_subscribed(const struct th_slot *owner, th_pid manager)
{
    const struct th_subscribed *subscribed = find(owner, manager);

    return subscribed && !atomic_load_explicit(&subscribed->sub->is_closed, memory_order_relaxed);
}

/* Makes the owner's half of a subscription: the shared part and the monitor of the manager. */
static enum th_err make(const struct th_self *self, th_pid manager, struct th_subscribed **out)
{
    struct th_slot *owner = th_run_self(self);
    struct th_subscribed *subscribed = th_mem_zalloc(1, sizeof *subscribed);
    struct th_sub *sub = th_mem_zalloc(1, sizeof *sub);
    enum th_err err = subscribed && sub ? TH_OK : TH_NO_MEMORY;

    if (err == TH_OK)
        err = th_monitor(self, manager, &subscribed->monitor);
    if (err != TH_OK) {
        th_mem_free(sub);
        th_mem_free(subscribed);
        return err;
    }
    sub->owner = self->pid;
    sub->mail.class = TH_MAIL_MISSED;
    atomic_init(&sub->holders, 1);
    atomic_init(&sub->is_closed, false);
    atomic_init(&sub->is_let_go, false);
    th_run_watch_for_sub(owner, subscribed->monitor, sub);
    subscribed->manager = manager;
    subscribed->sub = sub;
    subscribed->next = owner->subscribed;
    owner->subscribed = subscribed;
    *out = subscribed;
    return TH_OK;
}

/* The subscription that is in force; one that was let go from elsewhere is forgotten first. */
static struct th_subscribed *find_open(struct th_slot *owner, th_pid manager)
{
    struct th_subscribed *subscribed = find(owner, manager);

    if (subscribed && atomic_load(&subscribed->sub->is_closed)) {
        th_run_subscribed_forget(owner, subscribed->monitor);
        subscribed = NULL;
    }
    return subscribed;
}

enum th_err th_subscribe(const struct th_self *self, th_pid manager, struct th_interest interest,
                         th_reply_fn on_done, void *ctx)
{
    struct th_slot *owner = th_run_self(self);
    struct th_subscribed *subscribed = find_open(owner, manager);
    struct th_subscribe_ask *ask = th_mem_zalloc(1, sizeof *ask);
    bool is_new = subscribed == NULL;
    enum th_err err = ask ? TH_OK : TH_NO_MEMORY;
    uint64_t ref;

    if (err == TH_OK && is_new)
        err = make(self, manager, &subscribed);
    if (err != TH_OK) {
        th_mem_free(ask);
        return err;
    }

    ask->sub = subscribed->sub;
    ask->interest = interest;
    th_run_sub_hold(ask->sub);
    err = th_call(self, manager, (struct th_msg){.kind = &th_run_subscribe_msg, .body = ask},
                  TH_CALL_MS_DEFAULT, on_done, ctx, &ref);
    if (err == TH_OK)
        th_run_watch_for_sub(owner, ref, subscribed->sub);
    else if (is_new)
        th_run_subscribed_forget(owner, subscribed->monitor);
    return err;
}

uint64_t th_subscription_ref(const struct th_self *self, th_pid manager)
{
    const struct th_subscribed *subscribed = find(th_run_self(self), manager);

    return subscribed ? subscribed->monitor : 0;
}

void th_subscription_finally(const struct th_self *self, th_pid manager, void (*drop)(void *data),
                             void *data)
{
    struct th_subscribed *subscribed = find(th_run_self(self), manager);

    TH_CHECK(subscribed != NULL && subscribed->drop == NULL);
    subscribed->drop = drop;
    subscribed->data = data;
}

void th_unsubscribe(const struct th_self *self, th_pid manager)
{
    struct th_slot *owner = th_run_self(self);
    struct th_subscribed *subscribed = find(owner, manager);
    struct th_sub *sub;

    if (subscribed == NULL)
        return;
    sub = subscribed->sub;
    th_run_sub_hold(sub);
    atomic_store(&sub->is_let_go, true);
    th_run_wished(owner,
                  &(struct th_run_wish){.what = TH_RUN_DEMONITORED, .ref = subscribed->monitor});
    th_run_subscribed_forget(owner, subscribed->monitor);
    /* It is closed already; this only lets the manager forget it sooner, so it may be refused. */
    th_post(self->host, manager, (struct th_msg){.kind = &th_run_unsubscribe_msg, .body = sub});
}

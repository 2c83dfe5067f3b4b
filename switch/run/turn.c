/*
 * A server's turn: what it does next, around each callback, and how it ends.
 *
 * Everything here runs on the server's place. One turn is a batch of callbacks with one `now`.
 */
#include "switch/run/host_core.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/stream_sub.h"
#include "switch/run/supervisor.h"
#include "switch/run/trace_hook.h"
#include "switch/run/watch.h"

const struct th_msg_kind th_run_started_msg = {"run.started", NULL};

/* What ends a turn. */
enum step { STEP_DONE, STEP_NOTHING_TO_DO, STEP_ENDED };

struct turn {
    struct th_slot *slot;
    struct th_self self;
};

/* --- around a callback --- */

/* When it is traced, exactly; else within a few microseconds, for reading a clock can take longer than
 * a callback. */
static uint64_t read_us(struct th_slot *slot)
{
    struct th_place *place = slot->spec.place;

    slot->host->ops->read_clock(place, th_run_is_traced(slot));
    return place->us;
}

static void begin_callback(struct turn *turn, const char *doing, enum th_trace_sort sort,
                           const struct th_msg *msg)
{
    struct th_slot *slot = turn->slot;
    uint64_t us = slot->spec.place->us; /* when the last one ended */

    if (slot->host->ops->begun)
        slot->host->ops->begun(slot, doing, sort, msg, turn->self.now);
    th_run_trace_begun(slot, us, sort, doing, msg);
    atomic_store_explicit(&slot->doing_since_us, us, memory_order_relaxed);
    atomic_store_explicit(&slot->doing, doing, memory_order_release);
}

static void note_longest(struct th_slot *slot, const char *doing, uint64_t us)
{
    if (us < slot->longest_us || (us == slot->longest_us && slot->longest))
        return; /* only this thread writes it */
    th_run_lock(&slot->lock);
    slot->longest_us = us;
    slot->longest = doing;
    th_run_unlock(&slot->lock);
}

static void end_callback(struct turn *turn, const char *doing)
{
    struct th_slot *slot = turn->slot;
    const struct th_server_ops *ops = slot->spec.ops;
    uint64_t began_us = slot->spec.place->us;
    uint64_t took_us;

    slot->alarm_at = ops->deadline && ops->on_alarm ? ops->deadline(slot->state) : TH_NEVER;
    took_us = read_us(slot) - began_us;
    note_longest(slot, doing, took_us);
    th_run_trace_ended(slot, took_us);
    atomic_store_explicit(&slot->doing, NULL, memory_order_release);
    th_run_count(&slot->callbacks, 1);
    if (slot->host->ops->done)
        slot->host->ops->done(slot, doing, turn->self.now);
}

/* --- the end --- */

/* A call in hand that was not answered at once waits for the server's end, or its time-out. */
static void settle_in_hand(struct th_slot *slot)
{
    struct th_watch *watch = slot->in_hand;

    slot->in_hand = NULL;
    if (watch)
        th_run_watch_link_late(slot, watch);
}

/* No message, watch or name leads to the server after this; what did is handed out. */
static struct th_watch *close_slot(struct th_slot *slot, enum th_err why, struct th_mail_list *mail,
                                   struct th_mail_page *pages[2])
{
    struct th_watch *watchers;
    uint64_t discarded;

    th_run_slot_bury(slot, why);
    th_run_lock(&slot->lock);
    slot->is_alive = false;
    atomic_store(&slot->living, 0);
    slot->is_queued = false;
    slot->is_queued_here = false;
    th_run_mail_move(mail, &slot->batch);
    th_run_mail_move(mail, &slot->own_mail);
    th_run_empty(slot, mail);
    discarded = th_run_mail_count(mail);
    pages[0] = th_run_mail_take_all(&slot->stock, &slot->reader);
    pages[1] = th_run_mail_take_all(&slot->own_stock, &slot->own_reader);
    slot->tally.discarded += discarded;
    th_run_count(&slot->taken, discarded);
    watchers = slot->watchers_first;
    for (struct th_watch *watch = watchers; watch; watch = watch->next)
        watch->is_linked = false; /* the list is ours now, and so are its holds */
    slot->watchers_first = NULL;
    slot->watchers_last = NULL;
    atomic_store(&slot->went, slot->came + slot->own_came + slot->box.came);
    slot->went_seen = slot->went;
    th_run_unlock(&slot->lock);
    return watchers;
}

static void tell_watchers(struct th_host *host, struct th_watch *watchers, enum th_err why)
{
    while (watchers) {
        struct th_watch *watch = watchers;

        watchers = watch->next;
        th_run_watch_decide(host, watch, watch->is_call ? TH_GONE : why);
        th_run_watch_release(watch);
    }
}

static void tell_waiting_threads(struct th_host *host)
{
    th_run_lock(&host->outside.lock);
    pthread_cond_broadcast(&host->progress);
    th_run_unlock(&host->outside.lock);
}

static enum step end(struct turn *turn, enum th_err why)
{
    struct th_slot *slot = turn->slot;
    struct th_place *place = slot->spec.place;
    struct th_mail_list mail = {0};
    struct th_mail_page *pages[2];
    struct th_watch *watchers;

    if (atomic_load(&slot->has_init) && slot->spec.ops->terminate) {
        uint64_t began_us = place->us;

        begin_callback(turn, "terminate", TH_TRACE_OWN, NULL);
        slot->spec.ops->terminate(slot->state, &turn->self, why);
        th_run_trace_ended(slot, read_us(slot) - began_us);
        if (slot->host->ops->done)
            slot->host->ops->done(slot, "terminate", turn->self.now);
    }
    th_run_trace_over(slot);
    th_run_subscribed_forget(slot, 0);
    settle_in_hand(slot);
    watchers = close_slot(slot, why, &mail, pages);
    th_run_watch_end_all(slot);
    tell_watchers(slot->host, watchers, why);
    th_run_mail_discard(slot->host, &mail);
    th_run_mail_pages_free(pages[0]);
    th_run_mail_pages_free(pages[1]);

    th_index_clear(&slot->watches);
    th_heap_clear(&slot->calls_due);
    th_mem_free(slot->state);
    slot->state = NULL;
    th_run_place_remove(place, slot);
    atomic_store(&slot->doing, NULL);
    atomic_store(&place->running, NULL);
    th_run_slot_free(slot);
    tell_waiting_threads(place->host);
    return STEP_ENDED;
}

/* --- single steps --- */

static enum step go_on(struct turn *turn, enum th_err err)
{
    return err == TH_OK ? STEP_DONE : end(turn, err);
}

static enum step obey_stop(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    const struct th_server_ops *ops = slot->spec.ops;
    enum th_err why, err;
    bool is_now;

    th_run_lock(&slot->lock);
    why = slot->stop_why;
    is_now = slot->is_stopped_now;
    atomic_store(&slot->is_stop_asked, false);
    th_run_unlock(&slot->lock);
    if (is_now || ops->on_stop == NULL || !atomic_load(&slot->has_init))
        return end(turn, why);

    begin_callback(turn, "stop", TH_TRACE_OWN, NULL);
    err = ops->on_stop(slot->state, &turn->self, why);
    end_callback(turn, "stop");
    return go_on(turn, err);
}

static enum step run_init(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    enum th_err err;

    begin_callback(turn, "init", TH_TRACE_OWN, NULL);
    err = slot->spec.ops->init(slot->state, &turn->self, slot->spec.arg);
    if (err != TH_OK)
        return end(turn, err);
    atomic_store(&slot->has_init, true);
    end_callback(turn, "init");
    return STEP_DONE;
}

static enum step run_alarm(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    enum th_err err;

    begin_callback(turn, "alarm", TH_TRACE_OWN, NULL);
    err = slot->spec.ops->on_alarm(slot->state, &turn->self);
    end_callback(turn, "alarm");
    slot->was_alarm = true;
    return go_on(turn, err);
}

static enum th_trace_sort sort_of(const struct th_msg *msg)
{
    if (msg->kind == &th_event_msg)
        return TH_TRACE_EVENT;
    return msg->ref ? TH_TRACE_CALL : TH_TRACE_CAST;
}

/* Hands the server one message; what it does not keep is dropped. */
static enum step hand(struct turn *turn, struct th_msg *msg)
{
    struct th_slot *slot = turn->slot;
    const char *doing = msg->kind->name;
    enum th_err err;

    begin_callback(turn, doing, sort_of(msg), msg);
    err = slot->spec.ops->on_msg(slot->state, &turn->self, msg);
    th_msg_drop(msg);
    end_callback(turn, doing);
    return go_on(turn, err);
}

/* It belongs to a subscription that was ended. */
static bool is_unwanted(const struct th_watch *watch)
{
    return watch->sub && atomic_load(&watch->sub->is_let_go);
}

/* Tells the caller how its call ended. */
static enum step hand_outcome(struct turn *turn, struct th_watch *watch, enum th_err why)
{
    struct th_slot *slot = turn->slot;
    struct th_msg *reply = why == TH_OK ? &watch->answer : NULL;
    const struct th_msg told = {.kind = reply ? reply->kind : NULL,
                                .body = reply ? reply->body : NULL,
                                .from = watch->target,
                                .ref = watch->by_ref.key};
    const char *doing = reply ? reply->kind->name : why == TH_TIMED_OUT ? "timed out" : "gone";
    enum th_err err = TH_OK;

    if (watch->on_reply == NULL || is_unwanted(watch)) {
        th_run_wished(slot, &(struct th_run_wish){.what = TH_RUN_CANCELLED, .ref = told.ref});
        th_run_watch_finish(watch);
        return STEP_DONE;
    }
    begin_callback(turn, doing, TH_TRACE_REPLY, &told);
    err = watch->on_reply(slot->state, &turn->self, watch->ctx, why, reply);
    th_msg_drop(&watch->answer);
    th_run_watch_finish(watch);
    end_callback(turn, doing);
    return go_on(turn, err);
}

static enum step expire_call(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    struct th_watch *watch = TH_HEAP_OWNER(th_heap_first(&slot->calls_due), struct th_watch, due);
    enum step step;

    if (!th_run_watch_expire(slot, watch))
        return STEP_DONE;
    step = hand_outcome(turn, watch, TH_TIMED_OUT);
    th_run_watch_release(watch);
    return step;
}

/* Ends what was let go from elsewhere; nothing is told of it. */
static void end_let_go(struct th_slot *slot, struct th_watch *watch)
{
    th_run_watch_finish(watch);
    if (!watch->is_call)
        th_run_subscribed_forget(slot, watch->by_ref.key);
    th_run_watch_release(watch);
}

static enum step hand_watch(struct turn *turn, struct th_watch *watch)
{
    struct th_slot *slot = turn->slot;
    enum step step = STEP_DONE;

    if (!th_run_watch_take(slot, watch)) {
        th_run_count_flushed(slot);
        if (th_run_watch_take_let_go(slot, watch))
            end_let_go(slot, watch);
    } else {
        if (is_unwanted(watch))
            th_run_count_flushed(slot);
        else
            th_run_count(&slot->handled, 1);
        if (watch->is_call) {
            step = hand_outcome(turn, watch, watch->why);
        } else {
            th_run_subscribed_forget(slot, watch->by_ref.key);
            step = hand(turn, &watch->answer);
        }
        th_run_watch_release_many(watch, 2); /* the table's hold and the mailbox's */
        return step;
    }
    th_run_watch_release(watch); /* the mailbox's */
    return step;
}

static enum step hand_missed(struct turn *turn, struct th_sub *sub)
{
    struct th_slot *slot = turn->slot;
    struct th_msg msg = {.kind = &th_missed_msg, .body = &sub->given};
    enum step step = STEP_DONE;

    th_run_lock(&slot->lock);
    sub->given.events = sub->missed;
    sub->missed = 0;
    sub->is_queued = false;
    th_run_unlock(&slot->lock);
    if (atomic_load(&sub->is_closed)) {
        th_run_count_flushed(slot);
    } else {
        th_run_count(&slot->handled, 1);
        step = hand(turn, &msg);
    }
    th_run_sub_release(sub);
    return step;
}

static enum step hand_stream(struct turn *turn, struct th_event_stream *stream)
{
    struct th_msg msg = {.kind = &th_event_stream_msg, .body = stream};
    enum step step = STEP_DONE;

    if (th_run_stream_note(turn->slot, stream)) {
        th_run_count(&turn->slot->handled, 1);
        step = hand(turn, &msg);
    } else {
        th_run_count_flushed(turn->slot);
    }
    th_run_stream_release(stream);
    return step;
}

/* The memory of a piece of mail, whose content has been taken over. */
static void give_back(struct th_slot *slot, const struct th_mail *mail)
{
    if (mail->is_own)
        th_run_mail_give(&slot->own_stock, &slot->own_reader);
    else if (mail != &slot->boxed)
        th_run_mail_give(&slot->stock, &slot->reader);
}

static enum step hand_message(struct turn *turn, struct th_mail *mail)
{
    struct th_slot *slot = turn->slot;
    struct th_msg msg = mail->msg;
    bool is_wanted = mail->class == TH_MAIL_MSG || th_run_is_subscribed(slot, msg.from);

    mail->msg.body = NULL; /* from here on it is the receiver's */
    slot->in_hand = mail->watch;
    if (mail->class != TH_MAIL_SYNC)
        give_back(slot, mail);
    th_run_count(&slot->went, 1);
    if (!is_wanted) {
        th_msg_drop(&msg);
        th_run_count_flushed(slot);
        return STEP_DONE;
    }
    th_run_count(&slot->handled, 1);
    if (msg.kind == &th_run_started_msg && slot->spec.ops != &th_supervisor_ops) {
        th_reply(turn->self.host, th_from_of(&msg), (struct th_msg){.kind = &th_run_started_msg});
        return STEP_DONE;
    }
    return hand(turn, &msg);
}

/* An answer that nobody has decided the call by: what else was decided about it came later. */
static enum step hand_reply(struct turn *turn, struct th_mail *mail)
{
    struct th_slot *slot = turn->slot;
    struct th_msg reply = mail->msg;
    struct th_watch *back = mail->watch;
    enum th_err why = mail->why;
    struct th_watch *watch = th_run_watch_take_answered(slot, reply.ref, back != NULL);
    enum step step = STEP_DONE;

    give_back(slot, mail);
    if (watch && !is_unwanted(watch))
        th_run_count(&slot->handled, 1);
    else
        th_run_count_flushed(slot);
    if (watch) {
        th_msg_drop(&watch->answer);
        watch->answer = reply;
        watch->answer.ref = 0;
        step = hand_outcome(turn, watch, why);
        th_run_watch_release_many(watch, back ? 2 : 1); /* the table's hold, and the reply's */
    } else {
        th_msg_drop(&reply);
        if (back)
            th_run_watch_release(back);
    }
    return step;
}

/* Whoever announced it waits until it has been handled. */
static enum step hand_sync(struct turn *turn, struct th_mail *mail)
{
    enum step step = hand_message(turn, mail);

    th_run_mail_free(mail);
    return step;
}

static enum step hand_call(struct turn *turn, struct th_mail *mail)
{
    enum step step = hand_message(turn, mail);

    if (step == STEP_DONE)
        settle_in_hand(turn->slot);
    return step;
}

static enum step hand_mail(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    struct th_mail *mail = th_run_mail_pop(&slot->batch);

    slot->was_alarm = false;
    th_run_count(&slot->taken, 1);
    th_run_count(&slot->messages, 1);
    switch (mail->class) {
    case TH_MAIL_MSG:
    case TH_MAIL_EVENT:
        return hand_call(turn, mail);
    case TH_MAIL_SYNC:
        return hand_sync(turn, mail);
    case TH_MAIL_REPLY:
        return hand_reply(turn, mail);
    case TH_MAIL_WATCH:
        return hand_watch(turn, TH_HEAP_OWNER(mail, struct th_watch, mail));
    case TH_MAIL_MISSED:
        return hand_missed(turn, TH_HEAP_OWNER(mail, struct th_sub, mail));
    case TH_MAIL_STREAM:
        return hand_stream(turn, th_run_stream_of(mail));
    }
    return STEP_DONE;
}

/* --- the turn --- */

/* Moves what has come to what is in hand. Under lock. */
static void fetch(struct th_slot *slot)
{
    th_run_depth(slot); /* for its peak */
    if (slot->own_peak > slot->depth_peak)
        slot->depth_peak = slot->own_peak;
    th_run_mail_move(&slot->batch, &slot->own_mail);
    th_run_empty(slot, &slot->batch);
}

/* It comes before the time-out of its call, which does not know of it. */
static bool has_reply_in_hand(const struct th_slot *slot)
{
    return slot->batch.first == &slot->boxed && slot->boxed.class == TH_MAIL_REPLY;
}

/* One callback, by order of urgency; an alarm that is always due does not keep messages waiting. */
static enum step take_step(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    th_ms now = turn->self.now.mono;
    bool has_mail = slot->batch.first != NULL;

    if (atomic_load(&slot->is_stop_asked))
        return obey_stop(turn);
    if (atomic_load(&slot->suspended_until) > now)
        return STEP_NOTHING_TO_DO;
    if (!atomic_load(&slot->has_init))
        return run_init(turn);
    if (has_reply_in_hand(slot))
        return hand_mail(turn);
    if (th_heap_next(&slot->calls_due) <= now)
        return expire_call(turn);
    if (slot->alarm_at <= now && !(slot->was_alarm && has_mail))
        return run_alarm(turn);
    return has_mail ? hand_mail(turn) : STEP_NOTHING_TO_DO;
}

/* Under the slot's lock. due: filled with the next moment at which there is something to do. */
static bool has_something_to_do(struct turn *turn, th_ms *due)
{
    struct th_slot *slot = turn->slot;
    th_ms now = turn->self.now.mono;
    th_ms suspended_until = atomic_load(&slot->suspended_until);

    *due = th_sooner(slot->alarm_at, th_heap_next(&slot->calls_due));
    if (suspended_until > now)
        *due = suspended_until;
    return atomic_load(&slot->is_stop_asked) || *due <= now ||
           (suspended_until <= now && (slot->batch.first || !atomic_load(&slot->has_init)));
}

/* Fetches what has come meanwhile; goes idle when there is nothing to do, and then returns false. */
static bool stays_busy(struct turn *turn)
{
    struct th_slot *slot = turn->slot;
    struct th_place *place = slot->spec.place;
    struct th_mail_page *pages, *own_pages;
    bool is_busy, is_idle, lingers;
    th_ms due;

    th_run_lock(&slot->lock);
    fetch(slot);
    is_busy = has_something_to_do(turn, &due);
    is_idle = !is_busy && slot->batch.first == NULL;
    lingers = is_idle && place->may_linger;
    slot->is_queued = is_busy || lingers;
    slot->is_lingering = lingers;
    if (lingers)
        th_run_box_open(slot);
    pages = th_run_mail_trim(&slot->stock, &slot->reader, is_idle);
    th_run_unlock(&slot->lock);
    slot->is_queued_here = is_busy || lingers;
    if (lingers)
        place->lingering = slot;
    own_pages = th_run_mail_trim(&slot->own_stock, &slot->own_reader, is_idle);
    if (pages)
        th_run_mail_pages_free(pages);
    if (own_pages)
        th_run_mail_pages_free(own_pages);
    th_run_place_move(place, slot, is_busy ? TH_RUN_NOT_DUE : th_sooner(due, TH_RUN_NOT_DUE));
    return is_busy;
}

bool th_run_turn(struct th_slot *slot, unsigned callbacks)
{
    struct th_place *place = slot->spec.place;
    struct turn turn = {.slot = slot};
    enum step step;
    bool has_done = false, is_busy;

    if (th_run_is_traced(slot))
        read_us(slot); /* exactly */
    turn.self = (struct th_self){.host = slot->host,
                                 .pid = slot->pid,
                                 .now = place->now,
                                 .log = slot->spec.log,
                                 .name = slot->spec.name ? slot->spec.name : slot->spec.ops->name,
                                 .scope = slot->spec.scope};
    atomic_store_explicit(&place->running, slot, memory_order_release);
    slot->is_queued_here = true;
    th_run_box_take(slot);
    if (!th_run_fetch_own(slot)) {
        th_run_lock(&slot->lock);
        fetch(slot);
        th_run_unlock(&slot->lock);
    }
    do {
        step = take_step(&turn);
        has_done = has_done || step != STEP_NOTHING_TO_DO;
    } while (step == STEP_DONE && slot->batch.first && --callbacks > 0);
    if (step == STEP_ENDED)
        return true;
    is_busy = stays_busy(&turn); /* what came meanwhile has its time after the others' */
    atomic_store_explicit(&place->running, NULL, memory_order_release);
    if (is_busy)
        th_run_ready(slot);
    return has_done;
}

#include "switch/run/mailbox.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/host_core.h"
#include "switch/run/stream_sub.h"
#include "switch/run/trace_hook.h"
#include "switch/run/watch.h"

/*
 * So near its limit a mailbox is filled under its lock only, for other threads see what its place's thread
 * puts in a moment later. Even so there can be one piece too many: when others fill the last room after
 * that thread has looked.
 */
enum { LOCKED_ROOM = 64 };

void th_run_mail_move(struct th_mail_list *to, struct th_mail_list *from)
{
    if (from->first == NULL)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    *from = (struct th_mail_list){0};
}

static void free_sync(struct th_sync_mail *sync)
{
    th_msg_drop(&sync->mail.msg);
    th_run_round_release(sync->round, sync->sub);
    th_run_sub_release(sync->sub);
    th_mem_free(sync);
}

void th_run_mail_free(struct th_mail *mail)
{
    switch (mail->class) {
    case TH_MAIL_MSG:
    case TH_MAIL_EVENT:
        th_msg_drop(&mail->msg);
        break;
    case TH_MAIL_SYNC:
        free_sync(TH_HEAP_OWNER(mail, struct th_sync_mail, mail));
        break;
    case TH_MAIL_WATCH:
        th_run_watch_release(TH_HEAP_OWNER(mail, struct th_watch, mail));
        break;
    case TH_MAIL_MISSED:
        th_run_sub_release(TH_HEAP_OWNER(mail, struct th_sub, mail));
        break;
    case TH_MAIL_REPLY:
        th_msg_drop(&mail->msg);
        break;
    case TH_MAIL_STREAM:
        th_run_stream_release(th_run_stream_of(mail));
        break;
    }
}

/* An unhandled call ends so; a reply that nobody will handle gives back its call. */
static void discard_watch(struct th_host *host, const struct th_mail *mail)
{
    if (mail->class == TH_MAIL_MSG)
        th_run_watch_decide(host, mail->watch, TH_GONE);
    th_run_watch_release(mail->watch);
}

void th_run_mail_discard(struct th_host *host, struct th_mail_list *list)
{
    struct th_mail *mail;

    while ((mail = th_run_mail_pop(list)) != NULL) {
        if (mail->watch)
            discard_watch(host, mail);
        th_run_mail_free(mail);
    }
}

uint64_t th_run_mail_count(const struct th_mail_list *list)
{
    uint64_t count = 0;

    for (const struct th_mail *mail = list->first; mail; mail = mail->next)
        count++;
    return count;
}

/* --- the box --- */

bool th_run_box_claim(struct th_slot *slot, th_pid to)
{
    return atomic_load_explicit(&slot->box.open, memory_order_relaxed) == to &&
           atomic_compare_exchange_strong_explicit(&slot->box.open, &to, 0, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

bool th_run_box_fill(struct th_slot *slot, enum th_box_what what)
{
    if (what == TH_BOX_MAIL)
        th_run_count(&slot->box.came, 1);
    return atomic_exchange_explicit(&slot->box.what, (uint16_t)what, memory_order_acq_rel) ==
           TH_BOX_LEFT;
}

void th_run_box_open(struct th_slot *slot)
{
    atomic_store_explicit(&slot->box.open, slot->pid, memory_order_release);
}

bool th_run_box_take(struct th_slot *slot)
{
    struct th_box *box = &slot->box;
    uint16_t what = atomic_load_explicit(&box->what, memory_order_acquire);

    if (what == TH_BOX_EMPTY)
        return false;
    slot->spec.place->lingering = NULL;
    if (what == TH_BOX_REPLY)
        th_run_count(&slot->own_replies, 1);
    if (what != TH_BOX_LOOK) {
        slot->boxed.class = box->class;
        slot->boxed.is_own = false;
        slot->boxed.why = box->why;
        slot->boxed.watch = box->watch;
        slot->boxed.msg = box->msg;
        th_run_mail_push(&slot->batch, &slot->boxed);
    }
    atomic_store_explicit(&box->what, TH_BOX_EMPTY, memory_order_relaxed);
    return true;
}

bool th_run_linger_end(struct th_slot *slot)
{
    uint16_t empty = TH_BOX_EMPTY;
    bool is_idle;

    slot->spec.place->lingering = NULL;
    if (!th_run_box_claim(slot, slot->pid))
        return !atomic_compare_exchange_strong(&slot->box.what, &empty, TH_BOX_LEFT) &&
               th_run_box_take(slot);
    th_run_lock(&slot->lock);
    is_idle = slot->is_lingering;
    if (is_idle) {
        slot->is_lingering = false;
        slot->is_queued = false;
        slot->is_queued_here = false;
    }
    th_run_unlock(&slot->lock);
    return !is_idle;
}

bool th_run_queue(struct th_slot *slot, struct th_mail *mail)
{
    th_run_count(&slot->tally.queued, 1);
    th_run_mail_push(&slot->mail, mail);
    return th_run_mark_queued(slot);
}

/* --- delivering --- */

/* Calls, casts and events so far. */
static uint64_t all_came(const struct th_slot *slot)
{
    return atomic_load_explicit(&slot->came, memory_order_relaxed) +
           atomic_load_explicit(&slot->box.came, memory_order_relaxed) +
           atomic_load_explicit(&slot->own_came, memory_order_relaxed);
}

unsigned th_run_depth(struct th_slot *slot)
{
    unsigned depth;

    slot->went_seen = atomic_load_explicit(&slot->went, memory_order_acquire);
    depth = (unsigned)(all_came(slot) - slot->went_seen);
    if (depth > slot->depth_peak)
        slot->depth_peak = depth;
    return depth;
}

/* What was seen last is enough as long as there is room. */
static bool is_full(struct th_slot *slot)
{
    return all_came(slot) - slot->went_seen >= slot->mailbox_max &&
           th_run_depth(slot) >= slot->mailbox_max;
}

/* An event without room is told later, as missed; of all else the sender hears at once. */
static bool is_missed(enum th_mail_class class, enum th_err err)
{
    return err != TH_GONE && (class == TH_MAIL_EVENT || class == TH_MAIL_SYNC);
}

static void count_nowhere(struct th_host *host, enum th_mail_class class, enum th_err err)
{
    atomic_fetch_add_explicit(is_missed(class, err) ? &host->missed_nowhere
                                                    : &host->refused_nowhere,
                              1, memory_order_relaxed);
}

/* Under the slot's lock: puts mail into the mailbox. mail: NULL to have it made of msg. Returns whether
 * the caller must call th_run_ready; err: filled; if it is TH_NO_MEMORY before, there is none. */
static bool put(struct th_slot *slot, th_pid to, enum th_mail_class class, struct th_mail *mail,
                const struct th_msg *msg, enum th_err *err)
{
    slot->tally.sent++;
    if (!slot->is_alive || slot->pid != to)
        *err = TH_GONE;
    else if (is_full(slot))
        *err = TH_FULL;
    else if (*err == TH_OK && mail == NULL && (mail = th_run_mail_take(&slot->stock)) == NULL)
        *err = TH_NO_MEMORY;
    if (*err == TH_FULL)
        slot->refused++;
    if (*err != TH_OK) {
        ++*(is_missed(class, *err) ? &slot->tally.missed : &slot->tally.refused);
        return false;
    }
    if (msg) {
        mail->class = class;
        mail->is_own = false;
        mail->watch = NULL;
        mail->msg = *msg;
    }
    th_run_count(&slot->came, 1);
    return th_run_queue(slot, mail);
}

bool th_run_fetch_own(struct th_slot *slot)
{
    uint64_t waiting;

    if (atomic_load_explicit(&slot->tally.queued, memory_order_relaxed) != slot->queued_seen)
        return false;
    waiting = all_came(slot) - atomic_load_explicit(&slot->went, memory_order_relaxed);
    if (waiting > slot->own_peak)
        slot->own_peak = (unsigned)waiting;
    th_run_mail_move(&slot->batch, &slot->own_mail);
    return true;
}

void th_run_empty(struct th_slot *slot, struct th_mail_list *to)
{
    slot->queued_seen = atomic_load_explicit(&slot->tally.queued, memory_order_relaxed);
    th_run_mail_move(to, &slot->mail);
}

static bool has_room_of_own(const struct th_slot *slot)
{
    uint64_t went = atomic_load_explicit(&slot->went, memory_order_relaxed);

    return all_came(slot) - went + LOCKED_ROOM < slot->mailbox_max;
}

/*
 * Puts mail in without the lock, whose message is filled afterwards, if this thread runs the server's
 * place. Returns NULL when it is to be put with the lock. err: TH_NO_MEMORY when there is none.
 * is_first: true when the caller must call th_run_ready.
 */
static struct th_mail *put_own(struct th_slot *slot, th_pid to, enum th_mail_class class,
                               enum th_err *err, bool *is_first)
{
    struct th_mail *mail;

    if (!th_run_lives_here(slot, to) || (class != TH_MAIL_REPLY && !has_room_of_own(slot)))
        return NULL;
    mail = th_run_mail_take(&slot->own_stock);
    if (mail == NULL) {
        *err = TH_NO_MEMORY;
        return NULL;
    }
    if (!slot->is_queued_here ||
        atomic_load_explicit(&slot->tally.queued, memory_order_relaxed) != slot->queued_seen) {
        th_run_lock(&slot->lock);
        th_run_empty(slot, &slot->own_mail);
        *is_first = th_run_mark_queued(slot);
        slot->is_queued_here = true;
        th_run_unlock(&slot->lock);
    }
    mail->class = class;
    mail->is_own = true;
    mail->watch = NULL;
    th_run_count(class == TH_MAIL_REPLY ? &slot->own_replies : &slot->own_came, 1);
    th_run_mail_push(&slot->own_mail, mail);
    return mail;
}

/* Puts a message into the box, if the server lingers; then it has nothing that waits, and thus room.
 * slot: NULL for none. */
static bool put_in_box(struct th_slot *slot, th_pid to, enum th_mail_class class,
                       const struct th_msg *msg, struct th_watch *watch)
{
    if (slot == NULL || !th_run_box_claim(slot, to))
        return false;
    if (watch)
        th_run_watch_hold(watch);
    slot->box.class = (uint16_t) class;
    slot->box.watch = watch;
    slot->box.msg = *msg;
    if (th_run_box_fill(slot, TH_BOX_MAIL))
        th_run_ready(slot);
    return true;
}

enum th_err th_run_deliver_mail(struct th_host *host, th_pid to, struct th_mail *mail)
{
    struct th_slot *slot = th_run_slot(host, to);
    enum th_err err = slot ? TH_OK : TH_GONE;
    bool is_first = false;

    if (slot) {
        th_run_lock(&slot->lock);
        is_first = put(slot, to, mail->class, mail, NULL, &err);
        th_run_unlock(&slot->lock);
    } else {
        count_nowhere(host, mail->class, err);
    }
    if (is_first)
        th_run_ready(slot);
    return err;
}

/* No lock held. slot: NULL for none. The body stays the caller's when it fails. */
static enum th_err put_locked(struct th_host *host, struct th_slot *slot, th_pid to,
                              enum th_mail_class class, struct th_msg msg, struct th_watch *watch,
                              enum th_err err)
{
    bool is_first = false;

    if (slot) {
        th_run_lock(&slot->lock);
        is_first = put(slot, to, class, NULL, &msg, &err);
        if (watch && err == TH_OK)
            th_run_watch_link(slot, watch);
        th_run_unlock(&slot->lock);
    } else {
        err = TH_GONE;
        count_nowhere(host, class, err);
    }
    if (is_first)
        th_run_ready(slot);
    return err;
}

enum th_err th_run_deliver(struct th_host *host, th_pid to, enum th_mail_class class,
                           struct th_msg msg, struct th_watch *watch)
{
    struct th_slot *slot = th_run_slot(host, to);
    struct th_mail *own = NULL;
    enum th_err err = TH_OK;
    bool is_first = false;

    if (slot)
        own = put_own(slot, to, class, &err, &is_first);
    if (own == NULL && err == TH_OK && put_in_box(slot, to, class, &msg, watch))
        return TH_OK;
    if (own == NULL) {
        err = put_locked(host, slot, to, class, msg, watch, err);
        if (err != TH_OK)
            th_msg_drop(&msg);
        return err;
    }
    own->msg = msg;
    own->watch = watch;
    if (watch)
        th_run_watch_hold(watch);
    if (is_first)
        th_run_ready(slot);
    return TH_OK;
}

bool th_run_deliver_reply(struct th_slot *caller, struct th_watch *watch, enum th_err why,
                          const struct th_msg *reply)
{
    enum th_err err = TH_OK;
    bool is_first = false;
    struct th_mail *own = put_own(caller, watch->owner, TH_MAIL_REPLY, &err, &is_first);

    if (own == NULL)
        return false;
    th_heap_set(&caller->calls_due, &watch->due, TH_NEVER); /* it came in time */
    own->why = why;
    own->watch = watch;
    own->msg = *reply;
    own->msg.ref = watch->by_ref.key;
    if (is_first)
        th_run_ready(caller);
    return true;
}

enum th_err th_run_deliver_event(struct th_host *host, th_pid to, th_pid manager,
                                 struct th_event *event)
{
    struct th_slot *slot = th_run_slot(host, to);
    struct th_mail *own = NULL;
    enum th_err err = TH_OK;
    bool is_first = false;

    if (slot)
        own = put_own(slot, to, TH_MAIL_EVENT, &err, &is_first);
    if (own == NULL) {
        struct th_msg msg = {.kind = &th_event_msg, .body = event, .from = manager};
        if (err == TH_OK && put_in_box(slot, to, TH_MAIL_EVENT, &msg, NULL))
            return TH_OK;
        return put_locked(host, slot, to, TH_MAIL_EVENT, msg, NULL, err);
    }
    own->msg = (struct th_msg){.kind = &th_event_msg, .body = event, .from = manager};
    if (is_first)
        th_run_ready(slot);
    return TH_OK;
}

enum th_err th_post(struct th_host *host, th_pid to, struct th_msg msg)
{
    msg.from = th_run_sender(host);
    msg.ref = 0;
    enum th_err err = th_run_deliver(host, to, TH_MAIL_MSG, msg, NULL);
    th_run_trace_sent(host, TH_TRACE_CAST, to, msg.kind, NULL, err);
    return err;
}

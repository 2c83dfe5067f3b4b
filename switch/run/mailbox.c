#include "switch/run/mailbox.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/host_core.h"
#include "switch/run/stream_sub.h"
#include "switch/run/trace_hook.h"
#include "switch/run/watch.h"

void th_run_mail_push(struct th_mail_list *list, struct th_mail *mail)
{
    mail->next = NULL;
    if (list->last)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

struct th_mail *th_run_mail_pop(struct th_mail_list *list)
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
    case TH_MAIL_STREAM:
        th_run_stream_release(th_run_stream_of(mail));
        break;
    }
}

void th_run_mail_discard(struct th_mail_list *list)
{
    struct th_mail *mail;

    while ((mail = th_run_mail_pop(list)) != NULL)
        th_run_mail_free(mail);
}

uint64_t th_run_mail_count(const struct th_mail_list *list)
{
    uint64_t count = 0;

    for (const struct th_mail *mail = list->first; mail; mail = mail->next)
        count++;
    return count;
}

bool th_run_queue(struct th_slot *slot, struct th_mail *mail)
{
    slot->tally.queued++;
    th_run_mail_push(&slot->mail, mail);
    return th_run_mark_queued(slot);
}

/* --- delivering --- */

unsigned th_run_depth(struct th_slot *slot)
{
    unsigned depth;

    slot->went_seen = atomic_load_explicit(&slot->went, memory_order_relaxed);
    depth = (unsigned)(slot->came - slot->went_seen);
    if (depth > slot->depth_peak)
        slot->depth_peak = depth;
    return depth;
}

/* What was seen last is enough as long as there is room. */
static bool is_full(struct th_slot *slot)
{
    return slot->came - slot->went_seen >= slot->mailbox_max &&
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
 * the caller must call th_run_ready; err: filled. */
static bool put(struct th_slot *slot, th_pid to, enum th_mail_class class, struct th_mail *mail,
                const struct th_msg *msg, enum th_err *err)
{
    *err = TH_OK;
    slot->tally.sent++;
    if (!slot->is_alive || slot->pid != to)
        *err = TH_GONE;
    else if (is_full(slot))
        *err = TH_FULL;
    else if (mail == NULL && (mail = th_run_mail_take(&slot->stock)) == NULL)
        *err = TH_NO_MEMORY;
    if (*err == TH_FULL)
        slot->refused++;
    if (*err != TH_OK) {
        ++*(is_missed(class, *err) ? &slot->tally.missed : &slot->tally.refused);
        return false;
    }
    if (msg) {
        mail->class = class;
        mail->msg = *msg;
    }
    slot->came++;
    return th_run_queue(slot, mail);
}

enum th_err th_run_deliver_mail(struct th_host *host, th_pid to, struct th_mail *mail)
{
    struct th_slot *slot = th_run_slot(host, to);
    enum th_err err = TH_GONE;
    bool is_first = false;

    if (slot) {
        th_run_lock(&slot->lock);
        is_first = put(slot, to, mail->class, mail, NULL, &err);
        th_run_unlock(&slot->lock);
    } else {
        count_nowhere(host, mail->class, err);
    }
    if (err != TH_OK)
        th_run_mail_free(mail);
    if (is_first)
        th_run_ready(slot);
    return err;
}

enum th_err th_run_deliver(struct th_host *host, th_pid to, enum th_mail_class class,
                           struct th_msg msg, struct th_watch *watch)
{
    struct th_slot *slot = th_run_slot(host, to);
    enum th_err err = TH_GONE;
    bool is_first = false;

    if (slot) {
        th_run_lock(&slot->lock);
        is_first = put(slot, to, class, NULL, &msg, &err);
        if (watch && err == TH_OK)
            th_run_watch_link(slot, watch);
        th_run_unlock(&slot->lock);
    } else {
        count_nowhere(host, class, err);
    }
    if (err != TH_OK)
        th_msg_drop(&msg);
    if (is_first)
        th_run_ready(slot);
    return err;
}

enum th_err th_post(struct th_host *host, th_pid to, struct th_msg msg)
{
    msg.from = th_run_sender(host);
    msg.ref = 0;
    enum th_err err = th_run_deliver(host, to, TH_MAIL_MSG, msg, NULL);
    th_run_trace_sent(host, TH_TRACE_CAST, to, msg.kind, NULL, err);
    return err;
}

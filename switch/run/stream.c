#include "switch/run/stream.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/host_core.h"
#include "switch/run/stream_sub.h"

enum { WAIT_MS_MAX = 1000 * 1000 * 1000 };

const struct th_msg_kind th_event_stream_msg = {"event.stream", NULL};

struct entry {
    struct th_event *event; /* held */
    uint64_t lagged;        /* missing before it */
};

struct th_event_stream {
    struct th_host *host; /* does not change, as the next three */
    th_pid manager;
    th_pid owner; /* 0: a plain thread */
    struct th_sub *sub;
    atomic_uint holders;
    bool is_freed; /* the owner's thread */

    /* Under the owner's lock. */
    struct th_mail mail;
    bool is_queued;

    atomic_bool is_awaited; /* a thread waits, and wants to be woken */
    atomic_bool has_some;   /* there is something to take; changes under lock */

    pthread_mutex_t lock;
    enum th_err why; /* not TH_OK: nothing more comes */
    uint64_t lagged; /* missing after the newest entry */
    unsigned head;
    unsigned count;
    unsigned room;
    struct entry ring[];
};

/* --- life --- */

static void hold(struct th_event_stream *stream)
{
    atomic_fetch_add_explicit(&stream->holders, 1, memory_order_relaxed);
}

void th_run_stream_release(struct th_event_stream *stream)
{
    if (atomic_fetch_sub_explicit(&stream->holders, 1, memory_order_acq_rel) > 1)
        return;
    TH_CHECK(stream->count == 0); /* whoever freed it has emptied it */
    pthread_mutex_destroy(&stream->lock);
    th_mem_free(stream);
}

/* A stream has two holders at first: its consumer and the subscription. */
static struct th_event_stream *make(struct th_host *host, th_pid owner, th_pid manager,
                                    unsigned room)
{
    struct th_event_stream *stream;
    struct th_sub *sub = th_mem_zalloc(1, sizeof *sub);

    TH_CHECK(room >= 1 && room <= TH_EVENT_STREAM_ROOM_MAX);
    stream = th_mem_zalloc(1, sizeof *stream + room * sizeof stream->ring[0]);
    if (stream == NULL || sub == NULL) {
        th_mem_free(stream);
        th_mem_free(sub);
        return NULL;
    }
    sub->owner = owner;
    sub->stream = stream;
    sub->mail.class = TH_MAIL_MISSED; /* never sent */
    atomic_init(&sub->holders, 1);
    stream->host = host;
    stream->manager = manager;
    stream->owner = owner;
    stream->sub = sub;
    stream->mail.class = TH_MAIL_STREAM;
    stream->room = room;
    atomic_init(&stream->holders, 2);
    th_run_lock_init(&stream->lock);
    return stream;
}

/* --- waking the consumer: no lock held --- */

static void wake_thread(struct th_event_stream *stream)
{
    struct th_host *host = stream->host;

    if (!atomic_load(&stream->is_awaited))
        return; /* it looks at has_some after it has said that it waits */
    th_run_lock(&host->outside.lock);
    pthread_cond_broadcast(&host->progress);
    th_run_unlock(&host->outside.lock);
}

static void wake_server(struct th_event_stream *stream)
{
    struct th_slot *slot = th_run_slot(stream->host, stream->owner);
    bool is_first = false;

    th_run_lock(&slot->lock);
    if (slot->is_alive && slot->pid == stream->owner && !stream->is_queued) {
        stream->is_queued = true;
        slot->tally.sent++;
        hold(stream);
        is_first = th_run_queue(slot, &stream->mail);
    }
    th_run_unlock(&slot->lock);
    if (is_first)
        th_run_ready(slot);
}

static void wake(struct th_event_stream *stream)
{
    if (stream->owner)
        wake_server(stream);
    else
        wake_thread(stream);
}

struct th_event_stream *th_run_stream_of(struct th_mail *mail)
{
    return TH_HEAP_OWNER(mail, struct th_event_stream, mail);
}

bool th_run_stream_note(struct th_slot *owner, struct th_event_stream *stream)
{
    th_run_lock(&owner->lock);
    stream->is_queued = false;
    th_run_unlock(&owner->lock);
    return !stream->is_freed;
}

/* --- the buffer --- */

/* Under lock. */
static void note_has_some(struct th_event_stream *stream)
{
    atomic_store(&stream->has_some,
                 stream->count > 0 || stream->lagged > 0 || stream->why != TH_OK);
}

bool th_run_stream_put(struct th_event_stream *stream, struct th_event *event)
{
    bool has_room;

    th_run_lock(&stream->lock);
    has_room = stream->why == TH_OK && stream->count < stream->room;
    if (has_room) {
        struct entry *entry = &stream->ring[(stream->head + stream->count++) % stream->room];
        *entry = (struct entry){.event = event, .lagged = stream->lagged};
        stream->lagged = 0;
        note_has_some(stream);
    } else if (stream->why == TH_OK) {
        stream->lagged++; /* there is something to take already: the consumer knows */
    }
    th_run_unlock(&stream->lock);
    if (has_room)
        wake(stream);
    return has_room;
}

void th_run_stream_miss(struct th_event_stream *stream)
{
    bool is_open;

    th_run_lock(&stream->lock);
    is_open = stream->why == TH_OK;
    if (is_open) {
        stream->lagged++;
        note_has_some(stream);
    }
    th_run_unlock(&stream->lock);
    if (is_open)
        wake(stream);
}

static void finish(struct th_event_stream *stream, enum th_err why)
{
    bool is_first;

    th_run_lock(&stream->lock);
    is_first = stream->why == TH_OK;
    if (is_first)
        stream->why = why;
    note_has_some(stream);
    th_run_unlock(&stream->lock);
    if (is_first)
        wake(stream);
}

void th_run_stream_close(struct th_event_stream *stream)
{
    finish(stream, TH_GONE);
}

/* --- the consumer's side --- */

enum th_err th_event_stream_take(struct th_event_stream *stream, struct th_event_stream_item *item)
{
    struct entry *entry;
    uint64_t *lagged;
    enum th_err err = TH_OK;

    th_run_lock(&stream->lock);
    entry = &stream->ring[stream->head];
    lagged = stream->count > 0 ? &entry->lagged : &stream->lagged;
    if (*lagged > 0) {
        *item = (struct th_event_stream_item){.lagged = *lagged};
        *lagged = 0;
    } else if (stream->count > 0) {
        *item = (struct th_event_stream_item){.event = entry->event};
        stream->head = (stream->head + 1) % stream->room;
        stream->count--;
    } else {
        err = stream->why == TH_OK ? TH_AGAIN : stream->why;
    }
    note_has_some(stream);
    th_run_unlock(&stream->lock);
    return err;
}

static bool has_some(struct th_host *host, const void *stream)
{
    (void)host;
    return atomic_load(&((const struct th_event_stream *)stream)->has_some);
}

enum th_err th_event_stream_take_wait(struct th_event_stream *stream, th_ms timeout_ms,
                                      struct th_event_stream_item *item)
{
    struct th_host *host = stream->host;
    enum th_err err;

    if (th_run_here() != NULL)
        return TH_WOULD_DEADLOCK;
    err = th_event_stream_take(stream, item);
    if (err != TH_AGAIN)
        return err;
    if (host->ops->is_needed_here(host))
        return TH_WOULD_DEADLOCK;
    atomic_store(&stream->is_awaited, true);
    host->ops->wait(host, has_some, stream, timeout_ms < WAIT_MS_MAX ? timeout_ms : WAIT_MS_MAX);
    atomic_store(&stream->is_awaited, false);
    err = th_event_stream_take(stream, item);
    return err == TH_AGAIN ? TH_TIMED_OUT : err;
}

void th_event_stream_end(struct th_event_stream *stream)
{
    atomic_store(&stream->sub->is_closed, true);
    finish(stream, TH_CANCELLED);
}

void th_event_stream_free(struct th_event_stream *stream)
{
    struct th_event_stream_item item;
    bool has_manager;

    if (stream == NULL)
        return;
    stream->is_freed = true;
    th_run_lock(&stream->lock);
    has_manager = stream->why != TH_GONE; /* else the host may be gone as well */
    if (stream->why == TH_OK)
        stream->why = TH_CANCELLED;
    th_run_unlock(&stream->lock);
    atomic_store(&stream->sub->is_closed, true);
    while (th_event_stream_take(stream, &item) == TH_OK)
        if (item.event)
            th_event_release(item.event);

    if (has_manager) /* it is closed already; this only lets the manager forget it sooner */
        th_post(stream->host, stream->manager,
                (struct th_msg){.kind = &th_run_unsubscribe_msg, .body = stream->sub});
    else
        th_run_sub_release(stream->sub);
    th_run_stream_release(stream);
}

/* --- opening --- */

static struct th_subscribe_ask *make_ask(struct th_event_stream *stream,
                                         struct th_interest interest)
{
    struct th_subscribe_ask *ask = th_mem_zalloc(1, sizeof *ask);

    if (ask == NULL)
        return NULL;
    ask->sub = stream->sub;
    ask->interest = interest;
    th_run_sub_hold(ask->sub);
    return ask;
}

/* Makes a stream, and the message that brings it to the manager. */
static enum th_err prepare(struct th_event_stream *stream, struct th_interest interest,
                           struct th_msg *msg)
{
    msg->kind = &th_run_subscribe_msg;
    msg->body = stream ? make_ask(stream, interest) : NULL;
    return msg->body ? TH_OK : TH_NO_MEMORY;
}

enum th_err th_event_stream_open(struct th_host *host, th_pid manager, struct th_interest interest,
                                 unsigned room, struct th_event_stream **out)
{
    struct th_event_stream *stream = make(host, 0, manager, room);
    struct th_msg msg = {0}, reply = {0};
    enum th_err err = prepare(stream, interest, &msg);

    if (err == TH_OK)
        err = th_call_wait(host, manager, msg, TH_CALL_MS_DEFAULT, &reply);
    if (err != TH_OK) {
        th_event_stream_free(stream);
        return err;
    }
    *out = stream;
    return TH_OK;
}

enum th_err th_event_stream_open_here(const struct th_self *self, th_pid manager,
                                      struct th_interest interest, unsigned room,
                                      th_reply_fn on_done, void *ctx, struct th_event_stream **out)
{
    struct th_event_stream *stream = make(self->host, self->pid, manager, room);
    struct th_msg msg = {0};
    enum th_err err = prepare(stream, interest, &msg);

    if (err == TH_OK)
        err = th_call(self, manager, msg, TH_CALL_MS_DEFAULT, on_done, ctx, NULL);
    if (err != TH_OK) {
        th_event_stream_free(stream);
        return err;
    }
    *out = stream;
    return TH_OK;
}

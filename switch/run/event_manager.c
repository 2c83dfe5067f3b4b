/*
 * The event manager: the list of subscriptions, and the walk over it for each event.
 */
#include "switch/run/event.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/fact_keep.h"
#include "switch/run/host_core.h"
#include "switch/run/stream_sub.h"
#include "switch/run/watch.h"

#include <string.h>

struct row {
    struct th_sub *sub; /* held */
    struct th_interest interest;
    uint64_t monitor; /* of the owner */
    uint64_t forwarded;
    uint64_t dropped;
};

/* A zeroed one is right: it is used before init when somebody at its place is early. */
struct manager {
    struct row *rows; /* order of subscribing */
    unsigned count;
    unsigned room;
    uint64_t seq;
    unsigned posted_here; /* notices from this place that still wait in the mailbox */
    struct th_fact_keep keep;
};

/* --- notices: an event on its way to the manager's mailbox --- */

struct notice {
    struct th_event *event; /* held; NULL: it was told */
    unsigned *posted_here;  /* counts it while it lives; NULL: it is from elsewhere */
};

static void drop_notice(void *body)
{
    struct notice *notice = body;

    if (notice->posted_here)
        --*notice->posted_here; /* dropped where it was made, or where the manager handles it */
    if (notice->event)
        th_event_release(notice->event);
    th_mem_free(notice);
}

static void drop_event(void *event)
{
    th_event_release(event);
}

static const struct th_msg_kind notify_msg = {"event.notify", drop_event}; /* from elsewhere */
static const struct th_msg_kind notice_msg = {"event.notify", drop_notice};
static const struct th_msg_kind sync_msg = {"event.sync", drop_notice};

static struct notice *make_notice(struct th_event *event, struct manager *manager)
{
    struct notice *notice = th_mem_zalloc(1, sizeof *notice);

    if (notice == NULL) {
        th_event_release(event);
        return NULL;
    }
    notice->event = event;
    if (manager) {
        notice->posted_here = &manager->posted_here;
        manager->posted_here++;
    }
    return notice;
}

static struct th_event *take_event(struct notice *notice)
{
    struct th_event *event = notice->event;

    notice->event = NULL;
    return event;
}

/* --- telling --- */

static bool is_of_interest(const struct row *row, uint64_t kind, uint64_t topic)
{
    return (row->interest.kinds & kind) != 0 && (topic == 0 || (row->interest.topics & topic) != 0);
}

/* Who has the only hold is the only one to count: then no locked instruction is needed. */
static void take_holds(struct th_event *event, unsigned holds)
{
    if (atomic_load_explicit(&event->holders, memory_order_relaxed) == 1)
        atomic_store_explicit(&event->holders, 1 + holds, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&event->holders, holds, memory_order_relaxed);
}

/* Runs no foreign code: it only puts the event, of which one hold is given, into mailboxes. The holds of
 * all who may get it are taken at once, and those that were not needed given back at the end. */
static void tell(struct manager *manager, struct th_host *host, th_pid pid, struct th_event *event,
                 struct th_round *round)
{
    const uint64_t kind = event->kind, topic = event->topic; /* the last who gets it may free it */
    unsigned holds = 0;

    event->seq = ++manager->seq;
    if (event->fact)
        th_run_keep_note(&manager->keep, event);
    for (unsigned i = 0; i < manager->count; i++) {
        th_mem_fetch(manager->rows[i].sub, sizeof *manager->rows[i].sub);
        holds += is_of_interest(&manager->rows[i], kind, topic);
    }
    if (holds == 0)
        holds = 1;
    else if (holds > 1)
        take_holds(event, holds - 1);
    for (unsigned i = 0; i < manager->count; i++) {
        struct row *row = &manager->rows[i];
        if (!is_of_interest(row, kind, topic) ||
            atomic_load_explicit(&row->sub->is_closed, memory_order_relaxed))
            continue;
        if (th_run_sub_forward(host, row->sub, pid, event, round)) {
            row->forwarded++;
            holds--;
        } else {
            row->dropped++;
        }
    }
    if (holds > 0)
        th_run_event_release(event, holds);
}

/* The manager, when this thread runs its place: then it lives and is in no callback now. */
static struct manager *find_here(struct th_slot *slot, th_pid pid)
{
    if (slot == NULL || !th_run_lives_here(slot, pid) || slot->spec.ops != &th_event_manager_ops)
        return NULL;
    return slot->state;
}

static bool may_tell(const struct manager *manager, struct th_slot *slot)
{
    th_ms suspended_until = atomic_load(&slot->suspended_until);

    return manager->posted_here == 0 && /* what waits goes first */
           atomic_load(&slot->has_init) && !atomic_load(&slot->is_stop_asked) &&
           (suspended_until == 0 || suspended_until <= th_host_now(slot->host).mono);
}

/* An announcer of facts is monitored first, which is for the manager's callbacks. */
static bool is_known(const struct manager *manager, const struct th_event *event)
{
    return event->fact == NULL ||
           th_run_keep_knows(&manager->keep, th_run_fact_of(event)->announcer);
}

enum th_err th_notify(struct th_host *host, th_pid pid, struct th_event *event)
{
    struct th_slot *slot = th_run_slot(host, pid);
    struct manager *manager = find_here(slot, pid);
    struct notice *notice;

    if (event->fact)
        th_run_fact_of(event)->announcer = th_run_sender(host);
    if (manager == NULL)
        return th_post(host, pid, (struct th_msg){.kind = &notify_msg, .body = event});
    if (may_tell(manager, slot) && is_known(manager, event)) {
        tell(manager, host, pid, event, NULL);
        return TH_OK;
    }
    notice = make_notice(event, manager);
    if (notice == NULL)
        return TH_NO_MEMORY;
    return th_post(host, pid, (struct th_msg){.kind = &notice_msg, .body = notice});
}

enum th_err th_notify_sync(const struct th_self *self, th_pid pid, struct th_event *event,
                           th_ms timeout_ms, th_reply_fn on_done, void *ctx, uint64_t *ref)
{
    struct manager *manager = find_here(th_run_slot(self->host, pid), pid);
    struct notice *notice = make_notice(event, manager);
    struct th_msg msg = {.kind = &sync_msg, .body = notice};

    if (notice == NULL)
        return TH_NO_MEMORY;
    if (event->fact)
        th_run_fact_of(event)->announcer = self->pid;
    return th_call(self, pid, msg, timeout_ms, on_done, ctx, ref);
}

/* What came through the mailbox; one hold is given. */
static void tell_posted(struct manager *manager, const struct th_self *self, struct th_event *event,
                        struct th_round *round)
{
    if (event->fact)
        th_run_keep_admit(&manager->keep, self, th_run_fact_of(event)->announcer);
    tell(manager, self->host, self->pid, event, round);
}

static void tell_and_answer(struct manager *manager, const struct th_self *self,
                            const struct th_msg *msg)
{
    struct th_round *round = th_mem_zalloc(1, sizeof *round);

    if (round == NULL) {
        th_run_answer_error(self->host, th_from_of(msg), TH_NO_MEMORY);
        return;
    }
    round->host = self->host;
    round->announcer = th_from_of(msg);
    atomic_init(&round->open, 1);
    tell_posted(manager, self, take_event(msg->body), round);
    th_run_round_release(round, NULL);
}

/* --- subscriptions --- */

static void remove_row(struct manager *manager, const struct th_self *self, unsigned i)
{
    struct row row = manager->rows[i];

    manager->count--;
    memmove(&manager->rows[i], &manager->rows[i + 1], (manager->count - i) * sizeof row);
    th_demonitor(self, row.monitor);
    th_run_sub_release(row.sub);
}

/* Removes what was closed by its owner, and what `owner` has (0: nobody). */
static void sweep(struct manager *manager, const struct th_self *self, th_pid owner)
{
    for (unsigned i = manager->count; i-- > 0;)
        if ((owner && manager->rows[i].sub->owner == owner) ||
            atomic_load(&manager->rows[i].sub->is_closed))
            remove_row(manager, self, i);
}

static struct row *find(struct manager *manager, const struct th_sub *sub)
{
    for (unsigned i = 0; i < manager->count; i++)
        if (manager->rows[i].sub == sub)
            return &manager->rows[i];
    return NULL;
}

static enum th_err reserve(struct manager *manager)
{
    unsigned room = manager->room ? 2 * manager->room : 8;
    void *rows;

    if (manager->count >= TH_SUBSCRIPTIONS_MAX)
        return TH_LIMIT;
    if (manager->count < manager->room)
        return TH_OK;
    rows = th_mem_resize(manager->rows, room, sizeof *manager->rows);
    if (rows == NULL)
        return TH_NO_MEMORY;
    manager->rows = rows;
    manager->room = room;
    return TH_OK;
}

static enum th_err add_row(struct manager *manager, const struct th_self *self, struct th_sub *sub,
                           struct th_interest interest)
{
    struct row row = {.sub = sub, .interest = interest};
    enum th_err err = reserve(manager);

    if (err == TH_OK && sub->owner)
        err = th_monitor(self, sub->owner, &row.monitor);
    if (err != TH_OK)
        return err;
    th_run_sub_hold(sub);
    manager->rows[manager->count++] = row;
    return TH_OK;
}

static void subscribe(struct manager *manager, const struct th_self *self, struct th_msg *msg)
{
    struct th_subscribe_ask *ask = msg->body;
    enum th_err err = TH_OK;
    struct row *row;

    sweep(manager, self, 0);
    row = find(manager, ask->sub);
    if (row)
        row->interest = ask->interest;
    else if (!atomic_load(&ask->sub->is_closed))
        err = add_row(manager, self, ask->sub, ask->interest);
    th_run_answer(self->host, th_from_of(msg), err,
                  (struct th_msg){.kind = &th_run_subscribe_msg, .from = self->pid});
}

static struct th_subscription_look look_of(const struct row *row)
{
    return (struct th_subscription_look){.owner = row->sub->owner,
                                         .is_stream = row->sub->stream != NULL,
                                         .interest = row->interest,
                                         .forwarded = row->forwarded,
                                         .dropped = row->dropped,
                                         .unhandled = atomic_load(&row->sub->unhandled)};
}

static void ask_one(struct manager *manager, const struct th_self *self, const struct th_msg *msg)
{
    const th_pid *owner = msg->body;
    enum th_err err = TH_NOT_FOUND;
    struct th_msg answer = {.kind = &th_event_ask_msg};

    sweep(manager, self, 0);
    for (unsigned i = 0; owner && i < manager->count && err == TH_NOT_FOUND; i++) {
        if (manager->rows[i].sub->owner != *owner)
            continue;
        struct th_subscription_look look = look_of(&manager->rows[i]);
        answer.body = th_mem_copy(&look, sizeof look);
        err = answer.body ? TH_OK : TH_NO_MEMORY;
    }
    if (err == TH_OK)
        th_reply(self->host, th_from_of(msg), answer);
    else
        th_run_answer_error(self->host, th_from_of(msg), err);
}

static void list(struct manager *manager, const struct th_self *self, const struct th_msg *msg)
{
    struct th_subscription_list *answer;

    sweep(manager, self, 0);
    answer = th_mem_zalloc(1, sizeof *answer + manager->count * sizeof answer->row[0]);
    if (answer == NULL) {
        th_run_answer_error(self->host, th_from_of(msg), TH_NO_MEMORY);
        return;
    }
    answer->count = manager->count;
    for (unsigned i = 0; i < manager->count; i++)
        answer->row[i] = look_of(&manager->rows[i]);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_event_list_msg, .body = answer});
}

static void tell_facts(struct manager *manager, const struct th_self *self,
                       const struct th_msg *msg)
{
    const struct th_interest *interest = msg->body;
    struct th_facts *facts = th_run_keep_read(&manager->keep, interest->kinds, manager->seq);

    if (facts)
        th_reply(self->host, th_from_of(msg),
                 (struct th_msg){.kind = &th_facts_msg, .body = facts});
    else
        th_run_answer_error(self->host, th_from_of(msg), TH_NO_MEMORY);
}

/* There is no memory for an event: who wants its kind has missed one, and asks for the facts. */
static void tell_missed(struct manager *manager, struct th_host *host, uint64_t kind)
{
    for (unsigned i = 0; i < manager->count; i++) {
        struct row *row = &manager->rows[i];
        if ((row->interest.kinds & kind) == 0 || atomic_load(&row->sub->is_closed))
            continue;
        row->dropped++;
        th_run_sub_miss(host, row->sub);
    }
}

struct teller {
    struct manager *manager;
    const struct th_self *self;
};

static void tell_end(void *ctx, uint64_t end_kind, struct th_event *end)
{
    const struct teller *teller = ctx;

    if (end) {
        tell(teller->manager, teller->self->host, teller->self->pid, end, NULL);
    } else {
        teller->manager->seq++;
        tell_missed(teller->manager, teller->self->host, end_kind);
    }
}

/* A subscriber has ended, or an announcer. */
static void on_down(struct manager *manager, const struct th_self *self, th_pid pid)
{
    struct teller teller = {manager, self};

    sweep(manager, self, pid);
    th_run_keep_on_down(&manager->keep, self, pid, tell_end, &teller);
}

/* --- the server --- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    const struct th_event_manager_config *config = arg;
    struct manager *manager = state;

    (void)self;
    if (config)
        memcpy(manager->keep.secret, config->hash_secret, sizeof manager->keep.secret);
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct manager *manager = state;

    if (msg->kind == &notify_msg) {
        tell_posted(manager, self, msg->body, NULL);
        msg->body = NULL;
    } else if (msg->kind == &notice_msg)
        tell_posted(manager, self, take_event(msg->body), NULL);
    else if (msg->kind == &sync_msg)
        tell_and_answer(manager, self, msg);
    else if (msg->kind == &th_run_subscribe_msg)
        subscribe(manager, self, msg);
    else if (msg->kind == &th_run_unsubscribe_msg)
        sweep(manager, self, 0);
    else if (msg->kind == &th_down_msg)
        on_down(manager, self, ((const struct th_down *)msg->body)->pid);
    else if (msg->kind == &th_event_list_msg)
        list(manager, self, msg);
    else if (msg->kind == &th_event_ask_msg)
        ask_one(manager, self, msg);
    else if (msg->kind == &th_facts_ask_msg)
        tell_facts(manager, self, msg);
    return TH_OK;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct manager *manager = state;

    (void)self, (void)why;
    for (unsigned i = 0; i < manager->count; i++) {
        struct th_sub *sub = manager->rows[i].sub;
        if (sub->stream) /* other owners have a monitor */
            th_run_stream_close(sub->stream);
        th_run_sub_release(sub);
    }
    th_mem_free(manager->rows);
    th_run_keep_clear(&manager->keep);
}

const struct th_server_ops th_event_manager_ops = {
    .name = "events",
    .state_size = sizeof(struct manager),
    .init = init,
    .on_msg = on_msg,
    .terminate = terminate,
};

#include "switch/run/watch.h"

#include "switch/base/mem.h"
#include "switch/run/event_sub.h"
#include "switch/run/host_core.h"

static struct th_slot *owner_of(struct th_host *host, th_pid owner)
{
    return owner ? th_run_slot(host, owner) : &host->outside;
}

static unsigned *count_of(struct th_slot *owner, bool is_call)
{
    return is_call ? &owner->call_count : &owner->monitor_count;
}

/* --- making and holding --- */

static struct th_watch *make(bool is_call, th_pid owner, th_pid target)
{
    struct th_watch *watch = th_mem_zalloc(1, sizeof *watch);
    struct th_down *down;

    if (watch == NULL)
        return NULL;
    watch->is_call = is_call;
    watch->owner = owner;
    watch->target = target;
    watch->mail.class = TH_MAIL_WATCH;
    atomic_init(&watch->holders, 1);
    if (is_call)
        return watch;

    down = th_mem_zalloc(1, sizeof *down);
    if (down == NULL) {
        th_mem_free(watch);
        return NULL;
    }
    down->pid = target;
    watch->answer = (struct th_msg){.kind = &th_down_msg, .body = down, .from = target};
    return watch;
}

enum th_err th_run_watch_new(struct th_slot *owner, bool is_call, th_pid target,
                             struct th_watch **out)
{
    th_pid pid = owner == &owner->host->outside ? 0 : owner->pid;
    struct th_watch *watch = make(is_call, pid, target);
    enum th_err err = TH_OK;

    if (watch == NULL)
        return TH_NO_MEMORY;
    th_run_lock(&owner->lock);
    if (*count_of(owner, is_call) >= (is_call ? TH_CALLS_MAX : TH_MONITORS_MAX))
        err = TH_LIMIT;
    else
        err = th_index_add(&owner->watches, &watch->by_ref, owner->last_ref + 1);
    if (err == TH_OK) {
        owner->last_ref++;
        owner->newest = watch;
        ++*count_of(owner, is_call);
    }
    th_run_unlock(&owner->lock);

    if (err != TH_OK) {
        th_run_watch_release(watch);
        return err;
    }
    if (!is_call)
        ((struct th_down *)watch->answer.body)->ref = watch->by_ref.key;
    *out = watch;
    return TH_OK;
}

void th_run_watch_hold(struct th_watch *watch)
{
    atomic_fetch_add_explicit(&watch->holders, 1, memory_order_relaxed);
}

void th_run_watch_release(struct th_watch *watch)
{
    th_run_watch_release_many(watch, 1);
}

void th_run_watch_release_many(struct th_watch *watch, unsigned holds)
{
    /* Who has the only holds left need not count them down. */
    if (atomic_load_explicit(&watch->holders, memory_order_acquire) != holds &&
        atomic_fetch_sub_explicit(&watch->holders, holds, memory_order_acq_rel) > holds)
        return;
    th_msg_drop(&watch->answer);
    if (watch->sub)
        th_run_sub_release(watch->sub);
    th_mem_free(watch);
}

/* --- the target's list --- */

/* Under the target's lock. A hold is given. */
static void put_last(struct th_slot *target, struct th_watch *watch)
{
    watch->is_linked = true;
    watch->next = NULL;
    watch->previous = target->watchers_last;
    if (target->watchers_last)
        target->watchers_last->next = watch;
    else
        target->watchers_first = watch;
    target->watchers_last = watch;
}

void th_run_watch_link(struct th_slot *target, struct th_watch *watch)
{
    /* added, not set: it is in its owner's table already, where who guesses its number may let it go */
    th_run_watch_hold(watch);
    put_last(target, watch);
}

void th_run_watch_link_late(struct th_slot *target, struct th_watch *watch)
{
    bool is_over;

    th_run_lock(&target->lock);
    is_over = watch->is_unlinked;
    if (!is_over)
        put_last(target, watch);
    th_run_unlock(&target->lock);
    if (is_over)
        th_run_watch_release(watch);
}

void th_run_watch_unlink(struct th_host *host, struct th_watch *watch)
{
    struct th_slot *target = th_run_slot(host, watch->target);
    bool was_linked;

    if (target == NULL)
        return;
    th_run_lock(&target->lock);
    watch->is_unlinked = true;
    was_linked = watch->is_linked; /* else the target's end has it: it finds out that it is late */
    if (was_linked) {
        *(watch->previous ? &watch->previous->next : &target->watchers_first) = watch->next;
        *(watch->next ? &watch->next->previous : &target->watchers_last) = watch->previous;
        watch->is_linked = false;
    }
    th_run_unlock(&target->lock);
    if (was_linked)
        th_run_watch_release(watch);
}

/* --- deciding: any thread --- */

/* Under the owner's lock. Returns whether the owner must be made ready. */
static bool decide(struct th_slot *owner, struct th_watch *watch, enum th_err why)
{
    watch->state = TH_WATCH_DECIDED;
    watch->why = why;
    owner->tally.sent++;
    if (watch->owner == 0) {
        th_run_count(&owner->tally.queued, 1);
        pthread_cond_broadcast(&owner->host->progress);
        return false;
    }
    th_run_watch_hold(watch);
    return th_run_queue(owner, &watch->mail);
}

void th_run_watch_decide(struct th_host *host, struct th_watch *watch, enum th_err why)
{
    struct th_slot *owner = owner_of(host, watch->owner);
    bool is_first = false;

    th_run_lock(&owner->lock);
    if (watch->state == TH_WATCH_WAITING && (watch->owner == 0 || owner->is_alive)) {
        if (!watch->is_call)
            ((struct th_down *)watch->answer.body)->why = why;
        is_first = decide(owner, watch, why);
    }
    th_run_unlock(&owner->lock);
    if (is_first)
        th_run_ready(owner);
}

/* Under the owner's lock. */
static struct th_watch *find_any(struct th_slot *owner, uint64_t ref)
{
    struct th_index_node *node;

    if (owner->newest && ref == owner->last_ref)
        return owner->newest; /* most are answered before the next is made */
    node = th_index_find(&owner->watches, ref);
    return node ? TH_HEAP_OWNER(node, struct th_watch, by_ref) : NULL;
}

/* Under the owner's lock. */
static struct th_watch *find(struct th_slot *owner, uint64_t ref, bool is_call)
{
    struct th_watch *watch = find_any(owner, ref);

    return watch && watch->is_call == is_call ? watch : NULL;
}

/* Under the owner's lock. Returns whether the owner must be made ready. */
static bool let_go(struct th_slot *owner, struct th_watch *watch)
{
    enum th_watch_state before = watch->state;

    if (before != TH_WATCH_WAITING && before != TH_WATCH_DECIDED)
        return false;
    watch->state = TH_WATCH_LET_GO;
    if (!watch->is_call && watch->sub) {
        atomic_store(&watch->sub->is_let_go, true);
        atomic_store(&watch->sub->is_closed, true);
    }
    if (before == TH_WATCH_DECIDED)
        return false; /* it is in the mailbox already */
    owner->tally.sent++;
    th_run_watch_hold(watch);
    return th_run_queue(owner, &watch->mail);
}

void th_let_go(struct th_host *host, th_pid pid, uint64_t ref)
{
    struct th_slot *owner = th_run_slot(host, pid);
    struct th_watch *watch = NULL;
    enum th_run_wish_what what = TH_RUN_CANCELLED;
    bool is_first = false;

    if (owner == NULL)
        return;
    th_run_lock(&owner->lock);
    if (owner->is_alive && owner->pid == pid)
        watch = find_any(owner, ref);
    if (watch) {
        what = watch->is_call ? TH_RUN_CANCELLED : TH_RUN_DEMONITORED;
        is_first = let_go(owner, watch);
    }
    th_run_unlock(&owner->lock);
    if (watch) /* which may be freed by now */
        th_run_wished(owner, &(struct th_run_wish){.what = what, .ref = ref});
    if (is_first)
        th_run_ready(owner);
}

/* The server that runs here, if it has that call in hand; else NULL. */
static struct th_slot *find_callee(const struct th_host *host, struct th_from to)
{
    struct th_place *here = th_run_here();
    struct th_slot *slot = here && here->host == host ? atomic_load(&here->running) : NULL;
    const struct th_watch *watch = slot ? slot->in_hand : NULL;

    return watch && watch->owner == to.pid && watch->by_ref.key == to.ref ? slot : NULL;
}

/* Answers without a lock, if the caller lingers or lives on this thread. */
static bool answer_unlocked(struct th_slot *owner, struct th_from to, enum th_err why,
                            const struct th_msg *reply)
{
    struct th_slot *callee = find_callee(owner->host, to);

    if (callee && th_run_deliver_reply(owner, callee->in_hand, why, reply)) {
        callee->in_hand = NULL;
        return true;
    }
    if (!th_run_box_claim(owner, to.pid))
        return false;
    owner->box.class = TH_MAIL_REPLY;
    owner->box.watch = callee ? callee->in_hand : NULL;
    if (callee)
        callee->in_hand = NULL;
    owner->box.why = why;
    owner->box.msg = *reply;
    owner->box.msg.ref = to.ref;
    if (th_run_box_fill(owner, TH_BOX_REPLY))
        th_run_ready(owner);
    return true;
}

void th_run_answer(struct th_host *host, struct th_from to, enum th_err why, struct th_msg reply)
{
    struct th_slot *owner = to.ref ? owner_of(host, to.pid) : NULL;
    struct th_watch *watch = NULL;
    bool is_first = false;

    if (owner && to.pid && answer_unlocked(owner, to, why, &reply))
        return;
    if (owner) {
        th_run_lock(&owner->lock);
        if (to.pid == 0 || (owner->is_alive && owner->pid == to.pid))
            watch = find(owner, to.ref, true);
        if (watch && watch->state == TH_WATCH_WAITING) {
            watch->answer = reply;
            reply.body = NULL;
            is_first = decide(owner, watch, why);
        } else {
            owner->tally.sent++;
            owner->tally.flushed++;
        }
        th_run_unlock(&owner->lock);
    } else {
        atomic_fetch_add_explicit(&host->flushed_nowhere, 1, memory_order_relaxed);
    }
    if (reply.body)
        th_msg_drop(&reply);
    if (is_first)
        th_run_ready(owner);
}

/* --- the owner's thread --- */

/* Under the owner's lock. */
static void take_out(struct th_slot *owner, struct th_watch *watch)
{
    watch->state = TH_WATCH_OVER;
    if (owner->newest == watch)
        owner->newest = NULL;
    th_index_remove(&owner->watches, &watch->by_ref);
    --*count_of(owner, watch->is_call);
}

static void forget(struct th_slot *owner, struct th_watch *watch)
{
    th_heap_set(&owner->calls_due, &watch->due, TH_NEVER);
    th_run_watch_unlink(owner->host, watch);
}

void th_run_watch_cancel(struct th_slot *owner, uint64_t ref, bool is_call)
{
    struct th_watch *watch;

    th_run_lock(&owner->lock);
    watch = find(owner, ref, is_call);
    if (watch)
        take_out(owner, watch);
    th_run_unlock(&owner->lock);
    if (watch) {
        forget(owner, watch);
        th_run_watch_finish(watch);
        th_run_watch_release(watch);
    }
}

void th_run_watch_finally(struct th_slot *owner, uint64_t ref, void (*drop)(void *ctx))
{
    struct th_watch *watch;

    th_run_lock(&owner->lock);
    watch = find(owner, ref, true);
    th_run_unlock(&owner->lock);
    TH_CHECK(watch != NULL && watch->drop == NULL); /* its outcome cannot have been told yet */
    watch->drop = drop;
}

void th_run_watch_finish(struct th_watch *watch)
{
    void (*drop)(void *ctx) = watch->drop;

    watch->drop = NULL;
    if (drop)
        drop(watch->ctx);
}

void th_run_watch_for_sub(struct th_slot *owner, uint64_t ref, struct th_sub *sub)
{
    struct th_watch *watch;

    th_run_sub_hold(sub);
    th_run_lock(&owner->lock);
    watch = find_any(owner, ref);
    TH_CHECK(watch != NULL && watch->sub == NULL); /* made in this callback */
    watch->sub = sub;
    th_run_unlock(&owner->lock);
}

/* Takes a watch out if it is in that state. */
static bool take_if(struct th_slot *owner, struct th_watch *watch, enum th_watch_state state)
{
    bool is_so;

    th_run_lock(&owner->lock);
    is_so = watch->state == state;
    if (is_so)
        take_out(owner, watch);
    th_run_unlock(&owner->lock);
    if (is_so)
        forget(owner, watch);
    return is_so;
}

struct th_watch *th_run_watch_take_answered(struct th_slot *owner, uint64_t ref, bool is_unlinked)
{
    struct th_watch *watch;

    th_run_lock(&owner->lock);
    watch = find(owner, ref, true);
    if (watch && watch->state != TH_WATCH_WAITING && watch->state != TH_WATCH_DECIDED)
        watch = NULL;
    if (watch)
        take_out(owner, watch);
    th_run_unlock(&owner->lock);
    if (watch) {
        th_heap_set(&owner->calls_due, &watch->due, TH_NEVER);
        if (!is_unlinked)
            th_run_watch_unlink(owner->host, watch);
    }
    return watch;
}

bool th_run_watch_take(struct th_slot *owner, struct th_watch *watch)
{
    return take_if(owner, watch, TH_WATCH_DECIDED);
}

bool th_run_watch_take_let_go(struct th_slot *owner, struct th_watch *watch)
{
    return take_if(owner, watch, TH_WATCH_LET_GO);
}

bool th_run_watch_expire(struct th_slot *owner, struct th_watch *watch)
{
    if (take_if(owner, watch, TH_WATCH_WAITING))
        return true;
    th_heap_set(&owner->calls_due, &watch->due, TH_NEVER);
    return false;
}

void th_run_watch_end_all(struct th_slot *owner)
{
    th_run_wished(owner, &(struct th_run_wish){.what = TH_RUN_ENDED});
    for (;;) {
        struct th_index_node *node;
        struct th_watch *watch = NULL;

        th_run_lock(&owner->lock);
        owner->newest = NULL;
        node = th_index_take(&owner->watches);
        if (node) {
            watch = TH_HEAP_OWNER(node, struct th_watch, by_ref);
            watch->state = TH_WATCH_OVER;
        }
        th_run_unlock(&owner->lock);
        if (watch == NULL)
            break;
        forget(owner, watch);
        th_run_watch_finish(watch);
        th_run_watch_release(watch);
    }
    owner->call_count = 0;
    owner->monitor_count = 0;
}

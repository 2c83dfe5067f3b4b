#include "switch/run/host.h"

#include "switch/base/mem.h"
#include "switch/run/host_core.h"
#include "switch/run/supervisor.h"

#include <stdio.h>

enum { WATCH_LIMIT_MS_DEFAULT = 1000 };

/* --- finding --- */

bool th_run_is_alive(struct th_host *host, th_pid pid)
{
    struct th_slot *slot = th_run_slot(host, pid);
    bool is_alive;

    if (slot == NULL)
        return false;
    th_run_lock(&slot->lock);
    is_alive = slot->is_alive && slot->pid == pid;
    th_run_unlock(&slot->lock);
    return is_alive;
}

static struct th_slot *running_here(const struct th_host *host)
{
    const struct th_place *place = th_run_here();

    return place && place->host == host ? atomic_load(&place->running) : NULL;
}

struct th_slot *th_run_self(const struct th_self *self)
{
    struct th_slot *slot = running_here(self->host);

    TH_CHECK(slot != NULL && slot->pid == self->pid); /* only from a callback of one's own */
    return slot;
}

th_pid th_run_sender(struct th_host *host)
{
    const struct th_slot *slot = running_here(host);

    return slot ? slot->pid : 0;
}

/* --- readiness --- */

bool th_run_mark_queued(struct th_slot *slot)
{
    bool is_first = !slot->is_queued;

    slot->is_queued = true;
    if (slot->is_lingering) {
        slot->is_lingering = false;
        if (th_run_box_claim(slot, slot->pid))
            is_first = th_run_box_fill(slot, TH_BOX_LOOK);
    }
    return is_first;
}

void th_run_ready(struct th_slot *slot)
{
    slot->host->ops->ready(slot->spec.place, slot);
}

/* --- sleep of the machine --- */

const struct th_msg_kind th_resumed_msg = {"host.resumed", NULL};

void th_tell_resumed(const struct th_self *self)
{
    atomic_store(&th_run_self(self)->is_told_resumed, true);
}

void th_run_resumed(struct th_host *host)
{
    struct th_msg msg = {.kind = &th_resumed_msg};

    th_run_lock(&host->lock);
    for (struct th_slot *slot = host->live_first; slot; slot = slot->live_next)
        if (atomic_load(&slot->is_told_resumed)) /* who has ended or has no room is not told */
            (void)th_run_deliver(host, atomic_load(&slot->living), TH_MAIL_MSG, msg, NULL);
    th_run_unlock(&host->lock);
}

/* --- clocks and looking --- */

struct th_now th_host_now(struct th_host *host)
{
    return host->ops->now(host);
}

uint64_t th_host_now_us(struct th_host *host)
{
    return host->ops->now_us(host);
}

void th_host_set_watchdog(struct th_host *host, th_ms limit, const struct th_log *log)
{
    th_run_lock(&host->lock);
    host->watch_limit = limit;
    host->watch_log = log;
    th_run_unlock(&host->lock);
}

th_ms th_host_watchdog(struct th_host *host)
{
    th_ms limit;

    th_run_lock(&host->lock);
    limit = host->watch_limit;
    th_run_unlock(&host->lock);
    return limit;
}

/* What it is doing and for how long, as of one moment: a callback that ends meanwhile is read again. */
static void look_at_callback(struct th_slot *slot, struct th_server_look *row, uint64_t now_us)
{
    for (int tries = 0; tries < 3; tries++) {
        uint64_t callbacks = atomic_load(&slot->callbacks);
        uint64_t since_us;

        row->doing = atomic_load(&slot->doing);
        since_us = atomic_load(&slot->doing_since_us);
        row->doing_us = row->doing && now_us > since_us ? now_us - since_us : 0;
        if (atomic_load(&slot->callbacks) == callbacks)
            break;
    }
}

/* Under the slot's lock. */
static enum th_server_state state_of(const struct th_slot *slot, const struct th_server_look *row,
                                     th_ms now)
{
    if (row->doing)
        return TH_SERVER_RUNNING;
    if (atomic_load(&slot->suspended_until) > now)
        return TH_SERVER_SUSPENDED;
    if (slot->restarts > 0 && !atomic_load(&slot->has_init))
        return TH_SERVER_RESTARTING;
    return TH_SERVER_IDLE;
}

/* Under the slot's lock. */
static void fill_row(struct th_slot *slot, struct th_server_look *row)
{
    uint64_t now_us = th_host_now_us(slot->host);

    row->pid = slot->pid;
    row->scope = slot->spec.scope;
    snprintf(row->name, sizeof row->name, "%s",
             slot->spec.name ? slot->spec.name : slot->spec.ops->name);
    snprintf(row->place, sizeof row->place, "%s", slot->spec.place->name);
    look_at_callback(slot, row, now_us);
    row->state = state_of(slot, row, now_us / 1000);
    row->messages = atomic_load(&slot->messages);
    row->refused = slot->refused;
    row->mailbox = th_run_depth(slot);
    row->mailbox_peak = slot->depth_peak;
    row->mailbox_max = slot->mailbox_max;
    row->longest_callback_us = slot->longest_us;
    row->longest_callback = slot->longest;
    row->restarts = slot->restarts;
}

bool th_run_look(struct th_slot *slot, struct th_server_look *row)
{
    bool is_alive;

    *row = (struct th_server_look){0};
    th_run_lock(&slot->lock);
    is_alive = slot->is_alive;
    if (is_alive)
        fill_row(slot, row);
    th_run_unlock(&slot->lock);
    return is_alive;
}

unsigned th_host_look(struct th_host *host, struct th_server_look *rows, unsigned max)
{
    unsigned count = 0;

    th_run_lock(&host->lock);
    for (struct th_slot *slot = host->live_first; slot; slot = slot->live_next) {
        if (count >= max || th_run_look(slot, &rows[count]))
            count++;
    }
    th_run_unlock(&host->lock);
    return count;
}

/* --- life of a host --- */

void th_run_host_init(struct th_host *host, const struct th_host_ops *ops)
{
    host->ops = ops;
    host->outside.host = host;
    th_run_lock_init(&host->outside.lock);
    th_run_lock_init(&host->lock);
    th_run_cond_init(&host->progress);
    host->watch_limit = WATCH_LIMIT_MS_DEFAULT;
}

void th_run_host_clear(struct th_host *host)
{
    unsigned slot_count = atomic_load(&host->slot_count);

    TH_CHECK(host->live_first == NULL);
    for (unsigned i = 0; i < slot_count; i++)
        pthread_mutex_destroy(&th_run_slot_at(host, i)->lock);
    for (unsigned i = 0; i < TH_CHUNKS_MAX; i++)
        th_mem_free(atomic_load(&host->chunks[i]));
    th_index_clear(&host->names);
    th_index_clear(&host->outside.watches);
    pthread_cond_destroy(&host->progress);
    pthread_mutex_destroy(&host->outside.lock);
    pthread_mutex_destroy(&host->lock);
}

/* The newest living supervisor that no other looks after; 0 for none. */
static th_pid newest_supervisor(struct th_host *host)
{
    th_pid pid = 0;

    th_run_lock(&host->lock);
    for (struct th_slot *slot = host->live_last; slot && pid == 0; slot = slot->live_previous)
        if (slot->parent == 0 && slot->spec.ops == &th_supervisor_ops)
            pid = slot->pid;
    th_run_unlock(&host->lock);
    return pid;
}

static bool has_ended(struct th_host *host, const void *pid)
{
    return !th_run_is_alive(host, *(const th_pid *)pid);
}

static bool is_empty(struct th_host *host, const void *unused)
{
    bool is_so;

    (void)unused;
    th_run_lock(&host->lock);
    is_so = host->live_first == NULL;
    th_run_unlock(&host->lock);
    return is_so;
}

static th_ms ms_left(struct th_host *host, uint64_t until_us)
{
    uint64_t now_us = th_host_now_us(host);

    return now_us < until_us ? (until_us - now_us) / 1000 : 0;
}

/* Newest first. No foreign code runs here: servers are only marked and handed to their places. */
static void stop_each(struct th_host *host,
                      void (*stop)(struct th_host *host, th_pid pid, enum th_err why))
{
    th_run_lock(&host->lock);
    for (struct th_slot *slot = host->live_last; slot; slot = slot->live_previous)
        stop(host, slot->pid, TH_SHUTDOWN);
    th_run_unlock(&host->lock);
}

unsigned th_run_host_stop_all(struct th_host *host, th_ms limit)
{
    uint64_t until_us = th_host_now_us(host) + limit * 800;
    unsigned left = 0;
    th_pid pid;

    th_run_lock(&host->lock);
    host->is_closing = true;
    th_run_unlock(&host->lock);

    while ((pid = newest_supervisor(host)) != 0 && ms_left(host, until_us) > 0) {
        th_stop(host, pid, TH_SHUTDOWN);
        host->ops->wait(host, has_ended, &pid, ms_left(host, until_us));
    }
    stop_each(host, th_stop);
    host->ops->wait(host, is_empty, NULL, ms_left(host, until_us));
    if (!is_empty(host, NULL)) {
        stop_each(host, th_run_stop_now);
        host->ops->wait(host, is_empty, NULL, limit / 5);
    }

    th_run_lock(&host->lock);
    for (const struct th_slot *slot = host->live_first; slot; slot = slot->live_next)
        left++;
    th_run_unlock(&host->lock);
    return left;
}

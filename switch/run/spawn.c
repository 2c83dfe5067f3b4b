/*
 * The beginning and the end of a slot's use by a server, its name, and what is asked of it from
 * outside: stop, suspend, resume.
 */
#include "switch/run/server.h"

#include "switch/base/mem.h"
#include "switch/run/host_core.h"
#include "switch/run/names.h"

#include <string.h>

enum { SUSPEND_MS_MAX = 60 * 60 * 1000 };

/* --- names: under the host's lock --- */

static uint64_t hash_of(uint32_t scope, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ scope; /* FNV-1a, 64 bits */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

static struct th_slot *find_name(const struct th_host *host, uint32_t scope, const char *name)
{
    struct th_index_node *node = th_index_find(&host->names, hash_of(scope, name));

    for (; node; node = th_index_next(node)) {
        struct th_slot *slot = TH_HEAP_OWNER(node, struct th_slot, by_name);
        if (slot->spec.scope == scope && strcmp(slot->spec.name, name) == 0)
            return slot;
    }
    return NULL;
}

th_pid th_whereis(struct th_host *host, uint32_t scope, const char *name)
{
    const struct th_slot *slot;
    th_pid pid;

    th_run_lock(&host->lock);
    slot = find_name(host, scope, name);
    pid = slot ? slot->pid : 0;
    th_run_unlock(&host->lock);
    return pid;
}

/* --- slots: under the host's lock --- */

static enum th_err add_chunk(struct th_host *host)
{
    unsigned count = atomic_load(&host->slot_count);
    unsigned added = count + TH_CHUNK_FIRST; /* as many as all before, and the first ones again */
    struct th_slot *chunk;

    if (count >= TH_SERVERS_MAX)
        return TH_LIMIT;
    if (host->ops->reserve && host->ops->reserve(host, count + added) != TH_OK)
        return TH_NO_MEMORY;
    chunk = th_mem_zalloc_lines(added, sizeof *chunk);
    if (chunk == NULL)
        return TH_NO_MEMORY;

    for (unsigned i = 0; i < added; i++) {
        chunk[i].host = host;
        chunk[i].index = count + i;
        th_run_lock_init(&chunk[i].lock);
        chunk[i].free_next = i + 1 < added ? &chunk[i + 1] : NULL;
    }
    host->free_first = &chunk[0];
    host->free_last = &chunk[added - 1];
    atomic_store(&host->chunks[31 - __builtin_clz(added / TH_CHUNK_FIRST)], chunk);
    atomic_store_explicit(&host->slot_count, count + added, memory_order_release);
    return TH_OK;
}

/* Takes a free slot and the name, or nothing. */
static enum th_err reserve(struct th_host *host, const struct th_server_spec *spec,
                           struct th_slot **out)
{
    struct th_slot *slot;
    enum th_err err = TH_OK;

    if (host->is_closing)
        return TH_SHUTDOWN;
    if (spec->name && find_name(host, spec->scope, spec->name))
        return TH_IN_USE;
    if (host->free_first == NULL)
        err = add_chunk(host);
    if (err != TH_OK)
        return err;

    slot = host->free_first;
    th_run_lock(&slot->lock);
    slot->spec = *spec; /* before the name, which is found by it */
    th_run_unlock(&slot->lock);
    err = th_run_place_add(spec->place, slot);
    if (err == TH_OK && spec->name) {
        err = th_index_add(&host->names, &slot->by_name, hash_of(spec->scope, spec->name));
        if (err != TH_OK)
            th_run_place_remove(spec->place, slot);
    }
    if (err != TH_OK)
        return err;

    host->free_first = slot->free_next;
    if (host->free_first == NULL)
        host->free_last = NULL;
    *out = slot;
    return TH_OK;
}

static void put_last_alive(struct th_host *host, struct th_slot *slot)
{
    slot->live_next = NULL;
    slot->live_previous = host->live_last;
    *(host->live_last ? &host->live_last->live_next : &host->live_first) = slot;
    host->live_last = slot;
}

/* --- beginning --- */

/* A pid never means two servers: a slot whose generations are used up is not used again. */
static th_pid next_pid(const struct th_slot *slot)
{
    return ((slot->pid >> 32) + 1) << 32 | slot->index;
}

/* Under the slot's lock: what was left by the server before is forgotten. */
static void begin(struct th_slot *slot, void *state)
{
    slot->pid = next_pid(slot);
    slot->state = state;
    slot->mailbox_max = slot->spec.mailbox_max ? slot->spec.mailbox_max : TH_MAILBOX_MAX_DEFAULT;
    slot->depth_peak = 0;
    slot->own_peak = 0;
    slot->refused = 0;
    slot->last_ref = 0;
    slot->stop_why = TH_OK;
    slot->is_stopped_now = false;
    slot->longest_us = 0;
    slot->longest = NULL;
    atomic_store(&slot->is_stop_asked, false);
    atomic_store(&slot->suspended_until, 0);
    atomic_store(&slot->doing, NULL);
    atomic_store(&slot->messages, 0);
    atomic_store(&slot->has_init, false);
    atomic_store(&slot->is_told_resumed, false);
    slot->alarm_at = TH_NEVER;
    slot->was_alarm = false;
    slot->is_alive = true;
    atomic_store(&slot->place, slot->spec.place);
    atomic_store(&slot->living, slot->pid);
    slot->is_queued = true; /* its first turn is init */
}

enum th_err th_run_spawn(struct th_host *host, const struct th_server_spec *spec, th_pid parent,
                         unsigned restarts, th_pid *pid)
{
    struct th_slot *slot = NULL;
    void *state = NULL;
    enum th_err err;

    TH_CHECK(spec->place && spec->place->host == host && spec->ops->init && spec->ops->on_msg);
    if (spec->ops->state_size > 0) {
        state = th_mem_zalloc(1, spec->ops->state_size);
        if (state == NULL)
            return TH_NO_MEMORY;
    }

    th_run_lock(&host->lock);
    err = reserve(host, spec, &slot);
    if (err == TH_OK) {
        th_run_lock(&slot->lock);
        slot->parent = parent;
        slot->restarts = restarts;
        slot->started = ++host->started;
        begin(slot, state);
        *pid = slot->pid;
        th_run_unlock(&slot->lock);
        put_last_alive(host, slot);
        if (spec->name)
            th_run_names_tell(slot, false, TH_OK);
    }
    th_run_unlock(&host->lock);

    if (err != TH_OK)
        th_mem_free(state);
    return err;
}

void th_run_begin(struct th_host *host, th_pid pid)
{
    th_run_ready(th_run_slot(host, pid));
}

enum th_err th_spawn(struct th_host *host, const struct th_server_spec *spec, th_pid *pid)
{
    enum th_err err = th_run_spawn(host, spec, 0, 0, pid);

    if (err == TH_OK)
        th_run_begin(host, *pid);
    return err;
}

/* --- end --- */

void th_run_slot_bury(struct th_slot *slot, enum th_err why)
{
    struct th_host *host = slot->host;

    th_run_lock(&host->lock);
    if (slot->spec.name) {
        th_index_remove(&host->names, &slot->by_name);
        th_run_names_tell(slot, true, why);
    }
    *(slot->live_previous ? &slot->live_previous->live_next : &host->live_first) = slot->live_next;
    *(slot->live_next ? &slot->live_next->live_previous : &host->live_last) = slot->live_previous;
    th_run_unlock(&host->lock);
}

void th_run_slot_free(struct th_slot *slot)
{
    struct th_host *host = slot->host;

    if (slot->pid >> 32 == UINT32_MAX)
        return;
    th_run_lock(&host->lock);
    slot->free_next = NULL;
    *(host->free_last ? &host->free_last->free_next : &host->free_first) = slot;
    host->free_last = slot;
    th_run_unlock(&host->lock);
}

/* --- asked from outside --- */

static void ask_to_stop(struct th_host *host, th_pid pid, enum th_err why, bool is_now)
{
    struct th_slot *slot = th_run_slot(host, pid);
    bool is_first = false;

    if (slot == NULL)
        return;
    th_run_lock(&slot->lock);
    if (slot->is_alive && slot->pid == pid) {
        slot->stop_why = why;
        slot->is_stopped_now = slot->is_stopped_now || is_now;
        atomic_store(&slot->is_stop_asked, true);
        is_first = th_run_mark_queued(slot);
    }
    th_run_unlock(&slot->lock);
    if (is_first)
        th_run_ready(slot);
}

void th_stop(struct th_host *host, th_pid pid, enum th_err why)
{
    ask_to_stop(host, pid, why, false);
}

void th_run_stop_now(struct th_host *host, th_pid pid, enum th_err why)
{
    ask_to_stop(host, pid, why, true);
}

static enum th_err suspend_until(struct th_host *host, th_pid pid, th_ms until)
{
    struct th_slot *slot = th_run_slot(host, pid);
    bool is_first = false;
    bool is_alive;

    if (slot == NULL)
        return TH_GONE;
    th_run_lock(&slot->lock);
    is_alive = slot->is_alive && slot->pid == pid;
    if (is_alive) {
        atomic_store(&slot->suspended_until, until);
        is_first = th_run_mark_queued(slot); /* its turn settles when it is due next */
    }
    th_run_unlock(&slot->lock);
    if (is_first)
        th_run_ready(slot);
    return is_alive ? TH_OK : TH_GONE;
}

enum th_err th_suspend(struct th_host *host, th_pid pid, th_ms for_ms)
{
    th_ms until = th_host_now(host).mono + (for_ms < SUSPEND_MS_MAX ? for_ms : SUSPEND_MS_MAX);

    return suspend_until(host, pid, until);
}

enum th_err th_resume(struct th_host *host, th_pid pid)
{
    return suspend_until(host, pid, 0);
}

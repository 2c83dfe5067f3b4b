#include "switch/run/names.h"

#include "switch/base/mem.h"

#include <stdio.h>

const struct th_msg_kind th_run_name_msg = {"name", th_mem_free};

static void tell(struct th_slot *slot, struct th_name_watch *watch, bool is_end, enum th_err why)
{
    struct th_host *host = slot->host;
    struct th_name_note *note = th_mem_zalloc(1, sizeof *note);
    struct th_msg msg = {.kind = &th_run_name_msg, .body = note};

    if (note == NULL) {
        atomic_store(&watch->has_lost, true);
        return;
    }
    note->is_end = is_end;
    note->change.number = host->name_changes;
    note->change.pid = slot->pid;
    note->change.why = why;
    snprintf(note->change.name, sizeof note->change.name, "%s", slot->spec.name);
    if (th_run_deliver(host, watch->watcher, TH_MAIL_MSG, msg, NULL) != TH_OK)
        atomic_store(&watch->has_lost, true);
}

void th_run_names_tell(struct th_slot *slot, bool is_end, enum th_err why)
{
    struct th_host *host = slot->host;

    host->name_changes++;
    for (struct th_name_watch *watch = host->name_watches; watch; watch = watch->next)
        if (watch->scope == slot->spec.scope)
            tell(slot, watch, is_end, why);
}

/* Under the host's lock. */
static void begin(struct th_host *host, struct th_name_watch *watch)
{
    for (const struct th_name_watch *at = host->name_watches; at; at = at->next)
        if (at == watch)
            return;
    watch->next = host->name_watches;
    host->name_watches = watch;
}

static bool is_in(const struct th_slot *slot, uint32_t scope)
{
    return slot->spec.name && slot->spec.scope == scope;
}

/* Under the host's lock. */
static struct th_name_list *read_names(struct th_host *host, uint32_t scope)
{
    struct th_name_list *list;
    size_t count = 0;

    for (const struct th_slot *slot = host->live_first; slot; slot = slot->live_next)
        count += is_in(slot, scope);
    list = th_mem_zalloc(1, sizeof *list + count * sizeof list->row[0]);
    if (list == NULL)
        return NULL;
    list->number = host->name_changes;
    for (const struct th_slot *slot = host->live_first; slot; slot = slot->live_next) {
        if (!is_in(slot, scope))
            continue;
        struct th_name_row *row = &list->row[list->count++];
        row->pid = slot->pid;
        snprintf(row->name, sizeof row->name, "%s", slot->spec.name);
    }
    return list;
}

struct th_name_list *th_run_names_read(struct th_host *host, struct th_name_watch *watch)
{
    struct th_name_list *list;

    th_run_lock(&host->lock);
    list = read_names(host, watch->scope);
    if (list) {
        atomic_store(&watch->has_lost, false);
        begin(host, watch);
    }
    th_run_unlock(&host->lock);
    return list;
}

void th_run_names_end(struct th_host *host, struct th_name_watch *watch)
{
    struct th_name_watch **at;

    th_run_lock(&host->lock);
    for (at = &host->name_watches; *at; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    th_run_unlock(&host->lock);
}

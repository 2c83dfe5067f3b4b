#include "switch/run/registry.h"

#include "switch/base/mem.h"
#include "switch/run/event.h"
#include "switch/run/names.h"
#include "switch/run/watch.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN_MS = 200 }; /* until what could not be announced or read is tried again */

const struct th_msg_kind th_registry_list_msg = {"registry.list", th_mem_free};

struct registry {
    const struct th_registry_spec *spec;
    struct th_name_watch watch;
    struct th_name_row *rows; /* order of start */
    unsigned count;
    unsigned room;
    uint64_t number;      /* of the last change that is in rows */
    bool is_behind;       /* rows lack something for want of memory */
    bool has_unannounced; /* the readers must be told to ask for the list */
    th_ms again_at;       /* when to try what did not succeed; TH_NEVER: all did */
};

/* --- announcing --- */

static void announce(struct registry *r, const struct th_self *self, bool is_end,
                     const struct th_name_change *change)
{
    uint64_t kind = is_end ? r->spec->exited_kind : r->spec->registered_kind;
    th_pid manager = th_whereis(self->host, self->scope, r->spec->manager);
    void *body = th_mem_copy(change, sizeof *change);
    struct th_event *event = body ? th_event_new(kind, 0, true, body, th_mem_free) : NULL;

    if (event == NULL || th_notify(self->host, manager, event) != TH_OK)
        r->has_unannounced = true;
}

static void announce_row(struct registry *r, const struct th_self *self, bool is_end,
                         const struct th_name_row *row)
{
    struct th_name_change change = {
        .number = r->number, .pid = row->pid, .why = is_end ? TH_GONE : TH_OK};

    memcpy(change.name, row->name, sizeof change.name);
    announce(r, self, is_end, &change);
}

/* Tells the readers to ask for the list. */
static void announce_self(struct registry *r, const struct th_self *self)
{
    struct th_name_row row = {.pid = self->pid};

    snprintf(row.name, sizeof row.name, "%s", self->name);
    r->has_unannounced = false;
    announce_row(r, self, false, &row);
}

/* --- the copy of the names --- */

static bool add_row(struct registry *r, const struct th_name_change *change)
{
    struct th_name_row *row;

    if (r->count == r->room) {
        unsigned room = r->room ? 2 * r->room : 16;
        void *rows = th_mem_resize(r->rows, room, sizeof *r->rows);
        if (rows == NULL)
            return false;
        r->rows = rows;
        r->room = room;
    }
    row = &r->rows[r->count++];
    row->pid = change->pid;
    memcpy(row->name, change->name, sizeof row->name);
    return true;
}

static void remove_row(struct registry *r, th_pid pid)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->rows[i].pid == pid) {
            r->count--;
            memmove(&r->rows[i], &r->rows[i + 1], (r->count - i) * sizeof *r->rows);
            return;
        }
}

/* Announces how two lists differ. Both are in order of start, so who is in both is met in step. */
static void announce_difference(struct registry *r, const struct th_self *self,
                                const struct th_name_list *now)
{
    unsigned met = 0;

    for (unsigned i = 0; i < r->count; i++) {
        if (met < now->count && now->row[met].pid == r->rows[i].pid)
            met++;
        else
            announce_row(r, self, true, &r->rows[i]);
    }
    for (; met < now->count; met++)
        announce_row(r, self, false, &now->row[met]);
}

/* Reads all names, after some changes did not come. Without memory it stays behind. */
static void read_again(struct registry *r, const struct th_self *self)
{
    struct th_name_list *list = th_run_names_read(self->host, &r->watch);
    struct th_name_row *rows = list ? th_mem_zalloc(list->count, sizeof *rows) : NULL;

    r->is_behind = rows == NULL;
    if (rows == NULL) {
        th_mem_free(list);
        return;
    }
    r->number = list->number;
    announce_difference(r, self, list);
    memcpy(rows, list->row, list->count * sizeof *rows);
    th_mem_free(r->rows);
    r->rows = rows;
    r->count = list->count;
    r->room = list->count;
    th_mem_free(list);
}

static bool is_to_read_again(const struct registry *r)
{
    return r->is_behind || atomic_load(&r->watch.has_lost);
}

/* --- messages --- */

static void on_name(struct registry *r, const struct th_self *self, const struct th_name_note *note)
{
    if (note->change.number <= r->number || r->is_behind)
        return; /* it is in what was read again, or will be */
    r->number = note->change.number;
    if (note->is_end)
        remove_row(r, note->change.pid);
    else
        r->is_behind = !add_row(r, &note->change);
    if (!r->is_behind)
        announce(r, self, note->is_end, &note->change);
}

static void on_list(struct registry *r, const struct th_self *self, const struct th_msg *msg)
{
    struct th_name_list *list = NULL;

    if (!r->is_behind)
        list = th_mem_zalloc(1, sizeof *list + r->count * sizeof list->row[0]);
    if (list == NULL) {
        th_run_answer_error(self->host, th_from_of(msg), TH_NO_MEMORY);
        return;
    }
    list->number = r->number;
    list->count = r->count;
    memcpy(list->row, r->rows, r->count * sizeof list->row[0]);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_registry_list_msg, .body = list});
}

/* --- the server --- */

/* At the end of every callback. */
static enum th_err settle(struct registry *r, const struct th_self *self)
{
    if (!r->has_unannounced && !is_to_read_again(r))
        r->again_at = TH_NEVER;
    else if (r->again_at <= self->now.mono || r->again_at == TH_NEVER)
        r->again_at = self->now.mono + AGAIN_MS;
    return TH_OK;
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct registry *r = state;
    struct th_name_list *list;

    TH_CHECK(th_whereis(self->host, self->scope, self->name) == self->pid);
    r->spec = arg;
    r->again_at = TH_NEVER;
    r->watch.watcher = self->pid;
    r->watch.scope = self->scope;
    list = th_run_names_read(self->host, &r->watch);
    if (list == NULL)
        return TH_NO_MEMORY;
    r->rows = th_mem_zalloc(list->count, sizeof *r->rows); /* not 0: its own name is there */
    if (r->rows == NULL) {
        th_run_names_end(self->host, &r->watch);
        th_mem_free(list);
        return TH_NO_MEMORY;
    }
    memcpy(r->rows, list->row, list->count * sizeof *r->rows);
    r->count = list->count;
    r->room = list->count;
    r->number = list->number;
    th_mem_free(list);
    announce_self(r, self);
    return settle(r, self);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct registry *r = state;

    if (is_to_read_again(r))
        read_again(r, self);
    if (msg->kind == &th_run_name_msg)
        on_name(r, self, msg->body);
    else if (msg->kind == &th_registry_list_msg)
        on_list(r, self, msg);
    return settle(r, self);
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct registry *r = state;

    if (is_to_read_again(r))
        read_again(r, self);
    if (r->has_unannounced)
        announce_self(r, self);
    return settle(r, self);
}

static th_ms deadline(const void *state)
{
    return ((const struct registry *)state)->again_at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct registry *r = state;

    (void)why;
    th_run_names_end(self->host, &r->watch);
    th_mem_free(r->rows);
}

const struct th_server_ops th_registry_ops = {
    .name = "registry",
    .state_size = sizeof(struct registry),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

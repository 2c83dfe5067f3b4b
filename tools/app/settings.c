#include "tools/app/settings_inside.h"

#include "router/node.h"
#include "switch/base/mem.h"

#include <string.h>

enum { STATUS_MS = 2000 };

static void drop_answer(void *body)
{
    struct th_settings_answer *answer = body;

    if (answer)
        json_decref(answer->result);
    th_mem_free(answer);
}

const struct th_msg_kind th_settings_msg_ask = {"settings.ask", th_mem_free};
const struct th_msg_kind th_settings_msg_status = {"settings.status", th_mem_free};
const struct th_msg_kind th_settings_msg_answer = {"settings.answer", drop_answer};

/* --- telling the bootstrap ------------------------------------------------------------------------ */

static th_pid find_bootstrap(const struct th_self *self)
{
    return th_whereis(self->host, self->scope, TH_NODE_BOOTSTRAP);
}

/* Without memory, or a bootstrap that is away: it is told when that is there again. */
static void post(struct settings *s, const struct th_self *self, const struct th_msg_kind *kind,
                 const void *body, size_t size)
{
    void *copy = th_mem_copy(body, size);

    if (copy == NULL || th_post(self->host, find_bootstrap(self),
                                (struct th_msg){.kind = kind, .body = copy}) != TH_OK)
        s->again_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
}

void th_settings_tell(struct settings *s, const struct th_self *self,
                      const struct th_book_seed *entry)
{
    struct th_seed seed = th_seedbook_seed(entry);

    post(s, self, &th_bootstrap_msg_seed, &seed, sizeof seed);
}

void th_settings_tell_gone(struct settings *s, const struct th_self *self,
                           const struct th_hashname *id)
{
    post(s, self, &th_bootstrap_msg_forget, id, sizeof *id);
}

void th_settings_tell_all(struct settings *s, const struct th_self *self)
{
    const struct th_seeds *first = s->config->seeds;

    for (unsigned i = 0; i < s->config->book->count; i++)
        th_settings_tell(s, self, &s->config->book->seed[i]);
    for (unsigned i = 0; first && i < first->count; i++)
        if (th_seedbook_find(s->config->book, &first->seed[i].id) == NULL)
            th_settings_tell_gone(s, self, &first->seed[i].id);
}

/* It is new, or we are: whatever it was told is told again. */
static void meet_bootstrap(struct settings *s, const struct th_self *self)
{
    th_pid pid = find_bootstrap(self);
    uint64_t ref;

    s->again_at = TH_NEVER;
    if (pid == 0) {
        s->again_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
        return;
    }
    if (pid != s->bootstrap) {
        if (th_monitor(self, pid, &ref) != TH_OK) {
            s->again_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
            return;
        }
        s->bootstrap = pid;
    }
    th_settings_tell_all(s, self);
}

/* --- names ---------------------------------------------------------------------------------------- */

static struct th_book_seed *due(const struct settings *s, th_ms now)
{
    for (unsigned i = 0; i < s->config->book->count; i++) {
        struct th_book_seed *entry = &s->config->book->seed[i];

        if (entry->named.host_count > 0 && entry->at <= now)
            return entry;
    }
    return NULL;
}

static void look_up(struct settings *s, const struct th_self *self, struct th_book_seed *entry)
{
    s->is_resolving = th_resolver_ask(s->resolver, &entry->named) == TH_OK;
    entry->at = self->now.mono + TH_RESOLVE_PAUSE_MAX_MS; /* an answer makes it another */
    s->resolving_until = entry->at;
}

static enum th_err on_status(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct settings *s = state;
    const struct th_bootstrap_status *status = why == TH_OK ? reply->body : NULL;
    struct th_book_seed *entry = due(s, self->now.mono);
    bool is_ready = status && status->state == TH_NODE_READY;

    (void)ctx;
    s->is_asking = false;
    if (entry == NULL)
        return TH_OK;
    if (is_ready && entry->resolved.count > 0 &&
        self->now.mono - entry->resolved_at < TH_RESOLVE_EVERY_MS)
        entry->at = self->now.mono + TH_RESOLVE_PAUSE_MAX_MS;
    else
        look_up(s, self, entry);
    return TH_OK;
}

/* One at a time; when we have joined there is no hurry. */
static void look_up_next(struct settings *s, const struct th_self *self)
{
    struct th_book_seed *entry = due(s, self->now.mono);

    if (s->resolving_until <= self->now.mono)
        s->is_resolving = false;
    if (s->is_resolving || s->is_asking)
        return;
    if (entry == NULL) {
        th_settings_look_up_name(s, self);
        return;
    }
    if (entry->resolved.count == 0 ||
        th_call(self, find_bootstrap(self), (struct th_msg){.kind = &th_bootstrap_msg_status},
                STATUS_MS, on_status, NULL, NULL) != TH_OK)
        look_up(s, self, entry);
    else
        s->is_asking = true;
}

th_ms th_settings_pause_after(unsigned fails)
{
    th_ms pause = TH_RESOLVE_FIRST_MS;

    for (unsigned i = 1; i < fails && pause < TH_RESOLVE_PAUSE_MAX_MS; i++)
        pause *= 2;
    return th_sooner(pause, TH_RESOLVE_PAUSE_MAX_MS);
}

static bool is_same(const struct th_paths *a, const struct th_paths *b)
{
    unsigned found = 0;

    for (unsigned i = 0; i < a->count; i++)
        for (unsigned k = 0; k < b->count; k++)
            found += th_addr_is_equal(&a->addr[i], &b->addr[k]);
    return a->count == b->count && found == a->count;
}

static void on_resolved(struct settings *s, const struct th_self *self,
                        const struct th_resolved *resolved)
{
    struct th_book_seed *entry = th_seedbook_find(s->config->book, &resolved->id);
    char hex[TH_HASHNAME_HEX + 1];

    s->is_resolving = false;
    if (th_hashname_is_equal(&resolved->id, s->config->self))
        th_settings_name_found(s, self, resolved);
    if (entry == NULL)
        return; /* removed meanwhile */
    th_hashname_write(hex, &resolved->id);
    if (resolved->paths.count == 0) {
        entry->fails++;
        entry->at = self->now.mono + th_settings_pause_after(entry->fails);
        if (entry->fails == 1)
            TH_LOG(self->log, WARN, "settings", "names not found seed=%s host=%s kept=%u", hex,
                   entry->named.host[0].name, entry->resolved.count);
        return;
    }
    entry->fails = 0;
    entry->resolved_at = self->now.mono;
    entry->at = self->now.mono + TH_RESOLVE_PAUSE_MAX_MS;
    if (is_same(&entry->resolved, &resolved->paths))
        return;
    entry->resolved = resolved->paths;
    TH_LOG(self->log, INFO, "settings", "names found seed=%s host=%s addresses=%u", hex,
           entry->named.host[0].name, entry->resolved.count);
    th_settings_tell(s, self, entry);
}

/* --- how it is ------------------------------------------------------------------------------------ */

static void answer_status(const struct settings *s, const struct th_self *self,
                          const struct th_msg *msg)
{
    struct th_settings_status *status = th_mem_zalloc(1, sizeof *status);
    const struct th_seedbook *book = s->config->book;

    if (status == NULL)
        return; /* its time-out tells it */
    th_disk_look_at(&status->disk, s->config->started_with->state_dir, self->now.wall);
    status->rcvbuf = s->config->started_with->rcvbuf;
    status->is_port_map = s->config->started_with->is_port_map;
    status->listen_count = s->config->started_with->listen_count;
    memcpy(status->listen, s->config->started_with->listen, sizeof status->listen);
    th_settings_names_status(s, status);
    for (unsigned i = 0; i < book->count; i++) {
        status->names += book->seed[i].named.host_count > 0;
        if (book->seed[i].fails == 0)
            continue;
        status->names_failing++;
        snprintf(status->failing, sizeof status->failing, "%.60s",
                 book->seed[i].named.host[0].name);
    }
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_settings_msg_status, .body = status});
}

/* --- the server ----------------------------------------------------------------------------------- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct settings *s = state;

    s->config = arg;
    s->again_at = self->now.mono;
    s->allow_at = self->now.mono; /* whoever ran before may have found no room to tell it */
    s->resolver = th_resolver_new(self->host, self->pid);
    if (s->resolver == NULL)
        return TH_NO_MEMORY;
    for (unsigned i = 0; i < s->config->book->count; i++)
        s->config->book->seed[i].at = self->now.mono;
    th_settings_names_init(s, self);
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct settings *s = state;

    if (msg->kind == &th_settings_msg_ask) {
        th_settings_answer(s, self, msg);
    } else if (msg->kind == &th_settings_msg_status) {
        answer_status(s, self, msg);
    } else if (msg->kind == &th_resolved_msg) {
        on_resolved(s, self, msg->body);
    } else if (msg->kind == &th_down_msg) {
        s->bootstrap = 0;
        s->again_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
    }
    look_up_next(s, self);
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct settings *s = state;

    if (s->again_at <= self->now.mono)
        meet_bootstrap(s, self);
    if (s->allow_at <= self->now.mono)
        th_settings_tell_allowed(s, self);
    th_settings_tell_names(s, self);
    look_up_next(s, self);
    return TH_OK;
}

static th_ms deadline(const void *state)
{
    const struct settings *s = state;
    th_ms at = th_sooner(th_sooner(s->again_at, s->allow_at), s->advertise_at);

    if (s->is_resolving)
        at = th_sooner(at, s->resolving_until);
    else if (!s->is_asking)
        at = th_sooner(at, s->name_at);
    for (unsigned i = 0; i < s->config->book->count && !s->is_resolving && !s->is_asking; i++)
        if (s->config->book->seed[i].named.host_count > 0)
            at = th_sooner(at, s->config->book->seed[i].at);
    return at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct settings *s = state;

    (void)self, (void)why;
    th_resolver_free(s->resolver);
}

const struct th_server_ops th_settings_ops = {
    .name = "settings",
    .state_size = sizeof(struct settings),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

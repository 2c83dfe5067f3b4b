/*
 * What an operator asks of the settings: reload, and the seeds.
 */
#include "tools/app/settings_inside.h"

#include "router/node.h"
#include "switch/base/mem.h"
#include "switch/run/call.h"
#include "tools/app/allow.h"
#include "tools/app/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void refuse(struct th_settings_answer *answer, enum th_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct th_settings_answer *answer, enum th_err err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(answer->say, sizeof answer->say, format, args);
    va_end(args);
    answer->err = err;
}

/* --- reload --------------------------------------------------------------------------------------- */

struct reload {
    const struct th_self *self;
    json_t *changed;
    bool wants_live; /* only those that are applied, or only the others */
};

static void note_change(void *data, const char *key, const char *was, const char *is, bool is_live)
{
    struct reload *reload = data;
    json_t *row;

    if (is_live != reload->wants_live)
        return;
    row = json_pack("{s:s, s:s, s:s, s:b}", "key", key, "was", was, "is", is, "restart", !is_live);
    if (row)
        json_array_append_new(reload->changed, row);
    if (is_live)
        TH_LOG(reload->self->log, INFO, "settings", "changed key=%s was=%.150s is=%.150s", key, was,
               is);
    else
        TH_LOG(reload->self->log, WARN, "settings",
               "changed key=%s was=%.150s is=%.150s hint=\"needs a restart\"", key, was, is);
}

static const struct th_config *applied(const struct settings *s)
{
    return s->config->applied.said_count || s->config->applied.state_dir[0]
               ? &s->config->applied
               : s->config->started_with;
}

/* The seeds of a new configuration, with those that were added and what is known of their names. */
static enum th_err make_book(struct th_seedbook *book, const struct settings *s,
                             const struct th_config *now, char say[TH_SAY_MAX])
{
    const struct th_seedbook *old = s->config->book;

    book->is_cut = old->is_cut;
    enum th_err e = th_seedbook_configure(book, now, say);
    struct th_book_seed *own = th_seedbook_find(book, s->config->self);

    if (e == TH_OK && own)
        th_seedbook_remove(book, own);
    for (unsigned i = 0; e == TH_OK && i < old->count; i++) {
        struct th_book_seed *entry;

        if (old->seed[i].is_added)
            e = th_seedbook_add(book, &old->seed[i].named);
        entry = th_seedbook_find(book, &old->seed[i].named.seed.id);
        if (e == TH_OK && entry)
            entry->resolved = old->seed[i].resolved;
        else if (e != TH_OK)
            snprintf(say, TH_SAY_MAX, "the seeds: %s", th_strerror(e));
    }
    return e;
}

void th_settings_tell_allowed(struct settings *s, const struct th_self *self)
{
    static const char *const names[] = {TH_NODE_SWITCH, TH_NODE_DIALER};

    s->allow_at = TH_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        enum th_err e = th_post(self->host, th_whereis(self->host, self->scope, names[i]),
                                (struct th_msg){.kind = &th_allowed_msg});

        if (e != TH_OK && e != TH_GONE) /* who is not there takes it when it begins */
            s->allow_at = self->now.mono + TH_SETTINGS_AGAIN_MS;
    }
}

/* A key that could not be read would keep the next start from happening. */
static enum th_err check_identity(const struct th_config *now, char say[TH_SAY_MAX])
{
    struct th_identity identity;
    enum th_err e = now->identity ? th_store_read_identity(&identity, now->identity, say) : TH_OK;

    if (now->identity && e == TH_OK)
        th_identity_clear(&identity);
    return e;
}

/* A file of the system that was there and is gone is no wish to open a private mesh: it may be on its way. */
static enum th_err check_file_is_there(const struct th_config *old, const struct th_config *now,
                                       char say[TH_SAY_MAX])
{
    if (old->file_in_use[0] == '\0' || now->file_in_use[0] != '\0')
        return TH_OK;
    snprintf(say, TH_SAY_MAX, "%.250s: is gone; put it back, or restart to do without it",
             old->file_in_use);
    return TH_NO_ENTRY;
}

static void apply(struct settings *s, const struct th_self *self, struct th_config *now,
                  struct th_seedbook *book)
{
    struct th_settings_config *config = s->config;

    for (unsigned i = 0; i < config->book->count; i++)
        if (th_seedbook_find(book, &config->book->seed[i].named.seed.id) == NULL)
            th_settings_tell_gone(s, self, &config->book->seed[i].named.seed.id);
    th_seedbook_clear(config->book);
    *config->book = *book;
    th_settings_tell_all(s, self);

    th_config_clear(&config->applied);
    config->applied = *now;
}

static void reload(struct settings *s, const struct th_self *self,
                   struct th_settings_answer *answer)
{
    struct reload r = {.self = self, .changed = json_array(), .wants_live = true};
    struct th_seedbook book = {.count = 0};
    struct th_allow *allow;
    struct th_config now;
    char say[TH_SAY_MAX];

    enum th_err e = th_config_read(&now, s->config->argc, s->config->argv, s->config->env, say);
    if (e == TH_OK) {
        e = check_file_is_there(applied(s), &now, say);
        if (e == TH_OK)
            e = check_identity(&now, say);
        if (e == TH_OK)
            e = make_book(&book, s, &now, say);
        if (e == TH_OK)
            e = th_allow_load(&allow, now.allow, now.allow_count, say);
        if (e != TH_OK)
            th_config_clear(&now);
    }
    if (e != TH_OK) {
        refuse(answer, TH_INVALID, "%.450s; nothing was changed", say);
        TH_LOG(self->log, ERROR, "settings", "not reloaded: %s", answer->say);
        th_seedbook_clear(&book);
        json_decref(r.changed);
        return;
    }
    /* First, so that what changed is said in the form that holds from now on. */
    th_logger_set(s->config->logger, now.log_level, now.is_log_json);
    th_config_compare(applied(s), &now, note_change, &r);
    r.wants_live = false;
    th_config_compare(s->config->started_with, &now, note_change, &r);
    TH_LOG(self->log, INFO, "settings", "reloaded file=%s changed=%zu",
           now.file_in_use[0] ? now.file_in_use : "none", json_array_size(r.changed));
    answer->result = json_pack("{s:s?, s:o}", "file", now.file_in_use[0] ? now.file_in_use : NULL,
                               "changed", r.changed);
    th_allowed_set(s->config->allowed, allow);
    th_settings_tell_allowed(s, self);
    apply(s, self, &now, &book);
}

/* --- seeds ---------------------------------------------------------------------------------------- */

static json_t *seed_json(const struct th_book_seed *entry)
{
    struct th_seed seed = th_seedbook_seed(entry);
    char hex[TH_HASHNAME_HEX + 1], uri[TH_SEED_URI_MAX], addr[TH_ADDR_TEXT_MAX];
    json_t *addresses = json_array();

    th_hashname_write(hex, &seed.id);
    th_seed_uri_write(uri, &entry->named);
    for (unsigned i = 0; i < seed.paths.count; i++) {
        th_addr_write(addr, &seed.paths.addr[i]);
        json_array_append_new(addresses, json_string(addr));
    }
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "hashname", hex, "from", entry->from, "added",
                     entry->is_added, "uri", uri, "addresses", addresses);
}

static void list(const struct settings *s, struct th_settings_answer *answer)
{
    answer->result = json_array();
    for (unsigned i = 0; i < s->config->book->count; i++)
        json_array_append_new(answer->result, seed_json(&s->config->book->seed[i]));
}

/* Makes a changed book ours, once it is on disk. */
static bool adopt(struct settings *s, struct th_seedbook *book, struct th_settings_answer *answer)
{
    enum th_err e = th_seedbook_save(book, s->config->disk);

    if (e != TH_OK) {
        refuse(answer, e, "%.300s/%s: %s; nothing was changed", s->config->disk->where,
               TH_BOOK_FILE,
               e == TH_LIMIT ? "has seeds that find no place beside the configured ones; "
                               "configure fewer and restart"
                             : th_strerror(e));
        th_seedbook_clear(book);
        return false;
    }
    th_seedbook_clear(s->config->book);
    *s->config->book = *book;
    return true;
}

static void log_seed(const struct th_self *self, const char *verb, const struct th_hashname *id)
{
    char hex[TH_HASHNAME_HEX + 1];

    th_hashname_write(hex, id);
    TH_LOG(self->log, INFO, "settings", "seed %s id=%s", verb, hex);
}

static void add(struct settings *s, const struct th_self *self, const char *uri,
                struct th_settings_answer *answer)
{
    char complaint[TH_COMPLAINT_MAX];
    struct th_seedbook book = {.count = 0};
    struct th_named_seed named;

    if (th_seed_uri_read(&named, uri, complaint) != TH_OK) {
        refuse(answer, TH_INVALID, "%.200s: %s", uri[0] ? uri : "\"\"", complaint);
        return;
    }
    if (th_hashname_is_equal(&named.seed.id, s->config->self)) {
        refuse(answer, TH_INVALID, "that is this node itself; give the URI to others");
        return;
    }
    enum th_err e = th_seedbook_copy(&book, s->config->book);
    if (e == TH_OK)
        e = th_seedbook_add(&book, &named);
    if (e != TH_OK) {
        refuse(answer, e, e == TH_LIMIT ? "there are 256 seeds already; remove one" : "no memory");
        th_seedbook_clear(&book);
        return;
    }
    if (!adopt(s, &book, answer))
        return;
    const struct th_book_seed *entry = th_seedbook_find(s->config->book, &named.seed.id);
    th_settings_tell(s, self, entry);
    log_seed(self, "added", &named.seed.id);
    answer->result = seed_json(entry);
}

/* The one whose hashname begins so; NULL: refused. */
static struct th_book_seed *find(const struct settings *s, const char *text,
                                 struct th_settings_answer *answer)
{
    struct th_book_seed *found = NULL;
    struct th_prefix prefix;
    unsigned count = 0;

    if (!th_prefix_read(&prefix, text, strlen(text))) {
        refuse(answer, TH_INVALID, "%.100s: is no hashname, nor the beginning of one",
               text[0] ? text : "\"\"");
        return NULL;
    }
    for (unsigned i = 0; i < s->config->book->count; i++)
        if (th_hashname_has_prefix(&s->config->book->seed[i].named.seed.id, &prefix)) {
            found = &s->config->book->seed[i];
            count++;
        }
    if (count == 1)
        return found;
    if (count == 0)
        refuse(answer, TH_INVALID, "%.64s: no seed begins like that; thctl seeds list shows them",
               text);
    else
        refuse(answer, TH_INVALID, "%.64s: %u seeds begin like that; give more digits", text,
               count);
    return NULL;
}

static void take_away(struct settings *s, const struct th_self *self, const char *text,
                      struct th_settings_answer *answer)
{
    struct th_seedbook book = {.count = 0};
    struct th_book_seed *entry = find(s, text, answer);

    if (entry == NULL)
        return;
    if (!entry->is_added) {
        refuse(answer, TH_INVALID, "it comes from %.200s: take it out there, then thctl reload",
               entry->from);
        return;
    }
    if (th_seedbook_copy(&book, s->config->book) != TH_OK) {
        refuse(answer, TH_NO_MEMORY, "no memory");
        return;
    }
    struct th_hashname id = entry->named.seed.id;
    entry = th_seedbook_find(&book, &id);
    entry->is_added = false;
    if (!entry->is_configured)
        th_seedbook_remove(&book, entry);
    if (!adopt(s, &book, answer))
        return;
    entry = th_seedbook_find(s->config->book, &id);
    if (entry == NULL)
        th_settings_tell_gone(s, self, &id);
    log_seed(self, "removed", &id);
    char hex[TH_HASHNAME_HEX + 1];
    th_hashname_write(hex, &id);
    answer->result =
        json_pack("{s:s, s:s?}", "hashname", hex, "still_from", entry ? entry->from : NULL);
}

void th_settings_answer(struct settings *s, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_settings_ask *ask = msg->body;
    struct th_settings_answer *answer = th_mem_zalloc(1, sizeof *answer);

    if (answer == NULL)
        return; /* the caller's time-out tells it */
    switch (ask->what) {
    case TH_SETTINGS_RELOAD:
        reload(s, self, answer);
        break;
    case TH_SETTINGS_SEEDS:
        list(s, answer);
        break;
    case TH_SETTINGS_ADD:
        add(s, self, ask->text, answer);
        break;
    case TH_SETTINGS_REMOVE:
        take_away(s, self, ask->text, answer);
        break;
    }
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_settings_msg_answer, .body = answer});
}

#include "tools/app/seedbook.h"

#include "router/keep.h"
#include "switch/base/mem.h"
#include "switch/wire/kept.h"
#include "tools/app/file.h"
#include "tools/app/store.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* --- the list ------------------------------------------------------------------------------------- */

struct th_book_seed *th_seedbook_find(const struct th_seedbook *book, const struct th_hashname *id)
{
    for (unsigned i = 0; i < book->count; i++)
        if (th_hashname_is_equal(&book->seed[i].named.seed.id, id))
            return &book->seed[i];
    return NULL;
}

static void add_addr(struct th_paths *paths, const struct th_addr *addr)
{
    for (unsigned i = 0; i < paths->count; i++)
        if (th_addr_is_equal(&paths->addr[i], addr))
            return;
    if (paths->count < TH_PATHS_MAX)
        paths->addr[paths->count++] = *addr;
}

static void add_host(struct th_named_seed *to, const struct th_seed_host *host)
{
    for (unsigned i = 0; i < to->host_count; i++)
        if (to->host[i].port == host->port && strcmp(to->host[i].name, host->name) == 0)
            return;
    if (to->host_count < TH_SEED_HOSTS_MAX)
        to->host[to->host_count++] = *host;
}

static void merge(struct th_named_seed *to, const struct th_named_seed *from)
{
    for (unsigned i = 0; i < from->seed.paths.count; i++)
        add_addr(&to->seed.paths, &from->seed.paths.addr[i]);
    for (unsigned i = 0; i < from->host_count; i++)
        add_host(to, &from->host[i]);
}

/* The entry of a node, a new one if there is none. */
static enum th_err take(struct th_seedbook *book, const struct th_named_seed *named,
                        const char *from, struct th_book_seed **out)
{
    *out = th_seedbook_find(book, &named->seed.id);
    if (*out) {
        merge(&(*out)->named, named);
        (*out)->at = 0;
        return TH_OK;
    }
    if (book->count == TH_SEEDS_MAX)
        return TH_LIMIT;
    if (book->count == book->room) {
        unsigned room = th_mem_room_after(book->room);
        struct th_book_seed *more = th_mem_resize(book->seed, room, sizeof *more);

        if (more == NULL)
            return TH_NO_MEMORY;
        book->seed = more;
        book->room = room;
    }
    *out = &book->seed[book->count++];
    **out = (struct th_book_seed){.named = *named};
    snprintf((*out)->from, sizeof(*out)->from, "%s", from);
    return TH_OK;
}

enum th_err th_seedbook_add(struct th_seedbook *book, const struct th_named_seed *seed)
{
    struct th_book_seed *entry;
    enum th_err e = take(book, seed, "added", &entry);

    if (e == TH_OK)
        entry->is_added = true;
    return e;
}

void th_seedbook_remove(struct th_seedbook *book, struct th_book_seed *seed)
{
    *seed = book->seed[--book->count];
}

enum th_err th_seedbook_copy(struct th_seedbook *out, const struct th_seedbook *from)
{
    out->is_cut = from->is_cut;
    if (from->count == 0)
        return TH_OK;
    out->seed = th_mem_copy(from->seed, from->count * sizeof *from->seed);
    if (out->seed == NULL)
        return TH_NO_MEMORY;
    out->count = out->room = from->count;
    return TH_OK;
}

struct th_seed th_seedbook_seed(const struct th_book_seed *seed)
{
    struct th_seed all = seed->named.seed;

    for (unsigned i = 0; i < seed->resolved.count; i++)
        add_addr(&all.paths, &seed->resolved.addr[i]);
    return all;
}

enum th_err th_seedbook_seeds(struct th_seeds *out, const struct th_seedbook *book)
{
    enum th_err e = TH_OK;

    for (unsigned i = 0; i < book->count && e == TH_OK; i++) {
        struct th_seed seed = th_seedbook_seed(&book->seed[i]);

        e = th_seeds_add(out, &seed);
    }
    return e;
}

void th_seedbook_clear(struct th_seedbook *book)
{
    th_mem_free(book->seed);
    *book = (struct th_seedbook){.count = 0};
}

/* --- what is configured --------------------------------------------------------------------------- */

static enum th_err configure_one(struct th_seedbook *book, const struct th_named_seed *named,
                                 const char *from, char say[TH_SAY_MAX])
{
    struct th_book_seed *entry;
    enum th_err e = take(book, named, from, &entry);

    if (e == TH_OK)
        entry->is_configured = true;
    else if (e == TH_LIMIT)
        snprintf(say, TH_SAY_MAX, "%.300s: more than %d seeds in all", from, TH_SEEDS_MAX);
    else
        snprintf(say, TH_SAY_MAX, "%.300s: %s", from, th_strerror(e));
    return e == TH_LIMIT ? TH_TOO_BIG : e; /* it will not pass by itself */
}

/* The names that a file's entries give in their member "uri". What is none is skipped, as every member
 * that others may have put there. */
static void add_names(struct th_seedbook *book, const char *file)
{
    char complaint[TH_COMPLAINT_MAX], *text;
    const char *hex;
    json_t *entry;
    size_t len;

    if (th_file_read(AT_FDCWD, file, TH_STORE_FILE_MAX, &text, &len, NULL) != TH_OK)
        return;
    json_t *json = json_loadb(text, len, 0, NULL);
    th_mem_free(text);
    json_object_foreach(json, hex, entry)
    {
        const char *uri = json_string_value(json_object_get(entry, "uri"));
        struct th_named_seed named;
        struct th_book_seed *known;

        if (uri == NULL || th_seed_uri_read(&named, uri, complaint) != TH_OK)
            continue;
        known = th_seedbook_find(book, &named.seed.id);
        for (unsigned i = 0; known && i < named.host_count; i++)
            add_host(&known->named, &named.host[i]);
    }
    json_decref(json);
}

static enum th_err configure_file(struct th_seedbook *book, const char *file, char say[TH_SAY_MAX])
{
    struct th_seeds seeds = {0};
    enum th_err e = th_store_read_seeds(&seeds, file, say);

    for (unsigned i = 0; i < seeds.count && e == TH_OK; i++) {
        struct th_named_seed named = {.seed = seeds.seed[i]};

        e = configure_one(book, &named, file, say);
    }
    th_seeds_clear(&seeds);
    if (e == TH_OK)
        add_names(book, file);
    return e;
}

enum th_err th_seedbook_configure(struct th_seedbook *book, const struct th_config *config,
                                  char say[TH_SAY_MAX])
{
    enum th_err e = TH_OK;

    for (unsigned i = 0; e == TH_OK && i < config->seeds_count; i++)
        e = configure_file(book, config->seeds[i], say);
    for (unsigned i = 0; e == TH_OK && i < config->seed_uri_count; i++) {
        char complaint[TH_COMPLAINT_MAX];
        struct th_named_seed named;

        e = th_seed_uri_read(&named, config->seed_uri[i], complaint);
        if (e == TH_OK) /* always: the configuration has seen that it can be read */
            e = configure_one(book, &named, "--seed", say);
    }
    return e;
}

/* --- what was added ------------------------------------------------------------------------------- */

static enum th_err read_added(struct th_seedbook *book, const char *text, size_t len,
                              char complaint[TH_COMPLAINT_MAX])
{
    struct th_named_seed *seed = NULL;
    unsigned count = 0;
    enum th_err e =
        th_kept_read_seeds(&seed, &count, (struct th_bytes){(const uint8_t *)text, len}, complaint);

    for (unsigned i = 0; i < count && e == TH_OK; i++)
        e = th_seedbook_add(book, &seed[i]);
    th_mem_free(seed);
    return e;
}

enum th_err th_seedbook_load(struct th_seedbook *book, struct th_disk *disk,
                             char warning[TH_SAY_MAX], char say[TH_SAY_MAX])
{
    char complaint[TH_COMPLAINT_MAX] = "";
    char *text;
    size_t len;
    enum th_err e = disk->ops->read(disk, TH_BOOK_FILE, TH_STORE_FILE_MAX, &text, &len);

    warning[0] = '\0';
    if (e == TH_NO_ENTRY)
        return TH_OK;
    if (e == TH_OK) {
        e = read_added(book, text, len, complaint);
        th_mem_free(text);
    }
    if (e == TH_FORMAT)
        return th_keep_aside(disk, TH_BOOK_FILE, complaint, warning, say);
    if (e == TH_LIMIT) { /* with the configured ones they are too many: those go before */
        book->is_cut = true;
        snprintf(warning, TH_SAY_MAX, "%.200s/%s: more than %d seeds in all; some are left out",
                 disk->where, TH_BOOK_FILE, TH_SEEDS_MAX);
        return TH_OK;
    }
    if (e != TH_OK)
        snprintf(say, TH_SAY_MAX, "%.200s/%s: %s; it is left as it is", disk->where, TH_BOOK_FILE,
                 complaint[0]      ? complaint
                 : e == TH_INVALID ? "is no regular file"
                                   : th_strerror(e));
    return e;
}

enum th_err th_seedbook_save(const struct th_seedbook *book, struct th_disk *disk)
{
    struct th_named_seed *added;
    unsigned count = 0;
    char *text;

    if (book->is_cut)
        return TH_LIMIT;
    added = th_mem_zalloc(book->count + 1, sizeof *added);
    if (added == NULL)
        return TH_NO_MEMORY;
    for (unsigned i = 0; i < book->count; i++)
        if (book->seed[i].is_added)
            added[count++] = book->seed[i].named;
    enum th_err e = th_kept_write_seeds(&text, added, count);
    th_mem_free(added);
    if (e != TH_OK)
        return e;
    e = th_replace_all(disk, TH_BOOK_FILE, th_bytes_of(text), false);
    th_mem_free(text);
    return e;
}

/*
 * What a node keeps between its runs, for an application that keeps no files: its load and save are a disk
 * (router/disk.h) to the keeper. A text is handed over whole, at the step that replaces a file.
 */
#include "router/telehash_node.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

enum {
    ROOM_AT_FIRST = 4096,
    TRIES = 3 /* what is kept may grow between two of them */
};

static struct th_app_disk *app_of(struct th_disk *disk)
{
    return (struct th_app_disk *)disk; /* the first member */
}

/* What the application says, as a disk says it. */
static enum th_err said(enum th_err e)
{
    bool is_known = e == TH_OK || e == TH_NO_ENTRY || e == TH_NO_PERMISSION || e == TH_NO_SPACE ||
                    e == TH_NO_MEMORY;

    return is_known ? e : TH_IO;
}

static void wipe(char *text, size_t size)
{
    if (text)
        sodium_memzero(text, size);
    th_mem_free(text);
}

/* Asks once, with so much room. needed: filled on TH_TOO_BIG. */
static enum th_err ask(const struct th_app_disk *app, enum th_kept_part part, size_t room,
                       char **text, size_t *needed)
{
    char *buffer = th_mem_zalloc(1, room + 1);
    size_t len = room;
    enum th_err e;

    if (buffer == NULL)
        return TH_NO_MEMORY;
    e = app->load(app->data, part, buffer, &len);
    if (e == TH_OK && len <= room) {
        buffer[len] = '\0';
        *text = buffer;
        *needed = len;
        return TH_OK;
    }
    wipe(buffer, room + 1);
    *needed = len;
    return e == TH_TOO_BIG && len > room ? TH_TOO_BIG : e == TH_OK ? TH_IO : said(e);
}

static enum th_err load(const struct th_app_disk *app, enum th_kept_part part, size_t max,
                        char **text, size_t *len)
{
    size_t room = ROOM_AT_FIRST, needed = 0;
    enum th_err e = TH_TOO_BIG;

    for (unsigned i = 0; i < TRIES && e == TH_TOO_BIG && room <= max; i++) {
        e = ask(app, part, room, text, &needed);
        room = needed;
    }
    if (e == TH_OK)
        *len = needed;
    return e;
}

/* --- the disk ------------------------------------------------------------------------------------------ */

static bool find_part(const char *name, enum th_kept_part *part)
{
    static const enum th_kept_part parts[TH_KEEP_FILES] = {
        [TH_KEEP_STATE] = TH_KEPT_CLOCK,
        [TH_KEEP_PEERS] = TH_KEPT_PEERS,
        [TH_KEEP_AGES] = TH_KEPT_AGES,
    };

    for (unsigned i = 0; i < TH_KEEP_FILES; i++)
        if (strcmp(name, th_keep_name((enum th_keep_file)i)) == 0) {
            *part = parts[i];
            return true;
        }
    return false;
}

static enum th_err disk_read(struct th_disk *disk, const char *name, size_t max, char **text,
                             size_t *len)
{
    enum th_kept_part part;

    return find_part(name, &part) ? load(app_of(disk), part, max, text, len) : TH_NO_ENTRY;
}

/* The file beside the one that is to be replaced: there is one at a time. */
static enum th_err disk_write(struct th_disk *disk, const char *name, struct th_bytes text)
{
    struct th_app_disk *app = app_of(disk);

    (void)name;
    if (app->beside)
        return TH_IN_USE;
    app->beside = th_mem_copy(text.at, text.len);
    app->beside_len = text.len;
    return app->beside ? TH_OK : TH_NO_MEMORY;
}

static enum th_err disk_sync(struct th_disk *disk, const char *name)
{
    (void)disk, (void)name;
    return TH_OK;
}

static enum th_err disk_remove(struct th_disk *disk, const char *name)
{
    struct th_app_disk *app = app_of(disk);
    bool is_there = app->beside != NULL;

    (void)name;
    th_mem_free(app->beside);
    app->beside = NULL;
    return is_there ? TH_OK : TH_NO_ENTRY;
}

static enum th_err disk_rename(struct th_disk *disk, const char *from, const char *to)
{
    struct th_app_disk *app = app_of(disk);
    enum th_kept_part part;
    enum th_err e;

    if (app->beside == NULL || !find_part(to, &part))
        return TH_NO_ENTRY;
    e = said(app->save(app->data, part, app->beside, app->beside_len));
    if (e == TH_OK)
        (void)disk_remove(disk, from);
    return e == TH_NO_ENTRY ? TH_IO : e;
}

/* What cannot be read would be kept aside under a second name; here the application decides. */
static enum th_err disk_link(struct th_disk *disk, const char *from, const char *to)
{
    (void)from, (void)to;
    app_of(disk)->is_broken = true;
    return TH_FORMAT;
}

static enum th_err disk_sync_dir(struct th_disk *disk)
{
    (void)disk;
    return TH_OK;
}

static const struct th_disk_ops app_ops = {
    .read = disk_read,
    .write = disk_write,
    .sync = disk_sync,
    .rename = disk_rename,
    .link = disk_link,
    .remove = disk_remove,
    .sync_dir = disk_sync_dir,
};

/* --- the node ------------------------------------------------------------------------------------------ */

static enum th_err make_identity(struct th_node *node)
{
    char text[TH_IDENTITY_TEXT_MAX];
    enum th_err e = th_node_make_identity(&node->identity);

    if (e != TH_OK)
        return e;
    th_identity_write(&node->identity, text);
    e = said(node->kept.disk.save(node->kept.disk.data, TH_KEPT_IDENTITY, text, strlen(text)));
    sodium_memzero(text, sizeof text);
    if (e == TH_NO_ENTRY)
        e = TH_IO;
    if (e != TH_OK)
        TH_LOG(&node->log, ERROR, "telehash", "identity: the application did not save it: %s",
               th_strerror(e));
    return e;
}

static enum th_err recall_identity(struct th_node *node)
{
    char complaint[TH_COMPLAINT_MAX];
    char *text = NULL;
    size_t len = 0;
    enum th_err e = load(&node->kept.disk, TH_KEPT_IDENTITY, TH_KEEP_FILE_MAX, &text, &len);

    if (e == TH_NO_ENTRY)
        return make_identity(node);
    if (e == TH_OK)
        e = sodium_init() >= 0
                ? th_identity_read(&node->identity, (struct th_bytes){(const uint8_t *)text, len},
                                   complaint)
                : TH_IO;
    if (e != TH_OK)
        TH_LOG(&node->log, ERROR, "telehash", "identity: %s; nothing was written over it",
               e == TH_FORMAT ? complaint : th_strerror(e));
    wipe(text, len);
    return e;
}

static enum th_err recall_rest(struct th_node *node)
{
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX] = "";
    struct th_keep keep;
    enum th_err e;

    th_keep_init(&keep, &node->kept.disk.disk);
    e = th_keep_load(&keep, &node->kept.kept, warning, say);
    th_keep_clear(&keep);
    if (e == TH_OK)
        th_forget(&node->kept.kept.peers, &node->identity.hashname);
    else
        TH_LOG(&node->log, ERROR, "telehash", "%s", say);
    return node->kept.disk.is_broken ? TH_FORMAT : e;
}

enum th_err th_node_recall(struct th_node *node, const struct th_node_options *options)
{
    enum th_err e = TH_OK;

    if ((options->load == NULL) != (options->save == NULL)) {
        TH_LOG(&node->log, ERROR, "telehash", "load and save: one is of no use without the other");
        return TH_INVALID;
    }
    if (options->load) {
        node->kept.is_on = true;
        node->kept.disk =
            (struct th_app_disk){.disk = {.ops = &app_ops, .where = "what the application keeps"},
                                 .load = options->load,
                                 .save = options->save,
                                 .data = options->keep_data};
    }
    if (options->identity)
        node->identity = *options->identity;
    else
        e = options->load ? recall_identity(node) : th_node_make_identity(&node->identity);
    return e == TH_OK && options->load ? recall_rest(node) : e;
}

void th_node_recall_clear(struct th_node *node)
{
    th_mem_free(node->kept.disk.beside);
    th_kept_clear(&node->kept.kept);
}

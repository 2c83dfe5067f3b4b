#include "router/keep.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { AT_AHEAD_MS = 60000 };

static const struct {
    const char *name;
    const char *loss; /* when it cannot be written */
} files[TH_KEEP_FILES] = {
    [TH_KEEP_STATE] = {"state.json", "the clock's floor is not saved"},
    [TH_KEEP_PEERS] = {"peers.json", "the peers are not saved"},
    [TH_KEEP_AGES] = {"ages.json", "the ages are not saved"},
};

const char *th_keep_name(enum th_keep_file file)
{
    return files[file].name;
}

int64_t th_keep_floor(int64_t at, th_epoch_ms wall)
{
    return at <= wall + AT_AHEAD_MS ? at : 0;
}

void th_keep_init(struct th_keep *keep, struct th_disk *disk)
{
    *keep = (struct th_keep){.disk = disk};
}

void th_keep_clear(struct th_keep *keep)
{
    for (unsigned i = 0; i < TH_KEEP_FILES; i++) {
        th_mem_free(keep->on_disk[i]);
        th_mem_free(keep->wanted[i]);
    }
    th_keep_init(keep, keep->disk);
}

/* --- reading -------------------------------------------------------------------------------------- */

static const char *why(enum th_err e)
{
    return e == TH_INVALID ? "is no regular file" : th_strerror(e);
}

/* A file as it was found. */
struct found {
    char *text; /* NULL: there is none */
    size_t len;
    bool is_broken;
    char complaint[TH_COMPLAINT_MAX];
};

static enum th_err take(struct th_kept *kept, enum th_keep_file file, struct found *found)
{
    const struct th_bytes text = {(const uint8_t *)found->text, found->len};

    switch (file) {
    case TH_KEEP_STATE:
        return th_kept_read_at(&kept->at, text, found->complaint);
    case TH_KEEP_PEERS:
        return th_kept_read_peers(&kept->peers, text, found->complaint);
    case TH_KEEP_AGES:
        return th_kept_read_ages(&kept->age, &kept->ages_count, text, found->complaint);
    case TH_KEEP_FILES:
        break;
    }
    TH_CHECK(false);
    return TH_INVALID;
}

/* Reads a file and changes nothing on the disk. Errors: those of th_keep_load. */
static enum th_err find(struct th_keep *keep, struct th_kept *kept, enum th_keep_file file,
                        struct found *found, char say[TH_KEEP_SAY_MAX])
{
    struct th_disk *disk = keep->disk;
    const char *name = files[file].name;
    enum th_err e = disk->ops->read(disk, name, TH_KEEP_FILE_MAX, &found->text, &found->len);

    if (e == TH_NO_ENTRY)
        return TH_OK;
    if (e != TH_OK) {
        snprintf(say, TH_KEEP_SAY_MAX, "%.300s/%s: %s; it is left as it is", disk->where, name,
                 why(e));
        return e;
    }
    e = take(kept, file, found);
    found->is_broken = e == TH_FORMAT;
    if (e == TH_OK || e == TH_FORMAT)
        return TH_OK;
    snprintf(say, TH_KEEP_SAY_MAX, "%.200s/%s: %s%s", disk->where, name,
             e == TH_NEWER ? found->complaint : th_strerror(e),
             e == TH_NEWER ? "; it is left as it is" : "");
    return e;
}

/* The first is durable before the second happens: a power cut leaves a broken file under either of its
 * names, or both, never none. */
static enum th_err move_aside(struct th_disk *disk, const char *name, const char *aside)
{
    enum th_err e = disk->ops->link(disk, name, aside);

    if (e == TH_OK)
        e = disk->ops->sync_dir(disk);
    if (e == TH_OK)
        e = disk->ops->remove(disk, name);
    return e == TH_OK ? disk->ops->sync_dir(disk) : e;
}

enum th_err th_keep_aside(struct th_disk *disk, const char *name, const char *complaint,
                          char warning[TH_KEEP_SAY_MAX], char say[TH_KEEP_SAY_MAX])
{
    char aside[TH_DISK_NAME_MAX];
    enum th_err e = TH_IN_USE;

    for (unsigned n = 1; e == TH_IN_USE && n < 1000; n++) {
        snprintf(aside, sizeof aside, "%s.broken-%u", name, n);
        e = move_aside(disk, name, aside);
    }
    if (e == TH_OK) {
        snprintf(warning, TH_KEEP_SAY_MAX, "%.200s/%s: %s; kept aside as %s, going on without it",
                 disk->where, name, complaint, aside);
        return TH_OK;
    }
    snprintf(say, TH_KEEP_SAY_MAX, "%.200s/%s: %s, and it cannot be kept aside: %s", disk->where,
             name, complaint, th_strerror(e));
    return TH_IO;
}

static enum th_err keep_broken_aside(struct th_keep *keep, const struct found *found,
                                     char warning[TH_KEEP_SAY_MAX], char say[TH_KEEP_SAY_MAX])
{
    enum th_err e = TH_OK;
    size_t len = 0;

    for (unsigned i = 0; i < TH_KEEP_FILES && e == TH_OK; i++) {
        char one[TH_KEEP_SAY_MAX];

        if (!found[i].is_broken)
            continue;
        e = th_keep_aside(keep->disk, files[i].name, found[i].complaint, one, say);
        if (e == TH_OK && len < TH_KEEP_SAY_MAX)
            len += (size_t)snprintf(warning + len, TH_KEEP_SAY_MAX - len, "%s%s", len ? "; " : "",
                                    one);
    }
    return e;
}

/* Notes what the files say, in the form in which we write it. */
static enum th_err note(struct th_keep *keep, const struct th_kept *kept, char say[TH_KEEP_SAY_MAX])
{
    enum th_err e = TH_OK;

    th_keep_clear(keep);
    if (kept->peers.count > 0)
        e = th_kept_write_peers(&keep->on_disk[TH_KEEP_PEERS], kept->peers.seed, kept->peers.count);
    if (e == TH_OK && kept->ages_count > 0)
        e = th_kept_write_ages(&keep->on_disk[TH_KEEP_AGES], kept->age, kept->ages_count);
    if (e != TH_OK) {
        snprintf(say, TH_KEEP_SAY_MAX, "%.300s: %s", keep->disk->where, th_strerror(e));
        return e;
    }
    keep->at = kept->at;
    keep->is_loaded = true;
    return TH_OK;
}

enum th_err th_keep_load(struct th_keep *keep, struct th_kept *kept, char warning[TH_KEEP_SAY_MAX],
                         char say[TH_KEEP_SAY_MAX])
{
    struct found found[TH_KEEP_FILES] = {0};
    enum th_err e = TH_OK;

    warning[0] = '\0';
    for (unsigned i = 0; i < TH_KEEP_FILES && e == TH_OK; i++)
        e = find(keep, kept, (enum th_keep_file)i, &found[i], say);
    if (e == TH_OK)
        e = keep_broken_aside(keep, found, warning, say);
    if (e == TH_OK)
        e = note(keep, kept, say);
    for (unsigned i = 0; i < TH_KEEP_FILES; i++)
        th_mem_free(found[i].text);
    return e;
}

/* --- writing -------------------------------------------------------------------------------------- */

/* text  given. */
static void want(struct th_keep *keep, enum th_keep_file file, char *text)
{
    TH_CHECK(keep->is_loaded && !keep->is_writing);
    th_mem_free(keep->wanted[file]);
    keep->wanted[file] = NULL;
    if (keep->on_disk[file] && strcmp(keep->on_disk[file], text) == 0)
        th_mem_free(text);
    else
        keep->wanted[file] = text;
}

enum th_err th_keep_put_at(struct th_keep *keep, int64_t at)
{
    char *text;

    if (at <= keep->at)
        return TH_OK;
    enum th_err e = th_kept_write_at(&text, at);
    if (e != TH_OK)
        return e;
    want(keep, TH_KEEP_STATE, text);
    keep->at_wanted = at;
    return TH_OK;
}

enum th_err th_keep_put_peers(struct th_keep *keep, const struct th_seeds *peers)
{
    char *text;

    if (peers->count == 0)
        return TH_OK;
    enum th_err e = th_kept_write_peers(&text, peers->seed, peers->count);
    if (e == TH_OK)
        want(keep, TH_KEEP_PEERS, text);
    return e;
}

enum th_err th_keep_put_ages(struct th_keep *keep, const struct th_age *age, unsigned count)
{
    char *text;

    if (count == 0)
        return TH_OK;
    enum th_err e = th_kept_write_ages(&text, age, count);
    if (e == TH_OK)
        want(keep, TH_KEEP_AGES, text);
    return e;
}

bool th_keep_is_due(const struct th_keep *keep)
{
    for (unsigned i = 0; i < TH_KEEP_FILES; i++)
        if (keep->wanted[i])
            return true;
    return false;
}

static void begin(struct th_keep *keep)
{
    unsigned i = 0;

    while (i < TH_KEEP_FILES && keep->wanted[i] == NULL)
        i++;
    TH_CHECK(i < TH_KEEP_FILES);
    keep->file = (enum th_keep_file)i;
    keep->is_writing = true;
    th_replace_init(&keep->replace, files[i].name, th_bytes_of(keep->wanted[i]), false);
}

static void end(struct th_keep *keep, enum th_err e)
{
    const enum th_keep_file file = keep->file;

    keep->is_writing = false;
    th_mem_free(keep->on_disk[file]);
    keep->on_disk[file] = NULL; /* after a failure it may be the old or the new */
    if (e == TH_OK) {
        keep->on_disk[file] = keep->wanted[file];
        if (file == TH_KEEP_STATE)
            keep->at = keep->at_wanted;
    } else {
        th_mem_free(keep->wanted[file]);
    }
    keep->wanted[file] = NULL;
}

enum th_err th_keep_step(struct th_keep *keep, enum th_keep_file *file, bool *is_end,
                         char say[TH_KEEP_SAY_MAX])
{
    if (!keep->is_writing)
        begin(keep);
    *file = keep->file;
    enum th_err e = th_replace_step(&keep->replace, keep->disk);

    *is_end = e != TH_OK || keep->replace.is_done;
    if (e != TH_OK)
        snprintf(say, TH_KEEP_SAY_MAX, "%.300s/%s: %s (%s)", keep->disk->where, files[*file].name,
                 why(e), files[*file].loss);
    if (*is_end)
        end(keep, e);
    return e;
}

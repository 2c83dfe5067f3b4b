#include "router/replace.h"

#include <stdio.h>

void th_replace_init(struct th_replace *replace, const char *name, struct th_bytes text,
                     bool is_new)
{
    *replace = (struct th_replace){.name = name, .text = text, .is_new = is_new};
    int len = snprintf(replace->beside, sizeof replace->beside, "%s.new", name);
    TH_CHECK(len > 0 && len < TH_DISK_NAME_MAX);
}

static enum th_err clean(struct th_disk *disk, const char *beside)
{
    enum th_err e = disk->ops->remove(disk, beside);

    return e == TH_NO_ENTRY ? TH_OK : e;
}

/* A link never takes a name that is in use; a rename does. */
static enum th_err rename_beside(const struct th_replace *replace, struct th_disk *disk)
{
    if (!replace->is_new)
        return disk->ops->rename(disk, replace->beside, replace->name);

    enum th_err e = disk->ops->link(disk, replace->beside, replace->name);
    return e == TH_OK ? disk->ops->remove(disk, replace->beside) : e;
}

static enum th_err do_step(const struct th_replace *replace, struct th_disk *disk)
{
    switch (replace->next) {
    case TH_REPLACE_CLEAN:
        return clean(disk, replace->beside);
    case TH_REPLACE_WRITE:
        return disk->ops->write(disk, replace->beside, replace->text);
    case TH_REPLACE_SYNC:
        return disk->ops->sync(disk, replace->beside);
    case TH_REPLACE_RENAME:
        return rename_beside(replace, disk);
    case TH_REPLACE_SYNC_DIR:
        return disk->ops->sync_dir(disk);
    }
    TH_CHECK(false);
    return TH_INVALID;
}

enum th_err th_replace_step(struct th_replace *replace, struct th_disk *disk)
{
    TH_CHECK(!replace->is_done);
    enum th_err e = do_step(replace, disk);

    if (e != TH_OK) {
        (void)clean(disk, replace->beside);
        return e;
    }
    replace->is_done = replace->next == TH_REPLACE_SYNC_DIR;
    if (!replace->is_done)
        replace->next++;
    return TH_OK;
}

enum th_err th_replace_all(struct th_disk *disk, const char *name, struct th_bytes text,
                           bool is_new)
{
    struct th_replace replace;
    enum th_err e = TH_OK;

    th_replace_init(&replace, name, text, is_new);
    while (e == TH_OK && !replace.is_done)
        e = th_replace_step(&replace, disk);
    return e;
}

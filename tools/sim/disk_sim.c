#include "tools/sim/disk_sim.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

static struct th_disk_sim *sim_of(struct th_disk *disk)
{
    return (struct th_disk_sim *)disk;
}

/* --- names ---------------------------------------------------------------------------------------- */

/* The entry of a name, "" for a free one; NULL when there is none. */
static struct th_disk_sim_name *find(struct th_disk_sim_name names[TH_DISK_SIM_FILES_MAX],
                                     const char *name)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

static void apply(struct th_disk_sim_name names[TH_DISK_SIM_FILES_MAX],
                  const struct th_disk_sim_change *change)
{
    struct th_disk_sim_name *gone = change->gone[0] ? find(names, change->gone) : NULL;
    struct th_disk_sim_name *made = change->made[0] ? find(names, change->made) : NULL;

    if (gone)
        gone->name[0] = '\0';
    if (change->made[0] == '\0')
        return;
    if (made == NULL)
        made = find(names, "");
    TH_CHECK(made != NULL); /* disk_write and disk_link see to it */
    memcpy(made->name, change->made, sizeof made->name);
    made->file = change->file;
}

static bool is_named(const struct th_disk_sim *sim, unsigned file)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if ((sim->now[i].name[0] && sim->now[i].file == file) ||
            (sim->durable[i].name[0] && sim->durable[i].file == file))
            return true;
    for (unsigned i = 0; i < sim->change_count; i++)
        if (sim->change[i].made[0] && sim->change[i].file == file)
            return true;
    return false;
}

static void free_unnamed(struct th_disk_sim *sim)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++) {
        if (!sim->file[i].is_used || is_named(sim, i))
            continue;
        th_mem_free(sim->file[i].text);
        sim->file[i] = (struct th_disk_sim_file){0};
    }
}

static void drop_first_change(struct th_disk_sim *sim)
{
    sim->change_count--;
    memmove(&sim->change[0], &sim->change[1], sim->change_count * sizeof sim->change[0]);
}

static void make_durable(struct th_disk_sim *sim)
{
    while (sim->change_count > 0) {
        apply(sim->durable, &sim->change[0]);
        drop_first_change(sim);
    }
    free_unnamed(sim);
}

static void change_names(struct th_disk_sim *sim, const char *gone, const char *made, unsigned file)
{
    struct th_disk_sim_change change = {.file = file};

    snprintf(change.gone, sizeof change.gone, "%s", gone);
    snprintf(change.made, sizeof change.made, "%s", made);
    if (sim->change_count == TH_DISK_SIM_CHANGES_MAX) {
        apply(sim->durable, &sim->change[0]);
        drop_first_change(sim);
    }
    sim->change[sim->change_count++] = change;
    apply(sim->now, &change);
    free_unnamed(sim);
}

/* Room for one more name among those of now and, whichever changes happen, of later. */
static bool has_room_for_a_name(struct th_disk_sim *sim)
{
    unsigned used = sim->change_count;

    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        used += sim->durable[i].name[0] != '\0';
    if (used >= TH_DISK_SIM_FILES_MAX)
        make_durable(sim);
    return find(sim->now, "") != NULL && find(sim->durable, "") != NULL;
}

/* --- faults --------------------------------------------------------------------------------------- */

enum fate { FATE_WORKS, FATE_FAILS, FATE_FAILS_LATE };

static bool is_drawn(struct th_disk_sim *sim, unsigned per_mille)
{
    return per_mille > 0 && th_rng_below(&sim->rng, 1000) < per_mille;
}

static enum fate failure(struct th_disk_sim *sim)
{
    sim->failures++;
    return th_rng_below(&sim->rng, 2) == 0 ? FATE_FAILS : FATE_FAILS_LATE;
}

/* What is to become of the step that begins. */
static enum fate begin(struct th_disk_sim *sim)
{
    if (sim->is_halted)
        return FATE_FAILS;
    sim->steps++;
    if (sim->faults.slow_max_ms > 0) {
        th_ms ms = th_rng_below(&sim->rng, sim->faults.slow_max_ms) + 1;

        if (sim->on_slow)
            sim->on_slow(sim->data, ms);
    }
    if (sim->steps == sim->halt_at) {
        sim->is_halted = true;
        return failure(sim);
    }
    return is_drawn(sim, sim->faults.fail_per_mille) ? failure(sim) : FATE_WORKS;
}

static enum th_err end(enum fate fate, enum th_err e)
{
    return fate == FATE_WORKS ? e : TH_IO;
}

/* --- the steps ------------------------------------------------------------------------------------ */

static enum th_err disk_read(struct th_disk *disk, const char *name, size_t max, char **text,
                             size_t *len)
{
    struct th_disk_sim *sim = sim_of(disk);
    const struct th_disk_sim_name *entry = find(sim->now, name);

    if (begin(sim) != FATE_WORKS)
        return TH_IO;
    if (entry == NULL)
        return TH_NO_ENTRY;
    const struct th_disk_sim_file *file = &sim->file[entry->file];
    if (file->len > max)
        return TH_TOO_BIG;
    char *copy = th_mem_copy(file->text, file->len);
    if (copy == NULL)
        return TH_NO_MEMORY;
    *text = copy;
    *len = file->len;
    return TH_OK;
}

static bool is_named_now(const struct th_disk_sim *sim, unsigned file)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if (sim->now[i].name[0] && sim->now[i].file == file)
            return true;
    return false;
}

static size_t bytes_used(const struct th_disk_sim *sim)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if (is_named_now(sim, i))
            bytes += sim->file[i].len;
    return bytes;
}

static struct th_disk_sim_file *unused_file(struct th_disk_sim *sim)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if (!sim->file[i].is_used)
            return &sim->file[i];
    return NULL;
}

static enum th_err make_file(struct th_disk_sim *sim, const char *name, const void *text,
                             size_t len)
{
    bool has_room = has_room_for_a_name(sim);
    struct th_disk_sim_file *file = unused_file(sim);

    if (!has_room || file == NULL)
        return TH_NO_SPACE;
    char *copy = th_mem_copy(text, len);
    if (copy == NULL)
        return TH_NO_MEMORY;
    *file = (struct th_disk_sim_file){.is_used = true, .text = copy, .len = len};
    change_names(sim, "", name, (unsigned)(file - sim->file));
    return TH_OK;
}

static enum th_err disk_write(struct th_disk *disk, const char *name, struct th_bytes text)
{
    struct th_disk_sim *sim = sim_of(disk);
    enum fate fate = begin(sim);
    size_t used = bytes_used(sim), len = text.len;

    if (fate == FATE_FAILS)
        return TH_IO;
    if (find(sim->now, name))
        return end(fate, TH_IN_USE);
    if (is_drawn(sim, sim->faults.torn_per_mille)) {
        sim->failures++;
        fate = FATE_FAILS_LATE;
        len = (size_t)th_rng_below(&sim->rng, len + 1);
    }
    if (sim->faults.room > 0 && used + len > sim->faults.room)
        len = used < sim->faults.room ? sim->faults.room - used : 0;
    enum th_err e = make_file(sim, name, text.at, len);
    if (e == TH_OK && len < text.len && fate == FATE_WORKS)
        e = TH_NO_SPACE;
    return end(fate, e);
}

static enum th_err disk_sync(struct th_disk *disk, const char *name)
{
    struct th_disk_sim *sim = sim_of(disk);
    const struct th_disk_sim_name *entry = find(sim->now, name);
    enum fate fate = begin(sim);

    if (entry == NULL)
        return end(fate, TH_NO_ENTRY);
    if (sim->is_halted && fate == FATE_FAILS)
        return TH_IO;
    struct th_disk_sim_file *file = &sim->file[entry->file];
    if (fate == FATE_FAILS)
        file->is_lost = true;
    file->is_synced = !file->is_lost;
    return end(fate, TH_OK);
}

static enum th_err disk_rename(struct th_disk *disk, const char *from, const char *to)
{
    struct th_disk_sim *sim = sim_of(disk);
    const struct th_disk_sim_name *entry = find(sim->now, from);
    enum fate fate = begin(sim);

    if (fate == FATE_FAILS)
        return TH_IO;
    if (entry == NULL)
        return end(fate, TH_NO_ENTRY);
    change_names(sim, from, to, entry->file);
    return end(fate, TH_OK);
}

static enum th_err disk_link(struct th_disk *disk, const char *from, const char *to)
{
    struct th_disk_sim *sim = sim_of(disk);
    const struct th_disk_sim_name *entry = find(sim->now, from);
    enum fate fate = begin(sim);

    if (fate == FATE_FAILS)
        return TH_IO;
    if (entry == NULL)
        return end(fate, TH_NO_ENTRY);
    if (find(sim->now, to))
        return end(fate, TH_IN_USE);
    if (!has_room_for_a_name(sim))
        return end(fate, TH_NO_SPACE);
    change_names(sim, "", to, entry->file);
    return end(fate, TH_OK);
}

static enum th_err disk_remove(struct th_disk *disk, const char *name)
{
    struct th_disk_sim *sim = sim_of(disk);
    bool is_there = find(sim->now, name) != NULL;
    enum fate fate = begin(sim);

    if (fate == FATE_FAILS)
        return TH_IO;
    if (!is_there)
        return end(fate, TH_NO_ENTRY);
    change_names(sim, name, "", 0);
    return end(fate, TH_OK);
}

static enum th_err disk_sync_dir(struct th_disk *disk)
{
    struct th_disk_sim *sim = sim_of(disk);
    enum fate fate = begin(sim);

    if (fate != FATE_FAILS)
        make_durable(sim);
    return end(fate, TH_OK);
}

/* --- its life ------------------------------------------------------------------------------------- */

void th_disk_sim_init(struct th_disk_sim *disk, const char *where, struct th_rng *rng)
{
    static const struct th_disk_ops ops = {
        .read = disk_read,
        .write = disk_write,
        .sync = disk_sync,
        .rename = disk_rename,
        .link = disk_link,
        .remove = disk_remove,
        .sync_dir = disk_sync_dir,
    };

    *disk = (struct th_disk_sim){.disk = {.ops = &ops, .where = where}};
    th_rng_fork(rng, &disk->rng);
}

void th_disk_sim_clear(struct th_disk_sim *disk)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        th_mem_free(disk->file[i].text);
    *disk = (struct th_disk_sim){.disk = disk->disk};
}

void th_disk_sim_halt(struct th_disk_sim *disk)
{
    disk->is_halted = true;
}

void th_disk_sim_resume(struct th_disk_sim *disk)
{
    disk->is_halted = false;
}

/* A file that was not synced keeps a first part of what was written. */
static void tear(struct th_disk_sim *disk, struct th_disk_sim_file *file)
{
    if (!file->is_used || file->is_synced)
        return;
    file->len = (size_t)th_rng_below(&disk->rng, file->len + 1);
    file->text[file->len] = '\0';
    file->is_synced = true; /* what is left is there for good */
    file->is_lost = false;
}

void th_disk_sim_crash(struct th_disk_sim *disk)
{
    for (; disk->change_count > 0; drop_first_change(disk))
        if (th_rng_below(&disk->rng, 2) == 0)
            apply(disk->durable, &disk->change[0]);
    memcpy(disk->now, disk->durable, sizeof disk->now);
    free_unnamed(disk);
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        tear(disk, &disk->file[i]);
    disk->is_halted = false;
    disk->halt_at = 0;
}

const char *th_disk_sim_text(const struct th_disk_sim *disk, const char *name)
{
    for (unsigned i = 0; i < TH_DISK_SIM_FILES_MAX; i++)
        if (strcmp(disk->now[i].name, name) == 0)
            return disk->file[disk->now[i].file].text;
    return NULL;
}

enum th_err th_disk_sim_put(struct th_disk_sim *disk, const char *name, const char *text)
{
    if (find(disk->now, name))
        change_names(disk, name, "", 0);
    enum th_err e = make_file(disk, name, text, strlen(text));
    if (e == TH_OK)
        disk->file[find(disk->now, name)->file].is_synced = true;
    make_durable(disk);
    return e;
}

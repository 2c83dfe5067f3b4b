/*
 * disk_cases.h - what every disk (router/disk.h) does when nothing goes wrong: one table of cases for
 * the real one and for the one in memory. For cmocka tests.
 *
 * Each step has a line: what is done, with what, and what comes of it.
 */
#ifndef TH_LIB_DISK_CASES_H
#define TH_LIB_DISK_CASES_H

#include "router/disk.h"
#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum disk_do { WRITE, READ, SYNC, RENAME, LINK, REMOVE, SYNC_DIR };

struct disk_step {
    enum disk_do what;
    const char *name;
    const char *with; /* text of WRITE and READ, second name of RENAME and LINK */
    enum th_err result;
};

enum { DISK_READ_MAX = 16 };

static const struct disk_step disk_cases[] = {
    {READ, "a", NULL, TH_NO_ENTRY},
    {WRITE, "a", "first", TH_OK},
    {READ, "a", "first", TH_OK},
    {WRITE, "a", "second", TH_IN_USE},
    {READ, "a", "first", TH_OK},
    {SYNC, "a", NULL, TH_OK},
    {SYNC, "b", NULL, TH_NO_ENTRY},
    {SYNC_DIR, NULL, NULL, TH_OK},
    /* What had the name is gone, and so is the old name. */
    {WRITE, "b", "second", TH_OK},
    {RENAME, "b", "a", TH_OK},
    {READ, "a", "second", TH_OK},
    {READ, "b", NULL, TH_NO_ENTRY},
    {RENAME, "b", "a", TH_NO_ENTRY},
    {RENAME, "a", "c", TH_OK},
    {READ, "c", "second", TH_OK},
    /* Two names, one file; it goes with the second. */
    {LINK, "c", "d", TH_OK},
    {LINK, "c", "d", TH_IN_USE},
    {LINK, "e", "f", TH_NO_ENTRY},
    {REMOVE, "c", NULL, TH_OK},
    {READ, "d", "second", TH_OK},
    {REMOVE, "c", NULL, TH_NO_ENTRY},
    {REMOVE, "d", NULL, TH_OK},
    {READ, "d", NULL, TH_NO_ENTRY},
    /* Nothing is a text as well, and too much is none. */
    {WRITE, "g", "", TH_OK},
    {READ, "g", "", TH_OK},
    {WRITE, "h", "0123456789abcdef", TH_OK},
    {READ, "h", "0123456789abcdef", TH_OK},
    {WRITE, "i", "0123456789abcdefg", TH_OK},
    {READ, "i", NULL, TH_TOO_BIG},
    {SYNC, "i", NULL, TH_OK},
    {SYNC_DIR, NULL, NULL, TH_OK},
};

static inline enum th_err disk_do_step(struct th_disk *disk, const struct disk_step *step)
{
    char *text = NULL;
    size_t len = 0;

    switch (step->what) {
    case WRITE:
        return disk->ops->write(disk, step->name, th_bytes_of(step->with));
    case READ: {
        enum th_err e = disk->ops->read(disk, step->name, DISK_READ_MAX, &text, &len);

        if (e == TH_OK) {
            assert_string_equal(text, step->with);
            assert_int_equal(len, strlen(step->with));
        }
        th_mem_free(text);
        return e;
    }
    case SYNC:
        return disk->ops->sync(disk, step->name);
    case RENAME:
        return disk->ops->rename(disk, step->name, step->with);
    case LINK:
        return disk->ops->link(disk, step->name, step->with);
    case REMOVE:
        return disk->ops->remove(disk, step->name);
    case SYNC_DIR:
        return disk->ops->sync_dir(disk);
    }
    return TH_INVALID;
}

/* Runs the table on an empty disk. */
static inline void disk_run_cases(struct th_disk *disk)
{
    for (size_t i = 0; i < sizeof disk_cases / sizeof disk_cases[0]; i++) {
        enum th_err e = disk_do_step(disk, &disk_cases[i]);

        if (e != disk_cases[i].result)
            fail_msg("step %zu: %s, not %s", i, th_strerror(e), th_strerror(disk_cases[i].result));
    }
}

#endif

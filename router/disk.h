/*
 * disk.h - the disk seam: the files of one state directory, and the steps by which they are replaced.
 *
 * tools/app/disk_posix.h is the real one; the simulator has one in memory, which can fail, be full, and
 * lose what was not synced. So the order of the steps, on which it depends what a crash leaves
 * (router/keep.h), is one and the same code on both.
 *
 * What a power cut leaves of it:
 *
 *     write, remove, rename, link     anything, until the next line
 *     sync (of a file)                its contents are whole
 *     sync_dir                        every name says what it said when this was called
 *
 * Names are plain file names: no slash, not "." or "..", at most TH_DISK_NAME_MAX bytes with the 0.
 *
 * Floor:  4.
 * Thread: one at a time, and one that may wait: each step returns when it is done.
 */
#ifndef TH_ROUTER_DISK_H
#define TH_ROUTER_DISK_H

#include "switch/base/bytes.h"
#include "switch/base/check.h"
#include "switch/base/err.h"

#include <stddef.h>

enum { TH_DISK_NAME_MAX = 64 };

struct th_disk;

/* Every step may also fail with TH_IO, TH_NO_PERMISSION, TH_NO_MEMORY, or TH_LIMIT (descriptors); it
 * may have happened all the same. */
struct th_disk_ops {
    /*
     * Reads a whole file.
     * text    filled with memory of th_mem and a closing 0; the caller frees it. Untouched on failure.
     * Errors: TH_NO_ENTRY, TH_TOO_BIG (over max bytes), TH_INVALID (no regular file).
     */
    enum th_err (*read)(struct th_disk *disk, const char *name, size_t max, char **text,
                        size_t *len);

    /*
     * Makes a file that only its owner may read, with these contents (borrowed).
     * Errors: TH_IN_USE (the name is taken), TH_NO_SPACE (a part of it may be there).
     */
    enum th_err (*write)(struct th_disk *disk, const char *name, struct th_bytes text);

    /* Waits until the contents of a file will survive a power cut. Errors: TH_NO_ENTRY, TH_NO_SPACE. */
    enum th_err (*sync)(struct th_disk *disk, const char *name);

    /* Gives a file another name, in one moment; what had that name is gone. Errors: TH_NO_ENTRY. */
    enum th_err (*rename)(struct th_disk *disk, const char *from, const char *to);

    /* Gives a file a second name. Errors: TH_IN_USE (the name is taken), TH_NO_ENTRY. */
    enum th_err (*link)(struct th_disk *disk, const char *from, const char *to);

    /* Takes a name away, and the file with its last one. Errors: TH_NO_ENTRY. */
    enum th_err (*remove)(struct th_disk *disk, const char *name);

    /* Waits until the names will survive a power cut. */
    enum th_err (*sync_dir)(struct th_disk *disk);
};

/* The first member of every implementation. */
struct th_disk {
    const struct th_disk_ops *ops;
    const char *where; /* for an operator: the path of the directory; borrowed */
};

#endif

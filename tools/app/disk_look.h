/*
 * disk_look.h - how a state directory is: writable, room, modes, and dates that cannot be.
 *
 * Floor:  7 (app).
 * Thread: one that may wait for a disk.
 */
#ifndef TH_APP_DISK_LOOK_H
#define TH_APP_DISK_LOOK_H

#include "switch/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct th_disk_look {
    char dir[256];                  /* cut when it is longer */
    int failed;                     /* errno of looking at it; 0: what follows is so */
    bool is_writable, is_read_only; /* read only: the file system is */
    bool is_locked;                 /* th_disk_look_at_lock: a daemon uses it */
    long lock_pid;                  /* which; 0: in another namespace, or none */
    uint64_t free_bytes;
    unsigned dir_mode;
    bool has_identity;
    unsigned identity_mode;
    int64_t
        newest_ahead_ms; /* how far the newest file is dated ahead of the clock; below 0: behind */
    bool has_files;      /* there are any to date */
};

/* dir: a state directory. wall: now. */
void th_disk_look_at(struct th_disk_look *out, const char *dir, th_epoch_ms wall);

/* Whether a name is that of a file that a daemon writes to its state directory, with what a replacement
 * (.new) and a broken one that is kept aside (.broken-N) are called. */
bool th_disk_look_is_ours(const char *name);

/* Whether a line of /proc/locks is the whole lock (flock) of that file; pid is filled then. The device is
 * that of the file system. */
bool th_disk_look_is_lock(const char *line, unsigned major, unsigned minor, uint64_t inode,
                          long *pid);

/* Adds who holds its lock. For who is no daemon: it reads all locks of the machine. */
void th_disk_look_at_lock(struct th_disk_look *out);

#endif

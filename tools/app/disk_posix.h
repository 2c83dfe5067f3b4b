/*
 * disk_posix.h - the disk that a state directory lies on (router/disk.h).
 *
 * Floor:  7 (app).
 * Thread: one that may wait.
 */
#ifndef TH_APP_DISK_POSIX_H
#define TH_APP_DISK_POSIX_H

#include "router/disk.h"

struct th_disk_posix {
    struct th_disk disk; /* first */
    int dir_fd;
};

/*
 * Fills a disk.
 * where   the directory's name for an operator; borrowed for the disk's life.
 * dir_fd  the directory, open; borrowed.
 */
void th_disk_posix_init(struct th_disk_posix *disk, const char *where, int dir_fd);

#endif

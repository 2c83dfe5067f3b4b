#include "tools/app/disk_look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Those that the daemon writes; store.h, keep.h and seedbook.h name them. */
static const char *const files[] = {"identity.json", "peers.json", "state.json", "ages.json",
                                    "seeds.json"};

static void look_at_files(struct th_disk_look *out, int dir, th_epoch_ms wall)
{
    struct stat found;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (fstatat(dir, files[i], &found, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        int64_t ahead =
            (int64_t)found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000 - wall;

        if (!out->has_files || ahead > out->newest_ahead_ms)
            out->newest_ahead_ms = ahead;
        out->has_files = true;
        if (i == 0) {
            out->has_identity = true;
            out->identity_mode = found.st_mode & 07777;
        }
    }
}

void th_disk_look_at(struct th_disk_look *out, const char *dir, th_epoch_ms wall)
{
    struct statvfs room;
    struct stat found;

    *out = (struct th_disk_look){0};
    snprintf(out->dir, sizeof out->dir, "%s", dir);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0 || fstatvfs(fd, &room) != 0) {
        out->failed = errno;
    } else {
        out->dir_mode = found.st_mode & 07777;
        out->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
        out->is_read_only = (room.f_flag & ST_RDONLY) != 0;
        out->is_writable = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
        look_at_files(out, fd, wall);
    }
    if (fd >= 0)
        close(fd);
}

/* Who holds the lock, by the kernel's list: to try it would keep a daemon that starts from having it. */
void th_disk_look_at_lock(struct th_disk_look *out)
{
    int dir = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FILE *locks = fopen("/proc/locks", "re");
    struct stat found;
    char line[160];
    unsigned long inode;
    long pid;

    if (locks && dir >= 0 && fstatat(dir, "lock", &found, AT_SYMLINK_NOFOLLOW) == 0)
        while (fgets(line, sizeof line, locks))
            if (sscanf(line, "%*d: FLOCK ADVISORY WRITE %ld %*x:%*x:%lu", &pid, &inode) == 2 &&
                inode == (unsigned long)found.st_ino) {
                out->is_locked = true;
                out->lock_pid = pid;
            }
    if (locks)
        fclose(locks);
    if (dir >= 0)
        close(dir);
}

#include "tools/app/disk_look.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Those that the daemon writes; store.h, keep.h and seedbook.h name them. */
static const char *const files[] = {"identity.json", "peers.json", "state.json", "ages.json",
                                    "seeds.json"};

bool th_disk_look_is_ours(const char *name)
{
    static const char aside[] = ".broken-";

    if (strcmp(name, "lock") == 0)
        return true;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t len = strlen(files[i]);

        if (strncmp(name, files[i], len) != 0)
            continue;
        const char *rest = name + len;
        if (*rest == '\0' || strcmp(rest, ".new") == 0)
            return true;
        if (strncmp(rest, aside, sizeof aside - 1) == 0) {
            rest += sizeof aside - 1;
            return *rest != '\0' && rest[strspn(rest, "0123456789")] == '\0';
        }
    }
    return false;
}

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

bool th_disk_look_is_lock(const char *line, unsigned major, unsigned minor, uint64_t inode,
                          long *pid)
{
    unsigned found_major, found_minor;
    uint64_t found_inode;
    long found_pid;

    if (sscanf(line, "%*d: FLOCK ADVISORY WRITE %ld %x:%x:%" SCNu64, &found_pid, &found_major,
               &found_minor, &found_inode) != 4 ||
        found_major != major || found_minor != minor || found_inode != inode)
        return false;
    *pid = found_pid;
    return true;
}

/* The device of the file system that a file is on, as the kernel's lists have it. st_dev is another one where
 * a file system has several (btrfs, overlays): what it was mounted as says it. */
static void find_device(int fd, const struct stat *st, unsigned *major_out, unsigned *minor_out)
{
    char line[512];
    int mount = -1, id;
    unsigned found_major, found_minor;

    *major_out = major(st->st_dev);
    *minor_out = minor(st->st_dev);
    snprintf(line, sizeof line, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(line, "re");
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "mnt_id: %d", &id) == 1)
            mount = id;
    if (info)
        fclose(info);
    FILE *mounts = mount >= 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    while (mounts && fgets(line, sizeof line, mounts))
        if (sscanf(line, "%d %*d %u:%u ", &id, &found_major, &found_minor) == 3 && id == mount) {
            *major_out = found_major;
            *minor_out = found_minor;
        }
    if (mounts)
        fclose(mounts);
}

/* Who holds the lock, by the kernel's list: to try it would keep a daemon that starts from having it. */
void th_disk_look_at_lock(struct th_disk_look *out)
{
    int dir = open(out->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FILE *locks = fopen("/proc/locks", "re");
    struct stat found;
    char line[160];
    unsigned on_major, on_minor;

    if (locks && dir >= 0 && fstatat(dir, "lock", &found, AT_SYMLINK_NOFOLLOW) == 0) {
        find_device(dir, &found, &on_major, &on_minor);
        while (fgets(line, sizeof line, locks))
            out->is_locked |=
                th_disk_look_is_lock(line, on_major, on_minor, found.st_ino, &out->lock_pid);
    }
    if (locks)
        fclose(locks);
    if (dir >= 0)
        close(dir);
}

#include "tools/app/disk_posix.h"

#include "tools/app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int dir_of(const struct th_disk *disk)
{
    return ((const struct th_disk_posix *)disk)->dir_fd;
}

static enum th_err result_of(int done)
{
    return done == 0 ? TH_OK : th_file_err(errno);
}

static enum th_err disk_read(struct th_disk *disk, const char *name, size_t max, char **text,
                             size_t *len)
{
    return th_file_read(dir_of(disk), name, max, text, len, NULL);
}

static enum th_err write_all(int fd, struct th_bytes text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.at, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return th_file_err(errno);
        text.at += n;
        text.len -= (size_t)n;
    }
    return TH_OK;
}

static enum th_err disk_write(struct th_disk *disk, const char *name, struct th_bytes text)
{
    int fd = openat(dir_of(disk), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return th_file_err(errno);
    enum th_err e = write_all(fd, text);
    enum th_err closed = result_of(close(fd));
    return e == TH_OK ? closed : e;
}

/* By its name: what failed when the system wrote it in the meantime is told here too, for nobody has
 * been told of it yet (fsync(2), since Linux 4.16). */
static enum th_err disk_sync(struct th_disk *disk, const char *name)
{
    int fd = openat(dir_of(disk), name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return th_file_err(errno);
    enum th_err e = result_of(fsync(fd));
    close(fd);
    return e;
}

static enum th_err disk_rename(struct th_disk *disk, const char *from, const char *to)
{
    return result_of(renameat(dir_of(disk), from, dir_of(disk), to));
}

static enum th_err disk_link(struct th_disk *disk, const char *from, const char *to)
{
    return result_of(linkat(dir_of(disk), from, dir_of(disk), to, 0));
}

static enum th_err disk_remove(struct th_disk *disk, const char *name)
{
    return result_of(unlinkat(dir_of(disk), name, 0));
}

static enum th_err disk_sync_dir(struct th_disk *disk)
{
    return result_of(fsync(dir_of(disk)));
}

void th_disk_posix_init(struct th_disk_posix *disk, const char *where, int dir_fd)
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

    *disk = (struct th_disk_posix){.disk = {.ops = &ops, .where = where}, .dir_fd = dir_fd};
}

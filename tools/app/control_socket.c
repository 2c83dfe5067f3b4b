#include "tools/app/control.h"

#include "tools/app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, LOCK_TRIES = 50 };

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

/* Whether somebody listens on a socket's file: 1 yes, 0 no, -1 cannot be known (errno). */
static int is_served(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    int failed = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    errno = failed;
    if (failed == 0 || failed == EAGAIN)
        return 1;
    return failed == ECONNREFUSED || failed == ENOENT ? 0 : -1;
}

/* Makes way for a new socket: removes one that a killed daemon left. */
static enum th_err clear_path(const char *path, char say[TH_SAY_MAX])
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        if (errno == ENOENT)
            return TH_OK;
        enum th_err e = th_file_err(errno);
        snprintf(say, TH_SAY_MAX, "control socket %s: %s", path, strerror(errno));
        return e;
    }
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(say, TH_SAY_MAX,
                 "control socket %s: a file that is no socket has that name; move it away or give "
                 "--socket PATH",
                 path);
        return TH_INVALID;
    }
    int served = is_served(path);
    if (served == 1) {
        snprintf(
            say, TH_SAY_MAX,
            "control socket %s: another telehashd listens there; stop that one (thctl stop) or "
            "give --socket PATH",
            path);
        return TH_IN_USE;
    }
    if (served == -1 || unlink(path) != 0) {
        enum th_err e = th_file_err(errno);

        snprintf(say, TH_SAY_MAX, "control socket %s: the old one cannot be replaced: %s", path,
                 strerror(errno));
        return e == TH_OK ? TH_IO : e;
    }
    return TH_OK;
}

/* Notes which group may connect. */
static void note_group(struct th_control_socket *out)
{
    struct stat st = {.st_gid = getegid()};

    if (stat(out->path, &st) != 0)
        st.st_gid = getegid(); /* what a new file has */
    const struct group *group = getgrgid(st.st_gid);
    if (group)
        snprintf(out->group, sizeof out->group, "%s", group->gr_name);
    else
        snprintf(out->group, sizeof out->group, "%u", (unsigned)st.st_gid);
}

/* As root the group telehash may connect, where there is one. */
static void set_group(struct th_control_socket *out)
{
    const struct group *group = geteuid() == 0 ? getgrnam("telehash") : NULL;

    out->is_for_group = group && chown(out->path, (uid_t)-1, group->gr_gid) == 0;
    note_group(out);
}

/* Whose rights a change needs. */
static void set_owner(struct th_control_socket *out)
{
    const struct passwd *owner = getpwuid(geteuid());

    if (owner)
        snprintf(out->owner, sizeof out->owner, "%s", owner->pw_name);
    else
        snprintf(out->owner, sizeof out->owner, "%u", (unsigned)geteuid());
}

static enum th_err bind_here(struct th_control_socket *out, char say[TH_SAY_MAX])
{
    struct sockaddr_un address = address_of(out->path);
    struct stat st;

    out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0117); /* it must never be open to all, not even for a moment */
    bool is_bound = out->fd >= 0 && bind(out->fd, (struct sockaddr *)&address, sizeof address) == 0;
    int failed = errno;
    umask(before);
    errno = failed;
    if (is_bound && listen(out->fd, BACKLOG) == 0 && lstat(out->path, &st) == 0) {
        out->device = st.st_dev;
        out->inode = st.st_ino;
        set_group(out);
        set_owner(out);
        return TH_OK;
    }
    enum th_err e = th_file_err(errno);
    snprintf(say, TH_SAY_MAX, "control socket %s: %s", out->path, strerror(errno));
    if (out->fd >= 0)
        close(out->fd);
    out->fd = -1;
    return e == TH_OK ? TH_IO : e;
}

/* Two daemons that start at once must not both find the old socket dead and remove each other's new
 * one: the folder is locked meanwhile. -1 when that cannot be had; then it goes without. */
static int lock_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        struct timespec pause = {.tv_nsec = 10000000};

        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            break;
        nanosleep(&pause, NULL);
    }
    return fd;
}

enum th_err th_control_bind(struct th_control_socket *out, const char *path, char say[TH_SAY_MAX])
{
    char folder[TH_SOCKET_PATH_MAX];

    *out = (struct th_control_socket){.fd = -1};
    snprintf(out->path, sizeof out->path, "%s", path);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder] = '\0';

    /* The system's folder is for the group to enter, a user's is private. */
    enum th_err e = th_file_make_dir(folder, geteuid() == 0 ? 0755 : 0700);
    if (e != TH_OK) {
        snprintf(say, TH_SAY_MAX,
                 "control socket %s: its folder cannot be made: %s; give --socket PATH", path,
                 e == TH_INVALID ? "a file has that name" : th_strerror(e));
        return e;
    }
    int lock_fd = lock_folder(folder);
    e = clear_path(path, say);
    if (e == TH_OK)
        e = bind_here(out, say);
    if (lock_fd >= 0)
        close(lock_fd);
    return e;
}

void th_control_set_owner(struct th_control_socket *socket, const char *name)
{
    snprintf(socket->owner, sizeof socket->owner, "%s", name);
    if (!socket->is_for_group)
        note_group(socket);
}

void th_control_unbind(struct th_control_socket *socket)
{
    struct stat st;

    if (socket->fd < 0)
        return;
    if (lstat(socket->path, &st) == 0 && st.st_dev == socket->device && st.st_ino == socket->inode)
        unlink(socket->path);
    close(socket->fd);
    socket->fd = -1;
}

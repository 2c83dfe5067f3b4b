#include "tools/app/process.h"

#include "tools/app/disk_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- descriptors and signals ---------------------------------------------------------------------- */

bool th_process_open_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

bool th_process_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    return fd >= 0 && close(fd) == 0;
}

void th_process_hold_signals(sigset_t *ends)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    sigemptyset(ends);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;

        if (numbers[i] == SIGTERM ||
            (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN))
            sigaddset(ends, numbers[i]);
    }
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, ends, NULL);
}

/* --- secrets -------------------------------------------------------------------------------------- */

void th_process_guard_secrets(void *secrets, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)secrets / page * page;
    size_t len = ((uintptr_t)secrets + size - first + page - 1) / page * page;

    /* Whole pages, for the kernel knows no less: sodium_mlock leaves others in dumps. */
    (void)!madvise((void *)first, len, MADV_DONTDUMP);
    (void)!mlock((void *)first, len);
}

void th_process_write_no_core(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = 0; /* the other limit stays, so that an operator can raise it again */
        setrlimit(RLIMIT_CORE, &limit);
    }
}

/* --- whose it is ---------------------------------------------------------------------------------- */

enum th_err th_process_find_user(struct th_user *out, bool *is_needed, const char *name,
                                 char say[TH_SAY_MAX])
{
    const struct passwd *found = getpwnam(name);

    if (found == NULL)
        snprintf(say, TH_SAY_MAX, "--user %.60s: there is no such user; useradd --system makes one",
                 name);
    else if (found->pw_uid == 0)
        snprintf(say, TH_SAY_MAX, "--user %.60s: is root, whose rights are what it gives up", name);
    else if (geteuid() != 0 && geteuid() != found->pw_uid)
        snprintf(say, TH_SAY_MAX, "--user %.60s: only root may become another user", name);
    else if (strlen(name) >= sizeof out->name)
        snprintf(say, TH_SAY_MAX, "--user %.60s…: the name is too long", name);
    else {
        *out = (struct th_user){.uid = found->pw_uid, .gid = found->pw_gid};
        snprintf(out->name, sizeof out->name, "%s", name);
        *is_needed = geteuid() == 0;
        return TH_OK;
    }
    return TH_INVALID;
}

/* Files only, and of root: what others made is theirs. Looked at and given by one descriptor, so that
 * nothing takes its place between. gid: -1 leaves the group. */
static bool give_file(const struct th_user *user, gid_t gid, int dir_fd, const char *name)
{
    struct stat st;
    int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT;
    bool is_given = fstat(fd, &st) == 0;
    if (is_given && st.st_uid == 0 &&
        (S_ISSOCK(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1)))
        is_given = fchownat(fd, "", user->uid, gid, AT_EMPTY_PATH) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return is_given;
}

static DIR *list(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

static bool give_files(const struct th_user *user, int dir_fd)
{
    DIR *dir = list(dir_fd);
    bool is_given = dir != NULL;

    for (struct dirent *entry; is_given && (entry = readdir(dir)) != NULL;)
        if (th_disk_look_is_ours(entry->d_name))
            is_given = give_file(user, user->gid, dir_fd, entry->d_name);
    if (dir)
        closedir(dir);
    return is_given;
}

/* Whether the last name of a path is ours, as /var/lib/telehash and telehash have it. */
static bool is_named_for_us(const char *path)
{
    size_t end = strlen(path), name = strlen("telehash");

    while (end > 1 && path[end - 1] == '/')
        end--;
    return end >= name && (end == name || path[end - name - 1] == '/') &&
           strncmp(path + end - name, "telehash", name) == 0;
}

static bool is_socket(int dir_fd, const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode);
}

/* Whether a state directory may hold it: what a daemon writes, its socket when that is named to be
 * there, and what each new file system has. */
static bool may_hold(int dir_fd, const char *name, const char *socket)
{
    const char *slash = strrchr(socket, '/');

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0 ||
        th_disk_look_is_ours(name))
        return true;
    return strcmp(name, slash ? slash + 1 : socket) == 0 && is_socket(dir_fd, name);
}

/* A directory of root's is given away whole, so it must be one that is for a daemon alone. */
static enum th_err look_for_others(const struct th_user *user, int dir_fd, const char *socket,
                                   char say[TH_SAY_MAX])
{
    DIR *dir = list(dir_fd);
    enum th_err e = dir ? TH_OK : TH_IO;

    if (dir == NULL)
        snprintf(say, TH_SAY_MAX, "--user %.60s: the state directory cannot be read: %s",
                 user->name, strerror(errno));
    for (struct dirent *entry; e == TH_OK && (entry = readdir(dir)) != NULL;)
        if (!may_hold(dir_fd, entry->d_name, socket)) {
            snprintf(
                say, TH_SAY_MAX,
                "--user %.60s: the state directory holds \"%.80s\", which is not the daemon's; "
                "give one of its own with --state-dir DIR",
                user->name, entry->d_name);
            e = TH_INVALID;
        }
    if (dir)
        closedir(dir);
    return e;
}

static enum th_err check_dir(const struct th_user *user, int dir_fd, const char *socket,
                             struct stat *st, char say[TH_SAY_MAX])
{
    if (fstat(dir_fd, st) != 0) {
        snprintf(say, TH_SAY_MAX, "--user %.60s: the state directory cannot be looked at: %s",
                 user->name, strerror(errno));
        return TH_IO;
    }
    if ((st->st_mode & 0002) != 0)
        snprintf(say, TH_SAY_MAX,
                 "--user %.60s: everybody may write to the state directory; give one of its own "
                 "with --state-dir DIR",
                 user->name);
    else if (st->st_uid != 0 && st->st_uid != user->uid)
        snprintf(say, TH_SAY_MAX,
                 "--user %.60s: the state directory is another user's (%u); give one of its own "
                 "with --state-dir DIR",
                 user->name, (unsigned)st->st_uid);
    else
        return st->st_uid == 0 ? look_for_others(user, dir_fd, socket, say) : TH_OK;
    return TH_INVALID;
}

/* Whether every name in it passes; not when it cannot be read. */
static bool holds_only(int dir_fd, bool (*passes)(int dir_fd, const char *name))
{
    DIR *dir = list(dir_fd);
    bool is_so = dir != NULL;

    for (struct dirent *entry; is_so && (entry = readdir(dir)) != NULL;)
        is_so = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                passes(dir_fd, entry->d_name);
    if (dir)
        closedir(dir);
    return is_so;
}

static bool is_of_no_daemon(int dir_fd, const char *name)
{
    (void)dir_fd;
    return !th_disk_look_is_ours(name);
}

enum th_err th_process_may_give(const struct th_user *user, const char *state_dir,
                                const char *socket, char say[TH_SAY_MAX])
{
    struct stat st;
    int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return TH_OK; /* it is made, or whoever opens it says what is wrong */
    enum th_err e = check_dir(user, fd, socket, &st, say);
    if (e == TH_OK && st.st_uid == 0 && !is_named_for_us(state_dir) &&
        holds_only(fd, is_of_no_daemon)) {
        /* As /mnt, where nothing says what it is for. */
        snprintf(say, TH_SAY_MAX,
                 "--user %.60s: the state directory is root's and holds nothing of a daemon's; if "
                 "it is for this one alone: chown %.60s %.80s",
                 user->name, user->name, state_dir);
        e = TH_INVALID;
    }
    close(fd);
    return e;
}

/* The folder that is for us alone; its user removes the socket at the end. */
static bool give_socket(const struct th_user *user, const char *socket, bool keeps_group)
{
    char folder[TH_SOCKET_PATH_MAX];
    struct stat st;

    if (!give_file(user, keeps_group ? (gid_t)-1 : user->gid, AT_FDCWD, socket))
        return false;
    snprintf(folder, sizeof folder, "%s", socket);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return true;
    *slash = '\0';
    const char *name = strrchr(folder, '/');
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool is_ours = fd >= 0 && name && strcmp(name, "/telehash") == 0 && fstat(fd, &st) == 0 &&
                   st.st_uid == 0 && (st.st_mode & 022) == 0 && holds_only(fd, is_socket);
    bool is_given = !is_ours || fchown(fd, user->uid, (gid_t)-1) == 0;

    if (fd >= 0)
        close(fd);
    return is_given;
}

enum th_err th_process_give(const struct th_user *user, int state_fd, const char *socket,
                            bool keeps_group, char say[TH_SAY_MAX])
{
    struct stat st;
    enum th_err e = check_dir(user, state_fd, socket, &st, say);

    if (e != TH_OK)
        return e;
    if (give_files(user, state_fd) &&
        (st.st_uid != 0 || fchown(state_fd, user->uid, user->gid) == 0) &&
        give_socket(user, socket, keeps_group))
        return TH_OK;
    snprintf(say, TH_SAY_MAX, "--user %.60s: the state cannot be given to it: %s", user->name,
             strerror(errno));
    return TH_IO;
}

enum th_err th_process_become(const struct th_user *user, char say[TH_SAY_MAX])
{
    if (initgroups(user->name, user->gid) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0) {
        snprintf(say, TH_SAY_MAX, "--user %.60s: cannot become it: %s", user->name,
                 strerror(errno));
        return TH_NO_PERMISSION;
    }
    if (setuid(0) == 0 || seteuid(0) == 0) {
        snprintf(say, TH_SAY_MAX, "--user %.60s: root's rights could be had back", user->name);
        return TH_NO_PERMISSION;
    }
    return TH_OK;
}

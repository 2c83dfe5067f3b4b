#include "tools/app/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __linux__ && __has_include(<linux/landlock.h>) && defined SYS_landlock_create_ruleset
#include <linux/landlock.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* since Linux 6.2 */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Of the first version, but for what only reads. */
#define CHANGES                                                                                    \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |  \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool allow(int rules, int folder, __u64 what)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = what, .parent_fd = folder};

    return folder >= 0 &&
           syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
}

static int open_folder(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_folder_of(const char *socket)
{
    char folder[256];

    snprintf(folder, sizeof folder, "%s", socket);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        return open_folder(".");
    slash[slash == folder] = '\0';
    return open_folder(folder);
}

/* What a daemon may write to besides: what swallows all, and the terminal that it was started on. Those that
 * are not there need no rule. */
static bool allow_devices(int rules)
{
    static const char *const names[] = {"/dev/null", "/dev/tty"};
    bool is_allowed = true;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int fd = open(names[i], O_PATH | O_CLOEXEC);

        if (fd < 0)
            continue;
        is_allowed &= allow(rules, fd, LANDLOCK_ACCESS_FS_WRITE_FILE);
        close(fd);
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd))
            is_allowed &= allow(rules, fd, LANDLOCK_ACCESS_FS_WRITE_FILE);
    return is_allowed;
}

/* Returns what could not be done; NULL: all was. */
static const char *enter(int state_fd, const char *socket)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    __u64 truncate = version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0;
    struct landlock_ruleset_attr attr = {.handled_access_fs = CHANGES | truncate};

    if (version < 1)
        return "the kernel has no landlock";
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    int run = open_folder_of(socket);
    const char *failed = NULL;

    if (rules < 0 ||
        !allow(rules, state_fd,
               LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                   LANDLOCK_ACCESS_FS_REMOVE_FILE | truncate) ||
        !allow(rules, run, LANDLOCK_ACCESS_FS_REMOVE_FILE) || !allow_devices(rules))
        failed = "a rule";
    else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        failed = "no_new_privs";
    else if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        failed = "restrict_self";
    int why = errno;
    if (rules >= 0)
        close(rules);
    if (run >= 0)
        close(run);
    errno = why;
    return failed;
}

#else

static const char *enter(int state_fd, const char *socket)
{
    (void)state_fd, (void)socket;
    errno = ENOSYS;
    return "built without landlock";
}

#endif

void th_sandbox_enter(int state_fd, const char *socket, const struct th_log *log)
{
    const char *failed = enter(state_fd, socket);

    if (failed)
        TH_LOG(log, DEBUG, "telehashd", "not confined: %s: %s", failed, strerror(errno));
    else
        TH_LOG(log, DEBUG, "telehashd", "confined by=landlock");
}

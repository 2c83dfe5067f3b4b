/* What a confined daemon may do with files. Each test confines a child: there is no way back. */
#include "tools/app/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

/* state/old, run/socket, elsewhere/file */
struct place {
    char root[64];
    bool is_confined; /* the kernel can do it */
};

static void remember(void *data, enum th_log_level level, const char *topic, const char *text)
{
    (void)level, (void)topic;
    ((struct place *)data)->is_confined = strstr(text, "confined by=landlock") == text;
}

static void make_file(const struct place *p, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p->root, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void make_place(struct place *p)
{
    static const char *const folders[] = {"state", "run", "elsewhere"};
    char path[128];

    snprintf(p->root, sizeof p->root, "/tmp/th-sandbox-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", p->root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    make_file(p, "state/old");
    make_file(p, "run/socket");
    make_file(p, "elsewhere/file");
}

static void remove_place(const struct place *p)
{
    static const char *const names[] = {"state/old",      "state/new",     "run/socket", "run/new",
                                        "elsewhere/file", "elsewhere/new", "state",      "run",
                                        "elsewhere"};
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p->root, names[i]);
        remove(path);
    }
    assert_int_equal(rmdir(p->root), 0);
}

/* Runs act in a confined child. Returns what it returned; -1 where the kernel has no landlock. */
static int confined(int (*act)(const struct place *p))
{
    struct place p = {{0}, false};
    struct th_log log = {.level = TH_LOG_DEBUG, .write = remember, .data = &p};
    char path[128];
    int status;

    make_place(&p);
    pid_t child = fork();
    if (child == 0) {
        snprintf(path, sizeof path, "%s/state", p.root);
        int state_fd = open(path, O_RDONLY | O_DIRECTORY);

        snprintf(path, sizeof path, "%s/run/socket", p.root);
        th_sandbox_enter(state_fd, path, &log);
        _exit(p.is_confined ? act(&p) : 77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    remove_place(&p);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        print_message("skipped: this kernel has no landlock\n");
    return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

static int why_not_opened(const struct place *p, const char *name, int flags)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p->root, name);
    int fd = open(path, flags, 0600);
    return fd < 0 ? errno : 0;
}

static int why_not_removed(const struct place *p, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p->root, name);
    return unlink(path) != 0 ? errno : 0;
}

static int write_state(const struct place *p)
{
    char old[128], new[128];

    snprintf(old, sizeof old, "%s/state/new", p->root);
    snprintf(new, sizeof new, "%s/state/old", p->root);
    return why_not_opened(p, "state/new", O_WRONLY | O_CREAT | O_TRUNC) || rename(old, new) != 0 ||
           why_not_opened(p, "state/old", O_RDWR) || why_not_removed(p, "state/old") ||
           why_not_removed(p, "run/socket") || why_not_opened(p, "elsewhere/file", O_RDONLY);
}

static void state_is_replaced_the_socket_removed_and_everything_read(void **state)
{
    (void)state;
    assert_true(confined(write_state) <= 0);
}

/* Which of what it must not do it could do. */
static int do_harm(const struct place *p)
{
    char *const command[] = {"/bin/true", NULL};

    if (why_not_opened(p, "elsewhere/file", O_WRONLY) != EACCES)
        return 1;
    if (why_not_opened(p, "elsewhere/new", O_WRONLY | O_CREAT) != EACCES)
        return 2;
    if (why_not_removed(p, "elsewhere/file") != EACCES)
        return 3;
    if (why_not_opened(p, "run/new", O_WRONLY | O_CREAT) != EACCES)
        return 4;
    execv(command[0], command);
    return errno == EACCES ? 0 : 5;
}

static void nothing_else_is_written_removed_or_run(void **state)
{
    (void)state;
    assert_true(confined(do_harm) <= 0);
}

static int open_devices(const struct place *p)
{
    (void)p;
    if (open("/dev/null", O_RDWR) < 0)
        return 1;
    if (open("/dev/tty", O_RDWR | O_NOCTTY) < 0 &&
        errno == EACCES) /* ENXIO: there is no terminal */
        return 2;
    /* Of all others one that everybody has, and memory that others share. */
    if (open("/dev/zero", O_WRONLY) >= 0 || errno != EACCES)
        return 3;
    if (open("/dev/shm/th-sandbox-test", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
        return 4;
    return 0;
}

static void of_the_devices_only_null_and_the_terminal_are_written_to(void **state)
{
    (void)state;
    assert_true(confined(open_devices) <= 0);
}

/* A terminal of its own stands in for standard input. */
static int open_terminals(const struct place *p)
{
    (void)p;
    char name[64];

    if (ttyname_r(STDIN_FILENO, name, sizeof name) != 0 || open(name, O_RDWR | O_NOCTTY) < 0)
        return 1;
    int other = posix_openpt(O_RDWR | O_NOCTTY); /* /dev/ptmx is one that it may not write to */
    return other >= 0 || errno != EACCES ? 2 : 0;
}

static void the_terminal_that_it_was_started_on_is_written_to_and_no_other(void **state)
{
    char name[64];

    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY), before = dup(STDIN_FILENO);
    assert_true(master >= 0 && before >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof name), 0);
    int terminal = open(name, O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_int_equal(dup2(terminal, STDIN_FILENO), STDIN_FILENO);

    int result = confined(open_terminals);
    dup2(before, STDIN_FILENO);
    close(before);
    close(terminal);
    close(master);
    assert_true(result <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_replaced_the_socket_removed_and_everything_read),
        cmocka_unit_test(nothing_else_is_written_removed_or_run),
        cmocka_unit_test(of_the_devices_only_null_and_the_terminal_are_written_to),
        cmocka_unit_test(the_terminal_that_it_was_started_on_is_written_to_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static int open_terminal(const struct place *p)
{
    (void)p;
    return open("/dev/null", O_RDWR) < 0;
}

static void devices_can_be_written_to(void **state)
{
    (void)state;
    assert_true(confined(open_terminal) <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_replaced_the_socket_removed_and_everything_read),
        cmocka_unit_test(nothing_else_is_written_removed_or_run),
        cmocka_unit_test(devices_can_be_written_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

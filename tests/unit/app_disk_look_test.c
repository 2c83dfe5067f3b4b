/* What a state directory is known by: whose files, and who has locked it. */
#include "tools/app/disk_look.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

static void a_daemons_files_are_known_by_their_names(void **state)
{
    static const char *const ours[] = {
        "lock",       "identity.json", "peers.json",          "state.json",          "ages.json",
        "seeds.json", "ages.json.new", "peers.json.broken-1", "peers.json.broken-20"};
    static const char *const others[] = {"",
                                         "shadow",
                                         "locks",
                                         "lock.new",
                                         "peers.jso",
                                         "peers.json2",
                                         "peers.json.",
                                         "peers.json.new2",
                                         "peers.json.broken-",
                                         "peers.json.broken-1a",
                                         "peers.json.broken-1.new",
                                         "my-seeds.json"};

    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (!th_disk_look_is_ours(ours[i]))
            fail_msg("%s is taken for somebody else's", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (th_disk_look_is_ours(others[i]))
            fail_msg("%s is taken for ours", others[i]);
}

static void a_lock_is_that_of_a_file_by_number_and_file_system(void **state)
{
    static const char line[] = "7: FLOCK  ADVISORY  WRITE 4711 fd:1f:131073 0 EOF\n";
    long pid = 0;

    (void)state;
    assert_true(th_disk_look_is_lock(line, 0xfd, 0x1f, 131073, &pid));
    assert_int_equal(pid, 4711);
    pid = 0;
    assert_false(th_disk_look_is_lock(line, 0xfd, 0x1f, 131074, &pid));
    assert_false(th_disk_look_is_lock(line, 0xfd, 0x20, 131073, &pid));
    assert_false(th_disk_look_is_lock(line, 0xfe, 0x1f, 131073, &pid));
    assert_false(th_disk_look_is_lock("7: POSIX  ADVISORY  WRITE 4711 fd:1f:131073 0 EOF\n", 0xfd,
                                      0x1f, 131073, &pid));
    assert_false(
        th_disk_look_is_lock("7: FLOCK  ADVISORY  WRITE 4711\n", 0xfd, 0x1f, 131073, &pid));
    assert_int_equal(pid, 0);
}

static void who_has_locked_a_directory_is_found(void **state)
{
    char folder[] = "/tmp/th-look-XXXXXX", path[64];
    struct th_disk_look look;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);

    th_disk_look_at(&look, folder, 0);
    th_disk_look_at_lock(&look);
    assert_false(look.is_locked);

    assert_int_equal(flock(fd, LOCK_EX), 0);
    th_disk_look_at_lock(&look);
    close(fd);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    assert_true(look.is_locked);
    assert_int_equal(look.lock_pid, getpid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemons_files_are_known_by_their_names),
        cmocka_unit_test(a_lock_is_that_of_a_file_by_number_and_file_system),
        cmocka_unit_test(who_has_locked_a_directory_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

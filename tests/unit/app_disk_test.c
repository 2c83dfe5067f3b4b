#include "tools/app/disk_posix.h"

#include "router/replace.h"

#include "tests/lib/disk_cases.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char folder[64];
    int fd;
    struct th_disk_posix disk;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/th-disk-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    place->fd = open(place->folder, O_RDONLY | O_DIRECTORY);
    assert_true(place->fd >= 0);
    th_disk_posix_init(&place->disk, place->folder, place->fd);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int remove_place(void **state)
{
    struct place *place = *state;

    close(place->fd);
    nftw(place->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

static void steps_come_out_as_in_the_table(void **state)
{
    struct place *place = *state;

    disk_run_cases(&place->disk.disk);
}

static void what_is_written_is_for_its_owner_alone(void **state)
{
    struct place *place = *state;
    struct th_disk *disk = &place->disk.disk;
    struct stat st;

    assert_int_equal(disk->ops->write(disk, "a", th_bytes_of("x")), TH_OK);

    assert_int_equal(fstatat(place->fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_is_no_file_is_not_read(void **state)
{
    struct place *place = *state;
    struct th_disk *disk = &place->disk.disk;
    char *text;
    size_t len;

    assert_int_equal(mkdirat(place->fd, "folder", 0700), 0);
    assert_int_equal(mkfifoat(place->fd, "pipe", 0600), 0);

    assert_int_equal(disk->ops->read(disk, "folder", 10, &text, &len), TH_INVALID);
    assert_int_equal(disk->ops->read(disk, "pipe", 10, &text, &len), TH_INVALID);
}

/* A limit for the size of files stands in for a full disk: a part is written, then no more. */
static void a_disk_without_room_says_so_and_the_old_file_stays(void **state)
{
    struct place *place = *state;
    struct th_disk *disk = &place->disk.disk;
    struct rlimit old, small;
    char *text;
    size_t len;

    assert_int_equal(th_replace_all(disk, "a", th_bytes_of("old"), false), TH_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 4, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum th_err e = th_replace_all(disk, "a", th_bytes_of("a new text"), false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);

    assert_int_equal(e, TH_NO_SPACE);
    assert_int_equal(disk->ops->read(disk, "a", 10, &text, &len), TH_OK);
    assert_string_equal(text, "old");
    th_mem_free(text);
    assert_int_equal(disk->ops->read(disk, "a.new", 10, &text, &len), TH_NO_ENTRY);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(steps_come_out_as_in_the_table),
        IN_PLACE(what_is_written_is_for_its_owner_alone),
        IN_PLACE(what_is_no_file_is_not_read),
        IN_PLACE(a_disk_without_room_says_so_and_the_old_file_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/app/seedbook.h"

#include "switch/base/mem.h"
#include "tools/app/disk_posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

static char folder[] = "/tmp/th-book-XXXXXX";
static struct th_disk_posix disk;

static int open_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    th_disk_posix_init(&disk, folder, open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {TH_BOOK_FILE, TH_BOOK_FILE ".broken-1"};

    for (size_t i = 0; i < 2; i++)
        (void)unlinkat(disk.dir_fd, names[i], 0);
    close(disk.dir_fd);
    return rmdir(folder);
}

static struct th_named_seed seed_of(uint8_t name, uint16_t port)
{
    const uint8_t bytes[TH_KEY_BYTES] = {name};
    struct th_named_seed seed = {.host_count = 0};
    struct th_identity identity;

    th_identity_make(&identity, bytes);
    seed.seed = (struct th_seed){
        .id = identity.hashname, .parts = identity.parts, .key = identity.keys.pub};
    seed.seed.paths.count = 1;
    seed.seed.paths.addr[0] =
        (struct th_addr){.ip = {127, 0, 0, 1}, .port = port, .family = TH_FAMILY_IPV4};
    th_identity_clear(&identity);
    return seed;
}

static void what_was_added_is_there_after_a_restart(void **state)
{
    (void)state;
    struct th_seedbook book = {.count = 0}, again = {.count = 0};
    struct th_named_seed one = seed_of(1, 9), two = seed_of(2, 9);
    char warning[TH_SAY_MAX], say[TH_SAY_MAX];

    one.host[one.host_count++] = (struct th_seed_host){"seed.example", 7};
    assert_int_equal(th_seedbook_add(&book, &one), TH_OK);
    assert_int_equal(th_seedbook_add(&book, &two), TH_OK);
    book.seed[1].is_added = false; /* it is only configured */
    assert_int_equal(th_seedbook_save(&book, &disk.disk), TH_OK);

    assert_int_equal(th_seedbook_load(&again, &disk.disk, warning, say), TH_OK);
    assert_string_equal(warning, "");
    assert_int_equal(again.count, 1);
    assert_true(again.seed[0].is_added);
    assert_string_equal(again.seed[0].named.host[0].name, "seed.example");
    assert_true(th_hashname_is_equal(&again.seed[0].named.seed.id, &one.seed.id));
    th_seedbook_clear(&book);
    th_seedbook_clear(&again);
}

static void the_same_node_twice_is_one_with_all_its_addresses(void **state)
{
    (void)state;
    struct th_seedbook book = {.count = 0};
    struct th_named_seed one = seed_of(1, 9), more = seed_of(1, 10);

    assert_int_equal(th_seedbook_add(&book, &one), TH_OK);
    assert_int_equal(th_seedbook_add(&book, &more), TH_OK);
    assert_int_equal(th_seedbook_add(&book, &more), TH_OK);

    assert_int_equal(book.count, 1);
    book.seed[0].resolved.addr[book.seed[0].resolved.count++] =
        (struct th_addr){.ip = {127, 0, 0, 1}, .port = 11, .family = TH_FAMILY_IPV4};
    struct th_seed all = th_seedbook_seed(&book.seed[0]);
    assert_int_equal(all.paths.count, 3);
    th_seedbook_clear(&book);
}

static void there_are_no_more_than_256(void **state)
{
    (void)state;
    struct th_seedbook book = {.count = 0};
    struct th_named_seed seed = seed_of(1, 9);

    for (unsigned i = 0; i < TH_SEEDS_MAX; i++) {
        seed.seed.id.b[0] = (uint8_t)i;
        assert_int_equal(th_seedbook_add(&book, &seed), TH_OK);
    }
    seed.seed.id.b[1] ^= 1;
    assert_int_equal(th_seedbook_add(&book, &seed), TH_LIMIT);
    assert_int_equal(book.count, TH_SEEDS_MAX);
    th_seedbook_remove(&book, &book.seed[3]);
    assert_int_equal(th_seedbook_add(&book, &seed), TH_OK);
    th_seedbook_clear(&book);
}

static void a_file_with_more_than_find_a_place_is_not_written_over(void **state)
{
    (void)state;
    struct th_seedbook book = {.count = 0}, copy = {.count = 0}, again = {.count = 0};
    struct th_named_seed one = seed_of(1, 9), two = seed_of(2, 9), other = seed_of(3, 9);
    char warning[TH_SAY_MAX], say[TH_SAY_MAX];

    assert_int_equal(th_seedbook_add(&book, &one), TH_OK);
    assert_int_equal(th_seedbook_add(&book, &two), TH_OK);
    assert_int_equal(th_seedbook_save(&book, &disk.disk), TH_OK);
    th_seedbook_clear(&book);

    for (unsigned i = 0; i < TH_SEEDS_MAX - 1; i++) {
        other.seed.id.b[0] = (uint8_t)i;
        assert_int_equal(th_seedbook_add(&book, &other), TH_OK);
        book.seed[i].is_added = false; /* it is configured */
    }
    assert_int_equal(th_seedbook_load(&book, &disk.disk, warning, say), TH_OK);
    assert_non_null(strstr(warning, "some are left out"));
    assert_int_equal(th_seedbook_copy(&copy, &book), TH_OK);
    th_seedbook_remove(&copy, &copy.seed[0]);
    assert_int_equal(th_seedbook_save(&copy, &disk.disk), TH_LIMIT);
    assert_int_equal(th_seedbook_load(&again, &disk.disk, warning, say), TH_OK);
    assert_int_equal(again.count, 2);
    th_seedbook_clear(&book);
    th_seedbook_clear(&copy);
    th_seedbook_clear(&again);
}

static void write_file(const char *text)
{
    int fd = openat(disk.dir_fd, TH_BOOK_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void a_broken_file_is_kept_aside_and_a_newer_one_refused(void **state)
{
    (void)state;
    struct th_seedbook book = {.count = 0};
    char warning[TH_SAY_MAX], say[TH_SAY_MAX] = "";

    write_file("{\"format\":2}");
    assert_int_equal(th_seedbook_load(&book, &disk.disk, warning, say), TH_NEWER);
    assert_non_null(strstr(say, "newer"));
    write_file("{\"format\":1,\"seeds\":[\"telehash://\"]}");
    assert_int_equal(th_seedbook_load(&book, &disk.disk, warning, say), TH_OK);
    assert_non_null(strstr(warning, TH_BOOK_FILE ".broken-1"));
    assert_int_equal(book.count, 0);
    assert_int_equal(faccessat(disk.dir_fd, TH_BOOK_FILE, F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_after_a_restart),
        cmocka_unit_test(the_same_node_twice_is_one_with_all_its_addresses),
        cmocka_unit_test(there_are_no_more_than_256),
        cmocka_unit_test(a_file_with_more_than_find_a_place_is_not_written_over),
        cmocka_unit_test(a_broken_file_is_kept_aside_and_a_newer_one_refused),
    };

    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}

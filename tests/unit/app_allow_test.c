#include "tools/app/allow.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"

/* A file with that text in it; to be unlinked. */
static const char *file_with(const char *text)
{
    static char name[64];

    snprintf(name, sizeof name, "/tmp/th-allow-XXXXXX");
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    return name;
}

static void assert_allows(const struct th_allow *allow, const char *hex, bool is_allowed)
{
    struct th_hashname id;

    assert_true(th_hashname_read(&id, hex, strlen(hex)));
    assert_int_equal(th_allow_has(allow, &id), is_allowed);
}

static void hashnames_and_files_of_them_make_one_list(void **state)
{
    (void)state;
    struct th_allow *allow;
    char say[TH_SAY_MAX] = "";
    const char *said[] = {ONE, file_with("# those at home\n\n\t " TWO " # the attic\r\n" ONE)};

    assert_int_equal(th_allow_load(&allow, said, 2, say), TH_OK);
    assert_int_equal(allow->count, 2);
    assert_allows(allow, ONE, true);
    assert_allows(allow, TWO, true);
    assert_allows(allow,
                  "33"
                  "11111111111111111111111111111111111111111111111111111111111111",
                  false);
    th_allow_release(allow);
    unlink(said[1]);
}

static void nothing_said_is_no_list(void **state)
{
    (void)state;
    struct th_allow *allow;
    char say[TH_SAY_MAX];

    assert_int_equal(th_allow_load(&allow, NULL, 0, say), TH_OK);
    assert_null(allow);
}

static void complaint_names_file_and_line(void **state)
{
    (void)state;
    struct th_allow *allow;
    char say[TH_SAY_MAX];
    const char *broken = file_with(ONE "\n" TWO "2\n");

    assert_int_equal(th_allow_load(&allow, &broken, 1, say), TH_INVALID);
    assert_non_null(strstr(say, "line 2 is not the 64 hex digits"));
    assert_non_null(strstr(say, broken));
    assert_null(allow);
    unlink(broken);
}

static void empty_or_missing_file_allows_neither_everybody_nor_nobody(void **state)
{
    (void)state;
    struct th_allow *allow;
    char say[TH_SAY_MAX];
    const char *empty = file_with("# nobody yet\n"), *missing = "/nowhere/friends";

    assert_int_equal(th_allow_load(&allow, &empty, 1, say), TH_INVALID);
    assert_non_null(strstr(say, "has no hashname in it"));
    unlink(empty);
    assert_int_equal(th_allow_load(&allow, &missing, 1, say), TH_NO_ENTRY);
    assert_non_null(strstr(say, "/nowhere/friends"));
}

static void list_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct th_allow *allow;
    char say[TH_SAY_MAX];
    size_t len = TH_HASHNAME_HEX + 1;
    char *text = calloc(TH_ALLOW_MAX + 1, len + 1);

    assert_non_null(text);
    for (size_t i = 0; i <= TH_ALLOW_MAX; i++)
        sprintf(text + i * len, "%064zx\n", i);
    const char *file = file_with(text);
    assert_int_equal(th_allow_load(&allow, &file, 1, say), TH_LIMIT);
    assert_non_null(strstr(say, "more than 4096 nodes"));
    unlink(file);
    text[TH_ALLOW_MAX * len] = '\0';
    file = file_with(text);
    assert_int_equal(th_allow_load(&allow, &file, 1, say), TH_OK);
    assert_int_equal(allow->count, TH_ALLOW_MAX);
    th_allow_release(allow);
    unlink(file);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashnames_and_files_of_them_make_one_list),
        cmocka_unit_test(nothing_said_is_no_list),
        cmocka_unit_test(complaint_names_file_and_line),
        cmocka_unit_test(empty_or_missing_file_allows_neither_everybody_nor_nobody),
        cmocka_unit_test(list_over_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/kept.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void date_comes_back_as_it_was_written(void **state)
{
    (void)state;
    static const int64_t dates[] = {0, 1, 1795227207580, INT64_MAX};

    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        char complaint[TH_COMPLAINT_MAX], *text = NULL;
        int64_t at = -1;

        assert_int_equal(th_kept_write_at(&text, dates[i]), TH_OK);
        assert_int_equal(th_kept_read_at(&at, th_bytes_of(text), complaint), TH_OK);
        assert_true(at == dates[i]);
        th_mem_free(text);
    }
}

static void ages_come_back_as_they_were_written(void **state)
{
    (void)state;
    static struct th_age ages[TH_KEPT_AGES_MAX];
    char complaint[TH_COMPLAINT_MAX], *text = NULL;
    struct th_age *read = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < TH_KEPT_AGES_MAX; i++)
        ages[i] = (struct th_age){{{(uint8_t)i, (uint8_t)(i >> 8)}}, 1400000000000 + i, INT64_MAX};
    assert_int_equal(th_kept_write_ages(&text, ages, TH_KEPT_AGES_MAX), TH_OK);
    assert_int_equal(th_kept_read_ages(&read, &count, th_bytes_of(text), complaint), TH_OK);

    assert_int_equal(count, TH_KEPT_AGES_MAX);
    for (unsigned i = 0; i < TH_KEPT_AGES_MAX; i++) {
        assert_true(th_hashname_is_equal(&read[i].id, &ages[i].id));
        assert_true(read[i].first_seen_at == ages[i].first_seen_at);
        assert_true(read[i].last_seen_at == ages[i].last_seen_at);
    }
    th_mem_free(read);
    th_mem_free(text);
}

static void nobody_is_a_file_too(void **state)
{
    (void)state;
    char complaint[TH_COMPLAINT_MAX];
    struct th_age *age = NULL;
    struct th_seeds peers = {0};
    unsigned count = 7;

    assert_int_equal(
        th_kept_read_ages(&age, &count, th_bytes_of("{\"format\":1,\"ages\":{}}"), complaint),
        TH_OK);
    assert_null(age);
    assert_int_equal(count, 0);
    assert_int_equal(
        th_kept_read_peers(&peers, th_bytes_of("{\"format\":1,\"peers\":{}}"), complaint), TH_OK);
    assert_int_equal(peers.count, 0);
}

static const struct {
    const char *text;
    enum th_err result;
    const char *words;
} bad_ages[] = {
    {"", TH_FORMAT, "line 1"},
    {"[]", TH_FORMAT, "no \"format\":1"},
    {"{\"format\":0,\"ages\":{}}", TH_FORMAT, "no \"format\":1"},
    {"{\"format\":2}", TH_NEWER, "format 2 is of a newer"},
    {"{\"format\":1}", TH_FORMAT, "ages"},
    {"{\"format\":1,\"ages\":[]}", TH_FORMAT, "ages"},
    {"{\"format\":1,\"ages\":{\"00\":[1,2]}}", TH_FORMAT, "\"00\""},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[1]}}", TH_FORMAT, HEX},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[1,2,3]}}", TH_FORMAT, HEX},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[-1,2]}}", TH_FORMAT, HEX},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[3,2]}}", TH_FORMAT, HEX},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[1,\"2\"]}}", TH_FORMAT, HEX},
    {"{\"format\":1,\"ages\":{\"" HEX "\":[1,2],\"" HEX "\":[1,2]}}", TH_FORMAT, "line 1"},
};

static void ages_of_any_other_form_are_refused_and_it_is_said_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_ages / sizeof bad_ages[0]; i++) {
        char complaint[TH_COMPLAINT_MAX] = "";
        struct th_age *age = NULL;
        unsigned count = 7;

        assert_int_equal(th_kept_read_ages(&age, &count, th_bytes_of(bad_ages[i].text), complaint),
                         bad_ages[i].result);
        if (strstr(complaint, bad_ages[i].words) == NULL)
            fail_msg("row %zu: the complaint is: %s", i, complaint);
        assert_null(age);
        assert_int_equal(count, 7);
    }
}

static void more_ages_than_we_write_are_refused(void **state)
{
    (void)state;
    static struct th_age ages[TH_KEPT_AGES_MAX + 1];
    char complaint[TH_COMPLAINT_MAX], *text = NULL;
    struct th_age *read = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i <= TH_KEPT_AGES_MAX; i++)
        ages[i].id = (struct th_hashname){{(uint8_t)i, (uint8_t)(i >> 8)}};
    assert_int_equal(th_kept_write_ages(&text, ages, TH_KEPT_AGES_MAX + 1), TH_OK);

    assert_int_equal(th_kept_read_ages(&read, &count, th_bytes_of(text), complaint), TH_FORMAT);
    assert_non_null(strstr(complaint, "at most 1024"));
    th_mem_free(text);
}

static void without_memory_nothing_is_made_or_lost(void **state)
{
    (void)state;
    struct th_age age = {.last_seen_at = 1}, *read = NULL;
    char complaint[TH_COMPLAINT_MAX], *text = NULL;
    unsigned count = 0;

    th_mem_refuse(1);
    assert_int_equal(th_kept_write_at(&text, 1), TH_NO_MEMORY);
    th_mem_refuse(1);
    assert_int_equal(th_kept_write_ages(&text, &age, 1), TH_NO_MEMORY);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        th_mem_refuse(nth);
        assert_int_equal(th_kept_write_peers(&text, NULL, 0), TH_NO_MEMORY);
    }
    th_mem_refuse(0);
    assert_null(text);

    assert_int_equal(th_kept_write_ages(&text, &age, 1), TH_OK);
    th_mem_refuse(1);
    assert_int_equal(th_kept_read_ages(&read, &count, th_bytes_of(text), complaint), TH_NO_MEMORY);
    th_mem_refuse(0);
    assert_null(read);
    th_mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_comes_back_as_it_was_written),
        cmocka_unit_test(ages_come_back_as_they_were_written),
        cmocka_unit_test(nobody_is_a_file_too),
        cmocka_unit_test(ages_of_any_other_form_are_refused_and_it_is_said_why),
        cmocka_unit_test(more_ages_than_we_write_are_refused),
        cmocka_unit_test(without_memory_nothing_is_made_or_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/seed_uri.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_named_seed example(void)
{
    static const uint8_t bytes[TH_KEY_BYTES] = {7};
    struct th_named_seed seed = {.host_count = 1, .host = {{"seed.example.org", 42424}}};
    struct th_identity identity;

    th_identity_make(&identity, bytes);
    seed.seed.id = identity.hashname;
    seed.seed.parts = identity.parts;
    seed.seed.key = identity.keys.pub;
    seed.seed.paths.count = 2;
    assert_true(th_addr_read(&seed.seed.paths.addr[0], "203.0.113.5:42424", 17));
    assert_true(th_addr_read(&seed.seed.paths.addr[1], "[2001:db8::1]:7", 15));
    th_identity_clear(&identity);
    return seed;
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    struct th_named_seed seed = example(), read = {.host_count = 0};
    char text[TH_SEED_URI_MAX], again[TH_SEED_URI_MAX], complaint[TH_COMPLAINT_MAX];

    th_seed_uri_write(text, &seed);
    assert_int_equal(th_seed_uri_read(&read, text, complaint), TH_OK);

    assert_true(th_hashname_is_equal(&read.seed.id, &seed.seed.id));
    assert_memory_equal(&read.seed.key, &seed.seed.key, sizeof read.seed.key);
    assert_int_equal(read.seed.paths.count, 2);
    assert_true(th_addr_is_equal(&read.seed.paths.addr[1], &seed.seed.paths.addr[1]));
    assert_int_equal(read.host_count, 1);
    assert_string_equal(read.host[0].name, "seed.example.org");
    assert_int_equal(read.host[0].port, 42424);
    th_seed_uri_write(again, &read);
    assert_string_equal(again, text);
}

static void nothing_in_it_means_anything_to_a_shell(void **state)
{
    (void)state;
    struct th_named_seed seed = example();
    char text[TH_SEED_URI_MAX];

    th_seed_uri_write(text, &seed);

    assert_int_equal(strcspn(text, " \t\n'\"\\$&;|<>()*?[]{}!#~`"), strlen(text));
    assert_non_null(strstr(text, "/%5B2001:db8::1%5D:7"));
}

static void further_cipher_sets_are_there_as_fingerprints(void **state)
{
    (void)state;
    struct th_named_seed seed = example(), read = {.host_count = 0};
    struct th_fingerprint other = {{0xab}};
    char text[TH_SEED_URI_MAX], complaint[TH_COMPLAINT_MAX];

    assert_true(th_parts_add(&seed.seed.parts, 0x2a, &other));
    th_hashname_of(&seed.seed.id, &seed.seed.parts);
    th_seed_uri_write(text, &seed);
    assert_non_null(strstr(text, "/2a=ab00"));
    assert_int_equal(th_seed_uri_read(&read, text, complaint), TH_OK);
    assert_int_equal(read.seed.parts.count, 2);
}

static void brackets_may_be_written_as_they_are(void **state)
{
    (void)state;
    struct th_named_seed seed = example(), read = {.host_count = 0};
    char text[TH_SEED_URI_MAX], complaint[TH_COMPLAINT_MAX];

    seed.seed.paths.count = 0;
    th_seed_uri_write(text, &seed);
    strcat(text, "/[::1]:5/");
    memcpy(text, "TELEHASH", 8);

    assert_int_equal(th_seed_uri_read(&read, text, complaint), TH_OK);
    assert_int_equal(read.seed.paths.count, 1);
}

static void what_is_no_seed_is_named(void **state)
{
    (void)state;
    struct th_named_seed seed = example(), read = {.host_count = 77};
    char good[TH_SEED_URI_MAX], text[TH_SEED_URI_MAX + 400], complaint[TH_COMPLAINT_MAX], hex[65];

    seed.host_count = 0;
    seed.seed.paths.count = 1;
    th_seed_uri_write(good, &seed);
    memcpy(hex, good + 11, 64);
    hex[64] = '\0';
    const struct {
        const char *start, *end, *word;
        enum th_err err;
    } cases[] = {
        {"", "", "does not begin with telehash://", TH_FORMAT},
        {"http://", hex, "does not begin with telehash://", TH_FORMAT},
        {"telehash:", hex, "does not begin with telehash://", TH_FORMAT},
        {"telehash://", "abc", "64 hex digits", TH_FORMAT},
        {"telehash://", hex, "no key", TH_FORMAT},
        {good, "/3a=AAAA", "3a=AAAA", TH_FORMAT},
        {good, "/zz=AAAA", "zz=AAAA", TH_FORMAT},
        {good, "/2a=00", "2a=00", TH_FORMAT},
        {good, "/2a=0000000000000000000000000000000000000000000000000000000000000000",
         "another hashname", TH_FORMAT},
        {good, "/nonsense", "nonsense", TH_FORMAT},
        {good, "/host.example:0", "host.example:0", TH_FORMAT},
        {good, "/host.example:70000", "host.example:70000", TH_FORMAT},
        {good, "/host.example:99999999999", "host.example:9", TH_FORMAT},
        {good, "/300.1.1.1:1", "300.1.1.1:1", TH_FORMAT},
        {good, "/0.0.0.0:1", "nobody could reach", TH_FORMAT},
        {good, "/a b:1", "a b:1", TH_FORMAT},
        {good, "/1.1.1.1:1/1.1.1.1:2/1.1.1.1:3/1.1.1.1:4/1.1.1.1:5/1.1.1.1:6/1.1.1.1:7/1.1.1.1:8",
         "1.1.1.1:8", TH_LIMIT},
        {good, "/a:1/b:1/c:1/d:1/e:1", "e:1", TH_LIMIT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "%s%s", cases[i].start, cases[i].end);
        complaint[0] = '\0';
        assert_int_equal(th_seed_uri_read(&read, text, complaint), cases[i].err);
        if (strstr(complaint, cases[i].word) == NULL)
            fail_msg("%s: %s", text, complaint);
        assert_int_equal(read.host_count, 77);
    }
    *strrchr(good, '/') = '\0';
    assert_int_equal(th_seed_uri_read(&read, good, complaint), TH_FORMAT);
    assert_non_null(strstr(complaint, "no HOST:PORT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(nothing_in_it_means_anything_to_a_shell),
        cmocka_unit_test(further_cipher_sets_are_there_as_fingerprints),
        cmocka_unit_test(brackets_may_be_written_as_they_are),
        cmocka_unit_test(what_is_no_seed_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/identity.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_identity made(uint8_t number)
{
    uint8_t seed[TH_KEY_BYTES] = {number};
    struct th_identity id;

    th_identity_make(&id, seed);
    return id;
}

static void the_same_seed_makes_the_same_identity(void **state)
{
    (void)state;
    struct th_identity one = made(1), two = made(1), other = made(2);

    assert_memory_equal(&one.keys, &two.keys, sizeof one.keys);
    assert_true(th_hashname_is_equal(&one.hashname, &two.hashname));
    assert_false(th_hashname_is_equal(&one.hashname, &other.hashname));
}

static void the_hashname_follows_from_the_key(void **state)
{
    (void)state;
    struct th_identity id = made(1);
    struct th_fingerprint fp;
    struct th_hashname rolled;

    th_fingerprint_of(&fp, id.keys.pub.b, sizeof id.keys.pub.b);
    th_hashname_of(&rolled, &id.parts);

    assert_int_equal(id.parts.count, 1);
    assert_memory_equal(&th_parts_find(&id.parts, TH_CS3A)->fingerprint, &fp, sizeof fp);
    assert_true(th_hashname_is_equal(&id.hashname, &rolled));
}

static void a_node_is_talked_to_in_a_cipher_set_that_it_has_too(void **state)
{
    (void)state;
    struct th_identity id = made(1);
    struct th_parts theirs = {0};
    struct th_fingerprint fp = {{1}};

    assert_true(th_parts_add(&theirs, 0x1a, &fp));
    assert_null(th_identity_shared(&id, &theirs));
    assert_true(th_parts_add(&theirs, TH_CS3A, &fp));
    assert_ptr_equal(th_identity_shared(&id, &theirs), th_cipher_find(TH_CS3A));

    assert_ptr_equal(th_identity_cipher(&id, TH_CS3A), id.cipher);
    assert_null(th_identity_cipher(&id, 0x1a));
    assert_null(th_identity_cipher(&id, 0));
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct th_identity id = made(1), again;
    char text[TH_IDENTITY_TEXT_MAX], complaint[TH_COMPLAINT_MAX];

    th_identity_write(&id, text);

    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_int_equal(th_identity_read(&again, th_bytes_of(text), complaint), TH_OK);
    assert_memory_equal(&again.keys, &id.keys, sizeof id.keys);
    assert_true(th_hashname_is_equal(&again.hashname, &id.hashname));
}

static void a_file_of_the_others_is_read(void **state)
{
    (void)state;
    struct th_identity id = made(1), again;
    char pub[64], secret[64], text[400], complaint[TH_COMPLAINT_MAX];
    sodium_bin2base64(pub, sizeof pub, id.keys.pub.b, 32, sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2base64(secret, sizeof secret, id.keys.secret, 32,
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);

    snprintf(text, sizeof text,
             "{\n  \"1a\": \"??\", \"3a_secret\": \"%s\",\n  \"parts\": {}, \"3a\": \"%s\"\n}\n",
             secret, pub);

    assert_int_equal(th_identity_read(&again, th_bytes_of(text), complaint), TH_OK);
    assert_true(th_hashname_is_equal(&again.hashname, &id.hashname));
}

/* Reads what must not be readable, and checks that the complaint speaks of `words`. */
static void refused(const char *text, const char *words)
{
    struct th_identity id = made(9), before = id;
    char complaint[TH_COMPLAINT_MAX] = "";

    assert_int_equal(th_identity_read(&id, th_bytes_of(text), complaint), TH_FORMAT);
    if (strstr(complaint, words) == NULL)
        fail_msg("the complaint is: %s", complaint);
    assert_memory_equal(&id.keys, &before.keys, sizeof id.keys);
}

static void a_file_that_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;

    refused("", "line 1");
    refused("{\n\"3a\": oops}", "line 2");
    refused("7", "line 1");
}

static void a_key_that_is_missing_or_no_key_is_refused_by_name(void **state)
{
    (void)state;
    static const char good[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    char text[300];

    refused("{}", "\"3a\"");
    refused("[]", "\"3a\"");
    refused("{\"3a\":7}", "\"3a\"");
    snprintf(text, sizeof text, "{\"3a\":\"%s\"}", good);
    refused(text, "\"3a_secret\"");
    snprintf(text, sizeof text, "{\"3a\":\"%s=\",\"3a_secret\":\"%s\"}", good, good);
    refused(text, "\"3a\"");
    snprintf(text, sizeof text, "{\"3a\":\"%s\",\"3a_secret\":\"%.40s\"}", good, good);
    refused(text, "\"3a_secret\"");
    snprintf(text, sizeof text, "{\"3a\":\"%s\",\"3a_secret\":\"%.43s-\"}", good, good);
    refused(text, "\"3a_secret\"");
    snprintf(text, sizeof text, "{\"3a\":\"%s\",\"3a_secret\":\"AAAA%s\"}", good, good);
    refused(text, "\"3a_secret\"");
}

static void a_public_key_of_another_secret_is_refused(void **state)
{
    (void)state;
    struct th_identity id = made(1), other = made(2);
    char text[TH_IDENTITY_TEXT_MAX];
    id.keys.pub = other.keys.pub;

    th_identity_write(&id, text);

    refused(text, "not the public key");
}

static void a_complaint_never_quotes_the_file(void **state)
{
    (void)state;
    struct th_identity id = made(1);
    char text[TH_IDENTITY_TEXT_MAX + 2], complaint[TH_COMPLAINT_MAX], secret[10];
    th_identity_write(&id, text);
    memcpy(secret, strstr(text, "secret\":\"") + 9, 9);
    secret[9] = 0;

    *strrchr(text, '"') = ' '; /* the secret's closing quote is gone */
    assert_int_equal(th_identity_read(&id, th_bytes_of(text), complaint), TH_FORMAT);

    assert_null(strstr(complaint, secret));
}

static void a_cleared_identity_is_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof(struct th_identity)];
    struct th_identity id = made(1);

    th_identity_clear(&id);

    assert_memory_equal(&id, zeros, sizeof id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_identity),
        cmocka_unit_test(the_hashname_follows_from_the_key),
        cmocka_unit_test(a_node_is_talked_to_in_a_cipher_set_that_it_has_too),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_file_of_the_others_is_read),
        cmocka_unit_test(a_file_that_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(a_key_that_is_missing_or_no_key_is_refused_by_name),
        cmocka_unit_test(a_public_key_of_another_secret_is_refused),
        cmocka_unit_test(a_complaint_never_quotes_the_file),
        cmocka_unit_test(a_cleared_identity_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

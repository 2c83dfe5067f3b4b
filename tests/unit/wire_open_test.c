#include "switch/wire/open.h"
#include "switch/wire/packet.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

struct world {
    const struct th_cipher *cipher;
    struct th_identity a, b;
    struct th_keypair line_keys; /* of a */
    struct th_line_id line;
    /* The members of a good inside, to be replaced one by one. */
    char at[80], to[100], from[400], line_text[80];
    struct th_bytes body;
};

static char *hex_of(char hex[65], const void *bytes, size_t len)
{
    th_hex_write(hex, bytes, len);
    return hex;
}

static struct world make_world(void)
{
    struct world w = {.cipher = th_cipher_find(TH_CS3A), .line = {{0x0f, 0xf0}}};
    uint8_t seed[TH_KEY_BYTES] = {1};
    char hex[65];

    th_identity_make(&w.a, seed);
    seed[0] = 2;
    th_identity_make(&w.b, seed);
    seed[0] = 3;
    w.cipher->keypair(&w.line_keys, seed);
    snprintf(w.at, sizeof w.at, "\"at\":1234567890123");
    hex_of(hex, w.b.hashname.b, 32);
    snprintf(w.to, sizeof w.to, "\"to\":\"%s\"", hex);
    hex_of(hex, w.a.parts.part[0].fingerprint.b, 32);
    snprintf(w.from, sizeof w.from, "\"from\":{\"3a\":\"%s\"}", hex);
    hex_of(hex, w.line.b, sizeof w.line.b);
    snprintf(w.line_text, sizeof w.line_text, "\"line\":\"%s\"", hex);
    return w;
}

static enum th_drop give(const struct world *w, const char *head, struct th_bytes body,
                         struct th_open *open)
{
    uint8_t inner[TH_OPEN_MAX], packet[TH_OPEN_MAX];
    size_t inner_len, len;

    assert_int_equal(th_packet_write(inner, sizeof inner, &inner_len, th_bytes_of(head), body),
                     TH_OK);
    assert_int_equal(w->cipher->open_seal(packet, sizeof packet, &len, &w->b.keys.pub, &w->a.keys,
                                          &w->line_keys, (struct th_bytes){inner, inner_len}),
                     TH_OK);
    return th_open_read(open, &w->b, (struct th_bytes){packet, len});
}

/* What B says to an inside made of w's members. */
static enum th_drop read_of(const struct world *w)
{
    char head[TH_OPEN_MAX];
    struct th_open open;
    struct th_bytes body = w->body.at ? w->body : (struct th_bytes){w->a.keys.pub.b, 32};

    snprintf(head, sizeof head, "{%s,%s,%s,%s}", w->at, w->to, w->from, w->line_text);
    return give(w, head, body, &open);
}

static size_t write_open(const struct world *w, uint8_t out[TH_OPEN_MAX], int64_t at)
{
    size_t len = 0;

    assert_int_equal(th_open_write(out, TH_OPEN_MAX, &len, w->cipher, &w->a, &w->line_keys,
                                   &w->line, at, &w->b.hashname, &w->b.keys.pub),
                     TH_OK);
    return len;
}

static void what_is_written_is_read_by_its_receiver(void **state)
{
    (void)state;
    struct world w = make_world();
    uint8_t packet[TH_OPEN_MAX];
    struct th_open open;
    size_t len = write_open(&w, packet, INT64_MAX);

    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){packet, len}), TH_DROP_NONE);

    assert_int_equal(open.csid, TH_CS3A);
    assert_true(open.at == INT64_MAX);
    assert_true(th_hashname_is_equal(&open.from, &w.a.hashname));
    assert_int_equal(open.parts.count, 1);
    assert_memory_equal(&open.key, &w.a.keys.pub, sizeof open.key);
    assert_memory_equal(&open.line_key, &w.line_keys.pub, sizeof open.line_key);
    assert_memory_equal(&open.line, &w.line, sizeof open.line);
}

static void the_same_open_is_written_byte_for_byte_again(void **state)
{
    (void)state;
    struct world w = make_world();
    uint8_t one[TH_OPEN_MAX], two[TH_OPEN_MAX];

    size_t len = write_open(&w, one, 5);

    assert_int_equal(write_open(&w, two, 5), len);
    assert_memory_equal(one, two, len);
    assert_true(len <= 316);
}

static void an_open_is_not_written_to_a_key_of_low_order(void **state)
{
    (void)state;
    struct world w = make_world();
    struct th_public_key zero = {{0}};
    uint8_t packet[TH_OPEN_MAX];
    size_t len;

    assert_int_equal(th_open_write(packet, sizeof packet, &len, w.cipher, &w.a, &w.line_keys,
                                   &w.line, 1, &w.b.hashname, &zero),
                     TH_INVALID);
    assert_int_equal(th_open_write(packet, 315, &len, w.cipher, &w.a, &w.line_keys, &w.line,
                                   1234567890123, &w.b.hashname, &w.b.keys.pub),
                     TH_TOO_BIG);
}

static void the_good_inside_is_accepted(void **state)
{
    (void)state;
    struct world w = make_world();

    assert_int_equal(read_of(&w), TH_DROP_NONE);
}

static void at_must_be_an_integer_from_zero_on(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"at\":\"1\"", "\"at\":1.0", "\"at\":-1", "\"at\":null",
                                      "\"at\":true",  "\"ta\":1",   "\"at\":[1]"};
    struct world w = make_world();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(w.at, sizeof w.at, "%s", bad[i]);
        assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
    }
    snprintf(w.at, sizeof w.at, "\"at\":9223372036854775808");
    assert_int_equal(read_of(&w), TH_DROP_PACKET_JSON);
    snprintf(w.at, sizeof w.at, "\"at\":0");
    assert_int_equal(read_of(&w), TH_DROP_NONE);
}

static void it_must_be_for_us(void **state)
{
    (void)state;
    struct world w = make_world();
    char hex[65];

    snprintf(w.to, sizeof w.to, "\"to\":\"%s\"", hex_of(hex, w.a.hashname.b, 32));
    assert_int_equal(read_of(&w), TH_DROP_OPEN_NOT_US);
    snprintf(w.to, sizeof w.to, "\"to\":7");
    assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
    snprintf(w.to, sizeof w.to, "\"no\":7");
    assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
}

static void from_must_be_parts_in_lower_case(void **state)
{
    (void)state;
    static const char fp[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "null",
                                      "{\"3a\":1}",
                                      "{\"3a\":\"00\"}",
                                      "{\"3\":\"F\"}",
                                      "{\"3A\":\"F\"}",
                                      "{\"xx\":\"F\"}"};
    struct world w = make_world();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *letter = strchr(bad[i], 'F');
        if (letter)
            snprintf(w.from, sizeof w.from, "\"from\":%.*s%s%s", (int)(letter - bad[i]), bad[i], fp,
                     letter + 1);
        else
            snprintf(w.from, sizeof w.from, "\"from\":%s", bad[i]);
        assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
    }
    snprintf(w.from, sizeof w.from, "\"from\":{\"3a\":\"%.63sF\"}", fp);
    assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
}

static void the_body_must_be_the_key_of_from(void **state)
{
    (void)state;
    struct world w = make_world();

    w.body = (struct th_bytes){w.b.keys.pub.b, 32};
    assert_int_equal(read_of(&w), TH_DROP_OPEN_KEY);
    w.body = (struct th_bytes){w.a.keys.pub.b, 31};
    assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
    w.body = (struct th_bytes){w.a.keys.pub.b, 0};
    assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
}

static void from_must_name_the_cipher_set_that_is_used(void **state)
{
    (void)state;
    struct world w = make_world();

    memcpy(strstr(w.from, "3a"), "1a", 2);

    assert_int_equal(read_of(&w), TH_DROP_OPEN_KEY);
}

static void more_parts_than_we_have_make_another_hashname(void **state)
{
    (void)state;
    struct world w = make_world();
    char hex[65], head[TH_OPEN_MAX];
    struct th_open open;
    hex_of(hex, w.a.parts.part[0].fingerprint.b, 32);
    snprintf(head, sizeof head, "{%s,%s,\"from\":{\"4a\":\"%s\",\"3a\":\"%s\"},%s}", w.at, w.to,
             hex, hex, w.line_text);

    assert_int_equal(give(&w, head, (struct th_bytes){w.a.keys.pub.b, 32}, &open), TH_DROP_NONE);

    assert_int_equal(open.parts.count, 2);
    assert_false(th_hashname_is_equal(&open.from, &w.a.hashname));
}

static void an_open_of_a_cipher_set_that_we_lack_is_refused(void **state)
{
    (void)state;
    struct world w = make_world();
    struct th_open open;
    uint8_t packet[TH_OPEN_MAX];
    size_t len = write_open(&w, packet, 5);

    packet[2] = 0x2a; /* we have no 2a at all */

    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){packet, len}), TH_DROP_OPEN_CSID);
}

static void the_line_id_must_be_32_hex_digits(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"line\":\"000102030405060708090a0b0c0d0e\"", "\"line\":5",
                                      "\"lime\":1", "\"line\":\"zz0102030405060708090a0b0c0d0e0f\"",
                                      "\"line\":\"000102030405060708090a0b0c0d0e0f10\""};
    struct world w = make_world();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(w.line_text, sizeof w.line_text, "%s", bad[i]);
        assert_int_equal(read_of(&w), TH_DROP_OPEN_INNER);
    }
}

static void an_inside_that_is_no_object_is_refused(void **state)
{
    (void)state;
    struct world w = make_world();
    struct th_open open;
    struct th_bytes key = {w.a.keys.pub.b, 32};

    assert_int_equal(give(&w, "[]", key, &open), TH_DROP_OPEN_INNER);
    assert_int_equal(give(&w, "", key, &open), TH_DROP_OPEN_INNER);
    assert_int_equal(give(&w, "x", key, &open), TH_DROP_OPEN_INNER);
    assert_int_equal(give(&w, "{at}", key, &open), TH_DROP_PACKET_JSON);
}

static void our_own_open_is_refused(void **state)
{
    (void)state;
    struct world w = make_world();
    uint8_t packet[TH_OPEN_MAX];
    struct th_open open;
    size_t len;
    assert_int_equal(th_open_write(packet, sizeof packet, &len, w.cipher, &w.b, &w.line_keys,
                                   &w.line, 1, &w.b.hashname, &w.b.keys.pub),
                     TH_OK);

    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){packet, len}), TH_DROP_OPEN_SELF);
}

static void an_open_in_anothers_name_lacks_the_authenticator(void **state)
{
    (void)state;
    struct world w = make_world();
    struct th_identity forger = w.a;
    uint8_t packet[TH_OPEN_MAX], seed[TH_KEY_BYTES] = {9};
    struct th_keypair other;
    struct th_open open;
    size_t len;
    w.cipher->keypair(&other, seed);
    memcpy(forger.keys.secret, other.secret, sizeof other.secret);

    assert_int_equal(th_open_write(packet, sizeof packet, &len, w.cipher, &forger, &w.line_keys,
                                   &w.line, 1, &w.b.hashname, &w.b.keys.pub),
                     TH_OK);

    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){packet, len}), TH_DROP_OPEN_MAC);
}

static void what_is_no_open_is_refused_and_nothing_touched(void **state)
{
    (void)state;
    struct world w = make_world();
    static const uint8_t huge[5000] = {0, 1, TH_CS3A};
    struct th_open open = {.at = 77};

    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge, 1}), TH_DROP_PACKET_SHORT);
    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge, 2}), TH_DROP_PACKET_HEAD);
    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge, 3}), TH_DROP_OPEN_SHORT);
    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge, 100}), TH_DROP_OPEN_CRYPT);
    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge, sizeof huge}),
                     TH_DROP_OPEN_INNER);
    assert_int_equal(th_open_read(&open, &w.b, th_bytes_of("")), TH_DROP_PACKET_SHORT);
    assert_int_equal(th_open_read(&open, &w.b, (struct th_bytes){huge + 3, 60}),
                     TH_DROP_PACKET_KIND);

    assert_true(open.at == 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_by_its_receiver),
        cmocka_unit_test(the_same_open_is_written_byte_for_byte_again),
        cmocka_unit_test(an_open_is_not_written_to_a_key_of_low_order),
        cmocka_unit_test(the_good_inside_is_accepted),
        cmocka_unit_test(at_must_be_an_integer_from_zero_on),
        cmocka_unit_test(it_must_be_for_us),
        cmocka_unit_test(from_must_be_parts_in_lower_case),
        cmocka_unit_test(the_body_must_be_the_key_of_from),
        cmocka_unit_test(from_must_name_the_cipher_set_that_is_used),
        cmocka_unit_test(more_parts_than_we_have_make_another_hashname),
        cmocka_unit_test(an_open_of_a_cipher_set_that_we_lack_is_refused),
        cmocka_unit_test(the_line_id_must_be_32_hex_digits),
        cmocka_unit_test(an_inside_that_is_no_object_is_refused),
        cmocka_unit_test(our_own_open_is_refused),
        cmocka_unit_test(an_open_in_anothers_name_lacks_the_authenticator),
        cmocka_unit_test(what_is_no_open_is_refused_and_nothing_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/packet.h"
#include "switch/wire/text.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

#define BYTES(text) ((struct th_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void a_datagram_without_a_length_is_short(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_split(&packet, BYTES("")), TH_DROP_PACKET_SHORT);
    assert_int_equal(th_packet_split(&packet, BYTES("\0")), TH_DROP_PACKET_SHORT);
    assert_int_equal(th_packet_read(&packet, (struct th_bytes){NULL, 0}), TH_DROP_PACKET_SHORT);
}

static void a_head_beyond_the_datagram_is_dropped_and_nothing_touched(void **state)
{
    (void)state;
    struct th_packet packet = {.kind = TH_PACKET_BINARY};

    assert_int_equal(th_packet_split(&packet, BYTES("\0\3{}")), TH_DROP_PACKET_HEAD);
    assert_int_equal(th_packet_split(&packet, BYTES("\xff\xff{}")), TH_DROP_PACKET_HEAD);

    assert_int_equal(packet.kind, TH_PACKET_BINARY);
    assert_int_equal(packet.head.len, 0);
}

static void the_punch_is_a_body_of_nothing(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_read(&packet, BYTES("\0\0")), TH_DROP_NONE);

    assert_int_equal(packet.kind, TH_PACKET_BODY);
    assert_int_equal(packet.head.len, 0);
    assert_int_equal(packet.body.len, 0);
}

static void a_head_of_one_byte_is_binary(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_read(&packet, BYTES("\0\1\x3arest")), TH_DROP_NONE);

    assert_int_equal(packet.kind, TH_PACKET_BINARY);
    assert_int_equal(packet.head.at[0], 0x3a);
    assert_true(th_bytes_are_equal(packet.body, th_bytes_of("rest")));
}

static void a_longer_head_is_json(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_read(&packet, BYTES("\0\7{\"a\":1}body")), TH_DROP_NONE);

    assert_int_equal(packet.kind, TH_PACKET_JSON);
    assert_true(th_bytes_are_equal(packet.head, th_bytes_of("{\"a\":1}")));
    assert_true(th_bytes_are_equal(packet.body, th_bytes_of("body")));
}

static void splitting_does_not_look_into_a_head(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_split(&packet, BYTES("\0\2??")), TH_DROP_NONE);
    assert_int_equal(th_packet_read(&packet, BYTES("\0\2??")), TH_DROP_PACKET_JSON);
}

static void bare_values_and_bad_utf8_are_no_heads(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_read(&packet, BYTES("\0\2"
                                                   "12")),
                     TH_DROP_PACKET_JSON);
    assert_int_equal(th_packet_read(&packet, BYTES("\0\4true")), TH_DROP_PACKET_JSON);
    assert_int_equal(th_packet_read(&packet, BYTES("\0\4\"ab\"")), TH_DROP_PACKET_JSON);
    assert_int_equal(th_packet_read(&packet, BYTES("\0\5[\"\xff\"]")), TH_DROP_PACKET_JSON);
    assert_int_equal(th_packet_read(&packet, BYTES("\0\3{}x")), TH_DROP_PACKET_JSON);
}

static void duplicate_keys_are_allowed(void **state)
{
    (void)state;
    struct th_packet packet;

    assert_int_equal(th_packet_read(&packet, BYTES("\0\15{\"c\":1,\"c\":2}")), TH_DROP_NONE);
}

static void deep_nesting_is_read_or_dropped(void **state)
{
    (void)state;
    uint8_t bytes[2 + 20000];
    struct th_packet packet;
    size_t half = (sizeof bytes - 2) / 2;
    bytes[0] = (uint8_t)(2 * half >> 8);
    bytes[1] = (uint8_t)(2 * half);
    memset(bytes + 2, '[', half);
    memset(bytes + 2 + half, ']', half);

    enum th_drop why = th_packet_read(&packet, (struct th_bytes){bytes, sizeof bytes});

    assert_int_equal(why, TH_DROP_PACKET_JSON);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    uint8_t out[64];
    size_t len = 0;
    struct th_packet packet;

    assert_int_equal(th_packet_write(out, sizeof out, &len, BYTES("{}"), BYTES("b")), TH_OK);

    assert_int_equal(len, 5);
    assert_memory_equal(out, "\0\2{}b", 5);
    assert_int_equal(th_packet_read(&packet, (struct th_bytes){out, len}), TH_DROP_NONE);
}

static void what_does_not_fit_is_too_big_and_leaves_the_length_alone(void **state)
{
    (void)state;
    static const uint8_t zeros[65536];
    uint8_t out[5];
    size_t len = 77;

    assert_int_equal(th_packet_write(out, 4, &len, BYTES("{}"), BYTES("b")), TH_TOO_BIG);
    assert_int_equal(th_packet_write(out, 3, &len, BYTES("{}"), BYTES("")), TH_TOO_BIG);
    assert_int_equal(th_packet_write(out, 1, &len, BYTES(""), BYTES("")), TH_TOO_BIG);
    assert_int_equal(
        th_packet_write(out, SIZE_MAX, &len, (struct th_bytes){zeros, sizeof zeros}, BYTES("")),
        TH_TOO_BIG);
    assert_int_equal(len, 77);
    assert_int_equal(th_packet_write(out, 5, &len, BYTES("{}"), BYTES("b")), TH_OK);
}

static void a_text_that_does_not_fit_is_cut_at_a_whole_call(void **state)
{
    (void)state;
    char buffer[8];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_put(&text, "%s", "abcd");
    th_text_put(&text, "%d", 123456);
    th_text_put(&text, "x");

    assert_true(text.is_cut);
    assert_string_equal(buffer, "abcd");
    assert_int_equal(text.len, 4);
}

static void a_text_may_fill_its_buffer_but_for_the_closing_zero(void **state)
{
    (void)state;
    char buffer[5];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_put(&text, "abcd");

    assert_false(text.is_cut);
    assert_true(th_bytes_are_equal(th_text_bytes(&text), th_bytes_of("abcd")));
}

static void characters_are_added_whole_or_not_at_all(void **state)
{
    (void)state;
    char buffer[6];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_add(&text, "ab%", 3);
    th_text_add(&text, "", 0);
    assert_string_equal(buffer, "ab%");
    th_text_add(&text, "cdef", 3);
    assert_true(text.is_cut);
    assert_string_equal(buffer, "ab%");
    th_text_add(&text, "g", 1);
    assert_string_equal(buffer, "ab%");

    text = th_text_in(buffer, sizeof buffer);
    th_text_add(&text, "abcdef", 5);
    assert_false(text.is_cut);
    assert_string_equal(buffer, "abcde");
}

static void a_json_string_is_escaped(void **state)
{
    (void)state;
    char buffer[64];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_put_json(&text, "a\"b\\c\n\x01\xc3\xa9/");

    assert_string_equal(buffer, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9/\"");
}

static void a_json_string_that_does_not_fit_leaves_nothing_of_itself(void **state)
{
    (void)state;
    char buffer[8];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_put(&text, "ab");
    th_text_put_json(&text, "123456");

    assert_true(text.is_cut);
    assert_string_equal(buffer, "ab");
}

static void every_drop_has_a_word_of_its_own_and_a_meaning(void **state)
{
    (void)state;

    for (int i = 0; i < TH_DROP_COUNT; i++) {
        assert_true(strlen(th_drop_name((enum th_drop)i)) > 1);
        assert_true(strlen(th_drop_meaning((enum th_drop)i)) > 1);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(th_drop_name((enum th_drop)i), th_drop_name((enum th_drop)k));
    }
    assert_string_equal(th_drop_name(TH_DROP_COUNT), "?");
    assert_string_equal(th_drop_meaning((enum th_drop) - 1), "?");
}

static void drops_are_counted_each_for_itself_and_none_not_at_all(void **state)
{
    (void)state;
    struct th_drops drops = {{0}};

    th_drop_count(&drops, TH_DROP_NONE);
    th_drop_count(&drops, TH_DROP_PUNCH);
    th_drop_count(&drops, TH_DROP_PUNCH);
    th_drop_count(&drops, TH_DROP_COUNT);

    assert_int_equal(drops.n[TH_DROP_PUNCH], 2);
    uint64_t sum = 0;
    for (int i = 0; i < TH_DROP_COUNT; i++)
        sum += drops.n[i];
    assert_int_equal(sum, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_without_a_length_is_short),
        cmocka_unit_test(a_head_beyond_the_datagram_is_dropped_and_nothing_touched),
        cmocka_unit_test(the_punch_is_a_body_of_nothing),
        cmocka_unit_test(a_head_of_one_byte_is_binary),
        cmocka_unit_test(a_longer_head_is_json),
        cmocka_unit_test(splitting_does_not_look_into_a_head),
        cmocka_unit_test(bare_values_and_bad_utf8_are_no_heads),
        cmocka_unit_test(duplicate_keys_are_allowed),
        cmocka_unit_test(deep_nesting_is_read_or_dropped),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_does_not_fit_is_too_big_and_leaves_the_length_alone),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut_at_a_whole_call),
        cmocka_unit_test(a_text_may_fill_its_buffer_but_for_the_closing_zero),
        cmocka_unit_test(characters_are_added_whole_or_not_at_all),
        cmocka_unit_test(a_json_string_is_escaped),
        cmocka_unit_test(a_json_string_that_does_not_fit_leaves_nothing_of_itself),
        cmocka_unit_test(every_drop_has_a_word_of_its_own_and_a_meaning),
        cmocka_unit_test(drops_are_counted_each_for_itself_and_none_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

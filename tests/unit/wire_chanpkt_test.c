#include "switch/wire/chanpkt.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

/* Reads a packet of a head and no body. */
static enum th_drop read_head(struct th_chanpkt *out, const char *head)
{
    static uint8_t bytes[600];
    size_t len;

    assert_int_equal(
        th_packet_write(bytes, sizeof bytes, &len, th_bytes_of(head), (struct th_bytes){0}), TH_OK);
    return th_chanpkt_read(out, (struct th_bytes){bytes, len});
}

static struct th_chanpkt packet_of(const char *head)
{
    struct th_chanpkt packet;

    assert_int_equal(read_head(&packet, head), TH_DROP_NONE);
    return packet;
}

static size_t written(uint8_t out[600], const struct th_chanpkt_out *packet)
{
    size_t len = 0;

    assert_int_equal(th_chanpkt_write(out, 600, &len, packet), TH_OK);
    return len;
}

static void a_channel_number_alone_is_a_packet(void **state)
{
    (void)state;
    struct th_chanpkt packet = packet_of("{\"c\":4294967295}");

    assert_true(packet.c == UINT32_MAX);
    assert_string_equal(packet.type, "");
    assert_string_equal(packet.err, "");
    assert_false(packet.end || packet.has_seq || packet.has_ack);
    assert_int_equal(packet.body.len, 0);
}

static void all_members_are_read_in_any_order(void **state)
{
    (void)state;
    struct th_chanpkt packet = packet_of("{\"end\":true,\"ack\":0,\"_\":{\"n\":1},\"seq\":7,"
                                         "\"err\":\"no\",\"c\":9,\"type\":\"_echo\"}");

    assert_int_equal(packet.c, 9);
    assert_string_equal(packet.type, "_echo");
    assert_string_equal(packet.err, "no");
    assert_true(packet.end);
    assert_true(packet.has_seq && packet.seq == 7);
    assert_true(packet.has_ack && packet.ack == 0);
}

static void the_last_of_two_members_wins(void **state)
{
    (void)state;

    assert_int_equal(packet_of("{\"c\":1,\"c\":2}").c, 2);
}

static void a_head_without_a_usable_number_is_dropped(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"c\":0}",
                                      "{\"c\":-1}",
                                      "{\"c\":4294967296}",
                                      "{\"c\":1.0}",
                                      "{\"c\":\"1\"}",
                                      "{\"c\":null}",
                                      "[{\"c\":1}]"};
    struct th_chanpkt packet = {.c = 77};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read_head(&packet, bad[i]), TH_DROP_CHANNEL_HEAD);

    assert_int_equal(packet.c, 77);
}

static void a_packet_without_a_json_head_is_dropped(void **state)
{
    (void)state;
    struct th_chanpkt packet;

    assert_int_equal(read_head(&packet, ""), TH_DROP_CHANNEL_HEAD);
    assert_int_equal(read_head(&packet, "x"), TH_DROP_CHANNEL_HEAD);
    assert_int_equal(read_head(&packet, "{c:1}"), TH_DROP_PACKET_JSON);
    assert_int_equal(th_chanpkt_read(&packet, th_bytes_of("")), TH_DROP_PACKET_SHORT);
    assert_int_equal(th_chanpkt_read(&packet, th_bytes_of("ab")), TH_DROP_PACKET_HEAD);
}

static void types_have_a_limit(void **state)
{
    (void)state;
    struct th_chanpkt packet;

    assert_string_equal(packet_of("{\"c\":1,\"type\":\"_234567890123456789012345678901\"}").type,
                        "_234567890123456789012345678901");
    assert_int_equal(read_head(&packet, "{\"c\":1,\"type\":\"_2345678901234567890123456789012\"}"),
                     TH_DROP_CHANNEL_HEAD);
    assert_int_equal(read_head(&packet, "{\"c\":1,\"type\":7}"), TH_DROP_CHANNEL_HEAD);
    assert_int_equal(read_head(&packet, "{\"c\":1,\"type\":\"a\\u0000b\"}"), TH_DROP_CHANNEL_HEAD);
}

static void seq_and_ack_are_numbers_of_32_bits(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"c\":1,\"seq\":-1}", "{\"c\":1,\"seq\":4294967296}",
                                      "{\"c\":1,\"ack\":\"0\"}", "{\"c\":1,\"ack\":null}"};
    struct th_chanpkt packet;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read_head(&packet, bad[i]), TH_DROP_CHANNEL_HEAD);
    packet = packet_of("{\"c\":1,\"seq\":4294967295}");
    assert_true(packet.has_seq && packet.seq == UINT32_MAX && !packet.has_ack);
}

static void an_error_closes_whatever_its_words_are(void **state)
{
    (void)state;

    assert_string_equal(packet_of("{\"c\":1,\"err\":\"timeout\"}").err, "timeout");
    assert_string_not_equal(packet_of("{\"c\":1,\"err\":7}").err, "");
    assert_string_not_equal(packet_of("{\"c\":1,\"err\":true}").err, "");
    assert_string_equal(packet_of("{\"c\":1,\"err\":false}").err, "");
    assert_string_equal(packet_of("{\"c\":1,\"err\":null}").err, "");
    assert_string_equal(packet_of("{\"c\":1,\"err\":\"\"}").err, "");
}

static void a_long_error_is_cut_between_characters(void **state)
{
    (void)state;
    char head[300];
    struct th_text text = th_text_in(head, sizeof head);
    th_text_put(&text, "{\"c\":1,\"err\":\"");
    for (size_t i = 0; i < 31; i++)
        th_text_put(&text, "\xc3\xa9");
    struct th_text fits = text;

    th_text_put(&text, "\xc3\xa9\"}"); /* its first half would be byte 63 */
    assert_int_equal(strlen(packet_of(head).err), 62);

    text = fits;
    th_text_put(&text, "xy\"}");
    assert_int_equal(strlen(packet_of(head).err), 63);
}

static void head_and_body_are_borrowed_from_the_packet(void **state)
{
    (void)state;
    static const uint8_t plain[] = "\0\7{\"c\":4}body";
    struct th_chanpkt packet;

    assert_int_equal(th_chanpkt_read(&packet, (struct th_bytes){plain, sizeof plain - 1}),
                     TH_DROP_NONE);

    assert_ptr_equal(packet.head.at, plain + 2);
    assert_true(th_bytes_are_equal(packet.body, th_bytes_of("body")));
}

static void what_is_written_has_the_order_of_the_others(void **state)
{
    (void)state;
    struct th_chanpkt_out out = {.c = 4,
                                 .type = "seek",
                                 .fields = th_bytes_of("\"seek\":\"833b\""),
                                 .body = th_bytes_of("x")};
    uint8_t bytes[600];

    size_t len = written(bytes, &out);

    assert_int_equal(len, 38);
    assert_memory_equal(bytes + 2, "{\"seek\":\"833b\",\"type\":\"seek\",\"c\":4}x", 36);
}

static void only_what_is_asked_for_is_written(void **state)
{
    (void)state;
    struct th_chanpkt_out out = {.c = 1};
    uint8_t bytes[600];

    assert_int_equal(written(bytes, &out), 9);
    assert_memory_equal(bytes, "\0\7{\"c\":1}", 9);

    out = (struct th_chanpkt_out){.c = 2, .err = "a\"b", .end = true};
    size_t len = written(bytes, &out);
    assert_memory_equal(bytes + 2, "{\"c\":2,\"err\":\"a\\\"b\",\"end\":true}", len - 2);
}

/* Every further packet of ours once carried "err":"". */
static void an_empty_error_is_none_and_is_not_written(void **state)
{
    (void)state;
    uint8_t bytes[600];
    struct th_chanpkt_out none = {.c = 7}, empty = {.c = 7, .err = ""};

    size_t len = written(bytes, &none);
    assert_int_equal(written(bytes, &empty), len);
}

static void a_packet_over_the_cap_is_too_big(void **state)
{
    (void)state;
    static const uint8_t zeros[3000];
    struct th_chanpkt_out out = {.c = 1, .body = th_bytes_of("12345")};
    uint8_t bytes[600];
    size_t len = 99;

    for (size_t cap = 0; cap < 14; cap++)
        assert_int_equal(th_chanpkt_write(bytes, cap, &len, &out), TH_TOO_BIG);
    assert_int_equal(len, 99);
    assert_int_equal(th_chanpkt_write(bytes, 14, &len, &out), TH_OK);

    out.fields = (struct th_bytes){zeros, sizeof zeros};
    assert_int_equal(th_chanpkt_write(bytes, sizeof bytes, &len, &out), TH_TOO_BIG);
    char spaces[TH_DATAGRAM_IN_MAX - 5];
    memset(spaces, ' ', sizeof spaces);
    out.fields = (struct th_bytes){(const uint8_t *)spaces, sizeof spaces};
    assert_int_equal(th_chanpkt_write(bytes, sizeof bytes, &len, &out), TH_TOO_BIG);
}

static void assert_app(const char *head, const char *json)
{
    struct th_chanpkt packet = packet_of(head);
    struct th_bytes app = th_chanpkt_app(&packet);

    assert_int_equal(app.len, strlen(json));
    assert_memory_equal(app.at ? (const char *)app.at : "", json, app.len);
}

static void json_of_an_application_is_found_as_it_stands(void **state)
{
    (void)state;

    assert_app("{\"c\":1}", "");
    assert_app("{\"_\":{\"n\":1},\"c\":1}", "{\"n\":1}");
    assert_app("{\"c\":1,\"_\":{\"a\":[1,{\"_\":2}],\"b\":\"},\\\"{\"}}",
               "{\"a\":[1,{\"_\":2}],\"b\":\"},\\\"{\"}");
    assert_app(" { \"c\" : 1 , \"_\" : { \"n\" : 1.50 } } ", "{ \"n\" : 1.50 }");
    assert_app("{\"_\":null,\"c\":1}", "null");
    assert_app("{\"_\":{},\"c\":1,\"_\":[]}", "[]"); /* the last of two wins */
    assert_app("{\"x\":{\"_\":{}},\"__\":1,\"type\":\"_\",\"c\":1}", "");
    assert_app("{\"_\\\"\":5,\"c\":1}", "");
}

static void application_may_send_an_object_and_nothing_else(void **state)
{
    (void)state;

    assert_true(th_chanpkt_is_object(th_bytes_of("{}")));
    assert_true(th_chanpkt_is_object(th_bytes_of(" {\"a\":[1,2.5,\"\\u0000\"]}\n")));
    assert_false(th_chanpkt_is_object(th_bytes_of("")));
    assert_false(th_chanpkt_is_object(th_bytes_of("[]")));
    assert_false(th_chanpkt_is_object(th_bytes_of("{},\"c\":7")));
    assert_false(th_chanpkt_is_object(th_bytes_of("{\"a\":\"\xff\"}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_number_alone_is_a_packet),
        cmocka_unit_test(all_members_are_read_in_any_order),
        cmocka_unit_test(the_last_of_two_members_wins),
        cmocka_unit_test(a_head_without_a_usable_number_is_dropped),
        cmocka_unit_test(a_packet_without_a_json_head_is_dropped),
        cmocka_unit_test(types_have_a_limit),
        cmocka_unit_test(seq_and_ack_are_numbers_of_32_bits),
        cmocka_unit_test(an_error_closes_whatever_its_words_are),
        cmocka_unit_test(a_long_error_is_cut_between_characters),
        cmocka_unit_test(head_and_body_are_borrowed_from_the_packet),
        cmocka_unit_test(what_is_written_has_the_order_of_the_others),
        cmocka_unit_test(only_what_is_asked_for_is_written),
        cmocka_unit_test(an_empty_error_is_none_and_is_not_written),
        cmocka_unit_test(a_packet_over_the_cap_is_too_big),
        cmocka_unit_test(json_of_an_application_is_found_as_it_stands),
        cmocka_unit_test(application_may_send_an_object_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

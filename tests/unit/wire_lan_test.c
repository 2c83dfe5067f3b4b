#include "switch/wire/lan.h"

#include "tests/lib/test_cmocka.h"

#include <string.h>

static struct th_identity identity(uint8_t n)
{
    struct th_identity id;
    uint8_t seed[TH_KEY_BYTES];

    memset(seed, n, sizeof seed);
    th_identity_make(&id, seed);
    return id;
}

static enum th_drop read_text(struct th_lan_packet *out, const char *head, size_t body)
{
    uint8_t bytes[TH_DATAGRAM_IN_MAX], zero[64] = {0};
    size_t len;

    assert_int_equal(th_packet_write(bytes, sizeof bytes, &len, th_bytes_of(head),
                                     (struct th_bytes){zero, body}),
                     TH_OK);
    return th_lan_read(out, TH_CS3A, (struct th_bytes){bytes, len});
}

static void ping_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct th_identity self = identity(1);
    uint8_t bytes[TH_LAN_PACKET_MAX], trace[TH_LAN_TRACE_BYTES] = {0xab, 1}, other[16] = {0xab};
    struct th_lan_packet packet;

    size_t len = th_lan_ping_write(bytes, &self, trace);

    assert_int_equal(th_lan_read(&packet, TH_CS3A, (struct th_bytes){bytes, len}), TH_DROP_NONE);
    assert_int_equal(packet.kind, TH_LAN_PING);
    assert_true(packet.has_csid);
    assert_true(th_lan_is_trace(packet.trace, trace));
    assert_false(th_lan_is_trace(packet.trace, other));
    th_identity_clear(&self);
}

static void pong_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct th_identity self = identity(1);
    uint8_t bytes[TH_LAN_PACKET_MAX];
    struct th_lan_packet packet;
    struct th_hashname id;

    size_t len = th_lan_pong_write(bytes, &self, "0123456789abcdef");

    assert_int_equal(th_lan_read(&packet, TH_CS3A, (struct th_bytes){bytes, len}), TH_DROP_NONE);
    assert_int_equal(packet.kind, TH_LAN_PONG);
    assert_string_equal(packet.trace, "0123456789abcdef");
    th_hashname_of(&id, &packet.parts);
    assert_true(th_hashname_is_equal(&id, &self.hashname));
    assert_memory_equal(packet.key.b, self.keys.pub.b, sizeof packet.key.b);
    th_identity_clear(&self);
}

/* The longest trace that is accepted still fits into our pong. */
static void longest_trace_can_be_sent_back(void **state)
{
    (void)state;
    struct th_identity self = identity(1);
    uint8_t bytes[TH_LAN_PACKET_MAX];
    char trace[TH_LAN_TRACE_MAX + 1];

    memset(trace, 'f', TH_LAN_TRACE_MAX);
    trace[TH_LAN_TRACE_MAX] = '\0';
    assert_true(th_lan_pong_write(bytes, &self, trace) > TH_LAN_TRACE_MAX);
    th_identity_clear(&self);
}

/* As telehash-js of 2014 sends them, with cipher sets that we do not have. */
static void ping_of_another_implementation_is_read(void **state)
{
    (void)state;
    struct th_lan_packet packet;

    assert_int_equal(read_text(&packet,
                               "{\"type\":\"ping\",\"trace\":\"0123456789abcdef0123456789abcdef\","
                               "\"2a\":true,\"3a\":true,\"1a\":true}",
                               0),
                     TH_DROP_NONE);
    assert_true(packet.has_csid);
    assert_int_equal(
        read_text(&packet, "{\"type\":\"ping\",\"trace\":\"ab\",\"2a\":true,\"1a\":true}", 0),
        TH_DROP_NONE);
    assert_false(packet.has_csid);
}

static void what_is_neither_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t body;
    } rows[] = {
        {"{\"type\":\"ping\"}", 0},
        {"{\"type\":\"ping\",\"trace\":7}", 0},
        {"{\"type\":\"ping\",\"trace\":\"\"}", 0},
        {"{\"type\":\"ping\",\"trace\":\"\\\"}\"}", 0}, /* it would be sent back */
        {"{\"type\":\"ping\",\"trace\":\"0123456789012345678901234567890123456789"
         "0123456789012345678901234\"}",
         0},
        {"{\"type\":\"pang\",\"trace\":\"ab\"}", 0},
        {"{\"trace\":\"ab\"}", 0},
        {"{\"type\":\"pong\",\"trace\":\"ab\",\"from\":{}}", 32},
        {"{\"type\":\"pong\",\"trace\":\"ab\",\"from\":[]}", 32},
        {"{\"type\":\"pong\",\"trace\":\"ab\"}", 32},
        {"{\"type\":\"pong\",\"trace\":\"ab\",\"from\":{\"3a\":"
         "\"0000000000000000000000000000000000000000"
         "000000000000000000000000\"}}",
         31},
        {"[1,2]", 0},
        {"{\"type\":", 0},
        {"", 0},
    };
    struct th_lan_packet packet;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(read_text(&packet, rows[i].head, rows[i].body), TH_DROP_LAN_BAD);
    assert_int_equal(th_lan_read(&packet, TH_CS3A, (struct th_bytes){(const uint8_t *)"x", 1}),
                     TH_DROP_LAN_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_is_read_as_it_was_written),
        cmocka_unit_test(pong_is_read_as_it_was_written),
        cmocka_unit_test(longest_trace_can_be_sent_back),
        cmocka_unit_test(ping_of_another_implementation_is_read),
        cmocka_unit_test(what_is_neither_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/see.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct th_hashname filled(uint8_t byte)
{
    struct th_hashname h;

    memset(h.b, byte, sizeof h.b);
    return h;
}

static struct th_see see_of(const char *head)
{
    struct th_see see;

    assert_int_equal(th_see_read(&see, th_bytes_of(head)), TH_DROP_NONE);
    return see;
}

static void entries_are_written_with_and_without_an_address(void **state)
{
    (void)state;
    struct th_see_entry entries[3] = {{.id = filled(0xaa), .csid = TH_CS3A},
                                      {.id = filled(0xbb), .csid = TH_CS3A, .has_addr = true},
                                      {.id = filled(0xbb), .csid = 0x1a, .has_addr = true}};
    char buffer[400];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    assert_true(th_addr_read_ip(&entries[1].addr, "127.0.0.1", 42424));
    assert_true(th_addr_read_ip(&entries[2].addr, "2001:db8::1", 7));

    th_see_put(&text, entries, 3);

    assert_string_equal(buffer, "\"see\":[\"" HASH_A ",3a\",\"" HASH_B ",3a,127.0.0.1,42424\","
                                "\"" HASH_B ",1a,2001:db8::1,7\"]");
}

static void at_most_eight_entries_are_written(void **state)
{
    (void)state;
    struct th_see_entry entries[12];
    char buffer[2000];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    for (size_t i = 0; i < 12; i++)
        entries[i] = (struct th_see_entry){.id = filled((uint8_t)i), .csid = TH_CS3A};

    th_text_put(&text, "{");
    th_see_put(&text, entries, 12);
    th_text_put(&text, "}");

    assert_int_equal(see_of(buffer).count, TH_SEE_SENT_MAX);
}

static void entries_are_read(void **state)
{
    (void)state;
    struct th_addr v4, v6;
    assert_true(th_addr_read_ip(&v4, "127.0.0.1", 42424));
    assert_true(th_addr_read_ip(&v6, "2001:db8::1", 7));

    struct th_see see = see_of("{\"see\":[\"" HASH_A ",3a\",\"" HASH_B ",3a,127.0.0.1,42424\","
                               "\"" HASH_A ",2a,2001:db8::1,7\"]}");

    assert_int_equal(see.count, 3);
    assert_int_equal(see.bad, 0);
    assert_int_equal(see.entry[0].csid, TH_CS3A);
    assert_false(see.entry[0].has_addr);
    assert_int_equal(see.entry[1].id.b[5], 0xbb);
    assert_true(see.entry[1].has_addr && th_addr_is_equal(&see.entry[1].addr, &v4));
    assert_int_equal(see.entry[2].csid, 0x2a);
    assert_true(see.entry[2].has_addr && th_addr_is_equal(&see.entry[2].addr, &v6));
}

static void an_empty_entry_is_skipped_in_silence(void **state)
{
    (void)state;

    struct th_see see = see_of("{\"see\":[\"\",\"" HASH_A ",3a\",\"\"]}");

    assert_int_equal(see.count, 1);
    assert_int_equal(see.bad, 0);
}

static void what_is_no_entry_is_counted(void **state)
{
    (void)state;
    static const char *const bad[] = {"7",
                                      "null",
                                      "[]",
                                      "{}",
                                      "\"x\"",
                                      "\"" HASH_A "\"",
                                      "\"" HASH_A ",\"",
                                      "\"" HASH_A ",3\"",
                                      "\"" HASH_A ",3x\"",
                                      "\"" HASH_A ",3a,\"",
                                      "\"" HASH_A ",3ab\"",
                                      "\"" HASH_A ";3a\"",
                                      "\"" HASH_A ",3a,1.2.3.4\"",
                                      "\"" HASH_A ",3a,1.2.3.4,\"",
                                      "\"" HASH_A ",3a,1.2.3.4,0\"",
                                      "\"" HASH_A ",3a,1.2.3.4,65536\"",
                                      "\"" HASH_A ",3a,1.2.3,5\"",
                                      "\"" HASH_A ",3a,1.2.3.4,5,6\"",
                                      "\"" HASH_A ",3a,0.0.0.0,5\"",
                                      "\"" HASH_A ",3a,,5\"",
                                      "\"" HASH_A ",3a,[::1],5\"",
                                      "\"" HASH_A ",3a\\u0000\"",
                                      "\" " HASH_A ",3a\"",
                                      "\"" HASH_A ",3a,1.2.3.4,5\\u0000\"",
                                      "\"" HASH_A ",3a,::1]:5,7\""};
    char head[300];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(head, sizeof head, "{\"see\":[%s,\"" HASH_B ",3a\"]}", bad[i]);
        struct th_see see = see_of(head);
        if (see.count != 1 || see.bad != 1)
            fail_msg("%s: %u entries, %u bad", bad[i], see.count, see.bad);
        assert_int_equal(see.entry[0].id.b[0], 0xbb);
    }
}

static void entries_beyond_sixteen_are_counted_and_not_read(void **state)
{
    (void)state;
    char buffer[4000];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_text_put(&text, "{\"see\":[\"bad\"");
    for (unsigned i = 0; i < 20; i++)
        th_text_put(&text, ",\"\",\"" HASH_A ",3a\"");
    th_text_put(&text, "]}");
    struct th_see see = see_of(buffer);

    assert_int_equal(see.bad, 1);
    assert_int_equal(see.count, 15);
    assert_int_equal(see.over, 5);
}

static void without_a_see_there_is_nothing_to_see(void **state)
{
    (void)state;
    struct th_see see = see_of("{\"c\":1}");

    assert_int_equal(see.count + see.bad + see.over, 0);
    assert_int_equal(th_see_read(&see, th_bytes_of("[]")), TH_DROP_SEE_BAD);
    assert_int_equal(th_see_read(&see, th_bytes_of("{\"see\":{}}")), TH_DROP_SEE_BAD);
    assert_int_equal(th_see_read(&see, th_bytes_of("{\"see\":null}")), TH_DROP_SEE_BAD);
    assert_int_equal(th_see_read(&see, th_bytes_of("")), TH_DROP_SEE_BAD);
}

static void a_seek_carries_the_first_digits(void **state)
{
    (void)state;
    struct th_hashname target = filled(0xab);
    char buffer[100];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_seek_put(&text, &target, 3);

    assert_string_equal(buffer, "\"seek\":\"aba\"");
}

static void seeks_of_any_length_and_case_are_read(void **state)
{
    (void)state;
    struct th_prefix prefix = {.digits = 0};

    assert_int_equal(th_seek_read(&prefix, th_bytes_of("{\"seek\":\"aBc\"}")), TH_DROP_NONE);
    assert_int_equal(prefix.digits, 3);
    assert_int_equal(th_seek_read(&prefix, th_bytes_of("{\"seek\":\"" HASH_A "\"}")), TH_DROP_NONE);
    assert_int_equal(prefix.digits, 64);
}

static void a_seek_that_is_no_hex_is_dropped(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"seek\":\"\"}",
                                      "{\"seek\":7}",
                                      "{\"seek\":\"xy\"}",
                                      "{\"seek\":\"" HASH_A "0\"}",
                                      "{\"seek\":\"a\\u0000\"}"};
    struct th_prefix prefix = {.digits = 5};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(th_seek_read(&prefix, th_bytes_of(bad[i])), TH_DROP_SEEK_BAD);

    assert_int_equal(prefix.digits, 5);
}

static void a_link_says_whether_it_seeds(void **state)
{
    (void)state;
    char buffer[100];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    struct th_link_head link;

    th_link_put(&text, true);
    assert_string_equal(buffer, "\"seed\":true");

    assert_int_equal(th_link_read(&link, th_bytes_of("{\"seed\":true,\"see\":[]}")), TH_DROP_NONE);
    assert_true(link.is_seed);
    assert_int_equal(th_link_read(&link, th_bytes_of("{\"seed\":false}")), TH_DROP_NONE);
    assert_false(link.is_seed);
    assert_int_equal(th_link_read(&link, th_bytes_of("{}")), TH_DROP_NONE);
    assert_false(link.is_seed);
}

static void a_link_carries_a_see_and_a_bad_one_does_not_end_it(void **state)
{
    (void)state;
    struct th_link_head link;

    assert_int_equal(
        th_link_read(&link, th_bytes_of("{\"seed\":true,\"see\":[\"\",\"" HASH_A ",3a\"]}")),
        TH_DROP_NONE);
    assert_int_equal(link.see.count, 1);
    assert_int_equal(th_link_read(&link, th_bytes_of("{\"seed\":true,\"see\":7}")), TH_DROP_NONE);
    assert_true(link.is_seed);
    assert_int_equal(link.see.bad, 1);
    assert_int_equal(th_link_read(&link, th_bytes_of("[]")), TH_DROP_LINK_BAD);
}

static void a_peer_request_is_written_and_read(void **state)
{
    (void)state;
    struct th_hashname target = filled(0xaa);
    struct th_addr path;
    char buffer[300];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    struct th_peer_head peer;
    assert_true(th_addr_read_ip(&path, "127.0.0.1", 1001));

    th_text_put(&text, "{");
    th_peer_put(&text, &target, &path, 1);
    th_text_put(&text, "}");

    assert_string_equal(buffer, "{\"peer\":\"" HASH_A "\",\"paths\":[{\"type\":\"ipv4\",\"ip\":"
                                "\"127.0.0.1\",\"port\":1001}]}");
    assert_int_equal(th_peer_read(&peer, th_text_bytes(&text)), TH_DROP_NONE);
    assert_true(th_hashname_is_equal(&peer.target, &target));
    assert_int_equal(peer.paths.count, 1);
}

static void a_peer_request_may_lack_paths_but_not_the_peer(void **state)
{
    (void)state;
    struct th_peer_head peer;

    assert_int_equal(th_peer_read(&peer, th_bytes_of("{\"peer\":\"" HASH_A "\"}")), TH_DROP_NONE);
    assert_int_equal(peer.paths.count, 0);
    assert_int_equal(th_peer_read(&peer, th_bytes_of("{\"paths\":[]}")), TH_DROP_PEER_BAD);
    assert_int_equal(th_peer_read(&peer, th_bytes_of("{\"peer\":\"aa\"}")), TH_DROP_PEER_BAD);
    assert_int_equal(th_peer_read(&peer, th_bytes_of("{\"peer\":\"" HASH_A "\",\"paths\":7}")),
                     TH_DROP_PEER_BAD);
    assert_int_equal(th_peer_read(&peer, th_bytes_of("[]")), TH_DROP_PEER_BAD);
}

static void a_connect_is_written_and_read(void **state)
{
    (void)state;
    struct th_parts parts = {0};
    struct th_fingerprint fp = {{1, 2, 3}};
    struct th_hashname wanted;
    char buffer[300];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    struct th_connect_head connect;
    assert_true(th_parts_add(&parts, TH_CS3A, &fp));
    assert_true(th_parts_add(&parts, 0x1a, &fp));
    th_hashname_of(&wanted, &parts);

    th_text_put(&text, "{");
    th_connect_put(&text, &parts, NULL, 0);
    th_text_put(&text, "}");

    assert_int_equal(th_connect_read(&connect, th_text_bytes(&text)), TH_DROP_NONE);
    assert_int_equal(connect.from.count, 2);
    assert_true(th_hashname_is_equal(&connect.id, &wanted));
    assert_int_equal(connect.paths.count, 0);
}

static void a_connect_without_parts_is_dropped(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"from\":{}}",
                                      "{\"from\":[]}",
                                      "{\"from\":{\"3a\":\"aa\"}}",
                                      "{\"from\":{\"3a\":7}}",
                                      "{\"from\":{\"3A\":\"" HASH_A "\"}}",
                                      "{\"from\":{\"3a\":\"" HASH_A "\"},\"paths\":{}}"};
    struct th_connect_head connect = {.paths.count = 5};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(th_connect_read(&connect, th_bytes_of(bad[i])), TH_DROP_CONNECT_BAD);

    assert_int_equal(connect.paths.count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_written_with_and_without_an_address),
        cmocka_unit_test(at_most_eight_entries_are_written),
        cmocka_unit_test(entries_are_read),
        cmocka_unit_test(an_empty_entry_is_skipped_in_silence),
        cmocka_unit_test(what_is_no_entry_is_counted),
        cmocka_unit_test(entries_beyond_sixteen_are_counted_and_not_read),
        cmocka_unit_test(without_a_see_there_is_nothing_to_see),
        cmocka_unit_test(a_seek_carries_the_first_digits),
        cmocka_unit_test(seeks_of_any_length_and_case_are_read),
        cmocka_unit_test(a_seek_that_is_no_hex_is_dropped),
        cmocka_unit_test(a_link_says_whether_it_seeds),
        cmocka_unit_test(a_link_carries_a_see_and_a_bad_one_does_not_end_it),
        cmocka_unit_test(a_peer_request_is_written_and_read),
        cmocka_unit_test(a_peer_request_may_lack_paths_but_not_the_peer),
        cmocka_unit_test(a_connect_is_written_and_read),
        cmocka_unit_test(a_connect_without_parts_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/path.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_addr addr(const char *text)
{
    struct th_addr a;

    assert_true(th_addr_read(&a, text, strlen(text)));
    return a;
}

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    static const char *const good[] = {"192.0.2.1:42424",
                                       "0.0.0.0:0",
                                       "255.255.255.255:65535",
                                       "[2001:db8::1]:42424",
                                       "[::]:1",
                                       "[::ffff:1.2.3.4]:5",
                                       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"};
    char text[TH_ADDR_TEXT_MAX];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct th_addr a = addr(good[i]);
        th_addr_write(text, &a);
        assert_string_equal(text, good[i]);
    }
}

static void what_is_no_address_is_refused_and_nothing_touched(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           ":",           "1.2.3.4",     "1.2.3.4:",      "1.2.3.4:65536",
        "1.2.3.4:-1", "1.2.3.4:+1",  "1.2.3.4:01",  "1.2.3.4: 1",    "1.2.3.4:1 ",
        "1.2.3:1",    "1.2.3.256:1", "01.2.3.4:1",  "1.2.3.4.5:1",   "::1:1",
        "[::1]",      "[::1]1",      "[::1:1",      "::1]:1",        "[1.2.3.4]:1",
        "[]:1",       "[::1%lo]:1",  "localhost:1", "1.2.3.4:99999", "1.2.3.4:100000",
        "1.2.3.4:1x", "[::g]:1",     "1.2.3.4:1:2", "[[::1]]:1",     " 1.2.3.4:1"};
    struct th_addr a = {.port = 77};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (th_addr_read(&a, bad[i], strlen(bad[i])))
            fail_msg("read as an address: %s", bad[i]);
    assert_false(th_addr_read(&a, "1.2.3.4\0:1", 10));
    assert_false(th_addr_read(&a, NULL, 0));

    assert_int_equal(a.port, 77);
    assert_int_equal(a.family, TH_FAMILY_NONE);
}

static void an_ip_and_a_port_make_an_address(void **state)
{
    (void)state;
    struct th_addr a, b = addr("[2001:db8::7]:9"), c = addr("10.0.0.1:8");

    assert_true(th_addr_read_ip(&a, "2001:db8::7", 9));
    assert_true(th_addr_is_equal(&a, &b));
    assert_true(th_addr_read_ip(&a, "10.0.0.1", 8));
    assert_true(th_addr_is_equal(&a, &c));
    assert_false(th_addr_read_ip(&a, "host", 8));
    assert_false(th_addr_read_ip(&a, "", 8));
}

static void addresses_differ_by_ip_port_and_family(void **state)
{
    (void)state;
    struct th_addr a = addr("1.2.3.4:5"), b = a;

    assert_true(th_addr_is_equal(&a, &b));
    b.port = 6;
    assert_false(th_addr_is_equal(&a, &b));
    b = a;
    b.ip[3] = 5;
    assert_false(th_addr_is_equal(&a, &b));
    b = a;
    b.family = TH_FAMILY_IPV6;
    assert_false(th_addr_is_equal(&a, &b));
}

static void every_address_is_in_a_realm(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum th_realm realm;
    } cases[] = {
        {"0.0.0.0:1", TH_REALM_NONE},
        {"0.1.2.3:1", TH_REALM_NONE},
        {"224.0.0.1:1", TH_REALM_NONE},
        {"239.42.42.42:1", TH_REALM_NONE},
        {"255.255.255.255:1", TH_REALM_NONE},
        {"127.0.0.1:1", TH_REALM_LOOPBACK},
        {"127.255.0.1:1", TH_REALM_LOOPBACK},
        {"169.254.1.1:1", TH_REALM_LINK},
        {"169.253.1.1:1", TH_REALM_PUBLIC},
        {"10.1.2.3:1", TH_REALM_PRIVATE},
        {"172.15.0.1:1", TH_REALM_PUBLIC},
        {"172.16.0.1:1", TH_REALM_PRIVATE},
        {"172.31.0.1:1", TH_REALM_PRIVATE},
        {"172.32.0.1:1", TH_REALM_PUBLIC},
        {"192.168.0.1:1", TH_REALM_PRIVATE},
        {"192.169.0.1:1", TH_REALM_PUBLIC},
        {"100.63.0.1:1", TH_REALM_PUBLIC},
        {"100.64.0.1:1", TH_REALM_PRIVATE},
        {"100.127.0.1:1", TH_REALM_PRIVATE},
        {"100.128.0.1:1", TH_REALM_PUBLIC},
        {"8.8.8.8:1", TH_REALM_PUBLIC},
        {"223.255.255.255:1", TH_REALM_PUBLIC},
        {"[::]:1", TH_REALM_NONE},
        {"[::1]:1", TH_REALM_LOOPBACK},
        {"[::2]:1", TH_REALM_PUBLIC},
        {"[ff02::1]:1", TH_REALM_NONE},
        {"[fe80::1]:1", TH_REALM_LINK},
        {"[febf::1]:1", TH_REALM_LINK},
        {"[fec0::1]:1", TH_REALM_PUBLIC},
        {"[fc00::1]:1", TH_REALM_PRIVATE},
        {"[fdff::1]:1", TH_REALM_PRIVATE},
        {"[2001:db8::1]:1", TH_REALM_PUBLIC},
        {"[::ffff:127.0.0.1]:1", TH_REALM_LOOPBACK},
        {"[::ffff:0.0.0.0]:1", TH_REALM_NONE},
    };
    struct th_addr none = {.family = TH_FAMILY_NONE};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_addr a = addr(cases[i].text);
        if (th_addr_realm(&a) != cases[i].realm)
            fail_msg("%s is in realm %d", cases[i].text, (int)th_addr_realm(&a));
    }
    assert_int_equal(th_addr_realm(&none), TH_REALM_NONE);
}

static void a_mapped_ipv4_address_becomes_ipv4(void **state)
{
    (void)state;
    struct th_addr a = addr("[::ffff:1.2.3.4]:5"), wanted = addr("1.2.3.4:5");
    struct th_addr other = addr("[::1.2.3.4]:5"), same = other;

    th_addr_unmap(&a);
    th_addr_unmap(&other);

    assert_memory_equal(&a, &wanted, sizeof a);
    assert_memory_equal(&other, &same, sizeof other);
}

static void paths_are_written_as_the_others_write_them(void **state)
{
    (void)state;
    struct th_addr addrs[] = {addr("127.0.0.1:1002"), addr("[2001:db8::1]:7")};
    char buffer[200];
    struct th_text text = th_text_in(buffer, sizeof buffer);

    th_paths_put(&text, addrs, 2);
    th_text_put(&text, ",");
    th_path_put_seen(&text, &addrs[0]);

    assert_string_equal(buffer, "\"paths\":[{\"type\":\"ipv4\",\"ip\":\"127.0.0.1\",\"port\":1002},"
                                "{\"type\":\"ipv6\",\"ip\":\"2001:db8::1\",\"port\":7}],"
                                "\"path\":{\"type\":\"ipv4\",\"ip\":\"127.0.0.1\",\"port\":1002}");
}

static void a_request_and_an_answer_are_read(void **state)
{
    (void)state;
    struct th_path_head head;
    struct th_addr wanted = addr("127.0.0.1:1002");

    assert_int_equal(th_path_read(&head, th_bytes_of("{\"paths\":[{\"type\":\"ipv4\",\"ip\":"
                                                     "\"127.0.0.1\",\"port\":1002}],\"c\":3}")),
                     TH_DROP_NONE);
    assert_int_equal(head.paths.count, 1);
    assert_memory_equal(&head.paths.addr[0], &wanted, sizeof wanted);
    assert_false(head.has_seen);

    assert_int_equal(th_path_read(&head, th_bytes_of("{\"path\":{\"type\":\"ipv4\",\"ip\":"
                                                     "\"127.0.0.1\",\"port\":1002},\"c\":3}")),
                     TH_DROP_NONE);
    assert_int_equal(head.paths.count, 0);
    assert_true(head.has_seen);
    assert_memory_equal(&head.seen, &wanted, sizeof wanted);
}

static void paths_that_nobody_can_use_are_left_out(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"type\":\"http\",\"ip\":\"1.2.3.4\",\"port\":5}",
        "{\"type\":\"relay\",\"id\":\"00\"}",
        "{\"type\":\"ipv6\",\"ip\":\"1.2.3.4\",\"port\":5}",
        "{\"type\":\"ipv4\",\"ip\":\"::1\",\"port\":5}",
        "{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":0}",
        "{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":65536}",
        "{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":-5}",
        "{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":\"5\"}",
        "{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\"}",
        "{\"type\":\"ipv4\",\"ip\":\"0.0.0.0\",\"port\":5}",
        "{\"type\":\"ipv4\",\"ip\":\"224.0.0.1\",\"port\":5}",
        "{\"type\":\"ipv4\",\"ip\":\"name\",\"port\":5}",
        "{\"type\":\"ipv4\",\"ip\":1,\"port\":5}",
        "{\"ip\":\"1.2.3.4\",\"port\":5}",
        "{}",
        "[]",
        "null",
        "7",
    };
    char head[300];
    struct th_path_head path;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(head, sizeof head,
                 "{\"path\":%s,\"paths\":[%s,{\"type\":\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":5}]}",
                 bad[i], bad[i]);
        assert_int_equal(th_path_read(&path, th_bytes_of(head)), TH_DROP_NONE);
        assert_false(path.has_seen);
        assert_int_equal(path.paths.count, 1);
    }
}

static void a_mapped_path_is_taken_for_what_it_is(void **state)
{
    (void)state;
    struct th_path_head path;
    struct th_addr wanted = addr("10.0.0.1:5");

    assert_int_equal(th_path_read(&path, th_bytes_of("{\"path\":{\"type\":\"ipv6\",\"ip\":"
                                                     "\"::ffff:10.0.0.1\",\"port\":5}}")),
                     TH_DROP_NONE);

    assert_true(path.has_seen && th_addr_is_equal(&path.seen, &wanted));
}

static void at_most_eight_paths_are_kept(void **state)
{
    (void)state;
    struct th_addr addrs[20];
    char buffer[2000];
    struct th_text text = th_text_in(buffer, sizeof buffer);
    struct th_path_head path;
    for (unsigned i = 0; i < 20; i++) {
        addrs[i] = addr("1.2.3.4:1");
        addrs[i].port = (uint16_t)(i + 1);
    }
    th_text_put(&text, "{");
    th_paths_put(&text, addrs, 20);
    th_text_put(&text, "}");

    assert_int_equal(th_path_read(&path, th_text_bytes(&text)), TH_DROP_NONE);

    assert_int_equal(path.paths.count, TH_PATHS_MAX);
    assert_int_equal(path.paths.addr[TH_PATHS_MAX - 1].port, TH_PATHS_MAX);
}

static void a_path_head_that_is_none_is_dropped_and_nothing_touched(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "[]", "{", "7", "{\"paths\":{}}", "{\"paths\":null}", "{\"paths\":\"\"}"};
    struct th_path_head path = {.has_seen = true};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(th_path_read(&path, th_bytes_of(bad[i])), TH_DROP_PATH_BAD);
    assert_int_equal(th_path_read(&path, (struct th_bytes){NULL, 0}), TH_DROP_PATH_BAD);

    assert_true(path.has_seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(what_is_no_address_is_refused_and_nothing_touched),
        cmocka_unit_test(an_ip_and_a_port_make_an_address),
        cmocka_unit_test(addresses_differ_by_ip_port_and_family),
        cmocka_unit_test(every_address_is_in_a_realm),
        cmocka_unit_test(a_mapped_ipv4_address_becomes_ipv4),
        cmocka_unit_test(paths_are_written_as_the_others_write_them),
        cmocka_unit_test(a_request_and_an_answer_are_read),
        cmocka_unit_test(paths_that_nobody_can_use_are_left_out),
        cmocka_unit_test(a_mapped_path_is_taken_for_what_it_is),
        cmocka_unit_test(at_most_eight_paths_are_kept),
        cmocka_unit_test(a_path_head_that_is_none_is_dropped_and_nothing_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

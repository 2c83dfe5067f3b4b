#include "tools/app/addresses.h"

#include "switch/base/mem.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_addr addr(const char *text)
{
    struct th_addr a;

    assert_true(th_addr_read(&a, text, strlen(text)));
    return a;
}

static void assert_chosen(const struct th_paths *paths, const char *const *wanted, unsigned count)
{
    assert_int_equal(paths->count, count);
    for (unsigned i = 0; i < count; i++) {
        char text[TH_ADDR_TEXT_MAX];

        th_addr_write(text, &paths->addr[i]);
        assert_string_equal(text, wanted[i]);
    }
}

static void what_is_advertised_is_all_that_is_told(void **state)
{
    (void)state;
    struct th_paths advertised = {.count = 1, .addr = {addr("8.8.8.8:1")}}, out;
    struct th_addr listen[] = {addr("9.9.9.9:2")};

    th_addresses_choose(&out, &advertised, listen, 1, listen, 1);
    assert_chosen(&out, (const char *[]){"8.8.8.8:1"}, 1);
}

static void public_addresses_come_before_private_and_loopback_goes(void **state)
{
    (void)state;
    struct th_paths none = {0}, out;
    struct th_addr listen[] = {addr("127.0.0.1:1"), addr("192.168.1.2:1"), addr("9.9.9.9:1"),
                               addr("[fe80::1]:1"), addr("9.9.9.9:1")};

    th_addresses_choose(&out, &none, listen, 5, NULL, 0);
    assert_chosen(&out, (const char *[]){"9.9.9.9:1", "192.168.1.2:1"}, 2);
}

static void where_others_saw_us_helps_only_who_has_no_public_address(void **state)
{
    (void)state;
    struct th_paths none = {0}, out;
    struct th_addr home[] = {addr("192.168.1.2:1")}, host[] = {addr("9.9.9.9:1")};
    struct th_addr seen[] = {addr("8.8.8.8:5"), addr("192.168.1.2:1")};

    th_addresses_choose(&out, &none, home, 1, seen, 2);
    assert_chosen(&out, (const char *[]){"8.8.8.8:5", "192.168.1.2:1"}, 2);
    th_addresses_choose(&out, &none, host, 1, seen, 2);
    assert_chosen(&out, (const char *[]){"9.9.9.9:1"}, 1);
}

static void loopback_is_told_when_there_is_nothing_else(void **state)
{
    (void)state;
    struct th_paths none = {0}, out;
    struct th_addr listen[] = {addr("127.0.0.1:1"), addr("[::1]:1")};

    th_addresses_choose(&out, &none, listen, 2, NULL, 0);
    assert_chosen(&out, (const char *[]){"127.0.0.1:1", "[::1]:1"}, 2);
}

static void numbers_need_no_resolver(void **state)
{
    (void)state;
    struct th_paths out;
    char say[TH_SAY_MAX];
    bool is_missing[2];
    const char *names[] = {"192.0.2.1:7", "[2001:db8::1]:8"};

    assert_int_equal(th_addresses_resolve(&out, is_missing, names, 2, say), TH_OK);
    assert_chosen(&out, names, 2);
}

static void a_name_without_a_network_is_still_understood(void **state)
{
    (void)state;
    struct th_paths out;
    char say[TH_SAY_MAX];
    bool is_missing[2];
    const char *names[] = {"localhost:7"}; /* in /etc/hosts */

    assert_int_equal(th_addresses_resolve(&out, is_missing, names, 1, say), TH_OK);
    assert_true(out.count >= 1);
    assert_int_equal(out.addr[0].port, 7);
    assert_int_equal(th_addr_realm(&out.addr[0]), TH_REALM_LOOPBACK);
}

static void a_name_without_an_address_keeps_none_of_the_others(void **state)
{
    (void)state;
    struct th_paths out;
    char say[TH_SAY_MAX];
    bool is_missing[3];
    const char *names[] = {"192.0.2.1:7", "no-such-host.invalid:8", "192.0.2.2:9"};
    const char *there[] = {"192.0.2.1:7", "192.0.2.2:9"};

    assert_int_equal(th_addresses_resolve(&out, is_missing, names, 3, say), TH_NOT_FOUND);
    assert_chosen(&out, there, 2);
    assert_true(!is_missing[0] && is_missing[1] && !is_missing[2]);
    assert_non_null(strstr(say, "no-such-host.invalid:8"));
}

static void an_entry_can_be_read_back(void **state)
{
    (void)state;
    uint8_t seed[TH_KEY_BYTES] = {5};
    struct th_identity identity;
    struct th_paths paths = {.count = 1, .addr = {addr("192.0.2.1:7")}};
    struct th_seeds seeds = {0};
    char *text, complaint[TH_COMPLAINT_MAX];

    th_identity_make(&identity, seed);
    assert_int_equal(th_addresses_entry(&text, &identity, &paths, NULL, 0), TH_OK);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);
    assert_int_equal(seeds.count, 1);
    assert_true(th_hashname_is_equal(&seeds.seed[0].id, &identity.hashname));
    assert_true(th_addr_is_equal(&seeds.seed[0].paths.addr[0], &paths.addr[0]));
    th_seeds_clear(&seeds);
    th_mem_free(text);
}

static void a_wildcard_would_listen_on_every_interface(void **state)
{
    (void)state;
    struct th_addr out[TH_NET_ADDRS_MAX];
    struct th_addr listen[] = {addr("192.0.2.1:7"),
                               {.family = TH_FAMILY_IPV4, .port = 9},
                               {.family = TH_FAMILY_IPV4, .port = 0}};

    unsigned count = th_addresses_would_listen(out, TH_NET_ADDRS_MAX, listen, 3);
    assert_true(count >= 1);
    assert_true(th_addr_is_equal(&out[0], &listen[0]));
    for (unsigned i = 1; i < count; i++)
        assert_int_equal(out[i].port, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_advertised_is_all_that_is_told),
        cmocka_unit_test(public_addresses_come_before_private_and_loopback_goes),
        cmocka_unit_test(where_others_saw_us_helps_only_who_has_no_public_address),
        cmocka_unit_test(loopback_is_told_when_there_is_nothing_else),
        cmocka_unit_test(numbers_need_no_resolver),
        cmocka_unit_test(a_name_without_a_network_is_still_understood),
        cmocka_unit_test(a_name_without_an_address_keeps_none_of_the_others),
        cmocka_unit_test(an_entry_can_be_read_back),
        cmocka_unit_test(a_wildcard_would_listen_on_every_interface),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

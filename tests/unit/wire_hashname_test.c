#include "switch/wire/hashname.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_hashname filled(uint8_t byte)
{
    struct th_hashname h;

    memset(h.b, byte, sizeof h.b);
    return h;
}

static struct th_hashname of_hex(const char *hex)
{
    struct th_hashname h;

    assert_true(th_hashname_read(&h, hex, strlen(hex)));
    return h;
}

static struct th_prefix prefix_of(const char *hex)
{
    struct th_prefix prefix;

    assert_true(th_prefix_read(&prefix, hex, strlen(hex)));
    return prefix;
}

static void parts_are_kept_in_the_order_of_their_csids(void **state)
{
    (void)state;
    struct th_parts parts = {0};
    struct th_fingerprint fp = {{1}};

    assert_true(th_parts_add(&parts, 0x3a, &fp));
    assert_true(th_parts_add(&parts, 0x1a, &fp));
    assert_true(th_parts_add(&parts, 0x2a, &fp));

    assert_int_equal(parts.count, 3);
    assert_int_equal(parts.part[0].csid, 0x1a);
    assert_int_equal(parts.part[1].csid, 0x2a);
    assert_int_equal(parts.part[2].csid, 0x3a);
}

static void a_csid_is_added_once(void **state)
{
    (void)state;
    struct th_parts parts = {0};
    struct th_fingerprint first = {{1}}, second = {{2}};

    assert_true(th_parts_add(&parts, 0x3a, &first));
    assert_false(th_parts_add(&parts, 0x3a, &second));

    assert_int_equal(th_parts_find(&parts, 0x3a)->fingerprint.b[0], 1);
    assert_null(th_parts_find(&parts, 0x1a));
}

static void a_key_belongs_to_the_part_that_is_its_fingerprint(void **state)
{
    (void)state;
    const struct th_bytes key = th_bytes_of("a key"), other = th_bytes_of("another");
    struct th_parts parts = {0};
    struct th_fingerprint fp;

    th_fingerprint_of(&fp, key.at, key.len);
    assert_true(th_parts_add(&parts, 0x3a, &fp));

    assert_true(th_parts_have_key(&parts, 0x3a, key));
    assert_false(th_parts_have_key(&parts, 0x3a, other));
    assert_false(th_parts_have_key(&parts, 0x1a, key));
}

static void parts_have_a_limit(void **state)
{
    (void)state;
    struct th_parts parts = {0};
    struct th_fingerprint fp = {{0}};
    for (uint8_t csid = 0; csid < TH_PARTS_MAX; csid++)
        assert_true(th_parts_add(&parts, csid, &fp));

    assert_false(th_parts_add(&parts, 0xff, &fp));

    assert_int_equal(parts.count, TH_PARTS_MAX);
}

static void a_hashname_does_not_depend_on_the_order_of_adding(void **state)
{
    (void)state;
    struct th_parts one = {0}, two = {0};
    struct th_fingerprint a = {{1}}, b = {{2}};
    struct th_hashname of_one, of_two;
    assert_true(th_parts_add(&one, 1, &a) && th_parts_add(&one, 2, &b));
    assert_true(th_parts_add(&two, 2, &b) && th_parts_add(&two, 1, &a));

    th_hashname_of(&of_one, &one);
    th_hashname_of(&of_two, &two);

    assert_true(th_hashname_is_equal(&of_one, &of_two));
}

static void the_example_of_the_specification_rolls_up(void **state)
{
    (void)state;
    struct th_parts parts = {0};
    struct th_hashname h;
    struct th_hashname fp_2a =
        of_hex("bf6e23c6db99ed2d24b160e89a37c9cd183fb61afeca40c4bc378cf6e488bebe");
    struct th_hashname fp_1a =
        of_hex("a5a741fa09b05baaead17fa9932e13cdafc7bcd39db1153fc6bbfe4614c063f3");
    struct th_fingerprint fp;
    char hex[TH_HASHNAME_HEX + 1];

    memcpy(fp.b, fp_2a.b, sizeof fp.b);
    assert_true(th_parts_add(&parts, 0x2a, &fp));
    memcpy(fp.b, fp_1a.b, sizeof fp.b);
    assert_true(th_parts_add(&parts, 0x1a, &fp));
    th_hashname_of(&h, &parts);

    th_hashname_write(hex, &h);
    assert_string_equal(hex, "0b0137a6b38d00780686207b6f4b19e8731e68c6f76b435c85faf77100851451");
}

static void only_64_hex_digits_are_a_hashname(void **state)
{
    (void)state;
    char hex[66];
    struct th_hashname h = filled(7);
    memset(hex, 'A', sizeof hex);

    assert_false(th_hashname_read(&h, hex, 63));
    assert_false(th_hashname_read(&h, hex, 65));
    hex[10] = 'x';
    assert_false(th_hashname_read(&h, hex, 64));
    assert_int_equal(h.b[0], 7);
    hex[10] = 'a';
    assert_true(th_hashname_read(&h, hex, 64));
    assert_int_equal(h.b[31], 0xaa);
}

static void the_short_form_is_the_first_16_digits(void **state)
{
    (void)state;
    struct th_hashname h = filled(0xab);

    assert_string_equal(th_hashname_short(&h).hex, "abababababababab");
}

static void the_bucket_is_the_highest_differing_bit(void **state)
{
    (void)state;
    struct th_hashname zero = filled(0), h = filled(0);

    assert_int_equal(th_hashname_bucket(&zero, &h), -1);
    h.b[31] = 1;
    assert_int_equal(th_hashname_bucket(&zero, &h), 0);
    h.b[31] = 0xff;
    assert_int_equal(th_hashname_bucket(&zero, &h), 7);
    h.b[1] = 0x10;
    assert_int_equal(th_hashname_bucket(&zero, &h), 244);
    h.b[0] = 0x80;
    assert_int_equal(th_hashname_bucket(&zero, &h), 255);
}

static void nearer_is_by_xor_and_not_by_difference(void **state)
{
    (void)state;
    struct th_hashname target = filled(0), a = filled(0), b = filled(0);
    target.b[0] = 0x80;
    a.b[0] = 0x7f; /* one below the target, yet the first bit differs */
    b.b[0] = 0xff;

    assert_true(th_hashname_nearer(&target, &b, &a) < 0);
    assert_true(th_hashname_nearer(&target, &a, &b) > 0);
    assert_int_equal(th_hashname_nearer(&target, &a, &a), 0);
}

static void prefixes_of_odd_length_are_read(void **state)
{
    (void)state;
    struct th_hashname h = filled(0xab);
    struct th_prefix even = prefix_of("abab"), odd = prefix_of("aba"), other = prefix_of("abb");

    assert_int_equal(odd.digits, 3);
    assert_int_equal(odd.padded.b[1], 0xa0);
    assert_int_equal(odd.padded.b[2], 0);
    assert_true(th_hashname_has_prefix(&h, &even));
    assert_true(th_hashname_has_prefix(&h, &odd));
    assert_false(th_hashname_has_prefix(&h, &other));
}

static void a_whole_hashname_is_a_prefix_of_itself(void **state)
{
    (void)state;
    char hex[TH_HASHNAME_HEX + 1];
    struct th_hashname h = filled(0x5c), other = filled(0x5c);
    th_hashname_write(hex, &h);
    other.b[31] ^= 1;

    struct th_prefix prefix = prefix_of(hex);

    assert_true(th_hashname_has_prefix(&h, &prefix));
    assert_false(th_hashname_has_prefix(&other, &prefix));
}

static void what_is_no_prefix_is_refused(void **state)
{
    (void)state;
    struct th_prefix prefix = {.digits = 9};
    char hex[66];
    memset(hex, '0', sizeof hex);

    assert_false(th_prefix_read(&prefix, "", 0));
    assert_false(th_prefix_read(&prefix, hex, 65));
    assert_false(th_prefix_read(&prefix, "0x", 2));
    assert_false(th_prefix_read(&prefix, "a\0b", 3));

    assert_int_equal(prefix.digits, 9);
}

static void a_seek_carries_the_matching_bytes_and_one_more(void **state)
{
    (void)state;
    struct th_hashname asked = filled(0), target = filled(0);

    assert_int_equal(th_seek_digits(&asked, &target), 64);
    target.b[31] = 1;
    assert_int_equal(th_seek_digits(&asked, &target), 64);
    target.b[30] = 1;
    assert_int_equal(th_seek_digits(&asked, &target), 62);
    target.b[1] = 1;
    assert_int_equal(th_seek_digits(&asked, &target), 4);
    target.b[0] = 1;
    assert_int_equal(th_seek_digits(&asked, &target), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_kept_in_the_order_of_their_csids),
        cmocka_unit_test(a_csid_is_added_once),
        cmocka_unit_test(a_key_belongs_to_the_part_that_is_its_fingerprint),
        cmocka_unit_test(parts_have_a_limit),
        cmocka_unit_test(a_hashname_does_not_depend_on_the_order_of_adding),
        cmocka_unit_test(the_example_of_the_specification_rolls_up),
        cmocka_unit_test(only_64_hex_digits_are_a_hashname),
        cmocka_unit_test(the_short_form_is_the_first_16_digits),
        cmocka_unit_test(the_bucket_is_the_highest_differing_bit),
        cmocka_unit_test(nearer_is_by_xor_and_not_by_difference),
        cmocka_unit_test(prefixes_of_odd_length_are_read),
        cmocka_unit_test(a_whole_hashname_is_a_prefix_of_itself),
        cmocka_unit_test(what_is_no_prefix_is_refused),
        cmocka_unit_test(a_seek_carries_the_matching_bytes_and_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

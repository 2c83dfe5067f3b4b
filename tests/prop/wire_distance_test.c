#include "switch/wire/hashname.h"

#include <string.h>

#include "tests/lib/test_seed.h"
#include "tests/lib/test_cmocka.h"

enum { ROUNDS = 5000 };

static struct th_rng rng;

static struct th_hashname any(void)
{
    struct th_hashname h;

    th_rng_fill(&rng, h.b, sizeof h.b);
    return h;
}

/* One that shares its first bits with another, so that near ones are as frequent as far ones. */
static struct th_hashname near_to(const struct th_hashname *other)
{
    struct th_hashname h = *other;
    unsigned first = (unsigned)th_rng_below(&rng, 8 * TH_HASHNAME_BYTES);

    for (unsigned bit = first; bit < 8 * TH_HASHNAME_BYTES; bit++)
        if (bit == first || th_rng_below(&rng, 2))
            h.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    return h;
}

static void a_distance_is_the_same_from_both_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname a = any(), b = near_to(&a);

        int bucket = th_hashname_bucket(&a, &b);

        assert_in_range(bucket, 0, 255);
        assert_int_equal(bucket, th_hashname_bucket(&b, &a));
        assert_int_equal(th_hashname_bucket(&a, &a), -1);
    }
}

static void a_lower_bucket_is_nearer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname target = any(), a = near_to(&target), b = near_to(&target);
        int of_a = th_hashname_bucket(&target, &a), of_b = th_hashname_bucket(&target, &b);

        int nearer = th_hashname_nearer(&target, &a, &b);

        if (of_a != of_b)
            assert_int_equal(nearer < 0, of_a < of_b);
        assert_int_equal(nearer == 0, th_hashname_is_equal(&a, &b));
        assert_int_equal(nearer<0, th_hashname_nearer(&target, &b, &a)> 0);
    }
}

static void nearer_is_an_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname t = any(), a = near_to(&t), b = near_to(&a), c = near_to(&b);

        if (th_hashname_nearer(&t, &a, &b) < 0 && th_hashname_nearer(&t, &b, &c) < 0)
            assert_true(th_hashname_nearer(&t, &a, &c) < 0);
        assert_true(th_hashname_nearer(&t, &t, &a) < 0);
    }
}

static void two_of_one_bucket_are_nearer_to_each_other_than_to_us(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname us = any(), a = near_to(&us), b = near_to(&us);
        int of_a = th_hashname_bucket(&us, &a), of_b = th_hashname_bucket(&us, &b);

        if (of_a == of_b)
            assert_true(th_hashname_bucket(&a, &b) < of_a);
        else
            assert_int_equal(th_hashname_bucket(&a, &b), of_a > of_b ? of_a : of_b);
    }
}

static void a_seek_tells_its_target_from_the_asked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname asked = any(), target = near_to(&asked);
        char hex[TH_HASHNAME_HEX + 1];
        struct th_prefix prefix;
        th_hashname_write(hex, &target);

        unsigned digits = th_seek_digits(&asked, &target);

        assert_in_range(digits, 2, 64);
        assert_true(th_prefix_read(&prefix, hex, digits));
        assert_true(th_hashname_has_prefix(&target, &prefix));
        assert_false(th_hashname_has_prefix(&asked, &prefix));
        assert_true(th_prefix_read(&prefix, hex, digits > 2 ? digits - 2 : 1));
        if (digits > 2)
            assert_true(th_hashname_has_prefix(&asked, &prefix));
    }
}

static void a_prefix_matches_as_the_text_does(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_hashname a = any(), b = near_to(&a);
        char hex_a[TH_HASHNAME_HEX + 1], hex_b[TH_HASHNAME_HEX + 1];
        size_t digits = th_rng_between(&rng, 1, 64);
        struct th_prefix prefix;
        th_hashname_write(hex_a, &a);
        th_hashname_write(hex_b, &b);

        assert_true(th_prefix_read(&prefix, hex_a, digits));

        assert_int_equal(th_hashname_has_prefix(&b, &prefix), memcmp(hex_a, hex_b, digits) == 0);
        assert_int_equal(th_hashname_compare(&a, &b) < 0, strcmp(hex_a, hex_b) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_is_the_same_from_both_ends),
        cmocka_unit_test(a_lower_bucket_is_nearer),
        cmocka_unit_test(nearer_is_an_order),
        cmocka_unit_test(two_of_one_bucket_are_nearer_to_each_other_than_to_us),
        cmocka_unit_test(a_seek_tells_its_target_from_the_asked),
        cmocka_unit_test(a_prefix_matches_as_the_text_does),
    };
    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

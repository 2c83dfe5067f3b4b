#include "switch/base/rng.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static const uint8_t seed_a[TH_RNG_SEED_BYTES] = "seed of a generator";
static const uint8_t seed_b[TH_RNG_SEED_BYTES] = "seed of another";

static void the_same_seed_draws_the_same(void **state)
{
    (void)state;
    struct th_rng one, two;
    uint8_t of_one[2000], of_two[2000];
    th_rng_init(&one, seed_a);
    th_rng_init(&two, seed_a);

    th_rng_fill(&one, of_one, sizeof of_one);
    th_rng_fill(&two, of_two, sizeof of_two);

    assert_memory_equal(of_one, of_two, sizeof of_one);
}

static void another_seed_draws_something_else(void **state)
{
    (void)state;
    struct th_rng one, two;
    th_rng_init(&one, seed_a);
    th_rng_init(&two, seed_b);

    assert_true(th_rng_u64(&one) != th_rng_u64(&two));
}

static void how_the_draws_are_cut_does_not_change_the_stream(void **state)
{
    (void)state;
    struct th_rng one, two;
    uint8_t whole[2000], cut[2000];
    th_rng_init(&one, seed_a);
    th_rng_init(&two, seed_a);

    th_rng_fill(&one, whole, sizeof whole);
    for (size_t at = 0, step = 1; at < sizeof cut; at += step, step = step % 97 + 1) {
        if (step > sizeof cut - at)
            step = sizeof cut - at;
        th_rng_fill(&two, cut + at, step);
    }

    assert_memory_equal(whole, cut, sizeof whole);
}

static void the_first_bytes_are_those_of_chacha20_after_the_next_key(void **state)
{
    (void)state;
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    struct th_rng rng;
    uint8_t stream[32 + 480], drawn[480];
    th_rng_init(&rng, seed_a);
    crypto_stream_chacha20(stream, sizeof stream, nonce, seed_a);

    th_rng_fill(&rng, drawn, sizeof drawn);

    assert_memory_equal(drawn, stream + 32, sizeof drawn);
    assert_memory_equal(rng.key, stream, 32);
}

static void what_was_drawn_is_no_longer_in_the_generator(void **state)
{
    (void)state;
    static const uint8_t zeros[100];
    struct th_rng rng;
    uint8_t drawn[100];
    th_rng_init(&rng, seed_a);

    th_rng_fill(&rng, drawn, sizeof drawn);

    assert_memory_equal(rng.pool, zeros, sizeof zeros);
    assert_memory_not_equal(rng.key, seed_a, sizeof rng.key);
}

static void a_fork_draws_apart_from_its_parent(void **state)
{
    (void)state;
    struct th_rng parent, child, other_parent, other_child;
    th_rng_init(&parent, seed_a);
    th_rng_init(&other_parent, seed_a);

    th_rng_fork(&parent, &child);
    th_rng_fork(&other_parent, &other_child);
    uint64_t of_child = th_rng_u64(&child);

    assert_true(of_child == th_rng_u64(&other_child));
    assert_true(of_child != th_rng_u64(&parent));
}

static void numbers_below_a_limit_reach_all_of_them_evenly(void **state)
{
    (void)state;
    enum { LIMIT = 7, DRAWS = 70000 };
    struct th_rng rng;
    unsigned counts[LIMIT] = {0};
    th_rng_init(&rng, seed_a);

    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t n = th_rng_below(&rng, LIMIT);
        assert_true(n < LIMIT);
        counts[n]++;
    }

    for (unsigned i = 0; i < LIMIT; i++)
        assert_in_range(counts[i], DRAWS / LIMIT * 95 / 100, DRAWS / LIMIT * 105 / 100);
}

static void a_range_holds_both_of_its_ends(void **state)
{
    (void)state;
    struct th_rng rng;
    bool has_low = false, has_high = false;
    th_rng_init(&rng, seed_a);

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t n = th_rng_between(&rng, 20, 25);
        assert_in_range(n, 20, 25);
        has_low |= n == 20;
        has_high |= n == 25;
    }

    assert_true(has_low && has_high);
    assert_int_equal(th_rng_between(&rng, 9, 9), 9);
    assert_int_equal(th_rng_below(&rng, 1), 0);
}

static void huge_limits_are_kept_too(void **state)
{
    (void)state;
    struct th_rng rng;
    th_rng_init(&rng, seed_a);

    for (unsigned i = 0; i < 1000; i++) {
        assert_true(th_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
        assert_true(th_rng_below(&rng, (1ull << 63) + 1) <= 1ull << 63);
    }
}

static void clearing_leaves_nothing(void **state)
{
    (void)state;
    struct th_rng rng, zero;
    memset(&zero, 0, sizeof zero);
    th_rng_init(&rng, seed_a);
    th_rng_u64(&rng);

    th_rng_clear(&rng);

    assert_memory_equal(&rng, &zero, sizeof rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_draws_the_same),
        cmocka_unit_test(another_seed_draws_something_else),
        cmocka_unit_test(how_the_draws_are_cut_does_not_change_the_stream),
        cmocka_unit_test(the_first_bytes_are_those_of_chacha20_after_the_next_key),
        cmocka_unit_test(what_was_drawn_is_no_longer_in_the_generator),
        cmocka_unit_test(a_fork_draws_apart_from_its_parent),
        cmocka_unit_test(numbers_below_a_limit_reach_all_of_them_evenly),
        cmocka_unit_test(a_range_holds_both_of_its_ends),
        cmocka_unit_test(huge_limits_are_kept_too),
        cmocka_unit_test(clearing_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

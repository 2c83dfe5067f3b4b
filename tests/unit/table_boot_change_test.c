/* Seeds that are named, moved and taken back while it runs. */
#include "router/boot.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static const struct th_now begin = {.mono = 1000, .wall = 1700000000000};

static struct th_seed seed_at(uint8_t name, uint16_t port)
{
    struct th_seed seed = {.paths.count = 1};

    memset(seed.id.b, name, sizeof seed.id.b);
    seed.paths.addr[0] =
        (struct th_addr){.ip = {127, 0, 0, 1}, .port = port, .family = TH_FAMILY_IPV4};
    return seed;
}

static void start(struct th_boot *boot, struct th_rng *rng)
{
    static const uint8_t rng_seed[TH_RNG_SEED_BYTES] = {1};
    struct th_hashname self = {{0}};

    th_rng_init(rng, rng_seed);
    th_boot_init(boot, &self, rng);
    th_boot_start(boot, begin);
}

/* The next action of a kind; false when there is none. */
static bool next_of(struct th_boot *boot, enum th_boot_action_kind kind,
                    struct th_boot_action *action)
{
    while (th_boot_next(boot, action))
        if (action->kind == kind)
            return true;
    return false;
}

static void seed_that_is_named_late_is_tried_at_once(void **state)
{
    (void)state;
    struct th_boot boot;
    struct th_rng rng;
    struct th_boot_action action;
    struct th_seed seed = seed_at(7, 9);

    start(&boot, &rng);
    assert_true(next_of(&boot, TH_BOOT_STATE, &action));
    assert_int_equal(action.state, TH_BOOT_ALONE);
    assert_int_equal(th_boot_configure(&boot, begin, &seed), TH_OK);

    assert_true(th_boot_next(&boot, &action));
    assert_int_equal(action.kind, TH_BOOT_STATE);
    assert_int_equal(action.state, TH_BOOT_JOINING);
    assert_true(next_of(&boot, TH_BOOT_OPEN, &action));
    assert_int_equal(action.seed.paths.addr[0].port, 9);
    th_boot_clear(&boot);
}

static void seed_that_moved_is_tried_there_and_not_where_it_was(void **state)
{
    (void)state;
    struct th_boot boot;
    struct th_rng rng;
    struct th_boot_action action;
    struct th_seed seed = seed_at(7, 9), moved = seed_at(7, 10), unknown = seed_at(7, 11);

    start(&boot, &rng);
    assert_int_equal(th_boot_configure(&boot, begin, &seed), TH_OK);
    assert_true(next_of(&boot, TH_BOOT_OPEN, &action));
    th_boot_on_opened(&boot, begin, action.attempt, TH_TIMED_OUT);
    assert_false(next_of(&boot, TH_BOOT_OPEN, &action)); /* it pauses */

    assert_int_equal(th_boot_configure(&boot, begin, &moved), TH_OK);
    assert_true(next_of(&boot, TH_BOOT_OPEN, &action));
    assert_int_equal(action.seed.paths.count, 1);
    assert_int_equal(action.seed.paths.addr[0].port, 10);

    th_boot_on_opened(&boot, begin, action.attempt, TH_TIMED_OUT);
    unknown.paths.count = 0; /* addresses are never replaced by none */
    assert_int_equal(th_boot_configure(&boot, begin, &unknown), TH_OK);
    assert_true(next_of(&boot, TH_BOOT_OPEN, &action));
    assert_int_equal(action.seed.paths.addr[0].port, 10);
    th_boot_clear(&boot);
}

static void seed_that_is_taken_back_is_not_tried_again(void **state)
{
    (void)state;
    struct th_boot boot;
    struct th_rng rng;
    struct th_boot_action action;
    struct th_seed seed = seed_at(7, 9);
    unsigned reached;

    start(&boot, &rng);
    assert_int_equal(th_boot_configure(&boot, begin, &seed), TH_OK);
    assert_true(next_of(&boot, TH_BOOT_OPEN, &action));
    th_boot_forget(&boot, begin, &seed.id);
    th_boot_on_opened(&boot, begin, action.attempt, TH_TIMED_OUT);

    assert_int_equal(th_boot_count_sources(&boot, &reached), 0);
    for (struct th_now now = begin; now.mono < begin.mono + 3600000; now.mono += 10000) {
        th_boot_tick(&boot, now);
        assert_false(next_of(&boot, TH_BOOT_OPEN, &action));
    }
    assert_int_equal(boot.state, TH_BOOT_ALONE);
    th_boot_forget(&boot, begin, &seed.id); /* once more harms nobody */
    th_boot_clear(&boot);
}

static void we_are_no_seed_of_ours(void **state)
{
    (void)state;
    struct th_boot boot;
    struct th_rng rng;
    struct th_seed seed = seed_at(0, 9);
    unsigned reached;

    start(&boot, &rng);
    assert_int_equal(th_boot_configure(&boot, begin, &seed), TH_OK);
    assert_int_equal(th_boot_count_sources(&boot, &reached), 0);
    th_boot_clear(&boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_that_is_named_late_is_tried_at_once),
        cmocka_unit_test(seed_that_moved_is_tried_there_and_not_where_it_was),
        cmocka_unit_test(seed_that_is_taken_back_is_not_tried_again),
        cmocka_unit_test(we_are_no_seed_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

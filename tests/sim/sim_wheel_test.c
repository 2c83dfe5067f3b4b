/* The wheel gives who is due in the order in which a heap would. */
#include "tools/sim/wheel.h"

#include "switch/base/rng.h"

#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { NODES = 5000 };

struct thing {
    struct th_wheel_node due;
    struct th_heap_node same; /* in the heap that it is held against */
};

static void it_agrees_with_a_heap_also_far_ahead(void **state)
{
    (void)state;
    static struct thing things[NODES];
    const uint8_t seed[TH_RNG_SEED_BYTES] = {9};
    struct th_wheel wheel = {0};
    struct th_heap heap = {0};
    struct th_rng rng;
    th_ms now = 0;
    unsigned put = 0, taken = 0;
    th_rng_init(&rng, seed);
    memset(things, 0, sizeof things);

    while (taken < NODES) {
        for (uint64_t n = th_rng_below(&rng, 4); n > 0 && put < NODES; n--, put++) {
            th_ms ahead = th_rng_below(&rng, th_rng_below(&rng, 10) ? 300 : 60000);
            assert_int_equal(th_wheel_put(&wheel, &things[put].due, now + ahead), TH_OK);
            assert_int_equal(th_heap_reserve(&heap), TH_OK);
            th_heap_set(&heap, &things[put].same, now + ahead);
        }
        assert_true(th_wheel_next(&wheel) == th_heap_next(&heap));
        if (th_heap_next(&heap) > now)
            assert_null(th_wheel_take(&wheel, now));
        while (th_heap_next(&heap) <= now) {
            struct thing *thing = TH_HEAP_OWNER(th_heap_first(&heap), struct thing, same);
            th_heap_set(&heap, &thing->same, TH_NEVER);
            assert_ptr_equal(th_wheel_take(&wheel, now), &thing->due);
            assert_true(th_wheel_next(&wheel) == th_heap_next(&heap));
            taken++;
        }
        now += th_rng_below(&rng, th_rng_below(&rng, 50) ? 20 : 30000);
    }

    assert_int_equal(wheel.count, 0);
    th_wheel_clear(&wheel);
    th_heap_clear(&heap);
    th_rng_clear(&rng);
}

static void of_the_same_moment_the_one_put_first_comes_first_whatever_the_way(void **state)
{
    (void)state;
    struct th_wheel wheel = {0};
    struct th_wheel_node far = {0}, near = {0}, last = {0};

    assert_int_equal(th_wheel_put(&wheel, &far, 20000), TH_OK);
    assert_null(th_wheel_take(&wheel, 15000));
    assert_int_equal(th_wheel_put(&wheel, &near, 20000), TH_OK);
    assert_int_equal(th_wheel_put(&wheel, &last, 20001), TH_OK);

    assert_null(th_wheel_take(&wheel, 19999));
    assert_ptr_equal(th_wheel_take(&wheel, 20001), &far);
    assert_ptr_equal(th_wheel_take(&wheel, 20001), &near);
    assert_ptr_equal(th_wheel_take(&wheel, 20001), &last);
    assert_null(th_wheel_take(&wheel, 20001));
    assert_true(th_wheel_next(&wheel) == TH_NEVER);
    th_wheel_clear(&wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_heap_also_far_ahead),
        cmocka_unit_test(of_the_same_moment_the_one_put_first_comes_first_whatever_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/base/heap.h"

#include "switch/base/mem.h"
#include "switch/base/rng.h"

#include "tests/lib/test_cmocka.h"

struct thing {
    unsigned number;
    th_ms at; /* as it was last set */
    struct th_heap_node due;
};

static void set(struct th_heap *heap, struct thing *thing, th_ms at)
{
    assert_int_equal(th_heap_reserve(heap), TH_OK);
    th_heap_set(heap, &thing->due, at);
    thing->at = at;
}

static unsigned first_of(const struct th_heap *heap)
{
    return TH_HEAP_OWNER(th_heap_first(heap), struct thing, due)->number;
}

static void an_empty_heap_is_never_due(void **state)
{
    (void)state;
    struct th_heap heap = {0};

    assert_true(th_heap_next(&heap) == TH_NEVER);
    assert_null(th_heap_first(&heap));
}

static void the_earliest_comes_first(void **state)
{
    (void)state;
    struct th_heap heap = {0};
    struct thing a = {.number = 1}, b = {.number = 2}, c = {.number = 3};

    set(&heap, &a, 300);
    set(&heap, &b, 100);
    set(&heap, &c, 200);

    assert_int_equal(th_heap_next(&heap), 100);
    assert_int_equal(first_of(&heap), 2);
    th_heap_clear(&heap);
}

static void of_equal_deadlines_the_one_set_first_comes_first(void **state)
{
    (void)state;
    struct th_heap heap = {0};
    struct thing things[20] = {0};
    for (unsigned i = 0; i < 20; i++) {
        things[i].number = i;
        set(&heap, &things[i], 5);
    }

    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(first_of(&heap), i);
        th_heap_set(&heap, &things[i].due, TH_NEVER);
    }

    th_heap_clear(&heap);
}

static void setting_a_node_again_moves_it(void **state)
{
    (void)state;
    struct th_heap heap = {0};
    struct thing a = {.number = 1}, b = {.number = 2};
    set(&heap, &a, 100);
    set(&heap, &b, 200);

    th_heap_set(&heap, &a.due, 300);

    assert_int_equal(first_of(&heap), 2);
    assert_int_equal(heap.count, 2);
    th_heap_clear(&heap);
}

static void a_node_set_to_never_is_in_no_heap(void **state)
{
    (void)state;
    struct th_heap heap = {0};
    struct thing a = {.number = 1};
    set(&heap, &a, 100);

    th_heap_set(&heap, &a.due, TH_NEVER);
    th_heap_set(&heap, &a.due, TH_NEVER);

    assert_int_equal(heap.count, 0);
    assert_int_equal(a.due.place, 0);
    th_heap_clear(&heap);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct th_heap heap = {0};
    struct thing things[9] = {0};
    for (unsigned i = 0; i < 8; i++)
        set(&heap, &things[i], 100 - i);

    th_mem_refuse(1);
    assert_int_equal(th_heap_reserve(&heap), TH_NO_MEMORY);

    assert_int_equal(th_heap_next(&heap), 93);
    set(&heap, &things[8], 1);
    assert_int_equal(th_heap_next(&heap), 1);
    th_heap_clear(&heap);
}

static const struct thing *earliest(const struct thing *things, unsigned count)
{
    const struct thing *best = NULL;

    for (unsigned i = 0; i < count; i++)
        if (things[i].due.place != 0 &&
            (best == NULL || things[i].at < best->at ||
             (things[i].at == best->at && things[i].due.order < best->due.order)))
            best = &things[i];
    return best;
}

static void it_agrees_with_a_search_through_all_after_every_step(void **state)
{
    (void)state;
    enum { THINGS = 60, STEPS = 5000 };
    static const uint8_t seed[TH_RNG_SEED_BYTES] = "heap";
    struct th_heap heap = {0};
    struct thing things[THINGS] = {0};
    struct th_rng rng;
    th_rng_init(&rng, seed);

    for (unsigned step = 0; step < STEPS; step++) {
        struct thing *thing = &things[th_rng_below(&rng, THINGS)];
        th_ms at = th_rng_below(&rng, 100);
        set(&heap, thing, at < 20 ? TH_NEVER : at);

        const struct thing *best = earliest(things, THINGS);
        assert_true(th_heap_next(&heap) == (best ? best->at : TH_NEVER));
        assert_ptr_equal(th_heap_first(&heap), best ? &best->due : NULL);
    }
    th_heap_clear(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_is_never_due),
        cmocka_unit_test(the_earliest_comes_first),
        cmocka_unit_test(of_equal_deadlines_the_one_set_first_comes_first),
        cmocka_unit_test(setting_a_node_again_moves_it),
        cmocka_unit_test(a_node_set_to_never_is_in_no_heap),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(it_agrees_with_a_search_through_all_after_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

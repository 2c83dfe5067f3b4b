/* At which addresses lines are: marks that say quickly what is nobody else's. */
#include "switch/core/ways.h"

#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <limits.h>

static struct th_addr at(unsigned number)
{
    return (struct th_addr){.ip = {192, 0, (uint8_t)(number >> 8), (uint8_t)number},
                            .port = 1000,
                            .family = TH_FAMILY_IPV4};
}

static void an_address_is_counted_as_often_as_it_was_added(void **state)
{
    (void)state;
    struct th_ways ways = {0};
    struct th_addr one = at(1), other = at(2), elsewhere = at(1);
    elsewhere.port = 1001;

    th_ways_add(&ways, &one);
    th_ways_add(&ways, &other);
    th_ways_add(&ways, &one);

    assert_int_equal(th_ways_count(&ways, &one), 2);
    assert_int_equal(th_ways_count(&ways, &other), 1);
    assert_int_equal(th_ways_count(&ways, &elsewhere), 0);
    th_ways_empty(&ways);
    assert_int_equal(th_ways_count(&ways, &one), 0);
    th_ways_clear(&ways);
}

static void few_addresses_look_alike(void **state)
{
    (void)state;
    struct th_ways ways = {0};

    for (unsigned i = 0; i < 2000; i++) {
        struct th_addr addr = at(i);
        th_ways_add(&ways, &addr);
    }
    unsigned twice = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct th_addr addr = at(i);
        twice += th_ways_count(&ways, &addr) > 1;
    }

    assert_true(twice <=
                4); /* two of 2,000 numbers of 32 bits are the same once in two thousand times */
    th_ways_clear(&ways);
}

static void without_memory_nothing_is_known_until_all_are_added_anew(void **state)
{
    (void)state;
    struct th_ways ways = {0};
    struct th_addr one = at(1), other = at(2);

    th_mem_refuse(1);
    th_ways_add(&ways, &one);
    assert_int_equal(th_ways_count(&ways, &other), UINT_MAX);

    th_ways_empty(&ways);
    th_ways_add(&ways, &one);
    assert_int_equal(th_ways_count(&ways, &one), 1);
    assert_int_equal(th_ways_count(&ways, &other), 0);
    th_ways_clear(&ways);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_counted_as_often_as_it_was_added),
        cmocka_unit_test(few_addresses_look_alike),
        cmocka_unit_test(without_memory_nothing_is_known_until_all_are_added_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

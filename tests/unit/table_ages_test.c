#include "router/ages.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

#define DAY ((th_epoch_ms)24 * 3600 * 1000)

static struct th_now on_day(th_epoch_ms day)
{
    return (struct th_now){.mono = 1000, .wall = 1400000000000 + day * DAY};
}

static void note(struct th_ages *ages, const struct th_hashname *id, th_epoch_ms day)
{
    assert_int_equal(th_ages_note(ages, id, on_day(day).wall, on_day(day)), TH_OK);
}

static void node_is_as_old_as_its_first_sight(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1), stranger = test_id(255, 2);
    (void)state;

    note(&ages, &id, 0);
    note(&ages, &id, 20);

    assert_true(th_ages_first_seen(&ages, &id, on_day(21)) == on_day(0).wall);
    assert_true(th_ages_first_seen(&ages, &stranger, on_day(21)) == on_day(21).wall);
    th_ages_clear(&ages);
}

static void name_is_forgotten_30_days_after_its_last_sight(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    (void)state;

    note(&ages, &id, 0);
    note(&ages, &id, 5);

    assert_true(th_ages_first_seen(&ages, &id, on_day(35)) == on_day(0).wall);
    assert_true(th_ages_first_seen(&ages, &id, on_day(36)) == on_day(36).wall);
    note(&ages, &id, 40);
    assert_true(th_ages_first_seen(&ages, &id, on_day(41)) == on_day(40).wall);
    th_ages_clear(&ages);
}

static void node_that_was_linked_all_the_time_keeps_its_age(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    (void)state;

    note(&ages, &id, 0);
    assert_int_equal(th_ages_note(&ages, &id, on_day(0).wall, on_day(40)), TH_OK);

    assert_true(th_ages_first_seen(&ages, &id, on_day(41)) == on_day(0).wall);
    th_ages_clear(&ages);
}

static void flood_of_names_does_not_cost_an_old_friend_its_age(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname friend = test_id(200, 1), late = test_id(201, 1);
    (void)state;

    note(&ages, &friend, 0);
    for (uint32_t i = 0; i < 2 * TH_AGES_MAX; i++) {
        struct th_hashname id = test_id_at(255, i, 7);
        note(&ages, &id, 1);
    }
    note(&ages, &late, 2);

    assert_int_equal(ages.count, TH_AGES_MAX);
    assert_true(th_ages_first_seen(&ages, &friend, on_day(3)) == on_day(0).wall);
    assert_true(th_ages_first_seen(&ages, &late, on_day(3)) == on_day(2).wall);
    th_ages_clear(&ages);
}

static void clock_that_was_set_back_makes_nobody_from_the_future(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    (void)state;

    note(&ages, &id, 10);

    assert_true(th_ages_first_seen(&ages, &id, on_day(3)) == on_day(3).wall);
    th_ages_clear(&ages);
}

static void what_was_iterated_can_be_put_back(void **state)
{
    struct th_ages ages = {0}, again = {0};
    (void)state;

    for (uint8_t n = 1; n <= 100; n++) {
        struct th_hashname id = test_id_at(255, (uint32_t)n * 7919, n);
        note(&ages, &id, n);
    }
    for (unsigned i = ages.count; i-- > 0;)
        assert_int_equal(th_ages_put(&again, &ages.age[i], on_day(100)), TH_OK);

    assert_int_equal(again.count, 31); /* those of the days 70 to 100 */
    for (unsigned i = 1; i < again.count; i++)
        assert_true(th_hashname_compare(&again.age[i - 1].id, &again.age[i].id) < 0);
    th_ages_clear(&ages);
    th_ages_clear(&again);
}

/* Else nobody would ever forget it. */
static void what_was_kept_by_a_clock_that_was_ahead_is_from_now(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    const struct th_age kept = {id, on_day(100).wall, on_day(10000).wall};
    (void)state;

    assert_int_equal(th_ages_put(&ages, &kept, on_day(1)), TH_OK);

    assert_true(ages.age[0].first_seen_at == on_day(1).wall);
    assert_true(ages.age[0].last_seen_at == on_day(1).wall);
    th_ages_clear(&ages);
}

static void refused_memory_leaves_the_list_as_it_was(void **state)
{
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    (void)state;

    th_mem_refuse(1);
    assert_int_equal(th_ages_note(&ages, &id, on_day(0).wall, on_day(0)), TH_NO_MEMORY);

    assert_int_equal(ages.count, 0);
    note(&ages, &id, 0);
    assert_int_equal(ages.count, 1);
    th_ages_clear(&ages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_is_as_old_as_its_first_sight),
        cmocka_unit_test(name_is_forgotten_30_days_after_its_last_sight),
        cmocka_unit_test(node_that_was_linked_all_the_time_keeps_its_age),
        cmocka_unit_test(flood_of_names_does_not_cost_an_old_friend_its_age),
        cmocka_unit_test(clock_that_was_set_back_makes_nobody_from_the_future),
        cmocka_unit_test(what_was_iterated_can_be_put_back),
        cmocka_unit_test(what_was_kept_by_a_clock_that_was_ahead_is_from_now),
        cmocka_unit_test(refused_memory_leaves_the_list_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

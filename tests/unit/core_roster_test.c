#include "switch/core/roster.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { NODES = 300 };

struct world {
    struct th_roster roster;
    struct th_exchange ex[NODES];
};

static struct th_hashname name(unsigned n)
{
    return (struct th_hashname){{(uint8_t)n, (uint8_t)(n >> 8), 7}};
}

static int set_up(void **state)
{
    struct world *w = th_mem_zalloc(1, sizeof *w);

    for (unsigned i = 0; i < NODES; i++) {
        const struct th_hashname id = name(i);
        th_exchange_init(&w->ex[i], &id, (struct th_now){.mono = 1});
    }
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    while (w->roster.first)
        th_roster_remove(&w->roster, w->roster.first);
    th_roster_clear(&w->roster);
    th_mem_free(w);
    return 0;
}

static struct th_exchange *find(const struct world *w, unsigned n)
{
    const struct th_hashname id = name(n);

    return th_roster_find(&w->roster, &id);
}

static void who_was_put_in_is_found_and_no_other(void **state)
{
    struct world *w = *state;
    assert_null(find(w, 0));

    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(th_roster_add(&w->roster, &w->ex[i]), TH_OK);

    assert_int_equal(w->roster.count, NODES);
    for (unsigned i = 0; i < NODES; i++)
        assert_ptr_equal(find(w, i), &w->ex[i]);
    assert_null(find(w, NODES));
}

static void order_of_meeting_stays_when_some_are_taken_out(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(th_roster_add(&w->roster, &w->ex[i]), TH_OK);

    for (unsigned i = 0; i < NODES;
         i += 3) /* the first among them; NODES - 1 is the last and stays */
        th_roster_remove(&w->roster, &w->ex[i]);
    th_roster_remove(&w->roster, &w->ex[NODES - 1]);

    unsigned n = 0;
    for (const struct th_exchange *ex = w->roster.first; ex; ex = ex->next, n++)
        assert_ptr_equal(ex, &w->ex[n / 2 * 3 + n % 2 + 1]);
    assert_int_equal(n, NODES / 3 * 2 - 1);
    assert_int_equal(w->roster.count, n);
    assert_null(find(w, 0));
    assert_null(find(w, NODES - 1));
    assert_int_equal(th_roster_add(&w->roster, &w->ex[0]), TH_OK);
    assert_ptr_equal(w->roster.last, &w->ex[0]);
    assert_ptr_equal(find(w, 0), &w->ex[0]);
}

static void without_memory_it_gets_denser_but_takes_nobody_at_first(void **state)
{
    struct world *w = *state;

    th_mem_refuse(1);
    assert_int_equal(th_roster_add(&w->roster, &w->ex[0]), TH_NO_MEMORY);
    assert_null(find(w, 0));
    for (unsigned i = 0; i < NODES; i++) {
        th_mem_refuse(i == 0 ? 0 : 1);
        assert_int_equal(th_roster_add(&w->roster, &w->ex[i]), TH_OK);
    }
    th_mem_refuse(0);

    assert_true(w->roster.bucket_count < NODES / 8);
    for (unsigned i = 0; i < NODES; i++)
        assert_ptr_equal(find(w, i), &w->ex[i]);
}

static void all_are_visited_in_turn_whoever_is_taken_out_meanwhile(void **state)
{
    struct world *w = *state;
    assert_null(th_roster_visit(&w->roster));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(th_roster_add(&w->roster, &w->ex[i]), TH_OK);

    assert_ptr_equal(th_roster_visit(&w->roster), &w->ex[0]);
    th_roster_remove(&w->roster, &w->ex[0]); /* nobody before it */
    assert_ptr_equal(th_roster_visit(&w->roster), &w->ex[1]);
    assert_ptr_equal(th_roster_visit(&w->roster), &w->ex[2]);
    th_roster_remove(&w->roster, &w->ex[2]);
    assert_ptr_equal(th_roster_visit(&w->roster), &w->ex[3]);
    assert_ptr_equal(th_roster_visit(&w->roster), &w->ex[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_was_put_in_is_found_and_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_of_meeting_stays_when_some_are_taken_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_are_visited_in_turn_whoever_is_taken_out_meanwhile,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_it_gets_denser_but_takes_nobody_at_first,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

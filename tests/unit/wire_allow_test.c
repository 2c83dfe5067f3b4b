#include "switch/wire/allow.h"

#include "tests/lib/test_cmocka.h"

#include <stdlib.h>

static struct th_hashname node(unsigned n)
{
    return (struct th_hashname){{(uint8_t)(n >> 8), (uint8_t)n}};
}

static void those_in_the_list_are_allowed_and_no_others(void **state)
{
    (void)state;
    struct th_hashname said[] = {node(7), node(300), node(1), node(7)},
                       other[] = {node(0), node(8)};
    struct th_allow *allow;

    assert_int_equal(th_allow_new(&allow, said, 4), TH_OK);
    assert_int_equal(allow->count, 3); /* one is named twice */
    for (unsigned i = 0; i < 4; i++)
        assert_true(th_allow_has(allow, &said[i]));
    for (unsigned i = 0; i < 2; i++)
        assert_false(th_allow_has(allow, &other[i]));
    th_allow_release(allow);
}

static void without_a_list_everybody_is_allowed_and_with_an_empty_one_nobody(void **state)
{
    (void)state;
    struct th_hashname one = node(1);
    struct th_allow *nobody;

    assert_true(th_allow_has(NULL, &one));
    assert_int_equal(th_allow_new(&nobody, NULL, 0), TH_OK);
    assert_false(th_allow_has(nobody, &one));
    th_allow_release(nobody);
    th_allow_release(NULL);
}

static void list_lives_until_the_last_holder_lets_it_go(void **state)
{
    (void)state;
    struct th_hashname one = node(1);
    struct th_allow *allow;

    assert_int_equal(th_allow_new(&allow, &one, 1), TH_OK);
    struct th_allow *also = th_allow_hold(allow);
    th_allow_release(allow);
    assert_true(th_allow_has(also, &one));
    th_allow_release(also);
}

static void list_has_a_limit(void **state)
{
    (void)state;
    struct th_hashname *many = calloc(TH_ALLOW_MAX + 1, sizeof *many);
    struct th_allow *allow = NULL;

    assert_non_null(many);
    for (unsigned i = 0; i <= TH_ALLOW_MAX; i++)
        many[i] = node(TH_ALLOW_MAX - i);
    assert_int_equal(th_allow_new(&allow, many, TH_ALLOW_MAX + 1), TH_LIMIT);
    assert_null(allow);
    assert_int_equal(th_allow_new(&allow, many, TH_ALLOW_MAX), TH_OK);
    assert_true(th_allow_has(allow, &many[0]) && th_allow_has(allow, &many[TH_ALLOW_MAX - 1]));
    assert_false(th_allow_has(allow, &many[TH_ALLOW_MAX]));
    th_allow_release(allow);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_in_the_list_are_allowed_and_no_others),
        cmocka_unit_test(without_a_list_everybody_is_allowed_and_with_an_empty_one_nobody),
        cmocka_unit_test(list_lives_until_the_last_holder_lets_it_go),
        cmocka_unit_test(list_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/app/control_listen.h"

#include "tests/lib/test_cmocka.h"

/* D2 */
static void failed_accept_pauses_and_is_tried_again_after_pauses_that_grow(void **state)
{
    (void)state;
    struct th_listen listen;
    th_ms now = 1000;
    static const th_ms pauses[] = {50, 100, 200, 400, 800, 1000, 1000};

    th_listen_init(&listen);
    assert_int_equal(th_listen_deadline(&listen), TH_NEVER);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        assert_int_equal(th_listen_on_failed(&listen, now), i == 0);
        assert_true(th_listen_is_paused(&listen));
        assert_int_equal(th_listen_deadline(&listen), now + pauses[i]);
        assert_false(th_listen_wants_accept(&listen, now + pauses[i] - 1));
        now += pauses[i];
        assert_true(th_listen_wants_accept(&listen, now));
        assert_false(th_listen_is_paused(&listen));
    }
    assert_int_equal(listen.failures, 7);
}

/* D2 */
static void client_that_goes_ends_the_pause(void **state)
{
    (void)state;
    struct th_listen listen;

    th_listen_init(&listen);
    th_listen_on_room(&listen, 500);
    assert_int_equal(th_listen_deadline(&listen), TH_NEVER); /* it was not paused */

    th_listen_on_failed(&listen, 1000);
    th_listen_on_room(&listen, 1001);
    assert_true(th_listen_wants_accept(&listen, 1001));
    assert_false(th_listen_wants_accept(&listen, 1001));
}

/* D2: a listener that comes and goes between pause and accept would fill the log. */
static void trouble_is_told_when_it_begins_and_once_when_it_is_over(void **state)
{
    (void)state;
    struct th_listen listen;
    struct th_listen_trouble trouble;
    unsigned begun = 0;
    th_ms now = 1000;

    th_listen_init(&listen);
    for (unsigned i = 0; i < 100; i++, now += 10) {
        begun += th_listen_on_failed(&listen, now);
        assert_false(th_listen_has_recovered(&listen, now, &trouble));
        th_listen_on_room(&listen, now);
        assert_true(th_listen_wants_accept(&listen, now));
        th_listen_on_accepted(&listen);
    }
    now -= 10;

    assert_int_equal(begun, 1);
    assert_true(th_listen_is_in_trouble(&listen));
    assert_int_equal(th_listen_deadline(&listen), now + TH_LISTEN_CALM_MS);
    assert_false(th_listen_has_recovered(&listen, now + TH_LISTEN_CALM_MS - 1, &trouble));
    assert_true(th_listen_has_recovered(&listen, now + TH_LISTEN_CALM_MS, &trouble));
    assert_int_equal(trouble.failures, 100);
    assert_int_equal(trouble.accepted, 100);
    assert_int_equal(trouble.took_ms, 990);
    assert_false(th_listen_has_recovered(&listen, now + 10000, &trouble));
    assert_true(th_listen_on_failed(&listen, now + 20000)); /* another one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_accept_pauses_and_is_tried_again_after_pauses_that_grow),
        cmocka_unit_test(client_that_goes_ends_the_pause),
        cmocka_unit_test(trouble_is_told_when_it_begins_and_once_when_it_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

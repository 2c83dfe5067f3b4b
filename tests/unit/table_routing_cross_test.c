/* Requests that cross: each side asks while the other side's answer is on its way. */
#include "tests/lib/test_routing.h"

/* Found by whole nodes: one refused our request for want of room, then wanted the link itself, and
 * the refusal came after its own request. */
static void refusal_of_our_request_does_not_end_the_link_that_they_asked_for_since(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;
    test_line_up(b, id);
    assert_int_equal(test_count(b, TH_ROUTING_OPEN), 1);
    test_opened(b, id, 4, TH_OK);

    test_request(b, id, 7);
    assert_int_equal(test_count(b, TH_ROUTING_LINK_UP), 1);
    test_hear_end(b, id, 4, true);

    assert_int_equal(test_count(b, TH_ROUTING_LINK_DOWN), 0);
    assert_int_equal(test_count(b, TH_ROUTING_SEND), 0);
    test_hear_end(b, id, 7, false);
    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_EOF);
    test_bench_free(b);
}

static void end_on_either_channel_ends_a_link_that_both_asked_for(void **state)
{
    struct test_bench *b = test_bench_new(2, 8);
    struct th_hashname id = test_id(255, 1);
    (void)state;
    test_line_up(b, id);
    test_opened(b, id, 4, TH_OK);
    test_request(b, id, 7);
    test_hear(b, id, 4, true);

    test_hear_end(b, id, 4, true);

    assert_int_equal(test_only(b, TH_ROUTING_LINK_DOWN)->is.why, TH_EOF);
    test_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusal_of_our_request_does_not_end_the_link_that_they_asked_for_since),
        cmocka_unit_test(end_on_either_channel_ends_a_link_that_both_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

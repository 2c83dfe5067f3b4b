/* How long a stream that is closed waits for who does not take what was written. */
#include "router/telehash_stream.h"

#include "tests/lib/test_cmocka.h"

static void other_side_that_takes_nothing_has_a_minute(void **state)
{
    (void)state;
    struct th_stream stream = {0};

    assert_int_equal(th_stream_close_by(&stream, 5000), 5000 + TH_STREAM_CLOSE_MS);
    assert_int_equal(th_stream_close_by(&stream, 60000), 5000 + TH_STREAM_CLOSE_MS);
    stream.close_by = 0; /* something was taken */
    assert_int_equal(th_stream_close_by(&stream, 60000), 60000 + TH_STREAM_CLOSE_MS);
}

/* It had the minute anew with whatever it took. */
static void other_side_that_takes_little_has_ten_minutes(void **state)
{
    (void)state;
    struct th_stream stream = {0};
    th_ms now = 5000;

    while (th_stream_close_by(&stream, now) > now) {
        assert_true(now < 5000 + TH_STREAM_CLOSE_MAX_MS);
        now += 50000;
        stream.close_by = 0; /* something was taken */
    }
    assert_int_equal(now, 5000 + TH_STREAM_CLOSE_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_side_that_takes_nothing_has_a_minute),
        cmocka_unit_test(other_side_that_takes_little_has_ten_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

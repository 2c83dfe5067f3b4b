/* What a switchboard wants done, until it is taken. */
#include "switch/core/outbox.h"

#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { MANY = 1000, LEN = 100 };

static void put(struct th_outbox *outbox, uint8_t mark)
{
    const struct th_action action = {0};
    uint8_t *room = th_outbox_room(outbox, LEN);

    assert_non_null(room);
    memset(room, mark, LEN);
    assert_true(th_outbox_put(outbox, &action, LEN));
}

static void take(struct th_outbox *outbox, uint8_t mark)
{
    struct th_action action;

    assert_true(th_outbox_take(outbox, &action));
    assert_int_equal(action.bytes.len, LEN);
    for (unsigned i = 0; i < LEN; i++)
        assert_int_equal(action.bytes.at[i], mark);
}

static void actions_come_in_order_with_their_bytes(void **state)
{
    (void)state;
    struct th_outbox outbox = {0};
    struct th_action action;

    for (unsigned i = 0; i < MANY; i++)
        put(&outbox, (uint8_t)i);
    for (unsigned i = 0; i < MANY; i++)
        take(&outbox, (uint8_t)i);

    assert_false(th_outbox_take(&outbox, &action));
    th_outbox_clear(&outbox);
}

/* A thousand lines that ended together left a switch with 1.5 MB for good. */
static void memory_of_a_great_turn_is_given_back(void **state)
{
    (void)state;
    struct th_outbox outbox = {0};

    for (unsigned i = 0; i < MANY; i++)
        put(&outbox, (uint8_t)i);
    for (unsigned i = 0; i < MANY; i++)
        take(&outbox, (uint8_t)i);
    put(&outbox, 7);

    assert_in_range(outbox.room, 1, 2 * TH_OUTBOX_KEPT);
    assert_in_range(outbox.bytes_room, LEN, 2 * TH_OUTBOX_BYTES_KEPT);
    take(&outbox, 7);
    th_outbox_clear(&outbox);
}

/* The room that is written to is not taken for what is left over. */
static void room_larger_than_what_is_kept_may_be_written_to(void **state)
{
    (void)state;
    const struct th_action empty = {0};
    struct th_outbox outbox = {0};
    struct th_action action;
    size_t len = 2 * TH_OUTBOX_BYTES_KEPT;

    for (unsigned round = 0; round < 3; round++) {
        uint8_t *room = th_outbox_room(&outbox, len);
        assert_non_null(room);
        memset(room, (int)round, len);
        assert_true(th_outbox_put(&outbox, &empty, len));
        assert_true(th_outbox_take(&outbox, &action));
        assert_int_equal(action.bytes.at[len - 1], round);
    }
    th_outbox_clear(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_come_in_order_with_their_bytes),
        cmocka_unit_test(memory_of_a_great_turn_is_given_back),
        cmocka_unit_test(room_larger_than_what_is_kept_may_be_written_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/wire/line.h"

#include "switch/base/mem.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

/* Notes a datagram whose nonce is a number. */
static bool note_at(struct th_replay *replay, th_ms at, uint32_t nonce)
{
    uint8_t datagram[TH_LINE_MIN] = {0};

    memcpy(datagram + 18, &nonce, sizeof nonce);
    return th_replay_note(replay, (struct th_bytes){datagram, sizeof datagram},
                          (struct th_now){.mono = at});
}

static bool note(struct th_replay *replay, uint32_t nonce)
{
    return note_at(replay, 0, nonce);
}

static void the_id_stands_after_the_empty_head(void **state)
{
    (void)state;
    uint8_t datagram[TH_LINE_MIN];
    struct th_line_id id;
    for (size_t i = 0; i < sizeof datagram; i++)
        datagram[i] = (uint8_t)i;

    assert_int_equal(th_line_read_id(&id, (struct th_bytes){datagram, sizeof datagram}),
                     TH_DROP_NONE);

    assert_memory_equal(id.b, datagram + 2, 16);
}

static void a_datagram_below_60_bytes_is_short(void **state)
{
    (void)state;
    uint8_t datagram[TH_LINE_MIN] = {0};
    struct th_line_id id = {{7}};

    for (size_t len = 0; len < TH_LINE_MIN; len++)
        assert_int_equal(th_line_read_id(&id, (struct th_bytes){datagram, len}),
                         TH_DROP_LINE_SHORT);

    assert_int_equal(id.b[0], 7);
}

static void a_nonce_is_new_once(void **state)
{
    (void)state;
    struct th_replay replay = {0};

    assert_true(note(&replay, 1));
    assert_true(note(&replay, 2));
    assert_false(note(&replay, 1));
    assert_false(note(&replay, 2));
    assert_true(note(&replay, 0));
    assert_false(note(&replay, 0));

    th_replay_clear(&replay);
}

static void of_many_at_once_exactly_the_last_128_are_remembered(void **state)
{
    (void)state;
    struct th_replay replay = {0};
    for (uint32_t n = 1; n <= TH_REPLAY_REMEMBERED + 1; n++)
        assert_true(note(&replay, n));

    for (uint32_t n = 2; n <= TH_REPLAY_REMEMBERED + 1; n++)
        assert_false(note(&replay, n));
    assert_true(note(&replay, 1));

    th_replay_clear(&replay);
}

/* A link's keepalives: three or four a minute. */
static void where_little_passes_the_last_8_are_remembered(void **state)
{
    (void)state;
    enum { EVERY_MS = 10000 };
    const th_ms since = UINT32_MAX - 500ull; /* the ring's clock wraps at once */
    struct th_replay replay = {0};
    uint32_t n = 1;
    for (; n <= 1000; n++) {
        assert_true(note_at(&replay, since + n * EVERY_MS, n));
        for (uint32_t k = n > TH_REPLAY_FEW ? n - TH_REPLAY_FEW + 1 : 1; k <= n; k++)
            assert_false(note_at(&replay, since + n * EVERY_MS, k));
    }

    assert_int_equal(replay.room, 0); /* in memory of its own */
    th_replay_clear(&replay);
}

static void a_quiet_line_that_becomes_busy_remembers_128(void **state)
{
    (void)state;
    struct th_replay replay = {0};
    for (uint32_t n = 1; n <= 100; n++)
        assert_true(note_at(&replay, n * 20000, n));

    for (uint32_t n = 101; n <= 300; n++)
        assert_true(note_at(&replay, 2000001, n));
    for (uint32_t n = 301 - TH_REPLAY_REMEMBERED; n <= 300; n++)
        assert_false(note_at(&replay, 2000001, n));
    th_replay_clear(&replay);
}

static void
a_busy_line_that_becomes_quiet_gives_its_memory_back_and_remembers_the_last(void **state)
{
    (void)state;
    struct th_replay replay = {0};
    uint32_t n = 1;
    for (; n <= 200; n++)
        assert_true(note_at(&replay, 1, n));
    assert_int_equal(replay.room, TH_REPLAY_REMEMBERED);

    for (; replay.room > 0; n++) {
        assert_true(note_at(&replay, n * 10000, n));
        for (uint32_t k = n - TH_REPLAY_FEW + 1; k <= n; k++)
            assert_false(note_at(&replay, n * 10000, k));
        assert_true(n < 300);
    }
    th_replay_clear(&replay);
}

static void a_line_on_which_little_passes_costs_no_memory(void **state)
{
    (void)state;
    struct th_replay replay = {0};

    for (uint32_t n = 1; n <= TH_REPLAY_FEW; n++)
        assert_true(note(&replay, n));
    assert_int_equal(replay.room, 0);

    th_replay_clear(&replay);
    assert_int_equal(replay.count, 0);
}

static void without_memory_to_grow_fewer_are_remembered(void **state)
{
    (void)state;
    struct th_replay replay = {0};
    for (uint32_t n = 1; n <= 8; n++)
        assert_true(note(&replay, n));

    th_mem_refuse(1);
    assert_true(note(&replay, 9));

    for (uint32_t n = 2; n <= 9; n++)
        assert_false(note(&replay, n));
    assert_true(note(&replay, 1));
    th_replay_clear(&replay);
}

static void after_a_refusal_it_grows_again_and_forgets_the_oldest_first(void **state)
{
    (void)state;
    struct th_replay replay = {0};
    for (uint32_t n = 1; n <= 8; n++)
        assert_true(note(&replay, n));
    th_mem_refuse(1);
    for (uint32_t n = 9; n <= 400; n++)
        assert_true(note(&replay, n));

    assert_int_equal(replay.room, TH_REPLAY_REMEMBERED);
    for (uint32_t n = 400 - TH_REPLAY_REMEMBERED + 1; n <= 400; n++)
        assert_false(note(&replay, n));
    th_replay_clear(&replay);
}

static void without_any_memory_the_last_8_are_remembered(void **state)
{
    (void)state;
    struct th_replay replay = {0};

    for (uint32_t n = 1; n <= 100; n++) {
        th_mem_refuse(1);
        assert_true(note(&replay, n));
        for (uint32_t k = n > TH_REPLAY_FEW ? n - TH_REPLAY_FEW + 1 : 1; k <= n; k++)
            assert_false(note(&replay, k));
    }
    th_mem_refuse(0);

    assert_int_equal(replay.room, 0);
    th_replay_clear(&replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_stands_after_the_empty_head),
        cmocka_unit_test(a_datagram_below_60_bytes_is_short),
        cmocka_unit_test(a_nonce_is_new_once),
        cmocka_unit_test(of_many_at_once_exactly_the_last_128_are_remembered),
        cmocka_unit_test(where_little_passes_the_last_8_are_remembered),
        cmocka_unit_test(a_quiet_line_that_becomes_busy_remembers_128),
        cmocka_unit_test(
            a_busy_line_that_becomes_quiet_gives_its_memory_back_and_remembers_the_last),
        cmocka_unit_test(a_line_on_which_little_passes_costs_no_memory),
        cmocka_unit_test(without_memory_to_grow_fewer_are_remembered),
        cmocka_unit_test(after_a_refusal_it_grows_again_and_forgets_the_oldest_first),
        cmocka_unit_test(without_any_memory_the_last_8_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

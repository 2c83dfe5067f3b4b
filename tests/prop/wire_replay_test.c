#include "switch/wire/line.h"

#include "switch/base/mem.h"

#include <string.h>

#include "tests/lib/test_seed.h"
#include "tests/lib/test_cmocka.h"

enum { STEPS = 20000, NONCES = 300 };

static struct th_rng rng;

/* The window as it is described: the last TH_REPLAY_REMEMBERED that were new. */
struct model {
    uint64_t last[STEPS];
    unsigned count;
};

static bool model_note(struct model *model, uint64_t nonce)
{
    for (unsigned i = 1; i <= TH_REPLAY_REMEMBERED && i <= model->count; i++)
        if (model->last[model->count - i] == nonce)
            return false;
    model->last[model->count++] = nonce;
    return true;
}

static bool note(struct th_replay *replay, uint64_t nonce)
{
    uint8_t datagram[TH_LINE_MIN];

    memset(datagram, 0x55, sizeof datagram);
    memcpy(datagram + 18, &nonce, sizeof nonce);
    return th_replay_note(replay, (struct th_bytes){datagram, sizeof datagram}, (struct th_now){0});
}

static void the_window_is_exactly_as_long_as_it_says(void **state)
{
    (void)state;
    static struct model model;
    struct th_replay replay = {0};

    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t nonce = th_rng_below(&rng, NONCES);
        assert_int_equal(note(&replay, nonce), model_note(&model, nonce));
    }

    th_replay_clear(&replay);
}

static void with_memory_refused_now_and_then_nothing_new_is_taken_for_old(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 200; run++) {
        struct th_replay replay = {0};
        for (uint64_t i = 0; i < 400; i++) {
            th_mem_refuse(th_rng_below(&rng, 3));
            assert_true(note(&replay, i));
            if (replay.count > 0)
                assert_false(note(&replay, i));
        }
        th_mem_refuse(0);
        th_replay_clear(&replay);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_is_exactly_as_long_as_it_says),
        cmocka_unit_test(with_memory_refused_now_and_then_nothing_new_is_taken_for_old),
    };
    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

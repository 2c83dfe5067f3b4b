#include "tools/sim/disk_sim.h"

#include "router/replace.h"

#include "tests/lib/disk_cases.h"

enum { TRIES = 200 };

struct world {
    struct th_rng rng;
    struct th_disk_sim sim;
    struct th_disk *disk;
};

static struct world *begin(uint8_t rng_seed)
{
    static struct world world;
    const uint8_t seed[TH_RNG_SEED_BYTES] = {rng_seed};
    struct world *w = &world;

    th_rng_init(&w->rng, seed);
    th_disk_sim_init(&w->sim, "disk", &w->rng);
    w->disk = &w->sim.disk;
    return w;
}

static enum th_err write_to(struct world *w, const char *name, const char *text)
{
    return w->disk->ops->write(w->disk, name, th_bytes_of(text));
}

static bool says(const struct world *w, const char *name, const char *text)
{
    const char *found = th_disk_sim_text(&w->sim, name);

    return text == NULL || found == NULL ? text == found : strcmp(found, text) == 0;
}

static void steps_come_out_as_in_the_table(void **state)
{
    (void)state;
    struct world *w = begin(1);

    disk_run_cases(w->disk);
    th_disk_sim_clear(&w->sim);
}

static void what_was_synced_survives_a_power_cut(void **state)
{
    (void)state;
    for (uint8_t n = 0; n < TRIES; n++) {
        struct world *w = begin(n);

        assert_int_equal(write_to(w, "a", "whole"), TH_OK);
        assert_int_equal(w->disk->ops->sync(w->disk, "a"), TH_OK);
        assert_int_equal(w->disk->ops->sync_dir(w->disk), TH_OK);
        th_disk_sim_crash(&w->sim);

        assert_true(says(w, "a", "whole"));
        th_disk_sim_clear(&w->sim);
    }
}

/* Its name or not; of its contents nothing, a part, or all. */
static void what_was_not_synced_may_be_there_torn_or_gone(void **state)
{
    (void)state;
    unsigned gone = 0, empty = 0, torn = 0, whole = 0;

    for (uint8_t n = 0; n < TRIES; n++) {
        struct world *w = begin(n);

        assert_int_equal(write_to(w, "a", "abcd"), TH_OK);
        th_disk_sim_crash(&w->sim);

        const char *text = th_disk_sim_text(&w->sim, "a");
        size_t len = text ? strlen(text) : 0;
        assert_true(text == NULL || strncmp(text, "abcd", len) == 0);
        gone += text == NULL;
        empty += text && len == 0;
        torn += text && len > 0 && len < 4;
        whole += text && len == 4;
        th_disk_sim_crash(&w->sim);
        assert_true(says(w, "a", text)); /* a second cut takes no more */
        th_disk_sim_clear(&w->sim);
    }
    assert_true(gone > 0 && empty > 0 && torn > 0 && whole > 0);
}

static void a_rename_that_was_not_synced_happened_or_not_but_not_in_part(void **state)
{
    (void)state;
    unsigned old = 0;

    for (uint8_t n = 0; n < TRIES; n++) {
        struct world *w = begin(n);

        assert_int_equal(th_disk_sim_put(&w->sim, "a", "old"), TH_OK);
        assert_int_equal(th_disk_sim_put(&w->sim, "b", "new"), TH_OK);
        assert_int_equal(w->disk->ops->rename(w->disk, "b", "a"), TH_OK);
        th_disk_sim_crash(&w->sim);

        assert_true((says(w, "a", "old") && says(w, "b", "new")) ||
                    (says(w, "a", "new") && says(w, "b", NULL)));
        old += says(w, "a", "old");
        th_disk_sim_clear(&w->sim);
    }
    assert_in_range(old, 1, TRIES - 1);
}

static void who_is_killed_leaves_what_was_done(void **state)
{
    (void)state;
    struct world *w = begin(1);

    assert_int_equal(write_to(w, "a", "done"), TH_OK);
    th_disk_sim_halt(&w->sim);
    assert_int_equal(write_to(w, "b", "too late"), TH_IO);
    assert_int_equal(w->disk->ops->remove(w->disk, "a"), TH_IO);
    th_disk_sim_resume(&w->sim);

    assert_true(says(w, "a", "done"));
    assert_true(says(w, "b", NULL));
    assert_int_equal(write_to(w, "b", "again"), TH_OK);
    th_disk_sim_clear(&w->sim);
}

static void a_full_disk_takes_a_part_and_says_so(void **state)
{
    (void)state;
    struct world *w = begin(1);

    w->sim.faults.room = 5;
    assert_int_equal(write_to(w, "a", "abc"), TH_OK);
    assert_int_equal(write_to(w, "b", "defg"), TH_NO_SPACE);
    assert_true(says(w, "b", "de"));

    assert_int_equal(w->disk->ops->remove(w->disk, "b"), TH_OK);
    assert_int_equal(write_to(w, "b", "de"), TH_OK);
    th_disk_sim_clear(&w->sim);
}

static void replaced_without_room_the_old_file_stays(void **state)
{
    (void)state;
    struct world *w = begin(1);

    assert_int_equal(th_disk_sim_put(&w->sim, "a", "old"), TH_OK);
    w->sim.faults.room = 5;

    assert_int_equal(th_replace_all(w->disk, "a", th_bytes_of("newer"), false), TH_NO_SPACE);
    assert_true(says(w, "a", "old"));
    assert_true(says(w, "a.new", NULL));
    w->sim.faults.room = 8;
    assert_int_equal(th_replace_all(w->disk, "a", th_bytes_of("newer"), false), TH_OK);
    assert_true(says(w, "a", "newer"));
    th_disk_sim_clear(&w->sim);
}

static void a_new_file_takes_no_name_that_is_in_use(void **state)
{
    (void)state;
    struct world *w = begin(1);

    assert_int_equal(th_replace_all(w->disk, "a", th_bytes_of("first"), true), TH_OK);
    assert_int_equal(th_replace_all(w->disk, "a", th_bytes_of("second"), true), TH_IN_USE);

    assert_true(says(w, "a", "first"));
    assert_true(says(w, "a.new", NULL));
    th_disk_sim_clear(&w->sim);
}

/* As Linux has it: what a failed sync did not write, a later one does not write either. */
static void a_sync_after_a_failed_one_saves_nothing(void **state)
{
    (void)state;
    unsigned torn = 0;

    for (uint8_t n = 0; n < TRIES; n++) {
        struct world *w = begin(n);

        assert_int_equal(write_to(w, "a", "abcd"), TH_OK);
        assert_int_equal(w->disk->ops->sync_dir(w->disk), TH_OK);
        w->sim.faults.fail_per_mille = 1000;
        assert_int_equal(w->disk->ops->sync(w->disk, "a"), TH_IO);
        w->sim.faults.fail_per_mille = 0;
        assert_int_equal(w->disk->ops->sync(w->disk, "a"), TH_OK);
        th_disk_sim_crash(&w->sim);
        torn += !says(w, "a", "abcd");
        th_disk_sim_clear(&w->sim);
    }
    assert_in_range(torn, 1, TRIES);
}

static void note_slow(void *data, th_ms ms)
{
    *(th_ms *)data += ms;
}

static void slow_steps_are_told(void **state)
{
    (void)state;
    struct world *w = begin(1);
    th_ms took = 0;

    w->sim.faults.slow_max_ms = 100;
    w->sim.on_slow = note_slow;
    w->sim.data = &took;
    assert_int_equal(th_replace_all(w->disk, "a", th_bytes_of("x"), false), TH_OK);

    assert_in_range(took, 5, 500);
    th_disk_sim_clear(&w->sim);
}

static void no_number_of_files_or_changes_is_too_many(void **state)
{
    (void)state;
    struct world *w = begin(1);
    enum th_err e = TH_OK;
    char name[TH_DISK_NAME_MAX];

    for (unsigned n = 0; n < 2 * TH_DISK_SIM_FILES_MAX && e == TH_OK; n++) {
        snprintf(name, sizeof name, "file-%u", n);
        e = write_to(w, name, "x");
    }
    assert_int_equal(e, TH_NO_SPACE);
    for (unsigned n = 0; n < 3 * TH_DISK_SIM_CHANGES_MAX; n++)
        assert_int_equal(
            w->disk->ops->rename(w->disk, n % 2 ? "file-z" : "file-1", n % 2 ? "file-1" : "file-z"),
            TH_OK);
    th_disk_sim_crash(&w->sim);
    th_disk_sim_clear(&w->sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_out_as_in_the_table),
        cmocka_unit_test(what_was_synced_survives_a_power_cut),
        cmocka_unit_test(what_was_not_synced_may_be_there_torn_or_gone),
        cmocka_unit_test(a_rename_that_was_not_synced_happened_or_not_but_not_in_part),
        cmocka_unit_test(who_is_killed_leaves_what_was_done),
        cmocka_unit_test(a_full_disk_takes_a_part_and_says_so),
        cmocka_unit_test(replaced_without_room_the_old_file_stays),
        cmocka_unit_test(a_new_file_takes_no_name_that_is_in_use),
        cmocka_unit_test(a_sync_after_a_failed_one_saves_nothing),
        cmocka_unit_test(slow_steps_are_told),
        cmocka_unit_test(no_number_of_files_or_changes_is_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

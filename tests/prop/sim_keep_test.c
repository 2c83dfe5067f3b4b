/*
 * What a node keeps survives whatever the disk does: random saves, failures, kills and power cuts, and
 * after each of them every file is whole and says what it said before or what it was to say.
 *
 * Every save has a number, its version, of which all that it writes is made, so that a mixture shows.
 */
#include "router/keep.h"
#include "switch/base/mem.h"
#include "tools/sim/disk_sim.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"
#include "tests/lib/test_seed.h"

enum {
    RUNS = 1500,
    SAVES = 25, /* of a run */
    PEERS = 4,
    NONE = -1 /* the version of a file that is not there */
};

static const char broken_text[] = "what somebody else left here";

static struct th_seed all_peers[PEERS];

struct run {
    struct th_rng rng;
    struct th_disk_sim sim;
    struct th_disk_ops ops; /* of a disk that leaves something out */
    struct th_keep keep;
    bool has_broken;           /* peers.json was broken at first: it must be found for ever */
    int version;               /* of the newest save */
    int safe[TH_KEEP_FILES];   /* was told to be written: nothing older may come back */
    int newest[TH_KEEP_FILES]; /* may be there: somebody tried to write it */
    unsigned lost, mixed;      /* what was found wrong */
    unsigned cuts, kills, failed_saves;
};

static void make_peers(void)
{
    for (uint8_t n = 0; n < PEERS; n++) {
        struct th_identity id;

        th_identity_make(&id, (const uint8_t[TH_KEY_BYTES]){n, 42});
        all_peers[n] = (struct th_seed){.id = id.hashname, .parts = id.parts, .key = id.keys.pub};
        th_identity_clear(&id);
    }
}

/* --- a version, in each form ------------------------------------------------------------------------ */

static unsigned count_of(int version)
{
    return 1 + (unsigned)version % PEERS;
}

static struct th_seeds peers_of(int version, struct th_seed room[PEERS])
{
    for (unsigned i = 0; i < PEERS; i++) {
        room[i] = all_peers[i];
        room[i].paths.count = 1;
        room[i].paths.addr[0] = (struct th_addr){
            .ip = {192, 0, 2, 1}, .port = (uint16_t)(1000 + version), .family = TH_FAMILY_IPV4};
    }
    return (struct th_seeds){.count = count_of(version), .room = PEERS, .seed = room};
}

static void ages_of(int version, struct th_age room[PEERS])
{
    for (unsigned i = 0; i < PEERS; i++)
        room[i] = (struct th_age){all_peers[i].id, version, 2 * (th_epoch_ms)version};
}

/* The version that a list of peers is of; another number when it is of none. */
static int version_of_peers(const struct th_seeds *peers)
{
    if (peers->count == 0)
        return NONE;
    int version = peers->seed[0].paths.addr[0].port - 1000;
    bool is_whole = peers->count == count_of(version);

    for (unsigned i = 0; i < peers->count; i++)
        is_whole &= peers->seed[i].paths.addr[0].port - 1000 == version;
    return is_whole ? version : NONE - 1;
}

static int version_of_ages(const struct th_kept *kept)
{
    if (kept->ages_count == 0)
        return NONE;
    int version = (int)kept->age[0].first_seen_at;
    bool is_whole = kept->ages_count == count_of(version);

    for (unsigned i = 0; i < kept->ages_count; i++)
        is_whole &=
            kept->age[i].first_seen_at == version && kept->age[i].last_seen_at == 2 * version;
    return is_whole ? version : NONE - 1;
}

/* --- saving ----------------------------------------------------------------------------------------- */

static void save(struct run *run)
{
    const int version = ++run->version;
    struct th_seed seeds[PEERS];
    struct th_age ages[PEERS];
    const struct th_seeds peers = peers_of(version, seeds);
    unsigned which = 1 + (unsigned)th_rng_below(&run->rng, 7); /* one bit for each file */

    ages_of(version, ages);
    if (which & 1u << TH_KEEP_STATE)
        assert_int_equal(th_keep_put_at(&run->keep, version), TH_OK);
    if (which & 1u << TH_KEEP_PEERS)
        assert_int_equal(th_keep_put_peers(&run->keep, &peers), TH_OK);
    if (which & 1u << TH_KEEP_AGES)
        assert_int_equal(th_keep_put_ages(&run->keep, ages, count_of(version)), TH_OK);
    while (th_keep_is_due(&run->keep)) {
        char say[TH_KEEP_SAY_MAX];
        enum th_keep_file file;
        bool is_end;
        enum th_err e = th_keep_step(&run->keep, &file, &is_end, say);

        run->newest[file] = version;
        if (is_end && e == TH_OK)
            run->safe[file] = version;
        run->failed_saves += e != TH_OK;
    }
}

/* --- coming back ------------------------------------------------------------------------------------ */

static void check(struct run *run, enum th_keep_file file, int found, bool was_cut)
{
    run->mixed += found < NONE || found > run->newest[file];
    run->lost += found < run->safe[file];
    if (was_cut) /* what is there now stays there */
        run->safe[file] = run->newest[file] = found;
}

static bool is_broken_text_there(const struct run *run)
{
    char name[TH_DISK_NAME_MAX] = "peers.json";

    for (unsigned n = 1; n < TH_DISK_SIM_FILES_MAX; n++) {
        const char *text = th_disk_sim_text(&run->sim, name);

        if (text && strcmp(text, broken_text) == 0)
            return true;
        snprintf(name, sizeof name, "peers.json.broken-%u", n);
    }
    return false;
}

/* Loads until it works, as who starts a daemon again and again. */
static void load(struct run *run, struct th_kept *kept)
{
    struct th_disk_faults faults = run->sim.faults;
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX];
    unsigned tries = 0;

    th_keep_clear(&run->keep);
    th_keep_init(&run->keep, &run->sim.disk);
    while (th_keep_load(&run->keep, kept, warning, say) != TH_OK) {
        th_kept_clear(kept);
        assert_in_range(++tries, 1, 3);
        if (tries == 3) {
            run->sim.faults = (struct th_disk_faults){0};
            run->sim.halt_at = 0;
        }
        if (th_rng_below(&run->rng, 2) == 0)
            th_disk_sim_crash(&run->sim);
        th_disk_sim_resume(&run->sim);
    }
    run->sim.faults = faults;
    run->mixed += warning[0] != '\0' && !run->has_broken;
    if (run->has_broken)
        run->lost += !is_broken_text_there(run);
}

static void come_back(struct run *run, bool is_cut)
{
    struct th_kept kept = {0};

    if (is_cut)
        th_disk_sim_crash(&run->sim);
    run->cuts += is_cut;
    run->kills += !is_cut;
    th_disk_sim_resume(&run->sim);
    load(run, &kept);
    check(run, TH_KEEP_STATE, kept.at > 0 ? (int)kept.at : NONE, is_cut);
    check(run, TH_KEEP_PEERS, version_of_peers(&kept.peers), is_cut);
    check(run, TH_KEEP_AGES, version_of_ages(&kept), is_cut);
    th_kept_clear(&kept);
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void draw_faults(struct run *run)
{
    static const unsigned per_mille[] = {0, 0, 20, 200};

    run->sim.faults = (struct th_disk_faults){
        .fail_per_mille = per_mille[th_rng_below(&run->rng, 4)],
        .torn_per_mille = per_mille[th_rng_below(&run->rng, 4)],
        .room = th_rng_below(&run->rng, 4) == 0 ? 1000 + (size_t)th_rng_below(&run->rng, 3000) : 0,
    };
}

/* leave_out: changes the steps of the disk; NULL: nothing is left out. */
static void run_one(struct run *run, struct th_rng *rng, void (*leave_out)(struct th_disk_ops *ops))
{
    struct th_kept kept = {0};

    memset(run, 0, sizeof *run);
    th_rng_fork(rng, &run->rng);
    th_disk_sim_init(&run->sim, "disk", &run->rng);
    run->ops = *run->sim.disk.ops;
    if (leave_out)
        leave_out(&run->ops);
    run->sim.disk.ops = &run->ops;
    for (unsigned i = 0; i < TH_KEEP_FILES; i++)
        run->safe[i] = run->newest[i] = NONE;
    run->has_broken = th_rng_below(&run->rng, 4) == 0;
    if (run->has_broken)
        assert_int_equal(th_disk_sim_put(&run->sim, "peers.json", broken_text), TH_OK);
    if (th_rng_below(&run->rng, 2) == 0)
        run->sim.halt_at = 1 + th_rng_below(&run->rng, 10);
    load(run, &kept);
    th_kept_clear(&kept);

    for (unsigned i = 0; i < SAVES; i++) {
        draw_faults(run);
        if (th_rng_below(&run->rng, 3) == 0)
            run->sim.halt_at = run->sim.steps + 1 + th_rng_below(&run->rng, 15);
        save(run);
        if (run->sim.is_halted || th_rng_below(&run->rng, 4) == 0)
            come_back(run, th_rng_below(&run->rng, 3) > 0);
    }
    come_back(run, true);
    th_keep_clear(&run->keep);
    th_disk_sim_clear(&run->sim);
}

struct findings {
    unsigned lost, mixed;
};

static struct findings run_all(unsigned runs, void (*leave_out)(struct th_disk_ops *ops))
{
    static struct run run;
    struct findings found = {0};
    unsigned cuts = 0, kills = 0, failed_saves = 0;
    struct th_rng rng;

    test_seed(&rng);
    make_peers();
    for (unsigned i = 0; i < runs; i++) {
        run_one(&run, &rng, leave_out);
        if (leave_out == NULL && run.lost + run.mixed > 0)
            fail_msg("run %u: %u lost, %u mixed or broken", i, run.lost, run.mixed);
        found.lost += run.lost;
        found.mixed += run.mixed;
        cuts += run.cuts;
        kills += run.kills;
        failed_saves += run.failed_saves;
    }
    printf("%u runs, %u power cuts, %u kills, %u failed saves: %u lost, %u mixed or broken\n", runs,
           cuts, kills, failed_saves, found.lost, found.mixed);
    return found;
}

static void every_file_is_whole_and_never_older_than_what_was_saved(void **state)
{
    (void)state;
    (void)run_all(RUNS, NULL);
}

/* --- that it would be noticed ------------------------------------------------------------------------- */

static enum th_err no_sync(struct th_disk *disk, const char *name)
{
    (void)disk, (void)name;
    return TH_OK;
}

static enum th_err no_sync_dir(struct th_disk *disk)
{
    (void)disk;
    return TH_OK;
}

static void leave_out_sync(struct th_disk_ops *ops)
{
    ops->sync = no_sync;
}

static void leave_out_sync_dir(struct th_disk_ops *ops)
{
    ops->sync_dir = no_sync_dir;
}

static void without_the_sync_files_are_found_torn(void **state)
{
    (void)state;
    assert_true(run_all(100, leave_out_sync).mixed > 0);
}

static void without_the_sync_of_the_names_what_was_saved_is_lost(void **state)
{
    (void)state;
    assert_true(run_all(100, leave_out_sync_dir).lost > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_whole_and_never_older_than_what_was_saved),
        cmocka_unit_test(without_the_sync_files_are_found_torn),
        cmocka_unit_test(without_the_sync_of_the_names_what_was_saved_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

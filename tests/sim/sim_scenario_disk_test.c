#include "tools/sim/sim.h"
#include "tools/sim/world_disk.h"

#include "tests/lib/test_cmocka.h"

static void run(const char *token, char hash[TH_TRACE_HEX + 1])
{
    static struct th_sim sim;
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;
    uint64_t cuts = 0, failures = 0;

    if (!th_sim_token_read(&plan, token, complaint))
        fail_msg("%s: %s", token, complaint);
    th_sim_init(&sim, &plan);
    sim.is_quiet = true;
    bool is_good = th_sim_run(&sim);
    for (unsigned i = 0; i < sim.world.count; i++) {
        cuts += sim.world.node[i]->disk->starts - 1;
        failures += sim.world.node[i]->disk->sim.failures;
    }
    th_sim_trace_hash(&sim.world.trace, hash);
    th_sim_clear(&sim);
    if (!is_good)
        fail_msg("replay: thsim replay %s", token);
    assert_true(cuts > 30 && failures > 30);
}

static void no_disk_of_a_mesh_is_ever_broken(void **state)
{
    (void)state;
    char hash[TH_TRACE_HEX + 1];

    run("disk/12/1/lookups=50", hash);
    run("disk/12/2/lookups=50,loss=20", hash);
}

static void disks_fail_alike_when_a_run_is_replayed(void **state)
{
    (void)state;
    char first[TH_TRACE_HEX + 1], again[TH_TRACE_HEX + 1];

    run("disk/8/3/lookups=10", first);
    run("disk/8/3/lookups=10", again);

    assert_string_equal(first, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_disk_of_a_mesh_is_ever_broken),
        cmocka_unit_test(disks_fail_alike_when_a_run_is_replayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The checkers of the simulator: they find nothing in good runs, and no run is another with them. That
 * they find what is wrong is shown by tests/sim/mutants. */
#include "tests/lib/test_cmocka.h"
#include "tools/sim/sim.h"

#include <string.h>

/* Runs a scenario without the end that each run has. */
static void run(struct th_sim *sim, const char *token, bool is_unchecked)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;

    assert_true(th_sim_token_read(&plan, token, complaint));
    plan.is_unchecked = is_unchecked;
    th_sim_init(sim, &plan);
    sim->is_quiet = true;
    plan.scenario->run(sim);
}

static void run_is_the_same_with_and_without_checkers(void **state)
{
    (void)state;
    static const char *const tokens[] = {"cold/20/1/lookups=20",
                                         "cold/20/2/loss=50,delay=30,stall=2000,lookups=20"};

    for (unsigned i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        char hash[2][TH_TRACE_HEX + 1];
        struct th_sim sim[2];
        for (unsigned n = 0; n < 2; n++) {
            run(&sim[n], tokens[i], n == 1);
            th_sim_trace_hash(&sim[n].world.trace, hash[n]);
        }

        assert_string_equal(hash[0], hash[1]);
        assert_true(sim[0].checks > 1000);
        assert_in_range(sim[1].checks, 1, 10);
        for (unsigned n = 0; n < 2; n++)
            th_sim_clear(&sim[n]);
    }
}

static void good_run_passes_every_check_to_its_rest(void **state)
{
    (void)state;
    static const char *const tokens[] = {"cold/40/1/lookups=20", "cold/40/2/lookups=20,nat=300",
                                         "cold/40/3/lookups=20,loss=50,dup=50,reorder=100",
                                         "cold/40/4/lookups=20,delay=30,stall=3000,skew=5000"};

    for (unsigned i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        char complaint[TH_SIM_TOKEN_MAX];
        struct th_sim_plan plan;
        struct th_sim sim;

        assert_true(th_sim_token_read(&plan, tokens[i], complaint));
        th_sim_init(&sim, &plan);
        sim.is_quiet = true;
        if (!th_sim_run(&sim))
            fail_msg("%s: %s: %s", tokens[i], sim.failure[0].check, sim.failure[0].text);
        assert_true(sim.has_rested);
        th_sim_clear(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_is_the_same_with_and_without_checkers),
        cmocka_unit_test(good_run_passes_every_check_to_its_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

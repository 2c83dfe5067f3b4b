/* Whole runs: that they can be had again, and that a mesh comes up in them. */
#include "tools/sim/sim.h"

#include "tests/lib/test_cmocka.h"

#include <stdio.h>
#include <string.h>

struct outcome {
    char hash[TH_TRACE_HEX + 1];
    uint64_t events;
    unsigned failures;
    struct th_sim_lookups lookups; /* counts only */
};

static struct outcome run(const char *token)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct outcome outcome = {0};
    struct th_sim_plan plan;
    struct th_sim sim;

    if (!th_sim_token_read(&plan, token, complaint))
        fail_msg("%s: %s", token, complaint);
    th_sim_init(&sim, &plan);
    sim.is_quiet = true;
    (void)th_sim_run(&sim);
    th_sim_trace_hash(&sim.world.trace, outcome.hash);
    outcome.events = sim.world.trace.events;
    outcome.failures = sim.failure_count;
    outcome.lookups = sim.lookups;
    th_sim_clear(&sim);
    return outcome;
}

static void same_seed_gives_the_same_trace_and_another_seed_another(void **state)
{
    (void)state;
    const char *token = "cold/12/5/loss=50,dup=20,reorder=50,corrupt=5,rate=50000,delay=20,"
                        "stall=1000,nat=300,skew=5000,lookups=20,length=30000";
    struct outcome first = run(token), second = run(token);
    struct outcome other = run("cold/12/6/lookups=20,length=30000");

    assert_string_equal(first.hash, second.hash);
    assert_int_equal(first.events, second.events);
    assert_string_not_equal(first.hash, other.hash);
}

static void nodes_may_want_fewer_links_and_end_lines_sooner(void **state)
{
    (void)state;
    struct outcome usual = run("cold/30/6/null=1,lookups=20,length=30000,rest=0");
    struct outcome same = run("cold/30/6/null=1,lookups=20,length=30000,rest=0,k=8,idle=120");
    struct outcome fewer = run("cold/30/6/null=1,lookups=20,length=30000,rest=0,k=2");
    struct outcome sooner = run("cold/30/6/null=1,lookups=20,length=30000,rest=0,idle=3");

    assert_string_equal(usual.hash, same.hash);
    assert_true(fewer.events < usual.events);
    assert_string_not_equal(usual.hash, sooner.hash);
}

/*
 * Whatever compiles it: gcc, clang, with sanitizers or without. Two builds of one commit never differ. The
 * hash is another when a node says something else, or sooner or later than before, or draws more
 * randomness: if that was meant, put the new one here.
 */
static void trace_is_the_same_in_every_build(void **state)
{
    (void)state;
    struct outcome outcome =
        run("cold/8/1/loss=20,delay=5,stall=500,nat=250,lookups=10,length=40000");

    assert_string_equal(outcome.hash,
                        "4c36a2023c3185355f2152969ee65acbc1ceb63bf35c8f2e0f6ca8fb3f3e797f");
}

static void two_hundred_nodes_are_ready_and_find_each_other(void **state)
{
    (void)state;
    struct outcome outcome = run("cold/200/1/null=1,lookups=200,length=60000");

    assert_int_equal(outcome.failures, 0);
    assert_int_equal(outcome.lookups.found, 200);
    assert_int_equal(outcome.lookups.reached, 200);
}

static void token_says_all_that_makes_a_run(void **state)
{
    (void)state;
    char complaint[TH_SIM_TOKEN_MAX], token[TH_SIM_TOKEN_MAX];
    const char *tokens[] = {"cold/100/1", "cold/2/18446744073709551615",
                            "cold/1000/7/loss=50,nat=300,seeds=3"};
    struct th_sim_plan plan;

    for (unsigned i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        assert_true(th_sim_token_read(&plan, tokens[i], complaint));
        th_sim_token_write(&plan, token);
        assert_string_equal(token, tokens[i]);
    }

    assert_int_equal(plan.faults.loss, 50);
    assert_int_equal(plan.faults.rtt, 80);
    assert_int_equal(plan.nodes, 1000);
}

static void token_that_is_none_is_complained_of(void **state)
{
    (void)state;
    const char *tokens[] = {"",
                            "cold",
                            "cold/100",
                            "cold//1",
                            "cold/100/",
                            "cold/100/x",
                            "cold/1000001/1",
                            "cold/100/18446744073709551616",
                            "warm/100/1",
                            "cold/100/1/loss",
                            "cold/100/1/loss=1001",
                            "cold/100/1/loss=5,",
                            "cold/100/1/gain=5"};
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan = {.nodes = 77};

    for (unsigned i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        complaint[0] = 0;
        assert_false(th_sim_token_read(&plan, tokens[i], complaint));
        assert_true(strlen(complaint) > 10);
    }

    assert_int_equal(plan.nodes, 77);
}

static void failure_is_kept_with_what_was_found(void **state)
{
    (void)state;
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;
    struct th_sim sim;
    assert_true(th_sim_token_read(&plan, "cold/2/1", complaint));
    th_sim_init(&sim, &plan);
    puts("(the failures that follow are part of the test)");

    assert_true(th_sim_check(&sim, true, "fine", "nothing"));
    for (unsigned i = 0; i < TH_SIM_FAILURES_MAX + 5; i++)
        assert_false(th_sim_check(&sim, false, "wrong", "node %u", i));

    assert_int_equal(sim.checks, TH_SIM_FAILURES_MAX + 6);
    assert_int_equal(sim.failure_count, TH_SIM_FAILURES_MAX + 5);
    assert_string_equal(sim.failure[0].check, "wrong");
    assert_string_equal(sim.failure[3].text, "node 3");
    th_sim_clear(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_the_same_trace_and_another_seed_another),
        cmocka_unit_test(nodes_may_want_fewer_links_and_end_lines_sooner),
        cmocka_unit_test(trace_is_the_same_in_every_build),
        cmocka_unit_test(two_hundred_nodes_are_ready_and_find_each_other),
        cmocka_unit_test(token_says_all_that_makes_a_run),
        cmocka_unit_test(token_that_is_none_is_complained_of),
        cmocka_unit_test(failure_is_kept_with_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

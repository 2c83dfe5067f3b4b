/* The checkers of the simulator: they find nothing in good runs, and no run is another with them. That
 * they find what is wrong is shown by tests/sim/mutants, and here for what no mutant does. */
#include "tests/lib/test_cmocka.h"
#include "tools/sim/machines.h"
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

static void assert_pass(const char *const *tokens, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
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

static void good_run_passes_every_check_to_its_rest(void **state)
{
    (void)state;
    static const char *const tokens[] = {"cold/40/1/lookups=20", "cold/40/2/lookups=20,nat=300",
                                         "cold/40/3/lookups=20,loss=50,dup=50,reorder=100",
                                         "cold/40/4/lookups=20,delay=30,stall=3000,skew=5000",
                                         "crowded/30/1/lookups=0,length=30000"};

    assert_pass(tokens, sizeof tokens / sizeof tokens[0]);
}

static void run_to_rest(struct th_sim *sim, const char *token)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;

    assert_true(th_sim_token_read(&plan, token, complaint));
    th_sim_init(sim, &plan);
    sim->is_quiet = true;
    assert_true(th_sim_run(sim));
}

static void run_says_how_its_tables_were_judged_at_rest(void **state)
{
    (void)state;
    struct th_sim sim;

    run_to_rest(&sim, "cold/20/1/lookups=0,null=1,length=10000");

    assert_int_equal(sim.rest.nodes, 20);
    assert_int_equal(sim.rest.lacking, 0);
    assert_int_equal(sim.rest.may_lack, 0); /* of few nodes each link is wanted */
    assert_true(sim.rest.links > 20 * 8);
    assert_true(sim.rest.took_ms > 0);
    th_sim_clear(&sim);
}

static void run_without_rest_ends_with_its_scenario(void **state)
{
    (void)state;
    struct th_sim sim;

    run_to_rest(&sim, "cold/20/1/lookups=0,null=1,length=10000,rest=0");

    assert_int_equal(sim.rest.nodes, 0); /* rule 1 is not judged */
    assert_int_equal(sim.rest.took_ms, 0);
    assert_int_equal(sim.world.now, 10000);
    assert_true(sim.has_rested);
    th_sim_clear(&sim);
}

/* Who looks for a limit that is hit all the time need not know where. */
static void drops_of_all_nodes_are_added_up_with_the_node_that_had_most(void **state)
{
    (void)state;
    struct th_sim sim;
    struct th_switchboard_totals totals;

    run_to_rest(&sim, "flood/20/1/null=1,lookups=20");

    const struct th_sim_drop *drop = &sim.drop[TH_DROP_OPEN_LIMIT];
    assert_true(drop->count > 1000);
    assert_int_equal(drop->nodes, 1);
    assert_int_equal(drop->most, drop->count);
    const struct th_machines *machines = th_checks_machines(&sim);
    th_switchboard_totals(th_machines_switch(machines, drop->at), &totals);
    assert_int_equal(totals.drops.n[TH_DROP_OPEN_LIMIT], drop->count);

    uint64_t repeats = 0;
    for (unsigned i = 0; i < sim.world.count; i++) {
        th_switchboard_totals(th_machines_switch(machines, i), &totals);
        repeats += totals.drops.n[TH_DROP_OPEN_REPEAT];
    }
    drop = &sim.drop[TH_DROP_OPEN_REPEAT];
    assert_int_equal(drop->count, repeats);
    assert_true(drop->most < drop->count && drop->nodes > 1);
    assert_int_equal(sim.drop[TH_DROP_LINE_CRYPT].nodes, 0);
    th_sim_clear(&sim);
}

static void what_a_node_dropped_before_it_was_restarted_counts_too(void **state)
{
    (void)state;
    struct th_switchboard_totals totals;
    struct th_sim sim;
    uint64_t left = 0;

    run_to_rest(&sim, "restart/20/1/null=1,lookups=20");

    for (unsigned i = 0; i < sim.world.count; i++) {
        th_switchboard_totals(th_machines_switch(th_checks_machines(&sim), i), &totals);
        left += totals.drops.n[TH_DROP_PUNCH];
    }
    assert_true(sim.drop[TH_DROP_PUNCH].count > left);
    assert_true(sim.drop[TH_DROP_PUNCH].nodes <= sim.world.count);
    th_sim_clear(&sim);
}

/* A7: and no outcome, event or down message either. */
static void servers_that_die_at_random_are_told_only_what_is_theirs(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "servers/2/1/length=5000", "servers/2/2/length=5000,delay=5",
        "servers/2/3/length=5000,delay=20,stall=500", "servers/2/4/length=5000"};

    assert_pass(tokens, sizeof tokens / sizeof tokens[0]);
}

/* --- what no node does ------------------------------------------------------------------------------ */

/* A run with two nodes that are never started, and a port that is no node. */
struct pretence {
    struct th_sim sim;
    struct th_world_node *node, *other;
    struct th_sim_port *stranger;
};

static void pretend(struct pretence *pretence)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;

    assert_true(th_sim_token_read(&plan, "cold/2/1", complaint));
    th_sim_init(&pretence->sim, &plan);
    pretence->node = th_world_add(&pretence->sim.world, NULL);
    pretence->other = th_world_add(&pretence->sim.world, NULL);
    assert_int_equal(th_net_sim_add(&pretence->sim.world.net, &(struct th_sim_port_options){0},
                                    &pretence->stranger),
                     TH_OK);
}

static void tell_fate(struct pretence *pretence, enum th_fate fate, const struct th_sim_port *from,
                      const struct th_sim_port *to, struct th_bytes bytes)
{
    const struct th_world *world = &pretence->sim.world;

    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_fate)
            world->hooks[i].on_fate(world->hooks[i].data, fate, from, to, bytes);
}

static void tell_given(struct pretence *pretence, enum th_trace_sort sort, const struct th_msg *msg)
{
    static const struct th_server_ops ops = {.name = "somebody"};
    const struct th_world *world = &pretence->sim.world;
    const struct th_host_sim_given given = {
        .to = 1ull << 32, .name = ops.name, .ops = &ops, .doing = "this", .sort = sort, .msg = msg};

    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_given)
            world->hooks[i].on_given(world->hooks[i].data, pretence->node, &given);
}

static void assert_failed(const struct pretence *pretence, const char *check, const char *words)
{
    for (unsigned i = 0; i < pretence->sim.failure_count; i++)
        if (strcmp(pretence->sim.failure[i].check, check) == 0 &&
            strstr(pretence->sim.failure[i].text, words))
            return;
    fail_msg("nothing failed in %s that says: %s", check, words);
}

static void more_than_three_times_back_to_a_stranger_fails(void **state)
{
    (void)state;
    static const uint8_t bytes[300] = {0, 1, 0x3a};
    struct pretence pretence;
    pretend(&pretence);
    struct th_sim_port *node = pretence.node->port;

    tell_fate(&pretence, TH_FATE_ARRIVED, pretence.stranger, node, (struct th_bytes){bytes, 100});
    tell_fate(&pretence, TH_FATE_SENT, node, pretence.stranger, (struct th_bytes){bytes, 300});
    assert_int_equal(pretence.sim.failure_count, 0);
    tell_fate(&pretence, TH_FATE_SENT, node, pretence.stranger, (struct th_bytes){bytes, 1});

    assert_failed(&pretence, "wire", "at most three times as much");
    th_sim_clear(&pretence.sim);
}

static void second_content_under_one_nonce_fails(void **state)
{
    (void)state;
    uint8_t bytes[80] = {0, 0, 1, 2, 3};
    struct pretence pretence;
    pretend(&pretence);
    struct th_sim_port *from = pretence.node->port, *to = pretence.other->port;

    for (unsigned i = 0; i < 3; i++)
        tell_fate(&pretence, TH_FATE_SENT, from, to, (struct th_bytes){bytes, sizeof bytes});
    assert_int_equal(pretence.sim.failure_count, 0);
    bytes[45] = 1; /* in the tag */
    tell_fate(&pretence, TH_FATE_SENT, from, to, (struct th_bytes){bytes, sizeof bytes});

    assert_failed(&pretence, "wire", "one line id and nonce");
    th_sim_clear(&pretence.sim);
}

static void line_id_of_two_senders_fails(void **state)
{
    (void)state;
    uint8_t bytes[80] = {0, 0, 1, 2, 3};
    struct pretence pretence;
    pretend(&pretence);
    struct th_sim_port *one = pretence.node->port, *two = pretence.other->port;

    tell_fate(&pretence, TH_FATE_SENT, one, two, (struct th_bytes){bytes, sizeof bytes});
    bytes[20] = 1; /* another nonce */
    tell_fate(&pretence, TH_FATE_SENT, two, one, (struct th_bytes){bytes, sizeof bytes});

    assert_failed(&pretence, "wire", "that another node has used");
    th_sim_clear(&pretence.sim);
}

static void channel_that_is_opened_twice_or_goes_on_after_its_end_fails(void **state)
{
    (void)state;
    struct pretence pretence;
    pretend(&pretence);
    bool are_we_lower =
        th_hashname_compare(&pretence.node->id.hashname, &pretence.other->id.hashname) < 0;
    struct th_ev_packet packet = {.from = pretence.other->id.hashname, .c = are_we_lower ? 1 : 2};
    struct th_event event = {.kind = TH_EV_OPENED, .body = &packet};
    const struct th_msg msg = {.kind = &th_event_msg, .body = &event};

    tell_given(&pretence, TH_TRACE_EVENT, &msg);
    tell_given(&pretence, TH_TRACE_EVENT, &msg);
    assert_failed(&pretence, "channel", "twice on one line");
    event.kind = TH_EV_PACKET;
    packet.end = true;
    tell_given(&pretence, TH_TRACE_EVENT, &msg);
    tell_given(&pretence, TH_TRACE_EVENT, &msg);
    assert_failed(&pretence, "channel", "after its end");
    packet.c++;
    tell_given(&pretence, TH_TRACE_EVENT, &msg);

    assert_failed(&pretence, "channel", "parity");
    assert_failed(&pretence, "run", "not subscribed");
    th_sim_clear(&pretence.sim);
}

static void dial_told_of_another_target_fails(void **state)
{
    (void)state;
    struct pretence pretence;
    pretend(&pretence);
    struct th_dial dial = {.target = pretence.other->id.hashname};
    struct th_dialed dialed = {.target = pretence.node->id.hashname};

    tell_given(
        &pretence, TH_TRACE_CALL,
        &(struct th_msg){.kind = &th_dialer_msg_dial, .body = &dial, .from = 1ull << 32, .ref = 7});
    assert_int_equal(pretence.sim.failure_count, 0);
    tell_given(&pretence, TH_TRACE_REPLY,
               &(struct th_msg){.kind = &th_dialer_msg_dialed, .body = &dialed, .ref = 7});

    assert_failed(&pretence, "dial", "the outcome of one of");
    assert_failed(&pretence, "run", "had not made");
    th_sim_clear(&pretence.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_is_the_same_with_and_without_checkers),
        cmocka_unit_test(good_run_passes_every_check_to_its_rest),
        cmocka_unit_test(run_says_how_its_tables_were_judged_at_rest),
        cmocka_unit_test(run_without_rest_ends_with_its_scenario),
        cmocka_unit_test(drops_of_all_nodes_are_added_up_with_the_node_that_had_most),
        cmocka_unit_test(what_a_node_dropped_before_it_was_restarted_counts_too),
        cmocka_unit_test(servers_that_die_at_random_are_told_only_what_is_theirs),
        cmocka_unit_test(more_than_three_times_back_to_a_stranger_fails),
        cmocka_unit_test(second_content_under_one_nonce_fails),
        cmocka_unit_test(line_id_of_two_senders_fails),
        cmocka_unit_test(channel_that_is_opened_twice_or_goes_on_after_its_end_fails),
        cmocka_unit_test(dial_told_of_another_target_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Runs that once failed, each with a line of history, and a small one of each scenario. Their plans are
 * fixed, so they say the same on every machine: `thsim replay TOKEN` shows any of them. */
#include "tools/sim/sim.h"

#include "tests/lib/test_cmocka.h"

static void run(const char *token)
{
    static struct th_sim sim;
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;

    if (!th_sim_token_read(&plan, token, complaint))
        fail_msg("%s: %s", token, complaint);
    th_sim_init(&sim, &plan);
    sim.is_quiet = true;
    bool is_good = th_sim_run(&sim);
    th_sim_clear(&sim);
    if (!is_good)
        fail_msg("replay: thsim replay %s", token);
}

/* --- found by the simulator ------------------------------------------------------------------------ */

/* The end of a link that had heard nothing looked like a refusal, so a node that nobody had heard for a
 * while stayed an island for an hour. */
static void who_was_not_heard_is_found_again_when_it_is(void **state)
{
    (void)state;

    run("one-way/20/1/null=1,lookups=40");
    run("one-way/12/390241712/nat=279,null=1,seeds=2,lookups=40");
}

/* A bridge forwards a packet that the network broke, as it came: the checker of nonces took that for a second
 * packet of the bridge's own. */
static void bridge_may_forward_what_the_network_broke(void **state)
{
    (void)state;

    run("nat-kinds/10/204850452/corrupt=18,lookups=40,length=60000");
    run("nat-homes/32/381499853/corrupt=47,rate=125642,delay=47,lookups=40,length=60000"); /* of another bridge */
}

/* A bridge that had no room for a node said so in words that were no JSON: the third of three behind one NAT
 * asked its seed again and again, and was alone for ever. And two of a home whom more had introduced than there
 * are places for addresses asked each other by relays, as fast as they could, for ever. */
static void third_node_of_a_home_joins_through_a_seed_that_refuses_it(void **state)
{
    (void)state;

    run("nat-homes/32/1/null=1,lookups=60,length=60000");
}

/* Where one packet at a time may leave, as the pace wants it, every second stream of a line was passed over: of
 * twenty some had nine times as much as others. */
static void twenty_streams_share_a_narrow_way(void **state)
{
    (void)state;

    run("stream/10/1/null=1,lookups=40,bytes=100000,rest=0");
}

/* Both ends moved when all had been sent once: what is sent again tells no round trip, so every packet that came
 * a little late counted as lost, and the window stayed the smallest. What was left after a minute of that was
 * thrown away, for the application had let go. */
static void stream_goes_on_at_full_speed_after_both_ends_have_moved(void **state)
{
    (void)state;

    run("stream/8/3/skew=50000,null=1,lookups=20,rest=0");
}

/* With a round trip over a second an address was asked again before it could answer, and only the newest answer
 * counted: streams to it had three bytes for one that came. */
static void stream_to_a_far_node_goes_on_after_it_has_moved(void **state)
{
    (void)state;

    run("stream/5/455449596/"
        "rtt=327,jitter=99,dup=56,reorder=140,corrupt=19,delay=6,skew=58918,null=1,lookups=40,rest="
        "0");
}

/* Twenty dials at once were told the line's coming up, and twenty streams began on it. At the other end it had
 * come up by a relay, which the first dial ended, nine milliseconds before our first packet came directly: the
 * line was over there, and so were the streams when it began anew. */
static void streams_that_begin_as_the_dial_ends_are_not_cancelled(void **state)
{
    (void)state;

    run("stream/82/182545769/reorder=76,null=1,seeds=3,lookups=40,rest=0");
}

/* --- one of each ----------------------------------------------------------------------------------- */

static void restarted_third_of_a_mesh_is_ready_again_in_two_minutes(void **state)
{
    (void)state;

    run("restart/20/1/null=1,lookups=50");
}

static void nodes_that_come_and_go_are_found_while_they_are_there(void **state)
{
    (void)state;

    run("churn/15/1/null=1,lookups=50,length=300000");
    run("churn-fast/15/1/null=1,lookups=50,length=300000");
}

static void mesh_goes_on_without_its_seeds(void **state)
{
    (void)state;

    run("dead/20/1/null=1,lookups=50");
    run("seedless/20/1/null=1,seeds=3,lookups=50,length=120000");
}

static void halves_of_a_mesh_go_on_and_find_each_other_again(void **state)
{
    (void)state;

    run("partition/20/1/null=1,lookups=50,length=300000");
}

static void servers_that_stall_for_two_seconds_stay_joined(void **state)
{
    (void)state;

    run("slow/15/1/null=1,lookups=50,length=120000");
}

static void nodes_behind_port_restricted_nats_reach_each_other(void **state)
{
    (void)state;

    run("nat/20/1/null=1,lookups=50,length=60000");
    run("nat-kinds/25/1/null=1,lookups=200,length=60000");
}

static void most_are_found_among_liars_and_sybils(void **state)
{
    (void)state;

    run("liars/20/1/null=1,lookups=50,length=60000");
    run("sybils/20/1/null=1,lookups=50,length=60000");
}

static void lines_go_on_while_opens_flood_a_node(void **state)
{
    (void)state;

    run("flood/10/1/null=1,lookups=50,length=2000");
    run("flood/10/4/stall=1998,null=1,lookups=40"); /* its mailbox was full when it was measured */
}

static void every_byte_of_every_stream_comes_in_order_and_once(void **state)
{
    (void)state;

    run("stream/6/1/loss=50,dup=20,reorder=50,null=1,lookups=20,bytes=300000");
}

static void mesh_becomes_whole_after_any_unrest(void **state)
{
    (void)state;

    run("unrest/12/1/null=1,lookups=50,length=180000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_not_heard_is_found_again_when_it_is),
        cmocka_unit_test(third_node_of_a_home_joins_through_a_seed_that_refuses_it),
        cmocka_unit_test(bridge_may_forward_what_the_network_broke),
        cmocka_unit_test(restarted_third_of_a_mesh_is_ready_again_in_two_minutes),
        cmocka_unit_test(nodes_that_come_and_go_are_found_while_they_are_there),
        cmocka_unit_test(mesh_goes_on_without_its_seeds),
        cmocka_unit_test(halves_of_a_mesh_go_on_and_find_each_other_again),
        cmocka_unit_test(servers_that_stall_for_two_seconds_stay_joined),
        cmocka_unit_test(nodes_behind_port_restricted_nats_reach_each_other),
        cmocka_unit_test(most_are_found_among_liars_and_sybils),
        cmocka_unit_test(lines_go_on_while_opens_flood_a_node),
        cmocka_unit_test(every_byte_of_every_stream_comes_in_order_and_once),
        cmocka_unit_test(twenty_streams_share_a_narrow_way),
        cmocka_unit_test(stream_goes_on_at_full_speed_after_both_ends_have_moved),
        cmocka_unit_test(stream_to_a_far_node_goes_on_after_it_has_moved),
        cmocka_unit_test(streams_that_begin_as_the_dial_ends_are_not_cancelled),
        cmocka_unit_test(mesh_becomes_whole_after_any_unrest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

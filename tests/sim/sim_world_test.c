/* What can be done to the nodes of a world: killing, stopping, clocks, addresses. */
#include "tools/sim/world.h"

#include "switch/base/mem.h"

#include "tests/lib/test_cmocka.h"

#include <string.h>

enum { NODES = 4 };

struct stage {
    struct th_world world;
    struct th_world_node *node[NODES];
    struct th_seed entry;
    struct th_seeds seeds;
    unsigned downs, ups;
};

static void count_up(void *data, struct th_world_node *node)
{
    (void)node;
    ((struct stage *)data)->ups++;
}

static void count_down(void *data, struct th_world_node *node)
{
    (void)node;
    ((struct stage *)data)->downs++;
}

/* All know node 0, and are ready. */
static struct stage *begin(const char *faults)
{
    struct stage *stage = th_mem_zalloc(1, sizeof *stage);
    struct th_world_options options = {.rng_seed = 3};
    char wrong[TH_FAULTS_TEXT_MAX];

    assert_non_null(stage);
    assert_true(th_faults_read(&options.faults, faults, wrong));
    th_world_init(&stage->world, &options);
    th_world_watch(&stage->world, &(struct th_world_hooks){
                                      .data = stage, .on_up = count_up, .on_down = count_down});
    for (unsigned i = 0; i < NODES; i++) {
        stage->node[i] = th_world_add(&stage->world, NULL);
        stage->node[i]->seeds = i ? &stage->seeds : NULL;
    }
    th_world_entry(stage->node[0], &stage->entry);
    stage->seeds = (struct th_seeds){.count = 1, .seed = &stage->entry};
    for (unsigned i = 0; i < NODES; i++)
        th_world_start(stage->node[i]);
    th_world_run(&stage->world, 10000);
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(stage->node[i]->node_state, TH_NODE_READY);
    return stage;
}

static void end(struct stage *stage)
{
    th_world_clear(&stage->world);
    th_mem_free(stage);
}

static void pass_s(struct stage *stage, unsigned s)
{
    th_world_run(&stage->world, stage->world.now + s * (th_ms)1000);
}

static unsigned links_of(struct th_world_node *node)
{
    struct th_msg reply = {0};
    unsigned up = 0;

    assert_int_equal(th_world_call(node, TH_NODE_ROUTER,
                                   (struct th_msg){.kind = &th_router_msg_table}, 1000, &reply),
                     TH_OK);
    const struct th_router_table *table = reply.body;
    for (unsigned i = 0; i < table->count; i++)
        up += table->link[i].is_up;
    th_msg_drop(&reply);
    return up;
}

static void killed_node_says_nothing_and_the_others_notice(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    uint64_t sent = stage->node[1]->port->tx_packets;
    assert_int_equal(links_of(stage->node[2]), NODES - 1);

    th_world_kill(stage->node[1]);
    pass_s(stage, 5);
    assert_int_equal(links_of(stage->node[2]), NODES - 1); /* nobody was told */
    pass_s(stage, 90);

    assert_int_equal(stage->node[1]->port->tx_packets, sent);
    assert_int_equal(links_of(stage->node[2]), NODES - 2);
    assert_int_equal(stage->world.up_count, NODES - 1);
    assert_int_equal(stage->downs, 1);
    end(stage);
}

static void node_that_kept_its_disk_comes_back_as_itself(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    struct th_hashname before = stage->node[1]->id.hashname;

    th_world_kill(stage->node[1]);
    pass_s(stage, 2);
    th_world_start(stage->node[1]);
    pass_s(stage, 30);

    assert_memory_equal(&stage->node[1]->id.hashname, &before, sizeof before);
    assert_true(stage->node[1]->at_floor > TH_WORLD_EPOCH);
    assert_int_equal(stage->node[1]->node_state, TH_NODE_READY);
    assert_int_equal(links_of(stage->node[1]), NODES - 1);
    end(stage);
}

static void node_that_lost_its_disk_comes_back_as_another(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    struct th_hashname before = stage->node[1]->id.hashname;

    th_world_kill(stage->node[1]);
    th_world_forget(stage->node[1]);
    th_world_start(stage->node[1]);
    pass_s(stage, 30);

    assert_memory_not_equal(&stage->node[1]->id.hashname, &before, sizeof before);
    assert_int_equal(stage->node[1]->node_state, TH_NODE_READY);
    end(stage);
}

static void process_that_is_stopped_reads_later_what_came_meanwhile(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    uint64_t sent = stage->node[1]->port->tx_packets;
    th_ms behind = stage->node[1]->behind;
    struct th_now before = th_host_now(stage->node[1]->host);

    th_world_stop(stage->node[1], 50000, true);
    pass_s(stage, 49);
    assert_int_equal(stage->node[1]->port->tx_packets, sent);
    pass_s(stage, 10);

    struct th_now after = th_host_now(stage->node[1]->host);
    assert_true(stage->node[1]->port->tx_packets > sent);
    assert_int_equal(stage->node[1]->behind, behind); /* its clock went on */
    assert_true(after.mono >= before.mono + 50000 - 30000);
    assert_int_equal(after.wall - before.wall, after.mono - before.mono);
    assert_int_equal(links_of(stage->node[1]), NODES - 1);
    end(stage);
}

static void machine_that_is_frozen_falls_behind(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    struct th_now before = th_host_now(stage->node[1]->host);

    th_world_stop(stage->node[1], 3600000, false);
    pass_s(stage, 3600 + 1);

    struct th_now after = th_host_now(stage->node[1]->host);
    assert_in_range(after.mono - before.mono, 0, 30000);
    assert_in_range(after.wall - before.wall, 0, 30000);
    pass_s(stage, 90);
    assert_int_equal(links_of(stage->node[1]), NODES - 1); /* it came back */
    end(stage);
}

static void clock_that_is_set_jumps_and_no_link_is_lost(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    struct th_now before = th_host_now(stage->node[1]->host);

    th_world_step_clock(stage->node[1], -86400000);

    struct th_now after = th_host_now(stage->node[1]->host);
    assert_int_equal(after.wall, before.wall - 86400000);
    assert_int_equal(after.mono, before.mono);
    pass_s(stage, 120);
    assert_int_equal(links_of(stage->node[1]), NODES - 1);
    end(stage);
}

static void clocks_are_wrong_at_the_start_when_that_is_asked_for(void **state)
{
    (void)state;
    struct stage *stage = begin("skew=60000");
    bool is_wrong = false;

    for (unsigned i = 0; i < NODES; i++) {
        assert_in_range(stage->node[i]->wall_off + 60000, 0, 120000);
        is_wrong |= stage->node[i]->wall_off != 0;
    }

    assert_true(is_wrong);
    end(stage);
}

static void node_with_another_address_keeps_its_links(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    uint32_t before = stage->node[1]->port->public_ip;

    th_world_move(stage->node[1]);
    pass_s(stage, 120);

    assert_int_not_equal(stage->node[1]->port->public_ip, before);
    assert_int_equal(links_of(stage->node[1]), NODES - 1);
    end(stage);
}

static void note_dialed(void *data, struct th_world_node *from, enum th_err why,
                        const struct th_dialed *dialed)
{
    unsigned *told = data;

    (void)from;
    told[0]++;
    told[1] = why;
    told[2] = dialed && dialed->has_line;
}

static void dial_is_told_once_also_when_the_node_is_killed_meanwhile(void **state)
{
    (void)state;
    struct stage *stage = begin("");
    unsigned good[3] = {0}, dead[3] = {0}, never[3] = {0};

    th_world_dial(stage->node[1], &stage->node[2]->id.hashname, TH_DIAL_REACH, 0, note_dialed,
                  good);
    th_world_dial(stage->node[3], &(struct th_hashname){{1}}, TH_DIAL_REACH, 0, note_dialed, dead);
    th_world_step(&stage->world, stage->world.now + 1);
    th_world_kill(stage->node[3]);
    th_world_dial(stage->node[3], &stage->node[2]->id.hashname, TH_DIAL_REACH, 0, note_dialed,
                  never);
    pass_s(stage, 60);

    assert_int_equal(good[0], 1);
    assert_true(good[2]);
    assert_int_equal(dead[0], 1);
    assert_int_equal(dead[1], TH_GONE);
    assert_int_equal(never[0], 1);
    assert_int_equal(never[1], TH_GONE);
    end(stage);
}

static void note_alarm(struct th_world *world, void *data, uint64_t number)
{
    th_ms *rang = data;

    rang[number] = world->now;
}

static void alarms_ring_at_their_time(void **state)
{
    (void)state;
    struct th_world_options options = {.rng_seed = 1};
    struct th_world world;
    th_ms rang[3] = {0};
    th_faults_init(&options.faults);
    th_world_init(&world, &options);

    th_world_at(&world, 500, note_alarm, rang, 1);
    th_world_at(&world, 100, note_alarm, rang, 0);
    th_world_at(&world, 10000, note_alarm, rang, 2);
    th_world_run(&world, 1000);

    assert_int_equal(rang[0], 100);
    assert_int_equal(rang[1], 500);
    assert_int_equal(rang[2], 0);
    assert_int_equal(world.now, 1000);
    th_world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_node_says_nothing_and_the_others_notice),
        cmocka_unit_test(node_that_kept_its_disk_comes_back_as_itself),
        cmocka_unit_test(node_that_lost_its_disk_comes_back_as_another),
        cmocka_unit_test(process_that_is_stopped_reads_later_what_came_meanwhile),
        cmocka_unit_test(machine_that_is_frozen_falls_behind),
        cmocka_unit_test(clock_that_is_set_jumps_and_no_link_is_lost),
        cmocka_unit_test(clocks_are_wrong_at_the_start_when_that_is_asked_for),
        cmocka_unit_test(node_with_another_address_keeps_its_links),
        cmocka_unit_test(dial_is_told_once_also_when_the_node_is_killed_meanwhile),
        cmocka_unit_test(alarms_ring_at_their_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole nodes together: what the mesh does as a whole. */
#include "tests/lib/mesh.h"

#include <sodium.h>

enum { NODES = 10 };

static struct mesh *mesh_of(uint8_t rng_seed)
{
    return mesh_begin(&(struct mesh_plan){.count = NODES, .rng_seed = rng_seed});
}

/* A4 */
static void ten_nodes_that_know_one_seed_are_ready_in_five_seconds(void **state)
{
    struct mesh *mesh = mesh_of(1);
    (void)state;

    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);

    mesh_end(mesh);
}

static void every_node_reaches_every_other(void **state)
{
    struct mesh *mesh = mesh_of(2);
    (void)state;

    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    assert_int_equal(mesh_unreached(mesh), 0);

    mesh_end(mesh);
}

static void nodes_with_few_links_reach_each_other_too(void **state)
{
    struct mesh *mesh =
        mesh_begin(&(struct mesh_plan){.count = NODES, .rng_seed = 3, .k = 2, .links_max = 8});
    (void)state;

    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    assert_int_equal(mesh_unreached(mesh), 0);
    mesh_run_s(mesh, 300);
    assert_int_equal(mesh_unready(mesh), 0);
    assert_int_equal(mesh_unreached(mesh), 0);

    mesh_end(mesh);
}

/* How many nodes it asks to find those nearest to a name that nobody has. */
static unsigned asked_by_a_search(unsigned k)
{
    struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = NODES, .rng_seed = 13, .k = k});
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);

    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    assert_non_null(dial);
    dial->target.b[0] = 0x5a;
    dial->mode = TH_DIAL_FIND;
    struct th_msg reply = mesh_call(mesh, 1, TH_NODE_DIALER,
                                    (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                                    TH_DIAL_MS_DEFAULT + 1000);
    unsigned asked = ((struct th_dialed *)reply.body)->asked;
    th_msg_drop(&reply);
    mesh_end(mesh);
    return asked;
}

static void search_asks_as_many_as_are_wanted_in_a_bucket(void **state)
{
    (void)state;

    assert_in_range(asked_by_a_search(2), 2, 4); /* and who was asked before these were known */
    assert_in_range(asked_by_a_search(0), 8, NODES - 1);
}

static void quiet_mesh_keeps_its_links(void **state)
{
    struct mesh *mesh = mesh_of(4);
    size_t before;
    (void)state;
    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    mesh_run_s(mesh, 30);
    before = mesh->trace_len;

    mesh_run_s(mesh, 3600);

    if (mesh->trace_len != before)
        print_message("%s", mesh->trace + before);
    assert_int_equal(mesh->trace_len, before);
    assert_int_equal(mesh_unready(mesh), 0);
    mesh_end(mesh);
}

static void mesh_without_its_seed_goes_on(void **state)
{
    struct mesh *mesh = mesh_of(5);
    (void)state;
    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    mesh_run_s(mesh, 10);

    mesh_kill_node(mesh, MESH_SEED);
    assert_int_equal(mesh_unreached(mesh), 0);
    mesh_run_s(mesh, 120);

    assert_int_equal(mesh_unready(mesh), 0);
    for (unsigned i = 1; i < NODES; i++)
        assert_false(mesh_is_linked(mesh, i, MESH_SEED));
    assert_int_equal(mesh_unreached(mesh), 0);
    mesh_end(mesh);
}

static void restart_after(unsigned down_s, uint8_t rng_seed, unsigned k, unsigned links_max)
{
    struct mesh *mesh = mesh_begin(
        &(struct mesh_plan){.count = NODES, .rng_seed = rng_seed, .k = k, .links_max = links_max});
    unsigned s = 0;

    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    mesh_run_s(mesh, 10);
    mesh_kill_node(mesh, MESH_SEED);
    mesh_run_s(mesh, down_s);

    mesh_start_node(mesh, MESH_SEED);
    while (s < 45 && (mesh_unlinked_with(mesh, MESH_SEED) > 0 || mesh_unready(mesh) > 0)) {
        mesh_run_s(mesh, 1);
        s++;
    }

    if (mesh_unlinked_with(mesh, MESH_SEED) > 0)
        print_message("%u of %u are not linked with the seed %u s after its restart\n",
                      mesh_unlinked_with(mesh, MESH_SEED), NODES - 1, s);
    assert_int_equal(mesh_unlinked_with(mesh, MESH_SEED), 0);
    assert_int_equal(mesh_unready(mesh), 0);
    assert_int_equal(mesh_unreached(mesh), 0);
    mesh_end(mesh);
}

static void seed_that_restarts_at_once_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(1, 6, 0, 0);
}

static void seed_that_restarts_after_half_a_minute_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(30, 7, 0, 0);
}

static void seed_that_restarts_after_five_minutes_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(300, 8, 0, 0);
}

static void seed_of_nodes_with_few_links_is_linked_again_within_45_s(void **state)
{
    (void)state;
    restart_after(90, 9, 2, 8);
}

/* A4 */
static void node_that_was_cut_off_comes_back(void **state)
{
    struct mesh *mesh = mesh_of(10);
    (void)state;
    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);

    net_mem_cut(mesh->node[4].net, true);
    mesh_run_s(mesh, 180);
    assert_int_equal(mesh_status(mesh, 4).state, TH_NODE_ALONE);
    net_mem_cut(mesh->node[4].net, false);
    mesh_run_s(mesh, 45);

    assert_int_equal(mesh_unready(mesh), 0);
    assert_int_equal(mesh_unreached(mesh), 0);
    mesh_end(mesh);
}

/* A lookup from a node: how many it began with, and how many of those it is linked to. */
static unsigned count_linked_starts(struct mesh *mesh, unsigned from,
                                    const struct th_hashname *target, unsigned *starts)
{
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);
    unsigned linked = 0;

    assert_non_null(dial);
    dial->target = *target;
    dial->mode = TH_DIAL_FIND;
    struct th_msg reply = mesh_call(mesh, from, TH_NODE_DIALER,
                                    (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial},
                                    TH_DIAL_MS_DEFAULT + 1000);
    const struct th_dialed *dialed = reply.body;
    for (unsigned i = 0; i < dialed->step_count; i++) {
        if (dialed->step[i].has_via)
            continue;
        ++*starts;
        linked += mesh_is_linked(mesh, from, mesh_index_of(mesh, &dialed->step[i].asked));
    }
    th_msg_drop(&reply);
    return linked;
}

/* D5 */
static void dialer_that_is_started_anew_begins_with_linked_nodes(void **state)
{
    (void)state;
    enum { FROM = 5 };
    struct mesh *mesh =
        mesh_begin(&(struct mesh_plan){.count = 30, .rng_seed = 5, .k = 4, .links_max = 10});
    unsigned starts = 0, linked = 0;
    mesh_run_s(mesh, 60);

    for (unsigned n = 0; n < mesh->count; n++) { /* next to each of them, linked or not */
        struct th_hashname target = mesh->node[n].id.hashname;
        target.b[TH_HASHNAME_BYTES - 1] ^= 1;
        th_pid dialer = th_whereis(mesh->host, FROM + 1, TH_NODE_DIALER);
        th_stop(mesh->host, dialer, TH_SHUTDOWN);
        th_host_sim_run(mesh->host, 0);
        assert_true(th_whereis(mesh->host, FROM + 1, TH_NODE_DIALER) != dialer);
        linked += count_linked_starts(mesh, FROM, &target, &starts);
        mesh_run_s(mesh, 3);
    }

    assert_true(starts > mesh->count);
    assert_int_equal(linked, starts);
    mesh_end(mesh);
}

static void same_randomness_gives_the_same_course(void **state)
{
    struct mesh *a = mesh_of(11), *b = mesh_of(11), *other = mesh_of(12);
    (void)state;

    mesh_run_s(a, 120);
    mesh_run_s(b, 120);
    mesh_run_s(other, 120);

    assert_true(a->trace_len > 0);
    assert_string_equal(a->trace, b->trace);
    assert_string_not_equal(a->trace, other->trace);
    mesh_end(a);
    mesh_end(b);
    mesh_end(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_nodes_that_know_one_seed_are_ready_in_five_seconds),
        cmocka_unit_test(every_node_reaches_every_other),
        cmocka_unit_test(nodes_with_few_links_reach_each_other_too),
        cmocka_unit_test(search_asks_as_many_as_are_wanted_in_a_bucket),
        cmocka_unit_test(quiet_mesh_keeps_its_links),
        cmocka_unit_test(mesh_without_its_seed_goes_on),
        cmocka_unit_test(seed_that_restarts_at_once_is_linked_again_within_45_s),
        cmocka_unit_test(seed_that_restarts_after_half_a_minute_is_linked_again_within_45_s),
        cmocka_unit_test(seed_that_restarts_after_five_minutes_is_linked_again_within_45_s),
        cmocka_unit_test(seed_of_nodes_with_few_links_is_linked_again_within_45_s),
        cmocka_unit_test(node_that_was_cut_off_comes_back),
        cmocka_unit_test(dialer_that_is_started_anew_begins_with_linked_nodes),
        cmocka_unit_test(same_randomness_gives_the_same_course),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

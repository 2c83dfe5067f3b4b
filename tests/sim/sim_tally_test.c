/* What is counted for the pictures of a run. */
#include "tests/lib/test_cmocka.h"
#include "tools/sim/sim.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- histograms --- */

static json_t *written(const struct th_histogram *histogram)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    th_histogram_write(histogram, out);
    fclose(out);
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(read);
    free(text);
    return read;
}

static json_int_t at(const json_t *object, const char *list, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(object, list), i));
}

static void even_steps_widen_until_the_largest_value_has_room(void **state)
{
    (void)state;
    struct th_histogram histogram = {0};

    for (uint64_t value = 0; value < 200; value++)
        th_histogram_add(&histogram, value);
    json_t *read = written(&histogram);

    assert_int_equal(histogram.total, 200);
    assert_int_equal(json_array_size(json_object_get(read, "counts")), 50);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(at(read, "bounds", i), 4 * i);
        assert_int_equal(at(read, "counts", i), 4);
    }
    assert_int_equal(at(read, "bounds", 50), 200);
    json_decref(read);
}

static void growing_steps_are_the_same_whatever_was_counted(void **state)
{
    (void)state;
    struct th_histogram histogram = {.is_growing = true};
    static const uint64_t values[] = {99, 100, 111, 112, 999, 1000, 1119};

    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        th_histogram_add(&histogram, values[i]);
    json_t *read = written(&histogram);

    assert_int_equal(at(read, "bounds", 0), 90);
    assert_int_equal(at(read, "counts", 0), 1);
    assert_int_equal(at(read, "bounds", 1), 100);
    assert_int_equal(at(read, "counts", 1), 2);
    assert_int_equal(at(read, "bounds", 2), 112);
    assert_int_equal(at(read, "counts", 2), 1);
    assert_int_equal(at(read, "bounds", 20), 900);
    assert_int_equal(at(read, "counts", 20), 1);
    assert_int_equal(at(read, "bounds", 21), 1000);
    assert_int_equal(at(read, "counts", 21), 2);
    assert_int_equal(at(read, "bounds", 22), 1120);
    assert_int_equal(json_array_size(json_object_get(read, "counts")), 22);
    json_decref(read);
}

static void any_value_has_a_step(void **state)
{
    (void)state;
    struct th_histogram even = {0}, growing = {.is_growing = true};

    for (unsigned bit = 0; bit < 64; bit++) {
        th_histogram_add(&even, UINT64_C(1) << bit);
        th_histogram_add(&growing, UINT64_C(1) << bit);
    }
    th_histogram_add(&even, UINT64_MAX);
    th_histogram_add(&growing, UINT64_MAX);

    assert_int_equal(even.total, 65);
    assert_int_equal(growing.total, 65);
    assert_true(growing.count[TH_HISTOGRAM_STEPS - 1] > 0);
}

static void nothing_counted_is_two_empty_lists(void **state)
{
    (void)state;
    json_t *read = written(&(struct th_histogram){0});

    assert_int_equal(json_array_size(json_object_get(read, "bounds")), 0);
    assert_int_equal(json_array_size(json_object_get(read, "counts")), 0);
    json_decref(read);
}

/* --- pieces of time --- */

static void pieces_of_time_double_until_all_of_it_has_room(void **state)
{
    (void)state;
    static struct th_sim_tally tally;
    static struct th_world world;
    th_sim_tally_init(&tally, &world, false);

    for (world.now = 0; world.now < 1000000; world.now += 500)
        th_sim_tally_sent(&tally);
    th_sim_tally_told(&tally, 3999, true, false);
    th_sim_tally_told(&tally, 4000, false, true);

    assert_int_equal(tally.slot_ms, 4000);
    assert_int_equal(tally.slot_count, 250);
    for (unsigned i = 0; i < tally.slot_count; i++)
        assert_int_equal(tally.slot[i].sent, 8);
    assert_int_equal(tally.slot[0].found, 1);
    assert_int_equal(tally.slot[1].lost, 1);
    th_sim_tally_clear(&tally);
}

/* --- runs --- */

static void run(struct th_sim *sim, const char *token, bool is_untallied)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;

    assert_true(th_sim_token_read(&plan, token, complaint));
    plan.is_untallied = is_untallied;
    th_sim_init(sim, &plan);
    sim->is_quiet = true;
    th_sim_run(sim);
}

static void run_is_the_same_with_and_without_the_tally(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "cold/20/1/lookups=20", "restart/15/2/loss=50,delay=30,stall=2000,null=1,lookups=20"};

    for (unsigned i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        char hash[2][TH_TRACE_HEX + 1];
        for (unsigned n = 0; n < 2; n++) {
            static struct th_sim sim;
            run(&sim, tokens[i], n == 1);
            th_sim_trace_hash(&sim.world.trace, hash[n]);
            assert_int_equal(sim.tally.datagrams[TH_DATAGRAM_OPEN] == 0, n);
            th_sim_clear(&sim);
        }

        assert_string_equal(hash[0], hash[1]);
    }
}

static uint64_t sum(const json_t *object, const char *list)
{
    uint64_t all = 0;
    size_t i;
    json_t *value;

    json_array_foreach(json_object_get(object, list), i, value) all +=
        (uint64_t)json_integer_value(value);
    return all;
}

static json_t *result_of(const struct th_sim *sim)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    th_sim_write(sim, out);
    fclose(out);
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(read);
    free(text);
    return read;
}

static void what_is_written_agrees_with_what_happened(void **state)
{
    (void)state;
    static const char *const of_found[] = {"hops", "asked", "took_ms", "seek_ms"};
    static struct th_sim sim;
    run(&sim, "restart/15/3/null=1,lookups=50", false);
    json_t *result = result_of(&sim), *histograms = json_object_get(result, "histograms");
    json_t *series = json_object_get(result, "series"), *note;
    uint64_t datagrams = 0, ends = 0;

    for (unsigned i = 0; i < sizeof of_found / sizeof of_found[0]; i++)
        assert_int_equal(sum(json_object_get(histograms, of_found[i]), "counts"),
                         sim.lookups.found);
    assert_int_equal(sum(json_object_get(histograms, "links_per_node"), "counts"), 15);
    assert_int_equal(sum(json_object_get(histograms, "tx_bytes_per_node"), "counts"), 15);
    assert_int_equal(sum(series, "sent"), 100); /* meanwhile and at the end */
    assert_int_equal(at(series, "nodes_ready", sim.tally.slot_count - 1), 15);
    for (unsigned i = 0; i < TH_DATAGRAM_SORTS; i++)
        datagrams += sim.tally.datagrams[i];
    for (unsigned i = TH_FATE_SENT + 1; i < TH_FATES; i++)
        ends += sim.tally.ends[i];
    assert_int_equal(sum(series, "datagrams"), datagrams);
    assert_int_equal(datagrams, sim.world.net.fates[TH_FATE_SENT]);
    assert_in_range(ends, datagrams - 100, datagrams); /* the others are on their way */
    assert_true(sim.tally.packets[TH_CHANNEL_SEEK] > 100);
    note = json_array_get(json_object_get(result, "notes"), 0);
    assert_string_equal(json_string_value(json_object_get(note, "what")) + 1,
                        " of 15 nodes are killed");
    json_decref(result);
    th_sim_clear(&sim);
}

static void lookups_have_goals_only_where_nothing_goes_wrong(void **state)
{
    (void)state;
    static struct th_sim sim;

    run(&sim, "cold/12/1/null=1,lookups=20,length=30000", false);
    assert_int_equal(sim.figure_count, 8);
    assert_string_equal(sim.figure[2].name, "hops_mean");
    assert_true(sim.figure[2].value < 1 && sim.figure[2].goal > 1.9);
    th_sim_clear(&sim);

    run(&sim, "cold/12/1/null=1,lookups=20,length=30000,loss=1", false);
    assert_int_equal(sim.figure_count, 1);
    assert_string_equal(sim.figure[0].name, "most_loaded_to_mean");
    th_sim_clear(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(even_steps_widen_until_the_largest_value_has_room),
        cmocka_unit_test(growing_steps_are_the_same_whatever_was_counted),
        cmocka_unit_test(any_value_has_a_step),
        cmocka_unit_test(nothing_counted_is_two_empty_lists),
        cmocka_unit_test(pieces_of_time_double_until_all_of_it_has_room),
        cmocka_unit_test(run_is_the_same_with_and_without_the_tally),
        cmocka_unit_test(what_is_written_agrees_with_what_happened),
        cmocka_unit_test(lookups_have_goals_only_where_nothing_goes_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

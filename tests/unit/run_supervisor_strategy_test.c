/* The supervisor's strategies: who is stopped and started with a child that ends; escalation. */
#include "tests/unit/run_family.h"

static void start_with(struct family *family, struct stage *stage, enum th_strategy strategy)
{
    prepare_on(family, stage);
    family->spec.strategy = strategy;
    start(family);
    assert_string_equal(family->story.trace, "abc");
}

/* D5 */
static void each_strategy_restarts_those_who_share_the_fate_in_order(void **state)
{
    struct stage *stage = *state;
    static const struct {
        enum th_strategy strategy;
        unsigned ends;
        const char *story;
    } rows[] = {
        {TH_STRATEGY_ONE_FOR_ONE, 0, "abcAa"},     {TH_STRATEGY_ONE_FOR_ONE, 1, "abcBb"},
        {TH_STRATEGY_ONE_FOR_ONE, 2, "abcCc"},     {TH_STRATEGY_REST_FOR_ONE, 0, "abcACBabc"},
        {TH_STRATEGY_REST_FOR_ONE, 1, "abcBCbc"},  {TH_STRATEGY_REST_FOR_ONE, 2, "abcCc"},
        {TH_STRATEGY_ONE_FOR_ALL, 0, "abcACBabc"}, {TH_STRATEGY_ONE_FOR_ALL, 1, "abcBCAabc"},
        {TH_STRATEGY_ONE_FOR_ALL, 2, "abcCBAabc"},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct family family;
        start_with(&family, stage, rows[i].strategy);

        end_kid(&family, rows[i].ends, TH_IO);

        assert_string_equal(family.story.trace, rows[i].story);
        assert_int_equal(wait_until_ready(&family), TH_OK);
        for (int k = 0; k < KIDS; k++)
            assert_int_equal(th_whereis(family.host, 0, names[k]), family.kids[k].pid);
        th_stop(family.host, family.supervisor, TH_SHUTDOWN);
        stage_run(stage, 1);
    }
    stage_close(stage);
}

/* D5: however ends overlap, all are there in the end, and nobody twice. */
static void ends_that_overlap_leave_everybody_running_once(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.strategy = (enum th_strategy)(family.stage->seed % 3);
    family.spec.restarts_max = 100;
    start(&family);

    for (unsigned n = 0; n < 12; n++) {
        th_pid pid = th_whereis(family.host, 0, names[(family.stage->seed / 3 + 5 * n) % KIDS]);
        if (pid)
            th_post(family.host, pid, probe_number(TH_IO)); /* if it is still there */
        stage_run_a_little(family.stage, (family.stage->seed / 7 + n) % 9);
    }
    stage_run(family.stage, 1);

    assert_int_equal(wait_until_ready(&family), TH_OK);
    for (int i = 0; i < KIDS; i++) {
        assert_int_equal(family.kids[i].inits, family.kids[i].terminates + 1);
        assert_int_equal(th_whereis(family.host, 0, names[i]), family.kids[i].pid);
    }
    stage_close(family.stage);
}

/* D5 */
static void who_had_ended_for_good_or_is_temporary_does_not_come_back_with_others(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.strategy = TH_STRATEGY_ONE_FOR_ALL;
    family.children[0].restart = TH_RESTART_ON_ERROR;
    family.children[2].restart = TH_RESTART_NEVER;
    start(&family);

    end_kid(&family, 0, TH_OK);
    assert_string_equal(family.story.trace, "abcA");
    end_kid(&family, 1, TH_IO);

    assert_string_equal(family.story.trace, "abcABCb");
    assert_true(is_supervisor_alive(&family));
    stage_close(family.stage);
}

static void temporary_child_that_fails_takes_nobody_with_it(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.strategy = TH_STRATEGY_ONE_FOR_ALL;
    family.children[1].restart = TH_RESTART_NEVER;
    start(&family);

    end_kid(&family, 1, TH_IO);

    assert_string_equal(family.story.trace, "abcB");
    stage_close(family.stage);
}

static enum th_err fails_the_second_time(struct probe *probe, const struct th_self *self)
{
    return probe->inits == 2 ? TH_IN_USE : notes_start(probe, self);
}

/* D5 */
static void init_that_fails_while_all_come_back_is_one_more_end(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.strategy = TH_STRATEGY_REST_FOR_ONE;
    family.kids[1].init = fails_the_second_time;
    start(&family);

    end_kid(&family, 0, TH_IO);

    assert_string_equal(family.story.trace, "abcACBabc");
    assert_int_equal(family.kids[1].inits, 3);
    stage_close(family.stage);
}

/* on_stop: ends by itself, later. */
static enum th_err stops_late(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    probe->alarm_at = self->now.mono + 3000;
    return TH_OK;
}

static enum th_err ends_now(struct probe *probe, const struct th_self *self)
{
    (void)probe, (void)self;
    return TH_SHUTDOWN;
}

/* D5 */
static void child_that_does_not_stop_in_time_is_named_and_waited_for(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    family.spec.strategy = TH_STRATEGY_ONE_FOR_ALL;
    family.children[2].spec.ops = &slow_probe_ops;
    family.kids[2].on_stop = stops_late;
    family.kids[2].on_alarm = ends_now;
    start(&family);

    end_kid(&family, 1, TH_IO);
    assert_string_equal(family.story.trace, "abcB");
    th_host_sim_run(family.host, 2000);
    assert_non_null(strstr(family.log, "error supervisor does not stop name=top child=c"));
    assert_string_equal(family.story.trace, "abcB");
    th_host_sim_run(family.host, 1000);

    assert_string_equal(family.story.trace, "abcBCAabc");
    family.kids[2].on_stop = NULL;
    th_host_sim_close(family.host);
}

/* D5 */
static void supervisor_can_be_stopped_while_it_restarts_many(void **state)
{
    struct family family;
    start_with(&family, *state, TH_STRATEGY_ONE_FOR_ALL);
    assert_int_equal(th_post(family.host, family.kids[1].pid, probe_number(TH_IO)), TH_OK);
    stage_run_a_little(family.stage, family.stage->seed % 20);

    th_stop(family.host, family.supervisor, TH_SHUTDOWN);
    stage_run(family.stage, 1);

    assert_int_equal(stage_count_alive(family.stage), 0);
    for (int i = 0; i < KIDS; i++)
        assert_int_equal(family.kids[i].inits, family.kids[i].terminates);
    stage_close(family.stage);
}

/* D5: a round of restarts counts once, for the child that ended. */
static void intensity_counts_ends_and_not_those_who_are_stopped_with_them(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.strategy = TH_STRATEGY_ONE_FOR_ALL;
    family.spec.restarts_max = 2;
    start(&family);

    end_kid(&family, 0, TH_IO);
    end_kid(&family, 2, TH_IO);
    assert_true(is_supervisor_alive(&family));
    end_kid(&family, 1, TH_IO);

    assert_false(is_supervisor_alive(&family));
    assert_int_equal(stage_count_alive(family.stage), 0);
    stage_close(family.stage);
}

static void restart_that_is_asked_for_is_alone_and_waits_its_turn(void **state)
{
    struct family family;
    start_with(&family, *state, TH_STRATEGY_ONE_FOR_ALL);
    struct th_msg reply, msg = {.kind = &th_supervisor_restart_msg, .body = th_mem_copy("b", 1)};

    assert_int_equal(th_call_wait(family.host, family.supervisor, msg, 1000, &reply), TH_OK);

    assert_null(reply.body);
    assert_string_equal(family.story.trace, "abcBb");
    stage_close(family.stage);
}

/* --- escalation --- */

struct tree {
    struct th_host *host;
    struct family lower;
    struct probe brother;
    struct th_child top[2];
    struct th_supervisor_spec top_spec;
    struct th_server_spec root;
    th_pid root_pid;
};

/* root: a brother, and the family's supervisor, which allows 1 restart. */
static void plant(struct tree *tree, struct stage *stage, enum th_strategy strategy)
{
    *tree = (struct tree){0};
    prepare_on(&tree->lower, stage);
    tree->host = tree->lower.host;
    tree->lower.spec.restarts_max = 1;
    tree->brother = tree->lower.kids[0];
    tree->top[0].spec = spec_of(&tree->lower);
    tree->top[1].spec = probe_spec(stage_next_place(stage), "z", &tree->brother);
    tree->top_spec = (struct th_supervisor_spec){
        .children = tree->top, .count = 2, .strategy = strategy, .restarts_max = 1};
    tree->root = (struct th_server_spec){.ops = &th_supervisor_ops,
                                         .arg = &tree->top_spec,
                                         .name = "root",
                                         .place = stage_next_place(stage)};
    assert_int_equal(th_spawn(tree->host, &tree->root, &tree->root_pid), TH_OK);
    stage_run(stage, 1);
}

/* D5 */
static void supervisor_that_gives_up_is_restarted_by_its_own(void **state)
{
    static const char *const stories[] = {"abczBbBCAabc", "abczBbBCAZabcz", "abczBbBCAZabcz"};

    struct stage *stage = *state;
    enum th_strategy strategy = (enum th_strategy)(stage->seed % 3);
    struct tree tree;
    plant(&tree, stage, strategy);

    end_kid(&tree.lower, 1, TH_IO);
    end_kid(&tree.lower, 1, TH_IO);

    assert_string_equal(tree.lower.story.trace, stories[strategy]);
    assert_true(is_supervisor_alive(&tree.lower));
    stage_close(stage);
}

static enum th_err watches(struct probe *probe, const struct th_self *self)
{
    return th_monitor(self, probe->other, &probe->ref);
}

/* D5 */
static void reason_of_the_child_goes_up_to_who_watches_the_root(void **state)
{
    struct stage *stage = *state;
    static const struct {
        enum th_err why, told;
    } rows[] = {{TH_IO, TH_IO}, {TH_NO_MEMORY, TH_NO_MEMORY}, {TH_OK, TH_LIMIT}};

    unsigned row = (unsigned)(stage->seed / 2 % (sizeof rows / sizeof *rows));
    struct tree tree;
    plant(&tree, stage, TH_STRATEGY_ONE_FOR_ALL);
    struct probe watcher = {.init = watches, .other = tree.root_pid};
    stage_spawn(stage, &watcher);
    stage_run(stage, 1);

    for (int n = 0; n < 4; n++)
        end_kid(&tree.lower, 1, rows[row].why);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, rows[row].told);
    assert_int_equal(stage_count_alive(stage), 1); /* the watcher */
    stage_close(stage);
}

/* --- without memory --- */

static void restart_of_many_without_memory_ends_well_or_with_the_supervisor(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 60; nth++) {
        struct family family;
        prepare(&family, 0);
        family.spec.strategy = TH_STRATEGY_ONE_FOR_ALL;
        start(&family);
        struct th_msg msg = probe_number(TH_IO);
        assert_int_equal(th_post(family.host, family.kids[1].pid, msg), TH_OK);

        th_mem_refuse(nth);
        th_host_sim_run(family.host, 1);
        th_mem_refuse(0);
        th_host_sim_run(family.host, 1000);

        if (is_supervisor_alive(&family))
            for (int i = 0; i < KIDS; i++)
                assert_int_not_equal(th_whereis(family.host, 0, names[i]), 0);
        else
            assert_int_equal(th_host_look(family.host, NULL, 0), 0);
        th_host_sim_close(family.host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(each_strategy_restarts_those_who_share_the_fate_in_order),
        ON_EVERY_HOST(ends_that_overlap_leave_everybody_running_once),
        ON_EVERY_HOST(who_had_ended_for_good_or_is_temporary_does_not_come_back_with_others),
        ON_EVERY_HOST(temporary_child_that_fails_takes_nobody_with_it),
        ON_EVERY_HOST(init_that_fails_while_all_come_back_is_one_more_end),
        cmocka_unit_test(child_that_does_not_stop_in_time_is_named_and_waited_for),
        ON_EVERY_HOST(supervisor_can_be_stopped_while_it_restarts_many),
        ON_EVERY_HOST(intensity_counts_ends_and_not_those_who_are_stopped_with_them),
        ON_EVERY_HOST(restart_that_is_asked_for_is_alone_and_waits_its_turn),
        ON_EVERY_HOST(supervisor_that_gives_up_is_restarted_by_its_own),
        ON_EVERY_HOST(reason_of_the_child_goes_up_to_who_watches_the_root),
        cmocka_unit_test(restart_of_many_without_memory_ends_well_or_with_the_supervisor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

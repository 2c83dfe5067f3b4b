/* The supervisor: starts in order, restarts alone, gives up, stops in reverse order. */
#include "tests/unit/run_family.h"

/* --- starting and stopping --- */

/* D5 */
static void children_start_in_order_and_stop_in_reverse_order(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    start(&family);
    assert_int_equal(wait_until_ready(&family), TH_OK);

    stage_close(family.stage);
    assert_string_equal(family.story.trace, "abcCBA");
}

static enum th_err starts_late(struct probe *probe, const struct th_self *self)
{
    struct family *family = probe->data;

    notes_start(probe, self);
    return th_suspend(self->host, self->pid, 500) == TH_OK && family ? TH_OK : TH_INVALID;
}

static void ready_is_answered_once_all_children_have_started(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    family.kids[1].init = starts_late; /* its init is over, but it cannot yet say so */
    struct th_server_spec spec = spec_of(&family);
    assert_int_equal(th_spawn(family.host, &spec, &family.supervisor), TH_OK);

    th_ms before = th_host_now(family.host).mono;
    assert_int_equal(wait_until_ready(&family), TH_OK);

    assert_string_equal(family.story.trace, "abc");
    assert_int_equal(th_host_now(family.host).mono, before + 500);
    assert_int_equal(wait_until_ready(&family), TH_OK);
    th_host_sim_close(family.host);
}

static enum th_err fails(struct probe *probe, const struct th_self *self)
{
    (void)probe, (void)self;
    return TH_IN_USE;
}

static void child_that_cannot_start_ends_the_supervisor_with_its_reason(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.kids[2].init = fails;
    struct th_server_spec spec = spec_of(&family);
    assert_int_equal(th_spawn(family.host, &spec, &family.supervisor), TH_OK);

    assert_int_equal(wait_until_ready(&family), TH_GONE);

    assert_string_equal(family.story.trace, "abBA");
    assert_int_equal(family.kids[2].inits, 1);
    assert_false(is_supervisor_alive(&family));
    assert_non_null(strstr(family.log, "error supervisor gave up name=top child=c"));
    stage_close(family.stage);
}

static void taken_name_ends_the_supervisor_that_wants_it(void **state)
{
    struct family family;
    struct probe squatter = {0};
    prepare_on(&family, *state);
    probe_spawn(family.host, stage_next_place(family.stage), "b", &squatter);

    start(&family);

    assert_string_equal(family.story.trace, "aA");
    assert_false(is_supervisor_alive(&family));
    stage_close(family.stage);
}

static void supervisor_can_be_stopped_while_it_starts(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    struct th_server_spec spec = spec_of(&family);
    assert_int_equal(th_spawn(family.host, &spec, &family.supervisor), TH_OK);
    stage_run_a_little(family.stage, family.stage->seed % 12);

    th_stop(family.host, family.supervisor, TH_SHUTDOWN);
    stage_run(family.stage, 1);

    for (int i = 0; i < KIDS; i++)
        assert_int_equal(family.kids[i].inits, family.kids[i].terminates);
    assert_int_equal(stage_count_alive(family.stage), 0);
    stage_close(family.stage);
}

/* on_stop of a child that never ends by itself. */
static enum th_err never_stops(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)probe, (void)self, (void)why;
    return TH_OK;
}

static void child_that_does_not_stop_is_left_behind_and_named(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    family.kids[1].on_stop = never_stops;
    family.children[1].spec.ops = &slow_probe_ops;
    family.children[1].stop_ms = 300;
    start(&family);

    th_stop(family.host, family.supervisor, TH_SHUTDOWN);
    th_host_sim_run(family.host, 299);
    assert_string_equal(family.story.trace, "abcC");
    th_host_sim_run(family.host, 1);

    assert_string_equal(family.story.trace, "abcCA");
    assert_false(is_supervisor_alive(&family));
    assert_non_null(strstr(family.log, "error supervisor does not stop name=top child=b"));
    th_host_sim_close(family.host);
    assert_int_equal(family.kids[1].terminates, 1); /* the host's close does not ask */
}

/* Who is left behind may still end, and then nobody starts it anew. */
static void child_that_is_left_behind_ends_in_its_own_time(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.kids[1].on_stop = never_stops;
    family.children[1].spec.ops = &slow_probe_ops;
    family.children[1].stop_ms = PATIENCE_MS;
    start(&family);

    th_stop(family.host, family.supervisor, TH_SHUTDOWN);
    stage_run(family.stage, 1000);
    assert_string_equal(family.story.trace, "abcCA");
    assert_false(is_supervisor_alive(&family));

    end_kid(&family, 1, TH_IO);
    assert_string_equal(family.story.trace, "abcCAB");
    assert_int_equal(stage_count_alive(family.stage), 0);
    stage_close(family.stage);
}

/* --- restarting --- */

/* D5 */
static void child_that_ends_is_restarted_alone_under_its_name(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    start(&family);
    th_pid before = family.kids[1].pid;

    end_kid(&family, 1, TH_IO);

    assert_string_equal(family.story.trace, "abcBb");
    assert_int_not_equal(family.kids[1].pid, before);
    assert_int_equal(th_whereis(family.host, 0, "b"), family.kids[1].pid);
    assert_int_equal(th_post(family.host, before, probe_number(1)), TH_GONE);
    assert_non_null(strstr(family.log, "warn supervisor restarts name=top child=b"));
    assert_int_equal(stage_count_alive(family.stage), 4);
    assert_string_equal(stage_look(family.stage, family.kids[1].pid).name, "b");
    assert_int_equal(stage_look(family.stage, family.kids[1].pid).restarts, 1);
    stage_close(family.stage);
}

static void restart_follows_what_the_child_wants(void **state)
{
    struct stage *stage = *state;
    static const struct {
        enum th_restart restart;
        enum th_err why;
        bool is_restarted;
    } rows[] = {
        {TH_RESTART_ALWAYS, TH_IO, true},       {TH_RESTART_ALWAYS, TH_OK, true},
        {TH_RESTART_ALWAYS, TH_SHUTDOWN, true}, {TH_RESTART_ON_ERROR, TH_IO, true},
        {TH_RESTART_ON_ERROR, TH_OK, false},    {TH_RESTART_ON_ERROR, TH_SHUTDOWN, false},
        {TH_RESTART_NEVER, TH_IO, false},       {TH_RESTART_NEVER, TH_OK, false},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct family family;
        prepare_on(&family, stage);
        family.children[1].restart = rows[i].restart;
        start(&family);

        end_kid(&family, 1, rows[i].why);

        assert_int_equal(family.kids[1].inits, rows[i].is_restarted ? 2 : 1);
        assert_int_equal(th_whereis(family.host, 0, "b") != 0, rows[i].is_restarted);
        assert_true(is_supervisor_alive(&family));
        th_stop(family.host, family.supervisor, TH_SHUTDOWN);
        stage_run(stage, 1);
    }
    stage_close(stage);
}

/* D5 */
static void supervisor_gives_up_when_a_child_ends_too_often(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    start(&family);

    for (int i = 0; i < 5; i++)
        end_kid(&family, 1, TH_IO);
    assert_true(is_supervisor_alive(&family)); /* 5 restarts in 10 s are allowed */
    assert_int_equal(family.kids[1].inits, 6);
    end_kid(&family, 1, TH_IO);

    assert_false(is_supervisor_alive(&family));
    assert_int_equal(family.kids[1].inits, 6);
    assert_int_equal(family.kids[0].terminates, 1);
    assert_int_equal(family.kids[2].terminates, 1);
    assert_non_null(strstr(family.log, "error supervisor gave up name=top child=b"));
    stage_close(family.stage);
}

static void ends_that_are_far_apart_do_not_add_up(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    family.spec.restarts_max = 2;
    family.spec.period_ms = 1000;
    start(&family);

    for (int i = 0; i < 20; i++) {
        end_kid(&family, 1, TH_IO);
        th_host_sim_run(family.host, 499);
    }

    assert_true(is_supervisor_alive(&family));
    assert_int_equal(family.kids[1].inits, 21);
    end_kid(&family, 1, TH_IO);
    end_kid(&family, 0, TH_IO); /* the limit is the supervisor's, not the child's */
    assert_false(is_supervisor_alive(&family));
    th_host_sim_close(family.host);
}

static enum th_err watches(struct probe *probe, const struct th_self *self)
{
    return th_monitor(self, probe->other, &probe->ref);
}

static void reason_of_the_child_is_told_to_who_watches_the_supervisor(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.spec.restarts_max = 1;
    start(&family);
    struct probe watcher = {.init = watches, .other = family.supervisor};
    probe_spawn(family.host, stage_next_place(family.stage), NULL, &watcher);
    stage_run(family.stage, 1);

    end_kid(&family, 1, TH_IO);
    end_kid(&family, 1, TH_NO_PERMISSION);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, TH_NO_PERMISSION);
    stage_close(family.stage);
}

static enum th_err fails_the_second_time(struct probe *probe, const struct th_self *self)
{
    return probe->inits == 2 ? TH_IN_USE : notes_start(probe, self);
}

static void restart_whose_init_fails_is_tried_again_within_the_limit(void **state)
{
    struct family family;
    prepare_on(&family, *state);
    family.kids[1].init = fails_the_second_time;
    start(&family);

    end_kid(&family, 1, TH_IO);

    assert_int_equal(family.kids[1].inits, 3);
    assert_true(is_supervisor_alive(&family));
    assert_int_not_equal(th_whereis(family.host, 0, "b"), 0);
    stage_close(family.stage);
}

static enum th_err ends_by_alarm(struct probe *probe, const struct th_self *self)
{
    (void)probe, (void)self;
    return TH_IO;
}

/* While the host waits for the newer of two supervisors, a child of the older ends by itself. */
static void child_that_ends_while_the_host_closes_is_not_missed_loudly(void **state)
{
    (void)state;
    struct family family;
    prepare(&family, 0);
    family.kids[1].on_alarm = ends_by_alarm;
    family.kids[1].alarm_at = 1500;
    start(&family);
    struct probe slow = {.on_stop = never_stops};
    struct th_child child = {.spec = probe_spec(family.stage->place, "slow", &slow)};
    child.spec.ops = &slow_probe_ops;
    struct th_supervisor_spec arg = {.children = &child, .count = 1};
    struct th_server_spec spec = {
        .ops = &th_supervisor_ops, .arg = &arg, .place = family.stage->place};
    th_pid pid;
    assert_int_equal(th_spawn(family.host, &spec, &pid), TH_OK);
    th_host_sim_run(family.host, 1);

    th_host_sim_close(family.host);

    assert_string_equal(family.story.trace, "abcBCA");
    assert_null(strstr(family.log, "error supervisor"));
    assert_null(strstr(family.log, "cannot start"));
}

/* --- asked to restart --- */

static enum th_err ask_restart(struct family *family, const char *name, enum th_err *answer)
{
    struct th_msg reply;
    struct th_msg msg = {.kind = &th_supervisor_restart_msg,
                         .body = th_mem_copy(name, strlen(name))};
    enum th_err err = th_call_wait(family->host, family->supervisor, msg, 10000, &reply);

    if (err == TH_OK) {
        assert_ptr_equal(reply.kind, &th_supervisor_restart_msg);
        *answer = reply.body ? *(enum th_err *)reply.body : TH_OK;
        th_msg_drop(&reply);
    }
    return err;
}

static void child_is_restarted_when_asked_for_and_that_is_not_counted(void **state)
{
    (void)state;
    struct family family;
    enum th_err answer = TH_INVALID;
    prepare(&family, 0);
    family.children[1].restart = TH_RESTART_NEVER;
    start(&family);

    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ask_restart(&family, "b", &answer), TH_OK);
        assert_int_equal(answer, TH_OK);
        assert_int_equal(family.kids[1].inits, i + 2);
    }
    assert_int_equal(ask_restart(&family, "nobody", &answer), TH_OK);
    assert_int_equal(answer, TH_NOT_FOUND);

    end_kid(&family, 1, TH_IO); /* ended for good */
    assert_int_equal(th_whereis(family.host, 0, "b"), 0);
    assert_int_equal(ask_restart(&family, "b", &answer), TH_OK);
    assert_int_equal(answer, TH_OK);
    assert_int_not_equal(th_whereis(family.host, 0, "b"), 0);
    th_host_sim_close(family.host);
}

static void asked_restart_of_a_child_that_hangs_is_told_and_happens_when_it_ends(void **state)
{
    (void)state;
    struct family family;
    enum th_err answer = TH_INVALID;
    prepare(&family, 0);
    family.kids[1].on_stop = never_stops;
    family.children[1].spec.ops = &slow_probe_ops;
    start(&family);

    assert_int_equal(ask_restart(&family, "b", &answer), TH_OK);
    assert_int_equal(answer, TH_TIMED_OUT);
    assert_int_equal(family.kids[1].inits, 1);
    end_kid(&family, 1, TH_OK);
    assert_int_equal(family.kids[1].inits, 1); /* TH_OK of end_kid is a stop again */
    end_kid(&family, 1, TH_IO);

    assert_int_equal(family.kids[1].inits, 2);
    assert_true(is_supervisor_alive(&family));
    th_host_sim_close(family.host);
}

/* --- supervisors of supervisors --- */

static void tree_starts_from_its_root_and_stops_from_its_leaves(void **state)
{
    struct stage *stage = *state;
    struct family family;
    prepare_on(&family, stage);
    struct probe first = family.kids[0], last = family.kids[0];
    struct th_child top[3] = {{.spec = probe_spec(stage_next_place(stage), "x", &first)},
                              {.spec = spec_of(&family)},
                              {.spec = probe_spec(stage_next_place(stage), "z", &last)}};
    struct th_supervisor_spec top_spec = {.children = top, .count = 3};
    struct th_server_spec spec = {.ops = &th_supervisor_ops,
                                  .arg = &top_spec,
                                  .name = "root",
                                  .place = stage_next_place(stage)};
    th_pid root;
    for (int i = 1; i < KIDS; i++) {
        family.children[i].stop_ms = PATIENCE_MS;
        family.children[i].spec.ops = &slow_probe_ops;
        family.kids[i].on_stop = never_stops;
    }
    assert_int_equal(th_spawn(family.host, &spec, &root), TH_OK);
    stage_run(stage, 1);

    th_stop(family.host, root, TH_SHUTDOWN);
    stage_run(stage, 3000);
    assert_int_equal(th_whereis(family.host, 0, "root"), 0);
    assert_string_equal(family.story.trace, "xabczZAX"); /* b and c are left behind */

    end_kid(&family, 1, TH_IO);
    end_kid(&family, 2, TH_IO);
    assert_string_equal(family.story.trace, "xabczZAXBC");
    stage_close(stage);
}

static void supervisor_without_memory_ends_and_leaves_nothing(void **state)
{
    (void)state;
    bool is_ready = false;
    for (uint64_t nth = 1; !is_ready; nth++) {
        struct family family;
        prepare(&family, 0);
        struct th_server_spec spec = spec_of(&family);
        assert_int_equal(th_spawn(family.host, &spec, &family.supervisor), TH_OK);

        th_mem_refuse(nth);
        th_host_sim_run(family.host, 1);
        th_mem_refuse(0);

        is_ready = is_supervisor_alive(&family) && strcmp(family.story.trace, "abc") == 0;
        if (!is_ready)
            assert_int_equal(th_host_look(family.host, NULL, 0), 0);
        assert_true(nth < 100);
        th_host_sim_close(family.host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(children_start_in_order_and_stop_in_reverse_order),
        cmocka_unit_test(ready_is_answered_once_all_children_have_started),
        ON_EVERY_HOST(child_that_cannot_start_ends_the_supervisor_with_its_reason),
        ON_EVERY_HOST(taken_name_ends_the_supervisor_that_wants_it),
        ON_EVERY_HOST(supervisor_can_be_stopped_while_it_starts),
        cmocka_unit_test(child_that_does_not_stop_is_left_behind_and_named),
        ON_EVERY_HOST(child_that_is_left_behind_ends_in_its_own_time),
        ON_EVERY_HOST(child_that_ends_is_restarted_alone_under_its_name),
        ON_EVERY_HOST(restart_follows_what_the_child_wants),
        ON_EVERY_HOST(supervisor_gives_up_when_a_child_ends_too_often),
        cmocka_unit_test(ends_that_are_far_apart_do_not_add_up),
        ON_EVERY_HOST(reason_of_the_child_is_told_to_who_watches_the_supervisor),
        ON_EVERY_HOST(restart_whose_init_fails_is_tried_again_within_the_limit),
        cmocka_unit_test(child_that_ends_while_the_host_closes_is_not_missed_loudly),
        cmocka_unit_test(child_is_restarted_when_asked_for_and_that_is_not_counted),
        cmocka_unit_test(asked_restart_of_a_child_that_hangs_is_told_and_happens_when_it_ends),
        ON_EVERY_HOST(tree_starts_from_its_root_and_stops_from_its_leaves),
        cmocka_unit_test(supervisor_without_memory_ends_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Monitors: one down message for each, or none. */
#include "tests/unit/run_hosts.h"

/* init: monitors probe->other. */
static enum th_err monitors(struct probe *probe, const struct th_self *self)
{
    return th_monitor(self, probe->other, &probe->ref);
}

/* on_msg: ends with the number as reason. */
static enum th_err ends(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)self;
    return (enum th_err)probe_number_of(msg);
}

static void down_tells_reference_pid_and_reason_once(void **state)
{
    struct stage *stage = *state;
    struct probe target = {.on_msg = ends}, watcher = {.init = monitors};
    watcher.other = stage_spawn(stage, &target);
    stage_spawn(stage, &watcher);
    stage_run(stage, 1);
    assert_int_equal(watcher.downs, 0);

    assert_int_equal(th_post(stage->host, watcher.other, probe_number(TH_IO)), TH_OK);
    stage_run(stage, 1000);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.ref, watcher.ref);
    assert_int_equal(watcher.down.pid, watcher.other);
    assert_int_equal(watcher.down.why, TH_IO);
    stage_close(stage);
}

/* Also those of a server whose init fails. */
static enum th_err fails(struct probe *probe, const struct th_self *self)
{
    (void)probe, (void)self;
    return TH_IN_USE;
}

/* init: starts a server, too, and monitors that. */
static enum th_err starts_and_monitors(struct probe *probe, const struct th_self *self)
{
    const struct th_server_spec *spec = probe->data;
    enum th_err err = th_spawn(self->host, spec, &probe->other);

    return err == TH_OK ? monitors(probe, self) : err;
}

static void server_whose_init_fails_is_told_down_with_its_reason(void **state)
{
    struct stage *stage = *state;
    struct probe target = {.init = fails}, watcher = {.init = starts_and_monitors};
    struct th_server_spec spec = probe_spec(stage->place, NULL, &target);
    watcher.data = &spec;
    probe_spawn(stage->host, stage->place, NULL, &watcher); /* at one place, so it is in time */

    stage_run(stage, 1);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, TH_IN_USE);
    stage_close(stage);
}

static void monitor_of_the_dead_tells_gone_at_once(void **state)
{
    struct stage *stage = *state;
    struct probe target = {0}, watcher = {.init = monitors}, nobodys = {.init = monitors};
    watcher.other = stage_spawn(stage, &target);
    th_stop(stage->host, watcher.other, TH_OK);
    stage_run(stage, 1);

    stage_spawn(stage, &watcher);
    stage_spawn(stage, &nobodys);
    stage_run(stage, 0);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, TH_GONE);
    assert_int_equal(nobodys.downs, 1);
    assert_int_equal(nobodys.down.pid, 0);
    stage_close(stage);
}

static enum th_err demonitors(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    th_demonitor(self, probe->ref);
    th_demonitor(self, probe->ref);
    th_demonitor(self, 0);
    return TH_OK;
}

/* C3, E3: also when it waits in the mailbox already. */
static void nothing_is_told_after_a_demonitor(void **state)
{
    struct stage *stage = *state;
    struct probe target = {0}, watcher = {.init = monitors, .on_msg = demonitors};
    watcher.other = stage_spawn(stage, &target);
    th_pid pid = stage_spawn(stage, &watcher);
    stage_run(stage, 1);

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    th_stop(stage->host, watcher.other, TH_OK);
    stage_run(stage, 1000);

    assert_int_equal(watcher.downs, 0);
    assert_int_equal(target.terminates, 1);
    stage_close(stage);
}

static enum th_err posts_and_ends(struct probe *probe, const struct th_self *self,
                                  struct th_msg *msg)
{
    (void)msg;
    TH_CHECK(th_post(self->host, probe->other, probe_number('x')) == TH_OK);
    return TH_IO;
}

static enum th_err notes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    probe_note(probe, msg->kind == &th_down_msg ? 'd' : (char)probe_number_of(msg));
    return TH_OK;
}

static void down_comes_after_the_last_message_of_the_dead(void **state)
{
    struct stage *stage = *state;
    struct probe target = {.on_msg = posts_and_ends};
    struct probe watcher = {.init = monitors, .on_msg = notes};
    watcher.other = stage_spawn(stage, &target);
    target.other = stage_spawn(stage, &watcher);
    stage_run(stage, 1);

    assert_int_equal(th_post(stage->host, watcher.other, probe_number(1)), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(watcher.trace, "xd");
    stage_close(stage);
}

/* terminate: its last word. */
static void posts_last_word(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    TH_CHECK(th_post(self->host, probe->other, probe_number('t')) == TH_OK);
}

static enum th_err notes_whether_name_is_free(struct probe *probe, const struct th_self *self,
                                              struct th_msg *msg)
{
    if (msg->kind == &th_down_msg && th_whereis(self->host, 0, "name") == 0)
        probe_note(probe, 'f');
    return notes(probe, self, msg);
}

/* A terminate that ends before anybody is told: its resources are free for who comes next. */
static void down_is_told_after_terminate(void **state)
{
    struct stage *stage = *state;
    struct probe watcher = {.init = monitors, .on_msg = notes_whether_name_is_free};
    struct probe target = {.terminate = posts_last_word};
    watcher.other = probe_spawn(stage->host, stage_next_place(stage), "name", &target);
    target.other = stage_spawn(stage, &watcher);
    stage_run(stage, 1);

    th_stop(stage->host, watcher.other, TH_OK);
    stage_run(stage, 1);

    assert_string_equal(watcher.trace, "tfd");
    stage_close(stage);
}

enum { WATCHERS = 4 };

/* init: monitors probe->other twice. */
static enum th_err monitors_twice(struct probe *probe, const struct th_self *self)
{
    enum th_err err = th_monitor(self, probe->other, &probe->ref);

    return err == TH_OK ? th_monitor(self, probe->other, &probe->ref) : err;
}

/* Some begin to watch before the end, some meanwhile, some after it. */
static void each_of_many_monitors_is_told_once_whenever_it_began(void **state)
{
    struct stage *stage = *state;
    struct probe target = {0}, watchers[WATCHERS] = {0};
    th_pid pid = stage_spawn(stage, &target);
    for (unsigned i = 0; i < WATCHERS; i++)
        watchers[i] = (struct probe){.init = monitors_twice, .other = pid};

    for (unsigned i = 0; i < WATCHERS; i++) {
        stage_spawn(stage, &watchers[i]);
        if (i == stage->seed % WATCHERS)
            th_stop(stage->host, pid, TH_IO);
        stage_run_a_little(stage, stage->seed / WATCHERS % 5);
    }
    stage_run(stage, 1000);

    for (unsigned i = 0; i < WATCHERS; i++) {
        assert_int_equal(watchers[i].downs, 2);
        assert_true(watchers[i].down.why == TH_IO || watchers[i].down.why == TH_GONE);
    }
    stage_close(stage);
}

static enum th_err monitors_with_refusal(struct probe *probe, const struct th_self *self,
                                         struct th_msg *msg)
{
    if (msg->kind != &probe_msg)
        return TH_OK;
    th_mem_refuse(probe_number_of(msg));
    probe->why = th_monitor(self, probe->other, &probe->ref);
    th_mem_refuse(0);
    return TH_OK;
}

static void monitor_without_memory_fails_and_tells_nothing(void **state)
{
    (void)state;
    struct probe watcher = {.why = TH_NO_MEMORY};
    for (uint64_t nth = 1; watcher.why == TH_NO_MEMORY; nth++) {
        struct stage stage = stage_open(0);
        struct probe target = {0};
        watcher = (struct probe){.on_msg = monitors_with_refusal};
        watcher.other = stage_spawn(&stage, &target);
        th_pid pid = stage_spawn(&stage, &watcher);
        struct th_msg msg = probe_number(nth);
        assert_int_equal(th_post(stage.host, pid, msg), TH_OK);
        th_host_sim_run(stage.host, 1);

        th_stop(stage.host, watcher.other, TH_OK);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(watcher.downs, watcher.why == TH_OK ? 1 : 0);
        assert_true(nth < 10);
        th_host_sim_close(stage.host);
    }
    assert_int_equal(watcher.why, TH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(down_tells_reference_pid_and_reason_once),
        ON_EVERY_HOST(server_whose_init_fails_is_told_down_with_its_reason),
        ON_EVERY_HOST(monitor_of_the_dead_tells_gone_at_once),
        ON_EVERY_HOST(nothing_is_told_after_a_demonitor),
        ON_EVERY_HOST(down_comes_after_the_last_message_of_the_dead),
        ON_EVERY_HOST(down_is_told_after_terminate),
        ON_EVERY_HOST(each_of_many_monitors_is_told_once_whenever_it_began),
        cmocka_unit_test(monitor_without_memory_fails_and_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

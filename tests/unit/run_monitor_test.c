/* Monitors: one down message for each, or none. */
#include "tests/unit/run_probe.h"

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
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct stage stage = stage_open(seed);
        struct probe target = {.on_msg = ends}, watcher = {.init = monitors};
        watcher.other = stage_spawn(&stage, &target);
        stage_spawn(&stage, &watcher);
        th_host_sim_run(stage.host, 1);
        assert_int_equal(watcher.downs, 0);

        assert_int_equal(th_post(stage.host, watcher.other, probe_number(TH_IO)), TH_OK);
        th_host_sim_run(stage.host, 1000);

        assert_int_equal(watcher.downs, 1);
        assert_int_equal(watcher.down.ref, watcher.ref);
        assert_int_equal(watcher.down.pid, watcher.other);
        assert_int_equal(watcher.down.why, TH_IO);
        th_host_sim_close(stage.host);
    }
}

/* Also those of a server whose init fails. */
static enum th_err fails(struct probe *probe, const struct th_self *self)
{
    (void)probe, (void)self;
    return TH_IN_USE;
}

static void server_whose_init_fails_is_told_down_with_its_reason(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe target = {.init = fails}, watcher = {.init = monitors};
    th_pid pid = stage_spawn(&stage, &watcher); /* it is first */
    watcher.other = stage_spawn(&stage, &target);

    th_host_sim_run(stage.host, 1);

    assert_int_not_equal(pid, 0);
    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, TH_IN_USE);
    th_host_sim_close(stage.host);
}

static void monitor_of_the_dead_tells_gone_at_once(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe target = {0}, watcher = {.init = monitors}, nobodys = {.init = monitors};
    watcher.other = stage_spawn(&stage, &target);
    th_stop(stage.host, watcher.other, TH_OK);
    th_host_sim_run(stage.host, 1);

    stage_spawn(&stage, &watcher);
    stage_spawn(&stage, &nobodys);
    th_host_sim_run(stage.host, 0);

    assert_int_equal(watcher.downs, 1);
    assert_int_equal(watcher.down.why, TH_GONE);
    assert_int_equal(nobodys.downs, 1);
    assert_int_equal(nobodys.down.pid, 0);
    th_host_sim_close(stage.host);
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
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct stage stage = stage_open(seed);
        struct probe target = {0}, watcher = {.init = monitors, .on_msg = demonitors};
        watcher.other = stage_spawn(&stage, &target);
        th_pid pid = stage_spawn(&stage, &watcher);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
        th_stop(stage.host, watcher.other, TH_OK);
        th_host_sim_run(stage.host, 1000);

        assert_int_equal(watcher.downs, 0);
        assert_int_equal(target.terminates, 1);
        th_host_sim_close(stage.host);
    }
}

static enum th_err posts_and_ends(struct probe *probe, const struct th_self *self,
                                  struct th_msg *msg)
{
    (void)msg;
    assert_int_equal(th_post(self->host, probe->other, probe_number('x')), TH_OK);
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
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct stage stage = stage_open(seed);
        struct probe target = {.on_msg = posts_and_ends};
        struct probe watcher = {.init = monitors, .on_msg = notes};
        watcher.other = stage_spawn(&stage, &target);
        target.other = stage_spawn(&stage, &watcher);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(th_post(stage.host, watcher.other, probe_number(1)), TH_OK);
        th_host_sim_run(stage.host, 1);

        assert_string_equal(watcher.trace, "xd");
        th_host_sim_close(stage.host);
    }
}

/* A terminate that ends before anybody is told: its resources are free for who comes next. */
static void looks_whether_told(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    probe->answer = ((struct probe *)probe->data)->downs;
}

static void down_is_told_after_terminate(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe watcher = {.init = monitors};
    struct probe target = {.terminate = looks_whether_told, .data = &watcher, .answer = 9};
    watcher.other = probe_spawn(stage.host, stage.place, "name", &target);
    stage_spawn(&stage, &watcher);
    th_host_sim_run(stage.host, 1);

    th_stop(stage.host, watcher.other, TH_OK);
    while (watcher.downs == 0) {
        assert_true(th_host_sim_once(stage.host));
        if (target.terminates)
            assert_int_equal(th_whereis(stage.host, 0, "name"), 0);
    }

    assert_int_equal(target.answer, 0);
    th_host_sim_close(stage.host);
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
        cmocka_unit_test(down_tells_reference_pid_and_reason_once),
        cmocka_unit_test(server_whose_init_fails_is_told_down_with_its_reason),
        cmocka_unit_test(monitor_of_the_dead_tells_gone_at_once),
        cmocka_unit_test(nothing_is_told_after_a_demonitor),
        cmocka_unit_test(down_comes_after_the_last_message_of_the_dead),
        cmocka_unit_test(down_is_told_after_terminate),
        cmocka_unit_test(monitor_without_memory_fails_and_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

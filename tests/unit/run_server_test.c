/* A server's life: init, messages, the alarm, the end; names. */
#include "tests/unit/run_hosts.h"

static enum th_err notes_init(struct probe *probe, const struct th_self *self)
{
    (void)self;
    probe_note(probe, 'i');
    return TH_OK;
}

static enum th_err notes_msg(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self, (void)msg;
    probe_note(probe, 'm');
    return TH_OK;
}

static void notes_end(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    probe_note(probe, 't');
}

static enum th_err fails(struct probe *probe, const struct th_self *self)
{
    (void)self;
    probe_note(probe, 'f');
    return TH_IO;
}

static enum th_err fails_msg(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    return fails(probe, self);
}

/* E2 */
static void init_comes_first_and_terminate_last_and_once(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.init = notes_init, .on_msg = notes_msg, .terminate = notes_end};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    if (!stage->has_threads)
        assert_int_equal(probe.inits, 0); /* th_spawn returns before init has run */

    stage_run(stage, 1);
    stage_close(stage);

    assert_string_equal(probe.trace, "imt");
    assert_int_equal(probe.ended_why, TH_SHUTDOWN);
}

static void server_whose_init_fails_ends_without_terminate(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.init = fails, .on_msg = notes_msg, .terminate = notes_end};
    th_pid pid = stage_spawn(stage, &probe);
    th_post(stage->host, pid, probe_number(1)); /* if it is in time */

    stage_run(stage, 1);

    assert_string_equal(probe.trace, "f");
    assert_false(stage_is_alive(stage, pid));
    stage_close(stage);
}

static void callback_that_fails_ends_its_server_with_that_reason(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.on_msg = fails_msg, .terminate = notes_end};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(2)), TH_OK);

    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(probe.trace, "ft");
    assert_int_equal(probe.ended_why, TH_IO);
    stage_close(stage);
}

/* E1, E3 */
static void stop_comes_before_any_message_that_waits(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.on_msg = notes_msg, .terminate = notes_end};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);

    th_stop(stage->host, pid, TH_OK);
    th_stop(stage->host, pid, TH_OK);
    stage_run(stage, 1);
    th_stop(stage->host, pid, TH_OK);

    assert_string_equal(probe.trace, "mt");
    assert_int_equal(probe.ended_why, TH_OK);
    stage_close(stage);
    assert_int_equal(probe.terminates, 1);
}

static enum th_err stops_itself(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe, (void)msg;
    th_stop(self->host, self->pid, TH_OK);
    probe_note(probe, 'm');
    return TH_OK;
}

/* E1, E2 */
static void server_that_stops_itself_ends_after_its_callback(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.on_msg = stops_itself, .terminate = notes_end};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);

    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(probe.trace, "mt");
    stage_close(stage);
}

/* E3 */
static void server_stopped_before_its_init_runs_no_callback(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {0};
    th_pid pid = stage_spawn(stage, &probe);

    th_stop(stage->host, pid, TH_SHUTDOWN);
    stage_run(stage, 1);

    assert_int_equal(probe.inits, probe.terminates); /* with threads its init may be sooner */
    if (!stage->has_threads)
        assert_int_equal(probe.inits, 0);
    assert_false(stage_is_alive(stage, pid));
    stage_close(stage);
}

static enum th_err stops_in_100_ms(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    probe_note(probe, 's');
    probe->alarm_at = self->now.mono + 100;
    return TH_OK;
}

static void server_with_on_stop_ends_when_it_is_ready(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_stop = stops_in_100_ms, .on_alarm = fails, .terminate = notes_end};
    struct th_server_spec spec = probe_spec(stage.place, NULL, &probe);
    th_pid pid;
    spec.ops = &slow_probe_ops;
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    th_host_sim_run(stage.host, 1);

    th_stop(stage.host, pid, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 99);
    assert_string_equal(probe.trace, "s");
    th_host_sim_run(stage.host, 1);

    assert_string_equal(probe.trace, "sft");
    th_host_sim_close(stage.host);
}

static enum th_err stops_soon(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    probe_note(probe, 's');
    probe->alarm_at = self->now.mono + PATIENCE_MS;
    return TH_OK;
}

static void server_that_ends_later_handles_messages_until_then(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {
        .on_stop = stops_soon, .on_msg = notes_msg, .on_alarm = fails, .terminate = notes_end};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &probe);
    th_pid pid;
    spec.ops = &slow_probe_ops;
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);

    th_stop(stage->host, pid, TH_SHUTDOWN);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1000);

    assert_string_equal(probe.trace, "smft");
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_GONE);
    stage_close(stage);
}

/* --- the alarm --- */

static enum th_err sets_alarm(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    probe->alarm_at = self->now.mono + probe_number_of(msg);
    return TH_OK;
}

/* A7 */
static void alarm_comes_at_its_deadline_and_only_to_who_set_it(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_msg = sets_alarm}, other = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    stage_spawn(&stage, &other);

    assert_int_equal(th_post(stage.host, pid, probe_number(100)), TH_OK);
    th_host_sim_run(stage.host, 99);
    assert_int_equal(probe.alarms, 0);
    assert_int_equal(th_host_sim_next(stage.host), th_host_now(stage.host).mono + 1);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(probe.alarms, 1);
    assert_int_equal(other.alarms, 0);
    assert_int_equal(th_host_sim_next(stage.host), TH_NEVER);
    th_host_sim_close(stage.host);
}

/* on_msg: sets the alarm for so long from now; data: that moment. */
static enum th_err sets_and_notes_alarm(struct probe *probe, const struct th_self *self,
                                        struct th_msg *msg)
{
    *(th_ms *)probe->data = self->now.mono + probe_number_of(msg);
    return sets_alarm(probe, self, msg);
}

/* on_alarm: counts an alarm that comes too early. */
static enum th_err checks_time(struct probe *probe, const struct th_self *self)
{
    probe->answer += self->now.mono < *(th_ms *)probe->data;
    return TH_OK;
}

/* A7: one of them never sets it, one takes it back, one ends. */
static void alarm_comes_once_to_each_who_set_it_and_to_nobody_else(void **state)
{
    struct stage *stage = *state;
    enum { COUNT = 6, IDLE = 0, CHANGED = 1, ENDED = 2 };
    struct probe probes[COUNT];
    th_ms due[COUNT] = {0};
    th_pid pids[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        probes[i] = (struct probe){
            .on_msg = sets_and_notes_alarm, .on_alarm = checks_time, .data = &due[i]};
        pids[i] = stage_spawn(stage, &probes[i]);
    }

    for (unsigned i = 0; i < COUNT; i++)
        if (i != IDLE)
            assert_int_equal(th_post(stage->host, pids[i], probe_number(i < 3 ? 60000 : 1 + i % 3)),
                             TH_OK);
    assert_int_equal(th_post(stage->host, pids[CHANGED], probe_number(100000)), TH_OK);
    stage_run_a_little(stage, stage->seed % 20);
    th_stop(stage->host, pids[ENDED], TH_OK);
    stage_run(stage, 1000);

    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].alarms, i < 3 ? 0 : 1);
        assert_int_equal(probes[i].answer, 0);
    }
    stage_close(stage);
}

static void alarm_may_be_moved_by_any_callback(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_msg = sets_alarm};
    th_pid pid = stage_spawn(&stage, &probe);

    assert_int_equal(th_post(stage.host, pid, probe_number(100)), TH_OK);
    th_host_sim_run(stage.host, 50);
    assert_int_equal(th_post(stage.host, pid, probe_number(100)), TH_OK);
    th_host_sim_run(stage.host, 99);
    assert_int_equal(probe.alarms, 0);
    assert_int_equal(th_post(stage.host, pid, probe_number(10)), TH_OK);
    th_host_sim_run(stage.host, 10);

    assert_int_equal(probe.alarms, 1);
    th_host_sim_close(stage.host);
}

static enum th_err is_due_again(struct probe *probe, const struct th_self *self)
{
    probe->alarm_at = probe->alarms < 1000 ? self->now.mono : TH_NEVER;
    return TH_OK;
}

static void alarm_that_is_always_due_does_not_keep_messages_waiting(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_alarm = is_due_again, .alarm_at = 1};
    th_pid pid = stage_spawn(&stage, &probe);
    for (int i = 0; i < 5; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);

    while (probe.msgs < 5)
        assert_true(th_host_sim_once(stage.host));

    assert_in_range(probe.alarms, 1, 10);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(probe.alarms, 1000);
    th_host_sim_close(stage.host);
}

static enum th_err keeps_now(struct probe *probe, const struct th_self *self)
{
    *(struct th_now *)probe->data = self->now;
    return TH_OK;
}

static void wall_clock_may_jump_while_mono_goes_on(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct th_now at = {0};
    struct probe probe = {.on_alarm = keeps_now, .alarm_at = 1500, .data = &at};
    stage_spawn(&stage, &probe);

    th_host_sim_set_wall(stage.host, 5000);
    th_host_sim_run(stage.host, 1000);

    assert_int_equal(at.mono, 1500);
    assert_int_equal(at.wall, 5500);
    assert_int_equal(th_host_now(stage.host).mono, 2000);
    th_host_sim_close(stage.host);
}

/* --- names --- */

static void name_belongs_to_one_living_server_of_its_scope(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe first = {0}, second = {0}, elsewhere = {0};
    struct th_server_spec spec = probe_spec(stage.place, "switch", &second);
    th_pid pid = probe_spawn(stage.host, stage.place, "switch", &first), other = 0;

    assert_int_equal(th_spawn(stage.host, &spec, &other), TH_IN_USE);
    spec.scope = 7;
    spec.arg = &elsewhere;
    assert_int_equal(th_spawn(stage.host, &spec, &other), TH_OK);

    assert_int_equal(th_whereis(stage.host, 0, "switch"), pid);
    assert_int_equal(th_whereis(stage.host, 7, "switch"), other);
    assert_int_equal(th_whereis(stage.host, 7, "router"), 0);
    assert_int_equal(th_whereis(stage.host, 8, "switch"), 0);
    th_host_sim_close(stage.host);
}

/* B6 */
static void name_is_free_again_when_its_server_has_ended(void **state)
{
    struct stage *stage = *state;
    struct probe first = {0}, second = {0};
    th_pid pid = probe_spawn(stage->host, stage_next_place(stage), "switch", &first);
    stage_run(stage, 1);

    th_stop(stage->host, pid, TH_SHUTDOWN);
    stage_run(stage, 1);

    assert_int_equal(th_whereis(stage->host, 0, "switch"), 0);
    pid = probe_spawn(stage->host, stage_next_place(stage), "switch", &second);
    assert_int_equal(th_whereis(stage->host, 0, "switch"), pid);
    stage_close(stage);
}

static void many_names_are_all_found(void **state)
{
    (void)state;
    enum { MANY = 500 };
    struct stage stage = stage_open(0);
    static struct probe probes[MANY];
    static char names[MANY][16];
    static th_pid pids[MANY];
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        pids[i] = probe_spawn(stage.host, stage.place, names[i], &probes[i]);
    }

    for (int i = 0; i < MANY; i += 2)
        th_stop(stage.host, pids[i], TH_OK);
    th_host_sim_run(stage.host, 1);

    for (int i = 0; i < MANY; i++)
        assert_int_equal(th_whereis(stage.host, 0, names[i]), i % 2 ? pids[i] : 0);
    th_host_sim_close(stage.host);
}

/* --- refusals --- */

static void spawn_without_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        struct stage stage = stage_open(0);
        struct probe probe = {0};
        struct th_server_spec spec = probe_spec(stage.place, "probe", &probe);
        th_pid pid;

        th_mem_refuse(nth);
        enum th_err err = th_spawn(stage.host, &spec, &pid);
        th_mem_refuse(0);
        if (err == TH_NO_MEMORY) {
            assert_int_equal(th_whereis(stage.host, 0, "probe"), 0);
            assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
        }
        th_host_sim_run(stage.host, 1);
        th_host_sim_close(stage.host);
        assert_int_equal(probe.inits, 1);
        assert_int_equal(probe.terminates, 1);
        if (err == TH_OK)
            break;
        assert_int_equal(err, TH_NO_MEMORY);
        assert_true(nth < 20);
    }
}

static void tries_to_spawn(struct probe *probe, const struct th_self *self, enum th_err why)
{
    struct th_server_spec *spec = probe->data;
    th_pid pid;

    (void)why;
    probe->why = th_spawn(self->host, spec, &pid);
}

static void host_that_closes_starts_nobody(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe late = {0};
    struct th_server_spec spec = probe_spec(stage.place, NULL, &late);
    struct probe probe = {.terminate = tries_to_spawn, .data = &spec};
    stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);

    th_host_sim_close(stage.host);

    assert_int_equal(probe.why, TH_SHUTDOWN);
    assert_int_equal(late.inits, 0);
}

static enum th_err does_nothing(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)self, (void)arg;
    return TH_OK;
}

static enum th_err does_nothing_with(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state, (void)self, (void)msg;
    return TH_OK;
}

static void host_has_room_for_so_many_servers_and_no_more(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    static const struct th_server_ops ops = {
        .name = "tiny", .init = does_nothing, .on_msg = does_nothing_with};
    struct th_server_spec spec = {.ops = &ops, .place = stage.place};
    th_pid pid;

    for (int i = 0; i < TH_SERVERS_MAX; i++)
        assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_LIMIT);

    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(init_comes_first_and_terminate_last_and_once),
        ON_EVERY_HOST(server_whose_init_fails_ends_without_terminate),
        ON_EVERY_HOST(callback_that_fails_ends_its_server_with_that_reason),
        ON_EVERY_HOST(stop_comes_before_any_message_that_waits),
        ON_EVERY_HOST(server_that_stops_itself_ends_after_its_callback),
        ON_EVERY_HOST(server_stopped_before_its_init_runs_no_callback),
        cmocka_unit_test(server_with_on_stop_ends_when_it_is_ready),
        ON_EVERY_HOST(server_that_ends_later_handles_messages_until_then),
        cmocka_unit_test(alarm_comes_at_its_deadline_and_only_to_who_set_it),
        ON_EVERY_HOST(alarm_comes_once_to_each_who_set_it_and_to_nobody_else),
        cmocka_unit_test(alarm_may_be_moved_by_any_callback),
        cmocka_unit_test(alarm_that_is_always_due_does_not_keep_messages_waiting),
        cmocka_unit_test(wall_clock_may_jump_while_mono_goes_on),
        cmocka_unit_test(name_belongs_to_one_living_server_of_its_scope),
        ON_EVERY_HOST(name_is_free_again_when_its_server_has_ended),
        cmocka_unit_test(many_names_are_all_found),
        cmocka_unit_test(spawn_without_memory_leaves_nothing_behind),
        cmocka_unit_test(host_that_closes_starts_nobody),
        cmocka_unit_test(host_has_room_for_so_many_servers_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

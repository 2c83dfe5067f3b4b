/* Looking at servers from outside. (At one that hangs: run_host_uv_test.) */
#include "tests/unit/run_probe.h"

/* on_msg: looks at itself while it runs. */
static enum th_err looks(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    assert_int_equal(th_host_look(self->host, probe->data, 1), 1);
    return TH_OK;
}

/* A10, D5 */
static void row_says_what_a_server_is_and_does(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct th_server_look during = {0}, after;
    struct probe probe = {.on_msg = looks, .data = &during};
    struct th_server_spec spec = probe_spec(stage.place, "router", &probe);
    th_pid pid;
    spec.scope = 3;
    spec.mailbox_max = 20;
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);

    th_host_sim_run(stage.host, 1);
    after = stage_look(&stage, pid);

    assert_int_equal(during.pid, pid);
    assert_int_equal(during.state, TH_SERVER_RUNNING);
    assert_string_equal(during.doing, probe_msg.name);
    assert_string_equal(after.name, "router");
    assert_string_equal(after.place, "all");
    assert_int_equal(after.scope, 3);
    assert_int_equal(after.state, TH_SERVER_IDLE);
    assert_null(after.doing);
    assert_int_equal(after.messages, 3);
    assert_int_equal(after.mailbox, 0);
    assert_int_equal(after.mailbox_peak, 3);
    assert_int_equal(after.mailbox_max, 20);
    assert_int_equal(after.refused, 0);
    assert_non_null(after.longest_callback);
    assert_int_equal(after.restarts, 0);
    th_host_sim_close(stage.host);
}

static void rows_come_in_order_of_start_and_only_so_many(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probes[5] = {0};
    struct th_server_look rows[3];
    th_pid pids[5];
    for (int i = 0; i < 5; i++)
        pids[i] = stage_spawn(&stage, &probes[i]);
    th_stop(stage.host, pids[1], TH_OK);
    th_host_sim_run(stage.host, 1);

    memset(rows, 0, sizeof rows);
    assert_int_equal(th_host_look(stage.host, rows, 2), 4);

    assert_int_equal(rows[0].pid, pids[0]);
    assert_int_equal(rows[1].pid, pids[2]);
    assert_int_equal(rows[2].pid, 0);
    assert_int_equal(th_host_look(stage.host, NULL, 0), 4);
    th_host_sim_close(stage.host);
}

static void server_without_a_name_is_called_by_its_kind(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);

    assert_string_equal(stage_look(&stage, pid).name, "probe");
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_says_what_a_server_is_and_does),
        cmocka_unit_test(rows_come_in_order_of_start_and_only_so_many),
        cmocka_unit_test(server_without_a_name_is_called_by_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

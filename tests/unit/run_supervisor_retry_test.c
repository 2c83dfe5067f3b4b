/* A supervisor that cannot start a child anew just now. */
#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "switch/run/supervisor.h"

#include "tests/lib/test_cmocka.h"

enum { REFUSALS = 40, PERIOD_MS = 11000 };

static enum th_err child_init(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)self, (void)arg;
    return TH_OK;
}

static enum th_err child_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state, (void)self, (void)msg;
    return TH_OK;
}

static const struct th_server_ops child_ops = {
    .name = "child", .init = child_init, .on_msg = child_on_msg};

/* Found by whole nodes: a child that was spawned but could not be watched was stopped, and spawned
 * again at once under the name that it still had, until the supervisor gave up. */
static void one_refusal_of_memory_never_makes_a_supervisor_give_up(void **state)
{
    struct th_host *host;
    struct th_place *place;
    th_pid pid;
    (void)state;
    assert_int_equal(th_host_sim_new(&host, 0), TH_OK);
    assert_int_equal(th_host_sim_place(host, "all", &place), TH_OK);
    const struct th_child child = {.spec = {.ops = &child_ops, .name = "child", .place = place},
                                   .restart = TH_RESTART_ALWAYS};
    const struct th_supervisor_spec spec = {.children = &child, .count = 1};
    const struct th_server_spec supervisor = {
        .ops = &th_supervisor_ops, .arg = (void *)&spec, .name = "supervisor", .place = place};
    assert_int_equal(th_spawn(host, &supervisor, &pid), TH_OK);
    th_host_sim_run(host, PERIOD_MS);

    for (uint64_t nth = 1; nth <= REFUSALS; nth++) {
        th_pid before = th_whereis(host, 0, "child");
        th_stop(host, before, TH_IO);
        th_mem_refuse(nth);
        th_host_sim_run(host, PERIOD_MS);
        th_mem_refuse(0);
        assert_true(th_whereis(host, 0, "supervisor") == pid);
        assert_true(th_whereis(host, 0, "child") != 0);
        assert_true(th_whereis(host, 0, "child") != before);
    }

    th_host_sim_close(host);
}

static enum th_err dependent_init(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)arg;
    return th_whereis(self->host, self->scope, "other") ? TH_OK : TH_GONE;
}

static const struct th_server_ops dependent_ops = {
    .name = "dependent", .init = dependent_init, .on_msg = child_on_msg};

static void child_that_finds_another_gone_is_given_time_until_that_is_back(void **state)
{
    struct th_host *host;
    struct th_place *place;
    th_pid pid, other;
    (void)state;
    assert_int_equal(th_host_sim_new(&host, 0), TH_OK);
    assert_int_equal(th_host_sim_place(host, "all", &place), TH_OK);
    const struct th_child child = {
        .spec = {.ops = &dependent_ops, .name = "dependent", .place = place},
        .restart = TH_RESTART_ALWAYS};
    const struct th_supervisor_spec spec = {.children = &child, .count = 1};
    const struct th_server_spec supervisor = {
        .ops = &th_supervisor_ops, .arg = (void *)&spec, .name = "supervisor", .place = place};
    const struct th_server_spec needed = {.ops = &child_ops, .name = "other", .place = place};
    assert_int_equal(th_spawn(host, &needed, &other), TH_OK);
    assert_int_equal(th_spawn(host, &supervisor, &pid), TH_OK);
    th_host_sim_run(host, 1000);

    th_stop(host, other, TH_IO);
    th_stop(host, th_whereis(host, 0, "dependent"), TH_IO);
    th_host_sim_run(host, 250);
    assert_int_equal(th_spawn(host, &needed, &other), TH_OK);
    th_host_sim_run(host, 250);

    assert_true(th_whereis(host, 0, "supervisor") == pid);
    assert_true(th_whereis(host, 0, "dependent") != 0);
    th_host_sim_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_refusal_of_memory_never_makes_a_supervisor_give_up),
        cmocka_unit_test(child_that_finds_another_gone_is_given_time_until_that_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

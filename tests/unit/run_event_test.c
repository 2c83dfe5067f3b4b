/* The event manager: who is told, in which order, and what happens when somebody ends. */
#include "tests/unit/run_probe.h"

struct stage {
    struct th_host *host;
    struct th_place *place;
    th_pid manager;
};

static struct stage open_stage(uint64_t seed)
{
    struct stage stage = {0};
    struct th_server_spec spec = {.ops = &th_event_manager_ops, .name = "events"};

    assert_int_equal(th_host_step_new(&stage.host, seed), TH_OK);
    assert_int_equal(th_host_step_place(stage.host, "all", &stage.place), TH_OK);
    spec.place = stage.place;
    assert_int_equal(th_spawn(stage.host, &spec, &stage.manager), TH_OK);
    return stage;
}

static const struct th_interest all = {.kinds = UINT64_MAX, .topics = UINT64_MAX};

static struct th_event *event(uint64_t kind, uint64_t topic, bool is_state)
{
    struct th_event *made =
        th_event_new(kind, topic, is_state, th_mem_copy("body", 4), th_mem_free);

    assert_non_null(made);
    return made;
}

/* init: subscribes to probe->other with the interest in probe->data, or with all. */
static enum th_err subscribes(struct probe *probe, const struct th_self *self)
{
    const struct th_interest *interest = probe->data ? probe->data : &all;

    return th_subscribe(self, probe->other, *interest, probe_on_reply, NULL);
}

/* B1, B2, B3 */
static void event_reaches_each_subscriber_once(void **state)
{
    (void)state;
    struct stage stage = open_stage(0);
    struct probe probes[3] = {0};
    for (int i = 0; i < 3; i++) {
        probes[i] = (struct probe){.init = subscribes, .other = stage.manager};
        probe_spawn(stage.host, stage.place, NULL, &probes[i]);
    }
    th_host_step_run(stage.host, 1);

    assert_int_equal(th_notify(stage.host, stage.manager, event(1, 0, false)), TH_OK);
    assert_int_equal(th_notify(stage.host, stage.manager, event(1, 0, false)), TH_OK);
    th_host_step_run(stage.host, 1);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(probes[i].why, TH_OK);
        assert_int_equal(probes[i].events, 2);
    }
    th_host_step_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_reaches_each_subscriber_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

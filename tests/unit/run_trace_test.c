/* Tracing: what passes through a server, read from outside. */
#include "tests/unit/run_probe.h"

#include "switch/run/trace.h"

enum { ENTRIES_MAX = 2 * TH_TRACING_ROOM };

struct reading {
    unsigned count;
    struct th_trace_entry entry[ENTRIES_MAX];
    struct th_tracing_state state;
};

static struct th_tracing *trace(struct stage *stage, th_pid pid)
{
    struct th_tracing *tracing = NULL;

    assert_int_equal(th_tracing_start(stage->host, pid, &tracing), TH_OK);
    return tracing;
}

static const struct reading *read_all(struct th_tracing *tracing)
{
    static struct reading reading;

    reading.count = th_tracing_read(tracing, reading.entry, ENTRIES_MAX, &reading.state);
    return &reading;
}

/* "<call number" for in, ">" for out, all in order. */
static void assert_story(const struct reading *reading, const char *story)
{
    static const char *const sorts[] = {"call", "cast", "event", "reply", "own"};
    char text[1024] = "";

    for (unsigned i = 0; i < reading->count; i++) {
        const struct th_trace_entry *e = &reading->entry[i];
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s%c%s %s", i ? ", " : "", e->is_in ? '<' : '>',
                 sorts[e->sort], e->kind);
    }
    assert_string_equal(text, story);
}

static void drop(struct stage *stage, struct th_tracing *tracing)
{
    th_tracing_stop(tracing);
    th_host_sim_close(stage->host);
}

/* D5 */
static void call_is_told_on_both_sides_with_who_the_other_is(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe callee = {.on_msg = probe_answers}, caller = {.on_msg = probe_calls_on};
    caller.other = stage_spawn(&stage, &callee);
    th_pid pid = stage_spawn(&stage, &caller);
    th_host_sim_run(stage.host, 5);
    struct th_tracing *of_caller = trace(&stage, pid), *of_callee = trace(&stage, caller.other);

    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    const struct reading *r = read_all(of_caller);
    assert_story(r, "<cast probe.number, >call probe.number, <reply probe.number");
    assert_int_equal(r->entry[0].other, 0); /* the test is no server */
    assert_int_equal(r->entry[1].other, caller.other);
    assert_int_equal(r->entry[1].err, TH_OK);
    assert_int_equal(r->entry[2].other, caller.other);
    assert_int_equal(r->entry[0].at_us, 1005 * 1000);
    r = read_all(of_callee);
    assert_story(r, "<call probe.number, >reply probe.number");
    assert_int_equal(r->entry[0].other, pid);
    assert_int_equal(r->entry[1].other, pid);
    assert_int_equal(read_all(of_callee)->count, 0);
    th_tracing_stop(of_callee);
    drop(&stage, of_caller);
}

static void message_that_is_refused_is_told_with_the_reason(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe caller = {.on_msg = probe_calls_on};
    th_pid pid = stage_spawn(&stage, &caller);
    th_host_sim_run(stage.host, 1);
    struct th_tracing *tracing = trace(&stage, pid);

    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK); /* calls nobody */
    th_host_sim_run(stage.host, 1);

    const struct reading *r = read_all(tracing);
    assert_story(r, "<cast probe.number, >call probe.number, <reply gone");
    assert_int_equal(r->entry[1].err, TH_GONE);
    drop(&stage, tracing);
}

/* on_msg: announces an event whenever it gets a number. */
static enum th_err announces(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &probe_msg)
        (void)th_notify(self->host, probe->other, th_event_new(4, 8, false, NULL, NULL));
    return TH_OK;
}

static enum th_err subscribes(struct probe *probe, const struct th_self *self)
{
    return th_subscribe(self, probe->other, (struct th_interest){4, 8}, NULL, NULL);
}

static void event_is_told_with_its_bits(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct th_server_spec manager = {
        .ops = &th_event_manager_ops, .name = "events", .place = stage.place};
    struct probe reader = {.init = subscribes}, source = {.on_msg = announces};
    assert_int_equal(th_spawn(stage.host, &manager, &source.other), TH_OK);
    reader.other = source.other;
    th_pid to = stage_spawn(&stage, &reader), from = stage_spawn(&stage, &source);
    th_host_sim_run(stage.host, 1);
    struct th_tracing *of_reader = trace(&stage, to), *of_source = trace(&stage, from);

    assert_int_equal(th_post(stage.host, from, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    const struct reading *r = read_all(of_reader);
    assert_story(r, "<event event");
    assert_int_equal(r->entry[0].event_kind, 4);
    assert_int_equal(r->entry[0].event_topic, 8);
    r = read_all(of_source);
    assert_story(r, "<cast probe.number, >event event");
    assert_int_equal(r->entry[1].other, to);
    assert_int_equal(r->entry[1].event_kind, 4);
    th_tracing_stop(of_reader);
    drop(&stage, of_source);
}

static void alarm_init_and_end_are_told_and_then_it_is_over(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.alarm_at = 1010};
    th_pid pid = stage_spawn(&stage, &probe);
    struct th_tracing *tracing = trace(&stage, pid);

    th_host_sim_run(stage.host, 20);
    th_stop(stage.host, pid, TH_SHUTDOWN);
    th_host_sim_run(stage.host, 1);
    struct probe next = {0};
    (void)stage_spawn(&stage, &next); /* perhaps in the same slot: no concern of this trace */
    th_host_sim_run(stage.host, 1);

    const struct reading *r = read_all(tracing);
    assert_story(r, "<own init, <own alarm, <own terminate");
    assert_true(r->state.is_over);
    drop(&stage, tracing);
}

/* D5 */
static void nothing_is_told_before_its_start_and_a_server_has_one_reader(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    struct th_tracing *tracing, *second = NULL;
    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    tracing = trace(&stage, pid);
    assert_int_equal(read_all(tracing)->count, 0);
    assert_int_equal(th_tracing_start(stage.host, pid, &second), TH_IN_USE);
    assert_int_equal(th_tracing_start(stage.host, 0, &second), TH_GONE);
    assert_int_equal(th_tracing_start(stage.host, pid + (1ull << 32), &second), TH_GONE);
    th_tracing_stop(tracing);
    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    tracing = trace(&stage, pid);
    assert_int_equal(read_all(tracing)->count, 0);
    assert_false(read_all(tracing)->state.is_over);
    drop(&stage, tracing);
}

/* C7 */
static void what_finds_no_room_is_counted_and_told_after_what_did(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    struct th_tracing *tracing = trace(&stage, pid);

    for (unsigned i = 0; i < TH_TRACING_ROOM + 7; i++) {
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
        th_host_sim_run(stage.host, 1);
    }

    struct th_trace_entry some[10];
    struct th_tracing_state now;
    assert_int_equal(th_tracing_read(tracing, some, 10, &now), 10);
    assert_int_equal(now.lost, 0);
    assert_int_equal(some[0].at_us, 1001 * 1000);
    assert_int_equal(read_all(tracing)->count, TH_TRACING_ROOM - 10);
    assert_int_equal(read_all(tracing)->state.lost, 0); /* told with the last of them */
    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(read_all(tracing)->count, 1);
    drop(&stage, tracing);
}

static void count_of_the_lost_is_told_once(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    struct th_tracing *tracing = trace(&stage, pid);

    for (unsigned i = 0; i < TH_TRACING_ROOM + 7; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(i)), TH_OK);
    th_host_sim_run(stage.host, 1);

    const struct reading *r = read_all(tracing);
    assert_int_equal(r->count, TH_TRACING_ROOM);
    assert_int_equal(r->state.lost, 7);
    assert_int_equal(read_all(tracing)->state.lost, 0);
    drop(&stage, tracing);
}

/* on_msg: reads its own trace in the middle of a callback, after it has sent something. */
static enum th_err reads_itself(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    assert_int_equal(th_post(self->host, 0, probe_number(1)), TH_GONE);
    assert_int_equal(read_all(probe->data)->count, 0);
    return TH_OK;
}

static void callback_is_told_when_it_has_ended_before_what_it_sent(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_msg = reads_itself};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    struct th_tracing *tracing = trace(&stage, pid);
    probe.data = tracing;

    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_story(read_all(tracing), "<cast probe.number, >cast probe.number");
    drop(&stage, tracing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_is_told_on_both_sides_with_who_the_other_is),
        cmocka_unit_test(message_that_is_refused_is_told_with_the_reason),
        cmocka_unit_test(event_is_told_with_its_bits),
        cmocka_unit_test(alarm_init_and_end_are_told_and_then_it_is_over),
        cmocka_unit_test(nothing_is_told_before_its_start_and_a_server_has_one_reader),
        cmocka_unit_test(what_finds_no_room_is_counted_and_told_after_what_did),
        cmocka_unit_test(count_of_the_lost_is_told_once),
        cmocka_unit_test(callback_is_told_when_it_has_ended_before_what_it_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

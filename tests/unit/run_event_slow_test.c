/* Events for those who are slow, whom others wait for, or for whom there is no memory. */
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

/* --- too slow --- */

/* C7, A8, B5: the reader is slow; the announcer never notices. */
static void lost_events_are_counted_and_lost_state_is_told(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe slow = {.init = subscribes, .on_msg = notes_kind, .other = manager}, quick = slow;
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &slow);
    th_pid pid;
    spec.mailbox_max = 3;
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    stage_spawn(stage, &quick);
    stage_run(stage, 1);

    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    for (int i = 0; i < 5; i++)
        notify(stage, manager, 1); /* two are lost, and nothing is said of it */
    stage_run(stage, 1);
    assert_int_equal(th_notify(stage->host, manager, make_event(2, 0, true)), TH_OK);
    assert_int_equal(th_notify(stage->host, manager, make_event(2, 0, true)), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(quick.trace, "aaaaabb");
    assert_string_equal(slow.trace, "aaa!"); /* told once, in its place */
    assert_int_equal(slow.missed, 4);
    assert_int_equal(look_at(stage, manager, pid).dropped, 4);
    assert_int_equal(stage_look(stage, pid).refused, 4);
    stage_close(stage);
}

static void lost_state_is_told_anew_after_it_was_told(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe slow = {.init = subscribes, .on_msg = notes_kind, .other = manager};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &slow);
    th_pid pid;
    spec.mailbox_max = 1;
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    stage_run(stage, 1);

    for (int round = 0; round < 3; round++) {
        assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(th_notify(stage->host, manager, make_event(1, 0, true)), TH_OK);
        stage_run(stage, 1);
        assert_int_equal(th_resume(stage->host, pid), TH_OK);
        stage_run(stage, 1);
    }

    assert_string_equal(slow.trace, "a!a!a!");
    assert_int_equal(slow.missed, 6);
    stage_close(stage);
}

static void owner_that_dies_with_a_note_of_missed_events_leaves_nothing(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe slow = {.init = subscribes, .other = manager};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &slow);
    th_pid pid;
    spec.mailbox_max = 1;
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(th_notify(stage->host, manager, make_event(1, 0, true)), TH_OK);
    stage_run(stage, 1);
    th_stop(stage->host, pid, TH_OK);
    stage_run(stage, 1);

    assert_int_equal(slow.missed, 0);
    stage_close(stage); /* the sanitizer looks for the rest */
}

/* --- waiting for all --- */

static enum th_err notifies_and_waits(struct probe *probe, const struct th_self *self,
                                      struct th_msg *msg)
{
    (void)msg;
    return th_notify_sync(self, probe->other, make_event(1, 0, false), probe->patience_ms,
                          probe_on_reply, NULL, NULL);
}

/* B3 */
static void announcer_is_told_when_all_have_handled_the_event(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe readers[3],
        writer = {.on_msg = notifies_and_waits, .other = manager, .patience_ms = 60000};
    struct th_interest others = {2, 0};
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct probe){.init = subscribes, .other = manager};
        if (i == 2)
            readers[i].data = &others; /* does not read it, so nobody waits for it */
        stage_spawn(stage, &readers[i]);
    }
    stage_run(stage, 1);
    th_pid pid = stage_spawn(stage, &writer);
    assert_int_equal(th_suspend(stage->host, readers[1].pid, 60000), TH_OK);
    assert_int_equal(th_suspend(stage->host, readers[2].pid, 60000), TH_OK);
    dropped_bodies = 0;

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(writer.replies, 0);
    assert_int_equal(readers[0].events, 1);
    struct th_subscription_list *rows = list(stage, manager);
    for (unsigned i = 0; i < rows->count; i++)
        assert_int_equal(rows->row[i].unhandled, rows->row[i].owner == readers[1].pid);
    th_mem_free(rows);
    assert_int_equal(th_resume(stage->host, readers[1].pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(writer.replies, 1);
    assert_int_equal(writer.why, TH_OK);
    assert_int_equal(readers[1].events, 1);
    assert_int_equal(dropped_bodies, 1);
    stage_close(stage);
}

/* B3: nobody who cannot handle it holds the announcer up, but one who does not is named. */
static void who_ends_or_has_no_room_is_not_waited_for(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe dying = {.init = subscribes, .other = manager}, full = dying, slow = dying;
    struct probe writer = {.on_msg = notifies_and_waits, .other = manager, .patience_ms = 60000};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &full);
    th_pid dying_pid = stage_spawn(stage, &dying), full_pid;
    spec.mailbox_max = 1;
    assert_int_equal(th_spawn(stage->host, &spec, &full_pid), TH_OK);
    th_pid pid = stage_spawn(stage, &writer);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, dying_pid, 60000), TH_OK);
    assert_int_equal(th_suspend(stage->host, full_pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, full_pid, probe_number(1)), TH_OK);

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 10);
    assert_int_equal(writer.replies, 0);
    th_stop(stage->host, dying_pid, TH_IO);
    stage_run(stage, 1);
    assert_int_equal(writer.replies, 1);
    assert_int_equal(writer.why, TH_OK);

    th_pid slow_pid = stage_spawn(stage, &slow);
    stage_run(stage, 1);
    assert_int_equal(th_suspend(stage->host, slow_pid, 60000), TH_OK);
    writer.patience_ms = PATIENCE_MS;
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 1000);
    assert_int_equal(writer.replies, 2);
    assert_int_equal(writer.why, TH_TIMED_OUT);

    assert_int_equal(look_at(stage, manager, slow_pid).unhandled, 1);
    stage_close(stage);
}

/* --- no memory --- */

static enum th_err subscribes_with_refusal(struct probe *probe, const struct th_self *self,
                                           struct th_msg *msg)
{
    uint64_t nth = msg->kind == &probe_msg ? probe_number_of(msg) : 0;

    if (msg->kind != &probe_msg)
        return TH_OK;
    th_mem_refuse(nth);
    probe->answer = th_subscribe(self, probe->other, all, probe_on_reply, NULL);
    th_mem_refuse(0);
    return TH_OK;
}

static void subscription_without_memory_fails_and_can_be_tried_again(void **state)
{
    (void)state;
    uint64_t err = TH_NO_MEMORY;
    for (uint64_t nth = 1; err != TH_OK; nth++) {
        struct stage stage = stage_open(0);
        th_pid manager = spawn_manager(&stage);
        struct probe probe = {.on_msg = subscribes_with_refusal, .other = manager};
        th_pid pid = stage_spawn(&stage, &probe);

        assert_int_equal(th_post(stage.host, pid, probe_number(nth)), TH_OK);
        th_host_sim_run(stage.host, 1);
        err = probe.answer;
        assert_int_equal(probe.replies, err == TH_OK ? 1 : 0);
        assert_int_equal(count_subscriptions(&stage, manager), err == TH_OK ? 1 : 0);
        assert_int_equal(th_post(stage.host, pid, probe_number(0)), TH_OK);
        th_host_sim_run(stage.host, 1);

        assert_int_equal(count_subscriptions(&stage, manager), 1);
        assert_true(nth < 20);
        th_host_sim_close(stage.host);
    }
}

static void event_that_finds_no_memory_counts_as_missed(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe probe = {.init = subscribes, .on_msg = notes_kind, .other = manager};
    th_pid pid = stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_suspend(stage.host, pid, 1000), TH_OK);
    for (unsigned i = 0; i < TH_MAIL_PAGE_FIRST + 1; i++) /* it has memory for all but one */
        assert_int_equal(th_notify(stage.host, manager, make_event(1, 0, true)), TH_OK);
    th_mem_refuse(1);
    th_host_sim_run(stage.host, 1);
    th_mem_refuse(0);
    assert_int_equal(th_resume(stage.host, pid), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_string_equal(probe.trace, "aaaa!");
    assert_int_equal(probe.missed, 1);
    assert_null((th_mem_refuse(1), th_event_new(1, 0, false, NULL, NULL)));
    th_mem_refuse(0);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(lost_events_are_counted_and_lost_state_is_told),
        ON_EVERY_HOST(lost_state_is_told_anew_after_it_was_told),
        ON_EVERY_HOST(owner_that_dies_with_a_note_of_missed_events_leaves_nothing),
        ON_EVERY_HOST(announcer_is_told_when_all_have_handled_the_event),
        ON_EVERY_HOST(who_ends_or_has_no_room_is_not_waited_for),
        cmocka_unit_test(subscription_without_memory_fails_and_can_be_tried_again),
        cmocka_unit_test(event_that_finds_no_memory_counts_as_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

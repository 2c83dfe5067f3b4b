/* The event manager: who is told, in which order, and what happens when somebody ends. */
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

/* --- who is told --- */

/* B1, B2, B3 */
static void event_reaches_each_subscriber_once_and_is_dropped_once(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe probes[3] = {0};
    for (int i = 0; i < 3; i++) {
        probes[i] = (struct probe){.init = subscribes, .on_msg = notes_kind, .other = manager};
        stage_spawn(stage, &probes[i]);
    }
    stage_run(stage, 1);
    dropped_bodies = 0;

    notify(stage, manager, 1);
    notify(stage, manager, 2);
    stage_run(stage, 1);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(probes[i].why, TH_OK);
        assert_string_equal(probes[i].trace, "ab");
    }
    assert_int_equal(dropped_bodies, 2);
    stage_close(stage);
}

static void nobody_is_woken_for_what_he_does_not_read(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_interest interests[4] = {{2, 0}, {3, 4}, {0, UINT64_MAX}, {2, 4}};
    struct probe probes[4] = {0};
    for (int i = 0; i < 4; i++) {
        probes[i] = (struct probe){.init = subscribes, .other = manager, .data = &interests[i]};
        stage_spawn(&stage, &probes[i]);
    }
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_notify(stage.host, manager, make_event(2, 0, false)), TH_OK); /* 0 1 3 */
    assert_int_equal(th_notify(stage.host, manager, make_event(2, 4, false)), TH_OK); /* 1 3 */
    assert_int_equal(th_notify(stage.host, manager, make_event(1, 8, false)), TH_OK); /* nobody */
    assert_int_equal(th_notify(stage.host, manager, make_event(4, 0, false)), TH_OK); /* nobody */
    th_host_sim_run(stage.host, 1);

    const unsigned told[4] = {1, 2, 0, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(probes[i].events, told[i]);
        assert_int_equal(probes[i].msgs, told[i]);
        assert_int_equal(stage_look(&stage, probes[i].pid).messages, told[i] + 1); /* on_done */
    }
    th_host_sim_close(stage.host);
}

static enum th_err notes_seq(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_event_msg) {
        const struct th_event *event = th_event_of(msg);
        probe_note(probe, (char)('a' + event->seq % 26));
    }
    return TH_OK;
}

static enum th_err notifies(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    return th_notify(self->host, probe->other, make_event(1, 0, false));
}

/* Some announce from the manager's place, some from elsewhere. */
static void all_subscribers_see_one_order(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe readers[2] = {0}, writers[3] = {0};
    for (int i = 0; i < 2; i++) {
        readers[i] = (struct probe){.init = subscribes, .on_msg = notes_seq, .other = manager};
        stage_spawn(stage, &readers[i]);
    }
    stage_run(stage, 1);

    for (int i = 0; i < 3; i++) {
        writers[i] = (struct probe){.on_msg = notifies, .other = manager};
        th_pid pid = stage_spawn(stage, &writers[i]);
        for (int n = 0; n < 5; n++)
            assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    }
    stage_run(stage, 1);

    assert_string_equal(readers[0].trace, "bcdefghijklmnop");
    assert_string_equal(readers[1].trace, readers[0].trace);
    stage_close(stage);
}

static enum th_err notifies_number(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    return th_notify(self->host, probe->other,
                     make_event(UINT64_C(1) << probe_number_of(msg), 0, false));
}

static enum th_err notifies_number_while_it_can(struct probe *probe, const struct th_self *self,
                                                struct th_msg *msg)
{
    enum th_err err = notifies_number(probe, self, msg);

    return err == TH_GONE ? TH_OK : err;
}

/* From the manager's own place too, where what was posted while it slept must go first. */
static void events_of_one_announcer_keep_their_order(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe reader = {.init = subscribes, .on_msg = notes_kind, .other = manager};
    struct probe writer = {.on_msg = notifies_number, .other = manager};
    stage_spawn(stage, &reader);
    stage_run(stage, 1);
    th_pid pid = stage_spawn(stage, &writer);
    for (uint64_t n = 0; n < 10; n++)
        assert_int_equal(th_post(stage->host, pid, probe_number(n)), TH_OK);

    assert_int_equal(th_suspend(stage->host, manager, 60000), TH_OK);
    stage_run_a_little(stage, stage->seed % 10);
    assert_int_equal(th_resume(stage->host, manager), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(reader.trace, "abcdefghij");
    stage_close(stage);
}

static enum th_err keeps_event(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_event_msg) {
        probe->data = msg->body;
        msg->body = NULL;
    }
    return TH_OK;
}

static void event_may_be_kept_by_its_readers(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct probe probe = {.init = subscribes, .on_msg = keeps_event, .other = manager};
    stage_spawn(&stage, &probe);
    th_host_sim_run(stage.host, 1);
    dropped_bodies = 0;

    notify(&stage, manager, 1);
    th_host_sim_run(stage.host, 1);
    th_host_sim_close(stage.host);

    assert_int_equal(dropped_bodies, 0);
    th_event_release(probe.data);
    assert_int_equal(dropped_bodies, 1);
}

/* --- subscriptions --- */

static enum th_err subscribes_to_number(struct probe *probe, const struct th_self *self,
                                        struct th_msg *msg)
{
    notes_kind(probe, self, msg);
    if (msg->kind != &probe_msg)
        return TH_OK;
    if (probe_number_of(msg) == 0) {
        th_unsubscribe(self, probe->other);
        return TH_OK;
    }
    return th_subscribe(self, probe->other, (struct th_interest){probe_number_of(msg), 0},
                        probe_on_reply, NULL);
}

/* B2 */
static void interest_can_be_changed_and_ended(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe probe = {.on_msg = subscribes_to_number, .other = manager};
    th_pid pid = stage_spawn(stage, &probe);
    const uint64_t interests[] = {1, 2, 0, 3, 0, 0, 1};

    for (unsigned i = 0; i < sizeof interests / sizeof *interests; i++) {
        assert_int_equal(th_post(stage->host, pid, probe_number(interests[i])), TH_OK);
        stage_run(stage, 1);
        memset(probe.trace, 0, sizeof probe.trace);
        notify(stage, manager, 1);
        notify(stage, manager, 2);
        stage_run(stage, 1);

        const char *const seen[] = {"", "a", "b", "ab"};
        assert_string_equal(probe.trace, seen[interests[i]]);
        assert_int_equal(count_subscriptions(stage, manager), interests[i] ? 1 : 0);
    }
    assert_int_equal(probe.downs, 0);
    stage_close(stage);
}

/* E3 */
static void event_that_waits_does_not_come_once_its_owner_has_unsubscribed(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe probe = {.init = subscribes, .on_msg = subscribes_to_number, .other = manager};
    th_pid pid = stage_spawn(stage, &probe);
    stage_run(stage, 1);

    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, pid, probe_number(0)), TH_OK);
    notify(stage, manager, 1);
    stage_run(stage, 1);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    notify(stage, manager, 2);
    stage_run(stage, 1);

    assert_string_equal(probe.trace, "");
    stage_close(stage);
}

/* A9, B2, B4 */
static void subscription_of_a_dead_owner_is_gone(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe dying = {.init = subscribes, .other = manager}, other = dying;
    th_pid pid = stage_spawn(stage, &dying);
    stage_spawn(stage, &other);
    stage_run(stage, 1);
    assert_int_equal(count_subscriptions(stage, manager), 2);

    th_stop(stage->host, pid, TH_IO);
    notify(stage, manager, 1);
    stage_run(stage, 1);

    assert_int_equal(count_subscriptions(stage, manager), 1);
    assert_int_equal(other.events, 1);
    stage_close(stage);
}

/* A9 */
static void owner_is_told_when_the_manager_dies(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe probe = {.init = subscribes, .on_msg = notes_kind, .other = manager};
    stage_spawn(stage, &probe);
    stage_run(stage, 1);
    notify(stage, manager, 1);
    stage_run(stage, 1);

    th_stop(stage->host, manager, TH_IO);
    stage_run(stage, 1);

    assert_string_equal(probe.trace, "a-");
    assert_int_equal(probe.down.pid, manager);
    assert_int_equal(probe.down.why, TH_IO);
    assert_int_equal(th_notify(stage->host, manager, make_event(1, 0, false)), TH_GONE);
    stage_close(stage);
}

/* A9: the last begins to read while the manager ends. */
static void reader_sees_the_first_events_of_a_manager_that_ends_and_then_its_end(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe readers[3], writer = {.on_msg = notifies_number_while_it_can, .other = manager};
    th_pid pid = stage_spawn(stage, &writer);
    for (int i = 0; i < 3; i++)
        readers[i] = (struct probe){.init = subscribes, .on_msg = notes_kind, .other = manager};
    stage_spawn(stage, &readers[0]);
    stage_spawn(stage, &readers[1]);
    stage_run(stage, 1);

    for (uint64_t n = 0; n < 10; n++)
        assert_int_equal(th_post(stage->host, pid, probe_number(n)), TH_OK);
    stage_run_a_little(stage, stage->seed % 30);
    th_stop(stage->host, manager, TH_IO);
    stage_spawn(stage, &readers[2]);
    stage_run(stage, 20000);

    for (int i = 0; i < 3; i++) {
        size_t seen = strlen(readers[i].trace) - 1;
        assert_int_equal(readers[i].downs, 1);
        assert_int_equal(readers[i].trace[seen], '-');
        assert_int_equal(seen, readers[i].events);
        if (i < 2)
            assert_memory_equal(readers[i].trace, "abcdefghij", seen);
    }
    stage_close(stage);
}

static void subscription_at_a_dead_manager_is_told(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.init = subscribes, .other = 0};
    stage_spawn(stage, &probe);

    stage_run(stage, 1);

    assert_int_equal(probe.replies, 1);
    assert_int_equal(probe.why, TH_GONE);
    assert_int_equal(probe.downs, 1);
    stage_close(stage);
}

/* B2 */
static void list_shows_owners_in_order_with_their_counts(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_interest ones = {1, 0};
    struct probe first = {.init = subscribes, .other = manager};
    struct probe second = {.init = subscribes, .other = manager, .data = &ones};
    stage_spawn(&stage, &first);
    stage_spawn(&stage, &second);
    th_host_sim_run(stage.host, 1);
    notify(&stage, manager, 1);
    notify(&stage, manager, 2);

    struct th_subscription_list *rows = list(&stage, manager);

    assert_int_equal(rows->count, 2);
    assert_int_equal(rows->row[0].owner, first.pid);
    assert_int_equal(rows->row[0].forwarded, 2);
    assert_int_equal(rows->row[1].owner, second.pid);
    assert_int_equal(rows->row[1].interest.kinds, 1);
    assert_int_equal(rows->row[1].forwarded, 1);
    th_mem_free(rows);
    th_host_sim_close(stage.host);
}

static void manager_has_room_for_so_many_subscriptions(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    static struct probe probes[TH_SUBSCRIPTIONS_MAX + 1];
    for (unsigned i = 0; i <= TH_SUBSCRIPTIONS_MAX; i++) {
        probes[i] = (struct probe){.init = subscribes, .other = manager};
        stage_spawn(&stage, &probes[i]);
    }
    th_host_sim_run(stage.host, 1);

    unsigned refused = 0;
    for (unsigned i = 0; i <= TH_SUBSCRIPTIONS_MAX; i++)
        refused += probes[i].why == TH_LIMIT;
    assert_int_equal(refused, 1);
    th_host_sim_close(stage.host);
}

/* --- A6: what could deadlock elsewhere --- */

/* on_msg of the router: the first event makes it start a dial, which subscribes in its init. */
static enum th_err starts_another(struct probe *probe, const struct th_self *self,
                                  struct th_msg *msg)
{
    struct probe *dial = probe->data;
    th_pid pid;

    if (msg->kind != &th_event_msg || dial->data == NULL)
        return TH_OK;
    struct th_server_spec spec = *(struct th_server_spec *)dial->data;
    dial->data = NULL;
    TH_CHECK(th_spawn(self->host, &spec, &pid) == TH_OK);
    return th_notify(self->host, probe->other, make_event(2, 0, false));
}

/* A6 */
static void subscriber_may_start_another_subscriber_while_the_manager_notifies(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct probe dial = {.init = subscribes, .on_msg = notes_kind, .other = manager};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &dial);
    struct probe router = {.init = subscribes, .on_msg = starts_another, .other = manager};
    stage_spawn(stage, &router);
    stage_run(stage, 1);
    dial.data = &spec;
    router.data = &dial;

    for (int i = 0; i < 10; i++)
        notify(stage, manager, 1);
    stage_run(stage, 1);
    notify(stage, manager, 4);
    stage_run(stage, 1);

    assert_int_equal(router.events, 12);
    assert_int_equal(dial.why, TH_OK);
    assert_int_equal(dial.trace[strlen(dial.trace) - 1], 'c');
    stage_close(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(event_reaches_each_subscriber_once_and_is_dropped_once),
        cmocka_unit_test(nobody_is_woken_for_what_he_does_not_read),
        ON_EVERY_HOST(all_subscribers_see_one_order),
        ON_EVERY_HOST(events_of_one_announcer_keep_their_order),
        cmocka_unit_test(event_may_be_kept_by_its_readers),
        ON_EVERY_HOST(interest_can_be_changed_and_ended),
        ON_EVERY_HOST(event_that_waits_does_not_come_once_its_owner_has_unsubscribed),
        ON_EVERY_HOST(subscription_of_a_dead_owner_is_gone),
        ON_EVERY_HOST(owner_is_told_when_the_manager_dies),
        ON_EVERY_HOST(reader_sees_the_first_events_of_a_manager_that_ends_and_then_its_end),
        ON_EVERY_HOST(subscription_at_a_dead_manager_is_told),
        cmocka_unit_test(list_shows_owners_in_order_with_their_counts),
        cmocka_unit_test(manager_has_room_for_so_many_subscriptions),
        ON_EVERY_HOST(subscriber_may_start_another_subscriber_while_the_manager_notifies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

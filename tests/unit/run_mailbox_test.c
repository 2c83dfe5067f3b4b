/* Mailboxes: order, limits, and what becomes of messages that nobody can get. */
#include "tests/unit/run_hosts.h"

/* on_msg: notes the numbers as letters. */
static enum th_err notes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &probe_msg)
        probe_note(probe, (char)probe_number_of(msg));
    return TH_OK;
}

static void post_text(struct th_host *host, th_pid to, const char *text)
{
    for (; *text; text++)
        assert_int_equal(th_post(host, to, probe_number((uint64_t)*text)), TH_OK);
}

static void messages_of_one_sender_arrive_in_the_order_of_sending(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {.on_msg = notes};
    th_pid pid = stage_spawn(stage, &probe);

    post_text(stage->host, pid, "abc");
    stage_run_a_little(stage, stage->seed % 5);
    post_text(stage->host, pid, "def");
    stage_run(stage, 1);

    assert_string_equal(probe.trace, "abcdef");
    stage_close(stage);
}

/* on_msg: posts a, replies, posts b: to whom it is asked by. */
static enum th_err posts_around_a_reply(struct probe *probe, const struct th_self *self,
                                        struct th_msg *msg)
{
    (void)probe;
    TH_CHECK(th_post(self->host, msg->from, probe_number('a')) == TH_OK);
    th_reply(self->host, th_from_of(msg), probe_number(1));
    TH_CHECK(th_post(self->host, msg->from, probe_number('b')) == TH_OK);
    return TH_OK;
}

static enum th_err notes_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    (void)self, (void)ctx, (void)why, (void)reply;
    probe_note(((struct probe_state *)state)->probe, 'r');
    return TH_OK;
}

static enum th_err asks(struct probe *probe, const struct th_self *self)
{
    return th_call(self, probe->other, probe_number(0), 60000, notes_reply, NULL, NULL);
}

static void reply_keeps_its_place_among_the_messages_of_its_sender(void **state)
{
    struct stage *stage = *state;
    struct probe callee = {.on_msg = posts_around_a_reply};
    struct probe caller = {.init = asks, .on_msg = notes};

    caller.other = stage_spawn(stage, &callee);
    stage_spawn(stage, &caller);
    stage_run(stage, 1);

    assert_string_equal(caller.trace, "arb");
    stage_close(stage);
}

/* One place's mail goes another way than that from elsewhere. */
struct chain {
    th_pid reader;
    char next;
};

/* on_msg: posts a letter to the reader, then has the other post the next one. */
static enum th_err posts_and_hands_on(struct probe *probe, const struct th_self *self,
                                      struct th_msg *msg)
{
    struct chain *chain = probe->data;

    (void)msg;
    if (chain->next > 'z')
        return TH_OK;
    TH_CHECK(th_post(self->host, chain->reader, probe_number((uint64_t)chain->next++)) == TH_OK);
    TH_CHECK(th_post(self->host, probe->other, probe_number(0)) == TH_OK);
    return TH_OK;
}

static void message_from_here_or_elsewhere_never_overtakes_what_caused_it(void **state)
{
    struct stage *stage = *state;
    struct th_place *here = stage->places[0], *elsewhere = stage->places[stage->place_count - 1];
    struct chain chain = {.next = 'a'};
    struct probe reader = {.on_msg = notes};
    struct probe near = {.on_msg = posts_and_hands_on, .data = &chain};
    struct probe far = {.on_msg = posts_and_hands_on, .data = &chain};
    chain.reader = probe_spawn(stage->host, here, NULL, &reader);
    near.other = probe_spawn(stage->host, elsewhere, NULL, &far);
    far.other = probe_spawn(stage->host, here, NULL, &near);

    assert_int_equal(
        th_post(stage->host, stage->seed % 3 ? near.other : far.other, probe_number(0)), TH_OK);
    stage_run(stage, 1);

    assert_string_equal(reader.trace, "abcdefghijklmnopqrstuvwxyz");
    stage_close(stage);
}

/* on_msg: posts to the other until it is full, or much more. */
static enum th_err fills_the_other(struct probe *probe, const struct th_self *self,
                                   struct th_msg *msg)
{
    (void)msg;
    while (probe->answer < 1000 && th_post(self->host, probe->other, probe_number('n')) == TH_OK)
        probe->answer++;
    return TH_OK;
}

/* C7: whether it comes from the server's own place or from elsewhere. */
static void limit_of_a_mailbox_is_one_for_all_senders(void **state)
{
    struct stage *stage = *state;
    struct probe full = {0}, filler = {.on_msg = fills_the_other};
    struct th_server_spec spec = probe_spec(stage->place, NULL, &full);
    spec.mailbox_max = 200;
    assert_int_equal(th_spawn(stage->host, &spec, &filler.other), TH_OK);
    th_pid pid = probe_spawn(stage->host, stage->place, NULL, &filler);
    assert_int_equal(th_suspend(stage->host, filler.other, 60000), TH_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(th_post(stage->host, filler.other, probe_number('f')), TH_OK);

    assert_int_equal(th_post(stage->host, pid, probe_number(0)), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(filler.answer, 150);
    assert_int_equal(th_post(stage->host, filler.other, probe_number('f')), TH_FULL);
    struct th_server_look row = stage_look(stage, filler.other);
    assert_int_equal(row.mailbox, 200);
    assert_int_equal(row.refused, 2);
    assert_int_equal(th_resume(stage->host, filler.other), TH_OK);
    stage_run(stage, 1);
    assert_int_equal(full.msgs, 200);
    assert_int_equal(stage_look(stage, filler.other).mailbox, 0);
    stage_close(stage);
}

/* C7 */
static void flood_at_a_suspended_server_is_bounded_refused_and_counted(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    struct th_server_spec spec = probe_spec(stage.place, NULL, &probe);
    th_pid pid;
    spec.mailbox_max = 10;
    assert_int_equal(th_spawn(stage.host, &spec, &pid), TH_OK);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(th_suspend(stage.host, pid, 1000), TH_OK);

    for (int i = 0; i < 10; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    for (int i = 0; i < 90; i++)
        assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_FULL);

    struct th_server_look row = stage_look(&stage, pid);
    assert_int_equal(row.mailbox, 10);
    assert_int_equal(row.mailbox_max, 10);
    assert_int_equal(row.refused, 90);
    th_host_sim_run(stage.host, 1000);
    row = stage_look(&stage, pid);
    assert_int_equal(probe.msgs, 10);
    assert_int_equal(row.mailbox, 0);
    assert_int_equal(row.mailbox_peak, 10);
    th_host_sim_close(stage.host);
}

/* C7: a call that finds no room is told so, and does not wait for its time-out. */
static void call_of_a_full_mailbox_is_told_full(void **state)
{
    struct stage *stage = *state;
    struct probe full = {.on_msg = probe_answers}, caller = {.on_msg = probe_calls_on};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &full);
    spec.mailbox_max = 1;
    assert_int_equal(th_spawn(stage->host, &spec, &caller.other), TH_OK);
    th_pid pid = stage_spawn(stage, &caller);
    assert_int_equal(th_suspend(stage->host, caller.other, 60000), TH_OK);
    assert_int_equal(th_post(stage->host, caller.other, probe_number(1)), TH_OK);

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK);
    stage_run(stage, 0);

    assert_int_equal(caller.replies, 1);
    assert_int_equal(caller.why, TH_FULL);
    assert_int_equal(th_resume(stage->host, caller.other), TH_OK);
    stage_run(stage, 20000);
    assert_int_equal(caller.replies, 1);
    stage_close(stage);
}

/* on_msg of a server that fills its own mailbox and still gets its reply. */
static enum th_err fills_itself(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind != &probe_msg || probe->msgs > 1)
        return TH_OK;
    while (th_post(self->host, self->pid, probe_number(0)) == TH_OK)
        continue;
    return probe_call(probe, self, 1);
}

static void reply_reaches_a_server_whose_mailbox_is_full(void **state)
{
    struct stage *stage = *state;
    struct probe callee = {.on_msg = probe_answers}, caller = {.on_msg = fills_itself};
    struct th_server_spec spec = probe_spec(stage_next_place(stage), NULL, &caller);
    th_pid pid;
    spec.mailbox_max = 5;
    caller.other = stage_spawn(stage, &callee);
    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);

    assert_int_equal(th_post(stage->host, pid, probe_number(0)), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(caller.why, TH_OK);
    assert_int_equal(caller.answer, 2);
    assert_int_equal(caller.msgs, 6);
    stage_close(stage);
}

static void message_to_nobody_or_a_dead_server_is_refused_and_dropped(void **state)
{
    struct stage *stage = *state;
    struct probe probe = {0};
    th_pid pid = stage_spawn(stage, &probe);
    assert_int_equal(th_suspend(stage->host, pid, 60000),
                     TH_OK); /* else it may be faster than us */
    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_OK); /* waits when it ends */
    th_stop(stage->host, pid, TH_OK);
    stage_run(stage, 1);

    assert_int_equal(th_post(stage->host, pid, probe_number(1)), TH_GONE);
    assert_int_equal(th_post(stage->host, 0, probe_number(1)), TH_GONE);
    assert_int_equal(th_post(stage->host, UINT64_MAX, probe_number(1)), TH_GONE);
    assert_int_equal(th_post(stage->host, 12345, probe_number(1)), TH_GONE);

    assert_int_equal(probe.msgs, 0);
    stage_close(stage);
}

static void pid_of_the_dead_never_means_a_newcomer(void **state)
{
    (void)state;
    enum { LIVES = 300 };
    struct stage stage = stage_open(0);
    static th_pid dead[LIVES];
    for (int i = 0; i < LIVES; i++) {
        struct probe probe = {0};
        dead[i] = stage_spawn(&stage, &probe);
        th_stop(stage.host, dead[i], TH_OK);
        th_host_sim_run(stage.host, 0);
    }
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);

    for (int i = 0; i < LIVES; i++) {
        assert_int_not_equal(dead[i], pid);
        assert_int_equal(th_post(stage.host, dead[i], probe_number(1)), TH_GONE);
        th_stop(stage.host, dead[i], TH_IO);
    }
    th_host_sim_run(stage.host, 1);

    assert_int_equal(probe.msgs, 0);
    assert_int_equal(probe.terminates, 0);
    th_host_sim_close(stage.host);
}

static enum th_err keeps_body(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    probe->data = msg->body;
    msg->body = NULL;
    return TH_OK;
}

static void receiver_may_keep_a_body(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {.on_msg = keeps_body};
    th_pid pid = stage_spawn(&stage, &probe);

    assert_int_equal(th_post(stage.host, pid, probe_number(7)), TH_OK);
    th_host_sim_close((th_host_sim_run(stage.host, 1), stage.host));

    struct th_msg kept = {.kind = &probe_msg, .body = probe.data};
    assert_int_equal(probe_number_of(&kept), 7);
    th_msg_drop(&kept);
}

static void post_without_memory_fails_and_drops_the_body(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe probe = {0};
    th_pid pid = stage_spawn(&stage, &probe);
    struct th_msg msg = probe_number(1);

    th_mem_refuse(1);
    assert_int_equal(th_post(stage.host, pid, msg), TH_NO_MEMORY);

    th_mem_refuse(0);
    assert_int_equal(stage_look(&stage, pid).mailbox, 0);
    th_host_sim_close(stage.host);
}

static void server_with_much_to_do_does_not_hold_up_another(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    struct probe busy = {0}, other = {0};
    th_pid busy_pid = stage_spawn(&stage, &busy), other_pid = stage_spawn(&stage, &other);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(th_post(stage.host, busy_pid, probe_number(1)), TH_OK);
    assert_int_equal(th_post(stage.host, other_pid, probe_number(1)), TH_OK);

    while (other.msgs == 0)
        assert_true(th_host_sim_once(stage.host));

    assert_true(busy.msgs < 10);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(messages_of_one_sender_arrive_in_the_order_of_sending),
        ON_EVERY_HOST(reply_keeps_its_place_among_the_messages_of_its_sender),
        ON_EVERY_HOST(message_from_here_or_elsewhere_never_overtakes_what_caused_it),
        ON_EVERY_HOST(limit_of_a_mailbox_is_one_for_all_senders),
        cmocka_unit_test(flood_at_a_suspended_server_is_bounded_refused_and_counted),
        ON_EVERY_HOST(call_of_a_full_mailbox_is_told_full),
        ON_EVERY_HOST(reply_reaches_a_server_whose_mailbox_is_full),
        ON_EVERY_HOST(message_to_nobody_or_a_dead_server_is_refused_and_dropped),
        cmocka_unit_test(pid_of_the_dead_never_means_a_newcomer),
        cmocka_unit_test(receiver_may_keep_a_body),
        cmocka_unit_test(post_without_memory_fails_and_drops_the_body),
        cmocka_unit_test(server_with_much_to_do_does_not_hold_up_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

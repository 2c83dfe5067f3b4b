/* Streams: events one by one, in a buffer of their own; and asking the manager about one subscriber. */
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

#include "switch/run/stream.h"

static struct th_event_stream *open_stream(struct stage *stage, th_pid manager, unsigned room)
{
    struct th_event_stream *stream = NULL;

    assert_int_equal(th_event_stream_open(stage->host, manager, all, room, &stream), TH_OK);
    return stream;
}

/* Takes all that is there: events as letters by their kind, gaps as digits. Returns why it stopped. */
static enum th_err take_all(struct th_event_stream *stream, struct probe *story)
{
    struct th_event_stream_item item;
    enum th_err err;

    while ((err = th_event_stream_take(stream, &item)) == TH_OK) {
        if (item.event == NULL) {
            probe_note(story, (char)('0' + item.lagged));
            continue;
        }
        probe_note(story, (char)('a' + __builtin_ctzll(item.event->kind)));
        th_event_release(item.event);
    }
    return err;
}

/* --- plain threads --- */

/* B5 */
static void plain_program_takes_events_one_by_one(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct th_event_stream *stream = open_stream(stage, manager, 8);
    struct th_event_stream_item item;
    dropped_bodies = 0;

    for (int i = 0; i < 3; i++)
        notify(stage, manager, UINT64_C(1) << i);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(th_event_stream_take_wait(stream, 60000, &item), TH_OK);
        assert_int_equal(item.event->kind, UINT64_C(1) << i);
        th_event_release(item.event);
    }

    assert_int_equal(th_event_stream_take(stream, &item), TH_AGAIN);
    stage_run(stage, 1);
    assert_int_equal(dropped_bodies, 3);
    th_event_stream_free(stream);
    stage_close(stage);
}

/* B5: what does not fit is counted where it is missing, and the announcer notices nothing. */
static void consumer_that_lags_is_told_how_many_are_missing_where(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct th_event_stream *stream = open_stream(stage, manager, 2);
    struct th_event_stream_item item;
    struct probe story = {0};

    for (int i = 0; i < 5; i++)
        notify(stage, manager, UINT64_C(1) << i); /* a b, and 3 that are missing */
    stage_run(stage, 1);
    assert_int_equal(th_event_stream_take(stream, &item), TH_OK);
    assert_int_equal(item.event->kind, 1);
    th_event_release(item.event);
    notify(stage, manager, UINT64_C(1) << 5); /* has room, after the gap */
    notify(stage, manager, UINT64_C(1) << 6);
    stage_run(stage, 1);
    assert_int_equal(take_all(stream, &story), TH_AGAIN);

    assert_string_equal(story.trace, "b3f1");
    struct th_subscription_list *rows = list(stage, manager);
    assert_int_equal(rows->count, 1);
    assert_true(rows->row[0].is_stream);
    assert_int_equal(rows->row[0].owner, 0);
    assert_int_equal(rows->row[0].forwarded, 3);
    assert_int_equal(rows->row[0].dropped, 4);
    th_mem_free(rows);
    th_event_stream_free(stream);
    stage_close(stage);
}

static void waiting_ends_after_its_time(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_event_stream *stream = open_stream(&stage, manager, 2);
    struct th_event_stream_item item;
    th_ms before = th_host_now(stage.host).mono;

    assert_int_equal(th_event_stream_take_wait(stream, 700, &item), TH_TIMED_OUT);

    assert_int_equal(th_host_now(stage.host).mono, before + 700);
    th_event_stream_free(stream);
    th_host_sim_close(stage.host);
}

static enum th_err waits_for_stream(struct probe *probe, const struct th_self *self,
                                    struct th_msg *msg)
{
    struct th_event_stream *other = NULL;
    struct th_event_stream_item item;

    (void)msg;
    probe->why = th_event_stream_take_wait(probe->data, 1000, &item);
    probe->answer = th_event_stream_open(self->host, probe->other, all, 1, &other);
    return TH_OK;
}

/* C5 */
static void waiting_is_refused_on_a_servers_thread(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_event_stream *stream = open_stream(&stage, manager, 2);
    struct probe probe = {.on_msg = waits_for_stream, .data = stream, .other = manager};
    th_pid pid = stage_spawn(&stage, &probe);

    assert_int_equal(th_post(stage.host, pid, probe_number(1)), TH_OK);
    th_host_sim_run(stage.host, 1);

    assert_int_equal(probe.why, TH_WOULD_DEADLOCK);
    assert_int_equal(probe.answer, TH_WOULD_DEADLOCK);
    th_event_stream_free(stream);
    th_host_sim_close(stage.host);
}

/* A9, B5 */
static void end_of_the_manager_comes_after_what_waits(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct th_event_stream *stream = open_stream(stage, manager, 2);
    struct probe story = {0};

    for (int i = 0; i < 4; i++)
        notify(stage, manager, UINT64_C(1) << i);
    stage_run(stage, 1);
    th_stop(stage->host, manager, TH_IO);
    stage_run(stage, 1);

    assert_int_equal(take_all(stream, &story), TH_GONE);
    assert_string_equal(story.trace, "ab2");
    stage_close(stage);
    th_event_stream_free(stream); /* it may outlive the host then */
}

/* E1, E3 */
static void ended_stream_lets_nothing_more_in(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct th_event_stream *stream = open_stream(stage, manager, 8);
    struct probe story = {0};
    notify(stage, manager, 1);
    stage_run(stage, 1);

    th_event_stream_end(stream);
    notify(stage, manager, 2);
    stage_run(stage, 1);

    assert_int_equal(take_all(stream, &story), TH_CANCELLED);
    assert_string_equal(story.trace, "a");
    assert_int_equal(count_subscriptions(stage, manager), 0);
    th_event_stream_free(stream);
    stage_close(stage);
}

/* E2 */
static void freed_stream_gives_back_what_nobody_took(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct th_event_stream *stream = open_stream(stage, manager, 8);
    dropped_bodies = 0;
    for (int i = 0; i < 12; i++)
        notify(stage, manager, 1);
    stage_run(stage, 1);

    th_event_stream_free(stream);
    assert_int_equal(dropped_bodies, 12);
    notify(stage, manager, 1);
    stage_run(stage, 1);

    assert_int_equal(dropped_bodies, 13);
    assert_int_equal(count_subscriptions(stage, manager), 0);
    stage_close(stage);
}

static void stream_without_manager_or_memory_is_not_opened(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_event_stream *stream = NULL;
    th_host_sim_run(stage.host, 1);

    assert_int_equal(th_event_stream_open(stage.host, 0, all, 8, &stream), TH_GONE);
    enum th_err err = TH_NO_MEMORY;
    for (uint64_t nth = 1; err == TH_NO_MEMORY; nth++) {
        assert_true(nth < 50);
        th_mem_refuse(nth);
        err = th_event_stream_open(stage.host, manager, all, 8, &stream);
        th_mem_refuse(0);
        assert_true(err == TH_OK || err == TH_NO_MEMORY);
    }

    assert_int_equal(count_subscriptions(&stage, manager), 1);
    th_event_stream_free(stream);
    th_host_sim_close(stage.host);
}

/* --- servers --- */

static void assert_accounted(struct stage *stage)
{
    struct th_account account;

    th_host_account(stage->host, &account);
    assert_int_equal(account.unaccounted, 0);
}

struct reader {
    struct probe probe; /* other: the manager */
    struct th_event_stream *stream;
    unsigned notes;
    struct probe story;
};

static enum th_err opens(struct probe *probe, const struct th_self *self)
{
    struct reader *reader = probe->data;

    return th_event_stream_open_here(self, probe->other, all, 4, probe_on_reply, NULL,
                                     &reader->stream);
}

static void frees(struct probe *probe, const struct th_self *self, enum th_err why)
{
    struct reader *reader = probe->data;

    (void)self, (void)why;
    th_event_stream_free(reader->stream);
}

static enum th_err reads(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    struct reader *reader = probe->data;

    (void)self;
    if (msg->kind != &th_event_stream_msg)
        return TH_OK;
    TH_CHECK(msg->body == reader->stream);
    reader->notes++;
    probe->why = take_all(reader->stream, &reader->story);
    return TH_OK;
}

static th_pid spawn_reader(struct stage *stage, th_pid manager, struct reader *reader)
{
    reader->probe = (struct probe){
        .init = opens, .on_msg = reads, .terminate = frees, .other = manager, .data = reader};
    return stage_spawn(stage, &reader->probe);
}

/* B5, C7: while it is away one note waits, however much comes. */
static void server_gets_one_note_for_any_number_of_events(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct reader reader = {0};
    th_pid pid = spawn_reader(stage, manager, &reader);
    stage_run(stage, 1);
    assert_int_equal(reader.probe.why, TH_OK);

    assert_int_equal(th_suspend(stage->host, pid, 60000), TH_OK);
    for (int i = 0; i < 9; i++)
        notify(stage, manager, UINT64_C(1) << i);
    stage_run(stage, 1);
    assert_int_equal(stage_look(stage, pid).mailbox, 0);
    assert_int_equal(th_resume(stage->host, pid), TH_OK);
    stage_run(stage, 1);

    assert_int_equal(reader.notes, 1);
    assert_string_equal(reader.story.trace, "abcd5");
    notify(stage, manager, 1);
    stage_run(stage, 1);
    assert_int_equal(reader.notes, 2);
    assert_string_equal(reader.story.trace, "abcd5a");
    assert_accounted(stage);
    stage_close(stage);
}

/* A9, B4 */
static void server_and_manager_are_told_of_each_others_end(void **state)
{
    struct stage *stage = *state;
    th_pid manager = spawn_manager(stage);
    struct reader first = {0}, second = {0};
    th_pid pid = spawn_reader(stage, manager, &first);
    spawn_reader(stage, manager, &second);
    stage_run(stage, 1);
    assert_int_equal(count_subscriptions(stage, manager), 2);

    notify(stage, manager, 1); /* its note may be in the mailbox that dies */
    th_stop(stage->host, pid, TH_IO);
    stage_run(stage, 1);
    assert_int_equal(count_subscriptions(stage, manager), 1);
    th_stop(stage->host, manager, TH_IO);
    stage_run(stage, 1);

    assert_accounted(stage);
    assert_string_equal(second.story.trace, "a");
    assert_int_equal(second.probe.why, TH_GONE);
    stage_close(stage);
}

/* --- asking about one --- */

static enum th_err ask_one(struct stage *stage, th_pid manager, th_pid owner,
                           struct th_subscription_look *look)
{
    struct th_msg reply,
        msg = {.kind = &th_event_ask_msg, .body = th_mem_copy(&owner, sizeof owner)};
    enum th_err err = th_call_wait(stage->host, manager, msg, 1000, &reply);

    if (err == TH_OK) {
        assert_ptr_equal(reply.kind, &th_event_ask_msg);
        *look = *(struct th_subscription_look *)reply.body;
        th_msg_drop(&reply);
    }
    return err;
}

/* B2 */
static void manager_can_be_asked_about_one_subscriber(void **state)
{
    (void)state;
    struct stage stage = stage_open(0);
    th_pid manager = spawn_manager(&stage);
    struct th_interest ones = {1, 0};
    struct probe first = {.init = subscribes, .other = manager};
    struct probe second = {.init = subscribes, .other = manager, .data = &ones};
    struct probe stranger = {0};
    struct th_subscription_look look;
    th_pid first_pid = stage_spawn(&stage, &first), second_pid = stage_spawn(&stage, &second);
    th_pid stranger_pid = stage_spawn(&stage, &stranger);
    th_host_sim_run(stage.host, 1);
    notify(&stage, manager, 1);
    notify(&stage, manager, 2);

    assert_int_equal(ask_one(&stage, manager, second_pid, &look), TH_OK);
    assert_int_equal(look.owner, second_pid);
    assert_int_equal(look.interest.kinds, 1);
    assert_int_equal(look.forwarded, 1);
    assert_false(look.is_stream);
    assert_int_equal(ask_one(&stage, manager, stranger_pid, &look), TH_NOT_FOUND);
    th_stop(stage.host, first_pid, TH_OK);
    th_host_sim_run(stage.host, 1);
    assert_int_equal(ask_one(&stage, manager, first_pid, &look), TH_NOT_FOUND);
    th_host_sim_close(stage.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_HOST(plain_program_takes_events_one_by_one),
        ON_EVERY_HOST(consumer_that_lags_is_told_how_many_are_missing_where),
        cmocka_unit_test(waiting_ends_after_its_time),
        cmocka_unit_test(waiting_is_refused_on_a_servers_thread),
        ON_EVERY_HOST(end_of_the_manager_comes_after_what_waits),
        ON_EVERY_HOST(ended_stream_lets_nothing_more_in),
        ON_EVERY_HOST(freed_stream_gives_back_what_nobody_took),
        cmocka_unit_test(stream_without_manager_or_memory_is_not_opened),
        ON_EVERY_HOST(server_gets_one_note_for_any_number_of_events),
        ON_EVERY_HOST(server_and_manager_are_told_of_each_others_end),
        cmocka_unit_test(manager_can_be_asked_about_one_subscriber),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

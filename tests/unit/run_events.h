/*
 * run_events.h - what the tests of the event manager share: a manager, events that count their
 * deaths, subscribers.
 */
#ifndef TH_TESTS_RUN_EVENTS_H
#define TH_TESTS_RUN_EVENTS_H

#include "tests/unit/run_probe.h"

static const struct th_interest all = {.kinds = UINT64_MAX, .topics = UINT64_MAX};

static inline th_pid spawn_manager(struct stage *stage)
{
    struct th_server_spec spec = {
        .ops = &th_event_manager_ops, .name = "events", .place = stage->place};
    th_pid pid;

    assert_int_equal(th_spawn(stage->host, &spec, &pid), TH_OK);
    return pid;
}

static atomic_uint dropped_bodies;

static inline void count_drop(void *body)
{
    dropped_bodies++;
    th_mem_free(body);
}

static inline struct th_event *make_event(uint64_t kind, uint64_t topic, bool is_state)
{
    struct th_event *event =
        th_event_new(kind, topic, is_state, th_mem_copy("body", 4), count_drop);

    assert_non_null(event);
    return event;
}

static inline void notify(struct stage *stage, th_pid manager, uint64_t kind)
{
    assert_int_equal(th_notify(stage->host, manager, make_event(kind, 0, false)), TH_OK);
}

/* init: subscribes to probe->other with the interest in probe->data, or with all. */
static inline enum th_err subscribes(struct probe *probe, const struct th_self *self)
{
    const struct th_interest *interest = probe->data ? probe->data : &all;

    return th_subscribe(self, probe->other, *interest, probe_on_reply, NULL);
}

/* on_msg: notes the kind of each event as a letter. */
static inline enum th_err notes_kind(struct probe *probe, const struct th_self *self,
                                     struct th_msg *msg)
{
    (void)self;
    if (msg->kind == &th_event_msg)
        probe_note(probe, (char)('a' + __builtin_ctzll(th_event_of(msg)->kind)));
    if (msg->kind == &th_missed_msg)
        probe_note(probe, '!');
    if (msg->kind == &th_down_msg)
        probe_note(probe, '-');
    return TH_OK;
}

static inline struct th_subscription_list *list(struct stage *stage, th_pid manager)
{
    struct th_msg reply;

    assert_int_equal(th_call_wait(stage->host, manager, (struct th_msg){.kind = &th_event_list_msg},
                                  1000, &reply),
                     TH_OK);
    assert_ptr_equal(reply.kind, &th_event_list_msg);
    return reply.body;
}

/* The row of one owner. */
static inline struct th_subscription_look look_at(struct stage *stage, th_pid manager, th_pid owner)
{
    struct th_subscription_list *rows = list(stage, manager);
    struct th_subscription_look row = {0};

    for (unsigned i = 0; i < rows->count; i++)
        if (rows->row[i].owner == owner)
            row = rows->row[i];
    th_mem_free(rows);
    assert_int_equal(row.owner, owner);
    return row;
}

static inline unsigned count_subscriptions(struct stage *stage, th_pid manager)
{
    struct th_subscription_list *rows = list(stage, manager);
    unsigned count = rows->count;

    th_mem_free(rows);
    return count;
}

#endif

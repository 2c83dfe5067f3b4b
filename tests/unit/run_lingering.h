/*
 * run_lingering.h - a server that lingers by its letterbox.
 *
 * Only threads let a server linger; here host_sim's are made to, one step after the other, so that each
 * order in which place and sender can meet is played.
 */
#ifndef TH_TESTS_RUN_LINGERING_H
#define TH_TESTS_RUN_LINGERING_H

#include "switch/run/watch.h"
#include "tests/unit/run_events.h"
#include "tests/unit/run_hosts.h"

struct meeting {
    struct stage stage;
    struct th_place *elsewhere;
    struct probe asker, callee;
    th_pid asker_pid, callee_pid;
};

static inline struct th_slot *slot_of(struct meeting *meeting, th_pid pid)
{
    return th_run_slot(meeting->stage.host, pid);
}

static inline enum th_err notes(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self;
    probe_note(probe, (char)probe_number_of(msg));
    return TH_OK;
}

/* on_msg: keeps the call, to be answered later. */
static struct th_from kept;

static inline enum th_err keeps_call(struct probe *probe, const struct th_self *self,
                                     struct th_msg *msg)
{
    (void)probe, (void)self;
    kept = th_from_of(msg);
    return TH_OK;
}

static inline enum th_err calls(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)msg;
    return probe_call(probe, self, 1);
}

/* Two servers at places of their own. on_msg: the callee's; mailbox_max: likewise. */
static inline void open_meeting_of(struct meeting *meeting, unsigned mailbox_max,
                                   enum th_err (*on_msg)(struct probe *, const struct th_self *,
                                                         struct th_msg *))
{
    *meeting = (struct meeting){.stage = stage_open(0),
                                .asker = {.on_msg = calls, .patience_ms = 1000},
                                .callee = {.on_msg = on_msg}};
    struct th_host *host = meeting->stage.host;
    struct th_server_spec spec;

    assert_int_equal(th_host_sim_place(host, "elsewhere", &meeting->elsewhere), TH_OK);
    spec = probe_spec(meeting->elsewhere, NULL, &meeting->callee);
    spec.mailbox_max = mailbox_max;
    assert_int_equal(th_spawn(host, &spec, &meeting->callee_pid), TH_OK);
    meeting->asker.other = meeting->callee_pid;
    meeting->asker_pid = probe_spawn(host, meeting->stage.place, NULL, &meeting->asker);
    th_host_sim_run(host, 1);
}

static inline void open_meeting(struct meeting *meeting,
                                enum th_err (*on_msg)(struct probe *, const struct th_self *,
                                                      struct th_msg *))
{
    open_meeting_of(meeting, 0, on_msg);
}

static inline void close_meeting(struct meeting *meeting)
{
    struct th_account account;

    th_host_account(meeting->stage.host, &account);
    assert_int_equal(account.unaccounted, 0);
    th_host_sim_close(meeting->stage.host);
}

/* Has a server a turn, after which it lingers. */
static inline struct th_slot *let_linger(struct meeting *meeting, th_pid pid)
{
    struct th_slot *slot = slot_of(meeting, pid);

    slot->spec.place->may_linger = true;
    assert_int_equal(th_resume(meeting->stage.host, pid), TH_OK);
    th_host_sim_run(meeting->stage.host, 0);
    slot->spec.place->may_linger = false;
    assert_ptr_equal(slot->spec.place->lingering, slot);
    return slot;
}

/* Its place looks, and finds something. */
static inline void wake(struct meeting *meeting, struct th_slot *slot)
{
    assert_true(th_run_box_take(slot));
    assert_null(slot->spec.place->lingering);
    th_run_ready(slot);
    th_host_sim_run(meeting->stage.host, 1);
}

static inline void post(struct meeting *meeting, char letter)
{
    assert_int_equal(
        th_post(meeting->stage.host, meeting->callee_pid, probe_number((uint64_t)letter)), TH_OK);
}

#endif

/*
 * run_probe.h - a server for tests of the floor `run`: what it does is given by functions, what
 * happened to it is counted where the test can see it after the server's end.
 *
 * With host_uv, look at a probe only after the host has closed, or at what arrived in a message.
 */
#ifndef TH_TESTS_RUN_PROBE_H
#define TH_TESTS_RUN_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/base/mem.h"
#include "switch/run/call.h"
#include "switch/run/event.h"
#include "switch/run/host.h"
#include "switch/run/host_sim.h"
#include "switch/run/supervisor.h"

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct probe {
    /* What it does; NULL: nothing. */
    enum th_err (*init)(struct probe *probe, const struct th_self *self);
    enum th_err (*on_msg)(struct probe *probe, const struct th_self *self, struct th_msg *msg);
    enum th_err (*on_alarm)(struct probe *probe, const struct th_self *self);
    enum th_err (*on_stop)(struct probe *probe, const struct th_self *self, enum th_err why);
    void (*terminate)(struct probe *probe, const struct th_self *self, enum th_err why);
    th_ms alarm_at;

    /* For its functions. */
    th_pid other;
    th_ms patience_ms; /* of its calls; 0: TH_CALL_MS_DEFAULT */
    uint64_t ref;
    void *data;

    /* What happened. */
    th_pid pid;
    unsigned inits, msgs, alarms, terminates, downs, events, missed;
    enum th_err ended_why;
    struct th_down down; /* the last */
    unsigned replies;
    enum th_err why; /* of the last reply */
    uint64_t answer; /* number in the last reply */
    char trace[256];
};

/* Remembers a letter. */
static inline void probe_note(struct probe *probe, char letter)
{
    size_t len = strlen(probe->trace);

    if (len + 1 < sizeof probe->trace)
        probe->trace[len] = letter;
}

struct probe_state {
    struct probe *probe;
};

static inline enum th_err probe_init(void *state, const struct th_self *self, void *arg)
{
    struct probe *probe = arg;

    ((struct probe_state *)state)->probe = probe;
    probe->inits++;
    probe->pid = self->pid;
    return probe->init ? probe->init(probe, self) : TH_OK;
}

static inline enum th_err probe_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    probe->msgs++;
    if (msg->kind == &th_down_msg) {
        probe->downs++;
        probe->down = *(const struct th_down *)msg->body;
    }
    if (msg->kind == &th_event_msg)
        probe->events++;
    if (msg->kind == &th_missed_msg)
        probe->missed += (unsigned)((const struct th_missed *)msg->body)->events;
    return probe->on_msg ? probe->on_msg(probe, self, msg) : TH_OK;
}

static inline enum th_err probe_on_alarm(void *state, const struct th_self *self)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    probe->alarms++;
    probe->alarm_at = TH_NEVER;
    return probe->on_alarm ? probe->on_alarm(probe, self) : TH_OK;
}

static inline th_ms probe_deadline(const void *state)
{
    const struct probe *probe = ((const struct probe_state *)state)->probe;

    return probe->alarm_at ? probe->alarm_at : TH_NEVER;
}

static inline enum th_err probe_on_stop(void *state, const struct th_self *self, enum th_err why)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    return probe->on_stop ? probe->on_stop(probe, self, why) : TH_SHUTDOWN;
}

static inline void probe_terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    probe->terminates++;
    probe->ended_why = why;
    if (probe->terminate)
        probe->terminate(probe, self, why);
}

static const struct th_server_ops probe_ops = {
    .name = "probe",
    .state_size = sizeof(struct probe_state),
    .init = probe_init,
    .on_msg = probe_on_msg,
    .on_alarm = probe_on_alarm,
    .deadline = probe_deadline,
    .terminate = probe_terminate,
};

/* The same, with on_stop. */
static const struct th_server_ops slow_probe_ops __attribute__((unused)) = {
    .name = "slow probe",
    .state_size = sizeof(struct probe_state),
    .init = probe_init,
    .on_msg = probe_on_msg,
    .on_alarm = probe_on_alarm,
    .deadline = probe_deadline,
    .terminate = probe_terminate,
    .on_stop = probe_on_stop,
};

static inline struct th_server_spec probe_spec(struct th_place *place, const char *name,
                                               struct probe *probe)
{
    return (struct th_server_spec){.ops = &probe_ops, .arg = probe, .name = name, .place = place};
}

static inline th_pid probe_spawn(struct th_host *host, struct th_place *place, const char *name,
                                 struct probe *probe)
{
    struct th_server_spec spec = probe_spec(place, name, probe);
    th_pid pid = 0;

    assert_int_equal(th_spawn(host, &spec, &pid), TH_OK);
    return pid;
}

/* --- a stage: one host_sim with one place; run_hosts.h opens others --- */

enum { STAGE_PLACES = 3 };

struct stage {
    struct th_host *host;
    struct th_place *place;                /* the first of them */
    struct th_place *places[STAGE_PLACES]; /* servers are spread over them */
    unsigned place_count;
    unsigned spawned;
    uint64_t seed;
    bool has_threads;
    th_pid ushers[STAGE_PLACES];
};

static inline struct stage stage_open(uint64_t seed)
{
    struct stage stage = {.seed = seed, .place_count = 1};

    assert_int_equal(th_host_sim_new(&stage.host, seed), TH_OK);
    assert_int_equal(th_host_sim_place(stage.host, "all", &stage.places[0]), TH_OK);
    stage.place = stage.places[0];
    return stage;
}

/* Where the next server is to live. */
static inline struct th_place *stage_next_place(struct stage *stage)
{
    return stage->places[stage->spawned++ % stage->place_count];
}

static inline th_pid stage_spawn(struct stage *stage, struct probe *probe)
{
    return probe_spawn(stage->host, stage_next_place(stage), NULL, probe);
}

static inline bool stage_is_alive(struct stage *stage, th_pid pid)
{
    struct th_server_look rows[64];
    unsigned count = th_host_look(stage->host, rows, 64);

    for (unsigned i = 0; i < count && i < 64; i++)
        if (rows[i].pid == pid)
            return true;
    return false;
}

/* What can be seen of a server. */
static inline struct th_server_look stage_look(struct stage *stage, th_pid pid)
{
    struct th_server_look rows[64];
    unsigned count = th_host_look(stage->host, rows, 64);

    for (unsigned i = 0; i < count && i < 64; i++)
        if (rows[i].pid == pid)
            return rows[i];
    fail_msg("no such server");
    return rows[0];
}

/* --- messages: a body is a number in memory of its own, so that a leak or double free shows --- */

static const struct th_msg_kind probe_msg = {"probe.number", th_mem_free};

static inline struct th_msg probe_number(uint64_t number)
{
    struct th_msg msg = {.kind = &probe_msg, .body = th_mem_copy(&number, sizeof number)};

    assert_non_null(msg.body);
    return msg;
}

static inline uint64_t probe_number_of(const struct th_msg *msg)
{
    uint64_t number;

    memcpy(&number, msg->body, sizeof number);
    return number;
}

/* on_msg: answers calls with the number + 1. */
static inline enum th_err probe_answers(struct probe *probe, const struct th_self *self,
                                        struct th_msg *msg)
{
    (void)probe;
    if (msg->kind == &probe_msg && msg->ref)
        th_reply(self->host, th_from_of(msg), probe_number(probe_number_of(msg) + 1));
    return TH_OK;
}

/* on_reply: notes the outcome in the caller's probe. */
static inline enum th_err probe_on_reply(void *state, const struct th_self *self, void *ctx,
                                         enum th_err why, struct th_msg *reply)
{
    struct probe *probe = ((struct probe_state *)state)->probe;

    (void)self, (void)ctx;
    probe->replies++;
    probe->why = why;
    probe->answer = why == TH_OK && reply->body ? probe_number_of(reply) : 0;
    return TH_OK;
}

/* Calls probe->other with a number. */
static inline enum th_err probe_call(struct probe *probe, const struct th_self *self,
                                     uint64_t number)
{
    th_ms timeout_ms = probe->patience_ms ? probe->patience_ms : TH_CALL_MS_DEFAULT;

    return th_call(self, probe->other, probe_number(number), timeout_ms, probe_on_reply, NULL,
                   &probe->ref);
}

/* on_msg: passes what it gets on to probe->other as a call. */
static inline enum th_err probe_calls_on(struct probe *probe, const struct th_self *self,
                                         struct th_msg *msg)
{
    return msg->kind == &probe_msg ? probe_call(probe, self, probe_number_of(msg)) : TH_OK;
}

/* A caller that calls `callee` when it is sent a number. */
static inline th_pid stage_spawn_pair(struct stage *stage, struct probe *caller,
                                      struct probe *callee)
{
    caller->on_msg = probe_calls_on;
    caller->other = stage_spawn(stage, callee);
    return stage_spawn(stage, caller);
}

static inline void stage_tell(struct stage *stage, th_pid pid, uint64_t number)
{
    assert_int_equal(th_post(stage->host, pid, probe_number(number)), TH_OK);
}

#endif

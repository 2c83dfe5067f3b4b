#include "switch/run/supervisor.h"

#include "switch/base/mem.h"
#include "switch/run/host_core.h"
#include "switch/run/waiters.h"
#include "switch/run/watch.h"

#include <string.h>

enum {
    STOP_MS_DEFAULT = 2000,
    RESTARTS_MAX_DEFAULT = 5,
    PERIOD_MS_DEFAULT = 10000,
    WAITING_MAX = 64, /* calls of th_supervisor_ready_msg at once */
    RETRY_MS = 100    /* after a child could not be spawned, or found another gone */
};

const struct th_msg_kind th_supervisor_restart_msg = {"supervisor.restart", th_mem_free};
const struct th_msg_kind th_supervisor_ready_msg = {"supervisor.ready", NULL};

enum phase {
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_CLEARING,  /* a child has ended: those that share its fate are being stopped, */
    PHASE_RETURNING, /* and then started again */
    PHASE_STOPPING
};

enum kid_state {
    KID_ABSENT,   /* not started yet, ended for good, or left behind */
    KID_STARTING, /* spawned; its init has not succeeded yet */
    KID_RUNNING,
    KID_STOPPING /* asked to end */
};

struct kid {
    const struct th_child *child;
    enum kid_state state;
    th_pid pid;
    uint64_t monitor;
    uint64_t started_ref; /* the call that is answered once its init has succeeded */
    unsigned restarts;
    th_ms stop_by; /* TH_NEVER: no limit */
    th_ms spawned_at;
    th_ms retry_at;      /* ABSENT: when to spawn it again; TH_NEVER: not */
    bool is_due;         /* its turn to be started comes with those of the others */
    bool has_started;    /* its init has succeeded once */
    bool is_wanted_back; /* somebody asked for its restart: not counted */
    struct th_from asker;
};

struct supervisor {
    enum phase phase;
    enum th_strategy strategy;
    unsigned count;
    unsigned next;         /* STARTING, RETURNING: the child whose start is awaited */
    unsigned first;        /* CLEARING: this child and all after it are stopped */
    enum th_err why;       /* STOPPING: what to end with */
    th_ms *ends;           /* ring of restarts_max: when children ended */
    unsigned ends_count;   /* ever; the last restarts_max are in the ring */
    unsigned restarts_max; /* more than so many ends within period_ms: gives up */
    th_ms period_ms;
    struct th_waiters waiting; /* who asked whether all have started */
    struct kid *kids;          /* count of them */
};

static enum th_err kid_ended(struct supervisor *s, const struct th_self *self, struct kid *kid,
                             enum th_err why);

/* --- answers --- */

static void answer_restart(const struct th_self *self, struct th_from to, enum th_err why)
{
    struct th_msg msg = {.kind = &th_supervisor_restart_msg};

    if (why != TH_OK) {
        msg.body = th_mem_copy(&why, sizeof why);
        if (msg.body == NULL) {
            th_run_answer_error(self->host, to, TH_NO_MEMORY);
            return;
        }
    }
    th_reply(self->host, to, msg);
}

/* Answers who asked for this child's restart, if anybody did. */
static void answer_asker(const struct th_self *self, struct kid *kid, enum th_err why)
{
    struct th_from asker = kid->asker;

    kid->asker = (struct th_from){0};
    if (asker.ref)
        answer_restart(self, asker, why);
}

static void answer_waiting(struct supervisor *s, const struct th_self *self)
{
    for (unsigned i = 0; i < s->waiting.count; i++)
        th_reply(self->host, s->waiting.from[i], (struct th_msg){.kind = &th_supervisor_ready_msg});
    th_waiters_clear(&s->waiting);
}

/* --- stopping: newest first, one after the other --- */

static th_ms stop_limit(const struct kid *kid)
{
    if (kid->child->stop_ms)
        return kid->child->stop_ms;
    /* A supervisor needs as long as its children, each of which has a limit. */
    return kid->child->spec.ops == &th_supervisor_ops ? TH_NEVER : STOP_MS_DEFAULT;
}

static void stop_kid(const struct th_self *self, struct kid *kid)
{
    th_ms limit = stop_limit(kid);

    kid->state = KID_STOPPING;
    kid->stop_by = limit < TH_NEVER - self->now.mono ? self->now.mono + limit : TH_NEVER;
    th_stop(self->host, kid->pid, TH_SHUTDOWN);
}

static void stop_next(struct supervisor *s, const struct th_self *self)
{
    for (unsigned i = s->count; i-- > 0;)
        if (s->kids[i].state != KID_ABSENT) {
            stop_kid(self, &s->kids[i]);
            return;
        }
    th_run_stop_now(self->host, self->pid, s->why);
}

static enum th_err begin_stopping(struct supervisor *s, const struct th_self *self, enum th_err why)
{
    if (s->phase == PHASE_STOPPING)
        return TH_OK;
    s->phase = PHASE_STOPPING;
    s->why = why;
    for (unsigned i = 0; i < s->count; i++)
        answer_asker(self, &s->kids[i], TH_SHUTDOWN);
    stop_next(s, self);
    return TH_OK;
}

static bool is_failure(enum th_err why)
{
    return why != TH_OK && why != TH_SHUTDOWN;
}

static enum th_err give_up(struct supervisor *s, const struct th_self *self, const struct kid *kid,
                           enum th_err why)
{
    TH_LOG(self->log, ERROR, "supervisor", "gave up name=%s child=%s why=\"%s\"", self->name,
           kid->child->spec.name, th_strerror(why));
    return begin_stopping(s, self, is_failure(why) ? why : TH_LIMIT);
}

/* --- starting --- */

static enum th_err not_spawned(struct supervisor *s, const struct th_self *self, struct kid *kid,
                               enum th_err why);

static enum th_err on_started(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply);

/* Spawns, watches and asks to be told of the init, and only then lets it begin; all or nothing. A child
 * that ends before it is watched would be told as gone, and not why. */
static enum th_err spawn_kid(const struct th_self *self, struct kid *kid)
{
    struct th_msg started = {.kind = &th_run_started_msg};
    enum th_err err =
        th_run_spawn(self->host, &kid->child->spec, self->pid, kid->restarts, &kid->pid);

    if (err != TH_OK)
        return err;
    kid->state = KID_STARTING;
    err = th_monitor(self, kid->pid, &kid->monitor);
    if (err == TH_OK) {
        err = th_call(self, kid->pid, started, TH_NEVER, on_started, kid, &kid->started_ref);
        if (err != TH_OK)
            th_demonitor(self, kid->monitor);
    }
    if (err != TH_OK) {
        th_stop(self->host, kid->pid, TH_SHUTDOWN);
        kid->state = KID_ABSENT;
    }
    th_run_begin(self->host, kid->pid);
    return err;
}

static enum th_err start_kid(struct supervisor *s, const struct th_self *self, struct kid *kid)
{
    enum th_err err = spawn_kid(self, kid);

    kid->is_due = false;
    kid->spawned_at = self->now.mono;
    kid->retry_at = TH_NEVER;
    return err == TH_OK ? TH_OK : not_spawned(s, self, kid, err);
}

/* All who are to be started wait for this one. */
static bool is_awaited(const struct supervisor *s, const struct kid *kid)
{
    return (s->phase == PHASE_STARTING || s->phase == PHASE_RETURNING) && kid == &s->kids[s->next];
}

static enum th_err start_next(struct supervisor *s, const struct th_self *self)
{
    while (s->next < s->count && !s->kids[s->next].is_due)
        s->next++;
    if (s->next < s->count) {
        struct kid *kid = &s->kids[s->next];
        kid->restarts += s->phase == PHASE_RETURNING;
        return start_kid(s, self, kid);
    }
    s->phase = PHASE_RUNNING;
    TH_LOG(self->log, INFO, "supervisor", "ready name=%s children=%u", self->name, s->count);
    answer_waiting(s, self);
    return TH_OK;
}

static enum th_err on_started(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    struct supervisor *s = state;
    struct kid *kid = ctx;

    (void)reply;
    kid->started_ref = 0;
    if (why != TH_OK || kid->state != KID_STARTING)
        return TH_OK; /* its monitor tells more */
    kid->state = KID_RUNNING;
    kid->has_started = true;
    TH_LOG(self->log, INFO, "supervisor", "started name=%s child=%s restarts=%u", self->name,
           kid->child->spec.name, kid->restarts);
    answer_asker(self, kid, TH_OK);
    return is_awaited(s, kid) ? start_next(s, self) : TH_OK;
}

/* --- ends of children --- */

/* Counts one more end; true when there were too many within the period. */
static bool is_too_often(struct supervisor *s, th_ms now)
{
    th_ms *oldest = &s->ends[s->ends_count % s->restarts_max];
    bool is_full = s->ends_count >= s->restarts_max;
    bool is_so = is_full && now - *oldest < s->period_ms;

    *oldest = now;
    s->ends_count++;
    return is_so;
}

static bool is_to_restart(const struct kid *kid, enum th_err why)
{
    switch (kid->child->restart) {
    case TH_RESTART_ALWAYS:
        return true;
    case TH_RESTART_ON_ERROR:
        return is_failure(why);
    case TH_RESTART_NEVER:
        return false;
    }
    return false;
}

static enum th_err restart_kid(struct supervisor *s, const struct th_self *self, struct kid *kid)
{
    kid->restarts++;
    return start_kid(s, self, kid);
}

/* A child could not be spawned, for want of memory mostly. Trying again at once would find the same,
 * or the name still taken by what is being stopped. */
static enum th_err not_spawned(struct supervisor *s, const struct th_self *self, struct kid *kid,
                               enum th_err why)
{
    if (is_awaited(s, kid) && !kid->has_started && why != TH_SHUTDOWN)
        return kid_ended(s, self, kid, why);
    answer_asker(self, kid, why);
    if (why == TH_SHUTDOWN) /* the host closes, and will stop us too */
        return TH_OK;
    if (is_too_often(s, self->now.mono))
        return give_up(s, self, kid, why);
    TH_LOG(self->log, WARN, "supervisor", "cannot start name=%s child=%s why=\"%s\"", self->name,
           kid->child->spec.name, th_strerror(why));
    kid->retry_at = self->now.mono + RETRY_MS;
    return TH_OK;
}

/* Stops the newest of those who share the fate of the one that ended; after the last, starts them. */
static enum th_err clear_next(struct supervisor *s, const struct th_self *self)
{
    for (unsigned i = s->count; i-- > s->first;) {
        struct kid *kid = &s->kids[i];
        if (kid->state == KID_ABSENT)
            continue;
        if (kid->state != KID_STOPPING)
            stop_kid(self, kid);
        return TH_OK;
    }
    s->phase = PHASE_RETURNING;
    s->next = s->first;
    return start_next(s, self);
}

/* Whether one that is stopped with others is started again with them. Who had ended for good stays
 * so. */
static bool is_coming_back(const struct kid *kid)
{
    bool is_there = kid->state != KID_ABSENT || kid->retry_at != TH_NEVER;
    bool is_asked_for = kid->is_wanted_back || kid->asker.ref;

    return kid->is_due || is_asked_for || (is_there && kid->child->restart != TH_RESTART_NEVER);
}

/* Begins to stop and start all who share the fate of one. */
static enum th_err begin_clearing(struct supervisor *s, const struct th_self *self, struct kid *kid)
{
    s->first = s->strategy == TH_STRATEGY_ONE_FOR_ALL ? 0 : (unsigned)(kid - s->kids);
    s->phase = PHASE_CLEARING;
    kid->is_due = true;
    for (unsigned i = s->first; i < s->count; i++) {
        s->kids[i].is_due = is_coming_back(&s->kids[i]);
        s->kids[i].retry_at = TH_NEVER;
    }
    return clear_next(s, self);
}

/* A child has ended that is to be there. */
static enum th_err bring_back(struct supervisor *s, const struct th_self *self, struct kid *kid,
                              enum th_err why)
{
    if (is_too_often(s, self->now.mono))
        return give_up(s, self, kid, why);
    TH_LOG(self->log, WARN, "supervisor", "restarts name=%s child=%s why=\"%s\" restarts=%u",
           self->name, kid->child->spec.name, th_strerror(why), kid->restarts + 1);
    if (s->strategy != TH_STRATEGY_ONE_FOR_ONE)
        return begin_clearing(s, self, kid);
    if (why != TH_GONE || self->now.mono - kid->spawned_at >= RETRY_MS)
        return restart_kid(s, self, kid);
    kid->retry_at = self->now.mono + RETRY_MS; /* another that it needs is being started anew */
    return TH_OK;
}

/* A child has ended by itself, or could not be started at all. */
static enum th_err kid_failed(struct supervisor *s, const struct th_self *self, struct kid *kid,
                              enum th_err why)
{
    bool is_wanted = is_to_restart(kid, why);

    answer_asker(self, kid, why == TH_OK ? TH_GONE : why);
    if (is_awaited(s, kid) && !kid->has_started && (is_failure(why) || is_wanted))
        return give_up(s, self, kid, why); /* what does not come up at all is not tried again */
    if (is_wanted)
        return bring_back(s, self, kid, why);
    if (is_failure(why))
        TH_LOG(self->log, WARN, "supervisor", "failed name=%s child=%s why=\"%s\"", self->name,
               kid->child->spec.name, th_strerror(why));
    else
        TH_LOG(self->log, INFO, "supervisor", "ended name=%s child=%s why=\"%s\"", self->name,
               kid->child->spec.name, th_strerror(why));
    return is_awaited(s, kid) ? start_next(s, self) : TH_OK;
}

static enum th_err kid_ended(struct supervisor *s, const struct th_self *self, struct kid *kid,
                             enum th_err why)
{
    bool is_wanted_back = kid->is_wanted_back;

    kid->state = KID_ABSENT;
    kid->pid = 0;
    kid->is_wanted_back = false;
    th_cancel(self, kid->started_ref);
    if (s->phase == PHASE_STOPPING) {
        TH_LOG(self->log, INFO, "supervisor", "stopped name=%s child=%s", self->name,
               kid->child->spec.name);
        stop_next(s, self);
        return TH_OK;
    }
    if (s->phase == PHASE_CLEARING && kid >= &s->kids[s->first])
        return clear_next(s, self);
    return is_wanted_back ? restart_kid(s, self, kid) : kid_failed(s, self, kid, why);
}

static enum th_err on_down(struct supervisor *s, const struct th_self *self,
                           const struct th_down *down)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->kids[i].state != KID_ABSENT && s->kids[i].monitor == down->ref)
            return kid_ended(s, self, &s->kids[i], down->why);
    return TH_OK;
}

/* --- asked for --- */

static struct kid *find_kid(struct supervisor *s, const char *name)
{
    for (unsigned i = 0; name && i < s->count; i++)
        if (strcmp(s->kids[i].child->spec.name, name) == 0)
            return &s->kids[i];
    return NULL;
}

static enum th_err on_restart(struct supervisor *s, const struct th_self *self,
                              const struct th_msg *msg)
{
    struct kid *kid = find_kid(s, msg->body);
    enum th_err err = TH_OK;

    if (kid == NULL)
        err = TH_NOT_FOUND;
    else if (s->phase == PHASE_STOPPING)
        err = TH_SHUTDOWN;
    else if (s->phase != PHASE_RUNNING || kid->asker.ref)
        err = TH_AGAIN;
    if (err != TH_OK) {
        answer_restart(self, th_from_of(msg), err);
        return TH_OK;
    }

    kid->asker = th_from_of(msg);
    if (kid->state == KID_ABSENT)
        return restart_kid(s, self, kid);
    kid->is_wanted_back = true;
    stop_kid(self, kid);
    return TH_OK;
}

static void on_ready(struct supervisor *s, const struct th_self *self, const struct th_msg *msg)
{
    enum th_err err;

    if (s->phase == PHASE_RUNNING) {
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = &th_supervisor_ready_msg});
        return;
    }
    err = th_waiters_add(&s->waiting, th_from_of(msg), WAITING_MAX);
    if (err != TH_OK)
        th_run_answer_error(self->host, th_from_of(msg), err);
}

/* --- the server --- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct supervisor *s = state;
    const struct th_supervisor_spec *spec = arg;

    TH_CHECK(spec->count <= TH_CHILDREN_MAX);
    s->kids = th_mem_zalloc(spec->count + 1, sizeof *s->kids); /* of none, too */
    if (s->kids == NULL)
        return TH_NO_MEMORY;
    s->count = spec->count;
    s->strategy = spec->strategy;
    s->restarts_max = spec->restarts_max ? spec->restarts_max : RESTARTS_MAX_DEFAULT;
    s->period_ms = spec->period_ms ? spec->period_ms : PERIOD_MS_DEFAULT;
    for (unsigned i = 0; i < s->count; i++) {
        TH_CHECK(spec->children[i].spec.name != NULL);
        s->kids[i].child = &spec->children[i];
        s->kids[i].retry_at = TH_NEVER;
        s->kids[i].is_due = true;
    }
    s->ends = th_mem_zalloc(s->restarts_max, sizeof *s->ends);
    if (s->ends == NULL) {
        th_mem_free(s->kids);
        return TH_NO_MEMORY;
    }
    return start_next(s, self);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct supervisor *s = state;

    if (msg->kind == &th_down_msg)
        return on_down(s, self, msg->body);
    if (msg->kind == &th_supervisor_restart_msg)
        return on_restart(s, self, msg);
    if (msg->kind == &th_supervisor_ready_msg || msg->kind == &th_run_started_msg)
        on_ready(s, self, msg);
    return TH_OK;
}

static enum th_err on_stop(void *state, const struct th_self *self, enum th_err why)
{
    return begin_stopping(state, self, why);
}

static th_ms deadline(const void *state)
{
    const struct supervisor *s = state;
    th_ms next = TH_NEVER;

    for (unsigned i = 0; i < s->count; i++)
        if (s->kids[i].state == KID_STOPPING)
            next = th_sooner(next, s->kids[i].stop_by);
        else if (s->kids[i].state == KID_ABSENT && s->phase != PHASE_STOPPING)
            next = th_sooner(next, s->kids[i].retry_at);
    return next;
}

/* A child does not end in time. While others are stopped it is left behind; when it was only to be
 * restarted, it is so whenever it ends. */
static void overdue(struct supervisor *s, const struct th_self *self, struct kid *kid)
{
    TH_LOG(self->log, ERROR, "supervisor", "does not stop name=%s child=%s", self->name,
           kid->child->spec.name);
    kid->stop_by = TH_NEVER;
    answer_asker(self, kid, TH_TIMED_OUT);
    if (s->phase != PHASE_STOPPING)
        return;
    th_demonitor(self, kid->monitor);
    kid->state = KID_ABSENT;
    stop_next(s, self);
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct supervisor *s = state;
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < s->count && err == TH_OK; i++) {
        struct kid *kid = &s->kids[i];
        if (kid->state == KID_STOPPING && kid->stop_by <= self->now.mono)
            overdue(s, self, kid);
        else if (kid->state == KID_ABSENT && s->phase != PHASE_STOPPING &&
                 kid->retry_at <= self->now.mono)
            err = restart_kid(s, self, kid);
    }
    return err;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct supervisor *s = state;

    TH_LOG(self->log, INFO, "supervisor", "ended name=%s why=\"%s\"", self->name, th_strerror(why));
    th_mem_free(s->ends);
    th_mem_free(s->kids);
    th_waiters_clear(&s->waiting);
}

const struct th_server_ops th_supervisor_ops = {
    .name = "supervisor",
    .state_size = sizeof(struct supervisor),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
    .on_stop = on_stop,
};

/*
 * No telehash at all: on each node servers call, cast, monitor, subscribe, let go, die and are started
 * again, all at random. What can go wrong between servers is checked in every run (check_run.c); here
 * it happens a thousand times as often.
 */
#include "tools/sim/scenario.h"

#include "switch/base/mem.h"
#include "switch/run/event.h"
#include "switch/run/supervisor.h"
#include "tools/sim/check.h"

#include <stdio.h>

enum {
    WORKERS = 16,
    KEPT = 8, /* references and calls that a worker remembers */
    CHILDREN = WORKERS + 1,
    PAUSE_MS_MAX = 20, /* between two acts of a worker */
    CALL_MS_MAX = 30,
    DEATH_ONE_IN = 300,
    RESTARTS_MAX = 500,
    RESTARTS_MS = 1000,
    REST_MS = 1000,
    FAMILY_NAME = 8
};

static const char manager_name[] = TH_NODE_EVENTS;

/* What one node runs. */
struct family {
    char name[WORKERS][FAMILY_NAME];
    struct th_child child[CHILDREN];
    struct th_supervisor_spec supervisor;
};

static const struct th_msg_kind word_msg = {"servers.word", NULL};

/* --- a worker --------------------------------------------------------------------------------------- */

struct worker {
    struct th_world_node *node;
    struct th_rng rng;
    th_ms next_at;
    uint64_t ref[KEPT];         /* calls and monitors, some of them over */
    struct th_from asked[KEPT]; /* calls that are answered later, or never */
};

static bool happens(struct worker *worker, unsigned one_in)
{
    return th_rng_below(&worker->rng, one_in) == 0;
}

static th_pid somebody(struct worker *worker, const struct th_self *self)
{
    char name[FAMILY_NAME];

    snprintf(name, sizeof name, "w%u", (unsigned)th_rng_below(&worker->rng, WORKERS));
    return th_whereis(self->host, self->scope, name);
}

static uint64_t *any_ref(struct worker *worker)
{
    return &worker->ref[th_rng_below(&worker->rng, KEPT)];
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    (void)self, (void)ctx, (void)why, (void)reply;
    return happens(state, 4 * DEATH_ONE_IN) ? TH_IO : TH_OK;
}

static enum th_err call_somebody(struct worker *worker, const struct th_self *self)
{
    th_pid to = somebody(worker, self);
    th_ms for_ms = th_rng_between(&worker->rng, 1, CALL_MS_MAX);

    return th_call(self, to, (struct th_msg){.kind = &word_msg}, for_ms, on_reply, NULL,
                   any_ref(worker));
}

/* A kind of event that is none of the switch's. */
static uint64_t any_kind(struct worker *worker)
{
    return UINT64_C(1) << (40 + th_rng_below(&worker->rng, 4));
}

static enum th_err subscribe(struct worker *worker, const struct th_self *self)
{
    const struct th_interest interest = {.kinds = any_kind(worker)};

    return th_subscribe(self, th_whereis(self->host, self->scope, manager_name), interest, on_reply,
                        NULL);
}

static void announce(struct worker *worker, const struct th_self *self)
{
    uint64_t kind = any_kind(worker);
    struct th_event *event = th_event_new(kind, 0, happens(worker, 2), NULL, NULL);

    TH_CHECK(event != NULL);
    th_notify(self->host, th_whereis(self->host, self->scope, manager_name), event);
}

static void answer_one(struct worker *worker, const struct th_self *self)
{
    struct th_from *asked = &worker->asked[th_rng_below(&worker->rng, KEPT)];

    th_reply(self->host, *asked, (struct th_msg){.kind = &word_msg});
    *asked = (struct th_from){0};
}

static enum th_err act(struct worker *worker, const struct th_self *self)
{
    switch (th_rng_below(&worker->rng, 9)) {
    case 0:
    case 1:
        return call_somebody(worker, self);
    case 2:
        return th_monitor(self, somebody(worker, self), any_ref(worker));
    case 3:
        th_demonitor(self, *any_ref(worker));
        break;
    case 4:
        th_cancel(self, *any_ref(worker));
        break;
    case 5:
        return subscribe(worker, self);
    case 6:
        announce(worker, self);
        break;
    case 7:
        answer_one(worker, self);
        break;
    case 8:
        th_unsubscribe(self, th_whereis(self->host, self->scope, manager_name));
        break;
    }
    return happens(worker, DEATH_ONE_IN) ? TH_IO : TH_OK;
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct worker *worker = state;

    worker->node = arg;
    th_rng_fork(&worker->node->world->rng, &worker->rng);
    worker->next_at = self->now.mono + th_rng_between(&worker->rng, 1, PAUSE_MS_MAX);
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct worker *worker = state;

    if (msg->kind == &word_msg && msg->ref) {
        answer_one(worker, self);
        worker->asked[th_rng_below(&worker->rng, KEPT)] = th_from_of(msg);
    } else if (happens(worker, 8)) {
        return act(worker, self);
    }
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct worker *worker = state;

    worker->next_at = self->now.mono + th_rng_between(&worker->rng, 1, PAUSE_MS_MAX);
    return act(worker, self);
}

static th_ms deadline(const void *state)
{
    return ((const struct worker *)state)->next_at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    th_rng_clear(&((struct worker *)state)->rng);
}

static const struct th_server_ops worker_ops = {.name = "worker",
                                                .state_size = sizeof(struct worker),
                                                .init = init,
                                                .on_msg = on_msg,
                                                .on_alarm = on_alarm,
                                                .deadline = deadline,
                                                .terminate = terminate};

/* --- a node ----------------------------------------------------------------------------------------- */

static void plan_family(struct family *family, struct th_world_node *node)
{
    family->child[0] = (struct th_child){.spec = {.ops = &th_event_manager_ops,
                                                  .name = manager_name,
                                                  .scope = TH_WORLD_SCOPE,
                                                  .place = node->rest_place}};
    for (unsigned i = 0; i < WORKERS; i++) {
        snprintf(family->name[i], sizeof family->name[i], "w%u", i);
        family->child[i + 1] =
            (struct th_child){.spec = {.ops = &worker_ops,
                                       .arg = node,
                                       .name = family->name[i],
                                       .scope = TH_WORLD_SCOPE,
                                       .place = i % 2 ? node->rest_place : node->switch_place}};
    }
    family->supervisor = (struct th_supervisor_spec){.children = family->child,
                                                     .count = CHILDREN,
                                                     .restarts_max = RESTARTS_MAX,
                                                     .period_ms = RESTARTS_MS};
}

/* In the moment in which its node starts, so that it runs with the rest. */
static void start_family(struct family *family, struct th_world_node *node)
{
    struct th_server_spec spec = {
        .ops = &th_supervisor_ops, .arg = &family->supervisor, .scope = TH_WORLD_SCOPE};
    th_pid pid;

    node->is_bare = true;
    th_world_start(node);
    plan_family(family, node);
    spec.place = node->rest_place;
    TH_CHECK(th_spawn(node->host, &spec, &pid) == TH_OK);
}

static void servers(struct th_sim *sim)
{
    unsigned count = sim->plan.nodes;
    struct family *families = th_check_alloc(count, sizeof *families);

    for (unsigned i = 0; i < count; i++)
        start_family(&families[i], th_world_add(&sim->world, NULL));
    th_sim_run_to(sim, sim->length);
    th_sim_rest(sim, REST_MS);
    for (unsigned i = 0; i < count; i++)
        th_world_kill(sim->world.node[i]);
    th_mem_free(families);
}

extern const struct th_scenario th_scenario_servers;
const struct th_scenario th_scenario_servers = {
    .name = "servers",
    .about = "servers of every node call, watch, subscribe and die at random; no telehash",
    .nodes = 4,
    .nodes_min = 1,
    .length = 20 * TH_SIM_SECOND,
    .run = servers,
};

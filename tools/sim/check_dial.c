/* Dials: each is told once (as every call is: check_run.c), in its time, and of its own target; the paths
 * of a second try have no node in common; and when none goes on, their server has no timer. */
#include "tools/sim/check.h"

#include "dialer/dial.h"
#include "switch/base/hash.h"
#include "switch/events.h"

#include <inttypes.h>

#define CHECK "dial"

enum { MARGIN_MS = 2000 };

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "books of dials"; /* nobody attacks it */

/* A dial that a dialer has begun. */
struct dial {
    struct dial_key {
        uint64_t node;
        th_pid asker;
        uint64_t ref;
    } key;
    struct th_hashname target;
    th_ms began_at, for_ms;
    UT_hash_handle hh;
};

/* A node's dialer. */
struct dialer {
    th_pid pid;        /* 0: there is none */
    const void *state; /* borrowed until it ends */
    th_ms busy_until;  /* its last dial has ended by then, one of its own too */
};

struct dials {
    struct th_sim *sim;
    struct th_check_books dialers;
    struct dial *running;
};

static struct dial *find(struct dials *dials, const struct dial_key *key)
{
    struct dial *dial;

    HASH_FIND_BYHASHVALUE(hh, dials->running, key, sizeof *key, th_hash(secret, key, sizeof *key),
                          dial);
    return dial;
}

static void forget(struct dials *dials, struct dial *dial)
{
    HASH_DEL(dials->running, dial);
    th_mem_free(dial);
}

static void note_begun(struct dials *dials, const struct dial_key *key, const struct th_dial *asked,
                       th_ms now)
{
    struct dial *dial = th_check_alloc(1, sizeof *dial);
    unsigned hash = th_hash(secret, key, sizeof *key);

    *dial = (struct dial){.key = *key,
                          .target = asked->target,
                          .began_at = now,
                          .for_ms = asked->timeout_ms ? asked->timeout_ms : TH_DIAL_MS_DEFAULT};
    HASH_ADD_BYHASHVALUE(hh, dials->running, key, sizeof dial->key, hash, dial);
    TH_CHECK(dial->hh.tbl != NULL);
}

/* Steps are told path by path, so what comes later is of the same path or another. */
static void check_paths(struct dials *dials, const struct th_world_node *node,
                        const struct th_dialed *dialed)
{
    for (unsigned i = 0; i < dialed->step_count; i++) {
        const struct th_dial_step *step = &dialed->step[i];
        bool is_alone = true;
        unsigned other = i;

        while (step->path > 0 && is_alone && ++other < dialed->step_count)
            is_alone = dialed->step[other].path == step->path ||
                       !th_hashname_is_equal(&dialed->step[other].asked, &step->asked);
        if (step->path > 0 && !th_check_holds(dials->sim, is_alone))
            th_check_fail(
                dials->sim, node, CHECK, "a dial of %.16s asked %.16s on path %u and on path %u",
                th_hashname_short(&dialed->target).hex, th_hashname_short(&step->asked).hex,
                step->path, dialed->step[other].path);
    }
}

static void check_outcome(struct dials *dials, const struct th_world_node *node,
                          const struct dial *dial, const struct th_dialed *dialed, th_ms now)
{
    th_ms awake_at = th_check_awake_since(node);
    th_ms took = now - (dial->began_at > awake_at ? dial->began_at : awake_at);
    th_ms limit = dial->for_ms + MARGIN_MS + 2 * th_check_patience(dials->sim);

    if (!th_check_holds(dials->sim, th_hashname_is_equal(&dialed->target, &dial->target)))
        th_check_fail(dials->sim, node, CHECK,
                      "a dial of %.16s was told the outcome of one of %.16s",
                      th_hashname_short(&dial->target).hex, th_hashname_short(&dialed->target).hex);
    if (!th_check_holds(dials->sim, took <= limit))
        th_check_fail(dials->sim, node, CHECK,
                      "a dial was told after %" PRIu64 " ms, %" PRIu64 " were expected at most",
                      took, limit);
    check_paths(dials, node, dialed);
}

static struct dialer *dialer_of(struct dials *dials, const struct th_world_node *node)
{
    return th_check_book(&dials->dialers, node->index, sizeof(struct dialer));
}

/* How long the dial takes that this message begins; 0: it begins none. A line that falls silent makes the
 * dialer begin one by itself. */
static th_ms dial_begun_by(const struct th_msg *msg)
{
    if (msg->kind == &th_dialer_msg_dial) {
        const struct th_dial *dial = msg->body;
        return dial->timeout_ms ? dial->timeout_ms : TH_DIAL_MS_DEFAULT;
    }
    if (msg->kind == &th_event_msg && th_event_of(msg)->kind == TH_EV_LINE_SILENT)
        return TH_DIAL_RENEWAL_MS;
    return 0;
}

static void note_dialer(struct dials *dials, const struct th_world_node *node,
                        const struct th_host_sim_given *given)
{
    struct dialer *dialer = dialer_of(dials, node);
    th_ms for_ms = given->msg && given->msg->body ? dial_begun_by(given->msg) : 0;
    th_ms until = given->now.mono + for_ms + MARGIN_MS + th_check_patience(dials->sim);

    dialer->pid = given->to;
    dialer->state = given->state;
    if (for_ms > 0 && until > dialer->busy_until)
        dialer->busy_until = until;
}

static void on_given(void *data, struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct dials *dials = data;
    const struct th_msg *msg = given->msg;
    struct dial *dial;

    if (!th_check_is_watched(node))
        return;
    if (given->ops == &th_dialer_ops)
        note_dialer(dials, node, given);
    if (given->sort == TH_TRACE_CALL && msg->kind == &th_dialer_msg_dial) {
        note_begun(dials, &(struct dial_key){node->index, msg->from, msg->ref}, msg->body,
                   given->now.mono);
    } else if (given->sort == TH_TRACE_REPLY) {
        dial = find(dials, &(struct dial_key){node->index, given->to, msg->ref});
        if (dial && msg->kind == &th_dialer_msg_dialed && msg->body)
            check_outcome(dials, node, dial, msg->body, given->now.mono);
        if (dial)
            forget(dials, dial);
    }
}

static void forget_of(struct dials *dials, uint64_t node, th_pid asker, uint64_t ref)
{
    struct dial *dial, *next;

    HASH_ITER (hh, dials->running, dial, next)
        if (dial->key.node == node && (asker == 0 || dial->key.asker == asker) &&
            (ref == 0 || dial->key.ref == ref))
            forget(dials, dial);
}

static void on_wish(void *data, struct th_world_node *node, const struct th_host_sim_wish *wish)
{
    struct dials *dials = data;
    struct dial *dial;

    if (!th_check_is_watched(node))
        return;
    struct dialer *dialer = dialer_of(dials, node);
    if (wish->kind == TH_WISH_NOTHING) {
        forget_of(dials, node->index, wish->owner, 0);
        if (dialer->pid == wish->owner)
            *dialer = (struct dialer){0};
    } else if (wish->kind == TH_WISH_NO_CALL) {
        dial = find(dials, &(struct dial_key){node->index, wish->owner, wish->ref});
        if (dial)
            forget(dials, dial);
    }
}

static void on_down(void *data, struct th_world_node *node)
{
    if (!th_check_is_watched(node))
        return;
    forget_of(data, node->index, 0, 0);
    *dialer_of(data, node) = (struct dialer){0};
}

static void at_rest(void *data)
{
    struct dials *dials = data;
    const struct th_world *world = &dials->sim->world;

    for (unsigned i = 0; i < world->count && th_check_is_watched(world->node[i]); i++) {
        const struct th_world_node *node = world->node[i];
        const struct dialer *dialer = dialer_of(dials, node);
        if (!th_check_is_running(node) || dialer->pid == 0 ||
            th_host_now(node->host).mono <= dialer->busy_until)
            continue;
        th_ms due = th_dialer_ops.deadline(dialer->state);
        if (!th_check_holds(dials->sim, due == TH_NEVER))
            th_check_fail(dials->sim, node, CHECK,
                          "no dial goes on, and yet something is due at %" PRIu64 " (it is %" PRIu64
                          ")",
                          due, th_host_now(node->host).mono);
    }
}

static void *begin(struct th_sim *sim)
{
    struct dials *dials = th_check_alloc(1, sizeof *dials);

    dials->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = dials,
                                                         .on_given = on_given,
                                                         .on_wish = on_wish,
                                                         .on_down = on_down});
    return dials;
}

static void end(void *data)
{
    struct dials *dials = data;
    struct dial *dial, *next;

    HASH_ITER (hh, dials->running, dial, next)
        forget(dials, dial);
    th_check_books_clear(&dials->dialers);
    th_mem_free(dials);
}

const struct th_checker th_check_dial = {
    .name = CHECK, .begin = begin, .at_rest = at_rest, .end = end};

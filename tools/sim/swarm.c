#include "tools/sim/swarm.h"

#include "switch/base/mem.h"
#include "tools/sim/sim.h"
#include "tools/sim/swarm_child.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    POLL_MS = 200,
    TELL_MS = 30000,
    SHRINK_RUNS_MAX = 80,
    SHRINK_MS = 300000, /* of wall time, for one failure */
    KINDS_MAX = 32 /* kinds of failures that are told apart; what comes later is only counted */
};

struct swarm {
    const struct th_swarm_options *options;
    uint64_t began_ms, told_ms;
    uint64_t next, runs, failed;
    struct th_swarm_child child[TH_SWARM_JOBS_MAX];
    unsigned kind_count;
    char kind[KINDS_MAX][TH_SWARM_SIGN_MAX]; /* scenario and what failed, of those told in full */
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

/* --- smaller ---------------------------------------------------------------------------------------- */

struct shrinking {
    struct th_swarm_child best; /* the smallest that fails in the same way */
    unsigned runs;
    uint64_t until_ms, run_ms;
};

/* Runs a smaller plan; true, and it is the best, when it fails as the best did. */
static bool try(struct shrinking *shrinking, const struct th_sim_plan *plan)
{
    struct th_swarm_child child;

    if (is_stopped || shrinking->runs >= SHRINK_RUNS_MAX ||
        th_swarm_wall_ms() >= shrinking->until_ms)
        return false;
    shrinking->runs++;
    th_swarm_child_start(&child, plan, shrinking->run_ms);
    while (!th_swarm_child_is_over(&child))
        th_swarm_child_wait(&child, 1, POLL_MS);
    if (!child.has_failed || strcmp(child.sign, shrinking->best.sign) != 0)
        return false;
    shrinking->best = child;
    return true;
}

static bool try_fewer_nodes(struct shrinking *shrinking)
{
    const struct th_sim_plan *best = &shrinking->best.plan;
    unsigned min = best->scenario->nodes_min, over = best->nodes - min;
    struct th_sim_plan plan = *best;

    for (unsigned cut = over; cut > 0; cut /= 2) {
        plan.nodes = best->nodes - cut;
        if (plan.faults.seeds <= plan.nodes && try(shrinking, &plan))
            return true;
    }
    return false;
}

static bool try_fewer_faults(struct shrinking *shrinking)
{
    bool is_smaller = false;

    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++) {
        struct th_sim_plan plan = shrinking->best.plan;
        uint32_t *value = th_fault_of(&plan.faults, kind);
        if (*value == kind->usual || value == &plan.faults.lookups ||
            value == &plan.faults.length || value == &plan.faults.rest)
            continue;
        *value = kind->usual;
        is_smaller = try(shrinking, &plan) || is_smaller;
    }
    return is_smaller;
}

static bool try_shorter(struct shrinking *shrinking)
{
    struct th_sim_plan plan = shrinking->best.plan;
    th_ms length = plan.faults.length ? plan.faults.length : plan.scenario->length;

    plan.faults.length = (uint32_t)(length / 2);
    return length > TH_SIM_MINUTE && try(shrinking, &plan);
}

/* One after the other, as long as any helps. */
static void make_smaller(struct shrinking *shrinking)
{
    bool is_smaller = true;

    while (is_smaller) {
        is_smaller = try_fewer_faults(shrinking);
        is_smaller = try_fewer_nodes(shrinking) || is_smaller;
        is_smaller = try_shorter(shrinking) || is_smaller;
    }
}

/* --- telling ---------------------------------------------------------------------------------------- */

static void tell_failure(const struct th_swarm_child *child, const char *how)
{
    char token[TH_SIM_TOKEN_MAX];

    th_sim_token_write(&child->plan, token);
    printf("%s: thsim replay %s\n%s\n", how, token, child->said);
    fflush(stdout);
}

/* True for the first failure of its kind. */
static bool is_new(struct swarm *swarm, const struct th_swarm_child *child)
{
    char kind[TH_SWARM_SIGN_MAX];

    snprintf(kind, sizeof kind, "%s %.40s", child->plan.scenario->name, child->sign);
    for (unsigned i = 0; i < swarm->kind_count; i++)
        if (strcmp(swarm->kind[i], kind) == 0)
            return false;
    if (swarm->kind_count == KINDS_MAX)
        return false;
    memcpy(swarm->kind[swarm->kind_count++], kind, sizeof kind);
    return true;
}

static void on_failure(struct swarm *swarm, const struct th_swarm_child *child)
{
    struct shrinking shrinking = {.best = *child,
                                  .until_ms = th_swarm_wall_ms() + SHRINK_MS,
                                  .run_ms = swarm->options->run_ms};
    char token[TH_SIM_TOKEN_MAX];

    swarm->failed++;
    th_sim_token_write(&child->plan, token);
    printf("failed (%s): thsim replay %s\n", child->sign, token);
    fflush(stdout);
    if (!is_new(swarm, child))
        return;
    if (swarm->options->is_shrinking)
        make_smaller(&shrinking);
    tell_failure(&shrinking.best, "smallest");
}

static void tell_progress(struct swarm *swarm)
{
    uint64_t now_ms = th_swarm_wall_ms();

    if (now_ms - swarm->told_ms < TELL_MS)
        return;
    swarm->told_ms = now_ms;
    printf("%" PRIu64 " s: %" PRIu64 " runs, %" PRIu64 " failed\n",
           (now_ms - swarm->began_ms) / 1000, swarm->runs, swarm->failed);
    fflush(stdout);
}

/* --- the swarm -------------------------------------------------------------------------------------- */

static bool has_time(const struct swarm *swarm)
{
    const struct th_swarm_options *options = swarm->options;

    if (is_stopped || (options->runs_max && swarm->next - options->first >= options->runs_max))
        return false;
    return options->wall_ms == 0 || th_swarm_wall_ms() - swarm->began_ms < options->wall_ms;
}

/* Starts what has room and time. Returns how many run. */
static unsigned start_runs(struct swarm *swarm)
{
    unsigned running = 0;

    for (unsigned i = 0; i < swarm->options->jobs; i++) {
        struct th_swarm_child *child = &swarm->child[i];
        if (child->pid == 0 && has_time(swarm)) {
            struct th_sim_plan plan;
            th_swarm_draw(&plan, swarm->options, swarm->next++);
            th_swarm_child_start(child, &plan, swarm->options->run_ms);
        }
        running += child->pid != 0;
    }
    return running;
}

static void end_runs(struct swarm *swarm)
{
    for (unsigned i = 0; i < swarm->options->jobs; i++) {
        struct th_swarm_child *child = &swarm->child[i];
        if (child->pid == 0 || !th_swarm_child_is_over(child))
            continue;
        swarm->runs++;
        if (child->has_failed)
            on_failure(swarm, child);
        child->pid = 0;
    }
}

uint64_t th_swarm_run(const struct th_swarm_options *options)
{
    struct swarm *swarm = th_mem_zalloc(1, sizeof *swarm);
    struct sigaction action = {.sa_handler = on_signal};

    TH_CHECK(swarm != NULL && options->jobs > 0 && options->jobs <= TH_SWARM_JOBS_MAX);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    swarm->options = options;
    swarm->next = options->first;
    swarm->began_ms = swarm->told_ms = th_swarm_wall_ms();
    while (start_runs(swarm) > 0) {
        th_swarm_child_wait(swarm->child, options->jobs, POLL_MS);
        end_runs(swarm);
        tell_progress(swarm);
    }
    uint64_t failed = swarm->failed;
    printf("%" PRIu64 " runs from number %" PRIu64 " on, %" PRIu64 " failed; seed %" PRIu64
           ", commit %s\n",
           swarm->runs, options->first, failed, options->rng_seed, th_sim_commit());
    th_mem_free(swarm);
    return failed;
}

/*
 * scenario.h - what happens in a run: a short C function over a world, and what it reads best with.
 *
 *     static void cold(struct th_sim *sim)
 *     {
 *         th_sim_add_nodes(sim);
 *         th_sim_start_all(sim, 0);
 *         th_sim_wait_ready(sim, 5 * TH_SIM_MINUTE);
 *         th_sim_run_to(sim, sim->length);
 *         th_sim_look_up(sim);
 *     }
 *
 * Its world (sim->world, world.h) is there for all else. Draw from sim->world.rng and from nothing else.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_SCENARIO_H
#define TH_SIM_SCENARIO_H

#include "tools/sim/lookups.h"
#include "tools/sim/mesh.h"
#include "tools/sim/tally.h"
#include "tools/sim/world.h"

#define TH_SIM_SECOND ((th_ms)1000)
#define TH_SIM_MINUTE (60 * TH_SIM_SECOND)

enum {
    TH_SIM_FAILURES_MAX = 16,
    TH_SIM_FAILURE_TEXT = 240,
    TH_SIM_FIGURES_MAX = 24,
    TH_SIM_NODES_MAX = 1000000
};

struct th_sim;

struct th_scenario {
    const char *name;
    const char *about;  /* one line, for `thsim list` */
    unsigned nodes;     /* when nothing else is asked for */
    unsigned nodes_min; /* fewer make no sense */
    th_ms length;
    void (*run)(struct th_sim *sim);
};

/* All there are, in the order of `thsim list`; ends with NULL. A new one is added in scenario.c. */
extern const struct th_scenario *const th_scenarios[];

/* NULL when there is none of that name. */
const struct th_scenario *th_scenario_find(const char *name);

/* All that makes a run the run it is: what a replay token says. */
struct th_checks;

struct th_sim_plan {
    const struct th_scenario *scenario;
    unsigned nodes;
    uint64_t rng_seed;
    struct th_faults faults;
    /* Without the checkers (check.h), and without the tally (tally.h): only to show that the run is the
     * same. */
    bool is_unchecked, is_untallied;
};

/* Something measured, in the unit that its name ends with, and what it is meant to be. */
struct th_sim_figure {
    const char *name;
    double value;
    double goal; /* TH_SIM_NO_GOAL: none is set */
};
#define TH_SIM_NO_GOAL (-1.0)

/* How the end of a run went (th_sim_rest): what its last look at the tables saw. */
struct th_sim_rest {
    th_ms took_ms;
    unsigned nodes;   /* looked at; 0: rule 1 was not checked */
    unsigned links;   /* that they must have */
    unsigned lacking; /* of these are not there */
    unsigned may_lack;
};

/* What nodes dropped for one reason, of those that are watched (check.h). */
struct th_sim_drop {
    uint64_t count;
    unsigned nodes; /* that did */
    uint64_t most;  /* of one node */
    uint32_t at;    /* the index of that one */
};

struct th_sim_failure {
    char check[32];
    char text[TH_SIM_FAILURE_TEXT];
};

struct th_sim {
    struct th_sim_plan plan;
    th_ms length; /* of this run */
    struct th_world world;
    struct th_sim_mesh mesh;
    struct th_seeds seeds; /* entries of the first nodes, which the others know */
    uint8_t *mark; /* of each node of the plan, by its index: the scenario's own, 0 at first */
    struct th_sim_lookups lookups;
    struct th_sim_tally tally;
    th_ms all_ready_at; /* 0: not yet */

    struct th_checks *checking; /* NULL: nobody checks */
    bool has_rested;            /* what must hold at rest was checked */
    struct th_sim_rest rest;
    struct th_sim_drop drop[TH_DROP_COUNT]; /* by enum th_drop */
    uint64_t checks;                        /* that were made */
    unsigned failure_count;
    struct th_sim_failure failure[TH_SIM_FAILURES_MAX]; /* the first of them */
    unsigned figure_count;
    struct th_sim_figure figure[TH_SIM_FIGURES_MAX];
    bool is_quiet;              /* no progress on stderr */
    uint64_t began_us, told_us; /* wall time */
    uint64_t told_turns;
};

/* --- for scenarios --- */

/* Adds one node. The first plan.faults.seeds are known to all from the beginning. port: NULL as the
 * faults say. */
struct th_world_node *th_sim_add_node(struct th_sim *sim, const struct th_sim_port_options *port);

/* Adds plan.nodes nodes; the first plan.faults.seeds, which are behind no NAT, know each other, the
 * others know them. */
void th_sim_add_nodes(struct th_sim *sim);

/* Starts all that are down, at moments drawn from the next `within` ms; the seeds at once. */
void th_sim_start_all(struct th_sim *sim, th_ms within);

/* Runs until every node that is up is ready: the check "ready", which fails at `limit`. */
void th_sim_wait_ready(struct th_sim *sim, th_ms limit);

/* Runs to a moment of virtual time; says on stderr now and then how far it is. */
void th_sim_run_to(struct th_sim *sim, th_ms until);

/* Makes the lookups of the plan, into sim->lookups (th_sim_hunt): one each 10 ms, and of more than 10,000 nodes
 * the sooner the more there are, so that each node makes as many. */
void th_sim_look_up(struct th_sim *sim);

/* Mends the network for good, lets so much time pass in which nothing fails, and as much more, up to
 * the plan's faults.rest, as tables need to fill; then checks what must hold at rest (check.h). With a
 * faults.rest of 0 nothing passes, and only what must hold at any time is checked. Done at the end of
 * each run, unless its scenario has done so. */
void th_sim_rest(struct th_sim *sim, th_ms for_ms);

/*
 * Notes what is done to the run now, for the pictures of `thsim report`: "30 of 100 nodes are killed".
 * for_ms  how long it goes on; 0: it is done at once.
 */
void th_sim_note(struct th_sim *sim, th_ms for_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- for checkers and scenarios --- */

/* Notes that something was checked, and, when it does not hold, that the run has failed, with what
 * was found and the virtual time; name: at most 31 letters. Returns is_so. */
bool th_sim_check(struct th_sim *sim, bool is_so, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What is allocated now, by all nodes and by the simulator itself; 0 under a sanitizer, which keeps
 * books of its own. Bytes. */
uint64_t th_sim_heap_bytes(void);

/*
 * Adds a figure to the result.
 * name  kept, not copied; its end is the unit (_percent, _ms). Of found_percent and reached_percent the
 *       goal is the least that is wanted, of all others the most.
 */
void th_sim_figure(struct th_sim *sim, const char *name, double value, double goal);

#endif

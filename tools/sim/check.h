/*
 * check.h - what must hold in every run, whatever its scenario does: checked while it happens.
 *
 * Each checker is a file of its own and watches the world by hooks (world.h): it looks and keeps books,
 * draws nothing from the world's randomness and sends nothing, so that a run is the same with and
 * without it. A check that fails names the node, what was found and what was expected
 * (th_sim_check); the run goes on.
 *
 * Three moments: at every turn and datagram, by hooks; every few seconds for each node, between two
 * steps of the world, when books must balance; and at rest, once nothing has failed for a while.
 *
 * Floor:  7 (sim).
 * Thread: one.
 * Limits: TH_CHECK_NODES_MAX nodes are watched by those checkers that keep a book for each, the seeds among
 *         them; of larger runs all else is checked for all nodes.
 */
#ifndef TH_SIM_CHECK_H
#define TH_SIM_CHECK_H

#include "tools/sim/scenario.h"

enum {
    TH_CHECK_NODES_MAX = 1024,
    TH_CHECK_EVERY_MS = 10000 /* between two looks at a node's books */
};

struct th_checks;

/* Begins all checkers; before the first node is started. */
struct th_checks *th_checks_new(struct th_sim *sim);

/* Checks what must hold at rest; th_sim_rest (scenario.h) calls it. */
void th_checks_at_rest(struct th_checks *checks);

/* Of how many nodes books are kept. */
unsigned th_checks_watched(const struct th_sim *sim);

void th_checks_free(struct th_checks *checks);

/* --- for checkers --- */

/* What a checker does beside its hooks; functions may be NULL. */
struct th_checker {
    const char *name; /* of its checks, as failures show it */
    void *(*begin)(
        struct th_sim *sim); /* watches the world; what it returns is given to the others */
    void (*look)(void *data, struct th_world_node *node); /* between steps, at a node that is up */
    bool (*is_at_rest)(void *data); /* nothing that it knows of is still under way */
    void (*at_rest)(void *data);
    void (*end)(void *data);
};

extern const struct th_checker th_check_run;  /* calls, monitors, events, mail: for whom they are */
extern const struct th_checker th_check_dial; /* dials */
extern const struct th_checker th_check_channel; /* ids of channels */
extern const struct th_checker th_check_table;   /* rules 2-7 */
extern const struct th_checker th_check_wire;    /* what leaves */
extern const struct th_checker th_check_drops;   /* what honest nodes drop of each other */
extern const struct th_checker th_check_rest;    /* rule 1, timers, memory: at rest only */

/* What runs in the nodes; of a run that is checked. */
struct th_machines;
const struct th_machines *th_checks_machines(const struct th_sim *sim);

/* Counts a check. Returns is_so: on false call th_check_fail. */
static inline bool th_check_holds(struct th_sim *sim, bool is_so)
{
    sim->checks += is_so;
    return is_so;
}

/* The check failed at a node: what was found, and what was expected. */
void th_check_fail(struct th_sim *sim, const struct th_world_node *node, const char *name,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As long as a server may be kept from running by the faults of this run. */
th_ms th_check_patience(const struct th_sim *sim);

/* When the node was last kept from running (th_world_stop) until, by its own clock; 0 never since it was
 * started. What was due before is done then, and not late. */
th_ms th_check_awake_since(const struct th_world_node *node);

/* True for a node of which books are kept. */
static inline bool th_check_is_watched(const struct th_world_node *node)
{
    return node->index < TH_CHECK_NODES_MAX;
}

/* True for a node that has a host and takes turns. */
static inline bool th_check_is_running(const struct th_world_node *node)
{
    return node->state == TH_WORLD_UP;
}

/* Memory that is there; a simulation without memory has nothing to say. */
void *th_check_alloc(size_t n, size_t size);
void *th_check_resize(void *memory, size_t n, size_t size);

/* What a checker keeps for each node, by its index: zeroed at first. Embed by value. */
struct th_check_books {
    void **of;
    unsigned room;
};

/* The book of a node, made of `size` bytes when there is none. */
void *th_check_book(struct th_check_books *books, uint32_t index, size_t size);

void th_check_books_clear(struct th_check_books *books); /* frees them all */

#endif

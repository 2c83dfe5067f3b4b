/*
 * search.h - a lookup, and after a miss another try over paths that have no node in common.
 *
 *     th_search_init(&search, &config, now);
 *     th_search_add(&search, &peer);                    // each node to begin with
 *     while (th_search_next(&search, &action))
 *         carry_out(&action);                           // as a lookup's, at last DONE
 *     if (it was not found && th_search_again(&search, now, peers, count))
 *         ...                                           // as before, up to another DONE
 *     th_search_on_line_up / on_answer / on_refused / tick, and next() again after each
 *
 * Nodes that lie can fill a lookup: it follows the nearest, and who may invent names is always nearer.
 * The paths of the second try (as in S/Kademlia, Baumgart and Mies, 2007) keep lies apart: each begins
 * with nodes of its own, follows only what its own nodes tell, and never asks one that another path
 * has asked. So a lie spoils the path on which it is told, and liars who name each other are used up.
 * A path is a lookup that asks one node at once, and few. A node that answered in the first try may be
 * asked once more, for who begins a path must be heard on it; one that did not is left out.
 *
 * It costs more than the lookup itself, so it comes only after a miss, and has its own end in time.
 *
 * Where a target that was found cannot be reached, the second try looks for others who tell of it: it
 * ends at each path that does, and goes on with the others when th_search_go_on says so.
 *
 * Floor:  2 (lookup), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_DIALER_SEARCH_H
#define TH_DIALER_SEARCH_H

#include "dialer/lookup.h"

/* The second try asks 64 nodes at most, 8 at once. */
enum {
    TH_SEARCH_PATHS_MAX = 8,
    TH_SEARCH_START_MAX = 16, /* nodes to begin with, dealt out to the paths */
    TH_SEARCH_PATH_WIDTH = 3,
    TH_SEARCH_PATH_ASKED_MAX = 8,
    TH_SEARCH_PATH_NODES_MAX = 64,
    TH_SEARCH_PATH_LINE_MS = 1500,
    TH_SEARCH_AGAIN_MS = 6000, /* the whole second try */
    TH_SEARCH_LOOKUPS_MAX = 1 + TH_SEARCH_PATHS_MAX,
    TH_SEARCH_CLOSEST_MAX = 16,
    TH_SEARCH_STEPS_MAX = TH_LOOKUP_STEPS_MAX + TH_SEARCH_PATHS_MAX * TH_SEARCH_PATH_ASKED_MAX
};

/* Embed by value; like its lookups it has no size to speak of until it has nodes. */
struct th_search {
    struct th_lookup first;
    unsigned path_count;    /* 0: there was no second try yet */
    struct th_lookup *path; /* path_count */
    bool is_done;           /* the second try's DONE was told */
    bool is_distrusted;     /* what the first told of the target led nowhere */
    th_ms ends_at;          /* the second try */
    th_ms now;
};

/* What came of it so far, of both tries. */
struct th_search_outcome {
    bool is_found;
    unsigned path; /* that told of the target first, from 1; 0: the first try */
    unsigned hops; /* as of a lookup */
    th_ms at;      /* as of a lookup: 0 when it began with the target */
};

/* Starts one without nodes. config: of the first lookup, copied. */
void th_search_init(struct th_search *search, const struct th_lookup_config *config,
                    struct th_now now);

/* Adds a node to begin the first lookup with. */
void th_search_add(struct th_search *search, const struct th_hashname *id);

/*
 * Begins the second try, after a DONE with TH_NOT_FOUND.
 * start   borrowed; nodes to begin with, from all distances, for liars may be all that is near: each
 *         path gets one in turn. Those that did not answer are left out, and those over
 *         TH_SEARCH_START_MAX.
 * Returns false, with nothing changed, when there was a second try already, nobody to begin with, nobody
 * known whom the first try has not asked, or no memory.
 */
bool th_search_again(struct th_search *search, struct th_now now, const struct th_hashname *start,
                     unsigned count);

/*
 * Nobody who told of the target so far helped to reach it: goes on with the paths that have not told of
 * it, or, when there was no second try, makes th_search_again one that does not end at once.
 * Returns false when no path is left, or there was no second try.
 */
bool th_search_go_on(struct th_search *search, struct th_now now);

/* As of a lookup: for the one that asked the node. */
void th_search_on_line_up(struct th_search *search, struct th_now now,
                          const struct th_hashname *id);
void th_search_on_answer(struct th_search *search, struct th_now now, const struct th_hashname *id,
                         const struct th_see *see);
void th_search_on_refused(struct th_search *search, struct th_now now,
                          const struct th_hashname *id);

/* The earliest time-out; TH_NEVER when nothing is in flight. */
th_ms th_search_deadline(const struct th_search *search);
void th_search_tick(struct th_search *search, struct th_now now);

/* Takes one action; false when there is none. DONE comes once for each try. */
bool th_search_next(struct th_search *search, struct th_lookup_action *action);

struct th_search_outcome th_search_outcome(const struct th_search *search);

/* Nodes that were asked; one that was asked in both tries counts twice. */
unsigned th_search_asked(const struct th_search *search);

/* The steps of both tries: those of the first, then path by path. path: filled, from 1; 0 for the first
 * try. NULL when there are no more. */
const struct th_lookup_step *th_search_step(const struct th_search *search, unsigned number,
                                            unsigned *path);

/* Fills what the lookups know of a node; returns how many do. Pointers are valid until the next call
 * that is not const. */
unsigned th_search_known(const struct th_search *search, const struct th_hashname *id,
                         const struct th_lookup_node *known[TH_SEARCH_LOOKUPS_MAX]);

/* As th_lookup_closest, of all that are known, each once. max: at most TH_SEARCH_CLOSEST_MAX. */
unsigned th_search_closest(const struct th_search *search, const struct th_lookup_node **nodes,
                           unsigned max);

/* Frees what it holds. */
void th_search_clear(struct th_search *search);

#endif

/*
 * sim.h - one run from its plan to its result.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_SIM_H
#define TH_SIM_SIM_H

#include "tools/sim/scenario.h"

enum { TH_SIM_TOKEN_MAX = 384 };

/* Reads SCENARIO/NODES/SEED[/FAULTS]; false with the complaint filled (TH_SIM_TOKEN_MAX). */
bool th_sim_token_read(struct th_sim_plan *plan, const char *token, char *complaint);
void th_sim_token_write(const struct th_sim_plan *plan, char token[TH_SIM_TOKEN_MAX]);

/* Prepares a run: its world is there and may be watched; end it with th_sim_clear. */
void th_sim_init(struct th_sim *sim, const struct th_sim_plan *plan);

/* Runs the scenario, and what is checked at the end of any. Returns whether no check failed. */
bool th_sim_run(struct th_sim *sim);

/* Writes the result as one JSON object (interfaces.md, section 5) with a newline. */
void th_sim_write(const struct th_sim *sim, FILE *out);

/* Writes a text as JSON string; control characters are left out. */
void th_sim_write_text(FILE *out, const char *text);

void th_sim_clear(struct th_sim *sim);

/* The commit that this program was built from; "unknown". */
const char *th_sim_commit(void);

#endif

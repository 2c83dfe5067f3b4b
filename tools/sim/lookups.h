/*
 * lookups.h - lookups while a run goes on, and what came of them.
 *
 * Counted as the reference model counts (targets.md): a hop is one answered request in the chain that
 * first told of the target, 0 when it was a link of our own; then nobody was asked and no time went.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_LOOKUPS_H
#define TH_SIM_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct th_sim;
struct th_world_node;

/* What came of them; zeroed: none yet. The lists are of those that were found, in order of telling. */
struct th_sim_lookups {
    struct th_sim *sim;
    bool takes_relayed; /* also between nodes that cannot meet without a relay (set it before) */
    uint64_t sent, told;
    uint64_t lost; /* one of the two went down meanwhile: they prove nothing */
    uint64_t found, linked, reached;
    uint64_t room;
    uint32_t *hops, *asked;
    uint32_t *took_ms; /* until a node told of the target, with all handshakes on the way */
    uint32_t *seek_ms; /* the round trips of the chain alone: as if all lines had been up */
    uint32_t *bare_ms; /* until then with all that went wrong, but without the chain's handshakes */
    uint32_t *reach_ms; /* of those that were reached: `reached` entries */
};

/* Whether the world should ask `from` for `to`, both of which are up and ready. */
typedef bool (*th_sim_may_fn)(const struct th_sim *sim, const struct th_world_node *from,
                              const struct th_world_node *to);

/*
 * Runs to `until` and makes plan.faults.lookups lookups on the way, one after each equal time, from
 * and to random nodes that are up and ready; then waits until all have been told: the check "dials",
 * which fails when one never is. Each goes on to open a line to what it found.
 * may     NULL: any two. Those behind symmetric NATs, whom few can link to while there is no relay, are
 *         left out unless the lookups take them.
 * lookups adds to it; end with th_sim_lookups_clear.
 */
void th_sim_hunt(struct th_sim *sim, struct th_sim_lookups *lookups, uint64_t until,
                 th_sim_may_fn may);

/* The check `name`: at least so many of a million that prove something were found, fewer when the plan's
 * faults make a rough net of it; and a figure of the same name, in percent, beside its goal. */
void th_sim_check_found(struct th_sim *sim, const struct th_sim_lookups *lookups, const char *name,
                        uint32_t per_million, double goal_percent);

/*
 * Adds figures of sim->lookups beside the goals of a mesh in which nothing goes wrong: those of 10,000
 * nodes for up to so many, those of 100,000 for more. Adds none when the plan has faults, or more nodes.
 */
void th_sim_lookups_judge(struct th_sim *sim);

/* A figure: of 20 in so many ms (bare_ms) 19 were found; beside its goal for up to 10,000 nodes, or more. */
void th_sim_lookups_time(struct th_sim *sim, const struct th_sim_lookups *lookups, const char *name,
                         double goal_10000, double goal_100000);

/* A figure: of 100 in so many ms, with all handshakes on the way, 99 were found. No goal is set. */
void th_sim_lookups_tail(struct th_sim *sim, const struct th_sim_lookups *lookups,
                         const char *name);

/* Writes them as an object. */
void th_sim_lookups_write(const struct th_sim_lookups *lookups, FILE *out);

void th_sim_lookups_clear(struct th_sim_lookups *lookups);

#endif

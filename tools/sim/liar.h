/*
 * liar.h - a hostile node: it keeps up appearances on the wire, with the real handshake, and lies.
 *
 * It is the core's switchboard on a raw port, and its own answers. It links to as many as it can, says
 * that it seeds, answers keepalives, and so sits in tables as any other does. Asked for a node it never
 * tells of an honest one. It introduces nobody.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_LIAR_H
#define TH_SIM_LIAR_H

#include "switch/core/switchboard.h"
#include "tools/sim/world.h"

enum th_lie {
    TH_LIE_FRIENDS, /* the liars nearest to the target, and only those */
    TH_LIE_GHOSTS,  /* nodes nearer than any, which nobody is */
    TH_LIE_SILENCE  /* no answer */
};
enum { TH_LIES = TH_LIE_SILENCE + 1 };

struct th_liar;

/* All liars of a world. */
struct th_liars {
    struct th_world *world;
    struct th_rng rng;
    unsigned count, room;
    struct th_liar **liar;
    uint64_t asked; /* seeks that came to any */
};

/* Of a world that has been made; ends with th_liars_clear before it does. */
void th_liars_init(struct th_liars *liars, struct th_world *world);

/*
 * Adds one, which does nothing yet.
 * near    NULL: its hashname is any. Else one is tried for that agrees with near in its first `bits`.
 */
struct th_liar *th_liars_add(struct th_liars *liars, enum th_lie lie,
                             const struct th_hashname *near, unsigned bits);

/* Opens a line to a node, links to it, and does so again whenever it has none, for ever. */
void th_liar_befriend(struct th_liar *liar, const struct th_world_node *node);

void th_liars_clear(struct th_liars *liars);

#endif

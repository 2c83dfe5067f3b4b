/*
 * allow.h - the nodes of a private mesh: with whom there may be lines.
 *
 * A list never changes once it is made; who reads it holds it, on whatever thread, and whoever has a
 * new one passes that on (switch/allowed.h). NULL is a list too: everybody.
 *
 * Floor:  1 (wire).
 * Thread: any.
 * Limits: TH_ALLOW_MAX, as many nodes as a switch knows.
 */
#ifndef TH_WIRE_ALLOW_H
#define TH_WIRE_ALLOW_H

#include "switch/base/err.h"
#include "switch/wire/hashname.h"

#include <stdatomic.h>

enum { TH_ALLOW_MAX = 4096 };

struct th_allow {
    atomic_uint holders;
    unsigned count;
    struct th_hashname id[]; /* sorted, each once */
};

/*
 * Makes a list of hashnames.
 *
 * ids     borrowed; in any order, one may be there twice. count 0: nobody at all.
 * Returns through out a list that is held once.
 * Errors: TH_LIMIT (more than TH_ALLOW_MAX), TH_NO_MEMORY.
 */
TH_MUST enum th_err th_allow_new(struct th_allow **out, const struct th_hashname *ids,
                                 unsigned count);

/* Whether there may be a line to a node. allow NULL: everybody is allowed. */
bool th_allow_has(const struct th_allow *allow, const struct th_hashname *id);

/* Holds a list once more; returns it. The last release frees it. NULL is welcome in both. */
struct th_allow *th_allow_hold(struct th_allow *allow);
void th_allow_release(struct th_allow *allow);

#endif

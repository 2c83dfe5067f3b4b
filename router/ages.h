/*
 * ages.h - since when we know whom: the first sight of every node that we were linked with.
 *
 * Who has been there for long is likely to stay, and new names are cheap. A name is forgotten 30 days
 * after we last were linked with it.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_AGES_H
#define TH_ROUTER_AGES_H

#include "switch/base/clock.h"
#include "switch/base/err.h"
#include "switch/wire/kept.h"

enum {
    TH_AGES_MAX =
        TH_KEPT_AGES_MAX /* 48 bytes each: 48 KiB, four times the links of a default table */
};

#define TH_AGES_KEPT_MS ((th_epoch_ms)30 * 24 * 3600 * 1000)

/* A zeroed one is empty. */
struct th_ages {
    unsigned count, room;
    struct th_age *age; /* by hashname: iterate over 0..count-1 to keep them somewhere */
};

/* When a node was first seen; now.wall for one that is not known (any more). */
th_epoch_ms th_ages_first_seen(const struct th_ages *ages, const struct th_hashname *id,
                               struct th_now now);

/*
 * Notes that a node is there now.
 *
 * When the list is full the name that came last goes: a flood of new names costs a new name its
 * place, never an old friend.
 *
 * first_seen_at  of a name that is not in the list; a later one than now counts as now.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_ages_note(struct th_ages *ages, const struct th_hashname *id,
                                 th_epoch_ms first_seen_at, struct th_now now);

/* Puts back what was kept somewhere (switch/wire/kept.h); what is too old, or too much, is left out. What
 * was seen later than now (a clock that was wrong) was seen now. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_ages_put(struct th_ages *ages, const struct th_age *age, struct th_now now);

void th_ages_clear(struct th_ages *ages);

#endif

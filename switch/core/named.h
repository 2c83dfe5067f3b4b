/*
 * named.h - where others are, as introducers said a moment ago: until it proves right.
 *
 * An introducer may name a few addresses a minute, because we send to them unasked. One that answers
 * from there was no victim of it: then it was none of these few, and the introducer may name another. So
 * who tells the truth may introduce as many as come, and who does not is told of here and forgotten.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_NAMED_H
#define TH_CORE_NAMED_H

#include "switch/base/clock.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

enum {
    TH_NAMED_MAX =
        64, /* 96 bytes each; then the oldest goes, which is as if it did not prove right */
    TH_NAMED_MS = 10000
};

struct th_named_one {
    struct th_hashname by, who;
    struct th_addr addr;
    th_ms at;
};

/* Embed by value. A zeroed one is empty and holds no memory; nor does one whose last was taken. */
struct th_named {
    unsigned count, room;
    struct th_named_one *one; /* oldest first */
    uint64_t forgotten;       /* for want of room */
};

/* Notes that `by` named an address of `who`. Without memory nothing is noted. */
void th_named_note(struct th_named *named, const struct th_hashname *by,
                   const struct th_hashname *who, const struct th_addr *addr, th_ms now);

/* The node answered from an address: whether somebody named that lately, and who (by: filled). What was
 * taken is not there any more. */
bool th_named_take(struct th_named *named, const struct th_hashname *who,
                   const struct th_addr *addr, th_ms now, struct th_hashname *by);

void th_named_clear(struct th_named *named);

#endif

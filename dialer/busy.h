/*
 * busy.h - whom not to ask for an introduction now, because it was too busy for the last ones.
 *
 * A node introduces one to another only a few times a minute, and refuses with "busy" what is more. When
 * a whole mesh comes at once through one node, most that it gets are requests that it has to refuse. So
 * who looks for neighbours and heard "busy" thrice in a row asks this node for nobody else for half a
 * second, and then for one alone: if that is refused too, it waits twice as long; if not, the node is as
 * good as any. Who wants one node and no other asks all the same.
 *
 * Floor:  4 (dialer), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_DIALER_BUSY_H
#define TH_DIALER_BUSY_H

#include "switch/base/clock.h"
#include "switch/wire/hashname.h"

enum {
    TH_BUSY_TIMES = 3,    /* in a row, before it is left in peace */
    TH_BUSY_MS_MIN = 500, /* and for an answer, when one was asked again */
    TH_BUSY_MS_MAX = 2000,
    TH_BUSY_FORGET_MS = 60000, /* after it might be asked and was not */
    TH_BUSY_MAX = 16 /* then the one that may be asked first goes: it is asked too early */
};

struct th_busy_node {
    struct th_hashname id;
    unsigned times; /* one after the other */
    bool is_tried;  /* asked since it was left in peace, or it was not yet */
    th_ms ask_at;   /* not before */
};

/* A zeroed one is empty and holds no memory. */
struct th_busy {
    unsigned count;
    struct th_busy_node *node; /* TH_BUSY_MAX places, from the first on */
    uint64_t forgotten;        /* that had no room */
    uint64_t spared;           /* requests that were not made */
};

/* It refused. What it says of several that it was asked for before it was left in peace lets it be left no
 * longer. Without memory nothing is noted. */
void th_busy_on_refused(struct th_busy *busy, const struct th_hashname *id, th_ms now);

/* It introduced us: it is as good as any. */
void th_busy_on_done(struct th_busy *busy, const struct th_hashname *id);

/* Whether it may be asked now; if not, that is counted. Who was left in peace is asked once, and not again
 * before it had the time to answer. */
bool th_busy_may_ask(struct th_busy *busy, const struct th_hashname *id, th_ms now);

void th_busy_clear(struct th_busy *busy);

#endif

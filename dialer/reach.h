/*
 * reach.h - gets a line to one node: by what the switch knows of it, then by those who told of it.
 *
 * First the switch is asked to open a line by itself (OPEN). When it cannot, or has not within
 * TH_REACH_DIRECT_MS, the tellers are asked in turn to introduce us (INTRODUCE), one a second: a packet
 * may be lost on each of its three ways. A teller that refuses makes room for the next at once, and is
 * asked no more; what it was asked before may be under way. It fails when everything that was asked was
 * refused by all, or some time after the last was asked. It never succeeds by itself:
 * the owner sees the line come up and forgets it.
 *
 * Floor:  4 (dialer), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_DIALER_REACH_H
#define TH_DIALER_REACH_H

#include "switch/base/check.h"
#include "switch/base/clock.h"
#include "switch/base/err.h"
#include "switch/wire/hashname.h"

enum {
    TH_REACH_VIAS_MAX = 6,
    TH_REACH_TRIES_MAX = 3, /* introductions asked for; more only if there are more vias */
    TH_REACH_PAUSE_MS = 1000,
    TH_REACH_DIRECT_MS = 500
};

struct th_reach_via {
    struct th_hashname id;
    unsigned tries;
    unsigned refusals; /* of those */
    bool is_delayed;   /* it needs a line first, and is asked when that is up */
};

/* Embed by value. Holds no memory. */
struct th_reach {
    struct th_hashname node;
    th_ms patience_ms;
    unsigned via_count;
    struct th_reach_via via[TH_REACH_VIAS_MAX];
    unsigned tries;
    bool has_asked;  /* OPEN was told */
    bool is_opened;  /* and answered */
    bool is_opening; /* the switch sends opens by itself: all who told may refuse */
    bool is_over;    /* FAILED was told */
    th_ms next_at;   /* the next introduction; TH_NEVER until the switch has answered */
    th_ms fails_at;
    th_ms now;
};

enum th_reach_action_kind {
    TH_REACH_OPEN,      /* ask the switch to open a line with what it knows; call on_opened */
    TH_REACH_INTRODUCE, /* ask via to introduce us to the node; call on_refused if it does not */
    TH_REACH_FAILED     /* nothing comes after it */
};

struct th_reach_action {
    enum th_reach_action_kind kind;
    struct th_hashname via;
};

/*
 * Starts one without vias.
 * is_eager     introduces at once instead of waiting for what the switch can do by itself.
 * patience_ms  from the last thing that was asked until it fails.
 */
void th_reach_init(struct th_reach *reach, const struct th_hashname *node, bool is_eager,
                   th_ms patience_ms, struct th_now now);

/* A teller needs a line before it can be asked: until that is up it has no turn, and who was not asked yet
 * is asked at once. */
void th_reach_on_delayed(struct th_reach *reach, struct th_now now, const struct th_hashname *via);

/* The line is up and the teller is asked now: again, as any, a second later at the soonest. */
void th_reach_on_ready(struct th_reach *reach, struct th_now now, const struct th_hashname *via);

/* Adds a teller; known ones and those over TH_REACH_VIAS_MAX are left out. */
void th_reach_add_via(struct th_reach *reach, const struct th_hashname *via);

/* What the switch said: TH_AGAIN, opens are on their way. Anything else: it cannot. */
void th_reach_on_opened(struct th_reach *reach, struct th_now now, enum th_err err);

/* A teller refused, ended its channel, or cannot be asked. */
void th_reach_on_refused(struct th_reach *reach, struct th_now now, const struct th_hashname *via);

/* The earliest moment tick wants. */
th_ms th_reach_deadline(const struct th_reach *reach);
void th_reach_tick(struct th_reach *reach, struct th_now now);

/* Takes one action; false when there is none. */
bool th_reach_next(struct th_reach *reach, struct th_reach_action *action);

#endif

/*
 * skew.h - whether it is our own clock that is wrong.
 *
 * An open dated more than TH_CLOCK_AHEAD_MS ahead of our clock is refused (protocol.md 3). When three
 * peers are that far ahead, the odd one out is us: from then on opens are measured from their median,
 * until our clock is set right or the process ends. Being behind the others costs nothing, so only
 * that way is looked at.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_SKEW_H
#define TH_CORE_SKEW_H

#include "switch/base/clock.h"
#include "switch/wire/hashname.h"

enum {
    TH_SKEW_PEERS = 8, /* the newest of those ahead of us */
    TH_SKEW_PEERS_NEEDED = 3,
    TH_SKEW_STEP_MS = 30000 /* wall and mono drifting apart by more: somebody set the clock */
};

struct th_skew {
    struct th_hashname peer[TH_SKEW_PEERS];
    int64_t ahead_ms[TH_SKEW_PEERS];
    unsigned count, next;
    int64_t correction_ms; /* add to our wall clock; 0: we trust it */
    int64_t wall_minus_mono;
};

void th_skew_init(struct th_skew *skew, struct th_now now);

/* Forgets what was found when the clock was set. Call before th_skew_is_ahead. */
void th_skew_on_time(struct th_skew *skew, struct th_now now);

/* True when an open dated `at` is farther ahead than limit_ms of what we take for the time. */
bool th_skew_is_ahead(const struct th_skew *skew, int64_t at, int64_t limit_ms, struct th_now now);

/*
 * A peer whose open is authentic was that far ahead.
 * Returns true when by this the clock is found to be wrong: to be said, once.
 */
bool th_skew_note(struct th_skew *skew, const struct th_hashname *peer, int64_t at,
                  struct th_now now);

#endif

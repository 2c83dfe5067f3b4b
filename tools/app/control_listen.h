/*
 * control_listen.h - when a listener accepts: what it does when nothing is left to accept with, and
 * when that trouble is over.
 *
 * An accept that fails for want of descriptors or memory pauses the listener; newcomers wait in the
 * socket's backlog, and those who are connected are served. It tries again after a pause that grows,
 * and at once when a client has gone. Many failures one after another are one trouble: it is told
 * when it begins and when TH_LISTEN_CALM_MS have passed without another failure.
 *
 *     fd = accept4(…);
 *     if (fd >= 0)
 *         th_listen_on_accepted(&listen);
 *     else if (is_shortage(errno) && th_listen_on_failed(&listen, now))
 *         say("paused");
 *     …
 *     if (th_listen_wants_accept(&listen, now))   // at th_listen_deadline(&listen)
 *         accept again;
 *     if (th_listen_has_recovered(&listen, now, &trouble))
 *         say("recovered", trouble);
 *
 * Floor:  7 (app), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_APP_CONTROL_LISTEN_H
#define TH_APP_CONTROL_LISTEN_H

#include "switch/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TH_LISTEN_PAUSE_MS_MIN = 50,
    TH_LISTEN_PAUSE_MS_MAX = 1000,
    TH_LISTEN_CALM_MS = 2000 /* twice the longest pause: a paused one has tried again by then */
};

/* What happened from the first failure to the end of a trouble. */
struct th_listen_trouble {
    uint64_t failures; /* accepts that failed */
    uint64_t accepted; /* clients that came in all the same */
    th_ms took_ms;     /* to the last failure */
};

struct th_listen {
    uint64_t failures; /* in all */
    th_ms pause_ms;    /* the last pause; 0: the next failure is the first */
    th_ms again_at;    /* to accept again; TH_NEVER: it is not paused */
    th_ms calm_at;     /* when the trouble is over; TH_NEVER: there is none */
    th_ms began_at;
    struct th_listen_trouble trouble;
};

void th_listen_init(struct th_listen *listen);

/* Notes an accept that failed for want of something, which pauses the listener. Returns whether a
 * trouble begins with it. */
bool th_listen_on_failed(struct th_listen *listen, th_ms now);

/* Notes a client that was accepted. */
void th_listen_on_accepted(struct th_listen *listen);

/* Notes that a client has gone, and with it perhaps the shortage. */
void th_listen_on_room(struct th_listen *listen, th_ms now);

/* Whether it is paused and should try again now; the pause is over then. */
bool th_listen_wants_accept(struct th_listen *listen, th_ms now);

/* Whether the trouble is over by now; told once, with trouble filled. */
bool th_listen_has_recovered(struct th_listen *listen, th_ms now,
                             struct th_listen_trouble *trouble);

bool th_listen_is_paused(const struct th_listen *listen);
bool th_listen_is_in_trouble(const struct th_listen *listen);

/* When one of the two is to be asked again. */
th_ms th_listen_deadline(const struct th_listen *listen);

#endif

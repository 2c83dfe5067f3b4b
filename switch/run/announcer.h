/*
 * announcer.h - the announcer's side of facts: they reach the event manager, whether it has room or not.
 *
 * What the manager has no room for waits here, in order, and is tried again; of each fact only what is
 * said last waits. So an announcer's place needs no room but for what it has itself, and no state is
 * lost. When the manager ends, what waits goes with it: its successor knows nothing and is to be told
 * everything.
 *
 *     th_announce(&s->announcer, self, manager, event);
 *     deadline: th_announcer_deadline(&s->announcer);   on_alarm: th_announcer_on_alarm(…)
 *
 * Floor:  1 (run).
 * Thread: the owner's callbacks.
 */
#ifndef TH_RUN_ANNOUNCER_H
#define TH_RUN_ANNOUNCER_H

#include "switch/run/fact.h"

enum {
    TH_ANNOUNCER_AGAIN_MS = 50,      /* between tries */
    TH_ANNOUNCER_WAITING_MAX = 16384 /* facts */
};

/* Embed by value. A zeroed one is ready and holds no memory. */
struct th_announcer {
    struct th_fact_event *first, *last; /* held */
    unsigned count;
    th_ms again_at; /* when something waits */
};

/*
 * Announces something of a fact.
 *
 * event    of th_fact_event_new; given, whatever is returned.
 * Errors:  TH_GONE: there is no manager, and nothing waits any more.
 *          TH_LIMIT: too much waits. End yourself: your facts end with you, and your successor begins
 *          anew.
 */
TH_MUST enum th_err th_announce(struct th_announcer *announcer, const struct th_self *self,
                                th_pid manager, struct th_event *event);

/* TH_NEVER when nothing waits. */
th_ms th_announcer_deadline(const struct th_announcer *announcer);

/* Tries again what is due. Errors: TH_GONE, as above; who monitors the manager need not look. */
enum th_err th_announcer_on_alarm(struct th_announcer *announcer, const struct th_self *self,
                                  th_pid manager);

/* Forgets what waits. */
void th_announcer_clear(struct th_announcer *announcer);

#endif

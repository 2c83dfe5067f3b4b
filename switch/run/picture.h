/*
 * picture.h - the subscriber's side of facts: a picture of what is so that is never wrong for long.
 *
 * It subscribes, asks the manager what is so once that is in force, and asks again whenever events were
 * missed. `take` replaces what the owner knows; events that come after it change it.
 *
 *     init:     th_picture_begin(&s->picture, self, manager, interest, take);
 *     on_msg:   th_event_msg: apply it;  th_missed_msg: th_picture_ask(&s->picture, self);
 *     deadline: th_picture_deadline(&s->picture);   on_alarm: th_picture_on_alarm(…)
 *
 * Floor:  1 (run).
 * Thread: the owner's callbacks.
 */
#ifndef TH_RUN_PICTURE_H
#define TH_RUN_PICTURE_H

#include "switch/run/fact.h"

enum { TH_PICTURE_AGAIN_MS = 100 }; /* after the manager had no room, or did not answer */

/*
 * What is so. What the owner knew and is not in it is over, if facts->is_whole; of what is in it, an
 * event kept is the same that a subscriber got or would have got, and its kind may be that of a change.
 * Every event that was announced before it has come before it or was missed; every one that comes after
 * it is newer.
 * facts: borrowed. Returns as on_msg does.
 */
typedef enum th_err (*th_picture_fn)(void *state, const struct th_self *self,
                                     const struct th_facts *facts);

/* Embedded in the owner's state. */
struct th_picture {
    th_pid manager;
    struct th_interest interest;
    th_picture_fn take;
    bool is_subscribed;
    bool is_asking;
    bool asks_again; /* events were missed since it was asked */
    th_ms again_at;  /* TH_NEVER: no need; 0: not begun */
};

/*
 * Subscribes, and asks as soon as the subscription is in force. A manager that has no room is tried
 * again; when too many subscribe, the owner ends with TH_LIMIT. That there is no manager, or no more,
 * the owner hears by th_down_msg, as after th_subscribe; it may begin again with the next one.
 * Errors: TH_NO_MEMORY, TH_LIMIT.
 */
TH_MUST enum th_err th_picture_begin(struct th_picture *picture, const struct th_self *self,
                                     th_pid manager, struct th_interest interest,
                                     th_picture_fn take);

/* Asks anew: events were missed. Without a subscription yet it does so once there is one. */
void th_picture_ask(struct th_picture *picture, const struct th_self *self);

/* TH_NEVER: no need. */
th_ms th_picture_deadline(const struct th_picture *picture);

/* Tries again what is due. Errors: TH_NO_MEMORY, TH_LIMIT. */
TH_MUST enum th_err th_picture_on_alarm(struct th_picture *picture, const struct th_self *self);

#endif

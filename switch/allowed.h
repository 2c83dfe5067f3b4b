/*
 * allowed.h - the list of allowed nodes that holds now, for the servers that go by it: the switch (with
 * whom there may be lines) and the dialer (whom it looks for).
 *
 * One for a node, made before its servers and freed after them. A server takes the list at its init and
 * whenever it is told th_allowed_msg; so one that is restarted goes by the newest too.
 *
 * Floor:  3.
 * Thread: any; a lock is held for the exchange of a pointer and nothing else.
 */
#ifndef TH_SWITCH_ALLOWED_H
#define TH_SWITCH_ALLOWED_H

#include "switch/run/msg.h"
#include "switch/wire/allow.h"

#include <pthread.h>

struct th_allowed {
    pthread_mutex_t lock;
    struct th_allow *list; /* NULL: everybody */
};

/* Cast, no body: the list is another one. Understood by switch and dialer. */
extern const struct th_msg_kind th_allowed_msg;

/* list: given. */
void th_allowed_init(struct th_allowed *allowed, struct th_allow *list);
void th_allowed_clear(struct th_allowed *allowed);

/* Sets another list (given); whoever goes by it is to be told after it. */
void th_allowed_set(struct th_allowed *allowed, struct th_allow *list);

/* The list that holds now, held for the caller, who releases it. allowed NULL: everybody. */
struct th_allow *th_allowed_get(struct th_allowed *allowed);

#endif

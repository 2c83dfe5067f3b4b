/*
 * msg.h - what servers send each other.
 *
 * Floor:  1 (run). Knows nothing of telehash.
 * Thread: any.
 */
#ifndef TH_RUN_MSG_H
#define TH_RUN_MSG_H

#include "switch/base/clock.h"
#include "switch/base/err.h"

#include <stdint.h>

/* A server's address: place in the host's table and generation, so that the pid of a dead server
 * never means a newcomer. 0 is nobody. */
typedef uint64_t th_pid;

/* What a message is: compared by address. One static const object for each kind. */
struct th_msg_kind {
    const char *name;         /* for `servers` and traces: "switch.open" */
    void (*drop)(void *body); /* frees a body that nobody took; NULL: there is nothing to free */
};

/*
 * A message. Its body belongs to exactly one place: sender, then mailbox, then receiver. A receiver
 * that keeps the body sets msg->body to NULL; what is still there after the callback is dropped.
 */
struct th_msg {
    const struct th_msg_kind *kind;
    void *body;
    th_pid from;  /* filled by the run-time; 0 when the sender is no server */
    uint64_t ref; /* not 0: a call that waits for th_reply(th_from_of(msg), …) */
};

/* Whom to answer. Keep it as long as needed; answering late or twice is harmless. */
struct th_from {
    th_pid pid;
    uint64_t ref; /* 0: nobody waits; th_reply then only drops the answer */
};

static inline struct th_from th_from_of(const struct th_msg *msg)
{
    return (struct th_from){msg->from, msg->ref};
}

/* Drops a message's body and forgets it. */
static inline void th_msg_drop(struct th_msg *msg)
{
    if (msg->body && msg->kind->drop)
        msg->kind->drop(msg->body);
    msg->body = 0;
}

#endif

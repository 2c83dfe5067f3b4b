/*
 * supervisor.h - a server that starts others, watches them and starts them again.
 *
 * Children are started in order, each after the init of the one before has succeeded, and stopped in
 * reverse order, each with a limit of time. A child that ends and is to be there is started again: by
 * the strategy alone, or with others. When children end more often than the intensity allows, the
 * supervisor gives up: it stops the others and ends with the child's reason (TH_LIMIT if that was
 * TH_OK or TH_SHUTDOWN), which is for whoever watches it to act on. So it does when a child fails
 * while it is started for the first time.
 *
 * A supervisor may be the child of another; it counts as started once its own children have, and when
 * it gives up it is one more child that has failed.
 *
 * Floor:  1 (run).
 */
#ifndef TH_RUN_SUPERVISOR_H
#define TH_RUN_SUPERVISOR_H

#include "switch/run/call.h"

enum { TH_CHILDREN_MAX = 32 };

enum th_restart {
    TH_RESTART_ALWAYS,   /* permanent: whatever the reason */
    TH_RESTART_ON_ERROR, /* transient: not after TH_OK or TH_SHUTDOWN */
    TH_RESTART_NEVER     /* temporary */
};

/* Who is stopped, newest first, and then started in order when a child ends that is to be restarted.
 * Of the others, who had ended for good stays so; so does a temporary one that is stopped then. One
 * that does not stop in time is named in the log, and the rest wait for it: its name is taken. */
enum th_strategy {
    TH_STRATEGY_ONE_FOR_ONE,  /* it alone */
    TH_STRATEGY_REST_FOR_ONE, /* it, and those after it in the order of starting */
    TH_STRATEGY_ONE_FOR_ALL
};

struct th_child {
    struct th_server_spec spec; /* its name is required: the child is known by it */
    enum th_restart restart;
    /* Time to end when stopped; then it is left behind, named in the log. 0: 2000, but for a
     * supervisor as long as its children need. */
    th_ms stop_ms;
};

/* The supervisor's spec.arg; borrowed for its life. */
struct th_supervisor_spec {
    const struct th_child *children;
    unsigned count;
    enum th_strategy strategy;
    unsigned restarts_max; /* in period_ms; 0: 5 in 10 s */
    th_ms period_ms;
};

extern const struct th_server_ops th_supervisor_ops;

/* Call it with this, body a child's name (th_mem_copy'd, freed by drop): ends and restarts that
 * child alone, whatever the strategy, also one that had ended for good; not counted for the intensity. The reply, same kind,
 * comes when its init has succeeded and has a body `enum th_err *`, or none for TH_OK: TH_NOT_FOUND
 * (a name it does not know), TH_AGAIN (not all have started yet, or again, or this one is being restarted),
 * TH_TIMED_OUT (it does not stop; it is restarted when it does), TH_SHUTDOWN, or why it failed. */
extern const struct th_msg_kind th_supervisor_restart_msg;

/* Call it with this (no body): replies, same kind without body, once every child has started.
 * When it ends instead, the call is answered TH_GONE. */
extern const struct th_msg_kind th_supervisor_ready_msg;

#endif

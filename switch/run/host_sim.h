/*
 * host_sim.h - a host without threads and without a clock of its own: the caller turns the crank.
 *
 * For tests without sleeping, and for the simulator, in which each node has a host of its own. Which
 * ready server runs next, and how soon, is drawn from a seed, so that every order of events can happen
 * and every one can be replayed.
 *
 *     th_host_sim_new(&host, seed);
 *     th_host_sim_place(host, "all", &place);
 *     th_spawn(…);
 *     th_host_sim_run(host, 60000);   // a virtual minute
 *
 * Floor:  1 (run).
 * Thread: one only.
 */
#ifndef TH_RUN_HOST_SIM_H
#define TH_RUN_HOST_SIM_H

#include "switch/run/trace.h"

/* rng_seed 0: in order of waking. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_host_sim_new(struct th_host **out, uint64_t rng_seed);
TH_MUST enum th_err th_host_sim_place(struct th_host *host, const char *name,
                                      struct th_place **out);

/* The host is about to be given something; 0: next, 2: soon. What its servers need is fetched into the processor's
 * cache step by step, which goes without saying in a daemon, but not among many thousand hosts. */
void th_host_sim_expect(struct th_host *host, unsigned before);

/* The state of a server, for the same purpose; NULL when there is none. */
const void *th_host_sim_state(struct th_host *host, th_pid pid);

/*
 * How soon a server runs that became ready: after 0..delay_max, each as likely; and one time in
 * stall_one_in after 0..stall_max instead, as if its thread had been kept from running. A server that
 * has more to do after a callback goes on without delay. All 0: at once, as at first.
 */
struct th_host_sim_pace {
    th_ms delay_max;
    th_ms stall_max;
    uint32_t stall_one_in; /* 0: never */
};

/* Only with an rng_seed, and for hosts of few servers: each choice looks at all that are ready. */
void th_host_sim_set_pace(struct th_host *host, const struct th_host_sim_pace *pace);

/* A callback that has ended; valid until the watcher returns. */
struct th_host_sim_turn {
    const char *name; /* the server's */
    const struct th_server_ops *ops;
    const void *state; /* as the callback left it */
    const char *doing; /* kind of the message; "init", "alarm", "stop", "terminate", "gone" … */
    struct th_now now;
};

/* Told of every callback that ran; NULL: nobody. It must not call anything that changes the host. */
typedef void (*th_host_sim_fn)(void *data, const struct th_host_sim_turn *turn);
void th_host_sim_watch(struct th_host *host, th_host_sim_fn on_turn, void *data);

/* A callback that begins; valid until the watcher returns. */
struct th_host_sim_given {
    th_pid to;
    const char *name; /* the server's */
    const struct th_server_ops *ops;
    const void *state; /* as the callback finds it */
    const char *doing;
    enum th_trace_sort sort;
    /* NULL for TH_TRACE_OWN. Of TH_TRACE_REPLY: from whom the outcome was expected, the reference of
     * the call, and, without a reply, no kind. */
    const struct th_msg *msg;
    struct th_now now;
};

/* What a server wishes to be told once. */
enum th_host_sim_wish_kind {
    TH_WISH_CALL,       /* how this call ends */
    TH_WISH_MONITOR,    /* that a server ended */
    TH_WISH_NO_CALL,    /* nothing more of this call, which may be over already */
    TH_WISH_NO_MONITOR, /* nor of this monitor */
    TH_WISH_NOTHING     /* the server itself has ended */
};
struct th_host_sim_wish {
    enum th_host_sim_wish_kind kind;
    th_pid owner;
    uint64_t ref;  /* of all but NOTHING */
    th_pid target; /* of CALL, MONITOR */
    th_ms due;     /* of CALL: it times out then, of the host's mono clock */
};

/* For who keeps books of what servers send each other; either may be NULL. Both must not call anything
 * that changes the host. */
struct th_host_sim_books {
    void *data;
    void (*on_given)(void *data, const struct th_host_sim_given *given);
    void (*on_wish)(void *data, const struct th_host_sim_wish *wish);
};
void th_host_sim_keep_books(struct th_host *host, const struct th_host_sim_books *books);

/* Runs one callback of one ready server at the present moment; false when nobody is ready. */
bool th_host_sim_once(struct th_host *host);

/* Runs everything that is due within the next `ms`, moving the clock from deadline to deadline, and
 * leaves it exactly `ms` later. */
void th_host_sim_run(struct th_host *host, th_ms ms);

/* The earliest deadline of any server, call or suspension, or end of a delay; the present when somebody
 * is ready; TH_NEVER when nothing waits. */
th_ms th_host_sim_next(struct th_host *host);

/* Moves the clock to `mono`, at once and without running anybody; who is due by then is ready, late
 * if need be: so does a process wake that had been stopped. mono never runs backwards. */
void th_host_sim_move(struct th_host *host, th_ms mono);

/* The machine slept: tells the servers that asked for it (th_tell_resumed). */
void th_host_sim_resume(struct th_host *host);

/* Sets the wall clock, which may jump; mono goes on. At start: wall 1400000000000, mono 1000. */
void th_host_sim_set_wall(struct th_host *host, th_epoch_ms wall);

/* Stops every server (supervisors first, which stop their children in order), runs their terminate,
 * frees the host. The clock moves only if somebody needs time to stop. */
void th_host_sim_close(struct th_host *host);

#endif

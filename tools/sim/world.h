/*
 * world.h - many nodes in one process: their hosts, the network between them, and the one clock.
 *
 * Each node is the daemon's supervision tree (router/node.h) on a host of its own, so that it has its
 * own clocks, can be stopped, killed and started again; with it runs a probe (probe.h), which reports
 * what the node announces and dials for us. The world runs whoever is due next. All that is random
 * comes from one seed, and whoever asks the system for randomness ends the process.
 *
 *     th_world_init(&world, &(struct th_world_options){.rng_seed = 7, .faults = faults});
 *     th_world_add(&world, NULL, &i);
 *     th_world_start(&world, i);
 *     th_world_run(&world, world.now + 60000);
 *     th_world_clear(&world);
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_WORLD_H
#define TH_SIM_WORLD_H

#include "router/node.h"
#include "switch/run/host_sim.h"
#include "tools/sim/faults.h"
#include "tools/sim/trace.h"

enum {
    TH_WORLD_SCOPE = 1, /* of every node's names, in its own host */
    TH_WORLD_HOOKS_MAX = 12,
    TH_WORLD_BACKLOG_MAX = 256 /* datagrams that wait for a node that is stopped */
};

struct th_world;
struct th_world_disk;
struct th_world_node;

enum th_world_state {
    TH_WORLD_DOWN, /* not started, or killed */
    TH_WORLD_UP,
    TH_WORLD_STOPPED /* for a while: it runs nothing */
};

/* One node. Read the fields freely. */
struct th_world_node {
    struct th_world *world;
    uint32_t index;
    enum th_world_state state;
    struct th_identity id;
    struct th_sim_port *port;
    const struct th_seeds *seeds;      /* borrowed; NULL: none */
    const struct th_seeds *remembered; /* borrowed; NULL: none */
    struct th_world_disk *disk;        /* world_disk.h; NULL: it only keeps at_floor */
    unsigned k, links_max;             /* 0: the defaults */
    bool is_not_seed;                  /* its links say that it does not answer for others */
    bool is_bridge;                    /* for everybody */
    bool is_bare;                      /* th_world_start makes the host and nothing more */

    struct th_host *host; /* NULL while it is down */
    struct th_place *switch_place, *rest_place;
    struct th_node_tree *tree; /* NULL when bare */
    th_pid probe;
    struct th_log log;

    th_ms behind;        /* world.now less its own mono */
    th_ms stopped_until; /* world's time */
    bool is_clock_stopped;
    unsigned backlog;
    th_epoch_ms wall_off; /* its wall clock less the world's */
    int64_t at_floor;     /* kept without a disk */
    uint8_t rng_seed[TH_RNG_SEED_BYTES];
    unsigned starts;

    /* What it announced since it was started. */
    enum th_node_state node_state;
    th_ms started_at, ready_at; /* world's time; ready_at 0: not yet */

    struct th_heap_node due;
};

/*
 * What happens in a world, for checkers and whoever counts. Called at once; look, but change nothing,
 * and send nothing. Any may be NULL.
 */
struct th_world_hooks {
    void *data;
    void (*on_turn)(void *data, struct th_world_node *node, const struct th_host_sim_turn *turn);
    void (*on_given)(void *data, struct th_world_node *node, const struct th_host_sim_given *given);
    void (*on_wish)(void *data, struct th_world_node *node, const struct th_host_sim_wish *wish);
    void (*on_event)(void *data, struct th_world_node *node, const struct th_event *event);
    void (*on_fate)(void *data, enum th_fate fate, const struct th_sim_port *from,
                    const struct th_sim_port *to, struct th_bytes bytes);
    void (*on_up)(void *data, struct th_world_node *node);   /* it was started */
    void (*on_down)(void *data, struct th_world_node *node); /* it is about to be killed */
};

struct th_world_options {
    uint64_t rng_seed;
    struct th_faults faults;
};

typedef void (*th_world_fn)(struct th_world *world, void *data, uint64_t number);

struct th_world {
    th_ms now; /* since the beginning */
    struct th_world_options options;
    struct th_net_sim net;
    struct th_sim_trace trace; /* set where it prints to; read its hash */
    struct th_rng rng;         /* for scenarios */
    unsigned count;
    unsigned room;
    struct th_world_node *
        *node;         /* by index, which is also its port's unless ports were added raw */
    unsigned up_count; /* that are not down */
    uint64_t turns;

    /* Its own. */
    struct th_rng node_rng;
    struct th_heap due;
    struct th_heap alarms;
    unsigned hook_count;
    struct th_world_hooks hooks[TH_WORLD_HOOKS_MAX];
};

/* The world's wall clock at its beginning. */
#define TH_WORLD_EPOCH INT64_C(1400000000000)

/* Errors: none; without memory a simulation ends (TH_CHECK), here and in all that follows. */
void th_world_init(struct th_world *world, const struct th_world_options *options);

/* Kills all and frees. */
void th_world_clear(struct th_world *world);

/* Watches; hooks is copied. Before the first node is started. */
void th_world_watch(struct th_world *world, const struct th_world_hooks *hooks);

/* --- nodes --- */

/*
 * Adds a node that is down, with an identity and a port drawn from the seed, behind a NAT as the
 * faults say. Set its seeds and the like before it is started.
 * port  NULL: as the faults say.
 */
struct th_world_node *th_world_add(struct th_world *world, const struct th_sim_port_options *port);

/* The node's line of a seeds file. */
void th_world_entry(const struct th_world_node *node, struct th_seed *out);

/* Starts a node that is down. */
void th_world_start(struct th_world_node *node);

/* As kill -9 and a cable that is cut in the same moment: it runs nothing more, nobody is told. What its
 * disk holds is kept for the next start: identity and the date of its last open. */
void th_world_kill(struct th_world_node *node);

/* A node that is down loses its state directory: it will be another. */
void th_world_forget(struct th_world_node *node);

/* Keeps a node from running for so long. With its clock running it is a process that was stopped: what
 * arrives meanwhile waits, up to TH_WORLD_BACKLOG_MAX. Else it is a machine that was frozen: nothing
 * arrives, and afterwards its clocks are behind. */
void th_world_stop(struct th_world_node *node, th_ms for_ms, bool is_clock_running);

/* Sets its wall clock, now and after restarts, by so much ahead (or back). */
void th_world_step_clock(struct th_world_node *node, th_epoch_ms by);

/* Gives it another address; it is not told. */
void th_world_move(struct th_world_node *node);

/* --- time --- */

/* Does what happens next, if that is not after `until`; else only moves the time there, returning
 * false. */
bool th_world_step(struct th_world *world, th_ms until);

void th_world_run(struct th_world *world, th_ms until);

/* Has fn called at that time (not earlier than now). data borrowed. */
void th_world_at(struct th_world *world, th_ms at, th_world_fn fn, void *data, uint64_t number);

/* --- asking --- */

/* The outcome of a dial, told exactly once: dialed NULL, and why says so, when the node or its dialer
 * ended first. */
typedef void (*th_world_dialed_fn)(void *data, struct th_world_node *from, enum th_err why,
                                   const struct th_dialed *dialed);

/* Has a node dial; with TH_DIAL_FIND it is a lookup only. timeout_ms 0: the dialer's own. */
void th_world_dial(struct th_world_node *from, const struct th_hashname *target,
                   enum th_dial_mode mode, th_ms timeout_ms, th_world_dialed_fn on_dialed,
                   void *data);

/*
 * Calls one of a node's servers, and runs the world until it has answered.
 * msg    given. reply  filled on TH_OK; the caller drops it.
 * Errors: as th_call; TH_GONE when the node is down or has no such server.
 */
TH_MUST enum th_err th_world_call(struct th_world_node *node, const char *server, struct th_msg msg,
                                  th_ms timeout_ms, struct th_msg *reply);

/* Starts a server of the scenario's own at a node that is up, beside the node's; its name is that of ops. */
void th_world_spawn(struct th_world_node *node, const struct th_server_ops *ops, void *arg);

/* Sends one of a node's servers a message, which is given; dropped when the node is down. */
void th_world_post(struct th_world_node *node, const char *server, struct th_msg msg);

/* A node that is up; NULL when none is. */
struct th_world_node *th_world_any(struct th_world *world);

#endif

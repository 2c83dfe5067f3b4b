/*
 * telehash_node.h - what is behind telehash.h: a node with its host, and the agent, the server that
 * speaks for the application.
 *
 * The application's threads and the agent share a list of requests under a lock, which is not held
 * during a callback. Everything else of a node is written before the agent starts or after it ended.
 *
 * Floor:  6; private to it.
 */
#ifndef TH_ROUTER_TELEHASH_NODE_H
#define TH_ROUTER_TELEHASH_NODE_H

#include "router/node.h"
#include "router/telehash.h"
#include "switch/udp.h"

enum {
    TH_CONNECTS_MAX = 1024, /* waiting at once; the dialer has its own limit for those at work */
    TH_LEAVE_MS = 1000      /* for the router to end its links */
};

struct th_listen;
struct th_pulling;
struct th_taking;
struct th_chan_listen;

enum th_node_phase {
    TH_NODE_NEW,
    TH_NODE_RUNNING,
    TH_NODE_FAILED, /* to start, when it was too late to take it all back: it can only be closed */
    TH_NODE_CLOSING
};

/* One th_node_connect. */
struct th_connect {
    struct th_connect *next; /* order of asking */
    uint64_t number;
    bool is_sent; /* to the dialer */
    struct th_hashname target;
    th_ms timeout_ms;
    th_connect_fn on_done;
    void *data;
};

/* The application's load and save, as a disk. */
struct th_app_disk {
    struct th_disk disk;
    th_node_load_fn load;
    th_node_save_fn save;
    void *data;
    char *beside; /* written, and not handed over yet; or NULL */
    size_t beside_len;
    bool is_broken; /* what load gave cannot be read */
};

struct th_node {
    struct th_identity identity;
    char hashname[TH_HASHNAME_SIZE];
    struct th_seeds seeds;
    struct th_udp_config udp;
    struct th_paths advertised;
    unsigned k, links_max;
    bool is_seed;
    struct th_log log;
    th_node_log_fn log_fn;
    void *log_data;

    struct {
        bool is_on; /* there are load and save */
        struct th_app_disk disk;
        struct th_kept kept; /* of earlier runs */
    } kept;

    uv_loop_t *loop; /* the application's; NULL: own threads */
    struct th_host *host;
    struct th_net *net;
    struct th_paths paths; /* for the seeds entry */
    struct th_node_tree *tree;
    th_pid agent;
    bool has_agent;
    th_node_event_fn on_event;
    void *event_data;

    uv_mutex_t lock;
    enum th_node_phase phase;            /* under lock */
    bool is_over;                        /* under lock: the agent has ended */
    struct th_connect *first;            /* under lock */
    unsigned connect_count;              /* under lock */
    uint64_t connects;                   /* under lock: ever */
    struct th_listen *listens;           /* under lock */
    struct th_stream *streams;           /* under lock: newest first */
    struct th_stream *dirty;             /* under lock: what the agent has to look at */
    unsigned listen_count, stream_count; /* under lock */
    bool has_new_listen;                 /* under lock */
    struct th_pulling *pulling;          /* the agent's */
    struct {
        struct th_chan_listen *listens;
        struct th_chan *first, *dirty; /* newest first; what the agent has to look at */
        unsigned listen_count, count;
        bool has_new_listen;
    } chans;                  /* under lock */
    struct th_taking *taking; /* the agent's */
    bool is_woken;            /* under lock: the agent was woken and has not looked yet */

    th_close_fn on_closed;
    void *close_data;
    uv_sem_t ended;    /* own threads: the agent has */
    uv_async_t closer; /* on the application's loop: something may have to be closed */
    uv_timer_t last;   /* the same: waits for the host's handles */
};

/* Randomness of the system. Errors: TH_IO. */
TH_MUST enum th_err th_node_random(void *bytes, size_t len);
TH_MUST enum th_err th_node_make_identity(struct th_identity *identity);

/*
 * Fills the node's identity, and all that load gives. What it cannot use is said to the log.
 * Errors: as th_node_new. Thread: the caller's.
 */
TH_MUST enum th_err th_node_recall(struct th_node *node, const struct th_node_options *options);
void th_node_recall_clear(struct th_node *node);

/* Gives a text to a caller who may only have asked for its size, as telehash.h says. */
enum th_err th_node_hand_out(const char *text, char *out, size_t *len);

/* Makes the agent look at the list of requests and the phase. Errors: those of th_post: TH_FULL (it is
 * about to look anyhow), TH_GONE (it has answered all), TH_NO_MEMORY. Thread: any. */
enum th_err th_node_agent_wake(struct th_node *node);

/* Wakes the agent once, until it has looked; one with a full mailbox is awake anyhow. Errors: TH_NO_MEMORY.
 * Thread: any. */
enum th_err th_node_wake(struct th_node *node);

/* Starts the agent; the tree is there. Errors: those of th_spawn. */
TH_MUST enum th_err th_node_agent_spawn(struct th_node *node, struct th_place *place);

/*
 * Takes a request off the list.
 * Returns NULL when it is not there any more: it has been answered. Thread: any.
 */
struct th_connect *th_node_take_connect(struct th_node *node, uint64_t number);

#endif

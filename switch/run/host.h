/*
 * host.h - who runs servers, where and when: what all hosts share.
 *
 * A host has places; a place is a loop on which servers take turns. host_uv gives each place a
 * thread and a uv loop; host_sim runs everything on the caller's thread under a clock that the
 * caller moves. The table of servers, mailboxes, calls, monitors and names is one and the same code.
 *
 * Looking at a server needs no answer from it: what it is doing, since when, and its counters are
 * kept in atomics.
 *
 * Floor:  1 (run).
 */
#ifndef TH_RUN_HOST_H
#define TH_RUN_HOST_H

#include "switch/run/server.h"

enum {
    TH_SERVERS_MAX = 65528, /* of one host: 13 chunks of 8, 16, 32 … */
    TH_BATCH_MAX = 64,      /* messages of one server before the next one's turn */
    TH_SERVER_NAME_MAX = 48
};

enum th_server_state {
    TH_SERVER_IDLE,
    TH_SERVER_RUNNING,
    TH_SERVER_SUSPENDED,
    TH_SERVER_RESTARTING
};

/* What can be seen of a server from outside. */
struct th_server_look {
    th_pid pid;
    uint32_t scope;
    char name[TH_SERVER_NAME_MAX];
    enum th_server_state state;
    const char *doing; /* kind of the message in hand, "alarm", "init"; NULL when idle */
    uint64_t doing_us; /* for how long; 0 when idle */
    char place[TH_SERVER_NAME_MAX];
    uint64_t messages; /* handled since it started */
    uint64_t refused;  /* calls, casts, events that found the mailbox full */
    unsigned mailbox, mailbox_peak, mailbox_max;
    uint64_t longest_callback_us;
    const char *longest_callback; /* kind of message it was; NULL before the first */
    unsigned restarts;            /* of its name, by a supervisor */
};

/*
 * Fills rows for the living servers, in order of start.
 * Returns how many there are; at most max were filled. Thread: any. Never waits for a server.
 */
unsigned th_host_look(struct th_host *host, struct th_server_look *rows, unsigned max);

/*
 * What became of everything that was ever sent in a host: casts, calls, events, the outcomes of calls
 * and monitors (an answer, or that somebody ended), and notes that events were missed or wait in a
 * stream (what is in the stream is its consumer's affair).
 *
 *     sent = handled + refused + missed + flushed + discarded + waiting
 */
struct th_account {
    uint64_t sent;
    uint64_t handled;   /* given to a server, or to a thread in th_call_wait */
    uint64_t refused;   /* the sender was told: TH_GONE, TH_FULL, TH_NO_MEMORY */
    uint64_t missed;    /* events without room or memory; the subscription knows how many */
    uint64_t flushed;   /* nobody waits for it any more: cancelled, over, unsubscribed, not asked */
    uint64_t discarded; /* waited for a server that ended */
    uint64_t waiting;   /* in a mailbox now */
    int64_t unaccounted; /* sent less all the others */
};

/*
 * Fills the account, by adding up all that servers counted.
 *
 * What waits is counted by itself, so `unaccounted` is 0 only if nothing was lost or taken twice. It
 * is exact while no server is in a turn (all idle or ended; with host_sim always, between steps);
 * else it is off by what is in hand.
 * Thread: any. Never waits for a server.
 */
void th_host_account(struct th_host *host, struct th_account *account);

/* The host's clocks. For hosts, main programs and measuring only: servers use self->now.
 * Thread: any. */
struct th_now th_host_now(struct th_host *host);
uint64_t th_host_now_us(struct th_host *host); /* of the mono clock, for measuring round trips */

/* What a server that asked for it gets when the machine wakes from a sleep, in which nothing ran. */
extern const struct th_msg_kind th_resumed_msg;

/* Asks for it, for as long as the server lives. Thread: its callbacks. */
void th_tell_resumed(const struct th_self *self);

/* A callback that runs longer than this is named in the log, while it runs. 0: never (default 1000). */
void th_host_set_watchdog(struct th_host *host, th_ms limit, const struct th_log *log);
th_ms th_host_watchdog(struct th_host *host); /* that limit; Thread: any */

#endif

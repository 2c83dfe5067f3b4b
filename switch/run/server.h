/*
 * server.h - how to write a server: a state and five callbacks, and no word about threads.
 *
 * A server is run by a host (host.h) at a place: a loop, alone or with others. Its callbacks never
 * run at the same time; they must not block. It gets messages from its mailbox, in order of sending
 * for each sender, and one alarm. What it wants of another server it posts or calls (call.h).
 *
 *     static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
 *     {
 *         struct counter *c = state;
 *         if (msg->kind == &counter_msg_add)
 *             c->sum += *(int *)msg->body;
 *         return TH_OK;
 *     }
 *
 * Floor:  1 (run).
 */
#ifndef TH_RUN_SERVER_H
#define TH_RUN_SERVER_H

#include "switch/base/check.h"
#include "switch/base/log.h"
#include "switch/run/msg.h"

#include <stdbool.h>
#include <stddef.h>

struct th_host;
struct th_place;

enum { TH_MAILBOX_MAX_DEFAULT = 4096 }; /* calls, casts and events that may wait for one server */

/* What a callback knows of itself; valid until it returns. */
struct th_self {
    struct th_host *host;
    th_pid pid;
    struct th_now now; /* taken when this batch of messages was begun */
    const struct th_log *log;
    const char *name;
    uint32_t scope; /* names are looked up within it: one for each node of a process */
};

/*
 * Every callback runs on the server's place. init, on_msg and on_alarm return TH_OK to go on; any
 * other value stops the server with that reason (terminate is still called, but not after a failed
 * init).
 */
struct th_server_ops {
    const char *name;  /* kind of server, for the log */
    size_t state_size; /* zeroed before init */

    /* arg is the spec's; borrowed, and the same again after a restart. */
    enum th_err (*init)(void *state, const struct th_self *self, void *arg);
    enum th_err (*on_msg)(void *state, const struct th_self *self, struct th_msg *msg);
    enum th_err (*on_alarm)(void *state, const struct th_self *self); /* NULL if never */
    th_ms (*deadline)(const void *state); /* asked after every callback; NULL or TH_NEVER: none */

    /* The last callback: gives back what the state holds. why: TH_OK or TH_SHUTDOWN when asked to
     * stop, else what a callback returned. */
    void (*terminate)(void *state, const struct th_self *self, enum th_err why);

    /* For a server that cannot end at once when th_stop asks it to (NULL: it can). TH_OK: it goes
     * on, and soon ends by itself: a callback returns another value. Anything else ends it now. */
    enum th_err (*on_stop)(void *state, const struct th_self *self, enum th_err why);
};

/* Everything borrowed until the server has ended, and over restarts by a supervisor. */
struct th_server_spec {
    const struct th_server_ops *ops;
    void *arg;
    const char *name; /* registered within scope while the server lives; NULL: none */
    uint32_t scope;
    struct th_place *place;
    unsigned mailbox_max;     /* 0: TH_MAILBOX_MAX_DEFAULT */
    const struct th_log *log; /* NULL: silent */
};

/*
 * Starts a server. Returns before init has run; init is the first that happens at its place, and a
 * server whose init fails ends with that reason.
 *
 * pid    filled; messages may be posted to it at once.
 * Errors: TH_NO_MEMORY; TH_IN_USE (the name is taken); TH_LIMIT (too many servers in the host);
 *         TH_SHUTDOWN (the host is closing).
 * Thread: any.
 */
TH_MUST enum th_err th_spawn(struct th_host *host, const struct th_server_spec *spec, th_pid *pid);

/*
 * Puts a message in another server's mailbox (a cast).
 *
 * msg.body  given away, whatever is returned: on failure it has been dropped already.
 * Errors:   TH_GONE (the receiver ended, or 0), TH_FULL (its mailbox is at its limit; counted),
 *           TH_NO_MEMORY.
 * Thread:   any. Never waits.
 */
enum th_err th_post(struct th_host *host, th_pid to, struct th_msg msg);

/*
 * Asks a server to end: after the callback that runs now, before any message that waits.
 * Its terminate gets `why` (TH_SHUTDOWN, or TH_OK for a normal end of its own). Harmless when gone.
 * Thread: any. Returns at once.
 */
void th_stop(struct th_host *host, th_pid pid, enum th_err why);

/*
 * Keeps a server from handling messages and alarms until th_resume or for_ms have passed (at most
 * 1 h); its mailbox fills meanwhile. Errors: TH_GONE. Thread: any.
 */
enum th_err th_suspend(struct th_host *host, th_pid pid, th_ms for_ms);
enum th_err th_resume(struct th_host *host, th_pid pid);

/* The server that lives under a name; 0 when there is none (posting to 0 is TH_GONE). Thread: any. */
th_pid th_whereis(struct th_host *host, uint32_t scope, const char *name);

/*
 * A monitor: tells when a server ends.
 *
 * Exactly one message of kind th_down_msg, body `struct th_down`, comes to the monitoring server,
 * at once with TH_GONE when the server had ended before; none after th_demonitor.
 */
extern const struct th_msg_kind th_down_msg;
struct th_down {
    uint64_t ref; /* what th_monitor gave */
    th_pid pid;
    enum th_err why;
};

/* Errors: TH_NO_MEMORY, TH_LIMIT. Thread: owner (called from one of its callbacks). */
TH_MUST enum th_err th_monitor(const struct th_self *self, th_pid pid, uint64_t *ref);

/* Also takes back a down message that waits in the mailbox. Unknown references are harmless. */
void th_demonitor(const struct th_self *self, uint64_t ref);

#endif

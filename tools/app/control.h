/*
 * control.h - the control socket: how thctl, scripts and other programs see and steer a node.
 *
 * A server that listens on a Unix stream socket and answers JSON-RPC 2.0, one object a line, by the
 * methods of control_table.h. Every connection is a small state machine of its own; what ends one
 * takes nothing else down. What a method wants to know it asks the node's servers by calls, so that
 * the control server waits for nobody.
 *
 * Floor:  7 (app).
 * Thread: its place's, which is one of host_uv; bind and unbind: one that may block.
 * Owns:   connections and their requests. The listening descriptor is the program's, so that it
 *         outlives a restart of the server.
 * Limits: below, and control_conn.h's.
 */
#ifndef TH_APP_CONTROL_H
#define TH_APP_CONTROL_H

#include "router/node.h"
#include "switch/wire/seed_uri.h"
#include "tools/app/config.h"
#include "tools/app/logger.h"

#include <sys/types.h>

enum {
    TH_CONTROL_CLIENTS_MAX = 64,
    TH_CONTROL_OTHERS_MAX = 56,   /* then only the owner and root are let in, to end that */
    TH_CONTROL_REQUESTS_MAX = 16, /* of one client at once; it is not read meanwhile */
    TH_CONTROL_JOBS_MAX = 512,    /* requests that wait, those of clients that went included */
    TH_CONTROL_GATHER_MS = 3000,  /* for the node's servers to answer: below thctl's 5 s */
    TH_CONTROL_PINGS_MAX = 1000,  /* of one request */
    TH_CONTROL_GROUP_MAX = 64,
    TH_SUSPEND_MS_DEFAULT = 30000 /* a server that somebody forgot comes back by itself */
};

/* Registered names; the guard watches the supervisors. */
#define TH_CONTROL_NAME "control"
#define TH_CONTROL_SUPERVISOR_NAME "control-supervisor"
#define TH_CONTROL_GUARD_NAME "guard"

/* The socket's file, bound and listening. */
struct th_control_socket {
    int fd; /* -1: none */
    char path[TH_SOCKET_PATH_MAX];
    char owner[TH_CONTROL_GROUP_MAX]; /* who may change things, besides root; a name or a number */
    char group[TH_CONTROL_GROUP_MAX]; /* who may connect besides the owner */
    bool is_for_group;                /* it was given the group telehash */
    dev_t device;
    ino_t inode;
};

/*
 * Binds the control socket, mode 0660. Its folder is made when it is missing; a socket on which
 * nobody listens is replaced. Call it before there are threads: it sets the umask for a moment.
 *
 * Errors: TH_IN_USE (somebody listens there), TH_INVALID (a file of another type has that name),
 *         TH_NO_PERMISSION, TH_IO. say is filled then.
 */
TH_MUST enum th_err th_control_bind(struct th_control_socket *out, const char *path,
                                    char say[TH_SAY_MAX]);

/* Its user is another now: whose rights a change needs; its group is looked at anew. name: borrowed
 * until return. */
void th_control_set_owner(struct th_control_socket *socket, const char *name);

/* Closes it and removes its file, if that is still ours. */
void th_control_unbind(struct th_control_socket *socket);

/* The server's spec.arg; borrowed for its life and over restarts. */
struct th_control_config {
    const struct th_control_socket *socket;
    struct th_place *place; /* the server's own, a place of host_uv */
    const struct th_identity *identity;
    const struct th_paths *advertised;
    unsigned host_count; /* those of the advertised addresses that were given by name */
    const struct th_seed_host *hosts;
    struct th_logger *logger; /* whose lines `log` shows; NULL: none */
    struct th_tap *tap;       /* of the node, for captures; NULL: they are not allowed */
    th_ms started_at;         /* mono, of the daemon */
    th_epoch_ms started_wall; /* the same by the wall clock; 0: not known */
    th_ms gather_ms;          /* for the node's servers to answer; 0: TH_CONTROL_GATHER_MS */
    void (*stop)(void *data); /* `stop` was asked for; called on the server's place */
    void *data;
};

/* The wall clock in microseconds, for the tap. */
uint64_t th_wall_us(void);

extern const struct th_server_ops th_control_ops;

#endif

/*
 * registry.h - a server that announces which servers come and go under a name. A node has one.
 *
 * Names are taken by th_spawn and found by th_whereis without it. The host tells it of each change in
 * its scope, in order, and it announces that on an event manager: registered {name, pid}, exited
 * {name, pid, why}. Whoever wants to know all asks it for the list; list and events are numbered alike,
 * so that one takes the list and applies later events only.
 *
 * An event that says that the registry itself is registered means: ask for the list (anew), for
 * changes may have been lost. So it begins, and so it goes on after the manager was gone or full.
 * A server that came and went while the registry's own mailbox was full is not announced.
 *
 * Floor:  1 (run).
 * Thread: its place's; others post and call.
 * Owns:   a copy of the names of its scope.
 * Limits: one row for each server with a name, TH_SERVERS_MAX in all.
 */
#ifndef TH_RUN_REGISTRY_H
#define TH_RUN_REGISTRY_H

#include "switch/run/host.h"

/* The server's spec.arg; borrowed for its life. Its own name is required. */
struct th_registry_spec {
    const char
        *manager; /* name of the event manager, in the registry's scope; it may be restarted */
    uint64_t registered_kind; /* one bit: what the events are announced as, both as state */
    uint64_t exited_kind;
};

extern const struct th_server_ops th_registry_ops;

/* Body of its events. */
struct th_name_change {
    uint64_t number; /* rising; of the host, so that a restart of the registry does not matter */
    th_pid pid;
    enum th_err why;               /* exited: TH_GONE also when the reason was lost */
    char name[TH_SERVER_NAME_MAX]; /* longer ones are cut */
};

struct th_name_row {
    th_pid pid;
    char name[TH_SERVER_NAME_MAX];
};
struct th_name_list {
    uint64_t number; /* of the last change in it */
    unsigned count;
    struct th_name_row row[]; /* order of start */
};
/* Call the registry with this (no body) for all names; the reply, same kind, has a struct th_name_list
 * as body. */
extern const struct th_msg_kind th_registry_list_msg;

#endif

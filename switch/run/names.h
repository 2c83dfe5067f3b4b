/*
 * names.h - who wants to be told when names are taken and freed.
 *
 * Floor:  1 (run); private to it.
 */
#ifndef TH_RUN_NAMES_H
#define TH_RUN_NAMES_H

#include "switch/run/host_core.h"
#include "switch/run/registry.h"

/* Embedded in a server's state; in the host's list until it is ended. */
struct th_name_watch {
    struct th_name_watch *next;
    th_pid watcher;
    uint32_t scope;
    atomic_bool has_lost; /* a note did not reach the watcher: it should read all names again */
};

/* Body of th_run_name_msg, which the watcher gets in the order of the changes. */
struct th_name_note {
    struct th_name_change change;
    bool is_end;
};
extern const struct th_msg_kind th_run_name_msg;

/* Under the host's lock: the name of this server was taken, or freed because of its end. */
void th_run_names_tell(struct th_slot *slot, bool is_end, enum th_err why);

/*
 * Reads the names of the watch's scope in order of start, and begins to tell of later changes, if that
 * has not begun.
 * Returns NULL without memory; else the caller frees it. Thread: the watcher.
 */
TH_MUST struct th_name_list *th_run_names_read(struct th_host *host, struct th_name_watch *watch);

/* Tells no more. Thread: the watcher. */
void th_run_names_end(struct th_host *host, struct th_name_watch *watch);

#endif

/*
 * process.h - the process that a daemon runs in: its descriptors, its signals, whose it is.
 *
 * Floor:  7 (app).
 * Thread: the main one, before there are others.
 */
#ifndef TH_APP_PROCESS_H
#define TH_APP_PROCESS_H

#include "tools/app/config.h"

#include <signal.h>
#include <sys/types.h>

/* A descriptor 0 to 2 that is closed would become the first file or socket that we open, and be written to
 * as if it were a terminal: opens what is closed. False: it cannot. */
bool th_process_open_descriptors(void);

bool th_process_has_terminal(void);

/* Holds back the signals that end us or reload, for the main thread alone: threads inherit this. What
 * whoever started us ignores (nohup, a shell's background) stays ignored. ends: filled with them. */
void th_process_hold_signals(sigset_t *ends);

/* Long-lived secrets stay out of core dumps and, as far as the limit of locked memory goes, out of swap.
 * Nothing fails without: who has no such limit left starts all the same. Keys of lines are not locked: a
 * system call for each would be paid on a packet's way. */
void th_process_guard_secrets(void *secrets, size_t size);

/* No core is written, for there are keys of lines in it; prlimit --core allows it again, to find a bug. */
void th_process_write_no_core(void);

/* Somebody whose rights the daemon is to have. */
struct th_user {
    char name[64];
    uid_t uid;
    gid_t gid;
};

/*
 * Finds a user by its name. Who is not root can only be itself.
 * is_needed  filled with whether we have to become it.
 * Errors: TH_INVALID (there is no such user; it is root; we may not become it). say is filled then.
 */
TH_MUST enum th_err th_process_find_user(struct th_user *out, bool *is_needed, const char *name,
                                         char say[TH_SAY_MAX]);

/*
 * Whether a state directory may be given to the user; asked before anything is made there. One that is
 * missing may. One of root's may hold nothing but what a daemon writes (th_disk_look_is_ours), the control
 * socket and lost+found: --state-dir /etc must give nothing away. Nor must /mnt: one with nothing of a
 * daemon's in it is given only when it is called telehash.
 * Errors: TH_INVALID (everybody may write to it, it is a third user's, it holds something else, nothing
 *         says that it is a daemon's), TH_IO; say is filled then.
 */
TH_MUST enum th_err th_process_may_give(const struct th_user *user, const char *state_dir,
                                        const char *socket, char say[TH_SAY_MAX]);

/*
 * Gives what root made at the start to the user: the state directory with the daemon's files, the control
 * socket, and the socket's folder when that is called telehash, nobody else may write there and only
 * sockets are in it. Links are not followed; what is not root's, or has several names, is left as it is.
 * keeps_group  the socket's group stays: it is the one that may connect.
 * Errors: those of th_process_may_give, which is asked again but for the last; nothing was given then.
 */
TH_MUST enum th_err th_process_give(const struct th_user *user, int state_fd, const char *socket,
                                    bool keeps_group, char say[TH_SAY_MAX]);

/*
 * Becomes that user, with the groups that it is in, for good. We are root.
 * Errors: TH_NO_PERMISSION (also when the way back is not closed); say is filled then.
 */
TH_MUST enum th_err th_process_become(const struct th_user *user, char say[TH_SAY_MAX]);

#endif

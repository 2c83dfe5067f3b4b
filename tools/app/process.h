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

/* Somebody whose rights the daemon is to have. */
struct th_user {
    char name[64];
    uid_t uid;
    gid_t gid;
};

/* Errors: TH_INVALID (there is no such user, or it is root), TH_IO. say is filled then. */
TH_MUST enum th_err th_process_find_user(struct th_user *out, const char *name,
                                         char say[TH_SAY_MAX]);

/*
 * Gives a folder, what is in it and a file to a user: what root made at the start is the user's to write.
 * Links are not followed, and a file with several names is left as it is: it may be another's.
 * Errors: TH_IO; say is filled then.
 */
TH_MUST enum th_err th_process_give(const struct th_user *user, int dir_fd, const char *folder,
                                    char say[TH_SAY_MAX]);
TH_MUST enum th_err th_process_give_socket(const struct th_user *user, const char *path,
                                           char say[TH_SAY_MAX]);

/*
 * Becomes that user, with the groups that it is in, for good. We are root.
 * Errors: TH_NO_PERMISSION (also when the way back is not closed); say is filled then.
 */
TH_MUST enum th_err th_process_become(const struct th_user *user, char say[TH_SAY_MAX]);

#endif

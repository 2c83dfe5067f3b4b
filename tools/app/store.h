/*
 * store.h - the state directory: its lock, the identity, and the disk for what the node keeps.
 *
 *     identity.json   the key pair, in the form of all implementations; 0600; none with --identity
 *     lock            held while a daemon uses the directory; always empty
 *     peers.json, state.json, ages.json: router/keep.h
 *
 * Floor:  7 (app).
 * Thread: one that may block: files are read and written at once.
 */
#ifndef TH_APP_STORE_H
#define TH_APP_STORE_H

#include "switch/wire/seeds.h"
#include "tools/app/config.h"
#include "tools/app/disk_posix.h"

enum { TH_STORE_FILE_MAX = 1 << 20 };

struct th_store {
    char dir[TH_FILE_PATH_MAX];
    int dir_fd, lock_fd;       /* -1: not open */
    struct th_disk_posix disk; /* the directory; while it is open */
};

/*
 * Opens a state directory, makes it (0700) when it is missing, and locks it.
 *
 * say     filled on failure with one line for the operator, as in all that follows.
 * Errors: TH_IN_USE (another daemon holds the lock), TH_NO_PERMISSION, TH_INVALID (no directory),
 *         TH_IO.
 */
TH_MUST enum th_err th_store_open(struct th_store *store, const char *dir, char say[TH_SAY_MAX]);

/*
 * Reads the identity, or makes one when there is none.
 *
 * seed    32 random bytes for a new one.
 * is_new  filled.
 * Errors: TH_FORMAT, TH_NO_PERMISSION (also: others can read it), TH_IO.
 */
TH_MUST enum th_err th_store_identity(struct th_store *store, struct th_identity *out,
                                      const uint8_t seed[TH_KEY_BYTES], bool *is_new,
                                      char say[TH_SAY_MAX]);

/* Reads the identity of a directory that another daemon may have locked.
 * Errors: as th_store_identity, and TH_NO_ENTRY when there is none. */
TH_MUST enum th_err th_store_peek_identity(struct th_identity *out, const char *dir,
                                           char say[TH_SAY_MAX]);

/* Reads a key that lies elsewhere (--identity); nothing is ever written to it.
 * Errors: as above, and TH_INVALID (no regular file). */
TH_MUST enum th_err th_store_read_identity(struct th_identity *out, const char *file,
                                           char say[TH_SAY_MAX]);

/* Lets the lock go. A zeroed store must not be closed; one that failed to open may be. */
void th_store_close(struct th_store *store);

/* Reads a seeds file that an operator named and appends its nodes. Errors: TH_FORMAT, TH_NO_ENTRY,
 * TH_NO_PERMISSION, TH_INVALID (no file), TH_IO, TH_TOO_BIG (also: too many nodes), TH_NO_MEMORY. */
TH_MUST enum th_err th_store_read_seeds(struct th_seeds *out, const char *file,
                                        char say[TH_SAY_MAX]);

#endif

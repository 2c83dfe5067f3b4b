/*
 * settings.h - what an operator changes while the daemon runs: the configuration that is read again,
 * and the seeds.
 *
 * A server. It answers questions (th_settings_msg_ask), has the names of seeds looked up again, and those
 * of ours that had no address at the start, and tells the bootstrap whom to join from, also when that was
 * restarted. It reads and writes files, so its place
 * is one that may wait for a disk.
 *
 * Floor:  7 (app).
 * Thread: its place's.
 * Owns:   the seed book, and seeds.json in the state directory.
 */
#ifndef TH_APP_SETTINGS_H
#define TH_APP_SETTINGS_H

#include "switch/allowed.h"
#include "tools/app/disk_look.h"
#include "tools/app/logger.h"
#include "tools/app/seedbook.h"

#define TH_SETTINGS_NAME "settings"

enum {
    /* How long after a look-up the next: when it failed 1, 2, 4 … s up to a minute, else ten minutes, as
     * long as resolvers keep an address that names no time; one minute while we have not joined. */
    TH_RESOLVE_FIRST_MS = 1000,
    TH_RESOLVE_PAUSE_MAX_MS = 60000,
    TH_RESOLVE_EVERY_MS = 600000
};

/* The spec's arg; borrowed for the server's life and over restarts. */
struct th_settings_config {
    struct th_logger *logger;
    struct th_disk *disk;
    const struct th_hashname *self;
    const struct th_config *started_with;
    const struct th_seeds *seeds; /* with which the bootstrap starts, also again */
    struct th_seedbook *book;     /* the server's alone while it runs */
    struct th_allowed *allowed;   /* with whom the node talks */
    const struct th_paths
        *advertised; /* of --advertise, but for the names that have no address yet */
    unsigned missing_count;
    const struct th_seed_host *missing; /* these */
    int argc;                           /* the flags, to be read again with the file */
    char *const *argv;
    const struct th_environment *env;

    struct th_paths found; /* of the missing ones; the server's, over restarts */
    bool is_found[TH_ADVERTISE_MAX];
    struct th_config applied; /* the server's, over restarts; zeroed: started_with */
};

extern const struct th_server_ops th_settings_ops;

enum th_settings_what {
    TH_SETTINGS_RELOAD,
    TH_SETTINGS_SEEDS,
    TH_SETTINGS_ADD,
    TH_SETTINGS_REMOVE
};

/* Call, body struct th_settings_ask. The reply, same kind, has a body struct th_settings_answer. */
extern const struct th_msg_kind th_settings_msg_ask;
struct th_settings_ask {
    enum th_settings_what what;
    char text[TH_SEED_URI_MAX]; /* ADD: a URI; REMOVE: how a hashname begins */
};

extern const struct th_msg_kind th_settings_msg_answer;
struct th_settings_answer {
    enum th_err err;       /* TH_INVALID: what was asked for is none; else why it was not done */
    char say[TH_SAY_MAX];  /* for whoever asked, when it failed */
    struct json_t *result; /* else; NULL without memory */
};

/* Call, no body: how the disk is, the names of seeds and of ours. Reply, same kind, body struct
 * th_settings_status. */
extern const struct th_msg_kind th_settings_msg_status;
struct th_settings_status {
    struct th_disk_look disk;
    unsigned names, names_failing; /* seeds that were given by name; those last looked up in vain */
    char failing[64];              /* one of the names; "" none */
    unsigned own_missing;          /* names of --advertise that have had no address so far */
    char own[64];                  /* one of them; "" none */
    unsigned listen_count;         /* where it was told to listen; 0: where it does by itself */
    struct th_addr listen[TH_LISTEN_MAX];
    uint32_t rcvbuf; /* that was asked for */
    bool is_port_map;
};

#endif

/*
 * keeper.h - the keeper: writes to disk what the next run should know.
 *
 * A server over router/keep. In rounds it asks the switch for the highest `at` and the lines, the router
 * for the links and the ages, and writes what changed, one step of the disk a turn. The first round is
 * soon after the start, so that one who joins and is killed knows its peers all the same; the last one
 * when it is stopped. A disk that fails or is full is said once, and tried again with every round.
 *
 * Steps of a disk may take their time: the place should be its own.
 *
 * Floor:  5.
 * Thread: its place's; others post and call.
 * Owns:   the files peers.json, state.json and ages.json of a disk.
 * Limits: TH_REMEMBERED_MAX peers, TH_AGES_MAX ages; TH_KEEPER_WAITERS_MAX who wait for a round.
 */
#ifndef TH_ROUTER_KEEPER_H
#define TH_ROUTER_KEEPER_H

#include "router/keep.h"
#include "router/remember.h"

enum {
    TH_KEEPER_FIRST_MS = 5000,
    TH_KEEPER_EVERY_MS = 30000,
    TH_KEEPER_AGES_MS = 600000, /* the ages, which say days, less often */
    TH_KEEPER_HURRY_MS = 300,   /* for all answers of a round that somebody waits for */
    TH_KEEPER_WAITERS_MAX = 8   /* more are answered TH_LIMIT */
};

/* The spec's arg; borrowed for the server's life and over restarts. */
struct th_keeper_config {
    struct th_disk *disk;
    const char *switch_name, *router_name;
};

extern const struct th_server_ops th_keeper_ops;

/* Call, no body: writes now what changed. The reply, same kind, comes when that is done, as far as the
 * others answered in TH_KEEPER_HURRY_MS; body `enum th_err *`, or none for TH_OK: those of
 * th_keep_load and th_keep_step, TH_LIMIT. */
extern const struct th_msg_kind th_keeper_msg_save;

/* Call, no body. Reply, same kind, body struct th_keeper_status. */
extern const struct th_msg_kind th_keeper_msg_status;
struct th_keeper_status {
    bool has_saved;
    th_ms saved_ms;            /* since the last round in which nothing failed */
    bool is_failing;           /* a file could not be written, or not read */
    char say[TH_KEEP_SAY_MAX]; /* then: what was wrong with the latest */
};

#endif

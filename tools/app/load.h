/*
 * load.h - what is there before the node: identity, seeds, what the last run left.
 *
 * Everything that was named is looked at before anything is made, so that a typing error leaves no
 * trace.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_LOAD_H
#define TH_APP_LOAD_H

#include "switch/wire/kept.h"
#include "switch/allowed.h"
#include "tools/app/seedbook.h"
#include "tools/app/store.h"

/* Ends with th_load_clear. Begins zeroed, with a store that is not open. */
struct th_loaded {
    struct th_store store;
    struct th_identity identity;
    struct th_seedbook book;   /* of the settings, once they run */
    struct th_seeds seeds;     /* the node's to read, for its life */
    struct th_kept kept;       /* the same: what the last run left */
    struct th_allowed allowed; /* with whom we talk; initialised by the caller */
    struct th_paths advertised;
    unsigned missing_count; /* names of --advertise that have no address yet */
    struct th_seed_host missing[TH_ADVERTISE_MAX];
    unsigned host_count; /* those of them that are names */
    struct th_seed_host hosts[TH_SEED_HOSTS_MAX];
};

/* The identity of the open state directory; made when there is none. Errors: as th_store_identity. */
TH_MUST enum th_err th_load_own_identity(struct th_loaded *loaded, char say[TH_SAY_MAX]);

/* The files that flags or the configuration name. Errors: those of th_store_read_identity and
 * th_seedbook_configure. */
TH_MUST enum th_err th_load_files(struct th_loaded *loaded, const struct th_config *config,
                                  char say[TH_SAY_MAX]);

/* What is advertised; its names are looked up. Errors: those of th_addresses_resolve. */
TH_MUST enum th_err th_load_advertised(struct th_loaded *loaded, const struct th_config *config,
                                       char say[TH_SAY_MAX]);

/* Both. Names that have no address yet stop nothing: they are said in the log, and looked up again by
 * the settings. */
TH_MUST enum th_err th_load_named(struct th_loaded *loaded, const struct th_config *config,
                                  const struct th_log *log, char say[TH_SAY_MAX]);

/* What is in the open state directory. Errors: those of th_store_identity and th_keep_load. */
TH_MUST enum th_err th_load_state(struct th_loaded *loaded, const struct th_config *config,
                                  const struct th_log *log, char say[TH_SAY_MAX]);

void th_load_clear(struct th_loaded *loaded);

#endif

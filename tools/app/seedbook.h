/*
 * seedbook.h - the seeds that an operator named: in files, by flags, and while it runs.
 *
 * A list and its text; who looks up names and tells the node is settings.h.
 *
 * Floor:  7 (app).
 * Thread: the owner's; those that read files block.
 * Limits: TH_SEEDS_MAX seeds.
 */
#ifndef TH_APP_SEEDBOOK_H
#define TH_APP_SEEDBOOK_H

#include "router/disk.h"
#include "switch/base/clock.h"
#include "switch/wire/seed_uri.h"
#include "tools/app/config.h"

enum { TH_BOOK_FROM_MAX = 256 };

#define TH_BOOK_FILE "seeds.json" /* of the state directory: those that were added */

struct th_book_seed {
    struct th_named_seed named;
    char from[TH_BOOK_FROM_MAX]; /* "added", "--seed", or the name of a file, cut when it is long */
    bool is_added;               /* kept in TH_BOOK_FILE */
    bool is_configured;          /* by a flag or a file */

    struct th_paths resolved; /* of its names, the latest that were found; never replaced by none */
    th_ms resolved_at;
    unsigned fails; /* in a row */
    th_ms at;       /* of the next look-up */
};

/* A growing list; a zeroed one is empty. Pointers into it are good until something is added. */
struct th_seedbook {
    unsigned count, room;
    struct th_book_seed *seed;
    bool is_cut; /* TH_BOOK_FILE has more than found a place: it is not written over */
};

/*
 * Appends what a configuration names: files of seeds, and URIs.
 * say     filled on failure. Errors: those of th_store_read_seeds.
 */
TH_MUST enum th_err th_seedbook_configure(struct th_seedbook *book, const struct th_config *config,
                                          char say[TH_SAY_MAX]);

/*
 * Appends what was added in earlier runs. A broken file is kept aside.
 * warning  filled then, and when not all found a place; else "".
 * Errors:  as th_keep_load.
 */
TH_MUST enum th_err th_seedbook_load(struct th_seedbook *book, struct th_disk *disk,
                                     char warning[TH_SAY_MAX], char say[TH_SAY_MAX]);

/* Writes those that were added. Errors: TH_LIMIT (the file has more than found a place), those of
 * th_replace_all; the file is the old one then. */
TH_MUST enum th_err th_seedbook_save(const struct th_seedbook *book, struct th_disk *disk);

/*
 * Adds a seed that somebody named while it runs. One that is there gets the addresses and names that it
 * lacks. Errors: TH_LIMIT, TH_NO_MEMORY.
 */
TH_MUST enum th_err th_seedbook_add(struct th_seedbook *book, const struct th_named_seed *seed);

struct th_book_seed *th_seedbook_find(const struct th_seedbook *book, const struct th_hashname *id);
void th_seedbook_remove(struct th_seedbook *book, struct th_book_seed *seed);

/* Copies a book into one that is empty. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_seedbook_copy(struct th_seedbook *out, const struct th_seedbook *from);

/* A seed with all the addresses that are known for it. */
struct th_seed th_seedbook_seed(const struct th_book_seed *seed);

/* All of them. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_seedbook_seeds(struct th_seeds *out, const struct th_seedbook *book);

void th_seedbook_clear(struct th_seedbook *book);

#endif

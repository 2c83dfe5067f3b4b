/*
 * kept.h - the text of the files that a node keeps between its runs.
 *
 *     peers.json    {"format":1,"peers":{…a seeds file…}}
 *     state.json    {"format":1,"at":…}
 *     ages.json     {"format":1,"ages":{hashname:[first seen, last seen], …}}
 *     seeds.json    {"format":1,"seeds":["telehash://…", …]}
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_KEPT_H
#define TH_WIRE_KEPT_H

#include "switch/base/clock.h"
#include "switch/wire/seed_uri.h"

enum {
    TH_KEPT_FORMAT = 1,
    TH_KEPT_AGES_MAX = 1024 /* about 100 bytes each: 100 kB */
};

/* When a node was seen. */
struct th_age {
    struct th_hashname id;
    th_epoch_ms first_seen_at;
    th_epoch_ms last_seen_at;
};

/* All that is kept; a zeroed one is empty. */
struct th_kept {
    struct th_seeds peers; /* whom to try first, best first */
    int64_t at;            /* the highest that was sent */
    unsigned ages_count;
    struct th_age *age; /* NULL for none */
};

void th_kept_clear(struct th_kept *kept);

/* Every reader fails with TH_FORMAT, TH_NEWER (a format that a later version made) or TH_NO_MEMORY, and
 * says in complaint what is wrong. Every writer fills text with memory of th_mem, which the caller
 * frees, and fails with TH_NO_MEMORY. */

/* Reads peers into an empty list; it stays empty on failure. */
TH_MUST enum th_err th_kept_read_peers(struct th_seeds *out, struct th_bytes text,
                                       char complaint[TH_COMPLAINT_MAX]);
TH_MUST enum th_err th_kept_write_peers(char **text, const struct th_seed *peers, unsigned count);

/* Reads the highest `at` that was sent, 0 and up. */
TH_MUST enum th_err th_kept_read_at(int64_t *at, struct th_bytes text,
                                    char complaint[TH_COMPLAINT_MAX]);
TH_MUST enum th_err th_kept_write_at(char **text, int64_t at);

/* Reads ages; age is filled with memory of th_mem, NULL for none. At most TH_KEPT_AGES_MAX. */
TH_MUST enum th_err th_kept_read_ages(struct th_age **age, unsigned *count, struct th_bytes text,
                                      char complaint[TH_COMPLAINT_MAX]);
TH_MUST enum th_err th_kept_write_ages(char **text, const struct th_age *age, unsigned count);

/* Reads the seeds that an operator added; seed is filled with memory of th_mem, NULL for none. At most
 * TH_SEEDS_MAX. */
TH_MUST enum th_err th_kept_read_seeds(struct th_named_seed **seed, unsigned *count,
                                       struct th_bytes text, char complaint[TH_COMPLAINT_MAX]);
TH_MUST enum th_err th_kept_write_seeds(char **text, const struct th_named_seed *seed,
                                        unsigned count);

#endif

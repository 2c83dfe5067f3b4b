/*
 * seeds.h - the seeds file: nodes to join from.
 *
 * {hashname: {"paths":[…], "parts":{csid: fingerprint}, "keys":{csid: base64}, …}, …}, telehash.org
 * v2/seeds.md. The same shape keeps the peers of the last run.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_SEEDS_H
#define TH_WIRE_SEEDS_H

#include "switch/wire/identity.h"
#include "switch/wire/path.h"

enum { TH_SEEDS_MAX = 256 };

struct th_seed {
    struct th_hashname id;
    struct th_parts parts;
    struct th_public_key key; /* of the highest cipher set of its parts that we have */
    struct th_paths paths;
};

/* A growing list; a zeroed one is empty. */
struct th_seeds {
    unsigned count; /* 0..TH_SEEDS_MAX */
    unsigned room;
    struct th_seed *seed;
};

/*
 * Reads a seeds file and appends its nodes to `out`, each hashname once.
 *
 * complaint  filled on failure with what is wrong and where (line and column, or the hashname).
 * Errors: TH_FORMAT (no JSON; no object; a hashname that its parts do not make; a key that its
 *         fingerprint does not match; no CS3a key); TH_LIMIT (over TH_SEEDS_MAX); TH_NO_MEMORY. out
 *         is untouched then. Unknown members and path types are skipped.
 */
TH_MUST enum th_err th_seeds_read(struct th_seeds *out, struct th_bytes text,
                                  char complaint[TH_COMPLAINT_MAX]);

/*
 * Writes nodes as a seeds file; of each a cipher set has a row in the table (cipher.h).
 * text  filled with memory of th_mem, with a newline and a 0 at its end; the caller frees it.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_seeds_write(char **text, const struct th_seed *seeds, unsigned count);

/* Writes one node with a member "uri" besides, which others skip (seed_uri.h). uri: plain ASCII. */
TH_MUST enum th_err th_seeds_write_one(char **text, const struct th_seed *seed, const char *uri);

/* Appends a node; one that is there already gets the addresses that it lacks, as far as there is room.
 * Errors: TH_LIMIT (over TH_SEEDS_MAX), TH_NO_MEMORY. */
TH_MUST enum th_err th_seeds_add(struct th_seeds *seeds, const struct th_seed *seed);

void th_seeds_clear(struct th_seeds *seeds);

#endif

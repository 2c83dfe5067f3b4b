/*
 * newcomers.h - lines that only an open of the other side made, and on which nothing has come yet.
 *
 * An open costs its sender little and proves nothing: anybody may make up senders, and addresses too.
 * So there is room for few such lines, apart from the others, and when one more comes, one goes that
 * proved nothing so far: the oldest of the most crowded network. Who floods us so pushes out his own
 * before those of others, as long as his addresses lie closer together than theirs.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_NEWCOMERS_H
#define TH_CORE_NEWCOMERS_H

#include "switch/base/err.h"
#include "switch/base/hash.h"
#include "switch/wire/path.h"

enum {
    /* About 1 KiB each. At 2,000 opens a second each has a quarter of a second at least. */
    TH_NEWCOMERS_MAX = 512,
    TH_NEWCOMER_CROWDS = 256
};

struct th_newcomer {
    struct th_line *line;
    uint8_t crowd;
};

/* Embed by value. A zeroed one is empty and holds no memory. */
struct th_newcomers {
    unsigned count, room;
    struct th_newcomer *newcomer; /* in order of coming */
    uint16_t crowd[TH_NEWCOMER_CROWDS];
};

/* What networks are counted as one: a /24 of IPv4, a /64 of IPv6, all that was relayed. Others may fall
 * into the same by chance, but not by choice: the secret is ours. */
uint8_t th_newcomer_crowd(const uint8_t secret[TH_HASH_SECRET_BYTES], const struct th_addr *from);

/* Adds one, of which there must be fewer than TH_NEWCOMERS_MAX. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_newcomers_add(struct th_newcomers *newcomers, struct th_line *line,
                                     uint8_t crowd);

/* Takes out one that is there. */
void th_newcomers_remove(struct th_newcomers *newcomers, const struct th_line *line);

/* The one to give up for another: the oldest of those in the most crowded network. There is one. */
struct th_line *th_newcomers_worst(const struct th_newcomers *newcomers);

void th_newcomers_clear(struct th_newcomers *newcomers);

#endif

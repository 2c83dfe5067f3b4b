/*
 * boot_source.h - the nodes that one may join from.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_BOOT_SOURCE_H
#define TH_ROUTER_BOOT_SOURCE_H

#include "switch/base/clock.h"
#include "switch/base/rng.h"
#include "switch/wire/seeds.h"

enum {
    /* Pauses after a failure: 1, 2, 4, 8, 16, 20, 20 … s. */
    TH_BOOT_PAUSE_FIRST_MS = 1000,
    TH_BOOT_PAUSE_MAX_MS = 20000,
    TH_BOOT_PATIENCE_MS = 600000,    /* a configured seed that is silent for so long … */
    TH_BOOT_PAUSE_SILENT_MS = 60000, /* … is tried this often */

    TH_BOOT_TRIES = 3,              /* of a source that nobody configured, in a row … */
    TH_BOOT_PAUSE_LEFT_MS = 600000, /* … then this pause, which matters only to who has no link */

    TH_BOOT_PAUSE_REFUSED_MS = 3600000, /* it has no room for us, and we do without it */

    /* So many links that fell silent within so long, a third of all, are no churn: the network is in two, or we
     * were away. Our part looks whole to us, and only configured seeds lead to the other. */
    TH_BOOT_CUT_MIN = 8,
    TH_BOOT_CUT_SHARE = 3,
    TH_BOOT_CUT_MS = 120000,
    TH_BOOT_CUT_ASK_MS = 60000, /* then those that had no room are asked within this … */
    TH_BOOT_CUT_LOOK_MS =
        3000, /* … and when one is heard we look for ourselves, by those it leads to */

    TH_BOOT_MET_MAX = 32 /* peers kept to come back through; about 160 bytes each */
};

enum th_boot_kind {
    TH_BOOT_CONFIGURED, /* tried for ever */
    TH_BOOT_REMEMBERED, /* tried while there is no link */
    TH_BOOT_MET         /* the same, once it was linked */
};

enum th_boot_phase { TH_BOOT_IDLE, TH_BOOT_OPENING, TH_BOOT_LINKING, TH_BOOT_LINKED };

struct th_boot_source {
    struct th_hashname id;
    struct th_public_key key;
    struct th_addr
        *addr; /* path_count of them, and the parts behind: in one piece, as few as there are */
    uint8_t part_count, path_count;
    uint8_t
        sole_csid; /* its only part is of this cipher set and follows from the key; 0: they are kept */
    uint8_t kind;   /* enum th_boot_kind */
    uint8_t phase;  /* enum th_boot_phase */
    bool is_asking; /* its action was not yet taken by th_boot_next */
    bool is_line_up;
    bool was_linked;
    bool has_failed : 1;  /* since we began to join */
    bool has_refused : 1; /* it answered and had no room, since we last linked with somebody else */
    bool is_useless : 1;  /* its key is bad, or it is ourselves */
    uint16_t fails;       /* in a row */
    uint32_t attempt;
    th_ms at;           /* IDLE: not before; OPENING, LINKING: given up then */
    th_ms silent_since; /* the first of these fails */
    th_ms reached_at;   /* when its line came up, or went, last; 0: never */
    uint64_t order;     /* of being met */
};

/* A growing list; a zeroed one is empty. Pointers into it are good until something is added. */
struct th_boot_sources {
    unsigned count, room;
    uint64_t orders;
    struct th_boot_source *source;
};

struct th_boot_source *th_boot_sources_find(const struct th_boot_sources *sources,
                                            const struct th_hashname *id);

/*
 * Adds a node; one that is there keeps its better kind and gets the addresses that it lacks.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_boot_sources_add(struct th_boot_sources *sources, const struct th_seed *seed,
                                        enum th_boot_kind kind);

/*
 * Keeps a node that was not in the list, if there is room or a less useful one to forget.
 * Returns NULL when it was not kept.
 */
struct th_boot_source *th_boot_sources_meet(struct th_boot_sources *sources,
                                            const struct th_seed *peer);

/* What is known of it, as a seeds entry. */
void th_boot_source_seed(const struct th_boot_source *source, struct th_seed *out);

/* Sets where it was seen. Without memory it keeps what it had. */
void th_boot_source_move(struct th_boot_source *source, const struct th_paths *paths);

/* True for a node that may be asked. Of those that were only met these are the ones whom we had a
 * link with: they know us, and others. */
bool th_boot_source_counts(const struct th_boot_source *source);

/* How long to leave it alone after its latest failure. */
th_ms th_boot_source_pause(const struct th_boot_source *source, struct th_now now);

/* Those that refused and wait are left alone for TH_BOOT_PAUSE_REFUSED_MS, down to 80 % of it; that they
 * refused is forgotten. */
void th_boot_sources_leave_refused(struct th_boot_sources *sources, struct th_rng *rng,
                                   struct th_now now);

/* Whoever ended a link for that reason is there, and has no room for us or no wish. */
bool th_boot_is_refusal(enum th_err why);

/* Links that fell silent lately. A zeroed one has seen none. */
struct th_boot_losses {
    unsigned count;
    th_ms since;
    bool is_cut; /* there were too many, and no configured seed was heard since */
};

/* One more did. left: how many there still are. True when the network is cut now; then it begins to count anew. */
TH_MUST bool th_boot_losses_note(struct th_boot_losses *losses, unsigned left, struct th_now now);

/* The network was cut: configured seeds that have no room are asked within TH_BOOT_CUT_ASK_MS, and then as
 * those are that do not answer. */
void th_boot_sources_ask_refused(struct th_boot_sources *sources, struct th_rng *rng,
                                 struct th_now now);

/* How many may be asked, and to how many of them there is a line. */
unsigned th_boot_sources_count(const struct th_boot_sources *sources, unsigned *reached);

void th_boot_sources_clear(struct th_boot_sources *sources);

#endif

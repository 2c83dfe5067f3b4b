/*
 * boot.h - how a node gets into the network: whom it asks, how often, and when it has arrived.
 *
 * Sources are the configured seeds, the peers remembered from the last run, and the peers met in this
 * one. A few are tried at a time. Once a link to a node that seeds is up the node looks for itself,
 * which makes it known to its neighbours, and is ready. It also looks for itself when the first that it
 * reaches have no room for a link: they lead to others. When these have none either it looks elsewhere. When no link is left it begins again.
 *
 *     th_boot_init(&boot, &own_hashname, &rng);
 *     th_boot_add(&boot, &seed, TH_BOOT_CONFIGURED);
 *     th_boot_start(&boot, now);
 *     struct th_boot_action action;
 *     while (th_boot_next(&boot, &action))
 *         carry_out(&action);
 *     sleep_until(th_boot_deadline(&boot));
 *     th_boot_tick(&boot, now);
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 * Limits: here and in boot_source.h; configured and remembered sources TH_SEEDS_MAX each, links the router's limit.
 */
#ifndef TH_ROUTER_BOOT_H
#define TH_ROUTER_BOOT_H

#include "router/boot_source.h"
#include "switch/base/rng.h"

enum {
    TH_BOOT_PARALLEL = 3,    /* sources tried at the same time */
    TH_BOOT_OPEN_MS = 5000,  /* for a line; opens go out at 0, after 1 to 2 and after 2 to 5 s */
    TH_BOOT_LINK_MS = 10000, /* for a link on a line; it is asked for again after 2, 4, 10 s */

    TH_BOOT_HAND_ONS = 3,   /* to others, which are waited for: 1, 2, 4 s */
    TH_BOOT_SEED_LINKS = 3, /* links to configured seeds that are wanted whatever the table holds */

    TH_BOOT_DIAL_TRIES = 3, /* of looking for ourselves, when there was nobody to ask */
    TH_BOOT_DIAL_PAUSE_MS = 1000,
    TH_BOOT_START_MS = 250 /* first tries are spread over this */
};

enum th_boot_state {
    TH_BOOT_STARTING, /* not yet started */
    TH_BOOT_JOINING,
    TH_BOOT_READY,
    TH_BOOT_ALONE /* no link, and no source that has not failed since we began */
};

struct th_boot_link {
    struct th_hashname id;
    bool is_seed;
};

enum th_boot_dial {
    TH_BOOT_DIAL_NONE,
    TH_BOOT_DIAL_WAITING,
    TH_BOOT_DIAL_ASKING,
    TH_BOOT_DIAL_RUNNING,
    TH_BOOT_DIAL_ENDED
};

/* Embed by value. Read the fields freely; write them only through the functions below. */
struct th_boot {
    struct th_hashname self;
    struct th_rng *rng;
    bool is_started;
    bool is_ready;
    enum th_boot_state state, told; /* told: what th_boot_next last said */

    struct th_boot_sources sources;
    struct th_boot_losses losses;
    unsigned link_count, link_room;
    uint64_t
        *link; /* of each a number that follows from its hashname; the last bit: it is a seed */

    uint32_t attempts; /* numbers for tries and dials */

    enum th_boot_dial dial;
    bool looks_elsewhere; /* the dial is not for ourselves */
    uint32_t dial_attempt;
    unsigned dial_tries;
    th_ms dial_at;
    bool wants_refresh;
};

enum th_boot_action_kind {
    TH_BOOT_OPEN,    /* make the switch open a line to seed; answer th_boot_on_opened(attempt) */
    TH_BOOT_LINK,    /* make the router link to seed */
    TH_BOOT_DIAL,    /* look for target; answer th_boot_on_dialed(attempt) */
    TH_BOOT_REFRESH, /* make the router refresh its buckets; nobody waits for it */
    TH_BOOT_STATE    /* tell everybody */
};

struct th_boot_action {
    enum th_boot_action_kind kind;
    uint32_t attempt;          /* OPEN, DIAL */
    struct th_seed seed;       /* OPEN, LINK */
    struct th_hashname target; /* DIAL: our own, or any */
    enum th_boot_state state;  /* STATE */
};

/* rng: borrowed for its life. */
void th_boot_init(struct th_boot *boot, const struct th_hashname *self, struct th_rng *rng);

/*
 * Adds a source. Ourselves is left out; one that is there already keeps its better kind and gets the
 * addresses that it lacks.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_boot_add(struct th_boot *boot, const struct th_seed *seed,
                                enum th_boot_kind kind);

/*
 * A node is configured now, or can be reached elsewhere: its addresses become these, if there are any.
 * It is tried at once if we need somebody. Ourselves is left out. Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_boot_configure(struct th_boot *boot, struct th_now now,
                                      const struct th_seed *seed);

/* A node is configured no more. Its line and link stay; it is not tried again on our own account
 * unless we were linked, and have nobody else. */
void th_boot_forget(struct th_boot *boot, struct th_now now, const struct th_hashname *id);

/* Begins. Lines and links that exist already are better told before. */
void th_boot_start(struct th_boot *boot, struct th_now now);

/* The switch's answer to OPEN: TH_OK (a line is up), TH_AGAIN (it is being tried), else a failure. */
void th_boot_on_opened(struct th_boot *boot, struct th_now now, uint32_t attempt, enum th_err why);

/* A line is up; `peer` is who it is, with the address in use if there is one. */
void th_boot_on_line_up(struct th_boot *boot, struct th_now now, const struct th_seed *peer);
void th_boot_on_line_down(struct th_boot *boot, struct th_now now, const struct th_hashname *id);

/* Errors: TH_NO_MEMORY: the link was not noted. */
TH_MUST enum th_err th_boot_on_link_up(struct th_boot *boot, struct th_now now,
                                       const struct th_hashname *id, bool is_seed);

/* A link ended, or was refused before it was up. why: as in struct th_ev_link. */
void th_boot_on_link_down(struct th_boot *boot, struct th_now now, const struct th_hashname *id,
                          enum th_err why);

/* These are the lines, these the links: whatever else was thought of them is forgotten.
 * Errors: TH_NO_MEMORY: not all links were noted. */
void th_boot_on_lines(struct th_boot *boot, struct th_now now, const struct th_seed *peers,
                      unsigned count);
TH_MUST enum th_err th_boot_on_links(struct th_boot *boot, struct th_now now,
                                     const struct th_boot_link *links, unsigned count);

/*
 * The search for ourselves ended.
 * why    TH_OK, TH_NOT_FOUND, TH_NO_PATH and TH_TIMED_OUT are an end; anything else means that it did
 *        not take place.
 * asked  how many nodes were asked.
 */
void th_boot_on_dialed(struct th_boot *boot, struct th_now now, uint32_t attempt, enum th_err why,
                       unsigned asked);

th_ms th_boot_deadline(const struct th_boot *boot);
void th_boot_tick(struct th_boot *boot, struct th_now now);

/* Takes one action; false when there is none. */
bool th_boot_next(struct th_boot *boot, struct th_boot_action *action);

/* How many nodes we may join from, and to how many of them there is a line. */
unsigned th_boot_count_sources(const struct th_boot *boot, unsigned *reached);

void th_boot_clear(struct th_boot *boot);

#endif

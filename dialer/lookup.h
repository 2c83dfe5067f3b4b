/*
 * lookup.h - finds the nodes nearest to a hashname by asking near ones for nearer ones.
 *
 *     th_lookup_init(&lookup, &config, now);
 *     th_lookup_add(&lookup, &peer);                    // each node to begin with
 *     while (th_lookup_next(&lookup, &action))
 *         carry_out(&action);                           // CONNECT, SEEK, GIVE_UP, at last DONE
 *     th_lookup_on_line_up / on_answer / on_refused / tick, and next() again after each
 *
 * It asks the nearest nodes that it knows, TH_LOOKUP_ALPHA at once. To ask is to have a line first
 * (CONNECT, answered by on_line_up) and then to send the seek (SEEK, answered by on_answer). A node
 * that takes too long for either frees its place for the next, no more: a line or an answer that
 * comes late still counts. One whose line is slow (TH_LOOKUP_LINE_SLOW) is waited for, but another is asked
 * beside it, unless only one is asked at once. When nobody else is left to ask or holds a place, those of the
 * `width` nearest whose answer took too long are asked again, and waited for twice as long each time: a packet
 * may have been lost. They take no place of a node that is learnt meanwhile, and do not hold up the end.
 *
 * It ends at the match, if that is what is wanted; or when the `width` nearest that have not timed out
 * have answered (as in section 2.3 of the Kademlia paper, k); or after TH_LOOKUP_IDLE_MAX answers in
 * a row, to requests sent since the last progress, that made none (progress: a node nearer than all
 * known before); or when nobody is left to ask.
 *
 * Floor:  2 (lookup), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_DIALER_LOOKUP_H
#define TH_DIALER_LOOKUP_H

#include "switch/base/clock.h"
#include "switch/wire/allow.h"
#include "switch/wire/identity.h"
#include "switch/wire/see.h"

/* A full lookup takes 256 * 112 bytes of nodes, 128 * 56 of steps and 256 * 48 of tellers: 47 KiB. Most
 * ask fewer than 12 and know fewer than 64. */
enum {
    TH_LOOKUP_ALPHA = 3,
    TH_LOOKUP_WIDTH_DEFAULT = 8,
    TH_LOOKUP_WIDTH_MAX = 64,
    TH_LOOKUP_IDLE_MAX = 9,
    TH_LOOKUP_VIAS_MAX = 3,    /* tellers kept of one node */
    TH_LOOKUP_NODES_MAX = 256, /* then the farthest that was not asked goes */
    TH_LOOKUP_STEPS_MAX = 128,
    TH_LOOKUP_ASKS_MAX = 3,   /* of one node, with those that were not answered */
    TH_LOOKUP_LINE_MS = 3000, /* for a line to come up */
    /* Then another is asked beside it: percent of the time-out of an answer. With 30 % of 2,000 nodes dead (thsim)
     * 99 % are found within 0.95 s so, and 95 % within 0.66; without it 3.3 and 0.72. Less asks more nodes, and
     * finds none sooner. */
    TH_LOOKUP_LINE_SLOW = 150,
    TH_LOOKUP_ANSWER_MS_FIRST = 1000,
    TH_LOOKUP_ANSWER_MS_MIN = 250,
    TH_LOOKUP_ANSWER_MS_MAX = 3000
};

/* How long answers take: smoothed mean and deviation as in RFC 6298, shared by all lookups of one
 * dialer. A zeroed one has measured nothing. */
struct th_lookup_rtt {
    bool has_any;
    uint32_t srtt_8;   /* 8 * mean in ms */
    uint32_t rttvar_4; /* 4 * deviation in ms */
};

void th_lookup_rtt_add(struct th_lookup_rtt *rtt, th_ms sample);

/* srtt + 4 * rttvar within the limits above; TH_LOOKUP_ANSWER_MS_FIRST before the first sample. */
th_ms th_lookup_rtt_timeout(const struct th_lookup_rtt *rtt);

struct th_lookup_config {
    /* Borrowed for its life: never asked, never told; nodes that share no cipher set with it are left
     * out. */
    const struct th_identity *self;
    struct th_hashname target;
    bool ends_at_match;        /* done as soon as somebody tells of the target */
    struct th_lookup_rtt *rtt; /* borrowed for its life */
    struct th_drops *drops;    /* borrowed for its life; counts SEE_BAD, _SELF, _LONG, … */
    /* Nodes not in it are left out; borrowed for its life, and looked at whenever an answer comes. */
    struct th_allow *const *allow; /* NULL: everybody */
    unsigned width;                /* cut to TH_LOOKUP_WIDTH_MAX; 0: TH_LOOKUP_WIDTH_DEFAULT */
    unsigned alpha;                /* asked at once; 0: TH_LOOKUP_ALPHA */
    unsigned asked_max; /* seeks, and lines wanted for one, then it ends; 0: any number */
    unsigned nodes_max; /* cut to TH_LOOKUP_NODES_MAX; 0: that */
    th_ms line_ms;      /* for a line to come up; 0: TH_LOOKUP_LINE_MS */
    th_ms all_ms;       /* then it ends; 0: it has the time that it takes */
};

enum th_lookup_state {
    TH_LOOKUP_FRESH,      /* not asked */
    TH_LOOKUP_CONNECTING, /* asked for a line */
    TH_LOOKUP_READY,      /* the line is up, the seek is about to leave */
    TH_LOOKUP_SENT,
    TH_LOOKUP_LINELESS, /* the line took too long */
    TH_LOOKUP_SILENT,   /* the answer took too long */
    TH_LOOKUP_ANSWERED,
    TH_LOOKUP_FAILED /* refused, or cannot be reached */
};

/* Who told of others. */
struct th_lookup_teller {
    struct th_lookup_teller *next;
    struct th_hashname id;
};

/* A node that the lookup knows. Read it; write it only through the functions below. */
struct th_lookup_node {
    struct th_hashname id;
    struct th_addr addr; /* where the first who said so says it is */
    bool has_addr;
    uint8_t via_count; /* 0: a node to begin with */
    uint8_t state;     /* enum th_lookup_state */
    bool is_given_up;  /* GIVE_UP is to be told */
    uint8_t asks;      /* how often it was asked */
    uint16_t step;     /* its step's index + 1; 0 none */
    uint16_t hop;      /* answered requests in the chain that disclosed it */
    uint32_t progress; /* of the lookup, when its seek left */
    const struct th_hashname
        *via[TH_LOOKUP_VIAS_MAX]; /* who told of it, the first teller first; the lookup's */
    th_ms since; /* begun: when CONNECT was told; READY and after: when the seek left */
    th_ms due;   /* CONNECTING, SENT: when its place is freed */
};

/* One node that was asked, in the order of asking; one that was asked again is there again. */
struct th_lookup_step {
    struct th_hashname asked;
    const struct th_hashname *via; /* NULL: a node to begin with; the lookup's */
    uint32_t rtt_ms;  /* of the answer; else how long we waited for it, or for the line */
    uint32_t line_ms; /* how long it took before, until there was a line */
    uint16_t entries; /* usable ones in its see */
    uint16_t hop;
    bool answered;
};

/* Embed by value; it has no size to speak of until the first node. */
struct th_lookup {
    struct th_lookup_config config;
    struct th_lookup_node *node; /* nearest first */
    unsigned count, room;
    struct th_lookup_teller *tellers;
    struct th_lookup_step *step;
    unsigned step_count, step_room; /* at most TH_LOOKUP_STEPS_MAX; later ones are not kept */
    unsigned asked;                 /* nodes; one that was asked again counts again */
    unsigned left_out;              /* nodes that found no room */
    bool is_found;                  /* somebody told of the target, or we began with it */
    unsigned hops;                  /* once found: the target's */
    th_ms found_at;                 /* once found: when an answer told of it */
    uint32_t progress;              /* how often it came nearer */
    unsigned idle;                  /* answers since then that did not, to requests sent since */
    bool is_starved;                /* no memory: it ends */
    bool is_done;                   /* DONE was told */
    th_ms ends_at;                  /* TH_NEVER: it has the time that it takes */
    th_ms now;                      /* the latest it was told */
};

enum th_lookup_action_kind {
    TH_LOOKUP_CONNECT, /* node: get a line to it, by its vias and address if need be, then call
                          on_line_up; on_refused when that cannot be */
    TH_LOOKUP_SEEK,    /* node: send a seek on its line; call on_answer or on_refused */
    TH_LOOKUP_GIVE_UP, /* node: stop trying to get a line to it (one that comes is welcome) */
    TH_LOOKUP_DONE     /* result; nothing comes after it */
};

struct th_lookup_action {
    enum th_lookup_action_kind kind;
    struct th_lookup_node node; /* a copy, good until the lookup is cleared */
    /* DONE: TH_OK (found, or ends_at_match is off), TH_NOT_FOUND, TH_NO_MEMORY */
    enum th_err result;
};

/* Starts one without nodes. config: copied. */
void th_lookup_init(struct th_lookup *lookup, const struct th_lookup_config *config,
                    struct th_now now);

/* Adds a node to begin with. Ourselves and known ones are left out. */
void th_lookup_add(struct th_lookup *lookup, const struct th_hashname *id);

/* A line to a node is up: sets the time-out of its answer, once the seek is taken by next(). Nodes
 * that were not asked are not of interest. */
void th_lookup_on_line_up(struct th_lookup *lookup, struct th_now now,
                          const struct th_hashname *id);

/*
 * A node answered. Entries that are not usable are counted and dropped; those but the first that are
 * no nearer than the answerer are counted. Only the first answer of a node that was sent a seek
 * counts, but it does so after its time-out and after DONE too (more vias of the target).
 */
void th_lookup_on_answer(struct th_lookup *lookup, struct th_now now, const struct th_hashname *id,
                         const struct th_see *see);

/* A node refused, or cannot be reached: frees its place at once, it is not asked again. */
void th_lookup_on_refused(struct th_lookup *lookup, struct th_now now,
                          const struct th_hashname *id);

/* A node is not asked here, because it is asked elsewhere: it counts as one that failed. One that was
 * asked, or is not known, is left as it is. */
void th_lookup_leave_out(struct th_lookup *lookup, const struct th_hashname *id);

/* The earliest time-out; TH_NEVER when nothing is in flight. */
th_ms th_lookup_deadline(const struct th_lookup *lookup);
void th_lookup_tick(struct th_lookup *lookup, struct th_now now);

/* Takes one action; false when there is none. */
bool th_lookup_next(struct th_lookup *lookup, struct th_lookup_action *action);

/* What is known of a node; NULL when nothing is. Valid until the next call that is not const. */
const struct th_lookup_node *th_lookup_find(const struct th_lookup *lookup,
                                            const struct th_hashname *id);

/* Fills nodes, nearest first, without those that timed out or failed; returns how many, at most max.
 * Pointers are valid until the next call that is not const. */
unsigned th_lookup_closest(const struct th_lookup *lookup, const struct th_lookup_node **nodes,
                           unsigned max);

/* Frees what it holds. */
void th_lookup_clear(struct th_lookup *lookup);

#endif

/*
 * dialer.h - the dialer: finds the nodes nearest to a hashname, and reaches a hashname.
 *
 * A server over dialer/lookup. Each dial is a lookup of its own with its own identity; when it is to
 * reach its target it then opens a line: directly when the switch knows a path, else through the
 * node that told of the target (`peer` and `connect`). Every dial ends in exactly one told result.
 *
 * A line that falls silent it tries to renew by itself: those who are near its node may introduce us once
 * more, for we may have moved, or the node, or a NAT in between may have forgotten us. The line and its
 * channels go on then, on the new path.
 *
 * It keeps its own list of linked peers from link and line events and never calls the router.
 *
 * Floor:  4.
 * Thread: its place's; others post and call.
 * Owns:   dials; the list of peers to start from.
 * Limits: TH_DIALS_MAX at once, the next is refused; TH_RENEWALS_MAX, the next is left out until the
 *         switch says again that its line is silent.
 */
#ifndef TH_DIALER_DIALER_H
#define TH_DIALER_DIALER_H

#include "switch/switch.h"

enum {
    TH_DIALS_MAX = 64,
    TH_RENEWALS_MAX = 8, /* dials of its own, because of lines that fell silent; beside those */
    TH_DIAL_MS_DEFAULT = 15000, /* a whole dial */
    TH_DIAL_MS_MAX = 600000,    /* one that is to take longer is cut to this */
    TH_DIAL_CLOSEST_MAX = 16,
    TH_DIAL_STEPS_MAX = 192, /* further nodes are asked but not told */
    TH_DIAL_RECENT_MAX = 32  /* dials whose outcomes are kept one by one, for the status */
};

struct th_dialer_config {
    const struct th_identity *identity;
    const char *events_name, *switch_name; /* registered names in the same scope */
    struct th_allowed *allowed;            /* whom there may be lines with; NULL: everybody */
    unsigned k; /* the router's, and FIND's usual width; 0: TH_LOOKUP_WIDTH_DEFAULT */
};

extern const struct th_server_ops th_dialer_ops;

enum th_dial_mode {
    TH_DIAL_FIND, /* only the nodes nearest to it; done when th_dial.width of them have answered */
    TH_DIAL_REACH /* a line to it that is not silent; looked up at least TH_LOOKUP_WIDTH_DEFAULT wide */
};

/* A node somebody told us of, and who that was. */
struct th_told {
    struct th_hashname id;
    bool has_via;
    struct th_hashname via;
    bool has_addr;
    struct th_addr addr;
};

/* Call, body struct th_dial. Reply th_dialer_msg_dialed. Give the call a time-out of at least
 * timeout_ms + 1000, or the dialer's own answer comes too late. */
extern const struct th_msg_kind th_dialer_msg_dial;
struct th_dial {
    struct th_hashname target;
    enum th_dial_mode mode;
    th_ms timeout_ms;       /* 0: TH_DIAL_MS_DEFAULT */
    bool only_hints;        /* REACH: nobody is asked where it is when the hints lead nowhere */
    bool always_seek;       /* REACH: look it up even when there is a line or a via (thctl seek) */
    bool is_brief;          /* REACH: a miss is told after one lookup, without the second try */
    unsigned width;         /* FIND: done when so many of the nearest have answered; 0: k */
    unsigned hint_count;    /* who is said to know the target; tried before a lookup */
    struct th_told hint[4]; /* id is the target, via who told of it */
};

/* One node that a lookup asked, or wanted to ask but got no line to. In the order of asking: first those
 * of the lookup, then those of each path of the second try. */
struct th_dial_step {
    unsigned path; /* of the second try, from 1; 0: the lookup before it */
    struct th_hashname asked;
    bool has_via;
    struct th_hashname via; /* who had told us of it */
    bool answered;
    uint32_t rtt_ms;  /* of the answer; else how long we waited for it, or for a line */
    uint32_t line_ms; /* how long it took before, until there was a line; 0: there was one */
    unsigned entries; /* usable ones in its see */
    unsigned hop;     /* 0: a peer that the lookup, or the path, started from */
};

enum { TH_DIAL_WAYS_MAX = 24 }; /* further introducers are not asked */

/* One way to the target that was tried: by the addresses that are known, or introduced by a node. In
 * the order of trying. */
struct th_dial_way {
    bool has_via;     /* else directly */
    bool is_in_round; /* after the target was found; else before, by a hint */
    struct th_hashname via;
    unsigned tries, refusals;
    th_ms after_ms, took_ms; /* from the dial's beginning; until its outcome */
    /* TH_OK: the line came up, by this way or by one that was tried before and was slower. TH_NO_PATH:
     * no address is known. TH_REFUSED: `said` is the introducer's word. TH_NO_LINE …: it could not be
     * asked. TH_TIMED_OUT: nothing came of it. */
    enum th_err outcome;
    char said[TH_CHANNEL_ERR_MAX];
};

/* Reply to a dial: exactly one, also when the dialer stops (TH_SHUTDOWN). */
extern const struct th_msg_kind th_dialer_msg_dialed;
struct th_dialed {
    struct th_hashname target;
    /* TH_OK: FIND ended / a line is up. TH_NOT_FOUND: nobody told of the target. TH_NO_PATH: told of, but
     * no line came up. TH_TIMED_OUT: the whole dial's time. TH_LIMIT: TH_DIALS_MAX. TH_INVALID: to reach
     * ourselves. TH_NO_PERMISSION: to reach a node that is not in the allow-list. TH_NO_MEMORY, TH_SHUTDOWN. */
    enum th_err result;
    bool is_found; /* a node told of the target, or we have a line to it */
    bool has_line;
    th_ms took_ms;
    th_ms found_ms; /* until a node told of the target; 0: nobody did */
    unsigned asked; /* nodes, also those to which no line came up; in both tries: counted twice */
    unsigned paths; /* that the second try had; 0: there was none */
    unsigned hops;  /* answered requests in the chain that first disclosed the target */
    unsigned
        rounds; /* of introductions to the target: another begins when those who told of it first
                        did not help */
    unsigned step_count, closest_count, way_count;
    struct th_told *closest;    /* nearest first, without those that timed out; behind the steps */
    struct th_dial_way *way;    /* in memory of its own */
    struct th_dial_step step[]; /* step_count */
};

/* Frees one. */
void th_dialed_drop(void *told);

enum { TH_DIALER_TOOK_STEPS = 11 };
extern const th_ms th_dialer_took_up_to[TH_DIALER_TOOK_STEPS];

/* Call, no body; reply, same kind, body struct th_dialer_status. */
extern const struct th_msg_kind th_dialer_msg_status;
struct th_dialer_status {
    unsigned running;
    uint64_t dials, reached, not_found, no_path, timed_out, refused;
    uint64_t found;  /* lookups alone (TH_DIAL_FIND) that found their target */
    uint64_t failed; /* for another reason than those above */
    /* How long they took, those of refused ones left out: [i] up to th_dialer_took_up_to[i], the last
     * longer than all. */
    uint64_t took[TH_DIALER_TOOK_STEPS + 1];
    uint64_t took_sum_ms;
    uint64_t renewals,
        renewed; /* lines that fell silent and were to be renewed, and were heard then */
    uint64_t
        tried_again; /* over disjoint paths, after a miss, or when who was found was not reached */
    uint64_t other_tellers; /* reached by others than those who told of it first */
    uint64_t found_again;   /* and then somebody told of the target */
    /* The latest dials that asked anybody, but for those to hints alone; failed: nobody answered, and
     * the target was not reached. */
    unsigned recent, recent_failed;
    th_ms recent_ms;       /* since the newest of them */
    struct th_drops drops; /* see_… reasons */
};

/* What a dialer counts, in its state, without what the reply adds (running, recent_ms); for who watches a host's
 * turns (host_sim.h): from the end of its init until its terminate begins. Thread: the dialer's. */
const struct th_dialer_status *th_dialer_counts(const void *state);

#endif

/*
 * routing.h - the router's machine: whom to link with, when, and what to tell others.
 *
 *     th_routing_init(&routing, &config, &rng, now);
 *     err = th_routing_on_line_up(&routing, now, &line);     // and the other on_… below
 *     struct th_routing_action action;
 *     char fields[TH_FIELDS_MAX];
 *     while (th_routing_next(&routing, &action, fields))
 *         carry_out(&action);
 *     sleep_until(th_routing_deadline(&routing));
 *     err = th_routing_tick(&routing, now);
 *
 * Any node with a new line is a candidate, and so is any that a linked node or a dial told of. While
 * a bucket has fewer than k links, candidates with a line are asked for one, others are reached first.
 * What is over waits in reserve. Who finds no room with us is handed on: we introduce it to one of those
 * we are linked with, and name that one in the refusal.
 *
 * When both sides ask at the same time there is one link with two channels (link.h); the one that the
 * lower hashname opened says who opened the link. A request of a node that is linked already renews
 * the link: it lost our answer, or its memory. So does anything on a link channel that we do not know
 * from a node that is linked. From one that is not, it is taken for a request during the first minute
 * (a router that was restarted finds its links again) and ended later.
 *
 * Every bucket in use, and those above, is looked into by dialling a random name in it, once an hour;
 * sooner when the bucket has fewer than k because a link went, or still has so a minute after the
 * first look: many may have come at the same time.
 *
 * Errors: what can fail fails with TH_NO_MEMORY only. The machine is then still whole, but what was
 * to be done may be lost: start anew.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_ROUTING_H
#define TH_ROUTER_ROUTING_H

#include "router/answer.h"

enum {
    TH_REACHES_MAX = 8, /* candidates being reached at the same time */
    TH_REACHES_BUCKET_MAX =
        3, /* of one bucket: names that lead nowhere do not hold up the others */

    TH_REFRESH_DIALS_MAX = 3,    /* at the same time */
    TH_REFRESH_BUCKETS_MAX = 16, /* the farthest, which hold all but 1 / 65536 of all nodes */
    TH_REFRESH_MS = 3600000,     /* down to 90 % of it */
    TH_REFRESH_SOON_MS = 60000,  /* at the least between two dials into one bucket */
    TH_REFRESH_GAP_MS = 5000,    /* after a link went: there may be more that go */

    TH_ASKED_MAX = 16, /* nodes that the application wants linked; then the oldest wish goes */

    TH_HASTE_MS = 1000,  /* no link again with a node so soon after one ended or was refused */
    TH_ADOPT_MS = 60000, /* unknown link channels are taken over for so long after the start */
    TH_AGES_NOTE_MS = 3600000
};

struct th_routing_config {
    struct th_table_config table;
    bool is_seed;       /* what our links say */
    th_ms keepalive_ms; /* 0: TH_LINK_KEEPALIVE_MS_DEFAULT */
};

enum th_routing_action_kind {
    TH_ROUTING_OPEN,      /* a link channel to id, with fields; then th_routing_on_opened */
    TH_ROUTING_SEND,      /* fields, end, err on channel c of id */
    TH_ROUTING_PUNCH,     /* addr: somebody is about to come from there */
    TH_ROUTING_REACH,     /* a line to id; then th_routing_on_reached */
    TH_ROUTING_DIAL,      /* look for the nodes nearest to id; then th_routing_on_dialed */
    TH_ROUTING_LINK_UP,   /* announce */
    TH_ROUTING_LINK_DOWN, /* announce; also of a link that the application wanted and never came up */
    TH_ROUTING_REFRESHED /* what th_routing_refresh began has ended */
};

struct th_routing_action {
    enum th_routing_action_kind kind;
    struct th_hashname id;  /* all but REFRESHED */
    uint32_t c;             /* SEND */
    bool is_ours;           /* SEND: who opened the channel */
    bool end;               /* SEND */
    const char *err;        /* SEND: NULL for none */
    bool hands_on;          /* SEND: introduce it to others besides (th_answer_hosts) */
    struct th_bytes fields; /* OPEN, SEND: JSON members */
    bool has_via;           /* REACH */
    struct th_hashname via; /* REACH: who told of it */
    struct th_addr addr;    /* REACH: where it is said to be; family NONE: nothing is said; PUNCH;
                               with hands_on: where it is */
    int bucket;             /* DIAL */
    bool is_seed, is_out;   /* LINK_UP, LINK_DOWN */
    enum th_err why;        /* LINK_DOWN */
};

/* What waits to be taken; inside. */
struct th_routing_todo;

/* Embed by value. Read the fields freely; write them only through the functions below. */
struct th_routing {
    struct th_routing_config config;
    struct th_rng *rng;
    struct th_table table;
    struct th_ages ages;
    struct th_heap due; /* of th_peer.due */
    struct th_drops drops;
    struct th_now now; /* the latest it was told */
    th_ms started_at;
    bool is_leaving;

    unsigned asked_count;
    struct th_hashname *asked; /* TH_ASKED_MAX places, from the first wish on; oldest first */

    bool is_hungry;  /* there may be somebody to link or reach */
    th_ms hungry_at; /* … or will be then */
    unsigned reaching;

    bool is_refresh_told; /* somebody waits for the end */
    unsigned refresh_queued, refresh_running;
    th_ms refresh_at; /* earliest of the buckets' */
    th_ms ages_at;

    struct th_routing_todo *todo;
    size_t todo_first, todo_count, todo_room;
};

/* rng: borrowed for its life. */
void th_routing_init(struct th_routing *routing, const struct th_routing_config *config,
                     struct th_rng *rng, struct th_now now);

/* Frees what it holds; nothing is told to anybody. */
void th_routing_clear(struct th_routing *routing);

/* --- lines ---------------------------------------------------------------------------------------- */

struct th_routing_line {
    struct th_hashname id;
    struct th_addr addr; /* its own; family NONE: relayed or bridged */
    uint8_t csid;
    th_ms up_at; /* it came up then or later; 0: nothing is known */
};

/* A line came up: its node is a candidate, or a link of before is over with its old line. */
TH_MUST enum th_err th_routing_on_line_up(struct th_routing *routing, struct th_now now,
                                          const struct th_routing_line *line);

/* A line is gone, and so is the link on it. why: TH_TIMED_OUT makes us forget who was only in reserve. */
TH_MUST enum th_err th_routing_on_line_down(struct th_routing *routing, struct th_now now,
                                            const struct th_hashname *id, enum th_err why);

/* A node is at another address now, which others are told. */
void th_routing_on_path_changed(struct th_routing *routing, struct th_now now,
                                const struct th_hashname *id, const struct th_addr *addr);

/* These are the lines, all of them: others are down, and a link that is older than its line is over. */
TH_MUST enum th_err th_routing_on_lines(struct th_routing *routing, struct th_now now,
                                        const struct th_routing_line *lines, unsigned count);

/* --- packets -------------------------------------------------------------------------------------- */

/* The "err" of who ends a link because it heard nothing on it. Whoever hears that is not refused: the
 * other way may be open again soon. */
#define TH_LINK_ERR_TIMEOUT "timeout"

struct th_routing_packet {
    struct th_hashname from;
    struct th_addr addr; /* where it came from; family NONE: relayed */
    uint32_t c;
    bool is_bridged;      /* addr is that of a bridge: where the node is, nobody knows */
    bool is_ours;         /* we opened the channel */
    bool end;             /* it is the last, or it has an "err" */
    bool is_timeout;      /* which is TH_LINK_ERR_TIMEOUT */
    struct th_bytes head; /* JSON text */
};

/* A seek. What is no prefix is counted and not answered. Drops: SEEK_BAD. */
TH_MUST enum th_err th_routing_on_seek(struct th_routing *routing, struct th_now now,
                                       const struct th_routing_packet *packet);

/* The first packet of a link channel of theirs. Drops: LINK_BAD, LINK_LIMIT, and of its see SEE_BAD,
 * SEE_LONG, SEE_SELF; the latter also below. */
TH_MUST enum th_err th_routing_on_link_opened(struct th_routing *routing, struct th_now now,
                                              const struct th_routing_packet *packet);

/* A later packet of a link channel of either side. */
TH_MUST enum th_err th_routing_on_link_packet(struct th_routing *routing, struct th_now now,
                                              const struct th_routing_packet *packet);

/* A link channel ended without a packet that says so. */
TH_MUST enum th_err th_routing_on_link_ended(struct th_routing *routing, struct th_now now,
                                             const struct th_hashname *id, uint32_t c, bool is_ours,
                                             enum th_err why);

/* --- outcomes of actions -------------------------------------------------------------------------- */

/* Of OPEN: the channel's number, or why there is none (TH_NO_LINE …). */
TH_MUST enum th_err th_routing_on_opened(struct th_routing *routing, struct th_now now,
                                         const struct th_hashname *id, uint32_t c, enum th_err why);

/* Of REACH. why: TH_OK (a line is up); TH_NOT_FOUND, TH_NO_PATH, TH_TIMED_OUT (it cannot be reached);
 * anything else: it was not tried. */
TH_MUST enum th_err th_routing_on_reached(struct th_routing *routing, struct th_now now,
                                          const struct th_hashname *id, enum th_err why);

/* Of DIAL. is_done: it took place, whatever it found. */
TH_MUST enum th_err th_routing_on_dialed(struct th_routing *routing, struct th_now now, int bucket,
                                         bool is_done);

/* Somebody told of these nodes; via and addr as far as known. */
TH_MUST enum th_err th_routing_on_told(struct th_routing *routing, struct th_now now,
                                       const struct th_spare *told, unsigned count);

/* --- wishes --------------------------------------------------------------------------------------- */

/* The application wants a link to this node, whatever its bucket holds, once there is a line. */
TH_MUST enum th_err th_routing_link(struct th_routing *routing, struct th_now now,
                                    const struct th_hashname *id);

/*
 * How many answers from near a random name refresh a bucket of k links: five eighths of k. What is wanted are
 * names to link with, and the first who answer tell of as many. With three of eight a bucket gets as full,
 * and who joins has yet a tenth less to do; but a seed has not, and would have over twenty times the mean.
 */
static inline unsigned th_routing_refresh_width(unsigned k)
{
    return (5 * k + 7) / 8;
}

/* Looks into every bucket where that was not done for an hour; REFRESHED tells the end of it, and
 * also comes when there is nothing to do. */
TH_MUST enum th_err th_routing_refresh(struct th_routing *routing, struct th_now now);

/* Ends every link with `end`; no other is made or taken from then on. */
TH_MUST enum th_err th_routing_leave(struct th_routing *routing, struct th_now now);

/* The earliest moment at which tick has something to do; TH_NEVER for none. */
th_ms th_routing_deadline(const struct th_routing *routing);

/* Does what is due by now: keepalives, time-outs, tries, looks into buckets. */
TH_MUST enum th_err th_routing_tick(struct th_routing *routing, struct th_now now);

/* Takes one action; false when there is none. fields: filled, of OPEN and SEND; the action points into
 * it. */
bool th_routing_next(struct th_routing *routing, struct th_routing_action *action,
                     char fields[TH_FIELDS_MAX]);

#endif

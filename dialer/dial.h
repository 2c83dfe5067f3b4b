/*
 * dial.h - one dial while it runs: its lookup, the lines it wants, and what it has asked of the
 * switch. Private to the dialer.
 *
 *     waiting  the dialer does not know yet what nodes have lines
 *     hinted   REACH: what the switch and the caller's hints know of the target (th_reach)
 *     looking  the lookup, and after a miss once more over disjoint paths (th_search); each node it
 *              wants to ask and has no line to is a th_reach of its own
 *     reaching REACH: the target was found; those who told of it introduce us (th_reach). If that leads
 *              nowhere, others that are known do; then it looks again, over disjoint paths, for others
 *              who tell of it: who told first may lie, or reach it by a relay, through which nothing is
 *              relayed
 *
 * Dials share nothing but what the dialer has learnt: the nodes with lines, and how long answers
 * take. Every channel that a dial opens carries its id and a number of its own in the tag, so no dial
 * sees another's answers.
 *
 * Floor:  4 (dialer).
 * Thread: the dialer's.
 */
#ifndef TH_DIALER_DIAL_H
#define TH_DIALER_DIAL_H

#include "dialer/busy.h"
#include "dialer/contacts.h"
#include "dialer/dialer.h"
#include "dialer/reach.h"
#include "dialer/search.h"
#include "switch/run/picture.h"

enum {
    TH_DIAL_START_MAX = 8,    /* nodes that a lookup begins with */
    TH_DIAL_HINTED_MS = 1500, /* for hints, before the lookup begins */
    /* For the lookup, before the second try. Behind a NAT that few can be reached through, with links that go
     * by relays, all that the nearest tell of may be out of reach, three seconds each. */
    TH_DIAL_LOOKING_MS = 7000,
    TH_DIAL_ROUND_MS = 2500,    /* from the last introduction of a round to the next round … */
    TH_DIAL_REACHING_MS = 5000, /* … and to the end of the dial, when nobody else can be asked */
    TH_DIAL_ROUNDS_MAX = 6,
    TH_DIAL_RENEWAL_MS = 6000 /* a whole dial to a node whose line fell silent */
};

enum th_dial_phase {
    TH_DIAL_WAITING,
    TH_DIAL_HINTED,
    TH_DIAL_LOOKING,
    TH_DIAL_REACHING,
    TH_DIAL_OVER
};

/* What was asked of the switch for a dial and is not over yet. At most, for each node of the lookup,
 * an open, a seek, and for each introduction an open or a peer. */
enum th_ask_kind {
    TH_ASK_OPEN,     /* a line to node */
    TH_ASK_OPEN_VIA, /* a line to via, who is to introduce us to node */
    TH_ASK_LINE_VIA, /* nothing: others introduce us to via, who is then to introduce us to node */
    TH_ASK_SEEK,     /* a seek channel to node */
    TH_ASK_PEER      /* a peer channel to via, for node */
};

struct th_ask {
    struct th_ask *next;
    struct th_dialing *dial;
    enum th_ask_kind kind;
    struct th_hashname node, via;
    uint32_t serial; /* the low half of the channel's tag */
    uint32_t c;      /* of the channel; 0 until the switch has told */
    uint64_t call;   /* to the switch; 0 none is outstanding */
};

/* A node to which the dial wants a line. */
struct th_dial_want {
    struct th_dial_want *next;
    struct th_reach reach;
    bool has_addr;
    struct th_addr addr; /* where it is said to be: punched, so that a NAT of ours lets it in */
};

struct th_dialing {
    uint32_t id; /* the high half of its channels' tags */
    struct th_from from;
    struct th_dial request;
    enum th_dial_phase phase;
    th_ms began_at, ends_at;
    th_ms due_at;    /* when carry_out is to look at it again; 0: at once */
    bool has_line;   /* to the target, and it is heard */
    bool is_renewal; /* the dialer's own: nobody is told */
    struct th_search search;
    struct th_dial_want *wants;
    struct th_ask *asks; /* newest first */
    uint32_t serials;    /* numbers given to asks */
    unsigned rounds;     /* as told */
    bool is_last_wait;
    th_ms introduced_at;          /* to the target, last; 0 never */
    unsigned way_count, last_way; /* the one that was tried last */
    /* Taken at the start, so that telling cannot fail; its ways come as they are tried. NULL: it is over. */
    struct th_dialed *told;
};

/* The dialer's state. */
struct th_dialer {
    const struct th_dialer_config *config;
    th_pid events;
    struct th_contacts contacts;
    struct th_picture picture; /* of lines and links */
    bool has_contacts;         /* it came once: contacts are what there is */
    struct th_allow *allow;    /* held; NULL: everybody */
    struct th_lookup_rtt rtt;
    struct th_busy busy; /* who introduces */
    struct th_dialer_status status;
    uint32_t recent_failures; /* a bit for each of status.recent, the newest lowest: it failed */
    th_ms recent_at;
    unsigned count;
    struct th_dialing *dialing[TH_DIALS_MAX + TH_RENEWALS_MAX]; /* in order of their start */
    unsigned renewals;                                          /* of those */
    uint32_t last_id;
};

/*
 * Makes a dial, which begins with the next th_dialer_settle. id: of no other that runs.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_dialing_new(struct th_dialing **out, uint32_t id, const struct th_self *self,
                                   const struct th_dial *request, struct th_from from);

/* What happens. What it makes the dial do is done by the next th_dialer_settle. */
void th_dialing_on_line_up(struct th_dialing *dial, struct th_dialer *dialer,
                           const struct th_self *self, const struct th_hashname *id,
                           bool is_direct);
void th_dialing_on_line_down(struct th_dialing *dial, const struct th_hashname *id);
/* The contacts are new: some lines may be up that nobody told of. */
void th_dialing_on_contacts(struct th_dialing *dial, struct th_dialer *dialer,
                            const struct th_self *self);
/* The switch opens a line to a node, or cannot. */
void th_dialing_on_opened(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_hashname *node,
                          enum th_err err);
/* A seek was refused, or could not be sent. */
void th_dialing_on_unanswered(struct th_dialing *dial, const struct th_self *self,
                              const struct th_hashname *node);
/* An answer to a seek. */
void th_dialing_on_see(struct th_dialing *dial, const struct th_self *self,
                       const struct th_hashname *node, const struct th_see *see);
/* via does not introduce us to a node. said: its word, or "". */
void th_dialing_on_unintroduced(struct th_dialing *dial, const struct th_self *self,
                                const struct th_hashname *node, const struct th_hashname *via,
                                enum th_err why, const char *said);

/* Does everything that is due or wanted by now; when that is the end, tells the result. */
void th_dialing_carry_out(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self);

/* Ends it and tells the result, once: harmless when it is over. */
void th_dialing_finish(struct th_dialing *dial, struct th_dialer *dialer,
                       const struct th_self *self, enum th_err result);

/* Frees one that is over. */
void th_dialing_free(struct th_dialing *dial);

/* --- dial_ask.c: what is asked of the switch, and what comes of it --- */

/* Asks it to open a line to a node with what it knows. */
void th_dialing_open(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                     const struct th_hashname *node);

/* Sends a node a seek on its line. */
void th_dialing_seek(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                     const struct th_hashname *node);

/* Asks via to introduce us to a node. */
void th_dialing_introduce(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_hashname *node,
                          const struct th_hashname *via);

/* Punches an address, so that a NAT of ours lets in what comes from there. */
void th_dialing_punch(const struct th_dialer *dialer, const struct th_self *self,
                      const struct th_addr *addr);

/* What came on a channel of ours with a number of this dial in its tag. */
void th_dialing_on_packet(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_ev_packet *packet);
void th_dialing_on_ended(struct th_dialing *dial, struct th_dialer *dialer,
                         const struct th_self *self, const struct th_ev_ended *ended);

/* A line to via is up, or cannot be had, who was to introduce us to others then. */
void th_dialing_on_via(struct th_dialing *dial, struct th_dialer *dialer,
                       const struct th_self *self, const struct th_hashname *via, bool has_line);

/* A line to a node is up: introductions to it are ended, when is_direct, and open requests forgotten.
 * One that is not direct may rest on the channel of its introduction. */
void th_dialing_forget_introductions(struct th_dialing *dial, struct th_dialer *dialer,
                                     const struct th_self *self, const struct th_hashname *node,
                                     bool is_direct);

/* The dial is over: introductions that brought no line are ended, everything is forgotten. */
void th_dialing_forget_asks(struct th_dialing *dial, const struct th_dialer *dialer,
                            const struct th_self *self);

/* --- dial_want.c: lines that a dial wants, and who may help to get them --- */

struct th_dial_want *th_dialing_find_want(const struct th_dialing *dial,
                                          const struct th_hashname *node);
void th_dialing_drop_want(struct th_dialing *dial, struct th_dial_want *want);

/* Begins to want a line. NULL without memory. */
struct th_dial_want *th_dialing_add_want(struct th_dialing *dial, const struct th_dialer *dialer,
                                         const struct th_self *self, const struct th_hashname *node,
                                         th_ms patience_ms);

/* What the lookups know of a node may help to get its line. */
void th_dialing_add_known(const struct th_dialing *dial, struct th_dial_want *want);

/* All who may introduce us to it, the best first. */
void th_dialing_add_introducers(const struct th_dialing *dial, const struct th_contacts *contacts,
                                struct th_dial_want *want);

/* Those near a node that we had a line to: they are likely linked to it. */
void th_dialing_add_near(const struct th_contacts *contacts, struct th_dial_want *want);

/* --- dial_way.c: the trace of the ways to the target --- */

/* One is tried: via introduces us, or NULL: by what the switch knows. */
void th_dialing_begin_way(struct th_dialing *dial, const struct th_self *self,
                          const struct th_hashname *via);

/* What came of the way, or of one try of an introduction: as long as another try is not refused it may
 * bring the line. Harmless when it is over. said: "" for nothing. */
void th_dialing_end_way(struct th_dialing *dial, const struct th_self *self,
                        const struct th_hashname *via, enum th_err outcome, const char *said);

/* All are over: with a line, which the last of them brought, or without. */
void th_dialing_end_ways(struct th_dialing *dial, const struct th_self *self, bool has_line);

/* Whether one may still bring the line. */
bool th_dialing_is_hopeful(const struct th_dialing *dial);

/* Whether via was asked, in a round of introductions, to introduce us to the target. */
bool th_dialing_has_tried(const struct th_dialing *dial, const struct th_hashname *via);

/* --- dialer.c --- */

/* Lets every dial that is due do what it wants, and frees those that are over. */
void th_dialer_settle(struct th_dialer *dialer, const struct th_self *self);

/* Tells the answer to a dial, and everybody that it was dialled. told: given. */
void th_dialer_tell(const struct th_dialer *dialer, const struct th_self *self, struct th_from from,
                    struct th_dialed *told);

#endif

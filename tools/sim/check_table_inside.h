/*
 * check_table_inside.h - what the parts of the table's checker share.
 *
 * check_table.c         what changed in a turn: rules 1 to 4 and 7
 * check_table_choice.c  whose link may begin: rules 5 and 6
 *
 * Floor:  7 (sim); private to check_table*.
 * Thread: one.
 */
#ifndef TH_SIM_CHECK_TABLE_INSIDE_H
#define TH_SIM_CHECK_TABLE_INSIDE_H

#include "router/routing.h"
#include "tools/sim/check.h"

#define TH_CHECK_TABLE "table"

/* A linked node, as it was after the router's last turn. */
struct th_check_link {
    uint64_t key; /* how its hashname begins: enough to tell it from all others */
    uint8_t bucket;
    bool is_up, is_kept, is_out;
    uint8_t tries;
    th_ms heard_at, began_at;
};

/* What a router is about to handle, as far as a link may end by it. */
enum th_check_cause {
    TH_CAUSE_NONE,  /* nobody's link ends by it, but one that has to make room */
    TH_CAUSE_ALARM, /* who was silent for too long */
    TH_CAUSE_OF,    /* the link of one node: its line changed, or it ended the link */
    TH_CAUSE_ALL    /* any link: its lines are gone, or it leaves */
};

struct th_check_gone {
    uint64_t key;
    th_ms at;
};

struct th_check_book {
    th_pid router;
    enum th_check_cause cause;
    struct th_hashname of; /* TH_CAUSE_OF */
    bool
        is_plain; /* by what the router is given it changes no peer that it neither adds, raises nor removes */
    uint64_t changes; /* of its table, when the links were copied */
    unsigned count, room;
    struct th_check_link *links;
    unsigned gone_count, gone_room;
    struct th_check_gone
        *gone; /* oldest first; those that were told of before may still be with the switch */
};

struct th_check_tables {
    struct th_sim *sim;
    struct th_check_books nodes;
    struct th_check_link *now; /* who is linked after the turn */
    unsigned now_room;
};

/* One look at a router. */
struct th_check_look {
    struct th_check_tables *tables;
    const struct th_world_node *node;
    struct th_check_book *book;
    const struct th_routing *routing;
    th_ms at;
    struct th_check_link *links; /* now */
    unsigned count;
};

/* Rule 5: the link of a peer has just come up in a bucket. */
void th_check_table_net(const struct th_check_look *look, const struct th_peer *peer, int bucket);

/* Rule 6: a peer has just been asked, and nothing else has changed in its bucket. */
void th_check_table_choice(const struct th_check_look *look, const struct th_peer *peer,
                           int bucket);

#endif

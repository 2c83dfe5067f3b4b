/*
 * reachability.h - can others reach this node, by each family of addresses; how that is known; what to do.
 *
 * Pure: what was seen goes in, a verdict with its evidence comes out. What the evidence does not decide is
 * told as unknown, with what is missing.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_REACHABILITY_H
#define TH_APP_REACHABILITY_H

#include "tools/app/control_look.h"

enum { TH_REACHABILITY_TEXT_MAX = 256 };

enum th_port_map_state { TH_PORT_MAP_OFF, TH_PORT_MAP_TRYING, TH_PORT_MAP_MAPPED };

/* What is known. Everything is borrowed. */
struct th_reachability_facts {
    unsigned listen_count;
    const struct th_addr *listen; /* this machine's addresses that are listened on */
    unsigned witness_count;
    const struct th_witness *witness;
    const struct th_stranger *stranger; /* TH_OUTSIDE_FAMILIES */
    enum th_port_map_state port_map;
    struct th_addr mapped;    /* MAPPED */
    const char *port_map_why; /* TRYING: what the router said; "" nothing yet */
    unsigned direct_lines[TH_OUTSIDE_FAMILIES];
    unsigned relayed_lines, bridged_lines; /* through other nodes, of whatever family */
};

enum th_reachability_kind {
    TH_REACHABILITY_NONE,    /* it does not listen there */
    TH_REACHABILITY_LOCAL,   /* as far as is known within this machine or its network alone */
    TH_REACHABILITY_PUBLIC,  /* an address of its own, as others see it */
    TH_REACHABILITY_MAPPED,  /* a port of its router's */
    TH_REACHABILITY_NAT,     /* others see it at another address */
    TH_REACHABILITY_RELAYED, /* only through other nodes */
    TH_REACHABILITY_UNKNOWN
};

enum th_nat_kind {
    TH_NAT_UNKNOWN,
    TH_NAT_OPEN,     /* lets in strangers */
    TH_NAT_CONE,     /* one address for everybody: who is introduced gets in */
    TH_NAT_SYMMETRIC /* another address for each: two such never meet directly */
};

/* How sure it is that a node to which nothing was sent gets in. */
enum th_answer { TH_ANSWER_UNKNOWN, TH_ANSWER_NO, TH_ANSWER_YES };

struct th_reachability {
    enum th_reachability_kind kind;
    enum th_nat_kind nat;        /* of NAT */
    enum th_answer by_strangers; /* a node that was never sent to gets in */
    enum th_answer is_preserved; /* the port that others see is the one that we listen on */
    char text[TH_REACHABILITY_TEXT_MAX];
    char next[TH_REACHABILITY_TEXT_MAX];
};

/* Fills the facts from what was gathered; parts that are missing leave theirs out. */
void th_reachability_look(struct th_reachability_facts *facts, const struct th_look *look);

void th_reachability_judge(struct th_reachability *out, const struct th_reachability_facts *facts,
                           enum th_outside_family family);

/* "public", "nat", …; "cone", …, NULL for unknown. */
const char *th_reachability_word(enum th_reachability_kind kind);
const char *th_nat_word(enum th_nat_kind kind);

/* Both families, with their evidence: what the method `reach` answers. NULL without memory. */
json_t *th_reachability_json(const struct th_reachability_facts *facts);

#endif

/*
 * routing_inside.h - what the parts of routing (routing.c, routing_link.c, routing_fill.c) share.
 *
 * None of these looks for new work; the functions of routing.h do that at their end.
 *
 * Floor:  2 (tables), sans-I/O. Private to router/routing*.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_ROUTING_INSIDE_H
#define TH_ROUTER_ROUTING_INSIDE_H

#include "router/routing.h"

/* What the fields of an action are made of, at the moment it is taken. */
enum th_routing_fields {
    TH_FIELDS_NONE,
    TH_FIELDS_LINK,     /* seed */
    TH_FIELDS_LINK_SEE, /* seed, and a see for a node to which a link begins */
    TH_FIELDS_SEEK      /* a see that answers a seek */
};

struct th_routing_todo {
    struct th_routing_action action;
    enum th_routing_fields fields;
    struct th_prefix sought; /* SEEK */
    struct th_addr addr;     /* LINK_SEE, SEEK: where the other side is */
};

/* --- routing.c ------------------------------------------------------------------------------------ */

/* Notes the time, which does not run backwards. */
void th_routing_now(struct th_routing *routing, struct th_now now);

/* Queues an action. Returns it, to set more of it; NULL without memory. */
TH_MUST struct th_routing_todo *th_routing_push(struct th_routing *routing,
                                                enum th_routing_action_kind kind,
                                                const struct th_hashname *id);

/* --- routing_link.c ------------------------------------------------------------------------------- */

/* Asks a node with a line for a link. spare: what is known of it; copied. */
TH_MUST enum th_err th_routing_ask(struct th_routing *routing, const struct th_spare *spare);

/* Everything that is due on links. */
TH_MUST enum th_err th_routing_tick_links(struct th_routing *routing);

/* A link is over; the node becomes a spare. why says how long it is left alone. */
TH_MUST enum th_err th_routing_lose(struct th_routing *routing, struct th_peer *peer,
                                    enum th_err why, bool has_line);

/* Ends a link with `end`. */
TH_MUST enum th_err th_routing_end(struct th_routing *routing, struct th_peer *peer,
                                   enum th_err why);

/* What a link packet tells of others. */
TH_MUST enum th_err th_routing_hear_of(struct th_routing *routing, const struct th_hashname *from,
                                       const struct th_see *see);

/* --- routing_fill.c ------------------------------------------------------------------------------- */

/* What th_routing_on_line_up and …_down do; on_lines does it for each that is new or gone. */
TH_MUST enum th_err th_routing_line_up(struct th_routing *routing,
                                       const struct th_routing_line *line);
TH_MUST enum th_err th_routing_line_down(struct th_routing *routing, const struct th_hashname *id,
                                         enum th_err why);

/* Keeps a node in reserve and looks whether it is wanted. */
TH_MUST enum th_err th_routing_offer(struct th_routing *routing, const struct th_spare *spare);

/* Whether the application asked for a link to it (th_routing_link); and that it is not wanted any more. */
bool th_routing_is_asked(const struct th_routing *routing, const struct th_hashname *id);
void th_routing_unask(struct th_routing *routing, const struct th_hashname *id);

/* Something changed in a bucket (is_loss: a link went from it): plans when to look into it. */
void th_routing_plan_refresh(struct th_routing *routing, struct th_bucket *bucket, bool is_loss);

/* Queues the buckets whose time has come. */
void th_routing_tick_refresh(struct th_routing *routing);

/* Looks for new work: candidates to ask or reach, buckets to dial into. */
TH_MUST enum th_err th_routing_fill(struct th_routing *routing);

#endif

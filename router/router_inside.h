/*
 * router_inside.h - what the parts of the router (router.c, router_act.c) share.
 *
 * Floor:  5. Private to router/router*.
 * Thread: the router's.
 */
#ifndef TH_ROUTER_ROUTER_INSIDE_H
#define TH_ROUTER_ROUTER_INSIDE_H

#include "router/router.h"
#include "router/routing.h"

enum {
    TH_ROUTER_NEWS_MAX = 8192, /* that wait for the event manager: two for each possible link */
    TH_ROUTER_WAITERS_MAX = 16 /* for one thing to end; more are answered at once */
};

/* A call under way about one node. */
struct th_router_ask {
    struct th_router_ask *next, **at;
    struct th_hashname id;
};

/* A link that came or went, not told yet. */
struct th_router_news {
    struct th_router_news *next;
    enum th_ev_kind kind;
    struct th_ev_link link;
};

struct th_router {
    const struct th_router_config *config;
    struct th_rng rng;
    struct th_routing routing;
    th_pid events;
    uint64_t switch_ref; /* monitor; 0 none */

    bool is_looking;  /* the switch was asked for its lines */
    bool looks_again; /* and is to be asked again */
    th_ms looked_at;
    th_ms look_at; /* when to ask; TH_NEVER: no need */

    struct th_router_ask *asks;
    struct th_router_news *news, **news_end;
    unsigned news_count;
    th_ms tell_at;

    unsigned waiter_count, leaver_count;
    struct th_from waiter[TH_ROUTER_WAITERS_MAX]; /* for the end of a refresh */
    struct th_from leaver[TH_ROUTER_WAITERS_MAX]; /* for our ends to be sent */
};

/* The server of a name; 0 when there is none at the moment. */
th_pid th_router_find(const struct th_self *self, const char *name);

/* Carries out everything that the machine wants. Errors: TH_NO_MEMORY, TH_LIMIT. */
TH_MUST enum th_err th_router_carry_out(struct th_router *router, const struct th_self *self);

/* Announces what could not be announced before. */
void th_router_tell(struct th_router *router, const struct th_self *self);

/* Frees calls and news that are still under way. */
void th_router_drop_all(struct th_router *router);

#endif

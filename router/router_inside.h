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
#include "switch/run/announcer.h"
#include "switch/run/picture.h"
#include "switch/run/waiters.h"

enum { TH_ROUTER_WAITERS_MAX = 16 }; /* for one thing to end; more are answered at once */

/* A call under way about one node. */
struct th_router_ask {
    struct th_router_ask *next, **at;
    struct th_hashname id;
};

struct th_router {
    const struct th_router_config *config;
    struct th_rng rng;
    struct th_routing routing;
    th_pid events;
    struct th_picture picture;     /* of the lines */
    struct th_announcer announcer; /* of the links */

    struct th_router_ask *asks;

    struct th_waiters refreshing; /* for the end of a refresh */
    struct th_waiters leaving;    /* for our ends to be sent */
};

/* The server of a name; 0 when there is none at the moment. */
th_pid th_router_find(const struct th_self *self, const char *name);

/* Carries out everything that the machine wants. Errors: TH_NO_MEMORY, TH_LIMIT. */
TH_MUST enum th_err th_router_carry_out(struct th_router *router, const struct th_self *self);

/* Frees calls and announcements that are still under way. */
void th_router_drop_all(struct th_router *router);

#endif

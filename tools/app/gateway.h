/*
 * gateway.h - asks the router of a home network to let others in at a port: NAT-PMP, else UPnP.
 *
 * The protocols are those of libnatpmp (RFC 6886) and miniupnpc (UPnP IGD); either may be missing when
 * this is built.
 *
 * Floor:  7 (app).
 * Thread: one that may block, for seconds: libuv's worker pool.
 */
#ifndef TH_APP_GATEWAY_H
#define TH_APP_GATEWAY_H

#include "switch/base/err.h"
#include "switch/wire/path.h"

#include <stdbool.h>

enum {
    TH_GATEWAY_LEASE_S = 3600,     /* that is asked for */
    TH_GATEWAY_NATPMP_MS = 2000,   /* a router that knows it answers in a moment */
    TH_GATEWAY_DISCOVER_MS = 2000, /* for UPnP routers to answer */
    TH_GATEWAY_UPNP_TRIES = 4,     /* outer ports, when one belongs to somebody else */
    TH_GATEWAY_WHY_MAX = 120,
    TH_GATEWAY_TEXT_MAX = 256, /* a router with longer ones is one that we cannot use */
    TH_GATEWAY_IP_MAX = 64
};

enum th_gateway_how { TH_GATEWAY_NONE, TH_GATEWAY_NATPMP, TH_GATEWAY_UPNP };

struct th_gateway_mapping {
    enum th_gateway_how how;      /* NONE: there is none */
    struct th_addr addr;          /* where others reach us */
    uint32_t lease_s;             /* it ends by itself after so long */
    char why[TH_GATEWAY_WHY_MAX]; /* NONE: a phrase for an operator */
    /* UPNP: where it was asked for, so that it need not be looked for again. */
    char control_url[TH_GATEWAY_TEXT_MAX], service[TH_GATEWAY_TEXT_MAX], own_ip[TH_GATEWAY_IP_MAX];
};

/* Whether one of the two was there when this was built. */
bool th_gateway_is_built(void);

/* "NAT-PMP", "UPnP" or "none". */
const char *th_gateway_name(enum th_gateway_how how);

/* Maps a UDP port of ours, the same outside if that is free. before: the mapping that is there, to be
 * renewed; one of TH_GATEWAY_NONE for the first time. */
void th_gateway_map(struct th_gateway_mapping *out, uint16_t port,
                    const struct th_gateway_mapping *before);

/* Takes a mapping back. */
void th_gateway_unmap(const struct th_gateway_mapping *mapping, uint16_t port);

#endif

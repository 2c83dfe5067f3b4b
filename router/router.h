/*
 * router.h - the router: the Kademlia table, kept by links.
 *
 * A server over router/routing. It links to nodes until each bucket has k, answers seeks from what it
 * is linked to, keeps links alive, refreshes buckets through the dialer, and announces link up and
 * down.
 *
 * Floor:  5.
 * Thread: its place's; others post and call.
 * Owns:   table, links, ages.
 * Limits: links_max links; TH_BUCKET_SPARES_MAX candidates a bucket.
 */
#ifndef TH_ROUTER_ROUTER_H
#define TH_ROUTER_ROUTER_H

#include "dialer/dialer.h"
#include "switch/wire/kept.h"

enum {
    TH_K_DEFAULT = 8,
    TH_K_MIN = 2,
    TH_K_MAX = 64,
    TH_LINKS_MAX_DEFAULT = 256,
    TH_LINKS_MAX_MAX = 4096
};

struct th_router_config {
    struct th_hashname self;
    uint8_t csid;       /* of our cipher set */
    unsigned k;         /* links wanted in a bucket, TH_K_MIN..TH_K_MAX; 0: TH_K_DEFAULT */
    unsigned links_max; /* links in all, k..TH_LINKS_MAX_MAX; 0: TH_LINKS_MAX_DEFAULT */
    bool is_seed;       /* what our links say; true for every node that can be reached */
    const char *events_name, *switch_name, *dialer_name;
    const struct th_age *ages; /* of earlier runs; borrowed like the names; NULL for none */
    unsigned ages_count;
    uint8_t rng_seed[TH_RNG_SEED_BYTES];
};

extern const struct th_server_ops th_router_ops;

/* The machine in a router's state, for who watches a host's turns (host_sim.h): from the end of its
 * init until its terminate begins. Look, but change nothing. Thread: the router's. */
struct th_routing;
const struct th_routing *th_router_machine(const void *state);

/* Cast, body struct th_hashname *: link to this node, whatever its bucket holds, as soon as there is a
 * line to it (a bootstrap that has no link yet), and keep the link. The wish lives until the node
 * refuses or ends the link, or leaves our request unanswered on a line that is up; that is announced as
 * TH_EV_LINK_DOWN even when the link never was up. Of more than TH_ASKED_MAX (routing.h) the oldest is forgotten. */
extern const struct th_msg_kind th_router_msg_link;

/* Call, no body; reply, same kind, body struct th_router_table: every link, by bucket from 255 down,
 * order of linking within one. */
extern const struct th_msg_kind th_router_msg_table;
struct th_link_look {
    struct th_hashname id;
    int bucket;
    bool is_up; /* false: we asked and wait for the answer */
    bool is_out;
    bool is_seed;
    bool has_rtt;
    uint32_t rtt_ms; /* of the newest keepalive that was answered */
    th_epoch_ms first_seen_at;
    th_ms up_ms;      /* for how long */
    th_ms last_rx_ms; /* since something came on it */
};
struct th_bucket_look {
    unsigned links, spares;
    bool has_refreshed;
    th_ms refreshed_ms; /* since the last dial into it */
};
struct th_router_table {
    struct th_bucket_look bucket[TH_BUCKETS];
    struct th_drops drops;
    unsigned count;
    struct th_link_look link[];
};

/* Call, no body; reply, same kind, body struct th_router_ages: since when we know whom, by hashname. */
extern const struct th_msg_kind th_router_msg_ages;
struct th_router_ages {
    unsigned count;
    struct th_age age[];
};

/* Call, no body: refreshes every bucket that is due (the bootstrap's last step); the reply, same kind
 * without body, comes when the refresh has ended. */
extern const struct th_msg_kind th_router_msg_refresh;

/* Call, no body: ends every link with `end`, so that the others need not wait 60 s; the reply, same
 * kind, comes when the packets have been given to the switch. */
extern const struct th_msg_kind th_router_msg_leave;

#endif

/*
 * net_sim.h - the simulated network: every node's net.h on one clock, with all that networks do to
 * datagrams.
 *
 * Each node has a port with an address of its own, mostly in a /24 of its own, as on the internet. A
 * datagram takes half the round trip of its pair (latency.h), and jitter; on its way it may be lost,
 * sent twice, overtaken, or damaged; a port may have a bandwidth and a queue, and sit behind a NAT;
 * between groups of ports there may be a partition, in one direction or both.
 * Several ports may share a NAT box, as in a home: they reach each other at their private addresses, and at
 * the public one of the box if that is so kind (hairpin, RFC 4787, REQ-9).
 *
 * A machine: the world says what time it is, and takes what arrives.
 *
 *     th_net_sim_init(&net, &options, rng_seed);
 *     th_net_sim_add(&net, &port_options, &port);     // config.net = &port->net
 *     net.now = …;                                    // before anybody may send
 *     while (th_net_sim_take(&net, &arrival)) …       // all that arrives by now
 *
 * Floor:  7 (sim).
 * Thread: one.
 * Limits: TH_SIM_PORTS_MAX ports; IPv4 only.
 */
#ifndef TH_SIM_NET_SIM_H
#define TH_SIM_NET_SIM_H

#include "switch/base/index.h"
#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "switch/net.h"
#include "tools/sim/nat.h"
#include "tools/sim/wheel.h"

enum {
    TH_SIM_PORTS_MAX = 1 << 20,
    TH_SIM_GROUPS_MAX = 16,
    TH_SIM_PER_MILLE = 1000,
    TH_SIM_PORT_NUMBER = 42424 /* everybody's, inside its NAT */
};

/* What became of a datagram. */
enum th_fate {
    TH_FATE_SENT, /* it left; what follows tells how it ended */
    TH_FATE_ARRIVED,
    TH_FATE_LOST,    /* by chance */
    TH_FATE_CUT,     /* a partition lies between */
    TH_FATE_NOWHERE, /* nobody has this address, or it is private */
    TH_FATE_NAT,     /* the receiver's NAT did not let it in */
    TH_FATE_QUEUE,   /* the sender's queue was full */
    TH_FATE_CLOSED,  /* the receiver does not run */
    TH_FATE_NO_MEMORY
};
enum { TH_FATES = TH_FATE_NO_MEMORY + 1 };

/* "sent", "arrived", "lost" … */
const char *th_fate_name(enum th_fate fate);

/* Of all datagrams. Zeroed: no time passes but 1 ms, and nothing goes wrong. */
struct th_net_sim_options {
    uint32_t rtt_ms;         /* median of round trips; 0: 1 ms */
    unsigned jitter_percent; /* of the way, added; each as likely */
    unsigned loss;           /* per mille, as all that follow */
    unsigned duplicate;
    unsigned reorder; /* comes up to one round trip late */
    unsigned corrupt; /* one byte is another */
};

struct th_sim_port_options {
    enum th_nat_kind nat;
    uint8_t group;           /* for partitions; 0..TH_SIM_GROUPS_MAX-1 */
    bool is_near_previous;   /* in the /24 of the port added before, while that has room */
    bool is_beside_previous; /* behind the NAT box of the port added before; like it, group too */
    bool hairpins; /* its NAT box lets in what its own send to its public address; of the first */
    uint32_t bytes_per_s; /* that it can send; 0: any */
    uint32_t queue_bytes; /* that may wait to be sent; 0: what goes out in 200 ms */
};

struct th_sim_port;

/* A port without a node: told of what arrives. bytes borrowed. */
typedef void (*th_sim_raw_fn)(void *data, struct th_sim_port *port, const struct th_addr *from,
                              struct th_bytes bytes);

/* What every datagram needs comes first. */
struct th_sim_port {
    _Alignas(TH_LINE) struct th_net net; /* first */
    struct th_net_sim *sim;
    struct th_index_node by_ip; /* keyed by public_ip; of those behind one NAT box the first */
    void *owner;                /* whose it is, for the world; NULL: a raw one */
    uint32_t public_ip;         /* host order */
    unsigned index;
    struct th_sim_port *box; /* the first behind its NAT box; itself where it is alone */

    struct th_sim_port *next; /* behind the same box */
    struct th_host *host;
    th_pid receiver; /* 0: it does not listen */
    struct th_sim_port_options options;
    uint64_t sent_until_us; /* when all that waits will have left */
    uint64_t tx_packets, rx_packets, tx_bytes, rx_bytes;

    struct th_addr addr; /* as its own machine sees it: private behind a NAT */
    struct th_nat nat;
    th_sim_raw_fn on_raw;
    void *raw_data;
    struct th_sim_port *added_before;
};

/* Told of every datagram: sent, and then its end. to: NULL when nobody has the address. */
typedef void (*th_net_sim_fn)(void *data, enum th_fate fate, const struct th_sim_port *from,
                              const struct th_sim_port *to, struct th_bytes bytes);

/* A port is about to be given something: 0: next, TH_SIM_NEAR - 1: when so many others had theirs. Has what
 * it is worth fetched into the processor's cache, and does nothing else. */
enum { TH_SIM_NEAR = 7 };
typedef void (*th_net_sim_near_fn)(const struct th_sim_port *port, struct th_bytes bytes,
                                   unsigned before);

struct th_net_sim {
    struct th_net_sim_options options; /* may be changed at any time */
    /* Per mille that is lost from one group to another; 1000: a partition. May be changed. */
    uint16_t loss_between[TH_SIM_GROUPS_MAX][TH_SIM_GROUPS_MAX];
    th_ms now; /* set by the world; never runs backwards */
    th_net_sim_fn on_fate;
    void *on_fate_data;
    th_net_sim_near_fn on_near;
    uint64_t fates[TH_FATES]; /* how many ended so */

    uint64_t pair_seed;
    struct th_rng rng;
    struct th_wheel flights;
    struct th_index ports; /* by public address */
    struct th_sim_port *last_added;
    unsigned count;
    uint32_t last_net; /* steps through all /24 */
    uint32_t last_ip;
};

void th_net_sim_init(struct th_net_sim *net, const struct th_net_sim_options *options,
                     uint64_t rng_seed);

/* Frees all ports and what is on its way; no host that uses one may run any more. */
void th_net_sim_clear(struct th_net_sim *net);

/* Adds a port; it lives until th_net_sim_clear. Errors: TH_NO_MEMORY, TH_LIMIT. */
TH_MUST enum th_err th_net_sim_add(struct th_net_sim *net,
                                   const struct th_sim_port_options *options,
                                   struct th_sim_port **out);

/* Gives a port, which shares no NAT box, another public address (and NAT mapping), as a network that is
 * left for another. What is on its way to the old one is lost. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_net_sim_move(struct th_sim_port *port);

/* Sets the loss between two groups in both directions: 1000 parts them, 0 heals. */
void th_net_sim_part(struct th_net_sim *net, unsigned a, unsigned b, unsigned per_mille);

/* The address that others see first of a port behind no NAT: for seeds entries. */
struct th_addr th_sim_port_addr(const struct th_sim_port *port);

/* Makes a port without a node: it gets what arrives as a callback, and sends as itself. */
void th_sim_port_set_raw(struct th_sim_port *port, th_sim_raw_fn on_raw, void *data);
void th_sim_port_send(struct th_sim_port *port, const struct th_addr *to, struct th_bytes bytes);

/* When something arrives next; TH_NEVER. */
th_ms th_net_sim_next(const struct th_net_sim *net);

struct th_sim_arrival {
    struct th_sim_port *port;
    struct th_datagrams *batch; /* given: for port->receiver, or to be freed with th_mem_free */
};

/* Takes what arrives first, by net->now, at a node that listens; what ends otherwise is done with on
 * the way. False when nothing more arrives by now. */
TH_MUST bool th_net_sim_take(struct th_net_sim *net, struct th_sim_arrival *out);

/* Puts back what was taken: it arrives later (a process that is stopped reads its socket late). */
void th_net_sim_delay(struct th_net_sim *net, const struct th_sim_arrival *arrival, th_ms until);

#endif

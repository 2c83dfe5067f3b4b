/*
 * net_mem.h - a network inside one process, for tests of whole nodes on host_sim.
 *
 * Datagrams arrive at once, in order, and none is lost, unless a node is cut off or the network is
 * told to lose or delay them.
 *
 *     struct net_mem mem = {0};
 *     struct net_mem_node *a = net_mem_add(&mem, 1);   // 10.0.0.1:42424
 *     config.net = &a->net;
 *     net_mem_cut(a, true);
 *     net_mem_disturb(&mem, host, place, rng_seed, 20, 100);
 */
#ifndef TH_LIB_NET_MEM_H
#define TH_LIB_NET_MEM_H

#include "switch/base/heap.h"
#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "switch/net.h"

#include <string.h>

enum { NET_MEM_NODES_MAX = 128 };

struct net_mem_node {
    struct th_net net; /* first */
    struct net_mem *mem;
    struct th_addr addr;
    struct th_host *host;
    th_pid receiver; /* 0: closed */
    bool is_cut;
    uint64_t sent, received; /* datagrams */
};

struct net_mem {
    unsigned count;
    struct net_mem_node node[NET_MEM_NODES_MAX];
    unsigned loss_percent;
    th_ms delay_max; /* each is on its way for 1..delay_max; 0: for no time */
    struct th_rng rng;
    th_pid wire; /* who delays them */
};

/* --- on its way --- */

struct net_mem_flight {
    struct th_heap_node due;
    struct net_mem_node *target;
    th_ms delay;
    struct th_datagrams *batch;
};

static inline void net_mem_flight_drop(void *body)
{
    struct net_mem_flight *flight = body;

    th_mem_free(flight->batch);
    th_mem_free(flight);
}

static inline const struct th_msg_kind *net_mem_flight_kind(void)
{
    static const struct th_msg_kind kind = {"net_mem.flight", net_mem_flight_drop};

    return &kind;
}

static inline void net_mem_arrive(struct net_mem_node *target, struct th_datagrams *batch)
{
    if (target->is_cut || target->receiver == 0) {
        th_mem_free(batch);
        return;
    }
    target->received++;
    th_post(target->host, target->receiver,
            (struct th_msg){.kind = &th_net_msg_datagrams, .body = batch});
}

/* The wire is a server, because only servers have deadlines. */
static inline enum th_err net_mem_wire_init(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)self, (void)arg;
    return TH_OK;
}

static inline enum th_err net_mem_wire_on_msg(void *state, const struct th_self *self,
                                              struct th_msg *msg)
{
    struct net_mem_flight *flight = msg->body;

    if (th_heap_reserve(state) != TH_OK)
        return TH_OK;
    th_heap_set(state, &flight->due, self->now.mono + flight->delay);
    msg->body = NULL;
    return TH_OK;
}

static inline enum th_err net_mem_wire_on_alarm(void *state, const struct th_self *self)
{
    while (th_heap_next(state) <= self->now.mono) {
        struct net_mem_flight *flight =
            TH_HEAP_OWNER(th_heap_first(state), struct net_mem_flight, due);
        th_heap_set(state, &flight->due, TH_NEVER);
        net_mem_arrive(flight->target, flight->batch);
        th_mem_free(flight);
    }
    return TH_OK;
}

static inline th_ms net_mem_wire_deadline(const void *state)
{
    return th_heap_next(state);
}

static inline void net_mem_wire_terminate(void *state, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    while (th_heap_first(state)) {
        struct net_mem_flight *flight =
            TH_HEAP_OWNER(th_heap_first(state), struct net_mem_flight, due);
        th_heap_set(state, &flight->due, TH_NEVER);
        net_mem_flight_drop(flight);
    }
    th_heap_clear(state);
}

/* --- the net of a node --- */

static inline struct net_mem_node *net_mem_of(struct th_net *net)
{
    return (struct net_mem_node *)net;
}

static inline enum th_err net_mem_open(struct th_net *net, struct th_host *host, th_pid receiver)
{
    net_mem_of(net)->host = host;
    net_mem_of(net)->receiver = receiver;
    return TH_OK;
}

static inline void net_mem_fly(struct net_mem *mem, struct net_mem_node *target,
                               struct th_datagrams *batch)
{
    struct net_mem_flight *flight = th_mem_zalloc(1, sizeof *flight);

    if (flight == NULL) {
        th_mem_free(batch);
        return;
    }
    flight->target = target;
    flight->batch = batch;
    flight->delay = th_rng_between(&mem->rng, 1, mem->delay_max);
    th_post(target->host, mem->wire,
            (struct th_msg){.kind = net_mem_flight_kind(), .body = flight});
}

static inline void net_mem_send(struct th_net *net, const struct th_addr *to, struct th_bytes bytes)
{
    struct net_mem_node *from = net_mem_of(net), *target = NULL;
    struct net_mem *mem = from->mem;

    from->sent++;
    for (unsigned i = 0; i < mem->count; i++)
        if (th_addr_is_equal(&mem->node[i].addr, to))
            target = &mem->node[i];
    if (from->is_cut || target == NULL || target->host == NULL)
        return;
    if (mem->loss_percent > 0 && th_rng_below(&mem->rng, 100) < mem->loss_percent)
        return;

    struct th_datagrams *batch =
        th_mem_zalloc(1, sizeof *batch + sizeof batch->datagram[0] + bytes.len);
    if (batch == NULL) /* a test refuses memory: lost, as networks do */
        return;
    uint8_t *copy = (uint8_t *)&batch->datagram[1];
    memcpy(copy, bytes.at, bytes.len);
    batch->count = 1;
    batch->datagram[0] = (struct th_datagram){from->addr, {copy, bytes.len}};
    if (mem->delay_max > 0)
        net_mem_fly(mem, target, batch);
    else
        net_mem_arrive(target, batch);
}

static inline void net_mem_flush(struct th_net *net)
{
    (void)net;
}

static inline unsigned net_mem_addrs(struct th_net *net, struct th_addr *addrs, unsigned max)
{
    if (max > 0)
        addrs[0] = net_mem_of(net)->addr;
    return max > 0 ? 1 : 0;
}

static inline void net_mem_close(struct th_net *net)
{
    net_mem_of(net)->receiver = 0;
}

/* --- for tests --- */

/* Adds a node at 10.0.0.n, port 42424; mem may not move afterwards. */
static inline struct net_mem_node *net_mem_add(struct net_mem *mem, uint8_t n)
{
    static const struct th_net_ops ops = {.open = net_mem_open,
                                          .send = net_mem_send,
                                          .flush = net_mem_flush,
                                          .addrs = net_mem_addrs,
                                          .close = net_mem_close};
    struct net_mem_node *node = &mem->node[mem->count++];

    TH_CHECK(mem->count <= NET_MEM_NODES_MAX);
    *node = (struct net_mem_node){
        .net = {&ops},
        .mem = mem,
        .addr = {.ip = {10, 0, 0, n}, .port = 42424, .family = TH_FAMILY_IPV4}};
    return node;
}

/* From now on nothing of its datagrams arrives, nor anybody's at it; or again. */
static inline void net_mem_cut(struct net_mem_node *node, bool is_cut)
{
    node->is_cut = is_cut;
}

/* From now on datagrams are lost and delayed, and so come out of order. Call it once. */
static inline void net_mem_disturb(struct net_mem *mem, struct th_host *host,
                                   struct th_place *place, uint8_t rng_seed, unsigned loss_percent,
                                   th_ms delay_max)
{
    static const struct th_server_ops ops = {.name = "wire",
                                             .state_size = sizeof(struct th_heap),
                                             .init = net_mem_wire_init,
                                             .on_msg = net_mem_wire_on_msg,
                                             .on_alarm = net_mem_wire_on_alarm,
                                             .deadline = net_mem_wire_deadline,
                                             .terminate = net_mem_wire_terminate};
    const struct th_server_spec spec = {.ops = &ops, .place = place, .mailbox_max = 1u << 20};
    const uint8_t seed[TH_RNG_SEED_BYTES] = {rng_seed, 'n'};

    th_rng_init(&mem->rng, seed);
    mem->loss_percent = loss_percent;
    mem->delay_max = delay_max;
    TH_CHECK(th_spawn(host, &spec, &mem->wire) == TH_OK);
}

#endif

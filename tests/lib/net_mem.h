/*
 * net_mem.h - a network inside one process, for tests of whole nodes on host_step.
 *
 * Datagrams arrive at once, in order, and none is lost, unless a node is cut off.
 *
 *     struct net_mem mem = {0};
 *     struct net_mem_node *a = net_mem_add(&mem, 1);   // 10.0.0.1:42424
 *     config.net = &a->net;
 *     net_mem_cut(a, true);
 */
#ifndef TH_LIB_NET_MEM_H
#define TH_LIB_NET_MEM_H

#include "switch/base/mem.h"
#include "switch/net.h"

#include <string.h>

enum { NET_MEM_NODES_MAX = 64 };

struct net_mem_node {
    struct th_net net; /* first */
    struct net_mem *mem;
    struct th_addr addr;
    struct th_host *host;
    th_pid receiver; /* 0: closed */
    bool is_cut;
    uint64_t sent, received;
};

struct net_mem {
    unsigned count;
    struct net_mem_node node[NET_MEM_NODES_MAX];
};

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

static inline void net_mem_send(struct th_net *net, const struct th_addr *to, struct th_bytes bytes)
{
    struct net_mem_node *from = net_mem_of(net), *target = NULL;
    struct net_mem *mem = from->mem;

    for (unsigned i = 0; i < mem->count; i++)
        if (th_addr_is_equal(&mem->node[i].addr, to))
            target = &mem->node[i];
    if (from->is_cut || target == NULL || target->is_cut || target->receiver == 0)
        return;

    struct th_datagrams *batch =
        th_mem_zalloc(1, sizeof *batch + sizeof batch->datagram[0] + bytes.len);
    TH_CHECK(batch);
    uint8_t *copy = (uint8_t *)&batch->datagram[1];
    memcpy(copy, bytes.at, bytes.len);
    batch->count = 1;
    batch->datagram[0] = (struct th_datagram){from->addr, {copy, bytes.len}};
    from->sent++;
    target->received++;
    th_post(target->host, target->receiver,
            (struct th_msg){.kind = &th_net_msg_datagrams, .body = batch});
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

#endif

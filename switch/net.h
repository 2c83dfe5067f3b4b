/*
 * net.h - the datagram seam: who brings bytes from and to the network.
 *
 * udp.h is the real one; the simulator and tests have their own. What arrives comes as messages of
 * kind th_net_msg_datagrams to the switch's pid; th_net_msg_moved (no body) says that the machine has
 * other addresses than before, th_net_msg_too_big that a datagram was larger than what its interface
 * carries (one of those of a flush is told of).
 *
 * Floor:  3.
 */
#ifndef TH_SWITCH_NET_H
#define TH_SWITCH_NET_H

#include "switch/run/server.h"
#include "switch/wire/path.h"

struct th_datagram {
    struct th_addr from;
    struct th_bytes bytes;
};

/* One batch; the bytes lie behind the array in the same memory. */
struct th_datagrams {
    unsigned count;
    unsigned
        foreign; /* th_net_msg_lan: further ones, that were not for all of a network or from it */
    struct th_datagram datagram[];
};

struct th_net_too_big {
    struct th_addr to;
    size_t len;
};

extern const struct th_msg_kind th_net_msg_datagrams;
extern const struct th_msg_kind th_net_msg_too_big;
extern const struct th_msg_kind th_net_msg_moved;

/* Body struct th_datagrams: what came to TH_LAN_PORT (core/lan.h), from an address of a network that this
 * machine is on, to all of that network. */
extern const struct th_msg_kind th_net_msg_lan;

enum { TH_NET_ADDRS_MAX = 16 };

struct th_net;

struct th_net_ops {
    /*
     * Begins to receive for a server; called by the switch in its init, on its place.
     * Errors: TH_IN_USE, TH_NO_PERMISSION, TH_IO, TH_NO_MEMORY.
     */
    enum th_err (*open)(struct th_net *net, struct th_host *host, th_pid receiver);

    /* Sends one datagram, or drops it as networks do; never waits. bytes borrowed.
     * Thread: the switch's place. */
    void (*send)(struct th_net *net, const struct th_addr *to, struct th_bytes bytes);

    /* Sends one datagram to everybody on each network that this machine is on. NULL: cannot be had. */
    void (*announce)(struct th_net *net, struct th_bytes bytes);

    /* The switch has handled what it had: sends what was gathered. */
    void (*flush)(struct th_net *net);

    /* Fills the addresses under which we can be reached as far as this machine knows: bound ones,
     * a wildcard as every interface's address. Returns how many, at most max. */
    unsigned (*addrs)(struct th_net *net, struct th_addr *addrs, unsigned max);

    /* Fills how many datagrams the kernel dropped because they were not read soon enough, since the
     * net was made; false when it does not tell. NULL: cannot be had. */
    bool (*drops)(struct th_net *net, uint64_t *drops);

    /* How many bytes may wait to be read, of the socket that was granted least; 0 when nobody tells.
     * NULL: cannot be had. */
    uint32_t (*rcvbuf)(struct th_net *net);

    /* Stops receiving; open may be called again. The owner frees the net itself. */
    void (*close)(struct th_net *net);
};

/* The first member of every implementation. */
struct th_net {
    const struct th_net_ops *ops;
};

#endif

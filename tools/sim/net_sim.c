#include "tools/sim/net_sim.h"

#include "switch/base/check.h"
#include "switch/base/mem.h"
#include "tools/sim/latency.h"

#include <string.h>

enum { QUEUE_MS_DEFAULT = 200, HOSTS_IN_NET = 254, NETS = 1 << 24, NET_STEP = 0x9e3779 };
enum { HOME = 192 << 16 | 168 << 8 | 1, HOME_FIRST = 2 }; /* the private /24 behind every NAT box */

enum { AHEAD = TH_SIM_NEAR + 2, FETCHED_BYTES = 512 }; /* of a datagram, at its front */

/* A datagram on its way. */
struct flight {
    struct th_wheel_node due;
    struct th_sim_port *from;
    struct th_sim_port *again;  /* who has taken it already and reads it later; else NULL */
    struct th_sim_port *inside; /* who is to get it within a home; NULL: whoever has the address */
    struct th_sim_port *box;    /* who had the address when it was sent; NULL: nobody */
    struct th_addr to;
    struct th_datagrams *batch;
};

const char *th_fate_name(enum th_fate fate)
{
    switch (fate) {
    case TH_FATE_SENT:
        return "sent";
    case TH_FATE_ARRIVED:
        return "arrived";
    case TH_FATE_LOST:
        return "lost";
    case TH_FATE_CUT:
        return "cut off";
    case TH_FATE_NOWHERE:
        return "to nowhere";
    case TH_FATE_NAT:
        return "kept out by the NAT";
    case TH_FATE_QUEUE:
        return "over the queue";
    case TH_FATE_CLOSED:
        return "to nobody who listens";
    case TH_FATE_NO_MEMORY:
        return "without memory";
    }
    return "";
}

static void tell(struct th_net_sim *net, enum th_fate fate, const struct th_sim_port *from,
                 const struct th_sim_port *to, struct th_bytes bytes)
{
    net->fates[fate]++;
    if (net->on_fate)
        net->on_fate(net->on_fate_data, fate, from, to, bytes);
}

/* --- addresses --- */

static uint32_t ip_of(const struct th_addr *addr)
{
    return (uint32_t)addr->ip[0] << 24 | (uint32_t)addr->ip[1] << 16 | (uint32_t)addr->ip[2] << 8 |
           addr->ip[3];
}

static struct th_addr addr_of(uint32_t ip, uint16_t port)
{
    return (struct th_addr){
        .ip = {(uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip},
        .port = port,
        .family = TH_FAMILY_IPV4};
}

static bool is_public(uint32_t ip)
{
    struct th_addr addr = addr_of(ip, 1);

    return th_addr_realm(&addr) == TH_REALM_PUBLIC;
}

static struct th_sim_port *find_port(const struct th_net_sim *net, uint32_t ip)
{
    struct th_index_node *node = th_index_find(&net->ports, ip);

    return node ? TH_HEAP_OWNER(node, struct th_sim_port, by_ip) : NULL;
}

/* The same when the address was known to be that of a port before: few move. */
static struct th_sim_port *find_again(const struct th_net_sim *net, uint32_t ip,
                                      struct th_sim_port *before)
{
    return before && before->public_ip == ip ? before : find_port(net, ip);
}

/* A free address: the next in the last one's /24, or one in a /24 where nobody is yet. */
static uint32_t take_ip(struct th_net_sim *net, bool is_near)
{
    uint32_t ip = net->last_ip + 1;

    if (!is_near || net->last_ip == 0 || (ip & 0xff) > HOSTS_IN_NET) {
        do { /* an odd step comes by every /24 once */
            net->last_net = (net->last_net + NET_STEP) % NETS;
            ip = net->last_net << 8 | 1;
        } while (!is_public(ip));
    }
    net->last_ip = ip;
    return ip;
}

/* Gives it a place behind a NAT box where `before` others are. */
static void settle_inside(struct th_sim_port *port, unsigned before)
{
    struct th_rng *rng = &port->sim->rng;

    TH_CHECK(HOME_FIRST + before <= HOSTS_IN_NET);
    th_nat_clear(&port->nat);
    th_ms timeout_ms = th_rng_between(rng, TH_NAT_MS_MIN, TH_NAT_MS_MAX);
    uint64_t first = th_rng_between(rng, 1024, UINT16_MAX);
    th_nat_init(&port->nat, port->options.nat, timeout_ms, (uint16_t)first);
    port->addr = addr_of((uint32_t)HOME << 8 | (HOME_FIRST + before), TH_SIM_PORT_NUMBER);
}

static enum th_err settle_at(struct th_sim_port *port, uint32_t ip)
{
    struct th_net_sim *net = port->sim;

    port->public_ip = ip;
    if (th_index_add(&net->ports, &port->by_ip, ip) != TH_OK)
        return TH_NO_MEMORY;
    port->box = port;
    port->addr = addr_of(ip, TH_SIM_PORT_NUMBER);
    if (port->options.nat != TH_NAT_NONE)
        settle_inside(port, 0);
    return TH_OK;
}

/* In the home of another. */
static void settle_beside(struct th_sim_port *port, struct th_sim_port *box)
{
    struct th_sim_port *last = box;
    unsigned before = 1;

    TH_CHECK(box->options.nat != TH_NAT_NONE && box->options.nat == port->options.nat);
    TH_CHECK(box->options.group == port->options.group); /* it stands for all of them */
    for (; last->next; last = last->next)
        before++;
    last->next = port;
    port->box = box;
    port->public_ip = box->public_ip;
    settle_inside(port, before);
}

/* The port that it is seen at outside: the box deals them out, so that no two have the same. */
static uint16_t port_outside(struct th_sim_port *port, const struct th_addr *to)
{
    uint16_t *next_port = &port->box->nat.next_port;

    port->nat.next_port = *next_port;
    uint16_t number = th_nat_out(&port->nat, port->sim->now, to);
    *next_port = port->nat.next_port;
    return number;
}

/* Who of a home has a private address; NULL: none of the others. */
static struct th_sim_port *find_beside(const struct th_sim_port *port, const struct th_addr *addr)
{
    struct th_sim_port *other = port->options.nat == TH_NAT_NONE ? NULL : port->box;

    while (other && (other == port || memcmp(other->addr.ip, addr->ip, sizeof addr->ip) != 0))
        other = other->next;
    return other;
}

struct th_addr th_sim_port_addr(const struct th_sim_port *port)
{
    return addr_of(port->public_ip, TH_SIM_PORT_NUMBER);
}

/* --- on its way --- */

static struct th_datagrams *copy_of(const struct th_addr *from, struct th_bytes bytes)
{
    struct th_datagrams *batch =
        th_mem_zalloc(1, sizeof *batch + sizeof batch->datagram[0] + bytes.len);

    if (batch == NULL)
        return NULL;
    uint8_t *copy = (uint8_t *)&batch->datagram[1];
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    batch->count = 1;
    batch->datagram[0] = (struct th_datagram){*from, {copy, bytes.len}};
    return batch;
}

/* Given: the batch. */
static bool put_on_its_way(struct th_net_sim *net, struct flight flight, th_ms at)
{
    struct flight *made = th_mem_zalloc(1, sizeof *made);

    if (made)
        *made = flight;
    if (made == NULL || th_wheel_put(&net->flights, &made->due, at) != TH_OK) {
        th_mem_free(made);
        th_mem_free(flight.batch);
        return false;
    }
    return true;
}

static bool happens(struct th_net_sim *net, unsigned per_mille)
{
    return per_mille > 0 && th_rng_below(&net->rng, TH_SIM_PER_MILLE) < per_mille;
}

/* From one port to another, both directions alike, without what is drawn for each datagram. */
static uint64_t way_us(const struct th_net_sim *net, const struct th_sim_port *from,
                       const struct th_sim_port *to)
{
    unsigned low = from->index < to->index ? from->index : to->index;
    unsigned high = from->index < to->index ? to->index : from->index;
    uint64_t draw = th_latency_mix(net->pair_seed, low, high);

    return th_latency_round_trip_us(draw, net->options.rtt_ms) / 2;
}

static uint64_t draw_way_us(struct th_net_sim *net, const struct th_sim_port *from,
                            const struct th_sim_port *to)
{
    uint64_t way = to ? way_us(net, from, to) : 0;
    uint64_t jitter = way * net->options.jitter_percent / 100;

    if (jitter > 0)
        way += th_rng_below(&net->rng, jitter + 1);
    if (happens(net, net->options.reorder))
        way += th_rng_below(&net->rng, (uint64_t)net->options.rtt_ms * 1000 + 1);
    return way;
}

static void damage(struct th_net_sim *net, struct th_datagrams *batch)
{
    struct th_bytes bytes = batch->datagram[0].bytes;
    uint8_t *copy = (uint8_t *)&batch->datagram[1];

    if (bytes.len == 0 || !happens(net, net->options.corrupt))
        return;
    uint64_t at = th_rng_below(&net->rng, bytes.len);
    copy[at] ^= (uint8_t)th_rng_between(&net->rng, 1, 255);
}

/* A datagram that leaves its port. */
struct departure {
    struct th_sim_port *from;
    struct th_sim_port *receiver; /* NULL: nobody has the address */
    struct th_sim_port *inside;   /* the receiver, in the same home; else NULL */
    struct th_addr seen;          /* as the receiver sees the sender */
    struct th_addr to;
    struct th_bytes bytes;
    uint64_t left_us;
};

static void carry(struct th_net_sim *net, const struct departure *d)
{
    struct th_datagrams *batch = copy_of(&d->seen, d->bytes);
    th_ms at = (d->left_us + draw_way_us(net, d->from, d->receiver)) / 1000;

    if (at <= net->now)
        at = net->now + 1; /* nobody hears within the moment */
    if (batch)
        damage(net, batch);
    if (batch == NULL || !put_on_its_way(net,
                                         (struct flight){.from = d->from,
                                                         .to = d->to,
                                                         .inside = d->inside,
                                                         .box = d->receiver,
                                                         .batch = batch},
                                         at))
        tell(net, TH_FATE_NO_MEMORY, d->from, d->receiver, d->bytes);
}

/* When the last byte leaves; UINT64_MAX when the queue has no room. */
static uint64_t leave_us(struct th_sim_port *port, size_t len)
{
    uint64_t now_us = port->sim->now * 1000;
    uint64_t rate = port->options.bytes_per_s;
    uint64_t begin = port->sent_until_us > now_us ? port->sent_until_us : now_us;
    uint64_t queue =
        port->options.queue_bytes ? port->options.queue_bytes : rate * QUEUE_MS_DEFAULT / 1000;

    if (rate == 0)
        return now_us;
    if ((begin - now_us) * rate / 1000000 > queue)
        return UINT64_MAX;
    port->sent_until_us = begin + len * 1000000 / rate;
    return port->sent_until_us;
}

/* Two draws at most, whatever becomes of it. */
static bool is_lost(struct th_net_sim *net, const struct th_sim_port *from,
                    const struct th_sim_port *to, enum th_fate *fate)
{
    unsigned between = to ? net->loss_between[from->options.group][to->options.group] : 0;

    *fate = between == TH_SIM_PER_MILLE ? TH_FATE_CUT : TH_FATE_LOST;
    return between == TH_SIM_PER_MILLE || happens(net, between) || happens(net, net->options.loss);
}

/* It goes to the public address of the home that it comes from, and the box is not so kind. */
static bool is_turned_back(const struct departure *d)
{
    const struct th_sim_port *box = d->from->box;

    return d->inside == NULL && d->receiver == box && box->next && !box->options.hairpins;
}

void th_sim_port_send(struct th_sim_port *port, const struct th_addr *to, struct th_bytes bytes)
{
    struct th_net_sim *net = port->sim;
    struct departure d = {.from = port,
                          .receiver = find_port(net, ip_of(to)),
                          .seen = port->addr,
                          .to = *to,
                          .bytes = bytes};
    enum th_fate fate;

    d.inside = find_beside(port, to);
    if (d.inside)
        d.receiver = d.inside;
    port->tx_packets++;
    port->tx_bytes += bytes.len;
    tell(net, TH_FATE_SENT, port, d.receiver, bytes);
    d.left_us = leave_us(port, bytes.len);
    if (port->options.nat != TH_NAT_NONE && d.inside == NULL)
        d.seen = addr_of(port->public_ip, port_outside(port, to));
    if (d.left_us == UINT64_MAX) {
        tell(net, TH_FATE_QUEUE, port, d.receiver, bytes);
    } else if (is_lost(net, port, d.receiver, &fate)) {
        tell(net, fate, port, d.receiver, bytes);
    } else if (is_turned_back(&d)) {
        tell(net, TH_FATE_NAT, port, d.receiver, bytes);
    } else {
        carry(net, &d);
        if (happens(net, net->options.duplicate))
            carry(net, &d);
    }
}

/* --- arriving --- */

th_ms th_net_sim_next(const struct th_net_sim *net)
{
    return th_wheel_next(&net->flights);
}

/* Who behind a NAT box gets what came to a port of it; NULL: nobody. */
static struct th_sim_port *let_in(struct th_net_sim *net, struct th_sim_port *box,
                                  const struct th_addr *from, uint16_t number)
{
    struct th_sim_port *port = box;

    while (port && !th_nat_lets_in(&port->nat, net->now, from, number))
        port = port->next;
    return port;
}

/* Who gets it, and what becomes of it. */
static struct th_sim_port *receive(struct th_net_sim *net, const struct flight *flight,
                                   enum th_fate *fate)
{
    struct th_sim_port *box =
        flight->inside ? NULL : find_again(net, ip_of(&flight->to), flight->box);
    struct th_sim_port *port = flight->inside ? flight->inside : box;
    bool has_nat = box && box->options.nat != TH_NAT_NONE;

    if (has_nat)
        port = let_in(net, box, &flight->batch->datagram[0].from, flight->to.port);
    *fate = TH_FATE_ARRIVED;
    if (has_nat && port == NULL) {
        *fate = TH_FATE_NAT;
        return box;
    }
    if (port == NULL)
        *fate = TH_FATE_NOWHERE;
    else if (!has_nat && flight->to.port != TH_SIM_PORT_NUMBER)
        *fate = TH_FATE_CLOSED;
    else if (port->receiver == 0 && port->on_raw == NULL)
        *fate = TH_FATE_CLOSED;
    return port;
}

/* Ends a flight; true when a node is to get what it carried. */
static bool land(struct th_net_sim *net, struct flight *flight, struct th_sim_arrival *out)
{
    enum th_fate fate = TH_FATE_ARRIVED;
    struct th_sim_port *port = flight->again ? flight->again : receive(net, flight, &fate);
    const struct th_datagram *datagram = &flight->batch->datagram[0];
    bool is_for_node = fate == TH_FATE_ARRIVED && port->receiver != 0;

    if (flight->again == NULL)
        tell(net, fate, flight->from, port, datagram->bytes);
    if (fate == TH_FATE_ARRIVED) {
        port->rx_packets++;
        port->rx_bytes += datagram->bytes.len;
        if (!is_for_node && port->on_raw)
            port->on_raw(port->raw_data, port, &datagram->from, datagram->bytes);
    }
    if (is_for_node)
        *out = (struct th_sim_arrival){port, flight->batch};
    else
        th_mem_free(flight->batch);
    return is_for_node;
}

/*
 * Of many nodes hardly anything is in the processor's cache when it is needed. Who gets something in the
 * same millisecond is known before: with each that is taken the memory of those that follow is fetched,
 * one step for each, so that nobody waits for a pointer to be read.
 */
static void look_ahead(const struct th_net_sim *net, const struct th_wheel_node *next)
{
    for (unsigned ahead = 0; next && ahead < AHEAD; ahead++, next = next->next) {
        const struct flight *flight = TH_HEAP_OWNER(next, struct flight, due);
        const struct th_sim_port *port = flight->box;
        if (ahead == AHEAD - 1 && next->next) {
            th_mem_fetch(next->next, sizeof *flight);
        } else if (ahead == AHEAD - 2) {
            th_mem_fetch(flight->batch, FETCHED_BYTES);
            if (port)
                th_mem_fetch(port, sizeof *port);
        } else if (port && net->on_near) {
            net->on_near(port, flight->batch->datagram[0].bytes, ahead);
        }
    }
}

bool th_net_sim_take(struct th_net_sim *net, struct th_sim_arrival *out)
{
    struct th_wheel_node *due;
    bool has_taken = false;

    while (!has_taken && (due = th_wheel_take(&net->flights, net->now)) != NULL) {
        struct flight *flight = TH_HEAP_OWNER(due, struct flight, due);
        look_ahead(net, due->next);
        has_taken = land(net, flight, out);
        th_mem_free(flight);
    }
    return has_taken;
}

void th_net_sim_delay(struct th_net_sim *net, const struct th_sim_arrival *arrival, th_ms until)
{
    struct flight flight = {.from = arrival->port, .again = arrival->port, .batch = arrival->batch};

    arrival->port->rx_packets--;
    arrival->port->rx_bytes -= arrival->batch->datagram[0].bytes.len;
    (void)put_on_its_way(net, flight, until);
}

/* --- a node's net --- */

static struct th_sim_port *port_of(struct th_net *net)
{
    return (struct th_sim_port *)net; /* the first member */
}

static enum th_err open_port(struct th_net *net, struct th_host *host, th_pid receiver)
{
    port_of(net)->host = host;
    port_of(net)->receiver = receiver;
    return TH_OK;
}

static void send_from(struct th_net *net, const struct th_addr *to, struct th_bytes bytes)
{
    if (port_of(net)->receiver != 0) /* else the node has been killed: nothing leaves it */
        th_sim_port_send(port_of(net), to, bytes);
}

static void flush(struct th_net *net)
{
    (void)net;
}

static unsigned list_addrs(struct th_net *net, struct th_addr *addrs, unsigned max)
{
    if (max > 0)
        addrs[0] = port_of(net)->addr;
    return max > 0 ? 1 : 0;
}

static void close_port(struct th_net *net)
{
    port_of(net)->receiver = 0;
}

static const struct th_net_ops ops = {
    .open = open_port, .send = send_from, .flush = flush, .addrs = list_addrs, .close = close_port};

void th_sim_port_set_raw(struct th_sim_port *port, th_sim_raw_fn on_raw, void *data)
{
    port->on_raw = on_raw;
    port->raw_data = data;
}

/* --- life --- */

void th_net_sim_init(struct th_net_sim *net, const struct th_net_sim_options *options,
                     uint64_t rng_seed)
{
    uint8_t seed[TH_RNG_SEED_BYTES] = "net_sim";

    *net = (struct th_net_sim){.options = *options};
    for (unsigned i = 0; i < 8; i++)
        seed[16 + i] = (uint8_t)(rng_seed >> (8 * i));
    th_rng_init(&net->rng, seed);
    net->pair_seed = th_rng_u64(&net->rng);
    net->last_net = (uint32_t)th_rng_below(&net->rng, NETS);
}

enum th_err th_net_sim_add(struct th_net_sim *net, const struct th_sim_port_options *options,
                           struct th_sim_port **out)
{
    struct th_sim_port *port;

    TH_CHECK(options->group < TH_SIM_GROUPS_MAX);
    if (net->count >= TH_SIM_PORTS_MAX)
        return TH_LIMIT;
    port = th_mem_zalloc_lines(1, sizeof *port);
    if (port == NULL)
        return TH_NO_MEMORY;
    port->net.ops = &ops;
    port->sim = net;
    port->index = net->count;
    port->options = *options;
    if (options->is_beside_previous) {
        TH_CHECK(net->last_added != NULL);
        settle_beside(port, net->last_added->box);
    } else if (settle_at(port, take_ip(net, options->is_near_previous)) != TH_OK) {
        th_mem_free(port);
        return TH_NO_MEMORY;
    }
    port->added_before = net->last_added;
    net->count++;
    net->last_added = port;
    *out = port;
    return TH_OK;
}

enum th_err th_net_sim_move(struct th_sim_port *port)
{
    TH_CHECK(port->box == port && port->next == NULL);
    th_index_remove(&port->sim->ports, &port->by_ip);
    return settle_at(port, take_ip(port->sim, false));
}

void th_net_sim_part(struct th_net_sim *net, unsigned a, unsigned b, unsigned per_mille)
{
    TH_CHECK(a < TH_SIM_GROUPS_MAX && b < TH_SIM_GROUPS_MAX && per_mille <= TH_SIM_PER_MILLE);
    net->loss_between[a][b] = (uint16_t)per_mille;
    net->loss_between[b][a] = (uint16_t)per_mille;
}

void th_net_sim_clear(struct th_net_sim *net)
{
    struct th_wheel_node *due;

    while ((due = th_wheel_take(&net->flights, TH_NEVER - 1)) != NULL) {
        struct flight *flight = TH_HEAP_OWNER(due, struct flight, due);
        th_mem_free(flight->batch);
        th_mem_free(flight);
    }
    th_wheel_clear(&net->flights);
    for (struct th_sim_port *port = net->last_added, *before; port; port = before) {
        before = port->added_before;
        th_nat_clear(&port->nat);
        th_mem_free(port);
    }
    th_index_clear(&net->ports);
    th_rng_clear(&net->rng);
}

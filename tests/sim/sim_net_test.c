/* The simulated network: what it does to datagrams, each thing alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "switch/base/mem.h"
#include "tools/sim/latency.h"
#include "tools/sim/net_sim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ports without nodes, and what each got. */
enum { PORTS = 4, SENT = 10000 };

struct inbox {
    unsigned count;
    struct th_addr from;
    uint8_t last;  /* first byte of the latest */
    unsigned late; /* that came after one that was sent later */
    unsigned damaged;
};

struct bench {
    struct th_net_sim net;
    struct th_sim_port *port[PORTS];
    struct inbox inbox[PORTS];
    uint64_t highest;
};

static void on_raw(void *data, struct th_sim_port *port, const struct th_addr *from,
                   struct th_bytes bytes)
{
    struct bench *bench = data;
    struct inbox *inbox = &bench->inbox[port->index];
    uint64_t number = 0;

    inbox->count++;
    inbox->from = *from;
    inbox->last = bytes.at[0];
    if (bytes.len == 16) {
        memcpy(&number, bytes.at, sizeof number);
        inbox->damaged += memcmp(bytes.at, bytes.at + 8, 8) != 0;
        inbox->late += number < bench->highest;
        bench->highest = number > bench->highest ? number : bench->highest;
    }
}

static struct bench *begin(const struct th_net_sim_options *options,
                           const struct th_sim_port_options ports[PORTS])
{
    static const struct th_sim_port_options plain[PORTS];
    struct bench *bench = th_mem_zalloc(1, sizeof *bench);

    assert_non_null(bench);
    th_net_sim_init(&bench->net, options, 7);
    for (unsigned i = 0; i < PORTS; i++) {
        assert_int_equal(
            th_net_sim_add(&bench->net, ports ? &ports[i] : &plain[i], &bench->port[i]), TH_OK);
        th_sim_port_set_raw(bench->port[i], on_raw, bench);
    }
    return bench;
}

static void end(struct bench *bench)
{
    th_net_sim_clear(&bench->net);
    th_mem_free(bench);
}

static void pass(struct bench *bench, th_ms ms)
{
    th_ms until = bench->net.now + ms;
    struct th_sim_arrival arrival;

    while (th_net_sim_next(&bench->net) <= until) {
        bench->net.now = th_net_sim_next(&bench->net);
        assert_false(th_net_sim_take(&bench->net, &arrival)); /* there are no nodes */
    }
    bench->net.now = until;
}

static void send_to(struct bench *bench, unsigned from, const struct th_addr *to, uint8_t byte)
{
    th_sim_port_send(bench->port[from], to, (struct th_bytes){&byte, 1});
}

static void send(struct bench *bench, unsigned from, unsigned to, uint8_t byte)
{
    struct th_addr addr = th_sim_port_addr(bench->port[to]);

    send_to(bench, from, &addr, byte);
}

/* Sends numbered datagrams from 0 to 1, one a millisecond. */
static void send_many(struct bench *bench)
{
    struct th_addr to = th_sim_port_addr(bench->port[1]);

    for (uint64_t i = 1; i <= SENT; i++) {
        uint64_t twice[2] = {i, i};
        th_sim_port_send(bench->port[0], &to, (struct th_bytes){(uint8_t *)twice, sizeof twice});
        pass(bench, 1);
    }
    pass(bench, 60000);
}

static void every_node_has_a_public_address_in_a_net_of_its_own(void **state)
{
    (void)state;
    struct th_net_sim net;
    struct th_sim_port *port;
    static uint8_t seen[1 << 21];
    th_net_sim_init(&net, &(struct th_net_sim_options){0}, 1);
    memset(seen, 0, sizeof seen);

    for (unsigned i = 0; i < 20000; i++) {
        assert_int_equal(th_net_sim_add(&net, &(struct th_sim_port_options){0}, &port), TH_OK);
        uint32_t n = port->public_ip >> 8;
        assert_int_equal(th_addr_realm(&port->addr), TH_REALM_PUBLIC);
        assert_int_equal(seen[n / 8] >> n % 8 & 1, 0);
        seen[n / 8] |= (uint8_t)(1 << n % 8);
    }

    th_net_sim_clear(&net);
}

static void nodes_can_share_a_net_of_24_bits(void **state)
{
    (void)state;
    struct th_net_sim net;
    struct th_sim_port *first, *port;
    th_net_sim_init(&net, &(struct th_net_sim_options){0}, 1);
    assert_int_equal(th_net_sim_add(&net, &(struct th_sim_port_options){0}, &first), TH_OK);

    for (unsigned i = 0; i < 253; i++) {
        assert_int_equal(
            th_net_sim_add(&net, &(struct th_sim_port_options){.is_near_previous = true}, &port),
            TH_OK);
        assert_int_equal(port->public_ip >> 8, first->public_ip >> 8);
    }
    assert_int_equal(
        th_net_sim_add(&net, &(struct th_sim_port_options){.is_near_previous = true}, &port),
        TH_OK);

    assert_int_not_equal(port->public_ip >> 8, first->public_ip >> 8);
    th_net_sim_clear(&net);
}

static void datagram_takes_half_the_round_trip_of_its_pair(void **state)
{
    (void)state;
    struct bench *bench = begin(&(struct th_net_sim_options){.rtt_ms = 80}, NULL);
    th_ms there, back;

    send(bench, 0, 1, 1);
    there = th_net_sim_next(&bench->net) - bench->net.now;
    pass(bench, 10000);
    send(bench, 1, 0, 2);
    back = th_net_sim_next(&bench->net) - bench->net.now;
    pass(bench, 10000);

    assert_int_equal(there, back);
    assert_in_range(there, 5, 260);
    assert_int_equal(bench->inbox[1].count, 1);
    assert_int_equal(bench->inbox[0].last, 2);
    assert_memory_equal(&bench->inbox[1].from, &bench->port[0]->addr, sizeof(struct th_addr));
    end(bench);
}

static void round_trips_are_spread_as_measured_on_the_internet(void **state)
{
    (void)state;
    enum { PAIRS = 100000 };
    unsigned below_half = 0, below_median = 0, below_double = 0;

    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t us = th_latency_round_trip_us(th_latency_mix(9, i, i + 1), 80);
        below_half += us < 40000;
        below_median += us < 80000;
        below_double += us < 160000;
    }

    /* P(exp(0.6 z) < 0.5) = 12.4 %, < 2: 87.6 % */
    assert_in_range(below_half, PAIRS * 119 / 1000, PAIRS * 129 / 1000);
    assert_in_range(below_median, PAIRS * 495 / 1000, PAIRS * 505 / 1000);
    assert_in_range(below_double, PAIRS * 871 / 1000, PAIRS * 881 / 1000);
}

static void so_many_are_lost_doubled_late_or_damaged_as_is_asked_for(void **state)
{
    (void)state;
    struct bench *lossy = begin(&(struct th_net_sim_options){.rtt_ms = 50, .loss = 200}, NULL);
    struct bench *doubled =
        begin(&(struct th_net_sim_options){.rtt_ms = 50, .duplicate = 100}, NULL);
    struct bench *late = begin(&(struct th_net_sim_options){.rtt_ms = 50, .reorder = 100}, NULL);
    struct bench *damaged = begin(&(struct th_net_sim_options){.rtt_ms = 50, .corrupt = 100}, NULL);

    send_many(lossy);
    send_many(doubled);
    send_many(late);
    send_many(damaged);

    assert_in_range(lossy->inbox[1].count, SENT * 77 / 100, SENT * 83 / 100);
    assert_int_equal(lossy->net.fates[TH_FATE_LOST] + lossy->inbox[1].count, SENT);
    assert_in_range(doubled->inbox[1].count, SENT * 108 / 100, SENT * 112 / 100);
    assert_int_equal(late->inbox[1].count, SENT);
    assert_in_range(late->inbox[1].late, SENT * 7 / 100, SENT * 11 / 100);
    assert_in_range(damaged->inbox[1].damaged, SENT * 8 / 100, SENT * 12 / 100);
    end(lossy), end(doubled), end(late), end(damaged);
}

static void jitter_is_a_part_of_the_way_and_no_more(void **state)
{
    (void)state;
    struct bench *bench =
        begin(&(struct th_net_sim_options){.rtt_ms = 1000, .jitter_percent = 10}, NULL);
    th_ms least = TH_NEVER, most = 0;

    for (unsigned i = 0; i < 1000; i++) {
        send(bench, 0, 1, 1);
        th_ms took = th_net_sim_next(&bench->net) - bench->net.now;
        least = took < least ? took : least;
        most = took > most ? took : most;
        pass(bench, 10000);
    }

    assert_in_range(most, least * 108 / 100, least * 110 / 100 + 1);
    end(bench);
}

static void partition_can_be_one_way_and_heals(void **state)
{
    (void)state;
    const struct th_sim_port_options ports[PORTS] = {{0}, {.group = 1}, {0}, {.group = 1}};
    struct bench *bench = begin(&(struct th_net_sim_options){.rtt_ms = 10}, ports);

    bench->net.loss_between[0][1] = TH_SIM_PER_MILLE;
    send(bench, 0, 1, 1), send(bench, 1, 0, 2), send(bench, 0, 2, 3);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[1].count, 0);
    assert_int_equal(bench->inbox[0].last, 2);
    assert_int_equal(bench->inbox[2].last, 3);
    assert_int_equal(bench->net.fates[TH_FATE_CUT], 1);

    th_net_sim_part(&bench->net, 0, 1, 0);
    send(bench, 0, 1, 4);
    pass(bench, 1000);

    assert_int_equal(bench->inbox[1].last, 4);
    end(bench);
}

static void bandwidth_delays_and_a_full_queue_drops(void **state)
{
    (void)state;
    const struct th_sim_port_options ports[PORTS] = {{.bytes_per_s = 16000}};
    struct bench *bench = begin(&(struct th_net_sim_options){0}, ports);
    struct th_addr to = th_sim_port_addr(bench->port[1]);
    static const uint8_t full[160]; /* 10 ms each */

    for (unsigned i = 0; i < 100; i++)
        th_sim_port_send(bench->port[0], &to, (struct th_bytes){full, sizeof full});
    pass(bench, 105);
    assert_in_range(bench->inbox[1].count, 9, 11);
    pass(bench, 10000);

    assert_in_range(bench->inbox[1].count, 20, 22); /* a queue of 200 ms */
    assert_int_equal(bench->net.fates[TH_FATE_QUEUE], 100 - bench->inbox[1].count);
    end(bench);
}

/* Who gets through to port 1 behind the NAT: 0, to whom it sent; 2, a stranger; 0 from another port
 * of the NAT's. */
static void try_nat(enum th_nat_kind kind, bool lets_stranger_in, bool has_port_for_each)
{
    const struct th_sim_port_options ports[PORTS] = {{0}, {.nat = kind}, {0}, {0}};
    struct bench *bench = begin(&(struct th_net_sim_options){.rtt_ms = 10}, ports);
    struct th_addr outside = th_sim_port_addr(bench->port[1]);

    send(bench, 0, 1, 1); /* nothing is open yet */
    pass(bench, 1000);
    assert_int_equal(bench->inbox[1].count, 0);
    assert_int_equal(bench->net.fates[TH_FATE_NAT], 1);

    send(bench, 1, 0, 2);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[0].last, 2);
    struct th_addr seen = bench->inbox[0].from;
    assert_memory_equal(seen.ip, outside.ip, sizeof seen.ip);
    assert_int_equal(th_addr_realm(&bench->port[1]->addr), TH_REALM_PRIVATE);
    send_to(bench, 0, &seen, 3);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[1].last, 3);

    send_to(bench, 2, &seen, 4);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[1].last, lets_stranger_in ? 4 : 3);

    send(bench, 1, 3, 5);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[3].from.port != seen.port, has_port_for_each);

    pass(bench, TH_NAT_MS_MAX); /* silent for too long */
    send_to(bench, 0, &seen, 6);
    pass(bench, 1000);
    assert_int_not_equal(bench->inbox[1].last, 6);
    end(bench);
}

static void each_kind_of_nat_lets_in_whom_it_should(void **state)
{
    (void)state;
    try_nat(TH_NAT_FULL_CONE, true, false);
    try_nat(TH_NAT_ADDRESS_RESTRICTED, false, false);
    try_nat(TH_NAT_PORT_RESTRICTED, false, false);
    try_nat(TH_NAT_SYMMETRIC, false, true);
}

static void restricted_by_address_lets_in_another_port_and_by_port_does_not(void **state)
{
    (void)state;
    const enum th_nat_kind kinds[] = {TH_NAT_ADDRESS_RESTRICTED, TH_NAT_PORT_RESTRICTED};

    for (unsigned i = 0; i < 2; i++) {
        struct th_nat nat;
        struct th_addr peer = {.ip = {1, 2, 3, 4}, .port = 1000, .family = TH_FAMILY_IPV4};
        th_nat_init(&nat, kinds[i], 30000, 5000);

        uint16_t port = th_nat_out(&nat, 1000, &peer);
        assert_true(th_nat_lets_in(&nat, 1001, &peer, port));
        peer.port = 2000;
        assert_int_equal(th_nat_lets_in(&nat, 1001, &peer, port), i == 0);
        assert_false(th_nat_lets_in(&nat, 1001, &peer, port + 1));

        th_nat_clear(&nat);
    }
}

/* 0 has no NAT; 1 and 2 are in a home, and 3 in another. */
static struct bench *begin_homes(enum th_nat_kind kind, bool hairpins)
{
    static const struct th_net_sim_options plain;
    struct th_sim_port_options ports[PORTS] = {{0}};

    for (unsigned i = 1; i < PORTS; i++)
        ports[i].nat = kind;
    ports[1].hairpins = hairpins;
    ports[2].is_beside_previous = true;
    return begin(&plain, ports);
}

static void those_of_a_home_have_one_public_address_and_get_what_is_theirs(void **state)
{
    (void)state;
    for (unsigned kind = TH_NAT_FULL_CONE; kind < TH_NAT_KINDS; kind++) {
        struct bench *bench = begin_homes((enum th_nat_kind)kind, false);
        struct th_addr seen[PORTS];

        for (unsigned i = 1; i < PORTS; i++) {
            send(bench, i, 0, (uint8_t)i);
            pass(bench, 1000);
            seen[i] = bench->inbox[0].from;
        }
        for (unsigned i = 1; i < PORTS; i++)
            send_to(bench, 0, &seen[i], (uint8_t)(10 + i));
        pass(bench, 1000);

        assert_memory_equal(seen[1].ip, seen[2].ip, sizeof seen[1].ip);
        assert_memory_not_equal(seen[1].ip, seen[3].ip, sizeof seen[1].ip);
        assert_int_not_equal(seen[1].port, seen[2].port);
        for (unsigned i = 1; i < PORTS; i++) {
            assert_int_equal(bench->inbox[i].count, 1);
            assert_int_equal(bench->inbox[i].last, 10 + i);
        }
        end(bench);
    }
}

static void those_of_a_home_meet_at_their_private_addresses_and_nobody_else_does(void **state)
{
    (void)state;
    struct bench *bench = begin_homes(TH_NAT_SYMMETRIC, false);
    struct th_addr second = bench->port[2]->addr;
    assert_int_equal(th_addr_realm(&second), TH_REALM_PRIVATE);

    send_to(bench, 1, &second, 7);
    send_to(bench, 3, &second, 8);
    send_to(bench, 0, &second, 9);
    pass(bench, 1000);

    assert_int_equal(bench->inbox[2].count, 1);
    assert_int_equal(bench->inbox[2].last, 7);
    assert_true(th_addr_is_equal(&bench->inbox[2].from, &bench->port[1]->addr));
    send_to(bench, 2, &bench->port[1]->addr, 10);
    pass(bench, 1000);
    assert_int_equal(bench->inbox[1].last, 10);
    assert_int_equal(bench->net.fates[TH_FATE_NOWHERE], 2);
    end(bench);
}

static void those_of_a_home_meet_at_its_public_address_where_the_box_hairpins(void **state)
{
    (void)state;
    for (unsigned hairpins = 0; hairpins < 2; hairpins++) {
        struct bench *bench = begin_homes(TH_NAT_FULL_CONE, hairpins == 1);
        send(bench, 2, 0, 1);
        pass(bench, 1000);
        struct th_addr outside = bench->inbox[0].from;

        send_to(bench, 1, &outside, 7);
        pass(bench, 1000);

        assert_int_equal(bench->inbox[2].count, hairpins);
        assert_int_equal(bench->net.fates[TH_FATE_NAT], 1 - hairpins);
        if (hairpins)
            assert_memory_equal(bench->inbox[2].from.ip, outside.ip, sizeof outside.ip);
        end(bench);
    }
}

/* Counts how often each port of a sender is seen. */
static void count_port(void *data, struct th_sim_port *port, const struct th_addr *from,
                       struct th_bytes bytes)
{
    (void)port;
    (void)bytes;
    ((uint8_t *)data)[from->port]++;
}

/* Once each had a range of 8192 ports, of which but seven fit. */
static void those_of_a_large_home_never_have_a_port_of_another(void **state)
{
    (void)state;
    enum { HOME = 12, OTHERS = 3000 };
    static uint8_t times[UINT16_MAX + 1];
    struct th_net_sim net;
    struct th_sim_port *home[HOME], *other[OTHERS];
    uint8_t byte = 1;
    struct th_sim_arrival arrival;
    th_net_sim_init(&net, &(struct th_net_sim_options){0}, 7);
    memset(times, 0, sizeof times);
    for (unsigned i = 0; i < OTHERS; i++) {
        assert_int_equal(th_net_sim_add(&net, &(struct th_sim_port_options){0}, &other[i]), TH_OK);
        th_sim_port_set_raw(other[i], count_port, times);
    }
    for (unsigned i = 0; i < HOME; i++) {
        struct th_sim_port_options options = {.nat = TH_NAT_SYMMETRIC, .is_beside_previous = i > 0};
        assert_int_equal(th_net_sim_add(&net, &options, &home[i]), TH_OK);
    }

    for (unsigned i = 0; i < OTHERS + HOME - 1; i++) {
        struct th_addr to = th_sim_port_addr(other[i % OTHERS]);
        th_sim_port_send(home[i < OTHERS ? 0 : i - OTHERS + 1], &to, (struct th_bytes){&byte, 1});
    }
    net.now = 60000;
    assert_false(th_net_sim_take(&net, &arrival));

    unsigned ports = 0;
    for (unsigned i = 0; i <= UINT16_MAX; i++) {
        assert_true(times[i] <= 1);
        ports += times[i];
    }
    assert_int_equal(ports, OTHERS + HOME - 1);
    th_net_sim_clear(&net);
}

/* Else the loss between groups would be that of the box for what comes in, and its own for what leaves. */
static void those_of_a_home_must_be_of_one_group(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct th_net_sim net;
        struct th_sim_port *port;
        struct th_sim_port_options options = {.nat = TH_NAT_SYMMETRIC};
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        th_net_sim_init(&net, &(struct th_net_sim_options){0}, 7);
        if (th_net_sim_add(&net, &options, &port) != TH_OK)
            _exit(1);
        options.is_beside_previous = true;
        options.group = 1;
        (void)!th_net_sim_add(&net, &options, &port);
        _exit(0);
    }

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void nat_keeps_those_it_sent_to_last(void **state)
{
    (void)state;
    struct th_nat nat;
    struct th_addr peer = {.family = TH_FAMILY_IPV4, .port = 1};
    th_nat_init(&nat, TH_NAT_PORT_RESTRICTED, 30000, 5000);

    for (unsigned i = 0; i <= TH_NAT_HOLES_MAX; i++) {
        peer.ip[0] = (uint8_t)(i >> 8), peer.ip[1] = (uint8_t)i;
        assert_int_not_equal(th_nat_out(&nat, 1000 + i, &peer), 0);
    }

    assert_int_equal(nat.count, TH_NAT_HOLES_MAX);
    assert_true(th_nat_lets_in(&nat, 3000, &peer, nat.port));
    peer.ip[0] = 0, peer.ip[1] = 0;
    assert_false(th_nat_lets_in(&nat, 3000, &peer, nat.port));
    th_nat_clear(&nat);
}

static void node_that_moves_is_found_only_at_its_new_address(void **state)
{
    (void)state;
    struct bench *bench = begin(&(struct th_net_sim_options){.rtt_ms = 10}, NULL);
    struct th_addr old = th_sim_port_addr(bench->port[1]);

    assert_int_equal(th_net_sim_move(bench->port[1]), TH_OK);
    send_to(bench, 0, &old, 1);
    send(bench, 0, 1, 2);
    pass(bench, 1000);

    assert_int_equal(bench->inbox[1].count, 1);
    assert_int_equal(bench->inbox[1].last, 2);
    assert_int_equal(bench->net.fates[TH_FATE_NOWHERE], 1);
    end(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_has_a_public_address_in_a_net_of_its_own),
        cmocka_unit_test(nodes_can_share_a_net_of_24_bits),
        cmocka_unit_test(datagram_takes_half_the_round_trip_of_its_pair),
        cmocka_unit_test(round_trips_are_spread_as_measured_on_the_internet),
        cmocka_unit_test(so_many_are_lost_doubled_late_or_damaged_as_is_asked_for),
        cmocka_unit_test(jitter_is_a_part_of_the_way_and_no_more),
        cmocka_unit_test(partition_can_be_one_way_and_heals),
        cmocka_unit_test(bandwidth_delays_and_a_full_queue_drops),
        cmocka_unit_test(each_kind_of_nat_lets_in_whom_it_should),
        cmocka_unit_test(restricted_by_address_lets_in_another_port_and_by_port_does_not),
        cmocka_unit_test(those_of_a_home_have_one_public_address_and_get_what_is_theirs),
        cmocka_unit_test(those_of_a_home_meet_at_their_private_addresses_and_nobody_else_does),
        cmocka_unit_test(those_of_a_home_meet_at_its_public_address_where_the_box_hairpins),
        cmocka_unit_test(those_of_a_large_home_never_have_a_port_of_another),
        cmocka_unit_test(those_of_a_home_must_be_of_one_group),
        cmocka_unit_test(nat_keeps_those_it_sent_to_last),
        cmocka_unit_test(node_that_moves_is_found_only_at_its_new_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/lan.h"

#include "tests/lib/test_cmocka.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct th_identity self, other;
    struct th_rng rng;
    struct th_lan lan;
    struct th_now now;
    struct th_lan_action action;
};

static void open_bench(struct bench *b)
{
    uint8_t seed[TH_KEY_BYTES] = {1}, rng[TH_RNG_SEED_BYTES] = {2};

    memset(b, 0, sizeof *b);
    b->now = (struct th_now){.mono = 1000, .wall = 1400000000000};
    th_identity_make(&b->self, seed);
    seed[0] = 3;
    th_identity_make(&b->other, seed);
    th_rng_init(&b->rng, rng);
    th_lan_init(&b->lan, &b->self, &b->rng, b->now);
}

static struct th_addr host(unsigned n)
{
    return (struct th_addr){
        .ip = {192, 168, (uint8_t)(n >> 8), (uint8_t)n}, .port = 42424, .family = TH_FAMILY_IPV4};
}

/* Another node asks everybody from an address. */
static bool ping(struct bench *b, struct th_addr from, uint8_t round)
{
    uint8_t bytes[TH_LAN_PACKET_MAX], trace[TH_LAN_TRACE_BYTES] = {round};
    size_t len = th_lan_ping_write(bytes, &b->other, trace);

    return th_lan_on_datagram(&b->lan, b->now, &from, (struct th_bytes){bytes, len}, &b->action);
}

/* Another node answers our latest round, or the one before. */
static bool pong(struct bench *b, unsigned n, unsigned round)
{
    uint8_t bytes[TH_LAN_PACKET_MAX];
    char trace[2 * TH_LAN_TRACE_BYTES + 1];
    struct th_addr from = host(n);

    for (unsigned i = 0; i < TH_LAN_TRACE_BYTES; i++)
        snprintf(trace + 2 * i, 3, "%02x", b->lan.trace[round][i]);
    size_t len = th_lan_pong_write(bytes, &b->other, trace);
    return th_lan_on_pong(&b->lan, b->now, &from, (struct th_bytes){bytes, len}, &b->action);
}

static void everybody_is_asked_three_times_soon_and_then_every_minute(void **state)
{
    (void)state;
    struct bench b;
    th_ms begun[6];
    open_bench(&b);

    for (unsigned i = 0; i < 6; i++) {
        b.now.mono = th_lan_deadline(&b.lan);
        begun[i] = b.now.mono;
        assert_true(th_lan_tick(&b.lan, b.now, &b.action));
        assert_int_equal(b.action.kind, TH_LAN_ANNOUNCE);
        assert_false(th_lan_tick(&b.lan, b.now, &b.action));
    }

    assert_int_equal(begun[0], 1000);
    for (unsigned i = 1; i < 6; i++) {
        th_ms pause = i < TH_LAN_SOON ? TH_LAN_PING_SOON_MS : TH_LAN_PING_MS;
        assert_in_range(begun[i] - begun[i - 1], pause * 3 / 4, pause);
    }
    th_lan_on_moved(&b.lan, b.now);
    assert_int_equal(th_lan_deadline(&b.lan), b.now.mono);
}

static void ping_is_answered_once_a_second_for_each_address(void **state)
{
    (void)state;
    struct bench b;
    struct th_lan_packet read;
    struct th_addr other_port = host(5);
    open_bench(&b);

    assert_true(ping(&b, host(5), 1));
    assert_int_equal(b.action.kind, TH_LAN_ANSWER);
    struct th_addr wanted = host(5);
    assert_true(th_addr_is_equal(&b.action.addr, &wanted));
    assert_int_equal(th_lan_read(&read, TH_CS3A, b.action.bytes), TH_DROP_NONE);
    assert_int_equal(read.kind, TH_LAN_PONG);
    other_port.port = 7;
    assert_false(ping(&b, host(5), 1));
    assert_false(ping(&b, other_port, 2));
    assert_true(ping(&b, host(6), 3));
    b.now.mono += TH_LAN_ANSWER_MS - 1;
    assert_false(ping(&b, host(5), 4));
    b.now.mono += 1;
    assert_true(ping(&b, host(5), 5));

    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_FAST], 3);
}

static void answers_are_few_however_many_addresses_ask(void **state)
{
    (void)state;
    struct bench b;
    unsigned answered = 0;
    open_bench(&b);

    for (unsigned ms = 0; ms < 5000; ms++, b.now.mono++)
        for (unsigned i = 0; i < 4; i++)
            answered += ping(&b, host(ms * 4 + i), 1);

    assert_in_range(answered, 5 * TH_LAN_ANSWERS_PER_S, 6 * TH_LAN_ANSWERS_PER_S);
    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_LIMIT], 20000 - answered);
}

static void our_own_ping_and_one_of_other_cipher_sets_are_not_answered(void **state)
{
    (void)state;
    struct bench b;
    uint8_t ours[TH_LAN_PACKET_MAX];
    struct th_addr from = host(1);
    open_bench(&b);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));
    size_t len = b.action.bytes.len;
    memcpy(ours, b.action.bytes.at, len);

    assert_false(th_lan_on_datagram(&b.lan, b.now, &from, (struct th_bytes){ours, len}, &b.action));
    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_OWN], 1);
    memcpy(memmem(ours, len, "\"3a\"", 4), "\"2a\"", 4);
    ours[30] = ours[30] == 'a' ? 'b' : 'a'; /* a trace of somebody else */
    assert_false(th_lan_on_datagram(&b.lan, b.now, &from, (struct th_bytes){ours, len}, &b.action));
    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_CSID], 1);
}

static void who_answers_our_round_or_the_one_before_is_opened(void **state)
{
    (void)state;
    struct bench b;
    struct th_hashname id;
    open_bench(&b);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));

    assert_true(pong(&b, 9, 0));
    assert_int_equal(b.action.kind, TH_LAN_OPEN);
    struct th_addr wanted = host(9);
    assert_true(th_addr_is_equal(&b.action.addr, &wanted));
    th_hashname_of(&id, &b.action.parts);
    assert_true(th_hashname_is_equal(&id, &b.other.hashname));
    b.now.mono = th_lan_deadline(&b.lan);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));
    assert_true(pong(&b, 10, 1));
    struct th_lan before = b.lan;
    b.now.mono = th_lan_deadline(&b.lan);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));
    b.lan.has_trace[1] = false; /* two rounds ago, as it were */
    memcpy(b.lan.trace[1], before.trace[1], sizeof before.trace[1]);
    assert_false(pong(&b, 11, 1));

    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_UNASKED], 1);
}

static void five_nodes_are_opened_for_a_round(void **state)
{
    (void)state;
    struct bench b;
    unsigned opened = 0;
    open_bench(&b);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));

    for (unsigned n = 0; n < 20; n++)
        opened += pong(&b, n, 0);
    assert_int_equal(opened, TH_LAN_OPENS_MAX);
    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_LIMIT], 15);
    b.now.mono = th_lan_deadline(&b.lan);
    assert_true(th_lan_tick(&b.lan, b.now, &b.action));
    assert_true(pong(&b, 1, 0));
}

static void nobody_drowns_the_pings_of_the_network_by_sending_to_our_port(void **state)
{
    (void)state;
    struct bench b;
    struct th_addr from = host(7);
    static const uint8_t bytes[] = {0, 2, '{', '}'};

    open_bench(&b);
    for (unsigned i = 0; i < 10 * TH_LAN_READ_PER_S; i++)
        assert_false(th_lan_on_pong(&b.lan, b.now, &from, (struct th_bytes){bytes, sizeof bytes},
                                    &b.action));
    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_LIMIT], 9 * TH_LAN_READ_PER_S);
    assert_true(ping(&b, host(1), 1));
}

static void switched_off_it_does_nothing(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    th_lan_init(&b.lan, NULL, &b.rng, b.now);

    assert_int_equal(th_lan_deadline(&b.lan), TH_NEVER);
    th_lan_on_moved(&b.lan, b.now);
    assert_int_equal(th_lan_deadline(&b.lan), TH_NEVER);
    assert_false(ping(&b, host(1), 1));
    assert_false(pong(&b, 1, 0));
}

static void datagrams_that_are_no_neighbours_are_counted(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);

    th_lan_on_foreign(&b.lan, 3);
    th_lan_on_foreign(&b.lan, 2);

    assert_int_equal(b.lan.drops.n[TH_DROP_LAN_FOREIGN], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_asked_three_times_soon_and_then_every_minute),
        cmocka_unit_test(ping_is_answered_once_a_second_for_each_address),
        cmocka_unit_test(answers_are_few_however_many_addresses_ask),
        cmocka_unit_test(our_own_ping_and_one_of_other_cipher_sets_are_not_answered),
        cmocka_unit_test(who_answers_our_round_or_the_one_before_is_opened),
        cmocka_unit_test(five_nodes_are_opened_for_a_round),
        cmocka_unit_test(nobody_drowns_the_pings_of_the_network_by_sending_to_our_port),
        cmocka_unit_test(switched_off_it_does_nothing),
        cmocka_unit_test(datagrams_that_are_no_neighbours_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

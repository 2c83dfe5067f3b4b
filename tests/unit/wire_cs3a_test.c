#include "switch/wire/cipher.h"
#include "switch/wire/line.h"

#include <sodium.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

/* Points of low order on Curve25519: whatever the secret, what is shared is known to everybody. */
static const struct th_public_key low_order[] = {
    {{0}},
    {{1}},
    {{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
      0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
      0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00}},
    {{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
      0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
      0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}},
};
enum { LOW_ORDER_COUNT = sizeof low_order / sizeof low_order[0] };

struct pair {
    const struct th_cipher *cipher;
    struct th_keypair a, b, a_line, b_line;
    struct th_line_id a_id, b_id;
};

static void make_keys(struct th_keypair *out, uint8_t number)
{
    uint8_t seed[TH_KEY_BYTES] = {number};

    th_cipher_find(TH_CS3A)->keypair(out, seed);
}

static struct pair make_pair(void)
{
    struct pair pair = {.cipher = th_cipher_find(TH_CS3A), .a_id = {{0xaa}}, .b_id = {{0xbb}}};

    make_keys(&pair.a, 1);
    make_keys(&pair.b, 2);
    make_keys(&pair.a_line, 3);
    make_keys(&pair.b_line, 4);
    return pair;
}

static size_t seal_open(const struct pair *pair, uint8_t out[200], const char *inner)
{
    size_t len;

    assert_int_equal(pair->cipher->open_seal(out, 200, &len, &pair->b.pub, &pair->a, &pair->a_line,
                                             th_bytes_of(inner)),
                     TH_OK);
    return len;
}

static void only_cs3a_is_there(void **state)
{
    (void)state;

    assert_string_equal(th_cipher_find(TH_CS3A)->name, "3a");
    assert_null(th_cipher_find(0x1a));
    assert_null(th_cipher_find(0));
}

static void the_same_seed_makes_the_same_keys(void **state)
{
    (void)state;
    struct th_keypair one, two, other;
    uint8_t pub[TH_KEY_BYTES];
    make_keys(&one, 1);
    make_keys(&two, 1);
    make_keys(&other, 2);

    crypto_scalarmult_base(pub, one.secret);

    assert_memory_equal(&one, &two, sizeof one);
    assert_memory_not_equal(&one, &other, sizeof one);
    assert_memory_equal(one.pub.b, pub, sizeof pub);
}

static void an_open_is_unsealed_and_verified_by_its_receiver(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len = seal_open(&pair, packet, "hello"), inner_len = 0;
    struct th_bytes datagram = {packet, len};

    assert_int_equal(pair.cipher->open_unseal(inner, &inner_len, &line, &pair.b, datagram),
                     TH_DROP_NONE);
    assert_int_equal(pair.cipher->open_verify(&pair.b, &pair.a.pub, datagram), TH_DROP_NONE);

    assert_int_equal(len, 5 + pair.cipher->open_overhead);
    assert_int_equal(inner_len, 5);
    assert_memory_equal(inner, "hello", 5);
    assert_memory_equal(&line, &pair.a_line.pub, sizeof line);
}

static void an_open_is_not_unsealed_by_another(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len = seal_open(&pair, packet, "hello"), inner_len = 99;

    assert_int_equal(
        pair.cipher->open_unseal(inner, &inner_len, &line, &pair.a, (struct th_bytes){packet, len}),
        TH_DROP_OPEN_CRYPT);

    assert_int_equal(inner_len, 99);
}

static void a_changed_open_is_dropped_wherever_it_is_changed(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len = seal_open(&pair, packet, "hello"), inner_len;
    struct th_bytes datagram = {packet, len};

    for (size_t bit = 3 * 8; bit < len * 8; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum th_drop why = pair.cipher->open_unseal(inner, &inner_len, &line, &pair.b, datagram);
        if (why == TH_DROP_NONE) /* X25519 ignores the highest bit of a key: the MAC does not */
            why = pair.cipher->open_verify(&pair.b, &pair.a.pub, datagram);
        assert_int_equal(why,
                         bit < 19 * 8 || bit == 50 * 8 + 7 ? TH_DROP_OPEN_MAC : TH_DROP_OPEN_CRYPT);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_short_open_is_dropped(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t inner_len;
    seal_open(&pair, packet, "");

    for (size_t len = 0; len < pair.cipher->open_overhead; len++) {
        struct th_bytes datagram = {packet, len};
        assert_int_equal(pair.cipher->open_unseal(inner, &inner_len, &line, &pair.b, datagram),
                         TH_DROP_OPEN_SHORT);
        assert_int_equal(pair.cipher->open_verify(&pair.b, &pair.a.pub, datagram),
                         TH_DROP_OPEN_MAC);
    }
}

static void an_open_with_a_line_key_of_low_order_does_not_decrypt(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len = seal_open(&pair, packet, "hello"), inner_len;

    for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
        memcpy(packet + 19, &low_order[i], sizeof low_order[i]);
        assert_int_equal(pair.cipher->open_unseal(inner, &inner_len, &line, &pair.b,
                                                  (struct th_bytes){packet, len}),
                         TH_DROP_OPEN_CRYPT);
        assert_int_equal(
            pair.cipher->open_verify(&pair.b, &low_order[i], (struct th_bytes){packet, len}),
            TH_DROP_OPEN_MAC);
    }
}

static void keys_of_low_order_are_refused_by_whoever_seals(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct th_line_keys keys = {{7}, {7}};
    uint8_t packet[200];
    size_t len = 99;

    for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
        assert_int_equal(pair.cipher->open_seal(packet, sizeof packet, &len, &low_order[i], &pair.a,
                                                &pair.a_line, th_bytes_of("hello")),
                         TH_INVALID);
        assert_int_equal(
            pair.cipher->line_keys(&keys, &pair.a_line, &low_order[i], &pair.a_id, &pair.b_id),
            TH_INVALID);
    }
    assert_int_equal(len, 99);
    assert_int_equal(keys.send[0], 7);
}

static void what_does_not_fit_is_not_sealed(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct th_line_keys keys = {{1}, {2}};
    uint8_t packet[200], nonce[TH_LINE_NONCE_BYTES] = {0};
    size_t len = 99, open_len = 5 + pair.cipher->open_overhead;
    size_t line_len = 5 + pair.cipher->line_overhead;
    struct th_bytes inner = th_bytes_of("hello");

    for (size_t cap = 0; cap < open_len; cap++)
        assert_int_equal(
            pair.cipher->open_seal(packet, cap, &len, &pair.b.pub, &pair.a, &pair.a_line, inner),
            TH_TOO_BIG);
    for (size_t cap = 0; cap < line_len; cap++)
        assert_int_equal(
            pair.cipher->line_seal(packet, cap, &len, keys.send, &pair.b_id, nonce, inner),
            TH_TOO_BIG);

    assert_int_equal(len, 99);
}

static void both_sides_of_a_line_have_each_others_keys(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct th_line_keys of_a, of_b;

    assert_int_equal(
        pair.cipher->line_keys(&of_a, &pair.a_line, &pair.b_line.pub, &pair.a_id, &pair.b_id),
        TH_OK);
    assert_int_equal(
        pair.cipher->line_keys(&of_b, &pair.b_line, &pair.a_line.pub, &pair.b_id, &pair.a_id),
        TH_OK);

    assert_memory_equal(of_a.send, of_b.receive, sizeof of_a.send);
    assert_memory_equal(of_a.receive, of_b.send, sizeof of_a.send);
    assert_memory_not_equal(of_a.send, of_a.receive, sizeof of_a.send);
}

static void a_line_packet_is_read_by_the_other_side_only(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct th_line_keys of_a, of_b;
    uint8_t packet[200], plain[200], nonce[TH_LINE_NONCE_BYTES] = {9};
    size_t len, plain_len = 0;
    assert_int_equal(
        pair.cipher->line_keys(&of_a, &pair.a_line, &pair.b_line.pub, &pair.a_id, &pair.b_id),
        TH_OK);
    assert_int_equal(
        pair.cipher->line_keys(&of_b, &pair.b_line, &pair.a_line.pub, &pair.b_id, &pair.a_id),
        TH_OK);

    assert_int_equal(pair.cipher->line_seal(packet, sizeof packet, &len, of_a.send, &pair.b_id,
                                            nonce, th_bytes_of("hello")),
                     TH_OK);

    struct th_bytes datagram = {packet, len};
    assert_int_equal(pair.cipher->line_unseal(plain, &plain_len, of_b.receive, datagram),
                     TH_DROP_NONE);
    assert_int_equal(plain_len, 5);
    assert_memory_equal(plain, "hello", 5);
    assert_int_equal(pair.cipher->line_unseal(plain, &plain_len, of_a.receive, datagram),
                     TH_DROP_LINE_CRYPT);
}

static void a_line_packet_below_the_smallest_is_short(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct th_line_keys keys = {{1}, {1}};
    uint8_t packet[200], plain[200], nonce[TH_LINE_NONCE_BYTES] = {0};
    size_t len, plain_len;
    struct th_bytes empty = {(const uint8_t *)"\0", 2};
    assert_int_equal(
        pair.cipher->line_seal(packet, sizeof packet, &len, keys.send, &pair.b_id, nonce, empty),
        TH_OK);
    assert_int_equal(len, TH_LINE_MIN);

    assert_int_equal(
        pair.cipher->line_unseal(plain, &plain_len, keys.receive, (struct th_bytes){packet, len}),
        TH_DROP_NONE);
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_int_equal(pair.cipher->line_unseal(plain, &plain_len, keys.receive,
                                                  (struct th_bytes){packet, shorter}),
                         TH_DROP_LINE_SHORT);
}

static void cleared_keys_are_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof(struct th_keypair)];
    struct th_keypair keys;
    struct th_line_keys line = {{1}, {2}};
    make_keys(&keys, 1);

    th_keypair_clear(&keys);
    th_line_keys_clear(&line);

    assert_memory_equal(&keys, zeros, sizeof keys);
    assert_memory_equal(&line, zeros, sizeof line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_cs3a_is_there),
        cmocka_unit_test(the_same_seed_makes_the_same_keys),
        cmocka_unit_test(an_open_is_unsealed_and_verified_by_its_receiver),
        cmocka_unit_test(an_open_is_not_unsealed_by_another),
        cmocka_unit_test(a_changed_open_is_dropped_wherever_it_is_changed),
        cmocka_unit_test(a_short_open_is_dropped),
        cmocka_unit_test(an_open_with_a_line_key_of_low_order_does_not_decrypt),
        cmocka_unit_test(keys_of_low_order_are_refused_by_whoever_seals),
        cmocka_unit_test(what_does_not_fit_is_not_sealed),
        cmocka_unit_test(both_sides_of_a_line_have_each_others_keys),
        cmocka_unit_test(a_line_packet_is_read_by_the_other_side_only),
        cmocka_unit_test(a_line_packet_below_the_smallest_is_short),
        cmocka_unit_test(cleared_keys_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

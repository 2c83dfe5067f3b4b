/*
 * wire_hostile_test.c - whatever a peer sends, the readers return. Most telling with ASan.
 */
#include "switch/wire/chanpkt.h"
#include "switch/wire/lan.h"
#include "switch/wire/line.h"
#include "switch/wire/open.h"
#include "switch/wire/see.h"
#include "switch/wire/seeds.h"

#include "switch/base/mem.h"

#include <string.h>

#include "tests/lib/test_seed.h"
#include "tests/lib/test_cmocka.h"

enum { ROUNDS = 20000, HANDSHAKES = 1500, BYTES_MAX = TH_DATAGRAM_IN_MAX };

static struct th_rng rng;
static unsigned accepted; /* so that nothing is optimized away, and to see that some get through */

static unsigned below(size_t limit)
{
    return (unsigned)th_rng_below(&rng, limit);
}

/* A copy of exactly its length, so that ASan sees a read of one byte more. */
static struct th_bytes exact(const void *bytes, size_t len)
{
    uint8_t *copy = len > 0 ? th_mem_zalloc(len, 1) : NULL;

    if (len > 0)
        memcpy(copy, bytes, len);
    return (struct th_bytes){copy, len};
}

static void release(struct th_bytes bytes)
{
    th_mem_free((void *)bytes.at);
}

static void read_head(struct th_bytes head)
{
    struct th_see see;
    struct th_prefix prefix;
    struct th_link_head link;
    struct th_peer_head peer;
    struct th_connect_head connect;
    struct th_path_head path;

    if (th_see_read(&see, head) == TH_DROP_NONE) {
        assert_true(see.count <= TH_SEE_READ_MAX && see.count + see.bad <= TH_SEE_READ_MAX);
        accepted++;
    }
    if (th_seek_read(&prefix, head) == TH_DROP_NONE)
        assert_in_range(prefix.digits, 1, 64);
    if (th_link_read(&link, head) == TH_DROP_NONE)
        assert_true(link.see.count <= TH_SEE_READ_MAX);
    if (th_peer_read(&peer, head) == TH_DROP_NONE)
        assert_true(peer.paths.count <= TH_PATHS_MAX);
    if (th_connect_read(&connect, head) == TH_DROP_NONE)
        assert_in_range(connect.from.count, 1, TH_PARTS_MAX);
    if (th_path_read(&path, head) == TH_DROP_NONE)
        for (unsigned i = 0; i < path.paths.count; i++)
            assert_int_not_equal(th_addr_realm(&path.paths.addr[i]), TH_REALM_NONE);
}

static void read_packet(struct th_bytes bytes)
{
    struct th_packet packet;
    struct th_chanpkt channel;
    struct th_lan_packet lan;

    if (th_lan_read(&lan, TH_CS3A, bytes) == TH_DROP_NONE) {
        assert_in_range(strlen(lan.trace), 1, TH_LAN_TRACE_MAX);
        accepted++;
    }
    if (th_packet_read(&packet, bytes) == TH_DROP_NONE)
        assert_int_equal(2 + packet.head.len + packet.body.len, bytes.len);
    if (th_chanpkt_read(&channel, bytes) == TH_DROP_NONE) {
        assert_true(channel.c > 0);
        assert_true(strlen(channel.type) < TH_TYPE_MAX && strlen(channel.err) < TH_CHANNEL_ERR_MAX);
        read_head(channel.head);
    }
}

static void read_text(struct th_bytes text)
{
    struct th_seeds seeds = {0};
    struct th_identity id;
    struct th_addr addr;
    char complaint[TH_COMPLAINT_MAX];

    if (th_seeds_read(&seeds, text, complaint) != TH_OK)
        assert_true(memchr(complaint, 0, sizeof complaint) != NULL);
    if (th_identity_read(&id, text, complaint) != TH_OK)
        assert_true(memchr(complaint, 0, sizeof complaint) != NULL);
    accepted += th_addr_read(&addr, (const char *)text.at, text.len);
    th_seeds_clear(&seeds);
}

/* Changes a few bytes, or cuts, or repeats a piece: what is left is nearly good. */
static size_t spoil(uint8_t *bytes, size_t len, size_t cap)
{
    for (unsigned changes = 1 + below(4); changes > 0 && len > 0; changes--) {
        size_t at = below(len), n = 1 + below(8);
        switch (below(4)) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << below(8));
            break;
        case 1:
            bytes[at] = (uint8_t) "\"{}[],:0-\\\x80\xff"[below(12)];
            break;
        case 2:
            n = n < len - at ? n : len - at;
            memmove(bytes + at, bytes + at + n, len - at - n);
            len -= n;
            break;
        default:
            n = n < len - at ? n : len - at;
            if (len + n > cap)
                break;
            memmove(bytes + at + n, bytes + at, len - at);
            len += n;
            break;
        }
    }
    return len;
}

static const char *const good_heads[] = {
    "{\"seek\":\"c0ffee\",\"type\":\"seek\",\"c\":2}",
    "{\"see\":[\"\",\"833beae51602325f148df079a4bbece1dcecfc1b40500a6a04c45f94cb7ca6fc,3a,127.0.0."
    "1,"
    "42424\",\"10e7b9967b1e86821996a97048d19711c8c6cf54449afceafb5c2b90b9a83e22,3a,2001:db8::1,7\"]"
    ","
    "\"c\":2,\"end\":true}",
    "{\"seed\":true,\"see\":[],\"type\":\"link\",\"c\":1}",
    "{\"paths\":[{\"type\":\"ipv6\",\"ip\":\"2001:db8::7\",\"port\":4242}],\"path\":{\"type\":"
    "\"ipv4\",\"ip\":\"1.2.3.4\",\"port\":1},\"type\":\"path\",\"c\":3}",
    "{\"seq\":4294967295,\"ack\":4294967295,\"miss\":[],\"err\":\"\\u00e9x\",\"c\":4294967295}",
    "{\"peer\":\"833beae51602325f148df079a4bbece1dcecfc1b40500a6a04c45f94cb7ca6fc\",\"paths\":[{"
    "\"type\":\"ipv4\",\"ip\":\"10.0.0.1\",\"port\":4242}],\"c\":8}",
    "{\"type\":\"ping\",\"trace\":\"0123456789abcdef\",\"3a\":true,\"1a\":true}",
    "{\"from\":{\"3a\":\"833beae51602325f148df079a4bbece1dcecfc1b40500a6a04c45f94cb7ca6fc\",\"1a\":"
    "\"10e7b9967b1e86821996a97048d19711c8c6cf54449afceafb5c2b90b9a83e22\"},\"c\":9}",
};
enum { GOOD_HEADS = sizeof good_heads / sizeof good_heads[0] };

static void random_bytes_are_survived(void **state)
{
    (void)state;
    struct th_identity id;
    struct th_open open;
    uint8_t seed[TH_KEY_BYTES] = {1}, bytes[300];
    th_identity_make(&id, seed);

    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t len = below(sizeof bytes);
        th_rng_fill(&rng, bytes, len);
        if (len > 2 && below(2)) { /* a head length that fits, and sometimes an open */
            bytes[0] = 0;
            bytes[1] = (uint8_t)below(len < 255 ? len : 255);
            bytes[2] = i % 50 == 0 ? TH_CS3A : bytes[2];
        }
        struct th_bytes given = exact(bytes, len);
        read_packet(given);
        read_head(given);
        read_text(given);
        assert_int_not_equal(th_open_read(&open, &id, given), TH_DROP_NONE);
        release(given);
    }
}

static void spoiled_heads_are_survived(void **state)
{
    (void)state;
    accepted = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t bytes[BYTES_MAX], packet[BYTES_MAX];
        const char *good = good_heads[below(GOOD_HEADS)];
        size_t len = strlen(good), packet_len;

        memcpy(bytes, good, len);
        len = spoil(bytes, len, sizeof bytes);
        struct th_bytes head = exact(bytes, len);
        read_head(head);
        if (th_packet_write(packet, sizeof packet, &packet_len, head, head) == TH_OK) {
            struct th_bytes given = exact(packet, packet_len);
            read_packet(given);
            release(given);
        }
        release(head);
    }
    assert_true(accepted > ROUNDS / 10);
}

static void spoiled_files_are_survived(void **state)
{
    (void)state;
    struct th_seed seed = {.paths.count = 1};
    struct th_identity id;
    uint8_t key[TH_KEY_BYTES] = {5};
    char identity[TH_IDENTITY_TEXT_MAX], *seeds, address[] = "[2001:db8::1]:42424";
    th_identity_make(&id, key);
    th_identity_write(&id, identity);
    seed.id = id.hashname;
    seed.parts = id.parts;
    seed.key = id.keys.pub;
    assert_true(th_addr_read_ip(&seed.paths.addr[0], "192.0.2.1", 5));
    assert_int_equal(th_seeds_write(&seeds, &seed, 1), TH_OK);
    const char *const good[] = {identity, seeds, address};

    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        uint8_t bytes[BYTES_MAX];
        size_t len = strlen(good[i % 3]);
        memcpy(bytes, good[i % 3], len);
        struct th_bytes given = exact(bytes, spoil(bytes, len, sizeof bytes));
        read_text(given);
        release(given);
    }
    th_mem_free(seeds);
}

/* An open of `from` to `to` whose inside was spoiled before it was sealed, or after. */
static enum th_drop give_open(const struct th_identity *from, const struct th_identity *to,
                              bool is_inside)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    struct th_keypair line_keys;
    struct th_line_id line = {{1}};
    struct th_public_key line_key;
    struct th_open open;
    uint8_t seed[TH_KEY_BYTES], bytes[BYTES_MAX], inner[BYTES_MAX];
    size_t len, inner_len;

    th_rng_fill(&rng, seed, sizeof seed);
    cipher->keypair(&line_keys, seed);
    assert_int_equal(th_open_write(bytes, sizeof bytes, &len, cipher, from, &line_keys, &line, 5,
                                   &to->hashname, &to->keys.pub),
                     TH_OK);
    if (is_inside) {
        assert_int_equal(cipher->open_unseal(inner, &inner_len, &line_key, &to->keys,
                                             (struct th_bytes){bytes, len}),
                         TH_DROP_NONE);
        inner_len = spoil(inner, inner_len, sizeof inner - 100);
        assert_int_equal(cipher->open_seal(bytes, sizeof bytes, &len, &to->keys.pub, &from->keys,
                                           &line_keys, (struct th_bytes){inner, inner_len}),
                         TH_OK);
    } else {
        uint8_t before[BYTES_MAX];
        size_t len_before = len;
        memcpy(before, bytes, len);
        do
            len = spoil(bytes, len, sizeof bytes);
        while (len == len_before && memcmp(before, bytes, len) == 0);
    }
    struct th_bytes given = exact(bytes, len);
    enum th_drop why = th_open_read(&open, to, given);
    release(given);
    return why;
}

static void spoiled_opens_are_never_taken_for_good(void **state)
{
    (void)state;
    struct th_identity a, b;
    uint8_t seed[TH_KEY_BYTES] = {1};
    th_identity_make(&a, seed);
    seed[0] = 2;
    th_identity_make(&b, seed);

    for (unsigned i = 0; i < HANDSHAKES; i++) {
        assert_int_not_equal(give_open(&a, &b, false), TH_DROP_NONE);
        accepted += give_open(&a, &b, true) == TH_DROP_NONE; /* "at":5 may have become "at":4 */
    }
}

static void spoiled_lines_are_never_taken_for_good(void **state)
{
    (void)state;
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    struct th_line_keys keys = {{1}, {1}};
    struct th_line_id to = {{7}}, id;
    uint8_t nonce[TH_LINE_NONCE_BYTES], bytes[BYTES_MAX], before[BYTES_MAX];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct th_bytes plain = th_bytes_of(good_heads[below(GOOD_HEADS)]);
        size_t len, plain_len, sealed_len;
        th_rng_fill(&rng, nonce, sizeof nonce);
        assert_int_equal(
            cipher->line_seal(bytes, sizeof bytes, &sealed_len, keys.send, &to, nonce, plain),
            TH_OK);
        memcpy(before, bytes, sealed_len);
        len = spoil(bytes, sealed_len, sizeof bytes);

        struct th_bytes given = exact(bytes, len);
        uint8_t *out = th_mem_zalloc(len + 1, 1);
        bool is_same = len == sealed_len && memcmp(bytes + 18, before + 18, len - 18) == 0;
        if (th_line_read_id(&id, given) == TH_DROP_NONE)
            assert_int_equal(
                cipher->line_unseal(out, &plain_len, keys.receive, given) == TH_DROP_NONE, is_same);
        else
            assert_true(len < TH_LINE_MIN);
        th_mem_free(out);
        release(given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(spoiled_heads_are_survived),
        cmocka_unit_test(spoiled_files_are_survived),
        cmocka_unit_test(spoiled_opens_are_never_taken_for_good),
        cmocka_unit_test(spoiled_lines_are_never_taken_for_good),
    };
    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/sim/cipher_null.h"

#include "tests/lib/boards.h"

static const struct th_cipher *const null = &th_cipher_null;

struct pair {
    struct th_keypair a, b, c, a_line, b_line;
    struct th_line_id a_id, b_id;
    struct th_line_keys of_a, of_b;
};

static void make_keys(struct th_keypair *out, uint8_t number)
{
    uint8_t seed[TH_KEY_BYTES] = {number};

    null->keypair(out, seed);
}

static struct pair make_pair(void)
{
    struct pair p = {.a_id = {{0xaa}}, .b_id = {{0xbb}}};

    make_keys(&p.a, 1);
    make_keys(&p.b, 2);
    make_keys(&p.c, 3);
    make_keys(&p.a_line, 4);
    make_keys(&p.b_line, 5);
    assert_int_equal(null->line_keys(&p.of_a, &p.a_line, &p.b_line.pub, &p.a_id, &p.b_id), TH_OK);
    assert_int_equal(null->line_keys(&p.of_b, &p.b_line, &p.a_line.pub, &p.b_id, &p.a_id), TH_OK);
    return p;
}

static struct th_bytes seal_open(const struct pair *p, uint8_t out[200], const char *inner)
{
    size_t len;

    assert_int_equal(
        null->open_seal(out, 200, &len, &p->b.pub, &p->a, &p->a_line, th_bytes_of(inner)), TH_OK);
    return (struct th_bytes){out, len};
}

static struct th_bytes seal_line(const struct pair *p, uint8_t out[200], const char *plain)
{
    static const uint8_t nonce[TH_LINE_NONCE_BYTES] = {9, [23] = 8};
    size_t len;

    assert_int_equal(
        null->line_seal(out, 200, &len, p->of_a.send, &p->b_id, nonce, th_bytes_of(plain)), TH_OK);
    return (struct th_bytes){out, len};
}

/* --- keys ----------------------------------------------------------------------------------------- */

static void seed_makes_always_the_same_keys_and_another_makes_others(void **state)
{
    (void)state;
    struct th_keypair one, two, other;

    make_keys(&one, 1);
    make_keys(&two, 1);
    make_keys(&other, 2);

    assert_memory_equal(&one, &two, sizeof one);
    assert_memory_not_equal(&one.pub, &other.pub, 16);
    assert_memory_not_equal(one.pub.b + 16, other.pub.b + 16, 16);
}

static void its_csid_is_an_applications_and_in_no_table(void **state)
{
    (void)state;

    assert_in_range(null->csid, 0x01, 0x0a);
    assert_string_equal(null->name, "0a");
    assert_null(th_cipher_find(null->csid));
}

static void datagrams_are_as_long_as_those_of_cs3a(void **state)
{
    (void)state;
    const struct th_cipher *cs3a = th_cipher_find(TH_CS3A);

    assert_int_equal(null->open_overhead, cs3a->open_overhead);
    assert_int_equal(null->line_overhead, cs3a->line_overhead);
}

/* --- opens ---------------------------------------------------------------------------------------- */

static void open_is_unsealed_and_verified_by_its_receiver(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len;

    struct th_bytes open = seal_open(&p, packet, "hello");

    assert_int_equal(open.len, null->open_overhead + 5);
    assert_int_equal(null->open_unseal(inner, &len, &line, &p.b, open), TH_DROP_NONE);
    assert_int_equal(null->open_verify(&p.b, &p.a.pub, open), TH_DROP_NONE);
    assert_int_equal(len, 5);
    assert_memory_equal(inner, "hello", 5);
    assert_memory_equal(&line, &p.a_line.pub, sizeof line);
}

static void open_for_another_or_of_another_is_dropped(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len = 99;

    struct th_bytes open = seal_open(&p, packet, "hello");

    assert_int_equal(null->open_unseal(inner, &len, &line, &p.c, open), TH_DROP_OPEN_CRYPT);
    assert_int_equal(null->open_verify(&p.b, &p.c.pub, open), TH_DROP_OPEN_MAC);
    assert_int_equal(len, 99);
}

static void changed_open_is_dropped_wherever_it_is_changed(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len;
    struct th_bytes open = seal_open(&p, packet, "hello");

    for (size_t bit = 3 * 8; bit < open.len * 8; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum th_drop why = null->open_unseal(inner, &len, &line, &p.b, open);
        if (why == TH_DROP_NONE)
            why = null->open_verify(&p.b, &p.a.pub, open);
        assert_int_equal(why, bit < 19 * 8 ? TH_DROP_OPEN_MAC : TH_DROP_OPEN_CRYPT);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void short_open_is_dropped(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], inner[200];
    struct th_public_key line;
    size_t len;
    struct th_bytes open = seal_open(&p, packet, "");

    for (open.len = 0; open.len < null->open_overhead; open.len++) {
        assert_int_equal(null->open_unseal(inner, &len, &line, &p.b, open), TH_DROP_OPEN_SHORT);
        assert_int_equal(null->open_verify(&p.b, &p.a.pub, open), TH_DROP_OPEN_MAC);
    }
}

/* --- lines ---------------------------------------------------------------------------------------- */

static void line_packet_is_read_by_the_other_side_only(void **state)
{
    (void)state;
    struct pair p = make_pair();
    struct th_line_keys other;
    uint8_t packet[200], plain[200];
    size_t len = 99;
    assert_int_equal(null->line_keys(&other, &p.b_line, &p.c.pub, &p.b_id, &p.a_id), TH_OK);

    struct th_bytes line = seal_line(&p, packet, "hello");

    assert_int_equal(null->line_unseal(plain, &len, other.receive, line), TH_DROP_LINE_CRYPT);
    assert_int_equal(null->line_unseal(plain, &len, p.of_a.receive, line), TH_DROP_LINE_CRYPT);
    assert_int_equal(len, 99);
    assert_int_equal(null->line_unseal(plain, &len, p.of_b.receive, line), TH_DROP_NONE);
    assert_int_equal(len, 5);
    assert_memory_equal(plain, "hello", 5);
}

static void line_keys_are_of_both_ids(void **state)
{
    (void)state;
    struct pair p = make_pair();
    struct th_line_id other = {{0xcc}};
    struct th_line_keys keys;
    uint8_t packet[200], plain[200];
    size_t len;
    struct th_bytes line = seal_line(&p, packet, "hello");

    assert_int_equal(null->line_keys(&keys, &p.b_line, &p.a_line.pub, &other, &p.a_id), TH_OK);
    assert_int_equal(null->line_unseal(plain, &len, keys.receive, line), TH_DROP_LINE_CRYPT);
    assert_int_equal(null->line_keys(&keys, &p.b_line, &p.a_line.pub, &p.b_id, &other), TH_OK);
    assert_int_equal(null->line_unseal(plain, &len, keys.receive, line), TH_DROP_LINE_CRYPT);
}

static void changed_line_packet_is_dropped_wherever_it_is_changed(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], plain[200];
    size_t len;
    struct th_bytes line = seal_line(&p, packet, "hello");

    for (size_t bit = 18 * 8; bit < line.len * 8; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(null->line_unseal(plain, &len, p.of_b.receive, line), TH_DROP_LINE_CRYPT);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void line_packet_below_the_smallest_is_short(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], plain[200];
    size_t len;
    struct th_bytes line = seal_line(&p, packet, "ab");

    assert_int_equal(line.len, TH_LINE_MIN);
    assert_int_equal(null->line_unseal(plain, &len, p.of_b.receive, line), TH_DROP_NONE);
    for (line.len = 0; line.len < TH_LINE_MIN; line.len++)
        assert_int_equal(null->line_unseal(plain, &len, p.of_b.receive, line), TH_DROP_LINE_SHORT);
}

static void what_does_not_fit_is_not_sealed(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t packet[200], nonce[TH_LINE_NONCE_BYTES] = {0};
    size_t len = 99;
    struct th_bytes inner = th_bytes_of("hello");

    for (size_t cap = 0; cap < null->open_overhead + inner.len; cap++)
        assert_int_equal(null->open_seal(packet, cap, &len, &p.b.pub, &p.a, &p.a_line, inner),
                         TH_TOO_BIG);
    for (size_t cap = 0; cap < null->line_overhead + inner.len; cap++)
        assert_int_equal(null->line_seal(packet, cap, &len, p.of_a.send, &p.b_id, nonce, inner),
                         TH_TOO_BIG);

    assert_int_equal(len, 99);
}

/* --- nodes ---------------------------------------------------------------------------------------- */

/* A wire of which the first `nulls` nodes have this cipher set, and the others CS3a. */
static void begin(struct wire *w, int nodes, int nulls)
{
    wire_init(w, nodes);
    for (int i = 0; i < nulls; i++) {
        const uint8_t seed[TH_KEY_BYTES] = {(uint8_t)(i + 1)};

        th_switchboard_free(w->board[i]);
        th_identity_make_of(&w->identity[i], null, seed);
        wire_boot(w, i, (uint8_t)(0x30 + i));
    }
}

static void two_nodes_of_it_have_a_line(void **state)
{
    (void)state;
    struct wire w;
    begin(&w, 2, 2);

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);
    wire_settle(&w);

    for (int i = 0; i < 2; i++) {
        struct th_line_look look = wire_look(&w, i, 1 - i);
        assert_true(look.is_up);
        assert_int_equal(look.csid, TH_CS_NULL);
        assert_true(look.rx_packets > 0);
    }
    wire_free(&w);
}

static void node_of_cs3a_has_nothing_in_common_with_it(void **state)
{
    (void)state;
    struct wire w;
    uint8_t packet[TH_OPEN_MAX];
    struct th_line_id line = {{1}};
    size_t len;
    begin(&w, 2, 1);

    assert_int_equal(wire_open(&w, 0, 1), TH_INVALID);
    assert_int_equal(wire_open(&w, 1, 0), TH_INVALID);
    assert_int_equal(th_open_write(packet, sizeof packet, &len, null, &w.identity[0],
                                   &w.identity[0].keys, &line, w.now.wall, &w.identity[1].hashname,
                                   &w.identity[1].keys.pub),
                     TH_OK);
    wire_deliver(&w, 1, &w.addr[0], packet, len);

    assert_int_equal(wire_drops(&w, 1, TH_DROP_OPEN_CSID), 1);
    assert_int_equal(w.sent[1], 0);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_makes_always_the_same_keys_and_another_makes_others),
        cmocka_unit_test(its_csid_is_an_applications_and_in_no_table),
        cmocka_unit_test(datagrams_are_as_long_as_those_of_cs3a),
        cmocka_unit_test(open_is_unsealed_and_verified_by_its_receiver),
        cmocka_unit_test(open_for_another_or_of_another_is_dropped),
        cmocka_unit_test(changed_open_is_dropped_wherever_it_is_changed),
        cmocka_unit_test(short_open_is_dropped),
        cmocka_unit_test(line_packet_is_read_by_the_other_side_only),
        cmocka_unit_test(line_keys_are_of_both_ids),
        cmocka_unit_test(changed_line_packet_is_dropped_wherever_it_is_changed),
        cmocka_unit_test(line_packet_below_the_smallest_is_short),
        cmocka_unit_test(what_does_not_fit_is_not_sealed),
        cmocka_unit_test(two_nodes_of_it_have_a_line),
        cmocka_unit_test(node_of_cs3a_has_nothing_in_common_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

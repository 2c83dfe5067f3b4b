/* Packets in the clear, for who captures: the ring, and what two boards put into it. */
#include "tests/lib/raw_peer.h"

#include "switch/base/mem.h"
#include "switch/core/tap.h"

static const struct th_now now = {.mono = 5, .wall = 1400000000000};

static void put(struct th_tap *tap, uint32_t c, size_t len)
{
    uint8_t bytes[TH_TAP_BYTES_MAX];
    struct th_tapped packet = {.c = c};

    memset(bytes, (int)c, sizeof bytes);
    th_tap_put(tap, now, &packet, (struct th_bytes){bytes, len});
}

/* Takes all; checks that numbers ascend from first on and that each has its own bytes. */
static unsigned take_all(struct th_tap *tap, uint32_t first, uint64_t *lost)
{
    uint8_t bytes[TH_TAP_BYTES_MAX];
    struct th_tapped packet;
    unsigned count = 0;
    uint64_t some;

    *lost = 0;
    while (th_tap_read(tap, &packet, bytes, &some)) {
        *lost += some;
        assert_int_equal(packet.c, first + count);
        for (uint32_t i = 0; i < packet.len; i++)
            assert_int_equal(bytes[i], (uint8_t)packet.c);
        count++;
    }
    *lost += some;
    return count;
}

static void nothing_is_kept_while_nobody_captures(void **state)
{
    (void)state;
    struct th_tap tap;
    uint64_t lost;

    th_tap_init(&tap, NULL);
    assert_false(th_tap_is_on(NULL));
    assert_false(th_tap_is_on(&tap));
    put(&tap, 1, 10); /* one that was under way when the capture ended */
    assert_int_equal(take_all(&tap, 1, &lost), 0);
    assert_int_equal(lost, 0);

    assert_int_equal(th_tap_start(&tap), TH_OK);
    assert_true(th_tap_is_on(&tap));
    put(&tap, 1, 10);
    th_tap_stop(&tap);
    assert_false(th_tap_is_on(&tap));
    assert_int_equal(take_all(&tap, 1, &lost), 0);
    th_tap_clear(&tap);
}

static void packets_come_out_in_order_around_the_end_of_the_ring(void **state)
{
    (void)state;
    struct th_tap tap;
    uint64_t lost;
    uint32_t next = 1;

    th_tap_init(&tap, NULL);
    assert_int_equal(th_tap_start(&tap), TH_OK);
    for (unsigned round = 0; round < 300; round++) {
        uint32_t first = next;

        for (unsigned i = 0; i < 20; i++, next++)
            put(&tap, next, next * 37 % (TH_TAP_BYTES_MAX + 1));
        assert_int_equal(take_all(&tap, first, &lost), 20);
        assert_int_equal(lost, 0);
    }
    th_tap_clear(&tap);
}

static void full_ring_loses_what_comes_and_says_how_many(void **state)
{
    (void)state;
    enum { PACKETS = 2 * TH_TAP_ROOM / TH_TAP_BYTES_MAX };
    struct th_tap tap;
    uint64_t lost;

    th_tap_init(&tap, NULL);
    assert_int_equal(th_tap_start(&tap), TH_OK);
    for (uint32_t c = 1; c <= PACKETS; c++)
        put(&tap, c, TH_TAP_BYTES_MAX);
    unsigned kept = take_all(&tap, 1, &lost);

    assert_true(kept > PACKETS / 3 && kept < PACKETS);
    assert_int_equal(kept + lost, PACKETS);

    /* the next one says what was lost before it, unless that was said */
    put(&tap, 7, 1);
    assert_int_equal(take_all(&tap, 7, &lost), 1);
    assert_int_equal(lost, 0);
    th_tap_clear(&tap);
}

static void capture_without_memory_is_refused(void **state)
{
    (void)state;
    struct th_tap tap;

    th_tap_init(&tap, NULL);
    th_mem_refuse(1);
    enum th_err e = th_tap_start(&tap);

    assert_int_equal(e, TH_NO_MEMORY);
    assert_false(th_tap_is_on(&tap));
    th_tap_clear(&tap);
}

struct both {
    struct wire w;
    struct th_tap tap[2];
};

static void both_init(struct both *b)
{
    wire_init(&b->w, 2);
    for (int i = 0; i < 2; i++) {
        th_tap_init(&b->tap[i], NULL);
        assert_int_equal(th_tap_start(&b->tap[i]), TH_OK);
        b->w.config[i].tap = &b->tap[i];
        wire_restart(&b->w, i, (uint8_t)(90 + i));
    }
}

static void both_free(struct both *b)
{
    wire_free(&b->w);
    for (int i = 0; i < 2; i++)
        th_tap_clear(&b->tap[i]);
}

static void open_is_seen_on_both_sides_with_what_is_sealed_in_it(void **state)
{
    (void)state;
    static struct both b;
    struct th_tapped out, in;
    uint8_t out_bytes[TH_TAP_BYTES_MAX], in_bytes[TH_TAP_BYTES_MAX];
    uint64_t lost;
    both_init(&b);

    assert_int_equal(wire_open(&b.w, 0, 1), TH_AGAIN);
    wire_settle(&b.w);

    assert_true(th_tap_read(&b.tap[0], &out, out_bytes, &lost));
    assert_true(th_tap_read(&b.tap[1], &in, in_bytes, &lost));
    assert_true(out.is_open && !out.is_in && in.is_open && in.is_in);
    assert_true(th_hashname_is_equal(&out.peer, &b.w.identity[1].hashname));
    assert_true(th_hashname_is_equal(&in.peer, &b.w.identity[0].hashname));
    assert_memory_equal(&out.line, &in.line, sizeof out.line);
    assert_int_equal(out.at_us, (uint64_t)b.w.now.wall * 1000);
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out_bytes, in_bytes, in.len);
    assert_non_null(memmem(in_bytes, in.len, "\"to\":", 5));
    both_free(&b);
}

/* Reads on until a packet of this type and direction; false when there is none. */
static bool find(struct th_tap *tap, const char *type, bool is_in, struct th_tapped *packet,
                 uint8_t bytes[TH_TAP_BYTES_MAX])
{
    uint64_t lost;

    while (th_tap_read(tap, packet, bytes, &lost))
        if (strcmp(packet->type, type) == 0 && packet->is_in == is_in)
            return true;
    return false;
}

static void packet_of_a_channel_is_seen_in_the_clear_with_whose_and_what_it_is(void **state)
{
    (void)state;
    static struct both b;
    struct th_tapped out, in, answer;
    uint8_t bytes[TH_TAP_BYTES_MAX];
    uint32_t c;
    both_init(&b);
    assert_int_equal(wire_open(&b.w, 0, 1), TH_AGAIN);
    wire_settle(&b.w);

    assert_int_equal(wire_channel(&b.w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(&b.w);
    struct th_chanpkt_out told = {.c = c, .end = true, .fields = th_bytes_of("\"see\":[]")};
    assert_int_equal(th_switchboard_send(b.w.board[1], b.w.now, &b.w.identity[0].hashname, &told),
                     TH_OK);
    wire_settle(&b.w);

    assert_true(find(&b.tap[0], "seek", false, &out, bytes));
    assert_true(out.c == c && out.is_ours && out.is_first && !out.is_last && !out.is_open);
    assert_true(th_addr_is_equal(&out.addr, &b.w.addr[1]));
    assert_non_null(memmem(bytes, out.len, "\"seek\":\"ab\"", 11));

    /* the first packet of theirs comes before there is a channel, the answer after it said its type */
    assert_true(find(&b.tap[1], "seek", true, &in, bytes));
    assert_true(in.c == c && !in.is_ours && in.is_first);
    assert_memory_equal(&in.line, &out.line, sizeof in.line);
    assert_true(find(&b.tap[0], "seek", true, &answer, bytes));
    assert_true(answer.c == c && answer.is_ours && !answer.is_first && answer.is_last);
    both_free(&b);
}

static void board_that_nobody_captures_from_puts_nothing_in(void **state)
{
    (void)state;
    static struct both b;
    uint64_t lost;
    both_init(&b);
    th_tap_stop(&b.tap[0]);

    assert_int_equal(wire_open(&b.w, 0, 1), TH_AGAIN);
    wire_settle(&b.w);

    assert_int_equal(b.tap[0].used, 0);
    assert_true(b.tap[1].used > 0);
    assert_int_equal(take_all(&b.tap[0], 0, &lost), 0);
    both_free(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_while_nobody_captures),
        cmocka_unit_test(packets_come_out_in_order_around_the_end_of_the_ring),
        cmocka_unit_test(full_ring_loses_what_comes_and_says_how_many),
        cmocka_unit_test(capture_without_memory_is_refused),
        cmocka_unit_test(open_is_seen_on_both_sides_with_what_is_sealed_in_it),
        cmocka_unit_test(packet_of_a_channel_is_seen_in_the_clear_with_whose_and_what_it_is),
        cmocka_unit_test(board_that_nobody_captures_from_puts_nothing_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

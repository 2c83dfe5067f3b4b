/*
 * wire_relpkt_test.c - heads of reliable channels: what is written is read, the reader by hand and the
 * one by the JSON library agree, and whatever a peer sends, they return.
 */
#include "switch/wire/relpkt.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"
#include "tests/lib/test_seed.h"

enum { ROUNDS = 20000, PLAIN_MAX = 2048 };

static struct th_rng rng;

static uint32_t below(uint64_t limit)
{
    return (uint32_t)th_rng_below(&rng, limit);
}

/* Small ones, big ones, and those at the edges. */
static uint32_t number(void)
{
    static const uint32_t edges[] = {0, 1, 9, 10, UINT32_MAX - 1, UINT32_MAX};

    switch (below(3)) {
    case 0:
        return edges[below(sizeof edges / sizeof *edges)];
    case 1:
        return below(3000);
    default:
        return (uint32_t)th_rng_u64(&rng);
    }
}

static void add_lists(struct th_relpkt *packet)
{
    uint64_t next = packet->has_ack ? (uint64_t)packet->ack + 1 : 0;

    for (uint64_t at = next + below(3); packet->miss_count < below(TH_MISS_MAX + 1);) {
        if (at > UINT32_MAX)
            break;
        packet->miss[packet->miss_count++] = (uint32_t)at;
        at += 1 + below(5);
    }
    for (uint64_t at = next + 1; packet->got_count < below(TH_GOT_MAX + 1);) {
        uint64_t first = at + below(4), last = first + below(50);
        if (last > UINT32_MAX)
            break;
        packet->got[packet->got_count++] = (struct th_run){(uint32_t)first, (uint32_t)last};
        at = last + 2;
    }
}

static void draw(struct th_relpkt *packet, const uint8_t body[100])
{
    memset(packet, 0, sizeof *packet);
    packet->c = 1 + below(UINT32_MAX);
    packet->has_seq = below(2);
    packet->seq = packet->has_seq ? number() : 0;
    packet->has_ack = below(2);
    packet->ack = packet->has_ack ? number() : 0;
    packet->has_max = below(2);
    packet->max = packet->has_max ? number() : 0;
    packet->end = below(4) == 0;
    packet->takes_parts = below(4) == 0;
    packet->has_more = below(4) == 0;
    if (below(4) == 0)
        strcpy(packet->type, "_echo");
    if (below(8) == 0)
        strcpy(packet->err, below(2) ? "gone \"away\"" : "gone");
    if (below(2))
        add_lists(packet);
    packet->body = (struct th_bytes){body, below(100)};
    if (below(4) == 0) {
        packet->at = below(1000);
        packet->of = packet->at + (uint32_t)packet->body.len + 1 + below(100);
    }
}

static void check_same(const struct th_relpkt *a, const struct th_relpkt *b)
{
    assert_int_equal(a->c, b->c);
    assert_int_equal(a->has_seq, b->has_seq);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->has_ack, b->has_ack);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->has_max, b->has_max);
    assert_int_equal(a->max, b->max);
    assert_int_equal(a->takes_parts, b->takes_parts);
    assert_int_equal(a->has_more, b->has_more);
    assert_int_equal(a->at, b->at);
    assert_int_equal(a->of, b->of);
    assert_int_equal(a->end, b->end);
    assert_string_equal(a->type, b->type);
    assert_string_equal(a->err, b->err);
    assert_int_equal(a->miss_count, b->miss_count);
    assert_int_equal(a->got_count, b->got_count);
    assert_memory_equal(a->miss, b->miss, a->miss_count * sizeof a->miss[0]);
    assert_memory_equal(a->got, b->got, a->got_count * sizeof a->got[0]);
    assert_true(th_bytes_are_equal(a->body, b->body));
}

static void what_is_written_is_read_by_both_readers(void **state)
{
    (void)state;
    uint8_t body[100], plain[PLAIN_MAX];
    struct th_relpkt packet, read;
    size_t len;

    for (unsigned i = 0; i < ROUNDS; i++) {
        th_rng_fill(&rng, body, sizeof body);
        draw(&packet, body);
        assert_int_equal(th_relpkt_write(plain, sizeof plain, &len, &packet), TH_OK);

        assert_int_equal(th_relpkt_read(&read, (struct th_bytes){plain, len}), TH_DROP_NONE);
        check_same(&packet, &read);
        assert_int_equal(th_relpkt_read_any(&read, (struct th_bytes){plain, len}), TH_DROP_NONE);
        check_same(&packet, &read);
        assert_int_equal(th_relpkt_write(plain, len - 1, &len, &packet), TH_TOO_BIG);
    }
}

/* Cuts, doubles and swaps parts of heads, so that many are still JSON. */
static size_t spoil(uint8_t *plain, size_t len)
{
    static const char *const pieces[] = {
        "\"seq\":",   "\"at\":7,",  "\"of\":9,",   "\"parts\":1",
        "\"more\":1", "\"ack\":7,", "\"miss\":[]", "\"got\":[1,2,3]",
        "\"_\":{},",  " ",          "-",           "1.5",
        "e9",         "\"end\":",   "false",       "null",
        "00",         "\\u0041",    "[",           "}"};
    const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
    size_t at = 2 + below(len - 2), size = strlen(piece);

    switch (below(4)) {
    case 0:
        plain[at] = (uint8_t)th_rng_u64(&rng);
        break;
    case 1:
        plain[at] = (uint8_t) "{}[]\",:0123456789"[below(17)];
        break;
    case 2: /* a piece goes in */
        memmove(plain + at + size, plain + at, len - at);
        memcpy(plain + at, piece, size);
        len += size;
        break;
    default: /* a part goes out */
        size = 1 + below(len - at);
        memmove(plain + at, plain + at + size, len - at - size);
        len -= size;
        break;
    }
    /* the body stays empty: the head is what is read */
    plain[0] = (uint8_t)((len - 2) >> 8);
    plain[1] = (uint8_t)(len - 2);
    return len;
}

static void readers_agree_on_heads_that_were_spoilt(void **state)
{
    (void)state;
    struct th_relpkt packet, usual, any;
    uint8_t plain[PLAIN_MAX];
    unsigned agreed = 0;
    size_t len;

    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        draw(&packet, NULL);
        packet.body = (struct th_bytes){0};
        assert_int_equal(th_relpkt_write(plain, sizeof plain, &len, &packet), TH_OK);
        for (unsigned n = below(4); n > 0 && len > 3; n--)
            len = spoil(plain, len);
        uint8_t *exact = th_mem_zalloc(len, 1); /* so that ASan sees a read of one byte more */
        memcpy(exact, plain, len);

        const struct th_bytes bytes = {exact, len};
        bool is_usual = th_relpkt_read_usual(&usual, bytes);
        enum th_drop why = th_relpkt_read_any(&any, bytes);

        if (is_usual) {
            assert_int_equal(why, TH_DROP_NONE);
            check_same(&usual, &any);
            agreed++;
        }
        th_mem_free(exact);
    }
    assert_true(agreed > ROUNDS);
}

static struct th_relpkt reading(const char *head)
{
    uint8_t plain[PLAIN_MAX];
    struct th_relpkt packet;
    size_t len;

    assert_int_equal(
        th_packet_write(plain, sizeof plain, &len, th_bytes_of(head), (struct th_bytes){0}), TH_OK);
    assert_int_equal(th_relpkt_read(&packet, (struct th_bytes){plain, len}), TH_DROP_NONE);
    return packet;
}

static void lists_are_read_as_far_as_they_can_be(void **state)
{
    (void)state;
    struct th_relpkt packet = reading("{\"c\":1,\"ack\":5,\"miss\":[]}");
    assert_int_equal(packet.miss_count, 0);

    packet = reading("{\"c\":1,\"miss\":[6,9,8,2,10],\"ack\":5}"); /* they count from the ack */
    assert_int_equal(packet.miss_count, 3);
    assert_int_equal(packet.miss[2], 10);

    packet = reading("{\"c\":1,\"ack\":5,\"got\":[1,0,2,3,1,1]}"); /* the third leaves no hole */
    assert_int_equal(packet.got_count, 2);
    assert_int_equal(packet.got[0].first, 7);
    assert_int_equal(packet.got[1].first, 9);
    assert_int_equal(packet.got[1].last, 12);

    packet = reading("{\"c\":1,\"ack\":4294967295,\"got\":[1,0],\"miss\":[3]}");
    assert_int_equal(packet.got_count + packet.miss_count, 0);
    packet = reading("{\"c\":1,\"ack\":5,\"miss\":\"none\",\"got\":{}, \"_\":{}}");
    assert_int_equal(packet.got_count + packet.miss_count, 0);
}

/* Another implementation may have keys of these names, which say nothing of parts. */
static void part_has_both_its_numbers_or_is_none(void **state)
{
    (void)state;
    static const char *const whole[] = {"\"at\":5",
                                        "\"of\":5",
                                        "\"at\":\"5\",\"of\":5",
                                        "\"at\":5,\"of\":0",
                                        "\"at\":-1,\"of\":-1",
                                        "\"at\":5,\"of\":{}",
                                        "\"of\":5,\"at\":[]"};
    char head[100];

    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        snprintf(head, sizeof head, "{\"c\":1,\"seq\":7,%s}", whole[i]);
        struct th_relpkt packet = reading(head);
        assert_int_equal(packet.seq, 7);
        assert_int_equal(packet.at, 0);
        assert_int_equal(packet.of, 0);
    }
    assert_int_equal(reading("{\"c\":1,\"seq\":7,\"of\":5,\"at\":5}").of, 5);
}

static void part_beyond_its_whole_is_dropped(void **state)
{
    (void)state;
    const char *head = "{\"c\":1,\"seq\":7,\"at\":3,\"of\":5}";
    uint8_t plain[PLAIN_MAX];
    struct th_relpkt packet;
    size_t len;

    assert_int_equal(
        th_packet_write(plain, sizeof plain, &len, th_bytes_of(head), th_bytes_of("abc")), TH_OK);
    assert_int_equal(th_relpkt_read(&packet, (struct th_bytes){plain, len}), TH_DROP_CHANNEL_HEAD);
    assert_int_equal(th_relpkt_read(&packet, (struct th_bytes){plain, len - 1}), TH_DROP_NONE);
}

static void head_of_content_is_never_longer_than_its_room(void **state)
{
    (void)state;
    struct th_relpkt packet = {.c = UINT32_MAX,
                               .has_seq = true,
                               .has_ack = true,
                               .has_max = true,
                               .end = true,
                               .seq = UINT32_MAX,
                               .ack = UINT32_MAX,
                               .max = UINT32_MAX};
    uint8_t plain[PLAIN_MAX];
    size_t len;

    assert_int_equal(th_relpkt_write(plain, sizeof plain, &len, &packet), TH_OK);
    assert_int_equal(len, 2 + TH_REL_HEAD_MAX);
    packet.has_more = packet.takes_parts = true;
    assert_int_equal(th_relpkt_write(plain, sizeof plain, &len, &packet), TH_OK);
    assert_int_equal(len, 2 + TH_REL_HEAD_MAX + TH_REL_MORE_LEN + TH_REL_PARTS_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_by_both_readers),
        cmocka_unit_test(readers_agree_on_heads_that_were_spoilt),
        cmocka_unit_test(lists_are_read_as_far_as_they_can_be),
        cmocka_unit_test(part_has_both_its_numbers_or_is_none),
        cmocka_unit_test(part_beyond_its_whole_is_dropped),
        cmocka_unit_test(head_of_content_is_never_longer_than_its_room),
    };

    test_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What waits of channels of applications: which packets are kept, and whose turn it is. */
#include "tests/lib/chans_bench.h"

static void send_json(struct bench *b, const char *json, const char *body)
{
    struct th_chan_send *send = th_chan_send_new(th_bytes_of(json), th_bytes_of(body));

    send->chan = b->asker[0].opened.chan;
    ask_as(b, b->pid[0], &th_switch_msg_chan_send, send);
}

static uint64_t bad_heads(struct bench *b, int node)
{
    ask_as(b, b->pid[node], &th_switch_msg_status, NULL);
    return b->asker[node].drops.n[TH_DROP_CHANNEL_HEAD];
}

/* Whoever has room for TH_PACKETS_LEN_MAX bytes and reads objects gets no others. */
static void packet_that_is_too_big_or_no_object_is_dropped(void **state)
{
    static char large[TH_PACKETS_LEN_MAX + 2];
    struct bench *b = *state;
    connect(b);
    unsigned before = b->asker[1].taken.packets;
    memset(large, 'x', TH_PACKETS_LEN_MAX + 1);
    take(b, 1);
    send_json(b, "", large);
    send_json(b, "{}", large + 2);
    send_json(b, "[1]", "x");
    send_json(b, "7", "x");
    assert_int_equal(bad_heads(b, 1), 4);
    assert_int_equal(b->asker[1].taken.packets, before);
    assert_int_equal(dropped(b, 1), 0);
    send_json(b, "{}", "x");
    assert_int_equal(b->asker[1].taken.packets, before + 1);
    assert_string_equal(b->asker[1].taken.json, "{}");
}

static void first_packet_is_kept_until_the_channel_was_told_of(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, "_test", "", "first");
    for (unsigned i = 1; i < TH_CHAN_QUEUE_MAX + 10; i++)
        ask_send(b, 0, b->asker[0].opened.chan, "more", false, "");
    assert_int_equal(dropped(b, 1), 10);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_string_equal(b->asker[1].taken.oldest, "first");
    assert_int_equal(b->asker[1].taken.dropped, 10);
}

/* A node with as many channels as it may have, all full. */
static void fill(struct bench *b, int node)
{
    static th_chan_number chan[TH_LINE_PACKETS_THEIRS];

    for (unsigned i = 0; i < TH_LINE_PACKETS_THEIRS; i++) {
        take(b, 1);
        ask_open(b, node, "_test", "", "x");
        assert_int_equal(b->asker[node].opened.err, TH_OK);
        chan[i] = b->asker[node].opened.chan;
    }
    for (unsigned i = 0; i < TH_LINE_PACKETS_THEIRS; i++) {
        for (unsigned j = 0; j < TH_CHAN_QUEUE_MAX; j++)
            post_send(b, node, chan[i], "y", false, "");
        th_host_sim_run(b->host, 1);
    }
}

static void node_that_floods_takes_neither_room_nor_turns_of_another(void **state)
{
    enum { FEW = 10 };
    struct bench *b = *state;
    take(b, 1);
    ask_open(b, 2, "_test", "", "quiet");
    assert_int_equal(b->asker[1].taken.firsts, 1);
    b->asker[1].watched = b->asker[1].taken.first;
    fill(b, 0);
    assert_int_equal(dropped(b, 1), 0);

    for (unsigned i = 0; i < FEW; i++)
        ask_send(b, 2, b->asker[2].opened.chan, "quiet", false, "");
    assert_int_equal(dropped(b, 1), FEW); /* of the other one's */
    b->asker[1].watched_packets = 0;
    take(b, 1);
    assert_int_equal(b->asker[1].watched_packets, FEW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(packet_that_is_too_big_or_no_object_is_dropped),
        TEST(first_packet_is_kept_until_the_channel_was_told_of),
        TEST(node_that_floods_takes_neither_room_nor_turns_of_another),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}

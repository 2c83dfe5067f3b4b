/* Applications' channels that are not reliable, as another server asks the switch for them. */
#include "tests/lib/chans_bench.h"

/* A1 */
static void packet_comes_to_who_asks_with_its_json_and_its_body(void **state)
{
    struct bench *b = *state;
    connect(b);
    assert_string_equal(b->asker[1].taken.type, "_test");
    assert_string_equal(b->asker[1].taken.json, "{\"n\":1}");
    assert_string_equal(b->asker[1].taken.body, "hello");

    ask_send(b, 0, b->asker[0].opened.chan, "not asked for yet", false, "");
    assert_int_equal(b->asker[1].taken.packets, 1);
    take(b, 1);
    assert_string_equal(b->asker[1].taken.body, "not asked for yet");
    assert_string_equal(b->asker[1].taken.json, "");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "back", false, "");
    assert_string_equal(b->asker[0].taken.body, "back");
    assert_int_equal(b->asker[0].taken.firsts, 0);
}

static void that_a_channel_is_opened_is_an_event_and_nothing_else_of_it(void **state)
{
    struct bench *b = *state;
    connect(b);
    ask_send(b, 0, b->asker[0].opened.chan, "more", true, "");
    assert_int_equal(b->asker[1].opened_events, 1);
    assert_int_equal(b->asker[1].body_bytes, 0);
}

static void end_comes_with_the_last_packet_or_alone(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 1);
    ask_send(b, 0, b->asker[0].opened.chan, "last", true, "");
    assert_string_equal(b->asker[1].taken.body, "last");
    assert_int_equal(b->asker[1].taken.overs, 1);
    assert_int_equal(b->asker[1].taken.why, TH_OK);

    take(b, 1);
    ask_open(b, 0, "_test", "", "");
    take(b, 1);
    unsigned packets = b->asker[1].taken.packets;
    ask_send(b, 0, b->asker[0].opened.chan, "", true, "");
    assert_int_equal(b->asker[1].taken.overs, 2);
    assert_int_equal(b->asker[1].taken.packets, packets);
}

static void words_of_who_closes_are_told_and_whether_it_ever_spoke(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "", false, "not wanted");
    assert_int_equal(b->asker[0].taken.why, TH_REFUSED);
    assert_string_equal(b->asker[0].taken.words, "not wanted");

    take(b, 1);
    ask_open(b, 0, "_test", "", "x");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "answer", false, "");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "", false, "enough");
    assert_int_equal(b->asker[0].taken.why, TH_GONE);
    assert_string_equal(b->asker[0].taken.words, "enough");
}

static void silence_ends_a_channel(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 0);
    th_host_sim_run(b->host, 10001);
    assert_int_equal(b->asker[0].taken.overs, 1);
    assert_int_equal(b->asker[0].taken.why, TH_TIMED_OUT);
}

static void packets_that_nobody_takes_go_oldest_first_and_are_counted(void **state)
{
    enum { SENT = TH_CHAN_QUEUE_MAX + 10 };
    struct bench *b = *state;
    connect(b);
    for (unsigned i = 0; i < SENT; i++) {
        char text[8] = {(char)('0' + i / 10), (char)('0' + i % 10)};
        ask_send(b, 0, b->asker[0].opened.chan, text, false, "");
    }
    assert_int_equal(dropped(b, 1), 10);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.packets, 1 + TH_CHAN_QUEUE_MAX);
    assert_string_equal(b->asker[1].taken.oldest, "10");
    assert_int_equal(b->asker[1].taken.dropped, 10);
}

static void packets_of_all_channels_together_have_a_limit(void **state)
{
    enum { CHANS = TH_CHANS_QUEUE_MAX / TH_CHAN_QUEUE_MAX };
    struct bench *b = *state;
    th_chan_number chan[CHANS];
    for (unsigned i = 0; i < CHANS; i++) {
        take(b, 1);
        ask_open(b, 0, "_test", "", "x");
        assert_int_equal(b->asker[0].opened.err, TH_OK);
        chan[i] = b->asker[0].opened.chan;
        assert_int_equal(b->asker[1].taken.firsts, i + 1);
    }
    ask_listen(b, b->pid[0], "_test", false);
    take(b, 0);
    ask_open(b, 1, "_test", "", "x"); /* one more, of the other side */
    for (unsigned i = 0; i < CHANS; i++) {
        for (unsigned j = 0; j < TH_CHAN_QUEUE_MAX; j++)
            post_send(b, 0, chan[i], "y", false, "");
        th_host_sim_run(b->host, 1);
    }
    assert_int_equal(dropped(b, 1), 0);
    ask_send(b, 0, b->asker[0].taken.first, "too many", false, "");
    assert_int_equal(dropped(b, 1), 1);

    unsigned before = b->asker[1].taken.packets;
    take(b, 1);
    assert_int_equal(b->asker[1].taken.packets, before + TH_CHANS_TAKE_MAX); /* a part at a time */
    ask_send(b, 0, b->asker[0].taken.first, "one", false, "");
    assert_int_equal(dropped(b, 1), 1);
}

static void owner_that_takes_nothing_has_a_backlog_and_no_more(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < TH_CHANS_BACKLOG_MAX; i++)
        ask_open(b, 0, "_test", "", "x");
    take(b, 0);
    ask_open(b, 0, "_test", "", "one too many");
    assert_string_equal(b->asker[0].taken.words, "busy");
    assert_int_equal(dropped(b, 1), 1);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.firsts, TH_CHANS_BACKLOG_MAX);
    ask_open(b, 0, "_test", "", "again");
    take(b, 1);
    assert_string_equal(b->asker[1].taken.body, "again");
}

static void more_channels_than_the_limit_are_refused(void **state)
{
    struct bench *b = *state;
    /* Nobody there takes them, so they stay. A line has room for 256. */
    for (unsigned i = 0; i < 256; i++)
        ask_open(b, 0, "_none", "", "x");
    ask_open(b, 0, "_none", "", "x");
    assert_int_equal(b->asker[0].opened.err, TH_LIMIT);
    ask_open(b, 0, "link", "", "x");
    assert_int_equal(b->asker[0].opened.err, TH_INVALID);
}

static void packet_that_fits_no_datagram_is_refused_or_counted(void **state)
{
    static char large[1400];
    struct bench *b = *state;
    connect(b);
    memset(large, 'x', sizeof large - 1);
    ask_open(b, 0, "_test", "", large);
    assert_int_equal(b->asker[0].opened.err, TH_TOO_BIG);
    ask_send(b, 0, 1, large, false, "");
    assert_int_equal(dropped(b, 0), 1);
}

static void packet_of_the_largest_size_that_is_promised_fits(void **state)
{
    static char json[TH_PACKETS_LEN_MAX + 1] = "{\"a\":\"";
    struct bench *b = *state;
    memset(json + 6, 'x', TH_PACKETS_LEN_MAX - 8);
    memcpy(json + TH_PACKETS_LEN_MAX - 2, "\"}", 3);
    struct th_chan_open *open = th_chan_open_new(th_bytes_of(json), (struct th_bytes){0});
    open->to = b->identity[1].hashname;
    strcpy(open->type, "_234567890123456789012345678901");
    assert_int_equal(strlen(open->type), TH_TYPE_MAX - 1);
    open->end = true;
    ask_as(b, b->pid[0], &th_switch_msg_chan_open, open);
    assert_int_equal(b->asker[0].opened.err, TH_OK);
}

static void only_one_server_has_channels_until_it_ends(void **state)
{
    struct bench *b = *state;
    connect(b);
    ask_listen(b, b->other_pid, "_more", false);
    assert_int_equal(b->other.result.err, TH_IN_USE);
    ask_as(b, b->other_pid, &th_switch_msg_chan_take, NULL);
    assert_int_equal(b->other.taken.err, TH_INVALID);
    take(b, 1);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.err, TH_INVALID);

    take(b, 0);
    assert_int_equal(th_post(b->host, b->pid[1], (struct th_msg){.kind = &end_msg}), TH_OK);
    run(b);
    assert_string_equal(b->asker[0].taken.words, "gone");
    ask_listen(b, b->other_pid, "_more", false);
    assert_int_equal(b->other.result.err, TH_OK);
    ask_open(b, 0, "_test", "", "to nobody");
    ask_as(b, b->other_pid, &th_switch_msg_chan_take, NULL);
    assert_int_equal(b->other.taken.firsts, 0);
    ask_open(b, 0, "_more", "", "to another");
    assert_int_equal(b->other.taken.firsts, 1);
}

static void several_packets_that_come_at_once_are_all_of_one_channel(void **state)
{
    struct bench *b = *state;
    struct th_chan_open *open = th_chan_open_new((struct th_bytes){0}, th_bytes_of("first"));
    open->to = b->identity[1].hashname;
    strcpy(open->type, "_test");
    post_as(b, b->pid[0], &th_switch_msg_chan_open, open);
    for (unsigned i = 0; i < 5; i++)
        post_send(b, 0, 1, "more", false, "");
    run(b);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_int_equal(b->asker[1].taken.packets, 6);
}

static void channel_whose_first_packet_is_lost_is_opened_by_the_next(void **state)
{
    struct bench *b = *state;
    take(b, 1);
    net_mem_cut(&b->mem.node[1], true);
    ask_open(b, 0, "_test", "", "lost");
    assert_int_equal(b->asker[0].opened.err, TH_OK);
    net_mem_cut(&b->mem.node[1], false);
    ask_send(b, 0, b->asker[0].opened.chan, "second", false, "");
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_string_equal(b->asker[1].taken.type, "_test");
    assert_string_equal(b->asker[1].taken.body, "second");

    take(b, 1); /* until one comes back, all say what they are of; it opens nothing again */
    ask_send(b, 0, b->asker[0].opened.chan, "third", false, "");
    assert_string_equal(b->asker[1].taken.body, "third");
    take(b, 0);
    take(b, 1);
    ask_send(b, 1, b->asker[1].taken.first, "back", false, "");
    ask_send(b, 0, b->asker[0].opened.chan, "fourth", false, "");
    assert_string_equal(b->asker[1].taken.body, "fourth");
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_int_equal(b->asker[1].opened_events, 1);
}

/* err: the end had words. is_heard: the one who goes on sending had heard of the other. */
static void lose_the_end(struct bench *b, const char *err, bool is_heard)
{
    connect(b);
    take(b, 0);
    if (is_heard) {
        ask_send(b, 1, b->asker[1].taken.first, "heard", false, "");
        take(b, 0);
    }
    net_mem_cut(&b->mem.node[1], true);
    ask_send(b, 1, b->asker[1].taken.first, "", err[0] == 0, err);
    net_mem_cut(&b->mem.node[1], false);
    assert_int_equal(b->asker[0].taken.overs, 0);
}

static void who_sends_on_after_an_end_that_was_lost_is_told(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "", true);
    ask_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    assert_int_equal(b->asker[0].taken.overs, 1);
    assert_int_equal(b->asker[0].taken.why, TH_GONE);
    assert_string_equal(b->asker[0].taken.words, "closed");
}

static void who_sends_on_after_a_refusal_that_was_lost_is_told(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "not wanted", false);
    ask_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    assert_int_equal(b->asker[0].taken.why, TH_REFUSED);
}

static void end_of_a_channel_that_has_ended_is_not_answered(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "", true);
    uint64_t sent = b->mem.node[1].sent;
    ask_send(b, 0, b->asker[0].opened.chan, "", true, "");
    assert_int_equal(b->mem.node[1].sent, sent);
}

static void it_is_told_ten_times_a_second_at_most(void **state)
{
    struct bench *b = *state;
    connect(b);
    net_mem_cut(&b->mem.node[1], true);
    ask_send(b, 1, b->asker[1].taken.first, "", true, "");
    net_mem_cut(&b->mem.node[1], false);
    uint64_t sent = b->mem.node[1].sent;
    for (unsigned i = 0; i < 10; i++)
        post_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    run(b);
    assert_int_equal(b->mem.node[1].sent, sent + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(packet_comes_to_who_asks_with_its_json_and_its_body),
        TEST(that_a_channel_is_opened_is_an_event_and_nothing_else_of_it),
        TEST(end_comes_with_the_last_packet_or_alone),
        TEST(words_of_who_closes_are_told_and_whether_it_ever_spoke),
        TEST(silence_ends_a_channel),
        TEST(packets_that_nobody_takes_go_oldest_first_and_are_counted),
        TEST(packets_of_all_channels_together_have_a_limit),
        TEST(owner_that_takes_nothing_has_a_backlog_and_no_more),
        TEST(more_channels_than_the_limit_are_refused),
        TEST(packet_that_fits_no_datagram_is_refused_or_counted),
        TEST(packet_of_the_largest_size_that_is_promised_fits),
        TEST(only_one_server_has_channels_until_it_ends),
        TEST(several_packets_that_come_at_once_are_all_of_one_channel),
        TEST(channel_whose_first_packet_is_lost_is_opened_by_the_next),
        TEST(who_sends_on_after_an_end_that_was_lost_is_told),
        TEST(who_sends_on_after_a_refusal_that_was_lost_is_told),
        TEST(end_of_a_channel_that_has_ended_is_not_answered),
        TEST(it_is_told_ten_times_a_second_at_most),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}

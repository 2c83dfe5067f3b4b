/* How a reliable channel begins, ends and fails, and what foreign peers may rely on. */
#include "tests/lib/stream_pair.h"

static struct pair pair;
static struct th_rng rng;
static const struct faults quiet = {.delay = 10};

static void begin(bool is_foreign)
{
    static const uint8_t seed[TH_RNG_SEED_BYTES] = {1};

    th_rng_init(&rng, seed);
    pair_begin(&pair, &rng, &quiet, 1, is_foreign);
}

static struct th_reliable *ours(void)
{
    return pair.end[0].channel[0];
}

static struct th_reliable *theirs(void)
{
    return pair.end[1].channel[0];
}

static void write_text(struct th_reliable *r, const char *text)
{
    size_t taken;

    assert_int_equal(th_reliable_write(r, pair.now, th_bytes_of(text), &taken), TH_OK);
    assert_int_equal(taken, strlen(text));
}

static void read_text(struct th_reliable *r, const char *text)
{
    char buffer[100] = {0};
    size_t got = 0;

    assert_int_equal(th_reliable_read(r, pair.now, (uint8_t *)buffer, sizeof buffer - 1, &got),
                     TH_OK);
    assert_string_equal(buffer, text);
}

static void assert_reads(struct th_reliable *r, enum th_err err)
{
    uint8_t buffer[10];
    size_t got;

    assert_int_equal(th_reliable_read(r, pair.now, buffer, sizeof buffer, &got), err);
}

static void run(th_ms ms)
{
    for (th_ms until = pair.now.mono + ms; pair.now.mono < until;) {
        if (pair_deadline(&pair) > until)
            pair.now.mono = until;
        else
            pair_turn(&pair);
    }
}

/* The next packet of an end, read. */
static bool next_packet(struct th_reliable *r, struct th_relpkt *packet)
{
    static uint8_t out[TH_CHANPKT_MAX];
    size_t len;

    if (!th_reliable_next(r, pair.now, out, sizeof out, &len))
        return false;
    assert_int_equal(th_relpkt_read(packet, (struct th_bytes){out, len}), TH_DROP_NONE);
    return true;
}

static enum th_drop hand(struct th_reliable *r, struct th_relpkt packet)
{
    packet.c = 1;
    return th_reliable_on_packet(r, pair.now, &packet);
}

static void end_is_read_after_the_bytes_and_the_other_way_goes_on(void **state)
{
    (void)state;
    begin(false);

    write_text(ours(), "question");
    th_reliable_end(ours());
    run(100);
    read_text(theirs(), "question");
    assert_reads(theirs(), TH_EOF);
    write_text(theirs(), "answer");
    th_reliable_end(theirs());
    run(100);
    read_text(ours(), "answer");
    assert_reads(ours(), TH_EOF);

    size_t taken;
    assert_int_equal(th_reliable_write(ours(), pair.now, th_bytes_of("x"), &taken), TH_INVALID);
    th_reliable_release(ours(), pair.now);
    th_reliable_release(theirs(), pair.now);
    run(TH_REL_LINGER_MS);
    assert_true(th_reliable_is_over(ours(), pair.now));
    assert_true(th_reliable_is_over(theirs(), pair.now));
    pair_end(&pair);
}

static void err_ends_both_sides_at_once_and_says_why(void **state)
{
    (void)state;
    begin(false);
    write_text(ours(), "hello");
    run(100);

    th_reliable_reset(theirs(), pair.now, "no room");
    assert_reads(theirs(), TH_CANCELLED);
    run(100);
    assert_reads(ours(), TH_GONE);
    assert_string_equal(th_reliable_err(ours()), "no room");
    assert_string_equal(th_reliable_err(theirs()), "");
    th_reliable_release(ours(), pair.now);
    assert_true(th_reliable_is_over(ours(), pair.now));
    pair_end(&pair);
}

static void err_as_the_first_answer_is_a_refusal(void **state)
{
    (void)state;
    begin(false);
    th_reliable_reset(theirs(), pair.now, "unknown type");
    run(100);
    assert_reads(ours(), TH_REFUSED);
    pair_end(&pair);
}

static void err_that_was_lost_is_said_again_to_who_goes_on_talking(void **state)
{
    (void)state;
    struct th_relpkt packet;
    const struct th_relpkt content = {.has_seq = true, .seq = 0, .has_max = true, .max = 64};
    begin(false);

    th_reliable_reset(theirs(), pair.now, "closed");
    assert_true(next_packet(theirs(), &packet)); /* and is lost */
    assert_int_equal(hand(theirs(), content), TH_DROP_CHANNEL_CLOSED);
    assert_false(next_packet(theirs(), &packet)); /* not each time */
    pair.now.mono += TH_REL_ERR_MS;
    assert_int_equal(hand(theirs(), content), TH_DROP_CHANNEL_CLOSED);
    assert_true(next_packet(theirs(), &packet));
    assert_string_equal(packet.err, "closed");
    assert_int_equal(hand(theirs(), (struct th_relpkt){.err = "gone"}), TH_DROP_CHANNEL_CLOSED);
    assert_false(next_packet(theirs(), &packet)); /* two that are closed fall silent */
    pair_end(&pair);
}

static void silence_ends_it_on_both_sides(void **state)
{
    (void)state;
    begin(false);
    write_text(ours(), "hello");
    run(100);
    assert_int_equal(th_reliable_why(ours()), TH_OK);

    pair.faults.loss = 1000;
    run(TH_REL_SILENCE_MS + TH_REL_KEEP_MS);
    assert_reads(ours(), TH_TIMED_OUT);
    read_text(theirs(), "hello");
    assert_reads(theirs(), TH_TIMED_OUT);
    pair_end(&pair);
}

/* It was over after ten seconds, while the other side, which had moved, was to be heard again within 25. */
static void first_answer_has_half_a_minute(void **state)
{
    (void)state;
    begin(false);
    write_text(ours(), "hello");
    pair.faults.loss = 1000;
    run(TH_REL_OPEN_MS - 2 * TH_REL_PROBE_MAX_MS);
    pair.faults.loss = 0;
    run(2 * TH_REL_PROBE_MAX_MS - 1);
    read_text(theirs(), "hello");
    assert_int_equal(th_reliable_why(ours()), TH_OK);
    pair_end(&pair);

    begin(false);
    pair.faults.loss = 1000;
    run(TH_REL_OPEN_MS + 1000);
    assert_reads(ours(), TH_TIMED_OUT);
    pair_end(&pair);
}

static void idle_channel_is_kept_alive(void **state)
{
    (void)state;
    begin(false);
    write_text(ours(), "hello");
    run(10 * TH_REL_SILENCE_MS);
    write_text(theirs(), "still here");
    run(100);
    read_text(ours(), "still here");
    pair_end(&pair);
}

static void what_was_written_before_the_release_arrives_with_its_end(void **state)
{
    (void)state;
    begin(false);
    write_text(ours(), "last words");
    th_reliable_release(ours(), pair.now);
    run(50);
    read_text(theirs(), "last words");
    assert_reads(theirs(), TH_EOF);
    write_text(theirs(), "to nobody");
    run(100);
    assert_int_equal(th_reliable_why(theirs()), TH_GONE);
    pair_end(&pair);
}

static void acknowledgement_of_what_was_never_sent_is_dropped(void **state)
{
    (void)state;
    struct th_relpkt packet;
    begin(false);
    assert_true(next_packet(ours(), &packet));

    assert_int_equal(hand(ours(), (struct th_relpkt){.has_ack = true, .ack = 1}),
                     TH_DROP_STREAM_ACK);
    struct th_relpkt runs = {.has_max = true, .max = 64, .got_count = 1, .got = {{1, 1}}};
    assert_int_equal(hand(ours(), runs), TH_DROP_STREAM_ACK);
    assert_int_equal(hand(ours(), (struct th_relpkt){.has_ack = true, .ack = UINT32_MAX}),
                     TH_DROP_STREAM_ACK);
    assert_int_equal(hand(ours(), (struct th_relpkt){.has_ack = true, .ack = 0}), TH_DROP_NONE);
    pair_end(&pair);
}

static void repeats_and_what_is_beyond_credit_or_end_are_dropped(void **state)
{
    (void)state;
    struct th_relpkt one = {.has_seq = true, .has_max = true, .max = 64};
    begin(false);

    assert_int_equal(hand(theirs(), one), TH_DROP_NONE);
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_REPEAT);
    one.seq = 1 + TH_REL_WINDOW_FIRST; /* the empty one was read: 1 more credit */
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    one.seq = 5;
    one.end = true;
    assert_int_equal(hand(theirs(), one), TH_DROP_NONE);
    one.seq = 6;
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    one.seq = 4; /* a second end */
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    one.seq = UINT32_MAX;
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    pair_end(&pair);
}

static void type_goes_along_until_something_was_acknowledged(void **state)
{
    (void)state;
    struct th_relpkt packet;
    begin(false);
    write_text(ours(), "a");
    assert_true(next_packet(ours(), &packet));
    assert_string_equal(packet.type, "_test");
    write_text(ours(), "b");
    assert_true(next_packet(ours(), &packet));
    assert_int_equal(packet.seq, 1);
    assert_string_equal(packet.type, "_test");
    assert_int_equal(hand(ours(), (struct th_relpkt){.has_ack = true, .ack = 1}), TH_DROP_NONE);
    write_text(ours(), "c");
    assert_true(next_packet(ours(), &packet));
    assert_string_equal(packet.type, "");
    pair_end(&pair);
}

/* protocol.md 5: the window of the C switch, and the specification's pause. */
static void answer_to_a_probe_does_not_measure_what_was_sent_before_it(void **state)
{
    (void)state;
    struct th_relpkt packet;
    struct th_relpkt all = {.has_ack = true, .ack = 3, .has_max = true, .max = 64};
    begin(false);
    write_text(ours(), "first");
    run(100);
    uint32_t before = pair.end[0].way.srtt_us;

    for (uint32_t seq = 1; seq <= 3; seq++) { /* these arrive, and their acknowledgements do not */
        write_text(ours(), "more");
        assert_true(next_packet(ours(), &packet));
        assert_int_equal(packet.seq, seq);
    }
    pair.now.mono = th_reliable_deadline(ours(), pair.now);
    th_reliable_tick(ours(), pair.now);
    while (next_packet(ours(), &packet)) /* probes: the first and the last of them */
        assert_int_not_equal(packet.seq, 2);
    pair.now.mono += 20;
    assert_int_equal(hand(ours(), all), TH_DROP_NONE);
    assert_int_equal(pair.end[0].way.srtt_us, before);
    pair_end(&pair);
}

static void foreign_peer_gets_32_packets_and_each_again_once_a_second(void **state)
{
    (void)state;
    static uint8_t bytes[60000];
    struct th_relpkt packet, miss = {.has_ack = true, .ack = 0, .miss_count = 1, .miss = {1}};
    size_t taken;
    unsigned count = 0;
    begin(true);
    assert_int_equal(
        th_reliable_write(ours(), pair.now, (struct th_bytes){bytes, sizeof bytes}, &taken), TH_OK);
    pair.end[0].way.window = TH_WAY_WINDOW_MAX;
    while (next_packet(ours(), &packet))
        count++;
    assert_int_equal(count, TH_REL_FOREIGN_OUT);

    assert_int_equal(hand(ours(), miss), TH_DROP_NONE);
    assert_true(next_packet(ours(), &packet)); /* at once the first time */
    assert_int_equal(packet.seq, 1);
    assert_true(next_packet(ours(), &packet)); /* and one more, as one is acknowledged */
    assert_int_equal(packet.seq, TH_REL_FOREIGN_OUT);
    for (unsigned i = 0; i < 9; i++) {
        pair.now.mono += 100;
        assert_int_equal(hand(ours(), miss), TH_DROP_NONE);
        assert_false(next_packet(ours(), &packet));
    }
    pair.now.mono += 100;
    assert_int_equal(hand(ours(), miss), TH_DROP_NONE);
    assert_true(next_packet(ours(), &packet));
    assert_int_equal(packet.seq, 1);
    pair_end(&pair);
}

static void foreign_peer_is_told_what_was_read_and_what_is_missing(void **state)
{
    (void)state;
    struct th_relpkt one = {.has_seq = true, .body = {(const uint8_t *)"x", 1}}, packet;
    begin(true);
    assert_int_equal(hand(theirs(), one), TH_DROP_NONE);
    one.seq = 3;
    assert_int_equal(hand(theirs(), one), TH_DROP_NONE);

    assert_true(next_packet(theirs(), &packet));
    assert_false(packet.has_ack || packet.has_seq || packet.got_count > 0);
    assert_int_equal(packet.miss_count, 2);
    assert_int_equal(packet.miss[0], 1);
    assert_int_equal(packet.miss[1], 2);
    read_text(theirs(), "x");
    assert_true(next_packet(theirs(), &packet));
    assert_true(packet.has_ack);
    assert_int_equal(packet.ack, 0);
    one.seq = TH_REL_FOREIGN_IN + 50; /* dropped, but asked for as far as there is room */
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    assert_true(next_packet(theirs(), &packet));
    assert_int_equal(packet.miss_count, TH_REL_FOREIGN_IN - 1);
    pair_end(&pair);
}

static void acknowledgement_comes_within_a_second(void **state)
{
    (void)state;
    struct th_relpkt packet;
    begin(true);
    assert_int_equal(hand(theirs(), (struct th_relpkt){.has_seq = true}), TH_DROP_NONE);
    th_ms begin_at = pair.now.mono;
    while (!next_packet(theirs(), &packet)) {
        pair.now.mono = th_reliable_deadline(theirs(), pair.now);
        th_reliable_tick(theirs(), pair.now);
    }
    assert_int_equal(packet.ack, 0);
    assert_true(pair.now.mono - begin_at <= TH_REL_FOREIGN_ACK_MS);
    pair_end(&pair);
}

static void end_that_a_foreign_peer_has_is_the_end(void **state)
{
    (void)state;
    begin(true);
    th_reliable_end(ours());
    run(100);
    assert_reads(ours(), TH_AGAIN);
    run(TH_REL_FOREIGN_SILENCE_MS);
    assert_reads(ours(), TH_EOF);
    pair_end(&pair);
}

static void move_to_another_way_begins_slowly_and_loses_nothing(void **state)
{
    (void)state;
    static uint8_t bytes[200000];
    uint64_t got = 0, sent = 0;
    size_t len;
    begin(false);
    pair.end[0].way.window = TH_WAY_WINDOW_MAX;
    for (unsigned turn = 0; got < sizeof bytes; turn++) {
        if (sent < sizeof bytes &&
            th_reliable_write(ours(), pair.now,
                              (struct th_bytes){bytes + sent, sizeof bytes - sent}, &len) == TH_OK)
            sent += len;
        if (turn == 20) {
            while (pair.pipe[0].count > 0)
                th_mem_free(pipe_pop(&pair.pipe[0]).bytes); /* the old way is gone */
            th_congestion_on_moved(&pair.end[0].way, pair.now);
            th_reliable_on_moved(ours(), pair.now);
            assert_int_equal(pair.end[0].way.window, TH_WAY_WINDOW_FIRST);
        }
        while (th_reliable_read(theirs(), pair.now, bytes, 1000, &len) == TH_OK)
            got += len;
        pair_turn(&pair);
    }
    pair_end(&pair);
}

/* Whatever a peer says, nothing breaks, and what is held is bounded. */
static void hostile_peer_gets_nothing_but_its_window(void **state)
{
    (void)state;
    static uint8_t body[1000];
    struct th_relpkt packet;
    struct th_reliable_look look;
    unsigned drops = 0, reads = 0;
    begin(false);

    for (unsigned i = 0; i < 200000; i++) {
        uint32_t near = (uint32_t)th_rng_below(&rng, 3000);
        memset(&packet, 0, sizeof packet);
        packet.c = 1;
        packet.has_seq = th_rng_below(&rng, 4) > 0;
        packet.seq = th_rng_below(&rng, 20) ? near : (uint32_t)th_rng_u64(&rng);
        packet.has_ack = th_rng_below(&rng, 2);
        packet.ack = (uint32_t)th_rng_below(&rng, 8);
        packet.has_max = th_rng_below(&rng, 2);
        packet.max = (uint32_t)th_rng_u64(&rng);
        packet.end = th_rng_below(&rng, 2000) == 0;
        packet.got_count = th_rng_below(&rng, 10) == 0;
        packet.got[0] =
            (struct th_run){packet.ack + 2, packet.ack + 2 + (uint32_t)th_rng_below(&rng, 4)};
        packet.miss_count = th_rng_below(&rng, 10) == 0;
        packet.miss[0] = (uint32_t)th_rng_below(&rng, 20);
        packet.body = (struct th_bytes){body, th_rng_below(&rng, sizeof body)};
        drops += th_reliable_on_packet(theirs(), pair.now, &packet) != TH_DROP_NONE;

        uint8_t out[TH_CHANPKT_MAX];
        size_t len;
        const struct th_bytes bytes = {body, sizeof body};
        if (i % 7 == 0 && th_reliable_write(theirs(), pair.now, bytes, &len) == TH_INVALID)
            fail();
        while (th_reliable_next(theirs(), pair.now, out, sizeof out, &len))
            continue;
        if (i % 50 == 0 && th_reliable_read(theirs(), pair.now, out, sizeof out, &len) == TH_OK)
            reads++;
        pair.now.mono += th_rng_below(&rng, 3);
        th_reliable_tick(theirs(), pair.now);
        th_reliable_look(theirs(), &look);
        assert_true(look.waiting <= TH_REL_SEND_MAX);
        assert_true(look.unread <= (uint64_t)look.window * sizeof body);
    }
    assert_true(drops > 0 && reads > 0);
    pair_end(&pair);
}

static void memory_that_is_refused_is_a_packet_that_was_lost(void **state)
{
    (void)state;
    struct th_relpkt one = {
        .has_seq = true, .has_max = true, .max = 64, .body = {(const uint8_t *)"x", 1}};
    size_t taken;
    begin(false);

    th_mem_refuse(1);
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    th_mem_refuse(2);
    assert_int_equal(hand(theirs(), one), TH_DROP_STREAM_BEYOND);
    th_mem_refuse(1);
    assert_int_equal(th_reliable_write(ours(), pair.now, th_bytes_of("x"), &taken), TH_NO_MEMORY);
    th_mem_refuse(0);
    assert_int_equal(hand(theirs(), one), TH_DROP_NONE);
    read_text(theirs(), "x");
    pair_end(&pair);
}

/* Sends a channel so many packets as fast as it gives credit, and reads them. */
static uint32_t fill(struct th_reliable *r, uint32_t packets)
{
    static const uint8_t body[100];
    static uint8_t out[TH_CHANPKT_MAX];
    struct th_reliable_look look;
    struct th_relpkt packet;
    size_t len;

    for (uint32_t seq = 0; seq < packets; seq++) {
        packet = (struct th_relpkt){.has_seq = true, .seq = seq, .has_max = true, .max = 64};
        packet.body = (struct th_bytes){body, sizeof body};
        assert_int_equal(hand(r, packet), TH_DROP_NONE);
        assert_int_equal(th_reliable_read(r, pair.now, out, sizeof out, &len), TH_OK);
        while (th_reliable_next(r, pair.now, out, sizeof out, &len))
            continue;
    }
    th_reliable_look(r, &look);
    return look.window;
}

static void windows_beyond_the_first_are_taken_from_what_all_share_and_given_back(void **state)
{
    (void)state;
    enum { MORE = 3 * TH_REL_WINDOW_FIRST };
    struct th_drops drops = {0};
    struct th_credit credit = {.left = MORE, .drops = &drops};
    begin(false);
    const struct th_reliable_config config = {
        .c = 1, .type = "_t", .way = &pair.end[1].way, .credit = &credit};
    struct th_reliable *a = th_reliable_new(&config, pair.now);
    struct th_reliable *b = th_reliable_new(&config, pair.now);

    assert_int_equal(fill(a, 1000), TH_REL_WINDOW_FIRST + MORE);
    assert_int_equal(credit.left, 0);
    uint64_t of_a = drops.n[TH_DROP_STREAM_CREDIT];
    assert_true(of_a > 0);
    assert_int_equal(fill(b, 1000), TH_REL_WINDOW_FIRST);
    assert_true(drops.n[TH_DROP_STREAM_CREDIT] > of_a);

    th_reliable_reset(a, pair.now, "over");
    assert_int_equal(credit.left, MORE);
    th_reliable_free(a);
    th_reliable_free(b);
    assert_int_equal(credit.left, MORE);
    pair_end(&pair);
}

/* The places of the ring below the first unacknowledged packet are those of later ones. */
static void late_list_of_what_is_missing_says_nothing_of_later_packets(void **state)
{
    (void)state;
    static const uint8_t bytes[60000];
    struct th_relpkt packet;
    size_t taken;
    uint32_t next = 0;
    unsigned again = 0;
    begin(true);

    assert_int_equal(
        th_reliable_write(ours(), pair.now, (struct th_bytes){bytes, sizeof bytes}, &taken), TH_OK);
    for (unsigned turn = 0; next <= 40; turn++) {
        assert_true(turn < 100);
        while (next_packet(ours(), &packet))
            next = packet.has_seq && packet.seq >= next ? packet.seq + 1 : next;
        hand(ours(), (struct th_relpkt){.has_ack = true, .ack = next < 17 ? next - 1 : 15});
        pair.now.mono += 50;
    }
    hand(ours(), (struct th_relpkt){.has_ack = true, .miss_count = 2, .miss = {1, 10}});

    for (unsigned turn = 0; turn < 20; turn++) {
        pair.now.mono += 300;
        th_reliable_tick(ours(), pair.now);
        while (next_packet(ours(), &packet))
            again += packet.has_seq && packet.seq == 34;
        hand(ours(), (struct th_relpkt){.has_ack = true, .ack = 33, .miss_count = 1, .miss = {34}});
    }
    assert_true(again > 0);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_is_read_after_the_bytes_and_the_other_way_goes_on),
        cmocka_unit_test(err_ends_both_sides_at_once_and_says_why),
        cmocka_unit_test(err_as_the_first_answer_is_a_refusal),
        cmocka_unit_test(err_that_was_lost_is_said_again_to_who_goes_on_talking),
        cmocka_unit_test(silence_ends_it_on_both_sides),
        cmocka_unit_test(first_answer_has_half_a_minute),
        cmocka_unit_test(idle_channel_is_kept_alive),
        cmocka_unit_test(what_was_written_before_the_release_arrives_with_its_end),
        cmocka_unit_test(acknowledgement_of_what_was_never_sent_is_dropped),
        cmocka_unit_test(repeats_and_what_is_beyond_credit_or_end_are_dropped),
        cmocka_unit_test(type_goes_along_until_something_was_acknowledged),
        cmocka_unit_test(answer_to_a_probe_does_not_measure_what_was_sent_before_it),
        cmocka_unit_test(foreign_peer_gets_32_packets_and_each_again_once_a_second),
        cmocka_unit_test(foreign_peer_is_told_what_was_read_and_what_is_missing),
        cmocka_unit_test(acknowledgement_comes_within_a_second),
        cmocka_unit_test(end_that_a_foreign_peer_has_is_the_end),
        cmocka_unit_test(move_to_another_way_begins_slowly_and_loses_nothing),
        cmocka_unit_test(hostile_peer_gets_nothing_but_its_window),
        cmocka_unit_test(memory_that_is_refused_is_a_packet_that_was_lost),
        cmocka_unit_test(windows_beyond_the_first_are_taken_from_what_all_share_and_given_back),
        cmocka_unit_test(late_list_of_what_is_missing_says_nothing_of_later_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/exchange.h"
#include "tests/lib/halves.h"

/* protocol 3: the forger's open has a new line; the honest peer answers on the old one */
static void forged_open_leaves_a_living_line_alone(void **state)
{
    (void)state;
    struct wire w;
    struct other_half forged;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);

    make_half(&forged, &w, 1, 0, w.now.wall + 60000, 0x66);
    wire_deliver(&w, 0, &elsewhere, forged.bytes, forged.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FORGED), 1);
    assert_false(wire_look(&w, 0, 1).is_pending);
    wire_pass(&w, 8000);
    struct th_addr addr = wire_look(&w, 0, 1).addr;
    assert_true(th_addr_is_equal(&addr, &w.addr[1]));
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_look(&w, 0, 1).channels, 1);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
    wire_settle(&w);
    assert_non_null(wire_packet(&w, 1, TH_CHANNEL_SEEK));
    wire_free(&w);
}

/* The forger's open to node 0 in the name of node 1. */
static void forge(struct wire *w, struct other_half *forged, uint8_t n)
{
    make_half(forged, w, 1, 0, w->now.wall + 1000, n);
    th_switchboard_on_datagram(w->board[0], w->now, &elsewhere,
                               (struct th_bytes){forged->bytes, forged->len});
    wire_collect(w, 0);
}

/* The same, and a packet on the line that it offers. */
static void forge_and_speak(struct wire *w, uint8_t n)
{
    struct other_half forged;
    struct th_line_keys keys;
    struct th_open answer;
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    static const uint8_t nothing[2], nonce[TH_LINE_NONCE_BYTES];
    uint8_t datagram[TH_DATAGRAM_SAFE_MAX];
    size_t len;

    forge(w, &forged, n);
    struct flight *sent = &w->flight[0]; /* the answer to the forger comes first */
    assert_int_equal(
        th_open_read(&answer, &w->identity[1], (struct th_bytes){sent->bytes, sent->len}),
        TH_DROP_NONE);
    assert_int_equal(
        cipher->line_keys(&keys, &forged.keys, &answer.line_key, &forged.id, &answer.line), TH_OK);
    assert_int_equal(cipher->line_seal(datagram, sizeof datagram, &len, keys.send, &answer.line,
                                       nonce, (struct th_bytes){nothing, sizeof nothing}),
                     TH_OK);
    wire_deliver(w, 0, &elsewhere, datagram, len);
}

static void fill_with_channels(struct wire *w, enum th_channel_type type, const char *fields)
{
    uint32_t c;

    while (wire_channel(w, 0, 1, type, fields, &c) == TH_OK) {
        wire_settle(w);
        w->seen_count = 0;
    }
}

/* A line full of channels had no room for the challenge, and the forger's half took over. */
static void line_full_of_channels_is_still_challenged(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    fill_with_channels(&w, TH_CHANNEL_LINK, "\"seed\":true");

    forge_and_speak(&w, 0x66);
    wire_pass(&w, TH_PENDING_MS + 1000);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FORGED), 1);
    wire_free(&w);
}

/* protocol 3: silence means something only where there was a question */
static void half_takes_nothing_over_when_the_old_line_could_not_be_challenged(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    join(&w);
    w.is_cut[1] = true;
    fill_with_channels(&w, TH_CHANNEL_PATH, "\"paths\":[]");

    forge_and_speak(&w, 0x66);
    wire_pass(&w, TH_PENDING_MS + 1000);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_PENDING), 1);
    wire_free(&w);
}

/* An open of the peer's, seen once and sent again from many places, took all places for addresses. */
static void addresses_that_only_opens_came_from_push_out_none_that_was_told(void **state)
{
    (void)state;
    struct wire w;
    struct other_half forged;
    uint32_t c;
    wire_init(&w, 3);
    struct th_paths paths = {.count = 2, .addr = {w.addr[1], w.addr[2]}};
    assert_int_equal(th_switchboard_open(w.board[0], w.now, &w.identity[1].hashname,
                                         &w.identity[1].parts, &w.identity[1].keys.pub, &paths),
                     TH_AGAIN);
    wire_settle(&w);
    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(wire_drops(&w, 2, TH_DROP_OPEN_CRYPT), 1);

    for (uint8_t i = 1; i <= 20; i++) {
        struct th_addr from = elsewhere;
        from.ip[3] = i;
        make_half(&forged, &w, 1, 0, w.now.wall + 1000 * i, i);
        wire_deliver(&w, 0, &from, forged.bytes, forged.len);
    }
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FORGED), 20);

    wire_pass(&w, TH_LINE_STALE_MS); /* a packet takes the open along, to all its addresses */
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 2, TH_DROP_OPEN_CRYPT), 2);
    wire_free(&w);
}

static void second_changed_open_is_dropped_while_the_first_is_challenged(void **state)
{
    (void)state;
    struct wire w;
    struct other_half forged;
    wire_init(&w, 2);
    join(&w);
    w.is_cut[1] = true;
    wire_pass(&w, 100);

    make_half(&forged, &w, 1, 0, w.now.wall + 1000, 0x66);
    wire_deliver(&w, 0, &elsewhere, forged.bytes, forged.len);
    assert_true(wire_look(&w, 0, 1).is_pending);
    make_half(&forged, &w, 1, 0, w.now.wall + 2000, 0x67);
    wire_deliver(&w, 0, &elsewhere, forged.bytes, forged.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_PENDING), 1);
    wire_free(&w);
}

static void silence_alone_does_not_let_a_changed_open_take_over(void **state)
{
    (void)state;
    struct wire w;
    struct other_half forged;
    wire_init(&w, 2);
    join(&w);
    w.is_cut[1] = true;

    make_half(&forged, &w, 1, 0, w.now.wall + 1000, 0x66);
    wire_deliver(&w, 0, &elsewhere, forged.bytes, forged.len);
    wire_pass(&w, 20000);

    assert_false(wire_look(&w, 0, 1).is_pending);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    w.is_cut[1] = false;
    uint32_t c;
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
    wire_settle(&w);
    assert_non_null(wire_packet(&w, 1, TH_CHANNEL_SEEK));
    wire_free(&w);
}

static void restarted_peer_takes_over_after_the_old_line_was_silent(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);

    wire_restart(&w, 1, 0x55);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"bb\"", &c), TH_OK);
    wire_settle(&w);

    assert_true(wire_look(&w, 1, 0).is_up);
    assert_true(wire_look(&w, 0, 1).is_pending);
    assert_null(wire_packet(&w, 0, TH_CHANNEL_SEEK));
    wire_pass(&w, TH_CHALLENGE_SILENCE_MS + 10);
    assert_false(wire_look(&w, 0, 1).is_pending);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 1);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_UP), 2);
    const struct seen *kept = wire_packet(&w, 0, TH_CHANNEL_SEEK);
    assert_non_null(kept);
    assert_int_equal(kept->action.channel.id, c);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"cc\"", &c), TH_OK);
    wire_settle(&w);
    assert_non_null(wire_packet(&w, 1, TH_CHANNEL_SEEK));
    wire_free(&w);
}

/* One that was killed twice in a row waited until the half of the first kill was forgotten. */
static void peer_that_restarts_again_takes_over_from_a_half_that_never_spoke(void **state)
{
    (void)state;
    struct wire w;
    struct other_half first;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);
    make_half(&first, &w, 1, 0, w.now.wall + 1, 0x54);
    w.is_cut[1] = true;
    wire_deliver(&w, 0, &w.addr[1], first.bytes, first.len);
    assert_true(wire_look(&w, 0, 1).is_pending);
    w.is_cut[1] = false;

    wire_pass(&w, 50);
    wire_restart(&w, 1, 0x55);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_PENDING), 1);
    wire_pass(&w, 4500); /* the third open comes 3 s after the first, up to a quarter later */

    assert_true(wire_look(&w, 1, 0).is_up);
    assert_false(wire_look(&w, 0, 1).is_pending);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 1);
    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_UP), 2);
    wire_free(&w);
}

/* The peer is away while it is challenged, and comes back. Newer opens that each follow the one before
 * it are to get nothing by that. */
static void assert_forger_who_goes_on_gets_nothing(bool peer_talks)
{
    struct wire w;
    struct other_half forged;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);
    w.is_cut[1] = true;
    forge(&w, &forged, 0x60);
    wire_pass(&w, 2600);
    w.is_cut[1] = false;

    for (uint8_t i = 1; i < 10; i++) {
        wire_pass(&w, 2000);
        if (peer_talks)
            assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
        wire_pass(&w, 4000);
        if (i < 9)
            forge(&w, &forged, (uint8_t)(0x60 + i));
    }
    forge_and_speak(&w, 0x70);
    wire_pass(&w, TH_PENDING_MS);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    assert_true(wire_drops(&w, 0, TH_DROP_OPEN_FORGED) >= 2);
    struct th_addr addr = wire_look(&w, 0, 1).addr;
    assert_true(th_addr_is_equal(&addr, &w.addr[1]));
    wire_free(&w);
}

static void line_that_spoke_after_its_challenges_is_asked_again(void **state)
{
    (void)state;
    assert_forger_who_goes_on_gets_nothing(true);
}

static void challenges_are_not_good_for_every_open_that_follows(void **state)
{
    (void)state;
    assert_forger_who_goes_on_gets_nothing(false);
}

/* Without a further open: what spoke after the last challenge is asked again before it is taken. */
static void silence_after_a_sign_of_life_is_no_answer(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);
    w.is_cut[1] = true;
    forge_and_speak(&w, 0x66);
    wire_pass(&w, 2600);
    w.is_cut[1] = false;
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
    wire_settle(&w);

    wire_pass(&w, TH_PENDING_MS + 1000);

    assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_FORGED), 1);
    wire_free(&w);
}

/* Who did not speak may only be followed by a newer one: an old open that is sent again is none. */
static void open_that_is_not_newer_does_not_follow_a_half_that_never_spoke(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half;
    wire_init(&w, 2);
    join(&w);
    w.is_cut[1] = true;
    make_half(&half, &w, 1, 0, w.now.wall + 1000, 0x66);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);
    wire_pass(&w, TH_CHALLENGE_SILENCE_MS + 10);

    make_half(&half, &w, 1, 0, w.now.wall - 2500, 0x67);
    wire_deliver(&w, 0, &elsewhere, half.bytes, half.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_OLD), 1);
    assert_true(wire_look(&w, 0, 1).is_pending);
    wire_free(&w);
}

static void only_so_many_packets_are_kept_for_a_pending_line(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    wire_pass(&w, 5000);
    wire_restart(&w, 1, 0x55);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);

    for (int i = 0; i < 20; i++)
        assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"bb\"", &c), TH_OK);
    wire_settle(&w);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_LINE_PENDING), 4);
    wire_free(&w);
}

static void same_line_id_with_a_new_line_key_is_dropped(void **state)
{
    (void)state;
    struct wire w;
    struct other_half half, other;
    wire_init(&w, 2);
    join(&w);
    make_half(&half, &w, 1, 0, w.now.wall + 10, 0x66);
    /* the line id of node 1 as node 0 knows it is at the front of what node 0 sends to it */
    struct th_line_id id;
    uint32_t c;
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"aa\"", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(th_line_read_id(&id, (struct th_bytes){w.last[0].bytes, w.last[0].len}),
                     TH_DROP_NONE);
    other = half;
    assert_int_equal(th_open_write(other.bytes, sizeof other.bytes, &other.len,
                                   th_cipher_find(TH_CS3A), &w.identity[1], &half.keys, &id,
                                   w.now.wall + 10, &w.identity[0].hashname,
                                   &w.identity[0].keys.pub),
                     TH_OK);

    wire_deliver(&w, 0, &elsewhere, other.bytes, other.len);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_SAME_ID), 1);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_open_leaves_a_living_line_alone),
        cmocka_unit_test(line_full_of_channels_is_still_challenged),
        cmocka_unit_test(half_takes_nothing_over_when_the_old_line_could_not_be_challenged),
        cmocka_unit_test(addresses_that_only_opens_came_from_push_out_none_that_was_told),
        cmocka_unit_test(second_changed_open_is_dropped_while_the_first_is_challenged),
        cmocka_unit_test(silence_alone_does_not_let_a_changed_open_take_over),
        cmocka_unit_test(restarted_peer_takes_over_after_the_old_line_was_silent),
        cmocka_unit_test(peer_that_restarts_again_takes_over_from_a_half_that_never_spoke),
        cmocka_unit_test(line_that_spoke_after_its_challenges_is_asked_again),
        cmocka_unit_test(challenges_are_not_good_for_every_open_that_follows),
        cmocka_unit_test(silence_after_a_sign_of_life_is_no_answer),
        cmocka_unit_test(open_that_is_not_newer_does_not_follow_a_half_that_never_spoke),
        cmocka_unit_test(only_so_many_packets_are_kept_for_a_pending_line),
        cmocka_unit_test(same_line_id_with_a_new_line_key_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

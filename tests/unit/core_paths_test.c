#include "switch/core/board.h"
#include "tests/lib/introduce.h"
#include "tests/lib/raw_peer.h"

static struct th_addr addr_of(unsigned n)
{
    return (struct th_addr){.ip = {192, 0, 2, (uint8_t)n}, .port = 7, .family = TH_FAMILY_IPV4};
}

static struct th_addr relay(void)
{
    return (struct th_addr){.ip = {1}, .family = TH_FAMILY_RELAY};
}

static struct th_now at(th_ms mono)
{
    return (struct th_now){.mono = mono, .wall = 1400000000000 + (th_epoch_ms)mono};
}

static bool is_used(struct th_exchange_paths *paths, const struct th_addr *addr)
{
    const struct th_exchange_path *used = th_exchange_paths_used(paths);

    return used && th_addr_is_equal(&used->addr, addr);
}

/* A request goes to this address alone and is answered later. */
static bool answer(struct th_exchange_paths *paths, const struct th_addr *addr, th_ms asked,
                   th_ms answered)
{
    struct th_exchange_path *path = th_exchange_paths_find(paths, addr);

    path->probe = 77;
    path->probed_at = th_exchange_path_time(at(asked));
    return th_exchange_paths_on_answer(paths, 77, at(answered));
}

/* --- the choice ------------------------------------------------------------------------------------- */

static void address_in_use_stays_while_it_is_heard(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr a = addr_of(1), b = addr_of(2);
    th_exchange_paths_init(&paths, at(0));

    assert_true(th_exchange_paths_on_proof(&paths, &a, at(1000)));
    assert_false(th_exchange_paths_on_proof(&paths, &b, at(1000 + TH_PATH_LOYAL_MS - 1)));
    assert_true(is_used(&paths, &a));
    assert_true(th_exchange_paths_on_proof(&paths, &b, at(1000 + TH_PATH_LOYAL_MS)));
    assert_true(is_used(&paths, &b));
    th_exchange_paths_clear(&paths);
}

static void direct_way_goes_before_a_bridge_and_a_bridge_before_a_relay_once_answered(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr r = relay(), b = addr_of(1), d = addr_of(2);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &r, at(1000));
    assert_true(th_exchange_paths_want_better(&paths));

    assert_false(th_exchange_paths_on_proof(&paths, &b, at(1100)));
    th_exchange_paths_find(&paths, &b)->is_bridge = true;
    assert_true(answer(&paths, &b, 1100, 1200));
    assert_true(is_used(&paths, &b) && th_exchange_paths_want_better(&paths));
    assert_false(th_exchange_paths_on_proof(&paths, &d, at(1300)));
    assert_true(is_used(&paths, &b));
    assert_true(answer(&paths, &d, 1300, 1400));
    assert_true(is_used(&paths, &d) && !th_exchange_paths_want_better(&paths));

    /* back to a lesser one only after the better was silent for long */
    assert_false(th_exchange_paths_on_proof(&paths, &r, at(1300 + TH_PATH_LOST_MS - 1)));
    assert_true(th_exchange_paths_on_proof(&paths, &r, at(1300 + TH_PATH_LOST_MS)));
    th_exchange_paths_clear(&paths);
}

static void answer_from_an_address_that_nothing_comes_from_is_not_enough(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr r = relay(), d = addr_of(2);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &r, at(1000));
    assert_non_null(th_exchange_paths_add(&paths, &d, at(1000)));

    assert_false(answer(&paths, &d, 1100, 1200)); /* the answer came by the relay */
    assert_true(is_used(&paths, &r));
    assert_true(th_exchange_paths_on_proof(&paths, &d, at(1300)));
    assert_true(is_used(&paths, &d));
    th_exchange_paths_clear(&paths);
}

static void much_quicker_address_of_the_same_kind_is_used(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr a = addr_of(1), b = addr_of(2);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &a, at(1000));
    answer(&paths, &a, 1000, 1100);
    th_exchange_paths_on_proof(&paths, &b, at(1110));

    assert_false(answer(&paths, &b, 1110, 1200)); /* 90 ms instead of 100 are no reason */
    assert_true(answer(&paths, &b, 1210, 1220));
    assert_true(is_used(&paths, &b));
    th_exchange_paths_clear(&paths);
}

static void relays_bridges_and_what_the_peer_named_go_with_the_line(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr r = relay(), b = addr_of(1), named = addr_of(2), good = addr_of(3);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_add(&paths, &r, at(1000))->is_told = true;
    th_exchange_paths_add(&paths, &b, at(1000))->is_told = true;
    th_exchange_paths_find(&paths, &b)->is_bridge = true;
    th_exchange_paths_add(&paths, &named, at(1000))->is_named = true;
    th_exchange_paths_on_proof(&paths, &good, at(1000));

    th_exchange_paths_on_end(&paths);

    assert_int_equal(paths.count, 1);
    assert_true(th_exchange_paths_at(&paths, 0)->is_told &&
                !th_exchange_paths_at(&paths, 0)->is_proven);
    assert_true(th_addr_is_equal(&th_exchange_paths_at(&paths, 0)->addr, &good));
    th_exchange_paths_clear(&paths);
}

static void best_of_the_others_takes_the_place_of_one_that_is_taken_out(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr r = relay(), a = addr_of(1), b = addr_of(2);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &a, at(1000));
    th_exchange_paths_on_proof(&paths, &b, at(1300));
    th_exchange_paths_on_proof(&paths, &r, at(1400));

    assert_true(th_exchange_paths_remove(&paths, &a, at(2000)));
    assert_true(is_used(&paths, &b));
    assert_false(th_exchange_paths_remove(&paths, &r, at(2000)));
    assert_true(th_exchange_paths_remove(&paths, &b, at(2000)));
    assert_int_equal(paths.used, -1);
    assert_false(th_exchange_paths_remove(&paths, &b, at(2000)));
    th_exchange_paths_clear(&paths);
}

/* Of 24 days and more a difference of two times had the wrong sign, for as long again. */
static void one_that_was_heard_a_month_ago_does_not_go_before_one_of_now(void **state)
{
    (void)state;
    enum { MONTH_S = 30 * 86400 };
    const th_ms later = (th_ms)MONTH_S * 1000;
    struct th_exchange_paths paths;
    struct th_addr old = addr_of(1), good = addr_of(2), gone = addr_of(3);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &old, at(1000));
    th_exchange_paths_on_proof(&paths, &good, at(later - 5000));
    th_exchange_paths_on_proof(&paths, &gone, at(later - 2000));
    assert_true(is_used(&paths, &gone));

    assert_true(th_exchange_paths_remove(&paths, &gone, at(later)));
    assert_true(is_used(&paths, &good));
    th_exchange_paths_clear(&paths);
}

/* --- room for them ---------------------------------------------------------------------------------- */

static struct th_addr relay_of(unsigned n)
{
    return (struct th_addr){.ip = {(uint8_t)n}, .family = TH_FAMILY_RELAY};
}

/* It was twice the places that a list had when one was taken out, up to fourteen. */
static void places_are_limited_whatever_was_taken_out(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr gone = addr_of(1);
    th_exchange_paths_init(&paths, at(0));
    for (unsigned n = 1; n <= 4; n++) {
        struct th_addr addr = addr_of(n);
        assert_non_null(th_exchange_paths_add(&paths, &addr, at(n)));
    }
    th_exchange_paths_remove(&paths, &gone, at(2000));

    for (unsigned n = 10; n < 40; n++) {
        struct th_addr addr = addr_of(n);
        assert_non_null(th_exchange_paths_add(&paths, &addr, at(n)));
    }

    assert_int_equal(paths.count, TH_EXCHANGE_PATHS_MAX);
    th_exchange_paths_clear(&paths);
}

/* Two that meet by a bridge after a move were introduced often: their relays pushed out the address at
 * which they could have met. */
static void relays_that_are_not_in_use_go_before_addresses(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr told = addr_of(1), named = addr_of(2), newest = relay_of(99);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_add(&paths, &told, at(1000))->is_told = true;
    th_exchange_paths_add(&paths, &named, at(1000))->is_named = true;

    for (unsigned n = 1; n <= 20; n++) {
        struct th_addr r = relay_of(n);
        th_exchange_paths_add(&paths, &r, at(2000 + n))->is_told = true;
        th_exchange_paths_on_proof(&paths, &r, at(2000 + n));
    }
    th_exchange_paths_add(&paths, &newest, at(3000))->is_told = true;

    assert_non_null(th_exchange_paths_find(&paths, &told));
    assert_non_null(th_exchange_paths_find(&paths, &named));
    assert_non_null(th_exchange_paths_find(&paths, &newest));
    assert_non_null(th_exchange_paths_used(&paths));
    th_exchange_paths_clear(&paths);
}

/* From number `first` on, as many as there are places, each asked and answered. */
static void hear_relays(struct th_exchange_paths *paths, unsigned first)
{
    for (unsigned n = first; n < TH_EXCHANGE_PATHS_MAX; n++) {
        struct th_addr r = relay_of(n);
        th_exchange_paths_on_proof(paths, &r, at(1000));
        answer(paths, &r, 1000, 1000);
    }
}

/* Of two nodes of one home, which everybody introduced, each packet pushed out a relay, and that by which
 * the answer to the next one came: they asked each other 20 times a second, for ever. */
static void relays_that_are_heard_make_no_room_for_others(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr other = relay_of(99), first = relay_of(1);
    th_exchange_paths_init(&paths, at(0));
    for (unsigned n = 0; n < TH_EXCHANGE_PATHS_MAX; n++) {
        struct th_addr r = relay_of(n);
        th_exchange_paths_on_proof(&paths, &r, at(1000));
        if (n > 0)
            th_exchange_paths_find(&paths, &r)->probed_at = th_exchange_path_time(at(1000));
    }

    th_exchange_paths_on_proof(&paths, &other, at(1000 + TH_PATH_ASKED_MS - 1));
    assert_null(th_exchange_paths_find(&paths, &other));
    for (unsigned n = 0; n < TH_EXCHANGE_PATHS_MAX; n++) {
        struct th_addr r = relay_of(n);
        th_exchange_paths_on_proof(&paths, &r, at(5000));
        answer(&paths, &r, 1000, 5000);
    }
    th_exchange_paths_on_proof(&paths, &other, at(5000 + TH_PATH_SPARE_MS - 1));
    assert_null(th_exchange_paths_find(&paths, &other));

    th_exchange_paths_on_proof(&paths, &other, at(5000 + TH_PATH_SPARE_MS)); /* they may be gone */
    assert_non_null(th_exchange_paths_find(&paths, &other));
    assert_null(th_exchange_paths_find(&paths, &first));
    th_exchange_paths_clear(&paths);
}

/* One that was asked and did not answer in time, by which opens come yet: noted last, it goes first. */
static void relay_that_is_not_heard_goes_before_those_that_are(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr used = addr_of(1), dead = relay_of(50), other = relay_of(99);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &used, at(1000));
    answer(&paths, &used, 1000, 1000);
    hear_relays(&paths, 2);
    struct th_exchange_path *told = th_exchange_paths_add(&paths, &dead, at(5000));
    told->is_told = true;
    told->probed_at = th_exchange_path_time(at(1000));
    th_exchange_paths_on_proof(&paths, &used, at(4999));

    th_exchange_paths_on_proof(&paths, &other, at(1000 + TH_PATH_ASKED_MS));

    assert_non_null(th_exchange_paths_find(&paths, &other));
    assert_null(th_exchange_paths_find(&paths, &dead));
    assert_true(is_used(&paths, &used));
    th_exchange_paths_clear(&paths);
}

/* Else the line would be deaf, for seven that were heard a moment ago, to the only one by which the peer is. */
static void any_relay_is_taken_when_the_address_in_use_is_in_doubt(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr other = relay_of(99);
    th_exchange_paths_init(&paths, at(0));
    hear_relays(&paths, 0);
    assert_false(th_exchange_paths_on_proof(&paths, &other, at(1001)));

    th_exchange_paths_doubt_used(&paths);

    assert_true(th_exchange_paths_on_proof(&paths, &other, at(1002)));
    assert_true(is_used(&paths, &other));
    th_exchange_paths_clear(&paths);
}

/* An introduction begins with an open, for which there is a way back. */
static void relay_of_an_open_finds_room_always(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr other = relay_of(99);
    th_exchange_paths_init(&paths, at(0));
    hear_relays(&paths, 0);

    assert_non_null(th_exchange_paths_add(&paths, &other, at(1001)));
    assert_false(th_exchange_paths_on_proof(&paths, &other, at(1002)));
    assert_true(th_exchange_paths_find(&paths, &other)->is_proven);
    th_exchange_paths_clear(&paths);
}

/* One open of the peer's, sent again from made-up addresses, pushed out the relay to it. */
static void relay_stays_before_addresses_that_only_opens_came_from(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr used = addr_of(1), r = relay(), named = addr_of(2);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_on_proof(&paths, &used, at(1000));
    th_exchange_paths_add(&paths, &r, at(1000))->is_told = true;
    th_exchange_paths_add(&paths, &named, at(1000))->is_named = true;

    for (unsigned n = 10; n < 30; n++) {
        struct th_addr junk = addr_of(n);
        assert_non_null(th_exchange_paths_add(&paths, &junk, at(2000 + n)));
    }

    assert_non_null(th_exchange_paths_find(&paths, &r));
    assert_non_null(th_exchange_paths_find(&paths, &named));
    th_exchange_paths_clear(&paths);
}

/* The newest may be where the peer has moved to; nothing has come from there yet. */
static void address_that_was_told_last_stays_before_those_that_were_heard_long_ago(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr told = addr_of(100), next = addr_of(101);
    th_exchange_paths_init(&paths, at(0));
    for (unsigned n = 1; n < TH_EXCHANGE_PATHS_MAX; n++) {
        struct th_addr addr = addr_of(n);
        th_exchange_paths_on_proof(&paths, &addr, at(1000 * n));
    }
    th_exchange_paths_add(&paths, &told, at(60000))->is_told = true;

    th_exchange_paths_add(&paths, &next, at(61000))->is_told = true;

    struct th_addr oldest = addr_of(1);
    assert_non_null(th_exchange_paths_find(&paths, &told));
    assert_non_null(th_exchange_paths_find(&paths, &next));
    assert_null(th_exchange_paths_find(&paths, &oldest));
    th_exchange_paths_clear(&paths);
}

static void address_of_a_month_ago_goes_before_those_of_now(void **state)
{
    (void)state;
    const th_ms later = (th_ms)30 * 86400 * 1000;
    struct th_exchange_paths paths;
    struct th_addr old = addr_of(100);
    th_exchange_paths_init(&paths, at(0));
    th_exchange_paths_add(&paths, &old, at(1000))->is_told = true;

    for (unsigned n = 1; n <= TH_EXCHANGE_PATHS_MAX; n++) {
        struct th_addr addr = addr_of(n);
        th_exchange_paths_add(&paths, &addr, at(later + n))->is_told = true;
    }

    assert_null(th_exchange_paths_find(&paths, &old));
    th_exchange_paths_clear(&paths);
}

/* --- on the wire ------------------------------------------------------------------------------------ */

static void raw_path(struct raw_peer *raw, struct wire *w, unsigned n, unsigned first,
                     unsigned addrs)
{
    char fields[700], head[800];
    struct th_addr addr[TH_PATHS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);

    for (unsigned i = 0; i < addrs; i++)
        addr[i] = addr_of(first + i);
    th_text_put(&text, "\"type\":\"path\",");
    th_paths_put(&text, addr, addrs);
    raw_send(raw, w, raw_head(raw, w, head, sizeof head, n, fields), (struct th_bytes){0});
}

/* design 7: four new addresses a minute, a packet a second to each. */
static void path_is_answered_where_it_says_for_four_new_addresses_a_minute(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);
    raw_path(&raw, &w, 0, 0, 0);
    int sent = w.sent[0];

    raw_path(&raw, &w, 1, 1, 6);
    assert_int_equal(w.sent[0] - sent, 1 + TH_PATH_NEW_PER_MIN);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_PATH_LIMIT), 2);
    sent = w.sent[0];
    raw_path(&raw, &w, 2, 1, 4);
    assert_int_equal(w.sent[0] - sent, 1); /* where it came from */
    wire_pass(&w, 1000);
    sent = w.sent[0];
    raw_path(&raw, &w, 3, 1, 4);
    assert_int_equal(w.sent[0] - sent, 1 + TH_PATH_NEW_PER_MIN);
    wire_pass(&w, 15000);
    raw_path(&raw, &w, 4, 7, 2);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_PATH_LIMIT), 3);
    wire_free(&w);
}

/* It went as the oldest, though the peer said with each request that it is there. */
static void address_that_is_named_again_is_as_good_as_new(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    struct th_addr first = addr_of(1), second = addr_of(2);
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);
    raw_path(&raw, &w, 0, 1, 1);
    wire_pass(&w, 1000);
    raw_path(&raw, &w, 1, 2, 1);
    wire_pass(&w, 1000);
    raw_path(&raw, &w, 2, 1, 1);

    struct th_exchange *ex = th_board_find(w.board[0], &w.identity[1].hashname);
    const struct th_exchange_path *again = th_exchange_paths_find(&ex->paths, &first);
    const struct th_exchange_path *once = th_exchange_paths_find(&ex->paths, &second);
    assert_non_null(again);
    assert_non_null(once);
    assert_true(again->noted_at == once->noted_at + 1000);
    wire_free(&w);
}

/* A node that moves soon has named as many as it may: its new public address is worth more than the
 * private one that it has everywhere. */
static void public_addresses_are_answered_before_private_ones(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    char head[700];
    struct th_addr public = addr_of(9);
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);
    raw_path(&raw, &w, 0, 1, TH_PATH_NEW_PER_MIN - 1);
    uint64_t limited = wire_drops(&w, 0, TH_DROP_PATH_LIMIT);

    raw_send(&raw, &w,
             raw_head(&raw, &w, head, sizeof head, 1,
                      "\"type\":\"path\",\"paths\":["
                      "{\"type\":\"ipv4\",\"ip\":\"192.168.1.2\",\"port\":9},"
                      "{\"type\":\"ipv4\",\"ip\":\"192.0.2.9\",\"port\":7}]"),
             (struct th_bytes){0});

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PATH_LIMIT), limited + 1);
    assert_true(th_addr_is_equal(&w.last[0].to, &public));
    wire_free(&w);
}

static void nobody_is_sent_to_loopback_or_nowhere(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    char head[300];
    wire_init(&w, 2);
    raw_join(&raw, &w, 1, 0);
    int sent = w.sent[0];

    raw_send(
        &raw, &w,
        raw_head(&raw, &w, head, sizeof head, 0,
                 "\"type\":\"path\",\"paths\":[{\"type\":\"ipv4\",\"ip\":\"127.0.0.1\",\"port\":9},"
                 "{\"type\":\"ipv4\",\"ip\":\"169.254.1.1\",\"port\":9},"
                 "{\"type\":\"ipv4\",\"ip\":\"255.255.255.255\",\"port\":9}]"),
        (struct th_bytes){0});

    assert_int_equal(w.sent[0] - sent, 2); /* the answer, and our request on the new line */
    wire_free(&w);
}

/* Issue 6: addresses and ports change during traffic; no line lost, and each time less than two round
 * trips and a second without packets. */
static void node_that_moves_a_hundred_times_keeps_its_line(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_settle(&w);
    th_ms began = w.now.mono, heard_at = w.now.mono, longest = 0;

    for (unsigned i = 0; i < 100 * 60;
         i++) { /* every 50 ms both say something, every 3 s one moves */
        struct th_chanpkt_out packet = {.c = c, .fields = th_bytes_of("\"seed\":true")};
        if (i % 60 == 30) {
            w.addr[1].port++;
            w.addr[1].ip[3] = (uint8_t)(10 + i % 200);
        }
        w.seen_count = 0;
        for (int node = 0; node < 2; node++)
            assert_int_equal(
                th_switchboard_send(w.board[node], w.now, &w.identity[1 - node].hashname, &packet),
                TH_OK);
        wire_pass(&w, 50);
        assert_int_equal(wire_count(&w, 0, TH_ACTION_LINE_DOWN), 0);
        assert_int_equal(wire_count(&w, 1, TH_ACTION_LINE_DOWN), 0);
        if (wire_packets(&w, 1, TH_CHANNEL_LINK) > 0)
            heard_at = w.now.mono;
        if (w.now.mono - heard_at > longest)
            longest = w.now.mono - heard_at;
    }

    assert_in_range(longest, 1, 1000 + 50);
    assert_int_equal(wire_look(&w, 0, 1).up_ms, w.now.mono - began);
    wire_free(&w);
}

/* Silence, or a new line, made a forged sender one that was told. */
static void address_that_was_only_heard_is_open_once_it_is_told_or_answered(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr a = addr_of(1);
    th_exchange_paths_init(&paths, at(0));

    th_exchange_paths_on_proof(&paths, &a, at(1000));
    assert_false(th_exchange_path_is_open(th_exchange_paths_at(&paths, 0)));
    th_exchange_paths_doubt_used(&paths);
    assert_true(th_exchange_path_may_send(th_exchange_paths_at(&paths, 0),
                                          TH_DATAGRAM_SAFE_MAX)); /* requests, opens */
    assert_false(th_exchange_path_is_open(th_exchange_paths_at(&paths, 0)));
    th_exchange_paths_on_proof(&paths, &a, at(2000));
    th_exchange_paths_on_end(&paths);
    assert_true(th_exchange_paths_at(&paths, 0)->is_told);
    assert_false(th_exchange_path_is_open(th_exchange_paths_at(&paths, 0)));
    answer(&paths, &a, 3000, 3050);
    assert_true(th_exchange_path_is_open(th_exchange_paths_at(&paths, 0)));
    th_exchange_paths_on_proof(&paths, &a, at(3050));
    th_exchange_paths_on_end(&paths);
    assert_true(th_exchange_path_is_open(th_exchange_paths_at(&paths, 0)));
    th_exchange_paths_clear(&paths);
}

/* Found by the simulator: with a round trip over a second the newest request was never the one answered. */
static void address_that_takes_longer_than_the_pause_to_answer_is_answered(void **state)
{
    (void)state;
    struct th_exchange_paths paths;
    struct th_addr a = addr_of(1);
    th_ms asked[16], rtt = 2 * TH_PATH_PROBE_MS + 500;
    unsigned count = 0, heard = 0;
    th_exchange_paths_init(&paths, at(1000));
    th_exchange_paths_on_proof(&paths, &a, at(1000));
    struct th_exchange_path *path = th_exchange_paths_find(&paths, &a);

    for (th_ms now = 1000; !path->is_answered; now += 100) {
        assert_true(now < 30000);
        if (heard < count && now >= asked[heard] + rtt)
            th_exchange_paths_on_answer(&paths, ++heard, at(now));
        if (path->is_answered || !th_exchange_path_may_probe(path, at(now), false))
            continue;
        path->probe = count + 1;
        path->probed_at = th_exchange_path_time(at(now));
        asked[count++] = now;
        path->unanswered++;
        assert_true(count < 7);
    }
    assert_int_equal(path->rtt_ms, rtt);
    assert_int_equal(path->unanswered, 0); /* so the next may go after the usual pause */
    th_exchange_paths_clear(&paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_in_use_stays_while_it_is_heard),
        cmocka_unit_test(direct_way_goes_before_a_bridge_and_a_bridge_before_a_relay_once_answered),
        cmocka_unit_test(answer_from_an_address_that_nothing_comes_from_is_not_enough),
        cmocka_unit_test(much_quicker_address_of_the_same_kind_is_used),
        cmocka_unit_test(relays_bridges_and_what_the_peer_named_go_with_the_line),
        cmocka_unit_test(best_of_the_others_takes_the_place_of_one_that_is_taken_out),
        cmocka_unit_test(one_that_was_heard_a_month_ago_does_not_go_before_one_of_now),
        cmocka_unit_test(address_that_was_only_heard_is_open_once_it_is_told_or_answered),
        cmocka_unit_test(places_are_limited_whatever_was_taken_out),
        cmocka_unit_test(relays_that_are_not_in_use_go_before_addresses),
        cmocka_unit_test(relays_that_are_heard_make_no_room_for_others),
        cmocka_unit_test(relay_that_is_not_heard_goes_before_those_that_are),
        cmocka_unit_test(any_relay_is_taken_when_the_address_in_use_is_in_doubt),
        cmocka_unit_test(relay_of_an_open_finds_room_always),
        cmocka_unit_test(relay_stays_before_addresses_that_only_opens_came_from),
        cmocka_unit_test(address_that_was_told_last_stays_before_those_that_were_heard_long_ago),
        cmocka_unit_test(address_of_a_month_ago_goes_before_those_of_now),
        cmocka_unit_test(address_that_is_named_again_is_as_good_as_new),
        cmocka_unit_test(public_addresses_are_answered_before_private_ones),
        cmocka_unit_test(path_is_answered_where_it_says_for_four_new_addresses_a_minute),
        cmocka_unit_test(nobody_is_sent_to_loopback_or_nowhere),
        cmocka_unit_test(address_that_takes_longer_than_the_pause_to_answer_is_answered),
        cmocka_unit_test(node_that_moves_a_hundred_times_keeps_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/core/exchange.h"
#include "tests/lib/introduce.h"
#include "tests/lib/raw_peer.h"

/* A3 */
static void node_in_the_middle_brings_two_together(void **state)
{
    (void)state;
    struct wire w;
    star(&w);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    assert_true(wire_look(&w, 1, 2).is_up && wire_look(&w, 2, 1).is_up);
    assert_non_null(wire_packet(&w, 0, TH_CHANNEL_PEER));
    assert_non_null(wire_packet(&w, 2, TH_CHANNEL_CONNECT));
    wire_free(&w);
}

/* Found by whole nodes: the target thought that it had a line to the asker, and kept still. */
static void asker_that_was_started_anew_is_met_by_who_still_has_its_old_line(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 5000);
    wire_restart(&w, 1, 0x99);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_pass(&w, 4000);
    assert_true(wire_look(&w, 0, 1).is_up && wire_look(&w, 2, 1).is_up);
    assert_false(wire_look(&w, 1, 2).is_up);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    wire_pass(&w, 4000);

    assert_true(wire_look(&w, 1, 2).is_up && wire_look(&w, 2, 1).is_up);
    assert_true(wire_look(&w, 2, 1).up_ms < 4000);
    wire_free(&w);
}

static void asker_tells_where_it_can_be_met_and_loopback_is_not_passed_on(void **state)
{
    (void)state;
    struct wire w;
    struct th_connect_head head;
    struct th_addr places[3];
    star(&w);
    assert_true(th_addr_read(&places[0], "198.51.100.7:42424", 18));
    assert_true(th_addr_read(&places[1], "127.0.0.1:42424", 15));
    assert_true(th_addr_read(&places[2], "192.168.1.5:42424", 17));
    th_switchboard_advertise(w.board[1], places, 3);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    const struct seen *connect = wire_packet(&w, 2, TH_CHANNEL_CONNECT);
    assert_int_equal(th_connect_read(&head, th_bytes_of(connect->head)), TH_DROP_NONE);
    assert_int_equal(head.paths.count, 3);
    assert_true(th_addr_is_equal(&head.paths.addr[0], &w.addr[1])); /* where the middle sees it */
    assert_true(th_addr_is_equal(&head.paths.addr[1], &places[0]));
    assert_true(th_addr_is_equal(&head.paths.addr[2], &places[2]));
    wire_free(&w);
}

static void unknown_target_is_told_to_the_asker(void **state)
{
    (void)state;
    struct wire w;
    struct th_hashname nobody = {{1, 2, 3}};
    star(&w);

    assert_int_equal(ask(&w, 1, 0, &nobody, &w.identity[1].keys.pub), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_UNKNOWN), 1);
    assert_string_equal(wire_packet(&w, 1, TH_CHANNEL_PEER)->action.packet.err, "not found");
    wire_free(&w);
}

static void target_that_was_not_heard_for_thirty_seconds_is_not_introduced(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    star(&w);
    wire_pass(&w, 31000);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_PATH, "\"paths\":[]", &c), TH_OK);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_UNKNOWN), 1);
    wire_free(&w);
}

static void asker_whose_key_is_not_its_own_is_refused(void **state)
{
    (void)state;
    struct wire w;
    star(&w);

    assert_int_equal(ask(&w, 1, 0, &w.identity[2].hashname, &w.identity[2].keys.pub), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_BAD), 1);
    assert_null(wire_packet(&w, 2, TH_CHANNEL_CONNECT));
    wire_free(&w);
}

/* A connect as a lying node in the middle may write it: `from` of identity 3, and addresses. */
static void raw_connect(struct raw_peer *raw, struct wire *w, unsigned n, const uint8_t *key,
                        unsigned addrs)
{
    char fields[700], head[800];
    struct th_addr addr[TH_PATHS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);

    for (unsigned i = 0; i < addrs; i++)
        addr[i] = (struct th_addr){
            .ip = {192, 0, 2, (uint8_t)(10 * n + i + 1)}, .port = 999, .family = TH_FAMILY_IPV4};
    th_connect_put(&text, &w->identity[3].parts, addr, addrs);
    th_text_put(&text, ",\"type\":\"connect\"");
    raw_send(raw, w, raw_head(raw, w, head, sizeof head, n, fields),
             (struct th_bytes){key, TH_KEY_BYTES});
}

static void connect_with_a_key_that_is_not_of_its_parts_is_dropped(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    wire_init(&w, 4);
    raw_join(&raw, &w, 1, 0);
    int sent = w.sent[0];

    raw_connect(&raw, &w, 0, w.identity[2].keys.pub.b, 1);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_CONNECT_BAD), 1);
    assert_int_equal(w.sent[0], sent + 1); /* our `path` of the new line */
    wire_free(&w);
}

/* design 7 */
static void connect_opens_to_four_addresses_and_an_introducer_names_ten_a_minute(void **state)
{
    (void)state;
    struct wire w;
    struct raw_peer raw;
    wire_init(&w, 4);
    raw_join(&raw, &w, 1, 0);

    raw_connect(&raw, &w, 0, w.identity[3].keys.pub.b, 6);
    assert_int_equal(w.sent[0], 1 + 1 + TH_CONNECT_ADDRS_MAX); /* open, path, four opens */
    raw_connect(&raw, &w, 1, w.identity[3].keys.pub.b, 4);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_CONNECT_LIMIT), 0);
    raw_connect(&raw, &w, 2, w.identity[3].keys.pub.b, 4);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_CONNECT_LIMIT), 2);
    wire_free(&w);
}

/* Design 7: the target would drop it. Found by a cold start of 1,000 nodes, which waited for nothing. */
static void target_that_heard_enough_of_us_is_not_introduced_to_more(void **state)
{
    (void)state;
    struct wire w;
    star(&w);

    for (int i = 0; i < TH_CONNECT_PER_MIN / 2; i++)
        assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), 0);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), 1);
    assert_string_equal(wire_packet(&w, 1, TH_CHANNEL_PEER)->action.packet.err, "busy");
    wire_pass(&w, 60000 / TH_CONNECT_PER_MIN);
    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), 1);
    wire_free(&w);
}

/* Found over a slow link: a second dial asked before the first had its line, and heard "busy". */
static void two_that_ask_again_while_they_are_introduced_are_not_too_many(void **state)
{
    (void)state;
    struct wire w;
    char fields[512];
    uint32_t c;
    star(&w);
    struct th_addr places[TH_CONNECT_ADDRS_MAX - 1];
    for (unsigned i = 0; i < TH_CONNECT_ADDRS_MAX - 1; i++) {
        places[i] = w.addr[1];
        places[i].port = (uint16_t)(7000 + i);
    }
    struct th_text text = th_text_in(fields, sizeof fields);
    th_peer_put(&text, &w.identity[2].hashname, places, TH_CONNECT_ADDRS_MAX - 1);
    struct th_channel_request request = {
        .type = TH_CHANNEL_PEER,
        .fields = th_text_bytes(&text),
        .body = {w.identity[1].keys.pub.b, sizeof w.identity[1].keys.pub}};

    for (int i = 0; i < 2; i++)
        assert_int_equal(
            th_switchboard_channel(w.board[1], w.now, &w.identity[0].hashname, &request, &c),
            TH_OK);
    wire_settle(&w);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), 0);
    wire_free(&w);
}

static void asker_that_met_nobody_is_introduced_before_one_that_met_many(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 4);
    for (int n = 1; n < 4; n++)
        assert_int_equal(wire_open(&w, n, 0), TH_AGAIN);
    wire_settle(&w);

    for (int i = 0; i < TH_CONNECT_PER_MIN; i++)
        assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), TH_CONNECT_PER_MIN / 2);
    assert_int_equal(introduce(&w, 3, 0, 2), TH_OK);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_PEER_LIMIT), TH_CONNECT_PER_MIN / 2);
    assert_true(wire_look(&w, 3, 2).is_up);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_in_the_middle_brings_two_together),
        cmocka_unit_test(asker_that_was_started_anew_is_met_by_who_still_has_its_old_line),
        cmocka_unit_test(asker_tells_where_it_can_be_met_and_loopback_is_not_passed_on),
        cmocka_unit_test(unknown_target_is_told_to_the_asker),
        cmocka_unit_test(target_that_was_not_heard_for_thirty_seconds_is_not_introduced),
        cmocka_unit_test(asker_whose_key_is_not_its_own_is_refused),
        cmocka_unit_test(connect_with_a_key_that_is_not_of_its_parts_is_dropped),
        cmocka_unit_test(connect_opens_to_four_addresses_and_an_introducer_names_ten_a_minute),
        cmocka_unit_test(target_that_heard_enough_of_us_is_not_introduced_to_more),
        cmocka_unit_test(two_that_ask_again_while_they_are_introduced_are_not_too_many),
        cmocka_unit_test(asker_that_met_nobody_is_introduced_before_one_that_met_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

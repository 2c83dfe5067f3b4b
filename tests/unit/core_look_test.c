/* Looking at the channels of a switchboard. */
#include "tests/lib/boards.h"

static void join(struct wire *w)
{
    assert_int_equal(wire_open(w, 0, 1), TH_AGAIN);
    wire_settle(w);
    wire_pass(w, 11000); /* the `path` channels of the beginning are over */
}

static unsigned look(struct wire *w, int node, struct th_channel_look *rows, unsigned max)
{
    return th_switchboard_look_channels(w->board[node], w->now, rows, max);
}

static void channel_is_seen_from_both_sides_with_its_age_and_what_passed(void **state)
{
    (void)state;
    struct wire w;
    struct th_channel_look ours, theirs;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    assert_int_equal(look(&w, 0, NULL, 0), 0);

    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c), TH_OK);
    wire_pass(&w, 20000);
    struct th_chanpkt_out more = {.c = c, .fields = th_bytes_of("\"seed\":true")};
    assert_int_equal(th_switchboard_send(w.board[1], w.now, &w.identity[0].hashname, &more), TH_OK);
    wire_pass(&w, 5000);

    assert_int_equal(look(&w, 0, &ours, 1), 1);
    assert_int_equal(look(&w, 1, &theirs, 1), 1);
    assert_true(th_hashname_is_equal(&ours.peer, &w.identity[1].hashname));
    assert_int_equal(ours.c, c);
    assert_int_equal(theirs.c, c);
    assert_int_equal(ours.type, TH_CHANNEL_LINK);
    assert_true(ours.is_ours && !theirs.is_ours);
    assert_int_equal(ours.owner, 7);
    assert_int_equal(theirs.owner, 0);
    assert_int_equal(ours.age_ms, 25000);
    assert_int_equal(ours.silence_left_ms, 55000);
    assert_int_equal(ours.tx_packets, 1);
    assert_int_equal(ours.rx_packets, 1);
    assert_int_equal(theirs.tx_packets, 1);
    assert_int_equal(theirs.rx_packets, 1);
    wire_free(&w);
}

static void only_so_many_rows_are_filled_but_all_are_counted(void **state)
{
    (void)state;
    struct wire w;
    struct th_channel_look rows[3] = {{.c = 0}};
    uint32_t c[3];
    wire_init(&w, 2);
    join(&w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_LINK, "\"seed\":true", &c[i]), TH_OK);

    assert_int_equal(look(&w, 0, rows, 2), 3);

    assert_int_equal(rows[0].c, c[2]); /* the newest first */
    assert_int_equal(rows[1].c, c[1]);
    assert_int_equal(rows[2].c, 0);
    wire_free(&w);
}

static void channel_that_has_ended_is_seen_no_more(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c;
    wire_init(&w, 2);
    join(&w);
    assert_int_equal(wire_channel(&w, 0, 1, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    assert_int_equal(look(&w, 0, NULL, 0), 1);

    wire_pass(&w, 3000);

    assert_int_equal(look(&w, 0, NULL, 0), 0);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_is_seen_from_both_sides_with_its_age_and_what_passed),
        cmocka_unit_test(only_so_many_rows_are_filled_but_all_are_counted),
        cmocka_unit_test(channel_that_has_ended_is_seen_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

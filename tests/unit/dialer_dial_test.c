/* The dialer as a server: what it asks of the switch, and what it tells. The target is node 0. */
#include "dialer/search.h"
#include "tests/lib/dialer_bench.h"

static void find_asks_linked_nodes_and_tells_the_nearest(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 0x300);
    bench_link_up(b, 0x200);
    unsigned dial = bench_find(b, 0);

    assert_int_equal(bench_times(b, ASKED_SEEK, 0x200), 1);
    assert_string_equal(bench_asked(b, ASKED_SEEK, 0x300)->fields, "\"seek\":\"00\"");
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x200), 0x300);
    bench_run(b, 0);
    bench_not_told(b, dial);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0x300), 0x200);
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->asked, 2);
    assert_int_equal(told->step_count, 2);
    assert_int_equal(told->closest_count, 2);
    assert_int_equal(told->closest[0].id.b[0], 2);
    assert_false(told->is_found);
    bench_close(b);
}

static void search_for_neighbours_is_as_wide_as_a_bucket(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    b->config.k = 2;
    for (unsigned n = 100; n <= 400; n += 100)
        bench_link_up(b, n);
    unsigned dial = bench_find(b, 0);

    bench_answer(b, bench_asked(b, ASKED_SEEK, 100), (int[]){300, -1});
    bench_answer(b, bench_asked(b, ASKED_SEEK, 200), (int[]){400, -1});
    bench_run(b, 0);

    assert_int_equal(bench_told(b, dial, TH_OK)->asked, 2);
    bench_close(b);
}

static void search_for_neighbours_may_be_narrower(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    const struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_FIND, .width = 1};
    b->config.k = 2;
    for (unsigned n = 100; n <= 300; n += 100)
        bench_link_up(b, n);
    unsigned dial = bench_dial(b, &request);

    bench_answer(b, bench_asked(b, ASKED_SEEK, 100), (int[]){400, -1});
    bench_run(b, 0);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->asked, 1);
    assert_int_equal(told->closest_count, 4); /* those that it did not ask too */
    bench_close(b);
}

static void seek_carries_the_matching_bytes_and_one_more(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 7);
    bench_find(b, 0);

    assert_string_equal(bench_asked(b, ASKED_SEEK, 7)->fields, "\"seek\":\"0000\"");
    bench_close(b);
}

static void node_without_a_line_is_introduced_by_who_told_of_it(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    bench_find(b, 0);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 50);
    bench_run(b, 0);

    struct th_hashname fifty = node_of(50);
    char hex[TH_HASHNAME_HEX + 1], wanted[200];
    th_hashname_write(hex, &fifty);
    snprintf(wanted, sizeof wanted, "\"peer\":\"%s\"", hex);
    const struct bench_request *peer = bench_asked(b, ASKED_PEER, 100);
    assert_int_equal(bench_times(b, ASKED_OPEN, 50), 1);
    assert_string_equal(peer->fields, wanted);
    assert_int_equal(peer->body_len, TH_KEY_BYTES);
    assert_memory_equal(peer->body, b->identity.keys.pub.b, TH_KEY_BYTES);
    assert_int_equal(bench_times(b, ASKED_SEEK, 50), 0);

    bench_line_up(b, 50);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 50), 1);
    assert_int_equal(bench_asked(b, ASKED_END, 100)->c, peer->c);
    bench_close(b);
}

static void node_that_the_switch_can_open_is_not_introduced(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    b->opening = node_of(50);
    bench_link_up(b, 100);
    bench_find(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 50);
    bench_run(b, 499);

    assert_int_equal(bench_times(b, ASKED_PEER, 100), 0);
    bench_line_up(b, 50);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 50), 1);
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 0);
    bench_close(b);
}

static void address_that_was_told_is_punched(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_see_entry entry = {.id = node_of(50),
                                 .csid = TH_CS3A,
                                 .has_addr = true,
                                 .addr = {{192, 0, 2, 1}, 4242, TH_FAMILY_IPV4, 0}};
    bench_link_up(b, 100);
    bench_find(b, 0);

    bench_see(b, bench_asked(b, ASKED_SEEK, 100), &entry, 1);
    bench_run(b, 0);

    const struct bench_request *punch = &b->request[b->count - 2];
    assert_int_equal(punch->what, ASKED_PUNCH);
    assert_true(th_addr_is_equal(&punch->addr, &entry.addr));
    bench_close(b);
}

static void refused_introduction_goes_to_the_next_teller(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    bench_link_up(b, 200);
    bench_find(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 50);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 200), 50);
    bench_run(b, 0);
    assert_int_equal(bench_times(b, ASKED_PEER, 200), 0);

    bench_packet(b, bench_asked(b, ASKED_PEER, 100), "{}", "not found", true);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_PEER, 200), 1);
    bench_close(b);
}

static void refused_seek_frees_its_place(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    for (unsigned n = 100; n <= 400; n += 100)
        bench_link_up(b, n);
    unsigned dial = bench_find(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 400), 0);

    bench_packet(b, bench_asked(b, ASKED_SEEK, 100), "{}", "no", true);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_SEEK, 400), 1);
    bench_not_told(b, dial);
    bench_close(b);
}

static void ended_seek_frees_its_place(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    for (unsigned n = 100; n <= 400; n += 100)
        bench_link_up(b, n);
    bench_find(b, 0);

    bench_ended(b, bench_asked(b, ASKED_SEEK, 100), TH_CANCELLED);
    bench_run(b, 0);

    assert_int_equal(bench_times(b, ASKED_SEEK, 400), 1);
    bench_close(b);
}

static void answers_that_cannot_be_read_are_counted(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);

    bench_packet(b, bench_asked(b, ASKED_SEEK, 100), "{\"see\":7}", "", true);
    bench_run(b, 0);

    bench_told(b, dial, TH_OK);
    assert_int_equal(bench_status(b)->drops.n[TH_DROP_SEE_BAD], 1);
    bench_close(b);
}

/* A3 */
static void time_out_of_a_request_is_a_step_without_an_answer(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);

    bench_run(b, 999);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 1);
    bench_run(b, 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 2);
    bench_run(b, 2000 + 2999);
    bench_not_told(b, dial);
    bench_run(b, 1);

    const struct th_dialed *told = bench_told(b, dial, TH_OK);
    assert_int_equal(told->step_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(told->step[i].answered);
        assert_int_equal(told->step[i].rtt_ms, 1000 * (i + 1));
    }
    assert_int_equal(told->closest_count, 0);
    bench_close(b);
}

/* The switch ends a seek by its silence of 3 s, as the last one leaves. */
static void end_of_a_seek_that_was_not_answered_is_no_refusal(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);
    struct bench_request first = *bench_asked(b, ASKED_SEEK, 100);
    bench_run(b, 3000);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 3);

    bench_ended(b, &first, TH_TIMED_OUT);
    bench_run(b, 0);
    bench_not_told(b, dial);
    bench_answer(b, bench_asked(b, ASKED_SEEK, 100), (int[]){-1});
    bench_run(b, 0);

    assert_int_equal(bench_told(b, dial, TH_OK)->closest_count, 1);
    bench_close(b);
}

/* What became of the first seek says nothing of the second, which is under way. */
static void late_refusal_of_the_first_seek_does_not_end_the_second(void **state)
{
    (void)state;
    for (unsigned is_end = 0; is_end < 2; is_end++) {
        struct bench *b = bench_open(0);
        bench_link_up(b, 100);
        unsigned dial = bench_find(b, 0);
        struct bench_request first = *bench_asked(b, ASKED_SEEK, 100);
        bench_run(b, 1000);
        assert_int_equal(bench_times(b, ASKED_SEEK, 100), 2);

        if (is_end)
            bench_ended(b, &first, TH_GONE);
        else
            bench_packet(b, &first, "{}", "no", true);
        bench_run(b, 0);
        bench_not_told(b, dial);
        bench_answer(b, bench_asked(b, ASKED_SEEK, 100), (int[]){-1});
        bench_run(b, 0);

        assert_int_equal(bench_told(b, dial, TH_OK)->closest_count, 1);
        bench_close(b);
    }
}

/* The first was lost: no more is to be waited for. */
static void refusal_of_the_second_seek_is_final(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);
    bench_run(b, 1000);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 2);

    bench_packet(b, bench_asked(b, ASKED_SEEK, 100), "{}", "no", true);
    bench_run(b, 0);

    assert_int_equal(bench_told(b, dial, TH_OK)->closest_count, 0);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_asks_linked_nodes_and_tells_the_nearest),
        cmocka_unit_test(search_for_neighbours_is_as_wide_as_a_bucket),
        cmocka_unit_test(search_for_neighbours_may_be_narrower),
        cmocka_unit_test(seek_carries_the_matching_bytes_and_one_more),
        cmocka_unit_test(node_without_a_line_is_introduced_by_who_told_of_it),
        cmocka_unit_test(node_that_the_switch_can_open_is_not_introduced),
        cmocka_unit_test(address_that_was_told_is_punched),
        cmocka_unit_test(refused_introduction_goes_to_the_next_teller),
        cmocka_unit_test(refused_seek_frees_its_place),
        cmocka_unit_test(ended_seek_frees_its_place),
        cmocka_unit_test(answers_that_cannot_be_read_are_counted),
        cmocka_unit_test(time_out_of_a_request_is_a_step_without_an_answer),
        cmocka_unit_test(end_of_a_seek_that_was_not_answered_is_no_refusal),
        cmocka_unit_test(late_refusal_of_the_first_seek_does_not_end_the_second),
        cmocka_unit_test(refusal_of_the_second_seek_is_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

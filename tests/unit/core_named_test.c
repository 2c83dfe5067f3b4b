/* What introducers named, until it proves right; and the limit of that. */
#include "switch/core/board.h"
#include "tests/lib/introduce.h"

static struct th_hashname id_of(uint8_t n)
{
    return (struct th_hashname){{n}};
}

static struct th_addr addr_of(uint8_t n)
{
    return (struct th_addr){.ip = {192, 0, 2, n}, .port = 999, .family = TH_FAMILY_IPV4};
}

static void note(struct th_named *named, uint8_t by, uint8_t who, th_ms now)
{
    struct th_hashname introducer = id_of(by), node = id_of(who);
    struct th_addr addr = addr_of(who);

    th_named_note(named, &introducer, &node, &addr, now);
}

static bool take(struct th_named *named, uint8_t who, uint8_t from, th_ms now, uint8_t *by)
{
    struct th_hashname node = id_of(who), introducer;
    struct th_addr addr = addr_of(from);
    bool is_there = th_named_take(named, &node, &addr, now, &introducer);

    if (is_there)
        *by = introducer.b[0];
    return is_there;
}

static void what_was_named_is_taken_once_and_for_that_address_alone(void **state)
{
    (void)state;
    struct th_named named = {0};
    uint8_t by = 0;
    note(&named, 1, 7, 0);
    note(&named, 2, 8, 0);

    assert_false(take(&named, 7, 8, 1, &by));
    assert_true(take(&named, 7, 7, 1, &by));
    assert_int_equal(by, 1);
    assert_false(take(&named, 7, 7, 1, &by));
    assert_true(take(&named, 8, 8, 1, &by));

    assert_null(named.one);
}

static void what_does_not_prove_right_is_forgotten(void **state)
{
    (void)state;
    struct th_named named = {0};
    uint8_t by;
    note(&named, 1, 7, 0);
    note(&named, 1, 8, 1);

    assert_false(take(&named, 7, 7, TH_NAMED_MS, &by));
    assert_true(take(&named, 8, 8, TH_NAMED_MS, &by));
    th_named_clear(&named);
}

static void oldest_goes_when_there_are_too_many(void **state)
{
    (void)state;
    struct th_named named = {0};
    uint8_t by;

    for (uint8_t n = 0; n <= TH_NAMED_MAX; n++)
        note(&named, 1, n, n);

    assert_int_equal(named.count, TH_NAMED_MAX);
    assert_int_equal(named.forgotten, 1);
    assert_false(take(&named, 0, 0, 100, &by));
    assert_true(take(&named, 1, 1, 100, &by));
    th_named_clear(&named);
}

static void without_memory_nothing_is_noted(void **state)
{
    (void)state;
    struct th_named named = {0};

    th_mem_refuse(1);
    note(&named, 1, 7, 0);
    th_mem_refuse(0);

    assert_int_equal(named.count, 0);
    th_named_clear(&named);
}

/* --- on a board --- */

/* How many addresses node 0 may name to node n, in thousandths. */
static uint64_t may_name(const struct wire *w, int n)
{
    struct th_exchange *ex = th_board_find(w->board[n], &w->identity[0].hashname);

    assert_non_null(ex);
    return ex->dealings ? ex->dealings->connects.milli : 1000ull * TH_CONNECT_PER_MIN;
}

static void introducer_of_who_answers_may_name_as_many_as_before(void **state)
{
    (void)state;
    struct wire w;
    star(&w);

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    assert_true(wire_look(&w, 2, 1).is_up);
    assert_non_null(th_board_find(w.board[2], &w.identity[0].hashname)->dealings);
    assert_int_equal(may_name(&w, 2), 1000 * TH_CONNECT_PER_MIN);
    wire_free(&w);
}

/* A seed in a cold start of 10,000: half of what it sent and got after the opens was about `path`. */
static void node_with_hundreds_of_lines_asks_no_path_of_who_has_its_open(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.board[0]->lines = TH_LINES_PROBED_MAX;

    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_PATH), 1); /* the answer to its own request */
    struct th_exchange *ex = th_board_find(w.board[0], &w.identity[1].hashname);
    assert_true(th_exchange_paths_used(&ex->paths)->is_answered);
    wire_free(&w);

    wire_init(&w, 2); /* with few it asks, to hear where it is seen */
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_PATH), 2);
    wire_free(&w);
}

/* 1 has a line to 0 that was wanted for a link, and asks for that. */
static uint32_t ask_for_link(struct wire *w)
{
    uint32_t c;

    wire_init(w, 2);
    w->board[0]->lines = TH_LINES_PROBED_MAX;
    assert_int_equal(wire_open(w, 1, 0), TH_AGAIN);
    th_switchboard_is_to_link(w->board[1], w->now, &w->identity[0].hashname, true);
    assert_int_equal(wire_channel(w, 1, 0, TH_CHANNEL_LINK, "\"seed\":true,\"see\":[]", &c), TH_OK);
    wire_settle(w);
    assert_true(wire_look(w, 0, 1).is_up);
    assert_int_equal(wire_packets(w, 0, TH_CHANNEL_PATH), 0);
    return c;
}

/* Of each newcomer that it had to refuse a seed got two packets after its open: `path`, and for the link. */
static void node_whose_link_is_refused_asks_no_path_until_it_wants_something_else(void **state)
{
    (void)state;
    struct wire w;
    uint32_t c = ask_for_link(&w);
    struct th_chanpkt_out full = {.c = c, .err = "full", .end = true};
    assert_int_equal(th_switchboard_send(w.board[0], w.now, &w.identity[1].hashname, &full), TH_OK);
    wire_pass(&w, 2 * TH_ASK_LATER_MS);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 0);

    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_free(&w);
}

static void node_whose_link_is_answered_or_not_for_a_while_asks_path(void **state)
{
    (void)state;
    struct wire w;
    struct th_chanpkt_out yes = {.c = ask_for_link(&w), .fields = th_bytes_of("\"see\":[]")};
    assert_int_equal(th_switchboard_send(w.board[0], w.now, &w.identity[1].hashname, &yes), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_free(&w);

    ask_for_link(&w);
    wire_pass(&w, TH_ASK_LATER_MS);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_pass(&w, 2 * TH_ASK_LATER_MS);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_free(&w);
}

static void node_that_wants_a_line_for_more_than_a_link_asks_path_at_once(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.board[0]->lines = TH_LINES_PROBED_MAX;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, true);
    th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, false);
    wire_settle(&w);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_free(&w);

    uint32_t c;
    wire_init(&w, 2);
    w.board[0]->lines = TH_LINES_PROBED_MAX;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, true);
    assert_int_equal(wire_channel(&w, 1, 0, TH_CHANNEL_SEEK, "\"seek\":\"ab\"", &c), TH_OK);
    wire_settle(&w);
    assert_int_equal(wire_packets(&w, 0, TH_CHANNEL_PATH), 1);
    wire_free(&w);
}

/* Of a mesh that starts all opens come to one seed at once, and again after a second. */
static void open_to_a_node_to_link_with_is_sent_again_up_to_a_second_later(void **state)
{
    (void)state;
    th_ms latest = 0;

    for (uint8_t seed = 1; seed <= 32; seed++) {
        struct wire w;
        wire_init(&w, 2);
        th_switchboard_free(w.board[1]);
        wire_boot(&w, 1, seed);
        assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
        struct th_exchange *ex = th_board_find(w.board[1], &w.identity[0].hashname);
        assert_in_range(ex->line->sealed->open_at - w.now.mono, 1000, 1249);
        w.is_cut[0] = true;

        th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, true);
        th_ms pause = ex->line->sealed->open_at - w.now.mono;
        assert_in_range(pause, 1000, 1999);
        th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, true);
        assert_int_equal(ex->line->sealed->open_at - w.now.mono, pause);
        latest = pause > latest ? pause : latest;

        th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, false);
        assert_in_range(ex->line->sealed->open_at - w.now.mono, 1000, 1249);
        wire_pass(&w, 1); /* somebody waits since then */
        pause = ex->line->sealed->open_at - w.now.mono;
        th_switchboard_is_to_link(w.board[1], w.now, &w.identity[0].hashname, true);
        assert_int_equal(ex->line->sealed->open_at - w.now.mono, pause);
        wire_free(&w);
    }
    assert_true(latest >= 1500);
}

/* Who reads our open by a relay may send what follows in a victim's name. */
static void one_whose_open_went_elsewhere_too_is_asked_where_it_is(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.board[0]->lines = TH_LINES_PROBED_MAX;
    w.is_apart[0][1] = true;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    th_board_find(w.board[0], &w.identity[1].hashname)->line->sealed->is_spread = true;
    w.is_apart[0][1] = false;

    wire_pass(&w, 2000);

    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(wire_packets(&w, 1, TH_CHANNEL_PATH), 2);
    wire_free(&w);
}

/* Design 7: what does not answer may be a victim. */
static void introducer_of_who_does_not_answer_may_name_one_less(void **state)
{
    (void)state;
    struct wire w;
    star(&w);
    w.is_apart[2][1] = true; /* where 1 is, says 0, nothing of 2 arrives */

    assert_int_equal(introduce(&w, 1, 0, 2), TH_OK);

    assert_int_equal(may_name(&w, 2), 1000 * (TH_CONNECT_PER_MIN - 1));
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_named_is_taken_once_and_for_that_address_alone),
        cmocka_unit_test(what_does_not_prove_right_is_forgotten),
        cmocka_unit_test(oldest_goes_when_there_are_too_many),
        cmocka_unit_test(without_memory_nothing_is_noted),
        cmocka_unit_test(introducer_of_who_answers_may_name_as_many_as_before),
        cmocka_unit_test(node_with_hundreds_of_lines_asks_no_path_of_who_has_its_open),
        cmocka_unit_test(one_whose_open_went_elsewhere_too_is_asked_where_it_is),
        cmocka_unit_test(node_whose_link_is_refused_asks_no_path_until_it_wants_something_else),
        cmocka_unit_test(open_to_a_node_to_link_with_is_sent_again_up_to_a_second_later),
        cmocka_unit_test(node_that_wants_a_line_for_more_than_a_link_asks_path_at_once),
        cmocka_unit_test(node_whose_link_is_answered_or_not_for_a_while_asks_path),
        cmocka_unit_test(introducer_of_who_does_not_answer_may_name_one_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

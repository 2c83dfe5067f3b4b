/* The dialer among other servers: dials beside each other, limits, deaths and restarts. */
#include "dialer/dial.h"
#include "tests/lib/dialer_bench.h"

/* The request of the n-th dial (from 0) to a node. */
static const struct bench_request *nth_seek(const struct bench *b, unsigned node, unsigned nth)
{
    struct th_hashname id = node_of(node);

    for (unsigned i = 0; i < b->count; i++)
        if (b->request[i].what == ASKED_SEEK && th_hashname_is_equal(&b->request[i].to, &id) &&
            nth-- == 0)
            return &b->request[i];
    fail_msg("node %u was not asked that often", node);
    return NULL;
}

/* A3 */
static void dials_for_the_same_target_see_only_their_own_answers(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned first = bench_reach(b, 0), second = bench_reach(b, 0);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 2);

    ANSWER(b, nth_seek(b, 100, 1), 100);
    bench_run(b, 0);

    bench_not_told(b, first);
    bench_told(b, second, TH_NOT_FOUND);
    ANSWER(b, nth_seek(b, 100, 0), 0);
    bench_run(b, 0);
    bench_not_told(b, first);
    bench_line_up(b, 0);
    bench_run(b, 0);
    bench_told(b, first, TH_OK);
    bench_close(b);
}

/* A7 */
static void time_outs_reach_only_the_dial_that_set_them(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned first = bench_find(b, 0);
    bench_run(b, 600);
    unsigned second = bench_find(b, 0);

    bench_run(b, 5400); /* it was asked three times */
    bench_told(b, first, TH_OK);
    bench_not_told(b, second);
    bench_run(b, 599);
    bench_not_told(b, second);
    bench_run(b, 1);

    bench_told(b, second, TH_OK);
    bench_close(b);
}

static void node_that_is_not_allowed_is_not_dialled(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_hashname one = node_of(1);
    struct th_allow *list;
    struct th_allowed allowed;
    assert_int_equal(th_allow_new(&list, &one, 1), TH_OK);
    th_allowed_init(&allowed, NULL);
    b->config.allowed = &allowed;
    bench_link_up(b, 100);
    th_allowed_set(&allowed, list);
    assert_int_equal(th_post(b->host, b->dialer, (struct th_msg){.kind = &th_allowed_msg}), TH_OK);
    bench_run(b, 0);
    b->count = 0;

    unsigned refused = bench_reach(b, 2);
    bench_run(b, 0);
    bench_told(b, refused, TH_NO_PERMISSION);
    assert_int_equal(b->count, 0); /* nobody was asked */
    unsigned dial = bench_reach(b, 1);
    bench_run(b, 0);
    bench_not_told(b, dial);

    bench_close(b);
    th_allowed_clear(&allowed);
}

static void answers_with_a_foreign_owner_or_an_unknown_tag_are_left_alone(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    struct bench_request foreign = *bench_asked(b, ASKED_SEEK, 100);
    struct bench_request unknown_ask = foreign, unknown_dial = foreign;
    foreign.owner = b->client;
    unknown_ask.tag += 1;
    unknown_dial.tag += 1ull << 32;

    ANSWER(b, &foreign, 0);
    ANSWER(b, &unknown_ask, 0);
    ANSWER(b, &unknown_dial, 0);
    bench_ended(b, &foreign, TH_TIMED_OUT);
    bench_run(b, 0);

    bench_not_told(b, dial);
    assert_int_equal(bench_times(b, ASKED_PEER, 100), 0);
    bench_close(b);
}

static void packets_after_the_end_of_a_dial_are_ignored(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 100);
    bench_run(b, 0);

    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_ended(b, bench_asked(b, ASKED_SEEK, 100), TH_TIMED_OUT);
    bench_run(b, 20000);

    bench_told(b, dial, TH_OK);
    bench_close(b);
}

static void measured_round_trips_set_the_time_outs_of_later_dials(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    bench_find(b, 0);
    bench_run(b, 100);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 100);
    bench_run(b, 0);
    unsigned dial = bench_find(b, 0);

    bench_run(b, 299);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 2);
    bench_run(b, 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 3);
    bench_run(b, 600 + 1200);

    assert_int_equal(bench_told(b, dial, TH_OK)->took_ms, 300 + 600 + 1200);
    bench_close(b);
}

static void dials_over_the_limit_are_refused_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    for (unsigned i = 0; i < TH_DIALS_MAX; i++)
        bench_find(b, 0);

    unsigned refused = bench_find(b, 0);

    bench_told(b, refused, TH_LIMIT);
    assert_int_equal(bench_status(b)->running, TH_DIALS_MAX);
    assert_int_equal(b->status.refused, 1);
    for (unsigned i = 0; i < TH_DIALS_MAX; i++)
        bench_not_told(b, i);
    ANSWER(b, nth_seek(b, 100, 7), 100);
    bench_run(b, 0);
    bench_not_told(b, bench_find(b, 0));
    bench_close(b);
}

static void dialer_that_stops_tells_every_dial(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned find = bench_find(b, 0), reach = bench_reach(b, 0);

    th_stop(b->host, b->dialer, TH_SHUTDOWN);
    bench_run(b, 20000);

    bench_told(b, find, TH_SHUTDOWN);
    bench_told(b, reach, TH_SHUTDOWN);
    bench_close(b);
}

/* A9 */
static void dialer_ends_when_the_event_manager_does(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned dial = bench_find(b, 0);

    th_stop(b->host, b->events, TH_SHUTDOWN);
    bench_run(b, 0);

    bench_told(b, dial, TH_SHUTDOWN);
    assert_int_equal(th_whereis(b->host, 0, "dialer"), 0);
    bench_close(b);
}

/* D5 */
static void restarted_dialer_finds_lines_and_knows_who_is_linked(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    for (unsigned n = 0; n < TH_DIAL_START_MAX; n++) {
        bench_line_up(b, 1 + n); /* nearer to 0 */
        bench_link_up(b, 100 + n);
    }
    th_stop(b->host, b->dialer, TH_SHUTDOWN);
    bench_run(b, 0);

    bench_start_dialer(b);
    bench_find(b, 0);

    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 1), 0);
    bench_close(b);
}

static void dial_that_comes_before_the_lines_are_known_waits_for_them(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_line_up(b, 100);
    th_stop(b->host, b->dialer, TH_SHUTDOWN);
    bench_run(b, 0);
    assert_int_equal(th_suspend(b->host, b->events, 1500), TH_OK);
    bench_start_dialer(b);
    unsigned dial = bench_find(b, 0);
    bench_run(b, 1000);
    bench_not_told(b, dial);

    bench_run(b, 600);

    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 1);
    bench_close(b);
}

/* B5 */
static void missed_events_are_made_good(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    struct th_hashname hundred = node_of(100);
    bench_link_up(b, 100);
    unsigned dial = bench_reach(b, 0);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 100), 0);
    bench_run(b, 0);

    assert_int_equal(th_suspend(b->host, b->dialer, 500), TH_OK);
    for (unsigned n = 0; n <= TH_MAILBOX_MAX_DEFAULT; n++) {
        struct th_ev_link link = {.id = node_of(200)};
        bench_announce(b, TH_EV_LINK_UP, &link, sizeof link);
    }
    bench_line_up(b, 0);
    bench_line_down_of(b, &hundred);
    bench_run(b, 600);

    bench_told(b, dial, TH_OK);
    bench_find(b, 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 0), 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 1);
    bench_close(b);
}

static void lines_of_a_switch_that_ended_are_forgotten(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    th_stop(b->host, b->the_switch, TH_SHUTDOWN);
    bench_run(b, 100);

    b->the_switch = bench_spawn(b, &bench_switch_ops, "switch", b);
    bench_line_up(b, 200);
    bench_find(b, 0);

    assert_int_equal(bench_times(b, ASKED_SEEK, 200), 1);
    assert_int_equal(bench_times(b, ASKED_SEEK, 100), 0);
    bench_close(b);
}

static void dial_without_a_switch_is_told_all_the_same(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_link_up(b, 100);
    unsigned before = bench_reach(b, 0);
    th_stop(b->host, b->the_switch, TH_SHUTDOWN);
    bench_run(b, 0);
    unsigned after = bench_reach(b, 0);

    bench_run(b, TH_DIAL_MS_DEFAULT);

    bench_told(b, before, TH_NOT_FOUND);
    bench_told(b, after, TH_NOT_FOUND);
    bench_close(b);
}

static void results_are_counted_and_announced(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_line_up(b, 0);
    bench_reach(b, 0);
    bench_reach(b, 5);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0), 0);
    bench_run(b, 0);
    bench_find(b, 0);

    const struct th_dialer_status *status = bench_status(b);
    assert_int_equal(status->dials, 3);
    assert_int_equal(status->running, 0);
    assert_int_equal(status->reached, 1);
    assert_int_equal(status->not_found, 1);
    assert_int_equal(status->found, 1);
    assert_int_equal(status->drops.n[TH_DROP_SEE_SELF], 1);
    bench_close(b);
}

/* What the last dials tell of the network: that nobody knows a node is no failure while somebody
 * answers. */
static void a_dial_that_nobody_answers_is_a_recent_failure(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_find(b, 0); /* nobody to ask: it tells nothing */
    bench_run(b, TH_DIAL_MS_DEFAULT);
    assert_int_equal(bench_status(b)->recent, 0);

    bench_line_up(b, 0);
    bench_link_up(b, 0);
    for (unsigned i = 0; i < TH_DIAL_RECENT_MAX + 1; i++) {
        bench_find(b, 5); /* the one that is asked does not answer */
        bench_run(b, TH_DIAL_MS_DEFAULT);
    }
    assert_int_equal(bench_status(b)->recent, TH_DIAL_RECENT_MAX);
    assert_int_equal(bench_status(b)->recent_failed, TH_DIAL_RECENT_MAX);

    bench_reach(b, 0); /* there is a line */
    bench_run(b, 0);
    bench_run(b, 5000);
    const struct th_dialer_status *status = bench_status(b);
    assert_int_equal(status->recent, TH_DIAL_RECENT_MAX);
    assert_int_equal(status->recent_failed, TH_DIAL_RECENT_MAX - 1);
    assert_int_equal(status->recent_ms, 5000);
    bench_close(b);
}

static void how_long_dials_took_is_counted_in_steps(void **state)
{
    (void)state;
    struct bench *b = bench_open(0);
    bench_line_up(b, 0);

    bench_reach(b, 0); /* at once */
    bench_run(b, 0);
    bench_reach(b, 5);
    bench_run(b, 300);
    ANSWER(b, bench_asked(b, ASKED_SEEK, 0), 0);
    bench_run(b, 0);

    const struct th_dialer_status *status = bench_status(b);
    uint64_t all = 0;
    for (unsigned i = 0; i <= TH_DIALER_TOOK_STEPS; i++)
        all += status->took[i];
    assert_int_equal(all, 2);
    assert_int_equal(status->took[0], 1);
    assert_int_equal(th_dialer_took_up_to[5], 500);
    assert_int_equal(status->took[5], 1); /* over 250 ms, and no more than 500 */
    assert_int_equal(status->took_sum_ms, 300);
    bench_close(b);
}

/* The n-th allocation of all that happens is refused, for every n: the run-time's too. */
static void whatever_memory_is_refused_every_dial_is_told_once(void **state)
{
    (void)state;
    unsigned told_well = 0;

    for (uint64_t nth = 1; nth < 120; nth++) {
        struct bench *b = bench_open(0);
        struct th_dial request = {.target = node_of(0), .mode = TH_DIAL_REACH};
        bench_link_up(b, 100);
        void *body = th_mem_copy(&request, sizeof request);
        assert_non_null(body);

        th_mem_refuse(nth);
        struct th_msg msg = {.kind = &bench_msg_dial, .body = body};
        bool is_dialled = th_post(b->host, b->client, msg) == TH_OK;
        bench_run(b, 0);
        for (unsigned i = 0; i < b->count; i++)
            if (b->request[i].what == ASKED_SEEK && b->request[i].c) {
                static const char head[] = "{\"see\":[\"0000000000000000000000000000000000000000"
                                           "000000000000000000000000,3a\"]}";
                bench_packet(b, &b->request[i], head, "", true);
                b->request[i].c = 0;
            }
        bench_run(b, 20000);
        th_mem_refuse(0);

        if (is_dialled) {
            assert_int_equal(b->dials, 1);
            assert_int_equal(b->outcome[0].times_told, 1);
            told_well += b->outcome[0].why == TH_OK && b->outcome[0].told->result == TH_NO_PATH;
        }
        bench_close(b);
    }
    assert_true(told_well > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dials_for_the_same_target_see_only_their_own_answers),
        cmocka_unit_test(time_outs_reach_only_the_dial_that_set_them),
        cmocka_unit_test(node_that_is_not_allowed_is_not_dialled),
        cmocka_unit_test(answers_with_a_foreign_owner_or_an_unknown_tag_are_left_alone),
        cmocka_unit_test(packets_after_the_end_of_a_dial_are_ignored),
        cmocka_unit_test(measured_round_trips_set_the_time_outs_of_later_dials),
        cmocka_unit_test(dials_over_the_limit_are_refused_at_once),
        cmocka_unit_test(dialer_that_stops_tells_every_dial),
        cmocka_unit_test(dialer_ends_when_the_event_manager_does),
        cmocka_unit_test(restarted_dialer_finds_lines_and_knows_who_is_linked),
        cmocka_unit_test(dial_that_comes_before_the_lines_are_known_waits_for_them),
        cmocka_unit_test(missed_events_are_made_good),
        cmocka_unit_test(lines_of_a_switch_that_ended_are_forgotten),
        cmocka_unit_test(dial_without_a_switch_is_told_all_the_same),
        cmocka_unit_test(results_are_counted_and_announced),
        cmocka_unit_test(a_dial_that_nobody_answers_is_a_recent_failure),
        cmocka_unit_test(how_long_dials_took_is_counted_in_steps),
        cmocka_unit_test(whatever_memory_is_refused_every_dial_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

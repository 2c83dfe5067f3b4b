/* The router when its neighbours come, go, hang or were there before it. */
#include "tests/lib/test_router.h"

/* --- what was there before --------------------------------------------------------------------------- */

static void lines_of_before_the_start_are_candidates(void **state)
{
    struct world *w = begin();
    (void)state;

    announce_line(w, TH_EV_LINE_UP, 0x80);
    announce_line(w, TH_EV_LINE_UP, 0x40);
    announce_line(w, TH_EV_LINE_DOWN, 0x40);
    start_router(w);

    assert_int_equal(w->opens, 1);
    assert_int_equal(w->opened[0].b[0], 0x80);
    end(w);
}

static void link_channel_that_outlived_a_router_is_taken_over(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_packet(w, TH_EV_PACKET, TH_CHANNEL_LINK, 0x80, 41, false, "{\"seed\":true}");

    assert_true(is_up(w, 0, 0x80));
    assert_int_equal(w->sent[0].c, 41);
    end(w);
}

/* B5 */
static void events_that_were_missed_are_made_up_for_by_a_picture(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0x80, 5);
    assert_int_equal(th_suspend(w->host, w->router, 3000), TH_OK);
    for (uint8_t n = 0; n < 60; n++)
        announce_line(w, TH_EV_PATH_CHANGED, 0x80);
    announce_line(w, TH_EV_LINE_DOWN, 0x80); /* finds the mailbox full */
    announce_line(w, TH_EV_LINE_UP, 0x40);
    run(w, 4000);

    assert_int_equal(w->link_count, 2);
    assert_false(w->link[1].is_up);
    assert_int_equal(w->opened[0].b[0], 0x40);
    end(w);
}

/* --- neighbours that end ----------------------------------------------------------------------------- */

/* A9 */
static void router_ends_with_its_event_manager(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    th_stop(w->host, w->events, TH_SHUTDOWN);
    run(w, 10);

    assert_true(th_whereis(w->host, 0, "router") == 0);
    end(w);
}

static void links_go_with_the_switch_and_come_with_the_lines_of_the_next(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_line(w, TH_EV_LINE_UP, 0x80);
    announce_request(w, 0x80, 5);
    assert_int_equal(w->opens, 1);
    th_stop(w->host, w->sw, TH_SHUTDOWN);
    run(w, 10);
    assert_int_equal(w->link_count, 2);
    run(w, 2000);
    w->sw = spawn(w, &switch_ops, "switch", w, 0);
    announce_line(w, TH_EV_LINE_UP, 0x80);
    run(w, 1000);

    assert_int_equal(w->opens, 2);
    end(w);
}

static void switch_that_does_not_answer_leaves_the_router_alive(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    w->is_switch_mute = true;
    announce_line(w, TH_EV_LINE_UP, 0x80);
    run(w, 60000);

    assert_int_equal(table(w, &reply)->count <= 1, 1);
    th_msg_drop(&reply);
    end(w);
}

static void news_wait_for_an_event_manager_without_room(void **state)
{
    struct world *w = begin();
    (void)state;

    for (uint8_t n = 0; n < 6; n++)
        announce_line(w, TH_EV_LINE_UP, (uint8_t)(0x80 >> n));
    start_router(w);
    assert_int_equal(w->opens, 6);
    for (uint8_t n = 0; n < 6; n++)
        announce_packet(w, TH_EV_PACKET, TH_CHANNEL_LINK, (uint8_t)(0x80 >> n), 2 + 2u * n, true,
                        "{}");
    assert_int_equal(w->link_count, 6);
    assert_int_equal(th_suspend(w->host, w->events, 1000), TH_OK);
    th_stop(w->host, w->sw, TH_SHUTDOWN);
    run(w, 900);
    assert_int_equal(w->link_count, 6);
    run(w, 500);

    assert_int_equal(w->link_count, 12);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_before_the_start_are_candidates),
        cmocka_unit_test(link_channel_that_outlived_a_router_is_taken_over),
        cmocka_unit_test(events_that_were_missed_are_made_up_for_by_a_picture),
        cmocka_unit_test(router_ends_with_its_event_manager),
        cmocka_unit_test(links_go_with_the_switch_and_come_with_the_lines_of_the_next),
        cmocka_unit_test(switch_that_does_not_answer_leaves_the_router_alive),
        cmocka_unit_test(news_wait_for_an_event_manager_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

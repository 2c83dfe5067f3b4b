/* The router at work: links, seeks, dials, what others ask of it. */
#include "router/routing.h"
#include "tests/lib/test_router.h"

/* --- links ------------------------------------------------------------------------------------------- */

/* B6 */
static void new_line_leads_to_a_link_that_is_announced(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_line(w, TH_EV_LINE_UP, 0x80);
    assert_int_equal(w->opens, 1);
    assert_string_equal(w->opened_fields[0], "\"seed\":true,\"see\":[]");
    announce_packet(w, TH_EV_PACKET, TH_CHANNEL_LINK, 0x80, 2, true, "{\"seed\":true}");

    assert_int_equal(w->link_count, 1);
    assert_true(is_up(w, 0, 0x80));
    assert_true(w->link[0].link.is_out);
    assert_true(w->link[0].link.is_seed);
    end(w);
}

static void request_of_theirs_is_answered_on_its_channel(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0x80, 5);

    assert_int_equal(w->sends, 1);
    assert_int_equal(w->sent[0].c, 5);
    assert_false(w->sent[0].is_ours);
    assert_string_equal(w->sent[0].fields, "\"seed\":true,\"see\":[]");
    assert_true(is_up(w, 0, 0x80));
    end(w);
}

/* B6 */
static void link_goes_down_with_its_line(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0x80, 5);
    announce_line(w, TH_EV_LINE_DOWN, 0x80);

    assert_int_equal(w->link_count, 2);
    assert_false(w->link[1].is_up);
    assert_int_equal(w->link[1].link.why, TH_TIMED_OUT);
    end(w);
}

static void link_is_kept_alive_and_dropped_when_silent(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0x80, 5);
    run(w, 59900);
    assert_int_equal(w->link_count, 1);
    assert_true(w->sends >= 1 + 3);
    assert_string_equal(w->sent[1].fields, "\"seed\":true");
    run(w, 200);

    assert_int_equal(w->link_count, 2);
    assert_int_equal(w->link[1].link.why, TH_TIMED_OUT);
    end(w);
}

static void seek_is_answered_and_ended_on_the_askers_channel(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0x80, 5);
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_SEEK, 0x40, 7, false, "{\"seek\":\"80\"}");

    assert_int_equal(w->sends, 2);
    assert_int_equal(w->sent[1].c, 7);
    assert_true(w->sent[1].end);
    assert_string_equal(
        w->sent[1].fields,
        "\"see\":[\"8080808080808080808080808080808080808080808080808080808080808080"
        ",3a,127.0.0.128,1000\"]");
    end(w);
}

static void link_that_is_wanted_is_asked_for(void **state)
{
    struct world *w = begin_with_router();
    struct th_hashname wanted = id_of(0x83), *id = th_mem_copy(&wanted, sizeof wanted);
    (void)state;

    announce_request(w, 0x80, 1);
    announce_request(w, 0x81, 1);
    th_post(w->host, w->router, (struct th_msg){.kind = &th_router_msg_link, .body = id});
    run(w, 1);
    assert_int_equal(w->opens, 1);
    announce_packet(w, TH_EV_PACKET, TH_CHANNEL_LINK, 0x83, 2, true,
                    "{\"err\":\"no\",\"end\":true}");

    assert_int_equal(w->link_count, 3);
    assert_int_equal(w->link[2].link.why, TH_REFUSED);
    end(w);
}

static void only_links_are_logged_and_in_full(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    announce_request(w, 0xab, 1);
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_SEEK, 0x40, 7, false, "{\"seek\":\"nonsense\"}");
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_LINK, 0x41, 7, false, "[]");
    announce_packet(w, TH_EV_PACKET, TH_CHANNEL_LINK, 0xab, 1, false, "{\"end\":true}");

    assert_string_equal(
        w->logged,
        "info link_up peer=abababababababababababababababababababababababababababababababab "
        "direction=in seed=yes\n"
        "info link_down peer=abababababababababababababababababababababababababababababababab "
        "why=\"end of the stream\"\n");
    end(w);
}

/* --- dials ------------------------------------------------------------------------------------------- */

/* A6 */
static void told_node_is_reached_from_inside_an_event(void **state)
{
    struct world *w = begin_with_router();
    struct th_hashname told = id_of(0x40);
    (void)state;

    w->is_dialer_mute = true;
    announce_packet(
        w, TH_EV_OPENED, TH_CHANNEL_LINK, 0x80, 5, false,
        "{\"seed\":true,\"see\":[\"4040404040404040404040404040404040404040404040404040404040404040"
        ",3a,127.0.0.64,1000\"]}");
    assert_int_equal(w->dials, 1);
    assert_true(th_hashname_is_equal(&w->dial[0].target, &told));
    assert_int_equal(w->dial[0].mode, TH_DIAL_REACH);
    assert_int_equal(w->dial[0].hint_count, 1);
    assert_int_equal(w->dial[0].hint[0].via.b[0], 0x80);
    assert_int_equal(w->dial[0].hint[0].addr.port, 1000);
    assert_true(w->dial[0].only_hints); /* a node in reserve is not worth a search */

    /* The dialer says nothing; the router goes on. */
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_SEEK, 0x20, 7, false, "{\"seek\":\"80\"}");
    assert_int_equal(w->sends, 2);
    answer_dial(w, 0);
    run(w, 1);
    assert_int_equal(w->opens, 1);
    end(w);
}

static void refresh_is_answered_when_its_dials_have_ended(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    announce_request(w, 0x40, 5);
    w->told_count = 1;
    w->told[0] = (struct th_told){.id = id_of(0x90), .has_via = true, .via = id_of(0x40)};
    assert_int_equal(th_call_wait(w->host, w->router,
                                  (struct th_msg){.kind = &th_router_msg_refresh}, 1000, &reply),
                     TH_OK);
    assert_ptr_equal(reply.kind, &th_router_msg_refresh);
    th_msg_drop(&reply);

    /* Two buckets, and a node that the dials told of. */
    assert_int_equal(w->dials, 3);
    assert_int_equal(w->dial[0].mode, TH_DIAL_FIND);
    assert_int_equal(w->dial[0].width, 2); /* k is 2 */
    assert_int_equal(w->dial[2].mode, TH_DIAL_REACH);
    assert_int_equal(w->dial[2].hint[0].via.b[0], 0x40);
    end(w);
}

static void refresh_is_as_wide_as_a_bucket_needs(void **state)
{
    (void)state;
    static const unsigned wide[][2] = {{2, 2}, {3, 2}, {6, 4}, {8, 5}, {16, 10}, {64, 40}};

    for (unsigned i = 0; i < sizeof wide / sizeof wide[0]; i++)
        assert_int_equal(th_routing_refresh_width(wide[i][0]), wide[i][1]);
}

static void refresh_ends_though_the_dialer_does_not_answer(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    announce_request(w, 0x80, 5);
    w->is_dialer_mute = true;
    assert_int_equal(th_call_wait(w->host, w->router,
                                  (struct th_msg){.kind = &th_router_msg_refresh}, 20000, &reply),
                     TH_OK);
    th_msg_drop(&reply);
    end(w);
}

static void router_without_a_dialer_goes_on(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    th_stop(w->host, w->dialer, TH_SHUTDOWN);
    run(w, 1);
    announce_request(w, 0x80, 5);
    assert_int_equal(th_call_wait(w->host, w->router,
                                  (struct th_msg){.kind = &th_router_msg_refresh}, 1000, &reply),
                     TH_OK);
    th_msg_drop(&reply);

    assert_int_equal(w->link_count, 1);
    end(w);
}

/* --- requests ---------------------------------------------------------------------------------------- */

static void table_shows_links_by_bucket(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    announce_request(w, 0x40, 5);
    announce_request(w, 0x80, 5);
    announce_line(w, TH_EV_LINE_UP, 0x20);
    run(w, 5000 - 1);
    const struct th_router_table *t = table(w, &reply);

    assert_int_equal(t->count, 3);
    assert_int_equal(t->link[0].bucket, 255);
    assert_true(t->link[0].is_up);
    assert_false(t->link[0].is_out);
    assert_in_range(t->link[0].up_ms, 5000, 5001);
    assert_int_equal(t->link[1].bucket, 254);
    assert_int_equal(t->link[2].bucket, 253);
    assert_false(t->link[2].is_up);
    assert_int_equal(t->bucket[255].links, 1);
    assert_int_equal(t->bucket[253].links, 0);
    th_msg_drop(&reply);
    end(w);
}

/* Of one bucket with a bridge come more than two; where they are, nobody can be told. */
static void address_of_a_bridge_is_not_where_its_nodes_are(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    w->bridge = (struct th_addr){.ip = {8, 8, 8, 8}, .port = 42424, .family = TH_FAMILY_IPV4};
    for (uint8_t n = 0; n < 4; n++)
        announce_request(w, (uint8_t)(0x80 + n), 5);
    assert_int_equal(w->link_count, 4);
    announce_line(w, TH_EV_PATH_CHANGED, 0x80);
    unsigned before = w->sends;
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_SEEK, 0x40, 7, false, "{\"seek\":\"80\"}");

    assert_int_equal(w->sends, before + 1);
    assert_non_null(strstr(w->sent[before].fields, "8080808080808080"));
    assert_null(strstr(w->sent[before].fields, "8.8.8.8"));
    end(w);
}

static void leaving_ends_links_before_it_answers(void **state)
{
    struct world *w = begin_with_router();
    struct th_msg reply = {0};
    (void)state;

    announce_request(w, 0x80, 5);
    announce_request(w, 0x40, 7);
    assert_int_equal(th_call_wait(w->host, w->router, (struct th_msg){.kind = &th_router_msg_leave},
                                  1000, &reply),
                     TH_OK);
    th_msg_drop(&reply);

    assert_int_equal(w->sends, 4);
    assert_true(w->sent[2].end && w->sent[3].end);
    run(w, 1);
    assert_int_equal(w->link_count, 4);
    assert_int_equal(w->link[3].link.why, TH_SHUTDOWN);
    end(w);
}

static void router_can_be_stopped_with_calls_under_way(void **state)
{
    struct world *w = begin_with_router();
    (void)state;

    w->is_switch_mute = w->is_dialer_mute = true;
    announce_request(w, 0x40, 5);
    announce_line(w, TH_EV_LINE_UP, 0x80);
    th_post(w->host, w->router, (struct th_msg){.kind = &th_router_msg_refresh});
    run(w, 1);
    th_stop(w->host, w->router, TH_SHUTDOWN);
    run(w, 1);

    assert_true(th_whereis(w->host, 0, "router") == 0);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_line_leads_to_a_link_that_is_announced),
        cmocka_unit_test(request_of_theirs_is_answered_on_its_channel),
        cmocka_unit_test(link_goes_down_with_its_line),
        cmocka_unit_test(link_is_kept_alive_and_dropped_when_silent),
        cmocka_unit_test(seek_is_answered_and_ended_on_the_askers_channel),
        cmocka_unit_test(link_that_is_wanted_is_asked_for),
        cmocka_unit_test(only_links_are_logged_and_in_full),
        cmocka_unit_test(told_node_is_reached_from_inside_an_event),
        cmocka_unit_test(refresh_is_answered_when_its_dials_have_ended),
        cmocka_unit_test(refresh_is_as_wide_as_a_bucket_needs),
        cmocka_unit_test(refresh_ends_though_the_dialer_does_not_answer),
        cmocka_unit_test(router_without_a_dialer_goes_on),
        cmocka_unit_test(table_shows_links_by_bucket),
        cmocka_unit_test(address_of_a_bridge_is_not_where_its_nodes_are),
        cmocka_unit_test(leaving_ends_links_before_it_answers),
        cmocka_unit_test(router_can_be_stopped_with_calls_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

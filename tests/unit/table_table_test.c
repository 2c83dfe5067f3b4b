#include "router/table.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

static void begin(struct th_table *table, unsigned k, unsigned links_max)
{
    const struct th_table_config config = {.self = test_self(), .k = k, .links_max = links_max};

    th_table_init(table, &config);
}

static struct th_peer *add(struct th_table *table, struct th_hashname id, bool is_out)
{
    const struct th_spare spare = test_spare(id);
    const struct th_link link = test_link(test_now(0));
    struct th_peer *peer = th_table_add(table, &spare, &link);

    assert_non_null(peer);
    peer->is_out = is_out;
    return peer;
}

static struct th_peer *add_from(struct th_table *table, struct th_hashname id, struct th_addr addr)
{
    struct th_peer *peer = add(table, id, false);

    th_table_move(table, peer, &addr);
    return peer;
}

static enum th_table_verdict judge(const struct th_table *table, struct th_hashname id,
                                   struct th_peer **loser)
{
    const struct th_newcomer newcomer = {.id = id};

    return th_table_judge(table, &newcomer, loser);
}

/* --- rule 1 ------------------------------------------------------------------------------------------ */

static void others_may_link_beyond_k_until_the_table_is_full(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 5);
    for (uint8_t n = 1; n <= 4; n++)
        add(&table, test_id(255, n), false);

    assert_int_equal(judge(&table, test_id(255, 9), &loser), TH_TABLE_ROOM);
    th_table_clear(&table);
}

static void newcomer_to_the_fullest_bucket_is_refused(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 5);
    for (uint8_t n = 1; n <= 5; n++)
        add(&table, test_id(255, n), false);

    assert_int_equal(judge(&table, test_id(255, 9), &loser), TH_TABLE_FULL);
    assert_null(loser);
    th_table_clear(&table);
}

static void newcomer_to_another_bucket_takes_the_place_of_the_youngest_there(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 5);
    for (uint8_t n = 1; n <= 4; n++)
        add(&table, test_id(255, n), false);
    add(&table, test_id(254, 1), false);

    assert_int_equal(judge(&table, test_id(254, 2), &loser), TH_TABLE_TRIM);
    assert_int_equal(loser->id.b[31], 4);
    th_table_clear(&table);
}

/* A2 */
static void newcomer_is_refused_when_no_bucket_is_above_k(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 4);
    for (uint8_t n = 1; n <= 2; n++) {
        add(&table, test_id(255, n), false);
        add(&table, test_id(254, n), false);
    }

    assert_int_equal(judge(&table, test_id(253, 1), &loser), TH_TABLE_FULL);
    th_table_clear(&table);
}

static void newcomer_that_makes_its_bucket_as_full_as_the_fullest_is_refused(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 1, 5);
    for (uint8_t n = 1; n <= 3; n++)
        add(&table, test_id(255, n), false);
    for (uint8_t n = 1; n <= 2; n++)
        add(&table, test_id(254, n), false);

    assert_int_equal(judge(&table, test_id(254, 3), &loser), TH_TABLE_FULL);
    th_table_clear(&table);
}

static void links_that_we_opened_are_not_ended_for_room(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 1, 4);
    for (uint8_t n = 1; n <= 3; n++)
        add(&table, test_id(255, n), n == 3);
    add(&table, test_id(254, 1), false);

    assert_int_equal(judge(&table, test_id(253, 1), &loser), TH_TABLE_TRIM);
    assert_int_equal(loser->id.b[31], 2);
    th_table_clear(&table);
}

static void requests_that_nobody_answered_take_no_links_place(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 2);
    add(&table, test_id(255, 1), false);
    const struct th_spare spare = test_spare(test_id(255, 2));
    struct th_link link;
    th_link_init_ours(&link, TH_LINK_KEEPALIVE_MS_DEFAULT, test_now(0));
    assert_non_null(th_table_add(&table, &spare, &link));

    assert_int_equal(table.linked_count, 2);
    assert_int_equal(table.up_count, 1);
    assert_int_equal(judge(&table, test_id(254, 1), &loser), TH_TABLE_ROOM);
    th_table_clear(&table);
}

/* --- rule 7 ------------------------------------------------------------------------------------------ */

static void link_that_the_application_wants_is_taken_and_kept(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    (void)state;

    begin(&table, 2, 2);
    add(&table, test_id(255, 1), false);
    add(&table, test_id(255, 2), false);
    const struct th_newcomer wanted = {.id = test_id(255, 3), .is_kept = true};

    assert_int_equal(th_table_judge(&table, &wanted, &loser), TH_TABLE_ROOM);
    add(&table, wanted.id, false)->is_kept = true;
    assert_int_equal(judge(&table, test_id(254, 1), &loser), TH_TABLE_FULL);
    th_table_clear(&table);
}

static void kept_links_over_the_limit_are_few(void **state)
{
    struct th_table table;
    struct th_peer *loser = NULL;
    unsigned taken = 0;
    (void)state;

    begin(&table, 2, 2);
    for (uint8_t n = 1; n <= 100; n++) {
        const struct th_newcomer wanted = {.id = test_id(255, n), .is_kept = true};
        if (th_table_judge(&table, &wanted, &loser) != TH_TABLE_ROOM)
            continue;
        add(&table, wanted.id, false)->is_kept = true;
        taken++;
    }

    assert_int_equal(taken, TH_KEPT_MAX + 1);
    th_table_clear(&table);
}

/* --- rule 5 ------------------------------------------------------------------------------------------ */

static enum th_table_verdict judge_from(const struct th_table *table, struct th_hashname id,
                                        struct th_addr addr)
{
    const struct th_newcomer newcomer = {.id = id, .addr = addr};
    struct th_peer *loser;

    return th_table_judge(table, &newcomer, &loser);
}

static void third_of_a_net_in_a_bucket_is_refused(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table, 8, 256);
    add_from(&table, test_id(255, 1), test_addr(192, 0, 2, 1));
    add_from(&table, test_id(255, 2), test_addr(192, 0, 2, 77));

    assert_int_equal(judge_from(&table, test_id(255, 3), test_addr(192, 0, 2, 3)), TH_TABLE_NET);
    assert_int_equal(judge_from(&table, test_id(255, 3), test_addr(192, 0, 3, 3)), TH_TABLE_ROOM);
    assert_int_equal(judge_from(&table, test_id(254, 3), test_addr(192, 0, 2, 3)), TH_TABLE_ROOM);
    th_table_clear(&table);
}

static void eleventh_of_a_net_in_the_table_is_refused(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table, 8, 256);
    for (uint8_t n = 0; n < 10; n++)
        add_from(&table, test_id(255 - n / 2, n), test_addr(192, 0, 2, n));

    assert_int_equal(judge_from(&table, test_id(200, 1), test_addr(192, 0, 2, 99)), TH_TABLE_NET);
    th_table_clear(&table);
}

static void net_of_ipv6_is_its_first_64_bits(void **state)
{
    struct th_table table;
    struct th_addr addr = {
        .ip = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 9}, .port = 1, .family = TH_FAMILY_IPV6};
    struct th_addr other = addr;
    (void)state;

    begin(&table, 8, 256);
    add_from(&table, test_id(255, 1), addr);
    addr.ip[15] = 5;
    add_from(&table, test_id(255, 2), addr);
    addr.ip[8] = 44;
    other.ip[7] = 2;

    assert_int_equal(judge_from(&table, test_id(255, 3), addr), TH_TABLE_NET);
    assert_int_equal(judge_from(&table, test_id(255, 3), other), TH_TABLE_ROOM);
    th_table_clear(&table);
}

static void loopback_and_private_nets_count_only_when_told_so(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table, 8, 256);
    for (uint8_t n = 1; n <= 20; n++) {
        add_from(&table, test_id(255, n), test_addr(127, 0, 0, 1));
        add_from(&table, test_id(254, n), test_addr(10, 0, 0, n));
        add_from(&table, test_id(253, n), (struct th_addr){0});
    }

    assert_int_equal(judge_from(&table, test_id(255, 99), test_addr(127, 0, 0, 1)), TH_TABLE_ROOM);
    assert_int_equal(judge_from(&table, test_id(254, 99), test_addr(10, 0, 0, 99)), TH_TABLE_ROOM);
    table.config.limits_private = true;
    assert_int_equal(judge_from(&table, test_id(255, 99), test_addr(127, 0, 0, 1)), TH_TABLE_NET);
    assert_int_equal(judge_from(&table, test_id(254, 99), test_addr(10, 0, 0, 99)), TH_TABLE_NET);
    assert_int_equal(judge_from(&table, test_id(253, 99), (struct th_addr){0}), TH_TABLE_ROOM);
    th_table_clear(&table);
}

static void net_has_room_again_when_one_of_it_is_gone_or_elsewhere(void **state)
{
    struct th_table table;
    const struct th_addr elsewhere = test_addr(192, 0, 9, 1);
    (void)state;

    begin(&table, 8, 256);
    struct th_peer *first = add_from(&table, test_id(255, 1), test_addr(192, 0, 2, 1));
    struct th_peer *second = add_from(&table, test_id(255, 2), test_addr(192, 0, 2, 2));
    assert_int_equal(judge_from(&table, test_id(255, 3), test_addr(192, 0, 2, 3)), TH_TABLE_NET);

    th_table_move(&table, first, &elsewhere);
    assert_int_equal(judge_from(&table, test_id(255, 3), test_addr(192, 0, 2, 3)), TH_TABLE_ROOM);
    add_from(&table, test_id(255, 4), elsewhere);
    assert_int_equal(judge_from(&table, test_id(255, 3), elsewhere), TH_TABLE_NET);

    th_table_remove(&table, first);
    th_table_remove(&table, second);
    assert_int_equal(judge_from(&table, test_id(255, 3), elsewhere), TH_TABLE_ROOM);
    assert_int_equal(judge_from(&table, test_id(255, 3), test_addr(192, 0, 2, 3)), TH_TABLE_ROOM);
    th_table_clear(&table);
}

static void net_of_more_peers_than_are_counted_is_judged_right(void **state)
{
    enum { MANY = UINT8_MAX + 10 };
    struct th_table table;
    struct th_peer *peers[MANY];
    const struct th_addr at = test_addr(192, 0, 2, 1);
    (void)state;

    begin(&table, 8, 2 * MANY);
    for (unsigned i = 0; i < MANY; i++)
        peers[i] = add_from(&table, test_id((uint8_t)(255 - i / 200), (uint8_t)(i % 200)), at);
    assert_int_equal(judge_from(&table, test_id(200, 1), at), TH_TABLE_NET);

    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(judge_from(&table, test_id(200, 1), at),
                         MANY - i >= TH_NET_TABLE_MAX ? TH_TABLE_NET : TH_TABLE_ROOM);
        th_table_remove(&table, peers[i]);
    }
    assert_int_equal(judge_from(&table, test_id(200, 1), at), TH_TABLE_ROOM);
    th_table_clear(&table);
}

/* --- rule 6 ------------------------------------------------------------------------------------------ */

static void offer(struct th_table *table, const struct th_spare *spare)
{
    enum th_bucket_verdict verdict;

    assert_int_equal(th_table_offer(table, spare, &verdict), TH_OK);
}

static void offer_line(struct th_table *table, struct th_hashname id)
{
    const struct th_spare spare = test_spare(id);

    offer(table, &spare);
}

static void spare_that_spreads_the_bucket_is_chosen(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    add(&table, test_id_at(255, 0x000000, 1), true);
    add(&table, test_id_at(255, 0x200000, 2), true);
    offer_line(&table, test_id_at(255, 0x200001, 3)); /* 001: taken */
    offer_line(&table, test_id_at(255, 0xe00000, 4)); /* 111: free */
    offer_line(&table, test_id_at(255, 0x000001, 5)); /* 000: taken */

    assert_int_equal(th_table_choose(&table, 255, &ages, test_now(0), &again)->id.b[31], 4);
    th_table_clear(&table);
}

static void of_equal_spares_the_one_known_for_longest_is_chosen(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    struct th_hashname old = test_id_at(255, 0x400000, 2);
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    assert_int_equal(th_ages_note(&ages, &old, 1, test_now(0)), TH_OK);
    offer_line(&table, test_id_at(255, 0x800000, 1));
    offer_line(&table, old);
    offer_line(&table, test_id_at(255, 0xc00000, 3));

    assert_int_equal(th_table_choose(&table, 255, &ages, test_now(9), &again)->id.b[31], 2);
    th_ages_clear(&ages);
    th_table_clear(&table);
}

static void spare_with_a_line_is_chosen_before_one_that_is_only_told_of(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    add(&table, test_id_at(255, 0, 1), true);
    offer_line(&table, test_id_at(255, 1, 2));
    const struct th_spare told = {.id = test_id_at(255, 0xe00000, 3)};
    offer(&table, &told);

    assert_int_equal(th_table_choose(&table, 255, &ages, test_now(0), &again)->id.b[31], 2);
    th_table_clear(&table);
}

/* --- who is left alone ------------------------------------------------------------------------------- */

static void node_that_had_no_room_is_left_alone_for_10_min(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    struct th_hashname id = test_id_at(255, 0, 1); /* spreads better than the other */
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    add(&table, test_id_at(255, 0xe00000, 8), true);
    offer_line(&table, id);
    offer_line(&table, test_id_at(255, 0xe00000, 9));
    assert_int_equal(th_table_avoid(&table, &id, TH_AVOID_ROOM, test_now(1000)), TH_OK);

    assert_int_equal(th_table_choose(&table, 255, &ages, test_now(600999), &again)->id.b[31], 9);
    assert_int_equal(again, 601000);
    assert_int_equal(th_table_choose(&table, 255, &ages, test_now(601000), &again)->id.b[31], 1);
    th_table_clear(&table);
}

static void node_that_had_no_room_is_asked_after_a_minute_when_nobody_else_is_left(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    add(&table, test_id(255, 9), true);
    offer_line(&table, id);
    assert_int_equal(th_table_avoid(&table, &id, TH_AVOID_ROOM, test_now(1000)), TH_OK);

    assert_null(th_table_choose(&table, 255, &ages, test_now(60999), &again));
    assert_int_equal(again, 61000);
    assert_non_null(th_table_choose(&table, 255, &ages, test_now(61000), &again));
    th_table_clear(&table);
}

static void node_that_did_not_answer_is_left_alone_for_60_s(void **state)
{
    struct th_table table;
    struct th_ages ages = {0};
    struct th_hashname id = test_id(255, 1);
    th_ms again;
    (void)state;

    begin(&table, 8, 256);
    offer_line(&table, id);
    assert_int_equal(th_table_avoid(&table, &id, TH_AVOID_FAILED, test_now(1000)), TH_OK);

    assert_null(th_table_choose(&table, 255, &ages, test_now(60999), &again));
    th_table_forgive(&table, &id);
    assert_non_null(th_table_choose(&table, 255, &ages, test_now(2000), &again));
    th_table_clear(&table);
}

static void list_of_who_is_left_alone_is_bounded(void **state)
{
    struct th_table table;
    struct th_hashname first = test_id_at(255, 0, 1);
    (void)state;

    begin(&table, 8, 256);
    for (uint32_t i = 0; i <= TH_AVOIDED_MAX; i++) {
        struct th_hashname id = test_id_at(255, i, 1);
        assert_int_equal(th_table_avoid(&table, &id, TH_AVOID_ROOM, test_now(i)), TH_OK);
    }

    assert_int_equal(table.avoided_count, TH_AVOIDED_MAX);
    assert_null(th_table_avoided(&table, &first, test_now(TH_AVOIDED_MAX)));
    th_table_clear(&table);
}

static void ourselves_are_never_in_our_table(void **state)
{
    struct th_table table;
    const struct th_spare self = test_spare(test_self());
    enum th_bucket_verdict verdict;
    (void)state;

    begin(&table, 8, 256);
    assert_int_equal(th_table_offer(&table, &self, &verdict), TH_OK);

    assert_int_equal(verdict, TH_BUCKET_KNOWN);
    assert_null(th_table_find(&table, &self.id));
    assert_int_equal(th_table_nearest(&table), -1);
    th_table_clear(&table);
}

static void refused_memory_leaves_the_table_whole(void **state)
{
    struct th_table table;
    const struct th_spare spare = test_spare(test_id(255, 1));
    const struct th_link link = test_link(test_now(0));
    (void)state;

    begin(&table, 8, 256);
    for (uint64_t nth = 1; nth <= 3; nth++) { /* bucket, peer, list */
        th_mem_refuse(nth);
        assert_null(th_table_add(&table, &spare, &link));
        th_mem_refuse(0);
        assert_int_equal(table.linked_count, 0);
        th_table_clear(&table);
    }

    assert_non_null(th_table_add(&table, &spare, &link));
    th_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_may_link_beyond_k_until_the_table_is_full),
        cmocka_unit_test(newcomer_to_the_fullest_bucket_is_refused),
        cmocka_unit_test(newcomer_to_another_bucket_takes_the_place_of_the_youngest_there),
        cmocka_unit_test(newcomer_is_refused_when_no_bucket_is_above_k),
        cmocka_unit_test(newcomer_that_makes_its_bucket_as_full_as_the_fullest_is_refused),
        cmocka_unit_test(links_that_we_opened_are_not_ended_for_room),
        cmocka_unit_test(requests_that_nobody_answered_take_no_links_place),
        cmocka_unit_test(link_that_the_application_wants_is_taken_and_kept),
        cmocka_unit_test(kept_links_over_the_limit_are_few),
        cmocka_unit_test(third_of_a_net_in_a_bucket_is_refused),
        cmocka_unit_test(eleventh_of_a_net_in_the_table_is_refused),
        cmocka_unit_test(net_of_ipv6_is_its_first_64_bits),
        cmocka_unit_test(loopback_and_private_nets_count_only_when_told_so),
        cmocka_unit_test(net_has_room_again_when_one_of_it_is_gone_or_elsewhere),
        cmocka_unit_test(net_of_more_peers_than_are_counted_is_judged_right),
        cmocka_unit_test(spare_that_spreads_the_bucket_is_chosen),
        cmocka_unit_test(of_equal_spares_the_one_known_for_longest_is_chosen),
        cmocka_unit_test(spare_with_a_line_is_chosen_before_one_that_is_only_told_of),
        cmocka_unit_test(node_that_had_no_room_is_left_alone_for_10_min),
        cmocka_unit_test(node_that_had_no_room_is_asked_after_a_minute_when_nobody_else_is_left),
        cmocka_unit_test(node_that_did_not_answer_is_left_alone_for_60_s),
        cmocka_unit_test(list_of_who_is_left_alone_is_bounded),
        cmocka_unit_test(ourselves_are_never_in_our_table),
        cmocka_unit_test(refused_memory_leaves_the_table_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "router/answer.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

static void begin(struct th_table *table)
{
    const struct th_table_config config = {.self = test_self(), .k = 8, .links_max = 256};

    th_table_init(table, &config);
}

static struct th_peer *add(struct th_table *table, struct th_hashname id, th_epoch_ms first_seen_at)
{
    const struct th_spare spare = test_spare(id);
    const struct th_link link = test_link(test_now(0));
    struct th_peer *peer = th_table_add(table, &spare, &link);

    assert_non_null(peer);
    peer->is_seed = true;
    peer->first_seen_at = first_seen_at;
    return peer;
}

static struct th_answer seek(const struct th_table *table, const char *prefix)
{
    const struct th_asker asker = {.id = test_id(255, 200), .addr = test_addr(127, 0, 0, 1)};
    struct th_prefix sought;
    struct th_answer answer;

    assert_true(th_prefix_read(&sought, prefix, strlen(prefix)));
    th_answer_seek(&answer, table, &sought, &asker);
    return answer;
}

/* The n of each entry's id. */
static unsigned nth(const struct th_answer *answer, unsigned i)
{
    assert_true(i < answer->count);
    return answer->entry[i].id.b[31];
}

static void oldest_seed_of_the_bucket_comes_first(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id_at(255, 0x000000, 1), 300);
    add(&table, test_id_at(255, 0x700000, 2), 100);
    add(&table, test_id_at(255, 0x100000, 3), 200);
    add(&table, test_id_at(254, 0x000000, 4), 1); /* older, in another bucket */

    struct th_answer answer = seek(&table, "80");
    assert_int_equal(nth(&answer, 0), 2);
    assert_int_equal(nth(&answer, 1), 1);
    th_table_clear(&table);
}

static void nodes_that_begin_with_the_prefix_follow_the_oldest_first(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id_at(255, 0x700000, 1), 1);
    add(&table, test_id_at(255, 0x001000, 2), 30)->is_seed = false;
    add(&table, test_id_at(255, 0x002000, 3), 20);
    add(&table, test_id_at(255, 0x003000, 4), 40)->is_seed = false;

    struct th_answer answer = seek(&table, "80");
    assert_int_equal(answer.count, 4);
    assert_int_equal(nth(&answer, 0), 1);
    assert_int_equal(nth(&answer, 1), 3);
    assert_int_equal(nth(&answer, 2), 2);
    assert_int_equal(nth(&answer, 3), 4);
    th_table_clear(&table);
}

static void at_most_four_are_told_for_the_prefix_alone(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    for (uint8_t n = 1; n <= 10; n++)
        add(&table, test_id_at(255, n, n), 100 - n)->is_seed = false;

    struct th_answer answer = seek(&table, "8000");
    assert_int_equal(answer.count, 4);
    assert_int_equal(nth(&answer, 0), 10);
    assert_int_equal(nth(&answer, 3), 7);
    th_table_clear(&table);
}

static void who_does_not_seed_is_told_only_for_its_prefix(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id_at(255, 0x400000, 1), 1)->is_seed = false;

    struct th_answer other = seek(&table, "81"), own = seek(&table, "a");
    assert_int_equal(other.count, 0);
    assert_int_equal(own.count, 1);
    th_table_clear(&table);
}

static void nearest_seeds_fill_up_to_eight(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id_at(253, 0, 90), 5);
    for (uint8_t n = 1; n <= 6; n++)
        add(&table, test_id_at(255, n * 0x010000u, n), n == 6 ? 1 : 10);
    add(&table, test_id_at(254, 0, 80), 5);
    add(&table, test_id_at(252, 0, 91), 5);

    struct th_answer answer = seek(&table, "8000000000");
    const unsigned expected[] = {6, 1, 2, 3, 4, 5, 91, 90};
    assert_int_equal(answer.count, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(nth(&answer, i), expected[i]);
    th_table_clear(&table);
}

static void asker_is_not_told_of_itself(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id(255, 200), 1);
    add(&table, test_id(255, 201), 2);

    struct th_answer answer = seek(&table, "80");
    assert_int_equal(answer.count, 1);
    assert_int_equal(nth(&answer, 0), 201);
    th_table_clear(&table);
}

static void node_whose_link_is_not_up_is_not_told(void **state)
{
    struct th_table table;
    struct th_spare spare = test_spare(test_id(255, 1));
    enum th_bucket_verdict verdict;
    struct th_link link;
    (void)state;

    begin(&table);
    th_link_init_ours(&link, TH_LINK_KEEPALIVE_MS_DEFAULT, test_now(0));
    assert_non_null(th_table_add(&table, &spare, &link));
    spare.id = test_id(255, 2);
    assert_int_equal(th_table_offer(&table, &spare, &verdict), TH_OK);

    assert_int_equal(seek(&table, "80").count, 0);
    th_table_clear(&table);
}

static void empty_table_answers_with_nobody(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    assert_int_equal(seek(&table, "80").count, 0);
    assert_int_equal(seek(&table, "0").count, 0);
    th_table_clear(&table);
}

static void prefix_with_which_we_begin_too_finds_our_neighbours(void **state)
{
    struct th_table table;
    (void)state;

    begin(&table);
    add(&table, test_id(255, 1), 1);
    add(&table, test_id(251, 2), 1)->is_seed = false; /* 08…: begins with 0 */
    add(&table, test_id(252, 3), 1)->is_seed = false; /* 10… */

    struct th_answer answer = seek(&table, "0");
    assert_int_equal(answer.count, 2);
    assert_int_equal(nth(&answer, 0), 2);
    assert_int_equal(nth(&answer, 1), 1);
    th_table_clear(&table);
}

static void our_own_hashname_may_be_sought(void **state)
{
    struct th_table table;
    char hex[TH_HASHNAME_HEX + 1];
    struct th_hashname self = test_self();
    (void)state;

    begin(&table);
    add(&table, test_id(255, 1), 1);
    add(&table, test_id(100, 2), 1);
    th_hashname_write(hex, &self);

    struct th_answer answer = seek(&table, hex);
    assert_int_equal(answer.count, 2);
    assert_int_equal(nth(&answer, 0), 2);
    th_table_clear(&table);
}

static bool tells_addr(struct th_addr own, struct th_addr askers)
{
    const struct th_asker asker = {.id = test_id(200, 1), .addr = askers};
    struct th_prefix sought;
    struct th_answer answer;
    struct th_table table;

    begin(&table);
    add(&table, test_id(255, 1), 1)->addr = own;
    assert_true(th_prefix_read(&sought, "80", 2));
    th_answer_seek(&answer, &table, &sought, &asker);
    assert_int_equal(answer.count, 1);
    assert_true(!answer.entry[0].has_addr || th_addr_is_equal(&answer.entry[0].addr, &own));
    th_table_clear(&table);
    return answer.entry[0].has_addr;
}

static void address_is_told_to_who_is_in_the_same_realm(void **state)
{
    const struct th_addr loopback = test_addr(127, 0, 0, 1), private = test_addr(10, 0, 0, 1),
                         public = test_addr(192, 0, 2, 1), relayed = {0};
    (void)state;

    assert_true(tells_addr(loopback, loopback));
    assert_true(tells_addr(private, test_addr(192, 168, 0, 1)));
    assert_true(tells_addr(public, test_addr(198, 51, 100, 1)));
    assert_false(tells_addr(loopback, public));
    assert_false(tells_addr(private, public));
    assert_false(tells_addr(public, private));
    assert_false(tells_addr(public, relayed));
    assert_false(tells_addr(relayed, relayed));
}

static void link_begins_with_the_seeds_nearest_to_the_other_side(void **state)
{
    const struct th_asker asker = {.id = test_id(254, 50)};
    struct th_answer answer;
    struct th_table table;
    (void)state;

    begin(&table);
    for (uint8_t n = 1; n <= 20; n++)
        add(&table, test_id_at(255, n, n), n);
    add(&table, test_id_at(254, 1, 60), 9);
    add(&table, test_id_at(254, 2, 61), 1)->is_seed = false;
    add(&table, asker.id, 1);
    add(&table, test_id_at(100, 1, 62), 5);

    th_answer_link(&answer, &table, &asker);
    const unsigned expected[] = {60, 62, 1, 2, 3, 4, 5, 6};
    assert_int_equal(answer.count, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(nth(&answer, i), expected[i]);
    th_table_clear(&table);
}

/* All who are near a node in a crowd are sent to the same few. */
static void who_finds_no_room_may_turn_to_near_seeds_and_to_some_from_everywhere(void **state)
{
    struct th_table table;
    struct th_rng rng;
    const uint8_t seed[TH_RNG_SEED_BYTES] = {3};
    const struct th_asker asker = {.id = test_id(255, 200), .addr = test_addr(127, 0, 0, 1)};
    struct th_hashname hosts[TH_ANSWER_HOSTS_MAX];
    unsigned near = 0, told[256] = {0};
    (void)state;

    begin(&table);
    th_rng_init(&rng, seed);
    for (uint8_t n = 1; n <= 10; n++)
        add(&table, test_id_at(255, 0, n), n);
    for (uint8_t n = 101; n <= 150; n++)
        add(&table, test_id_at(254, 0, n), n);
    add(&table, test_id_at(254, 0, 151), 1)->is_seed = false;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(th_answer_hosts(&table, &asker, &rng, hosts), TH_ANSWER_HOSTS_MAX);
        for (unsigned h = 0; h < TH_ANSWER_HOSTS_MAX / 2; h++)
            near += hosts[h].b[31] <= 10;
        for (unsigned h = 0; h < TH_ANSWER_HOSTS_MAX; h++)
            told[hosts[h].b[31]]++;
    }

    assert_int_equal(near, 100 * TH_ANSWER_HOSTS_MAX / 2);
    for (unsigned n = 101; n <= 150; n++)
        assert_in_range(told[n], 1, 30);
    assert_int_equal(told[151], 0);
    th_rng_clear(&rng);
    th_table_clear(&table);
}

static void hosts_of_a_small_table_are_each_told_once(void **state)
{
    struct th_table table;
    struct th_rng rng;
    const uint8_t seed[TH_RNG_SEED_BYTES] = {3};
    const struct th_asker asker = {.id = test_id(255, 200), .addr = test_addr(127, 0, 0, 1)};
    struct th_hashname hosts[TH_ANSWER_HOSTS_MAX];
    (void)state;

    begin(&table);
    th_rng_init(&rng, seed);
    assert_int_equal(th_answer_hosts(&table, &asker, &rng, hosts), 0);
    for (uint8_t n = 1; n <= 5; n++)
        add(&table, test_id_at(255, 0, n), n);
    add(&table, asker.id, 1);

    assert_int_equal(th_answer_hosts(&table, &asker, &rng, hosts), 5);
    unsigned all = 0;
    for (unsigned h = 0; h < 5; h++)
        all |= 1u << hosts[h].b[31];
    assert_int_equal(all, 0x3e);
    th_rng_clear(&rng);
    th_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_seed_of_the_bucket_comes_first),
        cmocka_unit_test(nodes_that_begin_with_the_prefix_follow_the_oldest_first),
        cmocka_unit_test(at_most_four_are_told_for_the_prefix_alone),
        cmocka_unit_test(who_does_not_seed_is_told_only_for_its_prefix),
        cmocka_unit_test(nearest_seeds_fill_up_to_eight),
        cmocka_unit_test(asker_is_not_told_of_itself),
        cmocka_unit_test(node_whose_link_is_not_up_is_not_told),
        cmocka_unit_test(empty_table_answers_with_nobody),
        cmocka_unit_test(prefix_with_which_we_begin_too_finds_our_neighbours),
        cmocka_unit_test(our_own_hashname_may_be_sought),
        cmocka_unit_test(address_is_told_to_who_is_in_the_same_realm),
        cmocka_unit_test(link_begins_with_the_seeds_nearest_to_the_other_side),
        cmocka_unit_test(who_finds_no_room_may_turn_to_near_seeds_and_to_some_from_everywhere),
        cmocka_unit_test(hosts_of_a_small_table_are_each_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "router/bucket.h"
#include "tests/lib/test_table.h"

#include "tests/lib/test_cmocka.h"

enum { INDEX = 250 };

static struct th_peer peer(uint8_t n, bool is_out)
{
    return (struct th_peer){
        .id = test_id(INDEX, n), .is_out = is_out, .link = test_link(test_now(n))};
}

static struct th_spare told(uint8_t n)
{
    return (struct th_spare){.id = test_id(INDEX, n), .has_via = true, .via = test_id(255, n)};
}

/* A2 */
static void flood_of_names_costs_spares_and_never_a_friend(void **state)
{
    struct th_peer friends[] = {peer(1, true), peer(2, false)};
    struct th_bucket bucket = {0};
    (void)state;

    assert_int_equal(th_bucket_add(&bucket, &friends[0]), TH_OK);
    assert_int_equal(th_bucket_add(&bucket, &friends[1]), TH_OK);
    for (uint8_t n = 10; n < 200; n++) {
        struct th_spare stranger = told(n);
        assert_int_equal(th_bucket_offer(&bucket, &stranger), TH_BUCKET_KEPT);
    }

    assert_int_equal(bucket.linked_count, 2);
    assert_int_equal(bucket.spare_count, TH_BUCKET_SPARES_MAX);
    assert_int_equal(bucket.spare[0].id.b[31], 199);
    th_bucket_clear(&bucket);
}

static void name_without_a_line_does_not_push_out_one_with_a_line(void **state)
{
    struct th_bucket bucket = {0};
    (void)state;

    for (uint8_t n = 1; n <= TH_BUCKET_SPARES_MAX; n++) {
        struct th_spare spare = test_spare(test_id(INDEX, n));
        th_bucket_offer(&bucket, &spare);
    }
    struct th_spare stranger = told(100), known = test_spare(test_id(INDEX, 101));
    struct th_hashname first = test_id(INDEX, 1);

    assert_int_equal(th_bucket_offer(&bucket, &stranger), TH_BUCKET_FULL);
    assert_int_equal(th_bucket_offer(&bucket, &known), TH_BUCKET_KEPT);
    assert_null(th_bucket_spare(&bucket, &first));
    assert_non_null(th_bucket_spare(&bucket, &known.id));
    th_bucket_clear(&bucket);
}

static void spare_that_is_being_reached_is_not_pushed_out(void **state)
{
    struct th_bucket bucket = {0};
    struct th_hashname first = test_id(INDEX, 1);
    (void)state;

    for (uint8_t n = 1; n < 100; n++) {
        struct th_spare spare = test_spare(test_id(INDEX, n));
        th_bucket_offer(&bucket, &spare);
        if (n == 1)
            th_bucket_spare(&bucket, &first)->is_reaching = true;
    }

    assert_non_null(th_bucket_spare(&bucket, &first));
    assert_int_equal(th_bucket_reaching(&bucket), 1);
    th_bucket_clear(&bucket);
}

static void spare_learns_what_is_new_of_it(void **state)
{
    struct th_bucket bucket = {0};
    struct th_spare first = told(1), news = test_spare(test_id(INDEX, 1)), lie = told(1);
    (void)state;

    first.failures = 2;
    th_bucket_offer(&bucket, &first);
    news.addr = test_addr(192, 0, 2, 1);
    assert_int_equal(th_bucket_offer(&bucket, &news), TH_BUCKET_KNOWN);
    lie.addr = test_addr(192, 0, 2, 99);
    assert_int_equal(th_bucket_offer(&bucket, &lie), TH_BUCKET_KNOWN);

    const struct th_spare *spare = th_bucket_spare(&bucket, &first.id);
    assert_true(spare->has_line);
    assert_true(spare->has_via);
    assert_int_equal(spare->failures, 0);
    assert_int_equal(spare->addr.ip[3], 1); /* a line's address is worth more than what is told */
    th_bucket_clear(&bucket);
}

static void peer_is_no_spare(void **state)
{
    struct th_bucket bucket = {0};
    struct th_peer friend = peer(1, true);
    struct th_spare spare = told(1);
    (void)state;

    th_bucket_offer(&bucket, &spare);
    assert_int_equal(th_bucket_add(&bucket, &friend), TH_OK);

    assert_int_equal(bucket.spare_count, 0);
    assert_int_equal(th_bucket_offer(&bucket, &spare), TH_BUCKET_KNOWN);
    assert_int_equal(bucket.spare_count, 0);
    th_bucket_clear(&bucket);
}

/* A2 */
static void youngest_that_others_opened_beyond_the_first_k_is_the_loser(void **state)
{
    struct th_peer peers[] = {peer(1, false), peer(2, false), peer(3, false), peer(4, true),
                              peer(5, false)};
    struct th_bucket bucket = {0};
    (void)state;

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(th_bucket_add(&bucket, &peers[i]), TH_OK);
    peers[4].is_kept = true;

    assert_ptr_equal(th_bucket_loser(&bucket, 2), &peers[2]);
    assert_null(th_bucket_loser(&bucket, 3));
    assert_null(th_bucket_loser(&bucket, 5));
    th_bucket_clear(&bucket);
}

static void link_is_as_old_as_its_beginning(void **state)
{
    struct th_peer asked = peer(1, true), taken = peer(2, false), late = peer(3, false);
    struct th_bucket bucket = {0};
    (void)state;

    asked.link.is_up = false;
    assert_int_equal(th_bucket_add(&bucket, &asked), TH_OK);
    assert_int_equal(th_bucket_add(&bucket, &taken), TH_OK);
    assert_int_equal(th_bucket_add(&bucket, &late), TH_OK);
    assert_null(th_bucket_loser(&bucket, 2)); /* two are up */
    asked.link.is_up = true;
    th_bucket_raise(&bucket);

    assert_int_equal(bucket.up_count, 3);
    assert_ptr_equal(th_bucket_loser(&bucket, 2), &late);
    th_bucket_remove(&bucket, &late);
    assert_int_equal(bucket.up_count, 2);
    assert_null(th_bucket_loser(&bucket, 2));
    th_bucket_clear(&bucket);
}

static void crowd_counts_who_shares_the_next_three_bits(void **state)
{
    struct th_bucket bucket = {0};
    struct th_peer peers[3];
    struct th_hashname alike = test_id_at(INDEX, 0x500000, 9); /* bits 010 */
    struct th_hashname other = test_id_at(INDEX, 0x1fffff, 9); /* 000 */
    (void)state;

    for (uint8_t i = 0; i < 3; i++) {
        peers[i] = peer(i, true);
        peers[i].id = test_id_at(INDEX, 0x400000u + i * 0x080000u, i); /* 010 each */
        assert_int_equal(th_bucket_add(&bucket, &peers[i]), TH_OK);
    }

    assert_int_equal(th_bucket_crowd(&bucket, INDEX, &alike), 3);
    assert_int_equal(th_bucket_crowd(&bucket, INDEX, &other), 0);
    th_bucket_clear(&bucket);
}

static void nearest_buckets_have_fewer_bits_to_spread_over(void **state)
{
    struct th_bucket bucket = {0};
    struct th_peer only = peer(1, true);
    (void)state;

    only.id = test_id(0, 0);
    assert_int_equal(th_bucket_add(&bucket, &only), TH_OK);

    assert_int_equal(th_bucket_crowd(&bucket, 0, &only.id), 1);
    th_bucket_clear(&bucket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_of_names_costs_spares_and_never_a_friend),
        cmocka_unit_test(name_without_a_line_does_not_push_out_one_with_a_line),
        cmocka_unit_test(spare_that_is_being_reached_is_not_pushed_out),
        cmocka_unit_test(spare_learns_what_is_new_of_it),
        cmocka_unit_test(peer_is_no_spare),
        cmocka_unit_test(youngest_that_others_opened_beyond_the_first_k_is_the_loser),
        cmocka_unit_test(link_is_as_old_as_its_beginning),
        cmocka_unit_test(crowd_counts_who_shares_the_next_three_bits),
        cmocka_unit_test(nearest_buckets_have_fewer_bits_to_spread_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

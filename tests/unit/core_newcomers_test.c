/* Lines that only an open of the other side made, and nothing has come on. */
#include "switch/core/newcomers.h"

#include "switch/core/board.h"
#include "tests/lib/halves.h"

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "crowds";

static struct th_addr ipv4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct th_addr){.ip = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d},
                            .port = 1000,
                            .family = TH_FAMILY_IPV4};
}

static uint8_t crowd_of(struct th_addr addr)
{
    return th_newcomer_crowd(secret, &addr);
}

/* --- whom to give up --- */

static void one_network_is_one_crowd(void **state)
{
    (void)state;
    struct th_addr six = {.ip = {0x20, 1, 0xd, 0xb8}, .family = TH_FAMILY_IPV6}, other = six;
    other.ip[15] = 7;

    assert_int_equal(crowd_of(ipv4(192, 0, 2, 1)), crowd_of(ipv4(192, 0, 2, 200)));
    assert_int_not_equal(crowd_of(ipv4(192, 0, 2, 1)), crowd_of(ipv4(192, 0, 3, 1)));
    assert_int_equal(crowd_of(six), crowd_of(other));
    other.ip[7] = 1;
    assert_int_not_equal(crowd_of(six), crowd_of(other));
}

static void oldest_of_the_most_crowded_network_goes_first(void **state)
{
    (void)state;
    struct th_newcomers newcomers = {0};
    struct th_line line[5];
    static const uint8_t crowd[5] = {1, 2, 3, 2, 3};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(th_newcomers_add(&newcomers, &line[i], crowd[i]), TH_OK);

    assert_ptr_equal(th_newcomers_worst(&newcomers), &line[1]);
    th_newcomers_remove(&newcomers, &line[1]);
    assert_ptr_equal(th_newcomers_worst(&newcomers), &line[2]);
    th_newcomers_remove(&newcomers, &line[2]);
    assert_ptr_equal(th_newcomers_worst(&newcomers), &line[0]);

    th_newcomers_clear(&newcomers);
}

static void without_memory_nothing_is_added(void **state)
{
    (void)state;
    struct th_newcomers newcomers = {0};
    struct th_line line;

    th_mem_refuse(1);
    assert_int_equal(th_newcomers_add(&newcomers, &line, 0), TH_NO_MEMORY);
    th_mem_refuse(0);

    assert_int_equal(newcomers.count, 0);
    th_newcomers_clear(&newcomers);
}

/* --- on a board --- */

/* A stranger's open, from an address; the number makes the stranger. */
static void knock(struct wire *w, unsigned number, const struct th_addr *from)
{
    uint8_t seed[TH_KEY_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8), 0x77};
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    struct th_identity stranger;
    struct th_keypair keys;
    struct th_line_id id = {{(uint8_t)number, (uint8_t)(number >> 8)}};
    uint8_t bytes[TH_OPEN_MAX];
    size_t len;

    th_identity_make(&stranger, seed);
    cipher->keypair(&keys, seed);
    assert_int_equal(th_open_write(bytes, sizeof bytes, &len, cipher, &stranger, &keys, &id,
                                   w->now.wall, &w->identity[0].hashname, &w->identity[0].keys.pub),
                     TH_OK);
    wire_deliver(w, 0, from, bytes, len);
    wire_settle(w);
}

/* So many strangers at a hundred addresses of one network, as fast as their opens are looked at. */
static void flood(struct wire *w, unsigned strangers)
{
    for (unsigned i = 0; i < strangers; i++) {
        struct th_addr from = ipv4(198, 51, 100, 1 + i % 100);
        if (i % 100 == 0)
            wire_pass(w, 50);
        knock(w, i, &from);
    }
}

static unsigned exchanges_of(const struct wire *w)
{
    struct th_switchboard_totals totals;

    th_switchboard_totals(w->board[0], &totals);
    return totals.exchanges;
}

/* A node that grew by all its 4,096 exchanges when somebody made up senders (4.4 MiB). */
static void flood_of_opens_costs_a_few_lines_and_no_more(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 1);

    flood(&w, TH_NEWCOMERS_MAX + 100);

    assert_int_equal(exchanges_of(&w), TH_NEWCOMERS_MAX);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_CROWDED), 100);
    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_LIMIT), 0);
    wire_free(&w);
}

static void what_only_an_open_said_is_forgotten_with_its_line(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 1);
    flood(&w, 10);
    assert_int_equal(exchanges_of(&w), 10);

    wire_pass(&w, TH_LINE_UNPROVEN_MS);

    assert_int_equal(exchanges_of(&w), 0);
    assert_int_equal(w.board[0]->newcomers.count, 0);
    wire_free(&w);
}

static void newcomer_from_elsewhere_outlasts_a_flood(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.is_apart[0][1] = true; /* it does not hear the answer to its first open */
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(exchanges_of(&w), 1);

    flood(&w, TH_NEWCOMERS_MAX + 100);
    w.is_apart[0][1] = false;
    wire_pass(&w, 2000);

    assert_int_equal(wire_drops(&w, 0, TH_DROP_OPEN_REPEAT), 1); /* it was known still */
    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(exchanges_of(&w), TH_NEWCOMERS_MAX);
    wire_free(&w);
}

static void line_that_has_proven_itself_is_no_newcomer_any_more(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);

    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(w.board[0]->newcomers.count, 0);
    flood(&w, TH_NEWCOMERS_MAX + 100);

    assert_true(wire_look(&w, 0, 1).is_up);
    assert_int_equal(exchanges_of(&w), TH_NEWCOMERS_MAX + 1);
    wire_free(&w);
}

static void newcomer_that_we_want_a_line_to_stays(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, 2);
    w.is_apart[0][1] = true;
    assert_int_equal(wire_open(&w, 1, 0), TH_AGAIN);
    wire_settle(&w);
    assert_int_equal(w.board[0]->newcomers.count, 1);

    assert_int_equal(wire_open(&w, 0, 1), TH_AGAIN);

    assert_int_equal(w.board[0]->newcomers.count, 0);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_network_is_one_crowd),
        cmocka_unit_test(oldest_of_the_most_crowded_network_goes_first),
        cmocka_unit_test(without_memory_nothing_is_added),
        cmocka_unit_test(flood_of_opens_costs_a_few_lines_and_no_more),
        cmocka_unit_test(what_only_an_open_said_is_forgotten_with_its_line),
        cmocka_unit_test(newcomer_from_elsewhere_outlasts_a_flood),
        cmocka_unit_test(line_that_has_proven_itself_is_no_newcomer_any_more),
        cmocka_unit_test(newcomer_that_we_want_a_line_to_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

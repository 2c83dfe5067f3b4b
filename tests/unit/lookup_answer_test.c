/*
 * What the lookup machine takes from an answer, and what it does not. The target is all zeros, and
 * node(n) begins with the two bytes of n, so that a smaller n is nearer.
 */
#include "dialer/lookup.h"

#include "switch/base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { SELF = 0xffff, FIRST = 1000 };

struct bench {
    struct th_identity self;
    struct th_lookup lookup;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    struct th_now now;
};

static struct th_hashname node(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)(n >> 8);
    id.b[1] = (uint8_t)n;
    return id;
}

/* Starts a lookup that has sent a seek to the node FIRST. */
static void begin(struct bench *b)
{
    struct th_lookup_config config = {
        .self = &b->self, .ends_at_match = true, .rtt = &b->rtt, .drops = &b->drops};
    struct th_hashname first = node(FIRST);
    struct th_lookup_action action;

    b->self = (struct th_identity){.hashname = node(SELF), .cipher = th_cipher_find(TH_CS3A)};
    b->now.mono = 1000;
    th_lookup_init(&b->lookup, &config, b->now);
    th_lookup_add(&b->lookup, &first);
    assert_true(th_lookup_next(&b->lookup, &action));
    th_lookup_on_line_up(&b->lookup, b->now, &first);
    assert_true(th_lookup_next(&b->lookup, &action));
    assert_int_equal(action.kind, TH_LOOKUP_SEEK);
}

static void name(struct th_see *see, unsigned n)
{
    see->entry[see->count++] = (struct th_see_entry){.id = node(n), .csid = TH_CS3A};
}

static void answer(struct bench *b, unsigned n, const struct th_see *see)
{
    struct th_hashname id = node(n);

    th_lookup_on_answer(&b->lookup, b->now, &id, see);
}

/* Asks the next one, whoever that is; false when nobody is asked. */
static bool ask_next(struct bench *b, struct th_hashname *asked)
{
    struct th_lookup_action action;

    if (!th_lookup_next(&b->lookup, &action) || action.kind != TH_LOOKUP_CONNECT)
        return false;
    *asked = action.node.id;
    th_lookup_on_line_up(&b->lookup, b->now, asked);
    return th_lookup_next(&b->lookup, &action) && action.kind == TH_LOOKUP_SEEK;
}

static const struct th_lookup_node *find(const struct bench *b, unsigned n)
{
    struct th_hashname id = node(n);

    return th_lookup_find(&b->lookup, &id);
}

static void end(struct bench *b)
{
    th_lookup_clear(&b->lookup);
    memset(b, 0, sizeof *b);
}

static void entries_that_name_us_or_the_answerer_are_dropped_and_counted(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    (void)state;
    begin(&b);
    name(&see, SELF);
    name(&see, FIRST);
    name(&see, 5);

    answer(&b, FIRST, &see);

    assert_int_equal(b.drops.n[TH_DROP_SEE_SELF], 2);
    assert_int_equal(b.lookup.count, 2);
    assert_null(find(&b, SELF));
    assert_int_equal(b.lookup.step[0].entries, 1);
    end(&b);
}

/* In a private mesh nobody is asked for somebody with whom there cannot be a line. */
static void entries_that_are_not_allowed_are_left_out_and_counted(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    struct th_hashname five = node(5), six = node(6);
    struct th_allow *allow, *later;
    (void)state;
    begin(&b);
    assert_int_equal(th_allow_new(&allow, &five, 1), TH_OK);
    assert_int_equal(th_allow_new(&later, &six, 1), TH_OK);
    b.lookup.config.allow = &allow;
    name(&see, 5);
    name(&see, 6);

    answer(&b, FIRST, &see);

    assert_int_equal(b.drops.n[TH_DROP_SEE_NOT_ALLOWED], 1);
    assert_non_null(find(&b, 5));
    assert_null(find(&b, 6));
    b.lookup.config.allow = &later; /* the list is another one, and this lookup goes on */
    struct th_hashname asked;
    assert_true(ask_next(&b, &asked));
    answer(&b, 5, &see);
    assert_non_null(find(&b, 6));
    th_allow_release(allow);
    th_allow_release(later);
    end(&b);
}

static void entries_that_are_farther_than_who_tells_of_them_are_known_too(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    (void)state;
    begin(&b);
    name(&see, 5000);
    name(&see, 5);
    name(&see, 2000);
    name(&see, 3000);

    answer(&b, FIRST, &see);

    assert_int_equal(b.lookup.count, 5);
    end(&b);
}

static void what_the_reader_found_bad_or_cut_is_counted(void **state)
{
    struct bench b = {0};
    struct th_see see = {.bad = 3, .over = 7};
    (void)state;
    begin(&b);

    answer(&b, FIRST, &see);

    assert_int_equal(b.drops.n[TH_DROP_SEE_BAD], 3);
    assert_int_equal(b.drops.n[TH_DROP_SEE_LONG], 1);
    end(&b);
}

static void nodes_of_foreign_cipher_sets_are_left_out(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    (void)state;
    begin(&b);
    name(&see, 5);
    see.entry[0].csid = 0x1a;

    answer(&b, FIRST, &see);

    assert_null(find(&b, 5));
    assert_int_equal(b.lookup.step[0].entries, 0);
    end(&b);
}

static void second_answer_of_a_node_is_ignored(void **state)
{
    struct bench b = {0};
    struct th_see see = {0}, second = {0};
    (void)state;
    begin(&b);
    name(&see, 500);
    name(&second, 5);

    answer(&b, FIRST, &see);
    answer(&b, FIRST, &second);

    assert_non_null(find(&b, 500));
    assert_null(find(&b, 5));
    end(&b);
}

static void answers_of_nodes_that_were_not_asked_are_ignored(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    (void)state;
    begin(&b);
    name(&see, 5);

    answer(&b, 77, &see);

    assert_int_equal(b.lookup.count, 1);
    end(&b);
}

static void three_tellers_of_a_node_are_kept_and_the_first_address(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    struct th_hashname asked;
    (void)state;
    begin(&b);
    for (unsigned n = 901; n <= 904; n++)
        name(&see, n);
    name(&see, 905);
    answer(&b, FIRST, &see);

    for (uint8_t i = 0; i < 4; i++) {
        struct th_see told = {0};
        assert_true(ask_next(&b, &asked));
        name(&told, 905);
        told.entry[0].has_addr = true;
        told.entry[0].addr = (struct th_addr){{10, 0, 0, i}, 42424, TH_FAMILY_IPV4, 0};
        th_lookup_on_answer(&b.lookup, b.now, &asked, &told);
    }

    struct th_hashname first = node(FIRST), second = node(901);
    assert_int_equal(find(&b, 905)->via_count, 3);
    assert_memory_equal(find(&b, 905)->via[0], &first, sizeof first);
    assert_memory_equal(find(&b, 905)->via[1], &second, sizeof second);
    assert_true(find(&b, 905)->has_addr);
    assert_int_equal(find(&b, 905)->addr.ip[3], 0);
    end(&b);
}

static void steps_say_who_was_asked_by_whom_and_how_it_went(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    struct th_hashname asked, first = node(FIRST);
    (void)state;
    begin(&b);
    name(&see, 500);
    name(&see, 400);
    b.now.mono += 120;
    answer(&b, FIRST, &see);
    assert_true(ask_next(&b, &asked));
    b.now.mono += 3000;
    th_lookup_tick(&b.lookup, b.now);

    const struct th_lookup_step *step = b.lookup.step;
    assert_int_equal(b.lookup.step_count, 2);
    assert_true(step[0].answered);
    assert_null(step[0].via);
    assert_int_equal(step[0].rtt_ms, 120);
    assert_int_equal(step[0].entries, 2);
    assert_int_equal(step[0].hop, 0);
    assert_false(step[1].answered);
    assert_memory_equal(step[1].via, &first, sizeof first);
    assert_int_equal(step[1].rtt_ms, 3000);
    assert_int_equal(step[1].hop, 1);
    end(&b);
}

/* Sixteen new names from each of many answerers, ever a little nearer. */
static void nodes_beyond_the_limit_push_out_the_farthest(void **state)
{
    struct bench b = {0};
    struct th_hashname asked = node(FIRST);
    unsigned next = 900;
    (void)state;
    begin(&b);

    for (unsigned answers = 0; answers < 20; answers++) {
        struct th_see see = {0};
        for (unsigned i = 0; i < TH_SEE_READ_MAX; i++)
            name(&see, next--);
        th_lookup_on_answer(&b.lookup, b.now, &asked, &see);
        assert_true(ask_next(&b, &asked));
    }

    assert_int_equal(b.lookup.count, TH_LOOKUP_NODES_MAX);
    assert_true(b.lookup.left_out > 0);
    assert_non_null(find(&b, next + 1));
    assert_non_null(find(&b, FIRST)); /* asked ones stay, however far */
    assert_null(find(&b, 900));
    end(&b);
}

static void without_memory_it_ends_and_says_so(void **state)
{
    struct bench b = {0};
    struct th_see see = {0};
    struct th_lookup_action action;
    struct th_hashname asked;
    (void)state;
    begin(&b);
    for (unsigned n = 0; n < TH_SEE_READ_MAX; n++)
        name(&see, 100 + n);
    answer(&b, FIRST, &see);
    see.count = 0;
    for (unsigned n = 0; n < TH_SEE_READ_MAX; n++)
        name(&see, 50 + n);
    while (ask_next(&b, &asked))
        ;

    th_mem_refuse(1);
    th_lookup_on_answer(&b.lookup, b.now, &asked, &see);
    th_mem_refuse(0);

    assert_true(th_lookup_next(&b.lookup, &action));
    assert_int_equal(action.kind, TH_LOOKUP_DONE);
    assert_int_equal(action.result, TH_NO_MEMORY);
    assert_false(th_lookup_next(&b.lookup, &action));
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_that_name_us_or_the_answerer_are_dropped_and_counted),
        cmocka_unit_test(entries_that_are_not_allowed_are_left_out_and_counted),
        cmocka_unit_test(entries_that_are_farther_than_who_tells_of_them_are_known_too),
        cmocka_unit_test(what_the_reader_found_bad_or_cut_is_counted),
        cmocka_unit_test(nodes_of_foreign_cipher_sets_are_left_out),
        cmocka_unit_test(second_answer_of_a_node_is_ignored),
        cmocka_unit_test(answers_of_nodes_that_were_not_asked_are_ignored),
        cmocka_unit_test(three_tellers_of_a_node_are_kept_and_the_first_address),
        cmocka_unit_test(steps_say_who_was_asked_by_whom_and_how_it_went),
        cmocka_unit_test(nodes_beyond_the_limit_push_out_the_farthest),
        cmocka_unit_test(without_memory_it_ends_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

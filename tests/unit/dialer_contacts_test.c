/* Whom the dialer can ask at once. node(n) begins with the two bytes of n; the target is node(0). */
#include "dialer/contacts.h"

#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

static struct th_hashname node(unsigned n)
{
    return (struct th_hashname){{(uint8_t)(n >> 8), (uint8_t)n}};
}

static void line_up(struct th_contacts *contacts, unsigned n)
{
    struct th_hashname id = node(n);

    assert_int_equal(th_contacts_on_line_up(contacts, &id), TH_OK);
}

static void link_up(struct th_contacts *contacts, unsigned n)
{
    struct th_hashname id = node(n);

    line_up(contacts, n);
    th_contacts_on_link(contacts, &id, true);
}

/* The nearest four to node(0), as the numbers of nodes; -1 ends the list. */
static void expect_nearest(const struct th_contacts *contacts, const int *wanted)
{
    struct th_hashname target = node(0), nearest[4];
    unsigned count = th_contacts_nearest(contacts, &target, false, nearest, 4);
    unsigned i;

    for (i = 0; wanted[i] >= 0; i++) {
        assert_true(i < count);
        assert_int_equal(nearest[i].b[0] << 8 | nearest[i].b[1], wanted[i]);
    }
    assert_int_equal(count, i);
}

#define NEAREST(contacts, ...) expect_nearest(contacts, (const int[]){__VA_ARGS__, -1})

static void linked_seeds_come_first_and_others_fill_up(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    link_up(&contacts, 300);
    line_up(&contacts, 10);
    line_up(&contacts, 30);
    link_up(&contacts, 200);
    line_up(&contacts, 20);

    NEAREST(&contacts, 200, 300, 10, 20);
    th_contacts_clear(&contacts);
}

static void others_are_left_in_peace_when_seeds_are_linked_that_know_more(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname target = node(0), nearest[4];
    line_up(&contacts, 10);

    assert_int_equal(th_contacts_nearest(&contacts, &target, true, nearest, 4), 1);
    link_up(&contacts, 300);

    assert_int_equal(th_contacts_nearest(&contacts, &target, true, nearest, 4), 1);
    assert_int_equal(nearest[0].b[0] << 8 | nearest[0].b[1], 300);
    assert_int_equal(th_contacts_nearest(&contacts, &target, false, nearest, 4), 2);
    th_contacts_clear(&contacts);
}

static void nearest_of_many_linked_are_taken(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    for (unsigned n = 1000; n > 0; n--)
        link_up(&contacts, n);

    NEAREST(&contacts, 1, 2, 3, 4);
    th_contacts_clear(&contacts);
}

static void target_itself_is_left_out(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    link_up(&contacts, 0);
    link_up(&contacts, 5);

    NEAREST(&contacts, 5);
    th_contacts_clear(&contacts);
}

static void spread_takes_every_nth_linked_seed(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname target = node(30), out[4];
    for (unsigned n = 10; n <= 100; n += 10) /* nine without the target */
        link_up(&contacts, n);
    line_up(&contacts, 5);

    assert_int_equal(th_contacts_spread(&contacts, &target, out, 4), 4);

    static const unsigned wanted[] = {10, 40, 60, 80};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(out[i].b[1], wanted[i]);
    th_contacts_clear(&contacts);
}

static void spread_takes_all_when_they_are_few_and_others_when_none_is_linked(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname target = node(0), out[4];
    assert_int_equal(th_contacts_spread(&contacts, &target, out, 4), 0);
    line_up(&contacts, 10);
    line_up(&contacts, 20);
    assert_int_equal(th_contacts_spread(&contacts, &target, out, 4), 2);

    link_up(&contacts, 20);

    assert_int_equal(th_contacts_spread(&contacts, &target, out, 4), 1);
    assert_int_equal(out[0].b[1], 20);
    th_contacts_clear(&contacts);
}

static void link_goes_with_its_line(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname id = node(7);
    link_up(&contacts, 7);
    line_up(&contacts, 8);

    th_contacts_on_line_down(&contacts, &id);
    NEAREST(&contacts, 8);
    assert_false(th_contacts_has(&contacts, &id));

    line_up(&contacts, 7);
    line_up(&contacts, 6);
    NEAREST(&contacts, 6, 7, 8);
    th_contacts_clear(&contacts);
}

static void ended_link_leaves_the_line(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname id = node(7);
    link_up(&contacts, 7);
    line_up(&contacts, 5);

    th_contacts_on_link(&contacts, &id, false);

    NEAREST(&contacts, 5, 7);
    th_contacts_clear(&contacts);
}

static struct th_event *line_fact(enum th_ev_kind kind, unsigned n)
{
    const struct th_ev_line line = {.id = node(n)};
    struct th_event *event = th_ev_new(kind, &line, sizeof line);

    assert_non_null(event);
    return event;
}

static struct th_event *link_fact(unsigned n, bool is_seed)
{
    const struct th_ev_link link = {.id = node(n), .is_seed = is_seed};
    struct th_event *event = th_ev_new(TH_EV_LINK_UP, &link, sizeof link);

    assert_non_null(event);
    return event;
}

/* Of four events; NULL ends them. */
static struct th_facts *facts_of(bool is_whole, struct th_event *const events[4])
{
    struct th_facts *facts = th_mem_zalloc(1, sizeof *facts + 4 * sizeof facts->event[0]);

    assert_non_null(facts);
    facts->is_whole = is_whole;
    for (; facts->count < 4 && events[facts->count]; facts->count++)
        facts->event[facts->count] = events[facts->count];
    return facts;
}

static void drop(struct th_facts *facts)
{
    struct th_msg msg = {.kind = &th_facts_msg, .body = facts};

    th_msg_drop(&msg);
}

static void facts_replace_what_is_known_of_lines_and_links(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_facts *facts =
        facts_of(true, (struct th_event *[4]){link_fact(200, true), link_fact(20, false),
                                              line_fact(TH_EV_LINE_UP, 20),
                                              line_fact(TH_EV_PATH_CHANGED, 200)});
    link_up(&contacts, 20);
    line_up(&contacts, 10);

    assert_int_equal(th_contacts_on_facts(&contacts, facts), TH_OK);

    NEAREST(&contacts, 200, 20);
    drop(facts);
    th_contacts_clear(&contacts);
}

static void facts_that_are_not_whole_only_add(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_facts *facts = facts_of(false, (struct th_event *[4]){line_fact(TH_EV_LINE_UP, 20)});
    link_up(&contacts, 200);
    line_up(&contacts, 10);

    assert_int_equal(th_contacts_on_facts(&contacts, facts), TH_OK);

    NEAREST(&contacts, 200, 10, 20);
    drop(facts);
    th_contacts_clear(&contacts);
}

static void lines_over_the_limit_are_left_out_and_counted(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    for (unsigned n = 0; n < TH_CONTACTS_MAX + 3; n++)
        line_up(&contacts, n);

    assert_int_equal(contacts.count, TH_CONTACTS_MAX);
    assert_int_equal(contacts.left_out, 3);
    th_contacts_clear(&contacts);
}

static void refused_memory_changes_nothing(void **state)
{
    (void)state;
    struct th_contacts contacts = {0};
    struct th_hashname id = node(7);
    struct th_facts *facts = facts_of(true, (struct th_event *[4]){line_fact(TH_EV_LINE_UP, 1)});

    th_mem_refuse(1);
    assert_int_equal(th_contacts_on_line_up(&contacts, &id), TH_NO_MEMORY);
    th_mem_refuse(0);
    line_up(&contacts, 5);
    th_mem_refuse(1);
    assert_int_equal(th_contacts_on_facts(&contacts, facts), TH_NO_MEMORY);
    th_mem_refuse(0);

    NEAREST(&contacts, 5);
    drop(facts);
    th_contacts_clear(&contacts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linked_seeds_come_first_and_others_fill_up),
        cmocka_unit_test(others_are_left_in_peace_when_seeds_are_linked_that_know_more),
        cmocka_unit_test(nearest_of_many_linked_are_taken),
        cmocka_unit_test(target_itself_is_left_out),
        cmocka_unit_test(spread_takes_every_nth_linked_seed),
        cmocka_unit_test(spread_takes_all_when_they_are_few_and_others_when_none_is_linked),
        cmocka_unit_test(link_goes_with_its_line),
        cmocka_unit_test(ended_link_leaves_the_line),
        cmocka_unit_test(facts_replace_what_is_known_of_lines_and_links),
        cmocka_unit_test(facts_that_are_not_whole_only_add),
        cmocka_unit_test(lines_over_the_limit_are_left_out_and_counted),
        cmocka_unit_test(refused_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tools/app/reachability.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

/* A node at home: 192.168.1.2 behind 8.8.4.4. Tests add what others see. */
struct scene {
    struct th_addr listen[3];
    struct th_witness witness[3];
    struct th_stranger stranger[TH_OUTSIDE_FAMILIES];
    struct th_reachability_facts facts;
    struct th_reachability verdict;
};

static struct th_addr ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct th_addr){.ip = {a, b, c, d}, .port = port, .family = TH_FAMILY_IPV4};
}

static int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->listen[0] = ipv4(127, 0, 0, 1, 42424);
    s->listen[1] = ipv4(192, 168, 1, 2, 42424);
    s->facts = (struct th_reachability_facts){.listen_count = 2,
                                              .listen = s->listen,
                                              .witness = s->witness,
                                              .stranger = s->stranger,
                                              .port_map_why = ""};
    s->facts.direct_lines[TH_OUTSIDE_IPV4] = 2;
    *state = s;
    return 0;
}

static int free_scene(void **state)
{
    free(*state);
    return 0;
}

/* A node at 9.0.0.n sees us so. */
static void add_witness(struct scene *s, uint8_t n, struct th_addr seen)
{
    s->witness[s->facts.witness_count++] =
        (struct th_witness){.id = {{n}}, .at = ipv4(9, 0, 0, n, 1), .seen = seen, .when = 100};
}

static void add_stranger(struct scene *s)
{
    s->stranger[TH_OUTSIDE_IPV4] =
        (struct th_stranger){.has_come = true, .from = ipv4(9, 9, 9, 9, 9), .when = 5};
}

static const struct th_reachability *judge(struct scene *s)
{
    th_reachability_judge(&s->verdict, &s->facts, TH_OUTSIDE_IPV4);
    return &s->verdict;
}

static void assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void assert_verdict(const struct th_reachability *v, enum th_reachability_kind kind,
                           enum th_nat_kind nat, enum th_answer by_strangers)
{
    assert_string_equal(th_reachability_word(v->kind), th_reachability_word(kind));
    assert_int_equal(v->nat, nat);
    assert_int_equal(v->by_strangers, by_strangers);
    assert_true(v->text[0] && v->next[0]);
}

static void one_witness_does_not_tell_the_kind_of_a_nat(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.text, "two nodes at different addresses");
    assert_int_equal(s->verdict.is_preserved, TH_ANSWER_YES);
}

/* They may be behind one NAT themselves. */
static void two_witnesses_at_one_ip_are_as_one(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    s->witness[1].at.port = 2;
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
}

static void the_same_port_for_everybody_is_a_cone(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 5000));
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5000));
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_CONE, TH_ANSWER_UNKNOWN);
    assert_int_equal(s->verdict.is_preserved, TH_ANSWER_NO);
    assert_has(s->verdict.next, "--port-map");
    assert_has(s->verdict.next, "42424");
}

static void another_port_for_each_is_a_symmetric_nat(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 5000));
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5001));
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_SYMMETRIC, TH_ANSWER_NO);
    assert_has(s->verdict.text, "relay or a bridge");
}

/* The router was restarted since, or the node has moved. */
static void what_was_seen_minutes_before_the_newest_makes_no_nat_symmetric(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5001));
    s->witness[1].when = 100 + 3 * 60 * 1000;
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_int_equal(s->verdict.is_preserved, TH_ANSWER_YES);
    s->witness[1].when = 100 + 60 * 1000;
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_SYMMETRIC, TH_ANSWER_NO);
}

/* Nobody is asked without need: where nothing changes, they told at different times. */
static void what_was_seen_long_ago_still_agrees(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 5000));
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5000));
    s->witness[1].when = 60 * 60 * 1000;
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_CONE, TH_ANSWER_UNKNOWN);
}

static void a_stranger_that_came_in_shows_a_nat_that_is_open(void **state)
{
    struct scene *s = *state;

    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    add_stranger(s);
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_OPEN, TH_ANSWER_YES);
    assert_has(s->verdict.text, "8.8.4.4:42424");
}

static void an_address_of_ones_own_that_others_see_is_public(void **state)
{
    struct scene *s = *state;

    s->listen[1] = ipv4(8, 8, 4, 4, 42424);
    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    assert_verdict(judge(s), TH_REACHABILITY_PUBLIC, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.next, "firewall");
    add_stranger(s);
    assert_verdict(judge(s), TH_REACHABILITY_PUBLIC, TH_NAT_UNKNOWN, TH_ANSWER_YES);
    assert_has(s->verdict.next, "nothing");
}

static void a_mapped_port_is_judged_by_what_others_see(void **state)
{
    struct scene *s = *state;

    s->facts.port_map = TH_PORT_MAP_MAPPED;
    s->facts.mapped = ipv4(8, 8, 4, 4, 6000);
    add_witness(s, 1, ipv4(8, 8, 4, 4, 42424));
    assert_verdict(judge(s), TH_REACHABILITY_MAPPED, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);

    s->witness[0].seen = ipv4(7, 7, 7, 7, 42424);
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.text, "second NAT");

    s->facts.witness_count = 0;
    s->facts.mapped = ipv4(10, 0, 0, 7, 6000);
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.text, "no public address");
}

static void a_router_that_refuses_is_quoted(void **state)
{
    struct scene *s = *state;

    s->facts.port_map = TH_PORT_MAP_TRYING;
    s->facts.port_map_why = "no router answered";
    add_witness(s, 1, ipv4(8, 8, 4, 4, 5000));
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5000));
    assert_has(judge(s)->next, "(no router answered)");
}

static void without_a_witness_it_says_what_is_missing(void **state)
{
    struct scene *s = *state;

    assert_verdict(judge(s), TH_REACHABILITY_LOCAL, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    add_witness(s, 1, ipv4(192, 168, 1, 2, 42424)); /* a neighbour: it tells nothing of outside */
    assert_verdict(judge(s), TH_REACHABILITY_LOCAL, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    s->facts.direct_lines[TH_OUTSIDE_IPV4] = 0;
    s->facts.relayed_lines = 2;
    s->facts.bridged_lines = 1;
    assert_verdict(judge(s), TH_REACHABILITY_RELAYED, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.text, "3 go through other nodes");
    s->facts.relayed_lines = s->facts.bridged_lines = 0;
    assert_verdict(judge(s), TH_REACHABILITY_UNKNOWN, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.text, "no node has a line");
    s->facts.listen_count = 1;
    assert_verdict(judge(s), TH_REACHABILITY_LOCAL, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    assert_has(s->verdict.next, "--listen 0.0.0.0");
}

static void families_are_judged_apart(void **state)
{
    struct scene *s = *state;

    s->listen[2] = (struct th_addr){.ip = {0x20, 1, 7}, .port = 42424, .family = TH_FAMILY_IPV6};
    s->facts.listen_count = 3;
    s->facts.direct_lines[TH_OUTSIDE_IPV6] = 1;
    add_witness(s, 1, s->listen[2]);
    add_witness(s, 2, ipv4(8, 8, 4, 4, 5000));
    assert_verdict(judge(s), TH_REACHABILITY_NAT, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    th_reachability_judge(&s->verdict, &s->facts, TH_OUTSIDE_IPV6);
    assert_verdict(&s->verdict, TH_REACHABILITY_PUBLIC, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
    s->facts.listen_count = 2;
    th_reachability_judge(&s->verdict, &s->facts, TH_OUTSIDE_IPV6);
    assert_verdict(&s->verdict, TH_REACHABILITY_NONE, TH_NAT_UNKNOWN, TH_ANSWER_UNKNOWN);
}

static void what_is_not_known_is_null(void **state)
{
    struct scene *s = *state;
    struct th_look look = {0};

    th_reachability_look(&s->facts, &look);
    json_t *all = th_reachability_json(&s->facts);
    const json_t *row = json_array_get(json_object_get(all, "families"), 0);
    static const char *const keys[] = {"nat", "by_strangers", "mapped", "ports_preserved",
                                       "stranger"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(json_is_null(json_object_get(row, keys[i])));
    assert_string_equal(json_string_value(json_object_get(row, "verdict")), "none");
    json_decref(all);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, free_scene)
    const struct CMUnitTest tests[] = {
        IN_SCENE(one_witness_does_not_tell_the_kind_of_a_nat),
        IN_SCENE(two_witnesses_at_one_ip_are_as_one),
        IN_SCENE(the_same_port_for_everybody_is_a_cone),
        IN_SCENE(another_port_for_each_is_a_symmetric_nat),
        IN_SCENE(what_was_seen_minutes_before_the_newest_makes_no_nat_symmetric),
        IN_SCENE(what_was_seen_long_ago_still_agrees),
        IN_SCENE(a_stranger_that_came_in_shows_a_nat_that_is_open),
        IN_SCENE(an_address_of_ones_own_that_others_see_is_public),
        IN_SCENE(a_mapped_port_is_judged_by_what_others_see),
        IN_SCENE(a_router_that_refuses_is_quoted),
        IN_SCENE(without_a_witness_it_says_what_is_missing),
        IN_SCENE(families_are_judged_apart),
        IN_SCENE(what_is_not_known_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The rules of the table (table.h) under whatever may happen: a machine is fed random events, and a
 * model of its links, made of nothing but what it announced, says whether each step kept the rules.
 */
#include "tests/lib/test_routing.h"
#include "tests/lib/test_seed.h"

#include <stdio.h>

enum { NODES = 120, STEPS = 4000, RUNS = 12 };

struct link_seen {
    bool is_up, is_out, is_kept;
    unsigned rank; /* among the links of its bucket, by beginning */
};

struct node {
    struct th_hashname id;
    struct th_addr addr;
    bool has_line;
    uint32_t request; /* the number of its latest channel */
    uint32_t asked;   /* of ours to it; 0 none open */
    struct link_seen link;
};

struct world {
    struct test_bench *bench;
    struct th_rng rng;
    unsigned k, links_max;
    uint32_t channels;
    struct node node[NODES];
    unsigned ended, refused, crowded; /* for room; for room; for their net */
    unsigned question_count;
    struct th_routing_action question[TEST_ACTIONS_MAX];
};

static struct node *find(struct world *w, const struct th_hashname *id)
{
    for (unsigned i = 0; i < NODES; i++)
        if (th_hashname_is_equal(&w->node[i].id, id))
            return &w->node[i];
    return NULL;
}

static int bucket_of(const struct node *node)
{
    struct th_hashname self = test_self();

    return th_hashname_bucket(&self, &node->id);
}

static unsigned count_up(const struct world *w, int bucket)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NODES; i++)
        n += w->node[i].link.is_up && (bucket < 0 || bucket_of(&w->node[i]) == bucket);
    return n;
}

/* Notes what can be known of links only from the table: how it was before the next call. */
static void note_ranks(struct world *w)
{
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &w->node[i];
        const struct th_bucket *bucket = th_table_at(&w->bench->routing.table, bucket_of(node));
        for (unsigned n = 0; bucket && n < bucket->linked_count; n++) {
            if (!th_hashname_is_equal(&bucket->linked[n]->id, &node->id))
                continue;
            node->link.rank = n;
            node->link.is_out = bucket->linked[n]->is_out;
        }
    }
}

static bool may_go(const struct world *w, const struct node *node)
{
    return node->link.is_up && !node->link.is_out && !node->link.is_kept &&
           count_up(w, bucket_of(node)) > w->k && node->link.rank >= w->k;
}

/* --- rules 1, 3 and 7: whose link was ended for room --------------------------------------------------- */

static void check_loser(const struct world *w, const struct node *loser)
{
    unsigned n = count_up(w, bucket_of(loser));

    assert_true(count_up(w, -1) >= w->links_max);
    assert_true(may_go(w, loser));
    for (unsigned i = 0; i < NODES; i++) {
        const struct node *other = &w->node[i];
        if (!may_go(w, other))
            continue;
        assert_true(count_up(w, bucket_of(other)) <=
                    n + 1);                       /* the newcomer may be of this bucket */
        if (bucket_of(other) == bucket_of(loser)) /* the youngest */
            assert_true(other->link.rank <= loser->link.rank);
    }
}

/* Nobody could have made room who is in a bucket fuller than the newcomer's would be. */
static void check_refusal(const struct world *w, const struct node *newcomer)
{
    unsigned n = count_up(w, bucket_of(newcomer)) + 1;

    assert_true(count_up(w, -1) >= w->links_max);
    for (unsigned i = 0; i < NODES; i++)
        if (may_go(w, &w->node[i]))
            assert_true(count_up(w, bucket_of(&w->node[i])) <= n);
}

/* --- rule 5: not too many of one net -------------------------------------------------------------------- */

static unsigned count_net(const struct world *w, const struct node *node, bool in_bucket)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NODES; i++) {
        const struct node *other = &w->node[i];
        n += other->link.is_up && !other->link.is_kept &&
             memcmp(other->addr.ip, node->addr.ip, 3) == 0 &&
             (!in_bucket || bucket_of(other) == bucket_of(node));
    }
    return n;
}

static void check_nets(const struct world *w)
{
    for (unsigned i = 0; i < NODES; i++) {
        const struct node *node = &w->node[i];
        if (!node->link.is_up || node->link.is_kept || node->addr.ip[0] == 127)
            continue;
        assert_true(count_net(w, node, true) <= TH_NET_BUCKET_MAX);
        assert_true(count_net(w, node, false) <= TH_NET_TABLE_MAX);
    }
}

/* --- rule 2: whom is told of ----------------------------------------------------------------------------- */

static void check_told(struct world *w, const struct test_action *action)
{
    char head[TH_FIELDS_MAX + 3];
    struct th_see see;

    snprintf(head, sizeof head, "{%s}", action->fields);
    assert_int_equal(th_see_read(&see, th_bytes_of(head)), TH_DROP_NONE);
    assert_true(see.count <= TH_SEE_SENT_MAX);
    for (unsigned i = 0; i < see.count; i++) {
        const struct node *told = find(w, &see.entry[i].id);
        assert_non_null(told);
        assert_true(told->has_line);
        assert_true(told->link.is_up);
        assert_false(th_hashname_is_equal(&told->id, &action->is.id));
    }
}

/* --- what the machine did -------------------------------------------------------------------------------- */

static void on_action(struct world *w, const struct test_action *action)
{
    struct node *node = find(w, &action->is.id);

    switch (action->is.kind) {
    case TH_ROUTING_OPEN:
        node->asked = w->channels += 2;
        break;
    case TH_ROUTING_SEND:
        if (action->is.err && strcmp(action->is.err, "full") == 0) {
            check_refusal(w, node);
            w->refused++;
        }
        w->crowded += action->is.err && strcmp(action->is.err, "net") == 0;
        break;
    case TH_ROUTING_LINK_UP:
        assert_false(node->link.is_up);
        assert_true(node->has_line);
        node->link = (struct link_seen){
            .is_up = true,
            .is_out = action->is.is_out,
            .is_kept = th_table_find(&w->bench->routing.table, &node->id)->is_kept,
        };
        break;
    case TH_ROUTING_LINK_DOWN:
        if (action->is.why == TH_LIMIT) {
            check_loser(w, node);
            w->ended++;
        }
        node->link.is_up = false;
        break;
    case TH_ROUTING_REACH:
    case TH_ROUTING_DIAL:
    case TH_ROUTING_PUNCH:
    case TH_ROUTING_REFRESHED:
        break;
    }
}

/* Answers what the machine asked with its last actions. */
static void answer(struct world *w, const struct th_routing_action *question)
{
    struct test_bench *b = w->bench;
    struct node *node = find(w, &question->id);
    enum th_err err = TH_OK;

    if (question->kind == TH_ROUTING_OPEN && !node->has_line)
        node->asked = 0;
    if (question->kind == TH_ROUTING_OPEN)
        err = th_routing_on_opened(&b->routing, b->now, &node->id, node->asked,
                                   node->has_line ? TH_OK : TH_NO_LINE);
    else if (question->kind == TH_ROUTING_REACH)
        err = th_routing_on_reached(&b->routing, b->now, &node->id,
                                    node->has_line ? TH_OK : TH_NO_PATH);
    else if (question->kind == TH_ROUTING_DIAL)
        err = th_routing_on_dialed(&b->routing, b->now, question->bucket, true);
    assert_int_equal(err, TH_OK);
}

/* Takes what one call made the machine do, and keeps its questions for later. */
static void take(struct world *w)
{
    struct test_bench *b = w->bench;

    test_take(b);
    for (unsigned i = 0; i < b->count; i++)
        on_action(w, &b->action[i]);
    /* What is told is made up when it is taken, which is after everything that was decided. */
    for (unsigned i = 0; i < b->count; i++)
        check_told(w, &b->action[i]);
    for (unsigned i = 0; i < b->count; i++) {
        assert_true(w->question_count < TEST_ACTIONS_MAX);
        w->question[w->question_count++] = b->action[i].is;
    }
    note_ranks(w);
}

/* Takes what the machine did, until it does no more. */
static void settle(struct world *w)
{
    take(w);
    for (unsigned i = 0; i < w->question_count; i++) {
        answer(w, &w->question[i]);
        take(w);
    }
    w->question_count = 0;
}

static void check_all(const struct world *w)
{
    const struct th_table *table = &w->bench->routing.table;

    assert_int_equal(table->up_count, count_up(w, -1));
    assert_true(table->up_count <= w->links_max + TH_KEPT_MAX + 1);
    for (int i = 0; i < TH_BUCKETS; i++)
        if (th_table_at(table, i))
            assert_int_equal(th_table_at(table, i)->up_count, count_up(w, i));
    check_nets(w);
}

/* --- what may happen ------------------------------------------------------------------------------------- */

static void packet(struct world *w, struct node *node, uint32_t c, bool is_ours, bool end)
{
    struct test_bench *b = w->bench;
    struct th_routing_packet p = test_packet(node->id, c, is_ours, "{\"seed\":true}");

    p.addr = node->addr;
    p.end = end;
    assert_int_equal(th_routing_on_link_packet(&b->routing, b->now, &p), TH_OK);
}

static void request(struct world *w, struct node *node)
{
    struct test_bench *b = w->bench;
    struct th_routing_packet p = test_packet(node->id, w->channels | 1, false, "{\"seed\":true}");

    node->request = p.c;
    w->channels += 2;
    p.addr = node->addr;
    assert_int_equal(th_routing_on_link_opened(&b->routing, b->now, &p), TH_OK);
}

static void line(struct world *w, struct node *node, bool is_up)
{
    struct test_bench *b = w->bench;
    const struct th_routing_line up = {.id = node->id, .addr = node->addr, .csid = TH_CS3A};

    if (node->has_line == is_up)
        return;
    if (is_up)
        node->has_line = true;
    assert_int_equal(is_up ? th_routing_on_line_up(&b->routing, b->now, &up)
                           : th_routing_on_line_down(&b->routing, b->now, &node->id, TH_CANCELLED),
                     TH_OK);
    settle(w);
    node->has_line = is_up;
    node->asked = is_up ? node->asked : 0;
}

static void seek(struct world *w, const struct node *node)
{
    struct test_bench *b = w->bench;
    char head[32];

    snprintf(head, sizeof head, "{\"seek\":\"%03x\"}", (unsigned)th_rng_below(&w->rng, 4096));
    const struct th_routing_packet p = test_packet(node->id, 99, false, head);
    assert_int_equal(th_routing_on_seek(&b->routing, b->now, &p), TH_OK);
}

static void wait(struct world *w)
{
    struct test_bench *b = w->bench;

    b->now = test_now(b->now.mono + th_rng_below(&w->rng, 4000));
    assert_int_equal(th_routing_tick(&b->routing, b->now), TH_OK);
}

static void wish(struct world *w, struct node *node)
{
    struct test_bench *b = w->bench;

    node->link.is_kept = true; /* matters only while it is up */
    assert_int_equal(th_routing_link(&b->routing, b->now, &node->id), TH_OK);
}

static void step(struct world *w)
{
    struct node *node = &w->node[th_rng_below(&w->rng, NODES)];
    uint64_t what = th_rng_below(&w->rng, 100);

    if (what < 40 && !node->has_line)
        line(w, node, true);
    else if (what < 42)
        line(w, node, false);
    else if (what < 60 && node->has_line)
        request(w, node);
    else if (what < 85 && node->asked)
        packet(w, node, node->asked, true, what == 84);
    else if (what < 90 && node->link.is_up && node->request)
        packet(w, node, node->request, false, what == 89);
    else if (what < 93)
        seek(w, node);
    else if (what == 93 && th_rng_below(&w->rng, 20) == 0)
        wish(w, node);
    else if (what < 96)
        wait(w);
    settle(w);
    check_all(w);
}

static void begin(struct world *w, struct th_rng *rng)
{
    th_rng_fork(rng, &w->rng);
    w->k = (unsigned)th_rng_between(&w->rng, 1, 4);
    w->links_max = w->k + (unsigned)th_rng_below(&w->rng, 30);
    w->bench = test_bench_new(w->k, w->links_max);
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &w->node[i];
        int bucket = 255;
        while (bucket > 245 && th_rng_below(&w->rng, 2))
            bucket--;
        node->id = test_id_at(bucket, (uint32_t)th_rng_u64(&w->rng), (uint8_t)i);
        uint64_t net = th_rng_below(&w->rng, 40);
        node->addr =
            net < 10 ? test_addr(127, 0, 0, 1) : test_addr(192, 0, (uint8_t)net, (uint8_t)i);
    }
}

static void rules_hold_whatever_happens(void **state)
{
    struct th_rng rng;
    unsigned ended = 0, refused = 0, crowded = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned run = 0; run < RUNS; run++) {
        struct world *w = th_mem_zalloc(1, sizeof *w);
        assert_non_null(w);
        begin(w, &rng);
        for (unsigned i = 0; i < STEPS; i++)
            step(w);
        ended += w->ended;
        refused += w->refused;
        crowded += w->crowded;
        test_bench_free(w->bench);
        th_mem_free(w);
    }
    assert_true(ended > 0 && refused > 0 && crowded > 0);
}

/* --- rule 6 ---------------------------------------------------------------------------------------------- */

static void choice_spreads_the_bucket_and_age_decides_ties(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    for (unsigned run = 0; run < 2000; run++) {
        struct test_bench *b = test_bench_new(16, 64);
        struct th_table *table = &b->routing.table;
        struct th_ages *ages = &b->routing.ages;
        const struct th_link link = test_link(b->now);
        enum th_bucket_verdict verdict;
        th_ms again;
        uint8_t n = 0;

        for (uint64_t i = th_rng_below(&rng, 12); i > 0; i--) {
            const struct th_spare spare =
                test_spare(test_id_at(255, (uint32_t)th_rng_u64(&rng), ++n));
            assert_non_null(th_table_add(table, &spare, &link));
        }
        for (uint64_t i = th_rng_between(&rng, 1, TH_BUCKET_SPARES_MAX); i > 0; i--) {
            const struct th_spare spare =
                test_spare(test_id_at(255, (uint32_t)th_rng_u64(&rng), ++n));
            th_epoch_ms seen = (th_epoch_ms)th_rng_below(&rng, 5);
            assert_int_equal(th_ages_note(ages, &spare.id, seen, b->now), TH_OK);
            assert_int_equal(th_table_offer(table, &spare, &verdict), TH_OK);
        }

        const struct th_bucket *bucket = th_table_at(table, 255);
        const struct th_spare *best = th_table_choose(table, 255, ages, b->now, &again);
        assert_non_null(best);
        unsigned crowd = th_bucket_crowd(bucket, 255, &best->id);
        for (unsigned i = 0; i < bucket->spare_count; i++) {
            unsigned other = th_bucket_crowd(bucket, 255, &bucket->spare[i].id);
            assert_true(other >= crowd);
            if (other == crowd)
                assert_true(th_ages_first_seen(ages, &bucket->spare[i].id, b->now) >=
                            th_ages_first_seen(ages, &best->id, b->now));
        }
        test_bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold_whatever_happens),
        cmocka_unit_test(choice_spreads_the_bucket_and_age_decides_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

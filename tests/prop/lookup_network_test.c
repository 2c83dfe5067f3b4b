/*
 * The lookup machine over whole networks: n nodes with ideal tables (up to 8 of each bucket, drawn at
 * random), round trips of median 80 ms, and whatever faults a test wants. No handshakes: a line is up
 * at once unless it is to fail.
 */
#include "dialer/lookup.h"

#include "switch/base/heap.h"
#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "tests/lib/test_seed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { K = 8, LINKS_MAX = 256, ANSWER_MAX = 8, NODES_LARGE = 10000, NODES_SMALL = 200 };

/* 64 draws, each as likely, of a lognormal with median 80 and sigma 0.6. */
static const uint16_t round_trips[64] = {
    19,  24,  28,  31,  33,  35,  37,  39,  41,  43,  44,  46,  48,  49,  51,  53,
    54,  56,  57,  59,  60,  62,  64,  65,  67,  69,  70,  72,  74,  75,  77,  79,
    81,  83,  85,  87,  89,  91,  93,  96,  98,  101, 103, 106, 109, 112, 115, 118,
    122, 125, 130, 134, 139, 144, 150, 156, 163, 172, 182, 194, 209, 230, 264, 341};

struct table {
    unsigned count;
    uint16_t link[LINKS_MAX];
};

/* Of 100 each. */
struct faults {
    unsigned lost, late, twice, garbage, no_line, late_line, refused;
    bool dead; /* every fifth node never answers; nobody looks for it */
};

struct world {
    struct th_rng rng;
    unsigned n, k;
    struct th_hashname *id; /* ascending */
    struct table *table;
    struct faults faults;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    th_ms mono; /* never set back: the measured round trips belong to one dialer */
};

/* --- the network --- */

static int compare_ids(const void *a, const void *b)
{
    return th_hashname_compare(a, b);
}

/* The first of the nodes that is not below `id`. */
static unsigned first_from(const struct world *w, const struct th_hashname *id)
{
    unsigned low = 0, high = w->n;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (th_hashname_compare(&w->id[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The lowest and the highest hashname of a bucket. */
static void bucket_range(const struct th_hashname *self, int bucket, struct th_hashname *low,
                         struct th_hashname *high)
{
    unsigned byte = (unsigned)(255 - bucket) / 8, bit = (unsigned)bucket % 8;
    uint8_t below = (uint8_t)((1u << bit) - 1);

    *low = *high = *self;
    low->b[byte] = (uint8_t)((self->b[byte] ^ (1u << bit)) & ~below);
    high->b[byte] = low->b[byte] | below;
    memset(&low->b[byte + 1], 0, sizeof low->b - byte - 1);
    memset(&high->b[byte + 1], 0xff, sizeof high->b - byte - 1);
}

static bool is_linked(const struct table *table, unsigned node)
{
    for (unsigned i = 0; i < table->count; i++)
        if (table->link[i] == node)
            return true;
    return false;
}

static void link_both(struct world *w, unsigned a, unsigned b)
{
    struct table *of_a = &w->table[a], *of_b = &w->table[b];

    if (a == b || is_linked(of_a, b) || of_a->count == LINKS_MAX || of_b->count == LINKS_MAX)
        return;
    of_a->link[of_a->count++] = (uint16_t)b;
    of_b->link[of_b->count++] = (uint16_t)a;
}

/* Links to nodes of a bucket until it has k or all that exist there; the others accept. */
static void fill_bucket(struct world *w, unsigned node, int bucket)
{
    const struct table *table = &w->table[node];
    struct th_hashname low, high;
    unsigned linked = 0;

    bucket_range(&w->id[node], bucket, &low, &high);
    unsigned from = first_from(w, &low), to = from;
    while (to < w->n && th_hashname_compare(&w->id[to], &high) <= 0)
        to++;
    for (unsigned i = 0; i < table->count; i++)
        linked += table->link[i] >= from && table->link[i] < to;
    if (to - from <= w->k)
        for (unsigned i = from; i < to; i++)
            link_both(w, node, i);
    for (unsigned draws = 0; to - from > w->k && linked < w->k && draws < 1000; draws++) {
        unsigned drawn = from + (unsigned)th_rng_below(&w->rng, to - from), before = table->count;
        link_both(w, node, drawn);
        linked += table->count - before;
    }
}

static void make_world_of(struct world *w, unsigned n, unsigned k)
{
    memset(w, 0, sizeof *w);
    test_seed(&w->rng);
    w->n = n;
    w->k = k;
    w->mono = 1000;
    w->id = th_mem_zalloc(n, sizeof *w->id);
    w->table = th_mem_zalloc(n, sizeof *w->table);
    assert_true(w->id != NULL && w->table != NULL);

    for (unsigned i = 0; i < n; i++)
        th_rng_fill(&w->rng, &w->id[i], sizeof w->id[i]);
    qsort(w->id, n, sizeof *w->id, compare_ids);
    /* Numbers follow the hashnames, so nodes are taken in a mixed order: NODES are no multiple of 7. */
    for (unsigned i = 0, node = 0; i < n; i++, node = (node + 6997) % n)
        for (int bucket = 255; bucket > 255 - 24; bucket--)
            fill_bucket(w, node, bucket);
}

static void make_world(struct world *w, unsigned n)
{
    make_world_of(w, n, K);
}

static void free_world(struct world *w)
{
    th_mem_free(w->id);
    th_mem_free(w->table);
}

/* What an honest node answers: the nearest of its table to what of the target the seek carried. */
static void honest_answer(const struct world *w, unsigned node, unsigned asker,
                          const struct th_hashname *target, struct th_see *see)
{
    const struct table *table = &w->table[node];
    struct th_hashname padded = *target;
    unsigned digits = th_seek_digits(&w->id[node], target);

    memset(&padded.b[digits / 2], 0, sizeof padded.b - digits / 2);
    for (unsigned i = 0; i < table->count; i++) {
        const struct th_hashname *id = &w->id[table->link[i]];
        unsigned place = see->count;

        if (table->link[i] == asker)
            continue;
        while (place > 0 && th_hashname_nearer(&padded, id, &see->entry[place - 1].id) < 0)
            place--;
        if (place == ANSWER_MAX)
            continue;
        if (see->count < ANSWER_MAX)
            see->count++;
        memmove(&see->entry[place + 1], &see->entry[place],
                (see->count - 1 - place) * sizeof see->entry[0]);
        see->entry[place] = (struct th_see_entry){.id = *id, .csid = TH_CS3A};
    }
}

/* What nobody should send: names of nobody, of the asker, of the answerer, the same ones twice. */
static void garbage_answer(struct world *w, unsigned node, unsigned asker, struct th_see *see)
{
    see->bad = (unsigned)th_rng_below(&w->rng, 3);
    see->over = (unsigned)th_rng_below(&w->rng, 3);
    see->count = (unsigned)th_rng_below(&w->rng, TH_SEE_READ_MAX + 1);
    for (unsigned i = 0; i < see->count; i++) {
        struct th_see_entry *entry = &see->entry[i];
        unsigned what = (unsigned)th_rng_below(&w->rng, 5);

        entry->csid = th_rng_below(&w->rng, 8) ? TH_CS3A : 0x1a;
        if (what == 0)
            entry->id = w->id[asker];
        else if (what == 1)
            entry->id = w->id[node];
        else if (what == 2 && i > 0)
            *entry = see->entry[i - 1];
        else
            th_rng_fill(&w->rng, &entry->id, sizeof entry->id);
    }
}

/* --- one lookup --- */

enum arrival { LINE_UP, ANSWER, REFUSED };

struct event {
    struct th_heap_node due;
    enum arrival arrival;
    struct th_hashname id;
    struct th_see see;
};

struct result {
    bool found;
    unsigned asked, hops;
    th_ms took_ms; /* till DONE */
    unsigned dones;
};

struct run {
    struct world *w;
    unsigned asker;
    struct th_lookup lookup;
    struct th_heap events;
    th_ms began;
    struct result result;
};

static bool chance(struct world *w, unsigned percent)
{
    return percent > 0 && th_rng_below(&w->rng, 100) < percent;
}

static bool is_dead(const struct world *w, unsigned node)
{
    return w->faults.dead && node % 5 == 0;
}

static th_ms round_trip(struct world *w)
{
    return round_trips[th_rng_below(&w->rng, 64)];
}

static void expect_arrival(struct run *run, enum arrival arrival, const struct th_hashname *id,
                           th_ms after, const struct th_see *see)
{
    struct event *event = th_mem_zalloc(1, sizeof *event);

    assert_non_null(event);
    event->arrival = arrival;
    event->id = *id;
    if (see)
        event->see = *see;
    assert_int_equal(th_heap_reserve(&run->events), TH_OK);
    th_heap_set(&run->events, &event->due, run->w->mono + after);
}

static void connect(struct run *run, const struct th_hashname *id)
{
    struct world *w = run->w;
    struct th_now now = {.mono = w->mono};
    unsigned node = first_from(w, id);
    bool exists = node < w->n && th_hashname_is_equal(&w->id[node], id);

    assert_false(th_hashname_is_equal(id, &w->id[run->asker]));
    if (chance(w, w->faults.refused))
        th_lookup_on_refused(&run->lookup, now, id);
    else if (exists && chance(w, w->faults.late_line))
        expect_arrival(run, LINE_UP, id, 1 + th_rng_below(&w->rng, 6000), NULL);
    else if (exists && !chance(w, w->faults.no_line))
        th_lookup_on_line_up(&run->lookup, now, id);
}

static void seek(struct run *run, const struct th_hashname *id)
{
    struct world *w = run->w;
    unsigned node = first_from(w, id);
    struct th_see see = {0};

    assert_true(th_hashname_is_equal(&w->id[node], id)); /* it has a line, so it exists */
    if (chance(w, w->faults.lost) || is_dead(w, node))
        return;
    if (chance(w, w->faults.garbage))
        garbage_answer(w, node, run->asker, &see);
    else
        honest_answer(w, node, run->asker, &run->lookup.config.target, &see);

    th_ms after = round_trip(w);
    if (chance(w, w->faults.late))
        after += th_rng_below(&w->rng, 6000);
    expect_arrival(run, ANSWER, id, after, &see);
    if (chance(w, w->faults.twice))
        expect_arrival(run, chance(w, 50) ? ANSWER : REFUSED, id,
                       after + th_rng_below(&w->rng, 200), &see);
}

static void carry_out(struct run *run)
{
    struct th_lookup_action action;

    while (th_lookup_next(&run->lookup, &action)) {
        assert_int_equal(run->result.dones, 0);
        switch (action.kind) {
        case TH_LOOKUP_CONNECT:
            connect(run, &action.node.id);
            break;
        case TH_LOOKUP_SEEK:
            seek(run, &action.node.id);
            break;
        case TH_LOOKUP_GIVE_UP:
            break;
        case TH_LOOKUP_DONE:
            run->result.dones++;
            run->result.took_ms = run->w->mono - run->began;
            run->result.found = run->lookup.is_found;
            run->result.asked = run->lookup.asked;
            run->result.hops = run->lookup.hops;
            break;
        }
    }
}

static void arrive(struct run *run, struct event *event)
{
    struct th_now now = {.mono = run->w->mono};

    th_heap_set(&run->events, &event->due, TH_NEVER);
    switch (event->arrival) {
    case LINE_UP:
        th_lookup_on_line_up(&run->lookup, now, &event->id);
        break;
    case ANSWER:
        th_lookup_on_answer(&run->lookup, now, &event->id, &event->see);
        break;
    case REFUSED:
        th_lookup_on_refused(&run->lookup, now, &event->id);
        break;
    }
    th_mem_free(event);
}

/* What must hold between any two things that happen. */
static void check(const struct run *run)
{
    const struct th_lookup *lookup = &run->lookup;
    unsigned in_time = 0;

    for (unsigned i = 0; i < lookup->count; i++) {
        if (i > 0)
            assert_true(th_hashname_nearer(&lookup->config.target, &lookup->node[i - 1].id,
                                           &lookup->node[i].id) < 0);
        if (lookup->node[i].state == TH_LOOKUP_CONNECTING)
            in_time++;
    }
    assert_true(in_time <= TH_LOOKUP_ALPHA);
    assert_true(th_lookup_deadline(lookup) >= run->w->mono);
    assert_true(run->result.dones == 1 || th_lookup_deadline(lookup) != TH_NEVER);
}

static struct result look_up(struct world *w, unsigned asker, const struct th_hashname *target,
                             bool ends_at_match)
{
    struct run run = {.w = w, .asker = asker, .began = w->mono};
    const struct th_identity self = {.hashname = w->id[asker], .cipher = th_cipher_find(TH_CS3A)};
    struct th_lookup_config config = {&self, *target, ends_at_match, &w->rtt, &w->drops, w->k};
    th_ms next;

    th_lookup_init(&run.lookup, &config, (struct th_now){.mono = w->mono});
    for (unsigned i = 0; i < w->table[asker].count; i++)
        th_lookup_add(&run.lookup, &w->id[w->table[asker].link[i]]);
    carry_out(&run);
    check(&run);
    while ((next = th_sooner(th_heap_next(&run.events), th_lookup_deadline(&run.lookup))) !=
           TH_NEVER) {
        w->mono = next;
        if (th_heap_next(&run.events) <= next)
            arrive(&run, TH_HEAP_OWNER(th_heap_first(&run.events), struct event, due));
        else
            th_lookup_tick(&run.lookup, (struct th_now){.mono = next});
        carry_out(&run);
        check(&run);
    }

    assert_int_equal(run.result.dones, 1);
    assert_true(run.lookup.step_count ==
                (run.lookup.asked < TH_LOOKUP_STEPS_MAX ? run.lookup.asked : TH_LOOKUP_STEPS_MAX));
    th_lookup_clear(&run.lookup);
    th_heap_clear(&run.events);
    return run.result;
}

/* --- many lookups --- */

struct sums {
    unsigned lookups, found;
    uint64_t hops, asked;
    unsigned hops_max;
    th_ms took[20000];
};

static int compare_ms(const void *a, const void *b)
{
    th_ms x = *(const th_ms *)a, y = *(const th_ms *)b;

    return (x > y) - (x < y);
}

/* Every lookup is of another node, from another. */
static void look_up_many(struct world *w, unsigned lookups, struct sums *sums)
{
    memset(sums, 0, sizeof *sums);
    while (sums->lookups < lookups) {
        unsigned asker = (unsigned)th_rng_below(&w->rng, w->n);
        unsigned target = (unsigned)th_rng_below(&w->rng, w->n);
        if (asker == target || is_dead(w, asker) || is_dead(w, target))
            continue;

        struct result result = look_up(w, asker, &w->id[target], true);
        sums->took[sums->lookups++] = result.took_ms;
        sums->found += result.found;
        sums->asked += result.asked;
        sums->hops += result.found ? result.hops : 0;
        if (result.found && result.hops > sums->hops_max)
            sums->hops_max = result.hops;
    }
    qsort(sums->took, lookups, sizeof sums->took[0], compare_ms);
    printf("%u nodes, %u lookups: found %u, hops %.2f (at most %u), asked %.2f, "
           "time median %u ms, p95 %u ms\n",
           w->n, lookups, sums->found, (double)sums->hops / sums->found, sums->hops_max,
           (double)sums->asked / lookups, (unsigned)sums->took[lookups / 2],
           (unsigned)sums->took[lookups * 95ul / 100]);
}

static struct sums sums;

/* A3 */
static void without_faults_every_node_of_a_small_network_is_found(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_SMALL);

    look_up_many(&w, 4000, &sums);

    assert_int_equal(sums.found, 4000);
    free_world(&w);
}

/* Two in a bucket are few, but a lookup that asks the two nearest loses nothing by it. */
static void lookups_as_narrow_as_the_tables_find_every_node_too(void **state)
{
    struct world w;
    (void)state;
    make_world_of(&w, NODES_SMALL, 2);

    look_up_many(&w, 4000, &sums);

    assert_int_equal(sums.found, 4000);
    free_world(&w);
}

/* The figures of the reference model for ten thousand nodes: hops 1.90 and at most 3, asked 5.3, time
 * median 123 and p95 231 ms. With room for 5,000 draws instead of 20,000. */
static void without_faults_a_large_network_is_as_quick_as_the_model(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);

    look_up_many(&w, 5000, &sums);

    assert_int_equal(sums.found, 5000);
    assert_true(sums.hops <= 5000 * 195 / 100);
    assert_true(sums.asked <= 5000 * 55 / 10);
    assert_true(sums.took[2500] <= 130);
    assert_true(sums.took[4750] <= 245);
    free_world(&w);
}

static void one_answer_of_twenty_lost_loses_no_lookup(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);
    w.faults.lost = 10; /* 5 % each way */

    look_up_many(&w, 5000, &sums);

    assert_true(sums.found >= 4999);
    assert_true(sums.took[4750] <= 300);
    free_world(&w);
}

static void a_fifth_of_nodes_dead_loses_no_lookup(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_LARGE);
    w.faults.dead = true;

    look_up_many(&w, 5000, &sums);

    assert_true(sums.found >= 4995);
    assert_true(sums.took[4750] <= 420); /* the model's 374, with room for 5,000 draws */
    free_world(&w);
}

/* The checks in look_up are the test: one DONE each, never more than three lines in the making. */
static void whatever_happens_every_lookup_ends_exactly_once(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, NODES_SMALL);

    for (unsigned round = 0; round < 2000; round++) {
        unsigned asker = (unsigned)th_rng_below(&w.rng, w.n);
        struct th_hashname target = w.id[th_rng_below(&w.rng, w.n)];
        bool is_nobody = th_rng_below(&w.rng, 2) == 0;

        if (is_nobody)
            th_rng_fill(&w.rng, &target, sizeof target);
        w.faults = (struct faults){.lost = (unsigned)th_rng_below(&w.rng, 60)};
        w.faults.late = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.twice = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.garbage = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.no_line = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.late_line = (unsigned)th_rng_below(&w.rng, 60);
        w.faults.refused = (unsigned)th_rng_below(&w.rng, 30);
        (void)look_up(&w, asker, &target, round % 3 != 0);
    }
    assert_true(w.drops.n[TH_DROP_SEE_SELF] > 0);
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_every_node_of_a_small_network_is_found),
        cmocka_unit_test(lookups_as_narrow_as_the_tables_find_every_node_too),
        cmocka_unit_test(without_faults_a_large_network_is_as_quick_as_the_model),
        cmocka_unit_test(one_answer_of_twenty_lost_loses_no_lookup),
        cmocka_unit_test(a_fifth_of_nodes_dead_loses_no_lookup),
        cmocka_unit_test(whatever_happens_every_lookup_ends_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

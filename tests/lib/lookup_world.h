/*
 * lookup_world.h - lookups over whole networks: n nodes with ideal tables (up to 8 of each bucket, drawn
 * at random), round trips of median 80 ms, and whatever faults a test wants. No handshakes: a line is up
 * at once unless it is to fail.
 *
 *     struct world w;
 *     make_world(&w, 200);
 *     w.faults.lost = 10;
 *     look_up_many(&w, 4000, &sums);
 *     free_world(&w);
 *
 * A test that wants a second try after a miss sets `again`; one that wants liars calls make_liars.
 * Include it last.
 */
#ifndef TH_LIB_LOOKUP_WORLD_H
#define TH_LIB_LOOKUP_WORLD_H

#include "dialer/search.h"

#include "switch/base/heap.h"
#include "switch/base/mem.h"
#include "switch/base/rng.h"
#include "tests/lib/test_cmocka.h"
#include "tests/lib/test_seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 8, LINKS_MAX = 256, ANSWER_MAX = 8, SYBILS_PER_LIAR = 10 };

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
    bool *is_liar;             /* NULL: nobody is */
    struct th_hashname *sybil; /* ascending: what the liars are besides */
    unsigned sybil_count;
    bool again; /* after a miss over disjoint paths */
    struct faults faults;
    struct th_lookup_rtt rtt;
    struct th_drops drops;
    th_ms mono; /* never set back: the measured round trips belong to one dialer */
};

/* --- the network --- */

static inline int compare_ids(const void *a, const void *b)
{
    return th_hashname_compare(a, b);
}

/* The first of some that is not below `id`. */
static inline unsigned first_of(const struct th_hashname *list, unsigned count,
                                const struct th_hashname *id)
{
    unsigned low = 0, high = count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (th_hashname_compare(&list[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline unsigned first_from(const struct world *w, const struct th_hashname *id)
{
    return first_of(w->id, w->n, id);
}

static inline bool is_node(const struct world *w, const struct th_hashname *id)
{
    unsigned at = first_from(w, id);

    return at < w->n && th_hashname_is_equal(&w->id[at], id);
}

static inline bool is_sybil(const struct world *w, const struct th_hashname *id)
{
    unsigned at = first_of(w->sybil, w->sybil_count, id);

    return at < w->sybil_count && th_hashname_is_equal(&w->sybil[at], id);
}

/* The lowest and the highest hashname of a bucket. */
static inline void bucket_range(const struct th_hashname *self, int bucket, struct th_hashname *low,
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

static inline bool is_linked(const struct table *table, unsigned node)
{
    for (unsigned i = 0; i < table->count; i++)
        if (table->link[i] == node)
            return true;
    return false;
}

static inline void link_both(struct world *w, unsigned a, unsigned b)
{
    struct table *of_a = &w->table[a], *of_b = &w->table[b];

    if (a == b || is_linked(of_a, b) || of_a->count == LINKS_MAX || of_b->count == LINKS_MAX)
        return;
    of_a->link[of_a->count++] = (uint16_t)b;
    of_b->link[of_b->count++] = (uint16_t)a;
}

/* Links to nodes of a bucket until it has k or all that exist there; the others accept. */
static inline void fill_bucket(struct world *w, unsigned node, int bucket)
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

static inline void make_world_of(struct world *w, unsigned n, unsigned k)
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

static inline void make_world(struct world *w, unsigned n)
{
    make_world_of(w, n, K);
}

static inline void free_world(struct world *w)
{
    th_mem_free(w->id);
    th_mem_free(w->table);
    th_mem_free(w->is_liar);
    th_mem_free(w->sybil);
}

/* So many of 100 nodes lie, and no others any more. Each has ten more names, which answer as it does. */
static inline void make_liars(struct world *w, unsigned percent)
{
    unsigned count = 0;

    th_mem_free(w->is_liar);
    th_mem_free(w->sybil);
    w->is_liar = th_mem_zalloc(w->n, sizeof *w->is_liar);
    assert_non_null(w->is_liar);
    for (unsigned i = 0; i < w->n; i++) {
        w->is_liar[i] = th_rng_below(&w->rng, 100) < percent;
        count += w->is_liar[i];
    }
    w->sybil_count = SYBILS_PER_LIAR * count;
    w->sybil = th_mem_zalloc(w->sybil_count + 1, sizeof *w->sybil);
    assert_non_null(w->sybil);
    for (unsigned i = 0; i < w->sybil_count; i++)
        th_rng_fill(&w->rng, &w->sybil[i], sizeof w->sybil[i]);
    qsort(w->sybil, w->sybil_count, sizeof *w->sybil, compare_ids);
}

static inline bool is_liar(const struct world *w, unsigned node)
{
    return w->is_liar && w->is_liar[node];
}

/* What an honest node answers: the nearest of its table to what of the target the seek carried. */
static inline void honest_answer(const struct world *w, unsigned node, unsigned asker,
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

/* What a liar answers: some of the sybils about the target, never the same ones, so that they are not
 * soon used up. Nearly all are nearer to it than an honest node can be. */
static inline void lying_answer(struct world *w, const struct th_hashname *target,
                                struct th_see *see)
{
    enum { ABOUT = 200 };
    unsigned at = first_of(w->sybil, w->sybil_count, target);

    for (unsigned i = 0; i < ANSWER_MAX; i++) {
        unsigned drawn = at + (unsigned)th_rng_below(&w->rng, ABOUT);
        if (drawn >= ABOUT / 2 && drawn - ABOUT / 2 < w->sybil_count)
            see->entry[see->count++] =
                (struct th_see_entry){.id = w->sybil[drawn - ABOUT / 2], .csid = TH_CS3A};
    }
}

/* What nobody should send: names of nobody, of the asker, of the answerer, the same ones twice. */
static inline void garbage_answer(struct world *w, unsigned node, unsigned asker,
                                  struct th_see *see)
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
    unsigned asked, hops, paths;
    th_ms took_ms; /* till the last DONE */
    unsigned dones;
};

struct run {
    struct world *w;
    unsigned asker;
    struct th_search search;
    struct th_heap events;
    th_ms began;
    struct result result;
};

static inline bool chance(struct world *w, unsigned percent)
{
    return percent > 0 && th_rng_below(&w->rng, 100) < percent;
}

static inline bool is_dead(const struct world *w, unsigned node)
{
    return w->faults.dead && node % 5 == 0;
}

static inline th_ms round_trip(struct world *w)
{
    return round_trips[th_rng_below(&w->rng, 64)];
}

static inline void expect_arrival(struct run *run, enum arrival arrival,
                                  const struct th_hashname *id, th_ms after,
                                  const struct th_see *see)
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

static inline void connect(struct run *run, const struct th_hashname *id)
{
    struct world *w = run->w;
    struct th_now now = {.mono = w->mono};
    bool exists = is_node(w, id) || is_sybil(w, id);

    assert_false(th_hashname_is_equal(id, &w->id[run->asker]));
    if (chance(w, w->faults.refused))
        th_search_on_refused(&run->search, now, id);
    else if (exists && chance(w, w->faults.late_line))
        expect_arrival(run, LINE_UP, id, 1 + th_rng_below(&w->rng, 6000), NULL);
    else if (exists && !chance(w, w->faults.no_line))
        th_search_on_line_up(&run->search, now, id);
}

static inline void seek(struct run *run, const struct th_hashname *id)
{
    struct world *w = run->w;
    unsigned node = first_from(w, id);
    struct th_see see = {0};

    if (is_sybil(w, id) || is_liar(w, node)) {
        lying_answer(w, &run->search.first.config.target, &see);
        expect_arrival(run, ANSWER, id, round_trip(w), &see);
        return;
    }
    assert_true(is_node(w, id)); /* it has a line, so it exists */
    if (chance(w, w->faults.lost) || is_dead(w, node))
        return;
    if (chance(w, w->faults.garbage))
        garbage_answer(w, node, run->asker, &see);
    else
        honest_answer(w, node, run->asker, &run->search.first.config.target, &see);

    th_ms after = round_trip(w);
    if (chance(w, w->faults.late))
        after += th_rng_below(&w->rng, 6000);
    expect_arrival(run, ANSWER, id, after, &see);
    if (chance(w, w->faults.twice))
        expect_arrival(run, chance(w, 50) ? ANSWER : REFUSED, id,
                       after + th_rng_below(&w->rng, 200), &see);
}

/* Every n-th link, which is what the dialer does. False: there is no second try. */
static inline bool look_again(struct run *run)
{
    struct world *w = run->w;
    const struct table *table = &w->table[run->asker];
    struct th_hashname start[TH_SEARCH_START_MAX];
    unsigned count = table->count < TH_SEARCH_START_MAX ? table->count : TH_SEARCH_START_MAX;

    for (unsigned i = 0; i < count; i++)
        start[i] = w->id[table->link[i * table->count / count]];
    return th_search_again(&run->search, (struct th_now){.mono = w->mono}, start, count);
}

static inline void on_done(struct run *run, enum th_err result)
{
    struct th_search_outcome outcome = th_search_outcome(&run->search);

    if (result == TH_NOT_FOUND && run->w->again && look_again(run))
        return;
    run->result.dones++;
    run->result.took_ms = run->w->mono - run->began;
    run->result.found = outcome.is_found;
    run->result.asked = th_search_asked(&run->search);
    run->result.hops = outcome.hops;
    run->result.paths = run->search.path_count;
}

static inline void carry_out(struct run *run)
{
    struct th_lookup_action action;

    while (th_search_next(&run->search, &action)) {
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
            on_done(run, action.result);
            break;
        }
    }
}

static inline void arrive(struct run *run, struct event *event)
{
    struct th_now now = {.mono = run->w->mono};

    th_heap_set(&run->events, &event->due, TH_NEVER);
    switch (event->arrival) {
    case LINE_UP:
        th_search_on_line_up(&run->search, now, &event->id);
        break;
    case ANSWER:
        th_search_on_answer(&run->search, now, &event->id, &event->see);
        break;
    case REFUSED:
        th_search_on_refused(&run->search, now, &event->id);
        break;
    }
    th_mem_free(event);
}

/* Who is asked again takes no place of who is asked first, and there are no more of these either. In the time in
 * which no line can be slow yet no more are asked for one than at once, and so many times that in the time that a
 * line has. */
static inline void check_lookup(const struct th_lookup *lookup, unsigned at_once)
{
    enum { QUICK_MS = TH_LOOKUP_ANSWER_MS_MIN * TH_LOOKUP_LINE_SLOW / 100 };
    unsigned quick = 0, first = 0, again = 0;

    for (unsigned i = 0; i < lookup->count; i++) {
        const struct th_lookup_node *node = &lookup->node[i];
        if (i > 0)
            assert_true(
                th_hashname_nearer(&lookup->config.target, &lookup->node[i - 1].id, &node->id) < 0);
        if (node->state != TH_LOOKUP_CONNECTING)
            continue;
        again += node->asks > 1;
        first += node->asks == 1;
        quick += node->asks == 1 && lookup->now - node->since < QUICK_MS;
    }
    assert_true(quick <= at_once);
    assert_true(again <= at_once);
    assert_true(first <= (at_once == 1 ? 1 : at_once * (TH_LOOKUP_LINE_MS / QUICK_MS)));
}

/* What must hold between any two things that happen. */
static inline void check(const struct run *run)
{
    const struct th_search *search = &run->search;

    check_lookup(&search->first, TH_LOOKUP_ALPHA);
    for (unsigned i = 0; i < search->path_count; i++)
        check_lookup(&search->path[i], 1);
    assert_true(th_search_deadline(search) >= run->w->mono);
    assert_true(run->result.dones == 1 || th_search_deadline(search) != TH_NEVER);
}

/* The last step in which a lookup asked a node; NULL when it did not. */
static inline const struct th_lookup_step *step_of(const struct th_lookup *lookup,
                                                   const struct th_hashname *id)
{
    for (unsigned i = lookup->step_count; i-- > 0;)
        if (th_hashname_is_equal(&lookup->step[i].asked, id))
            return &lookup->step[i];
    return NULL;
}

/* What a path has asked no other has, nor did it fail to answer the first try; and it was told of on this
 * path by a node that answered, unless the path began with it. */
static inline void check_path(const struct th_search *search, unsigned number)
{
    const struct th_lookup *path = &search->path[number];

    assert_true(path->asked <= TH_SEARCH_PATH_ASKED_MAX);
    assert_int_equal(path->step_count, path->asked);
    for (unsigned i = 0; i < path->step_count; i++) {
        const struct th_lookup_step *step = &path->step[i];
        const struct th_lookup_node *before = th_lookup_find(&search->first, &step->asked);
        for (unsigned other = 0; other < search->path_count; other++)
            assert_true(other == number || step_of(&search->path[other], &step->asked) == NULL);
        assert_true(before == NULL || before->state == TH_LOOKUP_FRESH ||
                    before->state == TH_LOOKUP_ANSWERED);
        if (step->via) {
            const struct th_lookup_step *teller = step_of(path, step->via);
            assert_true(teller && teller->answered);
        }
    }
}

static inline struct result look_up(struct world *w, unsigned asker,
                                    const struct th_hashname *target, bool ends_at_match)
{
    struct run run = {.w = w, .asker = asker, .began = w->mono};
    const struct th_identity self = {.hashname = w->id[asker], .cipher = th_cipher_find(TH_CS3A)};
    const struct th_lookup_config config = {.self = &self,
                                            .target = *target,
                                            .ends_at_match = ends_at_match,
                                            .rtt = &w->rtt,
                                            .drops = &w->drops,
                                            .width = w->k};
    th_ms next;

    th_search_init(&run.search, &config, (struct th_now){.mono = w->mono});
    for (unsigned i = 0; i < w->table[asker].count; i++)
        th_search_add(&run.search, &w->id[w->table[asker].link[i]]);
    carry_out(&run);
    check(&run);
    while ((next = th_sooner(th_heap_next(&run.events), th_search_deadline(&run.search))) !=
           TH_NEVER) {
        w->mono = next;
        if (th_heap_next(&run.events) <= next)
            arrive(&run, TH_HEAP_OWNER(th_heap_first(&run.events), struct event, due));
        else
            th_search_tick(&run.search, (struct th_now){.mono = next});
        carry_out(&run);
        check(&run);
    }

    assert_int_equal(run.result.dones, 1);
    unsigned asked = run.search.first.asked;
    assert_int_equal(run.search.first.step_count,
                     asked < TH_LOOKUP_STEPS_MAX ? asked : TH_LOOKUP_STEPS_MAX);
    for (unsigned i = 0; i < run.search.path_count; i++)
        check_path(&run.search, i);
    th_search_clear(&run.search);
    th_heap_clear(&run.events);
    return run.result;
}

/* --- many lookups --- */

struct sums {
    unsigned lookups, found, again;
    uint64_t hops, asked;
    unsigned hops_max;
    th_ms took[20000];
};

static inline int compare_ms(const void *a, const void *b)
{
    th_ms x = *(const th_ms *)a, y = *(const th_ms *)b;

    return (x > y) - (x < y);
}

/* Every lookup is of another node, from another. */
static inline void look_up_many(struct world *w, unsigned lookups, struct sums *sums)
{
    memset(sums, 0, sizeof *sums);
    while (sums->lookups < lookups) {
        unsigned asker = (unsigned)th_rng_below(&w->rng, w->n);
        unsigned target = (unsigned)th_rng_below(&w->rng, w->n);
        if (asker == target || is_dead(w, asker) || is_dead(w, target) || is_liar(w, asker) ||
            is_liar(w, target))
            continue;

        struct result result = look_up(w, asker, &w->id[target], true);
        sums->took[sums->lookups++] = result.took_ms;
        sums->found += result.found;
        sums->again += result.paths > 0;
        sums->asked += result.asked;
        sums->hops += result.found ? result.hops : 0;
        if (result.found && result.hops > sums->hops_max)
            sums->hops_max = result.hops;
    }
    qsort(sums->took, lookups, sizeof sums->took[0], compare_ms);
    printf("%u nodes, %u lookups: found %u (%u twice tried), hops %.2f (at most %u), asked %.2f, "
           "time median %u ms, p95 %u ms\n",
           w->n, lookups, sums->found, sums->again, (double)sums->hops / sums->found,
           sums->hops_max, (double)sums->asked / lookups, (unsigned)sums->took[lookups / 2],
           (unsigned)sums->took[lookups * 95ul / 100]);
}

#endif

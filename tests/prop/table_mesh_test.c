/*
 * Many routing machines on a network of messages: does every bucket of every node end up with as many
 * links as are wanted, or as many as there are nodes?
 *
 * Lines and lookups are ideal here (core and dialer have tests of their own); links are not: their
 * packets take time and may be lost.
 */
#include "router/routing.h"
#include "switch/base/mem.h"
#include "tests/lib/test_seed.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { NODES_MAX = 64, WIDTH = 8 };

enum what { OPENED, PACKET, LINE_UP, LINE_DOWN, REACHED, DIALED, NUMBER };

struct happening {
    struct happening *next;
    th_ms at;
    enum what what;
    unsigned to, about;
    struct th_routing_packet packet;
    enum th_err why;
    int bucket;
    struct th_hashname target;
    char head[TH_FIELDS_MAX + 32];
};

struct node {
    struct th_hashname id;
    struct th_rng rng;
    struct th_routing routing;
    bool is_there;
    bool has_line[NODES_MAX];
    uint32_t channels;
};

struct mesh {
    unsigned count, k, links_max; /* as all have it but node 0, when it is more generous */
    bool is_first_generous;
    unsigned loss; /* of 1000 link packets */
    th_ms now;
    struct th_rng rng;
    struct happening *first;
    struct node node[NODES_MAX];
};

static struct th_now now_of(const struct mesh *m)
{
    return (struct th_now){.mono = m->now, .wall = 1400000000000 + (th_epoch_ms)m->now};
}

static unsigned index_of(const struct mesh *m, const struct th_hashname *id)
{
    unsigned i = 0;

    while (i < m->count && !th_hashname_is_equal(&m->node[i].id, id))
        i++;
    return i;
}

/* --- the network ----------------------------------------------------------------------------------------- */

static struct happening *later(struct mesh *m, th_ms in, enum what what, unsigned to,
                               unsigned about)
{
    struct happening *h = th_mem_zalloc(1, sizeof *h), **at = &m->first;

    assert_non_null(h);
    h->at = m->now + in;
    h->what = what;
    h->to = to;
    h->about = about;
    while (*at && (*at)->at <= h->at)
        at = &(*at)->next;
    h->next = *at;
    *at = h;
    return h;
}

static th_ms delay(struct mesh *m)
{
    return th_rng_between(&m->rng, 5, 60);
}

static void connect(struct mesh *m, unsigned a, unsigned b)
{
    if (a == b || m->node[a].has_line[b])
        return;
    m->node[a].has_line[b] = m->node[b].has_line[a] = true;
    later(m, delay(m), LINE_UP, a, b);
    later(m, delay(m), LINE_UP, b, a);
}

static void send(struct mesh *m, unsigned from, const struct th_routing_action *action,
                 enum what what)
{
    unsigned to = index_of(m, &action->id);
    struct happening *h;

    if (!m->node[from].has_line[to] || th_rng_below(&m->rng, 1000) < m->loss)
        return;
    h = later(m, delay(m), what, to, from);
    snprintf(h->head, sizeof h->head, "{%.*s}", (int)action->fields.len,
             (const char *)action->fields.at);
    h->packet = (struct th_routing_packet){.from = m->node[from].id,
                                           .c = action->c,
                                           .is_ours = what == PACKET && !action->is_ours,
                                           .end = action->end};
}

/* The nodes that are there, nearest to a target first. */
static unsigned nearest(const struct mesh *m, const struct th_hashname *target, unsigned *found)
{
    unsigned count = 0;

    for (unsigned i = 0; i < m->count; i++) {
        unsigned place = count;
        if (!m->node[i].is_there)
            continue;
        while (place > 0 &&
               th_hashname_nearer(target, &m->node[i].id, &m->node[found[place - 1]].id) < 0)
            place--;
        if (place == WIDTH)
            continue;
        count += count < WIDTH;
        memmove(&found[place + 1], &found[place], (count - 1 - place) * sizeof found[0]);
        found[place] = i;
    }
    return count;
}

/* --- what the machines do ---------------------------------------------------------------------------------- */

static void carry_out(struct mesh *m, unsigned i)
{
    struct node *node = &m->node[i];
    struct th_routing_action action;
    char fields[TH_FIELDS_MAX];
    struct happening *h;
    unsigned about;

    while (th_routing_next(&node->routing, &action, fields)) {
        about = index_of(m, &action.id);
        switch (action.kind) {
        case TH_ROUTING_OPEN:
            action.c = node->channels += 2;
            h = later(m, 0, NUMBER, i, about);
            h->packet.c = action.c;
            h->why = node->has_line[about] ? TH_OK : TH_NO_LINE;
            send(m, i, &action, OPENED);
            break;
        case TH_ROUTING_SEND:
            send(m, i, &action, PACKET);
            break;
        case TH_ROUTING_REACH:
            if (m->node[about].is_there)
                connect(m, i, about);
            h = later(m, m->node[about].is_there ? 120 : 6000, REACHED, i, about);
            h->why = m->node[about].is_there ? TH_OK : TH_TIMED_OUT;
            break;
        case TH_ROUTING_DIAL:
            h = later(m, 300, DIALED, i, i);
            h->bucket = action.bucket;
            h->target = action.id;
            break;
        case TH_ROUTING_LINK_UP:
        case TH_ROUTING_LINK_DOWN:
        case TH_ROUTING_PUNCH:
        case TH_ROUTING_REFRESHED:
            break;
        }
    }
}

/* An ideal lookup: the nearest were asked, so there are lines to them. */
static enum th_err end_dial(struct mesh *m, const struct happening *h)
{
    struct node *node = &m->node[h->to];
    struct th_spare told[WIDTH + 1];
    unsigned found[WIDTH + 1], count = nearest(m, &h->target, found);

    for (unsigned i = 0; i < count; i++) {
        connect(m, h->to, found[i]);
        told[i] = (struct th_spare){.id = m->node[found[i]].id};
    }
    enum th_err err = th_routing_on_told(&node->routing, now_of(m), told, count);
    return err == TH_OK ? th_routing_on_dialed(&node->routing, now_of(m), h->bucket, true) : err;
}

static enum th_err deliver(struct mesh *m, struct happening *h)
{
    struct th_routing *routing = &m->node[h->to].routing;
    const struct th_hashname *about = &m->node[h->about].id;
    const struct th_routing_line line = {.id = *about, .csid = 0x3a};

    h->packet.head = th_bytes_of(h->head);
    switch (h->what) {
    case OPENED:
        return th_routing_on_link_opened(routing, now_of(m), &h->packet);
    case PACKET:
        return th_routing_on_link_packet(routing, now_of(m), &h->packet);
    case LINE_UP:
        return th_routing_on_line_up(routing, now_of(m), &line);
    case LINE_DOWN:
        return th_routing_on_line_down(routing, now_of(m), about, h->why);
    case REACHED:
        return th_routing_on_reached(routing, now_of(m), about, h->why);
    case DIALED:
        return end_dial(m, h);
    case NUMBER:
        return th_routing_on_opened(routing, now_of(m), about, h->packet.c, h->why);
    }
    return TH_OK;
}

static th_ms soonest(const struct mesh *m)
{
    th_ms at = m->first ? m->first->at : TH_NEVER;

    for (unsigned i = 0; i < m->count; i++)
        if (m->node[i].is_there)
            at = th_sooner(at, th_routing_deadline(&m->node[i].routing));
    return at;
}

static void run(struct mesh *m, th_ms ms)
{
    th_ms until = m->now + ms;

    for (th_ms at = soonest(m); at <= until; at = soonest(m)) {
        m->now = at;
        while (m->first && m->first->at <= at) {
            struct happening *h = m->first;
            m->first = h->next;
            if (m->node[h->to].is_there) {
                assert_int_equal(deliver(m, h), TH_OK);
                carry_out(m, h->to);
            }
            th_mem_free(h);
        }
        for (unsigned i = 0; i < m->count; i++) {
            struct node *node = &m->node[i];
            if (!node->is_there || th_routing_deadline(&node->routing) > at)
                continue;
            assert_int_equal(th_routing_tick(&node->routing, now_of(m)), TH_OK);
            carry_out(m, i);
        }
    }
    m->now = until;
}

/* --- coming and going -------------------------------------------------------------------------------------- */

static void start(struct mesh *m, unsigned i)
{
    struct node *node = &m->node[i];
    bool is_generous = i == 0 && m->is_first_generous;
    const struct th_routing_config config = {
        .table = {.self = node->id,
                  .k = is_generous ? 8 : m->k,
                  .links_max = is_generous ? 256 : m->links_max},
        .is_seed = true};

    node->is_there = true;
    memset(node->has_line, 0, sizeof node->has_line);
    th_routing_init(&node->routing, &config, &node->rng, now_of(m));
}

static void look_for_itself(struct mesh *m, unsigned i)
{
    unsigned found[WIDTH + 1];

    for (unsigned n = nearest(m, &m->node[i].id, found); n-- > 0;)
        connect(m, i, found[n]);
}

/* As the bootstrap does it: a line to somebody, a look for itself, then a refresh. */
static void join(struct mesh *m, unsigned i)
{
    struct node *node = &m->node[i];

    start(m, i);
    if (i > 0)
        connect(m, i, 0);
    run(m, 300);
    look_for_itself(m, i);
    run(m, 300);
    assert_int_equal(th_routing_refresh(&node->routing, now_of(m)), TH_OK);
    carry_out(m, i);
}

/* Without a word, as a power cut does it. Lines are noticed to be dead after ten minutes. */
static void vanish(struct mesh *m, unsigned i)
{
    m->node[i].is_there = false;
    th_routing_clear(&m->node[i].routing);
    for (unsigned n = 0; n < m->count; n++)
        if (m->node[n].has_line[i]) {
            m->node[n].has_line[i] = false;
            later(m, 600000, LINE_DOWN, n, i)->why = TH_TIMED_OUT;
        }
}

static struct mesh *begin(struct th_rng *rng, unsigned count, unsigned k, unsigned links_max)
{
    struct mesh *m = th_mem_zalloc(1, sizeof *m);

    assert_non_null(m);
    m->count = count;
    m->k = k;
    m->links_max = links_max;
    m->now = 1000;
    th_rng_fork(rng, &m->rng);
    for (unsigned i = 0; i < count; i++) {
        th_rng_fork(&m->rng, &m->node[i].rng);
        th_rng_fill(&m->rng, m->node[i].id.b, sizeof m->node[i].id.b);
    }
    return m;
}

static void end(struct mesh *m)
{
    while (m->first) {
        struct happening *h = m->first;
        m->first = h->next;
        th_mem_free(h);
    }
    for (unsigned i = 0; i < m->count; i++)
        if (m->node[i].is_there)
            th_routing_clear(&m->node[i].routing);
    th_mem_free(m);
}

/* --- what is to be so -------------------------------------------------------------------------------------- */

static unsigned existing(const struct mesh *m, unsigned node, int bucket)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->count; i++)
        n += m->node[i].is_there && th_hashname_bucket(&m->node[node].id, &m->node[i].id) == bucket;
    return n;
}

/* Buckets that have fewer links than they could. */
static unsigned count_hungry(const struct mesh *m)
{
    unsigned hungry = 0;

    for (unsigned i = 0; i < m->count; i++)
        for (int b = 0; m->node[i].is_there && b < TH_BUCKETS; b++) {
            const struct th_bucket *bucket = th_table_at(&m->node[i].routing.table, b);
            unsigned most = existing(m, i, b);
            hungry += (bucket ? bucket->up_count : 0) < (most < m->k ? most : m->k);
        }
    return hungry;
}

static bool is_full(const struct mesh *m, unsigned node)
{
    const struct th_table *table = &m->node[node].routing.table;

    return table->up_count >= table->config.links_max;
}

/* Pairs without a link though one wants it and both have room. */
static unsigned count_missed(const struct mesh *m)
{
    unsigned missed = 0;

    for (unsigned i = 0; i < m->count; i++)
        for (unsigned n = 0; n < m->count; n++) {
            int b = th_hashname_bucket(&m->node[i].id, &m->node[n].id);
            const struct th_bucket *bucket =
                b >= 0 ? th_table_at(&m->node[i].routing.table, b) : NULL;
            bool is_wanted = b >= 0 && (bucket == NULL || bucket->up_count < m->k);
            missed += is_wanted && !is_full(m, i) && !is_full(m, n) &&
                      th_table_find(&m->node[i].routing.table, &m->node[n].id) == NULL;
        }
    return missed;
}

static void check_symmetry(const struct mesh *m)
{
    for (unsigned i = 0; i < m->count; i++)
        for (unsigned n = 0; n < m->count; n++) {
            if (!m->node[i].is_there || !m->node[n].is_there)
                continue;
            const struct th_peer *a = th_table_find(&m->node[i].routing.table, &m->node[n].id);
            const struct th_peer *b = th_table_find(&m->node[n].routing.table, &m->node[i].id);
            bool is_a_up = a && a->link.is_up, is_b_up = b && b->link.is_up;
            assert_int_equal(is_a_up, is_b_up);
            if (is_a_up)
                assert_int_not_equal(a->is_out, b->is_out);
        }
}

/* Of 40 meshes of ten nodes with about four buckets each, the buckets that chance left unfilled. */
enum { LEFT_BY_CHANCE = 8 };

static void every_bucket_fills_within_seconds(void **state)
{
    struct th_rng rng;
    unsigned hungry = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 40; i++) {
        struct mesh *m = begin(&rng, 10, 2, 256);
        for (unsigned n = 0; n < m->count; n++)
            join(m, n);
        run(m, 3000);
        hungry += count_hungry(m);
        check_symmetry(m);
        run(m, 70000); /* a second look finds whom the first one missed */
        assert_int_equal(count_hungry(m), 0);
        end(m);
    }
    assert_true(hungry <= LEFT_BY_CHANCE);
}

static void buckets_fill_when_all_start_at_the_same_time(void **state)
{
    struct th_rng rng;
    unsigned hungry = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 40; i++) {
        struct mesh *m = begin(&rng, 10, 2, 256);
        for (unsigned n = 0; n < m->count; n++)
            start(m, n);
        for (unsigned n = 1; n < m->count; n++)
            connect(m, 0, n);
        run(m, 500);
        for (unsigned n = 0; n < m->count; n++)
            look_for_itself(m, n);
        run(m, 500);
        for (unsigned n = 0; n < m->count; n++) {
            assert_int_equal(th_routing_refresh(&m->node[n].routing, now_of(m)), TH_OK);
            carry_out(m, n);
        }
        run(m, 3000);
        hungry += count_hungry(m);
        check_symmetry(m);
        run(m, 70000);
        assert_int_equal(count_hungry(m), 0);
        end(m);
    }
    assert_true(hungry <= LEFT_BY_CHANCE);
}

static void newcomer_is_linked_by_all_who_lack_links(void **state)
{
    struct th_rng rng;
    unsigned hungry = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 40; i++) {
        struct mesh *m = begin(&rng, 10, 2, 256);
        for (unsigned n = 0; n < 9; n++)
            join(m, n);
        run(m, 120000);
        join(m, 9);
        run(m, 3000);
        hungry += count_hungry(m);
        run(m, TH_REFRESH_MS); /* at the latest */
        assert_int_equal(count_hungry(m), 0);
        end(m);
    }
    assert_true(hungry <= LEFT_BY_CHANCE);
}

/* With eight places for nine others not everybody can have everybody, but nobody is left out. */
static void few_places_are_shared_so_that_nobody_is_alone(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 40; i++) {
        struct mesh *m = begin(&rng, 10, 2, 8);
        m->is_first_generous = true;
        for (unsigned n = 0; n < m->count; n++)
            join(m, n);
        run(m, 180000);
        for (unsigned n = 0; n < m->count; n++) {
            assert_true(m->node[n].routing.table.up_count >= 1);
            assert_true(n == 0 || m->node[n].routing.table.up_count <= 8);
        }
        assert_int_equal(count_missed(m), 0);
        end(m);
    }
}

static void mesh_heals_after_nodes_vanish(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 10; i++) {
        struct mesh *m = begin(&rng, 30, 3, 256);
        for (unsigned n = 0; n < m->count; n++)
            join(m, n);
        run(m, 30000);
        for (unsigned n = 0; n < 10; n++)
            vanish(m, (unsigned)th_rng_between(&m->rng, n * 3, n * 3 + 2));
        run(m, 150000);
        assert_int_equal(count_hungry(m), 0);
        check_symmetry(m);
        end(m);
    }
}

static void mesh_settles_on_a_network_that_loses_packets(void **state)
{
    struct th_rng rng;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 10; i++) {
        struct mesh *m = begin(&rng, 20, 2, 256);
        m->loss = 50;
        for (unsigned n = 0; n < m->count; n++)
            join(m, n);
        /* A link that was lost to bad luck is asked for again a minute later. */
        for (unsigned tries = 0; tries < 30 && (tries == 0 || count_hungry(m) > 0); tries++)
            run(m, 10000);
        assert_int_equal(count_hungry(m), 0);
        end(m);
    }
}

/* A newcomer need not meet everybody who lacks it; the hourly refresh makes up for that. */
static void larger_mesh_fills_its_buckets_within_an_hour(void **state)
{
    struct th_rng rng;
    unsigned hungry = 0;
    (void)state;

    test_seed(&rng);
    for (unsigned i = 0; i < 3; i++) {
        struct mesh *m = begin(&rng, NODES_MAX, 4, 256);
        for (unsigned n = 0; n < m->count; n++)
            join(m, n);
        run(m, 10000);
        hungry += count_hungry(m);
        run(m, TH_REFRESH_MS + 10000);
        assert_int_equal(count_hungry(m), 0);
        check_symmetry(m);
        end(m);
    }
    assert_true(hungry <= 6); /* of 1200 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bucket_fills_within_seconds),
        cmocka_unit_test(buckets_fill_when_all_start_at_the_same_time),
        cmocka_unit_test(newcomer_is_linked_by_all_who_lack_links),
        cmocka_unit_test(few_places_are_shared_so_that_nobody_is_alone),
        cmocka_unit_test(mesh_heals_after_nodes_vanish),
        cmocka_unit_test(mesh_settles_on_a_network_that_loses_packets),
        cmocka_unit_test(larger_mesh_fills_its_buckets_within_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

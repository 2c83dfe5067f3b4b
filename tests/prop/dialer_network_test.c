/*
 * The dialer over a network of 200 nodes with ideal tables, which exists only as answers of its
 * switch: seeks are answered after a round trip, introductions bring a line. With and without faults.
 */
#include "switch/base/heap.h"
#include "switch/base/rng.h"
#include "tests/lib/test_seed.h"

#include "tests/lib/dialer_bench.h"

enum { NODES = 200, K = 8, LINKS_MAX = 128, ROUNDS = 60, DIALS_A_ROUND_MAX = 12 };

/* Of 100 each. */
struct faults {
    unsigned lost, late, twice, garbage, refused;
};

struct node {
    struct th_hashname id;
    bool is_linked; /* to us */
    unsigned count;
    unsigned link[LINKS_MAX];
};

enum arrival { ANSWER_COMES, ERR_COMES, END_COMES, LINE_COMES };

struct coming {
    struct th_heap_node due;
    enum arrival arrival;
    struct bench_request request;
    struct th_hashname line;
    char head[2048];
};

struct net {
    struct th_rng rng;
    struct bench *b;
    struct node node[NODES];
    struct faults faults;
    struct th_heap comings;
    unsigned seen; /* requests looked at */
};

/* --- the network --- */

static struct node *node_named(struct net *net, const struct th_hashname *id)
{
    for (unsigned i = 0; i < NODES; i++)
        if (th_hashname_is_equal(&net->node[i].id, id))
            return &net->node[i];
    return NULL;
}

static bool is_in_table(const struct node *node, unsigned other)
{
    for (unsigned i = 0; i < node->count; i++)
        if (node->link[i] == other)
            return true;
    return false;
}

static void fill_table(struct net *net, unsigned at)
{
    struct node *node = &net->node[at];
    unsigned in_bucket[TH_BUCKETS] = {0};
    unsigned from = (unsigned)th_rng_below(&net->rng, NODES);

    for (unsigned i = 0; i < NODES; i++) {
        unsigned other = (from + i) % NODES;
        int bucket = th_hashname_bucket(&node->id, &net->node[other].id);
        if (bucket >= 0 && in_bucket[bucket] < K) {
            in_bucket[bucket]++;
            node->link[node->count++] = other;
        }
    }
}

static bool chance(struct net *net, unsigned percent)
{
    return percent > 0 && th_rng_below(&net->rng, 100) < percent;
}

/* Links us, and opens the network. */
static struct net *net_open(void)
{
    struct net *net = th_mem_zalloc(1, sizeof *net);
    unsigned in_bucket[TH_BUCKETS] = {0};

    assert_non_null(net);
    test_seed(&net->rng);
    net->b = bench_open(th_rng_u64(&net->rng));
    for (unsigned i = 0; i < NODES; i++)
        th_rng_fill(&net->rng, &net->node[i].id, sizeof net->node[i].id);
    for (unsigned i = 0; i < NODES; i++) {
        int bucket = th_hashname_bucket(&net->b->identity.hashname, &net->node[i].id);
        fill_table(net, i);
        if (in_bucket[bucket]++ < 2) { /* few, so that lookups take hops */
            net->node[i].is_linked = true;
            bench_link_up_of(net->b, &net->node[i].id);
        }
    }
    return net;
}

static void net_close(struct net *net)
{
    for (struct th_heap_node *first; (first = th_heap_first(&net->comings)) != NULL;) {
        struct coming *coming = TH_HEAP_OWNER(first, struct coming, due);
        th_heap_set(&net->comings, first, TH_NEVER);
        th_mem_free(coming);
    }
    th_heap_clear(&net->comings);
    bench_close(net->b);
    th_mem_free(net);
}

/* --- what the others do --- */

static void put_answer(struct net *net, const struct bench_request *request, char *head, size_t cap)
{
    const struct node *node = node_named(net, &request->to);
    struct th_text text = th_text_in(head, cap);
    struct th_see_entry best[TH_SEE_SENT_MAX];
    struct th_prefix prefix;
    unsigned count = 0;

    assert_true(th_prefix_read(&prefix, request->fields + strlen("\"seek\":\""),
                               strlen(request->fields) - strlen("\"seek\":\"\"")));
    for (unsigned i = 0; i < node->count; i++) {
        const struct th_hashname *id = &net->node[node->link[i]].id;
        unsigned place = count;
        while (place > 0 && th_hashname_nearer(&prefix.padded, id, &best[place - 1].id) < 0)
            place--;
        if (place == TH_SEE_SENT_MAX)
            continue;
        if (count < TH_SEE_SENT_MAX)
            count++;
        memmove(&best[place + 1], &best[place], (count - 1 - place) * sizeof best[0]);
        best[place] = (struct th_see_entry){.id = *id, .csid = TH_CS3A};
    }
    th_text_put(&text, "{\"c\":%u,\"end\":true,", (unsigned)request->c);
    th_see_put(&text, best, count);
    th_text_put(&text, "}");
}

static void put_garbage(struct net *net, char *head, size_t cap)
{
    static const char zeros[] = "000000000000000000000000000000000000000000000000000000000000000";
    static const char *const heads[] = {
        "{}",  "[]", "", "{\"see\":{}}", "{\"see\":[\"\",\"x\",7,null]}", "{\"see\":\"all\"}",
        "\xff"};
    size_t which = (size_t)th_rng_below(&net->rng, sizeof heads / sizeof heads[0] + 1);
    struct th_text text = th_text_in(head, cap);

    if (which == sizeof heads / sizeof heads[0])
        th_text_put(&text, "{\"see\":[\"%s0,3a\",\"%s1,1a,10.0.0.1,7\"]}", zeros, zeros);
    else
        th_text_put(&text, "%s", heads[which]);
}

static void send_later(struct net *net, const struct coming *what)
{
    struct coming *coming = th_mem_zalloc(1, sizeof *coming);
    th_ms after = 20 + th_rng_below(&net->rng, 150);

    assert_non_null(coming);
    if (chance(net, net->faults.late))
        after += th_rng_below(&net->rng, 8000);
    *coming = *what;
    assert_int_equal(th_heap_reserve(&net->comings), TH_OK);
    th_heap_set(&net->comings, &coming->due, th_host_now(net->b->host).mono + after);
}

static void on_seek(struct net *net, const struct bench_request *request)
{
    struct coming coming = {.arrival = ANSWER_COMES, .request = *request};

    if (chance(net, net->faults.refused))
        coming.arrival = chance(net, 50) ? ERR_COMES : END_COMES;
    if (chance(net, net->faults.garbage))
        put_garbage(net, coming.head, sizeof coming.head);
    else
        put_answer(net, request, coming.head, sizeof coming.head);
    send_later(net, &coming);
    if (chance(net, net->faults.twice))
        send_later(net, &coming);
}

static void on_peer(struct net *net, const struct bench_request *request)
{
    struct coming coming = {.arrival = ERR_COMES, .request = *request};
    struct node *via = node_named(net, &request->to), *target;

    assert_true(
        th_hashname_read(&coming.line, request->fields + strlen("\"peer\":\""), TH_HASHNAME_HEX));
    target = node_named(net, &coming.line);
    if (target && is_in_table(via, (unsigned)(target - net->node)) &&
        !chance(net, net->faults.refused))
        coming.arrival = LINE_COMES;
    send_later(net, &coming);
    if (chance(net, net->faults.twice)) {
        coming.arrival = END_COMES;
        send_later(net, &coming);
    }
}

static void look_at_requests(struct net *net)
{
    for (; net->seen < net->b->count; net->seen++) {
        const struct bench_request *request = &net->b->request[net->seen];

        if (request->what == ASKED_SEEK && !chance(net, net->faults.lost))
            on_seek(net, request);
        if (request->what == ASKED_PEER && !chance(net, net->faults.lost))
            on_peer(net, request);
    }
}

static void arrive(struct net *net, struct coming *coming)
{
    th_heap_set(&net->comings, &coming->due, TH_NEVER);
    switch (coming->arrival) {
    case ANSWER_COMES:
        bench_packet(net->b, &coming->request, coming->head, "", chance(net, 80));
        break;
    case ERR_COMES:
        bench_packet(net->b, &coming->request, "{}", "not found", true);
        break;
    case END_COMES:
        bench_ended(net->b, &coming->request, TH_TIMED_OUT);
        break;
    case LINE_COMES:
        bench_line_up_of(net->b, &coming->line);
        break;
    }
    th_mem_free(coming);
}

static void run_net(struct net *net, th_ms ms)
{
    th_ms until = th_host_now(net->b->host).mono + ms, now;

    while ((now = th_host_now(net->b->host).mono) < until) {
        th_ms next = th_sooner(th_sooner(th_heap_next(&net->comings), until),
                               th_host_sim_next(net->b->host));
        bench_run(net->b, next > now ? next - now : 0);
        while (th_heap_next(&net->comings) <= next)
            arrive(net, TH_HEAP_OWNER(th_heap_first(&net->comings), struct coming, due));
        bench_run(net->b, 0);
        look_at_requests(net);
    }
}

/* Only our links are left, so that the next lookups take their hops again. */
static void take_lines_down(struct net *net)
{
    for (unsigned i = 0; i < NODES; i++)
        if (!net->node[i].is_linked && bench_has_line(net->b, &net->node[i].id))
            bench_line_down_of(net->b, &net->node[i].id);
    net->b->count = net->seen = 0;
}

/* --- the tests --- */

static void without_faults_every_node_is_reached(void **state)
{
    (void)state;
    struct net *net = net_open();
    struct bench *b = net->b;
    unsigned hops = 0, asked = 0, took = 0;

    for (unsigned i = 0; i < NODES; i++) {
        struct th_dial request = {.target = net->node[i].id, .mode = TH_DIAL_REACH};
        bench_dial(b, &request);
        look_at_requests(net);
        run_net(net, 5000);
        take_lines_down(net);

        const struct th_dialed *told = bench_told(b, i, TH_OK);
        assert_true(told->has_line);
        hops += told->hops;
        asked += told->asked;
        took += (unsigned)told->took_ms;
    }
    printf("%u nodes: all reached, hops %.2f, asked %.2f, mean time with introductions %u ms\n",
           NODES, (double)hops / NODES, (double)asked / NODES, took / NODES);
    net_close(net);
}

static void found_neighbourhood_is_the_true_one(void **state)
{
    (void)state;
    struct net *net = net_open();
    struct bench *b = net->b;
    unsigned right = 0;

    for (unsigned round = 0; round < 50; round++) {
        struct th_dial request = {.mode = TH_DIAL_FIND};
        th_rng_fill(&net->rng, &request.target, sizeof request.target);
        unsigned dial = bench_dial(b, &request), nearest = 0;
        look_at_requests(net);
        run_net(net, 10000);
        take_lines_down(net);

        const struct th_dialed *told = bench_told(b, dial, TH_OK);
        for (unsigned i = 1; i < NODES; i++)
            if (th_hashname_nearer(&request.target, &net->node[i].id, &net->node[nearest].id) < 0)
                nearest = i;
        assert_true(told->closest_count >= 8);
        right += th_hashname_is_equal(&told->closest[0].id, &net->node[nearest].id);
    }
    assert_int_equal(right, 50);
    net_close(net);
}

static void dial_somebody(struct net *net)
{
    struct th_dial request = {.target = net->node[th_rng_below(&net->rng, NODES)].id};

    request.mode = chance(net, 50) ? TH_DIAL_FIND : TH_DIAL_REACH;
    request.always_seek = chance(net, 20);
    if (chance(net, 30))
        th_rng_fill(&net->rng, &request.target, sizeof request.target);
    if (chance(net, 30))
        request.timeout_ms = 1 + th_rng_below(&net->rng, 10000);
    if (chance(net, 30)) {
        request.hint_count = 1;
        request.hint[0] = (struct th_told){.id = request.target, .has_via = true};
        request.hint[0].via = net->node[th_rng_below(&net->rng, NODES)].id;
    }
    bench_dial(net->b, &request);
    look_at_requests(net);
}

static void whatever_happens_every_dial_is_told_exactly_once(void **state)
{
    (void)state;
    struct net *net = net_open();
    struct bench *b = net->b;
    unsigned results[TH_EOF + 1] = {0};

    for (unsigned round = 0; round < ROUNDS; round++) {
        net->faults.lost = (unsigned)th_rng_below(&net->rng, 50);
        net->faults.late = (unsigned)th_rng_below(&net->rng, 50);
        net->faults.twice = (unsigned)th_rng_below(&net->rng, 50);
        net->faults.garbage = (unsigned)th_rng_below(&net->rng, 50);
        net->faults.refused = (unsigned)th_rng_below(&net->rng, 50);
        unsigned dials = 1 + (unsigned)th_rng_below(&net->rng, DIALS_A_ROUND_MAX);
        for (unsigned i = 0; i < dials; i++) {
            dial_somebody(net);
            run_net(net, 1 + th_rng_below(&net->rng, 300));
        }
        run_net(net, TH_DIAL_MS_DEFAULT + 1);
        take_lines_down(net);

        for (unsigned i = b->dials - dials; i < b->dials; i++) {
            assert_int_equal(b->outcome[i].times_told, 1);
            assert_int_equal(b->outcome[i].why, TH_OK);
            results[b->outcome[i].told->result]++;
        }
    }
    run_net(net, 60000);
    for (unsigned i = 0; i < b->dials; i++)
        assert_int_equal(b->outcome[i].times_told, 1);
    assert_int_equal(bench_status(b)->running, 0);
    printf("%u dials: %u ok, %u not found, %u no path, %u timed out\n", b->dials, results[TH_OK],
           results[TH_NOT_FOUND], results[TH_NO_PATH], results[TH_TIMED_OUT]);
    net_close(net);
}

/* A5, A8: the dialer is stopped in the middle, again and again. */
static void dialer_that_is_restarted_still_tells_every_dial_once(void **state)
{
    (void)state;
    struct net *net = net_open();
    struct bench *b = net->b;

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < DIALS_A_ROUND_MAX; i++)
            dial_somebody(net);
        run_net(net, 1 + th_rng_below(&net->rng, 2000));
        th_stop(b->host, b->dialer, TH_SHUTDOWN);
        run_net(net, 1);
        for (unsigned i = 0; i < b->dials; i++)
            assert_int_equal(b->outcome[i].times_told, 1);
        bench_start_dialer(b);
        take_lines_down(net);
    }
    net_close(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_every_node_is_reached),
        cmocka_unit_test(found_neighbourhood_is_the_true_one),
        cmocka_unit_test(whatever_happens_every_dial_is_told_exactly_once),
        cmocka_unit_test(dialer_that_is_restarted_still_tells_every_dial_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The bug that started it all, and its relatives. In the system before this one the router's handler
 * ran inside the event process; it began the first dial from there, the dialer wanted to subscribe to
 * that same event process, and the node hung.
 */
#include "tests/lib/mesh.h"

#include "switch/run/trace.h"

#include <sodium.h>

enum { SEEDS = 60, TRACED_MAX = 1024 };

/* Answers every event as the worst handler would: it dials, and it changes its own subscription while
 * the manager is notifying. */
struct meddler {
    struct mesh_node *node;
    unsigned events, dials, dialed, changes, changed;
};

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    (void)self;
    (void)ctx;
    (void)reply;
    (*(struct meddler **)state)->dialed += why == TH_OK;
    return TH_OK;
}

static enum th_err on_changed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                              struct th_msg *reply)
{
    (void)self;
    (void)ctx;
    (void)reply;
    (*(struct meddler **)state)->changed += why == TH_OK; /* it is gone when the test ends */
    return TH_OK;
}

static enum th_err change_subscription(struct meddler *m, const struct th_self *self)
{
    struct th_interest interest = {.kinds = UINT64_MAX,
                                   .topics = m->changes++ % 2 ? UINT64_MAX : 0};

    return th_subscribe(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS), interest,
                        on_changed, NULL);
}

static enum th_err dial(struct meddler *m, const struct th_self *self)
{
    struct th_dial *dial = th_mem_zalloc(1, sizeof *dial);

    m->dials++;
    dial->target = m->node->id.hashname;
    dial->target.b[0] ^= (uint8_t)(0x80 >> m->dials % 4);
    dial->mode = TH_DIAL_FIND;
    return th_call(self, th_whereis(self->host, self->scope, TH_NODE_DIALER),
                   (struct th_msg){.kind = &th_dialer_msg_dial, .body = dial}, 20000, on_dialed,
                   NULL, NULL);
}

static enum th_err meddler_init(void *state, const struct th_self *self, void *arg)
{
    *(struct meddler **)state = arg;
    return change_subscription(arg, self);
}

static enum th_err meddler_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct meddler *m = *(struct meddler **)state;

    if (msg->kind != &th_event_msg)
        return TH_OK;
    m->events++;
    if (m->dials < 8 && th_event_of(msg)->kind & (TH_EV_LINE_UP | TH_EV_LINK_UP)) {
        enum th_err err = dial(m, self);
        if (err != TH_OK)
            return err;
    }
    return m->events < 50 ? change_subscription(m, self) : TH_OK;
}

static const struct th_server_ops meddler_ops = {.name = "meddler",
                                                 .state_size = sizeof(struct meddler *),
                                                 .init = meddler_init,
                                                 .on_msg = meddler_on_msg};

static void spawn_meddler(struct mesh *mesh, struct meddler *m, unsigned i)
{
    const struct th_server_spec spec = {
        .ops = &meddler_ops, .arg = m, .scope = i + 1, .place = mesh->place[0]};
    th_pid pid;

    m->node = &mesh->node[i];
    assert_int_equal(th_spawn(mesh->host, &spec, &pid), TH_OK);
}

/* A6 */
static void dial_from_inside_the_handling_of_an_event_hangs_nothing_in_any_order(void **state)
{
    (void)state;
    for (uint8_t seed = 1; seed <= SEEDS; seed++) {
        struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = 4, .rng_seed = seed});
        struct meddler m[4] = {0};
        for (unsigned i = 0; i < 4; i++)
            spawn_meddler(mesh, &m[i], i);

        unsigned took = mesh_seconds_until_ready(mesh, 30);
        mesh_run_s(mesh, 30);

        for (unsigned i = 0; i < 4; i++) {
            if (took > 5 || m[i].dials == 0 || m[i].dialed != m[i].dials ||
                m[i].changed != m[i].changes)
                fail_msg("seed %u: ready in %u s; node %u: dials %u told %u, changes %u done %u",
                         seed, took, i, m[i].dials, m[i].dialed, m[i].changes, m[i].changed);
        }
        mesh_end(mesh);
    }
}

/* True when the router sent a dial from a callback that handled an event. */
static bool has_dialed_from_an_event(const struct th_trace_entry *entries, unsigned count)
{
    bool has_dialed = false; /* in the callback that is told next */

    for (unsigned i = 0; i < count; i++) {
        const struct th_trace_entry *e = &entries[i];
        if (e->is_in && e->sort == TH_TRACE_EVENT && has_dialed)
            return true;
        if (e->is_in)
            has_dialed = false;
        else if (strcmp(e->kind, th_dialer_msg_dial.name) == 0)
            has_dialed = true;
    }
    return false;
}

/* A6, the exact sequence: bootstrap, first dial from inside the router's event handling while the
 * dialer subscribes, the rest of the bootstrap. */
static void router_dials_while_it_handles_an_event_and_the_dialer_subscribes(void **state)
{
    static struct th_trace_entry entries[TRACED_MAX];
    unsigned seen = 0;
    (void)state;

    for (uint8_t seed = 1; seed <= SEEDS; seed++) {
        struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = 5, .rng_seed = seed});
        struct th_tracing *tracing;
        struct th_tracing_state how;
        th_pid router = th_whereis(mesh->host, 5, TH_NODE_ROUTER);
        assert_int_equal(th_tracing_start(mesh->host, router, &tracing), TH_OK);

        /* some steps into the bootstrap every dialer is replaced: it subscribes among the events */
        for (unsigned i = 0; i < 40u * seed && th_host_sim_once(mesh->host); i++)
            continue;
        for (unsigned i = 0; i < 5; i++)
            th_stop(mesh->host, th_whereis(mesh->host, i + 1, TH_NODE_DIALER), TH_NO_MEMORY);
        unsigned took = mesh_seconds_until_ready(mesh, 30);
        unsigned count = th_tracing_read(tracing, entries, TRACED_MAX, &how);
        th_tracing_stop(tracing);

        seen += has_dialed_from_an_event(entries, count);
        if (took > 20)
            fail_msg("seed %u: ready in %u s", seed, took);
        assert_int_equal(mesh_unreached(mesh), 0);
        mesh_end(mesh);
    }
    assert_true(seen > SEEDS / 4); /* it is what the router does, not a rarity */
}

static unsigned answered_pings(struct mesh *mesh, unsigned from, unsigned to)
{
    struct th_switchboard_totals before, after;
    struct th_msg reply =
        mesh_call(mesh, to, TH_NODE_SWITCH, (struct th_msg){.kind = &th_switch_msg_status}, 1000);
    before.rx_packets = ((struct th_switch_status *)reply.body)->rx_packets;
    th_msg_drop(&reply);
    struct th_switch_channel *ping =
        th_switch_channel_new(&mesh->node[to].id.hashname, TH_CHANNEL_PATH,
                              th_bytes_of("\"paths\":[]"), (struct th_bytes){0});

    uint64_t heard = mesh->node[from].net->received;
    reply = mesh_call(mesh, from, TH_NODE_SWITCH,
                      (struct th_msg){.kind = &th_switch_msg_channel, .body = ping}, 1000);
    assert_int_equal(((struct th_switch_result *)reply.body)->err, TH_OK);
    th_msg_drop(&reply);
    th_host_sim_run(mesh->host, 10);

    reply =
        mesh_call(mesh, to, TH_NODE_SWITCH, (struct th_msg){.kind = &th_switch_msg_status}, 1000);
    after.rx_packets = ((struct th_switch_status *)reply.body)->rx_packets;
    th_msg_drop(&reply);
    assert_true(after.rx_packets > before.rx_packets);
    return (unsigned)(mesh->node[from].net->received - heard);
}

/* A8 */
static void parked_router_delays_neither_switch_nor_dialer(void **state)
{
    struct mesh *mesh = mesh_begin(&(struct mesh_plan){.count = 4, .rng_seed = 9});
    struct th_server_look looks[64];
    (void)state;
    assert_in_range(mesh_seconds_until_ready(mesh, 30), 0, 5);
    mesh_run_s(mesh, 5);

    th_pid router = th_whereis(mesh->host, 2, TH_NODE_ROUTER);
    assert_int_equal(th_suspend(mesh->host, router, 30000), TH_OK);

    assert_true(answered_pings(mesh, 2, 1) > 0);
    for (unsigned to = 2; to < 4; to++) {
        struct th_dialed dialed = mesh_reach(mesh, 1, to);
        assert_int_equal(dialed.result, TH_OK);
        assert_true(dialed.took_ms < 3000);
    }
    unsigned count = th_host_look(mesh->host, looks, 64);
    for (unsigned i = 0; i < count && i < 64; i++)
        if (looks[i].pid == router)
            assert_int_equal(looks[i].state, TH_SERVER_SUSPENDED);
    assert_int_equal(th_resume(mesh->host, router), TH_OK);
    mesh_run_s(mesh, 30);
    assert_int_equal(mesh_unready(mesh), 0);
    mesh_end(mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dial_from_inside_the_handling_of_an_event_hangs_nothing_in_any_order),
        cmocka_unit_test(router_dials_while_it_handles_an_event_and_the_dialer_subscribes),
        cmocka_unit_test(parked_router_delays_neither_switch_nor_dialer),
    };
    TH_CHECK(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "router/bootstrap.h"
#include "switch/base/mem.h"
#include "switch/run/host_sim.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { NODES_MAX = 8, STATES_MAX = 16 };

/* The bootstrap among scripted neighbours; what they do is said by the fields. */
struct world {
    struct th_host *host;
    struct th_place *place;
    th_pid events, sw, dialer, router, boot;
    struct th_bootstrap_config config;
    struct th_seeds seeds, remembered;
    struct th_seed seed[NODES_MAX];

    /* the switch's script */
    bool is_mute;            /* answers nothing */
    enum th_err open_result; /* TH_OK and TH_AGAIN announce a line too */
    unsigned opens;
    struct th_switch_open opened; /* the latest */

    /* the router's */
    enum th_err link_result; /* TH_OK announces a link, TH_AGAIN says nothing */
    unsigned links, refreshes;

    /* the dialer's */
    bool is_dialer_stuck;
    unsigned dials;
    struct th_dial dial; /* the latest */

    unsigned state_count; /* heard by the observer */
    enum th_node_state state[STATES_MAX];
};

static struct th_hashname id_of(uint8_t n)
{
    struct th_hashname id;

    memset(&id, n, sizeof id);
    return id;
}

static void announce_line(struct world *w, enum th_ev_kind kind, uint8_t n)
{
    struct th_ev_line line = {.id = id_of(n), .csid = TH_CS3A, .has_addr = true};

    line.addr = (struct th_addr){.ip = {10, 0, 0, n}, .port = 1, .family = TH_FAMILY_IPV4};
    assert_int_equal(th_ev_announce(w->host, w->events, kind, &line, sizeof line), TH_OK);
}

static void announce_link(struct world *w, enum th_ev_kind kind, uint8_t n, enum th_err why)
{
    struct th_ev_link link = {.id = id_of(n), .is_seed = true, .is_out = true, .why = why};

    assert_int_equal(th_ev_announce(w->host, w->events, kind, &link, sizeof link), TH_OK);
}

/* --- the neighbours ---------------------------------------------------------------------------------- */

static enum th_err fake_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    *(struct world **)state = arg;
    return TH_OK;
}

static enum th_err switch_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    if (w->is_mute)
        return TH_OK;
    if (msg->kind == &th_switch_msg_open) {
        struct th_switch_result *result = th_mem_zalloc(1, sizeof *result);
        w->opens++;
        w->opened = *(const struct th_switch_open *)msg->body;
        result->err = w->open_result;
        th_reply(self->host, th_from_of(msg),
                 (struct th_msg){.kind = &th_switch_msg_result, .body = result});
        if (w->open_result == TH_OK || w->open_result == TH_AGAIN)
            announce_line(w, TH_EV_LINE_UP, w->opened.id.b[0]);
    }
    return TH_OK;
}

static enum th_err router_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    if (msg->kind == &th_router_msg_link) {
        uint8_t n = ((const struct th_hashname *)msg->body)->b[0];
        w->links++;
        if (w->link_result == TH_OK)
            announce_link(w, TH_EV_LINK_UP, n, TH_OK);
        else if (w->link_result != TH_AGAIN)
            announce_link(w, TH_EV_LINK_DOWN, n, w->link_result);
    } else if (msg->kind == &th_router_msg_refresh) {
        w->refreshes++;
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind});
    }
    return TH_OK;
}

static enum th_err dialer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    if (msg->kind == &th_dialer_msg_dial) {
        struct th_dialed *dialed = th_mem_zalloc(1, sizeof *dialed);
        w->dials++;
        w->dial = *(const struct th_dial *)msg->body;
        dialed->asked = 1;
        if (w->is_dialer_stuck)
            th_mem_free(dialed);
        else
            th_reply(self->host, th_from_of(msg),
                     (struct th_msg){.kind = &th_dialer_msg_dialed, .body = dialed});
    }
    return TH_OK;
}

static enum th_err observer_init(void *state, const struct th_self *self, void *arg)
{
    struct world *w = arg;

    *(struct world **)state = w;
    return th_subscribe(self, w->events, (struct th_interest){.kinds = TH_EV_STATE}, NULL, NULL);
}

static enum th_err observer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    (void)self;
    if (msg->kind == &th_event_msg && w->state_count < STATES_MAX)
        w->state[w->state_count++] = th_ev_state_of(th_event_of(msg))->state;
    return TH_OK;
}

static const struct th_server_ops switch_ops = {.name = "fake switch",
                                                .state_size = sizeof(struct world *),
                                                .init = fake_init,
                                                .on_msg = switch_on_msg};
static const struct th_server_ops router_ops = {.name = "fake router",
                                                .state_size = sizeof(struct world *),
                                                .init = fake_init,
                                                .on_msg = router_on_msg};
static const struct th_server_ops dialer_ops = {.name = "fake dialer",
                                                .state_size = sizeof(struct world *),
                                                .init = fake_init,
                                                .on_msg = dialer_on_msg};
static const struct th_server_ops observer_ops = {.name = "observer",
                                                  .state_size = sizeof(struct world *),
                                                  .init = observer_init,
                                                  .on_msg = observer_on_msg};

static th_pid spawn(struct world *w, const struct th_server_ops *ops, const char *name, void *arg)
{
    const struct th_server_spec spec = {
        .ops = ops, .arg = arg, .name = name, .place = w->place, .mailbox_max = 16};
    th_pid pid = 0;

    assert_int_equal(th_spawn(w->host, &spec, &pid), TH_OK);
    return pid;
}

/* --- the world ------------------------------------------------------------------------------------------ */

static void begin(struct world *w)
{
    *w = (struct world){.config = {.self = id_of(0),
                                   .events_name = "events",
                                   .switch_name = "switch",
                                   .dialer_name = "dialer",
                                   .router_name = "router"}};
    assert_int_equal(th_host_sim_new(&w->host, 5), TH_OK);
    assert_int_equal(th_host_sim_place(w->host, "all", &w->place), TH_OK);
    w->events = spawn(w, &th_event_manager_ops, "events", NULL);
    w->sw = spawn(w, &switch_ops, "switch", w);
    w->router = spawn(w, &router_ops, "router", w);
    w->dialer = spawn(w, &dialer_ops, "dialer", w);
    spawn(w, &observer_ops, "observer", w);
    th_host_sim_run(w->host, 10);
}

/* Starts the bootstrap; nodes 1..count are its configured seeds. */
static void start(struct world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        w->seed[i] = (struct th_seed){.id = id_of((uint8_t)(i + 1)), .parts.count = 1};
        w->seed[i].paths.count = 1;
        w->seed[i].paths.addr[0].port = (uint16_t)(1000 + i);
        w->seed[i].key.b[0] = 42;
    }
    w->seeds = (struct th_seeds){.count = count, .seed = w->seed};
    w->config.seeds = &w->seeds;
    w->config.remembered = &w->remembered;
    w->boot = spawn(w, &th_bootstrap_ops, "bootstrap", &w->config);
    th_host_sim_run(w->host, 1000);
}

static struct th_bootstrap_status status(struct world *w)
{
    struct th_msg reply = {0};
    struct th_bootstrap_status status;

    assert_int_equal(th_call_wait(w->host, w->boot,
                                  (struct th_msg){.kind = &th_bootstrap_msg_status}, 1000, &reply),
                     TH_OK);
    status = *(const struct th_bootstrap_status *)reply.body;
    th_msg_drop(&reply);
    return status;
}

static void end(struct world *w)
{
    th_host_sim_close(w->host);
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void node_joins_through_its_seed_and_says_so(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;

    start(&w, 1);

    assert_int_equal(w.opens, 1);
    assert_int_equal(w.opened.id.b[5], 1);
    assert_int_equal(w.opened.key.b[0], 42);
    assert_int_equal(w.opened.paths.addr[0].port, 1000);
    assert_int_equal(w.links, 1);
    assert_int_equal(w.dials, 1);
    assert_memory_equal(&w.dial.target, &w.config.self, sizeof w.config.self);
    assert_int_equal(w.dial.mode, TH_DIAL_FIND);
    assert_int_equal(w.refreshes, 1);
    assert_int_equal(w.state_count, 2);
    assert_int_equal(w.state[0], TH_NODE_JOINING);
    assert_int_equal(w.state[1], TH_NODE_READY);
    end(&w);
}

static void status_tells_state_sources_and_links(void **state)
{
    struct world w;
    struct th_bootstrap_status s;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    start(&w, 2);

    th_host_sim_run(w.host, 5000);
    s = status(&w);

    assert_int_equal(s.state, TH_NODE_READY);
    assert_int_equal(s.sources, 2);
    assert_int_equal(s.reached, 2);
    assert_int_equal(s.links, 2);
    assert_in_range(s.state_ms, 5000, 6000);
    end(&w);
}

static void node_without_seeds_is_alone_until_somebody_links_to_it(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    start(&w, 0);
    assert_int_equal(status(&w).state, TH_NODE_ALONE);

    announce_line(&w, TH_EV_LINE_UP, 7);
    announce_link(&w, TH_EV_LINK_UP, 7, TH_OK);
    th_host_sim_run(w.host, 10);

    assert_int_equal(status(&w).state, TH_NODE_READY);
    assert_int_equal(w.dials, 1);
    end(&w);
}

static void bootstrap_started_anew_finds_the_lines_and_links_that_are_there(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    announce_line(&w, TH_EV_LINE_UP, 1);
    announce_link(&w, TH_EV_LINK_UP, 1, TH_OK);

    start(&w, 1);

    assert_int_equal(w.opens + w.links, 0);
    assert_int_equal(status(&w).state, TH_NODE_READY);
    assert_int_equal(status(&w).reached, 1);
    end(&w);
}

static void silent_switch_does_not_keep_the_bootstrap_from_starting(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.is_mute = true;
    start(&w, 1);
    assert_int_equal(status(&w).state, TH_NODE_JOINING);

    th_host_sim_run(w.host, 2000);
    w.is_mute = false;
    w.open_result = TH_AGAIN;
    th_host_sim_run(w.host, 10000);

    assert_int_equal(status(&w).state, TH_NODE_READY);
    end(&w);
}

static void stuck_dialer_does_not_keep_a_node_from_being_ready_for_ever(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    w.is_dialer_stuck = true;
    start(&w, 1);
    assert_int_equal(status(&w).state, TH_NODE_JOINING);

    th_host_sim_run(w.host, 4 * TH_DIAL_MS_DEFAULT);

    assert_int_equal(status(&w).state, TH_NODE_READY);
    end(&w);
}

static void node_begins_again_when_its_last_link_ends(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    start(&w, 1);

    announce_link(&w, TH_EV_LINK_DOWN, 1, TH_TIMED_OUT);
    announce_line(&w, TH_EV_LINE_DOWN, 1);
    th_host_sim_run(w.host, 3000);

    assert_int_equal(w.opens, 2);
    assert_int_equal(w.state_count, 4);
    assert_int_equal(w.state[2], TH_NODE_JOINING);
    assert_int_equal(w.state[3], TH_NODE_READY);
    end(&w);
}

static void router_that_was_started_anew_is_asked_to_link_again(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    start(&w, 1);
    assert_int_equal(w.links, 1);

    th_stop(w.host, w.router, TH_SHUTDOWN);
    th_host_sim_run(w.host, 1);
    w.router = spawn(&w, &router_ops, "router", &w);
    th_host_sim_run(w.host, 3000);

    assert_int_equal(w.links, 2);
    assert_int_equal(w.opens, 1);
    assert_int_equal(status(&w).state, TH_NODE_READY);
    end(&w);
}

static void lines_go_with_the_switch(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    start(&w, 1);
    assert_int_equal(status(&w).reached, 1);

    th_stop(w.host, w.sw, TH_SHUTDOWN);
    th_host_sim_run(w.host, 1);
    w.open_result = TH_NO_PATH;
    w.sw = spawn(&w, &switch_ops, "switch", &w);
    th_host_sim_run(w.host, 3000);

    assert_int_equal(status(&w).reached, 0);
    end(&w);
}

static void bootstrap_ends_when_its_event_manager_does(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    start(&w, 1);

    th_stop(w.host, w.events, TH_SHUTDOWN);
    th_host_sim_run(w.host, 10);

    assert_true(th_whereis(w.host, 0, "bootstrap") == 0);
    end(&w);
}

static void missed_events_are_made_good_by_a_new_picture(void **state)
{
    struct world w;
    (void)state;
    begin(&w);
    w.open_result = TH_AGAIN;
    start(&w, 1);

    assert_int_equal(th_suspend(w.host, w.boot, 10000), TH_OK);
    for (uint8_t n = 100; n < 200; n++) { /* more than its mailbox takes */
        announce_line(&w, TH_EV_LINE_UP, n);
        th_host_sim_run(w.host, 1);
    }
    announce_link(&w, TH_EV_LINK_DOWN, 1, TH_TIMED_OUT);
    th_host_sim_run(w.host, 10);
    w.link_result = TH_AGAIN;
    assert_int_equal(th_resume(w.host, w.boot), TH_OK);
    th_host_sim_run(w.host, 100);

    assert_int_equal(status(&w).state, TH_NODE_JOINING);
    assert_int_equal(status(&w).links, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_joins_through_its_seed_and_says_so),
        cmocka_unit_test(status_tells_state_sources_and_links),
        cmocka_unit_test(node_without_seeds_is_alone_until_somebody_links_to_it),
        cmocka_unit_test(bootstrap_started_anew_finds_the_lines_and_links_that_are_there),
        cmocka_unit_test(silent_switch_does_not_keep_the_bootstrap_from_starting),
        cmocka_unit_test(stuck_dialer_does_not_keep_a_node_from_being_ready_for_ever),
        cmocka_unit_test(node_begins_again_when_its_last_link_ends),
        cmocka_unit_test(router_that_was_started_anew_is_asked_to_link_again),
        cmocka_unit_test(lines_go_with_the_switch),
        cmocka_unit_test(bootstrap_ends_when_its_event_manager_does),
        cmocka_unit_test(missed_events_are_made_good_by_a_new_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "switch/switch.h"
#include "tests/lib/net_mem.h"
#include "tests/lib/test_cmocka.h"

/* Subscribes to everything, asks what it is told to ask, and remembers what comes, in order. */
enum { NOTES_MAX = 128 };

struct note {
    bool is_reply;
    enum th_err err; /* of a reply */
    uint32_t c;
    uint64_t kind; /* of an event */
    enum th_channel_type type;
    bool is_ours, is_mine, end;
    uint64_t tag;
};

struct watcher {
    const char *events;
    unsigned count;
    struct note note[NOTES_MAX];
    struct th_switch_lines *lines;
    struct th_switch_channels *channels;
    struct th_switch_status *status;
};

struct ask {
    struct th_msg msg;
    const char *to;
};

static const struct th_msg_kind ask_msg = {"test.ask", th_mem_free};

static struct note *add_note(struct watcher *w)
{
    assert_true(w->count < NOTES_MAX);
    struct note *note = &w->note[w->count++];
    *note = (struct note){0};
    return note;
}

static void note_event(struct watcher *w, const struct th_self *self, const struct th_event *event)
{
    struct note *note = add_note(w);

    note->kind = event->kind;
    if (event->kind & (TH_EV_OPENED | TH_EV_PACKET)) {
        const struct th_ev_packet *packet = th_ev_packet_of(event);
        note->type = packet->type;
        note->is_ours = packet->is_ours;
        note->is_mine = packet->owner == self->pid;
        note->tag = packet->tag;
        note->end = packet->end;
        note->c = packet->c;
    } else if (event->kind == TH_EV_ENDED) {
        note->type = th_ev_ended_of(event)->type;
        note->tag = th_ev_ended_of(event)->tag;
        note->err = th_ev_ended_of(event)->why;
    }
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct watcher *w = *(struct watcher **)state;

    (void)self;
    (void)ctx;
    if (why == TH_OK && reply->kind == &th_switch_msg_lines) {
        th_mem_free(w->lines);
        w->lines = reply->body;
        reply->body = NULL;
    } else if (why == TH_OK && reply->kind == &th_switch_msg_channels) {
        th_mem_free(w->channels);
        w->channels = reply->body;
        reply->body = NULL;
    } else if (why == TH_OK && reply->kind == &th_switch_msg_status) {
        th_mem_free(w->status);
        w->status = reply->body;
        reply->body = NULL;
    } else {
        struct note *note = add_note(w);
        note->is_reply = true;
        note->err = why;
        if (why == TH_OK && reply->kind == &th_switch_msg_result) {
            const struct th_switch_result *result = reply->body;
            note->err = result->err;
            note->c = result->c;
        }
    }
    return TH_OK;
}

static enum th_err watcher_init(void *state, const struct th_self *self, void *arg)
{
    struct watcher *w = *(struct watcher **)state = arg;
    struct th_interest all = {UINT64_MAX, UINT64_MAX};

    return th_subscribe(self, th_whereis(self->host, self->scope, w->events), all, NULL, NULL);
}

static enum th_err watcher_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct watcher *w = *(struct watcher **)state;

    if (msg->kind == &th_event_msg) {
        note_event(w, self, th_event_of(msg));
    } else if (msg->kind == &ask_msg) {
        struct ask *ask = msg->body;
        return th_call(self, th_whereis(self->host, self->scope, ask->to), ask->msg, 5000, on_reply,
                       NULL, NULL);
    }
    return TH_OK;
}

static const struct th_server_ops watcher_ops = {.name = "watcher",
                                                 .state_size = sizeof(struct watcher *),
                                                 .init = watcher_init,
                                                 .on_msg = watcher_on_msg};

enum { NODES = 2 };

struct bench {
    struct th_host *host;
    struct th_place *place;
    struct net_mem mem;
    struct th_identity identity[NODES];
    struct th_rng rng[NODES];
    struct th_switch_config config[NODES];
    struct watcher watcher[NODES];
    th_pid pid[NODES], watcher_pid[NODES];
};

static void spawn(struct bench *b, const struct th_server_ops *ops, const char *name,
                  uint32_t scope, void *arg, th_pid *pid)
{
    struct th_server_spec spec = {
        .ops = ops, .name = name, .scope = scope, .arg = arg, .place = b->place};

    assert_int_equal(th_spawn(b->host, &spec, pid), TH_OK);
}

static int set_up(void **state)
{
    struct bench *b = th_mem_zalloc(1, sizeof *b);

    assert_int_equal(th_host_sim_new(&b->host, 7), TH_OK);
    assert_int_equal(th_host_sim_place(b->host, "all", &b->place), TH_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        uint8_t seed[32];
        th_pid events;
        memset(seed, (int)i + 1, sizeof seed);
        th_identity_make(&b->identity[i], seed);
        th_rng_init(&b->rng[i], seed);
        b->config[i] =
            (struct th_switch_config){.board.identity = &b->identity[i],
                                      .net = &net_mem_add(&b->mem, (uint8_t)(i + 1))->net,
                                      .events_name = "events",
                                      .rng = &b->rng[i]};
        b->watcher[i].events = "events";
        spawn(b, &th_event_manager_ops, "events", i, NULL, &events);
        spawn(b, &watcher_ops, "watcher", i, &b->watcher[i], &b->watcher_pid[i]);
        spawn(b, &th_switch_ops, "switch", i, &b->config[i], &b->pid[i]);
    }
    th_host_sim_run(b->host, 10);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    th_host_sim_close(b->host);
    for (int i = 0; i < NODES; i++) {
        th_mem_free(b->watcher[i].lines);
        th_mem_free(b->watcher[i].channels);
        th_mem_free(b->watcher[i].status);
    }
    th_mem_free(b);
    return 0;
}

static void ask(struct bench *b, int i, struct th_msg msg)
{
    struct ask *body = th_mem_zalloc(1, sizeof *body);

    *body = (struct ask){.msg = msg, .to = "switch"};
    assert_int_equal(
        th_post(b->host, b->watcher_pid[i], (struct th_msg){.kind = &ask_msg, .body = body}),
        TH_OK);
}

static void ask_open(struct bench *b, int from, int to)
{
    struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);

    open->id = b->identity[to].hashname;
    open->parts = b->identity[to].parts;
    open->key = b->identity[to].keys.pub;
    open->paths.count = 1;
    open->paths.addr[0] = b->mem.node[to].addr;
    ask(b, from, (struct th_msg){.kind = &th_switch_msg_open, .body = open});
}

static void ask_channel(struct bench *b, int from, int to, enum th_channel_type type, uint64_t tag)
{
    struct th_switch_channel *open = th_switch_channel_new(
        &b->identity[to].hashname, type, th_bytes_of("\"seek\":\"ab\""), th_bytes_of("body"));

    open->tag = tag;
    ask(b, from, (struct th_msg){.kind = &th_switch_msg_channel, .body = open});
}

static const struct note *find(const struct watcher *w, uint64_t kind, enum th_channel_type type)
{
    for (unsigned i = 0; i < w->count; i++)
        if (w->note[i].kind == kind && w->note[i].type == type)
            return &w->note[i];
    return NULL;
}

static unsigned count_kind(const struct watcher *w, uint64_t kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->count; i++)
        n += w->note[i].kind == kind;
    return n;
}

/* A1, B6 */
static void line_and_its_packets_are_announced_on_both_sides(void **state)
{
    struct bench *b = *state;

    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);

    assert_true(b->watcher[0].note[0].is_reply);
    assert_int_equal(b->watcher[0].note[0].err, TH_AGAIN);
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(count_kind(&b->watcher[i], TH_EV_LINE_UP), 1);
        assert_non_null(find(&b->watcher[i], TH_EV_OPENED, TH_CHANNEL_PATH));
        assert_non_null(find(&b->watcher[i], TH_EV_PACKET, TH_CHANNEL_PATH));
    }
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);
    assert_int_equal(b->watcher[0].note[b->watcher[0].count - 1].err, TH_OK);
}

/* A3 */
static void answer_carries_the_owner_and_the_tag_of_who_asked(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);

    ask_channel(b, 0, 1, TH_CHANNEL_SEEK, 4711);
    th_host_sim_run(b->host, 100);
    const struct note *asked = find(&b->watcher[1], TH_EV_OPENED, TH_CHANNEL_SEEK);
    assert_true(asked && !asked->is_ours && !asked->is_mine);
    struct th_switch_send *send = th_switch_send_new(&b->identity[0].hashname, asked->c, false,
                                                     th_bytes_of("\"see\":[]"), th_bytes_of(""));
    send->end = true;
    assert_int_equal(
        th_post(b->host, b->pid[1], (struct th_msg){.kind = &th_switch_msg_send, .body = send}),
        TH_OK);
    th_host_sim_run(b->host, 100);

    const struct note *told = find(&b->watcher[0], TH_EV_PACKET, TH_CHANNEL_SEEK);
    assert_true(told && told->is_ours && told->is_mine && told->end);
    assert_int_equal(told->tag, 4711);
}

static void reply_to_a_channel_comes_before_its_events(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);
    struct watcher *w = &b->watcher[0];
    w->count = 0;

    ask_channel(b, 0, 1, TH_CHANNEL_PATH, 1);
    th_host_sim_run(b->host, 100);

    assert_true(w->count >= 2);
    assert_true(w->note[0].is_reply);
    assert_int_equal(w->note[0].err, TH_OK);
    assert_int_equal(w->note[1].kind, TH_EV_PACKET);
    assert_int_equal(w->note[1].c, w->note[0].c);
}

/* A7 */
static void silence_on_a_channel_is_told_with_its_tag(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);

    ask_channel(b, 0, 1, TH_CHANNEL_SEEK, 99);
    th_host_sim_run(b->host, 2900);
    assert_null(find(&b->watcher[0], TH_EV_ENDED, TH_CHANNEL_SEEK));
    th_host_sim_run(b->host, 200);

    const struct note *ended = find(&b->watcher[0], TH_EV_ENDED, TH_CHANNEL_SEEK);
    assert_non_null(ended);
    assert_int_equal(ended->tag, 99);
    assert_int_equal(ended->err, TH_TIMED_OUT);
}

static void lines_and_status_show_what_there_is(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);

    ask(b, 0, (struct th_msg){.kind = &th_switch_msg_lines});
    ask(b, 0, (struct th_msg){.kind = &th_switch_msg_status});
    th_host_sim_run(b->host, 100);

    const struct th_switch_lines *lines = b->watcher[0].lines;
    assert_int_equal(lines->count, 1);
    assert_true(lines->line[0].is_up);
    assert_true(th_hashname_is_equal(&lines->line[0].id, &b->identity[1].hashname));
    const struct th_switch_status *status = b->watcher[0].status;
    assert_int_equal(status->lines, 1);
    assert_true(status->rx_packets >= 2 && status->tx_packets >= 2);
    assert_int_equal(status->observed_count, 1);
    assert_true(status->at_highest > 0);
}

static void channels_show_who_of_us_opened_them(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 20000); /* the `path` channels of the beginning are over */

    ask_channel(b, 0, 1, TH_CHANNEL_LINK, 1);
    ask(b, 0, (struct th_msg){.kind = &th_switch_msg_channels});
    th_host_sim_run(b->host, 100);

    const struct th_switch_channels *channels = b->watcher[0].channels;
    assert_int_equal(channels->count, 1);
    assert_int_equal(channels->channel[0].type, TH_CHANNEL_LINK);
    assert_int_equal(channels->channel[0].owner, b->watcher_pid[0]);
    assert_true(th_hashname_is_equal(&channels->channel[0].peer, &b->identity[1].hashname));
}

/* B6 */
static void switch_that_ends_says_that_its_lines_are_down(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 100);

    th_stop(b->host, b->pid[0], TH_SHUTDOWN);
    th_host_sim_run(b->host, 100);

    assert_int_equal(count_kind(&b->watcher[0], TH_EV_LINE_DOWN), 1);
}

/* Whoever moved or slept may be reached at other addresses now: each line is asked. */
static void network_that_changed_and_a_sleep_make_it_ask_for_paths(void **state)
{
    struct bench *b = *state;
    ask_open(b, 0, 1);
    th_host_sim_run(b->host, 20000);
    unsigned asked = count_kind(&b->watcher[1], TH_EV_OPENED);

    assert_int_equal(th_post(b->host, b->pid[0], (struct th_msg){.kind = &th_net_msg_moved}),
                     TH_OK);
    th_host_sim_run(b->host, 100);
    assert_int_equal(count_kind(&b->watcher[1], TH_EV_OPENED), asked + 1);

    unsigned others = count_kind(&b->watcher[0], TH_EV_OPENED);
    th_host_sim_resume(b->host); /* all nodes of the test share a machine */
    th_host_sim_run(b->host, 100);
    assert_true(count_kind(&b->watcher[1], TH_EV_OPENED) >= asked + 2);
    assert_true(count_kind(&b->watcher[0], TH_EV_OPENED) >= others + 1);
    assert_int_equal(count_kind(&b->watcher[0], TH_EV_LINE_DOWN), 0);
}

static const struct th_switch_status *status_of(struct bench *b)
{
    ask(b, 0, (struct th_msg){.kind = &th_switch_msg_status});
    th_host_sim_run(b->host, 100);
    return b->watcher[0].status;
}

static void tell_addr(struct bench *b, const struct th_msg_kind *kind, uint16_t port)
{
    struct th_addr *addr = th_mem_zalloc(1, sizeof *addr);

    *addr = (struct th_addr){.ip = {192, 0, 2, 1}, .port = port, .family = TH_FAMILY_IPV4};
    assert_int_equal(th_post(b->host, b->pid[0], (struct th_msg){.kind = kind, .body = addr}),
                     TH_OK);
}

static void what_is_advertised_is_known_to_the_switch_that_follows(void **state)
{
    struct bench *b = *state;
    struct th_paths *paths = th_mem_zalloc(1, sizeof *paths);
    paths->count = 1;
    paths->addr[0] = (struct th_addr){.ip = {192, 0, 2, 9}, .port = 7, .family = TH_FAMILY_IPV4};

    tell_addr(b, &th_switch_msg_mapped, 99);
    assert_int_equal(th_post(b->host, b->pid[0],
                             (struct th_msg){.kind = &th_switch_msg_advertise, .body = paths}),
                     TH_OK);
    const struct th_switch_status *status = status_of(b);
    assert_int_equal(status->mapped.port, 99);
    assert_int_equal(status->advertised.count, 1);
    assert_int_equal(status->advertised.addr[0].port, 7);

    th_stop(b->host, b->pid[0], TH_SHUTDOWN);
    th_host_sim_run(b->host, 100);
    spawn(b, &th_switch_ops, "switch", 0, &b->config[0], &b->pid[0]);
    th_host_sim_run(b->host, 100);
    status = status_of(b);
    assert_int_equal(status->mapped.family, TH_FAMILY_NONE); /* it has to be told that again */
    assert_int_equal(status->advertised.count, 1);
    assert_int_equal(status->advertised.addr[0].port, 7);
}

static void datagram_that_was_too_large_is_counted(void **state)
{
    struct bench *b = *state;
    struct th_net_too_big *body = th_mem_zalloc(1, sizeof *body);

    *body = (struct th_net_too_big){.to = b->mem.node[1].addr, .len = 1400};
    assert_int_equal(
        th_post(b->host, b->pid[0], (struct th_msg){.kind = &th_net_msg_too_big, .body = body}),
        TH_OK);

    assert_int_equal(status_of(b)->drops.n[TH_DROP_TOO_BIG], 1);
}

static void asking_for_the_impossible_is_an_answer_not_a_crash(void **state)
{
    struct bench *b = *state;
    struct watcher *w = &b->watcher[0];

    ask_channel(b, 0, 1, TH_CHANNEL_SEEK, 1);
    th_host_sim_run(b->host, 10);
    assert_int_equal(w->note[w->count - 1].err, TH_NO_LINE);
    ask_open(b, 0, 0);
    th_host_sim_run(b->host, 10);
    assert_int_equal(w->note[w->count - 1].err, TH_INVALID);
    struct th_switch_send *send =
        th_switch_send_new(&b->identity[1].hashname, 5, true, th_bytes_of(""), th_bytes_of(""));
    assert_int_equal(
        th_post(b->host, b->pid[0], (struct th_msg){.kind = &th_switch_msg_send, .body = send}),
        TH_OK);
    th_host_sim_run(b->host, 10);

    ask(b, 0, (struct th_msg){.kind = &th_switch_msg_status});
    th_host_sim_run(b->host, 10);
    assert_non_null(w->status);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(line_and_its_packets_are_announced_on_both_sides),
        TEST(answer_carries_the_owner_and_the_tag_of_who_asked),
        TEST(reply_to_a_channel_comes_before_its_events),
        TEST(silence_on_a_channel_is_told_with_its_tag),
        TEST(lines_and_status_show_what_there_is),
        TEST(channels_show_who_of_us_opened_them),
        TEST(switch_that_ends_says_that_its_lines_are_down),
        TEST(network_that_changed_and_a_sleep_make_it_ask_for_paths),
        TEST(what_is_advertised_is_known_to_the_switch_that_follows),
        TEST(datagram_that_was_too_large_is_counted),
        TEST(asking_for_the_impossible_is_an_answer_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

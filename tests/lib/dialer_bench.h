/*
 * dialer_bench.h - a dialer on host_sim, with the real event manager, a switch that does only what
 * the test says, and a client that dials.
 *
 *     struct bench *b = bench_open(0);
 *     bench_link_up(b, 10);                             // a linked node: node_of(10)
 *     unsigned dial = bench_find(b, 1);
 *     bench_run(b, 0);
 *     bench_answer(b, bench_asked(b, ASKED_SEEK, 10), (int[]){1, -1});
 *     bench_run(b, 0);
 *     assert_int_equal(b->outcome[dial].times_told, 1);
 *
 * node_of(n) begins with the two bytes of n. Include it last.
 */
#ifndef TH_LIB_DIALER_BENCH_H
#define TH_LIB_DIALER_BENCH_H

#include "dialer/dialer.h"
#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "tests/lib/test_cmocka.h"

#include <stdio.h>
#include <string.h>

enum { BENCH_REQUESTS_MAX = 8192, BENCH_LINES_MAX = 512, BENCH_DIALS_MAX = 2048 };

enum bench_what { ASKED_OPEN, ASKED_SEEK, ASKED_PEER, ASKED_END, ASKED_PUNCH };

/* One thing that the dialer asked of the switch. */
struct bench_request {
    enum bench_what what;
    struct th_hashname to;
    uint64_t tag;
    th_pid owner;
    uint32_t c;
    char fields[200];
    uint8_t body[64];
    size_t body_len;
    struct th_addr addr;
};

/* How a dial ended. */
struct bench_outcome {
    unsigned times_told;
    enum th_err why; /* of the call; told is its answer when TH_OK */
    struct th_dialed *told;
};

struct bench {
    struct th_host *host;
    struct th_place *place;
    th_pid events, the_switch, dialer, client;
    struct th_identity identity;
    struct th_dialer_config config;

    /* the switch */
    struct th_hashname line[BENCH_LINES_MAX];
    unsigned line_count;
    struct th_hashname opening; /* the one of which the switch knows where it is: TH_AGAIN */
    uint32_t channels;
    unsigned count;
    struct bench_request request[BENCH_REQUESTS_MAX];

    /* the client */
    unsigned dials;
    struct bench_outcome outcome[BENCH_DIALS_MAX];
    struct th_dialer_status status;
};

static inline struct th_hashname node_of(unsigned n)
{
    struct th_hashname id = {0};

    id.b[0] = (uint8_t)(n >> 8);
    id.b[1] = (uint8_t)n;
    return id;
}

/* --- the switch --- */

static inline bool bench_has_line(const struct bench *b, const struct th_hashname *id)
{
    for (unsigned i = 0; i < b->line_count; i++)
        if (th_hashname_is_equal(&b->line[i], id))
            return true;
    return false;
}

static inline struct bench_request *bench_note(struct bench *b, enum bench_what what,
                                               const struct th_hashname *to)
{
    assert_true(b->count < BENCH_REQUESTS_MAX);
    struct bench_request *request = &b->request[b->count++];
    *request = (struct bench_request){.what = what};
    if (to)
        request->to = *to;
    return request;
}

static inline void bench_reply(const struct th_self *self, const struct th_msg *msg,
                               enum th_err err, uint32_t c)
{
    struct th_switch_result *result = th_mem_zalloc(1, sizeof *result);

    if (result == NULL)
        return; /* the caller's time-out tells it */
    *result = (struct th_switch_result){err, c};
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_result, .body = result});
}

static inline void bench_on_open(struct bench *b, const struct th_self *self,
                                 const struct th_msg *msg)
{
    const struct th_switch_open *open = msg->body;
    enum th_err err = th_hashname_is_equal(&b->opening, &open->id) ? TH_AGAIN
                      : bench_has_line(b, &open->id)               ? TH_OK
                                                                   : TH_NO_PATH;

    bench_note(b, ASKED_OPEN, &open->id);
    bench_reply(self, msg, err, 0);
}

static inline void bench_on_channel(struct bench *b, const struct th_self *self,
                                    const struct th_msg *msg)
{
    const struct th_switch_channel *channel = msg->body;
    struct bench_request *request =
        bench_note(b, channel->type == TH_CHANNEL_SEEK ? ASKED_SEEK : ASKED_PEER, &channel->to);

    assert_true(channel->type == TH_CHANNEL_SEEK || channel->type == TH_CHANNEL_PEER);
    request->tag = channel->tag;
    request->owner = msg->from;
    request->c = ++b->channels;
    snprintf(request->fields, sizeof request->fields, "%.*s", (int)channel->fields_len,
             (const char *)channel->bytes);
    assert_true(channel->body_len <= sizeof request->body);
    request->body_len = channel->body_len;
    memcpy(request->body, channel->bytes + channel->fields_len, channel->body_len);
    bench_reply(self, msg, bench_has_line(b, &channel->to) ? TH_OK : TH_NO_LINE, request->c);
}

/* Lines and links are announced by the switch, so that they end with it. Body: struct th_event. */
static inline void bench_drop_event(void *event)
{
    th_event_release(event);
}

static const struct th_msg_kind bench_msg_announce = {"bench.announce", bench_drop_event};

struct bench_server {
    struct bench *b;
};

static inline enum th_err bench_switch_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    ((struct bench_server *)state)->b = arg;
    return TH_OK;
}

static inline enum th_err bench_switch_on_msg(void *state, const struct th_self *self,
                                              struct th_msg *msg)
{
    struct bench *b = ((struct bench_server *)state)->b;

    if (msg->kind == &th_switch_msg_open) {
        bench_on_open(b, self, msg);
    } else if (msg->kind == &th_switch_msg_channel) {
        bench_on_channel(b, self, msg);
    } else if (msg->kind == &bench_msg_announce) {
        th_event_hold(msg->body);
        assert_int_equal(th_notify(self->host, b->events, msg->body), TH_OK);
    } else if (msg->kind == &th_switch_msg_send) {
        const struct th_switch_send *send = msg->body;
        assert_true(send->end && send->is_ours);
        bench_note(b, ASKED_END, &send->to)->c = send->c;
    } else if (msg->kind == &th_switch_msg_punch) {
        bench_note(b, ASKED_PUNCH, NULL)->addr = *(const struct th_addr *)msg->body;
    }
    return TH_OK;
}

static const struct th_server_ops bench_switch_ops = {
    .name = "switch",
    .state_size = sizeof(struct bench_server),
    .init = bench_switch_init,
    .on_msg = bench_switch_on_msg,
};

/* --- the client --- */

static const struct th_msg_kind bench_msg_dial = {"bench.dial", th_mem_free};

static inline enum th_err bench_on_told(void *state, const struct th_self *self, void *ctx,
                                        enum th_err why, struct th_msg *reply)
{
    struct bench_outcome *outcome = ctx;

    (void)state;
    (void)self;
    outcome->times_told++;
    outcome->why = why;
    if (why == TH_OK) {
        outcome->told = reply->body;
        reply->body = NULL;
    }
    return TH_OK;
}

static inline enum th_err bench_on_status(void *state, const struct th_self *self, void *ctx,
                                          enum th_err why, struct th_msg *reply)
{
    (void)self;
    (void)ctx;
    if (why == TH_OK)
        ((struct bench_server *)state)->b->status = *(const struct th_dialer_status *)reply->body;
    return TH_OK;
}

static inline enum th_err bench_client_on_msg(void *state, const struct th_self *self,
                                              struct th_msg *msg)
{
    enum { LONG_MS = 3600000 };
    struct bench *b = ((struct bench_server *)state)->b;
    th_pid dialer = th_whereis(self->host, 0, "dialer");
    struct bench_outcome *outcome = &b->outcome[b->dials];

    if (msg->kind == &th_dialer_msg_status)
        return th_call(self, dialer, (struct th_msg){.kind = msg->kind}, LONG_MS, bench_on_status,
                       NULL, NULL);
    if (msg->kind != &bench_msg_dial)
        return TH_OK;
    b->dials++;
    struct th_msg dial = {.kind = &th_dialer_msg_dial, .body = msg->body};
    msg->body = NULL;
    enum th_err err = th_call(self, dialer, dial, LONG_MS, bench_on_told, outcome, NULL);
    if (err != TH_OK) {
        outcome->times_told++;
        outcome->why = err;
    }
    return TH_OK;
}

static const struct th_server_ops bench_client_ops = {
    .name = "client",
    .state_size = sizeof(struct bench_server),
    .init = bench_switch_init,
    .on_msg = bench_client_on_msg,
};

/* --- the bench --- */

static inline void bench_run(struct bench *b, th_ms ms)
{
    th_host_sim_run(b->host, ms);
}

static inline th_pid bench_spawn(struct bench *b, const struct th_server_ops *ops, const char *name,
                                 void *arg)
{
    struct th_server_spec spec = {.ops = ops, .name = name, .arg = arg, .place = b->place};
    th_pid pid;

    assert_int_equal(th_spawn(b->host, &spec, &pid), TH_OK);
    return pid;
}

static inline void bench_start_dialer(struct bench *b)
{
    b->dialer = bench_spawn(b, &th_dialer_ops, "dialer", &b->config);
    bench_run(b, 0);
}

/* order: of the servers' turns; 0 in order of waking. */
static inline struct bench *bench_open(uint64_t order)
{
    static const uint8_t seed[TH_KEY_BYTES] = {7};
    struct bench *b = th_mem_zalloc(1, sizeof *b);

    assert_non_null(b);
    th_identity_make(&b->identity, seed);
    b->opening = b->identity.hashname; /* none */
    b->config.identity = &b->identity;
    b->config.events_name = "events";
    b->config.switch_name = "switch";
    assert_int_equal(th_host_sim_new(&b->host, order), TH_OK);
    assert_int_equal(th_host_sim_place(b->host, "all", &b->place), TH_OK);
    b->events = bench_spawn(b, &th_event_manager_ops, "events", NULL);
    b->the_switch = bench_spawn(b, &bench_switch_ops, "switch", b);
    b->client = bench_spawn(b, &bench_client_ops, "client", b);
    bench_run(b, 0);
    bench_start_dialer(b);
    return b;
}

static inline void bench_close(struct bench *b)
{
    th_host_sim_close(b->host);
    for (unsigned i = 0; i < b->dials; i++)
        th_dialed_drop(b->outcome[i].told);
    th_identity_clear(&b->identity);
    th_mem_free(b);
}

/* --- what happens --- */

static inline void bench_announce(struct bench *b, enum th_ev_kind kind, const void *body,
                                  size_t size)
{
    struct th_msg msg = {.kind = &bench_msg_announce, .body = th_ev_new(kind, body, size)};

    assert_non_null(msg.body);
    assert_int_equal(th_post(b->host, b->the_switch, msg), TH_OK);
    bench_run(b, 0);
}

static inline void bench_line_up_of(struct bench *b, const struct th_hashname *id)
{
    struct th_ev_line line = {.id = *id, .has_addr = true};

    if (!bench_has_line(b, id)) {
        assert_true(b->line_count < BENCH_LINES_MAX);
        b->line[b->line_count++] = *id;
    }
    bench_announce(b, TH_EV_LINE_UP, &line, sizeof line);
}

static inline void bench_line_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node_of(n);

    bench_line_up_of(b, &id);
}

static inline void bench_line_down_of(struct bench *b, const struct th_hashname *id)
{
    struct th_ev_line line = {.id = *id, .why = TH_TIMED_OUT};

    for (unsigned i = 0; i < b->line_count; i++)
        if (th_hashname_is_equal(&b->line[i], id))
            b->line[i--] = b->line[--b->line_count];
    bench_announce(b, TH_EV_LINE_DOWN, &line, sizeof line);
}

/* A line on which nothing comes, though the switch talks. It knows where the node was. */
static inline void bench_line_silent(struct bench *b, unsigned n)
{
    struct th_ev_line line = {.id = node_of(n), .has_addr = true, .is_silent = true};

    b->opening = line.id;
    bench_announce(b, TH_EV_LINE_SILENT, &line, sizeof line);
}

static inline void bench_line_heard(struct bench *b, unsigned n, bool is_direct)
{
    struct th_ev_line line = {.id = node_of(n), .has_addr = is_direct};

    b->opening = b->identity.hashname;
    bench_announce(b, TH_EV_LINE_HEARD, &line, sizeof line);
}

/* A line, and a link of a node that seeds. */
static inline void bench_link_up_of(struct bench *b, const struct th_hashname *id)
{
    struct th_ev_link link = {.id = *id, .is_seed = true};

    bench_line_up_of(b, id);
    bench_announce(b, TH_EV_LINK_UP, &link, sizeof link);
}

static inline void bench_link_up(struct bench *b, unsigned n)
{
    struct th_hashname id = node_of(n);

    bench_link_up_of(b, &id);
}

/* A packet on the channel of a request. err: "" for none. */
static inline void bench_packet(struct bench *b, const struct bench_request *request,
                                const char *head, const char *err, bool end)
{
    enum th_channel_type type = request->what == ASKED_SEEK ? TH_CHANNEL_SEEK : TH_CHANNEL_PEER;
    size_t len = strlen(head);
    struct th_ev_packet *ev = th_mem_zalloc(1, sizeof *ev + len);

    if (ev == NULL)
        return; /* a test refuses memory: the packet is lost */
    memcpy(ev + 1, head, len);
    ev->from = request->to;
    ev->c = request->c;
    ev->is_ours = true;
    ev->end = end;
    ev->type = type;
    ev->owner = request->owner;
    ev->tag = request->tag;
    snprintf(ev->err, sizeof ev->err, "%s", err);
    ev->head = (struct th_bytes){(const uint8_t *)(ev + 1), len};
    struct th_event *event =
        th_event_new(TH_EV_PACKET, th_topic(type, true), false, ev, th_mem_free);
    if (event)
        (void)th_notify(b->host, b->events, event);
}

static inline void bench_see(struct bench *b, const struct bench_request *request,
                             const struct th_see_entry *entries, unsigned count)
{
    char head[2048];
    struct th_text text = th_text_in(head, sizeof head);

    th_text_put(&text, "{\"c\":%u,\"end\":true,", (unsigned)request->c);
    th_see_put(&text, entries, count);
    th_text_put(&text, "}");
    assert_false(text.is_cut);
    bench_packet(b, request, head, "", true);
}

/* An answer to a seek that names nodes; -1 ends the list. */
static inline void bench_answer(struct bench *b, const struct bench_request *request,
                                const int *names)
{
    struct th_see_entry entry[TH_SEE_SENT_MAX];
    unsigned count = 0;

    assert_int_equal(request->what, ASKED_SEEK);
    for (; *names >= 0; names++)
        entry[count++] = (struct th_see_entry){.id = node_of((unsigned)*names), .csid = TH_CS3A};
    bench_see(b, request, entry, count);
}

#define ANSWER(b, request, ...) bench_answer(b, request, (const int[]){__VA_ARGS__, -1})

/* The channel of a request ended without a packet. */
static inline void bench_ended(struct bench *b, const struct bench_request *request,
                               enum th_err why)
{
    enum th_channel_type type = request->what == ASKED_SEEK ? TH_CHANNEL_SEEK : TH_CHANNEL_PEER;
    struct th_ev_ended *ev = th_mem_zalloc(1, sizeof *ev);

    assert_non_null(ev);
    *ev = (struct th_ev_ended){.from = request->to,
                               .c = request->c,
                               .is_ours = true,
                               .type = type,
                               .owner = request->owner,
                               .tag = request->tag,
                               .why = why};
    struct th_event *event =
        th_event_new(TH_EV_ENDED, th_topic(type, true), false, ev, th_mem_free);
    assert_non_null(event);
    assert_int_equal(th_notify(b->host, b->events, event), TH_OK);
}

/* --- what is looked at --- */

/* How often something was asked about a node. */
static inline unsigned bench_times(const struct bench *b, enum bench_what what, unsigned n)
{
    struct th_hashname id = node_of(n);
    unsigned times = 0;

    for (unsigned i = 0; i < b->count; i++)
        if (b->request[i].what == what && th_hashname_is_equal(&b->request[i].to, &id))
            times++;
    return times;
}

/* The last such request, which must be there. */
static inline const struct bench_request *bench_asked(const struct bench *b, enum bench_what what,
                                                      unsigned n)
{
    struct th_hashname id = node_of(n);

    for (unsigned i = b->count; i > 0; i--)
        if (b->request[i - 1].what == what && th_hashname_is_equal(&b->request[i - 1].to, &id))
            return &b->request[i - 1];
    fail_msg("nobody asked %u of node %u", (unsigned)what, n);
    return NULL;
}

/* --- dialling --- */

/* Returns the dial's place in `outcome`. */
static inline unsigned bench_dial(struct bench *b, const struct th_dial *request)
{
    unsigned dial = b->dials;
    void *body = th_mem_copy(request, sizeof *request);

    assert_non_null(body);
    assert_int_equal(
        th_post(b->host, b->client, (struct th_msg){.kind = &bench_msg_dial, .body = body}), TH_OK);
    bench_run(b, 0);
    assert_int_equal(b->dials, dial + 1);
    return dial;
}

static inline unsigned bench_find(struct bench *b, unsigned n)
{
    struct th_dial request = {.target = node_of(n), .mode = TH_DIAL_FIND};

    return bench_dial(b, &request);
}

static inline unsigned bench_reach(struct bench *b, unsigned n)
{
    struct th_dial request = {.target = node_of(n), .mode = TH_DIAL_REACH};

    return bench_dial(b, &request);
}

static inline const struct th_dialer_status *bench_status(struct bench *b)
{
    assert_int_equal(th_post(b->host, b->client, (struct th_msg){.kind = &th_dialer_msg_status}),
                     TH_OK);
    bench_run(b, 0);
    return &b->status;
}

/* The dial was told once, this. */
static inline const struct th_dialed *bench_told(const struct bench *b, unsigned dial,
                                                 enum th_err result)
{
    const struct bench_outcome *outcome = &b->outcome[dial];

    assert_int_equal(outcome->times_told, 1);
    assert_int_equal(outcome->why, TH_OK);
    assert_int_equal(outcome->told->result, result);
    return outcome->told;
}

static inline void bench_not_told(const struct bench *b, unsigned dial)
{
    assert_int_equal(b->outcome[dial].times_told, 0);
}

#endif

/*
 * chans_bench.h - three switches and who asks them for channels of applications, for tests of chans.h.
 *
 * Nodes 0 and 2 know node 1, which takes channels of the type "_test".
 */
#ifndef TH_TESTS_CHANS_BENCH_H
#define TH_TESTS_CHANS_BENCH_H

#include "switch/chans.h"

#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "switch/switch.h"
#include "tests/lib/net_mem.h"
#include "tests/lib/test_cmocka.h"

enum { NODES = 3, TEXT_MAX = 64 };

/* The newest of each, and how many there were. */
struct asker {
    struct {
        unsigned count;
        enum th_err err;
    } result;
    struct {
        unsigned count;
        enum th_err err;
        th_chan_number chan;
    } opened;
    struct {
        unsigned answers, packets, firsts, overs;
        uint64_t dropped;
        enum th_err err, why;
        th_chan_number chan, first;
        char type[TH_TYPE_MAX], words[TH_CHANNEL_ERR_MAX], json[TEXT_MAX], body[TEXT_MAX];
        char oldest[TEXT_MAX]; /* the first body of the last answer */
    } taken;
    th_chan_number watched; /* so many packets came of it: */
    unsigned watched_packets;
    unsigned opened_events, body_bytes;
    struct th_drops drops; /* as the switch last said */
};

static const struct th_msg_kind ask_msg = {"test.ask", th_mem_free};
static const struct th_msg_kind end_msg = {"test.end", NULL};

static inline void copy_text(char text[TEXT_MAX], const uint8_t *bytes, size_t len)
{
    assert_true(len < TEXT_MAX);
    memset(text, 0, TEXT_MAX);
    if (len > 0)
        memcpy(text, bytes, len);
}

static inline void keep_taken(struct asker *a, const struct th_chan_taken *taken)
{
    a->taken.answers++;
    a->taken.err = taken->err;
    for (const struct th_chan_item *item = taken->first; item; item = item->next) {
        a->taken.chan = item->chan;
        a->taken.packets += item->has_packet;
        a->watched_packets += item->has_packet && item->chan == a->watched;
        a->taken.dropped += item->dropped;
        copy_text(a->taken.json, item->bytes, item->json_len);
        copy_text(a->taken.body, item->bytes + item->json_len, item->body_len);
        if (item == taken->first)
            memcpy(a->taken.oldest, a->taken.body, TEXT_MAX);
        if (item->is_first) {
            a->taken.firsts++;
            a->taken.first = item->chan;
            memcpy(a->taken.type, item->type, sizeof a->taken.type);
        }
        if (item->is_over) {
            a->taken.overs++;
            a->taken.why = item->why;
            memcpy(a->taken.words, item->words, sizeof a->taken.words);
        }
    }
}

static inline enum th_err on_reply(void *state, const struct th_self *self, void *ctx,
                                   enum th_err why, struct th_msg *reply)
{
    struct asker *a = *(struct asker **)state;
    (void)self, (void)ctx;

    if (why != TH_OK)
        return TH_OK;
    if (reply->kind == &th_switch_msg_chan_taken) {
        keep_taken(a, reply->body);
    } else if (reply->kind == &th_switch_msg_opened) {
        const struct th_pull_opened *body = reply->body;
        a->opened.count++;
        a->opened.err = body->err;
        a->opened.chan = body->stream;
    } else if (reply->kind == &th_switch_msg_status) {
        a->drops = ((const struct th_switch_status *)reply->body)->drops;
    } else {
        a->result.count++;
        a->result.err = ((const struct th_switch_result *)reply->body)->err;
    }
    return TH_OK;
}

static inline enum th_err asker_init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest packets = {TH_EV_OPENED | TH_EV_PACKET | TH_EV_ENDED,
                                        th_topic(TH_CHANNEL_OTHER, false)};

    *(struct asker **)state = arg;
    return th_subscribe(self, th_whereis(self->host, self->scope, "events"), packets, NULL, NULL);
}

static inline enum th_err asker_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct asker *a = *(struct asker **)state;

    if (msg->kind == &th_event_msg) {
        const struct th_ev_packet *packet = th_ev_packet_of(th_event_of(msg));
        a->opened_events++;
        a->body_bytes += (unsigned)(packet->head.len + packet->body.len);
    } else if (msg->kind == &end_msg) {
        return TH_SHUTDOWN;
    } else if (msg->kind == &ask_msg) {
        const struct th_msg *ask = msg->body;
        th_pid sw = th_whereis(self->host, self->scope, "switch");
        if (ask->kind == &th_switch_msg_chan_send)
            return th_post(self->host, sw, *ask);
        return th_call(self, sw, *ask, TH_NEVER, on_reply, NULL, NULL);
    }
    return TH_OK;
}

static const struct th_server_ops asker_ops = {.name = "asker",
                                               .state_size = sizeof(struct asker *),
                                               .init = asker_init,
                                               .on_msg = asker_on_msg};

struct bench {
    struct th_host *host;
    struct th_place *place;
    struct net_mem mem;
    struct th_identity identity[NODES];
    struct th_rng rng[NODES];
    struct th_switch_config config[NODES];
    struct asker asker[NODES], other; /* other: a second one of node 1 */
    th_pid pid[NODES], other_pid;
};

static inline th_pid spawn(struct bench *b, const struct th_server_ops *ops, const char *name,
                           uint32_t scope, void *arg)
{
    const struct th_server_spec spec = {
        .ops = ops, .name = name, .scope = scope, .arg = arg, .place = b->place};
    th_pid pid;

    assert_int_equal(th_spawn(b->host, &spec, &pid), TH_OK);
    return pid;
}

static inline void run(struct bench *b)
{
    th_host_sim_run(b->host, 20); /* far less than the silence that ends a channel */
}

static inline void post_as(struct bench *b, th_pid pid, const struct th_msg_kind *kind, void *body)
{
    struct th_msg *msg = th_mem_zalloc(1, sizeof *msg);

    *msg = (struct th_msg){.kind = kind, .body = body};
    assert_int_equal(th_post(b->host, pid, (struct th_msg){.kind = &ask_msg, .body = msg}), TH_OK);
}

static inline void ask_as(struct bench *b, th_pid pid, const struct th_msg_kind *kind, void *body)
{
    post_as(b, pid, kind, body);
    run(b);
}

static inline void ask_listen(struct bench *b, th_pid pid, const char *type, bool is_over)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);

    strcpy(body->type, type);
    body->is_over = is_over;
    ask_as(b, pid, &th_switch_msg_chan_listen, body);
}

static inline void ask_open(struct bench *b, int from, const char *type, const char *json,
                            const char *body)
{
    struct th_chan_open *open = th_chan_open_new(th_bytes_of(json), th_bytes_of(body));

    open->to = b->identity[from == 1 ? 0 : 1].hashname;
    strcpy(open->type, type);
    ask_as(b, b->pid[from], &th_switch_msg_chan_open, open);
}

static inline void take(struct bench *b, int node)
{
    ask_as(b, b->pid[node], &th_switch_msg_chan_take, NULL);
}

static inline void post_send(struct bench *b, int node, th_chan_number chan, const char *body,
                             bool end, const char *err)
{
    struct th_chan_send *send = th_chan_send_new((struct th_bytes){0}, th_bytes_of(body));

    send->chan = chan;
    send->end = end;
    strcpy(send->err, err);
    post_as(b, b->pid[node], &th_switch_msg_chan_send, send);
}

static inline void ask_send(struct bench *b, int node, th_chan_number chan, const char *body,
                            bool end, const char *err)
{
    post_send(b, node, chan, body, end, err);
    run(b);
}

static inline uint64_t dropped(struct bench *b, int node)
{
    ask_as(b, b->pid[node], &th_switch_msg_status, NULL);
    return b->asker[node].drops.n[TH_DROP_CHANNEL_BACKLOG];
}

static inline int set_up(void **state)
{
    struct bench *b = th_mem_zalloc(1, sizeof *b);

    assert_int_equal(th_host_sim_new(&b->host, 7), TH_OK);
    assert_int_equal(th_host_sim_place(b->host, "all", &b->place), TH_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        uint8_t seed[32];
        memset(seed, (int)i + 1, sizeof seed);
        th_identity_make(&b->identity[i], seed);
        th_rng_init(&b->rng[i], seed);
        b->config[i] =
            (struct th_switch_config){.board.identity = &b->identity[i],
                                      .net = &net_mem_add(&b->mem, (uint8_t)(i + 1))->net,
                                      .events_name = "events",
                                      .rng = &b->rng[i]};
        spawn(b, &th_event_manager_ops, "events", i, NULL);
        b->pid[i] = spawn(b, &asker_ops, "asker", i, &b->asker[i]);
        spawn(b, &th_switch_ops, "switch", i, &b->config[i]);
    }
    b->other_pid = spawn(b, &asker_ops, "other", 1, &b->other);
    run(b);

    for (uint32_t i = 0; i < NODES; i += 2) {
        struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);
        open->id = b->identity[1].hashname;
        open->parts = b->identity[1].parts;
        open->key = b->identity[1].keys.pub;
        open->paths.count = 1;
        open->paths.addr[0] = b->mem.node[1].addr;
        ask_as(b, b->pid[i], &th_switch_msg_open, open);
    }
    ask_listen(b, b->pid[1], "_test", false);
    assert_int_equal(b->asker[1].result.err, TH_OK);
    *state = b;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *b = *state;

    th_host_sim_close(b->host);
    th_mem_free(b);
    return 0;
}

/* A channel from node 0 to node 1, of which both know. */
static inline void connect(struct bench *b)
{
    take(b, 1);
    ask_open(b, 0, "_test", "{\"n\":1}", "hello");
    assert_int_equal(b->asker[0].opened.err, TH_OK);
    assert_int_equal(b->asker[1].taken.firsts, 1);
}

#endif

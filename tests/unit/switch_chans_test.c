/* Applications' channels that are not reliable, as another server asks the switch for them. */
#include "switch/chans.h"

#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "switch/switch.h"
#include "tests/lib/net_mem.h"
#include "tests/lib/test_cmocka.h"

enum { NODES = 2, TEXT_MAX = 64 };

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
    unsigned opened_events, body_bytes;
    struct th_drops drops; /* as the switch last said */
};

static const struct th_msg_kind ask_msg = {"test.ask", th_mem_free};
static const struct th_msg_kind end_msg = {"test.end", NULL};

static void copy_text(char text[TEXT_MAX], const uint8_t *bytes, size_t len)
{
    assert_true(len < TEXT_MAX);
    memset(text, 0, TEXT_MAX);
    if (len > 0)
        memcpy(text, bytes, len);
}

static void keep_taken(struct asker *a, const struct th_chan_taken *taken)
{
    a->taken.answers++;
    a->taken.err = taken->err;
    for (const struct th_chan_item *item = taken->first; item; item = item->next) {
        a->taken.chan = item->chan;
        a->taken.packets += item->has_packet;
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

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
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

static enum th_err asker_init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest packets = {TH_EV_OPENED | TH_EV_PACKET | TH_EV_ENDED,
                                        th_topic(TH_CHANNEL_OTHER, false)};

    *(struct asker **)state = arg;
    return th_subscribe(self, th_whereis(self->host, self->scope, "events"), packets, NULL, NULL);
}

static enum th_err asker_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
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

static th_pid spawn(struct bench *b, const struct th_server_ops *ops, const char *name,
                    uint32_t scope, void *arg)
{
    const struct th_server_spec spec = {
        .ops = ops, .name = name, .scope = scope, .arg = arg, .place = b->place};
    th_pid pid;

    assert_int_equal(th_spawn(b->host, &spec, &pid), TH_OK);
    return pid;
}

static void run(struct bench *b)
{
    th_host_sim_run(b->host, 20); /* far less than the silence that ends a channel */
}

static void post_as(struct bench *b, th_pid pid, const struct th_msg_kind *kind, void *body)
{
    struct th_msg *msg = th_mem_zalloc(1, sizeof *msg);

    *msg = (struct th_msg){.kind = kind, .body = body};
    assert_int_equal(th_post(b->host, pid, (struct th_msg){.kind = &ask_msg, .body = msg}), TH_OK);
}

static void ask_as(struct bench *b, th_pid pid, const struct th_msg_kind *kind, void *body)
{
    post_as(b, pid, kind, body);
    run(b);
}

static void ask_listen(struct bench *b, th_pid pid, const char *type, bool is_over)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);

    strcpy(body->type, type);
    body->is_over = is_over;
    ask_as(b, pid, &th_switch_msg_chan_listen, body);
}

static void ask_open(struct bench *b, int from, const char *type, const char *json,
                     const char *body)
{
    struct th_chan_open *open = th_chan_open_new(th_bytes_of(json), th_bytes_of(body));

    open->to = b->identity[1 - from].hashname;
    strcpy(open->type, type);
    ask_as(b, b->pid[from], &th_switch_msg_chan_open, open);
}

static void take(struct bench *b, int node)
{
    ask_as(b, b->pid[node], &th_switch_msg_chan_take, NULL);
}

static void post_send(struct bench *b, int node, th_chan_number chan, const char *body, bool end,
                      const char *err)
{
    struct th_chan_send *send = th_chan_send_new((struct th_bytes){0}, th_bytes_of(body));

    send->chan = chan;
    send->end = end;
    strcpy(send->err, err);
    post_as(b, b->pid[node], &th_switch_msg_chan_send, send);
}

static void ask_send(struct bench *b, int node, th_chan_number chan, const char *body, bool end,
                     const char *err)
{
    post_send(b, node, chan, body, end, err);
    run(b);
}

static uint64_t dropped(struct bench *b, int node)
{
    ask_as(b, b->pid[node], &th_switch_msg_status, NULL);
    return b->asker[node].drops.n[TH_DROP_CHANNEL_BACKLOG];
}

static int set_up(void **state)
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

    struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);
    open->id = b->identity[1].hashname;
    open->parts = b->identity[1].parts;
    open->key = b->identity[1].keys.pub;
    open->paths.count = 1;
    open->paths.addr[0] = b->mem.node[1].addr;
    ask_as(b, b->pid[0], &th_switch_msg_open, open);
    ask_listen(b, b->pid[1], "_test", false);
    assert_int_equal(b->asker[1].result.err, TH_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    th_host_sim_close(b->host);
    th_mem_free(b);
    return 0;
}

/* A channel from node 0 to node 1, of which both know. */
static void connect(struct bench *b)
{
    take(b, 1);
    ask_open(b, 0, "_test", "{\"n\":1}", "hello");
    assert_int_equal(b->asker[0].opened.err, TH_OK);
    assert_int_equal(b->asker[1].taken.firsts, 1);
}

/* A1 */
static void packet_comes_to_who_asks_with_its_json_and_its_body(void **state)
{
    struct bench *b = *state;
    connect(b);
    assert_string_equal(b->asker[1].taken.type, "_test");
    assert_string_equal(b->asker[1].taken.json, "{\"n\":1}");
    assert_string_equal(b->asker[1].taken.body, "hello");

    ask_send(b, 0, b->asker[0].opened.chan, "not asked for yet", false, "");
    assert_int_equal(b->asker[1].taken.packets, 1);
    take(b, 1);
    assert_string_equal(b->asker[1].taken.body, "not asked for yet");
    assert_string_equal(b->asker[1].taken.json, "");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "back", false, "");
    assert_string_equal(b->asker[0].taken.body, "back");
    assert_int_equal(b->asker[0].taken.firsts, 0);
}

static void that_a_channel_is_opened_is_an_event_and_nothing_else_of_it(void **state)
{
    struct bench *b = *state;
    connect(b);
    ask_send(b, 0, b->asker[0].opened.chan, "more", true, "");
    assert_int_equal(b->asker[1].opened_events, 1);
    assert_int_equal(b->asker[1].body_bytes, 0);
}

static void end_comes_with_the_last_packet_or_alone(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 1);
    ask_send(b, 0, b->asker[0].opened.chan, "last", true, "");
    assert_string_equal(b->asker[1].taken.body, "last");
    assert_int_equal(b->asker[1].taken.overs, 1);
    assert_int_equal(b->asker[1].taken.why, TH_OK);

    take(b, 1);
    ask_open(b, 0, "_test", "", "");
    take(b, 1);
    unsigned packets = b->asker[1].taken.packets;
    ask_send(b, 0, b->asker[0].opened.chan, "", true, "");
    assert_int_equal(b->asker[1].taken.overs, 2);
    assert_int_equal(b->asker[1].taken.packets, packets);
}

static void words_of_who_closes_are_told_and_whether_it_ever_spoke(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "", false, "not wanted");
    assert_int_equal(b->asker[0].taken.why, TH_REFUSED);
    assert_string_equal(b->asker[0].taken.words, "not wanted");

    take(b, 1);
    ask_open(b, 0, "_test", "", "x");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "answer", false, "");
    take(b, 0);
    ask_send(b, 1, b->asker[1].taken.first, "", false, "enough");
    assert_int_equal(b->asker[0].taken.why, TH_GONE);
    assert_string_equal(b->asker[0].taken.words, "enough");
}

static void silence_ends_a_channel(void **state)
{
    struct bench *b = *state;
    connect(b);
    take(b, 0);
    th_host_sim_run(b->host, 10001);
    assert_int_equal(b->asker[0].taken.overs, 1);
    assert_int_equal(b->asker[0].taken.why, TH_TIMED_OUT);
}

static void packets_that_nobody_takes_go_oldest_first_and_are_counted(void **state)
{
    enum { SENT = TH_CHAN_QUEUE_MAX + 10 };
    struct bench *b = *state;
    connect(b);
    for (unsigned i = 0; i < SENT; i++) {
        char text[8] = {(char)('0' + i / 10), (char)('0' + i % 10)};
        ask_send(b, 0, b->asker[0].opened.chan, text, false, "");
    }
    assert_int_equal(dropped(b, 1), 10);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.packets, 1 + TH_CHAN_QUEUE_MAX);
    assert_string_equal(b->asker[1].taken.oldest, "10");
    assert_int_equal(b->asker[1].taken.dropped, 10);
}

static void packets_of_all_channels_together_have_a_limit(void **state)
{
    enum { CHANS = TH_CHANS_QUEUE_MAX / TH_CHAN_QUEUE_MAX };
    struct bench *b = *state;
    th_chan_number chan[CHANS];
    for (unsigned i = 0; i < CHANS; i++) {
        take(b, 1);
        ask_open(b, 0, "_test", "", "x");
        assert_int_equal(b->asker[0].opened.err, TH_OK);
        chan[i] = b->asker[0].opened.chan;
        assert_int_equal(b->asker[1].taken.firsts, i + 1);
    }
    ask_listen(b, b->pid[0], "_test", false);
    take(b, 0);
    ask_open(b, 1, "_test", "", "x"); /* one more, of the other side */
    for (unsigned i = 0; i < CHANS; i++) {
        for (unsigned j = 0; j < TH_CHAN_QUEUE_MAX; j++)
            post_send(b, 0, chan[i], "y", false, "");
        th_host_sim_run(b->host, 1);
    }
    assert_int_equal(dropped(b, 1), 0);
    ask_send(b, 0, b->asker[0].taken.first, "too many", false, "");
    assert_int_equal(dropped(b, 1), 1);

    unsigned before = b->asker[1].taken.packets;
    take(b, 1);
    assert_int_equal(b->asker[1].taken.packets, before + TH_CHANS_TAKE_MAX); /* a part at a time */
    ask_send(b, 0, b->asker[0].taken.first, "one", false, "");
    assert_int_equal(dropped(b, 1), 1);
}

static void owner_that_takes_nothing_has_a_backlog_and_no_more(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < TH_CHANS_BACKLOG_MAX; i++)
        ask_open(b, 0, "_test", "", "x");
    take(b, 0);
    ask_open(b, 0, "_test", "", "one too many");
    assert_string_equal(b->asker[0].taken.words, "busy");
    assert_int_equal(dropped(b, 1), 1);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.firsts, TH_CHANS_BACKLOG_MAX);
    ask_open(b, 0, "_test", "", "again");
    take(b, 1);
    assert_string_equal(b->asker[1].taken.body, "again");
}

static void more_channels_than_the_limit_are_refused(void **state)
{
    struct bench *b = *state;
    /* Nobody there takes them, so they stay. A line has room for 256. */
    for (unsigned i = 0; i < 256; i++)
        ask_open(b, 0, "_none", "", "x");
    ask_open(b, 0, "_none", "", "x");
    assert_int_equal(b->asker[0].opened.err, TH_LIMIT);
    ask_open(b, 0, "link", "", "x");
    assert_int_equal(b->asker[0].opened.err, TH_INVALID);
}

static void packet_that_fits_no_datagram_is_refused_or_counted(void **state)
{
    static char large[1400];
    struct bench *b = *state;
    connect(b);
    memset(large, 'x', sizeof large - 1);
    ask_open(b, 0, "_test", "", large);
    assert_int_equal(b->asker[0].opened.err, TH_TOO_BIG);
    ask_send(b, 0, 1, large, false, "");
    assert_int_equal(dropped(b, 0), 1);
}

static void packet_of_the_largest_size_that_is_promised_fits(void **state)
{
    static char json[TH_PACKETS_LEN_MAX + 1] = "{\"a\":\"";
    struct bench *b = *state;
    memset(json + 6, 'x', TH_PACKETS_LEN_MAX - 8);
    memcpy(json + TH_PACKETS_LEN_MAX - 2, "\"}", 3);
    struct th_chan_open *open = th_chan_open_new(th_bytes_of(json), (struct th_bytes){0});
    open->to = b->identity[1].hashname;
    strcpy(open->type, "_234567890123456789012345678901");
    assert_int_equal(strlen(open->type), TH_TYPE_MAX - 1);
    open->end = true;
    ask_as(b, b->pid[0], &th_switch_msg_chan_open, open);
    assert_int_equal(b->asker[0].opened.err, TH_OK);
}

static void only_one_server_has_channels_until_it_ends(void **state)
{
    struct bench *b = *state;
    connect(b);
    ask_listen(b, b->other_pid, "_more", false);
    assert_int_equal(b->other.result.err, TH_IN_USE);
    ask_as(b, b->other_pid, &th_switch_msg_chan_take, NULL);
    assert_int_equal(b->other.taken.err, TH_INVALID);
    take(b, 1);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.err, TH_INVALID);

    take(b, 0);
    assert_int_equal(th_post(b->host, b->pid[1], (struct th_msg){.kind = &end_msg}), TH_OK);
    run(b);
    assert_string_equal(b->asker[0].taken.words, "gone");
    ask_listen(b, b->other_pid, "_more", false);
    assert_int_equal(b->other.result.err, TH_OK);
    ask_open(b, 0, "_test", "", "to nobody");
    ask_as(b, b->other_pid, &th_switch_msg_chan_take, NULL);
    assert_int_equal(b->other.taken.firsts, 0);
    ask_open(b, 0, "_more", "", "to another");
    assert_int_equal(b->other.taken.firsts, 1);
}

static void several_packets_that_come_at_once_are_all_of_one_channel(void **state)
{
    struct bench *b = *state;
    struct th_chan_open *open = th_chan_open_new((struct th_bytes){0}, th_bytes_of("first"));
    open->to = b->identity[1].hashname;
    strcpy(open->type, "_test");
    post_as(b, b->pid[0], &th_switch_msg_chan_open, open);
    for (unsigned i = 0; i < 5; i++)
        post_send(b, 0, 1, "more", false, "");
    run(b);
    take(b, 1);
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_int_equal(b->asker[1].taken.packets, 6);
}

static void channel_whose_first_packet_is_lost_is_opened_by_the_next(void **state)
{
    struct bench *b = *state;
    take(b, 1);
    net_mem_cut(&b->mem.node[1], true);
    ask_open(b, 0, "_test", "", "lost");
    assert_int_equal(b->asker[0].opened.err, TH_OK);
    net_mem_cut(&b->mem.node[1], false);
    ask_send(b, 0, b->asker[0].opened.chan, "second", false, "");
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_string_equal(b->asker[1].taken.type, "_test");
    assert_string_equal(b->asker[1].taken.body, "second");

    take(b, 1); /* until one comes back, all say what they are of; it opens nothing again */
    ask_send(b, 0, b->asker[0].opened.chan, "third", false, "");
    assert_string_equal(b->asker[1].taken.body, "third");
    take(b, 0);
    take(b, 1);
    ask_send(b, 1, b->asker[1].taken.first, "back", false, "");
    ask_send(b, 0, b->asker[0].opened.chan, "fourth", false, "");
    assert_string_equal(b->asker[1].taken.body, "fourth");
    assert_int_equal(b->asker[1].taken.firsts, 1);
    assert_int_equal(b->asker[1].opened_events, 1);
}

/* err: the end had words. is_heard: the one who goes on sending had heard of the other. */
static void lose_the_end(struct bench *b, const char *err, bool is_heard)
{
    connect(b);
    take(b, 0);
    if (is_heard) {
        ask_send(b, 1, b->asker[1].taken.first, "heard", false, "");
        take(b, 0);
    }
    net_mem_cut(&b->mem.node[1], true);
    ask_send(b, 1, b->asker[1].taken.first, "", err[0] == 0, err);
    net_mem_cut(&b->mem.node[1], false);
    assert_int_equal(b->asker[0].taken.overs, 0);
}

static void who_sends_on_after_an_end_that_was_lost_is_told(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "", true);
    ask_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    assert_int_equal(b->asker[0].taken.overs, 1);
    assert_int_equal(b->asker[0].taken.why, TH_GONE);
    assert_string_equal(b->asker[0].taken.words, "closed");
}

static void who_sends_on_after_a_refusal_that_was_lost_is_told(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "not wanted", false);
    ask_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    assert_int_equal(b->asker[0].taken.why, TH_REFUSED);
}

static void end_of_a_channel_that_has_ended_is_not_answered(void **state)
{
    struct bench *b = *state;
    lose_the_end(b, "", true);
    uint64_t sent = b->mem.node[1].sent;
    ask_send(b, 0, b->asker[0].opened.chan, "", true, "");
    assert_int_equal(b->mem.node[1].sent, sent);
}

static void it_is_told_ten_times_a_second_at_most(void **state)
{
    struct bench *b = *state;
    connect(b);
    net_mem_cut(&b->mem.node[1], true);
    ask_send(b, 1, b->asker[1].taken.first, "", true, "");
    net_mem_cut(&b->mem.node[1], false);
    uint64_t sent = b->mem.node[1].sent;
    for (unsigned i = 0; i < 10; i++)
        post_send(b, 0, b->asker[0].opened.chan, "to nobody", false, "");
    run(b);
    assert_int_equal(b->mem.node[1].sent, sent + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(packet_comes_to_who_asks_with_its_json_and_its_body),
        TEST(that_a_channel_is_opened_is_an_event_and_nothing_else_of_it),
        TEST(end_comes_with_the_last_packet_or_alone),
        TEST(words_of_who_closes_are_told_and_whether_it_ever_spoke),
        TEST(silence_ends_a_channel),
        TEST(packets_that_nobody_takes_go_oldest_first_and_are_counted),
        TEST(packets_of_all_channels_together_have_a_limit),
        TEST(owner_that_takes_nothing_has_a_backlog_and_no_more),
        TEST(more_channels_than_the_limit_are_refused),
        TEST(packet_that_fits_no_datagram_is_refused_or_counted),
        TEST(packet_of_the_largest_size_that_is_promised_fits),
        TEST(only_one_server_has_channels_until_it_ends),
        TEST(several_packets_that_come_at_once_are_all_of_one_channel),
        TEST(channel_whose_first_packet_is_lost_is_opened_by_the_next),
        TEST(who_sends_on_after_an_end_that_was_lost_is_told),
        TEST(who_sends_on_after_a_refusal_that_was_lost_is_told),
        TEST(end_of_a_channel_that_has_ended_is_not_answered),
        TEST(it_is_told_ten_times_a_second_at_most),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}

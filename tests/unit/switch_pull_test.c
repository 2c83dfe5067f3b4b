/* Streams as other servers ask the switch for them: nothing comes that was not asked for. */
#include "switch/pull.h"

#include "switch/base/mem.h"
#include "switch/run/host_sim.h"
#include "switch/switch.h"
#include "tests/lib/net_mem.h"
#include "tests/lib/test_cmocka.h"

enum { NODES = 2, TEXT_MAX = 64 };

/* The last reply of each kind, and how many there were. */
struct reply {
    unsigned count;
    enum th_err err;
    th_stream_number stream;
    size_t len;
    char text[TEXT_MAX], words[TH_CHANNEL_ERR_MAX];
};

/* A server that asks what it is told to, and sees what is announced. */
struct asker {
    struct reply result, accepted, opened, data;
    unsigned opened_events, body_bytes;
    struct th_drops drops; /* as the switch last said */
    char opened_type[TH_TYPE_MAX];
};

static const struct th_msg_kind ask_msg = {"test.ask", th_mem_free};
static const struct th_msg_kind end_msg = {"test.end", NULL};

static void keep(struct reply *reply, enum th_err err, th_stream_number stream,
                 const uint8_t *bytes, size_t len)
{
    *reply = (struct reply){.count = reply->count + 1, .err = err, .stream = stream, .len = len};
    if (len < TEXT_MAX && len > 0)
        memcpy(reply->text, bytes, len);
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct asker *a = *(struct asker **)state;
    (void)self, (void)ctx;

    if (why != TH_OK)
        return TH_OK;
    if (reply->kind == &th_switch_msg_accepted) {
        const struct th_pull_accepted *body = reply->body;
        keep(&a->accepted, body->err, body->stream, body->bytes, body->len);
    } else if (reply->kind == &th_switch_msg_opened) {
        const struct th_pull_opened *body = reply->body;
        keep(&a->opened, body->err, body->stream, NULL, 0);
    } else if (reply->kind == &th_switch_msg_data) {
        const struct th_pull_data *body = reply->body;
        keep(&a->data, body->err, 0, body->bytes, body->len);
        memcpy(a->data.words, body->words, sizeof a->data.words);
    } else if (reply->kind == &th_switch_msg_status) {
        a->drops = ((const struct th_switch_status *)reply->body)->drops;
    } else {
        keep(&a->result, ((const struct th_switch_result *)reply->body)->err, 0, NULL, 0);
    }
    return TH_OK;
}

static enum th_err asker_init(void *state, const struct th_self *self, void *arg)
{
    const struct th_interest opened = {TH_EV_OPENED, th_topic(TH_CHANNEL_OTHER, false)};

    *(struct asker **)state = arg;
    return th_subscribe(self, th_whereis(self->host, self->scope, "events"), opened, NULL, NULL);
}

static enum th_err asker_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct asker *a = *(struct asker **)state;

    if (msg->kind == &th_event_msg) {
        const struct th_ev_packet *packet = th_ev_packet_of(th_event_of(msg));
        a->opened_events++;
        a->body_bytes += (unsigned)(packet->head.len + packet->body.len);
        memcpy(a->opened_type, packet->type_name, sizeof a->opened_type);
    } else if (msg->kind == &end_msg) {
        return TH_SHUTDOWN;
    } else if (msg->kind == &ask_msg) {
        return th_call(self, th_whereis(self->host, self->scope, "switch"),
                       *(struct th_msg *)msg->body, TH_NEVER, on_reply, NULL, NULL);
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
    th_host_sim_run(b->host, 200);
}

static void ask_as(struct bench *b, th_pid pid, const struct th_msg_kind *kind, void *body)
{
    struct th_msg *msg = th_mem_zalloc(1, sizeof *msg);

    *msg = (struct th_msg){.kind = kind, .body = body};
    assert_int_equal(th_post(b->host, pid, (struct th_msg){.kind = &ask_msg, .body = msg}), TH_OK);
    run(b);
}

static void ask_listen(struct bench *b, th_pid pid, const char *type, bool is_over)
{
    struct th_pull_listen *body = th_mem_zalloc(1, sizeof *body);

    strcpy(body->type, type);
    body->is_over = is_over;
    ask_as(b, pid, &th_switch_msg_listen, body);
}

static void ask_open(struct bench *b, const char *type, const char *first)
{
    struct th_pull_open *body = th_mem_zalloc(1, sizeof *body + strlen(first));

    body->to = b->identity[1].hashname;
    strcpy(body->type, type);
    body->len = strlen(first);
    memcpy(body->bytes, first, body->len);
    ask_as(b, b->pid[0], &th_switch_msg_stream_open, body);
}

static void ask_read(struct bench *b, th_pid pid, th_stream_number stream)
{
    struct th_pull_read *body = th_mem_zalloc(1, sizeof *body);

    *body = (struct th_pull_read){stream, TEXT_MAX - 1};
    ask_as(b, pid, &th_switch_msg_read, body);
}

static void ask_write(struct bench *b, th_pid pid, th_stream_number stream, const char *text)
{
    struct th_pull_write *body = th_mem_zalloc(1, sizeof *body + strlen(text));

    body->stream = stream;
    body->len = strlen(text);
    memcpy(body->bytes, text, body->len);
    ask_as(b, pid, &th_switch_msg_write, body);
}

static void ask_finish(struct bench *b, th_pid pid, th_stream_number stream, enum th_finish how)
{
    struct th_pull_finish *body = th_mem_zalloc(1, sizeof *body);

    body->stream = stream;
    body->how = how;
    ask_as(b, pid, &th_switch_msg_finish, body);
}

static void open_line(struct bench *b)
{
    struct th_switch_open *open = th_mem_zalloc(1, sizeof *open);
    open->id = b->identity[1].hashname;
    open->parts = b->identity[1].parts;
    open->key = b->identity[1].keys.pub;
    open->paths.count = 1;
    open->paths.addr[0] = b->mem.node[1].addr;
    ask_as(b, b->pid[0], &th_switch_msg_open, open);
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

    open_line(b);
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

/* A stream from node 0 to node 1, accepted. */
static void connect(struct bench *b)
{
    ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
    ask_open(b, "_test", "hello");
    assert_int_equal(b->asker[0].opened.err, TH_OK);
    assert_int_equal(b->asker[1].accepted.count, 1);
}

/* A1 */
static void reliable_channel_is_announced_without_what_it_carries(void **state)
{
    struct bench *b = *state;
    connect(b);
    assert_int_equal(b->asker[1].opened_events, 1);
    assert_string_equal(b->asker[1].opened_type, "_test");
    assert_int_equal(b->asker[1].body_bytes, 0);
    ask_write(b, b->pid[0], b->asker[0].opened.stream, "more");
    assert_int_equal(b->asker[1].opened_events, 1);
}

static void bytes_come_to_who_asks_once_they_are_there(void **state)
{
    struct bench *b = *state;
    connect(b);
    assert_string_equal(b->asker[1].accepted.text, "hello");
    th_stream_number there = b->asker[0].opened.stream, here = b->asker[1].accepted.stream;

    ask_read(b, b->pid[1], here);
    assert_int_equal(b->asker[1].data.count, 0);
    ask_write(b, b->pid[0], there, "world");
    assert_int_equal(b->asker[1].data.count, 1);
    assert_string_equal(b->asker[1].data.text, "world");
    ask_write(b, b->pid[0], there, "!"); /* nobody asks */
    assert_int_equal(b->asker[1].data.count, 1);

    ask_finish(b, b->pid[0], there, TH_FINISH_END);
    ask_read(b, b->pid[1], here);
    assert_string_equal(b->asker[1].data.text, "!");
    ask_read(b, b->pid[1], here);
    assert_int_equal(b->asker[1].data.err, TH_EOF);
    ask_write(b, b->pid[1], here, "bye");
    ask_read(b, b->pid[0], there);
    assert_string_equal(b->asker[0].data.text, "bye");
    ask_finish(b, b->pid[1], here, TH_FINISH_RELEASE);
    ask_read(b, b->pid[0], there);
    assert_int_equal(b->asker[0].data.err, TH_EOF);
}

static void one_question_of_a_kind_at_a_time_and_only_of_the_owner(void **state)
{
    struct bench *b = *state;
    connect(b);
    th_stream_number here = b->asker[1].accepted.stream;

    ask_read(b, b->pid[1], here);
    ask_read(b, b->pid[1], here);
    assert_int_equal(b->asker[1].data.err, TH_INVALID);
    ask_read(b, b->other_pid, here);
    assert_int_equal(b->other.data.err, TH_NOT_FOUND);
    ask_write(b, b->other_pid, here, "x");
    assert_int_equal(b->other.result.err, TH_NOT_FOUND);
    ask_finish(b, b->other_pid, here, TH_FINISH_RESET);
    assert_int_equal(b->other.result.err, TH_NOT_FOUND);
    ask_as(b, b->other_pid, &th_switch_msg_accept, NULL);
    assert_int_equal(b->other.accepted.err, TH_INVALID);
    ask_listen(b, b->other_pid, "_test", false);
    assert_int_equal(b->other.result.err, TH_IN_USE);
    ask_listen(b, b->other_pid, "link", false);
    assert_int_equal(b->other.result.err, TH_INVALID);
}

static void listener_that_does_not_accept_has_a_backlog_and_no_more(void **state)
{
    struct bench *b = *state;

    for (unsigned i = 0; i <= TH_PULL_BACKLOG_MAX; i++)
        ask_open(b, "_test", "hello");
    ask_read(b, b->pid[0], b->asker[0].opened.stream);
    assert_true(b->asker[0].data.err == TH_REFUSED || b->asker[0].data.err == TH_GONE);
    assert_string_equal(b->asker[0].data.words, "busy");
    ask_as(b, b->pid[1], &th_switch_msg_status, NULL);
    assert_int_equal(b->asker[1].drops.n[TH_DROP_STREAM_BACKLOG], 1);
    for (unsigned i = 1; i <= TH_PULL_BACKLOG_MAX; i++) {
        ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
        assert_int_equal(b->asker[1].accepted.count, i);
    }
    ask_open(b, "_test", "again");
    ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
    assert_string_equal(b->asker[1].accepted.text, "again");
}

static void streams_end_with_their_owner_and_its_types_are_free(void **state)
{
    struct bench *b = *state;
    connect(b);

    assert_int_equal(th_post(b->host, b->pid[1], (struct th_msg){.kind = &end_msg}), TH_OK);
    run(b);
    ask_read(b, b->pid[0], b->asker[0].opened.stream);
    assert_int_equal(b->asker[0].data.err, TH_GONE);
    assert_string_equal(b->asker[0].data.words, "gone");
    ask_open(b, "_test", "hello");
    ask_read(b, b->pid[0], b->asker[0].opened.stream);
    assert_int_equal(b->asker[0].data.err, TH_REFUSED);
    ask_listen(b, b->other_pid, "_test", false);
    assert_int_equal(b->other.result.err, TH_OK);
}

static void stream_whose_line_went_while_it_waited_has_no_bytes_of_another(void **state)
{
    struct bench *b = *state;
    ask_open(b, "_test", "first");
    th_stop(b->host, th_whereis(b->host, 0, "switch"), TH_SHUTDOWN);
    run(b);
    spawn(b, &th_switch_ops, "switch", 0, &b->config[0]);
    run(b);
    open_line(b);
    ask_open(b, "_test", "second"); /* of the same number, on the new line */
    th_host_sim_run(b->host, 20000);

    ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
    assert_string_equal(b->asker[1].accepted.text, "first");
    ask_read(b, b->pid[1], b->asker[1].accepted.stream);
    assert_int_equal(b->asker[1].data.err, TH_CANCELLED);
    ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
    assert_int_equal(b->asker[1].accepted.count, 2);
    assert_string_equal(b->asker[1].accepted.text, "second");
}

static void accept_that_waits_is_answered_when_its_asker_listens_no_more(void **state)
{
    struct bench *b = *state;
    ask_as(b, b->pid[1], &th_switch_msg_accept, NULL);
    assert_int_equal(b->asker[1].accepted.count, 0);
    ask_listen(b, b->pid[1], "_test", true);
    assert_int_equal(b->asker[1].accepted.count, 1);
    assert_int_equal(b->asker[1].accepted.err, TH_CANCELLED);
}

static void type_that_is_listened_to_no_more_refuses_who_waits(void **state)
{
    struct bench *b = *state;
    ask_open(b, "_test", "hello");
    ask_listen(b, b->pid[1], "_test", true);
    ask_read(b, b->pid[0], b->asker[0].opened.stream);
    assert_string_equal(b->asker[0].data.words, "unknown type");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reliable_channel_is_announced_without_what_it_carries),
        TEST(bytes_come_to_who_asks_once_they_are_there),
        TEST(one_question_of_a_kind_at_a_time_and_only_of_the_owner),
        TEST(listener_that_does_not_accept_has_a_backlog_and_no_more),
        TEST(streams_end_with_their_owner_and_its_types_are_free),
        TEST(stream_whose_line_went_while_it_waited_has_no_bytes_of_another),
        TEST(accept_that_waits_is_answered_when_its_asker_listens_no_more),
        TEST(type_that_is_listened_to_no_more_refuses_who_waits),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}

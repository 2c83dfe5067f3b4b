#include "switch/base/mem.h"
#include "switch/run/call.h"
#include "switch/run/host_uv.h"
#include "switch/udp.h"
#include "switch/wire/packet.h"
#include "tests/lib/patience.h"
#include "tests/lib/test_cmocka.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that opens a net, says where it is bound, sends what it is told to send, and answers who
 * waits for it when datagrams have come. */
static const struct th_msg_kind addr_msg = {"test.addr", th_mem_free};
static const struct th_msg_kind send_msg = {"test.send", th_mem_free};
static const struct th_msg_kind wait_msg = {"test.wait", NULL};

struct letter {
    struct th_addr to;
    size_t len;
    unsigned times;
};

struct post_box {
    struct th_net *net;
    struct th_from waiting;
    unsigned received;
    size_t last_len;
};

static void answer_if_there(struct post_box *box, const struct th_self *self)
{
    if (box->received == 0 || box->waiting.ref == 0)
        return;
    size_t *len = th_mem_zalloc(2, sizeof *len);
    len[0] = box->last_len;
    len[1] = box->received;
    th_reply(self->host, box->waiting, (struct th_msg){.kind = &addr_msg, .body = len});
    box->waiting = (struct th_from){0};
    box->received = 0;
}

static enum th_err box_init(void *state, const struct th_self *self, void *arg)
{
    struct post_box *box = state;

    box->net = arg;
    return box->net->ops->open(box->net, self->host, self->pid);
}

static enum th_err box_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct post_box *box = state;

    if (msg->kind == &addr_msg) {
        struct th_addr *addrs = th_mem_zalloc(TH_NET_ADDRS_MAX, sizeof *addrs);
        box->net->ops->addrs(box->net, addrs, TH_NET_ADDRS_MAX);
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = &addr_msg, .body = addrs});
    } else if (msg->kind == &send_msg) {
        static const uint8_t bytes[TH_DATAGRAM_IN_MAX];
        const struct letter *letter = msg->body;
        for (unsigned i = 0; i < letter->times; i++)
            box->net->ops->send(box->net, &letter->to, (struct th_bytes){bytes, letter->len});
        box->net->ops->flush(box->net);
    } else if (msg->kind == &wait_msg) {
        box->waiting = th_from_of(msg);
    } else if (msg->kind == &th_net_msg_datagrams) {
        const struct th_datagrams *batch = msg->body;
        box->received += batch->count;
        if (batch->count > 0)
            box->last_len = batch->datagram[batch->count - 1].bytes.len;
    }
    answer_if_there(box, self);
    return TH_OK;
}

static void box_terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct post_box *box = state;

    (void)self;
    (void)why;
    box->net->ops->close(box->net);
}

static const struct th_server_ops box_ops = {.name = "post_box",
                                             .state_size = sizeof(struct post_box),
                                             .init = box_init,
                                             .on_msg = box_on_msg,
                                             .terminate = box_terminate};

static struct th_addr loopback(enum th_family family)
{
    struct th_addr addr = {0};

    if (!th_addr_read_ip(&addr, family == TH_FAMILY_IPV4 ? "127.0.0.1" : "::1", 1))
        fail();
    addr.port = 0;
    return addr;
}

struct pair {
    struct th_host *host;
    struct th_net *net[2];
    th_pid pid[2];
    struct th_addr addr[2];
};

static struct th_addr where(struct th_host *host, th_pid pid)
{
    struct th_msg reply;

    assert_int_equal(
        th_call_wait(host, pid, (struct th_msg){.kind = &addr_msg}, TEST_PATIENCE_MS, &reply),
        TH_OK);
    struct th_addr addr = *(struct th_addr *)reply.body;
    th_msg_drop(&reply);
    return addr;
}

/* False when this machine lacks the family. */
static bool pair_start(struct pair *p, enum th_family family)
{
    char complaint[TH_UDP_COMPLAINT_MAX];

    *p = (struct pair){0};
    assert_int_equal(th_host_uv_new(&p->host), TH_OK);
    for (int i = 0; i < 2; i++) {
        struct th_place *place;
        struct th_udp_config config = {.listen_count = 1, .listen = {loopback(family)}};
        assert_int_equal(th_host_uv_place(p->host, "udp", &place), TH_OK);
        if (th_udp_new(&p->net[i], th_host_uv_loop(place), &config, complaint) != TH_OK)
            return false;
        struct th_server_spec spec = {.ops = &box_ops, .arg = p->net[i], .place = place};
        assert_int_equal(th_spawn(p->host, &spec, &p->pid[i]), TH_OK);
        p->addr[i] = where(p->host, p->pid[i]);
    }
    return true;
}

static void pair_end(struct pair *p)
{
    th_host_uv_close(p->host);
    th_udp_free(p->net[0]);
    th_udp_free(p->net[1]);
}

static void send_letters(struct pair *p, size_t len, unsigned times)
{
    struct letter *letter = th_mem_zalloc(1, sizeof *letter);

    *letter = (struct letter){.to = p->addr[1], .len = len, .times = times};
    assert_int_equal(
        th_post(p->host, p->pid[0], (struct th_msg){.kind = &send_msg, .body = letter}), TH_OK);
}

/* Waits until `times` datagrams have come in all; returns the length of the last. */
static size_t wait_for(struct pair *p, unsigned times)
{
    size_t last = 0;

    for (unsigned got = 0; got < times;) {
        struct th_msg reply;
        assert_int_equal(th_call_wait(p->host, p->pid[1], (struct th_msg){.kind = &wait_msg},
                                      TEST_PATIENCE_MS, &reply),
                         TH_OK);
        last = ((size_t *)reply.body)[0];
        got += (unsigned)((size_t *)reply.body)[1];
        th_msg_drop(&reply);
    }
    return last;
}

static void datagram_travels(enum th_family family)
{
    struct pair p;

    if (!pair_start(&p, family)) {
        pair_end(&p);
        skip();
    }
    assert_int_equal(p.addr[0].family, family);
    assert_int_not_equal(p.addr[0].port, 0);

    send_letters(&p, 1232, 1);
    assert_int_equal(wait_for(&p, 1), 1232);
    send_letters(&p, 60, TH_UDP_BATCH + 5); /* more than one system call takes */
    assert_int_equal(wait_for(&p, TH_UDP_BATCH + 5), 60);

    pair_end(&p);
}

/* A1 */
static void datagrams_travel_over_ipv4(void **state)
{
    (void)state;
    datagram_travels(TH_FAMILY_IPV4);
}

static void datagrams_travel_over_ipv6(void **state)
{
    (void)state;
    datagram_travels(TH_FAMILY_IPV6);
}

static void port_in_use_is_told_with_its_address(void **state)
{
    (void)state;
    struct pair p;
    struct th_net *net;
    char complaint[TH_UDP_COMPLAINT_MAX], addr[TH_ADDR_TEXT_MAX];
    assert_true(pair_start(&p, TH_FAMILY_IPV4));
    struct th_udp_config config = {.listen_count = 1, .listen = {p.addr[0]}};

    assert_int_equal(th_udp_new(&net, NULL, &config, complaint), TH_IN_USE);

    th_addr_write(addr, &p.addr[0]);
    assert_non_null(strstr(complaint, addr));
    assert_non_null(strstr(complaint, "--listen"));
    pair_end(&p);
}

static void address_of_another_machine_is_told(void **state)
{
    (void)state;
    struct th_net *net;
    char complaint[TH_UDP_COMPLAINT_MAX];
    struct th_udp_config config = {.listen_count = 1};
    assert_true(th_addr_read(&config.listen[0], "192.0.2.1:24242", 15));

    assert_int_equal(th_udp_new(&net, NULL, &config, complaint), TH_NOT_FOUND);
}

static void datagram_to_nobody_is_lost_and_the_next_arrives(void **state)
{
    (void)state;
    struct pair p;
    assert_true(pair_start(&p, TH_FAMILY_IPV4));
    struct th_addr there = p.addr[1];

    p.addr[1].port = 9; /* nobody: the kernel reports it on the socket later */
    send_letters(&p, 100, 3);
    p.addr[1] = there;
    send_letters(&p, 100, 3);

    wait_for(&p, 3);
    pair_end(&p);
}

static void datagrams_that_the_kernel_had_no_room_for_are_counted(void **state)
{
    (void)state;
    char complaint[TH_UDP_COMPLAINT_MAX];
    static const uint8_t bytes[1000];
    struct th_udp_config config = {
        .listen_count = 1, .listen = {loopback(TH_FAMILY_IPV4)}, .rcvbuf = 4096};
    struct th_net *net; /* it is bound and nobody reads */
    struct th_addr addr;
    uint64_t before, after;
    assert_int_equal(th_udp_new(&net, NULL, &config, complaint), TH_OK);
    assert_int_equal(net->ops->addrs(net, &addr, 1), 1);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(addr.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(net->ops->drops(net, &before));
    for (int i = 0; i < 100; i++)
        assert_int_equal(sendto(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&to, sizeof to),
                         sizeof bytes);
    assert_true(net->ops->drops(net, &after));

    assert_int_equal(before, 0);
    assert_true(after > 50 && after < 100);
    assert_true(net->ops->drops(net, &before) && before == after); /* looking counts nothing */
    close(fd);
    th_udp_free(net);
}

/* Of a documentation net (RFC 5737), which no machine has. */
static enum th_err listen_where_nothing_is(uint16_t port, bool loses_root, char *complaint)
{
    struct th_udp_config config = {.listen_count = 1, .is_patient = true, .loses_root = loses_root};
    struct th_net *net = NULL;
    uv_loop_t loop;

    assert_true(th_addr_read(&config.listen[0], "192.0.2.77:1", 12));
    config.listen[0].port = port;
    assert_int_equal(uv_loop_init(&loop), 0);
    enum th_err e = th_udp_new(&net, &loop, &config, complaint);
    th_udp_free(e == TH_OK ? net : NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
    return e;
}

static void an_address_is_not_waited_for_whose_port_will_be_refused(void **state)
{
    (void)state;
    char complaint[TH_UDP_COMPLAINT_MAX] = "";

    assert_int_equal(listen_where_nothing_is(1023, false, complaint), TH_OK);
    assert_int_equal(listen_where_nothing_is(1024, true, complaint), TH_OK);
    assert_int_equal(listen_where_nothing_is(0, true, complaint), TH_OK);
    assert_string_equal(complaint, "");
    assert_int_equal(listen_where_nothing_is(1023, true, complaint), TH_NO_PERMISSION);
    assert_non_null(strstr(complaint, "192.0.2.77:1023: this machine does not have it yet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_travel_over_ipv4),
        cmocka_unit_test(datagrams_travel_over_ipv6),
        cmocka_unit_test(port_in_use_is_told_with_its_address),
        cmocka_unit_test(address_of_another_machine_is_told),
        cmocka_unit_test(datagram_to_nobody_is_lost_and_the_next_arrives),
        cmocka_unit_test(datagrams_that_the_kernel_had_no_room_for_are_counted),
        cmocka_unit_test(an_address_is_not_waited_for_whose_port_will_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * lossy.c - stream_lossy: what one stream brings over a way of 40 ms that loses one packet in a hundred,
 * beside the kernel's TCP over the same cable (cable.h), which loses the same packets of both.
 *
 * Each runs for some seconds after a beginning that is not counted.
 */
#include "router/telehash.h"
#include "tools/bench/bench.h"
#include "tools/bench/cable.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORT = 7700,
    DELAY_MS = 20, /* each way */
    LOSS_PERCENT = 1,
    WARM_MS = 3000,
    SPAN_MS = 10000,
    WAIT_MS = 60000,
    CHUNK = 64 << 10,
    NAME_MAX_LEN = 16
};

/* --- the receiving ends tell bytes a second --- */

/* What arrived between two moments; said to who measures. */
struct meter {
    int talk;
    uint64_t bytes, begun_at, since_bytes; /* ns */
    bool is_told;
};

static void count(struct meter *meter, size_t got)
{
    uint64_t now = uv_hrtime();
    char text[32];

    if (meter->begun_at == 0)
        meter->begun_at = now;
    uint64_t passed_ms = (now - meter->begun_at) / 1000000;
    if (passed_ms < WARM_MS)
        meter->since_bytes = meter->bytes + got;
    meter->bytes += got;
    if (passed_ms < WARM_MS + SPAN_MS || meter->is_told)
        return;
    meter->is_told = true;
    snprintf(text, sizeof text, "%.0f",
             (double)(meter->bytes - meter->since_bytes) * 1e3 / (double)(passed_ms - WARM_MS));
    th_cable_say(meter->talk, text);
}

/* --- TCP --- */

static struct sockaddr_in address_of(unsigned side)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    inet_pton(AF_INET, th_cable_address(side), &address.sin_addr);
    return address;
}

static void tcp_receive(unsigned side, int talk)
{
    static uint8_t bytes[CHUNK];
    struct sockaddr_in address = address_of(side);
    struct meter meter = {.talk = talk};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ssize_t got;

    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0 || !th_cable_say(talk, "listening"))
        return;
    int fd = accept(listener, NULL, NULL);
    while (fd >= 0 && (got = read(fd, bytes, sizeof bytes)) > 0)
        count(&meter, (size_t)got);
}

/* Says which congestion control it has: cubic, or the one of this kernel. */
static void tcp_send(unsigned side, int talk)
{
    static const uint8_t bytes[CHUNK];
    struct sockaddr_in address = address_of(1 - side);
    char text[TH_CABLE_TALK_MAX], name[NAME_MAX_LEN] = "";
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (!th_cable_hear(talk, text, WAIT_MS))
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    (void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
    name[NAME_MAX_LEN - 1] = 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || !th_cable_say(talk, name))
        return;
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
}

/* --- ours --- */

/* An end until it is killed; stream: NULL: the receiving one. */
struct node {
    struct th_node *node;
    struct th_stream *stream;
    struct meter meter;
    uv_sem_t ready;
};

static void read_on(struct th_stream *stream, void *data)
{
    static uint8_t bytes[CHUNK];
    struct node *n = data;
    size_t got;

    while (th_stream_read(stream, bytes, sizeof bytes, &got) == TH_OK)
        count(&n->meter, got);
}

static void write_on(struct th_stream *stream, void *data)
{
    static const uint8_t bytes[CHUNK];
    size_t taken;
    (void)data;

    while (th_stream_write(stream, bytes, sizeof bytes, &taken) == TH_OK)
        continue;
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    static const struct th_stream_cb callbacks = {.on_readable = read_on};
    struct node *n = data;
    (void)node;

    (void)!th_stream_accept(incoming, &callbacks, n, &n->stream);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        uv_sem_post(&((struct node *)data)->ready);
}

static bool start(struct node *n, unsigned side, const char *entry)
{
    struct th_node_options options;
    char listen[32];
    const char *const address = listen;

    snprintf(listen, sizeof listen, "%s:%d", th_cable_address(side), PORT);
    th_node_options_init(&options, sizeof options);
    options.listen = &address;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    return uv_sem_init(&n->ready, 0) == 0 && th_node_new(&n->node, &options) == TH_OK &&
           th_node_listen(n->node, "_bench", on_incoming, n) == TH_OK &&
           th_node_start(n->node, NULL, on_event, n) == TH_OK;
}

static void our_receive(unsigned side, int talk)
{
    static struct node n;
    char entry[TH_CABLE_TALK_MAX];
    size_t len = sizeof entry;

    n.meter.talk = talk;
    if (start(&n, side, NULL) && th_node_seeds_entry(n.node, entry, &len) == TH_OK &&
        th_cable_say(talk, entry))
        pause();
}

static void our_send(unsigned side, int talk)
{
    static const struct th_stream_cb callbacks = {.on_writable = write_on};
    static struct node n;
    char entry[TH_CABLE_TALK_MAX], hashname[TH_HASHNAME_SIZE] = "";

    if (!th_cable_hear(talk, entry, WAIT_MS) || !start(&n, side, entry))
        return;
    const char *quote = strchr(entry, '"'); /* the name of its only member */
    if (quote == NULL || strlen(quote) < sizeof hashname)
        return;
    memcpy(hashname, quote + 1, sizeof hashname - 1);
    uv_sem_wait(&n.ready);
    if (th_stream_open(n.node, hashname, "_bench", &callbacks, &n, &n.stream) != TH_OK ||
        !th_cable_say(talk, "telehash"))
        return;
    write_on(n.stream, &n);
    pause();
}

/* --- a round --- */

/* kB/s; 0 when it failed, or (why is filled) when there is no cable on this machine. name: filled with what
 * the sending end says that it is. */
static double take(const th_cable_fn run[TH_CABLE_ENDS], uint64_t seed, char name[NAME_MAX_LEN],
                   const char **why)
{
    const struct th_cable_faults faults = {DELAY_MS, LOSS_PERCENT, seed};
    char text[TH_CABLE_TALK_MAX] = "";
    struct th_cable cable;

    *why = th_cable_begin(&cable, &faults, run);
    if (*why)
        return 0;
    bool is_well = th_cable_hear(cable.talk[1], text, WAIT_MS) &&
                   th_cable_say(cable.talk[0], text) && th_cable_hear(cable.talk[0], text, WAIT_MS);
    if (is_well) {
        snprintf(name, NAME_MAX_LEN, "%.*s", NAME_MAX_LEN - 1, text);
        is_well = th_cable_hear(cable.talk[1], text, WAIT_MS);
    }
    th_cable_end(&cable);
    return is_well ? atof(text) / 1e3 : 0;
}

bool th_bench_lossy(struct th_bench *bench)
{
    static const th_cable_fn ours[TH_CABLE_ENDS] = {our_send, our_receive},
                             tcp[TH_CABLE_ENDS] = {tcp_send, tcp_receive};
    static char reference[NAME_MAX_LEN + 8];
    struct th_samples samples = {0}, theirs = {0};
    struct th_figure figure = {.suite = "streams",
                               .name = "stream_lossy",
                               .what = "one stream at 1 % loss and 40 ms, 13 s each",
                               .unit = "kB/s",
                               .reference = reference,
                               .goal = 1};
    char name[NAME_MAX_LEN] = "";
    const char *why = NULL;
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double there = take(tcp, i + 1, name, &why), here = 0;
        snprintf(reference, sizeof reference, "TCP (%s)", name);
        if (there > 0)
            here = take(ours, i + 1, name, &why);
        is_ok = there > 0 && here > 0 && th_samples_add(&theirs, there) == TH_OK &&
                th_samples_add(&samples, here) == TH_OK;
    }
    if (why) {
        th_bench_note(
            "stream_lossy left out: %s; it wants two network namespaces and /dev/net/tun, "
            "of root or of a kernel that gives them to users",
            why);
    } else if (!is_ok) {
        th_bench_note("stream_lossy: the bytes did not arrive");
    } else {
        if (strcmp(reference, "TCP (cubic)") != 0)
            th_bench_note("stream_lossy: this kernel has no cubic; compared with %s", reference);
        th_figure_fill(&figure, &samples, &theirs);
        th_bench_tell(bench, &figure);
    }
    th_samples_clear(&samples);
    th_samples_clear(&theirs);
    return is_ok || why;
}

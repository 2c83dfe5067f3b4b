#include "tools/bench/peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SEEK_LOST_MS = 500 }; /* on loopback an answer that takes longer will not come */

static th_ms ms_of(clockid_t clock)
{
    struct timespec t;

    TH_CHECK(clock_gettime(clock, &t) == 0);
    return (th_ms)t.tv_sec * 1000 + (th_ms)t.tv_nsec / 1000000;
}

static struct th_now now_of_clocks(void)
{
    return (struct th_now){.mono = ms_of(CLOCK_MONOTONIC),
                           .wall = (th_epoch_ms)ms_of(CLOCK_REALTIME)};
}

/* --- what a peer answers -------------------------------------------------------------------------- */

static void ask_link(struct th_bench_peer *peer, struct th_now now)
{
    struct th_channel_request request = {.type = TH_CHANNEL_LINK,
                                         .fields = th_bytes_of("\"seed\":true,\"see\":[]")};
    uint32_t c;

    if (peer->wants_link &&
        th_switchboard_channel(peer->board, now, &peer->server, &request, &c) != TH_OK)
        peer->wants_link = false; /* counted as not linked */
}

static void reply(struct th_bench_peer *peer, struct th_now now, const struct th_action *action,
                  const char *fields, bool end)
{
    struct th_chanpkt_out out = {
        .c = action->channel.id, .end = end, .fields = th_bytes_of(fields)};

    /* a channel that has just ended wants no reply */
    (void)!th_switchboard_send(peer->board, now, &action->id, &out);
}

static void on_link(struct th_bench_peer *peer, struct th_now now, const struct th_action *action)
{
    bool is_over = action->packet.end || action->packet.err[0];
    bool is_answer = action->channel.is_ours && !peer->is_linked;

    peer->is_linked = !is_over;
    if (!is_over && !is_answer)
        reply(peer, now, action, action->is_first ? "\"seed\":true,\"see\":[]" : "\"seed\":true",
              false);
}

static void on_packet(struct th_bench_peer *peer, struct th_now now, const struct th_action *action)
{
    if (action->channel.type == TH_CHANNEL_LINK) {
        on_link(peer, now, action);
    } else if (action->channel.type == TH_CHANNEL_SEEK && action->channel.is_ours) {
        peer->answered++;
        peer->asking--;
    } else if (action->channel.type == TH_CHANNEL_SEEK) {
        reply(peer, now, action, "\"see\":[]", true);
    }
}

static void carry_out(struct th_bench_peer *peer, struct th_now now)
{
    struct th_action action;

    while (th_switchboard_next(peer->board, &action)) {
        if (action.kind == TH_ACTION_SEND) {
            /* what the kernel does not take is lost, as in networks */
            (void)!send(peer->fd, action.bytes.at, action.bytes.len, 0);
        } else if (action.kind == TH_ACTION_LINE_UP) {
            peer->is_up = true;
            ask_link(peer, now);
        } else if (action.kind == TH_ACTION_LINE_DOWN) {
            peer->is_up = false;
        } else if (action.kind == TH_ACTION_PACKET) {
            on_packet(peer, now, &action);
        } else if (action.kind == TH_ACTION_ENDED && action.channel.type == TH_CHANNEL_SEEK &&
                   action.channel.is_ours) {
            peer->lost++;
            peer->asking--;
        } else if (action.kind == TH_ACTION_ENDED && action.channel.type == TH_CHANNEL_LINK) {
            peer->is_linked = false;
        }
    }
}

/* --- its life ------------------------------------------------------------------------------------- */

static int connect_to(const struct th_addr *addr)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(addr->port)};

    memcpy(&to.sin_addr, addr->ip, sizeof to.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

enum th_err th_bench_peer_open(struct th_bench_peer *peer, const struct th_seed *server,
                               bool wants_link)
{
    struct th_now now = now_of_clocks();
    uint8_t seed[TH_RNG_SEED_BYTES];

    *peer = (struct th_bench_peer){
        .server = server->id, .addr = server->paths.addr[0], .wants_link = wants_link};
    randombytes_buf(seed, sizeof seed);
    th_rng_init(&peer->rng, seed);
    th_rng_fill(&peer->rng, seed, sizeof seed);
    th_identity_make(&peer->identity, seed);
    peer->fd = connect_to(&peer->addr);
    if (peer->fd < 0)
        return TH_IO;

    struct th_switchboard_config config = {.identity = &peer->identity};
    peer->board = th_switchboard_new(&config, &peer->rng, now);
    if (peer->board == NULL) {
        close(peer->fd);
        return TH_NO_MEMORY;
    }
    enum th_err e = th_switchboard_open(peer->board, now, &server->id, &server->parts, &server->key,
                                        &server->paths);
    carry_out(peer, now);
    return e == TH_AGAIN ? TH_OK : e;
}

bool th_bench_peer_pump(struct th_bench_peer *peer)
{
    uint8_t bytes[TH_DATAGRAM_IN_MAX];
    struct th_now now = now_of_clocks();
    bool has_come = false;
    ssize_t len;

    while ((len = recv(peer->fd, bytes, sizeof bytes, 0)) > 0) {
        th_switchboard_on_datagram(peer->board, now, &peer->addr,
                                   (struct th_bytes){bytes, (size_t)len});
        carry_out(peer, now);
        has_come = true;
    }
    if (th_switchboard_deadline(peer->board) <= now.mono) {
        th_switchboard_tick(peer->board, now);
        carry_out(peer, now);
    }
    return has_come;
}

void th_bench_peer_wait(const struct th_bench_peer *peer, int ms)
{
    poll(&(struct pollfd){.fd = peer->fd, .events = POLLIN}, 1, ms);
}

bool th_bench_peer_seek(struct th_bench_peer *peer)
{
    struct th_now now = now_of_clocks();
    struct th_hashname target;
    char fields[TH_HASHNAME_HEX + 16];
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_channel_request request = {.type = TH_CHANNEL_SEEK, .silence_ms = SEEK_LOST_MS};
    uint32_t c;

    th_rng_fill(&peer->rng, &target, sizeof target);
    th_seek_put(&text, &target, th_seek_digits(&peer->server, &target));
    request.fields = th_text_bytes(&text);
    if (th_switchboard_channel(peer->board, now, &peer->server, &request, &c) != TH_OK)
        return false;
    peer->asking++;
    carry_out(peer, now);
    return true;
}

void th_bench_peer_close(struct th_bench_peer *peer)
{
    if (peer->board == NULL)
        return;
    th_switchboard_free(peer->board);
    th_identity_clear(&peer->identity);
    th_rng_clear(&peer->rng);
    close(peer->fd);
    peer->board = NULL;
}

#include "switch/udp.h"

#include "switch/base/mem.h"
#include "switch/udp_addr.h"
#include "switch/udp_lan.h"
#include "switch/wire/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What uv needs of one socket while it is open; freed when uv has let go. */
struct reader {
    uv_poll_t poll;
    struct udp *udp; /* NULL once closed */
    int fd;
};

struct sock {
    int fd;
    struct th_addr bound;
    struct reader *reader; /* NULL unless open */
    uint32_t drops;        /* of the kernel, as last read; it counts modulo 2^32 */
};

/* Sees interfaces come and go; freed when uv has let go. */
struct lookout {
    uv_timer_t timer;
    struct udp *udp;
    unsigned count;
    struct th_addr addr[TH_NET_ADDRS_MAX];
};

struct outgoing {
    int fd;
    struct th_addr to;
    size_t len;
    uint8_t bytes[TH_DATAGRAM_IN_MAX];
};

/* An address that this machine has not yet. */
struct absent {
    struct th_addr addr;
    int told; /* why it could not be bound, as it was last said */
};

struct udp {
    struct th_net net;
    uv_loop_t *loop;
    const struct th_log *log;
    struct th_host *host;
    th_pid receiver;
    struct th_udp_lan *lan;  /* NULL: not wanted */
    struct lookout *lookout; /* NULL unless open, or all that we listen on are fixed addresses */
    uint64_t drops;          /* of the kernel, of all sockets */
    unsigned sock_count;
    struct sock sock[TH_UDP_LISTEN_MAX];
    int rcvbuf;
    unsigned absent_count; /* with sock_count at most TH_UDP_LISTEN_MAX */
    struct absent absent[TH_UDP_LISTEN_MAX];
    unsigned out_count;
    struct outgoing out[TH_UDP_BATCH];
};

/* addresses */

static bool is_wildcard(const struct th_addr *addr)
{
    static const uint8_t zero[16];
    return memcmp(addr->ip, zero, sizeof zero) == 0;
}

/* binding */

static void set_options(int fd, uint8_t family)
{
    int one = 1;
    /* Sets don't-fragment, and leaves it to us how large a datagram may be: what ICMP says is not
     * believed (RFC 8899, 4.6.1). */
    int discover = IP_PMTUDISC_PROBE, discover6 = IPV6_PMTUDISC_PROBE;

    if (family == TH_FAMILY_IPV6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover6, sizeof discover6);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    }
}

static void set_buffer(const struct udp *udp, int fd)
{
    int rcvbuf = udp->rcvbuf, granted = 0;
    socklen_t len = sizeof granted;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    /* the kernel doubles what it grants, for its own book-keeping */
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len) == 0 && granted / 2 < rcvbuf)
        TH_LOG(udp->log, INFO, "udp",
               "receive buffer granted=%d asked=%d hint=\"sysctl net.core.rmem_max\"", granted / 2,
               rcvbuf);
}

static enum th_err err_of(int code)
{
    if (code == EADDRINUSE)
        return TH_IN_USE;
    if (code == EACCES || code == EPERM)
        return TH_NO_PERMISSION;
    if (code == EADDRNOTAVAIL || code == EAFNOSUPPORT)
        return TH_NOT_FOUND;
    return TH_IO;
}

/* Returns 0 or what errno says. */
static int bind_one(struct udp *udp, const struct th_addr *addr)
{
    struct sockaddr_storage name;
    socklen_t len = th_udp_to_sockaddr(&name, addr);
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return errno;
    set_options(fd, addr->family);
    if (bind(fd, (struct sockaddr *)&name, len) != 0) {
        int code = errno;
        close(fd);
        return code;
    }
    set_buffer(udp, fd);
    struct sock *sock = &udp->sock[udp->sock_count++];
    len = sizeof name;
    *sock = (struct sock){.fd = fd, .bound = *addr};
    if (getsockname(fd, (struct sockaddr *)&name, &len) == 0)
        th_udp_from_sockaddr(&sock->bound, &name);
    return 0;
}

static void complain(char complaint[TH_UDP_COMPLAINT_MAX], const struct th_addr *addr,
                     const char *why)
{
    char text[TH_ADDR_TEXT_MAX];

    th_addr_write(text, addr);
    snprintf(complaint, TH_UDP_COMPLAINT_MAX,
             "cannot listen on %s: %s; choose another address with --listen", text, why);
}

/* Says once why an address is not listened on; it is tried again. */
static void tell_absent(const struct udp *udp, struct absent *absent, int code)
{
    char text[TH_ADDR_TEXT_MAX];

    if (absent->told == code)
        return;
    absent->told = code;
    th_addr_write(text, &absent->addr);
    TH_LOG(udp->log, WARN, "udp",
           "not listening address=%s why=\"%s\": tried again until it can be", text,
           code == EADDRNOTAVAIL ? "this machine does not have it yet" : strerror(code));
}

/* sending */

static const struct sock *sock_for(const struct udp *udp, const struct th_addr *to)
{
    const struct sock *first = NULL;

    for (unsigned i = 0; i < udp->sock_count; i++) {
        const struct sock *sock = &udp->sock[i];
        if (sock->bound.family != to->family)
            continue;
        if (is_wildcard(&sock->bound) || th_addr_realm(&sock->bound) == th_addr_realm(to))
            return sock;
        first = first ? first : sock;
    }
    return first;
}

/* Tells the switch, which sends smaller ones from now on. */
static void tell_too_big(const struct udp *udp, const struct outgoing *out)
{
    struct th_net_too_big *body = th_mem_zalloc(1, sizeof *body);

    if (body == NULL)
        return;
    *body = (struct th_net_too_big){.to = out->to, .len = out->len};
    (void)th_post(udp->host, udp->receiver,
                  (struct th_msg){.kind = &th_net_msg_too_big, .body = body});
}

static void udp_flush(struct th_net *net)
{
    struct udp *udp = (struct udp *)net;
    struct mmsghdr msgs[TH_UDP_BATCH];
    struct iovec parts[TH_UDP_BATCH];
    struct sockaddr_storage names[TH_UDP_BATCH];
    unsigned done = 0;
    bool is_told = false;

    while (done < udp->out_count) {
        unsigned n = 0;
        int fd = udp->out[done].fd;
        for (; done + n < udp->out_count && udp->out[done + n].fd == fd; n++) {
            struct outgoing *out = &udp->out[done + n];
            parts[n] = (struct iovec){out->bytes, out->len};
            msgs[n] =
                (struct mmsghdr){.msg_hdr = {.msg_name = &names[n],
                                             .msg_namelen = th_udp_to_sockaddr(&names[n], &out->to),
                                             .msg_iov = &parts[n],
                                             .msg_iovlen = 1}};
        }
        /* an error is of the first datagram left: it is lost, the others go on */
        int sent = sendmmsg(fd, msgs, n, 0);
        if (sent < 0 && errno == EMSGSIZE && !is_told) {
            tell_too_big(udp, &udp->out[done]);
            is_told = true;
        }
        done += sent > 0 ? (unsigned)sent : 1;
    }
    udp->out_count = 0;
}

static void udp_send(struct th_net *net, const struct th_addr *to, struct th_bytes bytes)
{
    struct udp *udp = (struct udp *)net;
    const struct sock *sock = sock_for(udp, to);

    if (sock == NULL || bytes.len > sizeof udp->out[0].bytes)
        return;
    if (udp->out_count == TH_UDP_BATCH)
        udp_flush(net);
    struct outgoing *out = &udp->out[udp->out_count++];
    out->fd = sock->fd;
    out->to = *to;
    out->len = bytes.len;
    memcpy(out->bytes, bytes.at, bytes.len);
}

/* receiving */

/* Hands a batch to the switch; when its mailbox is full the batch is lost, as networks do. */
static void deliver(struct udp *udp, struct mmsghdr *msgs, struct sockaddr_storage *names,
                    unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += msgs[i].msg_len;

    struct th_datagrams *batch =
        th_mem_zalloc(1, sizeof *batch + count * sizeof batch->datagram[0] + total);
    if (batch == NULL)
        return;
    uint8_t *at = (uint8_t *)&batch->datagram[count];
    for (unsigned i = 0; i < count; i++) {
        struct th_datagram *datagram = &batch->datagram[batch->count];
        th_udp_from_sockaddr(&datagram->from, &names[i]);
        if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC || datagram->from.family == TH_FAMILY_NONE)
            continue;
        memcpy(at, msgs[i].msg_hdr.msg_iov->iov_base, msgs[i].msg_len);
        datagram->bytes = (struct th_bytes){at, msgs[i].msg_len};
        at += msgs[i].msg_len;
        batch->count++;
    }
    th_post(udp->host, udp->receiver,
            (struct th_msg){.kind = &th_net_msg_datagrams, .body = batch});
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct reader *reader = (struct reader *)poll;
    uint8_t bytes[TH_UDP_BATCH][TH_DATAGRAM_IN_MAX];
    struct mmsghdr msgs[TH_UDP_BATCH];
    struct iovec parts[TH_UDP_BATCH];
    struct sockaddr_storage names[TH_UDP_BATCH];

    (void)status;
    (void)events;
    if (reader->udp == NULL)
        return;
    for (unsigned i = 0; i < TH_UDP_BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
        msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &names[i],
                                               .msg_namelen = sizeof names[i],
                                               .msg_iov = &parts[i],
                                               .msg_iovlen = 1}};
    }
    /* an error of an earlier send (ICMP) shows up here: reading on clears it */
    int count = recvmmsg(reader->fd, msgs, TH_UDP_BATCH, MSG_DONTWAIT, NULL);
    if (count > 0)
        deliver(reader->udp, msgs, names, (unsigned)count);
}

static void on_closed(uv_handle_t *handle)
{
    th_mem_free(handle);
}

static void close_reader(struct sock *sock)
{
    struct reader *reader = sock->reader;

    if (reader == NULL)
        return;
    uv_poll_stop(&reader->poll);
    reader->udp = NULL;
    sock->reader = NULL;
    uv_close((uv_handle_t *)&reader->poll, on_closed);
}

static void udp_close(struct th_net *net)
{
    struct udp *udp = (struct udp *)net;

    udp_flush(net);
    if (udp->lan)
        th_udp_lan_close(udp->lan);
    for (unsigned i = 0; i < udp->sock_count; i++)
        close_reader(&udp->sock[i]);
    if (udp->lookout)
        uv_close((uv_handle_t *)&udp->lookout->timer, on_closed);
    udp->lookout = NULL;
}

static enum th_err open_reader(struct udp *udp, struct sock *sock)
{
    struct reader *reader = th_mem_zalloc(1, sizeof *reader);

    if (reader == NULL)
        return TH_NO_MEMORY;
    reader->udp = udp;
    reader->fd = sock->fd;
    if (uv_poll_init_socket(udp->loop, &reader->poll, sock->fd) != 0) {
        th_mem_free(reader);
        return TH_IO;
    }
    sock->reader = reader;
    return uv_poll_start(&reader->poll, UV_READABLE, on_readable) == 0 ? TH_OK : TH_IO;
}

/* what we are reached at */

/* The addresses of all interfaces of a family; loopback only when there is nothing else. */
static unsigned interface_addrs(const struct th_addr *bound, struct th_addr *addrs, unsigned max)
{
    uv_interface_address_t *list;
    int count = 0;
    unsigned n = 0;

    if (uv_interface_addresses(&list, &count) != 0)
        return 0;
    for (int pass = 0; pass < 2 && n == 0; pass++) {
        for (int i = 0; i < count && n < max; i++) {
            struct sockaddr_storage name = {0};
            struct th_addr addr;
            memcpy(&name, &list[i].address, sizeof list[i].address);
            th_udp_from_sockaddr(&addr, &name);
            addr.port = bound->port;
            enum th_realm realm = th_addr_realm(&addr);
            bool is_wanted = pass == 0 ? realm == TH_REALM_PRIVATE || realm == TH_REALM_PUBLIC
                                       : realm == TH_REALM_LOOPBACK;
            if (addr.family == bound->family && is_wanted)
                addrs[n++] = addr;
        }
    }
    uv_free_interface_addresses(list, count);
    return n;
}

static unsigned udp_addrs(struct th_net *net, struct th_addr *addrs, unsigned max)
{
    struct udp *udp = (struct udp *)net;
    unsigned n = 0;

    for (unsigned i = 0; i < udp->sock_count && n < max; i++) {
        const struct th_addr *bound = &udp->sock[i].bound;
        if (is_wildcard(bound))
            n += interface_addrs(bound, addrs + n, max - n);
        else
            addrs[n++] = *bound;
    }
    return n;
}

static uint64_t look_pause(const struct udp *udp)
{
    return udp->absent_count > 0 ? TH_UDP_AWAIT_MS : TH_UDP_LOOK_MS;
}

/* Addresses that have appeared meanwhile. */
static void bind_absent(struct udp *udp)
{
    struct absent absent[TH_UDP_LISTEN_MAX];
    unsigned count = udp->absent_count;
    char text[TH_ADDR_TEXT_MAX];

    memcpy(absent, udp->absent, sizeof absent);
    udp->absent_count = 0;
    for (unsigned i = 0; i < count; i++) {
        int code = bind_one(udp, &absent[i].addr);
        struct sock *sock = code == 0 ? &udp->sock[udp->sock_count - 1] : NULL;

        if (sock && open_reader(udp, sock) != TH_OK) {
            close_reader(sock);
            close(sock->fd);
            udp->sock_count--;
            code = ENOMEM;
        }
        if (code != 0) {
            tell_absent(udp, &absent[i], code);
            udp->absent[udp->absent_count++] = absent[i];
            continue;
        }
        th_addr_write(text, &sock->bound);
        TH_LOG(udp->log, INFO, "udp", "listening address=%s: it has appeared", text);
    }
}

static void on_look(uv_timer_t *timer)
{
    struct lookout *lookout = (struct lookout *)timer;
    struct udp *udp = lookout->udp;
    struct th_addr addr[TH_NET_ADDRS_MAX];

    bind_absent(udp);
    uv_timer_set_repeat(timer, look_pause(udp));
    unsigned count = udp_addrs(&udp->net, addr, TH_NET_ADDRS_MAX);
    bool is_same = count == lookout->count;

    if (udp->lan)
        th_udp_lan_look(udp->lan);
    for (unsigned i = 0; i < count && is_same; i++)
        is_same = th_addr_is_equal(&addr[i], &lookout->addr[i]);
    if (is_same)
        return;
    lookout->count = count;
    memcpy(lookout->addr, addr, sizeof addr);
    (void)th_post(udp->host, udp->receiver, (struct th_msg){.kind = &th_net_msg_moved});
}

/* A laptop changes its network, a modem redials: no one asks the kernel for that often enough to cost
 * anything, nor so seldom that links end (60 s). */
static enum th_err open_lookout(struct udp *udp)
{
    bool is_needed = udp->lan != NULL || udp->absent_count > 0;
    struct lookout *lookout;

    for (unsigned i = 0; i < udp->sock_count; i++)
        is_needed = is_needed || is_wildcard(&udp->sock[i].bound);
    if (!is_needed)
        return TH_OK;
    lookout = th_mem_zalloc(1, sizeof *lookout);
    if (lookout == NULL)
        return TH_NO_MEMORY;
    lookout->udp = udp;
    lookout->count = udp_addrs(&udp->net, lookout->addr, TH_NET_ADDRS_MAX);
    uv_timer_init(udp->loop, &lookout->timer);
    uv_timer_start(&lookout->timer, on_look, look_pause(udp), look_pause(udp));
    udp->lookout = lookout;
    return TH_OK;
}

static enum th_err udp_open(struct th_net *net, struct th_host *host, th_pid receiver)
{
    struct udp *udp = (struct udp *)net;
    enum th_err err = TH_OK;

    udp->host = host;
    udp->receiver = receiver;
    udp->out_count = 0;
    for (unsigned i = 0; i < udp->sock_count && err == TH_OK; i++)
        err = open_reader(udp, &udp->sock[i]);
    if (err == TH_OK && udp->lan)
        th_udp_lan_open(udp->lan, host, receiver);
    if (err == TH_OK)
        err = open_lookout(udp);
    if (err != TH_OK)
        udp_close(net);
    return err;
}

static void udp_announce(struct th_net *net, struct th_bytes bytes)
{
    struct udp *udp = (struct udp *)net;

    for (unsigned i = 0; udp->lan && i < udp->sock_count; i++)
        if (udp->sock[i].bound.family == TH_FAMILY_IPV4)
            th_udp_lan_announce(udp->lan, udp->sock[i].fd, &udp->sock[i].bound, bytes);
}

static bool udp_drops(struct th_net *net, uint64_t *drops)
{
    struct udp *udp = (struct udp *)net;

    for (unsigned i = 0; i < udp->sock_count; i++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t len = sizeof memory;
        struct sock *sock = &udp->sock[i];

        if (getsockopt(sock->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0 ||
            len < (SK_MEMINFO_DROPS + 1) * sizeof memory[0])
            return false;
        udp->drops += memory[SK_MEMINFO_DROPS] - sock->drops;
        sock->drops = memory[SK_MEMINFO_DROPS];
    }
    *drops = udp->drops;
    return true;
}

static uint32_t udp_rcvbuf(struct th_net *net)
{
    struct udp *udp = (struct udp *)net;
    uint32_t least = 0;

    for (unsigned i = 0; i < udp->sock_count; i++) {
        int granted = 0;
        socklen_t len = sizeof granted;

        if (getsockopt(udp->sock[i].fd, SOL_SOCKET, SO_RCVBUF, &granted, &len) != 0)
            return 0;
        granted /= 2; /* as in set_options */
        if (i == 0 || (uint32_t)granted < least)
            least = (uint32_t)granted;
    }
    return least;
}

static const struct th_net_ops udp_ops = {
    .open = udp_open,
    .send = udp_send,
    .announce = udp_announce,
    .flush = udp_flush,
    .addrs = udp_addrs,
    .drops = udp_drops,
    .rcvbuf = udp_rcvbuf,
    .close = udp_close,
};

enum th_err th_udp_new(struct th_net **out, uv_loop_t *loop, const struct th_udp_config *config,
                       char complaint[TH_UDP_COMPLAINT_MAX])
{
    struct udp *udp = th_mem_zalloc(1, sizeof *udp);

    if (udp == NULL) {
        snprintf(complaint, TH_UDP_COMPLAINT_MAX, "cannot listen: out of memory");
        return TH_NO_MEMORY;
    }
    TH_CHECK(config->listen_count >= 1 && config->listen_count <= TH_UDP_LISTEN_MAX);
    udp->net.ops = &udp_ops;
    udp->loop = loop;
    udp->log = config->log;
    udp->lan = config->is_lan ? th_udp_lan_new(loop, config->log) : NULL;
    udp->rcvbuf = config->rcvbuf ? config->rcvbuf : TH_UDP_RCVBUF_DEFAULT;
    for (unsigned i = 0; i < config->listen_count; i++) {
        int code = bind_one(udp, &config->listen[i]);
        bool is_missing = err_of(code) == TH_NOT_FOUND && (config->missing_ok >> i & 1);

        if (code == 0 || (is_missing && (udp->sock_count > 0 || i + 1 < config->listen_count)))
            continue;
        bool is_in_vain = code == EADDRNOTAVAIL && config->is_patient && config->loses_root &&
                          config->listen[i].port != 0 && config->listen[i].port < IPPORT_RESERVED;
        if (code == EADDRNOTAVAIL && config->is_patient && !is_in_vain) {
            struct absent *absent = &udp->absent[udp->absent_count++];

            absent->addr = config->listen[i];
            tell_absent(udp, absent, code);
            continue;
        }
        complain(complaint, &config->listen[i],
                 is_in_vain ? "this machine does not have it yet, and without root's rights a port "
                              "below 1024 is refused later"
                            : strerror(code));
        th_udp_free(&udp->net);
        return is_in_vain ? TH_NO_PERMISSION : err_of(code);
    }
    *out = &udp->net;
    return TH_OK;
}

void th_udp_free(struct th_net *net)
{
    struct udp *udp = (struct udp *)net;

    if (udp == NULL)
        return;
    for (unsigned i = 0; i < udp->sock_count; i++)
        close(udp->sock[i].fd);
    th_udp_lan_free(udp->lan);
    th_mem_free(udp);
}

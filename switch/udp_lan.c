#include "switch/udp_lan.h"

#include "switch/base/mem.h"
#include "switch/core/lan.h"
#include "switch/udp.h"
#include "switch/wire/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A network that this machine is on; addresses in the order of the network. */
struct network {
    unsigned interface;
    uint32_t addr, mask, broadcast;
    bool has_broadcast;
};

/* What uv needs while the port is bound; freed when uv has let go. */
struct reader {
    uv_poll_t poll;
    struct th_udp_lan *lan; /* NULL once closed */
    int fd;
};

struct th_udp_lan {
    uv_loop_t *loop;
    const struct th_log *log;
    struct th_host *host; /* NULL: closed */
    th_pid receiver;
    struct reader *reader; /* NULL: the port is not bound */
    bool has_complained;
    unsigned network_count;
    struct network network[TH_UDP_NETWORKS_MAX];
};

static uint32_t group(void)
{
    return htonl(239u << 24 | 42u << 16 | 42u << 8 | 42u);
}

/* --- the networks --------------------------------------------------------------------------------- */

static uint32_t ipv4_of(const struct sockaddr *name)
{
    struct sockaddr_in in;

    memcpy(&in, name, sizeof in);
    return in.sin_addr.s_addr;
}

static unsigned find_networks(struct network networks[TH_UDP_NETWORKS_MAX])
{
    struct ifaddrs *list;
    unsigned count = 0;

    if (getifaddrs(&list) != 0)
        return 0;
    for (struct ifaddrs *at = list; at && count < TH_UDP_NETWORKS_MAX; at = at->ifa_next) {
        unsigned flags = at->ifa_flags;

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET || at->ifa_netmask == NULL ||
            !(flags & IFF_UP) || flags & IFF_LOOPBACK || !(flags & (IFF_BROADCAST | IFF_MULTICAST)))
            continue;
        struct network *network = &networks[count++];
        *network = (struct network){.interface = if_nametoindex(at->ifa_name),
                                    .addr = ipv4_of(at->ifa_addr),
                                    .mask = ipv4_of(at->ifa_netmask)};
        /* Linux has this one whatever is set as broadcast address; where nothing is, getifaddrs says
         * our own address. */
        network->broadcast = network->addr | ~network->mask;
        network->has_broadcast = flags & IFF_BROADCAST && network->broadcast != network->addr;
    }
    freeifaddrs(list);
    return count;
}

/* Whether a datagram was sent to all of a network that we are on by an address in it. */
static bool is_near(const struct th_udp_lan *lan, unsigned interface, uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < lan->network_count; i++) {
        const struct network *network = &lan->network[i];
        bool is_for_all = to == group() || to == INADDR_BROADCAST ||
                          (network->has_broadcast && to == network->broadcast);

        if (network->interface == interface && is_for_all &&
            (from & network->mask) == (network->addr & network->mask))
            return true;
    }
    return false;
}

/* --- receiving ------------------------------------------------------------------------------------ */

union control {
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    size_t align; /* as a cmsghdr wants it */
};

static bool is_msg_near(const struct th_udp_lan *lan, struct msghdr *msg)
{
    const struct sockaddr_in *from = msg->msg_name;
    struct in_pktinfo info;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        return is_near(lan, (unsigned)info.ipi_ifindex, from->sin_addr.s_addr,
                       info.ipi_addr.s_addr);
    }
    return false;
}

/* Hands on what is near; when the mailbox is full it is lost, as networks do. */
static void deliver(struct th_udp_lan *lan, struct mmsghdr *msgs, unsigned count)
{
    struct th_datagrams *batch = th_mem_zalloc(
        1, sizeof *batch + count * (sizeof batch->datagram[0] + TH_LAN_PACKET_IN_MAX));
    uint8_t *at = batch ? (uint8_t *)&batch->datagram[count] : NULL;

    if (batch == NULL)
        return;
    for (unsigned i = 0; i < count; i++) {
        const struct sockaddr_in *from = msgs[i].msg_hdr.msg_name;
        struct th_datagram *datagram = &batch->datagram[batch->count];

        if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC || !is_msg_near(lan, &msgs[i].msg_hdr)) {
            batch->foreign++;
            continue;
        }
        datagram->from.family = TH_FAMILY_IPV4;
        datagram->from.port = ntohs(from->sin_port);
        memcpy(datagram->from.ip, &from->sin_addr, 4);
        memcpy(at, msgs[i].msg_hdr.msg_iov->iov_base, msgs[i].msg_len);
        datagram->bytes = (struct th_bytes){at, msgs[i].msg_len};
        at += msgs[i].msg_len;
        batch->count++;
    }
    th_post(lan->host, lan->receiver, (struct th_msg){.kind = &th_net_msg_lan, .body = batch});
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct reader *reader = (struct reader *)poll;
    uint8_t bytes[TH_UDP_BATCH][TH_LAN_PACKET_IN_MAX];
    struct mmsghdr msgs[TH_UDP_BATCH];
    struct iovec parts[TH_UDP_BATCH];
    struct sockaddr_in names[TH_UDP_BATCH];
    union control control[TH_UDP_BATCH];

    (void)status, (void)events;
    if (reader->lan == NULL)
        return;
    for (unsigned i = 0; i < TH_UDP_BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
        msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &names[i],
                                               .msg_namelen = sizeof names[i],
                                               .msg_iov = &parts[i],
                                               .msg_iovlen = 1,
                                               .msg_control = control[i].bytes,
                                               .msg_controllen = sizeof control[i].bytes}};
    }
    int count = recvmmsg(reader->fd, msgs, TH_UDP_BATCH, MSG_DONTWAIT, NULL);
    if (count > 0)
        deliver(reader->lan, msgs, (unsigned)count);
}

/* --- the port ------------------------------------------------------------------------------------- */

static void join(const struct th_udp_lan *lan)
{
    for (unsigned i = 0; lan->reader && i < lan->network_count; i++) {
        struct ip_mreqn request = {.imr_multiaddr.s_addr = group(),
                                   .imr_ifindex = (int)lan->network[i].interface};

        /* One that was joined before is refused, which is what is wanted; where there are no groups
         * there is broadcast. */
        (void)setsockopt(lan->reader->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
    }
}

/* Binds the port. Other nodes of this machine may have it too: each gets what is for all. */
static int bind_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(TH_LAN_PORT)};
    int one = 1, zero = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof zero); /* groups of others */
    if (bind(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static void start_reading(struct th_udp_lan *lan, int fd)
{
    struct reader *reader = th_mem_zalloc(1, sizeof *reader);

    if (reader == NULL || uv_poll_init_socket(lan->loop, &reader->poll, fd) != 0) {
        th_mem_free(reader);
        close(fd);
        return;
    }
    reader->lan = lan;
    reader->fd = fd;
    lan->reader = reader;
    uv_poll_start(&reader->poll, UV_READABLE, on_readable);
    TH_LOG(lan->log, INFO, "udp", "lan listening port=%d networks=%u", TH_LAN_PORT,
           lan->network_count);
    lan->has_complained = false;
}

static void listen_on_port(struct th_udp_lan *lan)
{
    int fd = bind_port();

    if (fd >= 0) {
        start_reading(lan, fd);
    } else if (!lan->has_complained) {
        lan->has_complained = true;
        TH_LOG(lan->log, WARN, "udp", "lan cannot listen port=%d why=\"%s\"; it is tried again",
               TH_LAN_PORT, strerror(errno));
    }
}

static void on_closed(uv_handle_t *handle)
{
    close(((struct reader *)handle)->fd);
    th_mem_free(handle);
}

/* --- the public functions ------------------------------------------------------------------------- */

struct th_udp_lan *th_udp_lan_new(uv_loop_t *loop, const struct th_log *log)
{
    struct th_udp_lan *lan = th_mem_zalloc(1, sizeof *lan);

    if (lan) {
        lan->loop = loop;
        lan->log = log;
    }
    return lan;
}

void th_udp_lan_open(struct th_udp_lan *lan, struct th_host *host, th_pid receiver)
{
    lan->host = host;
    lan->receiver = receiver;
    th_udp_lan_look(lan);
}

void th_udp_lan_look(struct th_udp_lan *lan)
{
    lan->network_count = find_networks(lan->network);
    if (lan->reader == NULL)
        listen_on_port(lan);
    join(lan);
}

/* Through one interface, whatever the routes say. */
static void send_through(int fd, unsigned interface, uint32_t to, struct th_bytes bytes)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(TH_LAN_PORT)};
    struct in_pktinfo info = {.ipi_ifindex = (int)interface};
    struct iovec part = {(void *)(uintptr_t)bytes.at, bytes.len};
    union control control = {.bytes = {0}};
    struct msghdr msg = {.msg_name = &name,
                         .msg_namelen = sizeof name,
                         .msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

    name.sin_addr.s_addr = to;
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    (void)!sendmsg(fd, &msg, MSG_DONTWAIT); /* else it is lost, as networks do */
}

void th_udp_lan_announce(struct th_udp_lan *lan, int fd, const struct th_addr *bound,
                         struct th_bytes bytes)
{
    uint32_t own;
    int one = 1, zero = 0;

    memcpy(&own, bound->ip, sizeof own);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    for (unsigned i = 0; i < lan->network_count; i++) {
        const struct network *network = &lan->network[i];

        if (own != INADDR_ANY && own != network->addr)
            continue;
        if (network->has_broadcast)
            send_through(fd, network->interface, network->broadcast, bytes);
        send_through(fd, network->interface, group(), bytes);
    }
    /* Nothing else goes to all of a network, whatever sender or path somebody made up. */
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &zero, sizeof zero);
}

void th_udp_lan_close(struct th_udp_lan *lan)
{
    lan->host = NULL;
    if (lan->reader == NULL)
        return;
    uv_poll_stop(&lan->reader->poll);
    lan->reader->lan = NULL;
    uv_close((uv_handle_t *)&lan->reader->poll, on_closed);
    lan->reader = NULL;
}

void th_udp_lan_free(struct th_udp_lan *lan)
{
    th_mem_free(lan);
}

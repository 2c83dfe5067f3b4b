#include "tools/bench/cable.h"

#include "switch/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WAITING_MAX = 1 << 14, /* packets of a way; 20 MB; more are lost */
    BEGIN_MS = 10000,
    BATCH = 64 /* packets of one way before the other has its turn */
};

struct packet {
    int64_t due_ns;
    size_t len;
    uint8_t bytes[TH_CABLE_MTU];
};

/* From one interface to the other. All take as long, so the first that came is the first that leaves. */
struct th_cable_way {
    int from, to;
    const struct th_cable_faults *faults;
    uint64_t random;
    unsigned first, count;
    struct packet packet[WAITING_MAX];
};

/* --- an end, in its own process --- */

const char *th_cable_address(unsigned side)
{
    return side == 0 ? "10.77.0.1" : "10.77.0.2";
}

static bool set_address(struct ifreq *request, int fd, unsigned long what, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request->ifr_addr, &address, sizeof address);
    return ioctl(fd, what, request) == 0;
}

/* The only interface of this namespace. Returns its other side, or -1. */
static int make_interface(unsigned side)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(request.ifr_name, sizeof request.ifr_name, "cable");
    bool is_well = tun >= 0 && fd >= 0 && ioctl(tun, TUNSETIFF, &request) == 0 &&
                   set_address(&request, fd, SIOCSIFADDR, th_cable_address(side)) &&
                   set_address(&request, fd, SIOCSIFNETMASK, "255.255.255.0");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    is_well = is_well && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!is_well && tun >= 0)
        close(tun);
    errno = error;
    return is_well ? tun : -1;
}

/* A descriptor goes along with one byte; -1: none, and text says why. */
static void send_interface(int talk, int tun, const char *text)
{
    char room[CMSG_SPACE(sizeof tun)] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (tun >= 0) {
        message.msg_control = room;
        message.msg_controllen = sizeof room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof tun);
        memcpy(CMSG_DATA(head), &tun, sizeof tun);
    }
    (void)!sendmsg(talk, &message, MSG_NOSIGNAL);
}

static void be_an_end(unsigned side, int talk, th_cable_fn run)
{
    char text[128];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        snprintf(text, sizeof text, "no network namespace: %s", strerror(errno));
        send_interface(talk, -1, text);
        return;
    }
    int tun = make_interface(side);
    if (tun < 0) {
        snprintf(text, sizeof text, "no interface (/dev/net/tun): %s", strerror(errno));
        send_interface(talk, -1, text);
        return;
    }
    send_interface(talk, tun, "well");
    close(tun);
    run(side, talk);
}

/* --- talk --- */

bool th_cable_hear(int talk, char text[TH_CABLE_TALK_MAX], int timeout_ms)
{
    struct pollfd fd = {.fd = talk, .events = POLLIN};

    if (poll(&fd, 1, timeout_ms) <= 0)
        return false;
    ssize_t len = recv(talk, text, TH_CABLE_TALK_MAX - 1, 0);
    text[len > 0 ? len : 0] = 0;
    return len > 0;
}

bool th_cable_say(int talk, const char *text)
{
    return send(talk, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Returns the interface, or -1 with a text that says why. */
static int take_interface(int talk, char *text, size_t room)
{
    int tun = -1;
    char control[CMSG_SPACE(sizeof tun)] = {0};
    struct pollfd fd = {.fd = talk, .events = POLLIN};
    struct iovec part = {.iov_base = text, .iov_len = room - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};

    ssize_t len = poll(&fd, 1, BEGIN_MS) > 0 ? recvmsg(talk, &message, MSG_CMSG_CLOEXEC) : 0;
    if (len <= 0)
        snprintf(text, room, "an end has not begun");
    else
        text[len] = 0;
    struct cmsghdr *head = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&tun, CMSG_DATA(head), sizeof tun);
    return tun;
}

/* --- the cable, a thread --- */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void take_in(struct th_cable_way *way, int64_t now)
{
    for (int i = 0; i < BATCH && way->count < WAITING_MAX; i++) {
        struct packet *packet = &way->packet[(way->first + way->count) % WAITING_MAX];
        ssize_t len = read(way->from, packet->bytes, sizeof packet->bytes);
        if (len <= 0)
            return;
        packet->len = (size_t)len;
        packet->due_ns = now + (int64_t)way->faults->delay_ms * 1000000;
        way->count += draw(&way->random) % 100 >= way->faults->loss_percent;
    }
}

static void send_due(struct th_cable_way *way, int64_t now)
{
    for (; way->count > 0 && way->packet[way->first].due_ns <= now; way->count--) {
        (void)!write(way->to, way->packet[way->first].bytes, way->packet[way->first].len);
        way->first = (way->first + 1) % WAITING_MAX;
    }
}

static void *carry(void *data)
{
    struct th_cable *cable = data;
    struct pollfd fd[3] = {{.fd = cable->stop[0], .events = POLLIN}};

    for (;;) {
        int64_t now = now_ns(), due = now + 1000000000;
        for (unsigned i = 0; i < TH_CABLE_ENDS; i++) {
            const struct th_cable_way *way = cable->way[i];
            fd[1 + i] = (struct pollfd){.fd = way->from, .events = POLLIN};
            if (way->count > 0 && way->packet[way->first].due_ns < due)
                due = way->packet[way->first].due_ns;
        }
        int64_t left = due > now ? due - now : 0;
        struct timespec wait = {left / 1000000000, left % 1000000000};
        if (ppoll(fd, 3, &wait, NULL) < 0 && errno != EINTR)
            return NULL;
        if (fd[0].revents)
            return NULL;
        for (unsigned i = 0; i < TH_CABLE_ENDS; i++) {
            send_due(cable->way[i], now_ns());
            if (fd[1 + i].revents)
                take_in(cable->way[i], now_ns());
        }
    }
}

/* --- the whole --- */

static bool fork_end(struct th_cable *cable, unsigned side, th_cable_fn run)
{
    int talk[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) != 0)
        return false;
    cable->talk[side] = talk[0];
    cable->pid[side] = fork();
    if (cable->pid[side] == 0) {
        be_an_end(side, talk[1], run);
        _exit(0);
    }
    close(talk[1]);
    return cable->pid[side] > 0;
}

static bool lay(struct th_cable *cable, const struct th_cable_faults *faults,
                const int tun[TH_CABLE_ENDS])
{
    for (unsigned i = 0; i < TH_CABLE_ENDS; i++) {
        cable->way[i] = th_mem_zalloc(1, sizeof *cable->way[i]);
        if (cable->way[i] == NULL)
            return false;
        cable->way[i]->from = tun[i];
        cable->way[i]->to = tun[1 - i];
        cable->way[i]->faults = faults;
        cable->way[i]->random = i == 0 ? faults->seed : ~faults->seed;
    }
    if (pipe2(cable->stop, O_CLOEXEC) != 0)
        return false;
    cable->has_thread = pthread_create(&cable->thread, NULL, carry, cable) == 0;
    return cable->has_thread;
}

const char *th_cable_begin(struct th_cable *cable, const struct th_cable_faults *faults,
                           const th_cable_fn run[TH_CABLE_ENDS])
{
    static char why[128];
    int tun[TH_CABLE_ENDS] = {-1, -1};

    *cable = (struct th_cable){.talk = {-1, -1}, .stop = {-1, -1}};
    snprintf(why, sizeof why, "no process");
    bool is_well = fork_end(cable, 0, run[0]) && fork_end(cable, 1, run[1]);
    for (unsigned i = 0; i < TH_CABLE_ENDS && is_well; i++) {
        tun[i] = take_interface(cable->talk[i], why, sizeof why);
        is_well = tun[i] >= 0;
    }
    if (is_well && lay(cable, faults, tun))
        return NULL;
    for (unsigned i = 0; i < TH_CABLE_ENDS && !cable->way[i]; i++)
        if (tun[i] >= 0)
            close(tun[i]);
    th_cable_end(cable);
    return is_well ? "no memory or no thread for the cable" : why;
}

void th_cable_end(struct th_cable *cable)
{
    if (cable->stop[1] >= 0)
        close(cable->stop[1]);
    if (cable->has_thread)
        pthread_join(cable->thread, NULL);
    if (cable->stop[0] >= 0)
        close(cable->stop[0]);
    for (unsigned i = 0; i < TH_CABLE_ENDS; i++) {
        if (cable->pid[i] > 0) {
            kill(cable->pid[i], SIGKILL);
            waitpid(cable->pid[i], NULL, 0);
        }
        if (cable->talk[i] >= 0)
            close(cable->talk[i]);
        if (cable->way[i])
            close(cable->way[i]->from);
        th_mem_free(cable->way[i]);
    }
    *cable = (struct th_cable){0};
}

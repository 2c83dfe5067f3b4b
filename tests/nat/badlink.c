/*
 * badlink.c - a cable with the faults of the internet, for tests: two TAP interfaces, and what goes into
 * one comes out of the other late, out of order, twice, or not at all.
 *
 *     badlink SEED A B
 *
 * makes the interfaces A and B and carries frames between them until its standard input ends; then they
 * are gone. At first it does nothing bad. Each line on its input is a command, answered by one line:
 *
 *     NAME VALUE       for both directions
 *     > NAME VALUE     for what goes from A to B; "<" for the other one
 *     show             what was done so far, as JSON
 *
 *     loss 5           percent of the packets that are lost, each by itself
 *     duplicate 1      percent that arrive twice
 *     reorder 10       percent that arrive `reorder_ms` later, so that those behind overtake them
 *     reorder_ms 15
 *     delay_ms 40
 *     rate_kbit 8000   so much passes, 0 for all; what comes faster waits
 *     queue_bytes 65536  for the rate; what finds it full is lost
 *     mtu 1420         longer IP packets vanish without a word (0: none)
 *
 * How a packet fares depends on SEED and on how many came before it in its direction, and on nothing
 * else. What is neither UDP nor TCP is only delayed, for what is wanted is a bad internet: whoever lost an
 * ARP packet would wait a whole second.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 65536 + 14,
    HEADER_BYTES = 14,   /* of Ethernet */
    WAITING_MAX = 65536, /* frames, some 100 MB of full ones; more are lost, and counted */
    BATCH = 64           /* frames of one direction before the other one has its turn */
};

/* What can be set, in the order of `names`. */
enum knob { LOSS, DUPLICATE, REORDER, REORDER_MS, DELAY_MS, RATE_KBIT, QUEUE_BYTES, MTU, KNOBS };
static const char *const names[KNOBS] = {"loss",     "duplicate", "reorder",     "reorder_ms",
                                         "delay_ms", "rate_kbit", "queue_bytes", "mtu"};

enum count { CAME, LOST, DUPLICATED, REORDERED, QUEUE_FULL, TOO_BIG, NO_ROOM, SENT, COUNTS };
static const char *const count_names[COUNTS] = {"came",       "lost",    "duplicated", "reordered",
                                                "queue_full", "too_big", "no_room",    "sent"};

struct direction {
    int from, to; /* descriptors of TAP interfaces */
    double knob[KNOBS];
    uint64_t count[COUNTS];
    uint64_t random;
    int64_t free_at; /* when the last bit of what waits for the rate has left */
};

struct frame {
    int64_t due;
    uint64_t number; /* those that are due at once leave in the order in which they came */
    struct direction *way;
    size_t len;
    uint8_t bytes[];
};

/* A binary heap by `due`; the root is number 1. */
static struct frame *waiting[WAITING_MAX + 1];
static size_t waiting_count;

static void die(const char *what)
{
    fprintf(stderr, "badlink: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* splitmix64; 0 <= result < 100 */
static double draw_percent(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) * 100 / 9007199254740992.0;
}

/* --- frames that wait for their time ----------------------------------------------------------------- */

static bool is_before(const struct frame *a, const struct frame *b)
{
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void push(struct frame *frame)
{
    size_t at = ++waiting_count;

    for (; at > 1 && is_before(frame, waiting[at / 2]); at /= 2)
        waiting[at] = waiting[at / 2];
    waiting[at] = frame;
}

static struct frame *pop(void)
{
    struct frame *first = waiting[1], *last = waiting[waiting_count--];
    size_t at = 1;

    for (size_t child; (child = 2 * at) <= waiting_count; at = child) {
        if (child < waiting_count && is_before(waiting[child + 1], waiting[child]))
            child++;
        if (!is_before(waiting[child], last))
            break;
        waiting[at] = waiting[child];
    }
    waiting[at] = last;
    return first;
}

static void keep(struct direction *way, const uint8_t *bytes, size_t len, int64_t due)
{
    static uint64_t number;
    struct frame *frame = waiting_count < WAITING_MAX ? malloc(sizeof *frame + len) : NULL;

    if (frame == NULL) {
        way->count[NO_ROOM]++;
        return;
    }
    frame->due = due;
    frame->number = number++;
    frame->way = way;
    frame->len = len;
    memcpy(frame->bytes, bytes, len);
    push(frame);
}

/* An interface that is down takes nothing; the frame is lost as it is on a cable that is pulled. */
static void send_due(int64_t now)
{
    while (waiting_count > 0 && waiting[1]->due <= now) {
        struct frame *frame = pop();
        if (write(frame->way->to, frame->bytes, frame->len) == (ssize_t)frame->len)
            frame->way->count[SENT]++;
        free(frame);
    }
}

/* --- what happens to one ----------------------------------------------------------------------------- */

static bool is_data(const uint8_t *frame, size_t len)
{
    bool is_ipv4 = len > 34 && frame[12] == 0x08 && frame[13] == 0x00;
    bool is_ipv6 = len > 54 && frame[12] == 0x86 && frame[13] == 0xdd;
    int protocol = is_ipv4 ? frame[23] : is_ipv6 ? frame[20] : 0;

    return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP || protocol == IPPROTO_FRAGMENT;
}

/* When the last bit of it is through the narrow place; -1 when it found the queue before it full. */
static int64_t pass_narrows(struct direction *way, size_t len, int64_t now)
{
    double ns_per_byte = way->knob[RATE_KBIT] > 0 ? 8e6 / way->knob[RATE_KBIT] : 0;

    if (way->free_at < now)
        way->free_at = now;
    if ((double)(way->free_at - now) > way->knob[QUEUE_BYTES] * ns_per_byte)
        return -1;
    way->free_at += (int64_t)((double)len * ns_per_byte);
    return way->free_at;
}

static void carry(struct direction *way, const uint8_t *bytes, size_t len, int64_t now)
{
    const double *knob = way->knob;
    int64_t delay = (int64_t)(knob[DELAY_MS] * 1e6);

    if (!is_data(bytes, len)) {
        keep(way, bytes, len, now + delay);
        return;
    }
    /* each draws as often as any other, whatever becomes of it */
    bool is_lost = draw_percent(&way->random) < knob[LOSS];
    bool is_twice = draw_percent(&way->random) < knob[DUPLICATE];
    bool is_late = draw_percent(&way->random) < knob[REORDER];

    way->count[CAME]++;
    if (knob[MTU] > 0 && (double)(len - HEADER_BYTES) > knob[MTU]) {
        way->count[TOO_BIG]++;
        return;
    }
    int64_t left = pass_narrows(way, len, now);
    if (left < 0) {
        way->count[QUEUE_FULL]++;
        return;
    }
    if (is_lost) {
        way->count[LOST]++;
        return;
    }
    way->count[REORDERED] += is_late;
    way->count[DUPLICATED] += is_twice;
    int64_t due = left + delay + (is_late ? (int64_t)(knob[REORDER_MS] * 1e6) : 0);
    keep(way, bytes, len, due);
    if (is_twice)
        keep(way, bytes, len, due);
}

static void take_in(struct direction *way)
{
    uint8_t bytes[FRAME_MAX];

    for (int i = 0; i < BATCH; i++) {
        ssize_t len = read(way->from, bytes, sizeof bytes);
        if (len < HEADER_BYTES)
            return;
        carry(way, bytes, (size_t)len, now_ns());
    }
}

/* --- commands ---------------------------------------------------------------------------------------- */

static void show(const struct direction way[2])
{
    for (int i = 0; i < 2; i++) {
        printf("%s\"%s\": {", i == 0 ? "{" : ", ", i == 0 ? ">" : "<");
        for (int j = 0; j < COUNTS; j++)
            printf("%s\"%s\": %" PRIu64, j == 0 ? "" : ", ", count_names[j], way[i].count[j]);
        printf("}");
    }
    printf("}\n");
}

static void obey(struct direction way[2], const char *line)
{
    char name[32], rest;
    double value;
    bool is_one = line[0] == '>' || line[0] == '<';
    int knob = 0;

    if (strcmp(line, "show") == 0) {
        show(way);
        return;
    }
    int got = sscanf(line + is_one, " %31s %lf %c", name, &value, &rest);
    while (got == 2 && knob < KNOBS && strcmp(names[knob], name) != 0)
        knob++;
    if (got != 2 || knob == KNOBS || !(value >= 0)) {
        printf("cannot be understood: %s\n", line);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (!is_one || line[0] == (i == 0 ? '>' : '<'))
            way[i].knob[knob] = value;
    printf("ok\n");
}

/* Whole lines of what has come. False when the input has ended. */
static bool read_commands(struct direction way[2])
{
    static char text[1024];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    char *end;

    if (got <= 0)
        return false;
    len += (size_t)got;
    text[len] = 0;
    while ((end = strchr(text, '\n'))) {
        *end = 0;
        obey(way, text);
        len -= (size_t)(end + 1 - text);
        memmove(text, end + 1, len + 1);
    }
    fflush(stdout);
    return len < sizeof text - 1;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static int make_interface(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        die("/dev/net/tun");
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) != 0)
        die(name);
    return fd;
}

static int wait_for_work(struct pollfd fds[3])
{
    struct timespec left = {0};
    int64_t ns = waiting_count > 0 ? waiting[1]->due - now_ns() : 0;

    if (ns > 0)
        left = (struct timespec){ns / 1000000000, ns % 1000000000};
    return ppoll(fds, 3, waiting_count > 0 ? &left : NULL, NULL);
}

int main(int argc, char **argv)
{
    struct direction way[2] = {{.knob = {[REORDER_MS] = 10, [QUEUE_BYTES] = 65536}}};

    if (argc != 4) {
        fprintf(stderr, "usage: badlink SEED A B\n");
        return 2;
    }
    way[1] = way[0];
    way[0].random = strtoull(argv[1], NULL, 10);
    way[1].random = ~way[0].random;
    way[0].from = way[1].to = make_interface(argv[2]);
    way[1].from = way[0].to = make_interface(argv[3]);
    printf("seed=%s\n", argv[1]);
    fflush(stdout);

    struct pollfd fds[3] = {{way[0].from, POLLIN, 0}, {way[1].from, POLLIN, 0}, {0, POLLIN, 0}};
    for (;;) {
        if (wait_for_work(fds) < 0 && errno != EINTR)
            die("poll");
        send_due(now_ns());
        for (int i = 0; i < 2; i++)
            if (fds[i].revents & POLLERR)
                return 0; /* its namespace is gone */
            else if (fds[i].revents)
                take_in(&way[i]);
        if (fds[2].revents && !read_commands(way))
            return 0;
    }
}

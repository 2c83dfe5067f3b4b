#include "tools/bench/echo.h"

#include "switch/wire/packet.h"
#include "tools/bench/daemon.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOST_US = 200000, LOST_ROUNDS_MAX = 20 };

static _Noreturn void serve(int fd, int cpu, size_t answer_len)
{
    uint8_t in[TH_DATAGRAM_IN_MAX], out[TH_DATAGRAM_IN_MAX] = {0};
    struct sockaddr_in from;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    th_pin(cpu);
    for (;;) {
        socklen_t from_len = sizeof from;

        if (recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_len) > 0)
            (void)!sendto(fd, out, answer_len, 0, (struct sockaddr *)&from, from_len);
    }
}

static int bound_socket(struct sockaddr_in *self)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *self;

    *self = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)self, len) == 0 &&
        getsockname(fd, (struct sockaddr *)self, &len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool th_echo_start(struct th_echo *echo, int cpu, size_t answer_len)
{
    struct sockaddr_in at, own;
    struct timeval lost = {.tv_usec = LOST_US};
    int server = bound_socket(&at);

    TH_CHECK(answer_len <= TH_DATAGRAM_IN_MAX);
    echo->fd = bound_socket(&own);
    echo->pid = -1;
    if (server >= 0 && echo->fd >= 0 && connect(echo->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        setsockopt(echo->fd, SOL_SOCKET, SO_RCVTIMEO, &lost, sizeof lost) == 0)
        echo->pid = fork();
    if (echo->pid == 0)
        serve(server, cpu, answer_len);
    if (server >= 0)
        close(server);
    if (echo->pid > 0)
        return true;
    th_bench_note("cannot start the echo: no socket or process left");
    th_echo_stop(echo);
    return false;
}

double th_echo_round(const struct th_echo *echo, unsigned count, unsigned outstanding,
                     size_t request_len)
{
    uint8_t bytes[TH_DATAGRAM_IN_MAX] = {0};
    double began = th_process_cpu_us(echo->pid);
    unsigned asking = 0, answered = 0, silences = 0;

    while (answered < count && silences < LOST_ROUNDS_MAX) {
        for (; asking < outstanding; asking++)
            (void)!send(echo->fd, bytes, request_len, 0);
        if (recv(echo->fd, bytes, sizeof bytes, 0) > 0) {
            answered++;
            asking--;
        } else {
            asking = 0; /* all of them were lost */
            silences++;
        }
    }
    return answered ? (th_process_cpu_us(echo->pid) - began) / answered : 0;
}

void th_echo_stop(struct th_echo *echo)
{
    if (echo->pid > 0) {
        kill(echo->pid, SIGKILL);
        waitpid(echo->pid, NULL, 0);
    }
    if (echo->fd >= 0)
        close(echo->fd);
    *echo = (struct th_echo){.pid = -1, .fd = -1};
}

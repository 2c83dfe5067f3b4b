#include "tools/sim/swarm_child.h"

#include "tools/sim/sim.h"
#include "tools/sim/swarm.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WALL_TIMES = 20 }; /* so many others may have the processor beside a run */

uint64_t th_swarm_wall_ms(void)
{
    struct timespec at;

    TH_CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

/* In the child: ends with exit, so that a sanitizer looks for leaks. */
static void run_and_exit(const struct th_sim_plan *plan)
{
    static struct th_sim sim;

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    th_sim_init(&sim, plan);
    sim.is_quiet = true;
    bool is_good = th_sim_run(&sim);
    th_sim_clear(&sim);
    exit(is_good ? EXIT_SUCCESS : EXIT_FAILURE);
}

void th_swarm_child_start(struct th_swarm_child *child, const struct th_sim_plan *plan,
                          uint64_t run_ms)
{
    int ends[2];

    *child = (struct th_swarm_child){
        .plan = *plan, .run_ms = run_ms, .until_ms = th_swarm_wall_ms() + WALL_TIMES * run_ms};
    fflush(stdout);
    fflush(stderr);
    TH_CHECK(pipe(ends) == 0);
    child->pid = fork();
    TH_CHECK(child->pid >= 0);
    if (child->pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run_and_exit(plan);
    }
    close(ends[1]);
    child->from = ends[0];
}

static void read_some(struct th_swarm_child *child)
{
    char more[1024];
    ssize_t len = read(child->from, more, sizeof more);

    if (len <= 0) {
        close(child->from);
        child->from = -1;
        return;
    }
    size_t room = sizeof child->said - 1 - child->said_len;
    size_t taken = (size_t)len < room ? (size_t)len : room;
    memcpy(child->said + child->said_len, more, taken);
    child->said_len += taken;
}

void th_swarm_child_wait(struct th_swarm_child *children, unsigned count, int wait_ms)
{
    struct pollfd polled[TH_SWARM_JOBS_MAX];

    for (unsigned i = 0; i < count; i++)
        polled[i] =
            (struct pollfd){.fd = children[i].pid ? children[i].from : -1, .events = POLLIN};
    poll(polled, count, wait_ms);
    for (unsigned i = 0; i < count; i++)
        if (polled[i].fd >= 0 && polled[i].revents)
            read_some(&children[i]);
}

/* The first check that failed, as th_sim_check said it. */
static void sign_check(struct th_swarm_child *child)
{
    const char *line = strstr(child->said, "check failed at ");
    const char *name = line ? strstr(line, " s: ") : NULL;
    size_t len = name ? strcspn(name + 4, ":\n") : 0;

    snprintf(child->sign, sizeof child->sign, "%.*s", (int)(len < 40 ? len : 40),
             len ? name + 4 : "failed");
}

static uint64_t ms_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000 + (uint64_t)time->tv_usec / 1000;
}

/* By what it computed, for a machine with other work lets it wait; by the clock only when it waits for
 * what will never come. */
static bool is_late(const struct th_swarm_child *child)
{
    struct timespec used = {0};
    clockid_t clock;

    if (th_swarm_wall_ms() >= child->until_ms)
        return true;
    return clock_getcpuclockid(child->pid, &clock) == 0 && clock_gettime(clock, &used) == 0 &&
           (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000 >= child->run_ms;
}

bool th_swarm_child_is_over(struct th_swarm_child *child)
{
    int status;

    struct rusage usage;

    if (!child->is_late && is_late(child)) {
        child->is_late = true;
        kill(child->pid, SIGKILL);
    }
    if (child->from >= 0)
        return false;
    TH_CHECK(wait4(child->pid, &status, 0, &usage) == child->pid); /* it closed stderr: it ends */
    /* Late is late, also when it came to its end before it could be killed. */
    child->is_late |= ms_of(&usage.ru_utime) + ms_of(&usage.ru_stime) >= child->run_ms;
    child->has_failed = child->is_late || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
    if (child->is_late)
        snprintf(child->sign, sizeof child->sign, "takes too long");
    else if (WIFSIGNALED(status))
        snprintf(child->sign, sizeof child->sign, "signal %d", WTERMSIG(status));
    else if (child->has_failed)
        sign_check(child);
    return true;
}

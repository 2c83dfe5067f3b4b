#include "tools/bench/daemon.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 10000, WELCOME_MAX = 8192, ARGS_MAX = 9 + TH_DAEMON_FLAGS_MAX };

/* --- starting ------------------------------------------------------------------------------------- */

static _Noreturn void become(const char *program, char *const *args, int out, int cpu)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    if (cpu != TH_ANY_CPU)
        th_pin(cpu);
    execv(program, args);
    th_bench_note("cannot run %s: %s", program, strerror(errno));
    _exit(127);
}

static bool spawn(struct th_daemon *daemon, const char *program, int cpu, const char *const *flags)
{
    char state[sizeof daemon->folder + 8], socket[sizeof daemon->folder + 8];
    const char *args[ARGS_MAX] = {program,    "--state-dir", state,         "--socket", socket,
                                  "--listen", "127.0.0.1:0", "--log-level", "error"};
    unsigned count = ARGS_MAX - TH_DAEMON_FLAGS_MAX;
    int ends[2];

    snprintf(state, sizeof state, "%s/state", daemon->folder);
    snprintf(socket, sizeof socket, "%s/socket", daemon->folder);
    while (*flags && count + 1 < ARGS_MAX)
        args[count++] = *flags++;
    if (pipe(ends) != 0)
        return false;
    daemon->pid = fork();
    if (daemon->pid == 0)
        become(program, (char *const *)(uintptr_t)args, ends[1], cpu);
    close(ends[1]);
    daemon->out = ends[0];
    return daemon->pid > 0;
}

/* Reads what it prints until it suggests what to try: all servers run then. */
static bool read_welcome(const struct th_daemon *daemon, char text[WELCOME_MAX])
{
    double until = th_wall_us() + START_MS * 1e3;
    size_t len = 0;

    text[0] = 0;
    while (!strstr(text, "Now try") && len + 1 < WELCOME_MAX) {
        struct pollfd ready = {.fd = daemon->out, .events = POLLIN};
        int left_ms = (int)((until - th_wall_us()) / 1e3);

        if (left_ms <= 0 || poll(&ready, 1, left_ms) < 0)
            return false;
        ssize_t got = read(daemon->out, text + len, WELCOME_MAX - 1 - len);
        if (got <= 0)
            return false;
        len += (size_t)got;
        text[len] = 0;
    }
    return strstr(text, "Now try") != NULL;
}

/* The entry that others would join from is the only JSON in it. */
static bool read_entry(struct th_daemon *daemon, const char *text)
{
    const char *first = strchr(text, '{'), *last = strrchr(text, '}');
    char complaint[TH_COMPLAINT_MAX];
    struct th_seeds seeds = {0};

    if (!first || !last)
        return false;
    struct th_bytes entry = {(const uint8_t *)first, (size_t)(last + 1 - first)};
    bool is_read = th_seeds_read(&seeds, entry, complaint) == TH_OK && seeds.count == 1 &&
                   seeds.seed[0].paths.count > 0;
    if (is_read)
        daemon->self = seeds.seed[0];
    th_seeds_clear(&seeds);
    return is_read;
}

bool th_daemon_start(struct th_daemon *daemon, const struct th_bench *bench, int cpu,
                     const char *const *flags)
{
    char program[TH_FOLDER_MAX + 16], text[WELCOME_MAX];

    *daemon = (struct th_daemon){.out = -1, .folder = "/tmp/thbench-XXXXXX"};
    snprintf(program, sizeof program, "%s/telehashd", bench->folder);
    if (access(program, X_OK) != 0) {
        th_bench_note("there is no %s; build it: cmake --build BUILD --target telehashd", program);
        return false;
    }
    if (!mkdtemp(daemon->folder)) {
        th_bench_note("cannot make a folder in /tmp: %s", strerror(errno));
        return false;
    }
    if (spawn(daemon, program, cpu, flags) && read_welcome(daemon, text) &&
        read_entry(daemon, text))
        return true;
    th_bench_note("telehashd did not start, or did not say where it listens");
    th_daemon_stop(daemon);
    return false;
}

/* --- stopping ------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void th_daemon_stop(struct th_daemon *daemon)
{
    if (daemon->pid > 0) {
        kill(daemon->pid, SIGKILL); /* its state is of no use to anybody */
        waitpid(daemon->pid, NULL, 0);
    }
    if (daemon->out >= 0)
        close(daemon->out);
    if (daemon->folder[0])
        nftw(daemon->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    *daemon = (struct th_daemon){.out = -1};
}

/* --- what a process uses -------------------------------------------------------------------------- */

bool th_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

static double us_of(clockid_t clock)
{
    struct timespec t;

    TH_CHECK(clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double th_process_cpu_us(pid_t pid)
{
    clockid_t clock;

    TH_CHECK(clock_getcpuclockid(pid, &clock) == 0);
    return us_of(clock);
}

double th_wall_us(void)
{
    return us_of(CLOCK_MONOTONIC);
}

double th_process_rss(pid_t pid)
{
    char name[64], line[256];
    unsigned long kib = 0;

    snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
    FILE *file = fopen(name, "r");
    if (!file)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    fclose(file);
    return (double)kib * 1024;
}

/* memory.c - how much of it an idle daemon holds, and how large the library is. */
#include "tools/bench/daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTLE_MS = 500 }; /* after the start: what is made by then is there to stay */

/* --- rss_idle ------------------------------------------------------------------------------------- */

static bool take_rss(struct th_bench *bench, struct th_figure *figure, const char *const *flags)
{
    struct th_samples samples = {0};
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        struct th_daemon daemon;

        is_ok = th_daemon_start(&daemon, bench, TH_ANY_CPU, flags);
        if (!is_ok)
            break;
        poll(NULL, 0, SETTLE_MS);
        double rss = th_process_rss(daemon.pid);
        is_ok = rss > 0 && th_samples_add(&samples, rss / 1e6) == TH_OK;
        th_daemon_stop(&daemon);
    }
    if (is_ok) {
        th_figure_fill(figure, &samples, NULL);
        th_bench_tell(bench, figure);
    }
    th_samples_clear(&samples);
    return is_ok;
}

bool th_bench_rss(struct th_bench *bench)
{
    static const char *const many[] = {NULL};
    static const char *const one[] = {"--threads", "1", NULL};
    struct th_figure figure = {.suite = "memory",
                               .name = "rss_idle",
                               .what = "telehashd after start, default threads",
                               .unit = "MB",
                               .is_less_better = true,
                               .goal = 3};

    if (!take_rss(bench, &figure, many))
        return false;
    figure.name = "rss_idle_one_thread";
    figure.what = "telehashd after start, --threads 1";
    figure.goal = 2.5;
    return take_rss(bench, &figure, one);
}

/* --- size_library --------------------------------------------------------------------------------- */

static bool strip(const char *library, const char *stripped)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execlp("strip", "strip", "-o", stripped, library, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static double size_stripped(const char *library)
{
    char stripped[] = "/tmp/thbench-XXXXXX";
    struct stat info = {0};
    int fd = mkstemp(stripped);

    if (fd < 0)
        return 0;
    close(fd);
    if (!strip(library, stripped) || stat(stripped, &info) != 0)
        info.st_size = 0;
    unlink(stripped);
    return (double)info.st_size;
}

bool th_bench_size(struct th_bench *bench)
{
    char library[TH_FOLDER_MAX + 24];
    struct th_samples samples = {0};
    struct th_figure figure = {.suite = "memory",
                               .name = "size_library",
                               .what = "libtelehash.so, stripped",
                               .unit = "KB",
                               .is_less_better = true,
                               .goal = 300};

    snprintf(library, sizeof library, "%s/libtelehash.so", bench->folder);
    if (access(library, R_OK) != 0) {
        th_bench_note("size_library left out: there is no %s", library);
        return true;
    }
    double size = size_stripped(library);
    if (size <= 0) {
        th_bench_note("size_library left out: strip (binutils) is not there or failed");
        return true;
    }
    if (th_samples_add(&samples, size / 1e3) != TH_OK)
        return false;
    th_figure_fill(&figure, &samples, NULL); /* one round: it cannot come out otherwise */
    th_bench_tell(bench, &figure);
    th_samples_clear(&samples);
    return true;
}

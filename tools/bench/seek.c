/*
 * seek.c - seek_cpu: what a whole node spends for one answered seek, against a bare echo.
 *
 * The server is a telehashd of its own process with all its threads on CPU 0; the generator, and we,
 * are on CPU 1. Its table is filled by peers that hold a link each; one more asks, 64 seeks at a
 * time. The echo gets and sends datagrams of the same sizes, from the same generator's place.
 */
#include "switch/base/mem.h"
#include "tools/bench/daemon.h"
#include "tools/bench/echo.h"
#include "tools/bench/peer.h"

#include <sched.h>
#include <sys/resource.h>

enum {
    SERVER_CPU = 0,
    GENERATOR_CPU = 1,
    TABLE_NODES = 400,
    OUTSTANDING = 64,
    SEEKS = 20000, /* a round */
    WARM_UP = 2000,
    PUMP_EVERY = 1000, /* seeks: the peers of the table answer their keepalives */
    JOIN_BATCH = 20,   /* handshakes at a time */
    JOIN_US = 30000000,
    ROUND_US = 60000000
};

struct seek_bench {
    struct th_daemon daemon;
    struct th_echo echo;
    struct th_bench_peer asker;
    struct th_bench_peer *peers; /* TABLE_NODES */
    unsigned peers_count, linked;
    size_t request_len, answer_len; /* means of the warm-up */
    double busy;                    /* of the server's processor, 0..1, in the newest round */
};

/* --- a full table --------------------------------------------------------------------------------- */

static void pump_all(struct seek_bench *s)
{
    s->linked = 0;
    for (unsigned i = 0; i < s->peers_count; i++) {
        th_bench_peer_pump(&s->peers[i]);
        s->linked += s->peers[i].is_linked;
    }
    if (s->asker.board)
        th_bench_peer_pump(&s->asker);
}

static bool fill_table(struct seek_bench *s)
{
    double until = th_wall_us() + JOIN_US;

    while (s->linked < TABLE_NODES && th_wall_us() < until) {
        for (unsigned i = 0; i < JOIN_BATCH && s->peers_count < TABLE_NODES &&
                             s->peers_count < s->linked + JOIN_BATCH;
             i++)
            if (th_bench_peer_open(&s->peers[s->peers_count++], &s->daemon.self, true) != TH_OK) {
                th_bench_note("seek_cpu: no socket or memory for %u peers", s->peers_count);
                return false;
            }
        th_bench_peer_wait(&s->peers[s->peers_count - 1], 5);
        pump_all(s);
    }
    if (th_bench_peer_open(&s->asker, &s->daemon.self, false) != TH_OK)
        return false;
    while (!s->asker.is_up && th_wall_us() < until) {
        th_bench_peer_wait(&s->asker, 5);
        pump_all(s);
    }
    if (!s->asker.is_up)
        th_bench_note("seek_cpu: the server opens no line");
    return s->asker.is_up;
}

/* --- rounds --------------------------------------------------------------------------------------- */

/* CPU time of the server for one answered seek, in µs; 0 when it does not answer. */
static double seek_round(struct seek_bench *s, unsigned count)
{
    double began = th_process_cpu_us(s->daemon.pid), began_wall = th_wall_us();
    uint64_t first = s->asker.answered, until = first + count, next_pump = first + PUMP_EVERY;

    while (s->asker.answered < until && th_wall_us() < began_wall + ROUND_US) {
        while (s->asker.asking < OUTSTANDING)
            if (!th_bench_peer_seek(&s->asker))
                return 0;
        if (!th_bench_peer_pump(&s->asker))
            th_bench_peer_wait(&s->asker, 100);
        if (s->asker.answered >= next_pump) {
            pump_all(s);
            next_pump += PUMP_EVERY;
        }
    }
    if (s->asker.answered < until)
        return 0;
    double cpu = th_process_cpu_us(s->daemon.pid) - began;
    s->busy = cpu / (th_wall_us() - began_wall);
    return cpu / (double)(s->asker.answered - first);
}

/* A first round that is not counted tells the sizes for the echo. */
static bool warm_up(struct seek_bench *s)
{
    struct th_switchboard_totals before, after;

    th_switchboard_totals(s->asker.board, &before);
    if (seek_round(s, WARM_UP) <= 0)
        return false;
    th_switchboard_totals(s->asker.board, &after);
    s->request_len =
        (size_t)((after.tx_bytes - before.tx_bytes) / (after.tx_packets - before.tx_packets));
    s->answer_len =
        (size_t)((after.rx_bytes - before.rx_bytes) / (after.rx_packets - before.rx_packets));
    return true;
}

static bool take(struct th_bench *bench, struct seek_bench *s)
{
    struct th_samples seeks = {0}, echoes = {0};
    struct th_figure figure = {.suite = "packets",
                               .name = "seek_cpu",
                               .what = "CPU of telehashd for an answered seek",
                               .unit = "us",
                               .is_less_better = true,
                               .reference = "recvfrom/sendto echo of the same sizes",
                               .goal = 1 / 2.5};
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double seek = seek_round(s, SEEKS);
        double echo = th_echo_round(&s->echo, SEEKS, OUTSTANDING, s->request_len);

        is_ok = seek > 0 && echo > 0 && th_samples_add(&seeks, seek) == TH_OK &&
                th_samples_add(&echoes, echo) == TH_OK;
        pump_all(s);
    }
    if (is_ok) {
        th_figure_fill(&figure, &seeks, &echoes);
        th_bench_tell(bench, &figure);
        th_bench_note("seek_cpu: %u nodes linked, requests of %zu and answers of %zu bytes, %llu "
                      "lost, server's CPU %.0f %% busy in the last round",
                      s->linked, s->request_len, s->answer_len, (unsigned long long)s->asker.lost,
                      100 * s->busy);
    } else {
        th_bench_note("seek_cpu: the server or the echo stopped answering");
    }
    th_samples_clear(&seeks);
    th_samples_clear(&echoes);
    return is_ok;
}

/* --- the whole ------------------------------------------------------------------------------------ */

static bool run_all(struct th_bench *bench, struct seek_bench *s)
{
    static const char *const flags[] = {"--links-max", "512", NULL};
    struct rlimit files;

    /* a socket for each peer */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    s->peers = th_mem_zalloc(TABLE_NODES, sizeof *s->peers);
    return s->peers && th_daemon_start(&s->daemon, bench, SERVER_CPU, flags) && fill_table(s) &&
           warm_up(s) && th_echo_start(&s->echo, SERVER_CPU, s->answer_len) && take(bench, s);
}

bool th_bench_seek(struct th_bench *bench)
{
    struct seek_bench s = {.daemon = {.out = -1}, .echo = {.pid = -1, .fd = -1}};
    cpu_set_t everywhere;

    TH_CHECK(sched_getaffinity(0, sizeof everywhere, &everywhere) == 0);
    if (!th_pin(GENERATOR_CPU))
        th_bench_note("seek_cpu: no CPU 1 for the generator; it takes time from the server");
    bool is_ok = run_all(bench, &s);

    for (unsigned i = 0; i < s.peers_count; i++)
        th_bench_peer_close(&s.peers[i]);
    th_mem_free(s.peers);
    th_bench_peer_close(&s.asker);
    th_echo_stop(&s.echo);
    th_daemon_stop(&s.daemon);
    sched_setaffinity(0, sizeof everywhere, &everywhere);
    return is_ok;
}

#include "tools/bench/bench.h"

#include <stdarg.h>

const struct th_bench_entry th_bench_entries[] = {
    {"packets", "seek_cpu", th_bench_seek},
    {"packets", "open_rate", th_bench_open},
    {"run-time", "call_round_trip, call_same_loop", th_bench_call},
    {"run-time", "event_to_1, event_to_3, event_same_loop_3, cast_one_to_one", th_bench_event},
    {"run-time", "server_bytes", th_bench_server},
    {"streams", "connect_ms, connect_p95_ms", th_bench_connect},
    {"streams", "stream_mb_s, stream_fair", th_bench_stream},
    {"streams", "stream_lossy", th_bench_lossy},
    {"memory", "rss_idle, rss_idle_one_thread", th_bench_rss},
    {"memory", "bytes_per_line, bytes_per_line_null, bytes_per_known", th_bench_line},
    {"memory", "size_library", th_bench_size},
    {NULL, NULL, NULL},
};

void th_bench_tell(struct th_bench *bench, const struct th_figure *figure)
{
    if (bench->is_json) {
        th_figure_write_json(stdout, figure);
    } else {
        if (!bench->is_headed)
            th_figure_write_head(stdout);
        bench->is_headed = true;
        th_figure_write_row(stdout, figure);
    }
    fflush(stdout); /* the next takes seconds */
}

void th_bench_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("thbench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/*
 * bench.h - the benchmarks: what each gets, what it gives, and the list of them.
 *
 * A benchmark takes its figures and hands each to th_bench_tell. Whatever it could not measure as it
 * should (no second processor, no Erlang) it says with th_bench_note; nothing is left out silently.
 *
 * Floor:  7 (bench).
 * Thread: the main one; a benchmark may have more of its own while it runs.
 */
#ifndef TH_BENCH_BENCH_H
#define TH_BENCH_BENCH_H

#include "tools/bench/figure.h"

enum { TH_FOLDER_MAX = 512 };

struct th_bench {
    unsigned rounds; /* at least 1 */
    bool is_json;
    bool is_headed;             /* the table's first row was written */
    char folder[TH_FOLDER_MAX]; /* where our own program lies, and those beside it */
};

/* Prints a figure as the user wants it. */
void th_bench_tell(struct th_bench *bench, const struct th_figure *figure);

/* Says one line on stderr, so that stdout stays readable for machines. */
void th_bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One benchmark. Returns false, after a note, when a figure of ours could not be taken. */
struct th_bench_entry {
    const char *suite;
    const char *figures; /* for --help */
    bool (*run)(struct th_bench *bench);
};

/* In order of running; ends with a NULL suite. */
extern const struct th_bench_entry th_bench_entries[];

/* packets */
bool th_bench_seek(struct th_bench *bench);
bool th_bench_open(struct th_bench *bench);

/* run-time */
bool th_bench_call(struct th_bench *bench);
bool th_bench_event(struct th_bench *bench);
bool th_bench_server(struct th_bench *bench);

/* streams */
bool th_bench_connect(struct th_bench *bench);
bool th_bench_stream(struct th_bench *bench);
bool th_bench_lossy(struct th_bench *bench);

/* memory */
bool th_bench_rss(struct th_bench *bench);
bool th_bench_line(struct th_bench *bench);
bool th_bench_size(struct th_bench *bench);

#endif

/*
 * stream.c - stream_mb_s and stream_fair: bytes from one node to another over loopback, through the public
 * API, both nodes on threads of their own.
 *
 * The reference is hyperdht, of npm (npm.h). Its two ends are two processes of Node.
 */
#include "router/telehash.h"
#include "tools/bench/bench.h"
#include "tools/bench/npm.h"

#include <string.h>

enum {
    STREAMS = 10,
    CHUNK = 256 << 10,
    ENTRY_MAX = 4096,
    BYTES = 200000000, /* of one stream */
    FAIR_MS = 2000,
    WAIT_S = 60
};

/* One end of a stream. */
struct end {
    struct two *two;
    uint64_t bytes;  /* read, or still to be written */
    uint64_t before; /* read by the moment at which the last of them had begun */
};

struct two {
    struct th_node *node[2];
    struct end out[STREAMS], in[STREAMS];
    unsigned accepted, running; /* running: have brought a chunk */
    uint64_t wanted;            /* bytes that end the measurement */
    uv_sem_t ready, done;
    uint64_t begun_at, ended_at; /* ns */
    bool is_over;
};

static void all_run(struct two *two)
{
    for (unsigned i = 0; i < STREAMS; i++)
        two->in[i].before = two->in[i].bytes;
    uv_sem_post(&two->done);
}

static void read_on(struct th_stream *stream, void *data)
{
    static _Thread_local uint8_t bytes[CHUNK];
    struct end *end = data;
    size_t got;

    bool has_begun = end->bytes >= CHUNK;
    while (th_stream_read(stream, bytes, sizeof bytes, &got) == TH_OK)
        end->bytes += got;
    if (!has_begun && end->bytes >= CHUNK && ++end->two->running == STREAMS)
        all_run(end->two);
    if (end->two->wanted > 0 && end->bytes >= end->two->wanted && !end->two->is_over) {
        end->two->is_over = true;
        end->two->ended_at = uv_hrtime();
        uv_sem_post(&end->two->done);
    }
}

static void write_on(struct th_stream *stream, void *data)
{
    static const uint8_t bytes[CHUNK];
    struct end *end = data;
    size_t taken = 1;

    while (end->bytes > 0) {
        size_t len = end->bytes < CHUNK ? (size_t)end->bytes : CHUNK;
        if (th_stream_write(stream, bytes, len, &taken) != TH_OK)
            return;
        end->bytes -= taken;
    }
}

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    static const struct th_stream_cb callbacks = {.on_readable = read_on};
    struct two *two = data;
    struct th_stream *stream;
    (void)node;

    if (two->accepted == STREAMS)
        return;
    struct end *end = &two->in[two->accepted++];
    end->two = two;
    (void)!th_stream_accept(incoming, &callbacks, end, &stream);
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct two *two = data;

    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY && node == two->node[1])
        uv_sem_post(&two->ready);
}

static bool wait_for(uv_sem_t *sem, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        if (uv_sem_trywait(sem) == 0)
            return true;
        uv_sleep(1);
    }
    return false;
}

static bool start(struct two *two, unsigned i, const char *entry)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    return th_node_new(&two->node[i], &options) == TH_OK &&
           th_node_listen(two->node[i], "_bench", on_incoming, two) == TH_OK &&
           th_node_start(two->node[i], NULL, on_event, two) == TH_OK;
}

static bool begin(struct two *two)
{
    char entry[ENTRY_MAX];
    size_t len = sizeof entry;

    *two = (struct two){0};
    return uv_sem_init(&two->ready, 0) == 0 && uv_sem_init(&two->done, 0) == 0 &&
           start(two, 0, NULL) && th_node_seeds_entry(two->node[0], entry, &len) == TH_OK &&
           start(two, 1, entry) && wait_for(&two->ready, 1000 * WAIT_S);
}

static void end(struct two *two)
{
    th_node_close(two->node[1], NULL, NULL);
    th_node_close(two->node[0], NULL, NULL);
    uv_sem_destroy(&two->ready);
    uv_sem_destroy(&two->done);
}

static bool open_streams(struct two *two, unsigned count, uint64_t bytes)
{
    static const struct th_stream_cb callbacks = {.on_writable = write_on};
    static const uint8_t first[CHUNK];
    struct th_stream *stream;
    size_t taken;

    for (unsigned i = 0; i < count; i++) {
        two->out[i] = (struct end){.two = two, .bytes = bytes};
        if (th_stream_open(two->node[1], th_node_hashname(two->node[0]), "_bench", &callbacks,
                           &two->out[i], &stream) != TH_OK)
            return false;
        while (th_stream_write(stream, first, sizeof first, &taken) == TH_OK)
            continue; /* until it is full: then write_on goes on */
    }
    return true;
}

/* MB/s of one stream; 0 when it failed. */
static double take_one(void)
{
    static struct two two;
    double mb_s = 0;
    bool is_ok = begin(&two);

    if (is_ok) {
        two.wanted = BYTES;
        two.begun_at = uv_hrtime();
        is_ok = open_streams(&two, 1, BYTES) && wait_for(&two.done, 1000 * WAIT_S);
    }
    if (is_ok)
        mb_s = BYTES * 1e3 / (double)(two.ended_at - two.begun_at);
    end(&two);
    return mb_s;
}

/* Jain's index of what each stream got in the same time, once all have begun; 0 when it failed. */
static double take_fair(void)
{
    static struct two two;
    double sum = 0, squares = 0;

    bool is_ok = begin(&two) && open_streams(&two, STREAMS, UINT64_MAX) &&
                 wait_for(&two.done, 1000 * WAIT_S);
    if (is_ok)
        uv_sleep(FAIR_MS);
    end(&two);
    for (unsigned i = 0; i < STREAMS && is_ok; i++) {
        double bytes = (double)(two.in[i].bytes - two.in[i].before);
        sum += bytes;
        squares += bytes * bytes;
    }
    return squares > 0 ? sum * sum / (STREAMS * squares) : 0;
}

/* --- hyperdht --- */

/* MB/s. A server and a client in one program: the client is a process of its own. */
static const char script[] =
    "const DHT = require('hyperdht'), cp = require('child_process');\n"
    "const total = Number(process.argv[2]);\n"
    "if (process.argv[3]) {\n"
    "  const dht = new DHT({ bootstrap: JSON.parse(process.argv[4]) });\n"
    "  const stream = dht.connect(Buffer.from(process.argv[3], 'hex'));\n"
    "  const chunk = Buffer.alloc(65536); let left = total;\n"
    "  const go = () => { while (left > 0) { left -= chunk.length;\n"
    "    if (!stream.write(chunk)) return; } };\n"
    "  stream.on('open', go); stream.on('drain', go);\n"
    "  stream.on('error', () => process.exit(0));\n"
    "} else require('hyperdht/testnet')(3).then(async ({ nodes, bootstrap }) => {\n"
    "  const server = nodes[0].createServer((stream) => {\n"
    "    let got = 0, begun = 0n;\n"
    "    stream.on('error', () => {});\n"
    "    stream.on('data', (data) => {\n"
    "      begun = begun || process.hrtime.bigint(); got += data.length;\n"
    "      if (got < total) return;\n"
    "      console.log(got * 1e3 / Number(process.hrtime.bigint() - begun)); process.exit(0);\n"
    "    });\n"
    "  });\n"
    "  const keys = DHT.keyPair(); await server.listen(keys);\n"
    "  const words = [__filename, total, keys.publicKey.toString('hex'), "
    "JSON.stringify(bootstrap)];\n"
    "  const child = cp.spawn(process.execPath, words, { stdio: 'ignore' });\n"
    "  process.on('exit', () => child.kill());\n"
    "  setTimeout(() => process.exit(1), 60000);\n"
    "});\n";

bool th_bench_stream(struct th_bench *bench)
{
    struct th_samples ours = {0}, theirs = {0}, fair = {0};
    struct th_figure speed = {.suite = "streams",
                              .name = "stream_mb_s",
                              .what = "one stream over loopback",
                              .unit = "MB/s",
                              .reference = "hyperdht",
                              .goal = 1.5};
    struct th_figure index = {.suite = "streams",
                              .name = "stream_fair",
                              .what = "Jain's index of ten streams of one line",
                              .unit = "",
                              .goal = 0.98};
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double mb_s = take_one(), jain = take_fair();

        is_ok = mb_s > 0 && jain > 0 && th_samples_add(&ours, mb_s) == TH_OK &&
                th_samples_add(&fair, jain) == TH_OK;
        th_npm_run(script, BYTES, &theirs);
    }
    if (is_ok) {
        if (theirs.count == 0)
            th_bench_note("stream_mb_s: no hyperdht to compare with; THBENCH_NPM names a folder in "
                          "which npm has installed it");
        th_figure_fill(&speed, &ours, &theirs);
        th_bench_tell(bench, &speed);
        th_figure_fill(&index, &fair, NULL);
        th_bench_tell(bench, &index);
    } else {
        th_bench_note("stream_mb_s: the bytes did not arrive");
    }
    th_samples_clear(&ours);
    th_samples_clear(&theirs);
    th_samples_clear(&fair);
    return is_ok;
}

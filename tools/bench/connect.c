/*
 * connect.c - connect_ms and connect_p95_ms: from a hashname to an encrypted line, through the public API,
 * in a mesh of twenty nodes on loopback that keep few links each. Who connects has joined, and has no line
 * to the target.
 *
 * The reference is hyperdht, of npm (npm.h): as many nodes, all in one process as ours are.
 */
#include "router/node.h"
#include "router/telehash_node.h"
#include "switch/base/rng.h"
#include "switch/run/call.h"
#include "switch/run/server.h"
#include "switch/switch.h"
#include "tools/bench/bench.h"
#include "tools/bench/npm.h"

#include <string.h>

enum {
    NODES = 20,
    K = 2,
    LINKS_MAX = 8,
    CONNECTS = 20, /* in each round */
    TRIES_MAX = 10000,
    ENTRY_MAX = 4096,
    WAIT_MS = 60000,
    SETTLE_MS = 2000, /* the first links are made */
    ASK_MS = 5000
};

struct mesh {
    struct th_node *node[NODES];
    uv_sem_t ready, done;
    enum th_err result;
    uint64_t ended_at; /* ns */
};

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct mesh *mesh = data;
    (void)node;

    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        uv_sem_post(&mesh->ready);
}

static void on_connected(struct th_node *node, enum th_err result, const char *hashname, void *data)
{
    struct mesh *mesh = data;
    (void)node;
    (void)hashname;

    mesh->ended_at = uv_hrtime();
    mesh->result = result;
    uv_sem_post(&mesh->done);
}

static bool start(struct mesh *mesh, unsigned i, const char *entry)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    options.k = K;
    options.links_max = LINKS_MAX;
    return th_node_new(&mesh->node[i], &options) == TH_OK &&
           th_node_start(mesh->node[i], NULL, on_event, mesh) == TH_OK;
}

static bool wait_for(uv_sem_t *sem)
{
    for (unsigned i = 0; i < WAIT_MS; i++) {
        if (uv_sem_trywait(sem) == 0)
            return true;
        uv_sleep(1);
    }
    return false;
}

static bool begin(struct mesh *mesh)
{
    char entry[ENTRY_MAX];
    size_t len = sizeof entry;

    *mesh = (struct mesh){0};
    if (uv_sem_init(&mesh->ready, 0) != 0 || uv_sem_init(&mesh->done, 0) != 0)
        return false;
    if (!start(mesh, 0, NULL) || th_node_seeds_entry(mesh->node[0], entry, &len) != TH_OK)
        return false;
    for (unsigned i = 1; i < NODES; i++)
        if (!start(mesh, i, entry))
            return false;
    for (unsigned i = 1; i < NODES; i++)
        if (!wait_for(&mesh->ready))
            return false;
    uv_sleep(SETTLE_MS);
    return true;
}

static void end(struct mesh *mesh)
{
    for (unsigned i = NODES; i-- > 0;)
        if (mesh->node[i])
            th_node_close(mesh->node[i], NULL, NULL);
    uv_sem_destroy(&mesh->ready);
    uv_sem_destroy(&mesh->done);
}

/* Also true when the switch could not be asked. */
static bool has_line(const struct th_node *node, const struct th_node *other)
{
    struct th_msg reply = {0};
    bool has = false;

    if (th_call_wait(node->host, th_whereis(node->host, 0, TH_NODE_SWITCH),
                     (struct th_msg){.kind = &th_switch_msg_lines}, ASK_MS, &reply) != TH_OK)
        return true;
    const struct th_switch_lines *lines = reply.body;
    for (unsigned i = 0; i < lines->count; i++)
        has |= th_hashname_is_equal(&lines->line[i].id, &other->identity.hashname);
    th_msg_drop(&reply);
    return has;
}

/* Connects so many pairs without a line, one after the other; fewer, when lines have been made between
 * nearly all by then. */
static bool take(struct mesh *mesh, struct th_rng *rng, struct th_samples *ms)
{
    unsigned count = 0;

    for (unsigned i = 0; i < TRIES_MAX && count < CONNECTS; i++) {
        struct th_node *from = mesh->node[th_rng_below(rng, NODES)];
        struct th_node *to = mesh->node[th_rng_below(rng, NODES)];
        if (from == to || has_line(from, to) || has_line(to, from))
            continue;
        uint64_t begun_at = uv_hrtime();
        if (th_node_connect(from, th_node_hashname(to), WAIT_MS / 2, on_connected, mesh) != TH_OK ||
            !wait_for(&mesh->done) || mesh->result != TH_OK ||
            th_samples_add(ms, (double)(mesh->ended_at - begun_at) / 1e6) != TH_OK)
            return false;
        count++;
    }
    return count > 0;
}

/* Milliseconds, a line each. */
static const char script[] =
    "const DHT = require('hyperdht'), count = Number(process.argv[2]);\n"
    "require('hyperdht/testnet')(20).then(async ({ nodes }) => {\n"
    "  for (let i = 0; i < count; i++) {\n"
    "    const from = nodes[i % 20], to = nodes[(i * 7 + 3) % 20], keys = DHT.keyPair();\n"
    "    if (from === to) continue;\n"
    "    const server = to.createServer((stream) => stream.on('error', () => {}));\n"
    "    await server.listen(keys);\n"
    "    const begun = process.hrtime.bigint(), stream = from.connect(keys.publicKey);\n"
    "    stream.on('error', () => {});\n"
    "    await new Promise((done) => stream.on('open', done));\n"
    "    console.log(Number(process.hrtime.bigint() - begun) / 1e6);\n"
    "    stream.destroy(); await server.close();\n"
    "  }\n"
    "  process.exit(0);\n"
    "});\n"
    "setTimeout(() => process.exit(1), 60000);\n";

/* The value below which 95 % of them lie; they are sorted. */
static double highest_of_95(const struct th_samples *samples)
{
    return samples->count > 0 ? samples->at[(samples->count - 1) * 95 / 100] : 0;
}

static void tell(struct th_bench *bench, struct th_samples *ours, struct th_samples *theirs)
{
    struct th_figure figure = {.suite = "streams",
                               .name = "connect_ms",
                               .what = "connect by hashname in a mesh of 20",
                               .unit = "ms",
                               .is_less_better = true,
                               .reference = "hyperdht",
                               .goal = 3};

    th_figure_fill(&figure, ours, theirs);
    th_bench_tell(bench, &figure);
    figure.name = "connect_p95_ms";
    figure.value = highest_of_95(ours);
    figure.reference_value = highest_of_95(theirs);
    th_bench_tell(bench, &figure);
}

bool th_bench_connect(struct th_bench *bench)
{
    static struct mesh mesh;
    struct th_samples ours = {0}, theirs = {0};
    static const uint8_t seed[TH_RNG_SEED_BYTES];
    struct th_rng rng;
    bool is_ok = true;

    th_rng_init(&rng, seed);
    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        is_ok = begin(&mesh) && take(&mesh, &rng, &ours);
        end(&mesh);
        th_npm_run(script, CONNECTS, &theirs);
    }
    if (is_ok && theirs.count == 0)
        th_bench_note("connect_ms: no hyperdht to compare with; THBENCH_NPM names a folder in "
                      "which npm has installed it");
    if (is_ok)
        tell(bench, &ours, &theirs);
    else
        th_bench_note("connect_ms: a node of the mesh did not join, or a connect failed");
    th_samples_clear(&ours);
    th_samples_clear(&theirs);
    return is_ok;
}

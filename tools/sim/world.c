#include "tools/sim/world.h"

#include "switch/base/mem.h"
#include "switch/wire/json_hash.h"
#include "tools/sim/cipher_null.h"
#include "tools/sim/probe.h"
#include "tools/sim/watch.h"
#include "tools/sim/world_disk.h"

#include <inttypes.h>
#include <sodium.h>

enum { MONO_AT_FIRST = 1000, STALL_ONE_IN = 1000, STATUS_MS = 10000 };

/* --- what is due --- */

struct alarm {
    struct th_heap_node due;
    th_world_fn fn;
    void *data;
    uint64_t number;
};

static void *need(void *memory)
{
    TH_CHECK(memory != NULL); /* a simulation without memory has nothing to say */
    return memory;
}

static void set_due(struct th_world *world, struct th_heap *heap, struct th_heap_node *due,
                    th_ms at)
{
    TH_CHECK(at == TH_NEVER || at >= world->now);
    TH_CHECK(th_heap_reserve(heap) == TH_OK);
    th_heap_set(heap, due, at);
}

void th_world_at(struct th_world *world, th_ms at, th_world_fn fn, void *data, uint64_t number)
{
    struct alarm *alarm = need(th_mem_zalloc(1, sizeof *alarm));

    *alarm = (struct alarm){.fn = fn, .data = data, .number = number};
    set_due(world, &world->alarms, &alarm->due, at);
}

static void ring(struct th_world *world)
{
    struct alarm *alarm = TH_HEAP_OWNER(th_heap_first(&world->alarms), struct alarm, due);

    th_heap_set(&world->alarms, &alarm->due, TH_NEVER);
    alarm->fn(world, alarm->data, alarm->number);
    th_mem_free(alarm);
}

/* --- running a node --- */

static void plan(struct th_world_node *node)
{
    th_ms next = node->host ? th_host_sim_next(node->host) : TH_NEVER;

    if (next != TH_NEVER)
        next += node->behind;
    if (node->state == TH_WORLD_STOPPED)
        next = node->stopped_until;
    set_due(node->world, &node->world->due, &node->due, next);
}

static void run_now(struct th_world_node *node)
{
    th_host_sim_move(node->host, node->world->now - node->behind);
    while (th_host_sim_once(node->host))
        continue;
    plan(node);
}

static void go_on(struct th_world_node *node)
{
    if (node->state == TH_WORLD_STOPPED) {
        node->state = TH_WORLD_UP;
        th_sim_trace_say(&node->world->trace, node->world->now, node->index, "goes on");
    }
    run_now(node);
}

/* Step by step: the node and its host, its servers, their states, and then what the switch needs. */
static void expect(const struct th_sim_port *port, struct th_bytes bytes, unsigned before)
{
    enum { SWITCH_STEPS = 4 };
    const struct th_world_node *node = port->owner;

    if (node == NULL || port->receiver == 0)
        return;
    if (before == TH_SIM_NEAR - 1)
        th_mem_fetch(node, sizeof *node);
    if (before >= SWITCH_STEPS) {
        th_host_sim_expect(port->host, before - SWITCH_STEPS);
        return;
    }
    const void *state = th_host_sim_state(port->host, port->receiver);
    if (state && !node->is_bare)
        th_switch_expect(state, bytes, before);
}

static void deliver(struct th_world *world, const struct th_sim_arrival *arrival)
{
    struct th_world_node *node = arrival->port->owner;
    struct th_msg msg = {.kind = &th_net_msg_datagrams, .body = arrival->batch};

    if (node->state != TH_WORLD_STOPPED) {
        node->backlog = 0;
        th_host_sim_move(node->host, world->now - node->behind);
        th_post(node->host, arrival->port->receiver, msg);
        run_now(node);
    } else if (node->is_clock_stopped || node->backlog >= TH_WORLD_BACKLOG_MAX) {
        th_msg_drop(&msg);
    } else {
        node->backlog++;
        th_net_sim_delay(&world->net, arrival, node->stopped_until);
    }
}

bool th_world_step(struct th_world *world, th_ms until)
{
    th_ms node_at = th_heap_next(&world->due);
    th_ms alarm_at = th_heap_next(&world->alarms);
    th_ms net_at = th_net_sim_next(&world->net);
    th_ms next = th_sooner(node_at, th_sooner(alarm_at, net_at));
    struct th_sim_arrival arrival;

    if (next > until) {
        world->now = world->now < until ? until : world->now;
        world->net.now = world->now;
        return false;
    }
    world->now = next;
    world->net.now = next;
    if (alarm_at <= next)
        ring(world);
    else if (node_at <= next)
        go_on(TH_HEAP_OWNER(th_heap_first(&world->due), struct th_world_node, due));
    else if (th_net_sim_take(&world->net, &arrival))
        deliver(world, &arrival);
    return true;
}

void th_world_run(struct th_world *world, th_ms until)
{
    while (th_world_step(world, until))
        continue;
}

/* Only printed; the hash is the same whether anybody reads along or not. */
static void print_log(void *data, enum th_log_level level, const char *topic, const char *text)
{
    const struct th_world_node *node = data;
    struct th_sim_trace *trace = &node->world->trace;

    th_sim_trace_print(trace, node->world->now, node->index, "%s says %s: %s", topic,
                       th_log_level_name(level), text);
}

/* --- a node's life --- */

static enum th_nat_kind draw_nat(struct th_world *world)
{
    if (th_rng_below(&world->node_rng, TH_SIM_PER_MILLE) >= world->options.faults.nat)
        return TH_NAT_NONE;
    return (enum th_nat_kind)th_rng_between(&world->node_rng, 1, TH_NAT_KINDS - 1);
}

static void draw_identity(struct th_world_node *node)
{
    uint8_t seed[TH_KEY_BYTES];

    th_rng_fill(&node->world->node_rng, seed, sizeof seed);
    if (node->world->options.faults.null)
        th_identity_make_of(&node->id, &th_cipher_null, seed);
    else
        th_identity_make(&node->id, seed);
    th_rng_fill(&node->world->node_rng, node->rng_seed, sizeof node->rng_seed);
}

static th_epoch_ms draw_skew(struct th_world *world)
{
    uint32_t skew = world->options.faults.skew;
    uint64_t draw = skew ? th_rng_between(&world->node_rng, 0, 2 * (uint64_t)skew) : 0;

    return (th_epoch_ms)draw - (th_epoch_ms)skew;
}

static void list_node(struct th_world *world, struct th_world_node *node)
{
    if (world->count == world->room) {
        world->room = world->room ? 2 * world->room : 64;
        world->node = need(th_mem_resize(world->node, world->room, sizeof *world->node));
    }
    world->node[world->count++] = node;
}

struct th_world_node *th_world_add(struct th_world *world, const struct th_sim_port_options *port)
{
    struct th_world_node *node = need(th_mem_zalloc(1, sizeof *node));
    struct th_sim_port_options options = {.bytes_per_s = world->options.faults.rate};

    options.nat = draw_nat(world);
    node->world = world;
    node->index = world->count;
    node->wall_off = draw_skew(world);
    draw_identity(node);
    TH_CHECK(th_net_sim_add(&world->net, port ? port : &options, &node->port) == TH_OK);
    node->port->owner = node;
    list_node(world, node);
    return node;
}

void th_world_entry(const struct th_world_node *node, struct th_seed *out)
{
    *out = (struct th_seed){.id = node->id.hashname,
                            .parts = node->id.parts,
                            .key = node->id.keys.pub,
                            .paths = {.count = 1, .addr = {th_sim_port_addr(node->port)}}};
}

static void draw_start(struct th_world_node *node, uint8_t seed[TH_RNG_SEED_BYTES],
                       uint64_t *host_seed)
{
    struct th_rng rng;

    th_rng_init(&rng, node->rng_seed); /* another at each start, as a daemon's is */
    th_rng_fill(&rng, node->rng_seed, sizeof node->rng_seed);
    th_rng_fill(&rng, seed, TH_RNG_SEED_BYTES);
    *host_seed = th_rng_u64(&rng) | 1;
    th_rng_clear(&rng);
}

static void set_up_host(struct th_world_node *node, uint64_t host_seed)
{
    struct th_world *world = node->world;
    const struct th_host_sim_pace pace = {.delay_max = world->options.faults.delay,
                                          .stall_max = world->options.faults.stall,
                                          .stall_one_in =
                                              world->options.faults.stall ? STALL_ONE_IN : 0};

    TH_CHECK(th_host_sim_new(&node->host, host_seed) == TH_OK);
    TH_CHECK(th_host_sim_place(node->host, "switch", &node->switch_place) == TH_OK);
    TH_CHECK(th_host_sim_place(node->host, "rest", &node->rest_place) == TH_OK);
    if (pace.delay_max > 0 || pace.stall_max > 0)
        th_host_sim_set_pace(node->host, &pace);
    node->behind = world->now - MONO_AT_FIRST; /* wraps, and back when it is added */
    th_host_sim_set_wall(node->host, TH_WORLD_EPOCH + (th_epoch_ms)world->now + node->wall_off);
    th_world_watch_host(node);
}

static void start_tree(struct th_world_node *node, const uint8_t seed[TH_RNG_SEED_BYTES])
{
    const struct th_world *world = node->world;
    struct th_node_config config = {.identity = &node->id,
                                    .seeds = node->seeds,
                                    .remembered = node->remembered,
                                    .net = &node->port->net,
                                    .log = &node->log,
                                    .scope = TH_WORLD_SCOPE,
                                    .k = node->k ? node->k : world->options.faults.k,
                                    .links_max = node->links_max,
                                    .is_seed = !node->is_not_seed,
                                    .bridge.is_for_everybody = node->is_bridge,
                                    .idle_ms = world->options.faults.idle * 1000ull,
                                    .at_floor = node->at_floor,
                                    .switch_place = node->switch_place,
                                    .dialer_place = node->rest_place,
                                    .router_place = node->rest_place,
                                    .bootstrap_place = node->rest_place,
                                    .supervisor_place = node->rest_place};

    memcpy(config.rng_seed, seed, sizeof config.rng_seed);
    if (node->disk)
        th_world_read_disk(node, &config);
    TH_CHECK(th_node_tree_start(&node->tree, node->host, &config) == TH_OK);
}

static void start_probe(struct th_world_node *node)
{
    const struct th_server_spec spec = {.ops = &th_probe_ops,
                                        .arg = node,
                                        .name = TH_PROBE,
                                        .scope = TH_WORLD_SCOPE,
                                        .place = node->rest_place};

    TH_CHECK(th_spawn(node->host, &spec, &node->probe) == TH_OK);
}

void th_world_start(struct th_world_node *node)
{
    struct th_world *world = node->world;
    uint8_t seed[TH_RNG_SEED_BYTES];
    uint64_t host_seed;

    TH_CHECK(node->state == TH_WORLD_DOWN);
    draw_start(node, seed, &host_seed);
    if (world->trace.out)
        node->log = (struct th_log){TH_LOG_DEBUG, print_log, node};
    node->state = TH_WORLD_UP;
    node->node_state = TH_NODE_STARTING;
    node->started_at = world->now;
    node->ready_at = 0;
    node->stopped_until = 0;
    node->starts++;
    world->up_count++;
    th_sim_trace_say(&world->trace, world->now, node->index, "is started");
    set_up_host(node, host_seed);
    if (!node->is_bare)
        start_tree(node, seed);
    start_probe(node);
    plan(node);
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_up)
            world->hooks[i].on_up(world->hooks[i].data, node);
}

/* Its host is alone by now, so that nobody notices if its clock goes on. */
static void keep_at(struct th_world_node *node)
{
    struct th_msg reply = {0};
    th_pid pid = th_whereis(node->host, TH_WORLD_SCOPE, TH_NODE_SWITCH);

    if (th_call_wait(node->host, pid, (struct th_msg){.kind = &th_switch_msg_status}, STATUS_MS,
                     &reply) == TH_OK)
        node->at_floor = ((const struct th_switch_status *)reply.body)->at_highest;
    th_msg_drop(&reply);
}

void th_world_kill(struct th_world_node *node)
{
    struct th_world *world = node->world;

    if (node->state == TH_WORLD_DOWN)
        return;
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_down)
            world->hooks[i].on_down(world->hooks[i].data, node);
    th_sim_trace_say(&world->trace, world->now, node->index, "is killed");
    node->port->receiver = 0;
    node->state = TH_WORLD_DOWN;
    world->up_count--;
    th_world_watch_end(node);
    if (node->disk)
        th_disk_sim_halt(&node->disk->sim);
    else
        keep_at(node);
    th_host_sim_close(node->host);
    if (node->disk)
        th_disk_sim_resume(&node->disk->sim);
    th_node_tree_free(node->tree);
    node->host = NULL;
    node->tree = NULL;
    node->probe = 0;
    plan(node);
}

void th_world_forget(struct th_world_node *node)
{
    TH_CHECK(node->state == TH_WORLD_DOWN);
    th_sim_trace_say(&node->world->trace, node->world->now, node->index, "loses its disk");
    node->at_floor = 0;
    if (node->disk)
        th_world_lose_disk(node);
    draw_identity(node);
}

void th_world_stop(struct th_world_node *node, th_ms for_ms, bool is_clock_running)
{
    if (node->state != TH_WORLD_UP)
        return;
    th_sim_trace_say(&node->world->trace, node->world->now, node->index,
                     "is stopped for %" PRIu64 " ms%s", for_ms,
                     is_clock_running ? "" : ", and so is its clock");
    node->state = TH_WORLD_STOPPED;
    node->stopped_until = node->world->now + for_ms;
    node->is_clock_stopped = !is_clock_running;
    if (!is_clock_running) {
        node->behind += for_ms;
        node->wall_off -= (th_epoch_ms)for_ms;
    }
    plan(node);
}

void th_world_step_clock(struct th_world_node *node, th_epoch_ms by)
{
    struct th_world *world = node->world;

    th_sim_trace_say(&world->trace, world->now, node->index, "has its clock set by %" PRId64 " ms",
                     by);
    node->wall_off += by;
    if (node->host)
        th_host_sim_set_wall(node->host, th_host_now(node->host).wall + by);
}

void th_world_move(struct th_world_node *node)
{
    TH_CHECK(th_net_sim_move(node->port) == TH_OK);
    th_sim_trace_say(&node->world->trace, node->world->now, node->index, "has another address");
}

/* --- asking --- */

static void ask(struct th_world_node *node, struct th_probe_ask question)
{
    struct th_probe_ask *body = need(th_mem_zalloc(1, sizeof *body));

    *body = question;
    body->node = node;
    if (node->state == TH_WORLD_UP)
        th_host_sim_move(node->host, node->world->now - node->behind);
    if (node->host == NULL) {
        th_probe_msg_ask.drop(body);
        return;
    }
    th_post(node->host, node->probe, (struct th_msg){.kind = &th_probe_msg_ask, .body = body});
    plan(node);
}

void th_world_spawn(struct th_world_node *node, const struct th_server_ops *ops, void *arg)
{
    const struct th_server_spec spec = {.ops = ops,
                                        .arg = arg,
                                        .name = ops->name,
                                        .scope = TH_WORLD_SCOPE,
                                        .place = node->rest_place};
    th_pid pid;

    TH_CHECK(node->state == TH_WORLD_UP);
    th_host_sim_move(node->host, node->world->now - node->behind);
    TH_CHECK(th_spawn(node->host, &spec, &pid) == TH_OK);
    plan(node);
}

void th_world_post(struct th_world_node *node, const char *server, struct th_msg msg)
{
    if (node->state == TH_WORLD_UP)
        th_host_sim_move(node->host, node->world->now - node->behind);
    if (node->host == NULL) {
        th_msg_drop(&msg);
        return;
    }
    th_post(node->host, th_whereis(node->host, TH_WORLD_SCOPE, server), msg);
    plan(node);
}

struct dialing {
    th_world_dialed_fn on_dialed;
    void *data;
};

static void on_dialed(void *data, struct th_world_node *node, enum th_err why, struct th_msg *reply)
{
    struct dialing *dialing = data;

    dialing->on_dialed(dialing->data, node, why, reply ? reply->body : NULL);
    th_mem_free(dialing);
}

void th_world_dial(struct th_world_node *from, const struct th_hashname *target,
                   enum th_dial_mode mode, th_ms timeout_ms, th_world_dialed_fn fn, void *data)
{
    struct dialing *dialing = need(th_mem_zalloc(1, sizeof *dialing));
    struct th_dial *dial = need(th_mem_zalloc(1, sizeof *dial));

    *dialing = (struct dialing){fn, data};
    dial->target = *target;
    dial->mode = mode;
    dial->always_seek = true;
    dial->timeout_ms = timeout_ms;
    ask(from,
        (struct th_probe_ask){.server = TH_NODE_DIALER,
                              .msg = {.kind = &th_dialer_msg_dial, .body = dial},
                              .timeout_ms = (timeout_ms ? timeout_ms : TH_DIAL_MS_DEFAULT) + 60000,
                              .on_answer = on_dialed,
                              .data = dialing});
}

struct answer {
    bool is_there;
    enum th_err why;
    struct th_msg reply;
};

static void on_answer(void *data, struct th_world_node *node, enum th_err why, struct th_msg *reply)
{
    struct answer *answer = data;

    (void)node;
    answer->is_there = true;
    answer->why = why;
    if (reply) {
        answer->reply = *reply;
        reply->body = NULL;
    }
}

enum th_err th_world_call(struct th_world_node *node, const char *server, struct th_msg msg,
                          th_ms timeout_ms, struct th_msg *reply)
{
    struct answer answer = {0};

    ask(node, (struct th_probe_ask){.server = server,
                                    .msg = msg,
                                    .timeout_ms = timeout_ms,
                                    .on_answer = on_answer,
                                    .data = &answer});
    while (!answer.is_there)
        TH_CHECK(th_world_step(node->world, TH_NEVER - 1)); /* somebody is due until it is told */
    if (answer.why == TH_OK)
        *reply = answer.reply;
    return answer.why;
}

struct th_world_node *th_world_any(struct th_world *world)
{
    struct th_world_node *node = NULL;

    while (world->up_count > 0 && (node == NULL || node->state == TH_WORLD_DOWN))
        node = world->node[th_rng_below(&world->rng, world->count)];
    return node;
}

/* --- life of a world --- */

static const char *rng_name(void)
{
    return "none";
}

static uint32_t rng_u32(void)
{
    bool is_seeded = false;

    TH_CHECK(is_seeded); /* the system's randomness: no run could be replayed */
    return 0;
}

static void rng_fill(void *const bytes, const size_t len)
{
    (void)bytes, (void)len;
    rng_u32();
}

static void forbid_randomness(void)
{
    static randombytes_implementation forbidden = {
        .implementation_name = rng_name, .random = rng_u32, .buf = rng_fill};

    TH_CHECK(sodium_init() >= 0); /* which itself draws some */
    randombytes_set_implementation(&forbidden);
    th_json_fix_hash();
}

void th_world_init(struct th_world *world, const struct th_world_options *options)
{
    const struct th_faults *faults = &options->faults;
    const struct th_net_sim_options net = {.rtt_ms = faults->rtt,
                                           .jitter_percent = faults->jitter,
                                           .loss = faults->loss,
                                           .duplicate = faults->dup,
                                           .reorder = faults->reorder,
                                           .corrupt = faults->corrupt};
    uint8_t seed[TH_RNG_SEED_BYTES] = "world";

    forbid_randomness();
    *world = (struct th_world){.options = *options};
    for (unsigned i = 0; i < 8; i++)
        seed[16 + i] = (uint8_t)(options->rng_seed >> (8 * i));
    th_rng_init(&world->rng, seed);
    th_rng_fork(&world->rng, &world->node_rng);
    th_net_sim_init(&world->net, &net, options->rng_seed);
    world->net.on_near = expect;
    th_sim_trace_init(&world->trace);
    th_world_watch_net(world);
}

void th_world_clear(struct th_world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        th_world_kill(world->node[i]);
    th_net_sim_clear(&world->net);
    for (unsigned i = 0; i < world->count; i++) {
        th_identity_clear(&world->node[i]->id);
        th_world_free_disk(world->node[i]);
        th_mem_free(world->node[i]);
    }
    th_mem_free(world->node);
    while (th_heap_first(&world->alarms)) {
        struct alarm *alarm = TH_HEAP_OWNER(th_heap_first(&world->alarms), struct alarm, due);
        th_heap_set(&world->alarms, &alarm->due, TH_NEVER);
        th_mem_free(alarm);
    }
    th_heap_clear(&world->alarms);
    th_heap_clear(&world->due);
    th_rng_clear(&world->rng);
    th_rng_clear(&world->node_rng);
}

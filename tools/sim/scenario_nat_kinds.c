/*
 * Nodes behind every kind of NAT; how each of the 25 ordered pairs of kinds reaches the other. Direct is
 * what two can be whose NATs let them: only a symmetric NAT with a strict one at the other end cannot. One
 * in four of the nodes without NAT is a bridge for everybody.
 *
 * In nat-homes three nodes are behind each NAT box, of which every second hairpins. Those of one home can
 * be direct whatever its kind. One in three without NAT is a bridge.
 */
#include "tools/sim/stage.h"

#include "switch/base/mem.h"

#include <string.h>

enum {
    BATCH = 20,          /* pairs that dial at once */
    MET_MS = 20000,      /* until it is seen how they met: some searches for a direct way */
    BRIDGES_ONE_IN = 20, /* of all nodes, a fifth of which has no NAT */
    /* Of the pairs of two kinds, some 40, so many and one more may miss, but of all pairs few: a relay
     * needs a node between that reaches both directly, and a dial asks six. */
    OF_KINDS_PER_MILLE = 850,
    HOME = 3,           /* nodes behind one NAT box */
    AT_HOME_ONE_IN = 5, /* pairs, that are of one home */
    AT_HOME_PER_MILLE = 980,
    UNREACHED_PER_MILLE = 20
};

enum way { DIRECT, BRIDGED, RELAYED, NONE, WAYS };

/* What the dial says. */
struct told {
    enum th_err result;
    bool is_found;
    th_ms took_ms;
    unsigned asked, ways;
};

struct pairs {
    struct th_sim *sim;
    struct th_world_node *from[BATCH], *to[BATCH];
    struct told told[BATCH];
    bool has_homes;
    uint64_t at_home[2][WAYS]; /* whose box does not hairpin, and does */
    uint64_t seen[TH_NAT_KINDS][TH_NAT_KINDS][WAYS];
};

static enum th_nat_kind nat_of(const struct th_world_node *node)
{
    return node->port->options.nat;
}

/* Nobody can say from which port the one will be seen, and the other lets in exactly whom it sent to. */
static bool can_be_direct(enum th_nat_kind a, enum th_nat_kind b)
{
    bool is_strict_a = a == TH_NAT_PORT_RESTRICTED || a == TH_NAT_SYMMETRIC;
    bool is_strict_b = b == TH_NAT_PORT_RESTRICTED || b == TH_NAT_SYMMETRIC;

    return !((a == TH_NAT_SYMMETRIC && is_strict_b) || (b == TH_NAT_SYMMETRIC && is_strict_a));
}

static void on_dialed(void *data, struct th_world_node *from, enum th_err why,
                      const struct th_dialed *dialed)
{
    struct told *told = data;

    (void)from;
    *told = why != TH_OK ? (struct told){.result = why}
                         : (struct told){.result = dialed->result,
                                         .is_found = dialed->is_found,
                                         .took_ms = dialed->took_ms,
                                         .asked = dialed->asked,
                                         .ways = dialed->way_count};
}

static bool is_of_one_home(const struct th_world_node *a, const struct th_world_node *b)
{
    return a->port->box == b->port->box;
}

/* At its own address; that of a bridge to which there is no line any more is not. */
static bool is_at(const struct th_line_look *line, const struct th_world_node *from,
                  const struct th_world_node *to)
{
    struct th_addr outside = th_sim_port_addr(to->port);

    return is_of_one_home(from, to) || memcmp(line->addr.ip, outside.ip, sizeof outside.ip) == 0;
}

static enum way way_to(struct th_world_node *from, const struct th_world_node *to)
{
    struct th_msg reply;
    enum way way = NONE;

    if (th_world_call(from, TH_NODE_SWITCH, (struct th_msg){.kind = &th_switch_msg_lines},
                      TH_SIM_MINUTE, &reply) != TH_OK)
        return NONE;
    const struct th_switch_lines *lines = reply.body;
    for (unsigned i = 0; i < lines->count; i++) {
        const struct th_line_look *line = &lines->line[i];
        if (!line->is_up || !th_hashname_is_equal(&line->id, &to->id.hashname))
            continue;
        bool is_direct = line->has_addr && !line->has_middle && is_at(line, from, to);
        way = is_direct ? DIRECT : line->has_addr ? BRIDGED : RELAYED;
    }
    th_msg_drop(&reply);
    return way;
}

static void draw(struct pairs *pairs, unsigned i)
{
    struct th_world *world = &pairs->sim->world;
    bool is_at_home = pairs->has_homes && i % AT_HOME_ONE_IN == 0;

    do {
        pairs->from[i] = world->node[th_rng_below(&world->rng, world->count)];
        pairs->to[i] = world->node[th_rng_below(&world->rng, world->count)];
    } while (pairs->from[i] == pairs->to[i] ||
             is_of_one_home(pairs->from[i], pairs->to[i]) != is_at_home);
}

/* Whom to look at in a replay. */
static void note_unreached(struct pairs *pairs, unsigned i)
{
    const struct th_world_node *from = pairs->from[i], *to = pairs->to[i];
    const struct told *told = &pairs->told[i];

    th_sim_note(pairs->sim, 0, "%.8s (%s) missed %.8s (%s): %s, %sfound, %u ms, %u asked, %u ways",
                th_hashname_short(&from->id.hashname).hex, th_nat_kind_name(nat_of(from)),
                th_hashname_short(&to->id.hashname).hex, th_nat_kind_name(nat_of(to)),
                th_strerror(told->result), told->is_found ? "" : "not ", (unsigned)told->took_ms,
                told->asked, told->ways);
}

static void meet(struct pairs *pairs, unsigned count)
{
    struct th_sim *sim = pairs->sim;

    for (unsigned i = 0; i < count; i++) {
        draw(pairs, i);
        pairs->told[i] = (struct told){.result = TH_TIMED_OUT};
        th_world_dial(pairs->from[i], &pairs->to[i]->id.hashname, TH_DIAL_REACH, 0, on_dialed,
                      &pairs->told[i]);
    }
    th_sim_run_to(sim, sim->world.now + MET_MS);
    for (unsigned i = 0; i < count; i++) {
        enum way way = way_to(pairs->from[i], pairs->to[i]);
        if (way == NONE && pairs->told[i].result == TH_OK)
            continue; /* the line had been there for long, and ended, for nobody used it */
        if (way == NONE)
            note_unreached(pairs, i);
        if (is_of_one_home(pairs->from[i], pairs->to[i]))
            pairs->at_home[pairs->from[i]->port->box->options.hairpins][way]++;
        else
            pairs->seen[nat_of(pairs->from[i])][nat_of(pairs->to[i])][way]++;
    }
}

static void judge_kinds(struct pairs *pairs, enum th_nat_kind a, enum th_nat_kind b)
{
    const uint64_t *seen = pairs->seen[a][b];
    uint64_t all = seen[DIRECT] + seen[BRIDGED] + seen[RELAYED] + seen[NONE];
    uint64_t good = can_be_direct(a, b) ? seen[DIRECT] : all - seen[NONE];

    th_sim_note(pairs->sim, 0, "%s to %s: %u direct, %u bridged, %u relayed, %u not",
                th_nat_kind_name(a), th_nat_kind_name(b), (unsigned)seen[DIRECT],
                (unsigned)seen[BRIDGED], (unsigned)seen[RELAYED], (unsigned)seen[NONE]);
    th_sim_check(pairs->sim, can_be_direct(a, b) || seen[DIRECT] == 0, "nat_model",
                 "%s met %s directly, which cannot be", th_nat_kind_name(a), th_nat_kind_name(b));
    th_sim_check(pairs->sim, (good + 1) * 1000 >= all * OF_KINDS_PER_MILLE, "nat_kinds",
                 "%s to %s: %u of %u were %s", th_nat_kind_name(a), th_nat_kind_name(b),
                 (unsigned)good, (unsigned)all, can_be_direct(a, b) ? "direct" : "reached");
}

static void judge_homes(struct pairs *pairs)
{
    static const char *const names[] = {"home_direct_percent", "hairpin_home_direct_percent"};

    for (unsigned i = 0; i < 2; i++) {
        const uint64_t *seen = pairs->at_home[i];
        uint64_t all = seen[DIRECT] + seen[BRIDGED] + seen[RELAYED] + seen[NONE];
        if (all == 0)
            continue;
        th_sim_note(pairs->sim, 0, "at home, %s hairpin: %u direct, %u bridged, %u relayed, %u not",
                    i ? "with a" : "without", (unsigned)seen[DIRECT], (unsigned)seen[BRIDGED],
                    (unsigned)seen[RELAYED], (unsigned)seen[NONE]);
        th_sim_figure(pairs->sim, names[i], 100.0 * (double)seen[DIRECT] / (double)all, 100.0);
        th_sim_check(pairs->sim, (seen[DIRECT] + 1) * 1000 >= all * AT_HOME_PER_MILLE, "nat_homes",
                     "%u of %u pairs of one home were direct", (unsigned)seen[DIRECT],
                     (unsigned)all);
    }
}

static void judge(struct pairs *pairs)
{
    static const char *const names[WAYS] = {"direct_percent", "bridged_percent", "relayed_percent",
                                            "unreached_percent"};
    uint64_t sum[WAYS] = {0}, all = 0;

    for (unsigned a = 0; a < TH_NAT_KINDS; a++)
        for (unsigned b = 0; b < TH_NAT_KINDS; b++) {
            judge_kinds(pairs, (enum th_nat_kind)a, (enum th_nat_kind)b);
            for (unsigned way = 0; way < WAYS; way++) {
                sum[way] += pairs->seen[a][b][way];
                all += pairs->seen[a][b][way];
            }
        }
    th_sim_check(pairs->sim, sum[NONE] * 1000 <= all * UNREACHED_PER_MILLE, "nat_unreached",
                 "%u of %u were not reached", (unsigned)sum[NONE], (unsigned)all);
    for (unsigned way = 0; way < WAYS && all > 0; way++)
        th_sim_figure(pairs->sim, names[way], 100.0 * (double)sum[way] / (double)all,
                      way == NONE ? 0.1 : TH_SIM_NO_GOAL);
}

static void add_kinds(struct th_sim *sim)
{
    for (unsigned i = 0; i < sim->plan.nodes; i++) {
        struct th_sim_port_options options = {.bytes_per_s = sim->plan.faults.rate};
        if (i >= sim->plan.faults.seeds)
            options.nat = (enum th_nat_kind)(i % TH_NAT_KINDS);
        struct th_world_node *node = th_sim_add_node(sim, &options);
        node->is_bridge = options.nat == TH_NAT_NONE && i % BRIDGES_ONE_IN == 0;
    }
}

static void add_homes(struct th_sim *sim)
{
    for (unsigned i = 0; i < sim->plan.nodes; i++) {
        struct th_sim_port_options options = {.bytes_per_s = sim->plan.faults.rate};
        unsigned number = i - (unsigned)sim->plan.faults.seeds, box = number / HOME;
        if (i >= sim->plan.faults.seeds) {
            options.nat = (enum th_nat_kind)(box % TH_NAT_KINDS);
            options.is_beside_previous = options.nat != TH_NAT_NONE && number % HOME > 0;
            options.hairpins = box / TH_NAT_KINDS % 2 == 1;
        }
        struct th_world_node *node = th_sim_add_node(sim, &options);
        node->is_bridge = options.nat == TH_NAT_NONE && i % HOME == 0;
    }
}

static void meet_all(struct th_sim *sim, bool has_homes)
{
    struct pairs *pairs = th_mem_zalloc(1, sizeof *pairs);
    uint64_t left = sim->plan.faults.lookups;

    TH_CHECK(pairs != NULL);
    pairs->sim = sim;
    pairs->has_homes = has_homes;
    th_sim_settle_added(sim);
    for (; left > 0; left -= left < BATCH ? left : BATCH)
        meet(pairs, left < BATCH ? (unsigned)left : BATCH);
    judge(pairs);
    judge_homes(pairs);
    th_mem_free(pairs);
}

static void nat_kinds(struct th_sim *sim)
{
    add_kinds(sim);
    meet_all(sim, false);
}

static void nat_homes(struct th_sim *sim)
{
    add_homes(sim);
    meet_all(sim, true);
}

extern const struct th_scenario th_scenario_nat_homes;
const struct th_scenario th_scenario_nat_homes = {
    .name = "nat-homes",
    .about = "three nodes behind each NAT box: who meets whom, at home and away",
    .nodes = 100,
    .nodes_min = 32,
    .length = 4 * TH_SIM_MINUTE,
    .run = nat_homes,
};

extern const struct th_scenario th_scenario_nat_kinds;
const struct th_scenario th_scenario_nat_kinds = {
    .name = "nat-kinds",
    .about = "every kind of NAT: who meets whom directly, by a bridge, by a relay",
    .nodes = 100,
    .nodes_min = 10,
    .length = 4 * TH_SIM_MINUTE,
    .run = nat_kinds,
};

/* 100 addresses send opens to one node, each of another sender that nobody knows, at more than twice
 * what the node decrypts. Its lines go on, and it grows no more than its limits say. */
#include "tools/sim/stage.h"
#include "tools/sim/stranger.h"

enum {
    ADDRESSES = 100,
    OPENS_PER_MS = 5, /* of all together */
    STALLS = 5, /* so many of the longest, and a switch has read what came while it stood still */
    GROWTH_KIB_GOAL = 1024
};

struct flood {
    struct th_sim *sim;
    const struct th_world_node *victim;
    struct th_sim_port *port[ADDRESSES];
    th_ms until;
    uint64_t sent;
};

static void send_open(struct flood *flood, struct th_sim_port *port)
{
    const struct th_addr to = th_sim_port_addr(flood->victim->port);
    uint8_t bytes[TH_OPEN_MAX];
    size_t len = th_sim_stranger_open(flood->victim, bytes);

    th_sim_port_send(port, &to, (struct th_bytes){bytes, len});
    flood->sent++;
}

static void send_some(struct th_world *world, void *data, uint64_t number)
{
    struct flood *flood = data;

    (void)number;
    for (unsigned i = 0; i < OPENS_PER_MS; i++)
        send_open(flood, flood->port[flood->sent % ADDRESSES]);
    if (world->now < flood->until)
        th_world_at(world, world->now + 1, send_some, data, 0);
}

static uint64_t kib_taken(void)
{
    return th_sim_heap_bytes() / 1024;
}

static bool is_of_victim(const struct th_sim *sim, const struct th_world_node *from,
                         const struct th_world_node *to)
{
    return sim->mark[from->index] || sim->mark[to->index];
}

/* Links of the victim that are the same as before. */
static unsigned count_links(const struct th_sim *sim, const struct th_world_node *victim)
{
    unsigned count = 0;

    for (unsigned i = 0; i < sim->world.count; i++)
        count += th_sim_mesh_is_linked(&sim->mesh, victim, &sim->world.node[i]->id.hashname);
    return count;
}

static void check_victim(struct th_sim *sim, struct th_world_node *victim,
                         const struct flood *flood)
{
    const struct th_faults *faults = &sim->plan.faults;
    struct th_msg reply = {0};

    enum th_err err =
        th_world_call(victim, TH_NODE_SWITCH, (struct th_msg){.kind = &th_switch_msg_status},
                      TH_SIM_MINUTE, &reply);
    if (!th_sim_check(sim, err == TH_OK, "answers", "the victim's switch does not: %s",
                      th_strerror(err)))
        return;
    const struct th_switch_status *status = reply.body;
    uint64_t over = status->drops.n[TH_DROP_OPEN_LIMIT];
    uint64_t seconds = sim->length / 1000, granted = seconds * TH_OPENS_PER_S + TH_OPENS_BURST;
    th_sim_figure(sim, "opens_sent", (double)flood->sent, TH_SIM_NO_GOAL);
    th_sim_figure(sim, "opens_dropped", (double)over, TH_SIM_NO_GOAL);
    th_sim_check(sim, status->exchanges <= TH_EXCHANGES_MAX, "exchanges", "%u are kept",
                 status->exchanges);
    /* Where the net or a full mailbox has dropped some, the rest is within the budget anyway. */
    bool have_all_come = faults->loss + faults->corrupt + faults->delay + faults->stall == 0;
    th_sim_check(sim, !have_all_come || over + granted + TH_OPENS_PER_S >= flood->sent, "budget",
                 "of %llu opens only %llu were dropped", (unsigned long long)flood->sent,
                 (unsigned long long)over);
    th_msg_drop(&reply);
}

static void flood(struct th_sim *sim)
{
    static struct flood flood; /* the world may have an alarm of it to the end */
    struct th_world *world = &sim->world;
    struct th_sim_lookups meanwhile = {0};

    th_sim_settle(sim);
    struct th_world_node *victim = world->node[0]; /* whose address all know, and no NAT protects */
    sim->mark[victim->index] = 1;
    /* Answers to 2,000 opens a second are 5 Mbit/s: on a slower cable it is they that keep all else out,
     * which says nothing of the node. */
    victim->port->options.bytes_per_s = 0;
    flood = (struct flood){.sim = sim, .victim = victim, .until = world->now + sim->length};
    for (unsigned i = 0; i < ADDRESSES; i++)
        TH_CHECK(th_net_sim_add(&world->net, &(struct th_sim_port_options){0}, &flood.port[i]) ==
                 TH_OK);
    unsigned links = count_links(sim, victim);
    uint64_t kib = kib_taken();
    th_sim_note(sim, sim->length, "%u addresses send opens to one node", ADDRESSES);
    th_world_at(world, world->now + 1, send_some, &flood, 0);
    th_sim_hunt(sim, &meanwhile, flood.until, is_of_victim);
    th_sim_check_found(sim, &meanwhile, "victim_found_percent", 990000, 99.9);
    th_sim_lookups_clear(&meanwhile);
    unsigned left = count_links(sim, victim);
    /* What comes while a switch stands still waits in its mailbox; a host's would wait in its socket. */
    th_world_run(world, world->now + STALLS * (th_ms)sim->plan.faults.stall);
    uint64_t now_kib = kib_taken(), growth = now_kib > kib ? now_kib - kib : 0;
    th_sim_figure(sim, "growth_kib", (double)growth, GROWTH_KIB_GOAL);
    th_sim_check(sim, growth <= 2 * GROWTH_KIB_GOAL, "growth", "the node grew by %llu KiB",
                 (unsigned long long)growth);
    th_sim_check(sim, left * 100 >= links * 99, "lines_go_on", "%u of %u links are left", left,
                 links);
    check_victim(sim, victim, &flood);
    th_sim_check_whole(sim, 0);
}

extern const struct th_scenario th_scenario_flood;
const struct th_scenario th_scenario_flood = {
    .name = "flood",
    .about = "100 addresses send 5,000 opens a second to one node; its lines go on",
    .nodes = 20,
    .nodes_min = 10,
    .length = 5 * TH_SIM_SECOND,
    .run = flood,
};

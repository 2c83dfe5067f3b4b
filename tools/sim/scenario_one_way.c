/* A fifth of the nodes hears the others, and is not heard by them. */
#include "tools/sim/stage.h"

#include "router/link.h"

enum {
    PER_MILLE = 200,
    ENDED_MS = TH_LINK_TIMEOUT_MS + 30000, /* the keepalive that was due, and who was told last */
    FLAPS_MAX = 4 /* links that come up on one side, for each pair that cannot talk */
};

struct across {
    struct th_sim *sim;
    bool is_counting;
    uint64_t ups;
};

static void on_event(void *data, struct th_world_node *node, const struct th_event *event)
{
    struct across *across = data;

    if (!across->is_counting || event->kind != TH_EV_LINK_UP)
        return;
    const struct th_world_node *peer =
        th_sim_mesh_find(&across->sim->mesh, &th_ev_link_of(event)->id);
    across->ups += peer && across->sim->mark[peer->index] != across->sim->mark[node->index];
}

/* From nodes that do not hear the other end: by now they have given up. Who hears and is not heard may be
 * asked again, and think for a minute that there is a link. */
static uint64_t count_across(const struct th_sim *sim)
{
    const struct th_world *world = &sim->world;
    uint64_t count = 0;

    for (unsigned i = 0; i < world->count; i++)
        for (unsigned j = 0; j < world->count; j++)
            count +=
                !sim->mark[i] && sim->mark[j] &&
                th_sim_mesh_is_linked(&sim->mesh, world->node[i], &world->node[j]->id.hashname);
    return count;
}

static void one_way(struct th_sim *sim)
{
    struct th_world *world = &sim->world;
    struct th_sim_lookups rest = {0};
    static struct across across; /* the world watches to its end, one world in a process */

    across = (struct across){.sim = sim};
    th_world_watch(world, &(struct th_world_hooks){.data = &across, .on_event = on_event});
    th_sim_settle(sim);
    uint64_t muted = th_sim_mark_some(sim, PER_MILLE, sim->seeds.count);
    for (unsigned i = 0; i < world->count; i++)
        world->node[i]->port->options.group = sim->mark[i];
    world->net.loss_between[1][0] = TH_SIM_PER_MILLE;
    th_sim_note(sim, sim->length, "%u of %u nodes are not heard", (unsigned)muted, world->count);
    th_ms heard_at = world->now + sim->length;
    th_sim_run_to(sim, world->now + ENDED_MS);
    uint64_t left = count_across(sim), pairs = muted * (world->count - muted);
    th_sim_check(sim, left == 0, "links_end", "%llu links to nodes that are not heard go on",
                 (unsigned long long)left);
    across.is_counting = true;
    th_sim_hunt(sim, &rest, heard_at, th_sim_may_unmarked);
    across.is_counting = false;
    th_sim_check_found(sim, &rest, "rest_found_percent", 999000, 99.9);
    th_sim_lookups_clear(&rest);
    th_sim_figure(sim, "links_flapped", (double)across.ups, 0);
    th_sim_check(sim, across.ups <= FLAPS_MAX * pairs, "flapping",
                 "%llu links came up between %llu pairs that cannot talk",
                 (unsigned long long)across.ups, (unsigned long long)pairs);

    world->net.loss_between[1][0] = 0;
    th_sim_check_whole(sim, 2 * TH_SIM_MINUTE);
}

extern const struct th_scenario th_scenario_one_way;
const struct th_scenario th_scenario_one_way = {
    .name = "one-way",
    .about = "a fifth is not heard by the others for 10 minutes; its links end, none flaps",
    .nodes = 100,
    .nodes_min = 10,
    .length = 10 * TH_SIM_MINUTE,
    .run = one_way,
};

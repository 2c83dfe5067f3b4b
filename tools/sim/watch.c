#include "tools/sim/watch.h"

#include "tools/sim/tell.h"

static void note_turn(void *data, const struct th_host_sim_turn *turn)
{
    struct th_world_node *node = data;
    struct th_world *world = node->world;

    world->turns++;
    th_sim_trace_turn(&world->trace, world->now, node->index, turn->name, turn->doing);
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_turn)
            world->hooks[i].on_turn(world->hooks[i].data, node, turn);
}

static uint32_t index_of(const struct th_sim_port *port)
{
    const struct th_world_node *node = port ? port->owner : NULL;

    return node ? node->index : TH_TRACE_NOBODY;
}

static void note_fate(void *data, enum th_fate fate, const struct th_sim_port *from,
                      const struct th_sim_port *to, struct th_bytes bytes)
{
    struct th_world *world = data;

    th_sim_trace_datagram(&world->trace, world->now, fate, index_of(from), index_of(to), bytes);
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_fate)
            world->hooks[i].on_fate(world->hooks[i].data, fate, from, to, bytes);
}

static const struct th_hashname *name_of(const void *data, uint32_t index)
{
    const struct th_world *world = data;

    return index < world->count ? &world->node[index]->id.hashname : NULL;
}

void th_world_watch_net(struct th_world *world)
{
    world->net.on_fate = note_fate;
    world->net.on_fate_data = world;
    world->trace.name_of = name_of;
    world->trace.name_data = world;
}

static void note_given(void *data, const struct th_host_sim_given *given)
{
    struct th_world_node *node = data;
    struct th_world *world = node->world;

    th_sim_tell_given(node, given);
    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_given)
            world->hooks[i].on_given(world->hooks[i].data, node, given);
}

static void note_wish(void *data, const struct th_host_sim_wish *wish)
{
    struct th_world_node *node = data;
    struct th_world *world = node->world;

    for (unsigned i = 0; i < world->hook_count; i++)
        if (world->hooks[i].on_wish)
            world->hooks[i].on_wish(world->hooks[i].data, node, wish);
}

void th_world_watch_host(struct th_world_node *node)
{
    th_host_sim_watch(node->host, note_turn, node);
    th_host_sim_keep_books(node->host, &(struct th_host_sim_books){node, note_given, note_wish});
}

void th_world_watch_end(struct th_world_node *node)
{
    th_host_sim_watch(node->host, NULL, NULL);
    th_host_sim_keep_books(node->host, &(struct th_host_sim_books){0});
}

void th_world_watch(struct th_world *world, const struct th_world_hooks *hooks)
{
    TH_CHECK(world->hook_count < TH_WORLD_HOOKS_MAX);
    world->hooks[world->hook_count++] = *hooks;
}

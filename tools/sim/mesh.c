#include "tools/sim/mesh.h"

#include "switch/base/mem.h"

#include <string.h>

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "simulated mesh"; /* nobody attacks it */

/* The beginning of a hashname: enough to tell apart all that a run can hold. */
struct th_sim_mesh_name {
    uint64_t id;
    uint32_t index;
    UT_hash_handle by_id;
};

static uint64_t begin_of(const struct th_hashname *id)
{
    uint64_t begin;

    memcpy(&begin, id->b, sizeof begin);
    return begin;
}

static void *need(void *memory)
{
    TH_CHECK(memory != NULL);
    return memory;
}

static struct th_sim_mesh_name *find_name(const struct th_sim_mesh *mesh, uint64_t id)
{
    struct th_sim_mesh_name *name;

    HASH_FIND_BYHASHVALUE(by_id, mesh->names, &id, sizeof id, th_hash(secret, &id, sizeof id),
                          name);
    return name;
}

static void on_up(void *data, struct th_world_node *node)
{
    struct th_sim_mesh *mesh = data;
    uint64_t id = begin_of(&node->id.hashname);

    if (node->index >= mesh->room) {
        unsigned room = 2 * node->index + 64;
        mesh->of = need(th_mem_resize(mesh->of, room, sizeof *mesh->of));
        memset(mesh->of + mesh->room, 0, (room - mesh->room) * sizeof *mesh->of);
        mesh->room = room;
    }
    if (find_name(mesh, id))
        return;
    struct th_sim_mesh_name *name = need(th_mem_zalloc(1, sizeof *name));
    unsigned hash = th_hash(secret, &id, sizeof id);
    *name = (struct th_sim_mesh_name){.id = id, .index = node->index};
    HASH_ADD_BYHASHVALUE(by_id, mesh->names, id, sizeof name->id, hash, name);
    TH_CHECK(name->by_id.tbl != NULL);
}

static void on_down(void *data, struct th_world_node *node)
{
    struct th_sim_mesh *mesh = data;

    mesh->of[node->index].count = 0;
}

static uint64_t *find_link(const struct th_sim_links *links, uint64_t id)
{
    for (unsigned i = 0; i < links->count; i++)
        if (links->peer[i] == id)
            return &links->peer[i];
    return NULL;
}

static void add_link(struct th_sim_links *links, uint64_t id)
{
    if (find_link(links, id))
        return;
    if (links->count == links->room) {
        links->room = th_mem_room_after(links->room);
        links->peer = need(th_mem_resize(links->peer, links->room, sizeof *links->peer));
    }
    links->peer[links->count++] = id;
}

static void drop_link(struct th_sim_links *links, uint64_t id)
{
    uint64_t *peer = find_link(links, id);

    if (peer)
        *peer = links->peer[--links->count];
}

static void on_event(void *data, struct th_world_node *node, const struct th_event *event)
{
    struct th_sim_mesh *mesh = data;

    if (event->kind == TH_EV_LINK_UP) {
        add_link(&mesh->of[node->index], begin_of(&th_ev_link_of(event)->id));
        mesh->ups++;
    } else if (event->kind == TH_EV_LINK_DOWN) {
        drop_link(&mesh->of[node->index], begin_of(&th_ev_link_of(event)->id));
    }
}

void th_sim_mesh_init(struct th_sim_mesh *mesh, struct th_world *world)
{
    *mesh = (struct th_sim_mesh){.world = world};
    th_world_watch(world,
                   &(struct th_world_hooks){
                       .data = mesh, .on_event = on_event, .on_up = on_up, .on_down = on_down});
}

void th_sim_mesh_clear(struct th_sim_mesh *mesh)
{
    struct th_sim_mesh_name *name, *next;

    HASH_ITER (by_id, mesh->names, name, next) {
        HASH_DELETE(by_id, mesh->names, name);
        th_mem_free(name);
    }
    for (unsigned i = 0; i < mesh->room; i++)
        th_mem_free(mesh->of[i].peer);
    th_mem_free(mesh->of);
}

static struct th_world_node *find_node(const struct th_sim_mesh *mesh, uint64_t id)
{
    const struct th_sim_mesh_name *name = find_name(mesh, id);
    struct th_world_node *node = name ? mesh->world->node[name->index] : NULL;

    return node && begin_of(&node->id.hashname) == id ? node : NULL; /* or it is another by now */
}

struct th_world_node *th_sim_mesh_find(const struct th_sim_mesh *mesh, const struct th_hashname *id)
{
    return find_node(mesh, begin_of(id));
}

bool th_sim_mesh_is_linked(const struct th_sim_mesh *mesh, const struct th_world_node *from,
                           const struct th_hashname *to)
{
    return from->index < mesh->room && find_link(&mesh->of[from->index], begin_of(to)) != NULL;
}

void th_sim_mesh_count(const struct th_sim_mesh *mesh, uint64_t *links, uint64_t *dead)
{
    for (unsigned i = 0; i < mesh->room; i++) {
        for (unsigned j = 0; j < mesh->of[i].count; j++) {
            const struct th_world_node *node = find_node(mesh, mesh->of[i].peer[j]);
            *dead += node == NULL || node->state == TH_WORLD_DOWN;
        }
        *links += mesh->of[i].count;
    }
}

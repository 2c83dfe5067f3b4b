#include "tools/sim/world_disk.h"

#include "switch/base/mem.h"

/* A slow disk holds up who waits for it, and nobody else. */
static void hold_up(void *data, th_ms ms)
{
    struct th_world_node *node = data;

    if (node->host)
        (void)th_suspend(node->host, th_whereis(node->host, TH_WORLD_SCOPE, TH_NODE_KEEPER), ms);
}

static void set_up(struct th_world_node *node)
{
    struct th_world_disk *disk = node->disk;

    th_disk_sim_init(&disk->sim, "disk", &node->world->node_rng);
    disk->sim.on_slow = hold_up;
    disk->sim.data = node;
}

void th_world_give_disk(struct th_world_node *node)
{
    TH_CHECK(node->state == TH_WORLD_DOWN && node->disk == NULL);
    TH_CHECK(node->id.cipher->csid == TH_CS3A);
    node->disk = th_mem_zalloc(1, sizeof *node->disk);
    TH_CHECK(node->disk != NULL);
    set_up(node);
}

void th_world_free_disk(struct th_world_node *node)
{
    if (node->disk == NULL)
        return;
    th_disk_sim_clear(&node->disk->sim);
    th_kept_clear(&node->disk->kept);
    th_mem_free(node->disk);
    node->disk = NULL;
}

void th_world_lose_disk(struct th_world_node *node)
{
    struct th_disk_faults faults = node->disk->sim.faults;

    th_disk_sim_clear(&node->disk->sim);
    set_up(node);
    node->disk->sim.faults = faults;
}

void th_world_cut_power(struct th_world_node *node)
{
    th_world_kill(node);
    th_disk_sim_crash(&node->disk->sim);
    th_sim_trace_say(&node->world->trace, node->world->now, node->index, "had its power cut");
}

void th_world_read_disk(struct th_world_node *node, struct th_node_config *config)
{
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX];
    struct th_world_disk *disk = node->disk;
    const struct th_disk_faults faults = disk->sim.faults;
    struct th_keep keep;

    disk->sim.faults = (struct th_disk_faults){0};
    disk->starts++;
    th_kept_clear(&disk->kept);
    th_keep_init(&keep, &disk->sim.disk);
    while (th_keep_load(&keep, &disk->kept, warning, say) != TH_OK) {
        TH_CHECK(disk->sim.is_halted); /* nothing else can be wrong: power is cut again */
        th_disk_sim_crash(&disk->sim);
        th_kept_clear(&disk->kept);
    }
    th_keep_clear(&keep);
    disk->sim.faults = faults;
    disk->broken += warning[0] != '\0';
    th_forget(&disk->kept.peers, &node->id.hashname);

    config->remembered = &disk->kept.peers;
    config->at_floor = th_keep_floor(disk->kept.at, th_host_now(node->host).wall);
    config->ages = disk->kept.age;
    config->ages_count = disk->kept.ages_count;
    config->disk = &disk->sim.disk;
    config->keeper_place = node->rest_place;
}

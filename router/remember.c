#include "router/remember.h"

#include "switch/base/mem.h"

#include <string.h>

static bool is_linked(const struct th_router_table *table, const struct th_hashname *id)
{
    for (unsigned i = 0; i < table->count; i++)
        if (table->link[i].is_up && th_hashname_is_equal(&table->link[i].id, id))
            return true;
    return false;
}

static bool is_in(const struct th_seeds *peers, const struct th_hashname *id)
{
    for (unsigned i = 0; i < peers->count; i++)
        if (th_hashname_is_equal(&peers->seed[i].id, id))
            return true;
    return false;
}

static void add(struct th_seeds *peers, const struct th_seed *peer)
{
    if (peers->count < peers->room && !is_in(peers, &peer->id))
        peers->seed[peers->count++] = *peer;
}

enum th_err th_remember(struct th_seeds *peers, const struct th_switch_lines *lines,
                        const struct th_router_table *table)
{
    struct th_seeds now = {.room = TH_REMEMBERED_MAX};

    now.seed = th_mem_zalloc(now.room, sizeof *now.seed);
    if (now.seed == NULL)
        return TH_NO_MEMORY;
    for (unsigned i = 0; i < lines->count; i++) {
        const struct th_line_look *line = &lines->line[i];
        struct th_seed peer = {.id = line->id, .parts = line->parts, .key = line->key};

        if (!line->is_up || !line->has_addr || line->has_middle || !is_linked(table, &line->id))
            continue; /* a bridge's address is where the bridge is */
        peer.paths.count = 1;
        peer.paths.addr[0] = line->addr;
        add(&now, &peer);
    }
    if (now.count == 0) {
        th_seeds_clear(&now);
        return TH_OK;
    }
    for (unsigned i = 0; i < peers->count; i++)
        add(&now, &peers->seed[i]);
    th_seeds_clear(peers);
    *peers = now;
    return TH_OK;
}

void th_forget(struct th_seeds *seeds, const struct th_hashname *id)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < seeds->count; i++)
        if (!th_hashname_is_equal(&seeds->seed[i].id, id))
            seeds->seed[kept++] = seeds->seed[i];
    seeds->count = kept;
}

/* What was counted, as the result of a run tells it. */
#include "tools/sim/sim.h"

#include <inttypes.h>
#include <string.h>

enum { BEGIN_BYTES = 8, BEGIN_BITS = 8 * BEGIN_BYTES }; /* of hashnames, that a mesh keeps */

/* --- histograms --- */

static void write_histogram(FILE *out, const char *name, const struct th_histogram *histogram)
{
    fprintf(out, "\"%s\":", name);
    th_histogram_write(histogram, out);
    fputc(',', out);
}

static void write_list(FILE *out, const char *name, bool is_growing, const uint32_t *list,
                       uint64_t count)
{
    struct th_histogram histogram = {.is_growing = is_growing};

    for (uint64_t i = 0; i < count; i++)
        th_histogram_add(&histogram, list[i]);
    write_histogram(out, name, &histogram);
}

/* How many bits two hashnames share before they differ: the number of the bucket. */
static unsigned shared_bits(const struct th_hashname *id, uint64_t peer)
{
    uint8_t begin[BEGIN_BYTES];

    memcpy(begin, &peer, sizeof begin);
    for (unsigned i = 0; i < BEGIN_BYTES; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            if ((id->b[i] ^ begin[i]) & (0x80u >> bit))
                return 8 * i + bit;
    return BEGIN_BITS;
}

static void write_links(const struct th_sim *sim, FILE *out)
{
    const struct th_sim_mesh *mesh = &sim->mesh;
    struct th_histogram per_node = {0}, by_bucket = {0};

    for (unsigned i = 0; i < sim->world.count && i < mesh->room; i++) {
        const struct th_world_node *node = sim->world.node[i];
        const struct th_sim_links *links = &mesh->of[i];
        if (node->state == TH_WORLD_DOWN)
            continue;
        th_histogram_add(&per_node, links->count);
        for (unsigned j = 0; j < links->count; j++)
            th_histogram_add(&by_bucket, shared_bits(&node->id.hashname, links->peer[j]));
    }
    write_histogram(out, "links_per_node", &per_node);
    write_histogram(out, "links_by_shared_bits", &by_bucket);
}

static void write_traffic(const struct th_world *world, FILE *out)
{
    struct th_histogram sent = {.is_growing = true}, received = {.is_growing = true};

    for (unsigned i = 0; i < world->count; i++) {
        th_histogram_add(&sent, world->node[i]->port->tx_bytes);
        th_histogram_add(&received, world->node[i]->port->rx_bytes);
    }
    write_histogram(out, "tx_bytes_per_node", &sent);
    fputs("\"rx_bytes_per_node\":", out);
    th_histogram_write(&received, out);
}

static void write_histograms(const struct th_sim *sim, FILE *out)
{
    const struct th_sim_lookups *lookups = &sim->lookups;

    fputs("\"histograms\":{", out);
    write_list(out, "hops", false, lookups->hops, lookups->found);
    write_list(out, "asked", false, lookups->asked, lookups->found);
    write_list(out, "took_ms", true, lookups->took_ms, lookups->found);
    write_list(out, "seek_ms", true, lookups->seek_ms, lookups->found);
    write_list(out, "reach_ms", true, lookups->reach_ms, lookups->reached);
    write_links(sim, out);
    write_traffic(&sim->world, out);
    fputs("},", out);
}

/* --- in the course of time --- */

enum column { SENT, FOUND, LOST, UP, READY, DATAGRAMS, BYTES, COLUMNS };

static uint64_t value_of(const struct th_tally_slot *slot, enum column column)
{
    const uint64_t values[COLUMNS] = {
        [SENT] = slot->sent,           [FOUND] = slot->found,
        [LOST] = slot->lost,           [UP] = slot->up,
        [READY] = slot->ready,         [BYTES] = slot->bytes,
        [DATAGRAMS] = slot->datagrams,
    };

    return values[column];
}

static void write_series(const struct th_sim_tally *tally, FILE *out)
{
    static const char *const names[COLUMNS] = {
        [SENT] = "sent",         [FOUND] = "found",    [LOST] = "lost",           [UP] = "nodes_up",
        [READY] = "nodes_ready", [BYTES] = "tx_bytes", [DATAGRAMS] = "datagrams",
    };

    fprintf(out, "\"series\":{\"slot_ms\":%" PRIu64, tally->slot_ms);
    for (enum column column = 0; column < COLUMNS; column++) {
        fprintf(out, ",\"%s\":[", names[column]);
        for (unsigned i = 0; i < tally->slot_count; i++)
            fprintf(out, "%s%" PRIu64, i ? "," : "", value_of(&tally->slot[i], column));
        fputc(']', out);
    }
    fputs("},", out);
}

static void write_notes(const struct th_sim_tally *tally, FILE *out)
{
    unsigned count = tally->note_count;

    fprintf(out, "\"notes_made\":%u,\"notes\":[", count);
    for (unsigned i = 0; i < count && i < TH_TALLY_NOTES_MAX; i++) {
        const struct th_tally_note *note = &tally->note[i];
        fprintf(out, "%s{\"at_ms\":%" PRIu64 ",\"until_ms\":%" PRIu64 ",\"what\":", i ? "," : "",
                note->at, note->until);
        th_sim_write_text(out, note->what);
        fputc('}', out);
    }
    fputs("],", out);
}

/* --- messages --- */

static void write_messages(const struct th_sim *sim, FILE *out)
{
    const struct th_sim_tally *tally = &sim->tally;

    fputs("\"messages\":{\"datagrams\":{", out);
    for (unsigned i = 0; i < TH_DATAGRAM_SORTS; i++)
        fprintf(out, "%s\"%s\":{\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", i ? "," : "",
                th_datagram_sort_name((enum th_datagram_sort)i), tally->datagrams[i],
                tally->bytes[i]);
    fputs("},\"ends\":{", out);
    for (unsigned i = TH_FATE_SENT + 1; i < TH_FATES; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i > TH_FATE_SENT + 1 ? "," : "",
                th_fate_name((enum th_fate)i), tally->ends[i]);
    fputs("},\"channel_packets\":{", out);
    for (unsigned i = 0; i < TH_CHANNEL_TYPES; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "",
                th_channel_type_name((enum th_channel_type)i), tally->packets[i]);
    fputs("}},", out);
}

void th_sim_tally_write(const struct th_sim *sim, FILE *out)
{
    write_histograms(sim, out);
    write_series(&sim->tally, out);
    write_messages(sim, out);
    write_notes(&sim->tally, out);
}

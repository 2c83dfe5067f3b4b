#include "tools/sim/tally.h"

#include "switch/base/mem.h"
#include "switch/events.h"

#include <stdio.h>
#include <string.h>

/* --- pieces of time --- */

/* Makes one piece of two, so that twice as much time has room. */
static void join_slots(struct th_sim_tally *tally)
{
    struct th_tally_slot *slot = tally->slot;
    unsigned count = tally->slot_count;

    for (unsigned i = 0; i < count; i += 2) {
        struct th_tally_slot joined = slot[i];
        if (i + 1 < count) {
            const struct th_tally_slot *later = &slot[i + 1];
            joined.sent += later->sent;
            joined.found += later->found;
            joined.lost += later->lost;
            joined.up = joined.up < later->up ? joined.up : later->up;
            joined.ready = joined.ready < later->ready ? joined.ready : later->ready;
            joined.datagrams += later->datagrams;
            joined.bytes += later->bytes;
        }
        slot[i / 2] = joined;
    }
    tally->slot_count = (count + 1) / 2;
    tally->slot_ms *= 2;
}

/* The piece that a moment lies in; those up to it begin. */
static struct th_tally_slot *slot_of(struct th_sim_tally *tally, th_ms at)
{
    while (at / tally->slot_ms >= TH_TALLY_SLOTS_MAX)
        join_slots(tally);
    unsigned i = (unsigned)(at / tally->slot_ms);
    for (; tally->slot_count <= i; tally->slot_count++)
        tally->slot[tally->slot_count] =
            (struct th_tally_slot){.up = tally->up, .ready = tally->ready};
    return &tally->slot[i];
}

static struct th_tally_slot *slot_now(struct th_sim_tally *tally)
{
    return slot_of(tally, tally->world->now);
}

/* --- nodes --- */

static void count_nodes(struct th_sim_tally *tally, int up, int ready)
{
    struct th_tally_slot *slot = slot_now(tally);

    tally->up += (unsigned)up;
    tally->ready += (unsigned)ready;
    slot->up = slot->up < tally->up ? slot->up : tally->up;
    slot->ready = slot->ready < tally->ready ? slot->ready : tally->ready;
}

static void set_ready(struct th_sim_tally *tally, uint32_t index, int up, bool is_ready)
{
    bool *was_ready = &tally->is_ready[index];

    count_nodes(tally, up, is_ready - *was_ready);
    *was_ready = is_ready;
}

static void on_up(void *data, struct th_world_node *node)
{
    struct th_sim_tally *tally = data;

    if (node->index >= tally->room) {
        unsigned room = 2 * node->index + 64;
        tally->is_ready = th_mem_resize(tally->is_ready, room, sizeof *tally->is_ready);
        TH_CHECK(tally->is_ready != NULL);
        memset(tally->is_ready + tally->room, 0, (room - tally->room) * sizeof *tally->is_ready);
        tally->room = room;
    }
    set_ready(tally, node->index, 1, false);
}

static void on_down(void *data, struct th_world_node *node)
{
    set_ready(data, node->index, -1, false);
}

static void on_event(void *data, struct th_world_node *node, const struct th_event *event)
{
    if (event->kind == TH_EV_STATE && node->state != TH_WORLD_DOWN)
        set_ready(data, node->index, 0, th_ev_state_of(event)->state == TH_NODE_READY);
}

/* --- messages --- */

static void on_fate(void *data, enum th_fate fate, const struct th_sim_port *from,
                    const struct th_sim_port *to, struct th_bytes bytes)
{
    struct th_sim_tally *tally = data;
    enum th_datagram_sort sort = th_datagram_sort_of(bytes);

    (void)to;
    if (from == NULL || from->owner == NULL)
        return;
    if (fate != TH_FATE_SENT) {
        tally->ends[fate]++;
        return;
    }
    struct th_tally_slot *slot = slot_now(tally);
    slot->datagrams++;
    slot->bytes += bytes.len;
    tally->datagrams[sort]++;
    tally->bytes[sort] += bytes.len;
}

/* Each type of channel has one server that is told of it, by the side that opened it. */
static void on_given(void *data, struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct th_sim_tally *tally = data;

    if (given->sort != TH_TRACE_EVENT || node->is_bare)
        return;
    const struct th_event *event = th_event_of(given->msg);
    if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET)
        tally->packets[th_ev_packet_of(event)->type]++;
}

/* --- lookups and notes --- */

void th_sim_tally_sent(struct th_sim_tally *tally)
{
    slot_now(tally)->sent++;
}

void th_sim_tally_told(struct th_sim_tally *tally, th_ms sent_at, bool is_found, bool is_lost)
{
    struct th_tally_slot *slot = slot_of(tally, sent_at);

    slot->found += is_found;
    slot->lost += is_lost;
}

void th_sim_tally_note(struct th_sim_tally *tally, th_ms for_ms, const char *format, va_list args)
{
    unsigned i = tally->note_count++;

    if (i >= TH_TALLY_NOTES_MAX)
        return;
    tally->note[i].at = tally->world->now;
    tally->note[i].until = tally->world->now + for_ms;
    vsnprintf(tally->note[i].what, sizeof tally->note[i].what, format, args);
}

/* --- life --- */

void th_sim_tally_init(struct th_sim_tally *tally, struct th_world *world, bool is_watching)
{
    *tally = (struct th_sim_tally){.world = world, .slot_ms = TH_TALLY_SLOT_MS};
    if (is_watching)
        th_world_watch(world, &(struct th_world_hooks){.data = tally,
                                                       .on_given = on_given,
                                                       .on_event = on_event,
                                                       .on_fate = on_fate,
                                                       .on_up = on_up,
                                                       .on_down = on_down});
}

void th_sim_tally_clear(struct th_sim_tally *tally)
{
    th_mem_free(tally->is_ready);
    tally->is_ready = NULL;
}

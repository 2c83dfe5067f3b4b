/*
 * Channels, as the switch announces them to each server: the ids of a side have its parity, none is
 * opened twice on a line, and nothing comes on one after its end (protocol.md, 5).
 */
#include "tools/sim/check.h"

#include "switch/base/heap.h"
#include "switch/base/index.h"
#include "switch/base/mem.h"
#include "switch/events.h"

#include <inttypes.h>
#include <string.h>

#define CHECK "channel"

enum { IDS_MAX = 8 /* the latest that are remembered of each side of a line */ };

/* The latest ids that one side opened. */
struct ids {
    uint32_t id[IDS_MAX];
    uint8_t ended; /* bits by place */
    uint8_t next;
};

/* What one server was told of the channels with one peer, since the line came up. */
struct line {
    struct th_index_node
        by_peer; /* by how its hashname begins: enough to tell it from all others */
    struct ids theirs, ours;
};

/* A server that is told of channels. */
struct reader {
    struct reader *next;
    th_pid pid;
    struct th_index lines;
};

struct book {
    struct reader *readers;
};

struct channels {
    struct th_sim *sim;
    struct th_check_books nodes;
};

/* --- lines --- */

static struct reader *find_reader(const struct book *book, th_pid pid)
{
    struct reader *reader = book->readers;

    while (reader && reader->pid != pid)
        reader = reader->next;
    return reader;
}

static struct reader *meet_reader(struct book *book, th_pid pid)
{
    struct reader *reader = find_reader(book, pid);

    if (reader == NULL) {
        reader = th_check_alloc(1, sizeof *reader);
        *reader = (struct reader){.next = book->readers, .pid = pid};
        book->readers = reader;
    }
    return reader;
}

static uint64_t key_of(const struct th_hashname *peer)
{
    uint64_t key;

    memcpy(&key, peer->b, sizeof key);
    return key;
}

static struct line *find(const struct reader *reader, const struct th_hashname *peer)
{
    struct th_index_node *node = th_index_find(&reader->lines, key_of(peer));

    return node ? TH_HEAP_OWNER(node, struct line, by_peer) : NULL;
}

static struct line *meet(struct reader *reader, const struct th_hashname *peer)
{
    struct line *line = find(reader, peer);

    if (line == NULL) {
        line = th_check_alloc(1, sizeof *line);
        TH_CHECK(th_index_add(&reader->lines, &line->by_peer, key_of(peer)) == TH_OK);
    }
    return line;
}

static void forget(struct reader *reader, const struct th_hashname *peer)
{
    struct line *line = find(reader, peer);

    if (line) {
        th_index_remove(&reader->lines, &line->by_peer);
        th_mem_free(line);
    }
}

/* pid 0: all. */
static void forget_of(struct book *book, th_pid pid)
{
    struct reader **at = &book->readers, *reader;
    struct th_index_node *node;

    while ((reader = *at) != NULL) {
        if (pid && reader->pid != pid) {
            at = &reader->next;
            continue;
        }
        *at = reader->next;
        while ((node = th_index_take(&reader->lines)) != NULL)
            th_mem_free(TH_HEAP_OWNER(node, struct line, by_peer));
        th_index_clear(&reader->lines);
        th_mem_free(reader);
    }
}

/* --- ids --- */

static int place_of(const struct ids *ids, uint32_t id)
{
    for (int i = 0; i < IDS_MAX; i++)
        if (ids->id[i] == id)
            return i;
    return -1;
}

static void note_opened(struct ids *ids, uint32_t id)
{
    ids->id[ids->next] = id;
    ids->ended &= (uint8_t) ~(1u << ids->next);
    ids->next = (uint8_t)((ids->next + 1) % IDS_MAX);
}

static void note_ended(struct ids *ids, uint32_t id)
{
    int place = place_of(ids, id);

    if (place >= 0)
        ids->ended |= (uint8_t)(1u << place);
}

static bool has_ended(const struct ids *ids, uint32_t id)
{
    int place = place_of(ids, id);

    return place >= 0 && ((unsigned)ids->ended >> place & 1u);
}

/* --- what is announced --- */

/* The lower hashname opens even ones. */
static bool has_right_parity(const struct th_world_node *node, const struct th_hashname *peer,
                             uint32_t id, bool is_ours)
{
    bool we_are_lower = th_hashname_compare(&node->id.hashname, peer) < 0;

    return id > 0 && (id % 2 == 0) == (is_ours == we_are_lower);
}

static void check_packet(struct channels *channels, const struct th_world_node *node,
                         struct line *line, const struct th_ev_packet *packet, bool is_first)
{
    struct ids *ids = packet->is_ours ? &line->ours : &line->theirs;
    const char *peer = th_hashname_short(&packet->from).hex;

    if (!th_check_holds(channels->sim,
                        has_right_parity(node, &packet->from, packet->c, packet->is_ours)))
        th_check_fail(channels->sim, node, CHECK,
                      "channel %" PRIu32 " with %.8s, opened by %s, has the other side's parity",
                      packet->c, peer, packet->is_ours ? "us" : "them");
    if (!th_check_holds(channels->sim, !is_first || place_of(ids, packet->c) < 0))
        th_check_fail(channels->sim, node, CHECK,
                      "%.8s opened channel %" PRIu32 " twice on one line", peer, packet->c);
    if (!th_check_holds(channels->sim, is_first || !has_ended(ids, packet->c)))
        th_check_fail(channels->sim, node, CHECK,
                      "a packet of channel %" PRIu32 " with %.8s came after its end", packet->c,
                      peer);
    if (place_of(ids, packet->c) < 0)
        note_opened(ids, packet->c);
    if (packet->end || packet->err[0])
        note_ended(ids, packet->c);
}

static void on_event(struct channels *channels, const struct th_world_node *node,
                     struct reader *reader, const struct th_event *event)
{
    if (event->kind == TH_EV_LINE_UP || event->kind == TH_EV_LINE_DOWN) {
        forget(reader, &th_ev_line_of(event)->id);
    } else if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET) {
        const struct th_ev_packet *packet = th_ev_packet_of(event);
        check_packet(channels, node, meet(reader, &packet->from), packet,
                     event->kind == TH_EV_OPENED);
    } else if (event->kind == TH_EV_ENDED) {
        const struct th_ev_ended *ended = th_ev_ended_of(event);
        struct line *line = find(reader, &ended->from);
        if (line)
            note_ended(ended->is_ours ? &line->ours : &line->theirs, ended->c);
    }
}

static void on_given(void *data, struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct channels *channels = data;

    if (!th_check_is_watched(node) || given->msg == NULL)
        return;
    struct book *book = th_check_book(&channels->nodes, node->index, sizeof *book);
    if (given->sort == TH_TRACE_EVENT)
        on_event(channels, node, meet_reader(book, given->to), th_event_of(given->msg));
    else if (given->msg->kind == &th_missed_msg)
        forget_of(book, given->to); /* it may not have been told that a line was replaced */
}

static void on_wish(void *data, struct th_world_node *node, const struct th_host_sim_wish *wish)
{
    struct channels *channels = data;

    if (wish->kind == TH_WISH_NOTHING && th_check_is_watched(node))
        forget_of(th_check_book(&channels->nodes, node->index, sizeof(struct book)), wish->owner);
}

static void on_down(void *data, struct th_world_node *node)
{
    struct channels *channels = data;

    if (th_check_is_watched(node))
        forget_of(th_check_book(&channels->nodes, node->index, sizeof(struct book)), 0);
}

/* --- life --- */

static void *begin(struct th_sim *sim)
{
    struct channels *channels = th_check_alloc(1, sizeof *channels);

    channels->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = channels,
                                                         .on_given = on_given,
                                                         .on_wish = on_wish,
                                                         .on_down = on_down});
    return channels;
}

static void end(void *data)
{
    struct channels *channels = data;

    for (unsigned i = 0; i < channels->nodes.room; i++)
        if (channels->nodes.of[i])
            forget_of(channels->nodes.of[i], 0);
    th_check_books_clear(&channels->nodes);
    th_mem_free(channels);
}

const struct th_checker th_check_channel = {.name = CHECK, .begin = begin, .end = end};

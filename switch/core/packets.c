#include "switch/core/packets.h"

#include "switch/core/board.h"
#include "switch/core/streams.h"

enum th_err th_switchboard_serve_packets(struct th_switchboard *board, const char *type,
                                         bool is_served)
{
    return th_served_set(&board->packets_served, type, is_served);
}

bool th_board_is_crowded(const struct th_exchange *ex, bool is_reliable)
{
    unsigned all = 0, of_sort = 0;

    for (const struct th_channel *at = ex->line->channels.first; at; at = at->next) {
        bool is_apps = at->type == TH_CHANNEL_OTHER && !at->is_ours;
        all += is_apps;
        of_sort += is_apps && at->is_reliable == is_reliable;
    }
    return all >= TH_LINE_APPS_THEIRS ||
           of_sort >= (is_reliable ? (unsigned)TH_LINE_STREAMS_THEIRS : TH_LINE_PACKETS_THEIRS);
}

enum th_drop th_board_accept_packets(struct th_switchboard *board, struct th_exchange *ex,
                                     const struct th_chanpkt *packet, struct th_now now,
                                     struct th_channel **out)
{
    if (packet->err[0] || !th_served_has(&board->packets_served, packet->type))
        return TH_DROP_CHANNEL_TYPE;
    if (th_board_is_crowded(ex, false))
        return TH_DROP_CHANNEL_LIMIT;
    return th_channels_accept(&ex->line->channels, packet->c, TH_CHANNEL_OTHER, now, out);
}

void th_switchboard_packets_adopt(struct th_switchboard *board, const struct th_hashname *peer,
                                  uint32_t c, uint64_t owner, uint64_t tag)
{
    const struct th_exchange *ex = th_board_find(board, peer);
    struct th_channel *channel = ex && ex->line ? th_channels_find(&ex->line->channels, c) : NULL;

    if (channel == NULL || channel->type != TH_CHANNEL_OTHER || channel->is_reliable)
        return;
    channel->owner = owner;
    channel->tag = tag;
}

void th_switchboard_packet_dropped(struct th_switchboard *board)
{
    th_drop_count(&board->drops, TH_DROP_CHANNEL_BACKLOG);
}

void th_switchboard_packets_unsent(struct th_switchboard *board, uint32_t count)
{
    board->drops.n[TH_DROP_WAITING_LIMIT] += count;
}

void th_switchboard_packet_bad(struct th_switchboard *board)
{
    th_drop_count(&board->drops, TH_DROP_CHANNEL_HEAD);
}

/* What owners may see of a switchboard: a row for each line and channel, numbers of the whole, and of
 * what sort a datagram is. */
#include "switch/core/board.h"

#include <string.h>

struct th_exchange *th_board_middle_of(struct th_switchboard *board, const struct th_exchange *ex)
{
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);
    const struct th_hashname *id = path ? th_board_relay_middle(board, &path->addr) : NULL;

    if (id)
        return th_board_find(board, id);
    if (path == NULL || !path->is_bridge)
        return NULL;
    struct th_exchange *was = NULL; /* has no line, but forwards if the other end asked it to */
    for (struct th_exchange *other = board->roster.first; other; other = other->next) {
        const struct th_exchange_path *used = th_exchange_paths_used(&other->paths);
        const struct th_exchange_path *way = th_exchange_paths_find(&other->paths, &path->addr);
        if (other == ex || way == NULL || way->is_bridge)
            continue;
        if (th_exchange_is_up(other) && way == used)
            return other;
        if (way->is_told ||
            way->is_proven) /* anybody may name an address, or send an open from it */
            was = other;
    }
    return was;
}

void th_board_look_at(struct th_switchboard *board, const struct th_exchange *ex, struct th_now now,
                      struct th_line_look *look)
{
    const struct th_line *line = ex->line;
    const struct th_exchange *middle = th_board_middle_of(board, ex);

    *look = (struct th_line_look){
        .id = ex->id,
        .key = ex->key,
        .csid = ex->cipher->csid,
        .is_up = line->is_up,
        .is_pending = th_line_more(line)->pending != NULL,
        .is_silent = line->doubt == TH_DOUBT_SILENT,
        .knows_middle = middle != NULL,
        .has_rtt = line->has_rtt,
        .rtt_ms = line->rtt_ms,
        .mtu = th_board_mtu(ex),
        .channels = line->channels.count,
        .up_ms = line->is_up ? now.mono - th_line_up_since(line) : 0,
        .last_rx_ms = line->current.is_confirmed ? now.mono - line->current.heard_at : 0,
        .rx_packets = th_line_counted(line, TH_RX_PACKETS),
        .tx_packets = th_line_counted(line, TH_TX_PACKETS),
        .rx_bytes = th_line_counted(line, TH_RX_BYTES),
        .tx_bytes = th_line_counted(line, TH_TX_BYTES),
    };
    th_exchange_parts(ex, &look->parts);
    if (middle)
        look->middle = middle->id;
    if (ex->paths.used >= 0) {
        look->has_middle = th_exchange_paths_want_better(&ex->paths);
        look->addr = th_exchange_paths_look(&ex->paths)->addr;
        look->has_addr = look->addr.family != TH_FAMILY_RELAY;
    }
}

unsigned th_switchboard_look(struct th_switchboard *board, struct th_now now,
                             struct th_line_look *rows, unsigned max)
{
    unsigned count = 0;

    for (const struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        if (th_exchange_is_idle(ex))
            continue;
        if (count < max)
            th_board_look_at(board, ex, now, &rows[count]);
        count++;
    }
    return count;
}

static void look_at_channel(const struct th_exchange *ex, const struct th_channel *channel,
                            struct th_now now, struct th_channel_look *look)
{
    th_ms ends_at = th_channel_ends_at(channel);

    *look = (struct th_channel_look){
        .peer = ex->id,
        .c = channel->id,
        .type = channel->type,
        .is_ours = channel->is_ours,
        .owner = channel->owner,
        .age_ms = now.mono - th_channel_opened_at(channel),
        .silence_left_ms = ends_at > now.mono ? ends_at - now.mono : 0,
        .rx_packets = channel->rx_packets,
        .tx_packets = channel->tx_packets,
    };
}

unsigned th_switchboard_look_channels(const struct th_switchboard *board, struct th_now now,
                                      struct th_channel_look *rows, unsigned max)
{
    unsigned count = 0;

    for (const struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        const struct th_channel *channel = ex->line ? ex->line->channels.first : NULL;
        for (; channel; channel = channel->next) {
            if (count < max)
                look_at_channel(ex, channel, now, &rows[count]);
            count++;
        }
    }
    return count;
}

void th_switchboard_totals(const struct th_switchboard *board, struct th_switchboard_totals *totals)
{
    *totals = (struct th_switchboard_totals){
        .exchanges = board->roster.count,
        .lines = board->lines,
        .rx_packets = board->rx_packets,
        .tx_packets = board->tx_packets,
        .rx_bytes = board->rx_bytes,
        .tx_bytes = board->tx_bytes,
        .observed_count = board->observed_count,
        .clock_ms = board->skew.correction_ms,
        .at_highest = board->at_highest,
        .drops = board->drops,
    };
    memcpy(totals->observed, board->observed, sizeof totals->observed);
    memcpy(totals->rx_sort, board->rx_sort, sizeof totals->rx_sort);
    memcpy(totals->tx_sort, board->tx_sort, sizeof totals->tx_sort);
}

enum th_datagram_sort th_datagram_sort_of(struct th_bytes bytes)
{
    if (bytes.len == 2 && bytes.at[0] == 0 && bytes.at[1] == 0)
        return TH_DATAGRAM_PUNCH;
    if (bytes.len < 3 || bytes.at[0] != 0 || bytes.at[1] > 1)
        return TH_DATAGRAM_OTHER;
    return bytes.at[1] == 1 ? TH_DATAGRAM_OPEN : TH_DATAGRAM_LINE;
}

const char *th_datagram_sort_name(enum th_datagram_sort sort)
{
    static const char *const names[TH_DATAGRAM_SORTS] = {"open", "line", "punch", "other"};

    return names[sort];
}

void th_switchboard_outside(const struct th_switchboard *board, struct th_now now,
                            struct th_outside_look *look)
{
    th_outside_look_at(look, &board->outside, now.mono);
}

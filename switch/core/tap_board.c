/*
 * What somebody sees who captures packets: every packet that is sealed for a line or was unsealed from
 * one, and what stands in opens. Nothing of this runs while nobody does.
 */
#include "switch/core/board.h"

#include <string.h>

/* Whose channel it is and of what type. A channel that is not there (yet) is known by its number's
 * parity, and by the type if this packet says it. */
static void tell_channel(struct th_tapped *packet, struct th_exchange *ex,
                         const struct th_chanpkt *read)
{
    const struct th_channels *channels = &ex->line->channels;
    const struct th_channel *channel = th_channels_find(&ex->line->channels, read->c);
    const char *type = read->type;

    packet->c = read->c;
    packet->is_ours = (read->c % 2 == 0) == channels->is_lower;
    packet->is_first = read->type[0] != 0;
    packet->is_last = read->end || read->err[0] != 0;
    if (channel && channel->is_reliable)
        type = th_reliable_type(channel->reliable);
    else if (channel && channel->type != TH_CHANNEL_OTHER)
        type = th_channel_type_name(channel->type);
    memcpy(packet->type, type, strnlen(type, sizeof packet->type - 1));
}

void th_board_tap_line(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       const struct th_addr *addr, const struct th_line_id *line, bool is_in,
                       struct th_bytes plain)
{
    struct th_tapped packet = {.peer = ex->id, .line = *line, .addr = *addr, .is_in = is_in};
    struct th_chanpkt read;

    if (th_chanpkt_read(&read, plain) == TH_DROP_NONE)
        tell_channel(&packet, ex, &read);
    th_tap_put(board->config.tap, now, &packet, plain);
}

void th_board_tap_own_open(struct th_switchboard *board, const struct th_exchange *ex,
                           struct th_now now, const struct th_addr *addr)
{
    const struct th_line_id own_id = th_line_own_id(ex->line);
    struct th_tapped packet = {.peer = ex->id, .line = own_id, .addr = *addr, .is_open = true};
    uint8_t inner[TH_OPEN_MAX];
    size_t len;

    if (th_open_write_inner(inner, sizeof inner, &len, &board->self->parts, &board->self->keys.pub,
                            &own_id, ex->own_at, &ex->id) == TH_OK)
        th_tap_put(board->config.tap, now, &packet, (struct th_bytes){inner, len});
}

void th_board_tap_open(struct th_switchboard *board, struct th_now now, const struct th_addr *from,
                       const struct th_open *open)
{
    struct th_tapped packet = {
        .peer = open->from, .line = open->line, .addr = *from, .is_in = true, .is_open = true};
    uint8_t inner[TH_OPEN_MAX];
    size_t len;

    if (th_open_write_inner(inner, sizeof inner, &len, &open->parts, &open->key, &open->line,
                            open->at, &board->self->hashname) == TH_OK)
        th_tap_put(board->config.tap, now, &packet, (struct th_bytes){inner, len});
}

#include "switch/core/board.h"
#include "switch/core/relay_share.h"

#include "switch/base/mem.h"

#include <string.h>

enum { WARN_EVERY_MS = 1000 };

/* --- what is over --- */

/* Which side of a pair a node is; NULL when it is none of the two. A node that has a channel in a pair
 * is one, for when the pair is over its channels are of none any more. */
static struct th_relay_side *side_of(struct th_relay_pair *pair, const struct th_hashname *id)
{
    for (unsigned i = 0; pair->is_set && i < 2; i++)
        if (th_hashname_is_equal(&pair->side[i].id, id))
            return &pair->side[i];
    return NULL;
}

static struct th_relay_side *other_side(struct th_relay_pair *pair,
                                        const struct th_relay_side *side)
{
    return &pair->side[side == &pair->side[0]];
}

/* A channel of a node that belongs to a pair; NULL: none. */
static struct th_channel *channel_in(const struct th_exchange *ex, unsigned place)
{
    struct th_channel *c = ex && ex->line ? ex->line->channels.first : NULL;

    while (c && !(c->relay == place && th_relay_has_type(c) && !th_relay_is_at_an_end(c)))
        c = c->next;
    return c;
}

/* Nothing comes any more by what channels a node has in a pair. It is told where something came; else
 * they are over here, and by their silence there. */
static void disconnect(struct th_switchboard *board, struct th_exchange *ex, unsigned place,
                       bool is_told, struct th_now now)
{
    struct th_channel *channel;

    while ((channel = channel_in(ex, place))) {
        struct th_chanpkt_out packet = {.c = channel->id, .end = true, .err = "disconnected"};
        channel->relay = 0;
        if (is_told)
            th_board_say(board, now, &ex->id, &packet);
        else
            th_channel_end_at(channel, now.mono);
        th_board_reset_alarm(board, ex);
    }
}

/* A pair is over, and its two are still there. */
static void part(struct th_switchboard *board, struct th_relay_pair *pair, struct th_now now)
{
    unsigned place = (unsigned)(pair - board->relays.pair + 1);
    struct th_relay_pair was = *pair;

    *pair = (struct th_relay_pair){0};
    for (unsigned i = 0; i < 2; i++)
        disconnect(board, th_board_find(board, &was.side[i].id), place, was.has_carried, now);
}

/* An introducer's pair lost a channel: it is over when that was the last of its side. */
void th_relay_part_one(struct th_switchboard *board, const struct th_exchange *ex,
                       const struct th_channel *channel, struct th_now now)
{
    struct th_relay_pair *pair = &board->relays.pair[channel->relay - 1];
    struct th_relay_side *side = side_of(pair, &ex->id);
    const struct th_channel *left = channel_in(ex, channel->relay);

    TH_CHECK(side != NULL);
    if (left) {
        side->c = left->id;
        return;
    }
    struct th_exchange *other = th_board_find(board, &other_side(pair, side)->id);
    bool has_carried = pair->has_carried;
    *pair = (struct th_relay_pair){0};
    /* One that carried nothing is missed by nobody. */
    disconnect(board, other, channel->relay, has_carried, now);
}

/* --- what is made --- */

static th_ms quiet_of(const struct th_relay_pair *pair, struct th_now now)
{
    return now.mono - pair->used_at;
}

/* A line went by it both ways, and not by a bridge since. */
static bool has_line(const struct th_relay_pair *pair)
{
    return pair->side[0].has_line && pair->side[1].has_line && !pair->is_bridge;
}

/* Makes room: two that were introduced and needed no relay are paired no longer; when there are no such,
 * then two that needed none for long. */
static struct th_relay_pair *take_spare_pair(struct th_switchboard *board, struct th_now now)
{
    struct th_relay_pair *spare = NULL;

    for (unsigned i = 0; i < board->relays.pair_room; i++) {
        struct th_relay_pair *pair = &board->relays.pair[i];
        th_ms least = pair->has_carried ? TH_RELAY_QUIET_MS : TH_RELAY_SPARE_MS;
        bool is_better =
            spare == NULL || (spare->has_carried && !pair->has_carried) ||
            (spare->has_carried == pair->has_carried && quiet_of(pair, now) > quiet_of(spare, now));
        if (quiet_of(pair, now) >= least && is_better && !has_line(pair))
            spare = pair;
    }
    th_drop_count(&board->drops, TH_DROP_RELAY_LIMIT);
    if (spare)
        part(board, spare, now);
    return spare;
}

static struct th_relay_pair *free_pair(struct th_switchboard *board, struct th_now now)
{
    struct th_relays *relays = &board->relays;

    for (unsigned i = 0; i < relays->pair_room; i++)
        if (!relays->pair[i].is_set)
            return &relays->pair[i];
    if (relays->pair_room == TH_RELAY_PAIRS_MAX)
        return take_spare_pair(board, now);

    unsigned room = th_relay_room_after(relays->pair_room, TH_RELAY_PAIRS_MAX);
    struct th_relay_pair *pair = th_mem_resize(relays->pair, room, sizeof *pair);
    if (pair == NULL)
        return NULL;
    memset(pair + relays->pair_room, 0, (room - relays->pair_room) * sizeof *pair);
    relays->pair = pair;
    pair += relays->pair_room;
    relays->pair_room = room;
    return pair;
}

static struct th_relay_pair *find_pair(struct th_relays *relays, const struct th_hashname *a,
                                       const struct th_hashname *b)
{
    for (unsigned i = 0; i < relays->pair_room; i++)
        if (side_of(&relays->pair[i], a) && side_of(&relays->pair[i], b))
            return &relays->pair[i];
    return NULL;
}

bool th_board_has_pair(struct th_switchboard *board, const struct th_hashname *a,
                       const struct th_hashname *b)
{
    return find_pair(&board->relays, a, b) != NULL;
}

/* Two that are introduced once more, by whom of them ever, keep their pair: their line may rest on it.
 * It has the new channels too, and what goes to either of them goes by its newest. */
void th_board_pair(struct th_switchboard *board, struct th_now now, struct th_exchange *asker,
                   struct th_channel *peer, struct th_exchange *target, struct th_channel *connect)
{
    struct th_relays *relays = &board->relays;
    struct th_relay_pair *pair = find_pair(relays, &asker->id, &target->id);

    if (pair == NULL) {
        pair = free_pair(board, now);
        if (pair == NULL)
            return; /* they are introduced all the same */
        *pair =
            (struct th_relay_pair){.is_set = true, .side = {{.id = asker->id}, {.id = target->id}}};
        for (unsigned i = 0; i < 2; i++)
            pair->side[i].pace = th_relay_pace(now);
    }
    pair->used_at = now.mono;
    side_of(pair, &asker->id)->c = peer->id;
    side_of(pair, &target->id)->c = connect->id;
    peer->relay = connect->relay = (uint16_t)(pair - relays->pair + 1);
}

/* --- what goes by it --- */

static void warn(struct th_switchboard *board, struct th_relay_side *side, struct th_now now)
{
    struct th_chanpkt_out packet = {
        .c = side->c, .fields = th_bytes_of("\"warn\":\"too fast: 5 packets a second\"")};

    th_drop_count(&board->drops, TH_DROP_RELAY_FAST);
    if (side->warned_at != 0 && now.mono - side->warned_at < WARN_EVERY_MS)
        return;
    side->warned_at = now.mono;
    th_board_say(board, now, &side->id, &packet);
}

/* Sees what line ids go which way; with both of them the pair can become a bridge. */
static void note_line(struct th_switchboard *board, struct th_relay_pair *pair,
                      struct th_relay_side *to, struct th_now now, struct th_bytes bytes)
{
    struct th_line_id line;

    if (th_line_read_id(&line, bytes) != TH_DROP_NONE)
        return;
    bool is_new = !to->has_line || memcmp(&to->line, &line, sizeof line) != 0;
    to->has_line = true;
    to->line = line;
    if (is_new && pair->side[0].has_line && pair->side[1].has_line)
        pair->is_bridge = th_board_bridge_pair(board, now, pair);
}

void th_relay_pass_on(struct th_switchboard *board, struct th_exchange *sender, struct th_now now,
                      struct th_channel *channel, struct th_bytes body)
{
    struct th_relay_pair *pair = &board->relays.pair[channel->relay - 1];
    struct th_relay_side *from = side_of(pair, &sender->id);
    struct th_packet inner;
    struct th_exchange *ex;

    TH_CHECK(from != NULL);
    struct th_relay_side *to = other_side(pair, from);
    if (th_packet_split(&inner, body) != TH_DROP_NONE || inner.kind == TH_PACKET_JSON) {
        th_drop_count(&board->drops, TH_DROP_RELAY_BAD);
        return;
    }
    if (!th_relay_may_go(&from->pace, now)) {
        warn(board, from, now);
        return;
    }
    if (inner.kind == TH_PACKET_BODY)
        note_line(board, pair, to, now, body);
    struct th_channel *other = th_relay_channel_of(board, &to->id, to->c, &ex);
    if (other == NULL)
        return;
    if (!th_relay_send_as_body(board, now, ex, other, pair->is_bridge, body))
        return;
    pair->has_carried = true;
    pair->used_at = now.mono;
}

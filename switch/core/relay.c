#include "switch/core/relay.h"

#include "switch/base/mem.h"
#include "switch/core/board.h"
#include "switch/core/relay_share.h"
#include "switch/wire/bridge.h"

#include <string.h>

void th_relays_clear(struct th_relays *relays)
{
    for (unsigned i = 0; i < relays->room; i++)
        th_held_free(&relays->relay[i].kept);
    th_mem_free(relays->relay);
    th_mem_free(relays->pair);
    *relays = (struct th_relays){0};
}

/* At an end of it, who asked opened `peer`, and who was asked for was opened `connect`. */
bool th_relay_is_at_an_end(const struct th_channel *channel)
{
    return (channel->type == TH_CHANNEL_PEER) == channel->is_ours;
}

bool th_relay_has_type(const struct th_channel *channel)
{
    return channel->type == TH_CHANNEL_PEER || channel->type == TH_CHANNEL_CONNECT;
}

struct th_channel *th_relay_channel_of(struct th_switchboard *board, const struct th_hashname *id,
                                       uint32_t c, struct th_exchange **ex)
{
    *ex = th_board_find(board, id);
    return th_exchange_is_up(*ex) ? th_channels_find(&(*ex)->line->channels, c) : NULL;
}

/* A packet of a line goes by it: it is needed, and may be silent for as long as its type. */
static void carry(struct th_channel *channel, struct th_now now)
{
    channel->silence_ms = (uint32_t)th_channel_silence_ms((enum th_channel_type)channel->type);
    th_channel_touch(channel, now);
}

/* Sends a datagram as the body of a packet on a channel, over a line that goes by no relay itself. */
bool th_relay_send_as_body(struct th_switchboard *board, struct th_now now, struct th_exchange *ex,
                           struct th_channel *channel, bool is_bridge, struct th_bytes bytes)
{
    uint8_t plain[TH_RELAY_PACKET_MAX];
    size_t len;
    struct th_exchange_path *path = th_exchange_paths_used(&ex->paths);
    struct th_chanpkt_out packet = {.c = channel->id, .body = bytes};

    if (is_bridge)
        packet.fields = th_bytes_of("\"bridge\":true");
    if (path == NULL || path->addr.family == TH_FAMILY_RELAY) {
        th_drop_count(&board->drops, TH_DROP_RELAY_LOOP);
        return false;
    }
    if (th_chanpkt_write(plain, th_board_mtu(ex) - ex->cipher->line_overhead, &len, &packet) !=
        TH_OK) {
        th_drop_count(&board->drops, TH_DROP_RELAY_BIG);
        return false;
    }
    carry(channel, now);
    channel->tx_packets++;
    th_board_reset_alarm(board, ex);
    return th_board_seal_to(board, ex, now, &ex->line->current, path,
                            (struct th_bytes){plain, len});
}

/* Its seconds are shorter ones: one for each packet. */
struct th_naming th_relay_pace(struct th_now now)
{
    return (struct th_naming){.since = (uint32_t)(now.mono * TH_RELAY_PER_S),
                              .milli = 1000 * TH_RELAY_PER_S};
}

bool th_relay_may_go(struct th_naming *pace, struct th_now now)
{
    return th_naming_take(pace, TH_RELAY_PER_S, now.mono * TH_RELAY_PER_S);
}

/* --- as an end ------------------------------------------------------------------------------------- */

static struct th_addr addr_of(const struct th_relay *relay)
{
    struct th_addr addr = {.family = TH_FAMILY_RELAY};

    memcpy(addr.ip, &relay->id, sizeof relay->id);
    return addr;
}

static struct th_relay *find_relay(struct th_switchboard *board, const struct th_addr *addr)
{
    uint32_t id;

    memcpy(&id, addr->ip, sizeof id);
    for (unsigned i = 0; addr->family == TH_FAMILY_RELAY && i < board->relays.room; i++)
        if (board->relays.relay[i].id == id)
            return &board->relays.relay[i];
    return NULL;
}

/* All of a mesh come at once and leave at once: what is taken too much stays for as long as they do. */
unsigned th_relay_room_after(unsigned room, unsigned max)
{
    unsigned next = room + room / 4 + 2;

    return next < max ? next : max;
}

bool th_relay_is_spare(th_ms made_at, struct th_now now)
{
    return now.mono - made_at >= TH_RELAY_SPARE_MS;
}

/* Its other end is reached by another way. */
static bool is_needless(struct th_switchboard *board, const struct th_relay *relay)
{
    const struct th_exchange *ex = relay->has_peer ? th_board_find(board, &relay->peer) : NULL;
    const struct th_exchange_path *path =
        th_exchange_is_up(ex) ? th_exchange_paths_look(&ex->paths) : NULL;
    struct th_addr addr = addr_of(relay);

    return path && !th_addr_is_equal(&path->addr, &addr);
}

/* One that is needed least: the oldest by which nothing came, or whose other end is reached otherwise. */
static struct th_relay *spare_relay(struct th_switchboard *board, struct th_now now)
{
    struct th_relay *oldest = NULL;

    for (unsigned i = 0; i < board->relays.room; i++) {
        struct th_relay *relay = &board->relays.relay[i];
        if (th_relay_is_spare(relay->made_at, now) &&
            (oldest == NULL || relay->made_at < oldest->made_at) &&
            (!relay->has_carried || is_needless(board, relay)))
            oldest = relay;
    }
    return oldest;
}

static void lose(struct th_switchboard *board, struct th_relay *relay, struct th_now now);

/* Makes room. What still comes by its channel makes it anew. */
static struct th_relay *take_spare_relay(struct th_switchboard *board, struct th_now now)
{
    struct th_relay *relay = spare_relay(board, now);
    struct th_exchange *ex;

    th_drop_count(&board->drops, TH_DROP_RELAY_LIMIT);
    if (relay == NULL)
        return NULL;
    struct th_channel *channel = th_relay_channel_of(board, &relay->middle, relay->c, &ex);
    if (channel)
        channel->relay = 0;
    lose(board, relay, now);
    return relay;
}

static struct th_relay *free_relay(struct th_switchboard *board, struct th_now now)
{
    struct th_relays *relays = &board->relays;

    for (unsigned i = 0; i < relays->room; i++)
        if (relays->relay[i].id == 0)
            return &relays->relay[i];
    if (relays->room == TH_RELAYS_MAX)
        return take_spare_relay(board, now);

    unsigned room = th_relay_room_after(relays->room, TH_RELAYS_MAX);
    struct th_relay *relay = th_mem_resize(relays->relay, room, sizeof *relay);
    if (relay == NULL)
        return NULL;
    memset(relay + relays->room, 0, (room - relays->room) * sizeof *relay);
    relays->relay = relay;
    relay += relays->room;
    relays->room = room;
    return relay;
}

bool th_board_relay_by(struct th_switchboard *board, struct th_now now,
                       const struct th_exchange *middle, struct th_channel *channel,
                       struct th_addr *addr)
{
    struct th_relays *relays = &board->relays;
    struct th_relay *relay = channel->relay ? &relays->relay[channel->relay - 1] : NULL;

    if (relay == NULL) {
        relay = free_relay(board, now);
        if (relay == NULL)
            return false;
        if (++relays->last_id == 0)
            relays->last_id = 1;
        *relay = (struct th_relay){
            .id = relays->last_id, .c = channel->id, .middle = middle->id, .made_at = now.mono};
        relay->pace = th_relay_pace(now);
        channel->relay = (uint16_t)(relay - relays->relay + 1);
    }
    *addr = addr_of(relay);
    return true;
}

enum th_drop th_board_may_come_from(struct th_switchboard *board, const struct th_addr *from,
                                    const struct th_hashname *id)
{
    struct th_relay *relay = find_relay(board, from);

    if (relay == NULL)
        return TH_DROP_NONE;
    if (th_hashname_is_equal(&relay->middle, id))
        return TH_DROP_RELAY_LOOP;
    if (relay->has_peer && !th_hashname_is_equal(&relay->peer, id))
        return TH_DROP_RELAY_BAD;
    relay->has_peer = true;
    relay->peer = *id;
    return TH_DROP_NONE;
}

/* Keeps a packet until the pace allows it; the line of the other end has the alarm. */
static bool keep(struct th_switchboard *board, struct th_relay *relay, struct th_now now,
                 struct th_bytes bytes)
{
    struct th_exchange *ex = relay->has_peer ? th_board_find(board, &relay->peer) : NULL;

    struct th_line_more *more = ex && ex->line ? th_line_make_more(ex->line) : NULL;
    if (more == NULL || relay->kept_count == TH_RELAY_KEPT_MAX ||
        !th_held_append(&relay->kept, NULL, bytes)) {
        th_drop_count(&board->drops, TH_DROP_RELAY_FAST);
        return false;
    }
    relay->kept_count++;
    more->relay_at = th_sooner(more->relay_at, now.mono + 1000 / TH_RELAY_PER_S);
    th_board_reset_alarm(board, ex);
    return true;
}

bool th_board_send_relayed(struct th_switchboard *board, struct th_now now,
                           const struct th_addr *to, struct th_bytes bytes)
{
    struct th_relay *relay = find_relay(board, to);
    struct th_exchange *ex;
    struct th_channel *channel =
        relay ? th_relay_channel_of(board, &relay->middle, relay->c, &ex) : NULL;

    if (channel == NULL)
        return false;
    if (relay->kept || !th_relay_may_go(&relay->pace, now))
        return keep(board, relay, now, bytes);
    return th_relay_send_as_body(board, now, ex, channel, false, bytes);
}

/* Sends what waits and may go; false when some must wait on. */
static bool release(struct th_switchboard *board, struct th_relay *relay, struct th_now now)
{
    struct th_exchange *ex;
    struct th_channel *channel;

    while (relay->kept && th_relay_may_go(&relay->pace, now)) {
        struct th_held *first = relay->kept;
        relay->kept = first->next;
        relay->kept_count--;
        channel = th_relay_channel_of(board, &relay->middle, relay->c, &ex);
        if (channel)
            th_relay_send_as_body(board, now, ex, channel, false,
                                  (struct th_bytes){first->bytes, first->len});
        th_mem_free(first);
    }
    return relay->kept == NULL;
}

void th_board_release(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    bool is_waiting = false;

    for (unsigned i = 0; i < board->relays.room; i++) {
        struct th_relay *relay = &board->relays.relay[i];
        if (relay->id && relay->has_peer && th_hashname_is_equal(&relay->peer, &ex->id) &&
            !release(board, relay, now))
            is_waiting = true;
    }
    ex->line->more->relay_at = is_waiting ? now.mono + 1000 / TH_RELAY_PER_S : TH_NEVER;
    th_line_rest(ex->line);
}

const struct th_hashname *th_board_relay_middle(struct th_switchboard *board,
                                                const struct th_addr *addr)
{
    const struct th_relay *relay = find_relay(board, addr);

    return relay ? &relay->middle : NULL;
}

void th_board_use_bridge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                         struct th_exchange *middle)
{
    const struct th_exchange_path *way = th_exchange_paths_used(&middle->paths);
    struct th_exchange_path *path;

    if (way == NULL || !th_exchange_path_is_direct(way) || ex->line == NULL)
        return;
    struct th_addr addr = way->addr;
    path = th_exchange_paths_find(&ex->paths, &addr);
    if (path && path->is_bridge &&
        (path->is_answered || !th_exchange_path_may_probe(path, now, false)))
        return;
    path = th_exchange_paths_add(&ex->paths, &addr, now);
    if (path == NULL)
        return;
    path->is_bridge = true;
    path->is_told = true;
    th_board_probe(board, ex, path, now);
}

/* An open came on a line that is up and goes by another node, so we were introduced anew, by one that may
 * become a bridge: once it has seen packets of the line go both ways. */
static void show_line(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      const struct th_exchange *middle, const struct th_addr *relay)
{
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, relay);
    const struct th_exchange *current = th_board_middle_of(board, ex);

    if (path && current && current != middle)
        th_board_probe(board, ex, path, now);
}

static void receive(struct th_switchboard *board, struct th_exchange *middle, struct th_now now,
                    struct th_channel *channel, const struct th_chanpkt *packet)
{
    struct th_exchange *ex = NULL;
    struct th_packet inner;
    struct th_addr from;
    bool is_bridge = th_bridge_is_offered(packet->head);

    enum th_drop why = th_packet_split(&inner, packet->body);
    if (why == TH_DROP_NONE && inner.kind == TH_PACKET_JSON)
        why = TH_DROP_RELAY_BAD;
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return;
    }
    if (!th_board_relay_by(board, now, middle, channel, &from))
        return;
    board->relays.relay[channel->relay - 1].has_carried = true;
    carry(channel, now);
    th_board_reset_alarm(board, middle);
    if (inner.kind == TH_PACKET_BINARY)
        ex = th_board_on_open(board, now, &from, packet->body);
    else if (inner.body.len > 0)
        ex = th_board_on_line(board, now, &from, packet->body);
    if (th_exchange_is_up(ex) && inner.kind == TH_PACKET_BINARY)
        show_line(board, ex, now, middle, &from);
    if (ex && is_bridge)
        th_board_use_bridge(board, ex, now, middle);
}

/* The line has come up just now by a relay that is gone already, and an open came directly: the other side has
 * heard us there, and ended what introduced us. Its first packet may be overtaken by that. */
static bool goes_on_directly(struct th_exchange *ex, struct th_now now)
{
    return now.mono - th_line_up_since(ex->line) < TH_PATH_LOST_MS &&
           th_exchange_paths_use_heard(&ex->paths);
}

/* An end lost its relay: the line goes on by another way, or it is over. */
static void lose(struct th_switchboard *board, struct th_relay *relay, struct th_now now)
{
    struct th_addr addr = addr_of(relay);
    struct th_exchange *ex = relay->has_peer ? th_board_find(board, &relay->peer) : NULL;

    th_held_free(&relay->kept);
    *relay = (struct th_relay){0};
    if (ex == NULL)
        return;
    bool has_moved = th_exchange_paths_remove(&ex->paths, &addr, now);
    if (has_moved && th_exchange_is_up(ex)) {
        if (ex->paths.used >= 0 || goes_on_directly(ex, now))
            th_board_path_changed(board, ex, now);
        else
            th_board_end_line(board, ex, TH_NO_PATH, now);
    }
    th_board_reset_alarm(board, ex);
}

/* --- both ------------------------------------------------------------------------------------------ */

void th_board_on_relayed(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                         const struct th_addr *from, struct th_channel *channel,
                         const struct th_chanpkt *packet)
{
    if (packet->body.len == 0)
        return;
    if (from->family == TH_FAMILY_RELAY)
        th_drop_count(&board->drops, TH_DROP_RELAY_LOOP);
    else if (th_relay_is_at_an_end(channel))
        receive(board, ex, now, channel, packet);
    else if (channel->relay)
        th_relay_pass_on(board, ex, now, channel, packet->body);
    else
        th_drop_count(&board->drops, TH_DROP_RELAY_OVER);
}

/* Nodes are introduced seldom, and all of a mesh at once: when nobody is relayed the memory goes. */
static void give_back(struct th_relays *relays)
{
    unsigned relays_used = 0, pairs_used = 0;

    for (unsigned i = 0; i < relays->room; i++)
        relays_used += relays->relay[i].id != 0;
    for (unsigned i = 0; i < relays->pair_room; i++)
        pairs_used += relays->pair[i].is_set;
    if (relays_used == 0) {
        th_mem_free(relays->relay);
        relays->relay = NULL;
        relays->room = 0;
    }
    if (pairs_used == 0) {
        th_mem_free(relays->pair);
        relays->pair = NULL;
        relays->pair_room = 0;
    }
}

void th_board_relay_over(struct th_switchboard *board, const struct th_exchange *ex,
                         const struct th_channel *channel, struct th_now now)
{
    if (channel->relay == 0 || !th_relay_has_type(channel))
        return;
    if (th_relay_is_at_an_end(channel))
        lose(board, &board->relays.relay[channel->relay - 1], now);
    else
        th_relay_part_one(board, ex, channel, now);
    give_back(&board->relays);
}

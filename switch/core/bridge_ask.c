/*
 * The other side of bridge.c: which nodes would forward for us, and asking one when a line has nothing
 * better than a relay.
 *
 * telehash.org v2/switch.md, "Advertising Bridge Capacity" and "bridge". A node that would forward says so
 * in its link. It is asked to introduce us to the node once more, for if it has a line to that it becomes
 * a bridge as soon as it sees both halves of ours (the JavaScript switch does it so too). If it does not
 * know the node it is asked by a `bridge` channel to forward to the address that we have of it, which
 * helps when that is open, but not to us, as for two that share no family.
 */
#include "switch/core/board.h"

#include "switch/base/mem.h"
#include "switch/wire/bridge.h"
#include "switch/wire/see.h"

/* --- telling ---------------------------------------------------------------------------------------- */

struct th_bytes th_board_add_bridges(const struct th_switchboard *board,
                                     const struct th_exchange *ex, struct th_bytes fields,
                                     char room[TH_FIELDS_MAX])
{
    enum { REST = 80 }; /* of the packet: the words of a link, and ours */
    struct th_addr places[TH_PATHS_MAX];
    struct th_text text = th_text_in(room, TH_FIELDS_MAX);
    unsigned families = 0;

    if (!th_board_bridges_for(board, &ex->id) || fields.len + REST > TH_CHANPKT_MAX)
        return fields;
    for (unsigned i = th_board_gather_places(board, places); i-- > 0;)
        families |= th_bridge_family(places[i].family);
    if (fields.len > 0)
        th_text_put(&text, "%.*s,", (int)fields.len, (const char *)fields.at);
    th_bridges_put(&text, families);
    return text.is_cut ? fields : th_text_bytes(&text);
}

/* --- asking ----------------------------------------------------------------------------------------- */

/* A node that would forward, is reached directly, and is neither the one we want to reach nor the one
 * that relays now. */
static bool may_bridge(struct th_exchange *other, const struct th_exchange *ex,
                       const struct th_exchange *middle)
{
    const struct th_exchange_path *way = th_exchange_paths_used(&other->paths);

    return other != ex && other != middle && th_exchange_is_up(other) && other->line->bridges &&
           way && th_exchange_path_is_direct(way);
}

/* The one after the one that was asked last, in the order of their making. */
static struct th_exchange *choose(struct th_switchboard *board, struct th_exchange *ex)
{
    const struct th_exchange *middle = th_board_middle_of(board, ex);
    const struct th_bridge_ask *ask = th_line_more(ex->line)->ask;
    struct th_exchange *last = ask ? th_board_find(board, &ask->middle) : NULL;

    for (struct th_exchange *at = last ? last->next : NULL; at; at = at->next)
        if (may_bridge(at, ex, middle))
            return at;
    for (struct th_exchange *at = board->roster.first; at; at = at->next)
        if (may_bridge(at, ex, middle))
            return at;
    return NULL;
}

/* Opens a channel for it to who is to be the bridge, and notes which. */
static void ask(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                struct th_exchange *middle, const struct th_channel_request *request)
{
    struct th_channel *channel;
    struct th_line_more *more = th_line_make_more(ex->line);

    if (more && more->ask == NULL)
        more->ask = th_mem_zalloc(1, sizeof *more->ask);
    if (!more || !more->ask ||
        th_board_open_channel(board, middle, now, request, &channel) != TH_OK)
        return; /* perhaps at the next search */
    more->ask->middle = middle->id;
    more->ask->c = channel->id;
    th_board_reset_alarm(board, middle);
}

void th_board_ask_bridge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    const struct th_exchange_path *path = th_exchange_paths_used(&ex->paths);
    struct th_exchange *middle;

    if (path == NULL || path->addr.family != TH_FAMILY_RELAY)
        return;
    middle = choose(board, ex);
    if (middle == NULL)
        return;
    th_peer_put(&text, &ex->id, NULL, 0);
    struct th_channel_request request = {
        .type = TH_CHANNEL_PEER,
        .fields = th_text_bytes(&text),
        .body = {board->self->keys.pub.b, sizeof board->self->keys.pub.b}};
    ask(board, ex, now, middle, &request);
}

/* Where we think it is, of a family that the node forwards to; what it said last. */
static const struct th_addr *place_of(struct th_exchange *ex, unsigned families)
{
    for (unsigned i = ex->paths.count; i-- > 0;) {
        const struct th_exchange_path *path = th_exchange_paths_at(&ex->paths, i);
        if (th_exchange_path_is_direct(path) && th_bridge_family(path->addr.family) & families &&
            th_addr_realm(&path->addr) != TH_REALM_LOOPBACK)
            return &path->addr;
    }
    return NULL;
}

static void ask_by_channel(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           struct th_exchange *middle)
{
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    const struct th_addr *addr = place_of(ex, middle->line->bridges);

    if (addr == NULL)
        return;
    struct th_bridge_head head = {
        .to = ex->line->current.id, .from = th_line_own_id(ex->line), .addr = *addr};
    th_bridge_put(&text, &head);
    struct th_channel_request request = {.type = TH_CHANNEL_BRIDGE, .fields = th_text_bytes(&text)};
    ask(board, ex, now, middle, &request);
}

/* For whom we asked a node on a channel; NULL: for nobody. */
static struct th_exchange *asked_for(struct th_switchboard *board, const struct th_exchange *middle,
                                     uint32_t c)
{
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        const struct th_bridge_ask *ask = ex->line ? th_line_more(ex->line)->ask : NULL;
        if (ask && ask->c == c && th_hashname_is_equal(&ask->middle, &middle->id))
            return ex;
    }
    return NULL;
}

void th_board_on_bridge_answer(struct th_switchboard *board, struct th_exchange *middle,
                               struct th_now now, const struct th_channel *channel,
                               const struct th_chanpkt *packet)
{
    bool is_refused = packet->err[0] != 0;
    struct th_exchange *ex = NULL;

    if (channel->owner == 0 && (is_refused || packet->end))
        ex = asked_for(board, middle, channel->id);
    if (ex == NULL)
        return;
    ex->line->more->ask->c = 0;
    if (!th_exchange_is_up(ex))
        return;
    if (channel->type == TH_CHANNEL_PEER && is_refused)
        ask_by_channel(board, ex, now, middle);
    else if (channel->type == TH_CHANNEL_BRIDGE && !is_refused)
        th_board_use_bridge(board, ex, now, middle);
}

void th_board_note_bridges(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           const struct th_chanpkt *packet)
{
    unsigned families;

    if (!th_bridges_read(&families, packet->head))
        return;
    bool is_new = families != 0 && !ex->line->has_offered;
    ex->line->has_offered |= is_new;
    ex->line->bridges = (uint8_t)families;
    for (struct th_exchange *other = is_new ? board->roster.first : NULL; other;
         other = other->next)
        if (th_exchange_is_up(other) &&
            now.mono - th_line_up_since(other->line) >= TH_BRIDGE_ASK_MS)
            th_board_ask_bridge(board, other, now); /* not only at its next search */
}

#include "switch/core/board.h"

#include "switch/base/mem.h"
#include "switch/core/packets.h"
#include "switch/core/streams.h"

#include <string.h>

/* sending */

bool th_board_seal_to(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      const struct th_half *half, struct th_exchange_path *path,
                      struct th_bytes plain)
{
    size_t len = plain.len + ex->cipher->line_overhead;
    uint8_t nonce[TH_LINE_NONCE_BYTES];

    if (path == NULL || !th_exchange_path_may_send(path, len)) {
        th_drop_count(&board->drops, TH_DROP_UNPROVEN_BUDGET);
        return false;
    }
    uint8_t *room = th_outbox_room(&board->outbox, len);
    if (room == NULL)
        return false;
    th_rng_fill(board->rng, nonce, sizeof nonce);
    if (ex->cipher->line_seal(room, len, &len, th_half_keys(half, ex), &half->id, nonce, plain) !=
        TH_OK)
        return false;
    if (th_tap_is_on(board->config.tap))
        th_board_tap_line(board, ex, now, &path->addr, &half->id, false, plain);
    th_board_send(board, now, &path->addr, len);
    th_line_count(ex->line, TH_TX_PACKETS, 1);
    th_line_count(ex->line, TH_TX_BYTES, (uint32_t)len);
    return true;
}

static bool keep_waiting(struct th_switchboard *board, struct th_line *line, struct th_bytes plain)
{
    struct th_sealed *sealed = line->sealed;

    TH_CHECK(sealed != NULL); /* until the line is up */
    if (sealed->waiting_count >= TH_WAITING_MAX || !th_held_append(&sealed->waiting, NULL, plain)) {
        th_drop_count(&board->drops, TH_DROP_WAITING_LIMIT);
        return false;
    }
    sealed->waiting_count++;
    return true;
}

bool th_board_transmit(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       struct th_bytes plain, enum th_wish wish)
{
    struct th_line *line = ex->line;

    th_exchange_paths_touch(&ex->paths, now);
    if (!line->is_up)
        return keep_waiting(board, line, plain);
    th_board_on_sent(board, ex, now, wish);
    if (plain.len + ex->cipher->line_overhead > TH_DATAGRAM_SAFE_MAX)
        th_board_note_large(ex, now);
    return th_board_seal_to(board, ex, now, &line->current, th_exchange_paths_used(&ex->paths),
                            plain);
}

/* Who asks to be introduced says where it can be met, and a link says for what it is a bridge; only the
 * switch knows that. */
static struct th_bytes add_own(const struct th_switchboard *board, const struct th_exchange *ex,
                               const struct th_channel_request *request, char fields[TH_FIELDS_MAX])
{
    struct th_text text = th_text_in(fields, TH_FIELDS_MAX);

    if (request->type == TH_CHANNEL_LINK)
        return th_board_add_bridges(board, ex, request->fields, fields);

    struct th_addr places[TH_PATHS_MAX];
    unsigned count = request->type == TH_CHANNEL_PEER ? th_board_gather_places(board, places) : 0;

    if (count == 0)
        return request->fields;
    th_text_put(&text, "%.*s,", (int)request->fields.len, (const char *)request->fields.at);
    th_paths_put(&text, places, count);
    return text.is_cut ? request->fields : th_text_bytes(&text);
}

enum th_err th_board_open_channel(struct th_switchboard *board, struct th_exchange *ex,
                                  struct th_now now, const struct th_channel_request *request,
                                  struct th_channel **out)
{
    uint8_t plain[TH_CHANPKT_PROVEN_MAX];
    size_t len;
    th_ms silence =
        request->silence_ms ? request->silence_ms : th_channel_silence_ms(request->type);
    struct th_channel *channel = th_channels_open(&ex->line->channels, request->type, silence, now);
    char fields[TH_FIELDS_MAX];

    if (channel == NULL)
        return TH_LIMIT;
    channel->owner = request->owner;
    channel->tag = request->tag;
    struct th_chanpkt_out packet = {.c = channel->id,
                                    .type = request->type == TH_CHANNEL_OTHER
                                                ? request->name
                                                : th_channel_type_name(request->type),
                                    .end = request->end,
                                    .fields = add_own(board, ex, request, fields),
                                    .body = request->body};
    if (th_chanpkt_write(plain, th_board_packet_max(ex), &len, &packet) != TH_OK) {
        th_channels_close(&ex->line->channels, channel);
        th_board_want_mtu(board, ex, now);
        return TH_TOO_BIG;
    }
    /* one that could not leave is one that was lost: the channel ends by its silence */
    channel->tx_packets++;
    bool is_introducing = request->type == TH_CHANNEL_PEER || request->type == TH_CHANNEL_CONNECT;
    th_board_transmit(board, ex, now, (struct th_bytes){plain, len},
                      request->end || is_introducing ? TH_WISH_NONE : TH_WISH_ANSWER);
    if (request->type != TH_CHANNEL_LINK)
        th_board_ask_in_use(board, ex, now);
    *out = channel;
    return TH_OK;
}

void th_board_say(struct th_switchboard *board, struct th_now now, const struct th_hashname *to,
                  const struct th_chanpkt_out *packet)
{
    if (th_switchboard_send(board, now, to, packet) != TH_OK)
        th_drop_count(&board->drops, TH_DROP_WAITING_LIMIT);
}

/* receiving */

/* Who asks for a reliable channel is answered (telehash.org v2/reliable.md), and who did not hear of the end
 * of another one; an `err` opens nothing. */
static enum th_drop refuse(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           uint32_t c, const char *err, enum th_drop why)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_chanpkt_out packet = {.c = c, .err = err};
    size_t len;

    if (th_chanpkt_write(plain, sizeof plain, &len, &packet) == TH_OK)
        th_board_transmit(board, ex, now, (struct th_bytes){plain, len}, TH_WISH_NONE);
    return why;
}

static enum th_drop accept_reliable(struct th_switchboard *board, struct th_exchange *ex,
                                    const struct th_chanpkt *packet, struct th_now now,
                                    struct th_channel **out)
{
    struct th_channel *channel;

    /* an end may come along: who has little to say says all of it in the first packet */
    if (packet->err[0] || !th_stream_type_is_valid(packet->type))
        return TH_DROP_CHANNEL_TYPE;
    if (!th_served_has(&board->streams_served, packet->type)) {
        /* It is dead over there, and what was sent again meanwhile must not open it here. */
        th_channels_refuse(&ex->line->channels, packet->c);
        return refuse(board, ex, now, packet->c, "unknown type", TH_DROP_CHANNEL_RELIABLE);
    }
    if (th_board_is_crowded(ex, true) || board->stream_count >= TH_BOARD_STREAMS_THEIRS)
        return refuse(board, ex, now, packet->c, "no room", TH_DROP_CHANNEL_LIMIT);
    enum th_drop why =
        th_channels_accept(&ex->line->channels, packet->c, TH_CHANNEL_OTHER, now, &channel);
    if (why != TH_DROP_NONE)
        return why;
    channel->silence_ms = UINT32_MAX; /* it has a clock of its own */
    th_channel_touch(channel, now);
    if (th_board_make_reliable(board, ex, now, channel, packet->type) != TH_OK) {
        th_channels_close(&ex->line->channels, channel);
        return refuse(board, ex, now, packet->c, "no room", TH_DROP_CHANNEL_LIMIT);
    }
    *out = channel;
    return TH_DROP_NONE;
}

/* A packet of an application, for a channel that has ended here or was refused: that got lost, so who sends it
 * is told again. An end or err is never answered, so two cannot go on with it for ever. */
static enum th_drop say_closed(struct th_switchboard *board, struct th_exchange *ex,
                               struct th_now now, const struct th_chanpkt *packet)
{
    struct th_channels *channels = &ex->line->channels;
    bool is_last = packet->end || packet->err[0];
    bool is_reliable = packet->has_seq || packet->has_ack;
    bool is_refused = packet->has_seq && th_stream_type_is_valid(packet->type) && !packet->err[0];
    bool is_apps = th_channels_had_packets(channels, packet->c) ||
                   th_stream_type_is_valid(packet->type) || th_chanpkt_app(packet).len > 0;

    if ((!is_refused && (is_last || is_reliable || !is_apps)) ||
        (channels->ended_said_at &&
         th_exchange_path_ago(channels->ended_said_at, now) < TH_PACKETS_CLOSED_MS))
        return TH_DROP_CHANNEL_CLOSED;
    channels->ended_said_at = th_exchange_path_time(now);
    return refuse(board, ex, now, packet->c, is_refused ? "unknown type" : "closed",
                  TH_DROP_CHANNEL_CLOSED);
}

/* The channel a packet is for, opened if it is their first; NULL when it is to be dropped. */
static struct th_channel *channel_for(struct th_switchboard *board, struct th_exchange *ex,
                                      const struct th_chanpkt *packet, struct th_now now,
                                      bool *is_first)
{
    struct th_channel *channel = th_channels_find(&ex->line->channels, packet->c);
    enum th_drop why;

    *is_first = channel == NULL;
    if (channel)
        return channel;
    enum th_channel_type type = th_channel_type_of(packet->type);
    /* what a number of ours that never was opens has the wrong parity */
    bool may_open = type == TH_CHANNEL_PATH ||
                    (packet->type[0] && th_channels_is_hidden(&ex->line->channels, packet->c));
    th_board_note_guess(board, ex, packet->c);
    if (!may_open && th_channels_was_used(&ex->line->channels, packet->c))
        why = say_closed(board, ex, now, packet);
    else if (packet->type[0] == 0)
        why = TH_DROP_CHANNEL_UNKNOWN;
    else if (type == TH_CHANNEL_OTHER && packet->has_seq)
        why = accept_reliable(board, ex, packet, now, &channel);
    else if (type == TH_CHANNEL_OTHER)
        why = th_board_accept_packets(board, ex, packet, now, &channel);
    else if (packet->has_seq)
        why = TH_DROP_CHANNEL_RELIABLE;
    else
        why = th_channels_accept(&ex->line->channels, packet->c, type, now, &channel);
    th_drop_count(&board->drops, why);
    return channel;
}

/* What the switch answers by itself. */
static void serve(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                  const struct th_addr *from, struct th_channel *channel,
                  const struct th_chanpkt *packet, bool is_first)
{
    switch ((enum th_channel_type)channel->type) {
    case TH_CHANNEL_PATH:
        if (channel->is_ours)
            th_board_on_path_answer(board, ex, now, from, channel, packet);
        else if (is_first)
            th_board_on_path_request(board, ex, now, from, channel->id, packet);
        break;
    case TH_CHANNEL_PEER:
        if (channel->is_ours)
            th_board_on_bridge_answer(board, ex, now, channel, packet);
        if (is_first)
            th_board_on_peer(board, ex, now, from, channel, packet);
        else
            th_board_on_relayed(board, ex, now, from, channel, packet);
        break;
    case TH_CHANNEL_CONNECT:
        if (is_first)
            th_board_on_connect(board, ex, now, from, channel, packet);
        else
            th_board_on_relayed(board, ex, now, from, channel, packet);
        break;
    case TH_CHANNEL_BRIDGE:
        if (is_first)
            th_board_on_bridge(board, ex, now, channel, packet);
        else if (channel->is_ours)
            th_board_on_bridge_answer(board, ex, now, channel, packet);
        break;
    case TH_CHANNEL_LINK:
        th_board_note_bridges(board, ex, now, packet);
        break;
    case TH_CHANNEL_SEEK:
    case TH_CHANNEL_OTHER:
    case TH_CHANNEL_TYPES:
        break; /* others read the event */
    }
}

/* The usual packet of a reliable channel, of which thousands come in a second. */
static bool is_of_stream(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                         struct th_bytes plain)
{
    struct th_relpkt packet;

    if (th_line_more(ex->line)->streams == NULL || !th_relpkt_read_usual(&packet, plain))
        return false;
    struct th_channel *channel = th_channels_find(&ex->line->channels, packet.c);
    if (channel == NULL || !channel->is_reliable)
        return false;
    th_board_on_stream_packet(board, ex, now, channel, &packet);
    return true;
}

/* Any other one. */
static void on_reliable(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                        struct th_channel *channel, struct th_bytes plain, bool is_first)
{
    struct th_relpkt packet;
    enum th_drop why = th_relpkt_read(&packet, plain);

    th_drop_count(&board->drops, why);
    if (why == TH_DROP_NONE)
        th_board_on_stream_packet(board, ex, now, channel, &packet);
    if (is_first)
        th_board_tell_stream(board, ex, channel);
}

void th_board_on_packet(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                        const struct th_addr *from, struct th_bytes plain)
{
    struct th_chanpkt packet;
    bool is_first;

    if (is_of_stream(board, ex, now, plain))
        return;
    enum th_drop why = th_chanpkt_read(&packet, plain);
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return;
    }
    struct th_channel *channel = channel_for(board, ex, &packet, now, &is_first);
    if (channel && channel->is_reliable)
        on_reliable(board, ex, now, channel, plain, is_first);
    if (channel == NULL || channel->is_reliable)
        return;
    th_channel_touch(channel, now);
    channel->rx_packets++;
    struct th_action action = {.kind = TH_ACTION_PACKET,
                               .id = ex->id,
                               .channel = *channel,
                               .is_first = is_first,
                               .packet = packet};
    if (from->family != TH_FAMILY_RELAY) {
        const struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, from);
        action.addr = *from;
        action.is_bridged = path && path->is_bridge;
    }
    th_outbox_put(&board->outbox, &action, 0);

    uint32_t id = channel->id;
    bool is_answered = !channel->is_ours && channel->type == TH_CHANNEL_PATH;
    serve(board, ex, now, from, channel, &packet, is_first);
    channel = ex->line ? th_channels_find(&ex->line->channels, id) : NULL;
    if (channel && (packet.end || packet.err[0] || is_answered))
        th_board_close_channel(board, ex, channel, now);
}

void th_board_on_pending_packet(struct th_switchboard *board, struct th_exchange *ex,
                                struct th_now now, const struct th_addr *from,
                                struct th_bytes plain)
{
    struct th_pending *pending = ex->line->more->pending;
    struct th_chanpkt packet;
    enum th_drop why = th_chanpkt_read(&packet, plain);

    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return;
    }
    if (th_channels_find(&pending->channels, packet.c))
        return; /* an answer to our probe; that it decrypted is all we wanted */
    if (th_channel_type_of(packet.type) == TH_CHANNEL_PATH) {
        struct th_channel *channel;
        why = th_channels_accept(&pending->channels, packet.c, TH_CHANNEL_PATH, now, &channel);
        th_drop_count(&board->drops, why);
        if (why == TH_DROP_NONE) {
            th_channels_close(&pending->channels, channel);
            th_board_answer_path(board, ex, now, &pending->half, from, packet.c);
        }
        return;
    }
    if (pending->kept_count >= TH_PENDING_KEPT_MAX ||
        !th_held_append(&pending->kept, from, plain)) {
        th_drop_count(&board->drops, TH_DROP_LINE_PENDING);
        return;
    }
    pending->kept_count++;
}

static void on_proof(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                     const struct th_addr *from)
{
    struct th_line *line = ex->line;

    bool has_moved = th_exchange_paths_on_proof(&ex->paths, from, now);

    if (!line->is_up)
        th_board_line_up(board, ex, now);
    else if (has_moved)
        th_board_path_changed(board, ex, now);
    th_line_forget_sealed(line); /* the peer has it */
    th_board_on_heard(board, ex, now);
}

/* So much the more of streams may go where this came from. */
static void on_bytes(struct th_switchboard *board, struct th_exchange *ex,
                     const struct th_addr *from, size_t len)
{
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, from);

    if (path == NULL || th_exchange_path_is_open(path))
        return;
    th_exchange_path_on_bytes(path, len);
    th_board_wake_streams(board, ex);
}

struct th_exchange *th_board_on_line(struct th_switchboard *board, struct th_now now,
                                     const struct th_addr *from, struct th_bytes bytes)
{
    uint8_t plain[TH_DATAGRAM_IN_MAX];
    size_t len;
    struct th_line_id id;
    enum th_drop why = th_line_read_id(&id, bytes);
    struct th_line *line = why == TH_DROP_NONE ? th_board_find_line(board, &id) : NULL;

    if (why == TH_DROP_NONE && line == NULL && th_board_forward(board, now, from, &id, bytes))
        return NULL;
    if (why == TH_DROP_NONE && (line == NULL || !line->current.is_set))
        why = TH_DROP_LINE_UNKNOWN;
    if (why == TH_DROP_NONE)
        why = th_board_may_come_from(board, from, &line->ex->id);
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return NULL;
    }

    struct th_exchange *ex = line->ex;
    bool is_pending = false;
    why = th_half_unseal(&line->current, ex, bytes, now, plain, &len);
    struct th_pending *pending = th_line_more(line)->pending;
    if (why == TH_DROP_LINE_CRYPT && pending) {
        is_pending = true;
        why = th_half_unseal(&pending->half, ex, bytes, now, plain, &len);
    }
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return NULL;
    }

    if (th_tap_is_on(board->config.tap))
        th_board_tap_line(board, ex, now, from, &id, true, (struct th_bytes){plain, len});
    th_exchange_paths_touch(&ex->paths, now);
    th_line_count(line, TH_RX_PACKETS, 1);
    th_line_count(line, TH_RX_BYTES, (uint32_t)bytes.len);
    if (is_pending) {
        th_board_on_pending_packet(board, ex, now, from, (struct th_bytes){plain, len});
    } else {
        on_proof(board, ex, now, from);
        on_bytes(board, ex, from, bytes.len);
        th_board_on_packet(board, ex, now, from, (struct th_bytes){plain, len});
        th_board_ask_in_use(board, ex, now);
        th_board_consider(board, ex, now, from); /* now, for it may have been the answer */
    }
    th_board_reset_alarm(board, ex);
    return ex;
}

/* ends */

void th_board_close_channel(struct th_switchboard *board, struct th_exchange *ex,
                            struct th_channel *channel, struct th_now now)
{
    struct th_channel was = *channel;

    if (channel->is_reliable)
        th_board_on_stream_closed(board);
    th_channels_close(&ex->line->channels, channel);
    th_board_relay_over(board, ex, &was, now);
}

static void tell_ended(struct th_switchboard *board, const struct th_exchange *ex,
                       const struct th_channel *channel, enum th_err why)
{
    struct th_action action = {
        .kind = TH_ACTION_ENDED, .id = ex->id, .channel = *channel, .why = why};

    th_outbox_put(&board->outbox, &action, 0);
}

void th_board_tick_channels(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_channel *channel;

    while (ex->line && (channel = th_channels_expired(&ex->line->channels, now))) {
        tell_ended(board, ex, channel, TH_TIMED_OUT);
        th_board_close_channel(board, ex, channel, now);
    }
}

void th_board_end_channels(struct th_switchboard *board, struct th_exchange *ex, enum th_err why,
                           struct th_now now)
{
    struct th_channels *channels = &ex->line->channels;

    while (channels->first) {
        if (channels->first->is_reliable)
            th_board_on_stream_lost(board, ex, channels->first, why);
        else
            tell_ended(board, ex, channels->first, why);
        th_board_close_channel(board, ex, channels->first, now);
    }
}

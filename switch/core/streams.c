#include "switch/core/streams.h"

#include "switch/base/mem.h"
#include "switch/core/board.h"

#include <string.h>

/* Packets that leave in one go, before the owner looks at what else there is. */
enum {
    PUMP_MAX = 64,
    WANT_LARGE = 64, /* full packets: so many are worth looking how large they may be */
    NEARLY = 64      /* bytes; the numbers in a head are shorter at first */
};

/* types */

bool th_stream_type_is_valid(const char *type)
{
    size_t len = strnlen(type, TH_TYPE_MAX);

    if (strcmp(type, "sock") == 0)
        return true;
    if (len < 2 || len == TH_TYPE_MAX || type[0] != '_')
        return false;
    for (size_t i = 0; i < len; i++)
        if (type[i] < 0x21 || type[i] > 0x7e || type[i] == '"' || type[i] == '\\')
            return false;
    return true;
}

enum th_err th_switchboard_serve(struct th_switchboard *board, const char *type, bool is_served)
{
    return th_served_set(&board->streams_served, type, is_served);
}

/* the streams of a line */

/* NULL: there is none, or no line. */
static struct th_streams *streams_of(const struct th_exchange *ex)
{
    return ex->line ? th_line_more(ex->line)->streams : NULL;
}

static void be_busy(struct th_switchboard *board, struct th_exchange *ex)
{
    struct th_streams *streams = streams_of(ex);

    if (streams->is_busy)
        return;
    streams->is_busy = true;
    streams->ex = ex;
    streams->next_busy = NULL;
    *(board->last_busy ? &board->last_busy->next_busy : &board->first_busy) = streams;
    board->last_busy = streams;
}

static void be_idle(struct th_switchboard *board, struct th_streams *streams)
{
    struct th_streams *before = NULL;

    if (!streams->is_busy)
        return;
    for (struct th_streams *at = board->first_busy; at != streams; at = at->next_busy)
        before = at;
    *(before ? &before->next_busy : &board->first_busy) = streams->next_busy;
    if (board->last_busy == streams)
        board->last_busy = before;
    streams->is_busy = false;
}

static enum th_err make_streams(struct th_exchange *ex, struct th_now now)
{
    const struct th_line *line = ex->line;
    struct th_line_more *more = th_line_make_more(ex->line);

    if (more && more->streams)
        return TH_OK;
    struct th_streams *streams = more ? th_mem_zalloc(1, sizeof *streams) : NULL;
    if (streams == NULL)
        return TH_NO_MEMORY;
    streams->due_at = TH_NEVER;
    th_congestion_init(&streams->way, line->has_rtt ? line->rtt_ms : 0, now);
    more->streams = streams;
    return TH_OK;
}

enum th_err th_board_make_reliable(struct th_switchboard *board, struct th_exchange *ex,
                                   struct th_now now, struct th_channel *channel, const char *type)
{
    if (board->stream_count >= TH_BOARD_STREAMS_MAX)
        return TH_LIMIT;
    if (make_streams(ex, now) != TH_OK)
        return TH_NO_MEMORY;
    const struct th_reliable_config config = {.c = channel->id,
                                              .type = type,
                                              .is_ours = channel->is_ours,
                                              .is_compact = streams_of(ex)->is_compact,
                                              .takes_parts = streams_of(ex)->takes_parts,
                                              .way = &streams_of(ex)->way,
                                              .credit = &board->credit};
    struct th_reliable *reliable = th_reliable_new(&config, now);
    if (reliable == NULL)
        return TH_NO_MEMORY;
    th_channel_make_reliable(channel, reliable);
    board->stream_count++;
    be_busy(board, ex);
    return TH_OK;
}

void th_board_on_stream_closed(struct th_switchboard *board)
{
    board->stream_count--;
}

void th_board_forget_streams(struct th_switchboard *board, struct th_exchange *ex)
{
    if (streams_of(ex) == NULL)
        return;
    be_idle(board, streams_of(ex));
    for (const struct th_channel *at = ex->line->channels.first; at; at = at->next)
        board->stream_count -= at->is_reliable;
}

static void tell(struct th_switchboard *board, const struct th_exchange *ex,
                 const struct th_channel *channel, enum th_err why, bool is_first)
{
    struct th_action action = {.kind = TH_ACTION_STREAM,
                               .id = ex->id,
                               .channel = *channel,
                               .why = why,
                               .is_first = is_first};

    th_outbox_put(&board->outbox, &action, 0);
}

/* The owner is told once of what it waits for: what read or write said was not there. */
static void tell_ready(struct th_switchboard *board, const struct th_exchange *ex,
                       struct th_channel *channel)
{
    bool is_ready = (channel->wants_read && th_reliable_is_readable(channel->reliable)) ||
                    (channel->wants_write && th_reliable_is_writable(channel->reliable));

    if (!is_ready)
        return;
    channel->wants_read = channel->wants_write = false;
    tell(board, ex, channel, TH_OK, false);
}

/* A stream whose line is gone. */
struct th_left {
    struct th_left *next;
    uint64_t tag;
    struct th_reliable *reliable;
};

/* Its numbers may soon be those of other streams: it is known by its tag alone. */
static void leave(struct th_switchboard *board, const struct th_channel *channel, enum th_err why)
{
    struct th_left *left = channel->owner ? th_mem_zalloc(1, sizeof *left) : NULL;

    if (left == NULL)
        return;
    left->tag = channel->tag;
    left->reliable = th_reliable_leave(channel->reliable, why);
    if (left->reliable) {
        left->next = board->left;
        board->left = left;
    } else {
        th_mem_free(left);
    }
}

void th_board_on_stream_lost(struct th_switchboard *board, const struct th_exchange *ex,
                             const struct th_channel *channel, enum th_err why)
{
    leave(board, channel, why);
    tell(board, ex, channel, why, false);
}

void th_board_clear_left(struct th_switchboard *board)
{
    while (board->left) {
        struct th_left *next = board->left->next;
        th_reliable_free(board->left->reliable);
        th_mem_free(board->left);
        board->left = next;
    }
}

struct th_reliable *th_switchboard_stream_left(struct th_switchboard *board, uint64_t tag)
{
    for (struct th_left **at = &board->left; *at; at = &(*at)->next) {
        struct th_left *left = *at;
        if (left->tag != tag)
            continue;
        struct th_reliable *reliable = left->reliable;
        *at = left->next;
        th_mem_free(left);
        return reliable;
    }
    return NULL;
}

void th_board_tell_stream(struct th_switchboard *board, const struct th_exchange *ex,
                          const struct th_channel *channel)
{
    tell(board, ex, channel, TH_OK, true);
}

void th_board_on_stream_packet(struct th_switchboard *board, struct th_exchange *ex,
                               struct th_now now, struct th_channel *channel,
                               const struct th_relpkt *packet)
{
    channel->rx_packets++;
    streams_of(ex)->is_compact |= packet->has_max;
    streams_of(ex)->takes_parts |= packet->takes_parts;
    th_drop_count(&board->drops, th_reliable_on_packet(channel->reliable, now, packet));
    tell_ready(board, ex, channel);
    be_busy(board, ex);
}

/* While only what was sent before is sent again, streams measure nothing themselves. */
void th_board_tell_streams_rtt(struct th_exchange *ex, struct th_now now)
{
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);
    struct th_streams *streams = streams_of(ex);

    if (streams && streams->way.srtt_us == 0 && used && used->is_answered)
        th_congestion_on_rtt(&streams->way, used->rtt_ms, now);
}

void th_board_on_stream_moved(struct th_switchboard *board, struct th_exchange *ex,
                              struct th_now now)
{
    struct th_streams *streams = streams_of(ex);

    if (streams == NULL)
        return;
    th_congestion_on_moved(&streams->way, now);
    th_board_tell_streams_rtt(ex, now);
    for (struct th_channel *at = ex->line->channels.first; at; at = at->next)
        if (at->is_reliable)
            th_reliable_on_moved(at->reliable, now);
    be_busy(board, ex);
}

/* time */

void th_board_wake_streams(struct th_switchboard *board, struct th_exchange *ex)
{
    if (streams_of(ex))
        be_busy(board, ex);
}

/* Packets seem to be lost because they are large. Streams cut at the proven size also long after
 * anybody wanted it, and what is wanted by nobody is not confirmed. */
static void doubt_size(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pmtu *pmtu = th_line_more(ex->line)->pmtu;

    if (pmtu == NULL || pmtu->size <= TH_DATAGRAM_SAFE_MAX)
        return;
    th_board_want_mtu(board, ex, now);
    th_pmtu_doubt(pmtu, now);
}

void th_board_tick_streams(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_streams *streams = streams_of(ex);
    struct th_channel *next;

    if (streams == NULL || streams->due_at > now.mono)
        return;
    streams->due_at = TH_NEVER;
    for (struct th_channel *at = ex->line->channels.first; at; at = next) {
        next = at->next;
        if (!at->is_reliable)
            continue;
        th_reliable_tick(at->reliable, now);
        if (th_reliable_is_in_doubt(at->reliable))
            doubt_size(board, ex, now);
        tell_ready(board, ex, at);
        if (th_reliable_is_over(at->reliable, now))
            th_board_close_channel(board, ex, at, now);
    }
    be_busy(board, ex);
}

static void set_alarm(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_streams *streams = streams_of(ex);
    th_ms at = TH_NEVER;

    for (struct th_channel *c = ex->line->channels.first; c && ex->line->is_up; c = c->next)
        if (c->is_reliable)
            at = th_sooner(at, th_reliable_deadline(c->reliable, now));
    /* What it wants now was done; what is left of it waits for a clock that ticks in ms. */
    streams->due_at = at <= now.mono ? now.mono + 1 : at;
    if (streams->due_at < streams->held_until)
        streams->due_at = streams->held_until;
    th_board_reset_alarm(board, ex);
}

static struct th_channel *first_in_turn(const struct th_exchange *ex)
{
    struct th_channel *at = ex->line->channels.first;

    while (at && at->id != streams_of(ex)->turn)
        at = at->next;
    return at ? at : ex->line->channels.first;
}

/* Whether a packet may go to the address in use; one that is not open is asked, and its answer wakes us. */
static bool may_pump(struct th_switchboard *board, struct th_exchange *ex,
                     const struct th_reliable *reliable, struct th_now now)
{
    struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    if (used == NULL || th_exchange_path_is_open(used))
        return true;
    bool has_room = used->budget >= TH_DATAGRAM_SAFE_MAX;
    if (th_reliable_deadline(reliable, now) <= now.mono) {
        th_board_probe(board, ex, used, now);
        streams_of(ex)->held_until = has_room ? 0 : now.mono + TH_PATH_PROBE_URGENT_MS;
    }
    return has_room;
}

static void send_stream(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                        struct th_bytes plain)
{
    struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    if (used)
        th_exchange_path_on_stream(used, plain.len + ex->cipher->line_overhead);
    th_board_transmit(board, ex, now, plain, TH_WISH_PERHAPS);
}

/* How large packets may be now. Larger ones than that are wanted by who has many to send. */
static size_t packet_max(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_streams *streams = streams_of(ex);
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    if (!streams->takes_parts || used == NULL || !th_exchange_path_is_open(used))
        return TH_CHANPKT_MAX;
    if (streams->full >= WANT_LARGE) {
        streams->full = 0;
        th_board_want_mtu(board, ex, now);
    }
    return th_board_packet_max(ex);
}

/* A packet of each channel in turn; the turn goes on behind who had it last, however few may leave at a
 * time. Returns false once none has anything to send. */
static bool pump(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_channels *channels = &ex->line->channels;
    struct th_channel *at = first_in_turn(ex);
    unsigned idle = 0, sent = 0;
    uint8_t plain[TH_CHANPKT_PROVEN_MAX];
    size_t len, cap = packet_max(board, ex, now);

    streams_of(ex)->held_until = 0;
    while (at && idle <= channels->count && sent < PUMP_MAX) {
        if (at->is_reliable && may_pump(board, ex, at->reliable, now) &&
            th_reliable_next(at->reliable, now, plain, cap, &len)) {
            send_stream(board, ex, now, (struct th_bytes){plain, len});
            at->tx_packets++;
            sent++;
            streams_of(ex)->full += len > TH_CHANPKT_MAX - NEARLY;
            idle = 0;
            streams_of(ex)->turn = (at->next ? at->next : channels->first)->id;
        } else {
            idle++;
        }
        at = at->next ? at->next : channels->first;
    }
    return sent == PUMP_MAX;
}

bool th_board_pump_streams(struct th_switchboard *board, struct th_now now)
{
    struct th_streams *streams = board->first_busy;

    if (streams == NULL)
        return false;
    struct th_exchange *ex = streams->ex;
    bool is_more = ex->line->is_up && pump(board, ex, now);
    be_idle(board, streams);
    if (is_more)
        be_busy(board, ex); /* behind the others */
    else
        set_alarm(board, ex, now);
    return true;
}

/* the owner's side */

static struct th_channel *find(struct th_switchboard *board, const struct th_hashname *peer,
                               uint32_t c, struct th_exchange **ex)
{
    *ex = th_board_find(board, peer);
    struct th_channel *channel =
        *ex && (*ex)->line ? th_channels_find(&(*ex)->line->channels, c) : NULL;

    return channel && channel->is_reliable ? channel : NULL;
}

enum th_err th_switchboard_stream_open(struct th_switchboard *board, struct th_now now,
                                       const struct th_hashname *to, const char *type,
                                       uint64_t owner, uint64_t tag, uint32_t *c)
{
    struct th_exchange *ex = th_board_find(board, to);

    board->now = now;
    if (!th_stream_type_is_valid(type))
        return TH_INVALID;
    if (!ex || !ex->line || !(ex->line->is_up || ex->line->is_opening))
        return TH_NO_LINE;
    struct th_channel *channel =
        th_channels_open(&ex->line->channels, TH_CHANNEL_OTHER, UINT32_MAX, now);
    if (channel == NULL)
        return TH_LIMIT;
    channel->owner = owner;
    channel->tag = tag;
    enum th_err err = th_board_make_reliable(board, ex, now, channel, type);
    if (err == TH_OK)
        *c = channel->id;
    else
        th_channels_close(&ex->line->channels, channel);
    th_board_reset_alarm(board, ex);
    return err;
}

void th_switchboard_stream_adopt(struct th_switchboard *board, const struct th_hashname *peer,
                                 uint32_t c, uint64_t owner, uint64_t tag)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    if (channel == NULL)
        return;
    channel->owner = owner;
    channel->tag = tag;
}

enum th_err th_switchboard_stream_write(struct th_switchboard *board, struct th_now now,
                                        const struct th_hashname *peer, uint32_t c,
                                        struct th_bytes bytes, size_t *taken)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    board->now = now;
    if (channel == NULL)
        return TH_NOT_FOUND;
    enum th_err err = th_reliable_write(channel->reliable, now, bytes, taken);
    channel->wants_write = err == TH_AGAIN || (err == TH_OK && *taken < bytes.len);
    be_busy(board, ex);
    return err;
}

enum th_err th_switchboard_stream_read(struct th_switchboard *board, struct th_now now,
                                       const struct th_hashname *peer, uint32_t c, uint8_t *buffer,
                                       size_t cap, size_t *got)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    board->now = now;
    if (channel == NULL)
        return TH_NOT_FOUND;
    enum th_err err = th_reliable_read(channel->reliable, now, buffer, cap, got);
    channel->wants_read = err == TH_AGAIN;
    be_busy(board, ex); /* it may have credit to give */
    return err;
}

size_t th_switchboard_stream_readable(struct th_switchboard *board, const struct th_hashname *peer,
                                      uint32_t c)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    return channel ? th_reliable_readable(channel->reliable) : 0;
}

void th_switchboard_stream_type(struct th_switchboard *board, const struct th_hashname *peer,
                                uint32_t c, char type[TH_TYPE_MAX])
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    strcpy(type, channel ? th_reliable_type(channel->reliable) : "");
}

void th_switchboard_stream_words(struct th_switchboard *board, const struct th_hashname *peer,
                                 uint32_t c, char words[TH_CHANNEL_ERR_MAX])
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    strcpy(words, channel ? th_reliable_err(channel->reliable) : "");
}

void th_switchboard_stream_end(struct th_switchboard *board, struct th_now now,
                               const struct th_hashname *peer, uint32_t c)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    board->now = now;
    if (channel == NULL)
        return;
    th_reliable_end(channel->reliable);
    be_busy(board, ex);
}

void th_switchboard_stream_release(struct th_switchboard *board, struct th_now now,
                                   const struct th_hashname *peer, uint32_t c, const char *err)
{
    struct th_exchange *ex;
    struct th_channel *channel = find(board, peer, c, &ex);

    board->now = now;
    if (channel == NULL)
        return;
    channel->wants_read = channel->wants_write = false;
    if (err)
        th_reliable_reset(channel->reliable, now, err);
    th_reliable_release(channel->reliable, now);
    be_busy(board, ex);
}

void th_switchboard_stream_refuse(struct th_switchboard *board, struct th_now now,
                                  const struct th_hashname *peer, uint32_t c)
{
    th_drop_count(&board->drops, TH_DROP_STREAM_BACKLOG);
    th_switchboard_stream_release(board, now, peer, c, "busy");
}

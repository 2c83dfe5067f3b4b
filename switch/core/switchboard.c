#include "switch/core/board.h"

#include "switch/base/mem.h"
#include "switch/core/streams.h"

#include <string.h>

/* A line is in the heap for all its life, so that its place, once reserved, stays its own. */
#define NOT_DUE (TH_NEVER - 1)

/* the tables */

struct th_exchange *th_board_find(struct th_switchboard *board, const struct th_hashname *id)
{
    return th_roster_find(&board->roster, id);
}

void th_board_forget(struct th_switchboard *board, struct th_exchange *ex)
{
    th_board_drop_line(board, ex);
    th_roster_remove(&board->roster, ex);
    th_exchange_clear(ex);
    th_mem_free(ex);
}

static bool is_used_before(const struct th_exchange *a, const struct th_exchange *b)
{
    return th_exchange_paths_used_at(&a->paths) < th_exchange_paths_used_at(&b->paths);
}

/* A line that is only memory: in a crowd it is worth less than who comes. A second is the time of who asks
 * us for something and then for something else. */
static bool is_spent(const struct th_exchange *ex, struct th_now now)
{
    return th_exchange_is_up(ex) && th_exchange_is_unused(ex) &&
           th_exchange_paths_used_at(&ex->paths) + TH_LINE_SPENT_MS <= now.mono;
}

static bool is_newcomer(const struct th_exchange *ex)
{
    return ex->line && ex->line->is_newcomer;
}

/* Makes room by forgetting the node without a line that was of use least lately, or, when all have one,
 * the one whose line was, or else a newcomer: they push out each other only when there is nobody else, for
 * then none is there still when its next packet comes. */
static bool make_room(struct th_switchboard *board, struct th_now now)
{
    struct th_exchange *oldest = NULL, *spent = NULL;

    if (board->roster.count < board->exchanges_max)
        return true;
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        bool is_idle = th_exchange_is_idle(ex) && !is_newcomer(ex);
        if (is_idle && (oldest == NULL || is_used_before(ex, oldest)))
            oldest = ex;
        else if (is_spent(ex, now) && (spent == NULL || is_used_before(ex, spent)))
            spent = ex;
    }
    if (oldest == NULL && spent) {
        th_drop_count(&board->drops, TH_DROP_LINE_SPENT);
        th_board_end_line(board, spent, TH_LIMIT, now);
        oldest = spent;
    }
    if (oldest == NULL && board->newcomers.count > 0)
        oldest = th_newcomers_worst(&board->newcomers)->ex;
    if (oldest)
        th_board_forget(board, oldest);
    return oldest != NULL;
}

/* As nodes are met, and whenever a line has something to do, two are looked at: that takes no time of its
 * own. No line is touched. */
static void forget_some(struct th_switchboard *board, struct th_now now)
{
    for (unsigned i = 0; i < 2 && board->roster.count > TH_EXCHANGES_FEW; i++) {
        struct th_exchange *ex = th_roster_visit(&board->roster);
        if (th_exchange_is_forgettable(ex, now, board->idle_ms / 2))
            th_board_forget(board, ex);
    }
}

struct th_exchange *th_board_meet(struct th_switchboard *board, struct th_now now,
                                  const struct th_hashname *id)
{
    struct th_exchange *ex = th_board_find(board, id);

    if (ex)
        return ex;
    forget_some(board, now);
    if (!make_room(board, now))
        return NULL;
    ex = th_mem_zalloc(1, sizeof *ex);
    if (ex == NULL)
        return NULL;
    th_exchange_init(ex, id, now);
    if (th_roster_add(&board->roster, ex) != TH_OK) {
        th_mem_free(ex);
        return NULL;
    }
    return ex;
}

/* We drew it, so it needs no hash. */
static uint64_t key_of(const struct th_line_id *id)
{
    uint64_t key;

    memcpy(&key, id->b, sizeof key);
    return key;
}

struct th_line *th_board_find_line(const struct th_switchboard *board, const struct th_line_id *id)
{
    struct th_index_node *node = th_index_find(&board->by_own, key_of(id));

    for (; node; node = th_index_next(node)) {
        struct th_line *line = TH_HEAP_OWNER(node, struct th_line, by_own);
        const struct th_line_id own_id = th_line_own_id(line);
        if (memcmp(&own_id, id, sizeof *id) == 0)
            return line;
    }
    return NULL;
}

static void fetch_line(const struct th_line *line)
{
    th_mem_fetch(line->ex, sizeof *line->ex);
    if (line->channels.first)
        th_mem_fetch(line->channels.first, sizeof *line->channels.first);
}

void th_switchboard_expect(const struct th_switchboard *board, struct th_bytes bytes,
                           unsigned before)
{
    struct th_line_id id;

    if (before == 3) {
        th_mem_fetch(board, sizeof *board);
        return;
    }
    if (th_line_read_id(&id, bytes) != TH_DROP_NONE)
        return;
    if (before == 2) {
        th_index_fetch(&board->by_own, key_of(&id));
        th_mem_fetch(board->ways.mark, board->ways.count * sizeof board->ways.mark[0]);
        th_mem_fetch(board->due.places, sizeof board->due.places[0]);
        return;
    }
    const struct th_index_node *node = th_index_near(&board->by_own, key_of(&id));
    const struct th_line *line = node ? TH_HEAP_OWNER(node, struct th_line, by_own) : NULL;
    if (line && before == 1)
        th_mem_fetch(line, sizeof *line);
    else if (line)
        fetch_line(line);
}

enum th_err th_board_add_line(struct th_switchboard *board, struct th_line *line)
{
    if (th_heap_reserve(&board->due) != TH_OK ||
        th_index_add(&board->by_own, &line->by_own, line->by_own.key) != TH_OK)
        return TH_NO_MEMORY;
    th_heap_set(&board->due, &line->due, NOT_DUE);
    return TH_OK;
}

enum th_err th_board_welcome(struct th_switchboard *board, struct th_exchange *ex,
                             const struct th_addr *from)
{
    uint8_t crowd = th_newcomer_crowd(board->hash_secret, from);

    if (board->newcomers.count == TH_NEWCOMERS_MAX) {
        th_drop_count(&board->drops, TH_DROP_OPEN_CROWDED);
        th_board_forget(board, th_newcomers_worst(&board->newcomers)->ex);
    }
    enum th_err err = th_newcomers_add(&board->newcomers, ex->line, crowd);
    ex->line->is_newcomer = err == TH_OK;
    return err;
}

void th_board_trust(struct th_switchboard *board, struct th_line *line)
{
    if (!line->is_newcomer)
        return;
    line->is_newcomer = false;
    th_newcomers_remove(&board->newcomers, line);
}

void th_board_drop_line(struct th_switchboard *board, struct th_exchange *ex)
{
    if (ex->line == NULL)
        return;
    th_board_trust(board, ex->line);
    th_board_forget_streams(board, ex);
    th_heap_set(&board->due, &ex->line->due, TH_NEVER);
    th_index_remove(&board->by_own, &ex->line->by_own);
    th_exchange_free_line(ex);
}

void th_board_reset_alarm(struct th_switchboard *board, struct th_exchange *ex)
{
    if (ex->line)
        th_heap_set(&board->due, &ex->line->due,
                    th_sooner(th_exchange_deadline(ex, board->idle_ms), NOT_DUE));
}

/* telling */

void th_board_send(struct th_switchboard *board, struct th_now now, const struct th_addr *to,
                   size_t len)
{
    struct th_action action = {.kind = TH_ACTION_SEND, .addr = *to};
    const uint8_t *sent = th_outbox_room(&board->outbox, len); /* where it was sealed */

    if (to->family == TH_FAMILY_RELAY) {
        uint8_t bytes[TH_DATAGRAM_SAFE_MAX]; /* for the outbox makes room for what it is put into */
        TH_CHECK(len <= sizeof bytes);
        memcpy(bytes, sent, len);
        th_board_send_relayed(board, now, to, (struct th_bytes){bytes, len});
        return;
    }
    enum th_datagram_sort sort =
        sent ? th_datagram_sort_of((struct th_bytes){sent, len}) : TH_DATAGRAM_OTHER;
    if (!th_outbox_put(&board->outbox, &action, len))
        return;
    th_outside_on_sent(&board->outside, board->hash_secret, to, now.mono);
    board->tx_packets++;
    board->tx_sort[sort]++;
    board->tx_bytes += len;
}

void th_board_tell_line(struct th_switchboard *board, struct th_exchange *ex,
                        enum th_action_kind kind, enum th_err why, struct th_now now)
{
    struct th_action action = {.kind = kind, .id = ex->id, .why = why};

    th_board_look_at(board, ex, now, &action.line);
    th_outbox_put(&board->outbox, &action, 0);
    if (kind == TH_ACTION_PATH)
        th_board_on_stream_moved(board, ex, now);
}

/* the public functions */

struct th_switchboard *th_switchboard_new(const struct th_switchboard_config *config,
                                          struct th_rng *rng, struct th_now now)
{
    struct th_switchboard *board = th_mem_zalloc(1, sizeof *board);

    if (board == NULL)
        return NULL;
    TH_CHECK(config->advertised_count <= TH_PATHS_MAX);
    board->config = *config;
    board->config.allow = th_allow_hold(config->allow);
    board->self = config->identity;
    board->rng = rng;
    board->exchanges_max = config->exchanges_max ? config->exchanges_max : TH_EXCHANGES_MAX;
    board->idle_ms = config->idle_ms ? config->idle_ms : TH_LINE_IDLE_MS;
    th_rng_fill(rng, board->hash_secret, sizeof board->hash_secret);
    memcpy(board->roster.secret, board->hash_secret, sizeof board->roster.secret);
    th_open_queue_init(&board->opens, now);
    th_limit_init(&board->punches, TH_PUNCHES_PER_S, TH_PUNCHES_PER_S, now.mono);
    th_skew_init(&board->skew, now);
    board->at_highest = config->at_floor;
    board->credit = (struct th_credit){.left = TH_BOARD_CREDIT, .drops = &board->drops};
    return board;
}

void th_switchboard_free(struct th_switchboard *board)
{
    if (board == NULL)
        return;
    while (board->roster.first)
        th_board_forget(board, board->roster.first);
    th_roster_clear(&board->roster);
    th_index_clear(&board->by_own);
    th_heap_clear(&board->due);
    th_newcomers_clear(&board->newcomers);
    th_open_queue_clear(&board->opens);
    th_ways_clear(&board->ways);
    th_outbox_clear(&board->outbox);
    th_board_clear_left(board);
    th_named_clear(&board->named);
    th_relays_clear(&board->relays);
    th_bridges_clear(&board->bridges);
    th_allow_release(board->config.allow);
    th_served_clear(&board->streams_served);
    th_served_clear(&board->packets_served);
    th_mem_free(board);
}

void th_switchboard_on_datagram(struct th_switchboard *board, struct th_now now,
                                const struct th_addr *from, struct th_bytes bytes)
{
    struct th_packet packet;
    enum th_drop why = th_packet_split(&packet, bytes);

    board->now = now;
    board->rx_packets++;
    board->rx_sort[th_datagram_sort_of(bytes)]++;
    board->rx_bytes += bytes.len;
    if (why == TH_DROP_NONE && bytes.len > TH_DATAGRAM_IN_MAX)
        why = TH_DROP_PACKET_HEAD;
    if (why == TH_DROP_NONE && packet.kind == TH_PACKET_JSON)
        why = TH_DROP_PACKET_KIND;
    if (why == TH_DROP_NONE && packet.kind == TH_PACKET_BODY && packet.body.len == 0)
        why = TH_DROP_PUNCH;
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return;
    }
    if (packet.kind == TH_PACKET_BINARY)
        th_board_on_open(board, now, from, bytes);
    else
        th_board_on_line(board, now, from, bytes);
}

/* Sets what an open needs; a key that its parts do not have is nobody's. */
static enum th_err set_key(struct th_exchange *ex, const struct th_identity *self,
                           const struct th_parts *parts, const struct th_public_key *key)
{
    struct th_bytes bytes = {key->b, sizeof key->b};
    struct th_hashname rolled;
    const struct th_cipher *cipher = th_identity_shared(self, parts);

    th_hashname_of(&rolled, parts);
    if (cipher == NULL || !th_parts_have_key(parts, cipher->csid, bytes) ||
        !th_hashname_is_equal(&rolled, &ex->id))
        return TH_INVALID;
    return th_exchange_learn(ex, cipher, parts, key);
}

static enum th_err add_told_paths(struct th_exchange *ex, const struct th_paths *paths,
                                  struct th_now now)
{
    for (unsigned i = 0; paths && i < paths->count; i++) {
        struct th_exchange_path *path = th_exchange_paths_add(&ex->paths, &paths->addr[i], now);
        if (path == NULL)
            return TH_NO_MEMORY;
        path->is_heard = th_exchange_is_up(ex) && !th_exchange_path_is_open(path);
        path->is_told = true;
    }
    return TH_OK;
}

enum th_err th_switchboard_open(struct th_switchboard *board, struct th_now now,
                                const struct th_hashname *id, const struct th_parts *parts,
                                const struct th_public_key *key, const struct th_paths *paths)
{
    bool has_key = parts && parts->count > 0;

    if (th_hashname_is_equal(id, &board->self->hashname))
        return TH_INVALID;
    if (!th_allow_has(board->config.allow, id))
        return TH_NO_PERMISSION;
    struct th_exchange *ex = th_board_find(board, id);
    if (ex == NULL && !has_key)
        return TH_NO_PATH;
    if (ex == NULL)
        ex = th_board_meet(board, now, id);
    if (ex == NULL)
        return TH_LIMIT;

    enum th_err err = has_key ? set_key(ex, board->self, parts, key) : TH_OK;
    if (err != TH_OK && ex->cipher == NULL && th_exchange_is_idle(ex))
        th_board_forget(board, ex);
    if (err == TH_OK)
        err = add_told_paths(ex, paths, now);
    if (err != TH_OK)
        return err;
    th_exchange_paths_touch(&ex->paths, now);
    if (th_exchange_is_up(ex) && ex->line->doubt != TH_DOUBT_SILENT)
        return TH_OK;
    if (th_exchange_is_up(ex))
        th_board_ask_again(board, ex, now);
    else
        err = th_board_begin(board, ex, now);
    th_board_reset_alarm(board, ex);
    return err == TH_OK ? TH_AGAIN : err;
}

void th_switchboard_is_to_link(struct th_switchboard *board, struct th_now now,
                               const struct th_hashname *id, bool is_to_link)
{
    struct th_exchange *ex = th_board_find(board, id);

    if (ex == NULL || ex->line == NULL || ex->line->is_up)
        return;
    if (is_to_link != ex->line->is_to_link)
        th_board_set_haste(board, ex, !is_to_link, now);
    ex->line->is_to_link = is_to_link;
}

enum th_err th_switchboard_channel(struct th_switchboard *board, struct th_now now,
                                   const struct th_hashname *to,
                                   const struct th_channel_request *request, uint32_t *c)
{
    struct th_exchange *ex = th_board_find(board, to);
    struct th_channel *channel;

    if (ex == NULL || th_exchange_is_idle(ex))
        return TH_NO_LINE;
    enum th_err err = th_board_open_channel(board, ex, now, request, &channel);
    if (err == TH_OK)
        *c = channel->id;
    th_board_reset_alarm(board, ex);
    return err;
}

enum th_err th_switchboard_send(struct th_switchboard *board, struct th_now now,
                                const struct th_hashname *to, const struct th_chanpkt_out *packet)
{
    uint8_t plain[TH_CHANPKT_PROVEN_MAX];
    char fields[TH_FIELDS_MAX];
    size_t len;
    struct th_exchange *ex = th_board_find(board, to);
    struct th_channel *channel =
        ex && ex->line ? th_channels_find(&ex->line->channels, packet->c) : NULL;

    if (channel == NULL)
        return TH_NOT_FOUND;
    struct th_chanpkt_out full = *packet;
    bool is_last = packet->end || (packet->err && packet->err[0]);
    if (channel->type == TH_CHANNEL_LINK && channel->tx_packets == 0 && !is_last)
        full.fields = th_board_add_bridges(board, ex, packet->fields, fields);
    enum th_err err = th_chanpkt_write(plain, th_board_packet_max(ex), &len, &full);
    if (err != TH_OK) {
        th_board_want_mtu(board, ex, now);
        return err;
    }
    th_board_transmit(board, ex, now, (struct th_bytes){plain, len},
                      is_last ? TH_WISH_NONE : TH_WISH_PERHAPS);
    /* An application that goes on sending into silence is to hear of it. */
    if (channel->type != TH_CHANNEL_OTHER || ex->line->doubt != TH_DOUBT_SILENT)
        th_channel_touch(channel, now);
    channel->tx_packets++;
    if (is_last)
        th_board_close_channel(board, ex, channel, now);
    th_board_reset_alarm(board, ex);
    return TH_OK;
}

void th_switchboard_advertise(struct th_switchboard *board, const struct th_addr *addrs,
                              unsigned count)
{
    TH_CHECK(count <= TH_PATHS_MAX);
    board->config.advertised_count = count;
    for (unsigned i = 0; i < count; i++)
        board->config.advertised[i] = addrs[i];
}

void th_switchboard_allow(struct th_switchboard *board, struct th_now now, struct th_allow *allow)
{
    struct th_allow *before = board->config.allow;

    board->config.allow = th_allow_hold(allow);
    th_allow_release(before);
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next)
        if (ex->line && !th_allow_has(allow, &ex->id))
            th_board_end_line(board, ex, TH_NO_PERMISSION, now);
}

void th_switchboard_punch(struct th_switchboard *board, struct th_now now, const struct th_addr *to)
{
    if (th_addr_realm(to) == TH_REALM_NONE || !th_limit_take(&board->punches, now.mono, 1))
        return;
    uint8_t *room = th_outbox_room(&board->outbox, 2);
    if (room == NULL)
        return;
    memset(room, 0, 2);
    th_board_send(board, now, to, 2);
}

void th_switchboard_on_moved(struct th_switchboard *board, struct th_now now)
{
    board->observed_count = 0;
    th_outside_on_moved(&board->outside);
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        if (!th_exchange_is_up(ex))
            continue;
        th_board_ask_path(board, ex, now, true);
        th_board_search(board, ex, TH_SEARCHES_SLOW, now);
        th_board_expect_answer(ex, now);
        th_board_reset_alarm(board, ex);
    }
}

void th_switchboard_on_resumed(struct th_switchboard *board, struct th_now now)
{
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next)
        th_exchange_paths_doubt(&ex->paths);
    th_switchboard_on_moved(board, now);
}

th_ms th_switchboard_deadline(const struct th_switchboard *board)
{
    th_ms next = th_heap_next(&board->due);

    return th_sooner(next < NOT_DUE ? next : TH_NEVER, th_open_queue_deadline(&board->opens));
}

void th_switchboard_tick(struct th_switchboard *board, struct th_now now)
{
    board->now = now;
    th_board_take_opens(board, now);
    while (th_heap_next(&board->due) <= now.mono) {
        struct th_exchange *ex = TH_HEAP_OWNER(th_heap_first(&board->due), struct th_line, due)->ex;

        if (th_line_is_unproven(ex->line, now) && ex->line->is_newcomer) {
            th_board_forget(board, ex); /* what only an open says is worth nothing */
            continue;
        }
        /* in this order: a half that takes over brings channels that may be due, and after the last
         * channel nobody uses the line */
        th_board_tick_handshake(board, ex, now);
        if (ex->line && th_line_more(ex->line)->search_at <= now.mono) {
            unsigned searches = ex->line->more->searches;
            th_board_ask_in_use(board, ex, now);
            th_board_search(board, ex, searches, now);
        }
        if (ex->line && th_line_more(ex->line)->relay_at <= now.mono)
            th_board_release(board, ex, now);
        th_board_tick_streams(board, ex, now);
        th_board_tick_silence(board, ex, now);
        th_board_tick_channels(board, ex, now);
        th_board_tick_line(board, ex, now);
        th_board_tick_mtu(board, ex, now);
        TH_CHECK(th_exchange_deadline(ex, board->idle_ms) > now.mono);
        th_board_reset_alarm(board, ex);
    }
    forget_some(board, now);
}

bool th_switchboard_next(struct th_switchboard *board, struct th_action *action)
{
    while (!th_outbox_take(&board->outbox, action))
        if (!th_board_pump_streams(board, board->now))
            return false;
    return true;
}

/*
 * The `path` channel: where the peer is, where we are, and which way between is the best.
 *
 * A request is answered on the way it came by and at every address that it names, so that the two
 * open their NATs towards each other (v2/switch.md, "path"). A request of ours that goes to one
 * address alone shows by its answer that the address reaches the peer; one that comes from there shows
 * the other direction. While a line has no direct way we ask again and again.
 */
#include "switch/core/board.h"

#include "switch/base/mem.h"

#include <string.h>

/* Between two searches for a direct way; the last two for ever. A line that had one a moment ago begins
 * with the first, others with that of TH_SEARCHES_SLOW. Of those that are far apart each is followed by
 * another: the first makes the peer open its NAT for us, the second is let in. */
static const th_ms search_pauses[] = {200,  300,   500,  1000,  2000, 4000,  8000,
                                      1000, 15000, 1000, 30000, 1000, 60000, 1000};
enum { SEARCH_PAUSES = sizeof search_pauses / sizeof search_pauses[0] };

/* --- asking ----------------------------------------------------------------------------------------- */

unsigned th_board_gather_places(const struct th_switchboard *board,
                                struct th_addr out[TH_PATHS_MAX])
{
    unsigned count = board->config.advertised_count;

    memcpy(out, board->config.advertised, count * sizeof *out);
    for (unsigned i = 0; i < board->observed_count && count < TH_PATHS_MAX; i++) {
        const struct th_addr *seen = &board->observed[i];
        bool is_new = th_addr_realm(seen) == TH_REALM_PUBLIC;
        for (unsigned j = 0; j < count; j++)
            is_new = is_new && !th_addr_is_equal(&out[j], seen);
        if (is_new)
            out[count++] = *seen;
    }
    return count;
}

/* Writes a `path` request of ours on new channel `id`; padding: a body for it. */
static size_t write_padded(const struct th_switchboard *board, uint32_t id, struct th_bytes padding,
                           uint8_t *plain, size_t cap)
{
    char fields[TH_FIELDS_MAX];
    size_t len;
    struct th_addr places[TH_PATHS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);

    th_paths_put(&text, places, th_board_gather_places(board, places));
    struct th_chanpkt_out packet = {.c = id,
                                    .type = th_channel_type_name(TH_CHANNEL_PATH),
                                    .fields = th_text_bytes(&text),
                                    .body = padding};
    return th_chanpkt_write(plain, cap, &len, &packet) == TH_OK ? len : 0;
}

static size_t write_request(const struct th_switchboard *board, uint32_t id, uint8_t *plain,
                            size_t cap)
{
    return write_padded(board, id, (struct th_bytes){0}, plain, cap);
}

/* The tag of a `path` channel of core's own is when it was asked. */
static struct th_channel *open_channel(struct th_channels *channels, struct th_now now)
{
    struct th_channel *channel =
        th_channels_open(channels, TH_CHANNEL_PATH, th_channel_silence_ms(TH_CHANNEL_PATH), now);

    if (channel) {
        channel->tag = now.mono;
        channel->tx_packets++;
    }
    return channel;
}

/* One that only who reads it can answer. */
static struct th_channel *open_hidden(struct th_switchboard *board, struct th_line *line,
                                      struct th_now now)
{
    struct th_channel *channel = th_channels_open_hidden(
        &line->channels, th_channel_silence_ms(TH_CHANNEL_PATH), board->rng, now);

    if (channel) {
        channel->tag = now.mono;
        channel->tx_packets++;
        line->guesses = 0;
    }
    return channel;
}

uint32_t th_board_ask_path(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                           bool everywhere)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_channel *channel = open_channel(&ex->line->channels, now);

    if (channel == NULL)
        return 0;
    uint32_t id = channel->id;
    size_t len = write_request(board, id, plain, sizeof plain);
    for (unsigned i = 0; i < ex->paths.count; i++) {
        struct th_exchange_path *path = th_exchange_paths_at(&ex->paths, i);
        /* an address that only an unbelieved open came from learns nothing of the line */
        bool is_theirs = everywhere && (path->is_proven || path->is_told);
        if ((int)i == ex->paths.used || is_theirs)
            th_board_seal_to(board, ex, now, &ex->line->current, path,
                             (struct th_bytes){plain, len});
    }
    return id;
}

uint32_t th_board_ask_padded(struct th_switchboard *board, struct th_exchange *ex, unsigned size,
                             struct th_now now)
{
    static const uint8_t zeros[TH_DATAGRAM_IPV4_MAX];
    uint8_t plain[TH_DATAGRAM_IPV4_MAX];
    struct th_channel *channel = open_channel(&ex->line->channels, now);

    if (channel == NULL)
        return 0;
    uint32_t id = channel->id;
    size_t bare = write_request(board, id, plain, sizeof plain) + ex->cipher->line_overhead;
    TH_CHECK(size >= bare && size <= sizeof plain);
    size_t len =
        write_padded(board, id, (struct th_bytes){zeros, size - bare}, plain, sizeof plain);
    return th_board_seal_to(board, ex, now, &ex->line->current, th_exchange_paths_used(&ex->paths),
                            (struct th_bytes){plain, len})
               ? id
               : 0;
}

/* An address that only the peer named gets this packet, and no more. */
static void grant(struct th_exchange_path *path, const struct th_exchange *ex, size_t len)
{
    if (path->is_named && !path->is_proven)
        path->budget = (len + ex->cipher->line_overhead) & TH_PATH_BUDGET_MAX;
}

/* The peer is not heard, or has just lost its direct way. */
static bool is_urgent(const struct th_line *line)
{
    return line->doubt == TH_DOUBT_ASKED || line->doubt == TH_DOUBT_SILENT ||
           (line->more && line->more->search_at != TH_NEVER &&
            line->more->searches < TH_SEARCHES_SLOW);
}

void th_board_probe(struct th_switchboard *board, struct th_exchange *ex,
                    struct th_exchange_path *path, struct th_now now)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_channel *channel;
    struct th_line *line = ex->line;
    bool is_open = th_exchange_path_is_open(path);

    if (!th_exchange_path_may_probe(path, now, is_urgent(line)))
        return;
    channel = is_open ? open_channel(&line->channels, now) : open_hidden(board, line, now);
    if (channel == NULL)
        return;
    path->probe = is_open || line->bursts < TH_PATH_BURSTS_MAX ? channel->id : 0;
    path->probed_at = th_exchange_path_time(now);
    if (path->unanswered < 7)
        path->unanswered++;
    size_t len = write_request(board, channel->id, plain, sizeof plain);
    grant(path, ex, len);
    th_board_seal_to(board, ex, now, &ex->line->current, path, (struct th_bytes){plain, len});
}

void th_board_probe_all(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    for (unsigned i = 0; i < ex->paths.count; i++) {
        struct th_exchange_path *path = th_exchange_paths_at(&ex->paths, i);
        bool is_spare = path->addr.family == TH_FAMILY_RELAY && path->is_answered;
        if (!is_spare || (int)i == ex->paths.used)
            th_board_probe(board, ex, path, now);
    }
}

void th_board_probe_pending(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_pending *pending = ex->line->more->pending;
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, &pending->from);

    if (path == NULL || now.mono < pending->probe_at)
        return;
    struct th_channel *channel = open_channel(&pending->channels, now);
    if (channel == NULL)
        return;
    pending->probe_at = now.mono + 1000;
    size_t len = write_request(board, channel->id, plain, sizeof plain);
    th_board_seal_to(board, ex, now, &pending->half, path, (struct th_bytes){plain, len});
}

/* --- a better way is looked for --------------------------------------------------------------------- */

/* Who is between us forgets us, and we lose the way to it, if nothing else is said to it for long. */
static void keep_middle(struct th_switchboard *board, const struct th_exchange *ex,
                        struct th_now now)
{
    struct th_exchange *middle = th_board_middle_of(board, ex);

    if (th_exchange_is_up(middle) &&
        th_half_rx_at(&middle->line->current) + TH_SEARCH_KEEP_MS < now.mono) {
        th_board_ask_path(board, middle, now, false);
        th_board_reset_alarm(board, middle);
    }
}

bool th_board_asks_later(struct th_exchange *ex)
{
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);
    struct th_line *line = ex->line;

    /* else it was heard on the line already, and may be sure of us */
    line->is_to_link = line->is_to_link && !line->current.is_confirmed && path &&
                       th_exchange_path_is_direct(path) && th_exchange_path_is_open(path);
    return line->is_to_link;
}

void th_board_ask_in_use(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;
    struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    if (line && !line->is_up)
        line->is_to_link = false; /* something else waits for it */
    if (line == NULL || !line->is_to_link || used == NULL)
        return;
    bool is_over = line->channels.count == 0 && line->channels.last_ours > 0;
    if (is_over)
        return; /* the link was refused; something else may go on the line yet */
    line->is_to_link = false;
    th_board_probe(board, ex, used, now);
}

/* Without memory nothing more is looked for. */
static void set_search(struct th_line *line, unsigned searches, th_ms at)
{
    struct th_line_more *more = at == TH_NEVER ? line->more : th_line_make_more(line);

    if (more == NULL)
        return;
    more->search_at = at;
    more->searches = (uint8_t)searches;
    th_line_rest(line);
}

void th_board_search_by(struct th_line *line, th_ms at)
{
    const struct th_line_more *more = th_line_more(line);

    if (more->search_at == TH_NEVER)
        set_search(line, TH_SEARCHES_SLOW, at);
    else
        set_search(line, more->searches, th_sooner(more->search_at, at));
}

void th_board_search(struct th_switchboard *board, struct th_exchange *ex, unsigned searches,
                     struct th_now now)
{
    struct th_line *line = ex->line;

    if (!line->is_up || !th_exchange_paths_want_better(&ex->paths)) {
        set_search(line, 0, TH_NEVER);
        return;
    }
    set_search(line, searches + 1 < SEARCH_PAUSES ? searches + 1 : SEARCH_PAUSES - 2,
               now.mono + search_pauses[searches]);
    th_board_probe_all(board, ex, now);
    keep_middle(board, ex, now);
    if (now.mono - th_line_up_since(line) >= TH_BRIDGE_ASK_MS)
        th_board_ask_bridge(board, ex, now);
}

/* Where a node is with which there is a line: the address in use, unless that is a bridge's. NULL: it
 * has none. */
static const struct th_addr *own_way_of(const struct th_exchange *ex)
{
    const struct th_exchange_path *way = th_exchange_paths_look(&ex->paths);

    return way && !way->is_bridge && th_exchange_is_up(ex) ? &way->addr : NULL;
}

static void note_ways_anew(struct th_switchboard *board)
{
    th_ways_empty(&board->ways);
    for (const struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        const struct th_addr *way = own_way_of(ex);
        if (way)
            th_ways_add(&board->ways, way);
    }
}

void th_board_note_way(struct th_switchboard *board, const struct th_exchange *ex)
{
    const struct th_addr *way = own_way_of(ex);

    if (way && board->ways.count == board->ways.room && board->ways.count >= 2 * board->lines)
        note_ways_anew(board); /* most are of lines that are gone */
    else if (way)
        th_ways_add(&board->ways, way);
}

/* What a bridge sends comes from its own address, perhaps before we know that it is one. Who was not heard
 * there lately may have gone, and left the address to another. */
static bool is_of_another(struct th_switchboard *board, const struct th_exchange *ex,
                          struct th_now now, const struct th_addr *from)
{
    enum { HEARD_MS = 30000 }; /* a link's keepalives are no further apart */
    const struct th_addr *own = own_way_of(ex);
    unsigned expected = own && th_addr_is_equal(own, from);

    if (th_ways_count(&board->ways, from) <= expected)
        return false;
    for (const struct th_exchange *other = board->roster.first; other; other = other->next) {
        const struct th_addr *way = other == ex ? NULL : own_way_of(other);
        if (way && th_addr_is_equal(way, from) &&
            now.mono - th_half_rx_at(&other->line->current) <= HEARD_MS)
            return true;
    }
    note_ways_anew(board);
    return false;
}

void th_board_path_changed(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    th_board_note_way(board, ex);
    ex->line->usual_rtt_ms = used && used->is_answered ? used->rtt_ms + (used->rtt_ms == 0) : 0;
    th_board_tell_line(board, ex, TH_ACTION_PATH, TH_OK, now);
    bool is_planned = th_line_more(ex->line)->search_at != TH_NEVER && !ex->line->is_to_link;
    if (!is_planned && th_exchange_paths_want_better(&ex->paths))
        th_board_search(board, ex, 0, now);
}

void th_board_consider(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                       const struct th_addr *from)
{
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, from);

    if (path == NULL || path->is_answered || !th_exchange_is_up(ex))
        return;
    if (!path->is_bridge && is_of_another(board, ex, now, from))
        path->is_bridge = true;
    if (th_exchange_paths_used(&ex->paths) != path)
        th_board_probe(board, ex, path, now);
}

/* --- being asked ------------------------------------------------------------------------------------ */

static bool may_name(struct th_exchange *ex, struct th_now now)
{
    struct th_dealings *dealings = th_exchange_dealings(ex);

    return dealings &&
           th_naming_take(&dealings->named, TH_PATH_NEW_PER_MIN, now.mono / TH_NAMING_PATH_S);
}

/* Loopback is the same machine only for who is on it, and link-local addresses say no link. */
static bool can_be_there(const struct th_exchange *ex, const struct th_addr *addr)
{
    const struct th_exchange_path *used = th_exchange_paths_look(&ex->paths);
    enum th_realm realm = th_addr_realm(addr);

    if (realm == TH_REALM_LOOPBACK)
        return used && th_addr_realm(&used->addr) == TH_REALM_LOOPBACK;
    return realm == TH_REALM_PRIVATE || realm == TH_REALM_PUBLIC;
}

/* The address that a request names; NULL when nothing is to be sent there. */
static struct th_exchange_path *named(struct th_switchboard *board, struct th_exchange *ex,
                                      const struct th_addr *addr, struct th_now now)
{
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, addr);

    if (path) {
        path->noted_at =
            th_exchange_path_time(now); /* the peer is still there: it does not go as the oldest */
        return path;
    }
    if (!can_be_there(ex, addr))
        return NULL;
    if (!may_name(ex, now)) {
        th_drop_count(&board->drops, TH_DROP_PATH_LIMIT);
        return NULL;
    }
    path = th_exchange_paths_add(&ex->paths, addr, now);
    if (path)
        path->is_named = true;
    return path;
}

/* Who asks by another node is seen at the address of that. */
static size_t write_answer(uint32_t id, const struct th_exchange_path *path, uint8_t *plain,
                           size_t cap)
{
    char fields[TH_FIELDS_MAX];
    size_t len;
    struct th_text text = th_text_in(fields, sizeof fields);

    if (th_exchange_path_is_direct(path))
        th_path_put_seen(&text, &path->addr);
    struct th_chanpkt_out packet = {.c = id, .end = true, .fields = th_text_bytes(&text)};
    return th_chanpkt_write(plain, cap, &len, &packet) == TH_OK ? len : 0;
}

void th_board_answer_path(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                          const struct th_half *half, const struct th_addr *from, uint32_t id)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_exchange_path *path = th_exchange_paths_find(&ex->paths, from);

    if (path == NULL)
        return; /* without memory for it, or a relay too many */
    size_t len = write_answer(id, path, plain, sizeof plain);
    th_board_seal_to(board, ex, now, half, path, (struct th_bytes){plain, len});
}

/* A second answer, at an address that the request names, once a second. */
static void answer_at(struct th_switchboard *board, struct th_exchange *ex, struct th_now now,
                      uint32_t id, const struct th_addr *addr)
{
    uint8_t plain[TH_CHANPKT_MAX];
    struct th_exchange_path *path = named(board, ex, addr, now);

    if (path == NULL || !th_exchange_path_may_probe(path, now, false))
        return;
    size_t len = write_answer(id, path, plain, sizeof plain);
    path->probed_at = th_exchange_path_time(now);
    grant(path, ex, len);
    th_board_seal_to(board, ex, now, &ex->line->current, path, (struct th_bytes){plain, len});
}

/* Public ones first: who moves soon has named as many as it may, its private one again and again. */
static void answer_elsewhere(struct th_switchboard *board, struct th_exchange *ex,
                             struct th_now now, const struct th_addr *from, uint32_t id,
                             const struct th_paths *paths)
{
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < paths->count; i++) {
            bool is_public = th_addr_realm(&paths->addr[i]) == TH_REALM_PUBLIC;
            if (is_public == (turn == 0) && !th_addr_is_equal(&paths->addr[i], from))
                answer_at(board, ex, now, id, &paths->addr[i]);
        }
}

void th_board_on_path_request(struct th_switchboard *board, struct th_exchange *ex,
                              struct th_now now, const struct th_addr *from, uint32_t id,
                              const struct th_chanpkt *packet)
{
    struct th_path_head head;
    enum th_drop why = th_path_read(&head, packet->head);

    th_drop_count(&board->drops, why);
    th_board_answer_path(board, ex, now, &ex->line->current, from, id);
    if (why == TH_DROP_NONE)
        answer_elsewhere(board, ex, now, from, id, &head.paths);
}

/* --- being answered --------------------------------------------------------------------------------- */

/* Lines that have no direct way may find one from where we are now. */
static void search_anew(struct th_switchboard *board, struct th_now now)
{
    for (struct th_exchange *ex = board->roster.first; ex; ex = ex->next) {
        if (!th_exchange_is_up(ex) || !th_exchange_paths_want_better(&ex->paths))
            continue;
        set_search(ex->line, 0, now.mono + search_pauses[0]);
        th_board_reset_alarm(board, ex);
    }
}

/* Who is seen at another IP has moved; or it has two, and the other is seen again soon. What others said
 * of the public one before, beside what they say now, would look like a NAT that shows each another. */
static void forget_where_we_were(struct th_switchboard *board, struct th_now now,
                                 const struct th_addr *seen)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < board->observed_count; i++) {
        const struct th_addr *was = &board->observed[i];
        bool is_elsewhere = was->family == seen->family &&
                            th_addr_realm(was) == th_addr_realm(seen) &&
                            memcmp(was->ip, seen->ip, sizeof seen->ip) != 0;
        if (!is_elsewhere)
            board->observed[kept++] = *was;
    }
    if (kept < board->observed_count) {
        search_anew(board, now);
        if (th_addr_realm(seen) == TH_REALM_PUBLIC)
            th_outside_on_moved(&board->outside);
    }
    board->observed_count = kept;
}

/* Where others see us; the newest first, each once. at: where the one is who says so; asked_at: when
 * we asked. */
static void note_observed(struct th_switchboard *board, const struct th_exchange *ex,
                          struct th_now now, const struct th_addr *at, const struct th_addr *seen,
                          th_ms asked_at)
{
    unsigned i = 0;

    if (th_addr_realm(seen) == TH_REALM_NONE)
        return;
    if (!th_outside_is_several(&board->outside, seen, asked_at))
        forget_where_we_were(board, now, seen);
    th_outside_on_seen(&board->outside, &ex->id, at, seen, now.mono);
    while (i < board->observed_count && !th_addr_is_equal(&board->observed[i], seen))
        i++;
    if (i == TH_OBSERVED_MAX)
        i--;
    else if (i == board->observed_count)
        board->observed_count++;
    memmove(&board->observed[1], &board->observed[0], i * sizeof *seen);
    board->observed[0] = *seen;
}

static bool is_challenge(const struct th_exchange *ex, uint32_t id)
{
    const struct th_pending *pending = th_line_more(ex->line)->pending;

    for (unsigned i = 0; pending && i < pending->challenges; i++)
        if (pending->challenge_id[i] == id && id != 0)
            return true;
    return false;
}

void th_board_note_guess(struct th_switchboard *board, struct th_exchange *ex, uint32_t c)
{
    struct th_line *line = ex->line;

    if (!th_channels_is_guess(&line->channels, c) || ++line->guesses < TH_PATH_GUESSES_MAX)
        return;
    line->guesses = 0;
    if (line->bursts < TH_PATH_BURSTS_MAX)
        line->bursts++;
    th_drop_count(&board->drops, TH_DROP_PATH_GUESSED);
    for (unsigned i = 0; i < ex->paths.count; i++) {
        struct th_exchange_path *path = th_exchange_paths_at(&ex->paths, i);
        if (!th_exchange_path_is_open(path))
            path->probe = 0;
    }
}

/* True when a request went the way that is in use, and its answer came from there. */
static bool is_of_used(struct th_exchange *ex, uint32_t id, const struct th_addr *from)
{
    const struct th_exchange_path *used = th_exchange_paths_used(&ex->paths);

    for (unsigned i = 0; i < ex->paths.count; i++) {
        const struct th_exchange_path *path = th_exchange_paths_at(&ex->paths, i);
        if (path->probe == id && path != used)
            return false;
    }
    return used && th_addr_is_equal(&used->addr, from);
}

/* What is usual goes down at once and up slowly: one answer that is late says little, and what is much
 * too high would let a silence pass unnoticed for as long. */
static void note_rtt(struct th_line *line, th_ms sample)
{
    uint32_t ms = sample < UINT32_MAX ? (uint32_t)sample : UINT32_MAX;

    line->rtt_ms = ms;
    line->has_rtt = true;
    ms += ms == 0;
    if (line->usual_rtt_ms == 0 || ms < line->usual_rtt_ms)
        line->usual_rtt_ms = ms;
    else
        line->usual_rtt_ms += (ms - line->usual_rtt_ms) / 8;
}

void th_board_on_path_answer(struct th_switchboard *board, struct th_exchange *ex,
                             struct th_now now, const struct th_addr *from,
                             const struct th_channel *channel, const struct th_chanpkt *packet)
{
    struct th_path_head head;
    enum th_drop why = th_path_read(&head, packet->head);
    const struct th_exchange_path *by = th_exchange_paths_find(&ex->paths, from);

    th_drop_count(&board->drops, why);
    if (why == TH_DROP_NONE && head.has_seen && !th_exchange_paths_want_better(&ex->paths) && by &&
        th_exchange_path_is_direct(by))
        note_observed(board, ex, now, from, &head.seen, th_channel_opened_at(channel));
    if (channel->owner == 0 && is_of_used(ex, channel->id, from))
        note_rtt(ex->line, now.mono - channel->tag);
    if (th_exchange_paths_on_answer(&ex->paths, channel->id, now) && ex->line->is_up)
        th_board_path_changed(board, ex, now);
    th_board_on_named(board, ex, from, now);
    th_board_tell_streams_rtt(ex, now);
    th_board_on_mtu_answer(board, ex, channel->id, now);
    if (is_challenge(ex, channel->id))
        th_board_on_challenge_answered(board, ex);
}

#include "switch/core/board.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

/* our half */

/* Newer than anything this peer had from us, and than anything anybody had before a restart. */
static int64_t next_at(const struct th_switchboard *board, const struct th_exchange *ex,
                       struct th_now now)
{
    int64_t at = now.wall;

    if (at <= ex->own_at)
        at = ex->own_at + 1;
    if (at <= board->config.at_floor)
        at = board->config.at_floor + 1;
    return at;
}

/* The same bytes each time, since nothing that goes into them changes while the line lives. */
static enum th_err seal_open(const struct th_switchboard *board, struct th_exchange *ex)
{
    struct th_line *line = ex->line;
    const struct th_line_id own_id = th_line_own_id(line);
    uint8_t bytes[TH_OPEN_MAX];
    struct th_keypair keys;
    struct th_sealed *sealed;
    size_t len;

    if (line->sealed)
        return TH_OK;
    th_exchange_line_keypair(ex, &keys);
    enum th_err err = th_open_write(bytes, sizeof bytes, &len, ex->cipher, board->self, &keys,
                                    &own_id, ex->own_at, &ex->id, &ex->key);
    sealed = err == TH_OK ? th_mem_zalloc(1, sizeof *sealed + len) : NULL;
    if (sealed) {
        sealed->open_at = TH_NEVER;
        sealed->keys = keys;
        sealed->len = (uint16_t)len;
        memcpy(sealed->bytes, bytes, len);
        line->sealed = sealed;
    }
    th_keypair_clear(&keys);
    return err == TH_OK && sealed == NULL ? TH_NO_MEMORY : err;
}

/* New content means a new id and a new key pair; what is sealed is resent byte for byte. */
static enum th_err make_own(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    bool is_lower = th_hashname_compare(&board->self->hashname, &ex->id) < 0;
    uint8_t seed[TH_KEY_BYTES];
    struct th_line_id id;

    if (ex->line)
        return TH_OK;
    th_rng_fill(board->rng, &id, sizeof id);
    th_rng_fill(board->rng, seed, sizeof seed);
    enum th_err err = th_exchange_make_line(ex, is_lower, seed);
    sodium_memzero(seed, sizeof seed);
    if (err != TH_OK)
        return err;
    th_line_set_own_id(ex->line, &id);
    ex->own_at = next_at(board, ex, now);

    err = seal_open(board, ex);
    if (err == TH_OK)
        err = th_board_add_line(board, ex->line);
    if (err != TH_OK) {
        th_exchange_free_line(ex);
        return err;
    }
    if (ex->own_at > board->at_highest)
        board->at_highest = ex->own_at;
    return TH_OK;
}

/* Sends our open to one address when its pace and its budget allow. */
static bool send_open(struct th_switchboard *board, struct th_exchange *ex,
                      struct th_exchange_path *path, struct th_now now)
{
    struct th_line *line = ex->line;

    if (!th_exchange_path_may_open(path, now) || seal_open(board, ex) != TH_OK)
        return false;
    if (!th_exchange_path_may_send(path, line->sealed->len)) {
        th_drop_count(&board->drops, TH_DROP_UNPROVEN_BUDGET);
        return false;
    }
    uint8_t *room = th_outbox_room(&board->outbox, line->sealed->len);
    if (room == NULL)
        return false;
    memcpy(room, line->sealed->bytes, line->sealed->len);
    th_board_send(board, now, &path->addr, line->sealed->len);
    if (th_tap_is_on(board->config.tap))
        th_board_tap_own_open(board, ex, now, &path->addr);
    if (line->sealed->to.family == TH_FAMILY_NONE)
        line->sealed->to = path->addr;
    line->sealed->is_spread =
        line->sealed->is_spread || !th_addr_is_equal(&line->sealed->to, &path->addr);
    path->open_sent_at = th_exchange_path_time(now);
    line->open_sent_at = th_exchange_path_time(now);
    return true;
}

void th_board_send_opens(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    for (unsigned i = 0; i < ex->paths.count; i++)
        if (!th_exchange_paths_at(&ex->paths, i)->is_bridge) /* which forwards lines only */
            send_open(board, ex, th_exchange_paths_at(&ex->paths, i), now);
}

/* opening */

/* A second after the first, up to a quarter later, so that two sides do not keep step; then 2 and 4 s, half
 * of it sooner or later: of thousands that began together, as when a whole mesh starts, a node answers some
 * (TH_OPENS_PER_S), and those that are left would come all at once again. None was the first when it waits
 * for the relay. */
static th_ms until_next_try(struct th_switchboard *board, unsigned tries)
{
    th_ms pause = tries ? 1000ull << (tries - 1) : TH_RELAY_AFTER_MS;

    if (tries >= TH_OPEN_TRIES)
        return TH_OPEN_GIVE_UP_MS;
    if (tries <= 1)
        return pause + th_rng_below(board->rng, pause / 4);
    return pause / 2 + th_rng_below(board->rng, pause);
}

enum th_err th_board_begin(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    if (ex->cipher == NULL || ex->paths.count == 0)
        return TH_NO_PATH;
    enum th_err err = make_own(board, ex, now);
    if (err != TH_OK)
        return err;

    struct th_line *line = ex->line;
    th_board_trust(board, line);
    if (!line->is_opening) {
        line->is_opening = true;
        line->sealed->open_tries = 1;
        line->sealed->open_at = now.mono + until_next_try(board, 1);
    }
    th_board_send_opens(board, ex, now);
    return TH_OK;
}

void th_board_set_haste(struct th_switchboard *board, struct th_exchange *ex, bool is_urgent,
                        struct th_now now)
{
    struct th_line *line = ex->line;
    bool is_new = line->open_sent_at == th_exchange_path_time(now);

    if (!line->is_opening || line->sealed->open_tries != 1)
        return;
    if (is_urgent)
        line->sealed->open_at =
            th_sooner(line->sealed->open_at, now.mono + until_next_try(board, 1));
    else if (is_new) /* else somebody began it who waits */
        line->sealed->open_at += th_rng_below(board->rng, TH_OPEN_LINK_LATER_MS);
    th_board_reset_alarm(board, ex);
}

enum th_err th_board_begin_by_relay(struct th_switchboard *board, struct th_exchange *ex,
                                    const struct th_addr *relay, struct th_now now)
{
    struct th_exchange_path *path = th_exchange_paths_add(&ex->paths, relay, now);

    if (path == NULL)
        return TH_NO_MEMORY;
    path->is_told = true;
    if (th_exchange_is_up(ex)) {
        th_board_ask_again(board, ex, now);
        return TH_OK;
    }
    if (ex->line == NULL || !ex->line->is_opening || ex->line->sealed->open_tries != 1)
        return th_board_begin(board, ex, now);
    ex->line->sealed->open_tries = 0;
    ex->line->sealed->open_at = now.mono + until_next_try(board, 0);
    return TH_OK;
}

static void expire_open(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_sealed *sealed = ex->line->sealed;

    if (sealed->open_tries < TH_OPEN_TRIES) {
        sealed->open_tries++;
        sealed->open_at = now.mono + until_next_try(board, sealed->open_tries);
        th_board_send_opens(board, ex, now);
        return;
    }
    th_line_stop_opening(ex->line);
    th_held_free(&sealed->waiting);
    sealed->waiting_count = 0;
    th_board_end_channels(board, ex, TH_NO_LINE, now);
}

/* their opens */

static bool is_same_half(const struct th_half *half, const struct th_open *open)
{
    return half->is_set && memcmp(&half->id, &open->line, sizeof half->id) == 0;
}

/* Notes where an open came from and that it may be answered there. NULL without memory. */
static struct th_exchange_path *note_address(struct th_exchange *ex, const struct th_addr *from,
                                             size_t len, struct th_now now)
{
    struct th_exchange_path *path = th_exchange_paths_add(&ex->paths, from, now);
    if (path)
        th_exchange_path_on_bytes(path, len);
    return path;
}

/* It had an open from us a moment ago, perhaps of a line that was: without this one nobody would begin. */
static void answer_later(struct th_line *line, const struct th_exchange_path *path,
                         struct th_now now)
{
    if (line->is_opening)
        return;
    line->is_opening = true;
    line->sealed->open_tries = TH_OPEN_TRIES - 1;
    line->sealed->open_at =
        now.mono - th_exchange_path_ago(path->open_sent_at, now) + TH_PATH_OPEN_MS;
}

static void note_answered(struct th_line *line, struct th_now now)
{
    uint32_t time = th_exchange_path_time(now);

    if (th_line_more(line)->pending)
        line->more->pending->answered_at = time;
    else if (line->sealed)
        line->sealed->answered_at = time;
}

/* There was no line, or one on which nothing ever decrypted: this open makes one. */
static void accept(struct th_switchboard *board, struct th_exchange *ex, const struct th_open *open,
                   struct th_exchange_path *path, struct th_now now)
{
    struct th_line *line = ex->line;
    bool we_began = line->is_opening && line->open_sent_at != 0;

    if (th_half_set(&line->current, ex, open, now) != TH_OK) {
        th_drop_count(&board->drops, TH_DROP_OPEN_CRYPT);
        return;
    }
    if (path) {
        th_exchange_paths_use(&ex->paths, path);
        th_board_note_way(board, ex);
        if (!th_exchange_path_may_open(path, now))
            answer_later(line, path, now);
        send_open(board, ex, path, now);
        note_answered(line, now);
    }
    if (line->is_up || !we_began)
        return; /* it is announced when something decrypts on it */
    line->rtt_ms = (uint32_t)th_exchange_path_ago(line->open_sent_at, now);
    line->has_rtt = true;
    th_board_line_up(board, ex, now);
}

/* The peer did not hear our open, or repeats itself. */
static void answer_repeat(struct th_switchboard *board, struct th_exchange *ex,
                          const struct th_half *half, struct th_exchange_path *path,
                          struct th_now now)
{
    uint32_t answered_at = th_line_answered_at(ex->line);
    bool is_alive = half->is_confirmed && now.mono - half->heard_at < TH_ANSWER_QUIET_MS;
    bool was_answered =
        answered_at != 0 && th_exchange_path_ago(answered_at, now) < TH_PATH_OPEN_MS;

    th_drop_count(&board->drops, TH_DROP_OPEN_REPEAT);
    if (is_alive || was_answered || path == NULL)
        return;
    send_open(board, ex, path, now); /* seals what is noted */
    note_answered(ex->line, now);
}

static void challenge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    static const th_ms until_next[TH_CHALLENGES_MAX] = {500, 1000, TH_NEVER};
    struct th_pending *pending = ex->line->more->pending;
    th_ms pause = until_next[pending->challenges];

    pending->challenge_id[pending->challenges++] = th_board_ask_path(board, ex, now, true);
    pending->challenge_at = pause == TH_NEVER ? TH_NEVER : now.mono + pause;
}

/* What was heard after the challenges may come from one that was away while they went out: its silence
 * since then answers nothing. */
static bool is_to_be_asked_again(const struct th_line *line)
{
    return th_half_rx_at(&line->current) > line->more->pending->since;
}

static void ask_again(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pending *pending = ex->line->more->pending;

    pending->since = now.mono;
    pending->challenges = 0;
    challenge(board, ex, now);
}

/* The line lives and the open is another one: believe it only after a challenge. */
static void suspect(struct th_switchboard *board, struct th_exchange *ex,
                    const struct th_open *open, struct th_exchange_path *path, struct th_now now)
{
    struct th_line_more *more = th_line_make_more(ex->line);
    struct th_pending *pending = more ? th_mem_zalloc(1, sizeof *pending) : NULL;

    if (pending == NULL) {
        th_drop_count(&board->drops, TH_DROP_OPEN_LIMIT);
        return;
    }
    more->pending = pending;
    if (th_half_set(&pending->half, ex, open, now) != TH_OK) {
        th_drop_count(&board->drops, TH_DROP_OPEN_CRYPT);
        th_line_forget_pending(ex->line);
        return;
    }
    th_channels_init(&pending->channels, ex->line->channels.is_lower);
    pending->accepted_at = now.mono;
    pending->since = now.mono;
    if (path) {
        pending->from = path->addr;
        send_open(board, ex, path, now);
    }
    note_answered(ex->line, now);
    challenge(board, ex, now);
    th_board_probe_pending(board, ex, now);
}

/* One that was killed again before its new half spoke comes with the next one. Each has the time to speak
 * that the old line has to answer; a further one need not wait for the old line again, unless that spoke
 * or was asked too long ago: else newer and newer opens would wait for the peer to be idle. */
static bool has_had_its_time(const struct th_line *line, struct th_now now)
{
    const struct th_pending *pending = line->more->pending;

    return !pending->half.is_confirmed && th_line_was_challenged(line) &&
           now.mono >= pending->accepted_at + TH_CHALLENGE_SILENCE_MS &&
           now.mono >= th_line_silent_at(line);
}

static void follow(struct th_switchboard *board, struct th_exchange *ex, const struct th_open *open,
                   struct th_exchange_path *path, struct th_now now)
{
    struct th_pending *pending = ex->line->more->pending;

    if (th_half_set(&pending->half, ex, open, now) != TH_OK) {
        th_drop_count(&board->drops, TH_DROP_OPEN_CRYPT);
        return;
    }
    th_drop_count(&board->drops, TH_DROP_OPEN_PENDING); /* the one before it */
    th_channels_clear(&pending->channels);
    th_channels_init(&pending->channels, ex->line->channels.is_lower);
    pending->accepted_at = now.mono;
    pending->from = path ? path->addr : (struct th_addr){0};
    pending->probe_at = 0;
    if (path)
        send_open(board, ex, path, now);
    note_answered(ex->line, now);
    if (is_to_be_asked_again(ex->line) || now.mono >= pending->since + TH_PENDING_MS)
        ask_again(board, ex, now);
    th_board_probe_pending(board, ex, now);
}

static void judge(struct th_switchboard *board, struct th_exchange *ex, const struct th_open *open,
                  const struct th_addr *from, size_t len, struct th_now now)
{
    struct th_half *current = &ex->line->current;
    struct th_pending *pending = th_line_more(ex->line)->pending;

    if (is_same_half(current, open) && current->at == open->at) {
        answer_repeat(board, ex, current, note_address(ex, from, len, now), now);
    } else if (pending && is_same_half(&pending->half, open) && pending->half.at == open->at) {
        answer_repeat(board, ex, &pending->half, note_address(ex, from, len, now), now);
    } else if (!current->is_set || !current->is_confirmed) {
        accept(board, ex, open, note_address(ex, from, len, now), now);
    } else if (open->at <= current->at) {
        th_drop_count(&board->drops, TH_DROP_OPEN_OLD);
    } else if (is_same_half(current, open) && !th_half_is_of(current, ex, open)) {
        th_drop_count(&board->drops, TH_DROP_OPEN_SAME_ID);
    } else if (is_same_half(current, open)) {
        current->at = open->at; /* the same keys come of it; channels stay */
        answer_repeat(board, ex, current, note_address(ex, from, len, now), now);
    } else if (pending && !has_had_its_time(ex->line, now)) {
        th_drop_count(&board->drops, TH_DROP_OPEN_PENDING);
    } else if (pending && open->at <= pending->half.at) {
        th_drop_count(&board->drops, TH_DROP_OPEN_OLD);
    } else if (pending) {
        follow(board, ex, open, note_address(ex, from, len, now), now);
    } else {
        suspect(board, ex, open, note_address(ex, from, len, now), now);
    }
}

/* Ahead of our clock, and not the answer to an open that we sent to that address just now. */
static bool is_from_the_future(struct th_switchboard *board, const struct th_open *open,
                               const struct th_addr *from, struct th_now now)
{
    struct th_exchange *ex = th_board_find(board, &open->from);
    const struct th_exchange_path *path = ex ? th_exchange_paths_find(&ex->paths, from) : NULL;

    th_skew_on_time(&board->skew, now);
    if (!th_skew_is_ahead(&board->skew, open->at, TH_CLOCK_AHEAD_MS, now))
        return false;
    if (th_skew_note(&board->skew, &open->from, open->at, now)) {
        struct th_action action = {.kind = TH_ACTION_CLOCK_WRONG,
                                   .clock_ms = board->skew.correction_ms};
        th_outbox_put(&board->outbox, &action, 0);
    }
    return path == NULL || path->open_sent_at == 0 ||
           th_exchange_path_ago(path->open_sent_at, now) > TH_OPEN_FRESH_MS;
}

/* The exchange of an open's sender, with our half of a line; NULL when there is no room. */
static struct th_exchange *take_in(struct th_switchboard *board, const struct th_open *open,
                                   const struct th_addr *from, struct th_now now)
{
    const struct th_cipher *cipher = th_identity_cipher(board->self, open->csid);
    bool is_new = th_board_find(board, &open->from) == NULL;
    struct th_exchange *ex = th_board_meet(board, now, &open->from);

    if (ex == NULL)
        return NULL;
    if (th_exchange_learn(ex, cipher, &open->parts, &open->key) == TH_OK &&
        make_own(board, ex, now) == TH_OK &&
        (!is_new || th_board_welcome(board, ex, from) == TH_OK))
        return ex;
    if (is_new)
        th_board_forget(board, ex);
    return NULL;
}

static struct th_exchange *take_open(struct th_switchboard *board, struct th_now now,
                                     const struct th_addr *from, struct th_bytes bytes)
{
    struct th_open open;
    enum th_drop why = th_open_read(&open, board->self, bytes);
    if (why == TH_DROP_NONE && !th_allow_has(board->config.allow, &open.from))
        why = TH_DROP_OPEN_NOT_ALLOWED;
    if (why == TH_DROP_NONE && is_from_the_future(board, &open, from, now))
        why = TH_DROP_OPEN_FUTURE;
    if (why == TH_DROP_NONE)
        why = th_board_may_come_from(board, from, &open.from);
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return NULL;
    }

    if (from->family != TH_FAMILY_RELAY)
        th_outside_on_open(&board->outside, board->hash_secret, from, now.mono);
    if (th_tap_is_on(board->config.tap))
        th_board_tap_open(board, now, from, &open);
    struct th_exchange *ex = take_in(board, &open, from, now);
    if (ex == NULL) {
        th_drop_count(&board->drops, TH_DROP_OPEN_LIMIT);
        return NULL;
    }
    th_exchange_paths_touch(&ex->paths, now);
    judge(board, ex, &open, from, bytes.len, now);
    th_board_reset_alarm(board, ex);
    return ex;
}

/* One that came by a relay does not wait, for it is to be known at once whose it is; those have a pace of
 * their own, or a flood of others would cut off who can come by a relay alone. */
struct th_exchange *th_board_on_open(struct th_switchboard *board, struct th_now now,
                                     const struct th_addr *from, struct th_bytes bytes)
{
    bool is_relayed = from->family == TH_FAMILY_RELAY;

    if (th_open_queue_admit(&board->opens, now, is_relayed))
        return take_open(board, now, from, bytes);
    if (is_relayed || !th_open_queue_keep(&board->opens, now, from, bytes))
        th_drop_count(&board->drops, TH_DROP_OPEN_LIMIT);
    return NULL;
}

void th_board_take_opens(struct th_switchboard *board, struct th_now now)
{
    struct th_held *held;

    while ((held = th_open_queue_take(&board->opens, now))) {
        take_open(board, now, &held->from, (struct th_bytes){held->bytes, held->len});
        th_mem_free(held);
    }
}

/* replacing a line */

/* The old line is silent and the new one speaks: the new half takes over line, paths and channels. */
static void take_over(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_line *line = ex->line;
    struct th_pending *pending = line->more->pending;
    struct th_held *kept = pending->kept;
    struct th_addr from = pending->from;

    th_board_end_channels(board, ex, TH_CANCELLED, now);
    if (line->is_up) {
        board->lines--;
        th_board_tell_line(board, ex, TH_ACTION_LINE_DOWN, TH_CANCELLED, now);
    }
    line->is_up = false;

    th_channels_clear(&line->channels);
    th_line_take_over(line);
    line->channels = pending->channels;
    pending->channels = (struct th_channels){0};
    pending->kept = NULL;
    th_line_forget_pending(line);
    th_exchange_paths_clear(&ex->paths);
    if (from.family != TH_FAMILY_NONE)
        th_exchange_paths_on_proof(&ex->paths, &from, now);

    th_board_line_up(board, ex, now);
    for (struct th_held *k = kept; k; k = k->next)
        th_board_on_packet(board, ex, now, &k->from, (struct th_bytes){k->bytes, k->len});
    th_held_free(&kept);
}

void th_board_on_challenge_answered(struct th_switchboard *board, struct th_exchange *ex)
{
    th_drop_count(&board->drops, TH_DROP_OPEN_FORGED);
    th_line_forget_pending(ex->line);
}

static void tick_pending(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pending *pending = ex->line->more->pending;

    /* silence where nobody was asked says nothing */
    if (pending->half.is_confirmed && th_line_was_challenged(ex->line) &&
        now.mono >= th_line_silent_at(ex->line)) {
        if (is_to_be_asked_again(ex->line))
            ask_again(board, ex, now);
        else
            take_over(board, ex, now);
        return;
    }
    if (now.mono >= pending->accepted_at + TH_PENDING_MS) {
        th_drop_count(&board->drops, TH_DROP_OPEN_PENDING);
        th_line_forget_pending(ex->line);
        return;
    }
    if (now.mono >= pending->challenge_at) {
        challenge(board, ex, now);
        th_board_probe_pending(board, ex, now);
    }
}

void th_board_tick_handshake(struct th_switchboard *board, struct th_exchange *ex,
                             struct th_now now)
{
    struct th_line *line = ex->line;

    if (line == NULL)
        return;
    if (th_line_more(line)->pending)
        tick_pending(board, ex, now);
    if (now.mono >= th_line_open_at(line))
        expire_open(board, ex, now);
}

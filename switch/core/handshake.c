#include "switch/core/board.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

/* our half */

static void wipe_own(struct th_switchboard *board, struct th_exchange *ex)
{
    if (!ex->has_own)
        return;
    HASH_DELETE(by_own, board->by_own, ex);
    ex->has_own = false;
    th_keypair_clear(&ex->own_keys);
    th_mem_free(ex->sealed);
    ex->sealed = NULL;
    ex->sealed_len = 0;
}

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

static bool index_own(struct th_switchboard *board, struct th_exchange *ex)
{
    unsigned hash = th_hash(board->hash_secret, &ex->own_id, sizeof ex->own_id);

    HASH_ADD_BYHASHVALUE(by_own, board->by_own, own_id, sizeof ex->own_id, hash, ex);
    ex->has_own = ex->by_own.tbl != NULL;
    return ex->has_own;
}

/* New content means a new id and a new key pair; what is sealed is resent byte for byte. */
static enum th_err make_own(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    uint8_t seed[TH_KEY_BYTES], sealed[TH_OPEN_MAX];

    if (ex->has_own)
        return TH_OK;
    th_rng_fill(board->rng, &ex->own_id, sizeof ex->own_id);
    th_rng_fill(board->rng, seed, sizeof seed);
    ex->cipher->keypair(&ex->own_keys, seed);
    sodium_memzero(seed, sizeof seed);
    ex->own_at = next_at(board, ex, now);

    size_t len;
    enum th_err err = th_open_write(sealed, sizeof sealed, &len, ex->cipher, board->self,
                                    &ex->own_keys, &ex->own_id, ex->own_at, &ex->id, &ex->key);
    if (err != TH_OK)
        return err;
    ex->sealed = th_mem_copy(sealed, len);
    if (ex->sealed == NULL)
        return TH_NO_MEMORY;
    ex->sealed_len = len;
    if (!index_own(board, ex)) {
        th_mem_free(ex->sealed);
        ex->sealed = NULL;
        return TH_NO_MEMORY;
    }
    if (ex->own_at > board->at_highest)
        board->at_highest = ex->own_at;
    return TH_OK;
}

/* Sends our open to one address when its pace and its budget allow. */
static bool send_open(struct th_switchboard *board, struct th_exchange *ex,
                      struct th_exchange_path *path, struct th_now now)
{
    if (!th_exchange_path_may_open(path, now))
        return false;
    if (!th_exchange_path_may_send(path, ex->sealed_len)) {
        th_drop_count(&board->drops, TH_DROP_UNPROVEN_BUDGET);
        return false;
    }
    uint8_t *room = th_outbox_room(&board->outbox, ex->sealed_len);
    if (room == NULL)
        return false;
    memcpy(room, ex->sealed, ex->sealed_len);
    th_board_send(board, &path->addr, ex->sealed_len);
    path->open_sent_at = now.mono;
    ex->open_sent_at = now.mono;
    return true;
}

void th_board_send_opens(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    for (unsigned i = 0; i < ex->paths.count; i++)
        send_open(board, ex, &ex->paths.path[i], now);
}

/* opening */

/* 1, 3 and 7 s after the first, up to a quarter later, so that two sides do not keep step. */
static th_ms until_next_try(struct th_switchboard *board, unsigned tries)
{
    th_ms pause = 1000ull << (tries - 1);

    if (tries >= TH_OPEN_TRIES)
        return TH_OPEN_GIVE_UP_MS;
    return pause + th_rng_below(board->rng, pause / 4);
}

enum th_err th_board_begin(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    if (ex->cipher == NULL || ex->paths.count == 0)
        return TH_NO_PATH;
    enum th_err err = make_own(board, ex, now);
    if (err != TH_OK)
        return err;

    if (!ex->is_opening) {
        ex->is_opening = true;
        ex->open_tries = 1;
        ex->open_at = now.mono + until_next_try(board, 1);
    }
    th_board_send_opens(board, ex, now);
    return TH_OK;
}

static void stop_opening(struct th_exchange *ex)
{
    ex->is_opening = false;
    ex->open_at = TH_NEVER;
}

static void expire_open(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    if (ex->open_tries < TH_OPEN_TRIES) {
        ex->open_tries++;
        ex->open_at = now.mono + until_next_try(board, ex->open_tries);
        th_board_send_opens(board, ex, now);
        return;
    }
    stop_opening(ex);
    th_kept_free(&ex->waiting);
    ex->waiting_count = 0;
    th_board_end_channels(board, ex, TH_NO_LINE, now);
}

void th_board_line_up(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_kept *waiting = ex->waiting;

    stop_opening(ex);
    ex->waiting = NULL;
    ex->waiting_count = 0;
    ex->is_up = true;
    ex->up_since = now.mono;
    ex->unanswered_since = 0;
    board->lines++;
    th_board_tell_line(board, ex, TH_ACTION_LINE_UP, TH_OK, now);

    th_board_ask_path(board, ex, now, false);
    for (struct th_kept *kept = waiting; kept; kept = kept->next)
        th_board_transmit(board, ex, now, (struct th_bytes){kept->bytes, kept->len});
    th_kept_free(&waiting);
}

void th_board_end_line(struct th_switchboard *board, struct th_exchange *ex, enum th_err why,
                       struct th_now now)
{
    th_board_end_channels(board, ex, why, now);
    if (ex->is_up) {
        board->lines--;
        th_board_tell_line(board, ex, TH_ACTION_LINE_DOWN, why, now);
    }
    ex->is_up = false;
    stop_opening(ex);
    th_kept_free(&ex->waiting);
    ex->waiting_count = 0;
    th_exchange_forget_pending(ex);
    th_half_clear(&ex->current);
    th_channels_clear(&ex->channels);
    wipe_own(board, ex);
    th_exchange_paths_on_end(&ex->paths);
    ex->answered_at = 0;
}

/* their opens */

static bool is_same_half(const struct th_half *half, const struct th_open *open)
{
    return half->is_set && memcmp(&half->id, &open->line, sizeof half->id) == 0;
}

static bool is_same_line_key(const struct th_half *half, const struct th_open *open)
{
    return memcmp(&half->line_key, &open->line_key, sizeof half->line_key) == 0;
}

/* Notes where an open came from and that it may be answered there. NULL when it was relayed. */
static struct th_exchange_path *note_address(struct th_exchange *ex, const struct th_addr *from,
                                             size_t len)
{
    if (from->family == TH_FAMILY_NONE)
        return NULL;
    struct th_exchange_path *path = th_exchange_paths_add(&ex->paths, from);
    path->rx_bytes += len;
    return path;
}

/* There was no line, or one on which nothing ever decrypted: this open makes one. */
static void accept(struct th_switchboard *board, struct th_exchange *ex, const struct th_open *open,
                   struct th_exchange_path *path, struct th_now now)
{
    bool we_began = ex->is_opening && ex->open_sent_at != 0;

    if (th_half_set(&ex->current, ex, open, now) != TH_OK) {
        th_drop_count(&board->drops, TH_DROP_OPEN_CRYPT);
        return;
    }
    if (path) {
        ex->paths.used = (int)(path - ex->paths.path);
        send_open(board, ex, path, now);
        ex->answered_at = now.mono;
    }
    if (ex->is_up || !we_began)
        return; /* it is announced when something decrypts on it */
    ex->rtt_ms = (uint32_t)(now.mono - ex->open_sent_at);
    ex->has_rtt = true;
    th_board_line_up(board, ex, now);
}

/* The peer did not hear our open, or repeats itself. */
static void answer_repeat(struct th_switchboard *board, struct th_exchange *ex,
                          const struct th_half *half, struct th_exchange_path *path,
                          struct th_now now)
{
    bool is_alive = half->rx_at != 0 && now.mono - half->rx_at < TH_ANSWER_QUIET_MS;
    bool was_answered = ex->answered_at != 0 && now.mono - ex->answered_at < TH_PATH_OPEN_MS;

    th_drop_count(&board->drops, TH_DROP_OPEN_REPEAT);
    if (is_alive || was_answered || path == NULL)
        return;
    ex->answered_at = now.mono;
    send_open(board, ex, path, now);
}

static void challenge(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    static const th_ms until_next[TH_CHALLENGES_MAX] = {500, 1000, TH_NEVER};
    struct th_pending *pending = ex->pending;
    th_ms pause = until_next[pending->challenges];

    pending->challenge_id[pending->challenges++] = th_board_ask_path(board, ex, now, true);
    pending->challenge_at = pause == TH_NEVER ? TH_NEVER : now.mono + pause;
}

/* The line lives and the open is another one: believe it only after a challenge. */
static void suspect(struct th_switchboard *board, struct th_exchange *ex,
                    const struct th_open *open, struct th_exchange_path *path, struct th_now now)
{
    struct th_pending *pending = th_mem_zalloc(1, sizeof *pending);

    if (pending == NULL || th_half_set(&pending->half, ex, open, now) != TH_OK) {
        th_drop_count(&board->drops, pending ? TH_DROP_OPEN_CRYPT : TH_DROP_OPEN_LIMIT);
        th_mem_free(pending);
        return;
    }
    th_channels_init(&pending->channels, ex->channels.is_lower);
    ex->pending = pending;
    if (path) {
        pending->from = path->addr;
        send_open(board, ex, path, now);
    }
    ex->answered_at = now.mono;
    challenge(board, ex, now);
    th_board_probe_pending(board, ex, now);
}

static void judge(struct th_switchboard *board, struct th_exchange *ex, const struct th_open *open,
                  const struct th_addr *from, size_t len, struct th_now now)
{
    struct th_half *current = &ex->current;
    struct th_pending *pending = ex->pending;

    if (is_same_half(current, open) && current->at == open->at) {
        answer_repeat(board, ex, current, note_address(ex, from, len), now);
    } else if (pending && is_same_half(&pending->half, open) && pending->half.at == open->at) {
        answer_repeat(board, ex, &pending->half, note_address(ex, from, len), now);
    } else if (!current->is_set || !current->is_confirmed) {
        accept(board, ex, open, note_address(ex, from, len), now);
    } else if (open->at <= current->at) {
        th_drop_count(&board->drops, TH_DROP_OPEN_OLD);
    } else if (is_same_half(current, open) && !is_same_line_key(current, open)) {
        th_drop_count(&board->drops, TH_DROP_OPEN_SAME_ID);
    } else if (is_same_half(current, open)) {
        current->at = open->at; /* the same keys come of it; channels stay */
        answer_repeat(board, ex, current, note_address(ex, from, len), now);
    } else if (pending) {
        th_drop_count(&board->drops, TH_DROP_OPEN_PENDING);
    } else {
        suspect(board, ex, open, note_address(ex, from, len), now);
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
           now.mono - path->open_sent_at > TH_OPEN_FRESH_MS;
}

static void learn(struct th_exchange *ex, const struct th_open *open,
                  const struct th_identity *self, struct th_now now)
{
    ex->parts = open->parts;
    ex->key = open->key;
    ex->cipher = th_identity_cipher(self, open->csid);
    ex->used_at = now.mono;
}

void th_board_on_open(struct th_switchboard *board, struct th_now now, const struct th_addr *from,
                      struct th_bytes bytes)
{
    struct th_open open;

    if (!th_limit_take(&board->opens, now.mono, 1)) {
        th_drop_count(&board->drops, TH_DROP_OPEN_LIMIT);
        return;
    }
    enum th_drop why = th_open_read(&open, board->self, bytes);
    if (why == TH_DROP_NONE && is_from_the_future(board, &open, from, now))
        why = TH_DROP_OPEN_FUTURE;
    if (why != TH_DROP_NONE) {
        th_drop_count(&board->drops, why);
        return;
    }

    struct th_exchange *ex = th_board_meet(board, now, &open.from);
    if (ex)
        learn(ex, &open, board->self, now);
    if (ex == NULL || make_own(board, ex, now) != TH_OK) {
        th_drop_count(&board->drops, TH_DROP_OPEN_LIMIT);
        return;
    }
    judge(board, ex, &open, from, bytes.len, now);
    th_board_reset_alarm(board, ex);
}

/* replacing a line */

/* The old line is silent and the new one speaks: the new half takes over line, paths and channels. */
static void take_over(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pending *pending = ex->pending;
    struct th_kept *kept = pending->kept;
    struct th_addr from = pending->from;

    th_board_end_channels(board, ex, TH_CANCELLED, now);
    if (ex->is_up) {
        board->lines--;
        th_board_tell_line(board, ex, TH_ACTION_LINE_DOWN, TH_CANCELLED, now);
    }
    ex->is_up = false;

    th_channels_clear(&ex->channels);
    th_half_clear(&ex->current);
    ex->current = pending->half;
    ex->channels = pending->channels;
    pending->half = (struct th_half){0};
    pending->channels = (struct th_channels){0};
    pending->kept = NULL;
    th_exchange_forget_pending(ex);
    th_exchange_paths_init(&ex->paths);
    if (from.family != TH_FAMILY_NONE)
        th_exchange_paths_on_proof(&ex->paths, &from, now);

    th_board_line_up(board, ex, now);
    for (struct th_kept *k = kept; k; k = k->next)
        th_board_on_packet(board, ex, now, &k->from, (struct th_bytes){k->bytes, k->len});
    th_kept_free(&kept);
}

void th_board_on_challenge_answered(struct th_switchboard *board, struct th_exchange *ex)
{
    th_drop_count(&board->drops, TH_DROP_OPEN_FORGED);
    th_exchange_forget_pending(ex);
}

static void tick_pending(struct th_switchboard *board, struct th_exchange *ex, struct th_now now)
{
    struct th_pending *pending = ex->pending;

    /* silence where nobody was asked says nothing */
    if (pending->half.is_confirmed && th_exchange_was_challenged(ex) &&
        now.mono >= th_exchange_silent_at(ex)) {
        take_over(board, ex, now);
        return;
    }
    if (now.mono >= pending->half.since + TH_PENDING_MS) {
        th_drop_count(&board->drops, TH_DROP_OPEN_PENDING);
        th_exchange_forget_pending(ex);
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
    if (ex->pending)
        tick_pending(board, ex, now);
    if (now.mono >= ex->open_at)
        expire_open(board, ex, now);
    if (ex->current.is_confirmed && now.mono >= ex->current.rx_at + TH_LINE_SILENCE_MS)
        th_board_end_line(board, ex, TH_TIMED_OUT, now);
    else if (ex->current.is_set && !ex->current.is_confirmed &&
             now.mono >= ex->current.since + TH_LINE_UNPROVEN_MS)
        th_board_end_line(board, ex, TH_TIMED_OUT, now);
}

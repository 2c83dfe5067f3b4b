#include "switch/core/exchange.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

void th_exchange_init(struct th_exchange *ex, const struct th_hashname *id, struct th_now now)
{
    memset(ex, 0, sizeof *ex);
    ex->id = *id;
    th_exchange_paths_init(&ex->paths, now);
}

void th_exchange_clear(struct th_exchange *ex)
{
    th_exchange_free_line(ex);
    th_exchange_paths_clear(&ex->paths);
    if (ex->dealings)
        th_mem_free(ex->dealings->parts);
    th_mem_free(ex->dealings);
}

struct th_dealings *th_exchange_dealings(struct th_exchange *ex)
{
    if (ex->dealings)
        return ex->dealings;
    ex->dealings = th_mem_zalloc(1, sizeof *ex->dealings);
    if (ex->dealings) { /* full, so that it does not matter since when */
        ex->dealings->connects.milli = 1000 * TH_CONNECT_PER_MIN;
        ex->dealings->named.milli = 1000 * TH_PATH_NEW_PER_MIN;
    }
    return ex->dealings;
}

bool th_naming_take(struct th_naming *naming, unsigned burst, th_ms now_ms)
{
    struct th_limit limit = {.per_s = 1,
                             .burst = burst,
                             .milli = naming->milli,
                             .since = now_ms - (uint32_t)((uint32_t)now_ms - naming->since)};
    bool may = th_limit_take(&limit, now_ms, 1);

    *naming = (struct th_naming){.since = (uint32_t)limit.since, .milli = (uint16_t)limit.milli};
    return may;
}

void th_naming_give(struct th_naming *naming, unsigned burst)
{
    unsigned milli = naming->milli + 1000u, full = 1000 * burst;

    naming->milli = (uint16_t)(milli < full ? milli : full);
}

enum th_err th_exchange_learn(struct th_exchange *ex, const struct th_cipher *cipher,
                              const struct th_parts *parts, const struct th_public_key *key)
{
    if (ex->cipher)
        return TH_OK;
    if (parts->count > 1) {
        struct th_dealings *dealings = th_exchange_dealings(ex);
        if (dealings)
            dealings->parts = th_mem_copy(parts, sizeof *parts);
        if (dealings == NULL || dealings->parts == NULL)
            return TH_NO_MEMORY;
    }
    ex->cipher = cipher;
    ex->key = *key;
    return TH_OK;
}

void th_exchange_parts(const struct th_exchange *ex, struct th_parts *parts)
{
    *parts = (struct th_parts){0};
    if (ex->dealings && ex->dealings->parts) {
        *parts = *ex->dealings->parts;
    } else if (ex->cipher) {
        parts->count = 1;
        parts->part[0].csid = ex->cipher->csid;
        th_fingerprint_of(&parts->part[0].fingerprint, ex->key.b, sizeof ex->key.b);
    }
}

/* The seed of our keys first. */
static uint8_t *secrets_of(struct th_line *line)
{
    return (uint8_t *)(line + 1);
}

uint8_t *th_half_keys(const struct th_half *half, const struct th_exchange *ex)
{
    struct th_line *line = ex->line;
    bool is_current = half == &line->current;

    return is_current ? secrets_of(line) + ex->cipher->seed_bytes : line->more->pending->keys;
}

static size_t secrets_len(const struct th_cipher *cipher)
{
    return (size_t)cipher->seed_bytes + 2 * cipher->key_bytes;
}

void th_line_set_own_id(struct th_line *line, const struct th_line_id *id)
{
    memcpy(&line->by_own.key, id->b, sizeof line->by_own.key);
    memcpy(line->own_rest, id->b + sizeof line->by_own.key, sizeof line->own_rest);
}

enum th_err th_exchange_make_line(struct th_exchange *ex, bool is_lower,
                                  const uint8_t seed[TH_KEY_BYTES])
{
    ex->line = th_mem_zalloc(1, sizeof *ex->line + secrets_len(ex->cipher));
    if (ex->line == NULL)
        return TH_NO_MEMORY;
    ex->line->ex = ex;
    memcpy(secrets_of(ex->line), seed, ex->cipher->seed_bytes);
    th_channels_init(&ex->line->channels, is_lower);
    return TH_OK;
}

void th_exchange_line_keypair(const struct th_exchange *ex, struct th_keypair *out)
{
    uint8_t seed[TH_KEY_BYTES] = {0};

    memcpy(seed, secrets_of(ex->line), ex->cipher->seed_bytes);
    ex->cipher->keypair(out, seed);
    sodium_memzero(seed, sizeof seed);
}

const struct th_line_more th_line_no_more = {.search_at = TH_NEVER, .relay_at = TH_NEVER};

struct th_line_more *th_line_make_more(struct th_line *line)
{
    if (line->more)
        return line->more;
    line->more = th_mem_zalloc(1, sizeof *line->more);
    if (line->more)
        *line->more = th_line_no_more;
    return line->more;
}

void th_line_rest(struct th_line *line)
{
    const struct th_line_more *more = line->more;

    if (more == NULL || more->pending || more->ask || more->pmtu || more->streams ||
        more->search_at != TH_NEVER || more->relay_at != TH_NEVER)
        return;
    for (unsigned i = 0; i < TH_COUNTS; i++)
        if (more->carried[i] != 0)
            return;
    th_mem_free(line->more);
    line->more = NULL;
}

static void free_more(struct th_line *line)
{
    if (line->more) {
        th_mem_free(line->more->streams);
        th_mem_free(line->more->pmtu);
        th_mem_free(line->more->ask);
    }
    th_mem_free(line->more);
}

void th_line_count(struct th_line *line, enum th_count what, uint32_t n)
{
    uint32_t sum = line->counted[what] + n;

    if (sum < n) {
        struct th_line_more *more = th_line_make_more(line);
        if (more == NULL)
            return;
        more->carried[what]++;
    }
    line->counted[what] = sum;
}

uint64_t th_line_counted(const struct th_line *line, enum th_count what)
{
    return (uint64_t)th_line_more(line)->carried[what] << 32 | line->counted[what];
}

void th_line_forget_sealed(struct th_line *line)
{
    if (line->sealed == NULL)
        return;
    th_held_free(&line->sealed->waiting);
    th_keypair_clear(&line->sealed->keys);
    th_mem_free(line->sealed);
    line->sealed = NULL;
    line->is_opening = false; /* there is nothing to send again */
}

void th_exchange_free_line(struct th_exchange *ex)
{
    struct th_line *line = ex->line;

    if (line == NULL)
        return;
    th_line_forget_pending(line);
    th_half_clear(&line->current, ex);
    th_channels_clear(&line->channels);
    free_more(line);
    th_line_forget_sealed(line);
    sodium_memzero(secrets_of(line), secrets_len(ex->cipher));
    th_mem_free(line);
    ex->line = NULL;
}

static enum th_err keys_of(struct th_line_keys *keys, const struct th_exchange *ex,
                           const struct th_open *open)
{
    const struct th_line *line = ex->line;
    const struct th_line_id own_id = th_line_own_id(line);
    struct th_keypair own;

    if (line->sealed)
        own = line->sealed->keys;
    else /* seldom: the peer begins anew on a line that is up */
        th_exchange_line_keypair(ex, &own);
    enum th_err err = ex->cipher->line_keys(keys, &own, &open->line_key, &own_id, &open->line);
    th_keypair_clear(&own);
    return err;
}

enum th_err th_half_set(struct th_half *half, const struct th_exchange *ex,
                        const struct th_open *open, struct th_now now)
{
    uint8_t *kept = th_half_keys(half, ex);
    size_t key_bytes = ex->cipher->key_bytes;
    struct th_line_keys keys;
    enum th_err err = keys_of(&keys, ex, open);

    if (err == TH_OK) {
        th_half_clear(half, ex);
        *half = (struct th_half){.is_set = true, .id = open->line, .at = open->at};
        th_half_heard(half, now);
        memcpy(kept, keys.send, key_bytes);
        memcpy(kept + key_bytes, keys.receive, key_bytes);
    }
    th_line_keys_clear(&keys);
    return err;
}

void th_half_clear(struct th_half *half, const struct th_exchange *ex)
{
    th_replay_clear(&half->replay);
    sodium_memzero(th_half_keys(half, ex), 2 * (size_t)ex->cipher->key_bytes);
    *half = (struct th_half){0};
}

void th_line_take_over(struct th_line *line)
{
    const struct th_exchange *ex = line->ex;
    struct th_half *half = &line->more->pending->half;
    struct th_streams *streams = line->more->streams;

    th_half_clear(&line->current, ex);
    line->current = *half;
    memcpy(th_half_keys(&line->current, ex), th_half_keys(half, ex),
           2 * (size_t)ex->cipher->key_bytes);
    half->replay = (struct th_replay){0}; /* it went along */
    th_half_clear(half, ex);
    line->guesses = line->bursts = 0; /* were answers to the channels that it had */
    /* It may be another implementation by now. */
    if (streams)
        streams->is_compact = streams->takes_parts = false;
}

bool th_half_is_of(const struct th_half *half, const struct th_exchange *ex,
                   const struct th_open *open)
{
    const uint8_t *kept = th_half_keys(half, ex);
    size_t key_bytes = ex->cipher->key_bytes;
    struct th_line_keys keys;
    bool is_same = keys_of(&keys, ex, open) == TH_OK &&
                   sodium_memcmp(keys.send, kept, key_bytes) == 0 &&
                   sodium_memcmp(keys.receive, kept + key_bytes, key_bytes) == 0;

    th_line_keys_clear(&keys);
    return is_same;
}

enum th_drop th_half_unseal(struct th_half *half, const struct th_exchange *ex,
                            struct th_bytes datagram, struct th_now now, uint8_t *plain,
                            size_t *plain_len)
{
    const uint8_t *key = th_half_keys(half, ex) + ex->cipher->key_bytes;
    enum th_drop why = ex->cipher->line_unseal(plain, plain_len, key, datagram);

    if (why != TH_DROP_NONE)
        return why;
    if (!th_replay_note(&half->replay, datagram, now))
        return TH_DROP_LINE_REPLAY;
    th_half_heard(half, now);
    half->is_confirmed = true;
    return TH_DROP_NONE;
}

bool th_held_append(struct th_held **list, const struct th_addr *from, struct th_bytes bytes)
{
    struct th_held *kept = th_mem_zalloc(1, sizeof *kept + bytes.len);

    if (kept == NULL)
        return false;
    if (from)
        kept->from = *from;
    kept->len = bytes.len;
    memcpy(kept->bytes, bytes.at, bytes.len);
    while (*list)
        list = &(*list)->next;
    *list = kept;
    return true;
}

void th_held_free(struct th_held **list)
{
    while (*list) {
        struct th_held *first = *list;
        *list = first->next;
        th_mem_free(first);
    }
}

void th_line_stop_opening(struct th_line *line)
{
    line->is_opening = false;
    if (line->sealed)
        line->sealed->open_at = TH_NEVER;
}

void th_line_forget_pending(struct th_line *line)
{
    struct th_pending *pending = th_line_more(line)->pending;

    if (pending == NULL)
        return;
    th_half_clear(&pending->half, line->ex);
    th_channels_clear(&pending->channels);
    th_held_free(&pending->kept);
    th_mem_free(pending);
    line->more->pending = NULL;
    th_line_rest(line);
}

bool th_line_was_challenged(const struct th_line *line)
{
    const struct th_pending *pending = line->more->pending;

    for (unsigned i = 0; i < pending->challenges; i++)
        if (pending->challenge_id[i] != 0)
            return true;
    return false;
}

th_ms th_line_silent_at(const struct th_line *line)
{
    th_ms since = line->more->pending->since, rx_at = th_half_rx_at(&line->current);

    return (rx_at > since ? rx_at : since) + TH_CHALLENGE_SILENCE_MS;
}

static th_ms pending_deadline(const struct th_line *line)
{
    const struct th_pending *pending = line->more->pending;
    th_ms first = th_sooner(pending->accepted_at + TH_PENDING_MS, pending->challenge_at);

    /* once the new half has spoken, the old line's silence decides */
    if (pending->half.is_confirmed && th_line_was_challenged(line))
        first = th_sooner(first, th_line_silent_at(line));
    return first;
}

bool th_line_is_unproven(const struct th_line *line, struct th_now now)
{
    const struct th_half *current = &line->current;

    return current->is_set && !current->is_confirmed &&
           now.mono >= current->heard_at + TH_LINE_UNPROVEN_MS;
}

void th_line_forget_doubt(struct th_line *line)
{
    line->unanswered_since = 0;
    line->doubt = TH_DOUBT_NONE;
    line->silences = 0;
}

th_ms th_line_doubt_deadline(const struct th_line *line)
{
    bool is_due = line->doubt == TH_DOUBT_WAITING || line->doubt == TH_DOUBT_ASKED;

    return is_due && line->is_up ? th_line_doubt_at(line) : TH_NEVER;
}

bool th_exchange_is_unused(const struct th_exchange *ex)
{
    const struct th_line *line = ex->line;

    return line && line->is_up && line->channels.first == NULL &&
           th_line_more(line)->pending == NULL;
}

bool th_exchange_is_forgettable(const struct th_exchange *ex, struct th_now now, th_ms unused_ms)
{
    const struct th_dealings *dealings = ex->dealings;

    if (ex->line || now.mono < th_exchange_paths_used_at(&ex->paths) + unused_ms)
        return false;
    if (ex->own_at > now.wall) /* our clock was set back: it hears opens only that are later */
        return false;
    for (enum th_dealing kind = 0; dealings && kind < TH_DEALING_KINDS; kind++)
        if (th_dealings_until(dealings, kind) > now.mono)
            return false;
    return true;
}

/* The search for a path's MTU goes with the path in use, and on none of a relay. */
static th_ms mtu_deadline(const struct th_exchange *ex)
{
    const struct th_pmtu *pmtu = th_line_more(ex->line)->pmtu;
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);

    if (pmtu == NULL || !ex->line->is_up || path == NULL || path->addr.family == TH_FAMILY_RELAY)
        return TH_NEVER;
    return th_addr_is_equal(&pmtu->addr, &path->addr) ? th_pmtu_deadline(pmtu) : 0;
}

static th_ms more_deadline(const struct th_exchange *ex, const struct th_line_more *more)
{
    th_ms first = th_sooner(th_sooner(more->search_at, more->relay_at), mtu_deadline(ex));

    if (more->streams)
        first = th_sooner(first, more->streams->due_at);
    return more->pending ? th_sooner(first, pending_deadline(ex->line)) : first;
}

th_ms th_exchange_deadline(const struct th_exchange *ex, th_ms idle_ms)
{
    const struct th_line *line = ex->line;

    if (line == NULL)
        return TH_NEVER;
    th_ms first = th_sooner(th_line_open_at(line), th_channels_deadline(&line->channels));
    if (line->more)
        first = th_sooner(first, more_deadline(ex, line->more));
    first = th_sooner(first, th_line_doubt_deadline(line));
    if (th_exchange_is_unused(ex))
        first = th_sooner(first, th_exchange_paths_used_at(&ex->paths) + idle_ms);
    if (line->current.is_confirmed)
        first = th_sooner(first, line->current.heard_at + TH_LINE_SILENCE_MS);
    else if (line->current.is_set)
        first = th_sooner(first, line->current.heard_at + TH_LINE_UNPROVEN_MS);
    return first;
}

bool th_exchange_can_use(const struct th_exchange *ex, const struct th_addr *addr)
{
    enum th_realm realm = th_addr_realm(addr);
    const struct th_exchange_path *path = th_exchange_paths_look(&ex->paths);

    if (realm == TH_REALM_PUBLIC)
        return true;
    return path && th_exchange_path_is_direct(path) && realm != TH_REALM_NONE &&
           realm == th_addr_realm(&path->addr);
}

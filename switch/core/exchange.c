#include "switch/core/exchange.h"

#include "switch/base/mem.h"

#include <sodium.h>
#include <string.h>

void th_exchange_init(struct th_exchange *ex, const struct th_hashname *self,
                      const struct th_hashname *id, struct th_now now)
{
    memset(ex, 0, sizeof *ex);
    ex->id = *id;
    ex->used_at = now.mono;
    ex->open_at = TH_NEVER;
    th_exchange_paths_init(&ex->paths);
    th_channels_init(&ex->channels, th_hashname_compare(self, id) < 0);
}

void th_exchange_clear(struct th_exchange *ex)
{
    th_exchange_forget_pending(ex);
    th_half_clear(&ex->current);
    th_channels_clear(&ex->channels);
    th_kept_free(&ex->waiting);
    th_mem_free(ex->sealed);
    th_keypair_clear(&ex->own_keys);
}

enum th_err th_half_set(struct th_half *half, const struct th_exchange *ex,
                        const struct th_open *open, struct th_now now)
{
    struct th_line_keys keys;
    enum th_err err =
        ex->cipher->line_keys(&keys, &ex->own_keys, &open->line_key, &ex->own_id, &open->line);

    if (err == TH_OK) {
        th_half_clear(half);
        *half = (struct th_half){.is_set = true,
                                 .id = open->line,
                                 .line_key = open->line_key,
                                 .at = open->at,
                                 .keys = keys,
                                 .since = now.mono};
    }
    th_line_keys_clear(&keys);
    return err;
}

void th_half_clear(struct th_half *half)
{
    th_replay_clear(&half->replay);
    th_line_keys_clear(&half->keys);
    sodium_memzero(half, sizeof *half);
}

enum th_drop th_half_unseal(struct th_half *half, const struct th_cipher *cipher,
                            struct th_bytes datagram, struct th_now now, uint8_t *plain,
                            size_t *plain_len)
{
    enum th_drop why = cipher->line_unseal(plain, plain_len, &half->keys, datagram);

    if (why != TH_DROP_NONE)
        return why;
    if (!th_replay_note(&half->replay, datagram))
        return TH_DROP_LINE_REPLAY;
    half->rx_at = now.mono;
    half->is_confirmed = true;
    return TH_DROP_NONE;
}

bool th_kept_append(struct th_kept **list, const struct th_addr *from, struct th_bytes bytes)
{
    struct th_kept *kept = th_mem_zalloc(1, sizeof *kept + bytes.len);

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

void th_kept_free(struct th_kept **list)
{
    while (*list) {
        struct th_kept *first = *list;
        *list = first->next;
        th_mem_free(first);
    }
}

void th_exchange_forget_pending(struct th_exchange *ex)
{
    if (ex->pending == NULL)
        return;
    th_half_clear(&ex->pending->half);
    th_channels_clear(&ex->pending->channels);
    th_kept_free(&ex->pending->kept);
    th_mem_free(ex->pending);
    ex->pending = NULL;
}

bool th_exchange_was_challenged(const struct th_exchange *ex)
{
    for (unsigned i = 0; i < ex->pending->challenges; i++)
        if (ex->pending->challenge_id[i] != 0)
            return true;
    return false;
}

th_ms th_exchange_silent_at(const struct th_exchange *ex)
{
    th_ms heard =
        ex->current.rx_at > ex->pending->half.since ? ex->current.rx_at : ex->pending->half.since;
    return heard + TH_CHALLENGE_SILENCE_MS;
}

static th_ms pending_deadline(const struct th_exchange *ex)
{
    const struct th_pending *pending = ex->pending;
    th_ms first = th_sooner(pending->half.since + TH_PENDING_MS, pending->challenge_at);

    /* once the new half has spoken, the old line's silence decides */
    if (pending->half.is_confirmed && th_exchange_was_challenged(ex))
        first = th_sooner(first, th_exchange_silent_at(ex));
    return first;
}

th_ms th_exchange_deadline(const struct th_exchange *ex)
{
    th_ms first = th_sooner(ex->open_at, th_channels_deadline(&ex->channels));

    if (ex->pending)
        first = th_sooner(first, pending_deadline(ex));
    if (ex->current.is_confirmed)
        first = th_sooner(first, ex->current.rx_at + TH_LINE_SILENCE_MS);
    else if (ex->current.is_set)
        first = th_sooner(first, ex->current.since + TH_LINE_UNPROVEN_MS);
    return first;
}

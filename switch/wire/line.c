#include "switch/wire/line.h"

#include "switch/base/mem.h"

#include <string.h>

enum { ID_AT = 2, NONCE_AT = ID_AT + TH_LINE_ID_BYTES };

enum th_drop th_line_read_id(struct th_line_id *out, struct th_bytes datagram)
{
    if (datagram.len < TH_LINE_MIN)
        return TH_DROP_LINE_SHORT;
    memcpy(out->b, datagram.at + ID_AT, sizeof out->b);
    return TH_DROP_NONE;
}

/* All of its bytes count: not every implementation draws the first of them. */
static uint32_t fold(const uint8_t nonce[TH_LINE_NONCE_BYTES])
{
    uint32_t folded = 0, word;

    for (size_t i = 0; i < TH_LINE_NONCE_BYTES; i += sizeof word) {
        memcpy(&word, nonce + i, sizeof word);
        folded ^= word;
    }
    return folded;
}

static uint32_t *ring_of(struct th_replay *replay)
{
    return replay->room > 0 ? replay->many : replay->few;
}

static unsigned room_of(const struct th_replay *replay)
{
    return replay->room > 0 ? replay->room : TH_REPLAY_FEW;
}

/* Called when the ring is full and its oldest is in front, so that the order survives. */
static void grow(struct th_replay *replay)
{
    unsigned room = 2 * room_of(replay);
    uint32_t *many = room > TH_REPLAY_REMEMBERED ? NULL : th_mem_zalloc(room, sizeof *many);

    if (many == NULL)
        return;
    memcpy(many, ring_of(replay), replay->count * sizeof *many);
    if (replay->room > 0)
        th_mem_free(replay->many);
    replay->many = many;
    replay->room = (uint8_t)room;
}

/* Little comes any more: the newer half is enough. */
static void shrink(struct th_replay *replay)
{
    struct th_replay less = {.room = replay->room > 2 * TH_REPLAY_FEW ? replay->room / 2 : 0};
    unsigned room = room_of(&less), filled = replay->count;

    if (less.room > 0 && (less.many = th_mem_zalloc(room, sizeof *less.many)) == NULL)
        return;
    less.count = (uint8_t)(filled < room ? filled : room);
    for (unsigned i = 1; i <= less.count; i++)
        ring_of(&less)[less.count - i] = replay->many[(replay->next + filled - i) % filled];
    less.next = less.count;
    less.turned_at = replay->turned_at;
    th_mem_free(replay->many);
    *replay = less;
}

/* The next place, in a ring that has room for what comes within TH_REPLAY_MS. */
static uint32_t *next_place(struct th_replay *replay, struct th_now now)
{
    uint32_t lasts = (uint32_t)now.mono - replay->turned_at;

    if (replay->room > 0 && lasts >= 2 * TH_REPLAY_MS)
        shrink(replay);
    if (replay->next == room_of(replay) && lasts < TH_REPLAY_MS)
        grow(replay);
    if (replay->next == room_of(replay))
        replay->next = 0;
    if (replay->next == 0)
        replay->turned_at = (uint32_t)now.mono;
    return &ring_of(replay)[replay->next++];
}

bool th_replay_note(struct th_replay *replay, struct th_bytes datagram, struct th_now now)
{
    TH_CHECK(datagram.len >= TH_LINE_MIN);
    uint32_t nonce = fold(datagram.at + NONCE_AT);
    const uint32_t *seen = ring_of(replay);

    for (unsigned i = 0; i < replay->count; i++)
        if (seen[i] == nonce)
            return false;

    *next_place(replay, now) = nonce;
    if (replay->count < replay->next)
        replay->count = replay->next;
    return true;
}

void th_replay_clear(struct th_replay *replay)
{
    if (replay->room > 0)
        th_mem_free(replay->many);
    *replay = (struct th_replay){0};
}

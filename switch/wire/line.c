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

/* Called when the ring is full and its oldest is in front, so that the order survives. It stays as it is
 * when it took long to fill. */
static void grow(struct th_replay *replay, struct th_now now)
{
    unsigned room = replay->room ? th_mem_room_after(replay->room) : TH_REPLAY_FEW;
    bool is_slow = replay->room > 0 && (uint32_t)now.mono - replay->turned_at >= TH_REPLAY_MS;

    if (replay->room == TH_REPLAY_REMEMBERED || is_slow)
        return;
    if (room > TH_REPLAY_REMEMBERED)
        room = TH_REPLAY_REMEMBERED;
    uint32_t *seen = th_mem_resize(replay->seen, room, sizeof *seen);
    if (seen == NULL)
        return;
    replay->seen = seen;
    replay->room = (uint8_t)room;
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

bool th_replay_note(struct th_replay *replay, struct th_bytes datagram, struct th_now now)
{
    TH_CHECK(datagram.len >= TH_LINE_MIN);
    uint32_t nonce = fold(datagram.at + NONCE_AT);

    for (unsigned i = 0; i < replay->count; i++)
        if (replay->seen[i] == nonce)
            return false;

    if (replay->next == replay->room)
        grow(replay, now);
    if (replay->next == replay->room)
        replay->next = 0;
    if (replay->room == 0)
        return true;
    if (replay->next == 0)
        replay->turned_at = (uint32_t)now.mono;
    replay->seen[replay->next++] = nonce;
    if (replay->count < replay->next)
        replay->count = replay->next;
    return true;
}

void th_replay_clear(struct th_replay *replay)
{
    th_mem_free(replay->seen);
    *replay = (struct th_replay){0};
}

/*
 * line.h - the outside of line packets, and the memory against replays.
 *
 * A line datagram: 00 00, the 16 bytes of id that its recipient chose, then what the cipher set
 * says. A nonce is 24 random bytes, so a packet that comes twice can only be told by remembering. Four
 * bytes of each do: that a new one is taken for one of 128 happens once in 33 million packets. A
 * line on which little passes, and most are such, remembers its last few: what a network delivers twice
 * comes soon after the first, and whoever resends on purpose can wait for any number.
 *
 * Floor:  1 (wire).
 * Thread: the owner's.
 */
#ifndef TH_WIRE_LINE_H
#define TH_WIRE_LINE_H

#include "switch/base/clock.h"
#include "switch/wire/cipher.h"

enum {
    TH_LINE_MIN = 60,           /* 2 + 16 + 24 + 16 + an empty packet of 2 */
    TH_REPLAY_REMEMBERED = 128, /* nonces kept for one line at most; 4 bytes each */
    TH_REPLAY_FEW = 8,          /* so many at first; more whenever they came … */
    TH_REPLAY_MS = 60000        /* … within so long */
};

/* The id at the front of a line datagram. Drops: LINE_SHORT. datagram begins with 00 00. */
TH_MUST enum th_drop th_line_read_id(struct th_line_id *out, struct th_bytes datagram);

/* The recent nonces of one direction of one line: a ring of them, folded. A zeroed one is empty; it has no
 * memory of its own until more than few come within TH_REPLAY_MS, nor when that is over. */
struct th_replay {
    union {
        uint32_t few[TH_REPLAY_FEW]; /* room is 0 */
        uint32_t *many;              /* room is 2 * TH_REPLAY_FEW to TH_REPLAY_REMEMBERED */
    };
    uint8_t room, count, next;
    uint32_t
        turned_at; /* when the first place was filled; wraps, for a ring does not last so long */
};

/*
 * Notes a line datagram that decrypted.
 *
 * Returns true when it is new; false when its nonce is remembered.
 * Without memory to grow it remembers fewer.
 */
TH_MUST bool th_replay_note(struct th_replay *replay, struct th_bytes datagram, struct th_now now);

void th_replay_clear(struct th_replay *replay);

#endif

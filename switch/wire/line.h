/*
 * line.h - the outside of line packets, and the memory against replays.
 *
 * A line datagram: 00 00, the 16 bytes of id that its recipient chose, then what the cipher set
 * says. A nonce is 24 random bytes, so a packet that comes twice can only be told by remembering. Four
 * bytes of each do: that a new one is taken for one of the 128 happens once in 33 million packets.
 *
 * Floor:  1 (wire).
 * Thread: the owner's.
 */
#ifndef TH_WIRE_LINE_H
#define TH_WIRE_LINE_H

#include "switch/wire/cipher.h"

enum {
    TH_LINE_MIN = 60,          /* 2 + 16 + 24 + 16 + an empty packet of 2 */
    TH_REPLAY_REMEMBERED = 128 /* nonces kept for one line; 4 bytes each */
};

/* The id at the front of a line datagram. Drops: LINE_SHORT. datagram begins with 00 00. */
TH_MUST enum th_drop th_line_read_id(struct th_line_id *out, struct th_bytes datagram);

/* The recent nonces of one direction of one line. A zeroed one is empty and holds no memory. */
struct th_replay {
    uint32_t *seen; /* a ring of nonces, folded; grows up to TH_REPLAY_REMEMBERED */
    uint8_t room, count, next;
};

/*
 * Notes a line datagram that decrypted.
 *
 * Returns true when it is new; false when its nonce is among the last TH_REPLAY_REMEMBERED.
 * Without memory to grow it remembers fewer.
 */
TH_MUST bool th_replay_note(struct th_replay *replay, struct th_bytes datagram);

void th_replay_clear(struct th_replay *replay);

#endif

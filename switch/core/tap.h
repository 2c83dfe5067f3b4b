/*
 * tap.h - what a board seals and unseals, in the clear, for whoever captures packets.
 *
 * A bounded ring beside the board: the board writes, the owner of the capture reads. While nobody
 * captures there is no ring, and a packet costs one load. A full ring loses what comes, counted; the
 * writer waits for no reader, for the lock is held while one packet is copied and nothing else.
 *
 *     th_tap_start(tap);
 *     while (th_tap_read(tap, &packet, bytes, &lost))      // now and then
 *         write(packet, bytes);
 *     th_tap_stop(tap);
 *
 * Floor:  2 (core).
 * Thread: any; one reader at a time. It outlives the board.
 * Limits: TH_TAP_ROOM.
 */
#ifndef TH_CORE_TAP_H
#define TH_CORE_TAP_H

#include "switch/base/clock.h"
#include "switch/base/err.h"
#include "switch/wire/chanpkt.h"
#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    TH_TAP_ROOM = 4 << 20,                /* bytes: some 3,000 packets of full size */
    TH_TAP_BYTES_MAX = TH_DATAGRAM_IN_MAX /* of one packet */
};

/* One packet. An open is told as what is sealed in it, written anew: head with at, to, from and line,
 * and the sender's public key as body. */
struct th_tapped {
    uint64_t at_us; /* since 1970 */
    struct th_hashname peer;
    struct th_line_id
        line; /* that its datagram bears, or an open's own: the receiver's for the line */
    struct th_addr addr; /* from or to; RELAY: by a relay */
    uint32_t c;          /* 0: an open, or what is no packet of a channel */
    bool is_in;
    bool is_open;
    bool is_ours;           /* the channel: we opened it */
    bool is_first;          /* it says the channel's type */
    bool is_last;           /* end or err */
    char type[TH_TYPE_MAX]; /* the channel's; "" unknown */
    uint32_t len;
};

struct th_tap {
    atomic_bool is_on;
    uint64_t (*wall_us)(void); /* NULL: the board's own time, in milliseconds */
    pthread_mutex_t lock;
    uint8_t *ring; /* NULL: nobody captures */
    size_t first, used;
    uint64_t lost; /* since something was stored last */
};

void th_tap_init(struct th_tap *tap, uint64_t (*wall_us)(void));
void th_tap_clear(struct th_tap *tap);

/* Begins; what was there before is gone. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_tap_start(struct th_tap *tap);

/* Ends, and wipes what waits. */
void th_tap_stop(struct th_tap *tap);

/* Whether packets are wanted. tap NULL: never. */
static inline bool th_tap_is_on(const struct th_tap *tap)
{
    return tap && atomic_load_explicit(&tap->is_on, memory_order_relaxed);
}

/* Stores one. now: of the board. packet: its at_us and len are set here. */
void th_tap_put(struct th_tap *tap, struct th_now now, struct th_tapped *packet,
                struct th_bytes plain);

/*
 * Takes the oldest.
 * bytes  filled with packet->len.
 * lost   filled with how many were lost before it, also when there is none.
 */
bool th_tap_read(struct th_tap *tap, struct th_tapped *packet, uint8_t bytes[TH_TAP_BYTES_MAX],
                 uint64_t *lost);

#endif

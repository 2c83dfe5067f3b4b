/*
 * open.h - the handshake packet: who I am, for whom, since when, and under which line id.
 *
 * protocol.md 3. Inside the seal: a packet with head {"at","to","from","line"} and the sender's raw
 * static key as body. Checked here: everything that one open alone can show. Whether its `at` is new
 * and what it does to a line is core/exchange's.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_OPEN_H
#define TH_WIRE_OPEN_H

#include "switch/base/clock.h"
#include "switch/wire/identity.h"

enum { TH_OPEN_MAX = 1024 }; /* ours is 316 bytes; eight parts make about 850 */

struct th_open {
    uint8_t csid;
    int64_t at; /* the sender's own measure: milliseconds, or seconds (the C switch of 2014) */
    struct th_hashname from;
    struct th_parts parts;
    struct th_public_key key;      /* static, of csid */
    struct th_public_key line_key; /* for this line only */
    struct th_line_id line; /* what its line packets to come must begin with: ours to write */
};

/*
 * Seals our open to one hashname. cipher: one that self has.
 *
 * out   filled, at most cap bytes (TH_OPEN_MAX is enough).
 * Errors: TH_TOO_BIG; TH_INVALID (the receiver's key is of low order).
 */
TH_MUST enum th_err th_open_write(uint8_t *out, size_t cap, size_t *len,
                                  const struct th_cipher *cipher, const struct th_identity *self,
                                  const struct th_keypair *line_keys, const struct th_line_id *line,
                                  int64_t at, const struct th_hashname *to,
                                  const struct th_public_key *to_key);

/* Writes what stands inside the seal: somebody's parts and static key, under which line id, since when,
 * for whom. Errors: TH_TOO_BIG. */
TH_MUST enum th_err th_open_write_inner(uint8_t *out, size_t cap, size_t *len,
                                        const struct th_parts *from,
                                        const struct th_public_key *key,
                                        const struct th_line_id *line, int64_t at,
                                        const struct th_hashname *to);

/*
 * Opens and checks a datagram that begins as an open does (a binary head).
 *
 * Returns TH_DROP_NONE with out filled, else an OPEN_… or PACKET_… reason with out untouched.
 */
TH_MUST enum th_drop th_open_read(struct th_open *out, const struct th_identity *self,
                                  struct th_bytes datagram);

#endif

/*
 * cipher.h - what a cipher set is, and the table of ours. Today it has one row: CS3a (cs3a.c).
 *
 * A cipher set knows how to seal and unseal opens and line packets; what is inside is open.h's and
 * line.h's. It draws no randomness: keys come from seeds, nonces are arguments.
 *
 * telehash.org v2/cipher_sets.md: the id of a set, its csid, is one byte and its rank; two nodes talk
 * in the highest that both have. 00 is none; 01 to 0a are left to applications. Such a set needs no
 * row: a node has the sets of its identity (identity.h), and nobody asks the table what it has.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_CIPHER_H
#define TH_WIRE_CIPHER_H

#include "switch/base/bytes.h"
#include "switch/base/err.h"
#include "switch/wire/drop.h"

enum { TH_CS3A = 0x3a, TH_KEY_BYTES = 32, TH_LINE_ID_BYTES = 16, TH_LINE_NONCE_BYTES = 24 };

struct th_public_key {
    uint8_t b[TH_KEY_BYTES];
};

/* Wipe with th_keypair_clear. Never formatted, never logged. */
struct th_keypair {
    struct th_public_key pub;
    uint8_t secret[TH_KEY_BYTES];
};

struct th_line_id {
    uint8_t b[TH_LINE_ID_BYTES];
};

/* Wipe with th_line_keys_clear. */
struct th_line_keys {
    uint8_t send[TH_KEY_BYTES];
    uint8_t receive[TH_KEY_BYTES];
};

struct th_cipher {
    uint8_t csid;         /* never 0 */
    const char *name;     /* "3a" */
    size_t open_overhead; /* bytes an open is longer than its inside */
    size_t line_overhead; /* bytes a line datagram is longer than its inside */
    uint8_t seed_bytes;   /* of a line's key pair, the rest is 0; and … */
    uint8_t key_bytes;    /* … of each of a line's keys: what is to be kept of them */

    void (*keypair)(struct th_keypair *out, const uint8_t seed[TH_KEY_BYTES]);

    /* Seals `inner` into an open datagram. Errors: TH_TOO_BIG; TH_INVALID (a key that no honest
     * node has: low order). */
    enum th_err (*open_seal)(uint8_t *out, size_t cap, size_t *len, const struct th_public_key *to,
                             const struct th_keypair *own, const struct th_keypair *line,
                             struct th_bytes inner);

    /* Decrypts an open. inner: filled, at least datagram.len bytes of room. line: filled with the
     * sender's line key. Says nothing of the sender until open_verify. Drops: OPEN_SHORT, OPEN_CRYPT. */
    enum th_drop (*open_unseal)(uint8_t *inner, size_t *inner_len, struct th_public_key *line,
                                const struct th_keypair *own, struct th_bytes datagram);

    /* Checks an open's authenticator with the sender's static key. Drops: OPEN_MAC. */
    enum th_drop (*open_verify)(const struct th_keypair *own, const struct th_public_key *from,
                                struct th_bytes datagram);

    /* Makes a line's keys. Errors: TH_INVALID (a peer's key of low order). */
    enum th_err (*line_keys)(struct th_line_keys *out, const struct th_keypair *line,
                             const struct th_public_key *peer_line, const struct th_line_id *own_id,
                             const struct th_line_id *peer_id);

    /* Seals a channel packet into a line datagram for the peer whose id is `to`.
     * key: `send`, of key_bytes. Errors: TH_TOO_BIG. */
    enum th_err (*line_seal)(uint8_t *out, size_t cap, size_t *len, const uint8_t *key,
                             const struct th_line_id *to, const uint8_t nonce[TH_LINE_NONCE_BYTES],
                             struct th_bytes plain);

    /* Decrypts a line datagram. plain: filled, at least datagram.len bytes of room.
     * key: `receive`, of key_bytes.
     * Drops: LINE_SHORT, LINE_CRYPT. */
    enum th_drop (*line_unseal)(uint8_t *plain, size_t *plain_len, const uint8_t *key,
                                struct th_bytes datagram);
};

/* The row of a csid, for who reads keys from a text; NULL when there is none. */
const struct th_cipher *th_cipher_find(uint8_t csid);

void th_keypair_clear(struct th_keypair *keypair);
void th_line_keys_clear(struct th_line_keys *keys);

#endif

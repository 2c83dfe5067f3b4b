#include "switch/wire/cs3a.h"

#include <sodium.h>
#include <string.h>

enum {
    OPEN_HEAD = 3,
    MAC_BYTES = crypto_onetimeauth_BYTES,
    TAG_BYTES = crypto_secretbox_MACBYTES,
    OPEN_LINE_KEY = OPEN_HEAD + MAC_BYTES, /* where it begins; so do the next three */
    OPEN_BOX = OPEN_LINE_KEY + TH_KEY_BYTES,
    LINE_NONCE = 2 + TH_LINE_ID_BYTES,
    LINE_BOX = LINE_NONCE + TH_LINE_NONCE_BYTES,
    OPEN_OVERHEAD = OPEN_BOX + TAG_BYTES,
    LINE_OVERHEAD = LINE_BOX + TAG_BYTES,
    EMPTY_PACKET = 2
};

_Static_assert(TH_KEY_BYTES == crypto_box_SECRETKEYBYTES && TH_KEY_BYTES == crypto_box_SEEDBYTES &&
                   TH_KEY_BYTES == crypto_box_PUBLICKEYBYTES &&
                   TH_KEY_BYTES == crypto_box_BEFORENMBYTES &&
                   TH_KEY_BYTES == crypto_secretbox_KEYBYTES &&
                   TH_KEY_BYTES == crypto_onetimeauth_KEYBYTES &&
                   TH_KEY_BYTES == crypto_hash_sha256_BYTES &&
                   TH_LINE_NONCE_BYTES == crypto_secretbox_NONCEBYTES,
               "CS3a's keys are all of one size");

/* The specification's example has 24 zeros; both implementations end in 01, so this is the wire. */
static const uint8_t open_nonce[crypto_secretbox_NONCEBYTES] = {[23] = 1};

static const uint8_t open_head[OPEN_HEAD] = {0, 1, TH_CS3A};

static void keypair(struct th_keypair *out, const uint8_t seed[TH_KEY_BYTES])
{
    crypto_box_seed_keypair(out->pub.b, out->secret, seed);
}

/* False for a public key of low order: what follows from it is known to everybody. */
static bool share(uint8_t out[TH_KEY_BYTES], const struct th_public_key *peer,
                  const struct th_keypair *own)
{
    return crypto_box_beforenm(out, peer->b, own->secret) == 0;
}

static enum th_err open_seal(uint8_t *out, size_t cap, size_t *len, const struct th_public_key *to,
                             const struct th_keypair *own, const struct th_keypair *line,
                             struct th_bytes inner)
{
    enum th_err e = TH_INVALID;
    uint8_t box_key[TH_KEY_BYTES], mac_key[TH_KEY_BYTES];

    if (cap < OPEN_OVERHEAD || inner.len > cap - OPEN_OVERHEAD)
        return TH_TOO_BIG;
    if (!share(box_key, to, line) || !share(mac_key, to, own))
        goto out;

    memcpy(out, open_head, sizeof open_head);
    memcpy(out + OPEN_LINE_KEY, line->pub.b, sizeof line->pub.b);
    crypto_secretbox_easy(out + OPEN_BOX, inner.at, inner.len, open_nonce, box_key);
    crypto_onetimeauth(out + OPEN_HEAD, out + OPEN_LINE_KEY,
                       OPEN_OVERHEAD - OPEN_LINE_KEY + inner.len, mac_key);
    *len = OPEN_OVERHEAD + inner.len;
    e = TH_OK;

out:
    sodium_memzero(box_key, sizeof box_key);
    sodium_memzero(mac_key, sizeof mac_key);
    return e;
}

static enum th_drop open_unseal(uint8_t *inner, size_t *inner_len, struct th_public_key *line,
                                const struct th_keypair *own, struct th_bytes datagram)
{
    enum th_drop why = TH_DROP_OPEN_CRYPT;
    struct th_public_key sender;
    uint8_t box_key[TH_KEY_BYTES];

    if (datagram.len < OPEN_OVERHEAD)
        return TH_DROP_OPEN_SHORT;

    memcpy(sender.b, datagram.at + OPEN_LINE_KEY, sizeof sender.b);
    if (share(box_key, &sender, own) &&
        crypto_secretbox_open_easy(inner, datagram.at + OPEN_BOX, datagram.len - OPEN_BOX,
                                   open_nonce, box_key) == 0) {
        *inner_len = datagram.len - OPEN_OVERHEAD;
        *line = sender;
        why = TH_DROP_NONE;
    }
    sodium_memzero(box_key, sizeof box_key);
    return why;
}

static enum th_drop open_verify(const struct th_keypair *own, const struct th_public_key *from,
                                struct th_bytes datagram)
{
    uint8_t mac_key[TH_KEY_BYTES];

    bool is_authentic =
        datagram.len >= OPEN_OVERHEAD && share(mac_key, from, own) &&
        crypto_onetimeauth_verify(datagram.at + OPEN_HEAD, datagram.at + OPEN_LINE_KEY,
                                  datagram.len - OPEN_LINE_KEY, mac_key) == 0;
    sodium_memzero(mac_key, sizeof mac_key);
    return is_authentic ? TH_DROP_NONE : TH_DROP_OPEN_MAC;
}

static void one_way(uint8_t out[TH_KEY_BYTES], const uint8_t secret[TH_KEY_BYTES],
                    const struct th_line_id *sender, const struct th_line_id *receiver)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, secret, TH_KEY_BYTES);
    crypto_hash_sha256_update(&state, sender->b, sizeof sender->b);
    crypto_hash_sha256_update(&state, receiver->b, sizeof receiver->b);
    crypto_hash_sha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

static enum th_err line_keys(struct th_line_keys *out, const struct th_keypair *line,
                             const struct th_public_key *peer_line, const struct th_line_id *own_id,
                             const struct th_line_id *peer_id)
{
    enum th_err e = TH_INVALID;
    uint8_t secret[TH_KEY_BYTES];

    if (share(secret, peer_line, line)) {
        one_way(out->send, secret, own_id, peer_id);
        one_way(out->receive, secret, peer_id, own_id);
        e = TH_OK;
    }
    sodium_memzero(secret, sizeof secret);
    return e;
}

static enum th_err line_seal(uint8_t *out, size_t cap, size_t *len, const uint8_t *key,
                             const struct th_line_id *to, const uint8_t nonce[TH_LINE_NONCE_BYTES],
                             struct th_bytes plain)
{
    if (cap < LINE_OVERHEAD || plain.len > cap - LINE_OVERHEAD)
        return TH_TOO_BIG;

    out[0] = 0;
    out[1] = 0;
    memcpy(out + 2, to->b, sizeof to->b);
    memcpy(out + LINE_NONCE, nonce, TH_LINE_NONCE_BYTES);
    crypto_secretbox_easy(out + LINE_BOX, plain.at, plain.len, nonce, key);
    *len = LINE_OVERHEAD + plain.len;
    return TH_OK;
}

static enum th_drop line_unseal(uint8_t *plain, size_t *plain_len, const uint8_t *key,
                                struct th_bytes datagram)
{
    if (datagram.len < LINE_OVERHEAD + EMPTY_PACKET)
        return TH_DROP_LINE_SHORT;
    if (crypto_secretbox_open_easy(plain, datagram.at + LINE_BOX, datagram.len - LINE_BOX,
                                   datagram.at + LINE_NONCE, key) != 0)
        return TH_DROP_LINE_CRYPT;
    *plain_len = datagram.len - LINE_OVERHEAD;
    return TH_DROP_NONE;
}

const struct th_cipher th_cs3a = {
    .csid = TH_CS3A,
    .name = "3a",
    .open_overhead = OPEN_OVERHEAD,
    .line_overhead = LINE_OVERHEAD,
    .seed_bytes = TH_KEY_BYTES,
    .key_bytes = TH_KEY_BYTES,
    .keypair = keypair,
    .open_seal = open_seal,
    .open_unseal = open_unseal,
    .open_verify = open_verify,
    .line_keys = line_keys,
    .line_seal = line_seal,
    .line_unseal = line_unseal,
};

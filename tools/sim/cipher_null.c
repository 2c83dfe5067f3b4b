#include "tools/sim/cipher_null.h"

#include <sodium.h>
#include <string.h>

enum {
    TAG_BYTES = crypto_shorthash_siphashx24_BYTES,
    MIX_BYTES = crypto_shorthash_siphashx24_KEYBYTES, /* what a key is folded to */
    OPEN_HEAD = 3,
    OPEN_LINE_KEY = OPEN_HEAD + TAG_BYTES, /* where it begins; so do the next ones */
    OPEN_TAG = OPEN_LINE_KEY + TH_KEY_BYTES,
    OPEN_INNER = OPEN_TAG + TAG_BYTES,
    LINE_NONCE = 2 + TH_LINE_ID_BYTES,
    LINE_TAG = LINE_NONCE + TH_LINE_NONCE_BYTES,
    LINE_PLAIN = LINE_TAG + TAG_BYTES,
    EMPTY_PACKET = 2,
    SEED_BYTES = 8, /* as many lines have no two seeds alike as there will be */
    KEY_BYTES = 8   /* of a line's key; the rest is of the receiver's id, which a packet bears */
};

_Static_assert(2 * (int)TAG_BYTES == TH_KEY_BYTES && 2 * (int)MIX_BYTES == TH_KEY_BYTES &&
                   (int)MIX_BYTES == TH_LINE_ID_BYTES,
               "two hashes make a key, and a line id mixes with half of one");

static const uint8_t open_head[OPEN_HEAD] = {0, 1, TH_CS_NULL};

static void hash(uint8_t out[TAG_BYTES], const uint8_t *at, size_t len,
                 const uint8_t key[MIX_BYTES])
{
    crypto_shorthash_siphashx24(out, at, len, key);
}

static void keypair(struct th_keypair *out, const uint8_t seed[TH_KEY_BYTES])
{
    static const uint8_t first[MIX_BYTES] = {1}, second[MIX_BYTES] = {2};

    memcpy(out->secret, seed, sizeof out->secret);
    hash(out->pub.b, seed, TH_KEY_BYTES, first);
    hash(out->pub.b + TAG_BYTES, seed, TH_KEY_BYTES, second);
}

/* What two keys have in common: the same whichever of them is ours. */
static void share(uint8_t out[MIX_BYTES], const struct th_public_key *peer,
                  const struct th_keypair *own)
{
    for (size_t i = 0; i < MIX_BYTES; i++)
        out[i] = peer->b[i] ^ peer->b[MIX_BYTES + i] ^ own->pub.b[i] ^ own->pub.b[MIX_BYTES + i];
}

static enum th_err open_seal(uint8_t *out, size_t cap, size_t *len, const struct th_public_key *to,
                             const struct th_keypair *own, const struct th_keypair *line,
                             struct th_bytes inner)
{
    uint8_t tag_key[MIX_BYTES], mac_key[MIX_BYTES];

    if (cap < OPEN_INNER || inner.len > cap - OPEN_INNER)
        return TH_TOO_BIG;
    share(tag_key, to, line);
    share(mac_key, to, own);

    memcpy(out, open_head, sizeof open_head);
    memcpy(out + OPEN_LINE_KEY, line->pub.b, sizeof line->pub.b);
    memcpy(out + OPEN_INNER, inner.at, inner.len);
    hash(out + OPEN_TAG, out + OPEN_INNER, inner.len, tag_key);
    hash(out + OPEN_HEAD, out + OPEN_LINE_KEY, OPEN_INNER - OPEN_LINE_KEY + inner.len, mac_key);
    *len = OPEN_INNER + inner.len;
    return TH_OK;
}

static bool is_hash(const uint8_t *tag, const uint8_t *at, size_t len, const uint8_t key[MIX_BYTES])
{
    uint8_t expected[TAG_BYTES];

    hash(expected, at, len, key);
    return memcmp(expected, tag, sizeof expected) == 0;
}

static enum th_drop open_unseal(uint8_t *inner, size_t *inner_len, struct th_public_key *line,
                                const struct th_keypair *own, struct th_bytes datagram)
{
    struct th_public_key sender;
    uint8_t tag_key[MIX_BYTES];

    if (datagram.len < OPEN_INNER)
        return TH_DROP_OPEN_SHORT;
    struct th_bytes inside = {datagram.at + OPEN_INNER, datagram.len - OPEN_INNER};
    memcpy(sender.b, datagram.at + OPEN_LINE_KEY, sizeof sender.b);
    share(tag_key, &sender, own);
    if (!is_hash(datagram.at + OPEN_TAG, inside.at, inside.len, tag_key))
        return TH_DROP_OPEN_CRYPT;
    memcpy(inner, inside.at, inside.len);
    *inner_len = inside.len;
    *line = sender;
    return TH_DROP_NONE;
}

static enum th_drop open_verify(const struct th_keypair *own, const struct th_public_key *from,
                                struct th_bytes datagram)
{
    uint8_t mac_key[MIX_BYTES];

    share(mac_key, from, own);
    return datagram.len >= OPEN_INNER &&
                   is_hash(datagram.at + OPEN_HEAD, datagram.at + OPEN_LINE_KEY,
                           datagram.len - OPEN_LINE_KEY, mac_key)
               ? TH_DROP_NONE
               : TH_DROP_OPEN_MAC;
}

static void one_way(uint8_t out[TH_KEY_BYTES], const uint8_t secret[MIX_BYTES],
                    const struct th_line_id *sender, const struct th_line_id *receiver)
{
    uint8_t mixed[TAG_BYTES];

    hash(mixed, sender->b, sizeof sender->b, secret);
    memset(out, 0, TH_KEY_BYTES);
    for (size_t i = 0; i < KEY_BYTES; i++)
        out[i] = mixed[i] ^ receiver->b[i];
}

static enum th_err line_keys(struct th_line_keys *out, const struct th_keypair *line,
                             const struct th_public_key *peer_line, const struct th_line_id *own_id,
                             const struct th_line_id *peer_id)
{
    uint8_t secret[MIX_BYTES];

    share(secret, peer_line, line);
    one_way(out->send, secret, own_id, peer_id);
    one_way(out->receive, secret, peer_id, own_id);
    return TH_OK;
}

/* The tag of a line packet: of its inside under the key and the receiver's id, then of that and the nonce. */
static void tag_line(uint8_t out[TAG_BYTES], const uint8_t key[KEY_BYTES],
                     const uint8_t to[TH_LINE_ID_BYTES], const uint8_t nonce[TH_LINE_NONCE_BYTES],
                     struct th_bytes plain)
{
    uint8_t mixed[MIX_BYTES], inner_key[MIX_BYTES];

    memcpy(mixed, key, KEY_BYTES);
    memcpy(mixed + KEY_BYTES, to + KEY_BYTES, MIX_BYTES - KEY_BYTES);
    hash(inner_key, nonce, TH_LINE_NONCE_BYTES, mixed);
    hash(out, plain.at, plain.len, inner_key);
}

static enum th_err line_seal(uint8_t *out, size_t cap, size_t *len, const uint8_t *key,
                             const struct th_line_id *to, const uint8_t nonce[TH_LINE_NONCE_BYTES],
                             struct th_bytes plain)
{
    if (cap < LINE_PLAIN || plain.len > cap - LINE_PLAIN)
        return TH_TOO_BIG;

    out[0] = 0;
    out[1] = 0;
    memcpy(out + 2, to->b, sizeof to->b);
    memcpy(out + LINE_NONCE, nonce, TH_LINE_NONCE_BYTES);
    tag_line(out + LINE_TAG, key, to->b, nonce, plain);
    memcpy(out + LINE_PLAIN, plain.at, plain.len);
    *len = LINE_PLAIN + plain.len;
    return TH_OK;
}

static enum th_drop line_unseal(uint8_t *plain, size_t *plain_len, const uint8_t *key,
                                struct th_bytes datagram)
{
    uint8_t tag[TAG_BYTES];

    if (datagram.len < LINE_PLAIN + EMPTY_PACKET)
        return TH_DROP_LINE_SHORT;
    struct th_bytes inside = {datagram.at + LINE_PLAIN, datagram.len - LINE_PLAIN};
    tag_line(tag, key, datagram.at + 2, datagram.at + LINE_NONCE, inside);
    if (memcmp(tag, datagram.at + LINE_TAG, sizeof tag) != 0)
        return TH_DROP_LINE_CRYPT;
    memcpy(plain, inside.at, inside.len);
    *plain_len = inside.len;
    return TH_DROP_NONE;
}

const struct th_cipher th_cipher_null = {
    .csid = TH_CS_NULL,
    .name = "0a",
    .open_overhead = OPEN_INNER,
    .line_overhead = LINE_PLAIN,
    .seed_bytes = SEED_BYTES,
    .key_bytes = KEY_BYTES,
    .keypair = keypair,
    .open_seal = open_seal,
    .open_unseal = open_unseal,
    .open_verify = open_verify,
    .line_keys = line_keys,
    .line_seal = line_seal,
    .line_unseal = line_unseal,
};

#include "switch/wire/hashname.h"

#include <sodium.h>
#include <string.h>

enum { BITS = 8 * TH_HASHNAME_BYTES };

void th_fingerprint_of(struct th_fingerprint *out, const uint8_t *key, size_t key_len)
{
    crypto_hash_sha256(out->b, key, key_len);
}

bool th_parts_add(struct th_parts *parts, uint8_t csid, const struct th_fingerprint *fp)
{
    if (parts->count == TH_PARTS_MAX || th_parts_find(parts, csid))
        return false;

    unsigned place = parts->count;
    for (; place > 0 && parts->part[place - 1].csid > csid; place--)
        parts->part[place] = parts->part[place - 1];
    parts->part[place] = (struct th_part){.csid = csid, .fingerprint = *fp};
    parts->count++;
    return true;
}

const struct th_part *th_parts_find(const struct th_parts *parts, uint8_t csid)
{
    for (unsigned i = 0; i < parts->count; i++)
        if (parts->part[i].csid == csid)
            return &parts->part[i];
    return NULL;
}

bool th_parts_have_key(const struct th_parts *parts, uint8_t csid, struct th_bytes key)
{
    const struct th_part *part = th_parts_find(parts, csid);
    struct th_fingerprint fp;

    th_fingerprint_of(&fp, key.at, key.len);
    return part && memcmp(&part->fingerprint, &fp, sizeof fp) == 0;
}

/* roll = SHA256(roll | text), where the first roll is empty. */
static void roll_up(uint8_t roll[TH_HASHNAME_BYTES], size_t roll_len, const char *text)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, roll, roll_len);
    crypto_hash_sha256_update(&state, (const uint8_t *)text, strlen(text));
    crypto_hash_sha256_final(&state, roll);
}

/* The first roll follows from the cipher set alone, and nearly all hashnames have the same: a quarter of
 * the work is spared. */
static void begin_roll(uint8_t roll[TH_HASHNAME_BYTES], uint8_t csid, const char *text)
{
    static _Thread_local struct {
        bool is_set;
        uint8_t csid;
        uint8_t roll[TH_HASHNAME_BYTES];
    } last;

    if (!last.is_set || last.csid != csid)
        roll_up(last.roll, 0, text);
    last.is_set = true;
    last.csid = csid;
    memcpy(roll, last.roll, sizeof last.roll);
}

void th_hashname_of(struct th_hashname *out, const struct th_parts *parts)
{
    struct th_hashname roll = {{0}};

    TH_CHECK(parts->count > 0 && parts->count <= TH_PARTS_MAX);
    for (unsigned i = 0; i < parts->count; i++) {
        const struct th_part *part = &parts->part[i];
        char csid[3], fingerprint[2 * sizeof part->fingerprint.b + 1];

        th_hex_write(csid, &part->csid, 1);
        th_hex_write(fingerprint, part->fingerprint.b, sizeof part->fingerprint.b);
        if (i == 0)
            begin_roll(roll.b, part->csid, csid);
        else
            roll_up(roll.b, sizeof roll.b, csid);
        roll_up(roll.b, sizeof roll.b, fingerprint);
    }
    *out = roll;
}

bool th_hashname_read(struct th_hashname *out, const char *hex, size_t hex_len)
{
    return th_hex_read(out->b, sizeof out->b, hex, hex_len);
}

void th_hashname_write(char hex[TH_HASHNAME_HEX + 1], const struct th_hashname *h)
{
    th_hex_write(hex, h->b, sizeof h->b);
}

struct th_hashname_short th_hashname_short(const struct th_hashname *h)
{
    struct th_hashname_short text;

    th_hex_write(text.hex, h->b, TH_HASHNAME_SHORT_HEX / 2);
    return text;
}

bool th_hashname_is_equal(const struct th_hashname *a, const struct th_hashname *b)
{
    return th_hashname_compare(a, b) == 0;
}

int th_hashname_compare(const struct th_hashname *a, const struct th_hashname *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

int th_hashname_bucket(const struct th_hashname *a, const struct th_hashname *b)
{
    for (int i = 0; i < TH_HASHNAME_BYTES; i++) {
        unsigned differing = a->b[i] ^ b->b[i];
        int bucket = BITS - 1 - 8 * i;

        if (differing == 0)
            continue;
        for (unsigned bit = 0x80; !(differing & bit); bit >>= 1)
            bucket--;
        return bucket;
    }
    return -1;
}

int th_hashname_nearer(const struct th_hashname *target, const struct th_hashname *a,
                       const struct th_hashname *b)
{
    for (size_t i = 0; i < sizeof target->b; i++)
        if (a->b[i] != b->b[i])
            return (a->b[i] ^ target->b[i]) - (b->b[i] ^ target->b[i]);
    return 0;
}

bool th_prefix_read(struct th_prefix *out, const char *hex, size_t hex_len)
{
    char padded[TH_HASHNAME_HEX];
    struct th_prefix prefix = {.digits = (unsigned)hex_len};

    if (hex_len < 1 || hex_len > sizeof padded)
        return false;
    memset(padded, '0', sizeof padded);
    memcpy(padded, hex, hex_len);
    if (!th_hashname_read(&prefix.padded, padded, sizeof padded))
        return false;
    *out = prefix;
    return true;
}

bool th_hashname_has_prefix(const struct th_hashname *h, const struct th_prefix *prefix)
{
    unsigned whole = prefix->digits / 2;

    if (memcmp(h->b, prefix->padded.b, whole) != 0)
        return false;
    return prefix->digits % 2 == 0 || h->b[whole] >> 4 == prefix->padded.b[whole] >> 4;
}

unsigned th_seek_digits(const struct th_hashname *asked, const struct th_hashname *target)
{
    unsigned matching = 0;

    while (matching < TH_HASHNAME_BYTES && asked->b[matching] == target->b[matching])
        matching++;
    return matching < TH_HASHNAME_BYTES ? 2 * (matching + 1) : TH_HASHNAME_HEX;
}

/*
 * hashname.h - a node's address: the hash of its public keys, and distances between such.
 *
 * telehash.org v2/hashnames.md. The hashname is of all parts, also of cipher sets we do not have.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_HASHNAME_H
#define TH_WIRE_HASHNAME_H

#include "switch/base/bytes.h"

enum {
    TH_HASHNAME_BYTES = 32,
    TH_HASHNAME_HEX = 64,
    TH_HASHNAME_SHORT_HEX = 16, /* in text logs */
    TH_BUCKETS = 256,
    TH_PARTS_MAX = 8 /* cipher sets of one node; the specification names four */
};

struct th_hashname {
    uint8_t b[TH_HASHNAME_BYTES];
};

struct th_fingerprint {
    uint8_t b[32]; /* SHA-256 of a raw public key */
};

struct th_part {
    uint8_t csid;
    struct th_fingerprint fingerprint;
};

/* csids ascending, each once */
struct th_parts {
    unsigned count; /* 0..TH_PARTS_MAX */
    struct th_part part[TH_PARTS_MAX];
};

void th_fingerprint_of(struct th_fingerprint *out, const uint8_t *key, size_t key_len);

/*
 * Adds a part, keeping the order.
 * Returns false when the csid is there already or TH_PARTS_MAX is reached.
 */
TH_MUST bool th_parts_add(struct th_parts *parts, uint8_t csid, const struct th_fingerprint *fp);

/* The part of a csid; NULL when there is none. */
const struct th_part *th_parts_find(const struct th_parts *parts, uint8_t csid);

/* True when there is a part of this csid and it is the fingerprint of this public key. */
bool th_parts_have_key(const struct th_parts *parts, uint8_t csid, struct th_bytes key);

/* Rolls parts up to the hashname. parts holds at least one. */
void th_hashname_of(struct th_hashname *out, const struct th_parts *parts);

/* Reads 64 hex digits of either case; false (out untouched) for anything else. */
TH_MUST bool th_hashname_read(struct th_hashname *out, const char *hex, size_t hex_len);

/* Writes 64 lower-case digits and a 0. */
void th_hashname_write(char hex[TH_HASHNAME_HEX + 1], const struct th_hashname *h);

/* Its first 16 digits, for a log line: `th_hashname_short(&id).hex`. */
struct th_hashname_short {
    char hex[TH_HASHNAME_SHORT_HEX + 1];
};
struct th_hashname_short th_hashname_short(const struct th_hashname *h);

bool th_hashname_is_equal(const struct th_hashname *a, const struct th_hashname *b);

/* memcmp order, which is also the order of the hex forms. */
int th_hashname_compare(const struct th_hashname *a, const struct th_hashname *b);

/*
 * The bucket of b as seen from a: the index of the highest bit in which they differ, 255 when the
 * first bit does, 0 when only the last does; -1 when they are equal.
 */
int th_hashname_bucket(const struct th_hashname *a, const struct th_hashname *b);

/* Below 0 when a is nearer to target (by XOR) than b, above 0 when farther, 0 when equal. */
int th_hashname_nearer(const struct th_hashname *target, const struct th_hashname *a,
                       const struct th_hashname *b);

/* The first 1..64 hex digits of a hashname, as a seek carries them. */
struct th_prefix {
    struct th_hashname padded; /* the rest is 0 */
    unsigned digits;
};

/* Reads 1..64 hex digits of either case, odd numbers too; false (out untouched) otherwise. */
TH_MUST bool th_prefix_read(struct th_prefix *out, const char *hex, size_t hex_len);

bool th_hashname_has_prefix(const struct th_hashname *h, const struct th_prefix *prefix);

/*
 * How many hex digits of `target` a seek to `asked` carries: the whole matching bytes plus one byte
 * (protocol.md 6), so 2..64.
 */
unsigned th_seek_digits(const struct th_hashname *asked, const struct th_hashname *target);

#endif

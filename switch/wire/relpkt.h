/*
 * relpkt.h - packets of reliable channels: what numbers them, what acknowledges them.
 *
 * telehash.org v2/reliable.md: content has a "seq" from 0 on, "ack" is the highest number processed in
 * order, "miss" lists the holes after it, as numbers. Keys of ours go along, which others ignore and
 * whose presence says that the sender understands them:
 *
 *     "max"  numbers below it may be sent (credit); never sinks
 *     "got"  what arrived beyond the first hole, as runs: each number is the distance from the one
 *            before, [first, last, first, last …], the first one from the number after "ack"
 *     "more" 1: its number is the last that credit allows, and there is more (RFC 9000, 4.1)
 *     "parts" 1: its content may be as large as the path carries, and come in parts: a number that was
 *            sent when more passed than does now has "of", the bytes of its whole content, and "at",
 *            where the body stands in it. Parts come in order; the number is there with the last one
 *
 * With "max" an "ack" says only that all up to it arrived; credit says how fast the reader is.
 * Thousands of these pass in a second, so heads of the usual form are read and written by hand.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_RELPKT_H
#define TH_WIRE_RELPKT_H

#include "switch/wire/chanpkt.h"

enum {
    TH_MISS_MAX = 100, /* the specification's */
    TH_GOT_MAX = 28,   /* runs: some 300 bytes of head at the most */
    /* Of a head that th_relpkt_write makes without type, err, miss and got: what content has to leave
     * room for. {"c":4294967295,"seq":4294967295,"ack":4294967295,"max":4294967295,"end":true} */
    TH_REL_HEAD_MAX = 78,
    TH_REL_PARTS_LEN = 10, /* ,"parts":1 */
    TH_REL_MORE_LEN = 9,   /* ,"more":1 */
    TH_REL_PART_LEN = 20   /* ,"at":1413,"of":1414 */
};

/* Numbers first..last, both included. */
struct th_run {
    uint32_t first, last;
};

/* Read: `miss` ascends beyond ack, `got` ascends with holes between. */
struct th_relpkt {
    uint32_t c;
    bool has_seq, has_ack, has_max, end, takes_parts, has_more;
    uint32_t seq, ack, max;
    uint32_t at, of;              /* of: 0: the body is the whole content */
    char type[TH_TYPE_MAX];       /* "" when there is none */
    char err[TH_CHANNEL_ERR_MAX]; /* "" when there is none; cut to fit */
    unsigned miss_count, got_count;
    uint32_t miss[TH_MISS_MAX];
    struct th_run got[TH_GOT_MAX];
    struct th_bytes body; /* borrowed from what it was read from */
};

/*
 * Reads a decrypted channel packet.
 *
 * A `miss` or `got` that is none is taken as empty; entries that cannot be are left out, as are those
 * over the limits. Drops: those of th_chanpkt_read, and CHANNEL_HEAD for a max that is no number of 32 bits, or
 * a part that is beyond its whole. out is untouched then. An `at` or `of` that is none, or alone, is ignored
 * with the other.
 */
TH_MUST enum th_drop th_relpkt_read(struct th_relpkt *out, struct th_bytes plain);

/* The same for a head of the usual form, by hand; false, with out undefined, for any other one. */
TH_MUST bool th_relpkt_read_usual(struct th_relpkt *out, struct th_bytes plain);

/* The same for any head, by the JSON library. A test compares the two. */
TH_MUST enum th_drop th_relpkt_read_any(struct th_relpkt *out, struct th_bytes plain);

/* Writes one: c, and of the rest what is set. type and err must be UTF-8.
 * Errors: TH_TOO_BIG (over cap). */
TH_MUST enum th_err th_relpkt_write(uint8_t *out, size_t cap, size_t *len,
                                    const struct th_relpkt *packet);

#endif

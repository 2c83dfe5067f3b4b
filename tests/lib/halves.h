/*
 * halves.h - opens by hand: what a peer sends after a restart, or somebody in its name.
 */
#ifndef TH_TESTS_HALVES_H
#define TH_TESTS_HALVES_H

#include "tests/lib/boards.h"

/* What somebody makes who saw one handshake of `as`, or `as` itself after a restart: an open of
 * that identity with other line keys. */
struct other_half {
    struct th_keypair keys;
    struct th_line_id id;
    uint8_t bytes[TH_OPEN_MAX];
    size_t len;
};

static inline void make_half(struct other_half *half, const struct wire *w, int as, int to,
                             int64_t at, uint8_t n)
{
    uint8_t seed[TH_KEY_BYTES];

    memset(seed, n, sizeof seed);
    memset(&half->id, n, sizeof half->id);
    th_cipher_find(TH_CS3A)->keypair(&half->keys, seed);
    assert_int_equal(th_open_write(half->bytes, sizeof half->bytes, &half->len,
                                   th_cipher_find(TH_CS3A), &w->identity[as], &half->keys,
                                   &half->id, at, &w->identity[to].hashname,
                                   &w->identity[to].keys.pub),
                     TH_OK);
}

static inline void join(struct wire *w)
{
    assert_int_equal(wire_open(w, 0, 1), TH_AGAIN);
    wire_settle(w);
    assert_true(wire_look(w, 0, 1).is_up);
    assert_true(wire_look(w, 1, 0).is_up);
}

static const struct th_addr elsewhere = {
    .ip = {10, 9, 9, 9}, .port = 999, .family = TH_FAMILY_IPV4};

#endif

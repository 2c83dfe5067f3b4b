/*
 * raw_peer.h - a peer made by hand on a wire of boards.h: it seals whatever a test wants to send.
 */
#ifndef TH_TESTS_RAW_PEER_H
#define TH_TESTS_RAW_PEER_H

#include "tests/lib/boards.h"

#include <stdio.h>

struct raw_peer {
    int as, to;
    struct th_keypair keys;
    struct th_line_id own, theirs;
    struct th_line_keys line;
    uint64_t nonces;
};

/* Makes a line to a node in the name of another node's identity, from that node's address. */
static inline void raw_join(struct raw_peer *raw, struct wire *w, int as, int to)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    uint8_t bytes[TH_OPEN_MAX], seed[TH_KEY_BYTES] = {0x99};
    size_t len;
    struct th_open answer;

    *raw = (struct raw_peer){.as = as, .to = to, .own = {{0x98}}};
    cipher->keypair(&raw->keys, seed);
    assert_int_equal(th_open_write(bytes, sizeof bytes, &len, cipher, &w->identity[as], &raw->keys,
                                   &raw->own, w->now.wall, &w->identity[to].hashname,
                                   &w->identity[to].keys.pub),
                     TH_OK);
    w->is_cut[as] = true; /* its own switchboard stays out of it */
    wire_deliver(w, to, &w->addr[as], bytes, len);
    struct th_bytes last = {w->last[to].bytes, w->last[to].len};
    assert_int_equal(th_open_read(&answer, &w->identity[as], last), TH_DROP_NONE);
    raw->theirs = answer.line;
    assert_int_equal(
        cipher->line_keys(&raw->line, &raw->keys, &answer.line_key, &raw->own, &raw->theirs),
        TH_OK);
}

/* Sends a channel packet: head as JSON text, and a body. */
static inline void raw_send(struct raw_peer *raw, struct wire *w, const char *head,
                            struct th_bytes body)
{
    uint8_t plain[TH_DATAGRAM_IN_MAX], bytes[TH_DATAGRAM_IN_MAX];
    uint8_t nonce[TH_LINE_NONCE_BYTES] = {0};
    size_t len;

    raw->nonces++;
    memcpy(nonce, &raw->nonces, sizeof raw->nonces);
    assert_int_equal(th_packet_write(plain, sizeof plain, &len, th_bytes_of(head), body), TH_OK);
    assert_int_equal(th_cipher_find(TH_CS3A)->line_seal(bytes, sizeof bytes, &len, raw->line.send,
                                                        &raw->theirs, nonce,
                                                        (struct th_bytes){plain, len}),
                     TH_OK);
    wire_deliver(w, raw->to, &w->addr[raw->as], bytes, len);
}

/* Writes a head with the number of the n-th channel (0, 1, …) that the raw peer may open. */
static inline const char *raw_head(struct raw_peer *raw, struct wire *w, char *out, size_t cap,
                                   unsigned n, const char *members)
{
    bool is_lower =
        th_hashname_compare(&w->identity[raw->as].hashname, &w->identity[raw->to].hashname) < 0;

    snprintf(out, cap, "{%s,\"c\":%u}", members, (is_lower ? 2u : 1u) + 2 * n);
    return out;
}

#endif

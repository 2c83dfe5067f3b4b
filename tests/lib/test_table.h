/*
 * test_table.h - hashnames at wanted distances, addresses and moments, for tests of the router's
 * machines.
 */
#ifndef TH_LIB_TEST_TABLE_H
#define TH_LIB_TEST_TABLE_H

#include "router/table.h"
#include "switch/base/mem.h"
#include "switch/wire/cipher.h"

#include <string.h>

/* Ourselves in these tests: all zeros, so that an id's highest bit says its bucket. */
static inline struct th_hashname test_self(void)
{
    return (struct th_hashname){{0}};
}

/* A node of a bucket as seen from test_self: the bucket's bit, then `rest` in the 24 bits after it
 * (as far as there are so many), then n. */
static inline struct th_hashname test_id_at(int bucket, uint32_t rest, uint8_t n)
{
    struct th_hashname id = {{0}};
    uint32_t bits = 1u << 24 | (rest & 0xffffffu);

    for (int i = 0; i <= 24; i++) {
        int bit = bucket - i;
        if (bit >= 0 && bits >> (24 - i) & 1)
            id.b[TH_HASHNAME_BYTES - 1 - bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
    if (bucket >= 40)
        id.b[TH_HASHNAME_BYTES - 1] = n;
    return id;
}

static inline struct th_hashname test_id(int bucket, uint8_t n)
{
    return test_id_at(bucket, 0, n);
}

static inline struct th_addr test_addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct th_addr){.ip = {a, b, c, d}, .port = 4000, .family = TH_FAMILY_IPV4};
}

static inline struct th_now test_now(th_ms mono)
{
    return (struct th_now){.mono = mono, .wall = 1400000000000 + (th_epoch_ms)mono};
}

static inline void test_rng(struct th_rng *rng, uint8_t n)
{
    uint8_t seed[TH_RNG_SEED_BYTES] = {n};

    th_rng_init(rng, seed);
}

/* A node that we have a line to. */
static inline struct th_spare test_spare(struct th_hashname id)
{
    return (struct th_spare){.id = id, .csid = TH_CS3A, .has_line = true};
}

/* A link that is up on channel 1 of theirs. */
static inline struct th_link test_link(struct th_now now)
{
    struct th_link link;
    struct th_rng rng;

    test_rng(&rng, 1);
    th_link_init_up(&link, TH_LINK_KEEPALIVE_MS_DEFAULT, 1, false, now, &rng);
    return link;
}

#endif

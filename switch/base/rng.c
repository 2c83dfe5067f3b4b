#include "switch/base/rng.h"

#include "switch/base/check.h"

#include <sodium.h>
#include <string.h>

static void refill(struct th_rng *rng)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    uint8_t block[TH_RNG_SEED_BYTES + TH_RNG_POOL_BYTES];

    crypto_stream_chacha20(block, sizeof block, nonce, rng->key);
    memcpy(rng->key, block, sizeof rng->key);
    memcpy(rng->pool, block + sizeof rng->key, sizeof rng->pool);
    sodium_memzero(block, sizeof block);
    rng->left = sizeof rng->pool;
}

void th_rng_init(struct th_rng *rng, const uint8_t seed[TH_RNG_SEED_BYTES])
{
    memset(rng, 0, sizeof *rng);
    memcpy(rng->key, seed, sizeof rng->key);
}

void th_rng_fork(struct th_rng *rng, struct th_rng *child)
{
    uint8_t seed[TH_RNG_SEED_BYTES];

    th_rng_fill(rng, seed, sizeof seed);
    th_rng_init(child, seed);
    sodium_memzero(seed, sizeof seed);
}

void th_rng_fill(struct th_rng *rng, void *bytes, size_t len)
{
    uint8_t *out = bytes;

    while (len > 0) {
        if (rng->left == 0)
            refill(rng);
        size_t take = len < rng->left ? len : rng->left;
        uint8_t *from = rng->pool + sizeof rng->pool - rng->left;
        memcpy(out, from, take);
        sodium_memzero(from, take);
        rng->left -= take;
        out += take;
        len -= take;
    }
}

uint64_t th_rng_u64(struct th_rng *rng)
{
    uint8_t b[8];
    uint64_t value = 0;

    th_rng_fill(rng, b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        value = value << 8 | b[i];
    return value;
}

uint64_t th_rng_below(struct th_rng *rng, uint64_t limit)
{
    TH_CHECK(limit > 0);

    /* Draws at or above the last whole multiple of limit would favour small numbers. */
    uint64_t end = UINT64_MAX - UINT64_MAX % limit;
    uint64_t value;
    do
        value = th_rng_u64(rng);
    while (value >= end);
    return value % limit;
}

uint64_t th_rng_between(struct th_rng *rng, uint64_t low, uint64_t high)
{
    TH_CHECK(low <= high && high - low < UINT64_MAX);
    return low + th_rng_below(rng, high - low + 1);
}

void th_rng_clear(struct th_rng *rng)
{
    sodium_memzero(rng, sizeof *rng);
}

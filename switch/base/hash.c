#include "switch/base/hash.h"

#include <sodium.h>
#include <string.h>

uint64_t th_hash_long(const uint8_t secret[TH_HASH_SECRET_BYTES], const void *key, size_t len)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t value;

    crypto_shorthash(hash, key, len, secret);
    memcpy(&value, hash, sizeof value);
    return value;
}

unsigned th_hash(const uint8_t secret[TH_HASH_SECRET_BYTES], const void *key, size_t len)
{
    return (unsigned)th_hash_long(secret, key, len);
}

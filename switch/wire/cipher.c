#include "switch/wire/cipher.h"

#include "switch/wire/cs3a.h"

#include <sodium.h>

const struct th_cipher *th_cipher_find(uint8_t csid)
{
    return csid == TH_CS3A ? &th_cs3a : NULL;
}

void th_keypair_clear(struct th_keypair *keypair)
{
    sodium_memzero(keypair, sizeof *keypair);
}

void th_line_keys_clear(struct th_line_keys *keys)
{
    sodium_memzero(keys, sizeof *keys);
}

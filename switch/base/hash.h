/*
 * hash.h - uthash as this project uses it: memory from th_mem, a refusal of memory seen by the
 * caller, and keys that a peer can choose hashed with a secret.
 *
 * Always through the _BYHASHVALUE forms:
 *
 *     unsigned h = th_hash(secret, &key, sizeof key);
 *     HASH_FIND_BYHASHVALUE(hh, head, &key, sizeof key, h, found);
 *     HASH_ADD_BYHASHVALUE(hh, head, key, sizeof key, h, item);
 *     if (item->hh.tbl == NULL) … no memory
 *
 * Iteration is in order of adding, the same in every run.
 *
 * Floor:  0.
 * Thread: the owner's.
 */
#ifndef TH_BASE_HASH_H
#define TH_BASE_HASH_H

#include "switch/base/mem.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) th_mem_zalloc(1, (size))
#define uthash_free(memory, size) th_mem_free(memory)

#include <uthash.h>

enum { TH_HASH_SECRET_BYTES = 16 };

/* SipHash-2-4 of a key, cut to what uthash takes. */
unsigned th_hash(const uint8_t secret[TH_HASH_SECRET_BYTES], const void *key, size_t len);

/* The whole of it, so long that it may stand for the key: two with the same come neither by chance nor
 * by who does not know the secret. */
uint64_t th_hash_long(const uint8_t secret[TH_HASH_SECRET_BYTES], const void *key, size_t len);

#endif

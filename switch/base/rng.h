/*
 * rng.h - a node's own generator of randomness.
 *
 * A stream of ChaCha20 keyed by 32 bytes; after every refill the key is replaced by output of the
 * stream, so that who reads the memory later learns nothing of what was drawn before (fast key
 * erasure, D. J. Bernstein, 2017). The same seed gives the same draws on every machine, which is
 * what lets the simulator replay a run; a daemon seeds it once from the system.
 *
 * Floor:  0.
 * Thread: the owner's.
 */
#ifndef TH_BASE_RNG_H
#define TH_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

enum { TH_RNG_SEED_BYTES = 32, TH_RNG_POOL_BYTES = 480 };

struct th_rng {
    uint8_t key[TH_RNG_SEED_BYTES];
    uint8_t pool[TH_RNG_POOL_BYTES]; /* the last `left` bytes are not yet drawn */
    size_t left;
};

/* Starts a generator. Two of the same seed draw the same. */
void th_rng_init(struct th_rng *rng, const uint8_t seed[TH_RNG_SEED_BYTES]);

/* Starts `child` from bytes drawn from `rng`: one generator for each part, from one seed. */
void th_rng_fork(struct th_rng *rng, struct th_rng *child);

/* Fills bytes with randomness fit for keys. */
void th_rng_fill(struct th_rng *rng, void *bytes, size_t len);

uint64_t th_rng_u64(struct th_rng *rng);

/* A number 0..limit-1, each as likely as any other. limit is at least 1. */
uint64_t th_rng_below(struct th_rng *rng, uint64_t limit);

/* A number low..high, both included; low <= high. */
uint64_t th_rng_between(struct th_rng *rng, uint64_t low, uint64_t high);

/* Wipes the generator. */
void th_rng_clear(struct th_rng *rng);

#endif

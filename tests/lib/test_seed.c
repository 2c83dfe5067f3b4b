#include "tests/lib/test_seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void test_seed(struct th_rng *rng)
{
    const char *text = getenv("TH_SEED");
    uint64_t number = text ? strtoull(text, NULL, 10) : 1;
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};

    for (size_t i = 0; i < 8; i++)
        seed[i] = (uint8_t)(number >> (8 * i));
    th_rng_init(rng, seed);

    /* At once: a crash prints nothing later. ctest shows it of tests that failed. */
    printf("replay with TH_SEED=%" PRIu64 "\n", number);
    fflush(stdout);
}

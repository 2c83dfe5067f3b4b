/*
 * test_seed.h - randomness of property tests that can be had again.
 *
 * Every run draws the same; TH_SEED=n in the environment draws something else.
 */
#ifndef TH_LIB_TEST_SEED_H
#define TH_LIB_TEST_SEED_H

#include "switch/base/rng.h"

/* Starts a generator from TH_SEED (1 when it is not set) and prints how to replay the run. */
void test_seed(struct th_rng *rng);

#endif

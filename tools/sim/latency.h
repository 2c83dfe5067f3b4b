/*
 * latency.h - how long datagrams take between two nodes: drawn once for each pair.
 *
 * Round trips are lognormal with sigma 0.6, as measured between nodes of public networks; the median
 * is the caller's. The table holds quantiles, so that no floating point decides anything.
 *
 * Floor:  7 (sim).
 * Thread: any.
 */
#ifndef TH_SIM_LATENCY_H
#define TH_SIM_LATENCY_H

#include <stdint.h>

/* The time of a round trip in microseconds. draw: 64 bits, each value as likely. */
uint64_t th_latency_round_trip_us(uint64_t draw, uint32_t median_ms);

/* 64 well mixed bits of three numbers: the same on every machine. Not against anybody who tries. */
uint64_t th_latency_mix(uint64_t a, uint64_t b, uint64_t c);

#endif

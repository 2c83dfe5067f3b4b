/*
 * histogram.h - how often values of each size came: a fixed number of steps, whatever comes.
 *
 * Of even steps, for what is counted in ones: their width doubles when a value lies beyond the last.
 * Of growing steps, for times and bytes: twenty to a decade, the same ones in every run, so that two
 * runs can be laid side by side.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_HISTOGRAM_H
#define TH_SIM_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TH_HISTOGRAM_EVEN_STEPS = 64, TH_HISTOGRAM_STEPS = 240 };

/* Embed by value; zeroed: of even steps, of width 1 at first, and empty. */
struct th_histogram {
    bool is_growing;
    unsigned doublings; /* of the width of even steps */
    uint64_t total;
    uint64_t count[TH_HISTOGRAM_STEPS]; /* of even steps the first TH_HISTOGRAM_EVEN_STEPS */
};

/* Counts a value; of growing steps the last holds all that is larger. */
void th_histogram_add(struct th_histogram *histogram, uint64_t value);

/*
 * Writes {"scale":"even"|"growing","bounds":[…],"counts":[…]}, from the first step that is not empty
 * to the last: counts[i] values lie at bounds[i] or above and below bounds[i + 1]. Even steps begin
 * at 0. Both lists are empty when nothing was counted.
 */
void th_histogram_write(const struct th_histogram *histogram, FILE *out);

#endif

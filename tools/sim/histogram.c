#include "tools/sim/histogram.h"

#include <inttypes.h>
#include <string.h>

enum { ONES = 10, PER_DECADE = 20 };

/* Where growing steps begin: 0 to 9 one by one, then the preferred numbers of ISO 3, R20. */
static uint64_t growing_bound(unsigned step)
{
    static const uint16_t preferred[PER_DECADE] = {100, 112, 125, 140, 160, 180, 200,
                                                   224, 250, 280, 315, 355, 400, 450,
                                                   500, 560, 630, 710, 800, 900};
    uint64_t scale = 1;

    if (step < ONES)
        return step;
    for (unsigned decade = (step - ONES) / PER_DECADE; decade > 0; decade--)
        scale *= 10;
    return (preferred[(step - ONES) % PER_DECADE] * scale + 5) / 10;
}

static unsigned growing_step(uint64_t value)
{
    unsigned low = 0, high = TH_HISTOGRAM_STEPS - 1; /* of the last there is no bound above */

    while (low < high) {
        unsigned middle = (low + high + 1) / 2;
        if (growing_bound(middle) <= value)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void widen(struct th_histogram *histogram)
{
    uint64_t *count = histogram->count;

    for (unsigned i = 0; i < TH_HISTOGRAM_EVEN_STEPS / 2; i++)
        count[i] = count[2 * i] + count[2 * i + 1];
    memset(count + TH_HISTOGRAM_EVEN_STEPS / 2, 0, TH_HISTOGRAM_EVEN_STEPS / 2 * sizeof *count);
    histogram->doublings++;
}

void th_histogram_add(struct th_histogram *histogram, uint64_t value)
{
    histogram->total++;
    if (histogram->is_growing) {
        histogram->count[growing_step(value)]++;
        return;
    }
    while (value >> histogram->doublings >= TH_HISTOGRAM_EVEN_STEPS)
        widen(histogram);
    histogram->count[value >> histogram->doublings]++;
}

static uint64_t bound(const struct th_histogram *histogram, unsigned step)
{
    return histogram->is_growing ? growing_bound(step) : (uint64_t)step << histogram->doublings;
}

void th_histogram_write(const struct th_histogram *histogram, FILE *out)
{
    unsigned first = 0, end = histogram->is_growing ? TH_HISTOGRAM_STEPS : TH_HISTOGRAM_EVEN_STEPS;

    while (end > 0 && histogram->count[end - 1] == 0)
        end--;
    while (histogram->is_growing && first < end && histogram->count[first] == 0)
        first++;
    fprintf(out, "{\"scale\":\"%s\",\"bounds\":[", histogram->is_growing ? "growing" : "even");
    for (unsigned i = first; end > 0 && i <= end; i++)
        fprintf(out, "%s%" PRIu64, i > first ? "," : "", bound(histogram, i));
    fputs("],\"counts\":[", out);
    for (unsigned i = first; i < end; i++)
        fprintf(out, "%s%" PRIu64, i > first ? "," : "", histogram->count[i]);
    fputs("]}", out);
}

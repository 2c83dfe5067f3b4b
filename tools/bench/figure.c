#include "tools/bench/figure.h"

#include "switch/base/mem.h"

#include <stdlib.h>

enum { CELL_MAX = 64 };

/* --- samples -------------------------------------------------------------------------------------- */

enum th_err th_samples_add(struct th_samples *samples, double value)
{
    if (samples->count == samples->room) {
        unsigned room = samples->room ? 2 * samples->room : 8;
        double *at = th_mem_resize(samples->at, room, sizeof *at);

        if (at == NULL)
            return TH_NO_MEMORY;
        samples->at = at;
        samples->room = room;
    }
    samples->at[samples->count++] = value;
    return TH_OK;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double th_samples_median(struct th_samples *samples)
{
    unsigned middle = samples->count / 2;

    if (samples->count == 0)
        return 0;
    qsort(samples->at, samples->count, sizeof *samples->at, compare);
    if (samples->count % 2)
        return samples->at[middle];
    return (samples->at[middle - 1] + samples->at[middle]) / 2;
}

void th_samples_clear(struct th_samples *samples)
{
    th_mem_free(samples->at);
    *samples = (struct th_samples){0};
}

/* --- figures -------------------------------------------------------------------------------------- */

void th_figure_fill(struct th_figure *figure, struct th_samples *samples,
                    struct th_samples *reference)
{
    TH_CHECK(samples->count > 0);
    figure->rounds = samples->count;
    figure->value = th_samples_median(samples); /* sorted from here on */
    figure->min = samples->at[0];
    figure->max = samples->at[samples->count - 1];
    figure->has_reference = reference && reference->count > 0;
    if (figure->has_reference)
        figure->reference_value = th_samples_median(reference);
}

double th_figure_ratio(const struct th_figure *figure)
{
    double better = figure->is_less_better ? figure->reference_value : figure->value;
    double worse = figure->is_less_better ? figure->value : figure->reference_value;

    if (!figure->has_reference || worse <= 0)
        return 0;
    return better / worse;
}

bool th_figure_is_reached(const struct th_figure *figure)
{
    if (figure->reference)
        return figure->has_reference && th_figure_ratio(figure) >= figure->goal;
    return figure->is_less_better ? figure->value <= figure->goal : figure->value >= figure->goal;
}

/* --- how they are shown --------------------------------------------------------------------------- */

/* Six digits: more than any of them is worth. */
static const char *number_or_null(char cell[CELL_MAX], bool is_had, double value)
{
    if (is_had)
        snprintf(cell, CELL_MAX, "%.6g", value);
    else
        snprintf(cell, CELL_MAX, "null");
    return cell;
}

void th_figure_write_json(FILE *out, const struct th_figure *f)
{
    char reference[CELL_MAX], ratio[CELL_MAX];
    const char *quote = f->reference ? "\"" : "";

    fprintf(out, "{\"suite\":\"%s\",\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"", f->suite,
            f->name, f->value, f->unit);
    fprintf(out, ",\"min\":%.6g,\"max\":%.6g,\"reference\":%s%s%s", f->min, f->max, quote,
            f->reference ? f->reference : "null", quote);
    fprintf(out, ",\"reference_value\":%s,\"ratio\":%s",
            number_or_null(reference, f->has_reference, f->reference_value),
            number_or_null(ratio, f->has_reference, th_figure_ratio(f)));
    fprintf(out, ",\"goal\":%.6g,\"rounds\":%u}\n", f->goal, f->rounds);
}

void th_figure_write_head(FILE *out)
{
    fprintf(out, "%-9s %-20s %10s %10s %10s %-6s %10s %6s  %-15s %s\n", "suite", "name", "value",
            "min", "max", "unit", "reference", "ratio", "goal", "what");
}

void th_figure_write_row(FILE *out, const struct th_figure *f)
{
    char value[CELL_MAX], min[CELL_MAX], max[CELL_MAX], reference[CELL_MAX], ratio[CELL_MAX];
    char goal[CELL_MAX];
    bool is_open = f->reference && !f->has_reference;

    snprintf(value, sizeof value, "%.4g", f->value);
    snprintf(min, sizeof min, "%.4g", f->min);
    snprintf(max, sizeof max, "%.4g", f->max);
    snprintf(reference, sizeof reference, "-");
    snprintf(ratio, sizeof ratio, "-");
    if (f->has_reference) {
        snprintf(reference, sizeof reference, "%.4g", f->reference_value);
        snprintf(ratio, sizeof ratio, "%.2f", th_figure_ratio(f));
    }
    snprintf(goal, sizeof goal, "%s%s %.4g %s", f->reference ? "ratio " : "",
             f->reference || !f->is_less_better ? ">=" : "<=", f->goal,
             is_open                   ? "?"
             : th_figure_is_reached(f) ? "yes"
                                       : "no");
    fprintf(out, "%-9s %-20s %10s %10s %10s %-6s %10s %6s  %-15s %s%s%s\n", f->suite, f->name,
            value, min, max, f->unit, reference, ratio, goal, f->what,
            f->reference ? "; reference: " : "", f->reference ? f->reference : "");
}

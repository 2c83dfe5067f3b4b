/* Histograms of results. */
#include "tools/sim/report_inside.h"

#include <math.h>
#include <string.h>

enum { TIP_MAX = 160, LABEL_MAX = 64, STEPS_MIN = 8 /* fewer bars would be walls */ };

/* The steps of one that are drawn. */
struct steps {
    const json_t *bounds, *counts;
    size_t first, end;
    bool is_growing;
    double total; /* also of what is not drawn */
    double none;  /* that were 0, which has no place on an axis that grows */
};

static double number(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static struct steps steps_of(const json_t *result, const char *member)
{
    const json_t *histogram = json_object_get(json_object_get(result, "histograms"), member);
    struct steps steps = {.bounds = json_object_get(histogram, "bounds"),
                          .counts = json_object_get(histogram, "counts")};

    steps.is_growing = strcmp(th_report_text(histogram, "scale"), "growing") == 0;
    steps.end = json_array_size(steps.counts);
    for (size_t i = 0; i < steps.end; i++)
        steps.total += number(steps.counts, i);
    if (steps.is_growing && steps.end > 0 && number(steps.bounds, 0) == 0) {
        steps.none = number(steps.counts, 0);
        steps.first = 1;
    }
    while (steps.first < steps.end && number(steps.counts, steps.first) == 0)
        steps.first++;
    return steps;
}

/* An axis x of all results, and the highest of all bars, which `height` says. False: nothing is there. */
static bool fit_axes(const struct th_report *report, const char *member, struct th_svg *svg,
                     double (*height)(const json_t *result, const struct steps *steps, size_t i))
{
    double highest = 0;
    bool is_some = false;

    for (unsigned r = 0; r < report->count; r++) {
        struct steps steps = steps_of(report->result[r], member);
        if (steps.first == steps.end)
            continue;
        double from = number(steps.bounds, steps.first), to = number(steps.bounds, steps.end);
        svg->x.from = is_some && svg->x.from < from ? svg->x.from : from;
        svg->x.to = is_some && svg->x.to > to ? svg->x.to : to;
        svg->x.is_growing = steps.is_growing;
        is_some = true;
        for (size_t i = steps.first; i < steps.end; i++)
            highest = fmax(highest, height(report->result[r], &steps, i));
    }
    svg->x.is_of_steps = !svg->x.is_growing;
    if (svg->x.is_of_steps)
        svg->x.to = fmax(svg->x.to, svg->x.from + STEPS_MIN);
    svg->x.from = svg->x.is_growing && svg->x.from < 1 ? 1 : svg->x.from;
    svg->x.to = svg->x.to > svg->x.from ? svg->x.to : svg->x.from + 1;
    svg->y.to = th_svg_round_up(highest);
    return is_some;
}

/* --- of single values --- */

static double percent(const json_t *result, const struct steps *steps, size_t i)
{
    (void)result;
    return 100 * number(steps->counts, i) / (steps->total > 0 ? steps->total : 1);
}

static void mark_percentile(struct th_svg *svg, const json_t *result, const char *path,
                            const char *words)
{
    char value[TH_SVG_NUMBER_MAX], tip[TIP_MAX];
    double at = path ? th_report_number(result, path) : 0;

    if (at < svg->x.from || at > svg->x.to || at == 0)
        return;
    th_svg_number(value, at, svg->x.unit);
    snprintf(tip, sizeof tip, "%s %s", words, value);
    th_svg_mark(svg, at, at, tip);
}

static void draw_bars(struct th_svg *svg, const json_t *result, const struct steps *steps,
                      const char *of)
{
    for (size_t i = steps->first; i < steps->end; i++) {
        double from = number(steps->bounds, i), to = number(steps->bounds, i + 1);
        char low[TH_SVG_NUMBER_MAX], high[TH_SVG_NUMBER_MAX], tip[TIP_MAX];
        bool is_one = svg->x.is_of_steps && to - from == 1;

        if (number(steps->counts, i) == 0)
            continue;
        th_svg_number(low, from, svg->x.unit);
        th_svg_number(high, svg->x.is_of_steps ? to - 1 : to, svg->x.unit);
        snprintf(tip, sizeof tip, "%s%s%s: %.0f of %.0f %s (%.1f %%)", low, is_one ? "" : " to ",
                 is_one ? "" : high, number(steps->counts, i), steps->total, of,
                 percent(result, steps, i));
        th_svg_bar(svg, from, to, percent(result, steps, i), tip);
    }
}

static void caption(const struct steps *steps, const json_t *result,
                    const struct th_report_histogram *chart, FILE *out)
{
    char p50[TH_SVG_NUMBER_MAX], p95[TH_SVG_NUMBER_MAX];

    fputs("<p>", out);
    th_report_whole(out, steps->total);
    fprintf(out, " %s", chart->of);
    if (steps->none > 0) {
        fputs("; ", out);
        th_report_whole(out, steps->none);
        fputs(" took no time, to a node that was linked", out);
    }
    if (chart->p50 && steps->total > 0) {
        th_svg_number(p50, th_report_number(result, chart->p50), chart->unit);
        th_svg_number(p95, th_report_number(result, chart->p95), chart->unit);
        fprintf(out, "; median %s, 95\xC2\xA0%% within %s", p50, p95);
    }
    fputs("</p>", out);
}

void th_report_histogram(const struct th_report *report, unsigned i,
                         const struct th_report_histogram *chart, FILE *out)
{
    struct th_svg svg = {.out = out,
                         .title = chart->title,
                         .x = {.label = chart->x_label, .unit = chart->unit},
                         .y = {.unit = TH_SVG_PERCENT},
                         .mark_rows = chart->p50 ? 2 : 0};
    struct steps steps = steps_of(report->result[i], chart->member);
    char label[LABEL_MAX];

    snprintf(label, sizeof label, "of %s", chart->of);
    svg.y.label = label;
    caption(&steps, report->result[i], chart, out);
    if (!fit_axes(report, chart->member, &svg, percent))
        return;
    th_svg_begin(&svg);
    draw_bars(&svg, report->result[i], &steps, chart->of);
    mark_percentile(&svg, report->result[i], chart->p50, "median");
    mark_percentile(&svg, report->result[i], chart->p95, "95 %");
    th_svg_end(&svg);
}

/* --- of links in buckets --- */

static double nodes_of(const json_t *result)
{
    struct steps nodes = steps_of(result, "links_per_node");

    return nodes.total > 0 ? nodes.total : 1;
}

static double links_per_node(const json_t *result, const struct steps *steps, size_t i)
{
    return number(steps->counts, i) / nodes_of(result);
}

void th_report_buckets(const struct th_report *report, unsigned i, FILE *out)
{
    const json_t *result = report->result[i];
    struct th_svg svg = {.out = out,
                         .title = "Links by bucket",
                         .x = {.label = "bits that both hashnames begin with"},
                         .y = {.label = "links of a node, on average"}};
    struct steps steps = steps_of(result, "links_by_shared_bits");

    fputs("<p>", out);
    th_report_whole(out, steps.total);
    fputs(" links of ", out);
    th_report_whole(out, steps_of(result, "links_per_node").total);
    fputs(" nodes, at the end</p>", out);
    if (!fit_axes(report, "links_by_shared_bits", &svg, links_per_node))
        return;
    th_svg_begin(&svg);
    for (size_t step = steps.first; step < steps.end; step++) {
        char tip[TIP_MAX];
        double mean = links_per_node(result, &steps, step);
        snprintf(tip, sizeof tip, "%.0f bits shared: %.2f links of a node, on average",
                 number(steps.bounds, step), mean);
        if (mean > 0)
            th_svg_bar(&svg, number(steps.bounds, step), number(steps.bounds, step + 1), mean, tip);
    }
    th_svg_end(&svg);
}

/* Results in the course of their virtual time, with what was done to them. */
#include "tools/sim/report_inside.h"

#include <math.h>

enum {
    TIP_MAX = 200,
    LABEL_MAX = 64,
    NOTES_SHOWN_MAX = 64,
    POINTS_MAX = 64 /* more would be noise; pieces of time are put together */
};

/* A stretch of the series, of one or more pieces. */
struct piece {
    double from, to; /* ms */
    size_t first, end;
};

static double sum_of(const json_t *result, const char *path, const struct piece *piece)
{
    const json_t *list = th_report_at(result, path);
    double sum = 0;

    for (size_t i = piece->first; i < piece->end; i++)
        sum += json_number_value(json_array_get(list, i));
    return sum;
}

static double least_of(const json_t *result, const char *path, const struct piece *piece)
{
    const json_t *list = th_report_at(result, path);
    double least = json_number_value(json_array_get(list, piece->first));

    for (size_t i = piece->first; i < piece->end; i++)
        least = fmin(least, json_number_value(json_array_get(list, i)));
    return least;
}

/* Until when something was done or looked up. */
static double last_deed(const json_t *result)
{
    const json_t *notes = json_object_get(result, "notes");
    const json_t *sent = th_report_at(result, "series.sent");
    double slot_ms = th_report_number(result, "series.slot_ms"), last = 0;

    for (size_t i = 0; i < json_array_size(notes); i++)
        last = fmax(last, th_report_number(json_array_get(notes, i), "until_ms"));
    for (size_t i = 0; i < json_array_size(sent); i++)
        if (json_number_value(json_array_get(sent, i)) > 0)
            last = fmax(last, (double)(i + 1) * slot_ms);
    return last;
}

/* How much of a run is shown: most of the hour in which it may rest at its end is left out. */
static double length_of(const json_t *result)
{
    double whole = fmax(th_report_number(result, "virtual_ms"), 1), deeds = last_deed(result);

    return deeds > 0 && 1.25 * deeds < 0.6 * whole ? 1.25 * deeds : whole;
}

/* Returns how many; the last that has hardly begun is left out. */
static unsigned cut(const json_t *result, struct piece pieces[POINTS_MAX])
{
    double slot_ms = th_report_number(result, "series.slot_ms");
    double length = length_of(result);
    size_t slots = json_array_size(th_report_at(result, "series.sent"));
    slots = (double)slots * slot_ms > length ? (size_t)ceil(length / slot_ms) : slots;
    size_t each = (slots + POINTS_MAX - 1) / POINTS_MAX;
    unsigned count = 0;

    for (size_t first = 0; first < slots; first += each) {
        size_t end = first + each < slots ? first + each : slots;
        struct piece piece = {(double)first * slot_ms, (double)end * slot_ms, first, end};
        double whole = piece.to - piece.from;
        piece.to = fmin(piece.to, fmax(length, piece.from + 1));
        if (count == 0 || piece.to - piece.from >= whole / 4)
            pieces[count++] = piece;
    }
    return count;
}

/* --- the chart --- */

static void put_notes(struct th_svg *svg, const json_t *result)
{
    const json_t *notes = json_object_get(result, "notes");

    for (size_t i = 0; i < json_array_size(notes) && i < NOTES_SHOWN_MAX; i++) {
        const json_t *note = json_array_get(notes, i);
        th_svg_mark(svg, th_report_number(note, "at_ms"), th_report_number(note, "until_ms"),
                    th_report_text(note, "what"));
    }
}

static struct th_svg begin(const json_t *result, FILE *out, const char *title, struct th_svg_axis y)
{
    size_t notes = json_array_size(json_object_get(result, "notes"));
    bool is_whole = length_of(result) >= th_report_number(result, "virtual_ms");
    struct th_svg svg = {.out = out,
                         .title = title,
                         .x = {.label = is_whole ? "virtual time, minutes and seconds"
                                                 : "virtual time, without the rest at the end",
                               .to = length_of(result),
                               .unit = TH_SVG_CLOCK},
                         .y = y,
                         .mark_rows =
                             notes < TH_SVG_MARK_ROWS_MAX ? (unsigned)notes : TH_SVG_MARK_ROWS_MAX};

    th_svg_begin(&svg);
    put_notes(&svg, result);
    return svg;
}

/* "2:00 to 2:10: " and what follows. */
static void begin_tip(char tip[TIP_MAX], const struct piece *piece, const char *what)
{
    char from[TH_SVG_NUMBER_MAX], to[TH_SVG_NUMBER_MAX];

    th_svg_number(from, piece->from, TH_SVG_CLOCK);
    th_svg_number(to, piece->to, TH_SVG_CLOCK);
    snprintf(tip, TIP_MAX, "%s to %s: %s", from, to, what);
}

static double middle(const struct piece *piece)
{
    return (piece->from + piece->to) / 2;
}

/* --- lookups that succeed --- */

/* Of 100; NAN when there was none that proves something. */
static double success(const json_t *result, const struct piece *piece, double *found, double *valid)
{
    *found = sum_of(result, "series.found", piece);
    *valid = sum_of(result, "series.sent", piece) - sum_of(result, "series.lost", piece);
    return *valid > 0 ? fmin(100, 100 * *found / *valid) : NAN;
}

/* The axis ends below the worst of all results, but does not show more of it than is needed. */
static double floor_of(const struct th_report *report)
{
    static const double floors[] = {95, 90, 80, 50, 0};
    struct piece pieces[POINTS_MAX];
    double least = 100, found, valid;
    unsigned floor = 0;

    for (unsigned r = 0; r < report->count; r++) {
        unsigned count = cut(report->result[r], pieces);
        for (unsigned i = 0; i < count; i++)
            least = fmin(least, success(report->result[r], &pieces[i], &found, &valid));
    }
    while (floor + 1 < sizeof floors / sizeof floors[0] && floors[floor] > least)
        floor++;
    return floors[floor];
}

void th_report_success(const struct th_report *report, unsigned i, FILE *out)
{
    const json_t *result = report->result[i];
    struct piece pieces[POINTS_MAX];
    struct th_svg_point points[POINTS_MAX];
    struct piece whole = {.end = json_array_size(th_report_at(result, "series.sent"))};
    unsigned count = cut(result, pieces);
    double found, valid;

    double lost = sum_of(result, "series.lost", &whole);
    success(result, &whole, &found, &valid);
    fputs("<p>", out);
    th_report_whole(out, found);
    fputs(" of ", out);
    th_report_whole(out, valid);
    fputs(" lookups found their target", out);
    if (lost > 0)
        fprintf(out, "; of %.0f more one of the two nodes went down meanwhile", lost);
    fputs("</p>", out);
    struct th_svg svg = begin(result, out, "Lookups that found their target",
                              (struct th_svg_axis){.label = "of the lookups begun meanwhile",
                                                   .from = floor_of(report),
                                                   .to = 100,
                                                   .unit = TH_SVG_PERCENT});
    for (unsigned p = 0; p < count; p++)
        points[p] =
            (struct th_svg_point){middle(&pieces[p]), success(result, &pieces[p], &found, &valid)};
    th_svg_line(&svg, 1, points, count);
    for (unsigned p = 0; p < count; p++) {
        char what[LABEL_MAX], tip[TIP_MAX];
        success(result, &pieces[p], &found, &valid);
        snprintf(what, sizeof what, "%.0f of %.0f found", found, valid);
        begin_tip(tip, &pieces[p], what);
        if (valid > 0)
            th_svg_dot(&svg, points[p].x, points[p].y, found < valid, tip);
    }
    th_svg_end(&svg);
}

/* --- nodes --- */

void th_report_nodes(const struct th_report *report, unsigned i, FILE *out)
{
    const json_t *result = report->result[i];
    struct piece pieces[POINTS_MAX];
    struct th_svg_point up[POINTS_MAX], ready[POINTS_MAX];
    unsigned count = cut(result, pieces);
    double most = 0;

    for (unsigned r = 0; r < report->count; r++)
        most = fmax(most, th_report_number(report->result[r], "nodes"));
    fputs(
        "<p><span class=\"key-2\">running</span>, and of them <span class=\"key-1\">ready</span>: "
        "the fewest meanwhile</p>",
        out);
    struct th_svg svg = begin(result, out, "Nodes that run and that are ready",
                              (struct th_svg_axis){.label = "nodes", .to = th_svg_round_up(most)});
    for (unsigned p = 0; p < count; p++) {
        up[p] = (struct th_svg_point){middle(&pieces[p]),
                                      least_of(result, "series.nodes_up", &pieces[p])};
        ready[p] = (struct th_svg_point){middle(&pieces[p]),
                                         least_of(result, "series.nodes_ready", &pieces[p])};
    }
    th_svg_line(&svg, 2, up, count);
    th_svg_line(&svg, 1, ready, count);
    for (unsigned p = 0; p < count; p++) {
        char what[LABEL_MAX], tip[TIP_MAX];
        snprintf(what, sizeof what, "%.0f run, %.0f are ready", up[p].y, ready[p].y);
        begin_tip(tip, &pieces[p], what);
        th_svg_hover(&svg, pieces[p].from, pieces[p].to, tip);
    }
    th_svg_end(&svg);
}

/* --- traffic --- */

/* Bytes a second and node. */
static double rate(const json_t *result, const struct piece *piece)
{
    double seconds = fmax(piece->to - piece->from, 1) / 1000;

    return sum_of(result, "series.tx_bytes", piece) / seconds /
           fmax(th_report_number(result, "nodes"), 1);
}

/* From the decade of the least to that of the most, of all results. */
static void fit_rates(const struct th_report *report, struct th_svg_axis *axis)
{
    struct piece pieces[POINTS_MAX];
    double least = INFINITY, most = 1;

    for (unsigned r = 0; r < report->count; r++) {
        unsigned count = cut(report->result[r], pieces);
        for (unsigned p = 0; p < count; p++) {
            double value = rate(report->result[r], &pieces[p]);
            least = value > 0 ? fmin(least, value) : least;
            most = fmax(most, value);
        }
    }
    axis->from = pow(10, floor(log10(fmax(1, fmin(least, most)))));
    axis->to = fmax(pow(10, ceil(log10(most))), 10 * axis->from);
}

void th_report_rate(const struct th_report *report, unsigned i, FILE *out)
{
    const json_t *result = report->result[i];
    struct piece pieces[POINTS_MAX];
    struct th_svg_point points[POINTS_MAX];
    struct piece whole = {.to = th_report_number(result, "virtual_ms"),
                          .end = json_array_size(th_report_at(result, "series.sent"))};
    char value[TH_SVG_NUMBER_MAX], tip[TIP_MAX];
    struct th_svg_axis axis = {.label = "sent by a node, on average; logarithmic",
                               .unit = TH_SVG_RATE,
                               .is_growing = true};

    fit_rates(report, &axis);
    th_svg_number(value, rate(result, &whole), TH_SVG_RATE);
    fprintf(out, "<p>%s sent by a node, on average</p>", value);
    struct th_svg svg = begin(result, out, "Traffic of a node", axis);
    unsigned count = cut(result, pieces);
    for (unsigned p = 0; p < count; p++)
        points[p] = (struct th_svg_point){middle(&pieces[p]), rate(result, &pieces[p])};
    th_svg_line(&svg, 1, points, count);
    for (unsigned p = 0; p < count; p++) {
        th_svg_number(value, points[p].y, TH_SVG_RATE);
        begin_tip(tip, &pieces[p], value);
        th_svg_hover(&svg, pieces[p].from, pieces[p].to, tip);
    }
    th_svg_end(&svg);
}

#include "tools/sim/svg.h"

#include "tools/cli/xml.h"

#include <math.h>
#include <string.h>

/* All in the chart's own pixels; the page scales it. */
enum {
    WIDTH = 460,
    PLOT_HEIGHT = 170,
    LEFT = 60,
    RIGHT = 14,
    ABOVE = 20, /* for the label of y */
    BELOW = 38,
    ROW = 15,    /* of words of marks */
    TICKS_X = 8, /* about so many */
    TICKS_Y = 6
};

#define LETTER 7.0 /* how wide one is, on average */

/* --- text --- */

#define SPACE "\xC2\xA0" /* where no line is broken */

/* Three digits that count, without zeros at the end. */
static void put_value(char *text, size_t size, double value)
{
    double wide = fabs(value);
    int digits = wide >= 100 ? 0 : wide >= 10 ? 1 : wide >= 1 ? 2 : 3;

    snprintf(text, size, "%.*f", digits, value);
    if (strchr(text, '.') == NULL)
        return;
    size_t len = strlen(text);
    while (text[len - 1] == '0')
        len--;
    text[text[len - 1] == '.' ? len - 1 : len] = 0;
}

static void put_scaled(char text[TH_SVG_NUMBER_MAX], double value, const char *unit)
{
    static const char prefixes[] = {0, 'k', 'M', 'G', 'T', 'P'};
    char digits[TH_SVG_NUMBER_MAX - 12];
    unsigned step = 0;

    for (; fabs(value) >= 999.5 && step + 1 < sizeof prefixes; step++)
        value /= 1000;
    put_value(digits, sizeof digits, fabs(value) < 1e6 ? value : 999999);
    snprintf(text, TH_SVG_NUMBER_MAX, "%s%s%.1s%s", digits, step || *unit ? SPACE : "",
             step ? &prefixes[step] : "", unit);
}

static void put_clock(char text[TH_SVG_NUMBER_MAX], double ms)
{
    unsigned long seconds = ms < 1e12 ? (unsigned long)(ms / 1000 + 0.5) : 999999999;

    snprintf(text, TH_SVG_NUMBER_MAX, "%lu:%02lu", seconds / 60, seconds % 60);
}

void th_svg_number(char text[TH_SVG_NUMBER_MAX], double value, enum th_svg_unit unit)
{
    char digits[TH_SVG_NUMBER_MAX - 4];

    switch (unit) {
    case TH_SVG_COUNT:
        if (fabs(value) < 9999.5 && value == floor(value))
            snprintf(text, TH_SVG_NUMBER_MAX, "%.0f", value);
        else
            put_scaled(text, value, "");
        break;
    case TH_SVG_PERCENT:
        put_value(digits, sizeof digits, value);
        snprintf(text, TH_SVG_NUMBER_MAX, "%s" SPACE "%%", digits);
        break;
    case TH_SVG_MS:
        if (fabs(value) >= 999.5)
            put_scaled(text, value / 1000, "s");
        else
            put_scaled(text, value, "ms");
        break;
    case TH_SVG_BYTES:
        put_scaled(text, value, "B");
        break;
    case TH_SVG_RATE:
        put_scaled(text, value, "B/s");
        break;
    case TH_SVG_CLOCK:
        put_clock(text, value);
        break;
    }
}

/* --- axes --- */

/* The least of 1, 2, 5 times a power of ten that is not below. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least)));

    for (unsigned i = 0; i < 3; i++) {
        double step = power * (double[]){1, 2, 5}[i];
        if (step >= least * (1 - 1e-9))
            return step;
    }
    return 10 * power;
}

static double clock_step(double least)
{
    static const double seconds[] = {1,   2,   5,   10,   15,   30,   60,   120,
                                     300, 600, 900, 1800, 3600, 7200, 14400};

    for (unsigned i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        if (1000 * seconds[i] >= least)
            return 1000 * seconds[i];
    return round_step(least);
}

double th_svg_round_up(double max)
{
    double step = max > 0 ? round_step(max / TICKS_Y) : 1;

    return max > 0 ? step * ceil(max / step * (1 - 1e-9)) : 1;
}

/* Where a value lies between the ends of its axis: 0 to 1. */
static double place(const struct th_svg_axis *axis, double value)
{
    double part = axis->is_growing ? log(value > axis->from ? value / axis->from : 1) /
                                         log(axis->to / axis->from)
                                   : (value - axis->from) / (axis->to - axis->from);

    return part < 0 ? 0 : part > 1 ? 1 : part;
}

static double x_of(const struct th_svg *svg, double value)
{
    return LEFT + place(&svg->x, value) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct th_svg *svg, double value)
{
    return svg->top + (1 - place(&svg->y, value)) * PLOT_HEIGHT;
}

static void put_tick(struct th_svg *svg, bool is_x, double value)
{
    const struct th_svg_axis *axis = is_x ? &svg->x : &svg->y;
    double middle = is_x && axis->is_of_steps ? 0.5 : 0;
    double bottom = svg->top + PLOT_HEIGHT;
    char text[TH_SVG_NUMBER_MAX];

    th_svg_number(text, value, axis->unit);
    if (is_x) {
        double x = x_of(svg, value + middle);
        fprintf(svg->out, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>", x, bottom);
        fprintf(svg->out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x,
                bottom + 16);
    } else {
        double y = y_of(svg, value);
        fprintf(svg->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        fprintf(svg->out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6,
                y + 4);
    }
    th_xml_text(svg->out, text);
    fputs("</text>\n", svg->out);
}

static void put_even_ticks(struct th_svg *svg, bool is_x)
{
    const struct th_svg_axis *axis = is_x ? &svg->x : &svg->y;
    double least = (axis->to - axis->from) / (is_x ? TICKS_X : TICKS_Y);
    double step = axis->unit == TH_SVG_CLOCK ? clock_step(least) : round_step(least);

    if (axis->is_of_steps && step < 1)
        step = 1;
    double end = axis->is_of_steps ? axis->to - 1 : axis->to;
    for (double i = ceil(axis->from / step - 1e-9) + 0.0; i * step <= end + step * 1e-9; i++)
        put_tick(svg, is_x, i * step);
}

/* Of each decade its beginning; below the chart also 2 and 5 when they are few. */
static void put_growing_ticks(struct th_svg *svg, bool is_x)
{
    const struct th_svg_axis *axis = is_x ? &svg->x : &svg->y;
    bool is_short = is_x && axis->to / axis->from < 2000;

    for (double decade = pow(10, floor(log10(axis->from))); decade <= axis->to; decade *= 10)
        for (unsigned i = 0; i < (is_short ? 3 : 1); i++) {
            double value = decade * (double[]){1, 2, 5}[i];
            if (value >= axis->from * (1 - 1e-9) && value <= axis->to * (1 + 1e-9))
                put_tick(svg, is_x, value);
        }
}

static void put_ticks(struct th_svg *svg, bool is_x)
{
    if ((is_x ? svg->x : svg->y).is_growing)
        put_growing_ticks(svg, is_x);
    else
        put_even_ticks(svg, is_x);
}

static void put_labels(struct th_svg *svg)
{
    if (svg->y.label) {
        fprintf(svg->out, "<text class=\"tick\" x=\"%d\" y=\"%d\">", LEFT - 6, ABOVE - 8);
        th_xml_text(svg->out, svg->y.label);
        fputs("</text>\n", svg->out);
    }
    if (svg->x.label) {
        fprintf(svg->out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                WIDTH - RIGHT, svg->top + PLOT_HEIGHT + BELOW - 6);
        th_xml_text(svg->out, svg->x.label);
        fputs("</text>\n", svg->out);
    }
}

void th_svg_begin(struct th_svg *svg)
{
    svg->top = ABOVE + svg->mark_rows * ROW;
    for (unsigned i = 0; i < TH_SVG_MARK_ROWS_MAX; i++)
        svg->row_end[i] = 0;
    fprintf(svg->out, "<svg class=\"chart\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"",
            WIDTH, svg->top + PLOT_HEIGHT + BELOW);
    th_xml_text(svg->out, svg->title);
    fputs("\">\n", svg->out);
    put_ticks(svg, false);
    put_ticks(svg, true);
    put_labels(svg);
}

/* --- what is on it --- */

static void put_tip(struct th_svg *svg, const char *tip)
{
    if (tip == NULL)
        return;
    fputs("<title>", svg->out);
    th_xml_text(svg->out, tip);
    fputs("</title>", svg->out);
}

static void put_box(struct th_svg *svg, const char *kind, double from, double to, double y,
                    const char *tip)
{
    double left = x_of(svg, from), top = y_of(svg, y);

    fprintf(svg->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
            kind, left, top, x_of(svg, to) - left, svg->top + PLOT_HEIGHT - top);
    put_tip(svg, tip);
    fputs("</rect>\n", svg->out);
}

void th_svg_bar(struct th_svg *svg, double from, double to, double y, const char *tip)
{
    double least = svg->y.from + (svg->y.to - svg->y.from) / PLOT_HEIGHT;

    /* What is there at all is seen. */
    put_box(svg, "bar", from, to, y > svg->y.from && y < least ? least : y, tip);
}

void th_svg_hover(struct th_svg *svg, double from, double to, const char *tip)
{
    put_box(svg, "hover", from, to, svg->y.to, tip);
}

void th_svg_line(struct th_svg *svg, unsigned kind, const struct th_svg_point *points,
                 unsigned count)
{
    bool is_on = false;

    fprintf(svg->out, "<path class=\"line-%u\" d=\"M%.1f %.1f", kind, x_of(svg, svg->x.from),
            y_of(svg, svg->y.from));
    for (unsigned i = 0; i < count; i++) {
        bool is_point = !isnan(points[i].y);
        if (is_point)
            fprintf(svg->out, "%c%.1f %.1f", is_on ? 'L' : 'M', x_of(svg, points[i].x),
                    y_of(svg, points[i].y));
        is_on = is_point;
    }
    fputs("\"/>\n", svg->out);
}

void th_svg_dot(struct th_svg *svg, double x, double y, bool is_bad, const char *tip)
{
    fprintf(svg->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\">",
            is_bad ? "bad" : "dot", x_of(svg, x), y_of(svg, y), is_bad ? "3.5" : "2");
    put_tip(svg, tip);
    fputs("</circle>\n", svg->out);
}

static double width_of(const char *words)
{
    unsigned letters = 0;

    for (; *words; words++)
        letters += (*words & 0xC0) != 0x80; /* a byte that begins one */
    return LETTER * letters;
}

/* In the lowest row that has room, beginning at the mark or ending with the chart. */
static void put_words(struct th_svg *svg, double x, const char *words)
{
    double width = width_of(words);
    double begin = x + width > WIDTH ? WIDTH - width : x;

    for (unsigned row = 0; row < svg->mark_rows; row++) {
        if (svg->row_end[row] > begin || begin < 0)
            continue;
        fprintf(svg->out, "<text class=\"mark-words\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                begin < x ? WIDTH : x, svg->top - 5 - row * ROW, begin < x ? "end" : "start");
        th_xml_text(svg->out, words);
        fputs("</text>\n", svg->out);
        svg->row_end[row] = begin + width + 2 * LETTER;
        return;
    }
}

void th_svg_mark(struct th_svg *svg, double from, double to, const char *words)
{
    double left = x_of(svg, from), top = svg->top - (svg->mark_rows ? 4 : 0);

    if (to > from)
        put_box(svg, "mark", from, to, svg->y.to, words);
    fprintf(svg->out, "<path class=\"mark-line\" d=\"M%.1f %.1fV%.1f\">", left, top,
            svg->top + PLOT_HEIGHT);
    put_tip(svg, words);
    fputs("</path>\n", svg->out);
    put_words(svg, left, words);
}

void th_svg_end(struct th_svg *svg)
{
    fprintf(svg->out, "<path class=\"axis\" d=\"M%d %.1fH%d\"/></svg>\n", LEFT,
            svg->top + PLOT_HEIGHT, WIDTH - RIGHT);
}

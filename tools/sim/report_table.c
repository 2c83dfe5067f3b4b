/* What results say in numbers and words. */
#include "tools/sim/report_inside.h"
#include "tools/sim/scenario.h"
#include "tools/cli/xml.h"

#include <string.h>

enum { VALUE_MAX = 64 };

/* --- rows --- */

static void put_head(const struct th_report *report, const char *first, FILE *out)
{
    fputs("<table>\n<thead><tr><th scope=\"col\">", out);
    th_xml_text(out, first);
    fputs("</th>", out);
    for (unsigned i = 0; i < report->count; i++) {
        fputs("<th scope=\"col\">", out);
        if (report->count > 1)
            fprintf(out, "<span class=\"nth\">%u</span> ", i + 1);
        th_xml_text(out, th_report_text(report->result[i], "scenario"));
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void begin_row(const char *name, FILE *out)
{
    fputs("<tr><th scope=\"row\">", out);
    th_xml_text(out, name);
    fputs("</th>", out);
}

static void put_end(FILE *out)
{
    fputs("</tbody></table>\n", out);
}

void th_report_whole(FILE *out, double value)
{
    char digits[VALUE_MAX];
    size_t len;

    snprintf(digits, sizeof digits, "%.0f", value);
    len = strlen(digits);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            fputc(',', out);
        fputc(digits[i], out);
    }
}

static void put_number(FILE *out, double value, enum th_svg_unit unit)
{
    char text[TH_SVG_NUMBER_MAX];

    th_svg_number(text, value, unit);
    th_xml_text(out, text);
}

/* --- what each run was --- */

enum form { TEXT, CODE, WHOLE, LENGTH, WALL, MEMORY };

static void put_cell(const json_t *result, const char *path, enum form form, FILE *out)
{
    const json_t *value = th_report_at(result, path);

    fputs("<td>", out);
    if (json_is_null(value)) {
        fputs("–", out);
    } else {
        switch (form) {
        case TEXT:
            th_xml_text(out, json_string_value(value));
            break;
        case CODE:
            fputs("<code>", out);
            th_xml_text(out, json_string_value(value));
            fputs("</code>", out);
            break;
        case WHOLE:
            th_report_whole(out, json_number_value(value));
            break;
        case LENGTH:
            put_number(out, json_number_value(value), TH_SVG_CLOCK);
            break;
        case WALL:
            put_number(out, json_number_value(value), TH_SVG_MS);
            break;
        case MEMORY:
            put_number(out, json_number_value(value), TH_SVG_BYTES);
            break;
        }
    }
    fputs("</td>", out);
}

/* The token says it in full, whatever numbers JSON can hold. */
static void put_seed(const json_t *result, FILE *out)
{
    const char *replay = th_report_text(result, "replay");
    const char *nodes = strchr(replay, '/'), *seed = nodes ? strchr(nodes + 1, '/') : NULL;
    char text[VALUE_MAX];

    snprintf(text, sizeof text, "%.*s", seed ? (int)strcspn(seed + 1, "/") : 0,
             seed ? seed + 1 : "");
    fputs("<td>", out);
    th_xml_text(out, text);
    fputs("</td>", out);
}

static void put_checks(const json_t *result, FILE *out)
{
    size_t failed = json_array_size(json_object_get(result, "checks_failed"));

    fprintf(out, "<td class=\"%s\">", failed ? "failed" : "passed");
    th_report_whole(out, th_report_number(result, "checks"));
    if (failed)
        fprintf(out, " made, <strong>%zu failed</strong></td>", failed);
    else
        fputs(" made, none failed</td>", out);
}

/* Of a scenario that this program knows. */
static void put_about(const json_t *result, FILE *out)
{
    const struct th_scenario *scenario = th_scenario_find(th_report_text(result, "scenario"));

    fputs("<td>", out);
    th_xml_text(out, scenario ? scenario->about : "–");
    fputs("</td>", out);
}

void th_report_summary(const struct th_report *report, FILE *out)
{
    static const struct {
        const char *name, *path;
        enum form form;
    } rows[] = {
        {"Nodes", "nodes", WHOLE},
        {"Virtual time", "virtual_ms", LENGTH},
        {"All ready at", "all_ready_ms", LENGTH},
        {"Events", "events", WHOLE},
        {"Real time", "wall_ms", WALL},
        {"Memory at most", "peak_bytes", MEMORY},
        {"Commit", "commit", CODE},
        {"To have it again", "replay", CODE},
        {"Hash of its trace", "trace_hash", CODE},
    };

    put_head(report, "Run", out);
    begin_row("What happens", out);
    for (unsigned i = 0; i < report->count; i++)
        put_about(report->result[i], out);
    fputs("</tr>\n", out);
    begin_row("Checks", out);
    for (unsigned i = 0; i < report->count; i++)
        put_checks(report->result[i], out);
    fputs("</tr>\n", out);
    begin_row("Random seed", out);
    for (unsigned i = 0; i < report->count; i++)
        put_seed(report->result[i], out);
    fputs("</tr>\n", out);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        begin_row(rows[row].name, out);
        for (unsigned i = 0; i < report->count; i++)
            put_cell(report->result[i], rows[row].path, rows[row].form, out);
        fputs("</tr>\n", out);
    }
    put_end(out);
}

/* --- figures and their goals --- */

static void put_figure(const json_t *figure, FILE *out)
{
    const json_t *goal = json_object_get(figure, "goal");

    if (figure == NULL) {
        fputs("<td>–</td>", out);
        return;
    }
    bool is_reached = json_is_true(json_object_get(figure, "reached"));
    fprintf(out, "<td class=\"%s\">%.6g",
            json_is_null(goal) ? ""
            : is_reached       ? "passed"
                               : "failed",
            th_report_number(figure, "value"));
    if (!json_is_null(goal)) {
        fputs(" <small>(", out);
        th_xml_text(out, th_report_text(figure, "goal_is"));
        fprintf(out, " %.6g: %s)</small>", json_number_value(goal),
                is_reached ? "reached" : "<strong>missed</strong>");
    }
    fputs("</td>", out);
}

/* Whether one of the results before has told of it. */
static bool was_told(const struct th_report *report, unsigned before, const char *member,
                     const char *name)
{
    for (unsigned i = 0; i < before; i++)
        if (json_object_get(json_object_get(report->result[i], member), name))
            return true;
    return false;
}

/* A row for each name that any result has in a member of it. put: value may be NULL. */
static void put_named(const struct th_report *report, const char *member,
                      void (*put)(const json_t *value, FILE *out), FILE *out)
{
    const char *name;
    json_t *value;

    for (unsigned i = 0; i < report->count; i++)
        json_object_foreach(json_object_get(report->result[i], member), name, value)
        {
            if (was_told(report, i, member, name))
                continue;
            begin_row(name, out);
            for (unsigned r = 0; r < report->count; r++)
                put(json_object_get(json_object_get(report->result[r], member), name), out);
            fputs("</tr>\n", out);
        }
}

static void put_mean(const struct th_report *report, const char *name, const char *mean,
                     const char *p99, FILE *out)
{
    begin_row(name, out);
    for (unsigned i = 0; i < report->count; i++) {
        const json_t *value = th_report_at(report->result[i], mean);
        if (json_is_null(value))
            fputs("<td>–</td>", out);
        else
            fprintf(out, "<td>%.2f <small>(99 %% within %.0f)</small></td>",
                    json_number_value(value), th_report_number(report->result[i], p99));
    }
    fputs("</tr>\n", out);
}

void th_report_figures(const struct th_report *report, FILE *out)
{
    put_head(report, "Figure", out);
    put_named(report, "figures", put_figure, out);
    begin_row("lookups at the end", out);
    for (unsigned i = 0; i < report->count; i++) {
        fputs("<td>", out);
        th_report_whole(out, th_report_number(report->result[i], "lookups.found"));
        fputs(" <small>of ", out);
        th_report_whole(out, th_report_number(report->result[i], "lookups.sent") -
                                 th_report_number(report->result[i], "lookups.lost"));
        fputs(" found</small></td>", out);
    }
    fputs("</tr>\n", out);
    put_mean(report, "hops of a lookup", "lookups.hops_mean", "lookups.hops_p99", out);
    put_mean(report, "nodes asked by a lookup", "lookups.asked_mean", "lookups.asked_p99", out);
    put_end(out);
}

/* --- what was dropped --- */

static void put_drop(const json_t *drop, FILE *out)
{
    if (drop == NULL) {
        fputs("<td>–</td>", out);
        return;
    }
    fputs("<td>", out);
    th_report_whole(out, th_report_number(drop, "count"));
    fputs(" <small>of ", out);
    th_report_whole(out, th_report_number(drop, "nodes"));
    fputs(" nodes, ", out);
    th_report_whole(out, th_report_number(drop, "most"));
    fputs(" of ", out);
    th_xml_text(out, th_report_text(drop, "at"));
    fputs("</small></td>", out);
}

void th_report_drops(const struct th_report *report, FILE *out)
{
    put_head(report, "Reason", out);
    put_named(report, "drops", put_drop, out);
    put_end(out);
}

/* --- messages --- */

/* A number with its part of the whole as a bar. */
static void put_share(double value, double whole, const char *more, FILE *out)
{
    double percent = whole > 0 ? 100 * value / whole : 0;

    fputs("<td>", out);
    th_report_whole(out, value);
    fprintf(out, " <small>%.1f %%%s</small>", percent, more);
    fprintf(out,
            "<svg class=\"share\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" "
            "aria-hidden=\"true\"><rect class=\"bar\" width=\"%.2f\" height=\"4\"/></svg></td>",
            percent > 100 ? 100 : percent);
}

static double count_in(const json_t *value)
{
    return json_is_object(value) ? th_report_number(value, "count") : json_number_value(value);
}

static double all_in(const json_t *kinds)
{
    const char *name;
    json_t *value;
    double all = 0;

    json_object_foreach((json_t *)kinds, name, value) all += count_in(value);
    return all;
}

/* A row for each kind that the first result knows and any has. */
static void put_kinds(const struct th_report *report, const char *path, const char *title,
                      FILE *out)
{
    const char *name;
    json_t *first;

    put_head(report, title, out);
    json_object_foreach(th_report_at(report->result[0], path), name, first)
    {
        double any = 0;
        for (unsigned i = 0; i < report->count; i++)
            any += count_in(json_object_get(th_report_at(report->result[i], path), name));
        if (any == 0)
            continue;
        begin_row(name, out);
        for (unsigned i = 0; i < report->count; i++) {
            const json_t *kinds = th_report_at(report->result[i], path);
            const json_t *value = json_object_get(kinds, name);
            char bytes[TH_SVG_NUMBER_MAX] = "", more[VALUE_MAX] = "";
            if (json_is_object(value)) {
                th_svg_number(bytes, th_report_number(value, "bytes"), TH_SVG_BYTES);
                snprintf(more, sizeof more, ", %s", bytes);
            }
            put_share(count_in(value), all_in(kinds), more, out);
        }
        fputs("</tr>\n", out);
    }
    put_end(out);
}

void th_report_messages(const struct th_report *report, FILE *out)
{
    put_kinds(report, "messages.datagrams", "Datagrams sent", out);
    put_kinds(report, "messages.ends", "How datagrams ended", out);
    put_kinds(report, "messages.channel_packets", "Channel packets handled by servers", out);
}

/* --- words --- */

void th_report_failures(const struct th_report *report, FILE *out)
{
    for (unsigned r = 0; r < report->count; r++) {
        const json_t *failed = json_object_get(report->result[r], "checks_failed");
        if (json_array_size(failed) == 0)
            continue;
        fputs("<div class=\"failures\"><h3>Checks that failed in ", out);
        th_xml_text(out, th_report_text(report->result[r], "replay"));
        fputs("</h3>\n<ul>\n", out);
        for (size_t i = 0; i < json_array_size(failed); i++) {
            const json_t *failure = json_array_get(failed, i);
            fputs("<li><strong>", out);
            th_xml_text(out, th_report_text(failure, "check"));
            fputs("</strong>: ", out);
            th_xml_text(out, th_report_text(failure, "what"));
            fputs("</li>\n", out);
        }
        fputs("</ul></div>\n", out);
    }
}

#include "tools/sim/report_inside.h"
#include "tools/cli/xml.h"

#include "switch/base/mem.h"

struct th_report *th_report_new(void)
{
    struct th_report *report = th_mem_zalloc(1, sizeof *report);

    TH_CHECK(report != NULL);
    return report;
}

void th_report_free(struct th_report *report)
{
    for (unsigned i = 0; i < report->count; i++)
        json_decref(report->result[i]);
    th_mem_free(report);
}

/* --- figures --- */

typedef void (*draw_fn)(const struct th_report *report, unsigned i, FILE *out);

/* Of one chart, for one result. */
static void begin_figure(const struct th_report *report, unsigned i, const char *title, FILE *out)
{
    fputs("<figure><figcaption><h3>", out);
    th_xml_text(out, title);
    if (report->count > 1) {
        fprintf(out, " <span class=\"nth\">%u</span> ", i + 1);
        th_xml_text(out, th_report_text(report->result[i], "scenario"));
    }
    fputs("</h3></figcaption>", out);
}

/* All charts of a section side by side for one result; for several, each chart with its others. */
static void begin_charts(bool is_first, const struct th_report *report, FILE *out)
{
    if (is_first || report->count > 1)
        fputs("<div class=\"charts\">\n", out);
}

static void end_charts(bool is_last, const struct th_report *report, FILE *out)
{
    if (is_last || report->count > 1)
        fputs("</div>\n", out);
}

static void put_drawn(const struct th_report *report, const char *title, draw_fn draw, FILE *out)
{
    for (unsigned i = 0; i < report->count; i++) {
        begin_figure(report, i, title, out);
        draw(report, i, out);
        fputs("</figure>\n", out);
    }
}

static void put_histogram(const struct th_report *report, const struct th_report_histogram *chart,
                          FILE *out)
{
    for (unsigned i = 0; i < report->count; i++) {
        begin_figure(report, i, chart->title, out);
        th_report_histogram(report, i, chart, out);
        fputs("</figure>\n", out);
    }
}

/* --- sections --- */

static void begin_section(const char *title, FILE *out)
{
    fprintf(out, "<section>\n<h2>%s</h2>\n", title);
}

static void put_time(const struct th_report *report, FILE *out)
{
    static const struct {
        const char *title;
        draw_fn draw;
    } charts[] = {{"Lookups that found their target", th_report_success},
                  {"Nodes", th_report_nodes},
                  {"Traffic", th_report_rate}};
    enum { CHARTS = sizeof charts / sizeof charts[0] };

    begin_section("In the course of time", out);
    for (unsigned c = 0; c < CHARTS; c++) {
        begin_charts(c == 0, report, out);
        put_drawn(report, charts[c].title, charts[c].draw, out);
        end_charts(c + 1 == CHARTS, report, out);
    }
    fputs("</section>\n", out);
}

static void put_lookups(const struct th_report *report, FILE *out)
{
    static const struct th_report_histogram charts[] = {
        {"hops", "Hops", "answers, one after the other, until one told of the target", "lookups",
         TH_SVG_COUNT, NULL, NULL},
        {"asked", "Nodes asked", "nodes asked by a lookup", "lookups", TH_SVG_COUNT, NULL, NULL},
        {"took_ms", "Time to find", "until told of the target, with handshakes", "lookups",
         TH_SVG_MS, "lookups.time_ms_p50", "lookups.time_ms_p95"},
        {"seek_ms", "Time to find without handshakes", "round trips of the hops alone", "lookups",
         TH_SVG_MS, "lookups.seek_ms_p50", "lookups.seek_ms_p95"},
        {"reach_ms", "Time to reach", "until a line to the target was up", "lookups that went on",
         TH_SVG_MS, "lookups.reach_ms_p50", "lookups.reach_ms_p95"},
    };
    enum { CHARTS = sizeof charts / sizeof charts[0] };

    begin_section("Lookups at the end", out);
    fputs(
        "<p class=\"about\">Those that the scenario makes last. Lookups made while something went "
        "wrong are counted above only.</p>\n",
        out);
    for (unsigned c = 0; c < CHARTS; c++) {
        begin_charts(c == 0, report, out);
        put_histogram(report, &charts[c], out);
        end_charts(c + 1 == CHARTS, report, out);
    }
    fputs("</section>\n", out);
}

static void put_tables_fill(const struct th_report *report, FILE *out)
{
    static const struct th_report_histogram per_node = {
        "links_per_node", "Links of a node", "links at the end", "nodes", TH_SVG_COUNT, NULL, NULL};

    begin_section("How full the tables are", out);
    begin_charts(true, report, out);
    put_histogram(report, &per_node, out);
    end_charts(false, report, out);
    begin_charts(false, report, out);
    put_drawn(report, "Links by bucket", th_report_buckets, out);
    end_charts(true, report, out);
    fputs("</section>\n", out);
}

static void put_traffic(const struct th_report *report, FILE *out)
{
    static const struct th_report_histogram charts[] = {
        {"tx_bytes_per_node", "Sent by a node", "in the whole run", "nodes", TH_SVG_BYTES, NULL,
         NULL},
        {"rx_bytes_per_node", "Received by a node", "in the whole run", "nodes", TH_SVG_BYTES, NULL,
         NULL},
    };

    begin_section("Traffic of each node", out);
    begin_charts(true, report, out);
    put_histogram(report, &charts[0], out);
    end_charts(false, report, out);
    begin_charts(false, report, out);
    put_histogram(report, &charts[1], out);
    end_charts(true, report, out);
    fputs("</section>\n", out);
}

static void put_table(const struct th_report *report, const char *title,
                      void (*put)(const struct th_report *report, FILE *out), FILE *out)
{
    begin_section(title, out);
    fputs("<div class=\"wide\">", out);
    put(report, out);
    fputs("</div>\n</section>\n", out);
}

void th_report_write(const struct th_report *report, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
          out);
    for (unsigned i = 0; i < report->count; i++) {
        fputs(i ? ", " : "", out);
        th_xml_text(out, th_report_text(report->result[i], "scenario"));
    }
    fprintf(out, " – thsim report</title>\n<style>\n%s</style>\n</head>\n<body>\n",
            th_report_style);
    fputs(
        "<header><h1>A simulated telehash mesh <small>thsim report</small></h1></header>\n<main>\n",
        out);
    put_table(report, report->count > 1 ? "Runs" : "Run", th_report_summary, out);
    th_report_failures(report, out);
    put_table(report, "Figures and their goals", th_report_figures, out);
    put_time(report, out);
    put_lookups(report, out);
    put_tables_fill(report, out);
    put_table(report, "Messages by type", th_report_messages, out);
    put_table(report, "What nodes dropped, by reason", th_report_drops, out);
    put_traffic(report, out);
    fputs("</main>\n</body>\n</html>\n", out);
}

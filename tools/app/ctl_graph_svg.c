/*
 * The graph as a picture: we in the middle, our peers around us in the order of their hashnames, others
 * farther out.
 */
#include "tools/app/ctl_graph.h"

#include "tools/cli/xml.h"

#include "switch/base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { RING_MIN = 150, APART = 84, MARGIN = 90, NODE = 7 };

#define TURN 6.283185307179586

struct spot {
    const json_t *node;
    const char *hex;
    double x, y;
};

struct picture {
    FILE *out;
    const json_t *graph;
    unsigned count, digits;
    struct spot *spot; /* us first, then by hashname */
    double size;
};

static const char *text_in(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "";
}

/* --- places --------------------------------------------------------------------------------------- */

static bool is_kind(const struct spot *spot, const char *kind)
{
    return strcmp(text_in(spot->node, "kind"), kind) == 0;
}

static int by_hashname(const void *a, const void *b)
{
    return strcmp(((const struct spot *)a)->hex, ((const struct spot *)b)->hex);
}

/* Who has a line with us stands near us, also when it is sought. */
static bool is_near(const struct spot *spot)
{
    return is_kind(spot, "peer") || json_is_true(json_object_get(spot->node, "line"));
}

/* On a circle, those of one sort; the outer ones between the inner. */
static void place(struct picture *p, bool near, double radius, double turned)
{
    unsigned many = 0, at = 0;

    for (unsigned i = 0; i < p->count; i++)
        many += !is_kind(&p->spot[i], "us") && is_near(&p->spot[i]) == near;
    for (unsigned i = 0; i < p->count; i++) {
        struct spot *spot = &p->spot[i];

        if (is_kind(spot, "us") || is_near(spot) != near)
            continue;
        double angle = TURN * (at++ + turned) / many - TURN / 4;

        spot->x = p->size / 2 + radius * cos(angle);
        spot->y = p->size / 2 + radius * sin(angle);
    }
}

static bool lay_out(struct picture *p)
{
    const json_t *nodes = json_object_get(p->graph, "nodes"), *node;
    unsigned others = 0;
    size_t i;

    p->count = (unsigned)json_array_size(nodes);
    p->digits = th_graph_digits(p->graph);
    p->spot = th_mem_zalloc(p->count + 1, sizeof *p->spot);
    if (p->spot == NULL)
        return false;
    json_array_foreach(nodes, i, node)
    {
        p->spot[i] = (struct spot){.node = node, .hex = text_in(node, "hashname")};
        others += !is_near(&p->spot[i]);
    }
    qsort(p->spot, p->count, sizeof *p->spot, by_hashname);
    double inner = fmax(RING_MIN, (p->count - others) * APART / TURN);
    double outer = fmax(inner + APART, others * APART / TURN);

    p->size = 2 * ((others > 1 ? outer : inner) + MARGIN);
    for (unsigned k = 0; k < p->count; k++)
        p->spot[k].x = p->spot[k].y = p->size / 2;
    place(p, true, inner, 0);
    place(p, false, outer, 0.5);
    return true;
}

static const struct spot *spot_of(const struct picture *p, const char *hex)
{
    for (unsigned i = 0; i < p->count; i++)
        if (strcmp(p->spot[i].hex, hex) == 0)
            return &p->spot[i];
    return NULL;
}

/* --- drawing -------------------------------------------------------------------------------------- */

static const char style[] =
    ".page{fill:var(--paper)}"
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1c2430;--soft:#5b6675;--one:#2266bb;"
    "--two:#c9782b;--good:#1d7a46}"
    "@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e4e8ed;--soft:#9aa5b3;"
    "--one:#6aa5ee;--two:#e0a063;--good:#5cc48a}}"
    "text{font:12px ui-monospace,monospace;fill:var(--ink);text-anchor:middle;"
    "paint-order:stroke;stroke:var(--paper);stroke-width:3px}"
    ".rtt{font-size:10px;fill:var(--soft)}"
    ".edge{fill:none;stroke:var(--soft);stroke-width:1.4}"
    ".link{stroke:var(--good)}.line{stroke-dasharray:6 4}.via{stroke:var(--two);"
    "stroke-dasharray:2 4}.told{stroke:var(--one);stroke-dasharray:2 4}"
    ".node{fill:var(--paper);stroke:var(--soft);stroke-width:2}"
    ".us{fill:var(--good);stroke:var(--good)}.peer{fill:var(--soft)}.seed{stroke:var(--good)}"
    ".target{fill:var(--one);stroke:var(--one)}";

/* What is told of who it came from is drawn as a bow, beside the link that may be there too. */
static void draw_edge(const struct picture *p, const json_t *edge)
{
    const struct spot *from = spot_of(p, text_in(edge, "from"));
    const struct spot *to = spot_of(p, text_in(edge, "to"));
    const json_t *rtt = json_object_get(edge, "rtt_ms");
    const char *kind = text_in(edge, "kind");
    bool is_bow = strcmp(kind, "told") == 0 || strcmp(kind, "via") == 0;

    if (from == NULL || to == NULL)
        return;
    double dx = to->x - from->x, dy = to->y - from->y;
    double x = (from->x + to->x) / 2 - (is_bow ? dy / 6 : 0);
    double y = (from->y + to->y) / 2 + (is_bow ? dx / 6 : 0);

    fprintf(p->out, "<path class=\"edge %s\" d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\"", kind, from->x,
            from->y, x, y, to->x, to->y);
    if (!json_is_null(rtt) || is_bow)
        fputs(" marker-end=\"url(#arrow)\"", p->out);
    fputs("/>\n", p->out);
    if (json_is_integer(rtt) && !is_bow)
        fprintf(p->out, "<text class=\"rtt\" x=\"%.1f\" y=\"%.1f\">%lld ms</text>\n", x, y - 3,
                (long long)json_integer_value(rtt));
}

static void draw_node(const struct picture *p, const struct spot *spot)
{
    const char *path = text_in(spot->node, "path"), *kind = text_in(spot->node, "kind");
    bool is_seed = json_is_true(json_object_get(spot->node, "seed"));

    fputs("<g><title>", p->out);
    th_xml_text(p->out, spot->hex);
    if (path[0]) {
        fputc(' ', p->out);
        th_xml_text(p->out, path);
    }
    fprintf(p->out,
            "</title><circle class=\"node %s%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/><text "
            "x=\"%.1f\" y=\"%.1f\">%.*s%s</text></g>\n",
            kind, is_seed ? " seed" : "", spot->x, spot->y,
            strcmp(kind, "us") == 0 ? NODE + 3 : NODE, spot->x, spot->y + NODE + 16, (int)p->digits,
            spot->hex, strcmp(kind, "us") == 0 ? " (us)" : "");
}

void th_graph_write_svg(FILE *out, const json_t *graph)
{
    struct picture p = {.out = out, .graph = graph};
    const json_t *edge;
    size_t i;

    if (!lay_out(&p))
        return;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
            "aria-label=\"the neighbourhood of a node\">\n<style>%s</style>\n"
            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"14\" refY=\"4\" "
            "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
            "fill=\"var(--soft)\"/></marker></defs>\n"
            "<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n",
            p.size, p.size, style);
    json_array_foreach(json_object_get(graph, "edges"), i, edge) draw_edge(&p, edge);
    for (unsigned k = 0; k < p.count; k++)
        draw_node(&p, &p.spot[k]);
    fputs("</svg>\n", out);
    th_mem_free(p.spot);
}

void th_graph_write_html(FILE *out, const json_t *graph)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          out);
    th_xml_text(out, text_in(graph, "us"));
    fputs("</title>\n<style>body{margin:0;background:var(--paper);color:var(--ink);"
          "font:15px/1.5 system-ui,sans-serif}main{max-width:60rem;margin:auto;padding:1rem}"
          "h1{font:600 1rem ui-monospace,monospace;overflow-wrap:anywhere}p{color:var(--soft)}"
          "svg{width:100%;height:auto}</style></head>\n<body><main><h1>",
          out);
    th_xml_text(out, text_in(graph, "us"));
    fputs("</h1>\n", out);
    th_graph_write_svg(out, graph);
    fputs(
        "<p>Whole lines are links, from who opened them, with their round trip; broken ones "
        "lines without a link. Dotted: through whom a line goes, and who told of whom. A dot "
        "with a green edge is a seed. Hashnames in full on hovering.</p>\n</main></body></html>\n",
        out);
}

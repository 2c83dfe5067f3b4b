#include "tools/app/ctl_graph.h"

#include "tools/app/ctl_picture.h"

#include "switch/base/mem.h"
#include "switch/wire/hashname.h"

#include <string.h>

enum { SEEK_MS = 15000 };

/* --- making it ------------------------------------------------------------------------------------ */

static const char *text_in(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static json_t *find_node(const json_t *graph, const char *hex)
{
    json_t *node;
    size_t i;

    json_array_foreach(json_object_get(graph, "nodes"), i, node)
    {
        if (strcmp(text_in(node, "hashname"), hex) == 0)
            return node;
    }
    return NULL;
}

/* Copies what is there; null for what is not. */
static void copy(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    json_object_set_new(to, key, value ? json_deep_copy(value) : json_null());
}

/* Adds a node unless it is there. row: what is known of it; may be NULL. */
static void add_node(json_t *graph, const char *hex, const char *kind, const json_t *row)
{
    static const char *const keys[] = {"link", "line", "seed", "rtt_ms", "path"};
    json_t *node;

    if (hex == NULL || find_node(graph, hex))
        return;
    node = json_pack("{s:s, s:s}", "hashname", hex, "kind", kind);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        copy(node, row, keys[i]);
    json_array_append_new(json_object_get(graph, "nodes"), node);
}

static void add_edge(json_t *graph, const char *from, const char *to, const char *kind,
                     const json_t *row)
{
    json_t *edge;

    if (from == NULL || to == NULL || strcmp(from, to) == 0)
        return;
    edge = json_pack("{s:s, s:s, s:s}", "from", from, "to", to, "kind", kind);
    copy(edge, row, "rtt_ms");
    json_array_append_new(json_object_get(graph, "edges"), edge);
}

/* Behind "relay:" and "bridge:"; NULL: it goes through nobody, or a bridge of which only the address is known. */
static const char *middle_of(const json_t *peer)
{
    const char *path = text_in(peer, "path");
    const char *middle = NULL;

    if (path && strncmp(path, "relay:", 6) == 0)
        middle = path + 6;
    else if (path && strncmp(path, "bridge:", 7) == 0)
        middle = path + 7;
    return middle && strchr(middle, ':') == NULL ? middle : NULL;
}

static void add_peer(json_t *graph, const char *us, const json_t *peer)
{
    const char *hex = text_in(peer, "hashname"), *direction = text_in(peer, "direction");
    bool is_theirs = direction && strcmp(direction, "in") == 0;
    bool is_linked = json_is_true(json_object_get(peer, "link"));

    add_edge(graph, is_linked && is_theirs ? hex : us, is_linked && is_theirs ? us : hex,
             is_linked ? "link" : "line", peer);
}

static void add_seek(json_t *graph, const char *us, const json_t *seek)
{
    const char *target = text_in(seek, "target"), *told_by = text_in(seek, "told_by");
    const json_t *step;
    size_t i;

    json_array_foreach(json_object_get(seek, "steps"), i, step)
    {
        const char *via = text_in(step, "via"), *asked = text_in(step, "asked");

        add_node(graph, via, "other", NULL);
        add_node(graph, asked, "other", NULL);
        if (via)
            add_edge(graph, via, asked, "told", step);
    }
    add_node(graph, target, "target", NULL);
    json_object_set_new(find_node(graph, target), "kind",
                        json_string(strcmp(target, us) == 0 ? "us" : "target"));
    add_edge(graph, told_by, target, "told", NULL);
}

json_t *th_graph_of(const json_t *status, const json_t *peers, const json_t *seek)
{
    const char *us = text_in(status, "hashname");
    json_t *graph = json_pack("{s:s, s:[], s:[]}", "us", us ? us : "?", "nodes", "edges");
    const json_t *peer;
    size_t i;

    if (us == NULL)
        return graph;
    add_node(graph, us, "us", NULL);
    json_array_foreach(peers, i, peer) add_node(graph, text_in(peer, "hashname"), "peer", peer);
    json_array_foreach(peers, i, peer)
    {
        const char *middle = middle_of(peer);

        add_peer(graph, us, peer);
        add_node(graph, middle, "other", NULL);
        if (middle)
            add_edge(graph, middle, text_in(peer, "hashname"), "via", NULL);
    }
    if (text_in(seek, "target"))
        add_seek(graph, us, seek);
    return graph;
}

unsigned th_graph_digits(const json_t *graph)
{
    const json_t *nodes = json_object_get(graph, "nodes");
    size_t count = json_array_size(nodes);
    const char **hex = th_mem_zalloc(count + 1, sizeof *hex);
    unsigned digits = TH_HASHNAME_HEX;

    for (size_t i = 0; hex && i < count; i++)
        hex[i] = text_in(json_array_get(nodes, i), "hashname");
    if (hex)
        digits = th_hex_digits(hex, (unsigned)count);
    th_mem_free(hex);
    return digits;
}

/* --- DOT ------------------------------------------------------------------------------------------ */

static void write_dot_node(FILE *out, const json_t *node, unsigned digits)
{
    static const struct {
        const char *kind, *look;
    } looks[] = {{"us", "shape=doublecircle"},
                 {"peer", "shape=ellipse"},
                 {"other", "shape=ellipse, style=dashed"},
                 {"target", "shape=box, style=bold"}};
    const char *hex = text_in(node, "hashname"), *kind = text_in(node, "kind");
    const char *look = looks[2].look;

    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        if (strcmp(looks[i].kind, kind) == 0)
            look = looks[i].look;
    fprintf(out, "  \"%s\" [label=\"%.*s%s%s\", %s];\n", hex, (int)digits, hex,
            strcmp(kind, "us") == 0 ? "\\nus" : "",
            json_is_true(json_object_get(node, "seed")) ? "\\nseed" : "", look);
}

static void write_dot_edge(FILE *out, const json_t *edge)
{
    static const struct {
        const char *kind, *look;
    } looks[] = {{"link", "style=solid"},
                 {"line", "style=dashed, dir=none"},
                 {"via", "style=dotted"},
                 {"told", "style=dotted, color=blue"}};
    const json_t *rtt = json_object_get(edge, "rtt_ms");
    const char *kind = text_in(edge, "kind");
    const char *look = looks[0].look;

    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        if (strcmp(looks[i].kind, kind) == 0)
            look = looks[i].look;
    fprintf(out, "  \"%s\" -> \"%s\" [%s", text_in(edge, "from"), text_in(edge, "to"), look);
    if (json_is_integer(rtt))
        fprintf(out, ", label=\"%lld ms\"", (long long)json_integer_value(rtt));
    fputs("];\n", out);
}

void th_graph_write_dot(FILE *out, const json_t *graph)
{
    unsigned digits = th_graph_digits(graph);
    const json_t *row;
    size_t i;

    fputs("digraph telehash {\n"
          "  graph [layout=neato, overlap=false, splines=true];\n"
          "  node [fontname=monospace];\n"
          "  edge [fontname=\"sans-serif\", fontsize=10];\n",
          out);
    json_array_foreach(json_object_get(graph, "nodes"), i, row) write_dot_node(out, row, digits);
    json_array_foreach(json_object_get(graph, "edges"), i, row) write_dot_edge(out, row);
    fputs("}\n", out);
}

/* --- the command ---------------------------------------------------------------------------------- */

static void draw(const struct th_ctl_run *run, const json_t *graph)
{
    if (th_ctl_print_json(run, graph))
        return;
    if (run->args->is_html)
        th_graph_write_html(run->style->out, graph);
    else if (run->args->is_svg)
        th_graph_write_svg(run->style->out, graph);
    else
        th_graph_write_dot(run->style->out, graph);
}

int th_ctl_graph(const struct th_ctl_run *run, const char *hashname, char say[TH_SAY_MAX])
{
    json_t *status = NULL, *peers = NULL, *seek = NULL, *graph;
    int code = 0;

    if (hashname)
        code = th_ctl_ask_long(run, "seek", json_pack("{s:s}", "hashname", hashname), SEEK_MS,
                               &seek, say);
    if (code == 0)
        code = th_ctl_ask(run, "status", NULL, run->args->timeout_ms, &status, say);
    if (code == 0)
        code = th_ctl_ask(run, "peers", NULL, run->args->timeout_ms, &peers, say);
    if (code == 0) {
        graph = th_graph_of(status, peers, seek);
        draw(run, graph);
        json_decref(graph);
    }
    json_decref(status);
    json_decref(peers);
    json_decref(seek);
    return code;
}

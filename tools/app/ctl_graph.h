/*
 * ctl_graph.h - the neighbourhood of a node as a graph: what it is made of, and how it is drawn.
 *
 *     {"us", "nodes": [{"hashname", "kind", "link", "line", "seed", "rtt_ms", "path"}],
 *      "edges": [{"from", "to", "kind", "rtt_ms"}]}
 *
 * A node's kind is us, peer, other (a line goes through it, or it was asked) or target (it is sought). An
 * edge is a link (from who opened it), a line, via (what goes through the first reaches the second) or
 * told (the first told of the second).
 *
 * Floor:  7 (app); pure.
 * Thread: any.
 */
#ifndef TH_APP_CTL_GRAPH_H
#define TH_APP_CTL_GRAPH_H

#include <jansson.h>
#include <stdio.h>

/* Makes it of what the methods of these names said; seek NULL: nothing was sought. */
json_t *th_graph_of(const json_t *status, const json_t *peers, const json_t *seek);

void th_graph_write_dot(FILE *out, const json_t *graph);

/* One picture that needs nothing else, light and dark. */
void th_graph_write_svg(FILE *out, const json_t *graph);

/* A page with it and what the signs mean. */
void th_graph_write_html(FILE *out, const json_t *graph);

/* A label of a node: enough digits of its hashname to tell all apart. */
unsigned th_graph_digits(const json_t *graph);

#endif
